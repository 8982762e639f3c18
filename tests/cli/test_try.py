"""``wiremend try``: providers on loopback, one for each way to answer, tried by the verb as users start it.

What is judged is the screen, the JSON, the exit code, and what reached the provider: the request must have gone through
the product's own pipeline. What could be tried, and rules for just that, are also tested by themselves.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.launching import WIREMEND, clean_environ
from tests.lab.certs import Authority
from tests.lab.scripts import chat_stream, messages_stream
from tests.lab.upstream import Upstream, table
from wiremend.cli.trying import Attempt, Tried
from wiremend.cli.trying_send import AGENT, Reply, send
from wiremend.cli.trying_ways import ALIAS, Way, readiness, rules_for, ways_of, ways_to
from wiremend.cli.trying_why import cause, remedy
from wiremend.errors import SetupError
from wiremend.rules.catalogue import catalogue
from wiremend.rules.compile import compile_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.http1 import Request
    from tests.lab.upstream import Reply as Answer
    from tests.lab.upstream import Script

KEY: Final = "sk-FAKE0123456789abcdefghij"
BOUND: Final = 3.0
"""Seconds for an answer, where one must not come: longer than any other takes on a busy machine."""

SAID: Final = {
    "wrong-key": (
        401,
        {"error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}},
    ),
    "no-model": (404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}),
    "empty": (
        429,
        {"error": {"message": "Please check your account balance", "type": "exceeded_current_quota_error"}},
    ),
    "gate": (
        403,
        {
            "error": {
                "message": "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI",
                "type": "access_terminated_error",
            }
        },
    ),
    "escapes": (400, {"error": {"message": "no \x1b[31mred", "type": "invalid_request_error"}}),
}
WORDS: Final = {
    "wrong-key": "does not take the key",
    "no-model": "has no such model",
    "empty": "asking again will not help",
    "gate": "`wiremend try` is none",
    "escapes": "refuses the request",
    "cut": "ended before the answer did",
    "slow": "no answer in time",
    "dead": "nothing listens",
    "nowhere": "does not resolve",
    "stranger": "its certificate is not trusted",
}
"""The cause that each of them must be told with."""


def turned_away(status: int, document: object) -> Script:
    return lambda _, reply: reply.json(status, document)


def cut(_: Request, reply: Answer) -> None:
    reply.head(200, [("content-type", "text/event-stream")])
    choice = {"index": 0, "delta": {"role": "assistant", "content": "O"}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    reply.send(f"data: {json.dumps(chunk)}\n\n".encode())
    reply.cut()


@dataclass(slots=True)
class World:
    """Providers, rules that lead to each, and an environment."""

    up: Upstream
    rules: Path
    environ: dict[str, str]

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [*WIREMEND, "try", "--rules", str(self.rules), *args]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve all providers; ``own`` takes a client's key alone, and one port has nobody behind it."""
    folder = tmp_path_factory.mktemp("try")
    scripts: dict[str, Script] = {
        "/good/v1/messages": messages_stream(),
        "/good/v1/chat/completions": chat_stream(),
        "/cut/v1/chat/completions": cut,
        "/slow/v1/chat/completions": lambda _, reply: reply.wait_gone(60),
        **{f"/{name}/v1/chat/completions": turned_away(*said) for name, said in SAID.items()},
    }
    with ExitStack() as stack:
        up = stack.enter_context(Upstream(table(scripts)))
        certificate = Authority(folder).server("localhost")
        tls = stack.enter_context(Upstream(table({}), certificate))
        free = stack.enter_context(socket.socket())
        free.bind(("127.0.0.1", 0))
        providers = {
            "good": {"base_url": f"{up.url}/good", "speaks": ["messages", "chat"], "key": "$FAKE_KEY"},
            **{
                name: {"base_url": f"{up.url}/{name}", "speaks": ["chat"], "key": "$FAKE_KEY"}
                for name in (*SAID, "cut", "slow")
            },
            "dead": {"base_url": f"http://127.0.0.1:{free.getsockname()[1]}", "speaks": ["chat"], "auth": "none"},
            "nowhere": {"base_url": "http://no-such-host.invalid", "speaks": ["chat"], "auth": "none"},
            "stranger": {"base_url": f"https://localhost:{tls.port}", "speaks": ["chat"], "auth": "none"},
            "own": {"base_url": f"{up.url}/good", "speaks": ["chat"], "key": "client"},
        }
        file = {
            "providers": providers,
            "aliases": {"fast": "good/quick"},
            "routes": [
                {"when": {"key": "nobody-*", "model": f"{name}-*"}, "to": f"{name}/m"} for name in (*WORDS, "own")
            ],
            "default": "good/big",
            "edits": [{"when": {"model": "big"}, "set": {"/metadata": {"user_id": "edited"}}}],
        }
        rules = folder / "rules.yaml"
        rules.write_text(json.dumps(file))
        yield World(up, rules, clean_environ(folder / "home", FAKE_KEY=KEY, COLUMNS="80", NO_PROXY="*"))


