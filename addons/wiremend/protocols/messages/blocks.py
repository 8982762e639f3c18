"""Mends the content blocks of a stream: where they begin, what they are called, and what belongs to which.

An incoming index is what the provider calls a block; a place is what the client has to call it, its number in the order
of arrival. They are the same until a block comes out of order; then ``_alias`` tells the place of an index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.messages.contract import TAKES
from wiremend.protocols.messages.reading import whole_text
from wiremend.protocols.messages.repair import Unmendable, chosen_input, index_of, input_of, kind_of, opened, text_of
from wiremend.protocols.messages.schema import DELTAS, TOOLS, UNSAID
from wiremend.protocols.messages.trial import MOST
from wiremend.protocols.messages.writing import Writer

if TYPE_CHECKING:
    from wiremend.protocols.mending import Origin
    from wiremend.protocols.messages.reading import Frame
    from wiremend.protocols.messages.schema import Fault

type Json = dict[str, Any]

BUDGET: Final = 8 * 1024 * 1024
"""Bytes that are held at most, of all kinds together."""

_INPUT: Final = "input_json_delta"
_KINDS: Final = {"text_delta": "text", "citations_delta": "text", "thinking_delta": "thinking"}
_EMPTY: Final = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_FIELDS: Final = {name: shape.__struct_fields__[0] for name, shape in DELTAS.items()}
_HIGH: Final = range(0xD800, 0xDC00)


@dataclass(slots=True)
class _Input:
    """The input that a start brought (None: no object), and the pieces that came after it."""

    brought: Json | None
    pieces: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Echo:
    """A text that a start brought and the client has; ``rest`` is what deltas have not repeated of it yet."""

    kind: str
    rest: str
    repeated: str = ""


class Blocks(Writer):
    """The part of the mender that keeps the blocks."""

    __slots__ = ("_alias", "_brought", "_dropped", "_early", "_echoes", "_halves", "_held", "_inputs", "_presumed")

    def __init__(self, origin: Origin) -> None:
        """Begin before the first event."""
        super().__init__(origin)
        self._alias: dict[int, int] = {}  # index -> another place
        self._presumed: set[int] = set()  # places of blocks that a delta opened
        self._dropped: set[int] = set()  # indexes of blocks that nobody gets
        self._early: dict[int, list[str]] = {}  # index -> pieces of an input whose block has not begun
        self._inputs: dict[int, _Input] = {}  # place -> what is held of its input
        self._brought: list[Json] = []  # the blocks of message_start
        self._halves: dict[int, tuple[str, str]] = {}  # place -> type of the delta, half of a pair
        self._echoes: dict[int, _Echo] = {}  # place -> the text of its start, which deltas may repeat
        self._held = 0

    def _holds(self) -> bool:
        """Tell whether a sound event may mean something else than it says."""
        if self._early or self._inputs or self._halves or self._brought or self._echoes:
            return True
        self._held = 0
        return bool(self._alias or self._presumed or self._dropped)

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > BUDGET:
            raise Unmendable("stream.cut", "", "the provider's stream cannot be mended: too much would have to be held")

    def _few(self) -> None:
        """Keep the bounds: what is looked through for each event must stay small."""
        if max(len(self._alias), len(self._dropped), len(self._early), len(self._sent.open)) > MOST:
            raise Unmendable("index.order", "/index", "the provider's stream has too many blocks out of order")

    def _bring(self, content: list[Any]) -> None:
        """Hold the blocks that message_start brings: the stream may yet bring them itself."""
        self._brought = [block for block in content if isinstance(block, dict) and kind_of(block)]
        self._hold(len(msgspec.json.encode(self._brought)))

    def _block(self, document: Json, work: Json, faults: list[Fault], frame: Frame) -> None:
        """Take an event of a block."""
        self._few()
        codes = {self._fault(fault) for fault in faults}
        index = work["index"] = index_of(document.get("index"))
        if self._sent.state == "start" and work["type"] != "content_block_stop":
            self._open_message()
        match work["type"]:
            case "content_block_start":
                self._start(document, work, index, frame)
            case "content_block_delta":
                self._delta(document, work, index, codes, frame)
            case _:
                self._stop(work, index, frame)

    # --- starts -------------------------------------------------------------------------------------------------------

    def _start(self, document: Json, work: Json, index: int, frame: Frame) -> None:
        said = document.get("content_block")
        block = said if isinstance(said, dict) else {}
        kind = kind_of(block)
        if self._sent.state == "tail":
            if kind in TOOLS:
                raise Unmendable("order.after-message-delta", "", "the provider called a tool after the stop reason")
            self._note("order.after-message-delta")
            self._dropped.add(index)
            return
        self._brought = []
        place = self._alias.get(index, UNSAID if index in self._alias.values() else index)
        if place in self._sent.open:
            if self._is_again(place, kind, block):
                return
            self._close(place, "block.stop-missing")
        elif kind in TOOLS and index != UNSAID and place < self._sent.next and str(block.get("id")) in self._sent.calls:
            what = "the same call again was left out"
            self._note("index.order", "/index", kind="lost", what=what)
            self._dropped.add(index)
            return
        self._dropped.discard(index)
        if kind:
            self._open(work, opened(block, self._mint), index, frame)
            self._release(index, kind)

    def _is_again(self, place: int, kind: str, block: Json) -> bool:
        """Tell whether a start is of the block that is open already: one that a delta opened, or the same again."""
        there = self._sent.open[place]
        if kind not in {"", there.kind}:
            return False
        value = input_of(block.get("input")) if kind in TOOLS else None
        if place in self._presumed:
            self._presumed.discard(place)
            lost, what = any(block.get(name) for name in _FIELDS.values()), "the start that came late was left out"
            self._note("block.start-missing", "/index", kind="lost" if lost else "mended", what=what)
            return True
        same = str(block.get("id")) in self._sent.calls if kind in TOOLS else not any(map(block.get, _FIELDS.values()))
        if not same or (kind not in TOOLS and self._sent.begun != (place, self._sent.number)):
            return False
        self._note("block.stop-missing", kind="mended", what="the same start again was left out")
        if value and not there.json and place not in self._inputs:
            self._hold(len(msgspec.json.encode(value)))
            self._inputs[place] = _Input(value)
        return True

    def _open(self, work: Json, parts: tuple[Json, list[Json], Json | None], index: int, frame: Frame | None) -> None:
        """Open a block at the next place, and give or hold what its start brought."""
        start, deltas, value = parts
        place = self._place(index)
        work["index"] = place
        for name, inner in start.items():
            if name not in work["content_block"] or inner != work["content_block"][name]:
                work["content_block"][name] = inner
        self._give(work, frame)
        for delta in deltas:
            self._give({"type": "content_block_delta", "index": place, "delta": delta})
            if delta["type"] in _KINDS:
                text = delta[_FIELDS[delta["type"]]]
                self._hold(len(text))
                self._echoes[place] = _Echo(delta["type"], text)
        if value is None or value:
            self._hold(len(msgspec.json.encode(value)))
            self._inputs[place] = _Input(value)

    def _place(self, index: int) -> int:
        """Give the next place to an index."""
        place = self._sent.next
        self._alias.pop(index, None)
        if index not in {place, UNSAID}:
            self._note("index.order", "/index")
            self._alias[index] = place
        return place

    def _release(self, index: int, kind: str) -> None:
        """Give the pieces of an input that came before this start."""
        for early in (index, UNSAID):
            pieces = self._early.pop(early, None)
            if pieces is not None and kind not in TOOLS:
                raise Unmendable("block.start-missing", "/index", "a tool call came without its beginning")
            for piece in pieces or ():
                delta: Json = {"type": _INPUT, "partial_json": piece}
                self._piece({"type": "content_block_delta", "index": UNSAID, "delta": delta}, self._sent.next - 1, None)

    # --- deltas -------------------------------------------------------------------------------------------------------

    def _delta(self, document: Json, work: Json, index: int, codes: set[str], frame: Frame) -> None:
        said, delta = document.get("delta"), work["delta"]
        kind = delta["type"]
        name = _FIELDS.get(kind)
        if name is None and (not kind or not isinstance(said, dict)):
            if said:
                self._doubt_about(index)
            return
        if name is not None and codes and not self._readable(said, delta, name):
            return
        if index in self._dropped:
            self._note("order.after-message-delta")
            return
        place = self._find(index)
        if place is not None and not self._fits(place, kind):
            place = self._other(place, index, kind, delta)
        elif place is None:
            place = self._late(index, kind, delta)
        if place is None:
            return
        if work["index"] not in {place, UNSAID}:
            self._note("index.order", "/index")
        self._piece(work, place, frame)

    def _readable(self, said: object, delta: Json, name: str) -> bool:
        """Tell whether a delta whose value was wrong says something; what it says is put in its place."""
        value = said.get(name) if isinstance(said, dict) else None
        if isinstance(value, str):
            return True
        if name == "citation":
            return isinstance(value, dict)
        if name == "partial_json":
            if value is not None and not isinstance(value, dict):
                raise Unmendable("tool.partial-json", "/delta/partial_json", "a piece of a tool's input is not a text")
            return value is not None
        text = text_of(value)
        if text is not None:
            delta[name] = text
        elif value is not None:
            self._note(f"{name}.not-string", f"/delta/{name}", kind="lost", what="left out")
        return text is not None

    def _doubt_about(self, index: int) -> None:
        place = self._find(index)
        if place is not None and self._sent.open[place].kind in TOOLS:
            raise Unmendable("delta.missing", "/delta", "a piece of a tool's input cannot be read")
        self._note("delta.missing", "/delta", kind="lost")

    def _find(self, index: int) -> int | None:
        """Find the open block that an index means; without one, the block that was opened last."""
        if index == UNSAID:
            return next(reversed(self._sent.open), None)
        place = self._alias.get(index, index)
        return place if place in self._sent.open else None

    def _fits(self, place: int, kind: str) -> bool:
        shape = DELTAS.get(kind)
        return shape is None or shape in self._sent.open[place].takes

    def _other(self, place: int, index: int, kind: str, delta: Json) -> int | None:
        """Find a block for a delta that the block it names does not take: the one that does, or a new one."""
        takers = [at for at, block in self._sent.open.items() if DELTAS[kind] in block.takes and block.kind in TAKES]
        self._note("delta.block-mismatch", "/delta/type")
        if len(takers) == 1:
            return takers[0]
        if kind == _INPUT:
            if delta["partial_json"].strip() in {"", "{}"}:
                return None
            raise Unmendable("delta.block-mismatch", "/delta/type", "a tool call came without its beginning")
        if kind not in _KINDS:
            self._note("delta.block-mismatch", "/delta/type", kind="lost", what="left out")
            return None
        self._close(place, "block.stop-missing")
        return self._presume(index, kind)

    def _late(self, index: int, kind: str, delta: Json) -> int | None:
        """Find a block for a delta whose block is not open: it was stopped, or has not begun."""
        gone = index != UNSAID and self._alias.get(index, index) < self._sent.next
        code = "block.after-stop" if gone else "block.start-missing"
        if kind == _INPUT:
            piece = delta["partial_json"]
            if not gone and self._sent.state == "open":
                self._note(code, "/index", kind="mended", what="held until the block begins")
                self._hold(len(piece))
                self._early.setdefault(index, []).append(whole_text(piece))
            elif piece:
                raise Unmendable(code, "/index", "a tool call went on after its end")
            else:
                self._note(code, "/index", what="left out", kind="mended")
            return None
        if self._sent.state == "tail" or kind not in _KINDS:
            if kind == "signature_delta" and not gone and self._sent.state == "open":
                self._note(code, "/index")
                return self._presume(index, "thinking_delta")
            empty = not delta.get(_FIELDS.get(kind, ""))
            self._note(code, "/index", kind="mended" if empty else "lost", what="left out")
            return None
        self._note(code, "/index")
        return self._presume(index, kind)

    def _presume(self, index: int, kind: str) -> int:
        """Open the block that a delta implies."""
        self._brought = []
        start = _EMPTY[_KINDS[kind]]
        work = {"type": "content_block_start", "index": UNSAID, "content_block": dict(start)}
        self._open(work, (start, [], {}), index, None)
        self._presumed.add(self._sent.next - 1)
        return self._sent.next - 1

    def _piece(self, work: Json, place: int, frame: Frame | None) -> None:
        """Give a delta to the block at a place, or hold it with an input that the start brought."""
        delta = work["delta"]
        work["index"] = place
        name = _FIELDS.get(delta["type"])
        if name is not None and isinstance(delta[name], str):
            delta[name] = self._joined(place, delta["type"], delta[name])
        if place in self._echoes and name is not None and not self._is_news(place, delta, name):
            return
        held = self._inputs.get(place)
        if held is not None and delta["type"] == _INPUT:
            piece = delta["partial_json"].encode()
            self._hold(len(piece))
            held.pieces += piece
            return
        self._give(work, frame)

    def _is_news(self, place: int, delta: Json, name: str) -> bool:
        """Tell whether a delta says more than the start of its block did; MiniMax says the start's text again."""
        echo, text = self._echoes[place], delta[name]
        if delta["type"] == echo.kind:
            if text and echo.rest.startswith(text):
                echo.rest, echo.repeated = echo.rest[len(text) :], echo.repeated + text
                if not echo.rest:
                    del self._echoes[place]
                    self._note(f"{name}.prefilled", what="its repetition in the deltas was left out")
                return False
            del self._echoes[place]
            if text.startswith(echo.rest):
                delta[name] = text[len(echo.rest) :]
                self._note(f"{name}.prefilled", what="its repetition in the deltas was left out")
            else:
                delta[name] = echo.repeated + text
        return True

    def _joined(self, place: int, kind: str, text: str) -> str:
        """Put the half of a pair that was held in front, and hold the one at the end."""
        if place in self._halves:
            before, half = self._halves.pop(place)
            if before == kind:
                text = half + text
            else:
                self._spill(place, before)
        if text and ord(text[-1]) in _HIGH:
            self._halves[place] = (kind, text[-1])
            text = text[:-1]
        return text if text.isascii() else whole_text(text)

    def _spill(self, place: int, kind: str) -> None:
        """Give U+FFFD for a half that stayed alone."""
        self._piece({"type": "content_block_delta", "delta": {"type": kind, _FIELDS[kind]: "\ufffd"}}, place, None)

    # --- stops --------------------------------------------------------------------------------------------------------

    def _stop(self, work: Json, index: int, frame: Frame) -> None:
        if index in self._dropped:
            self._dropped.discard(index)
            self._note("order.after-message-delta")
            return
        place = self._find(index)
        if place is None:
            if index in self._early:
                raise Unmendable("block.start-missing", "/index", "a tool call came without its beginning")
            if index != UNSAID:
                gone = self._alias.get(index, index) < self._sent.next
                code = f"block.{'stop-repeated' if gone else 'start-missing'}"
                self._note(code, "/index", kind="mended", what="left out")
            return
        if work["index"] not in {place, UNSAID}:
            self._note("index.order", "/index")
        self._settle(place)
        work["index"] = place
        self._give(work, frame)

    def _close(self, place: int, code: str) -> None:
        """Put in the stop of a block."""
        self._note(code)
        self._settle(place)
        self._give({"type": "content_block_stop", "index": place})

    def _settle(self, place: int) -> None:
        """Give what is held of a block that is about to stop."""
        if place in self._halves:
            self._spill(place, self._halves.pop(place)[0])
        self._presumed.discard(place)
        echo = self._echoes.pop(place, None)
        if echo is not None and echo.repeated:
            delta = {"type": echo.kind, _FIELDS[echo.kind]: echo.repeated}
            self._give({"type": "content_block_delta", "index": place, "delta": delta})
        held = self._inputs.pop(place, None)
        if held is None:
            return
        text, lost = chosen_input(held.brought, bytes(held.pieces))
        if lost:
            what = "the start and the deltas of a call brought different inputs; one of them was left out"
            self._note("tool.input-prefilled", kind="lost", what=what)
        delta = {"type": _INPUT, "partial_json": text.decode("utf-8", "replace")}
        self._give({"type": "content_block_delta", "index": place, "delta": delta})
