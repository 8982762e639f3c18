"""Which capture answers: in order, each once, within its conversation; and what a miss says."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.replay.playing.playing_kit import answered, asked, capture, turn
from wiremend.replay.playing import Miss, Played, Player
from wiremend.replay.playing.player import Unrecorded, shortened

if TYPE_CHECKING:
    from wiremend.captures.capture import Capture, Request


def named(*captures: Capture) -> Player:
    return Player(captures)


def played(player: Player, request: Request) -> str:
    outcome = player.claim(request)
    assert isinstance(outcome, Played), outcome
    return outcome.entry.name


def missed(player: Player, request: Request) -> Miss:
    outcome = player.claim(request)
    assert isinstance(outcome, Miss), outcome
    return outcome


def session(name: str, began: float, user: str = "", ids: str = "toolu_1") -> list[Capture]:
    """Two turns, the second with the result of the call in the first's answer."""
    more: dict[str, Any] = {"metadata": {"user_id": user}} if user else {}
    use = {"type": "tool_use", "id": ids, "name": "Bash", "input": {}}
    result = {"type": "tool_result", "tool_use_id": ids, "content": "done"}
    return [
        capture(asked(turn("go", **more)), answered(b"1"), name=f"{name}-1", began=began),
        capture(asked(turn("go", [use], [result], **more)), answered(b"2"), name=f"{name}-2", began=began + 1),
    ]


def test_equal_requests_get_their_answers_in_the_order_of_recording() -> None:
    late, soon = (capture(asked(turn("go")), answered(b"x"), name=name, began=at) for name, at in (("b", 2), ("a", 1)))
    player = named(late, soon)
    first, second = asked(turn("go"), x_run="1"), asked(json.dumps(turn("go"), indent=1).encode())
    assert [played(player, first), played(player, second)] == ["a", "b"]
    assert player.unused == []


def test_each_answers_once_but_the_very_same_request_is_answered_again() -> None:
    player = named(capture(asked(turn("go")), answered(b"x")))
    assert played(player, asked(turn("go"))) == "one"
    again = player.claim(asked(turn("go"), x_retry="1"))
    assert isinstance(again, Played)
    assert again.again
    miss = missed(player, asked(json.dumps(turn("go"), indent=1).encode()))
    assert miss.lines == ["POST /v1/messages: one answers this, and has been used already"]


def test_a_retry_gets_what_the_recorded_retry_got_and_then_that_again() -> None:
    request = asked(turn("go"))
    player = named(
        capture(request, answered(b"{}", status=529), name="busy", began=1),
        capture(request, answered(b"x"), name="well", began=2),
    )
    assert [played(player, request) for _ in range(4)] == ["busy", "well", "well", "well"]


def test_each_attempt_at_a_provider_is_an_answer_of_its_own() -> None:
    request = asked(turn("go"))
    player = named(capture(request, answered(b"{}", status=503), answered(b"x"), name="case"))
    assert [played(player, request) for _ in range(2)] == ["case (attempt 1)", "case (attempt 2)"]


def test_on_the_clients_side_its_request_and_its_answer_count() -> None:
    sent = capture(asked(turn("left")), answered(b"up"))
    kept = replace(sent, request=asked(turn("came")), answer=answered(b"down"))
    outcome = Player([kept], side="client").claim(asked(turn("came")))
    assert isinstance(outcome, Played)
    assert outcome.entry.response == kept.answer
    assert isinstance(Player([kept]).claim(asked(turn("came"))), Miss)


def test_ids_keep_alike_conversations_apart() -> None:
    player = Player([*session("a", 1, ids="toolu_a"), *session("b", 2, ids="toolu_b")])
    mine, other = session("", 0, ids="toolu_b"), session("", 0, ids="toolu_a")
    assert played(player, mine[1].request) == "b-2"
    assert played(player, other[1].request) == "a-2"


def test_a_session_stays_with_the_recorded_session_that_answered_it() -> None:
    """Alike in all but the session that each names: what answered the first turn answers the second."""
    player = Player([*session("a", 1, user="s-a"), *session("b", 2, user="s-b")])
    first, second = session("", 0, user="live-1"), session("", 0, user="live-2")
    assert [played(player, one.request) for one in (first[0], second[0])] == ["a-1", "b-1"]
    assert [played(player, one.request) for one in (second[1], first[1])] == ["b-2", "a-2"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.randoms())
def test_whatever_the_order_of_asking_each_answer_is_given_once_and_to_its_own(kinds: list[int], chance: Any) -> None:  # noqa: ANN401 - hypothesis' own
    captures = [
        capture(asked(turn(f"kind {kind}")), answered(b"x"), name=f"{kind}/{number}", began=number)
        for number, kind in enumerate(kinds)
    ]
    player = Player(captures)
    order = list(enumerate(kinds))
    chance.shuffle(order)
    given_: dict[int, list[int]] = {}
    for number, kind in order:
        name = played(player, asked(turn(f"kind {kind}"), target=f"/run/{number}/v1/messages"))
        asked_for, place = map(int, name.split("/"))
        assert asked_for == kind
        given_.setdefault(kind, []).append(place)
    assert player.unused == []
    assert all(places == sorted(places) for places in given_.values())


def test_many_threads_at_once_get_each_answer_once() -> None:
    count = 64
    player = Player(
        [capture(asked(turn("go")), answered(b"x"), name=str(number), began=number) for number in range(count)]
    )
    gate = threading.Barrier(count)
    names: list[str] = []

    def ask(number: int) -> None:
        request = asked(turn("go"), target=f"/run/{number}/v1/messages")
        gate.wait()
        names.append(played(player, request))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(names) == Counter(map(str, range(count)))


