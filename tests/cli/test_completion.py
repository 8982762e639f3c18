"""``wiremend completion``: the scripts, and what they complete, asked as shells ask.

bash is driven for real: its script is read, and its function called with the words of a command line. zsh and fish are
where they are installed; the question that their scripts ask is put to the verb in any case.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import click
import pytest

from tests.cli.launching import WIREMEND, clean_environ
from wiremend.cli.completion import _NAMES, names_for, script
from wiremend.cli.main import VERBS, cli
from wiremend.quirks import all_quirks
from wiremend.rules.providers import builtin_nodes

if TYPE_CHECKING:
    from pathlib import Path

FLOWS: Final = "2026-11-21T14-16-36Z-4711.flows"
ASK_BASH: Final = """
eval "$(wiremend completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
compopt() { echo "option $2"; }
_wiremend_completion wiremend
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give a machine with the console script on PATH, rules of the user's own and one flow file."""
    root = tmp_path_factory.mktemp("completion")
    made = clean_environ(root / "home")
    program = root / "bin" / "wiremend"
    program.parent.mkdir()
    program.write_text(f"#!{WIREMEND[0]}\nimport sys\nsys.argv[0] = 'wiremend'\n{WIREMEND[2]}\n")
    program.chmod(0o755)
    rules = root / "home" / ".config" / "wiremend" / "rules.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(
        "providers: {mine: {base_url: http://127.0.0.1:1/v1, key: $NOT_SET, models: {tiny: {}}}}\n"
        "aliases: {quick: mine/tiny}\ndefault: mine/tiny\n"
    )
    flows = root / "home" / ".local" / "state" / "wiremend" / "captures" / FLOWS
    flows.parent.mkdir(parents=True)
    flows.touch()
    return {**made, "PATH": f"{program.parent}{os.pathsep}{made['PATH']}"}


def ask(shell: str, environ: dict[str, str], *words: str) -> list[str]:
    """Put a shell's question to the verb; the last word is the one that is being written."""
    told = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1) if shell != "fish" else words[-1]}
    command = [*WIREMEND, "completion", shell, "--answer"]
    done = subprocess.run(command, env={**environ, **told}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def bash(environ: dict[str, str], *words: str) -> list[str]:
    command = ["bash", "--norc", "-c", ASK_BASH, "bash", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_bash_completes_verbs_options_names_and_files(environ: dict[str, str]) -> None:
    assert bash(environ, "wiremend", "c") == ["check", "captures", "completion"]
    assert bash(environ, "wiremend", "") == list(VERBS)
    assert bash(environ, "wiremend", "quirks", "--wi") == ["--wire"]
    assert bash(environ, "wiremend", "try", "mine/") == ["mine/tiny"]
    assert bash(environ, "wiremend", "setup", "--provider", "deep") == ["deepseek"]
    shown = bash(environ, "wiremend", "captures", "list", "")
    assert shown[0] == "option default"
    assert [os.path.basename(line) for line in shown[1:]] == [FLOWS]  # noqa: PTH119 - a line of output


@pytest.mark.parametrize("shell", ("zsh", "fish"))
def test_other_shells_take_the_script(shell: str, environ: dict[str, str], tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} on this machine")
    file = tmp_path / "script"
    made = subprocess.run([*WIREMEND, "completion", shell], env=environ, capture_output=True, timeout=60, check=True)
    file.write_bytes(made.stdout)
    subprocess.run([program, "-n", str(file)], check=True, timeout=60)


@pytest.mark.parametrize("shell", ("zsh", "fish"))
def test_other_shells_questions_are_answered(shell: str, environ: dict[str, str]) -> None:
    lines = ask(shell, environ, "wiremend", "qui")
    assert any("quirks" in line for line in lines)
    assert any(VERBS["quirks"] in line for line in lines)
    assert any("mine/tiny" in line for line in ask(shell, environ, "wiremend", "try", "mine/t"))


@pytest.mark.parametrize("shell", ("bash", "zsh", "fish"))
def test_a_script_asks_this_verb_and_nothing_else(shell: str) -> None:
    text = script(shell, cli)
    assert text.count(f"wiremend completion {shell} --answer") + text.count(f"$1 completion {shell} --answer") == 1
    assert "_COMPLETE=" not in text


def test_names_are_those_that_there_are(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert names_for(cli, ["quirks"], "") == list(all_quirks())
    assert set(names_for(cli, ["quirks", "--provider"], "")) == {*builtin_nodes(), "mine"}
    assert names_for(cli, ["quirks", "--wire", "chat"], "tool-id-m") == ["tool-id-missing"]
    assert {"quick", "mine", "mine/tiny", "kimi-code/kimi-for-coding"} <= set(names_for(cli, ["try"], ""))
    assert names_for(cli, ["try", "--rules"], "") == []
    assert names_for(cli, ["try", "--all"], "qui") == ["quick"]
    assert names_for(cli, ["try", "quick"], "") == []
    assert names_for(cli, ["no-such-verb"], "") == []
    assert names_for(cli, ["captures", "add", "--quirk"], "tool-id-m") == ["tool-id-missing"]


def test_what_is_completed_is_there() -> None:
    """The table names verbs and parameters of other modules; one that is renamed is found here."""
    for path, parameter in _NAMES:
        command: click.Command = cli
        for word in path.split():
            assert isinstance(command, click.Group)
            inner = command.get_command(click.Context(command), word)
            assert inner is not None, path
            command = inner
        assert parameter in {one.name for one in command.params}, path


def test_broken_rules_complete_to_nothing_and_say_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "rules.yaml"
    broken.write_text("providers: [")
    assert ask("bash", {**environ, "WIREMEND_RULES": str(broken)}, "wiremend", "try", "") == []
    assert ask("bash", {**environ, "WIREMEND_RULES": "/nowhere"}, "wiremend", "try", "") == []
