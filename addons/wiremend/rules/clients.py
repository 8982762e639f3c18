"""Which agent sent a request: by its User-Agent.

Measured on loopback, 2026-11, with the versions named in the table's comments; the names are what ``when: {client: …}``
matches. An agent that is not listed goes by the first word of its User-Agent in lower case (``openai/python``), so that
rules can name it all the same.
"""

from __future__ import annotations

import re

_AGENTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("hermes", r"claude-code/0\.1\.0\b"),  # Hermes 0.19.0 at api.kimi.com; Claude Code itself is claude-cli/…
        ("claude-code", r"claude-cli/|claude-code/"),  # claude-cli/2.1.197 (external, sdk-cli)
        ("codex", r"codex[_-]|codex/"),  # codex_exec/0.169.0 (…), codex_cli_rs/…
        ("opencode", r"opencode/"),  # opencode/1.18.33 ai-sdk/… runtime/bun/…
        ("qwen-code", r"QwenCode/"),  # QwenCode/0.15.10 (linux; x64)
        ("kimi-code", r"kimi-code-cli/"),  # kimi-code-cli/2.1.0
        ("kimi-cli", r"KimiCLI/"),  # KimiCLI/1.49
        ("hermes", r"hermes-agent/|HermesAgent/"),  # hermes-agent/1.0
        ("gemini-cli", r"GeminiCLI/"),
        ("cline", r"Cline/"),
        ("roo-code", r"RooCode/"),
        ("kilo-code", r"Kilo-?Code/"),
        ("aider", r"aider/|Aider/"),
        ("goose", r"goose/"),
        ("crush", r"Charm-Crush/|crush/"),
    )
)

_ASYNC = re.compile(r"\Aasync(?=(?:openai|anthropic)/)")
"""The official SDKs' asynchronous clients (``AsyncOpenAI/Python``) behave as the others do."""

KNOWN: tuple[str, ...] = tuple(dict.fromkeys(name for name, _ in _AGENTS))
"""The names of the agents that are told apart."""


def client_of(user_agent: str | None) -> str | None:
    """Name the agent behind a User-Agent; None where there is none."""
    if not user_agent:
        return None
    for name, pattern in _AGENTS:
        if pattern.match(user_agent):
            return name
    product = user_agent.split("/", 1)[0] if "/" in user_agent else user_agent.split(" ", 1)[0]
    word = re.match(r"[^\s(]+", user_agent)
    text = word.group() if word else product
    named = re.sub(r"/[v\d][^/]*$", "", text).lower()
    return _ASYNC.sub("", named) or None
