"""What providers answer to thinking in a dialect that is not theirs, as the catalogue of wire quirks has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers

_EFFORTS = {
    "kimi-k3": ("low", "high", "max"),
    "k3": ("low", "high", "max"),
    "glm-5.2": ("high", "max"),
    "glm-5.3": ("low", "high", "max"),
    "grok-4.6": ("low", "medium", "high", "xhigh"),
    "grok-4.3": ("none", "low", "medium", "high"),
    "grok-3-mini": ("low", "medium", "high"),
    "gpt-5.6": ("none", "low", "medium", "high", "xhigh", "max"),
}
"""The levels that each model takes."""

_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def thinking_xor_effort(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if body.get("thinking") is not None and body.get("reasoning_effort") is not None:
        return 400, "cannot specify both 'thinking' and 'reasoning_effort'"
    return None


def thinking_dialect(body: dict[str, Any], headers: Headers) -> tuple[int, str] | None:
    model = str(body.get("model"))
    template = body.get("chat_template_kwargs")
    said = {name for name in ("thinking", "enable_thinking", "reasoning_effort") if body.get(name) is not None}
    if isinstance(template, dict) and {"thinking", "enable_thinking"} & set(template):
        said.add("chat_template_kwargs")
    if model.startswith("qwen") or "dashscope" in (headers.get("host") or ""):
        said -= {"enable_thinking"}
    elif model.startswith("glm-4"):
        said -= {"thinking"}
    elif model.startswith(("glm-5.2", "deepseek-", "kimi-", "k3")):
        said -= {"thinking", "reasoning_effort"}
    elif model.startswith("grok-4-1-fast"):
        said &= {"reasoning_effort"}
        return (400, f"Model {model} does not support parameter reasoningEffort.") if said else None
    elif model.startswith("minimax-m3"):
        said = {"reasoning_split"} & set(body)
    else:
        said = set()
    return (400, f"unsupported parameter: {min(said)}") if said else None


def effort_enum(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    taken = _EFFORTS.get(str(body.get("model")))
    reasoning = body.get("reasoning")
    level = body.get("reasoning_effort")
    if "input" in body:
        level = reasoning.get("effort") if isinstance(reasoning, dict) else None
    if taken is None or level not in _LEVELS or level in taken:
        return None
    return 400, f"Unsupported value: '{level}' is not supported with this model. Supported values are: {taken}."


def thinking_needs_stream(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if body.get("stream") is not True and body.get("enable_thinking") is not False:
        return 400, "parameter.enable_thinking must be set to false for non-streaming calls"
    return None


def thinking_adaptive(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind == "adaptive":
        return 400, (
            "thinking: Input tag 'adaptive' found using 'type' does not match expected tags: 'enabled', 'disabled'"
        )
    if kind == "enabled" and isinstance(thinking, dict):
        budget, limit = thinking.get("budget_tokens"), body.get("max_tokens")
        if isinstance(budget, int) and budget < 1024:
            return 400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        if isinstance(budget, int) and isinstance(limit, int) and budget >= limit:
            return 400, "`max_tokens` must be greater than `thinking.budget_tokens`."
    return None


REFUSALS: dict[str, Refusal] = {
    "thinking-xor-effort": thinking_xor_effort,
    "thinking-dialect": thinking_dialect,
    "effort-enum": effort_enum,
    "thinking-needs-stream": thinking_needs_stream,
    "thinking-adaptive": thinking_adaptive,
}
