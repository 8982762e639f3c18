"""``wiremend run``: the command runs as if it had been typed, its calls go through a proxy of its own, nothing stays.

The commands are small Python programs that say what they see. Most of what concerns signals needs no proxy and is
tested on :class:`Signals` alone, in a process of its own; a few whole runs show the rest, each with a real proxy
(about two seconds). Programs that must wait read a line from a pipe that the test holds; nothing sleeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.cli.launching import WIREMEND, clean_environ
from tests.lab import Authority, Forwarder, Upstream, kimi
from wiremend.cli.run import KEEP, PRIVATE, Signals, llm_hosts, make_folder, run_command
from wiremend.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    type Started = subprocess.Popen[str]

DEADLINE = 20.0

SEEN = """\
import glob, json, os, psutil, sys
me = psutil.Process()
proxy, = (p for p in me.parent().children() if p.pid != me.pid)
seen = {"environ": dict(os.environ), "group": os.getpgrp() == os.getpgid(os.getppid()), "proxy": proxy.pid}
print(json.dumps(seen), flush=True)
"""
"""What each program of the whole runs says first: its environment, its group, and its run's proxy."""

CALL = """
import urllib.request
def call(url):
    headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json",
               "user-agent": "claude-cli/2.1.197", "anthropic-version": "2023-06-01"}
    body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=15))["content"][0]["text"]
"""


