"""``docs/agents-and-tiers.md`` over real proxies: the gate, the tiers, retries and OpenRouter, a balance, the start.

The rules are those of the page. Only the addresses are loopback's, and the waits between retries short. 1Password is
played by a program called ``op`` that gives each reference a value of its own, so that a test sees whose key was sent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.cli.launching import WIREMEND, clean_environ
from tests.lab import Answer, Client, Mitm, Upstream, provider
from tests.lab.proxy import ADDON, BIN
from tests.lab.replies import messages_events
from tests.lab.scripts import messages_stream
from tests.rules.tiers_kit import AROUND, TABLE, TIERS, once, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.lab import Reply, Request

LOGIN: Final = "sk-ant-api03-FAKE0123456789"
HEADERS: Final = {"host": "127.0.0.1", "x-api-key": LOGIN}
TIER: Final = "moonshot/kimi-k2.6"
SPARE: Final = "moonshotai/kimi-k2.6"
BUSY: Final = {"error": {"type": "rate_limit_reached_error", "message": "Your account reached max request"}}
EMPTY: Final = {"error": {"type": "exceeded_current_quota_error", "message": "Insufficient balance, please recharge"}}
PLAN: Final = Answer(text="from the plan")
NAMES: Final = ("max", "kimi-code", "moonshot", "openrouter")
EXHAUSTED, FELL_BACK = "balance or quota exhausted", "fell back to another destination"
DEADLINE: Final = 30.0


def vault(folder: Path) -> str:
    """Put a program ``op`` into a folder and give a PATH that finds it; a reference's value is made of its words."""
    program = folder / "op"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint('sk-FAKE-' + sys.argv[-1][5:].replace('/', '-'), end='')\n"
    )
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def key_of(name: str) -> str:
    """Give what the vault has for a provider."""
    return f"sk-FAKE-Aurora-{name}-api_key"


def anthropic_only(request: Request, reply: Reply) -> None:
    """Be the router for the plan: it serves claude-* on the messages wire, and knows nothing else."""
    asked = request.json() if request.method == "POST" and request.path == "/v1/messages" else {}
    if str(asked.get("model", "")).startswith("claude-"):
        messages_stream(PLAN)(request, reply)
    else:
        reply.json(404, {"type": "error", "error": {"type": "not_found_error", "message": "only Anthropic's models"}})


@dataclass
class Town:
    """The four providers, and the page's rules with their addresses."""

    places: dict[str, Upstream]
    rules: str

    def open(self) -> None:
        """Let every provider answer again, and forget what was asked."""
        for name, place in self.places.items():
            place.forget()
            place.script = anthropic_only if name == "max" else provider(answer=Answer(text=f"from {name}"))

    def asked(self) -> list[tuple[str, str]]:
        """Give provider and model of each request for a turn, in no order between providers."""
        return [(name, one.json()["model"]) for name in NAMES for one in self.places[name].requests if one.body]


def addressed(rules: str, places: Mapping[str, Upstream]) -> str:
    """Put loopback's addresses into the page's rules, and shorten the waits."""
    rules = once(rules, "http://127.0.0.1:18903", places["max"].url)
    for name in NAMES[1:]:
        rules = once(rules, f"  {name}: {{", f"  {name}: {{base_url: '{places[name].url}/v1', ")
    assert rules.count("retry: 3") >= 1
    return rules.replace("retry: 3", "retry: {times: 3, backoff: 10ms, max: 1s}") + "limits: {cooldown: off}\n"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with ExitStack() as stack:
        places = {name: stack.enter_context(Upstream(anthropic_only)) for name in NAMES}
        yield Town(places, addressed(TIERS, places))


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> str:
    return vault(tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="module")
def proxy(town: Town, search: str) -> Iterator[Mitm]:
    with Mitm(town.rules, env={"PATH": search}) as mitm:
        yield mitm


def ask(proxy: Mitm, model: object, agent: str | None, *, path: str = "/v1/messages", turn: str = "hi") -> bytes:
    """Ask for a turn as an agent and give the stream."""
    body: dict[str, Any] = {"max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": turn}]}
    body |= {} if model is None else {"model": model}
    headers = HEADERS if agent is None else {**HEADERS, "x-agent-id": agent}
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, headers, json.dumps(body).encode())
        assert response.status == 200, response.read()
        return response.read()


