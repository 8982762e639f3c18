"""Writes a request for the chat wire, in OpenAI's own form; what other hosts call otherwise is the quirks' business.

===============================  =====================================================================================
field                            is written as
===============================  =====================================================================================
``max_tokens``                   ``max_completion_tokens`` on OpenAI's hosts, ``max_tokens`` elsewhere
``reasoning``                    ``reasoning_effort``; off is ``none``; a budget is the effort of the table
                                 (approximated unless it stands there); on without either is ``medium``, adaptive
                                 without either ``high``, the Messages API's own; how much is shown is lost
``output``                       ``response_format``; a missing name is made up, an illegal one replaced
``stop``                         ``stop``, four at most
``top_k``                        ``top_k``; lost on OpenAI's hosts
``top_logprobs``                 ``logprobs``, ``top_logprobs``
``user``, ``cache_key``,         ``user``, ``prompt_cache_key`` (64 characters), ``safety_identifier`` (128); a longer
``safety_identifier``            one is its digest (approximated)
``service_tier``                 ``service_tier``; ``standard_only`` is ``default`` (approximated)
``store``                        ``store``; false is left out for other wires' requests, as it is so anyway
``stream``                       ``stream``; for other wires' requests the usage is asked for
``parallel``                     ``parallel_tool_calls``
all others                       the field of that name
===============================  =====================================================================================

For messages see :mod:`request_write_messages`, :mod:`request_write_parts`, for tools :mod:`request_write_tools`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.chat.request_write_messages import write_messages
from wiremend.protocols.chat.request_write_tools import write_tools
from wiremend.protocols.chat.request_writing import FOREIGN, NOTHING, Writing, digest
from wiremend.protocols.codec import Written
from wiremend.protocols.efforts import BUDGETS, effort_of

if TYPE_CHECKING:
    from wiremend.message import ChatRequest, Effort, OutputFormat, Reasoning
    from wiremend.protocols.chat.request_writing import Json
    from wiremend.protocols.codec import Recipient

_SAME: Final = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "metadata",
    "verbosity",
)
_LENGTHS: Final = (
    ("user", "user", 64),
    ("safety_identifier", "safety_identifier", 128),
    ("cache_key", "prompt_cache_key", 64),
)
_MOST_STOPS: Final = 4
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OUTPUT: Final = "response"

_ANYWAY: Final[dict[str, dict[str, Any]]] = {
    "messages": {},
    "responses": {
        "background": False,
        "include": ["reasoning.encrypted_content"],
        "truncation": "disabled",
    },
}
"""Extras of other wires that say what is so anyway: the encoder gives encrypted reasoning without being asked here."""

_SHARED: Final = frozenset({"moderation", "prompt_cache_options", "prompt_cache_retention"})
"""Extras of the responses wire that OpenAI has by the same name, and with the same meaning, on this one."""


def write_request(request: ChatRequest, recipient: Recipient) -> Written:
    """Write a request. What cannot be said is in the losses; nothing is refused."""
    writing = Writing(request, recipient)
    document: Json = {"model": recipient.model, "messages": write_messages(writing)}
    write_tools(writing, document)
    for name in _SAME:
        value = getattr(request, name)
        if value is not None:
            document[name] = value
    _limits(writing, document)
    _reasoning(writing, document)
    if request.output is not None:
        document["response_format"] = _output(writing, request.output)
    _identity(writing, document)
    if request.stream:
        document["stream"] = True
        if not writing.own:
            document["stream_options"] = {"include_usage": True}
    _extras(writing, document)
    return Written(document, tuple(writing.losses), writing.bridges)


def _limits(writing: Writing, document: Json) -> None:
    """Write what bounds the answer and how it is sampled."""
    request = writing.request
    if request.max_tokens is not None:
        document["max_completion_tokens" if writing.openai else "max_tokens"] = request.max_tokens
    if request.stop:
        document["stop"] = list(request.stop[:_MOST_STOPS])
        for number in range(_MOST_STOPS, len(request.stop)):
            writing.lose("lost", ("stop", number), "stop", "left out", f"this wire takes {_MOST_STOPS} at most")
    if request.top_k is not None and writing.openai:
        writing.lose("lost", ("top_k",), "top_k", "left out", "OpenAI has no such field")
    elif request.top_k is not None:
        document["top_k"] = request.top_k
    if request.top_logprobs is not None:
        document["logprobs"] = True
        if request.top_logprobs:
            document["top_logprobs"] = request.top_logprobs


def _identity(writing: Writing, document: Json) -> None:
    """Write who asks, and what becomes of the answer."""
    request = writing.request
    for field, name, most in _LENGTHS:
        value: str | None = getattr(request, field)
        if value is None:
            continue
        document[name] = value
        if len(value) > most:
            document[name] = digest(value, 64)
            writing.lose("approximated", (field,), name, "a digest stands for it", f"at most {most} characters")
    if request.service_tier == "standard_only":
        what = "default instead of standard_only"
        writing.lose("approximated", ("service_tier",), "service_tier", what, "this wire's word for it")
        document["service_tier"] = "default"
    elif request.service_tier is not None:
        document["service_tier"] = request.service_tier
    if request.store or (request.store is not None and writing.own):
        document["store"] = request.store


def _extras(writing: Writing, document: Json) -> None:
    """Write the request's own extras, or lose them."""
    request = writing.request
    if writing.own:
        choice = request.extra.get("tool_choice")
        for name, value in request.extra.items():
            document.setdefault(name, value)
        if choice is not None and "tools" in document:
            document["tool_choice"] = choice
        return
    anyway = _ANYWAY.get(request.wire, {})
    shared = _SHARED if writing.openai and request.wire == "responses" else frozenset()
    for name, value in request.extra.items():
        if name in shared:
            document[name] = value
        elif value not in NOTHING and (name not in anyway or anyway[name] != value):
            writing.lose("lost", ("extra", name), name, "left out", FOREIGN)


