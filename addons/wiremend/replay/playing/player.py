"""Which capture answers a request: pure, without a socket, and safe for many threads at once.

A capture gives one entry an attempt (what a provider was asked and answered), or one for its client's side. An entry
answers once. Of those that a request is :func:`~wiremend.replay.playing.canonical.alike` to, the first of these goes:

1. what belongs to the same conversation: to a session that already got its answers from the same recorded one, then
   what has most ids in common with the request (answers give ids to the conversation, and the next request brings
   them again);
2. what is unused before what is used;
3. what was recorded earlier.

A used entry answers again only where the request is byte for byte one that it has answered: a client that asks again
after a broken connection sends the same bytes, and a provider would answer it again. So does a probe without a body.
Everything else is a miss, which names the nearest entry and the leaves that differ. A claim is atomic.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from wiremend.captures.capture import Capture
from wiremend.captures.scrub import Scrubber
from wiremend.jsonedit import parse_pointer
from wiremend.protocols import WIRES
from wiremend.replay.playing.canonical import IGNORED, Canonical, alike, canonical, differing
from wiremend.replay.playing.defaults import unrecorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.captures.capture import Request, Response
    from wiremend.jsonedit import Pointer
    from wiremend.protocols.base import WireName

type Side = Literal["upstream", "client"]
type Difference = tuple[str, str | None, str | None]

MOST: Final = 8
"""Leaves that a miss names."""

WIDTH: Final = 60
"""Characters of a value that a miss shows."""

_SWITCHING: Final = 101
_NOT_FOUND: Final = 404


@dataclass(eq=False, slots=True)
class Entry:
    """One recorded answer. ``at`` is when the attempt began, in microseconds since the exchange did."""

    name: str
    order: tuple[float, int, int]
    asked: Canonical
    response: Response | None
    error: str | None
    at: int
    seed: str
    answered: set[bytes] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Played:
    """An entry that answers; ``again`` where it had done so before."""

    entry: Entry
    again: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """A request that no capture answers.

    ``nearest`` names the capture that is most like it; ``differences`` are the first leaves that differ, ``count`` is
    how many do (0: it is the same, and has been used). ``wire`` is the one of whose path the request is.
    """

    request: str
    nearest: str | None
    differences: tuple[Difference, ...]
    count: int
    wire: WireName
    again: bool

    def __str__(self) -> str:
        """Give the lines."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """The miss in words: a line, and one a leaf."""
        if self.nearest is None:
            return [f"{self.request}: no capture asks for this"]
        if not self.count:
            return [f"{self.request}: {self.nearest} answers this, and has been used already"]
        said = "leaf differs" if self.count == 1 else "leaves differ"
        lines = [f"{self.request}: no capture is like it; nearest is {self.nearest}, of which {self.count} {said}"]
        for at, expected, got in self.differences:
            here, there = shortened(expected, got)
            lines.append(f"  {at or '(the body)'}: {here} → {there}")
        if self.count > len(self.differences):
            lines.append(f"  and {self.count - len(self.differences)} more")
        return lines

    @property
    def body(self) -> bytes:
        """The miss as an error of its wire."""
        return WIRES[self.wire].error_body(_NOT_FOUND, "not_found", str(self))


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A request that nobody recorded, and that has an answer all the same; it is no miss."""

    request: str
    response: Response


type Outcome = Played | Miss | Unrecorded


