"""A request that surely is too long for its model is answered here, in the words by which its client makes room."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.kit import explained
from tests.rules.kit import ANTHROPIC, KIMI, PATHS, bearer, body_of, request, resolved
from wiremend.pipeline.outcome import Answered, Refused, Rewritten, headers_here, is_of_the_destination
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.socket import Socket
from wiremend.pipeline.upgrade import rules_for
from wiremend.protocols.failure import failure_of_body
from wiremend.quirks.memory import Memory
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import Outcome
    from wiremend.protocols.base import WireName
    from wiremend.rules.resolve import Resolved

LONG: Final = " ".join(["abcde"] * 6000)
"""35,999 characters: with those around them 6,000 tokens at the least, and some 9,000 by the estimate."""

RULES: Final = """
providers:
  lab:
    base_url: 'http://127.0.0.1:9/v1'
    auth: none
    models:
      small: {context_window: 1000}
      middle: {context_window: 5000}
      just: {context_window: 5999}
      fits: {context_window: 6000}
      large: {context_window: 50000}
  talk: {base_url: 'http://127.0.0.1:9/v1', auth: none, speaks: chat, models: {small: {context_window: 1000}}}
  watched: {base_url: 'http://127.0.0.1:9/v1', auth: none, mend: off, models: {small: {context_window: 1000}}}
aliases:
  cut: lab/small
routes:
  - {when: {model: talked}, to: talk/small}
  - {when: {model: watch}, to: watched/small}
  - {when: {model: chain}, to: [lab/small, lab/large]}
  - {when: {model: none-fits}, to: [lab/small, lab/middle, lab/just]}
  - {when: {model: watched-chain}, to: [watched/small, lab/large]}
  - {when: {model: [small, middle, just, fits, large, unknown]}, to: lab}
edits:
  - {when: {header: {x-cut: 'yes'}}, remove: [/messages, /input]}
  - {when: {header: {x-grow: 'yes'}}, set: {/system: "GROWN"}}
