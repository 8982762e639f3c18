"""What an LLM flow is, shown by mitmproxy's own tools: *LLM conversation*, *LLM events*, *LLM diff*.

They are contentviews of mitmproxy 12, in its console, in mitmweb and in what mitmdump prints. The first is chosen by
itself for LLM flows; all others look as if Wiremend were not there. A view only reads: what is known of a flow besides
what it shows is in its capture, or, while it is fresh, in :mod:`~wiremend.mitm.originals`. Whatever fails in here gives
one line that says so, and the body as it is (G7).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mitmproxy import contentviews, ctx, http

from wiremend.captures.capture import Body, Request, Response
from wiremend.captures.scrub_names import judge
from wiremend.codings import decode
from wiremend.errors import BodyError, CaptureError
from wiremend.explain.conversation import conversation, frame
from wiremend.explain.conversation_text import shown_lines
from wiremend.explain.difference import request_difference, response_difference
from wiremend.explain.events import body_checked, events, message
from wiremend.mitm.convert import headers_of
from wiremend.mitm.exchange import METADATA
from wiremend.mitm.flows import capture_of, is_ours
from wiremend.mitm.telling import in_mitmweb
from wiremend.pipeline.shapes import shape_of, undeclared_coding
from wiremend.protocols import WIRES
from wiremend.rules.conditions import looked_at
from wiremend.rules.facts import wire_of
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Collection

    from mitmproxy.contentviews import Metadata, SyntaxHighlight

    from wiremend.captures.capture import Capture
    from wiremend.mitm.house import House
    from wiremend.protocols.base import WireName

CHOSEN: Final = 3.0
"""The priority of the conversation; that of mitmproxy's own views is 2 at most."""

OFFERED: Final = 0.0
NOT_FOR_THIS: Final = -1.0

_WIDTH: Final = 80
"""Columns where nobody knows them: what mitmweb has room for beside the list, on a page of 1400 pixels."""

