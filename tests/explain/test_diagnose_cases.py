"""Each case in captures/ with mending off is diagnosed: its quirk is named, and a change of the rules mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.explain.diagnose_kit import LAB, as_answered, refusal_of, refused, rules_text, unmended
from tests.reply_cases import REPLIES, load
from tests.test_captures import CAPTURES, QUIRKY, case_of, name_of, stored
from wiremend.cli.captures_find import identified
from wiremend.explain.change import Put, changed
from wiremend.explain.diagnose import diagnose
from wiremend.replay.rules import Today
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.explain.diagnose_model import Diagnosis

BY_ANOTHER_NAME = {
    "chat/error-midstream-shape-choice": "its finish reason is what the contract minds: finish-reason-nonstandard",
    "chat/finish-reason-never-cut": "it is a cut, and told as one: no quirk brings back what was not sent",
    "messages/anth-delta-before-start": "the contract minds the start that is missing: anth-block-start-missing",
    "messages/anth-message-cut": "it is a cut, and told as one",
    "responses/resp-unknown-events": "the events are keep-alives to the contract: sse-keepalive-as-event",
}
"""Cases of replies whose quirk is not among the causes, and what is in its place."""

NOT_AT_A_STRANGER = {
    "chat/gemini-thought-signature": "at a host that is not Gemini's the quirk has nothing to put in",
    "messages/thinking-signature-foreign": "at a host that signs nothing there is nothing foreign",
    "responses/resp-encrypted-reasoning-foreign": "what was not remembered cannot be told apart at a stranger's",
}
"""Cases of requests whose quirk is named by the provider's words alone: it finds nothing to mend at another host."""

REQUESTS = [folder for folder in QUIRKY if case_of(folder).get("oracle") == "refusal"]


def test_nine_of_ten_are_named() -> None:
    assert len(BY_ANOTHER_NAME) <= len(REPLIES) / 10
    assert len(NOT_AT_A_STRANGER) <= len(REQUESTS) / 10


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_the_quirk_of_a_reply_is_among_the_causes_and_mending_is_the_change(folder: Path) -> None:
    capture, today, text = unmended(folder)
    found = diagnose(capture, today, text)
    named = case_of(folder)["quirk"] in [cause.quirk for cause in found.causes]
    assert named == (name_of(folder) not in BY_ANOTHER_NAME), [cause.what for cause in found.causes]
    assert found.patch is not None, found.tried
    assert "mend: auto" in found.patch.diff
    again = replay(capture, Today(found.patch.after, "rules.yaml"))
    assert again.answer is not None
    want = load(folder).answer
    assert (again.answer.status, again.answer.body.data) == (want.status, want.body)


def test_mending_alone_is_the_change_where_it_is_enough() -> None:
    """The quirk of the case is on for no provider by itself, but the contract's codec mends what it tells of."""
    text = f"mend: off\n{LAB}"
    capture, _, _ = unmended(CAPTURES / "chat" / "usage-in-choice")
    today = Today(text, "rules.yaml")
    found = diagnose(as_answered(capture, today), today, text)
    assert found.causes[0].quirk == "usage-in-choice"
    assert found.patch is not None
    assert [line for line in found.patch.diff.splitlines() if line[0] in "+-"][2:] == ["+    mend: auto"]


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_nothing_is_wrong_with_a_reply_that_was_mended(folder: Path) -> None:
    """What mending gives is legal, but for errors, which are a problem however well they are told."""
    case = stored(folder)
    found = diagnose(identified(case.capture), Today(rules_text(folder), "rules.yaml"))
    means = case_of(folder).get("means", {})
    error = str(means.get("error", "reason:"))  # one that ran out of tokens is incomplete, and no error
    assert found.problem == (not error.startswith("reason:")), found.summary
    bad = [one for one in found.verdicts if one.side == "client" and one.bad and not one.played]
    assert bad == []


@pytest.mark.parametrize("folder", REQUESTS, ids=name_of)
def test_a_refused_request_is_diagnosed_with_mending_off(folder: Path) -> None:
    text = changed(rules_text(folder), [Put(("mend",), "off")])
    found = _diagnosed(folder, text)
    assert found is not None
    _judge(folder, found, "mend: auto")


@pytest.mark.parametrize("folder", REQUESTS, ids=name_of)
def test_a_refused_request_is_diagnosed_at_a_host_that_nobody_knows(folder: Path) -> None:
    quirk = case_of(folder)["quirk"]
    text = LAB.replace("default:", f"    quirks: [-{quirk}]  # not yet\ndefault:")
    found = _diagnosed(folder, text)
    if found is None:
        assert name_of(folder) == "messages/tool-extra-keys"  # other quirks take its keys out as well
        return
    if name_of(folder) in NOT_AT_A_STRANGER:
        assert found.causes[0].quirk == quirk
        assert found.patch is None
        return
    _judge(folder, found, f"+{quirk}")
    assert found.patch is not None
    assert "# not yet" in found.patch.after


def _diagnosed(folder: Path, text: str) -> Diagnosis | None:
    made = refused(folder, text)
    return None if made is None else diagnose(*made, text)


def _judge(folder: Path, found: Diagnosis, change: str) -> None:
    assert found.problem
    assert found.causes[0].quirk == case_of(folder)["quirk"], [cause.what for cause in found.causes]
    assert found.patch is not None, found.tried
    assert change in found.patch.diff
    left = replay(identified(stored(folder).capture), Today(found.patch.after, "rules.yaml")).request
    assert left is not None
    assert refusal_of(folder, left) is None, "the provider takes it now"
