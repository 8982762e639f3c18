"""A body as the conversation it is: roles, texts, thinking folded, tool calls with their arguments, usage, the end.

It is read leniently, by its looks where its path says nothing, and shortened early: what is long is shown by its
beginning and its length, and of a long history the turns before the last ones by a line for each part. Where that is
more than mitmproxy shows at once, the last turns come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.explain.conversation_parts import Part, Turn
from wiremend.explain.conversation_reply import Replied, looks_replied, tally_of, told, turns_in
from wiremend.explain.conversation_request import asked, looks_asked, wire_by_looks
from wiremend.explain.conversation_stream import Assembly, events_in
from wiremend.explain.conversation_text import clean, laid_out, many, one_line, read, shown_lines
from wiremend.families import scrubbed
from wiremend.pipeline.shapes import shape_of
from wiremend.protocols import loose
from wiremend.quirks.base import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wiremend.protocols.base import WireName

WHOLE: Final = 20
"""Turns at the end of a request that are shown whole, as far as they are not too long themselves."""

AT_ONCE: Final = 512
"""Lines that mitmproxy and mitmweb show before they are asked for more (option ``content_view_lines_cutoff``)."""

_ROOM: Final = 300
"""Lines for the turns that are shown whole; the last one is whatever it takes."""

_TEXT: Final = (120, 8_000)
"""Lines and characters of a text in a request; a reply's own are shown whole up to :data:`_REPLY`."""

_REPLY: Final = (5_000, 400_000)
_SYSTEM: Final = (4, 400)
_RESULT: Final = (12, 1_200)
_TOOLS: Final = 300
_ABOVE: Final = 30
"""Lines that the head of a request takes, in round numbers."""

_RAW: Final = (400, 40_000)
_PEEK: Final = 64 * 1024
_TOO_DEEP: Final = "this JSON is nested too deep"


def conversation(data: bytes, *, asks: bool, wire: WireName | None = None) -> str:
    """Give a body as a conversation; ``asks`` tells a request from a reply, ``wire`` is what its path says.

    What is no conversation is shown as it is, under a line that says so. Never raises on any bytes.
    """
    try:
        return "\n".join(_lines(data, asks=asks, wire=wire))
    except RecursionError:
        return "\n".join(_as_it_is(data, _TOO_DEEP))


def frame(data: bytes, *, from_client: bool) -> str:
    """Give one message of a WebSocket: a request, or one event of the reply. Never raises on any bytes."""
    try:
        return "\n".join(_frame(read(data), from_client=from_client))
    except RecursionError:
        return "\n".join(_as_it_is(data, _TOO_DEEP))
    except ValueError:
        return "\n".join(_as_it_is(data, "this message is no JSON"))


# -- what it is


def _lines(data: bytes, *, asks: bool, wire: WireName | None) -> Iterator[str]:
    if not data.strip():
        yield "nothing was sent" if asks else "an empty body"
        return
    if shape_of(data[:_PEEK], ended=True) == "stream":
        yield from _stream(data, wire)
        return
    try:
        body = read(data)
    except ValueError as error:
        yield from _as_it_is(data, f"this is no JSON ({one_line(str(error))})")
        return
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # an error, in a list
    replied = looks_replied(body)
    if isinstance(body, dict) and looks_asked(body) and (asks or replied is None):
        yield from _asked(body, wire or wire_by_looks(body))
    elif isinstance(body, dict) and (replied is not None or not asks):
        yield from _whole(body, data, replied or wire)
    else:
        yield "this JSON is no conversation"
        yield from laid_out(body, *_RAW)


def _as_it_is(data: bytes, why: str) -> Iterator[str]:
    yield f"{why}; as it is:"
    yield from shown_lines(data[: _RAW[1] * 4].decode("utf-8", "backslashreplace"), *_RAW)


# -- a request


def _asked(body: dict[str, Any], wire: str) -> Iterator[str]:
    found = asked(body)
    yield " · ".join([wire, *found.head])
    if found.system:
        words = "\n".join(part.text for part in found.system if part.text)
        pieces = f"{many(len(found.system), 'part')}, " if len(found.system) > 1 else ""
        yield ""
        yield f"system ({pieces}{many(len(words), 'character')})"
        yield from _set_in(shown_lines(words, *_SYSTEM))
    if found.tools:
        rest = f", and {len(found.tools) - _TOOLS} more" if len(found.tools) > _TOOLS else ""
        yield ""
        yield f"tools ({len(found.tools)})"
        yield f"  {', '.join(found.tools[:_TOOLS])}{rest}"
    yield from _history(found.turns)


def _history(turns: list[Turn]) -> Iterator[str]:
    whole: list[list[str]] = []
    used = 0
    for number, turn in zip(range(len(turns), 0, -1), reversed(turns[-WHOLE:]), strict=False):
        shown = ["", f"{number} {clean(turn.role)}", *_set_in(_parts(turn, _TEXT))]
        used += len(shown)
        if whole and used > _ROOM:
            break
        whole.append(shown)
    older = turns[: len(turns) - len(whole)]
    last = [line for shown in reversed(whole) for line in shown]
    if not older:
        yield from last
        return
    folded = [line for number, turn in enumerate(older, 1) for line in _folded(number, turn)]
    head = ["", f"the first {many(len(older), 'turn')}, by a line for each part"]
    if len(folded) + len(last) <= AT_ONCE - _ABOVE:
        yield from (*head, *folded, *last)
        return
    yield ""
    yield f"the last {many(len(whole), 'turn')} of {len(turns):,}; those before are below"
    yield from (*last, *head, *folded)


