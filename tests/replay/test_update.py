"""New goldens: what was written reads back without a difference, and all that happened stays as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.replay.cases_kit import RULES, asking, put
from tests.replay.kit import STREAM, captured, chunk, recorded
from wiremend.captures.capture import Attempt, Body, Response
from wiremend.captures.case import read_case, write_case
from wiremend.errors import CaptureError
from wiremend.headers import Headers
from wiremend.pipeline.decided import decision_of
from wiremend.replay.compare import compare
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.replay.update import update_case

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.captures.capture import Capture

WARMER = RULES.replace("0.6", "0.7")
ELSEWHERE = RULES.replace('"lab-*"}, to: lab', '"lab-*"}, to: other')
REFUSED = RULES.replace("default: other\n", "")


def updated(folder: Path, rules: str) -> tuple[str, ...]:
    """Update a case for these rules, and see that nothing differs any more."""
    case, today = read_case(folder), Today(rules, "rules.yaml")
    done = replay(case.capture, today)
    expect = case.about.get("expect")
    lines = update_case(case, done, compare(case.capture, done, expect=expect))
    after = read_case(folder)
    assert compare(after.capture, replay(after.capture, today), expect=expect) == []
    assert (after.title, after.origin, after.about) == (case.title, case.origin, case.about)
    same_happened(case.capture, after.capture)
    return lines


def same_happened(before: Capture, after: Capture) -> None:
    """See that nothing but the goldens changed."""
    goldens = {"attempts": (), "answer": None, "notes": ()}
    assert replace(before, **goldens) == replace(after, **goldens)  # type: ignore[arg-type]  # the names of its fields
    if before.attempt is not None and after.attempt is not None:
        assert before.attempt.response == after.attempt.response
        assert before.attempt.error == after.attempt.error


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_value_is_written_and_nothing_else_of_the_request(tmp_path: Path) -> None:
    folder = put(tmp_path, "one", asking("lab-1"))
    before = files(folder)
    assert updated(folder, WARMER) == ("upstream request, /temperature: 0.6 -> 0.7",)
    after = files(folder)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == {"upstream.request.json", "case.yaml"}
    assert b'"temperature":0.7' in after["upstream.request.json"]
    assert after["case.yaml"] == before["case.yaml"].replace(b"absent -> 0.6", b"absent -> 0.7")


def test_nothing_is_written_where_nothing_differs(tmp_path: Path) -> None:
    folder = put(tmp_path, "one", asking("lab-1"))
    case_yaml = folder / "case.yaml"
    case_yaml.write_text(f"# a person's remark\n{case_yaml.read_text('utf-8')}", "utf-8")
    before = files(folder)
    assert updated(folder, RULES) == ()
    assert files(folder) == before


def test_the_folders_own_rules_and_what_people_wrote_stay(tmp_path: Path) -> None:
    folder = tmp_path / "captures" / "chat" / "one"
    about = {"shows": ["the temperature"], "expect": {"to": "lab"}}
    write_case(folder, asking("lab-1"), title="A: title", origin="by hand", about=about, rules=WARMER)
    (folder / "README.md").write_text("Read me.\n", "utf-8")
    updated(folder, WARMER)
    assert (folder / "rules.yaml").read_text("utf-8") == WARMER
    assert (folder / "README.md").read_text("utf-8") == "Read me.\n"
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_an_expectation_is_a_persons_and_is_not_rewritten(tmp_path: Path) -> None:
    folder = tmp_path / "captures" / "chat" / "one"
    write_case(folder, asking("lab-1"), title="A title", about={"expect": {"to": "lab"}})
    before = files(folder)
    with pytest.raises(CaptureError, match=r"case\.yaml: expect\.to is what a person wrote"):
        updated(folder, ELSEWHERE)
    assert files(folder) == before


def test_another_model_is_written_and_the_providers_reply_stays(tmp_path: Path) -> None:
    rules = RULES.replace(
        "  small: lab/lab-mini", "  lab-1: {to: lab/lab-mini, keep_name: true}\n  small: lab/lab-mini"
    )
    folder = put(tmp_path, "one", asking("lab-1"))
    stream = files(folder)["upstream.sse"]
    lines = updated(folder, rules)
    assert any(line.startswith("upstream request, /model:") for line in lines)
    assert files(folder)["upstream.sse"] == stream


def test_a_mend_that_is_new_changes_the_events_that_the_client_gets(tmp_path: Path) -> None:
    empty = chunk("Hi").replace(b'"delta": {', b'"delta": {"role": "", ')
    stream = (chunk("", role="assistant"), empty, chunk(finish="stop"), b"data: [DONE]\n\n")
    body = {"model": "lab-1", "stream": True, "messages": []}
    off = RULES.replace("aliases:", "mend: off\naliases:")
    folder = put(tmp_path, "one", recorded(captured(body, stream), off))
    assert "client.sse" not in files(folder)  # nothing was mended: it is the upstream's
    lines = updated(folder, RULES)
    assert any("event 2 /choices/0/delta/role" in line for line in lines)
    assert files(folder)["upstream.sse"] == b"".join(stream)
    assert b'"role": ""' in files(folder)["upstream.sse"]
    assert not re.search(rb'"role": *""', files(folder)["client.sse"])


def test_a_head_keeps_its_reason_and_its_length_fits(tmp_path: Path) -> None:
    sound = b'{"id":"c","object":"chat.completion","created":1,"model":"lab-1","choices":[]}'
    capture = recorded(captured({"model": "lab-1", "messages": []}, (sound,)), RULES)
    assert capture.attempt is not None
    assert capture.answer is not None
    head = Headers((("content-type", "application/json"), ("content-length", "3")))
    old = Response(capture.answer.status, "Fine", head, Body(b"{1}"))
    folder = put(tmp_path, "one", replace(capture, answer=old))
    updated(folder, RULES)
    answer = read_case(folder).capture.answer
    assert answer is not None
    assert answer.reason == "Fine"
    assert answer.headers.get("content-length") in {None, str(answer.body.length)}


def test_a_case_that_is_refused_now_keeps_the_providers_reply(tmp_path: Path) -> None:
    folder = put(tmp_path, "far", asking("gpt-x"))
    before = files(folder)
    with pytest.raises(CaptureError, match="record it again"):
        updated(folder, REFUSED)
    assert files(folder) == before


def test_an_answer_that_cannot_be_made_again_is_not_thrown_away(tmp_path: Path) -> None:
    capture = asking("lab-1")
    (attempt,) = capture.attempts
    folder = put(tmp_path, "one", replace(capture, attempts=(replace(attempt, response=None),)))
    before = files(folder)
    with pytest.raises(CaptureError, match="the provider's reply is missing"):
        updated(folder, WARMER)
    assert files(folder) == before


def refused() -> Capture:
    """Give a request that was refused."""
    capture = replace(captured({"model": "gpt-x", "messages": []}), attempts=(), rules="1234abcd")
    done = replay(capture, Today(REFUSED, "rules.yaml"))
    return replace(capture, answer=done.answer, notes=done.notes)


def test_a_request_that_was_refused_and_leaves_now_has_a_request_alone(tmp_path: Path) -> None:
    folder = put(tmp_path, "far", refused())
    assert "upstream.request" not in files(folder)
    updated(folder, RULES)
    after = read_case(folder).capture
    assert after.answer is None
    assert after.attempt is not None
    assert (after.attempt.request.port, after.attempt.response) == (9000, None)


def test_a_request_alone_that_is_refused_now_has_the_refusal(tmp_path: Path) -> None:
    capture = asking("gpt-x")
    assert capture.attempt is not None
    folder = put(tmp_path, "far", replace(capture, attempts=(Attempt(capture.attempt.request),), answer=None))
    updated(folder, REFUSED)
    after = read_case(folder).capture
    assert after.attempts == ()
    assert after.answer is not None
    assert after.answer.status == 404


def test_of_a_case_written_by_hand_no_notes_are_made_up(tmp_path: Path) -> None:
    folder = put(tmp_path, "one", replace(asking("lab-1"), rules="", notes=()))
    updated(folder, WARMER)
    assert read_case(folder).capture.notes == ()


def test_a_decision_that_was_recorded_is_that_of_today(tmp_path: Path) -> None:
    capture = asking("lab-1")
    assert capture.attempt is not None
    done = replay(capture, Today(RULES, "rules.yaml"))
    with_decision = replace(capture, attempts=(replace(capture.attempt, decision=decision_of(done.outcome)),))
    folder = put(tmp_path, "one", with_decision)
    updated(folder, ELSEWHERE)
    after = read_case(folder).capture.attempt
    assert after is not None
    assert (after.decision["provider"], after.decision["route"]) == ("other", "to the lab")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.permutations(STREAM).map(lambda parts: parts[:4]) | st.just(STREAM),
    st.sampled_from([WARMER, ELSEWHERE, RULES.replace("aliases:", "mend: off\naliases:"), RULES]),
    st.sampled_from([RULES, ELSEWHERE, RULES.replace("aliases:", "mend: off\naliases:")]),
)
def test_whatever_was_recorded_an_update_leaves_no_difference(
    tmp_path: Path, stream: list[bytes], now: str, then: str
) -> None:
    body = {"model": "lab-1", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    folder = tmp_path / "captures" / "chat" / "one"
    write_case(folder, recorded(captured(body, stream), then), title="A title", overwrite=True)
    updated(folder, now)
