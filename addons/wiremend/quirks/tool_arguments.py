"""Arguments of tool calls that repeat what was sent (85), or are nearly JSON (86). Both are on by name only.

Who repeats sends a fragment that begins with all that was sent before; only what is new in it leaves. An object never
begins twice, so this is no guess, but for an object whose first member holds the beginning of the very same object.

What is nearly JSON is repaired as it comes, and valid JSON leaves as it is. Held back are a comma outside of a string,
until it is known whether a bracket closes behind it, and letters that may be ``None``, ``True`` or ``False``. Brackets
are closed only where the finish reason says that the call is complete, and the last thing said was a value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

MAX_SENT: Final = 1 << 20
"""Characters of arguments of one stream that are remembered; what is longer is passed on as it comes."""

MAX_DEPTH: Final = 256
MAX_CALLS: Final = 128
MAX_HELD: Final = 256

_WORDS: Final = {"None": "null", "True": "true", "False": "false"}
_CLOSERS: Final = {"{": "}", "[": "]"}
_COMPLETE: Final = frozenset({"tool_calls", "function_call", "stop"})
_TOKEN: Final = re.compile(r"[A-Za-z_]+|\s+|[0-9.+-]+|.", re.DOTALL)
_IN_STRING: Final = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


class _Reader(Protocol):
    """Reads the arguments of one call."""

    def feed(self, text: str) -> str: ...

    def finish(self, *, complete: bool) -> str: ...


class Repeats:
    """Gives of each fragment what is new; see the module."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self._sent: list[str] = []
        self._length = 0
        self._object = False

    def feed(self, text: str) -> str:
        """Take a fragment."""
        if not self._length:
            self._object = text.startswith("{")
        new = text
        if self._length and self._object and len(text) >= self._length and text.startswith("{"):
            sent = "".join(self._sent)
            self._sent = [sent]
            if text.startswith(sent):
                new = text[self._length :]
        self._length += len(new)
        if self._length > MAX_SENT:
            self._object, self._sent = False, []
        elif self._object:
            self._sent.append(new)
        return new

    def finish(self, *, complete: bool) -> str:  # noqa: ARG002 - the reader's signature
        """Give nothing: nothing is held."""
        return ""


class Nearly:
    """Repairs JSON text as it comes; see the module."""

    def __init__(self) -> None:
        """Begin before the first character."""
        self._stack: list[str] = []
        self._string = False
        self._escaped = False
        self._last = "open"  # or "key", "colon", "comma", "value": what was said last, outside of white space
        self._comma = ""  # a comma that is held, with the space behind it
        self._word = ""
        self._other = False  # inside a word that is none of those
        self._lost = False  # nested too deeply: passed on from there

    def feed(self, text: str) -> str:
        """Take a fragment; give it as it should have been, but for what is held."""
        out: list[str] = []
        position = 0
        while position < len(text) and not self._lost:
            if self._string:
                position = self._inside(text, position, out)
                continue
            token = _TOKEN.match(text, position)
            if token is None:  # cannot be: the last alternative is any character
                break
            position = token.end()
            self._outside(token[0], out)
        out.append(text[position:])
        return "".join(out)

    def finish(self, *, complete: bool) -> str:
        """Give what is held, and the brackets that are missing."""
        out: list[str] = []
        self._end_word(out, known=complete)
        closers = "".join(_CLOSERS[bracket] for bracket in reversed(self._stack))
        if complete and closers and not self._string and not self._lost and self._last == "value":
            out.append(self._comma[1:] + closers)
            self._stack.clear()
        else:
            out.append(self._comma)
        self._comma = ""
        return "".join(out)

    def _inside(self, text: str, position: int, out: list[str]) -> int:
        """Copy what is inside a string, and its end; give where it stopped."""
        if self._escaped:
            self._escaped = False
            out.append(text[position])
            return position + 1
        found = _IN_STRING.match(text, position)
        end = found.end() if found else position
        out.append(text[position:end])
        if end < len(text):
            out.append(text[end])
            if text[end] == '"':
                self._string = False
                key = self._stack[-1:] == ["{"] and self._last in {"open", "comma"}
                self._last = "key" if key else "value"
            else:
                self._escaped = True
            end += 1
        return end

    def _outside(self, mark: str, out: list[str]) -> None:
        """Take a mark, word, number or space that is not in a string."""
        if mark[0].isalpha() or mark[0] == "_":
            self._let_go(out)
            self._word += mark
            self._other = self._other or not any(word.startswith(self._word) for word in _WORDS)
            if self._other:
                out.append(self._word)
                self._word = ""
                self._last = "value"
            return
        self._other = False
        self._end_word(out, known=True)
        if mark.isspace():
            if self._comma and len(self._comma) + len(mark) <= MAX_HELD:
                self._comma += mark
                return
            self._let_go(out)
        elif mark == ",":
            self._let_go(out)
            self._comma = mark
            return
        elif mark in {"}", "]"}:
            out.append(self._comma[1:] if self._last == "value" else self._comma)
            self._comma = ""
            if self._stack:
                self._stack.pop()
            self._last = "value"
        else:
            self._let_go(out)
            self._open(mark)
        out.append(mark)

    def _open(self, mark: str) -> None:
        if mark in _CLOSERS:
            self._stack.append(mark)
            self._lost = len(self._stack) > MAX_DEPTH
            self._last = "open"
        elif mark == '"':
            self._string = True
        else:
            self._last = "colon" if mark == ":" else "value"

    def _let_go(self, out: list[str]) -> None:
        """Give a comma that is held: something comes behind it."""
        if self._comma:
            out.append(self._comma)
            self._comma = ""
            self._last = "comma"

    def _end_word(self, out: list[str], *, known: bool) -> None:
        if self._word:
            out.append(_WORDS.get(self._word, self._word) if known else self._word)
            self._word = ""
            self._last = "value"


