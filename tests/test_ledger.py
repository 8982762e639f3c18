"""One row a call: as a line that a person reads, as JSON that a program reads, in a file that nobody else reads."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import msgspec
import pytest

from wiremend.ledger.row import CallRow, Try, to_json, to_line
from wiremend.ledger.sinks import append_json

if TYPE_CHECKING:
    from pathlib import Path

ROW = CallRow(
    time=1.5,
    client="claude-code",
    agent=None,
    wire="messages",
    asked="claude-sonnet-4-5",
    provider="kimi-code",
    model="kimi-for-coding",
    status=200,
    first_byte_s=0.412,
    total_s=3.0,
    input_tokens=1234,
    output_tokens=56,
    cached_tokens=1000,
    mended=("url", "model"),
    route="coding keys",
)
HEAD = "claude-code  claude-sonnet-4-5 → kimi-code/kimi-for-coding  messages 200  0.41 s"


@pytest.mark.parametrize(
    ("changes", "line"),
    (
        (
            {},
            f"{HEAD}  1234 in (1000 cached), 56 out  mended: url, model",
        ),
        (
            {"cached_tokens": 0, "mended": (), "error": "overloaded"},
            f"{HEAD}  1234 in, 56 out  error: overloaded",
        ),
        (
            {
                "attempts": (Try("a", "m", 429, "status"), Try("a", "m", None, "cooling"), Try("b", "n", 200)),
                "losses": ("top_k", "metadata"), "seen": ("role",),
            },
            f"{HEAD}  1234 in (1000 cached), 56 out  2 tries  lost: top_k, metadata  mended: url, model  seen: role",
        ),
        (
            {"provider": None, "model": "m", "asked": "m", "input_tokens": None, "output_tokens": 7, "mended": ()},
            "claude-code  m  messages 200  0.41 s  0 in (1000 cached), 7 out",
        ),
        (
            {
                "client": None, "wire": None, "asked": None, "path": "/v1/models", "provider": "lab", "model": None,
                "status": None, "first_byte_s": None, "input_tokens": None, "output_tokens": None, "mended": (),
            },
            "unknown client  /v1/models → lab  - no answer",
        ),
    ),
)  # fmt: skip
def test_a_line_tells_what_there_is(changes: dict[str, object], line: str) -> None:
    assert to_line(msgspec.structs.replace(ROW, **changes)) == line


def test_json_names_every_column_also_the_empty_ones() -> None:
    seen = json.loads(to_json(ROW))
    assert list(seen) == list(CallRow.__struct_fields__)
    assert (seen["agent"], seen["mended"], seen["error"]) == (None, ["url", "model"], None)


def test_json_has_each_try() -> None:
    row = msgspec.structs.replace(ROW, attempts=(Try("a", "m", 429, "status", 0.0, 0.25), Try("b", None, 200)))
    assert json.loads(to_json(row))["attempts"] == [
        {"provider": "a", "model": "m", "status": 429, "trouble": "status", "at_s": 0.0, "total_s": 0.25},
        {"provider": "b", "model": None, "status": 200, "trouble": None, "at_s": 0.0, "total_s": 0.0},
    ]
    assert msgspec.json.decode(to_json(row), type=CallRow) == row


def test_rows_are_lines_of_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    append_json(path, ROW)
    append_json(path, ROW)
    assert [json.loads(line)["asked"] for line in path.read_text("utf-8").splitlines()] == [ROW.asked] * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        append_json(tmp_path / "none" / "calls.jsonl", ROW)
