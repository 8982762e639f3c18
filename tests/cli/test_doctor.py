"""``wiremend doctor``: each check by a table, the looking for real, and the verb as a user runs it.

A check is a function of an environment, of files, and of what is said to be at a port, so its table needs no machine.
Only :func:`look` meets real sockets: nothing, another program, a running Wiremend. No output may hold the value of a
credential.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click.testing
import pytest
from mitmproxy.certs import CertStore
from rich.console import Console

from wiremend.cli.demo_upstream import KimiLike
from wiremend.cli.doctor import check_credentials, check_rules, check_versions, doctor
from wiremend.cli.doctor_agents import check_agents, node_version
from wiremend.cli.doctor_folder import check_state
from wiremend.cli.doctor_ports import (
    Listener,
    cannot_listen,
    check_bases,
    check_bypass,
    check_port,
    check_proxies,
    leads_to_us,
    look,
    read_url,
)
from wiremend.cli.doctor_trust import REPLACING, check_ca, check_trust
from wiremend.cli.finding import Finding, merged, show
from wiremend.cli.launch import Proxy
from wiremend.families import HOMES
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import Found, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.resolve import Resolved

ROOT: Final = Path(__file__).resolve().parents[2]
US, OTHER, DEAD = 8080, 4000, 9
NOW: Final = datetime.now(UTC)


def look_at(port: int) -> Listener:
    """Say what is at the ports of the tables."""
    return {US: Listener("wiremend", "mitmdump (pid 1)"), OTHER: Listener("other", "litellm (pid 2)")}.get(
        port, Listener("nobody")
    )


def brief(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, f"{','.join(finding.names)}:{finding.what}") for finding in findings]


def rules(text: str, environ: Mapping[str, str] | None = None) -> Resolved:
    return load_rules(text, "rules.yaml", environ or {}, offline=True).resolved


# -- port


@pytest.mark.parametrize(
    ("at", "cannot", "level", "what"),
    (
        (Listener("nobody"), None, "ok", "8080 is free"),
        (Listener("nobody"), "cannot listen on localhost:80: no", "FAIL", "cannot listen on localhost:80: no"),
        (Listener("wiremend", "mitmdump (pid 1)"), "in use", "ok", "8080 is taken, by a Wiremend: mitmdump (pid 1)"),
        (Listener("wiremend"), "in use", "ok", "8080 is taken, by a Wiremend"),
        (Listener("other", "vite (pid 2)"), "in use", "FAIL", "8080 is in use by vite (pid 2)"),
        (Listener("other"), "in use", "FAIL", "8080 is in use by another program"),
    ),
)
def test_port(at: Listener, cannot: str | None, level: str, what: str) -> None:
    (finding,) = check_port(8080, at, cannot)
    assert (finding.level, finding.what) == (level, what)
    assert ("--port 8082" in finding.do) == (at.kind == "other")


# -- proxy variables


@pytest.mark.parametrize(
    ("environ", "expected"),
    (
        ({}, [("ok", ":none is set; `wiremend run` sets HTTPS_PROXY for the agent")]),
        ({"HTTPS_PROXY": ""}, [("ok", ":none is set; `wiremend run` sets HTTPS_PROXY for the agent")]),
        ({"HTTPS_PROXY": "http://127.0.0.1:8080"}, [("ok", "HTTPS_PROXY:the Wiremend on port 8080")]),
        ({"https_proxy": "localhost:8080"}, [("ok", "https_proxy:the Wiremend on port 8080")]),
        ({"ALL_PROXY": "http://localhost:9"}, [("FAIL", "ALL_PROXY:http://localhost:9, where nothing listens")]),
        (
            {"HTTPS_PROXY": "http://me:FAKE@127.0.0.1:4000"},
            [("ok", "HTTPS_PROXY:http://127.0.0.1:4000, litellm (pid 2), which Wiremend goes through to providers")],
        ),
        (
            {"HTTPS_PROXY": "http://me:FAKE@proxy.corp:3128"},
            [("ok", "HTTPS_PROXY:http://proxy.corp:3128, which Wiremend goes through to providers")],
        ),
        ({"HTTP_PROXY": "http://:nonsense"}, [("FAIL", "HTTP_PROXY:no URL of a proxy")]),
        (
            {"HTTPS_PROXY": "http://localhost:8080", "https_proxy": "http://[::1]:8080"},
            [
                ("ok", "HTTPS_PROXY:the Wiremend on port 8080"),
                ("warn", "HTTPS_PROXY,https_proxy:not the same"),
                ("ok", "https_proxy:the Wiremend on port 8080"),
            ],
        ),
    ),
)
def test_proxies(environ: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert brief(check_proxies(environ, look_at)) == expected


@pytest.mark.parametrize(
    ("environ", "ours"),
    (
        ({}, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:8080"}, True),
        ({"all_proxy": "127.0.0.1:8080"}, True),
        ({"HTTP_PROXY": "http://127.0.0.1:8080"}, False),  # plain http sees no certificate
        ({"HTTPS_PROXY": "http://127.0.0.1:4000"}, False),
        ({"HTTPS_PROXY": "http://proxy.corp:8080"}, False),
        ({"HTTPS_PROXY": "://"}, False),
    ),
)
def test_whether_agents_are_led_to_us(environ: dict[str, str], *, ours: bool) -> None:
    assert leads_to_us(environ, look_at) is ours


@pytest.mark.parametrize(
    ("value", "passing"),
    (
        ("", None),
        ("localhost,127.0.0.1,.corp", None),
        ("api.kimi.com", "api.kimi.com lets api.kimi.com pass by the proxy"),
        ("localhost, .kimi.com", ".kimi.com lets api.kimi.com pass by the proxy"),
        ("*.KIMI.com:443", "*.KIMI.com:443 lets api.kimi.com pass by the proxy"),
        ("com", "com lets api.kimi.com, api.openai.com pass by the proxy"),
        ("*", "* lets api.kimi.ai, api.kimi.com, … pass by the proxy"),
        ("imi.com", None),
    ),
)
def test_bypass(value: str, passing: str | None) -> None:
    hosts = frozenset({"api.kimi.com", "api.kimi.ai", "api.openai.com", "localhost"})
    assert [finding.what for finding in check_bypass({"NO_PROXY": value}, hosts)] == ([passing] if passing else [])
    assert [finding.names for finding in check_bypass({"no_proxy": value}, hosts)] == (
        [("no_proxy",)] if passing else []
    )


# -- base URLs

RULES: Final = """
providers: {kimi-code: {base_url: '${KIMI_BASE_URL:-https://api.kimi.com/coding/v1}'}}
routes: [{when: {key: sk-kimi-*}, to: kimi-code}]
listen: {intercept: [llm.corp]}
"""


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    (
        ("ANTHROPIC_BASE_URL", "", []),
        (
            "ANTHROPIC_BASE_URL",
            "https://api.kimi.com/coding",
            ["ok https://api.kimi.com/coding, which the HTTPS proxy looks after"],
        ),
        ("ANTHROPIC_BASE_URL", "https://api.kimi.com/coding/v1", ["warn /v1 at its end, and clients add their own"]),
        ("ANTHROPIC_BASE_URL", "https://api.kimi.com/coding/v1/v1/", ["warn /v1 more than once at its end"]),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1", ["ok https://api.openai.com/v1, which the HTTPS proxy"]),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1/v1", ["warn /v1 more than once at its end"]),
        ("OPENAI_BASE_URL", "https://api.openai.com", ["warn no /v1 at its end, and clients add none"]),
        ("OPENAI_BASE_URL", "https://api.z.ai/api/paas/v4", ["ok https://api.z.ai/api/paas/v4"]),
        ("OPENAI_BASE_URL", "https://llm.corp/openai/deployments/x", ["ok https://llm.corp/openai/deployments/x"]),
        ("OPENAI_BASE_URL", "https://elsewhere.example/v1", ["warn elsewhere.example is not known to the rules"]),
        ("OPENAI_BASE_URL", "http://vllm.corp/v1", ["warn http://vllm.corp/v1 is plain http"]),
        (
            "OPENAI_BASE_URL",
            "http://localhost:4000/v1",
            ["warn http://localhost:4000/v1, litellm (pid 2), past Wiremend"],
        ),
        ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1", ["ok the Wiremend on port 8080"]),
        ("ANTHROPIC_BASE_URL", "http://[::1]:8080", ["ok the Wiremend on port 8080"]),
        (
            "OPENAI_BASE_URL",
            "http://u:FAKE@localhost:9/v1?k=FAKE",
            ["FAIL http://localhost:9/v1, where nothing listens"],
        ),
        ("OPENAI_BASE_URL", "http://localhost:9/v1/v1", ["warn /v1 more than once", "FAIL http://localhost:9/v1/v1"]),
        ("OPENAI_BASE_URL", "api.openai.com/v1", ["FAIL no URL"]),
        ("OPENAI_BASE_URL", "localhost:8080/v1", ["FAIL no URL"]),
        (
            "KIMI_BASE_URL",
            "https://api.kimi.ai/coding",
            ["ok https://api.kimi.ai/coding, where the rules have kimi-code"],
        ),
        ("KIMI_BASE_URL", "http://kimi.corp/v1/v1", ["warn /v1 more than once at its end"]),
        ("KIMI_BASE_URL", "http://localhost:9/v1", ["FAIL http://localhost:9/v1, where nothing listens"]),
    ),
)
def test_bases(variable: str, value: str, expected: list[str]) -> None:
    environ = {variable: value}
    findings = check_bases(environ, rules(RULES, environ), look_at)
    assert len(findings) == len(expected)
    for finding, start in zip(findings, expected, strict=True):
        assert f"{finding.level} {finding.what}".startswith(start)
        assert finding.names == (variable,)
        assert "FAKE" not in finding.what + finding.do


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    (
        ("ANTHROPIC_BASE_URL", "https://api.kimi.com/coding/v1/v1", "https://api.kimi.com/coding"),
        ("ANTHROPIC_BASE_URL", "https://api.kimi.com/coding/v1/", "https://api.kimi.com/coding"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1//v1", "https://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.openai.com:444/", "https://api.openai.com:444/v1"),
    ),
)
def test_a_base_written_wrong_comes_with_the_right_one(variable: str, value: str, right: str) -> None:
    (finding,) = check_bases({variable: value}, None, look_at)
    assert finding.do.endswith(f"set it to {right}")


def test_without_rules_no_host_is_called_unknown() -> None:
    assert brief(check_bases({"OPENAI_BASE_URL": "https://any.example/v1"}, None, look_at))[0][0] == "ok"


# -- certificates


@pytest.fixture(scope="module")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a CA as mitmproxy makes it."""
    folder = tmp_path_factory.mktemp("mitmproxy")
    CertStore.create_store(folder, "mitmproxy", 2048)
    return folder


