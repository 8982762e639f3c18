"""The provider on the wire: what a raw client sees of an answer, chunk by chunk."""

from __future__ import annotations

import gc
import json
import logging
import socket
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
import zstandard

from tests.lab import Answer, Client
from tests.lab.replies import messages_events
from tests.replay.playing.playing_kit import MESSAGES, SSE, answered, asked, capture, turn
from wiremend.captures.capture import Body
from wiremend.errors import PointerError, SetupError
from wiremend.headers import Headers
from wiremend.replay.playing import PlayingUpstream
from wiremend.replay.playing.server import MAX_BODY, Clock
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab import Response
    from wiremend.captures.capture import Capture
    from wiremend.replay.run import Cuts

EVENTS = [b"event: ping\nda", b'ta: {"type":"ping"}\n', b"\n", b"data: \xc3", b"\xbc\n\n"]
"""Cut inside of a line, of an event, of a character."""

GO = json.dumps(turn("go")).encode()


def ask(client: Client, body: bytes = GO, target: str = MESSAGES, **headers: str) -> Response:
    return client.request("POST", target, {"host": "x", **headers}, body)


def one(*chunks: bytes, body: object = None, **more: Any) -> Capture:  # noqa: ANN401 - passed on
    return capture(asked(turn("go") if body is None else body), answered(*chunks, **more))


# -- framing


def test_each_recorded_cut_is_a_chunk_of_its_own() -> None:
    with PlayingUpstream([one(*EVENTS)]) as playing, Client.plain(playing.port) as client:
        response = ask(client)
        assert list(response.chunks()) == EVENTS
        assert (response.status, response.ending) == (200, "whole")
        assert response.get("x-lab") == "kept"


def test_each_chunk_leaves_before_the_next_is_due() -> None:
    """The second chunk is held until the client has the first."""
    seen = threading.Event()

    def wait(_: float, closing: threading.Event) -> bool:
        seen.wait(10)
        return closing.is_set()

    kept = one(b"first", b"second", times=[0, 1_000_000])
    clock = Clock(now=lambda: 0.0, wait=wait)
    with PlayingUpstream([kept], timing="recorded", clock=clock) as playing, Client.plain(playing.port) as client:
        chunks = ask(client).chunks()
        assert next(chunks) == b"first"
        seen.set()
        assert next(chunks) == b"second"


@pytest.mark.parametrize(("cuts", "count"), (("recorded", 5), ("whole", 1), ("bytes", 45)))
def test_other_cuts(cuts: Cuts, count: int) -> None:
    with PlayingUpstream([one(*EVENTS)], cuts=cuts) as playing, Client.plain(playing.port) as client:
        chunks = list(ask(client).chunks())
    assert (len(chunks), b"".join(chunks)) == (count, b"".join(EVENTS))


def test_a_body_with_a_length_keeps_it() -> None:
    headers = Headers((("Content-Type", "application/json"), ("Content-Length", "2"), ("Connection", "keep-alive")))
    with PlayingUpstream([one(b"{}", headers=headers)]) as playing, Client.plain(playing.port) as client:
        response = ask(client)
        assert (response.get("content-length"), response.get("transfer-encoding")) == ("2", None)
        assert (response.json(), response.ending) == ({}, "whole")
        assert response.headers[0] == ("Content-Type", "application/json")
        assert response.get("connection") is None


def test_a_length_that_is_no_longer_true_is_set_right() -> None:
    headers = Headers((("content-length", "77"),))
    with PlayingUpstream([one(b"{}", headers=headers)]) as playing, Client.plain(playing.port) as client:
        assert ask(client).read() == b"{}"


def test_a_field_that_would_break_the_head_is_left_out() -> None:
    headers = Headers((("x-a", "1\r\nx-b: 2"), ("x-c", "3"), ("content-length", "2")))
    with PlayingUpstream([one(b"{}", headers=headers)]) as playing, Client.plain(playing.port) as client:
        response = ask(client)
        assert (response.get("x-a"), response.get("x-b"), response.get("x-c")) == (None, None, "3")


