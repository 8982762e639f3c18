"""The state table of the responses wire; the contract's docstring says what the machines and their states are.

A cell is the next state, or the :class:`Fault` that the event is there. The kinds of events: ``created``; ``progress``
(in_progress, queued); ``added`` and ``done`` of an item; ``part`` (a part begins); ``detail`` (any other event inside
an item); ``completed``; ``stopped`` (incomplete, failed); ``error``; ``sentinel`` (``[DONE]``); ``other`` (an unknown
type); ``end`` (of the bytes). For an item, ``completed`` is the completed response, which has to hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell of the table: the event is a violation; ``then`` is the state after its mending."""

    code: str
    then: str


def _cells(kinds: str, cell: str | Fault) -> dict[str, str | Fault]:
    return dict.fromkeys(kinds.split(), cell)


_WITHIN: Final = "created progress added part detail done other"
_FINAL: Final = "completed stopped"

TABLE: Final[Mapping[str, Mapping[str, Mapping[str, str | Fault]]]] = MappingProxyType(
    {
        "stream": {
            "start": {
                **_cells(_WITHIN, Fault("responses.stream.created-missing", "open")),
                **_cells(_FINAL, Fault("responses.stream.created-missing", "ended")),
                "created": "open",
                "error": "ended",
                "sentinel": Fault("responses.stream.completed-missing", "ended"),
                "end": Fault("responses.stream.empty", "closed"),
            },
            "open": {
                **_cells(_WITHIN, "open"),
                **_cells(_FINAL, "ended"),
                "error": "ended",
                "sentinel": Fault("responses.stream.completed-missing", "ended"),
                "end": Fault("responses.stream.completed-missing", "closed"),
            },
            "ended": {
                **_cells(f"{_WITHIN} {_FINAL} error", Fault("responses.stream.after-end", "ended")),
                **_cells("sentinel end", "ended"),
            },
            "foreign": _cells(f"{_WITHIN} {_FINAL} error sentinel end", "foreign"),
            "closed": _cells(f"{_WITHIN} {_FINAL} error sentinel end", "closed"),
        },
        "item": {
            "absent": {
                "added": "open",
                "part": Fault("responses.item.not-added", "open"),
                "detail": Fault("responses.item.not-added", "open"),
                "done": Fault("responses.item.not-added", "done"),
                "completed": Fault("responses.item.not-added", "done"),
            },
            "open": {
                "added": Fault("responses.item.added-again", "open"),
                "part": "open",
                "detail": "open",
                "done": "done",
                "completed": Fault("responses.item.done-missing", "done"),
            },
            "done": {
                "added": Fault("responses.item.added-again", "done"),
                "part": Fault("responses.item.after-done", "done"),
                "detail": Fault("responses.item.after-done", "done"),
                "done": Fault("responses.item.after-done", "done"),
                "completed": "done",
            },
        },
        "part": {
            "absent": {"part": "open", "detail": Fault("responses.part.not-added", "open")},
            "open": {"part": Fault("responses.part.added-again", "open"), "detail": "open"},
        },
    }
)
"""machine -> state -> kind of event -> next state, or the fault."""
