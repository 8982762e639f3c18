"""A body as a conversation: what parsers read of it is in it, in every case; and no bytes break it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.oracles import Served, verdict
from tests.test_captures import ALL, name_of, stored
from wiremend.codings import decode
from wiremend.errors import BodyError
from wiremend.explain.conversation import AT_ONCE, WHOLE, conversation, frame

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.captures.capture import Request, Response
    from wiremend.protocols.base import WireName

SDKS: dict[WireName, str] = {"messages": "anthropic-py", "chat": "openai-py", "responses": "openai-py/responses"}
ANSWERED = [folder for folder in ALL if stored(folder).capture.answer is not None]


def plain(message: Request | Response) -> bytes:
    data = message.body if isinstance(message.body, bytes) else message.body.data
    try:
        return decode(data, message.headers.get("content-encoding")) if data else data
    except BodyError:
        return data


def flat(text: str) -> str:
    """Give a text without its line breaks and indentation, which the view may set as it likes."""
    return " ".join(text.split())


def leaves(value: object) -> list[str]:
    """Give the texts and numbers inside a JSON value."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [json.dumps(value, ensure_ascii=False)]


@pytest.mark.parametrize("folder", ANSWERED, ids=name_of)
def test_what_the_sdk_reads_of_an_answer_is_in_its_conversation(folder: Path) -> None:
    capture = stored(folder).capture
    answer = capture.answer
    assert answer is not None
    wire: WireName = capture.wire or "chat"
    kind = answer.headers.get("content-type") or ""
    data = plain(answer)
    said = verdict(SDKS[wire], Served(data, answer.status, kind, whole="event-stream" not in kind))
    shown = flat(conversation(data, asks=False, wire=capture.wire))
    if said.ok:
        assert flat(said.text) in shown
        for name, inputs in said.tools:
            assert f"→ {name}" in shown
            assert [leaf for leaf in leaves(inputs) if leaf not in shown] == []
        assert said.finish is None or f"stop: {said.finish}" in shown
        if said.usage is not None and said.usage[1]:
            assert f"{said.usage[1]:,} out" in shown
    elif said.error and answer.status >= 400:
        assert "error: " in shown


@pytest.mark.parametrize("folder", ALL, ids=name_of)
def test_both_requests_of_a_case_show_what_was_said_and_what_was_asked_for(folder: Path) -> None:
    capture = stored(folder).capture
    for request in (capture.request, *(attempt.request for attempt in capture.attempts)):
        data = plain(request)
        try:
            body: Any = json.loads(data)
        except ValueError:
            assert "as it is" in conversation(data, asks=True) or not data
            continue
        shown = flat(conversation(data, asks=True, wire=capture.wire))
        assert str(body["model"]) in shown
        turns = body.get("messages") or body.get("input") or []
        turns = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
        for turn in turns[-WHOLE:]:
            if turn.get("role") not in {"user", "assistant"}:
                continue
            content = turn.get("content")
            parts = [content] if isinstance(content, str) else [p.get("text") for p in content or () if "text" in p]
            for text in (part for part in parts if isinstance(part, str)):
                assert all(flat(escaped(line)) in shown for line in text.splitlines()[:20])
        for tool in body.get("tools") or ():
            assert str(tool.get("name") or tool.get("function", tool).get("name") or tool.get("type")) in shown


def escaped(line: str) -> str:
    """Give a line with half surrogate pairs as their escapes, as they cannot be written."""
    return line.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize("folder", ALL, ids=name_of)
