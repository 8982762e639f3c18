"""What an edit of a body did, as a note.

A number that was clamped is told as such, in the flow and in the log: its client asked for what does not go there, and
gets something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.families import looks_like_credential
from wiremend.jsonnumber import beyond, parse_bounds
from wiremend.notes import Note

if TYPE_CHECKING:
    from wiremend.jsonedit import Change, Edit

CLAMPED: Final = "clamped"
"""The code of a note on a number that an edit's bounds changed."""

_LONG: Final = 80


def note_of(change: Change, edit: Edit, why: str) -> Note:
    """Tell of one change that an edit made; ``why`` names the edit."""
    what = f"{_shown(change.before)} -> {_shown(change.after)}"
    if edit.op == "clamp":
        which = beyond(change.before or b"", parse_bounds(edit.value or b""))
        what += f", clamped: {which} was asked for than the {_shown(change.after)} that this edit lets through"
        return Note("edited", change.pointer, CLAMPED, what, why)
    return Note("edited", change.pointer, "model" if change.pointer == "/model" else change.pointer, what, why)


def _shown(raw: bytes | None) -> str:
    """Give a JSON value for a note: short, and nothing where there was none."""
    if raw is None:
        return "absent"
    text = raw.decode("utf-8", "replace")
    if looks_like_credential(text):
        return "…"
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
