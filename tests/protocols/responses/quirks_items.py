"""The rows about items and parts: what begins and ends, ids and indexes. See the table's other half in ``quirks``."""

from __future__ import annotations

from typing import Final

from tests.protocols.responses.kit import (
    DROP,
    call,
    change,
    custom,
    insert,
    message,
    refusal,
    search,
    stranger,
    stream,
    streamed,
    whole,
    without,
)
from tests.protocols.responses.quirks import (
    AI,
    CALL,
    CODEX,
    ENDS,
    FRAMING,
    NODE,
    OLD_PY,
    PY,
    RESPONSE,
    TEXT,
    THOUGHT,
    TWO,
    Row,
    alone,
    every,
)

_SHOWN: Final = "@ai-sdk/openai 3.0.141 (source: what it shows of a call on its way are the pieces)"
_ONLY_DELTAS: Final = [TEXT[0], TEXT[3], TEXT[4], TEXT[8]]
_ALL_ZERO: Final = [TWO[0], *streamed(message("Hello there"), 0), *streamed(call(), 0), TWO[-1]]
_FROM_ONE: Final = [CALL[0], *streamed(call(), 1), CALL[-1]]
_TWICE: Final = stream(call(), call("g") | {"id": "fc_2"})
_NAMESAKES: Final = stream(message("Hello there"), message("bye"))

SCAFFOLD: Final = (
    Row(
        "138 no output_item.done",
        without(TEXT, 8),
        alone("item.done-missing", 8, "/response/output/0"),
        CODEX,
    ),
    Row("138 nor of a call", without(CALL, 6), alone("item.done-missing", 6, "/response/output/0"), CODEX),
    Row(
        "138 only deltas and the end",
        _ONLY_DELTAS,
        {
            ("item.not-added", 2, "/output_index"),
            ("part.not-added", 2, "/content_index"),
            ("item.done-missing", 4, "/response/output/0"),
        },
        PY,
    ),
    Row(
        "138 only the end",
        [TEXT[0], TEXT[8]],
        alone("item.not-added", 2, "/response/output/0"),
        CODEX,
    ),
    Row(
        "139 no created: an id must be invented, and the true one comes late",
        without(TEXT, 1),
        {("stream.created-missing", 1, ""), ("response.id-changed", 8, "/response/id")},
        PY,
    ),
    Row(
        "139 in_progress in its place: the id is known",
        [whole("in_progress"), *TEXT[1:]],
        alone("stream.created-missing", 1),
        PY,
    ),
    Row("139 no created, completed at once", [whole("completed")], alone("stream.created-missing", 1), PY),
    Row("139 no output_item.added", without(CALL, 2), alone("item.not-added", 2, "/output_index"), PY),
    Row(
        "139 no output_item.added before its part",
        without(TEXT, 2),
        alone("item.not-added", 2, "/output_index"),
        PY,
    ),
    Row("139 no content_part.added", without(TEXT, 3), alone("part.not-added", 3, "/content_index"), PY),
    Row("139 no summary_part.added", without(THOUGHT, 3), alone("part.not-added", 3, "/summary_index"), NODE),
    Row(
        "139 only output_item.done, which is all that Codex needs",
        [TEXT[0], TEXT[7], TEXT[8]],
        alone("item.not-added", 2, "/output_index"),
        NODE,
    ),
    Row(
        "139 deltas after the item's end",
        insert(without(TEXT, 5), 8, TEXT[4]),
        {("part.delta-missing", 5, "/text"), ("item.after-done", 8, "/item_id")},
        AI,
    ),
    Row(
        "a call that ends twice",
        insert(CALL, 7, CALL[5]),
        alone("item.after-done", 7, "/item/id"),
        AI,
    ),
    Row("an item that begins twice", insert(TEXT, 3, TEXT[1]), alone("item.added-again", 3), PY),
    Row("a part that begins twice", insert(TEXT, 4, TEXT[2]), alone("part.added-again", 4, "/content_index"), NODE),
)

