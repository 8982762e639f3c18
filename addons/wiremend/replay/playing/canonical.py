"""A request as what counts of it, so that the request of another day finds its capture.

**Where**: the method and the endpoint in which the path ends (``/coding/v1/messages`` and ``/v1/messages`` are one);
where it ends in none, the whole path. **What**: each leaf of the JSON body under its pointer, and each parameter of the
query but those that carry credentials, under ``?NAME``. Headers do not count; neither does the order of keys, nor how
a number is spelled. Skipped are the leaves at or below the pointers of :data:`IGNORED` and those of ``replay.ignore``.

Ids of the conversation's items (``id`` below ``messages`` and ``input``, and what refers to tool calls) are names that
somebody made up, often anew in each run: they are numbered in the order in which they occur, so that it counts which of
them are the same, and not what they are. Texts go through :mod:`~wiremend.replay.playing.machine`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from wiremend.codings import decode
from wiremend.errors import CodingError
from wiremend.jsonedit import format_pointer, parse_pointer
from wiremend.protocols import find_endpoint
from wiremend.replay.playing.machine import Machine, is_moment
from wiremend.rules.urls import segments, split_path, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.captures.capture import Request
    from wiremend.jsonedit import Pointer
    from wiremend.protocols import Found

IGNORED: Final[tuple[Pointer, ...]] = tuple(
    map(
        parse_pointer,
        (
            "/metadata/user_id",  # Claude Code: device, account and session
            "/prompt_cache_key",  # Codex, kimi-code: the session
            "/client_metadata",  # Codex
            "/input/*/internal_chat_message_metadata_passthrough",  # Codex: turn and time
            "/safety_identifier",  # who the user is, for OpenAI; `user` is its older name
            "/user",
        ),
    )
)
"""Where requests hold who asked, from where and when; measured as :mod:`~wiremend.replay.playing.machine` tells."""

_SESSION: Final = tuple(map(parse_pointer, ("/metadata/user_id", "/prompt_cache_key", "/client_metadata/session_id")))
_CONVERSATIONS: Final = frozenset({"messages", "input"})
_LISTS: Final = frozenset({"content", "tool_calls", "reasoning_details"})
_IDS: Final = frozenset({"id", "tool_use_id", "tool_call_id", "call_id"})
_EXACT: Final = 2**53  # above, a float is no longer one whole number
_TOP: Final = 3  # /input/4/id
_SCRUBBED: Final = re.compile(r"[\w.-]*SCRUBBED[\w-]*")
_LIMIT: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Canonical:
    """What counts of a request.

    ``place`` is method and endpoint. ``leaves`` are JSON texts by pointer, with placeholders. ``ids`` are the ids that
    were numbered, as they were, and ``session`` what the request says of its session: they do not count, but tell
    alike conversations apart. ``exact`` is the digest of method, target and body as they came.
    """

    place: str
    leaves: Mapping[str, str]
    ids: frozenset[str]
    session: tuple[str, ...]
    exact: bytes
    found: Found | None
    model: str | None


def canonical(request: Request, ignore: Sequence[Pointer] = IGNORED) -> Canonical:
    """Give what counts of a request. A body that is no JSON, or not decodable, is one leaf."""
    body = request.body
    try:
        body = decode(body, request.headers.joined("content-encoding"), limit=_LIMIT) if body else body
    except CodingError:
        value: object = _Raw(body)
    else:
        value = _parsed(body)
    parts = segments(split_path(request.target)[0])
    found = find_endpoint(parts)
    tail = parts if found is None else parts[found.start :]
    walk = _Walk(ignore)
    walk.value(value, ())
    machine = Machine(text for _, text in walk.texts)
    leaves = walk.leaves
    leaves.update((at, json.dumps(machine.without(text), ensure_ascii=False)) for at, text in walk.texts)
    leaves.update(_query(request.target))
    model = value.get("model") if isinstance(value, dict) else None
    digest = hashlib.sha256(f"{request.method} {request.target}\n".encode("utf-8", "surrogatepass") + body)
    return Canonical(
        place=f"{request.method} /{'/'.join(tail)}",
        leaves=leaves,
        ids=frozenset(walk.ids),
        session=_session(value),
        exact=digest.digest(),
        found=found,
        model=model if isinstance(model, str) else None,
    )


def alike(expected: Canonical, got: Canonical) -> bool:
    """Tell whether two requests are the same in all that counts."""
    return expected.place == got.place and (expected.leaves == got.leaves or not any(differing(expected, got)))


def differing(expected: Canonical, got: Canonical) -> Iterator[tuple[str, str | None, str | None]]:
    """Give each leaf that differs: pointer, expected, got; None where there is none. In the order of the request."""
    for at, value in got.leaves.items():
        other = expected.leaves.get(at)
        if other != value and not (other is not None and _is_scrubbed_form(other, value)):
            yield at, other, value
    for at, other in expected.leaves.items():
        if at not in got.leaves:
            yield at, other, None


def _is_scrubbed_form(expected: str, got: str) -> bool:
    """Tell whether the expected text is the other one with surrogates where that has secrets."""
    if "SCRUBBED" not in expected:
        return False
    parts = map(re.escape, _SCRUBBED.split(expected))
    return re.fullmatch(r"[^\s\"\\]+?".join(parts), got) is not None


class _Raw:
    """A body that is no JSON."""

    def __init__(self, data: bytes) -> None:
        """Keep it."""
        self.data = data


def _parsed(body: bytes) -> object:
    if not body:
        return _Raw(b"")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return _Raw(body)
    return value


class _Walk:
    """Collects the leaves of a JSON value, keys in order of the alphabet; texts are kept apart for their machine."""

    def __init__(self, ignore: Sequence[Pointer]) -> None:
        self.leaves: dict[str, str] = {}
        self.texts: list[tuple[str, str]] = []
        self.ids: dict[str, int] = {}
        self._ignore = ignore
        self._begins = {pointer[0] for pointer in ignore if pointer}

    def value(self, value: object, at: Pointer) -> None:
        # A list of what is still to do, because bodies may be nested deeper than Python's stack.
        todo: list[tuple[object, Pointer]] = [(value, at)]
        while todo:
            value, at = todo.pop()
            if (not at or at[0] in self._begins or "*" in self._begins) and self._is_ignored(at):
                continue
            if isinstance(value, dict) and value:
                if any(key.isdigit() for key in value):  # its pointers could be those of a list
                    self.leaves[format_pointer(at)] = "{…}"
                todo.extend((value[key], (*at, key)) for key in sorted(value, reverse=True))
            elif isinstance(value, list) and value:
                todo.extend((value[index], (*at, str(index))) for index in reversed(range(len(value))))
            else:
                self._leaf(value, at)

    def _is_ignored(self, at: Pointer) -> bool:
        return any(_covers(pointer, at) for pointer in self._ignore)

    def _leaf(self, value: object, at: Pointer) -> None:
        pointer = format_pointer(at)
        match value:
            case _Raw():
                if value.data:
                    self.leaves[pointer] = value.data.decode("utf-8", "backslashreplace")
            case str() if _is_id(at):
                self.leaves[pointer] = f"<id {self.ids.setdefault(value, len(self.ids) + 1)}>"
            case str():
                self.leaves[pointer] = ""  # keeps the place in the order
                self.texts.append((pointer, value))
            case bool():
                self.leaves[pointer] = json.dumps(value)
            case int() | float():
                self.leaves[pointer] = _number(value)
            case _:
                self.leaves[pointer] = json.dumps(value)  # null, and what is empty


def _covers(pointer: Pointer, at: Pointer) -> bool:
    """Tell whether a pointer, which may have stars, names a place exactly; what is below is never reached."""
    return len(pointer) == len(at) and all(token in {name, "*"} for token, name in zip(pointer, at, strict=True))


def _is_id(at: Pointer) -> bool:
    """Tell whether a place holds the id of an item, a block or a call; what a tool is called with is none."""
    return (
        len(at) in {_TOP, _TOP + 2}
        and at[0] in _CONVERSATIONS
        and at[-1] in _IDS
        and at[-2].isdigit()
        and (len(at) == _TOP or at[2] in _LISTS)
    )


def _number(value: float) -> str:
    """Write a number, equal ones alike: ``1.0`` is ``1``."""
    if is_moment(value):
        return "<time>"
    return f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT else repr(value)


def _query(target: str) -> dict[str, str]:
    """Give the parameters of the query; one that repeats has all its values, in order."""
    found: dict[str, list[str]] = {}
    for part in split_path(without_credentials(target))[1].split("&"):
        if part:
            name, _, value = part.partition("=")
            found.setdefault(f"?{unquote_plus(name)}", []).append(unquote_plus(value))
    return {
        name: json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False)
        for name, values in sorted(found.items())
    }


def _session(value: object) -> tuple[str, ...]:
    """Give what a body says of its session."""
    said = []
    for pointer in _SESSION:
        inner: object = value
        for token in pointer:
            inner = inner.get(token) if isinstance(inner, dict) else None
        if isinstance(inner, str):
            said.append(inner)
    return tuple(said)
