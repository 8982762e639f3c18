"""Why a try failed, and what to do about it: one sentence each, from what was said and how it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.families import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.cli.trying_send import Reply
    from wiremend.cli.trying_ways import Way
    from wiremend.rules.resolve import Upstream

_CAUSES: Final[Mapping[str, str]] = {
    "authentication": "the provider does not take the key",
    "permission": "the provider knows the key, but lets it not do this",
    "invalid_request": "the provider refuses the request",
    "not_found": "there is nothing at this address, or no such model",
    "model_not_found": "the provider has no such model, or not for this key",
    "request_too_large": "the provider refuses the request for its size",
    "rate_limit": "too many requests just now",
    "quota": "the balance, or what the plan allows, is used up; asking again will not help",
    "context_length": "the model takes less than this tiny request",
    "overloaded": "the provider is overloaded",
    "timeout": "no answer in time",
    "loop": "the provider's base_url leads back to Wiremend",
    "upstream": "the provider failed, or could not be reached",
    "internal": "Wiremend failed",
}
_GATE: Final = re.compile(r"only (?:currently )?available for coding agents|admits only the User-Agents", re.IGNORECASE)

_NETWORK: Final = (
    (
        re.compile(
            r"name or service not known|nodename nor servname|name resolution|getaddrinfo|no address", re.IGNORECASE
        ),
        "the host's name does not resolve (DNS)",
        "check the host in base_url, and the network",
    ),
    (
        re.compile(r"certificate|tls|ssl", re.IGNORECASE),
        "the TLS connection failed: its certificate is not trusted, or it speaks no TLS",
        "behind a company's proxy set SSL_CERT_FILE to its CA; on one's own machine the base_url is often http://",
    ),
    (
        re.compile(r"connect call failed|refused", re.IGNORECASE),
        "nothing listens at this address",
        "start the server, or mend the port in base_url",
    ),
    (
        re.compile(r"unreachable|no route to host", re.IGNORECASE),
        "the network does not lead there",
        "check the network, and HTTPS_PROXY where you need one",
    ),
    (
        re.compile(r"cut the stream|has no end|closed|broke|reset|incomplete", re.IGNORECASE),
        "the connection ended before the answer did",
        "try again; if it stays so, something on the way cuts streams: look at proxies and their time-outs",
    ),
)


def cause(reply: Reply, said: str) -> str:
    """Say why it failed."""
    if _GATE.search(said):
        return "this plan takes requests of agents that it knows only, and `wiremend try` is none"
    network = _network(reply, said)
    return network[0] if network else _CAUSES.get(reply.kind or "", "the provider gave an error")


def remedy(reply: Reply, said: str, way: Way, upstream: Upstream | None, file: str) -> str:
    """Say what to do; the key is told by its reference and its prefix."""
    if _GATE.search(said):
        return (
            "through Wiremend your agent keeps its own name: wiremend run -- AGENT; to try with that name, give it with"
            " --user-agent"
        )
    network = _network(reply, said)
    if network:
        return network[1]
    key = _key(upstream)
    there = f"{way.provider} in {file}"
    does = {
        "authentication": f"check {key}; `wiremend setup` stores another" if key else f"name a `key` for {there}",
        "permission": f"see at the provider what {key or 'the account'} may do",
        "not_found": f"check the model's name with the provider, and base_url of {there}",
        "model_not_found": f"check the model's name with the provider, and base_url of {there}",
        "quota": "recharge, wait until the plan's window begins anew, or use another key",
        "rate_limit": "wait a moment and try again",
        "overloaded": "wait a moment and try again",
        "timeout": "try again, or allow more with --timeout",
        "invalid_request": f"look at the edits and quirks for {there}",
        "request_too_large": f"look at the edits and quirks for {there}",
        "context_length": f"look at the edits and quirks for {there}",
    }
    return does.get(reply.kind or "", "try again; the words above are all that is known")


def _network(reply: Reply, said: str) -> tuple[str, str] | None:
    if reply.kind not in {"upstream", "internal", None}:
        return None
    return next(((what, do) for pattern, what, do in _NETWORK if pattern.search(said)), None)


def _key(upstream: Upstream | None) -> str:
    if upstream is None or upstream.secret is None or upstream.reference is None:
        return ""
    return f"{upstream.reference} ({shown(upstream.secret.value)})"
