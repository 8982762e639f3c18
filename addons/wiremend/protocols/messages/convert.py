"""A whole reply of the messages wire as a stream, and a stream as a whole reply.

The stream of a reply begins with the message, emptied, so that fields that nobody knows stay in it; each block comes as
one start, its deltas and its stop; the message_delta tells the stop reason and all counts again. Reading back follows
the official SDKs' accumulators: a later count stands over an earlier one, null and what is absent say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.failure import Failure, failure_of
from wiremend.protocols.mending import Mend, Whole
from wiremend.protocols.messages.errors import error_body, said, status_of
from wiremend.protocols.messages.framing import UNREADABLE
from wiremend.protocols.messages.reading import framed
from wiremend.protocols.messages.repair import expanded
from wiremend.protocols.messages.schema import TOOLS
from wiremend.protocols.messages.words import CUT
from wiremend.sse import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.protocols.mending import Origin
    from wiremend.sse import Event

type Json = dict[str, Any]

_BROKEN: Final = 502
_OWN: Final = frozenset({"type", "delta", "usage"})
_GROWS: Final = {"text_delta": "text", "thinking_delta": "thinking"}


def to_stream(body: bytes) -> bytes:
    """Write a mended whole reply as a legal stream; an error, or what is no reply, as the event that tells it."""
    try:
        message = msgspec.json.decode(body)
        if isinstance(message, dict) and message.get("type") == "message":
            return b"".join(framed(event)[0] for event in _events(message))
        failure = failure_of(message)
    except (*UNREADABLE, KeyError, TypeError):
        failure = Failure("upstream", _BROKEN, "the provider's answer is not a reply of the Messages API")
    return render(error_body(status_of(failure), failure.kind, said(failure)), "error")


def to_body(events: Iterable[Event], origin: Origin) -> Whole:  # noqa: ARG001 - of the interface
    """Read a legal stream into the body that the same reply would have had as a whole. Never raises."""
    reader = _Reader()
    try:
        for event in events:
            reader.take(event)
            if reader.failure is not None:
                return Whole(b"", failure=reader.failure)
        if reader.ended and reader.message is not None:
            return Whole(msgspec.json.encode(reader.whole()), tuple(reader.mends))
    except (*UNREADABLE, KeyError, TypeError, AttributeError):
        return Whole(b"", failure=Failure("upstream", _BROKEN, "the provider's stream cannot be read"))
    return Whole(b"", failure=Failure("upstream", _BROKEN, CUT))


def _events(message: Json) -> list[Json]:
    usage, sequence = message["usage"], message.get("stop_sequence")
    first = message | {
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage | {"output_tokens": 0},
    }
    if not isinstance(message.get("id"), str | None):
        first["id"] = None
    blocks = [event for index, block in enumerate(message["content"]) for event in expanded(block, index)]
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": sequence if isinstance(sequence, str) else None}
    return [
        {"type": "message_start", "message": first},
        *blocks,
        {"type": "message_delta", "delta": ending, "usage": usage},
        {"type": "message_stop"},
    ]


class _Reader:
    """Collects a stream."""

    def __init__(self) -> None:
        self.message: Json | None = None
        self.failure: Failure | None = None
        self.ended = False
        self.mends: list[Mend] = []
        self._blocks: dict[int, Json] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._number = 0

    def take(self, event: Event) -> None:
        """Take the next event."""
        if event.data is None or self.ended:
            return
        self._number += 1
        document = msgspec.json.decode(event.data)
        match document.get("type"):
            case "error":
                self.failure = failure_of(document)
            case "message_start":
                self.message = dict(document["message"])
                self._blocks = dict(enumerate(self.message["content"]))
            case "content_block_start":
                self._blocks[document["index"]] = dict(document["content_block"])
            case "content_block_delta":
                self._grow(document["index"], document["delta"])
            case "message_delta" if self.message is not None:
                self._tell(self.message, document)
            case "message_stop":
                self.ended = True

    def _grow(self, index: int, delta: Json) -> None:
        kind, block = delta["type"], self._blocks[index]
        if kind in _GROWS:
            self._pieces.setdefault((index, _GROWS[kind]), []).append(delta[_GROWS[kind]])
        elif kind == "input_json_delta":
            self._pieces.setdefault((index, "input"), []).append(delta["partial_json"])
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        else:
            what = f"a {kind!r}, which has no place in a whole reply, was left out"
            self.mends.append(Mend("lost", "messages.delta.block-mismatch", self._number, "/delta/type", what))

    @staticmethod
    def _tell(message: Json, document: Json) -> None:
        message |= document["delta"]
        message |= {name: value for name, value in document.items() if name not in _OWN}
        told = {name: value for name, value in document["usage"].items() if value is not None}
        message["usage"] = document["usage"] | message["usage"] | told

    def whole(self) -> Json:
        """Give the reply."""
        for (index, name), pieces in self._pieces.items():
            block, text = self._blocks[index], "".join(pieces)
            if name != "input":
                block[name] = f"{block.get(name) or ''}{text}"
            elif text.strip():
                self._input(index, block, text)
        assert self.message is not None  # noqa: S101 - the caller has seen to it
        return self.message | {"content": [self._blocks[index] for index in sorted(self._blocks)]}

    def _input(self, index: int, block: Json, text: str) -> None:
        """Read the input of a call. One that a limit cut short is left out whole, so that nobody runs a part of it."""
        try:
            msgspec.json.decode(text, type=dict)
        except UNREADABLE:
            if block["type"] in TOOLS:
                at = f"/content/{index}/input"
                self.mends.append(Mend("lost", "messages.tool.input-cut", 0, at, "a cut input was set to {}"))
            return
        block["input"] = msgspec.Raw(text.encode())
