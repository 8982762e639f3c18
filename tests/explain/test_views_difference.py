"""Both sides against each other: every difference is in it, and no credential."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_captures import ALL, name_of, stored
from wiremend.captures.capture import Body, Request, Response
from wiremend.explain.difference import header_shown, request_difference, response_difference
from wiremend.families import CREDENTIAL_HEADERS, FAMILIES, QUERY_CARRIERS
from wiremend.headers import Headers

if TYPE_CHECKING:
    from pathlib import Path

TAIL = "FAKE0123456789abcdefghijklmnop"


def request(body: bytes = b"{}", target: str = "/v1/messages", **headers: str) -> Request:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request("POST", "https", "api.example", 443, target, Headers(fields), body)


def reply(body: bytes, status: int = 200, **headers: str) -> Response:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, "", Headers(fields), Body(body))


def test_the_same_on_both_sides_is_said_to_be_the_same() -> None:
    assert request_difference(request(), request(), 80).endswith("nothing differs")
    assert response_difference(reply(b"x"), reply(b"x"), 80).endswith("nothing differs")
    assert "the same values in other bytes" in request_difference(request(b'{"a":1}'), request(b'{"a": 1}'), 80)


def test_a_request_is_told_leaf_by_leaf() -> None:
    before = {"model": "a", "messages": [{"role": "user", "content": "hi"}], "top_k": 5, "strict": 1}
    after = {"model": "b", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
             "strict": True}  # fmt: skip
    one, other = (json.dumps(side).encode() for side in (before, after))
    shown = request_difference(request(one), request(other, "/x/v1/messages", x_title="new"), 120).splitlines()[3:]
    assert shown == [
        "  url",
        "-   https://api.example/v1/messages",
        "+   https://api.example/x/v1/messages",
        "  header x-title",
        "+   new",
        f"  body: {len(one)} B → {len(other)} B, 4 differences",
        "  /model",
        '-   "a"',
        '+   "b"',
        "  /messages/0",
        '+   {"role":"system","content":"s"}',
        "  /top_k",
        "-   5",
        "  /strict",
        "-   1",
        "+   true",
    ]


def test_another_coding_alone_is_no_difference_of_the_body() -> None:
    body = b'{"a":1}'
    packed = zlib.compressobj(wbits=31)
    coded = packed.compress(body) + packed.flush()
    shown = request_difference(request(coded, content_encoding="gzip"), request(body), 80)
    assert "body: the same, in another coding" in shown


def test_a_stream_is_told_event_by_event() -> None:
    before = b'data: {"n":1}\n\ndata: {"n":2}\n\ndata: {"gone":1}\n\n'
    after = b'data: {"n":1}\n\ndata: {"n":3}\n\n'
    shown = response_difference(reply(before), reply(after), 80).splitlines()[3:]
    assert shown == [
        "  event 2 → 2",
        "  /n",
        "-   2",
        "+   3",
        "  event 3 is dropped",
        '- {"gone":1}',
        "  1 event went through as they came",
    ]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_credential_is_shown_but_its_prefix(family: object) -> None:
    prefix = str(family.prefix)  # type: ignore[attr-defined]  # pytest's ids take any object
    key = prefix + TAIL
    for name in CREDENTIAL_HEADERS | {"set-cookie", "x-my-token", "x-unheard-of"}:
        for value in (key, f"Bearer {key}", f"a={key}; b=2"):
            assert TAIL not in header_shown(name, value)
    for name in QUERY_CARRIERS:
        one, other = request(target=f"/v1/messages?{name}={key}"), request(target="/v1/messages")
        assert TAIL not in request_difference(one, other, 300)
    body = json.dumps({"a": f"x {key}"}).encode()
    for width in (20, 80, 400):
        assert TAIL[4:] not in request_difference(request(body), request(b'{"a":"y"}'), width)
        assert TAIL[4:] not in response_difference(reply(b"data: " + body + b"\n\n"), reply(b"data: {}\n\n"), width)
        assert TAIL[4:] not in response_difference(reply(body), reply(b"no json"), width)


def test_another_credential_is_said_to_be_another() -> None:
    one, other = (request(x_api_key=f"sk-ant-{letter}{TAIL}") for letter in "ab")
    assert "header x-api-key: sk-ant-… (another one)" in request_difference(one, other, 80)


def test_headers_that_the_rules_write_are_shown_where_they_are_named() -> None:
    one, other = request(), request(x_team="red")
    assert "+   …" in request_difference(one, other, 80).splitlines()
    assert "+   red" in request_difference(one, other, 80, {"x-team"}).splitlines()


@pytest.mark.parametrize("folder", ALL, ids=name_of)
def test_every_case_is_told_and_only_what_differs(folder: Path) -> None:
    capture = stored(folder).capture
    attempt = capture.attempt
    assert attempt is not None
    shown = request_difference(capture.request, attempt.request, 120)
    same_body = capture.request.body == attempt.request.body
    assert ("  body: " in shown) is not same_body
    if attempt.response is None or capture.answer is None:
        return
    shown = response_difference(attempt.response, capture.answer, 120)
    changed = attempt.response.body.data != capture.answer.body.data or attempt.response.status != capture.answer.status
    assert changed or "  event" not in shown
    assert not changed or "nothing differs" not in shown


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 200))
def test_no_bytes_break_it(before: bytes, after: bytes, width: int) -> None:
    for wrap in (b"%s", b"data: %s\n\n", b'{"a":"%s"}'):
        response_difference(reply(wrap % before), reply(wrap % after), width).encode("utf-8")
    request_difference(request(before), request(after), width).encode("utf-8")
