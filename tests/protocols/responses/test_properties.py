"""The contract against openai-python's accumulator, over streams that nobody wrote.

Streams from a small grammar (items of all kinds, interleaved as they come, optional events left out) are legal, and the
accumulator comes to what went in. A legal stream that was damaged at random is either refused by the contract or
accepted by the accumulator: nothing breaks it unnoticed. And no bytes raise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.protocols.responses.kit import (
    DROP,
    Json,
    Stream,
    call,
    custom,
    encode,
    judge,
    message,
    reasoning,
    refusal,
    sdk,
    search,
    stranger,
    streamed,
    whole,
)
from wiremend import sse
from wiremend.protocols.responses import schema
from wiremend.protocols.responses.contract import CODES, Contract
from wiremend.protocols.responses.explain import explain

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS: Final = st.text(st.characters(codec="utf-8"), max_size=6)
OPTIONAL: Final = ("_part.done", "text.done", "refusal.done", "arguments.done", "input.done")
EXTRAS: Final[tuple[Json | bytes, ...]] = (b": ping\n\n", {"type": "vendor.note", "x": 1}, whole("in_progress"))


@st.composite
def items(draw: st.DrawFn) -> list[Json]:
    made = []
    for number in range(draw(st.integers(0, 3))):
        kinds: list[Callable[[], Json]] = [
            lambda n=number: message(*draw(st.lists(TEXTS, max_size=2)), ident=f"msg_{n}"),  # type: ignore[misc] # bound
            lambda n=number: refusal(draw(TEXTS), f"msg_{n}"),  # type: ignore[misc] # a default binds the loop's value
            lambda n=number: call("f", json.dumps({"a": draw(TEXTS)}), n),  # type: ignore[misc] # the same
            lambda n=number: custom(draw(TEXTS), n),  # type: ignore[misc] # the same
            lambda n=number: reasoning(
                *draw(st.lists(TEXTS, max_size=2)), raw=draw(st.none() | TEXTS), ident=f"rs_{n}"
            ),  # type: ignore[misc] # the same
            lambda n=number: search(f"ws_{n}"),  # type: ignore[misc] # the same
            lambda n=number: stranger(f"x_{n}"),  # type: ignore[misc] # the same
        ]
        made.append(draw(st.sampled_from(kinds))())
    return made


@st.composite
def legal(draw: st.DrawFn) -> tuple[list[Json], Stream]:
    """Draw the items of a response, in the order in which they begin, and its stream."""
    output = draw(items())
    waiting = [streamed(item, index) for index, item in enumerate(output)]
    events: Stream = []
    begun = 0
    while any(waiting):
        # one that is under way, or the next to begin
        at = draw(st.sampled_from([index for index, rest in enumerate(waiting[: begun + 1]) if rest]))
        begun = max(begun, at + 1)
        event = waiting[at].pop(0)
        if not event["type"].endswith(OPTIONAL) or draw(st.booleans()):
            events.append(event)
    for extra in draw(st.lists(st.sampled_from(EXTRAS), max_size=2)):
        events.insert(draw(st.integers(0, len(events))), extra)
    return output, json_copy([whole("created"), *events, whole("completed", output)])


def json_copy(events: Stream) -> Stream:
    """Copy, so that no two events share a value."""
    return [event if isinstance(event, bytes) else json.loads(json.dumps(event)) for event in events]


@settings(max_examples=60)
@given(legal())
def test_what_the_contract_finds_legal_openai_python_reads_whole(drawn: tuple[list[Json], Stream]) -> None:
    output, events = drawn
    found, contract = judge(events)
    assert found == []
    assert contract.ended
    outcome = sdk(events)
    assert outcome.error is None
    assert outcome.output is not None
    assert [item["id"] for item in outcome.output] == [item["id"] for item in output]


NAMES: Final = (
    "type",
    "id",
    "item_id",
    "call_id",
    "output_index",
    "content_index",
    "summary_index",
    "item",
    "part",
    "response",
    "output",
    "content",
    "summary",
    "delta",
    "text",
    "arguments",
    "input",
    "refusal",
    "name",
    "status",
    "role",
    "error",
    "usage",
    "model",
    "created_at",
)
VALUES: Final[tuple[Any, ...]] = (
    DROP,
    None,
    "",
    "x",
    "msg_0",
    "message",
    0,
    1,
    -1,
    True,
    0.5,
    [],
    {},
    [1],
    "response.completed",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    """List the places of the fields that somebody reads."""
    found = []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += [(*path, name)] if name in NAMES else []
            found += places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


@st.composite
def damaged(draw: st.DrawFn) -> Stream:
    """Draw a legal stream to which one or two things have happened."""
    _, events = draw(legal())
    for _ in range(draw(st.integers(1, 2))):
        if not events:
            break
        at = draw(st.integers(0, len(events) - 1))
        event = events[at]
        match draw(st.sampled_from(("set", "set", "set", "drop", "double", "swap", "junk"))):
            case "set" if isinstance(event, dict) and (found := places(event)):
                *path, last = draw(st.sampled_from(found))
                target: Any = event
                for name in path:
                    target = target[name]
                value = draw(st.sampled_from(VALUES))
                if value is DROP:
                    del target[last]
                else:
                    target[last] = value
            case "drop":
                del events[at]
            case "double":
                events.insert(at, event)
            case "swap":
                other = draw(st.integers(0, len(events) - 1))
                events[at], events[other] = events[other], event
            case "junk":
                events.insert(
                    at, draw(st.sampled_from((b"event: x\n\n", b"data:\n\n", b"data: {}\n\n", b"data: [DONE]\n\n")))
                )
        events = json_copy(events)
    return events


@settings(max_examples=400)
@given(damaged())
def test_nothing_breaks_openai_python_unnoticed(events: Stream) -> None:
    raw = encode(
        [
            event if isinstance(event, bytes) else json.dumps(event).encode().join((b"data: ", b"\n\n"))
            for event in events
        ]
    )
    found, contract = judge(raw)
    assert all(one.code in CODES and one.message for one in found)
    outcome = sdk(raw)
    stopped = any(
        isinstance(event, dict) and event.get("type") in ("response.failed", "response.incomplete") for event in events
    )
    if outcome.error is not None or (outcome.output is None and not stopped):
        assert found != [], outcome.error
    if not found:
        assert contract.ended


@settings(max_examples=150)
@given(damaged())
def test_a_strict_decode_fails_just_where_the_walk_finds_a_fault_or_a_stranger(events: Stream) -> None:
    for event in events:
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str) or kind not in schema.EVENTS:
            continue
        try:
            schema.decode(json.dumps(event).encode())
        except ValueError:
            fitted, faults = explain(event, schema.EVENTS[kind])  # type: ignore[arg-type] # not bytes: it has a kind
            assert faults or "\0" in repr(fitted) or "was=" in repr(fitted)
        else:
            assert explain(event, schema.EVENTS[kind])[1] == []  # type: ignore[arg-type] # the same


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(sorted(schema.EVENTS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
BLOCKS: Final = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        (b"data: ", b"event: x\n", b"\n\n", b"{", b"data: {}\n\n", b"id: 1\n\n", b"\xef\xbb\xbf", b"data: [DONE]\n\n")
    ),
    JSON.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    st.builds(
        lambda kind, rest: b"data: " + json.dumps(rest | {"type": kind}).encode() + b"\n\n",
        st.sampled_from(sorted(schema.EVENTS)),
        st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6),
    ),
)


@settings(max_examples=300)
@given(st.lists(BLOCKS, max_size=6))
@example([b"data: " + b"[" * 100_000 + b"\n\n"])
@example([b'data: {"type": "response.output_item.done", "item": ' + b'{"call_id":' * 5000 + b"\n\n"])
@example([b'data: {"type": "response.queued", "n": ' + b"9" * 5000 + b"}\n\n"])
def test_no_bytes_raise_and_no_state_is_lost(blocks: list[bytes]) -> None:
    parser, contract = sse.EventParser(), Contract()
    number = 0
    for event in [*parser.feed(b"".join(blocks)), *parser.close()]:
        number += event.data is not None
        for found in contract.feed(event):
            assert found.event in {number, number + 1}
            assert found.code in CODES
    assert all(found.event == number + 1 for found in contract.close())
    assert list(contract.close()) == []