_NARROWEST: Final = 60
_PEEK: Final = 64 * 1024
_RAW: Final = (400, 40_000)
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a flow besides what it shows; ``why`` says what is missing, and for what reason.

    ``request`` is the client's, as it came, ``capture`` the whole exchange, ``keep`` the headers without secrets.
    """

    capture: Capture | None = None
    request: Request | None = None
    keep: Collection[str] = ()
    why: str = ""


class Views:
    """Registers the views when mitmproxy loads the script."""

    def __init__(self, house: House) -> None:
        """Keep the house, which has what is fresh."""
        self.views: tuple[View, ...] = (Conversation(house), Events(house), Difference(house))

    def load(self, loader: object) -> None:  # noqa: ARG002 - mitmproxy's hook
        """Register."""
        for view in self.views:
            contentviews.add(view)


class View(contentviews.Contentview):
    """One view. A subclass says how it shows a body, and a message of a WebSocket."""

    title = ""
    priority = OFFERED

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house

    @property
    def name(self) -> str:
        """The name by which mitmproxy lists it."""
        return self.title

    @property
    def syntax_highlight(self) -> SyntaxHighlight:
        """None: these are no text of a programming language."""
        return "none"

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Say how fit the view is for a body: those of LLM flows only."""
        flow = metadata.flow
        if not data or not isinstance(flow, http.HTTPFlow) or not _is_llm(flow, metadata, data):
            return NOT_FOR_THIS
        return self.priority

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Show a body. Never raises."""
        shown = self._shown(data, metadata)
        # The page makes a box of each line, and an empty one has no height.
        return "\n".join(line or " " for line in shown.split("\n")) if in_mitmweb() else shown

    def _shown(self, data: bytes, metadata: Metadata) -> str:
        try:
            flow = metadata.flow if isinstance(metadata.flow, http.HTTPFlow) else None
            if metadata.websocket_message is not None:
                return self.frame(data, flow, metadata)
            asks = not isinstance(metadata.http_message, http.Response)
            return self.show(_readable(data), flow, asks=asks)
        except CaptureError as error:
            return "\n".join([f"the capture in this flow cannot be read: {error}", "", *_as_it_is(data)])
        except Exception as error:  # noqa: BLE001 - the edge (G7): a view must not break what shows it
            said = f"Wiremend failed to show this ({type(error).__name__}); as it is:"
            return "\n".join([said, "", *_as_it_is(data)])

    def show(self, data: bytes, flow: http.HTTPFlow | None, *, asks: bool) -> str:
        """Show a body; ``asks`` tells a request's from a reply's. ``flow`` is None where there are bytes alone."""
        raise NotImplementedError

    def frame(self, data: bytes, flow: http.HTTPFlow | None, metadata: Metadata) -> str:
        """Show a message of a WebSocket."""
        raise NotImplementedError

    def known(self, flow: http.HTTPFlow) -> Known:
        """Look up what is known of a flow. Raises CaptureError where it is a broken one of ours."""
        if is_ours(flow):
            capture = capture_of(flow)
            return Known(capture, capture.request, _scrubbed_names(capture))
        one = self.house.originals.find(flow.id)
        if one is None:
            recorded = isinstance(flow.metadata.get(METADATA), dict)
            why = (
                "it is not at hand any more; `wiremend captures show` has it" if recorded else "Wiremend did not see it"
            )
            return Known(why=f"the other side is not known: {why}")
        asked = one.request
        came = Request(asked.method, asked.scheme, asked.host, asked.port, asked.target, asked.headers, asked.body)
        keep = looked_at(one.exchange.resolved.rules) if one.exchange is not None else ()
        why = "the exchange is still under way" if not one.size else "captures are off"
        return Known(self.house.originals.capture(flow.id), came, keep, f"what the provider sent is not known: {why}")


class Conversation(View):
    """Roles, texts, thinking, tool calls, usage: what was said."""

    title = "LLM conversation"
    priority = CHOSEN

    def show(self, data: bytes, flow: http.HTTPFlow | None, *, asks: bool) -> str:
        """Show a body."""
        return conversation(data, asks=asks, wire=wire_in(flow, asks=asks) if flow is not None else None)

    def frame(self, data: bytes, flow: http.HTTPFlow | None, metadata: Metadata) -> str:  # noqa: ARG002 - as above
        """Show a message of a WebSocket."""
        shown = metadata.websocket_message
        return frame(data, from_client=shown is not None and shown.from_client)


class Events(View):
    """A stream, event by event: when each came, what became of it, what its contract says."""

    title = "LLM events"

    def show(self, data: bytes, flow: http.HTTPFlow | None, *, asks: bool) -> str:
        """Show a body."""
        if asks:
            return "a request has no events; those of its reply are shown at the response"
        wire = wire_in(flow, asks=False) if flow is not None else None
        capture = self.known(flow).capture if flow is not None else None
        attempt = capture.attempt if capture is not None else None
        came = attempt.response if attempt is not None else None
        upstream_wire = _named(attempt.decision.get("wire")) if attempt is not None else None
        notes = capture.notes if capture is not None else ()
        if not _streams(data):
            status = flow.response.status_code if flow is not None and flow.response is not None else _OK
            said = body_checked(data, wire, status)
            if came is None or not _streams(came.body.data):
                return said
            said = f"to the client: {said}; these came from the provider:"
            return f"{said}\n{events(came, upstream_wire or wire, width(), notes=notes)}"
        given = Response(_OK, body=Body(data))
        if capture is not None and capture.answer is not None and capture.answer.body.data:
            given = capture.answer
        return events(given, wire, width(), upstream=came, upstream_wire=upstream_wire, notes=notes)

    def frame(self, data: bytes, flow: http.HTTPFlow | None, metadata: Metadata) -> str:
        """Show a message of a WebSocket: its place among the others, and the time since the one before."""
        messages = flow.websocket.messages if flow is not None and flow.websocket is not None else []
        shown = metadata.websocket_message
        place = next((number for number, one in enumerate(messages) if one is shown), None)
        since = None
        if place:
            since = round((messages[place].timestamp - messages[place - 1].timestamp) * 1_000_000)
        return message(data, None if place is None else place + 1, since, width())


class Difference(View):
    """The client's side against the upstream's."""

    title = "LLM diff"

    def show(self, data: bytes, flow: http.HTTPFlow | None, *, asks: bool) -> str:
        """Show what differs."""
        if flow is None:
            return "there is no other side of bytes alone"
        known = self.known(flow)
        attempt = known.capture.attempt if known.capture is not None else None
        if asks:
            return _requests(flow, known, attempt.request if attempt is not None else None)
        answer = known.capture.answer if known.capture is not None else None
        came = attempt.response if attempt is not None else None
        if known.capture is not None and attempt is None:
            return "no provider was asked: the answer is Wiremend's own"
        if answer is None or came is None:
            return known.why or "the other side is not known: one of them was not recorded"
        if data and not came.body.data and not answer.body.data:
            return "too large to be at hand; `wiremend captures show` has both sides"
        capture = known.capture
        wires = (capture.upstream_wire, capture.wire) if capture is not None else (None, None)
        return response_difference(came, answer, width(), known.keep, wires)

    def frame(self, data: bytes, flow: http.HTTPFlow | None, metadata: Metadata) -> str:  # noqa: ARG002 - as above
        """Say that there is nothing to show."""
        return "messages of a WebSocket go through as they are"


def _requests(flow: http.HTTPFlow, known: Known, left: Request | None) -> str:
    if known.request is None:
        return known.why
    if left is None:
        if known.capture is not None:
            return "no provider was asked, so nothing left"
        request = flow.request
        if flow.response is not None and flow.response.headers.get("x-wiremend") == "refused":
            return "no provider was asked, so nothing left"
        left = Request(
            method=request.method,
            scheme=request.scheme,
            host=request.host,
            port=request.port,
            target=request.path,
            headers=headers_of(request),
            body=request.raw_content or b"",
        )
    return request_difference(known.request, left, width(), known.keep)


# -- what a flow is


def wire_in(flow: http.HTTPFlow, *, asks: bool = True) -> WireName | None:
    """Tell the wire of what a flow shows, by its path, else by what was noted of it; None where it is none.

    Of a translated flow mitmproxy has the request as it left, and the response (not ``asks``) as the client got it.
    """
    found = locate(flow.request.path)
    seen = flow.metadata.get(METADATA)
    if not asks and isinstance(seen, dict) and found is not None and found.endpoint.kind == "generate":
        return _named(seen.get("wire")) or wire_of(found, headers_of(flow.request))
    if found is not None and found.endpoint.kind in {"generate", "count"}:
        return wire_of(found, headers_of(flow.request))
    return _named(seen.get("wire")) if found is None and isinstance(seen, dict) else None


def _streams(data: bytes) -> bool:
    return shape_of(data[:_PEEK], ended=True) == "stream"


def _scrubbed_names(capture: Capture) -> Collection[str]:
    """Name the headers of a capture of which nobody knows what they hold: what was secret in them is replaced in it."""
    messages = [capture.request, capture.answer]
    for attempt in capture.attempts:
        messages += [attempt.request, attempt.response]
    names = {name.lower() for one in messages if one is not None for name, _ in one.headers}
    return {name for name in names if judge(name) == "unknown"}


def _named(name: object) -> WireName | None:
    return next((wire for wire in WIRES if wire == name), None)


def _is_llm(flow: http.HTTPFlow, metadata: Metadata, data: bytes) -> bool:
    """Tell whether a body is part of a conversation: others have paths that end like ours, so looks count as well."""
    if wire_in(flow) is None:
        return False
    found = locate(flow.request.path)
    if found is not None and found.endpoint.kind == "count" and isinstance(metadata.http_message, http.Response):
        return False
    if METADATA in flow.metadata:
        return True
    if metadata.websocket_message is not None:
        return b'"type"' in data[:_PEEK]
    asked = flow.request.raw_content or b""
    coded = "content-encoding" in flow.request.headers
    return flow.request.method == "POST" and (coded or b'"model"' in asked)


def width() -> int:
    """Give the columns that there are: the terminal's, under mitmproxy's console; elsewhere a common width."""
    console = type(getattr(ctx, "master", None)).__name__ == "ConsoleMaster"
    columns = shutil.get_terminal_size((_WIDTH, 0)).columns if console else _WIDTH
    return max(columns, _NARROWEST)


def _readable(data: bytes) -> bytes:
    """Undo a coding that the head did not declare."""
    coding = undeclared_coding(data[:16])
    try:
        return decode(data, coding) if coding is not None else data
    except BodyError:
        return data


def _as_it_is(data: bytes) -> list[str]:
    return [*shown_lines(data[: _RAW[1] * 4].decode("utf-8", "backslashreplace"), *_RAW)]
