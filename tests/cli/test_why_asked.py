"""``wiremend why`` tells which model was asked for a preference, what it said, and what that cost."""

from __future__ import annotations

from tests.explain.kit import explained
from wiremend.cli.why import _steps
from wiremend.notes import Note

RULES = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}}\ndefault: lab/usual\n"


def test_who_was_asked_is_a_step_of_its_own() -> None:
    asked = Note(
        "asked", "", "router", "lab/judge was asked which preference fits in vain, in 2.00 s", "it answered 429"
    )
    tried = Note("retried", "", "status", "lab: busy", "again in 1.0 s")
    shown = ["".join(text for text, _ in line) for line in _steps(explained(RULES), [asked, tried], 200)]
    assert "  asked     lab/judge was asked which preference fits in vain, in 2.00 s (it answered 429)" in shown
    assert "  tried     lab: busy (again in 1.0 s)" in shown
