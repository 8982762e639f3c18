"""What the sequencer works with: its codes, and a part of the reply on its way."""

from __future__ import annotations

from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.events import CALLS, DELTAS, JOINED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.events import Delta, DeltaKind, PartKind, PartStarted
    from wiremend.notes import Kind

HELD: Final = 4 * 1024 * 1024
"""Characters that may be held and remembered; in memory a character takes up to four bytes."""

REMEMBERED: Final = 256
"""What counts for each part that began, and for each piece that is held and does not join with others."""

SPLIT: Final = frozenset({"text", "thinking", "refusal"})
"""Kinds of parts of which two are as good as one."""

HOME: Final[Mapping[DeltaKind, PartKind]] = {
    "citation": "text",
    "signature": "thinking",
    "encrypted": "redacted",
    **{kinds[0]: part for part, kinds in DELTAS.items()},
}
"""Kind of a piece -> the kind of part that it opens where none was opened."""

CODES: Final[Mapping[str, tuple[Kind, str, str]]] = MappingProxyType(
    {
        "started-missing": ("invented", "the reply's beginning was put in", "something came before it"),
        "started-id": ("invented", "the reply got an id", "it had none"),
        "started-model": ("invented", "the reply got the model that was asked for", "it named none"),
        "started-again": ("mended", "another beginning of the reply was dropped", "it had begun"),
        "part-missing": ("invented", "the beginning of a part was put in", "a piece came before it"),
        "part-again": ("mended", "another beginning of a part was dropped", "the part had begun"),
        "index-reused": ("mended", "a part was ended where its index began another", "it was open"),
        "index-changed": ("mended", "a part got another index", "indexes count the parts from 0"),
        "id-missing": ("invented", "a tool call got an id", "it had none"),
        "name-late": ("mended", "a tool call was held until its name came", "no client takes a call without one"),
        "part-overlaps": ("mended", "parts were set one behind the other", "the client's wire has one at a time"),
        "part-split": ("mended", "text began a part of its own", "its part had been ended"),
        "end-missing": ("invented", "the end of a part was put in", "the stream was over"),
        "end-unknown": ("mended", "the end of a part was dropped", "no such part was open"),
        "delta-empty": ("mended", "an empty piece was dropped", "it was of no open part"),
        "detail-late": ("lost", "a signature, citation or the like was dropped", "its part had ended"),
        "after-finish": ("mended", "content was set before the stop reason", "it came behind it"),
        "finish-again": ("mended", "a stop reason was dropped", "another one followed"),
        "finish-missing": ("invented", "the stop reason was put in", "the stream ended without one"),
        "ended-missing": ("invented", "the end of the stream was put in", "everything else had been said"),
        "after-end": ("mended", "an event without content was dropped", "the stream was over"),
        "after-end-lost": ("lost", "content was dropped", "the stream was over"),
        "held-lost": ("lost", "content that was held was dropped", "the stream failed"),
        "finish-lost": ("lost", "the stop reason was dropped", "the stream failed behind it"),
        "empty": ("failed", "the provider's stream is empty", "it ended before it began"),
        "cut": ("failed", "the provider's stream was cut", "its connection broke before it was done"),
        "early": ("failed", "the provider's stream ended early", "it had not said that it was done"),
        "told-error": ("failed", "the provider ended its reply with an error", "so says its stop reason"),
        "name-missing": ("failed", "the provider sent a tool call without a name", "its name never came"),
        "input-late": ("failed", "the provider went on with a tool call that had ended", "the call may have been run"),
        "too-much": ("failed", "the provider's stream has too much that must be held", f"the bound is {HELD}"),
    }
)
"""Code -> kind of the note, what was done, why. A failure's words are also what the client is told."""


class BrokenError(Exception):
    """The stream cannot be mended; its text is the code."""


class Part:
    """A part that the provider began and did not end, or that waits to leave."""

    __slots__ = ("cost", "done", "extra", "id", "kind", "main", "name", "number", "runs", "source", "torn", "waits")

    def __init__(self, start: PartStarted) -> None:
        """Begin as the provider began it."""
        self.source = start.index
        self.kind = start.kind
        self.main = DELTAS[start.kind][0]
        self.id = start.id
        self.name = start.name
        self.extra = start.extra
        self.number: int | None = None  # while it is open at the client's
        self.runs: list[tuple[DeltaKind, StringIO]] = []
        self.cost = 0
        self.torn = False  # the client has a piece of it as a part that has ended
        self.waits = False
        self.done = False

    def is_nameless(self) -> bool:
        """Tell whether it is a call that cannot leave yet."""
        return self.kind in CALLS and not self.name

    def is_paused(self) -> bool:
        """Tell whether it was ended at the client's for another's sake, and has no more to say as yet."""
        return self.torn and self.number is None and not self.waits

    def is_same(self, start: PartStarted) -> bool:
        """Tell whether a start of the same index and kind says this part again. An opaque one cannot be compared."""
        pairs = ((self.id, start.id), (self.name, start.name))
        return self.kind != "opaque" and all(not old or not new or old == new for old, new in pairs)

    def hold(self, delta: Delta) -> int:
        """Keep a piece; give what it counts."""
        if self.runs and self.runs[-1][0] == delta.kind and delta.kind in JOINED:
            self.runs[-1][1].write(delta.text)
            return len(delta.text)
        run = StringIO(newline="")
        run.write(delta.text)
        self.runs.append((delta.kind, run))
        return len(delta.text) + REMEMBERED
