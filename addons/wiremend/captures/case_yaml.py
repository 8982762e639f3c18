"""YAML as cases use it: read with the line of each value, written so that it reads as what it was.

Scalars resolve as in rules.yaml, by the core schema of YAML 1.2 (``on`` and ``no`` are words). Where a text is meant,
:meth:`Place.text` gives the letters that stand there, whatever they look like: a seed may be 0123, an id 1e5. A text
with halves of surrogate pairs, which YAML cannot hold, is written escaped under the tag ``!escaped``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml

from wiremend.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

WIDTH: Final = 108  # a word that begins before it goes on beyond it
_TAG: Final = "tag:yaml.org,2002:"
_ESCAPED: Final = "!escaped"
_ONE_LINE: Final = 90
_OTHER_BREAKS: Final = re.compile("[\\x85\\u2028\\u2029]")
_TEXT: Final = f"{_TAG}str"
_UNQUOTED: Final = "?"
_CORE: Final[Mapping[str, tuple[re.Pattern[str], Callable[[str], object]]]] = {
    "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), lambda text: text.lower() == "true"),
    "null": (re.compile(r"(?:~|null|Null|NULL|)$"), lambda _: None),
    "int": (re.compile(r"[-+]?[0-9]+$"), int),
    "float": (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"), float),
}
"""The scalars of YAML 1.2.2, section 10.3.2, but for octal and hexadecimal numbers."""
_FIRST: Final = frozenset({"", *"tTfFnN~+-.0123456789"})
"""What a scalar that is no text begins with."""
_LETTERS: Final = frozenset({"bool", "int", "float"})
"""What looks like something else, and is a text where one is meant."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one, where there is one
    """PyYAML's composer; what a scalar is, is asked when somebody wants to know."""

    def resolve(self, kind: type[yaml.Node], value: object, implicit: tuple[bool, bool]) -> str:  # noqa: ARG002
        """Give the tag of a node that has none of its own; PyYAML asks."""
        if kind is yaml.ScalarNode:
            return _UNQUOTED if implicit[0] else _TEXT
        return f"{_TAG}{'map' if kind is yaml.MappingNode else 'seq'}"


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or 1.2 would take for something else than a text; never writes an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML calls it so
        return True


for _name, (_pattern, _) in _CORE.items():
    _Dumper.add_implicit_resolver(_TAG + _name, _pattern, sorted(_FIRST))


# -- reading