"""
CODEX: Final = {"User-Agent": "codex_exec/0.169.0 (Linux)"}
CLAUDE_CODE: Final = re.compile(r"prompt is too long[^0-9]*(\d+)\s*tokens?\s*>\s*(\d+)", re.IGNORECASE)
"""What Claude Code 2.1.197 looks for (quirk overflow-phrase)."""


@pytest.fixture(scope="module")
def rules() -> Resolved:
    return resolved(RULES.replace("GROWN", LONG))


def prompt(wire: WireName, text: str = LONG) -> dict[str, Any]:
    if wire == "responses":
        return {"input": text}
    return {"messages": [{"role": "user", "content": text}], **({"max_tokens": 9} if wire == "messages" else {})}


def asked(rules: Resolved, model: str, wire: WireName = "messages", *, to: str | None = None, **more: Any) -> Outcome:  # noqa: ANN401 - parts of a request or of its body
    parts: dict[str, Any] = {name: more.pop(name) for name in ("headers", "target", "method", "host") if name in more}
    body = more.pop("raw", None) or body_of(model, **(prompt(wire) | more))
    return rewrite(request(**({"target": PATHS[wire]} | parts), body=body), rules, to=to)


def refused(outcome: Outcome) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome


def told_window(outcome: Outcome) -> int:
    """Give the window that a client of the messages wire is told of."""
    found = CLAUDE_CODE.search(json.loads(refused(outcome).body)["error"]["message"])
    assert found is not None
    return int(found[2])


@pytest.mark.parametrize("stream", (False, True))
def test_claude_code_is_told_to_make_room(rules: Resolved, *, stream: bool) -> None:
    told = refused(asked(rules, "small", stream=stream))
    assert (told.status, told.kind, told.as_stream) == (400, "context_length", False)
    error = json.loads(told.body)
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    found = CLAUDE_CODE.search(error["error"]["message"])
    assert found is not None
    assert (int(found[1]), int(found[2])) == (9004, 1000)
    assert error["error"]["message"].endswith("(Wiremend: lab/small was not asked)")
    assert dict(headers_here(told)) == {
        "content-type": "application/json",
        "x-wiremend": "refused",
        "x-should-retry": "false",
    }


@pytest.mark.parametrize("wire", ("chat", "responses"))
@pytest.mark.parametrize("stream", (False, True))
def test_clients_of_openais_wires_are_told_by_the_code(rules: Resolved, wire: WireName, *, stream: bool) -> None:
    told = refused(asked(rules, "small", wire, stream=stream))
    assert (told.status, told.as_stream) == (400, False)
    error = json.loads(told.body)["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert error["message"].startswith("This model's maximum context length is 1000 tokens. However, your messages")


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_what_is_told_is_what_a_provider_would_be_read_to_say(rules: Resolved, wire: WireName) -> None:
    told = refused(asked(rules, "small", wire))
    failure = failure_of_body(told.body, told.status)
    assert (failure.kind, failure.final, failure.limit) == ("context_length", True, 1000)
    assert (failure.asked or 0) >= 9000


def test_codex_is_told_in_the_stream(rules: Resolved) -> None:
    told = refused(asked(rules, "small", "responses", stream=True, headers=CODEX))
    assert (told.status, told.kind, told.as_stream) == (200, "context_length", True)
    assert headers_here(told).get("content-type") == "text/event-stream"
    begun, failed = [json.loads(event.data or b"") for event in EventParser().feed(told.body)]
    assert (begun["type"], failed["type"]) == ("response.created", "response.failed")
    assert begun["response"]["id"] == failed["response"]["id"]
    assert (begun["sequence_number"], failed["sequence_number"]) == (0, 1)
    assert failed["response"]["error"]["code"] == "context_length_exceeded"
    (event,) = EventParser().feed(refused(asked(rules, "small", "chat", stream=True, headers=CODEX)).body)
    assert json.loads(event.data or b"")["error"]["code"] == "context_length_exceeded"
    whole = refused(asked(rules, "small", "responses", headers=CODEX))
    assert (whole.status, whole.as_stream) == (400, False)


def test_the_note_and_the_message_say_whose_window_it_is(rules: Resolved) -> None:
    told = refused(asked(rules, "small"))
    assert told.message == "the request has some 9,004 tokens, and the context window of lab/small is 1,000"
    (note,) = told.notes
    assert (note.kind, note.where, note.short, note.what, note.why) == (
        "refused",
        "",
        "window",
        told.message,
        "context_length",
    )


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_what_just_fits_is_let_through(rules: Resolved, wire: WireName) -> None:
    assert isinstance(asked(rules, "fits", wire), Rewritten)
    assert isinstance(asked(rules, "large", wire), Rewritten)
    assert isinstance(asked(rules, "unknown", wire), Rewritten)
    just = asked(rules, "just", wire)
    assert isinstance(just, Rewritten) is (wire == "responses")  # there `user` is not counted, so it is 5,999


@given(st.text(st.sampled_from("ab \n-語é"), max_size=4000), st.integers(1, 600))
def test_nothing_is_refused_that_could_fit_by_its_characters(text: str, window: int) -> None:
    ruled = resolved(
        f"providers: {{lab: {{base_url: 'http://127.0.0.1:9', auth: none, models: {{m: {{context_window:"
        f" {window}}}}}}}}}\ndefault: lab"
    )
    outcome = asked(ruled, "m", raw=body_of("m", max_tokens=9, messages=[{"role": "user", "content": text}]))
    if isinstance(outcome, Refused):
        assert len(text) + len("user") > window * 6
        found = CLAUDE_CODE.search(outcome.body.decode())
        assert found is not None
        assert int(found[1]) > int(found[2]) == window


@pytest.mark.parametrize(
    ("target", "kind"),
    (("/v1/messages/count_tokens", Rewritten), ("/v1/embeddings", Rewritten)),
)
def test_only_a_turn_is_guarded(rules: Resolved, target: str, kind: type) -> None:
    assert isinstance(asked(rules, "small", target=target), kind)


def test_an_estimate_of_tokens_is_given_all_the_same(rules: Resolved) -> None:
    body = body_of("talked", **prompt("messages"))
    assert isinstance(asked(rules, "x", target="/v1/messages/count_tokens", raw=body), Answered)


def test_a_list_of_models_is_nothing_to_guard(rules: Resolved) -> None:
    assert isinstance(rewrite(request(target="/v1/models", method="GET", body=b""), rules), Answered)


def test_what_leaves_is_measured(rules: Resolved) -> None:
    assert isinstance(asked(rules, "small", headers={"x-cut": "yes"}), Rewritten)
    assert isinstance(asked(rules, "small", messages=[]), Rewritten)
    grown = asked(rules, "small", messages=[], headers={"x-grow": "yes"})
    assert refused(grown).kind == "context_length"


def test_an_alias_and_a_translation_are_no_way_around_it(rules: Resolved) -> None:
    assert told_window(asked(rules, "cut")) == 1000
    told = refused(asked(rules, "talked"))
    assert CLAUDE_CODE.search(json.loads(told.body)["error"]["message"])
    assert refused(asked(rules, "talked", "responses", stream=True, headers=CODEX)).as_stream


@pytest.mark.parametrize(
    "more",
    (
        {"truncation": "auto"},
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
    ),
)
def test_what_its_provider_is_asked_to_shorten_goes_out(rules: Resolved, more: dict[str, Any]) -> None:
    assert isinstance(asked(rules, "small", **more), Rewritten)


def test_with_mending_off_the_provider_is_to_say_it(rules: Resolved) -> None:
    assert isinstance(asked(rules, "watch"), Rewritten)
    assert told_window(asked(rules, "watched-chain")) == 1000  # one of several, which are chosen among
    assert isinstance(asked(rules, "watched-chain", to="lab/large"), Rewritten)


def test_a_credential_that_is_wanting_comes_first() -> None:
    text = """
    providers: {keyed: {base_url: 'http://127.0.0.1:9', key: $NOWHERE, models: {m: {context_window: 10}}}}
    routes: [{to: [local, keyed/m]}]
    """
    wanting = refused(asked(resolved(text), "m", to="keyed/m"))
    assert wanting.kind == "authentication"
    assert is_of_the_destination(wanting)
    known = resolved(text, {"NOWHERE": "sk-FAKE0123456789abcdef"})
    assert refused(asked(known, "m", to="keyed/m")).kind == "context_length"


def test_each_destination_is_judged_by_itself(rules: Resolved) -> None:
    first = refused(asked(rules, "chain"))
    assert told_window(first) == 1000
    assert is_of_the_destination(first)
    assert isinstance(asked(rules, "chain", to="lab/large"), Rewritten)
    assert not is_of_the_destination(refused(asked(rules, "nobody")))


@pytest.mark.parametrize("to", (None, "lab/small", "lab/just", "lab/middle"))
def test_where_none_is_large_enough_the_largest_is_told_whichever_was_judged(rules: Resolved, to: str | None) -> None:
    """So what the client gets follows from the request and the rules alone, and a replay gives the same."""
    told = refused(asked(rules, "none-fits", to=to))
    assert told_window(told) == 5999
    assert b"(Wiremend: lab/just was not asked)" in told.body
    judged = to or "lab/small"
    own = {"lab/small": "1,000; lab/just has 5,999", "lab/just": "5,999", "lab/middle": "5,000; lab/just has 5,999"}
    assert told.message.endswith(f"the context window of {judged} is {own[judged]}")


def test_a_larger_one_that_is_out_of_reach_is_not_told_of() -> None:
    """It would hold the request, but there is no credential for it: making room for it would be no use."""
    text = """
    providers:
      lab: {base_url: 'http://127.0.0.1:9', auth: none, models: {m: {context_window: 1000}, n: {context_window: 2000}}}
      keyed: {base_url: 'http://127.0.0.1:9', key: $NOWHERE, models: {m: {context_window: 100000}}}
    routes: [{to: [lab/m, lab/n, keyed/m, local]}]
    """
    assert told_window(asked(resolved(text), "x")) == 2000


def socket(lane: str | None) -> tuple[Socket, bytes]:
    text = """
    providers:
      lab: {base_url: 'http://127.0.0.1:9/v1', auth: none, websocket: true, models: {small: {context_window: 1000}}}
    default: lab
    """
    rules = resolved(text)
    sent = CODEX | {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x",
        "Authorization": "Bearer x",
    }
    handshake = request(target="/v1/responses", method="GET", body=b"", headers=sent)
    outcome = rewrite(handshake, rules_for(handshake, rules))
    assert isinstance(outcome, Rewritten)
    named = {} if lane is None else {"stream_id": lane}
    message = {"type": "response.create", "model": "small", "input": LONG} | named
    return Socket(outcome, rules, Memory(), seed="s"), json.dumps(message).encode()


@pytest.mark.parametrize("lane", (None, "second"))
def test_codex_is_told_on_a_websocket_as_in_a_stream(lane: str | None) -> None:
    opened, message = socket(lane)
    given_ = opened.from_client(message, 1.0)
    assert given_.to_server is None
    begun, failed = (json.loads(one) for one in given_.to_client)
    assert (begun["type"], failed["type"]) == ("response.created", "response.failed")
    assert failed["response"]["error"]["code"] == "context_length_exceeded"
    assert (begun.get("stream_id"), failed.get("stream_id")) == (lane, lane)
    (turn,) = opened.over
    assert (turn.status, turn.error) == (
        200,
        "the request has some 9,000 tokens, and the context window of lab/small is 1,000",
    )
    short = json.dumps(json.loads(message) | {"input": "hi"}).encode()
    assert opened.from_client(short, 2.0).to_server == short  # it goes on


# -- the catalogue's own windows


def of_size(tokens: int) -> str:
    """Give a text that has so many tokens at the least."""
    return "abcdef" * tokens


BUILT_IN: Final = "routes: [{when: {model: kimi-*}, to: kimi-code}, {when: {model: claude-*}, to: anthropic}]"
KEYS: Final = {"KIMI_API_KEY": KIMI, "ANTHROPIC_API_KEY": ANTHROPIC}


@pytest.mark.parametrize("model", ("kimi-for-coding", "kimi-latest", "kimi-k2-turbo"))
def test_a_built_in_window_counts_and_that_of_what_a_name_stands_for(model: str) -> None:
    built_in = resolved(BUILT_IN, KEYS)
    messages = [{"role": "user", "content": of_size(262145)}]
    told = refused(asked(built_in, model, headers={"x-api-key": KIMI}, messages=messages))
    assert told_window(told) == 262144
    messages = [{"role": "user", "content": of_size(262144)}]
    assert isinstance(asked(built_in, model, headers={"x-api-key": KIMI}, messages=messages), Rewritten)
    own = resolved(f"providers: {{kimi-code: {{models: {{{model}: {{context_window: 1048576}}}}}}}}\n{BUILT_IN}", KEYS)
    messages = [{"role": "user", "content": of_size(300000)}]
    outcome = asked(own, model, headers={"x-api-key": KIMI}, messages=messages)
    sent = "kimi-for-coding" if model != "kimi-k2-turbo" else "kimi-k2-turbo-preview"
    assert isinstance(outcome, Rewritten) is (model == sent)


def test_a_beta_that_asks_for_a_million_tokens_is_believed() -> None:
    built_in = resolved(BUILT_IN, KEYS)
    messages = [{"role": "user", "content": of_size(300000)}]
    key = {"x-api-key": ANTHROPIC}
    assert told_window(asked(built_in, "claude-haiku-4-5", headers=key, messages=messages)) == 200000
    beta = key | {"anthropic-beta": "interleaved-thinking-2025-05-14,context-1m-2025-08-07"}
    assert isinstance(asked(built_in, "claude-haiku-4-5", headers=beta, messages=messages), Rewritten)
    messages = [{"role": "user", "content": of_size(1000001)}]
    assert told_window(asked(built_in, "claude-haiku-4-5", headers=beta, messages=messages)) == 1000000


def test_where_the_client_addressed_the_provider_it_is_told_as_well() -> None:
    built_in = resolved("version: 1")
    messages = [{"role": "user", "content": of_size(300000)}]
    told = asked(
        built_in,
        "kimi-for-coding",
        headers={"x-api-key": KIMI},
        messages=messages,
        host="api.kimi.com",
        target="/coding/v1/messages",
    )
    assert told_window(told) == 262144


# -- what people are shown


def test_explain_says_the_same_and_what_to_write() -> None:
    made = explained(RULES, body=body_of("small", **prompt("messages")), target="/v1/messages")
    assert made.refused is not None
    assert (made.refused.status, made.refused.kind) == (400, "context_length")
    assert made.refused.add == 'providers:\n  lab: {models: {"small": {context_window: TOKENS}}}  # its true window'
    resolved(f"{made.refused.add.replace('TOKENS', '9')}\n".replace("lab: {", "lab: {base_url: 'http://127.0.0.1:9', "))


def test_explain_passes_over_what_is_too_small() -> None:
    made = explained(RULES, body=body_of("chain", **prompt("messages")), target="/v1/messages")
    assert made.refused is None
    assert [(one.to, one.why) for one in made.passed] == [
        ("lab/small", "the request has some 9,004 tokens, and the context window of lab/small is 1,000")
    ]
    made = explained(RULES, body=body_of("none-fits", **prompt("messages")), target="/v1/messages")
    assert made.refused is not None
    assert made.refused.message.endswith("the context window of lab/small is 1,000; lab/just has 5,999")


def test_the_same_request_is_refused_with_the_same_bytes(rules: Resolved) -> None:
    body = body_of("small", **prompt("messages"))
    once, again = (
        rewrite(request(target="/v1/messages", body=body, headers=bearer(KIMI)), rules, Memory(), seed)
        for seed in ("a", "b")
    )
    assert once == again
