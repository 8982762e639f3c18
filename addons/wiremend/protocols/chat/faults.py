"""Where a piece of a chunk or of a completion is not what ``schema`` asks for.

A strict decoding stops at the first fault and names it in its own words; these functions walk the piece as it is, and
report each fault with its code and its pointer. They run only where the strict decoding, or the table, has said no.
None of them keeps anything, except :class:`Lists`, which knows what kinds of lists came before.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal, NoReturn

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.chat.codes import CODES
from wiremend.protocols.chat.schema import COUNTS, DETAILS, Annotation, Logprobs
from wiremend.protocols.violation import Violation

type Whole = Literal["whole", "empty", "truncated", "not-json"]

_PATH: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_MAX_DETAIL: Final = 40
_MAX_DEPTH: Final = 32
_MAX_KINDS: Final = 256
_SUCCESSES: Final = frozenset({"0", "200", "ok", "success"})


class Report:
    """Collects the violations of one event (or body)."""

    __slots__ = ("event", "found")

    def __init__(self, event: int) -> None:
        """Report on the event of this number."""
        self.event = event
        self.found: list[Violation] = []

    def add(self, code: str | None, pointer: str, value: object = None) -> None:
        """Note a breach, with what was found in place; None as code is none."""
        if code is None:
            return
        sentence = CODES[code]
        if value is not None:
            shown = repr(value)
            shown = shown if len(shown) <= _MAX_DETAIL else shown[: _MAX_DETAIL - 1] + "…"
            sentence = f"{sentence[:-1]} (found: {shown})."
        self.found.append(Violation(code, self.event, pointer, sentence))


def parse(data: bytes | str) -> Any:  # noqa: ANN401  a piece of anybody's JSON
    """Decode JSON that strict decoders may refuse: lone surrogates and long numbers are sound. Raises ValueError.

    RecursionError, which a thousand brackets give, becomes a ValueError too.
    """
    try:
        return json.loads(data, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("too deep") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def whole_arguments(text: str) -> Whole:
    """Tell what a tool call's whole arguments are: JSON, nothing at all (also ``null``), cut short, or not JSON."""
    if text.strip() in {"", "null"}:
        return "empty"
    try:
        parse(text)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        return "truncated" if cut else "not-json"
    except ValueError:
        return "not-json"
    return "whole"


def is_number(value: object) -> bool:
    """Tell whether JavaScript would call it a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_index(value: object) -> bool:
    """Tell whether it can be a place in a list."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def scalars(report: Report, chunk: dict[str, Any]) -> None:
    """Check what a chunk says of itself; each field may be null or absent, except ``object``."""
    kind = chunk.get("object")
    if kind != "chat.completion.chunk":
        report.add("chat.chunk.object-missing" if kind is None else "chat.chunk.object-wrong", "/object", kind)
    for name in ("id", "model"):
        if not isinstance(chunk.get(name), str | None):
            report.add(f"chat.chunk.{name}-type", f"/{name}", chunk[name])
    if chunk.get("created") is not None and not is_number(chunk["created"]):
        report.add("chat.chunk.created-type", "/created", chunk["created"])
    if not isinstance(chunk.get("moderation"), dict | None):
        report.add("chat.chunk.moderation-type", "/moderation", chunk["moderation"])
    usage(report, chunk.get("usage"))


def usage(report: Report, value: object) -> None:
    """Check a usage object and each of its counts."""
    if value is None:
        return
    if not isinstance(value, dict):
        report.add("chat.usage.type", "/usage", value)
        return
    _counts(report, value, COUNTS, "/usage")
    for name, counts in DETAILS.items():
        details = value.get(name)
        if isinstance(details, dict):
            _counts(report, details, counts, f"/usage/{name}")
        elif details is not None:
            report.add("chat.usage.type", f"/usage/{name}", details)


def _counts(report: Report, value: dict[str, Any], names: tuple[str, ...], at: str) -> None:
    for name in names:
        if value.get(name) is not None and not is_number(value[name]):
            report.add("chat.usage.count-type", f"{at}/{name}", value[name])


def logprobs(report: Report, value: object, at: str) -> None:
    """Check a choice's logprobs; only the first fault is named, for they come by the hundred."""
    if value is not None:
        _convert(report, value, Logprobs, "chat.choice.logprobs-type", at)


def are_logprobs(value: object) -> bool:
    """Tell whether a choice's logprobs are as documented."""
    report = Report(0)
    logprobs(report, value, "")
    return not report.found


def texts(report: Report, delta: dict[str, Any], at: str) -> None:
    """Check the texts of a delta, or of a message: strings or null."""
    kinds = {"content": "content", "refusal": "refusal", "reasoning_content": "reasoning", "reasoning": "reasoning"}
    for name, kind in kinds.items():
        if not isinstance(delta.get(name), str | None):
            report.add(f"chat.delta.{kind}-type", f"{at}/{name}", delta[name])