def _folded(number: int, turn: Turn) -> Iterator[str]:
    head = f"{number} {clean(turn.role)}"
    for part in turn.parts or [Part("text")]:
        words = _title(part)
        text = one_line(part.text)
        long = f" ({many(len(part.text), 'character')})" if len(part.text) > len(text) else ""
        yield "  ".join(piece for piece in (head, words, f"{text}{long}") if piece)
        head = " " * len(head)


def _title(part: Part) -> str:
    match part.kind:
        case "text":
            return part.title
        case "thinking":
            return "thinking" + (f" ({part.title})" if part.title else "")
        case "call":
            return f"→ {part.title}"
        case "result":
            return f"← result of {part.title}" + (" (it failed)" if part.failed else "")
        case "media":
            return f"[{part.title}]"
        case _:
            return f"[{clean(part.title)}]" if part.title else ""


def _parts(turn: Turn, most: tuple[int, int]) -> Iterator[str]:
    if not turn.parts:
        yield "(nothing)"
    for part in turn.parts:
        match part.kind:
            case "text":
                if part.title:
                    yield f"{part.title}:"
                yield from shown_lines(part.text, *most)
            case "thinking":
                remark = f", {part.title}" if part.title else ""
                yield f"thinking ({many(len(part.text), 'character')}{remark}): {one_line(part.text)}".rstrip(": ")
            case "call":
                yield _title(part) + (" (its arguments are no JSON)" if part.failed else "")
                inner = shown_lines(part.text, *most) if part.text else laid_out(part.value)
                yield from _set_in(inner if part.text or part.value is not None else ())
            case "result":
                yield f"{_title(part)}, {many(len(part.text), 'character')}"
                yield from _set_in(shown_lines(part.text, *_RESULT) if part.text else ())
            case "media":
                yield _title(part)
                yield from shown_lines(part.text, *_RESULT) if part.text else ()
            case _:
                yield f"{_title(part)} {one_line(part.text, 400)}".strip()


def _set_in(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {line}" if line else ""


# -- a reply


def _whole(body: dict[str, Any], data: bytes, wire: WireName | None) -> Iterator[str]:
    replied = Replied([wire] if wire is not None else [])
    tally = tally_of(wire or "chat", data)
    told(replied, tally, body.get("usage"))
    replied.turns = turns_in(body)
    if not replied.turns and not replied.error:
        yield from filter(None, [" · ".join(replied.head)])
        yield from laid_out(body, *_RAW)
        return
    number = loose.text(body.get("id"))
    if number:
        replied.head.append(one_line(number))
    yield from _replied(replied)


def _stream(data: bytes, wire: WireName | None) -> Iterator[str]:
    events, whole = events_in(data)
    assembly = Assembly()
    for event in events:
        assembly.feed(event)
    named = assembly.wire or wire
    replied = Replied([named] if named is not None else [])
    told(replied, tally_of(named or "chat", events), assembly.usage)
    count = sum(1 for event in events if event.data is not None)
    replied.head += [one_line(assembly.number)] if assembly.number else []
    replied.head.append(f"stream of {many(count, 'event')}")
    if assembly.unreadable:
        replied.head.append(f"{many(assembly.unreadable, 'event')} no JSON")
    replied.turns = turns_in(assembly.body())
    if not whole:
        replied.end = f"the stream breaks off inside event {count}"
    elif not assembly.ended and not replied.error:
        replied.end = f"the stream breaks off behind event {count}, without an end"
    yield from _replied(replied)


def _replied(replied: Replied) -> Iterator[str]:
    yield " · ".join(replied.head) or "a reply"
    for turn in replied.turns:
        yield ""
        yield clean(turn.role)
        yield from _set_in(_parts(turn, _REPLY))
    last = [("usage", replied.usage), ("stop", replied.stop), ("error", scrubbed(replied.error)), ("cut", replied.end)]
    said = [f"{label}: {clean(text)}" for label, text in last if text]
    if said:
        yield ""
        yield from said


# -- a message of a WebSocket


def _frame(document: object, *, from_client: bool) -> Iterator[str]:
    if not isinstance(document, dict):
        yield from laid_out(document)
        return
    inner = document.get("response")
    body = inner if isinstance(inner, dict) else document
    if from_client and looks_asked(body):
        yield from filter(None, [clean(loose.text(document.get("type")) or "")])
        yield from _asked(body, "responses")
    else:
        yield from _event(document)


def _event(document: dict[str, Any]) -> Iterator[str]:
    kind = loose.text(document.get("type")) or "a message without a type"
    response = document.get("response")
    if isinstance(response, dict) and (response.get("output") or response.get("error") or response.get("usage")):
        replied = told(Replied([clean(kind)]), tally_of("responses", encoded(document)), response.get("usage"))
        replied.turns = [turn for turn in turns_in(response) if turn.parts]
        yield from _replied(replied)
        return
    yield clean(kind)
    delta = document.get("delta")
    if isinstance(delta, str):
        yield from _set_in(shown_lines(delta, *_REPLY))
    elif document.get("item") is not None or document.get("part") is not None:
        inner = document.get("item") if document.get("item") is not None else document.get("part")
        turns = turns_in({"output": [inner]})
        yield from _set_in(_parts(turns[0], _REPLY) if turns and turns[0].parts else laid_out(inner))
    elif loose.text(document.get("text")) or loose.text(document.get("arguments")):
        yield from _set_in(shown_lines(document.get("text") or document["arguments"], *_REPLY))
    else:
        rest = {name: value for name, value in document.items() if name not in {"type", "sequence_number"}}
        yield from _set_in(laid_out(rest) if rest else ())
