"""What is remembered where the provider speaks another wire: exact on both sides, a case, a provider that plays it.

Recorded by a real mitmdump; then kept, replayed in all cuts, run by pytest, played by ``wiremend upstream`` to a proxy
and to an agent; and what a reply left behind outlives the proxy.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from tests.cli.test_upstream import running
from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.proxy import captures_in
from tests.lab.replies import chat_events, messages_events, responses_events, sse
from wiremend.captures.case import read_case
from wiremend.cli.main import cli
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, replay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wiremend.captures.capture import Capture
    from wiremend.protocols.base import WireName

KEY: Final = "sk-FAKEFAKEFAKEFAKEFAKEFAKE0001"
PATHS: Final[dict[WireName, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
WAYS: Final = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]
ANSWER: Final = Answer(model="m", text="one two three", tool=("sh", {"command": "ls"}))
EVENTS: Final = {
    "messages": messages_events(ANSWER),
    "chat": chat_events(ANSWER),
    "responses": responses_events(ANSWER),
}
RULES: Final = """
providers:
  p-messages: {{base_url: '{url}', speaks: [messages], key: client}}
  p-chat: {{base_url: '{url}', speaks: [chat], key: client}}
  p-responses: {{base_url: '{url}', speaks: [responses], key: client}}
routes:
  - {{when: {{model: to-messages}}, to: p-messages}}
  - {{when: {{model: to-chat}}, to: p-chat}}
  - {{when: {{model: to-responses}}, to: p-responses}}
