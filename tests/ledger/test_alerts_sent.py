"""Alerts by the real Apprise, to servers of this machine; of an address nothing gets into any log."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING, Self

import pytest

from tests.lab import Upstream
from tests.ledger.test_alerts import DEADLINE, EVERY, TOKEN, happening
from wiremend.ledger.alerts import Plan, Sender, open_services
from wiremend.ledger.hush import hushed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Reply, Request
    from wiremend.ledger.happening import Happening


@pytest.fixture
def heard() -> Iterator[list[logging.LogRecord]]:
    """Give all that any handler of mitmproxy would see, at every level."""
    records: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, ear = logging.getLogger(), Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(1)
    yield records
    root.setLevel(level)
    root.removeHandler(ear)


def sent(address: str, *happenings: Happening, patience: float = DEADLINE) -> list[tuple[str, str]]:
    """Send alerts to one address, and give the warnings."""
    warned: list[tuple[str, str]] = []
    sender = Sender(lambda *one: warned.append(one), patience=patience)
    sender.plan(Plan((address,), EVERY))
    for one in happenings:
        sender.happened(one)
    sender.close(DEADLINE * 2)
    return warned


def said(records: list[logging.LogRecord]) -> str:
    return "\n".join(f"{record.name} {record.getMessage()}" for record in records)


def fine(_: Request, reply: Reply) -> None:
    reply.json(200, {})


class TestApprise:
    def test_an_alert_arrives_and_the_log_is_silent(self, heard: list[logging.LogRecord]) -> None:
        with Upstream(fine) as up:
            assert sent(f"json://user:{TOKEN}@127.0.0.1:{up.port}/{TOKEN}", happening(), happening("gate")) == []
            first, second = (request.json() for request in up.requests)
            assert {request.target for request in up.requests} == {f"/{TOKEN}"}
        assert first["title"] == "Wiremend: kimi-code: balance or quota exhausted"
        assert first["message"].startswith("It is empty (model kimi-k2).")
        assert second["title"].endswith("the provider refuses this client")
        assert TOKEN not in said(heard)
        assert said(heard) == ""

    @pytest.mark.parametrize("status", (401, 404, 500))
    def test_a_refusal_is_told_by_its_status_alone(self, status: int, heard: list[logging.LogRecord]) -> None:
        def refuse(_: Request, reply: Reply) -> None:
            reply.json(status, {"error": f"no such webhook {TOKEN}"})

        with Upstream(refuse) as up:
            ((key, message),) = sent(f"json://127.0.0.1:{up.port}/{TOKEN}", happening())
        assert key == "alerts:json"
        assert f"json:// (it answered {status})" in message
        assert str(up.port) not in message
        assert TOKEN not in message + said(heard)

    def test_nobody_listens(self, heard: list[logging.LogRecord]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        ((_, message),) = sent(f"json://127.0.0.1:{port}/{TOKEN}", happening())
        assert "no connection" in message
        assert TOKEN not in message + said(heard)
        assert str(port) not in message

    def test_a_server_that_never_answers_costs_its_own_alert(self) -> None:
        with Upstream(lambda _, reply: reply.wait_gone()) as up:
            address = f"json://127.0.0.1:{up.port}/{TOKEN}?rto=0.2"
            ((key, message),) = sent(address, happening())
            assert len(up.requests) == 1
        assert key == "alerts:json"
        assert "no answer in time" in message

    def test_several_addresses_in_one_variable(self) -> None:
        with Upstream(fine) as up:
            assert sent(f"json://127.0.0.1:{up.port}/a, json://127.0.0.1:{up.port}/b", happening()) == []
            assert sorted(request.target for request in up.requests) == ["/a", "/b"]

    def test_an_address_that_apprise_does_not_understand(self, heard: list[logging.LogRecord]) -> None:
        assert open_services(f"nonsense://{TOKEN}") == []
        assert open_services("json://") == []
        assert said(heard) == ""

    def test_mail(self, heard: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getfqdn", lambda *_: "lab.test")  # smtplib would look up this machine's name
        with Mailbox() as box:
            address = f"mailto://user:{TOKEN}@127.0.0.1:{box.port}?mode=insecure&from=wiremend@lab.test&to=me@lab.test"
            assert sent(address, happening(what="It is <empty> & spent")) == []
            (mail,) = box.wait()
        assert b"Subject: Wiremend: kimi-code: balance or quota exhausted" in mail
        assert b"It is <empty> & spent" in mail or b"It is &lt;empty&gt; &amp; spent" in mail  # plain text, or HTML
        assert TOKEN not in said(heard)

    def test_what_it_sends_says_who_sends_it(self) -> None:
        with Upstream(fine) as up:
            sent(f"json://127.0.0.1:{up.port}/", happening())
            assert up.requests[0].get("user-agent") == "Wiremend"

    def test_no_thread_is_left_that_holds_up_the_end_of_the_process(self) -> None:
        """A pool of threads is joined when the interpreter ends, be its server as slow as it likes."""
        before = set(threading.enumerate())
        gate = threading.Event()

        def slow(_: Request, reply: Reply) -> None:
            reply.wait(gate)
            reply.json(200, {})

        with Upstream(slow) as up:
            (service,) = open_services(f"json://127.0.0.1:{up.port}/")
            service.begin("title", "text")
            up.wait_for(1)
            ours = [thread for thread in set(threading.enumerate()) - before if "upstream" not in thread.name]
            assert ours
            assert all(thread.daemon for thread in ours)
            gate.set()
            assert service.outcome(DEADLINE) is None


class Mailbox:
    """A mail server of a few lines: it takes one connection after the other, and any login."""

    def __enter__(self) -> Self:
        """Listen."""
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.mails: list[bytes] = []
        self.came = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(DEADLINE)

    def wait(self) -> list[bytes]:
        """Give the mails, once one came."""
        assert self.came.wait(DEADLINE)
        return self.mails

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 lab\r\n")
                for line in lines:
                    verb = line.split()[0].upper()
                    if verb == b"EHLO":
                        connection.sendall(b"250-lab\r\n250 AUTH PLAIN LOGIN\r\n")
                    elif verb == b"AUTH":
                        connection.sendall(b"235 welcome\r\n")
                    elif verb == b"DATA":
                        connection.sendall(b"354 go on\r\n")
                        self.mails.append(b"".join(iter(lines.readline, b".\r\n")))
                        connection.sendall(b"250 taken\r\n")
                        self.came.set()
                    elif verb == b"QUIT":
                        connection.sendall(b"221 bye\r\n")
                        break
                    else:
                        connection.sendall(b"250 fine\r\n")


class TestHush:
    def test_only_the_thread_that_asks_is_hushed_and_only_others_than_wiremend(
        self, heard: list[logging.LogRecord]
    ) -> None:
        library = logging.getLogger("lab.library")
        with hushed():
            library.warning("hidden")
            with hushed():
                library.error("hidden too")
            library.error("hidden still")
            logging.getLogger("wiremend").warning("ours")
            thread = threading.Thread(target=library.warning, args=("of another thread",))
            thread.start()
            thread.join()
        library.warning("shown again")
        assert [record.getMessage() for record in heard] == ["ours", "of another thread", "shown again"]

    def test_apprise_is_heard_in_no_thread(self, heard: list[logging.LogRecord]) -> None:
        with hushed():
            pass
        logging.getLogger("apprise").error("https://chat.test/%s", TOKEN)
        logging.getLogger("apprise.plugins").error("https://chat.test/%s", TOKEN)
        assert heard == []