@pytest.mark.parametrize("status", (204, 304))
def test_a_status_without_a_body_has_none(status: int) -> None:
    kept = capture(asked(turn("go")), answered(status=status)), capture(asked(turn("on")), answered(b"x"))
    with PlayingUpstream(kept) as playing, Client.plain(playing.port) as client:
        assert (ask(client).status, ask(client, json.dumps(turn("on")).encode()).read()) == (status, b"x")


def test_an_old_client_gets_the_body_until_the_connection_ends() -> None:
    with PlayingUpstream([one(*EVENTS)]) as playing, Client.plain(playing.port) as client:
        client.send(b"POST /v1/messages HTTP/1.0\r\ncontent-length: %d\r\n\r\n%s" % (len(GO), GO))
        response = client.response()
        assert response.get("transfer-encoding") is None
        assert response.read() == b"".join(EVENTS)


# -- errors as they were


@pytest.mark.parametrize("status", (400, 401, 429, 500, 529))
def test_an_error_is_played_with_its_status_headers_and_body(status: int) -> None:
    headers = Headers((("content-length", "9"), ("retry-after", "3")))
    kept = one(b'{"e": 1 }', status=status, headers=headers)
    with PlayingUpstream([kept]) as playing, Client.plain(playing.port) as client:
        response = ask(client)
        assert (response.status, response.get("retry-after"), response.read()) == (status, "3", b'{"e": 1 }')


@pytest.mark.parametrize("headers", (SSE, Headers((("content-length", "900"),)), Headers((("content-length", "27"),))))
def test_an_answer_that_broke_off_breaks_off_in_the_same_place(headers: Headers) -> None:
    kept = capture(asked(turn("go")), answered(*EVENTS[:2], headers=headers), errors={0: "closed"})
    with PlayingUpstream([kept]) as playing, Client.plain(playing.port) as client:
        response = ask(client)
        assert b"".join(response.chunks()) == b"".join(EVENTS[:2])
        assert response.ending in {"cut", "reset"}


def test_where_there_was_no_answer_the_connection_is_closed() -> None:
    kept = capture(asked(turn("go")), None, errors={0: "connection refused"})
    with PlayingUpstream([kept]) as playing, Client.plain(playing.port) as client:
        with pytest.raises(ConnectionError, match=r"it had said b''"):
            ask(client)
        assert playing.unused == []


# -- times


@dataclass
class Hands:
    """A clock that is moved by hand: whoever waits is told that the time has passed."""

    time: float = 100.0
    waited: list[float] = field(default_factory=list)

    def wait(self, seconds: float, closing: threading.Event) -> bool:
        self.waited.append(seconds)
        self.time += seconds
        return closing.is_set()

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, wait=self.wait)


def test_recorded_times_count_from_the_start_of_the_attempt() -> None:
    kept = one(b"a", b"b", b"c", times=[1_500_000, 1_500_000, 4_000_000])
    kept = replace(kept, attempts=[replace(kept.attempts[0], at=1_000_000)])
    hands = Hands()
    with PlayingUpstream([kept], timing="recorded", clock=hands.clock) as playing, Client.plain(playing.port) as client:
        assert list(ask(client).chunks()) == [b"a", b"b", b"c"]
    assert hands.waited == [0.5, 2.5]


def test_fast_does_not_wait() -> None:
    hands = Hands()
    kept = one(b"a", b"b", times=[1_000_000, 90_000_000])
    with PlayingUpstream([kept], clock=hands.clock) as playing, Client.plain(playing.port) as client:
        assert ask(client).read() == b"ab"
    assert hands.waited == []


