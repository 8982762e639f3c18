"""Writes neutral events as a stream of the chat wire.

============================ ===========================================================================================
``Started``                  the first chunk, with the role
a part of text               ``content``
a part of thinking           ``reasoning_content``; at its end an entry of ``reasoning_details``, if it must come back
a redacted part              an entry of ``reasoning_details``
a refusal                    ``refusal``
a call                       ``tool_calls``: first its id, type and name, then its arguments as they come
``UsageSeen``                nothing: it is told once, at the end
``Finished``                 the chunk with the finish reason; then one with the usage, if the client asked for it
``Ended``                    ``[DONE]``
``Failed``                   the error, ``[DONE]``
``Alive``                    a comment
``Stranger``                 nothing, noted as lost
============================ ===========================================================================================

======================================== ==============
neutral                                  finish_reason
======================================== ==============
end_turn, stop_sequence (the sequence    stop
is noted as lost), pause (noted)
max_tokens, context_exceeded             length
tool_use                                 tool_calls
content_filter, refusal                  content_filter; stop, where the reply has words of refusal
======================================== ==============

The reply decides where it contradicts the reason: with calls, ``stop`` is ``tool_calls``, without any it is ``stop``.

**Reasoning that must come back.** The entry of ``reasoning_details`` is the one that OpenRouter has and its clients
send back: ``reasoning.text`` with the whole text of the part and its ``signature``, ``reasoning.encrypted`` with
``data``. It comes once, whole, at the end of its part, for clients differ in whether they join the entries of a list.
What proves reasoning of another wire is an envelope. Of the text of a part whose wire may prove it a copy is kept until
its end.

**Usage** is told where ``stream_options.include_usage`` asks for it, as OpenAI does; and where the client asked for no
stream, because a whole reply always has it.

**What has no place.** Parts and events that only another wire has, and citations but those of a URL: noted as lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.events import Alive, Delta, Ended, Failed, Finished, PartEnded, PartStarted, Started, Stranger, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.chat.errors import error_event
from wiremend.protocols.chat.schema import UrlCitation
from wiremend.protocols.coding import UNREADABLE, Proof, lost, quoted, type_of
from wiremend.protocols.mending import Mend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.events import DeltaKind, Event
    from wiremend.message import StopReason
    from wiremend.protocols.codec import Telling

__all__ = ["REASONS", "ChatEncoder"]

REASONS: Final[Mapping[StopReason, str]] = MappingProxyType(
    {
        "end_turn": "stop",
        "max_tokens": "length",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
        "pause": "stop",
        "context_exceeded": "length",
        "content_filter": "content_filter",
        "error": "stop",  # no stream that was sequenced has it
    }
)
"""Neutral stop reason -> that of the wire."""

_DONE: Final = b"data: [DONE]\n\n"
_COMMENT: Final = b": keep-alive\n\n"
_TAIL: Final = b'},"finish_reason":null}]}\n\n'
_ENCODE: Final = msgspec.json.Encoder().encode
_FIELDS: Final[Mapping[str, tuple[DeltaKind, bytes]]] = MappingProxyType(
    {
        "text": ("text", b'"content":'),
        "thinking": ("thinking", b'"reasoning_content":'),
        "refusal": ("refusal", b'"refusal":'),
    }
)


@dataclass(slots=True)
class _Part:
    """A part that is open, and what stands before and behind each piece of its ``main`` kind."""

    start: PartStarted
    main: DeltaKind | None = None
    prefix: bytes = b""
    tail: bytes = b""
    proof: Proof | None = None
    said: bool = False
    pieces: list[str] = field(default_factory=list)


class _Citation(msgspec.Struct):
    """A citation of a URL: of this wire, or of the responses wire, where its fields stand at the top."""

    url_citation: UrlCitation | None = None
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


_CITATION: Final = msgspec.json.Decoder(_Citation).decode


class ChatEncoder:
    """Writes one stream; see :class:`wiremend.protocols.codec.Encoder`."""

    __slots__ = ("_calls", "_cited", "_details", "_head", "_ids", "_open", "_refused", "_telling", "_usage", "mends")

    def __init__(self, telling: Telling) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._telling = telling
        self._head = b""
        self._open: dict[int, _Part] = {}
        self._calls = 0
        self._details = 0
        self._cited = 0
        self._refused = False
        self._usage = Usage()
        self._ids: set[str] = set()

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it."""
        if type(event) is Delta:
            part = self._open.get(event.index)
            if part is None or not event.text:
                return b""
            if event.kind == part.main:
                part.said = True
                if part.proof is not None:
                    part.pieces.append(event.text)
                try:
                    return part.prefix + _ENCODE(event.text) + part.tail
                except UnicodeEncodeError:
                    return part.prefix + quoted(event.text) + part.tail
            return self._detail(part, event)
        return self._HANDLERS[type(event)](self, event)

    # --- the stream ---------------------------------------------------------------------------------------------------

    def _on_started(self, event: Started) -> bytes:
        name = self._telling.name if self._telling.name is not None else event.model
        created = event.created if event.created is not None else self._telling.origin.now
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[' % (
            quoted(event.id),
            created,
            quoted(name),
        )
        return self._chunk(b'"role":"assistant","content":null')

    def _chunk(self, delta: bytes) -> bytes:
        return self._before(delta) + _TAIL

    def _before(self, delta: bytes) -> bytes:
        return self._head + b'{"index":0,"delta":{' + delta

    def _on_usage(self, event: UsageSeen) -> bytes:
        self._usage = event.usage
        return b""

    def _on_finished(self, event: Finished) -> bytes:
        reason = self._reason(event)
        end = self._head + b'{"index":0,"delta":{},"finish_reason":%b}]}\n\n' % quoted(reason)
        usage = self._counts()
        if usage is None:
            return end
        return end + self._head + b'],"usage":%b}\n\n' % _ENCODE(usage)

    def _reason(self, event: Finished) -> str:
        """Give the finish reason, and note what it does not tell."""
        if event.extra:
            self.mends.append(lost("chat.finish", "what was said of the stop reason was left out"))
        reason = REASONS[event.reason]
        if event.stop_sequence is not None:
            self.mends.append(lost("chat.stop-sequence", "which stop sequence it was, was left out"))
        if event.reason == "refusal" and self._refused:
            reason = "stop"
        elif event.reason == "pause":
            self.mends.append(lost("chat.stop-reason", "that the provider wants to go on with its turn was left out"))
        elif event.reason in {"refusal", "context_exceeded"}:
            what = f"{event.reason} is told as {reason}"
            self.mends.append(Mend("mended", "chat.stop-reason", 0, "", what))
        if reason == "stop" and self._calls:
            return "tool_calls"
        return "stop" if reason == "tool_calls" and not self._calls else reason

    def _counts(self) -> dict[str, Any] | None:
        """Give the usage in this wire's words; None where it is not asked for, or not known."""
        usage, request = self._usage, self._telling.request
        options = request.extra.get("stream_options")
        asked = not request.stream or (isinstance(options, dict) and options.get("include_usage") is True)
        if not asked or (usage.input is None and usage.output is None):
            return None
        prompt, completion = usage.input or 0, usage.output or 0
        counts: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        details = {"cached_tokens": usage.cached, "cache_write_tokens": usage.written}
        if known := {name: count for name, count in details.items() if count is not None}:
            counts["prompt_tokens_details"] = known
        if usage.reasoning is not None:
            counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
        return counts

    def _on_ended(self, _: Ended) -> bytes:
        return _DONE

    def _on_failed(self, event: Failed) -> bytes:
        return error_event(event.message, kind=event.kind) + _DONE

    def _on_alive(self, _: Alive) -> bytes:
        return _COMMENT

    def _on_stranger(self, event: Stranger) -> bytes:
        self.mends.append(lost("chat.event", f"an event {event.name!r} was left out"))
        return b""

    # --- parts --------------------------------------------------------------------------------------------------------

    def _on_part_started(self, start: PartStarted) -> bytes:
        part = self._open[start.index] = _Part(start)
        if start.kind in {"tool_use", "custom_tool_use"}:
            return self._call(part)
        if start.kind in _FIELDS:
            part.main, name = _FIELDS[start.kind]
            part.prefix, part.tail = self._before(name), _TAIL
        if start.kind in {"thinking", "redacted"}:
            part.proof = Proof.of(start)
        elif start.kind == "opaque":
            what = f"a part of type {type_of(start.extra) or 'unknown'!r} was left out"
            self.mends.append(lost("chat.opaque", what, f"/parts/{start.index}"))
        self._refused = self._refused or start.kind == "refusal"
        return b""

    def _call(self, part: _Part) -> bytes:
        """Begin a call. An id that another call of the reply has is replaced: results go by it."""
        start, number = part.start, self._calls
        self._calls += 1
        ident = start.id
        if ident in self._ids:
            ident = self._telling.origin.mint("call", number)
            what = f"the call {start.name!r} got an id of its own"
            self.mends.append(Mend("mended", "chat.call-id", 0, f"/parts/{start.index}", what))
        self._ids.add(ident)
        kind, text = (b"function", b"arguments") if start.kind == "tool_use" else (b"custom", b"input")
        part.main = "json" if start.kind == "tool_use" else "input"
        part.prefix = self._before(b'"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind, text))
        part.tail = b"}}]" + _TAIL
        first = b'"tool_calls":[{"index":%d,"id":%b,"type":"%b","%b":{"name":%b,"%b":""}}]'
        return self._chunk(first % (number, quoted(ident), kind, kind, quoted(start.name), text))

    def _detail(self, part: _Part, delta: Delta) -> bytes:
        """Take a piece that is not of the text or input of its part."""
        proof = part.proof
        if proof is not None:
            proof.take(delta)
            return self._encrypted(part, proof) if proof.redacted else b""
        if delta.kind == "citation":
            return self._citation(part, delta)
        return b""

    def _encrypted(self, part: _Part, proof: Proof) -> bytes:
        """Give an entry for reasoning that only its provider can read."""
        data = proof.encrypted if proof.is_of("chat") else proof.sealed()
        if data is None:
            return self._unproven(part)
        return self._entry({"type": "reasoning.encrypted", "data": data, **_own(proof)})

    def _proven(self, part: _Part) -> bytes:
        """Give the entry for a part of thinking that must come back."""
        proof = part.proof
        if proof is None or proof.redacted or not proof.any:
            return b""
        signature = proof.signature if proof.is_of("chat") else proof.sealed()
        if signature is None:
            return self._unproven(part)
        text = "".join(part.pieces)
        return self._entry({"type": "reasoning.text", "text": text, "signature": signature, **_own(proof)})

    def _unproven(self, part: _Part) -> bytes:
        what = "a proof of reasoning was left out: it is not known whose it is"
        self.mends.append(lost("chat.proof", what, f"/parts/{part.start.index}"))
        return b""

    def _entry(self, entry: Mapping[str, str]) -> bytes:
        """Give a chunk with an entry of ``reasoning_details``."""
        number, self._details = self._details, self._details + 1
        fields = b",".join(b'"%b":%b' % (name.encode(), quoted(text)) for name, text in entry.items())
        return self._chunk(b'"reasoning_details":[{"index":%d,%b}]' % (number, fields))

    def _citation(self, part: _Part, delta: Delta) -> bytes:
        try:
            cited = _CITATION(delta.text)
        except UNREADABLE:
            cited = _Citation()
        known = cited.url_citation
        if known is None and cited.url is not None and cited.start_index is not None and cited.end_index is not None:
            known = UrlCitation(cited.start_index, cited.end_index, cited.url, cited.title or "")
        kind = type_of(delta.text)
        if known is None or kind != "url_citation":
            what = f"a citation of type {kind or 'unknown'!r} was left out"
            self.mends.append(lost("chat.citation", what, f"/parts/{part.start.index}"))
            return b""
        number, self._cited = self._cited, self._cited + 1
        entry = b'{"index":%d,"type":"url_citation","url_citation":%b}' % (number, _ENCODE(known))
        return self._chunk(b'"annotations":[%b]' % entry)

    def _on_part_ended(self, event: PartEnded) -> bytes:
        part = self._open.pop(event.index, None)
        if part is None:
            return b""
        if part.main == "json" and not part.said:
            return part.prefix + b'"{}"' + part.tail  # a call without input has none; "" is no JSON
        return self._proven(part)

    _HANDLERS: Final[Mapping[type[Event], Callable[[ChatEncoder, Any], bytes]]] = MappingProxyType(
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


def _own(proof: Proof) -> dict[str, str]:
    """Give the further fields of an entry that is this wire's own."""
    return {name: proof.more[name] for name in ("id", "format") if name in proof.more} if proof.is_of("chat") else {}
