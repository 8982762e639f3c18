"""What a reply on the chat wire says of itself; the older completions and the embeddings endpoint answer in its terms.

A chunk is decoded if it may say something new: the first, which names the model, those that carry usage (at the top,
or, from Moonshot, inside the choice that finishes), the one that finishes, and an error. The others are many, and
alike. The trailing chunk that OpenAI sends for ``include_usage`` has no choices at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols import loose
from wiremend.protocols.openai import OpenAITally

if TYPE_CHECKING:
    from wiremend.sse import Event

_NULLS: Final = tuple(
    (b'"%s"' % name, b'"%s":null' % name, b'"%s": null' % name) for name in (b"finish_reason", b"usage")
)


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
        if event.data and not (self.model is not None and _is_detail(event.data)):
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


def _is_detail(data: bytes) -> bool:
    """Tell whether a chunk is just more of the answer, as far as its bytes show: what matters is absent, or null."""
    if b'"choices"' not in data or b'"error"' in data:
        return False
    for name, null, spaced in _NULLS:
        if name in data and data.count(name) != data.count(null) + data.count(spaced):
            return False
    return True
