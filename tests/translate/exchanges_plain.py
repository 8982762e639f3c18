"""Exchanges of words: text, reasoning, a form of the answer, a conversation of 200 turns."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from tests.translate.said import Reply, Say, Think, Usage

if TYPE_CHECKING:
    from tests.translate.said import Json, Wire

SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "sunny": {"type": "boolean"}},
    "required": ["city", "sunny"],
    "additionalProperties": False,
}
QUESTION: Final = "Wie heißt die Hauptstadt von Frankreich? 🇫🇷"
PUZZLE: Final = "Which is larger, 9.11 or 9.9?"


def talk(turns: int = 200, seed: int = 1) -> dict[Wire, Json]:
    """Write a conversation of so many turns of the user and the assistant, some of which call a tool."""
    draw = random.Random(seed)  # noqa: S311  a repeatable conversation, no secret
    bodies: dict[Wire, list[Json]] = {"messages": [], "chat": [], "responses": []}
    result: tuple[str, str] | None = None
    for turn in range(turns):
        words = f"{draw.choice(('Ja', 'No', 'Süß', 'OK'))} {draw.randrange(100)}"
        if turn % 2 == 0:
            _asks(bodies, words, result)
            result = None
        elif draw.random() < 0.3:
            call = (f"call_{turn}", {"key": draw.randrange(100)})
            _calls(bodies, *call)
            result = (call[0], words)
        else:
            bodies["messages"].append({"role": "assistant", "content": [{"type": "text", "text": words}]})
            bodies["chat"].append({"role": "assistant", "content": words})
            bodies["responses"].append(_output(words))
    _asks(bodies, "And now?", result)
    schema: Json = {"type": "object", "properties": {"key": {"type": "integer"}}, "required": ["key"]}
    return {
        "messages": {"messages": bodies["messages"], "tools": [{"name": "look", "input_schema": schema}]},
        "chat": {
            "messages": bodies["chat"],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}],
        },
        "responses": {
            "input": bodies["responses"],
            "tools": [{"type": "function", "name": "look", "parameters": schema, "strict": False}],
        },
    }


def _asks(bodies: dict[Wire, list[Json]], words: str, result: tuple[str, str] | None) -> None:
    blocks: list[Json] = [{"type": "text", "text": words}]
    if result is not None:
        blocks.insert(0, {"type": "tool_result", "tool_use_id": result[0], "content": result[1]})
        bodies["chat"].append({"role": "tool", "tool_call_id": result[0], "content": result[1]})
        bodies["responses"].append({"type": "function_call_output", "call_id": result[0], "output": result[1]})
    bodies["messages"].append({"role": "user", "content": blocks if result else words})
    bodies["chat"].append({"role": "user", "content": words})
    bodies["responses"].append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]})


def _calls(bodies: dict[Wire, list[Json]], id_: str, given: Json) -> None:
    text = f'{{"key":{given["key"]}}}'
    block = {"type": "tool_use", "id": id_, "name": "look", "input": given}
    bodies["messages"].append({"role": "assistant", "content": [block]})
    call = {"id": id_, "type": "function", "function": {"name": "look", "arguments": text}}
    bodies["chat"].append({"role": "assistant", "content": None, "tool_calls": [call]})
    bodies["responses"].append({"type": "function_call", "call_id": id_, "name": "look", "arguments": text})


def _output(words: str) -> Json:
    part = {"type": "output_text", "text": words, "annotations": []}
    return {"type": "message", "role": "assistant", "content": [part]}


ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "text",
        "title": "A question and its answer",
        "asks": {
            "messages": {
                "system": "You are terse.",
                "messages": [{"role": "user", "content": QUESTION}],
                "temperature": 0.5,
                "top_p": 0.9,
                "metadata": {"user_id": "u1"},
            },
            "chat": {
                "messages": [{"role": "system", "content": "You are terse."}, {"role": "user", "content": QUESTION}],
                "temperature": 0.5,
                "top_p": 0.9,
                "user": "u1",
            },
            "responses": {
                "instructions": "You are terse.",
                "input": QUESTION,
                "temperature": 0.5,
                "top_p": 0.9,
                "user": "u1",
            },
        },
        "reply": Reply((Say(("Par", "is, ", "naturally 🗼", ".")),), usage=Usage(21, 5)),
    },
    {
        "name": "thinking-then-text",
        "title": "A model that thinks with medium effort, and then answers",
        "asks": {
            "messages": {
                "messages": [{"role": "user", "content": PUZZLE}],
                "thinking": {"type": "enabled", "budget_tokens": 10_000},
            },
            "chat": {"messages": [{"role": "user", "content": PUZZLE}], "reasoning_effort": "medium"},
            "responses": {
                "input": [{"role": "user", "content": PUZZLE}],
                "reasoning": {"effort": "medium", "summary": "auto"},
                "include": ["reasoning.encrypted_content"],
            },
        },
        "reply": Reply(
            (Think(("Compare ", "the tenths: ", "9 > 1.")), Say(("9.9 is ", "larger."))),
            usage=Usage(30, 40, reasoning=25),
        ),
    },
    {
        "name": "structured-output",
        "title": "An answer that is JSON of a schema",
        "asks": {
            "messages": {
                "messages": [{"role": "user", "content": "Paris today?"}],
                "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            },
            "chat": {
                "messages": [{"role": "user", "content": "Paris today?"}],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True},
                },
            },
            "responses": {
                "input": "Paris today?",
                "text": {"format": {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}},
            },
        },
        "reply": Reply((Say(('{"city":"Par', 'is","sunny":', "true}")),)),
    },
    {
        "name": "system-in-the-middle",
        "title": "A system prompt of two blocks, and a word of the system in the middle of the conversation",
        "asks": {
            "messages": {
                "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
                "messages": [
                    {"role": "user", "content": "Hello"},
                    {"role": "assistant", "content": "Hello!"},
                    {"role": "user", "content": "And now?"},
                    {"role": "system", "content": "The file a.py was changed by the user."},
                ],
            },
            "chat": {
                "messages": [
                    {
                        "role": "system",
                        "content": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
                    },
                    {"role": "user", "content": "Hello"},
                    {"role": "assistant", "content": "Hello!"},
                    {"role": "user", "content": "And now?"},
                    {"role": "system", "content": "The file a.py was changed by the user."},
                ]
            },
            "responses": {
                "input": [
                    {
                        "role": "system",
                        "content": [
                            {"type": "input_text", "text": "Be kind."},
                            {"type": "input_text", "text": "Be brief."},
                        ],
                    },
                    {"role": "user", "content": "Hello"},
                    {"role": "assistant", "content": "Hello!"},
                    {"role": "user", "content": "And now?"},
                    {"role": "system", "content": "The file a.py was changed by the user."},
                ]
            },
        },
        "reply": Reply((Say(("Noted.",)),)),
    },
    {
        "name": "stop-sequence",
        "title": "An answer that ends at a stop sequence",
        "asks": {
            "messages": {"messages": [{"role": "user", "content": "Count."}], "stop_sequences": ["5", "END"]},
            "chat": {"messages": [{"role": "user", "content": "Count."}], "stop": ["5", "END"]},
        },
        "reply": Reply((Say(("1 2 ", "3 4 ")),), stop="stop_sequence", at="5"),
        "unheard": {"responses": frozenset({"stop"})},
    },
    {
        "name": "citations",
        "title": "An answer with a source",
        "asks": {
            "messages": {"messages": [{"role": "user", "content": "Who says so?"}]},
            "chat": {"messages": [{"role": "user", "content": "Who says so?"}]},
            "responses": {"input": "Who says so?"},
        },
        "reply": Reply((Say(("They", " do."), ("https://example.test/a", "A page")),)),
    },
    {
        "name": "two-hundred-turns",
        "title": "A conversation of 200 turns, some of them calls",
        "asks": talk(),
        "reply": Reply((Say(("Still ", "here.")),), usage=Usage(3_000, 3)),
    },
)
