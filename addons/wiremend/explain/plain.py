"""An explanation as JSON has it; docs/explain.md describes each key. Keys are only ever added."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wiremend.explain.model import Explanation

FORMAT: Final = 1
"""The version of the shape; a change of what a key means raises it."""


def to_plain(explanation: Explanation) -> dict[str, Any]:
    """Give an explanation as plain values that JSON can hold."""
    plain: dict[str, Any] = {"format": FORMAT, **asdict(explanation)}
    before, after = explanation.url
    plain["url"] = {"before": before, "after": after or None, "why": plain.pop("url_why")}
    for used, made in zip(explanation.quirks, plain["quirks"], strict=True):
        made["url"] = None if used.url is None else {"before": used.url[0], "after": used.url[1]}
    return plain
