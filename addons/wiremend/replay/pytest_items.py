"""What pytest runs for a case: one test, which replays it offline through today's rules and compares.

The reply is given in its recorded cuts first, and all is compared. Then it is given whole, byte by byte and in cuts
chosen at random, but the same each time, and what the client gets must be what it got for the recorded cuts (G3).

Rules: a ``rules.yaml`` in the case's own folder; else ``--wiremend-rules``, the ini key ``wiremend_rules``, a
``rules.yaml`` at pytest's rootdir or above it in the repository, those that Wiremend ships. A file that cases share is
read once, and where it is broken one case says so for all of them.
"""

from __future__ import annotations

import shutil
import time
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from wiremend.captures.case import read_case
from wiremend.errors import RulesError, WiremendError
from wiremend.replay.compare import Difference, compare
from wiremend.replay.pytest_offline import offline
from wiremend.replay.pytest_plugin import UPDATED, StaleCaseWarning
from wiremend.replay.report import Result, as_text
from wiremend.replay.rules import FILE, Today, rules_beside
from wiremend.replay.run import CUTS, replay
from wiremend.replay.stale import stale
from wiremend.replay.update import update_case
from wiremend.rules.lookup import shipped
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.case import Case
    from wiremend.replay.run import Cuts, Replayed

_WIDTH: Final = 100
"""Columns of a report where there is no terminal, as in CI."""

_SAID: Final[dict[Cuts, str]] = {
    "recorded": "in its recorded cuts",
    "whole": "in one piece",
    "bytes": "byte by byte",
    "random": "in cuts at random",
}


class CaseError(Exception):
    """A case that fails; its text is all there is to say."""


@dataclass(slots=True)
class Settings:
    """What holds for all cases of a run.

    ``file`` has the rules of cases without any of their own, ``shown`` names it, and ``today`` is what became of it:
    None until the first case is collected, and for good where it is ``broken``. ``max_age`` is in seconds, and None
    where the rules decide. ``clients`` are the versions in use, by the clients' names.
    """

    file: Path
    shown: str
    cuts: tuple[Cuts, ...]
    max_age: float | None
    clients: Mapping[str, str]
    update: bool
    today: Today | None = None
    broken: bool = False

    @classmethod
    def of(cls, config: pytest.Config) -> Settings:
        """Read the settings of a run, once."""
        if (found := config.stash.get(_SETTINGS, None)) is None:
            file = shared_rules(config)
            chosen: Any = config.getoption("wiremend_cuts")
            update = bool(config.getoption("wiremend_update"))
            cuts = CUTS if chosen == "all" else ("recorded",) if update else (chosen,)
            age = config.getoption("wiremend_max_age")
            clients = dict(line.split("=", 1) for line in config.getini("wiremend_clients"))
            found = config.stash[_SETTINGS] = cls(
                file, _from_here(file, config), cuts, parse_duration(age) if age else None, clients, update
            )
        return found

    def shared(self) -> Today | None:
        """Give the rules that cases share, or None where another case has said already that they cannot be used.

        Raises CollectError the first time that they cannot.
        """
        if self.today is None and not self.broken:
            try:
                self.today = Today.load(self.file)
            except RulesError as error:
                self.broken = True
                message = f"no case can be replayed through these rules:\n{located(error, self.shown)}"
                raise pytest.Collector.CollectError(message) from None
        return self.today


BYTEWISE: Final = 64 * 1024
"""Bytes of a reply that is given byte by byte too, at most, where all cuts are tried: a byte takes about 2 us."""

_SETTINGS: Final = pytest.StashKey[Settings]()


class CaseFolder(pytest.Directory):
    """The folder of a case; no test but the case is in it."""

    def collect(self) -> Iterator[CaseItem]:
        """Give the case, with the folder as its id."""
        settings = Settings.of(self.config)
        if (self.path / FILE).is_file() or settings.shared() is not None:
            name = self.path.name
            nodeid = self.nodeid if self.nodeid not in {"", "."} else name
            yield CaseItem.from_parent(self, name=name, nodeid=nodeid, path=self.path / "case.yaml", settings=settings)


