"""``wiremend proxy`` as a user types it: what it prints works, what it cannot do it says, the rest it hands on."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from mitmproxy.io import FlowReader

from tests.lab import Mitm, Upstream, kimi
from tests.lab.http1 import DEADLINE
from tests.lab.proxy import BIN
from tests.lab.sdk import CLAUDE, KEY, MESSAGES, anthropic_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Authority

RULES = """
providers: {{kimi-code: {{base_url: '{url}/coding/v1', key: client}}}}
aliases: {{small: kimi-code/kimi-for-coding}}
routes: [{{name: coding keys, when: {{key: sk-kimi-*}}, to: kimi-code}}]
edits: [{{name: cooler, when: {{provider: kimi-code}}, set: {{/temperature: 0.6}}}}]
"""

AGENT = f"""
import anthropic
client = anthropic.Anthropic(max_retries=0, default_headers={{"User-Agent": {CLAUDE!r}}})
message = client.messages.create(model="small", max_tokens=9, messages=[{{"role": "user", "content": "hi"}}])
print(message.model, message.stop_reason)
"""
"""An agent that knows nothing of Wiremend but its environment."""


@pytest.fixture(scope="module")
def upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(kimi(), tls=authority.server("localhost")) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    flows = tmp_path_factory.mktemp("flows") / "flows.mitm"
    env = {"SSL_CERT_FILE": str(authority.ca)}
    with Mitm(RULES.format(url=upstream.url), way="console", env=env, args=["-w", str(flows)]) as mitm:
        yield mitm


def exports(log: str) -> list[dict[str, str]]:
    """Give the variables of each ``export`` line, as a shell would set them."""
    lines = [line.strip().removeprefix("export ") for line in log.splitlines() if line.strip().startswith("export ")]
    return [dict(part.split("=", 1) for part in shlex.split(line)) for line in lines]


@pytest.mark.parametrize("style", ("ANTHROPIC_BASE_URL", "HTTPS_PROXY"))
def test_the_lines_that_it_prints_point_an_agent_at_it(proxy: Mitm, upstream: Upstream, style: str) -> None:
    proxy.wait_log("ANTHROPIC_BASE_URL=")
    found = exports(proxy.log())
    gateway = [variables for variables in found if "ANTHROPIC_BASE_URL" in variables]
    rest = [variables for variables in found if "ANTHROPIC_BASE_URL" not in variables]
    chosen = gateway if style == "ANTHROPIC_BASE_URL" else [*rest, {"ANTHROPIC_BASE_URL": f"{upstream.url}/coding/v1"}]
    assert any(style in variables for variables in chosen), found
    env = {"PATH": os.environ["PATH"], "HOME": str(proxy.home), "ANTHROPIC_API_KEY": KEY}
    for variables in chosen:
        env |= variables
    upstream.forget()
    done = subprocess.run(
        [sys.executable, "-c", AGENT], env=env, capture_output=True, text=True, timeout=DEADLINE * 2, check=False
    )
    assert done.stdout.split() == ["kimi-for-coding", "end_turn"], done.stderr
    assert [request.target for request in upstream.requests] == ["/coding/v1/messages"]


def test_extra_arguments_go_to_mitmproxy_and_its_flows_say_what_was_decided(
    upstream: Upstream, authority: Authority, tmp_path: Path
) -> None:
    flows = tmp_path / "flows.mitm"
    with Mitm(
        RULES.format(url=upstream.url), way="console", env={"SSL_CERT_FILE": str(authority.ca)}, args=["-w", str(flows)]
    ) as proxy:
        with anthropic_sdk(proxy.gateway) as client:
            client.messages.create(model="kimi-for-coding", max_tokens=9, messages=MESSAGES)
        digest = proxy.ready["rules_hash"]
    with flows.open("rb") as file:
        (flow,) = FlowReader(file).stream()
    told = flow.metadata["wiremend"]
    assert told["rules"] == digest
    assert (told["route"], list(told["edits"])) == ("coding keys", ["cooler"])
    assert KEY not in repr(told)


def wiremend(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})}
    return subprocess.run(
        [str(BIN / "wiremend"), "proxy", *arguments],
        env=clean,
        capture_output=True,
        text=True,
        timeout=DEADLINE * 2,
        check=False,
    )


def test_a_port_in_use_is_named_with_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = wiremend("--port", str(port))
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert f"port {port} is in use" in told
    assert f"pid {os.getpid()}" in told
    assert "Traceback" not in told


def test_other_machines_are_let_in_with_a_token_only() -> None:
    done = wiremend("--host", "0.0.0.0", "--port", "0")  # noqa: S104 - what is shown to be refused
    assert done.returncode != 0
    assert "token" in done.stdout + done.stderr


def test_a_provider_that_points_at_the_port_itself_is_refused_at_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "providers: {me: {base_url: 'http://localhost:18181', key: client}}\ndefault: me\nlisten: {port: 18181}\n"
    )
    done = wiremend("--rules", str(rules))
    assert done.returncode != 0
    assert re.search(r"rules\.yaml:\d+:\d+: .*'me'.*itself", done.stdout + done.stderr)


def test_an_option_said_twice_does_not_leave_the_proxy_without_rules(upstream: Upstream, tmp_path: Path) -> None:
    """Wiremend says some options itself; a user who says one again, for mitmproxy, wins or is told."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(RULES.format(url=upstream.url))
    decoy = RULES.format(url="https://localhost:1")
    with Mitm(decoy, way="console", args=["--set", f"wiremend_rules={mine}"]) as proxy:
        assert proxy.ready["rules"] == str(mine)
