"""Intercepting a reply before its first event, and what a person changed while a flow was held.

mitmproxy's ``intercept`` holds a request when its body is there, which is after it was rewritten: what is shown and
edited is what leaves. A response it holds when its body is there, and of a stream that is when all of it has gone out.
So of a stream the head is held here, by the same filter: status and headers may be edited, and a body that was written
meanwhile is the answer in the place of the stream. At its end it is not held once more.

:class:`Hold` stands between what mends a reply and what remembers it, so that what is remembered is what the client got
(G9). :class:`Last` stands behind all others, mitmproxy's interception among them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mitmproxy import ctx
from mitmproxy.hooks import UpdateHook

from wiremend.mitm.through import Once
from wiremend.notes import Note

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow, Request, Response

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House

type _Seen = tuple[object, ...]

_BY_HAND: Final = "by hand"
_LOOK: Final = 0.2
"""Seconds between two looks whether a flow was killed."""

_PARTS: Final = ("the URL", "headers", "the body")


class Hold:
    """Holds replies that are intercepted."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house
        self.held: set[str] = set()
        """Flows whose reply was held, and is not to be held once more."""

    async def responseheaders(self, flow: HTTPFlow) -> None:
        """Hold the head of a stream until the person lets it go."""
        exchange, response = self.house.exchanges.get(flow.id), flow.response
        if exchange is None or response is None or not response.stream or not _is_wanted(flow):
            return
        self.held.add(flow.id)
        before = _seen_head(response)
        flow.intercept()
        await _released(flow)
        try:
            self._take(flow, exchange, before)
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to take what was written by hand", error)

    async def response(self, flow: HTTPFlow) -> None:
        """Hold a whole reply until the person lets it go."""
        one, response = self.house.originals.find(flow.id), flow.response
        if one is None or response is None or response.stream or not _is_wanted(flow):
            return
        self.held.add(flow.id)
        before = (_seen_head(response), response.raw_content)
        flow.intercept()
        await _released(flow)
        if one.exchange is not None and (_seen_head(response), response.raw_content) != before:
            one.exchange.notes.append(_note("parts", "the reply"))

    def error(self, flow: HTTPFlow) -> None:
        """Forget a flow that broke."""
        self.held.discard(flow.id)

    # -- how

    @staticmethod
    def _take(flow: HTTPFlow, exchange: Exchange, before: _Seen) -> None:
        response = flow.response
        if response is None:
            return
        if _seen_head(response) != before:
            exchange.notes.append(_note("status and headers", "the head of the reply"))
        body = response.raw_content
        if body and response.stream:
            response.stream = Once(body)
            exchange.reply = None  # nothing of the stream is given, so nothing is said of it
            exchange.notes.append(_note("the body", "the reply, in the place of the provider's stream"))


class Last:
    """Waits for a person where a request is held, and lets go at its end what was held at its beginning."""

    name = "wiremend-last"
    """What mitmproxy lists it as."""

    def __init__(self, hold: Hold) -> None:
        """Keep who knows what was held."""
        self.hold = hold

    async def request(self, flow: HTTPFlow) -> None:
        """Wait where a request of ours is held, and note what was changed of it."""
        exchange = self.hold.house.exchanges.get(flow.id)
        if exchange is None or not flow.intercepted:
            return
        before = _seen(flow.request)
        await _released(flow)
        now = _seen(flow.request)
        parts = [name for name, old, new in zip(_PARTS, before, now, strict=True) if old != new]
        if parts:
            exchange.notes.append(_note(" and ".join(parts), "the request that left"))

    def response(self, flow: HTTPFlow) -> None:
        """Do not hold a reply once more."""
        if flow.id in self.hold.held:
            self.hold.held.discard(flow.id)
            flow.resume()


async def _released(flow: HTTPFlow) -> None:
    """Wait until a person lets a flow go, or kills it: of that mitmproxy 12.2.3 tells nobody who waits."""
    ctx.master.addons.trigger(UpdateHook([flow]))
    while flow.intercepted:
        with suppress(TimeoutError):
            await asyncio.wait_for(flow.wait_for_resume(), _LOOK)


def _is_wanted(flow: HTTPFlow) -> bool:
    """Tell whether the user's filter asks for this flow; mitmdump has no such thing."""
    intercept = ctx.master.addons.get("intercept")
    return intercept is not None and bool(intercept.should_intercept(flow))


def _seen(request: Request) -> _Seen:
    return (
        (request.method, request.scheme, request.host, request.port, request.path),
        request.headers.fields,
        request.raw_content,
    )


def _seen_head(response: Response) -> _Seen:
    return response.status_code, response.headers.fields


def _note(what: str, of: str) -> Note:
    return Note("edited", "", _BY_HAND, f"a person changed {what} of {of} while it was held")
