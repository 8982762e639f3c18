"""Intercept, edit, resume: a request as it leaves, the head of a stream before its first event, a whole reply.

In a running mitmweb by its own interface, for clients of HTTP/1.1 and HTTP/2.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.e2e.web_kit import Web
from tests.lab import Answer, Authority, Client, Reply, Request, Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.replies import chat_body, chat_events
from tests.lab.upstream import PeerGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from wiremend.captures.capture import Capture

type Wire = Literal["http1", "http2"]
type Got = tuple[int, dict[str, str], bytes]

WIRES: tuple[Wire, ...] = ("http1", "http2")
KEY = "sk-FAKE-client-intercept-01"
EVENTS = chat_events(Answer("one two", model="m"))
BROKEN = [EVENTS[0].replace(b'"role"', b'"rule"'), *EVENTS[1:]]


class Lab:
    """A provider, a mitmweb before it, and a client that waits in a thread."""

    def __init__(self, upstream: Upstream, web: Web, pool: ThreadPoolExecutor) -> None:
        """Keep them."""
        self.upstream, self.web, self.pool = upstream, web, pool

    def ask(self, wire: Wire, model: str, *, stream: bool = True) -> Future[Got]:
        """Let a client ask."""
        body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
        return self.pool.submit(self._http1 if wire == "http1" else self._http2, body)

    def _http1(self, body: bytes) -> Got:
        headers = {"host": f"localhost:{self.upstream.port}", "content-type": "application/json"}
        with Client.through(self.web.port, "localhost", self.upstream.port, ca=self.web.ca) as client:
            headers["authorization"] = f"Bearer {KEY}"
            response = client.request("POST", "/v1/chat/completions", headers, body)
            return response.status, {name.lower(): value for name, value in response.headers}, response.read()

    def _http2(self, body: bytes) -> Got:
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        with Http2Client.through(self.web.port, "localhost", self.upstream.port, ca=self.web.ca) as client:
            response = client.request("POST", "/v1/chat/completions", headers, body).wait()
            given = response.read()
            assert response.ending == "whole"
            return response.status, dict(response.headers), given

    def held(self, model: str) -> dict[str, Any]:
        """Wait until the flow that asks for a model is held, and give it."""
        return self.web.flow(lambda one: one["intercepted"] and one["comment"].startswith(model))

    def capture(self, flow: dict[str, Any]) -> Capture:
        """Wait until a flow's exchange is written down."""
        return self.web._watch(
            lambda: next((one for one in self.web.wait_captures(0) if one.id == flow["id"]), None), "a capture", 10.0
        )

    def intercept(self, what: str) -> None:
        """Set mitmproxy's filter."""
        self.web.ask("PUT", "/options", {"intercept": what})


def answer(request: Request, reply: Reply) -> None:
    asked = json.loads(request.body)
    if not asked.get("stream"):
        reply.json(200, chat_body(Answer(asked["model"], model="m")))
    else:
        reply.events(BROKEN if "odd" in asked["model"] else EVENTS)


@pytest.fixture(scope="module")
def lab(authority: Authority) -> Iterator[Lab]:
    with Upstream(answer, tls=authority.server("localhost")) as upstream:
        rules = (
            f"providers: {{lab: {{base_url: '{upstream.url}/v1', key: client}}}}\ndefault: lab\n"
            "listen: {intercept: [localhost]}\n"
        )
        with Web(rules, env={"SSL_CERT_FILE": str(authority.ca)}) as web, ThreadPoolExecutor(2) as pool:
            yield Lab(upstream, web, pool)


@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("wire", WIRES)
def test_a_request_is_edited_as_it_leaves(lab: Lab, wire: Wire, stream: bool) -> None:  # noqa: FBT001 - a parameter
    lab.intercept("~q & ~comment held")
    count = len(lab.upstream.requests)
    asked = lab.ask(wire, f"held-{wire}-{stream}", stream=stream)
    flow = lab.held(f"held-{wire}-{stream}")
    shown = json.loads(lab.web.text(flow["id"], "request"))
    assert len(lab.upstream.requests) == count
    assert not asked.done()
    shown["model"], shown["temperature"] = "by-hand", 0.5
    lab.web.ask("PUT", f"/flows/{flow['id']}", {"request": {"content": json.dumps(shown)}})
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    status, _, given = asked.result(10)
    assert status == 200
    sent = lab.upstream.requests[count]
    assert json.loads(sent.body) == shown, "a person's edits are sent as they are"
    assert (b"[DONE]" in given) is stream
    capture = lab.capture(flow)
    assert json.loads(capture.request.body)["model"] == f"held-{wire}-{stream}", "the client's own stays on record"
    assert capture.attempt is not None
    assert capture.attempt.request.body == sent.body
    assert [note.what for note in capture.notes if note.short == "by hand"] == [
        "a person changed headers and the body of the request that left while it was held"
    ]


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_that_is_only_looked_at_leaves_as_it_would_have(lab: Lab, wire: Wire) -> None:
    lab.intercept("~q & ~comment look")
    asked = lab.ask(wire, f"look-{wire}")
    flow = lab.held(f"look-{wire}")
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    assert asked.result(10)[0] == 200
    assert not [note for note in lab.capture(flow).notes if note.short == "by hand"]


