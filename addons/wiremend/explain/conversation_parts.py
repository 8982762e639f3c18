"""What a turn of a conversation is made of, in the words of any of the three wires, read leniently.

One reader serves all three: a part says what it is by its own ``type``, and agents and converters send the parts of one
wire on another. Whatever it does not know is shown as it is. Nothing here raises, whatever the JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.explain.conversation_text import one_line, read, size
from wiremend.protocols import loose
from wiremend.quirks.base import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

type Kind = Literal["text", "thinking", "call", "result", "media", "other"]

_TEXTS: Final = {"text", "input_text", "output_text", "refusal", "summary_text"}
_THOUGHTS: Final = {"thinking", "reasoning", "reasoning_text", "redacted_thinking"}
_MEDIA: Final = {
    *("image", "image_url", "input_image", "document", "file", "input_file", "input_audio", "audio"),
    *("video", "video_url", "input_video", "container_upload"),
}
_CALLS: Final = {"function_call", "custom_tool_call", "tool_use", "server_tool_use", "mcp_tool_use"}
_OWN_CALLS: Final = ("_call", "_approval_request")
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
_LONG: Final = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a turn. ``title`` names a call, a result or a medium; ``value`` is a call's input, decoded.

    ``failed`` marks the result of a tool that failed, and a call whose arguments are no JSON.
    """

    kind: Kind
    text: str = ""
    title: str = ""
    value: Any = None
    failed: bool = False


@dataclass(slots=True)
class Turn:
    """What one side said at once."""

    role: str
    parts: list[Part] = field(default_factory=list)


def turns_of(items: object) -> list[Turn]:
    """Give the turns of ``messages`` (messages, chat) or ``input`` (responses)."""
    if isinstance(items, str):
        return [Turn("user", [Part("text", items)])]
    found: list[Turn] = []
    for item in items if isinstance(items, list) else [items] if items else []:
        turn = turn_of(item)
        # On the responses wire, what belongs to one turn are several items.
        if found and not isinstance(loose.field(item, "role"), str) and found[-1].role == turn.role:
            found[-1].parts += turn.parts
        else:
            found.append(turn)
    return found


def turn_of(item: object) -> Turn:
    """Give one message, or one item of the responses wire."""
    if not isinstance(item, dict):
        return Turn("user", [*parts_of(item)])
    kind, role = loose.text(item.get("type")), loose.text(item.get("role"))
    if role is None and kind not in {None, "message"}:
        return Turn("user" if _is_result(kind or "") else "assistant", [*parts_of(item)])
    name = loose.text(item.get("name"))
    if role in {"tool", "function"}:
        return Turn(role, [_result(item, name or "")])
    turn = Turn(f"{role or 'no role'}{f' ({one_line(name)})' if name else ''}", [*_thoughts(item)])
    turn.parts += parts_of(item.get("content"))
    if loose.text(item.get("refusal")):
        turn.parts.append(Part("text", item["refusal"], "refusal"))
    calls = item.get("tool_calls")
    for call in calls if isinstance(calls, list) else [calls] if calls else []:
        turn.parts.append(_call(call))
    if item.get("function_call"):
        turn.parts.append(_call({"function": item["function_call"]}))
    if isinstance(item.get("audio"), dict):
        turn.parts.append(Part("media", title="audio", text=str(loose.field(item, "audio", "transcript") or "")))
    return turn


def parts_of(content: object) -> Iterator[Part]:
    """Give the parts of a content: a text, a list of parts, one part, or nothing."""
    match content:
        case None | "":
            return
        case str():
            yield Part("text", content)
        case list():
            for inner in content:
                yield from parts_of(inner)
        case dict():
            yield _part(content)
        case _:
            yield Part("other", encoded(content).decode())


def _part(part: dict[str, Any]) -> Part:
    kind = loose.text(part.get("type")) or ""
    if kind in _TEXTS or (not kind and isinstance(part.get("text"), str)):
        return Part("text", _words(part), "refusal" if kind == "refusal" else "")
    if kind in _THOUGHTS:
        return _thought(part, kind)
    if kind in _CALLS or (kind.endswith(_OWN_CALLS) and "output" not in part):
        return _call(part)
    if _is_result(kind):
        return _result(part, "")
    if kind in _MEDIA:
        return _medium(part, kind)
    return Part("other", _short(part), kind or "part without a type")


def _words(part: dict[str, Any]) -> str:
    for name in ("text", "refusal", "content"):
        if isinstance(part.get(name), str):
            return str(part[name])
    return ""


# -- thinking


