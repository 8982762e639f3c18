"""What the tests of the messages wire's request codec share: recipients, the official types as oracle, short cuts."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from anthropic.types.beta import message_create_params
from msgspec.structs import replace
from pydantic import TypeAdapter

from wiremend.message import ChatRequest
from wiremend.protocols.codec import Recipient
from wiremend.protocols.messages.request_read import read_request
from wiremend.protocols.messages.request_write import write_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.message import Message
    from wiremend.protocols.codec import Loss, Read, Written

OLD: Final = Recipient("claude-sonnet-4-5-20250929", "anthropic", "api.anthropic.com", 64_000)
MIDDLE: Final = Recipient("claude-opus-4-6", "anthropic", "api.anthropic.com", 128_000)
NEW: Final = Recipient("claude-opus-4-8", "anthropic", "api.anthropic.com", 128_000)
KIMI: Final = Recipient("kimi-for-coding", "kimi-code", "api.kimi.com")

SAMPLING: Final = frozenset({"temperature", "top_p", "top_k"})
"""Fields of API version 2023-06-01, which the SDK's newest types leave out."""


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(message_create_params.MessageCreateParamsNonStreaming)


def _drained(value: object) -> object:
    """Walk what pydantic checks only when somebody looks at it."""
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    if isinstance(value, dict):
        return {name: _drained(inner) for name, inner in value.items()}
    return [_drained(inner) for inner in cast("Iterable[object]", value)]


def assert_official(written: Written) -> None:
    """Hold a body against the official SDK's types; fields that it does not know are a failure too."""
    document = json.loads(msgspec.json.encode(written.document))
    known = set(message_create_params.MessageCreateParamsStreaming.__annotations__) | SAMPLING
    known |= set(message_create_params.MessageCreateParamsBase.__annotations__)
    own = {name for name in document if name.startswith("x_")}
    assert set(document) - known - own == set()
    stream = document.pop("stream", None)
    assert stream in {None, True}
    _drained(_adapter().validate_python(document))


def read(document: object) -> Read:
    """Read a body as it comes from a client: as bytes."""
    decoded = msgspec.json.decode(json.dumps(document).encode())
    found = read_request(decoded)
    assert found.losses == ()
    assert found.bridges == {}
    return found


def asked(*messages: object, **fields: object) -> Read:
    """Read a body with these messages."""
    return read({"model": "m", "max_tokens": 10, "messages": list(messages), **fields})


def chat(*messages: Message, **fields: object) -> ChatRequest:
    """Give a request that came by the chat wire, unless it is said otherwise."""
    return replace(ChatRequest(wire="chat", model="m", messages=messages, max_tokens=50_000), **fields)


def write(request: ChatRequest, to: Recipient = OLD) -> Written:
    """Write a request, and hold it against the official types."""
    written = write_request(request, to)
    assert_official(written)
    return written


def told(losses: Sequence[Loss]) -> list[tuple[str, str, str]]:
    """Give kind, path and code of losses."""
    return [(loss.kind, "/".join(map(str, loss.path)), loss.code) for loss in losses]
