"""A patch leads from one document to the other, says what it takes away, and tells 1, 1.0 and true apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.kit import patched
from wiremend.explain.patch import difference, patch_of, same

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3, allow_nan=False).map(lambda n: n + 0.0),
    st.text(max_size=3),
)
NAMES = st.sampled_from(["a", "b", "", "~", "/", "*", "-", "0"])
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


def exactly(document: object) -> str:
    """Give a text that differs where documents do, in kind too; the order of members does not count."""
    return json.dumps(document, sort_keys=True)


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_leads_from_one_document_to_the_other(before: Any, after: Any) -> None:  # noqa: ANN401 - any JSON
    made = list(difference(before, after))
    assert exactly(patched(before, made)) == exactly(after)
    assert (made == []) is (exactly(before) == exactly(after))
    assert same(before, after) is (exactly(before) == exactly(after))


@given(DOCUMENTS, st.data())
def test_a_list_in_which_items_came_and_went(item: Any, data: st.DataObject) -> None:  # noqa: ANN401 - any JSON
    before = [item, *data.draw(st.lists(DOCUMENTS, max_size=8))]
    kept = [one for one in before if data.draw(st.booleans())]
    at = data.draw(st.integers(0, len(kept)))
    after = [*kept[:at], *data.draw(st.lists(DOCUMENTS, max_size=2)), *kept[at:]]
    made = list(difference({"l": before}, {"l": after}))
    assert exactly(patched({"l": before}, made)) == exactly({"l": after})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    (
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, [("replace", "/a")]),
        ({"a": 1}, {"a": True}, [("replace", "/a")]),
        ({"a": None}, {}, [("remove", "/a")]),
        ({}, {"a": None}, [("add", "/a")]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [("replace", "/a~1b/~0")]),
        ([1, 2, 3], [1, 9, 2, 3], [("add", "/1")]),
        ([1, 2, 3], [2, 3], [("remove", "/0")]),
        ([1, 2, 3, 4, 5], [1, 3, 4], [("remove", "/1"), ("remove", "/3")]),
        ([1, 2], [], [("remove", "/0"), ("remove", "/0")]),
        ([], [1, 2], [("add", "/0"), ("add", "/1")]),
        ([{"a": 1, "b": 2}, 7], [{"a": 1, "b": 3}, 7], [("replace", "/0/b")]),
        ([1], {"0": 1}, [("replace", "")]),
        ("x", "y", [("replace", "")]),
    ),
)
def test_what_the_operations_are(before: Any, after: Any, expected: list[tuple[str, str]]) -> None:  # noqa: ANN401 - any JSON
    assert [(one["op"], one["path"]) for one in difference(before, after)] == expected


def test_a_message_that_was_put_in_does_not_make_all_behind_it_differ() -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(200)]
    mended = [{"role": "system", "content": "x"}, *messages[:100], *messages[101:]]
    mended[50] = {"role": "user", "content": "another"}
    made = list(difference(messages, mended))
    assert [(one["op"], one["path"]) for one in made] == [("add", "/0"), ("replace", "/50/content"), ("remove", "/101")]


def test_long_lists_are_compared_in_pairs() -> None:
    before, after = list(range(3000)), [*range(5, 3000), -1]
    assert patched(before, list(difference(before, after))) == after


def test_texts_that_are_alike_are_not_decoded() -> None:
    assert patch_of(b"no JSON", b"no JSON") == ()
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        patch_of(b"no JSON", b"{}")


def test_half_a_surrogate_pair_is_a_value_like_any_other() -> None:
    (one,) = patch_of(rb'{"a":"\ud83d"}', rb'{"a":"\ud83e"}')
    assert (one["value"], one["was"]) == ("\ud83e", "\ud83d")
