"""A :class:`~wiremend.rules.plano.read.Plan` -> the text of a rules.yaml, each line with its place in the Plano file.

The text is for people: what stands behind a line says where it comes from, and what has no counterpart here is told at
the top. It is written line by line, not by a YAML library, because each line has an origin of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.rules.plano.listening import MOST_RETRIES
from wiremend.rules.plano.shapes import is_true
from wiremend.rules.plano.text import Lines, flow, glob, plain, printable
from wiremend.rules.plano.upstreams import upstreams_of
from wiremend.rules.tree import Mark
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.errors import Problem
    from wiremend.rules.model import Known
    from wiremend.rules.plano.read import Choice, Entry, Model, Plan
    from wiremend.rules.plano.upstreams import Upstream
    from wiremend.rules.report import Report
    from wiremend.rules.tree import Node

    type Origin = tuple[Mark, Mark]

TOKEN: Final = "$WIREMEND_TOKEN"  # noqa: S105 - the name of a variable
HOST: Final = "0.0.0.0"  # noqa: S104 - Plano's own, told and guarded by a token
PORT: Final = 12000
"""Where Plano listens unless its file says otherwise."""

_TOP: Final = Mark(1, 1)


def write(plan: Plan, name: str, report: Report) -> tuple[str, tuple[Origin, ...]]:
    """Write a plan as a rules.yaml.

    ``name`` is what the Plano file is called. Returns the text, and for each of its lines the places of its key and its
    value in the Plano file.
    What it finds on the way goes into ``report``; if there is an error, the text is not to be used.
    """
    upstreams = upstreams_of(plan.entries, report)
    text = Lines(printable(name))
    _providers(text, plan, upstreams)
    _aliases(text, plan, upstreams, report)
    _preferences(text, plan, upstreams)
    _routes(text, plan, upstreams)
    _default(text, plan, upstreams)
    _limits(text, plan)
    _listen(text, plan)
    head = Lines(text.name)
    _head(head, plan, report.problems)
    text.lines[:0] = head.lines
    return text.whole(), tuple((line.at, line.value) for line in text.lines)


def _head(text: Lines, plan: Plan, problems: Iterable[Problem]) -> None:
    version = f", version {printable(plan.version)}" if plan.version else ""
    text.own(
        0, f"# The rules of {text.name}{version}, as Wiremend runs by them; behind a line is where it comes from.", _TOP
    )
    text.own(0, "# docs/plano.md tells what becomes of each key of a Plano file.", _TOP)
    told = sorted((problem for problem in problems if problem.severity == "warning"), key=lambda problem: problem.line)
    if told:
        text.own(0, "#", _TOP)
        text.own(0, "# What is not as it was with Plano:", _TOP)
    for problem in told:
        text.own(0, f"#   {text.name}:{problem.line}: {printable(problem.message)}", Mark(problem.line, problem.column))
    text.own(0, "version: 1", _TOP)


# -- sections


def _providers(text: Lines, plan: Plan, upstreams: dict[Entry, Upstream]) -> None:
    text.own(0, "", _TOP)
    text.own(0, "providers:", plan.entries[0].at)
    for one in dict.fromkeys(upstreams[entry].name for entry in plan.entries):
        _provider(text, next(upstream for upstream in upstreams.values() if upstream.name == one))


def _provider(text: Lines, one: Upstream) -> None:
    keys, at = one.first.keys, one.first.at
    lines = ", ".join(str(entry.at.line) for entry in one.entries[1:])
    known = "built in" if one.overlays else f"where the built-in {one.home.name} is" if one.home is not None else ""
    said = "; ".join(part for part in (f"and {lines}" if lines else "", known) if part)
    text.add(2, f"{plain(one.name)}:", at, said)
    before = len(text.lines)
    _place(text, one)
    _key(text, one)
    headers = keys["headers"].mapping if "headers" in keys else {}
    if headers:
        text.add(4, "headers:", keys["headers"].at)
    elif "http_host" in keys:
        text.own(4, "headers:", keys["http_host"].at)
    for name, value in headers.items():
        text.add(6, f"{plain(name)}: {plain(str(value.value))}", value)
    if "http_host" in keys:
        text.add(6, f"Host: {plain(str(keys['http_host'].value))}", keys["http_host"])
    if len(text.lines) == before:
        text.lines[-1].text += " {}"


def _place(text: Lines, one: Upstream) -> None:
    """Write where a provider is, and what is known of it there."""
    at = one.first.at
    said = "base_url" in one.first.keys
    base: Mark | Node = one.first.keys.get("base_url", at)
    bases, auth = one.bases, one.auth
    if isinstance(bases, str):
        text.add(4, f"base_url: {plain(bases)}", base, "" if said else "where Plano asks it")
    elif bases is not None:
        text.add(4, "base_url:", base, "" if said else "as built in")
        for wire, url in bases.items():
            text.add(6, f"{wire}: {plain(url)}", base)
    if one.speaks is not None:
        text.own(4, f"speaks: [{', '.join(one.speaks)}]", at, "" if one.home else "the wires that Plano speaks to it")
    if isinstance(auth, str):
        text.own(4, f"auth: {auth}", at, "no access_key" if auth == "none" else "")
    elif auth is not None:
        text.own(4, f"auth: {{{', '.join(f'{wire}: {style}' for wire, style in auth.items())}}}", at)
    if one.models:
        text.own(4, "models:", at)
        for name, model in one.models.items():
            text.own(6, f"{plain(name)}: {_known(model)}", at)


def _known(model: Known) -> str:
    said = [f"{key}: {size}" for key in ("context_window", "max_output") if (size := getattr(model, key)) is not None]
    if model.display_name is not None:
        said.append(f"display_name: {flow(model.display_name)}")
    if model.price is not None:
        costs = {"input": model.price.input, "output": model.price.output, "cached": model.price.cached}
        each = ", ".join(f"{name}: {cost:g}" for name, cost in costs.items() if cost is not None)
        said.append(f"price: {{{each}}}")
    return f"{{{', '.join(said)}}}"


def _key(text: Lines, one: Upstream) -> None:
    keys = one.first.keys
    if is_true(keys.get("passthrough_auth")):
        text.add(4, "key: client", keys["passthrough_auth"])
    elif "access_key" in keys:
        others = [str(entry.keys["access_key"].at.line) for entry in one.entries[1:]]
        more = f"and {', '.join(others)}" if others else ""
        text.add(4, f"key: {plain(str(keys['access_key'].value))}", keys["access_key"], more)
    elif one.keys:
        text.own(4, f"key: [{', '.join(map(flow, one.keys))}]", one.first.at, "no access_key: as built in")


def _target(model: Model, upstreams: dict[Entry, Upstream]) -> str:
    return f"{upstreams[model.entry].name}/{model.model}"


def _aliases(text: Lines, plan: Plan, upstreams: dict[Entry, Upstream], report: Report) -> None:
    chosen = [model for choice in plan.choices for model in choice.models]
    meant = {_target(model, upstreams) for model in (*chosen, *(model for _, _, model in plan.aliases))}
    if plan.aliases:
        text.own(0, "", _TOP)
        text.own(0, "aliases:", plan.aliases[0][1].at)
    for name, node, model in plan.aliases:
        if name in meant:  # rules.yaml would take the name for this alias where the file means the model
            report.error(
                node.at, f"{name!r} is what a model is called that this file names elsewhere; rename the alias"
            )
        text.add(2, f"{plain(name)}: {plain(_target(model, upstreams))}", node.at)


def _preferences(text: Lines, plan: Plan, upstreams: dict[Entry, Upstream]) -> None:
    if not plan.choices:
        return
    text.own(0, "", _TOP)
    text.add(0, "preferences:", plan.choices_at)
    text.own(2, "for: all", plan.choices_at, "whatever model is asked for, as with Plano")
    if plan.stay is not None:
        text.add(2, f"stay: {plan.stay.value}s", plan.stay)
    text.own(2, "choices:", plan.choices_at)
    for choice in plan.choices:
        _choice(text, choice, plan.listening.retries, upstreams)


def _choice(text: Lines, choice: Choice, retries: Node | None, upstreams: dict[Entry, Upstream]) -> None:
    text.add(4, f"- name: {plain(str(choice.name.value))}", choice.at)
    text.add(6, f"description: {plain(str(choice.description.value))}", choice.description)
    text.add(6, "models:", choice.models_at)
    for model in choice.models:
        text.add(8, f"- {plain(_target(model, upstreams))}", model.node)
    if choice.prefer is not None:
        text.add(6, f"prefer: {choice.prefer.value}", choice.prefer)
    _retry(text, 6, retries)


def _retry(text: Lines, indent: int, retries: Node | None) -> None:
    if retries is not None:
        text.add(indent, f"retry: {min(int(str(retries.value)), MOST_RETRIES)}", retries)


def _routes(text: Lines, plan: Plan, upstreams: dict[Entry, Upstream]) -> None:
    text.own(0, "", _TOP)
    text.own(0, "routes:", plan.entries[0].at, "each model by its names")
    said = [name for entry in plan.entries if not entry.wild for name in entry.names]
    for entry in sorted(plan.entries, key=lambda entry: entry.wild):  # one model goes before all of a provider
        upstream = upstreams[entry]
        text.add(2, f"- name: {plain(entry.full)}", entry.at)
        if entry.wild:
            names = [entry.full, *upstream.bare(said)] if entry.model == "*" else [entry.full]
            text.own(4, "when:", entry.at)
            text.own(6, "model:", entry.at, "Plano knows them by their bare names too" if len(names) > 1 else "")
            for name in names:
                text.own(8, f"- {plain(glob(name) if name != entry.full else glob(name[:-1]) + '*')}", entry.at)
            text.own(4, f"to: {plain(upstream.name)}", entry.at)
        else:
            text.own(4, f"when: {{model: [{', '.join(flow(glob(name)) for name in entry.names)}]}}", entry.at)
            text.own(4, f"to: {plain(f'{upstream.name}/{entry.model}')}", entry.at)
        _retry(text, 4, plan.listening.retries)


def _default(text: Lines, plan: Plan, upstreams: dict[Entry, Upstream]) -> None:
    if plan.default is not None:
        entry = plan.default
        text.own(0, "", _TOP)
        text.add(0, f"default: {plain(f'{upstreams[entry].name}/{entry.model}')}", entry.keys["default"])


def _limits(text: Lines, plan: Plan) -> None:
    timeout, connect = plan.listening.timeout, plan.connect
    if timeout is not None or connect is not None:
        text.own(0, "", _TOP)
        text.own(0, "limits:", next(node.at for node in (timeout, connect) if node is not None))
    if timeout is not None:
        text.add(2, f"duration: {timeout.value}", timeout)
    if connect is not None:
        text.add(2, f"connect: {connect.value}", connect)


def _listen(text: Lines, plan: Plan) -> None:
    said = plan.listening
    text.own(0, "", _TOP)
    if said.at is not None:
        text.add(0, "listen:", said.at, printable(str(said.name.value)) if said.name is not None else "")
    else:
        text.own(0, "listen:", _TOP, "the file has no listener of the type model; this is Plano's own")
    at = said.at or _TOP
    if said.port is not None:
        text.add(2, f"port: {said.port.value}", said.port)
    else:
        text.own(2, f"port: {PORT}", at, "Plano's own")
    host = str(said.address.value) if said.address is not None else HOST
    if said.address is not None:
        text.add(2, f"host: {plain(host)}", said.address)
    else:
        text.own(2, f"host: {HOST}", at, "Plano's own")
    if host.lower() not in LOOPBACK:
        where = said.address.at if said.address is not None else at
        text.own(2, f"token: {TOKEN}", where, "set it, and other machines reach the port, if they bring it")
        text.own(2, "without_token: loopback", where, "while it is not set: this machine alone, and a warning")
