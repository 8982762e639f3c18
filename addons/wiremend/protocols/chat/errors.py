"""The errors of the chat wire: OpenAI's."""

from __future__ import annotations

from wiremend.protocols.openai import error_body, error_event

__all__ = ["error_body", "error_event"]