def test_no_ca_yet_is_well(tmp_path: Path) -> None:
    (finding,) = check_ca(tmp_path / "mitmproxy-ca-cert.pem", NOW)
    assert (finding.level, finding.what.partition(";")[0]) == ("ok", "none yet")


@pytest.mark.parametrize(
    ("passed", "level", "what"),
    (
        (timedelta(0), "ok", "valid until"),
        (timedelta(days=3650 - 10), "warn", "valid until"),
        (timedelta(days=3700), "FAIL", "was valid until"),
        (timedelta(days=-30), "FAIL", "is valid only from"),
    ),
)
def test_the_ca_is_valid_for_ten_years(confdir: Path, passed: timedelta, level: str, what: str) -> None:
    (finding,) = check_ca(confdir / "mitmproxy-ca-cert.pem", NOW + passed)
    assert (finding.level, what in finding.what, bool(finding.do)) == (level, True, level != "ok")


def test_a_ca_that_cannot_be_used(confdir: Path, tmp_path: Path) -> None:
    cert, key = tmp_path / "mitmproxy-ca-cert.pem", tmp_path / "mitmproxy-ca.pem"
    cert.write_text("nothing")
    assert brief(check_ca(cert, NOW)) == [("FAIL", f":{cert} cannot be read: it holds no certificate")]
    cert.write_bytes((confdir / cert.name).read_bytes())
    assert brief(check_ca(cert, NOW))[0] == ("FAIL", f":its private key {key} is not there")
    key.write_bytes((confdir / key.name).read_bytes())
    key.chmod(0o644)
    assert brief(check_ca(cert, NOW))[0][0] == "warn"
    key.chmod(0o600)
    assert [finding.level for finding in check_ca(cert, NOW)] == ["ok"]


