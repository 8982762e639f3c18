"""The client's side against the upstream's: a request from the client's to the one that left, a reply the other way.

Lines that begin with ``-`` are of the side that it comes from, those with ``+`` of the one that it goes to. Of a
credential its prefix is shown (G8).
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from wiremend.captures.scrub import header_places
from wiremend.captures.scrub_places import as_bytes, as_text, target_places
from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.explain.conversation import conversation
from wiremend.explain.conversation_text import clean, cut_to, many, one_line, read, size
from wiremend.explain.events_pairs import pairs, stream_of
from wiremend.explain.patch import difference as operations
from wiremend.families import scrubbed, shown
from wiremend.headers import HOP_BY_HOP
from wiremend.pipeline.shapes import shape_of, undeclared_coding
from wiremend.quirks.base import encoded
from wiremend.replay.beside import beside
from wiremend.rules.urls import authority

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from wiremend.captures.capture import Request, Response
    from wiremend.captures.scrub_places import Place
    from wiremend.explain.events_pairs import Pair
    from wiremend.headers import Headers
    from wiremend.protocols.base import WireName

MOST: Final = 300
"""Differences that are listed."""

_FRAMING: Final = HOP_BY_HOP | {"content-length", "host"}
_PEEK: Final = 64 * 1024
_TEXT: Final = 20_000
_LINES: Final = 1000
"""Lines of what a reply says that are compared with the other side's."""

_UNREADABLE: Final = (ValueError, RecursionError)


def request_difference(client: Request, upstream: Request, width: int, keep: Collection[str] = ()) -> str:
    """Give what differs between the request that came and the one that left; ``keep`` names headers without secrets."""
    lines = ["- what the client sent", "+ what left for the provider", ""]
    found = [
        *_line("method", client.method, upstream.method, width),
        *_line("url", _url(client), _url(upstream), width),
        *_headers(client.headers, upstream.headers, width, keep),
    ]
    found += _bodies(client.body, upstream.body, client.headers, upstream.headers, width)
    return "\n".join([*lines, *(found or ["nothing differs"])])


def response_difference(
    upstream: Response,
    client: Response,
    width: int,
    keep: Collection[str] = (),
    wires: tuple[WireName | None, WireName | None] = (None, None),
) -> str:
    """Give what differs between the reply that came and the one that the client got.

    ``wires`` are the provider's and the client's. Where they are two, no event of one is one of the other, and what
    the two replies say is compared: words, calls, usage, and why it ended.
    """
    lines = ["- what the provider sent", "+ what the client got", ""]
    found = [
        *_line("status", str(upstream.status), str(client.status), width),
        *_headers(upstream.headers, client.headers, width, keep),
    ]
    sides = (_plain(upstream.body.data, upstream.headers), _plain(client.body.data, client.headers))
    if wires[0] != wires[1]:
        found += _said(sides, wires, width)
    elif all(shape_of(side[:_PEEK], ended=True) == "stream" for side in sides):
        found += _events(upstream, client, width)
    else:
        found += _bodies(upstream.body.data, client.body.data, upstream.headers, client.headers, width)
    return "\n".join([*lines, *(found or ["nothing differs"])])


def _said(sides: tuple[bytes, bytes], wires: tuple[WireName | None, WireName | None], width: int) -> Iterator[str]:
    """Give what two replies say differently, each read on its own wire."""
    yield f"  translated from the {wires[0]} wire to the {wires[1]} wire; what either says:"
    old, new = (conversation(side, asks=False, wire=wire).splitlines() for side, wire in zip(sides, wires, strict=True))
    old, new = old[:_LINES], new[:_LINES]
    for _, first, last, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        same = old[first:last] == new[start:stop]
        lines = [("  ", line) for line in old[first:last]] if same else []
        lines = lines or [*(("- ", line) for line in old[first:last]), *(("+ ", line) for line in new[start:stop])]
        yield from (scrubbed(cut_to(f"{mark}{line}".rstrip(), width)) for mark, line in lines)


# -- heads


def _url(request: Request) -> str:
    url = request.target
    if request.host is not None:
        url = f"{request.scheme}://{authority(request.scheme, request.host, request.port)}{request.target}"
    return _without(url, target_places(as_bytes(url)))


def _headers(before: Headers, after: Headers, width: int, keep: Collection[str]) -> Iterator[str]:
    for name in dict.fromkeys(name.lower() for headers in (before, after) for name, _ in headers):
        if name in _FRAMING:
            continue
        old, new = before.get_all(name), after.get_all(name)
        if old == new:
            continue
        left, right = (
            ", ".join(header_shown(name, value, keep) for value in values) if values else None for values in (old, new)
        )
        if left == right:
            yield f"  header {clean(name)}: {left} (another one)"
        else:
            yield from _line(f"header {clean(name)}", left, right, width)


