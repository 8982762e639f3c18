"""Properties of the chat contract, the openai SDK's accumulator being the judge.

Sound streams, made from a small grammar, have no violation and are accepted; a sound stream with something broken in it
that the SDK rejects has one; and no bytes whatever make the contract raise, or judge differently when they are cut
differently.
"""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import HEAD, USAGE, found, oracle, verdict
from tests.protocols.chat.rows import OTHERS, ROWS
from wiremend.protocols.chat.contract import Contract
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

type Json = dict[str, Any]

WORDS = st.text(alphabet='aü€[]{}"\\ \n', max_size=6)
ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
VENDOR: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "reasoning_details": st.just([{"type": "reasoning.text", "text": "x", "index": 0}]),
        "token_ids": st.lists(st.integers(0, 9), max_size=2),
        "vendor": st.just({"a": "x", "list": [{"index": 0, "b": 1.5}]}),
    },
)
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1, 2, -1, 1.5, "", "x", "0", "assistant", [], [1], [None], {}, {"index": 0}, [{}], [{"index": 1}]]
)

NAMES = st.sampled_from(
    ("choices", "delta", "index", "tool_calls", "function", "usage", "error", "message", "content", "finish_reason")
)


@st.composite
def deltas(draw: DrawFn) -> list[tuple[Json, str | None]]:
    """Give the deltas of one choice, each with its finish reason."""
    texts = st.sampled_from(("content", "refusal", "reasoning_content", "reasoning"))
    parts: list[Json] = [{draw(texts): draw(WORDS)} for _ in range(draw(st.integers(0, 3)))]
    calls: list[tuple[int, str]] = []
    for index in range(draw(st.integers(0, 3))):
        whole = json.dumps({"a": draw(ARGUMENTS)})
        cut = draw(st.integers(0, len(whole)))
        calls += [(index, whole[:cut]), (index, whole[cut:])]
    if draw(st.booleans()):  # interleaved: all first halves, then all second halves
        calls = calls[::2] + calls[1::2]
    begun: set[int] = set()
    for index, arguments in calls:
        piece: Json = {"index": index, "function": {"arguments": arguments}}
        if index not in begun:
            piece |= {"id": f"c{index}", "type": "function", "function": {"name": "f", "arguments": arguments}}
        begun.add(index)
        if parts and "tool_calls" in parts[-1] and draw(st.booleans()):
            parts[-1]["tool_calls"].append(piece)
        else:
            parts.append({"tool_calls": [piece]})
    reason = draw(st.sampled_from(("tool_calls", "length") if begun else ("stop", "length", "content_filter")))
    parts = [{"role": "assistant"}, *parts, {}]
    return [(part | draw(VENDOR), reason if part is parts[-1] else None) for part in parts]


@st.composite
def chunks(draw: DrawFn) -> list[Json]:
    """Give the chunks of a sound stream of one or two choices."""
    parts = draw(deltas())
    choices = [{"index": 0, "delta": delta, "finish_reason": reason} for delta, reason in parts]
    if draw(st.booleans()):
        second = [{"index": 1, "delta": delta, "finish_reason": reason} for delta, reason in draw(deltas())]
        place = draw(st.integers(1, len(choices)))
        choices[place:place] = second
    made = [HEAD | {"choices": [choice]} for choice in choices]
    if draw(st.booleans()):
        made.append(HEAD | {"choices": [], "usage": USAGE})
    return made


def write(events: list[Json]) -> bytes:
    return b"".join(map(sse, events)) + sse("[DONE]")


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Give the path of every value inside."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [at for key, item in items for at in ((*path, key), *places(item, (*path, key)))]


@st.composite
def broken(draw: DrawFn) -> bytes:
    """Give a sound stream in which a few values are replaced or gone, or chunks lost, doubled or exchanged."""
    events: list[Any] = deepcopy(draw(chunks()))
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.sampled_from(("value", "value", "value", "gone", "lost", "doubled", "exchanged")))
        if what in {"value", "gone"} and places(events):
            *path, last = draw(st.sampled_from(places(events)))
            target: Any = events
            for step in path:
                target = target[step]
            if what == "value":
                target[last] = deepcopy(draw(JUNK))
            else:
                del target[last]
        elif events:
            one, other = (draw(st.integers(0, len(events) - 1)) for _ in "ab")
            if what == "lost":
                del events[one]
            elif what == "doubled":
                events.insert(other, deepcopy(events[one]))
            else:
                events[one], events[other] = events[other], events[one]
    return b"".join(sse(event) for event in events if event != []) + sse("[DONE]")


def cut_up(raw: bytes, cuts: list[int]) -> list[tuple[str, int, str]]:
    parser, contract = EventParser(), Contract()
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    events = [event for a, b in pairwise(edges) for event in parser.feed(raw[a:b])]
    events += parser.close()
    return found([*(item for event in events for item in contract.feed(event)), *contract.close()])


@given(chunks())
@settings(max_examples=150)
def test_a_sound_stream_has_no_violation_and_the_sdk_accepts_it(events: list[Json]) -> None:
    raw = write(events)
    assert verdict(raw) == []
    outcome = oracle(raw)
    assert outcome.error is None
    said = "".join(
        item["delta"].get("content", "") for event in events for item in event["choices"] if not item["index"]
    )
    assert (json.loads(outcome.completion)["choices"][0]["message"].get("content") or "") == said


@given(broken())
@settings(max_examples=500)
def test_what_the_sdk_rejects_has_a_violation(raw: bytes) -> None:
    if oracle(raw).error:
        assert verdict(raw)


class Thorough(Contract):
    """The contract without its quick half."""

    def _calm(self, *_: object) -> bool:
        return False


@given(broken())
@settings(max_examples=300)
def test_the_quick_and_the_thorough_half_agree(raw: bytes) -> None:
    quick, thorough = Contract(), Thorough()
    for event in EventParser().feed(raw):
        assert list(quick.feed(event)) == list(thorough.feed(event))
    assert list(quick.close()) == list(thorough.close())


@given(st.binary(max_size=60), st.sampled_from([item.bad for item in (*ROWS, *OTHERS)]), st.lists(st.integers(0, 900)))
def test_arbitrary_bytes_do_not_raise_and_cuts_do_not_matter(junk: bytes, stream: bytes, cuts: list[int]) -> None:
    for raw in (junk, b"data: " + junk + b"\n\n", stream + junk, stream[:30] + junk + stream[30:]):
        assert cut_up(raw, []) == cut_up(raw, cuts)


@given(st.recursive(JUNK, lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=2)))
def test_arbitrary_json_does_not_raise(value: object) -> None:
    raw = sse(json.dumps(value))
    assume(len(raw) < 10_000)
    verdict(raw + raw)
    verdict(
        sse(HEAD | {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}) + sse(HEAD | {"choices": [value]}) + raw
    )