def test_trust(confdir: Path, tmp_path: Path) -> None:
    """Each kind of file, in each kind of variable, with agents led to us (needed) and without."""
    ca = confdir / "mitmproxy-ca-cert.pem"
    other = tmp_path / "other"
    other.mkdir()
    CertStore.create_store(other, "mitmproxy", 2048)
    foreign = other / "mitmproxy-ca-cert.pem"
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(foreign.read_bytes() + ca.read_bytes().replace(b"\n", b"\r\n"))
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for name, file, needed, level, what in (
        ("NODE_EXTRA_CA_CERTS", ca, True, "ok", "Wiremend's CA is in it"),
        ("NODE_EXTRA_CA_CERTS", bundle, True, "ok", "Wiremend's CA is in it"),
        ("NODE_EXTRA_CA_CERTS", foreign, True, "warn", f"Wiremend's CA is not in {foreign}"),
        ("NODE_EXTRA_CA_CERTS", foreign, False, "ok", f"{foreign}, to which `wiremend run` adds"),
        ("NODE_EXTRA_CA_CERTS", empty, True, "warn", f"no certificates in {empty}"),
        *(
            row
            for replacing in REPLACING
            for row in (
                (replacing, bundle, True, "ok", "Wiremend's CA is in it"),
                (replacing, ca, False, "warn", "Wiremend's CA alone, so that git"),
                (replacing, foreign, True, "warn", f"Wiremend's CA is not in {foreign}"),
                (replacing, foreign, False, "ok", f"{foreign}, to which `wiremend run` adds"),
                (replacing, tmp_path / "nowhere", False, "FAIL", f"no certificates in {tmp_path}/nowhere"),
            )
        ),
    ):
        (finding,) = check_trust({name: str(file)}, ca, needed=needed)
        assert (finding.level, finding.names) == (level, (name,)), (name, file)
        assert finding.what.startswith(what), (name, file)


