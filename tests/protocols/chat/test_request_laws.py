"""Laws of the chat wire's request codec: what is written is read again, but for the losses, and it is legal.

The equation: ``read(write(request))`` is the request, except where a loss says otherwise; and each loss stands for a
difference. What is only spelled otherwise (a grammar in an object of its own, a budget that is an effort of the table)
is told here by :func:`plain`, once more and by hand. What is legal, the official SDK's own request type says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.protocols.chat.request_kit import official
from tests.protocols.requests import chat_requests, json_values
from wiremend.message import (
    ChatRequest,
    CustomTool,
    CustomToolUse,
    FunctionTool,
    Message,
    Reasoning,
    ToolResult,
    ToolUse,
)
from wiremend.protocols.chat.request_read import read_request
from wiremend.protocols.chat.request_write import write_request
from wiremend.protocols.codec import Bridges, Loss, Path, Recipient, TranslationError, Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.message import Effort, Part, Tool

HOSTS = ("api.openai.com", "lab.openai.azure.com", "openrouter.ai", "api.deepseek.com", "")
NOTHING: tuple[Any, ...] = (None, [], {})
BUDGETS: dict[int, Effort] = {
    1_024: "minimal",
    4_000: "low",
    10_000: "medium",
    31_999: "high",
    63_998: "xhigh",
    127_996: "max",
}


def written_and_read(request: ChatRequest, host: str) -> tuple[Written, ChatRequest]:
    """Write a request, and read the JSON of it."""
    written = write_request(request, Recipient("m", host=host))
    return written, read_request(json.loads(msgspec.json.encode(written.document))).request


# --- what is the same, however it is spelled --------------------------------------------------------------------------


def plain(request: ChatRequest, host: str) -> ChatRequest:
    """Give a request as the wire spells it."""
    tools = tuple(
        replace(tool, format=_format(tool, host)) if isinstance(tool, CustomTool) else tool for tool in request.tools
    )
    return replace(
        request,
        wire="chat",
        model="m",
        tools=tools,
        reasoning=_reasoning(request.reasoning),
        store=None if request.store is False and request.wire != "chat" else request.store,
        messages=tuple(replace(message, parts=tuple(map(_part, message.parts))) for message in request.messages),
    )


def _format(tool: CustomTool, host: str) -> Mapping[str, Any] | None:
    form = tool.format
    if form is not None and form["type"] == "grammar" and "grammar" not in form:
        return {"type": "grammar", "grammar": {"syntax": form["syntax"], "definition": form["definition"]}}
    stays = host in {"api.openai.com", "lab.openai.azure.com"} and re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool.name)
    return None if form == {"type": "text"} and not stays else form


def _reasoning(reasoning: Reasoning | None) -> Reasoning | None:
    if reasoning is None:
        return None
    effort, budget = reasoning.effort, reasoning.budget
    if reasoning.mode == "off" and effort is None:
        return Reasoning(None, "none", budget, reasoning.summary)
    if effort is None and budget is not None:
        near: Effort = next((word for tokens, word in BUDGETS.items() if budget <= tokens), "max")
        exact = budget in BUDGETS
        return Reasoning(None, near, None if exact else budget, reasoning.summary)
    if effort is not None and effort != "none":
        return replace(reasoning, mode=None)
    return reasoning


def _part(part: Part) -> Part:
    if isinstance(part, ToolResult):
        return replace(part, is_error=part.is_error or None)
    return part


def unbridged(request: ChatRequest, bridges: Bridges) -> ChatRequest:
    """Give the tools of a request the names and forms that the other side knows, as the way back does."""
    custom: set[str] = set()

    def part_of(part: Part) -> Part:
        if isinstance(part, ToolUse) and part.name in bridges:
            bridge = bridges[part.name]
            if bridge.form == "function":
                return replace(part, name=bridge.name)
            custom.add(part.id)
            return CustomToolUse(part.id, bridge.name, json.loads(part.arguments)["input"], extra=part.extra)
        if isinstance(part, ToolResult) and part.id in custom:
            return replace(part, custom=True)
        return part

    def tool_of(tool: Tool) -> Tool:
        if isinstance(tool, FunctionTool) and tool.name in bridges:
            bridge = bridges[tool.name]
            if bridge.form == "function":
                return replace(tool, name=bridge.name)
            about = (tool.description or "").partition("Call this function with")[0].removesuffix("\n\n")
            assert tool.schema is not None
            assert set(tool.schema["properties"]) == {bridge.argument}
            return CustomTool(bridge.name, about or None, None, cache=tool.cache, extra=tool.extra)
        return tool

    choice = request.tool_choice
    if choice is not None and choice.name is not None and choice.name in bridges:
        choice = replace(choice, name=bridges[choice.name].name)
    messages = tuple(replace(message, parts=tuple(map(part_of, message.parts))) for message in request.messages)
    return replace(request, tools=tuple(map(tool_of, request.tools)), tool_choice=choice, messages=messages)


# --- differences ------------------------------------------------------------------------------------------------------


def differences(one: object, other: object, losses: Mapping[Path, Loss], path: Path = ()) -> Iterator[Path]:
    """Give where two values differ. What is lost is left out of lists before they are compared."""
    if isinstance(one, msgspec.Struct) and type(one) is type(other):
        for name in one.__struct_fields__:
            yield from differences(getattr(one, name), getattr(other, name), losses, (*path, name))
    elif path[-1:] == ("extra",) and isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            if one.get(name) not in NOTHING or other.get(name) is not None:
                yield from differences(one.get(name), other.get(name), losses, (*path, name))
    elif isinstance(one, tuple) and isinstance(other, tuple) and path not in losses:
        yield from _aligned(one, other, losses, path)
    elif one != other:
        yield path


def _aligned(one: Sequence[Any], other: Sequence[Any], losses: Mapping[Path, Loss], path: Path) -> Iterator[Path]:
    left = list(other)
    for number, item in enumerate(one):
        place = (*path, number)
        loss = losses.get(place)
        if loss is not None:
            later = sum((*path, at) not in losses for at in range(number + 1, len(one)))
            if loss.kind != "lost" and len(left) > later:
                left.pop(0)
            yield place
        elif left:
            yield from differences(item, left.pop(0), losses, place)
        else:
            yield place
    if left:
        yield path


def covers(path: Path, place: Path) -> bool:
    return place[: len(path)] == path


def check(request: ChatRequest, host: str) -> None:
    """Hold the equation."""
    written, back = written_and_read(request, host)
    losses = {loss.path: loss for loss in written.losses}
    one, other = plain(request, host), unbridged(back, written.bridges)
    if request.wire != "chat":
        other = replace(other, extra={})  # the usage that a stream is asked for
    if host == "openrouter.ai":
        messages = [lifted(message, ("messages", at), losses) for at, message in enumerate(one.messages)]
        one = replace(one, messages=tuple(messages))
    found = list(differences(one, other, losses))
    for place in found:
        assert any(covers(path, place) for path in losses), f"{place} differs without a word: {one} {other}"
    for path, loss in losses.items():
        assert any(covers(path, place) or covers(place, path) for place in found), f"{loss} loses nothing"


def lifted(message: Message, path: Path, losses: Mapping[Path, Loss]) -> Message:
    """Move the mark at the end of a result's text to the result itself: the wire has one place for both."""
    parts: list[Part] = []
    for number, part in enumerate(message.parts):
        if isinstance(part, ToolResult) and part.cache is None:
            place = (*path, "parts", number, "parts")
            stays = [at for at in range(len(part.parts)) if not _is_gone(losses.get((*place, at)))]
            last: Any = part.parts[stays[-1]] if stays else None
            if getattr(last, "cache", None) is not None:
                inner = list(part.parts)
                inner[stays[-1]] = replace(last, cache=None)
                parts.append(replace(part, parts=tuple(inner), cache=last.cache))
                continue
        parts.append(part)
    return replace(message, parts=tuple(parts))


