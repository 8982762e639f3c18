"""Rules as the engine uses them: frozen, checked, and free of YAML.

:mod:`wiremend.rules.compile` makes these from a file; nothing changes them afterwards, so that a flow can hold on to
the rules it began with while a reload puts others in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from wiremend.quirks import AUTO, Setting

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from wiremend.jsonedit import Edit as JsonEdit
    from wiremend.jsonedit import Pointer
    from wiremend.protocols.base import WireName
    from wiremend.rules.globs import Glob
    from wiremend.rules.references import Reference, Template

type Auth = Literal["bearer", "x-api-key", "none"]


@dataclass(frozen=True, slots=True)
class HeaderEdit:
    """One header: set to ``value``, removed (``value`` is None and ``drop`` empty), or thinned by ``drop``."""

    name: str
    value: Template | None = None
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars for a million tokens; ``cached`` those of the prompt that the cache serves."""

    input: float
    output: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model: tokens that it can hold, and that it can write at once, its name for people, its price.

    The rest is the catalogue's alone (``catalogue.yaml`` says what each means). ``wires`` empty: all of its provider's.
    ``until`` is the last day on which a deprecated one is served (ISO 8601), if that is known. ``source`` is empty for
    a model that only the rules file names; ``own`` tells whether the file names it at all.
    """

    context_window: int | None = None
    max_output: int | None = None
    display_name: str | None = None
    price: Price | None = None
    wires: tuple[WireName, ...] = ()
    sampling: str | None = None
    deprecated: bool = False
    until: str | None = None
    replaced_by: str | None = None
    stands_for: str | None = None
    note: str | None = None
    source: tuple[str, ...] = ()
    read: str | None = None
    own: bool = False

    def with_sizes_of(self, other: Known) -> Known:
        """Give this one with the sizes of another where it has none of its own."""
        window, output = self.context_window or other.context_window, self.max_output or other.max_output
        return replace(self, context_window=window, max_output=output)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """When a provider is left alone: after so many failures in a row, for so many seconds until it is probed."""

    after: int = 5
    rest: float = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take, at a provider. Times are seconds, sizes bytes.

    ``connect`` is for making a connection, ``first_byte`` from the request's end to the first byte of the reply's
    body, ``between_events`` between two events of a stream, ``duration`` for the whole of a try. ``keepalive`` is how
    long the client hears nothing until it is sent something (None: never), ``head`` how long it waits for the head of
    a stream. ``concurrent`` requests run at once (None: any number), ``queue`` more wait, for ``queue_wait`` at most.
    ``memory`` is what is held of one reply while it streams.
    """

    connect: float = 10.0
    first_byte: float = 600.0
    between_events: float = 600.0
    duration: float = 3600.0
    keepalive: float | None = 15.0
    head: float = 60.0
    concurrent: int | None = None
    queue: int = 100
    queue_wait: float = 60.0
    request_body: int = 64 * 1000**2
    reply_body: int = 256 * 1000**2
    event: int = 16 * 1000**2
    memory: int = 64 * 1000**2
    cooldown: Cooldown | None = Cooldown()


RETRIED: Final[frozenset[int | str]] = frozenset(
    {408, 409, 425, 429, 500, 502, 503, 504, *range(520, 530), "connection", "stall", "stream"}
)
"""What is tried again unless the file says otherwise: statuses, and what can go wrong without one."""

NEVER_RETRIED: Final = frozenset({400, 401, 403, 404, 422})
"""Statuses that come again however often one asks."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when a route tries again. Times are seconds.

    ``times`` counts the retries at one destination: with 3 it is asked four times. ``on`` has statuses and the words
    ``connection`` (no connection, or none that lasted until the reply), ``stall`` (a limit of time was reached) and
    ``stream`` (an error, or nothing, in the place of a stream's first words). ``backoff`` is what the first wait may
    be, ``max`` what any wait may be, ``budget`` what all tries of a request together may take until one answers. A
    conversation that fell back stays there for ``stay``.
    """

    times: int = 0
    on: frozenset[int | str] = RETRIED
    backoff: float = 1.0
    max: float = 30.0
    budget: float = 120.0
    stay: float = 600.0


