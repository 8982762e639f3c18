"""``capture.scrub``: what the user wants replaced in captures besides the credentials that are found anyway.

Each entry is a JSON pointer, which begins with ``/``, or a pattern written ``re:…`` (Python's regular expressions). A
pattern is tried against bytes, because a body may be of any kind, so a letter beyond ASCII is the bytes of its UTF-8.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Final

from wiremend.jsonedit import parse_pointer

if TYPE_CHECKING:
    from wiremend.jsonedit import Pointer

_PATTERN: Final = "re:"
_EVERY_BYTE: Final = bytes(range(256))


def parse_scrub(text: str) -> Pointer | re.Pattern[bytes]:
    """Read one entry. Raises ValueError with a sentence for the file's author."""
    if text.startswith(_PATTERN):
        return _compiled(text.removeprefix(_PATTERN))
    if not text.startswith("/"):
        message = "this is neither a JSON pointer, such as /metadata/user_id, nor a pattern, such as re:acct_[0-9]+"
        raise ValueError(message)
    return parse_pointer(text)


def check_scrub(text: str) -> None:
    """Raise ValueError unless the text is a JSON pointer or a pattern."""
    parse_scrub(text)


def _compiled(text: str) -> re.Pattern[bytes]:
    source = _in_bytes(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of, such as `[[`, it may one day read otherwise
            pattern = re.compile(source)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        message = f"this pattern cannot be used: {error}"
        raise ValueError(message) from None
    # The pattern's own text stands for what it looks for: a look-ahead finds nothing, but finds it there.
    if any(not found[0] for probe in (b"", _EVERY_BYTE, source) for found in pattern.finditer(probe)):
        message = "this pattern matches the empty text, which is everywhere; let it match at least one character"
        raise ValueError(message)
    return pattern


def _in_bytes(text: str) -> bytes:
    """Give a pattern's source for bytes: a letter of many bytes is kept together, so that `é?` means what it says."""
    parts: list[str] = []
    position = inside = 0
    while position < len(text):
        character = text[position]
        step = 2 if character == "\\" else 1
        piece = text[position : position + step]
        if not piece.isascii():
            if inside:
                message = "a set in a pattern takes ASCII alone; write (?:é|ü) in the place of [éü]"
                raise ValueError(message)
            piece = f"(?:{re.escape(piece[-1])})"
        elif inside:
            # A bracket that closes the set right where it opens is one of its characters.
            inside = 0 if piece == "]" and position > inside else inside
        elif piece == "[":
            inside = position + (2 if text[position + 1 : position + 2] == "^" else 1)
        parts.append(piece)
        position += step
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError:
        message = "this pattern holds half of a character (a lone surrogate)"
        raise ValueError(message) from None
