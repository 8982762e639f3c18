"""What a value of the wrong type, or of another dialect, means: texts, counts, finish reasons; and how JSON is written.

Everything here is a function of its arguments. The forms are those of the quirk catalogue (``content-as-parts``,
``usage-bad-types``, ``finish-reason-nonstandard``, ``chunk-scalars``).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.errors import JsonError
from wiremend.jsonedit import Edit, apply
from wiremend.jsontext import ANY
from wiremend.protocols import loose
from wiremend.protocols.chat.choices import NO_REASON
from wiremend.protocols.chat.faults import is_number
from wiremend.protocols.chat.schema import COUNTS, DETAILS, FINISH_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

type Json = dict[str, Any]

ERROR: Final = "error"

_REASONS: Final = {
    "stop": (
        "stop eos eos_token end_turn stop_sequence stop_sequences end complete completed done finish finished "
        "finish_reason_stop pause_turn"
    ),
    "tool_calls": "tool_calls tool_call tool_use tool_uses function_call function_calls",
    "length": (
        "length max_length max_tokens max_output_tokens max_completion_tokens max_new_tokens model_length "
        "model_context_window_exceeded context_length_exceeded token_limit truncated incomplete"
    ),
    "content_filter": (
        "content_filter content_filtered sensitive safety recitation blocklist prohibited_content spii refusal "
        "guardrail_intervened"
    ),
}
_WORDS: Final = {word: reason for reason, words in _REASONS.items() for word in words.split()}
_ERROR_WORDS: Final = re.compile("error|fail|abort|cancel|timeout|timed_out|overload|insufficient|malformed")
_THOUGHTS: Final = frozenset({"thinking", "reasoning"})
_TEXTS: Final = ("text", "content", "thinking", "reasoning", "summary", "refusal")
_MAX_DEPTH: Final = 8


def reason_of(value: object) -> str | None:
    """Give the finish reason that a value means; ``ERROR`` where it tells a failure, None where it says nothing.

    A word that nobody knows is "stop": the provider did say that it had ended.
    """
    if not isinstance(value, str):
        return "stop" if value else None
    if value in FINISH_REASONS:
        return value
    word = value.strip().lower().replace("-", "_").replace(" ", "_")
    if word in NO_REASON:
        return None
    return _WORDS.get(word) or (ERROR if _ERROR_WORDS.search(word) else "stop")


def text_of(value: object, depth: int = 0) -> str | None:
    """Give the text that a value stands for: itself, its parts, a number's digits. None where it has none."""
    if isinstance(value, str):
        return value
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return "".join(text_of(item, depth + 1) or "" for item in value)
    if isinstance(value, dict):
        return next((text_of(value[name], depth + 1) for name in _TEXTS if value.get(name)), None)
    return str(value) if is_number(value) else None


def content_of(value: object) -> tuple[str | None, str]:
    """Give the text of a content that is no string, and the thinking that its parts had."""
    if not isinstance(value, list):
        return text_of(value), ""
    thoughts = [item for item in value if isinstance(item, dict) and item.get("type") in _THOUGHTS]
    texts = [item for item in value if not (isinstance(item, dict) and item.get("type") in _THOUGHTS)]
    return text_of(texts), text_of(thoughts) or ""


def usage_of(value: object) -> Json | None:
    """Give a usage object with sound counts; what is no count is left out. None where there is no usage."""
    if not isinstance(value, dict):
        return None
    usage = _counts(value, COUNTS)
    for name, counts in DETAILS.items():
        if isinstance(usage.get(name), dict):
            usage[name] = _counts(usage[name], counts)
        elif usage.get(name) is not None:
            del usage[name]
    prompt, completion = (loose.count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    if usage != value and usage.get("total_tokens") is None and prompt is not None and completion is not None:
        usage["total_tokens"] = prompt + completion
    return usage


def _counts(value: Json, names: tuple[str, ...]) -> Json:
    counted = dict(value)
    for name in names:
        old = counted.get(name)
        if old is None or is_number(old):
            continue
        new = loose.count(old.strip()) if isinstance(old, str) else None
        if new is None:
            del counted[name]
        else:
            counted[name] = new
    return counted


def is_foreign(call: Json) -> bool:
    """Tell whether a tool call is none of a function (OpenAI's custom tools): it says so, and has a field for it."""
    kind = call.get("type")
    if not isinstance(kind, str) or kind in {"", "function"}:
        return False
    return isinstance(call.get(kind), dict) and not isinstance(call.get("function"), dict)


def is_completion_of_old(document: object) -> bool:
    """Tell whether a chunk or a body is of the older endpoint: its choices have neither a delta nor a message."""
    choices = loose.field(document, "choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    old: bool = loose.field(document, "object") == "text_completion"
    return old and isinstance(first, dict) and not {"delta", "message"} & first.keys()


def encode(value: object) -> bytes:
    """Write JSON; half a surrogate pair as its escape, and a number that no JSON can hold as null."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        value = json.loads(text, parse_constant=lambda _: None)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def lenient(text: str) -> object:
    """Decode JSON in which NaN and Infinity stand for null. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("too deep") from error


def edited(data: bytes, old: object, new: Json) -> bytes:
    """Write ``new`` over ``data``, the JSON of ``old``, with the bytes of every value kept that is the same in both.

    Gives ``data`` itself where the two are the same JSON; 1 and true and 1.0 are not.
    """
    try:
        edits = list(_edits(old, new, ()))
        if any(ANY in edit.pointer for edit in edits):
            return encode(new)
        return apply(data, edits).body if edits else data
    except (JsonError, ValueError, RecursionError):
        return encode(new)


def _edits(old: object, new: object, at: tuple[str, ...]) -> Iterator[Edit]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() - new.keys():
            yield Edit("remove", (*at, name))
        for name, value in new.items():
            if name in old:
                yield from _edits(old[name], value, (*at, name))
            else:
                yield Edit("set", (*at, name), encode(value))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _edits(*pair, (*at, str(number)))
    elif type(old) is not type(new) or old != new:
        yield Edit("set", at, encode(new))
