"""HAR files: what the recorders write, and what becomes of it as a capture."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.test import tflow

from wiremend.captures.capture import Capture, Frame
from wiremend.captures.har import is_har, read_har
from wiremend.errors import CaptureError

URL = "https://api.example.com/v1/messages?beta=true"
BODY = '{"model":"kimi-k2","stream":true,"messages":[{"role":"user","content":"grüß dich"}]}'
STREAM = 'event: message_start\ndata: {"type":"message_start"}\n\n'


def entry(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give an entry as Chrome writes one; ``changes`` replace its members."""
    return {
        "startedDateTime": "2026-11-21T10:00:00.250Z",
        "time": 1200.5,
        "request": {
            "method": "POST",
            "url": URL,
            "httpVersion": "h2",
            "headers": [
                {"name": ":authority", "value": "api.example.com"},
                {"name": ":path", "value": "/v1/messages?beta=true"},
                {"name": "content-type", "value": "application/json"},
                {"name": "content-length", "value": "3"},
            ],
            "postData": {"mimeType": "application/json", "text": BODY},
        },
        "response": {
            "status": 200,
            "statusText": "",
            "httpVersion": "h2",
            "headers": [{"name": "content-type", "value": "text/event-stream; charset=utf-8"}],
            "content": {"size": len(STREAM), "mimeType": "text/event-stream", "text": STREAM},
        },
        "timings": {"send": 1, "wait": 900, "receive": 299.5},
        **changes,
    }


def har(*entries: object, **log: Any) -> bytes:  # noqa: ANN401 - JSON
    made = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "entries": list(entries)}
    return json.dumps({"log": {**made, **log}}).encode()


def one(changed: dict[str, Any]) -> Capture:
    (found,) = read_har(har(changed))
    assert found.error is None
    assert found.capture is not None
    return found.capture


