"""Reading a request's values one by one: null is absent, and a value of the wrong type says where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.jsonedit import format_pointer
from wiremend.protocols.codec import TranslationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

type Json = dict[str, Any]
type Where = tuple[str | int, ...]

ENCRYPTED: Final = "reasoning.encrypted_content"
"""Of ``include``: reasoning comes encrypted, to be sent again."""
LOGPROBS: Final = "message.output_text.logprobs"
"""Of ``include``: text comes with its probabilities."""

_USUAL: Final[Mapping[str, object]] = {
    "status": "completed",
    "async": False,
    "caller": {"type": "direct"},
    "logprobs": [],
}
"""What a field of an item or part says where it says nothing."""


def wrong(where: Where, message: str) -> TranslationError:
    """Make the error for a place in the client's body."""
    return TranslationError(format_pointer(tuple(map(str, where))), message)


def text_at(document: Mapping[str, Any], name: str, *where: str | int) -> str | None:
    """Give a string. Raises TranslationError for anything else; ``where`` is the place of the document."""
    value = document.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong((*where, name), "this must be a string")


def flag_at(document: Mapping[str, Any], name: str) -> bool | None:
    """Give true or false."""
    value = document.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong((name,), "this must be true or false")


def number_at(document: Mapping[str, Any], name: str) -> float | None:
    """Give a number as it is."""
    value = document.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise wrong((name,), "this must be a number")


def count_at(document: Mapping[str, Any], name: str) -> int | None:
    """Give a whole number; ``100.0`` is one."""
    value = number_at(document, name)
    if value is None or isinstance(value, int) or value.is_integer():
        return None if value is None else int(value)
    raise wrong((name,), "this must be a whole number")


def object_at(document: Mapping[str, Any], name: str, *where: str | int) -> Json:
    """Give an object, empty where there is none."""
    value = document.get(name)
    if value is None or isinstance(value, dict):
        return value or {}
    raise wrong((*where, name), "this must be an object")


def objects_at(document: Mapping[str, Any], name: str, *where: str | int) -> list[Json]:
    """Give a list of objects, empty where there is none."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong((*where, name), "this must be a list")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise wrong((*where, name, index), "this must be an object")
    return value


def rest_of(document: Mapping[str, Any], known: Collection[str]) -> Json:
    """Give the fields that are not known and say something: the ``extra`` of what was read from it."""
    return {
        name: value
        for name, value in document.items()
        if name not in known and value is not None and not (name in _USUAL and _USUAL[name] == value)
    }
