"""The tools that Codex offers, towards servers of the responses wire that take functions only.

A namespace's tools become functions of their own, called ``NAMESPACE-_-TOOL``; Codex finds a tool by both names, so
they are told apart again on the way back. The border is one that no tool was seen to have in its own name, so that a
name can be read again without any memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.quirks.amend import New, amend, items_of, rearrange
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft, Noting, Scope
    from wiremend.quirks.memory import Memory

_BORDER: Final = "-_-"


def flat_name(namespace: str, name: str) -> str | None:
    """Join two names so that :func:`split_name` gives them again; None where that cannot be."""
    flat = f"{namespace}{_BORDER}{name}" if namespace else name
    return flat if split_name(flat) == (namespace, name) or not namespace else None


def split_name(flat: str) -> tuple[str, str]:
    """Give namespace ("" for none) and name."""
    namespace, border, name = flat.partition(_BORDER)
    return (namespace, name) if border else ("", flat)


def _functions_only(draft: Draft) -> None:
    tools = items_of(draft.document, "tools")
    if all(_is(tool, "function") for tool in tools):
        return
    plan: list[int | New] = []
    kind: Kind = "mended"
    for index, tool in enumerate(tools):
        if _is(tool, "namespace"):
            functions = _flattened(tool)
            plan += [New(function) for function in functions]
            offered = items_of(tool, "tools")
            kind = kind if len(functions) == len(offered) else "lost"
            draft.note(
                f"/tools/{index}", f"{len(functions)} of {len(offered)} of its tools are functions now", kind=kind
            )
        elif _is(tool, "function"):
            plan.append(index)
        else:
            kind = "lost"
            draft.note(f"/tools/{index}", f"{_kind(tool) or 'what has no type'} is no function: left out", kind=kind)
    rearrange(draft, ("tools",), plan, "functions only", kind)
    _choice(draft)
    if not plan:
        draft.remove(("tools",), "no tool is left", kind="lost")
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in draft.document:
                draft.remove((name,), "no tool is left", kind="lost")


def _flattened(space: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a namespace's tools as functions; what is none, or cannot be named, is left out."""
    functions = []
    for tool in items_of(space, "tools"):
        name = flat_name(_name(space), _name(tool))
        if _is(tool, "function") and _name(tool) and name:
            functions.append({**tool, "name": name})
    return functions


def _choice(draft: Draft) -> None:
    choice = draft.document.get("tool_choice")
    if not isinstance(choice, dict):
        return
    name = flat_name(str(choice.get("namespace") or ""), _name(choice))
    if _is(choice, "function") and any(_name(tool) == name for tool in items_of(draft.document, "tools")):
        kept = {key: value for key, value in choice.items() if key != "namespace"}
        amend(draft, ("tool_choice",), {**kept, "name": name}, "the function's name here")
    else:
        draft.set(("tool_choice",), "auto", "the tool that it names is left out", kind="lost")


def _plain_calls(draft: Draft) -> None:
    """Give the calls of the history the names that they would have now."""
    for index, item in enumerate(items_of(draft.document, "input")):
        if _kind(item) == "custom_tool_call":
            arguments = msgspec.json.encode({"input": item.get("input")}).decode()
            plain = {key: value for key, value in item.items() if key not in {"type", "input"}}
            call = {**plain, "type": "function_call", "arguments": arguments}
            amend(draft, ("input", index), call, "a function's call")
        elif _kind(item) == "custom_tool_call_output":
            draft.set(("input", index, "type"), "function_call_output", "a function's result")
        if _kind(item) != "function_call" or "namespace" not in item:
            continue
        name = flat_name(str(item["namespace"] or ""), _name(item))
        if name and name != _name(item):
            draft.set(("input", index, "name"), name, "the function's name here")
        draft.remove(("input", index, "namespace"), "part of the name here")


def _mend(draft: Draft) -> None:
    if not isinstance(draft.document, dict):
        return
    _plain_calls(draft)
    _functions_only(draft)


def _is(tool: object, kind: str) -> bool:
    return isinstance(tool, dict) and tool.get("type") == kind


def _name(tool: object) -> str:
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else ""


def _kind(tool: object) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return kind if isinstance(kind, str) else ""


class _Step:
    """Tells the two names apart again, wherever an event has a call."""

    needles: tuple[bytes, ...] = (b"-_-",)

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Give the event again where a call in it has a joined name."""
        changed = _split(document.get("item"), "/item", note)
        response = document.get("response")
        for index, item in enumerate(items_of(response, "output")):
            changed |= _split(item, f"/response/output/{index}", note)
        return [document] if changed else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - it holds nothing
        """Give nothing: no event was held."""
        return []


def _split(item: object, where: str, note: Noting) -> bool:
    """Give a call its two names; False where it has no joined name."""
    if not isinstance(item, dict) or _kind(item) != "function_call" or _BORDER not in _name(item):
        return False
    namespace, name = split_name(_name(item))
    item["name"] = name
    note(f"{where}/name", f"set to {name}")
    if namespace:
        item["namespace"] = namespace
        note(f"{where}/namespace", f"set to {namespace}")
    return True


def _step(_scope: Scope, _memory: Memory) -> _Step:
    return _Step()


def _reply(document: dict[str, Any], _scope: Scope, _memory: Memory, note: Noting) -> None:
    for index, item in enumerate(items_of(document, "output")):
        _split(item, f"/output/{index}", note)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=57,
        name="resp-tool-types",
        wires=("responses",),
        side="request",
        kind="preset",
        who="llama.cpp and other servers that know functions only, given Codex's tools.",
        symptom="400 'type' of tool must be 'function', on the first request.",
        mend="The tools of a namespace become functions, and their names are told apart on the way back; others go.",
        before='[{"type":"namespace","name":"ns","tools":[{"type":"function","name":"f"}]},{"type":"web_search"}]',
        after='[{"type":"function","name":"ns-_-f"}]',
        evidence=(
            "https://github.com/ggml-org/llama.cpp/issues/20156",
            "https://github.com/openai/codex/issues/10635",
            "https://github.com/unslothai/unsloth/issues/5141",
            "measured: Codex 0.169 sends function, namespace and web_search",
        ),
        presets=("local",),
        request=_mend,
        step=_step,
        reply=_reply,
    ),
)
