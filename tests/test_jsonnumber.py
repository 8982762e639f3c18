"""Numbers scaled and clamped: exact in decimal, in the client's own kind, and no other byte of the body changes.

``fractions.Fraction`` is the oracle: it reads the text of a number as it is, and rounds nothing.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wiremend.errors import PointerError
from wiremend.jsonedit import Change, Edit, apply, parse_pointer
from wiremend.jsonnumber import DIGITS, beyond, clamped, parse_bounds, parse_factor, scaled

if TYPE_CHECKING:
    from collections.abc import Callable

MOONSHOT = b'"1/0.6"'


def times(text: bytes, factor: bytes) -> bytes:
    """Give a number scaled, or as it was."""
    return scaled(text, parse_factor(factor)) or text


def within(text: bytes, bounds: bytes) -> bytes:
    """Give a number clamped, or as it was."""
    return clamped(text, parse_bounds(bounds)) or text


# ---------------------------------------------------------------------------------------------------- scale


@pytest.mark.parametrize(
    ("text", "factor", "made"),
    (
        # a point stays a point, in whatever way it was written
        (b"0.6", MOONSHOT, b"1.0"),
        (b"0.60", MOONSHOT, b"1.0"),
        (b"6e-1", MOONSHOT, b"1.0"),
        (b"6E-1", MOONSHOT, b"1.0"),
        (b"-0.6", MOONSHOT, b"-1.0"),
        (b"0.3", MOONSHOT, b"0.5"),
        (b"0.06", MOONSHOT, b"0.1"),
        (b"1.0", b"10", b"10.0"),
        (b"1.0", b"1000", b"1000.0"),
        (b"1.5", b"10", b"15.0"),
        # a whole number stays whole where the product is, with all its digits
        (b"3", MOONSHOT, b"5"),
        (b"-3", MOONSHOT, b"-5"),
        (b"4", b"0.5", b"2"),
        (b"4", b"2.50", b"10"),
        (b"1234567890123456789", b"2", b"2469135780246913578"),
        (b"3000000000000000000003", b'"1/3"', b"1000000000000000000001"),
        (b"1", b"1e3", b"1000"),
        (b"3", b"1e100", b"3" + b"0" * 100),
        # and has a point where it is not
        (b"1", MOONSHOT, b"1.66666666667"),
        (b"3", b"0.5", b"1.5"),
        (b"1234567890123456789", b"0.1", b"123456789012000000.0"),
        # twelve digits, half to even
        (b"0.7", MOONSHOT, b"1.16666666667"),
        (b"0.1", MOONSHOT, b"0.166666666667"),
        (b"1.0", b'"1/3"', b"0.333333333333"),
        (b"1.000000000005", b"2", b"2.00000000001"),
        (b"0.1000000000005", b"10", b"1.0"),
        (b"0.1000000000015", b"10", b"1.00000000002"),
        # large and small: with an exponent beyond what JavaScript writes without one
        (b"1e20", b"2", b"200000000000000000000.0"),
        (b"1e21", b"2", b"2e+21"),
        (b"1.5e21", b"2", b"3e+21"),
        (b"1.25e21", b"2", b"2.5e+21"),
        (b"1e-6", b"2", b"0.000002"),
        (b"1e-7", b"2", b"2e-7"),
        (b"-1.25e-7", b"2", b"-2.5e-7"),
        (b"1e999999", b"2", b"2e+999999"),
        (b"5e-999999", MOONSHOT, b"8.33333333333e-999999"),
        (b"1e+000000000000000000001", b"2", b"20.0"),
        (b"1e999999999999999", b"2", b"2e+999999999999999"),
    ),
)
def test_a_number_is_scaled_as_its_author_would_write_it(text: bytes, factor: bytes, made: bytes) -> None:
    assert scaled(text, parse_factor(factor)) == made


@pytest.mark.parametrize(
    "text",
    (
        pytest.param(b"0", id="zero"),
        pytest.param(b"0.0", id="zero with a point"),
        pytest.param(b"-0.0", id="minus zero"),
        pytest.param(b"0e99", id="zero with an exponent"),
        pytest.param(b"1e9999999999999999", id="an exponent with sixteen digits"),
        pytest.param(b"1e-" + b"9" * 100_000, id="an exponent with more digits than Python reads"),
        pytest.param(b'"0.6"', id="a text of digits"),
        pytest.param(b"null", id="null"),
        pytest.param(b"true", id="a boolean"),
        pytest.param(b"[0.6]", id="a list"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"-Infinity", id="infinity"),
        pytest.param(b"01", id="no number of JSON"),
        pytest.param(b"1.", id="a point without digits"),
        pytest.param("٣".encode(), id="a digit of another script"),
    ),
)
def test_what_is_no_number_or_would_not_change_is_left_alone(text: bytes) -> None:
    assert scaled(text, parse_factor(MOONSHOT)) is None


def test_a_scale_by_one_leaves_even_long_numbers_alone() -> None:
    for one in (b"1", b"1.0", b'"3/3.0"'):
        assert scaled(b"0.12345678901234567890", parse_factor(one)) is None


@pytest.mark.parametrize(
    "text",
    (
        pytest.param(b"7" * 1_000_000, id="whole"),
        pytest.param(b"0." + b"7" * 1_000_000, id="behind a point"),
        pytest.param(b"7" * 500_000 + b".5e-400000", id="with an exponent"),
    ),
)
def test_a_million_digits_are_read_in_no_more_than_their_length(text: bytes) -> None:
    """Python's own integers and fractions would take minutes, and refuse more than 4,300 digits."""
    half = times(text, b"0.5")
    assert half.startswith((b"3.88888888889", b"0.388888888889", b"388888888889"))
    assert len(half) < 40
    assert times(b"4" * 1_000_000, b"0.5") == b"2" * 1_000_000


