"""Lists of models as Anthropic has them, in pages (https://platform.claude.com/docs/en/api/models).

The fields are those of ``ModelInfo`` in the SDK ``anthropic`` 2.11: what is not known is null where it may be, and the
epoch where it must be a time, as Anthropic does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.models import is_list_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.models import ModelEntry

MOST: Final = 1000
"""How many models a page may be asked to have, and has where nobody asks (Anthropic's own then have 20)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: at most ``limit`` entries behind the id ``after``, or before ``before``."""

    limit: int = MOST
    after: str | None = None
    before: str | None = None

    def of(self, entries: Sequence[ModelEntry]) -> tuple[Sequence[ModelEntry], bool]:
        """Give the page's entries, and whether there are more in its direction.

        Raises ValueError where an id is not in the list.
        """
        ids = [entry.id for entry in entries]
        start = _place(ids, self.after, "after_id") + 1 if self.after is not None else 0
        end = _place(ids, self.before, "before_id") if self.before is not None else len(ids)
        if self.before is not None and self.after is None:
            return entries[max(0, end - self.limit) : end], end > self.limit
        return entries[start : min(end, start + self.limit)], start + self.limit < end


def page_of(query: str) -> Page:
    """Read which page a query asks for. Raises ValueError where ``limit`` is no number from 1 to 1000."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = loose.count(asked["limit"]) if "limit" in asked else MOST
    if limit is None or not 1 <= limit <= MOST:
        message = f"limit: a whole number from 1 to {MOST} is expected"
        raise ValueError(message)
    return Page(limit, asked.get("after_id"), asked.get("before_id"))


def write_models(entries: Sequence[ModelEntry], page: Page | None = None) -> bytes:
    """Write a page of a list, without ``page`` the whole of it. Raises ValueError as :meth:`Page.of` does."""
    shown, more = page.of(entries) if page is not None else (entries, False)
    ends = {"first_id": shown[0].id, "last_id": shown[-1].id} if shown else {"first_id": None, "last_id": None}
    return msgspec.json.encode({"data": [_row(entry) for entry in shown], "has_more": more, **ends})


def write_model(entry: ModelEntry) -> bytes:
    """Write one model."""
    return msgspec.json.encode(_row(entry))


def is_list(document: object) -> bool:
    """Tell whether a parsed body is a list of this wire already, which may have extras of its own."""
    return is_list_of(document, is_model)


def is_model(document: object) -> bool:
    """Tell whether a parsed body is one model of this wire already."""
    return loose.field(document, "type") == "model" and loose.text(loose.field(document, "id")) is not None


def _place(ids: Sequence[str], ident: str, name: str) -> int:
    if ident not in ids:
        message = f"{name}: there is no model {ident!r} in this list"
        raise ValueError(message)
    return ids.index(ident)


def _row(entry: ModelEntry) -> dict[str, Any]:
    created = datetime.fromtimestamp(entry.created or 0, UTC)
    return {
        "type": "model",
        "id": entry.id,
        "display_name": entry.display_name or entry.id,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": entry.context_window,
        "max_tokens": entry.max_output,
        "capabilities": None,
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
    }
