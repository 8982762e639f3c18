"""The long conversation of the bench says the same on each wire, and nothing of it is lost on the way."""

from __future__ import annotations

import json

import msgspec
import pytest

from bench.conversation import SHAPES, conversation, ratios
from tests.translate.asked import asked
from tests.translate.said import DIRECTIONS, Wire
from wiremend.pipeline.translate import translate
from wiremend.protocols.codec import Recipient

SMALL = 0.02
"""Megabytes: enough to have each kind of message."""


@pytest.mark.parametrize("shape", SHAPES)
def test_the_conversation_says_the_same_on_each_wire(shape: str) -> None:
    read = [asked(wire, body) for wire, body in conversation(shape, SMALL).items()]
    assert all((one.says, one.schemas) == (read[0].says, read[0].schemas) for one in read)
    assert {leaf[0] for leaf in read[0].says} == {"system", "user", "assistant", "result"}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_conversation_is_as_long_as_it_is_said_to_be(shape: str) -> None:
    for body in conversation(shape, 0.5).values():
        assert 0.5 <= len(msgspec.json.encode(body)) / 1e6 <= 0.7


@pytest.mark.parametrize(("client", "upstream"), DIRECTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_timed_translates_all_of_it(shape: str, client: Wire, upstream: Wire) -> None:
    bodies = conversation(shape, SMALL)
    done = translate(msgspec.json.encode(bodies[client]), client, upstream, Recipient("m", host="127.0.0.1"))
    assert asked(upstream, json.loads(done.body)).says == asked(client, bodies[client]).says


def test_each_direction_is_timed() -> None:
    found = ratios("agent", SMALL, tries=1)
    assert list(found) == list(DIRECTIONS)
    assert all(parsed > 0 and translated > 0 for parsed, translated, _ in found.values())
