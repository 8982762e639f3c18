"""Gemini's thought signatures, which its OpenAI-compatible endpoint sends with a tool call and wants back with it.

A recorder keeps the ``extra_content`` of each tool call under wire, upstream host and the call's id; a later request
gets it back where the client dropped it. Gemini signs the first of several calls only. Where the first has none and
none is remembered (another model made it), the value goes in that Google documents for this, at Google's hosts only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.quirks.base import Draft, Recorder, Scope

SKIP: Final = "skip_thought_signature_validator"
"""The documented value: https://ai.google.dev/gemini-api/docs/thought-signatures"""

MAX_CALLS: Final = 128
MAX_TEXT: Final = 1 << 20
"""Calls of one reply that are remembered, and the characters of a signature."""

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_SHORT: Final = 8


class _Memory(Protocol):
    """The part of the memory that is used here."""

    def keep(self, key: str, value: str) -> None: ...

    def recall(self, key: str) -> str | None: ...


class _Recorder:
    """Remembers the extra content of the tool calls of a reply, at its end."""

    def __init__(self, scope: Scope, memory: _Memory) -> None:
        self._scope = scope
        self._memory = memory
        self._calls: dict[tuple[int, int], list[Any]] = {}  # [id, extra content]
        self._whole = False

    def event(self, data: bytes) -> None:
        """Look at a chunk."""
        if self._calls or b'"tool_calls"' in data:
            self._look(data, "delta")

    def body(self, body: bytes) -> None:
        """Look at a whole completion."""
        self._look(body, "message")

    def close(self) -> None:
        """Keep what came with each call, if a finish reason came."""
        for ident, extra in self._calls.values() if self._whole else ():
            if len(ident) >= _SHORT and extra:
                self._memory.keep(_key(self._scope, ident), msgspec.json.encode(extra).decode())

    def _look(self, data: bytes, place: str) -> None:
        try:
            document = msgspec.json.decode(data)
        except _UNREADABLE:
            return
        for number, choice in _objects(document, "choices"):
            self._whole = self._whole or isinstance(choice.get("finish_reason"), str)
            for position, entry in _objects(choice.get(place), "tool_calls"):
                key = (_number(choice.get("index"), number), _number(entry.get("index"), position))
                if key in self._calls or len(self._calls) < MAX_CALLS:
                    call = self._calls.setdefault(key, ["", None])
                    call[0] = entry["id"] if isinstance(entry.get("id"), str) and entry["id"] else call[0]
                    if 0 < len(signature(entry.get("extra_content"))) <= MAX_TEXT:
                        call[1] = entry["extra_content"]


def signature(extra: object) -> str:
    """Give the thought signature in an ``extra_content``; "" if there is none."""
    google = extra.get("google") if isinstance(extra, dict) else None
    text = google.get("thought_signature") if isinstance(google, dict) else None
    return text if isinstance(text, str) else ""


def _give_back(draft: Draft) -> None:
    """Give each call its own signature, and the first one Google's word for none where it still has none."""
    google = draft.scope.host.lower().endswith("googleapis.com")
    for number, message in _objects(draft.document, "messages"):
        calls = list(_objects(message, "tool_calls")) if message.get("role") == "assistant" else []
        for position, entry in calls:
            kept = _recall(draft, entry.get("id"))
            if kept and not signature(entry.get("extra_content")):
                _sign(draft, (number, position), entry, kept)
        if google and calls and not any(signature(entry.get("extra_content")) for _, entry in calls):
            position, entry = calls[0]
            _sign(draft, (number, position), entry, {"google": {"thought_signature": SKIP}})


def _recall(draft: Draft, ident: object) -> dict[str, Any] | None:
    kept = draft.memory.recall(_key(draft.scope, ident)) if isinstance(ident, str) and len(ident) >= _SHORT else None
    extra: dict[str, Any] | None = msgspec.json.decode(kept) if kept else None
    return extra


def _sign(draft: Draft, place: tuple[int, int], entry: dict[str, Any], extra: dict[str, Any]) -> None:
    given = entry.get("extra_content")
    value = {**given, "google": extra["google"]} if isinstance(given, dict) else extra
    pointer = ("messages", place[0], "tool_calls", place[1], "extra_content")
    if signature(extra) == SKIP:
        draft.set(pointer, value, "no signature is remembered: Google's word for none", kind="invented")
    else:
        draft.set(pointer, value, "the signature that came with the call")


def _key(scope: Scope, ident: str) -> str:
    return f"signature:{scope.wire}:{scope.host or scope.provider or ''}:{ident}"


def _objects(box: object, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the objects in the list that a box has under a name, each with its place."""
    items = box.get(name) if isinstance(box, dict) else None
    for position, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield position, item


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _recorder(scope: Scope, memory: _Memory) -> Recorder:
    return _Recorder(scope, memory)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=19,
        name="gemini-thought-signature",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Gemini 3 behind its OpenAI-compatible endpoint, to clients that drop `extra_content`.",
        symptom="400 `Function call is missing a thought_signature in functionCall parts`.",
        mend="The signature that came with the tool call is given back, or Google's own word for none.",
        before='{"tool_calls":[{"id":"x","type":"function","function":{…}}]}',
        after='{"tool_calls":[{"id":"x",…,"extra_content":{"google":{"thought_signature":"…"}}}]}',
        evidence=(
            "https://github.com/Gitlawb/openclaude/issues/67",
            "https://github.com/labring/aiproxy/issues/450",
            "https://github.com/vercel/ai/pull/18964",
            "https://ai.google.dev/gemini-api/docs/thought-signatures",
        ),
        presets=("gemini", "vertex"),
        models=("*gemini-3*", "*gemini-*-latest"),
        needles=(b"tool_call", b"\\u00"),  # an escape may hide the word
        request=_give_back,
        recorder=_recorder,
    ),
)
