"""A text as the router ``local`` reads it: words in clauses, and what else there is: code, paths, formulas.

    please fix src/a.py, then run it     ->   fix  {path}  ·  run  it
                                              ^ begins         ^ begins

1. **Lines** are prose or code. Code is looked at no further: what it says is not what the user asks. That it is there,
   and whether it is a diff or a stack trace, is kept as a *sign*.
2. **Prose** is folded (NFKC, case), and cut into words. A path, a name such as ``retry_limit``, a URL is a sign in the
   place of a word. A character of a script that has no spaces (Chinese, Japanese, Korean) is a word by itself.
3. A word **begins** its clause where nothing but politeness stands before it: there an imperative stands.
4. Words are reduced to stems, lightly and by spelling alone, so that "proving" and "proves" are one.

A function of the text, the same on every machine.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.rules.word_lists import CAN, IS, OPENERS, PERSONS, POLITE, THINGS, TRADE

if TYPE_CHECKING:
    from collections.abc import Sequence

CODE, DIFF, TRACE, PATH, DATA = "{code}", "{diff}", "{trace}", "{path}", "{data}"
MATH, FIGURES, QUESTION, YESNO, LONG = "{math}", "{figures}", "{question}", "{yesno}", "{long}"
THING, OPEN, WORLD = "{thing}", "{open}", "{world}"
SHORT, WORDY = "{short}", "{wordy}"
SIGNS: Final = (
    *(CODE, DIFF, TRACE, PATH, DATA, MATH, FIGURES, QUESTION, YESNO, SHORT, WORDY, LONG, THING, OPEN, WORLD),
)
"""What there is in a text besides its words.

``figures`` are three numbers or more, ``yesno`` is a question that wants a yes or a no, a ``thing`` is what programmers
show to each other (code, a path, "this function"; without one the text is ``open``), and ``world`` is a text without
any word of the trade. ``short``, ``wordy`` and ``long`` tell of the number of words.
"""

MOST_WORDS: Final = 1_000
"""So many words of a text are read; one that :func:`wiremend.rules.utterances.clipped` has cut has no more."""

FIGURES_FROM: Final = 3
"""So many numbers, in digits or in words, are the sign FIGURES."""

SHORT_TO, WORDY_FROM, LONG_FROM = 6, 12, 45
"""Up to so many words a text is SHORT, from so many on WORDY, and LONG, where there is no code."""


STEMMED_FROM, LEAST_LEFT = 4, 3
"""Shorter words are left as they are, and no less is left of a word."""


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word: its stem, as it was written (folded), the number of its sentence, whether it begins its clause."""

    stem: str
    said: str
    sentence: int
    begins: bool


@dataclass(frozen=True, slots=True)
class Text:
    """The words of a text in their order, and the signs of what else is in it."""

    words: tuple[Word, ...]
    signs: frozenset[str]


# --- lines ------------------------------------------------------------------------------------------------------------

