"""The faults: what the provider does at each try, and what of the client or the rules belongs to it.

A fault is played by provider ``a``; its fallback ``b`` is always well. What a script sends before it breaks is legal,
so that what the client sees is owed to the break alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from tests.faults.words import WORDS
from tests.lab import Answer
from tests.lab.replies import chat_events, messages_events, responses_events, sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.upstream import Reply, Script
    from tests.faults.words import Kind
    from wiremend.protocols.base import WireName

type Site = Literal["provider", "stranger", "silent", "refusing", "nowhere"]
type Leaves = Literal["never", "at the text", "at once", "in the pause"]

ANSWER: Final = Answer(text="one two three", model="m")
EVENTS: Final = {
    "messages": messages_events(ANSWER),
    "chat": chat_events(ANSWER),
    "responses": responses_events(ANSWER),
}
TEXT: Final = {wire: next(at for at, event in enumerate(events) if b"one " in event) for wire, events in EVENTS.items()}
"""Wire -> the place of the first event that has a word in it."""

STREAM: Final = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
JSON: Final = (("content-type", "application/json"),)

_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_EVENT_PACE: Final = 0.12
_ENDLESS_PACE: Final = 0.02
"""Seconds between two events of a provider that is slow, or never ends. They are its own pace, and wait for nobody."""


@dataclass(slots=True)
class Play:
    """What a cell's scripts share: the wire that they speak, and what they wait for."""

    wire: WireName
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has the first word."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the provider has the first request."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no reply is under way."""
    running: int = 0

    @property
    def events(self) -> list[bytes]:
        """The whole stream."""
        return EVENTS[self.wire]

    @property
    def spoken(self) -> list[bytes]:
        """The stream up to its first word."""
        return self.events[: TEXT[self.wire] + 1]

    def follow(self, script: Script) -> Script:
        """Keep count of a script that runs."""

        async def run(reply: Reply) -> None:
            self.running += 1
            self.idle.clear()
            self.reached.set()
            try:
                await script(reply)
            finally:
                self.running -= 1
                if not self.running:
                    self.idle.set()

        return run


type Step = Callable[[Play, Reply], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``steps`` answer one try each, the last of them all that follow.

    ``limits`` and ``retry`` are the texts of those keys of rules.yaml, where the fault needs its own.
    """

    title: str
    steps: tuple[Step, ...] = ()
    site: Site = "provider"
    leaves: Leaves = "never"
    limits: str = ""
    retry: str = ""

    def script(self, number: int, play: Play) -> Script:
        """Give the script of the try of this number, counted from 0."""
        step = self.steps[min(number, len(self.steps) - 1)]
        return lambda reply: step(play, reply)


async def well(play: Play, reply: Reply) -> None:
    """Answer as one should."""
    await reply.head(200, STREAM)
    for event in play.events:
        await reply.send(event)
    await reply.end()


def refuses(status: int, kind: Kind, message: str, *headers: tuple[str, str], word: str | None = None) -> Step:
    """Answer with an error, in the words of a provider of the wire, or with one of its own."""

    async def step(play: Play, reply: Reply) -> None:
        await reply.body(status, [*JSON, *headers], json.dumps(_error(play.wire, kind, message, word)).encode())

    return step


def _error(wire: WireName, kind: Kind, message: str, word: str | None = None) -> dict[str, Any]:
    said = {"message": message, "type": word or WORDS[wire][kind]}
    if wire == "messages":
        return {"type": "error", "error": said}
    return {"error": {"type": word or "server_error", "code": WORDS[wire][kind], "message": message, "param": None}}


_LIMIT: Final = refuses(429, "rate_limit", "Rate limit reached")


async def _reset_before_head(_: Play, reply: Reply) -> None:
    await reply.reset()


async def _close_before_head(_: Play, reply: Reply) -> None:
    await reply.close()