def arguments(report: Report, value: object, at: str) -> str:
    """Check the arguments of a tool call, and give their text; what is not a text gives the text that it stands for."""
    if isinstance(value, str):
        return value
    report.add("chat.tool-call.arguments-null" if value is None else "chat.tool-call.arguments-type", at, value)
    return "" if value is None else json.dumps(value)


def error(report: Report, chunk: dict[str, Any]) -> bool:
    """Check an event that may be an error; tell whether it is one.

    The shape is that of the AI SDK's ``openaiErrorDataSchema``. An ``error`` that is null or empty is none, but the key
    is a breach. An error in another shape is one wherever ``loose.error_of`` reads one and there are no choices that a
    client would read instead.
    """
    told = chunk.get("error")
    choices = chunk.get("choices")
    if told:
        if not isinstance(told, dict):
            report.add("chat.error.shape", "/error")
        elif not loose.text(told.get("message")):
            report.add("chat.error.shape", "/error/message")
        else:
            code = told.get("code")
            if not isinstance(told.get("type"), str | None):
                report.add("chat.error.shape", "/error/type")
            if not (code is None or isinstance(code, str) or is_number(code)):
                report.add("chat.error.shape", "/error/code")
        if isinstance(choices, list):
            report.add("chat.error.beside-choices", "/choices")
        return True
    if loose.field(chunk, "base_resp", "status_code"):
        report.add("chat.error.shape", "/base_resp")
        return True
    if not choices and (loose.error_of(_document(chunk)) or _is_refusal(chunk)):
        report.add("chat.error.shape", "")
        return True
    if "error" in chunk and ("choices" in chunk or "usage" in chunk):
        report.add("chat.error.null", "/error")
    return False


def _is_refusal(chunk: dict[str, Any]) -> bool:
    """Tell whether it is a gateway's ``{"code": 500, "msg": "…"}``; with a code of success it says nothing."""
    code = chunk.get("code")
    failed = chunk.get("success") is False or (bool(code) and str(code).lower() not in _SUCCESSES)
    return failed and bool(loose.text(chunk.get("msg")))


def _document(chunk: dict[str, Any]) -> loose.Document:
    return loose.Document(**{name: chunk.get(name) for name in ("type", "code", "message", "detail")})


class Lists:
    """Checks the lists in a choice's deltas as the openai SDK adds them up: all scalars, or all objects with an index.

    It remembers, for each path (without indices), whether its lists hold objects. The memory is bounded, so of a stream
    with hundreds of lists of its own invention the first are checked against what came before, the others on their own.
    """

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        """Begin with none."""
        self._kinds: dict[str, bool] = {}

    def copy(self) -> Lists:
        """Give the same memory a second time."""
        other = Lists()
        other._kinds = dict(self._kinds)
        return other

    def kind(self, path: str) -> bool | None:
        """Tell whether the lists at a path hold objects; None where none came yet."""
        return self._kinds.get(path)

    def walk(self, report: Report, value: dict[str, Any], at: str, path: str = "") -> None:
        """Check every list in ``value``; ``tool_calls`` and the content have checks of their own."""
        for name, item in value.items():
            where, key = f"{at}/{name.replace('~', '~0').replace('/', '~1')}", f"{path}/{name}"
            if key.count("/") > _MAX_DEPTH or key in {"/tool_calls", "/content"}:
                continue
            if isinstance(item, dict):
                self.walk(report, item, where, key)
            elif isinstance(item, list) and item:
                self._list(report, item, where, key)

    def _list(self, report: Report, item: list[Any], at: str, key: str) -> None:
        objects = self._kinds.get(key, isinstance(item[0], dict))
        if len(self._kinds) < _MAX_KINDS:
            self._kinds[key] = objects
        for number, entry in enumerate(item):
            place = f"{at}/{number}"
            if objects and isinstance(entry, dict):
                if not is_index(entry.get("index")):
                    report.add("chat.delta.list-index-missing", f"{place}/index", entry.get("index"))
                self.walk(report, entry, place, key)
            elif objects or not isinstance(entry, str | int | float):
                report.add("chat.delta.list-entry-type", place)
            if key == "/annotations":
                _convert(report, entry, Annotation, "chat.delta.annotation-type", place)


def _convert(report: Report, value: object, shape: type[Any], code: str, at: str) -> None:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error_:
        found = _PATH.search(str(error_))
        steps = _STEP.findall(found.group(1)) if found else []
        report.add(code, at + "".join(f"/{name or number}" for name, number in steps))
