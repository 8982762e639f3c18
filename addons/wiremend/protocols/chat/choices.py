"""The choices of a stream: each chunk's choices are walked as they came, and each fault is reported.

This is the thorough half of the contract, for the chunks that the quick half does not wave through. It keeps, per
choice, the state of ``table``'s ``choice`` part, its tool calls, and the kinds of lists that its deltas had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols.chat import faults
from wiremend.protocols.chat.calls import Call, Calls
from wiremend.protocols.chat.schema import FINISH_REASONS
from wiremend.protocols.chat.table import step

if TYPE_CHECKING:
    from wiremend.protocols.chat.faults import Report

ARGUMENTS_BUDGET: Final = 1 << 20
"""Characters of arguments that one stream's open tool calls may have together; what goes beyond is not judged."""

PLACEHOLDERS: Final = (["{}"], ["null"])
"""Arguments that some servers send ahead of the real ones, or where there are none."""

PLACEHOLDER_LENGTHS: Final = frozenset({2, 4})

NO_REASON: Final = frozenset({"", "null", "none", "undefined"})
"""Finish reasons, in small letters, that are none."""


@dataclass(slots=True)
class ChoiceState:
    """One choice. ``index`` is the one that it must have, ``legacy`` whether it called a function in the old way.

    ``said`` and ``thought`` tell whether it has had text, and reasoning.
    """

    index: int
    stage: str = "new"
    legacy: bool = False
    said: bool = False
    thought: bool = False
    calls: Calls[Call] = field(default_factory=lambda: Calls(Call))
    lists: faults.Lists = field(default_factory=faults.Lists)

    def copy(self) -> ChoiceState:
        """Give the same state a second time."""
        return ChoiceState(
            self.index, self.stage, self.legacy, self.said, self.thought, self.calls.copy(), self.lists.copy()
        )

    def opened(self) -> None:
        """Take the first delta as sound, where its role was reported already or cannot be asked for."""
        if self.stage == "new":
            self.stage = "open"


