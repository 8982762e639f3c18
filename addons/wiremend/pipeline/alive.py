"""What one client is sent so that it does not give up while the upstream thinks.

Clients watch their streams with timers, and differ in what they count as life: most count bytes, and a comment or a
ping keeps them; Claude Code, Codex and Hermes count events. What is sent is chosen by the client and by the place in
the stream (``protocols/*/alive.py``); it adds nothing to what the client reads. It is a function of what the client was
given (G10), is on the client's side only, and is no part of the mended stream. What was measured is in
``docs/stalls.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.chat import alive as chat
from wiremend.protocols.messages import alive as messages
from wiremend.protocols.responses import alive as responses
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.protocols.base import WireName

__all__ = ["WIRES", "Alive", "Beats"]


@dataclass(frozen=True, slots=True)
class Beats:
    """What keeps the clients of a wire: ``beat`` gives what to send; ``counting`` are those that count events alone."""

    beat: Callable[[str | None, Mapping[str, Any] | None], bytes | None]
    counting: frozenset[str]


WIRES: Final[Mapping[WireName, Beats]] = MappingProxyType(
    {
        "messages": Beats(messages.beat, messages.COUNTING),
        "chat": Beats(chat.beat, chat.COUNTING),
        "responses": Beats(responses.beat, responses.COUNTING),
    }
)

_SHORT: Final = 1024
"""Bytes below which it is looked whether they are comments or pings alone."""

_QUIET: Final = (b":", b"event: ping", b"event:ping", b"\n", b"\r")
"""How such bytes begin."""

_WHOLE: Final = (b"\n\n", b"\r\r", b"\n\r\n")
"""How a whole event ends."""


class Alive:
    """What one client is sent so that it does not give up while the upstream thinks.

    Show it all that the client is given (:meth:`saw`), and ask it for a :meth:`beat` where :attr:`heard` has not risen
    for long. What it keeps is the last bytes that the client was given.
    """

    __slots__ = ("_beat", "_client", "_counting", "_last", "heard")

    def __init__(self, wire: WireName, client: str | None, sdk: str | None = None) -> None:
        """Begin before the first byte.

        ``client`` is the agent by its User-Agent, ``sdk`` the request's ``x-stainless-lang``. Hermes says that it is
        Claude Code where a provider wants that, but its SDK says ``python``.
        """
        self._client = "hermes" if client == "claude-code" and sdk == "python" else client
        self._beat = WIRES[wire].beat
        self._counting = self._client in WIRES[wire].counting
        self._last = b""
        self.heard = 0
        """Rises with whatever the client was given and counts as life; a provider's pings are none to some."""

    def saw(self, given: bytes) -> None:
        """See what the client is given; not the beats."""
        if len(given) < _SHORT and (not given or (given.startswith(_QUIET) and _said(given) == {})):
            self.heard += bool(given) and not self._counting
        else:
            self._last = given
            self.heard += 1

    def beat(self, *, begun: bool) -> bytes | None:
        """Give what to send now; None where nothing can be sent: inside an event, and behind the end.

        ``begun`` tells whether anything but the head has been sent.
        """
        if not begun:
            return self._beat(self._client, {})
        return self._beat(self._client, _said(self._last)) if not self._last or self._last.endswith(_WHOLE) else None


def _said(given: bytes) -> Mapping[str, Any] | None:
    """Give the object in the last event that says something: empty where there is none, None if it is no object."""
    parser = EventParser(len(given) + 1)
    for event in reversed([*parser.feed(given), *parser.close()]):
        if event.data is None or event.event == "ping":
            continue
        try:
            document = msgspec.json.decode(event.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        if document.get("type") != "ping":
            return document
    return {}
