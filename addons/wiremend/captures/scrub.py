"""No secret at rest: credentials, and the ids of accounts and devices, become surrogates before a byte is written (G8).

What is secret is found by where it stands (headers, parameters, named members of JSON, the user's pointers), by the
format of its vendor, and because it is known (a reference of the rules); never by entropy, so that the ids of tools,
signatures, images and hashes survive. First every place of a capture is looked at, then every value that was found is
replaced wherever it stands: in the other side, in JSON, in a URL, in an error's text. The same secret has the same
surrogate in one capture; see :mod:`~wiremend.captures.scrub_surrogate` for what they look like.

Values that are too short to be told from words, and words that stand for a missing key (``ollama``), are replaced in
their place only. What a model writes into the deltas of several events is joined to look for values that are known; a
key that is nowhere whole is not found in it.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from wiremend.captures.scrub_names import SECRET_VARIABLE, judge
from wiremend.captures.scrub_places import (
    UNSURE,
    Place,
    as_bytes,
    as_text,
    cookie_places,
    cut_places,
    form_places,
    login_places,
    pattern_places,
    places_in,
    split_scheme,
    target_places,
)
from wiremend.captures.scrub_pointers import pointer_places
from wiremend.captures.scrub_spans import Known, forget, merged, placed, replaced
from wiremend.captures.scrub_stream import StreamScrubber
from wiremend.captures.scrub_surrogate import Surrogates, is_harmless
from wiremend.captures.scrub_walk import Decoded, Walk

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Iterable, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.scrub_spans import Span
    from wiremend.jsonedit import Pointer

__all__ = ["GlobLike", "Scrubber", "StreamScrubber", "header_places"]


class GlobLike(Protocol):
    """A glob of the rules: what is written, and whether a text fits."""

    @property
    def text(self) -> str:
        """The glob as written."""

    def matches(self, text: str) -> bool:
        """Tell whether the whole of a text fits."""


class Scrubber:
    """Takes secrets out of captures, and of texts.

    ``secrets`` are values that are known to be secret, ``globs`` those of the rules' conditions on keys and headers.
    ``pointers`` and ``patterns`` are the user's own: JSON pointers into bodies and events, and expressions whose first
    group (or whole match) is secret. ``keep`` names headers that the rules look at; they stay unless a credential is in
    them. ``salt`` is what the surrogates derive from, random where it is None.
    """

    def __init__(  # noqa: PLR0913 - each is one setting of the rules file
        self,
        secrets: Iterable[str] = (),
        *,
        globs: Sequence[GlobLike] = (),
        pointers: Sequence[Pointer] = (),
        patterns: Sequence[re.Pattern[bytes]] = (),
        keep: Collection[str] = (),
        salt: bytes | None = None,
    ) -> None:
        """Take the settings; nothing is read or resolved here."""
        self._globs = tuple(globs)
        self._pointers = tuple(pointers)
        self._patterns = tuple(patterns)
        self._keep = frozenset(name.lower() for name in keep)
        self._known = Known(Surrogates(os.urandom(16) if salt is None else salt))
        for secret in secrets:
            self._known.learn(secret.strip())

    def capture(self, capture: Capture) -> Capture:
        """Give the capture without a secret in it; the very object where there was none.

        A response's body that lies in a file stays as it is: whoever wrote the file has put it through :meth:`stream`.
        """
        found, decoded = self._search(capture)
        made = Walk(_Replace(found), decoded).capture(capture)
        globs = self._globs_of(capture, made, found.known)
        return made if globs == made.inputs.globs else replace(made, inputs=replace(made.inputs, globs=globs))

    def secrets_of(self, capture: Capture) -> tuple[str, ...]:
        """Give all values that would be replaced everywhere in a capture: what :meth:`stream` needs for its bodies."""
        return forget(self._search(capture)[0].known.values)

    def text(self, text: str) -> str:
        """Give a text, such as a line for a log, without secrets."""
        data = as_bytes(text)
        known = self._known.copy()
        places = [*places_in(data), *pattern_places(data, self._patterns)]
        spans = merged(placed(places, known), known.spans(data))
        return as_text(replaced(data, spans)) if spans else text

    def stream(self, extra: Iterable[str] = ()) -> StreamScrubber:
        """Begin a body that is too large for the memory; ``extra`` are values to look for besides those known."""
        known = self._known.copy()
        for secret in extra:
            known.learn(secret.strip())
        return StreamScrubber(known, self._pointers, self._patterns)

    def _search(self, capture: Capture) -> tuple[_Search, Decoded]:
        found = _Search(self._known.copy(), self._keep, self._pointers, self._patterns)
        decoded = Decoded()
        Walk(found, decoded).capture(capture)
        return found, decoded

    def _globs_of(self, before: Capture, after: Capture, known: Known) -> dict[str, dict[str, bool]]:
        """Say of each credential of the client's head, by its surrogate, which globs the credential itself matched.

        One that neither of the two matches is left out: who looks at the surrogate finds the same.
        """
        pairs: list[tuple[str, str]] = []
        # The walk may take these two away; they hold no credential.
        heads = [one.request.headers.without("content-encoding", "content-length") for one in (before, after)]
        for (name, value), (_, new) in zip(*heads, strict=True):
            judged = judge(name, self._keep)
            for place in header_places(name, value, self._keep):
                whole = known.surrogates.of(place.value, is_id=place.is_id)
                pairs.append((known.values.get(place.value, whole), place.value))
            if value != new or (judged == "credential" and value):
                pairs.append((new, value))
        for place in target_places(as_bytes(before.request.target)):
            new = known.values.get(place.value, known.surrogates.of(place.value, is_id=place.is_id))
            pairs.append((new, place.value))
        globs = {key: dict(found) for key, found in after.inputs.globs.items()}
        if self._globs:
            for new, value in pairs:
                if new not in globs and new != value:
                    met = {glob.text: glob.matches(value) for glob in self._globs}
                    told = {glob.text: met[glob.text] for glob in self._globs if met[glob.text] or glob.matches(new)}
                    globs |= {new: told} if told else {}
        return globs


def header_places(name: str, value: str, keep: Collection[str] = ()) -> list[Place]:
    """Find what is secret in a header's value, by its name or by its looks; ``keep`` has lower-case names."""
    data = as_bytes(value)
    match judge(name, keep):
        case "cookies":
            return cookie_places(name, value)
        case "credential":
            scheme, rest = split_scheme(value)
            start = len(as_bytes(scheme))
            return [Place(start, start + len(as_bytes(rest)), rest, f"header {name.lower()}")] if rest else []
        case "kept" if name.lower() == "host":
            return login_places(data) + places_in(data)
        case "kept":
            return target_places(data) if name.lower() in {"location", "referer", "link"} else places_in(data)
        case judged:
            rest = value.strip()
            if not rest:
                return []
            start = len(as_bytes(value[: value.index(rest)]))
            least = 10_000 if "://" in rest or " " in rest else UNSURE
            is_id = judged == "id"
            return [Place(start, start + len(as_bytes(rest)), rest, f"header {name.lower()}", is_id, least)]


