"""Two turns of a conversation: what the first reply left in the memory, the second request brings again.

Each row goes through all steps of a request and of its reply, once as a stream and once as a whole body. The history of
the second turn is what a client makes of the first that keeps only what every client keeps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.rules.kit import request, resolved
from wiremend.pipeline.context import context_for
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.reply import ReplyStream
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.whole import whole
from wiremend.protocols.wires import MENDING
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.quirks.base import WireName

type Json = dict[str, Any]

RULES: Final = """
providers: {{lab: {{base_url: 'https://{host}/v1', auth: none, quirks: [{name}]}}}}
routes: [{{to: lab/{model}}}]
"""
STRANGE: Final = b'"user":{"n":1.50 , "e":"\\u0061"}'
"""What no quirk touches, and what would not survive being decoded and written again."""
ID: Final = "call_0123456789abcdef"
THOUGHT: Final = {"type": "thinking", "thinking": "The folder first.", "signature": "c2lnbmVk"}
SEALED: Final = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAA"}
SIGNED: Final = {"google": {"thought_signature": "c2lnbmVk"}}


def chat(**said: object) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **said}, "finish_reason": "tool_calls"}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def called(ident: str, **more: object) -> Json:
    return {"id": ident, "type": "function", "function": {"name": "ls", "arguments": "{}"}, **more}


def messages(*content: Json) -> Json:
    usage = {"input_tokens": 1, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    return {**head, "content": list(content), "stop_reason": "tool_use", "usage": usage}


def used(ident: str) -> Json:
    return {"type": "tool_use", "id": ident, "name": "ls", "input": {"p": 1}}


def responses(*output: Json) -> Json:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed"}
    rest = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "error": None, "metadata": {}}
    return {**head, **rest, "incomplete_details": None, "instructions": None, "output": list(output)}


def function(ident: str) -> Json:
    head = {"type": "function_call", "id": "fc_1", "call_id": ident}
    return {**head, "name": "ls", "arguments": "{}", "status": "completed"}


USER: Final = {"role": "user", "content": "go"}


def chat_turn(ident: str, **more: object) -> list[Json]:
    return [
        {"role": "assistant", "content": None, "tool_calls": [called(ident)], **more},
        {"role": "tool", "tool_call_id": ident, "content": "a"},
    ]


def messages_turn(*content: Json) -> list[Json]:
    result = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": "a"}
    return [{"role": "assistant", "content": list(content)}, {"role": "user", "content": [result]}]


def responses_turn(*items: Json) -> list[Json]:
    return [*items, {"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "a"}]


def old_id(wire: WireName, ident: str) -> list[Json]:
    """Give a history with a call that another provider made."""
    if wire == "chat":
        return [USER, *chat_turn(ident)]
    return [USER, *(messages_turn(used(ident)) if wire == "messages" else responses_turn(function(ident)))]


@dataclass(frozen=True, slots=True)
class Row:
    """``first`` is the first turn's history, ``reply`` its reply for what was sent, ``second`` the second's history.

    ``sent`` gives what the second request must have in the place of ``second``. ``home`` is a text that the client must
    find in the first reply.
    """

    name: str
    wire: WireName
    hosts: tuple[str, str]
    model: str
    first: list[Json]
    reply: Callable[[list[Json]], Json]
    second: list[Json]
    sent: list[Json]
    home: str = ""


def reasoning(name: str, host: str, model: str) -> list[Row]:
    text = THOUGHT["thinking"]
    given = chat(reasoning_content=text, tool_calls=[called(ID)])
    return [
        Row(
            name,
            "chat",
            (host, host),
            model,
            [USER],
            lambda _: given,
            [USER, *chat_turn(ID)],
            [USER, *chat_turn(ID, reasoning_content=text)],
        ),
        Row(
            name,
            "messages",
            (host, host),
            model,
            [USER],
            lambda _: messages(THOUGHT, used(ID)),
            [USER, *messages_turn(used(ID))],
            [USER, *messages_turn(THOUGHT, used(ID))],
        ),
    ]


def echoed(wire: WireName, name: str, model: str, old: str) -> Row:
    """Make the row of a provider that says an id again as it was sent."""

    def reply(items: list[Json]) -> Json:
        said = items[1]
        if wire == "chat":
            return chat(tool_calls=[called(said["tool_calls"][0]["id"])])
        return messages(used(said["content"][0]["id"])) if wire == "messages" else responses(function(said["call_id"]))

    once = old_id(wire, old)
    return Row(name, wire, ("llm.example", "llm.example"), model, once, reply, [*once, *once[1:]], [], old)


FOREIGN: Final = [USER, *messages_turn(THOUGHT, used(ID))]
ROWS: Final = [
    *reasoning("reasoning-missing-kimi", "api.moonshot.ai", "kimi-k2.6"),
    *reasoning("reasoning-missing-deepseek", "api.deepseek.com", "deepseek-v4-pro"),
    Row(
        "gemini-thought-signature",
        "chat",
        ("generativelanguage.googleapis.com", "generativelanguage.googleapis.com"),
        "gemini-3-pro",
        [USER],
        lambda _: chat(tool_calls=[called(ID, extra_content=SIGNED)]),
        [USER, *chat_turn(ID)],
        [USER, *chat_turn(ID, tool_calls=[called(ID, extra_content=SIGNED)])],
    ),
    Row(
        "thinking-signature-foreign",
        "messages",
        ("api.deepseek.com", "api.anthropic.com"),
        "other",
        [USER],
        lambda _: messages(THOUGHT, used(ID)),
        FOREIGN,
        [USER, *messages_turn(used(ID))],
    ),
    Row(
        "thinking-signature-foreign",
        "messages",
        ("api.anthropic.com", "api.anthropic.com"),
        "claude",
        [USER],
        lambda _: messages(THOUGHT, used(ID)),
        FOREIGN,
        FOREIGN,
    ),
    Row(
        "resp-encrypted-reasoning-foreign",
        "responses",
        ("llm.example", "api.openai.com"),
        "other",
        [USER],
        lambda _: responses(SEALED, function(ID)),
        [USER, *responses_turn(SEALED, function(ID))],
        [USER, *responses_turn(function(ID))],
    ),
    echoed("chat", "toolid-mistral-9", "mistral-large", ID),
    echoed("chat", "toolid-charset-len", "m", "functions.ls:0"),
    echoed("messages", "toolid-charset-len", "m", "functions.ls:0"),
    echoed("responses", "toolid-charset-len", "m", "functions.ls:0"),
]


def body_of(wire: WireName, items: list[Json], *, stream: bool) -> bytes:
    listed = json.dumps({"input" if wire == "responses" else "messages": items})
    flag = b'"stream":true' if stream else b'"stream":false'
    return b'{ "model":"asked", ' + flag + b" , " + STRANGE + b"," + listed.encode()[1:]


def sent_by(row: Row, host: str, items: list[Json], memory: Memory, seed: str, *, stream: bool) -> Rewritten:
    rules = resolved(RULES.format(host=host, name=row.name, model=row.model))
    asked = request(wire=row.wire, body=body_of(row.wire, items, stream=stream))
    outcome = rewrite(asked, rules, memory, seed)
    assert isinstance(outcome, Rewritten)
    assert not [note for note in outcome.notes if note.kind == "failed"]
    return outcome


def items_of(row: Row, outcome: Rewritten) -> list[Json]:
    assert outcome.body is not None
    assert STRANGE in outcome.body
    found: list[Json] = json.loads(outcome.body)["input" if row.wire == "responses" else "messages"]
    return found


def answered(row: Row, outcome: Rewritten, memory: Memory, *, stream: bool) -> bytes:
    """Give what the client gets of the reply."""
    of = context_for(outcome, memory, seed="flow-1", now=1700000000)
    assert of is not None
    body = json.dumps(row.reply(items_of(row, outcome))).encode()
    if not stream:
        return whole(of, 200, body, "application/json", of.wire.tally()).body
    raw = MENDING[row.wire].to_stream(body)
    running = ReplyStream(of, of.wire.tally())
    given = b"".join(running.feed(raw[at : at + 7]) for at in range(0, len(raw), 7)) + running.close()
    assert running.failure is None
    return given


@pytest.mark.parametrize("stream", (True, False), ids=("stream", "whole"))
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.wire}-{row.hosts[1]}")
def test_what_the_first_reply_left_the_second_request_brings_again(row: Row, *, stream: bool) -> None:
    memory = Memory()
    first = sent_by(row, row.hosts[0], row.first, memory, "flow-1", stream=stream)
    given = answered(row, first, memory, stream=stream)
    assert row.home.encode() in given
    second = sent_by(row, row.hosts[1], row.second, memory, "flow-2", stream=stream)
    expected = row.sent or [*items_of(row, first), *items_of(row, first)[1:]]
    assert items_of(row, second) == expected


@pytest.mark.parametrize("row", [row for row in ROWS if row.sent and row.sent != row.second], ids=lambda row: row.name)
def test_without_the_first_reply_there_is_nothing_to_bring(row: Row) -> None:
    second = sent_by(row, row.hosts[1], row.second, Memory(), "flow-2", stream=True)
    assert items_of(row, second) != row.sent


def test_an_id_that_a_reply_made_unique_goes_back_as_it_was() -> None:
    memory = Memory()
    given = chat(tool_calls=[called("functions.ls:0")])
    row = Row("toolid-reused-kimi", "chat", ("llm.example",) * 2, "kimi-k2.6", [USER], lambda _: given, [], [])
    for stream in (True, False):
        first = sent_by(row, "llm.example", row.first, memory, "flow-1", stream=stream)
        home = answered(row, first, memory, stream=stream).decode()
        ident = home[(at := home.index("functions.ls:0~")) : home.index('"', at)]
        second = sent_by(row, "llm.example", [USER, *chat_turn(ident)], memory, "flow-2", stream=stream)
        assert items_of(row, second) == [USER, *chat_turn("functions.ls:0")]
