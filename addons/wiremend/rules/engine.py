"""Facts and rules make a decision: where a request goes, under which name, and why.

The order is fixed: an **alias** renames the model; the **first route** that matches says where it goes; else a name
that begins with a provider (``deepseek/deepseek-v4-pro``, as an alias gives it) goes there; else the **preference**
that fits what is asked; else **default**; else where the client sent it, if it addressed a host; else it is refused,
with the line of rules.yaml to add. The model ``auto``, and with ``for: all`` every request, asks the preferences first.
A decision is a function of the facts and the rules alone (G10), it carries the hash of the rules, and says in ``why``
how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from wiremend.errors import RefusedError
from wiremend.protocols import COUNTS, TURNS
from wiremend.protocols.base import is_version
from wiremend.quirks import AUTO, chosen
from wiremend.quirks.base import Scope
from wiremend.rules.conditions import matches, names_of
from wiremend.rules.model import AUTO_MODEL, ONCE, Retry, Target
from wiremend.rules.preferring import fit, is_asked
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.urls import Destination, collapse, join, locate, segments, without_credentials

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Alias, EditRule, Preferences, Route, Rules
    from wiremend.rules.resolve import Resolved, Upstream
    from wiremend.rules.urls import Base

type By = Literal["route", "name", "preference", "default", "host", "client"]
BYS: Final[tuple[By, ...]] = ("route", "name", "preference", "default", "host", "client")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a request.

    ``upstream`` is None where the client's own destination stands and no provider is known for it; then ``target``
    is only rid of repetitions. ``model`` is the name to send, None to leave the body's alone. ``unrouted`` names a
    model that no route matched and that went to ``default`` (one warning a model). ``mend`` is what the file says under
    that key; ``quirks`` are the names of those that are on, in the order of their numbers, whatever ``mend`` says.
    """

    by: By
    rules_hash: str
    upstream: Upstream | None
    destination: Destination | None
    target: str
    wire: WireName | None
    asked: str | None
    model: str | None = None
    route: str | None = None
    alias: str | None = None
    keep_name: bool = False
    unrouted: str | None = None
    why: tuple[str, ...] = field(default=())
    mend: bool = True
    quirks: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    """All destinations of the route, in its order; () where no route decided."""
    target_index: int = 0
    """Which of them this is."""
    retry: Retry = ONCE
    preference: str | None = None
    """The preference that was chosen by what is asked."""

    def translates(self, facts: Facts) -> bool:
        """Tell whether the provider is spoken to on another wire than the client speaks."""
        return self.wire != facts.wire and facts.translates

    @property
    def provider(self) -> str | None:
        """The provider's name."""
        return self.upstream.name if self.upstream else None

    @property
    def sent(self) -> str | None:
        """The model's name as it is sent."""
        return self.model or self.asked


def decide(facts: Facts, resolved: Resolved, to: str | None = None) -> Decision:
    """Decide a request.

    ``to`` chooses among the destinations of a route, as rules.yaml writes them; where the route has none of that name,
    and without it, the first is chosen. Raises :class:`RefusedError` where the request has no destination, or one that
    does not speak its wire.
    """
    rules = resolved.rules
    asked = _asked(facts, resolved)
    way = _way(asked)
    asked = replace(asked, why=(*asked.why, *way.none))
    if way.route is not None:
        target = next((one for one in way.route.targets if str(one) == to), way.route.target)
        return _to_target(asked, target, way.by, way.why, way.route.line, way.route)
    prefixed = _by_name(asked)
    if prefixed is not None:
        return _to_target(asked, prefixed, "name", f"the name {asked.named!r} begins with a provider")
    if rules.default is not None and (facts.generates or facts.style == "gateway"):
        return _to_target(asked, rules.default, "default", "no route matches: the default", rules.default_line)
    if facts.host is not None:
        return _where_sent(asked, facts.host)
    raise _no_destination(facts, resolved)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request on its way to a decision; ``named`` is the model's name after aliases."""

    facts: Facts
    resolved: Resolved
    named: str | None
    alias: Alias | None
    why: tuple[str, ...]


def _asked(facts: Facts, resolved: Resolved) -> _Asked:
    rules = resolved.rules
    alias = rules.aliases.get(facts.model) if facts.model is not None else None
    named = str(alias.target) if alias else facts.model
    why = (f"alias {facts.model!r} stands for {named!r} ({rules.file}:{alias.line})",) if alias else ()
    return _Asked(facts, resolved, named, alias, why)


@dataclass(frozen=True, slots=True)
class _Way:
    """The route or the preference that takes a request, and why; ``none`` says why no preference does."""

    route: Route | None = None
    by: By = "route"
    why: str = ""
    none: tuple[str, ...] = ()