class Choices:
    """The choices of one stream."""

    __slots__ = ("budget", "by_index")

    def __init__(self) -> None:
        """Begin with none."""
        self.by_index: dict[int, ChoiceState] = {}
        self.budget = ARGUMENTS_BUDGET

    def copy(self) -> Choices:
        """Give the same choices, so that what becomes of the ones does not become of the others."""
        other = Choices()
        other.budget = self.budget
        other.by_index = {index: state.copy() for index, state in self.by_index.items()}
        return other

    @property
    def finished(self) -> bool:
        """Tell whether no choice is open."""
        return all(state.stage == "finished" for state in self.by_index.values())

    def walk(self, report: Report, choices: list[Any]) -> bool:
        """Check the choices of one chunk; tell whether there was one."""
        seen: set[int] = set()
        for position, item in enumerate(choices):
            at = f"/choices/{position}"
            if not isinstance(item, dict):
                report.add("chat.choice.not-object", at, item)
                continue
            state = self._state(report, item.get("index"), position, at)
            if state.index in seen:
                report.add("chat.choice.index-repeated", f"{at}/index", state.index)
            seen.add(state.index)
            self._choice(report, state, item, at)
        return bool(seen)

    def unfinished(self, report: Report, code: str) -> None:
        """Report each choice that has no finish reason, and the calls that end with no arguments, at the end."""
        for state in self.by_index.values():
            if state.stage != "finished":
                report.add(code, "", f"choice {state.index}")
                self._end_calls(report, state, "", None)

    def extend(self, call: Call, text: str) -> bool:
        """Add to a call's arguments; False if what was there is a mere placeholder, which the new text replaces."""
        if call.pieces is None or not text:
            return True
        sound = True
        if call.length in PLACEHOLDER_LENGTHS and call.pieces in PLACEHOLDERS and not text.isspace():
            self.budget += call.length
            call.length = 0
            call.pieces.clear()
            sound = False
        self.budget -= len(text)
        call.length += len(text)
        if self.budget < 0:
            call.pieces = None
        else:
            call.pieces.append(text)
        return sound

    def _state(self, report: Report, index: object, position: int, at: str) -> ChoiceState:
        if index is None:
            report.add("chat.choice.index-missing", f"{at}/index")
        elif not faults.is_index(index):
            report.add("chat.choice.index-type", f"{at}/index", index)
        sent = index if isinstance(index, int) and faults.is_index(index) else position
        state = self.by_index.get(sent)
        if state is None:
            state = self.by_index[sent] = ChoiceState(len(self.by_index))
        if sent == index and sent != state.index:
            report.add("chat.choice.index-order", f"{at}/index", index)
        return state

    def _choice(self, report: Report, state: ChoiceState, item: dict[str, Any], at: str) -> None:
        delta = item.get("delta")
        if isinstance(delta, dict):
            self._delta(report, state, delta, f"{at}/delta")
        elif delta is None and isinstance(item.get("message"), dict):
            report.add("chat.choice.message-not-delta", f"{at}/message")
            _whole_message(state, item["message"])
            state.said = True
        elif delta is None:
            report.add(f"chat.choice.delta-{'null' if 'delta' in item else 'missing'}", f"{at}/delta")
        else:
            report.add("chat.choice.delta-type", f"{at}/delta", delta)
        state.opened()
        faults.logprobs(report, item.get("logprobs"), f"{at}/logprobs")
        self._finish(report, state, item.get("finish_reason"), f"{at}/finish_reason")

    def _delta(self, report: Report, state: ChoiceState, delta: dict[str, Any], at: str) -> None:
        role = delta.get("role")
        if role in {"assistant", None} if isinstance(role, str | None) else False:
            state.stage = step(report, "choice", state.stage, "role" if role else "no role", f"{at}/role")
        else:
            report.add("chat.delta.role-wrong" if role else "chat.delta.role-empty", f"{at}/role", role)
            state.opened()
        content, calls = delta.get("content"), delta.get("tool_calls")
        legacy = delta.get("function_call") is not None
        if content or delta.get("refusal") or calls or legacy:
            state.stage = step(report, "choice", state.stage, "data", at)
        state.said = state.said or bool(content) or bool(delta.get("refusal"))
        state.thought = state.thought or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        faults.texts(report, delta, at)
        if content and isinstance(content, str) and (delta.get("reasoning_content") or delta.get("reasoning")):
            report.add("chat.delta.reasoning-with-content", f"{at}/content")
        if legacy:
            report.add("chat.choice.function-call", f"{at}/function_call")
            state.legacy = True
        if isinstance(calls, list):
            for number, entry in enumerate(calls):
                self._call(report, state, entry, f"{at}/tool_calls/{number}")
        elif calls is not None:
            report.add("chat.delta.tool-calls-type", f"{at}/tool_calls", calls)
        state.lists.walk(report, delta, at)

    def _call(self, report: Report, state: ChoiceState, entry: object, at: str) -> None:
        if not isinstance(entry, dict):
            report.add("chat.tool-call.not-object", at, entry)
            return
        index, ident, function = entry.get("index"), entry.get("id"), entry.get("function")
        if index is None:
            report.add("chat.tool-call.index-missing", f"{at}/index")
        elif not faults.is_index(index):
            report.add("chat.tool-call.index-type", f"{at}/index", index)
        if not isinstance(ident, str | None):
            report.add("chat.tool-call.id-type", f"{at}/id", ident)
            ident = str(ident)
        name = function.get("name") if isinstance(function, dict) else None
        call = state.calls.find(_place(index), ident or None, named=bool(name))
        if faults.is_index(index) and index != call.index:
            report.add(call.fault, f"{at}/index", index)
        call.id = step(report, "tool-call.id", call.id, "id" if ident else "no id", f"{at}/id")
        typed = _type(report, call, entry, f"{at}/type")
        if isinstance(function, dict):
            self._function(report, call, function, f"{at}/function")
            state.lists.walk(report, entry, at, "/tool_calls")
        elif typed and not call.foreign:
            missing = function is None
            report.add(f"chat.tool-call.function-{'missing' if missing else 'type'}", f"{at}/function", function)
        else:
            call.foreign = True  # what it has in place of arguments is not ours to judge
            call.pieces = None
        call.name = "awaited" if call.name == "new" else call.name

    def _function(self, report: Report, call: Call, function: dict[str, Any], at: str) -> None:
        name = function.get("name")
        if isinstance(name, str | None):
            call.name = step(report, "tool-call.name", call.name, "name" if name else "no name", f"{at}/name")
        else:
            report.add("chat.tool-call.name-type", f"{at}/name", name)
            call.name = "named"
        if "arguments" in function:
            text = faults.arguments(report, function["arguments"], f"{at}/arguments")
            if not self.extend(call, text):
                report.add("chat.tool-call.arguments-restarted", f"{at}/arguments")

    def _finish(self, report: Report, state: ChoiceState, reason: object, at: str) -> None:
        """Hold a finish reason against the tool calls, which the table cannot."""
        if reason is None:
            return
        if isinstance(reason, str) and reason.strip().lower() in NO_REASON:
            report.add("chat.finish.empty", at, reason or None)
            return
        known = isinstance(reason, str) and reason in FINISH_REASONS
        if not known:
            report.add("chat.finish.unknown" if isinstance(reason, str) else "chat.finish.type", at, reason)
        state.stage = step(report, "choice", state.stage, "finish", at)
        cut = self._end_calls(report, state, at, reason)
        called = bool(state.calls.every) or state.legacy
        if reason == "stop" and called and not cut:
            report.add("chat.finish.contradicts-tools", at)
        elif known and reason in ("tool_calls", "function_call") and not called:
            report.add("chat.finish.no-tools", at, reason)

    def _end_calls(self, report: Report, state: ChoiceState, at: str, reason: object) -> bool:
        """Judge the whole arguments of each call, and let them go; tell whether some were cut short.

        Where the finish reason says that the answer was cut, arguments may be.
        """
        cut = False
        for call in state.calls.every:
            if call.pieces is None:
                continue
            verdict = faults.whole_arguments("".join(call.pieces))
            call.pieces = None
            self.budget += call.length
            if verdict == "whole" or reason in ("length", "content_filter"):
                continue
            cut = cut or verdict == "truncated"
            if verdict != "truncated" or reason is not None:
                report.add(f"chat.tool-call.arguments-{verdict}", at, f"tool call {call.index}")
        return cut


