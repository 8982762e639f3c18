"""What the names, numbers and phrases of providers' errors mean.

Names are compared without case and punctuation, so ``rate_limit_error``, ``RateLimitError`` and ``RATE-LIMIT-ERROR``
are one. Sources, by provider:

========== ==========================================================================================
Anthropic  https://platform.claude.com/docs/en/api/errors
OpenAI     https://platform.openai.com/docs/guides/error-codes; ``types/responses/response_error.py`` of the SDK
Moonshot   https://platform.kimi.ai/docs/api/errors, https://www.kimi.com/code/docs/en/kimi-code/error-reference.html
Z.ai       https://docs.z.ai/api-reference/api-code, https://docs.bigmodel.cn/cn/api/api-code
MiniMax    https://platform.minimax.io/docs/api-reference/errorcode
DeepSeek   https://api-docs.deepseek.com/quick_start/error_codes
DashScope  https://help.aliyun.com/en/model-studio/error-code
Gemini     https://ai.google.dev/gemini-api/docs/troubleshooting (``google.rpc.Code``)
OpenRouter https://openrouter.ai/docs/api/reference/errors-and-debugging
the rest   the quirk catalogue: ``overflow-phrase``, ``quota-as-429``, ``validation-as-5xx``, ``overload-as-429``
========== ==========================================================================================
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import ErrorKind

_SAID: Final[Mapping[ErrorKind, str]] = {
    "context_length": "context_length_exceeded model_context_window_exceeded exceed_context_size_error",
    "quota": (
        "insufficient_quota exceeded_current_quota_error billing_error billing_not_active billing_hard_limit_reached "
        "credit_balance_exhausted organization_spend_limit_exceeded project_spend_limit_exceeded usage_limit_reached "
        "usage_not_included quota_exceeded insufficient_balance insufficient_credit insufficient_credits "
        "insufficient_user_quota payment_required arrearage AllocationQuota.FreeTierOnly "
        "Throttling.AllocationQuota.FreeTierOnly"
    ),
    "model_not_found": "model_not_found ModelNotFound model_not_available invalid_model model_not_exist",
    "overloaded": (
        "overloaded_error engine_overloaded_error engine_overloaded server_is_overloaded server_overloaded slow_down "
        "service_tier_capacity_exceeded UNAVAILABLE ModelServingError service_unavailable"
    ),
    "timeout": "timeout_error timeout request_timeout DEADLINE_EXCEEDED RequestTimeOut gateway_timeout",
    "authentication": (
        "authentication_error invalid_authentication_error incorrect_api_key_error invalid_api_key UNAUTHENTICATED "
        "AuthenticationError InvalidApiKey API_KEY_INVALID unauthorized missing_api_key wrong_api_key token_expired"
    ),
    "permission": (
        "permission_error permission_denied_error permission_denied PermissionDeniedError access_terminated_error "
        "access_denied AccessDenied AccessDenied.Unpurchased unsupported_country_region_territory account_deactivated "
        "forbidden"
    ),
    "not_found": "not_found_error resource_not_found_error not_found NotFoundError",
    "request_too_large": "request_too_large",
    "rate_limit": (
        "rate_limit_error rate_limit_exceeded rate_limit_reached_error rate_limited RateLimitError RESOURCE_EXHAUSTED "
        "too_many_requests Throttling Throttling.RateQuota Throttling.AllocationQuota Throttling.BurstRate "
        "ThrottlingException LimitRequests"
    ),
    "invalid_request": (
        "content_filter content_policy_violation invalid_prompt cyber_policy bio_policy tool_use_failed "
        "json_validate_failed DataInspectionFailed data_inspection_failed invalid_encrypted_content"
    ),
}

_VAGUE: Final[Mapping[ErrorKind, str]] = {
    "invalid_request": (
        "invalid_request_error BadRequestError INVALID_ARGUMENT FAILED_PRECONDITION InvalidParameter bad_request "
        "invalid_request invalid_parameter_error invalid_params extra_forbidden UnprocessableEntityError"
    ),
    "upstream": "api_error server_error internal_server_error internal_error INTERNAL UNKNOWN upstream_error",
}

# Z.ai's own codes; the catalogue has 1113, 1214 and 1302, the documentation the rest.
_ZAI: Final[Mapping[ErrorKind, str]] = {
    "authentication": "1000 1001 1002 1003 1004",
    "permission": "1110 1111 1112 1121 1220 1311 1313",
    "quota": "1113 1304 1308 1309 1310",
    "model_not_found": "1211",
    "not_found": "1221 1222",
    "invalid_request": "1210 1212 1213 1214 1215 1300 1301",
    "context_length": "1261",
    "rate_limit": "1302 1303 1305",
    "overloaded": "1312",
    "upstream": "1120 1230 1234",
}

_MINIMAX: Final[Mapping[ErrorKind, str]] = {
    "timeout": "1001",
    "rate_limit": "1002 1039 1041",
    "authentication": "1004 2049",
    "quota": "1008 2056",
    "invalid_request": "1026 1027 1042 2013",
    "upstream": "1000 1013 1024 1033",
}


def plain(name: str) -> str:
    """Give a name without case and punctuation."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _turned(table: Mapping[ErrorKind, str]) -> dict[str, ErrorKind]:
    return {plain(name): kind for kind, names in table.items() for name in names.split()}


