"""Small streams of the messages wire, the contract's verdict on them, and what the official SDK makes of them.

The oracle is ``client.messages.stream(...)`` of the installed anthropic package over a mock transport, so its own event
parser and accumulator read our bytes.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2

from tests.lab.replies import sse
from tests.lab.sdk import KEY
from wiremend.protocols.messages.contract import Contract
from wiremend.sse import EventParser

type Json = dict[str, Any]
type Found = set[tuple[str, int, str]]

ERROR: Final = "the error that the stream tells"
START: Final[Json] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "lab-model",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 1},
    },
}
STOP: Final[Json] = {"type": "message_stop"}
CALL: Final[Json] = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
THINKING: Final[Json] = {"type": "thinking", "thinking": "", "signature": ""}


def begin(block: Json, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, name: str, value: Any, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}


def said(value: Any, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return delta("text_delta", "text", value, index)


def thought(value: Any, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return delta("thinking_delta", "thinking", value, index)


def signed(value: Any, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return delta("signature_delta", "signature", value, index)


def piece(value: Any, index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return delta("input_json_delta", "partial_json", value, index)


def stop(index: Any = 0) -> Json:  # noqa: ANN401  wrong types are the point
    return {"type": "content_block_stop", "index": index}


def end(reason: Any = "end_turn", **usage: Any) -> Json:  # noqa: ANN401  wrong types are the point
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 7} | usage,
    }


TEXT: Final = [START, begin({"type": "text", "text": ""}), said("Hel"), said("lo"), stop(), end(), STOP]
TOOL: Final = [START, begin(CALL), piece('{"city":'), piece('"Paris"}'), stop(), end("tool_use"), STOP]
MIND: Final = [START, begin(THINKING), thought("Hm"), signed("c2ln"), stop(), end(), STOP]
"""Three turns of seven events each: the block opens with the second and stops with the fifth."""

HELLO: Final = ([{"type": "text", "text": "Hello"}], "end_turn", 7)
PARIS: Final = ([CALL | {"input": {"city": "Paris"}}], "tool_use", 7)
HM: Final = ([{"type": "thinking", "thinking": "Hm", "signature": "c2ln"}], "end_turn", 7)
"""What they mean: content, stop reason, output tokens."""


def frames(*documents: Json) -> list[bytes]:
    return [sse(document, document["type"]) for document in documents]


def stream(*documents: Json) -> bytes:
    return b"".join(frames(*documents))


def swap(base: list[Json], number: int, *documents: Json) -> bytes:
    """Give the stream with event ``number`` (from 1) replaced."""
    return stream(*base[: number - 1], *documents, *base[number:])


def put(base: list[Json], number: int, raw: bytes) -> bytes:
    """Give the stream with bytes inserted so that they become event ``number``."""
    written = frames(*base)
    return b"".join([*written[: number - 1], raw, *written[number - 1 :]])


def change(document: Json, *path: str, to: Any) -> Json:  # noqa: ANN401  wrong types are the point
    """Give a copy with the value at a path replaced; ``...`` removes it."""
    copy: Json = json.loads(json.dumps(document))
    parent = copy
    for name in path[:-1]:
        parent = parent[name]
    if to is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return copy


def judge(raw: bytes) -> Found:
    """Let the contract judge a stream; give (code without the wire, event, pointer). No breach is told twice."""
    contract, parser = Contract(), EventParser()
    events = parser.feed(raw) + parser.close()
    found = [violation for event in events for violation in contract.feed(event)]
    found += contract.close()
    assert contract.ended
    keys = [(violation.code.removeprefix("messages."), violation.event, violation.pointer) for violation in found]
    assert len(found) == len({(*key, violation.message) for key, violation in zip(keys, found, strict=True)})
    return set(keys)


def read(raw: bytes) -> object:
    """Let the SDK's accumulator read a stream: (content, stop reason, output tokens), ERROR, or what it raised."""
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=raw)
    transport = httpx2.MockTransport(lambda _: reply)
    http = httpx2.Client(transport=transport, trust_env=False)
    with anthropic.Anthropic(base_url="http://127.0.0.1", api_key=KEY, max_retries=0, http_client=http) as client:
        try:
            with warnings.catch_warnings(), _ask(client) as events:
                warnings.simplefilter("ignore")  # pydantic's, of odd types that the SDK lets through
                message: Json = events.get_final_message().to_dict()
        except anthropic.APIStatusError:
            return ERROR
        except Exception as error:  # noqa: BLE001  whatever it raises is the answer
            return error
    usage = message.get("usage")
    tokens = usage.get("output_tokens") if isinstance(usage, dict) else usage
    return message.get("content"), message.get("stop_reason"), tokens


def _ask(client: anthropic.Anthropic) -> anthropic.MessageStreamManager[None]:
    return client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}])


def each(code: str, pointer: str = "", numbers: range = range(1, 8)) -> Found:
    return {(code, number, pointer) for number in numbers}


PY: Final = "anthropic-py"
TS: Final = "@anthropic-ai/sdk"
AI: Final = "AI SDK, OpenCode"
CC: Final = "Claude Code"
OLD: Final = "anthropic-py 0.75, @anthropic-ai/sdk 0.60"


@dataclass(frozen=True, slots=True)
class Row:
    quirk: int
    name: str
    raw: bytes
    found: Found
    minds: str
    means: object = HELLO
