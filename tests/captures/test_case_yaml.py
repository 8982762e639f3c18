"""The YAML of cases: a text stays what it is, here and in any other reader, and what is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.captures.case_kit import TRICKY
from wiremend.captures.case_yaml import Place, dump, parse
from wiremend.errors import CaptureError

PATH = Path("case.yaml")
texts = st.one_of(
    st.sampled_from(TRICKY),
    st.text(max_size=12),
    st.text(st.sampled_from(" \t\n\r'\"\\:#-?|>&*!%@`{}[],aé\x85\u2028\ufeff\0\x7f😀\udc80"), max_size=12),
    st.lists(st.text(max_size=30), min_size=4, max_size=12).map(" ".join),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


class Other(yaml.SafeLoader):
    """PyYAML's own reader, of YAML 1.1; it is told how to undo the escapes."""


Other.add_constructor("!escaped", lambda _, node: node.value.encode().decode("unicode_escape"))


def place(text: str) -> Place:
    return parse(text.encode(), PATH)


@pytest.mark.parametrize("text", TRICKY, ids=ascii)
@pytest.mark.parametrize("width", (None, 1 << 30))
def test_a_tricky_text_is_read_as_it_is(text: str, width: int | None) -> None:
    for value in (text, {"k": text}, {text: "v"}, [text, text], {"a": [{"b": text}]}, {text: {text: [text]}}):
        written = dump(value, PATH, width=width)
        assert parse(written, PATH).value() == value
        assert yaml.load(written, Other) == value  # noqa: S506 - a SafeLoader


@given(values)
def test_a_value_is_read_as_it_is(value: Any) -> None:  # noqa: ANN401 - any
    written = dump(value, PATH)
    assert repr(parse(written, PATH).value()) == repr(value)  # 1 is not 1.0, nor True; and members keep their order
    assert repr(yaml.load(written, Other)) == repr(value)  # noqa: S506 - a SafeLoader


@given(texts.filter(bool))
def test_where_a_text_is_meant_the_letters_count(text: str) -> None:
    assert parse(dump({"k": text}, PATH), PATH).members()["k"].text() == text


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = "[on, no, 1:30, 2026-10-01, 0x1f, 1_000, true, FALSE, ~, null, 12, -3, 1e5, .5, '12', \"true\"]"
    assert place(text).value() == [
        *("on", "no", "1:30", "2026-10-01", "0x1f", "1_000", True, False, None, None, 12, -3, 1e5, 0.5, "12", "true"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("a: [1", "case.yaml:2: this is no YAML"),
        ("a: b\n\tc: d", "case.yaml:2: this is no YAML"),
        ("", "case.yaml: there is nothing in it"),
        ("a: 1\nb: 2\na: 3", "case.yaml:3: the key 'a' stands here a second time"),
        ("a: &x [1]\nb: *x", "case.yaml:1: b: write the value out"),
        ("a: !!python/name:os.system ''", "case.yaml:1: a: this must be a text; the tag python/name:os.system"),
        ("a: !x [1]\n? [k]\n: 1", "case.yaml:2: this must be a text"),
        ("a: !escaped '\\x'", "case.yaml:1: a: this is no escaped text"),
        ("a: !!int x", "case.yaml:1: a: this is no number"),
        (f"a: {'9' * 5000}", "case.yaml:1: a: this is no number"),
        ("a:\n- &x [*x]", "case.yaml:2: a[0][0]: write the value out"),
        ("a: " + "[" * 3000 + "]" * 3000, "case.yaml"),
    ),
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(CaptureError) as caught:
        place(text).value()
    assert str(caught.value).startswith(said)


def test_bytes_that_are_no_text() -> None:
    for data in (b"a: \xff\n", b"a: \0\n"):
        with pytest.raises(CaptureError, match=r"case\.yaml.*no YAML"):
            parse(data, PATH)


@pytest.mark.parametrize("value", (float("nan"), float("inf"), b"x", {1: "a"}, {"a": {2}}, object()))
def test_what_yaml_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(CaptureError, match=r"^case\.yaml: k\[0\]"):
        dump({"k": [value]}, PATH)
