"""What stream decoders and encoders share: text as JSON bytes, and whose reasoning a part of a reply is.

A provider's proof of its reasoning comes back to it through a client that cannot read it. So each decoder marks a part
of kind ``thinking`` or ``redacted`` with its wire: :attr:`~wiremend.events.PartStarted.extra` is a JSON object, its
``wire`` the wire, its other texts whatever else the way back needs, by that wire's own names of fields. An encoder of
another wire seals all of it in an envelope (:mod:`wiremend.protocols.envelope`), which the client gives back as it
came:

========= =============================== =====================
wire      a thinking part's envelope      a redacted part's
========= =============================== =====================
messages  ``signature``                   ``data``
chat      ``signature``, ``format``,      ``data``, ``format``,
          ``id``                          ``id``
responses ``id``, ``encrypted_content``   the same
========= =============================== =====================

A proof whose part has no mark is nobody's: it is lost, for no provider could be trusted to take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import msgspec

from wiremend.protocols.base import WireName
from wiremend.protocols.envelope import seal
from wiremend.protocols.mending import Mend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.events import Delta, PartStarted

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
"""What decoding somebody's JSON may raise."""

_WIRES: Final = frozenset(get_args(WireName.__value__))
_ENCRYPTED: Final[Mapping[str, str]] = MappingProxyType(
    {"messages": "data", "chat": "data", "responses": "encrypted_content"}
)
_MARK: Final[Callable[[str], dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any]).decode
_ENCODE: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode


def quoted(text: str) -> bytes:
    """Write a text as a JSON string; U+FFFD stands for half of a surrogate pair, which no UTF-8 can hold."""
    try:
        return _ENCODE(text)
    except UnicodeEncodeError:
        return _ENCODE(paired(text))


def paired(text: str) -> str:
    """Join the halves of surrogate pairs, and put U+FFFD for those that are alone."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def lost(code: str, what: str, pointer: str = "", event: int = 0) -> Mend:
    """Say what could not be told."""
    return Mend("lost", code, event, pointer, what)


def mark(wire: WireName, **more: str) -> str:
    """Give the mark of a part of reasoning: the JSON for ``extra``."""
    return _ENCODE({"wire": wire, **{name: paired(text) for name, text in more.items() if text}}).decode()


@dataclass(slots=True)
class Proof:
    """What proves a part of reasoning, as it is collected from a part's start and its deltas."""

    wire: WireName | None = None
    redacted: bool = False
    more: dict[str, str] = field(default_factory=dict)
    signature: str | None = None
    encrypted: str | None = None

    @classmethod
    def of(cls, start: PartStarted) -> Proof:
        """Begin with the mark of a part; one that cannot be read is none."""
        try:
            known = _MARK(start.extra) if start.extra else {}
        except UNREADABLE:
            known = {}
        wire = known.pop("wire", None)
        more = {name: text for name, text in known.items() if isinstance(text, str)}
        if start.id:
            more["id"] = start.id
        own = cast("WireName", wire) if isinstance(wire, str) and wire in _WIRES else None
        return cls(own, start.kind == "redacted", more)

    def take(self, delta: Delta) -> None:
        """Take a piece of kind ``signature`` or ``encrypted``; of several of a kind the last one holds."""
        if delta.kind == "signature":
            self.signature = delta.text or self.signature
        elif delta.kind == "encrypted":
            self.encrypted = delta.text or self.encrypted

    @property
    def any(self) -> bool:
        """Tell whether there is something to come back: a proof, or the id of an item of the responses wire."""
        told = self.signature is not None or self.encrypted is not None
        return told or (self.wire == "responses" and "id" in self.more)

    def is_of(self, wire: WireName) -> bool:
        """Tell whether it is the proof of a wire itself, which goes as it is."""
        return self.wire == wire

    def sealed(self) -> str | None:
        """Give the envelope; None where the part has no proof, or is nobody's."""
        if self.wire is None or not self.any:
            return None
        contents = dict(self.more)
        if self.signature is not None:
            contents["signature"] = self.signature
        if self.encrypted is not None:
            contents[_ENCRYPTED[self.wire]] = self.encrypted
        return seal(self.wire, {name: paired(text) for name, text in contents.items()})


class _Typed(msgspec.Struct):
    """A JSON object by its type."""

    type: str = ""


_TYPE: Final = msgspec.json.Decoder(_Typed).decode


def type_of(text: str) -> str:
    """Give the ``type`` of a JSON object; "" for what has none, or is none."""
    try:
        return _TYPE(text).type
    except UNREADABLE:
        return ""
