"""What is written down of an exchange while it runs, and the raw capture that is made of it when it ends.

Raw: there are credentials in it, and it stays in memory until the store has scrubbed it (G8). While the exchange runs
nothing is copied: headers and bodies are what mitmproxy has, by reference. The capture is made in the store's thread.
"""

from __future__ import annotations

import platform
import re
import time
from dataclasses import dataclass, field
from functools import cache
from time import monotonic_ns as clock
from typing import TYPE_CHECKING, Any, Final, Protocol

from mitmproxy import version

from wiremend import __version__
from wiremend.captures.capture import Attempt, Body, Capture, Frame, Inputs, Request, Response, client_left
from wiremend.mitm.convert import from_fields
from wiremend.mitm.exchange import METADATA
from wiremend.mitm.flows import About
from wiremend.mitm.mending import SHOWN
from wiremend.mitm.tape import Tapes
from wiremend.notes import Note
from wiremend.pipeline.decided import decision_of
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.pipeline.shapes import undeclared_coding
from wiremend.quirks.memory import Memory
from wiremend.rules.clients import client_of
from wiremend.rules.engine import is_kept
from wiremend.rules.facts import wire_of
from wiremend.rules.resolve import credentials_of_rules, environment_of
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mitmproxy import http

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.tape import Tape
    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.resolve import Resolved

_PRODUCT: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[^\s()]+")
"""RFC 9110, section 10.1.5: the first word of a User-Agent says who it is."""

_MILLION: Final = 1_000_000


class Keeper(Protocol):
    """Who takes what is too much for the memory, and whose it is."""

    def spool(self, record: Record, tape: Tape, chunks: Sequence[bytes], size: int) -> bool:
        """Take chunks of so many bytes together; False where nothing more can be taken."""


class Recalled(Memory):
    """The shared memory as one exchange sees it: what it asked and what it left is written down."""

    def __init__(self, shared: Memory) -> None:
        """Share ``shared``; nothing was asked yet."""
        super().__init__(0)
        self.shared = shared
        self.asked: dict[str, str | None] = {}
        self.left: dict[str, str] = {}

    def keep(self, key: str, value: str) -> None:
        """Remember a value."""
        self.left[key] = value
        self.shared.keep(key, value)

    def recall(self, key: str) -> str | None:
        """Give what is remembered. What the exchange itself left is no input of it."""
        value = self.shared.recall(key)
        if key not in self.left:
            self.asked.setdefault(key, value)
        return value

    def forget(self, key: str) -> None:
        """Remember it no more."""
        self.left.pop(key, None)
        self.shared.forget(key)


@dataclass(frozen=True, slots=True)
class Head:
    """A head as mitmproxy has it: the fields are a tuple that it replaces and never changes."""

    status: int
    reason: str
    fields: tuple[tuple[bytes, bytes], ...]
    version: str
    at: float

    @classmethod
    def of(cls, response: http.Response) -> Head:
        """Take the head of a response."""
        return cls(response.status_code, response.reason, response.headers.fields, response.http_version, time.time())

    def response(self, body: Body) -> Response:
        """Give it with a body."""
        return Response(self.status, self.reason, from_fields(self.fields), body, self.version)


