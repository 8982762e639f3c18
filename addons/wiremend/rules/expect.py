"""``expect``: examples in the rules file that must hold, tried against the rules themselves.

Each example is made into the facts of a request and decided by the same engine as real traffic. They run in ``check``,
at every reload (a file whose examples fail is not taken) and under pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    from wiremend.rules.model import Expect, Given
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
    """Try every example; each that does not hold is a problem at its line."""
    problems: list[Problem] = []
    for expect in resolved.rules.expect:
        told = _judge(expect, resolved)
        if told:
            problems.append(finding(resolved.rules.file, expect.line, expect.column, told))
    return problems


def _judge(expect: Expect, resolved: Resolved) -> str | None:
    facts = facts_given(expect.given, resolved)
    try:
        decision = decide(facts, resolved)
    except RefusedError as error:
        if expect.target is None:
            return None
        asked = ", then ".join(map(str, expect.targets or (expect.target,)))
        return f"this expectation does not hold: expected {asked}, but the request is refused: {error}"
    got = decision.provider if decision.by not in ("host", "client") else None
    place = " -> ".join(decision.why)
    if expect.target is None:
        if got is not None:
            return f"this expectation does not hold: expected no destination, but {place}"
        return _judge_url(expect, facts, decision)
    goes = _destinations(facts, decision, resolved) if expect.targets else [_destination(decision)]
    wanted = expect.targets or (expect.target,)
    if len(goes) != len(wanted) or not all(map(_fits, goes, wanted)):
        where = ", then ".join(map(str, goes)) if got else "where the client sent it"
        asked = ", then ".join(map(str, wanted))
        return f"this expectation does not hold: expected {asked}, but it goes to {where}: {place}"
    return _judge_url(expect, facts, decision)


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
    return f"this expectation does not hold: expected the URL {expect.url.text}, but it is {url}"
