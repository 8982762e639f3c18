"""Reasoning in the history: what nobody signs, what OpenRouter's list signs, and what an envelope brings back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.chat.request_kit import (
    OPENAI,
    OTHER,
    ROUTER,
    Json,
    lost,
    read,
    request,
    said,
    turn,
    write,
)
from wiremend.message import Message, Redacted, Text, Thinking, Unknown
from wiremend.protocols.envelope import seal

SIGNED: Json = {
    "type": "reasoning.text",
    "text": "Hm.",
    "signature": "EqQB",
    "format": "anthropic-claude-v1",
    "id": "r1",
    "index": 0,
}
SUMMARY: Json = {"type": "reasoning.summary", "summary": "In short.", "format": "openai-responses-v1", "index": 0}
SEALED: Json = {
    "type": "reasoning.encrypted",
    "data": "gAAAA",
    "id": "rs_1",
    "format": "openai-responses-v1",
    "index": 0,
}


def thoughts(**fields: object) -> tuple[Any, ...]:
    """Read the parts of an assistant's message with these fields."""
    [message] = said({"role": "assistant", "content": None, **fields})
    return message.parts


@pytest.mark.parametrize(
    ("fields", "expected"),
    (
        ({"reasoning_content": "Hm."}, (Thinking("Hm."),)),
        ({"reasoning": "Hm."}, (Thinking("Hm."),)),
        ({"reasoning_content": "Hm.", "reasoning": "Hm."}, (Thinking("Hm."),)),
        ({"reasoning_content": "", "reasoning": "Hm."}, (Thinking("Hm."),)),
        ({"reasoning_content": ""}, ()),
        ({"reasoning_content": None, "reasoning_details": []}, ()),
        (
            {"reasoning": "Hm.", "reasoning_details": [SIGNED]},
            (Thinking("Hm.", extra={"signature": "EqQB", "format": "anthropic-claude-v1", "id": "r1"}),),
        ),
        (
            {"reasoning_details": [SUMMARY, SEALED]},
            (
                Thinking(
                    "In short.",
                    summary=True,
                    extra={"data": "gAAAA", "format": "openai-responses-v1", "id": "rs_1"},
                ),
            ),
        ),
        (
            {"reasoning_details": [SEALED]},
            (Unknown({"type": "reasoning.encrypted", "data": "gAAAA", "format": "openai-responses-v1", "id": "rs_1"}),),
        ),
        (
            {"reasoning_details": [SIGNED, SIGNED | {"text": "Two.", "signature": "Abc", "index": 1}]},
            (
                Thinking("Hm.", extra={"signature": "EqQB", "format": "anthropic-claude-v1", "id": "r1"}),
                Thinking("Two.", extra={"signature": "Abc", "format": "anthropic-claude-v1", "id": "r1"}),
            ),
        ),
        (
            {"reasoning_details": [{"type": "reasoning.server_tool_call", "index": 0, "name": "search"}]},
            (Unknown({"type": "reasoning.server_tool_call", "name": "search"}),),
        ),
    ),
)
def test_reasoning_is_read_once(fields: Json, expected: tuple[Any, ...]) -> None:
    assert thoughts(**fields) == expected


def test_the_chunks_of_a_stream_that_a_client_kept_apart_are_one() -> None:
    chunks: list[Json] = [
        {"type": "reasoning.text", "text": "Let", "index": 0},
        {"type": "reasoning.text", "text": " me.", "index": 0},
        {"type": "reasoning.text", "signature": "EqQB", "index": 0},
        {"type": "reasoning.text", "text": "Next", "index": 1},
    ]
    assert thoughts(reasoning="Let me.Next", reasoning_details=chunks) == (
        Thinking("Let me.", extra={"signature": "EqQB"}),
        Thinking("Next"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("First.Hm.", (Thinking("First."), Thinking("Hm.", extra={"signature": "S"}))),
        ("Hm.\n\nThen.", (Thinking("Hm.", extra={"signature": "S"}), Thinking("Then."))),
        ("H m.\n", (Thinking("Hm.", extra={"signature": "S"}),)),
    ),
)
def test_what_nobody_signed_stands_beside_what_is_signed(text: str, expected: tuple[Any, ...]) -> None:
    entry = {"type": "reasoning.text", "text": "Hm.", "signature": "S"}
    assert thoughts(reasoning_content=text, reasoning_details=[entry]) == expected


def test_a_signature_without_text_is_that_of_the_text() -> None:
    entry = {"type": "reasoning.text", "signature": "S"}
    assert thoughts(reasoning_content="Hm.", reasoning_details=[entry]) == (Thinking("Hm.", extra={"signature": "S"}),)


# --- envelopes --------------------------------------------------------------------------------------------------------

