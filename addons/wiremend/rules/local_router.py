"""The router ``local``: which preference fits the user's words best. No network, no weights, the same every time.

What a description *names* (:mod:`wiremend.rules.lexicon`) says which word families speak for its preference; so do the
description's own words, and what its examples have in them. In a turn of the user each word counts once, the more
telling the more, and each further one less than the one before it: the sum is the evidence **for** the preference.
Words for what agents do all day (run, rename, fix, where is …) that it does not name are the evidence **against** it.
The score is

    for / (for + against + 1)

and a preference fits from :data:`FIT` on, a half: where what speaks for it exceeds what speaks against it by one
telling word. The best one is chosen; among those that are as good, but for :data:`MARGIN`, the first of the file; and
none where none fits. The newest turn counts; the one before it only where the newest says nothing by itself ("go on").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wiremend.rules.lexicon import FAMILIES, Cue, Index, continuations, family_index, mask_index
from wiremend.rules.utterances import MOST_TURNS, clipped
from wiremend.rules.word_lists import GENERIC, NOT
from wiremend.rules.wording import PATH, Word, read, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.rules.lexicon import Hit
from wiremend.rules.wording import Text

type Topic = tuple[str, str, tuple[str, ...]]
"""A preference as the router knows it: name, description, examples."""

FIT: Final = 0.5
"""The least score of a preference that is chosen."""

MARGIN: Final = 0.02
"""Scores that differ by no more are as good as each other."""

MOST_SHOWN, LONGEST_SHOWN = 5, 40
"""So many words are named with a score, each in so many characters."""

OWN, OWN_ALONE, EXAMPLE, BY_EXAMPLE = 0.7, 1.2, 0.5, 0.7
"""What a word of the description weighs, where it names a family and where it names none; a word of an example; how
much a family counts that speaks in an example alone."""

IN_A_FIELD: Final = 0.4
"""So much of what speaks against a preference counts, where its description names a field (cooking, deployment) and no
activity (reviewing, writing): one may ask for anything in it."""

WANTED: Final = 1.4
"""From this weight on a cue tells that a thing is wanted; a lighter one, unless it is an imperative, is only spoken of,
which is nothing against a preference."""

FURTHER_FOR, FURTHER_AGAINST = 0.8, 0.7
"""What each further word weighs against the one before it."""

LONG, NEAR, FAR = 160, 70, 0.4
"""In a turn of more words than LONG, those further than NEAR from its beginning and its end weigh FAR as much."""

BARE, BEGUN, FOLLOWED = 0.9, 0.7, 0.5
"""What the turn before weighs: behind a bare "go on"; behind words that begin so; behind at most FEW words that say
nothing for or against anything. Behind all others it does not count."""

FEW: Final = 12

SHORTEST: Final = 3
"""Shorter words of a description do not speak for it by themselves."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well a preference fits, from 0 to 1; ``words`` are those of the request that spoke for it most."""

    name: str
    value: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The scores in the order of the file, and the name of the one that fits; None where none does."""

    scores: tuple[Score, ...]
    choice: str | None = None


type _Found = tuple[float, tuple[int, ...], str]
"""What a match weighs, the places of its words in its turn, and for people what it was, where it has no words."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What speaks for a topic: families and how much each counts, and its own words in the index of all."""

    name: str
    number: int
    families: dict[int, float]
    field: bool
    """Whether it is a field of its own, in which one may also want errands done."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn as read, and what matched in it."""

    text: Text
    words: tuple[Word, ...]
    hits: tuple[Hit, ...]
    own: tuple[Hit, ...]


