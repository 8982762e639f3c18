"""What keeps a client alive changes nothing that it reads: at every place of every stream, for every client.

The streams are those of the captures, as the client got them, and a made-up one of each wire that has every kind of
block; the judges are the official SDKs, the readers of agents, and the wire's own contract.
"""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import Answer, chat_events, messages_events, responses_events, sse
from tests.oracles import BASE, KEY, MESSAGES, Served, verdict
from tests.pipeline.kit import NAMES, anything, events, faults
from tests.test_captures import CASES
from wiremend.pipeline.alive import Alive
from wiremend.protocols.chat.alive import COMMENT, EMPTY
from wiremend.protocols.messages.alive import PING, REPORT, UNKNOWN
from wiremend.protocols.responses.alive import UNKNOWN as UNKNOWN_RESPONSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wiremend.protocols.base import WireName

CLIENTS: Final = (None, "claude-code", "codex", "opencode", "hermes", "anthropic/python", "openai/python")

READERS: Final[dict[WireName, tuple[str, ...]]] = {
    "messages": ("anthropic-py", "anthropic-older", "claude-code", "agent-loop/messages"),
    "chat": ("openai-py", "agent-loop", "choices-first", "content-first", "hand-rolled", "opencode"),
    "responses": ("openai-py/responses", "codex"),
}
"""Wire -> who reads what a client of no particular kind is sent."""

OWN: Final[dict[tuple[WireName, str], tuple[str, ...]]] = {
    ("messages", "claude-code"): ("claude-code", "anthropic-older"),
    ("messages", "hermes"): ("anthropic-py", "anthropic-older"),
    ("chat", "hermes"): ("openai-py", "agent-loop"),
    ("chat", "openai/python"): READERS["chat"],
    ("responses", "codex"): ("codex",),
}
"""Who reads what only one client is sent: that client, and the SDK that it may be made of."""


def blocks_of_all_kinds() -> list[bytes]:
    """Give a message whose blocks are of every kind that grows, and of some that do not."""
    made = messages_events(Answer("one two", tool=("bash", {"command": "ls"})))
    inner: list[dict[str, Any]] = [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": word}}
            for word in "ab"
        ),
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "eA=="}},
        {"type": "content_block_stop", "index": 1},
    ]
    rest = [json.loads(event.split(b"data: ")[1]) for event in made[1:]]
    rest = [one | {"index": one["index"] + 2} if "index" in one else one for one in rest]
    return [made[0], *(sse(one, one["type"]) for one in [*inner, *rest])]


SAMPLES: Final[dict[WireName, list[bytes]]] = {
    "messages": blocks_of_all_kinds(),
    "chat": chat_events(Answer("one two", tool=("bash", {"command": "ls"}))),
    "responses": responses_events(Answer("one two", tool=("bash", {"command": "ls"}))),
}
EARLY: Final[dict[tuple[WireName, str | None], set[str]]] = {
    ("messages", "claude-code"): set(),
    ("chat", "hermes"): {"chat.chunk.empty"},
    ("responses", "codex"): {"responses.stream.created-missing"},
}
"""Who is sent something before the first event that an SDK's accumulator would not take -> what it is to the contract.

These clients use none of these accumulators; each was measured with it.
"""

KINDS: Final[dict[str, tuple[str | None, ...]]] = {
    "messages": (None, "claude-code", "hermes", "anthropic/python"),
    "chat": (None, "hermes", "openai/python"),
    "responses": (None, "codex"),
}
"""Wire -> the clients that are told apart on it."""

STREAMS: Final = [
    (path, client)
    for path in (folder / "client.sse" for folder in CASES)
    if path.exists()
    for client in KINDS[path.parent.parent.name]
]


def readers(wire: WireName, client: str | None) -> tuple[str, ...]:
    """Give who reads what a client is sent."""
    return OWN.get((wire, client or ""), READERS[wire])


