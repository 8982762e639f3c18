"""What the strictest clients ask of a stream of the chat wire.

A stream is a sequence of chunks, each one server-sent event without a name, and ``[DONE]``; an error object may end it
instead. A chunk has choices (one, as a rule), a choice has a delta, and a delta may have pieces of tool calls. So three
kinds of automata run side by side: one for the stream, one for each choice, and for each tool call one for its id, one
for its type and one for its name. ``TABLE`` holds all of them. After a breach the state is what it would be had the
stream been mended: a missing role counts as given, an unknown finish reason as a finish, so that one cause is one
violation. An event whose bytes are wrong for the same cause again (a tool call that goes on at a wrong index) is a
violation again, for its bytes need mending too.

Bits that do not fit the table: a finish reason is held against the tool calls and their arguments (``choices``), the
last chunk must have the usage if any had (:meth:`Contract._check_usage`), and once there was an ``id:`` field, the
openai SDK takes every later block, a comment's too, for an event (:meth:`Contract._bare`).

Cost: the usual events (more text, more arguments of an open tool call) are one strict decoding and a few tests of
attributes, in :meth:`Contract._calm`: those are rows of the table that change no state and have no code. All others,
the first and the last chunks of a stream among them, are decoded loosely and walked. Per stream are kept the states,
and the arguments of the tool calls that are open, up to a budget: what is longer is not judged.

Not breaches, because no strict client minds: reasoning under another name, think tags in the content, arguments that
repeat their beginning (they are found when they turn out not to be JSON), counts of the cache under a vendor's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.chat import faults
from wiremend.protocols.chat.body import check_body, check_error
from wiremend.protocols.chat.choices import ARGUMENTS_BUDGET, PLACEHOLDERS, Choices
from wiremend.protocols.chat.codes import CODES
from wiremend.protocols.chat.faults import Report
from wiremend.protocols.chat.schema import Chunk, ClosedChunk
from wiremend.protocols.chat.table import TABLE, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.chat.choices import ChoiceState
    from wiremend.protocols.chat.schema import ToolCall
    from wiremend.protocols.violation import Violation
    from wiremend.sse import Event

__all__ = ["ARGUMENTS_BUDGET", "CODES", "TABLE", "Contract", "check_body", "check_error"]

_SOUND: Final[tuple[Violation, ...]] = ()
_CHUNK: Final = msgspec.json.Decoder(Chunk).decode
_CLOSED: Final = msgspec.json.Decoder(ClosedChunk).decode
_UNSOUND: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_UNSET: Final = msgspec.UNSET
_DONE: Final = b"[DONE]"
_BOM: Final = 3
_CHUNK_FIELDS: Final = ("choices", "usage")

type Kind = Literal["chunk", "error", "done", "other"]


class Contract:
    """Judges one stream, event by event; see :class:`wiremend.protocols.violation.StreamContract`.

    What follows is for those who mend: ``number`` is the last event's, ``kind`` what :meth:`judge` took it for, and
    ``document`` its JSON, or None. ``choices`` are the states of the choices. ``usage`` is the last usage that a chunk
    had (its whole data, if the chunk was a usual one), ``choice_usage`` the last that a choice had. With ``apart``, the
    lines of a block that should have been several events are not taken: they are in ``lines``, to be fed one by one.
    """

    __slots__ = (
        "_ids",
        "_state",
        "_usage",
        "apart",
        "choice_usage",
        "choices",
        "counted",
        "document",
        "kind",
        "lines",
        "number",
        "usage",
    )

    def __init__(self, *, apart: bool = False) -> None:
        """Begin a stream."""
        self.apart = apart
        self.number = 0
        self.kind: Kind = "other"
        self.document: Any = None
        self.lines: list[str] = []
        self.choices = Choices()
        self.usage: bytes | dict[str, Any] | None = None
        self.counted = False  # whether the last event that just went on had usage
        self.choice_usage: dict[str, Any] | None = None
        self._state = "fresh"
        self._usage = "none"  # or "last", "earlier": the chunk that had it
        self._ids = False

    @property
    def ended(self) -> bool:
        """Tell whether [DONE] or an error was seen; after an error only [DONE] may come."""
        return self._state in {"done", "failed"}

    @property
    def state(self) -> str:
        """Give the state of the stream, by the name that it has in the table."""
        return self._state

    @property
    def usage_earlier(self) -> bool:
        """Tell whether a chunk had usage, and the last chunk has not."""
        return self._usage == "earlier"

    @property
    def calls(self) -> int:
        """How many tool calls have begun."""
        return sum(len(state.calls.every) for state in self.choices.by_index.values())

    def fork(self) -> Contract:
        """Give a second contract, which has seen the same events."""
        other = Contract(apart=self.apart)
        other.number = self.number
        other.usage, other.choice_usage, other._usage = self.usage, self.choice_usage, self._usage
        other._state, other._ids = self._state, self._ids
        other.choices = self.choices.copy()
        return other

    def feed(self, event: Event) -> Sequence[Violation]:
        """Judge the next event; a sound one gives an empty sequence."""
        return _SOUND if self.goes_on(event) else self.judge(event)

    def goes_on(self, event: Event) -> bool:
        """Take in an event that is sound and just goes on with what is open; False, and nothing done, for others."""
        data = event.data
        if (
            self._state != "open"
            or data is None
            or event.event is not None
            or event.id is not None
            or not event.complete
        ):
            return False
        try:
            chunk = _CHUNK(data)
            if not (self._calm(chunk, data) and (event.raw.isascii() or event.raw.decode())):
                return False
        except _UNSOUND:
            return False
        self.number += 1
        choice = chunk.choices[0]
        calls = choice.delta.tool_calls
        if calls:
            arguments = calls[0].function.arguments
            if arguments:
                state = self.choices.by_index[choice.index].calls
                state.latest = call = state.sent[calls[0].index]
                self.choices.extend(call, arguments)
        self.counted = chunk.usage is not None
        if self.counted:
            self._usage, self.usage = "last", data
        elif self._usage == "last":
            self._usage = "earlier"
        return True

    def judge(self, event: Event, *, again: bool = False) -> Sequence[Violation]:
        """Judge an event thoroughly. ``again``: it is part of the event before, and has the same number."""
        self.kind, self.document, self.lines = "other", None, []
        data = event.data
        if data is None:
            return self._bare(event)
        self.number += not again
        report = Report(self.number)
        self._judge(report, event, data)
        return report.found

    def close(self) -> Sequence[Violation]:
        """Judge the end of the stream: what is open, or missing."""
        report = Report(self.number + 1)
        whole = self._state == "finished"
        self._state = step(report, "stream", self._state, "end", "")
        if whole:
            self._check_usage(report)
        return report.found

    def _calm(self, chunk: Chunk, data: bytes) -> bool:
        """Tell whether a sound chunk just goes on with what is open, so that the table has nothing to say of it."""
        if len(chunk.choices) != 1 or chunk.error is not _UNSET or chunk.base_resp is not None:
            return False
        choice = chunk.choices[0]
        delta = choice.delta
        calls = delta.tool_calls
        state = self.choices.by_index.get(choice.index)
        if (
            state is None
            or state.stage != "open"
            or state.index != choice.index
            or choice.finish_reason is not None
            or delta.role is not None
            or choice.usage is not None
            or (delta.content and (delta.reasoning_content or delta.reasoning))
            or (calls and not (len(calls) == 1 and _goes_on(state, calls[0])))
        ):
            return False
        if data.count(b"[") > (1 if calls is None else 2):
            _CLOSED(data)  # raises where a delta has a list that only the walk can judge
        if delta.content:
            state.said = True
        return True

    def _judge(self, report: Report, event: Event, data: bytes) -> None:
        """Judge an event that has data, thoroughly: first its framing, then what it says."""
        self._ids = bool(event.id) if event.id is not None else self._ids
        if self._state == "done" or (self._state == "failed" and data != _DONE):
            self._step(report, "delta")
            return
        if event.lead == _BOM:
            report.add("chat.event.byte-order-mark", "")
        try:
            event.raw.decode()
        except UnicodeError:
            report.add("chat.event.not-utf8", "")
        text = data.decode("utf-8", "replace")
        lines = text.split("\n")
        if len(lines) > 1 and self._merged(report, lines):
            return
        if not event.complete:
            report.add("chat.event.merged" if event.apart else "chat.event.unterminated", "")
        if text.strip().strip('"').strip().upper().startswith("[DONE]"):
            self.kind = "done"
            if data != _DONE:
                report.add("chat.done.spelling", "", text)
            self._name(report, event)
            self._done(report)
        elif not text.strip():
            report.add("chat.event.empty-data", "")
        else:
            self._json(report, event, text)

    def _json(self, report: Report, event: Event | None, text: str) -> None:
        """Judge data that should be JSON; ``event`` is None for a line that is no event of its own."""
        try:
            value = faults.parse(text)
        except ValueError:
            report.add("chat.event.not-json", "")
            return
        self.document = value
        if isinstance(value, list) and value and isinstance(value[0], dict) and value[0].get("error"):
            report.add("chat.error.shape", "")  # Gemini sends its errors in a list
            self.kind = "error"
            self._step(report, "error")
        elif not isinstance(value, dict):
            report.add("chat.event.not-object", "", value)
        elif faults.error(report, value):
            if event is not None and event.event != "error":
                self._name(report, event)
            self.kind = "error"
            self._step(report, "error")
        elif any(name in value for name in _CHUNK_FIELDS) or str(value.get("object")).startswith("chat.completion"):
            if event is not None:
                self._name(report, event)
            self.kind = "chunk"
            self._chunk(report, value)
        else:
            report.add("chat.event.not-chunk", "", value.get("type"))

    def _chunk(self, report: Report, chunk: dict[str, Any]) -> None:
        faults.scalars(report, chunk)
        choices, usage = chunk.get("choices"), isinstance(chunk.get("usage"), dict)
        some = False
        if isinstance(choices, list) and choices:
            some = self.choices.walk(report, choices)
            told = [item["usage"] for item in choices if isinstance(item, dict) and isinstance(item.get("usage"), dict)]
            if told and not usage:
                self.choice_usage = told[-1]
        elif choices is None:
            report.add("chat.chunk.choices-missing", "/choices")
        elif not isinstance(choices, list):
            report.add("chat.chunk.choices-type", "/choices", choices)
        elif not usage:
            report.add("chat.chunk.empty", "/choices")
            return  # a mender drops it
        if usage:
            self._usage, self.usage = "last", chunk["usage"]
        elif self._usage == "last":
            self._usage = "earlier"
        self._step(report, ("finish" if self.choices.finished else "delta") if some else "bare")

    def _done(self, report: Report) -> None:
        failed = self._state == "failed"
        if self._state == "open":
            self.choices.unfinished(report, "chat.finish.missing")
            self._state = "done"
        else:
            self._step(report, "done")
        if self.choices.by_index and not failed:
            self._check_usage(report)

    def _check_usage(self, report: Report) -> None:
        """Hold the end of a stream against the chunks that had usage, which the table cannot."""
        if self._usage == "earlier":
            report.add("chat.usage.not-last", "")
        elif self._usage == "none" and self.choice_usage is not None:
            report.add("chat.usage.in-choice", "")

    def _step(self, report: Report, what: str) -> None:
        self._state = step(report, "stream", self._state, what, "")

    def _name(self, report: Report, event: Event) -> None:
        if event.event is not None:
            report.add("chat.event.named", "", event.event)

    def _merged(self, report: Report, lines: list[str]) -> bool:
        """Tell whether each line is a chunk or [DONE]; if so, report it and take the lines as if they stood apart."""
        if not all(_is_line(line) for line in lines):
            return False
        report.add("chat.event.merged", "")
        self._take(lines)
        return True

    def _take(self, lines: list[str]) -> None:
        """Go on with lines that should have been events; what is wrong in them is told when they are."""
        if self.apart:
            self.lines = lines
            return
        unheard = Report(0)
        for line in lines:
            if line.strip() == "[DONE]":
                self._done(unheard)
            elif not self.ended:
                self._json(unheard, None, line)

    def _bare(self, event: Event) -> Sequence[Violation]:
        """Judge a block that has no data: a comment, mostly, which no client minds."""
        self._ids = bool(event.id) if event.id is not None else self._ids
        if self.ended:
            return _SOUND
        report = Report(self.number + 1)
        if event.complete and (event.event or event.retry is not None or self._ids):
            report.add("chat.event.no-data", "")
        text = event.raw[event.lead :].decode("utf-8", "replace")
        if text.lstrip().startswith(("{", "[")) and _is_json(text):
            self.document = faults.parse(text)
            if _is_chunk(self.document):
                report.add("chat.event.unframed", "")
                self._take([" ".join(text.splitlines())])
            elif _is_answer(self.document):
                report.add("chat.stream.json-body", "")
                self._state = "done"
            return report.found
        lines = [line for line in text.splitlines() if _is_line(line)]
        if lines:
            report.add("chat.event.unframed", "")
            self._take(lines)
        return report.found


def _goes_on(state: ChoiceState, entry: ToolCall) -> bool:
    """Tell whether a tool call's delta just brings more arguments of a call that is open."""
    call = state.calls.sent.get(entry.index)
    return (
        call is not None
        and call.index == entry.index
        and call.name == "named"
        and not entry.id
        and not entry.function.name
        and call.pieces not in PLACEHOLDERS
    )


def _is_json(text: str) -> bool:
    try:
        faults.parse(text)
    except ValueError:
        return False
    return True


def _is_chunk(document: object) -> bool:
    """Tell whether an unframed document is one of many, and not the whole answer."""
    if isinstance(document, dict) and document.get("object") == "chat.completion.chunk":
        return True
    choices = loose.field(document, "choices")
    return isinstance(choices, list) and bool(choices) and isinstance(loose.field(choices[0], "delta"), dict)


def _is_answer(document: object) -> bool:
    """Tell whether a document is a completion or an error; no client minds another one, for none reads it."""
    if isinstance(document, list):
        return bool(document) and isinstance(document[0], dict) and bool(document[0].get("error"))
    return isinstance(document, dict) and ("choices" in document or faults.error(Report(0), document))


def _is_line(line: str) -> bool:
    """Tell whether a line is a whole chunk, or the end."""
    return line.strip() == "[DONE]" or (line.lstrip().startswith("{") and _is_json(line))
