"""``expect``: examples in the rules file that must hold, tried against the rules themselves.

Each example is made into the facts of a request and decided by the same engine as real traffic. They run in ``check``,
at every reload (a file whose examples fail is not taken) and under pytest.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.errors import Problem, RefusedError
from wiremend.headers import Headers
from wiremend.jsonedit import Edit, apply
from wiremend.rules.engine import decide
from wiremend.rules.facts import Credential, Facts, facts_of, peek
from wiremend.rules.model import Target
from wiremend.rules.report import finding

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName
    from wiremend.rules.engine import Decision
    from wiremend.rules.model import Decider, Expect, Given
    from wiremend.rules.resolve import Resolved

_PATHS: dict[WireName, str] = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
_USUAL: dict[str, WireName] = {"claude-code": "messages", "codex": "responses"}


def facts_given(given: Given, resolved: Resolved) -> Facts:
    """Make the facts of an example: what it leaves out is as the named client usually has it."""
    wire = given.wire or _USUAL.get(
        given.client or "", "messages" if (given.model or "").startswith("claude") else "chat"
    )
    body = b"{}" if given.model is None else msgspec.json.encode({"model": given.model})
    edits = [Edit("set", pointer, value) for pointer, value in given.body]
    if given.stream is not None:
        edits.append(Edit("set", ("stream",), b"true" if given.stream else b"false"))
    body = apply(body, edits).body
    headers = Headers(tuple((name.lower(), value) for name, value in given.header))
    made = facts_of(
        style="gateway" if given.host is None else "proxy",
        method="POST",
        target=given.path or _PATHS[wire],
        headers=headers,
        host=given.host,
        port=443,
        body=body,
        agent_header=resolved.rules.agent_header,
        agent=given.agent,
    )
    model, stream = peek(body)
    return Facts(
        style=made.style,
        method=made.method,
        target=made.target,
        headers=headers,
        host=made.host,
        port=made.port,
        wire=given.wire or made.wire,
        endpoint=made.endpoint,
        client=given.client or made.client,
        credentials=(Credential("x-api-key", given.key.rstrip("*")),) if given.key else made.credentials,
        agent=made.agent,
        model=model,
        stream=stream,
        body=body,
    )


def run_expectations(resolved: Resolved) -> list[Problem]:
    """Try every example; each that does not hold is a problem at its line, or at the model's where it lists some."""
    problems: list[Problem] = []
    for expect in resolved.rules.expect:
        for model, line, column in expect.models or ((expect.given.model, expect.line, expect.column),):
            told = _judge(replace(expect, given=replace(expect.given, model=model)), resolved)
            if told:
                of = f" for {_called(model)}" if expect.models else ""
                what = f"this expectation does not hold{of}: {told}"
                problems.append(finding(resolved.rules.file, line, column, what))
    return problems


def _called(model: str | None) -> str:
    return "a request without a model" if model is None else f"the model {model!r}"


def _judge(expect: Expect, resolved: Resolved) -> str | None:
    """Say why an example does not hold, and where one is named who must decide, what to write; None where it holds."""
    facts = facts_given(expect.given, resolved)
    wanted = expect.targets or (() if expect.target is None else (expect.target,))
    asked = ", then ".join(map(str, wanted)) or "where the client sent it"
    try:
        decision = decide(facts, resolved)
    except RefusedError as error:
        if expect.target is None and not expect.by:
            return None
        return f"expected {asked}, but the request is refused: {error}{_advice(expect, None, resolved)}"
    got = decision.provider if decision.by not in ("host", "client") else None
    by: Decider = "host" if decision.by == "client" else decision.by
    place = " -> ".join(decision.why)
    if not wanted and got is not None:
        return f"expected no destination, but {place}"
    if wanted:
        goes = _destinations(facts, decision, resolved) if expect.targets else [_destination(decision)]
        if len(goes) != len(wanted) or not all(map(_fits, goes, wanted)):
            where = ", then ".join(map(str, goes)) if got else "where the client sent it"
            return f"expected {asked}, but it goes to {where}: {place}{_advice(expect, by, resolved)}"
    if expect.by and by not in expect.by:
        whom = " or ".join(_BY_WHOM[decider] for decider in expect.by)
        return f"expected {whom} to decide, but {_BY_WHOM[by]} does: {place}{_advice(expect, by, resolved)}"
    return _judge_url(expect, facts, decision)


_BY_WHOM: Final[dict[Decider, str]] = {
    "route": "a route",
    "name": "the model's own name",
    "preference": "a preference",
    "default": "the default",
    "host": "where the client sent it",
}
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


def _advice(expect: Expect, by: Decider | None, resolved: Resolved) -> str:
    """Say what to write so that the first of those decides that an example names; ``by`` did, None: nobody.

    Nothing is said where it names none, or where one of them decided.
    """
    if not expect.by or by in expect.by:
        return ""
    wanted = expect.by[0]
    if by == "preference":
        said = "preferences take the model 'auto', what no route matches, and with `for: all` every request"
    elif wanted == "route":
        said = f"add a route: {_route(expect)}"
    elif by == "route":
        said = "narrow the `when` of that route"
    elif wanted == "name":
        said = "give the model an alias that stands for provider/model"
    elif wanted == "preference" and resolved.rules.preferences is not None:
        said = "no preference fits: mend its description, or give examples"
    elif wanted == "preference":
        said = "the file has no `preferences`"
    else:
        said = f"{_BY_WHOM[wanted]} counts where nothing else decides"
    return f"; {said}"


def _route(expect: Expect) -> str:
    """Write the route that an example asks for."""
    model = expect.given.model
    name = "null" if model is None else model if _PLAIN.fullmatch(model) else repr(model)
    to = f"[{', '.join(map(str, expect.targets))}]" if expect.targets else str(expect.target)
    return f"{{when: {{model: {name}}}, to: {to}}}"


def _destination(decision: Decision) -> Target | str:
    """Give where a decision leads, under the name that is sent."""
    if decision.by in ("host", "client") or decision.provider is None:
        return ""
    return Target(decision.provider, decision.sent)


def _destinations(facts: Facts, decision: Decision, resolved: Resolved) -> list[Target | str]:
    """Give all that a route leads to, in its order; one that would be refused by its name in the file."""
    found: list[Target | str] = []
    for target in decision.targets:
        try:
            found.append(_destination(decide(facts, resolved, str(target))))
        except RefusedError:
            found.append(f"{target} (which refuses it)")
    return found or [_destination(decision)]


def _fits(got: Target | str, wanted: Target) -> bool:
    return isinstance(got, Target) and got.provider == wanted.provider and wanted.model in (None, got.model)


def _judge_url(expect: Expect, facts: Facts, decision: Decision) -> str | None:
    url = decision.destination.url if decision.destination is not None else f"https://{facts.host}{decision.target}"
    if expect.url is None or expect.url.matches(url):
        return None
    return f"expected the URL {expect.url.text}, but it is {url}"
