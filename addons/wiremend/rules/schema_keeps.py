"""The shapes of what keeps a call going, and of who hears of it: ``retry``, ``limits``, ``ledger``, ``alerts``.

They are part of the table of :mod:`wiremend.rules.schema`, in a file of their own. What is compiled of them is in
:mod:`wiremend.rules.compile_keeps`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.rules.model import CAUSES, NEVER_RETRIED
from wiremend.rules.shapes import Choice, Either, Key, ListOf, Number, Record, Text
from wiremend.rules.sinks import check_address, check_sink
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.tree import kind_of
from wiremend.rules.units import DURATION, SIZE, parse_duration, parse_size

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.shapes import JsonSchema, Shape
    from wiremend.rules.tree import Node

TIMES: Final = 10
"""How often one destination is asked again at most."""

LONGEST: Final = 366 * 86400.0
"""No time of a call is longer; in seconds."""

TROUBLES: Final = ("connection", "stall", "stream")
"""What can go wrong without a status."""

_STATUSES: Final = range(400, 600)


@dataclass(frozen=True, slots=True)
class _Measure:
    """A text that measures something, and is more than nothing."""

    words: str
    pattern: str
    example: str

    @property
    def expects(self) -> str:
        return self.words

    def fits(self, node: Node) -> bool:
        return isinstance(node.value, str) or type(node.value) in (int, float)

    def check(self, node: Node, report: Report) -> bool:
        if not self.fits(node):
            return report.error(node.mark, f"this must be {self.words}, such as {self.example}")
        text = str(node.value)
        if not re.fullmatch(self.pattern, text):
            unit = "; a number needs its unit" if not isinstance(node.value, str) else ""
            return report.error(node.mark, f"this is not {self.words}: write one such as {self.example}{unit}")
        much = parse_duration(text) or parse_size(text)
        if not much:
            return report.error(node.mark, f"{text} is none: it must be more than nothing")
        if self.pattern == DURATION and much > LONGEST:
            return report.error(node.mark, f"{text} is too long: a year is the most")
        return True

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^{self.pattern}$", "description": self.words}


DURATION_SHAPE: Final = _Measure("a duration", DURATION, "500ms, 30s or 5m")
SIZE_SHAPE: Final = _Measure("a size", SIZE, "500KB, 64MB or 1GB")


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A status, a hundred of them, or a word for what has none."""

    expects: str = f"a status such as 429, 5xx, or {', '.join(TROUBLES[:-1])} or {TROUBLES[-1]}"

    def fits(self, node: Node) -> bool:
        return isinstance(node.value, str) or type(node.value) is int

    def check(self, node: Node, report: Report) -> bool:
        if not self.fits(node):
            return report.error(node.mark, f"this must be {self.expects}, not {kind_of(node.value)}")
        wrong = _no_trouble(str(node.value))
        return report.error(node.mark, wrong) if wrong else True

    def schema(self) -> JsonSchema:
        statuses = [status for status in _STATUSES if status not in NEVER_RETRIED]
        return {
            "anyOf": [
                {"enum": [*TROUBLES, "5xx"]},
                {"type": "integer", "minimum": statuses[0], "maximum": statuses[-1]},
                {"type": "string", "pattern": "^[45][0-9][0-9]$"},
            ],
            "description": self.expects,
        }


def _no_trouble(text: str) -> str | None:
    """Say why a text is nothing that is tried again; None where it is."""
    if text in TROUBLES or text == "5xx":
        return None
    if text == "4xx":
        some = ", ".join(map(str, sorted(NEVER_RETRIED)))
        return f"4xx is never retried as a whole: {some} come again however often one asks; name 408 or 429"
    if not re.fullmatch(r"[0-9]+|[0-9]xx", text):
        return f"this is neither a status nor a word for a failure{did_you_mean(text, [*TROUBLES, '429', '5xx'])}"
    if text in map(str, NEVER_RETRIED):
        return f"{text} is never retried: it comes again however often one asks"
    return None if text in map(str, _STATUSES) else f"{text} is no status of a failure: those are 400 to 599"


_OFF: Final = Choice(("off",))
_TIMES: Final = Number(f"a number of retries from 0 to {TIMES}", most=TIMES)
_COUNT: Final = Number("a number, 1 or more", least=1)


def _or_off(shape: Shape) -> Either:
    return Either((_OFF, shape))


RETRY: Final = Record(
    "a retry",
    {
        "times": Key(_TIMES, "How often one destination is asked again: with 3 it is asked four times at most."),
        "on": Key(
            ListOf(_Trouble(), single=True),
            "After what it is asked again: statuses, 5xx, and connection, stall or stream.",
        ),
        "backoff": Key(
            DURATION_SHAPE, "The longest that the first wait can be; the next is twice that, each drawn by lot."
        ),
        "max": Key(DURATION_SHAPE, "The longest that any wait can be, also one that the provider asks for."),
        "budget": Key(DURATION_SHAPE, "How long all tries of a request may take together, until one answers."),
        "stay": Key(DURATION_SHAPE, "How long a conversation that fell back stays with the destination that answered."),
    },
)

RETRY_SHAPE: Final = Either((_TIMES, RETRY))

COOLDOWN: Final = Record(
    "a cool-down",
    {
        "after": Key(_COUNT, "How many failures in a row it takes."),
        "for": Key(DURATION_SHAPE, "How long the provider is left alone, until one request probes it."),
    },
)

LIMITS: Final = Record(
    "limits",
    {
        "connect": Key(DURATION_SHAPE, "How long making a connection may take."),
        "first_byte": Key(
            DURATION_SHAPE, "How long the first byte of a reply's body may take, from the request's end."
        ),
        "between_events": Key(DURATION_SHAPE, "How long a stream may be silent between two events."),
        "duration": Key(DURATION_SHAPE, "How long one try may take as a whole."),
        "keepalive": Key(
            _or_off(DURATION_SHAPE),
            "After how long a client that hears nothing is sent what keeps it, give or take a few seconds; or off.",
        ),
        "head": Key(DURATION_SHAPE, "How long a client waits at most for the head of a stream."),
        "concurrent": Key(_or_off(_COUNT), "How many requests run at once at a provider; off: any number."),
        "queue": Key(Number("a number, 0 or more"), "How many more wait for their turn; one beyond is refused."),
        "queue_wait": Key(DURATION_SHAPE, "How long one waits for its turn."),
        "request_body": Key(SIZE_SHAPE, "How large a request may be, decoded."),
        "reply_body": Key(SIZE_SHAPE, "How large a reply may be, decoded."),
        "event": Key(SIZE_SHAPE, "How large one event of a stream may be."),
        "memory": Key(SIZE_SHAPE, "How much of one reply is held while it streams."),
        "cooldown": Key(_or_off(COOLDOWN), "When a provider that fails again and again is left alone; or off."),
    },
)

LEDGER: Final = Either(
    (
        _OFF,
        ListOf(Text("sqlite:PATH, postgresql://…, https://…, or a reference", (check_sink,), secret=True), single=True),
    )
)

_ADDRESSES: Final = ListOf(Text("a reference to an address", (check_address,), secret=True), single=True)

ALERTS_MAP: Final = Record(
    "alerts",
    {
        "to": Key(_ADDRESSES, "Who is told: references to Apprise URLs.", required=True),
        "on": Key(ListOf(Choice(CAUSES), single=True), "Of what: all of it, unless some are named here."),
        "interval": Key(DURATION_SHAPE, "One alert in this time for one cause at one provider; the rest are counted."),
    },
)
ALERTS: Final = Either((ALERTS_MAP, _ADDRESSES))
