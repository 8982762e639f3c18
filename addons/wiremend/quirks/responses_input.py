"""What a server of the responses wire takes in: ids, states, fields, and an input that is a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.quirks.amend import OPENAI, items_of, on_host
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_ISSUED: Final = frozenset(
    {
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
    }
)
"""Items whose id is the provider's own, and which say all they have to without it."""
_UNSUPPORTED: Final = {
    "chatgpt.com": ("max_output_tokens",),
    "x.ai": ("service_tier",),
}
_ELSEWHERE: Final = ("max_output_tokens", "prompt_cache_options", "prompt_cache_retention", "service_tier")


def _fields(draft: Draft) -> None:
    host = draft.scope.host
    names = next((names for domain, names in _UNSUPPORTED.items() if on_host(host, domain)), _ELSEWHERE)
    for name in names:
        if isinstance(draft.document, dict) and name in draft.document:
            draft.remove((name,), "not supported here", kind="lost")


def _ids(draft: Draft) -> None:
    stateless = isinstance(draft.document, dict) and draft.document.get("store") is False
    foreign = stateless and not on_host(draft.scope.host, *OPENAI)
    for index, item in enumerate(items_of(draft.document, "input")):
        if not isinstance(item, dict) or "id" not in item:
            continue
        kind = item.get("type", "message")
        if item["id"] in ("", None):
            draft.remove(("input", index, "id"), "an empty id")
        elif foreign and isinstance(kind, str) and kind in _ISSUED:
            draft.remove(("input", index, "id"), "an id of what is not stored")


def _status(draft: Draft) -> None:
    for index, item in enumerate(items_of(draft.document, "input")):
        if isinstance(item, dict) and item.get("type") == "function_call" and "status" in item:
            draft.remove(("input", index, "status"), "the state of a call that is over")


def _text_input(draft: Draft) -> None:
    text = draft.document.get("input") if isinstance(draft.document, dict) else None
    if isinstance(text, str) and not on_host(draft.scope.host, *OPENAI):
        content = [{"type": "input_text", "text": text}]
        draft.set(("input",), [{"role": "user", "content": content}], "a message of the user")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=58,
        name="resp-unsupported-fields",
        wires=("responses",),
        side="request",
        kind="preset",
        who="The Codex backend of ChatGPT, xAI, and older models.",
        symptom="400: unsupported parameter.",
        mend="The fields that the host does not know go.",
        before='{"model":"m","service_tier":"auto"}',
        after='{"model":"m"}',
        evidence=(
            "https://github.com/router-for-me/CLIProxyAPI/commit/2ab25eae9",
            "https://github.com/router-for-me/CLIProxyAPI/commit/2005788fc",
        ),
        presets=("xai",),
        request=_fields,
    ),
    Quirk(
        number=60,
        name="resp-item-id-replay",
        wires=("responses",),
        side="request",
        kind="always",
        who="Copilot, OpenAI, and servers that store nothing.",
        symptom="401 input item ID does not belong to this connection, or 400 invalid 'input[2].id'.",
        mend="Empty ids go; where nothing is stored and the host is not OpenAI's, all ids of items do.",
        before='{"type":"message","id":"","role":"assistant","content":[]}',
        after='{"type":"message","role":"assistant","content":[]}',
        evidence=(
            "https://github.com/langchain-ai/langchainjs/issues/11044",
            "https://github.com/NousResearch/hermes-agent/issues/32716",
        ),
        request=_ids,
    ),
    Quirk(
        number=61,
        name="resp-fc-status",
        wires=("responses",),
        side="request",
        kind="preset",
        who="vLLM, until autumn 2025.",
        symptom="400: validation of a replayed function_call fails.",
        mend="The status of a replayed call goes.",
        before='{"type":"function_call","call_id":"c1","name":"f","arguments":"{}","status":"completed"}',
        after='{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}',
        evidence=(
            "https://github.com/pydantic/pydantic-ai/issues/3245",
            "https://github.com/vllm-project/vllm/pull/26706",
        ),
        presets=("local",),
        request=_status,
    ),
    Quirk(
        number=62,
        name="resp-string-input",
        wires=("responses",),
        side="request",
        kind="preset",
        who="Small servers of the responses wire.",
        symptom="400 from the model behind them, which got no messages.",
        mend="A text becomes a message of the user; towards OpenAI it stays.",
        before='{"input":"hi"}',
        after='{"input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}',
        evidence=("https://github.com/RakuenSoftware/aimee/pull/761",),
        presets=("local", "ollama"),
        request=_text_input,
    ),
)
