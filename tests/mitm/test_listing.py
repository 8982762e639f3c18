"""What the flow list shows: the way at once, tokens and mends at the end, and nothing over what a person wrote."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import flowfilter
from mitmproxy.utils.emoji import emoji

from tests.lab import Answer
from tests.lab.replies import chat_body, chat_events
from tests.mitm.capture_kit import KEY, Stage, stage
from wiremend.mitm import listing
from wiremend.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mitmproxy.http import HTTPFlow

RULES = (
    "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', speaks: [chat], key: client}}\n"
    "routes: [{when: {model: 'odd*'}, to: lab/m}]\n"
)
URL = "https://api.openai.com/v1/chat/completions"
EVENTS = chat_events(Answer("one two", model="m"))
BROKEN = [EVENTS[0].replace(b'"role"', b'"rule"'), *EVENTS[1:]]
"""The role is missing, which is mended."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, RULES) as found:
        yield found


def asked(made: Stage, model: str = "odd-model", **more: object) -> HTTPFlow:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}], **more}
    return made.ask(json.dumps(body).encode(), {"authorization": f"Bearer {KEY}"}, URL)


def test_the_way_is_shown_as_soon_as_it_is_decided(made: Stage) -> None:
    one = asked(made)
    assert (one.comment, one.marked) == ("odd-model → lab/m", "")


def test_a_call_where_all_is_well_has_its_tokens_and_no_marker(made: Stage) -> None:
    one = asked(made)
    made.stream(one, EVENTS)
    made.end(one)
    answer = Answer()
    said = f"odd-model → lab/m  {answer.input_tokens} in, {answer.output_tokens} out"
    assert one.comment == said
    assert one.marked == ""


def test_a_mended_call_says_what_was_mended(made: Stage) -> None:
    one = asked(made)
    made.stream(one, BROKEN)
    made.end(one)
    assert one.comment.endswith("mended: chat.delta.role-missing")
    assert one.marked == listing.MENDED


def test_a_failed_call_says_how(made: Stage) -> None:
    one = asked(made)
    made.whole(one, 429, b'{"error":{"message":"slow down","type":"rate_limit_error"}}')
    assert one.comment.startswith("failed: slow down")
    assert "odd-model → lab/m" in one.comment
    assert one.marked == listing.FAILED


def test_a_call_that_got_no_answer_failed(made: Stage) -> None:
    one = asked(made)
    made.end(one, "server closed connection")
    assert one.comment == "failed: server closed connection  odd-model → lab/m"
    assert one.marked == listing.FAILED


def test_a_refused_call_says_why(made: Stage) -> None:
    rules = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', speaks: [messages], key: client}}\ndefault: lab/m\n"
    made.context.configure(made.house, wiremend_rules=_file(made, rules))
    one = asked(made, previous_response_id="resp_1", messages="none")
    made.end(one)
    assert one.comment.startswith("failed: ")
    assert one.comment.endswith("  odd-model → refused")
    assert "/messages" in one.comment
    assert one.marked == listing.FAILED


def test_what_was_lost_is_marked_before_what_was_mended(made: Stage) -> None:
    one = asked(made)
    exchange = made.house.exchanges[one.id]
    exchange.notes += [Note("mended", "", "m-code", "m"), Note("lost", "/top_k", "l-code", "it cannot be said")]
    made.whole(one, 200, json.dumps(chat_body(Answer("hi", model="m"))).encode())
    assert "mended: m-code" in one.comment
    assert one.comment.startswith("lost: l-code  odd-model → lab/m")
    assert one.marked == listing.LOST


@pytest.mark.parametrize("when", ("before", "between"))
def test_what_a_person_wrote_stays(made: Stage, when: str) -> None:
    one = asked(made)
    if when == "before":
        exchange = made.house.exchanges[one.id]
        exchange.listed = ("", "")  # as if the person had been quicker than we
    one.comment, one.marked = "mine", ":star:"
    made.stream(one, BROKEN)
    made.end(one)
    assert (one.comment, one.marked) == ("mine", ":star:")


def test_a_comment_that_a_person_removed_does_not_come_back(made: Stage) -> None:
    one = asked(made)
    one.comment = ""
    made.stream(one, BROKEN)
    made.end(one)
    assert one.comment == ""
    assert one.marked == listing.MENDED, "the marker is a matter of its own"


def test_no_secret_is_in_a_comment(made: Stage) -> None:
    one = asked(made, model=f"odd-{KEY}")
    assert KEY not in one.comment
    made.whole(one, 401, json.dumps({"error": {"message": f"{'x' * 130} bad key {KEY}"}}).encode())
    assert "failed: " in one.comment
    assert KEY not in one.comment
    assert KEY[-30:] not in one.comment, "cut in two it is one as well"
    assert KEY[:30] not in one.comment


@given(st.text(min_size=1))
def test_a_comment_is_one_line_whatever_the_model_is_called(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    with stage(tmp_path_factory.mktemp("one"), RULES) as made:
        one = asked(made, model=f"odd{name}")
        assert set(map(unicodedata.category, one.comment)).isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
        assert len(one.comment) < 400


def test_the_markers_are_those_that_mitmproxy_can_draw() -> None:
    for marker in (listing.FAILED, listing.LOST, listing.MENDED):
        assert len(emoji[marker]) == 1, "the console draws the first character alone"


FILTERS = {
    "~marked": {"mended", "failed"},
    "~marker :x:": {"failed"},
    "~marker :wrench:": {"mended"},
    "~comment failed:": {"failed"},
    '~comment "→ lab/"': {"fine", "mended", "failed"},
    "~comment role-missing": {"mended"},
    "~meta \"'provider': 'lab'\"": {"fine", "mended", "failed"},
    "~meta \"'asked': 'odd-fine'\"": {"fine"},
    "~meta wiremend & !~marked": {"fine"},
}
"""The filters that docs/mitmproxy.md shows, and which of three calls they find."""


def test_mitmproxys_filters_find_calls(made: Stage) -> None:
    flows = {name: asked(made, model=f"odd-{name}") for name in ("fine", "mended", "failed")}
    for name, events in (("fine", EVENTS), ("mended", BROKEN)):
        made.stream(flows[name], events)
        made.end(flows[name])
    made.whole(flows["failed"], 500, b'{"error":{"message":"down"}}')
    for text, names in FILTERS.items():
        matches = flowfilter.parse(text)
        assert {name for name, one in flows.items() if matches(one)} == names, text


def _file(made: Stage, rules: str) -> str:
    path = made.folder.parent / "other.yaml"
    path.write_text(rules, "utf-8")
    return str(path)
