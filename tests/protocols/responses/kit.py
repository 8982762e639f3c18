"""Streams of the responses wire made to order, what the contract says of them, and what openai-python does with them.

A stream is a list of events: a dict is an event's data and is sent under its own type, bytes are a block as it stands.
The dicts hold what OpenAI sends, so that a test can take away what a provider leaves out: :func:`change` sets and drops
values by the number of an event (from 1, as the contract counts) and a JSON pointer.
"""

from __future__ import annotations

import copy
import json
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx2
import openai

from wiremend import sse
from wiremend.protocols.responses.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.protocols.violation import Violation

type Json = dict[str, Any]
type Stream = list[Json | bytes]
type Told = set[tuple[str, int, str]]

DROP: Final = object()
USAGE: Final = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 18,
}


# --- building ---------------------------------------------------------------------------------------------------------


def response(status: str, output: Iterable[Json] = (), **more: object) -> Json:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "lab-model",
        "output": list(output),
        "usage": USAGE if status == "completed" else None,
        **more,
    }


def whole(name: str, output: Iterable[Json] = (), **more: object) -> Json:
    """Make an event that carries the response object."""
    status = "in_progress" if name == "created" else name
    return {"type": f"response.{name}", "response": response(status, output, **more)}


def message(*texts: str, ident: str = "msg_1") -> Json:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []} for text in texts]
    return {"type": "message", "id": ident, "status": "completed", "role": "assistant", "content": content}


def refusal(text: str, ident: str = "msg_1") -> Json:
    return message(ident=ident) | {"content": [{"type": "refusal", "refusal": text}]}


def call(name: str = "f", arguments: str = '{"a": 1}', number: int = 1) -> Json:
    names = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": name}
    return {"type": "function_call", **names, "status": "completed", "arguments": arguments}


def custom(text: str = "ls", number: int = 1) -> Json:
    names = {"id": f"ctc_{number}", "call_id": f"call_c{number}", "name": "shell"}
    return {"type": "custom_tool_call", **names, "status": "completed", "input": text}


def reasoning(*summaries: str, raw: str | None = None, ident: str = "rs_1") -> Json:
    summary = [{"type": "summary_text", "text": text} for text in summaries]
    content = {} if raw is None else {"content": [{"type": "reasoning_text", "text": raw}]}
    return {"type": "reasoning", "id": ident, "summary": summary, "encrypted_content": None, **content}


def search(ident: str = "ws_1") -> Json:
    return {"type": "web_search_call", "id": ident, "status": "completed", "action": {"type": "search", "query": "q"}}


def stranger(ident: str = "x_1") -> Json:
    return {"type": "vendor_call", "id": ident, "vendor": [1]}


