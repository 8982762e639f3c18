"""The pytest plugin: each case below ``captures/`` is a test, replayed offline through today's rules.

pytest loads this module at each start, wherever Wiremend is installed. So it stays small: it declares options, a marker
and a fixture, and looks for cases. The rest is in :mod:`wiremend.replay.pytest_items`, which is imported when the first
stamped case is collected (a folder whose ``case.yaml`` begins with ``format:``), or the fixture or the marker is used.
``-p no:wiremend`` turns all of it off.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from wiremend.replay.pytest_upstream import UpstreamFactory

_HEAD: Final = 4096
"""Bytes of a ``case.yaml`` that are looked at for its first key."""

UPDATED: Final = "wiremend_updated"
"""The property of a report that says what ``--wiremend-update`` wrote."""


class StaleCaseWarning(pytest.PytestWarning):
    """A case that is too old, or whose client is not of the version that is tested today."""


class UnusedCaptureWarning(pytest.PytestWarning):
    """A capture that a playing upstream had, and nobody asked for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and the ini keys."""
    group = parser.getgroup("wiremend", "cases of Wiremend, replayed offline")
    group.addoption("--wiremend-update", action="store_true", help="rewrite what differs in the cases that are run")
    group.addoption("--wiremend-rules", metavar="FILE", help="the rules of cases that have none of their own")
    group.addoption(
        "--wiremend-cuts",
        choices=("all", "recorded", "whole", "bytes", "random"),
        default="all",
        help="how replies are cut: as recorded, or in another way too (default: all)",
    )
    group.addoption("--wiremend-max-age", metavar="AGE", type=_age, help="warn of cases that are older, such as 90d")
    parser.addini("wiremend_captures", "names of the folders with cases (default: captures)", "args", ["captures"])
    parser.addini("wiremend_rules", "as --wiremend-rules, from the folder of the ini file")
    parser.addini("wiremend_clients", "versions in use, such as claude-code=2.1.197; warn of cases of others", "args")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and judge the settings that argparse does not."""
    for line in config.getini("wiremend_clients"):
        if not all(line.partition("=")):
            raise pytest.UsageError(f"wiremend_clients: {line!r} should read NAME=VERSION, such as claude-code=2.1.197")
    config.addinivalue_line("markers", "wiremend: a case of Wiremend, collected from captures/")
    config.addinivalue_line("markers", "wiremend_offline: this test may connect to this machine only")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where ``testpaths`` leaves the cases out: nobody would miss tests that were never collected."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return None
    for name in config.getini("wiremend_captures"):
        folder = config.rootpath / name
        tested = [config.rootpath / path for path in config.args]
        if folder.is_dir() and not any(folder.is_relative_to(path) or path.is_relative_to(folder) for path in tested):
            return f"wiremend: {name}/ is not in testpaths; pytest {name} runs its cases"
    return None


@pytest.hookimpl(optionalhook=True)  # of pytest 8: an older one goes on without our cases
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Make a test of a folder that holds a case."""
    names = parent.config.getini("wiremend_captures")
    if not (any(_below(path, name, parent.config.rootpath) for name in names) and is_stamped(path / "case.yaml")):
        return None
    from wiremend.replay.pytest_items import CaseFolder  # noqa: PLC0415 - heavy, and most runs have no case

    return CaseFolder.from_parent(parent, path=path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Keep a test that is marked as offline from other machines."""
    __tracebackhide__ = True
    if item.get_closest_marker("wiremend_offline") is None:
        return (yield)
    from wiremend.replay.pytest_offline import offline  # noqa: PLC0415 - most tests have no such marker

    with offline(item.nodeid, loopback=True):
        return (yield)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Count a case that was rewritten apart from those that passed."""
    if report.when != "call" or not report.passed or not any(name == UPDATED for name, _ in report.user_properties):
        return None
    return "updated", "u", "UPDATED"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what ``--wiremend-update`` changed."""
    reports = terminalreporter.stats.get("updated", [])
    if not reports:
        return
    terminalreporter.section("rewritten cases")
    for report in reports:
        for name, text in report.user_properties:
            if name == UPDATED:
                terminalreporter.write_line(str(text))


@pytest.fixture
def wiremend_upstream(request: pytest.FixtureRequest) -> Iterator[UpstreamFactory]:
    """Start providers on this machine that answer as captures do: ``wiremend_upstream("captures/messages/*").url``.

    A request that no capture answers fails the test, and a capture that nobody asked for is a warning.
    """
    from wiremend.replay.pytest_upstream import upstreams  # noqa: PLC0415 - heavy, and most tests need none

    with upstreams(request.node) as factory:
        yield factory


def _age(text: str) -> str:
    """Let argparse judge a duration, in the words of rules.yaml."""
    from wiremend.rules.checks import check_duration  # noqa: PLC0415 - only where the option is given

    try:
        check_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def is_stamped(path: Path) -> bool:
    """Tell whether a file is a ``case.yaml`` of a format that has a number: its first key is ``format``."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError:
        return True  # the test says what is wrong with it
    lines = (line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip())
    first = next((line for line in lines if not line.startswith((b"#", b"---", b"%"))), b"")
    return first.startswith(b"format:")


def _below(path: Path, name: str, root: Path) -> bool:
    """Tell whether a folder lies below one of a name; a name with a slash is a path from the root."""
    if "/" in name:
        return (root / name) in path.parents
    return name in path.parent.parts
