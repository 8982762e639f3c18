"""Values in a client's request: each of the type that the wire wants, null for absent, else an error with the place."""

from __future__ import annotations

from typing import Any

from wiremend.jsonedit import format_pointer
from wiremend.protocols.codec import TranslationError

type Json = dict[str, Any]
type At = tuple[str | int, ...]
"""The tokens of a JSON pointer into the client's body."""


def refusal(at: At, message: str) -> TranslationError:
    """Give the error for what cannot be read; ``message`` says what to do."""
    return TranslationError(format_pointer(tuple(map(str, at))), message)


def text(value: object, at: At) -> str | None:
    """Read a string or null."""
    if value is None or isinstance(value, str):
        return value
    raise refusal(at, "must be a string")


def flag(value: object, at: At) -> bool | None:
    """Read true, false or null."""
    if value is None or isinstance(value, bool):
        return value
    raise refusal(at, "must be true or false")


def number(value: object, at: At) -> float | None:
    """Read a number or null."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise refusal(at, "must be a number")


def whole(value: object, at: At) -> int | None:
    """Read a whole number or null; 5.0 is 5."""
    found = number(value, at)
    if found is None or isinstance(found, int):
        return found
    if found.is_integer():
        return int(found)
    raise refusal(at, "must be a whole number")


def mapping(value: object, at: At) -> Json | None:
    """Read an object or null."""
    if value is None or isinstance(value, dict):
        return value
    raise refusal(at, "must be an object")


def items(value: object, at: At) -> list[Any]:
    """Read a list; null is an empty one."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise refusal(at, "must be a list")


def rest(value: Json, known: frozenset[str]) -> Json:
    """Give the fields that are not known and say something."""
    return {name: item for name, item in value.items() if name not in known and item is not None}