class LocalRouter:
    """Scores what the user says against descriptions and examples."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        """Prepare the topics, and the lexicon where this is the first router."""
        family_index(), mask_index(), continuations()
        own: list[dict[str, float]] = []
        self._topics: list[_Known] = []
        for number, (name, description, examples) in enumerate(topics):
            words = _words(f"{name.replace('_', ' ').replace('-', ' ')} {description}")
            families = dict.fromkeys(_named({form for word in words for form in (word.stem, f"={word.said}")}), 1.0)
            weight = OWN if families else OWN_ALONE
            field = all(FAMILIES[family].field or FAMILIES[family].errand for family in families)
            mine = dict.fromkeys(_keys(words), weight)
            for example in examples:
                turn = _turn(example, None)
                for family in range(len(FAMILIES)):
                    if sum(hit.cue.weight for hit in turn.hits if hit.cue.family == family) >= 1:
                        families.setdefault(family, BY_EXAMPLE)
                for key in _keys(turn.words):
                    mine[key] = max(mine.get(key, 0.0), EXAMPLE)
            own.append(mine)
            self._topics.append(_Known(name, number, families, field))
        self._own = Index(
            Cue(number, weight / sum(key in other for other in own), tuple(key.split()))
            for number, mine in enumerate(own)
            for key, weight in mine.items()
        )

    def judge(self, turns: Sequence[str]) -> Judged:
        """Judge the user's turns, newest first. Never raises."""
        sums = {topic.name: _Sum() for topic in self._topics}
        share = 1.0
        for said in turns[:MOST_TURNS]:
            turn = _turn(clipped(said), self._own)
            heaviest = 0.0
            for topic in self._topics if not _is_bare(turn) else ():
                found = _for(topic, turn)
                speaks, against = _sum((weight for weight, *_ in found), FURTHER_FOR), _against(topic, turn, found)
                sums[topic.name].add(turn, found, share * speaks, share * against)
                heaviest = max(heaviest, speaks, against)
            share *= _passed_on(turn, heaviest)
            if not share:
                break
        scores = tuple(sums[topic.name].score(topic.name) for topic in self._topics)
        best = max((score.value for score in scores), default=0.0)
        good = (score.name for score in scores if score.value >= max(FIT, best - MARGIN))
        return Judged(scores, next(good, None))


