"""What is only told, never rewritten: policies, bills, and what no rewriting could make right."""

from __future__ import annotations

from functools import partial
from typing import Final

from wiremend.quirks.base import Quirk

_told = partial(Quirk, kind="explained")
_ALL: Final = ("messages", "chat", "responses")

QUIRKS: Final[tuple[Quirk, ...]] = (
    _told(
        number=6,
        name="path-wrong-plan-root",
        wires=("chat",),
        side="url",
        who="Z.ai, with a key of its coding plan at the root of the open platform.",
        symptom="429 with the code 1113: the balance is insufficient, though the plan is paid.",
        mend="The error tells of the plan's own root; the request is not sent there, for that is billed differently.",
        before="POST https://api.z.ai/api/paas/v4/chat/completions",
        after="POST https://api.z.ai/api/paas/v4/chat/completions",
        evidence=("https://github.com/KenKaiii/gg-framework/pull/5",),
    ),
    _told(
        number=8,
        name="ua-allowlist-kimi-coding",
        wires=_ALL,
        side="headers",
        who="Kimi Code, to every client that is not on its list.",
        symptom="403 access_terminated_error: only available for coding agents.",
        mend="None, ever: it is a rule about who may come in. The error says so, and the client keeps its own name.",
        before="User-Agent: GitHubCopilot/1.0",
        after="User-Agent: GitHubCopilot/1.0",
        evidence=(
            "https://github.com/openclaw/openclaw/issues/42499",
            "https://github.com/MoonshotAI/kimi-code/issues/636",
            "https://github.com/NousResearch/hermes-agent/pull/6947",
        ),
    ),
    _told(
        number=148,
        name="resp-stream-is-chat",
        wires=("responses",),
        side="stream",
        who="Servers whose /v1/responses answers as /v1/chat/completions does.",
        symptom="The AI SDK names it; Codex tells of a closed stream.",
        mend="The stream is not translated; it ends with an error that says which wire the server speaks.",
        before='data: {"object":"chat.completion.chunk"}',
        after='data: {"type":"response.failed","response":{"error":{…},…}}',
        evidence=(
            "https://github.com/SaladDay/cc-switch-cli/issues/170",
            "measured: the AI SDK and Codex 0.169",
        ),
        codes=("responses.stream.chat-chunks", "responses.body.is-chat"),
    ),
    _told(
        number=149,
        name="silent-truncation",
        wires=_ALL,
        side="reply",
        who="Ollama with a small num_ctx, Z.ai, Xiaomi MiMo.",
        symptom="The model forgets what it was told, and nothing says why.",
        mend="None: a prompt that was cut off upstream cannot be brought back. Raise the server's context window.",
        before='{"usage":{"prompt_tokens":4096}} for a prompt of 30000',
        after='{"usage":{"prompt_tokens":4096}} for a prompt of 30000',
        evidence=("source: pi-ai 1.5.2, utils/overflow.js",),
    ),
)
