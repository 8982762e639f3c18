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
        return f"this expectation does not hold: expected {expect.target}, but the request is refused: {error}"
    got = decision.provider if decision.by not in ("host", "client") else None
    place = " -> ".join(decision.why)
    if expect.target is None:
        if got is not None:
            return f"this expectation does not hold: expected no destination, but {place}"
        return _judge_url(expect, facts, decision)
    wanted = expect.target
    sent = f"{got}/{decision.sent}" if decision.sent else str(got)
    if got != wanted.provider or (wanted.model is not None and decision.sent != wanted.model):
        where = sent if got else "where the client sent it"
        return f"this expectation does not hold: expected {wanted}, but it goes to {where}: {place}"
    return _judge_url(expect, facts, decision)


def _judge_url(expect: Expect, facts: Facts, decision: Decision) -> str | None:
    url = decision.destination.url if decision.destination is not None else f"https://{facts.host}{decision.target}"
    if expect.url is None or expect.url.matches(url):
        return None
    return f"this expectation does not hold: expected the URL {expect.url.text}, but it is {url}"
