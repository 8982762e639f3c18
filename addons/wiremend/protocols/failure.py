"""What a provider's error means, whatever its shape, so that each wire can say it in its own words.

Three steps. :mod:`.failure_shapes` reads the words, names and numbers out of any document; :mod:`.failure_words` knows
what they mean; here they are weighed. The kind comes, in this order of trust, from the type, the code, the phrases and
the HTTP status. A name that says little (``invalid_request_error``, ``server_error``) gives way to a phrase and to a
status. Words of a rate limit keep a text from being read as an overflow of the context.

The status is the provider's wherever it says the kind; where it does not, as under a 200 or where a refusal of the
request came as 500, it is the one that does. Which error becomes what is told in docs/errors.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.protocols import failure_words as words
from wiremend.protocols.failure_shapes import Shape, Told, decoded, read
from wiremend.protocols.failure_text import LONGEST, Fields, one_line, retry_after, wait_in

if TYPE_CHECKING:
    from wiremend.protocols.base import ErrorKind

__all__ = ["Failure", "Fields", "Shape", "failure_of", "failure_of_body", "retry_after"]

_READ: Final = 64 * 1024
_SOON: Final = 300.0
_WRITTEN: Final = 300
_NOTHING: Final = "the provider gave an error without words"
_ERRORS: Final = range(400, 600)
# With these a phrase about the moment (a rate, a load, a time-out) is a quotation: the request itself was refused.
_ABOUT_THE_REQUEST: Final = frozenset({400, 401, 404, 413, 415, 422})
_ABOUT_THE_KEY: Final = frozenset({None, 400, 401, 403})
_LABELS: Final = {"context_length": "context", "invalid_request": "validation"}

_GATE: Final = "this coding plan admits only the User-Agents of agents that it knows, and this one is none of them"
_LIMIT: Final = "the usage limit of this coding plan is reached"
_BLOCKED: Final = "the provider has blocked this account, or what it takes for a false User-Agent"
_EITHER: Final = (
    "either this coding plan's gate does not accept the User-Agent, or the plan's usage limit is reached; "
    "the provider does not say which"
)
_PLAN: Final = "a coding plan's key gets this on /api/paas/v4 as well; the plan's own path is /api/coding/paas/v4"
_CEREBRAS: Final = (
    "the provider answered {} without a body; some do so when the prompt does not fit into the model, "
    "so that is likely, but it is not said"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, read.

    ``status`` is the HTTP status that says it. ``message`` is for the client: the provider's own words on one line of
    bounded length, with a remark of ours behind them where they mislead. The phrases that clients act on are each
    wire's own: its ``said`` puts them in front. ``final`` tells that asking again will not help. ``mapped`` names what
    was read into it (``quota``, ``context``, ``overloaded``, ``validation``; ``status`` where only that was wrong, and
    ``explained`` where we only added a remark), None where it says just what it said. ``retry_after`` is in seconds,
    from the body alone; headers say more, see :func:`retry_after`. ``legal`` tells that it came in the shape of a wire
    (``shape``) and says all of this already, so on that wire it may leave as it came. ``asked`` and ``limit`` are the
    tokens of an overflow, where it tells them, and ``output`` the part of ``asked`` that was meant for the answer.
    ``generation`` is what the model wrote where the provider refused that (Groq). ``code`` is the provider's own code
    or type.
    """

    kind: ErrorKind
    status: int
    message: str
    final: bool = False
    mapped: str | None = None
    retry_after: float | None = None
    legal: bool = False
    shape: Shape | None = None
    asked: int | None = None
    limit: int | None = None
    output: int | None = None
    generation: str | None = None
    code: str | None = None


