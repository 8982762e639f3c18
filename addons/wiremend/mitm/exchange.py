"""One exchange under way: the flow's decision, pinned, and what was seen of its reply.

The rules a request began with stay with it (:attr:`Exchange.resolved`), whatever is reloaded meanwhile. What is of
interest to people is copied into ``flow.metadata["wiremend"]``, which mitmproxy keeps in its flow files and shows in
its tools.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wiremend.families import scrubbed
from wiremend.notes import OF_THE_WAY
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.rules.urls import query_credentials

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.ledger.row import Try
    from wiremend.mitm.running import Running
    from wiremend.notes import Note
    from wiremend.pipeline.context import Context
    from wiremend.pipeline.outcome import Answered, ClientRequest
    from wiremend.pipeline.reply import ReplyStream
    from wiremend.pipeline.shapes import Look
    from wiremend.protocols.base import Tally
    from wiremend.protocols.tools import ToolCalls
    from wiremend.quirks.memory import Memory
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Target
    from wiremend.rules.resolve import Resolved

METADATA = "wiremend"

_CUT = ("cut", "invented")
"""What a stream's notebook has where the upstream broke off."""


@dataclass(frozen=True, slots=True)
class Again:
    """A client's request that a person sends once more: whose it was, as it came, and to where, if not by the rules.

    ``flow`` is the id of the flow that it came with, ``words`` say so.
    """

    flow: str
    words: str
    request: ClientRequest
    target: Target | None = None


@dataclass(slots=True)
class Call:
    """A call under way, from the head of its request on: there is one before anything is decided, and where nothing is.

    ``id`` is that of its row. ``began`` is of ``time.monotonic``, ``own_ns`` the nanoseconds that its hooks took here.
    """

    flow: HTTPFlow
    id: str
    began: float = field(default_factory=time.monotonic)
    own_ns: int = 0
    clocked: bool = False
    """Whether a hook is being timed."""
    capture: str | None = None
    """The id of the capture that is made of it; None where none is."""


@dataclass(slots=True)
class Exchange:
    """What is known of one LLM call. Times are those of ``time.monotonic``."""

    facts: Facts
    resolved: Resolved
    outcome: Rewritten | Refused | Answered
    notes: list[Note]
    began: float = field(default_factory=time.monotonic)
    first_byte: float | None = None
    tally: Tally | None = None
    look: Look | None = None
    """What the first bytes of the reply were, once they were looked at."""
    context: Context | None = None
    """What mends the reply; None where it is not one to be mended."""
    reply: ReplyStream | None = None
    coding: str | None = None
    """The content coding that the reply's head declared."""
    first: bytes = b""
    """The first few bytes of the reply, by which an undeclared coding is seen."""
    error: str | None = None
    """What the reply said went wrong."""
    finished: bool = False
    tries: list[Try] = field(default_factory=list)
    """What was tried at which provider, in order; the last is the one whose reply the client got."""
    running: Running | None = None
    """Its tries; None where there is but the one, and nothing to decide."""
    status: int | None = None
    """The status of the try of now, once its head has come."""
    tried: str = ""
    """What error texts say of the tries before."""
    begun: bool = False
    """Whether the client has been given the head of its stream before the provider's came."""
    broke: tuple[str, str] | None = None
    """How the reply that the client was to have broke off: in a word of the ledger's rows, and in the proxy's words."""
    beats: int = 0
    """How often something was sent to keep the client."""
    own_ns: int = 0
    """Nanoseconds that the chunks of its reply took here."""
    tools: ToolCalls | None = None
    """What tools a reply calls that is given on as it is; those of a mended stream are in ``reply``."""
    memory: Memory | None = None
    """The memory as this exchange sees it, where it is remembered; None for the shared one."""
    again: Again | None = None
    """Which flow's request this is once more; None for a client's own."""
    listed: tuple[str, str] = ("", "")
    """The comment and the marker of the flow as they were last set here; what is otherwise, a person set."""

    def secrets(self) -> tuple[str, ...]:
        """Give what of this exchange nobody is to see: the client's credentials, and what the rules bring (G8)."""
        own = (credential.value for credential in self.facts.credentials)
        return (*own, *query_credentials(self.facts.target), *self.resolved.secrets)

    @property
    def is_whole(self) -> bool:
        """Whether the client was given the whole of a stream, up to its own end."""
        reply = self.reply
        return reply is not None and reply.ended and reply.failure is None and _CUT not in reply.book.told

    def begin_again(self, outcome: Rewritten, tried: str) -> None:
        """Take the request of one more try: what was seen of the reply before is of no use any more."""
        if outcome is not self.outcome:
            kept = [note for note in self.notes if note.kind in OF_THE_WAY]
            self.notes = [*outcome.notes, *kept]
        self.outcome, self.tried = outcome, tried
        self.context = self.look = self.tally = self.reply = self.tools = self.coding = self.error = self.status = None
        self.first_byte, self.first = None, b""

    def pin(self, flow: HTTPFlow) -> None:
        """Copy what people want to see into the flow's metadata."""
        outcome, secrets = self.outcome, self.secrets()
        seen: dict[str, object] = {
            "rules": self.resolved.rules.hash,
            "client": self.facts.client,
            "agent": self.facts.agent,
            "wire": self.facts.wire,
            "asked": self.facts.model,
            # An error's words are the provider's, who may repeat the key (G8).
            "notes": [note.as_dict() | {"what": scrubbed(note.what, secrets)} for note in self.notes],
        }
        if isinstance(outcome, Rewritten):
            decision = outcome.decision
            seen |= {
                "provider": decision.provider,
                "model": decision.sent,
                "by": decision.by,
                "route": decision.route,
                "alias": decision.alias,
                "edits": list(outcome.edits),
                "why": list(decision.why),
                "url": outcome.destination.url.partition("?")[0],
            }
        else:
            seen |= {"refused" if isinstance(outcome, Refused) else "answered": outcome.message}
        if self.again is not None:
            seen["resent_from"] = self.again.flow
        flow.metadata[METADATA] = seen
