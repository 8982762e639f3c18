"""mitmweb in a real browser, where the provider speaks another wire: the list, both sides' views, the commands.

The request as it left is of the provider's wire, the reply that the client got of its own; the events' view has both.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.web_kit import Web
from tests.lab import Answer, Upstream
from tests.lab.replies import chat_events, messages_events, responses_events
from tests.web.browser import NARROW
from tests.web.mitmweb import MitmWeb
from tests.web.scene import KEYS, VAULT, Call, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request
    from tests.web.browser import Browser

pytestmark = [pytest.mark.web, pytest.mark.timeout(600)]  # the first test may have to fetch the browser

ASKED: Final = "Is it windy in Zürich?"
SAID: Final = "I look it up: one moment."
ANSWER: Final = Answer(text=SAID, tool=("get_weather", {"city": "Zürich"}))
EVENTS: Final = {
    "/m/v1/messages": messages_events(ANSWER),
    "/c/v1/chat/completions": chat_events(ANSWER),
    "/r/v1/responses": responses_events(ANSWER),
}
RULES: Final = """
providers:
  anthropic-like: {{base_url: '{url}/m/v1', speaks: [messages], key: $MESSAGES_KEY}}
  openai-like: {{base_url: '{url}/c/v1', speaks: [chat], key: $CHAT_KEY}}
  codex-like: {{base_url: '{url}/r/v1', speaks: [responses], key: $RESPONSES_KEY}}
routes:
- {{when: {{model: to-messages}}, to: anthropic-like}}
- {{when: {{model: to-chat}}, to: openai-like}}
- {{when: {{model: to-responses}}, to: codex-like}}
"""
_TURN: Final = [{"role": "user", "content": ASKED}]
_TOOL: Final = {"type": "object", "properties": {"city": {"type": "string"}}}
_ON_MESSAGES: Final = {
    "max_tokens": 64,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": _TURN,
    "tools": [{"name": "get_weather", "input_schema": _TOOL}],
}
CALLS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "messages-chat": ("/v1/messages", {"model": "to-chat", **_ON_MESSAGES}),
    "responses-messages": ("/v1/responses", {"model": "to-messages", "input": ASKED, "truncation": "auto"}),
    "chat-responses": ("/v1/chat/completions", {"model": "to-responses", "messages": _TURN, "seed": 7}),
    "refused": ("/v1/responses", {"model": "to-chat", "input": ASKED, "previous_response_id": "resp_1"}),
}
"""Path and body of each call, by the wires of the client and of the provider."""


@dataclass(frozen=True)
class Stage:
    """A mitmweb, and the calls by name."""

    web: Web
    calls: dict[str, Call]


@pytest.fixture(scope="module")
def translated(browser: Browser) -> Iterator[Stage]:  # noqa: ARG001 - where there is no browser, nothing is started
    def script(request: Request, reply: Reply) -> None:
        reply.events(EVENTS[request.path])

    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(script))
        web = stack.enter_context(Web(RULES.format(url=upstream.url), env=KEYS))
        calls: dict[str, Call] = {}
        for name, (path, body) in CALLS.items():
            got = ask(web, path, {**body, "stream": True})
            (flow,) = {one["id"] for one in web.flows()} - {call.flow for call in calls.values()}
            asked = name.partition("-")[2]
            calls[name] = Call(flow, next((len(EVENTS[path]) for path in EVENTS if asked and asked in path), 0), got)
        web.wait_calls(len(calls))
        yield Stage(web, calls)


@pytest.fixture
def mitmweb(translated: Stage, browser: Browser, shots: Path) -> Iterator[MitmWeb]:
    with browser.page(shots) as page:
        yield MitmWeb(translated.web, page)


def test_the_list_says_what_was_lost(mitmweb: MitmWeb) -> None:
    mitmweb.open()
    rows = mitmweb.rows(len(CALLS))[: len(CALLS)]
    mitmweb.page.shot("translated-list")
    mitmweb.page.resize(*NARROW)
    mitmweb.page.shot("translated-list-narrow")
    first, second, third, refused = rows
    assert first.comment.startswith("lost: cache_control")
    assert "to-chat → openai-like/to-chat" in first.comment
    assert "truncation" in second.comment
    assert "seed" in third.comment
    assert refused.comment.startswith("failed: /previous_response_id")
    assert (refused.marker, refused.status) == ("❌", "400")
    assert all("11 in, 7 out" in row.comment for row in (first, second, third))


@pytest.mark.parametrize("name", [name for name in CALLS if "-" in name])
def test_each_side_is_shown_on_its_own_wire(name: str, mitmweb: MitmWeb, translated: Stage) -> None:
    client, upstream = name.split("-")
    call = translated.calls[name]
    mitmweb.open(call.flow, "request")
    asked = mitmweb.shown(ASKED)
    mitmweb.page.shot(f"{name}-request-conversation")
    assert asked.splitlines()[0].startswith(f"{upstream} · to-{upstream}")
    mitmweb.open(call.flow, "response")
    said = mitmweb.shown(SAID)
    mitmweb.page.shot(f"{name}-response-conversation")
    assert "→ get_weather" in said
    assert '"city": "Zürich"' in said
    events = mitmweb.choose("LLM events", "translated into")
    mitmweb.page.shot(f"{name}-response-events")
    assert f"{call.sent} events in {call.sent} chunks from the provider, on the {upstream} wire" in events
    assert re.search(rf"translated into {call.given} events in \d+ chunks to the client, on the {client} wire", events)
    assert "✗" not in events
    difference = mitmweb.choose("LLM diff", "what the client got")
    mitmweb.page.shot(f"{name}-response-diff")
    assert difference.splitlines()[:2] == ["- what the provider sent", "+ what the client got"]
    assert f"translated from the {upstream} wire to the {client} wire" in difference
    assert "is dropped" not in difference
    mitmweb.open(call.flow, "request")
    assert "what left for the provider" in mitmweb.choose("LLM diff", "what left for the provider")
    mitmweb.page.shot(f"{name}-request-diff")


def test_commands_tell_of_it(mitmweb: MitmWeb, translated: Stage) -> None:
    flow = translated.calls["messages-chat"].flow
    mitmweb.open(flow, "response", bar=True)
    told = mitmweb.command(f"wiremend.explain @{flow}")
    mitmweb.page.shot("translated-command-explain")
    assert any("messages → chat: translated" in line for line in told)
    assert any("/system/0/cache_control" in line for line in told)
    told = mitmweb.command(f"wiremend.diff @{flow}")
    mitmweb.page.shot("translated-command-diff")
    assert any("/v1/chat/completions" in line for line in told)
    assert any("translated from the chat wire to the messages wire" in line for line in told)


def test_the_providers_keys_are_in_no_flow(mitmweb: MitmWeb, translated: Stage) -> None:
    for call in translated.calls.values():
        mitmweb.open(call.flow, "request")
        assert VAULT.told(mitmweb.shown("").encode()) == set()
    assert VAULT.told(json.dumps(translated.web.flows()).encode()) <= {"client"}
