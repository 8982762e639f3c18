"""What a provider's status and words mean, what a connection that failed means, and what would help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.captures.capture import client_left
from wiremend.explain.diagnose_changes import alias_for, away_from_host, key_route, on_switch, other_base, without
from wiremend.explain.diagnose_look import key_of
from wiremend.explain.diagnose_model import Cause, of_quirk
from wiremend.explain.diagnose_refusals import named_quirks, parameters
from wiremend.families import family_of, shown
from wiremend.protocols.failure_words import ONLY_AGENTS
from wiremend.quirks import all_quirks
from wiremend.replay.beside import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.explain.diagnose_look import Finding, Look
    from wiremend.explain.diagnose_model import State
    from wiremend.protocols.failure import Failure

_SAID: Final = 240
_WORDS: Final = 2000
_AUTH: Final = frozenset({"authentication", "permission"})
_REFUSED: Final = frozenset({"invalid_request", "not_found", "upstream", "authentication", "request_too_large"})

_ADVICE: Final = {
    "rate_limit": "Wait, or send less at a time: the provider limits how much it is asked; its words tell which limit.",
    "quota": "Pay, or wait for the plan's next period: the balance or the plan is used up; asking again is in vain.",
    "overloaded": "Try again later, or take another provider: it has too much to do.",
    "context_length": "Compact the conversation, or take a model with a larger window: the prompt does not fit.",
    "timeout": "Try again; the provider did not finish in time.",
    "request_too_large": "Send less: the request is larger than the provider takes.",
}
_MEANS: Final = {
    "rate_limit": "The provider limits the rate",
    "quota": "The balance or the plan's allowance is used up",
    "overloaded": "The provider is overloaded",
    "context_length": "The prompt is longer than the model's context window",
    "timeout": "The provider timed out",
    "request_too_large": "The request is larger than the provider takes",
    "authentication": "The provider does not take the credential",
    "permission": "The provider does not allow this to the credential",
    "model_not_found": "The provider does not know the model",
    "not_found": "The provider has nothing at this path",
    "invalid_request": "The provider refuses the request",
    "upstream": "The provider failed",
}
_REMARK: Final = re.compile(r" ?\(Wiremend: (.*)\)$")
"""What Wiremend adds to a provider's words, at their end."""

_TOLD: Final = {"quota": "quota-as-429", "context_length": "overflow-phrase", "overloaded": "overload-as-429"}

_BROKEN: Final = tuple(
    (re.compile(words, re.IGNORECASE), what, do)
    for words, what, do in (
        (
            r"certificate|tls|ssl|handshake",
            "TLS to the provider failed: its certificate is not trusted, or it does not speak TLS there",
            "Look at the scheme and the port of base_url; behind a company's proxy, name its CA to mitmproxy.",
        ),
        (
            r"name or service|nodename|getaddrinfo|resolution|resolve|no address|dns",
            "The provider's host name does not resolve",
            "Look at the spelling of base_url, and at the machine's DNS.",
        ),
        (
            r"refused|errno 111|errno 61|connect call failed",
            "Nobody listens at the provider's address",
            "Start the server, or mend the host and the port of base_url.",
        ),
        (
            r"unreachable|no route|errno 113|errno 101",
            "The provider's address cannot be reached",
            "Look at the network, and at whether a proxy is needed to get out.",
        ),
        (r"timed? ?out", "The provider did not answer in time", "Try again, or look whether the server is up."),
        (
            r"closed|reset|eof|disconnect|cut|incomplete|broke|peer",
            "The provider broke the connection off",
            "Ask again; where it breaks at the same length or time each time, a limit or a time-out lies between.",
        ),
    )
)


