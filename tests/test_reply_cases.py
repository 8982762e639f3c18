"""Every case in captures/ that shows a reply: mended as it must be, whatever the cuts, and by the judgement of others.

With mending off the parser that the case names does not understand the reply; with mending on it does. Parsers of the
JavaScript world have their turn in the clients suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import ORACLES, verdict
from tests.reply_cases import REPLIES, cuts, load
from tests.test_captures import name_of
from wiremend.protocols.wires import CHECKS, CONTRACTS
from wiremend.quirks import all_quirks
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = [(folder, oracle) for folder in REPLIES for oracle in load(folder).oracles if oracle in ORACLES]


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_the_client_gets_what_it_must(folder: Path) -> None:
    case = load(folder)
    answer = case.given()
    assert answer.body == case.answer.body
    assert (answer.status, answer.content_type or case.reply.kind) == (case.answer.status, case.answer.kind)
    assert answer.final == case.answer.final


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_cuts_do_not_matter(folder: Path) -> None:
    case = load(folder)
    body = case.reply.body
    assert case.given(cuts(body, range(len(body)))).body == case.answer.body

    @given(st.sets(st.integers(1, max(1, len(body)))))
    def at_random(places: set[int]) -> None:
        assert case.given(cuts(body, places)).body == case.answer.body

    at_random()


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_what_is_done_is_noted_by_the_name_of_its_cause(folder: Path) -> None:
    case = load(folder)
    quirk = all_quirks()[case.about["quirk"]]
    if quirk.side == "headers":
        return  # what is done to the head is done, and noted, at the edge
    causes = {quirk.name, *quirk.codes, *case.about.get("codes", ())}
    assert causes & {note.short for note in case.given().notes} or case.given().failure is not None


@pytest.mark.parametrize("folder", REPLIES, ids=name_of)
def test_the_answer_keeps_the_contract(folder: Path) -> None:
    case = load(folder)
    answer = case.given()
    if answer.content_type != "text/event-stream":
        wire = case.context.wire.name
        assert answer.status >= 400 or CHECKS[wire](answer.body) == []  # an error's body is judged by the parsers
        return
    parser, contract = EventParser(), CONTRACTS[case.context.wire.name]()
    events = [*parser.feed(answer.body), *parser.close()]
    found = [violation for event in events for violation in contract.feed(event)]
    assert [*found, *contract.close()] == []


@pytest.mark.parametrize(
    ("folder", "oracle"), PYTHON, ids=lambda value: value if isinstance(value, str) else value.name
)
def test_the_parser_fails_without_mending_and_understands_with_it(folder: Path, oracle: str) -> None:
    case = load(folder)
    before = verdict(oracle, case.served(case.given(mend=False)))
    assert not case.understood(before), f"{oracle} needs no mending here: {before}"
    after = verdict(oracle, case.served(case.given()))
    assert case.understood(after), after


def test_every_case_names_its_quirk_and_its_oracle() -> None:
    for folder in REPLIES:
        case = load(folder)
        assert case.about["quirk"] in all_quirks(), folder
        assert case.oracles, folder
