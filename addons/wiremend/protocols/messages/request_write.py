"""Writes the neutral request as a body of the messages wire.

=================================== ==================================================================================
neutral field                       becomes
=================================== ==================================================================================
``model``                           the recipient's
``messages``                        ``system`` and ``messages``; see ``request_history``, ``request_parts``
``max_tokens``                      ``max_tokens``, at most what the model can write; where the client sets none, that,
                                    else :data:`MAX_TOKENS`
``tools``                           ``tools``; a custom tool becomes a function of one text, ``input``
``tool_choice``, ``parallel``       ``tool_choice``; a forced call is left to the model while it thinks
``reasoning``, ``temperature``,     ``thinking``, ``output_config.effort`` and the fields of the same names, as far as
``top_p``, ``top_k``                the model takes them; see ``request_thinking``
``output``                          ``output_config.format``, its schema alone. JSON without a schema has no place: a
                                    schema would have to name each member
``stop``                            ``stop_sequences``; one of nothing but space is refused
``stream``                          ``stream``
``user``                            ``metadata.user_id``
``service_tier``                    ``service_tier``: auto; default as ``standard_only``
``cache_key``                       for Claude ``cache_control`` of the whole request, else lost
``metadata``,                       no place; they are lost, unless they say what is so anyway (``store: false``, a
``safety_identifier``, ``seed``,    penalty of 0, ``verbosity: medium``)
``top_logprobs``, ``verbosity``,
``store``, penalties
``extra``                           back to their places if they are of this wire; else lost, unless they say what is
                                    so anyway (``n: 1``, ``stream_options``: usage always comes)
=================================== ==================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.codec import Written
from wiremend.protocols.messages.request_history import Historian
from wiremend.protocols.messages.request_names import Names
from wiremend.protocols.messages.request_parts import Parts
from wiremend.protocols.messages.request_thinking import Thought, claude_of, write_reasoning, write_sampling
from wiremend.protocols.messages.request_tools import write_choice, write_tools
from wiremend.protocols.messages.request_values import Losses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.message import ChatRequest, OutputFormat
    from wiremend.protocols.codec import Path, Recipient
    from wiremend.protocols.messages.request_thinking import Version
    from wiremend.protocols.messages.request_values import Json

MAX_TOKENS: Final = 32_000
"""What an answer may have where nobody says: Claude Code's own default, which each Claude from 4 on can write."""

LATE_SYSTEM: Final = "mid-conversation-system-2026-04-07"
"""The beta under which a system may speak among the messages, as Claude Code names it."""

_SIGNERS: Final = ("anthropic.com", "claude.ai")
_TIERS: Final = frozenset({"auto", "standard_only"})
_MERGED: Final = frozenset({"thinking", "output_config", "tool_choice", "metadata"})
_ENCRYPTED: Final = "reasoning.encrypted_content"
_SO_ANYWAY: Final[Mapping[str, Sequence[object]]] = {
    "n": (1,),
    "logprobs": (False,),
    "background": (False,),
    "truncation": ("disabled",),
    "modalities": (["text"],),
    "include": ([_ENCRYPTED],),
    "stream_options": ({"include_usage": True}, {"include_usage": False}),
}
"""Fields of other wires, and the values by which they say what is so here without a word."""


def write_request(request: ChatRequest, recipient: Recipient) -> Written:
    """Write a request for a recipient; raises nothing, for there is none that could not be said with losses."""
    losses, version = Losses(), claude_of(recipient.model)
    own = request.wire == "messages"
    names = Names(request)
    parts = Parts(names, losses, own=own, checks=version is not None or _signs(recipient.host))
    history = Historian(request, parts, losses).write()
    tools = write_tools(request.tools, names, parts, losses, own=own)
    most = _most(request, recipient, losses)
    thought = _thought(request, version, most, history.messages, losses)
    document: Json = {"model": recipient.model, "max_tokens": most}
    if history.system is not None:
        document["system"] = history.system
    document["messages"] = history.messages
    if tools:
        document["tools"] = tools
    document |= write_choice(request, tools, names, losses, thinks=thought.on)
    if thought.thinking is not None:
        document["thinking"] = thought.thinking
    config = ({} if thought.effort is None else {"effort": thought.effort}) | _format(request.output, losses)
    if config:
        document["output_config"] = config
    document |= write_sampling(request, version, losses, thinks=thought.on)
    document |= _plain(request, losses)
    document |= _cached(request, version, losses)
    _unsaid(request, losses)
    if own:
        _restore(document, request.extra)
    else:
        _foreign(request, parts)
    headers = {"anthropic-beta": LATE_SYSTEM} if history.late else {}
    return Written(document, tuple(losses.all), names.bridges, headers)


def _signs(host: str) -> bool:
    name = host.lower().rstrip(".")
    return any(name == domain or name.endswith(f".{domain}") for domain in _SIGNERS)


