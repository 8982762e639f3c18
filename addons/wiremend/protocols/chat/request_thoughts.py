"""Reasoning in an assistant's message of the history: ``reasoning_content``, ``reasoning``, ``reasoning_details``.

The first two are a text that nobody signs (DeepSeek, Kimi, vLLM; Ollama, Groq). ``reasoning_details`` is OpenRouter's
list, of which each entry is one of

=======================  ============================================================================
``reasoning.text``       Thinking; its ``text``
``reasoning.summary``    Thinking with ``summary`` set; its ``summary``
``reasoning.encrypted``  Unknown; where it belongs to a Thinking, the ``data`` in that one's ``extra``
any other                Unknown
=======================  ============================================================================

Entries in a row with one ``index`` are one part, unless the part has that proof already; the index itself is not kept,
for it is the place in the list. All other fields are ``extra``, ``signature``, ``id`` and ``format`` among them: so
what proves reasoning to a provider of this wire is never taken for another's. A part that came by another wire with
such proofs says so by ``extra["wire"]``, which is then "chat".

A signature or ``data`` that is an envelope is opened. What is inside is of the messages wire (``signature``; Redacted
without an id) or of the responses wire (``encrypted`` with ``id``; Redacted with an id, "" where there is none).

``reasoning_content`` mostly repeats the texts of the list. What it says beyond them, before or behind, is a part of its
own; where no entry has text, the first that could have one gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.message import Redacted, Thinking, Unknown
from wiremend.protocols.chat.request_values import At, Json, items, rest
from wiremend.protocols.envelope import Envelope, unseal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.message import Part

FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details")
WIRE: Final = "wire"
"""The name in ``extra`` under which the wire stands that the other extras are of, where it is not the request's."""

_KNOWN: Final = frozenset({"type", "text", "summary", "signature", "data", "index"})
_KINDS: Final = frozenset({"reasoning.text", "reasoning.summary", "reasoning.encrypted"})

type Thought = Thinking | Unknown
type Found = tuple[Part, At]


class _Entry(msgspec.Struct):
    """What entries of one index add up to; ``readable`` tells that one of them is for text."""

    at: At
    index: object
    text: str
    summary: bool
    signature: str | None
    data: str | None
    readable: bool
    extra: Json


def read_thoughts(message: Json, at: At) -> list[Found]:
    """Read the reasoning of an assistant's message, each part with its place. Raises TranslationError."""
    name = "reasoning_content" if _said(message, "reasoning_content") else "reasoning"
    said = _said(message, name)
    if not message.get("reasoning_details"):
        return [(Thinking(said), (*at, name))] if said else []
    details = items(message.get("reasoning_details"), (*at, "reasoning_details"))
    entries = _entries(details, (*at, "reasoning_details"))
    before, behind = _beyond(said, [entry for entry in entries if isinstance(entry, _Entry)])
    found = [_part(entry) if isinstance(entry, _Entry) else entry for entry in entries]
    place = (*at, name)
    return [*([(Thinking(before), place)] if before else []), *found, *([(Thinking(behind), place)] if behind else [])]


def _said(message: Json, name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _beyond(said: str, entries: list[_Entry]) -> tuple[str, str]:
    """Give what the text says before and behind the entries; a text that none of them has is given to one."""
    text = "".join(entry.text for entry in entries)
    if not text:
        heir = next((entry for entry in entries if entry.readable or _may_have_text(entry.data)), None)
        if heir is None:
            return said, ""
        heir.text = said
    elif said.startswith(text):
        return "", said[len(text) :].strip()
    elif said.endswith(text):
        return said[: -len(text)].strip(), ""
    return "", ""


def _may_have_text(data: str | None) -> bool:
    envelope = unseal(data)
    return envelope is not None and "data" not in envelope.contents


def _entries(details: list[Any], at: At) -> list[_Entry | Found]:
    """Put entries together that are of one part; what is none of the known kinds stays as it is."""
    entries: list[_Entry | Found] = []
    for number, detail in enumerate(details):
        if not isinstance(detail, dict):
            continue
        if str(detail.get("type")) not in _KINDS:
            entries.append((Unknown({name: value for name, value in detail.items() if name != "index"}), (*at, number)))
            continue
        entry = _entry(detail, (*at, number))
        last = entries[-1] if entries else None
        if isinstance(last, _Entry) and _one(last, entry):
            last.text += entry.text
            last.summary |= entry.summary
            last.signature = last.signature or entry.signature
            last.data = last.data or entry.data
            last.readable |= entry.readable
            last.extra = entry.extra | last.extra
        else:
            entries.append(entry)
    return entries


def _entry(detail: Json, at: At) -> _Entry:
    kind = detail["type"]
    text = detail.get("summary" if kind == "reasoning.summary" else "text")
    return _Entry(
        at,
        detail.get("index"),
        text if isinstance(text, str) and kind != "reasoning.encrypted" else "",
        kind == "reasoning.summary",
        _word(detail.get("signature")),
        _word(detail.get("data")),
        kind != "reasoning.encrypted",
        rest(detail, _KNOWN),
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _one(last: _Entry, entry: _Entry) -> bool:
    """Tell whether an entry goes on with the one before: the index is the same, and no proof comes twice."""
    if last.index is None or last.index != entry.index:
        return False
    both = last.extra.keys() & entry.extra.keys()
    if any(last.extra[name] != entry.extra[name] for name in both):
        return False
    return not ((last.signature and (entry.signature or entry.text)) or (last.data and (entry.data or entry.text)))


def _part(entry: _Entry) -> Found:
    """Make the part of an entry; opens envelopes."""
    envelope = unseal(entry.signature) or unseal(entry.data)
    extra = entry.extra
    if envelope is not None and envelope.wire != "chat":
        return _opened(envelope, entry), entry.at
    proofs: Json = {"signature": entry.signature, "data": entry.data}
    if envelope is not None:
        proofs = dict(envelope.contents)
    extra = {name: value for name, value in proofs.items() if value} | extra
    if not entry.readable and not entry.text:
        return Unknown({"type": "reasoning.encrypted", **extra}), entry.at
    return Thinking(entry.text, summary=entry.summary, extra=extra), entry.at


def _opened(envelope: Envelope, entry: _Entry) -> Thinking | Redacted:
    """Give reasoning as the wire has it that proves it."""
    inside = envelope.contents
    if envelope.wire == "messages":
        if "data" in inside:
            return Redacted(inside["data"])
        return Thinking(inside.get("thinking", entry.text), inside.get("signature"))
    encrypted, ident = inside.get("encrypted_content"), inside.get("id")
    if encrypted and not entry.text:
        return Redacted(encrypted, ident or "")
    return Thinking(entry.text, encrypted=encrypted, summary=True, id=ident)


# --- writing ----------------------------------------------------------------------------------------------------------


def details_of(thoughts: Sequence[Thought]) -> list[Json]:
    """Write the list. Entries of one part share an index, by which they are found to be one again."""
    return [detail | {"index": index} for index, thought in enumerate(thoughts) for detail in _details(thought)]


def _details(thought: Thought) -> list[Json]:
    if isinstance(thought, Unknown):
        return [dict(thought.data)]
    extra = dict(thought.extra)
    data = extra.pop("data", None)
    name = "summary" if thought.summary else "text"
    found: list[Json] = []
    if thought.text or thought.summary or data is None or "signature" in extra:
        found.append({**extra, "type": f"reasoning.{name}", name: thought.text})
    if data is not None:
        extra.pop("signature", None)
        found.append({**extra, "type": "reasoning.encrypted", "data": data})
    return found
