"""Whole bodies: what the contract says of a reply that does not stream.

The oracles are openai-python (``response.output_text`` and the items) and the schema of @ai-sdk/openai, by which
OpenCode reads a body.
"""

from __future__ import annotations

import json

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.responses.kit import (
    Json,
    message,
    refusal,
    response,
    stranger,
)
from tests.protocols.responses.quirks_body import FULL, ROWS, Row
from wiremend.protocols.responses.contract import check_body


def codes(body: bytes) -> set[tuple[str, str]]:
    found = check_body(body)
    assert all(one.event == 0 and one.message for one in found)
    return {(one.code.removeprefix("responses."), one.pointer) for one in found}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_way_to_be_wrong_is_told(row: Row) -> None:
    assert codes(row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()) == row.told


@pytest.mark.parametrize(
    "body",
    (
        FULL,
        response("completed", [refusal("no"), stranger()]),
        response("in_progress"),
        response("queued"),
        response("incomplete", [message("cut")], incomplete_details={"reason": "max_output_tokens"}),
        FULL | {"vendor": [1]},
    ),
)
def test_a_legal_body_has_no_violation_and_openai_python_reads_it(body: Json) -> None:
    assert check_body(json.dumps(body).encode()) == []
    read = openai.types.responses.Response.construct(**body)
    said = [
        part["text"] for item in body["output"] for part in item.get("content", ()) if part["type"] == "output_text"
    ]
    assert read.output_text == "".join(said)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["id", "output", "type", "usage", "error", "message", "choices", "object", "content"]),
                x,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_raises(body: bytes) -> None:
    check_body(body)
