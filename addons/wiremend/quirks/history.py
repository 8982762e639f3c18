"""Messages as another provider left them: fields that a strict host does not know, calls without their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import SIGNERS, New, items_of, on_host, rearrange
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_REASONING: Final = ("reasoning", "reasoning_content", "reasoning_details")
_COMMON: Final = frozenset({"role", "content", "name"})
_KNOWN: Final = {
    "system": _COMMON,
    "developer": _COMMON,
    "user": _COMMON,
    "tool": _COMMON | {"tool_call_id"},
    "function": _COMMON,
    # `prefix` is Mistral's word and `partial` Moonshot's for an answer that the model is to go on with.
    "assistant": _COMMON | {*_REASONING, "tool_calls", "function_call", "refusal", "audio", "prefix", "partial"},
}
_CALL: Final = frozenset({"id", "type", "function", "custom", "index"})
_NO_RESULT: Final = "(no result: the call was interrupted)"
_OUTPUT_OF: Final = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


def _no_reasoning(draft: Draft) -> None:
    for index, message in enumerate(items_of(draft.document, "messages")):
        if isinstance(message, dict):
            for name in _REASONING:
                if name in message:
                    draft.remove(("messages", index, name), "reasoning is refused here", kind="lost")


def _known_keys(draft: Draft) -> None:
    for index, message in enumerate(items_of(draft.document, "messages")):
        role = message.get("role") if isinstance(message, dict) else None
        known = _KNOWN.get(role) if isinstance(role, str) else None
        if known is None:
            continue
        for name, value in list(message.items()):
            if value is None and name != "content":
                draft.remove(("messages", index, name), "a null says nothing")
            elif name == "name" and value == "":
                draft.remove(("messages", index, name), "an empty name says nothing")
            elif name not in known:
                what = f"not known in a message of the role {role}"
                draft.remove(("messages", index, name), what, kind="lost")
        for number, call in enumerate(items_of(message, "tool_calls")):
            if isinstance(call, dict):
                for name in [name for name in call if name not in _CALL]:
                    draft.remove(("messages", index, "tool_calls", number, name), "not known in a call", kind="lost")


def _orphans(draft: Draft) -> None:
    if draft.scope.wire == "messages":
        if not on_host(draft.scope.host, *SIGNERS):
            _orphans_messages(draft)
    elif draft.scope.wire == "responses":
        _orphans_responses(draft)
    else:
        _orphans_chat(draft)


def _orphans_chat(draft: Draft) -> None:
    messages = items_of(draft.document, "messages")
    plan: list[int | New] = []
    missing: dict[str, None] = {}
    behind: list[int] = []
    """What the client wrote between a call and its result, where nothing may stand."""

    def settle() -> None:
        plan.extend(New(_no_result_chat(call)) for call in missing)
        plan.extend(behind)
        missing.clear()
        behind.clear()

    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role == "tool":
            answered = message.get("tool_call_id")
            if isinstance(answered, str) and answered in missing:
                del missing[answered]
                plan.append(index)
        elif role != "assistant" and missing:
            behind.append(index)
        else:
            settle()
            plan.append(index)
            if role == "assistant":
                missing.update(_ids(message.get("tool_calls"), "id"))
    settle()
    rearrange(draft, ("messages",), plan, "each call has one result behind it", kind="lost")


def _no_result_chat(call: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": call, "content": _NO_RESULT}


def _orphans_messages(draft: Draft) -> None:
    messages = items_of(draft.document, "messages")
    plan: list[int | New] = []
    missing: dict[str, None] = {}
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user":
            if _answer(draft, index, missing):
                plan.append(index)
            missing = {}
            continue
        if role in ("system", "developer"):
            plan.append(index)
            continue
        if missing:
            plan.append(New({"role": "user", "content": [_no_result_block(call) for call in missing]}))
        calls = [part for part in items_of(message, "content") if _is(part, "tool_use")]
        missing = _ids(calls, "id") if role == "assistant" else {}
        plan.append(index)
    if missing:
        plan.append(New({"role": "user", "content": [_no_result_block(call) for call in missing]}))
    rearrange(draft, ("messages",), plan, "each call has one result behind it", kind="lost")


def _answer(draft: Draft, index: int, missing: dict[str, None]) -> bool:
    """Give a user's turn the results it must have, in front; False where nothing of it is left."""
    content = draft.document["messages"][index].get("content")
    parts = content if isinstance(content, list) else []
    open_calls = dict(missing)
    results, others = list[int | New](), list[int | New]()
    for number, part in enumerate(parts):
        if not _is(part, "tool_result"):
            others.append(number)
        elif isinstance(answered := part.get("tool_use_id"), str) and answered in open_calls:
            del open_calls[answered]
            results.append(number)
    blocks = [_no_result_block(call) for call in open_calls]
    where, what = ("messages", index, "content"), "one result for each call, in front"
    if isinstance(content, list):
        plan = [*results, *map(New, blocks), *others]
        if plan:
            rearrange(draft, where, plan, what, kind="lost")
        return bool(plan) or not parts
    if isinstance(content, str) and blocks:
        text = [{"type": "text", "text": content}] if content else []
        draft.set(where, [*blocks, *text], what, kind="lost")
    return True


