"""How thinking is asked for: each family of models has a dialect of its own, and refuses or ignores the others.

=========  ======================================  ==========================================
dialect    who                                     says
=========  ======================================  ==========================================
``type``   GLM, DeepSeek, Kimi                     ``thinking: {type: enabled | disabled}``
``flag``   Qwen; all that DashScope serves         ``enable_thinking: true | false``
=========  ======================================  ==========================================

GLM from 5.2 on, DeepSeek and Kimi also take ``reasoning_effort``, each with levels of its own.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft

type Dialect = Literal["type", "flag"]

_FLAG_HOSTS: Final = ("dashscope*.aliyuncs.com", "*.dashscope.aliyuncs.com", "api-inference.modelscope.*")

_DIALECTS: Final[tuple[tuple[Dialect, tuple[str, ...]], ...]] = (
    ("type", ("glm-*", "deepseek-*", "kimi-*", "k3", "k3-*")),
    ("flag", ("qwen*", "qwq*")),
)

_ON_OFF_ONLY: Final = ("glm-4*", "glm-5", "glm-5-*", "glm-5.0*", "glm-5.1*", "glm-5v*")
"""Models of the dialect ``type`` that know no effort."""

_NO_EFFORT: Final = (
    "grok*non-reasoning*",
    "grok-4",
    "grok-4-latest",
    "grok-4-0709",
    "grok-4-fast*",
    "grok-4-1-fast*",
    "grok-4.20-0309*",
)

_FOREIGN: Final[tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...]] = (
    (_NO_EFFORT, (("reasoning_effort",),)),
    (("minimax-m3*",), (("reasoning_split",),)),
    (
        ("gemma-*",),
        (("thinking_config",), ("google", "thinking_config"), ("extra_body", "google", "thinking_config")),
    ),
)
"""Models, and the fields about thinking that they refuse without having any other."""

_LADDER: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_BUDGETS: Final = {"low": 4000, "medium": 8000, "high": 16000, "xhigh": 32000, "max": 32000}
"""Tokens of thinking for an effort, as Hermes spends them."""

_LEAST_BUDGET: Final = 1024
"""The least that the messages wire takes."""


def _is(model: str | None, globs: tuple[str, ...]) -> bool:
    """Tell whether a model is one of these, whoever's name stands before it (``moonshotai/kimi-k2.6``)."""
    name = (model or "").lower().rpartition("/")[2]
    return any(fnmatchcase(name, glob) for glob in globs)


# -- thinking and effort, never both


