"""Chunk-exactness: what is remembered of a reply are the bytes that its provider wrote, in the cuts in which it wrote.

Every kind of upstream with every content coding, by every way in; :mod:`tests.lab.exact` says how writes are paced. All
exchanges are played first, then the proxy is stopped and its files are read, as a user finds them.
"""

from __future__ import annotations

import itertools
import json
import operator
import random
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab import Answer, Authority, Mitm, Reply, Upstream
from tests.lab.exact import JSON, SSE, Case, Lab, Played, coded, inside, sliced
from tests.lab.http2 import Http2Reply, Http2Upstream
from tests.lab.proxy import captures_in
from tests.lab.replies import messages_body, messages_events, sse
from wiremend.codings import decode
from wiremend.mitm.tape import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Body

RULES: Final = """
providers:
  plain: {{base_url: '{plain}', key: client, speaks: [messages]}}
  tls: {{base_url: '{tls}', key: client, speaks: [messages]}}
  h2: {{base_url: '{h2}', key: client, speaks: [messages]}}
routes:
  - {{when: {{model: tls-*}}, to: tls}}
  - {{when: {{model: h2-*}}, to: h2}}
default: plain
listen: {{intercept: [localhost]}}
"""

CODINGS: Final = ("identity", "gzip", "deflate", "br", "zstd")
WAYS: Final = (
    ("plain", "gateway"),
    ("length", "gateway"),
    ("close", "gateway"),
    ("tls", "gateway"),
    ("tls", "proxy"),
    ("tls", "proxy-h2"),
    ("h2", "proxy-h2"),
)
"""An upstream (chunked, with a length, ended by closing; TLS; HTTP/2), and how the client came."""

MIXED: Final = (("plain", "gateway"), ("tls", "proxy"), ("h2", "proxy-h2"))
EVENTS: Final = messages_events(Answer("Grüße: one two", model="m"))
STREAM: Final = b"".join(EVENTS)
WHOLE_BODY: Final = json.dumps(messages_body(Answer(model="m")), ensure_ascii=False).encode()


def matrix() -> Iterator[Case]:
    """Give every upstream with every coding: as a stream of events, and as a whole JSON body in odd pieces."""
    for (kind, way), coding in itertools.product(WAYS, CODINGS):
        yield Case(kind, way, "events", coded(EVENTS, coding), coding, events=EVENTS)
        data = b"".join(coded([WHOLE_BODY], coding))
        chance = random.Random(f"{kind}{way}{coding}")  # noqa: S311 - the same cuts in every run
        pieces = sliced(data, *chance.sample(range(1, len(data)), 5))
        yield Case(kind, way, "json", pieces, coding, JSON)


def odd() -> Iterator[Case]:
    """Give writes that end where nothing ends."""
    crlf = STREAM.replace(b"\n", b"\r\n")
    long = [sse({"type": "ping", "pad": "word " * 3000}, "ping"), *(b": a word\n\n" * 1400 for _ in range(2))]
    assert {len(data) > 12_000 for data in long} == {True}
    for kind, way in MIXED:
        yield Case(kind, way, "utf8", sliced(STREAM, inside(STREAM, "ü".encode()), inside(STREAM, "ß".encode())))
        yield Case(kind, way, "crlf", sliced(crlf, *(inside(crlf, b"\r\n") + n for n in (0, 1, 2)), len(crlf) - 1))
        yield Case(kind, way, "first", sliced(STREAM, 1, 2, 7, len(EVENTS[0]) - 1, len(EVENTS[0]) + 3))
        yield Case(kind, way, "bytes", sliced(STREAM, *range(60)))
        yield Case(kind, way, "long", [EVENTS[0], *long, *EVENTS[1:]])
        for coding in CODINGS[1:]:
            data = b"".join(coded(EVENTS, coding))
            yield Case(kind, way, "bytes", sliced(data, *range(30)), coding)


def trailers(reply: Reply) -> None:
    assert isinstance(reply, Http2Reply)
    reply.end([("x-sum", "7")])


def broken() -> Iterator[Case]:
    """Give replies that end early: in an event, between two, before the first, in a coded stream, in a JSON body."""
    for kind, way in (*MIXED, ("length", "gateway")):
        for name in ("cut", "abort", *(("reset",) if kind == "h2" else ())):
            ends = operator.methodcaller(name)
            half = sliced(STREAM, len(EVENTS[0]), len(EVENTS[0]) + 20)[:2]
            yield Case(kind, way, f"{name}-half", half, missing=9, ends=ends)
            yield Case(kind, way, f"{name}-between", EVENTS[:3], events=EVENTS[:3], missing=9, ends=ends)
            yield Case(kind, way, f"{name}-before", [STREAM[:5], STREAM[5:9]], missing=9, ends=ends)
            yield Case(kind, way, f"{name}-half", coded(EVENTS[:3], "gzip")[:3], "gzip", missing=9, ends=ends)
            yield Case(kind, way, f"{name}-json", [b'{"type":', b'"mess'], media=JSON, missing=9, ends=ends)


