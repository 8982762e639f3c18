"""What goes into the ledger at once: a finished call, the tools that it called, the results that it brought.

One entry is one line of the journal (:mod:`wiremend.ledger.journal`), one piece of work for a sink, and one request to
a webhook. It is either there as a whole or not at all.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wiremend.ledger.row import CallRow, ToolRow  # noqa: TC001 - msgspec reads the types of the fields

REPLACEMENT: Final = "\ufffd"


class Entry(msgspec.Struct, frozen=True):
    """One entry.

    ``tools`` are in the order in which the reply called them. ``results`` are the ids of calls of tools, made by
    earlier replies, whose results this call's request brought.
    """

    call: CallRow
    tools: tuple[ToolRow, ...] = ()
    results: tuple[str, ...] = ()


_decoder: Final = msgspec.json.Decoder(Entry)


def to_line(entry: Entry) -> bytes:
    """Give an entry as one line of JSON. Text that UTF-8 cannot carry is replaced rather than lost with its row."""
    try:
        return msgspec.json.encode(entry) + b"\n"
    except UnicodeEncodeError:
        return msgspec.json.encode(_plain(msgspec.to_builtins(entry))) + b"\n"


def from_line(line: bytes) -> Entry | None:
    """Read a line. None where it is no entry, such as one that was torn when the disk was full.

    Columns that this version does not know are left out; those that it misses have their defaults. A NUL, which no
    database takes in a text, is replaced.
    """
    try:
        entry = _decoder.decode(line)
        if b"\\u0000" in line:
            entry = msgspec.convert(_plain(msgspec.to_builtins(entry)), Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8").replace("\0", REPLACEMENT)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
