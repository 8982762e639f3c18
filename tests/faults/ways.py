"""The ways in which each fault is played: who speaks which wire, over which kind of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName

type Http = Literal["1.1", "2"]

WAYS: Final[Mapping[str, tuple[WireName, WireName, WireName, tuple[Http, ...]]]] = {
    "same wire": ("messages", "messages", "chat", ("1.1", "2")),
    "translated": ("messages", "chat", "messages", ("1.1", "2")),
    "chat": ("chat", "chat", "messages", ("1.1",)),
    "responses": ("responses", "chat", "responses", ("1.1",)),
}
"""Way -> the wires of the client, of ``a`` and of its fallback ``b``, and the kinds of HTTP that it is run over."""
