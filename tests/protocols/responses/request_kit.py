"""Making requests of the Responses API, and neutral ones, in few words."""

from __future__ import annotations

from typing import Any, Final

from wiremend.message import ChatRequest, Message, Text, ToolResult, ToolUse
from wiremend.protocols.codec import Read, Recipient, Written
from wiremend.protocols.responses.request_read import read_request
from wiremend.protocols.responses.request_write import write_request

type Json = dict[str, Any]

OPENAI: Final = Recipient("gpt-lab", "openai", "api.openai.com", seed="s")
LOCAL: Final = Recipient("open-lab", "local", "127.0.0.1:8000", seed="s")
CALL: Final = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT: Final = {"type": "function_call_output", "call_id": "c1", "output": "done"}
USE: Final = ToolUse("c1", "f", '{"a":1}')
RESULT: Final = ToolResult("c1", (Text("done"),))
LOG: Final = {"type": "function", "name": "log", "strict": False, "parameters": {"type": "object", "properties": {}}}


def user(*parts: Any) -> Message:  # noqa: ANN401 - any part
    return Message("user", parts)


def assistant(*parts: Any) -> Message:  # noqa: ANN401 - any part
    return Message("assistant", parts)


def text(words: str) -> Json:
    return {"type": "input_text", "text": words}


def read(*items: Json | str, **fields: Any) -> Read:  # noqa: ANN401 - any JSON
    return read_request({"model": "m", "input": list(items), **fields})


def messages(*items: Json | str, **fields: Any) -> tuple[Message, ...]:  # noqa: ANN401 - any JSON
    return read(*items, **fields).request.messages


def one(item: Json) -> Any:  # noqa: ANN401 - any part
    (message,) = messages(item)
    (part,) = message.parts
    return part


def write(*messages: Message, to: Recipient = OPENAI, wire: Any = "messages", **fields: Any) -> Written:  # noqa: ANN401 - any field
    return write_request(ChatRequest(wire=wire, model="asked", messages=messages, **fields), to)


def items(*messages: Message, to: Recipient = OPENAI, wire: str = "messages") -> Any:  # noqa: ANN401 - any JSON
    return write(*messages, to=to, wire=wire).document["input"]


def told(written: Written) -> list[tuple[str, tuple[str | int, ...], str]]:
    return [(loss.kind, loss.path, loss.code) for loss in written.losses]
