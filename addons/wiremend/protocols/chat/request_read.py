"""Reads a request of the chat wire (OpenAI Chat Completions, and what other hosts have made of it).

Each field of the official request (openai-python, ``types/chat/completion_create_params.py``) is mapped, or is carried
in ``extra`` by its name. Unknown fields are carried too. A value that says what is so anyway (null, ``n: 1``,
``modalities: ["text"]``, an empty ``logit_bias``) is left out.

===========================================  =========================================================================
field                                        becomes
===========================================  =========================================================================
``messages``                                 ``messages`` (:mod:`request_read_messages`)
``tools``, ``functions``, ``tool_choice``,   ``tools``, ``tool_choice`` (:mod:`request_read_tools`)
``function_call``
``parallel_tool_calls``                      ``parallel``
``max_completion_tokens``, ``max_tokens``    ``max_tokens``; where both are said, the first
``reasoning_effort``                         ``reasoning.effort``
``reasoning`` (OpenRouter)                   ``reasoning``: ``effort``, ``summary``; ``max_tokens`` is the budget,
                                             ``enabled`` the mode, ``exclude: true`` the summary "omitted"
``thinking`` (GLM, DeepSeek, Kimi)           ``reasoning``: ``type`` is the mode, ``budget_tokens`` the budget
``response_format``                          ``output``; None for ``text``, without a schema for ``json_object``
``stop``                                     ``stop``
``logprobs``, ``top_logprobs``               ``top_logprobs``; 0 for ``logprobs`` alone
``prompt_cache_key``                         ``cache_key``
``model``, ``stream``, ``temperature``,      the field of that name
``top_p``, ``top_k``, ``seed``, ``user``,
``frequency_penalty``, ``store``,
``presence_penalty``, ``metadata``,
``service_tier``, ``verbosity``,
``safety_identifier``
``audio``, ``logit_bias``, ``modalities``,   ``extra``
``moderation``, ``n``, ``prediction``,
``prompt_cache_options``,
``prompt_cache_retention``,
``stream_options``, ``web_search_options``
unknown ones (``enable_thinking`` …)         ``extra``
===========================================  =========================================================================

Refused is what is of a wrong type, a role that nobody has, and a call or a result that nothing can be bound to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, get_args

from wiremend.message import ChatRequest, Effort, OutputFormat, Reasoning
from wiremend.protocols.chat.request_read_messages import Conversation
from wiremend.protocols.chat.request_read_tools import read_choice, read_tools
from wiremend.protocols.chat.request_values import Json, flag, items, mapping, number, refusal, rest, text, whole
from wiremend.protocols.codec import Loss, Places, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SAME: Final[Mapping[str, Callable[[object, tuple[str | int, ...]], Any]]] = {
    "temperature": number,
    "top_p": number,
    "top_k": whole,
    "frequency_penalty": number,
    "presence_penalty": number,
    "seed": whole,
    "user": text,
    "safety_identifier": text,
    "metadata": mapping,
    "service_tier": text,
    "verbosity": text,
    "store": flag,
}
"""Fields that the hub has by the same name, and how they are read."""

_OTHERS: Final = (
    "model",
    "messages",
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "parallel_tool_calls",
    "max_completion_tokens",
    "max_tokens",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "response_format",
    "stop",
    "logprobs",
    "top_logprobs",
    "prompt_cache_key",
    "stream",
)
_KNOWN: Final = frozenset((*_SAME, *_OTHERS))
_ANYWAY: Final[Mapping[str, object]] = {"n": 1, "modalities": ["text"], "logit_bias": {}}
_EFFORTS: Final = frozenset(get_args(Effort.__value__))
_MODES: Final[Mapping[object, Any]] = {"enabled": "on", "disabled": "off", "adaptive": "adaptive", "auto": "adaptive"}


def read_request(document: Mapping[str, Any]) -> Read:
    """Read a body. Raises TranslationError, with the place, for what cannot be read."""
    body: Json = document if isinstance(document, dict) else dict(document)
    places, losses = Places(), list[Loss]()
    conversation = Conversation(places)
    extra = {name: value for name, value in rest(body, _KNOWN).items() if _ANYWAY.get(name, ...) != value}
    same = {name: read(body.get(name), (name,)) for name, read in _SAME.items() if name in body}
    request = ChatRequest(
        wire="chat",
        model=text(body.get("model"), ("model",)) or "",
        messages=conversation.read(body.get("messages")),
        tools=read_tools(body, places),
        tool_choice=read_choice(body, extra, places),
        parallel=flag(body.get("parallel_tool_calls"), ("parallel_tool_calls",)),
        reasoning=_reasoning(body, extra, places, losses),
        output=_output(body, extra, places),
        max_tokens=_max_tokens(body, places, losses),
        stop=_stop(body.get("stop")),
        stream=flag(body.get("stream"), ("stream",)) or False,
        cache_key=text(body.get("prompt_cache_key"), ("prompt_cache_key",)),
        top_logprobs=_logprobs(body, places, losses),
        extra=extra,
        **same,
    )
    places.put(("parallel",), "parallel_tool_calls")
    places.put(("cache_key",), "prompt_cache_key")
    return Read(request, places, (*conversation.losses, *losses))


def _max_tokens(body: Json, places: Places, losses: list[Loss]) -> int | None:
    new, old = (whole(body.get(name), (name,)) for name in ("max_completion_tokens", "max_tokens"))
    places.put(("max_tokens",), "max_tokens" if new is None else "max_completion_tokens")
    if new is not None and old is not None and old != new:
        what = "left out, as max_completion_tokens says it too"
        losses.append(Loss("lost", ("extra", "max_tokens"), "max_tokens", what))
    return old if new is None else new


def _stop(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(text(item, ("stop", order)) or "" for order, item in enumerate(items(value, ("stop",))))


def _logprobs(body: Json, places: Places, losses: list[Loss]) -> int | None:
    asked, most = flag(body.get("logprobs"), ("logprobs",)), whole(body.get("top_logprobs"), ("top_logprobs",))
    if asked is False and most is not None:
        what = "left out, as logprobs is false"
        losses.append(Loss("lost", ("extra", "top_logprobs"), "top_logprobs", what))
        return None
    places.put(("top_logprobs",), "logprobs" if most is None else "top_logprobs")
    return 0 if asked and most is None else most


# --- reasoning --------------------------------------------------------------------------------------------------------


def _reasoning(body: Json, extra: Json, places: Places, losses: list[Loss]) -> Reasoning | None:
    """Read what is said of reasoning in any of three dialects; OpenAI's counts first, then OpenRouter's."""
    router = mapping(body.get("reasoning"), ("reasoning",)) or {}
    switch = mapping(body.get("thinking"), ("thinking",)) or {}
    effort = _effort(body, "reasoning_effort", extra)
    more = rest(router, _ROUTER)
    theirs = _effort(router, "effort", more)
    for name, value in (("reasoning", more), ("thinking", rest(switch, _SWITCH))):
        if value:
            extra[name] = value
    if effort and theirs not in {None, effort}:
        what = "left out, as reasoning_effort says it too"
        losses.append(Loss("lost", ("extra", "reasoning", "effort"), "reasoning", what))
    budget = whole(router.get("max_tokens"), ("reasoning", "max_tokens"))
    if budget is None:
        budget = whole(switch.get("budget_tokens"), ("thinking", "budget_tokens"))
    summary = text(router.get("summary"), ("reasoning", "summary"))
    if flag(router.get("exclude"), ("reasoning", "exclude")):
        summary = "omitted"
    found = Reasoning(_mode(router, switch), effort or theirs, budget, summary)
    said = [name for name in ("reasoning_effort", "reasoning", "thinking") if body.get(name) is not None]
    if found == Reasoning():
        return None
    places.put(("reasoning",), said[0])
    return found


_ROUTER: Final = frozenset({"effort", "max_tokens", "enabled", "exclude", "summary"})
_SWITCH: Final = frozenset({"type", "budget_tokens"})


def _mode(router: Json, switch: Json) -> Any:  # noqa: ANN401  one of the three words, or None
    enabled = flag(router.get("enabled"), ("reasoning", "enabled"))
    if enabled is not None:
        return "on" if enabled else "off"
    kind = text(switch.get("type"), ("thinking", "type"))
    if kind is not None and kind not in _MODES:
        raise refusal(("thinking", "type"), "must be enabled, disabled or adaptive")
    return _MODES.get(kind)


def _effort(box: Json, name: str, extra: Json) -> Effort | None:
    """Read an effort; a word that is none of OpenAI's (Groq's ``default``) stays what the client calls it."""
    effort = text(box.get(name), ("reasoning_effort",) if name == "reasoning_effort" else ("reasoning", name))
    if effort is None or effort in _EFFORTS:
        return cast("Effort | None", effort)
    extra[name] = effort
    return None


# --- output -----------------------------------------------------------------------------------------------------------


def _output(body: Json, extra: Json, places: Places) -> OutputFormat | None:
    value = mapping(body.get("response_format"), ("response_format",))
    kind = text(value.get("type"), ("response_format", "type")) if value else None
    if value is None or kind is None or kind == "text":
        return None
    places.put(("output",), "response_format")
    if kind == "json_object":
        return OutputFormat()
    if kind != "json_schema":
        extra["response_format"] = value
        return None
    at = ("response_format", "json_schema")
    inner = mapping(value.get("json_schema"), at)
    if inner is None:
        raise refusal(at, "must be an object with the schema and its name")
    places.put(("output",), *at)
    return OutputFormat(
        mapping(inner.get("schema"), (*at, "schema")),
        text(inner.get("name"), (*at, "name")) or None,
        text(inner.get("description"), (*at, "description")),
        flag(inner.get("strict"), (*at, "strict")),
    )
