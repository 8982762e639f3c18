"""What is done about each breach of the chat contract, in a few words, for the notes of a stream or body."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from wiremend.protocols import loose
from wiremend.protocols.chat.values import ERROR, is_foreign, reason_of
from wiremend.protocols.mending import Mend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.protocols.violation import Violation

type Kind = Literal["mended", "invented", "lost", "failed"]

_MAX_WORD: Final = 40

LEFT: Final = frozenset({"chat.tool-call.arguments-not-json"})
"""Breaches that are let through: arguments that the model itself got wrong. OpenAI's own streams have them, every
client checks for them and tells the model, and to end the turn with an error would be worse."""

DONE: Final[Mapping[str, tuple[Kind, str]]] = MappingProxyType(
    {
        "chat.event.not-utf8": ("lost", "what is not UTF-8 replaced by U+FFFD"),
        "chat.event.byte-order-mark": ("mended", "taken off"),
        "chat.event.unterminated": ("mended", "blank line put in"),
        "chat.event.no-data": ("mended", "turned into a comment"),
        "chat.event.empty-data": ("mended", "turned into a comment"),
        "chat.event.not-json": ("lost", "turned into a comment"),
        "chat.event.merged": ("mended", "parted into events"),
        "chat.event.unframed": ("mended", "made events"),
        "chat.event.not-object": ("lost", "turned into a comment"),
        "chat.event.not-chunk": ("mended", "turned into a comment"),
        "chat.event.named": ("mended", "name taken off"),
        "chat.done.spelling": ("mended", "spelled [DONE]"),
        "chat.done.missing": ("mended", "[DONE] put in"),
        "chat.stream.empty": ("failed", "made an error"),
        "chat.stream.cut": ("failed", "made an error"),
        "chat.stream.json-body": ("mended", "made a stream"),
        "chat.stream.after-done": ("lost", "dropped"),
        "chat.stream.after-error": ("lost", "dropped"),
        "chat.error.null": ("mended", "taken off"),
        "chat.error.shape": ("mended", "made an error of this wire"),
        "chat.error.beside-choices": ("mended", "made an error of this wire"),
        "chat.chunk.object-missing": ("mended", "put in"),
        "chat.chunk.object-wrong": ("mended", "set to chat.completion.chunk"),
        "chat.chunk.id-type": ("mended", "made a string"),
        "chat.chunk.created-type": ("mended", "made a number"),
        "chat.chunk.model-type": ("mended", "made a string"),
        "chat.chunk.moderation-type": ("lost", "taken off"),
        "chat.chunk.choices-missing": ("mended", "set to []"),
        "chat.chunk.choices-type": ("lost", "set to []"),
        "chat.chunk.empty": ("mended", "dropped"),
        "chat.choice.not-object": ("lost", "dropped"),
        "chat.choice.index-missing": ("mended", "put in"),
        "chat.choice.index-type": ("mended", "made a number"),
        "chat.choice.index-order": ("mended", "numbered by arrival"),
        "chat.choice.index-repeated": ("mended", "parted into chunks"),
        "chat.choice.delta-missing": ("mended", "put in"),
        "chat.choice.delta-null": ("mended", "set to {}"),
        "chat.choice.delta-type": ("mended", "made an object"),
        "chat.choice.message-not-delta": ("mended", "made a delta, without what was streamed before"),
        "chat.choice.logprobs-type": ("lost", "taken off"),
        "chat.choice.function-call": ("mended", "made a tool call"),
        "chat.choice.after-finish": ("lost", "dropped"),
        "chat.delta.role-missing": ("mended", "put in"),
        "chat.delta.role-empty": ("mended", "set to assistant, or taken off"),
        "chat.delta.role-wrong": ("mended", "set to assistant, or taken off"),
        "chat.delta.role-repeated": ("mended", "taken off"),
        "chat.delta.content-type": ("mended", "made a text"),
        "chat.delta.refusal-type": ("mended", "made a text"),
        "chat.delta.reasoning-type": ("mended", "made a text"),
        "chat.delta.reasoning-with-content": ("mended", "parted into two chunks"),
        "chat.delta.tool-calls-type": ("mended", "made a list, or taken off"),
        "chat.delta.list-index-missing": ("mended", "numbered"),
        "chat.delta.list-entry-type": ("lost", "taken off"),
        "chat.delta.annotation-type": ("lost", "taken off"),
        "chat.tool-call.not-object": ("lost", "taken off"),
        "chat.tool-call.index-missing": ("mended", "numbered by arrival"),
        "chat.tool-call.index-type": ("mended", "made a number"),
        "chat.tool-call.index-order": ("mended", "numbered by arrival"),
        "chat.tool-call.index-reused": ("mended", "numbered by arrival"),
        "chat.tool-call.id-missing": ("invented", "an id minted"),
        "chat.tool-call.id-type": ("mended", "made a string"),
        "chat.tool-call.id-repeated": ("mended", "taken off"),
        "chat.tool-call.id-late": ("mended", "taken off: it has the minted one"),
        "chat.tool-call.type-missing": ("mended", "put in"),
        "chat.tool-call.type-null": ("mended", "taken off"),
        "chat.tool-call.type-wrong": ("mended", "set to function, or taken off; a call of another kind let through"),
        "chat.tool-call.function-missing": ("mended", "padding taken off"),
        "chat.tool-call.function-type": ("mended", "made an object"),
        "chat.tool-call.name-missing": ("mended", "held until its name came"),
        "chat.tool-call.name-type": ("lost", "taken off"),
        "chat.tool-call.name-repeated": ("mended", "taken off"),
        "chat.tool-call.arguments-null": ("mended", "taken off"),
        "chat.tool-call.arguments-type": ("mended", "written as JSON"),
        "chat.tool-call.arguments-restarted": ("mended", "the placeholder taken off"),
        "chat.tool-call.arguments-empty": ("mended", "{} put in"),
        "chat.tool-call.arguments-truncated": ("mended", "finish reason set to length"),
        "chat.finish.empty": ("mended", "set to null"),
        "chat.finish.type": ("invented", "set to the reason that the stream shows"),
        "chat.finish.unknown": ("mended", "set to the reason that it means"),
        "chat.finish.missing": ("invented", "a finish reason put in"),
        "chat.finish.contradicts-tools": ("mended", "set to tool_calls"),
        "chat.finish.no-tools": ("mended", "set to stop"),
        "chat.usage.type": ("lost", "taken off"),
        "chat.usage.count-type": ("mended", "made a number, or taken off"),
        "chat.usage.not-last": ("mended", "said again in the last chunk"),
        "chat.usage.in-choice": ("mended", "said again at the top of the last chunk"),
        "chat.body.not-json": ("failed", "made an error"),
        "chat.body.event-stream": ("failed", "made an error"),
        "chat.body.not-object": ("failed", "made an error"),
        "chat.body.error": ("failed", "told as the error that it is"),
        "chat.body.field-missing": ("invented", "put in"),
        "chat.body.field-type": ("mended", "made what it must be"),
        "chat.body.object-wrong": ("mended", "set to chat.completion"),
        "chat.body.choices-missing": ("failed", "made an error"),
        "chat.body.message-missing": ("failed", "made an error"),
        "chat.body.service-tier": ("lost", "taken off"),
    }
)
"""Code -> what kind of mend it is, and what is done."""


def mends_of(found: Sequence[Violation], document: object) -> list[Mend]:
    """Say what was done about the breaches of an event, or of a body; ``document`` is its JSON, as it came."""
    mends: list[Mend] = []
    for violation in found:
        kind, what = DONE[violation.code]
        if violation.code == "chat.tool-call.type-wrong" and has_foreign(document):
            continue
        if violation.code in {"chat.finish.unknown", "chat.finish.type"}:
            word = _at(document, violation.pointer)
            if reason_of(word) == ERROR:
                continue  # the end of the stream tells it
            what = f"{str(word)[:_MAX_WORD]!r} taken for {reason_of(word)}"
        mends.append(Mend(kind, violation.code, violation.event, violation.pointer, what))
    return mends


def has_foreign(document: object) -> bool:
    """Tell whether a chunk or a completion has a tool call that is none of a function, which is let through."""
    choices = loose.field(document, "choices")
    for choice in choices if isinstance(choices, list) else ():
        for name in ("delta", "message"):
            calls = loose.field(choice, name, "tool_calls")
            if isinstance(calls, list) and any(isinstance(call, dict) and is_foreign(call) for call in calls):
                return True
    return False


def _at(document: object, pointer: str) -> object:
    for token in pointer.split("/")[1:]:
        if isinstance(document, list):
            document = document[int(token)] if token.isdecimal() and int(token) < len(document) else None
        elif isinstance(document, dict):
            document = document.get(token)
    return document
