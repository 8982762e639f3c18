r"""Edits of JSON bodies: what is edited changes as a parser would see it, and no other byte does (G1, G6).

The properties draw a document as a tree that knows its own spelling: spaces, escapes, numbers, repeated keys. Two
references judge an edit. ``model`` edits the parsed value, in ten lines, as anyone would; ``spell`` edits the tree
and writes it again, and so knows every byte. Everything else here is a table of the cases that have a reason.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wiremend.errors import JsonError, PointerError
from wiremend.jsonedit import Change, Edit, Op, Pointer, apply, find, format_pointer, get, parse_pointer

INDEX = re.compile("0|[1-9][0-9]*")
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')


def edited(body: bytes, op: Op, pointer: str, value: bytes | None = None) -> bytes:
    return apply(body, [Edit(op, parse_pointer(pointer), value)]).body


# ---------------------------------------------------------------------------------------------------- pointers


@pytest.mark.parametrize(
    ("text", "pointer"),
    (  # the examples of RFC 6901, section 5, and the wildcard
        ("", ()),
        ("/foo", ("foo",)),
        ("/foo/0", ("foo", "0")),
        ("/", ("",)),
        ("/a~1b", ("a/b",)),
        ("/c%d", ("c%d",)),
        ("/m~0n", ("m~n",)),
        ("/~01", ("~1",)),
        ("/ ", (" ",)),
        ("/messages/*/content", ("messages", "*", "content")),
        ("/a//b/", ("a", "", "b", "")),
    ),
)
def test_pointers_are_read_and_written_as_rfc_6901_says(text: str, pointer: Pointer) -> None:
    assert parse_pointer(text) == pointer
    assert format_pointer(pointer) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    (
        ("model", "/model"),
        ("messages/0/role", "/messages/0/role"),
        (" /model", "/model"),
        ("#/model", "/model"),
        ("$.thinking.type", "/thinking/type"),
        (".thinking.type", "/thinking/type"),
        ("$", "/"),
    ),
)
def test_what_does_not_start_with_a_slash_gets_a_suggestion(text: str, meant: str) -> None:
    with pytest.raises(PointerError) as caught:
        parse_pointer(text)
    assert str(caught.value) == f"a JSON pointer starts with '/'; did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("text", "meant"), (("/~", "/~0"), ("/a~b/~1", "/a~0b/~1"), ("/~2", "/~02"), ("/~~0", "/~0~0"))
)
def test_a_tilde_that_escapes_nothing_gets_a_suggestion(text: str, meant: str) -> None:
    with pytest.raises(PointerError, match="'~' is written '~0'") as caught:
        parse_pointer(text)
    assert str(caught.value).endswith(f"did you mean {meant!r}?")


@given(st.lists(st.text()).map(tuple))
def test_a_pointer_survives_being_written(pointer: Pointer) -> None:
    assert parse_pointer(format_pointer(pointer)) == pointer


# ------------------------------------------------------------------------------------------------------ edits


def test_an_edit_refuses_what_could_never_be_applied() -> None:
    with pytest.raises(PointerError, match="whole body"):
        Edit("remove", ())
    with pytest.raises(ValueError, match="remove takes no value"):
        Edit("remove", ("a",), b"1")
    with pytest.raises(PointerError, match="no place in a list"):
        Edit("insert", (), b"1")
    with pytest.raises(ValueError, match="insert needs a value"):
        Edit("insert", ("a", "0"))
    with pytest.raises(ValueError, match="default needs a value"):
        Edit("default", ("a",))
    for value in (b"", b"kimi", b"NaN", b"1 2", b"[" * 100_000):
        with pytest.raises(ValueError, match="the value for '/a' is not JSON"):
            Edit("set", ("a",), value)


def test_the_space_around_a_value_is_not_part_of_it() -> None:
    assert edited(b'{"a":0}', "set", "/a", b"\n { } ") == b'{"a":{ }}'


@pytest.mark.parametrize(
    ("body", "pointer", "value", "after"),
    (
        pytest.param(b'{"model": "a", "n": 1e2}', "/model", b'"b"', b'{"model": "b", "n": 1e2}', id="a member"),
        pytest.param(b"[1 , 2\n,3]", "/1", b"0", b"[1 , 0\n,3]", id="an item"),
        pytest.param(b'{"a":1}', "/b", b"2", b'{"a":1,"b":2}', id="a new member"),
        pytest.param(b'{\n  "a": 1\n}', "/b", b"2", b'{\n  "a": 1,"b":2\n}', id="a new member, before the foot"),
        pytest.param(b" { } ", "/b", b"2", b' {"b":2 } ', id="the first member"),
        pytest.param(b"{}", "/a/b/c", b"1", b'{"a":{"b":{"c":1}}}', id="parents"),
        pytest.param(b'{"a":{}}', '/a/"/\n', b"1", b'{"a":{"\\"":{"\\n":1}}}', id="keys that need escapes"),
        pytest.param(b"[]", "/-", b"1", b"[1]", id="the first item"),
        pytest.param(b"[[1],[2]]", "/*/-", b"0", b"[[1,0],[2,0]]", id="append to each"),
        pytest.param(b'{"a":[]}', "/a/-/b", b"1", b'{"a":[{"b":1}]}', id="append an object"),
        pytest.param(b'{"a":{}}', "/a/0", b"1", b'{"a":{"0":1}}', id="an index is a name in an object"),
        pytest.param(b'{"a":{}}', "/a/-", b"1", b'{"a":{"-":1}}', id="so is a hyphen"),
        pytest.param(b'{"t":[{},{"s":1},{"s":0}]}', "/t/*/s", b"0", b'{"t":[{"s":0},{"s":0},{"s":0}]}', id="in each"),
        pytest.param(b"[{}]", "/*/a/b", b"1", b'[{"a":{"b":1}}]', id="parents behind a wildcard"),
        pytest.param(b'{"a":1,"b":[2]}', "/*", b"0", b'{"a":0,"b":0}', id="each member"),
        pytest.param(b'{"a":1,"b":2,"a":3}', "/a", b"0", b'{"a":1,"b":2,"a":0}', id="the last of repeated keys"),
        pytest.param(b'{"a":12,"b":2,"a":1}', "/b", b"0", b'{"a":12,"b":0,"a":1}', id="a number that begins another"),
        pytest.param(
            b'{"a":"xx,","a":"q","b":1}', "/b", b"0", b'{"a":"xx,","a":"q","b":0}', id="a comma where it ends"
        ),
        pytest.param(b'{"a":1,"\\u0061":1}', "/a", b"0", b'{"a":1,"\\u0061":0}', id="repeated in another spelling"),
        pytest.param(b'{"a":{"x":1},"a":{"x":1}}', "/a/x", b"0", b'{"a":{"x":1},"a":{"x":0}}', id="inside the last"),
        pytest.param(b"[1]", "", b"{}", b"{}", id="the whole body"),
        pytest.param(b"\xef\xbb\xbf 1\n", "", b"2", b"\xef\xbb\xbf 2\n", id="a body that is a scalar, in its place"),
    ),
)
def test_set_replaces_or_creates(body: bytes, pointer: str, value: bytes, after: bytes) -> None:
    assert edited(body, "set", pointer, value) == after


@pytest.mark.parametrize(
    ("body", "pointer"),
    (
        pytest.param(b'{"model":"a"}', "/model/x", id="through a string"),
        pytest.param(b'{"model":null}', "/model/x/y", id="through null"),
        pytest.param(b"[1]", "/1", id="past the end"),
        pytest.param(b"[1]", "/00", id="not an index"),
        pytest.param(b"[1]", "/\N{ARABIC-INDIC DIGIT ZERO}", id="a digit of another script"),
        pytest.param(b"[1]", "/99999999999999999999999", id="an index that no list has"),
        pytest.param(b"[1]", "/a", id="a name in a list"),
        pytest.param(b"{}", "/a/*", id="each of nothing"),
        pytest.param(b"{}", "/*/a", id="in each of nothing"),
        pytest.param(b"{}", "/a/*/b", id="a wildcard does not say what to create"),
        pytest.param(b"{}", "/a/0", id="nor does an index"),
        pytest.param(b"{}", "/a/-/b", id="nor does a hyphen"),
        pytest.param(b"[]", "/-/0", id="nor does an index in a new item"),
    ),
)
def test_where_nothing_can_be_created_the_body_stays_the_same_object(body: bytes, pointer: str) -> None:
    for op in ("set", "default"):
        assert edited(body, op, pointer, b"1") is body
    if pointer:
        assert edited(body, "remove", pointer) is body


@pytest.mark.parametrize(
    ("body", "value"),
    (
        (b'{"a": "k\\u0069mi" }', b'"kimi"'),
        (b'{"a":"/"}', b'"\\/"'),
        (b'{"a":[1, {"x":null,"y":[]}]}', b'[1,{"y":[],"x":null}]'),
        (b'{"a":1.50}', b"15e-1"),
        (b'{"a":"\\ud83d"}', b'"\\uD83D"'),
    ),
)
def test_a_set_to_an_equal_value_leaves_the_same_object(body: bytes, value: bytes) -> None:
    result = apply(body, [Edit("set", ("a",), value)])
    assert result.body is body
    assert result.changes == ()


@pytest.mark.parametrize(
    ("old", "new"),
    (
        (b"1", b"1.0"),
        (b"1", b"true"),
        (b"0", b"false"),
        (b'"1"', b"1"),
        (b"null", b'"null"'),
        (b"[]", b"{}"),
        (b"[1,2]", b"[2,1]"),
        (b"[1]", b"[1,1]"),
        (b'{"x":1}', b'{"x":1,"y":1}'),
        (b'{"x":1}', b'{"y":1}'),
        (b'{"x":1,"x":1}', b'{"x":1}'),
        (b'{"x":1,"x":2}', b'{"x":1,"y":2}'),
        (b'{"x":[{"y":1}]}', b'{"x":[{"y":2}]}'),
        (b"12345678901234567890123", b"12345678901234567890124"),
    ),
)
def test_values_that_some_reader_tells_apart_are_not_equal(old: bytes, new: bytes) -> None:
    body = b'{"a":' + old + b"}"
    assert edited(body, "set", "/a", new) == b'{"a":' + new + b"}"
    assert edited(b'{"a":' + new + b"}", "set", "/a", old) == body


@pytest.mark.parametrize(
    ("body", "pointer", "after"),
    (
        (b'{"b":2}', "/a", b'{"b":2,"a":7}'),
        (b'{"t":[{},{"a":null},{"a":1}]}', "/t/*/a", b'{"t":[{"a":7},{"a":null},{"a":1}]}'),
        (b"[0]", "/-", b"[0,7]"),
        (b'{"x":{}}', "/x/a/b", b'{"x":{"a":{"b":7}}}'),
    ),
)
def test_default_fills_in_only_what_is_not_there(body: bytes, pointer: str, after: bytes) -> None:
    assert edited(body, "default", pointer, b"7") == after


@pytest.mark.parametrize("pointer", ("/a", "/a/0", "/a/*", "", "/n"))
def test_default_leaves_what_is_there(pointer: str) -> None:
    body = b'{"a": [1], "n": null}'
    assert edited(body, "default", pointer, b"7") is body


@pytest.mark.parametrize(
    ("body", "pointer", "after"),
    (
        pytest.param(b'{"a":1,"b":2}', "/a", b'{"b":2}', id="the first member"),
        pytest.param(b'{"a":1,"b":2}', "/b", b'{"a":1}', id="the last member"),
        pytest.param(b'{"a":1,"b":2,"c":3}', "/b", b'{"a":1,"c":3}', id="a member in the middle"),
        pytest.param(b'{\n  "a": 1,\n  "b": 2\n}', "/b", b'{\n  "a": 1\n}', id="the foot stays"),
        pytest.param(b'{ "a" : 1 }', "/a", b"{}", id="the only member"),
        pytest.param(b"[1,2,3]", "/1", b"[1,3]", id="an item"),
        pytest.param(b"[1 ,2\n]", "/1", b"[1\n]", id="the last item, and the space before its comma"),
        pytest.param(b"[ 1, 2 ]", "/*", b"[]", id="all items"),
        pytest.param(b'{"x":[ 1 ]}', "/x/0", b'{"x":[]}', id="the only item"),
        pytest.param(b'{"a":1,"b":2,"a":3}', "/a", b'{"b":2}', id="all of repeated keys"),
        pytest.param(b'{"a":1, "\\u0061":{}}', "/a", b"{}", id="repeated in another spelling"),
        pytest.param(b'{"a":1,"b":2,"a":3}', "/*", b"{}", id="each member"),
        pytest.param(b'{"a":[{"c":1,"d":2},{"c":3},4]}', "/a/*/c", b'{"a":[{"d":2},{},4]}', id="in each"),
        pytest.param(b'{"a":{"x":1},"a":{"x":2,"y":3}}', "/a/x", b'{"a":{"x":1},"a":{"y":3}}', id="inside the last"),
    ),
)
def test_remove_takes_the_comma_along(body: bytes, pointer: str, after: bytes) -> None:
    assert edited(body, "remove", pointer) == after


@pytest.mark.parametrize(
    ("body", "pointer", "after"),
    (  # what RFC 6902 says of `add` to an array (4.1, A.2, A.16), and what it forbids
        (b'{"foo":["bar", "baz"]}', "/foo/1", b'{"foo":["bar",7, "baz"]}'),
        (b'{"foo":["bar", "baz" ]}', "/foo/2", b'{"foo":["bar", "baz",7 ]}'),
        (b'{"foo":["bar"]}', "/foo/-", b'{"foo":["bar",7]}'),
        (b"[ 1.50 ,2E1 ]", "/0", b"[7, 1.50 ,2E1 ]"),
        (b"[ ]", "/0", b"[7 ]"),
        (b'[["\\ud83d" ],1]', "/0/0", b'[[7,"\\ud83d" ],1]'),
        (b"[[1],[2, 3]]", "/*/1", b"[[1,7],[2,7, 3]]"),
        (b'{"foo":["bar"]}', "/foo/2", b'{"foo":["bar"]}'),
        (b'{"foo":["bar"]}', "/foo/01", b'{"foo":["bar"]}'),
        (b'{"foo":["bar"]}', "/foo/*", b'{"foo":["bar"]}'),
        (b'{"foo":{"0":1}}', "/foo/0", b'{"foo":{"0":1}}'),
        (b'{"foo":"bar"}', "/foo/0", b'{"foo":"bar"}'),
        (b"{}", "/foo/0", b"{}"),
    ),
)
def test_insert_moves_the_items_from_its_place_on(body: bytes, pointer: str, after: bytes) -> None:
    assert edited(body, "insert", pointer, b"7") == after
    assert (edited(body, "insert", pointer, b"7") is body) == (body == after)


def test_an_insert_says_where_it_put_its_value() -> None:
    result = apply(b"[1,2]", [Edit("insert", ("-",), b"3"), Edit("insert", ("0",), b"0")])
    assert result.body == b"[0,1,2,3]"
    assert result.changes == (Change("insert", "/2", None, b"3"), Change("insert", "/0", None, b"0"))


def test_changes_say_where_and_what() -> None:
    body = b'{"m": [{"c": {"x": 1}}, {"c": 2}, {}], "a~/b": 0}'
    edits = (
        Edit("remove", parse_pointer("/m/*/c")),
        Edit("set", parse_pointer("/a~0~1b"), b"1"),
        Edit("default", parse_pointer("/n/o"), b"[]"),
        Edit("set", parse_pointer("/m/-"), b"5"),
    )
    result = apply(body, edits)
    assert result.changes == (
        Change("remove", "/m/0/c", b'{"x": 1}', None),
        Change("remove", "/m/1/c", b"2", None),
        Change("set", "/a~0~1b", b"0", b"1"),
        Change("default", "/n/o", None, b"[]"),
        Change("set", "/m/3", None, b"5"),
    )
    assert result.body == b'{"m": [{}, {}, {},5], "a~/b": 1,"n":{"o":[]}}'


def test_an_edit_sees_what_those_before_it_did() -> None:
    edits = (
        Edit("set", ("a",), b'{"x": {"y": 1}}'),
        Edit("default", ("a", "x", "y"), b"2"),
        Edit("set", ("a", "x", "z"), b"3"),
        Edit("remove", ("a", "x", "y")),
        Edit("default", ("b",), b"[1]"),
        Edit("set", ("b", "0"), b"0"),
    )
    assert apply(b"{}", edits).body == b'{"a":{"x": {"z":3}},"b":[0]}'


def test_without_edits_a_body_is_not_even_read() -> None:
    body = b"not JSON"
    assert apply(body, ()).body is body


# ------------------------------------------------------------------------------------------------ find and get


def test_find_gives_concrete_pointers_and_exact_bytes() -> None:
    body = b'\xef\xbb\xbf{"m": [ {"c": [1 ,2]}, {"c":"x"}, 5, {"d/": 1E2} ], "m2": {}}'
    assert find(body, parse_pointer("/m/*/c")) == [("/m/0/c", b"[1 ,2]"), ("/m/1/c", b'"x"')]
    assert find(body, parse_pointer("/m/3/*")) == [("/m/3/d~1", b"1E2")]
    assert find(body, parse_pointer("/*/*/c/1")) == [("/m/0/c/1", b"2")]
    assert find(body, parse_pointer("/m/-")) == []
    assert find(body, parse_pointer("/no/thing")) == []
    assert find(b" 1 ", ()) == [("", b"1")]
    assert find(b" 1 ", ("a",)) == []


def test_get_gives_the_first_value_or_none() -> None:
    body = b'{"a": 1, "b": [true, null], "a": 2}'
    assert get(body, ("a",)) == b"2"
    assert get(body, ("b", "*")) == b"true"
    assert get(body, ("b", "2")) is None


def test_a_pointer_to_half_a_surrogate_pair_can_be_stored() -> None:
    ((pointer, value),) = find(b'{"\\ud83d": 1}', ("*",))
    assert (pointer.encode(), value) == (b"/\\ud83d", b"1")


# ------------------------------------------------------------------------------------------------ what is JSON


@pytest.mark.parametrize(
    ("body", "offset"),
    (
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"\xef\xbb\xbf \n", 5, id="nothing but a byte order mark and space"),
        pytest.param(b'{"a":NaN}', 5, id="NaN"),
        pytest.param(b'{"a":[Infinity]}', 6, id="Infinity"),
        pytest.param(b'\xef\xbb\xbf {"a":NaN}', 9, id="counted from the first byte of the body"),
        pytest.param(b'{"a":1} x', 8, id="something behind it"),
        pytest.param(b'{"a":1}{', 7, id="something right behind it"),
        pytest.param(b"1 2", 2, id="something behind a scalar"),
        pytest.param(b'{"a" 1}', 5, id="no colon"),
        pytest.param(b'{"a":1,}', 7, id="a comma too many"),
        pytest.param(b"[1,]", 3, id="a comma too many in a list"),
        pytest.param(b"[1 2]", 3, id="no comma"),
        pytest.param(b"{'a':1}", 1, id="the wrong quotes"),
        pytest.param(b'{"a":"\xff"}', 6, id="not UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', 6, id="a surrogate in UTF-8"),
        pytest.param(b'{"a":', 5, id="cut short"),
        pytest.param(b'{"a":"\\u12', 10, id="cut short in an escape"),
        pytest.param(b'["\x01"]', 2, id="a control character"),
        pytest.param(b'["\\x"]', 3, id="an escape that is none"),
        pytest.param(b"[01]", 2, id="a number that is none"),
        pytest.param(b'["\\ud83d", x]', 11, id="after half a surrogate pair"),
        pytest.param(b'{"a":"\\ud83d"', 13, id="cut short after half a surrogate pair"),
        pytest.param(b'["\\ud83d"] \xc3\xbc', 11, id="something behind half a surrogate pair"),
        pytest.param('{"a":1}'.encode("utf-16"), 0, id="another encoding"),
    ),
)
def test_what_is_not_json_is_an_error_that_names_the_byte(body: bytes, offset: int) -> None:
    for attempt in (
        lambda: apply(body, [Edit("remove", ("zzz",))]),
        lambda: find(body, ("zzz",)),
        lambda: get(body, ()),
    ):
        with pytest.raises(JsonError, match="not JSON") as caught:
            attempt()
        assert caught.value.offset == offset


def test_an_error_does_not_quote_the_body() -> None:
    with pytest.raises(JsonError) as caught:
        get(b'{"key": "sk-FAKE" sk-FAKE', ())
    assert "FAKE" not in str(caught.value)


@pytest.mark.parametrize("body", (b"12", b' "x"', b"null"))
@pytest.mark.parametrize("edit", (Edit("set", ("a",), b"1"), Edit("remove", ("a", "b"))))
def test_an_edit_of_a_body_that_is_no_container_is_an_error(body: bytes, edit: Edit) -> None:
    with pytest.raises(JsonError, match="needs an object or a list"):
        apply(body, [edit])


@pytest.mark.parametrize(
    "body",
    (
        pytest.param(b"[" * 100_000, id="lists that stay open"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="lists"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects"),
        pytest.param(b'["\\ud83d",' + b"[" * 100_000 + b"]" * 100_001, id="behind half a surrogate pair"),
    ),
)
def test_nesting_too_deep_is_an_error_and_no_crash(body: bytes) -> None:
    for pointer in (("a",), ("0", "0"), ("a", "a")):
        with pytest.raises(JsonError):
            find(body, pointer)
        with pytest.raises(JsonError):
            apply(body, [Edit("set", pointer, b"1")])


def test_a_pointer_too_deep_is_an_error_and_no_crash() -> None:
    deep = b'{"a":' * 2000 + b"1" + b"}" * 2000
    with pytest.raises(JsonError, match="nested too deeply"):
        apply(deep, [Edit("set", ("a",) * 2000, b"2")])


def test_nesting_that_is_only_deep_is_left_alone() -> None:
    deep = b"[" * 2000 + b"]" * 2000
    assert edited(b'{"a":' + deep + b',"b":1}', "set", "/b", b"2") == b'{"a":' + deep + b',"b":2}'


@pytest.mark.parametrize(
    "value",
    (
        pytest.param(b'"\\ud83d"', id="a lone high surrogate"),
        pytest.param(b'"\\udc00\\ud83d x"', id="a pair in the wrong order"),
        pytest.param(b'"\\\\ud83d \\ud83d"', id="beside a backslash that is one"),
        pytest.param(b'{"\\ud83d" : 1 , "k":[ "\\uDEAD" ]}', id="in a key"),
        pytest.param(b"9" * 5000, id="more digits than Python would read"),
        pytest.param(b"1e99999", id="more than a double holds"),
        pytest.param(b'"\x7f\xe2\x80\xa8\\/\\u0000"', id="odd characters"),
        pytest.param(b"[ ]", id="a space in an empty list"),
        pytest.param(b"{\t}", id="a space in an empty object"),
    ),
)
@pytest.mark.parametrize(
    "shape",
    (
        pytest.param(b'{"v":%s,"m":"a"}', id="compact"),
        pytest.param(b'{ "v" : %s , "m" : "a" }', id="with spaces"),
        pytest.param(b'{"v":0,"v":%s,"m":"a"}', id="a repeated key"),
    ),
)
def test_a_strange_value_survives_byte_for_byte(shape: bytes, value: bytes) -> None:
    body = shape % value
    assert edited(body, "set", "/m", b'"b"') == body.replace(b'"a"', b'"b"')
    assert edited(body, "set", "/v/new/x", b"1").startswith(body[: body.index(value)])
    assert get(body, ("v",)) == value
    assert find(b"[" + value + b"]", ("*",)) == [("/0", value)]
    assert edited(b'[%s , {"a":[ %s]}]' % (value, value), "set", "/1/a/-", value) == b'[%s , {"a":[ %s,%s]}]' % (
        value,
        value,
        value,
    )


# -------------------------------------------------------------------------------------------------- properties


@dataclass(frozen=True)
class Leaf:
    """A scalar, or a value that is taken whole, as it is spelled."""

    text: str


@dataclass(frozen=True)
class Place:
    """A value in a box with all that is around it, up to the comma or bracket; ``key`` is spelled with its quotes."""

    before: str
    key: str
    colon: str
    node: Leaf | Box
    after: str

    @property
    def name(self) -> str:
        return str(json.loads(self.key))


@dataclass(frozen=True)
class Box:
    """A list or an object; ``space`` is what an empty one holds."""

    brackets: str
    places: tuple[Place, ...]
    space: str

    def hits(self, token: str) -> dict[str, int]:
        """Give the index of each value that a token names; where a key repeats, of the last one."""
        named = {str(i) if self.brackets == "[]" else p.name: i for i, p in enumerate(self.places)}
        return named if token == "*" else {token: named[token]} if token in named else {}


def written(node: Leaf | Box) -> str:
    if isinstance(node, Leaf):
        return node.text
    inside = ",".join(p.before + p.key + p.colon + written(p.node) + p.after for p in node.places)
    return node.brackets[0] + (inside if node.places else node.space) + node.brackets[1]


def reached(node: Leaf | Box, pointer: Pointer, at: str = "") -> list[tuple[str, bytes]]:
    if not pointer:
        return [(at, written(node).encode())]
    if isinstance(node, Leaf):
        return []
    hits = node.hits(pointer[0]).items()
    return [hit for name, i in hits for hit in reached(node.places[i].node, pointer[1:], at + format_pointer((name,)))]


def creates(pointer: Pointer) -> bool:
    return not any(token in {"*", "-"} or INDEX.fullmatch(token) for token in pointer)


def place_in(length: int, token: str) -> int:
    """Give the index that a token names in a list, the one past its end for ``-``; -1 for none."""
    return length if token == "-" else int(token) if INDEX.fullmatch(token) else -1


def spell(node: Leaf | Box, pointer: Pointer, op: Op, value: str) -> Leaf | Box:
    """Edit a tree: the reference that knows every byte."""
    if not pointer:
        return Leaf(value) if op == "set" else node
    if isinstance(node, Leaf):
        return node
    token, rest = pointer[0], pointer[1:]
    places, hits = list(node.places), node.hits(token)
    foot = places[-1].after if places else node.space
    if op == "insert" and not rest:
        if node.brackets == "[]" and 0 <= (at := place_in(len(places), token)) <= len(places):
            places = [*places[:-1], *(replace(p, after="") for p in places[-1:])]
            places.insert(at, Place("", "", "", Leaf(value), ""))
    elif op == "remove" and not rest:
        gone = {places[i].name for i in hits.values()} if node.brackets == "{}" else set()
        places = [p for i, p in enumerate(places) if i not in hits.values() and not (gone and p.name in gone)]
        foot = foot if places or not hits else ""
    else:
        for i in hits.values():
            places[i] = replace(places[i], node=spell(places[i].node, rest, op, value))
    made = op in {"set", "default"}
    if not hits and made and token != "*" and (node.brackets == "{}" or token == "-") and creates(rest):
        for name in reversed(rest):
            value = f"{{{json.dumps(name)}:{value}}}"
        key, colon = (json.dumps(token), ":") if node.brackets == "{}" else ("", "")
        places = [*places[:-1], *(replace(p, after="") for p in places[-1:]), Place("", key, colon, Leaf(value), foot)]
    if places:
        places[-1] = replace(places[-1], after=foot)
    return replace(node, places=tuple(places), space=foot)


def model(value: Any, pointer: Pointer, op: Op, new: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Edit a parsed value: the reference that a reader believes."""
    if not pointer:
        return new if op == "set" else value
    if not isinstance(value, dict | list):
        return value
    token, rest = pointer[0], pointer[1:]
    items = dict(value) if isinstance(value, dict) else {str(i): item for i, item in enumerate(value)}
    hits = list(items) if token == "*" else [token] if token in items else []
    if op == "insert" and not rest:
        at = place_in(len(value), token)
        there = isinstance(value, list) and 0 <= at <= len(value)
        return [*value[:at], new, *value[at:]] if isinstance(value, list) and there else value
    for hit in hits:
        if rest or op != "remove":
            items[hit] = model(items[hit], rest, op, new)
        else:
            del items[hit]
    made = op in {"set", "default"}
    if not hits and made and token != "*" and (isinstance(value, dict) or token == "-") and creates(rest):
        for name in reversed(rest):
            new = {name: new}
        items[token] = new
    return items if isinstance(value, dict) else list(items.values())


