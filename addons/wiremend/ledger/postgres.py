"""A PostgreSQL database as a sink; a Supabase is one, directly or through its pooler.

The address is libpq's, with one parameter of ours: ``?schema=NAME``, ``wiremend`` unless it is given. A schema of our
own keeps the tables apart from those of others, and from what a Supabase publishes. A batch is one transaction of a few
statements, each with all rows of a table in one parameter. Nothing is kept in the session, so that a pooler may give
each transaction another connection.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from wiremend.ledger.schema import CALLS, POSITIONS_KEPT, POSTGRES, TOOLS
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

    from wiremend.ledger.entry import Entry

BATCH: Final = 500
"""Rows that one transaction writes at most."""

CONNECTING: Final = 10
"""Seconds for which a connection may be made."""

STATEMENT: Final = 30
"""Seconds that a statement may take, waiting for locks included."""

FETCHED: Final = 5000
"""Rows that are fetched at once."""

SCHEMA: Final = "wiremend"
INSTALL: Final = "psycopg is not installed: pip install 'wiremend[postgres]'"

_LOCK: Final = 0x576D_4C64
"""The advisory lock under which tables are made."""

_TYPES: Final = {
    "text": "text",
    "whole": "bigint",
    "real": "double precision",
    "list": "jsonb",
    "time": "double precision",
}
_NOT_THE_ROW: Final = frozenset({"22", "23"})
"""Classes of SQLSTATE that are about the values: data exceptions, integrity constraints."""

_HOST: Final = re.compile(r"(?:\[[\w:.%]+\]|[^:@\[\]]*)(?::\d+)?")
_USER: Final = re.compile(r' for user "[^"]*"')

_SAID: Final = {
    "28P01": "the password is not accepted",
    "28000": "the user is not accepted",
    "3D000": "there is no such database",
    "53300": "it has too many connections",
    "42501": "the user may not do that",
    "57P03": "it is starting up or shutting down",
}


class Postgres:
    """A database. ``address`` is never shown; :attr:`name` has its host and database alone."""

    def __init__(self, address: str, *, connecting: int = CONNECTING, statement: int = STATEMENT) -> None:
        """Connect to nothing yet."""
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        schema = asked.pop("schema", "") or SCHEMA
        if not re.fullmatch(r"[A-Za-z_]\w{0,62}", schema, re.ASCII):
            raise ValueError("the schema of a postgresql:// ledger is a name of letters, digits and _")
        self._schema = f'"{schema}"'
        self._address = urlunsplit(parts._replace(query=urlencode(asked)))
        user, _, hosts = parts.netloc.rpartition("@")
        user, _, password = user.partition(":")
        if "@" in parts.path + parts.query or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
            raise ValueError("in the user and password of a postgresql:// ledger, write / as %2F, @ as %40, : as %3A")
        hosts = hosts or asked.get("host", "localhost")
        database = parts.path.lstrip("/") or asked.get("dbname", "")
        self.name = f"postgresql://{hosts}/{database}"
        self.key = key_of(f"{self.name} {user or asked.get('user', '')} {schema} {asked.get('port', '')}")
        self._secrets = [text for text in (password, unquote(password), asked.get("password", "")) if text]
        self.batch = BATCH
        self._connecting = connecting
        self._statement = statement
        self._db: psycopg.Connection[Any] | None = None
        self._texts = _texts(self._schema)

    def position(self, stream: str) -> Position:
        """Give how far a stream was taken."""

        def ask(cursor: psycopg.Cursor[Any]) -> Position:
            cursor.execute(self._texts["position"], (stream,))
            return Position(stream, *(cursor.fetchone() or (0, 0)))

        return self._do(ask)

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Write entries in one transaction."""
        calls = [msgspec.to_builtins(entry.call) for entry in entries]
        tools = [
            {"call": entry.call.id, "number": number, **_plain(tool)}
            for entry in entries
            for number, tool in enumerate(entry.tools)
        ]
        results = [
            {"id": result, "at": entry.call.time, "client": entry.call.client}
            for entry in entries
            for result in entry.results
        ]

        def put(cursor: psycopg.Cursor[Any]) -> None:
            for name, rows in (("calls", calls), ("tools", tools), ("results", results)):
                if rows:
                    cursor.execute(self._texts[name], (msgspec.json.encode(rows).decode(),))
            now = time.time()
            cursor.execute(self._texts["move"], (position.stream, position.segment, position.at, now))
            cursor.execute(self._texts["forget"], (now - POSITIONS_KEPT,))

        self._do(put)

    def close(self) -> None:
        """Close the connection."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(Exception):
                db.close()

    def rows(self, query: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        """Give what a query finds, by a connection of its own; in the query ``{schema}`` stands for ours.

        Nothing is made. Raises LookupError where the tables are not there, SinkDownError.
        """
        text = query.replace("{schema}", self._schema).encode()
        with self._trouble(), closing(self._connect()) as db, db.transaction():
            with db.cursor() as cursor:
                cursor.execute(b"SET TRANSACTION READ ONLY")
                if self._version(cursor) == 0:
                    raise LookupError
            with db.cursor("wiremend") as cursor:
                cursor.itersize = FETCHED
                cursor.execute(text, values)
                yield from cursor

    # -- how

    def _do[T](self, what: Callable[[psycopg.Cursor[Any]], T]) -> T:
        """Do something in a transaction of its own; once more where the connection turns out to be an old one."""
        with self._trouble():
            kept = self._db is not None
            try:
                return self._transaction(what)
            except _driver().OperationalError:
                if not kept:
                    raise
                self.close()
            return self._transaction(what)

    def _transaction[T](self, what: Callable[[psycopg.Cursor[Any]], T]) -> T:
        db = self._open()
        with db.transaction(), db.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {self._statement * 1000}".encode())
            return what(cursor)

    def _open(self) -> psycopg.Connection[Any]:
        if self._db is not None and not self._db.closed:
            return self._db
        db = self._connect()
        try:
            with db.transaction(), db.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {self._statement * 1000}".encode())
                self._migrate(cursor)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _connect(self) -> psycopg.Connection[Any]:
        # No statement is prepared on the server: behind a pooler it would be on another connection the next time.
        db: psycopg.Connection[Any] = _driver().connect(
            self._address,
            connect_timeout=self._connecting,
            tcp_user_timeout=self._statement * 1000,
            autocommit=True,
            prepare_threshold=None,
        )
        return db

    def _migrate(self, cursor: psycopg.Cursor[Any]) -> None:
        """Bring the tables up to date; of several who come at once, one does it."""
        if self._version(cursor) == len(POSTGRES):
            return
        schema = self._schema
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cursor.execute("SELECT to_regnamespace(%s)", (schema,))
        if cursor.fetchone() == (None,):  # where it is there, one need not have the right to make one
            cursor.execute(f"CREATE SCHEMA {schema}".encode())
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {schema}.ledger_version (version bigint NOT NULL)".encode())
        version = self._version(cursor)
        for statements in POSTGRES[version:]:
            for statement in statements:
                cursor.execute(statement.format(schema=schema).encode())
        cursor.execute(f"DELETE FROM {schema}.ledger_version".encode())  # noqa: S608 - a name, quoted
        cursor.execute(f"INSERT INTO {schema}.ledger_version VALUES (%s)".encode(), (len(POSTGRES),))  # noqa: S608 - as above

    def _version(self, cursor: psycopg.Cursor[Any]) -> int:
        table = f"{self._schema}.ledger_version"
        cursor.execute("SELECT to_regclass(%s)", (table,))
        if cursor.fetchone() == (None,):
            return 0
        cursor.execute(f"SELECT version FROM {table}".encode())  # noqa: S608 - as above
        version = int((cursor.fetchone() or (0,))[0])
        if version > len(POSTGRES):
            raise SinkDownError("its tables were made by a newer Wiremend")
        return version

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        driver = _driver()
        try:
            yield
        except driver.Error as error:
            state = error.sqlstate or ""
            why = self._said(error)
            if state[:2] in _NOT_THE_ROW or (not state and isinstance(error, driver.DataError)):
                raise RowRefusedError(why) from None
            self.close()
            raise SinkDownError(why) from None

    def _said(self, error: psycopg.Error) -> str:
        """Say what was wrong, in the server's own words where they can hold nothing of the address."""
        if error.sqlstate in _SAID:
            return _SAID[error.sqlstate]
        if error.diag.message_primary:
            text = error.diag.message_primary
        elif isinstance(error, _driver().OperationalError):
            lines = str(error).strip().splitlines() or [""]
            ends = [line.rpartition(" failed: ")[2] for line in lines if " failed: " in line]
            text = _USER.sub("", ends[-1] if ends else lines[0]).removeprefix("FATAL:").strip()
        else:
            text = "the address cannot be read"  # what libpq says of it may quote it
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text or type(error).__name__


