"""The scrubbers in force: one for each set of rules and secrets, all of one salt."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from wiremend.captures.scrub import Scrubber
from wiremend.rules.conditions import looked_at, secret_globs

if TYPE_CHECKING:
    from wiremend.mitm.record import Record
    from wiremend.rules.resolve import Resolved

_KEPT: Final = 16
"""Scrubbers that are kept: one for each credential of a client, as long as the rules stay."""


class Scrubs:
    """Makes scrubbers. For one thread."""

    def __init__(self) -> None:
        """Draw the salt: the same secret has the same surrogate as long as the process lives, and never after."""
        self._salt = os.urandom(32)
        self._made: dict[tuple[int, tuple[str, ...]], tuple[Resolved, Scrubber]] = {}

    def of(self, record: Record) -> Scrubber:
        """Give the scrubber for an exchange."""
        return self.with_secrets(record.resolved, record.secrets())

    def with_secrets(self, resolved: Resolved, secrets: tuple[str, ...]) -> Scrubber:
        """Give the scrubber for rules and secrets."""
        key = (id(resolved), tuple(dict.fromkeys(secrets)))
        found = self._made.pop(key, None)
        if found is None:
            rules = resolved.rules
            made = Scrubber(
                key[1],
                globs=secret_globs(rules),
                pointers=rules.capture.scrub_pointers,
                patterns=rules.capture.scrub_patterns,
                keep=looked_at(rules),
                salt=self._salt,
            )
            found = (resolved, made)  # held, so that no other object gets its id
        self._made[key] = found
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
        return found[1]
