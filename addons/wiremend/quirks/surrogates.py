r"""Half surrogate pairs, ``\ud83d`` without its other half: JSON that most parsers refuse, mended on the bytes.

A client that cuts a text by UTF-16 units (JavaScript) sends them as escapes. Where they are raw bytes the body is not
even UTF-8, so that no :class:`wiremend.quirks.base.Draft` can be made of it: :func:`mend_surrogates` is for that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.quirks.base import Quirk, decoded, encoded

if TYPE_CHECKING:
    from wiremend.quirks.amend import Where
    from wiremend.quirks.base import Draft

_ANY: Final = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
# A pair, half of one, any other escape (whose second character is no beginning of one); then the same in raw bytes,
# which UTF-8 forbids: its own sequences never have a0 to bf behind ed.
_TOKEN: Final = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|(\\.)"
    rb"|(\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf])"
    rb"|(\xed[\xa0-\xbf][\x80-\xbf])",
    re.DOTALL,
)
_HALF, _RAW_PAIR, _RAW_HALF = 2, 4, 5
_LONE: Final = re.compile("[\ud800-\udfff]")
_WHAT: Final = "half a surrogate pair is the replacement character now"


def mend_surrogates(body: bytes) -> bytes | None:
    r"""Replace each half of a pair by U+FFFD, as an escape or in UTF-8 as it was; None where there is none.

    A pair that was written as two three-byte sequences (CESU-8) becomes the one character that it means. The body need
    not be JSON; every other byte stays.
    """
    if _ANY.search(body) is None:
        return None
    mended = _TOKEN.sub(_mend, body)
    return None if mended == body else mended


def _mend(match: re.Match[bytes]) -> bytes:
    if match.lastindex == _HALF:
        return rb"\ufffd"
    if match.lastindex == _RAW_PAIR:
        return match[0].decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16").encode()
    return "\ufffd".encode() if match.lastindex == _RAW_HALF else match[0]


def _texts(draft: Draft) -> None:
    """Mend the texts of a body that could be decoded; an object with such a name in it is written as a whole."""
    try:
        msgspec.json.encode(draft.document)  # much faster than a look at each text, and it cannot write a half
    except UnicodeEncodeError:
        _each(draft)


def _each(draft: Draft) -> None:
    waiting: list[tuple[Where, Any]] = [((), draft.document)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str):
            if not value.isascii() and _LONE.search(value):
                draft.set(where, _LONE.sub("\ufffd", value), _WHAT)
        elif isinstance(value, dict):
            if any(not name.isascii() and _LONE.search(name) for name in value):
                whole = encoded(value)
                draft.set(where, decoded(mend_surrogates(whole) or whole), _WHAT)
                continue
            waiting += [
                ((*where, name), inner) for name, inner in value.items() if isinstance(inner, str | dict | list)
            ]
        elif isinstance(value, list):
            waiting += [((*where, at), inner) for at, inner in enumerate(value) if isinstance(inner, str | dict | list)]


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=48,
        name="lone-surrogates",
        wires=("messages", "chat", "responses"),
        side="request",
        kind="always",
        who="Every parser of JSON that is not JavaScript's.",
        symptom="400: invalid JSON; the text was cut in the middle of an emoji.",
        mend="The half that is left becomes the replacement character.",
        before='{"content":"\\ud83d"}',
        after='{"content":"\\ufffd"}',
        evidence=("measured: msgspec and Rust's parsers refuse it, Python's json cannot write it as UTF-8",),
        request=_texts,
    ),
)
