"""WebSockets of the responses wire through a real proxy: handshakes, messages both ways, closes, captures and rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from wsproto.connection import ConnectionType
from wsproto.events import Ping

from tests.e2e.socket_kit import Peer, ask, opened, talking
from tests.lab import Answer, Authority, Client, Mitm, Upstream, provider
from tests.lab.replies import responses_events
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.e2e.socket_kit import Talk
    from tests.lab import Request
    from wiremend.captures.capture import Capture

OWN: Final = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"  # made up, and no stand-in
KEY: Final = "sk-lab-0123456789abcdefghijKLMNOPQRSTUVWX"
CLIENT: Final = {"authorization": f"Bearer {OWN}", "user-agent": "codex_exec/0.169.0 (Linux)"}
RULES: Final = """\
providers: {{lab: {{base_url: '{url}', key: $LAB_KEY, websocket: true{more}}}}}
{rest}default: lab
"""
CREATE: Final = b'{"type":"response.create", "model":"m","input":[{"role":"user","content":"hi"}]}'


def rules(up: Upstream, rest: str = "", more: str = "") -> str:
    return RULES.format(url=up.url, rest=rest, more=more)


def proxied(up: Upstream, rest: str = "", more: str = "", **options: object) -> Mitm:
    return Mitm(rules(up, rest, more), env={"LAB_KEY": KEY}, options=options)


@dataclass
class Stage:
    """A provider whose talk is set test by test, and a proxy before it with the plain rules."""

    up: Upstream
    proxy: Mitm
    told: int = 0
    kept: int = 0

    def play(self, talk: Talk, *, deflate: bool = False) -> Mitm:
        """Speak like this from now on; rows and captures count from here."""
        self.up.forget()
        self.up.script = talking(talk, deflate=deflate)
        return self.proxy

    def calls(self, count: int) -> list[dict[str, Any]]:
        """Give so many rows, which no test has seen."""
        found = self.proxy.wait_calls(self.told + count)[self.told :]
        self.told += len(found)
        return found

    def capture(self) -> Capture:
        """Give the capture that no test has seen."""
        found = self.proxy.wait_captures(self.kept + 1)[self.kept :]
        self.kept += len(found)
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Upstream(provider()) as up, proxied(up) as proxy:
        yield Stage(up, proxy)


def events(ident: str = "resp_1", text: str = "one two") -> list[bytes]:
    stream = b"".join(responses_events(Answer(text))).replace(b"resp_lab1", ident.encode())
    return [one.data for one in EventParser().feed(stream) if one.data is not None]


def kinds(messages: Sequence[bytes]) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


def answering(*answers: Sequence[bytes], heard: list[bytes] | None = None) -> Talk:
    """Answer each ``response.create`` with the next of these, all of it in one packet, and wait for the close."""

    def talk(peer: Peer, _: Request) -> None:
        for answer in answers:
            message = peer.hear()
            if message is None:
                return
            if heard is not None:
                heard.append(message)
            peer.say(*answer)
        peer.hear()

    return talk


# --- the handshake ----------------------------------------------------------------------------------------------------


def test_it_is_rewritten_as_a_request_and_the_keys_stay_home() -> None:
    with (
        Upstream(talking(answering())) as up,
        proxied(up, more=", headers: {X-Team: blue}") as proxy,
        opened(proxy, CLIENT | {"x-api-key": OWN, "cookie": "a=b"}) as peer,
    ):
        peer.close()
        assert peer.rest() == []
        (request,) = up.wait_for(1)
        assert (request.method, request.path) == ("GET", "/v1/responses")
        assert request.get("authorization") == f"Bearer {KEY}"
        assert request.get("x-team") == "blue"
        assert request.get("host") == up.url.partition("//")[2]
        assert request.get("upgrade") == "websocket"
        assert request.get("x-api-key") is None
        assert request.get("cookie") is None
        assert OWN not in str(request.headers)


@pytest.mark.parametrize(
    ("rest", "more"),
    (
        ("", ", speaks: [chat]"),
        ("routes: [{when: {model: a*}, to: local}]\n", ""),
        ("aliases: {small: local/tiny}\n", ""),
        ("edits: [{set: {/a: 1}}]\nroutes: [{when: {body: {/store: false}}, to: local}]\n", ""),
        ("routes: [{to: local}]\n", ""),
    ),
)
def test_where_there_can_be_none_it_is_told_to_use_http_and_http_works(rest: str, more: str) -> None:
    with Upstream(provider()) as up, proxied(up, rest, more) as proxy, Client.plain(proxy.port) as client:
        response = client.request(
            "GET",
            "/v1/responses",
            CLIENT
            | {"host": "127.0.0.1", "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
        )
        assert response.status == 426
        assert "HTTP" in response.json()["error"]["message"]
        assert up.requests == []
        if "to: local}]\n" not in rest[-14:]:
            headers = CLIENT | {"host": "127.0.0.1", "content-type": "application/json"}
            body = b'{"model":"m","input":"hi","stream":true}'
            assert client.request("POST", "/v1/responses", headers, body).status == 200


def test_a_handshake_that_the_provider_refuses_is_a_call_like_any(stage: Stage) -> None:
    stage.play(answering())
    stage.up.script = lambda _, reply: reply.json(401, {"error": {"message": f"bad key {KEY}"}})
    with Client.plain(stage.proxy.port) as client:
        assert ask(client, CLIENT).startswith(b"HTTP/1.1 401")
    (call,) = stage.calls(1)
    assert call["status"] == 401
    stage.capture()


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", (False, True))
def test_sound_messages_pass_with_every_byte_and_each_response_is_a_row(stage: Stage, deflate: bool) -> None:  # noqa: FBT001 - a column
    heard: list[bytes] = []
    first, second = events("resp_1"), events("resp_2", "x" * 70_000)
    follow = CREATE.replace(b'"m"', b'"m","previous_response_id":"resp_1"')
    proxy = stage.play(answering(first, second, heard=heard), deflate=deflate)
    with opened(proxy, CLIENT, deflate=deflate) as peer:
        peer.say(CREATE)
        assert peer.until("response.completed") == first
        peer.say(follow)
        assert peer.until("response.completed") == second
        assert heard == [CREATE, follow]
        calls = stage.calls(2)  # while the socket is open
        peer.close()
        assert peer.rest() == []
    assert [(call["asked"], call["provider"], call["status"]) for call in calls] == [("m", "lab", 101)] * 2
    assert [(call["input_tokens"], call["output_tokens"], call["error"]) for call in calls] == [(11, 7, None)] * 2
    assert all(call["first_byte_s"] is not None for call in calls)
    capture = stage.capture()
    assert [frame.data for frame in capture.frames] == [CREATE, *first, follow, *second]
    assert not any(frame.dropped or frame.injected for frame in capture.frames)
    assert len(proxy.calls()) == stage.told


def test_what_is_missing_is_put_in_in_its_place_also_where_all_came_in_one_packet(stage: Stage) -> None:
    """The order is what mitmproxy's own way to put a message in does not keep."""
    left_out = {"response.output_item.added", "response.content_part.added"}
    broken = [one for one in events() if kinds([one])[0] not in left_out]
    with opened(stage.play(answering(broken, events("resp_2"))), CLIENT) as peer:
        peer.say(CREATE)
        got = peer.until("response.completed")
        assert kinds(got) == kinds(events())
        peer.say(CREATE)
        assert peer.until("response.completed") == events("resp_2")
        peer.close()
        peer.rest()
    first, second = stage.calls(2)
    assert set(first["mended"]) == {"responses.item.not-added", "responses.part.not-added"}
    assert second["mended"] == []
    capture = stage.capture()
    sent = [frame.data for frame in capture.frames if not frame.from_client and not frame.injected]
    given = [frame.data for frame in capture.frames if not frame.from_client and not frame.dropped]
    assert sent == [*broken, *events("resp_2")]
    assert given == [*got, *events("resp_2")]
    assert [note.short for note in capture.notes if note.kind == "invented"] == first["mended"]