def beaten(wire: WireName, client: str | None, given: Iterable[bytes], only: int | None = None) -> bytes:
    """Give a stream with a beat before each event and behind the last, or at this place only."""
    alive, out = Alive(wire, client), b""
    parts = list(given)
    for place, event in enumerate([*parts, b""]):
        if only is None or place == only:
            out += alive.beat(begun=bool(out)) or b""
        out += event
        if event:
            alive.saw(event)
    return out


# --- nothing changes


@pytest.mark.parametrize(
    ("path", "client"),
    STREAMS,
    ids=lambda of: f"{of.parent.parent.name}/{of.parent.name}" if isinstance(of, Path) else str(of),
)
def test_a_beat_at_every_place_changes_nothing_that_is_read(path: Path, client: str | None) -> None:
    wire: Any = path.parent.parent.name
    raw = path.read_bytes()
    kept = beaten(wire, client, [event.raw for event in events(raw)])
    assert kept.count(b"\n\n") > raw.count(b"\n\n"), "nothing was put in"
    for reader in readers(wire, client):
        assert verdict(reader, Served(kept)) == verdict(reader, Served(raw)), reader
    early = EARLY.get((wire, client), set())
    assert set(faults(wire, kept)) - early == set(faults(wire, raw)) - early


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("wire", NAMES)
def test_the_sdk_gives_the_same_object_wherever_a_beat_is_put(wire: WireName, client: str | None) -> None:
    sample = SAMPLES[wire]
    wanted = SDKS[wire](b"".join(sample))
    early = (wire, client) in EARLY
    for place in range(early, len(sample) + 1):
        kept = beaten(wire, client, sample, place)
        assert SDKS[wire](kept) == wanted, place
        assert faults(wire, kept) == [], place
        for reader in readers(wire, client):
            assert verdict(reader, Served(kept)).ok, (reader, place)


@pytest.mark.parametrize("wire", NAMES)
def test_no_client_but_its_own_is_sent_what_a_client_counts(wire: WireName) -> None:
    sample = SAMPLES[wire]
    plain = {"messages": PING, "chat": COMMENT, "responses": COMMENT}[wire]
    for client in (
        None,
        "opencode",
        "kimi-code",
        "openai/js",
        "anthropic/js",
        "codex" if wire != "responses" else None,
    ):
        assert beaten(wire, client, sample) == b"".join(plain + event for event in sample), client


def _anthropic(body: bytes) -> Any:  # noqa: ANN401 - the SDK's object as JSON
    with httpx2.Client(transport=httpx2.MockTransport(Served(body)), trust_env=False) as http:
        client = anthropic.Anthropic(api_key=KEY, base_url=BASE, max_retries=0, http_client=http)
        with client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream:
            return stream.get_final_message().to_dict()


def _openai(body: bytes) -> Any:  # noqa: ANN401 - as above
    with httpx2.Client(transport=httpx2.MockTransport(Served(body)), trust_env=False) as http:
        client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
        with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
            return stream.get_final_completion().to_dict()


def _responses(body: bytes) -> Any:  # noqa: ANN401 - as above
    with httpx2.Client(transport=httpx2.MockTransport(Served(body)), trust_env=False) as http:
        client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
        with client.responses.stream(model="m", input="hi") as stream:
            return stream.get_final_response().to_dict()


SDKS: Final[dict[WireName, Callable[[bytes], Any]]] = {
    "messages": _anthropic,
    "chat": _openai,
    "responses": _responses,
}


# --- what is sent, and where


def said(wire: WireName, client: str | None, *given: bytes, sdk: str | None = None) -> bytes | None:
    """Give the beat behind these bytes."""
    alive = Alive(wire, client, sdk)
    for one in given:
        alive.saw(one)
    return alive.beat(begun=bool(given))


def before(wire: WireName, *needles: bytes) -> list[bytes]:
    """Give the sample up to, and with, the first event that holds all of these."""
    ends = (end for end, event in enumerate(SAMPLES[wire], 1) if all(needle in event for needle in needles))
    return SAMPLES[wire][: next(ends)]


