"""The addresses of the ledger and of alerts, with their secrets, as the machine has them.

They decide nothing about a request, so no capture records them (G10); what of them is secret is known to the rules, and
taken out of all that is written or shown (G8). No message has an address in it, only the reference or the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from wiremend.rules.lookup import home_folder
from wiremend.rules.references import Template
from wiremend.rules.sinks import plain_sink, secrets_of, sink_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.rules.model import LedgerSink, Rules
    from wiremend.rules.references import Reference, Secret

type Fetch = Callable[[tuple[Reference, ...]], tuple[Secret | None, str | None, str | None]]
"""Resolves the first reference that can be: the secret, its text, or why there is none."""
type Tell = Callable[[int, str], None]
"""Takes the line and the words of an error."""

_USER: Final = re.compile(r"((?:postgres(?:ql)?|https?)://)((?:\$\{[^}]*\}|[^/@?#])*)(@.*)", re.IGNORECASE | re.DOTALL)
_APART: Final = re.compile(r"[@/?#\[\]\s]|%(?![0-9A-Fa-f]{2})")
"""What a password in a URL is written without."""
_VALUE: Final = re.compile(r"(?<==)(?:\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^}]*\})")
"""A variable in a URL's query that is the value of a parameter, or its beginning."""
_APART_IN_QUERY: Final = re.compile(r"[&#+\s]|%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Keeps:
    """The addresses, as :class:`~wiremend.rules.resolve.Resolved` has them, and what of them is secret."""

    ledger: tuple[str, ...] | None = None
    alerts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def resolve_keeps(rules: Rules, environ: Mapping[str, str], fetch: Fetch, tell: Tell) -> Keeps:
    """Resolve the addresses; what cannot be is told, and left out."""
    return _Resolver(environ, fetch, tell).run(rules)


class _Resolver:
    def __init__(self, environ: Mapping[str, str], fetch: Fetch, tell: Tell) -> None:
        self.environ = environ
        self.fetch = fetch
        self.tell = tell
        self.secrets: list[str] = []

    def run(self, rules: Rules) -> Keeps:
        ledger = self.ledger(rules.ledger.sinks) if rules.ledger.on else None
        alerts = self.alerts(rules.alerts.to, rules.alerts.line)
        return Keeps(ledger, alerts, tuple(dict.fromkeys(self.secrets)))

    def ledger(self, sinks: tuple[LedgerSink, ...]) -> tuple[str, ...]:
        found: dict[str, int] = {}
        for sink in sinks:
            address = self.sink(sink)
            if address in found:
                self.tell(sink.line, "two entries of `ledger` are one and the same address; keep one of them")
            elif address is not None:
                found[address] = sink.line
                self.secrets += secrets_of(address, whole=sink.reference is not None)
        line = next((line for address, line in found.items() if address.startswith("postgresql:")), None)
        if line is not None and find_spec("psycopg") is None:
            self.tell(line, "a postgresql:// sink of the ledger needs psycopg: pip install 'wiremend[postgres]'")
        return tuple(found)

    def sink(self, sink: LedgerSink) -> str | None:
        """Give one address in its plain spelling."""
        if sink.reference is not None:
            secret, _, why = self.fetch((sink.reference,))
            text, whose = secret.value if secret is not None else "", f"what {sink.reference.text} holds"
        else:
            template = sink.address or Template("")
            missing = template.missing(self.environ)
            why = f"the variable {missing[0]} is not set" if missing else None
            text, whose = _expanded(template.text, self.environ), "this address, its variables expanded,"
        if why is not None:
            self.tell(sink.line, f"the ledger needs this address, and {why}")
            return None
        problem = sink_problem(text)
        if problem:
            self.tell(sink.line, f"{whose} cannot be used: {problem}")
            return None
        return plain_sink(text, home_folder(self.environ))

    def alerts(self, references: tuple[Reference, ...], line: int) -> tuple[str, ...]:
        found: list[str] = []
        for reference in references:
            secret, _, why = self.fetch((reference,))
            if secret is None:
                self.tell(line, f"an alert needs its address, and {why}")
            elif "://" not in secret.value:
                self.tell(line, f"what {reference.text} holds is no Apprise URL: those read service://…")
            else:
                found.append(secret.value)
                self.secrets += secrets_of(secret.value, whole=True)
        if references and find_spec("apprise") is None:
            self.tell(line, "alerts need apprise: pip install 'wiremend[alerts]'")
        return tuple(dict.fromkeys(found))


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    """Expand an address's variables; what in a password or a parameter would end it is written as URLs have it."""
    match = _USER.fullmatch(text)
    if match is not None:
        return match[1] + _quoted(match[2], environ, _APART, ":") + _expanded_rest(match[3], environ)
    scheme = text.partition(":")[0].lower()
    return _expanded_rest(text, environ) if scheme != "sqlite" else Template(text).expand(environ)


def _expanded_rest(text: str, environ: Mapping[str, str]) -> str:
    rest = _VALUE.sub(lambda found: _quoted(found[0], environ, _APART_IN_QUERY, "").replace("$", "$$"), text)
    return Template(rest).expand(environ)


def _quoted(text: str, environ: Mapping[str, str], apart: re.Pattern[str], safe: str) -> str:
    """Expand variables, each value quoted where it has what would end its part of a URL."""
    values = {name: environ.get(name) or "" for name in Template(text).names}
    quoted = {name: quote(value, safe=safe) for name, value in values.items() if apart.search(value)}
    return Template(text).expand({**values, **quoted})
