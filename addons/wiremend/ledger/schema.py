"""The tables of the ledger, alike in SQLite and PostgreSQL: a column is named as the field of the row is.

``calls`` has one row a call, ``tool_calls`` one row for each tool that a reply called. In ``ledger_positions`` stands
how far the journal of each process was taken; it is written in the transaction that writes the rows, so that a row is
neither doubled nor lost whatever ends when. Each database knows the version of its tables; :data:`SQLITE` and
:data:`POSTGRES` are what leads from one version to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from wiremend.ledger.row import CallRow

type Kind = Literal["text", "whole", "real", "list", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``calls``. Lists are JSON; times are seconds since 1970 in SQLite, ``timestamptz`` in PostgreSQL."""

    name: str
    kind: Kind


CALLS: Final = (
    Column("id", "text"),
    Column("time", "time"),
    Column("client", "text"),
    Column("agent", "text"),
    Column("wire", "text"),
    Column("asked", "text"),
    Column("provider", "text"),
    Column("model", "text"),
    Column("upstream_wire", "text"),
    Column("route", "text"),
    Column("path", "text"),
    Column("status", "whole"),
    Column("stop_reason", "text"),
    Column("error", "text"),
    Column("attempts", "list"),
    Column("first_byte_s", "real"),
    Column("total_s", "real"),
    Column("overhead_ms", "real"),
    Column("input_tokens", "whole"),
    Column("output_tokens", "whole"),
    Column("cached_tokens", "whole"),
    Column("reasoning_tokens", "whole"),
    Column("mended", "list"),
    Column("seen", "list"),
    Column("losses", "list"),
    Column("capture", "text"),
)
"""The columns of ``calls``, each a field of :class:`~wiremend.ledger.row.CallRow`."""

TOOLS: Final = ("call", "number", "id", "name", "argument_bytes", "result_seen")
"""The columns of ``tool_calls`` that are written with the call. ``number`` counts from 0 in a reply: providers give ids
that are empty, or the same twice."""

APPLICATION: Final = 0x576D_4C64
"""Marks our SQLite files (``PRAGMA application_id``): ``WmLd``."""

SQLITE: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE calls (
            id TEXT PRIMARY KEY NOT NULL, time REAL NOT NULL, client TEXT, agent TEXT, wire TEXT, asked TEXT,
            provider TEXT, model TEXT, upstream_wire TEXT, route TEXT, path TEXT, status INTEGER, stop_reason TEXT,
            error TEXT, attempts TEXT NOT NULL, first_byte_s REAL, total_s REAL NOT NULL, overhead_ms REAL,
            input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, reasoning_tokens INTEGER,
            mended TEXT NOT NULL, seen TEXT NOT NULL, losses TEXT NOT NULL, capture TEXT)""",
        "CREATE INDEX calls_by_time ON calls (time)",
        """CREATE TABLE tool_calls (
            call TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
            argument_bytes INTEGER NOT NULL, result_seen INTEGER NOT NULL, result_at REAL,
            PRIMARY KEY (call, number))""",
        "CREATE INDEX tool_calls_by_id ON tool_calls (id)",
        """CREATE TABLE ledger_positions (
            stream TEXT PRIMARY KEY NOT NULL, segment INTEGER NOT NULL, at INTEGER NOT NULL, moved REAL NOT NULL)""",
    ),
)
"""What makes each version of the tables out of the one before it, from an empty file on."""

POSTGRES: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE {schema}.calls (
            id text PRIMARY KEY, "time" timestamptz NOT NULL, client text, agent text, wire text, asked text,
            provider text, model text, upstream_wire text, route text, path text, status bigint, stop_reason text,
            error text, attempts jsonb NOT NULL, first_byte_s double precision, total_s double precision NOT NULL,
            overhead_ms double precision, input_tokens bigint, output_tokens bigint, cached_tokens bigint,
            reasoning_tokens bigint, mended jsonb NOT NULL, seen jsonb NOT NULL, losses jsonb NOT NULL, capture text,
            serial bigint GENERATED ALWAYS AS IDENTITY)""",
        'CREATE INDEX calls_by_time ON {schema}.calls ("time")',
        """CREATE TABLE {schema}.tool_calls (
            call text NOT NULL, number integer NOT NULL, id text NOT NULL, name text NOT NULL,
            argument_bytes bigint NOT NULL, result_seen boolean NOT NULL, result_at timestamptz,
            PRIMARY KEY (call, number))""",
        "CREATE INDEX tool_calls_by_id ON {schema}.tool_calls (id)",
        """CREATE TABLE {schema}.ledger_positions (
            stream text PRIMARY KEY, segment bigint NOT NULL, at bigint NOT NULL, moved timestamptz NOT NULL)""",
    ),
)
"""The same for PostgreSQL; ``serial`` is the order in which rows came."""

POSITIONS_KEPT: Final = 30 * 86400.0
"""Seconds after which the position of a process that no longer writes is forgotten."""


def values(row: CallRow) -> list[object]:
    """Give the values of a call's columns, in their order, as SQLite takes them."""
    found: list[object] = []
    for column in CALLS:
        value = getattr(row, column.name)
        found.append(msgspec.json.encode(value).decode() if column.kind == "list" else value)
    return found
