"""A flow of a translated exchange in mitmproxy's views: each side on its own wire, and what the two say differently.

The exchanges are the cases of captures/ in which the client and the provider speak different wires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mitmproxy import contentviews
from mitmproxy.test import taddons

from tests.test_captures import ALL, name_of, stored
from wiremend.mitm.flows import flow_of
from wiremend.mitm.house import House
from wiremend.mitm.views import Views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mitmproxy.http import HTTPFlow

TRANSLATED = [folder for folder in ALL if stored(folder).capture.translated]
STREAMED = [folder for folder in TRANSLATED if (folder / "client.sse").exists() and (folder / "upstream.sse").exists()]


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    """Register the views, and leave the registry as it was."""
    before = dict(contentviews.registry._by_name)
    with taddons.context():
        Views(House()).load(None)
        yield
    contentviews.registry._by_name.clear()
    contentviews.registry._by_name.update(before)


def look(flow: HTTPFlow, view: str, *, asks: bool = False) -> str:
    message = flow.request if asks else flow.response
    assert message is not None
    return contentviews.prettify_message(message, flow, view).text


def test_there_are_such_cases_in_each_direction() -> None:
    ways = {(stored(folder).capture.wire, stored(folder).capture.upstream_wire) for folder in TRANSLATED}
    assert len(ways) == 6


@pytest.mark.parametrize("folder", STREAMED, ids=name_of)
def test_each_side_is_named_with_its_wire(folder: Path) -> None:
    capture = stored(folder).capture
    flow = flow_of(capture)
    events = look(flow, "LLM events")
    assert f"from the provider, on the {capture.upstream_wire} wire" in events
    assert f"to the client, on the {capture.wire} wire" in events
    assert look(flow, "LLM conversation").startswith(str(capture.wire))
    difference = look(flow, "LLM diff")
    assert f"translated from the {capture.upstream_wire} wire to the {capture.wire} wire" in difference
    assert "is dropped" not in difference
    assert "is put in" not in difference


def test_a_difference_of_replies_is_one_of_what_they_say() -> None:
    """The same words, call and counts; the wire, the number of its events, and its word for the end are others."""
    (folder,) = [one for one in STREAMED if name_of(one).endswith("messages/translated-chat-one-tool")]
    lines = look(flow_of(stored(folder).capture), "LLM diff").splitlines()
    own = [line for line in lines if line.startswith(("-", "+"))]
    assert own[:2] == ["- what the provider sent", "+ what the client got"]
    assert any(line.startswith("- chat · ") for line in own)
    assert any(line.startswith("+ messages · ") for line in own)
    assert "- stop: tool_calls" in own
    assert "+ stop: tool_use" in own
    assert not [line for line in own if "→" in line], "the call is the same on both sides"
    assert [line for line in lines if line.startswith("    →")]