def test_what_providers_sent_never_fails_and_its_cut_is_told(folder: Path) -> None:
    for attempt in stored(folder).capture.attempts:
        if attempt.response is None:
            continue
        data = plain(attempt.response)
        printable(conversation(data, asks=False, wire=stored(folder).capture.wire))
        for end in {len(data) * part // 7 for part in range(7)}:
            printable(conversation(data[:end], asks=False))


@pytest.mark.parametrize(
    "name",
    (
        "chat/tool-index-all-zero",
        "chat/tool-index-missing",
        "chat/tool-name-repeated",
        "chat/tool-name-late",
        "chat/tool-args-object",
        "messages/anth-tool-input-twice",
        "messages/anth-index-from-one",
        "responses/resp-deltas-missing",
        "responses/resp-item-id-rotates",
    ),
)
def test_the_calls_that_a_provider_meant_are_seen_before_any_mending(name: str) -> None:
    case = stored(next(folder for folder in ALL if name_of(folder) == name))
    attempt = case.capture.attempt
    assert attempt is not None
    assert attempt.response is not None
    shown = conversation(plain(attempt.response), asks=False)
    calls = [line.split()[1] for line in shown.splitlines() if line.startswith("  → ")]
    tools = case.about["means"]["tools"]
    assert calls == [tool["name"] for tool in tools]
    assert [leaf for tool in tools for leaf in leaves(tool["input"]) if leaf not in shown] == []


def printable(text: str) -> None:
    """Require what a terminal can show and would not act on."""
    text.encode("utf-8")
    assert all(line.isprintable() for line in text.split("\n") if not _has_blanks(line)), text


def _has_blanks(line: str) -> bool:
    """Tell whether a line has blanks that Python does not print; they are harmless."""
    return any(character.isspace() and character != " " for character in line) and not any(
        character in "\x0b\x0c\r\t\x1c\x1d\x1e\x1f\x85\u2028\u2029" for character in line
    )


TEXT = st.text(max_size=8)
KEYS = st.sampled_from(
    ["role", "content", "type", "text", "messages", "input", "choices", "message", "delta", "tool_calls", "function",
     "name", "arguments", "id", "index", "output", "item", "response", "usage", "model", "source", "data", "error",
     "thinking", "summary", "system", "tools", "image_url", "url", "status", "finish_reason", "media_type"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["user", "assistant", "tool", "text", "image", "tool_use", "tool_result", "thinking", "function_call", "message",
     "message_start", "content_block_start", "content_block_delta", "text_delta", "input_json_delta", "base64", "{",
     "response.output_text.delta", "response.output_item.added", "response.completed", "data:image/png;base64,AAAA"]
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([2**63, 2**70, -(2**80)])
    | st.floats(allow_nan=False)
    | TEXT
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=4),
    max_leaves=14,
)


@given(JSON, st.booleans(), st.sampled_from([None, "messages", "chat", "responses"]))
@example({"type": []}, False, None)  # noqa: FBT003 - a draw
@example(2**70, True, None)  # noqa: FBT003 - a draw
def test_no_json_breaks_it(value: object, asks: bool, wire: WireName | None) -> None:  # noqa: FBT001 - what hypothesis draws
    data = json.dumps(value).encode()
    printable(conversation(data, asks=asks, wire=wire))
    printable(conversation(json.dumps({"model": "m", "messages": value}).encode(), asks=True))
    turn = {"role": "assistant", "content": [value, {"type": "image", "source": value}], "tool_calls": [value]}
    asked = {"model": value, "messages": [turn, value], "tools": [value], "system": value, "max_tokens": value}
    asked |= {"thinking": value, "reasoning": {"effort": value}, "tool_choice": value, "temperature": value}
    printable(conversation(json.dumps(asked).encode(), asks=True))
    printable(frame(json.dumps({"type": value, "response": value, "item": value}).encode(), from_client=asks))
    printable(conversation(json.dumps({"choices": [value], "usage": value}).encode(), asks=False))
    printable(conversation(json.dumps({"output": [value]}).encode(), asks=False))
    printable(frame(data, from_client=asks))


@given(st.lists(st.tuples(WORDS, JSON), max_size=6))
@example([("x", {"type": "content_block_start", "index": 0, "content_block": {"text": 5, "type": "text"}})] * 2)
def test_no_stream_breaks_it(events: list[tuple[str, object]]) -> None:
    for flavour in ({}, {"choices": 1}, {"type": "response.output_item.added"}, {"type": "content_block_delta"}):
        stream = b"".join(
            b"event: %s\ndata: %s\n\n" % (name.encode(), json.dumps(_with(flavour, value)).encode())
            for name, value in events
        )
        printable(conversation(stream, asks=False))


def _with(flavour: dict[str, Any], value: object) -> object:
    if flavour.get("choices"):
        return {"choices": [{"delta": value}]}
    return {**flavour, "index": 0, "item": value, "delta": value} if flavour else value


@given(st.binary(max_size=60), st.booleans())
@example(b"\xff\xfe{", True)  # noqa: FBT003 - a draw
@example(b"[" * 5_000, False)  # noqa: FBT003 - a draw
@example(b'{"messages":' + b"[" * 5_000 + b"]" * 5_000 + b"}", True)  # noqa: FBT003 - a draw
@example(b'{"a":NaN}', False)  # noqa: FBT003 - a draw
def test_no_bytes_break_it(data: bytes, asks: bool) -> None:  # noqa: FBT001 - what hypothesis draws
    printable(conversation(data, asks=asks))
    printable(frame(data, from_client=asks))


def ask(**body: object) -> str:
    return conversation(json.dumps({"model": "m", **body}).encode(), asks=True)


def test_media_are_shown_by_type_and_size_and_not_by_their_bytes() -> None:
    data = "QUJD" * 3_000  # 9,000 bytes
    shown = ask(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
                    {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
                    {"type": "input_image", "image_url": "https://h.example/cat.png"},
                    {"type": "document", "title": "Law", "source": {"type": "base64", "media_type": "application/pdf",
                                                                    "data": data}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"}},
                    {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
                ],
            }
        ]
    )  # fmt: skip
    for words in (
        "[image/png, 9 kB]",
        "[image/jpeg, 9 kB]",
        "[image, https://h.example/cat.png]",
        "[application/pdf, Law, 9 kB]",
        "[application/pdf, a.pdf, 9 kB]",
        "[wav, 9 kB]",
    ):
        assert words in shown
    assert "QUJDQUJD" not in shown


def test_thinking_is_folded_and_results_are_shortened_and_their_errors_marked() -> None:
    thought, result = "First thought.\n" + "more\n" * 500, "line\n" * 1_000
    shown = ask(
        max_tokens=5,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": thought, "signature": "abc"},
                    {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls\nps"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t1", "content": result, "is_error": True}],
            },
        ],
    )
    assert f"thinking ({len(thought):,} characters, signed): First thought." in shown
    assert '"command": "ls\\nps"' in shown
    assert f"← result of t1 (it failed), {len(result):,} characters" in shown
    assert shown.count("line") < 20
    assert "thinking enabled 1024" in shown.splitlines()[0]


