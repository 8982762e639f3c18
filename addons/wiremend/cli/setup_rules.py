"""A change of the user's rules.yaml that leaves every other byte as it is.

A YAML library that writes a file again keeps its comments, but not its columns, quotes and line breaks. So the text is
cut at the places that the parser's marks name, and each change is judged before it is believed: the new text must read
as the old one with just that value changed. Where a file is written in a way that this cannot do (an alias in the
place, a comment amid a list), the user is told what to write.
"""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from wiremend.errors import RulesError, SetupError
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLIENT: Final = "client"
_SCHEMA: Final = "# yaml-language-server:"
_PRIVATE: Final = 0o600
_REMARK: Final = re.compile(r"^( +key: .*\S) +# .*$", re.MULTILINE)
_BARE: Final = re.compile(r"[\w$][\w$:/.~@+-]*[\w$/]")
"""A reference that needs no quotes inside of brackets."""


class CannotAmendError(Exception):
    """The text is written in a way that this module does not change."""


def with_key(text: str, provider: str, reference: str) -> str:
    """Give the rules with a reference as a provider's first one.

    Others stay behind it, but for ``client``: where the user's own key is stored, a client's must not go in its place.
    Raises :class:`SetupError` where the text is written in a way that cannot be changed.
    """
    before = _plain(text)
    there = _dig(before, ("providers", provider, "key"))
    refs = there if isinstance(there, list) else [] if there is None else [there]
    wanted = [reference, *(str(ref) for ref in refs if ref not in (CLIENT, reference))]
    if refs == wanted:
        return text
    forms: list[object] = [wanted, *([reference] if len(wanted) == 1 else [])]
    expected = [_put(before, ("providers", provider, "key"), form) for form in forms]
    told = f"providers: {{{provider}: {{key: {_flow(wanted)}}}}}"
    return _first_right(_key_edits(text, provider, reference, wanted), expected, told)


def with_route(text: str, provider: str) -> str:
    """Give the rules with a first route: a model that is asked for as ``provider/model`` goes to that provider.

    Raises :class:`SetupError` as :func:`with_key` does.
    """
    before = _plain(text)
    route = {"name": f"{provider} by name", "when": {"model": f"{provider}/*"}, "to": provider}
    item = f"{{name: {provider} by name, when: {{model: {provider}/*}}, to: {provider}}}"
    routes = before.get("routes")
    expected = [_put(before, ("routes",), [route, *(routes if isinstance(routes, list) else [])])]
    return _first_right(_route_edits(text, item), expected, f"routes: [{item}]")


def for_a_copy(text: str) -> str:
    """Give the shipped rules as a file of the user's.

    The line for editors goes, for its path leads nowhere there, and so do remarks behind a ``key``, which may change.
    """
    lines = (line for line in text.splitlines(keepends=True) if not line.startswith(_SCHEMA))
    return "".join(_REMARK.sub(r"\1", line) for line in lines)


def diff(before: str, after: str, name: str) -> list[str]:
    """Give the change as lines of a unified diff, without line ends."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, n=1, lineterm="")
    return list(lines)[2:]


def read_text(path: Path) -> str:
    """Read a file with its line ends as they are. Raises :class:`SetupError` where it is no text."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {type(error).__name__}") from None