def _type(report: Report, call: Call, entry: dict[str, Any], at: str) -> bool:
    """Check the type of a tool call's delta: "function" first, later absent or the same. False if it is another one."""
    type_ = entry.get("type")
    if type_ is None and "type" in entry and call.type == "typed":
        report.add("chat.tool-call.type-null", at)
    elif type_ is None or type_ == "function":
        call.type = step(report, "tool-call.type", call.type, "type" if type_ else "no type", at)
    else:
        report.add("chat.tool-call.type-wrong", at, type_)
        call.type = "typed"
    return type_ in {None, "function", ""} if isinstance(type_, str | None) else False


def _place(index: object) -> int | None:
    """Read an index, also one that came as a text."""
    if isinstance(index, str) and index.isdecimal() and len(index) <= 3:  # noqa: PLR2004  more calls than anyone makes
        return int(index)
    return index if isinstance(index, int) and faults.is_index(index) else None


def _whole_message(state: ChoiceState, message: dict[str, Any]) -> None:
    """Take a message that stands where a delta should: its calls count, but are not judged."""
    calls = message.get("tool_calls")
    for entry in calls if isinstance(calls, list) else ():
        ident = entry.get("id") if isinstance(entry, dict) else None
        call = state.calls.find(None, ident if isinstance(ident, str) and ident else None, named=True)
        call.id, call.type, call.name, call.pieces = "known", "typed", "named", None
    state.legacy = state.legacy or message.get("function_call") is not None