def test_trust_without_a_variable(confdir: Path) -> None:
    assert [finding.level for finding in check_trust({}, confdir / "mitmproxy-ca-cert.pem", needed=False)] == ["ok"]
    assert [finding.level for finding in check_trust({}, confdir / "mitmproxy-ca-cert.pem", needed=True)] == ["warn"]


def test_a_variable_that_names_certificates_before_there_is_a_ca(confdir: Path, tmp_path: Path) -> None:
    """Nothing is in every file; a CA that is not there must not be found in one."""
    environ = {"SSL_CERT_FILE": str(confdir / "mitmproxy-ca-cert.pem")}
    assert [finding.level for finding in check_trust(environ, tmp_path / "none.pem", needed=True)] == ["warn"]


# -- rules and credentials


def test_sound_rules(tmp_path: Path) -> None:
    findings, resolved = check_rules(Found(shipped(), "shipped"), {}, tmp_path)
    assert resolved is not None
    assert brief(findings) == [("ok", f":{shipped()} (shipped with Wiremend), {resolved.rules.hash}")]


def test_each_problem_of_the_rules_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []\ndefault: nobody\n")
    findings, resolved = check_rules(Found(file, "named"), {}, tmp_path)
    assert resolved is None
    assert [finding.level for finding in findings] == ["FAIL", "FAIL"]
    assert [finding.what.partition(": ")[0] for finding in findings] == [f"{file}:1:1", f"{file}:2:10"]


