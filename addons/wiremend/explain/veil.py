"""Credentials out of every text that is shown (G8): of one that is known or found, its family's prefix stays.

Known are the credentials that the request brought and those that the rules resolved. Found, by their place or their
looks, are those of :mod:`wiremend.captures.scrub_places`: keys of known families, named members of JSON, parameters of
a query, and whatever stands in a header that is not on the allow-list. Ids of accounts and devices are left out whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.scrub import header_places
from wiremend.captures.scrub_names import ID_NAME, SECRET_NAME
from wiremend.captures.scrub_places import as_bytes, as_text, places_in, target_places
from wiremend.captures.scrub_surrogate import looks_like_id
from wiremend.families import looks_like_credential, scrubbed, shown
from wiremend.rules.conditions import looked_at
from wiremend.rules.facts import credentials_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wiremend.captures.scrub_places import Place
    from wiremend.explain.model import Operation
    from wiremend.headers import Headers
    from wiremend.notes import Note
    from wiremend.rules.conditions import Unmet
    from wiremend.rules.resolve import Resolved

_SHORTEST: Final = 6
"""A secret with fewer characters is a word, which may stand in any text."""


class Veil:
    """Takes credentials out of texts, headers, targets, JSON values and patches."""

    def __init__(self, headers: Headers, target: str, resolved: Resolved, plain: Collection[str | None] = ()) -> None:
        """Learn what is secret from a request and the rules. ``plain`` are words that are none, such as a model."""
        self._keep = looked_at(resolved.rules)
        places = [place for name, value in headers for place in header_places(name, value, self._keep)]
        secrets = {place.value for place in places if len(place.value) >= place.least}
        secrets = {one for one in secrets if one not in plain or looks_like_credential(one)}
        secrets |= {place.value for place in target_places(as_bytes(target))}
        secrets |= {one.value for one in credentials_of(headers)}
        secrets |= {one.secret.value for one in resolved.upstreams.values() if one.secret is not None}
        secrets |= {one.lower() for one in secrets}  # a client's name is its User-Agent in lower case
        found = sorted(map(str.strip, secrets), key=len, reverse=True)
        self._secrets = tuple(one for one in found if len(one) >= _SHORTEST)

    def text(self, text: str) -> str:
        """Give a text of any kind without credentials."""
        return self._without(text, places_in(as_bytes(text)))

    def target(self, target: str) -> str:
        """Give a URL, or its path and query, without credentials."""
        return self._without(target, target_places(as_bytes(target)))

    def header(self, name: str, value: str | None) -> str | None:
        """Give a header's value without credentials; None, which is an absent one, stays."""
        return None if value is None else self._without(value, header_places(name, value, self._keep))

    def value(self, value: Any, name: str = "") -> Any:  # noqa: ANN401 - any JSON
        """Give a JSON value without credentials; ``name`` is the member's that holds it."""
        match value:
            case str():
                lowered = name.lower()
                if SECRET_NAME.fullmatch(lowered):
                    return shown(value)
                return "…" if ID_NAME.fullmatch(lowered) and looks_like_id(value) else self.text(value)
            case dict():
                return {self.text(key): self.value(inner, key) for key, inner in value.items()}
            case list():
                return [self.value(inner, name) for inner in value]
            case _:
                return value

    def patch(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        """Give a patch without credentials."""
        return tuple(
            {
                key: self.text(inner) if key == "path" else inner if key == "op" else self.value(inner, _last(one))
                for key, inner in one.items()
            }
            for one in operations
        )

    def note(self, note: Note) -> Note:
        """Give a note without credentials."""
        return type(note)(
            note.kind, self.text(note.where), self.text(note.short), self.target(note.what), self.text(note.why)
        )

    def unmet(self, found: Unmet) -> Unmet:
        """Give a condition that does not hold without credentials in what is there."""
        there = found.there if found.there is None else self.text(found.there)
        name = found.condition.removeprefix("header ")
        if there is not None and name != found.condition:
            there = self.header(name, there)
        return replace(found, asked=self.text(found.asked), there=there)

    def _without(self, text: str, places: Iterable[Place]) -> str:
        data, made, at = as_bytes(text), bytearray(), 0
        for place in sorted(places):
            if place.start >= at:
                made += data[at : place.start] + ("…" if place.is_id else shown(place.value)).encode()
            at = max(at, place.end)
        return scrubbed(as_text(bytes(made + data[at:])) if made or at else text, self._secrets)


def _last(operation: Operation) -> str:
    path = str(operation["path"])
    return next((part for part in reversed(path.split("/")) if not part.isdigit()), "")
