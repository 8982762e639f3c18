"""What the request codec of the messages wire works with: values of a body, checked, and losses, collected."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.jsonedit import format_pointer
from wiremend.protocols.codec import Loss, TranslationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.codec import LossKind, Path

type Json = dict[str, Any]
type Tokens = tuple[str | int, ...]

_KINDS: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_DATA_URL: Final = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,(.*)", re.DOTALL)
_encode: Final = msgspec.json.Encoder().encode


def refused(tokens: Tokens, wanted: str, value: object) -> TranslationError:
    """Give the error for a value that cannot be read: where it is, what it must be and what it is."""
    found = _KINDS.get(type(value), "something else")
    return TranslationError(format_pointer(tuple(map(str, tokens))), f"this is {found}; send {wanted}")


def an_object(value: object, tokens: Tokens) -> Json:
    """Give an object; {} for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(tokens, "an object", value)
    return value


def a_list(value: object, tokens: Tokens) -> list[Any]:
    """Give a list; [] for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise refused(tokens, "a list", value)
    return value


def a_text(value: object, tokens: Tokens) -> str:
    """Give a string; "" for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refused(tokens, "a string", value)
    return value


def text_or_none(value: object, tokens: Tokens) -> str | None:
    """Give a string, or None for null."""
    return None if value is None else a_text(value, tokens)


def a_count(value: object, tokens: Tokens) -> int | None:
    """Give a whole number, or None for null; ``1024.0`` is one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise refused(tokens, "a whole number", value)
    return int(value)


def a_number(value: object, tokens: Tokens) -> float | None:
    """Give a number, or None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(tokens, "a number", value)
    return value


def a_flag(value: object, tokens: Tokens) -> bool | None:
    """Give true or false, or None for null."""
    if value is None or isinstance(value, bool):
        return value
    raise refused(tokens, "true or false", value)


def rest_of(value: Mapping[str, Any], known: frozenset[str]) -> Json:
    """Give the fields that are not known and not null."""
    if value.keys() <= known:
        return {}
    return {name: found for name, found in value.items() if name not in known and found is not None}


def of_data_url(url: str) -> tuple[str, str] | None:
    """Give media type and base64 of a ``data:`` URL; None for any other."""
    found = _DATA_URL.match(url)
    return (found[1], found[2]) if found else None


def json_text(value: object) -> str:
    """Write a value as JSON; half of a surrogate pair, which no UTF-8 can hold, as its escape."""
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))


def digest(text: str, digits: int) -> str:
    """Give hex digits that are the same for the same text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


class Losses:
    """Collects losses."""

    def __init__(self) -> None:
        """Begin with none."""
        self.all: list[Loss] = []

    def lost(self, path: Path, code: str, what: str, why: str = "") -> None:
        """Note what was dropped. Of something in a list, the path is its own, and it is gone from the list."""
        self._add("lost", path, code, what, why)

    def approximated(self, path: Path, code: str, what: str, why: str = "") -> None:
        """Note what was said by something near it."""
        self._add("approximated", path, code, what, why)

    def invented(self, path: Path, code: str, what: str, why: str = "") -> None:
        """Note what was put in."""
        self._add("invented", path, code, what, why)

    def _add(self, kind: LossKind, path: Path, code: str, what: str, why: str) -> None:
        self.all.append(Loss(kind, path, code, what, why))
