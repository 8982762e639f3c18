"""Reading a request of the Responses API: theory of operation, and what becomes of each of its fields.

=============================================== ==================================================================
``model``, ``input``, ``stream``                themselves; the items are told in :mod:`.request_items`
``instructions``                                a leading system message of one text
``tools``, ``tool_choice``                      see :mod:`.request_tools`
``parallel_tool_calls``                         ``parallel``
``reasoning``: ``effort``, ``summary``          ``reasoning``
``text``: ``format``, ``verbosity``             ``output``, ``verbosity``
``max_output_tokens``                           ``max_tokens``
``prompt_cache_key``                            ``cache_key``
``temperature``, ``top_p``, ``top_logprobs``    themselves
``metadata``, ``user``, ``safety_identifier``   themselves
``service_tier``, ``store``                     themselves
``include``                                     for log probabilities: ``top_logprobs``; for encrypted reasoning:
                                                nothing, it comes back whole anyway; the rest stays in ``extra``
``truncation: disabled``, ``background: false`` nothing: so it is anyway
``previous_response_id``, ``conversation``,     refused: what they mean lies with the provider that stored it, and the
``prompt``, ``background: true``                one that is asked now has nothing stored
all others, known (``access_programs``,         ``extra``, by their own names
``client_metadata``, ``context_management``,
``image``, ``max_tool_calls``, ``moderation``,
``prompt_cache_options``,
``prompt_cache_retention``,
``stream_options``, ``truncation``) or not
=============================================== ==================================================================

``null`` is absent. Fields of ``reasoning`` and ``text`` that are not known are extras ``reasoning`` and ``text``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, get_args

from wiremend.message import ChatRequest, Effort, OutputFormat, Reasoning
from wiremend.protocols.codec import Places, Read
from wiremend.protocols.responses.request_items import STORED, ItemReader
from wiremend.protocols.responses.request_tools import Naming, read_choice, read_tools
from wiremend.protocols.responses.request_values import (
    ENCRYPTED,
    LOGPROBS,
    count_at,
    flag_at,
    number_at,
    object_at,
    rest_of,
    text_at,
    wrong,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.responses.request_values import Json

_KNOWN: Final = frozenset(
    {
        "model",
        "input",
        "stream",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "max_output_tokens",
        "prompt_cache_key",
        "temperature",
        "top_p",
        "top_logprobs",
        "metadata",
        "user",
        "safety_identifier",
        "service_tier",
        "store",
        "include",
        "background",
        "previous_response_id",
        "conversation",
        "prompt",
    }
)
_REFUSED: Final[Mapping[str, str]] = {
    "previous_response_id": STORED.format(what="responses"),
    "conversation": STORED.format(what="conversations"),
    "prompt": "the provider has no stored prompts: send the prompt itself as instructions and input",
    "background": "the provider has no background mode: leave it out, and stream the answer",
}
_EFFORTS: Final = frozenset(get_args(Effort.__value__))
_SPELLED: Final[Mapping[str, tuple[str, ...]]] = {
    "max_tokens": ("max_output_tokens",),
    "parallel": ("parallel_tool_calls",),
    "cache_key": ("prompt_cache_key",),
    "output": ("text", "format"),
    "verbosity": ("text", "verbosity"),
}
"""Neutral fields whose place on the wire has another name."""


def read_request(document: Mapping[str, Any]) -> Read:
    """Read a body of ``POST /responses``.

    Raises :class:`~wiremend.protocols.codec.TranslationError` for what cannot be read, and for what only a provider
    that stored something could answer.
    """
    for name, words in _REFUSED.items():
        if document.get(name):
            raise wrong((name,), words)
    places = Places()
    for path, tokens in _SPELLED.items():
        places.put((path,), *tokens)
    naming = Naming(document)
    reader = ItemReader(places, naming)
    if instructions := text_at(document, "instructions"):
        reader.instruct(instructions)
    reader.read(document.get("input"))
    offers, losses = read_tools(document, naming, places)
    choice = read_choice(document, offers, naming)
    for index, offer in enumerate(choice.offers):
        places.put(("tools", index), *offer.where)
    extra = {**_extra(document), **choice.extra}
    request = ChatRequest(
        wire="responses",
        model=text_at(document, "model") or "",
        messages=reader.messages(),
        tools=tuple(offer.tool for offer in choice.offers),
        tool_choice=choice.choice,
        parallel=flag_at(document, "parallel_tool_calls"),
        reasoning=_reasoning(document, extra),
        output=_output(document, extra),
        max_tokens=count_at(document, "max_output_tokens"),
        temperature=number_at(document, "temperature"),
        top_p=number_at(document, "top_p"),
        stream=flag_at(document, "stream") or False,
        user=text_at(document, "user"),
        safety_identifier=text_at(document, "safety_identifier"),
        metadata=object_at(document, "metadata") or None,
        cache_key=text_at(document, "prompt_cache_key"),
        service_tier=text_at(document, "service_tier"),
        verbosity=text_at(object_at(document, "text"), "verbosity", "text"),
        top_logprobs=_logprobs(document, extra),
        store=flag_at(document, "store"),
        extra=extra,
    )
    return Read(request, places, (*reader.losses, *losses, *choice.losses), naming.bridges)


def _extra(document: Mapping[str, Any]) -> Json:
    extra = rest_of(document, _KNOWN)
    if extra.get("truncation") == "disabled":
        del extra["truncation"]
    return extra


def _reasoning(document: Mapping[str, Any], extra: Json) -> Reasoning | None:
    value = object_at(document, "reasoning")
    effort, summary = value.get("effort"), text_at(value, "summary", "reasoning")
    known = isinstance(effort, str) and effort in _EFFORTS
    rest = rest_of(value, {"effort", "summary"} if known else {"summary"})
    if rest:
        extra["reasoning"] = rest
    if not known and summary is None:
        return None
    return Reasoning(effort=cast("Effort", effort) if known else None, summary=summary)


def _output(document: Mapping[str, Any], extra: Json) -> OutputFormat | None:
    text = object_at(document, "text")
    value = object_at(text, "format", "text")
    rest = rest_of(text, {"format", "verbosity"})
    kind = value.get("type", "text")
    found: OutputFormat | None = None
    if kind == "json_object":
        found = OutputFormat()
    elif kind == "json_schema":
        where = ("text", "format")
        strict = value.get("strict")
        found = OutputFormat(
            object_at(value, "schema", *where),
            text_at(value, "name", *where),
            text_at(value, "description", *where),
            strict if isinstance(strict, bool) else None,
        )
    elif kind != "text":
        rest["format"] = value
    if rest:
        extra["text"] = rest
    return found


def _logprobs(document: Mapping[str, Any], extra: Json) -> int | None:
    """Read how many alternatives are wanted, and ``include``, which asks for them too."""
    include = document.get("include")
    if include is not None and not isinstance(include, list):
        raise wrong(("include",), "this must be a list")
    asked = include or []
    if rest := [entry for entry in asked if entry not in (ENCRYPTED, LOGPROBS)]:
        extra["include"] = rest
    number = count_at(document, "top_logprobs")
    return 0 if number is None and LOGPROBS in asked else number
