"""Agents' own settings, as ``wiremend doctor`` reads them: which lead past Wiremend, which are written wrong.

The settings are as docs/proxy.md and the recipes have them; no output may hold a key that stands beside a base URL.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.cli.agents import AGENTS
from wiremend.cli.doctor_agents import (
    _READERS,
    _READS,
    _below,
    check_agents_trust,
    check_settings,
    settings_of,
)
from wiremend.cli.doctor_ports import Listener
from wiremend.cli.finding import Finding, as_plain, cleaned, merged
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

US, OTHER = 8080, 4000
KEY: Final = "sk-kimi-FAKE0123456789abcdefghij"
HOSTS: Final = frozenset({"api.kimi.com", "api.anthropic.com"})
RESOLVED: Final = load_rules("listen: {intercept: [llm.corp]}\n", "rules.yaml", {}, offline=True).resolved


def look_at(port: int) -> Listener:
    return {US: Listener("wiremend"), OTHER: Listener("other", "litellm (pid 2)")}.get(port, Listener("nobody"))


def write(home: Path, path: str, content: str | Mapping[str, object]) -> None:
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


def checked(home: Path, environ: Mapping[str, str] | None = None, *, needed: bool = False) -> list[Finding]:
    project = home / "project"
    project.mkdir(exist_ok=True)
    ca = home / "ca.pem"
    said = {"HOME": str(home), **(environ or {})}
    return check_settings(said, project, RESOLVED, look_at, ca=ca, hosts=HOSTS, needed=needed)


def brief(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.about, f"{','.join(finding.names)}: {finding.what}") for finding in findings]


def test_every_known_agent_is_looked_at() -> None:
    ids = [agent.id for agent in AGENTS]
    assert list(_READERS) == list(_READS) == ids


def test_no_settings_no_lines(tmp_path: Path) -> None:
    assert checked(tmp_path) == []


CASES: Final = (
    (
        "claude",
        ".claude/settings.json",
        {"env": {"ANTHROPIC_BASE_URL": "https://api.kimi.com/coding/v1", "ANTHROPIC_AUTH_TOKEN": KEY}},
        "warn",
        "~/.claude/settings.json ANTHROPIC_BASE_URL: /v1 at its end, and clients add their own",
    ),
    (
        "claude",
        "project/.claude/settings.local.json",
        {"env": {"HTTPS_PROXY": f"http://u:{KEY}@127.0.0.1:4000"}},
        "warn",
        "~/project/.claude/settings.local.json HTTPS_PROXY: http://127.0.0.1:4000, past Wiremend",
    ),
    (
        "claude",
        ".claude/settings.json",
        {"env": {"HTTPS_PROXY": "http://127.0.0.1:8080"}},
        "ok",
        "~/.claude/settings.json HTTPS_PROXY: the Wiremend on port 8080",
    ),
    (
        "claude",
        ".claude/settings.json",
        {"env": {"NO_PROXY": "localhost,*.anthropic.com"}},
        "warn",
        "~/.claude/settings.json NO_PROXY: *.anthropic.com lets api.anthropic.com pass by the proxy",
    ),
    (
        "codex",
        ".codex/config.toml",
        f'[model_providers.lab]\nbase_url = "http://127.0.0.1:4000/v1"\nenv_key = "{KEY}"\n',
        "warn",
        "~/.codex/config.toml model_providers.lab.base_url: http://127.0.0.1:4000/v1, litellm (pid 2), past Wiremend",
    ),
    (
        "codex",
        ".codex/config.toml",
        'openai_base_url = "https://api.openai.com"\n',
        "warn",
        "~/.codex/config.toml openai_base_url: no /v1 at its end, and clients add none",
    ),
    (
        "opencode",
        ".config/opencode/opencode.jsonc",
        '{"provider": {"lab": {"options": {"baseURL": "http://vllm.corp/v1", "apiKey": "' + KEY + '"}}}, // x\n}',
        "warn",
        "~/.config/opencode/opencode.jsonc provider.lab.options.baseURL: http://vllm.corp/v1 is plain http",
    ),
    (
        "opencode",
        "project/opencode.json",
        {"provider": {"lab": {"options": {"baseURL": "https://llm.corp/v1"}}}},
        "ok",
        "~/project/opencode.json provider.lab.options.baseURL: https://llm.corp/v1, which the HTTPS proxy looks after",
    ),
    (
        "qwen",
        ".qwen/settings.json",
        {"modelProviders": {"anthropic": [{"id": "m", "baseUrl": "https://api.kimi.com/coding/v1"}]}},
        "warn",
        "~/.qwen/settings.json modelProviders.anthropic.baseUrl: /v1 at its end",
    ),
    (
        "kimi",
        ".kimi-code/config.toml",
        f'[providers."managed:kimi-code"]\nbase_url = "https://unknown.example/v1"\napi_key = "{KEY}"\n',
        "warn",
        "~/.kimi-code/config.toml providers.managed:kimi-code.base_url: unknown.example is not known to the rules",
    ),
    (
        "pi",
        ".pi/agent/models.json",
        {"providers": {"x": {"api": "anthropic-messages", "baseUrl": "https://llm.corp/v1", "apiKey": KEY}}},
        "warn",
        "~/.pi/agent/models.json providers.x.baseUrl: /v1 at its end",
    ),
    (
        "hermes",
        ".hermes/config.yaml",
        f"model: {{provider: custom, base_url: 'http://localhost:9/v1', api_key: {KEY}}}\n",
        "FAIL",
        "~/.hermes/config.yaml model.base_url: http://localhost:9/v1, where nothing listens",
    ),
    (
        "hermes",
        ".hermes/.env",
        f"KIMI_API_KEY={KEY}\nexport HTTPS_PROXY='http://127.0.0.1:4000'\n",
        "warn",
        "~/.hermes/.env HTTPS_PROXY: http://127.0.0.1:4000, past Wiremend",
    ),
    (
        "cline",
        ".cline/data/settings/providers.json",
        {"providers": {"x": {"settings": {"baseUrl": "not a URL", "apiKey": KEY}}}},
        "FAIL",
        "~/.cline/data/settings/providers.json providers.x.settings.baseUrl: no URL",
    ),
)


@pytest.mark.parametrize(("agent", "path", "content", "level", "start"), CASES)
def test_each_agents_settings(
    agent: str, path: str, content: str | Mapping[str, object], level: str, start: str, tmp_path: Path
) -> None:
    write(tmp_path, path, content)
    (found,) = brief(checked(tmp_path))
    assert found[:2] == (level, agent)
    assert found[2].startswith(start)
    assert "FAKE" not in json.dumps(as_plain(checked(tmp_path)))


def test_what_overrules_the_proxys_variables_says_who_overrules_it(tmp_path: Path) -> None:
    """`wiremend run` lays its variables over Claude Code's settings, and not over Hermes' .env."""
    write(tmp_path, ".claude/settings.json", {"env": {"NO_PROXY": "*"}})
    write(tmp_path, ".hermes/.env", "NO_PROXY=*\n")
    claude, hermes = checked(tmp_path)
    assert claude.do == "nothing, with `wiremend run`, which overrules it; else take it out"
    assert hermes.do == "take it out"


def test_settings_that_take_the_ca_away(tmp_path: Path) -> None:
    """Only where agents see our certificates does it matter which CA the settings name."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "other.pem").write_text("-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n")
    write(tmp_path, ".claude/settings.json", {"env": {"NODE_EXTRA_CA_CERTS": str(tmp_path / "other.pem")}})
    assert checked(tmp_path) == []
    (finding,) = checked(tmp_path, needed=True)
    assert (finding.level, "Wiremend's CA is not in" in finding.what) == ("warn", True)