def test_a_request_is_edited_and_named_as_over_http() -> None:
    heard: list[bytes] = []
    rest = (
        "aliases: {small: {to: lab/tiny, keep_name: true}}\n"
        "edits: [{when: {model: tiny}, set: {/temperature: 0.5}, remove: /store}]\n"
    )
    asked = b'{"type":"response.create", "model":"small","store":false,"input":[1.0]}'
    left = b'{"type":"response.create", "model":"tiny","input":[1.0],"temperature":0.5}'
    with (
        Upstream(talking(answering(events(), heard=heard))) as up,
        proxied(up, rest) as proxy,
        opened(proxy, CLIENT) as peer,
    ):
        peer.say(asked)
        got = peer.until("response.completed")
        assert {json.loads(one)["response"]["model"] for one in got if "response" in json.loads(one)} == {"small"}
        assert heard == [left]
        peer.close()
        peer.rest()
        (capture,) = proxy.wait_captures(1)
        ours = [(frame.data, frame.dropped, frame.injected) for frame in capture.frames if frame.from_client]
        assert ours == [(asked, True, False), (left, False, True)]
        (call,) = proxy.wait_calls(1)
        assert (call["asked"], call["model"]) == ("small", "tiny")
        assert {"model", "/temperature", "/store"} <= set(call["mended"])


