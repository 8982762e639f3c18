"""``wiremend stats``: which ledger it reads, what it prints, and what it says where there is nothing."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.cli.verbs_kit import World
from tests.ledger.kit import entry
from tests.ledger.server import PASSWORD, Server, needs_server
from wiremend.cli.stats import TABLE
from wiremend.ledger.postgres import Postgres
from wiremend.ledger.sink import Position
from wiremend.ledger.sqlite import Sqlite

if TYPE_CHECKING:
    from pathlib import Path

RULES = "providers: {lab: {base_url: http://127.0.0.1:9/v1, auth: none}}\ndefault: lab\n"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, monkeypatch)
    (tmp_path / "rules.txt").write_text(RULES)
    monkeypatch.setenv("WIREMEND_RULES", str(tmp_path / "rules.txt"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return made


def rules(world: World, more: str) -> None:
    (world.folder / "rules.txt").write_text(RULES + more)


def fill(sink: Sqlite | Postgres, *, now: float | None = None) -> None:
    """Write three calls: one of now, one of yesterday, one of long ago."""
    now = time.time() if now is None else now
    with closing(sink):
        sink.write(
            [
                entry("a", at=now - 60, first_byte_s=0.25, input_tokens=12_345, output_tokens=70),
                entry("b", at=now - 40 * 3600, provider="deepseek", model="v4", status=500, client="codex"),
                entry("c", at=1.0, provider="old\x1b[31m", model=None),
            ],
            Position("s"),
        )


def own(world: World) -> Sqlite:
    return Sqlite(world.folder / "state" / "wiremend" / "ledger.sqlite")


def said(world: World, *arguments: str, code: int = 0) -> str:
    done = world.run(["stats", *arguments])
    assert done.code == code, done
    return " ".join((done.out + done.err).split())


def test_without_a_ledger_it_says_what_to_do(world: World) -> None:
    text = said(world)
    assert "There is no ledger at" in text
    assert "wiremend run and wiremend proxy start one" in text
    assert not (world.folder / "state").exists()


def test_without_calls_it_says_where_to_look(world: World) -> None:
    with closing(own(world)) as sink:
        sink.write([], Position("s"))
    assert "No calls in the last 24h in sqlite:" in said(world)
    assert "--since 7d, or --since all, looks further back" in said(world)
    assert said(world, "--since", "all").startswith("No calls in sqlite:")


def test_the_embedded_ledger_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(own(world))
    monkeypatch.setenv("COLUMNS", str(TABLE + 20))
    text = said(world)
    assert text.startswith("provider model calls errors in cached out reasoning first byte p50 p95 p99 took p50 p95")
    assert "kimi k2 1 0 12k 0 70 0 250 ms 250 ms 250 ms 2.0 s 2.0 s 0 0" in text
    assert "deepseek" not in text
    assert "1 call in the last 24h, from sqlite:" in text


def test_all_of_it_by_other_names_and_in_a_narrow_terminal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(own(world))
    for columns in ("80", "40", str(TABLE)):
        monkeypatch.setenv("COLUMNS", columns)
        done = world.run(["stats", "--since", "all", "--by", "client, provider"])
        assert "\x1b" not in done.out
        text = " ".join(done.out.split())
        for part in ("claude-code", "kimi", "codex", "deepseek", "old", "all", "1 (100%)", "3 calls, from"):
            assert part in text, columns
        if columns != str(TABLE):
            assert max(map(len, done.out.splitlines())) <= int(columns)


def test_json_is_exact(world: World) -> None:
    fill(own(world))
    done = world.run(["stats", "--json", "--since", "3d", "--by", "model"])
    told = json.loads(done.out)
    assert [(one["model"], one["calls"], one["errors"], one["input_tokens"]) for one in told["groups"]] == [
        ("k2", 1, 0, 12_345),
        ("v4", 1, 1, 0),
    ]
    assert told["all"]["first_byte_p95"] == 0.5
    assert json.loads(world.run(["stats", "--json", "--ledger", "sqlite:none"]).out)["all"]["calls"] == 0


def test_the_rules_say_which_database(world: World) -> None:
    path = world.folder / "mine.sqlite"
    fill(Sqlite(path))
    rules(world, f"ledger: ['https://hook.example.com/x', 'sqlite:{path}', $NOT_SET]\n")
    assert f"1 call in the last 24h, from sqlite:{path}" in said(world)
    rules(world, "ledger: https://hook.example.com/x\n")
    assert "has no database that can be read; --ledger reads another" in said(world, code=1)
    rules(world, "ledger: off\n")
    assert "says `ledger: off`" in said(world, code=1)
    rules(world, "ledger: $NOT_SET\n")
    assert "NOT_SET is not set" in said(world, code=1)
    assert f"from sqlite:{path}" in said(world, "--ledger", f"sqlite:{path}")


@pytest.mark.parametrize(
    ("arguments", "why"),
    (
        (("--since", "yesterday"), "write an age such as 30m, 24h or 7d"),
        (("--since", "0h"), "write an age"),
        (("--by", "colour"), "write some of provider, model, client, agent, day"),
        (("--by", "model,model"), "each once"),
        (("--by", ""), "write some of"),
        (("--ledger", "postgresql://u:FAKE-pw@h/d"), "a password or token stands here in clear"),
        (("--ledger", "postgresql://u:FAKE-pw/x@h/d"), "--ledger:"),
        (("--ledger", "mysql://u@h/d"), "--ledger:"),
    ),
)
def test_a_wrong_command_line_is_told_without_a_secret(world: World, arguments: tuple[str, ...], why: str) -> None:
    text = said(world, *arguments, code=2)
    assert why in text
    assert "FAKE" not in text


def test_a_webhook_cannot_be_read_back(world: World) -> None:
    assert "what it was sent cannot be read back" in said(world, "--ledger", "https://hook.example.com/x", code=1)


def test_another_programs_file_is_told(world: World) -> None:
    (world.folder / "text").write_text("no database " * 100)
    assert "file is not a database" in said(world, "--ledger", "sqlite:text", code=1)


@needs_server
def test_a_server_is_read_by_its_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        monkeypatch.setenv("LAB_LEDGER", server.address)
        assert "There is no ledger at postgresql://127.0.0.1" in said(world, "--ledger", "$LAB_LEDGER")
        fill(Postgres(server.address))
        text = said(world, "--ledger", "$LAB_LEDGER", "--since", "all")
        assert "3 calls, from postgresql://127.0.0.1" in text
        assert PASSWORD not in text
        rules(world, "ledger: $LAB_LEDGER\n")
        assert "1 call in the last 24h, from postgresql://" in said(world)
        monkeypatch.setenv("LAB_LEDGER", server.address.replace("wiremend:", "wiremend:not"))
        text = said(world, code=1)
        assert "cannot be read: password authentication failed" in text
        assert PASSWORD not in text
