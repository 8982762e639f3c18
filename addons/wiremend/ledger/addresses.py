"""What the addresses in rules.yaml stand for: ``sqlite:PATH``, ``postgresql://…`` and ``https://…``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wiremend.ledger.sqlite import Sqlite

if TYPE_CHECKING:
    from wiremend.ledger.sink import Sink

DATABASE = "ledger.sqlite"
"""The file of the embedded database, in the folder that the captures' folder lies in."""


def embedded(state: Path) -> str:
    """Give the address of the embedded database of a user whose state folder this is."""
    return f"sqlite:{state / DATABASE}"


def sink_of(address: str, journal: Path) -> Sink:
    """Give the sink of an address. ``journal`` is where a webhook keeps its position.

    Raises ValueError where the address cannot be used; it is not quoted, because it may hold a secret.
    """
    try:
        urlsplit(address)
    except ValueError:
        raise ValueError("the address cannot be read") from None  # what Python says of it may quote it
    scheme, _, rest = address.partition(":")
    match scheme.lower():
        case "sqlite":
            return Sqlite(Path(rest).expanduser().absolute())
        case "postgresql" | "postgres":
            from wiremend.ledger.postgres import Postgres  # noqa: PLC0415 - only who has one needs it

            return Postgres(address)
        case "https" | "http":
            from wiremend.ledger.webhook import Webhook  # noqa: PLC0415 - as above

            return Webhook(address, journal)
        case _:
            raise ValueError("a ledger is sqlite:PATH, postgresql://… or https://…")