ENVELOPES: tuple[tuple[Json, Any], ...] = (
    (
        {"type": "reasoning.text", "text": "Hm.", "signature": seal("messages", {"signature": "EqQB"})},
        Thinking("Hm.", signature="EqQB"),
    ),
    (
        {"type": "reasoning.encrypted", "data": seal("messages", {"data": "EmwK"})},
        Redacted("EmwK"),
    ),
    (
        {
            "type": "reasoning.text",
            "text": "Hm.",
            "signature": seal("responses", {"id": "rs_1", "encrypted_content": "gAAAA"}),
        },
        Thinking("Hm.", encrypted="gAAAA", summary=True, id="rs_1"),
    ),
    (
        {"type": "reasoning.encrypted", "data": seal("responses", {"id": "rs_1", "encrypted_content": "gAAAA"})},
        Redacted("gAAAA", "rs_1"),
    ),
    (
        {"type": "reasoning.encrypted", "data": seal("responses", {"encrypted_content": "gAAAA"})},
        Redacted("gAAAA", ""),
    ),
    (
        {"type": "reasoning.text", "text": "Hm.", "signature": seal("chat", {"signature": "S", "format": "f"})},
        Thinking("Hm.", extra={"signature": "S", "format": "f"}),
    ),
    (
        {"type": "reasoning.text", "text": "Hm.", "signature": "wiremend1.broken"},
        Thinking("Hm.", extra={"signature": "wiremend1.broken"}),
    ),
)


@pytest.mark.parametrize(("entry", "expected"), ENVELOPES)
def test_envelopes_are_opened_into_the_fields_of_their_wire(entry: Json, expected: object) -> None:
    assert thoughts(reasoning_content=entry.get("text"), reasoning_details=[entry | {"index": 0}]) == (expected,)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_what_this_wire_proves_comes_back() -> None:
    """Read and written, the list is the same: signatures, data, ids and formats; the index is the place in it."""
    details = [SIGNED, SUMMARY | {"index": 1}, SEALED | {"index": 1}, SEALED | {"data": "gBBBB", "index": 2}]
    body = {"role": "assistant", "content": "Yes.", "reasoning": "Hm.In short.", "reasoning_details": details}
    found = write(read([body]).request, ROUTER)
    [message] = found.document["messages"]
    written = message.pop("reasoning_details")
    assert [{**entry, "id": entry.get("id", "rs_1")} for entry in written] == [
        {**entry, "id": entry.get("id", "rs_1")} for entry in details
    ]
    assert message == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.\n\nIn short."}
    assert found.losses == ()
    assert read([message | {"reasoning_details": written}]).request.messages == read([body]).request.messages


def test_what_another_wire_proves_is_kept_as_text() -> None:
    parts = (
        Thinking("One.", signature="EqQB"),
        Redacted("EmwK"),
        Text("Yes."),
    )
    found = write(request(Message("assistant", parts)))
    assert found.document["messages"] == [{"role": "assistant", "content": "Yes.", "reasoning_content": "One."}]
    assert lost(found.losses) == [
        ("lost", ("messages", 0, "parts", 0, "signature"), "signature"),
        ("lost", ("messages", 0, "parts", 1), "reasoning"),
    ]


def test_an_item_of_the_responses_wire_is_one_loss() -> None:
    part = Thinking("One.", encrypted="gAAAA", summary=True, id="rs_1")
    found = write(request(turn("assistant", part), wire="responses"))
    assert found.document["messages"] == [{"role": "assistant", "content": "", "reasoning_content": "One."}]
    assert lost(found.losses) == [("approximated", ("messages", 0, "parts", 0), "reasoning")]


def test_extras_of_another_wires_reasoning_are_lost() -> None:
    found = write(request(turn("assistant", Thinking("One.", extra={"x_any": 1}))))
    assert found.document["messages"] == [{"role": "assistant", "content": "", "reasoning_content": "One."}]
    assert lost(found.losses) == [("lost", ("messages", 0, "parts", 0, "extra", "x_any"), "x_any")]


def test_pieces_without_proof_are_joined() -> None:
    found = write(request(turn("assistant", Thinking("One."), Thinking("Two."))))
    assert found.document["messages"][0]["reasoning_content"] == "One.\n\nTwo."
    assert lost(found.losses) == [("approximated", ("messages", 0, "parts"), "reasoning")]


@pytest.mark.parametrize("part", (Thinking("One."), Thinking("One.", signature="S"), Redacted("x")))
def test_openai_takes_no_reasoning_back(part: Thinking | Redacted) -> None:
    found = write(request(turn("assistant", part, Text("Yes."))), OPENAI)
    assert found.document["messages"] == [{"role": "assistant", "content": "Yes."}]
    assert lost(found.losses) == [("lost", ("messages", 0, "parts", 0), "reasoning")]


@pytest.mark.parametrize("host", (OTHER, ROUTER))
def test_no_proof_of_another_provider_leaves(host: str) -> None:
    """Neither opened from an envelope nor as it came."""
    for entry, _ in ENVELOPES[:5]:
        message = {"role": "assistant", "content": "Yes.", "reasoning_details": [entry]}
        written = repr(write(read([message]).request, host).document)
        assert not [proof for proof in ("EqQB", "EmwK", "gAAAA", "rs_1", "wiremend1.") if proof in written]


@pytest.mark.parametrize(
    ("part", "entry"),
    (
        (
            Thinking("Hm.", extra={"wire": "chat", "signature": "S", "format": "f"}),
            {"type": "reasoning.text", "text": "Hm.", "signature": "S", "format": "f", "index": 0},
        ),
        (
            Thinking("", extra={"wire": "chat", "data": "D", "id": "r"}),
            {"type": "reasoning.encrypted", "data": "D", "id": "r", "index": 0},
        ),
    ),
)
def test_a_proof_of_this_wire_comes_back_through_a_client_of_another(part: Thinking, entry: Json) -> None:
    found = write(request(turn("assistant", part)), ROUTER)
    assert found.document["messages"][0]["reasoning_details"] == [entry]
    assert found.losses == ()