@pytest.mark.parametrize(
    ("variable", "folder"),
    (
        ("CLAUDE_CONFIG_DIR", ".claude/"),
        ("CODEX_HOME", ".codex/"),
        ("XDG_CONFIG_HOME", ".config/"),
        ("KIMI_CODE_HOME", ".kimi-code/"),
        ("PI_CODING_AGENT_DIR", ".pi/agent/"),
        ("HERMES_HOME", ".hermes/"),
        ("CLINE_DATA_DIR", ".cline/data/"),
    ),
)
def test_folders_that_a_variable_names(variable: str, folder: str, tmp_path: Path) -> None:
    path, content = next((path, content) for _, path, content, *_ in CASES if path.startswith(folder))
    write(tmp_path, f"elsewhere/{path.removeprefix(folder)}", content)
    assert checked(tmp_path) == []
    assert len(checked(tmp_path, {variable: str(tmp_path / "elsewhere")})) == 1


def test_the_layer_above_all_of_opencode(tmp_path: Path) -> None:
    content = json.dumps({"provider": {"lab": {"options": {"baseURL": "http://127.0.0.1:8080/v1"}}}})
    (found,) = brief(checked(tmp_path, {"OPENCODE_CONFIG_CONTENT": content}))
    assert found == (
        "ok",
        "opencode",
        "$OPENCODE_CONFIG_CONTENT provider.lab.options.baseURL: the Wiremend on port 8080",
    )