def test_all_routes_are_tried_and_each_failure_is_told_with_its_cause(world: World) -> None:
    world.up.forget()
    done = world.run("--all", "--timeout", str(BOUND))
    assert done.returncode == 1, done.stderr
    screen = done.stdout
    told = " ".join(screen.split())
    for name, words in WORDS.items():
        row = re.search(rf"FAIL {name}/m (.*?)(?= (?:FAIL|ok|-) )", told)
        assert row is not None, f"{name} is not in\n{screen}"
        assert words in row[1]
        assert " do " in row[1]
    assert re.search(r"FAIL +wrong-key/m +chat +401 ", screen)
    assert re.search(r"- +own/m +chat", screen)
    assert re.search(r"ok +good/quick +messages +200 +first byte \d+\.\d\d s +quick answered +11 in, 7 out", told)
    assert re.search(r"ok +good/big +chat +200 +first byte", told)
    assert told.endswith("4 ok, 10 failed, 1 not tried")
    assert "talks to providers by itself" in told
    assert KEY not in screen + done.stderr
    assert "FAKE0" not in screen + done.stderr
    assert "check $FAKE_KEY (sk-…)" in told
    assert "\x1b" not in screen
    assert not [line for line in screen.splitlines() if len(line) > 80]


def test_what_is_tried_goes_through_the_pipeline(world: World) -> None:
    world.up.forget()
    done = world.run("good/big", "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [(one["provider"], one["model"], one["wire"], one["state"], one["status"]) for one in results] == [
        ("good", "big", wire, "ok", 200) for wire in ("messages", "chat")
    ]
    assert [(one["answered"], one["input_tokens"], one["output_tokens"]) for one in results] == [("big", 11, 7)] * 2
    assert all(0 < one["first_byte_s"] <= one["total_s"] for one in results)
    messages, chat = world.up.requests
    assert (messages.path, chat.path) == ("/good/v1/messages", "/good/v1/chat/completions")
    assert messages.get("x-api-key") == KEY
    assert chat.get("authorization") == f"Bearer {KEY}"
    assert messages.get("user-agent") == AGENT
    assert messages.get("anthropic-version") is not None
    for request in (messages, chat):
        asked = request.json()
        assert asked["model"] == "big"
        assert asked["metadata"] == {"user_id": "edited"}
        assert asked["stream"] is True
        assert asked.get("max_tokens", asked.get("max_completion_tokens")) == 16
    assert done.stdout.count(KEY) == 0


def test_one_wire_and_a_name_of_the_users_own_and_nothing_is_left(world: World, tmp_path: Path) -> None:
    world.up.forget()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = {**world.environ, "TMPDIR": str(temporary), "XDG_STATE_HOME": str(tmp_path / "state")}
    agent = "claude-cli/2.1.197 (external, cli)"
    command = [*WIREMEND, "try", "--rules", str(world.rules), "fast", "--wire", "chat", "--user-agent", agent]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (request,) = world.up.requests
    assert request.get("user-agent") == agent
    assert request.json()["model"] == "quick"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []  # no capture, no log


