"""The official SDKs as clients: through the gateway by base URL, or through the HTTPS proxy as if it were not there.

They retry nothing (a test wants the first answer), and take nothing from the environment of the test run.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .proxy import Mitm

KEY: Final = "sk-kimi-FAKE-of-the-client"
CLAUDE: Final = "claude-cli/2.1.197 (external, sdk-cli)"
NO_ANTHROPIC_KEY: Final[Any] = {"X-Api-Key": anthropic.Omit(), "Authorization": anthropic.Omit()}
NO_OPENAI_KEY: Final[Any] = {"Authorization": openai.Omit()}
"""What ``extra_headers`` takes so that a call leaves without a credential."""

MESSAGES: Final[Any] = [{"role": "user", "content": "hi"}]


def anthropic_sdk(
    base: str,
    *,
    key: str = KEY,
    agent: str = CLAUDE,
    headers: Mapping[str, str] | None = None,
    proxy: Mitm | None = None,
) -> anthropic.Anthropic:
    """Make Anthropic's client for a base URL; ``proxy`` is the HTTPS proxy to go through, whose CA it then trusts."""
    return anthropic.Anthropic(
        base_url=base,
        api_key=key,
        max_retries=0,
        default_headers={"User-Agent": agent, **(headers or {})},
        http_client=anthropic.DefaultHttpxClient(**_way(proxy)),
    )


def openai_sdk(
    base: str,
    *,
    key: str = KEY,
    agent: str | None = None,
    headers: Mapping[str, str] | None = None,
    proxy: Mitm | None = None,
    http2: bool = False,
) -> openai.OpenAI:
    """Make OpenAI's client for a base URL; ``proxy`` as above, ``http2`` offers HTTP/2 as Codex does."""
    return openai.OpenAI(
        base_url=base,
        api_key=key,
        max_retries=0,
        default_headers={**({"User-Agent": agent} if agent else {}), **(headers or {})},
        http_client=openai.DefaultHttpxClient(http2=http2, **_way(proxy)),
    )


def _way(proxy: Mitm | None) -> dict[str, Any]:
    if proxy is None:
        return {"trust_env": False}
    return {"trust_env": False, "proxy": proxy.proxy_url, "verify": ssl.create_default_context(cafile=str(proxy.ca))}
