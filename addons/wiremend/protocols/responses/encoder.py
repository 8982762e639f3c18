"""Writes neutral events as a stream of the responses wire, as OpenAI does, for the clients that are strictest.

========================== ===========================================================================================
neutral                    on the wire
========================== ===========================================================================================
Started                    ``response.created``, ``response.in_progress``
text, refusal              a message of one part, its text streamed; citations are annotations
thinking                   a reasoning item with one summary, streamed; what proves it is its ``encrypted_content``
redacted                   a reasoning item with ``encrypted_content`` alone
tool_use                   ``function_call``, its arguments streamed; ``local_shell_call`` for that tool
custom_tool_use            ``custom_tool_call``, its input streamed
opaque                     an item of this wire as it is, one of another wire is lost
UsageSeen, Finished, Ended ``response.completed``, or ``response.incomplete`` for an answer that was cut or filtered
Failed                     ``response.failed``; by its code Codex knows what to do
Alive                      a comment: openai-node throws on events that it does not know
Stranger                   lost
========================== ===========================================================================================

Parts may overlap here, and are then written as they come. But they should not: Codex 0.169 knows one item at a time,
and takes text for that of the item that began last (``core/src/session/turn.rs``).

Each event leaves at once (G4), but the pieces of a ``local_shell_call``, which this wire does not stream: they wait for
its end. The whole output is kept for ``response.completed``: Codex and openai-python take the result from there.

What proves reasoning is always given. OpenAI does so by default today (openai-python 3.52, ``ResponseReasoningItem``),
and without it reasoning cannot be sent back. What another wire wrote is in an envelope.

What is told: a stop sequence, a pause, a full context (no words here for any: completed, completed, incomplete); a
refusal that has no words gets some, for the stop reason alone has no place; counts that nobody gave, beside some that
somebody did, are 0. ``tools`` and ``instructions`` of the response object, which repeat the request, are left empty:
no client reads them, and each of three events would be as large as the request.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from wiremend.events import (
    Alive,
    Delta,
    Ended,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    Started,
    Stranger,
    UsageSeen,
)
from wiremend.message import CustomTool, Usage
from wiremend.message import Reasoning as ReasoningAsked
from wiremend.protocols.coding import paired
from wiremend.protocols.responses.encoding import (
    Call,
    Lost,
    Opaque,
    Reasoning,
    Sheet,
    Shell,
    Text,
    Writer,
    encode,
)
from wiremend.protocols.responses.encoding_extras import own_item
from wiremend.protocols.responses.errors import error_event
from wiremend.protocols.responses.patch import encode as encode_any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.events import Event
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Telling
    from wiremend.protocols.mending import Mend

_COMMENT: Final = b": keep-alive\n\n"
_INCOMPLETE: Final[Mapping[StopReason, bytes]] = MappingProxyType(
    {
        "max_tokens": b"max_output_tokens",
        "context_exceeded": b"max_output_tokens",
        "content_filter": b"content_filter",
    }
)
_UNSAID: Final[Mapping[StopReason, str]] = MappingProxyType(
    {
        "stop_sequence": "that a stop sequence ended the answer",
        "pause": "that the provider wants to be called again with this answer",
        "context_exceeded": "that the context was full: told as max_output_tokens",
    }
)
_CHOICES: Final = {"any": "required", "none": "none"}
_REFUSAL: Final = "The model refused to answer."


class ResponsesEncoder:
    """A :class:`wiremend.protocols.codec.Encoder`."""

    __slots__ = (
        "_finished",
        "_head",
        "_ident",
        "_refused",
        "_sheet",
        "_tail",
        "_telling",
        "_usage",
        "_writers",
        "mends",
    )

    def __init__(self, telling: Telling) -> None:
        """Begin before the first event."""
        self._telling = telling
        self._sheet = Sheet(telling.origin)
        self.mends: list[Mend] = self._sheet.mends
        self._writers: dict[int, Writer] = {}
        self._ident: str | None = None
        self._head = self._tail = b""
        self._usage: Usage | None = None
        self._finished = Finished("end_turn")
        self._refused = False

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it. Never raises."""
        if type(event) is Delta:
            writer = self._writers.get(event.index)
            if writer is None or not event.text:
                return b""
            if event.kind == writer.main:
                return writer.piece(event.text)
            writer.detail(event)
            return self._sheet.taken()
        if type(event) is Alive:
            return _COMMENT
        self._HANDLERS[type(event)](self, event)
        return self._sheet.taken()

    # --- the response

    def _on_started(self, event: Started) -> None:
        telling = self._telling
        self._ident = paired(event.id)
        model = paired(telling.name or event.model)
        created = telling.origin.now if event.created is None else event.created
        begun = b'"id":%b,"object":"response","created_at":%d,"model":%b,' % (
            encode(self._ident),
            created,
            encode(model),
        )
        self._head = b'"response":{' + begun
        self._tail = b"," + _echo(telling) + b"}"
        self._response(b"response.created", b"in_progress", b"", b"null")
        self._response(b"response.in_progress", b"in_progress", b"", b"null")

    def _response(self, kind: bytes, status: bytes, output: bytes, usage: bytes, why: bytes = b"null") -> None:
        """Write an event of the whole response."""
        said = b'"status":"%b","incomplete_details":%b,"output":[%b],"usage":%b' % (status, why, output, usage)
        self._sheet.put(kind, self._head + said + self._tail)

    def _on_usage(self, event: UsageSeen) -> None:
        self._usage = event.usage

    def _on_finished(self, event: Finished) -> None:
        self._finished = event

    def _on_ended(self, event: Ended) -> None:
        del event
        sheet, reason = self._sheet, self._finished.reason
        if reason in _UNSAID:
            sheet.tell("lost", "stop-reason", f"left out: {_UNSAID[reason]}")
        if reason == "refusal" and not self._refused:
            self._refuse()
        why = _INCOMPLETE.get(reason)
        status, details = (b"completed", b"null") if why is None else (b"incomplete", b'{"reason":"%b"}' % why)
        output = b",".join(item for item in sheet.output if item)
        self._response(b"response." + status, status, output, self._counts(), details)

    def _refuse(self) -> None:
        """Write a refusal for a stop reason that came without one."""
        self._sheet.tell("invented", "refusal", "the words of a refusal that came without")
        writer = Text(self._sheet, PartStarted(0, "refusal"))
        self._sheet.out.append(writer.piece(_REFUSAL))
        writer.end()

    def _counts(self) -> bytes:
        """Give the usage, null where nobody told it."""
        usage = self._usage
        if usage is None or usage == Usage():
            return b"null"
        if usage.input is None or usage.output is None:
            self._sheet.tell("invented", "usage", "0 put for a count of tokens that nobody gave")
        taken, given = usage.input or 0, usage.output or 0
        return (
            b'{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},'
            b'"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}'
        ) % (taken, usage.cached or 0, usage.written or 0, given, usage.reasoning or 0, taken + given)

    def _on_failed(self, event: Failed) -> None:
        origin = self._telling.origin
        if self._ident is None:
            model = origin.model or self._telling.request.model
            self._on_started(Started(origin.mint("resp", 0), model))
        sheet = self._sheet
        sheet.out.append(error_event(event.message, self._ident, sheet.number, event.kind))

    def _on_stranger(self, event: Stranger) -> None:
        self._sheet.tell("lost", "stranger", f"left out: an event of another wire ({event.name[:40]})")

    # --- parts

    def _on_part_started(self, event: PartStarted) -> None:
        sheet = self._sheet
        bridge = self._telling.bridges.get(event.name) if event.name else None
        writer: Writer
        match event.kind:
            case "text" | "refusal":
                self._refused = self._refused or event.kind == "refusal"
                writer = Text(sheet, event)
            case "thinking" | "redacted":
                writer = Reasoning(sheet, event)
            case "tool_use" if bridge is not None and bridge.form == "local_shell":
                writer = Shell(sheet, event)
            case "tool_use" | "custom_tool_use":
                writer = Call(sheet, event, bridge)
            case _:
                writer = self._opaque(event)
        self._writers[event.index] = writer

    def _opaque(self, event: PartStarted) -> Writer:
        item, kind, ident = own_item(event.extra)
        if item is not None and self._sheet.name("item", ident) == ident:
            return Opaque(self._sheet, item)
        self._sheet.tell("lost", "opaque", f"left out: a part of a type that this wire has not ({kind[:40]})")
        return Lost(self._sheet)

    def _on_part_ended(self, event: PartEnded) -> None:
        writer = self._writers.pop(event.index, None)
        if writer is not None:
            writer.end()

    _HANDLERS: Final[Mapping[type[Event], Callable[[ResponsesEncoder, Any], None]]] = MappingProxyType(
        {
            Started: _on_started,
            PartStarted: _on_part_started,
            PartEnded: _on_part_ended,
            UsageSeen: _on_usage,
            Finished: _on_finished,
            Ended: _on_ended,
            Failed: _on_failed,
            Stranger: _on_stranger,
        }
    )


