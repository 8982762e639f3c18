"""Contents: rows of refused requests, and how they are accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.refusals_content import REFUSALS
from tests.quirks.request_kit import CHAT_BODIES, RESPONSES_BODIES, WORDS, Row, check_any, check_row, json_values, run
from wiremend.quirks.base import Scope, WireName
from wiremend.quirks.surrogates import mend_surrogates

IMAGE = '{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBOR"}}'
OMITTED = "[image omitted: model has no vision]"
ROWS = {
    "a result of parts": Row(
        "tool-content-must-be-string",
        "chat",
        '{"messages":[{"role":"tool","tool_call_id":"c1", "content":[{"type":"text","text":"o"},'
        '{"type":"text","text":"k"}]},{"role":"user","content":"x"}]}',
        '{"messages":[{"role":"tool","tool_call_id":"c1", "content":"o\\nk"},{"role":"user","content":"x"}]}',
        host="api.xiaomimimo.com",
    ),
    "a result with an image, as the catalogue has it": Row(
        "tool-content-must-be-string",
        "chat",
        f'{{"messages":[{{"role":"tool","tool_call_id":"c1","content":[{{"type":"text","text":"ok"}},{IMAGE}]}}]}}',
        f'{{"messages":[{{"role":"tool","tool_call_id":"c1","content":"ok"}},{{"role":"user","content":[{IMAGE}]}}]}}',
    ),
    "an image waits for the results of the other calls": Row(
        "tool-content-must-be-string",
        "chat",
        f'{{"messages":[{{"role":"tool","tool_call_id":"c1","content":[{IMAGE}]}},'
        '{"role":"tool","tool_call_id":"c2","content":"r"},{"role":"assistant","content":"a"}]}',
        '{"messages":[{"role":"tool","tool_call_id":"c1","content":""},'
        '{"role":"tool","tool_call_id":"c2","content":"r"},'
        f'{{"role":"user","content":[{IMAGE}]}},{{"role":"assistant","content":"a"}}]}}',
    ),
    "an output of parts": Row(
        "tool-content-must-be-string",
        "responses",
        '{"input":[{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"ok"},'
        '{"type":"input_image","image_url":"data:x"}]}]}',
        '{"input":[{"type":"function_call_output","call_id":"c1","output":"ok"},'
        '{"type":"message","role":"user","content":[{"type":"input_image","image_url":"data:x"}]}]}',
    ),
    "a part that is no text": Row(
        "tool-content-must-be-string",
        "chat",
        '{"messages":[{"role":"tool","tool_call_id":"c1","content":[{"type":"file","id":"f"}]}]}',
        '{"messages":[{"role":"tool","tool_call_id":"c1","content":""}]}',
        kinds=("lost",),
    ),
    "empty texts beside calls": Row(
        "assistant-empty-text",
        "chat",
        '{"messages":[{"role":"assistant","content":[{"type":"text","text":""}],"tool_calls":[{"id":"c1"}]}]}',
        '{"messages":[{"role":"assistant","tool_calls":[{"id":"c1"}]}]}',
    ),
    "an empty text among others": Row(
        "assistant-empty-text",
        "chat",
        '{"messages":[{"role":"assistant","content":[{"type":"text","text":" \\n"},{"type":"text","text":"a" }]}]}',
        '{"messages":[{"role":"assistant","content":[{"type":"text","text":"a" }]}]}',
    ),
    "an assistant that says nothing": Row(
        "assistant-empty-text",
        "chat",
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":""}]}]}',
        '{"messages":[{"role":"user","content":"a"}]}',
    ),
    "null beside calls": Row(
        "assistant-null-content",
        "chat",
        '{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c1"}]}]}',
        '{"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"c1"}]}]}',
    ),
    "null beside nothing": Row(
        "assistant-null-content",
        "chat",
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[]}]}',
        '{"messages":[{"role":"user","content":"a"}]}',
    ),
    "an image of the user's": Row(
        "image-unsupported",
        "chat",
        f'{{"messages":[{{"role":"user","content":[{{"type":"text", "text":"see"}},{IMAGE}]}}]}}',
        '{"messages":[{"role":"user","content":[{"type":"text", "text":"see"},'
        f'{{"type":"text","text":"{OMITTED}"}}]}}]}}',
        kinds=("lost",),
    ),
    "an image in a result": Row(
        "image-unsupported",
        "messages",
        '{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":['
        '{"type":"image","source":{"type":"base64","data":"iVBOR"}}]}]}]}',
        '{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":['
        f'{{"type":"text","text":"{OMITTED}"}}]}}]}}]}}',
        kinds=("lost",),
    ),
    "an image of an output": Row(
        "image-unsupported",
        "responses",
        '{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:x"}]},'
        '{"type":"function_call_output","call_id":"c1","output":[{"type":"input_image","image_url":"data:x"}]}]}',
        f'{{"input":[{{"role":"user","content":[{{"type":"input_text","text":"{OMITTED}"}}]}},'
        f'{{"type":"function_call_output","call_id":"c1","output":[{{"type":"input_text","text":"{OMITTED}"}}]}}]}}',
        kinds=("lost",),
    ),
    "half a pair": Row(
        "lone-surrogates",
        "chat",
        '{"messages":[{"role":"user","content":"cut \\ud83d"},{"role":"user","content":"\\ud83d\\ude00"}]}',
        '{"messages":[{"role":"user","content":"cut \ufffd"},{"role":"user","content":"\\ud83d\\ude00"}]}',
    ),
    "half a pair in a name": Row(
        "lone-surrogates",
        "messages",
        '{"a":{"\\udc00x":1,"y":"\\ud800"},"b": 1.0}',
        '{"a":{"\ufffdx":1,"y":"\ufffd"},"b": 1.0}',
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_refused_is_accepted_after(row: Row) -> None:
    check_row(row, REFUSALS)


@pytest.mark.parametrize(("host", "changed"), (("api.kimi.com", True), ("api.openai.com", False), ("xkimi.com", False)))
def test_an_empty_text_that_is_the_content_goes_at_kimi_only(host: str, changed: bool) -> None:  # noqa: FBT001 - a column
    body = '{"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"c1"}]}]}'
    left = run("assistant-empty-text", Scope("chat", host=host), body).body().decode()
    assert left == ('{"messages":[{"role":"assistant","tool_calls":[{"id":"c1"}]}]}' if changed else body)


@pytest.mark.parametrize("beside", ('"reasoning_content":"why"', '"refusal":"no"', '"audio":{"id":"a"}'))
def test_an_assistant_that_says_something_else_stays(beside: str) -> None:
    body = f'{{"messages":[{{"role":"user"}},{{"role":"assistant","content":[{{"type":"text","text":""}}],{beside}}}]}}'
    assert run("assistant-empty-text", Scope("chat"), body).notes == []


def test_images_towards_anthropic_stay() -> None:
    body = '{"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}'
    assert run("image-unsupported", Scope("messages", host="api.anthropic.com"), body).notes == []


# --- surrogates on the bytes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    (
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00x"', rb'"\ufffdx"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ud83d\n"', rb'"\ufffd\n"'),
        (b'"\xed\xa0\xbd"', b'"\xef\xbf\xbd"'),
        (b'"\xed\xa0\xbd\xed\xb8\x80"', '"\U0001f600"'.encode()),
    ),
)
def test_half_a_pair_is_replaced_on_the_bytes(before: bytes, after: bytes) -> None:
    assert mend_surrogates(before) == after


@pytest.mark.parametrize(
    "whole", (rb'"\\ud83d"', rb'"\\\\ud83d"', rb'"\ud83d\ude00"', '"\ud7ff\U0001f600"'.encode(), b"")
)
def test_what_is_whole_stays(whole: bytes) -> None:
    assert mend_surrogates(whole) is None


@given(st.text(st.characters(categories=("Cs", "Lu")) | st.sampled_from('\\u"d83\n'), max_size=12), st.booleans())
def test_after_mending_a_text_reads_as_python_reads_it_with_halves_replaced(text: str, escaped: bool) -> None:  # noqa: FBT001 - drawn
    body = json.dumps(text, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    left = body if (mended := mend_surrogates(body)) is None else mended
    # UTF-16 joins the halves that belong together, and Python then replaces the others.
    wanted = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(left.decode()) == wanted


@given(
    st.binary(max_size=30)
    | st.lists(st.sampled_from((b"\\", b"u", b"d8", b"3d", b"\xed", b"\xa0", b"\x80"))).map(b"".join)
)
def test_any_bytes_go_through_once(body: bytes) -> None:
    mended = mend_surrogates(body)
    assert mended is None or mend_surrogates(mended) is None


# --- anything ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ("llm.example", "api.kimi.com"))
@pytest.mark.parametrize("name", REFUSALS)
@given(body=CHAT_BODIES)
def test_any_body_goes_through(host: str, name: str, body: Any) -> None:  # noqa: ANN401 - any JSON
    wire: WireName = "messages" if name == "image-unsupported" else "chat"
    check_any(name, Scope(wire, host=host), body)


@pytest.mark.parametrize("name", ("tool-content-must-be-string", "image-unsupported", "lone-surrogates"))
@given(body=RESPONSES_BODIES | json_values((*WORDS, "\ud83d")))
def test_any_input_goes_through(name: str, body: Any) -> None:  # noqa: ANN401 - any JSON
    check_any(name, Scope("responses"), body)
