"""Whose key it is, and which endpoint it belongs to.

Most vendors have one endpoint. Kimi has two, and the key says which: ``sk-kimi-…`` is taken by Kimi Coding alone, every
other one by the open platform (Moonshot) alone. A key that by its prefix is another vendor's is refused before it can
be sent to a stranger (G11). No message holds a key, only its prefix (G8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.errors import SetupError
from wiremend.families import family_of, shown
from wiremend.rules.providers import builtin_nodes
from wiremend.rules.references import Template
from wiremend.rules.urls import parse_base

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.rules.model import Provider
    from wiremend.rules.resolve import Resolved


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider of rules.yaml. ``prefix`` is how every key of it begins; empty where that says nothing."""

    provider: str
    label: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who gives out the key; ``label`` is the name on the screen, ``name`` the one for ``--provider``."""

    name: str
    label: str
    endpoints: tuple[Endpoint, ...]


_KIMI: Final = "sk-kimi-"
VENDORS: Final = (
    Vendor("kimi", "Kimi", (Endpoint("kimi-code", "Kimi Coding", _KIMI), Endpoint("moonshot", "Moonshot"))),
    Vendor("kimi-cn", "Kimi (China)", (Endpoint("moonshot-cn", "Moonshot China"),)),
    Vendor("deepseek", "DeepSeek", (Endpoint("deepseek", "DeepSeek"),)),
    Vendor("openrouter", "OpenRouter", (Endpoint("openrouter", "OpenRouter", "sk-or-"),)),
    Vendor("anthropic", "Anthropic", (Endpoint("anthropic", "Anthropic", "sk-ant-"),)),
    Vendor("openai", "OpenAI", (Endpoint("openai", "OpenAI"),)),
    Vendor("zai", "Z.ai", (Endpoint("zai", "Z.ai coding plan"),)),
)
"""The built-in providers that take a key, in the order of the list."""

_REFERENCE: Final = re.compile(r"\$|op://|keyring:|file:")
_SHORTEST: Final = 8


def vendors_of(resolved: Resolved) -> tuple[Vendor, ...]:
    """Give the built-in vendors, and each provider that the rules add and that wants a key."""
    known = {endpoint.provider for vendor in VENDORS for endpoint in vendor.endpoints}
    own = [
        Vendor(name, name, (Endpoint(name, name),))
        for name, provider in resolved.rules.providers.items()
        if name not in known and provider.line and provider.needs_credential
    ]
    return (*VENDORS, *own)


def found_by(word: str, vendors: Iterable[Vendor]) -> list[Vendor]:
    """Give the vendors that a word means: one by its number, name or endpoint, else all that have it in a name."""
    every = list(vendors)
    wanted = word.strip().lower()
    if wanted.isascii() and wanted.isdigit():
        return [every[int(wanted) - 1]] if 0 < int(wanted) <= len(every) else []
    exact = [vendor for vendor in every if wanted in {vendor.name, vendor.label.lower()}]
    for vendor in every if not exact else ():
        exact += [
            Vendor(one.provider, vendor.label, (one,)) for one in vendor.endpoints if wanted == one.provider.lower()
        ]
    if exact or not wanted:
        return exact[:1]
    return [vendor for vendor in every if any(wanted in name.lower() for name in _names(vendor))]


def _names(vendor: Vendor) -> list[str]:
    return [vendor.name, vendor.label, *(name for one in vendor.endpoints for name in (one.provider, one.label))]


def clean_key(text: str) -> str:
    """Give a key as typed or piped without the white space around it.

    Raises :class:`SetupError` where it cannot be one; the message does not hold it.
    """
    key = text.strip()
    if not key:
        raise SetupError("no key was given")
    if _REFERENCE.match(key):
        raise SetupError("this is a reference to a key, not a key; write it under `key` in rules.yaml (docs/rules.md)")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SetupError("this is no key: it has a space, a line end or a letter in it that no key has; copy it again")
    if len(key) < _SHORTEST:
        raise SetupError("this is too short for a key; copy it again")
    return key


def endpoint_for(vendor: Vendor, key: str) -> Endpoint:
    """Give the endpoint that a key belongs to.

    Raises :class:`SetupError`, with whose it is, where the key is another vendor's or of another endpoint.
    """
    fits = [one for one in vendor.endpoints if one.prefix and key.startswith(one.prefix)]
    family = family_of(key)
    homes = family.homes if family else ()
    for one in (*fits, *(one for one in vendor.endpoints if one not in fits)):
        own = homes_of(one.provider)
        if one in fits or not homes or not own or set(homes) & own:
            if one.prefix == _KIMI and one not in fits:
                continue  # the coding endpoint takes its own keys only
            return one
    raise SetupError(_refusal(vendor, key, homes))


def _refusal(vendor: Vendor, key: str, homes: tuple[str, ...]) -> str:
    whose = [other for other in VENDORS for one in other.endpoints if set(homes) & homes_of(one.provider)]
    if whose:
        label = whose[0].endpoints[0].label
        hint = f"it is a key of {label}: choose {whose[0].label} (--provider {whose[0].name})"
    elif homes:
        hint = f"it is a key for {homes[0]}, which is not built in: write the provider into rules.yaml (docs/rules.md)"
    else:
        hint = "keys of Kimi Coding begin with sk-kimi-; any other belongs to Moonshot: --provider kimi finds out"
    return (
        f"{vendor.endpoints[0].label} does not take this key ({shown(key)}); {hint}. It was sent nowhere and not kept"
    )


def homes_of(provider: str) -> frozenset[str]:
    """Give the hosts of a built-in provider as its vendor has them, whatever the user's rules make of it."""
    node = builtin_nodes().get(provider)
    base = node.mapping["base_url"] if node is not None else None
    if base is None:
        return frozenset()
    texts = base.mapping.values() or [base]
    return frozenset(parse_base(Template(str(text.value)).expand({})).host for text in texts)


