"""A turn that another model began: its tool calls lie in the history, without thinking of the one who goes on.

A loop of tool calls is one turn to Anthropic. With thinking of a given budget on, the turn must begin with thinking,
and where the calls are another provider's there is none: that provider did not think, or its thinking could not be
sent on. What its vendor advises is to do without for the rest of this turn, so that is done; the next turn thinks again
as it was asked to. Adaptive thinking knows no such rule.

Who began a turn is known by the ids of its calls, for Anthropic's begin with ``toolu_`` or ``srvtoolu_`` wherever its
models run, or by the thinking that was just taken out. A turn of which neither is known is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.amend import items_of
from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Draft

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_OWN: Final = ("toolu_", "srvtoolu_", "mcptoolu_")
_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_TAKEN_OUT_BY: Final = "thinking-signature-foreign"
_CLEARS: Final = "clear_thinking"


def _without(draft: Draft) -> None:
    body = draft.document
    thinking = body.get("thinking") if isinstance(body, dict) else None
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return
    turn = _turn(items_of(body, "messages"))
    calls = [block for block in turn if block.get("type") in _CALLS]
    if not calls or any(block.get("type") in _THINKING for block in turn):
        return
    if not _is_foreign(calls) and not any(note.short == _TAKEN_OUT_BY for note in draft.notes):
        return
    what = "this turn has no thinking to begin with: another provider began it"
    draft.set("/thinking", {"type": "disabled"}, what, kind="lost")
    _clear_nothing(draft)


def _turn(messages: list[Any]) -> list[dict[str, Any]]:
    """Give all blocks that the model wrote since the user spoke last; none where it is not results that come last."""
    found: list[dict[str, Any]] = []
    answered = False
    for message in reversed(messages):
        role = message.get("role") if isinstance(message, dict) else None
        blocks = [block for block in items_of(message, "content") if isinstance(block, dict)]
        if role == "assistant":
            if not answered:
                return []
            found += blocks
        elif role == "user":
            if not any(block.get("type") == "tool_result" for block in blocks):
                break
            answered = True
    return found


def _is_foreign(calls: list[dict[str, Any]]) -> bool:
    ids = [call.get("id") for call in calls]
    return any(isinstance(own, str) and own and not own.startswith(_OWN) for own in ids)


def _clear_nothing(draft: Draft) -> None:
    """Take out the edits of the context that are refused where nothing is thought."""
    edits = items_of(draft.document.get("context_management"), "edits")
    clearing = [number for number, edit in enumerate(edits) if _clears(edit)]
    what = "there is no thinking to be cleared"
    if clearing and len(clearing) == len(edits):
        draft.remove("/context_management", what)
        return
    for number in reversed(clearing):
        draft.remove(("context_management", "edits", number), what)


def _clears(edit: object) -> bool:
    kind = edit.get("type") if isinstance(edit, dict) else None
    return isinstance(kind, str) and kind.startswith(_CLEARS)


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=151,
        name="thinking-missing-mid-turn",
        wires=("messages",),
        side="request",
        kind="preset",
        who="Claude at Anthropic, Bedrock and Vertex, going on where another provider called the tools.",
        symptom="400 Expected thinking or redacted_thinking, but found tool_use; the session stays broken.",
        mend="Thinking of a given budget is off until the turn is over, where it is known that another began it.",
        before='{"thinking":{"type":"enabled","budget_tokens":4000},"messages":[{"role":"assistant","content":['
        '{"type":"tool_use","id":"call_1"}]},{"role":"user","content":[{"type":"tool_result"}]}]}',
        after='{"thinking":{"type":"disabled"},"messages":[{"role":"assistant","content":['
        '{"type":"tool_use","id":"call_1"}]},{"role":"user","content":[{"type":"tool_result"}]}]}',
        evidence=(
            "https://github.com/anomalyco/opencode/issues/3077",
            "https://github.com/Kilo-Org/kilocode/issues/5219",
            "https://github.com/BerriAI/litellm/pull/18929",
            "https://github.com/router-for-me/CLIProxyAPI/issues/4957",
            "https://platform.claude.com/docs/build-with-claude/thinking-tool-workflows",
        ),
        presets=("anthropic", "bedrock", "vertex"),
        needles=(b"tool_result",),
        request=_without,
    ),
)
