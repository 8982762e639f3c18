"""Ids of tool calls that a provider refuses, renamed alike wherever the request has them.

A new id is a function of the old one, so that the same history gives the same bytes again (and a prompt cache holds),
but for one thing: where two ids would become one, or a new one is another's old one, a later one gets a further digest.
The memory keeps the old one for each new one: where the provider says an id again that it was sent so, the client gets
its own.
"""

from __future__ import annotations

import hashlib
import re
import string
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.quirks.base import Draft, EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

type _At = tuple[str | int, ...]

_MISTRAL: Final = re.compile(r"[A-Za-z0-9]{9}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")
_BASE62: Final = string.digits + string.ascii_letters

_LONGEST: Final = {"chat": 40, "responses": 64}
"""Characters of an id; the messages wire names no limit."""

_DIGEST: Final = 8
_NEEDLES: Final = {"chat": b'"tool_call', "messages": b"tool_use", "responses": b'"call_id"'}


def _places(draft: Draft) -> Iterator[tuple[_At, str]]:
    """Give each place of a tool call's id in the request, with the id."""
    body = draft.document
    if not isinstance(body, dict):
        return
    wire = draft.scope.wire
    items = body.get("input" if wire == "responses" else "messages")
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            continue
        inner: tuple[tuple[_At, object], ...]
        if wire == "responses":
            inner = ((("input", number, "call_id"), item.get("call_id")),)
        elif wire == "chat":
            inner = (
                *_of_list(("messages", number, "tool_calls"), item.get("tool_calls"), "id"),
                (("messages", number, "tool_call_id"), item.get("tool_call_id")),
            )
        else:
            inner = _of_blocks(("messages", number, "content"), item.get("content"))
        for at, found in inner:
            if isinstance(found, str) and found:
                yield at, found


def _of_list(at: _At, items: object, key: str) -> tuple[tuple[_At, object], ...]:
    if not isinstance(items, list):
        return ()
    return tuple(((*at, number, key), item.get(key)) for number, item in enumerate(items) if isinstance(item, dict))


def _of_blocks(at: _At, blocks: object) -> tuple[tuple[_At, object], ...]:
    """Give the ids of blocks: ``tool_use`` and its kin have ``id``, their results ``tool_use_id``."""
    if not isinstance(blocks, list):
        return ()
    return tuple(
        ((*at, number, key), block.get(key))
        for number, block in enumerate(blocks)
        if isinstance(block, dict) and isinstance(block.get("type"), str)
        for key in (("id",) if block["type"].endswith("tool_use") else ("tool_use_id",))
    )


def _rename(draft: Draft, legal: Callable[[str], bool], made: Callable[[str, int], str]) -> None:
    """Rename the ids that are not legal; ``made`` gives the name for an id, another one with each turn."""
    places = list(_places(draft))
    taken = {old for _, old in places if legal(old)}
    names: dict[str, str] = {}
    for at, old in places:
        if legal(old):
            continue
        if old not in names:
            names[old] = next(name for turn in count() if (name := made(old, turn)) not in taken)
            taken.add(names[old])
            draft.memory.keep(_key(names[old]), old)
        draft.set(at, names[old], "renamed, here and wherever else it stands")


def _nine(draft: Draft) -> None:
    _rename(draft, lambda old: _MISTRAL.fullmatch(old) is not None, _base62)


def _base62(old: str, turn: int) -> str:
    number = int.from_bytes(_digest(old, turn))
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(digits)


def _plain(draft: Draft) -> None:
    longest = _LONGEST.get(draft.scope.wire)

    def legal(old: str) -> bool:
        return _PLAIN.fullmatch(old) is not None and (longest is None or len(old) <= longest)

    def made(old: str, turn: int) -> str:
        readable = _NOT_PLAIN.sub("_", old.partition("|")[0] or old)
        name = readable[:longest]
        if turn == 0:
            return name
        tail = _digest(old, turn).hex()[:_DIGEST]
        return f"{name[: longest and longest - _DIGEST - 1]}_{tail}"

    _rename(draft, legal, made)


def _key(sent: str) -> str:
    return f"toolid:{sent}"


class _Step:
    """Gives a stream's client its own ids."""

    def __init__(self, scope: Scope, memory: Memory) -> None:
        self.needles: tuple[bytes, ...] = (_NEEDLES[scope.wire],)
        self._scope = scope
        self._memory = memory

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Look at the ids in an event."""
        return [document] if _restore(document, self._scope, self._memory, note) else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Give nothing: nothing is held."""
        return []


