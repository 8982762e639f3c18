"""Header fields: one name in any spelling, the order and bytes of all others kept, and nothing printed that is secret.

Expected values come from RFC 9110 (names, lists, Connection) and from what the rules promise: a set header is there
exactly once, a removed one not at all.
"""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import HOP_BY_HOP, PROXY_AUTH, Headers, without_hop_by_hop

BETA = "anthropic-beta"

names = st.sampled_from(("User-Agent", "user-agent", "USER-AGENT", "X-Api-Key", "x-api-key", "Accept", BETA))
values = st.text(string.ascii_letters + " ,", max_size=12)
headers = st.lists(st.tuples(names, values), max_size=8).map(lambda fields: Headers(tuple(fields)))


def test_a_name_is_found_in_any_letter_case() -> None:
    h = Headers((("X-Api-Key", "sk-FAKE"),))
    assert h.get("x-API-key") == "sk-FAKE"
    assert "x-api-key" in h
    assert "authorization" not in h
    assert h.get("authorization") is None


def test_only_ascii_letters_have_a_case() -> None:
    h = Headers((("x-to\N{KELVIN SIGN}en", "1"),))
    assert "x-token" not in h
    assert "x-to\N{KELVIN SIGN}en" in h


def test_a_field_that_comes_twice_is_given_line_by_line_and_joined() -> None:
    h = Headers((("Accept", "a, b"), ("Host", "x"), ("accept", "c")))
    assert h.get("accept") == "a, b"
    assert h.get_all("accept") == ("a, b", "c")
    assert h.joined("ACCEPT") == "a, b, c"
    assert h.get_all("none") == ()
    assert h.joined("none") is None


def test_an_empty_value_is_a_value() -> None:
    h = Headers((("X-Empty", ""),))
    assert "x-empty" in h
    assert h.get("x-empty") == ""
    assert h.joined("x-empty") == ""


def test_iteration_gives_the_fields_of_the_wire() -> None:
    fields = (("B", "1"), ("a", "2"), ("b", "3"))
    assert tuple(Headers(fields)) == fields


def test_set_replaces_at_the_first_place_in_the_first_spelling() -> None:
    h = Headers((("A", "1"), ("User-Agent", "x"), ("B", "2"), ("user-agent", "y")))
    assert h.with_set("USER-agent", "z").fields == (("A", "1"), ("User-Agent", "z"), ("B", "2"))


def test_set_appends_a_new_field_as_it_is_spelled() -> None:
    h = Headers((("A", "1"),))
    assert h.with_set("X-New", "v").fields == (("A", "1"), ("X-New", "v"))


def test_a_set_that_changes_nothing_gives_the_same_headers() -> None:
    h = Headers((("User-Agent", "x"),))
    assert h.with_set("user-agent", "x") is h


@pytest.mark.parametrize("value", ("a\r\nx-evil: 1", "a\n", "\0"))
def test_a_value_that_would_break_the_line_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match="header x-api-key has a line break") as caught:
        Headers().with_set("x-api-key", "sk-FAKE" + value)
    assert "FAKE" not in str(caught.value)


@pytest.mark.parametrize("name", ("", "a b", "a:", "a\n", "é"))
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a header"):
        Headers().with_set(name, "v")


def test_without_removes_every_line_in_every_spelling() -> None:
    h = Headers((("A", "1"), ("b", "2"), ("a", "3"), ("C", "4")))
    assert h.without("a", "c").fields == (("b", "2"),)
    assert h.without("d") is h


@pytest.mark.parametrize(
    ("before", "glob", "after"),
    (
        pytest.param("a-1,b-1, c-1", "b-*", "a-1, c-1", id="one of several"),
        pytest.param("a-1,b-1", "B-*", "a-1", id="the glob's letter case"),
        pytest.param("A-1,b-1", "a-*", "b-1", id="the item's letter case"),
        pytest.param("a-1 ,\ta-2", "a-*", None, id="all of them"),
        pytest.param("a-1,,  b-1 ,", "x*", "a-1,,  b-1 ,", id="none: the bytes stay"),
        pytest.param("a-1,,  b-1 ,", "a*", "b-1", id="empty items go when others do"),
        pytest.param(",", "*", ",", id="nothing but empty items: nothing matched"),
        pytest.param("context-1m-2025-08-07", "context-1m", "context-1m-2025-08-07", id="a glob is the whole item"),
        pytest.param("a-1,b-1", "[ab]-1", None, id="a set of characters"),
        pytest.param('a;q="x, b", b', "b", 'a;q="x, b"', id="a comma in quotes"),
        pytest.param(r'a="\", b", b', "b", r'a="\", b"', id="a quote that is escaped"),
        pytest.param('b, a="x, b', "b", 'a="x, b', id="a quote that is not closed"),
        pytest.param('b, a="x, b\\', "b", 'a="x, b\\', id="a backslash at the end"),
    ),
)
def test_items_of_a_list_are_dropped_by_glob(before: str, glob: str, after: str | None) -> None:
    h = Headers((("Anthropic-Beta", before), ("Host", "h")))
    assert h.with_items_dropped(BETA, glob).get(BETA) == after
    assert h.with_items_dropped(BETA, glob).get("host") == "h"