class Player:
    """Answers requests from captures, each once.

    ``captures`` may be given with names; without, their ids name them. ``ignore`` are pointers more (with ``*``) whose
    leaves do not count. Raises PointerError where one is none.
    """

    def __init__(
        self,
        captures: Iterable[Capture | tuple[str, Capture]],
        *,
        ignore: Iterable[Pointer | str] = (),
        side: Side = "upstream",
    ) -> None:
        """Read all requests once."""
        more = [parse_pointer(one) if isinstance(one, str) else one for one in ignore]
        self._ignore: tuple[Pointer, ...] = (*IGNORED, *more)
        self._scrubber = Scrubber()
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._missed: set[bytes] = set()
        self.misses: list[Miss] = []
        self.unplayable: list[tuple[str, str]] = []
        entries = []
        for number, one in enumerate(captures):
            name, capture = (one.id, one) if isinstance(one, Capture) else one
            entries += self._entries(name, capture, number, side)
        self.entries: tuple[Entry, ...] = tuple(sorted(entries, key=lambda entry: entry.order))
        self._at: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self._at[entry.asked.place].append(entry)
        self.models = tuple(dict.fromkeys(entry.asked.model for entry in self.entries if entry.asked.model))

    @property
    def unused(self) -> list[str]:
        """The names of what was never asked for, in the order of recording."""
        with self._lock:
            return [entry.name for entry in self.entries if not entry.answered]

    def claim(self, request: Request) -> Outcome:
        """Give what answers a request, and use it up."""
        asked = canonical(request, self._ignore)
        known = self._at.get(asked.place, ())
        same = [entry for entry in known if alike(entry.asked, asked)]
        with self._lock:
            chosen = self._choose(same, asked)
            if chosen is not None:
                again = bool(chosen.answered)
                chosen.answered.add(asked.exact)
                if asked.session:
                    self._sessions[asked.session] = chosen.asked.session
                return Played(chosen, again)
        said = f"{request.method} {request.target.partition('?')[0]}"
        answer = unrecorded(request, asked, self.models, recorded=bool(known))
        if answer is not None:
            return Unrecorded(said, answer)
        return self._miss(said, asked, same)

    def _choose(self, same: Sequence[Entry], asked: Canonical) -> Entry | None:
        """Give the first of those that may answer; see the module's docstring."""
        bound = self._sessions.get(asked.session)

        def rank(entry: Entry) -> tuple[bool, int, bool]:
            foreign = bool(bound) and entry.asked.session != bound
            return foreign, -len(entry.asked.ids & asked.ids), bool(entry.answered)

        for entry in sorted(same, key=rank):  # stable: what was recorded earlier stays in front
            if not entry.answered or asked.exact in entry.answered:
                return self._latest(same, asked) if entry.answered else entry
        return None

    @staticmethod
    def _latest(same: Sequence[Entry], asked: Canonical) -> Entry:
        """Give the last recorded of those that have answered these very bytes."""
        return [entry for entry in same if asked.exact in entry.answered][-1]

    def _miss(self, said: str, asked: Canonical, same: Sequence[Entry]) -> Miss:
        wires = asked.found.wires if asked.found else ()
        nearest, differences = (same[-1], []) if same else self._nearest(asked)
        ordered = sorted(differences, key=lambda one: None in one)  # another value says more than one that is new
        shown = [(at, self._told(at, expected), self._told(at, got)) for at, expected, got in ordered[:MOST]]
        with self._lock:
            again = asked.exact in self._missed
            miss = Miss(
                request=said,
                nearest=nearest.name if nearest else None,
                differences=tuple(shown),
                count=len(differences),
                wire=wires[0] if wires else "chat",
                again=again,
            )
            self._missed.add(asked.exact)
            if not again:
                self.misses.append(miss)
        return miss

    def _told(self, at: str, value: str | None) -> str | None:
        """Give a value without a credential that it may hold: a miss is printed and logged (G8)."""
        if value is None:
            return None
        name = f'"{at.rpartition("/")[2]}":'  # a member's name may tell what its value is
        return self._scrubber.text(name + value).removeprefix(name)

    def _nearest(self, asked: Canonical) -> tuple[Entry | None, list[Difference]]:
        """Give the entry of the same endpoint with the fewest leaves that differ, the unused before the used."""
        best: tuple[Entry | None, list[Difference]] = None, []
        score: tuple[int, bool] | None = None
        for entry in self._at.get(asked.place, ()):
            found = list(differing(entry.asked, asked))
            this = len(found), bool(entry.answered)
            if score is None or this < score:
                best, score = (entry, found), this
        return best

    def _entries(self, name: str, capture: Capture, number: int, side: Side) -> list[Entry]:
        pairs: list[tuple[Request, Response | None, str | None, int]]
        if side == "client":
            pairs = [(capture.request, capture.answer, capture.error, 0)]
        else:
            pairs = [(one.request, one.response, one.error, one.at) for one in capture.attempts]
        if not pairs:
            self.unplayable.append((name, "nothing was sent upstream"))
        entries = []
        for index, (request, response, error, at) in enumerate(pairs):
            called = name if len(pairs) == 1 else f"{name} (attempt {index + 1})"
            if response is None and error is None:
                self.unplayable.append((called, "it holds no answer"))
            elif response is not None and response.status <= _SWITCHING:
                self.unplayable.append((called, "it is a WebSocket, which is not played"))
            else:
                order = capture.began + at / 1e6, number, index
                asked = canonical(request, self._ignore)
                entries.append(Entry(called, order, asked, response, error, at, f"{capture.id}/{index}"))
        return entries


def shortened(expected: str | None, got: str | None, width: int = WIDTH) -> tuple[str, str]:
    """Give two values for a person: what differs, with a little before it, cut to a width."""
    if expected is None or got is None:
        return _cut(expected, 0, width), _cut(got, 0, width)
    same = next((i for i, (here, there) in enumerate(zip(expected, got, strict=False)) if here != there), None)
    begin = min(len(expected), len(got)) if same is None else same
    longest = max(len(expected), len(got))
    begin = 0 if longest <= width else max(0, begin - width // 4)
    return _cut(expected, begin, width), _cut(got, begin, width)


def _cut(value: str | None, begin: int, width: int) -> str:
    if value is None:
        return "(none)"
    end = begin + width
    return f"{'…' if begin else ''}{value[begin:end]}{'…' if end < len(value) else ''}"