def failure_of(document: object, status: int | None = None) -> Failure:
    """Read an error document (decoded JSON, or a text) that came with a status, or in a stream (``status`` None).

    Never raises. A status below 400 counts as none.
    """
    told = read(document)
    given = status if status in _ERRORS else None
    hint = given or told.status
    kind = _kind(told, hint)
    said, allowed = words.STATUS_OF[kind]
    fits = hint is not None and (hint == said or hint in allowed)
    final_status = hint if hint is not None and fits else said
    remark = _remark(told, kind)
    tokens = words.tokens_in(told.text) if kind == "context_length" else None
    mapped = _mapped(told, kind, hint, final_status)
    if mapped is None and (remark or (status is not None and not given)):
        mapped = "explained" if remark else "status"
    return Failure(
        kind=kind,
        status=final_status,
        message=_message(told, remark),
        final=_is_final(told, kind, hint),
        mapped=mapped,
        retry_after=told.wait if told.wait is not None else wait_in(told.text),
        legal=told.shape is not None and not remark and (mapped is None or _stays(told, kind, given, mapped)),
        shape=told.shape,
        asked=tokens.asked if tokens else None,
        limit=tokens.limit if tokens else None,
        output=tokens.output if tokens else None,
        generation=told.generation,
        code=told.names[0] if told.names else None,
    )


def failure_of_body(body: bytes, status: int, content_type: str | None = None) -> Failure:
    """Read the body of a reply that is an error: JSON of any shape, events, HTML, text, or nothing at all.

    ``content_type`` is the header's value. Never raises.
    """
    start = body[:_READ].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not start:
        return failure_of(_without_body(status), status)
    document = decoded(body)
    if isinstance(document, dict | list):
        return failure_of(document, status)
    if start.startswith(("data:", "event:", ":")):
        for line in start.splitlines():
            inside = decoded(line[5:].strip()) if line.startswith("data:") else None
            if isinstance(inside, dict | list):
                return failure_of(inside, status)
    if "html" in (content_type or "").lower() and not start.startswith("<"):
        start = f"<body>{start}"
    return failure_of(start, status)


def _kind(told: Told, status: int | None) -> ErrorKind:
    """Weigh names, phrases and status."""
    named = _named(told)
    kind = _refined(told, named, status) or named or _by_phrase(told, status)
    if kind is not None:
        return kind
    if status is not None:
        kind = words.kind_of_status(status)
        # A gateway says 503 of a server that is not there; one that is there says it in its own words.
        return "upstream" if status == HTTPStatus.SERVICE_UNAVAILABLE and told.plain else kind
    return next((words.VAGUE[name] for name in _plain_names(told) if name in words.VAGUE), "upstream")


def _plain_names(told: Told) -> list[str]:
    return [words.plain(name) for name in told.names]


def _named(told: Told) -> ErrorKind | None:
    """Give the kind that a type or a code names: the first, unless a later name is more exact than it."""
    base = told.base or _code_behind(told.text)
    if base in words.MINIMAX:
        return words.MINIMAX[base]
    found = [words.NAMED[name] for name in _plain_names(told) if name in words.NAMED]
    if found:
        vague = found[0] in {"rate_limit", "invalid_request", "not_found", "permission"}
        return next((kind for kind in found if vague and kind in words.EXACT), found[0])
    in_front = [told.text[1:5]] if told.text[:1] == "[" and told.text[5:6] == "]" else []
    return next((words.ZAI[name] for name in [*told.names, *in_front] if name in words.ZAI), None)


def _code_behind(text: str) -> str | None:
    """Give the code that MiniMax writes behind a message: ``invalid params, … (2013)``."""
    head, _, code = text.removesuffix(")").rpartition("(")
    return code if head and text.endswith(")") and code in words.MINIMAX else None


def _refined(told: Told, named: ErrorKind | None, status: int | None) -> ErrorKind | None:
    """Give what the phrases say more exactly than the names, in the order of what a client must know first."""
    busy = words.RATE.search(told.text) is not None
    of_the_moment = status not in _ABOUT_THE_REQUEST and not told.page
    kind = _first(
        told.text,
        ("request_too_large", busy and named in {None, "rate_limit"}, words.TOO_LARGE_FOR_RATE),
        ("context_length", not busy and named in {None, "invalid_request", "request_too_large"}, words.CONTEXT),
        ("quota", named in {None, "rate_limit", "invalid_request", "permission"}, words.QUOTA),
        (
            "rate_limit",
            named == "quota",
            words.SHORT_TERM,
        ),  # DashScope gives its rates OpenAI's name of an empty balance
        ("overloaded", named in {None, "rate_limit", "upstream"} and of_the_moment, words.OVERLOADED),
        ("model_not_found", named in {"not_found", "invalid_request"}, words.MODEL),
    )
    return "rate_limit" if kind == "quota" and _short_term(told) else kind