def test_a_line_in_which_nothing_matches_keeps_its_bytes_when_another_line_changes() -> None:
    h = Headers(((BETA, "a,b"), (BETA, "x ,y"), (BETA, "b")))
    assert h.with_items_dropped(BETA, "b").fields == ((BETA, "a"), (BETA, "x ,y"))


def test_diff_tells_what_changed_appeared_and_went() -> None:
    before = Headers((("Host", "a"), ("X-Old", "1"), ("Same", "s")))
    after = Headers((("same", "s"), ("host", "b"), ("X-New", "2")))
    assert before.diff(after) == (("Host", "a", "b"), ("X-Old", "1", None), ("X-New", None, "2"))


def test_diff_does_not_count_the_lines_of_a_list() -> None:
    assert Headers((("Accept", "a"), ("accept", "b"))).diff(Headers((("Accept", "a, b"),))) == ()


def test_repr_shows_no_value() -> None:
    assert repr(Headers((("x-api-key", "sk-FAKE"), ("Host", "h")))) == "<Headers x-api-key, Host>"


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP | PROXY_AUTH))
def test_fields_of_one_hop_stay_behind(name: str) -> None:
    h = Headers(((name.title(), "x"), ("Content-Type", "application/json")))
    assert without_hop_by_hop(h).fields == (("Content-Type", "application/json"),)
    assert without_hop_by_hop(h, keep=(name.upper(),)) is h


def test_the_names_that_the_rfcs_list_are_all_there() -> None:
    rfc9110_7_6_1 = {"connection", "proxy-connection", "keep-alive", "te", "transfer-encoding", "upgrade"}
    rfc9113_8_2_2 = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}
    assert rfc9110_7_6_1 | rfc9113_8_2_2 <= HOP_BY_HOP
    assert not HOP_BY_HOP & PROXY_AUTH


def test_what_connection_names_stays_behind_too() -> None:
    fields = (("Connection", "close, X-One"), ("connection", "\tx-two ,"), ("X-One", "1"), ("x-two", "2"), ("X-3", "3"))
    assert without_hop_by_hop(Headers(fields)).fields == (("X-3", "3"),)
    assert without_hop_by_hop(Headers(fields), keep={"X-Two"}).fields == (("x-two", "2"), ("X-3", "3"))


def test_headers_with_nothing_of_one_hop_are_the_same_headers() -> None:
    h = Headers((("Host", "h"), ("Accept", "*/*")))
    assert without_hop_by_hop(h) is h


@given(headers, names, values)
def test_after_a_set_the_field_is_there_once_and_the_others_are_as_they_were(h: Headers, name: str, value: str) -> None:
    changed = h.with_set(name, value)
    assert changed.get_all(name) == (value,)
    assert changed.without(name) == h.without(name)


@given(headers, headers)
def test_diff_is_empty_for_the_same_meaning_and_reverses(a: Headers, b: Headers) -> None:
    assert a.diff(a) == ()
    there, back = a.diff(b), b.diff(a)
    assert {(n.lower(), x, y) for n, x, y in there} == {(n.lower(), y, x) for n, x, y in back}
    for name, before, after in there:
        assert (a.joined(name), b.joined(name)) == (before, after)
        assert before != after


@given(headers, names, st.sampled_from(("a*", "*", "?", "x")))
def test_dropping_twice_is_dropping_once(h: Headers, name: str, glob: str) -> None:
    once = h.with_items_dropped(name, glob)
    assert once.with_items_dropped(name, glob) is once
    assert once.without(name) == h.without(name)
