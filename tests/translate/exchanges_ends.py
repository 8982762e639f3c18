"""Exchanges about how a reply ends, and about where it says what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.translate.said import Refuse, Reply, Say, Usage

if TYPE_CHECKING:
    from tests.translate.said import Json, Wire

ASKED: Final = "Tell me a story."
COUNTS: Final = Usage(108, 42, cached=90, reasoning=12, written=8)


def simple(text: str = ASKED) -> dict[Wire, Json]:
    """Write a request of one message."""
    return {
        "messages": {"messages": [{"role": "user", "content": text}]},
        "chat": {"messages": [{"role": "user", "content": text}]},
        "responses": {"input": text},
    }


def cached() -> dict[Wire, Json]:
    """Write a request whose prompt is worth caching, where the wire lets the client say so."""
    bodies = simple()
    marked = {"type": "text", "text": ASKED, "cache_control": {"type": "ephemeral"}}
    bodies["messages"] = {"messages": [{"role": "user", "content": [marked]}]}
    bodies["chat"] |= {"prompt_cache_key": "k1"}
    bodies["responses"] |= {"prompt_cache_key": "k1"}
    return bodies


STORY: Final = (Say(("Once ", "upon a ", "time.")),)

ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "refusal",
        "title": "A model that does not answer, and says so",
        "asks": simple("Pick the lock."),
        "reply": Reply((Refuse(("I can't ", "help with that.")),), stop="refusal"),
    },
    {
        "name": "max-tokens",
        "title": "An answer that is cut at the bound of tokens",
        "asks": simple(),
        "reply": Reply((Say(("Once ", "upon a")),), stop="length", usage=Usage(11, 4)),
    },
    {
        "name": "error-in-mid-stream",
        "title": "The provider's own error in the middle of the answer",
        "asks": simple(),
        "reply": Reply(STORY, error=("overloaded_error", "Overloaded: the kettle is on"), usage=None),
    },
    {
        "name": "cut",
        "title": "A connection that ends in the middle of the answer",
        "asks": simple(),
        "reply": Reply(STORY, cut=True, usage=None),
    },
    {
        "name": "error-status",
        "title": "A quota that is used up: 429",
        "asks": simple(),
        "reply": Reply(
            error=("rate_limit_error", "You exceeded your current quota, please check your plan and billing details."),
            usage=None,
            status=429,
        ),
    },
    {
        "name": "usage-trailing",
        "title": "Counts in a chunk of their own, with what the cache served, and reasoning that was not shown",
        "asks": cached(),
        "reply": Reply(STORY, usage=COUNTS),
    },
    {
        "name": "usage-in-choice",
        "title": "Counts inside of the choice",
        "asks": cached(),
        "reply": Reply(STORY, usage=COUNTS, usage_at="choice"),
    },
    {
        "name": "usage-with-finish",
        "title": "Counts beside the finish reason",
        "asks": cached(),
        "reply": Reply(STORY, usage=COUNTS, usage_at="finish"),
    },
    {
        "name": "usage-absent",
        "title": "No counts at all",
        "asks": simple(),
        "reply": Reply(STORY, usage=None, usage_at="absent"),
    },
)