def with_reply(headers: dict[str, str], content: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    pairs = [{"name": name, "value": value} for name, value in headers.items()]
    return entry(response={"status": 200, "statusText": "OK", "headers": pairs, "content": content, **more})


def reply(capture: Capture) -> tuple[dict[str, str], bytes]:
    assert capture.attempt is not None
    assert capture.attempt.response is not None
    return dict(capture.attempt.response.headers), capture.attempt.response.body.data


def test_an_entry_becomes_both_requests_and_the_providers_reply() -> None:
    found = one(entry())
    assert (found.request.method, found.request.host, found.request.port) == ("POST", "api.example.com", 443)
    assert found.request.target == "/v1/messages?beta=true"
    assert found.request.version == "HTTP/2.0"
    assert found.request.body == BODY.encode()
    assert dict(found.request.headers) == {
        "content-type": "application/json",
        "content-length": str(len(BODY.encode())),
    }
    assert found.attempt is not None
    assert found.attempt.request == found.request
    assert reply(found)[1] == STREAM.encode()
    assert found.attempt.response is not None
    assert found.attempt.response.body.cuts == ()
    assert found.answer is None
    assert found.began == 1795255200.25
    assert found.inputs.now == 1795255200
    assert found.versions == {"recorder": "WebInspector 537.36"}
    assert "WebInspector 537.36" in found.notes[0].what


def test_ids_are_the_same_each_time_and_differ_within_a_file() -> None:
    two = [found.capture.id for found in read_har(har(entry(), entry())) if found.capture]
    again = [found.capture.id for found in read_har(har(entry(), entry())) if found.capture]
    assert two == again
    assert len(set(two)) == 2


@pytest.mark.parametrize(
    ("url", "method"),
    (
        ("https://www.example.com/", "GET"),
        ("https://www.example.com/assets/v1/app.js", "GET"),
        ("https://api.example.com/v1/messages", "OPTIONS"),
        ("data:text/plain,hello", "GET"),
        ("chrome-extension://abc/v1/messages", "GET"),
        ("file:///v1/messages", "GET"),
    ),
)
def test_what_is_no_llm_call_is_passed_over_and_keeps_its_number(url: str, method: str) -> None:
    other = entry(request={"method": method, "url": url, "headers": []})
    found = list(read_har(har(other, entry())))
    assert [(one.number, one.capture is None, one.error) for one in found] == [(1, True, None), (2, False, None)]


@pytest.mark.parametrize("coding", ("gzip", "zstd", "GZIP", "gzip, zstd"))
def test_a_text_was_decoded_so_its_coding_and_length_go(coding: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": coding, "content-length": "7"}
    got, body = reply(one(with_reply(headers, {"text": '{"ok":true}', "mimeType": "application/json"})))
    assert got == {"content-type": "application/json", "content-length": "11"}
    assert body == b'{"ok":true}'


def test_a_body_in_base64_that_still_is_coded_stays_as_it_is() -> None:
    packed = gzip.compress(b'{"ok":true}', mtime=0)
    headers = {"content-encoding": "gzip", "content-length": str(len(packed))}
    content = {"text": base64.b64encode(packed).decode(), "encoding": "base64"}
    assert reply(one(with_reply(headers, content))) == (headers, packed)


def test_a_body_in_base64_that_was_decoded_loses_its_coding() -> None:
    content = {"text": base64.b64encode(b'{"ok":"\xff"}').decode(), "encoding": "base64"}
    got, body = reply(one(with_reply({"content-encoding": "br"}, content)))
    assert (got, body) == ({}, b'{"ok":"\xff"}')


@pytest.mark.parametrize("charset", ("iso-8859-1", '"windows-1252"'))
def test_a_text_gets_the_bytes_of_its_charset(charset: str) -> None:
    content = {"text": "grün", "mimeType": f"text/plain; charset={charset}"}
    assert reply(one(with_reply({}, content)))[1] == b"gr\xfcn"


@pytest.mark.parametrize("charset", ("iso-8859-1", "no-such-charset", "undefined"))
def test_a_charset_that_does_not_fit_gives_utf8(charset: str) -> None:
    content = {"text": "鬼", "mimeType": f"text/plain; charset={charset}"}
    assert reply(one(with_reply({}, content)))[1] == "鬼".encode()


def test_several_cookies_in_one_value_become_several_headers_again() -> None:
    found = one(with_reply({"set-cookie": "a=1; Path=/\nb=2\r\n c=3"}, {}))
    assert found.attempt is not None
    assert found.attempt.response is not None
    assert found.attempt.response.headers.get_all("set-cookie") == ("a=1; Path=/", "b=2", "c=3")


def test_a_reply_that_never_came_is_none_and_says_why() -> None:
    found = one(entry(response={"status": 0, "headers": [], "content": {}, "_error": "net::ERR_CONNECTION_RESET"}))
    assert found.attempt is not None
    assert found.attempt.response is None
    assert found.error == found.attempt.error == "net::ERR_CONNECTION_RESET"


def test_a_body_that_the_browser_dropped_is_noted() -> None:
    found = one(with_reply({"content-type": "text/event-stream"}, {"size": 48123, "mimeType": "text/event-stream"}))
    assert reply(found)[1] == b""
    assert [note.what for note in found.notes if note.short == "no body"] == [
        "the HAR has no body for this reply of 48123 bytes"
    ]


@pytest.mark.parametrize("text", (None, "", "yesterday", 17, "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+14:00"))
def test_a_time_that_is_missing_or_none_is_noted(text: object) -> None:
    found = one(entry(startedDateTime=text, timings=None, time=None))
    assert found.began <= 0
    assert text == "0001-01-01T00:00:00+14:00" or any(note.short == "no time" for note in found.notes)


def test_websocket_messages_are_frames() -> None:
    messages = [
        {"type": "send", "time": 1795255200.75, "opcode": 1, "data": '{"type":"response.create"}'},
        {"type": "receive", "time": 1795255201.25, "opcode": 2, "data": base64.b64encode(b"\0\xff").decode()},
        {"type": "receive", "time": 1795255201.5, "opcode": 8, "data": ""},
        {"type": "receive", "opcode": 1, "data": "grün"},
    ]
    changed = entry(_webSocketMessages=messages)
    changed["request"] |= {"url": "wss://api.example.com/v1/responses", "method": "GET", "postData": None}
    found = one(changed)
    assert (found.request.scheme, found.request.port, found.request.body) == ("https", 443, b"")
    assert found.frames == (
        Frame(True, True, b'{"type":"response.create"}', 500_000),  # noqa: FBT003 - from the client, text
        Frame(False, False, b"\0\xff", 1_000_000),  # noqa: FBT003 - as above
        Frame(False, True, "grün".encode(), 0),  # noqa: FBT003 - as above
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    (
        (17, "/: this must be an object, not int"),
        (entry(request=None), "/request: this must be an object, not NoneType"),
        (entry(request={"method": "POST"}), "/request: method and url are missing"),
        (entry(request={"method": "PO ST", "url": URL}), "/request: method and url are missing"),
        (entry(request={"method": "POST", "url": "https://[::1/v1/messages"}), "/request/url: it cannot be read"),
        (entry(request={"method": "POST", "url": "https://a:b/v1/messages"}), "/request/url: it cannot be read"),
        (entry(request={"method": "POST", "url": URL, "headers": {}}), "/request/headers: this must be a list"),
        (entry(response=[]), "/response: this must be an object"),
        (with_reply({}, {"text": 5}), "/response: the body's text must be a text"),
        (with_reply({}, {"text": "x", "encoding": "base64"}), "/response: the body is said to be base64"),
        (entry(_webSocketMessages={}), "/_webSocketMessages: this must be a list"),
        (entry(_webSocketMessages=[[]]), "/_webSocketMessages/0: this must be an object"),
    ),
)
def test_a_bad_entry_says_where_and_the_next_is_read(changed: object, said: str) -> None:
    bad, good = read_har(har(changed, entry()))
    assert bad.capture is None
    assert (bad.error or "").startswith(said)
    assert good.capture is not None


@pytest.mark.parametrize(
    "data",
    (b"", b"{}", b"[]", b"{", b'{"log":[]}', b'{"log":{}}', b'{"log":{"entries":{}}}', b"[" * 100_000, b"\x78\x9cnot"),
)
def test_what_is_no_har_is_refused(data: bytes) -> None:
    with pytest.raises(CaptureError):
        list(read_har(data))


def test_a_compressed_har_and_one_with_a_byte_order_mark_are_read() -> None:
    plain = har(entry())
    for data in (zlib.compress(plain, 9), b"\xef\xbb\xbf" + plain, b"\n " + plain):
        assert is_har(data[:64])
        assert [found.capture is not None for found in read_har(data)] == [True]
    with pytest.raises(CaptureError, match="cut short"):
        read_har(zlib.compress(plain, 9)[:-5])


def test_a_flow_file_is_no_har() -> None:
    assert not is_har(b"1234:9:websocket;0:~8:response;")


def recorded(request: http.Request, response: http.Response | None) -> Capture:
    """Let mitmproxy itself write a HAR of a flow, and read it."""
    flow = tflow.tflow(req=request, resp=response or False)
    flow.response = response
    (found,) = read_har(json.dumps(SaveHar().make_har([flow])).encode())
    assert found.error is None
    assert found.capture is not None
    return found.capture


def test_what_mitmproxy_itself_writes_gives_the_decoded_bodies_back() -> None:
    request = http.Request.make(
        "POST", URL, BODY.encode(), http.Headers(content_type="application/json", content_encoding="zstd")
    )
    response = http.Response.make(
        200, STREAM.encode(), http.Headers(content_type="text/event-stream", content_encoding="gzip")
    )
    assert (request.raw_content or b"")[:4] == b"\x28\xb5\x2f\xfd"
    assert (response.raw_content or b"")[:2] == b"\x1f\x8b"
    found = recorded(request, response)
    assert found.request.body == BODY.encode()
    assert "content-encoding" not in found.request.headers
    got, body = reply(found)
    assert body == STREAM.encode()
    assert "content-encoding" not in got
    assert got["content-length"] == str(len(body))
    assert recorded(request, None).error == "the file has no answer"


@given(body=st.binary(min_size=1), coded=st.booleans())
def test_bytes_survive_base64_whether_they_are_coded_or_not(body: bytes, *, coded: bool) -> None:
    wire = gzip.compress(body, mtime=0) if coded else body
    content = {"text": base64.b64encode(wire).decode(), "encoding": "base64"}
    headers = {"content-encoding": "gzip"} if coded else {}
    assert reply(one(with_reply(headers, content))) == (headers, wire)


NAMES = (
    *("request", "response", "method", "url", "headers", "name", "value", "content", "text", "encoding", "postData"),
    *("status", "size", "time", "opcode", "data", "_webSocketMessages", "startedDateTime", "mimeType"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(URL) | st.just("POST"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(changes=st.dictionaries(st.sampled_from([*sorted(entry()), "_webSocketMessages"]), JSON), extra=JSON)
def test_no_entry_keeps_the_next_from_being_read(changes: dict[str, Any], extra: object) -> None:
    found = list(read_har(har(entry(**changes), extra, entry())))
    assert [one.number for one in found] == [1, 2, 3]
    assert found[-1].capture is not None
