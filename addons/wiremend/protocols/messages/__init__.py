"""The messages wire: Anthropic's Messages API (https://docs.claude.com/en/api/messages)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wiremend.protocols.base import MODELS, Endpoint, Wire
from wiremend.protocols.messages.errors import error_body, error_event
from wiremend.protocols.messages.tally import MessagesTally

__all__ = ["WIRE"]

WIRE: Final = Wire(
    name="messages",
    endpoints=(
        Endpoint("messages", "generate"),
        Endpoint("messages/count_tokens", "count"),
        Endpoint("messages/batches", "other", rest=True),
        MODELS,
    ),
    auth="x-api-key",
    headers=MappingProxyType({"anthropic-version": "2023-06-01"}),
    error_body=error_body,
    error_event=error_event,
    model_pointers=("/model", "/message/model"),  # a body; message_start
    tally=MessagesTally,
    own_headers=("anthropic-",),
)
