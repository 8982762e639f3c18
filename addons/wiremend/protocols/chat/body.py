"""What the strictest clients ask of a whole response of the chat wire, and of an error's body.

Besides the SDKs these are the validators that hold a response against the official model (openai-python
``types/chat/chat_completion.py``), as pydantic-ai does; that is where the required fields come from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.chat import faults
from wiremend.protocols.chat.faults import Report
from wiremend.protocols.chat.schema import FINISH_REASONS, SERVICE_TIERS

if TYPE_CHECKING:
    from wiremend.protocols.violation import Violation

_EVENTS: Final = re.compile(rb"\s*(?:data|event|id|retry|):")
_FIELDS: Final[dict[str, type]] = {"id": str, "created": int, "model": str}


def check_body(body: bytes) -> list[Violation]:
    """Judge the whole body of a response that says success.

    A sound error is the one violation ``chat.body.error``; one in another shape is ``chat.error.shape``.
    """
    report = Report(0)
    document = _object(report, body)
    if document is None:
        return report.found
    if faults.error(report, document):
        if not report.found:
            report.add("chat.body.error", "/error")
        return report.found
    _completion(report, document)
    return report.found


def check_error(body: bytes) -> list[Violation]:
    """Judge the body of a response that says failure: it must be OpenAI's error object."""
    report = Report(0)
    document = _object(report, body)
    if document is not None and not faults.error(report, document):
        report.found.clear()
        report.add("chat.error.shape", "")
    return report.found


def _object(report: Report, body: bytes) -> dict[str, Any] | None:
    try:
        document = faults.parse(body.decode("utf-8-sig"))
    except ValueError:
        report.add("chat.body.event-stream" if _EVENTS.match(body) else "chat.body.not-json", "")
        return None
    if isinstance(document, dict):
        return document
    first = document[0] if isinstance(document, list) and document else None
    wrapped = isinstance(first, dict) and bool(first.get("error"))  # Gemini sends its errors in a list
    report.add("chat.error.shape" if wrapped else "chat.body.not-object", "")
    return None


def _completion(report: Report, body: dict[str, Any]) -> None:
    for name, kind in _FIELDS.items():
        value = body.get(name)
        if value is None:
            report.add("chat.body.field-missing", f"/{name}")
        elif not isinstance(value, kind) or isinstance(value, bool):
            report.add("chat.body.field-type", f"/{name}", value)
    if body.get("object") != "chat.completion":
        report.add("chat.body.object-wrong", "/object", body.get("object"))
    tier = body.get("service_tier")
    if not (tier is None or (isinstance(tier, str) and tier in SERVICE_TIERS)):
        report.add("chat.body.service-tier", "/service_tier", tier)
    faults.usage(report, body.get("usage"))
    choices = body.get("choices")
    if not isinstance(choices, list | None):
        report.add("chat.chunk.choices-type", "/choices", choices)
    elif not choices:
        report.add("chat.body.choices-missing", "/choices")
    else:
        for number, choice in enumerate(choices):
            _choice(report, choice, f"/choices/{number}")


def _choice(report: Report, choice: object, at: str) -> None:
    if not isinstance(choice, dict):
        report.add("chat.choice.not-object", at, choice)
        return
    index = choice.get("index")
    if index is None:
        report.add("chat.choice.index-missing", f"{at}/index")
    elif not faults.is_index(index):
        report.add("chat.choice.index-type", f"{at}/index", index)
    faults.logprobs(report, choice.get("logprobs"), f"{at}/logprobs")
    reason, message = choice.get("finish_reason"), choice.get("message")
    if reason is None or reason == "":
        report.add("chat.finish.empty" if reason == "" else "chat.finish.missing", f"{at}/finish_reason")
    elif not isinstance(reason, str):
        report.add("chat.finish.type", f"{at}/finish_reason", reason)
    elif reason not in FINISH_REASONS:
        report.add("chat.finish.unknown", f"{at}/finish_reason", reason)
    if isinstance(message, dict):
        _message(report, message, reason, at)
    else:
        report.add("chat.body.message-missing", f"{at}/message", message)


def _message(report: Report, message: dict[str, Any], reason: object, choice: str) -> None:
    at = f"{choice}/message"
    role, calls, legacy = message.get("role"), message.get("tool_calls"), message.get("function_call") is not None
    if role is None:
        report.add("chat.delta.role-missing", f"{at}/role")
    elif role != "assistant":
        report.add("chat.delta.role-wrong" if role else "chat.delta.role-empty", f"{at}/role", role)
    faults.texts(report, message, at)
    if legacy:
        report.add("chat.choice.function-call", f"{at}/function_call")
    if not isinstance(calls, list | None):
        report.add("chat.delta.tool-calls-type", f"{at}/tool_calls", calls)
        return
    before = len(report.found)
    for number, call in enumerate(calls or ()):
        _call(report, call, reason, f"{at}/tool_calls/{number}")
    cut = any(found.code == "chat.tool-call.arguments-truncated" for found in report.found[before:])
    if reason == "stop" and (calls or legacy) and not cut:
        report.add("chat.finish.contradicts-tools", f"{choice}/finish_reason")
    elif reason in ("tool_calls", "function_call") and not calls and not legacy:
        report.add("chat.finish.no-tools", f"{choice}/finish_reason", reason)


def _call(report: Report, call: object, reason: object, at: str) -> None:
    if not isinstance(call, dict):
        report.add("chat.tool-call.not-object", at, call)
        return
    ident, type_, function = call.get("id"), call.get("type"), call.get("function")
    if not isinstance(ident, str | None):
        report.add("chat.tool-call.id-type", f"{at}/id", ident)
    elif not ident:
        report.add("chat.tool-call.id-missing", f"{at}/id")
    if type_ is None:
        report.add("chat.tool-call.type-missing", f"{at}/type")
    elif type_ != "function":
        report.add("chat.tool-call.type-wrong", f"{at}/type", type_)
    if isinstance(function, dict):
        _function(report, function, reason, f"{at}/function")
    else:
        report.add(f"chat.tool-call.function-{'missing' if function is None else 'type'}", f"{at}/function", function)


def _function(report: Report, function: dict[str, Any], reason: object, at: str) -> None:
    name = function.get("name")
    if not isinstance(name, str | None):
        report.add("chat.tool-call.name-type", f"{at}/name", name)
    elif not name:
        report.add("chat.tool-call.name-missing", f"{at}/name")
    place = f"{at}/arguments"
    if function.get("arguments") is None:
        report.add("chat.tool-call.arguments-empty", place)
        return
    verdict = faults.whole_arguments(faults.arguments(report, function["arguments"], place))
    if verdict != "whole" and reason not in ("length", "content_filter"):
        report.add(f"chat.tool-call.arguments-{verdict}", place)