async def _reset_after_head(_: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    await reply.reset()


async def _empty(_: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    await reply.end()


async def _reset_in_first_event(play: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    await reply.send(play.events[0][:-20])
    await reply.reset()


async def _halfway(play: Play, reply: Reply) -> None:
    """Say the first word, then a part of the next event, when the word has arrived."""
    await reply.head(200, STREAM)
    for event in play.spoken:
        await reply.send(event)
    await reply.wait(play.heard)
    await reply.send(play.events[len(play.spoken)][:-20])


async def _reset_mid_event(play: Play, reply: Reply) -> None:
    await _halfway(play, reply)
    await reply.reset()


async def _close_mid_event(play: Play, reply: Reply) -> None:
    await _halfway(play, reply)
    await reply.close()


async def _kill_mid_event(play: Play, reply: Reply) -> None:
    await _halfway(play, reply)
    await reply.kill()


async def _stall_before_head(_: Play, reply: Reply) -> None:
    await reply.left()


async def _stall_after_head(_: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    await reply.left()


async def _stall_after_text(play: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    for event in play.spoken:
        await reply.send(event)
    await reply.left()


def _error_events(wire: WireName) -> list[bytes]:
    """Give how a provider of this wire says in a stream that it is overloaded."""
    if wire == "messages":
        return [sse(_error(wire, "overloaded", "Overloaded"), "error")]
    if wire == "chat":
        return [sse(_error(wire, "overloaded", "Overloaded"))]
    failed: dict[str, object] = {"id": "resp_1", "object": "response", "status": "failed", "output": []}
    failed["error"] = {"code": WORDS[wire]["overloaded"], "message": "Overloaded"}
    return [sse({"type": "response.failed", "sequence_number": 0, "response": failed}, "response.failed")]


async def _error_first(play: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    for event in _error_events(play.wire):
        await reply.send(event)
    await reply.end()


async def _error_after_text(play: Play, reply: Reply) -> None:
    await reply.head(200, STREAM)
    for event in [*play.spoken, *_error_events(play.wire)]:
        await reply.send(event)
    await reply.end()


async def _page(_: Play, reply: Reply) -> None:
    await reply.body(502, [("content-type", "text/html")], _PAGE)


async def _page_in_200(_: Play, reply: Reply) -> None:
    await reply.body(200, [("content-type", "text/html")], _PAGE)


async def _refusal_stalls(_: Play, reply: Reply) -> None:
    await reply.head(500, [*JSON, ("content-length", "1000")])
    await reply.send(b'{"error": {"message": "Inter')
    await reply.left()


async def _limit_and_close(play: Play, reply: Reply) -> None:
    """Refuse, and close a connection that was said to stay open."""
    await _LIMIT(play, reply)
    await reply.close()


async def _close_behind_the_end(play: Play, reply: Reply) -> None:
    """Say everything, and close before HTTP's own end of the body."""
    await reply.head(200, STREAM)
    for event in play.events:
        await reply.send(event)
    await reply.wait(play.heard)
    await reply.close()


async def _drip(play: Play, reply: Reply) -> None:
    """Say everything, a byte at a time."""
    await reply.head(200, STREAM)
    for event in play.events:
        for at in range(len(event)):
            await reply.send(event[at : at + 1])
        await asyncio.sleep(_EVENT_PACE)
    await reply.end()


def _words(play: Play) -> Iterator[bytes]:
    """Repeat the first word for ever; a sequence number, where the wire has one, goes on."""
    word = play.spoken[-1]
    head, mark, tail = word.partition(b'"sequence_number":')
    first = int(tail.partition(b"}")[0]) if mark else 0
    for number in itertools.count(first):
        yield head + mark + b"%d}\n\n" % number if mark else word


async def _endless(play: Play, reply: Reply) -> None:
    """Say the same word for ever."""
    await reply.head(200, STREAM)
    for event in play.spoken[:-1]:
        await reply.send(event)
    for event in _words(play):
        await reply.send(event)
        await asyncio.sleep(_ENDLESS_PACE)


_QUOTA: Final = refuses(
    429,
    "quota",
    "You exceeded your current token quota, please check your balance",
    word="exceeded_current_quota_error",
)
_AFTER_A_SECOND: Final = refuses(503, "overloaded", "Come back in a second", ("retry-after", "1"))
_AFTER_AN_HOUR: Final = refuses(503, "overloaded", "Come back in an hour", ("retry-after", "3600"))

FAULTS: Final[dict[str, Fault]] = {
    "connect-refused": Fault("connection refused", site="refusing"),
    "tls-stranger": Fault("TLS failure: a certificate of a stranger", site="stranger"),
    "tls-silent": Fault("TLS failure: silence in the handshake", site="silent", limits="connect: 500ms"),
    "dns": Fault("DNS failure", site="nowhere"),
    "reset-before-head": Fault("reset before the headers", (_reset_before_head,)),
    "close-before-head": Fault("closed before the headers", (_close_before_head,)),
    "reset-after-head": Fault("reset after the headers", (_reset_after_head,)),
    "reset-in-first-event": Fault("reset within the first event", (_reset_in_first_event,)),
    "reset-mid-event": Fault("reset mid-event, after a word", (_reset_mid_event,)),
    "close-mid-event": Fault("closed mid-event, after a word", (_close_mid_event,)),
    "kill-mid-event": Fault("connection reset mid-event, after a word", (_kill_mid_event,)),
    "empty": Fault("a 200 with an empty stream", (_empty,)),
    "429-thrice": Fault("429 three times, then 200", (_LIMIT, _LIMIT, _LIMIT, well)),
    "429-closing": Fault("429 three times, and closed behind each, then 200", (*[_limit_and_close] * 3, well)),
    "429-always": Fault("429 for ever", (_LIMIT,)),
    "429-quota": Fault("429: quota exhausted", (_QUOTA,)),
    "400": Fault("400", (refuses(400, "invalid", "messages: at least one message is required"),)),
    "401": Fault("401", (refuses(401, "authentication", "invalid x-api-key"),)),
    "500": Fault("500", (refuses(500, "upstream", "Internal server error"),)),
    "529": Fault("529", (refuses(529, "overloaded", "Overloaded"),)),
    "503-second": Fault("503 with Retry-After: 1, then 200", (_AFTER_A_SECOND, well), retry="max: 2s"),
    "503-hour": Fault("503 with Retry-After: 3600", (_AFTER_AN_HOUR,)),
    "500-stalls": Fault("500 whose body stalls", (_refusal_stalls,), limits="between_events: 1s, first_byte: 1s"),
    "502-page": Fault("502 with a page of HTML", (_page,)),
    "page-in-200": Fault("a 200 with a page of HTML", (_page_in_200,)),
    "error-in-200": Fault("an error in a 200, as the first event", (_error_first,)),
    "error-after-text": Fault("an error in a 200, after a word", (_error_after_text,)),
    "stall-before-head": Fault("stall before the headers", (_stall_before_head,), limits="first_byte: 1s"),
    "stall-after-head": Fault(
        "stall before the first byte, after the headers", (_stall_after_head,), limits="first_byte: 1s"
    ),
    "stall-mid-stream": Fault("stall mid-stream, after a word", (_stall_after_text,), limits="between_events: 1s"),
    "close-behind-the-end": Fault("closed behind the last event, before the end of the body", (_close_behind_the_end,)),
    "slow-drip": Fault("slow drip: a byte at a time", (_drip,), limits="between_events: 1s, first_byte: 1s"),
    "endless": Fault("endless stream", (_endless,), limits="duration: 3s"),
    "cancel": Fault("the client cancels mid-stream", (_stall_after_text,), leaves="at the text"),
    "cancel-in-pause": Fault(
        "the client cancels between two tries", (_AFTER_A_SECOND,), leaves="in the pause", retry="max: 2s"
    ),
    "cancel-before-head": Fault("the client cancels before the headers", (_stall_before_head,), leaves="at once"),
}
"""Every fault, by the name that its cells have."""
