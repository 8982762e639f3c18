"""Whether a body is what the official SDK's types of a request allow: every key known, every value of its type.

The SDKs' request types are TypedDicts, which nothing checks at run time, and pydantic reads the ``Iterable`` of them
lazily, that is not at all. This walks them: :func:`faults` gives the JSON pointer of each value that does not fit, of
each key that no type has, and of each that is missing.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAliasType, Union, get_args, get_origin

import typing_extensions
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

if TYPE_CHECKING:
    from tests.translate.said import Wire

TYPES: Final[Mapping[Wire, Any]] = {
    "messages": message_create_params.MessageCreateParams,
    "chat": completion_create_params.CompletionCreateParams,
    "responses": response_create_params.ResponseCreateParams,
}
OLDER: Final[Mapping[Wire, frozenset[str]]] = {
    "messages": frozenset({"temperature", "top_p", "top_k"}),
    "chat": frozenset(),
    "responses": frozenset(),
}
"""Fields that the SDK has no longer, and that the API takes from the models of their time."""

DIALECT: Final[Mapping[Wire, frozenset[str]]] = {
    "messages": frozenset(),
    "chat": frozenset({"reasoning_content", "reasoning_details"}),
    "responses": frozenset(),
}
"""Fields of which the vendor knows nothing: on the chat wire, DeepSeek's, Moonshot's and OpenRouter's reasoning."""

_REQUIRED: Final = {typing.Required, typing_extensions.Required}
_NOT_REQUIRED: Final = {typing.NotRequired, typing_extensions.NotRequired}
_WRAPPERS: Final = {*_REQUIRED, *_NOT_REQUIRED, typing_extensions.ReadOnly, typing.Annotated}
_SCALARS: Final[Mapping[type, tuple[type, ...]]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    type(None): (type(None),),
}


def faults(wire: Wire, body: Mapping[str, object], *, dialect: bool = False) -> list[str]:
    """Give what the official type of a request does not allow, as ``pointer: what``; nothing for a sound body.

    With ``dialect``, the fields that nearly all providers of a wire have besides (:data:`DIALECT`) are no fault.
    """
    known = {name: value for name, value in body.items() if name not in OLDER[wire]}
    items = known.get("input")
    if wire == "responses" and isinstance(items, list):
        known["input"] = [_BARE | item if _is_said(item) else item for item in items]
    found = _faults(known, TYPES[wire], "")
    return [one for one in found if not (dialect and one.partition(": unknown")[0].rpartition("/")[2] in DIALECT[wire])]


_BARE: Final = {"id": "msg_0", "status": "completed"}
"""What the type demands of what an assistant said before, and the API does not: Codex leaves it out."""


def _is_said(item: object) -> bool:
    return isinstance(item, dict) and item.get("role") == "assistant" and isinstance(item.get("content"), list)


@cache
def _hints(kind: Any) -> dict[str, Any]:  # noqa: ANN401  any TypedDict
    return typing_extensions.get_type_hints(kind, include_extras=True)


@cache
def _required(kind: Any) -> frozenset[str]:  # noqa: ANN401  any TypedDict
    """Give the keys that must be there. Of annotations that are text, as the SDKs', TypedDict itself does not know."""
    bases = [base for base in getattr(kind, "__orig_bases__", ()) if typing_extensions.is_typeddict(base)]
    hints = _hints(kind)
    own = hints.keys() - {name for base in bases for name in _hints(base)}
    demanded = {name for name in own if get_origin(hints[name]) in _REQUIRED}
    if kind.__total__:
        demanded |= {name for name in own if get_origin(hints[name]) not in _NOT_REQUIRED}
    return frozenset(demanded).union(*map(_required, bases))


def _bare(kind: Any) -> Any:  # noqa: ANN401  any type
    """Give a type without its alias and its wrappers."""
    while isinstance(kind, TypeAliasType) or get_origin(kind) in _WRAPPERS:
        kind = kind.__value__ if isinstance(kind, TypeAliasType) else get_args(kind)[0]
    return kind


def _faults(value: object, kind: Any, at: str) -> list[str]:  # noqa: ANN401, PLR0911  any type; one return a form
    kind = _bare(kind)
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return []
    if typing_extensions.is_typeddict(kind):
        return _of_dict(value, kind, at)
    if origin in {Union, types.UnionType}:
        return min((_faults(value, option, at) for option in get_args(kind)), key=_weight)
    if origin in {Literal, typing_extensions.Literal}:
        return (
            [] if any(value == one and type(value) is type(one) for one in get_args(kind)) else _wrong(at, value, kind)
        )
    if kind in _SCALARS:
        sound = isinstance(value, _SCALARS[kind]) and (kind is bool or not isinstance(value, bool))
        return [] if sound else _wrong(at, value, kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            return _wrong(at, value, kind)
        return [one for name, inner in value.items() for one in _faults(inner, get_args(kind)[1], f"{at}/{name}")]
    named = getattr(origin or kind, "__name__", "")
    if origin in {list, Iterable, Sequence} or named == "SequenceNotStr":
        return _of_list(value, kind, at)
    return _wrong(at, value, kind)  # what is no JSON: an open file, a block of a reply as the SDK's own object


def _of_list(value: object, kind: Any, at: str) -> list[str]:  # noqa: ANN401  any type
    if not isinstance(value, list):
        return _wrong(at, value, kind)
    (inner,) = get_args(kind)
    return [one for index, item in enumerate(value) for one in _faults(item, inner, f"{at}/{index}")]


def _of_dict(value: object, kind: Any, at: str) -> list[str]:  # noqa: ANN401  any TypedDict
    if not isinstance(value, dict):
        return _wrong(at, value, kind)
    hints = _hints(kind)
    missing = [f"{at}/{name}: missing" for name in sorted(_required(kind) - value.keys())]
    unknown = [f"{at}/{name}: unknown to {kind.__name__}" for name in value if name not in hints]
    inner = [one for name, item in value.items() if name in hints for one in _faults(item, hints[name], f"{at}/{name}")]
    return missing + unknown + inner


def _wrong(at: str, value: object, kind: Any) -> list[str]:  # noqa: ANN401  any type
    return [f"{at}: {str(value)[:40]!r} is no {getattr(kind, '__name__', kind)}"]


def _weight(found: list[str]) -> tuple[int, int]:
    """Rank the options of a union: the nearest is the one with which the least is wrong, and the deepest."""
    return len(found), -max((one.count("/") for one in found), default=0)
