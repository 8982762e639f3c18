"""Exchanges that went wrong, made of cases: with mending off, or with what a provider refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.test_captures import case_of, refusals, stored
from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.cli.captures_find import identified
from wiremend.codings import decode
from wiremend.explain.change import Put, changed
from wiremend.headers import Headers
from wiremend.pipeline.decided import decision_of
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from pathlib import Path

KIMI = "sk-kimi-FAKEFAKEFAKEFAKEFAKEFAKE01"
PLAIN = "sk-FAKEFAKEFAKEFAKEFAKEFAKE0001"
LAB = "providers:\n  lab:   # ours\n    base_url: http://lab.example/v1\n    key: client\ndefault: lab\n"


def rules_text(folder: Path) -> str:
    """Give the rules of a case."""
    return (stored(folder).rules or shipped()).read_text("utf-8")


def as_answered(capture: Capture, today: Today) -> Capture:
    """Give an exchange with what these rules make of it recorded: the request that left, and the answer."""
    again = replay(capture, today)
    attempt = capture.attempt
    attempts = capture.attempts
    if again.request is not None and attempt is not None:
        attempts = (Attempt(again.request, attempt.response, attempt.error, decision_of(again.outcome)),)
    return replace(
        capture, attempts=attempts, answer=again.answer, notes=again.notes, error=again.error, rules=today.hash
    )


def unmended(folder: Path) -> tuple[Capture, Today, str]:
    """Give a case of a reply as it goes with mending off, and the rules that say so."""
    text = changed(rules_text(folder), [Put(("mend",), "off")])
    today = Today(text, "rules.yaml")
    return as_answered(identified(stored(folder).capture), today), today, text


def refusal_of(folder: Path, request: Request) -> tuple[int, str] | None:
    """Ask the provider that a case of a request plays."""
    body = decode(request.body, request.headers.get("content-encoding"))
    return refusals()[case_of(folder)["quirk"]](json.loads(body), request.headers)


def refused(folder: Path, text: str) -> tuple[Capture, Today] | None:
    """Give a case of a request as it goes by these rules, answered by its provider; None where that takes it."""
    today = Today(text, "rules.yaml")
    capture = identified(stored(folder).capture)
    left = replay(capture, today).request
    assert left is not None
    said = refusal_of(folder, left)
    if said is None:
        return None
    body = said[1] if said[1][:1] in {"{", "["} else json.dumps({"error": {"message": said[1]}})
    return as_answered(replace(capture, attempts=(Attempt(left, json_reply(said[0], body)),)), today), today


def json_reply(status: int, body: str, kind: str = "application/json") -> Response:
    """Give a reply of a provider."""
    return Response(status, "", Headers((("content-type", kind),)), Body(body.encode()))


def exchange(
    *,
    text: str = LAB,
    path: str = "/v1/chat/completions",
    model: str | None = "m",
    key: str | None = PLAIN,
    host: str | None = None,
    reply: Response | None = None,
    error: str | None = None,
    more: dict[str, object] | None = None,
    stream: bool = False,
    kind: str = "Authorization",
) -> tuple[Capture, Today, str]:
    """Make an exchange: a small request, and what the provider answers to what leaves by these rules."""
    headers = [("content-type", "application/json"), ("user-agent", "OpenAI/Python 3.52.0")]
    if key is not None:
        headers.append((kind, f"Bearer {key}" if kind == "Authorization" else key))
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": stream, **(more or {})}
    if model is not None:
        body["model"] = model
    data = json.dumps(body).encode()
    request = Request("POST", "https", host, 443, path, Headers(tuple(headers)), data)
    style = "gateway" if host is None else "proxy"
    inputs = Inputs(seed="s", now=1_760_000_000, flow="f00d", style=style)  # type: ignore[arg-type]  # one of the two
    capture = identified(Capture("f00dcafe", 1.0, request, inputs=inputs))
    today = Today(text, "rules.yaml")
    left = replay(capture, today).request
    if left is not None and (reply is not None or error is not None):
        capture = replace(capture, attempts=(Attempt(left, reply, error),))
    return as_answered(capture, today), today, text