def doubt(endpoint: Endpoint, key: str) -> str:
    """Say what is odd about a key that is taken all the same; nothing where nothing is."""
    if not endpoint.prefix or key.startswith(endpoint.prefix):
        return ""
    return f"keys of {endpoint.label} usually begin with {endpoint.prefix}, and this one does not"


def url_of(endpoint: Endpoint, resolved: Resolved) -> str:
    """Give the base URL of an endpoint under the rules in force: that of the chat wire, else its first."""
    upstream = resolved.upstreams.get(endpoint.provider)
    if upstream is None:
        raise SetupError(f"the rules give {endpoint.provider!r} no usable base_url; `wiremend check` says why")
    return (upstream.bases.get("chat") or next(iter(upstream.bases.values()))).text


def variable_of(provider: Provider) -> str:
    """Give the environment variable for a provider's key: the one that its rules name, else one after its name."""
    named = next((reference.name for reference in provider.keys if reference.kind == "env"), None)
    node = builtin_nodes().get(provider.name)
    builtin = str(node.mapping["key"].value).removeprefix("$") if node and "key" in node.mapping else None
    return named or builtin or re.sub(r"\W", "_", provider.name.upper()) + "_API_KEY"


def in_environment(vendor: Vendor, resolved: Resolved, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Give the first of a vendor's variables that is set, and its value."""
    for one in vendor.endpoints:
        provider = resolved.rules.providers.get(one.provider)
        name = variable_of(provider) if provider else ""
        if environ.get(name, "").strip():
            return name, environ[name]
    return None


def command_for(provider: Provider) -> str:
    """Give the one command that runs an agent on a provider: it names the model as ``provider/model``."""
    model = f"{provider.name}/{next(iter(provider.models), 'MODEL')}"
    agent = f"claude --model {model}" if "messages" in provider.speaks else f"codex -m {model}"
    return f"wiremend run --via gateway -- {agent}"
