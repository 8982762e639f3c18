"""What the tests of the chat contract share: chunks in few words, the verdict on a stream, the openai SDK as oracle.

The oracle is the SDK's own accumulator (``client.chat.completions.stream``), fed the bytes through a mock transport:
what it raises, or else what it has understood when the stream ends.
"""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx2
import openai
from openai import OpenAI

from tests.lab.replies import sse
from wiremend.protocols.chat.contract import Contract
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.violation import Violation

type Json = dict[str, Any]
type Found = tuple[str, int, str]

HEAD: Final[Json] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
USAGE: Final[Json] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def chunk(delta: object = None, finish: object = None, *, index: object = 0, **top: object) -> bytes:
    """Write a chunk of one choice; ``top`` replaces or adds fields of the chunk."""
    choice = {"index": index, "delta": {} if delta is None else delta, "finish_reason": finish}
    return sse({**HEAD, "choices": [choice], **top})


def choices(*items: object, **top: object) -> bytes:
    """Write a chunk with these choices as they are."""
    return sse({**HEAD, "choices": list(items), **top})


def without(raw: bytes, *names: str) -> bytes:
    """Take fields off the top of a chunk."""
    value = json.loads(raw.removeprefix(b"data: "))
    return sse({name: item for name, item in value.items() if name not in names})


def tools(*calls: object, finish: object = None) -> bytes:
    """Write a chunk whose delta has these pieces of tool calls as they are."""
    return chunk({"tool_calls": list(calls)}, finish)


def call(index: int, ident: str, arguments: str = "", name: str = "f") -> Json:
    """Write the first piece of a tool call."""
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": ident, "type": "function", "function": function}


def more(index: object, arguments: object) -> Json:
    """Write a later piece of a tool call."""
    return {"index": index, "function": {"arguments": arguments}}


ROLE: Final = chunk({"role": "assistant", "content": ""})
TEXT: Final = chunk({"content": "Hi"})
STOP: Final = chunk(finish="stop")
CALLS: Final = chunk(finish="tool_calls")
TOTAL: Final = choices(usage=USAGE)
DONE: Final = sse("[DONE]")


def verdict(raw: bytes) -> list[Violation]:
    """Give all that the contract says of a stream."""
    parser, contract = EventParser(), Contract()
    events = parser.feed(raw) + parser.close()
    violations = [violation for event in events for violation in contract.feed(event)]
    return [*violations, *contract.close()]


def found(violations: Iterable[Violation]) -> list[Found]:
    """Give the parts of violations that stay as they are whatever the words."""
    return sorted((item.code, item.event, item.pointer) for item in violations)


@dataclass(frozen=True)
class Outcome:
    """What the SDK made of a stream: the exception it raised, or the completion as it understood it."""

    error: str | None = None
    completion: str = ""


_BODY: Final = [b""]


def _reply(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=_BODY[0])


_CLIENT: Final = OpenAI(
    api_key="sk-FAKE",
    base_url="http://127.0.0.1/v1",
    max_retries=0,
    http_client=httpx2.Client(transport=httpx2.MockTransport(_reply), trust_env=False),
)


def oracle(raw: bytes) -> Outcome:
    """Let the openai SDK accumulate a stream.

    That ``get_final_completion`` raises on "length" and "content_filter" is its way to tell them, and no refusal.
    """
    _BODY[0] = raw
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, on types that it did not expect; to a client they are no failure
        try:
            with _CLIENT.chat.completions.stream(model="m", messages=[]) as stream:
                for _ in stream:
                    pass
                with suppress(openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
                    stream.get_final_completion()
                completion = stream.current_completion_snapshot.to_dict()
        except Exception as error:  # noqa: BLE001  whatever it raises is its verdict
            return Outcome(error=f"{type(error).__name__}: {error}")
    return Outcome(completion=json.dumps(completion, sort_keys=True, default=str))