@contextlib.contextmanager
def started(argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a program in a session of its own, without a terminal; a test that fails leaves nothing of it behind."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def start(command: str, environ: Mapping[str, str], *flags: str) -> contextlib.AbstractContextManager[Started]:
    """Start a run of a Python program."""
    return started([*WIREMEND, "run", *flags, "--", sys.executable, "-c", command], environ)


def runs(home: Path) -> list[Path]:
    """Give the folders of the runs below a home folder."""
    return sorted((home / ".local" / "state" / "wiremend" / "run").iterdir())


def wait_gone(pid: int) -> None:
    """Wait until a process that need not be ours has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(DEADLINE)


# --- whole runs


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Give the variables of a machine whose only way out is a proxy that knows Kimi, re-signed by the office's CA."""
    authority = Authority(tmp_path_factory.mktemp("office"))
    with (
        Upstream(kimi(), tls=authority.server("api.kimi.com")) as upstream,
        Forwarder({"api.kimi.com:443": upstream.port}) as forwarder,
    ):
        yield {
            "HTTPS_PROXY": forwarder.url,
            "SSL_CERT_FILE": str(authority.ca),
            "ANTHROPIC_API_KEY": "sk-kimi-FAKE0123456789",
            "ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1",
        }


@pytest.mark.parametrize("style", ("proxy", "gateway"))
def test_a_run_goes_through_its_own_proxy_and_ends_with_a_receipt(
    tmp_path: Path, office: dict[str, str], style: str
) -> None:
    home = tmp_path / "home"
    program = SEEN + CALL + 'print(call(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"))\nsys.exit(7)'
    with start(program, clean_environ(home, **office), "--via", style) as process:
        out, err = process.communicate(timeout=DEADLINE)
    first, said = out.splitlines()
    seen = json.loads(first)
    assert process.returncode == 7
    assert "one two three" in said
    assert seen["group"]
    assert seen["environ"]["ANTHROPIC_API_KEY"] == office["ANTHROPIC_API_KEY"]
    ours = seen["environ"]["HTTPS_PROXY" if style == "proxy" else "ANTHROPIC_BASE_URL"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", ours)
    assert ours != office["HTTPS_PROXY"]
    if style == "proxy":
        assert seen["environ"]["ANTHROPIC_BASE_URL"] == office["ANTHROPIC_BASE_URL"]
    (folder,) = runs(home)
    assert err.splitlines() == [
        "wiremend: 1 call, 11 tokens in, 7 out",
        "  claude-sonnet-4-5 → kimi-code/kimi-for-coding  1 call",
        *(line for line in err.splitlines() if line.startswith("  mended: ")),
        f"  log: {folder / 'proxy.log'}",
    ]
    assert "mended: " in err
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "proxy.log": 0o600,
        "calls.jsonl": 0o600,
    }
    assert not psutil.pid_exists(seen["proxy"])


def test_two_runs_side_by_side_do_not_meet_and_a_killed_one_leaves_no_proxy(tmp_path: Path) -> None:
    environ = clean_environ(tmp_path / "home")
    with start(SEEN + "sys.stdin.readline()", environ) as one, start(SEEN + "sys.stdin.readline()", environ) as two:
        assert one.stdout
        assert two.stdout
        first, second = (json.loads(process.stdout.readline()) for process in (one, two) if process.stdout)
        for name in ("HTTPS_PROXY", "SSL_CERT_FILE"):
            assert first["environ"][name] != second["environ"][name]
        assert first["proxy"] != second["proxy"]
        one.kill()
        one.wait(DEADLINE)
        assert psutil.pid_exists(second["proxy"])
        out, err = two.communicate("go on\n", timeout=DEADLINE)
        assert (out, two.returncode) == ("", 0)
        assert err.startswith("wiremend: no LLM call was seen\n  perhaps the command made none")
    wait_gone(first["proxy"])
    assert not psutil.pid_exists(first["proxy"])
    assert not psutil.pid_exists(second["proxy"])
    assert len(runs(tmp_path / "home")) == 2


def test_a_machines_first_run_has_a_ca_and_a_proxy_that_dies_is_named(tmp_path: Path) -> None:
    environ = clean_environ(tmp_path / "home")
    for file in (tmp_path / "home" / ".mitmproxy").iterdir():
        file.unlink()
    program = SEEN + (
        'ours = open(os.environ["NODE_EXTRA_CA_CERTS"]).read()\n'
        'assert ours.strip() in open(os.environ["SSL_CERT_FILE"]).read()\n'
        "proxy.kill()\n"
        "while proxy.status() != psutil.STATUS_ZOMBIE: pass\n"  # the run reaps it when the command has ended,
        'while len(glob.glob(f"/proc/{proxy.pid}/task/*")) > 1: pass\n'  # which needs the end of its threads too
    )
    with start(program, environ) as process:
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    assert "the proxy ended before the command did, with -9" in err


TERMINAL = (
    SEEN
    + """
import termios
assert all(map(os.isatty, (0, 1, 2)))
assert os.tcgetpgrp(0) == os.getpgrp()
modes = termios.tcgetattr(0)
modes[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, modes)
try:
    print("attributes", termios.tcgetattr(0)[:4], flush=True)
    sys.stdin.readline()
except KeyboardInterrupt:
    print("interrupted", flush=True)
print("line", sys.stdin.readline().strip(), flush=True)
os.kill(os.getpid(), 9)
"""
)


def test_the_terminal_is_the_commands_own_and_ctrl_c_comes_once(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # the child: becomes the run, with the terminal as its controlling one
        os.execve(  # noqa: S606 - the test is that process from here on
            WIREMEND[0],
            [*WIREMEND, "run", "--", sys.executable, "-c", TERMINAL],
            clean_environ(tmp_path / "home"),
        )
    said = read_until(terminal, b"attributes ")
    said += read_until(terminal, b"\n")
    expected = termios.tcgetattr(terminal)[:4]
    assert f"attributes {expected}" in said.decode()
    assert not int(expected[3]) & termios.ECHO
    os.write(terminal, b"\x03")  # Ctrl-C
    read_until(terminal, b"interrupted")
    os.write(terminal, b"still here\n")
    read_until(terminal, b"line still here")
    receipt_text = read_until(terminal, b"proxy.log")
    assert b"no LLM call was seen" in receipt_text
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGKILL


def read_until(terminal: int, mark: bytes) -> bytes:
    """Read what a terminal shows up to a mark."""
    said = b""
    end = time.monotonic() + DEADLINE
    while mark not in said:
        assert time.monotonic() < end, said
        byte = os.read(terminal, 1)
        assert byte, said
        said += byte
    return said


# --- what stops a run before it begins


def test_a_command_that_is_not_there_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    assert run_command(["no-such-agent"], environ) == 127
    assert capsys.readouterr().err == "wiremend: there is no no-such-agent on PATH; nothing was started\n"
    assert run_command([str(tmp_path / "absent")], environ) == 127
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_is_no_program_is_126(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.touch(mode=0o644)
    assert run_command([str(text)], {"HOME": str(tmp_path), "PATH": ""}) == 126
    assert capsys.readouterr().err == f"wiremend: {text} is there, but is not a program that can be run\n"


def test_broken_rules_are_named_before_anything_is_started(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("routes:\n  - {to: nowhere}\n")
    with pytest.raises(SetupError, match=r"nothing was started\n.*rules\.yaml:2:"):
        run_command([sys.executable], {"HOME": str(tmp_path / "home")}, rules=rules)
    assert not (tmp_path / "home").exists()


def test_hosts_that_may_not_pass_by_are_the_vendors_and_the_rules_own_but_not_this_machine(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "providers:\n  corp: {base_url: 'https://llm.corp.example/v1', key: $ABSENT_KEY}\n"
        "  here: {base_url: 'https://localhost:8443', auth: none}\ndefault: corp\n"
    )
    hosts = llm_hosts(rules, {})
    assert {"llm.corp.example", "api.anthropic.com", "api.moonshot.ai"} <= hosts
    assert not {"localhost", "127.0.0.1", "::1"} & hosts


def test_a_program_that_the_system_cannot_start_is_named(tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.write_bytes(b"\0\0\0\0 no program")
    program.chmod(0o755)
    with Signals() as signals, pytest.raises(SetupError, match="agent cannot be started: "):
        signals.supervise([str(program)], {})


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".local").touch()
    with pytest.raises(SetupError, match=r"XDG_STATE_HOME"):
        run_command([sys.executable], {"HOME": str(tmp_path)})


@pytest.mark.parametrize("flag", ("--va", "--unknown"))
def test_a_misspelled_flag_is_not_taken_for_the_command(tmp_path: Path, flag: str) -> None:
    argv = [*WIREMEND, "run", flag, "gateway", "--", "true"]
    done = subprocess.run(argv, env=clean_environ(tmp_path / "home"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert flag in done.stderr


# --- signals


SUPERVISE = """\
import os, signal, sys
from wiremend.cli.run import Interrupted, Signals
with Signals() as signals:
    sys.exit(signals.supervise([sys.executable, "-c", sys.argv[1]], os.environ))
"""

EARLY = """\
import os, signal
from wiremend.cli.run import Interrupted, Signals
try:
    with Signals():
        os.kill(os.getpid(), signal.SIGTERM)
except Interrupted as stop:
    print(stop.number)
"""

CHILD = """\
import os, signal, sys
numbers = {numbers}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("ignores", *(n for n in (1, 2, 3, 15) if signal.getsignal(n) == signal.SIG_IGN), flush=True)
got = None
while got != numbers[-1]:
    got = signal.sigwait(numbers)
    print(int(got), flush=True)
sys.exit(3)
"""
"""Says which signals it was started with ignored, then each one that comes, until the last of its list."""


def supervise(tmp_path: Path, child: str, *before: str) -> contextlib.AbstractContextManager[Started]:
    """Start a process that supervises a child, without a proxy."""
    return started([*before, sys.executable, "-c", SUPERVISE, child], clean_environ(tmp_path / "home"))


def test_signals_are_passed_on_and_the_commands_own_exit_code_counts(tmp_path: Path) -> None:
    numbers = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]
    with supervise(tmp_path, CHILD.format(numbers=[*map(int, numbers)])) as process:
        assert process.stdout
        assert process.stdout.readline() == "ignores\n"
        for number in numbers:
            process.send_signal(number)
            assert process.stdout.readline() == f"{int(number)}\n"
        assert process.wait(DEADLINE) == 3


def test_a_command_that_a_signal_ends_gives_128_and_its_number(tmp_path: Path) -> None:
    with supervise(tmp_path, "import os; os.kill(os.getpid(), 15)") as process:
        assert process.wait(DEADLINE) == 128 + 15


def test_what_was_ignored_stays_ignored_for_the_command_too(tmp_path: Path) -> None:
    child = CHILD.format(numbers=[int(signal.SIGTERM)])
    with supervise(tmp_path, child, "sh", "-c", 'trap "" HUP; exec "$@"', "sh") as process:
        assert process.stdout
        assert process.stdout.readline() == f"ignores {int(signal.SIGHUP)}\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == f"{int(signal.SIGTERM)}\n"
        assert process.wait(DEADLINE) == 3


def test_a_signal_before_the_command_ends_the_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY],
        env=clean_environ(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("15\n", 0), done.stderr


def test_files_that_the_caller_opened_are_the_commands_too(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)  # noqa: FBT003 - its only spelling
    argv = [sys.executable, "-c", SUPERVISE, f"import os; os.write({theirs}, b'here')"]
    done = subprocess.run(argv, env=clean_environ(tmp_path / "home"), close_fds=False, check=False)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        assert pipe.read() == b"here"
    assert done.returncode == 0


# --- folders


def test_old_runs_are_removed_and_young_ones_and_those_under_way_stay(tmp_path: Path) -> None:
    root = tmp_path / "state" / "run"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    pids = {"ended": ended.pid, "under way": os.getppid()}
    for name, pid in pids.items():
        for age in (KEEP + 60, KEEP - 60):
            folder = root / f"{name} {'old' if age > KEEP else 'young'}-{pid}"
            (folder / PRIVATE).mkdir(parents=True)
            (folder / "proxy.log").touch()
            os.utime(folder, (time.time() - age,) * 2)
    made = make_folder(root)
    assert made.stat().st_mode & 0o777 == 0o700
    assert {
        str(path.relative_to(root)).replace(f"-{pids[name]}", "") for name in pids for path in root.glob(f"{name}*/*")
    } == {
        "ended young/proxy.log",
        "under way young/proxy.log",
        "under way young/private",
        "under way old/proxy.log",
        "under way old/private",
    }
    assert not list(root.glob("ended old*"))
