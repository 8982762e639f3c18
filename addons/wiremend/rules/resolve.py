"""Rules meet the machine: variables get their values, references their credentials.

A :class:`Resolved` is what decides requests; it is made when the proxy starts and at each reload. What cannot be
resolved is a problem only for providers that a route, an alias or ``default`` can reach: the built-ins that nothing
uses never fail. ``offline`` resolves no credential at all (``check --offline``, replay): variables in URLs still get
their values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.errors import CredentialError, Problem
from wiremend.families import HOMES
from wiremend.rules.checks import folder_problem, url_problem
from wiremend.rules.lookup import home_folder
from wiremend.rules.providers import builtin_hosts
from wiremend.rules.reach import brings_its_own, only_fallback
from wiremend.rules.references import Template, can_travel
from wiremend.rules.report import finding
from wiremend.rules.resolve_keeps import Keeps, resolve_keeps
from wiremend.rules.secrets import secrets_in
from wiremend.rules.urls import LOOPBACK, Base, parse_base

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import HeaderEdit, Provider, Rules
    from wiremend.rules.references import Reference, Secret

LOCAL: Final = "127.0.0.1"
PORT: Final = 8080
"""Where Wiremend listens unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider with its bases taken apart and its credential at hand.

    ``secret`` is the first of its references that resolved, ``reference`` that reference as written; ``unresolved``
    says, where none did, why the first did not.
    """

    provider: Provider
    bases: Mapping[WireName, Base]
    secret: Secret | None = None
    unresolved: str | None = None
    reference: str | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of its bases."""
        return frozenset(base.host for base in self.bases.values())

    @property
    def client_key(self) -> bool:
        """Tell whether the file passes the client's own credential on to it (``key: client``)."""
        return self.provider.key_given and any(reference.kind == "client" for reference in self.provider.keys)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Rules that can decide.

    ``environ`` is where the values of headers come from. ``capture_folder`` is where the file wants captures kept;
    None where it does not say, and offline.
    """

    rules: Rules
    upstreams: Mapping[str, Upstream]
    port: int = PORT
    host: str = LOCAL
    token: Secret | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    capture_folder: Path | None = None

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """All that these rules bring that nobody is to see (G8)."""
    strict: bool = False
    """Whether a request is refused that the provider would not hear all of (G5); the user says so, not the file."""
    tokenizer: bool = False
    """Whether a tokenizer is at hand for estimates; without it they go by the bytes, so replay does too (G10)."""
    ledger: tuple[str, ...] | None = field(default=None, repr=False)
    """Addresses of the ledger's sinks, with their secrets: ``sqlite:PATH``, ``postgresql://…``, ``https://…``; () for
    the embedded one beside the captures; None where no row is written, and offline."""
    alerts: tuple[str, ...] = field(default=(), repr=False)
    """Apprise URLs of those who are told, with their secrets."""

    @property
    def bases(self) -> tuple[Base, ...]:
        """The bases of all providers, for telling a foreign prefix from a path."""
        return tuple(base for upstream in self.upstreams.values() for base in upstream.bases.values())

    def known_host(self, host: str) -> bool:
        """Tell whether the HTTPS proxy decrypts this host: a provider's, a vendor's, or one that the rules name."""
        intercept = self.rules.listen.intercept
        if intercept is None:
            return True
        host = host.lower()
        if (
            host in HOMES
            or host in builtin_hosts()
            or any(host in upstream.hosts for upstream in self.upstreams.values())
        ):
            return True
        named = (
            glob
            for route in self.rules.routes
            for glob in route.when.host
            if glob is not None and glob.text.strip("*?")
        )
        return any(glob.matches(host) for glob in (*intercept, *named))

    def header_value(self, edit: HeaderEdit) -> str:
        """Give the value that a header is set to."""
        return edit.value.expand(self.environ) if edit.value is not None else ""


def reachable(rules: Rules) -> dict[str, int]:
    """Give the providers that routes, aliases, ``default`` and preferences name, and the line of the first that does.

    Those of which requests come at once are in front of those to which they only fall back.
    """
    found: dict[str, int] = {}
    chosen = rules.preferences
    for target, line in (
        *((route.target, route.line) for route in rules.routes),
        *((alias.target, alias.line) for alias in rules.aliases.values()),
        *([(rules.default, rules.default_line)] if rules.default else []),
        *((route.target, route.line) for route in rules.ways),
        *([(chosen.router, chosen.line)] if chosen is not None and chosen.router is not None else []),
        *((target, route.line) for route in rules.ways for target in route.fallbacks),
    ):
        found.setdefault(target.provider, line)
    return found


def resolve(
    rules: Rules,
    environ: Mapping[str, str],
    *,
    offline: bool = False,
    loops: bool = True,
    cache: dict[str, Secret] | None = None,
) -> tuple[Resolved, list[Problem]]:
    """Resolve a file's variables and credentials.

    ``loops`` tells whether Wiremend will listen where the file says, so that a provider that points there is an error.
    ``cache`` keeps credentials by their reference, so that a reload does not ask 1Password again. Returns what could be
    resolved, and the problems: errors for what a request would need, warnings for what it may.
    """
    return _Resolver(rules, environ, cache if cache is not None else {}, offline=offline).run(loops=loops)


class _Resolver:
    def __init__(self, rules: Rules, environ: Mapping[str, str], cache: dict[str, Secret], *, offline: bool) -> None:
        self.rules = rules
        self.environ = environ
        self.cache = cache
        self.offline = offline
        self.reach = reachable(rules)
        self.problems: list[Problem] = []

    def problem(self, line: int, message: str, *, warning: bool = False) -> None:
        found = finding(self.rules.file, line or 1, 1, message, "warning" if warning else "error")
        if found not in self.problems:
            self.problems.append(found)

    def run(self, *, loops: bool) -> tuple[Resolved, list[Problem]]:
        upstreams = {}
        for name, provider in self.rules.providers.items():
            upstream = self.upstream(provider)
            if upstream is not None:
                upstreams[name] = upstream
        listen = self.rules.listen
        port = self.port()
        host = self.host()
        token = None
        if listen.token is not None and not self.offline:
            token, _, why = self.credential((listen.token,))
            if token is None and listen.or_loopback and host not in LOOPBACK:
                others = f"so that others cannot reach it: {host} needs the token {listen.token.text}, and {why}"
                self.problem(listen.line, f"{LOCAL} serves, {others}; set it to be reached", warning=True)
                host = LOCAL
            elif token is None and not listen.or_loopback:
                self.problem(self.rules.listen.line, f"listen.token: {why}")
        if listen.token is None and host not in LOOPBACK:
            self.problem(
                self.rules.listen.line,
                f"listen.host is {host}, which others can reach; add a listen.token, such as `token: $WIREMEND_TOKEN`",
            )
        resolved = Resolved(self.rules, upstreams, port, host, token, self.environ, self.capture_folder())
        known = [*credentials_of_rules(resolved).values(), token.value if token is not None else ""]
        keeps = Keeps() if self.offline else resolve_keeps(self.rules, self.environ, self.credential, self.problem)
        known += keeps.secrets
        resolved = replace(
            resolved,
            secrets=secrets_in(self.rules, environment_of(resolved), known),
            ledger=keeps.ledger,
            alerts=keeps.alerts,
        )
        for rule in self.rules.edits:
            self.judge_headers(rule.headers, f"edit {rule.label!r}", rule.line)
        if loops:
            self.find_loops(resolved)
        self.problems.sort(key=lambda problem: problem.line)
        return resolved, self.problems

    def host(self) -> str:
        host = Template(self.rules.listen.host)
        # Offline nothing listens, so that a variable without a value is as good as none.
        return LOCAL if self.offline and host.missing(self.environ) else host.expand(self.environ)

    def port(self) -> int:
        port = Template(self.rules.listen.port)
        if self.offline and port.missing(self.environ):
            return PORT
        text = port.expand(self.environ)
        if text.isdigit() and 0 < int(text) < 2**16:
            return int(text)
        self.problem(self.rules.listen.line, f"listen.port must be a port from 1 to 65535, not {text!r}")
        return PORT

    def capture_folder(self) -> Path | None:
        capture = self.rules.capture
        if capture.folder is None or self.offline:
            return None
        missing = capture.folder.missing(self.environ)
        text = capture.folder.expand(self.environ)
        wrong = f"the variable {missing[0]} is not set" if missing else folder_problem(text)
        if wrong:
            self.problem(capture.line, f"capture.dir cannot be used: {wrong}")
            return None
        return home_folder(self.environ) / text[2:] if text.startswith("~") else Path(text)

    def upstream(self, provider: Provider) -> Upstream | None:
        reached = provider.name in self.reach
        line = provider.line or self.reach.get(provider.name, 1)
        bases: dict[WireName, Base] = {}
        for wire in provider.speaks:
            template = provider.bases.get(wire)
            if template is None:
                continue
            missing = template.missing(self.environ)
            text = template.expand(self.environ)
            if missing and self.offline:
                text, missing = _placeholder(template, missing, self.environ), ()
            wrong = f"the variable {missing[0]} is not set" if missing else url_problem(text)
            if wrong:
                if reached:
                    self.problem(line, f"the base_url of {provider.name!r} cannot be used: {wrong}")
                return None
            bases[wire] = parse_base(text)
        if reached:
            self.judge_headers(provider.headers, f"provider {provider.name!r}", line)
        references = () if self.offline else provider.keys
        secret, reference, why = self.credential(references, quiet=not reached)
        if reached and not self.offline:
            self.judge_key(provider, secret, why, line)
        return Upstream(provider, bases, secret, why, reference)

    def judge_headers(self, edits: tuple[HeaderEdit, ...], whose: str, line: int) -> None:
        """Report variables that a header needs and that are not set, or hold what no header can carry."""
        for edit in edits if not self.offline else ():
            if edit.value is None:
                continue
            missing = edit.value.missing(self.environ)
            if missing:
                self.problem(
                    line, f"the header {edit.name} of the {whose} needs the variable {missing[0]}, which is not set"
                )
            elif not can_travel(edit.value.expand(self.environ)):
                names = " and ".join(edit.value.names)
                self.problem(
                    line,
                    f"the header {edit.name} of the {whose} cannot carry the value of {names}: it has a line end in it",
                )

    def judge_key(self, provider: Provider, secret: Secret | None, why: str | None, line: int) -> None:
        """Report a credential that requests will miss."""
        if secret is not None or not provider.needs_credential:
            return
        client = any(reference.kind == "client" for reference in provider.keys)
        if (
            why is not None
            and not client
            and not (not provider.key_given and brings_its_own(self.rules, provider.name))
        ):
            spare = only_fallback(self.rules, provider.name)
            needs = "is skipped as a fallback without its credential" if spare else "needs its credential"
            self.problem(
                line,
                f"the provider {provider.name!r} {needs}, and {why}; set it,"
                " or write `key: client` under the provider to pass the client's own on",
                warning=spare,
            )
        if not provider.keys:
            self.problem(
                line,
                f"the provider {provider.name!r} names no `key`, so requests go there without a credential (a client's"
                " own is not sent to a stranger); write a reference, `key: client`, or `auth: none` if it needs none",
                warning=True,
            )

    def credential(
        self, references: tuple[Reference, ...], *, quiet: bool = False
    ) -> tuple[Secret | None, str | None, str | None]:
        """Resolve the first reference that can be.

        Returns the secret and the text of its reference; or, where there is none, why the first cannot be resolved.
        """
        why: str | None = None
        for reference in references:
            if reference.kind == "client":
                continue
            if quiet and reference.kind in ("op", "keyring"):  # what nothing uses must not ask for a fingerprint
                why = why or f"no route, alias or default names the provider, so {reference.text} was not asked"
                continue
            try:
                secret = self.cache.get(reference.text) if reference.kind != "env" else None
                secret = secret or reference.resolve(self.environ)
            except CredentialError as error:
                why = why or str(error)
                continue
            if secret is not None:
                self.cache[reference.text] = secret
                return secret, reference.text, None
        return None, None, why

    def find_loops(self, resolved: Resolved) -> None:
        for name, upstream in resolved.upstreams.items():
            told = loop(upstream, LOOPBACK | {resolved.host}, resolved.port, self.environ)
            if told and name in self.reach:
                self.problem(upstream.provider.line or self.reach[name], told)


def loop(upstream: Upstream, hosts: frozenset[str], port: int, environ: Mapping[str, str]) -> str | None:
    """Say that a provider points at Wiremend itself, listening on these hosts and this port; None where it does not."""
    if not points_at(upstream, hosts, port):
        return None
    names = dict.fromkeys(name for base in upstream.provider.bases.values() for name in base.names)
    by = " and ".join(f"${name}" for name in names if environ.get(name))
    hint = f" (by {by}: unset it where the proxy runs)" if by else ""
    return f"the provider {upstream.name!r} points at Wiremend itself, port {port}{hint}: requests would go round"


def points_at(upstream: Upstream, hosts: frozenset[str], port: int) -> bool:
    """Tell whether a provider's base is the given address: Wiremend itself."""
    return any(base.host in hosts and base.port == port for base in upstream.bases.values())


