"""Reasoning that a turn with tool calls must bring back, and that most clients drop.

A recorder keeps it for each tool call of a reply, and later requests get it back where the client left it out. It goes
by wire, upstream host and tool call, so it is never given to another vendor (G11). An id that is too short to be unique
(``functions.list_dir:0``, which Kimi counts from 0 in each conversation) is kept together with the function's name and
arguments. If the same three come again with other reasoning, nobody can tell which is meant, and neither is given back.
Kept is only what a whole reply said, at most ``MAX_TEXT`` characters and ``MAX_CALLS`` calls of it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wiremend.quirks.base import Draft, Recorder, Scope

MAX_TEXT: Final = 1 << 20
"""Characters of reasoning, arguments and signatures of one reply; one with more of them is not remembered."""

MAX_CALLS: Final = 128
"""Tool calls of one reply, the same."""

NAMES: Final = ("reasoning_content", "reasoning", "reasoning_text")
"""The names under which reasoning is sent as text; the first is Kimi's and DeepSeek's own."""

_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
_UNIQUE: Final = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{8,}\Z")
_CALLING: Final = (b"tool_call", b"tool_use", b"\\u00")  # an escape may hide the word
_UNCLEAR: Final = "null"
_WHOLE: Final = frozenset({"tool_calls", "stop", "function_call"})
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})


class _Memory(Protocol):
    """The part of the memory that is used here."""

    def keep(self, key: str, value: str) -> None: ...

    def recall(self, key: str) -> str | None: ...


@dataclass(slots=True)
class _Call:
    """A tool call as it is put together; ``arguments`` are pieces of text, or one object (messages)."""

    id: str = ""
    name: str = ""
    arguments: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class _Turn:
    """What one choice, or message, said so far."""

    reasoning: list[str] = field(default_factory=list)
    blocks: dict[Any, dict[str, Any]] = field(default_factory=dict)
    calls: dict[Any, _Call] = field(default_factory=dict)
    whole: bool = False


class _ChatRecorder:
    """Remembers the reasoning of a chat reply."""

    def __init__(self, scope: Scope, memory: _Memory) -> None:
        self._scope = scope
        self._memory = memory
        self._turns: dict[int, _Turn] = {}
        self._room = MAX_TEXT
        self._called = False

    def event(self, data: bytes) -> None:
        """Look at a chunk."""
        if self._room < 0 or not (self._called or b'"tool_calls"' in data or b'"reasoning' in data):
            return
        for choice in _choices(_read(data)):
            self._take(choice, choice.get("delta"))

    def body(self, body: bytes) -> None:
        """Look at a whole completion."""
        for choice in _choices(_read(body)):
            self._take(choice, choice.get("message"))

    def close(self) -> None:
        """Keep what was seen of the choices that have their finish reason."""
        if self._room < 0:
            return
        for turn in self._turns.values():
            text = "".join(turn.reasoning)
            for call in turn.calls.values() if turn.whole and text else ():
                if call.id:
                    _keep(self._memory, _key(self._scope, call), text)

    def _take(self, choice: dict[str, Any], said: object) -> None:
        index = choice.get("index", 0)
        if not isinstance(index, int) or (index not in self._turns and len(self._turns) >= MAX_CALLS):
            return
        turn = self._turns.setdefault(index, _Turn())
        finish = choice.get("finish_reason")
        turn.whole = turn.whole or (isinstance(finish, str) and finish in _WHOLE)
        if not isinstance(said, dict):
            return
        if text := reasoning_of(said):
            self._room -= len(text)
            turn.reasoning.append(text)
        calls = said.get("tool_calls")
        for position, entry in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(entry, dict):
                self._call(turn, entry, position)

    def _call(self, turn: _Turn, entry: dict[str, Any], position: int) -> None:
        self._called = True
        index = entry.get("index", position)
        if not isinstance(index, int) or (index not in turn.calls and len(turn.calls) >= MAX_CALLS):
            self._room = -1
            return
        call = turn.calls.setdefault(index, _Call())
        call.id = _text(entry.get("id")) or call.id
        function = entry.get("function")
        if isinstance(function, dict):
            call.name = _text(function.get("name")) or call.name
            if arguments := _text(function.get("arguments")):
                self._room -= len(arguments)
                call.arguments.append(arguments)


class _MessagesRecorder:
    """Remembers the thinking blocks of a message, with their signatures as they came."""

    def __init__(self, scope: Scope, memory: _Memory) -> None:
        self._scope = scope
        self._memory = memory
        self._turn = _Turn()
        self._room = MAX_TEXT

    def event(self, data: bytes) -> None:
        """Look at an event: those of thinking, of tool calls, and the one with the stop reason."""
        if self._room < 0 or not (
            b"thinking" in data
            or b"signature_delta" in data
            or b"tool_use" in data
            or b"input_json_delta" in data
            or b"stop_reason" in data
        ):
            return
        document = _read(data)
        if not isinstance(document, dict):
            return
        delta, block, index = (document.get(name) for name in ("delta", "content_block", "index"))
        if document.get("type") == "message_delta" and isinstance(delta, dict):
            self._turn.whole = isinstance(delta.get("stop_reason"), str) and delta["stop_reason"] != "max_tokens"
        elif isinstance(index, int) and isinstance(block, dict):
            self._block(index, block)
        elif isinstance(index, int) and isinstance(delta, dict):
            self._delta(index, delta)

    def body(self, body: bytes) -> None:
        """Look at a whole message."""
        document = _read(body)
        content = document.get("content") if isinstance(document, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                self._block(index, block)
        self._turn.whole = isinstance(document, dict) and document.get("stop_reason") == "tool_use"

    def close(self) -> None:
        """Keep the blocks for each tool call, if the stop reason came."""
        turn = self._turn
        blocks = [block for _, block in sorted(turn.blocks.items())]
        if self._room >= 0 and turn.whole and blocks:
            for call in turn.calls.values():
                _keep(self._memory, _key(self._scope, call), blocks)

    def _block(self, index: int, block: dict[str, Any]) -> None:
        if len(self._turn.blocks) + len(self._turn.calls) >= MAX_CALLS:
            self._room = -1
        elif block.get("type") in ("thinking", "redacted_thinking"):
            self._room -= sum(len(value) for value in block.values() if isinstance(value, str))
            self._turn.blocks[index] = block
        elif block.get("type") == "tool_use" and _text(block.get("id")):
            given = block.get("input")
            self._turn.calls[index] = _Call(block["id"], _text(block.get("name")), [given] if given else [])

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        for name in ("thinking", "signature"):
            if (text := _text(delta.get(name))) and (block := self._turn.blocks.get(index)) is not None:
                self._room -= len(text)
                block[name] = _text(block.get(name)) + text
        if (text := _text(delta.get("partial_json"))) and (call := self._turn.calls.get(index)) is not None:
            self._room -= len(text)
            call.arguments.append(text)


def reasoning_of(said: dict[str, Any]) -> str:
    """Give the reasoning that a delta or message has, under the first name that has any; "" if none."""
    for name in NAMES:
        if text := _text(said.get(name)):
            return text
    details = said.get("reasoning_details")
    entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
    return "".join(_text(entry.get("text")) or _text(entry.get("summary")) for entry in entries)


def _reasoning_back(pad: str) -> Callable[[Draft], None]:
    """Make the request's mend of a host that takes ``pad`` on the chat wire where nothing is remembered."""

    def mend(draft: Draft) -> None:
        document = draft.document
        if not isinstance(document, dict) or not _thinks(document, draft.scope.model):
            return
        for number, message in _assistant(document):
            if draft.scope.wire == "messages":
                _thinking_back(draft, number, message)
            elif draft.scope.wire == "chat" and (calls := _calls_of(message)):
                _text_back(draft, number, message, calls, pad)

    return mend


