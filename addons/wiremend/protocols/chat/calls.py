"""The tool calls of one choice: which call a delta belongs to, and what each has said so far.

A delta names its call by an index, or is meant to. Where providers do not keep to that, this is how a delta finds its
call, and so how a mender would number them; the order is that of the quirk catalogue (``tool-index-*``):

1. an id that is known: that call;
2. another id: a new call, also at an index that is in use; but a late id, without a name, belongs to the call that
   lacks one;
3. no id, a known index: the latest call at that index;
4. no id, a new index: a new call;
5. no id and no index: a new call if it brings a name, else the latest call.

Each call has its place, counted from 0: the index that its deltas must have.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(slots=True)
class Call:
    """One tool call. ``id``, ``type`` and ``name`` are states of the contract's table.

    ``fault`` is the code for a delta whose index is not ``index``. ``pieces`` are the arguments so far; None once they
    were judged, or outgrew the budget. ``length`` counts their characters. ``foreign``: it is no call of a function.
    """

    index: int
    fault: str | None = None
    id: str = "new"
    type: str = "new"
    name: str = "new"
    pieces: list[str] | None = field(default_factory=list)
    length: int = 0
    foreign: bool = False


@dataclass(slots=True)
class Calls[C: Call]:
    """The tool calls of a choice, by the index as it was sent and by id; ``kind`` makes a new one."""

    kind: type[C]
    sent: dict[int, C] = field(default_factory=dict)
    ids: dict[str, C] = field(default_factory=dict)
    every: list[C] = field(default_factory=list)
    latest: C | None = None

    def find(self, index: int | None, ident: str | None, *, named: bool) -> C:
        """Give the call of a delta with this index and id (None where it has none), made now if it is a new one."""
        at = self.latest if index is None else self.sent.get(index)
        if ident is not None:
            call = self.ids.get(ident)
            if call is None:
                late = at is not None and at.id == "minted" and not named
                call = at if late and at is not None else self.new(index)
                self.ids[ident] = call
        elif at is None or (index is None and named):
            call = self.new(index)
        else:
            call = at
        self.latest = call
        return call

    def copy(self) -> Calls[C]:
        """Give the same calls, so that what becomes of the ones does not become of the others."""
        if not self.every:
            return Calls(self.kind)
        every = [replace(call, pieces=None if call.pieces is None else list(call.pieces)) for call in self.every]
        return Calls(
            self.kind,
            {index: every[call.index] for index, call in self.sent.items()},
            {ident: every[call.index] for ident, call in self.ids.items()},
            every,
            None if self.latest is None else every[self.latest.index],
        )

    def new(self, index: int | None) -> C:
        """Add a call, whose deltas have this index."""
        place = len(self.every)
        fault = "chat.tool-call.index-reused" if index in self.sent else "chat.tool-call.index-order"
        call = self.kind(place, fault)
        self.every.append(call)
        self.sent[place if index is None else index] = call
        return call