def broken(look: Look) -> Iterator[Finding]:
    """Give why no reply came, or why it broke off."""
    attempt = look.attempt
    error = attempt.error if attempt is not None else None
    if error is None and attempt is not None and look.reply is None and look.answer is not None:
        error = look.capture.error
    if error is None:
        return
    if client_left(error):
        yield Cause("connection", "The client left before the reply was whole", f"the proxy's own words: {error}"), ()
        return
    said = look.veil.text(shortened(error, _SAID))
    where = look.host or "the provider"
    found = next(((what, do) for words, what, do in _BROKEN if words.search(error)), None)
    what, do = found or ("The connection to the provider failed", "Look at base_url and at the network.")
    if look.reply is not None and look.reply.body.length:
        what = "The provider broke its reply off in the middle"
        do = _BROKEN[-1][2]
    yield Cause("connection", f"{what} ({where})", f"the proxy's own words: {said}", do=do), ()


def told(look: Look) -> Iterator[Finding]:
    """Give what the provider's error means."""
    failure, reply = look.failure, look.reply
    if failure is None or reply is None or any(one.code.endswith(".cut") for one in look.came):
        return
    words = look.veil.text(shortened(_REMARK.sub("", failure.message), _SAID))
    rests = f"status {reply.status}: {words}" if reply.status >= 400 else f"in a reply of {reply.status}: {words}"  # noqa: PLR2004 - the first status of an error
    found = [*_keys(look, failure, rests), *_paths(look, failure, rests), *_models(look, failure, rests)]
    found += _refusals(look, failure, rests)
    yield from found or [_plain(failure, rests, look)]


def _plain(failure: Failure, rests: str, look: Look) -> Finding:
    name = _TOLD.get(failure.kind)
    quirk = all_quirks().get(name) if name else None
    gate = _explained(failure, look)
    if gate is not None:
        quirk = all_quirks()[gate]
    where = look.provider or look.host
    means = _MEANS.get(failure.kind, "The provider failed")
    if gate is not None and quirk is not None:
        means = quirk.symptom.rstrip(".")
    remark = _REMARK.search(failure.message)
    advice = _ADVICE.get(failure.kind, "")
    if gate is not None and quirk is not None:
        advice = quirk.mend or advice
    elif remark is not None:
        advice = f"{remark[1][:1].upper()}{remark[1][1:]}. {advice}".rstrip()
    return Cause(
        "error",
        f"{means} ({where})",
        rests,
        quirk=quirk.name if quirk is not None else None,
        number=quirk.number if quirk is not None else None,
        symptom=quirk.symptom if quirk is not None else "",
        evidence=quirk.evidence if quirk is not None else (),
        state="only explained" if gate is not None else "",
        do=advice,
    ), ()


def _explained(failure: Failure, look: Look) -> str | None:
    """Name the quirk of a refusal that is only told, never rewritten."""
    path = look.left.target if look.left is not None else ""
    if failure.code == "1113" and "/paas/v4" in path and "/coding/" not in path:
        return "path-wrong-plan-root"
    gate = failure.kind == "permission" and ONLY_AGENTS.search(_REMARK.sub("", failure.message))
    return "ua-allowlist-kimi-coding" if gate and "kimi" in look.host else None


# -- keys


def _keys(look: Look, failure: Failure, rests: str) -> Iterator[Finding]:
    told_already = _REMARK.search(failure.message) is not None or _explained(failure, look) is not None
    if failure.kind not in _AUTH or look.left is None or told_already:
        return
    key = key_of(look)
    if key is None:
        what = f"The request left without a credential, and {look.host} wants one"
        do = "Give the client a key, or name one under `key` of the provider in rules.yaml."
        yield Cause("request", what, f"{rests}; no credential header in the request that left", do=do), ()
        return
    family = family_of(key)
    if family is not None and family.homes and not family.at_home(look.host):
        homes = " or ".join(family.homes)
        what = f"A key that begins with {shown(key)} is {family.name}'s, whose home is {homes}; it went to {look.host}"
        yield Cause("request", what, f"{rests}; the key's prefix"), tuple(key_route(look, family))
        return
    quirk = all_quirks()["auth-bearer-required"]
    if "x-api-key" in look.left.headers and "authorization" not in look.left.headers:
        what = f"The key went as x-api-key, and {look.host} may want it as Authorization: Bearer"
        cause = of_quirk(quirk, "request", what, f"{rests}; the request that left has x-api-key alone")
        yield cause, tuple(away_from_host(look, {"auth": "bearer"}, "auth: bearer"))
    what = f"{look.host} does not take this key ({shown(key)}); it may be another account's or plan's, or be withdrawn"
    do = "Make a new key at the provider, and see that it is one for this endpoint (wiremend setup tells which it is)."
    yield Cause("error", what, rests, do=do), ()


