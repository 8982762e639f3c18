"""A hypothesis strategy for neutral requests in the normal form of ``wiremend.message``.

:func:`chat_requests` uses every field. What it gives is what some client could have said: results follow their calls,
reasoning is proved as one of the wires proves it, a grammar or a citation is in the words of the request's own wire.
With ``odd`` (the default) there are also the things that clients do say, and that not every wire takes as they are:
text behind a call, names and ids with characters of their own, arguments that are no JSON, messages without parts.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
from hypothesis import strategies as st

from wiremend.message import (
    Base64,
    Cache,
    ChatRequest,
    CustomTool,
    CustomToolUse,
    Document,
    Effort,
    FileId,
    FunctionTool,
    Image,
    Message,
    OutputFormat,
    PlainText,
    Reasoning,
    Redacted,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Unknown,
    Url,
    Wire,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.message import Part, Role

__all__ = ["EFFORTS", "WIRES", "chat_requests", "json_values"]

WIRES: Final[tuple[Wire, ...]] = ("messages", "chat", "responses")
EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

_LETTERS: Final = string.ascii_letters + string.digits + "_-"
_WORDS: Final = st.text(string.ascii_lowercase, min_size=1, max_size=6)
_NAMES: Final = st.text(_LETTERS, min_size=1, max_size=12)
_ODD_NAMES: Final = st.sampled_from(("mcp.files/read", "übersetze", "n" * 70, "a b"))
_ODD_IDS: Final = st.sampled_from(("functions.Bash:0", "call_" + "9" * 70, "toolu|1"))
_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
_COUNTS: Final = st.integers(1, 200_000)
_SHARES: Final = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
_PENALTIES: Final = st.integers(-20, 20).map(lambda tenths: tenths / 10)
_TRUE: Final = st.just(value=True)
_MAYBE: Final = st.sampled_from((None, None, False, True))


def json_values(leaves: int = 4) -> st.SearchStrategy[Any]:
    """JSON as it is decoded."""
    scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _TEXTS
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
        max_leaves=leaves,
    )


def _made[T](kind: type[T], *values: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Build a Struct. ``st.builds`` alone would look its annotations up, whose names only a type checker knows."""

    def build(*drawn: object, **named: object) -> T:
        return kind(*drawn, **named)

    return st.builds(build, *values, **fields)


