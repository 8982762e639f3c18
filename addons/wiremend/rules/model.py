"""Rules as the engine uses them: frozen, checked, and free of YAML.

:mod:`wiremend.rules.compile` makes these from a file; nothing changes them afterwards, so that a flow can hold on to
the rules it began with while a reload puts others in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

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
class Known:
    """What is known of a model: tokens that it can hold, and that it can write at once, and its name for people."""

    context_window: int | None = None
    max_output: int | None = None
    display_name: str | None = None


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
    """One route; ``label`` is its name, or its place in the file. ``via`` is the wire to speak upstream, if it says."""

    label: str
    when: When
    target: Target
    line: int
    via: WireName | None = None


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
    """An example that must hold."""

    given: Given
    target: Target | None
    url: Glob | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Listen:
    """The proxy's own address as written; ``intercept`` is None for all hosts, else globs besides the known hosts."""

    port: str = "8080"
    host: str = "127.0.0.1"
    token: Reference | None = None
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
class Rules:
    """A whole file, compiled. ``hash`` identifies its text; ``file`` is for messages."""

    file: str
    hash: str
    providers: Mapping[str, Provider]
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    default: Target | None = None
    default_line: int = 0
    edits: tuple[EditRule, ...] = ()
    expect: tuple[Expect, ...] = ()
    mend: bool = True
    listen: Listen = field(default_factory=Listen)
    capture: Capture = field(default_factory=Capture)
    replay: Replay = field(default_factory=Replay)
    agent_header: str = "x-agent-id"