ONCE: Final = Retry()
"""Nothing is tried again."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A named upstream.

    ``bases`` gives the base URL of each wire as written (a :class:`Template`). ``keys`` are the references to its
    credential, the first that is to be had is sent. ``key_given`` tells whether the user's file names them, or the
    built-in table does (then the client's own goes first where it may go, guarantee G11). ``mend`` is None where the
    file's own ``mend`` counts.
    """

    name: str
    bases: Mapping[WireName, Template]
    speaks: tuple[WireName, ...]
    auth: Mapping[WireName, Auth]
    keys: tuple[Reference, ...] = ()
    key_given: bool = False
    headers: tuple[HeaderEdit, ...] = ()
    models: Mapping[str, Known] = field(default_factory=dict)
    quirks: Setting = AUTO
    mend: bool | None = None
    websocket: bool = False
    """Whether its responses wire has WebSockets."""
    limits: Limits = Limits()
    """Those of the file, overridden key by key by the provider's own."""
    line: int = 0
    """Where the file speaks of it; 0 for a built-in that it leaves alone."""

    @property
    def namespaced(self) -> bool:
        """Tell whether its own model ids contain a slash (``moonshotai/kimi-k2.6`` at OpenRouter)."""
        return any("/" in model for model in self.models)

    @property
    def needs_credential(self) -> bool:
        """Tell whether any of its wires wants one."""
        return any(style != "none" for style in self.auth.values())


@dataclass(frozen=True, slots=True)
class Target:
    """``provider`` or ``provider/model``; ``model`` None keeps the model's name."""

    provider: str
    model: str | None = None

    def __str__(self) -> str:
        """Give it as written in rules.yaml."""
        return self.provider if self.model is None else f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Alias:
    """An exact name and what it stands for."""

    name: str
    target: Target
    keep_name: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class When:
    """Conditions; None (or empty) means not asked. In a tuple of globs, None matches "there is none"."""

    client: tuple[Glob, ...] = ()
    key: tuple[Glob | None, ...] = ()
    model: tuple[Glob | None, ...] = ()
    host: tuple[Glob | None, ...] = ()
    path: tuple[Glob, ...] = ()
    wire: tuple[WireName, ...] = ()
    agent: tuple[Glob | None, ...] = ()
    provider: tuple[Glob, ...] = ()
    header: tuple[tuple[str, tuple[Glob, ...]], ...] = ()
    body: tuple[tuple[Pointer, tuple[Glob, ...]], ...] = ()
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route; ``label`` is its name, or its place in the file. ``via`` is the wire to speak upstream, if it says.

    Where ``target`` fails, the first of ``fallbacks`` is tried, and so on.
    """

    label: str
    when: When
    target: Target
    line: int
    via: WireName | None = None
    fallbacks: tuple[Target, ...] = ()
    retry: Retry = ONCE

    @property
    def targets(self) -> tuple[Target, ...]:
        """All destinations in their order."""
        return (self.target, *self.fallbacks)


type Prefer = Literal["none", "cheapest", "fastest"]
PREFERS: Final[tuple[Prefer, ...]] = ("none", "cheapest", "fastest")

AUTO_MODEL: Final = "auto"
"""The name by which a client leaves the choice of the model to the preferences."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One kind of request, and the models that answer it: the destinations of ``route``, in their order.

    ``route`` has no conditions. ``prefer`` is as the file has it; ``cheapest`` is in the order already.
    """

    name: str
    description: str
    route: Route
    prefer: Prefer = "none"
    examples: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choosing a model by what is asked. Times are seconds.

    ``router`` is the model that is asked which preference fits (None: nobody, the words decide), for ``timeout`` at
    most. A conversation keeps its choice for ``stay`` after its last request (0: it does not). ``every`` tells that
    all requests are chosen for, not just those of the model ``auto`` and those that no route matched.
    """

    choices: tuple[Preference, ...]
    router: Target | None = None
    timeout: float = 2.0
    stay: float = 3600.0
    every: bool = False
    line: int = 0

    def named(self, name: str) -> Preference | None:
        """Give a preference by its name."""
        return next((one for one in self.choices if one.name == name), None)


@dataclass(frozen=True, slots=True)
class EditRule:
    """One entry of ``edits``."""

    label: str
    when: When
    body: tuple[JsonEdit, ...]
    headers: tuple[HeaderEdit, ...]
    line: int

    def told(self, file: str) -> str:
        """Name it for people: by its name or its number, and where it stands."""
        unnamed = self.label.startswith("edit ") and self.label[5:].isdigit()
        name = self.label if unnamed else f"edit {self.label!r}"
        return f"{name} ({file}:{self.line})"


