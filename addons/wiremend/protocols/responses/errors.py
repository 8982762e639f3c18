"""The error object of the responses wire, as a body: OpenAI's. In a stream an error is an event of its own."""

from __future__ import annotations

from wiremend.protocols.openai import error_body

__all__ = ["error_body"]
