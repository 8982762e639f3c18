"""Surrogates: what stands in a capture for a secret (G8).

===================  ====================================================  =====================================
a credential         its family's prefix, ``SCRUBBED``, a keyed hash        ``sk-kimi-SCRUBBED0a1b2c…``
a uuid               a uuid that begins with ``5c2bbed``                    ``5c2bbed3-90af-4c1e-8…``
a long hex number    one of the same length that begins so                  ``5c2bbed390af…``
another id           its kind (``org-``, ``user-``), ``SCRUBBED``, a hash    ``org-SCRUBBED0a1b…``
===================  ====================================================  =====================================

A surrogate is as long as its secret, if that leaves room for a hash of eight digits. It has only characters that no
JSON, URL or header escapes. A value that is one already stays as it is, so that scrubbing twice is scrubbing once; and
so does a test key, which has ``FAKE`` behind its prefix.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from wiremend.families import FAMILIES

MARK: Final = "SCRUBBED"
"""What every surrogate of a credential has behind its prefix."""

HEX_MARK: Final = "5c2bbed"
"""What every surrogate of a uuid or a hex number begins with."""

_MORE: Final = (
    *(r"sk-ant-[a-z]{3,6}[0-9]{2}-", "sk-or-v1-", "github_pat_", "gh[pousr]_", "AKIA", "ASIA", "ABIA", "ACCA"),
    *("xox[abeoprs]-", "xapp-", "gl[a-z]{2,5}-", r"ya29\.", "GOCSPX-"),
    *("org-", "proj_", "user-", "user_", "acct_", "account-", "account_", "device-", "device_", "cus_"),
)
PREFIX: Final = "(?:" + "|".join([*_MORE, *(re.escape(family.prefix) for family in FAMILIES)]) + ")"
"""A regular expression of all prefixes that a surrogate may keep; the longer ones first."""

SURROGATE: Final = f"{PREFIX}?{MARK}[0-9a-f]{{8,}}"
"""A regular expression of the surrogates of credentials."""

_PREFIX: Final = re.compile(PREFIX)
_SURROGATE: Final = re.compile(SURROGATE)
_FAKE: Final = re.compile(f"(?:{PREFIX})?(?:test-)?FAKE")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{16,}")
_KIND_OF_ID: Final = r"(?:org|proj|user|acct|account|device|cus)[-_][A-Za-z0-9_-]{8,}"
_ID: Final = re.compile(rf"{_UUID.pattern}|{_HEX.pattern}|{_KIND_OF_ID}")
_LEAST: Final = 8


def is_harmless(value: str) -> bool:
    """Tell whether the whole of a value is a surrogate, or a test key with ``FAKE`` behind its prefix."""
    return _FAKE.match(value) is not None or is_surrogate(value)


def is_surrogate(value: str) -> bool:
    """Tell whether the whole of a value is a surrogate."""
    if _SURROGATE.fullmatch(value):
        return True
    return value[: len(HEX_MARK)].lower() == HEX_MARK and bool(_UUID.fullmatch(value) or _HEX.fullmatch(value))


def begins_harmless(value: str) -> bool:
    """Tell whether a value begins as a surrogate or a test key does: what a pattern found may have a tail."""
    return bool(_SURROGATE.match(value) or _FAKE.match(value))


def looks_like_id(value: str) -> bool:
    """Tell whether a value is shaped as the id of an account or a device: a uuid, long hex, ``org-…``."""
    return _ID.fullmatch(value) is not None


def family_prefix(value: str) -> str:
    """Give the prefix of a value that may be shown; empty where its looks say nothing."""
    found = _PREFIX.match(value)
    return found[0] if found else ""


class Surrogates:
    """Makes surrogates under one salt: the same value has the same one."""

    def __init__(self, salt: bytes) -> None:
        """Hash under this salt."""
        self._salt = salt
        self._made: dict[tuple[str, bool], str] = {}

    def of(self, value: str, *, is_id: bool = False) -> str:
        """Give the surrogate of a value; ``is_id`` keeps the shape of a uuid or a hex number."""
        key = value, is_id
        if key not in self._made:
            if len(self._made) > 10_000:  # noqa: PLR2004 - a bound on memory; the surrogates stay the same
                self._made.clear()
            self._made[key] = value if is_harmless(value) else self._make(value, is_id=is_id)
        return self._made[key]

    def _make(self, value: str, *, is_id: bool) -> str:
        if is_id and (_UUID.fullmatch(value) or _HEX.fullmatch(value)):
            return self._same_shape(value)
        prefix = family_prefix(value)
        return prefix + MARK + self._hash(value, max(_LEAST, len(value) - len(prefix) - len(MARK)))

    def _same_shape(self, value: str) -> str:
        digits = value.replace("-", "")
        made = iter(HEX_MARK + self._hash(value.lower(), len(digits) - len(HEX_MARK)))
        text = "".join("-" if character == "-" else next(made) for character in value)
        if "-" in value:  # the version and the variant of a uuid stay
            text = text[:14] + value[14] + text[15:19] + value[19] + text[20:]
        return text.upper() if value.upper() == value and value.lower() != value else text

    def _hash(self, value: str, length: int) -> str:
        data = self._salt + value.encode("utf-8", "surrogatepass")
        return hashlib.shake_256(data).hexdigest((length + 1) // 2)[:length]
