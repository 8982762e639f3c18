"""What the ledger says of many calls: how many, how many failed, their tokens and their times, by what one likes.

Percentiles are exact, by the nearest rank: of 200 times the 95th percentile is the 190th. SQLite has none, so both
databases give the calls themselves, a few columns of each, and they are counted here.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from wiremend.errors import SetupError
from wiremend.ledger.postgres import Postgres
from wiremend.ledger.row import Try
from wiremend.ledger.sink import SinkDownError
from wiremend.ledger.sqlite import Sqlite, check_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wiremend.ledger.sink import Sink

type By = Literal["provider", "model", "client", "agent", "day"]

BY: Final[tuple[By, ...]] = get_args(By.__value__)

FAILED: Final = 400
"""The first status that is an error."""

NOT_ASKED: Final = frozenset({"cooling", "queue", "window", "credential"})
"""Troubles of tries in which nothing was sent."""

_COLUMNS: Final = (
    "client, agent, provider, model, status, error IS NOT NULL, input_tokens, output_tokens, cached_tokens,"
    " reasoning_tokens, first_byte_s, total_s"
)
_SQLITE: Final = f"SELECT time, attempts, {_COLUMNS} FROM calls WHERE time >= ?"  # noqa: S608 - names of ours
_POSTGRES: Final = (
    f'SELECT extract(epoch FROM "time")::float8, attempts::text, {_COLUMNS}'  # noqa: S608 - as above
    ' FROM {schema}.calls WHERE "time" >= to_timestamp(%s)'
)
_tries: Final = msgspec.json.Decoder(tuple[Try, ...])


@dataclass(slots=True)
class Sum:
    """What calls have in common, and what they come to. Times are seconds; tokens are those that were told."""

    names: tuple[str | None, ...]
    calls: int = 0
    errors: int = 0
    """Calls without a head, with a status from 400 on, or that broke off, whoever broke them off."""
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    retries: int = 0
    """Tries at the same provider and model as the one before."""
    fallbacks: int = 0
    """Calls that ended at another provider or model than they began at."""
    first_bytes: array[float] = field(default_factory=lambda: array("d"))
    totals: array[float] = field(default_factory=lambda: array("d"))

    def percentiles(self) -> dict[str, float | None]:
        """Give the percentiles of the time to the first byte, and of the whole."""
        first, total = sorted(self.first_bytes), sorted(self.totals)
        return {
            **{f"first_byte_p{share}": percentile(first, share) for share in (50, 95, 99)},
            **{f"total_p{share}": percentile(total, share) for share in (50, 95)},
        }


def percentile(ordered: Sequence[float], share: int) -> float | None:
    """Give a percentile of ordered values by the nearest rank: the least that ``share`` % of them do not exceed."""
    return ordered[max(math.ceil(len(ordered) * share / 100), 1) - 1] if ordered else None


def summed(calls: Iterable[tuple[Any, ...]], by: Sequence[By]) -> tuple[list[Sum], Sum]:
    """Sum up calls: gives a sum for each group, and one for all. Days are those of this machine's clock.

    The groups with the most calls come first; where days are asked for, they are in order.
    """
    groups: dict[tuple[str | None, ...], Sum] = {}
    every = Sum(())
    for call in calls:
        at, _, client, agent, provider, model, *_ = call
        facts = {"client": client, "agent": agent, "provider": provider, "model": model}
        names = tuple(datetime.fromtimestamp(at).date().isoformat() if one == "day" else facts[one] for one in by)  # noqa: DTZ006 - the user's own days
        group = groups.get(names)
        if group is None:
            group = groups[names] = Sum(names)
        _count(group, call)
        _count(every, call)
    days = [number for number, one in enumerate(by) if one == "day"]
    ordered = sorted(groups.values(), key=lambda one: ([one.names[at] for at in days], -one.calls, _plain(one)))
    return ordered, every


def read(sink: Sink, since: float) -> Iterator[tuple[Any, ...]]:
    """Give the calls since a time, in seconds since 1970, as :func:`summed` takes them.

    Raises SetupError where the ledger cannot be read, or is none that can; LookupError where nothing was written yet.
    """
    if isinstance(sink, Sqlite):
        yield from _of_sqlite(sink, since)
    elif isinstance(sink, Postgres):
        try:
            yield from sink.rows(_POSTGRES, (since,))
        except SinkDownError as error:
            raise SetupError(f"the ledger {sink.name} cannot be read: {error}") from None
    else:
        raise SetupError(f"the ledger {sink.name} is a webhook: what it was sent cannot be read back")


def _of_sqlite(sink: Sqlite, since: float) -> Iterator[tuple[Any, ...]]:
    if not sink.path.exists():
        raise LookupError
    try:
        with closing(sqlite3.connect(f"{sink.path.as_uri()}?mode=ro", uri=True)) as db:
            if check_version(db) == 0:
                raise LookupError
            yield from db.execute(_SQLITE, (since,))
    except (sqlite3.Error, SinkDownError) as error:
        raise SetupError(f"the ledger {sink.name} cannot be read: {error}") from None


def _count(group: Sum, call: tuple[Any, ...]) -> None:
    _, attempts, _, _, _, _, status, broke, given, got, cached, thought, first_byte, total = call
    group.calls += 1
    group.errors += bool(broke or status is None or status >= FAILED)
    group.input_tokens += given or 0
    group.output_tokens += got or 0
    group.cached_tokens += cached or 0
    group.reasoning_tokens += thought or 0
    if first_byte is not None:
        group.first_bytes.append(first_byte)
    group.totals.append(total)
    if len(attempts) > len("[]"):
        retries, fell_back = _tried(attempts)
        group.retries += retries
        group.fallbacks += fell_back


def _tried(attempts: str) -> tuple[int, bool]:
    """Count the retries of a call, and tell whether it ended elsewhere than it began."""
    try:
        tries = _tries.decode(attempts)
    except msgspec.DecodeError:
        return 0, False
    places = [(one.provider, one.model) for one in tries]
    asked = [(one.provider, one.model) for one in tries if one.trouble not in NOT_ASKED]
    retries = sum(one == before for before, one in pairwise(asked))
    return retries, bool(places) and places[-1] != places[0]


def _plain(group: Sum) -> tuple[str, ...]:
    return tuple(name or "" for name in group.names)
