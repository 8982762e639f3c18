"""One document that is being mended: what was changed in it, so that the bytes of all else can stay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from wiremend.errors import JsonError
from wiremend.jsonedit import Edit, apply, format_pointer

if TYPE_CHECKING:
    from typing import Literal

type At = tuple[str | int, ...]

_MAX_INT = 2**63 - 1
_SHOWN = 60


class Note(Protocol):
    """Records a mend of the event, or body, at work."""

    def __call__(
        self, code: str, pointer: str, what: str, kind: Literal["mended", "invented", "lost", "failed"]
    ) -> None:
        """Record that ``what`` was done about ``responses.<code>``."""


def unheard(code: str, pointer: str, what: str, kind: Literal["mended", "invented", "lost", "failed"]) -> None:
    """Note nothing: what is put in is noted as a whole."""
    del code, pointer, what, kind


@dataclass(slots=True)
class Patch:
    """A document (decoded JSON) and the edits that were made to it."""

    document: Any
    note: Note
    edits: list[Edit] = field(default_factory=list)

    def at(self, at: At) -> Any:  # noqa: ANN401 - anybody's JSON
        """Give the value at a place."""
        box = self.document
        for token in at:
            box = box[token]
        return box

    def set(
        self,
        at: At,
        value: Any,  # noqa: ANN401 - any JSON
        code: str,
        what: str = "",
        kind: Literal["mended", "invented", "lost"] = "mended",
    ) -> None:
        """Put a value at a place, and note it."""
        self.fill(at, value)
        self.note(code, format_pointer(tuple(map(str, at))), what or f"set to {_shown(value)}", kind)

    def fill(self, at: At, value: Any) -> None:  # noqa: ANN401 - any JSON
        """Put a value at a place that is no fault of its own."""
        self.at(at[:-1])[at[-1]] = value
        self.edits.append(Edit("set", tuple(map(str, at)), encode(value)))

    def remove(self, at: At, code: str, what: str, kind: Literal["mended", "invented", "lost"] = "mended") -> None:
        """Take away a member, and note it."""
        del self.at(at[:-1])[at[-1]]
        self.edits.append(Edit("remove", tuple(map(str, at))))
        self.note(code, format_pointer(tuple(map(str, at))), what, kind)

    def data(self, original: bytes | None) -> bytes:
        """Give the document as JSON, with the bytes that it had wherever nothing was changed."""
        if original is None:
            return encode(self.document)
        try:
            return apply(original, self.edits).body
        except JsonError:
            return encode(self.document)


def encode(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write JSON that every client can read, whatever Python's lenient decoder took in."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeError, OverflowError, msgspec.MsgspecError):
        return msgspec.json.encode(readable(value))


def readable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Copy a value without what strict decoders refuse: NaN, integers beyond 64 bits, half of a surrogate pair."""
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            return {readable(name): readable(inner) for name, inner in value.items()}
        case list():
            return [readable(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case int() if not isinstance(value, bool) and abs(value) > _MAX_INT:
            return None
    return value


def _shown(value: object) -> str:
    text = encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
