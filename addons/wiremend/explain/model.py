"""An explanation, as plain values: what a request was taken for, what was tried, and what was changed by whom.

All texts are free of credentials (:class:`~wiremend.explain.veil.Veil`). An :data:`Operation` is one of RFC 6902:
``op`` is "add", "remove" or "replace", ``path`` a JSON pointer, ``value`` what is there now. ``was`` is what was there
before, where there was something; the RFC lets a reader pass over members that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.captures.capture import Style
    from wiremend.notes import Note
    from wiremend.protocols.base import WireName
    from wiremend.rules.conditions import Unmet
    from wiremend.rules.model import Prefer

type Operation = dict[str, Any]
type State = Literal["matches", "differs", "not tried"]
type Did = Literal["changed", "nothing", "waits", "failed", "off"]


@dataclass(frozen=True, slots=True)
class Brought:
    """A credential that the client brought: the header it came in, and its prefix."""

    header: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a request was taken for. ``endpoint`` is None for what is no LLM endpoint, ``kind`` is the endpoint's.

    ``address`` is the host and port that the client addressed, None where it came to the gateway; ``target`` its path
    and query. ``body`` says what the body is, ``size`` its bytes as they came.
    """

    client: str | None
    wire: WireName | None
    endpoint: str | None
    kind: str | None
    model: str | None
    stream: bool
    style: Style
    method: str
    address: str | None
    target: str
    agent: str | None
    credentials: tuple[Brought, ...]
    body: str
    size: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A route that was tried, or was not because one before it matched; ``where`` is file and line."""

    name: str
    where: str
    to: str
    state: State
    unmet: Unmet | None = None
    then: tuple[str, ...] = ()
    """The destinations behind the first, for where that fails."""


@dataclass(frozen=True, slots=True)
class Preferred:
    """A preference, and how well it fits: ``score`` is from 0 to 1, ``words`` are those that spoke for it most.

    ``models`` are its destinations in the order in which they are asked (but for ``prefer`` "fastest", which goes by
    what a proxy has measured). ``where`` is file and line.
    """

    name: str
    where: str
    score: float
    words: tuple[str, ...]
    chosen: bool
    models: tuple[str, ...]
    prefer: Prefer


@dataclass(frozen=True, slots=True)
class Preferring:
    """How a preference is chosen. ``first`` tells that it is before any route is tried, ``chosen`` is its name.

    ``how``: its conversation had it (``kept``), a model chose it (``asked``), or the ``words`` did. ``router`` is the
    model that a proxy would ask before it went by the words; None where there is none, or it is known what was picked.
    """

    first: bool
    how: Literal["kept", "asked", "words"]
    chosen: str | None
    why: str
    router: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """What is asked where no route matches, in this order.

    That is the model's name, the preferences where they were not asked before, the default, the client's own host.
    """

    name: Literal["name", "preference", "default", "host"]
    taken: bool
    what: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A destination in front of the one that is explained, to which the request cannot go."""

    to: str
    why: str


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """A header that differs; ``before`` and ``after`` are None where it is absent. ``why`` names who did it."""

    name: str
    before: str | None
    after: str | None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """An edit of the rules, and what it did; ``unmet`` says why it did not match, None where it did.

    ``headers`` are the notes on headers that it set or removed, ``clamped`` those on numbers that were out of its
    bounds. ``failed`` says why the body was left alone.
    """

    name: str
    where: str
    unmet: Unmet | None = None
    patch: tuple[Operation, ...] = ()
    headers: tuple[str, ...] = ()
    failed: str | None = None
    clamped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """A quirk that is on.

    ``did``: it changed the request; it looked and did nothing; it waits for the reply; it failed; ``mend: off`` keeps
    it from working.
    ``url`` is the path before and after, ``headers`` what it noted of headers, ``reply`` counts what it mended of the
    reply.
    """

    number: int
    name: str
    symptom: str
    did: Did
    patch: tuple[Operation, ...] = ()
    url: tuple[str, str] | None = None
    headers: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    failed: str | None = None
    reply: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """How the credential travels. ``source`` is whose it is (a reference as written, or the client's own).

    ``prefix`` is None where it was not looked up or none is sent, ``header`` the one it is sent in, ``withheld`` why
    the client's own stays home.
    """

    source: str
    prefix: str | None = None
    header: str | None = None
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that does not leave: what the client is answered, and what to add to rules.yaml, if that would do."""

    status: int
    kind: str
    message: str
    add: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and what the client gets for it by today's rules. Statuses are None where there was nothing.

    ``came`` and ``given`` say in words what the bodies are, ``same`` whether their bytes are. ``notes`` are what was
    mended, lost or invented in it. ``as_recorded`` tells whether the client got the same when it was recorded (None: it
    is not known what it got).
    """

    came_status: int | None
    came: str
    given_status: int | None
    given: str
    same: bool
    as_recorded: bool | None = None
    notes: tuple[Note, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is to be said of a request.

    ``decision`` is as :func:`wiremend.pipeline.decided.decision_of` gives it, {} where it was refused or is none of
    ours; then ``untouched`` says which. ``url`` is before and after; where nothing leaves the latter is empty.
    ``url_why`` says whose work it is. ``patch`` leads from the client's body to the upstream's; where the request is
    ``translated``, to that wire, from the translated body, for the client's is said anew. ``rules`` is the file,
    ``rules_hash`` identifies its text.
    """

    taken: Taken
    rules: str
    rules_hash: str
    alias: str | None
    routes: tuple[Tried, ...]
    ways: tuple[Way, ...]
    decision: Mapping[str, Any]
    refused: Refusal | None
    edits: tuple[Applied, ...]
    quirks: tuple[Used, ...]
    credential: Carried | None
    url: tuple[str, str]
    url_why: tuple[str, ...]
    headers: tuple[HeaderChange, ...]
    patch: tuple[Operation, ...]
    losses: tuple[Note, ...]
    notes: tuple[Note, ...]
    untouched: bool = False
    bytes_kept: bool = True
    """Whether the client's body leaves byte for byte."""
    reply: Reply | None = field(default=None)
    translated: WireName | None = None
    passed: tuple[Passed, ...] = ()
    """The destinations in front of this one that are passed over."""
    then: tuple[str, ...] = ()
    """The destinations behind this one, which are asked where it fails."""
    retry: Mapping[str, Any] | None = None
    """All keys of the route's ``retry``; None where no route took the request, or nothing is tried again."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """The provider's limits that differ from the usual ones."""
    preferences: tuple[Preferred, ...] = ()
    """The preferences in the order of the file, where they are asked for this request."""
    preferring: Preferring | None = None
    """How one of them is chosen; None where they are not asked."""
