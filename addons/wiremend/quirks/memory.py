"""What is remembered from one request to the next: bounded, in memory only, oldest out first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of all keys and values together."""


class Memory:
    """A map from keys (``kind:id``) to texts, with a bound on their size. One for the process."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Begin empty."""
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0
        self._max = max_bytes

    @classmethod
    def of(cls, kept: Mapping[str, str | None]) -> Self:
        """Make one that holds this; what is None is not there."""
        made = cls()
        for key, value in kept.items():
            if value is not None:
                made.keep(key, value)
        return made

    def keep(self, key: str, value: str) -> None:
        """Remember a value, in the place of an older one; the oldest go where there is no more room."""
        self.forget(key)
        self._kept[key] = value
        self._bytes += _size(key, value)
        while self._bytes > self._max and self._kept:
            old, gone = self._kept.popitem(last=False)
            self._bytes -= _size(old, gone)

    def recall(self, key: str) -> str | None:
        """Give what is remembered, and count it as new again."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def forget(self, key: str) -> None:
        """Remember it no more."""
        value = self._kept.pop(key, None)
        if value is not None:
            self._bytes -= _size(key, value)


def _size(key: str, value: str) -> int:
    return len(key.encode("utf-8", "surrogatepass")) + len(value.encode("utf-8", "surrogatepass"))