NAMED: Final = _turned(_SAID)
VAGUE: Final = _turned(_VAGUE)
"""Names that a status or a phrase knows better than."""
ZAI: Final = _turned(_ZAI)
MINIMAX: Final = _turned(_MINIMAX)
"""Codes of MiniMax's ``base_resp``, which it also puts behind a message: ``(2013)``. Four of them are Z.ai's too."""

EXACT: Final[frozenset[ErrorKind]] = frozenset({"context_length", "quota", "model_not_found", "overloaded"})
"""Kinds that say more than a limit, a refusal or a lack."""

STANDARD: Final[Mapping[ErrorKind, frozenset[str]]] = {
    "quota": frozenset(
        map(plain, ("insufficient_quota", "billing_error", "usage_limit_reached", "usage_not_included"))
    ),
    "context_length": frozenset({plain("context_length_exceeded")}),
    "overloaded": frozenset(map(plain, ("overloaded_error", "server_is_overloaded", "slow_down"))),
}
"""The names that the official APIs have for these kinds, and that clients know."""

TRY_AGAIN: Final = frozenset({plain("tool_use_failed"), plain("json_validate_failed")})
"""Refusals of what the model wrote, not of what the client asked: the next answer may be sound (Groq)."""
GATE: Final = plain("access_terminated_error")
BALANCE_OR_PLAN: Final = "1113"


type Pattern = re.Pattern[str]


def _any(*patterns: str) -> Pattern:
    return re.compile("|".join(patterns), re.IGNORECASE)


RATE: Final = _any(
    r"rate[ _-]?limit",
    r"too many requests|too many tokens, please wait",
    r"(?:tokens|requests) per (?:min|minute|second|day)",
    r"\b[tr]p[md]\b",
    "速率|并发数过高|频率过高",
)
"""Words of a rate limit. Texts with one of them are never read as an overflow."""

