"""One line of ``wiremend doctor``, as it is found, as a person reads it and as a program does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.text import Text

from wiremend.cli.picture import hang
from wiremend.families import scrubbed
from wiremend.replay.beside import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rich.console import Console

type Level = Literal["ok", "warn", "FAIL"]

FORMAT: Final = 1
"""The version of the JSON form; it is raised where a key changes its meaning or goes."""

_COLOURS: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
_COUNTED: Final[tuple[tuple[Level, str], ...]] = (("FAIL", "to mend"), ("warn", "to look at"))
_KEEPS_SECRETS: Final = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD")
_LONG: Final = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, about what, what is so, and what to do about it; ``names`` are the variables it speaks of."""

    level: Level
    about: str
    what: str
    do: str = ""
    names: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it: keys ``level`` (ok, warn, fail), ``about``, ``names``, ``what``, ``do``."""
        return {
            "level": self.level.lower(),
            "about": self.about,
            "names": list(self.names),
            "what": self.what,
            "do": self.do,
        }


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Give one finding for all that say the same of different variables, in the place of the first."""
    names: dict[Finding, tuple[str, ...]] = {}
    for finding in findings:
        bare = replace(finding, names=())
        names[bare] = tuple(dict.fromkeys((*names.get(bare, ()), *finding.names)))
    return [replace(bare, names=all_names) for bare, all_names in names.items()]


def cleaned(findings: Iterable[Finding], environ: Mapping[str, str]) -> list[Finding]:
    """Give the findings without a credential, and without what would move a terminal's cursor (G8).

    A check shows no value that may hold one; this holds where a credential stands where none belongs, such as in the
    path of a URL. Credentials are what looks like one, and the values of variables that are named as if they held one.
    """
    secrets = _secrets(environ)

    def clean(text: str) -> str:
        return visible(scrubbed(text, secrets))

    return [
        replace(
            finding, what=clean(finding.what), do=clean(finding.do), names=tuple(clean(name) for name in finding.names)
        )
        for finding in findings
    ]


def _secrets(environ: Mapping[str, str]) -> Collection[str]:
    """Give the values of variables whose name ends as those of credentials do, the longest first."""
    found = {value for name, value in environ.items() if name.upper().endswith(_KEEPS_SECRETS) and len(value) >= _LONG}
    return sorted(found, key=len, reverse=True)


def as_plain(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give the findings as JSON has them: ``format``, ``ok`` (nothing failed), ``counts`` by level, ``findings``."""
    counts = {level.lower(): sum(finding.level == level for finding in findings) for level in _COLOURS}
    return {
        "format": FORMAT,
        "ok": not counts["fail"],
        "counts": counts,
        "findings": [finding.plain() for finding in findings],
    }


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print the findings and how many of them matter."""
    wide = max((len(finding.about) for finding in findings), default=0)
    for finding in findings:
        what = Text(": ".join(filter(None, (", ".join(finding.names), finding.what))))
        if finding.do:
            what.append(f"\n→ {finding.do}", "cyan")
        level = (f"{finding.level:4}  ", _COLOURS[finding.level])
        hang(console, Text.assemble(level, (f"{finding.about:{wide}}  ", "bold")), what)
    counts = {level: sum(finding.level == level for finding in findings) for level, _ in _COUNTED}
    said = [f"{counts[level]} {what}" for level, what in _COUNTED if counts[level]]
    console.print(f"\n{', '.join(said) if said else 'All is well.'}")
