"""What counts of a request, and what does not: laws, and the pairs that two runs of real agents differ in."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.replay.playing.playing_kit import asked, turn
from wiremend.jsonedit import parse_pointer
from wiremend.replay.playing.canonical import IGNORED, alike, canonical, differing

WORDS = st.sampled_from(("one", "two", "three words here", "", "ünï", "true", "1"))
"""Texts without anything in them that is of a day or a machine."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-100, 100) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde/~"), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(("model", "system", "tools", "x/y", "*")), JSON, max_size=4)


def same(here: object, there: object, *ignore: str) -> bool:
    pointers = (*IGNORED, *map(parse_pointer, ignore))
    return alike(canonical(asked(here), pointers), canonical(asked(there), pointers))


def turned(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Give the same JSON with all keys in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Give the way to each leaf."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for key, item in inner for place in places(item, (*at, key))]
    return below or [at]


def put(value: Any, place: tuple[Any, ...], new: object) -> Any:  # noqa: ANN401 - JSON
    """Give the JSON with another leaf."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = put(value[place[0]], place[1:], new)
    return copy


@given(BODIES)
def test_the_order_of_keys_does_not_count(body: dict[str, Any]) -> None:
    assert same(body, turned(body))


@given(BODIES, st.data())
def test_any_other_leaf_counts(body: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(places(body)))
    assert not same(body, put(body, place, "something else"))


@given(BODIES, st.sampled_from(("/metadata/user_id", "/prompt_cache_key", "/client_metadata", "/user")), JSON, JSON)
def test_what_is_ignored_does_not_count(body: dict[str, Any], pointer: str, here: object, there: object) -> None:
    *outer, last = pointer[1:].split("/")

    def with_(value: object) -> dict[str, Any]:
        inner: dict[str, Any] = {last: value}
        return body | ({outer[0]: inner} if outer else inner)

    assert same(with_(here), with_(there))


@given(st.lists(WORDS, min_size=1, max_size=4), JSON, JSON)
def test_a_star_ignores_any_item(texts: list[str], here: object, there: object) -> None:
    def with_(value: object) -> dict[str, Any]:
        return {"rows": [{"text": text, "seen": value} for text in texts]}

    assert same(with_(here), with_(there), "/rows/*/seen")
    assert not same(with_("x"), with_("y"), "/rows/0/text")


def test_the_pointer_of_the_whole_body_ignores_all_of_it() -> None:
    assert same({"a": 1}, {"b": [2]}, "")


def test_what_is_below_an_ignored_place_is_ignored_with_it_and_what_is_beside_it_is_not() -> None:
    assert same({"client_metadata": {"a": {"b": 1}}}, {"client_metadata": {"c": 2}})
    assert same({"client_metadata": {"a": 1}, "model": "m"}, {"model": "m"})
    assert not same({"metadata": {"user_id": 1, "team": "a"}}, {"metadata": {"user_id": 2, "team": "b"}})


@pytest.mark.parametrize(
    ("here", "there"),
    (
        (b'{"n": 1, "t": 0.5}', b'{"n":1.0,"t":5e-1}'),
        (b'{"t": "\\u00fc"}', '{"t":"ü"}'.encode()),
        (b'{"a": 1, "a": 2}', b'{"a": 2}'),  # parsers keep the last
    ),
)
def test_how_json_is_spelled_does_not_count(here: bytes, there: bytes) -> None:
    assert same(here, there)


@pytest.mark.parametrize(
    ("here", "there"),
    (
        (b'{"n": 1}', b'{"n": true}'),
        (b'{"n": 1}', b'{"n": "1"}'),
        (b'{"n": null}', b"{}"),
        (b'{"n": []}', b'{"n": {}}'),
        (b'{"n": [1]}', b'{"n": {"0": 1}}'),
        (b'{"n": 9007199254740993}', b'{"n": 9007199254740992}'),
        (b"plain", b"other"),
        (b"{", b"{{"),
        (b"", b"{}"),
        (b"[" * 100_000, b"[" * 100_001),
    ),
)
def test_what_is_another_value_counts(here: bytes, there: bytes) -> None:
    assert not same(here, there)


def call(call_id: str, answer_id: str, second: str = "toolu_2") -> dict[str, Any]:
    use = {"type": "tool_use", "id": call_id, "name": "Bash", "input": {"id": "row-1"}}
    more = {"type": "tool_use", "id": second, "name": "Bash", "input": {}}
    result = {"type": "tool_result", "tool_use_id": answer_id, "content": "done"}
    return turn("go", [use, more], [result])


def test_which_id_a_call_has_does_not_count_but_which_call_a_result_is_for() -> None:
    assert same(call("toolu_1", "toolu_1"), call("call_77", "call_77", "call_78"))
    assert not same(call("toolu_1", "toolu_1"), call("toolu_1", "toolu_2"))
    assert not same(call("toolu_1", "toolu_1"), call("toolu_1", "toolu_unknown"))


def test_an_id_among_the_arguments_of_a_call_counts() -> None:
    other = json.loads(json.dumps(call("toolu_1", "toolu_1")).replace("row-1", "row-2"))
    assert not same(call("toolu_1", "toolu_1"), other)


def test_in_which_order_keys_name_ids_does_not_count() -> None:
    body = {"input": [{"id": "a", "call_id": "b"}, {"call_id": "a"}]}
    assert same(body, turned(body))
    assert not same(body, {"input": [{"id": "a", "call_id": "b"}, {"call_id": "b"}]})


def test_what_is_called_id_elsewhere_counts() -> None:
    assert not same({"input": {"row": {"id": "a"}}}, {"input": {"row": {"id": "b"}}})
    assert not same({"plugins": [{"id": "web"}]}, {"plugins": [{"id": "file"}]})
    assert not same({"previous_response_id": "resp_1"}, {"previous_response_id": "resp_2"})


def test_ids_of_the_other_wires() -> None:
    def responses(item: str, number: str) -> dict[str, Any]:
        return {
            "input": [
                {"type": "function_call", "id": item, "call_id": number, "name": "x", "arguments": "{}"},
                {"type": "function_call_output", "id": f"{item}b", "call_id": number, "output": "ok"},
            ]
        }

    def chat(number: str) -> dict[str, Any]:
        return {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": number, "function": {"name": "x", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": number, "content": "ok"},
            ]
        }

    assert same(responses("fc_1", "call_1"), responses("fc_9", "call_9"))
    assert same(chat("call_1"), chat("bash:0"))


@pytest.mark.parametrize(
    ("here", "there", "is_same"),
    (
        ("/v1/messages", "/coding/v1/messages", True),
        ("/v1/messages?beta=true", "/v1/messages?beta=true&key=sk-FAKE", True),
        ("/v1/x?a=1&b=2", "/v1/x?b=2&a=1", True),
        ("/v1/messages?beta=true", "/v1/messages", False),
        ("/v1/messages", "/v1/messages/count_tokens", False),
        ("/v1/messages", "/v1/chat/completions", False),
        ("/v1/models/a", "/v1/models/b", False),
        ("/v1/files", "/v1/other", False),
    ),
)
def test_where_a_request_goes(here: str, there: str, is_same: bool) -> None:  # noqa: FBT001 - a column of the table
    assert alike(canonical(asked({}, here)), canonical(asked({}, there))) is is_same


def test_methods_differ() -> None:
    assert not alike(canonical(asked(None, "/v1/models", "GET")), canonical(asked(None, "/v1/models", "POST")))


def test_a_compressed_body_is_one_with_the_plain_one() -> None:
    body = json.dumps(turn("hello")).encode()
    packed = asked(zstandard.compress(body), content_encoding="zstd")
    assert alike(canonical(packed), canonical(asked(body)))


def test_a_body_that_is_not_what_its_coding_says_is_still_a_body() -> None:
    broken = asked(b"no zstd", content_encoding="zstd")
    assert alike(canonical(broken), canonical(broken))
    assert not alike(canonical(broken), canonical(asked({})))


def test_headers_do_not_count() -> None:
    assert alike(canonical(asked({}, x_api_key="sk-FAKE1")), canonical(asked({}, authorization="Bearer sk-FAKE2")))


def test_a_surrogate_stands_for_any_secret() -> None:
    kept = canonical(asked(turn("the key is sk-kimi-SCRUBBED8f3a, use it")))
    assert alike(kept, canonical(asked(turn("the key is sk-kimi-FAKE0123456789, use it"))))
    assert not alike(kept, canonical(asked(turn("the key is sk-kimi-FAKE0123456789, lose it"))))
    assert not alike(kept, canonical(asked(turn("the key is , use it"))))


@given(BODIES, BODIES)
def test_differing_names_exactly_the_leaves_in_which_two_requests_differ(here: Any, there: Any) -> None:  # noqa: ANN401 - JSON
    one, other = canonical(asked(here)), canonical(asked(there))
    assume(one.leaves != other.leaves)
    named = {at for at, _, _ in differing(one, other)}
    assert named == {at for at in {*one.leaves, *other.leaves} if one.leaves.get(at) != other.leaves.get(at)}


def test_half_a_surrogate_pair_is_a_text_like_any_other() -> None:
    assert same(b'{"t": "\\ud800"}', b'{"t": "\\ud800"}')
    assert not same(b'{"t": "\\ud800"}', b'{"t": "\\ud801"}')
