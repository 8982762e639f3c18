"""Mends what an item, a part, a usage object hold: in an event of a stream, and in a whole body alike.

Each function changes one value of a :class:`Patch` in place, so that it is what the contract asks for, and notes by the
contract's code what it did. Which item is meant, and what it is called, is decided by whoever calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.protocols import loose
from wiremend.protocols.responses.model import CALLS, text_field
from wiremend.protocols.responses.patch import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.protocols.responses.patch import At, Patch

type Phase = Literal["added", "done", "output", "body"]

_UNCALLED: Final = frozenset({"message", "reasoning", "web_search_call"})
PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
}
_STATUSES: Final = {"completed", "in_progress", "incomplete"}
_PARTS: Final = {"output_text", "refusal", "reasoning_text", "summary_text"}
_MAX_COUNT: Final = 2**53


class UnnamedError(Exception):
    """A call names no tool, or an item no type, and nothing else does."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an item has to be. ``text`` and ``parts`` give what was streamed into it, for what it lacks itself.

    ``new`` tells that it begins here, so that a name which it lacks is one of our own.
    """

    type: str
    id: str
    call_id: str | None = None
    name: str | None = None
    text: Callable[[str, int], str] = lambda _family, _index: ""
    parts: Callable[[str], list[Any]] = lambda _family: []
    id_code: str = "item.id-changed"
    call_code: str = "item.call-id-changed"
    new: bool = False


def kind_of(item: object) -> str | None:
    """Tell the type of an item, from what it holds where it does not say; None if that tells nothing."""
    if not isinstance(item, dict):
        return None
    said = item.get("type")
    if isinstance(said, str) and said:
        return said
    if "arguments" in item:
        return "function_call"
    if "input" in item and "name" in item:
        return "custom_tool_call"
    if "summary" in item:
        return "reasoning"
    return "message" if "content" in item or item.get("role") == "assistant" else None


def typed(item: object) -> str:
    """Tell the type of an item. Raises UnnamedError where nothing does."""
    kind = kind_of(item)
    if kind is None:
        raise UnnamedError
    return kind


def named(value: object) -> str | None:
    """Give a string that can be an id, or None."""
    return value if isinstance(value, str) and value else None


def mend_item(patch: Patch, at: At, phase: Phase, wanted: Wanted) -> None:
    """Make the object at a place the item that it has to be. Raises UnnamedError, LostError."""
    item: dict[str, Any] = patch.at(at)
    if item.get("type") != wanted.type:
        patch.set((*at, "type"), wanted.type, "item.type-changed" if named(item.get("type")) else "item.type-missing")
    if item.get("id") != wanted.id:
        code = wanted.id_code if named(item.get("id")) else "item.id-missing"
        patch.set((*at, "id"), wanted.id, code, kind="invented" if wanted.new else "mended")
    _uncall(patch, at, wanted)
    if wanted.type == "message":
        _parts(patch, (*at, "content"), phase, wanted)
        if phase in {"done", "body"} and item.get("role") != "assistant":
            patch.set((*at, "role"), "assistant", "item.role-invalid")
    elif wanted.type == "reasoning":
        _parts(patch, (*at, "summary"), phase, wanted)
        if item.get("content") is not None:
            _parts(patch, (*at, "content"), phase, wanted)
    elif wanted.type in CALLS:
        _call(patch, at, phase, wanted)
    elif wanted.type == "web_search_call" and not isinstance(item.get("status"), str):
        status = "in_progress" if phase == "added" else "completed"
        patch.set((*at, "status"), status, "item.status-missing")
    elif wanted.type not in PREFIXES and item.get("call_id") != wanted.call_id:
        code = wanted.call_code if named(item.get("call_id")) else "item.call-id-missing"
        patch.set((*at, "call_id"), wanted.call_id, code)


def _uncall(patch: Patch, at: At, wanted: Wanted) -> None:
    """Take a ``call_id`` that is no text off an item that needs none."""
    if wanted.type in _UNCALLED and not isinstance(patch.at(at).get("call_id"), str | None):
        patch.remove((*at, "call_id"), "item.call-id-missing", "removed: it is no text")


def _call(patch: Patch, at: At, phase: Phase, wanted: Wanted) -> None:
    item: dict[str, Any] = patch.at(at)
    if wanted.call_id is not None and item.get("call_id") != wanted.call_id:
        code = wanted.call_code if named(item.get("call_id")) else "item.call-id-missing"
        patch.set((*at, "call_id"), wanted.call_id, code, kind="invented" if wanted.new else "mended")
    if named(item.get("name")) is None:
        if wanted.name is None:
            raise UnnamedError
        patch.set((*at, "name"), wanted.name, "item.name-missing")
    field = CALLS[wanted.type]
    given = item.get(field)
    if not isinstance(given, str):
        text = "" if phase == "added" else streamed_or(wanted, given)
        patch.set((*at, field), text, "item.arguments-invalid")
    elif not given and phase == "done" and (text := wanted.text("", 0)):
        patch.set((*at, field), text, "item.arguments-invalid", "what was streamed put in")
    if phase == "done" and not (isinstance(item.get("status"), str) and item["status"] in _STATUSES):
        patch.set((*at, "status"), "completed", "item.status-missing")


def streamed_or(wanted: Wanted, given: object) -> str:
    """Give a call's arguments: what was streamed of them, else what stands there as JSON."""
    return wanted.text("", 0) or ("" if given is None else encode(given).decode())


