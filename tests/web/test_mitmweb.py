"""mitmweb in a real browser: the list, the three views, the command bar, and no provider's key in any of it.

Expected numbers are those of what the providers sent and the client got; expected texts are what was asked and said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.web.browser import NARROW, WIDE
from tests.web.mitmweb import MitmWeb
from tests.web.scene import ANSWER, ASKED, BODIES, SAID, VAULT, ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.browser import Browser
    from tests.web.scene import Scene

pytestmark = [pytest.mark.web, pytest.mark.timeout(600)]  # the first test may have to fetch the browser

VIEWS = ("LLM conversation", "LLM events", "LLM diff")
STREAMS = ("messages", "chat", "responses")
SENT_AS = {"messages": "kimi-one", "chat": "gpt-c", "responses": "gpt-r"}
FOUND = {
    "messages": ("messages.event-line.missing", "messages.index.type", "messages.message-stop.missing"),
    "chat": ("chat.finish.missing",),
    "responses": ("responses.event.type-missing", "responses.item.id-changed", "responses.event.keep-alive"),
}
"""What the contracts say of the quirks that the providers show on purpose."""


@pytest.fixture
def mitmweb(stage: Scene, browser: Browser, shots: Path) -> Iterator[MitmWeb]:
    with browser.page(shots) as page:
        yield MitmWeb(stage.web, page)


def test_the_list_shows_where_a_call_went_and_what_became_of_it(mitmweb: MitmWeb) -> None:
    mitmweb.open()
    rows = mitmweb.rows(len(BODIES))[: len(BODIES)]
    mitmweb.page.shot("list-wide")
    mitmweb.page.resize(*NARROW)
    mitmweb.page.shot("list-narrow")
    messages, chat, responses, refused, cut = rows
    assert messages.comment.startswith("claude-windy → messy/kimi-one")
    assert chat.comment.startswith("gpt-c → chatty/gpt-c")
    assert responses.comment.startswith("gpt-r → responsive/gpt-r")
    for row in (chat, responses):
        assert f"{ANSWER.input_tokens} in, {ANSWER.output_tokens} out" in row.comment
    for row in (messages, chat, responses):
        assert (row.marker, row.status) == ("🔧", "200")
        assert "mended:" in row.comment
    assert (refused.marker, refused.status) == ("❌", "404")
    assert cut.marker == "❌"
    for row, way in ((refused, "nobodys → refused"), (cut, "cut-short → brittle/cut-short")):
        assert row.comment.startswith("failed: "), "first, because the column is narrow"
        assert way in row.comment


def test_calls_are_found_by_their_comment(mitmweb: MitmWeb) -> None:
    mitmweb.open()
    assert {row.marker for row in mitmweb.rows(len(BODIES))} == {"🔧", "❌"}
    found = mitmweb.search('~comment "→ chatty/"', "gpt-c")
    assert {row.comment.split(" ")[0] for row in found} == {"gpt-c"}
    mitmweb.page.shot("list-search")


@pytest.mark.parametrize("wire", STREAMS)
def test_the_conversation_is_shown_by_itself(wire: str, mitmweb: MitmWeb, stage: Scene) -> None:
    flow = stage.calls[wire].flow
    mitmweb.open(flow, "request")
    asked = mitmweb.shown(ASKED)
    assert mitmweb.view() == "LLM conversation"
    assert asked.splitlines()[0].startswith(f"{wire} · {SENT_AS[wire]}")
    mitmweb.page.shot(f"{wire}-request-conversation")
    mitmweb.open(flow, "response")
    said = mitmweb.shown(SAID)
    assert mitmweb.view() == "LLM conversation"
    assert "→ get_weather" in said
    assert '"city": "Zürich"' in said
    mitmweb.page.shot(f"{wire}-response-conversation")
    mitmweb.page.resize(*NARROW)
    mitmweb.page.shot(f"{wire}-response-conversation-narrow")


@pytest.mark.parametrize("wire", STREAMS)
def test_events_and_differences_can_be_chosen(wire: str, mitmweb: MitmWeb, stage: Scene) -> None:
    call = stage.calls[wire]
    mitmweb.open(call.flow, "response")
    events = mitmweb.choose("LLM events", "✗")
    mitmweb.page.shot(f"{wire}-response-events")
    mitmweb.page.resize(*NARROW)
    mitmweb.page.shot(f"{wire}-response-events-narrow")
    mitmweb.page.resize(*WIDE)
    assert f"{call.sent} events in {call.sent} chunks from the provider" in events
    assert f"{call.given} events" in events
    for code in FOUND[wire]:
        assert f"✗ {code}" in events
    response = mitmweb.choose("LLM diff", "what the client got")
    mitmweb.page.shot(f"{wire}-response-diff")
    assert response.splitlines()[:2] == ["- what the provider sent", "+ what the client got"]
    changed = {"messages": '-   "tool_calls"', "chat": "is put in", "responses": '-   "rotated_1"'}[wire]
    assert changed in response
    mitmweb.open(call.flow, "request")
    request = mitmweb.choose("LLM diff", "what left for the provider")
    mitmweb.page.shot(f"{wire}-request-diff")
    assert f"+   {stage.upstream.url}/{wire}/v1" in request
    if wire == "messages":
        assert '-   "claude-windy"\n+   "kimi-one"' in request
    else:
        assert "/model" not in request


def test_a_refused_call_shows_the_error_and_that_nobody_was_asked(mitmweb: MitmWeb, stage: Scene) -> None:
    mitmweb.open(stage.calls["refused"].flow, "response")
    assert "no route" in mitmweb.shown("error")
    assert mitmweb.view() == "LLM conversation"
    assert "no provider was asked" in mitmweb.choose("LLM diff")
    mitmweb.page.shot("refused-diff")
    mitmweb.open(stage.calls["refused"].flow, "request")
    assert "no provider was asked" in mitmweb.choose("LLM diff")


def test_a_cut_call_shows_what_was_asked(mitmweb: MitmWeb, stage: Scene) -> None:
    mitmweb.open(stage.calls["cut"].flow, "request")
    assert ASKED in mitmweb.shown(ASKED)
    assert f"+   {stage.upstream.url}/brittle/v1/messages" in mitmweb.choose("LLM diff")
    mitmweb.page.shot("cut-request-diff")


def test_commands_look(mitmweb: MitmWeb, stage: Scene) -> None:
    flow, other = stage.calls["messages"].flow, stage.calls["chat"].flow
    mitmweb.open(flow, "response", bar=True)
    told = mitmweb.command(f"wiremend.explain @{flow}")
    mitmweb.page.shot("command-explain")
    assert "claude-windy" in told[0]
    assert any("messy/kimi-one" in line for line in told)
    told = mitmweb.command(f"wiremend.diff @{flow}")
    mitmweb.page.shot("command-diff")
    assert '- "claude-windy"' in told  # the command bar shows runs of blanks as one
    told = mitmweb.command(f"wiremend.diff @{flow},{other}")
    assert told[0].startswith(f"- flow {flow[:8]}")
    assert told[1].startswith(f"+ flow {other[:8]}")
    told = mitmweb.command(f"wiremend.try chattty/gpt-x @{flow}")
    assert "chattty" in told
    assert "did you mean 'chatty'" in told
    mitmweb.page.shot("command-error")
    said = "\n".join(entry["message"] for entry in stage.web.ask("GET", "/events"))
    assert '-   "claude-windy"\n+   "kimi-one"' in said  # where there are lines


def test_the_pages_log_shows_what_commands_give(mitmweb: MitmWeb, stage: Scene) -> None:
    flow = stage.calls["messages"].flow
    mitmweb.open(flow, "response", log=True)
    stage.web.run("wiremend.diff", f"@{flow}")
    mitmweb.page.until("document.querySelectorAll('.eventlog .btn-toggle').length", "the log")
    levels = mitmweb.page.run(
        "[...document.querySelectorAll('.eventlog .btn-toggle')].map((one) => one.innerText.trim())"
    )
    mitmweb.page.shot("event-log")
    entries = stage.web.ask("GET", "/events")
    for told in ('+   "kimi-one"', "rules: ", "export HTTPS_PROXY=", "claude-windy"):
        assert any(entry["level"] in levels for entry in entries if told in entry["message"]), told
    mitmweb.page.until("document.querySelector('.eventlog').innerText.includes('export HTTPS_PROXY')", "what is told")


def test_try_wants_to_be_told_which_flow(mitmweb: MitmWeb, stage: Scene) -> None:
    """The page keeps to itself which one is selected."""
    before = len(stage.web.flows())
    mitmweb.open(stage.calls["chat"].flow, "request", bar=True)
    assert "name one: @ID" in mitmweb.command("wiremend.try chatty/gpt-x")
    assert len(stage.web.flows()) == before


def test_blank_lines_have_a_height(mitmweb: MitmWeb, stage: Scene) -> None:
    mitmweb.open(stage.calls["messages"].flow, "response")
    mitmweb.shown(SAID)
    lines = mitmweb.page.run(
        "[...document.querySelectorAll('.contentview pre > div')].map((one) => one.getBoundingClientRect().height)"
    )
    assert len(lines) > 1
    assert min(lines) > 0


def test_a_case_is_kept(mitmweb: MitmWeb, stage: Scene) -> None:
    flow = stage.calls["chat"].flow
    mitmweb.open(flow, "request", bar=True)
    mitmweb.command(f"wiremend.case.add @{flow} never-finishes 'kept'")  # the page leaves the quotes
    stage.web.wait_log("kept as the case never-finishes")
    case = stage.web.folder / "kept" / "chat" / "never-finishes"
    assert (case / "case.yaml").is_file()
    kept = b"".join(path.read_bytes() for path in case.iterdir())
    assert ASKED.encode() in kept
    assert not VAULT.told(kept)


def test_the_clients_request_is_sent_again_by_todays_rules(mitmweb: MitmWeb, stage: Scene) -> None:
    flow = stage.calls["messages"].flow
    before = len(stage.web.flows())
    said = len(stage.web.log())
    stage.web.write_rules(stage.rules("kimi-two"))
    stage.web.wait_log("rules reloaded", after=said)
    try:
        mitmweb.open(flow, "response", bar=True)
        stage.upstream.forget()
        mitmweb.command(f"wiremend.resend @{flow}")
        (sent,) = stage.upstream.wait_for(1)
        assert sent.json() == {**BODIES["messages"][1], "model": "kimi-two", "stream": True}
        row = mitmweb.rows(before + 1)[-1]
        assert row.comment.startswith("claude-windy → messy/kimi-two")
        assert f"resent from {flow[:8]}" in row.comment
        mitmweb.page.shot("command-resend")
        (made,) = [one["id"] for one in stage.web.flows()[before:]]
        mitmweb.open(made, "response")
        assert SAID in mitmweb.shown(SAID)
    finally:
        said = len(stage.web.log())
        stage.web.write_rules(stage.rules("kimi-one"))
        stage.web.wait_log("rules reloaded", after=said)


def test_a_conversation_of_two_megabytes_opens_to_its_last_word(mitmweb: MitmWeb, stage: Scene) -> None:
    turns = [
        {"role": ("user", "assistant")[n % 2], "content": f"turn {n}: " + "so it goes on " * 150} for n in range(999)
    ]
    last = {"role": "user", "content": "and this is the last word"}
    known = {one["id"] for one in stage.web.flows()}
    body = {"model": "gpt-c", "stream": True, "messages": [*turns, last]}
    assert len(json.dumps(body)) > 2_000_000
    ask(stage.web, "/v1/chat/completions", body)
    (flow,) = {one["id"] for one in stage.web.flows()} - known
    mitmweb.open(flow, "request")
    assert "1,000 turns" in mitmweb.shown("and this is the last word").splitlines()[0]
    mitmweb.page.shot("two-megabytes")
    assert "turn 979:" in mitmweb.more("turn 979:")  # the last of those that are folded, at the very end


def test_no_key_of_a_provider_is_shown(mitmweb: MitmWeb, stage: Scene) -> None:
    """In the pages' texts, and in all that mitmweb gives to a page but the headers of the requests that left."""
    pages = []
    for call in stage.calls.values():
        mitmweb.open(call.flow, "request", bar=True)
        for command in ("explain", "diff"):
            mitmweb.command(f"wiremend.{command} @{call.flow}")
        pages += [mitmweb.page.text(place) for place in (".flow-table", ".contentview", ".command")]
    for call in stage.calls.values():
        for part in ("request", "response"):
            if (part, call.flow) == ("response", stage.calls["cut"].flow):
                continue  # mitmproxy keeps nothing of a reply that was cut
            pages += [
                json.dumps(stage.web.ask("GET", f"/flows/{call.flow}/{part}/content/{view.replace(' ', '%20')}.json"))
                for view in VIEWS
            ]
    pages += [json.dumps(stage.web.ask("GET", path)) for path in ("/events", "/options", "/commands", "/state")]
    pages += [one["comment"] + json.dumps(one.get("error")) for one in stage.web.flows()]
    told = "\n".join(pages)
    assert "$MESSAGES_KEY" in told  # they were looked at where keys are spoken of
    assert not VAULT.told(told.encode())


def test_no_key_of_a_provider_is_among_the_headers_of_what_left(stage: Scene) -> None:
    assert VAULT.told(json.dumps(stage.web.flows()).encode()) <= {"client"}
