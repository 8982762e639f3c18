"""What earlier replies left for later requests, looked up in the newest captures."""

from __future__ import annotations

import mmap
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from mitmproxy.io import tnetstring

from wiremend.errors import CaptureError
from wiremend.mitm.exchange import METADATA
from wiremend.mitm.flows import CAPTURE
from wiremend.mitm.netstring import frames, pick
from wiremend.mitm.shelf import Shelf

if TYPE_CHECKING:
    from pathlib import Path

LOOKED_THROUGH: Final = 64 * 1024 * 1024
"""Bytes of files that are looked through."""


def recollect(folder: Path, limit: int = LOOKED_THROUGH) -> dict[str, str]:
    """Give what is to be remembered, the oldest first.

    Files are looked through from the newest on, until ``limit`` bytes of them were; of the last only the end is, as far
    as the limit goes. What cannot be read is passed over.
    """
    found: list[dict[str, str]] = []
    left = limit
    for path in reversed(Shelf(folder).files()):
        with suppress(OSError, CaptureError, ValueError):
            size = path.stat().st_size
            if size:
                found.append(_of_file(path, size - left))
            left -= size
        if left <= 0:
            break
    return {key: value for one in reversed(found) for key, value in one.items()}


def _of_file(path: Path, begin: int) -> dict[str, str]:
    """Give what the flows of a file left, of those that begin behind an offset; later ones count."""
    kept: dict[str, str] = {}
    with (
        path.open("rb") as file,
        closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data,
        suppress(CaptureError),  # a file may be cut short: all before counts
    ):
        for start, _ in frames(data):
            place = pick(data, start, "metadata", METADATA, CAPTURE, "kept") if start >= begin else None
            if place is not None:
                _add(kept, data[place[0] : place[1]])
    return kept


def _add(kept: dict[str, str], data: bytes) -> None:
    values = tnetstring.loads(data)
    for key, value in values.items() if isinstance(values, dict) else ():
        name, text = (
            part.decode("utf-8", "surrogatepass") if isinstance(part, bytes) else part for part in (key, value)
        )
        if isinstance(name, str) and isinstance(text, str):
            kept.pop(name, None)  # so that the order is that of the last time
            kept[name] = text