def _driver() -> Any:  # noqa: ANN401 - the module, or rather its absence told
    try:
        import psycopg  # noqa: PLC0415 - an optional extra, never imported at start-up
    except ImportError:
        raise SinkDownError(INSTALL) from None
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # what goes wrong is told by us, without an address
    return psycopg


def _plain(tool: object) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(tool)
    return found


def _texts(schema: str) -> dict[str, bytes]:
    """Give the statements, for a quoted schema."""
    names = ", ".join(f'"{column.name}"' for column in CALLS)
    typed = ", ".join(f'"{column.name}" {_TYPES[column.kind]}' for column in CALLS)
    picked = ", ".join(f'to_timestamp("{c.name}")' if c.kind == "time" else f'"{c.name}"' for c in CALLS)
    tools = ", ".join(TOOLS)
    texts = {
        "position": f"SELECT segment, at FROM {schema}.ledger_positions WHERE stream = %s",  # noqa: S608 - names of ours
        "calls": f"INSERT INTO {schema}.calls ({names}) SELECT {picked}"  # noqa: S608 - as above
        f" FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS ({typed})) WITH ORDINALITY AS given({names}, nth)"
        " ORDER BY nth ON CONFLICT DO NOTHING",
        "tools": f"INSERT INTO {schema}.tool_calls ({tools}) SELECT {tools} FROM jsonb_to_recordset(%s::jsonb)"  # noqa: S608 - as above
        " AS given(call text, number integer, id text, name text, argument_bytes bigint, result_seen boolean)"
        " ON CONFLICT DO NOTHING",
        "results": f"""
            UPDATE {schema}.tool_calls AS seen
            SET result_seen = true, result_at = coalesce(seen.result_at, to_timestamp(found.at))
            FROM (
                SELECT given.at, latest.call, latest.number
                FROM jsonb_to_recordset(%s::jsonb) AS given(id text, at double precision, client text)
                CROSS JOIN LATERAL (
                    SELECT t.call, t.number FROM {schema}.tool_calls AS t JOIN {schema}.calls AS c ON c.id = t.call
                    WHERE t.id = given.id AND c."time" < to_timestamp(given.at)
                        AND c.client IS NOT DISTINCT FROM given.client
                    ORDER BY c."time" DESC, t.number DESC LIMIT 1) AS latest) AS found
            WHERE seen.call = found.call AND seen.number = found.number""",  # noqa: S608 - as above
        "move": f"""
            INSERT INTO {schema}.ledger_positions AS known (stream, segment, at, moved)
            VALUES (%s, %s, %s, to_timestamp(%s))
            ON CONFLICT (stream) DO UPDATE
            SET segment = excluded.segment, at = excluded.at, moved = excluded.moved""",  # noqa: S608 - as above
        "forget": f"DELETE FROM {schema}.ledger_positions WHERE moved < to_timestamp(%s)",  # noqa: S608 - as above
    }
    return {name: text.encode() for name, text in texts.items()}
