"""Replacing stretches of bytes: which ones, with what, and where the cuts of a body lie afterwards."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, quote_plus

from wiremend.captures.scrub_joined import is_stream, joined_texts, said
from wiremend.captures.scrub_names import PLACEHOLDERS
from wiremend.captures.scrub_places import ANYWHERE, Place, as_bytes, as_text
from wiremend.captures.scrub_surrogate import MARK, SURROGATE, Surrogates, begins_harmless, family_prefix, is_harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wiremend.captures.scrub_joined import Joined

type Cuts = tuple[tuple[int, int], ...]


class Span(NamedTuple):
    """What comes in the place of some bytes."""

    start: int
    end: int
    new: bytes


_BASIC: Final = re.compile(rb"(?i:basic)(?: |%20|\+)([A-Za-z0-9+/_=-]{8,8192})")
_TAIL: Final = 12
"""Characters of a known secret that must stand at the end of a body that was cut, to be taken for its beginning."""

_HEAD: Final = 8
"""Characters behind the prefix of a known key that must stand somewhere, to be taken for a part of it."""

_PLAIN_HEAD: Final = 16
"""The same of a value without a prefix; a digit must be among them, else it may be words."""

_MORE: Final = 4
"""Characters that a value must have besides, so that its beginning is not all of it."""


@dataclass
class Known:
    """Values that are secret wherever they stand, with their surrogates."""

    surrogates: Surrogates
    values: dict[str, str] = field(default_factory=dict)
    _needles: dict[bytes, bytes] = field(default_factory=dict)
    _heads: dict[bytes, bytes] = field(default_factory=dict)
    """Of each needle what its beginning is told by; the needle itself where a part of it may be a word."""

    def copy(self) -> Known:
        """Give a copy that can learn more."""
        return Known(self.surrogates, dict(self.values), dict(self._needles), dict(self._heads))

    def learn(self, value: str, *, is_id: bool = False, least: int = ANYWHERE) -> str:
        """Give the surrogate of a value, and remember the value if it is one to look for everywhere."""
        if value in self.values:
            return self.values[value]
        new = self.surrogates.of(value, is_id=is_id)
        if new != value and len(value) >= least and not _is_a_word(value, new):
            self.values[value] = new
            for form in _forms(value):
                self._needles.setdefault(form, new.encode())
                self._heads.setdefault(form, _head_of(form))
        return new

    def spans(self, data: bytes) -> Iterator[Span]:
        """Find every occurrence of a known value, as it is and as JSON and URLs write it."""
        hits = [needle for needle, head in self._heads.items() if head in data]
        if hits:
            either = b"|".join(re.escape(needle) for needle in sorted(hits, key=len, reverse=True))
            # What is a surrogate already is stepped over, whatever stands in it.
            for found in re.compile(b"(%b)|%b" % (SURROGATE.encode(), either)).finditer(data):
                if found[1] is None:
                    yield Span(*found.span(), self._needles[found[0]])
            for needle in hits:
                yield from self._begun(needle, data)
        if self._needles and data:
            yield from self._cut_off(data)
            if b"asic" in data:
                yield from self._logins(data)

    def split(self, data: bytes) -> list[list[Span]]:
        """Find the values that stand in pieces in the texts of several events, each value's pieces together.

        Each piece's new text is as long as the piece, where the surrogate is as long as its secret.
        """
        if not self._needles or not is_stream(data):
            return []
        joined = said(data)
        needles = [needle for needle, head in self._heads.items() if head in joined]
        return [pieces for text in joined_texts(data) for pieces in self._pieces(needles, text)] if needles else []

    def _pieces(self, needles: Sequence[bytes], text: Joined) -> Iterator[list[Span]]:
        joined = bytes(text.data)
        for needle in needles:
            new = self._needles[needle]
            for start, end in self._begun_in(needle, joined):
                whole, pieces = len(new) == len(needle), []
                for at, stop, there in text.places(start, end):
                    part = new[at - start : stop - start] if whole else new if at == start else b""
                    pieces.append(Span(there, there + stop - at, part))
                if len(pieces) > 1:
                    yield pieces

    def _begun_in(self, needle: bytes, data: bytes) -> Iterator[tuple[int, int]]:
        """Find where a needle begins, and how far it goes on: to its end, or to where the data are others."""
        head = self._heads[needle]
        at = data.find(head)
        while at >= 0:
            end = at + len(head)
            if data.startswith(needle, at):
                end = at + len(needle)
            else:
                while data[end : end + 1] == needle[end - at : end - at + 1]:  # they differ before the needle ends
                    end += 1
            yield at, end
            at = data.find(head, end)

    def _begun(self, needle: bytes, data: bytes) -> Iterator[Span]:
        """Find where a needle is begun and not ended: an error may show a part of a key."""
        if self._heads[needle] != needle:
            for start, end in self._begun_in(needle, data):
                if end - start < len(needle):
                    yield Span(start, end, self._needles[needle])

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


def _head_of(needle: bytes) -> bytes:
    """Give the beginning by which a part of a value is told from a word; all of it where none tells."""
    prefix = len(family_prefix(needle.decode("latin-1")))
    length = prefix + _HEAD if prefix else _PLAIN_HEAD
    head = needle[:length]
    tells = len(needle) >= length + _MORE and (prefix or any(byte in b"0123456789" for byte in head))
    return head if tells else needle


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
