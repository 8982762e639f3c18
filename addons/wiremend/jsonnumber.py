r"""Numbers of a JSON text, scaled and clamped in decimal, and written back as their author would write them.

A body's numbers are decimal text, and a factor in rules.yaml is decimal too, so nothing goes through binary floats:
0.6 times 1/0.6 is 1, not 1.0000000000000002.

How a product is written:

- At most :data:`DIGITS` significant digits, rounded half to even: 0.7 divided by 0.6 is 1.16666666667.
- A number that was written as a whole one stays one where the product is whole, and then keeps all its digits. One that
  was written with a point, or an exponent, keeps a point (``0.6`` becomes ``1.0``): decoders with types make an integer
  of ``1`` and a float of ``1.0``, and a server may accept one of the two only. So the client's own choice stands.

A bound is written as the rules have it. No exponent makes any of this slow: a number is never written out that was not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Final, Literal

import msgspec

DIGITS: Final = 12
"""Significant digits of a product: what a temperature can mean, with room, and short of where decimals look odd."""

FACTOR_PATTERN: Final = r"^[0-9]{1,15}(\.[0-9]{1,15})?/[0-9]{1,15}(\.[0-9]{1,15})?$"
"""A fraction of two plain decimals."""

_NUMBER: Final = re.compile(rb"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?(?:[eE]([+-]?)0*([0-9]+))?")
_FACTOR: Final = re.compile(FACTOR_PATTERN)
_EXPONENT_DIGITS: Final = 15
_HUGE: Final = 10**_EXPONENT_DIGITS
"""What a larger exponent counts as: far from any bound, and far from what decimals cannot do."""

_PLAIN_FROM, _PLAIN_TO = -7, 21
"""Powers of ten between which a product is written without an exponent, as JavaScript does (ECMA-262, 6.1.6.1.20)."""

_MOST: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


@dataclass(frozen=True, slots=True)
class Factor:
    """What a number is multiplied by: a fraction of two decimals, so that 1/0.6 is exact."""

    over: Decimal
    under: Decimal


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that a number may be, each with its JSON text; None: no bound."""

    least: tuple[Decimal, bytes] | None
    most: tuple[Decimal, bytes] | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A number of a text. ``whole`` where it is written as one, ``huge`` where its exponent was too large to keep."""

    value: Decimal
    whole: bool
    huge: bool


def parse_factor(text: bytes) -> Factor:
    """Read a factor: a JSON number, or a JSON string with a fraction such as ``"1/0.6"``.

    Raises ValueError with a sentence where it is neither, where it divides by zero, and where it is not more than 0.
    """
    return _factor(bytes(text))


@lru_cache(maxsize=64)
def _factor(text: bytes) -> Factor:
    try:
        told = msgspec.json.decode(text) if text.startswith(b'"') else None
    except msgspec.DecodeError:
        told = None
    if isinstance(told, str) and _FACTOR.fullmatch(told):
        over, _, under = told.partition("/")
        factor = Factor(Decimal(over), Decimal(under))
        if not factor.under:
            raise ValueError("this divides by zero; the divisor is the part after the slash")
    elif told is None and (read := _read(text)) is not None and not read.huge:
        factor = Factor(read.value, Decimal(1))
    else:
        raise ValueError("a scale is a number or a fraction of two, such as 1.5 or 1/0.6")
    if not factor.over:
        raise ValueError("a scale by 0 makes 0 of every number; write that with `set`")
    if factor.over < 0:
        raise ValueError("a scale is more than 0: it keeps the sign of a number")
    return factor


def parse_bounds(text: bytes) -> Bounds:
    """Read the bounds of a clamp: a JSON list of the least and the most, each a number or null.

    Raises ValueError with a sentence where it is none, where both are null, and where the least is more than the most.
    """
    return _bounds(bytes(text))


@lru_cache(maxsize=64)
def _bounds(text: bytes) -> Bounds:
    try:
        raw = [bytes(item) for item in msgspec.json.decode(text, type=tuple[msgspec.Raw, msgspec.Raw])]
    except msgspec.DecodeError:
        raw = []
    ends = [None if item == b"null" else (_read(item), item) for item in raw]
    found = [(end[0].value, end[1]) if end is not None and end[0] is not None else None for end in ends]
    if not raw or any(end is not None and end[0] is None for end in ends):
        raise ValueError("a clamp is a list of the least and the most, such as [0, 1], or [null, 1] without a least")
    least, most = found
    if least is None and most is None:
        raise ValueError("this clamp has no bound at all; write the least, the most, or both: [0, 1]")
    if least is not None and most is not None and least[0] > most[0]:
        raise ValueError("the least is more than the most; the least comes first: [0, 1]")
    return Bounds(least, most)


def scaled(text: bytes, factor: Factor) -> bytes | None:
    """Give a number times the factor; None where that is the number itself, and where the text is no number.

    A number whose exponent has more than fifteen digits is taken for none: no reader can tell it from infinity or zero.
    """
    read = _read(text)
    if read is None or read.huge or factor.over == factor.under:
        return None
    exact = _exact(read.value, factor.over)
    product = exact.multiply(read.value, factor.over)
    if read.whole:
        whole = exact.divide_int(product, factor.under)
        if exact.multiply(whole, factor.under) == product:
            return None if whole == read.value else format(whole, "f").encode()
    made = _MOST.divide(product, factor.under)
    return None if made == read.value else _written(made)


def clamped(text: bytes, bounds: Bounds) -> bytes | None:
    """Give the bound that a number is beyond; None where it is within them, and where the text is no number."""
    which = beyond(text, bounds)
    bound = bounds.least if which == "less" else bounds.most if which == "more" else None
    return None if bound is None else bound[1]


def beyond(text: bytes, bounds: Bounds) -> Literal["less", "more"] | None:
    """Tell on which side a number is out of its bounds; None where it is within, and where the text is no number."""
    read = _read(text)
    if read is not None and bounds.least is not None and read.value < bounds.least[0]:
        return "less"
    return "more" if read is not None and bounds.most is not None and read.value > bounds.most[0] else None


def _read(text: bytes) -> _Read | None:
    """Read a JSON number; None where the text is none. An exponent beyond all reason is brought back to a huge one."""
    m = _NUMBER.fullmatch(text)
    if m is None:
        return None
    power, huge = 0, False
    if m[4] is not None:
        huge = len(m[4]) > _EXPONENT_DIGITS
        power = (_HUGE if huge else int(m[4])) * (-1 if m[3] == b"-" else 1)
    digits = (m[1] + (m[2] or b"")).decode()
    return _Read(Decimal(f"{digits}e{power}"), m[2] is None and m[4] is None, huge)


def _exact(*numbers: Decimal) -> Context:
    """Give a context in which the product of such numbers is exact, and their whole quotient."""
    digits = sum(len(number.as_tuple().digits) + abs(number.adjusted()) for number in numbers)
    return Context(prec=digits + 64, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def _written(number: Decimal) -> bytes:
    """Write a product that is not whole, or whose author wrote a point."""
    sign, digits, _ = number.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    power = number.adjusted()
    minus = "-" if sign else ""
    if not _PLAIN_FROM < power < _PLAIN_TO:
        rest = f".{shown[1:]}" if shown[1:] else ""
        return f"{minus}{shown[0]}{rest}e{power:+d}".encode()
    if power < 0:
        return f"{minus}0.{'0' * (-power - 1)}{shown}".encode()
    whole, rest = shown[: power + 1].ljust(power + 1, "0"), shown[power + 1 :]
    return f"{minus}{whole}.{rest or '0'}".encode()
