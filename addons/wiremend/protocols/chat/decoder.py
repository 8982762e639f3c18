"""Reads a stream of the chat wire into neutral events.

======================================= ================================================================================
the first chunk that is the reply's     ``Started``
``reasoning_content``, ``reasoning``    a part of kind ``thinking``
``reasoning_details``                   the same, where the reasoning has no other field; its ``signature``, a piece of
                                        that part, which ends with it; its ``data``, a part of kind ``redacted``
``content``, ``refusal``                a part of kind ``text``, ``refusal``
``tool_calls``                          a part of kind ``tool_use``; ``custom_tool_use`` for a call of a custom tool
``annotations``                         pieces of kind ``citation`` of the text that is open, or of the next
``finish_reason``                       ``PartEnded`` of all that is open, ``Finished``
``usage``                               ``UsageSeen``, wherever it stands: at the top, in the choice
``error``                               nothing: errors are the caller's
``[DONE]``                              ``Ended``, but not behind an error
======================================= ================================================================================

======================================== ======================
finish_reason                            neutral
======================================== ======================
stop                                     end_turn; refusal, where there was one
length                                   max_tokens
tool_calls, function_call                tool_use
content_filter                           content_filter
a word of another dialect                by :func:`wiremend.protocols.chat.values.reason_of`
======================================== ======================

This wire has no parts, so they are made here. What is said (reasoning, text, refusal) is one part as long as it is of
one kind, and ended by what is of another: nothing more will be said of it. In one chunk reasoning comes before text,
text before calls. Calls overlap, and end with the finish reason; which call a piece is of, ``calls`` knows.

Two things wait: half of a surrogate pair at the end of a piece, for the other half, or for the end of its part; and
annotations where no text is open, for a text, or for the finish reason.

Only the first choice counts. Noted as lost: other choices, log probabilities, sources of the whole answer, annotations
without a text, a proof whose reasoning is over, and whatever else a delta has that says something, once for each name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.events import Delta, Ended, Finished, PartEnded, PartStarted, Started, UsageSeen
from wiremend.protocols.chat import decoding
from wiremend.protocols.chat.calls import Call, Calls
from wiremend.protocols.chat.decoding import HOMELESS, json_text, said, usage_of
from wiremend.protocols.chat.values import ERROR, content_of, encode, reason_of
from wiremend.protocols.coding import UNREADABLE, lost, mark, paired
from wiremend.protocols.loose import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.events import DeltaKind, Event, PartKind
    from wiremend.message import StopReason
    from wiremend.protocols.chat.decoding import Choice, Chunk, Detail, Entry, Said
    from wiremend.protocols.mending import Mend

__all__ = ["REASONS", "ChatDecoder"]

REASONS: Final[Mapping[str, StopReason]] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "content_filter",
        ERROR: "error",
    }
)
"""Finish reason of the wire -> the neutral one."""

_MARK: Final = mark("chat")
_NONE: Final = -1
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]")
_LONGEST: Final = 40


@dataclass(slots=True)
class _Call(Call):
    """A call, with the index of its neutral part."""

    part: int = _NONE
    kind: PartKind = "tool_use"
    ident: str = ""
    label: str = ""


class ChatDecoder:
    """Reads one stream; see :class:`wiremend.protocols.codec.Decoder`."""

    __slots__ = (
        "_begun",
        "_calls",
        "_cited",
        "_closed",
        "_detailed",
        "_failed",
        "_finished",
        "_halves",
        "_kind",
        "_loose",
        "_next",
        "_number",
        "_open",
        "_read",
        "_refused",
        "_saying",
        "_told",
        "_unsigned",
        "mends",
    )

    def __init__(self) -> None:
        """Begin before the first event."""
        self.mends: list[Mend] = []
        self._number = 0
        self._closed = True  # no delta had a field that is not known here
        self._begun = False
        self._failed = False
        self._finished = False
        self._next = 0  # the index of the next part
        self._kind: PartKind | None = None  # of what is being said, and its index
        self._saying = _NONE
        self._open: list[_Call] = []
        self._calls = Calls(_Call)
        self._refused = False
        self._unsigned = False  # the reasoning that is over has no proof
        self._detailed = True  # the reasoning has no field of its own but reasoning_details
        self._read: list[str] = []  # the texts of those
        self._cited: list[str] = []  # annotations that came before the text
        self._loose = False  # this chunk may have halves of surrogate pairs
        self._halves: dict[int, str] = {}  # index of a part -> the half at its end
        self._told: set[str] = set()

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the data of the next event."""
        self._number += 1
        try:
            if self._closed:
                return self._chunk(decoding.decode(data))
            return self._named(data)
        except UNREADABLE:
            return self._unusual(data)

    def _named(self, data: bytes) -> Sequence[Event]:
        """Take a chunk of a provider that has further fields in its deltas; raises what is in UNREADABLE."""
        chunk = decoding.decode_open(data)
        for name in decoding.strangers(data):
            self._lose_field(name)
        return self._chunk(chunk)

    def _unusual(self, data: bytes) -> Sequence[Event]:
        """Take what is not the usual chunk."""
        text = data.strip()
        if text == b"[DONE]":
            return () if self._failed else (Ended(),)
        if not text:
            return ()
        try:
            out = self._named(data)
        except UNREADABLE:
            return self._with_halves(data)
        self._closed = False
        return out

    def _with_halves(self, data: bytes) -> Sequence[Event]:
        """Take a chunk that only a lenient reader can read."""
        chunk = decoding.with_halves(data)
        if chunk is None:
            self._lose("event", "an event that cannot be read was left out")
            return ()
        self._loose = True
        out = self._chunk(chunk)
        self._loose = False
        return out

    def _chunk(self, chunk: Chunk) -> Sequence[Event]:
        out: list[Event] = []
        choices = chunk.choices
        if chunk.error:
            self._failed = True
            return ()
        if not self._begun:
            if not (choices or chunk.id or chunk.usage):
                return ()
            self._begin(chunk, out)
        if choices:
            for choice in choices:
                if choice.index:
                    self._lose("choice", "choices beside the first were left out")
                else:
                    self._choice(choice, out)
        if chunk.usage is not None:
            out += map(UsageSeen, usage_of(chunk.usage))
        if chunk.citations or chunk.search_results:
            self._lose("sources", "the sources of the whole answer were left out")
        return out

    def _begin(self, chunk: Chunk, out: list[Event]) -> None:
        self._begun = True
        out.append(Started(said(chunk.id), said(chunk.model), count(chunk.created)))

    def _choice(self, choice: Choice, out: list[Event]) -> None:
        """Take the first choice."""
        if choice.delta is not None:
            self._delta(choice.delta, out)
        if choice.logprobs:
            self._lose("logprobs", "the log probabilities were left out")
        if choice.finish_reason is not None:
            self._finish(choice.finish_reason, out)
        if choice.usage is not None:
            out += map(UsageSeen, usage_of(choice.usage))

    def _delta(self, delta: Said, out: list[Event]) -> None:
        content, thought = delta.content, delta.reasoning_content or delta.reasoning
        if content is not None and type(content) is not str:
            content, inner = content_of(content)
            thought = inner or thought
        if thought or delta.reasoning_details:
            self._think(said(thought), delta.reasoning_details or (), out)
        if content:
            self._say("text", content, out)
            if self._cited:
                self._cite(out)
        if delta.refusal:
            self._refused = True
            self._say("refusal", said(delta.refusal), out)
        for entry in delta.tool_calls or ():
            self._call(entry, out)
        if delta.annotations or delta.audio or delta.images or delta.function_call:
            self._further(delta, out)

    def _further(self, delta: Said, out: list[Event]) -> None:
        """Take what few deltas have."""
        if delta.annotations:
            self._annotate(delta.annotations, out)
        for name in HOMELESS:
            if getattr(delta, name):
                self._lose_field(name)

    # --- what is said -------------------------------------------------------------------------------------------------

    def _say(self, kind: PartKind, text: str, out: list[Event], extra: str = "", ident: str = "") -> None:
        """Give a piece of what is said, of a new part if the last was of another kind. Its deltas have its name."""
        if self._kind != kind:
            self._begin_saying(kind, out, extra, ident)
        if self._loose or self._halves:
            text = self._paired(self._saying, text)
        if text:
            out.append(Delta(self._saying, kind, text))  # type: ignore[arg-type]  # text, thinking, refusal are both

    def _begin_saying(self, kind: PartKind, out: list[Event], extra: str = "", ident: str = "") -> None:
        self._hush(out)
        self._kind, self._saying = kind, self._next
        self._next += 1
        if kind == "thinking":
            self._unsigned = True
        out.append(PartStarted(self._saying, kind, ident, extra=extra))

    def _hush(self, out: list[Event]) -> None:
        """End what is being said."""
        if self._kind is not None:
            self._rest(self._saying, self._kind, out)  # type: ignore[arg-type]  # as above
            out.append(PartEnded(self._saying))
            self._kind = None

    def _think(self, text: str, details: Sequence[Detail], out: list[Event]) -> None:
        """Take reasoning, and the entries of ``reasoning_details``: their text only where it stands nowhere else.

        A whole reply that was made a stream has the entries first, and then the same text in one piece.
        """
        if text and self._detailed:
            self._detailed = False
            text = "" if text == "".join(self._read) else text
            self._read = []
        if text:
            extra, ident = _marks(details[0]) if details else (_MARK, "")
            self._say("thinking", text, out, extra, ident)
        for entry in details:
            extra, ident = _marks(entry)
            if self._detailed and (inner := said(entry.text) or said(entry.summary)):
                self._read.append(inner)
                self._say("thinking", inner, out, extra, ident)
            if signature := said(entry.signature):
                self._sign(signature, out, extra, ident)
            if data := said(entry.data):
                self._begin_saying("redacted", out, extra, ident)
                out.append(Delta(self._saying, "encrypted", data))
                self._hush(out)

    def _sign(self, signature: str, out: list[Event], extra: str, ident: str) -> None:
        """Take what proves the reasoning that is open; there may be none to read."""
        if self._kind != "thinking":
            if self._unsigned:
                self._lose("signature", "a signature was left out: its reasoning was over")
                return
            self._begin_saying("thinking", out, extra, ident)
        out.append(Delta(self._saying, "signature", signature))
        self._unsigned = False
        self._hush(out)

    def _annotate(self, annotations: Sequence[object], out: list[Event]) -> None:
        """Take citations; those that come where no text is open are of the next text."""
        for entry in annotations:
            if isinstance(entry, dict):
                own = {name: value for name, value in entry.items() if name != "index"}  # which counts the entries
                self._cited.append(encode(own).decode())
        if self._kind == "text":
            self._cite(out)

    def _cite(self, out: list[Event]) -> None:
        """Give the citations of the text that is open."""
        out += [Delta(self._saying, "citation", text) for text in self._cited]
        self._cited = []

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, entry: Entry, out: list[Event]) -> None:
        """Take a piece of a call."""
        custom = entry.custom
        inner = custom if custom is not None else entry.function
        ident, name = said(entry.id), said(inner.name) if inner is not None else ""
        text = json_text(custom.input if custom is not None else entry.function and entry.function.arguments)
        place = entry.index if type(entry.index) is int else None
        if not (ident or name or text) and entry.type is None:
            return  # padding
        call = self._calls.find(place, ident or None, named=bool(name))
        if call.part == _NONE:
            self._hush(out)
            call.part, self._next = self._next, self._next + 1
            call.id = "known" if ident else "minted"
            call.kind = "custom_tool_use" if custom is not None or entry.type == "custom" else "tool_use"
            call.ident, call.label = ident, name
            self._open.append(call)
            out.append(PartStarted(call.part, call.kind, ident, name))
        elif name and not call.label:
            call.ident, call.label = call.ident or ident, name
            out.append(PartStarted(call.part, call.kind, call.ident, name))
        if text:
            if self._loose or self._halves:
                text = self._paired(call.part, text)
            if text:
                out.append(Delta(call.part, "json" if call.kind == "tool_use" else "input", text))

    # --- the end ------------------------------------------------------------------------------------------------------

    def _finish(self, word: object, out: list[Event]) -> None:
        """Take the finish reason: what is open is whole."""
        reason = reason_of(word)
        if reason is None:
            return
        if self._cited:
            self._lose("annotation", "annotations were left out: no text followed them")
            self._cited = []
        calls = [(call.part, call.kind) for call in self._open]
        self._hush(out)
        for part, kind in calls:
            self._rest(part, "json" if kind == "tool_use" else "input", out)
            out.append(PartEnded(part))
        self._open.clear()
        if not self._finished:
            self._finished = True
            out.append(Finished("refusal" if reason == "stop" and self._refused else REASONS[reason]))

    # --- odds and ends ------------------------------------------------------------------------------------------------

    def _paired(self, part: int, text: str) -> str:
        """Join the halves of surrogate pairs, also across two pieces of a part."""
        text = self._halves.pop(part, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._halves[part] = text[-1]
            text = text[:-1]
        return paired(text)

    def _rest(self, part: int, kind: DeltaKind, out: list[Event]) -> None:
        """Give what stands for a half that stayed alone."""
        if self._halves.pop(part, ""):
            out.append(Delta(part, kind, "\ufffd"))

    def _lose(self, code: str, what: str) -> None:
        """Say once that something is left out."""
        if code not in self._told:
            self._told.add(code)
            self.mends.append(lost(f"chat.{code}", what, "", self._number))

    def _lose_field(self, name: str) -> None:
        self._lose(f"delta.{_ODD.sub('_', name)[:_LONGEST]}", f"the field {name[:_LONGEST]!r} was left out")


def _marks(entry: Detail) -> tuple[str, str]:
    """Give the mark of a part, and its id, by an entry of ``reasoning_details``."""
    return mark("chat", format=said(entry.format)) if entry.format else _MARK, said(entry.id)
