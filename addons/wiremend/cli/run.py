r"""``wiremend run -- COMMAND``: an agent through a proxy of its own.

A proxy is started on a free port, the command gets what makes it go through (:mod:`wiremend.cli.agents`), and runs as
if it had been typed: same terminal, same process group, same open files, same exit code (128 + n if signal n ended it,
127 if it is not there). A receipt on stderr closes the run. Several runs do not meet: each has its port, its folder and
its proxy.

**Signals.** The terminal sends Ctrl-C and Ctrl-\ to every process of its foreground group, the command among them, so
here they must only be survived; they are passed on where no terminal did that (a script, a supervisor). SIGTERM,
SIGHUP, SIGUSR1 and SIGUSR2 come to one process and are passed on. A signal that was ignored when we started (``nohup``)
stays ignored, for the command too.

**Files.** ``$XDG_STATE_HOME/wiremend/run/DATE-TIME-PID/`` (usually below ``~/.local/state``) holds the log and the rows
of the calls, for the user's eyes only; runs older than a week are removed at the next one. What only the run itself
needs (certificates, copies of an agent's settings) is removed when it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import click
import psutil

from wiremend.cli.agents import Style, find_agent, plan
from wiremend.cli.launch import Proxy
from wiremend.cli.receipt import read_rows, receipt, why_none
from wiremend.errors import RulesError, SetupError
from wiremend.families import HOMES
from wiremend.mitm.trust import ca_bundle
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules, state_folder
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
BY_SIGNAL: Final = 128

KEEP: Final = 7 * 86400.0
"""Seconds for which the log of a run is kept."""

PRIVATE: Final = "private"
"""What only the run itself needs, in its folder."""

_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_KEYBOARD: Final = (signal.SIGINT, signal.SIGQUIT)


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--via", type=click.Choice(["proxy", "gateway"]), help="How the agent is led through.  [default: proxy]")
@click.option("--agent", default="", metavar="ID", help="The id for `when: {agent: …}`, or which recipe to use.")
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to use.")
@click.option("--strict", is_flag=True, help="Refuse a request that would lose or change something in translation.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.pass_context
def run(  # noqa: PLR0913 - a command's options, which click gives by name
    ctx: click.Context, via: Style | None, agent: str, rules: Path | None, command: tuple[str, ...], *, strict: bool
) -> None:
    """Run COMMAND through a proxy of its own:  wiremend run -- claude -p "hello".

    Its base URL and login stay as they are (--via proxy), or its base URL becomes ours and rules.yaml decides where
    requests go (--via gateway).
    """
    ctx.exit(run_command(command, os.environ, via=via, agent_id=agent, rules=rules, strict=strict))


def run_command(  # noqa: PLR0913 - what the command's own options say
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    via: Style | None = None,
    agent_id: str = "",
    rules: Path | None = None,
    strict: bool = False,
) -> int:
    """Run a command through a proxy and give its exit code.

    Raises :class:`SetupError` where the proxy does not start; a command that is not there is 127, as in a shell.
    """
    if (missing := _missing(command[0], environ)) is not None:
        code, why = missing
        click.echo(f"wiremend: {why}", err=True)
        return code
    hosts = llm_hosts(find_rules(rules, environ).path, environ)
    agent = find_agent(command, agent_id)
    style = via or agent.via
    folder = make_folder(state_folder(environ) / "run")
    private = folder / PRIVATE
    notes: list[str] = []
    more = {"wiremend_strict": "true"} if strict else {}
    try:
        with Signals() as signals, Proxy(folder, rules=rules, agent=agent_id, environ=environ, options=more) as proxy:
            launch = plan(
                agent,
                style,
                base=proxy.base,
                ca=proxy.ready.ca,
                bundle=ca_bundle(proxy.ready.ca, private, environ),
                environ=environ,
                argv=command,
                folder=private,
                hosts=hosts,
            )
            for note in launch.notes:
                click.echo(f"wiremend: {note}", err=True)
            try:
                code = signals.supervise(launch.argv, launch.environ)
            finally:
                notes += (note for overlay in launch.overlays for note in overlay.settle())
            if (ended := proxy.ended()) is not None:
                notes.append(f"the proxy ended before the command did, with {ended}; its log says why")
    except Interrupted as stop:
        return BY_SIGNAL + stop.number
    finally:
        shutil.rmtree(private, ignore_errors=True)
    rows = read_rows(proxy.calls)
    text = receipt(rows, log=proxy.log, said=proxy.said(), hints=why_none(agent, style), notes=notes)
    click.echo(text, err=True, nl=False)
    return code


def llm_hosts(rules: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """Give the hosts that the proxy will look into by name: the vendors', and those of every provider in the rules.

    One's own machine is not among them: what a local provider is sent may pass by, and so may everything else there.

    Raises :class:`SetupError` where the rules cannot be used, before anything is started. No credential is resolved:
    that is the proxy's part.
    """
    try:
        resolved = load_rules(read_rules(rules), str(rules), environ, offline=True, loops=False).resolved
    except RulesError as error:
        raise SetupError(f"the rules cannot be used; nothing was started\n{error}") from None
    return frozenset(HOMES).union(*(upstream.hosts for upstream in resolved.upstreams.values())) - LOOPBACK


def make_folder(root: Path) -> Path:
    """Make the folder of a run below ``root``; remove runs that ended a week ago, and what killed ones left.

    Raises :class:`SetupError` where it cannot be made.
    """
    now = time.time()
    folder = root / f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{os.getpid()}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        (folder / PRIVATE).mkdir(mode=0o700)
    except OSError as error:
        raise SetupError(
            f"{root} cannot be written ({error.strerror}); set XDG_STATE_HOME to a folder of yours"
        ) from None
    for old in root.iterdir():
        with contextlib.suppress(OSError):  # another run may be removing it too
            if not _under_way(old):
                shutil.rmtree(old if now - old.stat().st_mtime > KEEP else old / PRIVATE)
    return folder


def _under_way(folder: Path) -> bool:
    """Tell whether the run of a folder has not ended; its name ends with the number of its process."""
    pid = folder.name.rpartition("-")[2]
    return pid.isdecimal() and psutil.pid_exists(int(pid))


def _missing(program: str, environ: Mapping[str, str]) -> tuple[int, str] | None:
    """Give the exit code and the message for a program that cannot be started, None where it can."""
    if shutil.which(program, path=environ.get("PATH")) is not None:
        return None
    if "/" in program and Path(program).exists():
        return NOT_EXECUTABLE, f"{program} is there, but is not a program that can be run"
    where = "" if "/" in program else " on PATH"
    return NOT_FOUND, f"there is no {program}{where}; nothing was started"


class Interrupted(BaseException):
    """A signal that came before the command was started, and ends the run."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        self.number = number
        super().__init__(number)


