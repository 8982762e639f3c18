"""The ledger behind a real proxy: a client that saw the end of its response has its row, whatever happens then."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_events
from tests.ledger.kit import wait_until
from tests.ledger.server import PASSWORD, Server, needs_server
from wiremend.ledger.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-ant-api03-FAKE0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
HEAD = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
EVENTS = chat_events(Answer("one two three four", model="m"), include_usage=False)
RULES = "providers: {{lab: {{base_url: '{url}', key: client}}}}\ndefault: lab\n"
CHAT = "/v1/chat/completions"


def talk(request: Request, reply: Reply) -> None:
    """Answer in a stream."""
    assert request.body
    reply.events(EVENTS)


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    """Give an upstream that answers every request."""
    with Upstream(talk) as made:
        yield made


def ask(client: Client, number: int) -> None:
    """Make a call and read its response to the end."""
    body = {"model": f"n{number}", "stream": True, "messages": []}
    response = client.request("POST", CHAT, HEAD, json.dumps(body).encode())
    assert response.read() == b"".join(EVENTS)
    assert response.ending == "whole"  # a proxy that is killed may have sent all but the end


def rows(path: Path, query: str = "SELECT asked FROM calls ORDER BY rowid") -> list[tuple[Any, ...]]:
    """Give what a query finds in the database; nothing while there is none."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as db:
        try:
            return db.execute(query).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


def state(folder: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(folder)}


def asked(start: int, end: int) -> list[tuple[str]]:
    return [(f"n{number}",) for number in range(start, end)]


