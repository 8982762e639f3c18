"""What is wrong with an event that the strict decoder refused.

The walk goes along the types of the schema, so there is no second list of what must hold: where a value does not fit
its type, the code that the type carries is the fault. Called for broken events only; slow beside the decoder.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import inspect

from wiremend.protocols.responses.items import NO_INDEX, NO_NAME

_MAX_INT: Final = 2**63 - 1


@dataclass(slots=True)
class _Walk:
    """Walks a JSON value along a type; lists what does not fit, and replaces it by something that does."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def fit(self, value: Any, shape: inspect.Type, pointer: str, code: str) -> Any:  # noqa: ANN401 - anybody's JSON
        """Give the value as it should be; ``code`` is what its being wrong is called."""
        match shape:
            case inspect.Metadata(type=inner, extra=extra):
                return self.fit(value, inner, pointer, extra["code"] if extra else code)
            case inspect.UnionType(types=types):
                return self._union(value, types, pointer, code)
            case inspect.StructType():
                return self._struct(value, shape, pointer, code)
            case inspect.ListType(item_type=inner) if isinstance(value, list):
                return [self.fit(entry, inner, f"{pointer}/{at}", code) for at, entry in enumerate(value)]
        good, instead = _scalar(value, shape)
        if not good:
            self.found.append((code, pointer))
        return value if good else instead

    def _struct(self, value: Any, shape: inspect.StructType, pointer: str, code: str) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            self.found.append((code, pointer))
            return _Walk().fit({}, shape, pointer, code)
        fitted: dict[str, Any] = {shape.tag_field: shape.tag} if shape.tag_field else {}
        for part in shape.fields:
            if part.required or part.encode_name in value:
                place = f"{pointer}/{part.encode_name}"
                fitted[part.encode_name] = self.fit(value.get(part.encode_name), part.type, place, code)
        return fitted

    def _union(self, value: Any, shapes: tuple[inspect.Type, ...], pointer: str, code: str) -> Any:  # noqa: ANN401
        """Choose by null, or by the tag; an unknown tag is a stranger's, and no fault."""
        structs = {shape.tag: shape for shape in shapes if isinstance(shape, inspect.StructType)}
        if value is None and any(isinstance(shape, inspect.NoneType) for shape in shapes):
            return None
        if NO_NAME not in structs:
            shape = next(shape for shape in shapes if not isinstance(shape, inspect.NoneType))
            return self.fit(value, shape, pointer, code)
        if not isinstance(value, dict):
            return self._struct(value, structs[NO_NAME], pointer, code)
        tag = value.get("type")
        if not isinstance(tag, str) or not tag:
            self.found.append((f"{code.rpartition('.')[0]}.type-missing", f"{pointer}/type"))
            tag = NO_NAME
        return self._struct(value | {"was": tag}, structs.get(tag, structs[NO_NAME]), pointer, code)


def _scalar(value: Any, shape: inspect.Type) -> tuple[bool, Any]:  # noqa: ANN401 - anybody's JSON
    """Tell whether the value fits, and what to take instead."""
    good: bool = True
    instead: Any = None
    match shape:
        case inspect.StrType(min_length=least):
            good, instead = isinstance(value, str) and len(value) >= (least or 0), NO_NAME
        case inspect.IntType(ge=least, le=most):
            low, high = (-_MAX_INT if least is None else least), (_MAX_INT if most is None else most)
            good = type(value) is int and low <= value <= high
            instead = NO_INDEX
        case inspect.FloatType():
            good, instead = isinstance(value, int | float) and not isinstance(value, bool), 0.0
        case inspect.LiteralType(values=values):
            good, instead = isinstance(value, str) and value in values, values[0]
        case inspect.NoneType():
            good = value is None
        case inspect.ListType():
            good, instead = False, []
    return good, instead


@functools.cache
def _shape(wanted: Any) -> inspect.Type:  # noqa: ANN401 - a type, which mypy does not know to be hashable
    return inspect.type_info(wanted)


def explain[T: msgspec.Struct](document: dict[str, Any], wanted: type[T]) -> tuple[T, list[tuple[str, str]]]:
    """Give the document as the Struct ``wanted``, and its faults as (code, JSON pointer)."""
    walk = _Walk()
    fitted = walk.fit(document, _shape(wanted), "", "responses.event.field-invalid")
    return msgspec.convert(fitted, wanted), walk.found