def parsed(text: bytes | str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse, and keep numbers apart as they are spelled: for Python 1, 1.0 and true are equal."""
    return json.loads(
        text.decode("utf-8-sig") if isinstance(text, bytes) else text, parse_int=_number, parse_float=_number
    )


def _number(text: str) -> tuple[str, str]:
    return ("number", text)


NAMES = ("a", "b", "\xe9", "x/y", "~", '"', "", "0", "-", "*")
LEAVES = ("0", "-0", "1", "12", "1.0", "1E+2", "true", "false", "null", '""', '"\\u0061"', '"a"', '"\xe9\u2028"')
TRICKY = ('"]}{,:\\""', '"\\\\"', '"\\ud83d"', '"\\\\ud83d"', '"\\ud83d\\ude00"', "123456789012345678901234567890")
VALUES = ("7", '"new"', '{"n":[7]}', '[{"n":7}]', '"\\udead"')  # equal to nothing in a document
ODD_KEYS = ('"\\u0061"', '"x\\/y"', '"\\ud83d"')


@st.composite
def boxes(draw: st.DrawFn, *, compact: bool, depth: int = 3) -> Box:
    space = st.just("") if compact else st.sampled_from(("", " ", "\n\t", "\r\n  "))
    keys = st.sampled_from(NAMES).map(lambda name: json.dumps(name, ensure_ascii=False))
    spelled = keys if compact else st.one_of(keys, st.sampled_from(NAMES).map(json.dumps), st.sampled_from(ODD_KEYS))
    kind = draw(st.sampled_from(("{}", "[]")))
    places = []
    for _ in range(draw(st.integers(0, 4))):
        deeper = depth > 0 and draw(st.booleans())
        leaf = st.sampled_from(LEAVES if compact else LEAVES + TRICKY)
        node = draw(boxes(compact=compact, depth=depth - 1)) if deeper else Leaf(draw(leaf))
        key, colon = (draw(spelled), f"{draw(space)}:{draw(space)}") if kind == "{}" else ("", "")
        places.append(Place(draw(space), key, colon, node, draw(space)))
    return Box(kind, tuple(places), draw(space))


documents = st.booleans().flatmap(lambda compact: boxes(compact=compact))
tokens = st.sampled_from((*NAMES, "1", "2", "9"))


@st.composite
def pointers(draw: st.DrawFn, node: Leaf | Box) -> Pointer:
    """Walk down a document by names and wildcards that it has, then perhaps on into the unknown."""
    pointer: list[str] = []
    while isinstance(node, Box) and node.places and draw(st.integers(0, 3)):
        name, i = draw(st.sampled_from(sorted(node.hits("*").items())))
        pointer.append(draw(st.sampled_from((name, name, "*"))))
        node = node.places[i].node
    return (*pointer, *draw(st.lists(tokens, max_size=2)))


@st.composite
def edits(draw: st.DrawFn, node: Box) -> Edit:
    ops: tuple[Op, ...] = ("set", "default", "remove", "insert")
    op = draw(st.sampled_from(ops))
    pointer = draw(pointers(node))
    assume(pointer or op not in {"remove", "insert"})
    return Edit(op, pointer, None if op == "remove" else draw(st.sampled_from(VALUES)).encode())


@given(st.data(), documents)
def test_an_edit_does_what_the_references_do(data: st.DataObject, document: Box) -> None:
    edit = data.draw(edits(document))
    body = written(document).encode()
    value = (edit.value or b"null").decode()
    result = apply(body, [edit])
    assert parsed(result.body) == model(parsed(body), edit.pointer, edit.op, parsed(value))
    assert result.body.decode() == written(spell(document, edit.pointer, edit.op, value))
    assert (result.body is body) == (not result.changes)


@given(st.data(), documents)
def test_find_gives_every_value_as_it_is_spelled(data: st.DataObject, document: Box) -> None:
    pointer = data.draw(pointers(document))
    body = written(document).encode()
    hits = reached(document, pointer)
    assert sorted(find(body, pointer)) == sorted(hits)
    assert (get(body, pointer) is None) == (not hits)


@given(st.data(), documents)
def test_many_edits_at_once_are_the_edits_one_by_one(data: st.DataObject, document: Box) -> None:
    several = data.draw(st.lists(edits(document), min_size=2, max_size=4))
    body = written(document).encode()
    single: list[Change] = []
    try:
        together = apply(body, several)
    except JsonError:  # an edit had made the whole body a scalar
        assume(False)  # noqa: FBT003 - hypothesis's own signature
    for edit in several:
        step = apply(body, [edit])
        body, single = step.body, [*single, *step.changes]
    assert together.body == body
    assert list(together.changes) == single


@given(st.data(), documents)
def test_untouched_tokens_stay_in_their_order(data: st.DataObject, document: Box) -> None:
    """Without any reference: cut what a set or default has put in, and the tokens of the body are left."""
    edit = data.draw(edits(document))
    body = written(document).encode()
    result = apply(body, [edit])
    before, after = TOKEN.findall(body), TOKEN.findall(result.body)
    if edit.op == "remove":
        left = iter(before)
        assert all(token in left for token in after)
    elif all(change.before is None for change in result.changes):
        left = iter(after)
        assert all(token in left for token in before)


@given(st.data(), documents)
def test_removing_what_was_set_gives_the_original_back(data: st.DataObject, document: Box) -> None:
    body = written(document).encode()
    where = data.draw(pointers(document))
    assume(all(value.startswith(b"{") for _, value in find(body, where)))
    pointer = (*where, "not yet there")
    there = apply(body, [Edit("set", pointer, b"[1]")])
    assume(len(there.changes) == len(find(body, where)))
    back = apply(there.body, [Edit("remove", pointer)])
    assert parsed(back.body) == parsed(body)
    assert len(back.changes) == len(there.changes)


@given(st.data(), documents)
def test_edits_that_find_nothing_to_do_give_the_same_object(data: st.DataObject, document: Box) -> None:
    body = written(document).encode()
    pointer = data.draw(pointers(document))
    if not find(body, pointer):
        assert edited(body, "remove", format_pointer(pointer)) is body
    for at, value in find(body, pointer):
        if "\\ud83d" in at or "*" in parse_pointer(at):  # names that a pointer cannot say
            continue
        assert edited(body, "default", at, b"7") is body
        assert edited(body, "set", at, value) is body


@given(st.binary(max_size=40) | st.text('[]{}:,"\\ud83 1e-.ntrue', max_size=25).map(str.encode))
def test_bytes_are_json_for_us_if_they_are_for_the_standard_library(body: bytes) -> None:
    def refused(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(body.decode("utf-8-sig"), parse_constant=refused)
        valid = True
    except ValueError:
        valid = False
    if valid:
        assert get(body, ()) == body.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    else:
        with pytest.raises(JsonError) as caught:
            get(body, ())
        assert caught.value.offset is not None
        assert 0 <= caught.value.offset <= len(body)