def _way(asked: _Asked) -> _Way:
    """Find the route or the preference that takes a request."""
    facts, rules = asked.facts, asked.resolved.rules
    chosen = rules.preferences if rules.preferences is not None and is_asked(facts) else None
    first, none = _first(asked), _Way()
    if chosen is not None and first:
        none = _preferred(facts, chosen)
        if none.route is not None:
            return none
    route = _route(asked)
    if route is not None:
        return _Way(route, "route", f"route {route.label!r} matches", none.none)
    if chosen is None or first or _by_name(asked) is not None:
        return none
    return _preferred(facts, chosen)


def _first(asked: _Asked) -> bool:
    """Tell whether the preferences are asked before the routes."""
    chosen = asked.resolved.rules.preferences
    return chosen is not None and is_asked(asked.facts) and (chosen.every or asked.named == AUTO_MODEL)


def _route(asked: _Asked) -> Route | None:
    rules = asked.resolved.rules
    names = names_of(asked.named, rules.providers)
    return next((route for route in rules.routes if matches(route.when, asked.facts, names)), None)


def _preferred(facts: Facts, preferences: Preferences) -> _Way:
    found = fit(facts, preferences)
    if found.preference is None:
        return _Way(none=(f"preferences: {found.why}",))
    return _Way(found.preference.route, "preference", f"preference {found.why}")


def _by_name(asked: _Asked) -> Target | None:
    """Give the destination that a name says by itself: ``provider/model``."""
    if not_by_name(asked.named, asked.resolved, by_alias=asked.alias is not None) is not None:
        return None
    name, _, model = (asked.named or "").partition("/")
    return Target(name, model)


def chooses(facts: Facts, resolved: Resolved) -> bool:
    """Tell whether the preferences are asked for a request: then what was picked before counts."""
    if resolved.rules.preferences is None or not is_asked(facts):
        return False
    asked = _asked(facts, resolved)
    return _first(asked) or (_route(asked) is None and _by_name(asked) is None)


def chooses_first(facts: Facts, resolved: Resolved) -> bool:
    """Tell whether the preferences are asked for a request before any route is tried."""
    return _first(_asked(facts, resolved))


def not_by_name(named: str | None, resolved: Resolved, *, by_alias: bool) -> str | None:
    """Say why a model's name, after aliases, is no destination by itself; None where it is one: ``provider/model``.

    A client may not say its way around a gate: a provider that a route leads to is reached by routes only, and one that
    the file does not speak of is no better than ``default``, where there is one. What the file's own alias says counts.
    """
    name, slash, model = (named or "").partition("/")
    provider = resolved.rules.providers.get(name)
    if not slash or not model or provider is None:
        return "it does not begin with a provider and a slash"
    if by_alias:
        return None
    routes = resolved.rules.routes
    gate = next((route for route in routes if any(target.provider == name for target in route.targets)), None)
    if gate is not None:
        return f"{name!r} is reached by routes only: {gate.label!r} ({resolved.rules.file}:{gate.line}) leads to it"
    if not provider.line and resolved.rules.default is not None:
        return f"{name!r} is not in the file, and there is a default"
    return None


def _to_target(asked: _Asked, target: Target, by: By, why: str, line: int = 0, route: Route | None = None) -> Decision:  # noqa: PLR0913, PLR0917 - read at three places, all above
    facts, resolved = asked.facts, asked.resolved
    upstream = resolved.upstreams.get(target.provider)
    place = f" ({resolved.rules.file}:{line})" if line else ""
    if asked.named == AUTO_MODEL and target.model is None and resolved.rules.preferences is not None:
        none = "no preference fits" if is_asked(facts) else f"preferences choose for conversations, not {facts.path}"
        message = f"{none}, and {str(target)!r}{place} names no model in the place of {AUTO_MODEL!r}"
        raise RefusedError(404, "model_not_found", f"{message}; write {target}/MODEL there")
    if upstream is None:
        message = f"the provider {target.provider!r} has no usable base_url{place}; `wiremend check` says why"
        raise RefusedError(500, "internal", message)
    wire = _wire_upstream(facts, upstream, route, place)
    target_path = facts.target if wire == facts.wire else _translated_path(facts, wire)
    base = upstream.bases.get(wire or upstream.provider.speaks[0]) or next(iter(upstream.bases.values()))
    model = _model_to_send(target, asked.named, upstream, resolved)
    stands: tuple[str, ...] = ()
    if target.model is None or (by == "name" and asked.alias is None):  # what the file writes out is sent as written
        model, stands = _published(model, upstream)
    scope = scope_of(facts, wire, model, upstream.name, base.host, base.port)
    stranger = not facts.addressed(base.host, base.port)
    return Decision(
        by=by,
        rules_hash=resolved.rules.hash,
        upstream=upstream,
        destination=join(base, without_credentials(target_path) if stranger else target_path, resolved.bases),
        target=facts.target,
        wire=wire,
        asked=facts.model,
        model=model if model != facts.model else None,
        route=route.label if route else None,
        alias=asked.alias.name if asked.alias else None,
        keep_name=asked.alias.keep_name if asked.alias else False,
        unrouted=facts.model if by == "default" and asked.alias is None and facts.model != AUTO_MODEL else None,
        why=(*asked.why, why + place, *stands),
        mend=_mends(upstream, resolved),
        quirks=_quirks(scope, upstream),
        targets=route.targets if route else (),
        target_index=route.targets.index(target) if route else 0,
        retry=route.retry if route else ONCE,
        preference=route.label.removeprefix("preference ") if route is not None and by == "preference" else None,
    )


