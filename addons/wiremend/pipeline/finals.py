"""Failures that are final, and how each agent is told so that it ends rather than asks again.

All here was measured, 2026-11, with the versions that docs/agents.md names. A client is named as
:mod:`wiremend.rules.clients` does; agents that are built on an SDK and do not say who they are go by the SDK's name.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FINAL: Final = frozenset({401, 402, 403, 404})
"""Statuses that come again however often one asks: a wrong key, an empty balance, a closed door, a name nobody has."""

_ANY: Final = 0
# 429 says "wait" to these, whatever x-should-retry and the error's code say; after a 402 each of them asks no more.
_WAITS: Final[Mapping[int, int]] = MappingProxyType({429: 402})

GIVES_UP_ON: Final[Mapping[str, Mapping[int, int]]] = MappingProxyType(
    {
        # 404: it asks once more, and then speaks of the model's name, whatever it was that is not there.
        "claude-code": {404: 400},
        # Six times after 401, 402, 403, 404 and 422; after a 429 once, but then it does not show the cause.
        "codex": {_ANY: 400},
        "opencode": {404: 400, **_WAITS},  # 404: as the provider "openai" it takes it for a fault of the moment
        "qwen-code": _WAITS,
        "kimi-code": _WAITS,
        "kimi-cli": _WAITS,  # also what Hermes calls itself at api.kimi.com
        "hermes": _WAITS,
        "cline": _WAITS,
        "ai-sdk/openai-compatible": _WAITS,  # Cline
        "openai/js": _WAITS,  # pi
        "anthropic/js": _WAITS,  # pi
        "openai/python": _WAITS,  # Hermes
        "anthropic/python": _WAITS,  # Hermes
    }
)
"""Client -> final status -> the status that ends it instead; ``_ANY`` is for each that is not named."""

HEEDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"codex": frozenset({"usage_limit_reached", "usage_not_included"})}
)
"""Codes and types whose failure a client understands under the provider's own status (openai/codex, ``codex-api``)."""

IN_THE_STREAM: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"codex": frozenset({"context_length", "rate_limit"})}
)
"""Failures that an agent understands as an event only.

Codex sees a full context in ``response.failed``, and takes a 400 with the same code for a request that is wrong. After
a 429 it ends without the cause; after the event it waits as long as the text says, and asks again.
"""

_GONE: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType({404: ("does not exist", "model not found")})

READS: Final[Mapping[str, Mapping[int, tuple[str, ...]]]] = MappingProxyType(
    {"hermes": _GONE, "kimi-cli": _GONE, "openai/python": _GONE, "anthropic/python": _GONE}
)
"""Client -> status -> words by which it knows the failure as final; the first are put behind a text that has none.

Hermes takes a 404 without them for a fault of the moment, and asks three times.
"""


_PASSING: Final = re.compile(
    r"429|500|502|503|504|524|rate.?limit|rate increased|too.?many.?requests|overloaded|exhausted|unavailable|"
    r"(?:internal|server|network|connection|websocket|provider.?returned).?error|terminated|upstream.?connect|"
    r"fetch failed|failed to fetch|connection.?(?:refused|lost)|websocket.?closed|other side closed|ended without|"
    r"socket (?:connection|hang up)|reset before headers|did not get a response|getaddrinfo|enotfound|eai_again|"
    r"econn|etimedout|timed?.?out|try again|try your request|at capacity|retry delay",
    re.IGNORECASE,
)

TAKES_FOR_PASSING: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {"opencode": _PASSING, "openai/js": _PASSING, "anthropic/js": _PASSING}
)
"""Words anywhere in an error's body, its text, type and code, after which a client asks again whatever the status is.

If there is so much as a 500 in them, a number of tokens or the id of a flow, OpenCode asks on, with waits that double
from 2 s, and pi three more times in 14 s. A full context is not concerned, which they know before they look for these.
"""

_JOINER: Final = "\u2060"


def status_for(client: str | None, status: int, code: str | None = None) -> int:
    """Give the status that a client takes for final, for a failure that is; ``code`` is the provider's code or type."""
    ends = GIVES_UP_ON.get(client or "")
    if ends is None or code in HEEDS.get(client or "", ()):
        return status
    return ends.get(status, ends.get(_ANY, status))


def words_for(client: str | None, status: int, text: str) -> str:
    """Give the words that a client must read behind a final failure's text to take it for that; mostly none."""
    words = READS.get(client or "", {}).get(status, ())
    return words[0] if words and not any(known in text.lower() for known in words) else ""


def takes_for_passing(client: str | None, body: str) -> bool:
    """Tell whether a client will ask again because of what an error's body says."""
    words = TAKES_FOR_PASSING.get(client or "")
    return words is not None and words.search(body) is not None


def parted(client: str | None, text: str) -> str:
    """Give a text in which a client does not find such words: a word joiner, which no one sees, stands in each."""
    words = TAKES_FOR_PASSING.get(client or "")
    while words is not None and words.search(text):  # one may stand within another
        text = words.sub(lambda found: f"{found[0][:1]}{_JOINER}{found[0][1:]}", text)
    return text
