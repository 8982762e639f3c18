r"""What still looks like a secret in a capture: for a look over cases before they are shared (G8).

The rules are the scrubber's own, and one more: folders of people (``/home/NAME``). Surrogates and test keys with
``FAKE`` behind their prefix are fine. A finding never holds the value, only its family's prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from wiremend.captures.scrub import header_places
from wiremend.captures.scrub_names import SECRET_VARIABLE, judge
from wiremend.captures.scrub_places import Place, as_bytes, as_text, cut_places, form_places, places_in, target_places
from wiremend.captures.scrub_surrogate import begins_harmless, family_prefix, is_harmless
from wiremend.captures.scrub_walk import Decoded
from wiremend.families import scrubbed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wiremend.captures.capture import Capture, Request, Response
    from wiremend.headers import Headers

HOME: Final = re.compile(
    rb"(?:/home/|/Users/|[A-Za-z]:(?:\\{1,8}|/)Users(?:\\{1,8}|/))(?!(?:user|name|Shared|Public)(?![A-Za-z0-9._-]))"
    rb"(?=([A-Za-z0-9_-][A-Za-z0-9._-]{0,63}))\1(?![A-Za-z0-9._-])"
)
"""A person's folder; ``/home/user`` is nobody's, and neither is ``/Users/name``, an example in OpenCode's prompts."""

type Role = Literal["header", "target", "text", "variable", "credential", "body", "form"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One text or body of a capture: where and what it is, its name if it has one, its decoded bytes."""

    where: str
    role: Role
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """What looks like a secret: ``where`` (part, header, key or byte), its ``kind``, what may be ``shown`` of it."""

    where: str
    kind: str
    shown: str = "…"

    def __str__(self) -> str:
        """Give a line for a person."""
        return f"{self.where}: {self.kind} ({self.shown})"


def findings(capture: Capture, *, keep: Collection[str] = ()) -> list[Finding]:
    """Give what still looks like a secret, each value once a piece; ``keep`` names headers that may stay."""
    names = frozenset(name.lower() for name in keep)
    return [finding for piece in pieces(capture) for finding in _in_piece(piece, names)]


def _in_piece(piece: Piece, keep: Collection[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    places = sorted(_places(piece, keep))
    places += [Place(*home.span(), as_text(home[0]), "home folder") for home in HOME.finditer(piece.data)]
    for place in places:
        harmless = is_harmless(place.value) or (not place.kind.startswith("header") and begins_harmless(place.value))
        if harmless or place.value in seen:
            continue
        seen.add(place.value)
        where = f"{piece.where}, byte {place.start}" if piece.role in {"body", "form"} else piece.where
        yield Finding(scrubbed(where), place.kind, f"{family_prefix(place.value)}…")


def _places(piece: Piece, keep: Collection[str]) -> list[Place]:
    match piece.role:
        case "header":
            judged = judge(piece.name, keep)
            places = header_places(piece.name, as_text(piece.data), keep)
            return [one._replace(kind="unknown header") for one in places] if judged == "unknown" else places
        case "target":
            return target_places(piece.data)
        case "body" | "form":
            form = form_places(piece.data, query=False) if piece.role == "form" else []
            return [*places_in(piece.data), *cut_places(piece.data), *form]
        case "credential":
            return [Place(0, len(piece.data), as_text(piece.data), "credential")] if piece.data else []
        case "variable" if SECRET_VARIABLE.fullmatch(piece.name.lower()) and piece.data:
            return [Place(0, len(piece.data), as_text(piece.data), "variable")]
        case _:
            return places_in(piece.data)


def pieces(capture: Capture) -> Iterator[Piece]:
    """Give every text and body of a capture, bodies without their codings."""
    decoded = Decoded()
    yield from _request("client request", capture.request, decoded)
    for number, attempt in enumerate(capture.attempts):
        part = f"attempt {number + 1}"
        yield from _request(f"{part} request", attempt.request, decoded)
        if attempt.response is not None:
            yield from _response(f"{part} response", attempt.response, decoded)
        yield from _texts(f"{part} error", {"": attempt.error})
        yield from _texts(f"{part} decision", dict(_leaves(attempt.decision, "")))
    if capture.answer is not None:
        yield from _response("client answer", capture.answer, decoded)
    yield from _inputs(capture)
    for number, note in enumerate(capture.notes):
        yield from _texts(f"note {number + 1}", note.as_dict())
    yield from _texts("error", {"": capture.error})
    yield from _texts("model", {"": capture.model})
    yield from _texts("client", {"": capture.client})
    yield from _texts("kept", capture.kept, keys=True)
    yield from _texts("versions", capture.versions)
    for number, frame in enumerate(capture.frames):
        yield Piece(f"frame {number + 1}", "body", "", frame.data)


def _inputs(capture: Capture) -> Iterator[Piece]:
    inputs = capture.inputs
    yield from _texts("inputs", {"seed": inputs.seed, "agent": inputs.agent})
    yield from _texts("inputs memory", inputs.memory, keys=True)
    for name, value in inputs.environment.items():
        yield Piece(f"inputs environment {name}", "variable", name, as_bytes(value))
    for number, (name, value) in enumerate(inputs.credentials.items()):
        yield from _texts(f"inputs credential {number + 1} (its name)", {"": name})
        yield Piece(f"inputs credential {number + 1}", "credential", "", as_bytes(value))
    for name in inputs.globs:
        yield from _texts("inputs globs", {"": name})


def _request(part: str, request: Request, decoded: Decoded) -> Iterator[Piece]:
    yield from _texts(f"{part} host", {"": request.host})
    yield Piece(f"{part} target", "target", "", as_bytes(request.target))
    yield from _headers(part, request.headers)
    yield _body(part, request.headers, request.body, decoded)


def _response(part: str, response: Response, decoded: Decoded) -> Iterator[Piece]:
    yield from _texts(f"{part} reason", {"": response.reason})
    yield from _headers(part, response.headers)
    yield _body(part, response.headers, response.body.data, decoded)


def _headers(part: str, headers: Headers) -> Iterator[Piece]:
    for name, value in headers:
        yield Piece(f"{part} header:{name.lower()}", "header", name, as_bytes(value))


def _body(part: str, headers: Headers, body: bytes, decoded: Decoded) -> Piece:
    plain = decoded.of(body, headers.joined("content-encoding"))
    form = (headers.get("content-type") or "").lower().startswith("application/x-www-form-urlencoded")
    return Piece(f"{part} body", "form" if form else "body", "", body if plain is None else plain)


def _texts(part: str, texts: Mapping[str, str | None], *, keys: bool = False) -> Iterator[Piece]:
    for number, (name, text) in enumerate(texts.items()):
        shown = f"{part} {number + 1}" if keys else f"{part} {name}".strip()
        if keys:
            yield Piece(f"{shown} (its name)", "text", "", as_bytes(name))
        if text:
            yield Piece(shown, "text", "", as_bytes(text))


def _leaves(value: object, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield f"{at}/{key} (its name)", str(key)
            yield from _leaves(one, f"{at}/{key}")
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{at}/{number}")
