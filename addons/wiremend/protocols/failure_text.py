"""The texts of errors: one bounded line of a message, the title of a page, the time to wait that a text names."""

from __future__ import annotations

import html
import math
import re
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

LONGEST: Final = 2000
"""Characters of a provider's message that a client gets."""

_READ: Final = 64 * 1024
_TITLE: Final = 200
_A_WEEK: Final = 7 * 24 * 3600.0

_ANSI: Final = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
# Control characters, lone surrogates, marks of direction, byte order marks: none of them is a word of anybody.
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")
_PAGE: Final = re.compile(r"<!doctype html|<html\b|<head\b|<body\b|<title\b", re.IGNORECASE)
_XML: Final = re.compile(r"\s*(?:<\?xml\b|<[A-Za-z][\w:.-]{0,40}[\s>])")
_HIDDEN: Final = ("script", "style")


def one_line(text: str, most: int = LONGEST) -> str:
    """Put a text on one line of at most ``most`` characters, without control characters."""
    line = " ".join(_UNSEEN.sub(" ", _ANSI.sub("", text[:_READ])).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def page_title(text: str) -> str | None:
    """Give the words of a page of HTML (its title, else its heading, else its text); None if the text is no page.

    What stands before the page in the text is kept: ``502 Bad Gateway: <html>…``. XML is read as its text. No tag is
    left, whatever the entities in the page turn into.
    """
    text = text[:_READ]
    page = _PAGE.search(text)
    if page is None:
        return _words(text) if _XML.match(text) else None
    before = text[: page.start()] if "<" not in text[: page.start()] else ""
    inside = text[page.start() :]
    words = _element(inside, "title") or _element(inside, "h1") or _words(inside)
    return one_line(f"{before} {words}".strip(), _TITLE) or "a page without words"


def _element(text: str, name: str) -> str:
    start = re.search(rf"<{name}\b[^<>]{{0,500}}>", text, re.IGNORECASE)
    if start is None:
        return ""
    rest = text[start.end() :]
    end = re.search(rf"</{name}", rest, re.IGNORECASE)
    return _words(rest[: end.start()] if end else rest[:_TITLE])


def _words(text: str) -> str:
    for name in _HIDDEN:
        parts = re.split(rf"</?{name}\b[^<>]{{0,2000}}>", text, flags=re.IGNORECASE)
        text = " ".join(parts[::2])
    shown = html.unescape(_TAG.sub(" ", text))
    return one_line(shown.replace("<", " ").replace(">", " "), _TITLE)


class Fields(Protocol):
    """Header fields by name in any letter case: :class:`wiremend.headers.Headers`, or mitmproxy's."""

    def get(self, name: str, /) -> str | None:
        """Give the first value of a field."""


_UNIT: Final = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d)(?![a-z])"
_AMOUNT: Final = rf"\d{{1,9}}(?:\.\d{{1,9}})?\s?{_UNIT}"
_WAIT: Final = re.compile(
    r"\b(?:try(?:ing)? again|retry(?:ing)?|wait|available again|resets?)\s(?:in|after|for)?\s?"
    rf"((?:{_AMOUNT}[\s,]{{0,2}}){{1,4}})",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s?([a-z]+)", re.IGNORECASE)
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def wait_in(text: str) -> float | None:
    """Read the seconds to wait from a text: ``try again in 1.2s``, ``retry after 34 seconds``, ``in 6m0s``."""
    found = _WAIT.search(text[:_READ])
    return duration(found[1]) if found else None


def duration(text: str) -> float | None:
    """Read a duration in seconds: ``34s``, ``1h2m3.5s``, ``250 ms``; at most a week, else None."""
    parts = _PART.findall(text[:100].lower())
    total = sum(
        float(number) * (0.001 if unit == "ms" or unit.startswith("milli") else _SECONDS.get(unit[0], math.nan))
        for number, unit in parts
    )
    return _sane(total) if parts else None


def retry_after(headers: Fields | None, message: str = "", now: float | None = None) -> float | None:
    """Give the seconds after which to ask again, from ``retry-after-ms``, ``Retry-After`` or else the message.

    A date is read against ``now`` (seconds since 1970), by default against the reply's own ``Date``. None if nothing
    is said, or nothing that makes sense: negative, no number, more than a week.
    """
    if headers is not None:
        exact = seconds(headers.get("retry-after-ms"), 1000 * _A_WEEK)
        if exact is not None:
            return exact / 1000
        field = headers.get("retry-after")
        said = seconds(field) if field else None
        if said is None and field:
            until, since = _date(field), now if now is not None else _date(headers.get("date"))
            said = _sane(max(until - since, 0.0)) if until is not None and since is not None else None
        if said is not None:
            return said
    return wait_in(message)


def seconds(value: object, most: float = _A_WEEK) -> float | None:
    """Read a number of seconds, a number or a text of one; None for all that is none, or is more than ``most``."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,12}(?:\.\d{1,9})?\s*", value, re.ASCII):
        return _sane(float(value), most)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _sane(value, most)


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _sane(value: float, most: float = _A_WEEK) -> float | None:
    """Refuse what is no time to wait; not a number fails both comparisons."""
    return float(value) if 0 <= value <= most else None
