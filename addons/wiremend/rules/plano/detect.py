"""Telling a Plano file from a rules file, and from those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.rules.plano.shapes import NEW, OLD, PLANO
from wiremend.rules.schema import ROOT

if TYPE_CHECKING:
    from wiremend.rules.tree import Node

_OURS: Final = frozenset(ROOT.keys) - frozenset(PLANO.keys)

_OTHERS: Final = (
    ("model_list", "LiteLLM"),
    ("litellm_settings", "LiteLLM"),
    ("router_settings", "LiteLLM"),
    ("Providers", "claude-code-router"),
    ("targets", "Portkey"),
    ("strategy", "Portkey"),
)
"""Keys at the top of other programs' files, and whose they are."""


def is_plano(root: Node) -> bool:
    """Tell whether a tree is that of a Plano file: it names model providers, and has no key that only ours have."""
    keys = root.mapping.keys()
    return bool(keys & {OLD, NEW}) and not keys & _OURS


def both(root: Node) -> tuple[str, str] | None:
    """Give a key that only Plano files have and one that only ours have, where a file has such of both."""
    keys = root.mapping
    its, own = (next((key for key in keys if key in some), None) for some in ((OLD, NEW), _OURS))
    return None if its is None or own is None else (its, own)


def is_ours(root: Node) -> bool:
    """Tell whether a tree looks like that of a rules file."""
    return bool(root.mapping.keys() & _OURS)


def whose(root: Node) -> str | None:
    """Name the program whose file this looks like, if it is one that is known here and neither Plano nor Wiremend."""
    return next((program for key, program in _OTHERS if key in root.mapping), None)
