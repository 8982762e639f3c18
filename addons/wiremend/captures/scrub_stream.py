"""Scrubbing a body piece by piece, for bodies that are too large for the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.captures.scrub_patterns import LONGEST
from wiremend.captures.scrub_places import cut_places, pattern_places, places_in
from wiremend.captures.scrub_pointers import pointer_places
from wiremend.captures.scrub_spans import Span, merged, placed, remapped, replaced

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from wiremend.captures.scrub_spans import Cuts, Known
    from wiremend.jsonedit import Pointer

_AHEAD: Final = 2 * LONGEST
"""Bytes that are held at least, so that whatever begins before them is whole; at most it is twice as many."""

_CONTEXT: Final = 512
"""Bytes that were given out and are kept to see what stands in front of the next: names, and what a key follows."""


class StreamScrubber:
    """Gives a body back without secrets, whatever the pieces in which it comes.

    The outcome is that of the whole body in one piece, as long as no secret is longer than 16 KiB. Two things need the
    whole body and are for :meth:`Scrubber.capture` alone: a value that is found in one place of the body is not looked
    for in the rest of it, and pointers reach into events whose data are one line of at most 16 KiB, not into one large
    JSON. The pieces are decoded already: a compressed body is the caller's to decode.
    """

    def __init__(self, known: Known, pointers: Sequence[Pointer], patterns: Sequence[re.Pattern[bytes]]) -> None:
        """Begin a body."""
        self._known = known
        self._pointers = pointers
        self._patterns = patterns
        self._held = b""
        self._context = 0
        self._begin = 0
        self._spans: list[Span] = []

    def feed(self, data: bytes) -> bytes:
        """Give what can be given after these bytes."""
        self._held += data
        if len(self._held) - self._context < 2 * _AHEAD:
            return b""
        return self._give(len(self._held) - _AHEAD)

    def close(self) -> bytes:
        """Give the rest."""
        return self._give(len(self._held), last=True)

    def cuts(self, cuts: Cuts) -> Cuts:
        """Give the cuts of the scrubbed body for those of the body that came; after :meth:`close`."""
        return remapped(cuts, self._spans)

    def _give(self, bound: int, *, last: bool = False) -> bytes:
        held, start = self._held, self._context
        split = self._split(held) if held else []
        if not last:
            bound = self._before(split, bound)
        # What begins in front of the context's end has been given; what begins behind the bound is not whole yet.
        found = merged((piece for pieces in split for piece in pieces), self._look(held, last=last))
        mine = [span for span in found if start <= span.start < bound]
        shift = self._begin - start
        self._spans += [Span(span.start + shift, span.end + shift, span.new) for span in mine]
        end = max(bound, mine[-1].end) if mine else bound
        given = replaced(held[:end], mine)[start:]
        self._begin += end - start
        keep = max(0, end - _CONTEXT)
        self._held, self._context = held[keep:], end - keep
        return given

    def _before(self, split: Sequence[Sequence[Span]], bound: int) -> int:
        """Give the bound in front of what is under way there in pieces; it leaves whole, with what comes behind it.

        Only where it fills all that may be held does the bound stay, and its rest is not known again.
        """
        begins = bound
        for pieces in sorted(split, key=lambda pieces: -pieces[-1].end):
            if pieces[0].start < begins < pieces[-1].end:
                begins = pieces[0].start
        if begins > self._context:
            return begins
        return self._context if len(self._held) - self._context < 4 * _AHEAD else bound

    def _split(self, held: bytes) -> list[list[Span]]:
        """Find what stands in pieces in what was not given yet."""
        return [pieces for pieces in self._known.split(held) if pieces[0].start >= self._context]

    def _look(self, held: bytes, *, last: bool) -> list[Span]:
        places = [*places_in(held), *pattern_places(held, self._patterns, self._context)]
        if last:
            places += cut_places(held)
        if self._pointers:
            places += pointer_places(held, self._pointers)
        known = self._known.copy()
        own = placed(places, known)
        return merged(own, (span for span in self._known.spans(held) if last or span.end < len(held)))
