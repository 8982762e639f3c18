"""What differs is found, and the rule or quirk that acts differently is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.replay.kit import KEY, RULES, STREAM, captured, chunk, recorded, replayed
from wiremend.captures.capture import Body
from wiremend.headers import Headers
from wiremend.jsonedit import parse_pointer
from wiremend.replay.compare import Difference, compare


def differences(rules: str, **changes: object) -> list[Difference]:
    """Record under RULES, replay under others."""
    capture = recorded(captured())
    return compare(capture, replayed(capture, rules), **changes)  # type: ignore[arg-type]  # the tests know the names


def test_the_same_rules_make_no_difference() -> None:
    assert differences(RULES) == []


def test_an_edit_that_is_gone_is_named() -> None:
    found = differences(RULES.partition("edits:")[0])
    body = next(one for one in found if one.part == "upstream")
    assert (body.where, body.expected, body.got) == ("/temperature", "0.6", None)
    assert body.cause == "no longer edit 'warm' (rules.yaml:6)"
    assert [(one.part, one.where) for one in found] == [("upstream", "/temperature"), ("notes", "/temperature")]


def test_an_edit_that_is_new_is_named() -> None:
    found = differences(RULES + "  - {name: cold, when: {provider: lab}, set: {/top_p: 0.1}}\n")
    body = next(one for one in found if one.part == "upstream")
    assert (body.where, body.expected, body.got, body.cause) == ("/top_p", None, "0.1", "edit 'cold' (rules.yaml:7)")


def test_another_way_is_a_difference_of_the_url_and_names_the_route() -> None:
    other = RULES.replace("8000/v1", "9000/v1").replace("name: to the lab", "name: elsewhere")
    found = {one.where: one for one in differences(other)}
    assert found["url"].expected == "http://127.0.0.1:8000/v1/chat/completions"
    assert found["url"].got == "http://127.0.0.1:9000/v1/chat/completions"
    assert "elsewhere" in found["url"].cause


def test_a_request_that_is_refused_now_says_why() -> None:
    found = differences("providers: {lab: {base_url: 'http://127.0.0.1:8000/v1', key: client}}\n")
    first = found[0]
    assert first.part == "decision"
    assert (first.expected or "").startswith("it went to http://127.0.0.1:8000/v1/chat/completions")
    assert (first.got or "").startswith("it is refused: ")


def test_a_header_is_compared_whatever_its_case_and_place() -> None:
    capture = recorded(captured(headers=[("X-One", "1")]))
    attempt = capture.attempts[0]
    turned = Headers(tuple((name.lower(), value) for name, value in reversed(attempt.request.headers.fields)))
    same = replace(capture, attempts=(replace(attempt, request=replace(attempt.request, headers=turned)),))
    assert compare(same, replayed(same)) == []
    other = replace(
        capture,
        attempts=(replace(attempt, request=replace(attempt.request, headers=turned.with_set("x-one", "2"))),),
    )
    assert compare(other, replayed(other)) == [Difference("upstream", "header:x-one", "2", "1")]


def test_the_credential_is_compared_by_what_stands_for_it() -> None:
    found = differences(RULES.replace("key: client", "key: $LAB_KEY"))
    credential = next(one for one in found if one.where == "header:authorization")
    assert credential.expected == f"Bearer {KEY}"
    assert "LAB_KEY" in (credential.got or "")


def test_bytes_count_where_they_were_untouched() -> None:
    plain = RULES.partition("edits:")[0]
    spaced = b'{"model": "lab-1",  "stream": true, "messages": []}'
    capture = recorded(captured(spaced), plain)
    assert capture.attempts[0].request.body == spaced
    assert compare(capture, replayed(capture, plain)) == []
    attempt = capture.attempts[0]
    tight = spaced.replace(b" ", b"")
    moved = replace(
        capture,
        request=replace(capture.request, body=tight),
        attempts=(replace(attempt, request=replace(attempt.request, body=tight)),),
    )
    edited = replayed(replace(moved, request=replace(moved.request, body=spaced)), plain)
    assert [one.expected for one in compare(moved, edited)] == [f"the bytes as they came ({len(tight)})"]


def test_the_value_of_an_ignored_pointer_does_not_count() -> None:
    capture = recorded(captured({"model": "lab-1", "stream": True, "messages": [], "metadata": {"user_id": "a"}}))
    attempt = capture.attempts[0]
    other = replace(attempt, request=replace(attempt.request, body=attempt.request.body.replace(b'"a"', b'"b"')))
    changed = replace(capture, attempts=(other,))
    assert [one.where for one in compare(changed, replayed(changed))] == ["/metadata/user_id"]
    assert compare(changed, replayed(changed), ignore=[parse_pointer("/metadata/user_id")]) == []
    assert compare(changed, replayed(changed), ignore=[parse_pointer("/metadata")]) == []


def with_answer(body: bytes) -> list[Difference]:
    """Expect another answer than the code gives."""
    capture = recorded(captured())
    assert capture.answer is not None
    expecting = replace(capture, answer=replace(capture.answer, body=Body(body)))
    return compare(expecting, replayed(expecting))


def test_an_event_is_named_by_its_number_and_the_pointer_in_it() -> None:
    text = b"".join(STREAM).replace(b" there", b" you")
    assert with_answer(text) == [Difference("answer", "event 3 /choices/0/delta/content", '" you"', '" there"')]


def test_an_event_that_is_missing_or_too_many_does_not_make_all_behind_it_differ() -> None:
    fewer = with_answer(b"".join([*STREAM[:2], *STREAM[3:]]))
    assert [(one.where, one.expected) for one in fewer] == [("event 3", None)]
    assert " there" in (fewer[0].got or "")
    more = with_answer(b"".join([*STREAM[:2], chunk("!"), *STREAM[2:]]))
    assert [(one.where, one.got) for one in more] == [("event 3", None)]


def test_the_name_of_an_event_counts() -> None:
    found = with_answer(b"".join([*STREAM[:-1], b"event: done\n", STREAM[-1]]))
    assert found == [Difference("answer", "event 5 event:", "done", None)]


def test_the_status_and_the_kind_of_an_answer_count() -> None:
    capture = recorded(captured())
    assert capture.answer is not None
    answer = replace(capture.answer, status=500, headers=capture.answer.headers.with_set("content-type", "text/plain"))
    other = replace(capture, answer=answer)
    found = compare(other, replayed(other))
    assert [(one.where, one.expected, one.got) for one in found] == [
        ("status", "500", "200"),
        ("header:content-type", "text/plain", "text/event-stream"),
    ]


def test_a_mend_that_is_new_is_a_note_that_names_its_code() -> None:
    broken = [*STREAM[:3], b"data: [DONE]\n\n"]
    capture = recorded(captured(stream=broken))
    assert capture.notes  # the ending is put in, or the stream is failed: in either case it is told
    silent = replace(capture, notes=[note for note in capture.notes if note.kind in {"routed", "edited"}])
    found = compare(silent, replayed(silent))
    assert found
    assert {one.part for one in found} == {"notes"}
    assert all(one.expected is None and one.got for one in found)


def test_a_case_by_hand_is_not_held_to_notes_it_does_not_have() -> None:
    capture = replace(recorded(captured()), rules="", notes=())
    assert compare(capture, replayed(capture)) == []


@pytest.mark.parametrize(
    ("expect", "wheres"),
    (
        ({"to": "lab"}, []),
        ({"to": "lab/lab-1"}, []),
        ({"to": "lab/lab-2"}, ["to"]),
        ({"to": "moonshot"}, ["to"]),
        ({"url": "http://127.0.0.1:8000/*"}, []),
        ({"url": "https://*"}, ["url"]),
        ({"to": "lab", "url": "https://*"}, ["url"]),
    ),
)
def test_what_a_case_expects_must_hold(expect: dict[str, str], wheres: list[str]) -> None:
    capture = recorded(captured())
    found = compare(capture, replayed(capture), expect=expect)
    assert [(one.part, one.where) for one in found] == [("expect", where) for where in wheres]


def test_a_body_of_great_depth_is_compared_as_text() -> None:
    deep = b"[" * 5000 + b"]" * 5000
    capture = recorded(captured())
    assert capture.answer is not None
    json_kind = capture.answer.headers.with_set("content-type", "application/json")
    expecting = replace(capture, answer=replace(capture.answer, body=Body(deep), headers=json_kind))
    assert any(one.part == "answer" and one.where == "" for one in compare(expecting, replayed(expecting)))


def test_an_answer_that_is_no_longer_given_is_a_difference() -> None:
    capture = recorded(captured())
    alone = replace(capture, attempts=(replace(capture.attempts[0], response=None),), notes=())
    found = [one for one in compare(alone, replayed(alone)) if one.part == "answer"]
    assert [(one.expected, one.got) for one in found] == [("an answer with the status 200", None)]


def test_a_refusal_is_compared_with_a_refusal() -> None:
    nowhere = "routes: [{when: {model: other}, to: moonshot}]\n"
    done = replayed(captured(), nowhere)
    assert done.answer is not None
    refused = replace(captured(), attempts=(), answer=done.answer, notes=done.notes, rules="1234abcd")
    assert compare(refused, replayed(refused, nowhere)) == []
    elsewhere = "routes: [{when: {model: else}, to: moonshot}]\n"
    assert compare(refused, replayed(refused, elsewhere)) == []
    assert next(one.part for one in compare(refused, replayed(refused))) == "decision"
    other = replace(refused, answer=replace(done.answer, status=418))
    assert [(one.where, one.expected, one.got) for one in compare(other, replayed(other, nowhere))] == [
        ("status", "418", str(done.answer.status))
    ]
