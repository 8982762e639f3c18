r"""Where secrets stand in a text: places, found by their surroundings and never by their looks alone (G8).

A :class:`Place` is a stretch of bytes with the value that it spells. Named members of JSON are found without decoding,
at any depth, also in JSON that is itself a text in JSON (``{\"device_id\":\"…\"}``), in the data of events and in a
body that was cut: a value that never ends is replaced up to where the bytes do.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import unquote, unquote_plus

from wiremend.captures.scrub_names import FORM_CARRIERS, ID_NAME, SECRET_NAME, is_secret_parameter
from wiremend.captures.scrub_patterns import LONGEST, cut_keys, keys_in
from wiremend.captures.scrub_surrogate import looks_like_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANYWHERE: Final = 6
"""Characters that a value must have to be looked for everywhere: a shorter one may be any word."""

NAMED: Final = 8
"""The same for members of JSON that are named like a secret."""

HUMAN: Final = 12
"""The same for passwords that people choose: ``postgres`` is one, and a word."""

UNSURE: Final = 16
"""The same for cookies and unknown headers, of which most are no secrets."""


class Place(NamedTuple):
    """A secret: the bytes from ``start`` to ``end``, the value they spell, and of which kind it is.

    ``least`` is how long the value must be to be looked for everywhere else, too. ``quoted`` says that the place takes
    in a whole JSON value, so that what comes there must be a JSON string.
    """

    start: int
    end: int
    value: str
    kind: str
    is_id: bool = False
    least: int = ANYWHERE
    quoted: bool = False


def as_bytes(text: str) -> bytes:
    """Give the bytes of any text that JSON or a header can hold."""
    return text.encode("utf-8", "surrogatepass")


def as_text(data: bytes) -> str:
    """Give the text of bytes: what :func:`as_bytes` gave comes back as it was."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


_LOWER: Final = bytes.maketrans(bytes(range(65, 91)), bytes(range(97, 123)))
_TELLING: Final = re.compile(
    rb':(?=")(?<=(?:ken|ret|key|ord|swd|ase|ion|kie|ier|ode|eid|tid|uid|nid|gid)":)'
    rb'(?:(?<=token":)|(?<=secret":)|(?<=key":)|(?<=password":)|(?<=passwd":)|(?<=passphrase":)|(?<=authorization":)'
    rb'|(?<=cookie":)|(?<=verifier":)|(?<=devicecode":)|(?<=deviceid":)|(?<=accountid":)|(?<=uuid":)|(?<=ationid":)'
    rb'|(?<=orgid":))'
)
"""Searched for in a lower-case copy without spaces, backslashes, hyphens and underlines: does any name tell?"""

_ENDINGS: Final = rb"(?i:ken|ret|key|ord|swd|ase|ion|kie|ier|ode|[_.-]id|eid|tid|uid|nid|gid)"
_NAMED: Final = re.compile(
    rb':(?=(?:\s|\\+[nrt]){0,40}\\{0,15}")(?:(?<=%b":)|(?<=%b\\":)|(?<=%b\\\\\\":)|(?<=\\\\\\\\":)|(?<=[\snrt]:))'
    % (_ENDINGS, _ENDINGS, _ENDINGS)
)
"""The colon behind a name, where a text follows it; the names are read from here back."""

_QUOTE_AND_SPACE: Final = re.compile(rb'(\\{0,15})"(?:\s|\\+[nrt]){0,40}\Z')
_SPACE: Final = re.compile(rb"(?:\s|\\+[nrt]){0,40}")
_END: Final = re.compile(rb'["\r\n]')
_BACKSLASH: Final = 0x5C
_NAME_BYTES: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")

# Anthropic's metadata.user_id as Claude Code has it: the hash of the user, the account (or nothing), the session.
_USER_ID: Final = re.compile(
    rb"user_([0-9a-f]{64})_account_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?(?=_session_|_?\W|\Z)"
)


def places_in(data: bytes) -> list[Place]:
    """Find the places of a text of any kind: keys of known families, named members of JSON, ids of accounts."""
    found = [
        Place(one.start, one.end, unquote(one.value), one.kind, least=HUMAN)
        if one.kind == "url-password"
        else Place(one.start, one.end, one.value, one.kind)
        for one in keys_in(data)
    ]
    flat = data.translate(_LOWER, b"\\_- \t")
    if _TELLING.search(flat):
        found += _members(data)
    if b"_account_" in data:
        for ids in _USER_ID.finditer(data):
            found += [
                Place(*ids.span(group), ids[group].decode(), "account id", is_id=True)
                for group in (1, 2)
                if ids[group] is not None
            ]
    return found


