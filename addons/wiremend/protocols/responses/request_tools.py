"""Reading the tools that a client offers, and its choice among them.

=================================== ==============================================================================
``function``                        ``FunctionTool``
``custom``                          ``CustomTool``
``namespace``                       its tools, each by the two names joined; a bridge leads back to both
``local_shell``                     a ``FunctionTool`` of its action's fields; a bridge of the form ``local_shell``
any other type                      ``Unknown``: only OpenAI runs it
``tool_choice`` of a hosted tool    stays in ``extra``
``tool_choice: allowed_tools``      only those tools are offered, and the choice is its mode
=================================== ==============================================================================

Codex finds a tool by namespace and name, and takes a call of one without the other for a tool that it does not have
(https://github.com/openai/codex/issues/23186).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from wiremend.message import CustomTool, FunctionTool, ToolChoice, Unknown
from wiremend.protocols.codec import Bridge, Loss
from wiremend.protocols.responses.request_names import Names
from wiremend.protocols.responses.request_values import object_at, objects_at, rest_of, text_at, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.message import Tool
    from wiremend.protocols.codec import Places
    from wiremend.protocols.responses.request_values import Json, Where

LOCAL_SHELL: Final = "local_shell"

_STRING: Final = {"type": "string"}
_SHELL: Final = FunctionTool(
    LOCAL_SHELL,
    {
        "type": "object",
        "properties": {
            "command": {"type": "array", "items": _STRING, "description": "The program to run and its arguments."},
            "env": {
                "type": "object",
                "additionalProperties": _STRING,
                "description": "Environment variables to set for the command.",
            },
            "timeout_ms": {"type": "integer", "description": "Milliseconds after which the command is stopped."},
            "user": {"type": "string", "description": "The user to run the command as."},
            "working_directory": {"type": "string", "description": "The directory to run the command in."},
        },
        "required": ["command"],
        "additionalProperties": False,
    },
    "Runs a command on the user's machine and gives its output.",
)
_FUNCTION: Final = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM: Final = frozenset({"type", "name", "description", "format"})
_KINDS: Final[Mapping[str, ToolChoice]] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("any"),
    "any": ToolChoice("any"),
}
_NAMED: Final = frozenset({"function", "custom"})


class Naming:
    """The names that the hub has for the client's tools, in what it offers and in what was called.

    ``bridges`` has those that are not the client's own.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Keep the names of plain functions as they are; they are looked for where other names need them."""
        self.bridges: dict[str, Bridge] = {}
        self._document = document

    @cached_property
    def _names(self) -> Names:
        return Names(_plain(self._document))

    def of(self, item: Json, *where: str | int) -> str:
        """Give the name of a tool, or of what a call calls. Raises TranslationError where it has none."""
        name, namespace = text_at(item, "name", *where), text_at(item, "namespace", *where)
        if not name:
            raise wrong((*where, "name"), "a tool needs a name")
        return self.within(namespace, name) if namespace else name

    def within(self, namespace: str, name: str) -> str:
        """Give the name of a namespace's tool."""
        found = self._names.within(namespace, name)
        self.bridges[found] = Bridge(name, namespace=namespace)
        return found

    def shell(self) -> str:
        """Give the name of the shell tool."""
        found = self._names.within("", LOCAL_SHELL) if self._names.has(LOCAL_SHELL) else LOCAL_SHELL
        self.bridges[found] = Bridge(LOCAL_SHELL, "local_shell")
        return found