_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)")
_DIFF: Final = re.compile(r"(?:diff --git |@@ -\d|\+\+\+ |--- (?:[ab]/|/dev/null)|index [0-9a-f]{6,}\.\.)")
_TRACE: Final = re.compile(
    r"""\s*(?:Traceback\ \(most\ recent|File\ "[^"]+",\ line\ \d|at\ [\w$.<>/]+\s?\(|Caused\ by:
        |thread\ '[^']+'\ panicked|[\w.]{0,60}(?:Error|Exception|Failure|Panic)\b[^.?!]{0,20}:\s
        |error(?:\[\w+\])?:\s|E\ {3}\S|panic:\s|npm\ ERR!|goroutine\ \d+\ \[|FAILED\ |fatal:\s)""",
    re.VERBOSE,
)
_CODE: Final = re.compile(
    r"""\s*(?:
        (?:async\ )?def\ \w+|(?:pub\ |export\ |default\ |async\ |static\ )*(?:fn|func|function)\b[\s*]*[\w(]
        |(?:export\ |abstract\ |public\ |final\ |data\ )*(?:class|struct|interface|enum|trait|impl)\ \w+[^.?!]*[:{(]?$
        |from\ [\w.]+\ import\ |import\ [\w.{*"'][^?!]*$|\#include|using\ [\w.]+;|package\ [\w.]+;?$|@\w+(?:[.(].*)?$
        |(?-i:const|var|val|int|char|void|bool|float|double|string|auto|unsigned|public|private|protected|return|static)
            \ [^?!]*[;={(]
        |(?-i:let)\ (?:mut\ )?\w+\s?(?::\s?\w+\s?)?=.*[;({\["'`]
        |(?:if|for|while|switch|match|elif|else|try|except|catch|with)\b.*[:{]$
        |(?:select|insert\ into|update|delete\ from|create\ table|alter\ table|with)\ .*
            (?:\bfrom\b|\bset\b|\bvalues\b|[(;]|\bas\b)
        |(?:cd|rm|cp|mv|echo|export|sudo|apt|apt-get|pip|npm|git|docker|kubectl|curl|grep|sed|awk|chmod|mkdir)
            \ \S*[-$/.*]\S*
        |(?-i:FROM|RUN|COPY|ENV|CMD|ENTRYPOINT|EXPOSE|WORKDIR|USER|ARG|ADD)\ \S+
        |</?[a-zA-Z][\w.-]*(?:\s[^<>]*)?/?>|//|/\*|\*/|--\ |\#!|\$\ \w|>>>\ |[{}()\[\];,]+$
        |["']?[\w.$/-]+["']?\s?[:=]\s?[\[{"'\d|>&]|-\ [\w-]+:(?:\ |$)|[\w.-]+:$|[+-]\s{2,}\S
        |[\w.\[\]]+\s(?:[-+*/|&]?=|:=|<-)\s
        )|.*(?:[;{]|\)\ =>\ .*|=>\ \{|&&\ .*)$|\s+return\b|\s+[\w.]+\(.*\),?$""",
    re.VERBOSE | re.IGNORECASE,
)
_DATA: Final = re.compile(
    r"[^\s,;|][^,;|]{0,60}(?:([,;|\t])(?! )[^,;|\t]{0,60}){2,}$|\s*\|.*\|\s*$|\s*\{?\"[\w-]+\":.*"
)
_PROSE: Final = re.compile(r"\b(?:[^\W\d_]{2,30}['’]?[ ,]{1,3}){4}[^\W\d_]{2}|[?？。!]\s*$")  # noqa: RUF001 - as people type
_WORDS_IN_A_ROW: Final = re.compile(
    r"\b(?:[^\W\d_]{2,30}['’]? ){2}[^\W\d_]{2}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{3}"  # noqa: RUF001 - as typed
)
_SPOKEN: Final = re.compile(r"\s*((?:[^\W\d_]+['’]?[^\W\d_]*,? ){2,7}[^\W\d_]+ ?[?!:])(?=\s)")  # noqa: RUF001 - as typed
"""What is said before the code in one line."""

