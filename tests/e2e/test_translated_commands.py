"""The commands in a running mitmweb on a flow whose provider speaks another wire: sent again, tried elsewhere, kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.web_kit import Web
from tests.lab import Answer, Client, Reply, Request, Upstream
from tests.lab.replies import chat_events, messages_events, responses_events
from wiremend.captures.case import read_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIENT: Final = "sk-client-00011122233344455566-FAKE"
OURS: Final = "sk-lab-0123456789abcdefghijklmn-FAKE"
ANSWER: Final = Answer("one two", model="m")
EVENTS: Final = {
    "/v1/messages": messages_events(ANSWER),
    "/v1/chat/completions": chat_events(ANSWER),
    "/v1/responses": responses_events(ANSWER),
}
RULES: Final = """
providers:
  lab: {{base_url: '{url}', speaks: [chat], key: $LAB_KEY}}
  other: {{base_url: '{url}', speaks: [responses], key: $LAB_KEY}}
  own: {{base_url: '{url}', speaks: [messages], key: $LAB_KEY}}
default: lab
"""


class Lab:
    """A provider, and a mitmweb before it."""

    def __init__(self, upstream: Upstream, web: Web) -> None:
        """Keep both."""
        self.upstream, self.web = upstream, web

    def call(self) -> dict[str, Any]:
        """Let a messages client ask, and give the flow once it is over."""
        seen = {one["id"] for one in self.web.flows()}
        turn = [{"role": "user", "content": "hi"}]
        body = {"model": "m", "stream": True, "max_tokens": 99, "messages": turn, "context_management": {"edits": []}}
        head = {"host": f"127.0.0.1:{self.web.port}", "x-api-key": CLIENT, "content-type": "application/json"}
        with Client.plain(self.web.port) as client:
            client.request("POST", "/v1/messages", head, json.dumps(body).encode()).read()
        return self.web.flow(lambda one: one["id"] not in seen and " in, " in one["comment"])

    def again(self, command: str, *arguments: str) -> tuple[dict[str, Any], Request]:
        """Run a command that sends something again; give the new flow once it is over, and what the provider saw."""
        seen, count = {one["id"] for one in self.web.flows()}, len(self.upstream.requests)
        assert self.web.run(command, *arguments) is None
        made = self.web.flow(lambda one: one["id"] not in seen and " in, " in one["comment"])
        return made, self.upstream.requests[count]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    def script(request: Request, reply: Reply) -> None:
        reply.events(EVENTS[request.path])

    with Upstream(script) as upstream, Web(RULES.format(url=upstream.url), env={"LAB_KEY": OURS}) as web:
        yield Lab(upstream, web)


def test_the_list_tells_what_was_lost(lab: Lab) -> None:
    one = lab.call()
    assert one["comment"].startswith("lost: context_management")
    assert OURS not in one["comment"]


def test_it_is_sent_again_as_the_client_said_it(lab: Lab) -> None:
    """The client's own request is translated anew; what left is not translated once more."""
    one = lab.call()
    before = lab.upstream.requests[-1]
    made, sent = lab.again("wiremend.resend", f"@{one['id']}")
    assert (sent.path, sent.body) == (before.path, before.body)
    assert "message_stop" in lab.web.text(made["id"], "response")


@pytest.mark.parametrize(("target", "path"), (("other/m", "/v1/responses"), ("own/m", "/v1/messages")))
def test_it_is_tried_with_a_provider_of_a_third_wire_or_its_own(lab: Lab, target: str, path: str) -> None:
    made, sent = lab.again("wiremend.try", target, f"@{lab.call()['id']}")
    assert sent.path == path
    assert sent.get("x-api-key" if path == "/v1/messages" else "authorization") in {OURS, f"Bearer {OURS}"}
    assert "message_stop" in lab.web.text(made["id"], "response")
    assert "one " in lab.web.text(made["id"], "response")


def test_two_flows_on_two_wires_are_compared(lab: Lab) -> None:
    one = lab.call()
    made, _ = lab.again("wiremend.try", "other/m", f"@{one['id']}")
    said = "\n".join(lab.web.run("wiremend.diff", f"@{one['id']},{made['id']}"))
    assert "/v1/chat/completions" in said
    assert "/v1/responses" in said
    assert OURS not in said
    assert CLIENT not in said


def test_it_is_explained(lab: Lab) -> None:
    said = "\n".join(lab.web.run("wiremend.explain", f"@{lab.call()['id']}"))
    assert "messages → chat: translated" in said
    assert "/context_management" in said
    assert OURS not in said


def test_it_is_kept_as_a_case(lab: Lab, tmp_path: Path) -> None:
    one = lab.call()
    assert lab.web.run("wiremend.case.add", f"@{one['id']}", "other-wire", str(tmp_path)) is None
    lab.web.wait_log(r"kept as the case other-wire: ")
    capture = read_case(tmp_path / "messages" / "other-wire").capture
    assert (capture.wire, capture.upstream_wire) == ("messages", "chat")
    text = "".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
    assert CLIENT not in text
    assert OURS not in text
