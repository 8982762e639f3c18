"""Fields of the body that a provider refuses, and that are taken away or renamed.

What is taken away is "lost" where it would have had an effect, and only "mended" where its value says what holds
without it (``store: false``, ``strict: false``, an empty list).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft

_NOTHING: Final[tuple[Any, ...]] = (None, False, [])
"""Values that say what holds without the field."""

_TOOL_KEYS: Final = frozenset({"name", "description", "input_schema", "type", "cache_control"})
"""What the first schema of tools knows; newer keys are refused by endpoints that still have it."""

_FIREWORKS_KEYS: Final = frozenset({"cache_control", "allowed_callers", "defer_loading", "input_examples"})

_MISTRAL: Final = ("*mistral*", "*ministral*", "*magistral*", "*codestral*", "*devstral*", "*pixtral*")


def _take(draft: Draft, at: tuple[str | int, ...], value: object, what: str) -> None:
    """Take a field away; it is no loss where the value says what holds without it."""
    kind: Kind = "mended" if value in _NOTHING else "lost"
    draft.remove(at, what, kind=kind)


def _tools(draft: Draft) -> Iterator[tuple[int, dict[str, Any]]]:
    tools = draft.document.get("tools") if isinstance(draft.document, dict) else None
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict):
            yield number, tool


def _max_tokens(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or "max_completion_tokens" not in body or _is_openai_at_azure(draft):
        return
    limit, known = body["max_completion_tokens"], body.get("max_tokens")
    if limit is not None and known is None:
        draft.set("/max_tokens", limit, "said by max_completion_tokens")
    kind: Kind = "mended" if known is None or limit in (None, known) else "lost"
    draft.remove("/max_completion_tokens", "max_tokens is this host's name for it", kind=kind)


def _is_openai_at_azure(draft: Draft) -> bool:
    """Tell whether a model of OpenAI's is asked at Azure, which needs the newer name."""
    model = (draft.scope.model or "").lower()
    return draft.scope.host.lower().endswith(".azure.com") and not any(fnmatchcase(model, glob) for glob in _MISTRAL)


