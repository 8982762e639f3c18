"""``prefer: fastest``: each model has its turn, then the fastest is asked first, and a conversation stays with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer
from tests.lab.replies import messages_events
from tests.mitm.kit import addons
from tests.mitm.simulated import Clock, Wire
from wiremend.rules.local_router import Judged, Score

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mitm.kit import Addons
    from wiremend.ledger.row import CallRow
    from wiremend.notes import Note

RULES = """
providers:
  one: {base_url: 'http://one.invalid/v1', key: client, speaks: messages}
  two: {base_url: 'http://two.invalid/v1', key: client, speaks: messages}
preferences:
  stay: STAY
  for: all
  choices:
    - {name: work, description: solid work, models: [one/a, two/b], prefer: PREFER, retry: 0}
limits: {cooldown: off}
"""
EVENTS = b"".join(messages_events(Answer(model="m")))
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(EVENTS), EVENTS)
BAD = b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"


class Stage:
    """A client of conversations, on a clock that only the test moves."""

    def __init__(self, made: Addons, wire: Wire, clock: Clock) -> None:
        """Begin before the first request."""
        self.made, self.wire, self.clock = made, wire, clock
        self.rows: list[CallRow] = []
        self.notes: list[Note] = []
        made.house.on_row.append(lambda row, *_: self.rows.append(row))

    def ask(self, conversation: str, *, fails: bool = False, kind: str = "messages") -> str:
        """Ask, let the provider answer (or fail, and the next one answer), and give who answered."""
        said = {"role": "user", "content": f"{conversation}: a piece of solid work, please"}
        body = json.dumps({"model": "m", "stream": True, "max_tokens": 9, "messages": [said]}).encode()
        head = f"POST /v1/{kind} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: k\r\ncontent-length: {len(body)}\r\n\r\n"
        before = len(self.rows)
        self.wire.send(head.encode() + body)
        self.notes = next(iter(self.made.house.exchanges.values())).notes
        for reply in ([BAD] if fails else []) + [WHOLE]:
            asked = next(at for at, sent in enumerate(self.wire.asked) if sent)
            self.wire.asked[asked].clear()
            self.wire.answer(reply, asked)
            self.wire.wait(1.0)
        assert len(self.rows) == before + 1
        return str(self.rows[-1].model)


@pytest.fixture
def prefer() -> str:
    return "fastest"


@pytest.fixture
def stay() -> str:
    return "1h"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefer: str, stay: str) -> Iterator[Stage]:
    clock = Clock()
    with addons(tmp_path, RULES.replace("PREFER", prefer).replace("STAY", stay), clock) as made:
        monkeypatch.setattr(made.house, "at_gateway", lambda _: True)
        monkeypatch.setattr("wiremend.rules.preferring.judge", lambda *_: Judged((Score("work", 1.0),), "work"))
        hooks = [made.rewrite, made.reply, made.tries, made.calls]
        yield Stage(made, Wire(hooks, made.reply, monkeypatch, clock), clock)


def test_each_has_its_turn_and_then_the_fastest_is_the_first(stage: Stage) -> None:
    assert [stage.ask("first"), stage.ask("second")] == ["a", "b"]
    now = stage.clock()
    for model, seconds in (("one/a", 3.0), ("two/b", 2.0)):
        for _ in range(20):
            stage.made.tries.speeds.took(model, seconds, now, stream=True)
    assert stage.ask("third") == "b"
    note = next(note for note in stage.notes if note.short == "fallback")
    assert (note.what, note.why) == ("goes to two/b, which is destination 2", "it is the fastest, as measured")


def test_a_conversation_stays_with_its_model_for_an_hour_after_its_last_request(stage: Stage) -> None:
    assert stage.ask("first") == "a"
    for _ in range(3):
        stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
        stage.clock.seconds += 3000.0
        assert stage.ask("first") == "a", "its cache is there"
    assert stage.ask("second") == "b"
    stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
    stage.clock.seconds += 3601.0
    stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
    assert stage.ask("first") == "b"
    assert stage.ask("first") == "b"


def test_so_does_one_that_is_not_the_first_of_the_file(stage: Stage) -> None:
    stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
    assert stage.ask("first") == "b"
    for _ in range(3):
        stage.made.tries.speeds.failed("two/b", stage.clock(), stream=True)
        stage.clock.seconds += 3000.0
        assert stage.ask("first") == "b"


def test_who_failed_is_not_asked_first_again(stage: Stage) -> None:
    assert stage.ask("first", fails=True) == "b"
    assert [(one.model, one.trouble) for one in stage.rows[0].attempts] == [("a", "status"), ("b", None)]
    assert stage.ask("second") == "b"
    assert len(stage.rows[1].attempts) == 1
    assert stage.ask("first") == "b", "it fell back, and stays"


def test_the_other_models_are_its_fallbacks(stage: Stage) -> None:
    stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
    assert stage.ask("first", fails=True) == "a"
    assert [(one.model, one.trouble) for one in stage.rows[0].attempts] == [("b", "status"), ("a", None)]


def test_a_count_of_tokens_measures_nothing(stage: Stage) -> None:
    stage.ask("first", kind="messages/count_tokens")
    assert len(stage.made.tries.speeds) == 0


@pytest.mark.parametrize("prefer", ("none", "cheapest"))
def test_without_it_the_order_is_that_of_the_file(stage: Stage) -> None:
    stage.made.tries.speeds.failed("one/a", stage.clock(), stream=True)
    assert [stage.ask("first"), stage.ask("second")] == ["a", "a"]


@pytest.mark.parametrize("stay", ("off",))
def test_where_nothing_is_kept_each_request_goes_to_the_fastest(stage: Stage) -> None:
    assert [stage.ask("first"), stage.ask("first")] == ["a", "b"]
