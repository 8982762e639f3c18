"""Providers as Plano names them: the word in front of a model, where it leads without a ``base_url``, and the wires.

Sources: ``config/envoy.template.yaml`` (hosts), ``crates/hermesllm/src/clients/endpoints.rs`` (paths),
``crates/hermesllm/src/providers/id.rs`` (wires) and ``cli/planoai/defaults.py`` (bases) of Plano 0.4.36.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from wiremend.families import FAMILIES
from wiremend.rules.providers import builtin_nodes, compile_providers
from wiremend.rules.references import Template
from wiremend.rules.report import Report
from wiremend.rules.urls import parse_base

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.model import Provider
    from wiremend.rules.urls import Base

    type Wires = tuple[WireName, ...]

_CHAT: Final[Wires] = ("chat",)
_OPENAI: Final[Wires] = ("chat", "responses")


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider that Plano knows.

    ``wires`` are those that Plano speaks to it. ``base`` is where it is, ``builtin`` the provider of ours that it is;
    one with neither needs a ``base_url``. ``unserved`` says why Wiremend cannot ask it.
    """

    wires: Wires = _CHAT
    base: str | None = None
    builtin: str | None = None
    needs_base: bool = False
    unserved: str | None = None


VENDORS: Final[Mapping[str, Vendor]] = {
    "anthropic": Vendor(("messages",), builtin="anthropic"),
    "deepseek": Vendor(builtin="deepseek"),
    "digitalocean": Vendor(base="https://inference.do-ai.run/v1"),
    "edenai": Vendor(base="https://api.edenai.run/v3"),
    "gemini": Vendor(base="https://generativelanguage.googleapis.com/v1beta/openai#"),
    "groq": Vendor(base="https://api.groq.com/openai/v1"),
    "mistral": Vendor(base="https://api.mistral.ai/v1"),
    "moonshotai": Vendor(builtin="moonshot"),
    "openai": Vendor(_OPENAI, builtin="openai"),
    "openrouter": Vendor(builtin="openrouter"),
    "together_ai": Vendor(base="https://api.together.xyz/v1"),
    "vercel": Vendor(("chat", "messages", "responses"), base="https://ai-gateway.vercel.sh/v1"),
    "xai": Vendor(_OPENAI, base="https://api.x.ai/v1"),
    "xiaomi": Vendor(base="https://api.xiaomimimo.com/v1"),
    "zhipu": Vendor(base="https://open.bigmodel.cn/api/paas/v4"),
    "azure_openai": Vendor(needs_base=True),
    "ollama": Vendor(builtin="ollama", needs_base=True),
    "plano": Vendor(needs_base=True),
    "qwen": Vendor(needs_base=True),
    "amazon_bedrock": Vendor(needs_base=True, unserved="it speaks Bedrock's own wire, which is none of Wiremend's"),
    "chatgpt": Vendor(
        unserved="a ChatGPT login is the agent's own; `wiremend run -- codex` passes it on, without rules for it"
    ),
}

AZURE_PATH: Final = "openai/deployments"
AZURE_QUERY: Final = "api-version=2025-01-01-preview"
"""What Plano puts around the name of a deployment, the path where the base has none."""

QWEN_PATH: Final = "compatible-mode/v1"

KIMI_HOST: Final = "api.kimi.com"
KIMI_AGENT: Final = "KimiCLI/1.3"
"""The User-Agent that Plano sends to that host where the file names none."""


@cache
def builtins() -> Mapping[str, Provider]:
    """Give the built-in providers, compiled."""
    return compile_providers({}, Report("builtin.yaml"))


def base_of(provider: Provider, wire: WireName) -> Base:
    """Give a built-in provider's base on a wire, with no variable set."""
    return parse_base(provider.bases[wire].expand({}))


def at_home(url: str) -> Provider | None:
    """Give the built-in provider that lives at a URL: at its host and below its path.

    Where it has one URL for all wires, another host of its vendor's will do (api.kimi.ai for api.kimi.com).
    """
    if Template(url).names:
        return None
    there = parse_base(url)
    for provider in builtins().values():
        alone = len({base.text for base in provider.bases.values()}) == 1
        for wire in provider.speaks:
            base = base_of(provider, wire)
            if (base.scheme, base.port, base.root) == (there.scheme, there.port, there.root) and (
                base.host == there.host or (alone and _one_vendor(base.host, there.host))
            ):
                return provider
    return None


def _one_vendor(one: str, two: str) -> bool:
    return any(family.at_home(one) and family.at_home(two) for family in FAMILIES)


def is_builtin(name: str) -> bool:
    """Tell whether a provider of this name is built in."""
    return name in builtin_nodes()
