"""Who may run at a provider, and who comes next: laws that hold whatever is asked, left, late and reloaded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from wiremend.pipeline.queue import Slots, Ticket
from wiremend.rules.model import Limits

PROVIDERS = ("a", "b")
WHO = ("ann", "bob", "cyd", "dan")


def limits(concurrent: int | None = 1, queue: int = 100, wait: float = 60.0) -> Limits:
    return replace(Limits(), concurrent=concurrent, queue=queue, queue_wait=wait)


class TestSlots:
    def test_a_free_slot_is_had_at_once_and_then_one_waits(self) -> None:
        slots = Slots()
        first = slots.ask("a", "ann", limits(), 0.0)
        second = slots.ask("a", "ann", limits(), 0.0)
        assert first.ready
        assert second.waiting
        assert slots.leave(first) == [second]
        assert second.ready

    def test_providers_do_not_share_slots(self) -> None:
        slots = Slots()
        assert slots.ask("a", "ann", limits(), 0.0).ready
        assert slots.ask("b", "ann", limits(), 0.0).ready

    def test_no_limit_is_always_ready_and_still_counted(self) -> None:
        slots = Slots()
        tickets = [slots.ask("a", "ann", limits(None, queue=0), 0.0) for _ in range(500)]
        assert all(ticket.ready for ticket in tickets)
        assert slots.loads()["a"].running == 500
        for ticket in tickets:
            slots.leave(ticket)
        assert slots.loads() == {}

    def test_one_with_a_single_request_comes_after_one_of_each_other(self) -> None:
        slots = Slots()
        running = slots.ask("a", "ann", limits(), 0.0)
        many = [slots.ask("a", "ann", limits(), 0.0) for _ in range(50)]
        other = [slots.ask("a", "bob", limits(), 0.0) for _ in range(2)]
        order = []
        while ready := slots.leave(running):
            [running] = ready
            order.append(running)
        assert order == [many[0], other[0], many[1], other[1], *many[2:]]

    def test_beyond_the_queue_it_is_refused(self) -> None:
        slots = Slots()
        slots.ask("a", "ann", limits(queue=1), 0.0)
        waiting = slots.ask("a", "ann", limits(queue=1), 0.0)
        refused = slots.ask("a", "ann", limits(queue=1), 0.0)
        assert (waiting.standing, refused.standing) == ("waiting", "full")

    def test_without_a_queue_nobody_waits(self) -> None:
        slots = Slots()
        slots.ask("a", "ann", limits(queue=0), 0.0)
        assert slots.ask("a", "bob", limits(queue=0), 0.0).refused

    def test_a_full_queue_has_room_for_another_asker(self) -> None:
        slots = Slots()
        slots.ask("a", "ann", limits(queue=3), 0.0)
        told: list[str] = []
        many = [slots.ask("a", "ann", limits(queue=3), 0.0, lambda: told.append("ann")) for _ in range(3)]
        other = slots.ask("a", "bob", limits(queue=3), 0.0)
        assert other.waiting
        assert [ticket.standing for ticket in many] == ["waiting", "waiting", "full"]
        assert told == ["ann"]

    def test_where_each_has_one_in_a_full_queue_the_newcomer_is_refused(self) -> None:
        slots = Slots()
        slots.ask("a", "ann", limits(queue=2), 0.0)
        waiting = [slots.ask("a", who, limits(queue=2), 0.0) for who in ("ann", "bob")]
        assert slots.ask("a", "cyd", limits(queue=2), 0.0).refused
        assert all(ticket.waiting for ticket in waiting)

    def test_a_client_that_goes_while_it_waits_leaves_its_place(self) -> None:
        slots = Slots()
        running = slots.ask("a", "ann", limits(), 0.0)
        gone = slots.ask("a", "bob", limits(), 0.0)
        behind = slots.ask("a", "cyd", limits(), 0.0)
        assert slots.leave(gone) == []
        assert slots.leave(running) == [behind]

    def test_giving_a_ticket_back_twice_frees_one_slot(self) -> None:
        slots = Slots()
        running = slots.ask("a", "ann", limits(), 0.0)
        waiting = [slots.ask("a", "bob", limits(), 0.0) for _ in range(2)]
        assert slots.leave(running) == waiting[:1]
        assert slots.leave(running) == []
        assert waiting[1].waiting

    def test_who_waits_too_long_is_turned_away_and_told(self) -> None:
        slots = Slots()
        told: list[str] = []
        slots.ask("a", "ann", limits(wait=10.0), 0.0)
        late = slots.ask("a", "ann", limits(wait=10.0), 1.0, lambda: told.append("late"))
        in_time = slots.ask("a", "ann", limits(wait=10.0), 2.0)
        assert slots.expired(10.9) == []
        assert slots.expired(11.0) == [late]
        assert (late.standing, told, in_time.waiting) == ("late", ["late"], True)

    def test_raising_a_limit_lets_in_who_waits(self) -> None:
        slots = Slots()
        slots.ask("a", "ann", limits(1), 0.0)
        waiting = [slots.ask("a", "ann", limits(1), 0.0) for _ in range(3)]
        assert slots.reload({"a": limits(3)}) == waiting[:2]
        assert slots.reload({"a": limits(None)}) == waiting[2:]

    def test_lowering_a_limit_ends_nobody(self) -> None:
        slots = Slots()
        running = [slots.ask("a", "ann", limits(3, queue=5), 0.0) for _ in range(3)]
        waiting = [slots.ask("a", "ann", limits(3, queue=5), 0.0) for _ in range(5)]
        assert slots.reload({"a": limits(1, queue=1)}) == []
        assert slots.leave(running[0]) == []
        assert slots.leave(running[1]) == []
        assert slots.leave(running[2]) == waiting[:1]
        assert slots.ask("a", "ann", limits(3, queue=5), 0.0).refused
        assert all(ticket.waiting for ticket in waiting[1:])

    def test_a_request_of_older_rules_does_not_bring_their_limit_back(self) -> None:
        slots = Slots()
        slots.reload({"a": limits(1)})
        slots.ask("a", "ann", limits(10), 0.0)
        assert slots.ask("a", "ann", limits(10), 0.0).waiting

    def test_a_callback_that_raises_breaks_nobody_else(self) -> None:
        broken: list[Exception] = []
        told: list[str] = []
        slots = Slots(broken.append)
        running = slots.ask("a", "ann", limits(2), 0.0)
        slots.ask("a", "ann", limits(2), 0.0)
        first = slots.ask("a", "ann", limits(2), 0.0, lambda: told.remove("not there"))
        second = slots.ask("a", "ann", limits(2), 0.0, lambda: told.append("second"))
        assert slots.reload({"a": limits(4)}) == [first, second]
        assert told == ["second"]
        assert [type(error) for error in broken] == [ValueError]
        assert slots.leave(running) == []

    def test_a_callback_may_leave_and_ask(self) -> None:
        slots = Slots()
        running = slots.ask("a", "ann", limits(), 0.0)
        found: list[Ticket] = []

        def again() -> None:
            slots.leave(first)
            found.append(slots.ask("a", "ann", limits(), 1.0))

        first = slots.ask("a", "ann", limits(), 0.0, again)
        last = slots.ask("a", "bob", limits(), 0.0)
        slots.leave(running)
        assert last.ready
        assert [ticket.standing for ticket in found] == ["waiting"]
        assert slots.leave(last) == found

    def test_nothing_is_kept_of_providers_at_rest(self) -> None:
        slots = Slots()
        for number in range(10):
            slots.leave(slots.ask(f"host{number}", "ann", limits(), 0.0))
        assert not slots._lines


@dataclass(eq=False)
class _Asked:
    """A ticket with what the model knows of it; ``passed`` counts, by asker, who was let in while it waited."""

    ticket: Ticket
    told: list[str] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)
    at_once: bool = False


class Laws(RuleBasedStateMachine):
    """Any sequence of calls. The machine counts by itself, from what it was given and told."""

    def __init__(self) -> None:
        """Begin with two slots a provider."""
        super().__init__()
        self.broken: list[Exception] = []
        self.slots = Slots(self.broken.append)
        self.asked: list[_Asked] = []
        self.now = 0.0
        self.limits = dict.fromkeys(PROVIDERS, limits(2, queue=4, wait=10.0))
        self.slots.reload(dict(self.limits))
        self.most: dict[str, int] = dict.fromkeys(PROVIDERS, 0)

    def of(self, provider: str, standing: str) -> list[_Asked]:
        return [one for one in self.asked if one.ticket.provider == provider and one.ticket.standing == standing]

    def let_in(self, tickets: list[Ticket]) -> None:
        """Let those that still wait count who went before them."""
        for ticket in tickets:
            for one in self.of(ticket.provider, "waiting"):
                one.passed[ticket.who] = one.passed.get(ticket.who, 0) + 1

    @rule(provider=st.sampled_from(PROVIDERS), who=st.sampled_from(WHO))
    def ask(self, provider: str, who: str) -> None:
        before = len(self.of(provider, "waiting"))
        told: list[str] = []
        ticket = self.slots.ask(provider, who, self.limits[provider], self.now, lambda: told.append("told"))
        self.asked.append(_Asked(ticket, told, at_once=not ticket.waiting))
        assert len(self.of(provider, "waiting")) <= max(before, self.limits[provider].queue)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.asked))
        freed = one.ticket.ready
        ready = self.slots.leave(one.ticket)
        assert len(ready) <= (1 if freed else 0)
        assert not one.ticket.ready
        self.let_in(ready)

    @rule(provider=st.sampled_from(PROVIDERS), concurrent=st.sampled_from((None, 1, 2, 5)), queue=st.integers(0, 6))
    def reload(self, provider: str, concurrent: int | None, queue: int) -> None:
        self.limits[provider] = limits(concurrent, queue, wait=10.0)
        self.let_in(self.slots.reload(dict(self.limits)))

    @rule(seconds=st.floats(0.0, 20.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        late = self.slots.expired(self.now)
        assert all(ticket.standing == "late" and ticket.deadline <= self.now for ticket in late)

    @invariant()
    def never_more_run_than_may(self) -> None:
        for provider in PROVIDERS:
            concurrent, running = self.limits[provider].concurrent, len(self.of(provider, "ready"))
            if concurrent is not None:
                # After a limit was lowered those that ran may run on, but nobody joins them.
                assert running <= max(concurrent, self.most[provider])
            self.most[provider] = running

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        for provider in PROVIDERS:
            concurrent = self.limits[provider].concurrent
            if self.of(provider, "waiting"):
                assert concurrent is not None
                assert len(self.of(provider, "ready")) >= concurrent

    @invariant()
    def nobody_is_lost(self) -> None:
        loads = self.slots.loads()
        for provider in PROVIDERS:
            seen = (loads[provider].running, loads[provider].waiting) if provider in loads else (0, 0)
            assert seen == (len(self.of(provider, "ready")), len(self.of(provider, "waiting")))

    @invariant()
    def nobody_waits_longer_than_may_be(self) -> None:
        assert all(one.ticket.deadline > self.now for one in self.asked if one.ticket.waiting)

    @invariant()
    def each_is_told_once_when_its_waiting_is_over(self) -> None:
        for one in self.asked:
            if one.ticket.waiting or one.at_once:
                assert one.told == []
            elif one.ticket.standing != "left":
                assert one.told == ["told"]
        assert not self.broken

    @invariant()
    def it_goes_round(self) -> None:
        """Nobody is passed more than once by another for each of its own that goes before, and once for itself."""
        for one in self.asked:
            if not one.ticket.waiting:
                continue
            own = one.passed.get(one.ticket.who, 0)
            assert all(times <= own + 1 for who, times in one.passed.items() if who != one.ticket.who)

    @invariant()
    def who_came_first_goes_first(self) -> None:
        for provider in PROVIDERS:
            for who in WHO:
                own = [one.ticket for one in self.asked if (one.ticket.provider, one.ticket.who) == (provider, who)]
                states = [ticket.standing for ticket in own if ticket.standing in {"ready", "waiting"}]
                assert states == sorted(states)  # "ready" before "waiting"


TestLaws = Laws.TestCase
