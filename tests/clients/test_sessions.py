"""Whole sessions of Claude Code, Codex and OpenCode: recorded, kept as cases, replayed, and run again from the cases.

Each agent runs once through a real proxy, at a provider that breaks rules of its wire. ``wiremend captures add`` makes
cases of it, in a repository that holds them and the rules, as a user's does. All else works with that repository:
pytest without a network, the playing upstream in place of the provider and in place of Wiremend, and rules of which
one was changed.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.launching import WIREMEND
from tests.clients.recording import (
    CLIENT,
    OUR_KEY,
    RULES,
    SESSION,
    alone,
    environ,
    keep,
    least,
    record,
    runs,
    wiremend,
)
from tests.clients.running import ANSWER, KEY, Runner
from tests.lab import Mitm
from tests.lab.proxy import ROOT
from wiremend.captures.case import find_cases, read_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wiremend.captures.capture import Capture

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

NO_NETWORK = """\
import socket

def refuse(*_):
    raise OSError("there is no network here")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


@dataclass(frozen=True)
class Repository:
    """``captures/`` with a session of each agent, and ``rules.yaml``."""

    path: Path

    @property
    def cases(self) -> dict[str, Capture]:
        """Read the cases, by their paths from here."""
        return {str(one.relative_to(self.path)): read_case(one).capture for one in find_cases(self.path / "captures")}

    def session(self, agent: str) -> list[str]:
        """Name the cases of one agent."""
        return [path for path in self.cases if f"/{SESSION[agent]}-" in path]

    def changed(self, folder: Path, old: str, new: str) -> Repository:
        """Give a copy with another text in its rules, in one place."""
        copy = shutil.copytree(self.path, folder / "changed")
        assert RULES.count(old) == 1
        (copy / "rules.yaml").write_text(RULES.replace(old, new))
        return Repository(copy)

    def pytest(self) -> tuple[int, dict[str, str], str]:
        """Run pytest here: its exit code, the outcome of each case, and what was printed."""
        command = [sys.executable, "-m", "pytest", "-rA", "-pno:cacheprovider", "-pno:anyio"]
        done = subprocess.run(command, cwd=self.path, env=alone(self.path), capture_output=True, text=True, check=False)
        told = re.findall(r"^(PASSED|FAILED) (captures/\S+)", done.stdout, re.MULTILINE)
        return done.returncode, {path: outcome for outcome, path in told}, done.stdout + done.stderr


@pytest.fixture(params=list(SESSION))
def agent(request: pytest.FixtureRequest) -> str:
    if request.param == "opencode-chat":
        request.getfixturevalue("opencode")
    return str(request.param)


@pytest.fixture(scope="module")
def programs(agents: Path) -> Callable[[Path], Runner]:
    """Give what makes a runner in a folder."""
    return lambda folder: Runner(agents, agents.parent / "opencode-linux-x64" / "bin" / "opencode", folder)


