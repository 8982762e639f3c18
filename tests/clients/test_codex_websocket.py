"""Codex asks for a WebSocket first: refused, it goes on over HTTP; given one, it works with a tool and ends.

What it is like, measured with 0.169: it warms the socket up (``generate: false``), and each turn goes on from the one
before by ``previous_response_id``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.running import ANSWER, Runner, is_turn
from tests.e2e.socket_kit import talking
from tests.lab import Answer, Mitm, Upstream, provider
from tests.lab.replies import responses_events
from tests.lab.scripts import agent_turns, responses_stream
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.socket_kit import Peer, Talk
    from tests.lab import Reply, Request

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

RULES = "providers: {{lab: {{base_url: '{url}', key: client{more}}}}}\n{rest}"
MARKER = "tool-ran-8231\n"


@pytest.fixture
def runner(agents: Path, tmp_path: Path) -> Runner:
    return Runner(agents, None, tmp_path)


def events(answer: Answer, number: int) -> list[bytes]:
    stream = b"".join(responses_events(answer)).replace(b"resp_lab1", f"resp_{number}".encode())
    return [one.data for one in EventParser().feed(stream) if one.data is not None]


def kind_of(message: bytes) -> str:
    return str(json.loads(message)["type"])


def turns(runner: Runner, asked: list[dict[str, Any]], change: Callable[[list[bytes]], list[bytes]]) -> Talk:
    """Ask for the tool, and say the answer when its output is there; ``change`` is what is wrong with the provider."""

    def talk(peer: Peer, _request: Request) -> None:
        while (message := peer.hear()) is not None:
            body = json.loads(message)
            if body["type"] != "response.create":
                continue
            asked.append(body)
            if body.get("generate") is False:
                first, *_, last = events(Answer(""), len(asked))
                peer.say(first, last)
                continue
            done = any(item.get("type") == "function_call_output" for item in body["input"])
            answer = Answer(ANSWER) if done else Answer("", tool=runner.tool("codex"))
            peer.say(*change(events(answer, len(asked))))

    return talk


def test_told_426_it_goes_on_over_http_at_once(runner: Runner) -> None:
    turn = agent_turns(responses_stream, runner.tool("codex"), Answer(ANSWER))
    well = provider(answer=Answer(ANSWER))

    def script(request: Request, reply: Reply) -> None:
        (turn if is_turn(request) else well)(request, reply)

    with Upstream(script) as up, Mitm(RULES.format(url=up.url, more="", rest="default: lab\n")) as proxy:
        said = runner.at("codex", proxy.gateway)
        assert runner.marker.read_text() == MARKER, said
        assert ANSWER in said
        assert [request.method for request in up.requests if request.path.endswith("/responses")] == ["POST", "POST"]
        assert len(re.findall(r"<< 426", proxy.log())) == 1


@pytest.mark.parametrize(
    "left_out", ((), ("response.output_item.done",), ("response.output_item.added", "response.content_part.added"))
)
def test_over_a_websocket_it_runs_its_tool_and_ends(runner: Runner, left_out: tuple[str, ...]) -> None:
    """Without ``output_item.done`` it would see no call; what is missing is put in."""
    asked: list[dict[str, Any]] = []

    def change(messages: list[bytes]) -> list[bytes]:
        return [message for message in messages if kind_of(message) not in left_out]

    rules = RULES.replace("{more}", ", websocket: true").replace("{rest}", "default: lab\n")
    with Upstream(talking(turns(runner, asked, change))) as up, Mitm(rules.format(url=up.url)) as proxy:
        said = runner.at("codex", proxy.gateway)
        assert runner.marker.read_text() == MARKER, said
        assert ANSWER in said
        assert [request.method for request in up.requests if request.path.endswith("/responses")] == ["GET"]
        assert [body.get("previous_response_id") for body in asked] == [None, "resp_1", "resp_2"]
        calls = proxy.wait_calls(3)
        assert [(call["client"], call["status"], call["error"]) for call in calls] == [("codex", 101, None)] * 3


def test_what_would_go_elsewhere_ends_its_turn_with_the_reason(runner: Runner) -> None:
    asked: list[dict[str, Any]] = []
    rules = RULES.replace("{more}", ", websocket: true").replace(
        "{rest}", "routes: [{{when: {{model: x-*}}, to: lab}}]\n"
    )
    with Upstream(talking(turns(runner, asked, list))) as up, Mitm(rules.format(url=up.url)) as proxy:
        said = runner.at("codex", proxy.gateway)
        assert "no route of" in said
        assert "gpt-5.1-codex" in said
        assert asked == []
        assert len(proxy.calls()) <= 2
