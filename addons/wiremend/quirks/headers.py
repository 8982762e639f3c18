"""Where a request goes and how it introduces itself: paths, credentials, and the betas of the messages wire.

Two of these are no function here: the rules join every path and place every credential (:mod:`wiremend.rules`), for
all providers, so their entries only tell what is done.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

BETA: Final = "anthropic-beta"

_REFUSED: Final = (
    (("api.minimax*",), ("fine-grained-tool-streaming-*", "context-1m-*")),
    (("aiplatform.googleapis.com", "*-aiplatform.googleapis.com"), ("prompt-caching-scope-*",)),
)
"""Hosts, and the betas that they refuse, as globs."""

_ANY_REFUSED: Final = tuple(glob for _, globs in _REFUSED for glob in globs)


def _without_beta_query(target: str) -> str:
    path, mark, query = target.partition("?")
    if not mark:
        return target
    pairs = query.split("&")
    kept = [pair for pair in pairs if pair != "beta=true"]
    if len(kept) == len(pairs):
        return target
    return path + (f"?{'&'.join(kept)}" if kept else "")


def _drop_betas(draft: Draft) -> None:
    host = draft.scope.host.lower()
    refused = next((globs for hosts, globs in _REFUSED if any(fnmatchcase(host, one) for one in hosts)), _ANY_REFUSED)
    headers = draft.headers
    for glob in refused:
        headers = headers.with_items_dropped(BETA, glob)
    if headers is not draft.headers:
        left = headers.joined(BETA)
        what = f"dropped {_dropped(draft.headers.joined(BETA), left)}, which this host refuses"
        draft.set_header(BETA, left, what, kind="lost")


def _dropped(before: str | None, after: str | None) -> str:
    """Name the items of a list that are no longer in it."""
    kept = {item.strip() for item in (after or "").split(",")}
    return ", ".join(item.strip() for item in (before or "").split(",") if item.strip() not in kept)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=2,
        name="path-missing-v1",
        wires=("messages",),
        side="url",
        kind="always",
        who="Bases without a version, with clients that add none: @ai-sdk/anthropic and what people write by hand.",
        symptom="404 Not Found on the first request.",
        mend="The rules join base and path for every provider and put the version where it belongs (docs/urls.md).",
        before="POST https://api.anthropic.com/messages",
        after="POST https://api.anthropic.com/v1/messages",
        evidence=(
            "https://github.com/fredrikburmester/streamystats/issues/491",
            "https://github.com/ys-ll/uniterm/pull/365",
        ),
    ),
    Quirk(
        number=4,
        name="path-beta-query",
        wires=("messages",),
        side="url",
        kind="preset",
        who="Relays that route by the exact path and query; Claude Code adds beta=true to every request.",
        symptom="404: Route /v1/messages?beta=true not found.",
        mend="Takes beta=true out of the query; what else is in it stays.",
        before="POST /v1/messages?beta=true",
        after="POST /v1/messages",
        evidence=(
            "https://github.com/Wei-Shaw/claude-relay-service/issues/113",
            "https://github.com/envoyproxy/ai-gateway/issues/1360",
            "measured: Claude Code 2.1.197 sends ?beta=true with every request, whatever its base URL",
        ),
        target=_without_beta_query,
    ),
    Quirk(
        number=7,
        name="auth-bearer-required",
        wires=("messages",),
        side="headers",
        kind="always",
        who="MiniMax, Azure Foundry, OpenRouter, Fireworks and Ollama's cloud, with clients that send x-api-key.",
        symptom="401, although the key is right.",
        mend="The rules send the credential as the provider's `auth` says, and take the other header away.",
        before="x-api-key: sk-or-v1-FAKE",
        after="Authorization: Bearer sk-or-v1-FAKE",
        evidence=(
            "https://github.com/NousResearch/hermes-agent/blob/main/agent/anthropic_adapter.py",
            "https://www.developersdigest.tech/reference/api-compatibility/ollama",
            "https://www.developersdigest.tech/reference/api-compatibility/openrouter",
        ),
    ),
    Quirk(
        number=9,
        name="beta-header-rejected",
        wires=("messages",),
        side="headers",
        kind="preset",
        who="MiniMax (fine-grained-tool-streaming, context-1m); Vertex and Envoy (prompt-caching-scope).",
        symptom="400, or an error on every turn with tools, as long as the beta is named.",
        mend="Drops the betas that the host refuses, and the header if none is left; elsewhere all three of them.",
        before="anthropic-beta: claude-code-20250219,prompt-caching-scope-2026-01-05",
        after="anthropic-beta: claude-code-20250219",
        evidence=(
            "https://github.com/NousResearch/hermes-agent/blob/main/agent/anthropic_adapter.py",
            "https://github.com/anthropics/claude-code/issues/21612",
            "https://api-docs.deepseek.com/guides/anthropic_api/",
        ),
        presets=("minimax", "vertex"),
        request=_drop_betas,
    ),
)
