"""What providers get wrong in whole bodies, as a table: the body, and what is told of it."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from tests.protocols.responses.kit import DROP, Json, call, change, encode, message, reasoning, response, search
from tests.protocols.responses.quirks import TEXT

FULL: Final = json.loads(json.dumps(response("completed", [reasoning("so"), message("Hello"), call(), search()])))
_ERROR: Final = {"error": {"message": "boom", "type": "server_error", "param": None, "code": None}}


class Row(NamedTuple):
    """A body, and what is told of it as (code without its wire, JSON pointer)."""

    name: str
    body: bytes | Json
    told: set[tuple[str, str]]


def _changed(pointer: str, value: object) -> Json:
    (body,) = change([FULL], {1: {pointer: value}})
    assert isinstance(body, dict)
    return body


ROWS: Final = (
    Row("not JSON", b"<html>502</html>", {("body.not-json", "")}),
    Row("empty", b"", {("body.not-json", "")}),
    Row("a list", b"[]", {("body.not-json", "")}),
    Row("104 an event stream", encode(TEXT), {("body.is-stream", "")}),
    Row("104 an event stream that opens with a comment", b": hi\n\n" + encode(TEXT), {("body.is-stream", "")}),
    Row("105 an error", _ERROR, {("body.error", "/error")}),
    Row(
        "105 a response that failed",
        response("failed", error={"code": "rate_limit_exceeded", "message": "slow down"}),
        {("body.failed", "/status")},
    ),
    Row("105 an error in MiniMax's words", {"base_resp": {"status_code": 1004}}, {("body.error", "/base_resp")}),
    Row("105 an error in FastAPI's words", {"detail": "no"}, {("body.error", "/detail")}),
    Row("105 a bare error", {"code": 1302, "message": "no"}, {("body.error", "/message")}),
    Row("148 a chat completion", {"object": "chat.completion", "choices": []}, {("body.is-chat", "")}),
    Row("141 no id", _changed("/id", DROP), {("response.id-missing", "/id")}),
    Row(
        "141 no id of two items",
        response("completed", [call() | {"id": ""}, call() | {"id": None}]),
        {("item.id-missing", "/output/0/id"), ("item.id-missing", "/output/1/id")},
    ),
    Row("no output", _changed("/output", None), {("response.output-invalid", "/output")}),
    Row("137 no total", _changed("/usage/total_tokens", DROP), {("usage.invalid", "/usage/total_tokens")}),
    Row(
        "no annotations",
        _changed("/output/1/content/0/annotations", DROP),
        {("part.annotations-missing", "/output/1/content/0/annotations")},
    ),
    Row("text null", _changed("/output/1/content/0/text", None), {("part.text-invalid", "/output/1/content/0/text")}),
    Row("141 no call_id", _changed("/output/2/call_id", ""), {("item.call-id-missing", "/output/2/call_id")}),
    Row("two of one id", _changed("/output/3/id", "fc_1"), {("item.id-repeated", "/output/3/id")}),
    Row("a user's message", _changed("/output/1/role", "user"), {("item.role-invalid", "/output/1/role")}),
)
