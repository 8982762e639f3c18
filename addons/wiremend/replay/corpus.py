"""A corpus: the cases and flows at some paths, one after the other, so that no more than one is in memory at a time.

A path is a case's folder, a tree of cases, a repository (whose ``captures`` counts), a flow file, or ``FILE:N`` for
its Nth flow. What cannot be read comes as an :class:`Item` with its error, and the others go on.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from wiremend.captures.case import find_cases, read_case
from wiremend.captures.case_files import ABOUT_FILE
from wiremend.errors import SetupError, WiremendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.case import Case

CAPTURES: Final = "captures"
"""The folder of a repository that holds its cases."""

_NUMBERED: Final = re.compile(r"(.+):([0-9]+)")


class FoundFlow(Protocol):
    """A flow of a file, as ``mitm.flows.read_flows`` gives it.

    ``capture`` is None where it is none of ours, and where ``error`` says why it cannot be read.
    """

    @property
    def number(self) -> int:
        """Its place in the file, from 1."""

    @property
    def capture(self) -> Capture | None:
        """What was remembered."""

    @property
    def error(self) -> str | None:
        """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One exchange of a corpus.

    ``case`` is set where it is a case, ``rules`` where its folder has rules of its own. Without ``capture`` there is an
    ``error``, or the flow is none of ours (``stranger``).
    """

    name: str
    capture: Capture | None = None
    case: Case | None = None
    rules: Path | None = None
    error: str | None = None
    stranger: bool = False


@dataclass(frozen=True, slots=True)
class Corpus:
    """What there is at some paths: ``folders`` of cases, and ``files`` of flows, each with the one number wanted."""

    folders: tuple[Path, ...] = ()
    files: tuple[tuple[Path, int | None], ...] = ()
    read_flows: Callable[[Path], Iterable[FoundFlow]] | None = field(default=None, repr=False)

    @property
    def total(self) -> int | None:
        """How many items there are; None where that is not known before the files are read."""
        if any(number is None for _, number in self.files):
            return None
        return len(self.folders) + len(self.files)

    def __iter__(self) -> Iterator[Item]:
        """Give the items, cases first, each as it is read."""
        for folder in self.folders:
            yield _case(folder)
        for file, number in self.files:
            yield from self._flows(file, number)

    def _flows(self, file: Path, number: int | None) -> Iterator[Item]:
        name = _short(file)
        if self.read_flows is None:
            yield Item(name, error=f"{name}: flow files cannot be read here")
            return
        last = 0
        try:
            for found in self.read_flows(file):
                last = found.number
                if number is not None and last != number:
                    continue
                if found.error is not None:
                    yield Item(f"{name}:{last}", error=found.error)
                elif found.capture is not None:
                    yield Item(f"{name}:{last}", found.capture)
                elif number is not None:
                    yield Item(f"{name}:{last}", error=f"{name}:{last}: this flow holds no capture of Wiremend's")
                else:
                    yield Item(f"{name}:{last}", stranger=True)
                if number is not None:
                    return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, the others go on (G7)
            yield Item(f"{name}:{number}" if number else name, error=_told(error, name))
            return
        if number is not None:
            yield Item(f"{name}:{number}", error=f"{name}: there is no flow {number}; the file has {last}")


def corpus(paths: Sequence[Path], read_flows: Callable[[Path], Iterable[FoundFlow]] | None = None) -> Corpus:
    """Look at what there is at some paths, without reading it.

    Raises :class:`SetupError` where a path is not there, or there is nothing to replay at it.
    """
    folders: dict[Path, None] = {}
    files: dict[tuple[Path, int | None], None] = {}
    for path in paths:
        if path.is_dir() or path.name == ABOUT_FILE:
            found = find_cases(path) if path.exists() else []
            if not found:
                raise SetupError(f"there is no case at {path}, nor below it: no case.yaml of Wiremend's")
            folders |= dict.fromkeys(found)
        else:
            files[_file(path)] = None
    return Corpus(tuple(folders), tuple(files), read_flows)


def _file(path: Path) -> tuple[Path, int | None]:
    if path.is_file():
        return path, None
    numbered = _NUMBERED.fullmatch(str(path))
    if numbered is not None and Path(numbered[1]).is_file() and int(numbered[2]) > 0:
        return Path(numbered[1]), int(numbered[2])
    raise SetupError(
        f"{path} does not exist; give a case's folder, a tree of cases, a flow file, or FILE:N for one flow"
    )


def _case(folder: Path) -> Item:
    name = _short(folder)
    try:
        case = read_case(folder)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one case, the others go on (G7)
        return Item(name, error=_told(error, name))
    return Item(name, case.capture, case, case.rules)


def _told(error: Exception, name: str) -> str:
    if isinstance(error, WiremendError):
        return str(error)
    return f"{name}: {error}" if isinstance(error, OSError) else f"{name}: {type(error).__name__}: {error}"


def _short(path: Path) -> str:
    """Give a path as it can be typed here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near
