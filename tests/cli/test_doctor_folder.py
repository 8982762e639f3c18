"""What ``wiremend doctor`` says of the folder of captures, of the clock, and of sizes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from wiremend.cli.doctor_folder import (
    FIRST_YEAR,
    LITTLE,
    capture_folder,
    check_captures,
    check_clock,
    check_state,
    installed_at,
    is_writable,
    told_size,
)
from wiremend.mitm.shelf import Shelf
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from wiremend.rules.model import Capture


def capture(text: str = "") -> Capture:
    return load_rules(f"routes: []\n{text}\n", "rules.yaml", {}, offline=True).resolved.rules.capture


def filled(folder: Path, *sizes: int) -> Path:
    """Make a folder of captures as a proxy does, with flow files of these sizes."""
    shelf = Shelf(folder)
    for number, size in enumerate(sizes):
        path, descriptor = shelf.begin(1_800_000_000 + number)
        os.close(descriptor)
        path.write_bytes(b"x" * size)
    return folder


def environ(folder: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(folder), "HOME": str(folder)}


def test_the_folder_of_a_proxy_is_well(tmp_path: Path) -> None:
    folder = filled(tmp_path / "wiremend" / "captures", 1500, 500)
    (folder / "rules").mkdir()
    (folder / "other.txt").write_text("not counted, for the proxy does not tidy it away")
    (finding,) = check_captures(capture("capture: {keep: 3d, max_size: 1GB}"), environ(tmp_path))
    assert finding.level == "ok"
    assert finding.what == f"{folder}: 2 files, 2 kB; 1 GB and 3 days are kept"


def test_no_folder_yet_is_well_and_none_is_made(tmp_path: Path) -> None:
    (finding,) = check_captures(capture(), environ(tmp_path))
    assert (finding.level, finding.what.partition(";")[0]) == ("ok", "none yet")
    assert list(tmp_path.iterdir()) == []


def test_off_is_said(tmp_path: Path) -> None:
    (finding,) = check_captures(capture("capture: off"), environ(tmp_path))
    assert (finding.level, "capture is off" in finding.what) == ("ok", True)


def test_over_its_size(tmp_path: Path) -> None:
    filled(tmp_path / "wiremend" / "captures", 900_000, 200_000)
    (finding,) = check_captures(capture("capture: {max_size: 1MB}"), environ(tmp_path))
    assert (finding.level, finding.what.endswith("over its size"), bool(finding.do)) == ("warn", True, True)


@pytest.mark.parametrize("mode", (0o755, 0o750, 0o701, 0o777))
def test_a_folder_that_others_can_look_into(mode: int, tmp_path: Path) -> None:
    folder = filled(tmp_path / "wiremend" / "captures", 1)
    folder.chmod(mode)
    ok, warn = check_captures(capture(), environ(tmp_path))
    assert (ok.level, warn.level, warn.do) == ("ok", "warn", f"chmod 700 {folder}")
    assert f"mode {mode:o}" in warn.what


def test_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "wiremend" / "captures", 1)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert [finding.level for finding in check_captures(capture(), environ(tmp_path))] == ["ok", "warn"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that no user can write to, as Linux has")
def test_what_permissions_do_not_tell() -> None:
    """For root, `/proc` looks as if it could be written to."""
    assert [finding.level for finding in check_state(Path("/proc/wiremend"))] == ["FAIL"]
    assert [finding.level for finding in check_captures(capture(), environ(Path("/proc/none")))] == ["FAIL"]


def test_looking_leaves_nothing(tmp_path: Path) -> None:
    assert is_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("made", ("a file for a folder", "a link to nowhere", "a folder that cannot be written to"))
def test_a_folder_that_cannot_be_used(made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "wiremend"
    if made == "a file for a folder":
        state.touch()
    elif made == "a link to nowhere":
        state.symlink_to(tmp_path / "gone")
    else:
        state.mkdir()
        monkeypatch.setattr(os, "access", lambda path, mode: not (path == state and mode & os.W_OK))
    (finding,) = check_captures(capture(), environ(tmp_path))
    assert (finding.level, str(state) in finding.what) == ("FAIL", True)
    assert "capture: {dir: …}" in finding.do
    assert [one.level for one in check_state(state)] == ["FAIL"]


def test_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = LITTLE - 1

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert [finding.level for finding in check_captures(capture(), environ(tmp_path))] == ["ok", "warn"]


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    (
        ("", {}, "{}/wiremend/captures"),
        ("capture: {dir: /var/x}", {}, "/var/x"),
        ("capture: {dir: ~/kept}", {}, "{}/kept"),
        ("capture: {dir: $KEPT}", {"KEPT": "/kept"}, "/kept"),
        ("capture: {dir: $KEPT}", {}, None),
        ("capture: {dir: $KEPT}", {"KEPT": "relative"}, None),
    ),
)
def test_which_folder(text: str, variables: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    """As the proxy finds it: `resolve` is the judge where the file names one."""
    said = {**environ(tmp_path), **variables}
    folder, wrong = capture_folder(capture(text), said)
    assert (None if folder is None else str(folder)) == (expected and expected.format(tmp_path))
    assert bool(wrong) is (expected is None)
    if text and expected:
        assert load_rules(f"routes: []\n{text}\n", "rules.yaml", said).resolved.capture_folder == folder
    if expected is None:
        assert [one.level for one in check_captures(capture(text), said)] == ["FAIL"]


NOW: Final = datetime(2027, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "newest", "level"),
    (
        (NOW, NOW - timedelta(days=100), "ok"),
        (NOW, NOW + timedelta(hours=12), "ok"),  # another time zone, or a file system's own clock
        (NOW, NOW + timedelta(days=2), "warn"),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW, "FAIL"),
        (datetime(FIRST_YEAR - 1, 12, 31, tzinfo=UTC), datetime(1980, 1, 1, tzinfo=UTC), "FAIL"),
        (datetime(2106, 2, 7, tzinfo=UTC), NOW, "FAIL"),
    ),
)
def test_the_clock(now: datetime, newest: datetime, level: str) -> None:
    (finding,) = check_clock(now, newest)
    assert (finding.level, bool(finding.do)) == (level, level != "ok")


def test_our_files_are_not_of_tomorrow() -> None:
    assert installed_at() < datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize(
    ("count", "said"),
    (
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_250_000, "1.25 MB"),
        (2 * 10**9, "2 GB"),
        (5 * 10**12, "5,000 GB"),
    ),
)
def test_sizes(count: int, said: str) -> None:
    assert told_size(count) == said