def header_shown(name: str, value: str, keep: Collection[str] = ()) -> str:
    """Give a header's value without credentials: of what is or may be one its prefix; of an id nothing."""
    return _without(value, header_places(name, value, keep))


def _without(text: str, places: list[Place]) -> str:
    data, made, at = as_bytes(text), bytearray(), 0
    for place in sorted(places):
        if place.start >= at:
            made += data[at : place.start] + ("…" if place.is_id else shown(place.value)).encode()
        at = max(at, place.end)
    return scrubbed(as_text(bytes(made) + data[at:]))


# -- bodies


def _bodies(  # noqa: PLR0913, PLR0917 - two bodies and their headers
    before: bytes, after: bytes, heads: Headers, other: Headers, width: int, where: str = "body"
) -> Iterator[str]:
    if before == after:
        return
    old, new = _plain(before, heads), _plain(after, other)
    if old == new:
        yield f"  {where}: the same, in another coding"
        return
    try:
        one, two = read(old), read(new)
        changes = [*operations(one, two)]
    except _UNREADABLE:
        yield from _texts(where, old, new, width)
        return
    yield f"  {where}: {size(len(old))} → {size(len(new))}, " + (
        f"{many(len(changes), 'difference')}" if changes else "the same values in other bytes"
    )
    yield from _changes(changes, width)


def _changes(changes: list[dict[str, object]], width: int) -> Iterator[str]:
    for change in changes[:MOST]:
        old = _json(change["was"]) if "was" in change else None
        new = _json(change["value"]) if "value" in change else None
        yield from _line(str(change["path"]) or "(the whole)", old, new, width)
    if len(changes) > MOST:
        yield f"… {many(len(changes) - MOST, 'more difference')}"


def _texts(where: str, old: bytes, new: bytes, width: int) -> Iterator[str]:
    yield f"  {where}: {size(len(old))} → {size(len(new))}"
    left, right = (_data(side or None) for side in (old, new))
    yield from _line(where, left, right, width)


def _plain(data: bytes, headers: Headers) -> bytes:
    coding = headers.joined("content-encoding") or undeclared_coding(data[:16])
    try:
        return decode(data, coding) if data and coding else data
    except BodyError:
        return data


def _json(value: object) -> str:
    return scrubbed(encoded(value)[:_TEXT].decode("utf-8", "replace"))


# -- events


def _events(upstream: Response, client: Response, width: int) -> Iterator[str]:
    if upstream.body.data == client.body.data:
        return
    lined_up = pairs(stream_of(upstream).events, stream_of(client).events)
    differ = [pair for pair in lined_up if not pair.same]
    for pair in differ[:MOST]:
        yield from _event(pair, width)
    if len(differ) > MOST:
        yield f"… {many(len(differ) - MOST, 'more event')} that differ"
    if not differ:
        yield "  the same events in other bytes"
    elif len(differ) < len(lined_up):
        yield f"  {many(len(lined_up) - len(differ), 'event')} went through as they came"


def _event(pair: Pair, width: int) -> Iterator[str]:
    before, after = pair.before, pair.after
    if before is not None and after is not None:
        yield f"  event {before.number} → {after.number}"
        yield from _line("event:", before.event.event, after.event.event, width)
        try:
            yield from _changes([*operations(read(before.event.data or b""), read(after.event.data or b""))], width)
        except _UNREADABLE:
            yield from _line("data", _data(before.event.data), _data(after.event.data), width)
    elif before is not None:
        yield f"  event {before.number} is dropped"
        yield f"- {_shown(before.event.event, before.event.data, width)}"
    elif after is not None:
        yield f"  event → {after.number} is put in"
        yield f"+ {_shown(after.event.event, after.event.data, width)}"


def _shown(name: str | None, data: bytes | None, width: int) -> str:
    if not name and not data:
        return "(empty)"
    head = f"{one_line(name)}  " if name else ""
    return head + cut_to(_data(data) or "", max(width - 2 - len(head), 8))


def _data(data: bytes | None) -> str | None:
    return None if data is None else scrubbed(data[:_TEXT].decode("utf-8", "backslashreplace"))


def _line(where: str, old: str | None, new: str | None, width: int) -> Iterator[str]:
    """Give one difference: its place, and what stands there on either side, cut to where they differ."""
    if old == new:
        return
    room = max(width - 4, 8)
    left, right = beside(old, new, room)
    yield f"  {clean(where)}"
    if old is not None:
        yield f"-   {left.text}"
    if new is not None:
        yield f"+   {right.text}"
