"""How many tokens a prompt has, where the provider does not count them (quirk ``path-count-tokens-404``).

An estimate, and marked as one: four bytes of text are a token, rounded up, over all strings of the system prompt, the
messages and the tools, names and schemas included; an image or a document in base64 is taken for :data:`MEDIA` tokens,
whatever its size.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

BYTES: Final = 4
"""Bytes of UTF-8 text that make a token."""

MEDIA: Final = 1600
"""Tokens of an image: what Anthropic's guide gives for one of about a megapixel (docs: vision, image costs)."""

_PROMPT: Final = ("system", "messages", "tools", "instructions", "input")


def estimate(body: bytes | None) -> int:
    """Estimate the tokens of a request's prompt; 0 for what is no JSON object. Never raises."""
    try:
        document = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return 0
    if not isinstance(document, dict):
        return 0
    size, media = 0, 0
    pending: list[Any] = [document[name] for name in _PROMPT if name in document]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            size += len(value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            if value.get("type") == "base64" and isinstance(value.get("data"), str):
                media += 1
                continue
            pending += value.values()
            size += sum(len(name) for name in value)
    return -(-size // BYTES) + media * MEDIA
