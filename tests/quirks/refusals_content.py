"""How providers refuse contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.kit import Refusal
    from wiremend.headers import Headers

_IMAGES = {"image", "image_url", "input_image"}


def _string(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for message in body.get("messages", ()):
        if message["role"] == "tool" and not isinstance(message["content"], str):
            return 400, "tool_call.content must be string"
    for item in body.get("input", ()):
        if item.get("type") == "function_call_output" and not isinstance(item["output"], str):
            return 400, "Output of tool call should be 'Input text'"
    return None


def _empty(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for message in body["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        texts = [part.get("text") for part in parts if part["type"] == "text"]
        if message["role"] == "assistant" and any(not text.strip() for text in texts):
            return 400, "Invalid request: text content is empty"
    return None


def _null(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    for message in body["messages"]:
        if message["role"] == "assistant" and not isinstance(message.get("content"), str | list):
            return 400, "either content or tool_calls must be set"
    return None


def _image(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    def found(value: object) -> bool:
        if isinstance(value, dict):
            return value.get("type") in _IMAGES or any(found(inner) for inner in value.values())
        return isinstance(value, list) and any(found(inner) for inner in value)

    return (400, "Unsupported image.") if found(body) else None


def _surrogates(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    def broken(value: object) -> bool:
        if isinstance(value, str):
            return any("\ud800" <= letter <= "\udfff" for letter in value)
        if isinstance(value, dict):
            return any(broken(part) for pair in value.items() for part in pair)
        return isinstance(value, list) and any(broken(inner) for inner in value)

    return (400, "invalid JSON: lone surrogate") if broken(body) else None


REFUSALS: dict[str, Refusal] = {
    "tool-content-must-be-string": _string,
    "assistant-empty-text": _empty,
    "assistant-null-content": _null,
    "image-unsupported": _image,
    "lone-surrogates": _surrogates,
}
