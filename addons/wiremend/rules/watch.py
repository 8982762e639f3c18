"""Hot reload: a changed rules file takes effect by itself, or not at all.

The watcher compares contents, not dates. A new text is tried when two looks in a row have seen the same one, so that
a file caught half-written by an editor is neither taken nor complained about; a text that does not load is reported
once and the last good rules stay. It has no clock and no thread: the edge calls :meth:`Watcher.look` every quarter of
a second or so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wiremend.errors import RulesError
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.preferring import prepare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wiremend.rules.load import Loaded
    from wiremend.rules.references import Secret

INTERVAL = 0.25
"""Seconds between two looks; a change takes effect after two."""


class Watcher:
    """Watches one rules file. ``current`` is what decides; it is replaced whole."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """Load the file. Raises :class:`RulesError` where it is not sound: there are no last good rules yet.

        Where the proxy listens is not known here, so it looks for providers that point at it itself.
        """
        self.path = path
        self._environ = environ
        self._cache: dict[str, Secret] = {}
        text = read_rules(path)
        self.current: Loaded = self._loaded(text)
        self._judged: str | None = text
        self._seen: str | None = text

    def look(self) -> Literal["same", "reloaded"]:
        """Look at the file once.

        Returns ``reloaded`` when new rules have taken effect. Raises :class:`RulesError`, once for each broken text;
        the last good rules stay in force.
        """
        text: str | None = None
        broken: RulesError | None = None
        try:
            text = read_rules(self.path)
        except RulesError as error:
            broken = error
        before, self._seen = self._seen, text
        if text != before or text == self._judged:
            return "same"
        self._judged = text
        if text is None:
            raise broken or RulesError([])
        self.current = self._loaded(text)
        return "reloaded"

    def _loaded(self, text: str) -> Loaded:
        """Load a text, and make the router of its preferences at once: in a request it would be waited for."""
        loaded = load_rules(text, self.path.name, self._environ, loops=False, cache=self._cache)
        if loaded.resolved.rules.preferences is not None:
            prepare(loaded.resolved.rules.preferences)
        return loaded
