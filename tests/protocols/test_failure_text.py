"""How long to wait, from headers, bodies and texts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.protocols.failure import failure_of, retry_after
from wiremend.protocols.failure_text import LONGEST, duration, one_line, seconds, wait_in

DATE = ("date", "Sat, 21 Nov 2026 10:00:00 GMT")


@pytest.mark.parametrize(
    ("text", "wanted"),
    (
        ("Please try again in 1.2s.", 1.2),
        ("Please try again in 850ms", 0.85),
        ("try again in 20 seconds", 20),
        ("Please retry in 34.07s.", 34.07),
        ("retry after 5 minutes", 300),
        ("Please try again in 6m0s. Visit us", 360),
        ("Please try again in 1h2m3.5s", 3723.5),
        ("please wait 30 seconds and", 30),
        ("your quota resets in 2 days", 172800),
        ("try again later", None),
        ("try again in 5 stages", None),
        ("try again in 3 months", None),
        ("try again in 99 days", None),
        ("in 5 seconds", None),
        ("", None),
    ),
)
def test_the_wait_is_read_from_a_text(text: str, wanted: float | None) -> None:
    assert wait_in(text) == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize(
    ("fields", "wanted"),
    (
        ((("Retry-After", "7"),), 7),
        ((("retry-after", " 0 "),), 0),
        ((("retry-after", "1.5"),), 1.5),
        ((("retry-after-ms", "250"), ("retry-after", "7")), 0.25),
        ((("retry-after-ms", "soon"), ("retry-after", "7")), 7),
        ((DATE, ("retry-after", "Sat, 21 Nov 2026 10:01:30 GMT")), 90),
        ((DATE, ("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT")), 0),
        ((("retry-after", "Sat, 21 Nov 2026 10:01:30 GMT"),), None),
        ((("retry-after", "-5"),), None),
        ((("retry-after", "nan"),), None),
        ((("retry-after", "1e3"),), None),
        ((("retry-after", "٣"),), None),
        ((("retry-after", "9999999"),), None),
        ((("retry-after", "Sat, 99 Nov 99999 10:01:30 GMT"), DATE), None),
        ((), None),
    ),
)
def test_the_wait_is_read_from_headers(fields: tuple[tuple[str, str], ...], wanted: float | None) -> None:
    assert retry_after(Headers(fields)) == wanted


def test_a_date_is_read_against_the_clock_that_is_given() -> None:
    headers = Headers((("retry-after", "Thu, 01 Jan 1970 00:01:00 GMT"),))
    assert retry_after(headers, now=15.0) == 45


def test_headers_say_more_than_the_text() -> None:
    text = "try again in 3s"
    assert retry_after(Headers((("retry-after", "9"),)), text) == 9
    assert retry_after(Headers((("retry-after", "soon"),)), text) == 3
    assert retry_after(None, text) == 3


@pytest.mark.parametrize(
    "error",
    (
        {"message": "m", "details": [{"@type": "x"}, {"retryDelay": "34s"}]},
        {"message": "m", "retry_after": 34},
        {"message": "m", "retry_after": "34"},
        {"message": "m", "metadata": {"retry_after_seconds": 34.0}},
        {"message": "m", "type": "usage_limit_reached", "resets_in_seconds": 34},
        {"message": "m, try again in 34s"},
    ),
)
def test_the_wait_is_read_from_a_body(error: object) -> None:
    assert failure_of({"error": error}, 429).retry_after == 34


@given(st.text(max_size=60) | st.from_regex(r"(try again in )?(\d{1,12}(\.\d{1,5})?\s?[a-z]{1,4}\s?){1,6}"))
def test_any_text_gives_a_sensible_wait_or_none(text: str) -> None:
    for wait in (wait_in(text), duration(text), retry_after(Headers((("retry-after", text), DATE)), text)):
        assert wait is None or 0 <= wait <= 7 * 24 * 3600


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers()))
def test_any_value_gives_seconds_or_none(value: object) -> None:
    found = seconds(value)
    assert found is None or (math.isfinite(found) and found >= 0)


@given(st.text())
def test_one_line_is_one_line_of_what_can_be_seen(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert len(line) <= LONGEST
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in line)
    assert one_line(line) == line