# --- reasoning --------------------------------------------------------------------------------------------------------


def _reasoning(writing: Writing, document: Json) -> None:
    reasoning = writing.request.reasoning
    if reasoning is None:
        return
    effort = _effort(writing, reasoning)
    if effort is not None:
        document["reasoning_effort"] = effort
    if reasoning.summary is not None:
        why = "this wire cannot say how much of the reasoning is shown"
        writing.lose("lost", ("reasoning", "summary"), "summary", "left out", why)


def _effort(writing: Writing, reasoning: Reasoning) -> Effort | None:
    """Say mode, effort and budget in one word; what it does not say is lost."""
    mode, effort, budget = reasoning.mode, reasoning.effort, reasoning.budget
    path = ("reasoning",)
    if mode == "off":
        for name, value, same in (("effort", effort, "none"), ("budget", budget, 0)):
            if value not in (None, same):
                why = "reasoning is off, and this wire has one word for both"
                writing.lose("lost", (*path, name), name, "left out", why)
        return "none"
    if effort is not None:
        if budget is not None and BUDGETS.get(effort) != budget:
            why = "this wire has the effort alone"
            writing.lose("lost", (*path, "budget"), "budget", f"left out, the effort is {effort}", why)
        if effort == "none" and mode is not None:
            writing.lose("lost", (*path, "mode"), "thinking", "left out", "the effort says that there is none")
        return effort
    if budget is not None:
        near = effort_of(budget)
        if BUDGETS.get(near) != budget:
            why = "this wire has efforts instead of budgets"
            writing.lose("approximated", (*path, "budget"), "budget", f"{budget} tokens became the effort {near}", why)
        return near
    if mode is None:
        return None
    near = "medium" if mode == "on" else "high"
    why = "this wire has efforts alone"
    writing.lose("approximated", path, "thinking", f"the mode {mode} became the effort {near}", why)
    return near


# --- output -----------------------------------------------------------------------------------------------------------


def _output(writing: Writing, output: OutputFormat) -> Json:
    if output.schema is None and output.name is None and output.description is None and output.strict is None:
        return {"type": "json_object"}
    name = output.name
    path = ("output", "name")
    if name is None:
        name = _OUTPUT
        writing.lose("invented", path, "response_format", f"the schema is called {name}", "the wire wants a name")
    elif _NAME.fullmatch(name) is None:
        name = f"{re.sub('[^a-zA-Z0-9_-]', '_', name)[:48]}_{digest(name, 8)}"
        why = "letters, digits, _ and -, 64 at most"
        writing.lose("approximated", path, "response_format", f"the schema is called {name}", why)
    inner: Json = {"name": name}
    for field in ("description", "schema", "strict"):
        value = getattr(output, field)
        if value is not None:
            inner[field] = value
    return {"type": "json_schema", "json_schema": inner}
