"""How each agent is launched: one table, agent -> how, per style.

There are two styles. **proxy**: ``HTTPS_PROXY`` leads the agent's connections through us, and CA variables make it
trust our certificates; its base URLs, login and configuration stay as they are, which is why it is the default.
**gateway**: the agent's base URL becomes ours, and rules.yaml decides where a request goes. An agent that is not in
the table gets every variable of the style.

Which variables an agent reads was measured on loopback, 2026-11, agent by agent; what needs more than variables is in
:mod:`wiremend.cli.recipes`. The user's own credentials and files are never changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wiremend.cli import recipes
from wiremend.cli.recipes import Change, Launch, Overlay, Style
from wiremend.families import HOMES
from wiremend.mitm.trust import extra_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["AGENTS", "GENERIC", "Agent", "LaunchPlan", "Overlay", "Style", "bypasses", "find_agent", "plan"]


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent.

    ``names`` are its program and its packages, as they stand on a command line. ``trust`` is the variable by which it
    learns of our CA (for hints). ``bases`` are the variables of the gateway style, with ``{base}`` for our URL without
    a path: an SDK that adds ``/v1`` itself gets it bare. ``recipe`` does what variables cannot. ``via`` is the default
    style; it is "proxy" unless that is known not to work.
    """

    id: str
    names: tuple[str, ...]
    trust: str
    bases: Mapping[str, str] = field(default_factory=dict)
    recipe: Callable[[Launch], Change] | None = None
    proxied: Mapping[str, str] = field(default_factory=dict)
    via: Style = "proxy"


AGENTS: Final = (
    Agent(
        "claude",
        ("claude", "@anthropic-ai/claude-code"),
        trust="NODE_EXTRA_CA_CERTS",
        bases={"ANTHROPIC_BASE_URL": "{base}"},
        recipe=recipes.claude,
    ),
    Agent("codex", ("codex", "@openai/codex"), trust="SSL_CERT_FILE", recipe=recipes.codex),
    Agent("opencode", ("opencode", "opencode-ai"), trust="NODE_EXTRA_CA_CERTS", recipe=recipes.opencode),
    Agent(
        "qwen",
        ("qwen", "qwen-code", "@qwen-code/qwen-code"),
        trust="NODE_EXTRA_CA_CERTS",
        bases={"OPENAI_BASE_URL": "{base}/v1", "ANTHROPIC_BASE_URL": "{base}"},
        recipe=recipes.qwen,
    ),
    Agent(
        "kimi",
        ("kimi", "kimi-code", "@moonshot-ai/kimi-code"),
        trust="NODE_EXTRA_CA_CERTS",
        bases={"KIMI_MODEL_BASE_URL": "{base}/v1"},  # read where KIMI_MODEL_NAME is set
        recipe=recipes.kimi,
    ),
    Agent("pi", ("pi", "@mariozechner/pi-coding-agent"), trust="NODE_EXTRA_CA_CERTS", recipe=recipes.pi),
    Agent(
        "hermes",
        ("hermes", "hermes-agent"),
        trust="SSL_CERT_FILE",
        # KIMI_BASE_URL is measured; the others are what its provider table (hermes_cli/auth.py) names.
        bases={
            "KIMI_BASE_URL": "{base}/v1",
            "OPENAI_BASE_URL": "{base}/v1",
            "OPENROUTER_BASE_URL": "{base}/v1",
            "DEEPSEEK_BASE_URL": "{base}/v1",
            "GLM_BASE_URL": "{base}/v1",
            "ANTHROPIC_BASE_URL": "{base}",
        },
        recipe=recipes.hermes,
    ),
    Agent("cline", ("cline",), trust="NODE_EXTRA_CA_CERTS", recipe=recipes.cline),
)

GENERIC: Final = Agent(
    "generic",
    (),
    trust="SSL_CERT_FILE or NODE_EXTRA_CA_CERTS",
    # The official SDKs' variables, and those of programs that keep one a provider.
    bases={
        "ANTHROPIC_BASE_URL": "{base}",
        "OPENAI_BASE_URL": "{base}/v1",
        "OPENAI_API_BASE": "{base}/v1",
        "KIMI_BASE_URL": "{base}/v1",
        "MOONSHOT_BASE_URL": "{base}/v1",
        "DEEPSEEK_BASE_URL": "{base}/v1",
        "OPENROUTER_BASE_URL": "{base}/v1",
    },
    proxied={"NODE_USE_ENV_PROXY": "1"},  # Node's own fetch ignores HTTPS_PROXY without it (Node 22.21 and 24)
)
"""What a command that no entry fits is given."""

_RUNNERS: Final = frozenset({"npx", "bunx", "pnpm", "yarn", "npm", "bun", "node", "deno", "uvx", "pipx", "uv", "env"})
"""Programs that start an agent named among their arguments."""

_PROXY_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What to start: a command line and its whole environment; what to tell the user; overlays to settle afterwards."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    notes: tuple[str, ...] = ()
    overlays: tuple[Overlay, ...] = ()