@pytest.mark.parametrize("value", ("{env:LAB_BASE}", "$LAB_BASE", "${LAB_BASE}/v1", "", 7, None, ["x"]))
def test_what_is_not_written_out_is_left_alone(value: object, tmp_path: Path) -> None:
    write(tmp_path, "project/opencode.json", {"provider": {"lab": {"options": {"baseURL": value}}}})
    assert checked(tmp_path) == []


def test_one_line_for_many_models_of_one_base(tmp_path: Path) -> None:
    models = [{"id": name, "baseUrl": "http://vllm.corp/v1"} for name in ("a", "b", "c")]
    write(tmp_path, ".qwen/settings.json", {"modelProviders": {"openai": models}})
    assert len(checked(tmp_path)) == 1


FILES: Final = tuple(dict.fromkeys(path for _, path, *_ in CASES))
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("env", "provider", "providers", "modelProviders", "options", "settings", "base_url", "model")
            )
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(content=JSON, path=st.sampled_from(FILES))
def test_no_settings_break_it(content: object, path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """JSON is YAML too; what is no TOML counts as not there."""
    home = tmp_path_factory.mktemp("home")
    write(home, path, json.dumps(content))
    for finding in checked(home):
        assert finding.level in {"ok", "warn", "FAIL"}
        assert finding.names


@given(data=st.binary(max_size=40), path=st.sampled_from(FILES))
def test_no_bytes_break_it(data: bytes, path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    write(home, path, "")
    (home / path).write_bytes(data)
    assert isinstance(checked(home), list)


def test_yaml_that_goes_round_ends() -> None:
    circle: dict[str, object] = {"base_url": "x"}
    circle["again"] = circle
    assert 0 < len(list(_below(circle, "model", "base_url"))) < 20


def test_a_file_far_from_home_is_named_whole(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    write(project, ".claude/settings.json", {"env": {"NO_PROXY": "*"}})
    (settings,) = settings_of({"HOME": str(tmp_path / "home")}, project)
    assert settings.variables[0].file == str(project / ".claude" / "settings.json")


# -- which agent reads which variable


@pytest.mark.parametrize(
    ("variables", "left"),
    (
        ((), {"claude", "codex", "kimi", "hermes"}),
        (("NODE_EXTRA_CA_CERTS",), {"codex", "hermes"}),
        (("SSL_CERT_FILE",), {"kimi"}),
        (("CODEX_CA_CERTIFICATE",), {"claude", "kimi", "hermes"}),
        (("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), {"claude", "codex", "kimi", "hermes"}),
        (("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), set()),
    ),
)
def test_agents_differ_in_the_variable_that_they_read(
    variables: tuple[str, ...], left: set[str], tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for name in ("claude", "codex", "kimi", "hermes"):
        (tmp_path / name).touch(0o755)
    environ = {"PATH": str(tmp_path), **dict.fromkeys(variables, str(ca))}
    assert {finding.about for finding in check_agents_trust(environ, ca, needed=True)} == left
    assert check_agents_trust(environ, ca, needed=False) == []


# -- what is said of all findings


def test_a_key_where_none_belongs_is_not_shown() -> None:
    secret = "an-office-secret-0123456789"
    findings = [
        Finding("ok", "x", f"https://h/{KEY}/v1", f"set it to {secret}", (f"a {secret}",)),
        Finding("ok", "x", "a\x1b[31mred\x07"),
    ]
    said = json.dumps(as_plain(cleaned(findings, {"OFFICE_API_KEY": secret, "TOKEN": "short"})))
    assert KEY not in said
    assert secret not in said
    assert "sk-kimi-" in said
    assert "\\u001b" not in said


def test_the_same_of_two_names_is_said_once() -> None:
    one, two = Finding("ok", "x", "y", "", ("A",)), Finding("ok", "x", "y", "", ("B",))
    assert merged([one, two, one]) == [Finding("ok", "x", "y", "", ("A", "B"))]