def _is_gone(loss: Loss | None) -> bool:
    """Tell whether a part is no longer in its result."""
    return loss is not None and (loss.kind == "lost" or loss.code == "tool_result_file")


@settings(max_examples=40)
@given(chat_requests(), st.sampled_from(HOSTS))
def test_what_is_written_is_read_again_but_for_the_losses(request: ChatRequest, host: str) -> None:
    check(request, host)


@settings(max_examples=20)
@given(chat_requests(["messages", "responses"]), st.sampled_from(HOSTS[:2]))
def test_what_goes_to_openai_is_legal_by_the_official_type(request: ChatRequest, host: str) -> None:
    """The type knows every field that is written, and none is of another type."""
    document = json.loads(msgspec.json.encode(write_request(request, Recipient("m", host=host)).document))
    assert official(document) == document


@settings(max_examples=20)
@given(chat_requests(), st.sampled_from(HOSTS))
def test_names_and_ids_are_legal_nobody_elses_and_always_the_same(request: ChatRequest, host: str) -> None:
    written, again = (write_request(request, Recipient("m", host=host)) for _ in range(2))
    assert msgspec.json.encode(written.document) == msgspec.json.encode(again.document)
    names: list[str] = []
    for tool in written.document.get("tools", ()):
        names += [tool[kind]["name"] for kind in ("function", "custom") if kind in tool]
    assert len(names) == len(set(names))
    calls = [call for message in written.document["messages"] for call in message.get("tool_calls", ())]
    said = [call[call["type"]]["name"] for call in calls]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in (*names, *said, *written.bridges))
    ids = [call["id"] for call in calls]
    results = [message["tool_call_id"] for message in written.document["messages"] if message["role"] == "tool"]
    assert all(len(ident) <= 64 for ident in ids)
    assert set(results) <= set(ids)