def find_agent(argv: Sequence[str], named: str = "") -> Agent:
    """Give the entry for a command, by the program (or package) that it starts.

    Where that says nothing (a script of the user's that starts an agent) the entry that is ``named``, if it is one: the
    name is an id for the rules first. Else :data:`GENERIC`.
    """
    started = (agent for agent in AGENTS if _place(agent, argv) is not None)
    by_name = (agent for agent in AGENTS if agent.id == named.lower())
    return next(started, None) or next(by_name, GENERIC)


def plan(  # noqa: PLR0913 - the parts of a launch, each by its name
    agent: Agent,
    style: Style,
    *,
    base: str,
    ca: Path,
    bundle: Path,
    environ: Mapping[str, str],
    argv: Sequence[str],
    folder: Path,
    hosts: Collection[str] = HOMES,
    cwd: Path | None = None,
) -> LaunchPlan:
    """Plan a launch; writes nothing but below ``folder``, which must exist and be private.

    ``base`` is the proxy's URL without a path. ``ca`` is its CA, ``bundle`` the machine's roots with it. ``hosts`` are
    the LLM hosts that the proxy looks into: no entry of ``NO_PROXY`` may let them pass by. ``cwd`` is where the agent
    will run (here, if None).
    """
    notes: list[str] = []
    ours = {name: template.format(base=base) for name, template in agent.bases.items()}
    if style == "proxy":
        notes += _unseen(environ, (*agent.bases, *GENERIC.bases))
        ours = {**_proxied(base, bundle, extra_bundle(ca, folder, environ)), **agent.proxied}
        ours |= _without_bypass(environ, hosts, notes)
    else:
        ours |= _local_bypass(environ, base)
    launch = Launch(style, base, environ, ours, argv, folder, cwd or Path.cwd())
    change = agent.recipe(launch) if agent.recipe else Change()
    behind = (_place(agent, argv) or 0) + 1
    return LaunchPlan(
        (*argv[:behind], *change.flags, *argv[behind:]),
        {**environ, **ours, **change.environ},
        (*notes, *change.notes),
        change.overlays,
    )


def _place(agent: Agent, argv: Sequence[str]) -> int | None:
    """Give the index of the word that names the agent: the program, or what a runner is told to start."""
    words = argv if PurePath(argv[0]).name in _RUNNERS else argv[:1]
    for index, word in enumerate(words):
        package = word[:1] + word[1:].partition("@")[0]  # @openai/codex@0.169.0
        if package in agent.names or PurePath(word).name.partition(".")[0] in agent.names:
            return index
    return None


def _proxied(base: str, bundle: Path, extra: Path) -> dict[str, str]:
    """Give the variables of the proxy style.

    HTTP_PROXY is left alone: a provider on plain HTTP is one's own machine or network, and Claude Code's probes of
    local editors must not make the detour.
    """
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), base)
    replacing = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CODEX_CA_CERTIFICATE")
    return {**proxy, **dict.fromkeys(replacing, str(bundle)), "NODE_EXTRA_CA_CERTS": str(extra)}


def _without_bypass(environ: Mapping[str, str], hosts: Collection[str], notes: list[str]) -> dict[str, str]:
    """Thin out NO_PROXY: what would let an LLM host pass by goes, everything else stays."""
    changed = {}
    for name in ("NO_PROXY", "no_proxy"):
        entries = [entry for entry in environ.get(name, "").replace(",", " ").split() if entry]
        gone = [entry for entry in entries if any(bypasses(entry, host) for host in hosts)]
        if gone:
            changed[name] = ",".join(entry for entry in entries if entry not in gone)
            notes.append(f"{name}: {', '.join(gone)} left out for this run, or LLM calls would have passed by")
    return changed


def bypasses(entry: str, host: str) -> bool:
    """Tell whether an entry of NO_PROXY matches a host: ``*``, a name, ``.suffix`` or ``*.suffix``, with any port."""
    suffix = re.sub(r":\d+$", "", entry.lower()).lstrip("*").lstrip(".")
    return not suffix or host == suffix or host.endswith(f".{suffix}")


def _local_bypass(environ: Mapping[str, str], base: str) -> dict[str, str]:
    """Keep the machine's proxy from getting the requests to our gateway, which is on loopback.

    Claude Code sends them there by HTTPS_PROXY as well, though their URL is plain http (measured).
    """
    if not any(environ.get(name) for name in _PROXY_VARIABLES):
        return {}
    ours = urlsplit(base).hostname or ""
    both = {name: environ.get(name) or environ.get(name.swapcase(), "") for name in ("NO_PROXY", "no_proxy")}
    return {name: ",".join(filter(None, (value, ours))) for name, value in both.items()}


def _unseen(environ: Mapping[str, str], variables: Sequence[str]) -> list[str]:
    """Say which base URLs are plain HTTP, which HTTPS_PROXY need not lead through us (it does for Claude Code)."""
    return [
        f"{name} is plain http, which most agents do not send through an HTTPS proxy; --via gateway sees those calls"
        for name in dict.fromkeys(variables)
        if environ.get(name, "").startswith("http://")
    ]