class CaseItem(pytest.Item):
    """A case as a test."""

    def __init__(self, *, settings: Settings, **named: Any) -> None:  # noqa: ANN401 - what pytest gives its nodes
        """Keep the settings of the run; nothing of the case is read until it runs."""
        super().__init__(**named)
        self.settings = settings
        self.own = self.path.with_name(FILE)
        self.add_marker("wiremend")

    def runtest(self) -> None:
        """Replay and compare. Raises :class:`CaseError`."""
        with offline(self.nodeid):
            case = read_case(self.path.parent)
            today = self._today()
            first = self._replay(case, today, self.settings.cuts[0])
            differences = compare(case.capture, first, ignore=today.replay.ignore, expect=case.about.get("expect"))
            if differences and not self.settings.update:
                raise CaseError(self._told(case, differences))
            self._cut_otherwise(case, today, first)
            if differences:
                lines = update_case(case, first, differences)
                self.user_properties.append((UPDATED, self._shown(Result(self.nodeid, case.title, updated=lines))))
        for message in stale(case.capture, time.time(), self._max_age(today), self.settings.clients):
            warnings.warn_explicit(message, StaleCaseWarning, str(self.path), 1)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - as pytest has it
        """Show what a person can act on without a traceback; a bug of ours has one."""
        if isinstance(excinfo.value, CaseError | WiremendError | StaleCaseWarning):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Give the place and the headline (of which pytest must not think that it is the end of the id)."""
        return self.path, None, f"case {self.nodeid}"

    def _today(self) -> Today:
        """Give the rules of this case; its own where it has any. Raises :class:`CaseError`."""
        if not self.own.is_file():
            return self.settings.today or Today.load(self.settings.file)
        try:
            return Today.load(self.own)
        except RulesError as error:
            raise CaseError(located(error, _from_here(self.own, self.config))) from None

    def _replay(self, case: Case, today: Today, cuts: Cuts) -> Replayed:
        return replay(case.capture, today, cuts, zlib.crc32(self.name.encode()))

    def _cut_otherwise(self, case: Case, today: Today, first: Replayed) -> None:
        """Give the reply in the other cuts. The same bytes are the same events; others are compared event by event."""
        if first.answer is None:
            return
        usual: Capture = replace(case.capture, answer=first.answer)
        attempt = case.capture.attempt
        long = attempt is not None and attempt.response is not None and attempt.response.body.length > BYTEWISE
        for cuts in self.settings.cuts[1:]:
            if long and cuts == "bytes":
                continue
            again = self._replay(case, today, cuts)
            if again.answer == first.answer:
                continue
            differences = [one for one in compare(usual, again) if one.part == "answer"]
            if again.answer is None:
                differences = [Difference("answer", "", "an answer", None)]
            if differences:
                what = f"where the reply comes {_SAID[cuts]}, the client does not get what it gets where it comes"
                bug = f"{what} {_SAID[self.settings.cuts[0]]}; that is a bug of Wiremend, not of your rules"
                raise CaseError(f"{bug}\n{self._told(case, differences)}")

    def _max_age(self, today: Today) -> float | None:
        return today.replay.max_age if self.settings.max_age is None else self.settings.max_age

    def _told(self, case: Case, differences: Sequence[Difference]) -> str:
        rules = _from_here(self.own, self.config) if self.own.is_file() else self.settings.shown
        return f"{self._shown(Result(self.nodeid, case.title, tuple(differences)))}\nreplayed through {rules}"

    @staticmethod
    def _shown(result: Result) -> str:
        return as_text(result, shutil.get_terminal_size((_WIDTH, 24)).columns).rstrip("\n")


def shared_rules(config: pytest.Config) -> Path:
    """Name the file with the rules of cases that have none of their own."""
    if named := config.getoption("wiremend_rules"):
        return config.invocation_params.dir / Path(named).expanduser()
    if named := config.getini("wiremend_rules"):
        return (config.inipath.parent if config.inipath else config.rootpath) / Path(named).expanduser()
    return rules_beside(config.rootpath) or shipped()


def located(error: RulesError, file: str) -> str:
    """Give the problems of a file, a line each, with the file as it is named here."""
    return "\n".join(str(replace(problem, file=file)) for problem in error.problems)


def _from_here(path: Path, config: pytest.Config) -> str:
    """Name a file as it is named from where pytest was started, which is what editors and terminals can open."""
    here = config.invocation_params.dir
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
