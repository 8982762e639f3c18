"""What can go wrong, whose fault it is, and what to say.

::

    WiremendError
    ├── RulesError            the rules file: every problem in it, each with line and column
    ├── CredentialError       a credential reference that does not resolve
    ├── PointerError          a text that is not a JSON pointer (RFC 6901, with ``*``)
    ├── BodyError             a body that cannot be read
    │   ├── CodingError       its content-encoding is unknown, broken or cut short
    │   │   └── TooLargeError it is larger than may be when that is undone
    │   └── JsonError         it is not JSON, or not the JSON that an edit needs
    ├── CaptureError          a capture or a case that cannot be read, or not be made
    ├── RefusedError          a request that must not leave: carries the status to answer with
    └── SetupError            the machine: a port in use, a missing program, a bad option

Guarantee G7 rests on this tree: the edge (``mitm/``) turns a :class:`RefusedError` into the client wire's own
error, logs the others once with the flow's id, and lets the flow go on. No message of this tree may contain a
credential (G8); whoever raises one names the variable or the line instead of the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

type Severity = Literal["error", "warning"]


class WiremendError(Exception):
    """The root: everything that Wiremend raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a rules file.

    ``line`` and ``column`` count from 1, as editors do. ``str()`` gives ``FILE:LINE:COL: message``.
    """

    file: str
    line: int
    column: int
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        """Give the line that compilers print, so that editors can jump to it."""
        kind = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"


class RulesError(WiremendError):
    """A rules file that cannot be used; ``problems`` holds every finding, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems; the message is all of them, a line each."""
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(str(p) for p in self.problems))


class CredentialError(WiremendError):
    """A credential reference that does not resolve; the message names the reference, never a value."""


class PointerError(WiremendError, ValueError):
    """A text that is not a JSON pointer."""


class BodyError(WiremendError):
    """A body that cannot be read; the fault is the sender's."""


class CodingError(BodyError):
    """A content-encoding that is unknown, broken or cut short."""


class TooLargeError(CodingError):
    """A body that is larger than may be when its content-encoding is undone."""


class JsonError(BodyError):
    """A body that is not JSON; ``offset`` is the byte where reading stopped, if known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        """Keep the offset for whoever wants to point at the byte."""
        self.offset = offset
        super().__init__(message)


class CaptureError(WiremendError):
    """A capture or a case that cannot be read or written; the message names the file and the place in it."""


class RefusedError(WiremendError):
    """A request that must not leave.

    ``status`` is the HTTP status to answer with; ``kind`` is one of the wire-neutral reasons that
    :mod:`wiremend.protocols` spells in each wire's own error vocabulary.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        """Keep what the client is to be told."""
        self.status = status
        self.kind = kind
        super().__init__(message)


class SetupError(WiremendError):
    """Something about the machine or the command line; the message says what to do."""
