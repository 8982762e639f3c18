"""How requests get to a provider: at once, or where another one failed; with a credential of their own, or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wiremend.rules.model import Rules


def only_fallback(rules: Rules, name: str) -> bool:
    """Tell whether requests reach a provider only where another one failed."""
    return not _named(rules, name) and all(route.target.provider != name for route in rules.ways)


def brings_its_own(rules: Rules, name: str) -> bool:
    """Tell whether every request that reaches the provider comes with a credential: its routes ask for one."""
    leading = (route for route in rules.ways if any(target.provider == name for target in route.targets))
    return not _named(rules, name) and all(route.when.key and None not in route.when.key for route in leading)


def _named(rules: Rules, name: str) -> bool:
    """Tell whether ``default`` or an alias leads to the provider, or it chooses among the preferences."""
    chosen = rules.preferences
    if chosen is not None and chosen.router is not None and chosen.router.provider == name:
        return True
    if rules.default is not None and rules.default.provider == name:
        return True
    return any(alias.target.provider == name for alias in rules.aliases.values())
