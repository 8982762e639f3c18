"""What is read of a body of the messages wire that was written, against the request that it was written of.

:func:`differences` compares the request without what a loss says was dropped whole, in normal form, and with what is
only spelled otherwise spelled as this wire does: an empty list of parameters, a picture's ``detail`` of auto, an effort
as thinking that is on, several calls at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from wiremend.message import (
    ChatRequest,
    CustomTool,
    CustomToolUse,
    FunctionTool,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from wiremend.protocols.messages.request_history import BEGIN
from wiremend.protocols.messages.request_read import read_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.message import Part, Tool
    from wiremend.protocols.codec import Bridges, Path, Written

SKIPPED: Final = frozenset({"wire", "model", "messages", "tools"})

type Placed = tuple[Path | None, Part]


def read_back(written: Written) -> ChatRequest:
    return read_request(msgspec.json.decode(msgspec.json.encode(written.document))).request


# --- what is to be read -----------------------------------------------------------------------------------------------


class Turn:
    """A message that is to be read, and where each of its parts stood."""

    def __init__(self, path: Path | None, message: Message, parts: list[Placed]) -> None:
        """Begin with nothing joined to it."""
        self.path, self.message, self.parts = path, message, parts
        self.joined: list[Turn] = []

    @property
    def results(self) -> bool:
        return bool(self.parts) and all(isinstance(part, ToolResult) for _, part in self.parts)


def expected(request: ChatRequest, written: Written) -> list[Turn]:
    """Give the messages that are to be read: without what was dropped, joined where the wire or the form joins."""
    gone = {loss.path for loss in written.losses if loss.kind == "lost"}
    joined = {loss.path for loss in written.losses if (loss.kind, loss.code) == ("approximated", "system")}
    turns: list[Turn] = []
    for index, message in enumerate(request.messages):
        path: Path = ("messages", index)
        if path in gone:
            continue
        parts: list[Placed] = [
            (at, part) for number, part in enumerate(message.parts) if (at := (*path, "parts", number)) not in gone
        ]
        if path in joined:
            turns[0].parts += parts
            turns[0].joined.append(Turn(path, message, parts))
        else:
            turns.append(Turn(path, message, parts))
    if any(loss.code == "first_user" for loss in written.losses):
        lead = sum(
            1 for turn in turns[:1] if turn.message.role in {"system", "developer"} and "system" in written.document
        )
        turns.insert(lead, Turn(None, Message("user", ()), [(None, Text(BEGIN))]))
    return list(_merged(turns, own=request.wire == "messages"))


def _merged(turns: list[Turn], *, own: bool) -> Iterator[Turn]:
    last: Turn | None = None
    for turn in turns:
        role = turn.message.role
        joins = last is not None and (role == "assistant" or (role == "user" and last.results))
        apart = own and any(value is not None for value in turn.message.extra.values())
        if last is not None and joins and last.message.role == role and not apart:
            last.parts += turn.parts
            last.joined.append(turn)
            continue
        if last is not None:
            yield last
        last = turn
    if last is not None:
        yield last


def plain(request: ChatRequest, *, own: bool) -> ChatRequest:
    """Spell as this wire does what it has a place for, or what says what is so anyway."""
    nothing = {name: None for name in ("frequency_penalty", "presence_penalty") if getattr(request, name) == 0}
    if request.store is False:
        nothing["store"] = None
    if request.verbosity == "medium":
        nothing["verbosity"] = None
    return replace(
        request,
        tools=tuple(_tool(tool, own=own) for tool in request.tools),
        output=None if request.output is None else _output(request.output),
        **nothing,
    )


def _tool(tool: Tool, *, own: bool) -> Tool:
    if isinstance(tool, FunctionTool):
        schema = {"type": "object", "properties": {}} if tool.schema is None else tool.schema
        return replace(tool, schema=schema, strict=tool.strict or (tool.strict if own else None))
    if isinstance(tool, CustomTool) and tool.format == {"type": "text"}:
        return replace(tool, format=None)
    return tool


def _output(output: OutputFormat) -> OutputFormat:
    return replace(output, strict=None if output.strict else output.strict)


def crossed(read: ChatRequest, bridges: Bridges) -> ChatRequest:
    """Take the way back over the bridges."""
    custom: set[str] = set()

    def part(value: Part) -> Part:
        if isinstance(value, ToolUse) and (bridge := bridges.get(value.name)) is not None:
            if bridge.form == "function":
                return replace(value, name=bridge.name)
            custom.add(value.id)
            text = json.loads(value.arguments)[bridge.argument]
            return CustomToolUse(value.id, bridge.name, text, cache=value.cache, extra=value.extra)
        if isinstance(value, ToolResult) and value.id in custom:
            return replace(value, custom=True)
        return value

    def tool(value: Tool) -> Tool:
        if not isinstance(value, FunctionTool) or (bridge := bridges.get(value.name)) is None:
            return value
        if bridge.form == "function":
            return replace(value, name=bridge.name)
        return CustomTool(bridge.name, value.description, cache=value.cache, extra=value.extra)

    choice = read.tool_choice
    if choice is not None and choice.name and (bridge := bridges.get(choice.name)) is not None:
        choice = replace(choice, name=bridge.name)
    messages = tuple(replace(message, parts=tuple(map(part, message.parts))) for message in read.messages)
    return replace(read, messages=messages, tools=tuple(map(tool, read.tools)), tool_choice=choice)


# --- what differs -----------------------------------------------------------------------------------------------------


def _same(name: str, here: object, there: object) -> bool:
    """Tell whether two values of a field say the same."""
    if name == "arguments" and here != there:
        try:
            return bool(json.loads(str(here)) == json.loads(str(there)))
        except ValueError:
            return False
    if name == "detail" and here == "auto":
        return there is None
    return here == there


def structs(here: Struct, there: Struct, path: Path) -> Iterator[Path]:
    """Give the paths at which two Structs differ."""
    if type(here) is not type(there):
        yield path
        return
    for name in type(here).__struct_fields__:
        mine, theirs = getattr(here, name), getattr(there, name)
        if name == "extra":
            yield from mappings(mine, theirs, (*path, name))
        elif name == "parts":
            pass
        elif name == "description" and isinstance(here, CustomTool):
            if not (theirs or "").startswith(mine or ""):
                yield (*path, name)
        elif not _same(name, mine, theirs):
            yield (*path, name)


def mappings(here: Mapping[str, Any], there: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """Give the names at which two mappings differ; what is null or empty says nothing."""
    for name in {*here, *there}:
        mine, theirs = here.get(name), there.get(name)
        if mine != theirs and not (mine in (None, [], {}) and theirs is None):
            yield (*path, name)


def parts(here: list[Placed], there: tuple[Any, ...], path: Path, gone: set[Path]) -> Iterator[Path]:
    if len(here) != len(there):
        yield (*path, "parts")
        return
    for (at, mine), theirs in zip(here, there, strict=True):
        place = at or (*path, "parts")
        yield from structs(mine, theirs, place)
        if isinstance(mine, ToolResult) and isinstance(theirs, ToolResult):
            inner: list[Placed] = [
                (inside, part)
                for number, part in enumerate(mine.parts)
                if (inside := (*place, "parts", number)) not in gone
            ]
            yield from parts(inner, theirs.parts, place, gone)


def differences(request: ChatRequest, written: Written) -> set[Path]:
    """Give the paths, in the request, at which what is read of the body differs from it."""
    own = request.wire == "messages"
    gone = {loss.path for loss in written.losses if loss.kind == "lost"}
    there = crossed(read_back(written), written.bridges)
    here = plain(request, own=own)
    found: set[Path] = set()
    turns = expected(request, written)
    if len(turns) != len(there.messages):
        return {("messages",)}
    for turn, message in zip(turns, there.messages, strict=True):
        place = turn.path or ("messages",)
        for each in (turn, *turn.joined):
            seen = Message(message.role, (), extra=message.extra if each is turn else {})
            found.update(structs(each.message, seen, each.path) if each.path else ())
        found.update(parts(turn.parts, message.parts, place, gone))
    tools = [(index, tool) for index, tool in enumerate(here.tools) if ("tools", index) not in gone]
    assert len(tools) == len(there.tools)
    for (index, tool), theirs in zip(tools, there.tools, strict=True):
        found.update(structs(tool, theirs, ("tools", index)))
    for name in ChatRequest.__struct_fields__:
        if name not in SKIPPED | {"extra", "reasoning", "tool_choice", "parallel", "max_tokens", "output"}:
            found.update({(name,)} if getattr(here, name) != getattr(there, name) else ())
    found.update(mappings(here.extra, there.extra, ("extra",)))
    if any((loss.kind, loss.path) == ("approximated", ("cache_key",)) for loss in written.losses):
        found.discard(("extra", "cache_control"))  # the mark behind the whole prompt, in which the key is said
    found.update(_thoughts(here.reasoning, there.reasoning))
    found.update(_outputs(here.output, there.output))
    found.update(_choices(here, there))
    invented = here.max_tokens is None and not any(loss.path == ("max_tokens",) for loss in written.losses)
    found.update({("max_tokens",)} if here.max_tokens != there.max_tokens and not invented else ())
    return found


def _outputs(here: OutputFormat | None, there: OutputFormat | None) -> Iterator[Path]:
    if here is None or there is None:
        yield from [("output",)] if here != there else []
    else:
        yield from structs(here, there, ("output",))


def _thoughts(here: Reasoning | None, there: Reasoning | None) -> Iterator[Path]:
    """Compare thinking: an effort of none is none, any other is thinking whose time the model decides."""
    here, there = here or Reasoning(), there or Reasoning()
    if here.mode in {None, "off"} and here.effort == "none":
        here = replace(here, mode="off", effort=None)
    if here.mode is None and here.effort is not None and there.mode == "adaptive":
        here = replace(here, mode="adaptive")
    yield from structs(here, there, ("reasoning",))


def _choices(here: ChatRequest, there: ChatRequest) -> Iterator[Path]:
    """Compare choices: several calls are allowed anyway; without tools, or with none to be called, there is none."""
    choice, parallel = here.tool_choice, here.parallel
    if not there.tools and choice is not None and choice.kind in {"auto", "none"}:
        choice = None
    if not there.tools or (choice is not None and choice.kind == "none") or (parallel and there.tool_choice is None):
        parallel = None
    found = there.tool_choice
    if found == ToolChoice("auto") and parallel is False and (choice is None or choice.kind in {"any", "tool"}):
        found = None
    if choice != found:
        yield ("tool_choice",)
    if parallel != there.parallel:
        yield ("parallel",)