class Signals:
    """Holds our signals while a command runs; a context manager.

    Before the command there is nobody to pass a signal to, so it ends the run (:class:`Interrupted`), and with it the
    proxy. While the command is being started signals wait; afterwards they are passed on; once it has ended, they are
    dropped, for what is left takes no time.
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before: dict[int, object] = {}
        self._waiting: list[int] | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Take over each signal that is not ignored."""
        for number in (*_PASSED_ON, *_KEYBOARD):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal() itself gave

    def supervise(self, argv: Sequence[str], environ: Mapping[str, str]) -> int:
        """Run a command in our own process group and give its exit code as a shell would."""
        self._waiting = []
        try:
            child = subprocess.Popen(argv, env=environ, close_fds=False)  # noqa: S603 - the user's own command
        except OSError as error:
            raise SetupError(f"{argv[0]} cannot be started: {error.strerror}") from None
        self._child = child
        for number in self._waiting:
            _pass_on(number, child)
        code = child.wait()
        return BY_SIGNAL - code if code < 0 else code

    def _take(self, number: int, _: FrameType | None) -> None:
        if self._child is not None:
            _pass_on(number, self._child)
        elif self._waiting is not None:
            self._waiting.append(number)
        else:
            raise Interrupted(number)


def _pass_on(number: int, child: subprocess.Popen[bytes]) -> None:
    """Send the command a signal, unless the terminal did; nothing where it has ended."""
    if number not in _KEYBOARD or not in_foreground():
        child.send_signal(number)


def in_foreground() -> bool:
    """Tell whether we are in the foreground group of a terminal, to which it sends Ctrl-C by itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
