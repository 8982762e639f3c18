"""What a request says about itself: all that a decision may look at (G10).

Facts are taken once, from the client's request as it came. The body is looked at only as far as needed: the model and
the stream flag here, other values by :func:`wiremend.jsonedit.find` when a rule asks for them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from wiremend.errors import JsonError
from wiremend.jsonedit import members
from wiremend.protocols import COUNTS, TURNS
from wiremend.rules.clients import client_of
from wiremend.rules.urls import LOOPBACK, locate, split_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.headers import Headers
    from wiremend.protocols import Found
    from wiremend.protocols.base import Endpoint, WireName

type Style = Literal["gateway", "proxy"]

_NOTHING: Final[Mapping[str, Mapping[str, bool]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as the client sent it: in which header, and its bare value."""

    header: str
    value: str = field(repr=False)

    @property
    def bearer(self) -> bool:
        """Tell whether it came as ``Authorization: Bearer``."""
        return self.header == "authorization"


@dataclass(frozen=True, slots=True)
class Picked:
    """The preference that was picked for a request elsewhere than in the rules; ``name`` is "" for none of them.

    ``how`` tells: the conversation had ``kept`` it, or a model was ``asked``.
    """

    how: Literal["kept", "asked"]
    name: str = ""

    def __str__(self) -> str:
        """Give it as a capture holds it: ``kept code_review``, ``asked``."""
        return f"{self.how} {self.name}".rstrip()

    @classmethod
    def of(cls, text: str) -> Picked | None:
        """Read what a capture holds; None for anything else, and for nothing."""
        how, _, name = text.partition(" ")
        return cls("kept" if how == "kept" else "asked", name) if how in {"kept", "asked"} else None


@dataclass(frozen=True, slots=True)
class Facts:
    """A request, as rules see it.

    ``host`` and ``port`` are those that the client addressed, None at the gateway; ``target`` its path with the
    query. ``body`` is the decoded JSON text, None where there is none. ``wire`` is None for what is no LLM endpoint.
    ``recorded`` belongs to a request out of a capture, which holds stand-ins: it tells of each stand-in which globs the
    secret itself matched, by the glob's text. ``picked`` is the preference that was picked before, or by a model; None
    where the request's own words are to tell.
    """

    style: Style
    method: str
    target: str
    headers: Headers
    host: str | None = None
    port: int | None = None
    wire: WireName | None = None
    endpoint: Endpoint | None = None
    client: str | None = None
    credentials: tuple[Credential, ...] = ()
    agent: str | None = None
    model: str | None = None
    stream: bool = False
    body: bytes | None = None
    recorded: Mapping[str, Mapping[str, bool]] = field(default_factory=dict, repr=False)
    picked: Picked | None = None

    @property
    def path(self) -> str:
        """The path as sent, without the query."""
        return split_path(self.target)[0]

    def addressed(self, host: str, port: int) -> bool:
        """Tell whether this is the place that the client addressed (G11). On this machine every port is another's."""
        return self.host == host and (self.port == port or host not in LOOPBACK)

    @property
    def generates(self) -> bool:
        """Tell whether it asks a model for something (rather than for a list of models)."""
        return self.endpoint is not None and self.endpoint.kind in ("generate", "count", "embed")

    @property
    def translates(self) -> bool:
        """Tell whether another wire can ask for the same: a turn of a conversation, or its count of tokens."""
        path = self.endpoint.path if self.endpoint is not None else None
        return self.wire is not None and path in (TURNS[self.wire], COUNTS.get(self.wire))


def peek(body: bytes | None) -> tuple[str | None, bool]:
    """Give a JSON body's model and whether it asks for a stream.

    The model is None where it is missing, null, no text, or named twice: a gate that looks at one name while the
    upstream takes the other is no gate.
    """
    if not body:
        return None, False
    try:
        models, streams = members(body, "model", "stream")
    except JsonError:
        return None, False
    model = json.loads(models[0]) if len(models) == 1 else None
    return (model if isinstance(model, str) else None), bool(streams) and streams[-1] == b"true"


def wire_of(found: Found | None, headers: Headers) -> WireName | None:
    """Tell the wire by the endpoint; where several wires have it (``models``), by the client's headers."""
    if found is None:
        return None
    if len(found.wires) > 1 and "messages" in found.wires:
        # Anthropic's SDKs send anthropic-version with every request, OpenAI's never do.
        if "anthropic-version" in headers or "x-api-key" in headers:
            return "messages"
        return next(wire for wire in found.wires if wire != "messages")
    return found.wires[0]


def credentials_of(headers: Headers) -> tuple[Credential, ...]:
    """Give the credentials that a client brought, ``x-api-key`` first; empty values are none."""
    found: list[Credential] = []
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        value = (headers.get(name) or "").strip()
        if value:
            found.append(Credential(name, value))
    scheme, _, value = (headers.get("authorization") or "").strip().partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        found.append(Credential("authorization", value.strip()))
    return tuple(found)


def facts_of(  # noqa: PLR0913 - the parts of a request, each by its name
    *,
    style: Style,
    method: str,
    target: str,
    headers: Headers,
    host: str | None,
    port: int | None,
    body: bytes | None,
    agent_header: str,
    agent: str | None = None,
    recorded: Mapping[str, Mapping[str, bool]] = _NOTHING,
    picked: Picked | None = None,
) -> Facts:
    """Take the facts of a request.

    ``agent`` is the agent's id where no header says; ``recorded`` and ``picked`` are as in :class:`Facts`.
    """
    found = locate(target)
    model, stream = peek(body)
    return Facts(
        style=style,
        method=method,
        target=target,
        headers=headers,
        host=host.lower() if host else None,
        port=port if host else None,
        wire=wire_of(found, headers),
        endpoint=found.endpoint if found else None,
        client=client_of(headers.get("user-agent")),
        credentials=credentials_of(headers),
        agent=headers.get(agent_header) or agent,
        model=model,
        stream=stream,
        body=body,
        recorded=recorded,
        picked=picked,
    )