def test_a_miss_names_the_nearest_capture_and_what_differs() -> None:
    player = named(
        capture(asked(turn("write the marker", tools=[{"name": "Bash"}])), answered(b"x"), name="far"),
        capture(asked(turn("write the marker")), answered(b"x"), name="near"),
    )
    miss = missed(player, asked(turn("write the maker", temperature=1), "/coding/v1/messages?beta=true"))
    assert miss.nearest == "near"
    assert set(miss.differences) == {
        ("/messages/0/content", '"write the marker"', '"write the maker"'),
        ("/temperature", None, "1"),
        ("?beta", None, '"true"'),
    }
    assert miss.lines[0] == "POST /coding/v1/messages: no capture is like it; nearest is near, of which 3 leaves differ"
    assert '  /messages/0/content: "write the marker" → "write the maker"' in miss.lines
    assert "  /temperature: (none) → 1" in miss.lines
    error = json.loads(miss.body)["error"]
    assert error["type"] == "not_found_error"  # of the messages wire
    assert "nearest is near" in error["message"]
    assert player.misses == [miss]
    assert str(miss) == "\n".join(miss.lines) == error["message"]
    assert miss.differences[0][0] == "/messages/0/content"  # what has another value goes before what is new


def test_a_miss_names_eight_leaves_at_most_and_counts_the_others() -> None:
    player = named(capture(asked({"model": "m"}), answered(b"x")))
    miss = missed(player, asked({"model": "m", **{f"key{number}": number for number in range(20)}}))
    assert (len(miss.differences), miss.count) == (8, 20)
    assert miss.lines[-1] == "  and 12 more"


def test_a_miss_is_told_in_the_form_of_its_wire() -> None:
    player = named()
    openai = missed(player, asked({}, "/v1/chat/completions"))
    assert json.loads(openai.body)["error"]["code"] == "not_found"
    assert openai.lines == ["POST /v1/chat/completions: no capture asks for this"]


def test_a_miss_shows_no_credential() -> None:
    secret = "sk-kimi-" + "Zq3Xw8Lm5Tr9Bv2Nc7Hj4Kd6"
    player = named(capture(asked(turn("go")), answered(b"x")))
    miss = missed(player, asked(turn(f"use {secret}")))
    assert secret[8:16] not in str(miss)
    assert "use sk-kimi-" in str(miss)


def test_a_miss_that_is_repeated_counts_once() -> None:
    player = named()
    assert [missed(player, asked(turn("go"))).again for _ in range(3)] == [False, True, True]
    assert len(player.misses) == 1


def test_what_was_never_asked_for_and_what_cannot_be_played_is_told() -> None:
    player = named(
        capture(asked(turn("a")), answered(b"x"), name="a"),
        capture(asked(turn("b")), answered(b"x"), name="b"),
        capture(asked(turn("c")), None, name="no reply"),
        capture(asked(None, "/v1/responses", "GET"), answered(status=101), name="socket"),
    )
    played(player, asked(turn("a")))
    assert player.unused == ["b"]
    assert [name for name, _ in player.unplayable] == ["no reply", "socket"]


def test_pointers_of_the_rules_are_ignored_too() -> None:
    kept = capture(asked(turn("go", run=1)), answered(b"x"))
    assert isinstance(Player([kept], ignore=["/run"]).claim(asked(turn("go", run=2))), Played)
    assert isinstance(Player([kept]).claim(asked(turn("go", run=2))), Miss)


# -- what nobody recorded


def unrecorded(request: Request, *captures: Capture) -> tuple[int, Any]:
    player = named(*captures)
    outcome = player.claim(request)
    assert isinstance(outcome, Unrecorded)
    assert player.misses == []
    body = outcome.response.body.data
    return outcome.response.status, json.loads(body) if body else None


def test_models_are_those_that_captures_ask_for() -> None:
    kept = [capture(asked({"model": name}), answered(b"x"), name=name) for name in ("k2", "org/k3", "k2")]
    status, body = unrecorded(asked(None, "/coding/v1/models", "GET"), *kept)
    assert (status, [row["id"] for row in body["data"]]) == (200, ["k2", "org/k3"])
    assert unrecorded(asked(None, "/v1/models/org/k3", "GET"), *kept)[1]["id"] == "org/k3"
    assert unrecorded(asked(None, "/v1/models/k9", "GET"), *kept)[0] == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    (
        (asked(None, "/", "HEAD"), 200),
        (asked(None, "/v1/responses", "GET", upgrade="websocket"), 426),
        (asked(None, "/api/tags", "GET"), 404),
        (asked(turn("go"), "/v1/messages/count_tokens"), 404),
    ),
)
def test_probes_are_answered_and_are_no_miss(request_: Request, status: int) -> None:
    assert unrecorded(request_)[0] == status


def test_a_count_that_was_recorded_is_played_and_another_one_is_a_miss() -> None:
    target = "/v1/messages/count_tokens"
    player = named(capture(asked(turn("go"), target), answered(b'{"input_tokens":3}')))
    assert played(player, asked(turn("go"), target)) == "one"
    assert missed(player, asked(turn("come"), target)).count == 1


@pytest.mark.parametrize("length", (10, 60, 61, 500))
def test_long_values_are_cut_around_the_first_difference(length: int) -> None:
    expected, got = "a" * length + "X" + "b" * length, "a" * length + "Y" + "b" * length
    here, there = shortened(expected, got)
    assert max(len(here), len(there)) <= 62  # and an ellipsis at each end
    assert here != there
    assert ("X" in here, "Y" in there) == (True, True)
