"""The browser of the tests: conditions that never hold fail and say so, and nothing but this machine is reached."""

from __future__ import annotations

import io
import platform
import sys
import tarfile
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.web import browser as driver
from tests.web import chromium as finder
from tests.web.chromium import NoChromiumError
from tests.web.devtools import BrowserError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web.browser import Browser

pytestmark = [pytest.mark.web, pytest.mark.timeout(600)]  # the first test may have to fetch the browser

PAGE = "data:text/html,<meta charset=utf-8><p id=a>one</p><button onclick='a.innerText=\"two\"'>go</button><input>"


def test_a_page_is_read_clicked_and_typed_into(browser: Browser, shots: Path) -> None:
    with browser.page(shots) as page:
        page.goto(PAGE)
        page.until("document.querySelector('p')")
        assert page.text("p") == "one"
        page.click("document.querySelector('button')")
        page.until("document.querySelector('p').innerText === 'two'")
        page.click("document.querySelector('input')")
        page.type("Zürich")
        assert page.run("document.querySelector('input').value") == "Zürich"
        picture = page.shot("picture").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert [int.from_bytes(picture[at : at + 4]) for at in (16, 20)] == list(driver.WIDE)


def test_what_never_comes_fails_with_what_the_page_shows(
    browser: Browser, shots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "DEADLINE", 0.1)
    monkeypatch.setattr(driver, "_TURN", 0.05)
    with browser.page(shots) as page:
        page.goto(PAGE)
        with pytest.raises(BrowserError, match="waited for the end: it never came"):
            page.until("document.querySelector('.none').innerText", "the end")
        with pytest.raises(BrowserError, match="SyntaxError"):
            page.until("not javascript")


def test_other_machines_are_out_of_reach(browser: Browser, shots: Path) -> None:
    with browser.page(shots) as page, pytest.raises(BrowserError, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://wiremend.example/")


def test_where_there_is_none_it_is_said_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(finder, "FOLDER", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NoChromiumError, match="a program for Linux on x64"):
        finder.chromium()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(NoChromiumError, match="no npm"):
        finder.chromium()
    npm = tmp_path / "npm"
    npm.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no network')\n")
    npm.chmod(0o755)
    with pytest.raises(NoChromiumError, match="no network") as told:
        finder.chromium()
    assert told.value.fetching
    npm.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "pathlib.Path(sys.argv[sys.argv.index('--pack-destination') + 1], 'a.tgz').write_bytes(b'another')\n"
    )
    with pytest.raises(NoChromiumError, match=r"not the @sparticuz/chromium@[0-9.]+ that is pinned"):
        finder.chromium()
    assert not list((tmp_path / "none").iterdir())


def test_the_package_is_unpacked(tmp_path: Path) -> None:
    font = io.BytesIO()
    with tarfile.open(fileobj=font, mode="w") as part:
        _add(part, "fonts/a.ttf", b"letters")
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as package:
        _add(package, "package/bin/chromium.br", brotli.compress(b"a program"))
        _add(package, "package/bin/fonts.tar.br", brotli.compress(font.getvalue()))
        _add(package, "package/build/index.js", b"not run")
    into = tmp_path / "new"
    into.mkdir()
    finder.unpack(tmp_path / "package.tgz", into, tmp_path / "final")
    assert sorted(path.name for path in into.iterdir()) == ["chromium", "fonts", "fonts.conf"]
    assert (into / "chromium").read_bytes() == b"a program"
    assert (into / "chromium").stat().st_mode & 0o111
    assert (into / "fonts" / "a.ttf").read_bytes() == b"letters"
    assert f"{tmp_path / 'final'}/fonts" in (into / "fonts.conf").read_text()


def test_a_package_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as package:
        _add(package, "package/bin/chromium.br", brotli.compress(b"a program" * 99)[:-3])
    with pytest.raises(NoChromiumError, match="cut short"):
        finder.unpack(tmp_path / "package.tgz", tmp_path, tmp_path)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
