"""protocols/responses/encoder.py: what each kind of part is on the wire."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.protocols.responses.encode_kit import CALL, OWN, check, items, marked, part, reply, written
from tests.protocols.responses.mend_kit import ended_items
from wiremend.protocols.codec import Bridge

if TYPE_CHECKING:
    from tests.protocols.responses.kit import Json
    from wiremend.events import DeltaKind, Event, PartKind

# --- the kinds of parts -----------------------------------------------------------------------------------------------


def test_a_refusal_is_a_part_of_its_own_kind() -> None:
    (item,) = items(part(0, "refusal", ("refusal", "n"), ("refusal", "o")))
    assert item["content"] == [{"type": "refusal", "refusal": "no"}]


def test_reasoning_is_an_item_with_one_summary() -> None:
    raw, _ = written(reply(part(0, "thinking", ("thinking", "a"), ("thinking", "b"), id="rs_1")))
    given = check(raw)
    where = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    summary = {"type": "summary_text", "text": "ab"}
    expected: list[Json] = [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"id": "rs_1", "type": "reasoning", "summary": []},
        },
        {"type": "response.reasoning_summary_part.added", **where, "part": summary | {"text": ""}},
        {"type": "response.reasoning_summary_text.delta", **where, "delta": "a"},
        {"type": "response.reasoning_summary_text.delta", **where, "delta": "b"},
        {"type": "response.reasoning_summary_text.done", **where, "text": "ab"},
        {"type": "response.reasoning_summary_part.done", **where, "part": summary},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"id": "rs_1", "type": "reasoning", "summary": [summary]},
        },
    ]
    assert given[2:-1] == [event | {"sequence_number": number} for number, event in enumerate(expected, 2)]


def opened(envelope: str) -> Json:
    """Read an envelope as its documentation says it is written."""
    assert envelope.startswith("wiremend1.")
    sealed = envelope.removeprefix("wiremend1.")
    inside: Json = json.loads(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
    return inside


THOUGHT: Final[tuple[DeltaKind, str]] = ("thinking", "hm")


@pytest.mark.parametrize(
    ("kind", "pieces", "extra", "contents"),
    (
        ("thinking", [THOUGHT, ("signature", "sig")], marked("messages"), {"signature": "sig"}),
        ("thinking", [("signature", "sig")], marked("messages"), {"signature": "sig"}),
        ("redacted", [("encrypted", "data")], marked("messages"), {"data": "data"}),
        ("thinking", [THOUGHT, ("signature", "s")], marked("chat", format="f"), {"format": "f", "signature": "s"}),
        ("redacted", [("encrypted", "d")], marked("chat"), {"data": "d"}),
        ("thinking", [THOUGHT], marked("chat"), {}),  # what Kimi and DeepSeek want back, which AI SDK would drop
        ("thinking", [THOUGHT], marked("messages"), {}),
    ),
)
def test_reasoning_of_another_wire_comes_back_in_an_envelope(
    kind: PartKind, pieces: list[tuple[DeltaKind, str]], extra: str, contents: dict[str, str]
) -> None:
    (item,) = items(part(0, kind, *pieces, extra=extra))
    assert item["summary"] == ([{"type": "summary_text", "text": "hm"}] if THOUGHT in pieces else [])
    inside = opened(item["encrypted_content"])
    assert inside == {"wire": json.loads(extra)["wire"], "contents": contents}


def test_reasoning_of_this_wire_is_as_it_was() -> None:
    assert items(
        part(0, "thinking", THOUGHT, ("encrypted", "gAAA"), id="rs_1", extra=marked("responses", field="content")),
        part(1, "redacted", ("encrypted", "gAAB"), id="rs_2", extra=marked("responses")),
    ) == [
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "gAAB"},
    ]


@pytest.mark.parametrize("extra", ("", "{}", "[", '{"wire":"else"}', '{"wire":1}'))
def test_a_proof_that_is_nobodys_is_lost_and_told(extra: str) -> None:
    raw, encoder = written(reply(part(0, "thinking", THOUGHT, ("signature", "sig"), extra=extra)))
    assert "encrypted_content" not in ended_items(raw)[0]
    assert [mend.code for mend in encoder.mends] == ["responses.proof"]


def test_a_call_has_an_id_of_its_own_and_the_hubs_for_its_result() -> None:
    (item,) = items(CALL)
    assert item.pop("id").startswith("fc_")
    assert item == {
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "f",
        "arguments": '{"a":1}',
    }
    (item,) = items(part(0, "custom_tool_use", ("input", "*** Begin"), ("input", " Patch"), id="c", name="apply_patch"))
    assert item.pop("id").startswith("ctc_")
    assert item == {
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c",
        "name": "apply_patch",
        "input": "*** Begin Patch",
    }


def test_a_call_without_arguments_has_an_empty_object_and_streams_it() -> None:
    raw, _ = written(reply(part(0, "tool_use", id="c", name="f")))
    given = check(raw)
    assert [event["delta"] for event in given if event["type"].endswith(".delta")] == ["{}"]
    assert ended_items(raw)[0]["arguments"] == "{}"
    assert items(part(0, "custom_tool_use", id="c", name="f"))[0]["input"] == ""


def test_a_tool_of_a_namespace_is_called_by_both_names() -> None:
    bridges = {"mcp__read": Bridge("read", namespace="mcp")}
    (item,) = items(part(0, "tool_use", ("json", "{}"), id="c", name="mcp__read"), bridges=bridges)
    assert (item["name"], item["namespace"]) == ("read", "mcp")
    (item,) = items(part(0, "custom_tool_use", ("input", "x"), id="c", name="mcp__read"), bridges=bridges)
    assert (item["name"], item["namespace"]) == ("read", "mcp")


SHELL: Final = {"local_shell": Bridge("local_shell", "local_shell")}


def shell(arguments: str) -> list[Event]:
    half = len(arguments) // 2
    pieces: tuple[tuple[DeltaKind, str], ...] = (("json", arguments[:half]), ("json", arguments[half:]))
    return part(0, "tool_use", *pieces, id="call_1", name="local_shell")


def test_the_apis_own_shell_is_called_with_an_action() -> None:
    (item,) = items(shell('{"command":["ls","-l"],"timeout_ms":5,"working_directory":"/x"}'), bridges=SHELL)
    assert item.pop("id").startswith("lsh_")
    assert item == {
        "type": "local_shell_call",
        "status": "completed",
        "call_id": "call_1",
        "action": {
            "type": "exec",
            "command": ["ls", "-l"],
            "env": {},
            "timeout_ms": 5,
            "working_directory": "/x",
        },
    }
    assert items(shell('{"command":["ls"]}'))[0]["type"] == "function_call", "a tool that only has the name"


@pytest.mark.parametrize("arguments", ('{"command":"ls"}', "ls -l", "{}", '{"command":["ls"', "[]"))
def test_a_shell_call_that_tells_no_command_stays_one_that_the_client_can_answer(arguments: str) -> None:
    raw, encoder = written(reply(shell(arguments)), SHELL)
    check(raw)
    (item,) = ended_items(raw)
    assert (item["type"], item["call_id"], item["name"]) == ("function_call", "call_1", "local_shell")
    assert item["arguments"] == arguments
    assert [(mend.kind, mend.code) for mend in encoder.mends] == [("seen", "responses.item.action-invalid")]


def test_no_two_calls_or_items_have_one_id() -> None:
    same = [part(at, "tool_use", ("json", "{}"), id="c", name="f") for at in range(2)]
    texts = [part(at, "text", ("text", "x"), id="msg_1") for at in range(2, 4)]
    raw, encoder = written(reply(*same, *texts))
    check(raw)
    ids = [item.get("call_id") or item["id"] for item in ended_items(raw)]
    assert len(set(ids)) == 4
    assert (ids[0], ids[2]) == ("c", "msg_1")
    assert [(mend.kind, mend.code) for mend in encoder.mends] == [("invented", "responses.item.call-id-repeated")]


def test_opaque_items_are_written_if_they_are_of_this_wire() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
    assert items(part(0, "opaque", extra=json.dumps(item, indent=1))) == [item]
    for extra in ('{"type":"server_tool_use","id":"srvtoolu_1"}', "", "[", '{"type":"web_search_call"}'):
        raw, encoder = written(reply(part(0, "opaque", ("opaque", "{}"), extra=extra), part(1, "text", ("text", "a"))))
        check(raw)
        assert [one["type"] for one in ended_items(raw)] == ["message"]
        assert [mend.code for mend in encoder.mends] == ["responses.opaque"]


def test_an_opaque_item_whose_id_is_taken_is_lost() -> None:
    extra = '{"type":"mcp_list_tools","id":"mcpl_1","server_label":"s","tools":[]}'
    raw, encoder = written(reply(part(0, "opaque", extra=extra), part(1, "opaque", extra=extra)))
    check(raw)
    assert len(ended_items(raw)) == 1
    assert [mend.code for mend in encoder.mends] == ["responses.opaque"]


URL: Final = {"url": "https://example.com", "title": "t"}
WEB: Final = {"type": "web_search_result_location", **URL, "encrypted_index": "E", "cited_text": "x"}


@pytest.mark.parametrize(
    ("citation", "said", "told"),
    (
        *((note, note, []) for note in OWN),
        (OWN[0] | {"more": 1}, OWN[0], []),
        ({"type": "url_citation", "url_citation": URL | {"start_index": 0, "end_index": 2}}, OWN[0], []),
        ({"type": "url_citation", "url_citation": URL}, OWN[0], []),
        (WEB, OWN[0], ["responses.citation"]),
        (WEB | {"title": None}, OWN[0] | {"title": ""}, ["responses.citation"]),
        ({"type": "char_location", "cited_text": "x"}, None, ["responses.citation"]),
        ({"type": "url_citation"}, None, ["responses.citation"]),
        ("?", None, ["responses.citation"]),
    ),
)
def test_citations_are_annotations_that_every_client_reads(
    citation: object, said: Json | None, told: list[str]
) -> None:
    raw, encoder = written(reply(part(0, "text", ("text", "ab"), ("citation", json.dumps(citation)), ("text", "c"))))
    given = check(raw)
    added = [event for event in given if event["type"] == "response.output_text.annotation.added"]
    assert [(event["annotation_index"], event["annotation"]) for event in added] == (
        [] if said is None else [(0, said)]
    )
    assert ended_items(raw)[0]["content"][0]["annotations"] == ([] if said is None else [said])
    assert [mend.code for mend in encoder.mends] == told


def test_what_is_no_text_in_utf_8_is_written_as_what_is() -> None:
    raw, _ = written(reply(part(0, "text", ("text", "a\ud83d"), ("text", "\ude00é"), id="\ud83d")))
    check(raw)
    assert ended_items(raw)[0]["content"][0]["text"] == "a\ufffd\ufffdé"
