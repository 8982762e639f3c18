"""Each way to be wrong that providers have on this wire is told exactly: code, event, pointer, and no more.

The rows are in ``quirks`` and ``quirks_items``. Where a row's oracle is openai-python, its accumulator reads the same
bytes here, and must refuse them or come to another result than the sound stream; where it is another client, the sound
streams at least are read by openai-python, so that the row's fault is what makes the difference.
"""

from __future__ import annotations

import pytest

from tests.protocols.responses.kit import Stream, change, encode, judge, sdk, told
from tests.protocols.responses.quirks import CALL, PY, TEXT, THOUGHT, TWO, Row
from tests.protocols.responses.quirks_items import ROWS
from wiremend.protocols.responses.contract import CODES

SAID = {"text": ["Hello there"], "call": ['f {"a": 1}'], "two": ["Hello there", 'f {"a": 1}'], "thought": []}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.quirk)
def test_each_way_to_be_wrong_is_told_exactly(row: Row) -> None:
    assert told(row.bad) == row.told


@pytest.mark.parametrize("row", [row for row in ROWS if row.oracle == PY], ids=lambda row: row.quirk)
def test_openai_python_refuses_it_or_comes_to_another_result(row: Row) -> None:
    outcome = sdk(row.bad)
    assert outcome.error is not None or outcome.output is None or outcome.said not in SAID.values() or not outcome.said


@pytest.mark.parametrize(("name", "events"), (("text", TEXT), ("call", CALL), ("two", TWO), ("thought", THOUGHT)))
def test_the_sound_streams_that_the_rows_break_are_read(name: str, events: Stream) -> None:
    assert told(events) == set()
    outcome = sdk(events)
    assert (outcome.error, outcome.said) == (None, SAID[name])
    assert outcome.output is not None


def test_no_two_rows_are_the_same() -> None:
    streams = [row.bad if isinstance(row.bad, bytes) else encode(row.bad) for row in ROWS]
    assert len(set(streams)) == len(ROWS)
    assert len({row.quirk for row in ROWS}) == len(ROWS)


def test_every_quirk_of_this_wire_has_a_row() -> None:
    # 101 (comments) and 147 (sequence numbers) are minded by no client: the legal streams have them
    numbers = {row.quirk.split()[0] for row in ROWS}
    assert numbers >= {"99", "100", "102", "103", "105", *map(str, range(135, 147)), "148"}


def test_a_message_says_what_is_wrong_and_with_what_value() -> None:
    (found,), _ = judge(change(TEXT, {9: {"/response/id": "resp_2"}}))
    assert found.code == "responses.response.id-changed"
    assert found.message.startswith(CODES[found.code][:-1])
    assert found.message.endswith(" (resp_2).")


def test_a_long_value_is_cut_in_the_message() -> None:
    (found,), _ = judge(change(TEXT, {9: {"/response/id": "x" * 500}}))
    assert "x" * 40 + "…" in found.message
    assert len(found.message) < 200


def test_codes_told_by_the_rows_exist() -> None:
    assert {f"responses.{code}" for row in ROWS for code, _, _ in row.told} <= CODES.keys()
