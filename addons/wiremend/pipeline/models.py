"""Lists of models: what a provider lists, in the shape of the client's wire, and what the rules themselves can offer.

**The catalogue** is what a client may ask of this proxy, by the names that lead there. For each name the engine decides
a request of this client (:func:`wiremend.rules.engine.decide`, and the credential that would travel), so that none is
listed that would be refused or would go elsewhere. Offered are, in this order and each once:

1. the aliases, in the order of the file;
2. ``auto``, where there are preferences, with the smallest sizes of all their models;
3. the models that a route names letter by letter;
4. for each provider that the rules speak of (its routes, aliases, ``default``, then the ``providers`` of the file), the
   models that are known of it (those of the catalogue that are not deprecated, those under its ``models:``) and those
   that a target names, by the bare name where that leads to it, else as ``provider/model``.

Sizes are those of the model that a request would go to. A built-in provider that the rules do not speak of offers
nothing.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from wiremend.errors import RefusedError
from wiremend.headers import Headers
from wiremend.protocols import TURNS, WIRES
from wiremend.protocols.base import MODELS
from wiremend.protocols.chat import models as openai
from wiremend.protocols.messages import models as anthropic
from wiremend.protocols.models import ModelEntry, entries_of, entry_of, parsed
from wiremend.rules.credentials import plan_credential
from wiremend.rules.engine import decide
from wiremend.rules.facts import Picked, facts_of
from wiremend.rules.model import AUTO_MODEL, Known
from wiremend.rules.resolve import reachable
from wiremend.rules.urls import locate, segments, split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.protocols.base import WireName
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Facts
    from wiremend.rules.model import Rules, Target
    from wiremend.rules.resolve import Resolved

_ASKERS: Final[dict[WireName, tuple[WireName, ...]]] = {
    "messages": ("messages",),
    "chat": ("chat", "responses"),
    "responses": ("responses", "chat"),
}
"""By the wire of a list, the wires of the requests that may follow: OpenAI's two share one list."""


class Limits(NamedTuple):
    """How many tokens a model can hold, and write at once; None where it is not known."""

    context_window: int | None
    max_output: int | None


def limits_of(rules: Rules, provider: str | None, model: str | None) -> Limits:
    """Look up a model of a provider: by the name that is sent, else by that without a provider's name in front."""
    known = _known(rules, provider, model)
    return Limits(known.context_window, known.max_output)


def _known(rules: Rules, provider: str | None, model: str | None) -> Known:
    upstream = rules.providers.get(provider or "")
    models = upstream.models if upstream is not None else {}
    if model is None or model in models:
        return models.get(model or "", Known())
    prefix, _, bare = model.partition("/")
    return models.get(bare, Known()) if prefix in rules.providers else Known()


# -- what a provider lists


def write_models(entries: Sequence[ModelEntry], wire: WireName) -> bytes:
    """Write a whole list in the shape of a wire."""
    return anthropic.write_models(entries) if wire == "messages" else openai.write_models(entries)


def write_model(entry: ModelEntry, wire: WireName) -> bytes:
    """Write one model in the shape of a wire."""
    return anthropic.write_model(entry) if wire == "messages" else openai.write_model(entry)


def translated_list(body: bytes, wire: WireName, query: str = "") -> bytes | None:
    """Turn a list of models, of whatever shape, into that of a wire; None where there is nothing to do.

    That is: it has the wire's shape already, or is no list that is understood; then the client gets it as it is.
    ``query`` is the client's, by which Anthropic's list has pages. Never raises.
    """
    document = parsed(body)
    family = anthropic if wire == "messages" else openai
    entries = None if family.is_list(document) else entries_of(document)
    if entries is None:
        return None
    if wire != "messages":
        return openai.write_models(entries)
    try:
        return anthropic.write_models(entries, anthropic.page_of(query))
    except ValueError:  # behind a model that has gone since: the end of the list, lest the client begin again
        return anthropic.write_models([])


def translated_model(body: bytes, wire: WireName) -> bytes | None:
    """Turn one model, of whatever shape, into that of a wire; None as for :func:`translated_list`."""
    document = parsed(body)
    family = anthropic if wire == "messages" else openai
    entry = None if family.is_model(document) else entry_of(document)
    return None if entry is None else family.write_model(entry)


# -- what the rules offer