DELTAS: Final = (
    Row("no delta, only output_text.done", without(TEXT, 4, 5), alone("part.delta-missing", 4, "/text"), AI),
    Row("no delta, only content_part.done", without(TEXT, 4, 5, 6), alone("part.delta-missing", 4, "/part/text"), AI),
    Row(
        "no delta, only output_item.done",
        without(TEXT, 4, 5, 6, 7),
        alone("part.delta-missing", 4, "/item/content/0/text"),
        AI,
    ),
    Row(
        "no part, only output_item.done",
        without(TEXT, 3, 4, 5, 6, 7),
        alone("part.delta-missing", 3, "/item/content/0/text"),
        AI,
    ),
    Row("the last delta is lacking", without(TEXT, 5), alone("part.delta-missing", 5, "/text"), AI),
    Row(
        "no delta of a refusal",
        without(stream(refusal("never")), 4, 5),
        alone("part.delta-missing", 4, "/refusal"),
        AI,
    ),
    Row("no delta of a summary", without(THOUGHT, 4, 5), alone("part.delta-missing", 4, "/text"), AI),
    Row(
        "no summary but in output_item.done",
        without(THOUGHT, *range(3, 13)),
        {("part.delta-missing", 8, f"/item/summary/{at}/text") for at in (0, 1)},
        AI,
    ),
    Row("no delta of a call", without(CALL, 3, 4), alone("part.delta-missing", 3, "/arguments"), _SHOWN),
    Row(
        "no delta of a call, nor its whole arguments",
        without(CALL, 3, 4, 5),
        alone("part.delta-missing", 3, "/item/arguments"),
        _SHOWN,
    ),
)

IDENTITY: Final = (
    Row(
        "140 each event another item_id",
        change(TEXT, {number: {"/item_id": f"x{number}"} for number in (3, 4, 5)}),
        {("item.id-changed", number, "/item_id") for number in (3, 4, 5)},
        NODE,
    ),
    Row(
        "140 another id at the end",
        change(TEXT, {8: {"/item/id": "msg_2"}}),
        alone("item.id-changed", 8, "/item/id"),
        PY,
    ),
    Row(
        "140 another id in the completed response",
        change(without(TEXT, 8), {8: {"/response/output/0/id": "msg_2"}}),
        {("item.id-changed", 8, "/response/output/0/id"), ("item.done-missing", 8, "/response/output/0")},
        PY,
    ),
    Row(
        "141 no item.id",
        every(CALL, "/item/id", DROP, 2),
        {
            ("item.id-missing", 2, "/item/id"),
            *(("item.id-changed", number, "/item_id") for number in (3, 4, 5)),
            ("item.id-changed", 6, "/item/id"),
            ("item.id-changed", 7, "/response/output/0/id"),
        },
        AI,
    ),
    Row("141 no item_id", every(TEXT, "/item_id", DROP, 4), alone("item.id-missing", 4, "/item_id"), NODE),
    Row("141 empty item_id", every(TEXT, "/item_id", "", 4), alone("item.id-missing", 4, "/item_id"), NODE),
    Row(
        "141 no call_id until the end",
        every(CALL, "/item/call_id", DROP, 2),
        {
            ("item.call-id-missing", 2, "/item/call_id"),
            ("item.call-id-changed", 6, "/item/call_id"),
            ("item.call-id-changed", 7, "/response/output/0/call_id"),
        },
        PY,
    ),
    Row(
        "a call_id of another type, by which openai-python looks up the item",
        every(stream(stranger()), "/item/call_id", [], 2),
        {("item.call-id-missing", 2, "/item/call_id")},
        PY,
    ),
    Row(
        "another call_id at the end",
        every(CALL, "/item/call_id", "call_2", 6),
        alone("item.call-id-changed", 6, "/item/call_id"),
        PY,
    ),
    Row("141 no name", every(CALL, "/item/name", DROP, 6), alone("item.name-missing", 6, "/item/name"), AI),
    Row(
        "141 arguments null",
        every(CALL, "/item/arguments", None, 2),
        alone("item.arguments-invalid", 2, "/item/arguments"),
        PY,
    ),
    Row(
        "141 input missing",
        every(stream(custom()), "/item/input", DROP, 6),
        alone("item.arguments-invalid", 6, "/item/input"),
        AI,
    ),
    Row(
        "141 no content",
        every(TEXT, "/item/content", None, 2),
        alone("item.content-invalid", 2, "/item/content"),
        PY,
    ),
    Row(
        "141 no summary",
        every(THOUGHT, "/item/summary", DROP, 2),
        alone("item.content-invalid", 2, "/item/summary"),
        NODE,
    ),
    Row("141 no status", every(CALL, "/item/status", DROP, 6), alone("item.status-missing", 6, "/item/status"), AI),
    Row(
        "141 no status of a search",
        every(stream(search()), "/item/status", None, 2),
        alone("item.status-missing", 2, "/item/status"),
        AI,
    ),
    Row("no role", every(TEXT, "/item/role", DROP, 8), alone("item.role-invalid", 8, "/item/role"), "Codex (source)"),
    Row(
        "an item of no type",
        every(TEXT, "/item/type", DROP, 8),
        alone("item.type-missing", 8, "/item/type"),
        PY,
    ),
    Row(
        "an item of another type at its end",
        every(TEXT, "/item", stranger("msg_1"), 8),
        alone("item.type-changed", 8, "/item/type"),
        PY,
    ),
    Row(
        "no item",
        every(TEXT, "/item", None, 8),
        alone("item.missing", 8, "/item"),
        PY,
    ),
    Row(
        "two items of one id",
        _NAMESAKES,
        {
            ("item.id-repeated", 9, "/item/id"),
            *(("item.id-changed", number, "/item_id") for number in (10, 11, 12, 13, 14)),
            ("item.id-changed", 15, "/item/id"),
            ("item.id-repeated", 16, "/response/output/1/id"),
            ("response.output-short", 16, "/response/output"),
        },
        PY,
    ),
    Row(
        "33 two calls of one call_id",
        _TWICE,
        {
            ("item.call-id-repeated", 7, "/item/call_id"),
            ("item.call-id-changed", 11, "/item/call_id"),
            ("item.call-id-changed", 12, "/response/output/1/call_id"),
        },
        PY,
    ),
)

