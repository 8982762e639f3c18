"""The shapes that a value of rules.yaml may have: each checks a node and gives its JSON Schema.

One description serves three readers, so that they cannot drift: ``wiremend check`` (problems with line and column),
editors (the shipped JSON Schema), and the reference in docs. A shape's :meth:`check` reports into a :class:`Report` and
returns whether the node is sound, so that one run finds every problem of a file and what depends on a broken part
is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from wiremend.families import looks_like_credential
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.tree import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.rules.report import Report
    from wiremend.rules.tree import Node

type JsonSchema = dict[str, object]


class Shape(Protocol):
    """What every shape can do."""

    @property
    def expects(self) -> str:
        """Say what a sound value is, in words that follow "must be"."""
        ...

    def fits(self, node: Node) -> bool:
        """Tell by the node's kind alone whether this shape is meant (for :class:`Either`)."""
        ...

    def check(self, node: Node, report: Report) -> bool:
        """Report what is wrong with the node; True where nothing is."""
        ...

    def schema(self) -> JsonSchema:
        """Give the JSON Schema (draft 2020-12) of the sound values."""
        ...


def _told(node: Node) -> str:
    """Name what stands there; never a text itself: what was pasted into a wrong place may be a key of any look."""
    return "a text" if isinstance(node.value, str) else kind_of(node.value)


