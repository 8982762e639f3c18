"""Exchanges in which every write is known: what the upstream writes, when the proxy has read it, what the client got.

Nothing is timed: after each write the upstream waits until the proxy has read it. That is a round trip of another
request through the same event loop, begun after the write: bytes that lay on a socket before a request came are read no
later than it is, and what they set off at once has happened when its answer comes. Whole events wait for the client
besides: the next one is written when the client has the last.
"""

from __future__ import annotations

import itertools
import json
import operator
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import brotli  # type: ignore[import-untyped]  # it ships no types
import zstandard

from .http2 import Http2Reply
from .http2_client import Http2Client
from .rawhttp import Client
from .sdk import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.captures.capture import Attempt, Body, Capture

    from .http1 import Request
    from .http2_client import Http2Response
    from .proxy import Mitm
    from .rawhttp import Response
    from .upstream import Reply, Upstream

SSE: Final = "text/event-stream"
JSON: Final = "application/json"


def coded(pieces: Sequence[bytes], coding: str) -> list[bytes]:
    """Encode pieces so that each can be decoded as soon as it is there; the last is what ends the coding."""
    if coding == "identity":
        return list(pieces)
    encoder: Any
    if coding == "br":
        encoder = brotli.Compressor()
        return [*(encoder.process(piece) + encoder.flush() for piece in pieces), encoder.finish()]
    if coding == "zstd":
        encoder, flush, finish = zstandard.ZstdCompressor().compressobj(), zstandard.COMPRESSOBJ_FLUSH_BLOCK, ()
    else:
        encoder, flush, finish = zlib.compressobj(wbits=31 if coding == "gzip" else 15), zlib.Z_SYNC_FLUSH, ()
    return [*(encoder.compress(piece) + encoder.flush(flush) for piece in pieces), encoder.flush(*finish)]


def sliced(data: bytes, *at: int) -> list[bytes]:
    """Cut bytes at offsets."""
    edges = [0, *sorted(at), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges) if begin < end]


def inside(data: bytes, needle: bytes) -> int:
    """Give the offset behind the first byte of ``needle``."""
    return data.index(needle) + 1


@dataclass(frozen=True)
class Case:
    """One exchange: what the upstream writes, and how it ends.

    ``events`` are what the client has after each write, where it has it at once; then the next write waits for it. A
    write of nothing is an empty frame of HTTP/2.
    """

    kind: str
    way: str
    name: str
    writes: Sequence[bytes]
    coding: str = "identity"
    media: str = SSE
    events: Sequence[bytes] = ()
    paced: bool = True
    missing: int = 0
    """Bytes that are announced, where there is a length, and never written."""
    ends: Callable[[Reply], None] = operator.methodcaller("end")

    @property
    def model(self) -> str:
        return f"{self.kind}-{self.way}-{self.name}-{self.coding}"

    @property
    def data(self) -> bytes:
        return b"".join(self.writes)


@dataclass
class Stage:
    """One exchange as it went."""

    case: Case
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    spans: list[tuple[int, int]] = field(default_factory=list)
    """For each write, when it began and when the proxy had read it, by the clock of ``monotonic_ns``."""
    asked: int = 0
    """When the client sent the request, by the same clock."""
    arrived: int = 0
    """When the upstream had it."""
    status: int = 0
    body: bytes = b""
    ending: str = ""
    failed: BaseException | None = None


