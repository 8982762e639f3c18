"""One row a call, in mitmproxy's own test context: ends that race, rows that cannot be made, what is in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy import ctx, http
from mitmproxy.flow import Error

from tests.lab.replies import Answer, messages_body, messages_events
from tests.mitm.kit import Addons, addons, at_gateway, flow
from wiremend.mitm import calls, listing, rewrite, through, timed
from wiremend.mitm.through import Through

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wiremend.ledger.row import CallRow, ToolRow

URL = "https://api.anthropic.com/v1/messages"
KEY = "sk-ant-FAKE-0123456789abcdefghij"
RULES = "providers: {lab: {base_url: 'https://lab.example', key: $LAB_KEY}}\ndefault: lab\n"
TOOL = ("weather", {"city": "Zürich"})


class Told:
    """The addons, and all that listeners were told."""

    def __init__(self, made: Addons) -> None:
        """Listen."""
        self.made = made
        self.rows: list[CallRow] = []
        self.tools: list[ToolRow] = []
        self.results: list[str] = []
        made.house.on_row.append(self.take)

    def take(self, row: CallRow, tools: tuple[ToolRow, ...], results: tuple[str, ...]) -> None:
        self.rows.append(row)
        self.tools += tools
        self.results += results

    @property
    def row(self) -> CallRow:
        """The one row."""
        (row,) = self.rows
        return row

    def ask(self, model: str = "m", url: str = URL, **more: object) -> http.HTTPFlow:
        """Ask for a model."""
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **more}
        one = flow(url, headers={"x-api-key": KEY}, body=json.dumps(body).encode())
        self.made.request(one)
        return one

    def answer(self, one: http.HTTPFlow, body: dict[str, Any] | None = None, status: int = 200) -> None:
        """Let a whole reply come, and end."""
        data = json.dumps(messages_body(Answer()) if body is None else body)
        one.response = http.Response.make(status, data, {"content-type": "application/json"})
        self.made.reply.responseheaders(one)
        self.made.response(one)

    def stream(self, one: http.HTTPFlow) -> Through:
        """Let the head of a stream come."""
        one.response = http.Response.make(200, b"", {"content-type": "text/event-stream"})
        self.made.reply.responseheaders(one)
        assert isinstance(one.response.stream, Through)
        return one.response.stream

    def breaks(self, one: http.HTTPFlow, why: str) -> None:
        """Let a flow break."""
        one.error = Error(why)
        self.made.calls.error(one)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("LAB_KEY", "sk-kimi-FAKE0123456789abcdefghij")
    with addons(tmp_path, RULES) as made:
        yield Told(made)


# --- exactly one ------------------------------------------------------------------------------------------------------


def test_whatever_ends_it_first_counts_and_nothing_else(told: Told) -> None:
    made, one = told.made, told.ask()
    told.answer(one)
    told.breaks(one, "too late")
    made.calls.client_disconnected(one.client_conn)
    made.calls.done()
    made.response(one)
    assert (told.row.id, told.row.status, told.row.error) == (one.id, 200, None)
    assert not made.house.calls
    assert not made.house.exchanges


def test_a_flow_of_which_mitmproxy_says_no_end_ends_with_its_client(told: Told) -> None:
    mine, other = told.ask("mine"), told.ask("other")
    told.made.calls.client_disconnected(mine.client_conn)
    assert (told.row.asked, told.row.status, told.row.error) == ("mine", None, "the client's connection was closed")
    told.answer(other)
    assert [row.asked for row in told.rows] == ["mine", "other"]


def test_what_is_under_way_ends_with_the_proxy(told: Told) -> None:
    for model in "ab":
        told.ask(model)
    told.made.calls.done()
    assert [(row.asked, row.error) for row in told.rows] == [(model, "the proxy was shut down") for model in "ab"]


def test_a_flow_that_was_killed_says_so_whichever_hook_tells_of_it(told: Told) -> None:
    one = told.ask()
    one.error = Error(Error.KILLED_MESSAGE)
    told.answer(one)
    assert told.row.error == Error.KILLED_MESSAGE


@pytest.mark.parametrize(
    ("url", "enabled"), (("https://api.anthropic.com/v1/nothing", True), ("https://a.example/", True), (URL, False))
)
def test_what_is_no_call_has_no_row(told: Told, url: str, enabled: bool) -> None:  # noqa: FBT001 - a column
    ctx.options.wiremend_enabled = enabled
    told.answer(told.ask(url=url))
    assert told.rows == []
    assert told.made.house.calls == {}


def test_a_probe_at_the_gateway_has_none_but_its_notes_are_shown(told: Told) -> None:
    one = at_gateway(told.made, flow("http://x/v1/nothing", body=b""))
    told.made.request(one)
    told.answer(one, {})
    assert told.rows == []
    assert "wiremend" in one.metadata


def test_a_crash_before_there_is_an_exchange_leaves_a_row_of_the_flow(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boom(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rewrite, "rewrite", boom)
    one = told.ask("claude-x")
    usage = {"input_tokens": 3, "output_tokens": 4, "output_tokens_details": {"thinking_tokens": 2}}
    told.answer(one, messages_body(Answer()) | {"usage": usage})
    row = told.row
    assert (row.id, row.asked, row.wire, row.path, row.status) == (one.id, "claude-x", "messages", "/v1/messages", 200)
    assert (row.provider, row.attempts, row.error) == (None, (), None)
    assert (row.input_tokens, row.output_tokens, row.reasoning_tokens, row.stop_reason) == (3, 4, 2, "end_turn")


def test_a_row_of_the_flow_alone_holds_no_secret(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def boom(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rewrite, "rewrite", boom)
    odd = "a-key-of-no-known-family-0123456789"
    one = flow(
        f"{URL}?key={odd}x", headers={"x-api-key": odd, "x-agent-id": odd}, body=b'{"model": "%b"}' % odd.encode()
    )
    told.made.request(one)
    told.answer(one, {"error": {"type": "a", "message": f"{odd} {odd}x sk-kimi-FAKE0123456789abcdefghij {KEY}"}}, 400)
    assert told.row.error is not None
    said = repr(told.row)
    assert not any(secret in said for secret in (odd, "sk-kimi-FAKE", KEY))


def test_a_row_that_cannot_be_made_is_made_with_what_there_is(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def boom(*_: object) -> None:
        raise ZeroDivisionError

    for name in ("row_of", "tools_of", "over"):
        monkeypatch.setattr(calls, name, boom)
    monkeypatch.setattr(listing, "ended", boom)
    one = told.ask()
    told.answer(one)
    assert (told.row.id, told.row.status) == (one.id, 200)
    assert told.row.error == "Wiremend failed to write this row (ZeroDivisionError)"


def test_one_who_fails_to_listen_keeps_it_from_nobody(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    def deaf(*_: object) -> None:
        raise OSError

    told.made.house.on_row.insert(0, deaf)
    told.answer(told.ask())
    assert told.row.status == 200
    assert sum("Wiremend failed to tell of the call (OSError)" in record.getMessage() for record in caplog.records) == 1


# --- ids --------------------------------------------------------------------------------------------------------------


def test_what_mitmproxy_sends_again_is_a_row_of_its_own(told: Told) -> None:
    one = told.ask()
    told.answer(one)
    for _ in range(2):
        one.is_replay, one.response = "request", None
        told.made.request(one)
        told.answer(one)
    ids = [row.id for row in told.rows]
    assert len(set(ids)) == 3
    assert all(ident == one.id or ident.startswith(f"{one.id}-") for ident in ids)


def test_what_is_sent_again_does_not_end_with_the_client_that_sent_it_first(told: Told) -> None:
    one = told.ask()
    told.answer(one)
    one.is_replay, one.response = "request", None
    told.made.request(one)
    told.made.calls.client_disconnected(one.client_conn)
    told.answer(one)
    assert [(row.status, row.error) for row in told.rows] == [(200, None)] * 2


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_a_client_that_leaves_behind_the_end_of_a_stream_had_all_of_it(told: Told) -> None:
    events = messages_events(Answer())
    one = told.ask(stream=True)
    stream = told.stream(one)
    for event in events:
        stream(event)
    told.breaks(one, "Client disconnected.")
    assert (told.row.error, told.row.stop_reason) == (None, "end_turn")


@pytest.mark.parametrize("mend", ("auto", "off"))
@pytest.mark.parametrize("count", (1, 4))
def test_one_that_breaks_before_its_end_has_its_error(tmp_path: Path, mend: str, count: int) -> None:
    rules = f"providers: {{lab: {{base_url: 'https://lab.example', key: client}}}}\ndefault: lab\nmend: {mend}\n"
    with addons(tmp_path, rules) as made:
        told = Told(made)
        one = told.ask(stream=True)
        stream = told.stream(one)
        for event in messages_events(Answer())[:count]:
            stream(event)
        made.reply.cut(one, "it was reset", "connection")
        told.breaks(one, "it was reset")
    assert told.row.error == "it was reset"


def test_the_tools_of_a_whole_reply_are_those_that_the_client_gets(told: Told) -> None:
    one = told.ask()
    told.answer(one, messages_body(Answer(tool=TOOL)))
    ((call, ident, name, size),) = [(one.call, one.id, one.name, one.argument_bytes) for one in told.tools]
    assert (call, ident, name, size) == (one.id, "toolu_lab1", "weather", len(json.dumps(TOOL[1])))


@pytest.mark.parametrize("size", (1, 7, 10_000))
def test_the_tools_of_a_stream_do_not_depend_on_its_cuts(told: Told, size: int) -> None:
    raw = b"".join(messages_events(Answer(tool=TOOL)))
    one = told.ask(stream=True)
    stream = told.stream(one)
    for at in range(0, len(raw), size):
        stream(raw[at : at + size])
    stream(b"")
    told.made.response(one)
    assert [(tool.id, tool.argument_bytes) for tool in told.tools] == [("toolu_lab1", len(json.dumps(TOOL[1])))]


def test_a_tools_name_that_is_a_key_is_not_written_down(told: Told) -> None:
    told.answer(told.ask(), messages_body(Answer(tool=(KEY, {}))))
    assert KEY not in repr(told.tools)


def test_a_reason_to_stop_is_a_word_and_no_secret(told: Told) -> None:
    told.answer(told.ask(), messages_body(Answer()) | {"stop_reason": f"{KEY} {'x' * 1000}"})
    reason = told.row.stop_reason
    assert reason is not None
    assert KEY not in reason
    assert len(reason) <= 80


def test_results_are_those_of_turns_alone(told: Told) -> None:
    turns = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]}]
    told.answer(told.ask(messages=turns))
    told.answer(told.ask(url=f"{URL}/count_tokens", messages=turns), {"input_tokens": 3})
    assert told.results == ["t1"]


def test_our_own_share_is_what_hooks_and_chunks_take_and_no_wait(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10**12, 1_000_000))  # each look at the clock is a millisecond after the one before
    for module in (timed, through, calls):
        monkeypatch.setattr(module, "perf_counter_ns", ticks.__next__)
    one = told.ask(stream=True)
    stream = told.stream(one)
    for event in messages_events(Answer())[:3]:
        for _ in range(50):
            next(ticks)  # the provider thinks
        stream(event)
    told.breaks(one, "enough")
    # the hooks of the request and of the response's head, three chunks, and the tools at the end: a millisecond each
    assert told.row.overhead_ms == 6.0