def catalogue(resolved: Resolved, facts: Facts | None = None) -> list[ModelEntry]:
    """List what a client may ask for, by the names that it has to say.

    ``facts`` are those of a request of the client (for a list of models): each name is tried with its wire, headers,
    credential and address. Without them it is a client at the gateway that brings nothing, on whatever wire leads
    somewhere, and credentials are not asked after.
    """
    asker = _Asker(resolved, facts)
    found: dict[str, ModelEntry] = {}
    for name in resolved.rules.aliases:
        decision = asker.leads(name)
        if decision is not None:
            found[name] = _listed(resolved.rules, name, decision)
    auto = _auto(asker)
    if auto is not None:
        found.setdefault(auto.id, auto)
    for name in _named_by_routes(resolved.rules):
        decision = None if name in found else asker.leads(name, by_route=True)
        if decision is not None:
            found[name] = _listed(resolved.rules, name, decision)
    for provider, model in _offered(resolved.rules):
        sent = _known(resolved.rules, provider, model).stands_for or model
        for name in (model, f"{provider}/{model}"):
            decision = asker.leads(name, to=(provider, sent))
            if decision is not None:
                found.setdefault(name, _listed(resolved.rules, name, decision))
                break
    return list(found.values())


def catalogue_answer(facts: Facts, resolved: Resolved) -> tuple[int, bytes]:
    """Answer ``GET …/models`` and ``GET …/models/{id}`` from the rules, in the client's wire: the status and the body.

    A model by its id is there if a request for it would be served, listed or not: also one that a route takes by a
    glob, and any at all where there is a ``default``.
    """
    wire = facts.wire or "chat"
    if facts.method not in ("GET", "HEAD"):
        message = f"models are listed here, and {facts.method} of one is nothing that can be done"
        return _refusal(wire, HTTPStatus.METHOD_NOT_ALLOWED, "invalid_request", message)
    ident = asked_id(facts)
    return _list_answer(facts, resolved, wire) if ident is None else _model_answer(ident, facts, resolved, wire)


def listed(facts: Facts, resolved: Resolved) -> bytes | None:
    """Give the list of models in the client's wire; None where the rules know none, or it is asked for wrongly."""
    entries = catalogue(resolved, facts)
    status, body = _written(entries, facts, facts.wire or "chat")
    return body if entries and status == HTTPStatus.OK else None


def _list_answer(facts: Facts, resolved: Resolved, wire: WireName) -> tuple[int, bytes]:
    return _written(catalogue(resolved, facts), facts, wire)


def _written(entries: Sequence[ModelEntry], facts: Facts, wire: WireName) -> tuple[int, bytes]:
    if wire != "messages":
        return HTTPStatus.OK, openai.write_models(entries)
    try:
        return HTTPStatus.OK, anthropic.write_models(entries, anthropic.page_of(split_path(facts.target)[1]))
    except ValueError as error:
        return _refusal(wire, HTTPStatus.BAD_REQUEST, "invalid_request", str(error))


def _model_answer(ident: str, facts: Facts, resolved: Resolved, wire: WireName) -> tuple[int, bytes]:
    asker = _Asker(resolved, facts)
    auto = _auto(asker) if ident == AUTO_MODEL else None
    if auto is not None:
        return HTTPStatus.OK, write_model(auto, wire)
    decision = asker.leads(ident)
    if decision is not None:
        return HTTPStatus.OK, write_model(_listed(resolved.rules, ident, decision), wire)
    why = asker.refused
    if why is not None and why.kind == "authentication":
        return _refusal(wire, HTTPStatus.UNAUTHORIZED, why.kind, str(why))
    return _refusal(wire, HTTPStatus.NOT_FOUND, "model_not_found", f"model: {ident}" if why is None else str(why))


def offers(facts: Facts, rules: Rules) -> bool:
    """Tell whether a list of models, or one, is the rules' own to give: they choose among models of many providers."""
    return rules.preferences is not None and facts.endpoint is not None and facts.endpoint.kind == "list"


def asked_id(facts: Facts) -> str | None:
    """Give the id of ``…/models/{id}``, with its slashes however they were sent; None for the list."""
    found = locate(facts.target)
    if found is None or found.endpoint != MODELS:
        return None
    return "/".join(map(unquote, segments(facts.path)[found.start + 1 :])) or None


def _refusal(wire: WireName, status: HTTPStatus, kind: str, message: str) -> tuple[int, bytes]:
    return status, WIRES[wire].error_body(status, kind, message)


