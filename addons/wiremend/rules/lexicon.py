"""The word families, as the router ``local`` looks things up in them.

How a line of a family is written: ``WEIGHT: cue, cue, …``, where a cue is

    theorem             a word, in any of its forms (it is compared by its stem)
    bayes*              words that begin so
    pros and cons       words behind one another
    find .. bug*        the same with a few words between them, in one sentence
    ^prove              at the beginning of a clause, as it stands: an imperative
    wrong &code         only where there is code too (or another sign of :mod:`wiremend.rules.wording`)
    {math}              a sign by itself; ``{path}`` may also stand in the place of a word
    证明                characters of a script without spaces, behind one another

What matches is a *hit*. In masks ("user story") no word counts for anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.rules import word_errands as errands
from wiremend.rules import word_families as said
from wiremend.rules import word_fields as fields
from wiremend.rules.wording import PATH, SIGNS, Word, read, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wiremend.rules.wording import Text

GAP: Final = 6
"""So many words may stand in the place of ``..``."""

MOST_KNOWN: Final = 8192
"""Of so many words an index remembers what it looked up."""

MOST_TRIED: Final = 4
"""At so many places of a text a cue is tried, until it matches."""


@dataclass(frozen=True, slots=True)
class Family:
    """A word family.

    ``names``: words, of which one must be in a description that means it; ``a+b`` needs both, ``=a`` that very form of
    the word. ``cues``: what its users say. ``absorbs``: words of the description that are then a part of this family,
    and name no other. ``errand``: it speaks against preferences that do not name it. ``field``: it is a field in which
    one may also want errands done, as an errand's own is.
    """

    name: str
    names: str
    cues: str
    absorbs: str = ""
    errand: bool = False
    field: bool = False


FAMILIES: Final[tuple[Family, ...]] = (
    Family(
        "code review",
        "code+review pr+review pull+review diff+review code+critique code+audit code+analysis code+analyze "
        "code+quality code+inspect code+bugs+improvements review+bugs 代码审查 审查 revisión+código",
        said.CODE_REVIEW,
        absorbs="analyze analysis bugs bug improvements improvement existing code quality security testing",
    ),
    Family(
        "data analysis",
        "data+analysis data+analyze data+analytics analytics statistics dataset spreadsheets data+insights charts "
        "datenanalyse 数据分析 datos+análisis",
        fields.DATA_ANALYSIS,
        absorbs="analysis analyze reasoning queries code",
        field=True,
    ),
    Family(
        "mathematics",
        "math mathematical mathematics maths algebra calculus probability geometry proof proofs theorem equations "
        "arithmetic numerical problem+solving mathematik mathematisch 数学 matemáticas",
        said.MATHEMATICS,
    ),
    Family(
        "logic",
        "logic logical reasoning deduction puzzles think thinking inference argument problem+solving hard+problems "
        "complex+problems 推理 逻辑 logik razonamiento denken",
        said.LOGIC,
    ),
    Family(
        "analysis",
        "analysis analytical analyze reasoning decision decisions strategy strategic trade-offs tradeoffs "
        "complex+problems 分析 analyse análisis",
        said.ANALYSIS,
    ),
    Family(
        "fiction",
        "fiction story stories storytelling creative narrative novel novels roleplay worldbuilding characters "
        "screenplay dialogue jokes humor 故事 创意 geschichten kreativ creativa ficción",
        said.FICTION,
    ),
    Family(
        "poetry",
        "poem poems poetry verse lyrics songs haiku creative+writing creative 诗 gedichte kreativ poesía",
        said.POETRY,
    ),
    Family(
        "copywriting",
        "marketing copywriting copy slogans advertising brand creative+content creative+writing content+generation "
        "social+media 文案 werbung",
        said.COPYWRITING,
    ),
    Family(
        "prose",
        "writing+assistance writing+creative creative+content prose essay essays letters speeches blog editing+text "
        "writing+help writing+text article articles writing 写作 schreiben escritura",
        said.PROSE,
    ),
    Family(
        "translation",
        "translation translate translating localization languages 翻译 übersetzung traducción",
        fields.TRANSLATION,
        field=True,
    ),
    Family(
        "planning",
        "planning plan architecture roadmap design+system system+design project+management 规划",
        fields.PLANNING,
    ),
    Family(
        "security",
        "security vulnerabilities vulnerability penetration threat exploits 安全 sicherheit",
        fields.SECURITY,
        field=True,
    ),
    Family(
        "summaries",
        "summary summaries summarize summarizing summarization condense 总结 zusammenfassung",
        fields.SUMMARIES,
    ),
    Family(
        "customers",
        "customer customers support+tickets email emails helpdesk complaints kunden 客服",
        fields.CUSTOMERS,
        field=True,
    ),
    Family(
        "research",
        "research literature sources citations papers scientific science 研究 recherche",
        fields.RESEARCH,
        field=True,
    ),
    Family("cooking", "cooking cook baking recipes recipe kitchen food 烹饪 kochen cocina", fields.COOKING, field=True),
    Family("travel", "travel travelling trips tourism vacation 旅行 reisen viajes", fields.TRAVEL, field=True),
    Family(
        "health", "health medical medicine fitness wellness nutrition 健康 gesundheit salud", fields.HEALTH, field=True
    ),
    Family(
        "money", "finance financial money investing taxes accounting 理财 finanzen finanzas", fields.MONEY, field=True
    ),
    Family("law", "legal law contracts compliance 法律 recht", fields.LAW, field=True),
    Family(
        "coding",
        "=coding code+generation code+writing code+generating implementing implement programming implementation "
        "software+development features+new code+new code+editing scripts develop boilerplate 编程 programmieren",
        errands.CODING,
        absorbs="writing write generation generate code new editing script tests",
        errand=True,
    ),
    Family(
        "debugging",
        "debugging debug fixing errors crashes troubleshooting troubleshoot bugs+fix bugs "
        "failing+tests 调试 fehlersuche",
        errands.DEBUGGING,
        errand=True,
    ),
    Family(
        "testing",
        "tests+write tests+writing testing unit+tests test+generation test+coverage qa 测试",
        errands.TESTING,
        absorbs="writing write generation",
        errand=True,
    ),
    Family("refactoring", "refactoring refactor restructuring cleanup renaming 重构", errands.REFACTORING, errand=True),
    Family(
        "shell",
        "shell terminal commands git files+manage file+operations errands command-line chores routine 命令",
        errands.SHELL,
        errand=True,
    ),
    Family(
        "lookups",
        "questions explanations explain explaining lookup facts quick+answers simple+questions how-to "
        "knowledge teaching 问答",
        errands.LOOKUP,
        errand=True,
    ),
    Family(
        "documents",
        "documentation docs readme docstrings changelog code+comments 文档 dokumentation",
        errands.DOCUMENTS,
        absorbs="writing write",
        errand=True,
    ),
    Family(
        "devops",
        "devops deployment deploying infrastructure kubernetes docker ci/cd cloud terraform operations servers 运维",
        errands.DEVOPS,
        errand=True,
    ),
    Family(
        "converting",
        "converting conversion formatting format parsing extraction+data transform+data 转换",
        errands.CONVERTING,
        errand=True,
    ),
    Family("talk", "chat chitchat small+talk casual conversation greetings smalltalk 聊天", errands.TALK, errand=True),
)


class Cue(msgspec.Struct, frozen=True, eq=False):
    """One cue. ``parts`` are the keys of its words: a stem, or with a star how the word begins; None is a gap."""

    family: int
    weight: float
    parts: tuple[str | None, ...]
    begins: bool = False
    signs: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    """The stems among the other words: where one of them is not in a text, nothing need be tried."""


class Hit(msgspec.Struct, frozen=True, eq=False):
    """Where a cue matched: the positions of its words; () for a sign."""

    cue: Cue
    at: tuple[int, ...]


class Index:
    """Cues by the key of their first word, so that reading a text costs about one look-up a word."""

    def __init__(self, cues: Iterable[Cue]) -> None:
        """Sort the cues in."""
        self._words: dict[str, list[Cue]] = {}
        self._starts: dict[str, list[Cue]] = {}
        self._signs: list[Cue] = []
        for cue in cues:
            first = cue.parts[0] if cue.parts else None
            if first is None:
                self._signs.append(cue)
            elif first.endswith("*"):
                self._starts.setdefault(first[:-1], []).append(cue)
            else:
                self._words.setdefault(first, []).append(cue)
        self._lengths = sorted({len(start) for start in self._starts})
        self._known: dict[str, tuple[Cue, ...]] = {}

    def hits(self, text: Text, words: Sequence[Word] | None = None) -> list[Hit]:
        """Give what matches in a text, each cue once, in the order of its words; the stem "" matches nothing."""
        words = text.words if words is None else words
        found = [Hit(cue, ()) for cue in self._signs if cue.signs <= text.signs]
        stems = {word.stem for word in words}
        open_: dict[str, list[list[Any]]] = {}
        for at, word in enumerate(words):
            if not word.stem:
                continue
            cues = open_.get(word.said)
            if cues is None:
                cues = open_[word.said] = [
                    [cue, MOST_TRIED]
                    for cue in self._candidates(word)
                    if cue.signs <= text.signs and cue.needs <= stems
                ]
            for one in cues:
                cue, left = one
                if left and (word.begins or not cue.begins):
                    one[1] = left - 1
                    places = (at,) if len(cue.parts) == 1 else _behind(cue, words, at)
                    if places is not None:
                        found.append(Hit(cue, places))
                        one[1] = 0
        return found

    def _candidates(self, word: Word) -> tuple[Cue, ...]:
        """Give the cues whose first word this can be; of so many words it is remembered."""
        known = self._known.get(word.said) if word.stem != PATH else None
        if known is not None:
            return known
        found = [cue for cue in self._words.get(word.stem, ()) if not cue.begins or word.stem in (word.said, PATH)]
        if word.said != word.stem:
            found += [cue for cue in self._words.get(word.said, ()) if cue.begins]
        for length in self._lengths:
            if length > len(word.said):
                break
            found += self._starts.get(word.said[:length], ())
        if len(self._known) < MOST_KNOWN and word.stem != PATH:
            self._known[word.said] = tuple(found)
        return tuple(found)


def _behind(cue: Cue, words: Sequence[Word], at: int) -> tuple[int, ...] | None:
    """Find the other words of a cue behind its first."""
    found, sentence, room = [at], words[at].sentence, 0
    for part in cue.parts[1:]:
        if part is None:
            room = GAP
            continue
        start = part[:-1] if part[-1] == "*" else ""
        first = found[-1] + 1
        for place in range(first, min(first + room + 1, len(words))):
            word = words[place]
            if word.sentence != sentence:
                return None
            if (word.said.startswith(start) and word.stem) if start else word.stem == part:
                found.append(place)
                break
        else:
            return None
        room = 0
    return tuple(found)


def cues_of(lines: str, family: int) -> Iterator[Cue]:
    """Read the lines of a family."""
    for line in lines.strip().splitlines():
        weight, _, written = line.partition(":")
        for cue in written.split(","):
            yield _cue(cue.strip(), float(weight), family)


def _cue(written: str, weight: float, family: int) -> Cue:
    rest, *needed = (part.strip() for part in written.split(" &"))
    signs = frozenset(f"{{{sign}}}" for sign in needed)
    if rest in SIGNS and rest != PATH:
        return Cue(family, weight, (), signs=signs | {rest})
    begins = rest.startswith("^")
    parts: list[str | None] = []
    for part in rest.removeprefix("^").split():
        if part == "..":
            parts.append(None)
        elif part in SIGNS:
            parts.append(part)
        else:
            exact = begins and not parts
            parts += [part] if part.endswith("*") else [said if exact else key for said, key in _keys(part)]
    needs = frozenset(part for part in parts[1:] if part is not None and not part.endswith("*"))
    return Cue(family, weight, tuple(parts), begins, signs, needs)


def _keys(written: str) -> list[tuple[str, str]]:
    """Give the words of what is written without a space, each as it is said and by its stem."""
    if written.isascii() and written.isalpha():
        return [(written, stem(written))]
    return [(word.said, word.stem) for word in read(written).words]


@cache
def family_index() -> Index:
    """Give the index of all families; made once."""
    return Index(cue for number, family in enumerate(FAMILIES) for cue in cues_of(family.cues, number))


@cache
def mask_index() -> Index:
    """Give the index of the masks; made once."""
    lines = errands.MASKS.strip().replace("\n", ", ")
    return Index(cues_of(f"1: {lines}", -1))


@cache
def continuations() -> frozenset[tuple[str, ...]]:
    """Give what says nothing but "go on", as words."""
    lines = errands.CONTINUES.strip().replace("\n", ",").split(",")
    return frozenset(tuple(word.said for word in read(one).words) for one in lines)
