"""Where conversations stay: one that fell back to another destination goes on there for a while."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MOST: Final = 10_000
"""How many conversations are remembered, the oldest out first."""


class Sticky:
    """What conversations stay with, for each route of theirs. In memory only, and bounded.

    ``conversation`` is what :func:`.conversation.conversation_of` gives, ``route`` a route's label, ``target`` a
    destination as rules.yaml writes it: after a reload that took it out of the route, it is just not found there.
    """

    def __init__(self, most: int = MOST) -> None:
        """Begin empty. ``most`` conversations are remembered."""
        self._kept: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        """Give how many are remembered."""
        return len(self._kept)

    def keep(self, conversation: str, route: str, target: str, until: float) -> None:
        """Remember where a conversation is to stay, ``until`` a second of the clock that :meth:`recall` is given.

        Where it stays there already its time goes on: it runs from when it fell back, however long it is talked.
        """
        key = (conversation, route)
        before, ends = self._kept.get(key, (None, 0.0))
        self._kept[key] = (target, ends if before == target else until)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def recall(self, conversation: str, route: str, now: float) -> str | None:
        """Give where a conversation stays; None where it stays nowhere, or has stayed long enough."""
        key = (conversation, route)
        found = self._kept.get(key)
        if found is None:
            return None
        target, until = found
        if now >= until:
            del self._kept[key]
            return None
        return target

    def forget(self, conversation: str, route: str) -> None:
        """Remember it no more: what it stayed with failed, too."""
        self._kept.pop((conversation, route), None)
