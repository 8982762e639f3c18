"""Proof of the lab's HTTP/2: one call of a script is one DATA frame, streams do not mix, and each ending is told apart.

Both ends are ours, so what matters is also judged by another's client (h2 under the SDKs' HTTP library).
"""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING

import openai
import pytest

from tests.lab import Authority, Client, Reply, Request, table
from tests.lab.http1 import DEADLINE
from tests.lab.http2 import Http2Reply, Http2Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.sdk import KEY, MESSAGES
from tests.lab.upstream import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import ServerCert


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def cert(authority: Authority) -> ServerCert:
    return authority.server("localhost")


def test_a_request_is_recorded_and_a_call_is_a_frame(cert: ServerCert) -> None:
    seen = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(201, [("X-Case", "Kept"), ("transfer-encoding", "chunked"), ("connection", "close")])
        reply.send(b"a")
        reply.send(b"bc")
        reply.wait(seen)
        reply.send(b"x" * 16384)
        reply.end()

    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        assert client.request("POST", "/", body=b"y", length=False).wait().status == 201
        seen.set()
        (first,) = up.wait_for(1)
        assert (first.get("content-length"), first.body) == (None, b"y")
        up.forget()
        seen.clear()
        response = client.request("POST", "/a?b=1", {"x-twice": "1"}, b"y" * 100_000).wait()
        assert (response.status, response.headers) == (201, (("x-case", "Kept"),))
        chunks = response.chunks()
        assert [next(chunks), next(chunks)] == [b"a", b"bc"]
        seen.set()
        assert [*chunks] == [b"x" * 16384]
        assert response.ending == "whole"
        (request,) = up.wait_for(1)
    assert (request.method, request.target, request.version) == ("POST", "/a?b=1", "HTTP/2.0")
    assert (request.get("x-twice"), request.get("content-length")) == ("1", "100000")
    assert (request.body, request.sni) == (b"y" * 100_000, "localhost")


def test_a_body_beyond_every_window_comes_whole(cert: ServerCert) -> None:
    body = bytes(range(256)) * 4000
    script = table({"/": lambda _, reply: reply.body(200, [], body)})
    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        assert client.request("GET", "/").read() == body
        missing = client.request("GET", "/else").wait()
        assert (missing.status, missing.get("content-type")) == (404, "application/json")


def test_two_streams_run_side_by_side_and_do_not_mix(cert: ServerCert) -> None:
    turns = {"/a": threading.Semaphore(0), "/b": threading.Semaphore(0)}

    def script(request: Request, reply: Reply) -> None:
        reply.events([request.path.encode() + b" %d\n\n" % n for n in range(3)], turns[request.path])

    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        replies = {path: client.request("GET", path) for path in turns}
        for n in range(3):
            for path in ("/b", "/a"):
                turns[path].release()
                assert next(replies[path].chunks()) == path.encode() + b" %d\n\n" % n
        assert [reply.read() for reply in replies.values()] == [b"", b""]
        assert len({request.connection for request in up.wait_for(2)}) == 1


def test_a_frame_without_a_byte_ends_nothing(cert: ServerCert) -> None:
    def script(_: Request, reply: Reply) -> None:
        assert isinstance(reply, Http2Reply)
        reply.head()
        reply.send(b"a")
        reply.blank()
        reply.send(b"b")
        reply.end()

    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        assert [*client.request("GET", "/").chunks()] == [b"a", b"b"]


def test_trailers_come_behind_the_body(cert: ServerCert) -> None:
    def script(_: Request, reply: Reply) -> None:
        assert isinstance(reply, Http2Reply)
        reply.head()
        reply.send(b"x")
        reply.end([("x-sum", "7")])

    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        response = client.request("GET", "/")
        assert (response.read(), response.ending, response.trailers) == (b"x", "whole", (("x-sum", "7"),))


@pytest.mark.parametrize(
    ("breaks", "ending"), ((Http2Reply.cut, "cut"), (Http2Reply.abort, "cut"), (Http2Reply.reset, "reset"))
)
def test_a_break_is_no_end(cert: ServerCert, breaks: Callable[[Http2Reply], None], ending: str) -> None:
    def script(_: Request, reply: Reply) -> None:
        assert isinstance(reply, Http2Reply)
        reply.head()
        reply.send(b"half")
        reply.seen()
        breaks(reply)

    with Http2Upstream(script, cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
        response = client.request("GET", "/")
        assert (response.read(), response.ending) == (b"half", ending)


def test_a_peer_that_leaves_ends_the_script(cert: ServerCert) -> None:
    def script(_: Request, reply: Reply) -> None:
        reply.head()
        reply.wait_gone()

    with Http2Upstream(script, cert) as up:
        with Http2Client.tls(up.port, ca=cert.ca) as client:
            client.request("GET", "/").wait()
        assert up.hung_up.wait(DEADLINE)


def test_what_a_script_does_wrong_is_the_tests_failure(cert: ServerCert) -> None:
    with pytest.raises(ScriptError, match="did not end"):  # noqa: SIM117 - what is to raise, alone
        with Http2Upstream(lambda _, reply: reply.head(), cert) as up, Http2Client.tls(up.port, ca=cert.ca) as client:
            client.request("GET", "/").wait()


def test_who_speaks_no_http2_is_turned_away(cert: ServerCert) -> None:
    with Http2Upstream(lambda _, reply: reply.body(200, [], b""), cert) as up:
        with Client.tls(up.port, ca=cert.ca) as client, pytest.raises((ConnectionError, ssl.SSLError)):
            client.request("GET", "/")
        assert up.requests == []


def test_the_sdks_own_http2_understands_it(cert: ServerCert) -> None:
    said = {"id": "1", "object": "chat.completion", "choices": [], "created": 1, "model": "m"}
    trusted = ssl.create_default_context(cafile=str(cert.ca))
    library = openai.DefaultHttpxClient(http2=True, trust_env=False, verify=trusted)
    with (
        Http2Upstream(lambda _, reply: reply.json(200, said), cert) as up,
        openai.OpenAI(base_url=f"{up.url}/v1", api_key=KEY, max_retries=0, http_client=library) as client,
    ):
        assert client.chat.completions.create(model="m", messages=MESSAGES).id == "1"