def large() -> Iterator[Case]:
    """Give bodies around what a tape holds in memory, written as fast as it goes."""
    words = " ".join(f"word{n}" for n in range(600_000))
    for kind, way in (*MIXED, ("length", "gateway")):
        for size in (2_000_000, *((LIMIT - 4096, 5_000_000) if kind == "plain" else ())):
            data = json.dumps(messages_body(Answer(words[:size], model="m"))).encode()
            yield Case(kind, way, f"json{size}", sliced(data, *range(0, len(data), 50_000)), media=JSON, paced=False)
    comments = [b": %s\n\n" % words[at : at + 9000].encode() for at in range(0, 5_000_000, 9000)]
    for kind, way in MIXED:
        yield Case(kind, way, "events5000000", [EVENTS[0], *comments, *EVENTS[1:]], paced=False)


def blanks() -> Iterator[Case]:
    """Give frames of HTTP/2 without a byte in them, which end nothing: before, between and behind the events."""
    between = [data for event in EVENTS for data in (b"", event)]
    yield Case("h2", "proxy-h2", "blanks", [*between, b""])
    yield Case("h2", "proxy-h2", "blanks", [b"", *itertools.chain(*((c, b"") for c in coded(EVENTS, "br")))], "br")
    yield Case("h2", "proxy-h2", "blanks-json", [b"", *sliced(WHOLE_BODY, 20), b""], media=JSON)


def beside() -> list[list[Case]]:
    """Give exchanges that run side by side on one connection, with HTTP/2 upstream and without."""
    return [
        [
            Case(kind, "proxy-h2", f"beside{n}", coded(events_of(n), coding), coding, events=events_of(n))
            for n, coding in enumerate(("identity", "gzip", "br", "identity"))
        ]
        for kind in ("h2", "tls")
    ]


def events_of(number: int) -> list[bytes]:
    """Give events that no other exchange has, as many for each."""
    return messages_events(Answer(f"Grüße number{number} two", model="m"))


def unpacked() -> Case:
    """Give a compressed body that is too large for the memory even so."""
    chance = random.Random("unpacked")  # noqa: S311 - text that does not compress well
    text = " ".join(str(chance.randrange(10**9)) for _ in range(300_000))
    data = b"".join(coded([json.dumps(messages_body(Answer(text, model="m"))).encode()], "gzip"))
    assert len(data) > LIMIT
    return Case("plain", "gateway", "unpacked", sliced(data, *range(0, len(data), 50_000)), "gzip", JSON, paced=False)


MATRIX: Final = list(matrix())
ODD: Final = list(odd())
TRAILERS: Final = Case("h2", "proxy-h2", "trailers", EVENTS, events=EVENTS, ends=trailers)
BROKEN: Final = list(broken())
BLANKS: Final = list(blanks())
LARGE: Final = list(large())
UNPACKED: Final = unpacked()
BESIDE: Final = beside()
WHOLE: Final = [*MATRIX, *ODD, TRAILERS, *BLANKS, *LARGE, *itertools.chain(*BESIDE)]


def name_of(case: Case) -> str:
    return case.model


