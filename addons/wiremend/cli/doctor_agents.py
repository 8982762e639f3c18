"""What ``wiremend doctor`` says of the agents on this machine: which there are, and which would pass Wiremend by.

An agent's own settings overrule the environment, so they are read here as :mod:`wiremend.cli.recipes` reads them:
which base URLs they name, and, where they set variables, which. A value is shown only where it is the place that a URL
leads to; a key is never looked at.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from wiremend.cli.agents import AGENTS, GENERIC
from wiremend.cli.doctor_ports import Look, check_base, check_bypass, read_url
from wiremend.cli.doctor_trust import ADDING, check_trust, holds
from wiremend.cli.finding import Finding
from wiremend.cli.recipes import Launch, parse_json, read_json, read_toml
from wiremend.rules.lookup import home_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wiremend.rules.resolve import Resolved

_KIMIS_NODE: Final = 22
_V1: Final = "{base}/v1"
_BARE: Final = "{base}"
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "claude": (ADDING, "SSL_CERT_FILE"),
    "codex": ("SSL_CERT_FILE", "CODEX_CA_CERTIFICATE"),
    "opencode": (ADDING, "SSL_CERT_FILE"),
    "qwen": (ADDING,),
    "kimi": (ADDING,),
    "pi": (ADDING,),
    "hermes": ("SSL_CERT_FILE",),
    "cline": (ADDING,),
}
"""Which variables make each agent trust a CA; measured, 2026-11."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base URL in an agent's settings: where it stands, and the form that the agent wants (as in the table)."""

    place: str
    value: str
    template: str = _V1


@dataclass(frozen=True, slots=True)
class Variables:
    """Variables that an agent's settings set, and who wins: ``run`` tells whether ``wiremend run`` overrules them."""

    file: str
    values: Mapping[str, str]
    run: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """What is known of one agent's settings."""

    agent: str
    bases: tuple[Base, ...] = ()
    variables: tuple[Variables, ...] = field(default=())


def check_agents(environ: Mapping[str, str], node: str | None) -> list[Finding]:
    """Check which agents are on PATH; ``node`` is Node's version, such as ``v22.1.0``."""
    programs = installed(environ)
    runtime = f"node {node}" if node else "no node"
    if not programs:
        return [Finding("warn", "agents", f"none of {', '.join(agent.id for agent in AGENTS)} on PATH; {runtime}")]
    major = int(node.lstrip("v").partition(".")[0]) if node else 0
    findings = [Finding("ok", "agents", f"{', '.join(programs)}; {runtime}")]
    if "kimi" in programs and 0 < major < _KIMIS_NODE:
        what = f"kimi needs Node {_KIMIS_NODE} or newer, here is {node}"
        findings.append(Finding("warn", "agents", what, "install a newer Node"))
    return findings


def installed(environ: Mapping[str, str]) -> list[str]:
    """Name the known agents whose program is on PATH."""
    path = environ.get("PATH", "")
    return [agent.id for agent in AGENTS if any(shutil.which(name, path=path) for name in agent.names)]


def check_agents_trust(environ: Mapping[str, str], ca: Path, *, needed: bool) -> list[Finding]:
    """Check which agents on PATH read none of the variables that hold the CA; ``needed``: they see its certificates."""
    if not needed:
        return []
    having = {name for names in _READS.values() for name in names if environ.get(name) and holds(environ[name], ca)}
    return [
        Finding(
            "warn",
            agent,
            f"reads its CA from {' or '.join(_READS[agent])}, and none of that holds Wiremend's",
            f"set {_READS[agent][0]} as `wiremend proxy` prints it, or start it with `wiremend run -- {agent}`",
        )
        for agent in installed(environ)
        if having.isdisjoint(_READS[agent])
    ]


def check_settings(  # noqa: PLR0913 - what the settings are judged by
    environ: Mapping[str, str],
    cwd: Path,
    resolved: Resolved | None,
    look_at: Look,
    *,
    ca: Path,
    hosts: frozenset[str],
    needed: bool,
) -> list[Finding]:
    """Check what the agents' own settings lead to; ``cwd`` is the folder of the project that an agent would run in."""
    findings: list[Finding] = []
    for settings in settings_of(environ, cwd):
        said: list[Finding] = []
        for base in settings.bases:
            said += check_base(base.place, base.value, base.template, [], resolved, look_at)
        for layer in settings.variables:
            said += _check_variables(layer, resolved, look_at, ca=ca, hosts=hosts, needed=needed)
        findings += [replace(finding, about=settings.agent) for finding in said]
    return findings