# Signs that are looked for in prose: code in a line, formulas, numbers, questions. Each repetition has a bound, so that
# no text, however odd, takes longer than its length says.
_MARKS: Final = re.compile(r"[`;(){}=$<>\[:]")
_INLINE: Final = re.compile(
    r"""(?i:\bselect\b[^\n]{1,200}\bfrom\b[^\n]{0,80}[;=*]|\bselect\s(?:\*|distinct)\s)|`[^`]{12,}`
    |\w\([^)\n]{0,120}\)\s?(?:[;{:]|=>)|\b(?:def|func|fn|function|class)\s\w{1,40}\s?[({:]
    |\b\w{1,40}\.\w{1,40}\([^)\n]{0,120}\)|</?\w{1,20}>|\b(?:const|let|var|val)\s\w{1,40}\s?=|=>
    |;\s?(?:\}|$|\w{1,40}\s?[=(.])|\$\(|\$\{|\w\[\w{1,40}\]|\s[!=]==?\s|\+\+;|\w::\w|\breturn\s\w{1,40}[(.;\[]
    |\{\s?\w{1,40}[^{}]{0,80};""",
    re.VERBOSE,
)
_FIGURE: Final = re.compile(r"[\d^=<>+*/×÷(\\!$∑∏∫√≤≥≠≡∀∃∈∉⊂⇒⇔→±∞]")  # noqa: RUF001 - signs of formulas
_FORMULA: Final = re.compile(
    r"""[∑∏∫√≤≥≠≡∀∃∈∉⊂⇒⇔→±∞²³ⁿ]|\b[a-z]\s?\([a-z](?:\s?[-+,]\s?\w{1,9}){0,9}\)|\b\w\s?\^\s?[\w({]
    |\\(?:frac|sum|int|sqrt|begin|lim|prod)\b|\b\d{0,9}[a-z]\s?[-+*]\s?\d{0,9}[a-z0-9]\s?(?:=|[<>≤≥]=?)\s?\w|\bO\(
    |\b[a-z]\s?(?:=|<=|>=|<|>)\s?-?\d{1,9}\b|\bmod\s\d|\$[^$\n]{3,}\$
    |\b\d{1,9}\s?[-+*/x×÷]\s?\d{1,9}\s?(?:=|[-+*/×÷]\s?\d)|\bn-(?:th|1)\b|\bP\s?\([A-Z¬]|\b\d{1,9}!(?!\w)|\[\[\s?-?\d
    |\b\d\s?x\s?\d\b""",  # noqa: RUF001 - signs of formulas
    re.VERBOSE,
)
_ONE_NUMBER: Final = r"""(?:(?<![\w./-])\d{1,20}(?:[.,]\d{1,20})?%?(?![\w/-]|\.\d)|\d{1,20}(?=[^\W\d_a-zA-Z])
    |\b(?i:two|three|four|five|six|seven|eight|nine|ten|twelve|hundred|twice|thrice|half|zwei|drei|vier|fünf|sechs|dos|tres
    |cuatro|cinco|seis)\b)"""
_NUMBER: Final = re.compile(_ONE_NUMBER, re.VERBOSE)
_ASKS: Final = re.compile(r"[?？](?=\s|$|[\"')\]]|[^\W\d_a-zA-Z])")  # noqa: RUF001 - as people type it
_SHOWN: Final = re.compile(
    r"\b[A-Z]?[a-z]{1,30}[A-Z][a-z]{1,30}[A-Za-z]{0,30}\b(?<!Hub)(?<!Script)(?<!Tube)(?<!Code)|代码|函数|コード|関数"
)
"""Names in camel case, and what is shown in languages that have no spaces."""

_TOLD: Final = (
    (CODE, _MARKS, _INLINE),
    (MATH, _FIGURE, _FORMULA),
    (QUESTION, re.compile(r"[?？]"), _ASKS),  # noqa: RUF001 - as people type it
)
"""Each sign, what a text without it has no need to be searched for, and how it looks."""


def _lines(text: str) -> tuple[list[str], set[str]]:
    """Part the prose of a text from its code; gives the lines of prose, and the signs of what else there is."""
    prose: list[str] = []
    signs: set[str] = set()
    fenced = patched = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            signs.add(CODE)
        elif fenced:
            _sign_code(line, signs)
        elif not line.strip():
            prose.append("")
        elif _DIFF.match(line):
            patched = True
            signs.update((DIFF, CODE))
        elif patched and line[:1] in "+- \t":
            continue
        elif _TRACE.match(line):
            signs.add(TRACE)
        elif _is_code(line):
            signs.add(CODE)
            said = _SPOKEN.match(line)
            prose += [said[1]] if said is not None else []
        elif _DATA.match(line) and not _WORDS_IN_A_ROW.search(line):
            signs.add(DATA)
        else:
            patched = False
            prose.append(line)
    return prose, signs


def _sign_code(line: str, signs: set[str]) -> None:
    if _DIFF.match(line):
        signs.add(DIFF)
    elif _TRACE.match(line):
        signs.add(TRACE)


def _is_code(line: str) -> bool:
    return _CODE.match(line) is not None and _PROSE.search(line) is None


# --- words ------------------------------------------------------------------------------------------------------------

