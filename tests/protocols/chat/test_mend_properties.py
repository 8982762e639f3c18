"""Laws of the chat mender: whatever comes, what leaves is sound and ends, and a sound stream is left alone.

The judge is a fresh contract, and the openai SDK's accumulator, which takes every stream that ends well.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import DONE, HEAD, USAGE, choices, oracle, verdict
from tests.protocols.chat.rows import OTHERS, ROWS
from tests.protocols.chat.test_properties import JUNK, NAMES, broken, chunks, write
from wiremend.protocols.chat.mend import MENDING
from wiremend.protocols.mending import Origin
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from wiremend.protocols.chat.mend import Mender

type Json = dict[str, Any]

ORIGIN = Origin("seed", 1700000000, "asked")
LET_THROUGH = {"chat.tool-call.arguments-not-json"}
"""What no mend can help, and all clients check for: see ``wiremend.protocols.chat.done.LEFT``."""

ANY_JSON = st.recursive(JUNK, lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3))
STREAMS = [item.bad for item in (*ROWS, *OTHERS)]
PIECES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1, 2, "0", "1", None, -1, True, 1.0]),
        "id": st.sampled_from(["a", "b", "", None, 5]),
        "type": st.sampled_from(["function", "", None, "custom", "tool"]),
        "function": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["f", "g", "", None]),
                "arguments": st.sampled_from(
                    ["", "{}", "null", '{"a":1}', '{"a":', "1}", None, {}, {"a": 1}, " ", "{", "}"]
                ),
            },
        ),
    },
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["assistant", "", None, "user"]),
        "content": st.sampled_from(["", "Hi", None, [{"type": "text", "text": "x"}], 5]),
        "reasoning_content": st.sampled_from(["", "hm", None, {}]),
        "tool_calls": st.none() | st.lists(PIECES, max_size=2) | PIECES,
        "function_call": st.none() | PIECES.map(lambda piece: piece.get("function")),
        "reasoning_details": st.lists(JUNK, max_size=2),
        "annotations": st.lists(JUNK, max_size=2),
    },
)
REASONS = st.sampled_from(["stop", "length", "tool_calls", "eos", "", "null", "error", "function_call", 5, None, None])
WILD = st.lists(
    st.builds(
        lambda deltas, reason, usage, index: choices(
            *({"index": index, name: delta, "finish_reason": reason} for name, delta in deltas), **usage
        ),
        st.lists(st.tuples(st.sampled_from(("delta", "delta", "message")), DELTAS), max_size=2),
        REASONS,
        st.sampled_from([{}, {}, {"usage": USAGE}, {"usage": {"prompt_tokens": "1"}}, {"error": None}]),
        st.sampled_from([0, 0, 0, 1, None]),
    )
    | st.sampled_from([b"data: {}\n\n", b": hi\n\n", b"id: 4\n\n", DONE, b"data: [done]\n\n", b"retry: 1\n\n"]),
    max_size=6,
)


def mend(raw: bytes, cuts: tuple[int, ...] = ()) -> tuple[bytes, Mender]:
    """Mend a stream that comes in these cuts."""
    parser, mender = EventParser(), MENDING.mender(ORIGIN)
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    out = [mender.feed(event) for a, b in pairwise(edges) for event in parser.feed(raw[a:b])]
    out += [mender.feed(event) for event in parser.close()]
    out.append(mender.close())
    assert mender.ended
    assert mender.close() == b""
    return b"".join(out), mender  # type: ignore[return-value]  # the protocol's name for it is wider


def sound(raw: bytes) -> None:
    """See to it that a stream has no breach but those that are let through, and ends."""
    codes = {violation.code for violation in verdict(raw)} - LET_THROUGH
    if "chat.tool-call.type-wrong" in codes:
        assert b'"custom":{' in raw
        codes.discard("chat.tool-call.type-wrong")
    assert codes == set()


def held_to_the_laws(raw: bytes) -> bytes:
    out, mender = mend(raw)
    sound(out)
    assert mender.failure is None or mender.failure.kind != "internal"
    again, second = mend(out)
    assert again == out
    assert second.mends == []
    return out


@given(chunks())
@settings(max_examples=100)
def test_a_sound_stream_is_left_alone(events: list[Json]) -> None:
    raw = write(events)
    out, mender = mend(raw)
    assert out == raw
    assert mender.mends == []
    assert mender.failure is None


@given(broken())
@settings(max_examples=200)
def test_a_broken_stream_is_made_sound(raw: bytes) -> None:
    out = held_to_the_laws(raw)
    if b'{"error":' not in out:
        assert oracle(out).error is None


@given(WILD, st.sampled_from([b"", DONE]))
@settings(max_examples=250)
def test_wild_deltas_are_made_sound(parts: list[bytes], end: bytes) -> None:
    held_to_the_laws(b"".join(parts) + end)


@given(st.lists(ANY_JSON, max_size=3), st.booleans())
@settings(max_examples=100)
def test_arbitrary_json_is_made_sound(values: list[Any], begun: bool) -> None:  # noqa: FBT001  drawn, not called
    opening = sse(HEAD | {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}) if begun else b""
    held_to_the_laws(opening + b"".join(sse(json.dumps(value)) for value in values) + DONE)


@given(st.binary(max_size=60), st.sampled_from(STREAMS), st.lists(st.integers(0, 900)), st.integers(0, 900))
@settings(max_examples=100)
def test_arbitrary_bytes_are_survived_and_cuts_do_not_matter(
    junk: bytes, stream: bytes, cuts: list[int], place: int
) -> None:
    for raw in (junk, b"data: " + junk + b"\n\n", stream[:place] + junk + stream[place:]):
        out, mender = mend(raw)
        sound(out)
        assert mend(raw, tuple(cuts))[0] == out
        assert mender.ended


@given(chunks(), st.integers(0, 5000))
@settings(max_examples=150)
def test_a_cut_is_no_success(events: list[Json], cut: int) -> None:
    raw = write(events)[:cut]
    out, mender = mend(raw)
    sound(out)
    finished = {
        choice["index"]
        for line in raw.split(b"\n\n")
        for choice in (_chunk(line).get("choices") or ())
        if choice["finish_reason"]
    }
    begun = {choice["index"] for line in raw.split(b"\n\n") for choice in (_chunk(line).get("choices") or ())}
    assert (mender.failure is None) == (bool(begun) and finished == begun)


def _chunk(line: bytes) -> Json:
    try:
        value = json.loads(line.removeprefix(b"data: "))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
