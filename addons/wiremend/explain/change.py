"""A change of rules.yaml that leaves every other byte of it as it is: comments, order, indents, line ends.

ruamel.yaml says where each value stands; the change is written there and nowhere else, in the style of its
neighbours (a flow mapping stays one). Then both texts are read again, and must differ by the change alone: a file in
which that cannot be had (a value behind an anchor that is used twice) is left to its author, by :class:`ChangeError`.
"""

from __future__ import annotations

import difflib
import io
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from wiremend.errors import WiremendError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT: Final = 2
_WIDE: Final = 10_000
"""Columns: what is put in stays on one line."""


class ChangeError(WiremendError):
    """A change that this file does not take; the message says why, and names no value."""


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key to a plain value (of YAML); ``path`` are the keys from the top, of which those missing are made."""

    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Insert:
    """Put an item into a list; ``first`` in front of all others, else behind them. A list that is missing is made."""

    path: tuple[str, ...]
    value: Any
    first: bool = False


type Step = Put | Insert


def changed(text: str, steps: Sequence[Step]) -> str:
    """Give a file's text with some steps taken, in their order.

    Raises :class:`ChangeError` where the text is no YAML mapping, or cannot be changed so and nothing else with it.
    """
    for step in steps:
        after = _step(text, step)
        want = _taken(_plain(text), step)
        if _plain(after) != want:
            raise ChangeError(f"{'.'.join(step.path)} cannot be changed alone; is it written by an anchor or an alias?")
        text = after
    return text


def difference(before: str, after: str, file: str) -> str:
    """Give a unified diff, which `patch` and `git apply` take; empty where nothing differs."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def read_text(path: Path) -> str:
    """Read a file with its line ends and its byte order mark, if it has one. Raises :class:`ChangeError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ChangeError(f"{path}: it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ChangeError(f"{path}: it is no UTF-8 text") from None


def write(path: Path, before: str, after: str) -> None:
    """Write a file in one step, with its mode; through a link, where it is one.

    Raises :class:`ChangeError` where it no longer holds ``before``, or cannot be written.
    """
    path = path.resolve()
    if read_text(path) != before:
        raise ChangeError(f"{path}: it was changed meanwhile; nothing was written")
    try:
        mode = path.stat().st_mode & 0o7777
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(after.encode())
                file.flush()
                os.fsync(file.fileno())
            new.chmod(mode)
            new.replace(path)
        finally:
            with suppress(FileNotFoundError):
                new.unlink()
    except OSError as error:
        raise ChangeError(f"{path}: it cannot be written: {error.strerror}") from None


# -- one step


def _step(text: str, step: Step) -> str:
    """Take one step, without looking whether anything else changed."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    bare = text.removeprefix("\ufeff")
    root = _composed(bare)
    editor = _Editor(bare, "\r\n" if "\r\n" in bare else "\n")
    return mark + editor.take(root, step)


@lru_cache(maxsize=4)
def _composed(text: str) -> MappingNode | None:
    try:
        root = YAML().compose(io.StringIO(text, newline=""))
    except (YAMLError, RecursionError, ValueError):
        raise ChangeError("the file is not YAML that can be changed") from None
    if root is None or (isinstance(root, ScalarNode) and not root.value):
        return None
    if not isinstance(root, MappingNode):
        raise ChangeError("the file holds no mapping")
    return root


def _plain(text: str) -> Any:  # noqa: ANN401 - any YAML
    """Read a text as plain values; every scalar as it is spelled, so that nothing counts as the same that is not."""

    def plain(node: Node, above: tuple[int, ...]) -> Any:  # noqa: ANN401 - any YAML
        if id(node) in above:
            raise ChangeError("an anchor of this file contains itself")
        above = (*above, id(node))
        if isinstance(node, MappingNode):
            return {str(key.value): plain(value, above) for key, value in node.value}
        if isinstance(node, SequenceNode):
            return [plain(item, above) for item in node.value]
        return (str(node.tag), node.value)

    root = _composed(text.removeprefix("\ufeff"))
    return {} if root is None else plain(root, ())


def _taken(document: Any, step: Step) -> Any:  # noqa: ANN401 - any YAML
    """Give plain values with a step taken."""
    value = _plain(f"value: {_written(step.value)}\n")["value"]
    *above, last = step.path
    box = document
    for name in above:
        if not isinstance(box.get(name), dict):
            box[name] = {}
        box = box[name]
    if isinstance(step, Put):
        box[last] = value
    else:
        there = box.get(last)
        items = there if isinstance(there, list) else []
        box[last] = [value, *items] if step.first else [*items, value]
    return document