def write_whole(path: Path, text: str, before: str | None) -> None:
    """Put a file in the place of another at once; ``before`` is what must be there still, None for nothing.

    A link stays a link, and an old file's mode stays. Raises :class:`SetupError` where that cannot be; then the old
    file is as it was.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        there = target.read_bytes().decode("utf-8") if target.exists() else None
        if there != before:
            raise SetupError(f"{path} was changed meanwhile; start again, nothing was written")
        mode = target.stat().st_mode & 0o7777 if before is not None else _PRIVATE
        handle, name = tempfile.mkstemp(prefix=".rules-", suffix=".yaml", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}") from None


# -- what the text says, as plain values


def _plain(text: str) -> dict[str, Any]:
    if not text.removeprefix("\ufeff").strip() or yaml.compose(text, Loader=yaml.SafeLoader) is None:
        return {}
    plain = parse(text, "rules.yaml")[0].plain()
    if plain is not None and not isinstance(plain, dict):
        raise SetupError("the rules file is no mapping; `wiremend check` says what is wrong")
    return plain or {}


def _dig(plain: object, path: Sequence[str]) -> object:
    for name in path:
        plain = plain.get(name) if isinstance(plain, dict) else None
    return plain


def _put(plain: dict[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    whole = copy.deepcopy(plain)
    place = whole
    for name in path[:-1]:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    place[path[-1]] = value
    return whole


def _first_right(candidates: Iterator[str], expected: Sequence[dict[str, Any]], told: str) -> str:
    """Give the first text that reads as it should."""
    with suppress(CannotAmendError):
        for candidate in candidates:
            with suppress(RulesError, yaml.YAMLError):
                if _plain(candidate) in expected:
                    return candidate
    raise SetupError(f"the rules are written in a way that cannot be changed from here; add to them: {told}")


# -- the text, cut at the parser's marks


def _key_edits(text: str, provider: str, reference: str, wanted: Sequence[str]) -> Iterator[str]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    top, providers = _member(root, "providers")
    if providers is None:
        block = f"providers:\n  {provider}:\n    key: {reference}"
        yield from _into_root(text, root, block, f"providers: {{{provider}: {{key: {reference}}}}}")
        return
    name, one = _member(providers, provider)
    if one is None:
        yield _into(text, top, providers, f"{provider}: {{key: {reference}}}")
        return
    _, key = _member(one, "key")
    if key is None:
        yield _into(text, name, one, f"key: {reference}")
        return
    yield _key_changed(text, key, reference, wanted)


def _route_edits(text: str, item: str) -> Iterator[str]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    top, routes = _member(root, "routes")
    if top is None or routes is None:
        yield from _into_root(text, root, f"routes:\n  - {item}", f"routes: [{item}]")
    elif not isinstance(routes, yaml.SequenceNode):
        yield _scalar_replaced(text, routes, f"[{item}]")
    elif routes.flow_style:
        at = text.index("[", routes.start_mark.index) + 1
        yield text[:at] + item + (", " if routes.value else "") + text[at:]
    else:
        first = routes.value[0].start_mark.index
        dash = re.match(r" *(?=- )", text[text.rfind("\n", 0, first) + 1 :])
        if dash is None:
            raise CannotAmendError
        yield _line_behind(text, top, f"{dash[0]}- {item}")


def _key_changed(text: str, key: yaml.Node, reference: str, wanted: Sequence[str]) -> str:
    start, end = key.start_mark.index, key.end_mark.index
    if isinstance(key, yaml.ScalarNode):
        return _scalar_replaced(text, key, _flow(wanted))
    if not isinstance(key, yaml.SequenceNode):
        raise CannotAmendError
    if key.flow_style:
        if "#" in text[start:end]:
            raise CannotAmendError
        return text[:start] + _flow(wanted) + text[end:]
    if key.value[0].value == CLIENT:
        return _scalar_replaced(text, key.value[0], reference)
    line = text.rfind("\n", 0, key.value[0].start_mark.index) + 1
    dash = re.match(r" *- +", text[line:])
    if dash is None:
        raise CannotAmendError
    return text[:line] + dash[0] + reference + _end_of_line(text) + text[line:]


def _into_root(text: str, root: yaml.Node | None, block: str, flow: str) -> Iterator[str]:
    """Give the texts with a new member of the whole file: behind the others, or (an end mark) before."""
    end = _end_of_line(text)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        yield text + ("" if not text or text.endswith("\n") else end) + block.replace("\n", end) + end
        return
    if not isinstance(root, yaml.MappingNode):
        raise CannotAmendError
    if root.flow_style:
        at = text.index("{", root.start_mark.index) + 1
        yield text[:at] + flow + (", " if root.value else "") + text[at:]
        return
    column = " " * root.value[0][0].start_mark.column
    lines = "".join(f"{column}{line}{end}" for line in block.split("\n"))
    yield text + ("" if text.endswith("\n") else end) + lines
    first = text.rfind("\n", 0, root.value[0][0].start_mark.index) + 1
    yield text[:first] + lines + text[first:]


def _into(text: str, key: yaml.Node | None, mapping: yaml.Node, member: str) -> str:
    """Give the text with a new first member of a mapping, which stands behind ``key``."""
    if not isinstance(mapping, yaml.MappingNode):
        return _scalar_replaced(text, mapping, f"{{{member}}}")
    if mapping.flow_style:
        at = text.index("{", mapping.start_mark.index) + 1
        return text[:at] + member + (", " if mapping.value else "") + text[at:]
    return _line_behind(text, key, " " * mapping.value[0][0].start_mark.column + member)


def _line_behind(text: str, key: yaml.Node | None, line: str) -> str:
    """Give the text with a line behind that of ``key``, so that comments above the first member stay with it."""
    at = text.find("\n", key.end_mark.index) + 1 if key is not None else 0
    if not at:
        raise CannotAmendError
    return text[:at] + line + _end_of_line(text) + text[at:]


def _scalar_replaced(text: str, node: yaml.Node, value: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise CannotAmendError
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start] + (" " if start == end else "") + value + text[end:]


def _member(mapping: yaml.Node | None, name: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Give the nodes of a member's key and value; None twice where there is none."""
    for key, value in mapping.value if isinstance(mapping, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.value == name:
            return key, value
    return None, None


def _flow(references: Sequence[str]) -> str:
    return _quoted(references[0]) if len(references) == 1 else f"[{', '.join(map(_quoted, references))}]"


def _quoted(reference: str) -> str:
    return reference if _BARE.fullmatch(reference) else json.dumps(reference)


def _end_of_line(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
