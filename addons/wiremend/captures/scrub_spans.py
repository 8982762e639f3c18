"""Replacing stretches of bytes: which ones, with what, and where the cuts of a body lie afterwards."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, quote_plus

from wiremend.captures.scrub_names import PLACEHOLDERS
from wiremend.captures.scrub_places import ANYWHERE, Place, as_bytes, as_text
from wiremend.captures.scrub_surrogate import MARK, SURROGATE, Surrogates, begins_harmless, is_harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

type Cuts = tuple[tuple[int, int], ...]


class Span(NamedTuple):
    """What comes in the place of some bytes."""

    start: int
    end: int
    new: bytes


_BASIC: Final = re.compile(rb"(?i:basic)(?: |%20|\+)([A-Za-z0-9+/_=-]{8,8192})")
_TAIL: Final = 12
"""Characters of a known secret that must stand at the end of a body that was cut, to be taken for its beginning."""


@dataclass
class Known:
    """Values that are secret wherever they stand, with their surrogates."""

    surrogates: Surrogates
    values: dict[str, str] = field(default_factory=dict)
    _needles: dict[bytes, bytes] = field(default_factory=dict)

    def copy(self) -> Known:
        """Give a copy that can learn more."""
        return Known(self.surrogates, dict(self.values), dict(self._needles))

    def learn(self, value: str, *, is_id: bool = False, least: int = ANYWHERE) -> str:
        """Give the surrogate of a value, and remember the value if it is one to look for everywhere."""
        if value in self.values:
            return self.values[value]
        new = self.surrogates.of(value, is_id=is_id)
        if new != value and len(value) >= least and not _is_a_word(value, new):
            self.values[value] = new
            for form in _forms(value):
                self._needles.setdefault(form, new.encode())
        return new

    def spans(self, data: bytes) -> Iterator[Span]:
        """Find every occurrence of a known value, as it is and as JSON and URLs write it."""
        hits = [needle for needle in self._needles if needle in data]
        if hits:
            either = b"|".join(re.escape(needle) for needle in sorted(hits, key=len, reverse=True))
            # What is a surrogate already is stepped over, whatever stands in it.
            for found in re.compile(b"(%b)|%b" % (SURROGATE.encode(), either)).finditer(data):
                if found[1] is None:
                    yield Span(*found.span(), self._needles[found[0]])
        if self._needles and data:
            yield from self._cut_off(data)
            if b"asic" in data:
                yield from self._logins(data)

    def _logins(self, data: bytes) -> Iterator[Span]:
        """Find the values of Basic authorization that have a known value in them."""
        for found in _BASIC.finditer(data):
            try:
                text = as_text(base64.b64decode(found[1] + b"=" * (-len(found[1]) % 4), validate=False))
            except binascii.Error:
                continue
            if any(value in text for value in self.values):
                value = found[1].decode()
                yield Span(*found.span(1), self.surrogates.of(value).encode())

    def _cut_off(self, data: bytes) -> Iterator[Span]:
        """Find the beginning of a known value at the very end of the data."""
        for needle, new in self._needles.items():
            if len(needle) <= _TAIL:
                continue
            tail = data[-len(needle) + 1 :]
            at = tail.find(needle[:_TAIL])
            while at >= 0:
                if needle.startswith(tail[at:]):
                    yield Span(len(data) - len(tail) + at, len(data), new)
                    break
                at = tail.find(needle[:_TAIL], at + 1)


def _is_a_word(value: str, new: str) -> bool:
    return value.lower() in PLACEHOLDERS or value in new or value in MARK


def _forms(value: str) -> set[bytes]:
    """Give the ways in which a value is written: plain, in JSON, in JSON in JSON, in a URL."""
    plain = as_bytes(value)
    forms = {plain}
    for text in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        twice = json.dumps(text)[1:-1]
        forms |= {as_bytes(one) for one in (text, text.replace("/", "\\/"), twice, json.dumps(twice)[1:-1])}
    for safe in ("", "/", ":/", "=", "/+="):
        for text in (quote(plain, safe=safe), quote_plus(plain, safe=safe)):
            forms |= {text.encode(), re.sub("%..", lambda found: found[0].lower(), text).encode()}
    return forms


def placed(places: Iterable[Place], known: Known) -> list[Span]:
    """Give what comes into places, and let the values be known."""
    spans = []
    for place in places:
        if is_harmless(place.value) or (place.kind != "pointer" and begins_harmless(place.value)):
            continue
        new = known.learn(place.value, is_id=place.is_id, least=place.least)
        if new != place.value:
            spans.append(Span(place.start, place.end, f'"{new}"'.encode() if place.quoted else new.encode()))
    return spans


def merged(first: Iterable[Span], then: Iterable[Span]) -> list[Span]:
    """Put spans in order, none overlapping: of two that do, the earlier one takes in both."""
    ranked = [(span.start, -span.end, rank, span) for rank, spans in enumerate((first, then)) for span in spans]
    result: list[Span] = []
    for _, _, _, span in sorted(ranked):
        if result and span.start < result[-1].end:
            if span.end > result[-1].end:
                result[-1] = result[-1]._replace(end=span.end)
        else:
            result.append(span)
    return result


def replaced(data: bytes, spans: Sequence[Span]) -> bytes:
    """Give the bytes with each span's new ones in their place."""
    if not spans:
        return data
    pieces: list[bytes] = []
    at = 0
    for span in spans:
        pieces += (data[at : span.start], span.new)
        at = span.end
    return b"".join((*pieces, data[at:]))


def remapped(cuts: Cuts, spans: Sequence[Span]) -> Cuts:
    """Give cuts of the new bytes: those outside a span where they were, those in it at as many bytes of the new text.

    A chunk of which nothing is left goes; its time goes with it.
    """
    if not spans or not cuts:
        return cuts
    result, begin, shift, number, ended = [], 0, 0, 0, 0
    for size, at in cuts:
        ended += size
        while number < len(spans) and spans[number].end <= ended:
            shift += len(spans[number].new) - (spans[number].end - spans[number].start)
            number += 1
        end = ended + shift
        if number < len(spans) and spans[number].start < ended:
            span = spans[number]
            end = span.start + shift + min(ended - span.start, len(span.new))
        if end > begin or not size:
            result.append((end - begin, at))
        begin = end
    return tuple(result)


def forget(values: Mapping[str, str]) -> tuple[str, ...]:
    """Give the values alone, the longest first."""
    return tuple(sorted(values, key=len, reverse=True))