type Decider = Literal["route", "name", "preference", "default", "host"]

DECIDERS: Final[tuple[Decider, ...]] = ("route", "name", "preference", "default", "host")
"""What an expectation may ask to have decided; ``host`` is where the client sent it, whoever that is."""


@dataclass(frozen=True, slots=True)
class Given:
    """The request of an expectation."""

    client: str | None = None
    key: str | None = None
    model: str | None = None
    host: str | None = None
    path: str | None = None
    wire: WireName | None = None
    agent: str | None = None
    header: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[Pointer, bytes], ...] = ()
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """An example that must hold. ``targets``, where a list is given, is that of all destinations in their order.

    ``models``, where the file lists some, are tried in the place of the model of ``given``, each with the line and the
    column at which it stands. One of ``by`` must have decided, where there are some.
    """

    given: Given
    target: Target | None
    url: Glob | None
    line: int
    column: int
    targets: tuple[Target, ...] = ()
    models: tuple[tuple[str | None, int, int], ...] = ()
    by: tuple[Decider, ...] = ()


@dataclass(frozen=True, slots=True)
class Listen:
    """The proxy's own address as written; ``intercept`` is None for all hosts, else globs besides the known hosts.

    ``or_loopback`` tells that where the token is not to be had, loopback serves in the place of ``host``.
    """

    port: str = "8080"
    host: str = "127.0.0.1"
    token: Reference | None = None
    or_loopback: bool = False
    intercept: tuple[Glob, ...] | None = ()
    line: int = 1


@dataclass(frozen=True, slots=True)
class Capture:
    """What is remembered: for how many seconds, how many bytes in all, where (None: in the user's state folder).

    ``scrub_pointers`` and ``scrub_patterns`` say what is replaced besides credentials. Only exchanges that ``when``
    fits are kept.
    """

    on: bool = True
    keep: float = 7 * 86400.0
    max_size: int = 2 * 1000**3
    folder: Template | None = None
    scrub_pointers: tuple[Pointer, ...] = ()
    scrub_patterns: tuple[re.Pattern[bytes], ...] = ()
    when: When = field(default_factory=When)
    line: int = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """How captures are compared: the places of a request that count for nothing, the seconds until a case is stale."""

    ignore: tuple[Pointer, ...] = ()
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class LedgerSink:
    """Where rows go: ``sqlite`` (a path), ``postgresql`` (a URL) or ``https`` (a webhook's URL).

    ``address`` is that with its variables; or the whole of it is kept at ``reference``.
    """

    address: Template | None = None
    reference: Reference | None = None
    line: int = 1


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is written down of calls. ``sinks`` empty: the embedded database beside the captures. Times are seconds."""

    on: bool = True
    sinks: tuple[LedgerSink, ...] = ()
    line: int = 1


type Cause = Literal["rate_limited", "balance", "cooled_down", "fallback", "gate"]

CAUSES: Final[tuple[Cause, ...]] = ("rate_limited", "balance", "cooled_down", "fallback", "gate")


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told of what: Apprise URLs, kept at references; one alert a cause, provider and ``interval`` (seconds)."""

    to: tuple[Reference, ...] = ()
    on: frozenset[Cause] = frozenset(CAUSES)
    interval: float = 900.0
    line: int = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole file, compiled. ``hash`` identifies its text; ``file`` is for messages."""

    file: str
    hash: str
    providers: Mapping[str, Provider]
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    preferences: Preferences | None = None
    default: Target | None = None
    default_line: int = 0
    edits: tuple[EditRule, ...] = ()
    expect: tuple[Expect, ...] = ()
    mend: bool = True
    listen: Listen = field(default_factory=Listen)
    capture: Capture = field(default_factory=Capture)
    replay: Replay = field(default_factory=Replay)
    limits: Limits = Limits()
    ledger: Ledger = Ledger()
    alerts: Alerts = Alerts()
    agent_header: str = "x-agent-id"

    @property
    def ways(self) -> tuple[Route, ...]:
        """All that leads to a list of destinations: the routes, and behind them the preferences."""
        chosen = self.preferences.choices if self.preferences is not None else ()
        return (*self.routes, *(one.route for one in chosen))
