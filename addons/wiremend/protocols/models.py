"""Models as all wires list them: what is said of one, read from any shape of list.

The official shapes are OpenAI's ``{"object": "list", "data": [{"id", "object": "model", "created", "owned_by"}]}`` and
Anthropic's ``{"data": [{"type": "model", "id", "display_name", "created_at", …}], "has_more", "first_id", "last_id"}``.
Providers send a bare list, ids alone, or the list under another name, and say how much a model can hold and write in
fields of their own (:data:`_WINDOWS`, :data:`_OUTPUTS`). All of them are read here; how a wire writes its own is in its
folder. No input raises.

Sources: the SDKs ``openai`` 3.52 and ``anthropic`` 2.11, and the references of the services named beside each field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_IDS: Final = ("id", "slug", "model", "name")
_LISTS: Final = ("data", "models")

_WINDOWS: Final = (
    ("context_length",),  # OpenRouter, Moonshot and Kimi Code, Together
    ("context_window",),  # Groq
    ("max_model_len",),  # vLLM
    ("max_context_length",),  # Mistral, LM Studio
    ("max_input_tokens",),  # Anthropic
    ("inputTokenLimit",),  # Gemini
    ("top_provider", "context_length"),  # OpenRouter, again
    ("limit", "context"),  # models.dev
    ("meta", "n_ctx"),  # llama.cpp, as it runs
    ("meta", "n_ctx_train"),  # and as the model was trained
)
"""Where a list says how many tokens a model can hold; the first that does counts."""

_OUTPUTS: Final = (
    ("max_completion_tokens",),  # Groq
    ("max_output_tokens",),
    ("max_tokens",),  # Anthropic
    ("outputTokenLimit",),  # Gemini
    ("top_provider", "max_completion_tokens"),  # OpenRouter
    ("limit", "output"),  # models.dev
)
"""Where a list says how many tokens a model can write at once."""

_MILLISECONDS: Final = 10**11
"""A time since 1970 that is greater than this counts milliseconds: in seconds it would be the year 5138."""
_LATEST: Final = 253402300799
"""The last second of the year 9999, which is as far as a date goes."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of a list; None is what the list does not say.

    ``created`` is in seconds since 1970. ``context_window`` is how many tokens the model can hold, ``max_output`` how
    many it can write at once. ``owner`` is who serves it, or made it.
    """

    id: str
    display_name: str | None = None
    created: int | None = None
    context_window: int | None = None
    max_output: int | None = None
    owner: str | None = None


def parsed(body: bytes) -> Any:  # noqa: ANN401  anybody's JSON
    """Parse a body; None for what is no JSON."""
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def rows_of(document: object) -> list[Any] | None:
    """Give the rows of a list of models, as they are; None where the document is no list."""
    if isinstance(document, list):
        return document
    found = (loose.field(document, name) for name in _LISTS)
    return next((rows for rows in found if isinstance(rows, list)), None)


def is_list_of(document: object, is_row: Callable[[object], bool]) -> bool:
    """Tell whether a parsed body is a list in ``data`` whose rows are all of a kind."""
    rows = loose.field(document, "data")
    return isinstance(rows, list) and all(map(is_row, rows))


def read_models(body: bytes) -> list[ModelEntry] | None:
    """Read a list of models of any shape; None for what is none. A row without an id is passed over."""
    return entries_of(parsed(body))


def read_model(body: bytes) -> ModelEntry | None:
    """Read one model, as it is or in ``data``; None for what is none, such as an error."""
    return entry_of(parsed(body))


def entries_of(document: object) -> list[ModelEntry] | None:
    """Read the list that a parsed body is, as :func:`read_models` does."""
    rows = rows_of(document)
    if rows is None:
        return None
    entries = [entry for row in rows if (entry := _entry(row)) is not None]
    return entries if entries or not rows else None


def entry_of(document: object) -> ModelEntry | None:
    """Read the model that a parsed body is, as :func:`read_model` does."""
    inner = loose.field(document, "data")
    document = inner if isinstance(inner, dict) else document
    if not isinstance(document, dict) or document.get("error") or rows_of(document) is not None:
        return None
    return _entry(document)


def _entry(row: object) -> ModelEntry | None:
    if isinstance(row, str):
        return ModelEntry(row) if row else None
    ident = _first_text(row, _IDS)
    if ident is None:
        return None
    name = _first_text(row, ("display_name", "displayName", "name"))
    return ModelEntry(
        id=ident,
        display_name=name if name != ident else None,
        created=_time(loose.field(row, "created")) or _time(loose.field(row, "created_at")),
        context_window=_tokens(row, _WINDOWS),
        max_output=_tokens(row, _OUTPUTS),
        owner=_first_text(row, ("owned_by", "organization")),
    )


def _first_text(row: object, names: Iterable[str]) -> str | None:
    return next((text for name in names if (text := loose.text(loose.field(row, name))) is not None), None)


def _tokens(row: object, places: Iterable[tuple[str, ...]]) -> int | None:
    """Give the first count that says something; zero says nothing."""
    return next((count for place in places if (count := loose.count(loose.field(row, *place)))), None)


def _time(value: object) -> int | None:
    """Read a time: seconds or milliseconds since 1970, or RFC 3339. The epoch itself stands for "unknown"."""
    if isinstance(value, float) and math.isfinite(value):
        value = math.floor(value)
    seconds = loose.count(value)
    if seconds is not None and seconds > _MILLISECONDS:
        seconds //= 1000
    elif seconds is None and isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return None
        seconds = math.floor((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    return seconds if seconds is not None and 0 < seconds <= _LATEST else None
