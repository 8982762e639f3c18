"""The errors of the chat wire: OpenAI's."""

from __future__ import annotations

from wiremend.protocols.openai import error_body, error_event, said, status_of

__all__ = ["error_body", "error_event", "said", "status_of"]
