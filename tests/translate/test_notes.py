"""The notes of an exchange tell its differences, and nothing else (G5).

Written out is what of each request the other wire has no place for, by the pointer into the client's own body. All
other requests are heard whole, and no note says otherwise; the same holds for the replies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.translate.exchanges import EXCHANGES
from tests.translate.kit import Direction, chunks_of
from tests.translate.said import DIRECTIONS, Wire
from wiremend.pipeline.translate import DIFFERENCES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.notes import Note

type Told = frozenset[tuple[str, str]]

KEY: Final = "prompt_cache_key"
COUNTED: Final = ("usage-trailing", "usage-in-choice", "usage-with-finish")
MARK: Final[Told] = frozenset({("lost", "/messages/0/content/0/cache_control")})

REQUESTS: Final[dict[tuple[Wire, Wire], dict[str, set[tuple[str, str]]]]] = {
    ("messages", "chat"): {
        "structured-output": {("invented", "/output_config/format")},  # a schema needs a name there
        "tool-result-with-image": {
            ("approximated", "/messages/2/content/0/content/1"),
            ("invented", "/messages/2/content"),
        },
        **{name: set(MARK) for name in COUNTED},
    },
    ("messages", "responses"): {
        "thinking-then-text": {("approximated", "/thinking")},  # a budget is said as an effort
        "structured-output": {("invented", "/output_config/format")},
        "stop-sequence": {("lost", "/stop_sequences")},
        **{name: set(MARK) for name in COUNTED},
    },
    ("chat", "messages"): {
        "thinking-then-text": {("approximated", "/reasoning_effort")},
        "structured-output": {("lost", "/response_format/json_schema")},
        "custom-tool": {("approximated", "/tools/0")},
        **{name: {("lost", f"/{KEY}")} for name in COUNTED},
    },
    ("chat", "responses"): {"stop-sequence": {("lost", "/stop")}},
    ("responses", "messages"): {
        "thinking-then-text": {("approximated", "/reasoning")},
        "structured-output": {("lost", "/text/format")},
        "custom-tool": {("approximated", "/tools/0")},
        **{name: {("lost", f"/{KEY}")} for name in COUNTED},
    },
    ("responses", "chat"): {
        "thinking-then-text": {("lost", "/reasoning")},  # how much of it is to be shown
        "custom-tool": {("approximated", "/tools/0")},
        "tool-result-with-image": {("approximated", "/input/4/output/1"), ("invented", "/input/4")},
    },
}
"""(client, upstream) -> exchange -> kind and pointer of what the provider does not hear as it was said."""

REPLIES: Final = {"citations", "refusal", "stop-sequence"}
"""Exchanges whose replies not every wire can tell: addresses of sources, a refusal's words, the sequence itself."""

WAYS = [
    (name, client, upstream)
    for client, upstream in DIRECTIONS
    for name, exchange in EXCHANGES.items()
    if client in exchange.asks
]
LEAVES: Final = ("/thinking", "/reasoning", "/tools/0", "/output_config/format", "/text/format")
BROKEN: Final = {"cut", "error-in-mid-stream", "error-status"}


def told(notes: Iterable[Note]) -> set[tuple[str, str]]:
    """Give the differences that notes tell; of what is one thing to a reader, the place of the whole."""
    found: set[tuple[str, str]] = set()
    for note in notes:
        if note.kind in DIFFERENCES:
            whole = next((leaf for leaf in LEAVES if note.where.startswith(f"{leaf}/")), note.where)
            where = "/thinking" if whole == "/output_config/effort" else whole
            found.add((note.kind, where.removesuffix("/name")))
    return found


@pytest.mark.parametrize(("name", "client", "upstream"), WAYS)
def test_the_notes_of_a_request_are_its_differences(name: str, client: Wire, upstream: Wire) -> None:
    sent = Direction(client, upstream).asks(EXCHANGES[name])
    assert told(sent.notes) == REQUESTS[client, upstream].get(name, set())


@pytest.mark.parametrize(("name", "client", "upstream"), [way for way in WAYS if way[0] not in REPLIES | BROKEN])
def test_a_reply_that_both_wires_can_tell_has_no_note_of_a_difference(name: str, client: Wire, upstream: Wire) -> None:
    exchange, way = EXCHANGES[name], Direction(client, upstream)
    chunks, kind = chunks_of(exchange.reply, upstream)
    assert told(way.down(way.asks(exchange), chunks, kind=kind).notes) == set()


@pytest.mark.parametrize(("name", "client", "upstream"), WAYS)
def test_each_note_says_what_and_why_in_words(name: str, client: Wire, upstream: Wire) -> None:
    for note in Direction(client, upstream).asks(EXCHANGES[name]).notes:
        assert note.what
        assert note.why.startswith(f"{client} -> {upstream}")
        assert note.where.startswith("/")
