"""The quirks: what providers get wrong, one entry each, and which of them are on for a request.

A quirk is one file here (or one entry of the file of its field), with a module constant ``QUIRKS``; this module finds
them all, so that adding one touches nothing else. Which of them are on is a function of what rules.yaml says under
``quirks`` and of the exchange (:func:`chosen`, guarantee G10).
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.quirks.presets import preset_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.quirks.base import Quirk, Scope, WireName

__all__ = ["AUTO", "Setting", "all_quirks", "chosen", "may_be_named", "preset_of"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What rules.yaml says under ``quirks``, as names: ``auto`` is all empty.

    ``only`` is a list that stands in the place of the preset's; ``on`` and ``off`` are changes to the preset's.
    """

    only: tuple[str, ...] | None = None
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


AUTO: Final = Setting()

SIGNING: Final = frozenset({"anthropic", "bedrock", "vertex"})
"""Presets whose hosts verify what they signed: a request there is mended only by what is meant for them, or named."""


@cache
def all_quirks() -> Mapping[str, Quirk]:
    """Give every quirk by its name, in the order of their numbers."""
    found: dict[str, Quirk] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for quirk in getattr(importlib.import_module(module.name), "QUIRKS", ()):
            if quirk.name in found:
                raise ValueError(f"two quirks are called {quirk.name!r}")
            found[quirk.name] = quirk
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].number, item[0]))))


def may_be_named(quirk: Quirk) -> bool:
    """Tell whether ``quirks`` in rules.yaml may name it: whether naming it does something.

    What is only explained cannot be switched, nor a row of the contract or a step that each exchange takes.
    """
    return quirk.kind in ("preset", "condition") or (quirk.kind == "always" and quirk.works)


def chosen(setting: Setting, scope: Scope) -> tuple[Quirk, ...]:
    """Give the quirks that are on for an exchange, in the order of their numbers.

    Those of kind "always" that have functions are on but where the setting takes them out, and but for requests to
    hosts that sign thinking, which a changed body would spoil. By themselves the others are on where the preset of the
    host, the model and the client are theirs; a name in the setting turns one on whatever the host, model and client
    are. A quirk of another wire is never on.
    """
    preset = preset_of(scope.provider, scope.host, scope.port)
    return _chosen(setting, scope.wire, preset, (scope.model or "").lower(), (scope.client or "").lower())


@lru_cache(maxsize=1024)
def _chosen(setting: Setting, wire: WireName, preset: str | None, model: str, client: str) -> tuple[Quirk, ...]:
    named = {*(setting.only or ()), *setting.on}

    def on(quirk: Quirk) -> bool:
        if wire not in quirk.wires or quirk.kind == "explained" or quirk.name in setting.off:
            return False
        if quirk.name in named:
            return True
        if quirk.kind == "always":
            spoils = quirk.request is not None and preset in SIGNING
            return quirk.works and not spoils and fits(quirk, model, client)
        return setting.only is None and _by_itself(quirk, preset) and fits(quirk, model, client)

    return tuple(quirk for quirk in all_quirks().values() if on(quirk))


def _by_itself(quirk: Quirk, preset: str | None) -> bool:
    """Tell whether a quirk that is not always on may be on without being named."""
    if quirk.kind == "condition":
        return bool(quirk.clients) and (not quirk.presets or preset in quirk.presets)
    return preset is not None and preset in quirk.presets


def fits(quirk: Quirk, model: str, client: str) -> bool:
    """Tell whether a quirk's globs fit a model and a client, both in lower case; no globs fit any."""
    return _matches(quirk.models, model) and _matches(quirk.clients, client)


def _matches(globs: tuple[str, ...], text: str) -> bool:
    return not globs or any(fnmatchcase(text, glob.lower()) for glob in globs)
