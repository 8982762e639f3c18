"""Reads the tools of a request, and which of them the model is to call.

=================================================  ==================================================================
field                                              becomes
=================================================  ==================================================================
``tools``: ``function``                            FunctionTool; unknown fields in ``function`` are in its ``extra``
``tools``: ``custom``                              CustomTool; its ``format`` as it is
``tools``: any other type                          Unknown
``functions``                                      FunctionTools, as the API had them before there were ``tools``
``tool_choice``: auto, none, required, any         ToolChoice ("any" is Mistral's word for required)
``tool_choice``: a function, a custom tool         ToolChoice "tool" with its name
``tool_choice``: ``allowed_tools``                 ToolChoice of its mode, and whole in ``extra["tool_choice"]``
``function_call``: auto, none, ``{"name": …}``     ToolChoice
=================================================  ==================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.message import CustomTool, FunctionTool, ToolChoice, Unknown
from wiremend.protocols.chat.request_read_parts import cache_of
from wiremend.protocols.chat.request_values import At, Json, flag, items, mapping, refusal, rest, text

if TYPE_CHECKING:
    from wiremend.message import Tool
    from wiremend.protocols.codec import Places

_FUNCTION: Final = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM: Final = frozenset({"name", "description", "format"})
_TOOL: Final = frozenset({"type", "function", "custom", "cache_control"})
_WORDS: Final[dict[str, Literal["auto", "any", "none"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
    "any": "any",
}


def read_tools(document: Json, places: Places) -> tuple[Tool, ...]:
    """Read ``tools``, and behind them ``functions``. Raises TranslationError."""
    found: list[Tool] = []
    for name in ("tools", "functions"):
        for number, value in enumerate(items(document.get(name), (name,))):
            at, path = (name, number), ("tools", len(found))
            if name == "functions":
                found.append(_function({"function": value}, at, at))
                _place(places, path, at)
                continue
            tool = _tool(value, at)
            found.append(tool)
            if isinstance(tool, FunctionTool | CustomTool):
                _place(places, path, (*at, "function" if isinstance(tool, FunctionTool) else "custom"))
                if tool.cache is not None:
                    places.put((*path, "cache"), *at, "cache_control")
                if tool.extra:
                    places.put((*path, "extra"), *at)
            else:
                places.put(path, *at)
    return tuple(found)


def _place(places: Places, path: At, at: At) -> None:
    places.put(path, *at)
    places.put((*path, "schema"), *at, "parameters")


def _tool(value: object, at: At) -> Tool:
    tool = mapping(value, at)
    if tool is None:
        raise refusal(at, "must be a tool: an object with a type")
    kind = tool.get("type") or ("function" if "function" in tool else None)
    if kind == "function":
        return _function(tool, at, (*at, "function"))
    if kind == "custom" and isinstance(tool.get("custom"), dict):
        custom = tool["custom"]
        name = _name(custom, (*at, "custom"))
        more = rest(tool, _TOOL)
        if inner := rest(custom, _CUSTOM):
            more["custom"] = inner
        about = text(custom.get("description"), (*at, "custom", "description"))
        form = mapping(custom.get("format"), (*at, "custom", "format"))
        return CustomTool(name, about, form, cache=cache_of(tool), extra=more)
    if not isinstance(kind, str):
        raise refusal((*at, "type"), "must say of which type the tool is, such as function")
    return Unknown(tool)


def _function(tool: Json, at: At, place: At) -> FunctionTool:
    """Read a function; some clients write its fields beside the type, as on the responses wire."""
    flat = tool.get("function") is None and "name" in tool
    function = tool if flat else mapping(tool.get("function"), place)
    if function is None:
        raise refusal(place, "must be an object with the function's name")
    more = rest(tool, _TOOL | _FUNCTION) if flat else rest(tool, _TOOL)
    if not flat and (inner := rest(function, _FUNCTION)):
        more["function"] = inner
    place = at if flat else place
    return FunctionTool(
        _name(function, place),
        mapping(function.get("parameters"), (*place, "parameters")),
        text(function.get("description"), (*place, "description")),
        flag(function.get("strict"), (*place, "strict")),
        cache=cache_of(tool),
        extra=more,
    )


def _name(value: Json, at: At) -> str:
    name = text(value.get("name"), (*at, "name"))
    if not name:
        raise refusal((*at, "name"), "must be the tool's name")
    return name


def read_choice(document: Json, extra: Json, places: Places) -> ToolChoice | None:
    """Read ``tool_choice``, or ``function_call``; what only this wire says of it goes into ``extra``.

    Raises TranslationError.
    """
    field = "tool_choice" if document.get("tool_choice") is not None else "function_call"
    value = document.get(field)
    if value is None:
        return None
    at: At = (field,)
    places.put(("tool_choice",), field)
    if isinstance(value, str):
        if value not in _WORDS:
            raise refusal(at, "must be auto, none, required or one tool by its name")
        return ToolChoice(_WORDS[value])
    choice: Json = mapping(value, at) or {}
    if choice.get("type") == "allowed_tools":
        extra["tool_choice"] = choice
        return ToolChoice("any" if _mode(choice) == "required" else "auto")
    if isinstance(choice.get("type"), str) and choice["type"] in _WORDS:
        return ToolChoice(_WORDS[choice["type"]])
    named = next((choice[kind] for kind in ("function", "custom") if isinstance(choice.get(kind), dict)), choice)
    return ToolChoice("tool", _name(named, at))


def _mode(choice: Json) -> Any:  # noqa: ANN401  whatever the client said
    allowed = choice.get("allowed_tools")
    return (allowed if isinstance(allowed, dict) else choice).get("mode")
