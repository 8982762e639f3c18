"""Which rules.yaml is in force.

The law behind the order: a file that merely lies in a folder never decides where keys go.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from wiremend.cli.main import cli
from wiremend.errors import SetupError
from wiremend.rules.lookup import config_folder, find_rules, private_folder, shipped, state_folder

if TYPE_CHECKING:
    from pathlib import Path

OP_RULES = "providers: {w: {base_url: 'https://llm.work.example/v1', key: 'op://v/i/f'}}\ndefault: w\n"


class Home:
    """A user with a rules file wherever one can be; ``environ`` leads to them."""

    def __init__(self, root: Path) -> None:
        """Write the files."""
        self.named = self.file(root / "named.yaml")
        self.pointed = self.file(root / "pointed.yaml")
        self.own = self.file(root / "config" / "wiremend" / "rules.yaml")
        self.folder = self.file(root / "repository" / "rules.yaml")
        self.environ = {"XDG_CONFIG_HOME": str(root / "config"), "HOME": str(root)}

    @staticmethod
    def file(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("version: 1\n", "utf-8")
        return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.chdir(made.folder.parent)
    return made


def test_the_order(home: Home) -> None:
    pointed = {**home.environ, "WIREMEND_RULES": str(home.pointed)}
    folder = home.folder.parent
    assert find_rules(home.named, pointed, folder=folder).path == home.named
    assert find_rules(None, pointed, folder=folder).path == home.pointed
    assert find_rules(None, home.environ, folder=folder).path == home.folder
    assert find_rules(None, home.environ).path == home.own
    home.own.unlink()
    assert find_rules(None, home.environ).path == shipped()


def test_each_says_why_it_is_the_one(home: Home) -> None:
    pointed = {**home.environ, "WIREMEND_RULES": str(home.pointed)}
    said = [
        find_rules(home.named, {}),
        find_rules(None, pointed),
        find_rules(None, home.environ),
        find_rules(None, {"HOME": "/nonexistent"}),
    ]
    assert [found.origin for found in said] == ["named", "environment", "config", "shipped"]
    assert len({found.why for found in said}) == 4


@pytest.mark.parametrize("environ", ({}, {"WIREMEND_RULES": ""}))
def test_a_file_in_the_current_folder_never_serves_a_proxy(environ: dict[str, str], home: Home) -> None:
    """``folder`` is what check and pytest give; whoever resolves credentials gives none."""
    home.own.unlink()
    assert home.folder.samefile("rules.yaml")
    assert find_rules(None, {**home.environ, **environ}).origin == "shipped"


def test_the_proxy_takes_no_notice_of_the_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("wiremend.cli.proxy.start", lambda _, arguments: started.append(arguments))
    monkeypatch.delenv("WIREMEND_RULES", raising=False)
    home.folder.write_text("default: nowhere-at-all\n", "utf-8")
    sound = CliRunner().invoke(cli, ["proxy", "--port", "0"], env=home.environ)
    assert not isinstance(sound.exception, SetupError)
    (arguments,) = started
    assert not any("repository" in argument for argument in arguments)

    home.own.write_text("default: nowhere-at-all\n", "utf-8")
    home.folder.write_text("version: 1\n", "utf-8")
    broken = CliRunner().invoke(cli, ["proxy", "--port", "0"], env=home.environ)
    assert isinstance(broken.exception, SetupError)
    assert f"{home.own}:1:10: " in str(broken.exception)
    assert len(started) == 1


def test_check_reads_the_file_of_the_folder_and_runs_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.folder.write_text(OP_RULES, "utf-8")
    program = home.folder.parent / "op"
    program.write_text('#!/bin/sh\ntouch "$0.was-run"\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{home.folder.parent}:/usr/bin:/bin")
    monkeypatch.delenv("WIREMEND_RULES", raising=False)
    result = CliRunner().invoke(cli, ["check"], env=home.environ)
    assert result.exit_code == 0, result.output
    assert "in this folder" in result.stdout
    assert "llm.work.example" in result.stdout
    assert "not resolved" in result.stdout
    assert not (home.folder.parent / "op.was-run").exists()

    named = CliRunner().invoke(cli, ["check", "--offline", "rules.yaml"], env=home.environ)
    assert named.exit_code == 0
    assert not (home.folder.parent / "op.was-run").exists()

    resolving = CliRunner().invoke(cli, ["check", "rules.yaml"], env=home.environ)
    assert resolving.exit_code == 1
    assert (home.folder.parent / "op.was-run").exists()


def test_a_file_that_is_named_must_be_there(home: Home) -> None:
    with pytest.raises(SetupError, match=r"nowhere\.yaml does not exist"):
        find_rules("nowhere.yaml", home.environ)
    with pytest.raises(SetupError, match=r"WIREMEND_RULES.* does not exist"):
        find_rules(None, {"WIREMEND_RULES": "/nonexistent/rules.yaml"})
    with pytest.raises(SetupError, match="is a folder"):
        find_rules(home.folder.parent, home.environ)


def test_a_tilde_is_the_home_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.environ["HOME"])
    assert find_rules("~/named.yaml", {}).path == home.named


@pytest.mark.parametrize(
    ("environ", "config", "state"),
    (
        ({"HOME": "/home/a"}, "/home/a/.config/wiremend", "/home/a/.local/state/wiremend"),
        ({"HOME": "/home/a", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, "/c/wiremend", "/s/wiremend"),
        # relative ones are to be ignored (XDG Base Directory Specification)
        (
            {"HOME": "/home/a", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": ""},
            "/home/a/.config/wiremend",
            "/home/a/.local/state/wiremend",
        ),
    ),
)
def test_where_the_users_folders_are(environ: dict[str, str], config: str, state: str) -> None:
    assert str(config_folder(environ)) == config
    assert str(state_folder(environ)) == state


def test_the_shipped_file_is_there() -> None:
    assert shipped().is_file()


def test_a_private_folder_is_for_the_user_alone(tmp_path: Path) -> None:
    below = tmp_path / "share" / "wiremend"
    made = private_folder(below / "run" / "one", below)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (below, below / "run", made)] == [0o700] * 3
    assert private_folder(made, below) == made
