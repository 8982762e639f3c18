"""chat/decoder.py: citations, whole replies, the finish reason, usage, and what has no place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.chat.kit import DONE, HEAD, ROLE, STOP, USAGE, choices, chunk
from tests.protocols.chat.test_decoder import FIRST, TEXT, codes, decoded, inside, said
from tests.protocols.turns import Meaning, meaning, read
from wiremend.events import Delta, Finished, PartStarted, UsageSeen
from wiremend.message import Usage
from wiremend.protocols.chat.convert import to_stream
from wiremend.protocols.chat.decoder import REASONS, ChatDecoder
from wiremend.protocols.chat.schema import FINISH_REASONS
from wiremend.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterable


def test_annotations_are_citations_of_the_text() -> None:
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://x", "title": "X", "start_index": 0, "end_index": 2},
    }
    told = inside(said(content="Hi"), said(annotations=[{"index": 0, **cited}, "odd"]))[-1]
    assert isinstance(told, Delta)
    assert (told.kind, json.loads(told.text)) == ("citation", cited)


def test_annotations_that_come_before_the_text_are_told_with_it() -> None:
    """So they stand in a whole reply that was made a stream: all that is not text is in the first delta."""
    assert inside(said(annotations=[{"type": "url_citation"}]), said(content="Hi"), said(content="."))[:-1] == [
        PartStarted(0, "text"),
        Delta(0, "text", "Hi"),
        Delta(0, "citation", '{"type":"url_citation"}'),
    ]


def test_annotations_without_a_text_are_lost() -> None:
    events, decoder = decoded(ROLE, said(annotations=[{"type": "url_citation"}]), STOP)
    assert (events, codes(decoder)) == ([FIRST, Finished("end_turn")], ["chat.annotation"])


def whole(**message: object) -> Meaning:
    """Read a whole reply, by way of the stream that is made of it."""
    completion = {
        **HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    decoder = ChatDecoder()
    told = meaning(read(decoder, to_stream(json.dumps(completion).encode())))
    assert decoder.mends == []
    assert (told.reason, told.end, told.usage) == ("end_turn", "Ended", Usage(input=11, output=7))
    return told


def test_a_whole_reply_says_its_reasoning_once() -> None:
    details = [{**TEXT, "text": "Hm.", "signature": "s"}]
    for thought in ({"reasoning": "Hm."}, {"reasoning_content": "Hm."}, {}):
        told = whole(content="Hi", reasoning_details=details, **thought)
        assert [(part.kind, part.said, part.details) for part in told.parts] == [
            ("thinking", {"thinking": "Hm."}, [("signature", "s")]),
            ("text", {"text": "Hi"}, []),
        ]


def test_reasoning_that_is_not_what_the_details_said_is_news() -> None:
    events = inside(
        said(reasoning_details=[{**TEXT, "text": "Hm"}]), said(reasoning_content="Hm"), said(reasoning="Hm")
    )
    assert meaning(events).parts[0].said == {"thinking": "HmHm"}, "the same once more, and then news"


def test_a_whole_reply_says_its_citations() -> None:
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://x", "title": "X", "start_index": 0, "end_index": 2},
    }
    (part,) = whole(content="Hi", annotations=[cited]).parts
    assert [(kind, json.loads(text)) for kind, text in part.details] == [("citation", cited)]


@pytest.mark.parametrize(
    ("reason", "neutral"),
    (
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "content_filter"),
        ("end_turn", "end_turn"),
        ("error", "error"),
    ),
)
def test_finish_reasons(reason: str, neutral: str) -> None:
    assert inside(chunk(finish=reason)) == [Finished(neutral)]  # type: ignore[arg-type]  # one of them


def test_every_finish_reason_of_the_wire_has_its_word() -> None:
    assert set(REASONS) >= FINISH_REASONS


def test_a_finish_reason_that_says_nothing_or_again_is_none() -> None:
    assert inside(chunk(finish=""), chunk(finish=None)) == []
    assert inside(STOP, STOP) == [Finished("end_turn")]


COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 30},
}
COUNTED = UsageSeen(Usage(input=100, cached=80, written=5, output=50, reasoning=30))


@pytest.mark.parametrize(
    "raw",
    (
        choices(usage=COUNTS),
        chunk({}, "stop", usage=COUNTS),
        choices({"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}),
    ),
)
def test_usage_is_told_from_wherever_it_comes(raw: bytes) -> None:
    assert inside(raw)[-1] == COUNTED


@pytest.mark.parametrize("name", ("cached_tokens", "prompt_cache_hit_tokens"))
def test_what_the_cache_served_goes_by_other_names_too(name: str) -> None:
    assert inside(choices(usage={**USAGE, name: 3})) == [UsageSeen(Usage(input=11, cached=3, output=7))]


def test_usage_that_is_null_or_no_object_is_none() -> None:
    assert inside(said(content="", usage=None), choices(usage=[]), chunk({}, usage=None)) == []


def test_only_the_first_choice_counts_and_the_others_are_noted_once() -> None:
    other = {"index": 1, "delta": {"content": "Ho"}, "finish_reason": "stop"}
    first = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}
    events, decoder = decoded(ROLE, choices(first, other), choices(other), STOP)
    assert meaning(events).parts[0].said == {"text": "Hi"}
    assert codes(decoder) == ["chat.choice"]


def test_log_probabilities_are_noted_once() -> None:
    probable = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}, "finish_reason": None}
    _, decoder = decoded(ROLE, choices(probable), choices(probable))
    assert codes(decoder) == ["chat.logprobs"]
    assert decoder.mends[0].event == 2
    assert codes(decoded(choices({**probable, "logprobs": None}))[1]) == []


@pytest.mark.parametrize("name", ("audio", "images", "function_call", "reasoning_opaque"))
def test_what_a_delta_has_besides_is_noted_once_for_each_name(name: str) -> None:
    events, decoder = decoded(ROLE, said(**{name: ["x"]}, content="a"), said(**{name: ["x"]}, content="b"))
    assert codes(decoder) == [f"chat.delta.{name}"]
    assert meaning(events).parts[0].said == {"text": "ab"}


def test_a_further_name_is_noted_also_behind_another() -> None:
    _, decoder = decoded(ROLE, said(odd=1), said(content="a"), said(odd=1, rare="x"))
    assert codes(decoder) == ["chat.delta.odd", "chat.delta.rare"]


@pytest.mark.parametrize("value", (None, "", [], {}, 0, False))
def test_a_further_field_that_says_nothing_is_not_noted(value: object) -> None:
    assert inside(said(token_ids=value, audio=value)) == []


def test_the_sources_of_the_whole_answer_are_noted() -> None:
    """Perplexity sends them beside the choices, in every chunk."""
    _, decoder = decoded(ROLE, chunk({"content": "a"}, citations=["https://x"]), chunk({}, citations=["https://x"]))
    assert codes(decoder) == ["chat.sources"]


def test_an_error_is_the_callers_and_what_follows_is_no_success() -> None:
    error = b'data: {"error":{"message":"busy"}}\n\n'
    assert decoded(error)[0] == []
    assert inside(STOP, error, DONE) == [Finished("end_turn")], "[DONE] behind an error is no success"


def test_what_cannot_be_read_is_noted() -> None:
    deep = b'data: {"choices":[{"delta":{"odd":%b%b}}]}\n\n' % (b"[" * 9999, b"]" * 9999)
    events, decoder = decoded(b"data: {\n\n", b'data: {"choices":5}\n\n', b"data: 7\n\n", b"data: \n\n", deep)
    assert (events, codes(decoder)) == ([], ["chat.event"])


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "\ud83d", "stop", "function", "custom"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "content",
                        "reasoning",
                        "reasoning_details",
                        "tool_calls",
                        "function",
                        "custom",
                        "name",
                        "arguments",
                    ),
                    *("input", "id", "index", "type", "text", "signature", "data", "refusal", "annotations", "odd"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
CHUNKS = st.builds(
    lambda delta, finish, index, usage: {
        **HEAD,
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        "usage": usage,
    },
    VALUES,
    VALUES,
    st.sampled_from([0, 0, 0, None, 1, "0"]),
    VALUES,
)


@given(st.lists(st.one_of(CHUNKS.map(lambda made: json.dumps(made).encode()), st.binary(max_size=9)), max_size=6))
def test_no_stream_makes_it_raise(data: Iterable[bytes]) -> None:
    decoder, sequencer = ChatDecoder(), Sequencer()
    for each in data:
        for event in decoder.feed(each):
            sequencer.feed(event)
    sequencer.close(cut=False)
