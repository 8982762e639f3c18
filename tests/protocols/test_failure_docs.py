"""Each row of docs/errors.md is what the code does: the page is the table of expectations, written by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

from wiremend.protocols import chat, messages, responses
from wiremend.protocols.base import ErrorKind
from wiremend.protocols.chat import errors as chat_errors
from wiremend.protocols.failure import Failure, failure_of_body
from wiremend.protocols.messages import errors as messages_errors
from wiremend.protocols.responses import errors as responses_errors
from wiremend.sse import EventParser

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")


class Row(NamedTuple):
    """A row of the page's first table."""

    provider: str
    status: str
    body: str
    kind: str
    answered: str
    final: str
    messages: str
    chat: str
    responses: str

    def failure(self) -> Failure:
        """Read the row's body as it would come."""
        text = "" if self.body == "(empty)" else self.body.removeprefix("`").removesuffix("`")
        kind = "text/html" if text.startswith("<") else "application/json"
        return failure_of_body(text.encode(), int(self.status), kind)


def rows() -> list[Row]:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| [^|]+ \| \d{3} \|", line)]
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


ROWS = rows()
IDS = [f"{row.provider}-{row.status}-{row.kind}" for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_row_says_what_is_read(row: Row) -> None:
    failure = row.failure()
    assert failure.kind == row.kind
    assert failure.status == int(row.answered)
    assert failure.final is (row.final == "yes")


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_row_says_what_the_messages_wire_gets(row: Row) -> None:
    failure = row.failure()
    body = json.loads(messages.WIRE.error_body(failure.status, failure.kind, messages_errors.said(failure)))
    assert body["error"]["type"] == row.messages
    assert body["error"]["message"].startswith("prompt is too long") is (row.kind == "context_length")


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_row_says_what_the_chat_wire_gets(row: Row) -> None:
    failure = row.failure()
    error = json.loads(chat.WIRE.error_body(failure.status, failure.kind, chat_errors.said(failure)))["error"]
    assert ", ".join(filter(None, (error["type"], error["code"]))) == row.chat
    phrase = "maximum context length" in error["message"] or "exceeds the context window" in error["message"]
    assert phrase is (row.kind == "context_length")


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_row_says_what_the_responses_wire_gets(row: Row) -> None:
    failure = row.failure()
    (event,) = EventParser().feed(responses.WIRE.error_event(responses_errors.said(failure), "resp_1", 0, failure.kind))
    assert json.loads(event.data or b"")["response"]["error"]["code"] == row.responses


def test_every_kind_of_a_provider_is_on_the_page() -> None:
    ours = {"loop", "internal"}
    assert {row.kind for row in ROWS} == set(get_args(ErrorKind.__value__)) - ours
    assert len(ROWS) >= 40