def _check_variables(  # noqa: PLR0913 - as above
    layer: Variables,
    resolved: Resolved | None,
    look_at: Look,
    *,
    ca: Path,
    hosts: frozenset[str],
    needed: bool,
) -> Iterator[Finding]:
    values = layer.values
    overruled = "nothing, with `wiremend run`, which overrules it; else " if layer.run else ""
    templates = {name: template for agent in (GENERIC, *AGENTS) for name, template in agent.bases.items()}
    said = [
        finding
        for name, template in templates.items()
        if values.get(name)
        for finding in check_base(name, values[name], template, [], resolved, look_at)
    ]
    for name in _PROXIES:
        if not values.get(name):
            continue
        value = values[name]
        url = read_url(value if "://" in value else f"http://{value}")
        if url is not None and url.local and look_at(url.port).kind == "wiremend":
            said.append(Finding("ok", "", f"the Wiremend on port {url.port}", "", (name,)))
        else:
            where = url.shown if url is not None else "no URL of a proxy"
            said.append(Finding("warn", "", f"{where}, past Wiremend", f"{overruled}take it out", (name,)))
    said += [replace(finding, do=f"{overruled}take it out") for finding in check_bypass(values, hosts)]
    trust = [finding for finding in check_trust(values, ca, needed=needed) if finding.names]
    said += [finding for finding in trust if finding.level != "ok" or needed]
    for finding in said:
        yield replace(finding, names=tuple(f"{layer.file} {name}" for name in finding.names))


# -- the agents' settings


def settings_of(environ: Mapping[str, str], cwd: Path) -> list[Settings]:
    """Read the settings of each known agent that has some. What cannot be read counts as not there."""
    launch = Launch("proxy", "", environ, {}, (), cwd, cwd)
    home = home_folder(environ)

    def near(path: Path) -> str:
        return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)

    found = (Settings(name, *read(launch, near)) for name, read in _READERS.items())
    return [settings for settings in found if settings.bases or settings.variables]


type _Near = Callable[[Path], str]
type _Read = tuple[tuple[Base, ...], tuple[Variables, ...]]


def _claude(launch: Launch, near: _Near) -> _Read:
    config = launch.path("CLAUDE_CONFIG_DIR", ".claude")
    project = launch.cwd / ".claude"
    files = [config / "settings.json", project / "settings.json", project / "settings.local.json"]
    layers = [(file, _texts(read_json(file).get("env"))) for file in dict.fromkeys(files)]
    return (), tuple(Variables(near(file), values, run=True) for file, values in layers if values)


def _codex(launch: Launch, near: _Near) -> _Read:
    file = launch.path("CODEX_HOME", ".codex") / "config.toml"
    config = read_toml(file)
    named = [("openai_base_url", config.get("openai_base_url"))]
    for name, provider in _mapping(config.get("model_providers")).items():
        named.append((f"model_providers.{name}.base_url", _mapping(provider).get("base_url")))
    return _bases(near(file), named), ()


def _opencode(launch: Launch, near: _Near) -> _Read:
    config = launch.path("XDG_CONFIG_HOME", ".config") / "opencode"
    names = ("opencode.json", "opencode.jsonc")
    files = [config / name for name in ("config.json", *names)]
    files += [place / name for place in (launch.cwd, *launch.cwd.parents) for name in names]
    if own := launch.environ.get("OPENCODE_CONFIG"):
        files.append(Path(own))
    layers = [(near(file), read_json(file)) for file in dict.fromkeys(files)]
    layers.append(("$OPENCODE_CONFIG_CONTENT", parse_json(launch.environ.get("OPENCODE_CONFIG_CONTENT", ""))))
    bases: list[Base] = []
    for where, content in layers:
        providers = _mapping(content.get("provider"))
        named = [
            (f"provider.{name}.options.baseURL", _mapping(_mapping(provider).get("options")).get("baseURL"))
            for name, provider in providers.items()
        ]
        bases += _bases(where, named)
    return tuple(bases), ()


