"""What went wrong with one try of a request, in the words by which it is decided whether to try again.

===============  =====================================================================================================
word             what it is
===============  =====================================================================================================
``connection``   no connection, or none that lasted until the reply
``stall``        a limit of time was reached
``stream``       an error, or nothing, in the place of a stream's first words
``status``       the provider answered with a status from 400 on
``quota``        the balance, or what the plan allows, is used up; whatever status says it
``cooling``      the provider is left alone for a while (:mod:`.breaker`)
``queue``        too many requests wait for the provider
``window``       the model cannot hold the request (:mod:`.windows`)
``credential``   there is no credential for the provider
``refused``      the request cannot be sent there at all: its wire has no words for it, or a rule forbids it
===============  =====================================================================================================

The last five happen before anything is sent. A 429 is two things: a rate is ``status`` and is over in a moment, an
empty balance is ``quota`` and is not (quirk ``quota-as-429``). Nothing here reads a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from wiremend.protocols.failure import failure_of_body, retry_after
from wiremend.protocols.failure_text import duration, seconds

if TYPE_CHECKING:
    from wiremend.headers import Headers
    from wiremend.protocols.failure import Failure

type Word = Literal[
    "connection", "stall", "stream", "status", "quota", "cooling", "queue", "window", "credential", "refused"
]

_NO_WORDS: Final = "the stream ended before it said anything"
_RESET: Final = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:[a-z-]{1,40}-)?reset(?:-[a-z-]{1,40})?", re.ASCII)
"""When a limit is renewed: ``x-ratelimit-reset-tokens`` (OpenAI), ``anthropic-ratelimit-tokens-reset``."""
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_EPOCH: Final = 10**9
_EPOCH_MS: Final = 10**12


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a try failed.

    ``message`` is for people: one line, with no secret in it once its caller has scrubbed it. ``status`` is the
    provider's own, ``failure`` what its error means. ``retry_after`` is in seconds, where the provider asked for them.
    ``final`` tells that asking the same provider the same again cannot help.
    """

    word: Word
    message: str
    status: int | None = None
    failure: Failure | None = None
    retry_after: float | None = None
    final: bool = False


def of_reply(status: int, headers: Headers, body: bytes, *, now: float) -> Trouble | None:
    """Read a reply with an error's status; None below 400. Never raises.

    ``body`` is decoded from its content coding. ``now`` is in seconds since 1970: a date in ``Retry-After`` is read
    against the reply's own ``Date`` if it has one, else against this.

    The time to wait is that of ``retry-after-ms``, ``Retry-After``, the body or its text ("try again in 1.5s"), and for
    a rate limit that of the limits which have nothing left (``x-ratelimit-reset-tokens``); the first that says one.
    ``x-should-retry: false`` makes it final, as in the SDKs of OpenAI and Anthropic.
    """
    if status < HTTPStatus.BAD_REQUEST:
        return None
    failure = failure_of_body(body, status, headers.get("content-type"))
    wait = retry_after(headers)
    if wait is None:
        wait = retry_after(headers, now=now)
    if wait is None:
        wait = failure.retry_after
    if wait is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = _reset(headers, now)
    told_not_to = (headers.get("x-should-retry") or "").strip().lower() == "false"
    used_up = failure.kind == "quota" or status == HTTPStatus.PAYMENT_REQUIRED
    return Trouble(
        word="quota" if used_up else "status",
        message=failure.message,
        status=status,
        failure=failure,
        retry_after=wait,
        final=failure.final or told_not_to or used_up,
    )


def of_stream(failure: Failure | None, message: str = "") -> Trouble:
    """Make one of an error in a 200 stream, or (``failure`` None) of a stream that ended before it said anything."""
    if failure is None:
        return Trouble("stream", message or _NO_WORDS)
    return Trouble(
        word="quota" if failure.kind == "quota" else "stream",
        message=message or failure.message,
        failure=failure,
        retry_after=failure.retry_after,
        final=failure.final,
    )


def of_connection(message: str) -> Trouble:
    """Make one of a connection that could not be made, or that did not last until the reply."""
    return Trouble("connection", message)


def of_stall(message: str) -> Trouble:
    """Make one of a limit of time that was reached."""
    return Trouble("stall", message)


def _reset(headers: Headers, now: float) -> float | None:
    """Give the seconds until the limits that are spent are renewed, the latest of them; None where none says so.

    A limit that says what remains of it, and that this is more than nothing, is not the one in the way.
    """
    waits: list[float] = []
    for name, value in headers:
        field = name.lower()
        if not _RESET.fullmatch(field):
            continue
        remaining = headers.get(field.replace("reset", "remaining"))
        if remaining is not None and seconds(remaining) != 0:
            continue
        wait = _until(value.strip(), now)
        if wait is not None:
            waits.append(wait)
    return max(waits, default=None)


def _until(value: str, now: float) -> float | None:
    """Read ``6m0s``, ``7``, seconds or milliseconds since 1970, or a date of RFC 3339; None for what makes no sense."""
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number >= _EPOCH:
            number = max((number / 1000 if number >= _EPOCH_MS else number) - now, 0.0)
        return seconds(number)
    try:
        date = datetime.fromisoformat(value)
        return seconds(max(date.timestamp() - now, 0.0)) if date.tzinfo is not None else None
    except (ValueError, OverflowError):
        return duration(value)
