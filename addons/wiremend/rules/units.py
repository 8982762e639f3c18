"""Durations and sizes as people write them: ``30s``, ``200MB``."""

from __future__ import annotations

import re
from typing import Final

DURATION: Final = r"[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|s|m|h|d)"
SIZE: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?[ ]?(?:[Bb]|[KMGTkmgt][Ii]?[Bb])"
"""What is one, as a regular expression that Python and editors (JSON Schema) both read."""

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"": 1} | {
    name: base**power for power, letter in enumerate("KMGT", 1) for name, base in ((letter, 1000), (letter + "I", 1024))
}


def parse_duration(text: str) -> float:
    """Give the seconds of a duration such as ``500ms``, ``30s`` or ``7d``; 0 for a text that is none."""
    if not re.fullmatch(DURATION, text):
        return 0.0
    number = text.rstrip("mshd")
    return float(number) * _SECONDS[text[len(number) :]]


def parse_size(text: str) -> int:
    """Give the bytes of a size such as ``200MB`` (10**6) or ``2GiB`` (2**30); 0 for a text that is none."""
    if not re.fullmatch(SIZE, text):
        return 0
    number = text.rstrip("KMGTkmgtIiBb ")
    unit = text[len(number) :].strip().upper()
    return int(float(number) * _BYTES[unit[:-1]])