def _no_result_block(call: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": _NO_RESULT, "is_error": True}


def _orphans_responses(draft: Draft) -> None:
    items = items_of(draft.document, "input")
    if not items or draft.document.get("previous_response_id") or draft.document.get("conversation"):
        return  # calls and results may be on the provider's side
    made = _ids([item for item in items if isinstance(item, dict) and not _is_output(item)], "call_id")
    answered = _ids([item for item in items if isinstance(item, dict) and _is_output(item)], "call_id")
    plan: list[int | New] = []
    seen: set[str] = set()
    for index, item in enumerate(items):
        call = item.get("call_id") if isinstance(item, dict) else None
        if isinstance(call, str) and _is_output(item):
            if call in made and call not in seen:
                seen.add(call)
                plan.append(index)
            continue
        plan.append(index)
        kind = item.get("type") if isinstance(item, dict) else None
        output = _OUTPUT_OF.get(kind) if isinstance(kind, str) else None
        if output and isinstance(call, str) and call not in answered:
            plan.append(New({"type": output, "call_id": call, "output": _NO_RESULT}))
    rearrange(draft, ("input",), plan, "each call has one result", kind="lost")


def _is(part: object, kind: str) -> bool:
    return isinstance(part, dict) and part.get("type") == kind


def _is_output(item: dict[str, Any]) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and kind in _OUTPUT_OF.values()


def _ids(calls: object, name: str) -> dict[str, None]:
    """Give the ids of calls, in their order."""
    found = [call.get(name) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return {call: None for call in found if isinstance(call, str)}


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=17,
        name="reasoning-field-forbidden",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Groq, Mistral and other strict hosts, given a history that another provider made.",
        symptom="400 property 'reasoning_content' is unsupported, or 422 extra_forbidden.",
        mend="The fields of reasoning go out of the messages.",
        before='{"role":"assistant","content":"Hi","reasoning_content":"\\n"}',
        after='{"role":"assistant","content":"Hi"}',
        evidence=(
            "https://github.com/janhq/jan/issues/8136",
            "https://github.com/karthink/gptel/issues/774",
            "https://github.com/charmbracelet/crush/issues/1590",
            "https://github.com/vellum-ai/vellum-assistant/pull/42635",
        ),
        presets=("groq", "mistral"),
        request=_no_reasoning,
    ),
    Quirk(
        number=18,
        name="unknown-message-keys",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Mistral, Fireworks, Moonshot and Groq.",
        symptom="400: extra inputs are not permitted, or the property is unsupported.",
        mend="What a message of its role does not have goes, and so do nulls and empty names.",
        before='{"role":"user","content":"Hi","name":"","tool_calls":null,"timestamp":1}',
        after='{"role":"user","content":"Hi"}',
        evidence=(
            "https://github.com/Gage-Technologies/mistral-go/pull/2",
            "https://github.com/julep-ai/julep/issues/885",
        ),
        presets=("mistral", "fireworks", "moonshot", "groq"),
        request=_known_keys,
    ),
    Quirk(
        number=34,
        name="tool-result-orphan",
        wires=("messages", "chat", "responses"),
        side="request",
        kind="condition",
        who="All providers, given a history in which a call was interrupted or its result was cut away.",
        symptom="400: tool_use ids were found without tool_result blocks; the session stays broken.",
        mend="A call without a result gets one that says so, right behind it; a result without a call goes.",
        before='[{"role":"assistant","tool_calls":[{"id":"c1"}]},{"role":"user","content":"go on"}]',
        after='[{"role":"assistant","tool_calls":[{"id":"c1"}]},{"role":"tool","tool_call_id":"c1"},{"role":"user"}]',
        evidence=("https://github.com/earendil-works/pi/issues/5468",),
        request=_orphans,
    ),
)
