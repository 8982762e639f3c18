"""The chat wire: OpenAI's Chat Completions API (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from wiremend.protocols.base import MODELS, Endpoint, Wire
from wiremend.protocols.chat.errors import error_body, error_event
from wiremend.protocols.chat.tally import ChatTally

__all__ = ["WIRE"]

WIRE: Final = Wire(
    name="chat",
    endpoints=(
        Endpoint("chat/completions", "generate"),
        Endpoint("completions", "generate"),
        Endpoint("embeddings", "embed"),
        MODELS,
    ),
    auth="bearer",
    headers=MappingProxyType({}),
    error_body=error_body,
    error_event=error_event,
    model_pointers=("/model",),  # a body and a chunk alike
    tally=ChatTally,
    own_headers=("openai-",),
)
