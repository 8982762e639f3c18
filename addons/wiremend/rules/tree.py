"""A YAML text as a tree that remembers where everything stands.

PyYAML's composer gives every node its line and column, which its constructor then throws away; so the tree is built
from the composed nodes. Three things differ from PyYAML's habits (design.md, "rules.yaml"):

- scalars resolve as in the YAML 1.2 core schema: only ``true`` and ``false`` are booleans, so that ``on``, ``off``
  and ``no`` are words (YAML 1.2.2, section 10.3.2);
- a key that stands twice in one mapping is a problem, not a silent overwrite;
- an alias that contains itself is a problem, not a recursion.

Nothing here knows what the keys mean: that is :mod:`wiremend.rules.schema`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from wiremend.errors import Problem, RulesError
from wiremend.rules.report import finding

if TYPE_CHECKING:
    from collections.abc import Callable

type Scalar = bool | int | float | str | None
type Value = Scalar | list[Node] | dict[str, Node]

MAX_NODES = 100_000
"""How many nodes a file may unfold to; aliases multiply ("billion laughs"), rules do not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file, and where it stands.

    ``key`` is where its key stands, for a value of a mapping. ``value`` holds nodes for lists and mappings.
    """

    value: Value
    mark: Mark
    key: Mark | None = None

    @property
    def at(self) -> Mark:
        """Where a person looks for it: its key, or else the value."""
        return self.key or self.mark

    @property
    def kind(self) -> str:
        """What it is, in words for an error message."""
        return kind_of(self.value)

    @property
    def mapping(self) -> dict[str, Node]:
        """Its members; empty where it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Its items; where it is no list, itself: the short form of a list of one."""
        return self.value if isinstance(self.value, list) else [self]

    def plain(self) -> object:
        """Give the value without marks, as the standard library's ``json`` takes it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def kind_of(value: object) -> str:
    """Name a value's kind as a person would."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return f"{'true' if value else 'false'} (a boolean)"
        case int() | float():
            return f"{value} (a number)"
        case str():
            return f"{value!r} (a text)"
        case list():
            return "a list"
        case _:
            return "a mapping"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema."""


_Loader.yaml_implicit_resolvers = {}  # PyYAML's own are YAML 1.1's: `on`, `off`, dates, 1:30 as a number of minutes

for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _number(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


_SCALARS: dict[str, Callable[[str], Scalar]] = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:int": _number,
    "tag:yaml.org,2002:float": float,
}


@dataclass(slots=True)
class _Builder:
    """Turns composed nodes into :class:`Node`; collects what is wrong on the way."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def problem(self, mark: Mark, message: str) -> None:
        self.problems.append(finding(self.file, mark.line, mark.column, message))

    def build(self, node: yaml.Node, key: Mark | None = None, above: tuple[int, ...] = ()) -> Node:
        mark = _mark(node.start_mark)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise RulesError([finding(self.file, mark.line, mark.column, f"more than {MAX_NODES} values")])
        if id(node) in above:
            raise RulesError([finding(self.file, mark.line, mark.column, "this YAML anchor contains itself")])
        above = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return Node([self.build(item, None, above) for item in node.value], mark, key)
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, above), mark, key)
        return Node(self._scalar(node, mark), mark, key)

    def _scalar(self, node: yaml.Node, mark: Mark) -> Scalar:
        convert = _SCALARS.get(node.tag)
        if convert is None:
            self.problem(mark, f"the YAML tag {node.tag!r} has no meaning here; write the plain value")
            return str(node.value)
        try:
            return convert(node.value)
        except ValueError:  # `!!int abc`, or a number with more digits than Python converts
            self.problem(mark, "this is no number that can be read; quote it, if it is a text")
            return str(node.value)

    def _mapping(self, node: yaml.MappingNode, above: tuple[int, ...]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key_node, value_node in node.value:
            mark = _mark(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problem(mark, "a key must be a word, not a list or a mapping")
                continue
            key = key_node.value
            if key in found:
                first = found[key].at
                self.problem(mark, f"the key {key!r} stands here a second time; the first is at line {first.line}")
                continue
            found[key] = self.build(value_node, mark, above)
        return found


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def parse(text: str, file: str) -> tuple[Node, list[Problem]]:
    """Read a YAML text into a tree.

    ``file`` is the name for messages. Returns the tree and the problems that leave it usable (duplicate keys).
    Raises :class:`RulesError` for a text that is not YAML at all, or that is empty.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise RulesError([_syntax(error, text, file)]) from None
    except yaml.YAMLError as error:  # a character that YAML forbids: this error has a position, but no mark
        position = getattr(error, "position", 0)
        before = text[:position]
        mark = Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
        message = f"this character is not allowed in YAML: {getattr(error, 'reason', error)}"
        raise RulesError([finding(file, mark.line, mark.column, message)]) from None
    except RecursionError:
        raise RulesError([finding(file, 1, 1, "nested too deeply to be a rules file")]) from None
    if root is None:
        raise RulesError([finding(file, 1, 1, "the file is empty; the smallest rules file is `version: 1`")])
    builder = _Builder(file)
    return builder.build(root), builder.problems


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Say what is wrong in the words of whoever wrote the file; a bare ``*`` is what people trip over most."""
    at = error.problem_mark or error.context_mark
    mark = _mark(at) if at else Mark(1, 1)
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    for glob in re.finditer(r"(?:^|(?<=[\s\[{,:]))\*[^\s,\]}#]*", line):
        if glob.start() <= mark.column <= glob.end() + 1:
            message = f"a bare `*` begins a YAML alias; quote it: '{glob.group()}'"
            return finding(file, mark.line, glob.start() + 1, message)
    if "\t" in line[: mark.column]:
        return finding(file, mark.line, mark.column, "YAML indents with spaces; there is a tab here")
    told = " ".join(part for part in (error.problem, f"({error.context})" if error.context else "") if part)
    return finding(file, mark.line, mark.column, f"this is not YAML: {told}")
