"""Proof of the lab itself: a harness that lies makes every end-to-end test worthless.

The upstream must cut where it is told, the raw client must see an event before the next one is sent, and a proxy
process must be started, watched and ended without a trace. The proxies here run a stub script, so nothing in this file
depends on the product. (The ready-made replies have ``test_lab_scripts.py``.)
"""

from __future__ import annotations

import gzip
import os
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Authority, Client, Forwarder, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.sdk import KEY
from tests.lab.upstream import ScriptError

if TYPE_CHECKING:
    from pathlib import Path


# --- the upstream and the raw client ----------------------------------------------------------------------------------


def test_a_request_is_recorded_as_its_bytes_came() -> None:
    with Upstream(lambda _, reply: reply.body(200, [], b"ok")) as up, Client.plain(up.port) as client:
        client.send(
            b"POST /a/b?x=1&x=2 HTTP/1.1\r\nHost: h\r\nX-TwIce: 1\r\nx-twice:  2 \r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n"
        )
        assert client.response().read() == b"ok"
        (request,) = up.wait_for(1)
    assert (request.method, request.target, request.path, request.query) == ("POST", "/a/b?x=1&x=2", "/a/b", "x=1&x=2")
    assert request.headers[1:3] == (("X-TwIce", "1"), ("x-twice", "2"))
    assert request.body == b"abcdefg"
    with pytest.raises(AssertionError, match="sent 2 times"):
        request.get("X-Twice")


def test_json_of_a_compressed_body_is_read() -> None:
    request = Request("POST", "/", "HTTP/1.1", (("Content-Encoding", "gzip"),), gzip.compress(b'{"a":1}'), 0.0, 1, None)
    assert request.json() == {"a": 1}


def test_one_connection_serves_several_requests() -> None:
    with Upstream({"/a": lambda _, r: r.body(200, [], b"A"), "/b": lambda _, r: r.json(201, {})}) as up:
        with Client.plain(up.port) as client:
            assert client.request("GET", "/a").read() == b"A"
            assert client.request("GET", "/b").read() == b"{}"
            assert client.request("GET", "/c").status == 404
        assert [request.connection for request in up.wait_for(3)] == [1, 1, 1]


def test_an_event_arrives_before_the_next_is_sent() -> None:
    seen = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(b"data: 1\n\n")
        reply.wait(seen)
        reply.send(b"data: 2\n\n")
        reply.end()

    with Upstream(script) as up, Client.plain(up.port) as client:
        response = client.request("GET", "/")
        chunks = response.chunks()
        assert next(chunks) == b"data: 1\n\n"
        seen.set()
        assert list(chunks) == [b"data: 2\n\n"]
        assert response.ending == "whole"


@pytest.mark.parametrize(
    ("headers", "finish", "ending"),
    (
        ([], Reply.end, "whole"),
        ([], Reply.cut, "cut"),
        ([], Reply.abort, "reset"),
        ([("content-length", "9")], Reply.cut, "cut"),
        ([("connection", "close")], Reply.cut, "whole"),
    ),
    ids=["chunked", "chunked-cut", "chunked-reset", "length-cut", "until-close"],
)
def test_a_body_ends_as_the_script_ends_it(headers: list[tuple[str, str]], finish: Any, ending: str) -> None:  # noqa: ANN401 - an unbound method of Reply
    read = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, headers)
        reply.send(b"12345")
        reply.wait(read)
        finish(reply)

    with Upstream(script) as up, Client.plain(up.port) as client:
        response = client.request("GET", "/")
        assert response.read_until(b"5") == b"12345"
        read.set()
        assert response.read() == b""
        assert response.ending == ending


def test_a_head_request_gets_no_body() -> None:
    with Upstream(lambda _, reply: reply.json(200, {"a": 1})) as up, Client.plain(up.port) as client:
        response = client.request("HEAD", "/")
        assert (response.get("content-length"), response.read()) == ("8", b"")
        assert client.request("GET", "/").json() == {"a": 1}


def test_a_client_that_leaves_is_noticed_and_is_no_fault() -> None:
    def script(_: Request, reply: Reply) -> None:
        reply.head(200)
        reply.send(b"x")
        reply.wait_gone()

    with Upstream(script) as up, Client.plain(up.port) as client:
        client.request("GET", "/").read_until(b"x")
        assert not up.hung_up.is_set()
        client.close()
        assert up.hung_up.wait(DEADLINE)


def test_a_broken_script_fails_the_test_that_used_it() -> None:
    def use() -> None:
        with Upstream(lambda _, reply: reply.head(200)) as up:
            with Client.plain(up.port) as client:
                assert client.request("GET", "/x").read() == b""
            with pytest.raises(AssertionError, match="waited for 2 requests, saw"):
                up.wait_for(2)

    with pytest.raises(ScriptError, match="did not end its reply"):
        use()