class _Step:
    """Reads the arguments of each call of a stream with a reader of its own."""

    def __init__(self, reader: Callable[[], _Reader], what: str) -> None:
        self.needles: tuple[bytes, ...] = (b'"tool_calls"',)
        self._reader = reader
        self._what = what
        self._calls: dict[tuple[int, int], _Reader] = {}
        self._told: set[tuple[int, int]] = set()
        self._top: dict[str, Any] = {}

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Change the arguments in a chunk; what was held leaves ahead of the finish reason."""
        choices = document.get("choices")
        if not isinstance(choices, list):
            return None
        changed = False
        ahead: list[dict[str, Any]] = []
        for number, choice in enumerate(choices):
            index = choice.get("index", 0) if isinstance(choice, dict) else None
            if not isinstance(choice, dict) or not isinstance(index, int):
                continue
            entries = dict(_entries(choice.get("delta")))
            for place, entry in entries.items():
                changed = self._entry((index, place), entry, f"/choices/{number}/delta/tool_calls", note) or changed
            if choice.get("finish_reason") is not None:
                complete = choice["finish_reason"] in _COMPLETE if isinstance(choice["finish_reason"], str) else False
                rest = self._rest(index, complete=complete)
                for place in [place for place in rest if place in entries]:
                    entries[place]["function"]["arguments"] += rest.pop(place)
                    changed = True
                if rest:
                    note(f"/choices/{number}", self._what)
                    ahead.append(_delta(index, rest))
        if self._calls:
            self.needles = ()
            self._top = {name: value for name, value in document.items() if name not in {"choices", "usage"}}
        if ahead:
            return [{**self._top, "choices": ahead}, document]
        return [document] if changed else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Let go what is held, as it came."""
        ended = [(index, self._rest(index, complete=False)) for index in sorted({index for index, _ in self._calls})]
        choices = [_delta(index, rest) for index, rest in ended if rest]
        return [{**self._top, "choices": choices}] if choices else []

    def _entry(self, key: tuple[int, int], entry: dict[str, Any], at: str, note: Noting) -> bool:
        if key not in self._calls and len(self._calls) >= MAX_CALLS:
            return False
        given = entry["function"]["arguments"]
        new = self._calls.setdefault(key, self._reader()).feed(given)
        if new == given:
            return False
        entry["function"]["arguments"] = new
        if key not in self._told:
            self._told.add(key)
            note(f"{at}/{key[1]}/function/arguments", self._what)
        return True

    def _rest(self, index: int, *, complete: bool) -> dict[int, str]:
        """End the calls of a choice, and give what each still has to say."""
        ended = {place: reader.finish(complete=complete) for (i, place), reader in self._calls.items() if i == index}
        return {place: rest for place, rest in ended.items() if rest}


def _entries(delta: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the entries of a delta that have arguments in text, each with its index, or its place without one."""
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    for position, entry in enumerate(calls if isinstance(calls, list) else ()):
        function = entry.get("function") if isinstance(entry, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            index = entry.get("index")
            yield index if isinstance(index, int) else position, entry


def _delta(index: int, rest: dict[int, str]) -> dict[str, Any]:
    calls = [{"index": place, "function": {"arguments": text}} for place, text in rest.items()]
    return {"index": index, "delta": {"tool_calls": calls}, "finish_reason": None}


def _repeats_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step(Repeats, "what was sent before is left out")


def _nearly_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step(Nearly, "the arguments are made JSON")


def _nearly_reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    choices = document.get("choices")
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        if not isinstance(choice, dict):
            continue
        finish = choice.get("finish_reason")
        for place, entry in _entries(choice.get("message")):
            reader = Nearly()
            given = entry["function"]["arguments"]
            new = reader.feed(given) + reader.finish(complete=isinstance(finish, str) and finish in _COMPLETE)
            if new != given:
                entry["function"]["arguments"] = new
                note(f"/choices/{number}/message/tool_calls/{place}/function/arguments", "the arguments are made JSON")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=85,
        name="tool-args-cumulative",
        wires=("chat",),
        side="stream",
        kind="condition",
        who="Relays that send the arguments from their beginning each time, or once more at the end; on by name.",
        symptom="Added up, the arguments are no JSON, for every client.",
        mend="Of a fragment that begins with all that was sent, only what is new leaves.",
        before='"arguments":"{\\"city\\":" then "arguments":"{\\"city\\":\\"Paris\\"}"',
        after='"arguments":"{\\"city\\":" then "arguments":"\\"Paris\\"}"',
        evidence=(
            "measured: 18 of 18 SDK paths fail to parse repeated arguments",
            "https://github.com/ENTERPILOT/GoModel/pull/1068",
        ),
        step=_repeats_step,
    ),
    Quirk(
        number=86,
        name="tool-args-invalid-json",
        wires=("chat",),
        side="stream",
        kind="condition",
        who="GLM through Ollama; on by name.",
        symptom="The tool call is rejected, or the turn is taken for one that was cut.",
        mend="A comma before a bracket, None, True, False and missing brackets at the end are repaired.",
        before='"arguments":"{\\"a\\":1,}"',
        after='"arguments":"{\\"a\\":1}"',
        evidence=("hermes chat_completion_helpers.py:2944-2956",),
        step=_nearly_step,
        reply=_nearly_reply,
    ),
)