def _written(value: Any) -> str:  # noqa: ANN401 - any plain value
    """Write a value on one line, in flow style."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(name)}: {_written(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    return _dumped([value])[1:-1]


def _key(name: str) -> str:
    """Write a key."""
    return _dumped({name: 0})[1 : -len(": 0}")]


def _dumped(value: Any) -> str:  # noqa: ANN401 - any plain value
    yaml = YAML()
    yaml.default_flow_style = True
    yaml.width = _WIDE
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue().strip()


class _Editor:
    """Writes into one text; places are offsets in characters."""

    def __init__(self, text: str, line_end: str) -> None:
        self.text = text
        self.end = line_end

    def take(self, root: MappingNode | None, step: Step) -> str:
        if root is None:
            text = self.text if not self.text or self.text.endswith("\n") else self.text + self.end
            return text + self._block((*step.path,), self._value(step), 0)
        node: Node = root
        key: Node = root
        for depth, name in enumerate(step.path):
            if not isinstance(node, MappingNode):
                raise ChangeError(f"{'.'.join(step.path[:depth])} is no mapping")
            found = next(((key, value) for key, value in node.value if str(key.value) == name), None)
            if found is None:
                return self._added(node, step.path[depth:], self._value(step))
            key, node = found
            rest = step.path[depth + 1 :]
            if rest and isinstance(node, ScalarNode) and _is_null(node):
                return self._under(key, node, rest, self._value(step))
        return self._put(key, node, step.value) if isinstance(step, Put) else self._insert(key, node, step)

    @staticmethod
    def _value(step: Step) -> Any:  # noqa: ANN401 - any plain value
        return step.value if isinstance(step, Put) else [step.value]

    def _block(self, path: tuple[str, ...], value: Any, indent: int, tail: str | None = None) -> str:  # noqa: ANN401
        """Write nested keys, a line each, and the value behind the last; a list of mappings with a line an item."""
        tail = self.end if tail is None else tail
        lines = []
        for depth, name in enumerate(path[:-1]):
            lines.append(f"{' ' * (indent + _INDENT * depth)}{_key(name)}:")
        pad = " " * (indent + _INDENT * (len(path) - 1))
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{pad}{_key(path[-1])}:")
            lines += [f"{pad}{' ' * _INDENT}- {_written(item)}" for item in value]
        else:
            lines.append(f"{pad}{_key(path[-1])}: {_written(value)}")
        return self.end.join(lines) + tail

    def _added(self, box: MappingNode, path: tuple[str, ...], value: Any) -> str:  # noqa: ANN401 - any plain value
        """Add a key to a mapping, behind its last."""
        if box.flow_style:
            nested = value
            for name in reversed(path[1:]):
                nested = {name: nested}
            new = f"{_key(path[0])}: {_written(nested)}"
            if not box.value:
                return self._at(box.start_mark.index + 1, new)
            return self._at(_end(box.value[-1][1], box.value[-1][0]), f", {new}")
        indent = box.value[0][0].start_mark.column
        return self._line_behind(_end(box.value[-1][1], box.value[-1][0]), self._block(path, value, indent, ""))

    def _under(self, key: Node, node: Node, path: tuple[str, ...], value: Any) -> str:  # noqa: ANN401 - any plain value
        """Put keys below a key that has nothing."""
        if node.start_mark.index != node.end_mark.index:  # `null` or `~` is written there
            new = value
            for name in reversed(path):
                new = {name: new}
            return self._put(key, node, new)
        place = key.end_mark.index
        return self._line_behind(place, self._block(path, value, key.start_mark.column + _INDENT, ""))

    def _put(self, key: Node, node: Node, value: Any) -> str:  # noqa: ANN401 - any plain value
        """Write a value over another, or behind a key that has none."""
        start, end = node.start_mark.index, _end(node, None)
        new = _written(value)
        if start == end:
            return self._at(self.text.index(":", key.end_mark.index) + 1, f" {new}")
        return self.text[:start] + new + self.text[end:]

    def _insert(self, key: Node, node: Node, step: Insert) -> str:
        """Put an item into a list."""
        new = _written(step.value)
        if isinstance(node, ScalarNode) and _is_null(node):
            return self._put(key, node, [step.value])
        if not isinstance(node, SequenceNode):
            raise ChangeError(f"{'.'.join(step.path)} is no list")
        if node.flow_style or not node.value:
            if not node.value:
                return self._at(node.start_mark.index + 1, new)
            if step.first:
                return self._at(node.value[0].start_mark.index, f"{new}, ")
            return self._at(_end(node.value[-1], None), f", {new}")
        dash = self.text.rfind("-", 0, node.value[0].start_mark.index)
        column = dash - (self.text.rfind("\n", 0, dash) + 1)
        if self.text[dash - column : dash].strip():
            raise ChangeError(f"{'.'.join(step.path)} is a list in a list")
        item = f"{' ' * column}- {new}"
        if not step.first:
            return self._line_behind(_end(node.value[-1], None), item)
        place = self._line_end(key.end_mark.index)
        return self.text[:place] + item + self.end + self.text[place:]

    def _at(self, place: int, new: str) -> str:
        return self.text[:place] + new + self.text[place:]

    def _line_end(self, place: int) -> int:
        """Give where the line behind a place begins."""
        found = self.text.find("\n", place)
        return len(self.text) if found < 0 else found + 1

    def _line_behind(self, place: int, new: str) -> str:
        """Put a line (without its end) behind the one that holds a place."""
        if place and self.text[place - 1] == "\n":  # behind a block scalar, whose end is the next line's beginning
            return self.text[:place] + new + self.end + self.text[place:]
        at = self._line_end(place)
        if at == len(self.text) and not self.text.endswith("\n"):
            return self.text + self.end + new
        return self.text[:at] + new + self.end + self.text[at:]


def _is_null(node: ScalarNode) -> bool:
    return node.style is None and node.value in {"", "~", "null", "Null", "NULL"}


def _end(node: Node, key: Node | None) -> int:
    """Give where a node ends; of a block collection where its last value does, for its mark is behind the comments."""
    if key is not None and (node.start_mark.index == node.end_mark.index or node.start_mark.index < key.end_mark.index):
        return int(key.end_mark.index)  # nothing stands behind the key; or an alias, whose node is at its anchor
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1], node.value[-1][0])
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1], None)
    return int(node.end_mark.index)