def test_warnings_of_the_rules_are_findings(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("routes:\n- {when: {model: a*}, to: ollama}\n- {when: {model: ab*}, to: ollama}\n")
    findings, resolved = check_rules(Found(file, "named"), {}, tmp_path)
    assert resolved is not None
    assert [finding.level for finding in findings] == ["ok", "warn"]
    assert f"{file}:3:" in findings[1].what


def test_a_file_that_merely_lies_here_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("routes: []\n")
    findings, _ = check_rules(Found(shipped(), "shipped"), {}, tmp_path)
    assert brief(findings)[1:] == [("warn", ":the rules.yaml of this folder is not in force")]


KEYS: Final = """
providers:
  deepseek: {key: $DEEPSEEK_API_KEY}
  kimi-code: {key: [client, $KIMI_API_KEY]}
  mine: {base_url: 'https://mine.example/v1', speaks: [chat], key: client}
routes:
- {when: {model: d*}, to: deepseek}
- {when: {model: k*}, to: kimi-code}
- {when: {model: m*}, to: mine}
- {when: {model: o*}, to: ollama}
"""


@pytest.mark.parametrize(
    ("environ", "expected"),
    (
        (
            {"DEEPSEEK_API_KEY": "sk-FAKE-deepseek", "KIMI_API_KEY": "sk-kimi-FAKE"},
            [
                ("ok", "deepseek: $DEEPSEEK_API_KEY resolves"),
                ("ok", "kimi-code: $KIMI_API_KEY resolves (sk-kimi-…), and a client that brings its own key keeps it"),
                ("ok", "mine: the key that the client brings, for nothing else is set"),
                ("ok", "ollama: none needed"),
            ],
        ),
        (
            {},
            [
                ("ok", "kimi-code, mine: the key that the client brings, for nothing else is set"),
                ("ok", "ollama: none needed"),
                ("FAIL", "rules.yaml:3: the provider 'deepseek' needs its credential, and the environment variable"),
            ],
        ),
    ),
)
def test_credentials(environ: dict[str, str], expected: list[tuple[str, str]]) -> None:
    findings = check_credentials(rules(KEYS), environ)
    assert [finding.level for finding in findings] == [level for level, _ in expected]
    for finding, (_, start) in zip(findings, expected, strict=True):
        assert finding.what.startswith(start)
        assert "FAKE" not in finding.what + finding.do


# -- the rest


@pytest.mark.parametrize(
    ("mitmproxy", "python", "level"),
    (
        ("12.0.0", (3, 12, 0), "ok"),
        ("13.1", (3, 14, 2), "ok"),
        ("11.1.3", (3, 13, 0), "FAIL"),
        ("12.2.3", (3, 11, 9), "FAIL"),
    ),
)
def test_versions(mitmproxy: str, python: tuple[int, ...], level: str, tmp_path: Path) -> None:
    (tmp_path / "mitmdump").touch()
    (finding,) = check_versions(mitmproxy, python, tmp_path)
    assert (finding.level, mitmproxy in finding.what) == (level, True)


def test_no_mitmdump_beside_python(tmp_path: Path) -> None:
    assert [finding.level for finding in check_versions("12.2.3", (3, 13, 0), tmp_path)] == ["FAIL"]


@pytest.mark.parametrize(
    ("programs", "node", "expected"),
    (
        ((), None, [("warn", "no node")]),
        (("claude", "codex"), "v20.1.0", [("ok", "claude, codex; node v20.1.0")]),
        (
            ("kimi",),
            "v20.1.0",
            [("ok", "kimi; node v20.1.0"), ("warn", "kimi needs Node 22 or newer, here is v20.1.0")],
        ),
        (("kimi",), "v22.0.0", [("ok", "kimi; node v22.0.0")]),
        (("kimi",), None, [("ok", "kimi; no node")]),
    ),
)
def test_agents(programs: tuple[str, ...], node: str | None, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    for name in programs:
        (tmp_path / name).touch(0o755)
    findings = check_agents({"PATH": str(tmp_path)}, node)
    assert [finding.level for finding in findings] == [level for level, _ in expected]
    assert all(what in finding.what for finding, (_, what) in zip(findings, expected, strict=True))


@pytest.mark.parametrize(
    ("script", "version"),
    (("echo v22.1.0", "v22.1.0"), ("echo something else", None), ("exit 1", None), (None, None)),
)
def test_node_version(script: str | None, version: str | None, tmp_path: Path) -> None:
    if script is not None:
        (tmp_path / "node").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "node").chmod(0o755)
    assert node_version({"PATH": str(tmp_path)}) == version


def test_a_folder_for_logs(tmp_path: Path) -> None:
    assert check_state(tmp_path / "not" / "yet") == []
    (tmp_path / "file").touch()
    assert [finding.level for finding in check_state(tmp_path / "file" / "wiremend")] == ["FAIL"]


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("http://u:p@h:1/x?k=v#f", ("http", "h", 1, "http://h:1/x")),
        ("https://[::1]/v1", ("https", "::1", 443, "https://[::1]/v1")),
        ("http://h:99999", None),
        ("socks5://h", None),
        ("h:80", None),
        ("", None),
    ),
)
def test_what_of_a_url_is_shown(text: str, expected: tuple[str, str, int, str] | None) -> None:
    url = read_url(text)
    assert (None if url is None else (url.scheme, url.host, url.port, url.shown)) == expected


