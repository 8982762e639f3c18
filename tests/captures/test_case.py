"""A capture as a case: what is written is read again, every byte and every time of it, and people can read it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.captures.case_kit import TRICKY
from wiremend.captures.capture import Attempt, Body, Capture, Frame, Inputs, Request, Response
from wiremend.captures.case import WIRES, read_case, write_case
from wiremend.errors import CaptureError
from wiremend.headers import Headers
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Mapping

texts = st.one_of(st.sampled_from(TRICKY), st.text(max_size=20))
maps = st.dictionaries(texts, texts, max_size=3)
numbers = st.integers(-(10**18), 10**18)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
headable = st.binary(max_size=12).filter(lambda data: not {*b"\r\n\0"} & {*data})
field_values = headable.map(lambda data: data.decode("utf-8", "surrogateescape"))
field_names = st.one_of(
    st.sampled_from(("Content-Type", "content-type", "X-A", "Content-Encoding")),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0:"), min_size=1, max_size=6),
)
types = st.sampled_from(
    ("application/json", "text/event-stream; charset=utf-8", "text/html", "zstd", "gzip", "br", "x")
)
headers = st.lists(st.tuples(field_names, st.one_of(field_values, types)), max_size=4).map(
    lambda pairs: Headers(tuple(pairs))
)
some_bytes = st.one_of(
    st.binary(max_size=40), st.sampled_from((b"", b'{"a":1}', b"data: a\r\n\r\n", b":\n", b"\xff\0"))
)
targets = field_values.map(lambda text: f"/{text}")


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    data = draw(some_bytes)
    marks = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    sizes = [end - begin for begin, end in zip([0, *marks], [*marks, len(data)], strict=True)]
    return Body(data, tuple((size, draw(numbers)) for size in sizes) if draw(st.booleans()) else ())


client_requests = st.builds(
    Request,
    st.sampled_from(("POST", "GET", "X-Y")),
    st.sampled_from(("http", "https")),
    st.sampled_from((None, "api.example", "127.0.0.1", "::1", "Höst")),
    st.sampled_from((80, 443, 8080)),
    st.one_of(targets, st.sampled_from(("*", "/?a=b c", "//x", ""))),
    headers,
    some_bytes,
    st.sampled_from(("HTTP/1.1", "HTTP/2.0", "HTTP/3")),
).map(lambda request: request if request.host is None else replace(request, target=f"/{request.target}"))
requests = client_requests.map(lambda request: replace(request, host=request.host or "b.example", target="/v1"))
responses = st.builds(
    Response, st.integers(0, 999), field_values, headers, bodies(), st.sampled_from(("HTTP/1.1", "HTTP/2.0"))
)
decisions = st.one_of(
    st.dictionaries(texts, values, max_size=3),
    st.builds(lambda name, more: {"provider": name, **more}, texts, st.dictionaries(texts, values, max_size=2)),
)
attempts = st.builds(
    Attempt, requests, st.none() | responses, st.none() | texts, decisions, st.one_of(st.just(0), numbers)
)
captures = st.builds(
    Capture,
    id=texts,
    began=st.floats(0, 253402300799),
    request=client_requests,
    client=st.none() | texts,
    wire=st.sampled_from(tuple(WIRES.values())),
    model=st.none() | texts,
    inputs=st.builds(
        Inputs,
        seed=texts,
        now=numbers,
        flow=texts,
        style=st.sampled_from(("gateway", "proxy")),
        agent=st.none() | texts,
        memory=st.dictionaries(texts, st.none() | texts, max_size=3),
        environment=maps,
        credentials=maps,
        globs=st.dictionaries(texts, st.dictionaries(texts, st.booleans(), max_size=2), max_size=2),
    ),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    answer=st.none() | responses,
    notes=st.lists(
        st.builds(Note, st.sampled_from(("mended", "lost", "seen")), texts, texts, texts, texts), max_size=2
    ).map(tuple),
    error=st.none() | texts,
    rules=texts,
    versions=maps,
    kept=maps,
    frames=st.lists(st.builds(Frame, st.booleans(), st.booleans(), some_bytes, numbers), max_size=3).map(tuple),
)


def folder_of(top: Path, capture: Capture, name: str = "case-1") -> Path:
    wire = next(folder for folder, wire in WIRES.items() if wire == capture.wire)
    return top / "captures" / wire / name


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def request(body: bytes = b'{"a":1}', **other: Any) -> Request:  # noqa: ANN401 - whatever a Request takes
    said: dict[str, Any] = {
        "method": "POST",
        "scheme": "http",
        "host": None,
        "port": 80,
        "target": "/v1/messages",
        "body": body,
    }
    return Request(**(said | other))


def upstream(body: bytes = b'{"a":1}', **other: Any) -> Request:  # noqa: ANN401 - whatever a Request takes
    return request(body, **({"scheme": "https", "host": "api.example", "port": 443} | other))


def capture_of(**other: Any) -> Capture:  # noqa: ANN401 - whatever a Capture takes
    said: dict[str, Any] = {
        "id": "messages/a",
        "began": 0.0,
        "request": request(),
        "wire": "messages",
        "inputs": Inputs(style="gateway"),
    }
    return Capture(**(said | other))


def written(top: Path, capture: Capture, about: Mapping[str, Any] | None = None) -> Path:
    folder = folder_of(top, capture, "a")
    write_case(folder, capture, title="A title", about=about)
    assert read_case(folder).capture == capture
    return folder


@given(captures, texts.filter(bool), texts, st.dictionaries(st.sampled_from(("shows", "means", "quirk")), values))
def test_what_is_written_is_read(capture: Capture, title: str, origin: str, about: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as top:
        folder = folder_of(Path(top), capture)
        write_case(folder, capture, title=title, origin=origin, about=about)
        case = read_case(folder)
        assert case.capture == capture
        assert (case.title, case.origin, case.about) == (title, origin, about)
        before = files_of(folder)
        write_case(folder, case.capture, title=case.title, origin=case.origin, about=case.about, overwrite=True)
        assert files_of(folder) == before
        assert [path.name for path in folder.parent.iterdir()] == ["case-1"]


def test_a_case_in_full_looks_so(tmp_path: Path) -> None:
    kind = Headers((("Content-Type", "text/event-stream"),))
    stream = Body(b"data: 1\n\ndata: 2\n\n", ((9, 1000), (9, 1250)))
    capture = capture_of(
        id="0123",
        began=1790856000.25,
        request=request(headers=Headers((("Host", "127.0.0.1:8080"), ("Accept", ""), ("accept", "a: b")))),
        client="codex",
        inputs=Inputs("1e5", 1790856000, style="gateway", memory={"a": None, "b": "null"}),
        attempts=(
            Attempt(upstream(b'{"a":2}', port=8443), error="connection refused", decision={"provider": "one"}),
            Attempt(upstream(), Response(200, "OK", kind, stream), None, {"provider": "two", "edits": ["x"]}, 900),
        ),
        answer=Response(200, "", kind, replace(stream, cuts=((18, 1300),)), "HTTP/2.0"),
        notes=(Note("routed", "url", "", "goes to two"),),
    )
    folder = written(tmp_path, capture, {"shows": ["what to look at"], "expect": {"to": "two/m"}})
    files = {name: data.decode() for name, data in files_of(folder).items()}
    assert files.pop("case.yaml") == CASE
    assert files == {
        "client.request": "POST /v1/messages HTTP/1.1\nHost: 127.0.0.1:8080\nAccept:\naccept: a: b\n",
        "client.request.json": '{"a":1}',
        "upstream.request": "POST https://api.example:8443/v1/messages HTTP/1.1\n",
        "upstream.request.json": '{"a":2}',
        "upstream-2.request": "POST https://api.example/v1/messages HTTP/1.1\n",
        "upstream-2.response": "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n",
        "upstream-2.sse": "data: 1\n\ndata: 2\n\n",
        "client.response": "HTTP/2.0 200\nContent-Type: text/event-stream\n",
    }


CASE = """\
format: 1
title: A title
id: '0123'
date: '2026-10-01T12:00:00.25Z'
client: codex
provider: two
shows:
- what to look at
expect:
  to: two/m