def parse(data: bytes, path: Path) -> Place:
    """Read a file. Raises :class:`CaptureError` where it is no YAML, with the line."""
    try:
        node = yaml.compose(data, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CaptureError(f"{path}{line}: this is no YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise CaptureError(f"{path}: this is no YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise CaptureError(f"{path}: this is nested too deeply") from None
    if node is None:
        raise CaptureError(f"{path}: there is nothing in it")
    return Place(path, node, "")


class Place:
    """A value in a file, and where it stands; ``where`` is the path of keys to it, for messages."""

    __slots__ = ("node", "path", "where")

    def __init__(self, path: Path, node: yaml.Node, where: str) -> None:
        """Take a composed node."""
        self.path = path
        self.node = node
        self.where = where

    @property
    def line(self) -> int:
        """The line on which it begins, from 1."""
        return int(self.node.start_mark.line) + 1

    def problem(self, message: str) -> CaptureError:
        """Give the error that tells what is wrong here."""
        said = f"{self.where}: {message}" if self.where else message
        return CaptureError(f"{self.path}:{self.line}: {said}")

    @property
    def kind(self) -> str:
        """What stands here: map, seq, str, bool, null, int, float, or a tag that has no meaning."""
        tag: str = self.node.tag
        if tag != _UNQUOTED:
            return tag.removeprefix(_TAG)
        value: str = self.node.value
        if value[:1] in _FIRST:
            return next((name for name, (pattern, _) in _CORE.items() if pattern.match(value)), "str")
        return "str"

    @property
    def null(self) -> bool:
        """Whether nothing stands here."""
        return self.kind == "null"

    def members(self, known: Collection[str] = ()) -> dict[str, Place]:
        """Give the members of a mapping; a key that is not in ``known`` is an error, unless that is empty."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.problem("this must be a mapping of keys to values")
        found: dict[str, Place] = {}
        for key_node, value in self.node.value:
            at = Place(self.path, key_node, self.where)
            key = at.text()
            if key in found:
                raise at.problem(f"the key {key!r} stands here a second time")
            if known and key not in known:
                raise at.problem(f"there is no key {key!r}{did_you_mean(key, known)}")
            found[key] = Place(self.path, value, f"{self.where}.{key}" if self.where else key)
        return found

    def items(self) -> list[Place]:
        """Give the items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.problem("this must be a list")
        return [Place(self.path, node, f"{self.where}[{number}]") for number, node in enumerate(self.node.value)]

    def text(self) -> str:
        """Give the letters that stand here."""
        if (kind := self.kind) == "str" or kind in _LETTERS:
            return str(self.node.value)
        if kind != _ESCAPED or not isinstance(self.node, yaml.ScalarNode):
            strange = "" if kind in {"map", "seq", "null"} else f"; the tag {kind} has no meaning here"
            raise self.problem(f"this must be a text{strange}")
        try:
            return str(self.node.value).encode("ascii").decode("unicode_escape")
        except UnicodeError:
            raise self.problem("this is no escaped text") from None

    def number(self) -> int:
        """Give a whole number."""
        if self.kind != "int":
            raise self.problem("this must be a whole number")
        return int(self.scalar())

    def flag(self) -> bool:
        """Give true or false."""
        if self.kind != "bool":
            raise self.problem("this must be true or false")
        return bool(self.scalar())

    def texts(self) -> dict[str, str]:
        """Give a mapping of texts."""
        return {key: value.text() for key, value in self.members().items()}

    def value(self) -> Any:  # noqa: ANN401 - whatever YAML holds
        """Give what stands here, as JSON has it. An alias is an error: cases are written out."""
        try:
            return _value(self, set())
        except RecursionError:
            raise self.problem("this is nested too deeply") from None

    def scalar(self) -> Any:  # noqa: ANN401 - as above
        """Give a text, number, truth value or None."""
        if (kind := self.kind) not in _CORE:
            return self.text()
        try:
            return _CORE[kind][1](self.node.value)
        except ValueError:
            raise self.problem("this is no number that can be read; quote it, if it is a text") from None


def _value(place: Place, seen: set[int]) -> Any:  # noqa: ANN401 - whatever YAML holds
    if id(place.node) in seen:
        raise place.problem("write the value out; YAML's anchors are not used here")
    seen.add(id(place.node))
    if isinstance(place.node, yaml.MappingNode):
        return {key: _value(member, seen) for key, member in place.members().items()}
    if isinstance(place.node, yaml.SequenceNode):
        return [_value(item, seen) for item in place.items()]
    return place.scalar()


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Give ``; did you mean 'X'?`` for the nearest name, else all of them."""
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


# -- writing


def dump(value: object, path: Path, *, width: int | None = None) -> bytes:
    """Write a value in block style, its mappings in their own order; ``path`` is for messages.

    Raises :class:`CaptureError` for what is no text, number, truth value, None, list or mapping of texts.
    """
    text: str = yaml.dump(
        _plain(value, path, ""), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width or WIDTH
    )
    return text.encode()


def _plain(value: object, path: Path, where: str) -> object:
    match value:
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise CaptureError(f"{path}: {where}: {key!r} is no text, and a key of a case must be one")
            return {key: _plain(member, path, f"{where}.{key}" if where else key) for key, member in value.items()}
        case list() | tuple():
            return [_plain(item, path, f"{where}[{number}]") for number, item in enumerate(value)]
        case float() if not math.isfinite(value):
            raise CaptureError(f"{path}: {where}: a case cannot hold {value}")
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case _:
            raise CaptureError(f"{path}: {where}: a case cannot hold a {type(value).__name__}")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    try:
        text.encode()
    except UnicodeEncodeError:
        escaped = text.encode("unicode_escape").decode("ascii")
        return dumper.represent_scalar(_ESCAPED, escaped, style="'")
    style = None
    if _OTHER_BREAKS.search(text):
        style = '"'  # PyYAML does not escape them by itself
    elif "\n" in text:
        style = "|"
    elif len(text) > _ONE_LINE and text[0] not in " \t":
        style = ">"  # needs no quotes, however long
    return dumper.represent_scalar(_TEXT, text, style=style)


def _list(dumper: yaml.SafeDumper, items: list[object]) -> yaml.Node:
    words = [item for item in items if isinstance(item, str | int | float | None) and " " not in str(item)]
    short = len(words) == len(items) and sum(len(str(word)) + 2 for word in words) < _ONE_LINE
    return dumper.represent_sequence(f"{_TAG}seq", items, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
