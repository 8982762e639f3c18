"""The responses wire: OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wiremend.protocols.base import Endpoint, Wire
from wiremend.protocols.responses.errors import error_body, error_event
from wiremend.protocols.responses.tally import ResponsesTally

__all__ = ["WIRE"]

WIRE: Final = Wire(
    name="responses",
    endpoints=(
        Endpoint("responses", "generate"),
        Endpoint("responses/input_tokens", "count"),
        Endpoint("responses/compact", "other"),
        Endpoint("responses", "other", rest=True),  # {id}, {id}/cancel, {id}/input_items
    ),
    auth="bearer",
    headers=MappingProxyType({}),
    error_body=error_body,
    error_event=error_event,
    model_pointers=("/model", "/response/model"),  # a body; response.created and the other events of the whole
    tally=ResponsesTally,
    own_headers=("openai-",),
)
