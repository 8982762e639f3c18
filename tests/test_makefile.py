"""``make setup`` finds or fetches what it needs, and does nothing twice; shown with stand-ins for uv and Python.

The stand-ins are shell scripts, first on PATH, that write down how they were called and make the few files that make
looks at. So each kind of machine can be had here: one with uv, one with a pyenv shim that fails, one whose Python came
without venv. The checkout's path has a space in it throughout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("Makefile", "pyproject.toml", ".python-version", "requirements", "addons/wiremend/__init__.py", ".ci")

UV = """\
#!/bin/sh
case "$*" in
    *--help | *--version) exit 0 ;;
esac
echo "uv $*" >>"$LOG"
case "$1 $2" in
    "python find")
        for python in $PYTHONS; do [ "$python" = "$4" ] && echo "/found/python$python" && exit 0; done
        exit 2 ;;
    "venv --quiet")
        mkdir -p .venv/bin
        printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$REAL_PYTHON" >.venv/bin/python
        chmod +x .venv/bin/python ;;
    "pip sync") exit "${SYNC:-0}" ;;
esac
"""

PYTHON = """\
#!/bin/sh
[ "$1" = -c ] && exit 0
case "$*" in
    "-m venv "*)
        [ -n "$NO_VENV" ] && echo "ensurepip is not available" && exit 1
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        exit 0 ;;
    "-m pip --version")
        [ -n "$NO_PIP" ] && exit 1
        exit 0 ;;
