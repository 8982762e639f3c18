"""messages/encoder.py: laws over whole replies, which hypothesis draws.

The judges are the wire's own contract, which knows nothing of the encoder, and the official SDK's accumulator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import verdict
from tests.protocols.messages.kit import judge
from tests.protocols.messages.test_encoder import OWN, START, encoder
from tests.protocols.turns import Part, data_of, full, meaning, read, turns, written
from tests.test_sequencer import SEQUENCES, run
from tests.verdicts import Served
from wiremend.events import Delta, PartEnded, PartStarted
from wiremend.protocols.messages.decoder import MessagesDecoder
from wiremend.protocols.messages.encoder import CITATIONS, MessagesEncoder
from wiremend.sequencer import Sequencer

if TYPE_CHECKING:
    from wiremend.events import Event, PartKind

KINDS: tuple[PartKind, ...] = ("text", "thinking", "redacted", "refusal", "tool_use", "custom_tool_use", "opaque")


@given(turns(KINDS))
def test_any_reply_is_legal_on_the_wire(events: list[Event]) -> None:
    assert judge(written(MessagesEncoder(full("messages")), events)) == set()


@settings(max_examples=50)
@given(turns(KINDS))
def test_the_official_sdk_reads_what_was_meant(events: list[Event]) -> None:
    told = meaning(events)
    raw = written(MessagesEncoder(full("messages")), events)
    said = verdict("anthropic-py", Served(raw))
    assert said.ok, said.error
    assert said.text == "".join(part.said.get("text", "") + part.said.get("refusal", "") for part in told.parts)
    calls = []
    for part in told.parts:
        if part.kind == "tool_use":
            calls.append((part.name, json.loads(part.said.get("json", "{}"))))
        elif part.kind == "custom_tool_use":
            calls.append((part.name, {"input": part.said.get("input", "")}))
    assert list(said.tools) == calls
    usage = told.usage
    assert usage is not None
    fresh = (usage.input or 0) - (usage.cached or 0) - (usage.written or 0)
    assert said.usage == (fresh, usage.output)


OWN_BLOCKS = tuple(f'{{"type":"{kind}"}}' for kind in sorted(CITATIONS))


@given(turns(("text", "thinking", "redacted", "tool_use"), marks=(OWN,), citations=OWN_BLOCKS, strangers=False))
def test_what_this_wire_can_say_reads_back_as_it_was(events: list[Event]) -> None:
    one, decoder = MessagesEncoder(full("messages")), MessagesDecoder()
    back = read(decoder, written(one, events))
    assert meaning(back) == meaning(events)
    assert (one.mends, decoder.mends) == ([], [])


def test_an_opaque_part_of_this_wire_reads_back_as_it_was() -> None:
    events: list[Event] = [
        START,
        PartStarted(0, "opaque", extra='{"type":"server_tool_use","id":"s","name":"n","input":{}}'),
        Delta(0, "opaque", '{"type":"input_json_delta","partial_json":"{}"}'),
        PartEnded(0),
    ]
    back = read(MessagesDecoder(), written(encoder(), events))
    part = Part("opaque", extra=events[1].extra, details=[("opaque", events[2].text)])  # type: ignore[union-attr]  # as written above
    assert meaning(back).parts == [part]


@given(SEQUENCES)
def test_whatever_a_sequencer_gives_does_not_make_it_raise_and_ends(events: list[Event]) -> None:
    out, _ = run(events)
    raw = written(MessagesEncoder(full("messages")), out)
    found = {code for code, _, _ in judge(raw)}
    assert found <= {"tool.input-json", "tool.input-cut"}, "the input of a call is as the model wrote it"


@settings(max_examples=50)
@given(turns(KINDS), st.data())
def test_a_cut_never_reads_as_a_success(events: list[Event], data: st.DataObject) -> None:
    sequencer = Sequencer()
    kept = events[: data.draw(st.integers(1, len(events) - 3))]
    out = [given for event in kept for given in sequencer.feed(event)] + sequencer.close(cut=True)
    raw = written(MessagesEncoder(full("messages")), out)
    assert not verdict("anthropic-py", Served(raw)).ok
    assert len(data_of(raw)) >= 1