def _text_back(draft: Draft, number: int, message: dict[str, Any], calls: list[_Call], pad: str) -> None:
    given = message.get("reasoning_content")
    if given is not None and (not isinstance(given, str) or given.strip()):
        return
    pointer = ("messages", number, "reasoning_content")
    kept, call = _recall(draft, calls)
    if isinstance(kept, str):
        draft.set(pointer, kept, f"the reasoning of the reply that made the call {call}")
    elif text := reasoning_of({**message, "reasoning_content": None}):
        draft.set(pointer, text, "the reasoning that the client sent under another name")
    elif given is None or (not given and pad):
        draft.set(pointer, pad, f"{pad!r}: the reply that made the call is not remembered", kind="invented")


def _thinking_back(draft: Draft, number: int, message: dict[str, Any]) -> None:
    content = message.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    calls = [
        _Call(_text(block.get("id")), _text(block.get("name")), [block.get("input")])
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if (
        not calls
        or not isinstance(content, list)
        or any(block.get("type") in ("thinking", "redacted_thinking") for block in blocks)
    ):
        return
    kept, call = _recall(draft, calls)
    pointer = ("messages", number, "content")
    if isinstance(kept, list):
        for place, block in enumerate(kept):
            draft.insert(pointer, place, block, f"the thinking of the reply that made the call {call}, put first")
    else:
        empty = {"type": "thinking", "thinking": " ", "signature": ""}
        what = "an empty thinking block, put first: the reply that made the call is not remembered"
        draft.insert(pointer, 0, empty, what, kind="invented")


def _thinks(document: dict[str, Any], model: str | None) -> bool:
    """Tell whether thinking is on: it is by default, and some models always think."""
    name = (model or _text(document.get("model"))).lower()
    if re.search(r"(^|[/-])k3|-thinking|reasoner", name):
        return True
    thinking, template = document.get("thinking"), document.get("chat_template_kwargs")
    switches = [document.get("enable_thinking")]
    if isinstance(template, dict):
        switches += [template.get("thinking"), template.get("enable_thinking")]
    return not (isinstance(thinking, dict) and thinking.get("type") == "disabled") and False not in switches


def _assistant(document: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    messages = document.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict) and message.get("role") == "assistant":
            yield number, message


def _calls_of(message: dict[str, Any]) -> list[_Call]:
    """Give the tool calls of a message of a chat request."""
    found: list[_Call] = []
    calls = message.get("tool_calls")
    for entry in calls if isinstance(calls, list) else ():
        if isinstance(entry, dict):
            function = entry.get("function")
            function = function if isinstance(function, dict) else {}
            found.append(_Call(_text(entry.get("id")), _text(function.get("name")), [function.get("arguments")]))
    return found


def _key(scope: Scope, call: _Call) -> str:
    who = call.id
    if not _UNIQUE.search(who):
        name = call.name.encode("utf-8", "surrogatepass")
        who += "#" + hashlib.sha256(name + b"\0" + _canonical(call.arguments)).hexdigest()
    return f"reasoning:{scope.wire}:{scope.host or scope.provider or ''}:{who}"


def _canonical(arguments: list[Any]) -> bytes:
    """Write arguments, in pieces or decoded, so that a client's other spacing or order does not count."""
    texts = [piece for piece in arguments if isinstance(piece, str)]
    text = "".join(texts).strip() or "{}"
    try:
        value = msgspec.json.decode(text) if texts else next(iter(arguments), None)
        return msgspec.json.encode({} if value is None else value, order="sorted")
    except _UNREADABLE:
        return repr(arguments).encode("utf-8", "surrogatepass")


def _keep(memory: _Memory, key: str, value: object) -> None:
    """Keep a value; a short id that comes again with another one means neither."""
    text = msgspec.json.encode(value).decode()
    old = memory.recall(key) if "#" in key else None
    memory.keep(key, text if old is None or old == text else _UNCLEAR)


def _recall(draft: Draft, calls: Iterable[_Call]) -> tuple[Any, str]:
    """Give what is kept for the first of the calls that has anything, and that call's id; None if none has."""
    for call in calls:
        if call.id and (kept := draft.memory.recall(_key(draft.scope, call))) not in (None, _UNCLEAR):
            return msgspec.json.decode(kept), call.id
    return None, ""


def _read(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(data)
    except _UNREADABLE:
        return None


def _choices(document: object) -> list[dict[str, Any]]:
    choices = document.get("choices") if isinstance(document, dict) else None
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _reasoning(scope: Scope, memory: _Memory) -> Recorder:
    if scope.wire == "messages":
        return _MessagesRecorder(scope, memory)
    return _ChatRecorder(scope, memory)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=15,
        name="reasoning-missing-kimi",
        wires=("chat", "messages"),
        side="request",
        kind="preset",
        who="Moonshot, Kimi Code and SiliconFlow's Kimi, to clients that do not send the reasoning back.",
        symptom="400 `thinking is enabled but reasoning_content is missing in assistant tool call message at index N`.",
        mend="The reasoning of the reply that made the tool call is given back; an empty one if it is not known.",
        before='{"role":"assistant","content":null,"tool_calls":[…]}',
        after='{"role":"assistant","content":null,"tool_calls":[…],"reasoning_content":"The folder first."}',
        evidence=(
            "https://github.com/MoonshotAI/kimi-agent-sdk/issues/169",
            "https://github.com/agentscope-ai/QwenPaw/issues/433",
            "https://github.com/QuantumNous/new-api/issues/4408",
        ),
        presets=("kimi-code", "moonshot", "siliconflow"),
        models=("*kimi-k2-thinking*", "*kimi-k2.[567]*", "*kimi-k3*", "k3*", "kimi-for-coding*"),
        needles=_CALLING,
        request=_reasoning_back(""),
        recorder=_reasoning,
    ),
    Quirk(
        number=16,
        name="reasoning-missing-deepseek",
        wires=("chat", "messages"),
        side="request",
        kind="preset",
        who="DeepSeek v4, on both wires, to clients that do not send the reasoning back.",
        symptom="400 `The reasoning_content in the thinking mode must be passed back to the API.`",
        mend="The reasoning of the reply that made the tool call is given back; a space if it is not known.",
        before='{"role":"assistant","content":null,"tool_calls":[…]}',
        after='{"role":"assistant","content":null,"tool_calls":[…],"reasoning_content":"The folder first."}',
        evidence=(
            "https://api-docs.deepseek.com/guides/thinking_mode",
            "https://github.com/QuantumNous/new-api/issues/4806",
            "https://github.com/NousResearch/hermes-agent/pull/18263",
        ),
        presets=("deepseek",),
        models=("*deepseek-v4*", "deepseek-reasoner"),
        needles=_CALLING,
        request=_reasoning_back(" "),
        recorder=_reasoning,
    ),
)
