"""The handshake of a WebSocket: where it goes, or why there is none.

A WebSocket of the responses wire carries many requests: each message ``response.create`` has the fields of a request's
body, and answers are the events of a stream, one a message (https://developers.openai.com/api/docs/guides/websocket-mode).
The socket is opened before any of them is known, so it can be opened only where all of them would go to one provider,
whatever they say, and where that provider has WebSockets (``websocket: true``). Everywhere else the handshake is
answered 426: Codex, which tries a WebSocket first, then goes on over HTTP at once (measured; after 404 or 405 it tries
seven times). Other wires have no WebSockets.

What only a message says is left open here: the model, the body's values. That a message asks for a stream is known. A
name may lead to a provider by its prefix too (``lab/model``); that counts where the file itself speaks of the provider,
while the prefix of a built-in provider that nobody mentioned is judged when a message really has it
(:mod:`wiremend.pipeline.socket`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wiremend.pipeline.outcome import Refused
from wiremend.pipeline.request import facts_in
from wiremend.protocols import TURNS, WIRES
from wiremend.rules.conditions import matches
from wiremend.rules.engine import decide, not_by_name
from wiremend.rules.model import Route, Target, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Rules
    from wiremend.rules.resolve import Resolved

UPGRADE_REQUIRED: Final = 426

_USE_HTTP: Final = "requests are routed one by one here, so no WebSocket; use HTTP"
_CHOSEN: Final = "the preferences choose a model for each request here, so no WebSocket; use HTTP"


@dataclass(frozen=True, slots=True)
class _Way:
    """Somewhere that a message may go: to a provider, by a route or without one; None is the host addressed."""

    provider: str | None
    route: Route | None = None


def is_upgrade(request: ClientRequest) -> bool:
    """Tell whether a request is a WebSocket's handshake."""
    return (request.headers.get("upgrade") or "").strip().lower() == "websocket"


def upgrade_refused(request: ClientRequest, resolved: Resolved) -> Refused | None:
    """Refuse a WebSocket's handshake where it cannot be opened; None for all else."""
    if not is_upgrade(request):
        return None
    facts = _facts(request, resolved)
    why = _refusal(facts, resolved)
    if why is None:
        return None
    body = WIRES[facts.wire or "chat"].error_body(UPGRADE_REQUIRED, "invalid_request", why)
    return Refused(facts, UPGRADE_REQUIRED, why, body)


def rules_for(request: ClientRequest, resolved: Resolved) -> Resolved:
    """Give the rules by which a request is rewritten: for a handshake those that send it where its messages go.

    For any other request they are the very rules.
    """
    if not is_upgrade(request):
        return resolved
    facts = _facts(request, resolved)
    if not _has_sockets(facts) or _refusal(facts, resolved) is not None:
        return resolved
    way = next(_ways(facts, resolved))
    alone = replace(resolved.rules, aliases={}, routes=(), preferences=None, default=None)
    if way.provider is not None and way.route is not None:
        route = Route(way.route.label, When(), Target(way.provider), way.route.line)
        alone = replace(alone, routes=(route,))
    elif way.provider is not None:
        alone = replace(alone, default=Target(way.provider))
    return replace(resolved, rules=alone)


def may_be_routed(request: ClientRequest, resolved: Resolved) -> bool:
    """Tell whether some message behind this handshake could be sent elsewhere than where the client sent it."""
    return _may_be_routed(_facts(request, resolved), resolved)


# -- how


def _facts(request: ClientRequest, resolved: Resolved) -> Facts:
    return replace(facts_in(request, None, resolved), stream=True)


def _has_sockets(facts: Facts) -> bool:
    """Tell whether the endpoint is the one that has WebSockets."""
    return (
        facts.endpoint is not None
        and facts.wire == "responses"
        and facts.endpoint.path == TURNS["responses"]
        and facts.path.rstrip("/").endswith(TURNS["responses"])
    )


def _refusal(facts: Facts, resolved: Resolved) -> str | None:
    """Say why a handshake is refused; None where it may pass, and where it is none of ours."""
    if resolved.rules.preferences is not None and _has_sockets(facts):
        return _CHOSEN
    if not _has_sockets(facts):
        return _USE_HTTP if _may_be_routed(facts, resolved) else None
    ways = list(_ways(facts, resolved))
    names = list(dict.fromkeys(_provider(way, facts, resolved) for way in ways))
    match names:
        case []:
            return _USE_HTTP
        case [None]:
            return None  # the client's own choice, and nobody knows the place
        case [str(name)]:
            return _without_sockets(name, ways, resolved)
    several = ", ".join(name or str(facts.host) for name in names)
    return f"the messages of a WebSocket could go to several places here ({several}); use HTTP"


def _without_sockets(name: str, ways: list[_Way], resolved: Resolved) -> str | None:
    """Say why there is no WebSocket to a provider; None where there is."""
    provider = resolved.rules.providers[name]
    if not provider.websocket:
        return f"the provider {name!r} is not known to have WebSockets (`websocket: true` says that it has); use HTTP"
    forced = any(way.route is not None and way.route.via not in {None, "responses"} for way in ways)
    if "responses" not in provider.speaks or forced:
        return f"the provider {name!r} is spoken to on another wire, and that has no WebSockets; use HTTP"
    return None


def _may_be_routed(facts: Facts, resolved: Resolved) -> bool:
    if facts.endpoint is None:
        return False
    return facts.host is None or any(way.provider is not None for way in _ways(facts, resolved))


def _ways(facts: Facts, resolved: Resolved) -> Iterator[_Way]:
    """Give each way that a message with this head may go, in the order in which the rules decide."""
    rules = resolved.rules
    for route in rules.routes:
        if matches(replace(route.when, model=(), body=()), facts, ()):
            yield _Way(route.target.provider, route)
            if not route.when.model and not route.when.body:
                return
    if rules.default is not None:
        yield _Way(rules.default.provider)
    elif facts.host is not None:
        yield _Way(None)
    yield from map(_Way, _named(rules, resolved))


def _named(rules: Rules, resolved: Resolved) -> Iterator[str]:
    """Give the providers to which a model's name may lead by itself."""
    yield from (alias.target.provider for alias in rules.aliases.values())
    for name, provider in rules.providers.items():
        if provider.line and not_by_name(f"{name}/model", resolved, by_alias=False) is None:
            yield name


def _provider(way: _Way, facts: Facts, resolved: Resolved) -> str | None:
    """Give the provider behind a way; that of the host addressed, if it is one's."""
    if way.provider is not None:
        return way.provider
    alone = replace(resolved.rules, aliases={}, routes=(), preferences=None, default=None)
    return decide(facts, replace(resolved, rules=alone)).provider
