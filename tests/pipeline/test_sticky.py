"""A conversation stays where it fell back to, for its time, and the memory of it is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wiremend.pipeline.sticky import Sticky


def test_it_stays_until_its_time_is_over() -> None:
    sticky = Sticky()
    sticky.keep("c1", "work", "openrouter/moonshotai/kimi-k2.6", until=700.0)
    assert sticky.recall("c1", "work", 100.0) == "openrouter/moonshotai/kimi-k2.6"
    assert sticky.recall("c1", "work", 699.9) == "openrouter/moonshotai/kimi-k2.6"
    assert sticky.recall("c1", "work", 700.0) is None
    assert len(sticky) == 0
    assert sticky.recall("c1", "work", 100.0) is None  # what was forgotten is


def test_another_conversation_and_another_route_stay_nowhere() -> None:
    sticky = Sticky()
    sticky.keep("c1", "work", "b", until=9.0)
    assert sticky.recall("c2", "work", 0.0) is None
    assert sticky.recall("c1", "titles", 0.0) is None


def test_a_later_place_stands_for_an_earlier_one() -> None:
    sticky = Sticky()
    sticky.keep("c1", "work", "b", until=9.0)
    sticky.keep("c1", "work", "c", until=5.0)
    assert sticky.recall("c1", "work", 4.0) == "c"
    assert sticky.recall("c1", "work", 5.0) is None


def test_its_time_runs_from_when_it_fell_back_however_long_it_is_talked() -> None:
    sticky = Sticky()
    for now in range(0, 600, 60):
        sticky.keep("c1", "work", "b", until=now + 600.0)
        assert sticky.recall("c1", "work", float(now)) == "b"
    assert sticky.recall("c1", "work", 600.0) is None
    sticky.keep("c1", "work", "b", until=1300.0)  # it has tried its first destination, and fell back once more
    assert sticky.recall("c1", "work", 1299.0) == "b"


def test_what_is_forgotten_is_forgotten() -> None:
    sticky = Sticky()
    sticky.keep("c1", "work", "b", until=9.0)
    sticky.keep("c1", "titles", "c", until=9.0)
    sticky.forget("c1", "work")
    sticky.forget("c1", "work")
    assert sticky.recall("c1", "work", 0.0) is None
    assert sticky.recall("c1", "titles", 0.0) == "c"


def test_the_oldest_go_first() -> None:
    sticky = Sticky(most=3)
    for number in range(3):
        sticky.keep(f"c{number}", "work", "b", until=9.0)
    sticky.keep("c0", "work", "b", until=9.0)  # it is the newest again
    sticky.keep("c3", "work", "b", until=9.0)
    assert [name for name in ("c0", "c1", "c2", "c3") if sticky.recall(name, "work", 0.0)] == ["c0", "c2", "c3"]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("rs"), st.sampled_from("xyz"), st.integers(0, 20))),
    st.integers(1, 5),
)
def test_it_is_a_bounded_map_of_what_was_kept_last(kept: list[tuple[str, str, str, int]], most: int) -> None:
    sticky = Sticky(most)
    last: dict[tuple[str, str], tuple[str, int]] = {}
    for conversation, route, target, until in kept:
        sticky.keep(conversation, route, target, until)
        before = last.pop((conversation, route), None)
        last[conversation, route] = before if before is not None and before[0] == target else (target, until)
        for gone in list(last)[:-most]:
            del last[gone]
        assert len(sticky) <= most
    for (conversation, route), (target, until) in last.items():
        assert sticky.recall(conversation, route, 10.0) == (target if until > 10 else None)
