"""Every reply that a case knows, through a real mitmdump: what is remembered of it replays to the very same end.

One proxy plays all cases, each by a provider of its own with the quirks of the case. What the client was given on the
wire, what the capture says it was given, and what replay makes of the capture must be one, in whatever cuts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.reply_cases import REPLIES, cuts, load
from tests.test_captures import name_of, stored
from wiremend.mitm.flows import read_flows
from wiremend.quirks import all_quirks, may_be_named
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import CUTS, replay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.reply_cases import Case
    from wiremend.captures.capture import Capture

PATHS: Final = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
NAMES: Final = {f"c{number}": folder for number, folder in enumerate(REPLIES)}


@dataclass(frozen=True, slots=True)
class Played:
    """One case as it went: what the client got, and what was remembered."""

    case: Case
    status: int
    body: bytes
    capture: Capture


def rules_of(cases: dict[str, Case], url: str) -> str:
    """Give each case a provider with its quirks."""
    lines = ["providers:"]
    for name, case in cases.items():
        quirks = [f"+{quirk.name}" for quirk in case.context.quirks if may_be_named(quirk)]
        wire, switched = case.folder.parent.name, f"quirks: [{', '.join(quirks)}]" if quirks else "mend: auto"
        lines.append(f"  {name}: {{base_url: '{url}/{name}', key: client, speaks: [{wire}], {switched}}}")
    lines.append("routes:")
    lines += [f"  - {{when: {{header: {{x-case: {name}}}}}, to: {name}}}" for name in cases]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def rules() -> list[str]:
    return []


@pytest.fixture(scope="module")
def played(rules: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    folder = tmp_path_factory.mktemp("captures")
    cases = {name: load(folder) for name, folder in NAMES.items()}

    def answer(request: Request, reply: Reply) -> None:
        known = cases[request.path.split("/")[1]].reply
        chance = random.Random(request.path)  # noqa: S311 - to choose cuts, not secrets
        size = len(known.body)
        chunks = cuts(known.body, chance.sample(range(size), min(size, 12)))
        dropped = {"content-length", "transfer-encoding", "connection"}
        reply.head(known.status, [pair for pair in known.headers.items() if pair[0] not in dropped])
        for chunk in chunks:
            reply.send(chunk)
        reply.end()

    got = {}
    with Upstream(answer) as upstream:
        rules.append(rules_of(cases, upstream.url))
        with Mitm(rules[0], options={"wiremend_capture": folder}) as proxy, Client.plain(proxy.port) as client:
            for name, case in cases.items():
                request = stored(case.folder).capture.request
                kept = {"host", "content-length"}
                headers = {key: value for key, value in request.headers if key.lower() not in kept}
                fields = {"host": "127.0.0.1", **headers, "x-case": name}
                response = client.request("POST", PATHS[case.folder.parent.name], fields, request.body)
                got[name] = (response.status, response.read())
        remembered = {capture.request.headers.get("x-case"): capture for capture in captures_of(folder)}
    return {name: Played(case, *got[name], remembered[name]) for name, case in cases.items()}


def captures_of(folder: Path) -> Iterator[Capture]:
    for path in sorted(folder.glob("*.flows")):
        for found in read_flows(path):
            if found.capture is not None:
                yield found.capture


@pytest.mark.parametrize("name", NAMES, ids=[name_of(folder) for folder in REPLIES])
def test_a_capture_holds_what_came_and_what_went(name: str, played: dict[str, Played]) -> None:
    one = played[name]
    assert one.capture.answer is not None
    assert (one.capture.answer.status, one.capture.answer.body.data) == (one.status, one.body)
    response = one.capture.attempts[0].response
    assert response is not None
    assert response.status == one.case.reply.status
    assert response.body.data == one.case.reply.body
    assert sum(size for size, _ in response.body.cuts) == len(one.case.reply.body)


@pytest.mark.parametrize("name", NAMES, ids=[name_of(folder) for folder in REPLIES])
def test_a_capture_replays_to_itself(name: str, played: dict[str, Played], rules: list[str]) -> None:
    capture, today = played[name].capture, Today(rules[0], "rules.yaml")
    for way in CUTS:
        done = replay(capture, today, way)
        assert compare(capture, done) == [], way
        assert done.answer is not None
        assert capture.answer is not None
        assert done.answer.body.data == capture.answer.body.data
        assert done.error == capture.error


def test_something_is_done_in_most_of_them(played: dict[str, Played]) -> None:
    codes = {
        note.short for one in played.values() for note in one.capture.notes if note.kind not in {"routed", "edited"}
    }
    assert len(codes) > 60
    assert len(codes & all_quirks().keys()) > 10
