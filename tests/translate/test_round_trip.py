"""To another wire and back: what both can say comes back as it was, and the notes are exactly what did not.

A plain request says what every wire has its own place for. So on its way to any of them and back it is the identity,
and nothing is noted. (But for the ids of items on responses, which the provider gave them and nobody else has a place
for: they are noted once, and left out of account here.) Then one thing more is said that the other wire has no place
for: what comes back differs there and nowhere else, and there is the one note. That holds for the neutral request too,
whatever is in it: for that see ``test_request_laws.py`` of each wire.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.translate.said import DIRECTIONS
from wiremend.explain.patch import difference
from wiremend.message import (
    Base64,
    ChatRequest,
    FunctionTool,
    Image,
    Message,
    OutputFormat,
    Text,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from wiremend.protocols.codec import Recipient
from wiremend.protocols.codecs import CODECS

if TYPE_CHECKING:
    from tests.translate.said import Json, Wire
    from wiremend.message import Part
    from wiremend.protocols.codec import Loss

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    lambda text: text.strip()
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,20}", fullmatch=True)
PICTURE = Image(source=Base64("image/png", "aGVsbG8="))
NAMED = OutputFormat(schema={"type": "object"}, name="answer")
SCHEMAS = st.dictionaries(
    NAMES, st.sampled_from(({"type": "string"}, {"type": "integer", "minimum": 0})), max_size=3
).map(lambda properties: {"type": "object", "properties": properties})


@st.composite
def conversations(draw: st.DrawFn, tools: tuple[FunctionTool, ...]) -> tuple[Message, ...]:
    """Draw turns that every wire takes: the user begins, each call has its result directly behind it."""
    said = draw(st.lists(TEXTS, max_size=1))
    turns = [Message("system", (Text(text=text),)) for text in said]
    for number in range(draw(st.integers(1, 3))):
        asks: tuple[Part, ...] = (Text(text=draw(TEXTS)), *draw(st.sampled_from(((), (PICTURE,)))))
        turns.append(Message("user", asks))
        calls = tuple(
            ToolUse(
                id=f"call_{number}_{place}",
                name=tool.name,
                arguments=json.dumps(
                    draw(st.dictionaries(NAMES, TEXTS, max_size=2)), ensure_ascii=False, separators=(",", ":")
                ),
            )
            for place, tool in enumerate(draw(st.lists(st.sampled_from(tools), max_size=2)) if tools else ())
        )
        says = tuple(Text(text=text) for text in draw(st.lists(TEXTS, min_size=0 if calls else 1, max_size=1)))
        turns.append(Message("assistant", (*says, *calls)))
        if calls:
            results = tuple(ToolResult(id=call.id, parts=(Text(text=draw(TEXTS)),)) for call in calls)
            turns += [Message("user", results), Message("assistant", (Text(text=draw(TEXTS)),))]
    return (*turns, Message("user", (Text(text=draw(TEXTS)),)))


@st.composite
def plain(draw: st.DrawFn, wire: Wire, far: Wire) -> Json:
    """Draw a body of a wire that says what it and the other have a place for; and what is so anyway on the other."""
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    strict = (
        False if "responses" in (wire, far) and wire != "messages" else None
    )  # responses is strict unless it is said
    tools = tuple(
        FunctionTool(name=name, schema=draw(SCHEMAS), description=draw(TEXTS), strict=strict) for name in names
    )
    choices = [ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")]
    choices += [ToolChoice("tool", name) for name in names]
    choice = draw(st.sampled_from(choices)) if tools else None
    stream = draw(st.booleans())
    request = ChatRequest(
        wire=wire,
        model="m",
        messages=draw(conversations(tools)),
        tools=tools,
        tool_choice=choice,
        parallel=draw(st.sampled_from((None, False))) if choice is not None and choice.kind != "none" else None,
        output=None if "messages" in (wire, far) else draw(st.sampled_from((None, NAMED))),  # messages has no names
        max_tokens=draw(st.integers(2000, 8000)),
        temperature=draw(st.sampled_from((None, 0.5, 1.0))),
        user=draw(st.sampled_from((None, "someone"))),
        store=False if wire == "responses" else None,  # as the other wires have it
        stream=stream,
        extra={"stream_options": {"include_usage": True}} if wire == "chat" and stream else {},  # as above
    )
    body: Json = json.loads(json.dumps(dict(CODECS[wire].write(request, Recipient("m")).document)))
    return body


def journey(body: Json, near: Wire, far: Wire) -> tuple[Json, list[tuple[str, str]], tuple[Loss, ...]]:
    """Take a body to another wire and back: what came back, the notes of the way there, the losses of the way back."""
    read = CODECS[near].read(body)
    there = CODECS[far].write(read.request, Recipient("m"))
    back = CODECS[far].read(json.loads(json.dumps(dict(there.document))))
    again = CODECS[near].write(back.request, Recipient("m"))
    losses = [loss for loss in (*read.losses, *there.losses) if loss.code != "item_id"]
    notes: list[tuple[str, str]] = [(loss.kind, read.places.of(loss.path)) for loss in losses]
    return unnamed(json.loads(json.dumps(dict(again.document)))), notes, again.losses


def unnamed(body: Json) -> Json:
    """Give a body without the ids of its items."""
    items = body.get("input")
    if not isinstance(items, list):
        return body
    return body | {"input": [{name: value for name, value in item.items() if name != "id"} for item in items]}


QUIET = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@pytest.mark.parametrize(("near", "far"), DIRECTIONS)
def test_what_both_can_say_comes_back_as_it_was(near: Wire, far: Wire) -> None:
    @QUIET
    @given(plain(near, far))
    def law(body: Json) -> None:
        again, notes, losses = journey(body, near, far)
        assert list(difference(unnamed(body), again)) == []
        assert notes == []
        assert losses == ()

    law()


SPOILERS: dict[tuple[Wire, Wire], dict[str, Any]] = {
    ("messages", "chat"): {"context_management": {"edits": [{"type": "x"}]}, "mcp_servers": [{"name": "a"}]},
    ("messages", "responses"): {"top_k": 5, "stop_sequences": ["END"], "inference_geo": "us"},
    ("chat", "messages"): {"seed": 7, "logit_bias": {"5": 1}, "presence_penalty": 0.5, "metadata": {"a": "b"}, "n": 2},
    ("chat", "responses"): {"seed": 7, "stop": ["END"], "logit_bias": {"5": 1}, "frequency_penalty": 0.5},
    ("responses", "messages"): {"truncation": "auto", "max_tool_calls": 3, "metadata": {"a": "b"}, "store": True},
    ("responses", "chat"): {"truncation": "auto", "max_tool_calls": 3, "client_metadata": {"a": "b"}},
}
"""(client, upstream) -> fields that the client's wire has and the other has not."""


@pytest.mark.parametrize(("near", "far"), DIRECTIONS)
def test_what_the_other_cannot_say_is_the_difference_and_the_note(near: Wire, far: Wire) -> None:
    @QUIET
    @given(plain(near, far), st.sets(st.sampled_from(sorted(SPOILERS[near, far])), min_size=1))
    def law(body: Json, names: set[str]) -> None:
        spoilt = body | {name: SPOILERS[near, far][name] for name in names}
        again, notes, _ = journey(spoilt, near, far)
        differs = {operation["path"] for operation in difference(unnamed(spoilt), again)}
        assert differs == {f"/{name}" for name in names}
        assert {kind for kind, _ in notes} == {"lost"}
        assert {"/" + where.split("/")[1] for _, where in notes} == {f"/{name}" for name in names}

    law()