# --- who goes where ---------------------------------------------------------------------------------------------------


def test_the_plan_s_agent_reaches_the_router_with_its_own_login(proxy: Mitm, town: Town) -> None:
    town.open()
    assert ask(proxy, "claude-opus-4-6", "dispo") == b"".join(messages_events(PLAN))
    assert town.asked() == [("max", "claude-opus-4-6")]
    (asked,) = town.places["max"].requests
    assert asked.get("x-api-key") == LOGIN


@pytest.mark.parametrize(
    ("agent", "model", "sent"),
    (
        ("mailer", "claude-opus-4-6", ("moonshot", "kimi-k2.6")),
        (None, "claude-haiku-4-5", ("moonshot", "kimi-k2.6")),
        (None, "max/claude-haiku-4-5", ("moonshot", "kimi-k2.6")),
        ("dispo", "max/gpt-5", ("moonshot", "kimi-k2.6")),
        ("dispo", "gpt-5", ("moonshot", "kimi-k2.6")),
        ("dispo", "kimi-k2-thinking", ("moonshot", "kimi-k2-thinking")),
        ("mailer", "moonshot/kimi-k2.5", ("moonshot", "kimi-k2.5")),
        ("planner", "kimi-for-coding", ("kimi-code", "kimi-for-coding")),
    ),
)
@pytest.mark.parametrize("path", ("/v1/messages", "/v1/chat/completions"))
def test_nothing_else_reaches_it(
    proxy: Mitm, town: Town, agent: str | None, model: str, sent: tuple[str, str], path: str
) -> None:
    town.open()
    assert b"from" in ask(proxy, model, agent, path=path)
    assert town.asked() == [sent]
    assert town.places["max"].requests == []
    (asked,) = town.places[sent[0]].requests
    found = [asked.get("x-api-key"), (asked.get("authorization") or "").removeprefix("Bearer ")]
    assert [one for one in found if one] == [key_of(sent[0])]  # and the agent's own login stayed behind


def test_a_list_of_models_and_a_request_without_a_model_do_not_reach_it_either(proxy: Mitm, town: Town) -> None:
    town.open()
    with Client.plain(proxy.port) as client:
        for method, target in (("GET", "/v1/models"), ("HEAD", "/"), ("GET", "/v1/models/claude-opus-4-6")):
            client.request(method, target, {**HEADERS, "x-agent-id": "dispo"}).read()
    assert town.places["max"].requests == []


CALL: Final = """
import json, os, urllib.request
headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"}
body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(), headers)
print(json.load(urllib.request.urlopen(request, timeout=15))["content"][0]["text"])
"""


