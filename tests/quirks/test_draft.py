"""A draft: what quirks may do to a request, and what is left of it where one of them fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.quirks.base import Draft, Scope, decoded, encoded
from wiremend.quirks.memory import Memory

HALF = "\ud83d"
BODY = b'{ "model":"m", "list":[1, 2.0,3], "tools":[{"*":1,"-":2,"a/b":{"c~d":[ ]}}],"text":"caf\\u00e9" }'


def draft_of(body: bytes = BODY, headers: Headers | None = None) -> Draft:
    return Draft(Scope("chat"), headers or Headers(), body, Memory())


def test_without_a_change_the_body_is_the_very_object_that_came_in() -> None:
    draft = draft_of()
    assert draft.body() is BODY
    assert draft.run("quiet", lambda _: None) is None
    assert draft.body() is BODY


def test_what_is_not_changed_keeps_its_bytes() -> None:
    draft = draft_of()
    draft.set("/list/1", "two")
    draft.set("/list/-", {"x": None})
    draft.remove("/model")
    draft.set("/tools/0/a~1b/c~0d", 1)
    expected = b'{ "list":[1, "two",3,{"x":null}], "tools":[{"*":1,"-":2,"a/b":{"c~d":1}}],"text":"caf\\u00e9" }'
    assert json.loads(draft.body()) == json.loads(expected) == draft.document
    assert b'"text":"caf\\u00e9" }' in draft.body()
    assert b'{"*":1,"-":2,' in draft.body()


def test_what_is_put_into_a_list_moves_the_rest_and_keeps_its_bytes() -> None:
    draft = draft_of()
    draft.insert("/list", 1, {"x": HALF}, "put in")
    draft.insert(("list",), 4, "end")
    draft.insert("/tools/0/a~1b/c~0d", 0, 1)
    expected = b'"list":[1,{"x":"\\ud83d"}, 2.0,3,"end"], "tools":[{"*":1,"-":2,"a/b":{"c~d":[1 ]}}]'
    assert expected in draft.body()
    assert json.loads(draft.body()) == draft.document
    assert [note.where for note in draft.notes] == ["/list/1", "/list/4", "/tools/0/a~1b/c~0d/0"]
    for pointer, index in (("/list", 9), ("/list", -1), ("/model", 0), ("/tools/0", 0)):
        with pytest.raises(IndexError):
            draft.insert(pointer, index, 1)


def test_a_list_below_a_name_like_a_wildcard_is_changed_alone() -> None:
    draft = draft_of(b'{"*":[1.0],"b":[1]}')
    draft.insert(("*",), 0, 0)
    assert json.loads(draft.body()) == {"*": [0, 1.0], "b": [1]} == draft.document


def test_a_member_that_is_called_like_a_wildcard_is_changed_alone() -> None:
    draft = draft_of(b'{"a":{"*":{"x":1},"b":{"x":1}},"-":[1]}')
    draft.set("/a/*/x", 2)
    assert draft.body() == b'{"a":{"*":{"x":2},"b":{"x":1}},"-":[1]}'
    draft.remove("/a/*")
    assert draft.body() == b'{"a":{"b":{"x":1}},"-":[1]}'
    draft.set("/-", 5)
    assert draft.body() == b'{"a":{"b":{"x":1}},"-":5}'


def test_half_a_surrogate_pair_is_read_and_written() -> None:
    draft = draft_of(b'{"a":"half \\ud83d of it","n":1.50}')
    assert draft.document["a"] == f"half {HALF} of it"
    draft.set("/b", HALF)
    assert draft.body() == b'{"a":"half \\ud83d of it","n":1.50,"b":"\\ud83d"}'
    assert draft.notes[0].what.endswith('"\\ud83d"')


@pytest.mark.parametrize("body", (b"", b"{", b"\xff", b'{"a":}', b"no json"))
def test_what_is_no_json_is_no_draft(body: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        draft_of(body)


def test_what_is_too_deep_is_no_draft() -> None:
    with pytest.raises((RecursionError, ValueError)):
        draft_of(b"[" * 100_000 + b"]" * 100_000)


def test_a_quirk_that_fails_leaves_nothing_behind() -> None:
    draft = draft_of(headers=Headers((("X-A", "1"),)))

    def first(draft: Draft) -> None:
        draft.set("/list/0", "kept")
        draft.set_header("x-a", "2", "kept")

    def second(draft: Draft) -> None:
        draft.set("/list/1", "gone")
        draft.document["model"] = "gone too"
        draft.remove("/text")
        draft.set_header("x-a", None, "gone")
        raise KeyError("boom")

    def third(draft: Draft) -> None:
        assert draft.document["model"] == "m"
        draft.set("/list/2", draft.document["list"][1])

    assert draft.run("first", first) is None
    assert isinstance(draft.run("second", second), KeyError)
    assert draft.run("third", third) is None
    assert draft.body() == BODY.replace(b"[1, 2.0,3]", b'["kept", 2.0,2.0]')
    assert draft.headers == Headers((("X-A", "2"),))
    assert [note.short for note in draft.notes] == ["first", "first", "third"]


@pytest.mark.parametrize("value", (object(), {1, 2}, float("inf"), {"a": HALF, "b": float("nan")}))
def test_a_value_that_is_no_json_fails_or_becomes_json(value: Any) -> None:  # noqa: ANN401 - whatever a quirk sets
    draft = draft_of()
    draft.run("odd", lambda draft: draft.set("/a", value))
    json.loads(draft.body(), parse_constant=pytest.fail)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["*", "-", "0", "a/b"]), inner),
    max_leaves=12,
)


def places(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Give every place in a JSON value but the whole."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [place for key, member in inner for place in ((*at, key), *places(member, (*at, key)))]


@given(st.data(), anything, anything)
def test_the_body_is_always_what_the_document_says(data: st.DataObject, body: object, value: object) -> None:
    draft = draft_of(json.dumps(body).encode())
    for _ in range(3):
        found = places(draft.document)
        if not found:
            break
        place = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()):
            draft.set(place, value)
        else:
            draft.remove(place)
    assert decoded(draft.body()) == draft.document


@given(st.text() | st.text(alphabet="\ud83d\ude00ab"))
def test_a_text_is_encoded_and_decoded_again(text: str) -> None:
    units = text.encode("utf-16", "surrogatepass")  # a pair of halves and the character that they make are one text
    assert decoded(encoded({"a": text}))["a"].encode("utf-16", "surrogatepass") == units
