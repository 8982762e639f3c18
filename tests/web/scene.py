"""What the pages are looked at with: a mitmweb, providers that misbehave on each wire, and five calls.

Each provider gets a key of its own, which no client has sent. The clients have one in common.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.secrets_kit import Vault
from tests.e2e.web_kit import Web
from tests.lab import Answer, Client, Reply, Request, Upstream, table
from tests.lab.quirky import chat_one, messages_ten, responses_ten, serving
from tests.lab.replies import messages_events

if TYPE_CHECKING:
    from collections.abc import Iterator

VAULT: Final = Vault()
CLIENT: Final = VAULT.key("client", "sk-proj-")
KEYS: Final = {name: VAULT.key(name, "sk-") for name in ("MESSAGES_KEY", "CHAT_KEY", "RESPONSES_KEY")}
"""The providers' own, by the variables that they come from."""

ASKED: Final = "Is it windy in Zürich?"
SAID: Final = "I look it up: one moment."
ANSWER: Final = Answer(text=SAID, tool=("get_weather", {"city": "Zürich", "unit": "km/h"}))
BEFORE: Final = "Half of an answer"
"""What the provider that is cut had said by then."""

RULES: Final = """
providers:
  messy: {{base_url: '{url}/messages/v1', speaks: [messages], key: $MESSAGES_KEY}}
  chatty: {{base_url: '{url}/chat/v1', speaks: [chat], key: $CHAT_KEY}}
  responsive: {{base_url: '{url}/responses/v1', speaks: [responses], key: $RESPONSES_KEY}}
  brittle: {{base_url: '{url}/brittle/v1', speaks: [messages], key: $MESSAGES_KEY}}
routes:
- {{when: {{model: claude-*}}, to: messy/{model}}}
- {{when: {{model: gpt-c*}}, to: chatty}}
- {{when: {{model: gpt-r*}}, to: responsive}}
- {{when: {{model: cut-*}}, to: brittle}}
"""


@dataclass(frozen=True)
class Call:
    """A call that was made: the flow's id, the events that the provider sent, the body that the client got."""

    flow: str
    sent: int
    got: bytes

    @property
    def given(self) -> int:
        """The number of events that the client got; comments, which keep a connection open, are none."""
        return sum(1 for block in self.got.split(b"\n\n") if re.search(rb"^data:", block, re.MULTILINE))


@dataclass(frozen=True)
class Scene:
    """A mitmweb, its upstream, and the calls by name: ``messages``, ``chat``, ``responses``, ``refused``, ``cut``."""

    upstream: Upstream
    web: Web
    calls: dict[str, Call]

    def rules(self, model: str) -> str:
        """Give the rules, with the model that the messages wire is sent to."""
        return RULES.format(url=self.upstream.url, model=model)


EVENTS: Final = {
    "messages": messages_ten(ANSWER),
    "chat": chat_one("finish-reason-never")(ANSWER),
    "responses": responses_ten(ANSWER),
    "refused": [],
    "cut": messages_events(Answer(text=BEFORE))[:7],
}
"""What the providers stream."""

_TURN: Final = [{"role": "user", "content": ASKED}]
BODIES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "messages": ("/v1/messages", {"model": "claude-windy", "max_tokens": 64, "messages": _TURN}),
    "chat": ("/v1/chat/completions", {"model": "gpt-c", "messages": _TURN}),
    "responses": ("/v1/responses", {"model": "gpt-r", "input": ASKED}),
    "refused": ("/v1/messages", {"model": "nobodys", "max_tokens": 64, "messages": _TURN}),
    "cut": ("/v1/messages", {"model": "cut-short", "max_tokens": 64, "messages": _TURN}),
}
"""Path and body of each call."""


def _cut(_: Request, reply: Reply) -> None:
    reply.head(200, [("content-type", "text/event-stream")])
    for event in EVENTS["cut"]:
        reply.send(event)
    reply.cut()


SCRIPT: Final = table(
    {
        "/messages/v1/messages": serving(messages_ten, "application/json")(ANSWER),
        "/chat/v1/chat/completions": serving(chat_one("finish-reason-never"))(ANSWER),
        "/responses/v1/responses": serving(responses_ten, "application/json")(ANSWER),
        "/brittle/v1/messages": _cut,
    }
)


@contextmanager
def scene() -> Iterator[Scene]:
    """Start all, and make the calls."""
    with Upstream(SCRIPT) as upstream, Web(RULES.format(url=upstream.url, model="kimi-one"), env=KEYS) as web:
        calls: dict[str, Call] = {}
        for name, (path, body) in BODIES.items():
            got = ask(web, path, {**body, "stream": True})
            (flow,) = {one["id"] for one in web.flows()} - {call.flow for call in calls.values()}
            calls[name] = Call(flow, len(EVENTS[name]), got)
        web.wait_calls(len(calls))
        yield Scene(upstream, web, calls)


def ask(web: Web, path: str, body: object) -> bytes:
    """Ask as a client does that has one key for all; gives the body that it got."""
    headers = {
        "host": f"127.0.0.1:{web.port}",
        "content-type": "application/json",
        "authorization": f"Bearer {CLIENT}",
    }
    with Client.plain(web.port) as client:
        return client.request("POST", path, headers, json.dumps(body, ensure_ascii=False).encode()).read()
