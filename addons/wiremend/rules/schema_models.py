"""The shape of what is said of a model: in a rules file under ``models:``, and in a row of the catalogue.

A rules file says sizes, a name and prices. A row of the catalogue says more, and where it is from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from wiremend.protocols import WIRES
from wiremend.rules.shapes import Choice, Constant, Either, JsonSchema, Key, ListOf, MapOf, Number, Record, Text
from wiremend.rules.tree import kind_of

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.tree import Node

_MOST: Final = 1_000_000.0
"""Dollars for a million tokens: what is more is a slip."""

_SAMPLING: Final = re.compile(r"fixed|removed|recommended (?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Dollars:
    """A price in US dollars for a million tokens: a number, zero or more."""

    @property
    def expects(self) -> str:
        """Say what it is."""
        return "a price in US dollars for a million tokens, 0 or more"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a number."""
        return type(node.value) in {int, float}

    def check(self, node: Node, report: Report) -> bool:
        """Tell whether it is in the range."""
        value = node.value
        if isinstance(value, int | float) and self.fits(node) and 0 <= value <= _MOST:
            return True
        told = "a text" if isinstance(value, str) else kind_of(value)
        return report.error(node.mark, f"this must be {self.expects}, not {told}")

    def schema(self) -> JsonSchema:
        """Give a number."""
        return {"type": "number", "minimum": 0, "maximum": _MOST, "description": self.expects}


def check_date(text: str) -> None:
    """Take a day as ``2026-11-22``. Raises ValueError with the message for anything else."""
    try:
        sound = date.fromisoformat(text).isoformat() == text
    except ValueError:
        sound = False
    if not sound:
        raise ValueError(f"{text!r} is no day; write it as 2026-11-22")


def check_link(text: str) -> None:
    """Take a link. Raises ValueError with the message for anything else."""
    if not re.fullmatch(r"https://[^\s/]+(?:/\S*)?", text):
        raise ValueError(f"{text!r} is no link that begins with https://")


def check_sampling(text: str) -> None:
    """Take ``fixed``, ``removed`` or ``recommended 0.6``. Raises ValueError with the message for anything else."""
    if not _SAMPLING.fullmatch(text):
        raise ValueError(f"{text!r} is not known here; known: fixed, removed, recommended NUMBER")


_TOKENS: Final = Number("a number of tokens", least=1)

PRICE: Final = Record(
    "a price",
    {
        "input": Key(Dollars(), "US dollars for a million tokens of the prompt.", required=True),
        "cached": Key(Dollars(), "The same for those that the provider's cache serves."),
        "output": Key(
            Dollars(), "US dollars for a million tokens of the answer, its reasoning included.", required=True
        ),
    },
)

_OF_A_FILE: Final = {
    "context_window": Key(_TOKENS, "Its context window in tokens."),
    "max_output": Key(_TOKENS, "How many tokens it can write at once, its reasoning included."),
    "display_name": Key(Text("a name"), "Its name for people, as lists of models show it."),
    "price": Key(PRICE, "What it costs: `input`, `output` and perhaps `cached`, for `prefer: cheapest`."),
}

MODEL: Final = Record("a model", _OF_A_FILE)
"""What a rules file says of a model."""

ROW: Final = Record(
    "a row",
    {
        **_OF_A_FILE,
        "wires": Key(ListOf(Choice(tuple(WIRES))), "The wires that take it, where they are not all of the provider's."),
        "sampling": Key(Text("a rule of sampling", (check_sampling,)), "fixed, removed, or recommended NUMBER."),
        "deprecated": Key(
            Either((Constant((True,)), Text("a day", (check_date,)))), "The last day on which it is served; or true."
        ),
        "replaced_by": Key(Text("a model of the same provider"), "What its provider says to take in its place."),
        "stands_for": Key(Text("a model of the same provider"), "What is sent for it: nobody publishes it any more."),
        "note": Key(Text("a sentence"), "What else there is to know."),
        "source": Key(ListOf(Text("a link", (check_link,)), single=True), "Where it is from.", required=True),
        "read": Key(Text("a day", (check_date,)), "When that was read.", required=True),
    },
)
"""What the catalogue says of a model."""

CATALOGUE: Final = Record(
    "the catalogue",
    {
        "version": Key(Constant((1,)), "The version of its format.", required=True),
        "models": Key(MapOf(MapOf(ROW, "model ids to rows"), "providers to their models"), "All rows.", required=True),
    },
)
