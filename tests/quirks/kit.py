"""What the tests of the quirks' framework share: quirks that are made up for a test, and the type of a refusal.

A refusal is a provider, as far as a test needs one: it gets a request's body (decoded) and headers, and gives the
status and the text with which the provider refuses it, or None where it takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import wiremend.pipeline.request
import wiremend.quirks
import wiremend.rules.switches
from wiremend.headers import Headers
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    import pytest

    from wiremend.quirks.base import Draft

type Refusal = Callable[[dict[str, Any], Headers], tuple[int, str] | None]


def made_up(name: str = "made-up", **more: Any) -> Quirk:  # noqa: ANN401 - what a Quirk has
    """Make a quirk whose words do not matter."""
    said: dict[str, Any] = {
        "number": 1,
        "wires": ("chat",),
        "side": "request",
        "kind": "preset",
        "who": "nobody",
        "symptom": "none",
        "mend": "none",
        "before": "{}",
        "after": "{}",
        "evidence": ("measured: made up",),
    }
    return Quirk(name=name, **{**said, **more})


def nothing(_: Draft) -> None:
    """Mend nothing."""


_UNCACHED = wiremend.quirks._chosen.__wrapped__


def plant(monkeypatch: pytest.MonkeyPatch, *quirks: Quirk) -> None:
    """Put these quirks in the place of all that there are, until the test ends."""
    known = {quirk.name: quirk for quirk in sorted(quirks, key=lambda quirk: quirk.number)}
    for module in (wiremend.quirks, wiremend.pipeline.request, wiremend.rules.switches):
        monkeypatch.setattr(module, "all_quirks", lambda: known)
    monkeypatch.setattr(wiremend.quirks, "_chosen", _UNCACHED)