# -- looking, and the verb


def test_nothing_and_another_program_at_a_port() -> None:
    with KimiLike() as other:
        assert look(other.port).kind == "other"
        assert "in use" in (cannot_listen(other.port) or "")
        assert other.seen == []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert look(port) == Listener("nobody")
    assert cannot_listen(port) is None


def test_a_running_wiremend_is_known_and_asked_for_nothing(confdir: Path, tmp_path: Path) -> None:
    """Even where the rules would send any request to a provider: the question must go nowhere."""
    with KimiLike() as provider:
        rules = tmp_path / "rules.yaml"
        rules.write_text(
            f"providers: {{mine: {{base_url: '{provider.base}', speaks: [chat], auth: none}}}}\ndefault: mine\n"
        )
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        with Proxy(tmp_path, rules=rules, environ=environ, options={"confdir": str(confdir)}) as proxy:
            assert look(proxy.ready.port).kind == "wiremend"
        assert proxy.calls.exists() is False
        assert provider.seen == []


def test_findings_that_say_the_same_are_one_line() -> None:
    one, two = Finding("ok", "trust", "in it", "", ("A",)), Finding("ok", "trust", "in it", "", ("B",))
    other = Finding("warn", "trust", "in it", "", ("C",))
    assert merged([one, other, two]) == [Finding("ok", "trust", "in it", "", ("A", "B")), other]


def test_the_screen() -> None:
    out = io.StringIO()
    findings = [
        Finding("ok", "port", "8080 is free"),
        Finding("FAIL", "proxy", "a long sentence that has to be wrapped", "unset it", ("HTTPS_PROXY",)),
    ]
    show(findings, Console(file=out, width=40))
    assert out.getvalue().splitlines() == [
        "ok    port   8080 is free",
        "FAIL  proxy  HTTPS_PROXY: a long",
        "             sentence that has to be",
        "             wrapped",
        "             → unset it",
        "",
        "1 to mend",
    ]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty the environment; HOME is a folder with nothing in it, and ``op`` notes that it was asked."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    (tmp_path / "bin").mkdir()
    op = tmp_path / "bin" / "op"
    op.write_text(f"#!/bin/sh\n: >> {tmp_path}/asked\nprintf FAKE-secret-of-the-vault\n")
    op.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(doctor, arguments)


