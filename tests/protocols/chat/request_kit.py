"""What the tests of the chat wire's request codec share: short ways in, and the official request type as oracle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter

from wiremend.message import ChatRequest, Message, Part, Role, Wire
from wiremend.protocols.chat.request_read import read_request
from wiremend.protocols.chat.request_write import write_request
from wiremend.protocols.codec import Loss, Path, Read, Recipient, Written

if TYPE_CHECKING:
    from collections.abc import Mapping

type Json = dict[str, Any]

OPENAI: Final = "api.openai.com"
ROUTER: Final = "openrouter.ai"
OTHER: Final = "api.deepseek.com"

_STREAMED: Final[TypeAdapter[Any]] = TypeAdapter(CompletionCreateParamsStreaming)
_WHOLE: Final[TypeAdapter[Any]] = TypeAdapter(CompletionCreateParamsNonStreaming)


def read(messages: object = (), **fields: object) -> Read:
    """Read a body with these messages and fields, from its JSON."""
    return read_request(json.loads(json.dumps({"model": "m", "messages": messages or [], **fields})))


def said(*messages: Json) -> tuple[Message, ...]:
    """Read messages."""
    return read(messages).request.messages


def request(*messages: Message, wire: Wire = "messages", **fields: Any) -> ChatRequest:  # noqa: ANN401  any field
    """Make a request that came by another wire."""
    return ChatRequest(wire=wire, model="asked", messages=messages, **fields)


def turn(role: Role, *parts: Part, **fields: Any) -> Message:  # noqa: ANN401  any field
    """Make a message."""
    return Message(role, parts, **fields)


def write(asked: ChatRequest, host: str = OTHER) -> Written:
    """Write a request for a host; the document is what is read back from its JSON."""
    written = write_request(asked, Recipient("sent", host=host))
    document = json.loads(msgspec.json.encode(written.document))
    return Written(document, written.losses, written.bridges, written.headers)


def messages_of(*messages: Message, host: str = OTHER, wire: Wire = "messages") -> list[Json]:
    """Write messages."""
    found: list[Json] = write(request(*messages, wire=wire), host).document["messages"]
    return found


def lost(losses: tuple[Loss, ...]) -> list[tuple[str, Path, str]]:
    """Give the parts of losses that stay as they are whatever the words."""
    return [(loss.kind, loss.path, loss.code) for loss in losses]


def official(document: Mapping[str, Any]) -> Json:
    """Give a body as the official request type has it: without what it does not know. Raises on what is wrong."""
    oracle = _STREAMED if document.get("stream") else _WHOLE
    found: Json = _consumed(oracle.validate_python(document))
    return found


def _consumed(value: Any) -> Any:  # noqa: ANN401  any JSON
    """Go through all lists: the type validates them as they are read."""
    if isinstance(value, dict):
        return {name: _consumed(item) for name, item in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    return [_consumed(item) for item in value]