@pytest.fixture(scope="module")
def played(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Play all, stop the proxy, and read what it wrote."""
    lab, cert, folder = Lab(), authority.server("localhost"), tmp_path_factory.mktemp("captures")
    with (
        Upstream(lambda _, reply: reply.body(200, [], b"alive")) as lab.pulse,
        Upstream(lab.script) as plain,
        Upstream(lab.script, tls=cert) as tls,
        Http2Upstream(lab.script, tls=cert) as h2,
    ):
        lab.ups = {"plain": plain, "length": plain, "close": plain, "tls": tls, "h2": h2}
        rules = RULES.format(plain=plain.url, tls=tls.url, h2=h2.url)
        # A body that passes the limit while it is gathered streams from there on.
        options = {"wiremend_capture": folder, "stream_large_bodies": "3m"}
        with Mitm(rules, options=options, env={"SSL_CERT_FILE": str(authority.ca)}) as lab.proxy:
            for case in [*MATRIX, *ODD, TRAILERS, *BLANKS, *BROKEN, *LARGE, UNPACKED]:
                lab.play(case)
            for cases in BESIDE:
                lab.play_beside(cases)
    found = {capture.model: capture for capture in captures_in(folder)}
    return {model: Played(stage, found.get(model)) for model, stage in lab.stages.items()}


def sizes(body: Body) -> list[int]:
    return [size for size, _ in body.cuts]


def times(body: Body) -> list[int]:
    return [at for _, at in body.cuts]


@pytest.mark.parametrize("case", (*WHOLE, *BROKEN), ids=name_of)
def test_the_bytes_and_the_cuts_are_those_that_were_written(case: Case, played: dict[str, Played]) -> None:
    one = played[case.model]
    assert one.came.data == case.data
    assert sum(sizes(one.came)) == len(case.data)
    if case.paced:
        assert one.came.chunks == [data for data in case.writes if data]


@pytest.mark.parametrize("case", (*WHOLE, *BROKEN), ids=name_of)
def test_the_times_are_those_at_which_the_proxy_read(case: Case, played: dict[str, Played]) -> None:
    """Every cut lies between its write and the sign that it was read, from one moment on: when the request came."""
    one = played[case.model]
    assert times(one.came) == sorted(times(one.came))
    assert one.attempt.at <= times(one.came)[0]
    if case.paced:
        spans = zip(one.stage.spans, times(one.came), strict=True)
        bounds = [(begin - (at + 1) * 1000, end - at * 1000) for (begin, end), at in spans]
        bounds.append((one.stage.asked, one.stage.arrived))
        assert max(low for low, _ in bounds) <= min(high for _, high in bounds)


@pytest.mark.parametrize("case", (*WHOLE, *BROKEN), ids=name_of)
def test_the_answer_is_what_the_client_received(case: Case, played: dict[str, Played]) -> None:
    one = played[case.model]
    assert one.capture.answer is not None
    assert (one.capture.answer.status, one.given.data) == (one.stage.status, one.stage.body)
    assert one.stage.ending == "whole", "also where the provider's reply broke"
    assert times(one.given) == sorted(times(one.given))
    assert sum(sizes(one.given)) == len(one.stage.body)


@pytest.mark.parametrize("case", WHOLE, ids=name_of)
def test_a_whole_reply_is_remembered_as_whole(case: Case, played: dict[str, Played]) -> None:
    one = played[case.model]
    assert (one.capture.error, one.attempt.error, one.stage.status) == (None, None, 200)
    response = one.attempt.response
    assert response is not None
    assert response.version == ("HTTP/2.0" if case.kind == "h2" else "HTTP/1.1")
    assert response.headers.get("content-type") == case.media
    assert response.headers.get("content-encoding") == (None if case.coding == "identity" else case.coding)
    assert response.headers.get("content-length") == (str(len(case.data)) if case.kind == "length" else None)
    if case.media == SSE:
        assert one.stage.body == decode(case.data, case.coding)


@pytest.mark.parametrize("case", [case for case in [*WHOLE, *BROKEN] if case.events], ids=name_of)
def test_an_event_leaves_when_it_came_and_before_the_next_comes(case: Case, played: dict[str, Played]) -> None:
    one = played[case.model]
    count = len(case.events)
    assert one.given.chunks[:count] == list(case.events)
    came, given = times(one.came), times(one.given)
    for number in range(count):
        assert came[number] <= given[number]
        assert number + 1 == len(came) or given[number] <= came[number + 1]


@pytest.mark.parametrize("case", BROKEN, ids=name_of)
def test_a_reply_that_broke_says_why(case: Case, played: dict[str, Played]) -> None:
    one = played[case.model]
    assert one.attempt.error
    assert one.capture.error
    streamed = case.media == SSE and not case.name.endswith("before")
    assert one.stage.status == (200 if streamed else 502)
    assert b'"error"' in one.stage.body


def test_a_compressed_body_that_is_too_large_is_kept_decoded(played: dict[str, Played]) -> None:
    """Of these alone the bytes are others, and the head and a note say so; a cut is what a write decoded to."""
    one = played[UNPACKED.model]
    plain = decode(UNPACKED.data, "gzip")
    assert one.stage.body == UNPACKED.data, "the client has it as it came"
    assert one.came.data == one.given.data == plain
    assert sum(sizes(one.came)) == len(plain)
    assert one.attempt.response is not None
    assert one.attempt.response.headers.get("content-encoding") is None
    assert any("kept decoded" in note.what for note in one.capture.notes)


def test_every_exchange_is_remembered_once(played: dict[str, Played]) -> None:
    ids = [one.capture.id for one in played.values()]
    assert len(set(ids)) == len(ids) == len(WHOLE) + len(BROKEN) + 1


@pytest.mark.parametrize("cases", BESIDE, ids=lambda cases: cases[0].kind)
def test_calls_side_by_side_do_not_mix(cases: list[Case], played: dict[str, Played]) -> None:
    """They did run side by side: each began before any of them ended."""
    stages = [played[case.model].stage for case in cases]
    assert max(stage.spans[0][0] for stage in stages) < min(stage.spans[-1][1] for stage in stages)
    clients = {played[case.model].capture.request.version for case in cases}
    assert clients == {"HTTP/2.0"}