def _plain(document: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of all functions outside of namespaces, of those offered and of those called."""
    for field in ("tools", "input"):
        entries = document.get(field)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and str(entry.get("type")) in _PLAIN:
                name = entry.get("name")
                if isinstance(name, str):
                    yield name


_PLAIN: Final = frozenset({"function", "custom", "function_call", "custom_tool_call"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered: each tool, where it stood, and as what the client knows it (type, namespace, name)."""

    tool: Tool
    where: Where
    known: tuple[str, str, str]


def read_tools(document: Mapping[str, Any], naming: Naming, places: Places) -> tuple[list[Offer], list[Loss]]:
    """Read ``tools``. Raises TranslationError for what is no tool.

    The places of the tools themselves are the caller's to put, once it is known which of them are offered.
    """
    offers: list[Offer] = []
    losses: list[Loss] = []
    for index, tool in enumerate(objects_at(document, "tools")):
        where: Where = ("tools", index)
        kind = tool.get("type")
        if kind == "namespace":
            space = text_at(tool, "name", *where) or ""
            if tool.get("description"):
                places.put(("namespaces", index), *where, "description")
                losses.append(_undescribed(index, space))
            for number, inner in enumerate(objects_at(tool, "tools", *where)):
                offers.append(_offer(inner, (*where, "tools", number), space, naming))
        else:
            offers.append(_offer(tool, where, "", naming))
    return offers, losses


def _undescribed(index: int, space: str) -> Loss:
    what = f"the description of the namespace {space} is left out"
    return Loss("lost", ("namespaces", index), "namespace", what, "its tools are functions of their own")


def _offer(tool: Json, where: Where, space: str, naming: Naming) -> Offer:
    kind = str(tool.get("type") or "")
    if kind == "function" and isinstance(tool.get("function"), dict) and "name" not in tool:  # as chat has it
        tool = {"type": kind, **tool["function"]}
    known = (kind, space, str(tool.get("name") or ""))
    if kind == LOCAL_SHELL:
        return Offer(_SHELL if (name := naming.shell()) == LOCAL_SHELL else _shell_called(name), where, known)
    if kind not in _NAMED:
        return Offer(Unknown(tool), where, known)
    name = naming.of({**tool, "namespace": space} if space else tool, *where)
    description = text_at(tool, "description", *where)
    if kind == "custom":
        form = object_at(tool, "format", *where)
        return Offer(CustomTool(name, description, form or None, extra=rest_of(tool, _CUSTOM)), where, known)
    schema = object_at(tool, "parameters", *where) if tool.get("parameters") is not None else None
    strict = tool.get("strict")
    if not isinstance(strict, bool | None):
        raise wrong((*where, "strict"), "this must be true or false")
    return Offer(FunctionTool(name, schema, description, strict, extra=rest_of(tool, _FUNCTION)), where, known)


def _shell_called(name: str) -> FunctionTool:
    return FunctionTool(name, _SHELL.schema, _SHELL.description)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen, the tools that are left to choose from, and what the hub has no words for."""

    choice: ToolChoice | None
    offers: list[Offer]
    extra: Mapping[str, Any]
    losses: tuple[Loss, ...] = ()


def read_choice(document: Mapping[str, Any], offers: list[Offer], naming: Naming) -> Choice:
    """Read ``tool_choice``. Raises TranslationError for what is none."""
    value = document.get("tool_choice")
    if value is None:
        return Choice(None, offers, {})
    if isinstance(value, str):
        if value not in _KINDS:
            raise wrong(("tool_choice",), f"{value[:40]!r} is no choice: say auto, required or none, or name a tool")
        return Choice(_KINDS[value], offers, {})
    if not isinstance(value, dict):
        raise wrong(("tool_choice",), "this must be a string or an object")
    kind = text_at(value, "type", "tool_choice")
    if kind in _NAMED:
        inner = value.get("function")  # as chat has it
        named = value if value.get("name") or not isinstance(inner, dict) else inner
        return Choice(ToolChoice("tool", naming.of(named, "tool_choice")), offers, {})
    if kind == "allowed_tools":
        return _allowed(value, offers)
    for offer in offers:
        if offer.known[0] == kind == LOCAL_SHELL and isinstance(offer.tool, FunctionTool):
            return Choice(ToolChoice("tool", offer.tool.name), offers, {})
    return Choice(None, offers, {"tool_choice": value})


def _allowed(value: Json, offers: list[Offer]) -> Choice:
    mode = _KINDS.get(str(value.get("mode") or "auto"))
    if mode is None:
        raise wrong(("tool_choice", "mode"), "this must be auto or required")
    allowed = objects_at(value, "tools", "tool_choice")
    kept = [offer for offer in offers if any(_is(offer, entry) for entry in allowed)]
    if len(kept) == len(offers):
        return Choice(mode, offers, {})
    what = f"only the {len(kept)} allowed of {len(offers)} tools are offered"
    loss = Loss("approximated", ("tool_choice",), "allowed_tools", what, "other wires allow what they offer")
    return Choice(mode, kept, {}, (loss,))


def _is(offer: Offer, entry: Json) -> bool:
    """Tell whether an entry of the allowed tools means this one."""
    kind, space, name = offer.known
    if entry.get("type") == "namespace":
        return space != "" and entry.get("name") == space
    if entry.get("type") != kind:
        return False
    if kind in _NAMED:
        return entry.get("name") == name and (entry.get("namespace") or space) == space
    label = entry.get("server_label")
    return label is None or (isinstance(offer.tool, Unknown) and offer.tool.data.get("server_label") == label)