def _echo(telling: Telling) -> bytes:
    """Give what the response object repeats of the request: what openai-python's ``Response`` asks for, and settings.

    Nothing is stored, whatever was asked.
    """
    request, reasoning = telling.request, telling.request.reasoning or ReasoningAsked()
    fields = {
        "error": None,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel is not False,
        "previous_response_id": None,
        "reasoning": {"effort": reasoning.effort, "summary": reasoning.summary},
        "store": False,
        "temperature": request.temperature,
        "tool_choice": _choice(telling),
        "tools": [],
        "top_p": request.top_p,
        "truncation": "disabled",
    }
    return encode_any(fields)[1:-1]


def _choice(telling: Telling) -> object:
    """Give the choice of tools in this wire's words."""
    choice = telling.request.tool_choice
    if choice is None or choice.kind != "tool" or not choice.name:
        return _CHOICES.get(choice.kind, "auto") if choice is not None else "auto"
    bridge = telling.bridges.get(choice.name)
    if bridge is not None and bridge.form == "local_shell":
        return "required"  # openai-python knows no choice of that tool
    custom = any(isinstance(tool, CustomTool) and tool.name == choice.name for tool in telling.request.tools)
    return {"type": "custom" if custom else "function", "name": choice.name if bridge is None else bridge.name}
