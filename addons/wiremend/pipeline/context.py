"""The exchange that a reply belongs to: what its mending may depend on, and nothing else (G10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wiremend.families import SHORTEST, shown
from wiremend.protocols import WIRES
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import MENDING
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.pipeline.request import Rewritten
    from wiremend.protocols.base import Wire, WireName
    from wiremend.protocols.mending import Mending
    from wiremend.quirks.base import Quirk
    from wiremend.quirks.memory import Memory

TURNS: Final[Mapping[WireName, str]] = {
    "messages": "messages",
    "chat": "chat/completions",
    "responses": "responses",
}
"""The endpoint of each wire whose reply is a turn of a conversation, which its contract describes."""


@dataclass(frozen=True, slots=True)
class Context:
    """The exchange that a reply belongs to.

    ``mend`` off means that the reply is only watched: violations are noted, and nothing is changed but the model's name
    (``name``, where an alias asks for it).
    """

    wire: Wire
    mending: Mending
    scope: Scope
    origin: Origin
    memory: Memory
    quirks: tuple[Quirk, ...] = ()
    mend: bool = True
    name: str | None = None
    stream: bool = False
    secret: str | None = field(default=None, repr=False)
    """The credential that the rules sent, which is none of the client's business (G8)."""

    def kept_back(self, given: bytes) -> bytes:
        """Take that credential out of what the client gets: providers repeat keys in their errors."""
        if self.secret is None or self._secret not in given:
            return given
        return given.replace(self._secret, shown(self.secret).encode())

    @property
    def _secret(self) -> bytes:
        return (self.secret or "").encode("utf-8", "surrogateescape")


def context_for(outcome: Rewritten, memory: Memory, *, seed: str, now: int, flow: str = "") -> Context | None:
    """Give the context of the reply to a request that was rewritten; None where it is no turn of a conversation.

    ``seed`` is what minted ids derive from, ``now`` the time in whole seconds since 1970.
    """
    facts, decision = outcome.facts, outcome.decision
    wire = facts.wire
    if wire is None or facts.endpoint is None or facts.endpoint.path != TURNS[wire]:
        return None
    if not facts.path.rstrip("/").endswith(TURNS[wire]):
        return None  # something below it: a response by its id, its cancellation
    known = all_quirks()
    return Context(
        wire=WIRES[wire],
        mending=MENDING[wire],
        scope=Scope(
            wire=wire,
            model=decision.sent,
            provider=decision.provider,
            host=outcome.destination.host,
            client=facts.client,
            stream=facts.stream,
            seed=seed,
        ),
        origin=Origin(seed=seed, now=now, model=facts.model, client=facts.client, flow=flow),
        memory=memory,
        quirks=tuple(known[name] for name in decision.quirks),
        mend=decision.mend,
        name=outcome.reply_name,
        stream=facts.stream,
        secret=_secret_of(outcome),
    )


def _secret_of(outcome: Rewritten) -> str | None:
    """Give the credential that the rules brought, unless the client has the same, or it is a word such as `dummy`."""
    upstream = outcome.decision.upstream
    secret = upstream.secret.value if upstream is not None and upstream.secret is not None else ""
    own = {credential.value for credential in outcome.facts.credentials}
    return secret if len(secret) >= SHORTEST and secret not in own else None
