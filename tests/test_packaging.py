"""What leaves the project is what is in it: the wheel, the pins, and the list of files that git keeps.

The wheel is built offline, as users' tools build it but with the pinned hatchling, and compared with the tree; then pip
puts it into a fresh environment, which finds the dependencies through a ``.pth`` line and the checkout not at all.
"""

from __future__ import annotations

import email.parser
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wiremend

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "addons" / "wiremend"
PINS = ("requirements/dev.txt", "requirements/uv.txt")
ABOUT = f"wiremend-{wiremend.__version__}.dist-info"
HOSTS = (b"py" + b"pi.org", b"python" + b"hosted.org", b"registry.npm" + b"js.org", b"registry.yarn" + b"pkg.com")
"""Where packages are fetched from, in two halves each, so that this file does not name them either."""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a program to its end and give its stdout; where it fails, the test fails with all that it said."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.iterdir()
    return built


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.parser.BytesParser().parsebytes(archive.read(f"{ABOUT}/METADATA"))


def test_the_wheel_holds_the_package_the_script_the_rules_and_nothing_else(wheel: Path) -> None:
    tree = {
        path.relative_to(ROOT / "addons").as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = {f"{ABOUT}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    assert set(names) == tree | {"wiremend_addon.py", "wiremend/rules.yaml", f"{ABOUT}/licenses/LICENSE"} | about


def test_the_wheel_holds_the_marker_for_type_checkers(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("wiremend/py.typed") == b""


def test_the_rules_in_the_wheel_are_those_at_the_top_of_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("wiremend/rules.yaml") == (ROOT / "rules.yaml").read_bytes()


def test_the_wheel_runs_on_any_system(wheel: Path) -> None:
    assert wheel.name == f"wiremend-{wiremend.__version__}-py3-none-any.whl"


def test_the_metadata_says_what_users_rely_on(wheel: Path) -> None:
    about = metadata(wheel)
    assert (about["Name"], about["Version"]) == ("wiremend", wiremend.__version__)
    assert (about["Requires-Python"], about["License-Expression"]) == (">=3.12", "MIT")
    assert about.get_all("Provides-Extra") == ["alerts", "keyring", "otel", "postgres", "tokens"]
    needed = {Requirement(line).name.lower() for line in about.get_all("Requires-Dist") or []}
    assert needed >= {"mitmproxy", "pyyaml", "msgspec", "click", "rich"}


def test_no_dependency_has_an_upper_bound(wheel: Path) -> None:
    specifiers = [Requirement(line).specifier for line in metadata(wheel).get_all("Requires-Dist") or []]
    assert specifiers
    assert {part.operator for specifier in specifiers for part in specifier} == {">="}


@dataclass(frozen=True, slots=True)
class Installed:
    """A fresh environment with the wheel in it, and a folder far from the checkout to run in."""

    home: Path
    work: Path

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment, with nothing in the environment variables that could lead back."""
        env = {"PATH": f"{self.home / 'bin'}:/usr/bin:/bin", "HOME": str(self.work)}
        return run(self.home / "bin" / program, *arguments, cwd=self.work, env=env)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home, work = tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("work")
    venv.create(home, symlinks=True, with_pip=False)
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--quiet", "--python", str(python))
    run(*pip, "install", "--no-index", "--no-deps", "--no-compile", wheel, cwd=work)
    # A plain line of a .pth file is a folder for sys.path; the .pth files in that folder, such as the one of the
    # editable install, are not read. The wheel's own folder comes first.
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=work).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installed(home, work)


def test_the_installed_modules_are_those_of_the_wheel(installed: Installed) -> None:
    modules = ("wiremend", "wiremend.errors", "wiremend_addon")
    origin = f"[importlib.util.find_spec(module).origin for module in {modules}]"
    code = f"import importlib.util, json, sys; print(json.dumps([{origin}, sys.path]))"
    origins, path = json.loads(installed.run("python", "-c", code))
    assert all(Path(origin).is_relative_to(installed.home) for origin in origins)
    assert str(ROOT / "addons") not in path


def test_the_installed_console_script_tells_its_version(installed: Installed) -> None:
    assert wiremend.__version__ in installed.run("wiremend", "--version")


def test_the_installed_addon_script_gives_mitmproxy_its_addons(installed: Installed) -> None:
    code = "import wiremend, wiremend_addon; print(wiremend.__file__, len(wiremend_addon.addons))"
    file, count = installed.run("python", "-c", code).split()
    assert Path(file).is_relative_to(installed.home)
    assert int(count) > 0


def pinned(name: str) -> dict[str, list[tuple[str, list[str]]]]:
    """Read a file of pins: project -> (version, hashes) of each of its lines. No line may have another shape."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for line in text.splitlines():
        match = re.fullmatch(
            r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.]+)( ; [^#]*?)?(?P<hashes>( +--hash=sha256:[0-9a-f]{64})+)", line
        )
        assert match, f"{name} holds more than pins with hashes: {line[:120]}"
        found.setdefault(match["name"], []).append((match["version"], match["hashes"].split()))
    return found


@pytest.mark.parametrize("name", PINS)
def test_the_pins_are_versions_with_hashes_and_name_no_place(name: str) -> None:
    assert pinned(name)
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|index-url|find-links|\bfile:| @ |(^|\s)/", text, re.MULTILINE)


def wanted(*groups: str) -> list[Requirement]:
    """List what pyproject.toml asks for in its dependency groups, and, for ``dev``, in the project itself."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [line for group in groups for line in project["dependency-groups"][group] if isinstance(line, str)]
    if "dev" in groups:
        lines += project["build-system"]["requires"] + project["project"]["dependencies"]
        lines += [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("name", "groups"), ((PINS[0], ("dev", "build")), (PINS[1], ("uv",))))
def test_the_pins_satisfy_pyproject(name: str, groups: tuple[str, ...]) -> None:
    pins = pinned(name)
    behind = [
        str(wish)
        for wish in wanted(*groups)
        if not any(wish.specifier.contains(version) for version, _ in pins.get(canonicalize_name(wish.name), []))
    ]
    assert behind == [], "run `make pins`"


@pytest.fixture(scope="module")
def kept() -> list[Path]:
    """List the files that git keeps or would add, as paths below the checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT).split("\0")
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


def test_no_lock_file_with_addresses_is_kept(kept: list[Path]) -> None:
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "yarn.lock", "pnpm-lock.yaml"}
    npm = {"package-lock.json", "npm-shrinkwrap.json"}  # welcome if made with --omit-lockfile-registry-resolved
    named = [path for path in kept if path.name in npm and b'"resolved"' in (ROOT / path).read_bytes()]
    assert [str(path) for path in [*named, *(path for path in kept if path.name in locks)]] == []


def test_no_file_names_a_package_registry(kept: list[Path]) -> None:
    naming = [str(path) for path in kept if any(host in (ROOT / path).read_bytes() for host in HOSTS)]
    assert naming == []


def test_nothing_that_was_made_is_kept(kept: list[Path]) -> None:
    made = {
        "__pycache__",
        ".venv",
        ".tools",
        "dist",
        "build",
        "node_modules",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
    }
    assert [str(path) for path in kept if made & set(path.parts) or path.suffix == ".pyc"] == []
