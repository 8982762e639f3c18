"""Verdicts: what is drawn from the evidence, and that nothing is known where no case shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.conformance import name_of
from tests.test_captures import CAPTURES, SESSIONS, stored
from wiremend.captures.capture import Body
from wiremend.cli.captures_find import identified
from wiremend.explain.verdict import Verdict, judged, read, verdicts
from wiremend.explain.verdict_faults import Fault, faults, quirk_of

CLIENTS = {
    "lib": {"title": "A library", "wire": "chat"},
    "agent": {"title": "An agent", "wire": "chat", "played": True},
}


def case(name: str, codes: str, **said: str) -> dict[str, Any]:
    return {"case": name, "faults": codes.split(), "said": {who: word.split("|") for who, word in said.items()}}


def judge(cases: list[dict[str, Any]], codes: str, who: str = "lib") -> Verdict:
    found = [Fault(code, at, "", "") for at, code in enumerate(codes.split(), 1)]
    clients = {client.name: client for client in read({"clients": CLIENTS, "cases": cases})}
    return clients[who].judge(found, "upstream")


def test_a_sound_reply_is_accepted_by_all() -> None:
    assert judge([], "").outcome == "accepts"


def test_a_fault_that_no_case_shows_is_not_known() -> None:
    verdict = judge([case("c/1", "a", lib="rejects|no")], "b")
    assert (verdict.outcome, verdict.fault, verdict.event) == ("not known", "b", 1)


def test_the_event_is_that_of_the_fault_that_is_minded() -> None:
    cases = [case("c/1", "a", lib="accepts"), case("c/2", "b", lib="rejects|no b")]
    verdict = judge(cases, "a b")
    assert (verdict.outcome, verdict.event, verdict.said, verdict.case, verdict.alone) == (
        "rejects", 2, "no b", "c/2", True,
    )  # fmt: skip


def test_of_several_faults_that_could_be_to_blame_none_is_for_sure() -> None:
    verdict = judge([case("c/1", "a b", lib="rejects|no")], "b")
    assert (verdict.outcome, verdict.alone) == ("rejects", False)


def test_what_is_accepted_elsewhere_is_not_to_blame() -> None:
    cases = [case("c/1", "a b", lib="rejects|no"), case("c/2", "a", lib="accepts")]
    assert judge(cases, "a").outcome == "accepts"
    assert judge(cases, "b").alone


def test_a_program_that_is_played_is_no_witness_for_what_it_takes() -> None:
    cases = [case("c/1", "a", agent="accepts"), case("c/2", "b", agent="rejects|stop")]
    assert judge(cases, "a", "agent").outcome == "not known"
    assert judge(cases, "b", "agent").said == "stop"


def test_a_misreading_gives_way_to_a_rejection_behind_it() -> None:
    cases = [case("c/1", "a", lib="misreads"), case("c/2", "b", lib="rejects|no")]
    assert judge(cases, "a b").outcome == "rejects"
    assert judge(cases, "a").outcome == "misreads"


def test_claude_code_minds_a_block_that_is_not_stopped() -> None:
    """Measured of Claude Code 2.1.197: nothing is delivered, and it asks again without streaming."""
    code = "messages.block.stop-missing"
    found = {one.client: one for one in judged("messages", [Fault(code, 7, "", "", quirk_of(code))])}
    assert (found["claude-code"].outcome, found["claude-code"].event) == ("rejects", 7)
    assert "without streaming" in found["claude-code"].said
    assert found["anthropic-py"].outcome == "accepts"


def test_what_mending_gives_is_accepted_by_every_client() -> None:
    for folder in SESSIONS:
        capture = identified(stored(folder).capture)
        given = [one for one in verdicts(capture) if one.side == "client"]
        assert given, name_of
        assert {one.outcome for one in given} == {"accepts"}, folder.name


def test_bytes_that_are_no_reply_at_all_are_judged_without_a_fall() -> None:
    capture = identified(stored(CAPTURES / "chat" / "tool-index-missing").capture)
    assert capture.attempt is not None
    assert capture.attempt.response is not None
    for body in (b"", b"\0", b"data: {", b"[[[[", b"data: \xff\n\n", b"<html>", b"data: null\n\n" * 50, b"{" * 9000):
        reply = replace(capture.attempt.response, body=Body(body))
        found = faults(capture, reply)
        assert found, body
        assert verdicts(replace(capture, attempts=(replace(capture.attempt, response=reply),)))
