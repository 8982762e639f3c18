"""The rules that a diagnosis is by: their text, and the file that a change would be written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wiremend.cli.unwritable import made_of
from wiremend.explain.change import read_text
from wiremend.replay.rules import FILE, Today
from wiremend.rules.lookup import config_folder, find_rules

if TYPE_CHECKING:
    from wiremend.cli.captures_read import Picked


@dataclass(frozen=True, slots=True)
class Book:
    """Rules. ``path`` is where they were read, ``target`` where a change of them goes, ``text`` as it lies there.

    The two differ where the rules are those that Wiremend ships, which nobody changes: a copy of them in the user's
    config folder is made instead. Of a Plano file ``text`` is the rules that it makes, and ``made`` is true.
    """

    path: Path
    target: Path
    text: str
    today: Today
    made: bool = False

    @property
    def shown(self) -> str:
        """Give the path as it can be typed here."""
        near = os.path.relpath(self.path)
        return str(self.path) if near.startswith("..") else near


def rules_for(picked: Picked, rules: Path | None = None) -> Book:
    """Load the rules for a capture: those that are named, else a case's own, else those that ``check`` finds.

    Raises :class:`RulesError`, :class:`SetupError`, :class:`ChangeError`.
    """
    own = picked.path / FILE
    if rules is None and not picked.number and own.is_file():
        path = target = own
    else:
        found = find_rules(rules, os.environ, folder=Path.cwd())
        path = found.path
        target = config_folder(os.environ) / FILE if found.origin == "shipped" else path
    text = read_text(path)
    today = Today(text.removeprefix("\ufeff"), path.name)
    made = made_of(text, path)
    return Book(path, target, made or text, today, made is not None)