def test_closing_ends_an_answer_that_waits() -> None:
    kept = one(b"a", b"b", times=[0, 3_600_000_000])
    with Client.plain((playing := PlayingUpstream([kept], timing="recorded").__enter__()).port) as client:
        response = ask(client)
        chunks = response.chunks()
        assert next(chunks) == b"a"
        playing.__exit__(None, None, None)
        assert list(chunks) == []
        assert response.ending in {"cut", "reset"}
    assert not [thread for thread in threading.enumerate() if "process_request" in thread.name]


# -- sessions


def conversation(name: str, turns: int) -> list[Capture]:
    """Give a session in which each request brings the answers before it."""
    said = [f"{name} begins"]
    kept = []
    for number in range(turns):
        events = [f"data: {name} answer {number} part {part}\n\n".encode() for part in range(20)]
        request = asked(turn(*said))
        kept.append(capture(request, answered(*events), name=f"{name}/{number}", began=float(number)))
        said += [f"{name} answer {number}", f"{name} goes on {number}"]
    return kept


def test_a_session_of_several_turns_on_one_connection() -> None:
    kept = conversation("s", 5)
    with PlayingUpstream(kept) as playing, Client.plain(playing.port) as client:
        for one_ in kept:
            assert one_.answer is not None
            assert list(ask(client, one_.request.body).chunks()) == one_.answer.body.chunks
        assert (playing.misses, playing.unused) == ([], [])


