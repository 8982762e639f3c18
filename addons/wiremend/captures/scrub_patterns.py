r"""What keys of known families look like, by the formats of their vendors: length and alphabet, never entropy (G8).

Lengths and alphabets are those that the vendors' consoles hand out and document, as the public secret scanners
(GitHub's secret scanning, gitleaks, trufflehog) have them; where a vendor promises none, a lower bound stands for it.
Each key must stand alone: not in the middle of a word or of base64. An escape of JSON (``\n``, ``\u0022``) or of a URL
(``%20``) in front of it is no part of a word.

Streams are looked at while they are written down, so nothing is searched for twice: all keys have one of four
characters (``-``, ``_``, ``A``, ``.``) at the end or the beginning of what tells them, which the C library finds at the
speed of memory, and only there is a pattern tried. Every pattern has an upper bound, :data:`LONGEST`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from wiremend.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 16 * 1024
"""Bytes of the longest thing that a pattern finds."""

_ESCAPED: Final = rb"(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2})"
_ALONE: Final = rb"(?:(?<![A-Za-z0-9_-])|%b)" % _ESCAPED
_NO_BASE64: Final = rb"(?:(?<![A-Za-z0-9_+/-])|%b)" % _ESCAPED
"""The same for what has letters and digits alone in front, which base64 may have anywhere."""

_AFTER_WORD: Final = rb"(?![A-Za-z0-9_-])"
_TOKEN: Final = rb"[A-Za-z0-9_-]"
_DIGIT_IN: Final = rb"(?=[A-Za-z_-]{0,200}[0-9])"


_STEM: Final = re.compile(rb"[^._-]*[._-]?")


class Shape(NamedTuple):
    """One family's shape; ``stem`` is its beginning up to the first ``-``, ``_`` or ``.``, or ``A…`` to the end."""

    kind: str
    stem: bytes
    pattern: re.Pattern[bytes]


def _shape(kind: str, prefix: bytes, rest: bytes) -> Shape:
    stem = cast("re.Match[bytes]", _STEM.match(prefix))[0]
    return Shape(
        kind, stem, re.compile((_NO_BASE64 if prefix[:1] == b"A" else _ALONE) + re.escape(prefix) + rest + _AFTER_WORD)
    )


# Words joined by hyphens (`sk-circle-fade`) are no keys: where hyphens are in the alphabet, a digit must be there too.
_HYPHENS: Final = _DIGIT_IN + _TOKEN

SHAPES: Final[tuple[Shape, ...]] = (
    _shape("kimi-code", b"sk-kimi-", _HYPHENS + rb"{20,300}"),
    # sk-ant-api03-, admin01-: 93 characters and AA; oat01-, ort01-, sid01-: no length is promised
    _shape("anthropic", b"sk-ant-", rb"[a-z]{3,6}[0-9]{2}-" + _TOKEN + rb"{24,300}"),
    _shape("openrouter", b"sk-or-", rb"(?:v1-)?[0-9a-f]{40,80}"),  # sk-or-v1- and 64 hex digits
    _shape("openai-project", b"sk-proj-", _HYPHENS + rb"{40,300}"),
    _shape("openai-service", b"sk-svcacct-", _HYPHENS + rb"{40,300}"),
    _shape("openai-admin", b"sk-admin-", _HYPHENS + rb"{40,300}"),
    _shape("groq", b"gsk_", rb"[A-Za-z0-9]{40,80}"),  # 52
    _shape("xai", b"xai-", rb"[A-Za-z0-9]{60,120}"),  # 80
    _shape("huggingface", b"hf_", rb"[A-Za-z0-9]{30,50}"),  # 34 letters
    _shape("nvidia", b"nvapi-", _TOKEN + rb"{60,80}"),  # 64
    _shape("perplexity", b"pplx-", rb"[A-Za-z0-9]{40,64}"),  # 48
    _shape("fireworks", b"fw_", rb"(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{20,40}"),  # 22 to 24
    _shape("cerebras", b"csk-", rb"[a-z0-9]{40,64}"),  # 48
    # OpenAI's old keys and Moonshot's have 48 letters and digits, DeepSeek's 32 hex digits
    _shape("secret-key", b"sk-", rb"(?=[A-Za-z]{0,200}[0-9])[A-Za-z0-9]{20,200}"),
    _shape("google", b"AIza", _TOKEN + rb"{35}"),
    _shape("google-oauth", b"ya29.", _TOKEN + rb"{30,2000}"),
    _shape("google-client", b"GOCSPX-", _TOKEN + rb"{28}"),
    *(_shape("github", b"gh%c_" % letter, rb"[A-Za-z0-9]{36,255}") for letter in b"pousr"),
    _shape("github", b"github_pat_", rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    *(_shape("gitlab", b"gl%s-" % name, _HYPHENS + rb"{20,300}") for name in (b"pat", b"dt", b"rt", b"cbt", b"ptt")),
    *(
        _shape("gitlab", b"gl%s-" % name, _HYPHENS + rb"{20,300}")
        for name in (b"ft", b"agent", b"soat", b"imt", b"oas")
    ),
    *(_shape("slack", b"xox%c-" % letter, rb"(?=[0-9])[0-9A-Za-z-]{20,250}") for letter in b"abeoprs"),
    _shape("slack", b"xapp-", rb"[0-9]-[0-9A-Za-z-]{20,250}"),
    *(_shape("aws", name + b"A", rb"[A-Z2-7]{16}") for name in (b"AKI", b"ASI", b"ABI", b"ACC")),
)

_HYPHEN: Final = re.compile(rb"-(?=[A-Za-z0-9_-]{16})(?<=(?:sk|ai|pi|lx|PX|pp|x[abeoprs]|[abdfnprt]t|as)-)")
_UNDERLINE: Final = re.compile(rb"_(?=[A-Za-z0-9_-]{16})(?<=(?:sk|hf|fw|h[pousr]|ub)_)")
_CAPITAL: Final = re.compile(rb"A(?:Iza|KIA|SIA|BIA|CCA)")
_POINT: Final = re.compile(rb"\.(?<=ya29\.)")
_JWT_POINT: Final = re.compile(rb"\.eyJ[A-Za-z0-9_-]{6}")
_BY_END: Final = {mark: tuple(shape for shape in SHAPES if shape.stem.endswith(mark)) for mark in (b"-", b"_", b".")}
_BY_START: Final = tuple(shape for shape in SHAPES if shape.stem.startswith(b"A"))

# Three parts of base64url, the first two of them JSON objects: RFC 7519, section 3.
_JWT_HEAD: Final = re.compile(rb"eyJ[A-Za-z0-9_-]{6,4000}\Z")
_JWT_ALONE: Final = re.compile(_NO_BASE64 + rb"eyJ")
_JWT_TAIL: Final = re.compile(rb"\.eyJ[A-Za-z0-9_-]{6,8000}\.[A-Za-z0-9_-]{0,2000}")

# RFC 7468; what lies between the armour is base64, with line breaks as such or as JSON has them.
_PEM: Final = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----([A-Za-z0-9+/=\s\\:,.-]{16,12000}?)"
    rb"(?=-----END|[^A-Za-z0-9+/=\s\\:,.-]|\Z)"
)
_PEM_SPACE: Final = re.compile(rb"\\+[nrt]|\s+")

