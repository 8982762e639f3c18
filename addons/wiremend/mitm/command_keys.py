"""The keys of mitmproxy's console, and the columns of mitmweb: put there where the user has nothing else in the place.

All keys are Alt and a letter (``meta`` in ``keys.yaml``), which mitmproxy leaves free. ``keys.yaml`` is read after us,
so what the user binds there wins.
"""

from __future__ import annotations

from typing import Any, Final

from mitmproxy import ctx

CONTEXTS: Final = ("flowlist", "flowview")

KEYS: Final[tuple[tuple[str, str, str], ...]] = (
    ("meta e", "wiremend.explain @focus", "Explain what became of this LLM call"),
    ("meta d", "wiremend.diff @focus", "Client side against upstream side"),
    ("meta m", "wiremend.diff @marked", "Two marked LLM calls against each other"),
    ("meta r", "wiremend.resend @focus", "Send the client's request again, by today's rules"),
    ("meta t", "console.command wiremend.try", "Send it to another PROVIDER/MODEL"),
    ("meta a", "console.command wiremend.case.add @focus", "Keep this LLM call as a case"),
    ("meta b", "console.command wiremend.bundle @focus", "Make an archive of this LLM call to attach to a report"),
)
"""Key, command, help."""

_COLUMNS: Final = "web_columns"


def bind_keys() -> None:
    """Bind our keys in the console; elsewhere there are none."""
    keymap: Any = getattr(ctx.master, "keymap", None)
    if keymap is None:
        return
    for key, command, told in KEYS:
        free = [context for context in CONTEXTS if keymap.get(context, key) is None]
        if free:
            keymap.add(key, command, free, told)


def add_column() -> None:
    """Show comments in mitmweb's list, unless the user chose the columns."""
    if _COLUMNS not in ctx.options:
        return
    columns = list(getattr(ctx.options, _COLUMNS))
    if columns == list(ctx.options.default(_COLUMNS)) and "comment" not in columns:
        ctx.options.update(**{_COLUMNS: [*columns, "comment"]})