def route_of(facts: Facts, resolved: Resolved) -> Route | None:
    """Give the route, or that of the preference, which takes a request; None where none does."""
    return _way(_asked(facts, resolved)).route


def _wire_upstream(facts: Facts, upstream: Upstream, route: Route | None, place: str) -> WireName | None:
    """Choose the wire to speak upstream: what the route forces, else the client's own, else the provider's first.

    Raises :class:`RefusedError` where that asks for a translation of something that is no turn of a conversation.
    """
    wire, speaks = facts.wire, upstream.provider.speaks
    forced = route.via if route is not None else None
    if wire is None or (wire in speaks and (forced in (None, wire) or forced not in speaks)):
        return wire
    chosen = forced if forced in speaks else speaks[0]
    if facts.generates and not facts.translates:
        message = (
            f"the provider {upstream.name!r} speaks {' and '.join(speaks)}, and {facts.path} of the {wire} wire has no"
            f" counterpart there; route it to a provider that speaks {wire}{place}"
        )
        raise RefusedError(400, "invalid_request", message)
    return chosen


def _translated_path(facts: Facts, wire: WireName | None) -> str:
    """Give the path by which the wire upstream asks for the same; the client's query is of its own wire, and stays."""
    kind = facts.endpoint.kind if facts.endpoint is not None else None
    if wire is None or kind not in ("generate", "count"):
        return facts.target
    return f"/{TURNS[wire] if kind == 'generate' else COUNTS.get(wire, TURNS[wire])}"


def _model_to_send(target: Target, named: str | None, upstream: Upstream, resolved: Resolved) -> str | None:
    """Give the model's name upstream: without a provider's prefix, unless the upstream's own ids have such."""
    if target.model is not None:
        return target.model
    prefix, slash, bare = (named or "").partition("/")
    if (
        slash
        and bare
        and (prefix == upstream.name or (prefix in resolved.rules.providers and not upstream.provider.namespaced))
    ):
        return bare
    return named


def _published(model: str | None, upstream: Upstream) -> tuple[str | None, tuple[str, ...]]:
    """Give the id that a model's name stands for where nobody publishes it any more (the catalogue), and say so."""
    known = upstream.provider.models.get(model or "")
    if known is None or known.stands_for is None:
        return model, ()
    return known.stands_for, (f"{model!r} is published no more, and stands for {known.stands_for!r} (the catalogue)",)


def _where_sent(asked: _Asked, host: str) -> Decision:
    """Let a request go where the client sent it, its URL repaired for the provider that lives there."""
    facts, resolved = asked.facts, asked.resolved
    upstream = _at_host(facts, resolved, host)
    base = _own_base(facts, upstream) if upstream is not None else None
    here = f", which is the provider {upstream.name!r}" if upstream is not None and base is not None else ""
    return Decision(
        by="client" if base is None else "host",
        rules_hash=resolved.rules.hash,
        upstream=None if base is None else upstream,
        destination=None if base is None else join(base, facts.target, resolved.bases),
        target=collapse(facts.target),
        wire=facts.wire,
        asked=facts.model,
        why=(*asked.why, f"no route matches: where the client sent it{here}"),
        mend=_mends(upstream, resolved),
        quirks=_quirks(
            scope_of(facts, facts.wire, facts.model, upstream.name if upstream else None, host, facts.port), upstream
        ),
    )


