"""Where a verb would write into the rules, and they are a Plano file, which is not Wiremend's to write into."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from wiremend.errors import RulesError, SetupError
from wiremend.rules.plano.detect import is_plano
from wiremend.rules.plano.source import imported
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from pathlib import Path


def made_of(text: str, path: Path) -> str | None:
    """Give the rules that a Plano file makes; None where the text is that of a rules file, or broken."""
    try:
        root, problems = parse(text.removeprefix("\ufeff"), path.name)
        return imported(root, problems, path.name).text if is_plano(root) else None
    except RulesError:
        return None  # whoever loads it says what is wrong


def refuse_plano(path: Path) -> SetupError:
    """Give the error of a verb that would write into a Plano file."""
    there = shlex.quote(str(path))
    return SetupError(
        f"{path} is a Plano file, and Wiremend writes into none; import it first:"
        f" wiremend import {there} -o rules.yaml, and name those rules by --rules. Nothing was changed"
    )
