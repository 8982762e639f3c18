"""The contract of the messages wire against the official SDK, for streams that nobody wrote by hand.

Every stream of a small grammar is legal and the SDK reads from it what was meant; whatever is done to such a stream, if
the SDK's accumulator raises, the contract has a violation. Arbitrary bytes and arbitrary JSON never raise, and the
strict description of an event agrees with the loose one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.messages import quirks
from tests.protocols.messages.kit import (
    CALL,
    ERROR,
    START,
    STOP,
    THINKING,
    Json,
    begin,
    delta,
    end,
    frames,
    judge,
    piece,
    read,
    said,
    signed,
    stop,
    stream,
    thought,
)
from wiremend.protocols.messages import schema
from wiremend.protocols.messages.contract import CODES, Contract, check_body
from wiremend.sse import Event, EventParser

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=3)
INPUTS: st.SearchStrategy[Json] = st.dictionaries(
    st.text("ab é", max_size=2), st.integers() | st.text('x"\\', max_size=3) | st.none(), max_size=3
)
NOISE = [{"type": "ping"}, {"type": "vendor", "x": 1}, end(None)]


@st.composite
def blocks(draw: st.DrawFn) -> tuple[Json, Json, list[Json]]:
    """Give a block: what it is in the end, its start, and its deltas (without an index)."""
    kind = draw(st.sampled_from(["text", "thinking", "tool_use", "server_tool_use", "redacted_thinking", "new"]))
    texts = draw(TEXTS)
    match kind:
        case "text":
            return {"type": "text", "text": "".join(texts)}, {"type": "text", "text": ""}, [said(t) for t in texts]
        case "thinking":
            deltas = [*map(thought, texts), *([signed("c2ln")] if texts else [])]
            done = THINKING | {"thinking": "".join(texts), "signature": "c2ln" if texts else ""}
            return done, THINKING, deltas
        case "tool_use" | "server_tool_use":
            value = draw(INPUTS)
            text = json.dumps(value, ensure_ascii=draw(st.booleans()))
            cut, whole = draw(st.integers(0, len(text))), draw(st.booleans())
            pieces = [piece(part) for part in ("", text[:cut], text[cut:])] if value or whole else []
            return CALL | {"type": kind, "input": value}, CALL | {"type": kind}, pieces
        case "redacted_thinking":
            block = {"type": kind, "data": "x"}
            return block, block, []
        case _:
            return {"type": kind}, {"type": kind}, [delta("new_delta", "x", 1)] * len(texts)


@st.composite
def turns(draw: st.DrawFn) -> tuple[list[Json], list[Json], str]:
    """Give a legal stream, the content that it means, and its stop reason; blocks may overlap."""
    meant: list[Json] = []
    opened: list[list[Json]] = []
    waiting, events = draw(st.lists(blocks(), max_size=4)), [START]
    while waiting or opened:
        if waiting and (not opened or draw(st.booleans())):
            done, first, deltas = waiting.pop(0)
            events.append(begin(first, len(meant)))
            opened.append([*(event | {"index": len(meant)} for event in deltas), stop(len(meant))])
            meant.append(done)
        else:
            queue = draw(st.sampled_from(opened))
            events.append(queue.pop(0))
            opened = [left for left in opened if left]
        events += draw(st.lists(st.sampled_from(NOISE), max_size=1))
    reason = "tool_use" if any(block["type"] == "tool_use" for block in meant) else "end_turn"
    return [*events, end(reason), STOP], meant, reason


@given(turns())
def test_a_stream_of_the_grammar_is_legal_and_read_as_meant(turn: tuple[list[Json], list[Json], str]) -> None:
    events, meant, reason = turn
    assert judge(stream(*events)) == set()
    seen = read(stream(*events))
    assert isinstance(seen, tuple), seen
    known = [{key: value for key, value in block.items() if value is not None} for block in seen[0]]
    assert ([block | {"text": ""} if block["type"] == "new" else block for block in meant], reason, 7) == (
        [block | {"text": ""} if block["type"] == "new" else block for block in known],
        *seen[1:],
    )


VALUES = [None, "", "x", "0", 0, 1, -1, 0.0, True, [], {}, ["x"], {"type": "text"}, "\ud800", "tool_use", "text_delta"]


def _places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, inner in items for found in _places(inner, (*place, key)))]


def _replace(draw: Callable[..., Any], events: list[Json]) -> list[Json]:
    events = json.loads(json.dumps(events))
    place = draw(st.sampled_from([place for place in _places(events) if len(place) > 1]))
    parent: Any = events
    for key in place[:-1]:
        parent = parent[key]
    if draw(st.booleans()):
        parent[place[-1]] = draw(st.sampled_from(VALUES))
    else:
        del parent[place[-1]]
    return events


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """Give a stream of the grammar to which something was done, once or twice."""
    events, _, _ = draw(turns())
    for _ in range(draw(st.integers(1, 2))):
        at, to = draw(st.integers(0, len(events) - 1)), draw(st.integers(0, len(events) - 1))
        match draw(st.sampled_from(["value", "value", "value", "drop", "double", "move", "line"])):
            case "value":
                events = _replace(draw, events)
            case "drop" if len(events) > 1:
                del events[at]
            case "double":
                events.insert(to, events[at])
            case "move":
                events.insert(to, events.pop(at))
            case _:
                name = draw(st.sampled_from([None, "message", "ping", "error", "content_block_delta"]))
                written = [
                    sse(json.dumps(event), str(event.get("type", "x")).encode("ascii", "replace").decode())
                    for event in events
                ]
                return b"".join([*written[:at], sse(json.dumps(events[at]), name), *written[at + 1 :]])
    named = [(event, event.get("type")) for event in events]
    raw = b"".join(sse(json.dumps(event), str(name) if str(name) in schema.KNOWN else "x") for event, name in named)
    if draw(st.booleans()):
        at, length = draw(st.integers(0, len(raw))), draw(st.integers(0, 12))
        raw = raw[:at] + draw(st.binary(max_size=2)) + raw[at + length :]
    return raw


@settings(max_examples=250)
@given(broken())
def test_what_the_sdk_rejects_has_a_violation(raw: bytes) -> None:
    seen = read(raw)
    if not isinstance(seen, tuple) and seen != ERROR:
        assert judge(raw), seen


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(VALUES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "index", "delta", "text", "usage", "content", "message"]), inner)
    ),
    max_leaves=8,
)
BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "server_tool_use", "redacted_thinking"]) | JSON},
    optional=dict.fromkeys(["text", "thinking", "signature", "id", "name", "input", "data"], JSON),
)
DELTA = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(schema.DELTAS)) | JSON},
    optional=dict.fromkeys(["text", "thinking", "signature", "partial_json", "citation"], JSON),
)
COUNTERS = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
USAGE = st.dictionaries(st.sampled_from(COUNTERS), JSON)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(schema.KNOWN))},
    optional={
        "index": JSON,
        "message": st.dictionaries(st.sampled_from(["role", "content", "id", "model"]), JSON).flatmap(
            lambda message: USAGE.map(lambda usage: message | {"usage": usage})
        )
        | JSON,
        "content_block": BLOCK | JSON,
        "delta": DELTA | st.fixed_dictionaries({}, optional={"stop_reason": JSON, "stop_sequence": JSON}) | JSON,
        "usage": USAGE | JSON,
        "error": st.fixed_dictionaries({}, optional={"type": JSON, "message": JSON}) | JSON,
    },
)


def _unknown(document: Json) -> bool:
    for part, known in (("content_block", schema._STARTS), ("delta", schema.DELTAS)):
        inner = document.get(part)
        if isinstance(inner, dict) and isinstance(inner.get("type"), str) and inner["type"] not in known:
            return True
    message = document.get("message")
    return isinstance(message, dict) and bool(message.get("content"))


@settings(max_examples=300)
@given(EVENTS)
def test_the_strict_description_agrees_with_the_loose_one(document: Json) -> None:
    raw = json.dumps(document).encode()
    try:
        schema.decode(raw)
        strict = True
    except (msgspec.MsgspecError, RecursionError):
        strict = False
    if "ud800" not in raw.decode() and not (_unknown(document) and not strict):
        assert strict == (not schema.faults(json.loads(raw)))


@given(st.lists(EVENTS | JSON, max_size=6), st.sampled_from([None, "", "ping", "error", "message_stop", "x"]))
def test_no_json_raises_and_each_violation_is_known(documents: list[Any], name: str | None) -> None:
    contract = Contract()
    events = EventParser().feed(b"".join(sse(json.dumps(document), name) for document in documents))
    for event in events:
        assert all(violation.code in CODES for violation in contract.feed(event))
    contract.close()
    for document in documents:
        check_body(json.dumps(document).encode())


@given(st.lists(st.binary(max_size=20) | st.sampled_from(frames(START, begin(CALL), piece("{"), stop(), end()))))
def test_no_bytes_raise(chunks: list[bytes]) -> None:
    contract, parser = Contract(), EventParser()
    for event in parser.feed(b"".join(chunks)) + parser.close():
        contract.feed(event)
    contract.close()
    for chunk in chunks:
        contract.feed(Event(chunk, None, chunk, None, None, complete=True))
        check_body(chunk)


@pytest.mark.parametrize("body", quirks.BODIES, ids=lambda body: body.name)
def test_a_body_has_exactly_these_violations(body: quirks.Body) -> None:
    found = check_body(body.raw)
    assert {(violation.code.removeprefix("messages."), violation.pointer) for violation in found} == body.found
    assert {violation.event for violation in found} <= {0}
    assert all(violation.message.startswith(CODES[violation.code][:-1]) for violation in found)


@pytest.mark.parametrize("raw", (b"[" * 5000, b'{"type":' + b"[" * 5000, b'{"type":"ping","x":' + b"[" * 100_000))
def test_deep_json_does_not_raise(raw: bytes) -> None:
    assert Contract().feed(Event(raw, "ping", raw, None, None, complete=True))
    assert check_body(raw)
