"""A webhook as a sink: each row is a JSON object, posted to a URL.

A row that was posted may come again, where the answer was lost or the proxy killed before it was noted: its id is the
header ``Idempotency-Key`` and the member ``id``. How far a webhook is, stands in a file in the journal's folder.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from wiremend import __version__
from wiremend.ledger.schema import POSITIONS_KEPT
from wiremend.ledger.sink import Position, RowRefusedError, SinkDownError, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message
    from pathlib import Path
    from typing import IO

    from wiremend.ledger.entry import Entry

ANSWERING: Final = 10.0
"""Seconds for which an answer is waited for."""

REDIRECTS: Final = range(300, 400)
OF_THE_ROW: Final = frozenset({400, 413, 415, 422})
"""Statuses that say what is wrong with a row. With other statuses of 4xx it is the address, the key or the pace."""

OF_THE_MOMENT: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that have nothing to do with the row."""

_READ: Final = 64 * 1024


class _Known(msgspec.Struct):
    segment: int
    at: int
    moved: float


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: rows go where the rules say and nowhere else."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """Let the status be an answer like others."""


class Webhook:
    """A URL. It is never shown: :attr:`name` has its host alone, because the rest may be a secret."""

    def __init__(self, address: str, journal: Path, answering: float = ANSWERING) -> None:
        """Send nothing yet."""
        parts = urlsplit(address)
        user, at, place = parts.netloc.rpartition("@")
        self._url = urlunsplit(parts._replace(netloc=place, fragment=""))
        self.name = f"{parts.scheme}://{place}"
        self.key = key_of(self._url)
        self.batch = 1
        self._headers = {"Content-Type": "application/json", "User-Agent": f"wiremend/{__version__}"}
        if at:
            secret = base64.b64encode(unquote(user).encode()).decode()
            self._headers["Authorization"] = f"Basic {secret}"
        self._folder = journal
        self._file = journal / f"{self.key}.position.json"
        self._answering = answering
        handlers = [urllib.request.ProxyHandler({})] if _is_loopback(parts.hostname or "") else []
        self._opener = urllib.request.build_opener(_NoRedirect, *handlers)
        self._known: dict[str, _Known] | None = None

    def position(self, stream: str) -> Position:
        """Give how far a stream was taken."""
        self._known = self._read()  # another process may have gone on
        known = self._known.get(stream)
        return Position(stream, known.segment, known.at) if known is not None else Position(stream)

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Post entries, each by itself; those before one that fails are posted nevertheless."""
        for entry in entries:
            self._post(entry)
        known = self._known if self._known is not None else self._read()
        now = time.time()
        known[position.stream] = _Known(position.segment, position.at, now)
        self._known = {name: one for name, one in known.items() if now - one.moved < POSITIONS_KEPT}
        draft = self._file.with_suffix(".draft")
        try:
            draft.write_bytes(msgspec.json.encode(self._known))
            draft.replace(self._file)
        except OSError as error:
            raise SinkDownError(f"its position cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is kept open."""

    # -- how

    def _read(self) -> dict[str, _Known]:
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, _Known])
        return {}

    def _post(self, entry: Entry) -> None:
        body = {
            "id": entry.call.id,
            "kind": "call",
            "call": entry.call,
            "tool_calls": entry.tools,
            "tool_results": entry.results,
        }
        request = urllib.request.Request(  # noqa: S310 - http or https, by who makes us
            self._url,
            msgspec.json.encode(body),
            {**self._headers, "Idempotency-Key": _token(entry.call.id)},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=self._answering) as answer:
                answer.read(_READ)  # what it says is of no interest, but it is to be said
        except urllib.error.HTTPError as error:
            with error:
                raise _trouble(error.code, error.headers) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SinkDownError(_why(error)) from None


def _trouble(status: int, headers: Message[str, str]) -> Exception:
    said = f"it answers {status}"
    if status in REDIRECTS:
        return SinkDownError(f"{said}: write the address that it leads to")
    if status in OF_THE_ROW:
        return RowRefusedError(said)
    after = _seconds(headers.get("Retry-After"))
    return SinkDownError(said, after, one_row=status not in OF_THE_MOMENT and status >= 500)  # noqa: PLR2004 - 5xx


def _seconds(text: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _why(error: Exception) -> str:
    """Say what was wrong without the address, which Python's own words may quote."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "it does not answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__


def _token(text: str) -> str:
    """Give an id as a header can carry it."""
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