def _members(data: bytes) -> Iterator[Place]:
    for hit in _NAMED.finditer(data):
        behind = data[max(0, hit.start() - 200) : hit.start()]
        quote = _QUOTE_AND_SPACE.search(behind)
        if quote is None or len(quote[1]) not in {0, 1, 3, 7, 15}:
            continue
        level = len(quote[1])
        name = behind[behind.rfind(b'"', 0, quote.start()) + 1 : quote.start()].decode("latin-1")
        colon = cast("re.Match[bytes]", _SPACE.match(data, hit.end()))
        opening = b"\\" * level + b'"'
        if not data.startswith(opening, colon.end()) or not _NAME_BYTES.fullmatch(name):
            continue
        start = colon.end() + len(opening)
        stop = _end_of_value(data, start, level)
        value = _spelled(data[start:stop], level)
        named = name.lower()
        if ID_NAME.fullmatch(named):
            if looks_like_id(value):
                yield Place(start, stop, value, "account id", is_id=True)
        elif value and (SECRET_NAME.fullmatch(named)):
            scheme = split_scheme(value)[0] if "authorization" in named else ""
            if value := value[len(scheme) :]:
                least = HUMAN if "pass" in named else NAMED
                yield Place(start + len(scheme), stop, value, named, least=10_000 if " " in value else least)


def _end_of_value(data: bytes, start: int, level: int) -> int:
    """Give where a string ends: at its quote, at the end of the line or of the data, or after as much as is looked at.

    A quote inside a text that is ``level`` backslashes deep has that many in front of it; those in front of an escaped
    one, and a backslash that is the value's own, come on top in multiples of twice as many and two.
    """
    at, bound = start, min(len(data), start + LONGEST)
    while found := _END.search(data, at, bound):
        stop = found.start()
        if found[0] != b'"':
            return stop
        run = stop
        while run > start and data[run - 1] == _BACKSLASH:
            run -= 1
        slashes = stop - run
        if slashes % (2 * (level + 1)) == level:
            return stop - level
        if slashes % (2 * (level + 1)) < level:
            return stop - slashes  # the text around it ends here, too early
        at = found.end()
    return bound


def _spelled(text: bytes, level: int) -> str:
    value = as_text(text)
    depth = (level + 1).bit_length()
    for _ in range(depth):
        if "\\" not in value:
            break
        try:
            value = str(json.loads(f'"{value}"', strict=False))
        except ValueError:
            break
    return value


_SCHEME: Final = re.compile(r" *(?:[A-Za-z][A-Za-z0-9-]{1,24} +(?! *\Z))?")


def split_scheme(value: str) -> tuple[str, str]:
    """Split the value of an authorization header into the word of its scheme, with the space, and the rest."""
    if value.strip().lower() in {"bearer", "basic", "token"}:
        return value, ""
    found = _SCHEME.match(value)
    end = found.end() if found else 0
    return value[:end], value[end:].rstrip(" ")


def form_places(data: bytes, *, query: bool, offset: int = 0) -> list[Place]:
    """Find the credentials among the parameters of a query or of a form (``a=1&b=2``)."""
    found, at = [], offset
    for part in data.split(b"&"):
        name, equals, value = part.partition(b"=")
        key = unquote_plus(as_text(name))
        told = is_secret_parameter(key) or (not query and key.lower() in FORM_CARRIERS)
        if equals and value and told:
            start = at + len(name) + 1
            found.append(Place(start, start + len(value), unquote_plus(as_text(value)), f"parameter {key}"))
        at += len(part) + 1
    return found


def target_places(target: bytes) -> list[Place]:
    """Find the places of a request target, or of a URL: parameters of its query, and keys anywhere in it."""
    path, mark, query = target.partition(b"?")
    fragment = query.partition(b"#")[0]
    own = form_places(fragment, query=True, offset=len(path) + 1) if mark else []
    return own + places_in(target)


_LOGIN: Final = re.compile(rb"\A[^:@/]{0,64}:(.{1,256})@", re.DOTALL)


def login_places(authority: bytes) -> list[Place]:
    """Find the password of an authority (``user:password@host``), which no ``Host`` should have."""
    found = _LOGIN.search(authority)
    return [Place(*found.span(1), unquote(as_text(found[1])), "url-password", least=HUMAN)] if found else []


def cut_places(body: bytes) -> list[Place]:
    """Find a key of a known family that a body ends in the middle of."""
    return [Place(one.start, one.end, one.value, one.kind) for one in cut_keys(body)]


_COOKIE: Final = re.compile(r"[^=;]*=\s*\"?([^;\"]*)")


def cookie_places(name: str, value: str) -> list[Place]:
    """Find the values of ``Cookie`` and ``Set-Cookie``; names, and the attributes of the latter, are none."""
    found = []
    for number, pair in enumerate(_COOKIE.finditer(value)):
        if number and name.lower() == "set-cookie":
            break
        text = pair[1].rstrip()
        if text:
            start = len(as_bytes(value[: pair.start(1)]))
            found.append(Place(start, start + len(as_bytes(text)), text, "cookie", least=UNSURE))
    if not found and value.strip() and name.lower() == "cookie":
        found.append(Place(0, len(as_bytes(value)), value, "cookie", least=UNSURE))
    return found


def pattern_places(data: bytes, patterns: Sequence[re.Pattern[bytes]], begin: int = 0) -> list[Place]:
    """Find what a user's own patterns match from ``begin`` on: the first group where there is one, else all."""
    found = []
    for pattern in patterns:
        for hit in pattern.finditer(data, begin):
            group = 1 if pattern.groups and hit[1] is not None else 0
            start, end = hit.span(group)
            if end > start:
                found.append(Place(start, end, as_text(data[start:end]), "pattern"))
    return found