def test_tls_is_checked_and_the_name_asked_for_is_recorded(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Upstream(lambda _, r: r.body(200, [], b"s"), tls=authority.server("api.kimi.com", "localhost")) as up:
        with Client.tls(up.port, "api.kimi.com", ca=authority.ca) as client:
            assert client.request("GET", "/").read() == b"s"
            assert client.issuer == "Wiremend lab CA"
        assert up.wait_for(1)[0].sni == "api.kimi.com"
        stranger = tmp_path / "stranger"
        stranger.mkdir()
        with pytest.raises(ssl.SSLCertVerificationError):
            Client.tls(up.port, "localhost", ca=Authority(stranger).ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            Client.tls(up.port, "other.example", ca=authority.ca)


def test_the_office_proxy_leads_real_names_to_loopback(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with (
        Upstream(lambda _, r: r.body(200, [], b"kimi"), tls=authority.server("api.kimi.com")) as up,
        Forwarder({"api.kimi.com:443": up.port}) as office,
    ):
        with Client.through(office.port, "api.kimi.com", ca=authority.ca) as client:
            assert client.request("GET", "/").read() == b"kimi"
        with pytest.raises(ConnectionError, match="502"):
            Client.tunnel(office.port, "elsewhere.example")
        assert office.asked == ["api.kimi.com:443", "elsewhere.example:443"]


# --- processes --------------------------------------------------------------------------------------------------------

STUB = '''
"""A stand-in for the addon: it declares the options that the lab sets and says when it is ready."""
import json, os, pathlib, sys
from mitmproxy import ctx

class Stub:
    def load(self, loader):
        for name in ("rules", "ready", "calls"):
            loader.add_option(f"wiremend_{name}", str, "", "")
        loader.add_option("wiremend_parent", int, 0, "")
        loader.add_option("stub_fails", bool, False, "")
        loader.add_option("stub_says", str, "", "")

    def running(self):
        if ctx.options.stub_fails:
            print("no good", flush=True)
            os._exit(3)
        print(ctx.options.stub_says, flush=True)
        servers = ctx.master.addons.get("proxyserver").servers
        address = next(iter(servers)).listen_addrs[0]
        ca = pathlib.Path(ctx.options.confdir) / "mitmproxy-ca-cert.pem"
        ready = {"pid": os.getpid(), "addresses": [address[:2]], "port": address[1], "ca": str(ca)}
        ready |= {"env": dict(os.environ), "cwd": os.getcwd(), "rules": ctx.options.wiremend_rules}
        draft = pathlib.Path(ctx.options.wiremend_ready + ".new")
        draft.write_text(json.dumps(ready))
        draft.rename(ctx.options.wiremend_ready)

    def response(self, flow):
        print("saw", flow.request.pretty_url, flush=True)
        with open(ctx.options.wiremend_calls, "a") as calls:
            calls.write(json.dumps({"url": flow.request.pretty_url}) + "\\n")

addons = [Stub()]
'''


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stub") / "stub.py"
    path.write_text(STUB)
    return path


def test_a_proxy_runs_in_a_world_of_its_own_and_ends_without_a_trace(
    stub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.1:1")
    authority = Authority(tmp_path)
    env = {"SSL_CERT_FILE": str(authority.ca), "KIMI_API_KEY": KEY}
    trust = {"ssl_verify_upstream_trusted_ca": authority.ca}  # mitmproxy by itself reads no SSL_CERT_FILE
    proxy = Mitm("version: 1\n", addon=stub, env=env, options=trust)
    with proxy, Upstream(lambda _, r: r.body(200, [], b"s"), tls=authority.server("localhost")) as up:
        assert proxy.ready["env"]["HOME"] == str(proxy.home)
        assert proxy.ready["env"]["SSL_CERT_FILE"] == str(authority.ca)
        assert "HTTPS_PROXY" not in proxy.ready["env"]
        assert proxy.ready["rules"] == str(proxy.rules)
        with Client.through(proxy.port, "localhost", up.port, ca=proxy.ca) as client:
            assert client.request("GET", "/a", {"host": f"localhost:{up.port}"}).read() == b"s"
            assert client.issuer == "mitmproxy"
        proxy.wait_log(rf"^saw https://localhost:{up.port}/a$")
        assert [call["url"] for call in proxy.wait_calls(1)] == [f"https://localhost:{up.port}/a"]
        proxy.write_rules("version: 2\n")
        assert (proxy.folder / "rules.yaml").read_text() == "version: 2\n"
        pid = proxy.ready["pid"]
        assert proxy in Mitm.running
    assert proxy.process.returncode == 0
    assert proxy not in Mitm.running
    assert not proxy.folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("accident", ("the key is sk-kimi-FAKE-leaked", "Traceback (most recent call last):"))
def test_a_log_that_holds_a_credential_or_an_accident_fails_the_test(stub: Path, accident: str) -> None:
    proxy = Mitm(addon=stub, options={"stub_says": accident}).start()
    with pytest.raises(AssertionError, match="the log or the calls hold"):
        proxy.stop()


def test_a_proxy_that_dies_at_start_shows_its_log_at_once(stub: Path) -> None:
    with pytest.raises(AssertionError, match=r"the process ended with 3\n(.*\n)*no good"):
        Mitm(addon=stub, options={"stub_fails": True}).start()


@pytest.mark.parametrize("program", ("mitmproxy", "mitmweb"))
def test_the_other_programs_of_mitmproxy_run_as_well(stub: Path, program: Any) -> None:  # noqa: ANN401 - a Literal
    with Mitm(addon=stub, program=program) as proxy, Upstream(lambda _, r: r.body(200, [], b"ok")) as up:
        with Client.plain(proxy.port) as client:
            response = client.request("GET", f"http://127.0.0.1:{up.port}/", {"host": f"127.0.0.1:{up.port}"})
            assert response.read() == b"ok"
        proxy.wait_calls(1)