def _wrong(shape: Shape, node: Node, report: Report) -> Literal[False]:
    return report.error(node.mark, f"this must be {shape.expects}, not {_told(node)}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text. ``checks`` raise ValueError with the message; ``words`` says what it is."""

    words: str = "a text"
    checks: tuple[Callable[[str], object], ...] = ()
    secret: bool = False
    """A place where references to credentials stand: its own check finds literals, and nothing is quoted."""
    numbers: bool = False
    """Whether a number is taken for its text (``port: 8080`` in a place that takes ``$PORT`` too)."""

    @property
    def expects(self) -> str:
        """Say what it is."""
        return self.words

    def fits(self, node: Node) -> bool:
        """Tell whether it is a text."""
        return isinstance(node.value, str) or (self.numbers and type(node.value) in (int, float))

    def check(self, node: Node, report: Report) -> bool:
        """Run the checks, unless it is no text or holds a credential."""
        if not self.fits(node):
            hint = "; quote it" if isinstance(node.value, bool | int | float) else ""
            return report.error(node.mark, f"this must be {self.words}, not {_told(node)}{hint}")
        text = str(node.value)
        if not self.secret and looks_like_credential(text):
            message = "a credential stands here in clear; keep it outside the file and write a reference such as $NAME"
            return report.error(node.mark, message)
        for check in self.checks:
            try:
                check(text)
            except ValueError as error:
                return report.error(node.mark, str(error))
        return True

    def schema(self) -> JsonSchema:
        """Give a string."""
        return {"type": ["string", "number"] if self.numbers else "string", "description": self.words}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expects(self) -> str:
        """Say which."""
        return " or ".join([", ".join(self.words[:-1]), self.words[-1]] if len(self.words) > 1 else self.words)

    def fits(self, node: Node) -> bool:
        """Tell whether it is one of them."""
        return isinstance(node.value, str) and node.value in self.words

    def check(self, node: Node, report: Report) -> bool:
        """Tell whether it is one of them, and which was meant."""
        if self.fits(node):
            return True
        if isinstance(node.value, str):
            return report.error(node.mark, f"{node.value!r} is not known here{did_you_mean(node.value, self.words)}")
        return _wrong(self, node, report)

    def schema(self) -> JsonSchema:
        """Give an enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Constant:
    """One value that is not a text: true, false, null or a number."""

    values: tuple[bool | int | None, ...]

    @property
    def expects(self) -> str:
        """Say which."""
        return " or ".join(msgspec.json.encode(value).decode() for value in self.values)

    def fits(self, node: Node) -> bool:
        """Tell whether it is one of them, of the same type (1 is not true)."""
        return any(type(node.value) is type(value) and node.value == value for value in self.values)

    def check(self, node: Node, report: Report) -> bool:
        """Tell whether it is one of them."""
        return self.fits(node) or _wrong(self, node, report)

    def schema(self) -> JsonSchema:
        """Give an enumeration."""
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in a range."""

    words: str
    least: int = 0
    most: int | None = None

    @property
    def expects(self) -> str:
        """Say what it is."""
        return self.words

    def fits(self, node: Node) -> bool:
        """Tell whether it is a whole number."""
        return type(node.value) is int

    def check(self, node: Node, report: Report) -> bool:
        """Tell whether it is in the range."""
        if type(node.value) is not int:
            return _wrong(self, node, report)
        if node.value < self.least or (self.most is not None and node.value > self.most):
            return _wrong(self, node, report)
        return True

    def schema(self) -> JsonSchema:
        """Give an integer."""
        most = {} if self.most is None else {"maximum": self.most}
        return {"type": "integer", "minimum": self.least, **most, "description": self.words}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value that JSON has; only a credential in it is wrong."""

    @property
    def expects(self) -> str:
        """Say so."""
        return "any value"

    def fits(self, node: Node) -> bool:  # noqa: ARG002 - every node is one
        """Say yes."""
        return True

    def check(self, node: Node, report: Report) -> bool:
        """Look for credentials, and for numbers that JSON cannot say."""
        if isinstance(node.value, dict):
            sound = [self.check(member, report) for member in node.value.values()]
            sound += [
                report.error(member.at, "a credential stands here in clear, as a key")
                for key, member in node.value.items()
                if looks_like_credential(key)
            ]
            return all(sound)
        if isinstance(node.value, list):
            sound = [self.check(item, report) for item in node.value]
            return all(sound)
        if isinstance(node.value, str):
            return Text().check(node, report)
        if isinstance(node.value, float) and node.value in (float("inf"), float("-inf")):
            return report.error(node.mark, "JSON has no such number")
        return True

    def schema(self) -> JsonSchema:
        """Give the schema that takes all."""
        return {}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; with ``single`` one item may stand for a list of one."""

    item: Shape
    single: bool = False
    empty: bool = False

    @property
    def expects(self) -> str:
        """Say what of."""
        return f"{self.item.expects}, or a list of such" if self.single else f"a list, each item {self.item.expects}"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a list, or such an item."""
        return isinstance(node.value, list) or (self.single and self.item.fits(node))

    def check(self, node: Node, report: Report) -> bool:
        """Check each item."""
        if isinstance(node.value, list):
            if not node.value and not self.empty:
                return report.error(node.mark, "this list is empty; leave the key out instead")
            sound = [self.item.check(item, report) for item in node.value]
            return all(sound)
        told = isinstance(self.item, Text | Choice | Either | Record | MapOf)  # what tells by itself what is wrong
        if self.single and (told or self.item.fits(node)):
            return self.item.check(node, report)
        return _wrong(self, node, report)

    def schema(self) -> JsonSchema:
        """Give an array, or one of its items."""
        least = {} if self.empty else {"minItems": 1}
        array: JsonSchema = {"type": "array", "items": self.item.schema(), **least}
        return {"anyOf": [self.item.schema(), array]} if self.single else array


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are names of the author's own."""

    value: Shape
    words: str
    key: Callable[[str], object] | None = None
    empty: bool = False
    pattern: str | None = None
    """The regular expression of its keys, for the JSON Schema."""

    @property
    def expects(self) -> str:
        """Say what from, what to."""
        return f"a mapping of {self.words}"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a mapping."""
        return isinstance(node.value, dict)

    def check(self, node: Node, report: Report) -> bool:
        """Check each key and value."""
        if not isinstance(node.value, dict):
            return _wrong(self, node, report)
        if not node.value and not self.empty:
            return report.error(node.mark, "this mapping is empty; leave the key out instead")
        sound = True
        for key, member in node.value.items():
            if looks_like_credential(key):
                sound = report.error(member.at, "a credential stands here in clear, as a key")
            elif self.key is not None:
                try:
                    self.key(key)
                except ValueError as error:
                    sound = report.error(member.at, str(error))
            sound = self.value.check(member, report) and sound
        return sound

    def schema(self) -> JsonSchema:
        """Give an object."""
        least = {} if self.empty else {"minProperties": 1}
        names = {} if self.pattern is None else {"propertyNames": {"pattern": self.pattern}}
        values = self.value.schema()
        return {"type": "object", "additionalProperties": values, **names, **least, "description": self.words}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a :class:`Record`: its shape, and a sentence for the reference."""

    shape: Shape
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with keys of ours."""

    name: str
    keys: Mapping[str, Key]

    @property
    def expects(self) -> str:
        """Say which keys."""
        return f"a mapping with the keys {', '.join(self.keys)}"

    def fits(self, node: Node) -> bool:
        """Tell whether it is a mapping."""
        return isinstance(node.value, dict)

    def check(self, node: Node, report: Report) -> bool:
        """Check each key, and that none is missing."""
        if not isinstance(node.value, dict):
            return _wrong(self, node, report)
        sound = True
        for name, member in node.value.items():
            key = self.keys.get(name)
            if key is None:
                known = did_you_mean(name, self.keys, few=16)
                sound = report.error(member.at, f"unknown key {name!r} in {self.name}{known}")
            else:
                sound = key.shape.check(member, report) and sound
        for name, key in self.keys.items():
            if key.required and name not in node.value:
                sound = report.error(node.at, f"{self.name} needs the key {name!r}: {key.doc}")
        return sound

    def schema(self) -> JsonSchema:
        """Give a closed object."""
        properties = {name: {**key.shape.schema(), "description": key.doc} for name, key in self.keys.items()}
        required = [name for name, key in self.keys.items() if key.required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the kind of the value."""

    shapes: tuple[Shape, ...]

    @property
    def expects(self) -> str:
        """Say which."""
        return ", or ".join(shape.expects for shape in self.shapes)

    def fits(self, node: Node) -> bool:
        """Tell whether it is one of them."""
        return any(shape.fits(node) for shape in self.shapes)

    def check(self, node: Node, report: Report) -> bool:
        """Check it against the first shape of its kind."""
        for shape in self.shapes:
            if shape.fits(node):
                return shape.check(node, report)
        last = next((s for s in reversed(self.shapes) if isinstance(s, Choice) and isinstance(node.value, str)), None)
        return last.check(node, report) if last else _wrong(self, node, report)

    def schema(self) -> JsonSchema:
        """Give the alternatives."""
        return {"anyOf": [shape.schema() for shape in self.shapes]}
