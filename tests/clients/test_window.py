"""What agents do when the guard tells them that their prompt is too long: they make room, or say so at once.

The window is that of the rules, so the provider never hears of it. What Claude Code sends before its first turn has
some 18,000 tokens by the guard's count, and each answer of its tool 4,000 more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.clients.running import ANSWER, Runner, is_turn
from tests.lab import Answer, Mitm, Upstream, provider
from tests.lab.replies import messages_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

CALLS: Final = 5
"""How often the model calls its tool; with the fourth answer the prompt is longer than the window."""

RULES: Final = """
providers:
  lab:
    base_url: '{url}'
    key: client
    models: {{claude-sonnet-4-5: {{context_window: 34000}}, gpt-5.1-codex: {{context_window: 1000}}}}
default: lab
"""


class Model:
    """Calls the tool a few times, for lines enough to fill the window; then it answers."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.sizes: list[int] = []

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request; those beside the turns are answered well."""
        if request.method == "HEAD":
            reply.json(200, {})
            return
        if not is_turn(request):
            provider(answer=Answer(text=ANSWER))(request, reply)
            return
        self.sizes.append(len(request.body))
        number = len(self.sizes)
        if number > CALLS:
            provider(answer=Answer(text=ANSWER))(request, reply)
            return
        line = f'for i in $(seq 1 800); do echo "line $i of what call {number} prints"; done'
        reply.head(200, [("content-type", "text/event-stream")])
        for event in messages_events(Answer(tool=("Bash", {"command": line, "description": "Print"}))):
            reply.send(event.replace(b"_lab1", b"_lab%d" % number))  # each has ids of its own
        reply.end()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as one:
        yield one


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as one:
        yield one


def turns(proxy: Mitm, model: str) -> list[dict[str, Any]]:
    return [row for row in proxy.calls() if row["asked"] == model and row["path"].endswith(("/messages", "/responses"))]


def test_claude_code_compacts_and_goes_on(agents: Path, tmp_path: Path, upstream: Upstream, proxy: Mitm) -> None:
    upstream.script = model = Model()
    said = Runner(agents, None, tmp_path).at("claude", proxy.gateway)
    assert ANSWER in said
    assert "too long" not in said
    rows = turns(proxy, "claude-sonnet-4-5")
    refused = next(at for at, row in enumerate(rows) if row["status"] == 400)
    assert refused == CALLS - 1
    assert "the context window of lab/claude-sonnet-4-5 is 34,000" in rows[refused]["error"]
    assert rows[-1]["status"] == 200
    before, behind = model.sizes[refused - 1], model.sizes[refused:]
    assert behind, said
    assert behind[0] < before  # what it asks next is a summary of the earlier part alone


def test_codex_says_that_its_context_is_full_and_asks_no_more(
    agents: Path, tmp_path: Path, upstream: Upstream, proxy: Mitm
) -> None:
    upstream.script = provider()
    upstream.forget()
    said = Runner(agents, None, tmp_path).at("codex", proxy.gateway)
    assert "ran out of room in the model's context window" in said
    assert [(row["status"], bool(row["error"])) for row in turns(proxy, "gpt-5.1-codex")] == [(200, True)]
    assert [request for request in upstream.requests if is_turn(request)] == []