# --- bodies of anybody ------------------------------------------------------------------------------------------------


def _words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


WORDS = _words(
    "system developer user assistant tool function text image_url file refusal thinking reasoning.text "
    "reasoning.encrypted custom auto none required json_schema enabled high call_1"
)
NAMES = _words(
    "role content name type text image_url url file file_data file_id tool_calls tool_call_id id function custom "
    "arguments input refusal reasoning_content reasoning reasoning_details summary data signature index cache_control "
    "ttl function_call audio extra_content detail filename"
)
TOP = _words(
    "model messages tools functions tool_choice function_call parallel_tool_calls max_tokens max_completion_tokens "
    "reasoning_effort reasoning thinking response_format stop logprobs top_logprobs stream temperature metadata"
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": WORDS | ANY}, optional={"content": ANY, "tool_call_id": ANY})
    | st.builds(lambda one, two: one | two, st.dictionaries(NAMES, ANY, max_size=4), st.just({"role": "assistant"})),
    max_size=4,
)


@settings(max_examples=150)
@given(st.dictionaries(TOP, ANY, max_size=4), MESSAGES | ANY)
def test_any_body_is_read_or_refused_with_a_place(body: dict[str, Any], messages: object) -> None:
    try:
        found = read_request(body | {"messages": messages})
    except TranslationError as error:
        refused = error.pointer
    else:
        refused = "/"
        written = write_request(found.request, Recipient("m", host="openrouter.ai"))
        json.loads(msgspec.json.encode(written.document))
    assert refused.startswith("/")


@settings(max_examples=20)
@given(chat_requests(["chat"]), json_values())
def test_what_this_wire_says_is_said_again(request: ChatRequest, value: object) -> None:
    """Read, written, read: the second reading is the first, where the provider takes all of it."""
    once = read_request(written_and_read(request, "openrouter.ai")[0].document).request
    marked = replace(once, extra={**once.extra, "x_any": value})
    again = written_and_read(marked, "openrouter.ai")[1]
    assert again == (marked if value is not None else replace(marked, extra=once.extra))