"""


def body(client: WireName, wire: WireName) -> bytes:
    said = {"input": f"hi, {wire}"} if client == "responses" else {"messages": [{"role": "user", "content": "hi"}]}
    most = "max_output_tokens" if client == "responses" else "max_tokens"
    return json.dumps({"model": f"to-{wire}", "stream": True, most: 99, **said}).encode()


def ask(port: int, client: WireName, wire: WireName) -> bytes:
    head = {"host": "127.0.0.1", "content-type": "application/json", "authorization": f"Bearer {KEY}"}
    with Client.plain(port) as one:
        return one.request("POST", PATHS[client], head, body(client, wire)).read()


class Recorded:
    """What was recorded, with what either side really sent and got."""

    def __init__(self, folder: Path) -> None:
        """Have an exchange in each direction."""
        self.folder = folder
        self.got: dict[tuple[WireName, WireName], bytes] = {}
        self.sent: list[Request] = []

        def script(request: Request, reply: Reply) -> None:
            self.sent.append(request)
            reply.head(200, [("content-type", "text/event-stream")])
            for event in EVENTS[next(wire for wire, path in PATHS.items() if request.path.endswith(path))]:
                reply.send(event)
            reply.end()

        with Upstream(script) as up:
            self.rules = RULES.format(url=up.url)
            with Mitm(self.rules, options={"wiremend_capture": folder / "kept"}) as proxy:
                for client, wire in WAYS:
                    self.got[client, wire] = ask(proxy.port, client, wire)
                proxy.wait_captures(len(WAYS), folder=folder / "kept")
        (self.flows,) = (folder / "kept").glob("*.flows")
        self.captures: dict[tuple[Any, Any], Capture] = {
            (capture.wire, capture.upstream_wire): capture for capture in captures_in(folder / "kept")
        }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("recorded"))


def run(*arguments: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(cli, [str(one) for one in arguments], env={"COLUMNS": "120", "WIREMEND_RULES": ""})
    assert done.exit_code == code, done.output[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def repository(recorded: Recorded) -> Path:
    """Give a repository with all exchanges as cases."""
    place = recorded.folder / "repository"
    place.mkdir()
    (place / "rules.yaml").write_text(recorded.rules)
    run("captures", "add", recorded.flows, "--all", "--name", "way", "--to", place / "captures")
    return place


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_both_sides_are_exact(way: tuple[WireName, WireName], recorded: Recorded) -> None:
    client, wire = way
    capture = recorded.captures[way]
    (attempt,) = capture.attempts
    assert attempt.response is not None
    assert capture.answer is not None
    assert capture.request.body == body(client, wire)
    assert attempt.request.body in [sent.body for sent in recorded.sent]
    assert attempt.request.target == PATHS[wire]
    assert attempt.response.body.data == b"".join(EVENTS[wire])
    assert capture.answer.body.data == recorded.got[way]
    for side in (attempt.response.body, capture.answer.body):
        assert sum(size for size, _ in side.cuts) == side.length
    assert attempt.response.body.cuts[-1][1] <= capture.answer.body.cuts[-1][1], "what is given comes after what came"


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_it_replays_in_any_cuts(way: tuple[WireName, WireName], recorded: Recorded) -> None:
    today = Today(recorded.rules, "rules.yaml")
    for cuts in CUTS:
        for seed in range(5 if cuts == "random" else 1):
            done = replay(recorded.captures[way], today, cuts, seed)
            assert compare(recorded.captures[way], done) == []
            assert done.answer is not None
            assert done.answer.body.data == recorded.got[way]


def test_cases_are_whole_and_replay(recorded: Recorded, repository: Path) -> None:
    cases = sorted(repository.glob("captures/*/*"))
    assert len(cases) == len(WAYS)
    for folder in cases:
        case = read_case(folder)
        there = recorded.captures[case.capture.wire, case.capture.upstream_wire]
        assert case.capture.translated
        assert folder.parent.name == there.wire
        assert case.capture.attempts[0].response == there.attempts[0].response
        assert case.capture.answer == there.answer
    assert f"{len(WAYS)} cases, 0 differ" in run("replay", repository, "--rules", repository / "rules.yaml")
    assert "nothing looks like a secret" in run("captures", "scrub", "--check", repository / "captures")


def test_pytest_runs_them(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "captures"],
        cwd=repository, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert f"{len(WAYS)} passed" in done.stdout, done.stdout + done.stderr


def test_a_changed_rule_is_told_and_written(recorded: Recorded, repository: Path, tmp_path: Path) -> None:
    cases = tmp_path / "captures"
    shutil.copytree(repository / "captures", cases)
    cooler = tmp_path / "cooler.yaml"
    cooler.write_text(f"{recorded.rules}edits:\n  - {{when: {{provider: p-chat}}, set: {{/temperature: 0.5}}}}\n")
    assert "2 differ" in run("replay", cases, "--rules", cooler, code=1)
    assert "2 rewritten" in run("replay", cases, "--rules", cooler, "--update")
    assert "0 differ" in run("replay", cases, "--rules", cooler)
    told = run("replay", cases, "--rules", repository / "rules.yaml", "--against", cooler, code=1)
    assert f"{len(WAYS)} cases, 2 would change" in told


def test_a_rule_that_chooses_another_wire_is_told_as_such(recorded: Recorded, repository: Path, tmp_path: Path) -> None:
    """The reply that is there is none of the new wire: nobody knows what would come, and nothing is rewritten."""
    other = tmp_path / "other.yaml"
    other.write_text(
        recorded.rules.replace("to: p-chat", "to: p-chat, via: responses").replace("[chat]", "[chat, responses]")
    )
    told = run(
        "replay", repository / "captures" / "messages", "--rules", repository / "rules.yaml", "--against", other, code=1
    )
    assert "decision, wire: 1 case" in told
    assert "upstream request, url: 1 case" in told
    assert "client answer" not in told
    cases = tmp_path / "captures"
    shutil.copytree(repository / "captures" / "messages", cases / "messages")
    before = {path: path.read_bytes() for path in cases.rglob("*") if path.is_file()}
    said = CliRunner().invoke(cli, ["replay", str(cases), "--rules", str(other), "--update"], env={"COLUMNS": "200"})
    assert "the reply is one of the chat wire, and the request goes out on the responses wire now" in " ".join(
        said.output.split()
    )
    assert {path: path.read_bytes() for path in cases.rglob("*") if path.is_file()} == before


# -- a provider that plays them


def test_the_provider_is_played_to_a_proxy(recorded: Recorded, repository: Path) -> None:
    """Behind today's proxy: what leaves on the provider's wire finds its capture, and the client gets the same."""
    with (
        running(str(repository / "captures"), folder=repository) as playing,
        Mitm(RULES.format(url=f"http://127.0.0.1:{playing.port}")) as proxy,
    ):
        for client, wire in WAYS:
            assert steady(ask(proxy.port, client, wire)) == steady(recorded.got[client, wire])
        code, said, complained = playing.end()
    assert code == 0, said + complained


def test_all_of_it_is_played_to_an_agent(recorded: Recorded, repository: Path) -> None:
    with running("--side", "client", str(repository / "captures"), folder=repository) as playing:
        for client, wire in WAYS:
            assert ask(playing.port, client, wire) == recorded.got[client, wire]
        code, said, complained = playing.end()
    assert code == 0, said + complained


def steady(data: bytes) -> list[Any]:
    """Give the events of a stream without what is minted and without times."""
    return [without(json.loads(line[6:])) for line in data.split(b"\n") if line.startswith(b"data: {")]


def without(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        gone = {"id", "item_id", "created", "created_at", "completed_at"}
        return {name: without(one) for name, one in value.items() if name not in gone}
    return [without(one) for one in value] if isinstance(value, list) else value


# -- two turns, with a restart between

CALL: Final = "call_0123456789abcdef"
THOUGHT: Final = "The folder first."
TOOL: Final = {"index": 0, "id": CALL, "type": "function", "function": {"name": "ls", "arguments": "{}"}}


def chunks() -> Iterator[bytes]:
    """Give a reply that thinks, and calls a tool, as DeepSeek sends it."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    for said in ({"role": "assistant", "content": None, "reasoning_content": THOUGHT}, {"tool_calls": [TOOL]}):
        yield sse(head | {"choices": [{"index": 0, "delta": said, "finish_reason": None}]})
    yield sse(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    yield sse("[DONE]")


SECOND: Final[dict[WireName, dict[str, Any]]] = {
    "messages": {
        "max_tokens": 99,
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": CALL, "name": "ls", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": CALL, "content": "a"}]},
        ],
    },
    "responses": {
        "input": [
            {"role": "user", "content": "go"},
            {"type": "function_call", "call_id": CALL, "name": "ls", "arguments": "{}"},
            {"type": "function_call_output", "call_id": CALL, "output": "a"},
        ]
    },
}
FIRST: Final[dict[WireName, dict[str, Any]]] = {
    "messages": {"max_tokens": 99, "messages": [{"role": "user", "content": "go"}]},
    "responses": {"input": [{"role": "user", "content": "go"}]},
}


