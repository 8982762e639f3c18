"""Making a capture fit to be shown to others: scrubbed once more, rid of what tells who you are, and looked through.

The same steps stand before a case, a scrubbed file and a bundle. What still looks like a credential afterwards stops
them (G8); what only a person can judge is listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.captures.findings import findings
from wiremend.captures.personal import Personal, ToRead, to_read
from wiremend.captures.scrub import Scrubber
from wiremend.errors import CaptureError, RulesError
from wiremend.rules.compile import compile_rules
from wiremend.rules.conditions import looked_at, secret_globs
from wiremend.rules.load import read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.resolve import header_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.captures.capture import Capture
    from wiremend.rules.model import Rules


HOME: Final = "home folder"
"""The kind of a finding that is no secret: a person's folder, which may be anybody's."""

_FEW: Final = 5


class Cleaner:
    """Cleans the captures of one errand, all with the same surrogates, so that a session stays one."""

    def __init__(self, environ: Mapping[str, str], *, personal: bool) -> None:
        """Take the rules in force; where they are broken, what is known without them."""
        rules = rules_in_force(environ)
        self.keep = looked_at(rules) if rules is not None else frozenset()
        self._scrubber = scrubber(rules, environ)
        self._personal = Personal.here() if personal else None

    def clean(self, capture: Capture, where: str) -> Capture:
        """Give the capture clean. Raises :class:`CaptureError`, with the place, for what still looks like a secret."""
        cleaned = self._scrubber.capture(capture)
        if self._personal is not None:
            cleaned = self._personal.capture(cleaned)
        left = [one for one in findings(cleaned, keep=self.keep) if one.kind != HOME]
        if left:
            raise CaptureError(
                f"{where}: this still looks like a secret, so nothing was written: {'; '.join(map(str, left[:_FEW]))}."
                " Name the place, or a pattern, in `capture: {scrub: [...]}` of rules.yaml"
            )
        return cleaned

    def to_read(self, capture: Capture) -> list[ToRead]:
        """Give what a person should read in a clean capture before others do."""
        homes = [ToRead(one.where, f"a person's folder ({one.kind})") for one in findings(capture) if one.kind == HOME]
        return [*to_read(capture), *homes]

    def has_secret(self, text: str) -> bool:
        """Tell whether a text holds what would be scrubbed."""
        return self._scrubber.text(text) != text

    def text(self, text: str) -> str:
        """Give a text, such as that of the rules, clean."""
        cleaned = self._scrubber.text(text)
        return cleaned if self._personal is None else self._personal.text(cleaned)


def rules_in_force(environ: Mapping[str, str]) -> Rules | None:
    """Give the rules in force, compiled; no credential is fetched. None where they are broken."""
    try:
        found = find_rules(None, environ)
        return compile_rules(read_rules(found.path), str(found.path))[0]
    except RulesError:
        return None


def scrubber(rules: Rules | None, environ: Mapping[str, str]) -> Scrubber:
    """Make a scrubber that knows what the rules name."""
    if rules is None:
        return Scrubber()
    return Scrubber(
        known_secrets(rules, environ),
        globs=secret_globs(rules),
        pointers=rules.capture.scrub_pointers,
        patterns=rules.capture.scrub_patterns,
        keep=looked_at(rules),
    )


def known_secrets(rules: Rules, environ: Mapping[str, str]) -> list[str]:
    """Give the values of the variables that hold credentials, where they are set; nothing is asked for its secrets."""
    references = [reference for provider in rules.providers.values() for reference in provider.keys]
    references += [rules.listen.token] if rules.listen.token is not None else []
    names = [reference.name for reference in references if reference.kind == "env"]
    return [value for name in dict.fromkeys((*names, *header_variables(rules))) if (value := environ.get(name))]