class _Search:
    """The first walk: finds places, learns their values, and changes nothing."""

    def __init__(
        self,
        known: Known,
        keep: frozenset[str],
        pointers: Sequence[Pointer],
        patterns: Sequence[re.Pattern[bytes]],
    ) -> None:
        self.known = known
        self._keep = keep
        self._pointers = pointers
        self._patterns = patterns
        self.spans: dict[tuple[str, bytes], list[Span]] = {}

    def text(self, text: str) -> str:
        if text:
            self._look("", as_bytes(text), places_in)
        return text

    def header(self, name: str, value: str) -> str:
        key, data = f"header {name}", as_bytes(value)
        if (key, data) not in self.spans:
            places = header_places(name, value, self._keep)
            self.spans[key, data] = placed(places, self.known)
            for place in places:
                if place.start and place.kind.startswith("header "):
                    self._login(place.value)
        return value

    def target(self, target: str) -> str:
        self._look("target", as_bytes(target), target_places)
        return target

    def variable(self, name: str, value: str) -> str:
        self._look(_key_of(name), as_bytes(value), _whole if _key_of(name) == "secret" else places_in)
        return value

    def credential(self, value: str) -> str:
        self._look("secret", as_bytes(value), _whole)
        return value

    def data(self, data: bytes, *, form: bool) -> Sequence[Span]:
        key = "form" if form else "data"
        if (key, data) not in self.spans:
            places = [*places_in(data), *cut_places(data)]
            if form:
                places += form_places(data, query=False)
            if self._patterns:
                places += pattern_places(data, self._patterns)
            if self._pointers:
                places += pointer_places(data, self._pointers)
            self.spans[key, data] = placed(places, self.known)
        return ()

    def _look(self, key: str, data: bytes, find: _Finder) -> None:
        if (key, data) not in self.spans:
            self.spans[key, data] = placed([*find(data), *pattern_places(data, self._patterns)], self.known)

    def _login(self, value: str) -> None:
        """Learn the password in a value of Basic authorization: whoever knows it knows the value."""
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return
        _, colon, password = text.partition(":")
        if colon and text.isprintable() and not is_harmless(password):
            self.known.learn(password, least=8)


class _Replace:
    """The second walk: puts the surrogates of all that was found into every text."""

    def __init__(self, found: _Search) -> None:
        self._spans = found.spans
        self._known = found.known
        self._done: dict[tuple[str, bytes], list[Span]] = {}

    def text(self, text: str) -> str:
        return self._replaced("", text)

    def header(self, name: str, value: str) -> str:
        return self._replaced(f"header {name}", value)

    def target(self, target: str) -> str:
        return self._replaced("target", target)

    def variable(self, name: str, value: str) -> str:
        return self._replaced(_key_of(name), value)

    def credential(self, value: str) -> str:
        return self._replaced("secret", value)

    def data(self, data: bytes, *, form: bool) -> Sequence[Span]:
        key = "form" if form else "data"
        if (key, data) not in self._done:
            spans = self._all(key, data)
            split = [piece for pieces in self._known.split(data) for piece in pieces]
            self._done[key, data] = merged(split, spans) if split else spans
        return self._done[key, data]

    def _replaced(self, key: str, text: str) -> str:
        if not text:
            return text
        data = as_bytes(text)
        spans = self._all(key, data)
        return as_text(replaced(data, spans)) if spans else text

    def _all(self, key: str, data: bytes) -> list[Span]:
        if (key, data) not in self._done:
            self._done[key, data] = merged(self._spans.get((key, data), ()), self._known.spans(data))
        return self._done[key, data]


class _Finder(Protocol):
    def __call__(self, data: bytes, /) -> list[Place]: ...


def _whole(data: bytes) -> list[Place]:
    return [Place(0, len(data), as_text(data), "credential")] if data else []


def _key_of(variable: str) -> str:
    return "secret" if SECRET_VARIABLE.fullmatch(variable.lower()) else "text"
