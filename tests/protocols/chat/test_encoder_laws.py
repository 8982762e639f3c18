"""chat/encoder.py: laws over whole replies, which hypothesis draws.

The judges are the wire's own contract, which knows nothing of the encoder, and the official SDK's accumulator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import verdict
from tests.protocols.chat.kit import oracle
from tests.protocols.chat.kit import verdict as judge
from tests.protocols.chat.test_encoder import CITED, OWN, START, encoder
from tests.protocols.turns import (
    Meaning,
    Part,
    full,
    meaning,
    read,
    turns,
    written,
)
from tests.test_sequencer import SEQUENCES, run
from tests.verdicts import Served
from wiremend.events import Delta, Ended, Finished, PartEnded, PartStarted
from wiremend.protocols.chat.decoder import ChatDecoder
from wiremend.protocols.chat.encoder import ChatEncoder
from wiremend.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.events import Event, PartKind

KINDS: tuple[PartKind, ...] = ("text", "thinking", "redacted", "refusal", "tool_use", "opaque")
CITATION = json.dumps({"type": "url_citation", "url_citation": CITED})


@given(turns(KINDS, citations=(CITATION, '{"type":"x"}')))
def test_any_reply_is_legal_on_the_wire(events: list[Event]) -> None:
    assert judge(written(ChatEncoder(full()), events)) == []


@given(turns((*KINDS, "custom_tool_use")))
def test_a_call_of_a_custom_tool_is_the_one_thing_that_strict_clients_do_not_know(events: list[Event]) -> None:
    found = {violation.code for violation in judge(written(ChatEncoder(full()), events))}
    assert found <= {"chat.tool-call.type-wrong"}


@settings(max_examples=50)
@given(turns(KINDS, citations=(CITATION,)))
def test_the_official_sdk_reads_what_was_meant(events: list[Event]) -> None:
    told = meaning(events)
    raw = written(ChatEncoder(full()), events)
    said = verdict("openai-py", Served(raw))
    assert said.ok, said.error
    assert said.text == "".join(part.said.get("text", "") for part in told.parts)
    calls = [(part.name, json.loads(part.said.get("json", "{}"))) for part in told.parts if part.kind == "tool_use"]
    assert list(said.tools) == calls
    assert told.usage is not None
    assert (said.usage, said.cached) == ((told.usage.input, told.usage.output), told.usage.cached)
    message = json.loads(oracle(raw).completion)["choices"][0]["message"]
    assert (message.get("reasoning_content") or "") == "".join(part.said.get("thinking", "") for part in told.parts)
    assert (message.get("refusal") or "") == "".join(part.said.get("refusal", "") for part in told.parts)


def merged(told: Meaning) -> Meaning:
    """Say a reply as this wire can: what is said in a row is one part, if nothing proves its pieces apart."""
    parts: list[Part] = []
    for part in told.parts:
        last = parts[-1] if parts else None
        if part.kind in {"text", "thinking"} and not part.said and not part.details:
            continue
        proven = last is not None and last.kind == "thinking" and last.details
        if last is not None and last.kind == part.kind and part.kind in {"text", "thinking"} and not proven:
            for kind, text in part.said.items():
                last.said[kind] = last.said.get(kind, "") + text
            last.details += part.details
        else:
            parts.append(part)
    told.parts = parts
    return told


@given(
    turns(
        ("text", "thinking", "redacted", "tool_use", "custom_tool_use"),
        marks=(OWN,),
        citations=(CITATION,),
        strangers=False,
    )
)
def test_what_this_wire_can_say_reads_back_as_it_was(events: list[Event]) -> None:
    kept = [event for event in events if not (isinstance(event, Delta) and event.kind == "citation")]
    one, decoder = ChatEncoder(full()), ChatDecoder()
    back = read(decoder, written(one, kept))
    assert one.mends == []
    if decoder.mends:  # of reasoning that is not shown, behind some that was and has no proof: whose is it?
        assert {mend.code for mend in decoder.mends} == {"chat.signature"}
    else:
        assert merged(meaning(back)) == merged(meaning(kept))


def test_reasoning_that_is_not_shown_reads_back_as_often_as_it_was() -> None:
    events = [
        event
        for index in range(3)
        for event in (PartStarted(index, "thinking", extra=OWN), Delta(index, "signature", "s"), PartEnded(index))
    ]
    decoder = ChatDecoder()
    back = read(decoder, written(encoder(), [START, *events]))
    assert [part.details for part in meaning(back).parts] == [[("signature", "s")]] * 3
    assert decoder.mends == []


def test_citations_read_back_as_they_were() -> None:
    text: list[Event] = [PartStarted(0, "text"), Delta(0, "text", "Hi"), Delta(0, "citation", CITATION)]
    back = meaning(read(ChatDecoder(), written(encoder(), [START, *text])))
    assert [(kind, json.loads(said)) for kind, said in back.parts[0].details] == [("citation", json.loads(CITATION))]


@given(SEQUENCES, st.booleans())
def test_whatever_a_sequencer_gives_is_legal_also_where_parts_overlap(events: list[Event], interleave: bool) -> None:  # noqa: FBT001 - drawn
    out, _ = run(events, interleave=interleave)
    found = {violation.code for violation in judge(written(ChatEncoder(full()), out))}
    assert found <= {
        "chat.tool-call.type-wrong",
        "chat.tool-call.arguments-not-json",
        "chat.tool-call.arguments-truncated",
    }, "the input of a call is as the model wrote it"


def test_calls_that_take_turns_are_read_by_their_index() -> None:
    events: list[Event] = [
        PartStarted(0, "tool_use", "c1", "f"),
        Delta(0, "json", '{"a"'),
        PartStarted(1, "tool_use", "c2", "g"),
        Delta(1, "json", "{}"),
        Delta(0, "json", ":1}"),
        PartEnded(1),
        PartEnded(0),
        Finished("tool_use"),
        Ended(),
    ]
    assert verdict("openai-py", Served(written(encoder(), [START, *events]))).tools == (("f", {"a": 1}), ("g", {}))


def cut(events: Iterable[Event]) -> bytes:
    sequencer = Sequencer()
    out = [given for event in events for given in sequencer.feed(event)] + sequencer.close(cut=True)
    return written(ChatEncoder(full()), out)


@settings(max_examples=50)
@given(turns(KINDS), st.data())
def test_a_cut_never_reads_as_a_success(events: list[Event], data: st.DataObject) -> None:
    assert oracle(cut(events[: data.draw(st.integers(1, len(events) - 3))])).error is not None