def test_what_would_go_elsewhere_is_answered_with_an_error_and_the_socket_goes_on() -> None:
    heard: list[bytes] = []
    rest = "routes: [{when: {model: 'm*'}, to: lab}]\n"
    with (
        Upstream(talking(answering(events(), heard=heard))) as up,
        Mitm(rules(up, rest).replace("default: lab\n", ""), env={"LAB_KEY": KEY}) as proxy,
        opened(proxy, CLIENT) as peer,
    ):
        peer.say(CREATE.replace(b'"m"', b'"unheard-of"'))
        error = json.loads(peer.hear() or b"")
        assert (error["type"], error["status"]) == ("error", 400)  # 404, which Codex would ask six times after
        assert "unheard-of" in error["error"]["message"]
        peer.say(CREATE)
        assert peer.until("response.completed") == events()
        assert heard == [CREATE]
        peer.close()
        peer.rest()
        refused, answered = proxy.wait_calls(2)
        assert (refused["asked"], refused["status"]) == ("unheard-of", 400)
        assert (answered["asked"], answered["status"]) == ("m", 101)


def test_with_mending_off_all_passes_and_is_noted() -> None:
    broken = [*events()[3:], events()[-1]]
    with Upstream(talking(answering(broken))) as up, proxied(up, "mend: off\n") as proxy, opened(proxy, CLIENT) as peer:
        peer.say(CREATE)
        assert [peer.hear() for _ in broken] == broken
        peer.close()
        peer.rest()
        (call,) = proxy.wait_calls(1)
        assert call["mended"] == []
        assert call["seen"]


def test_binary_messages_and_pings_pass(stage: Stage) -> None:
    def talk(peer: Peer, _: Request) -> None:
        message = peer.hear()
        assert isinstance(message, bytes)
        peer.sock.sendall(peer.frame(message))
        peer.hear()

    with opened(stage.play(talk), CLIENT) as peer:
        peer.sock.sendall(peer.connection.send(Ping(payload=b"there?")))
        peer.sock.sendall(peer.frame(b"\x00\xff"))
        assert peer.hear() == b"\x00\xff"
        assert peer.pings == [b"there?"]
        peer.close()
        peer.rest()
    (call,) = stage.calls(1)  # nothing was asked on it, and it is told as one
    assert (call["status"], call["asked"], call["path"]) == (101, None, "/v1/responses")
    stage.capture()