esac
echo "python $*" >>"$LOG"
mkdir -p .tools/uv/bin
cp "$STAND_INS/working-uv" .tools/uv/bin/uv
"""

SHIM = "#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 127\n"


@dataclass(frozen=True, slots=True)
class Machine:
    """A checkout with a space in its path, and a PATH whose first folder holds the stand-ins."""

    checkout: Path
    bin: Path
    log: Path

    def put(self, name: str, script: str) -> None:
        """Put a program first on PATH."""
        (self.bin / name).write_text(script, encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make in the checkout. ``PYTHONS`` lists the versions that uv finds on this machine."""
        env = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.bin),
            "LOG": str(self.log),
            "STAND_INS": str(self.bin),
            "REAL_PYTHON": sys.executable,
            "PYTHONS": "3.13",
            **variables,
        }
        command = ["make", "--no-print-directory", *arguments]
        return subprocess.run(command, cwd=self.checkout, env=env, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        """Take what the stand-ins have written down since the last time."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


SYNC = "uv pip sync --quiet --python .venv/bin/python --require-hashes --only-binary :all: requirements/dev.txt"
EDITABLE = (
    "uv pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation"
    " --reinstall-package wiremend --editable ."
)
FETCH = "--quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/uv.txt"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    checkout = tmp_path / "a check out"
    for name in COPIED:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, checkout / name)
        else:
            shutil.copy2(ROOT / name, checkout / name)
    made = Machine(checkout, tmp_path / "bin", tmp_path / "log")
    made.bin.mkdir()
    made.put("working-uv", UV)
    made.put("uv", UV)
    return made


def good(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_working_uv_is_used_and_everything_is_installed_by_hash(machine: Machine) -> None:
    good(machine.make("setup"))
    find, *rest = machine.calls()
    assert find == "uv python find --system 3.13"
    assert rest == ["uv venv --quiet --python /found/python3.13 .venv", SYNC, EDITABLE]
    assert not (machine.checkout / ".tools").exists()


def test_a_second_time_nothing_is_done(machine: Machine) -> None:
    good(machine.make("setup"))
    machine.calls()
    good(machine.make("setup"))
    assert machine.calls() == []


@pytest.mark.parametrize("name", ("pyproject.toml", "requirements/dev.txt", "addons/wiremend/__init__.py"))
def test_a_changed_input_installs_again_into_the_same_environment(machine: Machine, name: str) -> None:
    good(machine.make("setup"))
    machine.calls()
    stamp = (machine.checkout / ".venv" / ".ready").stat()
    os.utime(machine.checkout / name, ns=(stamp.st_mtime_ns + 1_000_000_000,) * 2)
    good(machine.make("setup"))
    assert machine.calls() == [SYNC, EDITABLE]


def test_a_checkout_that_has_moved_gets_a_new_environment(machine: Machine) -> None:
    good(machine.make("setup"))
    machine.calls()
    moved = Machine(machine.checkout.with_name("else where"), machine.bin, machine.log)
    machine.checkout.rename(moved.checkout)
    good(moved.make("setup"))
    assert "uv venv --quiet --python /found/python3.13 .venv" in moved.calls()


def test_an_environment_whose_interpreter_is_gone_is_made_anew(machine: Machine) -> None:
    good(machine.make("setup"))
    machine.calls()
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    good(machine.make("setup"))
    assert "uv venv --quiet --python /found/python3.13 .venv" in machine.calls()


def test_an_installation_that_failed_is_tried_again(machine: Machine) -> None:
    assert machine.make("setup", SYNC="1").returncode != 0
    assert EDITABLE not in machine.calls()
    good(machine.make("setup"))
    assert machine.calls()[-2:] == [SYNC, EDITABLE]


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    (
        ("3.12 3.13 3.14", "/found/python3.13"),
        ("3.14", "/found/python3.14"),
        (">=3.12", "/found/python>=3.12"),
        ("", "3.13"),
    ),
    ids=("the one of .python-version", "another one that has wheels", "any other", "none: uv downloads it"),
)
def test_the_python_of_the_machine_is_preferred(machine: Machine, pythons: str, chosen: str) -> None:
    good(machine.make("setup", PYTHONS=pythons))
    calls = [call for call in machine.calls() if call.startswith("uv venv")]
    assert calls == [f"uv venv --quiet --python {chosen} .venv"]


def test_a_uv_that_fails_is_replaced_by_the_pinned_one(machine: Machine) -> None:
    machine.put("uv", SHIM)
    machine.put("python3", PYTHON)
    good(machine.make("setup"))
    calls = machine.calls()
    assert calls[0] == f"python -m pip install {FETCH}"
    assert calls[-2:] == [SYNC, EDITABLE]
    assert (machine.checkout / ".tools" / "uv" / "bin" / "python").exists()
    good(machine.make("setup", "--always-make"))
    assert not any(call.startswith("python") for call in machine.calls())


def test_a_new_pin_of_uv_is_fetched(machine: Machine) -> None:
    machine.put("uv", SHIM)
    machine.put("python3", PYTHON)
    good(machine.make("setup"))
    machine.calls()
    with (machine.checkout / "requirements" / "uv.txt").open("a", encoding="utf-8") as pins:
        pins.write("\n")
    good(machine.make("setup", "--always-make"))
    assert machine.calls()[0] == f"python -m pip install {FETCH}"


def test_a_python_without_venv_fetches_uv_with_its_pip(machine: Machine) -> None:
    machine.put("uv", SHIM)
    machine.put("python3", PYTHON)
    good(machine.make("setup", NO_VENV="1"))
    assert machine.calls()[0] == f"python -m pip install --target .tools/uv {FETCH}"


def test_a_python_without_venv_and_pip_is_told_what_to_install(machine: Machine) -> None:
    machine.put("uv", SHIM)
    machine.put("python3", PYTHON)
    done = machine.make("setup", NO_VENV="1", NO_PIP="1")
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert machine.calls() == []


def test_make_alone_prints_every_target_and_does_nothing(machine: Machine) -> None:
    done = machine.make()
    good(done)
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = [line for line in text.splitlines() if line.startswith(".PHONY:")]
    targets = set(phony.split()[1:]) - {"FORCE"}
    assert {"setup", "demo", "test", "lint", "wheel", "clean"} <= targets
    assert {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")} == targets
    assert machine.calls() == []


@pytest.mark.parametrize(
    ("failing", "expected"), (("", ["test", "lint"]), ("test", ["test"]), ("lint", ["test", "lint"]))
)
def test_ci_runs_the_tests_and_then_the_linters(machine: Machine, failing: str, expected: list[str]) -> None:
    machine.put("make", f'#!/bin/sh\necho "$1" >>"$LOG"\n[ "$1" != "{failing}" ]\n')
    env = {"PATH": f"{machine.bin}:/usr/bin:/bin", "LOG": str(machine.log)}
    done = subprocess.run([machine.checkout / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (failing == "")
    assert machine.calls() == expected
