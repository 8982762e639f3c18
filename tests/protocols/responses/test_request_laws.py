"""What is written and read again is the request: each difference has its loss, and each loss is a difference.

Said without a word, because so it is anyway: ``store: false``, ``strict: false``, ``detail: auto``, a result that is no
error, a summary that is left out. A grammar is flat here, and an object of its own on chat. A tool that goes by another
name has a bridge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import response_create_params
from pydantic import TypeAdapter

from tests.protocols.requests import chat_requests, json_values
from wiremend.message import ChatRequest, Message, Reasoning, ToolResult, ToolUse
from wiremend.protocols.codec import Recipient, TranslationError, Written
from wiremend.protocols.responses.request_read import read_request
from wiremend.protocols.responses.request_write import write_request

OPENAI: Final = Recipient("gpt-lab", "openai", "api.openai.com", seed="s")
LOCAL: Final = Recipient("open-lab", "local", "127.0.0.1", seed="s")
OFFICIAL: Final[TypeAdapter[Any]] = TypeAdapter(
    response_create_params.ResponseCreateParamsNonStreaming | response_create_params.ResponseCreateParamsStreaming
)
LISTS: Final = frozenset({"messages", "parts", "tools"})
RARE: Final = settings(suppress_health_check=[HealthCheck.too_slow])

type Path = tuple[str | int, ...]
type Json = dict[str, Any]


def through_json(document: Any) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.json.decode(msgspec.json.encode(document))


@dataclass(slots=True)
class Node:
    """A Struct of a request with the path that it has there; ``extra`` has a path for each of its names."""

    kind: str
    path: Path
    lists: dict[str, list[Node]] = field(default_factory=dict)
    fields: dict[Path, Any] = field(default_factory=dict)
    extra: dict[str, tuple[Path, Any]] = field(default_factory=dict)


def node(value: Any, path: Path = ()) -> Node:  # noqa: ANN401 - any Struct
    made = Node(type(value).__name__, path)
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        if name in LISTS:
            made.lists[name] = [node(entry, (*path, name, number)) for number, entry in enumerate(inner)]
        elif name == "extra":
            made.extra = {key: ((*path, "extra", key), entry) for key, entry in inner.items()}
        elif name == "reasoning":
            for one in Reasoning.__struct_fields__:
                made.fields[name, one] = getattr(inner, one, None)
        elif name == "output" and inner is not None:
            for one in inner.__struct_fields__:
                made.fields[name, one] = getattr(inner, one)
        elif name not in {"wire", "model"}:
            made.fields[name,] = inner
    return made


def usual(where: Path, value: Any) -> Any:  # noqa: ANN401 - any value
    """Give None for what says what is so anyway."""
    if where[-1] in {"strict", "store", "is_error"} and value is False:
        return None
    if (where[-1], value) in [("detail", "auto"), ("summary", "omitted")]:
        return None
    if where == ("format",) and value and "grammar" in value:
        return {"type": "grammar", **value["grammar"]}
    return value


def prune(found: Node, lost: set[Path], used: set[Path]) -> None:
    """Take out what is lost as a whole."""
    for name, entries in found.lists.items():
        for entry in entries:
            prune(entry, lost, used)
            if entry.path in lost:
                used |= {path for path in lost if path[: len(entry.path)] == entry.path}
        found.lists[name] = [entry for entry in entries if entry.path not in lost]


def merge(messages: list[Node], used: set[Path]) -> list[Node]:
    """Bring messages to the normal form again, now that some are gone; what one had for itself goes with it."""
    found: list[Node] = []
    for message in messages:
        last = found[-1] if found else None
        if last is not None and role(last) == role(message) and joins(last):
            last.lists["parts"] += message.lists["parts"]
            last.extra |= message.extra
            used |= {(*message.path, name) for name in ("name", "id") if message.fields[name,] is not None}
        else:
            found.append(message)
    return found


def role(message: Node) -> str:
    return str(message.fields[("role",)])


def joins(message: Node) -> bool:
    parts = message.lists["parts"]
    given = bool(parts) and all(part.kind == "ToolResult" for part in parts)
    return role(message) == "assistant" or (role(message) == "user" and given)


def differences(told: Node, heard: Node) -> set[Path]:
    """Give the path of each difference, in what was told."""
    if told.kind != heard.kind:
        return {told.path}
    found = {
        (*told.path, *one)
        for one in told.fields.keys() | heard.fields.keys()
        if usual(one, told.fields.get(one)) != usual(one, heard.fields.get(one))
    }
    nothing = ((*told.path, "extra"), "absent")
    for name in told.extra.keys() | heard.extra.keys():
        path, value = told.extra.get(name, nothing)
        if heard.extra.get(name, nothing)[1] != value:
            found.add(path)
    for name, entries in told.lists.items():
        assert len(entries) == len(heard.lists[name]), (name, told.path)
        for one, other in zip(entries, heard.lists[name], strict=True):
            found |= differences(one, other)
    return found


def renamed(request: ChatRequest, written: Written) -> ChatRequest:
    """Give tools the names that they have on the near side."""

    def back(value: Any) -> Any:  # noqa: ANN401 - any Struct
        name = getattr(value, "name", None)
        if isinstance(name, str) and name in written.bridges:
            return msgspec.structs.replace(value, name=written.bridges[name].name)
        return value

    messages = [msgspec.structs.replace(message, parts=tuple(map(back, message.parts))) for message in request.messages]
    return msgspec.structs.replace(
        request,
        messages=tuple(messages),
        tools=tuple(map(back, request.tools)),
        tool_choice=back(request.tool_choice),
    )


@given(request=chat_requests(), recipient=st.sampled_from((OPENAI, LOCAL)))
@settings(RARE, max_examples=150)
def test_each_difference_has_its_loss(request: ChatRequest, recipient: Recipient) -> None:
    written = write_request(request, recipient)
    again = renamed(read_request(through_json(written.document)).request, written)
    told, heard, used = node(request), node(again), set[Path]()
    losses = {loss.path for loss in written.losses}
    prune(told, {loss.path for loss in written.losses if loss.kind == "lost"}, used)
    told.lists["messages"] = merge(told.lists["messages"], used)
    found = differences(told, heard) | used
    if request.wire == "responses":
        found -= {path for path in found - losses if path[-2] == "extra" and said_null(request, path)}
    assert found == losses
    assert len(losses) == len(written.losses)


def said_null(value: Any, path: Path) -> bool:  # noqa: ANN401 - any Struct
    """Tell whether what a path leads to is null: on the same wire that is absent."""
    for token in path:
        value = getattr(value, token) if isinstance(token, str) and not isinstance(value, dict) else value[token]
    return value is None


@given(request=chat_requests(("messages", "chat")))
@RARE
def test_what_is_written_is_legal(request: ChatRequest) -> None:
    """The official types take it; names and ids fit; calls find their results; and it is the same each time."""
    written = write_request(request, OPENAI)
    assert written == write_request(request, OPENAI)
    document = through_json(written.document)
    OFFICIAL.validate_python(document)
    items: list[Json] = [item for item in document["input"] if "call_id" in item]
    calls = {item["call_id"] for item in items if item["type"].endswith("_call")}
    results = {item["call_id"] for item in items if item["type"].endswith("_output")}
    assert results <= calls
    names = [entry["name"] for entry in (*items, *document.get("tools", ())) if "name" in entry]
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert all(len(ident) <= 64 for ident in calls)
    offered = [tool["name"] for tool in document.get("tools", ()) if "name" in tool]
    assert len(set(offered)) == len(offered)


@given(request=chat_requests())
@RARE
def test_each_loss_has_a_place(request: ChatRequest) -> None:
    """What was read from a body points into that body."""
    document = through_json(write_request(request, LOCAL).document)
    read = read_request(document)
    foreign = msgspec.structs.replace(read.request, wire="chat")
    for loss in write_request(foreign, OPENAI).losses:
        pointer = read.places.of(loss.path)
        if loss.kind != "invented" and loss.path not in {(part,) for part in ("stop",)}:
            assert stands(document, pointer), (loss, pointer)


def stands(document: Any, pointer: str) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a pointer leads to something, or to a field that could be there."""
    *way, _last = pointer.split("/")[1:] or [""]
    for token in way:
        document = document[int(token)] if isinstance(document, list) else document[token]
    return isinstance(document, dict | list | str)


FIELDS: Final = [
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "reasoning",
    "text",
    "include",
    "stream",
    "max_output_tokens",
    "metadata",
    "temperature",
]
ITEMS: Final = [
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "item_reference",
    "web_search_call",
    "input_text",
    "input_image",
    "input_file",
    "output_text",
    "refusal",
    "function",
    "custom",
    "namespace",
    "local_shell",
    "allowed_tools",
    "json_schema",
    "json_object",
    "text",
]
NAMES: Final = [
    "type",
    "role",
    "content",
    "id",
    "call_id",
    "name",
    "namespace",
    "arguments",
    "input",
    "action",
    "output",
    "summary",
    "encrypted_content",
    "text",
    "annotations",
    "image_url",
    "file_data",
    "file_url",
    "file_id",
    "tools",
    "mode",
    "format",
    "schema",
    "effort",
    "command",
    "refusal",
    "description",
    "parameters",
    "strict",
]
VALUES: Final = st.recursive(
    json_values(2) | st.sampled_from([*ITEMS, "user", "assistant", "system"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@given(document=st.dictionaries(st.sampled_from(FIELDS), VALUES))
@RARE
def test_a_body_of_any_shape_is_read_or_refused(document: Json) -> None:
    try:
        read = read_request(document)
    except TranslationError as error:
        pointer = error.pointer
    else:
        pointer = "/"
        through_json(write_request(read.request, OPENAI).document)
    assert pointer.startswith("/")


def test_the_law_sees_a_loss_that_is_not_told() -> None:
    """The judge is judged: a difference without a loss, and a loss without a difference."""
    call = Message("assistant", (ToolUse("c", "f", "{}"),))
    result = Message("user", (ToolResult("c", (), is_error=True),))
    request = ChatRequest(wire="chat", model="m", messages=(call, result))
    written = write_request(request, OPENAI)
    again = read_request(through_json(written.document)).request
    assert differences(node(request), node(again)) == {("messages", 1, "parts", 0, "is_error")}
    assert [loss.path for loss in written.losses] == [("messages", 1, "parts", 0, "is_error")]
