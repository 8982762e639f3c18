"""What mends replies of the messages wire; see :mod:`wiremend.protocols.mending`.

What leaves is judged before it leaves, by a contract that knows only what the client has got (:class:`.trial.Trial`):
a sound event moves it on and leaves as its own bytes, an unsound one leaves no trace there and is mended. Each event
of ours is judged by the same contract, so what is given out is legal by construction; a mend that would break it ends
the stream with this wire's error instead. Two things decide what cannot be mended. A cut is never turned into a
success: message_stop is put in only where a stop reason was given, a stop reason only where message_stop came. And a
tool never runs with less, or with something else, than the model said: a call without a name, pieces whose call never
began, an input that is broken, or cut short while the stop reason tells of no limit, are an error. (Under a limit,
``max_tokens``, a cut input leaves as it came; agents do not run it then.)

What is held, until when, and how much of it at most. BUDGET is for all of them together; beyond it the stream fails.

====================================================== ================================================= ==============
pieces of an input for a block that has not begun      its start                                         BUDGET
the input that a start brought, and its pieces         the stop of the block: the pieces may repeat it   BUDGET
the content that message_start brought                 a block begins (it is dropped) or the stop reason BUDGET
deltas that may repeat the text that a start brought   one that does not, or the stop of the block       BUDGET
half of a surrogate pair at the end of a delta         the next delta of the block, or its stop          one character
====================================================== ================================================= ==============

Only unsound streams make it hold anything. Its memory is these, a few bytes for each index that had to be changed
(MOST of them), and what the contract keeps of open blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.mending import Mend, Mending, Whole
from wiremend.protocols.messages import schema
from wiremend.protocols.messages.blocks import Blocks
from wiremend.protocols.messages.convert import to_body, to_stream
from wiremend.protocols.messages.reading import Frame, Reading, copied, mapped, read, whole_text
from wiremend.protocols.messages.repair import BROKE_OFF, Unmendable, expanded, reason_of, sound_block, usage_of
from wiremend.protocols.messages.schema import KNOWN, TOOLS
from wiremend.protocols.messages.whole import mend_body, message_of
from wiremend.protocols.messages.words import FAILURES, OTHERWISE, USUAL
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from wiremend.protocols.mending import Origin
    from wiremend.sse import Event

__all__ = ["MENDING", "Mender"]

type Json = dict[str, Any]

_BROKEN: Final = 502
_NO_USAGE: Final = {"input_tokens": 0, "output_tokens": 0}
_EVENTS: Final = (b"event:", b"data:", b":")
_GROWING: Final = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_PIECES: Final = ("text", "thinking", "partial_json")
_INDEXED: Final = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})


class Mender(Blocks):
    """Mends one stream of the messages wire; see :class:`wiremend.protocols.mending.StreamMender`."""

    __slots__ = ("_shift", "_usual", "failure", "quiet")

    def __init__(self, origin: Origin) -> None:
        """Begin before the first event."""
        super().__init__(origin)
        self.failure: Failure | None = None
        self.quiet = False  # the tally knows by its name what an event may say
        self._usual = True  # nothing is held, no index is changed: a sound event can leave as it came
        self._shift = 0  # how many more events came than were given

    @property
    def ended(self) -> bool:
        """Tell whether message_stop or an error was given."""
        return self._sent.ended

    def feed(self, event: Event) -> bytes:
        """Take the next event. Behind a sound end only what is sound there leaves: pings, comments, ``[DONE]``."""
        if self._usual and not self._sent.feed(event):
            if event.event == "error":
                self._hear(event)
            return event.raw
        return self._mend(event)

    def close(self) -> bytes:
        """Take the end: message_stop is put in where the stop reason was given, else the stream fails."""
        if self.ended:
            return b""
        self._out = []
        self._number = self._sent.number + self._shift + 1
        try:
            self._end_here()
        except Unmendable as error:
            self._fail(error)
        return b"".join(self._out)

    def fail(self, failure: Failure) -> bytes:
        """End the stream with an error now. What is held is not sound, and blocks may stay open in a failed stream."""
        if self.ended:
            return b""
        self._out = []
        self._give_failure(failure)
        return b"".join(self._out)

    def _mend(self, event: Event) -> bytes:
        if self.failure is not None and not self._usual:
            return b""
        self._out = []
        self._number = self._sent.number + self._shift + 1
        try:
            self._take(read(event))
        except Unmendable as error:
            self._fail(error)
        except RecursionError:
            self._fail(Unmendable("data.not-json", "", "the provider sent an event that is nested too deeply"))
        self._shift = self._number - (event.data is None) - self._sent.number
        if self.failure is None:
            self._usual = not self._holds()
        return b"".join(self._out)

    def _end_here(self) -> None:
        if self._sent.state == "tail":
            self._note("message-stop.missing")
            self._give({"type": "message_stop"})
            return
        raise self._unmendable("stream.empty" if self._sent.state == "start" else "stream.cut")

    # --- one block of the stream --------------------------------------------------------------------------------------

    def _take(self, reading: Reading) -> None:
        for code in reading.codes:
            if code != "sse.unprefixed" or not _is_whole(reading.documents):
                self._note(code)
        if reading.done:
            self._done(reading)
        elif reading.documents:
            for document in reading.documents:
                self._document(document, reading)
        elif reading.text is not None:
            self._garbage(reading.text, reading.event.event, cut=reading.cut)
        elif not reading.codes and reading.event.complete and not self._sent.feed(reading.event):
            self._out.append(reading.event.raw)

    def _done(self, reading: Reading) -> None:
        """Take a [DONE]: where only message_stop is missing, it stands for it."""
        if self._sent.ended:
            if not reading.codes:
                self._out.append(reading.event.raw)
            return
        if not reading.codes:
            self._note("done-sentinel")
        if self._sent.state == "tail":
            self._end_here()

    def _garbage(self, text: bytes, name: str | None, *, cut: bool) -> None:
        """Drop data that is no JSON; not where it may have been a piece of a call's input."""
        if cut:
            return  # the end of the stream, which comes next, says more
        if name == "error":
            if self._sent.ended:
                self._note("order.after-end")
                return
            self._note("error.shape")
            self._give_failure(failure_of(text.decode("utf-8", "replace")))
        elif (name in _INDEXED or text.lstrip().startswith(b"{")) and not self._sent.ended:
            self._doubt()

    def _doubt(self) -> None:
        """Fail where an event of unknown meaning was lost while a tool's input is open."""
        if self._early or any(block.kind in TOOLS for block in self._sent.open.values()):
            raise Unmendable("data.not-json", "", "the provider sent an unreadable event inside a tool call")

    # --- one document -------------------------------------------------------------------------------------------------

    def _document(self, document: Json, reading: Reading) -> None:
        if reading.way == "halves":
            document = _whole_texts(document)
        name, type_ = reading.name_of(document), document.get("type")
        if type_ == "message":
            self._whole(document)
            return
        if schema.is_error(document, name):
            self._error(document, "" if type_ is None else "/type")
            return
        named = before = document if reading.way == "data" else None
        work = copied(document)
        if not isinstance(type_, str):
            self._note("type.missing", "/type")
            type_ = work["type"] = name if name in KNOWN else _implied(document)
            named = named if name == type_ else None
            if type_ is None:
                return
        elif type_ in KNOWN and name != type_:
            self._note(f"event-line.{'mismatch' if name else 'missing'}")
            named = None
        if type_ not in KNOWN:
            self._unknown(work, reading)
            return
        if self._sent.ended and type_ != "ping":
            self._note("order.after-end")
            return
        self._known(document, work, Frame(reading.event, before, named is not None))

    def _unknown(self, document: Json, reading: Reading) -> None:
        """Pass on what nobody knows; only its frame is mended."""
        if reading.way == "data":
            if self._sent.feed(reading.event):
                raise self._unmendable("type.missing")
            self._out.append(reading.event.raw)
        elif not {"\r", "\n"} & set(document["type"]) and document["type"] != "error":
            self._give(document)

    def _known(self, document: Json, work: Json, frame: Frame) -> None:
        faults = schema.faults(work)
        match work["type"]:
            case "error":
                if faults:
                    self._error(document, faults[0].pointer)
                else:
                    self._give(work, frame)
                    self._fall(failure_of(document))
            case "message_start":
                self._begin(document, work, faults, frame)
            case "message_delta":
                self._end(document, work, faults, frame)
            case "message_stop":
                self._finish(work, frame)
            case "ping":
                self._give(work, frame)
            case _:
                self._block(document, work, faults, frame)

    def _error(self, document: object, pointer: str) -> None:
        if self._sent.ended:
            self._note("order.after-end")
            return
        self._note("error.shape", pointer)
        self._give_failure(failure_of(document))

    def _whole(self, document: Json) -> None:
        """Take a whole reply that stands in a stream; behind other events it says again what they said."""
        if self._sent.state != "start":
            self._note("stream.not-a-stream", kind="lost", what="left out")
            return
        self._note("stream.not-a-stream")
        whole = message_of(document, self._origin)
        self.mends += [Mend(mend.kind, mend.code, self._number, mend.pointer, mend.what) for mend in whole.mends]
        if whole.failure is not None:
            self._give_failure(whole.failure)
            return
        for event in EventParser(limit=2**62).feed(to_stream(whole.body)):
            if found := self._sent.feed(event):
                raise self._unmendable(found[0].code.removeprefix("messages."), found[0].pointer)
            self._out.append(event.raw)

    # --- the message --------------------------------------------------------------------------------------------------

    def _begin(self, document: Json, work: Json, faults: list[schema.Fault], frame: Frame) -> None:
        if self._sent.state != "start":
            self._again(work)
            return
        said = document.get("message")
        message = work["message"]
        given = said if isinstance(said, dict) else {}
        for fault in faults:
            code = self._fault(fault)
            if code == "message-start.content-prefilled":
                self._bring(given["content"])
            elif code == "message-start.content" and isinstance(given.get("content"), str) and given["content"]:
                self._bring([{"type": "text", "text": given["content"]}])
        if faults:
            for name, value in self._message().items():
                if message.get(name) is None:
                    message[name] = value
            usage = given.get("usage")
            message["usage"] = usage_of(usage if isinstance(usage, dict) else dict(_NO_USAGE), start=True)
        self._give(work, frame)

    def _again(self, work: Json) -> None:
        """Take a second message_start: the first one said again, or another answer."""
        ident = work["message"].get("id")
        self._note("message-start.repeated")
        if self._sent.next and ident and self._sent.ident and ident != self._sent.ident and not self._invented:
            raise Unmendable("message-start.repeated", "", "the provider began a second answer in the same stream")

    def _end(self, document: Json, work: Json, faults: list[schema.Fault], frame: Frame) -> None:
        """Take a message_delta."""
        codes = [self._fault(fault) for fault in faults]
        told = document.get("delta")
        word = told.get("stop_reason") if isinstance(told, dict) else document.get("stop_reason")
        reason = reason_of(word, called=False)
        if reason == BROKE_OFF:
            failure = failure_of(document if document.get("error") else f"the provider stopped with {word!r}")
            raise Unmendable("stop-reason.unknown", "/delta/stop_reason", "", failure)
        if self._sent.state == "start":
            self._open_message()
        if reason is not None:
            self._finish_blocks(whole=True)
            if reason == "end_turn" and self._sent.called:
                if "stop-reason.unknown" not in codes:
                    self._note("stop-reason.tool-use", "/delta/stop_reason")
                reason = "tool_use"
        if reason is not None or "stop_reason" in work["delta"]:
            work["delta"]["stop_reason"] = reason
        if "message-delta.delta" in codes:
            work["delta"].setdefault("stop_sequence", None)
        if any(code == "message-delta.usage" or code.startswith("usage.") for code in codes):
            work["usage"] = usage_of(document.get("usage"), self._sent.output)
        self._give(work, frame)

    def _finish(self, work: Json, frame: Frame) -> None:
        """Take message_stop; what it presumes is put in."""
        if self._sent.state == "start" or not (self._sent.next or self._sent.told or self._brought):
            raise self._unmendable("stream.empty")
        if self._sent.reason is None:
            self._finish_blocks(whole=False)
            self._note(f"{'stop-reason' if self._sent.told else 'message-delta'}.missing")
            delta = {"stop_reason": "tool_use" if self._sent.called else "end_turn", "stop_sequence": None}
            self._give(
                {"type": "message_delta", "delta": delta, "usage": usage_of(work.get("usage"), self._sent.output)}
            )
        self._give(work, frame)

    def _finish_blocks(self, *, whole: bool) -> None:
        """Close all blocks at the end of the turn; ``whole`` tells that the stop reason was given."""
        if self._early:
            raise Unmendable("block.start-missing", "/index", "a tool call came without its beginning")
        if self._brought and not self._sent.next:
            for brought in self._brought:
                for event in expanded(sound_block(brought, "/message/content", self._mint), self._sent.next):
                    self._give(event)
        self._brought = []
        for place in list(self._sent.open):
            block = self._sent.open[place]
            unsaid = block.json is not None and not block.json and place not in self._inputs
            if not whole and block.kind in TOOLS and unsaid:
                raise self._unmendable("stream.cut")
            self._close(place, "block.stop-missing")

    # --- the end ------------------------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        """Read a sound error event that leaves as it came."""
        if event.data is not None and self.failure is None and self._sent.state == "failed":
            self.failure = failure_of(msgspec.json.decode(event.data))

    def _fail(self, error: Unmendable) -> None:
        code = f"messages.{error.code}"
        self.mends.append(Mend("failed", code, self._number, error.pointer, "the stream became an error"))
        words = error.words or FAILURES.get(error.code) or OTHERWISE
        self._give_failure(error.failure or Failure("upstream", _BROKEN, words))

    def _give_failure(self, failure: Failure) -> None:
        self._give_error(failure)
        self._fall(failure)

    def _fall(self, failure: Failure) -> None:
        self.failure = failure
        self._usual = False


