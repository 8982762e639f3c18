"""Claude Code with a Plano file as the rules, on that file's alias: two turns with a tool, all at the alias' model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.running import ANSWER, Runner, is_turn
from tests.lab import Answer, Authority, Forwarder, Mitm, Upstream
from tests.lab.scripts import agent_turns, credential, messages_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Reply, Request, Script

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]  # the first test installs them

SEED = Path(__file__).parents[1] / "rules" / "plano" / "plano_config.yaml"
ALIAS = "arch.claude.code.small.fast"
KEYS = {"MOONSHOTAI_API_KEY": "sk-kimi-FAKEplano0001", "DEEPSEEK_API_KEY": "sk-FAKEdeepseek0002"}


@pytest.fixture
def runner(agents: Path, tmp_path: Path) -> Runner:
    return Runner(agents, None, tmp_path)


@pytest.fixture
def deepseek(tmp_path: Path) -> Iterator[tuple[Upstream, dict[str, str]]]:
    """Play api.deepseek.com behind an office proxy that knows no other host."""
    authority = Authority(tmp_path)
    with (
        Upstream(messages_stream(Answer(text="A title")), tls=authority.server("api.deepseek.com")) as upstream,
        Forwarder({"api.deepseek.com:443": upstream.port}) as office,
    ):
        machine = {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url, "NO_PROXY": "127.0.0.1,localhost"}
        yield upstream, machine


def test_claude_code_works_on_the_alias_of_a_plano_file(
    runner: Runner, deepseek: tuple[Upstream, dict[str, str]]
) -> None:
    upstream, machine = deepseek

    def make(answer: Answer | None = None) -> Script:
        return messages_stream(answer or Answer())

    turn = agent_turns(make, runner.tool("claude"), Answer(text=ANSWER))
    aside = messages_stream(Answer(text="A title"))

    def script(request: Request, reply: Reply) -> None:
        if request.method == "HEAD":
            reply.json(200, {})
        else:
            (turn if is_turn(request) else aside)(request, reply)

    upstream.script = script
    with Mitm(SEED, env={**machine, **KEYS}) as proxy:
        said = runner.at("claude", proxy.gateway, "--model", ALIAS)
        rows = proxy.wait_calls(2)
    assert ANSWER in said, said
    assert runner.marker.read_text().strip() == "tool-ran-8231"
    turns = [request for request in upstream.requests if is_turn(request)]
    assert len(turns) == 2
    for request in turns:
        assert request.path == "/anthropic/v1/messages"
        assert request.json()["model"] == "deepseek-v4-flash"
        assert credential(request) == KEYS["DEEPSEEK_API_KEY"]
    asked = [row for row in rows if row["asked"] == ALIAS]
    assert len(asked) >= len(turns)
    assert {row["status"] for row in asked} == {200}
