"""What the tests of Plano files share: a file in few words, what it makes, and where requests go by it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wiremend.errors import RulesError
from wiremend.rules.load import load_rules
from wiremend.rules.plano.source import Imported, imported
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.resolve import Resolved

SEED: Final = Path(__file__).parent / "plano" / "plano_config.yaml"
FILE: Final = "plano_config.yaml"

KEYS: Final = {
    "MOONSHOTAI_API_KEY": "sk-kimi-FAKEFAKEFAKEFAKEFAKE0001",
    "DEEPSEEK_API_KEY": "sk-FAKEFAKEFAKEFAKEFAKEFAKE0002",
    "A_KEY": "sk-FAKEFAKEFAKEFAKEFAKEFAKE0003",
    "B_KEY": "sk-FAKEFAKEFAKEFAKEFAKEFAKE0004",
}

LISTENERS: Final = "listeners: [{type: model, name: gate, address: 127.0.0.1, port: 12000}]\n"


def plano(text: str) -> str:
    """Give a Plano file: the lines of a test, and a listener on loopback behind them where they have none."""
    text = textwrap.dedent(text)
    return text if "listeners:" in text else text + LISTENERS


def made(text: str) -> Imported:
    """Give what a Plano file makes; it must be sound."""
    root, problems = parse(text, FILE)
    return imported(root, problems, FILE)


def sections(text: str) -> dict[str, Any]:
    """Give the rules that a Plano file makes, as plain values."""
    root, problems = parse(made(plano(text)).text, FILE)
    assert not problems
    plain = root.plain()
    assert isinstance(plain, dict)
    return plain


def loaded(text: str, environ: Mapping[str, str] | None = None, *, offline: bool = False) -> Resolved:
    """Load a Plano file, which must be sound."""
    return load_rules(plano(text), FILE, KEYS if environ is None else environ, offline=offline).resolved


def told(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Give all that is found in a Plano file, without its name in front."""
    try:
        found = load_rules(plano(text), FILE, KEYS if environ is None else environ).warnings
    except RulesError as error:
        found = error.problems
    return [str(problem).removeprefix(f"{FILE}:") for problem in found]


def remark(text: str, line: str) -> str:
    """Give the remark behind a line of the rules that a Plano file makes; the line is given without its indent."""
    (found,) = re.findall(rf"^ *{re.escape(line)} *(?:# (.*))?$", made(plano(text)).text, re.MULTILINE)
    return str(found)
