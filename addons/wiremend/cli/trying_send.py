"""One tiny request, as an agent would send it to the gateway, and what came of it."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend import __version__
from wiremend.protocols import WIRES
from wiremend.protocols.failure import failure_of, failure_of_body
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import Tally, WireName

AGENT: Final = f"wiremend-try/{__version__}"
"""What it calls itself, unless it is told otherwise: it is no agent, and does not pass for one."""

_SAY: Final = "Say OK."
_FEW: Final = 16
_BODIES: Final[Mapping[WireName, dict[str, Any]]] = {
    "messages": {"max_tokens": _FEW, "messages": [{"role": "user", "content": _SAY}]},
    "chat": {
        "max_completion_tokens": _FEW,
        "messages": [{"role": "user", "content": _SAY}],
        "stream_options": {"include_usage": True},
    },
    "responses": {"max_output_tokens": _FEW, "input": _SAY, "store": False},
}
_PATHS: Final[Mapping[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
_MOST: Final = 1024 * 1024
"""Bytes of a reply that are read: what says more to "Say OK." is not worth the wait."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; times are seconds since the request left.

    ``status`` is None where no head came. ``error`` is what went wrong in the words of who said it, ``kind`` its
    reading (:data:`wiremend.protocols.base.ErrorKind`, or ``timeout`` and ``upstream`` for what the network did).
    """

    status: int | None
    first_byte: float | None
    total: float
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: str | None = None
    kind: str | None = None


def send(port: int, wire: WireName, model: str, *, timeout: float, user_agent: str = AGENT) -> Reply:
    """Send one request to the gateway on a port of this machine and read the answer to its end.

    ``timeout`` is in seconds, for all of it. Never raises for what the other end does.
    """
    body = json.dumps({"model": model, **_BODIES[wire], "stream": True}).encode()
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "User-Agent": user_agent}
    began = time.monotonic()
    status: int | None = None
    first: float | None = None
    data = bytearray()
    kind = None
    tally = WIRES[wire].tally()
    broke: str | None = None
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        try:
            connection.request("POST", _PATHS[wire], body, {**headers, **WIRES[wire].headers})
            line = connection.sock
            response = connection.getresponse()
            status, kind = response.status, response.getheader("content-type")
            while len(data) < _MOST and (piece := response.read1()):
                first = first or time.monotonic() - began
                data += piece
                line.settimeout(max(began + timeout - time.monotonic(), 0.001))
        except TimeoutError:
            broke = f"no whole answer within {timeout:g} s"
        except (OSError, http.client.HTTPException) as error:
            broke = f"the connection broke: {type(error).__name__}"
    total = time.monotonic() - began
    if broke is not None:
        late = total >= timeout
        return Reply(status, first, total, error=broke, kind="timeout" if late else "upstream")
    return _read(status or 0, bytes(data), kind, tally, (first, total))


def _read(status: int, body: bytes, kind: str | None, tally: Tally, times: tuple[float | None, float]) -> Reply:
    if status != HTTPStatus.OK:
        failure = failure_of_body(body, status, kind)
        return Reply(status, *times, error=failure.message, kind=failure.kind)
    whole = body.lstrip()[:1] == b"{"
    if whole:
        tally.body(body)
    else:
        parser = EventParser()
        for event in (*parser.feed(body), *parser.close()):
            tally.event(event)
    error, reading = tally.error, None
    if error is not None:
        reading = failure_of(_last_document(body) or error).kind
    elif tally.stop_reason is None and not whole:
        error, reading = "the answer has no end", "upstream"
    model, came, went = tally.model, tally.input_tokens, tally.output_tokens
    return Reply(status, *times, model, came, went, error=error, kind=reading)


def _last_document(body: bytes) -> object:
    """Give the JSON of the last event that holds an object: in a stream that failed, the error."""
    lines = [line[5:] for line in body.splitlines() if line.startswith(b"data:")]
    for line in reversed(lines):
        try:
            return msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
    return None
