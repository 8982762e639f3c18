"""Families of credentials: how their values begin, and whose they are.

One table serves three questions: may a client's own credential go to this host (guarantee G11), how must it travel,
and does a text in a file look like a credential that should not be there (G8)? A family's *homes* are its vendor's
API hosts, each by its whole name. Prefixes are from the vendors' own key formats; a family without a
home (plain ``sk-``: OpenAI's old keys, Moonshot's, DeepSeek's …) cannot be told apart by its looks, so such a key
goes only to the host it was sent to, or where the rules say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

type AuthStyle = Literal["bearer", "x-api-key"]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of credential.

    ``prefix`` is how its values begin; ``homes`` are hosts; ``style`` is set where it travels in one way only
    (an Anthropic OAuth token is refused as ``x-api-key``).
    """

    name: str
    prefix: str
    homes: tuple[str, ...] = ()
    style: AuthStyle | None = None

    def at_home(self, host: str) -> bool:
        """Tell whether ``host`` belongs to the vendor."""
        return host.lower() in self.homes


_ANTHROPIC = ("api.anthropic.com",)
_OPENAI = ("api.openai.com", "chatgpt.com")

FAMILIES: tuple[Family, ...] = (
    # The longest prefix first: the first that fits is the family.
    Family("kimi-code", "sk-kimi-", ("api.kimi.com", "api.kimi.ai")),
    Family("anthropic-oauth", "sk-ant-oat", _ANTHROPIC, style="bearer"),
    Family("anthropic", "sk-ant-", _ANTHROPIC),
    Family("openrouter", "sk-or-", ("openrouter.ai",)),
    Family("openai-project", "sk-proj-", _OPENAI),
    Family("openai-service", "sk-svcacct-", _OPENAI),
    Family("openai-admin", "sk-admin-", _OPENAI),
    Family("groq", "gsk_", ("api.groq.com",)),
    Family("xai", "xai-", ("api.x.ai",)),
    Family("google", "AIza", ("generativelanguage.googleapis.com",)),
    Family("huggingface", "hf_", ("router.huggingface.co",)),
    Family("nvidia", "nvapi-", ("integrate.api.nvidia.com",)),
    Family("perplexity", "pplx-", ("api.perplexity.ai",)),
    Family("fireworks", "fw_", ("api.fireworks.ai",)),
    Family("cerebras", "csk-", ("api.cerebras.ai",)),
    Family("json-web-token", "eyJ", (), style="bearer"),
    Family("secret-key", "sk-"),
)

CREDENTIAL_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "proxy-authorization",
        "cookie",
        "x-auth-token",
        "ocp-apim-subscription-key",
    }
)
"""Headers whose value is a credential: in rules.yaml it must be a reference, in a capture a surrogate."""

QUERY_CARRIERS = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
"""Query parameters in which credentials travel."""

HOMES: tuple[str, ...] = tuple(dict.fromkeys(home for family in FAMILIES for home in family.homes))
"""Every vendor's host: the proxy decrypts these besides the providers' own."""

_LONG = 16
"""A prefix with fewer characters behind it is a glob's beginning or an example, not a credential."""

_HEAD = 8
"""Characters behind the prefix of a known key by which a part of it is told; a digit must be among them."""

ENVELOPE = "wiremend1."
"""How a sealed text begins that holds another wire's proof of its reasoning (:mod:`wiremend.protocols.envelope`)."""

SHORTEST = 6
"""A known secret with fewer characters is a word like `dummy`, which may stand in any text."""

_PREFIXES = "|".join(re.escape(family.prefix) for family in FAMILIES)
_SPELLED = rf"(?:{_PREFIXES})[A-Za-z0-9_.~+/=-]{{{_LONG},}}"
_CREDENTIAL = re.compile(rf"(?<![A-Za-z0-9_-]){_SPELLED}")
_SURROGATE = rf"(?:{_PREFIXES})(?:[a-z0-9]{{1,12}}-)?SCRUBBED[0-9a-f]{{8,}}(?!\.*[A-Za-z0-9_~+/=-])"
"""What stands in a capture for a credential, also behind the longer prefixes (``sk-ant-oat01-``, ``sk-or-v1-``)."""

_SECRET = re.compile(rf"(?<![A-Za-z0-9_-])(?!{_SURROGATE}){_SPELLED}")


def family_of(credential: str) -> Family | None:
    """Give the family of a credential by its prefix; None where its looks say nothing."""
    return next((family for family in FAMILIES if credential.startswith(family.prefix)), None)


def looks_like_credential(text: str) -> bool:
    """Tell whether a text holds what looks like a credential of a known family.

    A surrogate counts as what it stands for, so that a decision about a request is the same in replay (G10).
    """
    return _CREDENTIAL.search(text) is not None


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """Give a text from outside without credentials: those that are known, and what looks like one (G8).

    Surrogates stay whole: which of them it is tells a reader of a capture something, and no one else anything.
    """
    for secret in secrets:
        if len(secret) >= SHORTEST:
            text = _without_parts(text.replace(secret, shown(secret)), secret)
    return _SECRET.sub(lambda match: shown(match[0]), text)


def _without_parts(text: str, secret: str) -> str:
    """Take out what is the beginning of a secret: a provider may show a part of a key that it refused.

    How an address begins is no secret, and other addresses begin so as well.
    """
    family = family_of(secret)
    head = secret[: len(family.prefix) + _HEAD if family else _LONG]
    if len(head) == len(secret) or "://" in head or not any(character.isdigit() for character in head):
        return text
    at = text.find(head)
    while at >= 0:
        end = at + len(head)
        while text[end : end + 1] and text[end : end + 1] == secret[end - at : end - at + 1]:
            end += 1
        text = text[:at] + shown(secret) + text[end:]
        at = text.find(head, at + 1)
    return text


def shown(credential: str) -> str:
    """Give what may be shown of a credential: its family's prefix and no more (G8)."""
    family = family_of(credential)
    return f"{family.prefix}…" if family else "…"
