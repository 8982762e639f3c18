"""What providers get wrong on this wire, as one table: the smallest offending stream, what is told, and who minds.

``oracle`` is the client that refuses the stream or loses part of it: ``PY`` is openai-python, which the test then asks;
a text names another client and how that is known: measured, by giving it this very stream, or read in its source. The
numbers of the events of the two streams that most rows break::

    TEXT  1 created  2 item.added  3 part.added  4, 5 text.delta  6 text.done  7 part.done  8 item.done  9 completed
    CALL  1 created  2 item.added  3, 4 arguments.delta  5 arguments.done  6 item.done  7 completed
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from tests.protocols.responses.kit import (
    DROP,
    USAGE,
    Stream,
    Told,
    call,
    change,
    encode,
    insert,
    message,
    reasoning,
    response,
    stream,
    whole,
    without,
)

PY: Final = "openai-python"
NODE: Final = "openai-node 7.55 (measured)"
AI: Final = "@ai-sdk/openai 3.0.141 (measured)"
CODEX: Final = "Codex (measured)"
OLD_PY: Final = "openai-python 1.109 (measured)"

TEXT: Final = stream(message("Hello there"))
CALL: Final = stream(call())
TWO: Final = stream(message("Hello there"), call())
THOUGHT: Final = stream(reasoning("first", "second", raw="raw"))


class Row(NamedTuple):
    """One way to be wrong. ``told`` has (code without its wire, number of the event, JSON pointer)."""

    quirk: str
    bad: bytes | Stream
    told: Told
    oracle: str


def alone(code: str, event: int = 1, pointer: str = "") -> Told:
    """Tell one violation."""
    return {(code, event, pointer)}


def _lines(events: Stream) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


def every(events: Stream, pointer: str, value: object, *numbers: int) -> Stream:
    """Set or drop one value in several events."""
    return change(events, {number: {pointer: value} for number in numbers})


_ERROR: Final = {"code": "server_error", "message": "boom"}
_CHAT: Final = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]}

FRAMING: Final = (
    Row("99 sse-final-newline-missing", encode(TEXT)[:-2], alone("event.unterminated", 9), PY),
    Row("100 ping without data", insert(TEXT, 3, b"event: ping\n\n"), alone("event.no-data", 3), PY),
    Row("100 empty data", insert(TEXT, 3, b"data:\n\n"), alone("event.no-data", 3), PY),
    Row("100 bare retry", insert(TEXT, 1, b"retry: 3000\n\n"), alone("event.no-data", 1), PY),
    Row("100 bare id", insert(TEXT, 3, b"id: 7\n\n"), alone("event.no-data", 3), PY),
    Row(
        "100 comment after an id, which openai-python keeps",
        insert(TEXT, 3, b'id: 7\ndata: {"type": "response.queued", "response": {"id": "resp_1"}}\n\n', b": ping\n\n"),
        alone("event.no-data", 4),
        PY,
    ),
    Row("a comment that is not UTF-8", insert(TEXT, 3, b": \xff\n\n"), alone("event.not-utf8", 3), PY),
    Row(
        "a field of a delta that is not UTF-8",
        insert(without(TEXT, 4), 4, encode([TEXT[3]]).replace(b"{", b'{"vendor": "\xff", ', 1)),
        alone("event.not-utf8", 4),
        PY,
    ),
    Row("100 empty object", insert(TEXT, 3, b"data: {}\n\n"), alone("event.type-missing", 3, "/type"), AI),
    Row("100 keep-alive in words", insert(TEXT, 3, b"data: ping\n\n"), alone("event.not-json", 3), PY),
    Row(
        "100 keep-alive first",
        insert(TEXT, 1, b'data: {"type": "keepalive"}\n\n'),
        alone("event.keep-alive", 1, "/type"),
        PY,
    ),
    Row("100 not an object", insert(TEXT, 3, b"data: null\n\n"), alone("event.not-object", 3), PY),
    Row(
        "102 no blank lines between events",
        b"".join(b"data: " + line + b"\n" for line in _lines(TEXT)) + b"\n",
        alone("event.merged"),
        PY,
    ),
    Row("102 lines without data:", b"\n".join(_lines(TEXT)) + b"\n\n", alone("event.unframed"), PY),
    Row("102 BOM", b"\xef\xbb\xbf" + encode(TEXT, named=False), alone("event.bom"), PY),
    Row(
        "102 JSON over lines without data:",
        insert(TEXT, 2, b'data: {"type":\n"response.in_progress"}\n\n'),
        alone("event.not-json", 2),
        PY,
    ),
    Row(
        "48 half of a surrogate pair",
        insert(without(TEXT, 4), 4, encode([TEXT[3]]).replace(b'"Hello"', b'"Hell\\ud83d"')),
        alone("event.not-json", 4),
        "Codex (serde_json refuses it)",
    ),
    Row("103 a body for a stream", json.dumps(response("completed")).encode(), alone("event.unframed"), PY),
    Row(
        "103 a body over lines",
        json.dumps(response("completed", [message("x")]), indent=1).encode() + b"\n",
        alone("event.unframed"),
        PY,
    ),
    Row("105 an error for a stream", b'{"error": {"message": "boom"}}', alone("error.object"), PY),
    Row("a page of a gateway", b"<html>\n<h1>502</h1>\n</html>\n", alone("event.unframed"), PY),
)

ENDS: Final = (
    Row("nothing", b"", alone("stream.empty"), PY),
    Row("comments only", b": a\n\n: b\n\n", alone("stream.empty"), PY),
    Row("135 resp-completed-missing", without(TEXT, 9), alone("stream.completed-missing", 9), PY),
    Row(
        "135 [DONE] in its place",
        [*without(TEXT, 9), b"data: [DONE]\n\n"],
        alone("stream.completed-missing", 9),
        PY,
    ),
    Row("98 [DONE] misspelt", [*TEXT, b"data:  [DONE]\n\n"], alone("event.not-json", 10), PY),
    Row(
        "136 resp-done-alias",
        change(TEXT, {9: {"/type": "response.done"}}),
        alone("event.type-alias", 9, "/type"),
        PY,
    ),
    Row("two ends", [*TEXT, whole("failed", sequence_number=9)], alone("stream.after-end", 10), AI),
    Row(
        "144 an error event",
        [*TEXT[:2], {"type": "error", **_ERROR}],
        alone("error.event", 3, "/type"),
        CODEX,
    ),
    Row(
        "144 an error event as OpenAI sends it",
        [*TEXT[:2], {"type": "error", "error": {"type": "x", **_ERROR}}],
        alone("error.event", 3, "/type"),
        PY,
    ),
    Row("144 chat's error", [*TEXT[:2], {"error": _ERROR}], alone("error.object", 3, "/error"), PY),
    Row("144 a bare error", [*TEXT[:2], _ERROR], alone("error.object", 3, "/message"), CODEX),
    Row(
        "144 an error in another event",
        change(TEXT, {5: {"/error": _ERROR}}),
        {("error.object", 5, "/error"), *((("stream.after-end", number, "")) for number in (6, 7, 8, 9))},
        PY,
    ),
    Row(
        "failed without its number",
        [TEXT[0], whole("failed", error=_ERROR)],
        alone("failed.unnumbered", 2, "/sequence_number"),
        AI,
    ),
    Row(
        "failed with an error that says nothing",
        [TEXT[0], whole("failed", error={"code": 500}) | {"sequence_number": 1}],
        {("failed.error-invalid", 2, "/response/error/message"), ("failed.error-invalid", 2, "/response/error/code")},
        AI,
    ),
    Row(
        "incomplete for a reason that is no text",
        [TEXT[0], whole("incomplete", incomplete_details={})],
        alone("incomplete.reason-invalid", 2, "/response/incomplete_details/reason"),
        AI,
    ),
    Row(
        "completed, with the status of a failure",
        [TEXT[0], whole("failed", error=_ERROR) | {"type": "response.completed"}],
        alone("response.status-wrong", 2, "/response/status"),
        CODEX,
    ),
    Row(
        "completed, with the status of an answer cut off",
        [*TEXT[:5], whole("incomplete") | {"type": "response.completed"}],
        alone("response.status-wrong", 6, "/response/status"),
        CODEX,
    ),
    Row("148 resp-stream-is-chat", [_CHAT, _CHAT, b"data: [DONE]\n\n"], alone("stream.chat-chunks"), PY),
    Row("145 ping", insert(TEXT, 4, {"type": "ping"}), alone("event.keep-alive", 4, "/type"), NODE),
    Row(
        "143 resp-type-missing",
        insert(without(TEXT, 1), 1, encode([TEXT[0]]).replace(b'"type": "response.created", ', b"")),
        alone("event.type-missing", 1, "/type"),
        PY,
    ),
)

RESPONSE: Final = (
    Row(
        "137 no id",
        change(TEXT, {9: {"/response/id": DROP}}),
        alone("response.id-missing", 9, "/response/id"),
        PY,
    ),
    Row(
        "137 chat's names",
        change(TEXT, {9: {"/response/usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}}),
        {("usage.invalid", 9, f"/response/usage/{name}_tokens") for name in ("input", "output")},
        CODEX,
    ),
    Row(
        "137 no total",
        change(TEXT, {9: {"/response/usage/total_tokens": DROP}}),
        alone("usage.invalid", 9, "/response/usage/total_tokens"),
        CODEX,
    ),
    Row(
        "137 details without their counter",
        change(TEXT, {9: {"/response/usage": USAGE | {"input_tokens_details": {}}}}),
        alone("usage.invalid", 9, "/response/usage/input_tokens_details/cached_tokens"),
        "Codex (source)",
    ),
    Row(
        "137 a count as text",
        change(TEXT, {9: {"/response/usage/output_tokens": "7"}}),
        alone("usage.invalid", 9, "/response/usage/output_tokens"),
        AI,
    ),
    Row(
        "137 no output",
        change(TEXT, {9: {"/response/output": DROP}}),
        alone("response.output-invalid", 9, "/response/output"),
        "openai-python before 3.51 (measured)",
    ),
    Row(
        "an empty output",
        change(TEXT, {9: {"/response/output": []}}),
        alone("response.output-short", 9, "/response/output"),
        PY,
    ),
    Row(
        "created without its response",
        change(TEXT, {1: {"/response": DROP}}),
        {("response.missing", 1, "/response"), ("response.id-changed", 9, "/response/id")},
        PY,
    ),
    Row(
        "created without model and time",
        change(TEXT, {1: {"/response/model": DROP, "/response/created_at": "now"}}),
        {
            ("response.model-missing", 1, "/response/model"),
            ("response.created-at-missing", 1, "/response/created_at"),
        },
        AI,
    ),
    Row(
        "146 resp-id-changes",
        change(TEXT, {9: {"/response/id": "resp_2"}}),
        alone("response.id-changed", 9, "/response/id"),
        PY,
    ),
)