def _is_whole(documents: list[Json]) -> bool:
    """Tell whether what stands outside of an event is no event: a whole reply, or an error."""
    first = documents[0]
    return len(documents) == 1 and (first.get("type") == "message" or schema.is_error(first, first.get("type")))


def _whole_texts(document: Json) -> Json:
    """Join and replace halves of surrogate pairs, but leave those in a delta: the other half may come with the next."""
    whole: Json = mapped(document, whole_text)
    delta, mended = document.get("delta"), whole.get("delta")
    if isinstance(delta, dict) and isinstance(mended, dict):
        name = _GROWING.get(str(delta.get("type")))
        if name is not None and isinstance(delta.get(name), str):
            mended[name] = delta[name]
    return whole


def _implied(document: Json) -> str | None:
    """Tell what an event without a type and a name is, where its fields leave no doubt."""
    delta = document.get("delta")
    if isinstance(document.get("message"), dict) and "role" in document["message"]:
        return "message_start"
    if isinstance(document.get("content_block"), dict):
        return "content_block_start"
    if isinstance(delta, dict):
        if str(delta.get("type")) in schema.DELTAS or any(name in delta for name in _PIECES):
            return "content_block_delta"
        if "stop_reason" in delta:
            return "message_delta"
    return None


def _mend_whole(body: bytes, origin: Origin) -> Whole:
    """Mend a body; an event stream in the place of one is mended as such, and read."""
    if not body.lstrip().startswith(_EVENTS):
        return mend_body(body, origin)
    mender, parser = Mender(origin), EventParser(limit=2 * len(body))
    given = b"".join(mender.feed(event) for event in [*parser.feed(body), *parser.close()]) + mender.close()
    whole = to_body(EventParser(limit=2 * len(given) + 2).feed(given), origin)
    read = Mend("mended", "messages.body.stream", 0, "", USUAL["body.stream"][1])
    failure = mender.failure or whole.failure
    return Whole(body if failure else whole.body, (read, *mender.mends, *whole.mends), failure)


MENDING: Final = Mending(mender=Mender, body=_mend_whole, to_stream=to_stream, to_body=to_body)
