"""Lists of models as OpenAI has them, for the chat and the responses wire.

Shape: https://platform.openai.com/docs/api-reference/models, and ``Model`` in the SDK ``openai`` 3.52.

OpenAI itself says nothing of a model but who owns it and since when. What else is known stands under the names that
agents look for in the lists of others: ``context_length`` (OpenRouter, Moonshot), ``max_completion_tokens`` (Groq),
``display_name`` (Kimi Code).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.models import is_list_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.models import ModelEntry

_NOBODY: Final = "unknown"
"""The owner of a model of which none is known: the field is required."""


def write_models(entries: Sequence[ModelEntry]) -> bytes:
    """Write a list; this wire has no pages."""
    return msgspec.json.encode({"object": "list", "data": [_row(entry) for entry in entries]})


def write_model(entry: ModelEntry) -> bytes:
    """Write one model."""
    return msgspec.json.encode(_row(entry))


def is_list(document: object) -> bool:
    """Tell whether a parsed body is a list of this family already, loosely: it may have extras of its own."""
    return is_list_of(document, is_model)


def is_model(document: object) -> bool:
    """Tell one of OpenAI's models from one of Anthropic's, in a parsed body; there are rows that are both."""
    ours = bool(loose.field(document, "object") == "model" or loose.field(document, "type") != "model")
    return ours and loose.text(loose.field(document, "id")) is not None


def _row(entry: ModelEntry) -> dict[str, Any]:
    extras = {
        "display_name": entry.display_name,
        "context_length": entry.context_window,
        "max_completion_tokens": entry.max_output,
    }
    return {
        "id": entry.id,
        "object": "model",
        "created": entry.created or 0,
        "owned_by": entry.owner or _NOBODY,
        **{name: value for name, value in extras.items() if value is not None},
    }
