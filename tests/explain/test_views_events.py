"""A stream event by event: times, marks, violations; and how two streams are lined up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.test_captures import ALL, name_of, stored
from wiremend.captures.capture import Body, Response
from wiremend.explain.events import JUDGED, MOST, body_checked, events
from wiremend.explain.events_pairs import pairs, stream_of
from wiremend.headers import Headers
from wiremend.notes import Note
from wiremend.protocols.wires import CONTRACTS
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wiremend.explain.events_pairs import Pair

SOUND = [
    {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    for choice in (
        {"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None},
        {"index": 0, "delta": {"content": "lo"}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    )
]


def chunk(document: object) -> bytes:
    return b"data: %s\n\n" % json.dumps(document).encode()


def reply(chunks: Sequence[bytes], times: Sequence[int] | None = None) -> Response:
    body = Body(b"".join(chunks)) if times is None else Body.of(chunks, times)
    return Response(200, "OK", Headers((("content-type", "text/event-stream"),)), body)


DONE = b"data: [DONE]\n\n"
WHOLE = [*map(chunk, SOUND), DONE]


def numbered(text: str) -> list[str]:
    """Give the lines of events, without what is said of them."""
    return [line for line in text.splitlines() if line[:5].strip().isdigit()]


def test_each_event_has_its_number_and_the_time_since_the_last() -> None:
    shown = events(reply(WHOLE, [5_000, 5_400, 75_000, 2_075_000]), "chat", 100)
    assert [line.split()[:3] for line in numbered(shown)] == [
        ["1", "5", "ms"],
        ["2", "+400", "µs"],
        ["3", "+70", "ms"],
        ["4", "+2.0", "s"],
    ]
    assert "violation" not in shown


def test_an_event_in_two_chunks_has_the_time_of_the_second() -> None:
    cut = [WHOLE[0][:10], WHOLE[0][10:] + WHOLE[1], *WHOLE[2:]]
    shown = events(reply(cut, [1_000, 9_000, 9_000, 9_000]), "chat", 100)
    assert numbered(shown)[0].split()[:3] == ["1", "9", "ms"]


def test_what_became_of_each_event_is_marked() -> None:
    other = {**SOUND[1], "model": "another"}
    shown = events(reply([*map(chunk, [SOUND[0], other, SOUND[2]]), DONE]), "chat", 200,
                   upstream=reply([WHOLE[0], WHOLE[1], b": ping\n\n", chunk({"choices": []}), WHOLE[2]]))  # fmt: skip
    marks = [(line[:5].strip(), line[16]) for line in shown.splitlines()[3:] if line[16:17] in set("=~-+")]
    assert marks == [("1", "="), ("2", "~"), ("3", "-"), ("4", "="), ("", "+")]
    assert "1 changed (~), 1 dropped (-), 1 put in (+)" in shown
    assert '"another"' not in shown.splitlines()[4]


def test_an_untouched_stream_is_said_to_be_so() -> None:
    assert "each as it came (=)" in events(reply(WHOLE), "chat", 100, upstream=reply(WHOLE))


def test_notes_stand_at_their_event() -> None:
    notes = [Note("mended", "/model", "some.code", "event 2: the name was put back"), Note("edited", "/x", "", "no")]
    lines = events(reply(WHOLE), "chat", 120, upstream=reply(WHOLE), notes=notes).splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("    2"))
    assert lines[place + 1].strip() == "mended: the name was put back (some.code)"
    assert not any("/x" in line for line in lines)


def test_what_the_contract_says_is_told_once_and_then_its_code_alone() -> None:
    wrong = [chunk({**SOUND[1], "choices": [{"index": "x", "delta": {"content": str(n)}}]}) for n in range(3)]
    lines = [
        line.strip() for line in events(reply([chunk(SOUND[0]), *wrong]), "chat", 400).splitlines() if "✗ " in line
    ]
    first, *rest = [line for line in lines if "index" in line]
    code, _, said = first.partition(": ")
    assert said.endswith(".")
    assert rest == [code, code]


REPLIED = [
    folder
    for folder in ALL
    if (found := stored(folder).capture).wire and found.answer and found.attempt and found.attempt.response
]


@pytest.mark.parametrize("folder", REPLIED, ids=name_of)
def test_every_violation_of_a_case_stands_at_its_event(folder: Path) -> None:
    capture = stored(folder).capture
    attempt = capture.attempt
    answer = capture.answer
    assert capture.wire is not None
    assert attempt is not None
    assert attempt.response is not None
    assert answer is not None
    shown = events(answer, capture.wire, 160, upstream=attempt.response, notes=capture.notes)
    assert shown
    contract = CONTRACTS[capture.wire]()
    parser = EventParser(apart=True)
    data = attempt.response.body.data
    told = [one for one in [*parser.feed(data), *parser.close()] if one.data is not None]
    if not told or "content-encoding" in attempt.response.headers:
        return
    expected = [violation.code for one in told for violation in contract.feed(one)]
    expected += [violation.code for violation in contract.close()]
    upstream = [line for line in shown.splitlines() if "✗" in line and "to the client: " not in line][0:]
    assert [line.split("✗ ")[1].split(":")[0].split(" ")[0] for line in upstream if "(✗)" not in line] == expected


def test_a_whole_body_is_asked_about_by_its_contract_unless_it_is_an_error() -> None:
    assert "1 violation of the chat contract" in body_checked(b'{"error":{"message":"x"}}', "chat", 200)
    assert "under the status 500" in body_checked(b'{"error":{"message":"x"}}', "chat", 500)
    assert "violation" not in body_checked(b"", None, 200)


def test_a_long_stream_is_listed_up_to_a_bound_and_counted() -> None:
    many = [chunk({**SOUND[1], "created": n}) for n in range(JUDGED + 50)]
    shown = events(reply(many), "chat", 100)
    assert f"{JUDGED + 50:,} events" in shown.splitlines()[0]
    assert len(numbered(shown)) <= MOST + 200
    assert f"first {JUDGED:,} events" in shown


def test_what_is_behind_the_bound_is_listed_where_something_is_wrong_with_it() -> None:
    many = [chunk(SOUND[0]), *[chunk({**SOUND[1], "created": n}) for n in range(MOST + 50)], b"data: {no json\n\n"]
    shown = events(reply(many), "chat", 100)
    assert f"{len(many):>5}" in [line[:5] for line in numbered(shown)]


@pytest.mark.parametrize("width", (1, 20, 80, 200))
def test_lines_of_events_keep_to_the_width(width: int) -> None:
    long = chunk({**SOUND[1], "filler": "x好" * 500})
    shown = events(reply([long, DONE]), "chat", width, upstream=reply([chunk({"choices": "y" * 900}), DONE]))
    assert max(len(line) for line in numbered(shown)) <= max(width, 27)


@given(st.binary(max_size=80))
@example(b"data: \xff\n\n")
@example(b"data: {\n\ndata: [\n\n")
def test_no_bytes_break_it(data: bytes) -> None:
    for wire in CONTRACTS:
        shown = events(reply([data]), wire, 80, upstream=reply([b"data: {}\n\n" + data]))
        shown.encode("utf-8")


STREAMS = st.lists(st.sampled_from([b"a", b"b", b"c", b'{"type":"x"}', b'{"type":"x","n":1}', b'{"choices":[1]}']))


@given(STREAMS, STREAMS)
def test_lined_up_streams_hold_each_event_once_and_in_order(before: list[bytes], after: list[bytes]) -> None:
    found = lined_up(before, after)
    assert [pair.before.event.data for pair in found if pair.before] == before
    assert [pair.after.event.data for pair in found if pair.after] == after
    assert all(pair.before or pair.after for pair in found)


@given(STREAMS)
def test_a_stream_beside_itself_is_the_same(data: list[bytes]) -> None:
    assert all(pair.same for pair in lined_up(data, data))


@given(STREAMS.filter(bool), st.data())
def test_what_is_put_in_alone_is_found(data: list[bytes], draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(data)))
    found = lined_up(data, [*data[:place], b'{"new":1}', *data[place:]])
    assert [pair.after.event.data for pair in found if pair.before is None and pair.after] == [b'{"new":1}']


def lined_up(before: list[bytes], after: list[bytes]) -> list[Pair]:
    left, right = (stream_of(reply([b"data: %s\n\n" % data for data in side])).events for side in (before, after))
    return pairs(left, right)
