"""Today's rules with a capture's own inputs: its variables, and stand-ins for its credentials (G10, G8).

A file is compiled once. For each capture it is then resolved from what the capture recorded and nothing else: no
environment, no keyring, no 1Password, no file. A credential that was recorded has the stand-in that the capture has for
it; one that was not is made up of its reference, so that a request is decided as on a machine that has every key.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.references import Secret, can_travel
from wiremend.rules.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wiremend.captures.capture import Inputs
    from wiremend.errors import Problem
    from wiremend.rules.model import Replay, Rules
    from wiremend.rules.references import Reference
    from wiremend.rules.resolve import Resolved, Upstream

FILE: Final = "rules.yaml"
"""What rules are called where they lie beside captures and cases."""

_HELD: Final = 256
"""How many resolved forms are kept: stand-ins differ from recording to recording, and a corpus has many."""

_STAND_IN: Final = "SCRUBBED-"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._~/:$-]+")

type _Key = tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]], bool, bool]


class Today:
    """One rules file, for any number of captures."""

    def __init__(self, text: str, file: str) -> None:
        """Compile a file's text; ``file`` is the name for messages.

        Raises :class:`RulesError` with every error of the file, of which an ``expect`` that does not hold is one.
        """
        loaded = load_rules(text, file, {}, offline=True, loops=False)
        self.rules: Rules = loaded.resolved.rules
        self.warnings: tuple[Problem, ...] = loaded.warnings
        self._resolved: dict[_Key, Resolved] = {}

    @classmethod
    def load(cls, path: Path) -> Today:
        """Read a rules file, or the ``rules.yaml`` of a folder.

        Raises :class:`RulesError`, also where there is no such file. Messages and notes name it without its folder, as
        those of a running proxy do.
        """
        path = path / FILE if path.is_dir() else path
        return cls(read_rules(path), path.name)

    @property
    def hash(self) -> str:
        """What identifies the text, as every decision carries it."""
        return self.rules.hash

    @property
    def replay(self) -> Replay:
        """What the file says of comparing."""
        return self.rules.replay

    def for_capture(self, inputs: Inputs) -> Resolved:
        """Give the rules as they decide a capture with these inputs."""
        key = (
            frozenset(inputs.environment.items()),
            frozenset(inputs.credentials.items()),
            inputs.strict,
            inputs.tokenizer,
        )
        found = self._resolved.get(key)
        if found is None:
            if len(self._resolved) >= _HELD:
                del self._resolved[next(iter(self._resolved))]
            found = self._resolved[key] = replace(
                _resolved(self.rules, inputs), strict=inputs.strict, tokenizer=inputs.tokenizer
            )
        return found


def rules_beside(path: Path) -> Path | None:
    """Find the ``rules.yaml`` that belongs to a case, a flow file or a folder of such; None where there is none.

    It lies in the folder itself or the nearest one above it, but not outside of the repository that the path is in.
    """
    path = path.absolute()
    for folder in (path, *path.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        if (folder / ".git").exists():
            break
    return None


def _resolved(rules: Rules, inputs: Inputs) -> Resolved:
    """Resolve rules from recorded inputs alone.

    What cannot be is left as it is: a request that needs it is refused, and that is a difference like any other.
    """
    resolved, _ = resolve(rules, dict(inputs.environment), offline=True, loops=False)
    upstreams = {name: _with_stand_in(upstream, inputs) for name, upstream in resolved.upstreams.items()}
    return replace(resolved, upstreams=upstreams)


def _with_stand_in(upstream: Upstream, inputs: Inputs) -> Upstream:
    """Give an upstream the stand-in of the first of its references that was to be had when the capture was made."""
    references = [reference for reference in upstream.provider.keys if reference.kind != "client"]
    known = False
    for reference in references:
        for value in _recorded(reference, inputs):
            known = known or not value
            if value and can_travel(value):
                return replace(upstream, secret=Secret(value), reference=reference.text)
    if references and not known and upstream.provider.needs_credential:
        first = references[0].text
        return replace(upstream, secret=Secret(_STAND_IN + _UNFIT.sub("-", first)), reference=first)
    return upstream


def _recorded(reference: Reference, inputs: Inputs) -> Iterator[str]:
    """Give what stands for a reference, an empty text where it was not to be had; nothing where nobody wrote it down.

    A variable may have been written either way, and may be an input itself.
    """
    named = (f"${reference.name}", f"${{{reference.name}}}") if reference.kind == "env" else ()
    for text in dict.fromkeys((reference.text, *named)):
        if text in inputs.credentials:
            yield inputs.credentials[text].strip()
    if reference.kind == "env" and reference.name in inputs.environment:
        yield inputs.environment[reference.name].strip()
