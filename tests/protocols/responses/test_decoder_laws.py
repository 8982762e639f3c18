"""protocols/responses/decoder.py: laws over legal streams, over what a mender makes of broken ones, over anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.responses.decode_kit import fed
from tests.protocols.responses.kit import call, custom, encode, message, reasoning, refusal, stream, streamed, whole
from tests.protocols.responses.mend_kit import documents, mend
from tests.protocols.responses.test_properties import BLOCKS, damaged, legal
from wiremend.events import Delta, Ended, Event, Failed, Grammar, PartStarted
from wiremend.protocols.responses.decoder import ResponsesDecoder
from wiremend.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.protocols.responses.kit import Json, Stream


def told_of(item: Json) -> list[tuple[Any, ...]]:
    """Say what an item must become: the kind of each part with its name and all its text."""
    match item["type"]:
        case "message":
            kinds = {"output_text": "text", "refusal": "refusal"}
            return [
                (kinds[part["type"]], item["id"], "", part.get("text", part.get("refusal"))) for part in item["content"]
            ]
        case "reasoning":
            texts = [part["text"] for part in (*item["summary"], *item.get("content", ())) if part["text"]]
            return [("thinking", item["id"], "", "\n\n".join(texts))] if texts else []
        case "function_call":
            return [("tool_use", item["call_id"], item["name"], item["arguments"])]
        case "custom_tool_call":
            return [("custom_tool_use", item["call_id"], item["name"], item["input"])]
    return [("opaque", item["id"], "", "")]


def gathered(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    found: dict[int, list[Any]] = {}
    for event in events:
        if isinstance(event, PartStarted):
            found[event.index] = [event.kind, event.id, event.name, ""]
        elif isinstance(event, Delta) and event.kind != "encrypted":
            found[event.index][3] += event.text
    return [tuple(entry) for entry in found.values()]


@settings(max_examples=150)
@given(legal())
def test_a_legal_stream_becomes_legal_events_that_say_what_its_output_says(drawn: tuple[list[Json], Stream]) -> None:
    output, raw = drawn
    found, _ = fed([event for event in raw if isinstance(event, dict)])
    grammar = Grammar(interleave=True)
    assert [fault for event in found if (fault := grammar.fault(event))] == []
    assert grammar.state == "ended"
    wanted = [entry for item in output for entry in told_of(item)]
    assert sorted(entry for entry in gathered(found) if entry[3] or entry[0] == "opaque") == sorted(
        entry for entry in wanted if entry[3] or entry[0] == "opaque"
    )


@settings(max_examples=150)
@given(st.data(), st.booleans())
def test_whatever_comes_out_of_the_mender_becomes_one_legal_stream(data: st.DataObject, cut: bool) -> None:  # noqa: FBT001 - drawn
    broken = damaged().map(lambda events: encode(events, named=False))
    mended, mender = mend(data.draw(broken | st.lists(BLOCKS).map(b"".join)))
    decoder, sequencer = ResponsesDecoder(), Sequencer(now=1, model="m")
    out: list[Event] = []
    for document in documents(mended):
        for event in decoder.feed(json.dumps(document).encode()):
            out += sequencer.feed(event)
    out += sequencer.close(cut=cut)
    assert isinstance(out[-1], Failed if mender.failure is not None else Ended)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(("", "a", "message", "reasoning", "output_text")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("type", "id", "text")), inner),
    max_leaves=4,
)
FIELDS: Final = (
    "item",
    "part",
    "delta",
    "text",
    "output_index",
    "content_index",
    "summary_index",
    "response",
    "annotation",
)
TYPES: Final = sorted(
    {
        event["type"]
        for item in (message("a"), reasoning("a", raw="b"), call(), custom(), refusal("n"))
        for event in stream(item)
        if isinstance(event, dict)
    }
)


@given(
    st.lists(
        st.builds(
            lambda kind, fields: {"type": kind} | fields,
            st.sampled_from(TYPES),
            st.dictionaries(st.sampled_from(FIELDS), JSON),
        ),
        max_size=6,
    )
)
def test_nothing_raises(events: list[Json]) -> None:
    items = [message("a"), reasoning("b"), call()]
    begun = [streamed(item, index)[0] for index, item in enumerate(items)]
    fed([whole("created"), *begun, *events, whole("completed", items)])
