"""Which preference conversations keep, so that the prompt caches of their models live.

A choice is kept for a while after the conversation's last request, whatever it asks then. That none fits is kept only
as long as the user says nothing new: tool turns do not ask a router model again, and a new question does.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.rules.facts import Facts

MOST: Final = 10_000
"""How many conversations are remembered, the one that was silent for longest out first."""

_NAMED: Final = 200
"""Characters of a model's name that tell what is asked apart: it is the client's, and as long as that likes."""


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    said: bytes
    until: float


class Choices:
    """What conversations chose. In memory only, and bounded.

    ``conversation`` is what :func:`.conversation.conversation_of` gives, ``kind`` what :func:`kind_of` does. Times are
    seconds of the caller's clock.
    """

    def __init__(self, most: int = MOST) -> None:
        """Begin empty. ``most`` conversations are remembered."""
        self._kept: OrderedDict[tuple[str, str], _Choice] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        """Give how many are remembered."""
        return len(self._kept)

    def keep(self, conversation: str, kind: str, name: str, turns: Sequence[str], until: float) -> None:
        """Remember a choice, or with an empty ``name`` that none fits, for as long as these ``turns`` are the last."""
        key = (conversation, kind)
        self._kept[key] = _Choice(name, _digest(turns), until)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def recall(self, conversation: str, kind: str, turns: Sequence[str], now: float) -> str | None:
        """Give the name of the choice, "" where none fits; None where nothing is kept, or not any more."""
        found = self._kept.get((conversation, kind))
        if found is None:
            return None
        if now >= found.until:
            del self._kept[conversation, kind]
            return None
        return found.name if found.name or found.said == _digest(turns) else None


class _Body(msgspec.Struct):
    tools: msgspec.Raw = msgspec.Raw()


def kind_of(facts: Facts) -> str:
    """Tell apart what an agent asks within one conversation: its turns, and what it asks beside them.

    That is by the model asked for, and by whether it brings tools: a title is asked for without, and the turns with
    them, and the words of the one shall not choose for the other. Never raises.
    """
    try:
        tools = msgspec.json.decode(facts.body or b"{}", type=_Body).tools
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        tools = msgspec.Raw()
    first = bytes(tools)[:16].removeprefix(b"[").lstrip()[:1] if bytes(tools)[:1] == b"[" else b"]"
    return f"{'none' if first == b']' else 'tools'} {(facts.model or '')[:_NAMED]}"


def _digest(turns: Sequence[str]) -> bytes:
    """Give what stands for the latest thing that the user said; the prompt itself is not kept."""
    return hashlib.blake2b("".join(turns[:1]).encode("utf-8", "surrogatepass"), digest_size=8).digest()
