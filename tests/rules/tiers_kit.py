"""The rules of ``docs/agents-and-tiers.md``, read out of the page, and what is changed in them to break them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PAGE: Final = (Path(__file__).parents[2] / "docs" / "agents-and-tiers.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TIERS: Final[str] = BLOCKS[0]
"""Providers, routes, default and expectations."""
AROUND: Final[str] = BLOCKS[1]
"""Alerts and ledger."""

TABLE: Final = "model: [kimi-*, moonshot/*]"
CODING: Final = "  - {name: coding, when: {model: kimi-for-coding*}"
USED: Final = (
    "kimi-k2.6",
    "kimi-k2-turbo",
    "kimi-k2-thinking",
    "kimi-k2-thinking-turbo",
    "kimi-k2-0905-preview",
    "kimi-for-coding",
)
"""The models that agents use."""


def without(model: str) -> str:
    """Give the page's rules with no route for one of the models in use: the others are written out, name by name."""
    names = ", ".join(name for name in USED if name not in {model, "kimi-for-coding"})
    rules = once(TIERS, TABLE, f"model: [{names}, moonshot/*]")
    return re.sub(rf"^{re.escape(CODING)}.*\n", "", rules, flags=re.MULTILINE) if model == "kimi-for-coding" else rules


def once(text: str, old: str, new: str) -> str:
    """Replace what must stand there exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def line_of(text: str, words: str) -> int:
    """Give the number of the first line that holds some words."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)
