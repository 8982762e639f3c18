"""Reading what loosely compatible providers send.

The official shapes are the exception: counts come as strings or null, usage under another wire's names or inside a
choice, an error as a string, a list, or a bare code with a message. This module reads all of them for the tallies,
which only report. Nothing here raises, whatever the input: what cannot be read says nothing.

The forms are those of the quirk catalogue: ``usage-in-choice``, ``usage-cache-field``, ``usage-bad-types``,
``anth-message-delta-usage``, ``resp-completed-fields``, ``error-midstream-shape``, ``error-body-shapes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

_BOM: Final = b"\xef\xbb\xbf"
_MAX_DIGITS: Final = 18
_MAX_COUNT: Final = 10**15
_MAX_ERROR: Final = 200


class Document(msgspec.Struct):
    """The fields of a body, or of an event's data, by which it may be an error.

    A wire's own document inherits from it and adds the fields that matter there. Each field is of any type: one of the
    wrong type must not hide the others.
    """

    type: Any = None
    error: Any = None
    code: Any = None
    message: Any = None
    detail: Any = None
    base_resp: Any = None


def decode[T](data: bytes, shape: type[T]) -> T | None:
    """Decode JSON as ``shape``; a list stands for its first entry (Gemini wraps its errors so). None if it is not that.

    RecursionError is msgspec's answer to a thousand brackets.
    """
    try:
        data = data.removeprefix(_BOM).lstrip()
        if data.startswith(b"["):
            entries = msgspec.json.decode(data, type=list[msgspec.Raw])
            data = bytes(entries[0]) if entries else b""
        return msgspec.json.decode(data, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def text(value: object) -> str | None:
    """Give a string that says something, None for all else."""
    return value if isinstance(value, str) and value else None


def field(value: object, *names: str) -> Any:  # noqa: ANN401  a piece of anybody's JSON
    """Go down a chain of names; None where the chain breaks."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def count(value: object) -> int | None:
    """Read a number of tokens: 11, 11.0 or "11". None for null, true, fractions, absurd sizes and all else."""
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX_COUNT:
        return None
    return int(value) if value == int(value) else None


def later(old: int | None, new: int | None) -> int | None:
    """Merge two readings of one counter: the newer, except that nothing and zero are no news.

    Counters in a stream are running totals, and converters fill those that they do not know with zero.
    """
    return new if new or old is None else old


def first(*values: int | None) -> int | None:
    """Choose among readings of one counter that stand side by side: the first that is not zero, else any."""
    chosen: int | None = None
    for value in values:
        chosen = later(value, chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class Counts:
    """What a usage object says; ``input`` includes ``cached``, and ``output`` ``reasoning``."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    def then(self, newer: Counts) -> Counts:
        """Merge with what a later usage object says."""
        return Counts(
            later(self.input, newer.input),
            later(self.output, newer.output),
            later(self.cached, newer.cached),
            later(self.reasoning, newer.reasoning),
        )


def openai_counts(usage: object) -> Counts:
    """Read a usage object with OpenAI's names, those of chat and those of responses alike.

    The prompt's total includes the cache on both wires. The cache's share is in ``prompt_tokens_details`` or
    ``input_tokens_details``; Moonshot has ``cached_tokens`` beside the totals, DeepSeek ``prompt_cache_hit_tokens``.
    What was thought is in ``completion_tokens_details`` or ``output_tokens_details``; some have it beside the totals.
    """
    return Counts(
        first(count(field(usage, "prompt_tokens")), count(field(usage, "input_tokens"))),
        first(count(field(usage, "completion_tokens")), count(field(usage, "output_tokens"))),
        first(
            count(field(usage, "prompt_tokens_details", "cached_tokens")),
            count(field(usage, "input_tokens_details", "cached_tokens")),
            count(field(usage, "cached_tokens")),
            count(field(usage, "prompt_cache_hit_tokens")),
        ),
        first(
            count(field(usage, "completion_tokens_details", "reasoning_tokens")),
            count(field(usage, "output_tokens_details", "reasoning_tokens")),
            count(field(usage, "reasoning_tokens")),
        ),
    )


def error_of(document: Document) -> str | None:
    """Give one short line if the document is an error, None if not.

    ====================================================== =============================================
    ``{"error": {"message": …, "type" or "code": …}}``     OpenAI, and with ``"type": "error"`` Anthropic
    ``{"error": "…"}``                                     small servers
    ``{"code": 1302, "message": "…"}``                     Z.ai, gateways
    ``{"type": "error", "message": "…"}``                  an event of the responses wire
    ``{"detail": "…"}``, ``{"detail": [{"msg": "…"}]}``    FastAPI
    ``{"base_resp": {"status_code": 1004, …}}``            MiniMax (0 is success)
    ``{"object": "error", "message": {"detail": …}}``      Mistral
    ====================================================== =============================================

    ``{"error": null}`` and ``{"error": {}}`` are no errors. No reply of the three wires has a string ``message`` at the
    top, so one alone is taken for an error.
    """
    if document.error:
        return error_line(document.error)
    if text(document.message):
        return error_line({"code": document.code, "message": document.message})
    status = field(document.base_resp, "status_code")
    if status:
        return error_line({"code": status, "message": field(document.base_resp, "status_msg")})
    detail = document.detail or field(document.message, "detail")
    if detail:
        detail = detail[0] if isinstance(detail, list) else detail
        return error_line(text(field(detail, "msg")) or detail)
    return "error" if document.type == "error" else None


def unread_error(name: str | None, data: bytes) -> str | None:
    """Give the line for an event that is called "error" and whose data tells nothing that we can read."""
    return error_line(data.decode("utf-8", "replace")) if name == "error" else None


def error_line(error: object) -> str:
    """Write an error object as ``kind: message``, on one line of at most 200 characters."""
    if isinstance(error, str):
        words = error
    else:
        names = ("type", "code", "status")
        kinds = [str(value) for value in (field(error, name) for name in names) if text(value) or count(value)]
        parts = [kinds[0] if kinds else None, text(field(error, "message"))]
        words = ": ".join(part for part in parts if part)
    line = " ".join(words.split()) or "error"
    return line if len(line) <= _MAX_ERROR else line[: _MAX_ERROR - 1] + "…"
