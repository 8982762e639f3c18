"""What agents put around a user's words, in the user's own turns. None of it is said by the user.

The table is the code: what stands here is taken out before anybody asks what a turn is about. An agent that has
something new to say in the user's name gets a line here. Read off the agents' own programs, 2026-11: Claude Code
2.1.197, Codex 0.169.0, OpenCode 1.18.33, qwen-code 0.15.10, kimi-code 2.1.0, pi, Cline, Hermes 0.19.0.
"""

from __future__ import annotations

import re
from typing import Final

ENCLOSED: Final[dict[str, tuple[str, ...]]] = {
    "Claude Code, OpenCode, qwen-code, kimi-code": ("system-reminder",),
    "Claude Code, a slash command": ("command-name", "command-message", "command-args", "command-contents"),
    "Claude Code, what ran in its prompt": (
        "local-command-stdout",
        "local-command-stderr",
        "local-command-caveat",
        "bash-input",
        "bash-stdout",
        "bash-stderr",
        "bash-exit-code",
    ),
    "Claude Code, hooks, tasks, editors": (
        "user-prompt-submit-hook",
        "task-notification",
        "teammate-message",
        "new-diagnostics",
        "persisted-output",
        "fork-boilerplate",
        "user-memory-input",
        "ide_selection",
        "ide_opened_file",
    ),
    "Claude Code, its request for a title": ("session",),
    "Codex": (
        "environment_context",
        "user_instructions",
        "INSTRUCTIONS",
        "permissions instructions",
        "apps_instructions",
        "collaboration_mode",
        "context_window_reminder",
        "recommended_plugins",
        "user_action",
        "user_shell_command",
        "subagent_notification",
        "turn_aborted",
    ),
    "Codex, pi": ("skill",),
    "kimi-code": ("git-context", "skill-loaded", "notification", "hook_result", "cron-fire"),
    "Cline": ("environment_details", "file_content", "hook_context"),
    "pi, OpenCode: a file that is attached": ("file",),
    "pi, qwen-code: what was compacted": ("summary", "state_snapshot"),
    "OpenCode: what is to be compacted": ("conversation",),
    "Hermes": ("memory-context", "untrusted_tool_result"),
}
"""Who sends it -> the tags that enclose it. A tag may have attributes; one that nothing closes is the user's own."""

WRAPPERS: Final[dict[str, tuple[str, ...]]] = {
    "Cline": ("user_input", "task", "feedback", "user_message"),
}
"""Who sends it -> tags around what the user did say: the tags go, and the words stay."""

OPENINGS: Final[dict[str, tuple[str, ...]]] = {
    "Claude Code, on a turn that was broken off": ("[Request interrupted by user",),
    "Claude Code, before what ran in its prompt": ("Caveat: The messages below",),
    "Claude Code, compacting": ("This session is being continued from", "Your task is to create a detailed summary"),
    "Codex, a project's AGENTS.md": ("# AGENTS.md instructions",),
    "Codex, compacting": ("You are performing a CONTEXT CHECKPOINT", "Another language model started"),
    "OpenCode, a file that is attached": ("Called the Read tool with", "Called the List tool with"),
    "OpenCode, compacting": ("Create a new anchored summary", "What did we do so far?"),
    "OpenCode, after compacting": ("Continue if you have next steps",),
    "qwen-code, at the start": ("This is the Qwen Code.",),
    "kimi-code, compacting": ("The conversation so far has been compacted",),
    "pi, compacting": (
        "The conversation history before this point was compacted",
        "The following is a summary of a branch",
    ),
    "OpenClaw, beside each turn": ("<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>",),
    "Hermes, compacting": ("[CONTEXT COMPACTION", "[CONTEXT SUMMARY]"),
}
"""Who sends it -> how a text begins that is all the agent's."""

ERRANDS: Final[dict[str, tuple[str, ...]]] = {
    "OpenCode, its request for a title": ("Generate a title for this conversation",),
}
"""Who sends it -> how a text begins which tells that the whole request is the agent's own."""


def _names(table: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for names in table.values() for name in names)


_ENCLOSED: Final = frozenset(_names(ENCLOSED))
_OPENING: Final = re.compile(
    rf"<({'|'.join(re.escape(name) for name in sorted(_ENCLOSED))})(?:\s[^<>]{{0,400}})?>", re.ASCII
)
_WRAPPER: Final = re.compile(rf"</?(?:{'|'.join(sorted(_names(WRAPPERS)))})(?:\s[^<>]{{0,400}})?>", re.ASCII)
_OPENINGS: Final = _names(OPENINGS)
_ERRANDS: Final = _names(ERRANDS)


def is_errand(text: str) -> bool:
    """Tell whether a text of the user's role makes its request one of the agent's own."""
    return text.lstrip().startswith(_ERRANDS)


def without_furniture(text: str) -> str:
    """Give what the user said in a text; "" where all of it is the agent's."""
    if text.lstrip().startswith(_OPENINGS):
        return ""
    if "<" not in text:
        return text
    kept: list[str] = []
    at = 0
    unclosed: set[str] = set()
    while (tag := _OPENING.search(text, at)) is not None:
        closing = f"</{tag[1]}>"
        end = text.find(closing, tag.end()) if tag[1] not in unclosed else -1
        kept.append(text[at : tag.start()] if end >= 0 else text[at : tag.end()])
        if end < 0:
            unclosed.add(tag[1])
        at = end + len(closing) if end >= 0 else tag.end()
    kept.append(text[at:])
    said = _WRAPPER.sub(" ", "".join(kept))
    return "" if said.lstrip().startswith(_OPENINGS) else said
