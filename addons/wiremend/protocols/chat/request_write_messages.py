"""Writes the conversation of a request for the chat wire.

- A developer's message is one on OpenAI's hosts, a system's elsewhere (approximated).
- An assistant's parts are written by kind: reasoning, text and refusals, calls. Where they stood otherwise, that is
  noted. Reasoning is ``reasoning_content``; OpenAI's hosts take none. What proves it is written, in
  ``reasoning_details``, where it is this wire's own, and is lost else.
- Tool results are ``tool`` messages in front of what else their message says, and of prompts that would part them from
  their calls. That one failed (``is_error``) has no
  place: agents say it in the text, and a word of ours in it would be taken for the tool's.
- Pictures and files of a tool result go into the user message behind it, with a text that says whose they are.
- Ids of messages are handles for a provider that keeps them: they are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.message import (
    Base64,
    CustomToolUse,
    Document,
    FileId,
    Image,
    Redacted,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Unknown,
)
from wiremend.protocols.chat.request_thoughts import WIRE, Thought, details_of
from wiremend.protocols.chat.request_write_parts import collapsed, plain_text, write_content, write_part
from wiremend.protocols.chat.request_write_tools import ARGUMENT, inner
from wiremend.protocols.chat.request_writing import LONGEST_ID, NOTHING
from wiremend.protocols.chat.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.message import Cache, Message, Part
    from wiremend.protocols.chat.request_writing import Json, Writing
    from wiremend.protocols.codec import Path

type _Placed = tuple[Path, Part]

_MARK: Final = "the mark for the prompt's cache was left out"
_NO_MARK: Final = "this wire has no place for the mark here"
_PROOFS: Final = ("signature", "encrypted", "id", "summary")
_SEALED: Final = "only the provider that made the reasoning can read it"
_PROMPTS: Final = frozenset({"system", "developer"})
_THOUGHTS: Final = frozenset({Thinking, Redacted})
_MOVED: Final = frozenset({"image_url", "file"})
_SEE_BELOW: Final = "The result is in the user's message behind the results."


def write_messages(writing: Writing) -> list[Json]:
    """Write all messages."""
    found: list[Json] = []
    messages = writing.request.messages
    for number in _order(writing):
        message = messages[number]
        usual = _usual(writing, message)
        if usual is not None:
            found += usual
        elif message.role == "assistant":
            found.append(_assistant(writing, message, number))
        elif message.role == "user":
            before_user = number + 1 < len(messages) and messages[number + 1].role == "user"
            found += _user(writing, message, number, before_user=before_user)
        else:
            found.append(_system(writing, message, number))
    return found


def _usual(writing: Writing, message: Message) -> list[Json] | None:
    """Write a message as nearly all are, of which nothing is lost: a text, text and calls, results; None for others."""
    parts = message.parts
    if message.extra or message.name is not None or message.id is not None or not parts:
        return None
    if message.role == "assistant":
        said = _usual_said(writing, parts)
        return None if said is None else [said]
    if message.role != "user":
        return None
    found: list[Json] = []
    for part in parts:
        if type(part) is not ToolResult or part.is_error or part.extra or part.cache or len(part.id) > LONGEST_ID:
            return None
        text = plain_text(part.parts)
        if not text:
            return None
        found.append({"role": "tool", "tool_call_id": part.id, "content": text})
    return found


def _usual_said(writing: Writing, parts: Sequence[Part]) -> Json | None:
    text: str | None = None
    calls: list[Json] = []
    for part in parts:
        if type(part) is ToolUse:
            if part.extra or part.cache is not None or len(part.id) > LONGEST_ID:
                return None
            function = {"name": writing.name(part.name), "arguments": part.arguments or "{}"}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif type(part) is Text and text is None and not calls:
            text = plain_text((part,))
            if not text:
                return None
        else:
            return None
    message: Json = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = calls
    return message


def _order(writing: Writing) -> Sequence[int]:
    """Give the numbers of the messages in the order of writing: results come before prompts that part them from calls.

    Other wires may have a prompt there; this one refuses calls that their results do not follow at once.
    """
    messages = writing.request.messages
    order: list[int] | None = None
    for number, message in enumerate(messages):
        if message.role not in _PROMPTS or number == 0 or messages[number - 1].role != "assistant":
            continue
        later = next((at for at in range(number, len(messages)) if messages[at].role not in _PROMPTS), number)
        calls = {part.id for part in messages[number - 1].parts if isinstance(part, ToolUse | CustomToolUse)}
        if any(isinstance(part, ToolResult) and part.id in calls for part in messages[later].parts):
            order = order or list(range(len(messages)))
            order[number : later + 1] = [later, *range(number, later)]
            what, why = "put in front of the prompts before it", "results have to follow their calls at once"
            writing.lose("approximated", ("messages", later), "order", what, why)
    return order or range(len(messages))


def _head(writing: Writing, message: Message, path: Path, role: str) -> Json:
    """Begin a message: its extras, role and name."""
    if message.id is not None:
        writing.lose("lost", (*path, "id"), "item_id", "left out", "this wire's messages have no ids")
    if not message.extra and message.name is None:
        return {"role": role}
    head: Json = {**writing.extras(message.extra, path), "role": role}
    if message.name is not None:
        head["name"] = message.name
    return head


def _system(writing: Writing, message: Message, number: int) -> Json:
    path: Path = ("messages", number)
    role: str = message.role
    if role == "developer" and not writing.openai:
        role = "system"
        what = "the developer's message became a system's"
        writing.lose("approximated", (*path, "role"), "developer", what, "only OpenAI's hosts have the role")
    head = _head(writing, message, path, role)
    parts = message.parts
    if text := plain_text(parts):
        head["content"] = text
        return head
    content: list[Json] = []
    for order, part in enumerate(parts):
        place: Path = (*path, "parts", order)
        if isinstance(part, Image) or (isinstance(part, Document) and isinstance(part.source, Base64 | FileId)):
            what, why = "the part was left out", "a system's message has text alone"
            writing.lose("lost", place, "image" if isinstance(part, Image) else "document", what, why)
        elif (item := write_part(writing, part, place)) is not None:
            content.append(item)
    head["content"] = collapsed(content)
    return head


# --- assistant --------------------------------------------------------------------------------------------------------


def _assistant(writing: Writing, message: Message, number: int) -> Json:
    path: Path = ("messages", number)
    thoughts: list[_Placed] = []
    said: list[_Placed] = []
    calls: list[Json] = []
    rank = 0
    ordered = True
    for order, part in enumerate(message.parts):
        kind = type(part)
        now = 1
        if kind is ToolUse or kind is CustomToolUse:
            now = 2
            calls.append(_call(writing, part, (*path, "parts", order)))  # type: ignore[arg-type]  # by its kind
        elif kind in _THOUGHTS or (isinstance(part, Unknown) and writing.own and _is_thought(part)):
            now = 0
            thoughts.append(((*path, "parts", order), part))
        else:
            said.append(((*path, "parts", order), part))
        if now < rank:
            ordered = False
        rank = now
    if not ordered:
        what = "the parts were put in the order reasoning, text, calls"
        writing.lose("approximated", (*path, "parts"), "order", what, "this wire does not say in which they were")
    head = _head(writing, message, path, "assistant")
    refusal = _refusal(writing, said)
    content = _said(writing, said) if said else ""
    head["content"] = content if content or not (calls or refusal or "audio" in head) else None
    if refusal:
        head["refusal"] = refusal
    if thoughts:
        head |= _thoughts(writing, thoughts, path)
    if calls:
        head["tool_calls"] = calls
    return head


def _is_thought(part: Unknown) -> bool:
    return str(part.data.get("type")).startswith("reasoning.")


def _refusal(writing: Writing, said: list[_Placed]) -> str:
    """Take out what can be the message's ``refusal``: the one refusal, where nothing is behind it."""
    last = said[-1][1] if said else None
    if not isinstance(last, Refusal) or not last.text or (last.extra and writing.own):
        return ""
    if sum(isinstance(part, Refusal) for _, part in said) > 1:
        return ""
    path, _ = said.pop()
    _bare(writing, last, path)
    writing.extras(last.extra, path)
    return last.text