@pytest.mark.parametrize(
    ("agent", "said", "receipt"),
    (
        ("dispo", "from the plan", "claude-haiku-4-5 → max/claude-haiku-4-5  1 call"),
        ("mailer", "from moonshot", "claude-haiku-4-5 → moonshot/kimi-k2.6  1 call"),
    ),
    ids=("dispo", "mailer"),
)
def test_wiremend_run_names_the_agent(
    tmp_path: Path, town: Town, search: str, agent: str, said: str, receipt: str
) -> None:
    town.open()
    rules = tmp_path / "rules.yaml"
    rules.write_text(town.rules)
    environ = {**clean_environ(tmp_path / "home", ANTHROPIC_API_KEY=LOGIN), "PATH": search}
    run = ["run", "--rules", str(rules), "--via", "gateway", "--agent", agent, "--", sys.executable, "-c", CALL]
    done = subprocess.run([*WIREMEND, *run], env=environ, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.stdout == f"{said}\n", done.stderr
    assert receipt in done.stderr
    assert [name for name, _ in town.asked()] == [said.removeprefix("from ").replace("the plan", "max")]


# --- 429 --------------------------------------------------------------------------------------------------------------


def test_after_three_retries_openrouter_answers_and_the_row_tells_it(proxy: Mitm, town: Town) -> None:
    town.open()
    town.places["moonshot"].script = lambda _, reply: reply.json(429, BUSY)
    before = len(proxy.calls())
    assert b"from" in ask(proxy, "kimi-k2.6", "mailer", turn="too many")
    assert town.asked() == [*[("moonshot", "kimi-k2.6")] * 4, ("openrouter", SPARE)]
    (asked,) = town.places["openrouter"].requests
    assert key_of("openrouter") in f"{asked.get('authorization')}{asked.get('x-api-key')}"
    row = proxy.wait_calls(before + 1)[-1]
    tries = [(one["provider"], one["status"], one["trouble"]) for one in row["attempts"]]
    assert tries == [*[("moonshot", 429, "status")] * 4, ("openrouter", 200, None)]


def test_an_empty_balance_is_not_asked_again_and_is_told(town: Town, search: str) -> None:
    town.open()
    town.places["moonshot"].script = lambda _, reply: reply.json(429, EMPTY)
    with Upstream(lambda _, reply: reply.json(200, {})) as receiver:
        alerts = once(AROUND.splitlines()[0], "op://Aurora/alerts/discord", "$DISCORD") + "\n"
        env = {"PATH": search, "DISCORD": f"json://127.0.0.1:{receiver.port}/alerts"}
        with Mitm(town.rules + alerts, env=env) as proxy:
            assert b"from" in ask(proxy, "kimi-k2.6", "mailer", turn="no money")
            (row,) = proxy.wait_calls(1)
            told = receiver.wait_for(2)
    assert town.asked() == [("moonshot", "kimi-k2.6"), ("openrouter", SPARE)]
    assert [one["trouble"] for one in row["attempts"]] == ["quota", None]
    titles = sorted(one.json()["title"] for one in told)
    assert titles == [f"Wiremend: moonshot: {what}" for what in (EXHAUSTED, FELL_BACK)]


def test_where_both_have_no_balance_the_agent_is_told_of_both(proxy: Mitm, town: Town) -> None:
    town.open()
    for name in ("moonshot", "openrouter"):
        town.places[name].script = lambda _, reply: reply.json(429, EMPTY)
    body = {"model": "kimi-k2.6", "max_tokens": 9, "messages": [{"role": "user", "content": "nothing left"}]}
    with Client.plain(proxy.port) as client:
        response = client.request("POST", "/v1/messages", HEADERS, json.dumps(body).encode())
        said = json.loads(response.read())["error"]["message"]
    assert "Insufficient balance" in said
    assert "before: moonshot 429 balance" in said
    assert [name for name, _ in town.asked()] == ["moonshot", "openrouter"]


# --- the start --------------------------------------------------------------------------------------------------------

STARTS: Final = {
    "wiremend proxy": [*WIREMEND, "proxy", "--port", "0", "--rules", "rules.yaml"],
    "wiremend run": [*WIREMEND, "run", "--rules", "rules.yaml", "--", sys.executable, "-c", "print('ran')"],
    "wiremend check": [*WIREMEND, "check", "rules.yaml"],
    "mitmdump -s": [
        *(str(BIN / "mitmdump"), "--listen-host", "127.0.0.1", "--listen-port", "0"),
        *("-s", str(ADDON), "--set", "wiremend_rules=rules.yaml"),
    ],
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("model", ("kimi-k2-turbo", "kimi-for-coding"))
def test_nothing_starts_where_a_model_in_use_has_no_route(tmp_path: Path, search: str, start: str, model: str) -> None:
    text = without(model)
    (tmp_path / "rules.yaml").write_text(text)
    done = subprocess.run(
        STARTS[start],
        cwd=tmp_path,
        env={**clean_environ(tmp_path / "home"), "PATH": search},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    line = next(number for number, words in enumerate(text.splitlines(), 1) if "given" in words and model in words)
    (told,) = [words for words in said.splitlines() if "expectation" in words]
    assert f"rules.yaml:{line}:" in told
    assert model in told
    assert "ran\n" not in done.stdout


def test_a_running_proxy_keeps_its_rules_where_the_new_ones_forget_a_model(town: Town, search: str) -> None:
    town.open()
    with Mitm(town.rules, env={"PATH": search}) as proxy:
        proxy.write_rules(once(town.rules, TABLE, "model: [moonshot/*]"))
        proxy.wait_log(r"expectation does not hold for the model 'kimi-k2-turbo'")
        assert b"from" in ask(proxy, "kimi-k2-turbo", None)
    assert [name for name, _ in town.asked()] == ["moonshot"]
