"""The usage of a stream is asked for in the place of clients that do not, where someone said so."""

from __future__ import annotations

import json

import pytest

from tests.quirks.fields_kit import draft_of, mended
from tests.quirks.refusals_usage_request import REFUSALS
from wiremend.headers import Headers
from wiremend.quirks import AUTO, Setting, chosen
from wiremend.quirks.base import Scope

NAME = "usage-not-requested"


@pytest.mark.parametrize(
    ("before", "after"),
    (
        (b'{"stream":true, "n":1}', b'{"stream":true, "n":1,"stream_options":{"include_usage":true}}'),
        (b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options":{"x" : 1},"stream":true}',
            b'{"stream_options":{"x" : 1,"include_usage":true},"stream":true}',
        ),
    ),
)
def test_it_is_asked_for(before: bytes, after: bytes) -> None:
    assert REFUSALS[NAME](json.loads(before), Headers()) is not None
    assert mended(NAME, before) == after
    assert REFUSALS[NAME](json.loads(after), Headers()) is None


@pytest.mark.parametrize(
    "body",
    (
        b'{"stream":false}',
        b'{"messages":[]}',
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":true,"stream_options":{"include_usage":false}}',
        b'{"stream":true,"stream_options":7}',
        b'{"stream":"true"}',
    ),
)
def test_it_is_not_asked_for(body: bytes) -> None:
    assert mended(NAME, body) is body


@pytest.mark.parametrize("client", ("gpt-pilot", "AnythingLLM", "anythingllm-desktop"))
def test_clients_that_crash_on_the_chunk_never_get_it(client: str) -> None:
    body = b'{"stream":true}'
    assert draft_of(NAME, body, Scope(wire="chat", client=client)).body() is body


def test_nobody_has_it_by_itself() -> None:
    where = Scope(wire="chat", host="api.openai.com", client="opencode", model="gpt-5.6")
    assert NAME not in [quirk.name for quirk in chosen(AUTO, where)]
    assert NAME in [quirk.name for quirk in chosen(Setting(on=(NAME,)), where)]