def test_each_call_has_its_row_in_the_embedded_database(up: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "wiremend" / "ledger.sqlite"
    with Mitm(RULES.format(url=up.url), env=state(tmp_path)) as proxy, Client.plain(proxy.port) as client:
        for number in range(5):
            ask(client, number)
        wait_until(lambda: len(rows(path)) == 5, "the rows")
        (call,) = rows(path, "SELECT id, client, wire, provider, model, status FROM calls WHERE asked = 'n3'")
        captured = proxy.wait_captures(5)[3]
    assert rows(path) == asked(0, 5)
    assert call[2:] == ("chat", "lab", "n3", 200)
    assert call[0] == captured.id
    assert KEY not in path.read_bytes().decode("latin-1")
    assert Segments(tmp_path / "wiremend" / "ledger" / "journal").all() == []


def test_without_captures_there_is_a_ledger_and_without_a_ledger_there_is_none(up: Upstream, tmp_path: Path) -> None:
    for more, count in (("capture: off\n", 1), ("ledger: off\n", 0)):
        folder = tmp_path / str(count)
        with (
            Mitm(RULES.format(url=up.url) + more, env=state(folder)) as proxy,
            Client.plain(proxy.port) as client,
        ):
            ask(client, 0)
            proxy.wait_calls(1)
        assert len(rows(folder / "wiremend" / "ledger.sqlite")) == count
        assert (folder / "wiremend" / "ledger").exists() is bool(count)


def test_a_proxy_that_is_killed_loses_no_call_whose_end_was_seen(up: Upstream, tmp_path: Path) -> None:
    """Three times, with several clients at once; the next proxy takes over what the killed one left."""
    path = tmp_path / "wiremend" / "ledger.sqlite"
    seen: list[tuple[str]] = []
    for number in range(3):
        with Mitm(RULES.format(url=up.url), env=state(tmp_path)) as proxy:
            stop = threading.Event()

            def work(first: int, port: int = proxy.port, stop: threading.Event = stop) -> None:
                with Client.plain(port) as client:
                    for one in range(first, first + 1000):
                        try:
                            ask(client, one)
                        except (AssertionError, OSError):
                            return
                        seen.append((f"n{one}",))
                        if stop.is_set():
                            return

            before = len(seen)
            threads = [threading.Thread(target=work, args=(number * 10_000 + at * 1000,)) for at in range(3)]
            for thread in threads:
                thread.start()
            wait_until(lambda before=before: len(seen) >= before + 30, "some calls")  # type: ignore[misc]  # mypy knows no default of a lambda
            proxy.process.send_signal(signal.SIGKILL)
            proxy.process.wait(10)
            stop.set()
            for thread in threads:
                thread.join()
    with Mitm(RULES.format(url=up.url), env=state(tmp_path)):
        wait_until(lambda: not Segments(tmp_path / "wiremend" / "ledger" / "journal").all(), "the rest to be taken")
    found = rows(path)
    assert set(seen) <= set(found)
    assert len(found) == len(set(found))
    assert len(found) - len(seen) <= 9  # those whose row was there, and whose end the client did not see any more
    for first in range(0, 30_000, 1000):
        mine = [int(name[1:]) for (name,) in found if first <= int(name[1:]) < first + 1000]
        assert mine == sorted(mine)


def test_two_proxies_write_into_one_database(up: Upstream, tmp_path: Path) -> None:
    path = tmp_path / "wiremend" / "ledger.sqlite"
    rules = RULES.format(url=up.url)
    with Mitm(rules, env=state(tmp_path)) as one, Mitm(rules, env=state(tmp_path)) as two:
        with Client.plain(one.port) as first, Client.plain(two.port) as second:
            for number in range(0, 40, 2):
                ask(first, number)
                ask(second, number + 1)
        wait_until(lambda: len(rows(path)) == 40, "the rows of both")
    assert sorted(rows(path)) == sorted(asked(0, 40))


@needs_server
def test_a_server_that_is_down_is_filled_in_order_when_it_is_back_with_the_same_ids(
    up: Upstream, tmp_path: Path
) -> None:
    """SQLite beside it is not held up; the proxy ends in between, and no client waits."""
    path = tmp_path / "mine.sqlite"
    with Server() as server:
        rules = f"{RULES.format(url=up.url)}ledger: ['sqlite:{path}', $LAB_LEDGER]\n"
        env = {**state(tmp_path), "LAB_LEDGER": server.address}
        with Mitm(rules, env=env) as proxy, Client.plain(proxy.port) as client:
            for number in range(5):
                ask(client, number)
            wait_until(
                lambda: (
                    server.ask("SELECT to_regclass('wiremend.calls')") != [(None,)]
                    and server.ask("SELECT count(*) FROM wiremend.calls") == [(5,)]
                ),
                "the server to have the rows",
            )
            server.kill()
            for number in range(5, 12):
                ask(client, number)
            proxy.wait_log(r"the ledger postgresql://127.0.0.1:\d+/postgres takes no rows: [^;]+; they wait in")
            wait_until(lambda: len(rows(path)) == 12, "the rows in SQLite")
        server.start()
        with Mitm(rules, env=env) as proxy, Client.plain(proxy.port) as client:
            ask(client, 12)
            wait_until(lambda: server.ask("SELECT count(*) FROM wiremend.calls") == [(13,)], "the rest")
            log = proxy.log()
        wait_until(lambda: len(rows(path)) == 13, "the last row in SQLite")
        ids = server.ask("SELECT asked, id FROM wiremend.calls ORDER BY serial")
        assert ids == rows(path, "SELECT asked, id FROM calls ORDER BY rowid")
        assert [name for name, _ in ids] == [name for (name,) in asked(0, 13)]
        for text in (PASSWORD, server.address):
            assert text not in log
        assert Segments(tmp_path / "wiremend" / "ledger" / "journal").all() == []


def test_sinks_change_with_the_rules(up: Upstream, tmp_path: Path) -> None:
    first, second = tmp_path / "first.sqlite", tmp_path / "second.sqlite"
    rules = RULES.format(url=up.url)
    with (
        Mitm(f"{rules}ledger: 'sqlite:{first}'\n", env=state(tmp_path)) as proxy,
        Client.plain(proxy.port) as client,
    ):
        ask(client, 0)
        proxy.write_rules(f"{rules}ledger: ['sqlite:{first}', 'sqlite:{second}']\n")
        said = proxy.wait_log("rules reloaded").end()
        ask(client, 1)
        wait_until(lambda: len(rows(second)) == 1, "the row in the second")
        proxy.write_rules(f"{rules}ledger: 'sqlite:{second}'\n")
        proxy.wait_log("rules reloaded", after=said)
        ask(client, 2)
        wait_until(lambda: len(rows(second)) == 2, "the next row in the second")
    assert rows(first) == asked(0, 2)
    assert rows(second) == asked(1, 3)


def test_a_server_that_says_nothing_holds_up_neither_calls_nor_the_end(up: Upstream, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {**state(tmp_path), "LAB_LEDGER": f"postgresql://u:FAKE@127.0.0.1:{silent.getsockname()[1]}/d"}
        with (
            Mitm(f"{RULES.format(url=up.url)}ledger: $LAB_LEDGER\n", env=env) as proxy,
            Client.plain(proxy.port) as client,
        ):
            for number in range(3):
                ask(client, number)
            connection, _ = silent.accept()
            with connection:
                assert proxy.stop() == 0
    journal = Segments(tmp_path / "wiremend" / "ledger" / "journal")
    (one,) = journal.all()
    assert journal.rows(one, journal.header(one)[1], journal.size(one)) == 3


def test_flows_that_are_only_looked_at_are_no_calls(up: Upstream, tmp_path: Path) -> None:
    with Mitm(RULES.format(url=up.url), env=state(tmp_path / "first")) as proxy, Client.plain(proxy.port) as client:
        ask(client, 0)
        proxy.wait_captures(1)
        (path,) = proxy.captures.glob("*.flows")
    with Mitm(RULES.format(url=up.url), env=state(tmp_path / "second"), args=["-r", str(path)]) as proxy:
        with Client.plain(proxy.port) as client:
            ask(client, 1)
        proxy.wait_calls(1)
    assert rows(tmp_path / "second" / "wiremend" / "ledger.sqlite") == asked(1, 2)


def test_a_ledger_that_cannot_be_written_is_told_once_and_traffic_goes_on(up: Upstream, tmp_path: Path) -> None:
    (tmp_path / "wiremend").mkdir()
    (tmp_path / "wiremend" / "ledger").write_text("in the way")
    with (
        Mitm(f"{RULES.format(url=up.url)}capture: off\n", env=state(tmp_path)) as proxy,
        Client.plain(proxy.port) as client,
    ):
        for number in range(3):
            ask(client, number)
        proxy.wait_log("calls cannot be written down in .*; the traffic goes on, their rows are lost")
        proxy.wait_calls(3)
        proxy.stop()
        assert proxy.log().count("calls cannot be written down") == 1
