"""What a reply on the chat wire says of itself; the older completions and the embeddings endpoint answer in its terms.

Every chunk is decoded: it is small, it names the model, and any of them may carry usage (at the top, or, from Moonshot,
inside the choice that finishes). The trailing chunk that OpenAI sends for ``include_usage`` has no choices at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wiremend.protocols import loose
from wiremend.protocols.openai import OpenAITally

if TYPE_CHECKING:
    from wiremend.sse import Event


class _Document(loose.Document):
    """A body, or a chunk."""

    model: Any = None
    choices: Any = None
    usage: Any = None


class ChatTally(OpenAITally):
    """Watches one reply on the chat wire. Of several choices, ``stop_reason`` is the one that came last."""

    __slots__ = ()

    def event(self, event: Event) -> None:
        """Look at one event of a stream."""
        if event.data:
            self.body(event.data)
            self.error = self.error or loose.unread_error(event.event, event.data)

    def body(self, body: bytes) -> None:
        """Look at a whole body."""
        document = loose.decode(body, _Document)
        if document is None:
            return
        self.model = loose.text(document.model) or self.model
        self.error = self.error or loose.error_of(document)
        for choice in document.choices if isinstance(document.choices, list) else ():
            self.stop_reason = loose.text(loose.field(choice, "finish_reason")) or self.stop_reason
            self.count(loose.field(choice, "usage"))
        self.count(document.usage)
