"""Reasoning under a name that the client does not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

NAME: Final = "reasoning_content"
OTHERS: Final = ("reasoning", "reasoning_text")


class _Step:
    """Renames in each delta."""

    needles = tuple(f'"{name}"'.encode() for name in (*OTHERS, "reasoning_details"))

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Rename in the deltas of a chunk."""
        return [document] if _rename(document, ("delta", "message"), note) else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Give nothing: nothing is held."""
        return []


def _rename(document: dict[str, Any], places: tuple[str, ...], note: Noting) -> bool:
    """Rename in every choice; tell whether anything was."""
    choices = document.get("choices")
    changed = False
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        for place in places if isinstance(choice, dict) else ():
            said = choice.get(place)
            if isinstance(said, dict):
                changed = _one(said, f"/choices/{number}/{place}", note) or changed
    return changed


def _one(said: dict[str, Any], at: str, note: Noting) -> bool:
    """Move the text that is under another name; drop it where it is a second copy, leave it where it is another."""
    changed = False
    for name in OTHERS:
        text, own = said.get(name), said.get(NAME)
        if not isinstance(text, str) or not text or (own is not None and not isinstance(own, str)):
            continue
        if not own or own == text:
            del said[name]
            said[NAME] = text
            note(f"{at}/{name}", "dropped: reasoning_content has the same" if own else f"renamed to {NAME}")
            changed = True
    details = said.get("reasoning_details")
    if not said.get(NAME) and not any(said.get(name) for name in OTHERS) and isinstance(details, list):
        text = "".join(_words(entry) for entry in details)
        if text:
            said[NAME] = text
            note(f"{at}/reasoning_details", f"its text copied to {NAME}")
            changed = True
    return changed


def _words(entry: object) -> str:
    """Give the text of an entry of ``reasoning_details``: its text or its summary; what is encrypted has none."""
    if not isinstance(entry, dict):
        return ""
    text = entry.get("text") or entry.get("summary")
    return text if isinstance(text, str) else ""


def _step(_: Scope, _memory: Memory) -> EventStep:
    return _Step()


def _reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    _rename(document, ("message",), note)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=92,
        name="reasoning-field-name",
        wires=("chat",),
        side="stream",
        kind="condition",
        who="vLLM, Ollama, OpenRouter and gpt-oss hosts, to clients that read `reasoning_content` only.",
        symptom="The thinking is not shown, or shown twice, and it is lost when the turn is sent back.",
        mend="`reasoning`, `reasoning_text` or the text of `reasoning_details` becomes `reasoning_content`.",
        before='"delta":{"reasoning":"First,"}',
        after='"delta":{"reasoning_content":"First,"}',
        evidence=(
            "pydantic-ai profiles/openai.py:168-172",
            "https://github.com/MoonshotAI/kimi-code/commit/66f611aae",
            "https://github.com/router-for-me/CLIProxyAPI/commit/8eb3ac2e0",
        ),
        clients=("kimi-code", "kimi-cli", "qwen-code"),
        step=_step,
        reply=_reply,
    ),
)