_LOGIN: Final = re.compile(rb":(?=//([^/\s:@\"'<>\\]{0,64}):([^/\s:@\"'<>\\]{3,256})@)")


class Match(NamedTuple):
    """A key: where it begins and ends, of which kind it is, and its text without the line breaks of a PEM block."""

    start: int
    end: int
    kind: str
    value: str


def keys_in(data: bytes) -> Iterator[Match]:
    """Find all keys of known families, PEM private keys, JSON web tokens, and the passwords of URLs."""
    for hits, mark in ((_HYPHEN, b"-"), (_UNDERLINE, b"_"), (_POINT, b".")):
        for hit in hits.finditer(data):
            for shape in _BY_END[mark]:
                start = hit.start() + 1 - len(shape.stem)
                if start >= 0 and (found := shape.pattern.match(data, start)):
                    yield _match(found.start(), found.end(), shape.kind, found[0])
                    break
    for hit in _CAPITAL.finditer(data):
        for shape in _BY_START:
            if found := shape.pattern.match(data, hit.start()):
                yield _match(found.start(), found.end(), shape.kind, found[0])
    yield from _long_ones(data)


_CUT: Final = re.compile(
    _ALONE
    + rb"(?>%b)" % b"|".join(re.escape(one.prefix.encode()) for one in FAMILIES if one.prefix != "eyJ")
    + _DIGIT_IN
    + _TOKEN
    + rb"{8,300}\Z"
)


def cut_keys(body: bytes) -> Iterator[Match]:
    """Find the beginning of a key of a known family at the very end of a body: JSON and events end otherwise."""
    if body[-1:].isalnum() or body[-1:] in {b"-", b"_"}:
        begin = max(0, len(body) - 400)
        for found in _CUT.finditer(body[begin:]):
            yield _match(begin + found.start(), begin + found.end(), "key that was cut", found[0])


def _long_ones(data: bytes) -> Iterator[Match]:
    for hit in _JWT_POINT.finditer(data):
        if jwt := _jwt(data, hit.start()):
            yield jwt
    if b"PRIVATE KEY" in data:
        for found in _PEM.finditer(data):
            yield _match(found.start(1), found.end(1), "private-key", _PEM_SPACE.sub(b"", found[1]))
    for found in _LOGIN.finditer(data):
        yield _match(found.start(2), found.end(2), "url-password", found[2])


def _jwt(data: bytes, point: int) -> Match | None:
    before = data[max(0, point - 4003) : point]
    at = len(before)
    while at > 0 and (before[at - 1 : at].isalnum() or before[at - 1] in b"_-"):
        at -= 1
    # An escape may be in front (`\neyJ…`): then the word begins a letter too early.
    for start in (at, before.find(b"eyJ", at, at + 8)):
        if start < 0 or not _JWT_HEAD.match(before, start):
            continue
        first = max(0, point - 4003) + start
        if _JWT_ALONE.match(data, first) and (tail := _JWT_TAIL.match(data, point)):
            return _match(first, tail.end(), "json-web-token", data[first : tail.end()])
    return None


def _match(start: int, end: int, kind: str, value: bytes) -> Match:
    return Match(start, end, kind, value.decode("utf-8", "surrogateescape"))
