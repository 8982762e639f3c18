"""git keeps every byte of a case, whatever the machine's settings say about line ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GIT = shutil.which("git")
BODIES = {
    "upstream.sse": b"data: 1\r\n\r\ndata: 2\n\n\rdata: 3 \r",
    "client.request.json": b'{\r\n"a": "$Id$"\n}\r\n',
    "client.json": b'{"a": "\xff\0"}\r\n',
    "client.request": b"POST /v1 HTTP/1.1\nA: b \n",
    "client.txt": b"a\r\n",
    "client.bin": b"\0\r\n",
    "case.yaml": b"format: 1\n",
}

pytestmark = pytest.mark.skipif(GIT is None, reason="git is not on PATH")


def git(folder: Path, *arguments: str, home: Path) -> bytes:
    """Run git with the settings in ``home`` alone."""
    assert GIT is not None
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    names = {
        f"GIT_{who}_{what}": "tests@wiremend.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    clean |= names | {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run([GIT, *arguments], cwd=folder, env=clean, capture_output=True, check=True)
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give the home of somebody whose git changes line ends wherever it may."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[core]\n\tautocrlf = true\n\tsafecrlf = false\n\tattributesFile = ~/attributes\n"
        '[filter "caps"]\n\tclean = tr a-z A-Z\n\tsmudge = tr a-z A-Z\n'
    )
    (home / "attributes").write_text("* text=auto eol=crlf ident\n*.json filter=caps\n")
    return home


def repository(top: Path, home: Path) -> tuple[Path, Path]:
    """Give a repository with a case of awkward bytes, with the same outside of captures/, and a clone of it."""
    origin, clone = top / "origin", top / "clone"
    for folder in (origin / "captures" / "chat" / "a", origin / "elsewhere"):
        folder.mkdir(parents=True)
        for name, data in BODIES.items():
            (folder / name).write_bytes(data)
    shutil.copy(ROOT / ".gitattributes", origin)
    git(top, "init", "--quiet", str(origin), home=home)
    git(origin, "add", "--all", home=home)
    git(origin, "commit", "--quiet", "--message", "a case", home=home)
    git(top, "clone", "--quiet", str(origin), str(clone), home=home)
    return origin, clone


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_clone_has_the_bytes(tmp_path: Path, home: Path) -> None:
    _, clone = repository(tmp_path, home)
    assert bytes_in(clone / "elsewhere") != BODIES  # these settings do change what is not ours
    assert bytes_in(clone / "captures" / "chat" / "a") == BODIES
    assert git(clone, "status", "--porcelain", "captures", home=home) == b""


def test_a_diff_shows_bodies_as_text_and_compressed_ones_not_at_all(tmp_path: Path, home: Path) -> None:
    origin, _ = repository(tmp_path, home)
    case = origin / "captures" / "chat" / "a"
    (case / "client.json").write_bytes(b'{"b": "\xff\0"} \n')
    (case / "client.bin").write_bytes(b"text now\n")
    shown = git(origin, "diff", "--", "captures", home=home)
    assert b'\n+{"b": "\xff\0"} \n' in shown
    assert b"Binary files a/captures/chat/a/client.bin and b/captures/chat/a/client.bin differ" in shown
    assert git(origin, "diff", "--check", "--", "captures", home=home) == b""  # a blank before a line's end is theirs


def test_every_file_of_the_cases_here_is_kept_as_it_is(tmp_path: Path, home: Path) -> None:
    origin, _ = repository(tmp_path, home)
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "captures").rglob("*") if path.is_file()]
    said = git(origin, "check-attr", "text", "filter", "--", *files, home=home).decode().splitlines()
    assert len(said) == 2 * len(files)
    assert [line for line in said if not line.endswith(": unset")] == []