def test_without_a_target_nothing_is_sent(world: World) -> None:
    world.up.forget()
    done = world.run()
    assert done.returncode == 0
    assert re.search(r"^ +good/quick +messages, chat +alias fast$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +dead/m +chat +route \d+$", done.stdout, re.MULTILINE)
    assert "nothing was sent" in " ".join(done.stdout.split())
    listed = json.loads(world.run("--json").stdout)
    assert {"provider": "good", "model": "big", "wire": "chat", "by": ["default"]} in listed
    assert world.up.requests == []


def test_a_signal_ends_the_proxy_too(world: World, tmp_path: Path) -> None:
    world.up.forget()
    environ = {**world.environ, "TMPDIR": str(tmp_path)}
    command = [*WIREMEND, "try", "--rules", str(world.rules), "slow/m", "--timeout", "50"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        world.up.wait_for(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    (
        (("own/m",), 1, "there is no key here"),
        (("goood/m",), 1, "did you mean 'good'?"),
        (("ollama",), 1, "say which: wiremend try ollama/MODEL"),
        ((KEY,), 1, "looks like a key"),
        (("good/m", "--all"), 2, "not both"),
        (("good/m", "--wire", "responses"), 1, "leads nowhere on the responses wire"),
        (("good/m", "--timeout", "0"), 2, "--timeout"),
        (("good/m", "--user-agent", "a\nb"), 2, "one line"),
    ),
)
def test_what_cannot_be_tried_is_said(world: World, args: tuple[str, ...], code: int, said: str) -> None:
    world.up.forget()
    done = world.run(*args)
    assert done.returncode == code
    assert said in " ".join((done.stdout + done.stderr).split())
    assert KEY not in done.stdout + done.stderr
    assert world.up.requests == []


def test_rules_that_are_wrong_send_nothing(world: World, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("providrs: {}\n")
    command = [*WIREMEND, "try", "--all", "--rules", str(rules)]
    done = subprocess.run(command, env=world.environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"{rules}:1:1:" in done.stderr


# -- what could be tried


def rules_of(text: str) -> Any:  # noqa: ANN401 - compiled rules
    return compile_rules(text, "rules.yaml")[0]


def test_every_place_is_named_once_with_all_that_leads_there() -> None:
    text = """
providers:
  one: {base_url: http://127.0.0.1:1, speaks: [chat, messages], auth: none, models: {known: {}, other: {}}}
  two: {base_url: http://127.0.0.1:2, speaks: [chat], auth: none}
aliases: {a: one/known}
routes:
  - {name: first, when: {model: oth*}, to: one}
  - {when: {model: [x, two/y], wire: chat}, to: two}
  - {when: {model: z*, wire: messages}, to: one/known}
default: two
"""
    assert ways_of(rules_of(text)) == (
        Way("one", "other", "chat", ("route 'first'",)),
        Way("one", "other", "messages", ("route 'first'",)),
        Way("two", "x", "chat", ("route 2",)),
        Way("two", "y", "chat", ("route 2",)),
        Way("one", "known", "messages", ("route 3", "alias a")),
        Way("one", "known", "chat", ("alias a",)),
    )


def test_a_provider_of_which_no_model_is_known_is_listed_as_such() -> None:
    (way,) = ways_of(rules_of("providers: {p: {base_url: 'http://127.0.0.1:1', speaks: [chat]}}\ndefault: p\n"))
    assert way == Way("p", None, "chat", ("default",))


def test_each_target_of_the_shipped_rules_can_be_listed() -> None:
    rules = rules_of(shipped().read_text())
    targets = {way.target for way in ways_of(rules)}
    assert {"kimi-code/kimi-for-coding", "moonshot/kimi-k2-turbo-preview", "anthropic/claude-sonnet-5-5"} <= targets
    assert all(ways_to(target, rules) for target in targets)


def test_a_named_place_need_not_be_in_the_rules() -> None:
    rules = rules_of("version: 1\n")
    assert {way.target for way in ways_to("kimi-code/anything", rules)} == {"kimi-code/anything"}
    assert {way.target for way in ways_to("kimi-code", rules)} == {"kimi-code/kimi-for-coding"}
    assert {way.target for way in ways_to("openrouter/a/b", rules)} == {"openrouter/a/b"}
    assert {way.model for way in ways_to("openai", rules)} == {next(iter(catalogue()["openai"]))}
    with pytest.raises(SetupError, match="say which"):
        ways_to("local", rules)


NAMES: Final = st.text("abc.:-_ü*?[]{}#'\"\\ ", min_size=1, max_size=12)


@given(st.lists(NAMES.filter(lambda name: name.strip() == name), min_size=1, max_size=4))
def test_whatever_a_model_is_called_its_alias_stands_for_it(models: list[str]) -> None:
    ways = [Way("local", model, "chat") for model in models]
    text = "mend: off\ncapture: {keep: 1d}\nlisten: {port: 1}\nledger: $ROWS\nalerts: $ALERTS\nlimits: {connect: 1s}\n"
    rules = rules_of(rules_for(text, "rules.yaml", ways))
    assert {name: str(alias.target) for name, alias in rules.aliases.items()} == {
        f"{ALIAS}{number}": way.target for number, way in enumerate(ways, 1)
    }
    assert rules.mend is False
    assert not rules.capture.on
    assert not rules.ledger.on
    assert (rules.routes, rules.alerts.to, rules.limits.connect) == ((), (), 1.0)


def test_each_destination_of_a_list_can_be_tried() -> None:
    lab = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none, speaks: [chat]}}\n"
    ways = ways_of(rules_of(f"{lab}routes: [{{name: r, to: [lab/a, lab/b]}}]\n"))
    assert [(way.target, way.by) for way in ways] == [("lab/a", ("route 'r'",)), ("lab/b", ("route 'r'",))]


def test_what_stands_in_the_way_is_found_before_anything_is_sent() -> None:
    text = "providers: {p: {base_url: $P_URL, speaks: [chat], key: $P_KEY, headers: {x-a: $P_HEADER}}}\ndefault: p/m\n"
    way = Way("p", "m", "chat")
    full = {"P_URL": "http://127.0.0.1:1", "P_KEY": KEY, "P_HEADER": "x"}
    assert readiness(text, "f", way, full).problem == ""
    assert "P_URL" in readiness(text, "f", way, {**full, "P_URL": ""}).problem
    assert "P_HEADER" in readiness(text, "f", way, {**full, "P_HEADER": ""}).problem
    assert "P_KEY" in readiness(text, "f", way, {**full, "P_KEY": ""}).keyless
    told = Attempt(text, "f", {**full, "P_URL": ""}, 1, AGENT).run([way], lambda _: None)
    assert [(one.state, one.cause) for one in told] == [("failed", "the rules cannot be used")]
    assert isinstance(told[0], Tried)
    (unnamed,) = Attempt(text, "f", full, 1, AGENT).run([Way("p", None, "chat")], lambda _: None)
    assert (unnamed.state, unnamed.do) == ("not tried", "say which: wiremend try p/MODEL")


# -- one request, and what it means


def test_nobody_at_the_proxy_is_a_failure_and_no_exception() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        reply = send(free.getsockname()[1], "chat", "m", timeout=5)
    assert (reply.status, reply.kind) == (None, "upstream")


@pytest.mark.parametrize(
    ("body", "error"),
    (
        (b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n', "has no end"),
        (b'data: {"error":{"message":"overloaded","type":"overloaded_error"}}\n\n', "overloaded"),
        (b"", "has no end"),
        (b"<html>", "has no end"),
        (b"\xff\xfe\x00", "has no end"),
    ),
)
def test_a_200_that_is_no_whole_answer_is_a_failure(body: bytes, error: str) -> None:
    script: Script = lambda _, reply: reply.body(200, [("content-type", "text/event-stream")], body)  # noqa: E731
    with Upstream(script) as up:
        reply = send(up.port, "chat", "m", timeout=5)
    assert reply.status == 200
    assert error in (reply.error or "")


@given(st.text(max_size=60), st.sampled_from([None, "authentication", "quota", "upstream", "internal", "nonsense"]))
def test_whatever_is_said_there_is_a_cause_and_something_to_do(said: str, kind: str | None) -> None:
    reply = Reply(500, None, 1.0, error=said, kind=kind)
    assert cause(reply, said)
    assert remedy(reply, said, Way("p", "m", "chat"), None, "rules.yaml")
