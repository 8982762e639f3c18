"""``wiremend doctor --online``, against providers on loopback: what is asked of them, and what their answers mean."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import Authority, Forwarder, Reply, Request, Upstream
from wiremend.cli.doctor_online import Place, Reached, check_clocks, check_online, places, reach, told
from wiremend.mitm.tunnel import MachineProxy
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wiremend.rules.resolve import Resolved

KEY: Final = "sk-kimi-FAKE0123456789abcdef"


def no_proxy(*_: object) -> None:
    """Say that the machine has no proxy of its own."""


def answers(status: int, headers: Iterable[tuple[str, str]] = ()) -> Upstream:
    def script(request: Request, reply: Reply) -> None:
        del request
        reply.body(status, [*headers, ("content-length", "0")], b"")

    return Upstream(script)


def rules(*bases: str) -> Resolved:
    lines = ["providers:"]
    lines += [f"  p{n}: {{base_url: '{base}', speaks: [chat], key: $KEY}}" for n, base in enumerate(bases)]
    lines += ["routes:", *(f"- {{when: {{model: m{n}*}}, to: p{n}}}" for n in range(len(bases)))]
    return load_rules("\n".join(lines), "rules.yaml", {"KEY": KEY}).resolved


def place(port: int, scheme: str = "http", host: str = "127.0.0.1") -> Place:
    return Place(scheme, host, port, "/v1", ("lab",))


@pytest.mark.parametrize(
    ("status", "level"), ((200, "ok"), (204, "ok"), (301, "ok"), (401, "ok"), (404, "ok"), (405, "ok"), (503, "warn"))
)
def test_any_answer_shows_that_the_way_is_open(status: int, level: str) -> None:
    with answers(status) as provider:
        (finding,) = check_online(rules(f"http://127.0.0.1:{provider.port}/v1"), {}, no_proxy)
    assert (finding.level, finding.about) == (level, "online")
    assert finding.what.startswith(f"127.0.0.1:{provider.port} (p0) answers in ")


def test_one_question_without_a_credential() -> None:
    with answers(401) as provider:
        check_online(rules(f"http://127.0.0.1:{provider.port}/coding/v1"), {"KEY": KEY}, no_proxy)
        (request,) = provider.wait_for(1)
    assert (request.method, request.target, request.body) == ("HEAD", "/coding/v1", b"")
    names = {name.lower() for name, _ in request.headers}
    assert names.isdisjoint({"authorization", "x-api-key", "cookie", "api-key"})
    assert KEY not in str(request.headers)


def test_a_host_with_two_providers_is_asked_once() -> None:
    with answers(200) as provider:
        base = f"http://127.0.0.1:{provider.port}"
        (finding,) = check_online(rules(f"{base}/v1", f"{base}/other/v1"), {}, no_proxy)
        assert len(provider.wait_for(1)) == 1
    assert "(p0, p1)" in finding.what


def test_only_providers_that_a_route_reaches() -> None:
    assert places(load_rules("routes: []\n", "rules.yaml", {}).resolved) == []
    (finding,) = check_online(load_rules("routes: []\n", "rules.yaml", {}).resolved, {}, no_proxy)
    assert finding.level == "ok"


def test_tls_is_verified_by_what_the_proxy_trusts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def script(request: Request, reply: Reply) -> None:
        del request
        reply.json(200, {})

    with Upstream(script, tls=authority.server("localhost")) as provider:
        base = f"https://localhost:{provider.port}/v1"
        (good,) = check_online(rules(base), {"SSL_CERT_FILE": str(authority.ca)}, no_proxy)
        assert good.level == "ok"
        (bad,) = check_online(rules(base), {}, no_proxy)
    assert bad.level == "FAIL"
    assert "its certificate is not trusted" in bad.what
    assert "SSL_CERT_FILE" in bad.do


def test_a_port_where_nobody_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    finding = told(reach(place(port), None, no_proxy))
    assert (finding.level, finding.what) == ("FAIL", f"127.0.0.1:{port} (lab): it refuses the connection")
    assert finding.do


def test_a_server_without_tls() -> None:
    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        finding = told(reach(place(listener.getsockname()[1], "https"), None, no_proxy))
        thread.join()
    assert finding.level == "FAIL"
    assert "no TLS" in finding.what


def test_what_does_not_speak_http() -> None:
    def script(request: Request, reply: Reply) -> None:
        del request
        reply.began = True
        reply.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        reply.cut()

    with Upstream(script) as provider:
        finding = told(reach(place(provider.port), None, no_proxy))
    assert (finding.level, "does not speak HTTP" in finding.what) == ("FAIL", True)


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    finding = told(reach(place(443, "https", "api.example.invalid"), None, no_proxy))
    assert finding.what == "api.example.invalid (lab): the name api.example.invalid does not resolve"


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremend.cli.doctor_online.WAIT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = told(reach(place(silent.getsockname()[1]), None, no_proxy))
    assert finding.level == "FAIL"
    assert "no answer" in finding.what


def test_through_the_machines_own_proxy(tmp_path: Path) -> None:
    """The host is one that no name server knows: whoever asks the proxy for it gets there."""
    authority = Authority(tmp_path)

    def script(request: Request, reply: Reply) -> None:
        del request
        reply.json(200, {})

    with (
        Upstream(script, tls=authority.server("api.example.invalid")) as provider,
        Forwarder({"api.example.invalid:443": provider.port}) as office,
    ):
        proxy = MachineProxy(("http", ("127.0.0.1", office.port)), "Basic RkFLRQ==")
        resolved = rules("https://api.example.invalid/v1")
        (finding,) = check_online(resolved, {"SSL_CERT_FILE": str(authority.ca)}, lambda *_: proxy)
        assert finding.level == "ok", finding
        assert f"through 127.0.0.1:{office.port}" in finding.what
        assert office.asked == ["api.example.invalid:443"]
        assert ("Proxy-Authorization", "Basic RkFLRQ==") in office.heads[0][1]
        (refused,) = check_online(rules("https://other.invalid/v1"), {}, lambda *_: proxy)
    assert refused.level == "FAIL"
    assert "the machine's proxy says: 502" in refused.what
    assert "RkFLRQ" not in refused.what + refused.do


@pytest.mark.parametrize(
    ("theirs", "level", "what"),
    (
        ([], None, ""),
        ([timedelta(seconds=5)], "ok", "within a minute"),
        ([timedelta(hours=3)], "warn", "this machine is 3 hours behind the providers"),
        ([timedelta(days=-400)], "warn", "this machine is 400 days ahead of the providers"),
        ([timedelta(seconds=90)], "warn", "this machine is 90 seconds behind the providers"),
        ([timedelta(0), timedelta(days=9), timedelta(seconds=1)], "ok", "within a minute"),
    ),
)
def test_clocks(theirs: list[timedelta], level: str | None, what: str) -> None:
    found = check_clocks([Reached(place(1), 200, ahead=ahead) for ahead in theirs] + [Reached(place(2))])
    assert [(finding.level, finding.about, finding.what[: len(what)]) for finding in found] == (
        [(level, "clock", what)] if level else []
    )


@pytest.mark.parametrize(
    ("date", "levels"),
    (
        (timedelta(0), ["ok", "ok"]),
        (timedelta(days=3), ["ok", "warn"]),
        ("yesterday", ["ok"]),
        ("Mon, 99 Foo 2026 00:00:00 GMT", ["ok"]),
        ("Sat, 21 Nov 99999999999999999999 10:00:00 GMT", ["ok"]),
        ("", ["ok"]),
    ),
)
def test_the_date_of_an_answer(date: str | timedelta, levels: list[str]) -> None:
    said = date if isinstance(date, str) else format_datetime(datetime.now(UTC) + date, usegmt=True)
    with answers(200, [("Date", said)]) as provider:
        found = check_online(rules(f"http://127.0.0.1:{provider.port}/v1"), {}, no_proxy)
    assert [finding.level for finding in found] == levels
