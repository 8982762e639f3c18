"""Whether a model's context window can hold a request at all: where it surely cannot, the model is not asked.

Nobody but the provider knows how many tokens a prompt has, so this counts what it has at the very least, and a model is
held to be too small only where even that is too much. Counted are the characters of the prompt's text, runs of white
space and of rules (``-----``) as one, and a token is as many as six of them: English has four or five to a token, code
fewer, and other scripts fewer still. What a provider may leave out counts nothing: thinking of earlier turns and its
signatures, images and documents. Nor does the answer, though some providers want room for it.

A request that asks the provider to make it fit (``truncation: auto``, edits of the context) fits anywhere.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

CHARACTERS: Final = 6
"""How many characters a token may stand for at most."""

_PROMPT: Final = ("system", "messages", "tools", "functions", "instructions", "input", "prompt")
_RULES: Final = re.compile(r"[-=*#_.~+|]{4,}")
_LEFT_OUT: Final = frozenset(
    {
        *("thinking", "redacted_thinking", "reasoning"),
        *("image", "document", "image_url", "input_image", "file", "input_file", "input_audio"),
    }
)
"""Types of parts that may count nothing, or less than their text."""
_NAMES_LEFT_OUT: Final = frozenset(
    {"thinking", "reasoning", "reasoning_content", "reasoning_details", "signature", "encrypted_content", "image_url"}
)
_HARMLESS_EDIT: Final = "clear_thinking"


def too_long(body: bytes | None, window: int) -> int | None:
    """Count the tokens that a request has at the very least, where they are more than a window; None where it may fit.

    ``body`` is its JSON text, of any wire. What has no more bytes than the window may have characters is not read,
    which would take 20 ms a megabyte. Never raises.
    """
    if not body or len(body) <= window * CHARACTERS:
        return None
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not isinstance(document, dict) or _is_shortened(document):
        return None
    texts = _texts(document)
    if sum(map(len, texts)) <= window * CHARACTERS:
        return None
    least = sum(len(_RULES.sub("-", " ".join(text.split()))) for text in texts) // CHARACTERS
    return least if least > window else None


def _is_shortened(document: dict[str, Any]) -> bool:
    """Tell whether the provider is asked to leave out what does not fit."""
    if document.get("truncation") == "auto" or document.get("transforms"):
        return True
    managed = document.get("context_management")
    edits = managed.get("edits") if isinstance(managed, dict) else managed
    return bool(edits) and not (isinstance(edits, list) and all(_is_harmless(edit) for edit in edits))


def _is_harmless(edit: object) -> bool:
    kind = edit.get("type") if isinstance(edit, dict) else None
    return isinstance(kind, str) and kind.startswith(_HARMLESS_EDIT)


def _texts(document: dict[str, Any]) -> list[str]:
    """Give all text of the prompt that surely counts."""
    found: list[str] = []
    pending: list[Any] = [document[name] for name in _PROMPT if name in document]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            kind = value.get("type")
            if not (isinstance(kind, str) and kind in _LEFT_OUT):
                pending += [member for name, member in value.items() if name not in _NAMES_LEFT_OUT]
    return found
