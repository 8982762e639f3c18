"""A webhook as a sink: what is posted, what each answer means, and what nobody is shown."""

from __future__ import annotations

import email.utils
import http.server
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pytest

from tests.ledger.kit import Told, entry, journal, names
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError
from wiremend.ledger.webhook import Webhook
from wiremend.ledger.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wiremend.ledger.entry import Entry

HERE = Position("s", 1, 100)


@dataclass
class Receiver:
    """A server on loopback that answers ``answers`` one after the other, and 204 when there are none left."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict[str, object]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin to listen."""
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.bodies.append(json.loads(body))
                receiver.heads.append({name.lower(): value for name, value in self.headers.items()})
                receiver.paths.append(self.path)
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, user: str = "") -> str:
        """Give its URL, which has a secret in it as many a webhook's has."""
        return f"http://{user}127.0.0.1:{self.port}/hooks/FAKE-secret?key=FAKE-key#part"

    @property
    def ids(self) -> list[object]:
        """The ids of what came, in order."""
        return [body["id"] for body in self.bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that takes everything."""
    with Receiver() as made:
        yield made


def test_a_row_is_posted_whole_with_its_id_as_the_key(receiver: Receiver, tmp_path: Path) -> None:
    sink = Webhook(receiver.url(), tmp_path)
    made = entry("ä-1", ["t1"], ["t0"], error="ü")
    sink.write([made], HERE)
    (body,), (head,) = receiver.bodies, receiver.heads
    assert body["id"] == "ä-1"
    assert body["kind"] == "call"
    assert body["call"] == {**json.loads(json.dumps(_plain(made)))}
    assert body["tool_calls"] == [
        {"call": "ä-1", "id": "t1", "name": "run t1", "argument_bytes": 10, "result_seen": False}
    ]
    assert body["tool_results"] == ["t0"]
    assert head["idempotency-key"] == "?-1"
    assert head["content-type"] == "application/json"
    assert "authorization" not in head
    assert receiver.paths == ["/hooks/FAKE-secret?key=FAKE-key"]


def _plain(made: Entry) -> dict[str, object]:
    return {name: getattr(made.call, name) for name in made.call.__struct_fields__}


def test_a_user_and_password_become_a_header(receiver: Receiver, tmp_path: Path) -> None:
    Webhook(receiver.url("me:FAKE%2Fp@"), tmp_path).write([entry("a")], HERE)
    assert receiver.heads[0]["authorization"] == "Basic bWU6RkFLRS9w"
    assert receiver.heads[0]["host"] == f"127.0.0.1:{receiver.port}"


def test_the_name_and_the_key_show_no_secret(tmp_path: Path) -> None:
    sink = Webhook("https://me:FAKE-pw@hooks.example.com/services/FAKE-secret?key=FAKE-key", tmp_path)
    assert sink.name == "https://hooks.example.com"
    assert sink.key == Webhook("https://me:other@hooks.example.com/services/FAKE-secret?key=FAKE-key", tmp_path).key
    assert sink.key != Webhook("https://hooks.example.com/services/another?key=FAKE-key", tmp_path).key


@pytest.mark.parametrize("status", (400, 413, 415, 422))
def test_a_row_that_is_not_wanted_is_refused(receiver: Receiver, tmp_path: Path, status: int) -> None:
    receiver.answers = [(status, {})]
    with pytest.raises(RowRefusedError, match=f"it answers {status}"):
        Webhook(receiver.url(), tmp_path).write([entry("a")], HERE)


@pytest.mark.parametrize(
    ("status", "one_row"),
    (*((status, False) for status in (401, 403, 404, 408, 409, 429, 503)), (500, True), (501, True)),
)
def test_what_has_nothing_to_do_with_the_row_is_tried_later(
    receiver: Receiver, tmp_path: Path, status: int, *, one_row: bool
) -> None:
    receiver.answers = [(status, {})]
    with pytest.raises(SinkDownError, match=f"it answers {status}") as failed:
        Webhook(receiver.url(), tmp_path).write([entry("a")], HERE)
    assert (failed.value.one_row, failed.value.after) == (one_row, None)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    (
        ("7", 7, 7),
        (500, 400, 500),
        (-500, 0, 0),
        ("soon", None, None),
        ("-3", None, None),
        ("9" * 400, 1e9, float("inf")),
    ),
    ids=("seconds", "a date to come", "a date gone by", "a word", "less than none", "a great many"),
)
def test_retry_after_is_read(
    receiver: Receiver, tmp_path: Path, text: str | int, least: float | None, most: float | None
) -> None:
    """A number stands for the date that is so many seconds from now."""
    said = text if isinstance(text, str) else email.utils.formatdate(time.time() + text, usegmt=True)
    receiver.answers = [(429, {"Retry-After": said})]
    with pytest.raises(SinkDownError) as failed:
        Webhook(receiver.url(), tmp_path).write([entry("a")], HERE)
    if least is None or most is None:
        assert failed.value.after is None
    else:
        assert failed.value.after is not None
        assert least <= failed.value.after <= most


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
def test_a_redirect_is_not_followed(receiver: Receiver, tmp_path: Path, status: int) -> None:
    with Receiver() as other:
        receiver.answers = [(status, {"Location": other.url()})]
        with pytest.raises(SinkDownError, match=f"it answers {status}: write the address"):
            Webhook(receiver.url(), tmp_path).write([entry("a")], HERE)
        assert other.bodies == []
    assert len(receiver.bodies) == 1


def test_what_is_no_http_and_what_does_not_answer_is_down_without_the_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/FAKE-secret"
        with pytest.raises(SinkDownError, match="does not answer in time") as silent:
            Webhook(url, tmp_path, answering=0.05).write([entry("a")], HERE)
        server.listen()

        def talk() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.sendall(b"220 mail.example.com ESMTP FAKE\r\n")
                connection.close()

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(SinkDownError) as other:
            Webhook(url, tmp_path).write([entry("a")], HERE)
        thread.join()
    with pytest.raises(SinkDownError, match="Connection refused") as gone:
        Webhook(url, tmp_path).write([entry("a")], HERE)
    assert all("FAKE" not in str(failed.value) for failed in (silent, other, gone))


def test_the_way_to_this_machine_leads_through_no_proxy(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    Webhook(receiver.url(), tmp_path).write([entry("a")], HERE)
    assert receiver.ids == ["a"]


def test_rows_come_in_order_and_a_restart_goes_on_where_it_was(receiver: Receiver, tmp_path: Path) -> None:
    made = journal(tmp_path, Webhook(receiver.url(), tmp_path).key)
    for number, name in enumerate(names(0, 30)):
        made.append(entry(name))
        if number % 10 == 9:  # each time by another process, as it were
            assert Writer(Webhook(receiver.url(), tmp_path), tmp_path, Told(), first_wait=0.001).once()
    assert receiver.ids == names(0, 30)


def test_outages_and_refusals_cost_no_other_row(receiver: Receiver, tmp_path: Path) -> None:
    sink, told = Webhook(receiver.url(), tmp_path), Told()
    made = journal(tmp_path, sink.key)
    for name in names(0, 4):
        made.append(entry(name))
    made.close()
    receiver.answers = [(204, {}), (503, {}), (204, {}), (422, {}), (422, {}), (422, {}), (200, {})]
    served = Writer(sink, tmp_path, told, first_wait=0.001)
    assert not served.once()
    assert served.once()
    assert receiver.ids == [names(0, 4)[number] for number in (0, 1, 1, 2, 2, 2, 3)]
    assert (served.state.written, served.state.refused) == (3, 1)
    assert all("FAKE" not in message for message in told.messages)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{sink.key}.{ending}" for ending in ("lock", "position.json", "refused.jsonl")}


def test_a_row_whose_position_was_not_noted_comes_again_with_the_same_id(receiver: Receiver, tmp_path: Path) -> None:
    sink = Webhook(receiver.url(), tmp_path / "j")
    made = journal(tmp_path / "j", sink.key)
    made.append(entry("a"))
    (tmp_path / "j" / f"{sink.key}.position.draft").mkdir()  # as a full disk would
    served = Writer(sink, tmp_path / "j", Told(), first_wait=0.001)
    assert not served.once()
    assert served.state.error is not None
    assert "its position cannot be written" in served.state.error
    (tmp_path / "j" / f"{sink.key}.position.draft").rmdir()
    assert served.once()
    assert receiver.ids == ["a", "a"]
    assert {head["idempotency-key"] for head in receiver.heads} == {"a"}
