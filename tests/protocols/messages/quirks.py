"""What providers get wrong on the messages wire: the smallest bytes, what the contract says, and who minds.

``quirk`` is the number in the catalogue, 0 for what a strict client minds though no provider was seen to do it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from tests.lab.replies import sse
from tests.protocols.messages.kit import (
    AI,
    CALL,
    CC,
    ERROR,
    HELLO,
    OLD,
    PARIS,
    PY,
    START,
    STOP,
    TEXT,
    TOOL,
    TS,
    Json,
    Row,
    begin,
    change,
    each,
    end,
    frames,
    piece,
    put,
    said,
    stop,
    stream,
    swap,
)
from tests.protocols.messages.quirks_blocks import BLOCKS, CALLS


@dataclass(frozen=True, slots=True)
class Body:
    name: str
    raw: bytes
    found: set[tuple[str, str]]


BOOM: Final = {"error": {"message": "boom"}}
WHOLE: Final[Json] = START["message"] | {"content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
RAW: Final = frames(*TEXT)


def _bare(document: Json) -> bytes:
    return sse(document)


def _message(*path: str, to: object) -> bytes:
    return swap(TEXT, 1, change(START, "message", *path, to=to))


def _pretty(document: Json) -> bytes:
    return f"event: {document['type']}\ndata: {json.dumps(document, indent=1)}\n\n".encode()


FRAMING: Final = [
    Row(99, "no final blank line", stream(*TEXT)[:-2], {("sse.unterminated", 7, "")}, f"{TS}, {AI}"),
    Row(99, "one final line end", stream(*TEXT)[:-1], {("sse.unterminated", 7, "")}, f"{TS}, {AI}"),
    Row(100, "blank data", put(TEXT, 3, b"data:\n\n"), {("data.missing", 3, "")}, AI),
    Row(100, "an empty object", put(TEXT, 3, b"data: {}\n\n"), {("type.missing", 3, "/type")}, AI),
    Row(100, "an empty ping", put(TEXT, 3, b"event: ping\ndata: {}\n\n"), {("type.missing", 3, "/type")}, AI),
    Row(100, "text", put(TEXT, 3, b"data: keep-alive\n\n"), {("data.not-json", 3, "")}, AI),
    Row(100, "a name alone", put(TEXT, 3, b"event: keepalive\n\n"), {("data.missing", 3, "")}, TS),
    Row(100, "named text", put(TEXT, 3, b"event: keepalive\ndata: x\n\n"), {("data.not-json", 3, "")}, PY),
    Row(0, "a number", put(TEXT, 3, b"data: 1\n\n"), {("data.not-object", 3, "")}, AI),
    Row(0, "not UTF-8", put(TEXT, 3, b": \xff\n\n"), {("sse.utf8", 3, "")}, PY),
    Row(0, "not UTF-8 in the text", stream(*TEXT).replace(b'"lo"', b'"l\xff"'), {("sse.utf8", 4, "")}, PY),
    Row(
        0,
        "half a surrogate pair",
        stream(*TOOL[:2]) + stream(piece("{}")).replace(b"{}", b"\\ud800") + stream(*TOOL[2:]),
        {("data.surrogate", 3, ""), ("tool.input-json", 6, "")},
        PY,
        PARIS,
    ),
    Row(102, "no blank lines", b"".join(f[:-1] for f in RAW) + b"\n", {("sse.merged", 1, "")}, PY),
    Row(
        102,
        "lines of JSON",
        b"".join(json.dumps(event).encode() + b"\n" for event in TEXT),
        {("sse.unprefixed", 1, "")},
        PY,
    ),
    Row(102, "pretty JSON", _pretty(START) + stream(*TEXT[1:]), {("sse.unprefixed", 1, "")}, PY),
    Row(102, "a byte order mark", b"\xef\xbb\xbf" + stream(*TEXT), {("sse.bom", 1, "")}, PY),
    Row(103, "JSON for a stream", json.dumps(WHOLE).encode(), {("stream.not-a-stream", 1, "")}, PY),
    Row(103, "JSON in an event", _bare(WHOLE), {("stream.not-a-stream", 1, "")}, PY),
    Row(105, "an error for a stream", json.dumps(BOOM).encode(), {("error.shape", 1, "")}, PY, ERROR),
    Row(105, "MiniMax", b'{"base_resp":{"status_code":1004,"status_msg":"x"}}', {("error.shape", 1, "")}, PY, ERROR),
    Row(117, "no event lines", b"".join(map(_bare, TEXT)), each("event-line.missing"), PY),
    Row(118, "event: message", b"".join(sse(e, "message") for e in TEXT), each("event-line.mismatch"), OLD),
    Row(119, "no type", put(TEXT[:6], 7, b"event: message_stop\ndata: {}\n\n"), {("type.missing", 7, "/type")}, TS),
    Row(
        119,
        "no type in a delta",
        put([*TEXT[:3], *TEXT[4:]], 4, sse({"index": 0, "delta": said("lo")["delta"]}, "content_block_delta")),
        {("type.missing", 4, "/type")},
        PY,
    ),
]

OPENING: Final = [
    Row(120, "no message_start", stream(*TEXT[1:]), {("message-start.missing", 1, "")}, PY),
    Row(120, "no message", swap(TEXT, 1, {"type": "message_start"}), {("message-start.message", 1, "/message")}, PY),
    Row(120, "no usage", _message("usage", to=...), {("message-start.usage", 1, "/message/usage")}, PY),
    Row(120, "null usage", _message("usage", to=None), {("message-start.usage", 1, "/message/usage")}, PY),
    Row(120, "null content", _message("content", to=None), {("message-start.content", 1, "/message/content")}, PY),
    Row(120, "no content", _message("content", to=...), {("message-start.content", 1, "/message/content")}, PY),
    Row(
        120,
        "content at once",
        _message("content", to=[{"type": "text", "text": "Hello"}]),
        {("message-start.content-prefilled", 1, "/message/content")},
        PY,
    ),
    Row(120, "two starts", stream(START, *TEXT), {("message-start.repeated", 2, "")}, TS),
    Row(0, "no role", _message("role", to=...), {("message-start.role", 1, "/message/role")}, "users of the SDKs"),
    Row(0, "an id of digits", _message("id", to=1), {("message-start.identity", 1, "/message/id")}, AI),
    Row(
        120,
        "counts as text",
        _message("usage", to={"input_tokens": "11", "cache_read_input_tokens": "0"}),
        {
            ("usage.input-tokens", 1, "/message/usage/input_tokens"),
            ("usage.counter", 1, "/message/usage/cache_read_input_tokens"),
        },
        AI,
    ),
]

ENDING: Final = [
    Row(128, "no usage", swap(TEXT, 6, change(end(), "usage", to=...)), {("message-delta.usage", 6, "/usage")}, PY),
    Row(
        128,
        "OpenAI's names",
        swap(TEXT, 6, change(end(), "usage", to={"prompt_tokens": 11, "completion_tokens": 7})),
        {("usage.output-tokens", 6, "/usage/output_tokens")},
        PY,
    ),
    Row(128, "count as text", swap(TEXT, 6, end(input_tokens="11")), {("usage.counter", 6, "/usage/input_tokens")}, AI),
    Row(129, "no delta", swap(TEXT, 6, change(end(), "delta", to=...)), {("message-delta.delta", 6, "/delta")}, PY),
    Row(130, "no message_stop", stream(*TEXT[:6]), {("message-stop.missing", 7, "")}, f"{TS}, {AI}"),
    Row(0, "no message_delta", stream(*TEXT[:5], STOP), {("message-delta.missing", 6, "")}, PY),
    Row(0, "no stop reason", swap(TEXT, 6, end(None)), {("stop-reason.missing", 7, "")}, PY),
    Row(0, "cut", stream(*TEXT[:3]), {("stream.cut", 4, "")}, PY),
    Row(
        0,
        "cut inside an event",
        stream(*TEXT)[: len(stream(*TEXT[:3])) + 40],
        {("sse.unterminated", 4, ""), ("stream.cut", 5, "")},
        PY,
    ),
    Row(0, "no event", b"", {("stream.empty", 1, "")}, PY),
    Row(
        0,
        "a block after the end",
        stream(*TEXT[:6], begin({"type": "text", "text": ""}, 1), stop(1), STOP),
        {("order.after-message-delta", 7, "")},
        CC,
        ([*HELLO[0], {"type": "text", "text": ""}], "end_turn", 7),
    ),
    Row(131, "a named [DONE]", stream(*TEXT) + sse("[DONE]", "message_stop"), {("done-sentinel", 8, "")}, PY),
    Row(131, "[DONE] and a blank", stream(*TEXT) + b"data: [DONE] \n\n", {("done-sentinel", 8, "")}, AI),
    Row(131, "message_stop twice", stream(*TEXT, STOP), {("order.after-end", 8, "")}, CC),
    Row(
        132,
        "tool_calls",
        swap(TOOL, 6, end("tool_calls")),
        {("stop-reason.unknown", 6, "/delta/stop_reason")},
        PY,
        PARIS,
    ),
    Row(132, "stop", swap(TEXT, 6, end("stop")), {("stop-reason.unknown", 6, "/delta/stop_reason")}, PY),
    Row(132, "empty", swap(TEXT, 6, end("")), {("stop-reason.unknown", 6, "/delta/stop_reason")}, PY),
    Row(
        132,
        "end_turn with a call",
        swap(TOOL, 6, end()),
        {("stop-reason.tool-use", 6, "/delta/stop_reason")},
        PY,
        PARIS,
    ),
    Row(
        0,
        "a stop sequence of digits",
        swap(TEXT, 6, change(end(), "delta", "stop_sequence", to=1)),
        {("stop-sequence.type", 6, "/delta/stop_sequence")},
        AI,
    ),
    Row(
        133,
        "no event line",
        stream(*TEXT[:3]) + sse({"type": "error", "error": {"type": "api_error", "message": "boom"}}),
        {("event-line.missing", 4, "")},
        PY,
        ERROR,
    ),
    Row(133, "OpenAI's shape", stream(*TEXT[:3]) + sse(BOOM), {("error.shape", 4, "")}, PY, ERROR),
    Row(
        133,
        "a bare message",
        stream(*TEXT[:3]) + sse({"code": 1302, "message": "boom"}),
        {("error.shape", 4, "")},
        PY,
        ERROR,
    ),
    Row(133, "OpenAI's shape, named", stream(*TEXT[:3]) + sse(BOOM, "error"), {("error.shape", 4, "")}, AI, ERROR),
    Row(
        133,
        "another type, named",
        stream(*TEXT[:3]) + sse({"type": "server_error"}, "error"),
        {("error.shape", 4, "/type")},
        AI,
        ERROR,
    ),
    Row(133, "text", stream(*TEXT[:3]) + sse("boom", "error"), {("error.shape", 4, "")}, AI, ERROR),
    Row(
        133,
        "an error of text",
        stream(*TEXT[:3]) + sse({"type": "error", "error": "boom"}, "error"),
        {("error.shape", 4, "/error")},
        AI,
        ERROR,
    ),
]

ROWS: Final = [*FRAMING, *OPENING, *BLOCKS, *CALLS, *ENDING]


def _body(**fields: object) -> bytes:
    return json.dumps(WHOLE | {name: value for name, value in fields.items() if value is not ...}).encode()


BODIES: Final = [
    Body("text", _body(), set()),
    Body("a call", _body(content=[PARIS[0][0]], stop_reason="tool_use"), set()),
    Body("unknown block and field", _body(content=[{"type": "new"}], x=1), set()),
    Body("an error of this wire", b'{"type":"error","error":{"type":"api_error","message":"x"}}', set()),
    Body("another's error", json.dumps(BOOM).encode(), {("error.shape", "")}),
    Body("an error of text", b'{"type":"error","error":"x"}', {("error.shape", "/error")}),
    Body("empty", b" \n", {("body.empty", "")}),
    Body("a page", b"<html>", {("data.not-json", "")}),
    Body("a list", b"[]", {("data.not-object", "")}),
    Body("a stream", stream(*TEXT), {("body.stream", "")}),
    Body(
        "chat's reply",
        b'{"choices":[]}',
        {
            ("body.type", "/type"),
            ("body.model", "/model"),
            ("body.content", "/content"),
            ("stop-reason.missing", "/stop_reason"),
            ("body.usage", "/usage"),
        },
    ),
    Body("stop", _body(stop_reason="stop"), {("stop-reason.unknown", "/stop_reason")}),
    Body("end_turn with a call", _body(content=[CALL]), {("stop-reason.tool-use", "/stop_reason")}),
    Body(
        "counts as text",
        _body(usage={"input_tokens": "1", "output_tokens": None, "cache_read_input_tokens": "2"}),
        {
            ("usage.input-tokens", "/usage/input_tokens"),
            ("usage.output-tokens", "/usage/output_tokens"),
            ("usage.counter", "/usage/cache_read_input_tokens"),
        },
    ),
    Body(
        "blocks",
        _body(
            content=[
                {"type": "text", "text": None},
                {"type": "thinking", "thinking": "x"},
                {"type": "redacted_thinking"},
                {"type": "tool_use", "input": ""},
                1,
                {"text": "x"},
            ],
            stop_reason="tool_use",
        ),
        {
            ("text.not-string", "/content/0/text"),
            ("signature.not-string", "/content/1/signature"),
            ("redacted.data", "/content/2/data"),
            ("tool.id", "/content/3/id"),
            ("tool.name", "/content/3/name"),
            ("tool.input-type", "/content/3/input"),
            ("block.missing", "/content/4"),
            ("block.type-missing", "/content/5/type"),
        },
    ),
]
