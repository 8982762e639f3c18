"""Mends the whole body of a reply that says success.

The rules are those of the stream: a tool call that cannot be read, a finish reason that tells a failure, or a choice
without an answer make an error of the body, for an agent must not go on as if nothing had been wrong. A missing finish
reason is put in, because the body came whole. What no breach concerns keeps its bytes.

A body of the older ``completions`` endpoint is none of this contract, and passes as it is.
"""

from __future__ import annotations

import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols import loose
from wiremend.protocols.chat import faults
from wiremend.protocols.chat.body import check_body
from wiremend.protocols.chat.choices import Choices
from wiremend.protocols.chat.done import LEFT, has_foreign, mends_of
from wiremend.protocols.chat.pieces import UPSTREAM, BrokenStreamError, Pieces, ended_with
from wiremend.protocols.chat.schema import SERVICE_TIERS
from wiremend.protocols.chat.values import (
    ERROR,
    content_of,
    edited,
    is_completion_of_old,
    lenient,
    reason_of,
    text_of,
    usage_of,
)
from wiremend.protocols.failure import Failure, failure_of, failure_of_body
from wiremend.protocols.mending import Mend, Origin, Whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.protocols.violation import Violation

type Json = dict[str, Any]

_EMPTY: Final = "the provider's answer is empty"
_UNREADABLE: Final = "the provider's answer cannot be read"
_NO_CHOICES: Final = "the provider's answer has no choices"
_TEXTS: Final = ("refusal", "reasoning_content", "reasoning")
_OF_FOREIGN: Final = frozenset({"chat.tool-call.type-wrong", "chat.tool-call.function-missing"})
_ERRORS: Final = frozenset({"chat.error.shape", "chat.error.beside-choices", "chat.body.error"})


def mend_body(body: bytes, origin: Origin) -> Whole:
    """Mend a body; the very object comes back where there is nothing to mend, or where it is an error."""
    found = [violation for violation in check_body(body) if violation.code not in LEFT]
    if not found:
        return Whole(body)
    try:
        document = lenient(body.decode("utf-8-sig", "replace"))
    except ValueError:
        return _unread(body, found)
    try:
        return _mended(body, document, found, origin)
    except BrokenStreamError as error:
        return _failed(body, found, error.failure, error.code)
    except (RecursionError, ValueError):
        return _failed(body, found, Failure("upstream", UPSTREAM, _UNREADABLE), "chat.body.not-json")


def _mended(body: bytes, document: object, found: Sequence[Violation], origin: Origin) -> Whole:
    if is_completion_of_old(document):
        return Whole(body)
    if any(violation.code in _ERRORS for violation in found):
        return _failed(body, found, failure_of(document), "")
    mends = tuple(mends_of(found, document))
    if not isinstance(document, dict):
        raise BrokenStreamError("chat.body.not-object", _UNREADABLE)
    old = deepcopy(document)
    _completion(document, origin)
    mended = edited(body.removeprefix(b"\xef\xbb\xbf"), old, document)
    _check(mended, document)
    return Whole(mended, mends)


def _unread(body: bytes, found: Sequence[Violation]) -> Whole:
    text = body.strip()
    if not text:
        failure = Failure("upstream", UPSTREAM, _EMPTY)
    elif text[:1] in {b"{", b"["} or any(violation.code == "chat.body.event-stream" for violation in found):
        failure = Failure("upstream", UPSTREAM, _UNREADABLE)
    else:
        failure = failure_of_body(body, UPSTREAM)
    return _failed(body, found, failure, "")


def _failed(body: bytes, found: Sequence[Violation], failure: Failure, code: str) -> Whole:
    told = [violation for violation in found if violation.code == code] or found[:1]
    return Whole(body, tuple(Mend("failed", item.code, 0, item.pointer, failure.message) for item in told), failure)


