"""What of resolved rules is secret: credentials, the token, and what variables hold that may be one (G8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.families import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.rules.model import Rules

_SECRET_NAME: Final = re.compile(r"key|token|secret|passw|credential|auth|cookie|session", re.IGNORECASE)
_HARMLESS: Final = frozenset(
    {
        "accept",
        "accept-language",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "http-referer",
        "openai-beta",
        "referer",
        "user-agent",
        "x-title",
    }
)
"""Headers in which a variable holds no secret."""


def header_variables(rules: Rules) -> frozenset[str]:
    """Give the names of the variables that headers are set to: their values may be secret."""
    return frozenset(name for _, name in _in_headers(rules))


def _in_headers(rules: Rules) -> list[tuple[str, str]]:
    """Pair the name of each header that is set, in small letters, with each variable that its value has."""
    return [
        (edit.name.lower(), name)
        for edits in (*(one.headers for one in rules.providers.values()), *(rule.headers for rule in rules.edits))
        for edit in edits
        if edit.value is not None
        for name in edit.value.names
    ]


def secrets_in(rules: Rules, environment: Mapping[str, str], credentials: Iterable[str]) -> tuple[str, ...]:
    """Give the secrets: ``credentials`` and, of the variables in ``environment``, those that may hold one.

    That is what any header is set to but those that say who the client is and what it speaks, and a variable that is
    called like a secret, wherever it stands.
    """
    headers = _in_headers(rules)
    telling = header_variables(rules) - {name for header, name in headers if header in _HARMLESS}
    named = (
        value
        for name, value in environment.items()
        if len(value) >= SHORTEST and "://" not in value and (name in telling or _SECRET_NAME.search(name))
    )
    return tuple(dict.fromkeys(secret for secret in (*credentials, *named) if secret))