# -- paths and models


def _paths(look: Look, failure: Failure, rests: str) -> Iterator[Finding]:
    if failure.kind != "not_found" or look.left is None or look.reply is None:
        return
    path = look.left.target.partition("?")[0]
    again = look.again.request
    shown_path = look.veil.target(path)
    if again is not None and (again.host, again.target) != (look.left.host, look.left.target):
        now = look.veil.target(f"{again.host}{again.target.partition('?')[0]}")
        yield Cause("request", f"{shown_path} is not there; today's rules send it to {now}", rests,
                    state="mended today"), ()  # fmt: skip
        return
    parts = [part for part in path.split("/") if part]
    versions = [part for part in parts if re.fullmatch(r"v\d+(?:beta\d*|alpha\d*)?", part)]
    how = "has its version twice" if len(versions) > 1 else "has no version" if not versions else "is not one of its"
    what = f"The path {shown_path} {how}: {look.host} has nothing there"
    do = "Look at base_url of the provider: any spelling of it will do, with the path that its documentation shows."
    yield Cause("request", what, rests, do=do), tuple(other_base(look))


def _models(look: Look, failure: Failure, rests: str) -> Iterator[Finding]:
    if failure.kind != "model_not_found":
        return
    decision = look.decision
    sent = (decision.sent if decision is not None else None) or look.capture.model
    where = look.provider or look.host
    what = f"{where} does not know the model {look.veil.text(sent or '(none)')}"
    do = "Ask for a name that the provider lists (GET /v1/models), or add an alias for this one to rules.yaml."
    yield Cause("request", what, rests, do=do), tuple(alias_for(look, sent, failure.message))


# -- refusals of what the request holds


def _refusals(look: Look, failure: Failure, rests: str) -> Iterator[Finding]:
    scope, left = look.scope(), look.left
    if failure.kind not in _REFUSED or scope is None or left is None:
        return
    words = f"{failure.message[:_WORDS]}\n{_raw(look)}"
    memory = look.memory()
    decision = look.decision
    on, mend = (decision.quirks, decision.mend) if decision is not None else ((), True)
    for named in named_quirks(words, scope, left.headers, look.sent, memory):
        quirk = all_quirks()[named.quirk]
        state: State = "only watched" if not mend else "off" if quirk.name not in on else "mended today"
        by = "its words" if named.by_words else "the name of the parameter"
        at = ", ".join(look.veil.text(where) for where in named.acts[:3])
        what = f"The provider refuses what the request has at {at}"
        if not named.acts:
            state = "on" if mend and quirk.name in on else ""
            what = "The provider's words are those of a known refusal, but nothing to mend was found in the request"
        seen = f"{rests}; {by}{', and the request that left' if named.acts else ''}"
        cause = of_quirk(quirk, "request", what, seen, state)
        yield cause, tuple(on_switch(look, (quirk.name,), "request")) if named.acts and state != "mended today" else ()
    for pointer in parameters(words, look.sent):
        what = f"The provider does not know {pointer}, which the request has"
        yield Cause("request", what, rests), tuple(without(look, pointer))


def _raw(look: Look) -> str:
    """Give the provider's own words as they came, in which the places may be that a message leaves out."""
    return "" if look.reply is None else look.reply.body.data[:_WORDS].decode("utf-8", "replace")
