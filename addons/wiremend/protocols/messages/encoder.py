"""Writes neutral events as a stream of the messages wire.

============================ ===========================================================================================
``Started``                  message_start, with no counts as yet
``PartStarted``, ``Delta``,  a block of its kind, at the next index. Blocks never overlap: the sequencer sees to it
``PartEnded``
``UsageSeen``                nothing: message_delta tells the totals
``Finished``                 message_delta
``Ended``                    message_stop
``Failed``                   error
``Alive``                    ping
``Stranger``                 nothing, noted as lost
============================ ===========================================================================================

======================================== ===================
neutral                                  stop_reason
======================================== ===================
end_turn, max_tokens, stop_sequence,     the same
tool_use, refusal
pause                                    pause_turn
context_exceeded                         model_context_window_exceeded
content_filter                           refusal (noted)
======================================== ===================

The reply decides where it contradicts the reason: with a call, ``end_turn`` is ``tool_use`` (an agent that reads
``end_turn`` drops the call); after a refusal it is ``refusal``.

**What has another form here.** A refusal is a block of text. A call of a custom tool is one of a tool whose input is
``{"input": …}``. Encrypted reasoning is known only with its first piece, which redacted_thinking must have in its
start: so the block begins then, and each piece is a block. What proves reasoning of another wire goes as an envelope,
in ``signature`` or ``data``; a signature is the last delta of its block.

**What has no place.** Blocks and events that only another wire has, citations of another wire: noted as lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.events import Alive, Delta, Ended, Failed, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.coding import UNREADABLE, Proof, lost, quoted, type_of
from wiremend.protocols.mending import Mend
from wiremend.protocols.messages.errors import error_event
from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.events import DeltaKind, Event
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Telling

__all__ = ["BLOCKS", "CITATIONS", "REASONS", "MessagesEncoder"]

REASONS: Final[Mapping[StopReason, str]] = MappingProxyType(
    {
        "end_turn": "end_turn",
        "max_tokens": "max_tokens",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool_use",
        "refusal": "refusal",
        "pause": "pause_turn",
        "context_exceeded": "model_context_window_exceeded",
        "content_filter": "refusal",
        "error": "end_turn",  # no stream that was sequenced has it
    }
)
"""Neutral stop reason -> that of the wire."""

BLOCKS: Final = frozenset(
    {
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "advisor_tool_result",
        "container_upload",
        "mcp_tool_use",
        "mcp_tool_result",
        "mcp_tool_listing",
        "compaction",
        "fallback",
    }
)
"""Types of blocks that this wire alone has (``types/beta/beta_content_block.py`` of the official SDK)."""

CITATIONS: Final = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "search_result_location",
        "web_search_result_location",
    }
)
"""Types of citations of this wire (``types/text_citation.py`` of the official SDK)."""

_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_START: Final = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b'
_BLOCK_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END: Final = b"}}\n\n"

_TEXT: Final = (b'{"type":"text","text":""}', b'{"type":"text_delta","text":')
_THINKING: Final = (b'{"type":"thinking","thinking":"","signature":""}', b'{"type":"thinking_delta","thinking":')
_INPUT: Final = b'{"type":"input_json_delta","partial_json":'
_SIGNATURE: Final = b'{"type":"signature_delta","signature":'
_CITATION: Final = b'{"type":"citations_delta","citation":'
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Block:
    """A part that is open. ``index`` is the block's, None where no block began."""

    start: PartStarted
    index: int | None
    main: DeltaKind | None = None
    prefix: bytes = b""
    proof: Proof | None = None


class _Details(msgspec.Struct):
    """What :attr:`Finished.extra` has of this wire."""

    stop_details: msgspec.Raw = msgspec.Raw()


_DETAILS: Final = msgspec.json.Decoder(_Details).decode


