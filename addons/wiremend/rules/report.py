"""Findings about a rules file: how they are made, and collected.

Whoever finds something makes it here, because here credentials are taken out of the message (G8): a key that was
pasted into any place of the file, as a value, a name or a YAML anchor, must not come out again on a screen or in a
log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from wiremend.errors import Problem
from wiremend.families import scrubbed

if TYPE_CHECKING:
    from wiremend.errors import Severity
    from wiremend.rules.tree import Mark


def finding(file: str, line: int, column: int, message: str, severity: Severity = "error") -> Problem:
    """Make a problem, without what looks like a credential."""
    return Problem(file, line, column, scrubbed(message), severity)


@dataclass(slots=True)
class Report:
    """Collects the problems of one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def error(self, mark: Mark, message: str) -> Literal[False]:
        """Add an error; gives False, which is what a failed check returns."""
        self.problems.append(finding(self.file, mark.line, mark.column, message))
        return False

    def warn(self, mark: Mark, message: str) -> None:
        """Add a warning."""
        self.problems.append(finding(self.file, mark.line, mark.column, message, "warning"))

    @property
    def errors(self) -> list[Problem]:
        """The problems that make the file unusable."""
        return [problem for problem in self.problems if problem.severity == "error"]
