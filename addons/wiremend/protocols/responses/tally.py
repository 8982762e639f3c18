"""What a reply on the responses wire says of itself.

The events that speak of the whole (response.created, response.completed …) carry the response object, which is also
the body of a reply that does not stream. This wire has no stop reason; the nearest thing is the response's final
status, and, of an incomplete one, the reason given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.openai import OpenAITally

if TYPE_CHECKING:
    from wiremend.sse import Event

_OPENING: Final = {"response.created", "response.in_progress", "response.queued"}
_FINAL: Final = {
    "response.completed": "completed",
    "response.done": "completed",  # what some servers call it (quirk resp-done-alias)
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_STATUSES: Final = set(_FINAL.values())


class _Response(loose.Document):
    """The response object, or the error that came in its place."""

    status: Any = None
    model: Any = None
    usage: Any = None
    incomplete_details: Any = None


class _Document(_Response):
    """The data of an event, or a body, which is a response itself. The response of an event can be large."""

    response: msgspec.Raw = msgspec.Raw()


class ResponsesTally(OpenAITally):
    """Watches one reply on the responses wire."""

    __slots__ = ()

    def event(self, event: Event) -> None:
        """Look at one event of a stream."""
        if event.data and not _is_detail(event.event):
            self._look(event.data, event.event)
            self.error = self.error or loose.unread_error(event.event, event.data)

    def body(self, body: bytes) -> None:
        """Look at a whole body."""
        self._look(body, None)

    def _look(self, data: bytes, name: str | None) -> None:
        """Look at a response, bare or in an event called ``name`` (by its own type, if it has one)."""
        document = loose.decode(data, _Document)
        if document is None:
            return
        name = loose.text(document.type) or name
        if _is_detail(name):
            return
        response = loose.decode(bytes(document.response), _Response) or document
        self.model = loose.text(response.model) or self.model
        self.count(response.usage)
        status = loose.text(response.status)
        if status not in _STATUSES:
            status = _FINAL.get(name or "")
        reason = loose.text(loose.field(response.incomplete_details, "reason"))
        self.stop_reason = (reason if status == "incomplete" else None) or status or self.stop_reason
        self.error = self.error or loose.error_of(document) or loose.error_of(response)
        if status == "failed":
            self.error = self.error or "failed"


def _is_detail(name: str | None) -> bool:
    """Tell whether an event speaks of a part only: a delta, an item, a content part."""
    return name is not None and name.startswith("response.") and name not in _OPENING and name not in _FINAL