@pytest.mark.parametrize("client", ("claude-code", "hermes", "anthropic/python"))
@pytest.mark.parametrize(
    ("last", "delta"),
    (
        ((b"content_block_start", b'"thinking":""'), {"type": "thinking_delta", "thinking": ""}),
        ((b'"thinking":"b"',), {"type": "thinking_delta", "thinking": ""}),
        ((b"signature_delta",), {"type": "thinking_delta", "thinking": ""}),
        ((b"content_block_start", b'"text":""'), {"type": "text_delta", "text": ""}),
        ((b"text_delta",), {"type": "text_delta", "text": ""}),
        ((b"content_block_start", b"tool_use"), {"type": "input_json_delta", "partial_json": ""}),
        ((b"input_json_delta",), {"type": "input_json_delta", "partial_json": ""}),
    ),
    ids=lambda value: b"-".join(value).decode() if isinstance(value, tuple) else "",
)
def test_an_open_block_grows_by_nothing(client: str, last: tuple[bytes, ...], delta: dict[str, str]) -> None:
    given = before("messages", *last)
    index = json.loads(given[-1].split(b"data: ")[1])["index"]
    wanted = sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
    assert said("messages", client, *given) == wanted
    assert said("messages", client, b"".join(given)) == wanted, "however it was cut"
    assert said("messages", client, *given, PING, b": hi\n\n", b"") == wanted, "pings of the provider's hide nothing"
    assert said(
        "messages", client, *given[:-1], given[-1] + b"event: ping\ndata: {}\n\n".replace(b"{}", b'{"type":"ping"}')
    )


@pytest.mark.parametrize(
    "last",
    (
        (b"message_start",),
        (b"content_block_stop", b'"index":0'),
        (b"redacted_thinking",),
        (b"content_block_stop", b'"index":2'),
    ),
    ids=lambda last: b"-".join(last).decode(),
)
def test_between_blocks_each_is_sent_what_it_counts(last: tuple[bytes, ...]) -> None:
    given = before("messages", *last)
    assert said("messages", "claude-code", *given) == UNKNOWN
    assert said("messages", "hermes", *given) == REPORT
    assert said("messages", "anthropic/python", *given) == PING
    assert said("messages", None, *given) == PING


def test_behind_the_stop_reason_no_report_replaces_it() -> None:
    given = before("messages", b"message_delta")
    assert said("messages", "claude-code", *given) == UNKNOWN
    assert said("messages", "hermes", *given) == PING


def test_before_the_first_event() -> None:
    for client in CLIENTS:
        assert said("messages", client) == (UNKNOWN if client == "claude-code" else PING)
        assert said("chat", client) == (EMPTY if client == "hermes" else COMMENT)
        assert said("responses", client) == (UNKNOWN_RESPONSE if client == "codex" else COMMENT)


def test_an_agent_that_says_it_is_claude_code_in_python_is_none() -> None:
    # Hermes 0.19 at api.kimi.com; anthropic-python raises on an event of an unknown type before message_start.
    assert said("messages", "claude-code", sdk="python") == PING
    assert said("messages", "claude-code", *before("messages", b"message_start"), sdk="python") == REPORT
    assert said("messages", "claude-code", sdk="js") == UNKNOWN
    assert said("chat", "opencode", *before("chat", b"one"), sdk="python") == COMMENT


