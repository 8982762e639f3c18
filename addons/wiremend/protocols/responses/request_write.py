"""Writing a request of the Responses API: what becomes of each neutral field.

======================================= ==========================================================================
``model``                               the recipient's
``messages``, ``tools``                 see :mod:`.request_turns`, :mod:`.request_offers`
``stream``, ``temperature``, ``top_p``, themselves
``metadata``, ``verbosity``
``parallel``, ``max_tokens``            ``parallel_tool_calls``, ``max_output_tokens`` (at least 16, as OpenAI wants it,
                                        at most what the model can write)
``user``, ``safety_identifier``,        themselves and ``prompt_cache_key``; one of more than 64 characters, of which
``cache_key``                           OpenAI takes none, is replaced by a hash
``service_tier``                        itself; ``standard_only`` of the messages wire is ``default``
``reasoning``                           an effort: the one said, that of the budget, ``none`` for off, ``medium`` for
                                        on; nothing for adaptive. And ``summary``, in this wire's words
``output``                              ``text.format``
``top_logprobs``                        itself, and ``include``
``store``                               itself; ``false`` where another wire's client did not say: nothing is to stay
                                        there that it did not ask for
``extra``                               of this wire itself, of another lost
``stop``, ``top_k``, ``seed``,          lost
``frequency_penalty``,
``presence_penalty``
======================================= ==========================================================================

Where the client asked for reasoning, or reasoning was encrypted before, ``include`` asks for encrypted reasoning: with
nothing stored it is the only form in which it can be brought again. Models that do not reason refuse it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.message import CustomToolUse, Redacted, Thinking, ToolUse, Unknown
from wiremend.protocols.codec import Written
from wiremend.protocols.efforts import effort_of
from wiremend.protocols.responses.request_losses import Desk
from wiremend.protocols.responses.request_names import LONGEST, digest, is_legal, marked
from wiremend.protocols.responses.request_offers import choice_of, tools_of
from wiremend.protocols.responses.request_turns import instructions_of, items_of
from wiremend.protocols.responses.request_values import ENCRYPTED, LOGPROBS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.message import ChatRequest, Effort, Reasoning
    from wiremend.protocols.codec import Recipient
    from wiremend.protocols.responses.request_losses import Json

LEAST: Final = 16
"""The least that OpenAI takes for ``max_output_tokens``."""

_PLAIN: Final = {
    "parallel": "parallel_tool_calls",
    "temperature": "temperature",
    "top_p": "top_p",
    "metadata": "metadata",
    "top_logprobs": "top_logprobs",
}
_LOST: Final = ("stop", "top_k", "seed", "frequency_penalty", "presence_penalty")
_IDENTIFIERS: Final = {
    "user": "user",
    "safety_identifier": "safety_identifier",
    "cache_key": "prompt_cache_key",
}
_THOUGHTS: Final = frozenset({Thinking, Redacted})
_SUMMARIES: Final = frozenset({"auto", "concise", "detailed"})


def write_request(request: ChatRequest, recipient: Recipient) -> Written:
    """Write a body of ``POST /responses``."""
    desk = Desk(request, recipient, _names(request))
    document: Json = {"model": recipient.model}
    instructions = instructions_of(request, desk)
    if instructions is not None:
        document["instructions"] = instructions
    document["input"] = items_of(request, desk, skip=0 if instructions is None else 1)
    if tools := tools_of(request, desk):
        document["tools"] = tools
    if (choice := choice_of(request, desk, tools)) is not None:
        document["tool_choice"] = choice
    _fields(request, recipient, document, desk)
    if reasoning := _reasoning(request.reasoning, desk):
        document["reasoning"] = reasoning
    if text := _text(request, desk):
        document["text"] = text
    if include := _include(request):
        document["include"] = include
    if request.store is not None:
        document["store"] = request.store
    elif not desk.own:
        document["store"] = False
    document["stream"] = request.stream
    _extras(request.extra, document, desk)
    return Written(document, tuple(desk.losses), desk.bridges)


def _names(request: ChatRequest) -> Iterator[str]:
    """Give the names of all tools: offered, called, chosen."""
    for tool in request.tools:
        if not isinstance(tool, Unknown):
            yield tool.name
    for message in request.messages:
        for part in message.parts:
            if type(part) is ToolUse or type(part) is CustomToolUse:
                yield part.name
    if request.tool_choice is not None and request.tool_choice.name is not None:
        yield request.tool_choice.name


def _fields(request: ChatRequest, recipient: Recipient, document: Json, desk: Desk) -> None:
    for name, here in _PLAIN.items():
        if (value := getattr(request, name)) is not None:
            document[here] = value
    for name, here in _IDENTIFIERS.items():
        if (value := getattr(request, name)) is not None:
            document[here] = _short(value, name, desk)
    for name in _LOST:
        if getattr(request, name) not in (None, ()):
            desk.lose((name,), name, f"{name} is left out")
    if request.max_tokens is not None:
        document["max_output_tokens"] = _bound(request.max_tokens, recipient.max_output, desk)
    if (tier := request.service_tier) is not None:
        if tier == "standard_only":
            tier = "default"
            desk.lose(("service_tier",), "service_tier", "standard_only is said as default", kind="approximated")
        document["service_tier"] = tier


def _short(value: str, name: str, desk: Desk) -> str:
    if len(value) <= LONGEST:
        return value
    what = f"{name} of {len(value)} characters is replaced by a hash"
    desk.lose((name,), name, what, f"it has at most {LONGEST} characters here", "approximated")
    return digest(value, LONGEST)


def _bound(wanted: int, most: int | None, desk: Desk) -> int:
    given = max(wanted if most is None else min(wanted, most), LEAST)
    if given != wanted:
        why = "it has at least 16 tokens here" if given > wanted else "the model can write no more"
        desk.lose(("max_tokens",), "max_tokens", f"{wanted} is set to {given}", why, "approximated")
    return given


def _reasoning(reasoning: Reasoning | None, desk: Desk) -> Json:
    if reasoning is None:
        return {}
    written: Json = {}
    if (effort := _effort(reasoning, desk)) is not None:
        written["effort"] = effort
    summary = reasoning.summary
    if summary in _SUMMARIES or (summary is not None and desk.own):
        written["summary"] = summary
    elif summary == "summarized":
        written["summary"] = "auto"
        desk.lose(("reasoning", "summary"), "summary", "summarized is said as auto", kind="approximated")
    elif summary not in (None, "omitted"):  # without a word nothing is shown here
        desk.lose(("reasoning", "summary"), "summary", f"the summary {summary} is left out")
    return written


def _effort(reasoning: Reasoning, desk: Desk) -> Effort | None:
    """Give the effort; this wire has no mode, and no budget."""
    mode, effort, budget = reasoning.mode, reasoning.effort, reasoning.budget
    why = "thinking is an effort here"
    if effort is not None:
        if mode is not None:
            desk.lose(("reasoning", "mode"), "thinking", f"thinking {mode} is the effort {effort}", why, "approximated")
        if budget is not None:
            what = f"the budget of {budget} tokens is left out: the effort {effort} says it"
            desk.lose(("reasoning", "budget"), "thinking", what, why)
        return effort
    if budget is not None:
        effort = "none" if mode == "off" else effort_of(budget)
        what = f"thinking of {budget} tokens is the effort {effort}"
    elif mode in {"on", "off"}:
        effort = "none" if mode == "off" else "medium"
        what = f"thinking {mode} is the effort {effort}"
    else:
        if mode is not None:
            what = "nothing is said of thinking, which leaves it to the model"
            desk.lose(("reasoning", "mode"), "thinking", what, why, "approximated")
        return None
    for field in ("mode", "budget", "effort"):
        if field == "effort" or getattr(reasoning, field) is not None:
            desk.lose(("reasoning", field), "thinking", what, why, "approximated")
    return effort


def _text(request: ChatRequest, desk: Desk) -> Json:
    written: Json = {}
    if request.verbosity is not None:
        written["verbosity"] = request.verbosity
    output = request.output
    if output is None:
        return written
    if output.schema is None:
        written["format"] = {"type": "json_object"}
        for field in ("name", "description", "strict"):
            if getattr(output, field) is not None:
                desk.lose(("output", field), "output", f"{field} of the format is left out", "it has no schema")
        return written
    name = output.name or "output"
    if output.name is None:
        desk.lose(("output", "name"), "output", "the format is called output", "it needs a name here", "invented")
    elif not is_legal(name):
        name = marked(name, name)
        why = "letters, digits, _ and - make a name here, at most 64"
        desk.lose(("output", "name"), "output", f"the format is called {name}", why, "approximated")
    form: Json = {"type": "json_schema", "name": name, "schema": output.schema}
    if output.description is not None:
        form["description"] = output.description
    if output.strict is not None:
        form["strict"] = output.strict
    written["format"] = form
    return written


def _include(request: ChatRequest) -> list[str]:
    reasoning = request.reasoning
    thinks = reasoning is not None and (
        reasoning.mode in {"on", "adaptive"} or reasoning.budget is not None or reasoning.effort not in {None, "none"}
    )
    proved = any(
        (part.encrypted if type(part) is Thinking else part.id) is not None  # type: ignore[union-attr]  # a Redacted
        for message in request.messages
        for part in message.parts
        if type(part) in _THOUGHTS
    )
    include = [ENCRYPTED] if proved or (thinks and reasoning is not None and reasoning.mode != "off") else []
    return include if request.top_logprobs is None else [*include, LOGPROBS]


def _extras(extra: Mapping[str, Any], document: Json, desk: Desk) -> None:
    """Write back what only this wire says; ``include``, ``text`` and ``reasoning`` are added to what is there."""
    for name, value in extra.items():
        if not desk.own:
            if name == "stream_options" and isinstance(value, dict) and not value.keys() - {"include_usage"}:
                continue  # usage is always told here
            desk.lose(("extra", name), name, f"{name} is left out")
            continue
        there = document.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            document[name] = {**value, **there}
        elif isinstance(there, list) and isinstance(value, list) and name == "include":
            document[name] = [*there, *(entry for entry in value if entry not in there)]
        elif name not in document:
            document[name] = value
