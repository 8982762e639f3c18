r"""Names that tell a secret: of headers, of query and form parameters, of JSON members (G8).

Headers are judged by an allow-list, so that a header that nobody thought of does not bring a credential to the disk:

==============================  ====================================================================================
``credential``                  :data:`~wiremend.families.CREDENTIAL_HEADERS`, and names that say it (``…-token``):
                                the value is replaced, the word of the scheme (``Bearer``) stays
``cookies``                     ``Cookie``, ``Set-Cookie``: the values are replaced, names and attributes stay
``id``                          an account, an organization, a device: replaced in its shape
``kept``                        on the allow-list, or named by the caller: only what looks like a key is replaced in it
``unknown``                     all others: replaced whole
==============================  ====================================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from wiremend.families import CREDENTIAL_HEADERS, QUERY_CARRIERS

if TYPE_CHECKING:
    from collections.abc import Collection

type Judgement = Literal["credential", "cookies", "id", "kept", "unknown"]

ID_HEADERS: Final = frozenset(
    {
        "chatgpt-account-id",  # Codex with a ChatGPT login
        "anthropic-organization-id",
        "openai-organization",
        "openai-project",
        "x-codex-installation-id",
        "x-msh-device-id",  # Kimi CLI, kimi-code
        "x-device-id",
        "x-account-id",
        "x-organization-id",
        "x-user-id",
    }
)

# No vendor puts a secret into these. Names that describe content, caches, connections, limits, tracing and versions;
# sessions' and requests' ids, which replay needs to tell conversations apart.
KEPT: Final = frozenset(
    {
        *("host", "date", "server", "user-agent", "connection", "keep-alive", "transfer-encoding", "te", "trailer"),
        *("upgrade", "via", "allow", "vary", "age", "expires", "pragma", "etag", "last-modified", "range", "expect"),
        *("location", "link", "warning", "priority", "alt-svc", "server-timing", "nel", "report-to", "origin"),
        *("referer", "referrer-policy", "referrer", "http-referer", "x-title", "dnt", "www-authenticate"),
        *("proxy-authenticate", "proxy-connection", "strict-transport-security", "x-powered-by", "x-served-by"),
        *("x-cache", "x-cache-hits", "x-timer", "x-robots-tag", "x-frame-options", "x-xss-protection", "via"),
        *("permissions-policy", "timing-allow-origin", "upgrade-insecure-requests", "x-request-id", "request-id"),
        *("x-client-request-id", "x-correlation-id", "x-trace-id", "x-amzn-requestid", "x-amzn-trace-id", "trace-id"),
        *("x-generation-id", "cf-ray", "x-oai-request-id", "apim-request-id", "x-goog-request-id", "x-ms-request-id"),
        *("traceparent", "tracestate", "baggage", "originator", "version", "x-app", "x-agent-id", "x-initiator"),
        *("session_id", "session-id", "thread_id", "thread-id", "conversation_id", "conversation-id", "x-session-id"),
        *("x-session-affinity", "x-parent-session-id", "x-claude-code-session-id", "x-claude-code-agent-id"),
        *("x-opencode-session", "x-opencode-request", "x-opencode-client", "x-opencode-project", "x-should-retry"),
        *(
            "x-envoy-upstream-service-time",
            "x-envoy-decorator-operation",
            "x-region",
            "x-ds-trace-id",
            "x-kong-request-id",
        ),
        *("x-msh-platform", "x-msh-version", "x-msh-os-version", "x-msh-device-model", "x-msh-request-id"),
        *(
            "x-goog-api-client",
            "x-openai-subagent",
            "x-openai-memgen-request",
            "x-openai-proxy-wasm",
            "x-kong-request-id",
        ),
        *("x-http-method-override", "x-method-override", "idempotency-key", "x-idempotency-key", "x-service-tier"),
        *("x-client-name", "x-client-version", "x-accel-buffering", "x-models-etag", "x-reasoning-included"),
    }
)
KEPT_PREFIXES: Final = (
    *("content-", "accept", "anthropic-", "x-stainless-", "openai-", "x-ratelimit-", "ratelimit", "retry-after"),
    *("cache-", "cdn-", "cf-", "access-control-", "cross-origin-", "if-", "sec-ch-", "sec-fetch-", "sec-websocket-"),
    *("x-wiremend", "x-codex-", "x-content-type-", "llm_provider-", "x-litellm-response-", "x-litellm-model-"),
)
NOT_KEPT: Final = frozenset(
    {
        *("cf-access-client-id", "cf-access-client-secret", "cf-access-jwt-assertion", "cf-connecting-ip"),
        *("cf-connecting-ipv6", "cf-ipcountry", "cf-ipcity", "sec-websocket-protocol", "x-codex-turn-state"),
    }
)
"""Names that a prefix would keep, and that sign somebody in, tell where somebody is, or are opaque."""

_ENDS: Final = (
    r"(?:access|refresh|id|session|auth|authorization|bearer|security|csrf|xsrf|identity|bot|user|service|client|api|"
    r"secret|personal|private|device|oauth|jwt|registration|github|gitlab|slack|hf|huggingface)[_.-]?token"
    r"|(?:api|access|private|secret|signing|encryption|subscription|master|service|account|auth|shared)[_.-]?key"
    r"|secret|passw(?:or)?d|pass[_.-]?phrase|authorization|cookie|code[_.-]?verifier|device[_.-]?code"
)
SECRET_NAME: Final = re.compile(rf"[a-z0-9_.-]*(?:{_ENDS})")
"""Lower-case names of JSON members, headers and variables whose value is a secret."""

ID_NAME: Final = re.compile(
    r"(?:[a-z0-9_.-]*[_.-])?(?:device[_.-]?id|(?:account|organi[sz]ation|org)[_.-]?(?:uu)?id|installation[_.-]?id)"
)
"""Lower-case names of JSON members whose value is the id of an account or a device."""

SECRET_VARIABLE: Final = re.compile(r".*(?:key|token|secret|passw(?:or)?d|pass|passphrase|credentials?|auth|cookie)")
"""Lower-case names of environment variables whose value is a secret: there is no other use of ``KEY`` among them."""

_HEADER_TOKEN: Final = re.compile(r"(?:.*-)?(?:token|secret|password|credential|signature|assertion|authorization)")

FORM_CARRIERS: Final = QUERY_CARRIERS | {"code"}
"""What is secret in a query, and in a form: a one-time code of OAuth too."""

PLACEHOLDERS: Final = frozenset(
    {
        *(
            "ollama",
            "dummy-key",
            "string",
            "password",
            "secret",
            "bearer",
            "basic",
            "not-needed",
            "notneeded",
            "no-key",
        ),
        *(
            "no-key-required",
            "lm-studio",
            "lmstudio",
            "placeholder",
            "changeme",
            "undefined",
            "unused",
            "authorization",
        ),
        *("anything", "example", "required", "default", "object", "number", "integer", "boolean", "content", "message"),
        *("assistant", "system", "function", "access_token", "refresh_token", "client_secret", "api_key", "api-key"),
        *("localhost", "anonymous", "public", "token", "apikey", "private_key", "openai", "anthropic", "claude"),
        *("moonshot", "deepseek", "openrouter", "vertex", "bedrock", "unknown", "disabled", "enabled", "redacted"),
    }
)
"""Words that stand where a credential belongs, and mean something else everywhere else: replaced only in that place."""


def judge(name: str, keep: Collection[str] = ()) -> Judgement:
    """Say what becomes of a header by its name; ``keep`` has lower-case names."""
    key = name.lower()
    if key in {"cookie", "set-cookie"}:
        return "cookies"
    if key in CREDENTIAL_HEADERS:
        return "credential"
    if key in ID_HEADERS:
        return "id"
    if key in keep or (key in KEPT and key not in NOT_KEPT):
        return "kept"
    if SECRET_NAME.fullmatch(key) or _HEADER_TOKEN.fullmatch(key):
        return "credential"
    return "kept" if key.startswith(KEPT_PREFIXES) and key not in NOT_KEPT else "unknown"


def is_secret_parameter(name: str) -> bool:
    """Tell whether a parameter of a query is a credential by its name."""
    key = name.lower()
    return key in QUERY_CARRIERS or SECRET_NAME.fullmatch(key) is not None