@pytest.fixture(scope="module")
def repository(programs: Callable[[Path], Runner], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Record a session of each agent that is there, with all that it sends by itself."""
    made = Repository(tmp_path_factory.mktemp("repository"))
    (made.path / "rules.yaml").write_text(RULES)
    for name in SESSION:
        runner = programs(tmp_path_factory.mktemp(name))
        if name != "opencode-chat" or (runner.opencode is not None and runner.opencode.is_file()):
            keep(record(runner, name, runner.folder / "recorded"), name, made.path, runner.folder)
    return made


# --- kept


def test_a_session_becomes_cases_with_all_that_happened(repository: Repository, agent: str) -> None:
    cases = [repository.cases[path] for path in repository.session(agent)]
    turns = [one for one in cases if b"tool-ran-8231" in one.request.body or tools(one)]
    assert len(turns) == 2
    first, last = turns
    assert b"tool-ran-8231" not in first.request.body
    assert b"tool-ran-8231" in last.request.body
    for one in turns:
        assert one.client == CLIENT[agent]
        assert one.attempt is not None
        assert one.attempt.response is not None
        assert one.answer is not None
        assert one.attempt.response.body.data != one.answer.body.data
        assert [note for note in one.notes if note.kind == "mended"]
        assert [note for note in one.notes if note.kind == "failed"] == []


def test_no_case_tells_a_key_or_where_it_was_recorded(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = [path for path in (repository.path / "captures").rglob("*") if path.is_file()]
    assert len(files) > 20
    secrets = (KEY, KEY[-10:], OUR_KEY, OUR_KEY[-10:], str(tmp_path_factory.getbasetemp()))
    assert [path for path in files for secret in secrets if secret.encode() in path.read_bytes()] == []
    done = wiremend("captures", "scrub", "--check", "captures", folder=repository.path, home=repository.path)
    assert (done.returncode, done.stdout) == (0, "nothing looks like a secret\n")


def tools(capture: Capture) -> Any:  # noqa: ANN401 - a part of a JSON body
    """Give the tools that a request offers."""
    return json_of(capture).get("tools")


def json_of(capture: Capture) -> dict[str, Any]:
    """Give a request's body; {} where it has none."""
    return json.loads(capture.request.body) if capture.request.body else {}


# --- replayed


def test_pytest_passes_without_a_network(repository: Repository, tmp_path: Path) -> None:
    copy = repository.changed(tmp_path, "blue", "blue")
    (copy.path / "conftest.py").write_text(NO_NETWORK)
    code, outcomes, text = copy.pytest()
    assert code == 0, text
    assert outcomes == dict.fromkeys(repository.cases, "PASSED")


# --- run again


@contextmanager
def playing(cases: Sequence[Path], *flags: str, home: Path, missed: bool = False) -> Iterator[str]:
    """Play cases; on leaving, all must have been asked for, and nothing else; or there were misses alone."""
    process = subprocess.Popen(
        [*WIREMEND, "upstream", *map(str, cases), "--strict", *flags],
        cwd=home,
        env=alone(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        port = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        assert port is not None, first
        yield f"http://127.0.0.1:{port[1]}"
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=30)
        assert process.returncode == int(missed), told
        played = r"0 of \d+ played, [1-9]\d* missed" if missed else r"([1-9]\d*) of \1 played, 0 missed"
        assert re.search(f"^{played}$", told, re.MULTILINE), told
    finally:
        process.kill()
        process.communicate()


def test_an_agent_runs_the_same_session_behind_wiremend(
    repository: Repository, programs: Callable[[Path], Runner], agent: str, tmp_path: Path
) -> None:
    cases = [repository.path / path for path in repository.session(agent)]
    with playing(cases, home=tmp_path) as url, Mitm(RULES, env=environ(url)) as proxy:
        runs(programs(tmp_path), agent, proxy.gateway)


def test_an_agent_runs_the_same_session_without_wiremend(
    repository: Repository, programs: Callable[[Path], Runner], agent: str, tmp_path: Path
) -> None:
    cases = [repository.path / path for path in repository.session(agent)]
    with playing(cases, "--side", "client", home=tmp_path) as url:
        runs(programs(tmp_path), agent, url)


def test_an_agent_with_other_instructions_runs_no_session(
    repository: Repository, programs: Callable[[Path], Runner], tmp_path: Path
) -> None:
    """So that the tests above can fail."""
    cases = [repository.path / path for path in repository.session("claude")]
    with playing(cases, "--side", "client", home=tmp_path, missed=True) as url:
        said = programs(tmp_path).at("claude", f"{url}/v1", "--append-system-prompt", "Speak like a pirate.")
    assert ANSWER not in said


# --- one rule is changed


def after_a_tool(capture: Capture) -> bool:
    """Tell whether a request brings a tool's result, in the form of the chat wire."""
    return any(one.get("role") == "tool" for one in json_of(capture).get("messages", ()))


@pytest.mark.parametrize(
    ("old", "new", "touched", "cause"),
    (
        ("max_tokens: 4096", "max_tokens: 8192", lambda one: one.client == "claude-code", "answers of Claude Code"),
        ("temperature: 0.2", "temperature: 0.3", after_a_tool, "after a tool"),
        ("calls: false", "calls: true", lambda one: one.model == "gpt-5.1-codex", "in a row"),
        ("access: null", "access: 'no'", lambda one: one.client == "claude-code", "no browser here"),
        ("lab/lab-large", "lab/lab-huge", lambda one: one.model == "claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("lab/lab-coder", "lab/lab-small", lambda one: one.model == "gpt-5.1-codex", "Codex"),
        ("client: opencode}", "client: opencode, model: other}", lambda one: one.client == "opencode", "OpenCode"),
    ),
    ids=("edit", "edit of some", "edit of a wire", "edit of a header", "alias", "route", "condition"),
)
def test_one_changed_rule_fails_the_cases_that_it_touches(
    repository: Repository, tmp_path: Path, old: str, new: str, touched: Callable[[Capture], bool], cause: str
) -> None:
    changed = repository.changed(tmp_path, old, new)
    line = next(number for number, text in enumerate(RULES.splitlines(), 1) if old in text)
    expected = {path for path, capture in repository.cases.items() if touched(capture)}
    assert expected
    assert expected < set(repository.cases)
    done = wiremend("replay", folder=changed.path, home=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    blocks = re.split(r"^(?=captures/\S+: \d+ difference)", done.stdout, flags=re.MULTILINE)
    told = {block.partition(":")[0]: block for block in blocks if block.startswith("captures/")}
    assert set(told) == expected, done.stdout
    for block in told.values():
        named = rf"'{re.escape(cause)}'[^(]* \(rules\.yaml:{line}\)"
        assert re.search(named, " ".join(block.split())), done.stdout
    assert f"{len(repository.cases)} cases, {len(expected)} differ" in done.stdout


def test_pytest_fails_for_the_cases_that_a_changed_rule_touches(repository: Repository, tmp_path: Path) -> None:
    changed = repository.changed(tmp_path, "max_tokens: 4096", "max_tokens: 8192")
    code, outcomes, text = changed.pytest()
    touched = repository.session("claude")
    assert code == 1, text
    assert outcomes == dict.fromkeys(repository.cases, "PASSED") | dict.fromkeys(touched, "FAILED")
    assert text.count("upstream request, /max_tokens: edit 'answers of Claude Code' (rules.yaml:13)") == len(touched)


# --- the shipped ones


def test_the_agents_still_run_the_shipped_sessions(
    programs: Callable[[Path], Runner], agent: str, tmp_path: Path
) -> None:
    cases = sorted((ROOT / "captures").glob(f"*/{SESSION[agent]}-*"))
    assert cases
    runner = programs(tmp_path)
    with playing(cases, "--side", "client", home=tmp_path) as url:
        runs(runner, agent, url, *least(agent, runner))
