"""Arguments that repeat themselves, and arguments that are nearly JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.replies import sse
from tests.protocols.chat.kit import oracle
from tests.quirks.kit_streams import JSON, WIRED, added, call, chunk, cut, more, odd_chunks, replied, run

REPEATS, NEARLY = "tool-args-cumulative", "tool-args-invalid-json"


def stream(pieces: list[str], finish: str = "tool_calls") -> list[Any]:
    first = chunk({"role": "assistant", "tool_calls": [call("call_1", "")]})
    return [first, *(chunk({"tool_calls": [more(piece)]}) for piece in pieces), chunk(finish=finish)]


def arguments(name: str, pieces: list[str], finish: str = "tool_calls") -> str:
    given_: str = added(run(name, stream(pieces, finish)).documents)["calls"][0][2]
    return given_


@pytest.mark.parametrize(
    "pieces",
    (
        ['{"city":', '{"city":"Paris"}'],
        ['{"city":"Paris"}', '{"city":"Paris"}'],
        ["{", '{"ci', '{"city":"Pa', '{"city":"Paris"}', '{"city":"Paris"}'],
        ['{"city":', '"Paris"}', '{"city":"Paris"}'],
        ['{"ci', 'ty":"Paris"}'],
    ),
)
def test_what_was_sent_is_not_sent_again(pieces: list[str]) -> None:
    assert arguments(REPEATS, pieces) == '{"city":"Paris"}'


def test_the_calls_are_kept_apart() -> None:
    documents = [
        chunk({"tool_calls": [call("call_1", '{"a":1}'), call("call_2", '{"a":1}', index=1)]}),
        chunk({"tool_calls": [more('{"a":1}', 1), more('{"a":1}', 0)]}),
    ]
    calls = added(run(REPEATS, documents).documents)["calls"]
    assert [one[2] for one in calls.values()] == ['{"a":1}', '{"a":1}']


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.data())
def test_arguments_in_pieces_are_unchanged_unless_a_piece_holds_all_before_it(value: Any, data: st.DataObject) -> None:  # noqa: ANN401
    text = json.dumps(value)
    pieces = cut(text, data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))))
    before = ["".join(pieces[:n]) for n in range(len(pieces))]
    ran = run(REPEATS, stream(pieces))
    if not any(sent and piece.startswith(sent) for sent, piece in zip(before, pieces, strict=True)):
        assert all(ran.same)


@given(st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=3), st.data())
def test_prefixes_that_grow_add_up_to_the_whole(value: Any, data: st.DataObject) -> None:  # noqa: ANN401 - any JSON
    text = json.dumps(value)
    places = sorted(data.draw(st.sets(st.integers(1, len(text)))) | {len(text)})
    assert arguments(REPEATS, [text[:place] for place in places]) == text


NEAR = (
    ('{"a":1,}', '{"a":1}'),
    ('{"a":[1,2, ],"b":{"c":None , } }', '{"a":[1,2 ],"b":{"c":null  } }'),
    ('{"a":None,"b":True,"c":[False]}', '{"a":null,"b":true,"c":[false]}'),
    ('{"a":"None, ]","b":",}\\",}"}', '{"a":"None, ]","b":",}\\",}"}'),
    ('{"a":{"b":[1', '{"a":{"b":[1]}}'),
    ('{"a":"x",', '{"a":"x"}'),
    ('{"a":[True', '{"a":[true]}'),
)


@pytest.mark.parametrize(("text", "right"), NEAR)
def test_what_is_nearly_json_becomes_json(text: str, right: str) -> None:
    json.loads(right)
    for pieces in ([text], list(text), [text[:3], text[3:]]):
        assert arguments(NEARLY, pieces) == right


LEFT = ('{"a":', '{"a', '{"a":"x', '{"a"', "{", '{"a":1,"b"', '{"a":"x\\', "[", '{"a":nul', "nonsense", '{"a":Nope}')


@pytest.mark.parametrize("text", LEFT)
def test_what_breaks_off_inside_is_left(text: str) -> None:
    """A value that is not whole is not closed: the tool would run with half of it."""
    expected = '{"a":nul}' if text == '{"a":nul' else text
    assert arguments(NEARLY, list(text)) == expected
    assert arguments(NEARLY, [text]) == expected


@pytest.mark.parametrize("finish", ("length", "content_filter"))
def test_nothing_is_closed_where_the_finish_reason_says_that_it_was_cut(finish: str) -> None:
    assert arguments(NEARLY, ['{"a":[1,'], finish) == '{"a":[1,'
    assert arguments(NEARLY, ['{"a":Tru'], finish) == '{"a":Tru'


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.sampled_from([None, 1]), st.data())
def test_json_stays_as_it_is(value: Any, indent: int | None, data: st.DataObject) -> None:  # noqa: ANN401 - any JSON
    text = json.dumps(value, indent=indent, ensure_ascii=bool(indent))
    whole = run(NEARLY, stream([text]))
    assert all(whole.same)
    assert whole.notes == []
    assert arguments(NEARLY, cut(text, data.draw(st.sets(st.integers(1, max(1, len(text) - 1)))))) == text


@given(
    st.lists(st.sampled_from(['"', "\\", ",", "{", "}", "[", "]", " ", "None", "True", "Fa", "1", ":", "a"])), st.data()
)
def test_the_cut_does_not_matter(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    places = data.draw(st.sets(st.integers(1, max(1, len(text) - 1))))
    assert arguments(NEARLY, cut(text, places)) == arguments(NEARLY, [text]) == arguments(NEARLY, list(text))


def test_what_is_missing_comes_before_the_finish_reason() -> None:
    ran = run(NEARLY, stream(['{"a":[1']))
    *_, last, finish = ran.documents
    assert last["choices"] == [
        {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "]}"}}]}, "finish_reason": None}
    ]
    assert finish == chunk(finish="tool_calls")
    assert [what for _, what in ran.notes] == ["the arguments are made JSON"]
    one = run(NEARLY, [chunk({"tool_calls": [call("call_1", '{"a":[1')]}, "tool_calls")]).documents
    assert len(one) == 1
    assert added(one)["calls"][0][2] == '{"a":[1]}'


def test_what_is_held_at_a_cut_leaves_as_it_came() -> None:
    assert added(run(NEARLY, stream(['{"a":[1,'])[:-1]).documents)["calls"][0][2] == '{"a":[1,'


def test_a_whole_body() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [call("call_1", '{"a":None,}')]}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    mended, notes = replied(NEARLY, body)
    assert mended["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"a":null}'
    assert len(notes) == 1
    assert replied(NEARLY, mended) == (mended, [])


@pytest.mark.parametrize(
    ("name", "pieces"),
    ((REPEATS, ['{"a":', '{"a":1}']), (NEARLY, ['{"a":', "1,", "}"])),
)
def test_the_openai_sdk_can_parse_them_only_afterwards(name: str, pieces: list[str]) -> None:
    def parses(documents: list[Any]) -> bool:
        outcome = oracle(b"".join(sse(document) for document in documents) + b"data: [DONE]\n\n")
        assert outcome.error is None
        (one,) = json.loads(outcome.completion)["choices"][0]["message"]["tool_calls"]
        try:
            return bool(json.loads(one["function"]["arguments"]) == {"a": 1})
        except ValueError:
            return False

    documents = stream(pieces)
    assert not parses(documents)
    assert parses(run(name, documents).documents)


@given(odd_chunks())
def test_no_chunk_raises(documents: list[Any]) -> None:
    run(REPEATS, documents)
    run(NEARLY, documents)


@given(st.dictionaries(st.sampled_from(["choices", "usage"]), WIRED | st.lists(WIRED)))
def test_no_body_raises(body: Any) -> None:  # noqa: ANN401 - any JSON is the point
    replied(NEARLY, body)
