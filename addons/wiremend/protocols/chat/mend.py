"""Mends the replies of the chat wire: streams here, whole bodies in ``whole``, one into the other in ``convert``.

A stream is judged by its contract, event by event. As long as all is sound, each event leaves as its own bytes, and no
more is done than to judge it. With the first breach the state from before the breach becomes the **guard**: a second
contract, which from then on is fed every byte that is given out. It is what ``rewrite`` asks what has been said, and it
has the last word: should it find a breach in what we give, the stream ends in an error, which is our fault.

What is held, why, and how much (G4):

=========================== ============================================================== ============================
a call's pieces             until its name is there: no client takes a call without        ``pieces.HELD`` characters,
                            one                                                            then the stream fails
an event with ``{}``        or ``null`` as a call's first arguments, until anything else   ``hold.HELD`` bytes or
                            comes: it may be a placeholder                                 ``hold.EVENTS``, then it goes
=========================== ============================================================== ============================

Nothing waits for usage: where it came too early it is said again before [DONE]. The arguments of open calls are kept up
to ``ARGUMENTS_BUDGET`` for each contract; longer ones pass, and are not judged.

How a stream ends (G2). [DONE], or the one chunk that has only usage as the last of all, is the provider's word that it
was done: a missing finish reason is then put in. An end with all finish reasons gets its [DONE]. Any other end is a
cut, and becomes an error; so does what would make an agent act on half an answer: a chunk that is broken JSON, a tool
call that cannot be read, text after the finish reason, a finish reason that tells a failure.

The older ``completions`` endpoint has chunks of its own; they are none of this contract, and pass as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.chat.contract import Contract
from wiremend.protocols.chat.convert import to_body, to_stream
from wiremend.protocols.chat.done import DONE, LEFT, has_foreign, mends_of
from wiremend.protocols.chat.errors import error_event, said
from wiremend.protocols.chat.faults import parse
from wiremend.protocols.chat.hold import Hold
from wiremend.protocols.chat.pieces import UPSTREAM, BrokenStreamError
from wiremend.protocols.chat.rewrite import Rewriter
from wiremend.protocols.chat.values import edited, encode, is_completion_of_old, lenient
from wiremend.protocols.chat.whole import mend_body
from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.mending import Mend, Mending, Origin
from wiremend.sse import Event, EventParser, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.violation import Violation

__all__ = ["MENDING", "Mender"]

type Json = dict[str, Any]

_END: Final = b"data: [DONE]\n\n"
_COMMENT: Final = b": keep-alive\n\n"
_FRAMING: Final = frozenset(
    {
        "chat.event.not-utf8",
        "chat.event.byte-order-mark",
        "chat.event.unterminated",
        "chat.event.merged",
        "chat.event.named",
    }
)
_INTERNAL: Final = Failure("internal", UPSTREAM, "the provider's stream could not be mended")
_CUT: Final = "the provider's stream ended early"
_EMPTY: Final = "the provider's stream ended without an answer"
_UNREADABLE: Final = "the provider sent a chunk that cannot be read"


MOST_CALLS: Final = 512
"""Tool calls that a reply may have. Each event of a call looks at all of them; a model that is sound makes a few."""


class Mender:
    """Mends one stream; see :class:`wiremend.protocols.mending.StreamMender`."""

    def __init__(self, origin: Origin) -> None:
        """Begin a stream."""
        self.mends: list[Mend] = []
        self.failure: Failure | None = None
        self.quiet = False
        self._origin = origin
        self._contract = Contract(apart=True)
        self._guard: Contract | None = None
        self._rewriter: Rewriter | None = None
        self._hold = Hold()
        self._head: Json = {}
        self._out: list[bytes] = []
        self._usual = True  # all was sound so far, and nothing is held
        self._foreign = False
        self._over = False
        self._tail = b""
        self._totals = 0  # chunks that had only usage, and the number of the last
        self._total_at = 0

    @property
    def ended(self) -> bool:
        """Tell whether [DONE] or an error was given. What then comes is dropped, except comments after a sound end."""
        return self._over or (self._guard or self._contract).ended

    def feed(self, event: Event) -> bytes:
        """Take the next event and give what the client gets for it: ``event.raw`` itself if it is sound."""
        if self._usual and self._contract.goes_on(event):
            self.quiet = not self._contract.counted
            return event.raw
        self.quiet = False
        if self._foreign:
            self._over = self._over or event.data == b"[DONE]"
            return event.raw
        if self._over:
            return b""
        if event.apart and event.data is None:
            event = _closed(event)
        try:
            self._take(event)
        except BrokenStreamError as error:
            self._break(error)
        except (RecursionError, ValueError):
            self._break(BrokenStreamError("chat.event.not-json", _UNREADABLE))
        self._usual = self._guard is None and not self._hold and not self._over
        return self._given()

    def close(self) -> bytes:
        """Take the end of the upstream's bytes, and give what is held or missing."""
        if self._over or self._foreign:
            self._over, self._usual = True, False
            return b""
        try:
            self._end()
        except BrokenStreamError as error:
            self._break(error)
        except (RecursionError, ValueError):
            self._break(BrokenStreamError("chat.stream.cut", _CUT))
        self._over, self._usual = True, False
        return self._given()

    def fail(self, failure: Failure) -> bytes:
        """End the stream with an error now: what is held and sound, the error, [DONE]."""
        if self.ended or self._foreign:
            return b""
        self._fail(failure)
        self._usual = False
        return self._given()

    # -- what comes

    def _take(self, event: Event) -> None:
        if self._guard is None:
            comment = event.raw[event.lead : event.lead + 1] == b":" and event.data is None
            before = None if comment else self._contract.fork()
            found: list[Violation] = self._judged(event)
            if not found:
                self._sound(event)
                return
            self._begin(before or self._contract.fork())  # a comment changes no state
        elif self._contract.goes_on(event):
            found = []
            if self._guard.goes_on(event):
                self._out += (self._hold.release(), event.raw)
                return
            self._contract.kind, self._contract.document = "chunk", parse(event.data or b"")
        else:
            found = self._judged(event)
        self._mend(event, found)

    def _judged(self, event: Event) -> list[Violation]:
        found = [violation for violation in self._contract.judge(event) if violation.code not in LEFT]
        if self._contract.calls > MOST_CALLS:
            raise BrokenStreamError("chat.stream.calls", f"the provider began more than {MOST_CALLS} tool calls")
        return found

    def _sound(self, event: Event) -> None:
        """Pass an event on while all is sound."""
        document = self._contract.document
        if self._contract.kind == "error":
            self.failure = failure_of(document)
        elif self._contract.kind == "chunk":
            self._note(document)
        if self._contract.kind == "chunk":
            self._out.append(self._hold.take(event.raw, event.data, document, self._contract.choices))
        elif not event.complete and event.data is None:
            self._tail = event.raw  # more may have to follow, and it does not end
        elif event.data is None:
            self._out.append(self._hold.take(event.raw, None, None, self._contract.choices))
        else:
            self._out += (self._hold.release(), event.raw)

    def _begin(self, before: Contract) -> None:
        """Begin to mend: what left before was sound."""
        self._guard = before
        self._rewriter = Rewriter(before, self._origin, self._head, self._hold.recall)

    def _mend(self, event: Event, found: Sequence[Violation], *, again: bool = False) -> None:
        """Give what stands for an event that is not sound, or comes after one that was not."""
        guard, contract = self._guard, self._contract
        assert guard is not None  # noqa: S101  for the type checker: mending has begun
        codes = {violation.code for violation in found}
        if guard.ended:
            self._after(event, found)
        elif contract.lines:
            self._record(found)
            self._apart(contract.lines, bare=event.data is None)
        elif "chat.stream.json-body" in codes:
            self._record(found)
            self._answer(event, contract.document)
        elif contract.kind == "done":
            self._record(found)
            self._done(event.raw if event.data == b"[DONE]" and not codes & _FRAMING else _END)
        elif contract.kind == "error":
            self._error(event, found)
        elif contract.kind == "chunk":
            self._chunk(event, found, raw=not again and not codes & _FRAMING)
        else:
            self._other(event, found)

    def _after(self, event: Event, found: Sequence[Violation]) -> None:
        """Take what comes after the end: a comment does no harm, and an error may still have its [DONE]."""
        assert self._guard is not None  # noqa: S101  as in _mend
        if event.data is None and not found:
            self._out.append(event.raw)
        elif self._contract.kind == "done" and self._guard.state == "failed":
            self._pass(_END)
        self._record(found)

    def _chunk(self, event: Event, found: Sequence[Violation], *, raw: bool) -> None:
        """Give the chunks that stand for one."""
        assert self._rewriter is not None  # noqa: S101  as in _mend
        old = self._contract.document
        text = (event.data or b"").decode("utf-8", "replace")
        self._note(old)
        if self._foreign:
            self._out.append(event.raw)
            return
        self._record(found, old)
        data = text.encode()
        for made, new in enumerate(self._rewriter.chunk(parse(text))):
            written = edited(data, old, new)
            self._give(event.raw if raw and not made and written is data else None, written, new)
            self._rewriter.flush()

    def _error(self, event: Event, found: Sequence[Violation]) -> None:
        """End the stream with the provider's error; a sound one leaves as it came."""
        document = self._contract.document
        self._record(found)
        failure = failure_of(document)
        if found or self._guard is None:
            self._fail(failure)
            return
        self.failure = failure
        self._pass(event.raw)

    def _other(self, event: Event, found: Sequence[Violation]) -> None:
        """Turn what says nothing into a comment; what says too much to be left out ends the stream."""
        assert self._guard is not None  # noqa: S101  as in _mend
        if event.data is None and not found:
            if event.complete:
                self._out.append(self._hold.take(event.raw, None, None, self._guard.choices))
            return
        codes = {violation.code for violation in found}
        text = (event.data or b"").decode("utf-8", "replace")
        if event.event == "error" and text.strip():
            self._record(found)
            self._fail(failure_of(self._contract.document or text))
            return
        if "chat.event.not-json" in codes and text.lstrip()[:1] in {"{", "["}:
            try:
                value = lenient(text)
            except ValueError:
                value = None
            if isinstance(value, dict):
                self._record(found)
                self._again(encode(value))
                return
            if event.complete:
                raise BrokenStreamError("chat.event.not-json", _UNREADABLE)
        self._record(found)
        if event.complete and not self._hold:
            self._pass(_COMMENT, optional=True)

    def _apart(self, lines: list[str], *, bare: bool) -> None:
        """Take lines that should have been events; a bare block has not been counted as one."""
        self._contract.number += bare
        for line in lines:
            if not self._over:
                self._again(line.strip().encode("utf-8", "replace"))
        self._contract.number -= bare

    def _again(self, data: bytes) -> None:
        """Take data that was found in an event, as if it had come as one."""
        event = _event(render(data))
        found = self._contract.judge(event, again=True)
        self._mend(event, [violation for violation in found if violation.code not in LEFT], again=True)

    def _answer(self, event: Event, document: object) -> None:
        """Make a stream of a whole answer, or an error of an error."""
        assert self._guard is not None  # noqa: S101  as in _mend
        if self._guard.state != "fresh":
            if isinstance(document, dict) and "choices" in document and not document.get("error"):
                self._contract.kind, self._contract.document = "chunk", document
                self._chunk(_event(render(encode(document))), (), raw=False)
                self._done(_END)
            else:
                self._fail(failure_of(document))
            return
        whole = mend_body(event.raw[event.lead :], self._origin)
        self.mends += whole.mends
        if whole.failure is not None:
            self._fail(whole.failure)
            return
        for made in EventParser().feed(to_stream(whole.body)):
            self._pass(made.raw)

    # -- how it ends

    def _done(self, raw: bytes) -> None:
        """Take the provider's word that it was done."""
        assert self._guard is not None  # noqa: S101  as in _mend
        assert self._rewriter is not None  # noqa: S101  as in _mend
        if self._guard.state == "fresh":
            raise BrokenStreamError("chat.stream.empty", _EMPTY)
        for new in self._rewriter.endings():
            self._give(None, encode(new), new)
            self._rewriter.flush()
        usage = self._rewriter.usage()
        if usage is not None:
            self._give(None, encode(usage), usage)
        self._pass(raw)

    def _end(self) -> None:
        """Take the end of the bytes."""
        before = self._contract.fork()
        found = self._contract.close()
        if self._guard is None:
            if not found:
                self._out += (self._hold.release(), self._tail)
                return
            self._begin(before)
        assert self._guard is not None  # noqa: S101  for the type checker: it was just set
        if self._guard.ended:
            return
        number = before.number + 1
        by_usage = self._totals == 1 and self._total_at == before.number
        if self._guard.state == "fresh":
            raise BrokenStreamError("chat.stream.empty", _EMPTY)
        if self._guard.state == "open" and not by_usage:
            raise BrokenStreamError("chat.stream.cut", _CUT)
        if self._guard.state == "open":
            self.mends.append(Mend("invented", "chat.finish.missing", number, "", DONE["chat.finish.missing"][1]))
        if self._guard.usage_earlier:
            self.mends.append(Mend("mended", "chat.usage.not-last", number, "", DONE["chat.usage.not-last"][1]))
        self.mends.append(Mend("mended", "chat.done.missing", number, "", DONE["chat.done.missing"][1]))
        self._done(_END)

    def _break(self, error: BrokenStreamError) -> None:
        """End a stream that cannot be mended."""
        number = self._contract.number + (error.code in {"chat.stream.cut", "chat.stream.empty"})
        self.mends.append(Mend("failed", error.code, number, error.pointer, str(error)))
        self._fail(error.failure)

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self._out += (
            self._hold.release(),
            error_event(self._origin.signed(said(failure)), None, 0, failure.kind),
            _END,
        )
        self._over = True

    # -- what is given

    def _give(self, raw: bytes | None, data: bytes, document: Json) -> None:
        """Give a chunk, held against the guard."""
        assert self._guard is not None  # noqa: S101  as in _mend
        event = _event(raw if raw is not None else render(data))
        self._check(self._guard.feed(event), document)
        self._out.append(self._hold.take(event.raw, data, document, self._guard.choices))

    def _pass(self, raw: bytes, *, optional: bool = False) -> None:
        """Give what is no chunk of the provider's, held against the guard."""
        assert self._guard is not None  # noqa: S101  as in _mend
        found = self._guard.feed(_event(raw))
        if found and optional:
            return
        self._check(found, None)
        self._out += (self._hold.release(), raw)

    @staticmethod
    def _check(found: Sequence[Violation], document: Json | None) -> None:
        for violation in found:
            foreign = violation.code == "chat.tool-call.type-wrong" and has_foreign(document)
            if violation.code not in LEFT and not foreign:
                error = BrokenStreamError(violation.code, _INTERNAL.message, violation.pointer)
                error.failure = _INTERNAL
                raise error

    def _given(self) -> bytes:
        given, self._out = [out for out in self._out if out], []
        return given[0] if len(given) == 1 else b"".join(given)

    def _note(self, document: Json) -> None:
        """Keep what a chunk says of the stream."""
        choices = document.get("choices")
        if not self._head:
            if is_completion_of_old(document):
                self._foreign = True
            names = {"id": str, "model": str, "created": int}
            self._head.update(
                {
                    name: document[name]
                    for name, kind in names.items()
                    if isinstance(document.get(name), kind) and document[name] and not isinstance(document[name], bool)
                }
            )
        counted = loose.openai_counts(document.get("usage")).output
        if not choices and counted:
            self._totals += 1
            self._total_at = self._contract.number

    def _record(self, found: Sequence[Violation], document: object = None) -> None:
        self.mends += mends_of(found, document)


def _closed(event: Event) -> Event:
    """Put the blank line behind a block that was taken apart from the next."""
    return msgspec.structs.replace(event, raw=event.raw.rstrip(b"\r\n") + b"\n\n", complete=True, apart=False)


def _event(raw: bytes) -> Event:
    [event] = EventParser(limit=len(raw)).feed(raw)
    return event


MENDING: Final = Mending(mender=Mender, body=mend_body, to_stream=to_stream, to_body=to_body)
