"""Making a capture fit to be shown to others: scrubbed once more, rid of what tells who you are, and looked through.

The same steps stand before a case, a scrubbed file and a bundle. What still looks like a credential afterwards stops
them (G8); what only a person can judge is listed.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.captures.findings import findings
from wiremend.captures.personal import Personal, ToRead, to_read
from wiremend.captures.scrub import Scrubber
from wiremend.errors import CaptureError, RulesError
from wiremend.rules.compile import compile_rules
from wiremend.rules.conditions import looked_at, secret_globs
from wiremend.rules.load import read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.secrets import header_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.findings import Finding
    from wiremend.cli.captures_read import Picked
    from wiremend.rules.model import Rules


HOME: Final = "home folder"
"""The kind of a finding that is no secret: a person's folder, which may be anybody's."""

_FEW: Final = 5
_HASH: Final = re.compile(r"[0-9a-f]{1,64}")


class Cleaner:
    """Cleans the captures of one errand, all with the same surrogates, so that a session stays one.

    What is no secret, the rules say: those in force, those of the current folder, and those that a capture ran with,
    where they are kept beside it. Where some are broken, it is known without them.
    """

    def __init__(self, environ: Mapping[str, str], *, personal: bool) -> None:
        """Take the rules in force and those of the current folder."""
        self._environ = environ
        self._salt = os.urandom(16)
        self._rules = rules_in_force(environ)
        self._made: dict[Path | None, tuple[Scrubber, frozenset[str]]] = {}
        self._personal = Personal.here() if personal else None

    def clean(self, picked: Picked) -> Capture:
        """Give the capture clean. Raises :class:`CaptureError`, with the place, for what still looks like a secret."""
        cleaned = self.scrubbed(picked)
        if self._personal is not None:
            cleaned = self._personal.capture(cleaned)
        left = [one for one in self.findings(replace(picked, capture=cleaned)) if one.kind != HOME]
        if left:
            raise CaptureError(
                f"{picked.where}: this still looks like a secret, so nothing was written:"
                f" {'; '.join(map(str, left[:_FEW]))}."
                " Name the place, or a pattern, in `capture: {scrub: [...]}` of rules.yaml"
            )
        return cleaned

    def scrubbed(self, picked: Picked) -> Capture:
        """Give the capture without its secrets; the very same again where Wiremend recorded it."""
        return self._with(rules_beside(picked))[0].capture(picked.capture)

    def findings(self, picked: Picked) -> list[Finding]:
        """Give what still looks like a secret in a capture."""
        return findings(picked.capture, keep=self._with(rules_beside(picked))[1])

    def to_read(self, capture: Capture) -> list[ToRead]:
        """Give what a person should read in a clean capture before others do."""
        homes = [ToRead(one.where, f"a person's folder ({one.kind})") for one in findings(capture) if one.kind == HOME]
        return [*to_read(capture), *homes]

    def has_secret(self, text: str) -> bool:
        """Tell whether a text holds what would be scrubbed."""
        return self._with(None)[0].text(text) != text

    def text(self, text: str) -> str:
        """Give a text, such as that of the rules, clean."""
        cleaned = self._with(None)[0].text(text)
        return cleaned if self._personal is None else self._personal.text(cleaned)

    def _with(self, own: Path | None) -> tuple[Scrubber, frozenset[str]]:
        """Give the scrubber for captures with these rules beside them, and the names of headers that may stay."""
        if own not in self._made:
            more = compiled(own) if own is not None else None
            rules = [*self._rules, *([more] if more is not None else [])]
            self._made[own] = (scrubber(rules, self._environ, self._salt), kept(rules))
        return self._made[own]


def rules_in_force(environ: Mapping[str, str]) -> list[Rules]:
    """Give the rules in force and those of the current folder, compiled, without those that are broken.

    No credential is fetched.
    """
    found = []
    for folder in (None, Path()):
        with contextlib.suppress(RulesError):
            found.append(find_rules(None, environ, folder=folder).path)
    return [rules for path in dict.fromkeys(found) if (rules := compiled(path)) is not None]


def rules_beside(picked: Picked) -> Path | None:
    """Give the rules that a capture ran with, where they are kept: a case's own, or those beside a flow file."""
    if not picked.number:
        path = picked.path / "rules.yaml"
    elif _HASH.fullmatch(picked.capture.rules):
        path = picked.path.parent / "rules" / f"{picked.capture.rules}.yaml"
    else:
        return None
    return path if path.is_file() else None


def compiled(path: Path) -> Rules | None:
    """Give the rules of a file; None where they are broken."""
    try:
        return compile_rules(read_rules(path), str(path))[0]
    except RulesError:
        return None


def kept(rules: Sequence[Rules]) -> frozenset[str]:
    """Give the names of headers that may stay, because rules look at them."""
    return frozenset[str]().union(*map(looked_at, rules))


def scrubber(rules: Sequence[Rules], environ: Mapping[str, str], salt: bytes | None = None) -> Scrubber:
    """Make a scrubber that knows what several rules name."""
    globs = {glob.text: glob for one in rules for glob in secret_globs(one)}
    return Scrubber(
        [secret for one in rules for secret in known_secrets(one, environ)],
        globs=[*globs.values()],
        pointers=[pointer for one in rules for pointer in one.capture.scrub_pointers],
        patterns=[pattern for one in rules for pattern in one.capture.scrub_patterns],
        keep=kept(rules),
        salt=salt,
    )


def known_secrets(rules: Rules, environ: Mapping[str, str]) -> list[str]:
    """Give the values of the variables that hold credentials, where they are set; nothing is asked for its secrets."""
    references = [reference for provider in rules.providers.values() for reference in provider.keys]
    references += [rules.listen.token] if rules.listen.token is not None else []
    names = [reference.name for reference in references if reference.kind == "env"]
    return [value for name in dict.fromkeys((*names, *header_variables(rules))) if (value := environ.get(name))]
