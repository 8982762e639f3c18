"""The error object of the chat wire: OpenAI's."""

from __future__ import annotations

from wiremend.protocols.openai import error_body

__all__ = ["error_body"]