inputs:
  seed: '1e5'
  now: 1790856000
  memory:
    a: null
    b: 'null'
attempts:
- error: connection refused
  decision:
    provider: one
- at: 900
  cuts: 9@1000 9@250
  decision:
    edits: [x]
answer:
  cuts: 18@1300
notes:
- kind: routed
  where: url
  what: goes to two
"""


@pytest.mark.parametrize(
    ("headers", "body", "name"),
    (
        ({"Content-Type": "application/json"}, b"{", "client.json"),
        ({"Content-Type": "application/problem+json; charset=utf-8"}, b"{", "client.json"),
        ({}, b" [1]", "client.json"),
        ({"Content-Type": "application/json"}, b"data: {}\n\n", "client.sse"),  # it is what it is, not what is said
        ({"Content-Type": "text/event-stream"}, b"\xff", "client.sse"),
        ({}, b": ping\n\n", "client.sse"),
        ({"content-type": "text/html"}, b"<html>", "client.html"),
        ({}, b"oops", "client.txt"),
        ({}, b"oops\0", "client.bin"),
        ({}, b"\xff", "client.bin"),
        ({"Content-Type": "application/json", "Content-Encoding": "GZIP"}, b"{", "client.gz"),
        ({"Content-Encoding": "zstd"}, b"{", "client.zst"),
        ({"Content-Encoding": "br"}, b"{", "client.br"),
        ({"Content-Encoding": "deflate"}, b"{", "client.bin"),
        ({"Content-Encoding": "identity"}, b"{", "client.json"),
    ),
)
def test_a_body_is_called_by_what_it_is(tmp_path: Path, headers: dict[str, str], body: bytes, name: str) -> None:
    answer = Response(200, "OK", Headers(tuple(headers.items())), Body(body))
    folder = written(tmp_path, capture_of(answer=answer))
    assert (folder / name).read_bytes() == body
    (folder / name).rename(folder / "client.txt")
    assert read_case(folder).capture.answer == answer  # the name is for people


def test_a_body_that_is_another_s_is_no_file(tmp_path: Path) -> None:
    reply = Response(200, "OK", Headers(), Body(b"data: 1\n\n"))
    capture = capture_of(attempts=(Attempt(upstream(), reply),), answer=reply)
    assert sorted(files_of(written(tmp_path, capture))) == [
        *("case.yaml", "client.request", "client.request.json", "client.response"),
        *("upstream.request", "upstream.response", "upstream.sse"),
    ]


def test_no_body_is_told_from_another_s(tmp_path: Path) -> None:
    reply = Response(200, "OK", Headers(), Body(b"data: 1\n\n"))
    empty = replace(reply, body=Body(b"", ((0, 5),)))
    capture = capture_of(attempts=(Attempt(upstream(b""), reply), Attempt(upstream(), reply)), answer=empty)
    folder = written(tmp_path, capture)
    assert (folder / "case.yaml").read_text() == (
        "format: 1\ntitle: A title\nattempts:\n- body: none\nanswer:\n  body: none\n  cuts: 0@5\n"
    )
    (folder / "case.yaml").write_text("format: 1\ntitle: A title\n")
    (folder / "client.sse").write_bytes(b"")  # an empty file is an empty body as well
    (folder / "upstream.request.json").write_bytes(b"")
    assert read_case(folder).capture == replace(capture, answer=replace(reply, body=Body()))


def test_a_body_in_a_file_is_copied(tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"data: 1\n\n")
    body = Body(file=spooled, cuts=((9, 1),))
    folder = folder_of(tmp_path, capture_of(), "a")
    capture = capture_of(attempts=(Attempt(upstream(), Response(200, body=body)),), answer=Response(200, body=body))
    write_case(folder, capture, title="t")
    assert (folder / "upstream.sse").read_bytes() == b"data: 1\n\n"
    assert not (folder / "client.sse").exists()
    assert read_case(folder).capture.answer == Response(200, body=Body(b"data: 1\n\n", ((9, 1),)))
    spooled.unlink()
    with pytest.raises(CaptureError, match="spooled: this body cannot be read"):
        write_case(folder, capture, title="t", overwrite=True)
    assert (folder / "upstream.sse").read_bytes() == b"data: 1\n\n"


def test_frames_are_read_by_people(tmp_path: Path) -> None:
    frames = (Frame(True, True, b'{"type": "hi"}', 5), Frame(False, False, b"\0\xff", 7), Frame(False, True, b"\xff"))  # noqa: FBT003
    folder = written(tmp_path, capture_of(frames=frames))
    assert (folder / "frames.yaml").read_text() == (
        '- from: client\n  at: 5\n  text: \'{"type": "hi"}\'\n'
        "- from: upstream\n  at: 7\n  binary: AP8=\n"
        "- from: upstream\n  text_base64: /w==\n"
    )


def test_long_texts_and_cuts_are_folded(tmp_path: Path) -> None:
    cuts = tuple((1, 100 * number) for number in range(400))
    answer = Response(200, body=Body(b"x" * 400, cuts))
    note = Note("mended", "/a", "b", "a word " * 60 + "is the last")
    folder = written(tmp_path, capture_of(answer=answer, notes=(note,)))
    lines = (folder / "case.yaml").read_text().splitlines()
    assert len(lines) > 30
    assert max(map(len, lines)) <= 120


def test_what_a_hand_writes_in_short(tmp_path: Path) -> None:
    folder = tmp_path / "captures" / "chat" / "short"
    folder.mkdir(parents=True)
    (folder / "case.yaml").write_text(
        "title: 1e5\nformat: 1\ndate: 2026-10-01\nprovider: on\n"
        "inputs: {seed: 0123, flow: 1e5, agent: 12, memory: {1: ~, 2: 0777}, globs: {true: {1.0: true}}}\n"
    )
    (folder / "client.request").write_text("POST http://api.example:80/v1 HTTP/1.1\nA:b\nB: \nC:  c ")
    (folder / "upstream.request").write_text("POST https://[::1]:8443/v1 HTTP/1.1")
    case = read_case(folder)
    capture = case.capture
    assert case.title == "1e5"
    assert case.name == capture.id == "chat/short"
    assert capture.began == 1790812800
    assert capture.request == Request(
        "POST", "http", "api.example", 80, "/v1", Headers((("A", "b"), ("B", ""), ("C", " c ")))
    )
    assert capture.inputs == Inputs(
        "0123", flow="1e5", style="proxy", agent="12", memory={"1": None, "2": "0777"}, globs={"true": {"1.0": True}}
    )
    assert capture.attempts == (Attempt(Request("POST", "https", "::1", 8443, "/v1"), decision={"provider": "on"}),)
    assert capture.answer is None
