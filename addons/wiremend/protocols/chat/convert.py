"""A whole body as a stream, and a stream as a whole body.

For a provider that answered in the form that was not asked for (quirks ``stream-request-json-response`` and
``json-request-sse-response``). Both ways work on what was mended before. Fields that we do not know go along: those of
the body and of the message in the first chunk, those of a choice in the chunk that ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.chat.faults import parse
from wiremend.protocols.chat.lists import Numbers
from wiremend.protocols.chat.pieces import UPSTREAM
from wiremend.protocols.chat.values import encode
from wiremend.protocols.chat.whole import mend_body
from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.mending import Mend, Origin, Whole
from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.sse import Event

type Json = dict[str, Any]

_CHUNK: Final = "chat.completion.chunk"
_REASONING: Final = ("reasoning_content", "reasoning")
_ONCE: Final = frozenset({"id", "type", "name", "role", "index", "object", "format"})
_OF_FIRST: Final = frozenset({"id", "created", "model"})
_CUT: Final = "the provider's stream ended early"
_COUNTED: Final = frozenset({"tool_calls", "annotations"})


def to_stream(body: bytes) -> bytes:
    """Write a mended body as a legal event stream, ``[DONE]`` included. Raises ValueError where it is none."""
    document = parse(body.decode("utf-8-sig"))
    if not isinstance(document, dict):
        raise ValueError("the body is not a completion")  # noqa: TRY004  a value, as all others that are none
    base = {name: document[name] for name in ("id", "created", "model") if name in document} | {"object": _CHUNK}
    rest = {name: value for name, value in document.items() if name not in {"choices", "usage"}}
    chunks = [
        base | {"choices": [{"index": index} | item]}
        for index, choice in enumerate(document["choices"])
        for item in _items(choice)
    ]
    chunks[0] = rest | chunks[0]
    if document.get("usage") is not None:
        chunks.append(base | {"choices": [], "usage": document["usage"]})
    return b"".join(render(encode(chunk)) for chunk in chunks) + render(b"[DONE]")


def to_body(events: Iterable[Event], origin: Origin) -> Whole:
    """Read a legal stream back into the body of a call without streaming; an error, or a cut, gives its failure."""
    body: Json = {"object": "chat.completion"}
    choices: dict[int, Json] = {}
    for event in events:
        if event.data is None or event.data == b"[DONE]":
            continue
        try:
            chunk = parse(event.data)
        except ValueError:
            continue
        if not isinstance(chunk, dict) or chunk.get("error"):
            failure = failure_of(chunk)
            return Whole(b"", (Mend("failed", "chat.body.error", 0, "/error", failure.message),), failure)
        for name, value in chunk.items():
            if name in _OF_FIRST:
                body[name] = value if body.get(name) is None else body[name]
            elif name not in {"choices", "object"} and value is not None:
                body[name] = value
        for item in chunk.get("choices") or ():
            _add_choice(choices.setdefault(item["index"], {"index": item["index"], "message": {}}), item)
    if not choices or any(choice.get("finish_reason") is None for choice in choices.values()):
        failure = Failure("upstream", UPSTREAM, _CUT)
        return Whole(b"", (Mend("failed", "chat.stream.cut", 0, "", failure.message),), failure)
    body["choices"] = [_message(choices[index]) for index in sorted(choices)]
    return mend_body(encode(body), origin)


def _items(choice: Json) -> list[Json]:
    """Give the chunks' parts of one choice: what it is, its reasoning, its text, its calls, its end."""
    message = dict(choice["message"])
    content = message.pop("content", None)
    refusal = message.pop("refusal") if message.get("refusal") else None
    calls = message.pop("tool_calls", None)
    thoughts = {name: message.pop(name) for name in _REASONING if message.get(name)}
    message["role"] = "assistant"
    if not content:
        message["content"] = content
    deltas: list[Json] = [{"role": "assistant"} | message]
    if thoughts:
        deltas.append(thoughts)
    if content:
        deltas.append({"content": content})
    if refusal:
        deltas.append({"refusal": refusal})
    if calls:
        deltas.append({"tool_calls": [call | {"index": index} for index, call in enumerate(calls)]})
    numbers = Numbers()
    for delta in deltas:
        numbers.mend(delta, None)
        for call in delta.get("tool_calls") or ():
            numbers.mend(call, None, "/tool_calls")
    items: list[Json] = [{"delta": delta, "finish_reason": None} for delta in deltas]
    if choice.get("logprobs") is not None:
        items[-1]["logprobs"] = choice["logprobs"]
    known = {"index", "message", "delta", "logprobs", "finish_reason"}
    rest = {name: value for name, value in choice.items() if name not in known}
    return [*items, {"delta": {}, "finish_reason": choice["finish_reason"]} | rest]


def _add_choice(choice: Json, item: Json) -> None:
    _add(choice["message"], item.get("delta") or {})
    for name, value in item.items():
        if name == "logprobs" and isinstance(value, dict):
            _add(choice.setdefault("logprobs", {}), value)
        elif name not in {"index", "delta"} and value is not None:
            choice[name] = value


def _add(whole: Json, delta: Json) -> None:
    """Add a delta to what there is: texts and lists grow, objects in lists are found by their index."""
    for name, value in delta.items():
        old = whole.get(name)
        if old is None or value is None:
            whole[name] = _begun(value) if old is None else old
        elif isinstance(old, str) and isinstance(value, str):
            whole[name] = old if name in _ONCE else old + value
        elif isinstance(old, dict) and isinstance(value, dict):
            _add(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            _extend(old, value)
        else:
            whole[name] = value


def _begun(value: object) -> object:
    """Give a first value; the entries of a list may already belong together."""
    if not isinstance(value, list):
        return value
    begun: list[Any] = []
    _extend(begun, value)
    return begun


def _extend(old: list[Any], new: list[Any]) -> None:
    places = {entry["index"]: entry for entry in old if isinstance(entry, dict) and "index" in entry}
    for entry in new:
        place = places.get(entry.get("index")) if isinstance(entry, dict) else None
        if place is not None:
            _add(place, entry)
        else:
            old.append(entry)
            if isinstance(entry, dict) and "index" in entry:
                places[entry["index"]] = entry


def _message(choice: Json) -> Json:
    """Give a choice the message that its deltas have made, with nothing in it that only streams have."""
    message = choice["message"]
    for name in _COUNTED:
        for entry in message.get(name) or ():
            entry.pop("index", None)
    message.setdefault("content", None)
    message["role"] = "assistant"
    return choice
