"""Tool calls that Kimi K2 wrote in its own markup, and that its server passed on as text.

The markup, as Moonshot documents it for those who parse it themselves
(https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md)::

    <|tool_calls_section_begin|>
      <|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{json}<|tool_call_end|> …
    <|tool_calls_section_end|>

The section may also be called ``tool_call_section``, and servers lose some of the tokens: a call may stand without its
section, and the section's end may be the call's. White space between the tokens means nothing.

Held back is a tail of the text that may be the beginning of a token, and the head of a call up to its arguments, at
most ``MAX_HEAD`` characters. What turns out to be no call (someone explains the markup) leaves as the text that it is.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

    type Piece = tuple[str, str, str]  # ("text", text, ""), ("call", id, name) or ("arguments", text, "")

MAX_HEAD: Final = 256
MAX_SPACE: Final = 64

SECTIONS: Final = ("<|tool_calls_section_begin|>", "<|tool_call_section_begin|>")
CALL: Final = "<|tool_call_begin|>"
ARGUMENTS: Final = "<|tool_call_argument_begin|>"
CALL_END: Final = "<|tool_call_end|>"
SECTION_ENDS: Final = ("<|tool_calls_section_end|>", "<|tool_call_section_end|>")

_HEAD: Final = re.compile(r"(?:functions\.)?([A-Za-z0-9_.-]{1,128})(:[0-9]{1,9})?")
_CALM: Final = (b"<", b"\\u003", b'"tool_calls"')
_MAX_CHOICES: Final = 128
_ID_DIGITS: Final = 24


class Markup:
    """Reads the content of one choice, cut anywhere, and gives its pieces.

    The states: ``text``; ``section``, where a call or the section's end must come; ``head``, inside a call before its
    arguments; ``arguments``.
    """

    def __init__(self, seed: str = "") -> None:
        """Begin in the text. ``seed`` is what the ids derive from of calls that bring none."""
        self.state = "text"
        self.calls = 0
        self._seed = seed
        self._held = ""
        self._raw = ""  # what was taken for markup since the text, or the last call, ended
        self._fresh = False  # no argument was given yet

    @property
    def busy(self) -> bool:
        """Tell whether the next text must be looked at, whatever it is."""
        return bool(self._held) or self.state != "text" or bool(self.calls)

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the content."""
        self._held += text
        out: list[Piece] = []
        while getattr(self, f"_{self.state}")(out):
            pass
        return out

    def flush(self) -> list[Piece]:
        """Let go what is held, at the end: as text, unless it is the rest of a token after a call."""
        held, raw, state = self._held, self._raw, self.state
        self._held = self._raw = ""
        if state == "arguments":
            keep = held[: len(held) - _overlap(held, (CALL_END, *SECTION_ENDS, CALL))]
            return [("arguments", keep, "")] if keep else []
        self.state = "text"
        if state == "section" and not raw and _overlap(held.strip(), (CALL, *SECTION_ENDS)) == len(held.strip()):
            return []
        return [("text", raw + held, "")] if raw + held else []

    def _text(self, out: list[Piece]) -> bool:
        starts = (*SECTIONS, CALL)
        at, token = _first(self._held, starts)
        end = at if token else len(self._held) - _overlap(self._held, starts)
        if end:
            out.append(("text", self._held[:end], ""))
        self._held = self._held[end + len(token) :]
        if token:
            self._raw, self.state = token, "head" if token == CALL else "section"
        return bool(token)

    def _section(self, out: list[Piece]) -> bool:
        bare = self._held.lstrip()
        space = self._held[: len(self._held) - len(bare)]
        if len(space) > MAX_SPACE:
            return self._undo(out)
        token = next((token for token in (CALL, *SECTION_ENDS) if bare.startswith(token)), "")
        if token:
            self._held = bare[len(token) :]
            self._raw += space + token if token == CALL or self._raw else ""
            self.state = "head" if token == CALL else "text"
            if token != CALL:
                if self._raw:  # a section that holds no call
                    out.append(("text", self._raw, ""))
                self._raw = ""
            return True
        if any(token.startswith(bare) for token in (CALL, *SECTION_ENDS)):
            return False
        return self._undo(out)

    def _head(self, out: list[Piece]) -> bool:
        at = self._held.find(ARGUMENTS, 0, MAX_HEAD + len(ARGUMENTS))
        if at < 0:
            return self._undo(out) if len(self._held) >= MAX_HEAD + len(ARGUMENTS) else False
        head = self._held[:at].strip()
        found = _HEAD.fullmatch(head)
        if found is None:
            return self._undo(out)
        digest = hashlib.sha256(f"{self._seed}\n{self.calls}".encode("utf-8", "surrogatepass")).hexdigest()
        out.append(("call", head if found[2] else f"call_{digest[:_ID_DIGITS]}", found[1]))
        self._held = self._held[at + len(ARGUMENTS) :]
        self.calls += 1
        self._raw, self._fresh, self.state = "", True, "arguments"
        return True

    def _arguments(self, out: list[Piece]) -> bool:
        if self._fresh:
            self._held = self._held.lstrip()
        ends = (CALL_END, *SECTION_ENDS, CALL)
        at, token = _first(self._held, ends)
        end = at if token else len(self._held) - _overlap(self._held, ends)
        if end:
            out.append(("arguments", self._held[:end], ""))
            self._fresh = False
        self._held = self._held[end + (len(token) if token == CALL_END else 0) :]
        if token:
            self.state = "section"
        return bool(token)

    def _undo(self, out: list[Piece]) -> bool:
        """Give back as text what was taken for markup, and look at the rest again."""
        if self._raw:
            out.append(("text", self._raw, ""))
        self._raw, self.state = "", "text"
        return True