def _qwen(launch: Launch, near: _Near) -> _Read:
    system = launch.environ.get("QWEN_CODE_SYSTEM_SETTINGS_PATH") or "/etc/qwen-code/settings.json"
    files = [Path(system), *(folder / ".qwen" / "settings.json" for folder in (launch.home, launch.cwd))]
    bases: list[Base] = []
    for file in dict.fromkeys(files):
        for kind, models in _mapping(read_json(file).get("modelProviders")).items():
            entries = models if isinstance(models, list) else []
            named = [(f"modelProviders.{kind}.baseUrl", _mapping(model).get("baseUrl")) for model in entries]
            bases += _bases(near(file), named, _BARE if kind == "anthropic" else _V1)
    return tuple(dict.fromkeys(bases)), ()


def _kimi(launch: Launch, near: _Near) -> _Read:
    file = launch.path("KIMI_CODE_HOME", ".kimi-code") / "config.toml"
    providers = _mapping(read_toml(file).get("providers"))
    named = [(f"providers.{name}.base_url", _mapping(provider).get("base_url")) for name, provider in providers.items()]
    return _bases(near(file), named, ""), ()


def _pi(launch: Launch, near: _Near) -> _Read:
    file = launch.path("PI_CODING_AGENT_DIR", ".pi", "agent") / "models.json"
    bases: list[Base] = []
    for name, provider in _mapping(read_json(file).get("providers")).items():
        bare = _mapping(provider).get("api") == "anthropic-messages"
        named = [(f"providers.{name}.baseUrl", _mapping(provider).get("baseUrl"))]
        bases += _bases(near(file), named, _BARE if bare else _V1)
    return tuple(bases), ()


def _hermes(launch: Launch, near: _Near) -> _Read:
    home = launch.path("HERMES_HOME", ".hermes")
    try:
        config = _mapping(yaml.safe_load((home / "config.yaml").read_text("utf-8")))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        config = {}
    keys = ("model", "providers", "custom_providers")
    named = [pair for key in keys for pair in _below(config.get(key), key, "base_url")]
    try:
        lines = (home / ".env").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    matches = (re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line) for line in lines)
    values = {match[1]: match[2].strip("\"'") for match in matches if match}
    layer = (Variables(near(home / ".env"), values, run=False),) if values else ()
    return _bases(near(home / "config.yaml"), named, ""), layer


def _cline(launch: Launch, near: _Near) -> _Read:
    data = launch.path("CLINE_DATA_DIR", ".cline", "data")
    if not launch.environ.get("CLINE_DATA_DIR") and launch.environ.get("CLINE_DIR"):
        data = launch.path("CLINE_DIR") / "data"
    file = Path(launch.environ.get("CLINE_PROVIDER_SETTINGS_PATH") or data / "settings" / "providers.json")
    providers = _mapping(read_json(file).get("providers"))
    named = [
        (f"providers.{name}.settings.baseUrl", _mapping(_mapping(provider).get("settings")).get("baseUrl"))
        for name, provider in providers.items()
    ]
    return _bases(near(file), named), ()


_READERS: Final[Mapping[str, Callable[[Launch, _Near], _Read]]] = {
    "claude": _claude,
    "codex": _codex,
    "opencode": _opencode,
    "qwen": _qwen,
    "kimi": _kimi,
    "pi": _pi,
    "hermes": _hermes,
    "cline": _cline,
}


def _bases(file: str, named: Iterable[tuple[str, object]], template: str = _V1) -> tuple[Base, ...]:
    """Give the bases that are texts. One that is taken from a variable (``{env:X}``, ``${X}``) is judged as that."""
    return tuple(
        Base(f"{file} {key}", value, template)
        for key, value in named
        if isinstance(value, str) and value.strip() and not re.search(r"\{\w+:|\$", value)
    )


def _below(value: object, place: str, key: str, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Give each value under ``key`` below a value, with its place."""
    if depth > 8:  # noqa: PLR2004 - no settings are that deep, and an alias of YAML may go round
        return
    pairs: Iterable[tuple[object, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for name, item in pairs:
        if name == key:
            yield f"{place}.{name}", item
        else:
            yield from _below(item, f"{place}.{name}", key, depth + 1)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(name): item for name, item in _mapping(value).items() if isinstance(item, str)}


# -- looking at this machine


def node_version(environ: Mapping[str, str]) -> str | None:
    """Give the version of the Node on PATH; None where there is none that runs."""
    program = shutil.which("node", path=environ.get("PATH", ""))
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - found on PATH
            [program, "--version"],
            env={"PATH": environ.get("PATH", "")},
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if re.fullmatch(r"v\d+(\.\d+)*", done.stdout.strip()) else None