def _store(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or "store" not in body:
        return
    _take(draft, ("store",), body["store"], "this host stores nothing and refuses the field")
    if "metadata" in body:
        _take(draft, ("metadata",), body["metadata"], "metadata belongs to what is stored")


def _strict(draft: Draft) -> None:
    for number, tool in _tools(draft):
        function = tool.get("function")
        if isinstance(function, dict) and "strict" in function:
            _take(draft, ("tools", number, "function", "strict"), function["strict"], "this host knows no strict tools")


def _empty_tools(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or body.get("tools") != []:
        return
    draft.remove("/tools", "an empty list is refused; no list means the same")
    if "tool_choice" in body:
        kind: Kind = "mended" if body["tool_choice"] in (None, "auto", "none") else "lost"
        draft.remove("/tool_choice", "there is no tool to choose", kind=kind)
    if "parallel_tool_calls" in body:
        draft.remove("/parallel_tool_calls", "there is no tool to call")


def _context_management(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or "context_management" not in body:
        return
    _take(draft, ("context_management",), body["context_management"], "this host cannot edit the context")
    headers = draft.headers.with_items_dropped("anthropic-beta", "context-management-*")
    if headers is not draft.headers:
        draft.set_header("anthropic-beta", headers.joined("anthropic-beta"), "dropped context-management-*")


def _eager_input(draft: Draft) -> None:
    for number, tool in _tools(draft):
        if "eager_input_streaming" in tool:
            at = ("tools", number, "eager_input_streaming")
            _take(draft, at, tool["eager_input_streaming"], "this host streams the input of tools in its own way")


def _tool_keys(draft: Draft) -> None:
    fireworks = draft.scope.host.lower().endswith("fireworks.ai")
    refused: Callable[[str], bool] = _FIREWORKS_KEYS.__contains__ if fireworks else lambda key: key not in _TOOL_KEYS
    for number, tool in _tools(draft):
        if tool.get("type") not in (None, "custom"):
            continue  # a tool of the server's own has keys of its own
        for key in [key for key in tool if refused(key)]:
            _take(draft, ("tools", number, key), tool[key], "this host's tools have no such key")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=20,
        name="max-completion-tokens",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Mistral, also at Azure; DeepSeek, Together, NVIDIA and Z.ai know the older name only.",
        symptom="422 extra_forbidden at body.max_completion_tokens, or the limit is silently ignored.",
        mend="Renames it to max_tokens; one that is there already stays. Kimi's own client sends the newer name, so "
        "its hosts are not touched, nor are OpenAI's models at Azure.",
        before='{"max_completion_tokens":32000}',
        after='{"max_tokens":32000}',
        evidence=(
            "https://github.com/editor-code-assistant/eca/issues/231",
            "https://github.com/pydantic/pydantic-ai/issues/6593",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("mistral", "azure", "deepseek", "together", "nvidia", "zai"),
        needles=(b'"max_completion_tokens"',),
        request=_max_tokens,
    ),
    Quirk(
        number=21,
        name="store-rejected",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Groq; xAI, DeepSeek, Z.ai, Moonshot, Together and Cerebras, with clients that send store: false.",
        symptom="400 property 'store' is unsupported, did you mean 'stop'?",
        mend="Removes store, and with it metadata, which describes what is stored.",
        before='{"model":"llama-4","store":false}',
        after='{"model":"llama-4"}',
        evidence=(
            "https://github.com/fanenr/chatbot/issues/21",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("groq", "xai", "deepseek", "zai", "moonshot", "together", "cerebras"),
        needles=(b'"store"',),
        request=_store,
    ),
    Quirk(
        number=22,
        name="strict-tools-rejected",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Moonshot, Together, Cloudflare and Ollama's cloud.",
        symptom="400 for an unknown field, or a schema that is silently ignored.",
        mend="Removes strict from each function; the schema itself stays.",
        before='{"type":"function","function":{"name":"f","parameters":{},"strict":true}}',
        after='{"type":"function","function":{"name":"f","parameters":{}}}',
        evidence=(
            "https://github.com/pydantic/pydantic-ai/issues/4116",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("moonshot", "together", "cloudflare", "ollama"),
        needles=(b'"strict"',),
        request=_strict,
    ),
    Quirk(
        number=23,
        name="tools-empty-array",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Mistral and OpenAI, with clients that always send a list of tools.",
        symptom="422 extra_forbidden at body.tools, or: [] is too short.",
        mend="Removes the empty list together with tool_choice and parallel_tool_calls, which mean nothing without "
        "it. A relay that wants the empty list beside calls in the history must not have this.",
        before='{"tools":[],"tool_choice":"auto"}',
        after="{}",
        evidence=(
            "https://github.com/partITech/php-mistral/issues/76",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("mistral", "openai"),
        needles=(b'"tools"',),
        request=_empty_tools,
    ),
    Quirk(
        number=50,
        name="context-management-extra",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Bedrock, Vertex, OpenCode Zen, GitHub Copilot and relays, with Claude Code, which sends it to any base.",
        symptom="400 context_management: Extra inputs are not permitted.",
        mend="Removes the field, and the beta context-management-* from anthropic-beta.",
        before='{"context_management":{"edits":[{"type":"clear_thinking_20251015"}]}}',
        after="{}",
        evidence=(
            "https://github.com/anthropics/claude-code/issues/21612",
            "https://github.com/anthropics/claude-code/issues/14135",
            "https://github.com/anthropics/claude-code/issues/51700",
            "https://github.com/decolua/9router/issues/1468",
            "https://github.com/anomalyco/opencode/issues/34694",
            "https://github.com/BerriAI/litellm/issues/26240",
            "measured: Claude Code 2.1.197 sends it with any base URL",
        ),
        presets=("bedrock", "vertex", "opencode-zen", "copilot"),
        needles=(b'"context_management"',),
        request=_context_management,
    ),
    Quirk(
        number=51,
        name="eager-input-streaming",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Bedrock, Fireworks and strict gateways, with Claude Code and the Agent SDK.",
        symptom="400 tools.0.custom.eager_input_streaming: Extra inputs are not permitted.",
        mend="Removes the key from each tool; inputs are streamed as the host streams them.",
        before='{"name":"Bash","eager_input_streaming":true,"input_schema":{"type":"object"}}',
        after='{"name":"Bash","input_schema":{"type":"object"}}',
        evidence=(
            "https://github.com/anthropics/claude-agent-sdk-python/issues/694",
            "https://github.com/anthropics/claude-code/issues/32820",
            "https://github.com/anthropics/claude-code/issues/33180",
            "https://github.com/DotHarness/dotcraft/pull/282",
            "https://github.com/earendil-works/pi/issues/3728",
        ),
        presets=("bedrock", "fireworks"),
        needles=(b'"eager_input_streaming"',),
        request=_eager_input,
    ),
    Quirk(
        number=52,
        name="tool-extra-keys",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Endpoints of third parties with an older schema of tools; Fireworks refuses cache_control there as well.",
        symptom="400 tools.3.custom.input_examples: Extra inputs are not permitted; likewise strict, defer_loading.",
        mend="Leaves name, description, input_schema, type and cache_control on the client's own tools; at Fireworks "
        "just the keys that its documents name go. Tools of the server's own are not touched.",
        before='{"name":"f","input_schema":{"type":"object"},"defer_loading":true}',
        after='{"name":"f","input_schema":{"type":"object"}}',
        evidence=(
            "https://github.com/anthropics/claude-code/issues/11678",
            "https://github.com/earendil-works/pi/issues/3728",
            "https://docs.fireworks.ai/tools-sdks/anthropic-compatibility",
        ),
        presets=("fireworks",),
        needles=(b'"tools"',),
        request=_tool_keys,
    ),
)