def _made_part(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": text, **({"annotations": []} if kind == "output_text" else {})}


def _parts(patch: Patch, at: At, phase: Phase, wanted: Wanted) -> None:
    """Mend a list of parts."""
    item, field = patch.at(at[:-1]), str(at[-1])
    default = "summary_text" if field == "summary" else "output_text" if wanted.type == "message" else "reasoning_text"
    given = item.get(field)
    if not isinstance(given, list):
        made = [_made_part(default, given)] if isinstance(given, str) and given else []
        patch.set(at, made or ([] if phase == "added" else wanted.parts(field)), "item.content-invalid")
        given = patch.at(at)
    elif not given and phase == "done" and wanted.type == "message" and (parts := wanted.parts(field)):
        patch.set(at, parts, "item.content-invalid", "what was streamed put in")
        given = parts
    for index, part in enumerate(given):
        if not isinstance(part, dict):
            text = part if isinstance(part, str) else "" if phase == "added" else wanted.text(field, index)
            patch.set(
                (*at, index),
                _made_part(default, text),
                "item.content-invalid" if field == "summary" else "part.missing",
            )
            continue
        mend_part(patch, (*at, index), field, default, lambda at=index: _text(phase, wanted, field, at))  # type: ignore[misc] # binds the loop's value
        if phase == "body" and part.get("type") == "output_text" and not isinstance(part.get("annotations"), list):
            patch.set((*at, index, "annotations"), [], "part.annotations-missing")


def _text(phase: Phase, wanted: Wanted, family: str, index: int) -> str:
    return "" if phase == "added" else wanted.text(family, index)


def mend_part(patch: Patch, at: At, family: str, default: str, text: Callable[[], str]) -> None:
    """Make the object at a place a part; ``text`` gives what was streamed into it."""
    part: dict[str, Any] = patch.at(at)
    kind = named(part.get("type"))
    if family == "summary":
        kind = "summary_text"
    elif kind is None:
        kind = "refusal" if "refusal" in part else default
        patch.set((*at, "type"), kind, "part.type-missing")
    if kind in _PARTS and not isinstance(part.get(text_field(kind)), str):
        patch.set((*at, text_field(kind)), text(), "part.text-invalid")


def mend_usage(patch: Patch, at: At) -> None:
    """Make the value at a place a usage object, or null if it counts nothing."""
    usage = patch.at(at[:-1]).get(at[-1])
    if usage is None or _is_usage(usage):
        return
    counts = loose.openai_counts(usage)
    if not isinstance(usage, dict) or (counts.input is None and counts.output is None):
        patch.set(at, None, "usage.invalid", kind="mended" if not usage else "lost")
        return
    wholes = {"input_tokens": counts.input or 0, "output_tokens": counts.output or 0}
    total = loose.count(usage.get("total_tokens"))
    wholes["total_tokens"] = sum(wholes.values()) if total is None else total
    for name, count in wholes.items():
        if not _is_count(usage.get(name)):
            patch.set((*at, name), count, "usage.invalid")
    thought = loose.count(loose.field(usage, "completion_tokens_details", "reasoning_tokens"))
    _mend_details(patch, at, "input_tokens_details", "cached_tokens", counts.cached or 0)
    _mend_details(patch, at, "output_tokens_details", "reasoning_tokens", thought or 0)


def _mend_details(patch: Patch, at: At, name: str, counter: str, count: int) -> None:
    details = patch.at(at).get(name)
    if not isinstance(details, dict):
        patch.set((*at, name), {counter: count}, "usage.invalid")
    elif not _is_count(details.get(counter)):
        known = loose.count(details.get(counter))
        patch.set((*at, name, counter), count if known is None else known, "usage.invalid")


def _is_count(value: object) -> bool:
    return type(value) is int and abs(value) < _MAX_COUNT


def _is_usage(usage: object) -> bool:
    """Tell whether the contract takes the usage as it is."""
    if not isinstance(usage, dict):
        return False
    details = (("input_tokens_details", "cached_tokens"), ("output_tokens_details", "reasoning_tokens"))
    return all(_is_count(usage.get(name)) for name in ("input_tokens", "output_tokens", "total_tokens")) and all(
        usage.get(name) is None or (isinstance(usage[name], dict) and _is_count(usage[name].get(counter)))
        for name, counter in details
    )
