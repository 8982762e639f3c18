"""The usage of a stream, for clients that do not ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_CRASH: Final = ("gpt-pilot", "anythingllm")
"""Clients that take the first choice of a chunk which has none."""


def _ask(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict) or body.get("stream") is not True:
        return
    if (draft.scope.client or "").lower().startswith(_CRASH):
        return
    options = body.get("stream_options")
    if options is None:
        draft.set("/stream_options", {"include_usage": True}, "the usage is asked for in the client's place")
    elif isinstance(options, dict) and "include_usage" not in options:
        draft.set("/stream_options/include_usage", value=True, what="the usage is asked for in the client's place")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=49,
        name="usage-not-requested",
        wires=("chat",),
        side="request",
        kind="condition",
        who="Any chat host, with clients that do not ask for the usage of a stream.",
        symptom="0 tokens are counted, so there is no cost and the context is never compacted.",
        mend="Asks for the usage, for those who name this quirk: the chunk that then ends the stream has the usage and "
        "no choice, and reaches the client as it is. Name it only where the client reads such a chunk; gpt-pilot and "
        "AnythingLLM, which crash on it, never get one. A client that says false means it.",
        before='{"stream":true}',
        after='{"stream":true,"stream_options":{"include_usage":true}}',
        evidence=(
            "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/providers/openai-completions.ts",
            "https://github.com/Mintplex-Labs/anything-llm/pull/5113",
        ),
        needles=(b'"stream"',),
        request=_ask,
    ),
)
