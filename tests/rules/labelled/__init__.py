"""Prompts with labels: what people ask of coding agents, and the preference that a sensible person would choose for it.

The words are our own. There are two halves, alike in kind and difficulty, which share no wish of a user: ``tuning`` is
there to be looked at while something that chooses is made, ``held_out`` to be measured with and not to be read by those
who make it. Labels are three preferences that a person might write, or ``none``:

- ``complex_reasoning``: something has to be thought out: a proof, a puzzle, an estimate, a choice between designs;
- ``code_review``: code (a diff, a query, a file) is there, and the user wants to know what is wrong with it or could be
  better. That it be changed, tested, named or explained is no such wish;
- ``creative_writing``: prose, verse or copy that is to be made up, or to be made better as prose;
- ``none``: all else: commands, look-ups, code to be written or mended, explanations, talk.

The label is that of the last thing that the user asked for. System prompts, reminders, context, results of tools and
what the assistant said do not count; a bare "go on" goes on with what was asked before.

An entry of a file is ``{id, label, wire, lang, system, text | turns}``. A turn is a mapping with one key: ``user`` (a
text, or a list of texts, each a part of one message), ``assistant`` (a text), ``call`` (``{name, input}``, a tool that
the assistant calls) or ``result`` (a text, what that tool gave). ``{furniture: NAME}`` in the place of a user's text,
and a NAME in the place of ``system``, are texts of ``furniture.yaml``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

type Half = Literal["tuning", "held_out"]
type Wire = Literal["messages", "chat", "responses"]

HALVES: Final[tuple[Half, ...]] = ("tuning", "held_out")
LABELS: Final = ("complex_reasoning", "code_review", "creative_writing", "none")
WIRES: Final[tuple[Wire, ...]] = ("messages", "chat", "responses")
HERE: Final = Path(__file__).parent
KEYS: Final = frozenset({"id", "label", "wire", "lang", "system", "text", "turns"})
TURNS: Final = frozenset({"user", "assistant", "call", "result"})

_TOOL: Final = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
_ABOUT_TOOL: Final = "Runs a command. Reviews, stories and proofs are not its business."


@dataclass(frozen=True, slots=True)
class Labelled:
    """One prompt: its label, and the request in which an agent sends it."""

    id: str
    label: str
    """One of :data:`LABELS`."""
    wire: Wire
    lang: str
    """The language of the last wish: ``en``, ``de``, ``es`` or ``zh``."""
    asked: str
    """The last text that the user wrote, without what the agent put around it."""
    request: dict[str, Any]
    """The request as JSON has it."""

    @property
    def body(self) -> bytes:
        """The request's body."""
        return json.dumps(self.request, ensure_ascii=False).encode()


def load(half: Half) -> list[Labelled]:
    """Read one half, in the order of its file.

    Raises:
        ValueError: an entry is not as the module's docstring says; the message names it.

    """
    furniture = yaml.safe_load((HERE / "furniture.yaml").read_text("utf-8"))
    entries = yaml.safe_load((HERE / f"{half}.yaml").read_text("utf-8"))
    return [_labelled(entry, furniture) for entry in entries]


def _labelled(entry: dict[str, Any], furniture: dict[str, str]) -> Labelled:
    name = entry.get("id")
    if entry.keys() - KEYS or ("text" in entry) == ("turns" in entry):
        raise ValueError(f"{name}: an entry has id, label, text or turns, and may have wire, lang and system")
    turns: list[dict[str, Any]] = [{"user": entry["text"]}] if "text" in entry else entry["turns"]
    if any(len(turn) != 1 or not turn.keys() <= TURNS for turn in turns):
        raise ValueError(f"{name}: a turn is one of {sorted(TURNS)}")
    wire = entry.get("wire", "messages")
    if wire not in WIRES or entry["label"] not in LABELS:
        raise ValueError(f"{name}: there is no wire {wire!r} or no label {entry['label']!r}")
    wishes = [part for turn in turns for part in _parts(turn.get("user", [])) if isinstance(part, str)]
    plain = [_plain(turn, furniture) for turn in turns]
    system = furniture.get(entry.get("system", ""), entry.get("system"))
    return Labelled(
        id=entry["id"],
        label=entry["label"],
        wire=wire,
        lang=entry.get("lang", "en"),
        asked=wishes[-1],
        request=_WAYS[wire](plain, system),
    )