def halves(text: str) -> tuple[str, ...]:
    return (text[: len(text) // 2], text[len(text) // 2 :])


def streamed(item: Json, index: int) -> list[Json]:
    """Give the events of one item, as OpenAI sends them."""
    where = {"item_id": item["id"], "output_index": index}
    inner: list[Json] = []
    begun = item | {"status": "in_progress"} if "status" in item else dict(item)
    if item["type"] == "function_call":
        begun["arguments"] = ""
        inner += [{"type": "response.function_call_arguments.delta", "delta": at} for at in halves(item["arguments"])]
        inner.append({"type": "response.function_call_arguments.done", "arguments": item["arguments"]})
    elif item["type"] == "custom_tool_call":
        begun["input"] = ""
        inner += [{"type": "response.custom_tool_call_input.delta", "delta": part} for part in halves(item["input"])]
        inner.append({"type": "response.custom_tool_call_input.done", "input": item["input"]})
    elif item["type"] == "web_search_call":
        steps = ("in_progress", "searching", "completed")
        inner += [{"type": f"response.web_search_call.{step}"} for step in steps]
    for name in {"content", "summary"} & item.keys():
        begun[name] = []
    for at, part in enumerate(item.get("summary", ())):
        inner += [event | {"summary_index": at} for event in _part("reasoning_summary_part", part)]
    for at, part in enumerate(item.get("content", ())):
        inner += [event | {"content_index": at} for event in _part("content_part", part)]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *(event | where for event in inner),
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _part(name: str, part: Json) -> list[Json]:
    field = "refusal" if part["type"] == "refusal" else "text"
    stem = {"summary_text": "reasoning_summary_text"}.get(part["type"], part["type"])
    return [
        {"type": f"response.{name}.added", "part": part | {field: ""}},
        *({"type": f"response.{stem}.delta", "delta": piece} for piece in halves(part[field])),
        {"type": f"response.{stem}.done", field: part[field]},
        {"type": f"response.{name}.done", "part": part},
    ]


def stream(*items: Json, **more: object) -> Stream:
    """Give the whole stream of a response with these items, one after the other."""
    events: Stream = [whole("created")]
    for index, item in enumerate(items):
        events += streamed(item, index)
    done: Stream = json.loads(json.dumps([*events, whole("completed", items, **more)]))  # no two share a dict
    return done


def change(events: Stream, changes: Mapping[int, Mapping[str, object]]) -> Stream:
    """Copy the stream with values set, or dropped (``DROP``), by event number and pointer."""
    changed = copy.deepcopy(events)
    for number, values in changes.items():
        for pointer, value in values.items():
            *path, last = pointer[1:].split("/")
            at: Any = changed[number - 1]
            for name in path:
                at = at[int(name) if isinstance(at, list) else name]
            if value is DROP:
                del at[last]
            else:
                at[last] = value
    return changed


def without(events: Stream, *numbers: int) -> Stream:
    return [event for number, event in enumerate(events, 1) if number not in numbers]


def insert(events: Stream, number: int, *blocks: Json | bytes) -> Stream:
    """Copy the stream with blocks before the event of that number."""
    return [*events[: number - 1], *blocks, *events[number - 1 :]]


def encode(events: Stream, *, named: bool = True) -> bytes:
    return b"".join(event if isinstance(event, bytes) else _rendered(event, named=named) for event in events)


def _rendered(event: Json, *, named: bool) -> bytes:
    return sse.render(json.dumps(event).encode(), event.get("type") if named else None)


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(raw: bytes | Stream) -> tuple[list[Violation], Contract]:
    """Send a stream through a contract, its end included."""
    parser, contract = sse.EventParser(), Contract()
    found: list[Violation] = []
    for event in [*parser.feed(raw if isinstance(raw, bytes) else encode(raw)), *parser.close()]:
        found += contract.feed(event)
    found += contract.close()
    return found, contract


def told(raw: bytes | Stream) -> Told:
    """Give what the contract finds, as (code without its wire, event, pointer); no violation is told twice."""
    found, _ = judge(raw)
    told = {(one.code.removeprefix("responses."), one.event, one.pointer) for one in found}
    assert len(told) == len(found), found
    return told


class Sdk(NamedTuple):
    """What openai-python makes of a stream: the error that it raised, or the result."""

    error: str | None
    output: list[Json] | None  # None if no response was completed

    @property
    def said(self) -> list[str]:
        """The texts and the calls of the result."""
        said = []
        for item in self.output or ():
            said += [f"{item.get('name')} {item.get('arguments')}"] if item["type"] == "function_call" else []
            said += [part.get("text") for part in item.get("content") or () if part["type"] == "output_text"]
        return said


_body = b""


def _answer(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=_body, request=request)


_CLIENT: Final = openai.OpenAI(
    base_url="http://127.0.0.1:9/v1",
    api_key="sk-FAKE",
    max_retries=0,
    http_client=openai.DefaultHttpxClient(transport=httpx2.MockTransport(_answer), trust_env=False),
)


def sdk(raw: bytes | Stream) -> Sdk:
    """Let openai-python's accumulator read a stream."""
    global _body  # noqa: PLW0603 - what the one transport answers next
    _body = raw if isinstance(raw, bytes) else encode(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, when it writes out what it had taken in unchecked
        try:
            with _CLIENT.responses.stream(model="m", input="hi") as events:
                events.until_done()
                final = events._state._completed_response
                return Sdk(None, None if final is None else final.to_dict()["output"])  # type: ignore[arg-type] # JSON
        except Exception as error:  # noqa: BLE001 - whatever it is, the SDK did not take the stream
            return Sdk(f"{type(error).__name__}: {error}", None)