def test_interleaved_sessions_never_get_each_others_answers() -> None:
    names = [f"s{number}" for number in range(12)]
    kept = {name: conversation(name, 4) for name in names}
    wrong: list[str] = []
    gate = threading.Barrier(len(names))

    def live(name: str, port: int) -> None:
        gate.wait()
        with Client.plain(port) as client:
            for one_ in kept[name]:
                events = ask(client, one_.request.body, f"/{name}/v1/messages").read()
                if one_.answer is None or events != one_.answer.body.data:
                    wrong.append(name)

    with PlayingUpstream([one_ for name in names for one_ in kept[name]], cuts="bytes") as playing:
        threads = [threading.Thread(target=live, args=(name, playing.port)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (wrong, playing.misses, playing.unused) == ([], [], [])


def test_the_official_sdk_reads_a_stream_cut_into_single_bytes() -> None:
    kept = one(*messages_events(Answer(text="Grüße, once.")), body=turn("go", stream=True))
    with (
        PlayingUpstream([kept], cuts="bytes") as playing,
        anthropic.Anthropic(base_url=playing.url, api_key="sk-FAKE", max_retries=0) as sdk,
        sdk.messages.stream(model="lab-model", max_tokens=8, messages=[{"role": "user", "content": "go"}]) as stream,
    ):
        assert stream.get_final_text() == "Grüße, once."


def test_a_client_that_leaves_in_mid_stream_may_ask_again() -> None:
    kept = one(*[b"data: %d\n\n" % number for number in range(50)])
    with PlayingUpstream([kept]) as playing:
        with Client.plain(playing.port) as client:
            next(ask(client).chunks())
        with Client.plain(playing.port) as client:
            assert ask(client).read().count(b"data:") == 50
        assert playing.misses == []


# -- what comes


def test_a_compressed_request_and_one_in_chunks_are_understood() -> None:
    packed = zstandard.compress(GO)
    with PlayingUpstream([one(b"1"), one(b"2")]) as playing, Client.plain(playing.port) as client:
        assert ask(client, packed, **{"content-encoding": "zstd"}).read() == b"1"
        client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        client.send(b"5;ext=1\r\n%s\r\n" % GO[:5])
        client.send(b"%X\r\n%s\r\n0\r\ntrailer: 1\r\n\r\n" % (len(GO) - 5, GO[5:]))
        assert client.response().read() == b"2"


@pytest.mark.parametrize(
    ("head", "status"),
    (
        (b"content-length: %d" % (MAX_BODY + 1), 413),
        (b"content-length: " + b"9" * 4000, 413),
        (b"content-length: -1", 400),
        (b"content-length: 1\r\ncontent-length: 2", 400),
        (b"content-length: 1\r\ntransfer-encoding: chunked", 400),
        (b"transfer-encoding: gzip", 400),
        (b"transfer-encoding: chunked\r\n\r\nno length", 400),
        (b"transfer-encoding: chunked\r\n\r\n%x" % (MAX_BODY + 1), 413),
    ),
)
def test_a_body_that_is_too_large_or_not_framed_is_refused(head: bytes, status: int) -> None:
    with PlayingUpstream([one(b"1")]) as playing, Client.plain(playing.port) as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n\r\n")
        response = client.response()
        assert response.status == status
        assert "message" in response.json()["error"]
        assert playing.unused == ["one"]


def test_a_request_that_breaks_off_is_no_request() -> None:
    with PlayingUpstream([one(b"1")]) as playing:
        with Client.plain(playing.port) as client:
            client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{")
            client.sock.shutdown(socket.SHUT_WR)
            assert client.sock.recv(1) == b""
        assert (playing.unused, playing.misses) == (["one"], [])


def test_a_miss_is_a_404_that_says_what_differs_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        PlayingUpstream([("kimi/tool-call", one(b"1"))]) as playing,
        Client.plain(playing.port) as client,
    ):
        response = ask(client, json.dumps(turn("come")).encode())
        message = response.json()["error"]["message"]
        assert response.status == 404
        assert "nearest is kimi/tool-call" in message
        assert '/messages/0/content: "go" → "come"' in message
        assert message in caplog.text
        assert [miss.nearest for miss in playing.misses] == ["kimi/tool-call"]
        assert ask(client).read() == b"1"  # on the same connection


def test_probes() -> None:
    with PlayingUpstream([one(b"1")]) as playing, Client.plain(playing.port) as client:
        assert client.request("HEAD", "/", {"host": "x"}).status == 200
        listed = client.request("GET", "/v1/models", {"host": "x"}).json()
        assert [row["id"] for row in listed["data"]] == ["lab-model"]
        assert client.request("GET", "/api/tags", {"host": "x"}).status == 404
        assert playing.misses == []


def test_a_client_may_wait_for_leave_to_send_its_body() -> None:
    with PlayingUpstream([one(b"1")]) as playing, Client.plain(playing.port) as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n")
        client.send(b"content-length: %d\r\n\r\n" % len(GO))
        assert client.reader.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(GO)
        assert client.response().read() == b"1"


def test_a_body_whose_file_is_gone_ends_the_connection_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = capture(asked(turn("go")), replace(answered(), body=Body(cuts=((3, 0),), file=tmp_path / "gone")))
    with PlayingUpstream([kept]) as playing, Client.plain(playing.port) as client, pytest.raises(ConnectionError):
        ask(client)
    assert "gone: No such file" in caplog.text


def test_a_port_that_is_taken_and_a_pointer_that_is_none() -> None:
    with PlayingUpstream([]) as playing, pytest.raises(SetupError, match=str(playing.port)):
        PlayingUpstream([], port=playing.port).__enter__()
    with pytest.raises(PointerError):
        PlayingUpstream([], ignore=["metadata"])


def test_events_of_an_answer_are_the_recorded_ones_whatever_the_cuts() -> None:
    parsed = []
    for cuts in ("recorded", "random"):
        with PlayingUpstream([one(*EVENTS)], cuts=cuts) as playing, Client.plain(playing.port) as client:
            parser = EventParser()
            events = [event for data in ask(client).chunks() for event in parser.feed(data)]
            parsed.append([event.data for event in (*events, *parser.close())])
    assert parsed[0] == parsed[1] != []


def test_nothing_is_left_open() -> None:
    with PlayingUpstream([one(b"1")]) as playing, Client.plain(playing.port) as client:
        ask(client).read()
    gc.collect()  # an unclosed socket is a ResourceWarning, which fails this suite
    with pytest.raises(ConnectionError):
        Client.plain(playing.port)