def _step(scope: Scope, memory: Memory) -> EventStep:
    return _Step(scope, memory)


def _reply(document: dict[str, Any], scope: Scope, memory: Memory, note: Noting) -> None:
    _restore(document, scope, memory, note)


def _restore(document: dict[str, Any], scope: Scope, memory: Memory, note: Noting) -> bool:
    """Put the client's ids in the place of those that were sent for them; tell whether there was one."""
    changed = False
    for at, box, key in _told(document, scope.wire):
        sent = box.get(key)
        old = memory.recall(_key(sent)) if isinstance(sent, str) and sent else None
        if old is not None:
            box[key] = old
            note(f"{at}/{key}", f"{sent} was sent for {old}")
            changed = True
    return changed


def _told(document: dict[str, Any], wire: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give each place of a tool call's id in an event or a body: where it is, the object that has it, and its name."""
    if wire == "chat":
        for number, choice in _objects(document, "choices"):
            for place in ("delta", "message"):
                for position, call in _objects(choice.get(place), "tool_calls"):
                    yield f"/choices/{number}/{place}/tool_calls/{position}", call, "id"
    elif wire == "responses":
        yield "", document, "call_id"
        for at, item in _inside(document, "item", "response", "output"):
            yield at, item, "call_id"
    else:
        for at, block in _inside(document, "content_block", "message", "content"):
            if isinstance(kind := block.get("type"), str):
                yield at, block, "id" if kind.endswith("tool_use") else "tool_use_id"


def _inside(document: dict[str, Any], name: str, outer: str, inner: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the object that an event has under a name, and those in the list of it and of what it encloses."""
    if isinstance(one := document.get(name), dict):
        yield f"/{name}", one
    for at, box in (("", document), (f"/{outer}", document.get(outer))):
        for number, one in _objects(box, inner):
            yield f"{at}/{inner}/{number}", one


def _objects(box: object, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the objects in the list that a box has under a name, each with its place."""
    items = box.get(name) if isinstance(box, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield number, item


def _digest(old: str, turn: int) -> bytes:
    return hashlib.sha256(f"{turn}\n{old}".encode("utf-8", "surrogatepass")).digest()


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=31,
        name="toolid-mistral-9",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Mistral, with a history that another provider or client made.",
        symptom="400 Tool call id was call_… but must be a-z, A-Z, 0-9, with a length of 9.",
        mend="Gives each such id nine letters and digits that follow from it, in the calls and in their results "
        "alike; where the provider says such an id again, the client gets its own.",
        before='{"role":"tool","tool_call_id":"call_PTLP8xhu3uwZk4l3nlnrrJha"}',
        after='{"role":"tool","tool_call_id":"BpbmAFmDL"}',
        evidence=(
            "https://github.com/anomalyco/opencode/issues/1680",
            "https://github.com/langchain-ai/langchain/pull/24668",
            "https://github.com/nearai/ironclaw/issues/1241",
            "https://github.com/jackmpcollins/magentic/issues/276",
        ),
        presets=("mistral",),
        needles=(b'"tool_call',),
        request=_nine,
        step=_step,
        reply=_reply,
    ),
    Quirk(
        number=32,
        name="toolid-charset-len",
        wires=("messages", "chat", "responses"),
        side="request",
        kind="preset",
        who="OpenAI (40 characters on the chat wire, 64 on responses) and servers of the messages wire (letters, "
        "digits, _ and -), with ids like functions.x:0 or call_1|fc_… from elsewhere.",
        symptom="400: the id does not match the pattern, or the string is too long.",
        mend="Takes what stands before a |, writes _ for what is not allowed and cuts at the limit, in the calls and "
        "in their results alike; a digest keeps apart what would become one. Said again by the provider, an id is the "
        "client's own again.",
        before='{"role":"tool","tool_call_id":"call_1|fc_0123456789abcdef"}',
        after='{"role":"tool","tool_call_id":"call_1"}',
        evidence=(
            "https://github.com/NousResearch/hermes-agent/blob/main/agent/anthropic_adapter.py",
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
        ),
        presets=("openai",),
        needles=(b'"tool_call', b"tool_use", b'"call_id"'),
        request=_plain,
        step=_step,
        reply=_reply,
    ),
)