INDEXES: Final = (
    Row(
        "142 no output_index",
        every(TEXT, "/output_index", DROP, 4),
        alone("item.index-missing", 4, "/output_index"),
        PY,
    ),
    Row(
        "142 none at all",
        every(TEXT, "/output_index", DROP, 2, 3, 4, 5, 6, 7, 8),
        {("item.index-missing", number, "/output_index") for number in (2, 3, 4, 5, 6, 7, 8)},
        AI,
    ),
    Row(
        "142 all 0",
        _ALL_ZERO,
        {
            ("item.index-repeated", 9, "/output_index"),
            *(("item.index-wrong", number, "/output_index") for number in (10, 11, 12, 13)),
        },
        PY,
    ),
    Row(
        "142 not from 0",
        _FROM_ONE,
        {("item.index-wrong", number, "/output_index") for number in (2, 3, 4, 5, 6)},
        OLD_PY,
    ),
    Row("142 as text", every(TEXT, "/output_index", "0", 4), alone("item.index-missing", 4, "/output_index"), PY),
    Row(
        "an event of another type of item",
        insert(TEXT, 5, *change(CALL, {3: {"/item_id": "msg_1"}})[2:3]),
        alone("item.type-mismatch", 5, "/output_index"),
        PY,
    ),
    Row(
        "no content_index",
        every(TEXT, "/content_index", DROP, 4),
        alone("part.index-missing", 4, "/content_index"),
        PY,
    ),
    Row(
        "no content_index where the part begins",
        every(TEXT, "/content_index", DROP, 3),
        alone("part.index-missing", 3, "/content_index"),
        NODE,
    ),
    Row(
        "content_index from 1",
        every(TEXT, "/content_index", 1, 3, 4, 5, 6, 7),
        {("part.index-wrong", number, "/content_index") for number in (3, 4, 5, 6, 7)},
        PY,
    ),
    Row(
        "text in a refusal",
        insert(stream(refusal("never")), 5, TEXT[3]),
        alone("part.type-mismatch", 5, "/content_index"),
        PY,
    ),
    Row("no part", every(TEXT, "/part", DROP, 3), {("part.missing", 3, "/part")}, PY),
    Row(
        "a part of no type",
        every(TEXT, "/part/type", DROP, 3),
        alone("part.type-missing", 3, "/part/type"),
        PY,
    ),
    Row("a part's text is null", every(TEXT, "/part/text", None, 3), alone("part.text-invalid", 3, "/part/text"), PY),
    Row(
        "a part's text is null at the item's end",
        every(TEXT, "/item/content/0/text", None, 8),
        alone("part.text-invalid", 8, "/item/content/0/text"),
        "Codex (source)",
    ),
    Row("a delta is null", every(TEXT, "/delta", None, 4), alone("delta.not-text", 4, "/delta"), PY),
    Row("arguments as an object", every(CALL, "/delta", {"a": 1}, 3), alone("delta.not-text", 3, "/delta"), PY),
    Row("whole arguments as an object", every(CALL, "/arguments", {}, 5), alone("delta.not-text", 5, "/arguments"), AI),
)

ROWS: Final = (*FRAMING, *ENDS, *RESPONSE, *SCAFFOLD, *DELTAS, *IDENTITY, *INDEXES)
