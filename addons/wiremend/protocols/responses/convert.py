"""A whole response as a stream, and a stream as a whole response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.mending import Mend, Whole
from wiremend.protocols.responses.documents import EARLY_WORDS, broken
from wiremend.protocols.responses.model import CALLS
from wiremend.protocols.responses.patch import encode
from wiremend.protocols.responses.reading import loose_json
from wiremend.protocols.responses.unroll import unroll
from wiremend.sse import EventParser, render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.mending import StreamMender
    from wiremend.sse import Event

_ENDS: Final = {"response.completed", "response.incomplete", "response.failed"}
_BODY_LIMIT: Final = 1 << 62


def to_stream(body: bytes) -> bytes:
    """Write a mended body as the events that OpenAI would have streamed, the terminal one included.

    Raises ValueError where the body is no response object.
    """
    response = loose_json(body)
    if not isinstance(response, dict) or not isinstance(response.get("output"), list):
        raise TypeError("only a response object can be written as a stream")
    status = response.get("status")
    if status is None:
        response = response | {"status": "completed"}
    end, error = _end(status)
    begun = response | {
        "object": response.get("object") or "response",
        "created_at": response["created_at"] if _is_number(response.get("created_at")) else 0,
        "model": response["model"] if isinstance(response.get("model"), str) else "unknown",
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    if error is not None:
        response = response | {"status": "failed", "error": response.get("error") or error}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        ended = item | {"status": "completed"} if item["type"] in CALLS and not item.get("status") else item
        events += unroll(ended, index)
    events.append({"type": f"response.{end}", "response": response})
    return b"".join(
        render(encode({"type": event["type"], "sequence_number": number} | event), event["type"])
        for number, event in enumerate(events)
    )


def to_body(events: Iterable[Event]) -> Whole:
    """Give the response object that a legal stream ends with; a stream that failed, or has no end, gives a failure."""
    ended: list[Any] = []
    for event in events:
        if event.data is None:
            continue
        document = loose_json(event.data)
        kind = document.get("type") if isinstance(document, dict) else None
        if kind == "response.output_item.done":
            ended.append(document.get("item"))
        elif kind in _ENDS:
            response = document.get("response")
            if not isinstance(response, dict):
                break
            if kind == "response.failed":
                return Whole(encode(response), (), _failure(response))
            if not isinstance(response.get("output"), list):
                response = response | {"output": ended}
            return Whole(encode(response))
    return Whole(b"", (), broken(EARLY_WORDS))


def read_stream(body: bytes, mender: StreamMender) -> tuple[Whole, tuple[Mend, ...]]:
    """Mend a stream that is all there, and give its body and what was done. Never raises."""
    mended, mends = through(body, mender)
    if mender.failure is not None:
        return Whole(body, (), mender.failure), mends
    again = EventParser(len(mended) + 1)
    return to_body([*again.feed(mended), *again.close()]), mends


def through(stream: bytes, mender: StreamMender) -> tuple[bytes, tuple[Mend, ...]]:
    """Send a stream that is all there through a mender. Never raises."""
    parser = EventParser(len(stream) + 1)  # so nothing is over the limit
    events = [*parser.feed(stream), *parser.close()]
    mended = b"".join([*(mender.feed(event) for event in events), mender.close()])
    return mended, tuple(mender.mends)


def _failure(response: dict[str, Any]) -> Failure:
    error = response.get("error")
    return failure_of({"error": error} if error else "the provider says that the response failed")


def _end(status: object) -> tuple[str, dict[str, str] | None]:
    """Tell the terminal event of a response, and the error of one that is not finished and never will be."""
    match status:
        case None | "completed":
            return "completed", None
        case "incomplete":
            return "incomplete", None
    words = f"the provider answered with a response that is not finished ({str(status)[:40]})"
    return "failed", {"code": "server_error", "message": words}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