def _most(request: ChatRequest, recipient: Recipient, losses: Losses) -> int:
    asked, most = request.max_tokens, recipient.max_output
    path: Path = ("max_tokens",)
    if asked is None:
        if most is not None:
            return most
        losses.invented(path, "max_tokens", f"set to {MAX_TOKENS}", "this wire demands it, and nobody says how much")
        return MAX_TOKENS
    if most is not None and asked > most:
        losses.approximated(path, "max_tokens", f"{asked} said as {most}", "the model can write no more")
        return most
    return asked


def _thought(request: ChatRequest, version: Version | None, most: int, messages: list[Json], losses: Losses) -> Thought:
    """Write how much is to be thought; nothing where the API would refuse it for what the history lacks."""
    aside = Losses()
    thought = write_reasoning(request.reasoning, version, most, aside)
    if version is not None and thought.on and thought.said is not None and thought.said.mode == "on":
        last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
        if last is not None and _calls_unthought(last):
            why = "a call in the last turn came without signed reasoning, which this model then demands"
            losses.lost(("reasoning",), "thinking", "left out", why)
            return Thought()
    losses.all += aside.all
    return thought


def _calls_unthought(message: Json) -> bool:
    content = message["content"]
    kinds = [block.get("type") for block in content] if isinstance(content, list) else []
    return "tool_use" in kinds and kinds[0] not in {"thinking", "redacted_thinking"}


def _format(output: OutputFormat | None, losses: Losses) -> Json:
    if output is None:
        return {}
    if output.schema is None:
        why = "there is no JSON without a schema here; the prompt has to ask for it"
        losses.lost(("output",), "json_object", "left out", why)
        return {}
    for name in ("name", "description"):
        if getattr(output, name) is not None:
            losses.lost(("output", name), f"output.{name}", "left out", "a schema has none here")
    if output.strict is False:
        losses.approximated(("output", "strict"), "output.strict", "said as strict", "a schema always holds here")
    return {"format": {"type": "json_schema", "schema": output.schema}}


def _plain(request: ChatRequest, losses: Losses) -> Json:
    """Write the fields that are on both sides what they are."""
    found: Json = {}
    stop = []
    for index, text in enumerate(request.stop):
        if text.strip():
            stop.append(text)
        else:
            losses.lost(("stop", index), "stop", "left out", "a stop sequence of nothing but space is refused here")
    if stop:
        found["stop_sequences"] = stop
    if request.stream:
        found["stream"] = True
    if request.user is not None:
        found["metadata"] = {"user_id": request.user}
    return found | _tier(request, losses)


def _tier(request: ChatRequest, losses: Losses) -> Json:
    tier = request.service_tier
    if tier is None:
        return {}
    if tier in _TIERS or request.wire == "messages":
        return {"service_tier": tier}
    if tier == "default":
        losses.approximated(("service_tier",), "service_tier", "said as 'standard_only'", "it is the same service")
        return {"service_tier": "standard_only"}
    losses.lost(("service_tier",), "service_tier", f"{tier!r} was left out", "it is not known here")
    return {}


def _cached(request: ChatRequest, version: Version | None, losses: Losses) -> Json:
    """Ask for a cache of the prompt where the client wants one by a key: Claude keeps none unless it is asked to."""
    if request.cache_key is None:
        return {}
    if version is None or any(_marks(request)):
        losses.lost(("cache_key",), "cache_key", "left out", "it has no place here")
        return {}
    what = "said as a mark behind the whole prompt"
    losses.approximated(("cache_key",), "cache_key", what, "a cache goes by how prompts begin here, not by a key")
    return {"cache_control": {"type": "ephemeral"}}


def _marks(request: ChatRequest) -> Iterator[bool]:
    """Tell of each part and tool whether it has a mark of its own."""
    for message in request.messages:
        for part in message.parts:
            yield getattr(part, "cache", None) is not None
    for tool in request.tools:
        yield getattr(tool, "cache", None) is not None


def _unsaid(request: ChatRequest, losses: Losses) -> None:
    """Note the fields that have no place, and do not say what is so anyway."""
    said: dict[str, Any] = {
        "frequency_penalty": request.frequency_penalty or None,
        "presence_penalty": request.presence_penalty or None,
        "seed": request.seed,
        "safety_identifier": request.safety_identifier,
        "metadata": request.metadata or None,
        "verbosity": None if request.verbosity == "medium" else request.verbosity,
        "top_logprobs": request.top_logprobs,
        "store": request.store or None,
    }
    for name, value in said.items():
        if value is not None:
            losses.lost((name,), name, "left out", "it has no place here")


def _restore(document: Json, extra: Mapping[str, Any]) -> None:
    """Put fields of this wire back; of an object that has been written, what it lacks."""
    for name, value in extra.items():
        written = document.get(name)
        if name in _MERGED and isinstance(written, dict) and isinstance(value, dict):
            document[name] = value | written
        else:
            document[name] = value


def _foreign(request: ChatRequest, parts: Parts) -> None:
    for name, value in request.extra.items():
        if value not in _SO_ANYWAY.get(name, ()):
            parts.foreign(name, value, ())
