"""What each fault must come to, written by hand: what the client sees, how often each provider is asked, which row.

The rules of every cell say ``to: [a]`` or ``to: [a, b]`` and ``retry: {times: 3, …}``, so a provider that goes on
failing is asked four times. What is said is the client's wire's word for it (:mod:`tests.faults.words`).

- A fault **before the first word** costs the client nothing but time: it is tried again, then ``b`` answers.
- A fault **after the first word** cannot be taken back: the stream ends with the wire's error, and nobody is asked
  again.
- What comes again however often one asks (400, 401, an exhausted quota, a wait beyond what the rules allow) is not
  asked again; where the fault is the provider's own, ``b`` is asked at once. The client's own key was refused with the
  401 here, so the client is told, who may have a newer one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tests.faults.scripts import ANSWER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.words import Kind

type Text = Literal["none", "part", "many", "whole"]


@dataclass(frozen=True, slots=True)
class End:
    """How a call ends.

    ``status`` is None where the client left before there was one. ``tries`` are the attempts of the row at ``a`` and at
    ``b``; ``reached`` says how many of those at ``a`` came as far as a request, where that is not all. ``troubles`` are
    the row's words for why the tries at ``a`` failed; None stands for a try that the client got.
    """

    status: int | None
    tries: tuple[int, int]
    kind: Kind | None = None
    text: Text = "none"
    troubles: tuple[str | None, ...] = ()
    reached: int | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fault comes to without a fallback, and with one."""

    alone: End
    fallback: End


def _again(status: int, kind: Kind, trouble: str, *, reached: int | None = None) -> Expected:
    """Tell of a fault that goes on: four tries, and then an error, or the fallback's answer."""
    return Expected(
        alone=End(status, (4, 0), kind, "none", (trouble,) * 4, reached),
        fallback=End(200, (4, 1), None, "whole", (trouble,) * 4, reached),
    )


def _once(status: int, kind: Kind, trouble: str) -> Expected:
    """Tell of a fault that is not tried again at the same provider, but at another."""
    return Expected(
        alone=End(status, (1, 0), kind, "none", (trouble,)), fallback=End(200, (1, 1), None, "whole", (trouble,))
    )


def _same(end: End) -> Expected:
    """Tell of a fault that a fallback changes nothing about."""
    return Expected(end, end)


def _cut(kind: Kind, trouble: str) -> Expected:
    """Tell of a fault behind the first word."""
    return _same(End(200, (1, 0), kind, "part", (trouble,)))


EXPECTED: Final[Mapping[str, Expected]] = {
    "connect-refused": _again(502, "upstream", "connection", reached=0),
    "tls-stranger": _again(502, "upstream", "connection", reached=0),
    "tls-silent": _again(502, "upstream", "connection", reached=0),
    "dns": _again(502, "upstream", "connection", reached=0),
    "reset-before-head": _again(502, "upstream", "connection"),
    "close-before-head": _again(502, "upstream", "connection"),
    "reset-after-head": _again(502, "upstream", "connection"),
    "reset-in-first-event": _again(502, "upstream", "connection"),
    "reset-mid-event": _cut("upstream", "connection"),
    "close-mid-event": _cut("upstream", "connection"),
    "kill-mid-event": _cut("upstream", "connection"),
    "empty": _again(502, "upstream", "stream"),
    "429-thrice": _same(End(200, (4, 0), None, "whole", ("status", "status", "status", None))),
    "429-closing": _same(End(200, (4, 0), None, "whole", ("status", "status", "status", None))),
    "429-always": _again(429, "rate_limit", "status"),
    "429-quota": _once(429, "quota", "quota"),
    "400": _same(End(400, (1, 0), "invalid", "none", ("status",))),
    "401": _same(End(401, (1, 0), "authentication", "none", ("status",))),
    "500": _again(500, "upstream", "status"),
    "529": _again(529, "overloaded", "status"),
    "503-second": _same(End(200, (2, 0), None, "whole", ("status", None))),
    "503-hour": _once(503, "overloaded", "status"),
    "500-stalls": _again(504, "timeout", "stall"),
    "502-page": _again(502, "upstream", "status"),
    "page-in-200": _again(502, "upstream", "stream"),
    "error-in-200": _again(529, "overloaded", "stream"),
    "error-after-text": _cut("overloaded", "stream"),
    "stall-before-head": _again(504, "timeout", "stall"),
    "stall-after-head": _again(504, "timeout", "stall"),
    "stall-mid-stream": _cut("timeout", "stall"),
    "close-behind-the-end": _same(End(200, (1, 0), None, "whole", (None,))),
    "slow-drip": _same(End(200, (1, 0), None, "whole", (None,))),
    "endless": _same(End(200, (1, 0), "timeout", "many", ("stall",))),
    "cancel": _same(End(200, (1, 0), None, "part", ("cancelled",), left=True)),
    "cancel-in-pause": _same(End(None, (1, 0), None, "none", ("status",), left=True)),
    "cancel-before-head": _same(End(None, (1, 0), None, "none", ("cancelled",), left=True)),
}

FINISH: Final = {"messages": "end_turn", "chat": "stop", "responses": "completed"}
"""Wire -> the stop reason of a whole answer."""

FIRST: Final = ANSWER.pieces()[0]
READS: Final[Mapping[Text, re.Pattern[str]]] = {
    "none": re.compile(""),
    "part": re.compile(FIRST),
    "many": re.compile(f"(?:{FIRST}){{2,}}"),
    "whole": re.compile(ANSWER.text),
}
"""What the client has read, all of it."""
