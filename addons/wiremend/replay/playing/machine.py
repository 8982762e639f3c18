r"""What a request's texts say of the day and the machine, replaced by placeholders.

Two runs of one agent never send the same bytes. Measured, 2026-11, with Claude Code 2.1.197 and Codex 0.169.0: each ran
twice against one scripted provider, a turn with a shell call and one that ends, in two temporary homes and git projects
of other names, on two dates. Of the bodies this differed, and nothing else:

================================================  =====================================================================
where                                             what, and what is made of it
================================================  =====================================================================
``/metadata/user_id`` (Claude Code)               device and session: the pointer is ignored
``/prompt_cache_key``, ``/client_metadata``,      session, thread, turn, installation, commit, clock: ignored
``/input/*/internal_chat_message_metadata_…``
``/input/*/id`` (Codex)                           made anew by each run: see ``canonical``
texts: ``Today's date is``, ``<current_date>``    dates and times: placeholders
texts: ``Primary working directory:``, ``<cwd>``  the folder, wherever it occurs: learned from the request itself
texts: a path with ``/.claude/``, ``/.codex/``    the home in front of it, wherever it occurs: learned as well
texts: ``gitStatus:`` … ``Recent commits:``       the block is taken out, as it is missing where there is no git
texts: ``<environment_context>`` (Codex)          the block is a placeholder
tool results: what ``date``, ``pwd``, ``ls`` say  dates, times, folders: placeholders
tool results: ``Chunk ID:``, ``Wall time:``,      placeholders
``Original token count:`` (Codex)
================================================  =====================================================================

A session of OpenCode 1.18.33 (chat), recorded and played in the same way, had no miss.

So the rule is one for all agents and wires: **texts are compared without dates, times, measured durations, uuids, long
hexadecimal ids, e-mail addresses and the names of temporary, home and working folders.** Only :data:`_BLOCKS` knows the
words of agents: where they describe the machine. What else a tool said must be what it said when it was recorded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BLOCKS: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = tuple(
    (word, re.compile(pattern, re.MULTILINE), instead)
    for word, pattern, instead in (
        # Claude Code 2.1.197; the block ends with the commits, a line each.
        (
            "gitStatus:",
            r"\s*^gitStatus: (?:(?!^Recent commits:)[^\n]*\n)*(?:Recent commits:(?:\n[^\n]+)*)?\s*",
            "\n",
        ),
        (
            "\n - ",
            r"^( - (?:Is a git repository|Is directory a git repo|Platform|Shell|OS Version): ).*$",
            r"\1<machine>",
        ),
        ("/.claude/projects/", r"(?<=/\.claude/projects/)[^/\s`\"']+", "<cwd>"),  # the folder, hyphens for all else
        ("x-anthropic-billing-header", r"^(x-anthropic-billing-header: cc_version=).*$", r"\1<version>"),
        # Codex 0.169.0
        (
            "<environment_context>",
            r"<environment_context>[^<]*(?:<(?!/environment_context>)[^<]*)*</environment_context>",
            "<machine>",
        ),
        ("Wall time: ", r"^(Chunk ID: |Wall time: |Original token count: )[\w.]+", r"\1<measured>"),
    )
)
"""How agents describe the machine: words that must be there, a pattern, and what stands for it."""

_CWD: Final = re.compile(r"(?:working directory:|<cwd>)[ \t]*((?:/|[A-Za-z]:\\)[^\n<]+)", re.IGNORECASE)
_HOME: Final = re.compile(r"((?:/|[A-Za-z]:\\)[^\s`\"'<>:|,;()*]{1,400}?)[/\\]\.(?:claude|codex)[/\\]")

_NAME: Final = r"[^/\s`\"'<>:|,;()*\\]+"
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAY: Final = r"[ ]{1,2}\d{1,2}(?:st|nd|rd|th)?"
_WEEKDAY: Final = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?[ ])?"
_CLOCK: Final = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?(?:[ ]?[AaPp][Mm])?"
_ZONE: Final = r"(?:[ ]?(?:Z|UTC|GMT|[A-Z]{2,4}T|[+-]\d\d(?::?\d\d)?)(?![A-Za-z]))?"

_PLACEHOLDERS: Final = re.compile(
    "|".join(
        (
            r"(?P<uuid>(?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z]))",
            r"(?P<hex>(?<![0-9A-Za-z])(?=[a-fA-F]*\d)(?:[0-9a-f]{16,}|[0-9A-F]{16,})(?![0-9A-Za-z]))",
            rf"(?P<time>(?<!\d)\d{{4}}-\d\d-\d\d(?:[T ]{_CLOCK}{_ZONE})?(?!\d))",
            r"(?P<slashed>(?<![\w/])(?:\d{4}/\d\d?/\d\d?|\d\d?/\d\d?/\d{4})(?![\w/]))",
            rf"(?P<worded>(?<![A-Za-z]){_WEEKDAY}{_MONTH}{_DAY},?[ ]{{1,2}}{_CLOCK}{_ZONE}(?:[ ]\d{{4}}(?!\d))?)",
            rf"(?P<dated>(?<![A-Za-z]){_WEEKDAY}{_MONTH}{_DAY},?[ ]{{1,2}}\d{{4}}(?!\d)(?:,?[ ]{_CLOCK}{_ZONE})?)",
            rf"(?P<dayfirst>(?<![A-Za-z0-9]){_WEEKDAY}\d{{1,2}}[ ]{_MONTH}[ ]\d{{4}}(?!\d)(?:,?[ ]{_CLOCK}{_ZONE})?)",
            rf"(?P<clock>(?<![\w:./-]){_CLOCK}(?![\w:]))",
            r"(?P<epoch>(?<![\w.-])1[5-9]\d{8}(?:\.\d+|\d{3})?(?!\w))",
            r"(?P<took>(?<![\w.])(?:\d+\.\d+[ ]?(?:ms|s|secs?|seconds?|minutes?)|\d+[ ]?(?:ms|µs|ns))\b)",
            r"(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)",
            rf"(?P<tmp>(?<![\w.])/(?:private/)?(?:tmp|var/tmp|var/folders/[^/\s]{{1,64}}/[^/\s]{{1,64}}/T)/{_NAME})",
            rf"(?P<home>(?<![\w.])(?:(?:/home/|/Users/|[A-Za-z]:\\Users\\){_NAME}|/root(?![\w.-])))",
        )
    )
)
_NAMES: Final = dict.fromkeys(("slashed", "worded", "dated", "dayfirst", "clock", "epoch"), "time") | {
    "hex": "id",
    "uuid": "id",
}

_HINT: Final = re.compile(r"[0-9@]|/(?:tmp|var|home|root|Users)|\\Users\\")

_LEAST: Final = 2
_FEW: Final = 500
_MANY: Final = 100_000


class Machine:
    """The folders in which one request was made, and its texts without them."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Learn the folders from where agents say them."""
        cwds: set[str] = set()
        homes: set[str] = set()
        for text in texts:
            if "orking" in text or "<cwd>" in text:
                cwds.update(found.rstrip(" /\\.`\"'") for found in _CWD.findall(text))
            if ".claude" in text or ".codex" in text:
                homes.update(_HOME.findall(text))
        names = dict.fromkeys(homes, "<home>") | dict.fromkeys(cwds, "<cwd>")
        names = {path: name for path, name in names.items() if len(path) >= _LEAST}
        ordered = sorted(names, key=lambda path: (-len(path), path))  # the longer ones lie below the shorter ones
        self._names = names
        self._folders = (
            re.compile(rf"(?<![\w./\\-])(?:{'|'.join(map(re.escape, ordered))})(?![\w-])") if ordered else None
        )

    def without(self, text: str) -> str:
        """Give a text with placeholders for what is of the day and the machine alone."""
        if self._folders is not None:
            text = self._folders.sub(lambda found: self._names[found[0]], text)
        return _cached(text) if _FEW < len(text) < _MANY else _without(text)


def _without(text: str) -> str:
    for word, pattern, instead in _BLOCKS:
        if word in text:
            text = pattern.sub(instead, text)
    if _HINT.search(text) is None:
        return text
    lines = text.split("\n")  # no placeholder stands for more than a line, and few lines have any
    return "\n".join(_PLACEHOLDERS.sub(_placeholder, line) if _HINT.search(line) else line for line in lines)


_cached = lru_cache(maxsize=512)(_without)  # prompts and tools are the same in each request of a session


def _placeholder(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    return f"<{_NAMES.get(kind, kind)}>"


def is_moment(number: float) -> bool:
    """Tell whether a number is a time of our days, in seconds or milliseconds since 1970."""
    return any(low <= number < high for low, high in ((1.5e9, 2e9), (1.5e12, 2e12)))
