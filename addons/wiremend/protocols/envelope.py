"""Envelopes: what only one provider can read, on its way through a client of another wire and back.

A provider's proof of its reasoning (a signature, encrypted reasoning, the id of its item) must come back with the next
request, and the client's wire may have no place of that kind. It has one opaque text, though (the messages wire a
``signature``, the responses wire ``encrypted_content``), and clients send such texts back as they came. An envelope is
such a text. It says of which wire its contents are, so that a request that goes elsewhere can be rid of it.

Nothing in it is secret, and nothing is proved by it: whoever issued the contents checks them.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from wiremend.families import ENVELOPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName

PREFIX: Final = ENVELOPE
"""How each envelope begins; no provider's own signature or encrypted text does."""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is inside: the wire that ``contents`` are of, and those, by that wire's own names of fields."""

    wire: Literal["messages", "chat", "responses"]
    contents: dict[str, str]


def seal(wire: WireName, contents: Mapping[str, str]) -> str:
    """Give the text of an envelope; the same for the same contents."""
    inside = msgspec.json.encode(Envelope(wire, dict(contents)), order="sorted")
    return PREFIX + base64.urlsafe_b64encode(inside).decode().rstrip("=")


def unseal(text: str | None) -> Envelope | None:
    """Open an envelope; None for what is none, or is broken."""
    if not text or not text.startswith(PREFIX):
        return None
    sealed = text.removeprefix(PREFIX)
    try:
        inside = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(inside, type=Envelope)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
