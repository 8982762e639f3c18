"""What the three wires call the failures that the faults come to (docs/errors.md), written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

type Kind = Literal["upstream", "overloaded", "rate_limit", "quota", "invalid", "authentication", "timeout"]

WORDS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "messages": {
        "upstream": "api_error",
        "overloaded": "overloaded_error",
        "rate_limit": "rate_limit_error",
        "quota": "billing_error",
        "invalid": "invalid_request_error",
        "authentication": "authentication_error",
        "timeout": "timeout_error",
    },
    "chat": {
        "upstream": "upstream",
        "overloaded": "server_is_overloaded",
        "rate_limit": "rate_limit_exceeded",
        "quota": "insufficient_quota",
        "invalid": "invalid_request_error",
        "authentication": "invalid_api_key",
        "timeout": "timeout",
    },
    "responses": {
        "upstream": "server_error",
        "overloaded": "server_is_overloaded",
        "rate_limit": "rate_limit_exceeded",
        "quota": "insufficient_quota",
        "invalid": "invalid_prompt",
        "authentication": "invalid_prompt",
        "timeout": "server_error",
    },
}
"""Wire -> kind of failure -> the type (messages) or code that the client reads (docs/errors.md).

Those of responses are the codes of an event; a body that comes with a status has chat's.
"""

OVERLOADED: Final[Mapping[str, int]] = {"messages": 529, "chat": 503, "responses": 503}
"""Wire -> the status of an overload, whichever the provider used (docs/errors.md)."""