def _xor(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or body.get("thinking") is None or body.get("reasoning_effort") is None:
        return
    thinking, effort = body["thinking"], body["reasoning_effort"]
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    if (off or effort == "none") and not _is(draft.scope.model, ("kimi-k3*", "k3", "k3-*")):
        kind: Kind = "mended" if off == (effort == "none") else "lost"
        draft.remove("/reasoning_effort", "not both: thinking says whether at all", kind=kind)
        return
    kind = "mended" if thinking == {"type": "enabled"} and effort != "none" else "lost"
    draft.remove("/thinking", "not both: reasoning_effort says it too", kind=kind)


# -- dialects


def _dialect(draft: Draft) -> None:
    if not isinstance(draft.document, dict):
        return
    for globs, pointers in _FOREIGN:
        if _is(draft.scope.model, globs):
            for pointer in pointers:
                _drop(draft, pointer)
    host = draft.scope.host.lower()
    if any(fnmatchcase(host, glob) for glob in _FLAG_HOSTS):
        _to_flag(draft)
        return
    for dialect, globs in _DIALECTS:
        if _is(draft.scope.model, globs):
            (_to_type if dialect == "type" else _to_flag)(draft)


def _drop(draft: Draft, pointer: tuple[str, ...]) -> None:
    box = draft.document
    for token in pointer[:-1]:
        box = box.get(token) if isinstance(box, dict) else None
    if isinstance(box, dict) and pointer[-1] in box:
        kind: Kind = "mended" if box[pointer[-1]] in (None, "none", False) else "lost"
        draft.remove(pointer, "this model refuses it", kind=kind)


def _to_type(draft: Draft) -> None:
    """Say in the dialect ``type`` what the others said; what it says itself counts more."""
    body = draft.document
    said = list(_switches(body))
    if _is(draft.scope.model, _ON_OFF_ONLY) and isinstance(body.get("reasoning_effort"), str):
        said.append((("reasoning_effort",), body["reasoning_effort"] != "none"))
    if said and body.get("thinking") is None and not _kimi_with_effort(draft):
        wanted = said[0][1]
        draft.set("/thinking", {"type": "enabled" if wanted else "disabled"}, "said in this model's own dialect")
    own = body.get("thinking")
    _drop_said(draft, said, own.get("type") != "disabled" if isinstance(own, dict) else _kimi_with_effort(draft))


def _kimi_with_effort(draft: Draft) -> bool:
    """Tell whether the effort says already that Kimi is to think: it never takes both."""
    return _is(draft.scope.model, ("kimi-*", "k3", "k3-*")) and draft.document.get("reasoning_effort") is not None


def _to_flag(draft: Draft) -> None:
    """Say in the dialect ``flag`` what the others said; what it says itself counts more."""
    body = draft.document
    said = [one for one in _switches(body) if one[0] != ("enable_thinking",)]
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and isinstance(thinking.get("type"), str):
        said.append((("thinking",), thinking["type"] != "disabled"))
    if isinstance(body.get("reasoning_effort"), str):
        said.append((("reasoning_effort",), body["reasoning_effort"] != "none"))
    if said and body.get("enable_thinking") is None:
        draft.set("/enable_thinking", said[0][1], "said in this model's own dialect")
    _drop_said(draft, said, body.get("enable_thinking"))


def _switches(body: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Give the switches of other servers, with what they say."""
    if isinstance(body.get("enable_thinking"), bool):
        yield ("enable_thinking",), body["enable_thinking"]
    template = body.get("chat_template_kwargs")
    for name in ("enable_thinking", "thinking"):
        if isinstance(template, dict) and isinstance(template.get(name), bool):
            yield ("chat_template_kwargs", name), template[name]


def _drop_said(draft: Draft, said: list[tuple[tuple[str, ...], bool]], wanted: object) -> None:
    """Take the foreign switches away. A level, a budget or a contradiction goes lost with them."""
    for pointer, says in said:
        value = draft.document[pointer[0]]
        more = isinstance(value, dict) and len(pointer) == 1 and len(value) > 1
        level = pointer == ("reasoning_effort",) and says
        kind: Kind = "lost" if more or level or says is not wanted else "mended"
        draft.remove(pointer, "another server's dialect", kind=kind)
        if len(pointer) > 1 and not value:
            draft.remove(pointer[:1], "nothing is left in it")


# -- efforts


def _levels(model: str | None) -> dict[str, str | None] | None:
    """Give, for each effort that the model refuses, the one to send (None: none at all); None for models unknown."""
    for globs, levels in _EFFORTS:
        if _is(model, globs):
            return levels
    return None


def _nearest(*taken: str) -> dict[str, str | None]:
    """Map each level that is not taken to the next weaker one that is, or to the weakest; never to ``none``."""
    ranks = [_LADDER.index(level) for level in taken if level != "none"]
    found: dict[str, str | None] = {}
    for rank, level in enumerate(_LADDER):
        if level not in taken:
            found[level] = _LADDER[max((one for one in ranks if one < rank), default=min(ranks))]
    return found


_EFFORTS: Final[tuple[tuple[tuple[str, ...], dict[str, str | None]], ...]] = (
    (("kimi-k3*", "k3", "k3-*"), {"none": "low", "minimal": "low", "medium": "high", "xhigh": None}),
    (("glm-5.2*",), {"none": None, "minimal": "high", "low": "high", "medium": "high", "xhigh": "max"}),
    (("glm-5.3*",), {"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"}),
    (("grok-4.20-multi-agent*", "grok-4.6*"), _nearest("low", "medium", "high", "xhigh")),
    (("grok-4.3*",), _nearest("none", "low", "medium", "high")),
    (("grok-*",), _nearest("low", "medium", "high")),
    (("gpt-5.6*",), _nearest("none", "low", "medium", "high", "xhigh", "max")),
)


def _effort(draft: Draft) -> None:
    body = draft.document
    pointer = ("reasoning", "effort") if draft.scope.wire == "responses" else ("reasoning_effort",)
    box = body.get("reasoning") if isinstance(body, dict) and len(pointer) > 1 else body
    levels = _levels(draft.scope.model)
    if not isinstance(box, dict) or levels is None:
        return
    level = box.get(pointer[-1])
    if not isinstance(level, str) or level not in levels:
        return
    instead = levels[level]
    if instead is not None:
        draft.set(pointer, instead, f"{level} is no level of this model's; {instead} is the nearest", kind="lost")
        return
    off = level == "none" and draft.scope.wire == "chat"
    if off and body.get("thinking") is None:
        draft.set("/thinking", {"type": "disabled"}, "said in this model's own dialect")
    draft.remove(pointer, f"{level} is no level of this model's", kind="mended" if off else "lost")


# -- Qwen thinks in streams only


def _needs_stream(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or body.get("stream") is True or body.get("enable_thinking") is False:
        return
    if "thinking" in (draft.scope.model or "").lower():
        return  # one that cannot do without
    kind: Kind = "lost" if body.get("enable_thinking") is True else "mended"
    draft.set("/enable_thinking", value=False, what="this model thinks in streams only", kind=kind)


# -- the messages wire before adaptive thinking


def _adaptive(draft: Draft) -> None:
    body = draft.document
    thinking = body.get("thinking") if isinstance(body, dict) else None
    if not isinstance(thinking, dict) or thinking.get("type") != "adaptive":
        return
    config = body.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    budget = _BUDGETS.get(effort if isinstance(effort, str) else "high", _BUDGETS["high"])
    limit = body.get("max_tokens")
    if isinstance(limit, int) and not isinstance(limit, bool):
        budget = min(budget, limit - 1)  # the budget is a part of the limit, and less than it
    if budget < _LEAST_BUDGET:
        draft.set("/thinking", {"type": "disabled"}, "max_tokens leaves no room for the least budget", kind="lost")
    else:
        draft.set("/thinking", {"type": "enabled", "budget_tokens": budget}, f"adaptive -> {budget} tokens")
    if "output_config" in body:
        other = isinstance(config, dict) and set(config) - {"effort"}
        draft.remove("/output_config", "the budget says the effort", kind="lost" if other else "mended")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=26,
        name="thinking-xor-effort",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Kimi, at its vendor's and at OpenCode's hosts.",
        symptom="400 cannot specify both 'thinking' and 'reasoning_effort'.",
        mend="Drops thinking where an effort is given; where K2's thinking is off, or the effort is none, the effort.",
        before='{"thinking":{"type":"enabled"},"reasoning_effort":"high"}',
        after='{"reasoning_effort":"high"}',
        evidence=(
            "https://github.com/NousResearch/hermes-agent/blob/main/plugins/model-providers/kimi-coding/__init__.py",
            "https://github.com/NousResearch/hermes-agent/blob/main/plugins/model-providers/opencode-zen/__init__.py",
        ),
        presets=("kimi-code", "moonshot", "opencode-zen"),
        models=("kimi-k2*", "kimi-k3*", "k3", "k3-*", "kimi-for-coding*"),
        needles=(b'"reasoning_effort"',),
        request=_xor,
    ),
    Quirk(
        number=27,
        name="thinking-dialect",
        wires=("chat",),
        side="request",
        kind="preset",
        who="GLM, DeepSeek and Kimi (thinking.type), Qwen and DashScope (enable_thinking), with clients that speak "
        "another dialect; MiniMax-M3, Gemma and several Grok models, which refuse every switch.",
        symptom="400 for an unknown parameter, or thinking is silently on or off.",
        mend="Says the switch in the model's own dialect and takes the foreign ones away; what the model has no word "
        "for (a level, a budget) is lost. MiniMax-M3's reasoning_split, Gemma's thinking_config and Grok's effort go.",
        before='{"model":"glm-4.7","reasoning_effort":"high"}',
        after='{"model":"glm-4.7","thinking":{"type":"enabled"}}',
        evidence=(
            "https://github.com/RakuenSoftware/aimee/pull/761",
            "https://github.com/neavo/LinguaGacha/issues/771",
            "https://github.com/charmbracelet/crush/issues/2362",
            "https://github.com/BerriAI/litellm/pull/16265",
            "https://github.com/theopenco/llmgateway/pull/3049",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("zai", "deepseek", "kimi-code", "moonshot", "dashscope", "minimax", "gemini", "xai"),
        needles=(b"thinking", b'"reasoning_effort"', b'"reasoning_split"', b'"chat_template_kwargs"'),
        request=_dialect,
    ),
    Quirk(
        number=28,
        name="effort-enum",
        wires=("chat", "responses"),
        side="request",
        kind="preset",
        who="GLM-5.2 and 5.3, Grok, GPT-5.6 and Kimi K3, with clients that know more levels than they.",
        symptom="400 for an effort of xhigh, minimal or none.",
        mend="Sends the nearest level that the model has: for Kimi K3 low, high or max as its vendor maps them, for "
        "GLM-5.2 high or max (none turns thinking off), for the others the next weaker one.",
        before='{"model":"glm-5.2","reasoning_effort":"xhigh"}',
        after='{"model":"glm-5.2","reasoning_effort":"max"}',
        evidence=(
            "https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/profiles/openai.py",
            "https://github.com/NousResearch/hermes-agent/blob/main/plugins/model-providers/zai/__init__.py",
            "https://github.com/NousResearch/hermes-agent/blob/main/agent/reasoning_effort.py",
            "https://github.com/charmbracelet/catwalk/pull/603",
            "https://github.com/enricoros/big-AGI/issues/1104",
        ),
        presets=("zai", "xai", "openai", "moonshot", "kimi-code"),
        needles=(b'effort"',),
        request=_effort,
    ),
    Quirk(
        number=47,
        name="thinking-needs-stream",
        wires=("chat",),
        side="request",
        kind="preset",
        who="DashScope and ModelScope with Qwen3, which thinks unless told otherwise, and in streams only.",
        symptom="400 parameter.enable_thinking must be set to false for non-streaming calls.",
        mend="Turns thinking off where no stream is asked for; models that cannot do without are left alone.",
        before='{"model":"qwen3-32b","stream":false}',
        after='{"model":"qwen3-32b","stream":false,"enable_thinking":false}',
        evidence=(
            "https://github.com/QuantumNous/new-api/pull/1109",
            "https://github.com/langchain4j/langchain4j/issues/3974",
            "https://github.com/musistudio/claude-code-router/issues/948",
        ),
        presets=("dashscope",),
        models=("qwen3-*", "*/qwen3-*"),
        request=_needs_stream,
    ),
    Quirk(
        number=53,
        name="thinking-adaptive",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Gateways with the schema from before adaptive thinking, with Claude Code.",
        symptom="400 thinking: Input tag 'adaptive' found using 'type' does not match expected tags.",
        mend="Asks for a budget in its place: 4000, 8000, 16000 or 32000 tokens by output_config.effort, always less "
        "than max_tokens, and off where that leaves no room; output_config goes.",
        before='{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}',
        after='{"thinking":{"type":"enabled","budget_tokens":16000}}',
        evidence=(
            "https://github.com/farion1231/cc-switch/issues/991",
            "https://github.com/NousResearch/hermes-agent/blob/main/agent/anthropic_adapter.py",
        ),
        needles=(b'"adaptive"',),
        request=_adaptive,
    ),
)
