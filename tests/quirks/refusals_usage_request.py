"""A host that tells the usage of a stream only where it is asked.

It refuses nothing, and the turn is good; what comes of it is that the client counts no tokens. That stands here as a
refusal, so that the case of the quirk is judged as the others are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def usage_not_requested(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    options = body.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True
    return (400, "the stream ended, and told no usage") if body.get("stream") is True and not asked else None


REFUSALS: dict[str, Refusal] = {"usage-not-requested": usage_not_requested}
