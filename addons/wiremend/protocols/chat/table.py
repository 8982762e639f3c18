"""Which event may follow which on the chat wire, per stream, per choice and per tool call.

What comes to the stream: ``bare`` (a chunk without choices), ``delta`` (after the chunk some choice is unfinished),
``finish`` (after it none is), ``error``, ``done`` ([DONE]) and ``end`` (no more bytes).
What comes to a choice, in this order: ``role`` or ``no role``; ``data`` if there is text or a tool call; ``finish``.
What comes to a tool call: each of its three fields, or ``no`` such field.

After a breach the state is what it would be had the stream been mended, so that one cause is one violation.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.chat.faults import Report

type Rows = Mapping[str, Mapping[str, tuple[str, str | None]]]

_FIRST_OR_LATER: Final[Rows] = {
    "new": {"type": ("typed", None), "no type": ("typed", "chat.tool-call.type-missing")},
    "typed": {"type": ("typed", None), "no type": ("typed", None)},
}

TABLE: Final[Mapping[str, Rows]] = MappingProxyType(
    {
        "stream": {
            "fresh": {
                "bare": ("fresh", None),
                "delta": ("open", None),
                "finish": ("finished", None),
                "error": ("failed", None),
                "done": ("done", "chat.stream.empty"),
                "end": ("done", "chat.stream.empty"),
            },
            "open": {
                "bare": ("open", None),
                "delta": ("open", None),
                "finish": ("finished", None),
                "error": ("failed", None),
                "done": ("done", "chat.finish.missing"),
                "end": ("done", "chat.stream.cut"),
            },
            "finished": {
                "bare": ("finished", None),
                "delta": ("open", None),
                "finish": ("finished", None),
                "error": ("failed", None),
                "done": ("done", None),
                "end": ("done", "chat.done.missing"),
            },
            "failed": {
                "bare": ("failed", "chat.stream.after-error"),
                "delta": ("failed", "chat.stream.after-error"),
                "finish": ("failed", "chat.stream.after-error"),
                "error": ("failed", "chat.stream.after-error"),
                "done": ("done", None),
                "end": ("done", None),
            },
            "done": {
                "bare": ("done", "chat.stream.after-done"),
                "delta": ("done", "chat.stream.after-done"),
                "finish": ("done", "chat.stream.after-done"),
                "error": ("done", "chat.stream.after-done"),
                "done": ("done", "chat.stream.after-done"),
                "end": ("done", None),
            },
        },
        "choice": {
            "new": {"role": ("open", None), "no role": ("open", "chat.delta.role-missing")},
            "open": {
                "role": ("open", "chat.delta.role-repeated"),
                "no role": ("open", None),
                "data": ("open", None),
                "finish": ("finished", None),
            },
            "finished": {
                "role": ("finished", "chat.delta.role-repeated"),
                "no role": ("finished", None),
                "data": ("finished", "chat.choice.after-finish"),
                "finish": ("finished", None),
            },
        },
        "tool-call.id": {
            "new": {"id": ("known", None), "no id": ("minted", "chat.tool-call.id-missing")},
            "known": {"id": ("known", "chat.tool-call.id-repeated"), "no id": ("known", None)},
            "minted": {"id": ("known", "chat.tool-call.id-late"), "no id": ("minted", None)},
        },
        "tool-call.type": _FIRST_OR_LATER,
        "tool-call.name": {
            "new": {"name": ("named", None), "no name": ("awaited", "chat.tool-call.name-missing")},
            # A mender must hold the call until its name is there; so a late name is no second breach.
            "awaited": {"name": ("named", None), "no name": ("awaited", None)},
            "named": {"name": ("named", "chat.tool-call.name-repeated"), "no name": ("named", None)},
        },
    }
)
"""Part -> state -> what comes -> (next state, code of the breach or None)."""


def step(report: Report, part: str, state: str, what: str, pointer: str) -> str:
    """Give the state that follows, and report the breach if the table says that it is one."""
    following, code = TABLE[part][state][what]
    report.add(code, pointer)
    return following