_PART: Final = r"[\w@.-]{1,60}"
_SIGN: Final = (
    r"(?P<url>[a-z]{2,12}://\S+)"
    rf"|(?P<path>[.~]?/?(?:{_PART}/)+[\w@-]{{1,60}}\.\w{{1,8}}\b|(?:(?<!\S)[.~]{{0,2}}/|[.~]/){_PART}(?:/[\w@.-]*)*"
    rf"|(?:{_PART}/){{2,}}[\w@.-]*"
    r"|[\w@-]{1,60}(?:\.[\w@-]{1,60}){0,4}\.(?:[a-z]{1,4}|json|yaml|toml|lock|proto|gradle|ipynb|jsonl|scss)\b(?!\.\w))"
    r"|(?P<name>(?<!\w)--?[a-z][\w-]{1,60}=?|@[\w./-]{1,60}|[a-z]\w{0,40}_\w+|\w{1,60}\(\))"
)
_SPACELESS: Final = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(
    rf"(?a:{_SIGN})|(?P<char>[{_SPACELESS}])|(?P<word>[^\W_{_SPACELESS}]+(?:'[^\W\d_{_SPACELESS}]+)*)"
    r"|(?P<stop>[.!?…。]+(?=\s|$|[\"')\]])|[!?。]|\n\s*\n)"
    r"|(?P<part>[,;:()\"“”„«»、\n]|\s[-–—]+\s|—)"  # noqa: RUF001 - dashes as people type them
)
_APOSTROPHES: Final = dict.fromkeys((0x2018, 0x2019, 0x00B4, 0x0060), "'")

_BECOMES: Final = {"what's": "what is", "that's": "that is", "it's": "it is", "there's": "there is", "who's": "who is"}


def read(text: str) -> Text:
    """Read a text. Never raises."""
    prose, signs = _lines(text)
    joined = "\n".join(prose)
    words = _cut(unicodedata.normalize("NFKC", joined.translate(_APOSTROPHES)).casefold())
    signs |= {sign for sign, gate, pattern in _TOLD if gate.search(joined) and pattern.search(joined)}
    if sum(1 for _ in itertools.islice(_NUMBER.finditer(joined), FIGURES_FROM)) == FIGURES_FROM:
        signs.add(FIGURES)
    if any(word.stem == PATH for word in words):
        signs.add(PATH)
    stems = {word.stem for word in words}
    signs.add(THING if signs & {CODE, DIFF, PATH} or stems & _THINGS or _SHOWN.search(joined) else OPEN)
    if not (signs & {CODE, DIFF, TRACE, PATH, DATA, THING} or stems & _TRADE):
        signs.add(WORLD)
    if QUESTION in signs and _wants_yes_or_no(words):
        signs.add(YESNO)
    if len(words) >= LONG_FROM and not signs & {CODE, TRACE}:
        signs.add(LONG)
    if len(words) <= SHORT_TO:
        signs.add(SHORT)
    if len(words) >= WORDY_FROM:
        signs.add(WORDY)
    return Text(tuple(words), frozenset(signs))


def _cut(folded: str) -> list[Word]:
    words: list[Word] = []
    sentence, begins = 0, True
    for match in _WORD.finditer(folded):
        kind, said = match.lastgroup, match[0]
        if kind in _WORDS:
            for one in _BECOMES[said].split() if said in _BECOMES else (said,):
                words.append(Word(stem(one), one, sentence, begins))
                begins = (begins and one in POLITE) or one in OPENERS
        elif kind == "part":
            begins = True
        elif kind == "stop":
            sentence, begins = sentence + 1, True
        else:
            if kind != "url":
                words.append(Word(PATH, said, sentence, begins))
            begins = False
        if len(words) >= MOST_WORDS:
            break
    return words


def _wants_yes_or_no(words: Sequence[Word]) -> bool:
    return any(
        word.begins and (word.said in IS or (word.said in CAN and after.said not in PERSONS))
        for word, after in itertools.pairwise(words)
    )


_WORDS: Final = frozenset({"word", "char"})
_VOWEL: Final = re.compile("[aeiouy]")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Give the stem of a folded word: plural, -ing, -ed and a final -e are taken off an ASCII word of some length."""
    if len(word) < STEMMED_FROM or not word.isascii():
        return word
    if word.endswith("'s"):
        return stem(word[:-2])
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= LEAST_LEFT and _VOWEL.search(rest):
            word = rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
            break
    word = word.replace("yz", "ys").replace("iz", "is") if len(word) > STEMMED_FROM else word
    return word[:-1] if word.endswith("e") and len(word) > LEAST_LEFT else word


_THINGS: Final = frozenset(stem(word) for word in THINGS)
_TRADE: Final = frozenset(stem(word) for word in TRADE)