def _listed(rules: Rules, name: str, decision: Decision) -> ModelEntry:
    """Give the entry for a name; it is shown as the model that it leads to is, unless it stands for another one."""
    known = _known(rules, decision.provider, decision.sent)
    own = name in (decision.sent, f"{decision.provider}/{decision.sent}")
    return ModelEntry(
        id=name,
        display_name=known.display_name if own else None,
        context_window=known.context_window,
        max_output=known.max_output,
        owner=decision.provider,
    )


def _auto(asker: _Asker) -> ModelEntry | None:
    """Give the entry for the model ``auto``; None where the preferences lead nowhere, or an alias has that name."""
    rules = asker.resolved.rules
    choices = rules.preferences.choices if rules.preferences is not None and AUTO_MODEL not in rules.aliases else ()
    ways = [(Picked("asked", one.name), target) for one in choices for target in one.route.targets]
    if not any(asker.leads(AUTO_MODEL, picked=picked, target=target) is not None for picked, target in ways):
        return None
    sizes = [limits_of(rules, target.provider, target.model) for _, target in ways]
    return ModelEntry(
        id=AUTO_MODEL,
        context_window=min((one.context_window for one in sizes if one.context_window is not None), default=None),
        max_output=min((one.max_output for one in sizes if one.max_output is not None), default=None),
        owner="wiremend",
    )


def _named_by_routes(rules: Rules) -> Iterator[str]:
    """Give the models that routes name letter by letter, as they are written."""
    for route in rules.routes:
        yield from (glob.text for glob in route.when.model if glob is not None and glob.literal)


def _offered(rules: Rules) -> Iterator[tuple[str, str]]:
    """Give the models of the providers that the rules speak of: of their ``models:``, and those that targets name."""
    targets = [target for way in rules.ways for target in way.targets]
    targets += [alias.target for alias in rules.aliases.values()]
    targets += [rules.default] if rules.default is not None else []
    spoken_of = [*reachable(rules), *(name for name, provider in rules.providers.items() if provider.line)]
    for name in dict.fromkeys(spoken_of):
        known = rules.providers[name].models if name in rules.providers else {}
        models = [model for model, one in known.items() if one.own or not one.deprecated]
        models += [target.model for target in targets if target.provider == name and target.model is not None]
        yield from ((name, model) for model in dict.fromkeys(models))


class _Asker:
    """One client, and what would become of its requests."""

    def __init__(self, resolved: Resolved, facts: Facts | None) -> None:
        self.resolved = resolved
        self.facts = facts
        self.refused: RefusedError | None = None
        """Why the last name was refused."""

    def leads(
        self,
        name: str,
        *,
        to: tuple[str, str] | None = None,
        by_route: bool = False,
        picked: Picked | None = None,
        target: Target | None = None,
    ) -> Decision | None:
        """Give the decision by which a name leads somewhere, or just to this provider and model; None where none does.

        A client asks for streams as a rule, so that is tried first. With ``picked`` and ``target`` it is one model of a
        preference that is asked after.
        """
        self.refused = None
        for asked in self._requests(name):
            try:
                decision = decide(replace(asked, picked=picked), self.resolved, None if target is None else str(target))
                if self.facts is not None:
                    plan_credential(asked, decision, self.resolved)
            except RefusedError as error:
                self.refused = self.refused or error
                continue
            if decision.upstream is None or (by_route and decision.by != "route"):
                continue
            if to is None or to == (decision.provider, decision.sent):
                return decision
        return None

    def _requests(self, name: str) -> Iterator[Facts]:
        facts = self.facts
        wires = tuple(WIRES) if facts is None else _ASKERS[facts.wire or "chat"]
        root = "/v1" if facts is None else _root(facts)
        for wire in wires:
            for stream in (True, False):
                yield facts_of(
                    style=facts.style if facts is not None else "gateway",
                    method="POST",
                    target=f"{root}/{TURNS[wire]}",
                    headers=facts.headers if facts is not None else Headers(()),
                    host=facts.host if facts is not None else None,
                    port=facts.port if facts is not None else None,
                    body=msgspec.json.encode({"model": name, "stream": stream}),
                    agent_header=self.resolved.rules.agent_header,
                    agent=facts.agent if facts is not None else None,
                    recorded=facts.recorded if facts is not None else {},
                )


def _root(facts: Facts) -> str:
    """Give what stands before ``models`` in the client's path: its other requests begin so too."""
    found = locate(facts.target)
    parts = segments(facts.path)
    return "".join(f"/{part}" for part in (parts[: found.start] if found is not None else parts))
