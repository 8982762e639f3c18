"""Which credential a request leaves with, and in which header: guarantee G11, keys stay home.

A client's own credential goes only to the host that the client addressed or to its own vendor's
(:mod:`wiremend.families`); anywhere else it goes only where the user's file says ``key: client``. What the file
names goes first, then what the client brought, then what the built-in table names:

- the file names references: the first that is to be had is sent (``client`` among them stands for the client's own);
- the file names none: the client's own where it may go, else the built-in provider's variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wiremend.errors import RefusedError
from wiremend.families import CREDENTIAL_HEADERS, family_of, looks_like_credential, shown

if TYPE_CHECKING:
    from wiremend.headers import Headers
    from wiremend.rules.engine import Decision
    from wiremend.rules.facts import Credential, Facts
    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Resolved, Upstream

type Plan = Send | Leave


@dataclass(frozen=True, slots=True)
class Send:
    """Send this credential in this way and no other. ``value`` None: send none."""

    value: str | None = field(repr=False)
    bearer: bool
    source: str
    withheld: str | None = None
    """Why the client's own was not sent, where it was not."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the client's credential headers as they are."""


def plan_credential(facts: Facts, decision: Decision, resolved: Resolved) -> Plan:
    """Decide about the credential.

    Raises :class:`RefusedError` (401) where the provider needs one and there is none to send.
    """
    upstream, destination = decision.upstream, decision.destination
    if upstream is None or destination is None:
        return Leave()
    style = upstream.provider.auth.get(decision.wire) if decision.wire else None
    bearer = style == "bearer"
    own = _own(facts, bearer=bearer)
    home = facts.addressed(destination.host, destination.port)
    if style == "none":
        return Leave() if home else Send(None, bearer=False, source="none needed")
    if upstream.provider.key_given:
        return _as_the_file_says(upstream, own, resolved, bearer=bearer)
    if own is not None and (home or _at_home(own, destination.host)):
        return Send(own.value, _bearer(own.value, bearer=bearer), "the client's own")
    if decision.by == "host":
        return Leave()  # nobody named a provider: what the client did not bring is between it and the host
    return _built_in(upstream, own, destination.host, resolved, bearer=bearer)


def _built_in(upstream: Upstream, own: Credential | None, host: str, resolved: Resolved, *, bearer: bool) -> Send:
    """Fall back on the built-in table's variable, where the client's own credential may not go or there is none."""
    if upstream.secret is not None:
        return _known(upstream.secret, upstream, bearer=bearer)
    withheld = _withheld(own, host) if own is not None else None
    if upstream.provider.keys:
        raise _none_to_send(upstream, withheld, resolved)
    return Send(None, bearer=bearer, source="none", withheld=withheld)


def _as_the_file_says(upstream: Upstream, own: Credential | None, resolved: Resolved, *, bearer: bool) -> Send:
    for reference in upstream.provider.keys:
        if reference.kind == "client":
            if own is not None:
                return Send(own.value, _bearer(own.value, bearer=bearer), "the client's own")
        elif upstream.secret is not None and reference.text == upstream.reference:
            return _known(upstream.secret, upstream, bearer=bearer)
    if len(upstream.provider.keys) == 1 and upstream.client_key:
        return Send(
            None, bearer=bearer, source="the client brought none"
        )  # `key: client`: whatever it brings, or nothing
    raise _none_to_send(upstream, None, resolved)


def _known(secret: Secret, upstream: Upstream, *, bearer: bool) -> Send:
    return Send(secret.value, _bearer(secret.value, bearer=bearer), upstream.reference or "")


def _own(facts: Facts, *, bearer: bool) -> Credential | None:
    """Pick of what the client brought the one that already is in the wanted header, else the first."""
    preferred = next((credential for credential in facts.credentials if credential.bearer == bearer), None)
    return preferred or (facts.credentials[0] if facts.credentials else None)


def _at_home(credential: Credential, host: str) -> bool:
    family = family_of(credential.value)
    return family is not None and family.at_home(host)


def _bearer(value: str, *, bearer: bool) -> bool:
    """Tell how a credential travels: its family's way where it has but one, else the upstream's."""
    family = family_of(value)
    return family.style == "bearer" if family is not None and family.style is not None else bearer


def _withheld(own: Credential, host: str) -> str:
    return f"the client's own credential ({shown(own.value)}) is not sent to {host}, a stranger to it"


def _none_to_send(upstream: Upstream, withheld: str | None, resolved: Resolved) -> RefusedError:
    file = resolved.rules.file
    line = f"{file}:{upstream.provider.line}" if upstream.provider.line else f"providers.{upstream.name} in {file}"
    why = upstream.unresolved or "none of its references resolved"
    own = withheld or "the client brought none"
    message = f"no credential for {upstream.name!r}: {why}, and {own}; set it, or write `key: client` there ({line})"
    return RefusedError(401, "authentication", message)


def apply_plan(headers: Headers, plan: Plan, *, stranger: bool) -> Headers:
    """Carry out a plan on the headers.

    Exactly one credential header remains, with the client's spelling where it had that header. ``stranger`` tells that
    the destination is not the host the client addressed: then cookies, which are the addressed host's, stay behind too.
    """
    if isinstance(plan, Leave):
        return headers
    name = "authorization" if plan.bearer else "x-api-key"
    gone = CREDENTIAL_HEADERS if stranger else CREDENTIAL_HEADERS - {"cookie"}
    headers = headers.without(*(gone if plan.value is None else gone - {name}))
    if stranger:  # nor does one travel in a header of the client's own invention
        headers = headers.without(
            *(other for other, value in headers if other.lower() != name and looks_like_credential(value))
        )
    if plan.value is None:
        return headers
    spelling = "Authorization" if plan.bearer else "x-api-key"
    return headers.with_set(spelling, f"Bearer {plan.value}" if plan.bearer else plan.value)