def scope_of(  # noqa: PLR0913, PLR0917 - the parts of a scope, read at three places
    facts: Facts, wire: WireName | None, model: str | None, provider: str | None, host: str, port: int | None
) -> Scope | None:
    """Give an exchange as a quirk may know it; None where the request is none that asks a model for a turn."""
    if wire is None or facts.endpoint is None or facts.endpoint.kind not in ("generate", "count"):
        return None
    return Scope(wire, model, provider, host, facts.client, facts.stream, port=port)


def _mends(upstream: Upstream | None, resolved: Resolved) -> bool:
    own = upstream.provider.mend if upstream is not None else None
    return resolved.rules.mend if own is None else own


def _quirks(scope: Scope | None, upstream: Upstream | None) -> tuple[str, ...]:
    """Give the names of the quirks that are on, in the order of their numbers."""
    if scope is None:
        return ()
    setting = upstream.provider.quirks if upstream is not None else AUTO
    return tuple(quirk.name for quirk in chosen(setting, scope))


def _own_base(facts: Facts, upstream: Upstream) -> Base | None:
    """Give the base to join where the client addressed a provider's host; None where the path is not that provider's.

    Another root at the same host (``/beta``, another plan's) is the client's choice, and billed differently; only a
    root that is missing altogether is put in.
    """
    found = locate(facts.target)
    if found is None or (facts.wire not in upstream.bases and facts.generates):
        return None
    prefix = tuple(part for part in segments(facts.path)[: found.start] if not is_version(part))
    if prefix and prefix not in {base.root for base in upstream.bases.values()}:
        return None
    return (upstream.bases.get(facts.wire) if facts.wire else None) or next(iter(upstream.bases.values()))


def _at_host(facts: Facts, resolved: Resolved, host: str) -> Upstream | None:
    """Find the provider at a host; where several share it, the one whose base the path begins with."""
    here = [
        upstream
        for upstream in resolved.upstreams.values()
        if any(facts.addressed(base.host, base.port) for base in upstream.bases.values())
    ]

    def shared(upstream: Upstream) -> int:
        roots = ("/" + "/".join(base.root) for base in upstream.bases.values() if base.host == host)
        return max((len(root) for root in roots if facts.path.startswith(root)), default=0)

    return max(here, key=shared) if here else None


def _no_destination(facts: Facts, resolved: Resolved) -> RefusedError:
    file = resolved.rules.file
    if facts.endpoint is None:
        return RefusedError(
            404, "not_found", f"this is Wiremend's gateway, and no route of {file} takes {facts.method} {facts.path}"
        )
    if facts.model is None:
        message = f"no route of {file} matches this request, which names no model; add `default: PROVIDER/MODEL`"
        return RefusedError(404, "model_not_found", message)
    if facts.model == AUTO_MODEL and resolved.rules.preferences is not None:
        message = f"no preference of {file} fits what {AUTO_MODEL!r} is asked; add `default: PROVIDER/MODEL` for that"
        if not is_asked(facts):
            message = f"{AUTO_MODEL!r} chooses for conversations only; {facts.path} takes a model by its name"
        return RefusedError(404, "model_not_found", message)
    globs = [glob.text for route in resolved.rules.routes for glob in route.when.model if glob is not None]
    near = did_you_mean(facts.model, [*resolved.rules.aliases, *globs], few=0)
    message = (
        f"no route of {file} matches the model {facts.model!r}{near}; add a line under routes, such as"
        f" `- {{when: {{model: '{facts.model}'}}, to: PROVIDER}}`, or `default: PROVIDER/MODEL`"
    )
    return RefusedError(404, "model_not_found", message)


def is_kept(facts: Facts, decision: Decision | None, rules: Rules) -> bool:
    """Tell whether an exchange is to be remembered.

    ``decision`` is None where none was made (a request that is refused, or goes to a stranger). ``model`` in the
    condition is the one sent, as in an edit; where nothing was decided, the one asked for.
    """
    model = decision.sent if decision is not None else facts.model
    provider = decision.provider if decision is not None else None
    names = (model,) if model is not None else ()
    return rules.capture.on and matches(rules.capture.when, facts, names, provider)


def edits_for(facts: Facts, decision: Decision, resolved: Resolved) -> tuple[EditRule, ...]:
    """Give the edits whose conditions hold, in file order; ``model`` is the one sent, ``wire`` the upstream's."""
    names, seen = (decision.sent,) if decision.sent is not None else (), seen_by_edits(facts, decision)
    return tuple(rule for rule in resolved.rules.edits if matches(rule.when, seen, names, decision.provider))


def seen_by_edits(facts: Facts, decision: Decision) -> Facts:
    """Give the facts as the conditions of edits see them: on the wire that their body is on."""
    return facts if decision.wire in {None, facts.wire} else replace(facts, wire=decision.wire)