def _thoughts(message: dict[str, Any]) -> Iterator[Part]:
    """Give the reasoning that stands beside the content, once, under whichever name."""
    for name in _REASONING:
        if loose.text(message.get(name)):
            yield Part("thinking", message[name])
            return
    details = message.get("reasoning_details")
    for one in details if isinstance(details, list) else []:
        told = loose.text(loose.field(one, "text")) or loose.text(loose.field(one, "summary"))
        hidden = loose.text(loose.field(one, "data"))
        if told or hidden:
            yield Part("thinking", told or "", "" if told else f"encrypted, {size(len(hidden or ''))}")


def _thought(part: dict[str, Any], kind: str) -> Part:
    told = [_flat(part.get(name)) for name in ("thinking", "text", "summary", "content")]
    hidden = loose.text(part.get("encrypted_content")) or loose.text(part.get("data"))
    remarks = []
    if kind == "redacted_thinking":
        remarks.append("redacted")
    if loose.text(part.get("signature")):
        remarks.append("signed")
    if hidden:
        remarks.append(f"encrypted, {size(len(hidden))}")
    return Part("thinking", "\n".join(text for text in told if text), ", ".join(remarks))


def _flat(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(text for text in map(_flat, value) if text)
    if isinstance(value, dict):
        return _words(value)
    return value if isinstance(value, str) else ""


# -- tools


def _call(call: object) -> Part:
    if not isinstance(call, dict):
        return Part("other", _short(call), "tool call")
    inner = call.get("function") if isinstance(call.get("function"), dict) else call.get("custom")
    inner = inner if isinstance(inner, dict) else call
    kind = loose.text(call.get("type")) or ""
    name = loose.text(inner.get("name")) or kind or "a tool without a name"
    number = call.get("call_id") or call.get("id")
    title = " ".join(one_line(str(word)) for word in (name, number) if word)
    value = next((inner[key] for key in ("arguments", "input", "action") if inner.get(key) is not None), None)
    if not isinstance(value, str):
        return Part("call", title=title, value=value)
    if not value.strip() or kind == "custom_tool_call" or inner is call.get("custom"):
        return Part("call", value, title)  # nothing, or free text by its type
    try:
        return Part("call", title=title, value=read(value.encode("utf-8", "surrogatepass")))
    except ValueError:
        return Part("call", value, title, failed=True)


def _is_result(kind: str) -> bool:
    return kind.endswith(("_output", "tool_result", "_response"))


def _result(part: dict[str, Any], name: str) -> Part:
    of = part.get("tool_use_id") or part.get("tool_call_id") or part.get("call_id") or name
    content = part.get("output") if "output" in part else part.get("content")
    inner = [*parts_of(content)]
    media = ", ".join(one.title for one in inner if one.kind == "media")
    words = "\n".join(one.text for one in inner if one.text)
    failed = part.get("is_error") is True or loose.text(part.get("status")) in {"failed", "incomplete"}
    kind = loose.field(content, "type")
    if isinstance(kind, str) and kind.endswith("_error"):
        failed = True
    title = one_line(str(of)) if of else "a call without an id"
    return Part("result", words, title + (f" [{media}]" if media else ""), failed=failed)


# -- images, documents


def _medium(part: dict[str, Any], kind: str) -> Part:
    """Name a medium's type and size; what is in it is not shown."""
    source = next((part[name] for name in ("source", kind, "file", "image_url") if part.get(name)), part)
    source = source if isinstance(source, dict) else {"url": source}
    remarks = [loose.text(part.get("title")) or loose.text(source.get("filename")) or ""]
    url = loose.text(source.get("url")) or loose.text(source.get("image_url")) or loose.text(source.get("file_url"))
    data = loose.text(source.get("data")) or loose.text(source.get("file_data"))
    media_type = loose.text(source.get("media_type")) or loose.text(source.get("format"))
    for text in (url, data):
        if text is not None and text.startswith("data:"):
            head, _, data = text.partition(",")
            media_type, url = head[5:].partition(";")[0], None
    if source.get("type") == "text":
        remarks.append(size(len(data or "")))
    elif data is not None:
        remarks.append(size(len(data) * 3 // 4 - data[-2:].count("=")))
    elif url is not None:
        remarks.append(url)
    else:
        remarks.append(loose.text(source.get("file_id")) or loose.text(part.get("file_id")) or "nothing in it")
    what = media_type or kind.removeprefix("input_").removesuffix("_url")
    return Part("media", title=", ".join(one_line(word) for word in (what, *remarks) if word))


def _short(value: object) -> str:
    try:
        return encoded(value)[: _LONG * 8].decode("utf-8", "replace")
    except (ValueError, RecursionError):
        return "…"