class _Sum:
    """What speaks for a topic and against it, over the turns that count."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._speaks = self._against = 0.0
        self._words: dict[str, float] = {}

    def add(self, turn: _Turn, found: Sequence[_Found], speaks: float, against: float) -> None:
        """Add a turn: what matched in it, and the sums of both sides."""
        self._speaks += speaks
        self._against += against
        for weight, at, sign in found:
            said = (" ".join(turn.words[place].said for place in at) or sign)[:LONGEST_SHOWN]
            self._words[said] = max(self._words.get(said, 0.0), weight)

    def score(self, name: str) -> Score:
        """Give the score, with the most telling words."""
        shown = sorted((-weight, said) for said, weight in self._words.items())[:MOST_SHOWN]
        return Score(
            name, round(self._speaks / (self._speaks + self._against + 1.0), 4), tuple(said for _, said in shown)
        )


def _is_bare(turn: _Turn) -> bool:
    """Tell whether a turn says nothing but "go on", or nothing at all."""
    said = tuple(word.said for word in turn.words)
    return not said or said in continuations()


def _passed_on(turn: _Turn, heaviest: float) -> float:
    """Tell how much the turn before this one counts.

    ``heaviest`` is the most that speaks in this turn for or against any preference.
    """
    if _is_bare(turn):
        return BARE
    said = tuple(word.said for word in turn.words[:3])
    if not continuations().isdisjoint((said, said[:2])):
        return BEGUN
    return FOLLOWED if len(turn.words) <= FEW and heaviest < 1 else 0.0


def _turn(said: str, own: Index | None) -> _Turn:
    text = read(said)
    words = list(text.words)
    for hit in mask_index().hits(text):
        for place in hit.at:
            words[place] = Word("", words[place].said, words[place].sentence, words[place].begins)
    masked = tuple(words)
    hits = tuple(family_index().hits(text, masked))
    return _Turn(text, masked, hits, tuple(own.hits(text, masked)) if own is not None else ())


def _for(topic: _Known, turn: _Turn) -> list[_Found]:
    """Give what speaks for a topic, the most telling first: weights and places. No word counts twice."""
    found = [
        (hit.cue.weight * topic.families[hit.cue.family] * _nearness(hit, turn), hit.at, _sign(hit))
        for hit in turn.hits
        if hit.cue.family in topic.families
    ]
    found += [(hit.cue.weight * _nearness(hit, turn), hit.at, "") for hit in turn.own if hit.cue.family == topic.number]
    return _once(found)


def _against(topic: _Known, turn: _Turn, found: Sequence[_Found]) -> float:
    taken = {place for _, at, _ in found for place in at}
    against = [
        (hit.cue.weight * _nearness(hit, turn), hit.at, _sign(hit))
        for hit in turn.hits
        if FAMILIES[hit.cue.family].errand
        and hit.cue.family not in topic.families
        and (hit.cue.begins or hit.cue.weight >= WANTED)
        and not (hit.at and taken.issuperset(hit.at))
        and not _negated(hit, turn.words)
    ]
    return _sum((weight for weight, *_ in _once(against)), FURTHER_AGAINST) * (IN_A_FIELD if topic.field else 1)


def _once(found: Iterable[_Found]) -> list[_Found]:
    """Let each word of a turn count once, in the most telling cue that it is a part of."""
    kept: list[_Found] = []
    taken: set[int] = set()
    for weight, at, sign in sorted(found, key=lambda one: (-one[0], *one[1:])):
        if taken.isdisjoint(at):
            kept.append((weight, at, sign))
            taken.update(at)
    return kept


def _sign(hit: Hit) -> str:
    """Name for people what matched without words: ``(code, question)``."""
    return "" if hit.at else f"({', '.join(sorted(sign.strip('{}') for sign in hit.cue.signs))})"


def _sum(weights: Iterable[float], further: float) -> float:
    total, share = 0.0, 1.0
    for weight in weights:
        total += weight * share
        share *= further
    return total


def _nearness(hit: Hit, turn: _Turn) -> float:
    count = len(turn.words)
    if count <= LONG or not hit.at:
        return 1.0
    return 1.0 if hit.at[0] < NEAR or hit.at[0] >= count - NEAR else FAR


def _negated(hit: Hit, words: Sequence[Word]) -> bool:
    first = hit.at[0] if hit.at else 0
    return any(word.said in NOT and word.sentence == words[first].sentence for word in words[max(0, first - 2) : first])


_GENERIC: Final = frozenset(stem(word) for word in GENERIC)


def _words(text: str) -> tuple[Word, ...]:
    return read(text).words


def _keys(words: Sequence[Word]) -> list[str]:
    """Give the words that can speak for a topic by themselves; of a script without spaces, two characters each."""
    keys = [
        word.stem for word in words if len(word.stem) >= SHORTEST and word.stem not in _GENERIC and word.stem != PATH
    ]
    for one, two in pairwise(words):
        if len(one.stem) == len(two.stem) == 1 and not one.stem.isascii() and not two.stem.isascii():
            keys.append(f"{one.stem} {two.stem}")
    return list(dict.fromkeys(keys))


def _named(forms: set[str]) -> list[int]:
    """Give the families that a description names, by its stems, and its words with ``=`` before them."""
    ways, absorbs = _ways()
    firm = [n for n, absorbed in enumerate(absorbs) if absorbed and any(way <= forms for way in ways[n])]
    named = []
    for number, mine in enumerate(ways):
        left = forms.difference(*(absorbs[other] for other in firm if other != number))
        if number in firm or any(way <= left for way in mine):
            named.append(number)
    return named


@cache
def _ways() -> tuple[list[list[set[str]]], list[set[str]]]:
    """Give for each family the ways to name it, and what it absorbs, as forms of words; read once."""
    ways = [[_way(way) for way in one.names.split()] for one in FAMILIES]
    return ways, [{word.stem for word in _words(one.absorbs)} for one in FAMILIES]


def _way(written: str) -> set[str]:
    return {written} if written.startswith("=") else {word.stem for word in _words(written.replace("+", " "))}


@lru_cache(maxsize=8)
def local_router(topics: tuple[Topic, ...]) -> LocalRouter:
    """Give the router for these topics; it is made once."""
    return LocalRouter(topics)
