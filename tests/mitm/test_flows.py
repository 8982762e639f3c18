"""Captures as flows: lossless both ways, read by mitmproxy as by us, and a file that is cut short yields the rest."""

from __future__ import annotations

import io
import os
import string
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader, FlowWriter, tnetstring
from mitmproxy.test import tflow

from wiremend.captures.capture import Attempt, Body, Capture, Frame, Inputs, Request, Response
from wiremend.errors import CaptureError
from wiremend.headers import Headers
from wiremend.mitm.flows import About, Spooled, capture_of, flow_of, is_ours, read_flows, state_of
from wiremend.mitm.netstring import Stored, dump, frames, pick
from wiremend.notes import Note

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = st.text(string.ascii_letters + "-", min_size=1, max_size=8)
VALUE = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\r\n\0"),
        st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
    ),
    max_size=12,
).filter(lambda text: text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text)
HEADERS = st.builds(Headers, st.lists(st.tuples(TOKEN, VALUE), max_size=4).map(tuple))
TEXT = st.text(max_size=12)  # lone surrogates as well
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(("POST", "GET")),
    scheme=st.sampled_from(("http", "https")),
    host=st.none() | st.sampled_from(("api.example", "127.0.0.1", "::1")),
    port=st.integers(1, 65535),
    target=st.text(string.ascii_letters + "/?=&%", max_size=12).map(lambda text: f"/{text}"),
    headers=HEADERS,
    body=st.binary(max_size=20),
    version=st.sampled_from(("HTTP/1.1", "HTTP/2.0")),
)
CHUNKS = st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 10**9)), max_size=4)
BODIES = st.binary(max_size=20).map(Body) | CHUNKS.map(
    lambda pairs: Body.of(*zip(*pairs, strict=True)) if pairs else Body()
)
RESPONSES = st.builds(
    Response,
    status=st.integers(100, 599),
    reason=st.text(string.ascii_letters, max_size=5),
    headers=HEADERS,
    body=BODIES,
    version=st.just("HTTP/1.1"),
)
NOTES = st.builds(Note, st.sampled_from(("seen", "lost")), TEXT, TEXT, TEXT, TEXT)
INPUTS = st.builds(
    Inputs,
    seed=TEXT,
    now=st.integers(0, 2**40),
    flow=TEXT,
    style=st.sampled_from(("gateway", "proxy")),
    agent=st.none() | TEXT,
    memory=st.dictionaries(TOKEN, st.none() | TEXT, max_size=3),
    environment=st.dictionaries(TOKEN, TEXT, max_size=3),
    credentials=st.dictionaries(TOKEN, TEXT, max_size=3),
    globs=st.dictionaries(TOKEN, st.dictionaries(TOKEN, st.booleans(), max_size=2), max_size=2),
)
FRAMES = st.builds(Frame, st.booleans(), st.booleans(), st.binary(max_size=9), st.integers(0, 10**9))


@st.composite
def captures(draw: st.DrawFn) -> Capture:
    request = draw(REQUESTS)
    answer = draw(st.none() | RESPONSES)
    attempts = []
    for _ in range(draw(st.integers(0, 3))):
        sent = draw(REQUESTS)
        same = draw(st.booleans())
        sent = (
            Request(sent.method, sent.scheme, sent.host, sent.port, sent.target, sent.headers, request.body)
            if same
            else sent
        )
        response = draw(st.none() | RESPONSES | (st.just(answer)))
        decision = draw(
            st.dictionaries(TOKEN, st.none() | TEXT | st.booleans() | st.lists(TEXT, max_size=2), max_size=3)
        )
        attempts.append(Attempt(sent, response, draw(st.none() | TEXT), decision, draw(st.integers(0, 10**9))))
    return Capture(
        id=draw(TEXT),
        began=draw(st.floats(0, 4e9)),
        request=request,
        client=draw(st.none() | TEXT),
        wire=draw(st.sampled_from((None, "messages", "chat", "responses"))),
        model=draw(st.none() | TEXT),
        inputs=draw(INPUTS),
        attempts=tuple(attempts),
        answer=answer,
        notes=tuple(draw(st.lists(NOTES, max_size=3))),
        error=draw(st.none() | TEXT),
        rules=draw(TEXT),
        versions=draw(st.dictionaries(TOKEN, TEXT, max_size=3)),
        kept=draw(st.dictionaries(TOKEN, TEXT, max_size=3)),
        frames=tuple(draw(st.lists(FRAMES, max_size=3))),
    )


