"""What the tests of mending on the messages wire share."""

from __future__ import annotations

from typing import Final

from wiremend.protocols.mending import Origin
from wiremend.protocols.messages.mend import Mender
from wiremend.sse import Event, EventParser

ORIGIN: Final = Origin(seed="seed", now=1_800_000_000, model="asked-model", client="claude-code")


def events_of(raw: bytes) -> list[Event]:
    parser = EventParser()
    return parser.feed(raw) + parser.close()


def mend(raw: bytes) -> tuple[bytes, Mender]:
    """Mend a stream to its end."""
    mender = Mender(ORIGIN)
    given = b"".join(mender.feed(event) for event in events_of(raw)) + mender.close()
    assert mender.close() == b""
    return given, mender