def _parts(said: object) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _plain(turn: dict[str, Any], furniture: dict[str, str]) -> tuple[str, Any]:
    """Give a turn's kind and what it holds, with the furniture in place; a user's turn is a list of texts."""
    ((kind, said),) = turn.items()
    if kind != "user":
        return kind, said
    return kind, [part if isinstance(part, str) else furniture[part["furniture"]] for part in _parts(said)]


def _messages(turns: list[tuple[str, Any]], system: str | None) -> dict[str, Any]:
    """Claude Code's way: blocks, a tool's result in a turn of the user, turns of one role put together."""
    messages: list[dict[str, Any]] = []
    for number, (kind, said) in enumerate(turns):
        match kind:
            case "user":
                role, blocks = "user", [{"type": "text", "text": text} for text in said]
            case "assistant":
                role, blocks = "assistant", [{"type": "text", "text": said}]
            case "call":
                role, blocks = "assistant", [{"type": "tool_use", "id": f"toolu_{number}", **said}]
            case _:
                role, blocks = "user", [{"type": "tool_result", "tool_use_id": f"toolu_{number - 1}", "content": said}]
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    body: dict[str, Any] = {"model": "auto", "max_tokens": 32000, "stream": True}
    if system is not None:
        body["system"] = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
    tools = [{"name": "Bash", "description": _ABOUT_TOOL, "input_schema": _TOOL}]
    return {**body, "messages": messages, "tools": tools}


def _chat(turns: list[tuple[str, Any]], system: str | None) -> dict[str, Any]:
    """OpenCode's way: one text as a string, several as parts; calls beside an assistant's text."""
    messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    for number, (kind, said) in enumerate(turns):
        match kind:
            case "user":
                content = said[0] if len(said) == 1 else [{"type": "text", "text": text} for text in said]
                messages.append({"role": "user", "content": content})
            case "assistant":
                messages.append({"role": "assistant", "content": said})
            case "call":
                function = {"name": said["name"], "arguments": json.dumps(said["input"])}
                if messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": None})
                messages[-1]["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
            case _:
                messages.append({"role": "tool", "tool_call_id": f"call_{number - 1}", "content": said})
    function = {"name": "bash", "description": _ABOUT_TOOL, "parameters": _TOOL}
    tools = [{"type": "function", "function": function}]
    return {"model": "auto", "stream": True, "messages": messages, "tools": tools}


def _responses(turns: list[tuple[str, Any]], system: str | None) -> dict[str, Any]:
    """Codex' way: instructions, and items; each text of a user is a message of its own."""
    items: list[dict[str, Any]] = []
    for number, (kind, said) in enumerate(turns):
        match kind:
            case "user":
                items += [_item("user", "input_text", text) for text in said]
            case "assistant":
                items.append(_item("assistant", "output_text", said))
            case "call":
                call = {"name": said["name"], "arguments": json.dumps(said["input"]), "call_id": f"call_{number}"}
                items.append({"type": "function_call", **call})
            case _:
                items.append({"type": "function_call_output", "call_id": f"call_{number - 1}", "output": said})
    tool = {"type": "function", "name": "shell", "description": _ABOUT_TOOL, "parameters": _TOOL, "strict": False}
    body: dict[str, Any] = {"model": "auto", "stream": True, "store": False, "input": items, "tools": [tool]}
    return body if system is None else {**body, "instructions": system}


def _item(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


_WAYS: Final = {"messages": _messages, "chat": _chat, "responses": _responses}
