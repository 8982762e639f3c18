"""Mends whole replies of the messages wire, by the rules of its streams.

A reply that came whole is no cut, so a stop reason that it lacks follows from its content. What is no reply of this
wire, or has a tool call that cannot be run as the model meant it, is a failure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols.failure import Failure, failure_of, failure_of_body
from wiremend.protocols.mending import Mend, Whole
from wiremend.protocols.messages import schema
from wiremend.protocols.messages.contract import check_body
from wiremend.protocols.messages.framing import UNREADABLE, refuse
from wiremend.protocols.messages.reading import copied, mapped, rewritten, whole_text
from wiremend.protocols.messages.repair import BROKE_OFF, Unmendable, kind_of, reason_of, sound_block, usage_of
from wiremend.protocols.messages.words import USUAL

if TYPE_CHECKING:
    from wiremend.protocols.mending import Origin
    from wiremend.protocols.messages.words import Kind

type Json = dict[str, Any]

_GOOD: Final = 200
_BROKEN: Final = 502
_BOM: Final = b"\xef\xbb\xbf"
_NO_REPLY: Final = "the provider's answer is not a reply of the Messages API"
_WORDS: Final[dict[str, tuple[Kind, str]]] = {
    "block.missing": ("mended", "written as a block of text, or left out"),
    "block.type-missing": ("mended", "filled, or the block was left out"),
    "tool.input-type": ("mended", "read from its JSON text, or set to {}"),
    "stop-reason.missing": ("invented", "set to what the content tells"),
}


def mend_body(body: bytes, origin: Origin) -> Whole:
    """Mend the body of a reply whose status is a success. Never raises."""
    if not body.strip():
        return _failed(body, "body.empty", failure_of_body(body, _GOOD))
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        return _odd(body, origin)
    return message_of(document, origin, body)


def message_of(document: object, origin: Origin, body: bytes | None = None) -> Whole:
    """Mend a reply that is read already; without its bytes it is written anew. Never raises."""
    came = b"" if body is None else body
    try:
        return _mended(document, origin, body)
    except Unmendable as error:
        failure = error.failure or Failure("upstream", _BROKEN, error.words)
        return _failed(came, error.code, failure, error.pointer)
    except (RecursionError, msgspec.MsgspecError, ValueError):
        return _failed(came, "data.not-json", Failure("upstream", _BROKEN, _NO_REPLY))


def _mended(document: object, origin: Origin, body: bytes | None) -> Whole:
    document = _reply(document, body)
    work = copied(document, 2)
    if isinstance(work.get("content"), list):
        work["content"] = [copied(block, 1) for block in work["content"]]
    mends = [_mend(fault.code.removeprefix("messages."), fault.pointer) for fault in schema.body_faults(work)]
    minted = iter(range(1, 2**62))
    content = _content(document.get("content"), lambda prefix: origin.mint(prefix, next(minted)))
    work["content"] = content
    called = any(isinstance(block, dict) and block.get("type") == "tool_use" for block in content)
    given = reason_of(document.get("stop_reason"), called=False)
    if given == BROKE_OFF:
        words = f"the provider stopped with {document.get('stop_reason')!r}"
        raise Unmendable("stop-reason.unknown", "/stop_reason", "", failure_of(words))
    reason = given or "end_turn"
    if called and reason == "end_turn":
        if given is not None and not any(mend.code == "messages.stop-reason.unknown" for mend in mends):
            mends.append(_mend("stop-reason.tool-use", "/stop_reason"))
        reason = "tool_use"
    work["stop_reason"] = reason
    if not isinstance(document.get("model"), str):
        work["model"] = origin.model or ""
    if any(mend.code.startswith(("messages.usage.", "messages.body.usage")) for mend in mends):
        work["usage"] = {"output_tokens": 0} | usage_of(document.get("usage"), start=True)
    return _written(document, work, body, mends)


def _written(document: Json, work: Json, body: bytes | None, mends: list[Mend]) -> Whole:
    if body is not None and not mends:
        return Whole(body)
    written = msgspec.json.encode(work) if body is None else rewritten(body, document, work)
    if check_body(written):
        written = msgspec.json.encode(work)
    if found := check_body(written):
        raise Unmendable(found[0].code.removeprefix("messages."), found[0].pointer, _NO_REPLY)
    return Whole(written, tuple(mends))


def _reply(document: object, body: bytes | None) -> Json:
    """Give a document that is a reply of this wire. Raises Unmendable where it is an error, or something else."""
    if not isinstance(document, dict):
        wrapped = isinstance(document, list) and document and isinstance(document[0], dict)
        failure = failure_of(document) if wrapped else Failure("upstream", _BROKEN, _NO_REPLY)
        raise Unmendable("data.not-object", "", "", failure)
    content, type_ = document.get("content"), document.get("type")
    if type_ == "error" or (not content and schema.loose_error(document)):
        sound = body is not None and not check_body(body)
        raise Unmendable("" if sound else "error.shape", "", "", failure_of(document))
    empty = content is None and document.get("stop_reason") is None
    if empty or (type_ != "message" and not isinstance(content, list | str)):
        code, pointer = ("body.content", "/content") if type_ == "message" else ("body.type", "/type")
        raise Unmendable(code, pointer, _NO_REPLY)
    return document


def _content(content: object, mint: Any) -> list[Any]:  # noqa: ANN401 - a function
    """Mend the blocks; a sound one is the very same."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks: list[Any] = []
    for number, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, str) and block:
            blocks.append({"type": "text", "text": block})
        elif isinstance(block, dict) and kind_of(block):
            mended = sound_block(block, f"/content/{number}", mint)
            blocks.append(block if all(block.get(name, block) is value for name, value in mended.items()) else mended)
    return blocks


def _odd(body: bytes, origin: Origin) -> Whole:
    """Mend a body that is not quite JSON: one with a byte order mark, or with half of a surrogate pair."""
    try:
        text = body.removeprefix(_BOM).decode()
        document = mapped(json.loads(text, parse_constant=refuse), whole_text)
    except UNREADABLE:
        return _failed(body, "data.not-json", failure_of_body(body, _GOOD))
    whole = message_of(document, origin)
    if whole.failure is not None:
        return Whole(body, whole.mends, whole.failure)
    code = "sse.bom" if body.startswith(_BOM) else "data.surrogate"
    return Whole(whole.body, (_mend(code, ""), *whole.mends))


def _mend(code: str, pointer: str) -> Mend:
    kind, words = _WORDS.get(code) or USUAL[code]
    return Mend(kind, f"messages.{code}", 0, pointer, words)


def _failed(body: bytes, code: str, failure: Failure, pointer: str = "") -> Whole:
    """Give a failure; an error in the wire's own shape (no code) needs no mend."""
    kind: Kind = "mended" if code == "error.shape" else "failed"
    words = "read as an error" if code == "error.shape" else "the body became an error"
    return Whole(body, (Mend(kind, f"messages.{code}", 0, pointer, words),) if code else (), failure)