def test_through_the_https_proxy_as_well(authority: Authority) -> None:
    """There the layer of the WebSocket stands behind TLS, in another HTTP layer."""
    broken = [*events()[:2], *events()[4:]]
    text = (
        "providers: {{lab: {{base_url: '{url}', key: client, websocket: true}}}}\nlisten: {{intercept: [localhost]}}\n"
    )
    with (
        Upstream(talking(answering(broken)), tls=authority.server("localhost")) as up,
        Mitm(text.format(url=up.url), env={"SSL_CERT_FILE": str(authority.ca)}) as proxy,
        Client.through(proxy.port, "localhost", up.port, ca=proxy.ca) as client,
    ):
        assert ask(client, CLIENT | {"host": f"localhost:{up.port}"}).startswith(b"HTTP/1.1 101")
        peer = Peer(client.sock, ConnectionType.CLIENT, client.reader.rest)
        peer.say(CREATE)
        assert kinds(peer.until("response.completed")) == kinds(events())
        peer.close()
        peer.rest()
        (request,) = up.requests
        assert request.get("authorization") == f"Bearer {OWN}"
        (call,) = proxy.wait_calls(1)
        assert (call["provider"], call["error"]) == ("lab", None)


# --- the end ----------------------------------------------------------------------------------------------------------


def _closes(peer: Peer) -> None:
    peer.close(1011)


def _hangs_up(peer: Peer) -> None:
    peer.sock.shutdown(2)


@pytest.mark.parametrize("end", (_closes, _hangs_up))
@pytest.mark.parametrize("count", (0, 6))
def test_a_close_in_the_middle_is_a_failure_first(stage: Stage, end: Callable[[Peer], None], count: int) -> None:
    def talk(peer: Peer, _: Request) -> None:
        peer.hear()
        peer.say(*events()[:count])
        end(peer)

    with opened(stage.play(talk), CLIENT) as peer:
        peer.say(CREATE)
        *before, last = peer.rest()
        assert before == events()[:count]
        failed: Any = json.loads(last)
        if count:
            assert (failed["type"], failed["response"]["id"]) == ("response.failed", "resp_1")
            message = failed["response"]["error"]["message"]
        else:
            assert (failed["type"], failed["status"]) == ("error", 502)
            message = failed["error"]["message"]
        assert "closed the WebSocket" in message
        assert "[flow " in message
        assert peer.closed is not None
    (call,) = stage.calls(1)
    assert "closed the WebSocket" in call["error"]
    frame = stage.capture().frames[-1]
    assert (frame.data, frame.injected) == (last, True)


def test_a_client_that_goes_away_leaves_a_row_that_says_so(stage: Stage) -> None:
    def talk(peer: Peer, _: Request) -> None:
        peer.hear()
        peer.say(*events()[:6])
        peer.hear()

    with opened(stage.play(talk), CLIENT) as peer:
        peer.say(CREATE)
        peer.until("response.output_text.delta")
    (call,) = stage.calls(1)
    assert call["error"] == "the client closed the WebSocket"
    assert not any(frame.injected for frame in stage.capture().frames)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_rules_key_is_nowhere_but_on_the_upstreams_socket(stage: Stage) -> None:
    error = b'{"type":"error","status":401,"error":{"message":"Incorrect API key provided: %s"}}' % KEY.encode()
    note = b'{"type":"codex.note","key":"%s"}' % KEY.encode()
    proxy = stage.play(answering([note, error]))
    with opened(proxy, CLIENT) as peer:
        peer.say(CREATE)
        got = [peer.hear() or b"", peer.hear() or b""]
        assert KEY.encode() not in b"".join(got)
        assert json.loads(got[1])["status"] == 401
        peer.close()
        peer.rest()
    (call,) = stage.calls(1)
    assert KEY not in json.dumps(call)
    assert call["status"] == 401
    assert len(stage.capture().frames) == 5
    for path in proxy.captures.glob("*.flows"):
        assert KEY.encode() not in path.read_bytes()
        assert OWN.encode() not in path.read_bytes()
    assert KEY not in proxy.log()
