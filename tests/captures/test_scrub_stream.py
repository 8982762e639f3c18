"""A body in pieces is scrubbed as the whole body is: whatever the cuts, and with no more held than is needed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremend.captures.capture import Body, Capture, Request, Response
from wiremend.captures.scrub import Scrubber
from wiremend.captures.scrub_patterns import LONGEST
from wiremend.headers import Headers
from wiremend.jsonedit import parse_pointer

KEY = "sk-kimi-" + "Ab3Cd4Ef5Gh6Ij7K" * 3
KNOWN = "a-known/secret=" + "0" * 9
ID = "0123456789abcdef" * 4
FILLER = b'data: {"type":"content_block_delta","delta":{"text":"some words that nobody hides"}}\n\n'
PEM = "-----BEGIN " + "PRIVATE KEY-----\n" + ("Ab3/" * 16 + "\n") * 12 + "-----END PRIVATE KEY-----\n"
SECRETS = (
    *(
        KEY,
        KNOWN,
        "short1",
        PEM,
        f"user_{ID}_account__session_x",
        "who: 4711",
        "eyJ" + "a" * 40 + ".eyJ" + "b" * 99 + ".c",
    ),
    *(json.dumps({"refresh_token": "q" * 3000}), json.dumps({"device_id": ID}), json.dumps(KNOWN), 'x"password":"'),
)
PIECES = st.sampled_from(
    [*(text.encode() for text in SECRETS), b"\n", b" ", b'"', b"\\", b"sk-", b"a", FILLER * 30, FILLER * 400]
)


def scrubber(**more: Any) -> Scrubber:  # noqa: ANN401 - any setting
    return Scrubber([KNOWN, "short1"], salt=b"salt", patterns=[re.compile(rb"who: (\d+)")], **more)


def through(data: bytes, sizes: list[int], made: Scrubber) -> bytes:
    stream, given, at = made.stream(), [], 0
    for size in sizes:
        given.append(stream.feed(data[at : at + size]))
        at += size
    return b"".join([*given, stream.feed(data[at:]), stream.close()])


def whole(data: bytes, made: Scrubber) -> bytes:
    """Scrub a capture that holds the body, and nothing else."""
    one = Capture("c", 1.0, Request("GET", "https", "h", 443, "/"), answer=Response(200, "", Headers(), Body(data)))
    answer = made.capture(one).answer
    assert answer is not None
    return answer.body.data


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=14), st.lists(st.integers(0, 70_000), max_size=6))
def test_the_cuts_do_not_matter(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)
    assert through(data, sizes, scrubber()) == through(data, [], scrubber())


@settings(max_examples=60)
@given(
    st.lists(PIECES.filter(lambda piece: b"password" not in piece), max_size=10),
    st.lists(st.integers(0, 70_000), max_size=6),
)
def test_the_outcome_is_that_of_the_whole_body(pieces: list[bytes], sizes: list[int]) -> None:
    data = b" ".join(pieces)
    assert through(data, sizes, scrubber()) == whole(data, scrubber())


@pytest.mark.parametrize("secret", SECRETS[:-1])
def test_a_secret_at_every_place_around_the_bound(secret: str) -> None:
    for shift in range(0, len(secret) + 30, max(13, len(secret) // 12)):
        lead = (FILLER * 1200)[: 2 * LONGEST - shift]
        data = lead + b" " + secret.encode() + b" " + FILLER * 1200
        got = through(data, [4 * LONGEST], scrubber())
        assert got == whole(data, scrubber())
        assert secret.encode() not in got


def test_byte_by_byte() -> None:
    data = b"".join(f"{text}\n".encode() for text in SECRETS)
    assert through(data, [1] * len(data), scrubber()) == whole(data, scrubber())


def test_pointers_in_events() -> None:
    pointers = [parse_pointer("/a/b")]
    data = b'data: {"a":{"b":"nobody-knows"}}\n\n' * 5 + FILLER * 2000 + b'data: {"a":{"b":"other-value"}}\n\n'
    got = through(data, [100, 70_000], scrubber(pointers=pointers))
    assert got == whole(data, scrubber(pointers=pointers))
    assert b"nobody-knows" not in got
    assert b"other-value" not in got


def test_no_more_is_held_than_the_bound() -> None:
    stream = scrubber().stream()
    fed = given = most = 0
    for _ in range(300):
        fed += len(FILLER * 100)
        given += len(stream.feed(FILLER * 100))
        most = max(most, fed - given)
    assert most <= 4 * LONGEST + len(FILLER * 100)
    one_word = scrubber().stream()
    held = 0
    for _ in range(200):
        held += LONGEST - len(one_word.feed(b"a" * LONGEST))
    assert held <= 4 * LONGEST


def test_cuts_of_what_came_become_cuts_of_what_left() -> None:
    data = b"short1 and more; " + FILLER * 2000 + KNOWN.encode() + b"; short1"
    stream = scrubber().stream()
    given = stream.feed(data[:90_000]) + stream.feed(data[90_000:]) + stream.close()
    cuts = stream.cuts(((6, 1), (89_994, 2), (len(data) - 90_000, 3)))
    assert [time for _, time in cuts] == [1, 2, 3]
    assert sum(size for size, _ in cuts) == len(given)
    assert given[cuts[0][0] :].startswith(b" and more")
    assert given[: cuts[0][0]].startswith(b"SCRUBBED")


def test_extra_secrets_of_a_capture() -> None:
    head = Headers((("x-api-key", "only-this-capture-has-it"),))
    one = Capture("c", 1.0, Request("GET", "https", "h", 443, "/", head))
    made = scrubber()
    stream = made.stream(made.secrets_of(one))
    text = stream.feed(b"see only-this-capture-has-it") + stream.close()
    assert text == b"see " + (made.capture(one).request.headers.get("x-api-key") or "").encode()
