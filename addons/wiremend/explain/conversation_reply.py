"""A reply as a conversation: what was said, by whichever wire, what it cost, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wiremend.explain.conversation_parts import Part, Turn, parts_of, turn_of
from wiremend.explain.conversation_text import one_line
from wiremend.protocols import WIRES, loose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.base import Tally, WireName
    from wiremend.sse import Event

_REASONING: Final = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "thinking_tokens"),
    ("reasoning_tokens",),
)


@dataclass(slots=True)
class Replied:
    """A reply: ``head`` are the pieces of its first line; ``end`` says where a stream ends that was not finished."""

    head: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    usage: str = ""
    stop: str = ""
    error: str = ""
    end: str = ""


def looks_replied(body: object) -> WireName | None:
    """Name the wire of a whole reply by its looks; None where it is none."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("choices"), list):
        return "chat"
    if isinstance(body.get("output"), list) or body.get("object") == "response":
        return "responses"
    return "messages" if isinstance(body.get("content"), list) and "messages" not in body else None


def turns_in(body: dict[str, Any]) -> list[Turn]:
    """Give what a whole reply says. Never raises, whatever the JSON."""
    choices = body.get("choices")
    if isinstance(choices, list):
        return [_choice(choice, number, len(choices)) for number, choice in enumerate(choices)]
    if "output" in body or body.get("object") == "response":
        return [Turn("assistant", _items(body.get("output")))]
    if "content" in body:
        return [turn_of({"role": "assistant", **body})]
    return []


def _items(output: object) -> list[Part]:
    found: list[Part] = []
    for item in output if isinstance(output, list) else [output]:
        found += parts_of(item) if _is_other(item) else turn_of(item).parts
    return found


def _is_other(item: object) -> bool:
    """Tell whether an item is something else than a message."""
    kind = loose.field(item, "type")
    return kind is not None and kind != "message"


def _choice(choice: object, number: int, count: int) -> Turn:
    message = next((found for name in ("message", "delta") if isinstance(found := loose.field(choice, name), dict)), {})
    made = turn_of({**message, "role": loose.text(message.get("role")) or "assistant"})
    if isinstance(loose.field(choice, "text"), str):  # the old completions
        made.parts += parts_of(loose.field(choice, "text"))
    if count > 1:
        made.role += f" (choice {number})"
    return made


def tally_of(wire: WireName, source: bytes | Sequence[Event]) -> Tally:
    """Read what a body, or a stream, says of itself."""
    tally = WIRES[wire].tally()
    if isinstance(source, bytes):
        tally.body(source)
    else:
        for event in source:
            tally.event(event)
    return tally


def told(replied: Replied, tally: Tally, usage: object) -> Replied:
    """Write down what a reply says of itself; ``usage`` is its last usage object, for what a tally does not count."""
    if tally.model:
        replied.head.append(one_line(tally.model))
    replied.stop, replied.error = tally.stop_reason or "", tally.error or ""
    pieces = []
    if tally.input_tokens is not None:
        cached = f" ({tally.cached_tokens:,} from the cache)" if tally.cached_tokens else ""
        pieces.append(f"{tally.input_tokens:,} in{cached}")
    if tally.output_tokens is not None:
        reasoning = next((n for path in _REASONING if (n := loose.count(loose.field(usage, *path)))), None)
        pieces.append(f"{tally.output_tokens:,} out" + (f" ({reasoning:,} reasoning)" if reasoning else ""))
    written = loose.count(loose.field(usage, "cache_creation_input_tokens"))
    if written:
        pieces.append(f"{written:,} written to the cache")
    replied.usage = ", ".join(pieces)
    return replied
