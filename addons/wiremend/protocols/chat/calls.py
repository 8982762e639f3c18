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

from dataclasses import dataclass, field


@dataclass(slots=True)
class Call:
    """One tool call. ``id``, ``type`` and ``name`` are states of the contract's table.

    ``fault`` is the code for a delta whose index is not ``index``. ``pieces`` are the arguments so far; None once they
    were judged, or outgrew the budget. ``length`` counts their characters.
    """

    index: int
    fault: str | None = None
    id: str = "new"
    type: str = "new"
    name: str = "new"
    pieces: list[str] | None = field(default_factory=list)
    length: int = 0


@dataclass(slots=True)
class Calls:
    """The tool calls of a choice, by the index as it was sent and by id."""

    sent: dict[int, Call] = field(default_factory=dict)
    ids: dict[str, Call] = field(default_factory=dict)
    every: list[Call] = field(default_factory=list)
    latest: Call | None = None

    def find(self, index: int | None, ident: str | None, *, named: bool) -> Call:
        """Give the call of a delta with this index and id (None where it has none), made now if it is a new one."""
        at = self.latest if index is None else self.sent.get(index)
        if ident is not None:
            call = self.ids.get(ident)
            if call is None:
                late = at is not None and at.id == "minted" and not named
                call = at if late and at is not None else self._new(index)
                self.ids[ident] = call
        elif at is None or (index is None and named):
            call = self._new(index)
        else:
            call = at
        self.latest = call
        return call

    def _new(self, index: int | None) -> Call:
        place = len(self.every)
        fault = "chat.tool-call.index-reused" if index in self.sent else "chat.tool-call.index-order"
        call = Call(place, fault)
        self.every.append(call)
        self.sent[place if index is None else index] = call
        return call
