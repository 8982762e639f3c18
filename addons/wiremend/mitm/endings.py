"""What the layer asks its addons: how a reply begins and ends, and whether there is another try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mitmproxy.proxy import commands

if TYPE_CHECKING:
    from mitmproxy import http

    from wiremend.mitm.tape import Tapes
    from wiremend.rules.model import Limits

type Word = str
"""What went wrong with a try, or a reply: ``connection``, ``stall``, ``queue``, ``size``."""


@dataclass
class AdmitHook(commands.StartHook):
    """Whoever holds the places at a provider lets a request in. Blocks the one stream until then."""

    name = "wiremend_admit"
    flow: http.HTTPFlow
    blocking = True

    def args(self) -> list[http.HTTPFlow]:
        """Give what the addon's method takes."""
        return [self.flow]


class Endings(Protocol):
    """Who knows how a reply begins, goes on when nothing comes, and is to end when it breaks, or is tried again."""

    def largest(self, flow: http.HTTPFlow) -> int | None:
        """Give the bytes that a request's body may have; None where it may have any number."""

    def tapes(self, flow: http.HTTPFlow, response: http.Response | None) -> Tapes | None:
        """Give what both sides of a reply are written on from its head on; None where nothing is to be kept of it.

        ``response`` is the head as it came, None where there is none and the client gets an answer all the same.
        """

    def peeks(self, flow: http.HTTPFlow, response: http.Response) -> float | None:
        """Give the seconds for which the head may be held until the first bytes were seen; None to let it go."""

    def enough(self, flow: http.HTTPFlow, first: bytes, ended: bool, late: bool) -> bool:  # noqa: FBT001 - a callback
        """Tell whether the first bytes are enough. At the end of the body, or when it is late, the head goes anyway."""

    def unanswered(self, flow: http.HTTPFlow, message: str, word: Word) -> http.Response | None:
        """Give the response for a request that the upstream did not answer; None for mitmproxy's own."""

    def cut(self, flow: http.HTTPFlow, message: str, word: Word) -> bytes | None:
        """Give the last bytes of a stream that the upstream cut, ``b""`` for none; None to drop the client."""

    @property
    def tries(self) -> Tries:
        """Who knows of other tries, and of what one may take."""


class Tries(Protocol):
    """Who looks at the clock, and decides on the next try."""

    def limits(self, flow: http.HTTPFlow) -> Limits | None:
        """Give what this try may take; None where nothing is watched over."""

    def moved(self, flow: http.HTTPFlow) -> int | None:
        """Count the events of a stream that have come; None where it is none that is read."""

    def heard(self, flow: http.HTTPFlow) -> int | None:
        """Count what the client was given and takes for life; None before the reply streams."""

    def alive(self, flow: http.HTTPFlow) -> bytes | None:
        """Give what keeps a client that has heard nothing for long; None where nothing can be said."""

    def head(self, flow: http.HTTPFlow) -> http.Response | None:
        """Give the head of a stream for a client that has waited long; None where it is to wait on."""

    def waits(self, flow: http.HTTPFlow) -> bool:
        """Tell whether a request must wait for a place at its provider."""

    def admitted(self, flow: http.HTTPFlow) -> str | None:
        """Say why a request that waited got no place; None where it has one."""

    def gone(self, flow: http.HTTPFlow) -> None:
        """Let go of a request that waits for a place: its client is gone."""

    def failed(self, flow: http.HTTPFlow, word: Word, message: str) -> float | None:
        """Give the seconds after which the next try begins, for one that broke; None where there is none."""

    def judged(self, flow: http.HTTPFlow) -> float | None:
        """Give the same for one whose whole reply is in the flow: None where the client is to have it."""

    def opened(self, flow: http.HTTPFlow) -> float | None:
        """Give the same for one whose stream has just been looked at."""

    def again(self, flow: http.HTTPFlow) -> None:
        """Put the request of the next try into the flow."""
