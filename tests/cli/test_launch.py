"""The proxy process: what stops it from starting is said, and it ends whatever it does.

That it starts, is waited for and is stopped is shown by the whole runs of ``test_run.py``.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.launching import clean_environ
from wiremend.cli import launch
from wiremend.cli.launch import Proxy
from wiremend.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_proxy_that_does_not_start_shows_what_its_log_says(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("providers:\n  corp: {base_url: 'https://corp.example', key: $ABSENT_KEY}\ndefault: corp\n")
    proxy = Proxy(tmp_path, rules=rules, environ=clean_environ(tmp_path / "home"))
    with pytest.raises(SetupError, match=r"(?s)did not start.*rules\.yaml:2:.*ABSENT_KEY"), proxy:
        pytest.fail("it started")  # pragma: no cover
    assert proxy.ended() is not None
    with pytest.raises(SetupError, match="not running"):
        _ = proxy.base


STUBBORN = """\
#!{python}
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
signal.sigwait([signal.SIGUSR1])
"""


def test_a_proxy_that_neither_listens_nor_ends_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mitmdump"
    program.write_text(STUBBORN.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(launch, "_mitmdump", lambda: str(program))
    monkeypatch.setattr(launch, "START_BOUND", 0.3)
    monkeypatch.setattr(launch, "STOP_BOUND", 0.1)
    proxy = Proxy(tmp_path, environ={})
    with pytest.raises(SetupError, match=r"did not listen within .*\n.*said nothing"):
        proxy.start()
    assert proxy.ended() == -signal.SIGKILL


def test_a_proxy_that_was_never_started_is_easily_stopped(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path)
    assert (proxy.stop(), proxy.ended(), proxy.said()) == (None, None, "")


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(SetupError, match="no mitmdump beside"):
            _ = Proxy(tmp_path).command
    with monkeypatch.context() as here:
        here.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(SetupError, match=r"wiremend_addon\.py is not installed"):
            _ = Proxy(tmp_path).command
