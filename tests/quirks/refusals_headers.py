"""What providers answer to headers that they refuse, as the catalogue of wire quirks has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def beta_header_rejected(_body: dict[str, Any], headers: Headers) -> tuple[int, str] | None:
    host = headers.get("host") or ""
    refused: tuple[str, ...] = ("fine-grained-tool-streaming", "context-1m", "prompt-caching-scope")
    if "minimax" in host:
        refused = refused[:2]
    elif "aiplatform" in host:
        refused = refused[2:]
    for item in (headers.joined("anthropic-beta") or "").split(","):
        if item.strip().startswith(refused):
            return 400, f"Unexpected value(s) `{item.strip()}` for the `anthropic-beta` header."
    return None


REFUSALS: dict[str, Refusal] = {"beta-header-rejected": beta_header_rejected}
