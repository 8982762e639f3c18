"""A Plano file as it is, in the place of a rules file: each model, the alias, the preferences, the listener.

Real host names: an office proxy leads ``api.kimi.com`` and ``api.deepseek.com`` to loopback upstreams. Kimi's behaves
as Kimi Code does, so a wrong path, key, model or User-Agent is refused there.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Authority, Forwarder, Mitm, Reply, Request, Upstream, kimi
from tests.lab.replies import messages_events
from tests.lab.scripts import chat_stream, credential, messages_stream, models
from tests.lab.sdk import anthropic_sdk, openai_sdk
from tests.lab.upstream import table

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = Path(__file__).parents[1] / "rules" / "plano" / "plano_config.yaml"
KEYS = {"MOONSHOTAI_API_KEY": "sk-kimi-FAKEplano0001", "DEEPSEEK_API_KEY": "sk-FAKEdeepseek0002"}
REASON = "I want a deep analysis: solve this mathematical problem by logical reasoning, step by step, and prove it."
REVIEW = "Please review the existing code in parser.py for bugs and suggest improvements."
WRITE = "Write a creative short story about a lighthouse keeper."
ERRAND = "List the files in this folder."
BARE = ("kimi-for-coding", "deepseek-v4-pro", "deepseek-v4-flash")
FULL = {"kimi-for-coding": "moonshotai/kimi-for-coding"} | {name: f"deepseek/{name}" for name in BARE[1:]}


def deepseek() -> object:
    return table(
        {
            "/v1/chat/completions": chat_stream(Answer()),
            "/anthropic/v1/messages": messages_stream(Answer()),
        }
    )


@pytest.fixture(scope="module")
def coding(authority: Authority) -> Iterator[Upstream]:
    with Upstream(kimi(), tls=authority.server("api.kimi.com")) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def deep(authority: Authority) -> Iterator[Upstream]:
    with Upstream(deepseek(), tls=authority.server("api.deepseek.com")) as upstream:  # type: ignore[arg-type]  # a script
        yield upstream


@pytest.fixture(scope="module")
def machine(authority: Authority, coding: Upstream, deep: Upstream) -> Iterator[dict[str, str]]:
    with Forwarder({"api.kimi.com:443": coding.port, "api.deepseek.com:443": deep.port}) as office:
        yield {
            "SSL_CERT_FILE": str(authority.ca),
            "HTTPS_PROXY": office.url,
            "NO_PROXY": "127.0.0.1,localhost",
            **KEYS,
        }


@pytest.fixture(scope="module")
def proxy(machine: dict[str, str]) -> Iterator[Mitm]:
    with Mitm(SEED, env=machine) as mitm:
        yield mitm


@pytest.fixture(autouse=True)
def _fresh(coding: Upstream, deep: Upstream) -> None:
    coding.forget()
    deep.forget()
    coding.script, deep.script = kimi(), deepseek()  # type: ignore[assignment]  # scripts


def say(proxy: Mitm, wire: str, model: str, text: str, session: str) -> str:
    """Ask as the official SDK of a wire does, streamed; gives how it ended."""
    more = {"x-session-id": session}
    if wire == "messages":
        with (
            anthropic_sdk(proxy.gateway) as client,
            client.messages.stream(
                model=model, max_tokens=9, messages=[{"role": "user", "content": text}], extra_headers=more
            ) as stream,
        ):
            return str(stream.get_final_message().stop_reason)
    with openai_sdk(f"{proxy.gateway}/v1") as openai:
        if wire == "responses":
            made = openai.responses.create(model=model, input=text, extra_headers=more)
            return str(made.status)
        chunks = openai.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], stream=True, extra_headers=more
        )
        return str([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1])


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
@pytest.mark.parametrize("name", (*BARE, *FULL.values()))
def test_each_model_by_its_full_and_its_bare_name(
    proxy: Mitm, coding: Upstream, deep: Upstream, name: str, wire: str
) -> None:
    assert say(proxy, wire, name, ERRAND, f"{wire} {name}") in {"end_turn", "stop", "completed"}
    asked = coding.requests + deep.requests
    (request,) = asked
    bare = name.rpartition("/")[2]
    assert request.json()["model"] == bare
    if bare == "kimi-for-coding":
        assert coding.requests
        assert credential(request) == KEYS["MOONSHOTAI_API_KEY"]
        assert request.get("user-agent") == "KimiCLI/1.3"
        assert request.path.startswith("/coding/v1/")
    else:
        assert deep.requests
        assert credential(request) == KEYS["DEEPSEEK_API_KEY"]


def test_the_alias(proxy: Mitm, deep: Upstream) -> None:
    say(proxy, "messages", "arch.claude.code.small.fast", ERRAND, "alias")
    assert [request.json()["model"] for request in deep.requests] == ["deepseek-v4-flash"]


@pytest.mark.parametrize(
    ("text", "host", "model"),
    (
        (REASON, "coding", "kimi-for-coding"),
        (REVIEW, "deep", "deepseek-v4-pro"),
        (WRITE, "deep", "deepseek-v4-flash"),
        (ERRAND, "deep", "deepseek-v4-flash"),
    ),
)
@pytest.mark.parametrize("asked", ("deepseek-v4-flash", "claude-of-tomorrow", "arch.claude.code.small.fast"))
def test_what_is_asked_chooses_the_model_whatever_the_client_names(
    proxy: Mitm, coding: Upstream, deep: Upstream, text: str, host: str, model: str, asked: str
) -> None:
    say(proxy, "messages", asked, text, f"{asked} {text}")
    (request,) = {"coding": coding, "deep": deep}[host].requests
    assert request.json()["model"] == model


def fails(_: Request, reply: Reply) -> None:
    reply.json(503, {"error": {"message": "overloaded", "type": "engine_overloaded_error"}})


def test_where_the_first_of_complex_reasoning_fails_the_second_answers_streamed(
    proxy: Mitm, coding: Upstream, deep: Upstream
) -> None:
    seen, events = threading.Event(), messages_events(Answer())
    spoken = next(at for at, event in enumerate(events, 1) if b"content_block_delta" in event)

    def streams(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for event in events[:spoken]:
            reply.send(event)
        reply.wait(seen)  # the client has the first words before the provider says the last
        for event in events[spoken:]:
            reply.send(event)
        reply.end()

    coding.script = fails
    deep.script = table({"/anthropic/v1/messages": streams})
    with (
        anthropic_sdk(proxy.gateway) as client,
        client.messages.stream(
            model="claude-of-tomorrow", max_tokens=9, messages=[{"role": "user", "content": REASON}]
        ) as stream,
    ):
        for event in stream:
            if event.type == "content_block_delta":
                seen.set()
        assert stream.get_final_message().stop_reason == "end_turn"
    assert seen.is_set()
    assert [request.json()["model"] for request in coding.requests] == ["kimi-for-coding"]
    assert [request.json()["model"] for request in deep.requests] == ["deepseek-v4-pro"]
    assert credential(deep.requests[0]) == KEYS["DEEPSEEK_API_KEY"]


def test_it_is_listed_what_a_client_may_ask_for_whatever_the_default_lists(proxy: Mitm, deep: Upstream) -> None:
    deep.script = table(
        {"/v1/models": models("deepseek-v4-flash"), "/anthropic/v1/models": models("deepseek-v4-flash")}
    )
    with openai_sdk(f"{proxy.gateway}/v1") as client:
        listed = [model.id for model in client.models.list()]
        assert client.models.retrieve("arch.claude.code.small.fast").id == "arch.claude.code.small.fast"
    assert listed[:2] == ["arch.claude.code.small.fast", "auto"]
    assert {*BARE, *FULL.values()} <= {*listed}
    assert deep.requests == []


def wiremend(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "wiremend"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **env},
    )


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    done = wiremend("proxy", "--rules", str(SEED), "--port", "0", env={"DEEPSEEK_API_KEY": "sk-FAKE"})
    assert done.returncode == 1
    assert "MOONSHOTAI_API_KEY" in done.stderr
    assert f"{SEED}:4:" in done.stderr
    assert "nothing was started" in done.stderr


def test_its_listener_is_on_loopback_without_a_token(tmp_path: Path) -> None:
    done = wiremend("check", str(SEED), env={**KEYS, "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "listens on 127.0.0.1:12000" in done.stdout
    assert "WIREMEND_TOKEN" in done.stdout
    told = wiremend("check", str(SEED), env={**KEYS, "WIREMEND_TOKEN": "FAKE-token-0123456789"})
    assert "listens on 0.0.0.0:12000" in told.stdout


def test_a_plano_file_may_become_a_rules_file_and_the_reverse_while_the_proxy_runs() -> None:
    with Upstream(chat_stream(Answer())) as lab:
        provider = f"base_url: '{lab.url}/v1', access_key: $LAB_KEY"
        plano = f"version: v0.4.0\r\nllm_providers:\r\n  - {{model: deepseek/of-plano, default: true, {provider}}}\r\n"
        rules = f"providers: {{lab: {{base_url: '{lab.url}/v1', key: $LAB_KEY}}}}\ndefault: lab/of-rules\n"
        with Mitm(plano, env={"LAB_KEY": "sk-FAKElab0003"}) as proxy:
            for changed, told in (
                (None, ""),
                (rules, "rules reloaded"),
                (plano.replace("model:", "modle:"), "the last good ones stay"),
                ("\ufeff" + plano, "rules reloaded"),
            ):
                start = len(proxy.log())
                if changed is not None:
                    proxy.write_rules(changed)
                    proxy.wait_log(told, after=start)
                say(proxy, "chat", "auto", ERRAND, "reloaded")
        assert [request.json()["model"] for request in lab.requests] == ["of-plano", "of-rules", "of-rules", "of-plano"]