@pytest.mark.parametrize(
    ("value", "told"),
    (
        (b'"1/0"', "divides by zero"),
        (b'"1/0.0"', "divides by zero"),
        (b"0", "a scale by 0 makes 0"),
        (b"0.0", "a scale by 0 makes 0"),
        (b'"0/3"', "a scale by 0 makes 0"),
        (b"-1", "more than 0"),
        (b"-0.5", "more than 0"),
        (b'"-1/2"', "a number or a fraction"),
        (b'"1.5"', "a number or a fraction"),
        (b'"1/2/3"', "a number or a fraction"),
        (b'"1 / 2"', "a number or a fraction"),
        (b'"1/2\\n"', "a number or a fraction"),
        (b'"1/1e3"', "a number or a fraction"),
        (b'"/2"', "a number or a fraction"),
        (b'"1/2', "a number or a fraction"),
        (b"null", "a number or a fraction"),
        (b"[1,2]", "a number or a fraction"),
        (b"1e9999999999999999", "a number or a fraction"),
    ),
)
def test_a_factor_that_means_nothing_is_refused(value: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_factor(value)


# ---------------------------------------------------------------------------------------------------- clamp


@pytest.mark.parametrize(
    ("text", "bounds", "made"),
    (
        (b"1.5", b"[0, 1]", b"1"),
        (b"1.5", b"[0, 1.0]", b"1.0"),  # as the rules have it
        (b"-0.1", b"[0, 1]", b"0"),
        (b"7", b"[null, 5]", b"5"),
        (b"-7", b"[-5.50, null]", b"-5.50"),
        (b"10000", b"[1,8192]", b"8192"),
        (b"1.0000000000000000000001", b"[0,1]", b"1"),
        (b"1e999999", b"[0,1]", b"1"),
        (b"1e99999999999999999999", b"[0,1]", b"1"),
        pytest.param(b"-1e" + b"9" * 100_000, b"[0,1]", b"0", id="an exponent with more digits than Python reads"),
        (b"2", b"[1,1]", b"1"),
        (b"0", b"[1,1]", b"1"),
    ),
)
def test_a_number_beyond_a_bound_becomes_the_bound(text: bytes, bounds: bytes, made: bytes) -> None:
    assert clamped(text, parse_bounds(bounds)) == made
    assert beyond(text, parse_bounds(bounds)) == ("less" if Fraction(made.decode()) > sign(text) else "more")


def sign(text: bytes) -> Fraction:
    """Give a number that is on the same side of its bound, where the number itself is too large to be had."""
    return Fraction(text.decode()) if len(text) < 10 else Fraction(-(10**9) if text.startswith(b"-") else 10**9)


def test_a_bound_at_a_hair_s_breadth_is_met_on_the_right_side() -> None:
    """The helper above stands in for numbers that are written long; this one is close, and told by its digits."""
    assert beyond(b"0.99999999999999999999999999", parse_bounds(b"[1,2]")) == "less"
    assert beyond(b"2.00000000000000000000000001", parse_bounds(b"[1,2]")) == "more"


@pytest.mark.parametrize(
    "text",
    (
        b"0",
        b"1",
        b"0.0",
        b"1.0",
        b"1.000",
        b"1e0",
        b"10e-1",
        b"0.5",
        b"-0",
        b"-0.0",
        b"1e-" + b"9" * 30,
        b"null",
        b'"2"',
        b"true",
        b"[2]",
        b"NaN",
        b"Infinity",
    ),
)
def test_what_is_within_the_bounds_or_no_number_is_left_alone(text: bytes) -> None:
    assert clamped(text, parse_bounds(b"[0, 1]")) is None
    assert beyond(text, parse_bounds(b"[0, 1]")) is None


@pytest.mark.parametrize(
    ("value", "told"),
    (
        (b"[null, null]", "no bound at all"),
        (b"[1, 0]", "the least is more than the most"),
        (b"[]", "a list of the least and the most"),
        (b"[1]", "a list of the least and the most"),
        (b"[0, 1, 2]", "a list of the least and the most"),
        (b'[0, "1"]', "a list of the least and the most"),
        (b"[true, 1]", "a list of the least and the most"),
        (b"1", "a list of the least and the most"),
        (b'{"0": 1}', "a list of the least and the most"),
        (b"[0, 1", "a list of the least and the most"),
    ),
)
def test_bounds_that_mean_nothing_are_refused(value: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_bounds(value)


# ------------------------------------------------------------------------------------------- in a body


@pytest.mark.parametrize(
    ("body", "pointer", "after"),
    (
        pytest.param(b'{ "t" : 0.30 , "n":1e2}', "/t", b'{ "t" : 0.5 , "n":1e2}', id="a member"),
        pytest.param(
            b'{"a":[{"t":0.3},{},{"t":"x"},{"t":6}]}', "/a/*/t", b'{"a":[{"t":0.5},{},{"t":"x"},{"t":10}]}', id="each"
        ),
        pytest.param(b"[3 , 6]", "/1", b"[3 , 10]", id="an item"),
        pytest.param(b"[3]", "/-", b"[3]", id="behind the last"),
        pytest.param(b'{"t":3,"t":6}', "/t", b'{"t":3,"t":10}', id="the last of repeated keys"),
        pytest.param(b'{"t":3,"\\u0074":6}', "/t", b'{"t":3,"\\u0074":10}', id="in another spelling"),
        pytest.param(b'{"s":"\\ud83d","t":6}', "/t", b'{"s":"\\ud83d","t":10}', id="beside half a surrogate pair"),
        pytest.param(b'\xef\xbb\xbf{"t":6}\n', "/t", b'\xef\xbb\xbf{"t":10}\n', id="behind a byte order mark"),
    ),
)
def test_only_the_number_changes(body: bytes, pointer: str, after: bytes) -> None:
    assert apply(body, [Edit("scale", parse_pointer(pointer), MOONSHOT)]).body == after


@pytest.mark.parametrize(
    "body",
    (
        b'{"t":null}',
        b'{"t":"6"}',
        b'{"t":true}',
        b'{"t":[6]}',
        b'{"t":{"t":6}}',
        b'{"u":6}',
        b"[6]",
        b'{"t":0.0}',
        b'{"t":1e-99999999999999999999}',
    ),
)
@pytest.mark.parametrize("edit", (Edit("scale", ("t",), MOONSHOT), Edit("clamp", ("t",), b"[0, 1]")), ids=str)
def test_a_body_without_a_number_there_is_the_very_object_that_came(body: bytes, edit: Edit) -> None:
    result = apply(body, [edit])
    assert result.body is body
    assert result.changes == ()


def test_changes_say_what_was_scaled_and_what_was_clamped() -> None:
    edits = (Edit("scale", ("t",), MOONSHOT), Edit("clamp", ("t",), b" [0, 1] "))
    result = apply(b'{"t":0.9}', edits)
    assert result.body == b'{"t":1}'
    assert result.changes == (Change("scale", "/t", b"0.9", b"1.5"), Change("clamp", "/t", b"1.5", b"1"))
    assert edits[1].value == b"[0, 1]"


def test_an_opened_container_is_no_number() -> None:
    edits = (Edit("set", ("a", "b"), b"2"), Edit("scale", ("a",), b"2"), Edit("scale", ("a", "b"), b"2"))
    assert apply(b'{"a":{"b":1}}', edits).body == b'{"a":{"b":4}}'


@pytest.mark.parametrize("op", ("scale", "clamp"))
def test_an_edit_of_numbers_refuses_what_could_never_be_applied(op: str) -> None:
    make: Callable[..., Edit] = Edit
    with pytest.raises(PointerError, match="the whole body, which is no number"):
        make(op, (), b"2")
    with pytest.raises(ValueError, match=f"{op} needs a value"):
        make(op, ("a",))
    with pytest.raises(ValueError, match="the value for '/a' is not JSON"):
        make(op, ("a",), b"NaN")
    with pytest.raises(ValueError, match=f"a {op} is a"):
        make(op, ("a",), b'"x"')


# -------------------------------------------------------------------------------------------- properties

DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
SHORT = st.from_regex(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?", fullmatch=True).filter(lambda text: Fraction(text) > 0)
FACTORS = st.one_of(SHORT.map(str.encode), st.tuples(SHORT, SHORT).map(lambda two: f'"{two[0]}/{two[1]}"'.encode()))


def meant(factor: bytes) -> Fraction:
    over, _, under = factor.decode().strip('"').partition("/")
    return Fraction(over) / Fraction(under or 1)


def few(value: Fraction) -> bool:
    """Tell whether a value can be written with the digits that a product has."""
    if value == 0:
        return True
    power = 0
    while abs(value) >= 10**DIGITS:
        value, power = value / 10, power + 1
    while abs(value) < 10 ** (DIGITS - 1):
        value, power = value * 10, power - 1
    return value.denominator == 1


@given(DECIMALS, FACTORS)
def test_a_product_is_right_to_twelve_digits(text: str, factor: bytes) -> None:
    made = times(text.encode(), factor)
    exact = Fraction(text) * meant(factor)
    got = Fraction(made.decode())
    json.loads(made)
    if meant(factor) == 1 or few(exact):
        assert got == exact
    else:
        assert abs(got - exact) * 2 * 10 ** (DIGITS - 1) <= abs(exact)
    is_whole = "." not in text and "e" not in text.lower()
    if is_whole and exact.denominator == 1:
        assert made.decode() == str(exact) or exact == 0
    elif exact != Fraction(text):
        assert b"." in made or b"e" in made


@given(DECIMALS, FACTORS)
def test_a_scale_and_its_inverse_bring_a_number_back(text: str, factor: bytes) -> None:
    """To the eleven digits that two roundings leave; and to all of them where nothing was rounded."""
    over, _, under = factor.decode().strip('"').partition("/")
    there = times(text.encode(), factor)
    back = Fraction(times(there, f'"{under or 1}/{over}"'.encode()).decode())
    value = Fraction(text)
    assert abs(back - value) * 10 ** (DIGITS - 2) <= abs(value)
    if few(value) and few(value * meant(factor)):
        assert back == value


@given(
    DECIMALS,
    st.lists(SHORT.map(Fraction), min_size=2, max_size=2).map(sorted),
    st.sampled_from(("both", "least", "most")),
)
def test_a_clamp_is_idempotent_and_within(text: str, ends: list[Fraction], which: str) -> None:
    least, most = (float(end) for end in ends)
    pair = json.dumps([None if which == "most" else least, None if which == "least" else most]).encode()
    once = within(text.encode(), pair)
    assert within(once, pair) == once
    got = Fraction(once.decode())
    low = Fraction(str(least)) if which != "most" else got
    high = Fraction(str(most)) if which != "least" else got
    assert low <= got <= high
    value = Fraction(text)
    if low <= value <= high:
        assert once == text.encode()
    else:
        assert got in {low, high}


SPACE = st.text(alphabet=" \t\n", max_size=2)
OTHER = st.sampled_from(('"0.60"', "1E2", "1.50", "null", '["\\ud83d", 0.6]', '{"t" : 0.6}', '"\\u00e9\\/"'))


@given(DECIMALS, FACTORS, OTHER, OTHER, SPACE, SPACE)
def test_every_byte_beside_the_number_stays(
    text: str, factor: bytes, first: str, last: str, before: str, after: str
) -> None:
    assume(times(text.encode(), factor) != text.encode())
    shape = f'{{{before}"a":{first},"t"{after}:{before}%s{after},"b" :{last}}}{after}'
    edits = [Edit("scale", ("t",), factor), Edit("clamp", ("t",), b"[-5, 5]")]
    left = within(times(text.encode(), factor), b"[-5, 5]").decode()
    assert apply((shape % text).encode(), edits).body == (shape % left).encode()
