"""HTTP header fields: an immutable, ordered multi-map that finds names in any letter case.

A client's headers go upstream as it wrote them, in its order and spelling (G1), so an edit changes the one field it
names and gives a new map. Names are compared as ASCII, which field names are (RFC 9110, section 5.1); anything else
equals only itself. Values are kept as they are, for header values are where credentials travel (G8): ``repr`` gives
names alone.

A list-valued field may come as one line with commas or as several lines, with the same meaning (RFC 9110, section
5.3). ``joined`` gives that meaning, ``get`` and ``get_all`` give the lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

type Field = tuple[str, str]

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Fields about one connection and its framing: RFC 9110, section 7.6.1, and RFC 9113, section 8.2.2.

``Trailer`` is from their forerunner, RFC 2616, section 13.5.1; we send no trailers on.
"""

PROXY_AUTH: Final = frozenset({"proxy-authenticate", "proxy-authentication-info", "proxy-authorization"})
"""Fields between a client and the next proxy, here us: RFC 9110, section 11.7."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_LINE_BREAK: Final = re.compile(r"[\r\n\0]")
# An item may hold commas inside quotes (RFC 9110, section 5.6.4); a quote that is never closed takes all the rest.
_ITEM: Final = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z))++', re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Headers:
    """Header fields, ``(name, value)`` each, in the order of the wire.

    Two are equal if all names, values and their order are, letter case included.
    """

    fields: tuple[Field, ...] = ()

    def __repr__(self) -> str:
        """Show the names; values may be credentials."""
        return f"<Headers {', '.join(name for name, _ in self.fields)}>"

    def __iter__(self) -> Iterator[Field]:
        """Give the fields, in order."""
        return iter(self.fields)

    def __contains__(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """Give the value of the first field of this name, or None."""
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Give the values of all fields of this name, in order."""
        key = _fold(name)
        return tuple(value for other, value in self.fields if _fold(other) == key)

    def joined(self, name: str) -> str | None:
        """Give the value of a list-valued field, its lines joined with commas, or None."""
        values = self.get_all(name)
        return ", ".join(values) if values else None

    def with_set(self, name: str, value: str) -> Headers:
        """Give headers with exactly one field of this name.

        It stands where the first one stood, and is spelled as that one was; a new one stands at the end, spelled as
        given. Raises ValueError for a name that is none, and for a value that would break the line; the message does
        not hold the value.
        """
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a header; use letters, digits and hyphens")
        if _LINE_BREAK.search(value):
            raise ValueError(f"the value for the header {name} has a line break or a null character in it; remove it")
        key = _fold(name)
        fields: list[Field] = []
        placed = False
        for field in self.fields:
            if _fold(field[0]) != key:
                fields.append(field)
            elif not placed:
                fields.append((field[0], value))
                placed = True
        if not placed:
            fields.append((name, value))
        return self._replaced(fields)

    def without(self, *names: str) -> Headers:
        """Give headers without the fields of these names."""
        keys = {_fold(name) for name in names}
        return self._replaced([field for field in self.fields if _fold(field[0]) not in keys])

    def with_items_dropped(self, name: str, glob: str) -> Headers:
        """Give headers without the items of a list-valued field that match a glob, in any letter case.

        A line in which nothing matches keeps its bytes; one with nothing left is removed; of others the items that
        are left are joined with a comma and a space.
        """
        key, pattern = _fold(name), glob.lower()
        fields: list[Field] = []
        for field in self.fields:
            if _fold(field[0]) != key:
                fields.append(field)
                continue
            items = [item for match in _ITEM.finditer(field[1]) if (item := match[0].strip(" \t"))]
            kept = [item for item in items if not fnmatchcase(item.lower(), pattern)]
            if len(kept) == len(items):
                fields.append(field)
            elif kept:
                fields.append((field[0], ", ".join(kept)))
        return self._replaced(fields)

    def diff(self, other: Headers) -> tuple[tuple[str, str | None, str | None], ...]:
        """Give ``(name, value here, value there)`` for each name whose joined value differs; None where it is absent.

        Names are in the order of these headers, then of the other ones, and spelled as they occur first. Order and
        spelling alone are no difference, nor is a list on one line or on several.
        """
        names: dict[str, str] = {}
        for name, _ in (*self.fields, *other.fields):
            names.setdefault(_fold(name), name)
        pairs = ((name, self.joined(name), other.joined(name)) for name in names.values())
        return tuple(pair for pair in pairs if pair[1] != pair[2])

    def _replaced(self, fields: list[Field]) -> Headers:
        changed = tuple(fields)
        return self if changed == self.fields else Headers(changed)


def without_hop_by_hop(headers: Headers, *, keep: Collection[str] = ()) -> Headers:
    """Give the headers that may travel on to the next hop.

    Removed are :data:`HOP_BY_HOP`, :data:`PROXY_AUTH` and whatever ``Connection`` names (RFC 9110, section 7.6.1),
    but not the names in ``keep``.
    """
    named = (headers.joined("connection") or "").split(",")
    kept = {_fold(name) for name in keep}
    gone = HOP_BY_HOP | PROXY_AUTH | {_fold(name.strip(" \t")) for name in named}
    return headers.without(*(gone - kept))


def _fold(name: str) -> str:
    """Lower a name if it is ASCII: ``str.lower`` alone would take the Kelvin sign for a k."""
    return name.lower() if name.isascii() else name