@pytest.mark.parametrize("client", ("hermes", "openai/python"))
def test_an_open_choice_is_gone_on_with_by_nothing(client: str) -> None:
    given = before("chat", b"one")
    chunk = json.loads(given[-1].removeprefix(b"data: "))
    wanted = chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]}
    assert said("chat", client, *given) == sse(wanted)
    assert said("chat", client, *before("chat", b'"finish_reason":"tool_calls"')) == COMMENT
    assert said("chat", client, *before("chat", b'"usage":{')) == COMMENT
    assert said("chat", client, sse({"choices": [], "object": "chat.completion.chunk"})) == COMMENT, "no role yet"
    assert said("chat", client, sse({"id": "cmpl", "object": "text_completion", "choices": [{"text": "x"}]})) == COMMENT


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("wire", NAMES)
def test_behind_the_end_nothing_is_sent(wire: WireName, client: str | None) -> None:
    sample = SAMPLES[wire]
    assert said(wire, client, *sample) is None
    assert said(wire, client, b"".join(sample)) is None
    assert said(wire, client, *sample, b": hi\n\n") is None
    assert said(wire, client, *sample[:3], WIRES_ERROR[wire]) is None


WIRES_ERROR: Final[dict[WireName, bytes]] = {
    "messages": sse({"type": "error", "error": {"type": "api_error", "message": "x"}}, "error"),
    "chat": sse({"error": {"message": "x", "type": "server_error", "code": None}}),
    "responses": sse({"type": "response.failed", "response": {}, "sequence_number": 1}, "response.failed"),
}


# --- whatever comes


@pytest.mark.parametrize("wire", NAMES)
@given(data=st.data())
def test_no_bytes_make_it_raise_and_what_it_gives_is_whole_events(wire: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(wire))
    chunks = [event.raw for event in events(raw)]
    for client in CLIENTS:
        alive = Alive(wire, client)
        for chunk in chunks:
            alive.saw(chunk)
            beat = alive.beat(begun=True)
            assert beat == alive.beat(begun=True), "the same, asked again"
            if beat is not None:
                assert beat.endswith(b"\n\n")
                assert all(event.complete and event.raw for event in events(beat))
                assert len(events(beat)) == 1


@pytest.mark.parametrize("wire", NAMES)
def test_the_cuts_do_not_matter(wire: WireName) -> None:
    sample = SAMPLES[wire]
    for client in CLIENTS:
        for place, whole in enumerate(accumulate(sample), 1):
            assert said(wire, client, whole) == said(wire, client, *sample[:place])


# --- what counts, and what is whole


QUIET: Final = (
    b": hi\n\n",
    b": one\n\n: two\r\n\r\n",
    b"\n",
    PING,
    b'event: ping\ndata: {"type": "ping", "cost": "' + b"0" * 99 + b'"}\n\n',
    b"event:ping\ndata: {}\n\n",
)


@pytest.mark.parametrize("quiet", QUIET, ids=range(len(QUIET)))
@pytest.mark.parametrize(
    ("wire", "client"),
    (("messages", "claude-code"), ("messages", "hermes"), ("chat", "hermes"), ("responses", "codex")),
)
def test_a_provider_that_only_pings_keeps_no_client_that_counts_events(
    wire: WireName, client: str, quiet: bytes
) -> None:
    counting, other = Alive(wire, client), Alive(wire, "opencode")
    for alive in (counting, other):
        alive.saw(quiet)
    assert (counting.heard, other.heard) == (0, 1)
    for alive in (counting, other):
        alive.saw(quiet + SAMPLES[wire][0])
    assert (counting.heard, other.heard) == (1, 2), "what comes in one piece with a ping counts"
    wanted = counting.beat(begun=True)
    counting.saw(quiet)
    assert (counting.heard, counting.beat(begun=True)) == (1, wanted)


def test_nothing_at_all_is_no_life() -> None:
    alive = Alive("chat", None)
    alive.saw(b"")
    assert alive.heard == 0


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("wire", NAMES)
def test_nothing_is_put_into_an_event(wire: WireName, client: str | None) -> None:
    event = SAMPLES[wire][1]
    for end in range(1, len(event)):
        assert said(wire, client, SAMPLES[wire][0], event[:end]) is None
    crlf = event.replace(b"\n", b"\r\n")
    assert said(wire, client, crlf) == said(wire, client, event)
    assert said(wire, client, crlf[:-2]) is None
    assert said(wire, client, event.replace(b"\n", b"\r")) == said(wire, client, event)