class MessagesEncoder:
    """Writes one stream; see :class:`wiremend.protocols.codec.Encoder`."""

    __slots__ = ("_called", "_ids", "_next", "_open", "_refused", "_telling", "_usage", "mends")

    def __init__(self, telling: Telling) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._telling = telling
        self._open: dict[int, _Block] = {}
        self._next = 0
        self._called = False
        self._refused = False
        self._usage = Usage()
        self._ids: set[str] = set()

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it."""
        if type(event) is Delta:
            block = self._open.get(event.index)
            if block is None or not event.text:
                return b""
            if event.kind == block.main:
                try:
                    return block.prefix + _ENCODE(event.text) + _END
                except UnicodeEncodeError:
                    return block.prefix + quoted(event.text) + _END
            return self._detail(block, event)
        return self._HANDLERS[type(event)](self, event)

    # --- the stream ---------------------------------------------------------------------------------------------------

    def _on_started(self, event: Started) -> bytes:
        name = self._telling.name if self._telling.name is not None else event.model
        message = (
            b'{"type":"message_start","message":{"id":%b,"type":"message","role":"assistant","model":%b,"content":[],'
            b'"stop_reason":null,"stop_sequence":null,"usage":%b}}'
        )
        counts = {"input_tokens": 0, **_counts(self._usage)}
        return render(message % (quoted(event.id), quoted(name), _ENCODE(counts)), "message_start")

    def _on_usage(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _on_finished(self, event: Finished) -> bytes:
        reason = REASONS[event.reason]
        if event.reason == "content_filter":
            what = "content_filter is told as refusal"
            self.mends.append(Mend("mended", "messages.stop-reason", 0, "", what))
        if reason == "end_turn":
            reason = "tool_use" if self._called else "refusal" if self._refused else reason
        sequence = b"null" if event.stop_sequence is None else quoted(event.stop_sequence)
        delta = b'"stop_reason":%b,"stop_sequence":%b%b' % (quoted(reason), sequence, self._details(event.extra))
        return render(
            b'{"type":"message_delta","delta":{%b},"usage":%b}' % (delta, _ENCODE(_counts(self._usage))),
            "message_delta",
        )

    def _details(self, extra: str) -> bytes:
        """Give the field for what is said of a stop reason in more words."""
        if not extra:
            return b""
        try:
            details = bytes(_DETAILS(extra).stop_details)
        except UNREADABLE:
            details = b""
        if details:
            return b',"stop_details":' + details
        self.mends.append(lost("messages.finish", "what was said of the stop reason was left out"))
        return b""

    def _on_ended(self, _: Ended) -> bytes:
        return _STOP

    def _on_failed(self, event: Failed) -> bytes:
        return error_event(event.message, kind=event.kind)

    def _on_alive(self, _: Alive) -> bytes:
        return _PING

    def _on_stranger(self, event: Stranger) -> bytes:
        self.mends.append(lost("messages.event", f"an event {event.name!r} was left out"))
        return b""

    # --- parts --------------------------------------------------------------------------------------------------------

    def _on_part_started(self, start: PartStarted) -> bytes:
        kind = start.kind
        if kind == "text":
            return self._begin(start, *_TEXT, "text")
        if kind == "refusal":
            self._refused = True
            return self._begin(start, *_TEXT, "refusal")
        if kind == "tool_use":
            return self._begin(start, self._call(start), _INPUT, "json")
        if kind == "custom_tool_use":
            return self._begin(start, self._call(start), _INPUT) + self._piece(start.index, '{"input":"')
        if kind == "opaque":
            return self._opaque(start)
        if kind == "redacted":
            out, self._open[start.index] = b"", _Block(start, None)
        else:
            out = self._begin(start, *_THINKING, "thinking")
        self._open[start.index].proof = Proof.of(start)
        return out

    def _begin(self, start: PartStarted, block: bytes, delta: bytes, main: DeltaKind | None = None) -> bytes:
        """Begin a block, and give its start."""
        index, self._next = self._next, self._next + 1
        self._open[start.index] = _Block(start, index, main, _DELTA % (index, delta))
        return _START % (index, block)

    def _call(self, start: PartStarted) -> bytes:
        """Give the block of a call. An id that another call of the reply has is replaced: results go by it."""
        self._called = True
        ident = start.id
        if ident in self._ids:
            ident = self._telling.origin.mint("toolu", self._next)
            what = f"the call {start.name!r} got an id of its own"
            self.mends.append(Mend("mended", "messages.call-id", 0, f"/parts/{start.index}", what))
        self._ids.add(ident)
        return b'{"type":"tool_use","id":%b,"name":%b,"input":{}}' % (quoted(ident), quoted(start.name))

    def _opaque(self, start: PartStarted) -> bytes:
        kind = type_of(start.extra)
        if kind in BLOCKS:
            index, self._next = self._next, self._next + 1
            self._open[start.index] = _Block(start, index)
            raw = b" ".join(start.extra.encode("utf-8", "replace").splitlines())
            return _START % (index, raw)
        what = f"a part of type {kind or 'unknown'!r} was left out"
        self.mends.append(lost("messages.opaque", what, f"/parts/{start.index}"))
        return b""

    def _detail(self, block: _Block, delta: Delta) -> bytes:
        """Take a piece that is not of the text or input of its part."""
        match delta.kind:
            case "input":
                return self._piece(delta.index, quoted(delta.text)[1:-1].decode())
            case "citation":
                return self._citation(block, delta)
            case "opaque" if block.index is not None and type_of(delta.text):
                raw = b" ".join(delta.text.encode("utf-8", "replace").splitlines())
                return _DELTA % (block.index, raw) + b"}\n\n"
            case "signature" | "encrypted" if block.proof is not None:
                block.proof.take(delta)
                return self._redacted(block) if block.index is None else b""
        return b""

    def _piece(self, index: int, text: str) -> bytes:
        return self._open[index].prefix + quoted(text) + _END

    def _citation(self, block: _Block, delta: Delta) -> bytes:
        kind = type_of(delta.text)
        if kind in CITATIONS and block.index is not None:
            raw = b" ".join(delta.text.encode("utf-8", "replace").splitlines())
            return _DELTA % (block.index, _CITATION) + raw + _END
        what = f"a citation of type {kind or 'unknown'!r} was left out"
        self.mends.append(lost("messages.citation", what, f"/parts/{block.start.index}"))
        return b""

    def _proven(self, block: _Block) -> str | None:
        """Give what proves a part, as this wire can say it."""
        proof = block.proof
        if proof is None or not proof.any:
            return None
        if proof.is_of("messages"):
            return proof.encrypted if proof.redacted else proof.signature
        sealed = proof.sealed()
        if sealed is None:
            what = "a proof of reasoning was left out: it is not known whose it is"
            self.mends.append(lost("messages.proof", what, f"/parts/{block.start.index}"))
        return sealed

    def _redacted(self, block: _Block) -> bytes:
        """Give a whole block of encrypted reasoning."""
        data = self._proven(block)
        if data is None:
            return b""
        index, self._next = self._next, self._next + 1
        start = b'{"type":"redacted_thinking","data":%b}' % quoted(data)
        return _START % (index, start) + _BLOCK_STOP % index

    def _on_part_ended(self, event: PartEnded) -> bytes:
        block = self._open.pop(event.index, None)
        if block is None or block.index is None:
            return b""
        last = b""
        if block.start.kind == "custom_tool_use":
            last = block.prefix + quoted('"}') + _END
        elif (signature := self._proven(block)) is not None:
            last = _DELTA % (block.index, _SIGNATURE) + quoted(signature) + _END
        return last + _BLOCK_STOP % block.index

    _HANDLERS: Final[Mapping[type[Event], Callable[[MessagesEncoder, Any], bytes]]] = MappingProxyType(
        {
            Started: _on_started,
            PartStarted: _on_part_started,
            PartEnded: _on_part_ended,
            UsageSeen: _on_usage,
            Finished: _on_finished,
            Ended: _on_ended,
            Failed: _on_failed,
            Alive: _on_alive,
            Stranger: _on_stranger,
        }
    )


def _counts(usage: Usage) -> dict[str, Any]:
    """Give the counts in this wire's words: ``input_tokens`` leaves out what the cache served and took."""
    counts: dict[str, Any] = {}
    if usage.input is not None:
        counts["input_tokens"] = max(0, usage.input - (usage.cached or 0) - (usage.written or 0))
    if usage.written is not None:
        counts["cache_creation_input_tokens"] = usage.written
    if usage.cached is not None:
        counts["cache_read_input_tokens"] = usage.cached
    counts["output_tokens"] = usage.output or 0
    if usage.reasoning is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts
