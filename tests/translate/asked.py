"""What a request asks for, read off its body by a small reader of each wire that knows nothing of the codecs.

Two bodies mean the same where :func:`asked` gives the same. Read are only the words of the vendors' references that the
exchanges use; a word that is not known here is an error of the test. What the wires say in different ways is said in
one: a tool of free text is a function of one property ``input``, a developer is the system, a budget of thinking is the
effort that stands for it in ``wiremend.protocols.efforts``' documented table (written out here again), and reasoning,
which only its own provider can check, is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.translate.said import Json, Wire

type Leaf = tuple[Any, ...]
"""``(role, "text", …)``, ``(role, "image", address)``, ``("assistant", "call", id, name, arguments)``,
``("result", id, "text", …)`` or ``("result", id, "image", address)``."""

FREE: Final = "free text"
"""The schema of a tool of free text."""

BUDGETS: Final = {1_024: "minimal", 4_000: "low", 10_000: "medium", 31_999: "high"}


@dataclass(slots=True)
class Asked:
    """What a request asks for; ``schemas`` are of its tools, by name, ``choice`` a word or the name of a tool."""

    says: list[Leaf]
    model: str = ""
    stream: bool = False
    schemas: dict[str, Any] = field(default_factory=dict)
    choice: str = "auto"
    parallel: bool = True
    effort: str | None = None
    output: Any = None
    most: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None


def asked(wire: Wire, body: Mapping[str, Any], *, back: bool = True) -> Asked:
    """Read a request.

    With ``back``, a picture that the chat wire has behind a result, under a text that names the call, is the result's:
    there is no other place for it. What a client of that wire wrote so is a message of the user all the same.
    """
    read = _READERS[wire](dict(body))
    if back and wire == "chat":
        read.says = _brought_back(read.says)
    return read


def _rest(body: Json, *harmless: str) -> None:
    """Refuse what nobody has read."""
    left = set(body) - set(harmless)
    assert not left, f"nobody reads {sorted(left)}"


def _blocks(content: Any) -> list[Json]:  # noqa: ANN401  JSON
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _schema(schema: Any) -> Any:  # noqa: ANN401  JSON
    """Give a tool's schema; one whose only property is the text ``input`` is a tool of free text."""
    properties = (schema or {}).get("properties", {})
    free = list(properties) == ["input"] and properties["input"].get("type") == "string"
    return FREE if free else schema


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(body: Json) -> Asked:
    says = [leaf for block in _blocks(body.pop("system", None)) for leaf in _said("system", block)]
    for message in body.pop("messages"):
        for block in _blocks(message["content"]):
            says += _said(message["role"], block)
    given = Asked(says, body.pop("model"), body.pop("stream", False))
    given.schemas = {tool["name"]: _schema(tool["input_schema"]) for tool in body.pop("tools", ())}
    choice = body.pop("tool_choice", {"type": "auto"})
    given.choice = choice["name"] if choice["type"] == "tool" else choice["type"]
    given.parallel = not choice.get("disable_parallel_tool_use", False)
    thinking, config = body.pop("thinking", {"type": "disabled"}), body.pop("output_config", {})
    given.effort = config.get("effort")
    if thinking["type"] == "enabled":
        given.effort = BUDGETS[thinking["budget_tokens"]]
    given.output = config.get("format", {}).get("schema")
    given.most = body.pop("max_tokens")
    given.stop = tuple(body.pop("stop_sequences", ()))
    given.temperature, given.top_p = body.pop("temperature", None), body.pop("top_p", None)
    given.user = body.pop("metadata", {}).get("user_id")
    _rest(body)
    return given


def _said(role: str, block: Json) -> Iterator[Leaf]:
    match block["type"]:
        case "text":
            yield role, "text", block["text"]
        case "image":
            source = block["source"]
            data = f"data:{source.get('media_type')};base64,{source.get('data')}"
            yield role, "image", source["url"] if source["type"] == "url" else data
        case "tool_use":
            yield "assistant", "call", block["id"], block["name"], block["input"]
        case "tool_result":
            for inner in _blocks(block.get("content")):
                yield from (("result", block["tool_use_id"], *leaf[1:]) for leaf in _said("result", inner))
        case "thinking" | "redacted_thinking":
            pass
        case kind:
            raise AssertionError(kind)


# --- chat -------------------------------------------------------------------------------------------------------------