def written(*many: Capture) -> bytes:
    """Give a flow file as the store writes it."""
    return b"".join(piece for one in many for piece in dump(state_of(one, About())) if isinstance(piece, bytes))


@given(captures())
def test_a_capture_is_the_same_after_a_flow_file(capture: Capture) -> None:
    (one,) = FlowReader(io.BytesIO(written(capture))).stream()
    assert isinstance(one, http.HTTPFlow)
    assert capture_of(one) == capture


def utf8(capture: Capture) -> bool:
    try:
        repr(capture).encode()
        str(capture).encode()
        written(capture)
        FlowWriter(io.BytesIO()).add(flow_of(capture))
    except UnicodeEncodeError:
        return False
    return True


@given(captures().filter(utf8))
@settings(max_examples=30)
def test_mitmproxy_may_load_it_and_save_it_again(capture: Capture) -> None:
    """What is not UTF-8 only we can write; what mitmproxy has read, it can write in any case but for texts as bytes."""
    file = io.BytesIO()
    FlowWriter(file).add(flow_of(capture))
    (one,) = FlowReader(io.BytesIO(file.getvalue())).stream()
    assert capture_of(one) == capture  # type: ignore[arg-type]  # an HTTP flow, as above


CAPTURE = Capture(
    id="0123456789",
    began=1_800_000_000.25,
    request=Request(
        "POST",
        "http",
        None,
        80,
        "/v1/messages?x=1",
        Headers((("Host", "127.0.0.1:4000"), ("A", "b"))),
        b'{"model":"m"}',
    ),
    wire="messages",
    attempts=(
        Attempt(
            Request("POST", "https", "api.example", 443, "/v1/messages", Headers((("Host", "api.example"),)), b"{}"),
            Response(
                200, "OK", Headers((("Content-Type", "text/event-stream"),)), Body(b"abcdef", ((2, 500), (4, 900)))
            ),
        ),
    ),
    answer=Response(200, "OK", Headers((("Content-Type", "text/event-stream"),)), Body(b"abcd", ((4, 1000),))),
    error="it broke",
    inputs=Inputs(style="gateway"),
)


def test_the_flow_shows_the_clients_side() -> None:
    one = flow_of(CAPTURE)
    assert one.request.pretty_url == "http://127.0.0.1:4000/v1/messages?x=1"
    assert one.request.headers["a"] == "b"
    assert one.request.text == '{"model":"m"}'
    assert one.response is not None
    assert (one.response.status_code, one.response.content) == (200, b"abcd")
    assert one.error is not None
    assert one.error.msg == "it broke"
    assert one.response.timestamp_end == pytest.approx(CAPTURE.began + 0.001)
    assert is_ours(one)


def test_no_body_is_written_twice() -> None:
    body = b"0123456789" * 50
    request = Request("POST", "https", "h.example", 443, "/", Headers(), body)
    answer = Response(200, "", Headers(), Body(body[::-1], ((500, 1),)))
    capture = Capture("i", 1.0, request, attempts=(Attempt(request, answer),), answer=answer)
    data = written(capture)
    assert data.count(body) == data.count(body[::-1]) == 1


def test_an_answer_that_is_spooled_is_streamed_into_the_file(tmp_path: Path) -> None:
    body = os.urandom(700_000)
    path = tmp_path / "spool"
    path.write_bytes(body)
    with path.open("rb") as file:
        spooled = Spooled(Stored(file.fileno(), len(body)), "700000@1000")
        pieces = dump(state_of(CAPTURE, About(), {"answer": spooled, "attempts/0/response": spooled}))
        assert max(len(piece) for piece in pieces if isinstance(piece, bytes)) < 10_000
        data = b"".join(piece if isinstance(piece, bytes) else b"".join(piece.parts()) for piece in pieces)
    (one,) = FlowReader(io.BytesIO(data)).stream()
    capture = capture_of(one)  # type: ignore[arg-type]  # an HTTP flow
    assert capture.answer is not None
    assert capture.attempts[0].response is not None
    assert capture.answer.body == capture.attempts[0].response.body == Body(body, ((700_000, 1000),))