class _Choice:
    """One choice of a stream: its text, and the places of its calls, real ones and those from the text."""

    def __init__(self, seed: str) -> None:
        self.markup = Markup(seed)
        self._real: dict[int, int] = {}
        self._next = 0
        self._own = 0

    def delta(self, delta: dict[str, Any], *, last: bool) -> bool:
        """Change a delta; tell whether it was changed."""
        moved = self._move(delta.get("tool_calls"))
        content = delta.get("content")
        text = content if isinstance(content, str) else ""
        pieces = self.markup.feed(text) if text else []
        if last:
            pieces += self.markup.flush()
        said = "".join(piece[1] for piece in pieces if piece[0] == "text")
        if said == text and all(piece[0] == "text" for piece in pieces):
            return moved
        if content is not None and not isinstance(content, str):
            if said:  # parts after a text that was held: it is the first of them
                delta["content"] = [
                    {"type": "text", "text": said},
                    *(content if isinstance(content, list) else [content]),
                ]
        elif said or text:
            delta["content"] = said
        entries = self._entries(pieces)
        if entries:
            given = delta.get("tool_calls")
            delta["tool_calls"] = [*(given if isinstance(given, list) else []), *entries]
            if not said and isinstance(content, str):
                del delta["content"]
        return True

    def _entries(self, pieces: list[Piece]) -> list[dict[str, Any]]:
        """Write the pieces of calls as entries of a delta's ``tool_calls``."""
        entries: list[dict[str, Any]] = []
        for kind, first, name in pieces:
            if kind == "call":
                self._own, self._next = self._next, self._next + 1
                function = {"name": name, "arguments": ""}
                entries.append({"index": self._own, "id": first, "type": "function", "function": function})
            elif kind == "arguments":
                if not entries:
                    entries.append({"index": self._own, "function": {"arguments": ""}})
                entries[-1]["function"]["arguments"] += first
        return entries

    def _move(self, calls: object) -> bool:
        """Give real calls that come after those from the text the places behind them."""
        moved = False
        for entry in calls if isinstance(calls, list) else ():
            index = entry.get("index") if isinstance(entry, dict) else None
            if isinstance(index, int) and not isinstance(index, bool):
                if index not in self._real and len(self._real) < _MAX_CHOICES:
                    self._real[index] = max(index, self._next) if self.markup.calls else index
                    self._next = max(self._next, self._real[index] + 1)
                if (place := self._real.get(index, index)) != index:
                    entry["index"] = place
                    moved = True
        return moved


