"""Laws of a stream's whole way through the pipeline: quirks, contract step, name, recorders, on the three wires.

Whatever comes, nothing raises (G7), what leaves is legal and ends (G2), cuts do not matter (G3), and what is legal
leaves as it came with nothing noted (G1). A cut is never a success. Where a part of ours fails, the stream ends all the
same, and never as a success that it was not.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.kit import (
    HOLDS,
    LEGAL,
    NAMES,
    REWRITES,
    SAMPLES,
    anything,
    begun,
    context,
    documents,
    events,
    faults,
    finished,
    mended,
    succeeds,
    working,
)
from tests.wire import bytewise, cuttings
from wiremend.mitm.through import Through
from wiremend.protocols.failure import Failure
from wiremend.protocols.wires import MENDING
from wiremend.sse import DEFAULT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.pipeline.context import Context
    from wiremend.protocols.base import WireName
    from wiremend.protocols.mending import Origin
    from wiremend.sse import Event

CUT = Failure("upstream", 502, "the provider cut the stream")
each_wire = pytest.mark.parametrize("name", NAMES)


# --- whatever comes


@each_wire
@settings(max_examples=80)
@given(st.data())
def test_any_bytes_end_legally_with_all_quirks_or_none(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(name))
    quirks = data.draw(st.sampled_from(([], working(name))))
    out, stream = mended(context(name, quirks=quirks), [raw])
    assert faults(name, out) == []
    assert (stream.failure is None) == succeeds(name, out)


@each_wire
@settings(max_examples=40)
@given(st.data())
def test_cuts_do_not_matter(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(name))
    of = context(
        name,
        quirks=data.draw(st.sampled_from(([], working(name)))),
        name=data.draw(st.sampled_from((None, "alias"))),
        mend=data.draw(st.sampled_from((True, True, False))),
    )
    out, stream = mended(of, [raw])
    for chunks in (bytewise(raw), data.draw(cuttings(raw))):
        again, other = mended(of, chunks)
        assert again == out
        assert sorted(map(repr, other.notes())) == sorted(map(repr, stream.notes()))


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_bytes_that_are_only_watched_leave_as_they_came(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(name))
    out, stream = mended(context(name, quirks=working(name), mend=False), data.draw(cuttings(raw)))
    assert out == raw
    assert {note.kind for note in stream.notes()} <= {"seen"}


# --- what is legal


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_what_is_legal_is_left_alone_with_nothing_noted(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(LEGAL[name])
    quirks = [quirk for quirk in working(name) if quirk.name not in REWRITES | HOLDS]
    for active in ([], quirks):
        out, stream = mended(context(name, quirks=active), data.draw(cuttings(raw)))
        assert out == raw
        assert stream.notes() == []
        assert stream.failure is None


@settings(max_examples=60)
@given(LEGAL["chat"])
def test_what_a_quirk_holds_of_a_legal_stream_comes_all_the_same(raw: bytes) -> None:
    active = [quirk for quirk in working("chat") if quirk.name in HOLDS]
    assert {quirk.name for quirk in active} == HOLDS
    out, stream = mended(context("chat", quirks=active), [raw])
    assert _said(out) == _said(raw)
    assert stream.failure is None


def _said(raw: bytes) -> dict[tuple[int, str | int], str]:
    """Put together the texts and the arguments of a stream of the chat wire, by where they belong."""
    said: dict[tuple[int, str | int], str] = {}
    for choice in (choice for document in documents(raw) if document for choice in document["choices"]):
        delta, index = choice["delta"], choice["index"]
        texts = [((index, name), delta[name]) for name in ("content", "refusal", "reasoning_content") if name in delta]
        calls = [((index, call["index"]), call["function"]["arguments"]) for call in delta.get("tool_calls", ())]
        for key, text in (*texts, *calls):
            said[key] = said.get(key, "") + text
    return {key: text for key, text in said.items() if text}


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_a_legal_event_leaves_in_the_call_that_brings_its_last_byte(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(LEGAL[name])
    stream = begun(context(name))
    for event in events(raw):
        assert stream.feed(event.raw) == event.raw
    assert stream.close() == b""


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_an_alias_is_the_only_name_that_the_client_sees(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(LEGAL[name])
    out, stream = mended(context(name, name="alias"), data.draw(cuttings(raw)))
    plain, _ = mended(context(name), [raw])
    named = [_model(one) for one in documents(out)]
    assert set(named) <= {"alias", None}
    assert [_model(one) is None for one in documents(plain)] == [one is None for one in named]
    assert stream.notes() == []


def _model(document: Any) -> str | None:  # noqa: ANN401 - JSON
    if not isinstance(document, dict):
        return None
    inner = document.get("message") or document.get("response") or document
    model: str | None = inner.get("model")
    return model


# --- what breaks off


@each_wire
@settings(max_examples=100)
@given(st.data())
def test_a_part_of_a_legal_stream_is_never_a_success(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(LEGAL[name])
    at = data.draw(st.integers(0, len(raw)))
    quirks = data.draw(st.sampled_from(([], working(name))))
    stream = begun(context(name, quirks=quirks))
    out = stream.feed(raw[:at])
    whole = stream.ended
    how: Callable[[], bytes] = data.draw(st.sampled_from((stream.close, lambda: stream.cut(CUT))))
    out += how()
    assert faults(name, out) == []
    assert stream.ended
    if how == stream.close:
        assert not succeeds(name, out) or finished(name, raw[:at])
    else:
        assert succeeds(name, out) == whole
        assert whole or CUT.message.encode() in out
    assert stream.cut(CUT) == stream.close() == stream.feed(raw) == b""


@each_wire
@settings(max_examples=60)
@given(st.data())
def test_whatever_came_before_a_cut_ends_legally(name: WireName, data: st.DataObject) -> None:
    raw = data.draw(anything(name))
    stream = begun(context(name, quirks=data.draw(st.sampled_from(([], working(name))))))
    out = stream.feed(raw)
    whole = stream.ended
    out += stream.cut(CUT)
    assert faults(name, out) == []
    assert whole or not succeeds(name, out)


@each_wire
@pytest.mark.parametrize(
    "mend",
    (True, False),
)
def test_an_event_that_never_ends_is_an_error_or_passes(name: WireName, mend: bool) -> None:  # noqa: FBT001 - a column
    stream = begun(context(name, mend=mend))
    raw = b'data: {"x":"' + b"x" * DEFAULT_LIMIT
    out = stream.feed(raw) + stream.feed(b"more") + stream.close()
    if mend:
        assert faults(name, out) == []
        assert not succeeds(name, out)
        assert len(out) < 2000
    else:
        assert out == raw + b"more"


# --- where a part of ours fails (G7)


class Bug(Exception):  # noqa: N818 - what it stands for is no error of any kind that we know
    """A bug of ours."""


def raises(*_: object) -> Any:  # noqa: ANN401 - it gives nothing
    raise Bug


def quirk(**parts: Any) -> Any:  # noqa: ANN401 - a stand-in for a Quirk
    """Make a quirk of nothing but these parts."""
    whole = {"name": "of-the-test", "step": None, "recorder": None, "reply": None, "request": None, **parts}
    return SimpleNamespace(**whole)


def step(**parts: Any) -> Any:  # noqa: ANN401 - a stand-in for a Quirk
    """Make a quirk of a step that does nothing but these."""
    methods = {"needles": (), "event": lambda *_: None, "close": lambda *_: [], **parts}
    return quirk(step=lambda *_: SimpleNamespace(**methods))


def _ruins(document: dict[str, Any], *_: object) -> Any:  # noqa: ANN401 - it gives nothing
    document.clear()
    raise Bug


@each_wire
@pytest.mark.parametrize(
    "broken",
    (step(event=raises), step(event=_ruins), step(close=raises), step(event=_ruins, close=raises)),
    ids=("event", "event, half done", "close", "both"),
)
@settings(max_examples=15)
@given(st.data())
def test_a_quirk_that_fails_is_left_out_and_told(name: WireName, broken: Any, data: st.DataObject) -> None:  # noqa: ANN401 - a quirk
    raw = data.draw(LEGAL[name])
    out, stream = mended(context(name, quirks=[broken]), data.draw(cuttings(raw)))
    assert out == raw
    assert [(note.kind, note.short) for note in stream.notes()] == [("failed", "of-the-test")]


UNSENDABLE: Any = {"type": "x", "x": "\ud800"}
"""No JSON in UTF-8 can hold half a surrogate pair."""


@each_wire
@pytest.mark.parametrize("given_out", ([UNSENDABLE], [5, 6], 7, [object()]))
def test_a_quirk_that_gives_what_cannot_be_sent_ends_nothing_wrongly(name: WireName, given_out: Any) -> None:  # noqa: ANN401 - anything
    raw = b"".join(SAMPLES[name])
    for broken in (step(event=lambda *_: given_out), step(close=lambda *_: given_out)):
        for chunks in ([raw], SAMPLES[name]):
            out, through = passed(context(name, quirks=[broken]), chunks)
            assert faults(name, out) == []
            assert out == raw or not succeeds(name, out)
            assert through.broken or through.raw or "of-the-test" in {note.short for note in through.stream.notes()}


def recorder(**parts: Any) -> Any:  # noqa: ANN401 - a stand-in for a Quirk
    """Make a quirk of a recorder that does nothing but these."""
    methods = {"event": lambda _: None, "body": lambda _: None, "close": lambda: None, **parts}
    return quirk(recorder=lambda *_: SimpleNamespace(**methods))


@each_wire
@pytest.mark.parametrize("part", ("event", "last event", "close"))
def test_a_recorder_that_fails_takes_nothing_from_the_client(name: WireName, part: str) -> None:
    sample = SAMPLES[name]
    raw = b"".join(sample)
    left = len(sample) - 1 if part == "last event" else 0

    def fails(_: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Bug

    broken = recorder(close=raises) if part == "close" else recorder(event=fails)
    for chunks in ([raw], sample):
        left = len(sample) - 1 if part == "last event" else 0
        out, _ = passed(context(name, quirks=[broken]), chunks)
        assert out == raw


@each_wire
@pytest.mark.parametrize("part", ("feed", "close", "feed and fail", "close and fail"))
def test_a_mender_that_fails_ends_the_stream_with_an_error(name: WireName, part: str) -> None:
    """Wherever it fails, and however the chunks were cut, all passes untouched or the client's stream ends badly."""
    sample = SAMPLES[name]
    for number in range(len(sample)):
        for chunks in ([b"".join(sample)], sample, [*sample[:number], b"".join(sample[number:])]):
            if part.startswith("close"):
                chunks = [*chunks[:-1], chunks[-1][: len(chunks[-1]) // 2]]  # noqa: PLW2901 - the terminal is cut in two
            out, through = passed(failing(name, part, number), chunks)
            if through.raw:
                assert out == b"".join(chunks)
                continue
            assert through.broken
            # The last resort knows no id; an error is an error with any.
            assert set(faults(name, out)) <= {"responses.response.id-changed"}
            assert not succeeds(name, out)


@each_wire
def test_a_mender_that_fails_behind_the_terminal_leaves_the_client_its_end(name: WireName) -> None:
    *most, last = SAMPLES[name]
    out, _ = passed(failing(name, "feed", len(most) + 1), [b"".join(most), last + b": bye\n\n"])
    assert faults(name, out) == []


def failing(name: WireName, part: str, number: int) -> Context:
    """Give a context whose mender fails."""
    of = context(name)
    return replace(of, mending=replace(of.mending, mender=lambda origin: Failing(name, origin, part, number)))


class Failing:
    """A mender that raises at some event, or at the end."""

    def __init__(self, name: WireName, origin: Origin, part: str, number: int) -> None:
        """Stand before a real one."""
        self.real = MENDING[name].mender(origin)
        self.part = part
        self.left = number

    def feed(self, event: Event) -> bytes:
        """Raise at the event of that number."""
        self.left -= 1
        if self.left < 0 and self.part.startswith("feed"):
            raise Bug
        return self.real.feed(event)

    def close(self) -> bytes:
        """Raise, or not."""
        return self.real.close() if self.part.startswith("feed") else raises()

    def fail(self, failure: Failure) -> bytes:
        """Raise, or not."""
        return raises() if self.part.endswith("fail") else self.real.fail(failure)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        """Be the real one in all else."""
        return getattr(self.real, name)


def passed(of: Context, chunks: Sequence[bytes]) -> tuple[bytes, Through]:
    """Send chunks through what mitmproxy calls, and its end."""
    house, exchange = (
        SimpleNamespace(failed=lambda *_: None),
        SimpleNamespace(first_byte=None, own_ns=0, facts=SimpleNamespace(client=None, headers={})),
    )
    through = Through(of, exchange, house, "flow", None)  # type: ignore[arg-type]  # all that it needs of the two
    out = [piece for chunk in (*chunks, b"") for piece in through(chunk)]
    assert all(out)  # an empty one would end an HTTP/1 body
    return b"".join(out), through


# --- several quirks


def test_what_a_quirk_held_to_the_end_is_seen_by_those_behind_it() -> None:
    sample = SAMPLES["chat"]
    seen: list[Any] = []
    last = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    first = step(close=lambda _: [dict(last)])
    second = step(event=lambda document, _: seen.append(document))
    mended(context("chat", quirks=[first, second]), sample[:-1])
    assert seen[-1] == last
