"""What a quirk is, and what it may do: to a request on its way out, and to the events and bodies on their way back.

A quirk's functions see decoded JSON and say what to change; they hold no socket, no clock and no global state (G10).
Each change is noted (G5), and the bytes of what they do not touch stay as they were (G1, G6).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from wiremend.jsonedit import Edit, apply, format_pointer, parse_pointer
from wiremend.jsontext import ANY
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.headers import Headers
    from wiremend.notes import Kind
    from wiremend.quirks.memory import Memory

type WireName = Literal["messages", "chat", "responses"]
type Side = Literal["url", "headers", "request", "stream", "reply", "error"]
type Class = Literal["always", "preset", "condition", "explained"]

_LONG = 80
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """The exchange, as a quirk may know it.

    ``model`` is the name that is sent, ``provider`` the name in the rules (None where the client's own destination
    stands), ``host`` and ``port`` the upstream's, ``client`` the agent by its User-Agent. ``seed`` derives ids (the
    flow's id).
    """

    wire: WireName
    model: str | None = None
    provider: str | None = None
    host: str = ""
    client: str | None = None
    stream: bool = False
    seed: str = ""
    port: int | None = None


class Draft:
    """A request body on its way out. ``document`` is its JSON, decoded; change it through the methods only.

    A pointer is a JSON pointer (RFC 6901) in text or tokens; a value is any JSON value.
    """

    def __init__(self, scope: Scope, headers: Headers, body: bytes, memory: Memory) -> None:
        """Decode the body. Raises ValueError or RecursionError where it is not JSON that can be decoded."""
        self.scope = scope
        self.headers = headers
        self.memory = memory
        self.document: Any = decoded(body)
        self.notes: list[Note] = []
        self.quirk = ""
        """The name of the quirk at work, for the notes."""
        self._body = body
        self._edits: list[Edit] = []

    def set(self, pointer: str | tuple[str | int, ...], value: Any, what: str = "", *, kind: Kind = "mended") -> None:  # noqa: ANN401 - any JSON
        """Put a value at a place: in an object under a name, in a list over an item (or ``-``: behind the last)."""
        tokens = _tokens(pointer)
        written = encoded(value)
        value = decoded(written)  # a copy: what is put at two places must not be one object
        if not tokens:
            self.document = value
        else:
            box = self._at(tokens[:-1])
            if isinstance(box, list):
                if tokens[-1] == "-":
                    box.append(value)
                else:
                    box[int(tokens[-1])] = value
            else:
                box[tokens[-1]] = value
        self._edit(Edit("set", tokens, written))
        self.note(format_pointer(tokens), what or f"set to {_shown(value)}", kind=kind)

    def insert(
        self,
        pointer: str | tuple[str | int, ...],
        index: int,
        value: Any,  # noqa: ANN401 - any JSON
        what: str = "",
        *,
        kind: Kind = "mended",
    ) -> None:
        """Put an item into the list at a place, in front of the one at ``index`` (or behind the last)."""
        tokens = _tokens(pointer)
        box = self._at(tokens)
        if not isinstance(box, list) or not 0 <= index <= len(box):
            raise IndexError(f"there is no place {index} in a list at {format_pointer(tokens)!r}")
        written = encoded(value)
        box.insert(index, decoded(written))
        tokens = (*tokens, str(index))
        self._edit(Edit("insert", tokens, written))
        self.note(format_pointer(tokens), what or f"{_shown(value)} put in", kind=kind)

    def remove(self, pointer: str | tuple[str | int, ...], what: str = "removed", *, kind: Kind = "mended") -> None:
        """Take away a member or an item that is there."""
        tokens = _tokens(pointer)
        box = self._at(tokens[:-1])
        del box[int(tokens[-1]) if isinstance(box, list) else tokens[-1]]
        self._edit(Edit("remove", tokens))
        self.note(format_pointer(tokens), what, kind=kind)

    def set_header(self, name: str, value: str | None, what: str, *, kind: Kind = "mended") -> None:
        """Set a header, or remove it with None."""
        self.headers = self.headers.without(name) if value is None else self.headers.with_set(name, value)
        self.note(f"header:{name.lower()}", what, kind=kind)

    def note(self, where: str, what: str, *, kind: Kind = "mended") -> None:
        """Note a change; ``kind`` is "lost" where the client's intent does not reach the provider whole."""
        self.notes.append(Note(kind, where, self.quirk, what, f"quirk {self.quirk}"))

    def body(self) -> bytes:
        """Give the body with all changes made; the very object that came in if there were none."""
        return apply(self._body, self._edits).body if self._edits else self._body

    def run(self, name: str, mend: Callable[[Draft], None]) -> Exception | None:
        """Let one quirk work. Where it raises, everything it did is undone and the exception given (G7)."""
        self.quirk = name
        headers, notes, body = self.headers, len(self.notes), self._body
        try:
            mend(self)
            self._body = self.body()
        except Exception as error:  # noqa: BLE001 - whatever a quirk raises, the others and the request go on (G7)
            self.headers = headers
            del self.notes[notes:]
            self._body = body
            self.document = decoded(body)
            return error
        finally:
            self._edits.clear()
        return None

    def run_all(self, mends: Sequence[tuple[str, Callable[[Draft], None]]]) -> dict[str, Exception]:
        """Let quirks work, each by its name, in order; give those that failed, and why.

        Where one changed the body all of them look once more: an earlier one may have judged what a later one changed.
        """
        failed: dict[str, Exception] = {}
        for _ in range(_ROUNDS):
            before = self._body
            for name, mend in mends:
                raised = self.run(name, mend) if name not in failed else None
                if raised is not None:
                    failed[name] = raised
            if self._body is before:
                break
        return failed

    def _edit(self, edit: Edit) -> None:
        """Keep an edit. A ``*`` is a wildcard to jsonedit: what holds a member of that name is written as a whole."""
        if ANY in edit.pointer:
            above = edit.pointer[: edit.pointer.index(ANY)]
            edit = Edit("set", above, encoded(self._at(above)))
        self._edits.append(edit)

    def _at(self, tokens: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
        box = self.document
        for token in tokens:
            box = box[int(token)] if isinstance(box, list) else box[token]
        return box


class Noting(Protocol):
    """By which a step or a reply function notes a change.

    ``kind`` is "lost" where what the provider said does not reach the client whole, "invented" where it never said it.
    """

    def __call__(self, pointer: str, what: str, kind: Literal["mended", "lost", "invented"] = "mended") -> None:
        """Note a change at a JSON pointer."""


class EventStep(Protocol):
    """A quirk's half of one stream: it sees each event's JSON before the contract does."""

    needles: tuple[bytes, ...]
    """An event whose data has none of these is not shown to it; empty: all are. May change while the stream goes on."""

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Look at an event's JSON: None leaves its bytes alone, a list of documents stands in its place.

        A document that is the event's own, changed in place, keeps the event's framing.
        """

    def close(self, note: Noting) -> list[dict[str, Any]]:
        """Give what is still held when the stream ends."""


class Recorder(Protocol):
    """Remembers of a reply what a later request must bring again; it changes nothing.

    One that has ``needles`` (a sequence of bytes) is shown only events that hold one of them.
    """

    def event(self, data: bytes) -> None:
        """Look at the data of one event, as the client got it."""

    def body(self, body: bytes) -> None:
        """Look at a whole body, as the client got it."""

    def close(self) -> None:
        """Keep what was seen, if the reply was whole."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One misbehaviour and its mend.

    ``number`` and ``name`` are the catalogue's. ``kind``: "always" (safe on compliant traffic: the contract step, or a
    step of the pipeline), "preset" (on for the providers in ``presets``), "condition" (on where its condition holds),
    "explained" (told, never rewritten). ``who`` shows it, ``symptom`` is what the user sees, ``mend`` what is done, one
    sentence each; ``before`` and ``after`` are an example, on the wire. ``evidence`` are links, or what was measured.
    ``codes`` are the contract's, where that is what finds it. ``presets`` are names of :mod:`wiremend.quirks.presets`,
    ``models`` globs of the model sent (empty: any), ``clients`` globs of the agent (empty: any).

    ``target`` gets a request's path and query as one text and gives them as they are to be; ``request`` mends a
    request; ``step`` gives a stream's step; ``reply`` mends a whole body in place, and notes what it changed; both may
    recall what a request left in the memory; ``recorder`` remembers a reply. A body without any of the ``needles``, as
    bytes, is not shown to ``request``, nor decoded for it; with no needles every body is.
    """

    number: int
    name: str
    wires: tuple[WireName, ...]
    side: Side
    kind: Class
    who: str
    symptom: str
    mend: str
    before: str
    after: str
    evidence: tuple[str, ...]
    codes: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    request: Callable[[Draft], None] | None = field(default=None, repr=False)
    step: Callable[[Scope, Memory], EventStep] | None = field(default=None, repr=False)
    reply: Callable[[dict[str, Any], Scope, Memory, Noting], None] | None = field(default=None, repr=False)
    recorder: Callable[[Scope, Memory], Recorder] | None = field(default=None, repr=False)
    target: Callable[[str], str] | None = field(default=None, repr=False)
    needles: tuple[bytes, ...] = ()

    @property
    def works(self) -> bool:
        """Tell whether it has functions of its own, rather than a row of the contract or a step of the pipeline."""
        return any((self.request, self.step, self.reply, self.recorder, self.target))


def _tokens(pointer: str | Sequence[str | int]) -> tuple[str, ...]:
    return parse_pointer(pointer) if isinstance(pointer, str) else tuple(str(token) for token in pointer)


def decoded(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON, half a surrogate pair included (which JavaScript writes). Raises ValueError or RecursionError."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError):
        return json.loads(body.decode("utf-8"))


def encoded(value: object) -> bytes:
    """Encode as JSON, the reverse of :func:`decoded`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _shown(value: object) -> str:
    text = encoded(value).decode()
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