def _rarely[T](strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """None, three times out of four."""
    return st.sampled_from((False, False, False, True)).flatmap(lambda there: strategy if there else st.none())


_EXTRAS: Final = _rarely(st.dictionaries(_WORDS.map("x_{}".format), json_values(), min_size=1, max_size=2)).map(
    lambda extra: extra or {}
)
_CACHES: Final = _rarely(st.sampled_from((Cache(), Cache("5m"), Cache("1h"))))
_MORE: Final[dict[str, st.SearchStrategy[Any]]] = {"cache": _CACHES, "extra": _EXTRAS}
_SCHEMAS: Final = st.dictionaries(_WORDS, st.sampled_from(("string", "integer", "boolean")), max_size=2).map(
    lambda fields: {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }
)


# --- parts ------------------------------------------------------------------------------------------------------------


def _citation(wire: Wire) -> Mapping[str, Any]:
    """Give a citation in a wire's words."""
    if wire == "messages":
        place: dict[str, Any] = {
            "document_index": 0,
            "document_title": None,
            "start_char_index": 0,
            "end_char_index": 2,
        }
        return {"type": "char_location", "cited_text": "so", **place}
    span: dict[str, Any] = {"start_index": 0, "end_index": 2, "title": "t", "url": "https://example.test/a"}
    return {"type": "url_citation", "url_citation": span} if wire == "chat" else {"type": "url_citation", **span}


_PICTURES: Final = _made(
    Image,
    st.sampled_from((Base64("image/png", PIXEL), Url("https://example.test/a.png"), FileId("file_1"))),
    st.sampled_from((None, None, "low", "high", "auto")),
    **_MORE,
)
_DOCUMENTS: Final = _made(
    Document,
    st.sampled_from(
        (
            Base64("application/pdf", "JVBERi0="),
            Url("https://example.test/a.pdf"),
            FileId("file_2"),
            PlainText("so it is"),
        )
    ),
    _rarely(_NAMES),
    _rarely(_TEXTS),
    **_MORE,
)
_PLAIN: Final = _made(Text, _TEXTS, **_MORE)
_STRANGERS: Final = st.builds(lambda kind, value: Unknown({"type": f"x_{kind}", "value": value}), _WORDS, json_values())


def _said(wire: Wire) -> st.SearchStrategy[Part]:
    """Text of the model, cited or not, or a refusal."""
    cited = _made(Text, _TEXTS, st.just((_citation(wire),)))
    return st.one_of(_PLAIN, _PLAIN, cited, _made(Refusal, _TEXTS))


_THOUGHTS: Final[st.SearchStrategy[Part]] = st.one_of(
    _made(Thinking, _TEXTS),
    _made(Thinking, _TEXTS, signature=_NAMES),
    _made(Thinking, _TEXTS, encrypted=_NAMES, summary=_TRUE, id=_NAMES.map("rs_{}".format)),
    _made(Redacted, _NAMES, st.none() | _NAMES.map("rs_{}".format)),
)
_GIVEN: Final[st.SearchStrategy[Text | Image | Document | Unknown]] = st.one_of(
    _PLAIN, _PLAIN, _PICTURES, _DOCUMENTS, _STRANGERS
)


def _arguments(*, odd: bool) -> st.SearchStrategy[str]:
    """JSON text of an object, as it is written where nobody asks for spaces."""
    sound = st.dictionaries(_WORDS, json_values(), max_size=2).map(lambda value: msgspec.json.encode(value).decode())
    return sound | st.sampled_from(('{"a": 1}', '{"a":', "plain", "[1]", '{"n":1.50}')) if odd else sound


# --- tools ------------------------------------------------------------------------------------------------------------


def _names(*, odd: bool) -> st.SearchStrategy[str]:
    return _NAMES | _ODD_NAMES if odd else _NAMES


def _tool(name: str, wire: Wire) -> st.SearchStrategy[Tool]:
    """Give tools of this name: nearly always functions."""
    text = _rarely(_TEXTS)
    function: st.SearchStrategy[Tool] = _made(FunctionTool, st.just(name), st.none() | _SCHEMAS, text, _MAYBE, **_MORE)
    grammar = {"syntax": "lark", "definition": "start: /a/"}
    form = {"type": "grammar", "grammar": grammar} if wire == "chat" else {"type": "grammar", **grammar}
    formats = st.sampled_from((None, {"type": "text"}, form))
    custom: st.SearchStrategy[Tool] = _made(CustomTool, st.just(name), text, formats, **_MORE)
    return st.one_of(function, function, function, custom)


@st.composite
def _tools(draw: st.DrawFn, wire: Wire, *, odd: bool) -> tuple[Tool, ...]:
    names = draw(st.lists(_names(odd=odd), max_size=3, unique=True))
    known = [draw(_tool(name, wire)) for name in names]
    return (*known, draw(_STRANGERS)) if draw(st.integers(0, 9)) == 9 else tuple(known)


_KINDS: Final[tuple[Literal["auto", "any", "none"], ...]] = ("auto", "any", "none")


@st.composite
def _choices(draw: st.DrawFn, tools: Sequence[Tool]) -> ToolChoice | None:
    named = [tool.name for tool in tools if not isinstance(tool, Unknown)]
    if not named or draw(st.booleans()):
        return None
    return draw(st.sampled_from([*map(ToolChoice, _KINDS), *(ToolChoice("tool", name) for name in named)]))


# --- messages ---------------------------------------------------------------------------------------------------------


@st.composite
def _calls(draw: st.DrawFn, tools: Sequence[Tool], turn: int, *, odd: bool) -> list[ToolUse | CustomToolUse]:
    """Draw calls, most of them of tools that are there; their ids are unlike any other's of the conversation."""
    found: list[ToolUse | CustomToolUse] = []
    for number in range(draw(st.sampled_from((0, 0, 1, 1, 2, 3)))):
        id_ = f"call_{turn}_{number}"
        if odd and draw(st.integers(0, 4)) == 4:
            id_ = f"{draw(_ODD_IDS)}{turn}{number}"
        tool = draw(st.sampled_from(tools)) if tools else Unknown({})
        if isinstance(tool, CustomTool):
            found.append(CustomToolUse(id_, tool.name, draw(_TEXTS), extra=draw(_EXTRAS)))
        else:
            name = tool.name if isinstance(tool, FunctionTool) else draw(_names(odd=odd))
            found.append(ToolUse(id_, name, draw(_arguments(odd=odd)), cache=draw(_CACHES), extra=draw(_EXTRAS)))
    return found


@st.composite
def _results(draw: st.DrawFn, calls: Sequence[ToolUse | CustomToolUse]) -> list[Part]:
    """Draw the results of these calls, one each and in their order."""
    return [
        ToolResult(
            call.id,
            tuple(draw(st.lists(_GIVEN, max_size=3))),
            draw(_MAYBE),
            custom=isinstance(call, CustomToolUse),
            cache=draw(_CACHES),
            extra=draw(_EXTRAS),
        )
        for call in calls
    ]


@st.composite
def _message(draw: st.DrawFn, role: Role, parts: Sequence[Part]) -> Message:
    """Draw what a message has besides its parts. A message of results alone is on no wire a message that could."""
    if not parts or all(isinstance(part, ToolResult) for part in parts):
        return Message(role, tuple(parts))
    name = draw(_rarely(_NAMES)) if role != "assistant" else None
    return Message(role, tuple(parts), name, draw(_rarely(_NAMES.map("msg_{}".format))), draw(_EXTRAS))


def _prompts(most: int = 2) -> st.SearchStrategy[list[Message]]:
    """Messages of a system or a developer."""
    roles: st.SearchStrategy[Role] = st.sampled_from(("system", "system", "developer"))
    texts = st.lists(_PLAIN, min_size=1, max_size=2)
    return st.lists(st.tuples(roles, texts).flatmap(lambda drawn: _message(*drawn)), max_size=most)


@st.composite
def _assistant(draw: st.DrawFn, wire: Wire, calls: Sequence[Part], *, odd: bool) -> list[Part]:
    """Draw an assistant's parts: reasoning, text, calls, in this order unless ``odd``."""
    thoughts = draw(st.lists(_THOUGHTS, max_size=2))
    said = draw(st.lists(_said(wire), min_size=0 if calls or thoughts else 1, max_size=2))
    said.sort(key=lambda part: isinstance(part, Refusal))
    parts: list[Part] = [*thoughts, *said, *calls]
    if odd and draw(st.integers(0, 4)) == 4:
        parts = draw(st.permutations([*parts, *draw(st.lists(_STRANGERS, max_size=1))]))
    return parts


@st.composite
def _messages(draw: st.DrawFn, wire: Wire, tools: Sequence[Tool], *, odd: bool) -> tuple[Message, ...]:
    """Draw a conversation; each call has its result. It ends with the user's turn, or with what the assistant said."""
    found: list[Message] = draw(_prompts())
    results: list[Part] = []
    for turn in range(draw(st.integers(1, 4))):
        given: list[Part] = draw(st.lists(_GIVEN, min_size=0 if results or odd else 1, max_size=3))
        found.append(draw(_message("user", [*results, *given])))
        if given and draw(st.integers(0, 5)) == 5:  # behind results alone it would be one with them
            found.append(draw(_message("user", draw(st.lists(_GIVEN, min_size=1, max_size=2)))))
        if draw(st.integers(0, 5)) == 5:
            found += draw(_prompts(1))
        calls = draw(_calls(tools, turn, odd=odd))
        found.append(draw(_message("assistant", draw(_assistant(wire, calls, odd=odd)))))
        results = draw(_results(calls))
    if results:
        found.append(draw(_message("user", results)))
    elif draw(st.booleans()):
        found.pop()
    return tuple(found)


# --- the request ------------------------------------------------------------------------------------------------------


@st.composite
def _reasoning(draw: st.DrawFn) -> Reasoning:
    """Draw how much is thought: by mode and budget, by mode and effort, or by effort alone."""
    summary = draw(st.sampled_from((None, None, "auto", "concise", "detailed", "summarized", "omitted")))
    way = draw(st.sampled_from(("budget", "adaptive", "effort", "off", "on")))
    if way == "budget":
        return Reasoning("on", None, draw(st.sampled_from((1_024, 4_000, 5_000, 31_999, 200_000))), summary)
    if way == "off":
        return Reasoning("off")
    effort = draw(st.sampled_from(EFFORTS))
    if way == "effort":
        return Reasoning(None, effort, None, summary)
    return Reasoning("adaptive" if way == "adaptive" else "on", draw(st.none() | st.just(effort)), None, summary)


def _outputs() -> st.SearchStrategy[OutputFormat]:
    named = _made(OutputFormat, _SCHEMAS, _NAMES, _rarely(_TEXTS), _MAYBE)
    return st.one_of(st.just(OutputFormat()), named)


_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "parallel": _MAYBE,
    "reasoning": _reasoning(),
    "output": _outputs(),
    "max_tokens": _COUNTS,
    "stop": st.lists(_TEXTS, min_size=1, max_size=5, unique=True).map(tuple),
    "temperature": _SHARES.map(lambda share: share * 2),
    "top_p": _SHARES,
    "top_k": st.integers(1, 100),
    "frequency_penalty": _PENALTIES,
    "presence_penalty": _PENALTIES,
    "seed": st.integers(0, 2**31),
    "stream": st.booleans(),
    "user": _NAMES,
    "safety_identifier": _NAMES,
    "metadata": st.dictionaries(_WORDS, _WORDS, min_size=1, max_size=2),
    "cache_key": _NAMES,
    "service_tier": st.sampled_from(("auto", "default", "flex", "priority")),
    "verbosity": st.sampled_from(("low", "medium", "high")),
    "top_logprobs": st.integers(0, 20),
    "store": st.booleans(),
}


@st.composite
def chat_requests(draw: st.DrawFn, wires: Sequence[Wire] = WIRES, *, odd: bool = True) -> ChatRequest:
    """Draw a request in normal form that came by one of ``wires``."""
    wire = draw(st.sampled_from(wires))
    tools = draw(_tools(wire, odd=odd))
    messages = draw(_messages(wire, tools, odd=odd))
    fields = {
        name: draw(_FIELDS[name]) for name in draw(st.lists(st.sampled_from(sorted(_FIELDS)), max_size=6, unique=True))
    }
    model, extra = draw(_NAMES), draw(_EXTRAS)
    return ChatRequest(
        wire=wire,
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=draw(_choices(tools)),
        extra=extra,
        **cast("Any", fields),
    )
