"""Error objects, as the official SDKs see them.

A server on loopback answers with what ``error_body`` writes; the real anthropic and openai clients call it and must
raise the class that their users catch, with our message in it. Type and code are compared with the vendors'
documentation.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, get_args

import anthropic
import openai
import pytest
from anthropic.types.shared.error_type import ErrorType

from wiremend.protocols import WIRES
from wiremend.protocols.base import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.protocols.base import WireName

MESSAGE = "the key is missing: see rules.yaml:3 → “providers”"

# kind, status, class in anthropic, class in openai, type in anthropic, (type, code) in openai
TABLE = [
    ("authentication", 401, "AuthenticationError", "AuthenticationError", "authentication_error", "invalid_api_key"),
    ("permission", 403, "PermissionDeniedError", "PermissionDeniedError", "permission_error", "permission_denied"),
    ("invalid_request", 400, "BadRequestError", "BadRequestError", "invalid_request_error", None),
    ("not_found", 404, "NotFoundError", "NotFoundError", "not_found_error", "not_found"),
    ("model_not_found", 404, "NotFoundError", "NotFoundError", "not_found_error", "model_not_found"),
    ("request_too_large", 413, "APIStatusError", "APIStatusError", "request_too_large", "request_too_large"),
    ("rate_limit", 429, "RateLimitError", "RateLimitError", "rate_limit_error", "rate_limit_exceeded"),
    ("quota", 402, "APIStatusError", "APIStatusError", "billing_error", "insufficient_quota"),
    ("quota", 429, "RateLimitError", "RateLimitError", "billing_error", "insufficient_quota"),
    ("context_length", 400, "BadRequestError", "BadRequestError", "invalid_request_error", "context_length_exceeded"),
    ("overloaded", 503, "InternalServerError", "InternalServerError", "overloaded_error", "server_is_overloaded"),
    ("overloaded", 529, "InternalServerError", "InternalServerError", "overloaded_error", "server_is_overloaded"),
    ("timeout", 504, "InternalServerError", "InternalServerError", "timeout_error", "timeout"),
    ("timeout", 524, "InternalServerError", "InternalServerError", "timeout_error", "timeout"),
    ("loop", 508, "InternalServerError", "InternalServerError", "api_error", "loop"),
    ("upstream", 502, "InternalServerError", "InternalServerError", "api_error", "upstream"),
    ("upstream", 504, "InternalServerError", "InternalServerError", "timeout_error", "upstream"),
    ("internal", 500, "InternalServerError", "InternalServerError", "api_error", "internal"),
]
IDS = [f"{row[0]}-{row[1]}" for row in TABLE]


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to every request on a free port; give the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def ask_anthropic(base: str) -> None:
    http = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(api_key="sk-ant-FAKE", base_url=base, max_retries=0, http_client=http) as client:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}])


def ask_openai(base: str, call: Callable[[openai.OpenAI], object]) -> None:
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(api_key="sk-FAKE", base_url=base + "/v1", max_retries=0, http_client=http) as client:
        call(client)


def ask_chat(base: str) -> None:
    ask_openai(
        base, lambda c: c.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
    )


def ask_responses(base: str) -> None:
    ask_openai(base, lambda client: client.responses.create(model="m", input="hi", stream=True))


@pytest.mark.parametrize(("kind", "status", "raised", "_openai", "type_", "_code"), TABLE, ids=IDS)
def test_anthropic_sdk_raises_its_class_with_our_message(
    kind: str, status: int, raised: str, _openai: str, type_: str, _code: str | None
) -> None:
    with (
        answering(status, WIRES["messages"].error_body(status, kind, MESSAGE)) as base,
        pytest.raises(getattr(anthropic, raised)) as caught,
    ):
        ask_anthropic(base)
    error = caught.value
    assert error.status_code == status
    assert error.body == {"type": "error", "error": {"type": type_, "message": MESSAGE}}
    assert MESSAGE in str(error)


@pytest.mark.parametrize("ask", (ask_chat, ask_responses))
@pytest.mark.parametrize(("kind", "status", "_anthropic", "raised", "_type", "code"), TABLE, ids=IDS)
def test_openai_sdk_raises_its_class_with_our_message(
    kind: str, status: int, _anthropic: str, raised: str, _type: str, code: str | None, ask: Callable[[str], None]
) -> None:
    wire: WireName = "chat" if ask is ask_chat else "responses"
    with (
        answering(status, WIRES[wire].error_body(status, kind, MESSAGE)) as base,
        pytest.raises(getattr(openai, raised)) as caught,
    ):
        ask(base)
    error = caught.value
    assert error.status_code == status
    assert (error.body["message"], error.code, error.param) == (MESSAGE, code, None)
    assert MESSAGE in str(error)


def test_every_kind_is_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(get_args(ErrorKind.__value__))


@pytest.mark.parametrize("status", (400, 401, 402, 403, 404, 409, 413, 418, 422, 429, 500, 502, 503, 504, 508, 529))
def test_types_of_the_messages_wire_are_anthropic_s_own(status: int) -> None:
    """``request_too_large`` is in Anthropic's documentation of errors, though not in the SDK's type."""
    body = json.loads(WIRES["messages"].error_body(status, "something else", MESSAGE))
    assert body["error"]["type"] in {*get_args(ErrorType), "request_too_large"}


@pytest.mark.parametrize(
    ("status", "anthropic_type", "openai_type"),
    (
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "invalid_request_error"),
        (402, "billing_error", "invalid_request_error"),
        (403, "permission_error", "invalid_request_error"),
        (404, "not_found_error", "invalid_request_error"),
        (413, "request_too_large", "invalid_request_error"),
        (429, "rate_limit_error", "invalid_request_error"),
        (500, "api_error", "server_error"),
        (504, "timeout_error", "server_error"),
        (529, "overloaded_error", "server_error"),
    ),
)
def test_unknown_kind_is_described_by_its_status(status: int, anthropic_type: str, openai_type: str) -> None:
    types = {name: json.loads(wire.error_body(status, "?", "m"))["error"]["type"] for name, wire in WIRES.items()}
    assert types == {"messages": anthropic_type, "chat": openai_type, "responses": openai_type}


@pytest.mark.parametrize("name", list(WIRES))
@pytest.mark.parametrize("message", ("", "a\nb\0", '"quoted"', "half a pair: \ud83d"))
def test_any_message_gives_json(name: WireName, message: str) -> None:
    body: dict[str, Any] = json.loads(WIRES[name].error_body(500, "internal", message))
    assert body["error"]["message"] == message.replace("\ud83d", "\\ud83d")
