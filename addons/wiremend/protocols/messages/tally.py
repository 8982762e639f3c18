"""What a reply on the messages wire says of itself.

Usage comes in two parts, in message_start (the prompt) and in message_delta (running totals, the answer's above all);
both are read with the same eyes and merged field by field. ``input_tokens`` of this wire leaves out what went to or
came from the cache (``types/usage.py`` of the official SDK), so the total is the sum of three fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols import loose

if TYPE_CHECKING:
    from wiremend.sse import Event

# The bulk of a stream, which says nothing of the reply as a whole.
_PASSED_OVER: Final = {"content_block_start", "content_block_delta", "content_block_stop", "ping"}


class _Document(loose.Document):
    """A body, or the data of an event: ``message`` is message_start's, or the text of a loose error."""

    model: Any = None
    stop_reason: Any = None
    usage: Any = None
    delta: Any = None


@dataclass(slots=True)
class MessagesTally:
    """Watches one reply on the messages wire; see :class:`wiremend.protocols.base.Tally`."""

    model: str | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    stop_reason: str | None = None
    error: str | None = None
    _uncached: int | None = None
    _written: int | None = None
    _foreign: int | None = None  # a total under OpenAI's name, from a converter

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt: fresh, read from the cache and written to it."""
        known = [part for part in (self._uncached, self.cached_tokens, self._written) if part is not None]
        total = sum(known) if known else None
        return total if self._foreign is None or self._uncached else loose.later(total, self._foreign)

    def event(self, event: Event) -> None:
        """Look at one event of a stream."""
        if event.data and event.event not in _PASSED_OVER:
            self.body(event.data)
            self.error = self.error or loose.unread_error(event.event, event.data)

    def body(self, body: bytes) -> None:
        """Look at a whole body."""
        document = loose.decode(body, _Document)
        if document is None or loose.text(document.type) in _PASSED_OVER:
            return
        message = document.message
        self.model = loose.text(document.model) or loose.text(loose.field(message, "model")) or self.model
        self.stop_reason = (
            loose.text(document.stop_reason)
            or loose.text(loose.field(document.delta, "stop_reason"))
            or loose.text(loose.field(message, "stop_reason"))
            or self.stop_reason
        )
        self.error = self.error or loose.error_of(document)
        for usage in (loose.field(message, "usage"), document.usage):
            self._count(usage)

    def _count(self, usage: object) -> None:
        """Merge one usage object; most events have none."""
        if not isinstance(usage, dict):
            return
        foreign = loose.openai_counts(usage)
        self._uncached = loose.later(self._uncached, loose.count(loose.field(usage, "input_tokens")))
        self._written = loose.later(self._written, loose.count(loose.field(usage, "cache_creation_input_tokens")))
        self._foreign = loose.later(self._foreign, loose.count(loose.field(usage, "prompt_tokens")))
        self.output_tokens = loose.later(self.output_tokens, foreign.output)
        cached = loose.first(loose.count(loose.field(usage, "cache_read_input_tokens")), foreign.cached)
        self.cached_tokens = loose.later(self.cached_tokens, cached)
        thought = loose.first(
            loose.count(loose.field(usage, "output_tokens_details", "thinking_tokens")), foreign.reasoning
        )
        self.reasoning_tokens = loose.later(self.reasoning_tokens, thought)