def _chat(body: Json) -> Asked:
    says: list[Leaf] = []
    for message in body.pop("messages"):
        says += _of_chat(message)
    given = Asked(says, body.pop("model"), body.pop("stream", False))
    for tool in body.pop("tools", ()):
        kind = tool["type"]
        given.schemas[tool[kind]["name"]] = FREE if kind == "custom" else _schema(tool["function"].get("parameters"))
    choice = body.pop("tool_choice", "auto")
    given.choice = {"required": "any"}.get(choice, choice) if isinstance(choice, str) else choice["function"]["name"]
    given.parallel = body.pop("parallel_tool_calls", True)
    given.effort = body.pop("reasoning_effort", None)
    form = body.pop("response_format", {"type": "text"})
    given.output = form["json_schema"]["schema"] if form["type"] == "json_schema" else None
    given.most = body.pop("max_completion_tokens", None) or body.pop("max_tokens", None)
    stop = body.pop("stop", ())
    given.stop = (stop,) if isinstance(stop, str) else tuple(stop)
    given.temperature, given.top_p = body.pop("temperature", None), body.pop("top_p", None)
    given.user = body.pop("safety_identifier", None) or body.pop("user", None)
    options = body.pop("stream_options", {})
    assert options.get("include_usage", True) is True
    _rest(body, "prompt_cache_key", "store")
    return given


def _of_chat(message: Json) -> Iterator[Leaf]:
    role = {"developer": "system"}.get(message["role"], message["role"])
    for part in _blocks(message.get("content")):
        match part["type"]:
            case "text" if role == "tool":
                yield "result", message["tool_call_id"], "text", part["text"]
            case "text":
                yield role, "text", part["text"]
            case "refusal":
                yield role, "text", part["refusal"]
            case "image_url":
                yield role, "image", part["image_url"]["url"]
            case kind:
                raise AssertionError(kind)
    for call in message.get("tool_calls", ()):
        kind = call["type"]
        given = {"input": call["custom"]["input"]} if kind == "custom" else json.loads(call["function"]["arguments"])
        yield "assistant", "call", call["id"], call[kind]["name"], given


def _brought_back(says: list[Leaf]) -> list[Leaf]:
    """Give pictures back to the results that they are of."""
    found: list[Leaf] = []
    ids = [leaf[1] for leaf in says if leaf[0] == "result"]
    of: str | None = None
    for leaf in says:
        if leaf[:2] == ("user", "text"):
            of = next((id_ for id_ in ids if id_ in leaf[2]), None)
            found += [] if of else [leaf]
        elif leaf[:2] == ("user", "image") and of:
            last = max(index for index, one in enumerate(found) if one[:2] == ("result", of))
            found.insert(last + 1, ("result", of, *leaf[1:]))
        else:
            of = None
            found.append(leaf)
    return found


# --- responses --------------------------------------------------------------------------------------------------------


def _responses(body: Json) -> Asked:
    instructions = body.pop("instructions", None)
    says: list[Leaf] = [("system", "text", instructions)] if instructions else []
    items = body.pop("input")
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        says += _of_item(item)
    given = Asked(says, body.pop("model"), body.pop("stream", False))
    for tool in body.pop("tools", ()):
        given.schemas[tool["name"]] = FREE if tool["type"] == "custom" else _schema(tool["parameters"])
    choice = body.pop("tool_choice", "auto")
    given.choice = {"required": "any"}.get(choice, choice) if isinstance(choice, str) else choice["name"]
    given.parallel = body.pop("parallel_tool_calls", True)
    given.effort = body.pop("reasoning", {}).get("effort")
    form = body.pop("text", {}).get("format", {"type": "text"})
    given.output = form["schema"] if form["type"] == "json_schema" else None
    given.most = body.pop("max_output_tokens", None)
    given.temperature, given.top_p = body.pop("temperature", None), body.pop("top_p", None)
    given.user = body.pop("safety_identifier", None) or body.pop("user", None)
    assert body.pop("store", False) is False
    assert body.pop("include", ["reasoning.encrypted_content"]) == ["reasoning.encrypted_content"]
    _rest(body, "prompt_cache_key")
    return given


def _of_item(item: Json) -> Iterator[Leaf]:
    match item.get("type", "message"):
        case "message":
            role = {"developer": "system"}.get(item["role"], item["role"])
            yield from ((role, *leaf) for leaf in map(_of_part, _blocks(item["content"])))
        case "function_call":
            yield "assistant", "call", item["call_id"], item["name"], json.loads(item["arguments"])
        case "custom_tool_call":
            yield "assistant", "call", item["call_id"], item["name"], {"input": item["input"]}
        case "function_call_output" | "custom_tool_call_output":
            yield from (("result", item["call_id"], *_of_part(part)) for part in _blocks(item["output"]))
        case "reasoning":
            pass
        case kind:
            raise AssertionError(kind)


def _of_part(part: Json) -> Leaf:
    match part["type"]:
        case "text" | "input_text" | "output_text":
            return "text", part["text"]
        case "refusal":
            return "text", part["refusal"]
        case "input_image":
            return "image", part["image_url"]
        case kind:
            raise AssertionError(kind)


_READERS: Final[Mapping[Wire, Callable[[Json], Asked]]] = {
    "messages": _messages,
    "chat": _chat,
    "responses": _responses,
}
