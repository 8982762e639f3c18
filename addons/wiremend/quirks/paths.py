"""Paths and codings that every request is rid of, whoever the provider: steps of the rules and of the pipeline."""

from __future__ import annotations

from functools import partial
from typing import Final

from wiremend.quirks.base import Quirk

_step = partial(Quirk, kind="always")
_WIRES: Final = ("messages", "chat", "responses")

QUIRKS: Final[tuple[Quirk, ...]] = (
    _step(
        number=1,
        name="path-double-v1",
        wires=("messages",),
        side="url",
        who="A base URL that ends in /v1, with Claude Code and the SDKs of Anthropic, which add one themselves.",
        symptom="404 for every request.",
        mend="A version that is repeated before an endpoint counts once (docs/urls.md).",
        before="POST /api/v1/v1/messages?beta=true",
        after="POST /api/v1/messages?beta=true",
        evidence=(
            "https://github.com/CloudWaddie/LMArenaBridge/issues/159",
            "https://github.com/ys-ll/uniterm/pull/365",
            "measured: Claude Code 2.1.197 and qwen-code 0.15.10, with such a base URL",
        ),
    ),
    _step(
        number=3,
        name="path-dup-endpoint",
        wires=_WIRES,
        side="url",
        who="A base URL into which the whole endpoint was pasted.",
        symptom="404 for every request.",
        mend="An endpoint that stands before itself is taken out, and doubled slashes with it (docs/urls.md).",
        before="POST /v1/messages/v1/messages",
        after="POST /v1/messages",
        evidence=("https://github.com/justlovemaki/AIClient2API/pull/336",),
    ),
    _step(
        number=5,
        name="path-count-tokens-404",
        wires=("messages", "responses"),
        side="url",
        who="Most endpoints that are compatible with Anthropic's, to Claude Code.",
        symptom="404 for count_tokens: /context shows wrong numbers, and the conversation is compacted late.",
        mend="A 404, 405 or 501 becomes an estimate, a token for four bytes, marked in x-wiremend-estimated.",
        before="POST /v1/messages/count_tokens, 404",
        after='200 {"input_tokens": 1234}, x-wiremend-estimated: input_tokens',
        evidence=(
            "https://github.com/envoyproxy/ai-gateway/issues/1360",
            "https://github.com/icebear0828/codex-proxy/pull/612",
            "https://github.com/caozhiyuan/copilot-api/pull/134",
        ),
    ),
    _step(
        number=10,
        name="accept-encoding-sse",
        wires=_WIRES,
        side="headers",
        who="Every client that asks for a compressed stream, Claude Code and OpenCode among them.",
        symptom="Events that wait for the end of a compressed block, or bytes that are compressed without saying so.",
        mend="A stream is asked for as identity; a body that comes in a coding all the same is decoded.",
        before="accept-encoding: gzip, deflate, br, zstd",
        after="accept-encoding: identity",
        evidence=("measured: gzip that is not declared fails in 18 of 18 SDK paths",),
    ),
    _step(
        number=11,
        name="content-type-not-sse",
        wires=_WIRES,
        side="headers",
        who="Relays that label a stream as text or JSON; DeepSeek, whose errors come as application/octet-stream.",
        symptom="None in the SDKs; what goes by the label treats a stream as a body, or an error as a download.",
        mend="What a reply is is seen in its first bytes, not in its label; a reply that is mended is labelled anew.",
        before="content-type: application/json, data: {…}",
        after="content-type: text/event-stream, data: {…}",
        evidence=(
            "https://github.com/SaladDay/cc-switch-cli/issues/170",
            "measured: 18 of 18 chat and 12 of 12 messages paths of the SDKs take a wrong label",
        ),
    ),
)
