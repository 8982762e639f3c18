"""Counts of tokens that stand where no client looks: inside a choice, or under a vendor's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

_CACHED: Final = ("cached_tokens", "prompt_cache_hit_tokens")


class _Step:
    """Applies one change of a document to each event that may need it."""

    def __init__(self, needles: tuple[bytes, ...], change: Callable[[dict[str, Any], Noting], bool]) -> None:
        self.needles = needles
        self._change = change

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Change the document in place, if it shows the symptom."""
        return [document] if self._change(document, note) else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Give nothing: nothing is held."""
        return []


def _hoist(document: dict[str, Any], note: Noting) -> bool:
    """Move the usage of the first choice that has one to the top, where there is none."""
    choices = document.get("choices")
    if document.get("usage") is not None or not isinstance(choices, list):
        return False
    for number, choice in enumerate(choices):
        if isinstance(choice, dict) and isinstance(choice.get("usage"), dict):
            document["usage"] = choice.pop("usage")
            note(f"/choices/{number}/usage", "moved to /usage")
            return True
    return False


def _cached(document: dict[str, Any], note: Noting) -> bool:
    """Copy the count of the cache to where OpenAI has it; prompt_tokens has it included already."""
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return False
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        if details.get("cached_tokens") is not None:
            return False
    elif details is not None:
        return False
    for name in _CACHED:
        count = usage.get(name)
        if isinstance(count, int) and not isinstance(count, bool):
            usage["prompt_tokens_details"] = {**(details or {}), "cached_tokens": count}
            note("/usage/prompt_tokens_details/cached_tokens", f"copied from {name}")
            return True
    return False


def _hoist_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step((b'"usage"',), _hoist)


def _cached_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step(tuple(f'"{name}"'.encode() for name in _CACHED), _cached)


def _hoist_reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    _hoist(document, note)


def _cached_reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    _cached(document, note)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=89,
        name="usage-in-choice",
        wires=("chat",),
        side="stream",
        kind="preset",
        who="Moonshot and Kimi Code, to every client that reads the top level.",
        symptom="Clients count 0 tokens, so they show no cost and never compact.",
        mend="The usage of the choice is moved to the chunk's top level.",
        before='{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":11}}]}',
        after='{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":11}}',
        evidence=(
            "kimi-cli kimi.py, extract_usage_from_chunk",
            "pi-mono openai-completions.ts names Moonshot",
            "measured: OpenCode shows 0 tokens for usage in a choice",
        ),
        codes=("chat.usage.in-choice",),
        presets=("kimi-code", "moonshot"),
        step=_hoist_step,
        reply=_hoist_reply,
    ),
    Quirk(
        number=90,
        name="usage-cache-field",
        wires=("chat",),
        side="stream",
        kind="preset",
        who="Moonshot (`cached_tokens`) and DeepSeek (`prompt_cache_hit_tokens`), to clients that know OpenAI's field.",
        symptom="Reads from the cache are shown as 0, and the cost too high.",
        mend="The count is copied to `prompt_tokens_details.cached_tokens`.",
        before='"usage":{"prompt_tokens":11,"cached_tokens":3}',
        after='"usage":{"prompt_tokens":11,"cached_tokens":3,"prompt_tokens_details":{"cached_tokens":3}}',
        evidence=(
            "kimi-cli kimi.py, usage",
            "Roo src/api/providers/moonshot.ts:43-64",
            "measured: OpenCode shows 0 tokens read from the cache",
        ),
        presets=("kimi-code", "moonshot", "deepseek"),
        step=_cached_step,
        reply=_cached_reply,
    ),
)