@dataclass
class Lab:
    """The upstreams, the proxy, and the ways in."""

    stages: dict[str, Stage] = field(default_factory=dict)
    proxy: Mitm = field(init=False)
    pulse: Upstream = field(init=False)
    ups: dict[str, Upstream] = field(default_factory=dict)

    def script(self, request: Request, reply: Reply) -> None:
        """Write what the case says, each write when the last was read."""
        stage = self.stages[request.json()["model"]]
        case, stage.arrived = stage.case, time.monotonic_ns()
        headers = [("content-type", case.media)]
        if case.coding != "identity":
            headers.append(("content-encoding", case.coding))
        if case.kind == "length":
            headers.append(("content-length", str(len(case.data) + case.missing)))
        if case.kind == "close":
            headers.append(("connection", "close"))
        reply.head(200, headers)
        with Client.plain(self.proxy.port) as probe:
            for number, data in enumerate(case.writes):
                if number < len(case.events):
                    reply.wait(stage.gate)
                began = time.monotonic_ns()
                if data:
                    reply.send(data)
                else:
                    assert isinstance(reply, Http2Reply)
                    reply.blank()
                if case.paced:
                    self.seen(probe)
                if data:
                    stage.spans.append((began, time.monotonic_ns()))
        case.ends(reply)

    def seen(self, probe: Client) -> None:
        """Wait until the proxy has read what was written so far."""
        assert probe.request("GET", f"{self.pulse.url}/", {"host": "pulse"}).read() == b"alive"

    def play(self, case: Case) -> None:
        """Let one exchange happen."""
        stage = self.stages[case.model] = Stage(case)
        try:
            with self.client(case) as client:
                self.read(self.ask(client, stage), stage)
        except Exception as error:  # noqa: BLE001 - told by the test of this case
            stage.failed = error

    def play_beside(self, cases: Sequence[Case]) -> None:
        """Let exchanges happen on one connection, an event of each in turn."""
        stages = [Stage(case) for case in cases]
        self.stages |= {stage.case.model: stage for stage in stages}
        try:
            with self.client(cases[0]) as client:
                responses = [self.ask(client, stage) for stage in stages]
                for events in zip(*(case.events for case in cases), strict=True):
                    for response, stage, event in zip(responses, stages, events, strict=True):
                        self.event(response, stage, event)
                for response, stage in zip(responses, stages, strict=True):
                    self.rest(response, stage)
        except Exception as error:  # noqa: BLE001 - as above
            for stage in stages:
                stage.failed = error

    def client(self, case: Case) -> Client | Http2Client:
        """Give a connection."""
        if case.way == "gateway":
            return Client.plain(self.proxy.port)
        way = Client if case.way == "proxy" else Http2Client
        return way.through(self.proxy.port, "localhost", self.ups[case.kind].port, ca=self.proxy.ca)

    def ask(self, client: Client | Http2Client, stage: Stage) -> Response | Http2Response:
        """Send the request; the first event may be written."""
        case = stage.case
        body = {"model": case.model, "stream": case.media == SSE, "max_tokens": 9, "messages": []}
        headers = {"x-api-key": KEY, "content-type": JSON}
        if isinstance(client, Client):
            headers["host"] = "127.0.0.1"
        stage.gate.release()
        stage.asked = time.monotonic_ns()
        return client.request("POST", "/v1/messages", headers, json.dumps(body).encode())

    def read(self, response: Response | Http2Response, stage: Stage) -> None:
        """Read it all."""
        for event in stage.case.events:
            self.event(response, stage, event)
        self.rest(response, stage)

    def event(self, response: Response | Http2Response, stage: Stage, event: bytes) -> None:
        """Read an event, and let the next one be written."""
        got = response.read_until(event[-8:])
        assert got == event, "an event comes alone, whole, and in its turn"
        stage.body += got
        stage.gate.release()

    def rest(self, response: Response | Http2Response, stage: Stage) -> None:
        """Read the rest of a response."""
        stage.body += response.read()
        stage.status, stage.ending = response.status, response.ending


@dataclass
class Played:
    """One exchange as it went, and what was remembered of it."""

    stage: Stage
    found: Capture | None

    @property
    def capture(self) -> Capture:
        """What was remembered; raises what went wrong."""
        if self.stage.failed is not None:
            raise self.stage.failed
        assert self.found is not None
        return self.found

    @property
    def attempt(self) -> Attempt:
        (attempt,) = self.capture.attempts
        return attempt

    @property
    def came(self) -> Body:
        """What the provider's reply is remembered as."""
        assert self.attempt.response is not None
        return self.attempt.response.body

    @property
    def given(self) -> Body:
        """What the client is remembered to have been given."""
        assert self.capture.answer is not None
        return self.capture.answer.body
