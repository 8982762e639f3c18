"""Parts of secrets: cut off, shown in part by an error, or said token by token in the events of a stream."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.replay.kit import captured
from wiremend.captures.capture import Body, Response
from wiremend.captures.findings import findings
from wiremend.captures.scrub import Scrubber
from wiremend.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.captures.capture import Capture

REST = "a1B2c3D4e5" * 4
FAMILY = f"sk-kimi-{REST}"
PLAIN = f"q{REST}"
MEMBERS = ("content", "text", "reasoning_content", "reasoning", "arguments", "partial_json", "delta", "thinking")


def answered(data: bytes) -> Capture:
    """Give a capture with these bytes for the provider's stream."""
    capture = captured()
    reply = Response(200, "OK", Headers((("content-type", "text/event-stream"),)), Body.of([data], [0]))
    return replace(capture, attempts=(replace(capture.attempts[0], response=reply),))


def scrubbed(data: bytes, *secrets: str) -> bytes:
    """Give what is kept of a provider's reply."""
    made = Scrubber(secrets, salt=b"salt").capture(answered(data)).attempts[0].response
    assert made is not None
    return made.body.data


def stream(member: str, texts: Sequence[str], between: str = "") -> bytes:
    """Give events that say these texts in a member."""
    other = f"event: ping\ndata: {json.dumps({'type': 'ping', 'x': between})}\n\n" if between else ""
    events = [f"data: {json.dumps({'type': 'd', 'index': 0, 'd': {member: text}})}\n\n" for text in texts]
    return other.join(events).encode()


def said(data: bytes, member: str) -> list[str]:
    """Give what the events say, read as JSON."""
    events: list[Any] = [json.loads(line[5:]) for line in data.decode().splitlines() if line.startswith("data:")]
    return [event["d"][member] for event in events if "d" in event]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("secret", (FAMILY, PLAIN))
@given(marks=st.sets(st.integers(1, len(PLAIN) - 1), min_size=1), before=st.sampled_from(("", "it is ", 'a "q\\" ')))
def test_what_is_said_in_pieces_is_replaced_piece_by_piece(
    member: str, secret: str, marks: set[int], before: str
) -> None:
    cuts = [0, *sorted(marks), len(secret)]
    pieces = [secret[a:b] for a, b in itertools.pairwise(cuts)]
    texts = [before + pieces[0], *pieces[1:-1], pieces[-1] + ", see"]
    for between in ("", "lorem"):
        data = stream(member, texts, between)
        kept = scrubbed(data, secret)
        told = said(kept, member)
        assert [len(text) for text in told] == [len(text) for text in texts]
        whole = "".join(told)
        assert "SCRUBBED" in whole
        assert whole.startswith(before)
        assert whole.endswith(", see")
        assert REST[:8] not in whole
        assert len(kept) == len(data)


def test_a_stream_without_it_is_the_very_same() -> None:
    data = stream("content", ["sk-", "ki", "mi-", "something", "else", REST[:7]])
    assert scrubbed(data, FAMILY) == data


def test_pieces_in_different_members_do_not_hide_it() -> None:
    events = [{"d": {"reasoning": letter, "reasoning_details": [{"text": letter}]}} for letter in FAMILY]
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    kept = scrubbed(data, FAMILY)
    told = [json.loads(line[5:])["d"] for line in kept.decode().splitlines() if line]
    for text in (
        "".join(one["reasoning"] for one in told),
        "".join(one["reasoning_details"][0]["text"] for one in told),
    ):
        assert REST[:8] not in text
        assert text.startswith("sk-kimi-SCRUBBED")


@pytest.mark.parametrize("fill", (0, 30_000, 65_000, 100_000, 131_000))
@given(size=st.integers(1, 9), step=st.integers(1000, 200_000))
@example(size=1, step=163_804)  # with 131,000 it stands across the end of what is given at first
def test_in_a_body_that_comes_piece_by_piece(fill: int, size: int, step: int) -> None:
    pieces = [FAMILY[at : at + size] for at in range(0, len(FAMILY), size)]
    filler = b'data: {"type":"ping"}\n\n'
    data = filler * (fill // len(filler)) + stream("content", [*pieces, "!"], "lorem ipsum " * 20) + filler * 4000
    body = Scrubber([FAMILY]).stream()
    kept = b"".join(body.feed(data[at : at + step]) for at in range(0, len(data), step)) + body.close()
    told = "".join(said(kept, "content"))
    assert told.startswith("sk-kimi-SCRUBBED")
    assert REST[:8] not in told
    assert len(kept) == len(data)


@pytest.mark.parametrize("secret", (FAMILY, PLAIN))
@pytest.mark.parametrize("left", (20, 30, 38))
@pytest.mark.parametrize("behind", ("****e5", ". You can", '"'))
def test_a_part_that_an_error_shows(secret: str, left: int, behind: str) -> None:
    part = secret[: len(secret) - len(REST) + left]
    kept = scrubbed(json.dumps({"error": f"Incorrect key: {part}{behind}"}).encode(), secret)
    assert REST[:8].encode() not in kept
    assert json.loads(kept)["error"].endswith(behind)


def test_words_at_the_beginning_of_a_known_value_are_no_part_of_it() -> None:
    data = json.dumps({"a": "the application-json-parser of sk-kimi- keys"}).encode()
    assert scrubbed(data, "application-json-a1b2c3d4", FAMILY) == data


@pytest.mark.parametrize("left", (8, 12, 30))
def test_a_body_that_ends_in_the_middle_of_a_key_that_nobody_knows(left: int) -> None:
    data = b'data: {"d":{"content":"use ' + f"sk-proj-{REST}"[: 8 + left].encode()
    kept = scrubbed(data)
    assert kept.startswith(b'data: {"d":{"content":"use sk-proj-SCRUBBED')
    body = Scrubber().stream()
    assert (body.feed(data) + body.close()).startswith(b'data: {"d":{"content":"use sk-proj-SCRUBBED')
    assert scrubbed(kept) == kept
    assert [one.kind for one in findings(answered(data))] == ["key that was cut"]
    assert findings(answered(kept)) == []


@pytest.mark.parametrize("text", ("use sk-circle-fade", "sk-proj-", "task-kimi-a1b2c3d4e5", f"sk-kimi-{REST[:3]}"))
def test_a_body_that_ends_in_words(text: str) -> None:
    assert scrubbed(text.encode()) == text.encode()


def test_a_login_in_host() -> None:
    capture = captured(headers=[("Host", f"user:{REST}@127.0.0.1:8080")])
    made = Scrubber().capture(capture)
    assert REST not in repr(made)
    assert [value for name, value in made.request.headers if name == "Host"][1].startswith("user:SCRUBBED")
    assert made.request.headers.get_all("host")[1].endswith("@127.0.0.1:8080")
