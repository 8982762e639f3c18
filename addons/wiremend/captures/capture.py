"""A capture: one remembered exchange, both sides of it, chunk by chunk (G9).

It holds enough to replay the exchange without a socket (G10) and to say what changed: the client's request as it came,
each attempt at a provider (the request that left and what came back, in the cuts in which it came), the client's answer
as it was sent, and :class:`Inputs`, all that the decision and the mending looked at besides the request and the rules.

Times are whole microseconds since the exchange began, which is :attr:`Capture.began` in seconds since 1970. Headers and
bodies are as on the wire: a compressed body stays compressed, and a reply of HTTP/1.1 is rid of its chunks' framing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.headers import Headers
from wiremend.protocols import WIRES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from wiremend.notes import Note
    from wiremend.protocols.base import WireName

FORMAT: Final = 1
"""The version of what is written down. A reader refuses a higher one by name."""


def client_left(error: str | None) -> bool:
    """Tell whether an exchange failed, in the proxy's words, because its client closed the connection."""
    return error is not None and "client disconnected" in error.lower()


type Style = Literal["gateway", "proxy"]


@dataclass(frozen=True, slots=True)
class Body:
    """A body, and where it was cut: pairs of a chunk's length in bytes and the time at which it came.

    The lengths add up to the length of ``data``. ``cuts`` is empty where they were not seen: then the body is one chunk
    (or none). ``file`` names the file that holds the bytes in the place of ``data``, where there are too many of them
    for the memory (``length`` says how many).
    """

    data: bytes = b""
    cuts: tuple[tuple[int, int], ...] = ()
    file: Path | None = None

    @classmethod
    def of(cls, chunks: Iterable[bytes], times: Iterable[int]) -> Body:
        """Make a body of chunks and their times."""
        kept = list(chunks)
        return cls(b"".join(kept), tuple((len(chunk), at) for chunk, at in zip(kept, times, strict=True)))

    @property
    def length(self) -> int:
        """Bytes in all."""
        return len(self.data) if self.file is None else sum(size for size, _ in self.cuts)

    @property
    def chunks(self) -> list[bytes]:
        """The body in its cuts."""
        if not self.cuts:
            return [self.data] if self.data else []
        chunks, begin = [], 0
        for size, _ in self.cuts:
            chunks.append(self.data[begin : begin + size])
            begin += size
        return chunks


@dataclass(frozen=True, slots=True)
class Request:
    """A request on one side. ``host`` is None where the client came to the gateway and named no host of its own."""

    method: str
    scheme: str
    host: str | None
    port: int
    target: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Response:
    """A response on one side; ``reason`` is empty where HTTP/2 has none."""

    status: int
    reason: str = ""
    headers: Headers = field(default_factory=Headers)
    body: Body = field(default_factory=Body)
    version: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a provider.

    ``response`` is None where no head came. ``error`` is why it broke off, in the proxy's words; None where the message
    ended as messages do. ``decision`` says where to and why: provider, model, wire, by, route, alias, url, edits,
    quirks, mend, why. ``at`` is when it began. ``trouble`` names how it failed, in a word of the ledger's rows.
    """

    request: Request
    response: Response | None = None
    error: str | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)
    at: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What decision and mending looked at besides the request and the rules (G10).

    ``seed`` is what minted ids derive from, ``now`` the time in seconds since 1970, ``flow`` the id that error texts
    end with. ``style`` tells how the client came, ``agent`` is the agent's id where no header says. ``memory`` holds
    what was asked of earlier replies, None where nothing was found. ``environment`` has the values of the variables
    that the rules name, ``credentials`` what stands for each reference's secret; ``globs`` tells of each stand-in which
    globs of the rules the secret itself matched. ``strict`` tells that nothing was to be lost in translation,
    ``tokenizer`` that a tokenizer was at hand for estimates. ``to`` is which of a route's destinations the last attempt
    went to ("": the first), ``tried`` what error texts say of the attempts before it, ``begun`` that the client had
    been given the head of its stream before the provider's came. ``picked`` is the preference that its conversation had
    kept (``kept NAME``), or that a model had given when it was asked (``asked NAME``, ``asked`` for none of them).
    """

    seed: str = ""
    now: int = 0
    flow: str = ""
    style: Style = "proxy"
    agent: str | None = None
    memory: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    globs: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    strict: bool = False
    tokenizer: bool = False
    to: str = ""
    tried: str = ""
    begun: bool = False
    picked: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a WebSocket.

    ``dropped`` tells that it went no further, ``injected`` that it was sent without having come: a message that was
    changed is there twice, as it came and behind it as it was sent on.
    """

    from_client: bool
    text: bool
    data: bytes
    at: int = 0
    dropped: bool = False
    injected: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """One exchange.

    ``client`` names the agent as rules do, ``wire`` is the client's, ``model`` the one it asked for. ``answer`` is what
    the client got (None: nothing), ``error`` how the exchange failed, if it did. ``kept`` is what its reply left for
    later requests to bring again. ``versions`` are those of wiremend, mitmproxy, python, and the client's where its
    User-Agent says.
    """

    id: str
    began: float
    request: Request
    client: str | None = None
    wire: WireName | None = None
    model: str | None = None
    inputs: Inputs = field(default_factory=Inputs)
    attempts: Sequence[Attempt] = ()
    answer: Response | None = None
    notes: Sequence[Note] = ()
    error: str | None = None
    rules: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    frames: Sequence[Frame] = ()

    @property
    def upstream_wire(self) -> WireName | None:
        """The wire that the provider was spoken to on: the client's, unless the exchange was translated."""
        said = self.attempt.decision.get("wire") if self.attempt is not None else None
        return next((wire for wire in WIRES if wire == said), self.wire)

    @property
    def translated(self) -> bool:
        """Whether client and provider spoke different wires."""
        return self.upstream_wire != self.wire

    @property
    def attempt(self) -> Attempt | None:
        """The last try: the one whose reply the client got."""
        return self.attempts[-1] if self.attempts else None

    @property
    def provider(self) -> str | None:
        """The provider that answered last."""
        named = self.attempt.decision.get("provider") if self.attempt else None
        return named if isinstance(named, str) else None
