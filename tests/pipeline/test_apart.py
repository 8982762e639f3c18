"""A stream without blank lines, or without ``data:`` (quirk ``sse-framing``), reaches the client as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import wire
from tests.pipeline.kit import NAMES, SAMPLES, begun, context, documents, events, faults, mended, succeeds
from wiremend.pipeline.shapes import look
from wiremend.protocols.mending import Origin
from wiremend.protocols.wires import MENDING

if TYPE_CHECKING:
    from wiremend.protocols.base import WireName

NOTED = {
    "messages": ("messages.sse.merged", "messages.sse.unprefixed"),
    "chat": ("chat.event.merged", "chat.event.unframed"),
    "responses": ("responses.event.merged", "responses.event.unframed"),
}
"""What the notes call it, with ``data:`` and without."""


def run_on(name: WireName) -> list[bytes]:
    """Give the sample's events without their blank lines."""
    return [raw.removesuffix(b"\n") for raw in SAMPLES[name]]


def bare(name: WireName) -> list[bytes]:
    """Give the sample's events as lines of JSON."""
    return [event.data + b"\n" for event in events(b"".join(SAMPLES[name])) if event.data is not None]


@pytest.mark.parametrize("name", NAMES)
def test_each_event_without_a_blank_line_leaves_with_the_next(name: WireName) -> None:
    stream = begun(context(name))
    given = [stream.feed(raw) for raw in run_on(name)]
    assert given == [b"", *SAMPLES[name][:-1]]
    assert stream.close() == SAMPLES[name][-1]
    assert stream.failure is None
    assert NOTED[name][0] in {note.short for note in stream.notes()}


@pytest.mark.parametrize("name", NAMES)
def test_each_line_of_json_leaves_as_it_comes(name: WireName) -> None:
    stream = begun(context(name))
    given = [stream.feed(line) for line in bare(name)]
    assert all(given)
    raw = b"".join(given) + stream.close()
    assert documents(raw) == documents(b"".join(SAMPLES[name]))
    assert not faults(name, raw)
    assert succeeds(name, raw)
    assert NOTED[name][1] in {note.short for note in stream.notes()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", (b"\n", b"\r\n", b"\r"))
def test_the_cut_does_not_matter(name: WireName, end: bytes) -> None:
    for lines in (run_on(name), bare(name)):
        raw = b"".join(lines).replace(b"\n", end)
        expected, _ = mended(context(name), [raw])
        assert succeeds(name, expected)
        assert mended(context(name), wire.bytewise(raw))[0] == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_is_only_watched_keeps_its_bytes(name: WireName) -> None:
    for lines in (run_on(name), bare(name)):
        stream = begun(context(name, mend=False))
        raw = b"".join(lines)
        assert b"".join([*map(stream.feed, wire.bytewise(raw)), stream.close()]) == raw


@pytest.mark.parametrize("name", NAMES)
def test_the_first_look_does_not_wait_for_the_end(name: WireName) -> None:
    for lines in (run_on(name), bare(name)):
        seen = look(b"".join(lines[:3]), MENDING[name], Origin(), ended=False)
        assert seen is not None
        assert (seen.shape, seen.failure) == ("stream", None)


def test_a_line_that_no_client_reads_is_closed_with_a_blank_line() -> None:
    stream = begun(context("chat"))
    first, second = b'{"x":1}\n', b'{"y":2}\n'
    assert stream.feed(first + second) == b'{"x":1}\n\n{"y":2}\n\n'
