"""Roles of messages: what a provider calls the system's, where it must stand, and who may follow whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import New, items_of, on_host, rearrange
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_SYSTEM: Final = frozenset({"system", "developer"})
_KNOWS_DEVELOPER: Final = ("openai/", "anthropic/")
_REMINDER: Final = "<system-reminder>\n{}\n</system-reminder>"


def _developer(draft: Draft) -> None:
    model = (draft.scope.model or "").lower()
    if on_host(draft.scope.host, "openrouter.ai") and model.startswith(_KNOWS_DEVELOPER):
        return
    for index, message in enumerate(items_of(draft.document, "messages")):
        if isinstance(message, dict) and message.get("role") == "developer":
            draft.set(("messages", index, "role"), "system", "developer is system here")


def _system_first(draft: Draft) -> None:
    messages = items_of(draft.document, "messages")
    late = [index for index in range(1, len(messages)) if _is_system(messages[index])]
    if not late or not all(_is_text(messages[index]) for index in late):
        return
    texts = [messages[index]["content"] for index in late]
    first = messages[0]
    if _is_system(first):
        if not _is_text(first):
            return
        draft.set(("messages", 0, "content"), _joined([first["content"], *texts]), "later system texts put behind it")
        for index in reversed(late):
            draft.remove(("messages", index), "put behind the first system message")
        return
    lead = {"role": messages[late[0]]["role"], "content": _joined(texts)}
    plan: list[int | New] = [New(lead), *(index for index in range(len(messages)) if index not in late)]
    rearrange(draft, ("messages",), plan, "system texts put first")


def _alternate(draft: Draft) -> None:
    index = 0
    while index < len(messages := items_of(draft.document, "messages")):
        message = messages[index]
        beside = [*messages[max(index - 1, 0) : index], *messages[index + 1 : index + 2]]
        if _is_nothing(message) and any(_field(other, "role") == "assistant" for other in beside):
            draft.remove(("messages", index), "an assistant message that says nothing removed")
            index = max(index - 1, 0)
        elif index + 1 < len(messages) and _can_merge(message, messages[index + 1]):
            content = _joined([message["content"], messages[index + 1]["content"]])
            draft.set(("messages", index + 1, "content"), content, "two messages of one role merged")
            draft.remove(("messages", index), "merged into the next message")
        else:
            index += 1


def _reminders(draft: Draft) -> None:
    index = 0
    while index < len(messages := items_of(draft.document, "messages")):
        message = messages[index]
        if not _is_system(message):
            index += 1
            continue
        following = messages[index + 1] if index + 1 < len(messages) else None
        text = _text_of(message.get("content"))
        if index and _has(messages[index - 1], "tool_use") and _has(following, "tool_result"):
            # Between a call and its result nothing may stand.
            block = {"type": "text", "text": _REMINDER.format(text)}
            draft.set(("messages", index + 1, "content", "-"), block, "a system message put behind the tool's result")
            draft.remove(("messages", index), "put behind the tool's result")
            continue
        content = message.get("content")
        if isinstance(content, list):
            for number, block in enumerate(content):
                if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str):
                    wrapped = _REMINDER.format(block["text"])
                    draft.set(("messages", index, "content", number, "text"), wrapped, "marked as the system's")
        elif isinstance(content, str):
            draft.set(("messages", index, "content"), _REMINDER.format(text), "marked as the system's")
        draft.set(("messages", index, "role"), "user", "system is no role among the messages here")
        index += 1


def _field(message: object, name: str) -> object:
    return message.get(name) if isinstance(message, dict) else None


def _is_system(message: object) -> bool:
    role = _field(message, "role")
    return isinstance(role, str) and role in _SYSTEM


def _is_text(message: dict[str, Any]) -> bool:
    """Tell whether a message's content is a text or a list of parts."""
    content = message.get("content")
    return isinstance(content, str) or (isinstance(content, list) and all(isinstance(part, dict) for part in content))


def _is_nothing(message: object) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") == "assistant"
        and message.get("content") in (None, "", [])
        and not any(value for name, value in message.items() if name not in {"role", "content", "name"})
    )


