"""The content of messages: what a provider takes as text only, not at all, or not as nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import SIGNERS, New, items_of, on_host, rearrange
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft

_KIMI: Final = ("kimi.com", "moonshot.ai", "moonshot.cn")
_OMITTED: Final = "[image omitted: model has no vision]"
_IMAGES: Final = frozenset({"image", "image_url", "input_image"})
_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_FOLLOWS: Final = "The image that the tool gave:"


def _string_results(draft: Draft) -> None:
    if draft.scope.wire == "responses":
        _string_outputs(draft)
    else:
        _string_contents(draft)


def _string_contents(draft: Draft) -> None:
    messages = items_of(draft.document, "messages")
    plan: list[int | New] = []
    images: list[Any] = []
    for index, message in enumerate(messages):
        is_result = isinstance(message, dict) and message.get("role") == "tool"
        if images and not is_result:
            plan.append(New({"role": "user", "content": images}))
            images = []
        plan.append(index)
        content = message.get("content") if is_result else None
        if isinstance(content, list):
            images += _pictures(content)
            draft.set(
                ("messages", index, "content"), _text(content), "a text, as a result must be", kind=_kind(content)
            )
    if images:
        plan.append(New({"role": "user", "content": images}))
    rearrange(draft, ("messages",), plan, "the images of tools follow as the user's")


def _string_outputs(draft: Draft) -> None:
    items = items_of(draft.document, "input")
    plan: list[int | New] = []
    images: list[Any] = []
    for index, item in enumerate(items):
        kind = item.get("type") if isinstance(item, dict) else None
        is_output = isinstance(kind, str) and kind in _OUTPUTS
        if images and not is_output:
            plan.append(New({"type": "message", "role": "user", "content": images}))
            images = []
        plan.append(index)
        output = item.get("output") if is_output else None
        if isinstance(output, list):
            images += _pictures(output)
            draft.set(("input", index, "output"), _text(output), "a text, as a result must be", kind=_kind(output))
    if images:
        plan.append(New({"type": "message", "role": "user", "content": images}))
    rearrange(draft, ("input",), plan, "the images of tools follow as the user's")


def _text(parts: list[Any]) -> str:
    texts = [part if isinstance(part, str) else part.get("text") for part in parts if isinstance(part, str | dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _pictures(parts: list[Any]) -> list[Any]:
    return [part for part in parts if _is_image(part)]


def _kind(parts: list[Any]) -> Kind:
    """Tell whether a part is neither text nor image, so that making a text of them loses it."""
    whole = all(isinstance(part, str) or _is_image(part) or isinstance(_field(part, "text"), str) for part in parts)
    return "mended" if whole else "lost"


def _field(part: object, name: str) -> object:
    return part.get(name) if isinstance(part, dict) else None


def _is_image(part: object) -> bool:
    kind = _field(part, "type")
    return isinstance(kind, str) and kind in _IMAGES


def _no_empty_text(draft: Draft) -> None:
    for index in reversed(range(len(messages := items_of(draft.document, "messages")))):
        message = messages[index]
        if not isinstance(message, dict) or message.get("role") != "assistant":
            continue
        content = message.get("content")
        if isinstance(content, list) and content:
            empty = [number for number, part in enumerate(content) if _is_empty(part)]
            if len(empty) == len(content):
                _drop_content(draft, index, message)
                continue
            for number in reversed(empty):
                draft.remove(("messages", index, "content", number), "an empty text says nothing")
        elif isinstance(content, str) and not content.strip() and on_host(draft.scope.host, *_KIMI):
            _drop_content(draft, index, message)


def _drop_content(draft: Draft, index: int, message: dict[str, Any]) -> None:
    """Take away a content that says nothing, and the message with it where it has nothing else."""
    if message.get("tool_calls"):
        draft.remove(("messages", index, "content"), "empty texts say nothing beside calls")
    elif len(draft.document["messages"]) > 1 and _says_nothing(message):
        draft.remove(("messages", index), "an assistant message that says nothing removed")


def _is_empty(part: object) -> bool:
    text = _field(part, "text")
    return _field(part, "type") == "text" and isinstance(text, str) and not text.strip()


def _says_nothing(message: dict[str, Any]) -> bool:
    """Tell whether an assistant message has nothing beside its content."""
    return not any(value for name, value in message.items() if name not in {"role", "content", "name"})


def _no_null(draft: Draft) -> None:
    for index in reversed(range(len(messages := items_of(draft.document, "messages")))):
        message = messages[index]
        if not isinstance(message, dict) or message.get("role") != "assistant" or message.get("content") is not None:
            continue
        if not _says_nothing(message):
            draft.set(("messages", index, "content"), "", "a text, as the content must be")
        elif len(messages) > 1:
            draft.remove(("messages", index), "an assistant message that says nothing removed")


def _no_images(draft: Draft) -> None:
    if draft.scope.wire == "messages" and on_host(draft.scope.host, *SIGNERS):
        return
    name = "input" if draft.scope.wire == "responses" else "messages"
    for index, message in enumerate(items_of(draft.document, name)):
        for field in ("content", "output"):
            for number, part in enumerate(items_of(message, field)):
                where = (name, index, field, number)
                if _is_image(part):
                    _omit(draft, where, part)
                elif _field(part, "type") == "tool_result":
                    for inner, nested in enumerate(items_of(part, "content")):
                        if _is_image(nested):
                            _omit(draft, (*where, "content", inner), nested)


def _omit(draft: Draft, where: tuple[str | int, ...], image: dict[str, Any]) -> None:
    kind = "input_text" if image["type"] == "input_image" else "text"
    draft.set(where, {"type": kind, "text": _OMITTED}, "the image is left out: the model has no vision", kind="lost")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=35,
        name="tool-content-must-be-string",
        wires=("chat", "responses"),
        side="request",
        kind="preset",
        who="Xiaomi MiMo, DashScope, and the responses wire of llama.cpp.",
        symptom="400: text is not set, content must be string, or output of tool call should be input text.",
        mend="The texts of a tool's result are joined; its images follow in a message of the user.",
        before='{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"ok"}]}',
        after='{"role":"tool","tool_call_id":"c1","content":"ok"}',
        evidence=(
            "https://github.com/NousResearch/hermes-agent/issues/27344",
            "https://github.com/ggml-org/llama.cpp/issues/23465",
        ),
        presets=("xiaomi", "dashscope", "local"),
        request=_string_results,
    ),
    Quirk(
        number=36,
        name="assistant-empty-text",
        wires=("chat",),
        side="request",
        kind="always",
        who="Kimi for Coding.",
        symptom="400: text content is empty.",
        mend="An assistant's empty text parts go; beside calls the whole content does, if nothing is left of it.",
        before='{"role":"assistant","content":[{"type":"text","text":""}],"tool_calls":[{"id":"c1"}]}',
        after='{"role":"assistant","tool_calls":[{"id":"c1"}]}',
        evidence=("https://github.com/MoonshotAI/kimi-cli/commit/4a550eff",),
        request=_no_empty_text,
    ),
    Quirk(
        number=37,
        name="assistant-null-content",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Hosts that take no null as an assistant's content.",
        symptom="400 on null, or: either content or tool_calls must be set.",
        mend="Null becomes an empty text, and an assistant message that has neither content nor calls goes.",
        before='{"role":"assistant","content":null,"tool_calls":[{"id":"c1"}]}',
        after='{"role":"assistant","content":"","tool_calls":[{"id":"c1"}]}',
        evidence=(
            "https://github.com/vercel/ai/pull/13744",
            "https://github.com/vercel/ai/pull/14950",
        ),
        request=_no_null,
    ),
    Quirk(
        number=56,
        name="image-unsupported",
        wires=("messages", "chat", "responses"),
        side="request",
        kind="preset",
        who="Models without vision: DeepSeek's, and the older ones of Kimi.",
        symptom="400: unsupported image; the session stays broken, as the image stays in its history.",
        mend="A text that says so stands in the image's place.",
        before='{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBOR"}}',
        after='{"type":"text","text":"[image omitted: model has no vision]"}',
        evidence=("https://github.com/MoonshotAI/kimi-code/commit/dbb69a267",),
        presets=("deepseek", "moonshot"),
        models=("deepseek-*", "kimi-k2-*", "moonshot-v1-8k", "moonshot-v1-32k", "moonshot-v1-128k"),
        request=_no_images,
    ),
)
