"""Betas and queries that a host refuses are taken away, and nothing else."""

from __future__ import annotations

import pytest

from tests.quirks.fields_kit import draft_of, quirk_of, scope
from tests.quirks.refusals_headers import REFUSALS
from wiremend.headers import Headers

NAME = "beta-header-rejected"
CLAUDE_CODE = (
    "claude-code-20250219,fine-grained-tool-streaming-2025-05-14,context-1m-2025-08-07,"
    "prompt-caching-scope-2026-01-05,effort-2025-11-24"
)


@pytest.mark.parametrize(
    ("host", "left"),
    (
        ("api.minimax.io", "claude-code-20250219, prompt-caching-scope-2026-01-05, effort-2025-11-24"),
        (
            "europe-west1-aiplatform.googleapis.com",
            "claude-code-20250219, fine-grained-tool-streaming-2025-05-14, context-1m-2025-08-07, effort-2025-11-24",
        ),
        ("relay.example", "claude-code-20250219, effort-2025-11-24"),
    ),
)
def test_only_what_the_host_refuses_is_dropped(host: str, left: str) -> None:
    headers = Headers((("Host", host), ("anthropic-beta", CLAUDE_CODE), ("x-app", "cli")))
    assert REFUSALS[NAME]({}, headers) is not None
    draft = draft_of(NAME, b"{}", scope(NAME, host=host), headers)
    assert draft.headers == Headers((("Host", host), ("anthropic-beta", left), ("x-app", "cli")))
    assert REFUSALS[NAME]({}, draft.headers) is None
    assert [note.where for note in draft.notes] == ["header:anthropic-beta"]


def test_the_note_names_what_was_dropped() -> None:
    headers = Headers((("anthropic-beta", "a, context-1m-2025-08-07"), ("Anthropic-Beta", "context-1m-2025-08-07,b")))
    draft = draft_of(NAME, b"{}", None, headers)
    assert draft.headers.joined("anthropic-beta") == "a, b"
    assert "context-1m-2025-08-07" in draft.notes[0].what
    assert draft.notes[0].kind == "lost"


def test_a_header_with_nothing_left_goes() -> None:
    headers = Headers((("anthropic-beta", "context-1m-2025-08-07"), ("x-app", "cli")))
    draft = draft_of(NAME, b"{}", scope(NAME, host="api.minimax.io"), headers)
    assert draft.headers == Headers((("x-app", "cli"),))


@pytest.mark.parametrize("betas", ("", "claude-code-20250219", "my-context-1m-2025-08-07"))
def test_a_header_without_them_stays(betas: str) -> None:
    headers = Headers((("anthropic-beta", betas),))
    draft = draft_of(NAME, b"{}", None, headers)
    assert draft.headers is headers
    assert draft.notes == []


@pytest.mark.parametrize(
    ("target", "left"),
    (
        ("/v1/messages?beta=true", "/v1/messages"),
        ("/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens"),
        ("/v1/messages?a=1&beta=true&b=%20", "/v1/messages?a=1&b=%20"),
        ("/v1/messages?beta=false", "/v1/messages?beta=false"),
        ("/v1/messages?alphabeta=true", "/v1/messages?alphabeta=true"),
        ("/v1/messages", "/v1/messages"),
        ("/v1/messages?", "/v1/messages?"),
        ("/beta=true", "/beta=true"),
    ),
)
def test_the_query_is_rid_of_beta(target: str, left: str) -> None:
    mend = quirk_of("path-beta-query").target
    assert mend is not None
    assert mend(target) == left
    assert mend(left) == left
