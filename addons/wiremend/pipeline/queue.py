"""How many requests run at a provider at once, and who of those that wait comes next.

A provider has ``limits.concurrent`` slots. A request that finds none free waits, and those that wait are let in by
turns: one of each asker, then the next of each. So an agent with a hundred requests does not keep another with one
waiting for longer than one round. Of one asker, who came first goes first.

No more than ``limits.queue`` wait. When another comes, the last one of the asker with the most in the queue is turned
away, mostly the one that has just come: as fair queues of packets drop from the longest (RFC 8290, section 4.1.2).

Sans-io: nothing here waits, and the clock is an argument. All calls are made from one thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wiremend.rules.model import Limits

type Standing = Literal["waiting", "ready", "full", "late", "left"]
"""What has become of a request: ``full`` and ``late`` are refusals, for there was no room to wait, or no time left."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A request's place at a provider. ``deadline`` is when it has waited long enough, on the clock of the caller."""

    provider: str
    who: str
    since: float
    deadline: float
    standing: Standing = "waiting"
    on_ready: Callable[[], None] | None = None
    """Called once, when the waiting is over: it is its turn, or it was turned away; :attr:`ready` tells which."""

    @property
    def ready(self) -> bool:
        """Whether it may run."""
        return self.standing == "ready"

    @property
    def waiting(self) -> bool:
        """Whether its turn is still to come."""
        return self.standing == "waiting"

    @property
    def refused(self) -> bool:
        """Whether it was turned away."""
        return self.standing in {"full", "late"}


@dataclass(frozen=True, slots=True)
class Load:
    """What goes on at a provider: requests that run and that wait, and the limits of both (None: any number)."""

    running: int
    waiting: int
    concurrent: int | None
    queue: int


@dataclass(slots=True)
class _Line:
    """The requests of one provider. ``turns`` has who waits, the next in turn first, with their tickets in order."""

    limits: Limits
    running: int = 0
    waiting: int = 0
    turns: dict[str, dict[Ticket, None]] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        concurrent = self.limits.concurrent
        return concurrent is None or self.running < concurrent

    def join(self, ticket: Ticket) -> None:
        self.turns.setdefault(ticket.who, {})[ticket] = None
        self.waiting += 1

    def drop(self, ticket: Ticket, standing: Standing) -> None:
        """Take one out of the line; who else waits keeps the place."""
        own = self.turns[ticket.who]
        del own[ticket]
        if not own:
            del self.turns[ticket.who]
        self.waiting -= 1
        ticket.standing = standing

    def admit(self) -> list[Ticket]:
        """Let in as many as there are slots."""
        found = []
        while self.turns and self.free:
            who, own = next(iter(self.turns.items()))
            ticket = next(iter(own))
            self.drop(ticket, "ready")
            self.running += 1
            if own:  # the next of this asker stands behind one of each other
                self.turns[who] = self.turns.pop(who)
            found.append(ticket)
        return found

    def crowded(self) -> list[Ticket]:
        """Turn one away where there is one more than may wait."""
        if self.waiting <= self.limits.queue:
            return []
        longest = max(reversed(self.turns.values()), key=len)  # of two with as many, the one further from its turn
        last = next(reversed(longest))
        self.drop(last, "full")
        return [last]


class Slots:
    """The slots of all providers."""

    def __init__(self, failed: Callable[[Exception], None] | None = None) -> None:
        """Begin with nothing running. ``failed`` is told what an ``on_ready`` raised, which is nobody else's affair."""
        self._failed = failed
        self._lines: dict[str, _Line] = {}
        self._limits: Mapping[str, Limits] = {}

    def ask(
        self,
        provider: str,
        who: str,
        limits: Limits,
        now: float,
        on_ready: Callable[[], None] | None = None,
    ) -> Ticket:
        """Ask for a slot. The ticket is ready at once, waits, or is refused because too many wait.

        ``who`` is any name for those among whom it is to be fair: a conversation, an agent, a client. ``limits`` are
        those of the provider as the request knows them; what :meth:`reload` said goes before them. A ticket that is
        ready or waits must be given back by :meth:`leave`, whatever becomes of its request. ``on_ready`` is not
        called from here for this ticket: look at it.
        """
        limits = self._limits.get(provider, limits)
        line = self._lines.setdefault(provider, _Line(limits))
        line.limits = limits
        over = line.admit()  # where the limits have changed
        ticket = Ticket(provider, who, now, now + limits.queue_wait)
        line.join(ticket)
        over += [*line.admit(), *line.crowded()]
        self._forget(provider)
        self._tell(over)
        if ticket.waiting:
            ticket.on_ready = on_ready
        return ticket

    def leave(self, ticket: Ticket) -> list[Ticket]:
        """Give a ticket back: its request is over, or is no longer wanted. Gives those that are ready now for it.

        To give it back twice, or when it was refused, does nothing.
        """
        line = self._lines.get(ticket.provider)
        if line is None or not (ticket.ready or ticket.waiting):
            return []
        ticket.on_ready = None
        if ticket.ready:
            ticket.standing = "left"
            line.running -= 1
        else:
            line.drop(ticket, "left")
        ready = line.admit()
        self._forget(ticket.provider)
        self._tell(ready)
        return ready

    def expired(self, now: float) -> list[Ticket]:
        """Turn away those that have waited for too long, and give them."""
        late = []
        for line in self._lines.values():
            waiting = [ticket for own in line.turns.values() for ticket in own]
            for ticket in waiting:
                if ticket.deadline <= now:
                    line.drop(ticket, "late")
                    late.append(ticket)
        for name in {ticket.provider for ticket in late}:
            self._forget(name)
        self._tell(late)
        return late

    def reload(self, limits: Mapping[str, Limits]) -> list[Ticket]:
        """Take the limits of new rules, by provider. Gives those that are ready now because of it.

        More may run than the new rules allow, until enough of them are over; those that wait already may stay.
        """
        self._limits = limits
        ready = []
        for name, line in self._lines.items():
            line.limits = limits.get(name, line.limits)
            ready += line.admit()
        self._tell(ready)
        return ready

    def loads(self) -> dict[str, Load]:
        """Tell what goes on, by provider; one at which nothing goes on is not among them."""
        return {
            name: Load(line.running, line.waiting, line.limits.concurrent, line.limits.queue)
            for name, line in self._lines.items()
        }

    def _forget(self, provider: str) -> None:
        """Drop the line of a provider at which nothing goes on: a client may name any number of hosts."""
        line = self._lines.get(provider)
        if line is not None and not line.running and not line.waiting:
            del self._lines[provider]

    def _tell(self, tickets: Iterable[Ticket]) -> None:
        """Call back those whose waiting is over."""
        for ticket in tickets:
            on_ready, ticket.on_ready = ticket.on_ready, None
            try:
                if on_ready is not None:
                    on_ready()
            except Exception as error:  # noqa: BLE001 - who waits for one ticket must not break another's request (G7)
                if self._failed is not None:
                    self._failed(error)