class _Step:
    """Turns the markup in a stream's content into deltas of tool calls."""

    def __init__(self, scope: Scope) -> None:
        self.needles: tuple[bytes, ...] = _CALM
        self._seed = scope.seed
        self._choices: dict[int, _Choice] = {}
        self._top: dict[str, Any] = {}

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Change a chunk's deltas and finish reasons in place."""
        choices = document.get("choices")
        if not isinstance(choices, list):
            return None
        changed = False
        for number, choice in enumerate(choices):
            index = choice.get("index", 0) if isinstance(choice, dict) else None
            if isinstance(choice, dict) and isinstance(index, int):
                changed = self._choice(choice, index, f"/choices/{number}", note) or changed
        busy = any(choice.markup.busy for choice in self._choices.values())
        self.needles = () if busy else _CALM
        if busy:
            self._top = {name: value for name, value in document.items() if name not in {"choices", "usage"}}
        return [document] if changed else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Let go what is held."""
        choices = []
        for index, choice in self._choices.items():
            delta: dict[str, Any] = {}
            if choice.delta(delta, last=True) and delta:
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return [{**self._top, "choices": choices}] if choices else []

    def _choice(self, choice: dict[str, Any], index: int, at: str, note: Noting) -> bool:
        if index not in self._choices:
            if len(self._choices) >= _MAX_CHOICES:
                return False
            self._choices[index] = _Choice(self._seed)
        state = self._choices[index]
        finish = choice.get("finish_reason")
        delta = choice.get("delta")
        given = isinstance(delta, dict)
        if not isinstance(delta, dict):
            delta = {}
        calls = state.markup.calls
        changed = state.delta(delta, last=finish is not None)
        if changed and not given:
            if choice.get("delta") is not None:  # of a kind that nobody reads
                return False
            choice["delta"] = delta
        if state.markup.calls > calls:
            note(f"{at}/delta/content", "tool calls in Kimi's markup become tool_calls")
        if finish == "stop" and state.markup.calls and state.markup.state != "arguments":
            choice["finish_reason"] = "tool_calls"
            note(f"{at}/finish_reason", "stop becomes tool_calls")
            changed = True
        return changed


def _first(text: str, tokens: tuple[str, ...]) -> tuple[int, str]:
    """Find the first of the tokens: its offset and itself; (-1, "") if there is none."""
    found = [(at, token) for token in tokens if (at := text.find(token)) >= 0]
    return min(found, default=(-1, ""))


def _overlap(text: str, tokens: tuple[str, ...]) -> int:
    """Give the length of the tail that may be the beginning of one of the tokens."""
    start = text.rfind("<")
    tail = text[start:] if start >= 0 else ""
    return len(tail) if tail and any(token.startswith(tail) for token in tokens) else 0


def _reply(document: dict[str, Any], scope: Scope, _memory: Memory, note: Noting) -> None:
    choices = document.get("choices")
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        message = choice.get("message") if isinstance(choice, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict) or not isinstance(content, str):
            continue
        state = _Choice(scope.seed)
        delta: dict[str, Any] = {"content": content}
        state.delta(delta, last=True)
        entries = delta.get("tool_calls")
        if not entries:
            continue
        given = message.get("tool_calls")
        calls = [{name: value for name, value in entry.items() if name != "index"} for entry in entries]
        message["tool_calls"] = [*(given if isinstance(given, list) else []), *calls]
        message["content"] = delta.get("content") or None
        note(f"/choices/{number}/message/content", "tool calls in Kimi's markup become tool_calls")
        if choice.get("finish_reason") == "stop" and state.markup.state != "arguments":
            choice["finish_reason"] = "tool_calls"
            note(f"/choices/{number}/finish_reason", "stop becomes tool_calls")


def _step(scope: Scope, _memory: Memory) -> EventStep:
    return _Step(scope)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=150,
        name="kimi-tool-markup",
        wires=("chat",),
        side="stream",
        kind="preset",
        who="Kimi K2 at Moonshot, Kimi Code and vLLM, whose tool calls sometimes come as text.",
        symptom="`<|tool_calls_section_begin|>…` is shown as the answer, and the tool never runs.",
        mend="The markup becomes `tool_calls`, and the finish reason says so.",
        before=(
            '"content":"<|tool_calls_section_begin|><|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{}'
            '<|tool_call_end|><|tool_calls_section_end|>"'
        ),
        after='"tool_calls":[{"index":0,"id":"functions.ls:0","type":"function","function":{"name":"ls","arguments":"{}"}}]',
        evidence=(
            "https://github.com/MoonshotAI/Kimi-K2/blob/main/docs/tool_call_guidance.md",
            "https://github.com/openclaw/openclaw/pull/60775",
            "https://github.com/NousResearch/hermes-agent/pull/24536",
            "https://github.com/vllm-project/vllm/pull/28543",
        ),
        presets=("kimi-code", "moonshot", "local"),
        models=("*kimi*", "k3*"),
        step=_step,
        reply=_reply,
    ),
)