def _placeholder(template: Template, missing: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """Give a URL for a base whose variables are not set: offline nothing is connected to, but requests are decided."""
    names = {name: name.lower().replace("_", "-") for name in missing}
    text = template.expand({**environ, **names})
    return text if url_problem(text) is None else f"https://{names[missing[0]]}.invalid"


def environment_of(resolved: Resolved) -> dict[str, str]:
    """Give the variables that the rules name outside of references, and that are set, with their values.

    They stand in base URLs, headers, ``listen`` and ``capture.dir``; an empty one counts as not set, as everywhere.
    Those of ``ledger`` are not among them: no decision hangs on where rows go.
    """
    rules = resolved.rules
    named = [
        *(base for provider in rules.providers.values() for base in provider.bases.values()),
        *_header_values(rules),
        Template(rules.listen.port),
        Template(rules.listen.host),
    ]
    if rules.capture.folder is not None:
        named.append(rules.capture.folder)
    names = dict.fromkeys(name for template in named for name in template.names)
    return {name: value for name in names if (value := resolved.environ.get(name))}


def credentials_of_rules(resolved: Resolved) -> dict[str, str]:
    """Give the secrets of the providers by their references as written.

    Of a provider that routes, an alias or ``default`` lead to, a reference that did not resolve is there with an empty
    text: that it did not is what a decision may have hung on.
    """
    found: dict[str, str] = {}
    for name in reachable(resolved.rules):
        upstream = resolved.upstreams.get(name)
        if upstream is not None and upstream.secret is None:
            found |= {reference.text: "" for reference in upstream.provider.keys if reference.kind != "client"}
    secrets = {
        upstream.reference: upstream.secret.value
        for upstream in resolved.upstreams.values()
        if upstream.reference is not None and upstream.secret is not None
    }
    return found | secrets


def _header_values(rules: Rules) -> Iterator[Template]:
    for edits in (
        *(provider.headers for provider in rules.providers.values()),
        *(rule.headers for rule in rules.edits),
    ):
        yield from (edit.value for edit in edits if edit.value is not None)