def test_of_a_long_history_the_last_turns_are_whole_and_the_others_a_line_a_part() -> None:
    turns = [{"role": "user", "content": f"question {n}\nits second line {n}"} for n in range(WHOLE + 5)]
    shown = ask(messages=turns)
    assert "its second line 5" in shown.split("question 5")[1]
    first = next(line for line in shown.splitlines() if "question 4" in line)
    assert first.startswith("5 user")
    assert "its second line 4" in first
    assert "the first 5 turns" in shown


def test_of_a_history_that_is_longer_than_a_page_the_last_turns_come_first() -> None:
    turns = [{"role": "user", "content": f"question {n}"} for n in range(AT_ONCE)]
    lines = ask(messages=turns).splitlines()
    place = lines.index(f"{AT_ONCE} user")
    assert lines[place + 1].strip() == f"question {AT_ONCE - 1}"
    assert place < 100
    below = [line for line in lines[place:] if "question 0" in line]
    assert [line.split()[:2] for line in below] == [["1", "user"]]
    assert sum(line.count("question") for line in lines) == AT_ONCE, "each once"


def test_turns_that_are_long_leave_room_for_the_last_one() -> None:
    turns = [{"role": "user", "content": "\n".join(f"{n} {line}" for line in range(100))} for n in range(WHOLE)]
    lines = ask(messages=turns).splitlines()
    assert len(lines) < AT_ONCE
    assert lines[-1].strip() == f"{WHOLE - 1} 99"
    assert [line for line in lines if line.startswith("1 user  ")]


def test_the_last_turn_is_whole_whatever_it_takes() -> None:
    parts = [{"type": "text", "text": "\n".join(f"{n} {line}" for line in range(100))} for n in range(4)]
    shown = ask(messages=[{"role": "user", "content": "before"}, {"role": "user", "content": parts}])
    assert "1 user  before" in shown
    assert "3 99" in shown


def test_a_large_body_is_shortened_early() -> None:
    turns = [{"role": "user", "content": "word " * 20_000} for _ in range(20)]
    assert len(ask(messages=turns)) < 20 * 9_000


def event(document: object, name: str | None = None) -> bytes:
    head = b"event: %s\n" % name.encode() if name else b""
    return head + b"data: %s\n\n" % json.dumps(document).encode()


def test_a_stream_that_breaks_off_shows_what_there_is_and_where_it_ends() -> None:
    chunks = [event({"choices": [{"index": 0, "delta": {"content": word}}]}) for word in ("One ", "two ", "three")]
    shown = conversation(b"".join(chunks), asks=False)
    assert "One two three" in shown
    assert "cut: the stream breaks off behind event 3, without an end" in shown
    shown = conversation(b"".join(chunks)[:-9], asks=False)
    assert "One two" in shown
    assert "three" not in shown
    assert "cut: the stream breaks off inside event 3" in shown
    ended = conversation(b"".join([*chunks, b"data: [DONE]\n\n"]), asks=False)
    assert "cut:" not in ended


def test_a_json_string_with_what_a_terminal_acts_on_is_shown_as_escapes() -> None:
    shown = ask(messages=[{"role": "user", "content": "a\x1b[31mred\u202eback \ud800"}])
    assert "\\x1b[31mred\\u202eback \\ud800" in shown


def test_a_frame_of_the_server_is_one_event_and_a_clients_a_request() -> None:
    shown = frame(json.dumps({"type": "response.output_text.delta", "delta": "Hel"}).encode(), from_client=False)
    assert shown.splitlines() == ["response.output_text.delta", "  Hel"]
    create = {"type": "response.create", "response": {"model": "gpt-x", "input": "Say it."}}
    shown = frame(json.dumps(create).encode(), from_client=True)
    assert shown.startswith("response.create\nresponses · gpt-x")
    assert "Say it." in shown
    done = {
        "type": "response.completed",
        "response": {
            "id": "r",
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}],
            "usage": {"input_tokens": 1200, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 5}},
        },
    }
    shown = frame(json.dumps(done).encode(), from_client=False)
    assert "  Yes." in shown
    assert "usage: 1,200 in, 7 out (5 reasoning)" in shown