def _bare(writing: Writing, part: Refusal | Thinking | ToolUse | CustomToolUse, path: Path) -> None:
    """Lose the mark for the cache of a part that can have none."""
    if part.cache is not None:
        writing.lose("lost", (*path, "cache"), "cache_control", _MARK, _NO_MARK)


def _said(writing: Writing, said: list[_Placed]) -> list[Json] | str:
    """Write an assistant's content: texts, and refusals that stand among them."""
    if len(said) == 1 and (text := plain_text((said[0][1],))):
        return text
    content: list[Json] = []
    for path, part in said:
        if isinstance(part, Refusal):
            _bare(writing, part, path)
            content.append({**writing.extras(part.extra, path), "type": "refusal", "refusal": part.text})
        elif isinstance(part, Text | Unknown):
            item = write_part(writing, part, path)
            if item is not None:
                content.append(item)
        else:
            kind = type(part).__name__.lower()
            writing.lose("lost", path, kind, "the part was left out", "an assistant has none of its kind on this wire")
    return collapsed(content)


def _call(writing: Writing, part: ToolUse | CustomToolUse, path: Path) -> Json:
    _bare(writing, part, path)
    call = {**writing.extras(part.extra, path), "id": writing.call_id(part.id, path)}
    if isinstance(part, ToolUse):
        function = {"name": writing.name(part.name), "arguments": part.arguments or "{}"}
    elif writing.is_custom(part.name):
        custom = {"name": part.name, "input": part.input} | inner(call, "custom")
        return call | {"type": "custom", "custom": custom}
    else:
        arguments = encode({ARGUMENT: part.input}).decode()
        function = {"name": writing.name(part.name, custom=True), "arguments": arguments}
        for name in inner(call, "custom"):
            writing.lose("lost", (*path, "extra", "custom"), name, "left out", "the tool is a function here")
    return call | {"type": "function", "function": function | inner(call, "function")}


