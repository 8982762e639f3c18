"""Errors of a provider of one wire, as the official SDK of another knows them: its exception, its status, the words.

By these an agent decides whether to ask again, to shorten its history, or to give up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anthropic
import httpx2
import openai
import pytest

from tests.oracles import Served
from tests.translate.exchanges import EXCHANGES
from tests.translate.kit import Direction
from tests.translate.said import DIRECTIONS, Wire
from tests.translate.understood import HI, KEY

if TYPE_CHECKING:
    from tests.translate.said import Json


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error: status, type and words of Anthropic and of OpenAI, and the class that both SDKs have for it.

    ``says`` must be in what the client shows, besides the provider's words.
    """

    name: str
    anthropic: tuple[int, str, str]
    openai: tuple[int, str, str | None, str]
    raised: str
    says: tuple[str, ...] = ()


TROUBLES: Final = (
    Trouble(
        "a wrong key",
        (401, "authentication_error", "invalid x-api-key"),
        (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
        "AuthenticationError",
    ),
    Trouble(
        "no permission",
        (403, "permission_error", "Your API key does not have permission to use the specified resource."),
        (403, "invalid_request_error", None, "You are not allowed to sample from this model"),
        "PermissionDeniedError",
    ),
    Trouble(
        "no such model",
        (404, "not_found_error", "model: nosuch"),
        (404, "invalid_request_error", "model_not_found", "The model `nosuch` does not exist"),
        "NotFoundError",
    ),
    Trouble(
        "a wrong request",
        (400, "invalid_request_error", "messages.0.content: Input should be a valid string"),
        (400, "invalid_request_error", "invalid_type", "Invalid type for 'messages[0].content'"),
        "BadRequestError",
    ),
    Trouble(
        "a prompt that is too long",
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens.",
        ),
        "BadRequestError",
        ("210000", "200000"),
    ),
    Trouble(
        "too many requests",
        (429, "rate_limit_error", "This request would exceed your organization's rate limit"),
        (429, "requests", "rate_limit_exceeded", "Rate limit reached for m on requests per min"),
        "RateLimitError",
    ),
    Trouble(
        "overload",
        (529, "overloaded_error", "Overloaded"),
        (503, "server_error", None, "The server is currently overloaded"),
        "InternalServerError",
    ),
    Trouble(
        "a failure of theirs",
        (500, "api_error", "Internal server error"),
        (500, "server_error", None, "The server had an error while processing your request"),
        "InternalServerError",
    ),
)
WAYS = [(trouble, *way) for trouble in TROUBLES for way in DIRECTIONS]


def told(trouble: Trouble, upstream: Wire) -> tuple[int, Json, str]:
    """Give status, body and words as a provider of this wire sends them."""
    if upstream == "messages":
        status, kind, words = trouble.anthropic
        return status, {"type": "error", "error": {"type": kind, "message": words}}, words
    status, kind, code, words = trouble.openai
    return status, {"error": {"message": words, "type": kind, "param": None, "code": code}}, words


def raised(client: Wire, served: Served) -> Any:  # noqa: ANN401  the SDKs' exceptions have no common class
    """Let the SDK of the client's wire have an answer; give what it raises."""
    with httpx2.Client(transport=httpx2.MockTransport(served), trust_env=False) as http:
        base: Any = {"api_key": KEY, "base_url": "http://127.0.0.1:9", "max_retries": 0, "http_client": http}
        try:
            if client == "messages":
                anthropic.Anthropic(**base).messages.create(model="m", max_tokens=9, messages=HI)
            elif client == "chat":
                openai.OpenAI(**base).chat.completions.create(model="m", messages=HI)
            else:
                openai.OpenAI(**base).responses.create(model="m", input="hi")
        except (anthropic.APIStatusError, openai.APIStatusError) as error:
            return error
    raise AssertionError


@pytest.mark.parametrize(("trouble", "client", "upstream"), WAYS, ids=lambda one: getattr(one, "name", one))
def test_the_sdk_raises_what_it_has_for_the_error(trouble: Trouble, client: Wire, upstream: Wire) -> None:
    way = Direction(client, upstream)
    status, body, words = told(trouble, upstream)
    answer = way.down(way.asks(EXCHANGES["text"]), [json.dumps(body).encode()], kind="application/json", status=status)
    error = raised(client, Served(answer.body, answer.status, answer.content_type or "application/json"))
    known = getattr(anthropic if client == "messages" else openai, trouble.raised)
    assert isinstance(error, known)
    assert error.status_code == answer.status
    assert all(said in str(error) for said in trouble.says or (words,))
    shown = error.body
    if client == "messages":
        assert shown["type"] == "error"
        assert isinstance(shown["error"]["type"], str)
    if trouble.name == "a prompt that is too long":
        assert ("prompt is too long" in str(error)) if client == "messages" else shown["code"] == trouble.openai[2]