def _by_phrase(told: Told, status: int | None) -> ErrorKind | None:
    """Give what the phrases say where no name said anything; the title of a page is not asked."""
    if told.page:
        return None
    server = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _first(
        told.text,
        ("request_too_large", True, words.TOO_LARGE),
        ("authentication", status in _ABOUT_THE_KEY, words.AUTHENTICATION),
        ("model_not_found", status not in {401, 402, 413, 429}, words.MODEL),
        ("invalid_request", server, words.DETERMINISTIC),
        ("rate_limit", status not in _ABOUT_THE_REQUEST, words.RATE),
        ("timeout", server, words.TIMED_OUT),
    )


def _first(text: str, *readings: tuple[ErrorKind, bool, words.Pattern]) -> ErrorKind | None:
    """Give the first kind that may be meant and whose phrases are in the text."""
    return next((kind for kind, may, phrases in readings if may and phrases.search(text)), None)


def _short_term(told: Told) -> bool:
    """Tell whether a quota is back in a moment: it says per minute, or how few seconds to wait (Gemini)."""
    if words.PER_DAY.search(told.text):
        return False
    wait = told.wait if told.wait is not None else wait_in(told.text)
    return words.SHORT_TERM.search(told.text) is not None or (wait is not None and wait <= _SOON)


def _is_final(told: Told, kind: ErrorKind, status: int | None) -> bool:
    if kind == "invalid_request" and status in {HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY}:
        return False
    model_s_fault = any(words.plain(name) in words.TRY_AGAIN for name in told.names)
    return kind in words.FINAL and not model_s_fault


def _mapped(told: Told, kind: ErrorKind, hint: int | None, status: int) -> str | None:
    """Name what a client of the provider's own words would not have known; None if it would have."""
    label = _LABELS.get(kind, kind)
    if hint not in {None, status}:
        return label
    names = _plain_names(told)
    if kind in words.STANDARD:
        told_so = any(name in words.STANDARD[kind] for name in names)
        return None if told_so or (hint is not None and words.kind_of_status(hint) == kind) else label
    kinds = {words.NAMED.get(name) or words.VAGUE.get(name) or kind for name in names}
    misleading = kinds & {"upstream", "quota"} if hint is None else kinds & {"quota"}
    return label if misleading and kind not in misleading else None


def _stays(told: Told, kind: ErrorKind, given: int | None, mapped: str) -> bool:
    """Tell whether a client of the shape's wire acts rightly on the error as it came, whatever we read into it."""
    if mapped == "status":
        return False
    if told.shape == "messages" and kind == "context_length":
        return given == HTTPStatus.BAD_REQUEST and "prompt is too long" in told.text.lower()
    return told.shape == "messages" and kind == "quota" and given in {400, 402, 403}


def _remark(told: Told, kind: ErrorKind) -> str:
    names = {words.plain(name) for name in told.names}
    if words.GATE in names:
        if words.ONLY_AGENTS.search(told.text):
            return _GATE
        if words.GUIDELINES.search(told.text):
            return _BLOCKED
        return _LIMIT if kind == "quota" else _EITHER
    return _PLAN if words.BALANCE_OR_PLAN in names else ""


def _message(told: Told, remark: str) -> str:
    said = told.text or _NOTHING
    behind = [f"({told.provider})"] if told.provider else []
    if told.generation:
        behind.append(f"(the model wrote: {one_line(told.generation, _WRITTEN)})")
    if told.page:
        behind.append("(a page, not an answer of the API)")
    if remark:
        behind.append(f"(Wiremend: {remark})")
    tail = " ".join(["", *behind])
    return one_line(said, LONGEST - len(tail)) + tail


def _without_body(status: int) -> str:
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        return _CEREBRAS.format(status)
    return f"the provider answered {status} without a body" if status in _ERRORS else "the provider answered nothing"