# --- reasoning --------------------------------------------------------------------------------------------------------


def _thoughts(writing: Writing, thoughts: list[_Placed], path: Path) -> Json:
    if len(thoughts) == 1 and not writing.openai:
        [(_, only)] = thoughts
        if type(only) is Thinking and only.text and only == Thinking(only.text):
            return {"reasoning_content": only.text}
    kept: list[Thought] = []
    for place, part in thoughts:
        thought = _kept(writing, part, place)
        if thought is not None:
            kept.append(thought)
    texts = [thought.text for thought in kept if isinstance(thought, Thinking) and thought.text]
    fields: Json = {"reasoning_content": "\n\n".join(texts)} if texts else {}
    if not all(isinstance(thought, Thinking) and thought == Thinking(thought.text) for thought in kept):
        fields["reasoning_details"] = details_of(kept)
    elif len(texts) > 1:
        what = "pieces of reasoning became one"
        writing.lose("approximated", (*path, "parts"), "reasoning", what, "this wire has one text for it")
    return fields


def _kept(writing: Writing, part: Part, path: Path) -> Thought | None:
    """Give what may be written of a piece of reasoning."""
    if isinstance(part, Unknown) and not writing.openai:
        return part
    if writing.openai or not isinstance(part, Thinking):
        why = "OpenAI takes none back on this wire" if writing.openai else _SEALED
        writing.lose("lost", path, "reasoning", "the reasoning was left out", why)
        return None
    _bare(writing, part, path)
    extra = dict(part.extra)
    own = extra.pop(WIRE, writing.request.wire) == "chat"
    if not own:
        extra = dict(writing.extras(extra, path))
    kept = Thinking(part.text, summary=part.summary and own, extra=extra)
    gone = [name for name in _PROOFS if getattr(part, name) != getattr(kept, name) and getattr(part, name)]
    if gone and not kept.text and not extra:
        writing.lose("lost", path, "reasoning", "the reasoning was left out", _SEALED)
        return None
    if len(gone) == 1:
        what = f"the text is kept without {gone[0]}"
        writing.lose("lost", (*path, gone[0]), gone[0], what, _SEALED)
    elif gone:
        what = f"the text is kept without {', '.join(gone)}"
        writing.lose("approximated", path, "reasoning", what, _SEALED)
    return kept if kept.text or extra else None