CONTEXT: Final = _any(
    r"prompt is too long",
    r"input length and `?max_tokens`? exceed context limit",
    r"exceeds the context window",
    r"exceeded model token limit",
    r"input token length too long",
    r"tokens in request more than max tokens allowed",
    r"context window exceeds limit",
    "超过最大长度|上下文长度|prompt ?超长",
    r"maximum context length (?:is|of) [\d,]+",
    r"exceeds? (?:the )?(?:model'?s )?maximum context length",
    r"is longer than the (?:model'?s context length|maximum model length)",
    r"reduce the length of the messages",
    r"too large for model with [\d,]+ maximum context length",
    r"input token count.{0,80}exceeds the maximum",
    r"maximum prompt length is [\d,]+",
    r"prompt token count of [\d,]+ exceeds the limit of",
    r"(?:prompt|input|context|tokens?)\b.{0,60}exceeds the limit of [\d,]+ ?tokens?",
    r"input is too long for requested model",
    r"max_model_len",
    r"engine prompt length",
    r"exceeds the available context size",
    r"n_ctx_slot",
    r"greater than the context length",
    r"loaded with context length of only",
    r"prompt too long; exceeded",
    r"range of input length should be",
    r"context[ _]length[ _]exceeded",
)

QUOTA: Final = _any(
    r"exceeded your current (?:token )?quota",
    r"(?:check your|insufficient) (?:account )?balance",
    r"please recharge|in arrears|overdue payment|not? enough balance",
    r"credit balance is too low",
    r"insufficient[ _](?:credit|fund|quota)",
    r"(?:out of|requires more|run out of) credits",
    r"usage[ _]limit",
    r"(?:weekly|monthly|daily) (?:usage )?limit",
    r"quota will reset",
    r"quota (?:is |has been )?(?:exceeded|exhausted|used up)",
    r"billing hard limit|spending limit|membership benefits",
    "余额不足|欠费|额度不足|额度已用|使用上限",
)
SHORT_TERM: Final = _any(r"per[ _-]?(?:minute|second)", r"\b[tr]pm\b", r"(?<!free )allocated quota exceeded")
"""A quota that is a rate: it is back within the minute."""
PER_DAY: Final = _any(r"per[ _-]?day")

OVERLOADED: Final = _any(
    r"overload",
    r"(?:over|at|no available) capacity|capacity exceeded",
    r"server (?:is )?(?:too )?busy|too busy",
    r"temporarily unavailable",
    "访问量过大|负载",
)

TOO_LARGE_FOR_RATE: Final = _any(r"request too large for ")
"""One request above the whole rate: waiting does not help (OpenAI, Groq)."""

TOO_LARGE: Final = _any(r"total message size .{0,40}exceeds limit", r"request exceeds the maximum size")

AUTHENTICATION: Final = _any(
    r"(?:invalid|incorrect|missing|wrong|no) (?:x-)?api[ _-]?key",
    r"api[ _-]?key (?:is |has |appears to be )?(?:not valid|not found|invalid|expired|missing)",
    r"invalid authentication|authentication (?:fails|failed)|unauthorized",
    r"no auth credentials|token (?:is |has )?(?:expired|invalid)|login fail",
    "无效的令牌|身份验证失败",
)

MODEL: Final = _any(
    r"model\b.{0,120}?\b(?:does not exist|not exist|not found|is not available)",
    r"(?:not found the|no such|unknown|invalid) model\b",
    r"no endpoints found for",
    r"^model: ",
    "模型不存在",
)

DETERMINISTIC: Final = _any(
    r"jinja",
    r"chat[ _]template|template (?:error|exception)",
    r"roles must alternate",
    r"system message must be at the beginning",
    r"2 or more assistant messages",
    r"invalid params?\b",
    r"invalid message role|incorrect role information",
    r"json schema conversion failed|unrecognized schema",
    r"(?:failed to parse|error parsing) grammar|unable to generate parser",
    r"extra inputs are not permitted",
    r"(?:unknown|unsupported) parameter",
    r"reasoning_content is missing|must be passed back",
)
"""Refusals of the request that some servers tell as a fault of their own."""

TIMED_OUT: Final = _any(r"timed? ?out", r"deadline exceeded")

ONLY_AGENTS: Final = _any(r"only available for coding agents")
GUIDELINES: Final = _any(r"community guidelines")

