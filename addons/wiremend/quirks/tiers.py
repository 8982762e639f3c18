"""Three entries that are mended by removing a word, or only told: service tiers, Groq's failed calls, silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import Noting, Scope
    from wiremend.quirks.memory import Memory

TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""The tiers that OpenAI documents (openai-python types/chat/chat_completion.py)."""


def _tier(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    tier = document.get("service_tier")
    if tier is not None and not (isinstance(tier, str) and tier in TIERS):
        del document["service_tier"]
        note("/service_tier", f"{str(tier)[:40]!r} removed")


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=114,
        name="groq-tool-use-failed",
        wires=("chat",),
        side="error",
        kind="explained",
        who="Groq, when the model wrote a tool call that does not fit the tool's schema.",
        symptom="400 `tool_use_failed`, with the model's text in `failed_generation`.",
        mend="None: the error is the client's to retry, and the text in it is no answer that a tool should run on.",
        before='400 {"error":{"code":"tool_use_failed","failed_generation":"…"}}',
        after='400 {"error":{"code":"tool_use_failed","failed_generation":"…"}}',
        evidence=(
            "https://github.com/gryszzz/open-thymos/pull/97",
            "https://github.com/groq/groq-typescript/issues/28",
        ),
        presets=("groq",),
    ),
    Quirk(
        number=115,
        name="service-tier-literal",
        wires=("chat",),
        side="reply",
        kind="always",
        who='Groq ("on_demand") and Together ("standard"), to clients that check the tier (pydantic-ai).',
        symptom="The whole completion is refused for its `service_tier`.",
        mend="A tier that OpenAI does not document is removed.",
        before='"service_tier":"on_demand"',
        after="(no service_tier)",
        evidence=("pydantic-ai models/openai.py:354-364",),
        codes=("chat.body.service-tier",),
        reply=_tier,
    ),
    Quirk(
        number=116,
        name="idle-timeout",
        wires=("messages", "chat", "responses"),
        side="stream",
        kind="always",
        who="Local servers that read a long prompt, and models that think unseen, to clients with a timer.",
        symptom="Claude Code ends the turn after 300 s without an event, Codex with `idle timeout waiting for SSE`.",
        mend="What the client's timer counts is sent to it while the provider is silent (`limits: {keepalive, head}`).",
        before="(silence)",
        after=": keep-alive",
        evidence=(
            "claude-code 2.1.197: max(CLAUDE_STREAM_IDLE_TIMEOUT_MS, 300000)",
            "codex responses.rs, idle_timeout",
            "measured: 17 agents and wires, 335 s of silence each (docs/stalls.md)",
            "https://github.com/ollama/ollama/issues/14600",
        ),
    ),
)