@pytest.mark.parametrize("wire", WIRES)
def test_the_head_of_a_stream_waits_before_its_first_event(lab: Lab, wire: Wire) -> None:
    lab.intercept("~s & ~comment odd")
    asked = lab.ask(wire, f"odd-{wire}")
    flow = lab.held(f"odd-{wire}")
    assert flow["response"]["status_code"] == 200
    assert not asked.done(), "nothing has reached the client"
    fields = [["x-by-hand", "yes"], ["content-type", "text/event-stream"]]
    if wire == "http1":
        fields.append(["transfer-encoding", "chunked"])
    lab.web.ask("PUT", f"/flows/{flow['id']}", {"response": {"headers": fields}})
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    status, headers, given = asked.result(10)  # and it is not held a second time at its end
    assert (status, headers["x-by-hand"]) == (200, "yes")
    assert b'"role"' in given, "what follows is mended as ever"
    assert given.rstrip().endswith(b"data: [DONE]")
    assert not lab.web.flow(lambda one: one["id"] == flow["id"])["intercepted"]
    kept = lab.capture(flow)
    assert kept.answer is not None
    assert kept.answer.body.data == given
    assert {note.short for note in kept.notes} >= {"by hand", "chat.delta.role-missing"}


@pytest.mark.parametrize("wire", WIRES)
def test_a_body_that_is_written_while_the_head_waits_is_the_answer(lab: Lab, wire: Wire) -> None:
    lab.intercept("~s & ~comment written")
    asked = lab.ask(wire, f"written-{wire}")
    flow = lab.held(f"written-{wire}")
    mine = b"".join(chat_events(Answer("by hand", model="mine"))).decode()
    lab.web.ask("PUT", f"/flows/{flow['id']}", {"response": {"content": mine}})
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    status, _, given = asked.result(10)
    assert (status, given) == (200, mine.encode())
    kept = lab.capture(flow)
    assert kept.answer is not None
    assert kept.answer.body.data == mine.encode()
    assert kept.attempt is not None
    assert kept.attempt.response is not None
    assert kept.attempt.response.body.data == b"".join(EVENTS), "what the provider sent stays on record"


@pytest.mark.parametrize("wire", WIRES)
def test_a_whole_reply_is_edited_as_the_client_gets_it(lab: Lab, wire: Wire) -> None:
    lab.intercept("~s & ~comment whole")
    asked = lab.ask(wire, f"whole-{wire}", stream=False)
    flow = lab.held(f"whole-{wire}")
    shown = json.loads(lab.web.text(flow["id"], "response"))
    assert shown["choices"][0]["message"]["content"] == f"whole-{wire}"
    shown["choices"][0]["message"]["content"] = "by hand"
    lab.web.ask("PUT", f"/flows/{flow['id']}", {"response": {"content": json.dumps(shown)}})
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    status, _, given = asked.result(10)
    assert status == 200
    assert json.loads(given) == shown
    kept = lab.capture(flow)
    assert kept.answer is not None
    assert kept.answer.body.data == given, "what is remembered is what the client got"
    assert "by hand" in {note.short for note in kept.notes}


def test_a_stream_goes_on_while_another_is_held(lab: Lab) -> None:
    lab.intercept("~s & ~comment waiting")
    waiting = lab.ask("http1", "waiting")
    flow = lab.held("waiting")
    assert lab.ask("http2", "another").result(10)[0] == 200
    assert not waiting.done()
    lab.web.ask("POST", f"/flows/{flow['id']}/resume")
    assert waiting.result(10)[2].rstrip().endswith(b"data: [DONE]")


def test_an_upstream_that_goes_on_while_the_head_waits_loses_nothing(authority: Authority) -> None:
    """The provider sends all, and ends, before the person lets the head go."""
    over = threading.Event()

    def eager(request: Request, reply: Reply) -> None:
        answer(request, reply)
        over.set()

    with Upstream(eager, tls=authority.server("localhost")) as upstream:
        rules = (
            f"providers: {{lab: {{base_url: '{upstream.url}/v1', key: client}}}}\ndefault: lab\n"
            "listen: {intercept: [localhost]}\n"
        )
        env = {"SSL_CERT_FILE": str(authority.ca)}
        with Web(rules, env=env, options={"intercept": "~s"}) as web, ThreadPoolExecutor(1) as pool:
            lab = Lab(upstream, web, pool)
            asked = lab.ask("http1", "eager")
            flow = lab.held("eager")
            assert over.wait(10)
            web.ask("POST", f"/flows/{flow['id']}/resume")
            assert asked.result(10)[2] == b"".join(EVENTS)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", (True, False))
@pytest.mark.parametrize("what", ("~q", "~s"))
def test_what_is_killed_while_it_is_held_ends(lab: Lab, wire: Wire, what: str, stream: bool) -> None:  # noqa: FBT001 - a parameter
    lab.intercept(f"{what} & ~comment killed")
    asked = lab.ask(wire, f"killed{what}{wire}{stream}", stream=stream)
    flow = lab.held(f"killed{what}{wire}{stream}")
    lab.web.ask("POST", f"/flows/{flow['id']}/kill")
    # HTTP/1.1 closes the connection, HTTP/2 resets the stream: no answer either way
    with pytest.raises((ConnectionError, PeerGoneError)):
        asked.result(10)
