"""A router model on loopback, and the rules that a question to it is asked under."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mitmproxy.test import taddons

from tests.lab import Answer, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.replies import chat_body
from wiremend.headers import Headers
from wiremend.mitm.asking import ask
from wiremend.pipeline.outcome import ClientRequest
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Reply, Request, Script
    from wiremend.mitm.asking import Asked

KEY = "FAKE-of-no-family-0123456789abcdef"
OWN = "sk-ant-api03-FAKEclientsown0123456789"
BODY = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "is this diff sound?"}]}).encode()
TURNS = ("is this diff sound?", "hello")

RULES = """
providers:
  small: {{base_url: '{url}/v1', key: {key}, speaks: [chat, messages], {more}}}
  big: {{base_url: http://127.0.0.1:9/v1, auth: none}}
preferences:
  router: small/judge-1
  timeout: {timeout}
  choices:
    - {{name: code_review, description: finding bugs in code, models: [big/one]}}
    - {{name: creative_writing, description: stories, models: [big/two]}}
edits:
  - {{when: {{provider: small}}, set: {{/user: router}}, headers: {{X-Team: lab}}}}
"""


def request(headers: tuple[tuple[str, str], ...] = (), host: str | None = None, body: bytes = BODY) -> ClientRequest:
    fields = Headers((("content-type", "application/json"), ("user-agent", "claude-cli/2.1.197"), *headers))
    return ClientRequest(
        "proxy" if host else "gateway", "POST", "https", host, 443, "/v1/messages?beta=true", fields, body
    )


class Room:
    """mitmproxy's context, and the rules that a question is asked under."""

    def __init__(self, url: str, *, timeout: str = "15s", key: str = "$ROUTER_KEY", more: str = "") -> None:
        """Say where the router is, and what else its provider has."""
        self.rules = RULES.format(url=url, timeout=timeout, key=key, more=more)
        self.environ = {"ROUTER_KEY": KEY}

    def ask(self, asked: ClientRequest | None = None, **options: object) -> Asked:
        resolved = load_rules(self.rules, "rules.yaml", self.environ).resolved
        preferences, asked = resolved.rules.preferences, asked or request()
        assert preferences is not None
        with taddons.context() as context:
            context.options.update(**options)
            return asyncio.run(ask(asked, TURNS, preferences, resolved, "flow-1"), debug=False)


def says(text: str, **more: object) -> Script:
    return lambda _, reply: reply.json(200, chat_body(Answer(text, **more)))  # type: ignore[arg-type]  # the fields of Answer


@contextmanager
def router(script: Script) -> Iterator[Upstream]:
    with Upstream(script) as up:
        yield up


def refuses(status: int) -> Script:
    return lambda request, reply: reply.json(
        status, {"error": {"message": f"no: {request.get('authorization')} is bad", "type": "x"}}
    )


def hangs(_: Request, reply: Reply) -> None:
    reply.wait_gone(DEADLINE)