# --- user -------------------------------------------------------------------------------------------------------------


def _user(writing: Writing, message: Message, number: int, *, before_user: bool) -> list[Json]:
    path: Path = ("messages", number)
    parts = message.parts
    if text := plain_text(parts):
        return [_head(writing, message, path, "user") | {"content": text}]
    results = [(order, part) for order, part in enumerate(parts) if isinstance(part, ToolResult)]
    if not results:
        content = write_content(writing, parts, (*path, "parts"))
        return [_head(writing, message, path, "user") | {"content": collapsed(content)}]
    if results[-1][0] != len(results) - 1:
        what = "the results of tools were put in front"
        writing.lose("approximated", (*path, "parts"), "order", what, "this wire wants them right behind the calls")
    found: list[Json] = []
    shown: list[Json] = []
    for order, result in results:
        item, files = _result(writing, result, (*path, "parts", order))
        found.append(item)
        shown += files
    if shown:
        what = "a text says of which call the files are"
        writing.lose("invented", (*path, "parts"), "tool_result_file", what, "they follow behind the results")
    others = [(order, part) for order, part in enumerate(parts) if not isinstance(part, ToolResult)]
    for order, part in others:
        other = write_part(writing, part, (*path, "parts", order))
        if other is not None:
            shown.append(other)
    if shown or (others and before_user):
        found.append(_head(writing, message, path, "user") | {"content": collapsed(shown)})
    else:
        _headless(writing, message, path)
    return found


def _headless(writing: Writing, message: Message, path: Path) -> None:
    """Lose what a message has beside its parts, where results are all that is left of it."""
    why = "a tool's message has no place for it"
    for name, value, code in (("name", message.name, "name"), ("id", message.id, "item_id")):
        if value is not None:
            writing.lose("lost", (*path, name), code, "left out", why)
    for name, value in writing.extras(message.extra, path).items():
        if value not in NOTHING:
            writing.lose("lost", (*path, "extra", name), name, "left out", why)


def _result(writing: Writing, result: ToolResult, path: Path) -> tuple[Json, list[Json]]:
    """Write a result, and apart from it the pictures and files in it."""
    if result.is_error:
        what, why = "left out", "this wire cannot say that a call failed; the text of its result is kept"
        writing.lose("lost", (*path, "is_error"), "is_error", what, why)
    texts: list[Json] = []
    files: list[Json] = []
    last: _Placed | None = None
    for order, part in enumerate(result.parts):
        place: Path = (*path, "parts", order)
        item = write_part(writing, part, place)
        if item is not None and not isinstance(part, Unknown) and item["type"] in _MOVED:
            what = "shown in the user's message behind the results"
            writing.lose("approximated", place, "tool_result_file", what, "a tool's message has text alone")
            files.append(item)
        elif item is not None:
            texts.append(item)
            last = (place, part)
    ident = writing.call_id(result.id, path)
    if files:
        files.insert(0, {"type": "text", "text": f"From the result of the tool call {ident}:"})
        texts = texts or [{"type": "text", "text": _SEE_BELOW}]
    if result.cache is not None:
        _mark(writing, result.cache, path, last, texts)
    message: Json = {**writing.extras(result.extra, path), "role": "tool", "tool_call_id": ident}
    message["content"] = collapsed(texts)
    return message, files


def _mark(writing: Writing, cache: Cache, path: Path, last: _Placed | None, texts: list[Json]) -> None:
    """Put a result's mark for the cache where it has the same meaning: at the last part of its text."""
    mark = writing.cache(cache, path)
    if not mark:
        return
    if not texts or (last is not None and isinstance(last[1], Unknown)):
        writing.lose("lost", (*path, "cache"), "cache_control", _MARK, _NO_MARK)
        return
    if last is not None and "cache_control" in texts[-1]:
        writing.lose("lost", (*last[0], "cache"), "cache_control", _MARK, "the result's own stands at the same place")
    texts[-1] |= mark
