"""Exchanges with tools, and with pictures in what they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.translate.said import Call, Patch, Reply, Say, Usage

if TYPE_CHECKING:
    from tests.translate.said import Json, Wire

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY: Final[Json] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Name, as in Paris"},
        "unit": {"enum": ["c", "f"]},
        "at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
    "required": ["city"],
    "additionalProperties": False,
}
EMPTY: Final[Json] = {"type": "object", "properties": {}}
PATCH: Final = ("*** Begin Patch\n*** Update File: a.py\n", '@@\n-print("ä")\n', '+print("\\n")\n', "*** End Patch\n")
GRAMMAR: Final = 'start: "*** Begin Patch" LF'


def tool(wire: Wire, name: str, description: str, schema: Json) -> Json:
    """Write the definition of a function."""
    if wire == "messages":
        return {"name": name, "description": description, "input_schema": schema}
    function = {"name": name, "description": description, "parameters": schema}
    if wire == "chat":
        return {"type": "function", "function": function}
    return {"type": "function", **function, "strict": False}


def weather(wire: Wire) -> list[Json]:
    """Write two tools."""
    return [tool(wire, "weather", "The weather of a city", CITY), tool(wire, "time", "What time it is", EMPTY)]


PARIS: Final = Call("call_A1", "weather", ('{"city": "Pa', 'r\\u00eds",', ' "unit": "c"}'))
NOW: Final = Call("call_B2", "time", ("{}",))
ROME: Final = Call("call_B2", "weather", ('{"city"', ': "Rom', 'e"}'))
ASKED: Final = "How is the weather in Paris?"
BOTH: Final = "And in Paris and Rome?"


ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "one-tool",
        "title": "A call of a tool, which the client demands",
        "asks": {
            "messages": {
                "messages": [{"role": "user", "content": ASKED}],
                "tools": weather("messages"),
                "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            },
            "chat": {
                "messages": [{"role": "user", "content": ASKED}],
                "tools": weather("chat"),
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
            "responses": {
                "input": ASKED,
                "tools": weather("responses"),
                "tool_choice": {"type": "function", "name": "weather"},
                "parallel_tool_calls": False,
            },
        },
        "reply": Reply((PARIS,), stop="tools", usage=Usage(60, 20)),
    },
    {
        "name": "two-parallel-tools",
        "title": "Some words, and then two calls in one turn",
        "asks": {
            "messages": {
                "messages": [{"role": "user", "content": ASKED}],
                "tools": weather("messages"),
                "tool_choice": {"type": "any"},
            },
            "chat": {
                "messages": [{"role": "user", "content": ASKED}],
                "tools": weather("chat"),
                "tool_choice": "required",
            },
            "responses": {"input": ASKED, "tools": weather("responses"), "tool_choice": "required"},
        },
        "reply": Reply((Say(("Let me ", "look.")), PARIS, NOW), stop="tools", usage=Usage(60, 30)),
    },
    {
        "name": "interleaved-tools",
        "title": "Two calls whose pieces come in turn",
        "asks": {
            "messages": {"messages": [{"role": "user", "content": BOTH}], "tools": weather("messages")},
            "chat": {"messages": [{"role": "user", "content": BOTH}], "tools": weather("chat")},
            "responses": {"input": BOTH, "tools": weather("responses")},
        },
        "reply": Reply((PARIS, ROME), stop="tools", usage=Usage(60, 30), interleaved=True),
    },
    {
        "name": "tool-result-with-image",
        "title": "A picture by its address, two calls, and a picture in the result of the first",
        "asks": {
            "messages": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Like this one?"},
                            {"type": "image", "source": {"type": "url", "url": "https://example.test/a.png"}},
                        ],
                    },
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "text", "text": "I will see."},
                            {"type": "tool_use", "id": "call_A1", "name": "weather", "input": {"city": "Paris"}},
                            {"type": "tool_use", "id": "call_B2", "name": "time", "input": {}},
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "call_A1",
                                "content": [
                                    {"type": "text", "text": "The sky:"},
                                    {
                                        "type": "image",
                                        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                                    },
                                ],
                            },
                            {"type": "tool_result", "tool_use_id": "call_B2", "content": "noon"},
                            {"type": "text", "text": "What do you see?"},
                        ],
                    },
                ],
                "tools": weather("messages"),
            },
            "responses": {
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": "Like this one?"},
                            {"type": "input_image", "image_url": "https://example.test/a.png", "detail": "auto"},
                        ],
                    },
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "I will see.", "annotations": []}],
                    },
                    {
                        "type": "function_call",
                        "call_id": "call_A1",
                        "name": "weather",
                        "arguments": '{"city":"Paris"}',
                    },
                    {"type": "function_call", "call_id": "call_B2", "name": "time", "arguments": "{}"},
                    {
                        "type": "function_call_output",
                        "call_id": "call_A1",
                        "output": [
                            {"type": "input_text", "text": "The sky:"},
                            {
                                "type": "input_image",
                                "image_url": f"data:image/png;base64,{PIXEL}",
                                "detail": "auto",
                            },
                        ],
                    },
                    {"type": "function_call_output", "call_id": "call_B2", "output": "noon"},
                    {"role": "user", "content": "What do you see?"},
                ],
                "tools": weather("responses"),
            },
            # This wire has no pictures in results: its clients send them in a message of their own.
            "chat": {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Like this one?"},
                            {"type": "image_url", "image_url": {"url": "https://example.test/a.png"}},
                        ],
                    },
                    {
                        "role": "assistant",
                        "content": "I will see.",
                        "tool_calls": [
                            {
                                "id": "call_A1",
                                "type": "function",
                                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                            },
                            {"id": "call_B2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
                        ],
                    },
                    {"role": "tool", "tool_call_id": "call_A1", "content": "The sky:"},
                    {"role": "tool", "tool_call_id": "call_B2", "content": "noon"},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "The picture of call_A1:"},
                            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                            {"type": "text", "text": "What do you see?"},
                        ],
                    },
                ],
                "tools": weather("chat"),
            },
        },
        "reply": Reply((Say(("A blue ", "sky.")),), usage=Usage(900, 4)),
    },
    {
        "name": "custom-tool",
        "title": "A tool of free text (apply_patch), called before and called again",
        "asks": {
            "chat": {
                "messages": [
                    {"role": "user", "content": "Mend a.py."},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "call_P1", "type": "custom", "custom": {"name": "apply_patch", "input": "nonsense"}}
                        ],
                    },
                    {"role": "tool", "tool_call_id": "call_P1", "content": "no patch"},
                    {"role": "user", "content": "Again."},
                ],
                "tools": [
                    {
                        "type": "custom",
                        "custom": {
                            "name": "apply_patch",
                            "description": "Change files.",
                            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": GRAMMAR}},
                        },
                    }
                ],
            },
            "responses": {
                "input": [
                    {"role": "user", "content": "Mend a.py."},
                    {"type": "custom_tool_call", "call_id": "call_P1", "name": "apply_patch", "input": "nonsense"},
                    {"type": "custom_tool_call_output", "call_id": "call_P1", "output": "no patch"},
                    {"role": "user", "content": "Again."},
                ],
                "tools": [
                    {
                        "type": "custom",
                        "name": "apply_patch",
                        "description": "Change files.",
                        "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
                    }
                ],
            },
        },
        "reply": Reply((Patch("call_P2", "apply_patch", PATCH),), stop="tools", usage=Usage(80, 40)),
    },
)