def _check(body: bytes, document: Json) -> None:
    """Hold what was mended against the contract: should it find a breach, the fault is ours."""
    theirs = LEFT | (_OF_FOREIGN if has_foreign(document) else frozenset())
    for violation in check_body(body):
        if violation.code not in theirs:
            error = BrokenStreamError(violation.code, "the provider's answer could not be mended", violation.pointer)
            error.failure = Failure("internal", UPSTREAM, str(error))
            raise error


def _completion(document: Json, origin: Origin) -> None:
    if "error" in document:
        del document["error"]
    ident, created, model = document.get("id"), document.get("created"), document.get("model")
    if not isinstance(ident, str):
        document["id"] = str(ident) if faults.is_number(ident) else origin.mint("chatcmpl", 0)
    if not isinstance(created, int) or isinstance(created, bool):
        told = loose.count(int(created) if isinstance(created, float) and math.isfinite(created) else created)
        document["created"] = origin.now if told is None else told
    if not isinstance(model, str):
        document["model"] = origin.model or ""
    document["object"] = "chat.completion"
    tier = document.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in SERVICE_TIERS):
        del document["service_tier"]
    if document.get("usage") is not None:
        usage = usage_of(document["usage"])
        if usage is None:
            del document["usage"]
        else:
            document["usage"] = usage
    choices = document.get("choices")
    items = [item for item in choices if isinstance(item, dict)] if isinstance(choices, list) else []
    if not items:
        raise BrokenStreamError("chat.body.choices-missing", _NO_CHOICES)
    document["choices"] = items
    for number, item in enumerate(items):
        _choice(item, number, origin)


def _choice(item: Json, number: int, origin: Origin) -> None:
    if not faults.is_index(item.get("index")):
        item["index"] = number
    if not faults.are_logprobs(item.get("logprobs")):
        del item["logprobs"]
    message = item.get("message")
    if not isinstance(message, dict):
        message = item.pop("delta", None)
        if not isinstance(message, dict):
            raise BrokenStreamError("chat.body.message-missing", _UNREADABLE)
        item["message"] = message
    reason = reason_of(item.get("finish_reason"))
    if reason == ERROR:
        raise ended_with(item)
    message["role"] = "assistant"
    if not isinstance(message.get("content"), str | None):
        message["content"], thought = content_of(message["content"])
        if thought:
            message["reasoning_content"] = (text_of(message.get("reasoning_content")) or "") + thought
    for name in _TEXTS:
        if not isinstance(message.get(name), str | None):
            message[name] = text_of(message[name])
    item["finish_reason"] = _calls(message, number, reason, origin)


def _calls(message: Json, number: int, reason: str | None, origin: Origin) -> str:
    """Mend the tool calls of a message; give the finish reason that they allow."""
    pieces = Pieces(number, Choices(), origin, lambda *_: False)
    calls = message.get("tool_calls")
    entries = calls if isinstance(calls, list) else [calls] if isinstance(calls, dict) else []
    pieces.lost = not isinstance(calls, list | dict | None)
    seen: set[str] = set()
    mended: list[Json] = []
    for place, entry in enumerate(entries):
        numbered = entry | {"index": place} if isinstance(entry, dict) else entry
        if isinstance(entry, dict):
            ident = str(entry.get("id"))
            if ident in seen:
                numbered["id"] = None
            seen.add(ident)
        mended += pieces.entry(numbered)
    legacy = message.get("function_call")
    if legacy is not None:
        del message["function_call"]
        mended += pieces.legacy(legacy)
    reason, _ = pieces.settle(reason)
    for entry, piece in zip(entries, mended, strict=False):
        if not (isinstance(entry, dict) and "index" in entry and len(entries) == len(mended)):
            del piece["index"]
        else:
            piece["index"] = entry["index"]
    for piece in mended[len(entries) :]:
        del piece["index"]
    if mended:
        message["tool_calls"] = mended
    elif calls is not None and calls != []:
        del message["tool_calls"]
    return reason