_STATUSES: Final[Mapping[int, ErrorKind]] = {
    HTTPStatus.UNAUTHORIZED: "authentication",
    HTTPStatus.PAYMENT_REQUIRED: "quota",
    HTTPStatus.FORBIDDEN: "permission",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.GONE: "not_found",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit",
    HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS: "permission",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout",
    522: "timeout",  # Cloudflare: no connection to the server
    524: "timeout",  # Cloudflare: no answer from it
    529: "overloaded",
}


def kind_of_status(status: int) -> ErrorKind:
    """Say what an HTTP status from 400 on means by itself."""
    return _STATUSES.get(status) or ("upstream" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request")


# kind -> the status that says it, and those of a provider that say it as well
STATUS_OF: Final[Mapping[ErrorKind, tuple[int, frozenset[int]]]] = {
    "authentication": (401, frozenset({403})),
    "permission": (403, frozenset({401, 451})),
    "invalid_request": (400, frozenset(range(400, 429)) - {401, 402, 403, 404, 408, 413}),
    "not_found": (404, frozenset({400, 405, 410})),
    "model_not_found": (404, frozenset({400, 403, 410})),
    "request_too_large": (413, frozenset({400})),
    "rate_limit": (429, frozenset()),
    "quota": (402, frozenset({400, 403, 429})),
    "context_length": (400, frozenset()),
    "overloaded": (503, frozenset({529})),
    "timeout": (504, frozenset({408, 522, 524})),
    "loop": (508, frozenset()),
    "upstream": (502, frozenset(range(500, 600))),
    "internal": (500, frozenset()),
}

FINAL: Final[frozenset[ErrorKind]] = frozenset(
    {
        "authentication",
        "permission",
        "invalid_request",
        "not_found",
        "model_not_found",
        "request_too_large",
        "quota",
        "context_length",
        "loop",
    }
)


class Tokens(NamedTuple):
    """The tokens of an overflow: all that was asked for, what the model takes, and the answer's part of the former."""

    asked: int
    limit: int
    output: int | None = None


_NUMBER: Final = r"[\d,]{1,15}"
# In each, A# is all that was asked for, P# the prompt's part and O# the answer's, L# what the model takes.
_TOKENS: Final = tuple(
    re.compile(re.sub("([APOL])#", rf"(?P<\1>{_NUMBER})".replace("\\d", "0-9"), pattern), re.IGNORECASE)
    for pattern in (
        r"input length and `?max_tokens`? exceed context limit: P# \+ O# > L#",
        r"prompt is too long[^0-9]{0,20}A# tokens? > L#",
        r"token limit ?: ?L# \(requested: A#\)",
        r"context length is L# tokens.{0,60}?requested (?:about )?A# tokens \(.{0,80}?O# in the (?:completion|output)",
        r"is too large: O#\..{0,20}?maximum context length is L# tokens and your request has P# input",
        r"maximum context length (?:is|of) L#.{0,80}?(?:requested(?: about)?|resulted in|request has) A#",
        r"contains A# tokens.{0,60}?with L# maximum context length",
        r"\(A# tokens\) is longer than the model'?s context length \(L#",
        r"\(length A#\) is longer than the maximum model length of L#",
        r"input token count \(A#\) exceeds the maximum number of tokens allowed \(L#",
        r"maximum prompt length is L# but the request contains A#",
        r"token count of A# exceeds the limit of L#",
        r"request \(A# tokens\) exceeds the available context size \(L#",
        r"keep the first A# tokens.{0,80}?context length of only L#",
    )
)


def tokens_in(text: str) -> Tokens | None:
    """Read from an overflow's text how many tokens were asked for and how many the model takes."""
    for pattern in _TOKENS:
        match = pattern.search(text)
        if match is not None:
            part = {name: int(number.replace(",", "") or "0") for name, number in match.groupdict().items()}
            output = part.get("O")
            asked = part.get("A", part.get("P", 0) + (output or 0))
            if asked > part["L"] > 0:
                return Tokens(asked, part["L"], output)
    return None
