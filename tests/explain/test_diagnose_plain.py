"""An exchange that was recorded without Wiremend: the client got the provider's bytes as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.explain.diagnose_kit import LAB, exchange, json_reply, rules_text, unmended
from tests.reply_cases import REPLIES
from tests.test_captures import CAPTURES, case_of, name_of
from wiremend.captures.capture import Attempt
from wiremend.explain.diagnose import diagnose
from wiremend.explain.diagnose_text import lines
from wiremend.replay.report import plain
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.captures.capture import Capture

INDEX = CAPTURES / "chat" / "tool-index-missing"
LEGAL = {"chat/reasoning-field-name"}
"""Replies that break no contract: a client that is no library of the evidence reads less out of them."""

SOUND = (
    '{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": '
    '{"role": "assistant", "content": "hi"}, "finish_reason": "stop"}], '
    '"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}'
)


def as_recorded(capture: Capture) -> Capture:
    """Give an exchange as a flow file or a HAR has it that knows nothing of Wiremend."""
    attempt = capture.attempt
    assert attempt is not None
    attempts = (Attempt(attempt.request, attempt.response, attempt.error),)
    return replace(capture, attempts=attempts, answer=None, rules="", versions={}, notes=(), error=None)


def recorded(folder: Path) -> Capture:
    return as_recorded(unmended(folder)[0])


@pytest.mark.parametrize("folder", [one for one in REPLIES if name_of(one).startswith("chat/")][::4], ids=name_of)
def test_what_today_s_rules_mend_was_still_broken_for_the_client(folder: Path) -> None:
    text = rules_text(folder)
    got = diagnose(recorded(folder), Today(text, "rules.yaml"), text)
    assert got.problem == (name_of(folder) not in LEGAL)
    assert "recorded without Wiremend" in got.summary
    assert not any(cause.state == "mended" for cause in got.causes)
    assert {one.side for one in got.verdicts} <= {"upstream"}
    off = unmended(folder)
    same = diagnose(recorded(folder), off[1], off[2])
    assert same.verdicts == got.verdicts, "what the client got does not hang on today's rules"
    assert "today's rules do not mend " in same.summary


def test_it_says_whose_bytes_they_are_who_breaks_and_that_today_s_rules_mend_it() -> None:
    text = rules_text(INDEX)
    got = diagnose(recorded(INDEX), Today(text, "rules.yaml"), text)
    assert got.problem
    assert "so the client got the provider's bytes as they are; today's rules mend it" in got.summary
    assert [cause.state for cause in got.causes] == ["mended today"]
    assert {"OpenAI SDK for Python", "OpenCode"} <= {one.title.rpartition(" ")[0] for one in got.verdicts if one.bad}
    assert got.patch is None
    shown = "\n".join(map(plain, lines(got, 200)))
    assert "rejects at event 2" in shown
    assert "->" not in shown


def test_an_error_of_the_provider_s_is_not_said_to_be_mended() -> None:
    reply = json_reply(401, '{"error": "Incorrect API key provided"}')
    capture, today, text = exchange(reply=reply)
    got = diagnose(as_recorded(capture), today, text)
    assert got.problem
    assert "does not take this key" in got.summary
    assert "as they are; today's rules mend how it is said" in got.summary


def test_a_route_that_nearly_took_it_is_not_the_headline_of_a_broken_reply() -> None:
    text = f"routes:\n  - {{name: ours, when: {{model: '*', client: codex}}, to: lab}}\n{LAB}"
    got = diagnose(recorded(INDEX), Today(text, "rules.yaml"), text)
    assert any(cause.where == "routing" for cause in got.causes)
    assert got.summary.startswith("The tool call has no index")
    assert "today's rules mend it" in got.summary


def test_where_today_s_rules_do_not_mend_it_the_change_is_told() -> None:
    _, today, text = unmended(INDEX)
    got = diagnose(recorded(INDEX), today, text)
    assert "as they are; today's rules do not mend it" in got.summary
    assert got.patch is not None
    assert "mend: auto" in got.patch.diff


def test_rules_that_let_the_request_go_nowhere_mend_nothing() -> None:
    text = LAB.replace("default: lab\n", "")
    got = diagnose(recorded(INDEX), Today(text, "rules.yaml"), text)
    assert got.problem
    assert "today's rules do not mend it" in got.summary
    reply = next(cause for cause in got.causes if cause.where == "reply")
    assert (reply.quirk, reply.state) == (case_of(INDEX)["quirk"], "")


def test_a_sound_reply_is_sound_without_wiremend_too() -> None:
    capture, today, text = exchange(reply=json_reply(200, SOUND))
    got = diagnose(as_recorded(capture), today, text)
    assert (got.problem, got.summary) == (False, "nothing is wrong")
    assert {one.outcome for one in got.verdicts} == {"accepts"}


def test_what_wiremend_recorded_without_an_answer_is_not_taken_for_it() -> None:
    capture = replace(recorded(INDEX), versions={"wiremend": "0.1.0"})
    text = rules_text(INDEX)
    got = diagnose(capture, Today(text, "rules.yaml"), text)
    assert "recorded without Wiremend" not in got.summary
