"""The shapes behind ``scale`` and ``clamp``: a factor, and the two ends between which a number stays.

What they mean for a body is :mod:`wiremend.jsonnumber`; here it is told at its place in the file what cannot be meant.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.families import looks_like_credential
from wiremend.jsonnumber import FACTOR_PATTERN, parse_bounds, parse_factor
from wiremend.rules.shapes import Text
from wiremend.rules.tree import kind_of

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.shapes import JsonSchema
    from wiremend.rules.tree import Node

_QUOTED: Final = re.compile(r"\s*[-+]?[0-9.]+\s*")
_SPACED: Final = re.compile(r"\s*[0-9.]+\s*/\s*[0-9.]+\s*")
_PERCENT: Final = re.compile(r"\s*[0-9.]+\s*%\s*")


def written(node: Node) -> bytes:
    """Give a sound factor or pair of bounds as the JSON text that an edit takes."""
    return msgspec.json.encode(node.plain())


@dataclass(frozen=True, slots=True)
class Factor:
    """What a number is multiplied by: a number, or a fraction of two as a text."""

    expects: str = "a number or a fraction of two, such as 1.5 or 1/0.6"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a number or a text."""
        return _is_number(node) or isinstance(node.value, str)

    def check(self, node: Node, report: Report) -> bool:
        """Tell what it is instead, and what it would do that nobody means."""
        if isinstance(node.value, str) and not re.fullmatch(FACTOR_PATTERN, node.value):
            return _wrong(node, report, f"this must be {self.expects}", _hint(node.value))
        if not self.fits(node):
            return _wrong(node, report, f"this must be {self.expects}")
        try:
            factor = parse_factor(written(node))
        except ValueError as error:
            return report.error(node.mark, str(error) if _in_json(node) else "JSON has no such number")
        return factor.over != factor.under or report.error(node.mark, "a scale by 1 changes nothing; leave it out")

    def schema(self) -> JsonSchema:
        """Give a number above 0, or a fraction."""
        fraction: JsonSchema = {"type": "string", "pattern": FACTOR_PATTERN, "description": "a fraction such as 1/0.6"}
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, fraction]}


@dataclass(frozen=True, slots=True)
class Ends:
    """The least and the most that a number may be, of which one may be null."""

    expects: str = "a list of the least and the most, such as [0, 1], or [null, 1] without a least"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a list."""
        return isinstance(node.value, list)

    def check(self, node: Node, report: Report) -> bool:
        """Tell which of the two is none, and whether they can be met."""
        if not isinstance(node.value, list):
            return _wrong(node, report, f"this must be {self.expects}")
        sound = True
        for item in node.value:
            if not _is_number(item) and item.value is not None:
                sound = _wrong(item, report, "a bound is a number, or null for none")
            elif not _in_json(item):
                sound = report.error(item.mark, "JSON has no such number; write null for no bound")
        if not sound:
            return False
        try:
            parse_bounds(written(node))
        except ValueError as error:
            return report.error(node.mark, str(error))
        return True

    def schema(self) -> JsonSchema:
        """Give an array of two."""
        return {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}


def _is_number(node: Node) -> bool:
    return type(node.value) in (int, float)


def _in_json(node: Node) -> bool:
    """Tell whether JSON can say it: there is no infinity, and no NaN."""
    return not isinstance(node.value, float) or math.isfinite(node.value)


def _wrong(node: Node, report: Report, meant: str, hint: str = "") -> bool:
    """Tell what stands there instead; never a text itself: what was pasted into a wrong place may be a key."""
    if isinstance(node.value, str) and looks_like_credential(node.value):
        return Text().check(node, report)
    what = "a text" if isinstance(node.value, str) else kind_of(node.value)
    return report.error(node.mark, f"{meant}, not {what}{hint}")


def _hint(text: str) -> str:
    """Say what a text that is no fraction was probably meant to be."""
    if _PERCENT.fullmatch(text):
        return "; write 60% as 0.6"
    if _QUOTED.fullmatch(text):
        return "; write the number without quotes"
    if _SPACED.fullmatch(text):
        return "; write the fraction without spaces, each part with at most 15 digits before and behind the point"
    return ""