def test_a_fresh_machine_is_well(machine: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = run("--port", str(port))
    assert result.exit_code == 0, result.output
    assert f"ok    port         {port} is free" in result.output
    assert "FAIL" not in result.output
    assert list(machine.iterdir()) == [machine / "bin"]


def test_what_fails_gives_1(machine: Path) -> None:
    result = run("--rules", str(machine / "none.yaml"))
    assert result.exit_code == 1
    assert "FAIL  rules" in result.output
    assert "none.yamldoesnotexist" in "".join(result.output.split())  # a narrow terminal breaks a long path


def test_offline_asks_nobody_and_no_value_is_shown(machine: Path) -> None:
    rules = machine / "my.yaml"
    rules.write_text("providers: {deepseek: {key: 'op://a/b/c'}}\ndefault: deepseek/x\n")
    assert "op://a/b/c" not in run("--rules", str(rules), "--offline").output
    assert not (machine / "asked").exists()
    result = run("--rules", str(rules))
    assert "deepseek: op://a/b/c resolves" in result.output
    assert (machine / "asked").exists()
    assert "FAKE" not in result.output


def test_vendors_hosts_count_even_where_no_rule_names_them(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "api.groq.com" in HOMES
    monkeypatch.setenv("NO_PROXY", "groq.com")
    assert "NO_PROXY: groq.com lets api.groq.com pass by the proxy" in run("--offline").output
    assert machine.is_dir()


def test_json_says_the_same(machine: Path) -> None:
    """Whatever the screen says stands in the JSON, and the exit code is that of `ok`."""
    (machine / "bad.yaml").write_text("default: nobody\n")
    screen = run("--rules", "bad.yaml", "--offline")
    result = run("--rules", "bad.yaml", "--offline", "--json")
    said = json.loads(result.stdout)
    assert set(said) == {"format", "ok", "counts", "findings"}
    assert (result.exit_code, said["ok"], said["format"]) == (1, False, 1)
    assert all(set(finding) == {"level", "about", "names", "what", "do"} for finding in said["findings"])
    levels = [finding["level"] for finding in said["findings"]]
    assert said["counts"] == {level: levels.count(level) for level in ("ok", "warn", "fail")}
    squeezed = "".join(screen.output.split())
    for finding in said["findings"]:
        if finding["about"] != "clock":  # a minute may pass between the two
            assert "".join(finding["what"].split()) in squeezed


def test_json_of_a_machine_that_is_well(machine: Path) -> None:
    (machine / "bin" / "claude").touch(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = run("--port", str(port), "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (0, True)


def test_a_key_is_shown_by_its_prefix_alone(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-kimi-FAKE0123456789abcdef"
    monkeypatch.setenv("KIMI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://api.openai.com/{key}/v1")
    (machine / "my.yaml").write_text("default: kimi-code\n")
    for arguments in ((), ("--json",)):
        output = run("--rules", "my.yaml", *arguments).output
        assert "$KIMI_API_KEY resolves (sk-kimi-…)" in " ".join(output.split())
        assert "FAKE" not in output


def test_providers_are_asked_only_online(machine: Path) -> None:
    with KimiLike() as provider:
        (machine / "my.yaml").write_text(
            f"providers: {{mine: {{base_url: '{provider.base}', speaks: [chat], auth: none}}}}\ndefault: mine\n"
        )
        about = {finding["about"] for finding in json.loads(run("--rules", "my.yaml", "--json").stdout)["findings"]}
        assert "online" not in about
        said = json.loads(run("--rules", "my.yaml", "--json", "--online").stdout)["findings"]
    (online,) = (finding for finding in said if finding["about"] == "online")
    assert (online["level"], "(mine) answers in" in online["what"]) == ("ok", True)


def test_the_whole_machine_with_a_ca_and_an_agents_settings(machine: Path, confdir: Path) -> None:
    """Everything that needs a CA is asked where there is one; the agent's own settings are named by their file."""
    shutil.copytree(confdir, machine / ".mitmproxy")
    (machine / ".claude").mkdir()
    (machine / ".claude" / "settings.json").write_text('{"env": {"NO_PROXY": "*"}}')
    said = json.loads(run("--offline", "--json").stdout)["findings"]
    by_about = {finding["about"]: finding for finding in said}
    assert by_about["Python"]["level"] == "ok"
    assert "(tried)" in by_about["Python"]["what"]
    assert by_about["claude"]["names"] == ["~/.claude/settings.json NO_PROXY"]
    assert by_about["captures"]["level"] == by_about["clock"]["level"] == "ok"


def test_the_commands_of_the_page_run(machine: Path) -> None:
    """Each line of docs/doctor.md, here with rules that name a provider on this machine."""
    page = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    commands = re.findall(r"^wiremend doctor(.*?)(?: +#.*)?$", page, re.MULTILINE)
    assert commands == ["", " --online", " --json"]
    with KimiLike() as provider:
        (machine / "my.yaml").write_text(
            f"providers: {{mine: {{base_url: '{provider.base}', speaks: [chat], auth: none}}}}\ndefault: mine\n"
        )
        for command in commands:
            result = run("--rules", "my.yaml", *command.split())
            assert result.exception is None or isinstance(result.exception, SystemExit)
            assert "mine: none needed" in " ".join(result.output.split())
