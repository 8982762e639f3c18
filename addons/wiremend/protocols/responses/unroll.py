"""The events of one whole item, as OpenAI streams them: for what a provider gave whole, or did not close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.responses.model import CALLS, text_field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from wiremend.protocols.responses.model import Entry

_STEMS: Final = {"summary_text": "reasoning_summary_text"}
_CALL_EVENTS: Final = {"function_call": "function_call_arguments", "custom_tool_call": "custom_tool_call_input"}
_WITH_PARTS: Final = {"message", "reasoning"}
TEXTS: Final = {"output_text", "refusal", "reasoning_text", "summary_text"}
"""The types of part that are streamed in pieces."""


def unroll(item: dict[str, Any], index: int) -> list[dict[str, Any]]:
    """Give all events of a sound item, from output_item.added to output_item.done."""
    begun = {
        name: [] if item["type"] in _WITH_PARTS and _is_parts(name, value) else value for name, value in item.items()
    }
    if "status" in item:
        begun["status"] = "in_progress"
    if item["type"] in CALLS:
        begun[CALLS[item["type"]]] = ""
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *_inner(item, index),
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def closings(item: dict[str, Any], entry: Entry) -> list[dict[str, Any]]:
    """Give the events that close what is open in an item, but for its own end: the whole texts, and their parts."""
    found = []
    for event in _inner(item, entry.index):
        family = "summary" if "summary_index" in event else "content"
        place = (family, event[f"{family}_index"]) if f"{family}_index" in event else ("", 0)
        known = place == ("", 0) or entry.parts.get(place) == _part_type(event)
        if event["type"].endswith(".done") and known and place not in entry.told:
            found.append(event)
    return found


def delta_of(kind: str) -> str:
    """Name the event that brings a piece of a part, or of a call, of this type."""
    stem = _CALL_EVENTS.get(kind) or _STEMS.get(kind, kind)
    return f"response.{stem}.delta"


def _is_parts(name: str, value: object) -> bool:
    return name in {"content", "summary"} and isinstance(value, list)


def _part_type(event: dict[str, Any]) -> str:
    """Tell which type of part an event of :func:`_inner` is in."""
    if "part" in event:
        return str(event["part"].get("type") or "summary_text")
    stem = event["type"].split(".")[1]
    return "summary_text" if stem == "reasoning_summary_text" else stem


def _inner(item: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": index}
    if item["type"] in CALLS:
        stem, field = _CALL_EVENTS[item["type"]], CALLS[item["type"]]
        if item[field]:
            yield {"type": f"response.{stem}.delta", **where, "delta": item[field]}
        name = {"name": item["name"]} if item["type"] == "function_call" else {}
        yield {"type": f"response.{stem}.done", **where, **name, field: item[field]}
    elif item["type"] in _WITH_PARTS:
        for family in ("summary", "content"):
            parts = item.get(family)
            if isinstance(parts, list) and (family == "content" or item["type"] == "reasoning"):
                for at, part in enumerate(parts):
                    yield from part_events(part, family, where | {f"{family}_index": at})


def part_events(part: dict[str, Any], family: str, where: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give all events of a sound part, from content_part.added to content_part.done; ``where`` says which it is."""
    stem = "reasoning_summary_part" if family == "summary" else "content_part"
    kind = "summary_text" if family == "summary" else str(part["type"])
    if kind not in TEXTS:
        yield {"type": f"response.{stem}.added", **where, "part": part}
        yield {"type": f"response.{stem}.done", **where, "part": part}
        return
    field, event = text_field(kind), _STEMS.get(kind, kind)
    more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
    notes: Collection[Any] = part.get("annotations") or () if kind == "output_text" else ()
    empty = part | {field: ""}
    if isinstance(part.get("annotations"), list):
        empty["annotations"] = []
    yield {"type": f"response.{stem}.added", **where, "part": empty}
    if part[field]:
        yield {"type": f"response.{event}.delta", **where, "delta": part[field], **more}
    for at, note in enumerate(notes if isinstance(notes, list) else ()):
        yield {
            "type": "response.output_text.annotation.added",
            **where,
            "annotation_index": at,
            "annotation": note,
        }
    yield {"type": f"response.{event}.done", **where, field: part[field], **more}
    yield {"type": f"response.{stem}.done", **where, "part": part}
