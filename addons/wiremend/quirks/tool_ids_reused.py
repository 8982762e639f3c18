"""Ids of tool calls that begin anew in each turn: ``functions.list_dir:0``, as the model itself counts.

On the way home each gets a suffix of its reply, ``functions.list_dir:0~1f0c9a3b``, so that a history holds no id twice.
On the way out the suffix comes off again: Kimi's models want the ids as they made them. The id itself says what to take
off, so this needs no memory, and a history that was begun before goes on.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft, EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

_NATIVE: Final = re.compile(r"(?:functions\.)?[A-Za-z0-9_.-]{1,128}:[0-9]{1,6}")
_OURS: Final = re.compile(rf"({_NATIVE.pattern})~[0-9a-f]{{8}}")
_DIGITS: Final = 8


class _Step:
    """Puts the suffix on the ids of a stream's tool calls."""

    needles: tuple[bytes, ...] = (b'"tool_calls"',)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Put the suffix on the ids in a chunk."""
        return [document] if _suffix(document, ("delta", "message"), self._scope, note) else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Give nothing: nothing is held."""
        return []


def _suffix(document: dict[str, Any], places: tuple[str, ...], scope: Scope, note: Noting) -> bool:
    """Put the suffix on each id of the model's own form; tell whether there was one."""
    changed = False
    choices = document.get("choices")
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        for place in places if isinstance(choice, dict) else ():
            said = choice.get(place)
            calls = said.get("tool_calls") if isinstance(said, dict) else None
            for position, entry in enumerate(calls if isinstance(calls, list) else ()):
                own = entry.get("id") if isinstance(entry, dict) else None
                if isinstance(own, str) and _NATIVE.fullmatch(own):
                    digest = hashlib.sha256(f"{scope.seed}\n{own}".encode("utf-8", "surrogatepass")).hexdigest()
                    entry["id"] = f"{own}~{digest[:_DIGITS]}"
                    note(f"/choices/{number}/{place}/tool_calls/{position}/id", f"{own} becomes {entry['id']}")
                    changed = True
    return changed


def _native(draft: Draft) -> None:
    """Take the suffixes off again, in the calls and in their results."""
    document = draft.document
    messages = document.get("messages") if isinstance(document, dict) else None
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        _restore(draft, ("messages", number, "tool_call_id"), message.get("tool_call_id"))
        calls = message.get("tool_calls")
        for position, entry in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(entry, dict):
                _restore(draft, ("messages", number, "tool_calls", position, "id"), entry.get("id"))


def _restore(draft: Draft, pointer: tuple[str | int, ...], value: object) -> None:
    if isinstance(value, str) and (found := _OURS.fullmatch(value)):
        draft.set(pointer, found[1], f"{value} is the model's {found[1]}")


def _step(scope: Scope, _memory: Memory) -> EventStep:
    return _Step(scope)


def _reply(document: dict[str, Any], scope: Scope, _memory: Memory, note: Noting) -> None:
    _suffix(document, ("message",), scope, note)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=33,
        name="toolid-reused-kimi",
        wires=("chat",),
        side="stream",
        kind="preset",
        who="Kimi K2 and K3 on Fireworks, vLLM and the like, whose ids restart in each turn.",
        symptom="A result is bound to the wrong call, or 400 `tool_call_id is not found`.",
        mend="The client gets ids that are unique; the provider gets its own back.",
        before='"tool_calls":[{"index":0,"id":"functions.list_dir:0",…}]',
        after='"tool_calls":[{"index":0,"id":"functions.list_dir:0~1f0c9a3b",…}]',
        evidence=(
            "https://github.com/fw-ai/fireconnect/issues/16",
            "https://github.com/yaogang1991/harness/issues/392",
            "https://github.com/exo-explore/exo/pull/1413",
        ),
        presets=("fireworks", "local"),
        models=("*kimi-k2*", "*kimi-k3*"),
        needles=(b"~", b"\\u00"),  # an escape may hide it
        request=_native,
        step=_step,
        reply=_reply,
    ),
)
