"""What the tests of quirks that act on replies share: a stream as chunks, run through a step as the pipeline runs it.

The step gets decoded copies of the documents whose bytes have one of its needles, and what it gives is encoded again.
``added`` is what a client understands that adds the deltas up, written from the documentation of the chat wire.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft, Scope
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.notes import Note
    from wiremend.quirks.base import Quirk

type Json = dict[str, Any]

HEAD: Final[Json] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
NO_HEADERS: Final = Headers(())
CHAT: Final = Scope(wire="chat", model="kimi-k2.6", host="llm.example", seed="flow-1")


def chunk(delta: object = None, finish: object = None, **choice: object) -> Json:
    """Make a chunk of one choice."""
    first = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish, **choice}
    return {**HEAD, "choices": [first]}


def call(ident: str, arguments: str, name: str = "ls", index: int = 0) -> Json:
    return {"index": index, "id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def more(arguments: object, index: int = 0) -> Json:
    return {"index": index, "function": {"arguments": arguments}}


def quirk(name: str) -> Quirk:
    return all_quirks()[name]


@dataclass(slots=True)
class Ran:
    """What became of a stream. ``same`` tells of each event whether it left as its own bytes."""

    documents: list[Json] = field(default_factory=list)
    same: list[bool] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


def run(name: str, documents: Iterable[object], scope: Scope = CHAT, memory: Memory | None = None) -> Ran:
    """Run documents through the step of a quirk, as the pipeline does."""
    make = quirk(name).step
    assert make is not None
    step, ran = make(scope, Memory() if memory is None else memory), Ran()

    def note(pointer: str, what: str, kind: str = "mended") -> None:
        ran.notes.append((pointer, what))
        ran.kinds.append(kind)

    for document in documents:
        data = msgspec.json.encode(document)
        given = None
        if isinstance(document, dict) and (not step.needles or any(needle in data for needle in step.needles)):
            given = step.event(msgspec.json.decode(data), note)
        ran.same.append(given is None)
        ran.documents += [msgspec.json.decode(data)] if given is None else given
    ran.documents += step.close(note)
    msgspec.json.encode(ran.documents)
    return ran


def replied(
    name: str, body: Json, scope: Scope = CHAT, memory: Memory | None = None
) -> tuple[Json, list[tuple[str, str]]]:
    """Run a whole body through the reply function of a quirk."""
    reply, notes = quirk(name).reply, list[tuple[str, str]]()
    assert reply is not None
    copy: Json = json.loads(json.dumps(body))

    def note(pointer: str, what: str, kind: str = "mended") -> None:
        assert kind in {"mended", "lost", "invented"}
        notes.append((pointer, what))

    reply(copy, scope, Memory() if memory is None else memory, note)
    return copy, notes


def sent(name: str, body: bytes, scope: Scope = CHAT, memory: Memory | None = None) -> tuple[bytes, list[Note]]:
    """Run a request's body through the request function of a quirk; errors are the test's."""
    mend = quirk(name).request
    assert mend is not None
    draft = Draft(scope, NO_HEADERS, body, memory or Memory())
    draft.quirk = name
    mend(draft)
    return draft.body(), draft.notes


def heard(name: str, documents: Iterable[object], memory: Memory, scope: Scope = CHAT) -> None:
    """Let the recorder of a quirk hear a stream, and its end."""
    make = quirk(name).recorder
    assert make is not None
    recorder = make(scope, memory)
    for document in documents:
        recorder.event(msgspec.json.encode(document))
    recorder.event(b"[DONE]")
    recorder.close()


def added(documents: Iterable[object]) -> Json:
    """Add the deltas of the first choice up: content, reasoning, calls by index, and the finish reason."""
    total: Json = {"content": "", "reasoning": "", "calls": {}, "finish": None}
    for document in documents:
        for choice in document.get("choices") or () if isinstance(document, dict) else ():
            delta = choice.get("delta") or {}
            total["content"] += delta.get("content") or ""
            total["reasoning"] += delta.get("reasoning_content") or ""
            total["finish"] = choice.get("finish_reason") or total["finish"]
            for entry in delta.get("tool_calls") or ():
                one = total["calls"].setdefault(entry["index"], ["", "", ""])
                one[0] += entry.get("id") or ""
                one[1] += entry["function"].get("name") or ""
                one[2] += entry["function"].get("arguments") or ""
    return total


def cut(text: str, places: Iterable[int]) -> list[str]:
    """Cut a text before each of the places."""
    inside = sorted({place for place in places if 0 < place < len(text)})
    return [text[a:b] for a, b in zip([0, *inside], [*inside, len(text)], strict=True)]


JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)

_NAMES: Final = [
    "role",
    "content",
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "reasoning_details",
    "tool_calls",
    "tool_call_id",
    "id",
    "index",
    "type",
    "function",
    "name",
    "arguments",
    "extra_content",
    "google",
    "thought_signature",
    "text",
    "thinking",
    "signature",
    "input",
    "content_block",
    "delta",
    "usage",
    "cached_tokens",
    "prompt_tokens_details",
    "finish_reason",
    "message",
    "choices",
    "messages",
    "service_tier",
]
_VALUES: Final = [
    "assistant",
    "tool",
    "stop",
    "tool_calls",
    "length",
    "tool_use",
    "thinking",
    "redacted_thinking",
    "text",
    "functions.ls:0",
    "<think>",
    "</think>",
    "<|tool_calls_section_begin|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "{",
    '{"a":1,',
    "None",
    "}",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "ping",
    "heartbeat",
    "functions.ls:0~0123abcd",
]

WIRED: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(_VALUES) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=12,
)
"""JSON with the words of the wires, of any type at any place."""


@st.composite
def odd_chunks(draw: st.DrawFn) -> list[Json]:
    """Make streams that are chunks at their outside, with anything inside."""

    def one() -> Json:
        delta = draw(WIRED | st.dictionaries(st.sampled_from(_NAMES), WIRED, max_size=4))
        choice = {"index": draw(WIRED), "delta": delta, "message": draw(WIRED), "finish_reason": draw(WIRED)}
        choice = {name: value for name, value in choice.items() if draw(st.booleans()) or name == "delta"}
        return {
            "choices": [choice, *draw(st.lists(WIRED, max_size=1))],
            **({"usage": 1} if draw(st.booleans()) else {}),
        }

    return [one() for _ in range(draw(st.integers(0, 6)))]