def test_a_spool_file_that_is_too_short_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    path.write_bytes(b"short")
    with path.open("rb") as file, pytest.raises(OSError, match="ends after 5 of 9"):
        list(Stored(file.fileno(), 9).parts())


# -- reading files


@pytest.fixture(scope="module")
def three() -> list[bytes]:
    return [written(Capture(f"id{n}", 1.0, CAPTURE.request, answer=CAPTURE.answer)) for n in range(3)]


def test_a_file_that_is_cut_at_any_byte_of_its_last_flow_yields_the_others(three: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "cut.flows"
    first = three[0] + three[1]
    whole = [(0, len(three[0])), (len(three[0]), len(first))]
    for size in range(1, len(three[2])):
        data = first + three[2][:size]
        ends = frames(data)
        assert [next(ends), next(ends)] == whole
        with pytest.raises(CaptureError, match=f"offset {len(first)}: .*cut short"):
            next(ends)
        if size % 17 and 8 < size < len(three[2]) - 8:
            continue  # what is read of it in earnest takes its time
        path.write_bytes(data)
        *found, last = read_flows(path)
        assert [(one.number, one.capture.id) for one in found if one.capture] == [(1, "id0"), (2, "id1")]
        assert last.flow is None
        assert last.error is not None
        assert last.error.startswith(f"{path}: offset {len(first)}: ")
        assert "cut short" in last.error


def test_mitmproxys_own_reader_gives_the_others_too(three: list[bytes]) -> None:
    for size in range(1, len(three[2]), 97):
        reader = FlowReader(io.BytesIO(three[0] + three[1] + three[2][:size])).stream()
        assert [next(iter(reader)).id, next(iter(reader)).id] == ["id0", "id1"]
        with pytest.raises(exceptions.FlowReadException):
            next(iter(reader))


def test_a_whole_file_and_an_empty_one(three: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "whole.flows"
    path.write_bytes(b"".join(three))
    assert [(one.number, one.error, one.capture.id if one.capture else "") for one in read_flows(path)] == [
        (1, None, "id0"),
        (2, None, "id1"),
        (3, None, "id2"),
    ]
    path.write_bytes(b"")
    assert list(read_flows(path)) == []
    with pytest.raises(CaptureError, match="No such file"):
        list(read_flows(tmp_path / "none"))
    with pytest.raises(CaptureError, match="directory"):
        list(read_flows(tmp_path))


def test_what_is_no_flow_is_said(three: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "odd.flows"
    for odd in (b'{"log": {}}', b"x", b"\0" * 40, b"9999999999999999:"):
        path.write_bytes(three[0] + odd)
        good, last = read_flows(path)
        assert good.capture is not None
        assert (last.flow, last.error) == (None, f"{path}: offset {len(three[0])}: this is no flow")


def test_a_flow_that_is_broken_inside_does_not_hide_the_next(three: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "odd.flows"
    path.write_bytes(three[0] + b"3:abc," + b"7:1:a;0:~}" + three[1])
    found = list(read_flows(path))
    assert [bool(one.capture) for one in found] == [True, False, False, True]
    assert found[1].error == f"{path}:2: this flow cannot be read"


def test_a_capture_of_another_format_is_said_and_its_flow_is_there(tmp_path: Path) -> None:
    state = state_of(CAPTURE, About())
    state["metadata"]["wiremend"]["capture"]["format"] = 99
    path = tmp_path / "new.flows"
    path.write_bytes(b"".join(piece for piece in dump(state) if isinstance(piece, bytes)))
    (found,) = read_flows(path)
    assert found.capture is None
    assert found.flow is not None
    assert "a newer Wiremend wrote it" in (found.error or "")


@pytest.mark.parametrize(
    "odd", (["nowhere"], ["attempts/9/request"], ["request/x/y"], [1], ["frames"], "request", {"a": 1})
)
def test_a_capture_whose_list_of_bodies_is_odd_is_an_error(odd: Any) -> None:  # noqa: ANN401 - of any kind
    one = flow_of(CAPTURE)
    one.metadata["wiremend"]["capture"]["in_flow"] = odd
    if odd in ("request", ["frames"], {"a": 1}, [1], ["nowhere"]):
        one.metadata["wiremend"]["capture"]["frames"] = [[True, True, b"", 1]]
    with pytest.raises(CaptureError):
        capture_of(one)


def test_other_flows_in_the_file_are_counted(three: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "mixed.flows"
    with path.open("wb") as file:
        writer = FlowWriter(file)
        writer.add(tflow.ttcpflow())
        writer.add(tflow.tdnsflow())
        writer.add(tflow.tflow(resp=True))
        file.write(three[0])
    found = list(read_flows(path))
    assert [(one.number, one.capture is not None, one.error) for one in found] == [(3, False, None), (4, True, None)]


def test_a_flow_of_plain_mitmproxy_gives_the_one_side_that_it_has() -> None:
    one = tflow.tflow(resp=True, err=True)
    one.request = http.Request.make(
        "POST",
        "https://api.anthropic.com/v1/messages",
        b'{"model":"m"}',
        http.Headers([(b"User-Agent", b"claude-cli/2.1.197 (external)")]),
    )
    capture = capture_of(one)
    assert (capture.wire, capture.client, capture.model) == ("messages", "claude-code", "m")
    assert (capture.request.host, capture.request.body) == ("api.anthropic.com", b'{"model":"m"}')
    assert capture.answer is None
    assert capture.attempts[0].response is not None
    assert capture.attempts[0].response.body == Body(b"message")
    assert capture.attempts[0].error == capture.error == "error"
    assert capture.inputs == Inputs()
    assert ["without Wiremend" in note.what for note in capture.notes] == [True]


def test_a_foreign_flow_with_neither_body_nor_response() -> None:
    one = tflow.tflow()
    one.request.raw_content = None
    one.metadata["wiremend"] = "somebody else's"
    capture = capture_of(one)
    assert capture.attempts[0].response is None
    assert capture.request.body == b""


# -- netstrings

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.binary(max_size=9)
    | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
)


@given(VALUES)
def test_mitmproxy_reads_what_is_written(value: Any) -> None:  # noqa: ANN401 - of any kind
    data = b"".join(piece for piece in dump(value) if isinstance(piece, bytes))
    assert tnetstring.loads(data) == value
    assert list(frames(data + data)) == [(0, len(data)), (len(data), 2 * len(data))]


@given(st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=3), VALUES, max_size=5), VALUES)
def test_a_value_deep_inside_is_found(beside: dict[str, Any], value: Any) -> None:  # noqa: ANN401 - of any kind
    tree = {**beside, "wanted": {**beside, "inner": value}}
    data = b"".join(piece for piece in dump(tree) if isinstance(piece, bytes))
    place = pick(data, 0, "wanted", "inner")
    assert place is not None
    assert tnetstring.loads(data[place[0] : place[1]]) == value
    assert pick(data, 0, "wanted", "nowhere") is None


def test_a_value_of_another_kind_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="set"):
        dump({"a": {1}})  # type: ignore[dict-item]  # what is to be refused


def test_an_error_with_half_a_character_makes_a_flow_that_can_be_read(tmp_path: Path) -> None:
    capture = Capture("id-1", 1.0, Request("POST", "https", "api.example", 443, "/v1/messages"), error="broke: \udcff")
    path = tmp_path / "one.flows"
    path.write_bytes(written(capture))
    (found,) = read_flows(path)
    assert found.capture == capture
    assert found.flow is not None
    assert found.flow.error is not None
    assert found.flow.error.msg == "broke: ?"


def test_what_others_recorded_shows_the_reply_that_is_known(tmp_path: Path) -> None:
    asked = Request("POST", "https", "api.example", 443, "/v1/messages")
    reply = Response(200, "OK", Headers((("content-type", "application/json"),)), Body(b'{"a":1}'))
    capture = Capture("id-1", 1.0, asked, attempts=(Attempt(asked, reply),))
    path = tmp_path / "one.flows"
    path.write_bytes(written(capture))
    (found,) = read_flows(path)
    assert found.capture == capture
    assert found.flow is not None
    assert found.flow.response is not None
    assert found.flow.response.content == b'{"a":1}'
