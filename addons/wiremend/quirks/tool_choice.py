"""How a client makes a model call a tool, and who takes it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_ALWAYS_THINKS: Final = ("kimi-k2.7-code*", "kimi-k2-thinking*", "kimi-k3*", "k3", "k3-*")
_THINKS_IF_ASKED: Final = ("qwen*",)
_BUT_BY_ITSELF: Final = ("qwen3.5*",)

_OTHER_SERVERS: Final = (8000, 8080, 30000)
"""Ports of this machine at which vLLM, llama.cpp and SGLang answer, and not LM Studio."""


def _is(model: str | None, globs: tuple[str, ...]) -> bool:
    name = (model or "").lower().rpartition("/")[2]
    return any(fnmatchcase(name, glob) for glob in globs)


def _forces(choice: object) -> bool:
    """Tell whether a choice leaves the model no way around a tool."""
    if not isinstance(choice, dict):
        return choice in ("required", "any")
    allowed = choice.get("allowed_tools")
    lenient = isinstance(allowed, dict) and allowed.get("mode") == "auto"
    return choice.get("type") not in ("auto", "none") and not lenient


def _thinks(body: dict[str, Any], model: str | None) -> bool:
    """Tell whether the model thinks on this request: as the body says, else as the model does by itself."""
    if _is(model, _ALWAYS_THINKS):
        return True
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and isinstance(thinking.get("type"), str):
        return bool(thinking["type"] != "disabled")
    if isinstance(body.get("enable_thinking"), bool):
        return bool(body["enable_thinking"])
    return not _is(model, _THINKS_IF_ASKED) or _is(model, _BUT_BY_ITSELF)


def _not_while_thinking(draft: Draft) -> None:
    body = draft.document
    if isinstance(body, dict) and _forces(body.get("tool_choice")) and _thinks(body, draft.scope.model):
        draft.set("/tool_choice", "auto", "a thinking model cannot be forced here: it may answer in text", kind="lost")


def _as_text(draft: Draft) -> None:
    body = draft.document
    choice = body.get("tool_choice") if isinstance(body, dict) else None
    if not isinstance(choice, dict) or draft.scope.port in _OTHER_SERVERS:
        return
    if choice.get("type") in ("auto", "none", "required"):
        draft.set("/tool_choice", choice["type"], "as a word, which is all that this server reads")
        return
    allowed = choice.get("allowed_tools")
    if choice.get("type") == "allowed_tools" and isinstance(allowed, dict):
        wanted, mode = allowed.get("tools"), allowed.get("mode")
        names = {_name(tool) for tool in wanted} if isinstance(wanted, list) else set()
    else:
        names, mode = {_name(choice)}, "required"
    tools = body.get("tools")
    if not isinstance(tools, list) or mode not in ("auto", "required") or None in names:
        return
    others = [number for number, tool in enumerate(tools) if _name(tool) not in names]
    if len(others) == len(tools):
        return  # what is named is not there: the server's own words say it best
    for number in reversed(others):
        draft.remove(("tools", number), "not the one that is to be called")
    draft.set("/tool_choice", mode, "as a word, with no other tools to choose from")


def _name(tool: object) -> str | None:
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=29,
        name="tool-choice-vs-thinking",
        wires=("chat",),
        side="request",
        kind="preset",
        who="DeepSeek v4, Qwen3.5 and other thinking Qwen models at DashScope, Kimi.",
        symptom="400 Thinking mode does not support this tool_choice; tool_choice is incompatible with thinking.",
        mend="Sends auto in the place of required or a named tool while the model thinks, so that it may answer "
        "without one. Who must have the call turns thinking off in the request, and then the choice stays.",
        before='{"thinking":{"type":"enabled"},"tool_choice":"required"}',
        after='{"thinking":{"type":"enabled"},"tool_choice":"auto"}',
        evidence=(
            "https://github.com/deepseek-ai/DeepSeek-V3/issues/1376",
            "https://github.com/cloudwego/eino/issues/994",
            "https://github.com/BerriAI/litellm/pull/37470",
            "https://github.com/tickernelz/opencode-mem/issues/253",
            "https://github.com/can1357/oh-my-pi/issues/7315",
            "https://github.com/UKGovernmentBEIS/inspect_ai/pull/5152",
        ),
        presets=("deepseek", "dashscope", "kimi-code", "moonshot"),
        models=(
            "deepseek-v4*",
            "qwen*",
            "kimi-k2.5*",
            "kimi-k2.6*",
            "kimi-k2.7-code*",
            "kimi-k2-thinking*",
            "kimi-k3*",
            "k3",
            "k3-*",
            "kimi-for-coding*",
        ),
        needles=(b'"tool_choice"',),
        request=_not_while_thinking,
    ),
    Quirk(
        number=30,
        name="tool-choice-object",
        wires=("chat",),
        side="request",
        kind="preset",
        who="LM Studio.",
        symptom="400 Invalid tool_choice type: 'object'. Supported string values: none, auto, required.",
        mend="Leaves only the named tool in the list, and sends required; not at the ports where vLLM, llama.cpp and "
        "SGLang answer.",
        before='{"tools":[{"type":"function","function":{"name":"x"}},{"type":"function","function":{"name":"y"}}],'
        '"tool_choice":{"type":"function","function":{"name":"x"}}}',
        after='{"tools":[{"type":"function","function":{"name":"x"}}],"tool_choice":"required"}',
        evidence=(
            "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/670",
            "https://github.com/can1357/oh-my-pi/issues/6925",
            "https://github.com/can1357/llm-git/issues/13",
        ),
        presets=("local",),
        needles=(b'"tool_choice"',),
        request=_as_text,
    ),
)