@dataclass(slots=True, repr=False)
class Record:
    """One exchange that is being remembered. ``folder`` is where it will lie, by the rules it began with."""

    flow: http.HTTPFlow
    request: ClientRequest
    resolved: Resolved
    memory: Recalled
    keeper: Keeper
    folder: Path
    began: float
    zero: int
    version: str
    tapes: Tapes
    exchange: Exchange | None = None
    left: int = 0
    """When the request left, or was refused: microseconds since the exchange began."""
    answered: bool = False
    """Whether the response is an answer of our own that no provider was asked for."""
    came: Head | None = None
    """The upstream's head as it came."""
    whole: bytes | None = None
    """The upstream's body as it came, where no tape has it."""
    given: Head | None = None
    """The client's head as it was sent."""
    error: str | None = None
    ended: float = 0.0
    sent: Request | None = None
    frames: tuple[Frame, ...] = ()
    past: list[Attempt] = field(default_factory=list)
    """The tries before the last."""
    about: About = field(default_factory=About)

    @classmethod
    def begin(  # noqa: PLR0913 - what an exchange begins with, each by its name
        cls,
        flow: http.HTTPFlow,
        request: ClientRequest,
        *,
        resolved: Resolved,
        memory: Memory,
        keeper: Keeper,
        folder: Path,
    ) -> Record:
        """Begin, while the request is as it came."""
        began = flow.request.timestamp_start
        zero = clock() - max(0, int((time.time() - began) * 1e9))
        spoken = flow.request.http_version
        made = cls(flow, request, resolved, Recalled(memory), keeper, folder, began, zero, spoken, Tapes(zero))
        made.tapes = Tapes(zero, made)
        return made

    def spool(self, tape: Tape, chunks: Sequence[bytes], size: int) -> bool:
        """Take what is too much for the memory."""
        return self.keeper.spool(self, tape, chunks, size)

    def decided(self, exchange: Exchange | None) -> bool:
        """Take what was decided; tells whether the exchange is to be kept."""
        self.exchange = exchange
        self.left = self.now()
        if exchange is None:
            return True
        if exchange.facts.endpoint is None:
            return False
        decision = exchange.outcome.decision if isinstance(exchange.outcome, Rewritten) else None
        return is_kept(exchange.facts, decision, self.resolved.rules)

    def now(self) -> int:
        """Give the microseconds since the exchange began."""
        return (clock() - self.zero) // 1000

    def leaves(self) -> None:
        """Take the request as it left, before anything of it is veiled. A second time it takes nothing."""
        if self.sent is None:
            request = self.flow.request
            self.sent = Request(
                method=request.method,
                scheme=request.scheme,
                host=request.host,
                port=request.port,
                target=request.path,
                headers=from_fields(request.headers.fields),
                body=request.raw_content or b"",
                version=request.http_version,
            )

    def tried(self, trouble: str, error: str) -> None:
        """Take a try that is over, and make room for the next."""
        self.leaves()
        tapes = self.tapes
        response = None
        if self.came is not None:
            tapes.heard.close()
            body = tapes.heard.body()
            if not body.data and self.flow.response is not None:
                body = Body(self.flow.response.raw_content or b"")
            response = self.came.response(body)
        if self.sent is not None:
            self.past.append(Attempt(self.sent, response, error, self._decision(), self.left, trouble))
        self.tapes = Tapes(self.zero, self)
        self.came = self.whole = self.sent = None
        self.left = self.now()

    def end(self, error: str | None) -> None:
        """Take what the flow has at its end. What is taken is not changed any more by anyone."""
        flow, tapes = self.flow, self.tapes
        request, response = flow.request, flow.response
        self.ended = time.time()
        # A client may leave at a stream's last event, before the provider's end is seen: that broke nothing.
        whole = self.exchange is not None and self.exchange.is_whole
        self.error = None if whole and client_left(error) else error
        self.leaves()
        streamed = response is not None and bool(response.stream)
        begun = tapes.begun if tapes.teed else streamed
        if response is not None and (error is None or self.answered or begun):
            self.given = Head.of(response)
            if not (streamed and tapes.teed) and tapes.said.empty and response.raw_content:
                tapes.said.write(response.raw_content)
        if flow.websocket is not None:
            self.frames = tuple(
                Frame(
                    message.from_client,
                    message.is_text,
                    message.content,
                    self._at(message.timestamp),
                    message.dropped,
                    message.injected,
                )
                for message in flow.websocket.messages
            )
        tapes.heard.close()
        tapes.said.close()
        socket = flow.websocket
        self.about = About(
            comment=flow.comment,
            marked=flow.marked,
            created=flow.timestamp_created,
            client=flow.client_conn,
            server=flow.server_conn,
            authority=request.authority,
            request_end=request.timestamp_end,
            closed=(socket.closed_by_client, socket.close_code, socket.timestamp_end) if socket else About().closed,
            seen=flow.metadata.get(METADATA, {}),
        )

    @property
    def size(self) -> int:
        """Bytes that it holds in memory, roughly."""
        bodies = (self.request.body, self.sent.body if self.sent else b"", self.whole or b"")
        tapes = (self.tapes.heard, self.tapes.said)
        past = sum(len(one.request.body) + (one.response.body.length if one.response else 0) for one in self.past)
        return past + sum(map(len, bodies)) + sum(t.held for t in tapes) + sum(len(frame.data) for frame in self.frames)

    def coding_of(self, tape: Tape, first: bytes) -> str | None:
        """Give the content coding of what a tape has, by its head or its first bytes."""
        given = self.flow.response
        head = self.came.fields if self.came is not None and tape is self.tapes.heard else None
        fields = head or (given.headers.fields if given is not None else ())
        declared = (from_fields(fields).get("content-encoding") or "").strip().lower()
        return declared if declared not in {"", "identity"} else undeclared_coding(first[:16])

    def secrets(self) -> tuple[str, ...]:
        """Give the credentials that are known: those of the exchange, of the rules, and of the variables in headers."""
        return self.exchange.secrets() if self.exchange is not None else self.resolved.secrets

    def _at(self, timestamp: float) -> int:
        return max(0, round((timestamp - self.began) * _MILLION))

    # -- in the store's thread

    def capture(self) -> Capture:
        """Make the raw capture. The bodies of spooled tapes are left empty."""
        request, exchange, tapes = self.request, self.exchange, self.tapes
        facts = exchange.facts if exchange is not None else None
        found = locate(request.target)
        agent = request.headers.get("user-agent") or ""
        said = (exchange.error if exchange is not None else None) or None
        outcome = exchange.outcome if exchange is not None else None
        refused = outcome.message if isinstance(outcome, Refused) else None
        return Capture(
            id=self.flow.id,
            began=self.began,
            request=Request(
                method=request.method,
                scheme=request.scheme,
                host=request.host,
                port=request.port,
                target=request.target,
                headers=request.headers,
                body=request.body,
                version=self.version,
            ),
            client=facts.client if facts is not None else client_of(agent),
            wire=facts.wire if facts is not None else wire_of(found, request.headers),
            model=facts.model if facts is not None else None,
            inputs=self._inputs(),
            attempts=() if self.answered or self.sent is None else (*self.past, self._attempt(self.sent)),
            answer=self.given.response(tapes.said.body()) if self.given is not None else None,
            notes=(*(exchange.notes if exchange is not None else ()), *self._unseen()),
            error=self.error or said or refused,
            rules=self.resolved.rules.hash,
            versions=versions() | _version_of(agent),
            kept=self.memory.left,
            frames=self.frames,
        )

    def _attempt(self, sent: Request) -> Attempt:
        response = None
        if self.came is not None:
            body = self.tapes.heard.body()
            if not self.tapes.teed and self.whole:
                body = Body(self.whole)
            elif not self.tapes.teed:
                body = self.tapes.said.body()
            response = self.came.response(body)
        return Attempt(
            sent,
            response,
            self.error,
            self._decision(),
            self.left,
            self.exchange.broke[0] if self.exchange is not None and self.exchange.broke is not None else None,
        )

    def _decision(self) -> dict[str, Any]:
        return decision_of(self.exchange.outcome if self.exchange is not None else None)

    def _unseen(self) -> tuple[Note, ...]:
        if self.tapes.teed or self.answered or self.came is None or self.whole is not None:
            return ()
        what = "the provider's own bytes were not seen on their way; in their place stand those that the client got"
        return (Note("seen", "stream", "", what, "this mitmproxy is not the one that Wiremend knows"),)

    def _inputs(self) -> Inputs:
        return Inputs(
            seed=self.flow.id,
            now=int(self.began),
            flow=self.flow.id[:SHOWN],
            style=self.request.style,
            agent=self.request.agent,
            memory=self.memory.asked,
            environment=environment_of(self.resolved),
            credentials=credentials_of_rules(self.resolved),
            strict=self.resolved.strict,
            tokenizer=self.resolved.tokenizer,
            to=str(self._decision().get("to") or ""),
            tried=self.exchange.tried if self.exchange is not None else "",
            begun=self.exchange.begun if self.exchange is not None else False,
            picked=str(self.request.picked or ""),
        )


@cache
def _own_versions() -> tuple[tuple[str, str], ...]:
    return (("wiremend", __version__), ("mitmproxy", version.VERSION), ("python", platform.python_version()))


def versions() -> dict[str, str]:
    """Give the versions of what runs here."""
    return dict(_own_versions())


def _version_of(agent: str) -> dict[str, str]:
    match = _PRODUCT.match(agent)
    return {"client": match[0]} if match else {}