def _can_merge(one: object, other: object) -> bool:
    """Tell whether two messages can become one: the second, with both contents."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    role = one.get("role")
    if role not in ("user", "assistant") or other.get("role") != role or not (_is_text(one) and _is_text(other)):
        return False
    # What else the first one says would be lost.
    return all(name in {"role", "content"} or value is None for name, value in one.items())


def _joined(contents: list[Any]) -> str | list[Any]:
    """Put contents behind each other: a text where all are texts, else parts."""
    if all(isinstance(content, str) for content in contents):
        return "\n\n".join(content for content in contents if content)
    parts: list[Any] = []
    for content in contents:
        if isinstance(content, list):
            parts += content
        elif content:
            parts.append({"type": "text", "text": content})
    return parts


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n\n".join(text for text in texts if isinstance(text, str))


def _has(message: object, kind: str) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") == kind for part in content)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=12,
        name="role-developer-rejected",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Nearly every host that is not OpenAI's: DashScope, Z.ai, DeepSeek, Kimi, xAI, Together, Cerebras, NVIDIA.",
        symptom="400: developer is not one of the roles that the provider knows.",
        mend="The role becomes system.",
        before='{"role":"developer","content":"Be short."}',
        after='{"role":"system","content":"Be short."}',
        evidence=(
            "https://github.com/earendil-works/pi/issues/5117",
            "https://github.com/openclaw/openclaw/issues/27037",
            "https://github.com/vastsa/PI-Desktop/issues/30",
            "https://github.com/earendil-works/pi/issues/6238",
            "https://github.com/cloudflare/cloudflare-os/pull/37",
        ),
        presets=(
            "dashscope",
            "zai",
            "deepseek",
            "kimi-code",
            "moonshot",
            "xai",
            "together",
            "cerebras",
            "nvidia",
            "openrouter",
        ),
        request=_developer,
    ),
    Quirk(
        number=13,
        name="system-not-first",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Local servers with the templates of Qwen 3 and Gemma, and MiniMax.",
        symptom="400 or 500: the system message must be at the beginning.",
        mend="Later system texts go behind the first one, or to the front.",
        before='[{"role":"system","content":"A"},{"role":"user","content":"x"},{"role":"system","content":"B"}]',
        after='[{"role":"system","content":"A\\n\\nB"},{"role":"user","content":"x"}]',
        evidence=(
            "https://github.com/moltis-org/moltis/issues/317",
            "https://github.com/ggml-org/llama.cpp/issues/20733",
            "https://github.com/lemonade-sdk/lemonade/issues/2674",
            "https://github.com/BigPizzaV3/CodexPlusPlus/issues/267",
        ),
        presets=("local", "minimax"),
        request=_system_first,
    ),
    Quirk(
        number=14,
        name="roles-must-alternate",
        wires=("chat",),
        side="request",
        kind="preset",
        who="llama.cpp with the templates of Mistral and Devstral; DeepSeek's reasoner.",
        symptom="400 or 500: conversation roles must alternate.",
        mend="Neighbours of one role become one message, and an assistant's that says nothing beside another goes.",
        before='[{"role":"user","content":"a"},{"role":"user","content":"b"}]',
        after='[{"role":"user","content":"a\\n\\nb"}]',
        evidence=(
            "https://github.com/ggml-org/llama.cpp/issues/19851",
            "https://github.com/co-l/openfox/issues/367",
        ),
        presets=("local", "ollama", "deepseek"),
        models=("*mistral*", "*mixtral*", "*devstral*", "*magistral*", "*deepseek-reasoner*", "*deepseek-r1*"),
        request=_alternate,
    ),
    Quirk(
        number=55,
        name="system-role-in-messages",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Anthropic-compatible hosts that know the roles user and assistant only.",
        symptom="400: role must be user or assistant; Claude Code sends system messages in mid-conversation.",
        mend="The message becomes the user's, marked as a system reminder, as Claude Code does it after a refusal.",
        before='{"role":"system","content":"The file changed."}',
        after='{"role":"user","content":"<system-reminder>\\nThe file changed.\\n</system-reminder>"}',
        evidence=("measured: Claude Code 2.1.197 sends it to unknown models, and holds the same fall-back",),
        request=_reminders,
    ),
)
