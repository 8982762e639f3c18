"""The exchange that a reply belongs to: what its mending may depend on, and nothing else (G10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wiremend.families import SHORTEST, shown
from wiremend.pipeline.crossing import Crossing
from wiremend.protocols import TURNS, WIRES
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import MENDING
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Scope
from wiremend.rules.model import Limits

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import Rewritten
    from wiremend.pipeline.translate import Translation
    from wiremend.protocols.base import Wire
    from wiremend.protocols.mending import Mending, StreamMender
    from wiremend.quirks.base import Quirk
    from wiremend.quirks.memory import Memory

USUAL: Final = Limits()
"""The limits where no rules say any."""


@dataclass(frozen=True, slots=True)
class Context:
    """The exchange that a reply belongs to.

    ``wire`` is the client's, ``upstream`` the provider's, which ``mending`` belongs to; where they differ,
    ``translation`` says what the way back needs, and the upstream's stream is made legal whatever ``mend`` says, for
    nothing else can be translated. ``mend`` off means that the reply is only watched: violations are noted, and nothing
    is changed but the model's name (``name``, where an alias asks for it).
    """

    wire: Wire
    mending: Mending
    scope: Scope
    origin: Origin
    memory: Memory
    quirks: tuple[Quirk, ...] = ()
    mend: bool = True
    name: str | None = None
    """What the reply is to call the model; None also where the encoder of a translation says it (``named``)."""
    named: str | None = None
    stream: bool = False
    secret: str | None = field(default=None, repr=False)
    """The credential that the rules sent, which is none of the client's business (G8)."""
    translation: Translation | None = None
    limits: Limits = USUAL
    """Those of its provider."""
    begun: bool = False
    """Whether the client has been given the head of a stream already, so that errors are told in it."""

    @property
    def upstream(self) -> Wire:
        """The wire that the provider speaks."""
        return self.wire if self.translation is None else WIRES[self.translation.upstream]

    @property
    def edits(self) -> bool:
        """Tell whether anything of a reply may be changed."""
        return self.mend or self.translation is not None

    def mender(self) -> StreamMender | None:
        """Give what makes a stream of the upstream's legal on the client's wire; None where it is only watched."""
        if self.translation is not None:
            return Crossing(self.mending, self.translation, self.origin, self.named)
        return self.mending.mender(self.origin) if self.mend else None

    def kept_back(self, given: bytes) -> bytes:
        """Take that credential out of what the client gets: providers repeat keys in their errors."""
        if self.secret is None or self._secret not in given:
            return given
        return given.replace(self._secret, shown(self.secret).encode())

    @property
    def _secret(self) -> bytes:
        return (self.secret or "").encode("utf-8", "surrogateescape")


def context_for(  # noqa: PLR0913 - an exchange's inputs, each by its name
    outcome: Rewritten,
    memory: Memory,
    *,
    seed: str,
    now: int,
    flow: str = "",
    tried: str = "",
    begun: bool = False,
) -> Context | None:
    """Give the context of the reply to a request that was rewritten; None where it is no turn of a conversation.

    ``seed`` is what minted ids derive from, ``now`` the time in whole seconds since 1970. ``tried`` and ``begun`` are
    those of :class:`~wiremend.captures.capture.Inputs`.
    """
    facts, decision = outcome.facts, outcome.decision
    wire = facts.wire
    if wire is None or facts.endpoint is None or facts.endpoint.path != TURNS[wire]:
        return None
    if not facts.path.rstrip("/").endswith(TURNS[wire]):
        return None  # something below it: a response by its id, its cancellation
    known = all_quirks()
    translation = outcome.translation
    upstream = wire if translation is None else translation.upstream
    return Context(
        wire=WIRES[wire],
        mending=MENDING[upstream],
        scope=Scope(
            wire=upstream,
            model=decision.sent,
            provider=decision.provider,
            host=outcome.destination.host,
            client=facts.client,
            stream=facts.stream,
            seed=seed,
        ),
        origin=Origin(seed=seed, now=now, model=facts.model, client=facts.client, flow=flow, tried=tried),
        memory=memory,
        quirks=tuple(known[name] for name in decision.quirks),
        mend=decision.mend,
        name=outcome.reply_name if translation is None else None,
        named=outcome.reply_name,
        stream=facts.stream,
        translation=translation,
        limits=outcome.decision.upstream.provider.limits if outcome.decision.upstream is not None else USUAL,
        begun=begun,
        secret=_secret_of(outcome),
    )


def _secret_of(outcome: Rewritten) -> str | None:
    """Give the credential that the rules brought, unless the client has the same, or it is a word such as `dummy`."""
    upstream = outcome.decision.upstream
    secret = upstream.secret.value if upstream is not None and upstream.secret is not None else ""
    own = {credential.value for credential in outcome.facts.credentials}
    return secret if len(secret) >= SHORTEST and secret not in own else None