@pytest.mark.parametrize("captured", (True, False))
@pytest.mark.parametrize("client", ("messages", "responses"))
def test_what_a_reply_left_is_brought_again_after_a_restart(
    tmp_path: Path, client: WireName, *, captured: bool
) -> None:
    """What the provider said is remembered on its own wire; the client dropped the thought, and kept the call."""
    seen: list[Any] = []

    def think(request: Request, reply: Reply) -> None:
        seen.append(json.loads(request.body)["messages"])
        reply.events(list(chunks()))

    head = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with Upstream(think) as up:
        rules = (
            f"providers: {{lab: {{base_url: '{up.url}', speaks: [chat], key: client, "
            "quirks: [reasoning-missing-deepseek]}}\n"
            "default: lab\n"
            "edits: [{when: {provider: lab}, set: {/thinking: {type: enabled}}}]\n"
        ) + ("" if captured else "capture: off\n")
        for turn in (FIRST[client], SECOND[client]):
            with Mitm(rules, env={"XDG_STATE_HOME": str(tmp_path)}) as proxy, Client.plain(proxy.port) as one:
                asked = json.dumps({"model": "deepseek-v4-pro", "stream": True, **turn}).encode()
                assert one.request("POST", PATHS[client], head, asked).read()
                proxy.wait_calls(1)
    _, second = seen
    (calling,) = [one for one in second if one.get("tool_calls")]
    assert (calling.get("reasoning_content") == THOUGHT) is captured
