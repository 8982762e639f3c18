"""Reads a request of the messages wire: its body into the neutral request.

Fields of the body (Messages API, ``anthropic`` SDK 2.11: ``MessageCreateParams``, stable and beta; the sampling fields
are those of API version 2023-06-01):

============================== =======================================================================================
field                          becomes
============================== =======================================================================================
``model``                      ``model``
``messages``                   ``messages``; see ``request_blocks``
``system``                     a leading message of role ``system``
``max_tokens``                 ``max_tokens``
``stop_sequences``             ``stop``
``stream``                     ``stream``
``temperature``                ``temperature``
``top_p``, ``top_k``           ``top_p``, ``top_k``
``tools``                      ``tools``: of type ``custom`` (or of none) a FunctionTool, any other an Unknown tool
``tool_choice.type``, ``name`` ``tool_choice``
``tool_choice``
``.disable_parallel_tool_use`` ``parallel``, turned round
``thinking.type``              ``reasoning.mode``: enabled on, adaptive, disabled off; any other type is extra
``thinking.budget_tokens``     ``reasoning.budget``
``thinking.display``           ``reasoning.summary``
``output_config.effort``       ``reasoning.effort``
``output_config.format``       ``output``; also as ``output_format``, its old name
``metadata.user_id``           ``user``
``service_tier``               ``service_tier``
any other                      ``extra``, by its name: ``cache_control``, ``container``, ``context_management``,
                               ``mcp_servers``, ``diagnostics``, ``inference_geo``, ``speed``, ``user_profile_id``,
                               ``workspace_id``, ``compaction``, ``thread``, ``fallbacks``, ``fallback_credit_token``,
                               ``billing_policy``, ``betas``, and what nobody knows yet; what is left of
                               ``thinking``, ``output_config``, ``tool_choice``, ``metadata`` likewise
============================== =======================================================================================

Refused is a value of a wrong type, a role that the wire does not have, a message or block that is no object. Null is
as absent everywhere, a string where a list of blocks may stand is one text block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from wiremend.message import ChatRequest, Effort, FunctionTool, OutputFormat, Reasoning, ToolChoice, Unknown
from wiremend.protocols.codec import Places, Read, TranslationError
from wiremend.protocols.messages.request_blocks import Conversation, read_cache
from wiremend.protocols.messages.request_values import (
    Json,
    a_count,
    a_flag,
    a_list,
    a_number,
    a_text,
    an_object,
    refused,
    rest_of,
    text_or_none,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.message import Tool

_TOP: Final = frozenset(
    {
        *("model", "messages", "system", "max_tokens", "stop_sequences", "stream", "temperature", "top_p", "top_k"),
        *("tools", "tool_choice", "thinking", "output_config", "output_format", "metadata", "service_tier"),
    }
)
_TOOL: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_CHOICE: Final = frozenset({"type", "name", "disable_parallel_tool_use"})
_THINKING: Final = frozenset({"type", "budget_tokens", "display"})
_CHOICES: Final[Mapping[str, Literal["auto", "any", "none", "tool"]]] = {
    "auto": "auto",
    "any": "any",
    "none": "none",
    "tool": "tool",
}
_MODES: Final[Mapping[str, Literal["on", "off", "adaptive"]]] = {
    "enabled": "on",
    "adaptive": "adaptive",
    "disabled": "off",
}
_EFFORTS: Final = frozenset(get_args(Effort.__value__)) - {"none", "minimal"}


def read_request(document: Mapping[str, Any]) -> Read:
    """Read a body. Raises :class:`TranslationError` for what cannot be read."""
    places = Places()
    conversation = Conversation(places)
    conversation.system(document.get("system"))
    if not isinstance(document.get("messages"), list):
        raise refused(("messages",), "the list of the conversation's messages", document.get("messages"))
    conversation.read(document["messages"])
    extra = rest_of(document, _TOP)
    choice, parallel = _choice(document.get("tool_choice"), places, extra)
    request = ChatRequest(
        wire="messages",
        model=a_text(document.get("model"), ("model",)),
        messages=conversation.messages(),
        tools=_tools(document.get("tools"), places),
        tool_choice=choice,
        parallel=parallel,
        reasoning=_reasoning(document, places, extra),
        output=_output(document, places, extra),
        max_tokens=a_count(document.get("max_tokens"), ("max_tokens",)),
        stop=_stop(document.get("stop_sequences"), places),
        temperature=a_number(document.get("temperature"), ("temperature",)),
        top_p=a_number(document.get("top_p"), ("top_p",)),
        top_k=a_count(document.get("top_k"), ("top_k",)),
        stream=a_flag(document.get("stream"), ("stream",)) or False,
        user=_user(document.get("metadata"), places, extra),
        service_tier=text_or_none(document.get("service_tier"), ("service_tier",)),
        extra=extra,
    )
    return Read(request, places)


def _stop(value: object, places: Places) -> tuple[str, ...]:
    places.put(("stop",), "stop_sequences")
    if isinstance(value, str):
        return (value,)
    found = a_list(value, ("stop_sequences",))
    return tuple(a_text(text, ("stop_sequences", index)) for index, text in enumerate(found))


def _user(value: object, places: Places, extra: Json) -> str | None:
    metadata = an_object(value, ("metadata",))
    places.put(("user",), "metadata", "user_id")
    _leave(extra, "metadata", rest_of(metadata, frozenset({"user_id"})))
    return text_or_none(metadata.get("user_id"), ("metadata", "user_id"))


def _leave(extra: Json, name: str, rest: Json) -> None:
    """Carry what is left of an object of which the rest has its fields."""
    if rest:
        extra[name] = rest


# --- tools ------------------------------------------------------------------------------------------------------------


def _tools(value: object, places: Places) -> tuple[Tool, ...]:
    return tuple(_tool(raw, index, places) for index, raw in enumerate(a_list(value, ("tools",))))


def _tool(raw: object, index: int, places: Places) -> Tool:
    at = ("tools", index)
    if not isinstance(raw, dict):
        raise refused(at, "a tool as an object", raw)
    if raw.get("type") not in (None, "custom"):
        return Unknown(raw)
    name = a_text(raw.get("name"), (*at, "name"))
    if not name:
        raise TranslationError(f"/tools/{index}/name", "a tool without a name cannot be called; give it one")
    extra = rest_of(raw, _TOOL)
    places.put((*at, "schema"), *at, "input_schema")
    cache = read_cache(raw, at, extra, places, at)
    schema = raw.get("input_schema")
    return FunctionTool(
        name,
        None if schema is None else an_object(schema, (*at, "input_schema")),
        text_or_none(raw.get("description"), (*at, "description")),
        a_flag(raw.get("strict"), (*at, "strict")),
        cache=cache,
        extra=extra,
    )


def _choice(value: object, places: Places, extra: Json) -> tuple[ToolChoice | None, bool | None]:
    if isinstance(value, str):
        value = {"type": value}
    raw = an_object(value, ("tool_choice",))
    places.put(("parallel",), "tool_choice", "disable_parallel_tool_use")
    single = a_flag(raw.get("disable_parallel_tool_use"), ("tool_choice", "disable_parallel_tool_use"))
    parallel = None if single is None else not single
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in _CHOICES:
        _leave(extra, "tool_choice", rest_of(raw, frozenset({"disable_parallel_tool_use"})))
        return None, parallel
    _leave(extra, "tool_choice", rest_of(raw, _CHOICE))
    return ToolChoice(_CHOICES[kind], text_or_none(raw.get("name"), ("tool_choice", "name"))), parallel


# --- thinking and output ----------------------------------------------------------------------------------------------


def _reasoning(document: Mapping[str, Any], places: Places, extra: Json) -> Reasoning | None:
    thinking = an_object(document.get("thinking"), ("thinking",))
    config = an_object(document.get("output_config"), ("output_config",))
    places.put(("reasoning",), *(("thinking",) if thinking else ("output_config", "effort")))
    places.put(("reasoning", "mode"), "thinking", "type")
    places.put(("reasoning", "effort"), "output_config", "effort")
    places.put(("reasoning", "budget"), "thinking", "budget_tokens")
    places.put(("reasoning", "summary"), "thinking", "display")
    effort = config.get("effort")
    if not isinstance(effort, str) or effort not in _EFFORTS:
        effort = None
    kind = thinking.get("type")
    mode = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        _leave(extra, "thinking", rest_of(thinking, frozenset()))
        return None if effort is None else Reasoning(effort=cast("Effort", effort))
    _leave(extra, "thinking", rest_of(thinking, _THINKING))
    return Reasoning(
        mode,
        cast("Effort | None", effort),
        a_count(thinking.get("budget_tokens"), ("thinking", "budget_tokens")),
        text_or_none(thinking.get("display"), ("thinking", "display")),
    )


def _output(document: Mapping[str, Any], places: Places, extra: Json) -> OutputFormat | None:
    """Read the output's form, and leave what ``output_config`` has besides."""
    config = an_object(document.get("output_config"), ("output_config",))
    rest = rest_of(config, frozenset({"effort", "format"}))
    effort, form = config.get("effort"), config.get("format")
    if effort is not None and not (isinstance(effort, str) and effort in _EFFORTS):
        rest["effort"] = effort
    found = _format(form, ("output_config", "format"), places)
    if found is None and form is not None:
        rest["format"] = form
    _leave(extra, "output_config", rest)
    old = document.get("output_format")
    if found is None and old is not None:
        found = _format(old, ("output_format",), places)
        if found is None:
            extra["output_format"] = old
    return found


def _format(value: object, at: tuple[str, ...], places: Places) -> OutputFormat | None:
    """Read a JSON schema to answer by; None for what is no more than that."""
    if (
        not isinstance(value, dict)
        or value.get("type") != "json_schema"
        or rest_of(value, frozenset({"type", "schema"}))
    ):
        return None
    schema = value.get("schema")
    if not isinstance(schema, dict):
        raise refused((*at, "schema"), "a JSON Schema as an object", schema)
    places.put(("output",), *at)
    return OutputFormat(schema)
