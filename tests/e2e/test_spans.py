"""OpenTelemetry of a real proxy: one request, one span, with the client's own as its parent.

The collector is a server of this machine. Where a test counts spans, it has stopped the proxy first: what is not
exported by then never will be.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from mitmproxy.test import tflow
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.socket_kit import opened, talking
from tests.e2e.test_websocket_responses import CREATE, answering, events
from tests.lab import Answer, Client, Mitm, Upstream, provider
from tests.lab.scripts import messages_stream
from tests.lab.sdk import KEY, MESSAGES, anthropic_sdk, openai_sdk
from tests.ledger.test_spans import PARENT, ROW, TOKEN, TRACE, read, taken, values
from wiremend.ledger.spans import Asked
from wiremend.mitm.house import House
from wiremend.mitm.spans import KEPT, Spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmproxy.http import HTTPFlow

    from tests.lab import Reply, Request
    from wiremend.ledger.row import CallRow

RULES: Final = """
providers:
  lab: {{base_url: '{url}', key: client}}
aliases:
  fast: lab/kimi-k2
default: lab
"""
TRACEPARENT: Final = f"00-{TRACE}-{PARENT}-01"
BODY: Final = b'{"model":"fast","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"my own prompt"}]}'


@pytest.fixture
def collector() -> Iterator[Upstream]:
    with Upstream({"POST /v1/traces": taken}) as up:
        yield up


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(provider()) as up:
        yield up


def started(upstream: Upstream, collector: Upstream, **environ: str) -> Mitm:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **environ}
    loud = {"termlog_verbosity": "debug"}  # shows what libraries log, too
    return Mitm(RULES.format(url=upstream.url), env=env, options=loud)


def create(proxy: Mitm, times: int = 1) -> None:
    """Ask for a whole reply, so often."""
    with anthropic_sdk(proxy.gateway) as sdk:
        for _ in range(times):
            sdk.messages.create(model="fast", max_tokens=9, messages=MESSAGES)


def told(collector: Upstream) -> list[tuple[Span, dict[str, Any], dict[str, Any]]]:
    """Give the spans, each with its attributes and those of its resource."""
    return [(span, values(span.attributes), about) for span, about in read(collector.requests)]


def test_one_request_is_one_span_with_its_parent_times_and_tokens(upstream: Upstream, collector: Upstream) -> None:
    before = time.time()
    with started(upstream, collector) as proxy:
        with (
            anthropic_sdk(proxy.gateway, headers={"traceparent": TRACEPARENT, "tracestate": "lab=1"}) as sdk,
            sdk.messages.stream(model="fast", max_tokens=9, messages=MESSAGES) as stream,
        ):
            stream.until_done()
        (call,) = proxy.wait_calls(1)
        after = time.time()
    ((span, said, about),) = told(collector)
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "lab=1")
    assert (span.name, span.kind) == ("chat kimi-k2", Span.SPAN_KIND_CLIENT)
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert before <= span.start_time_unix_nano / 1e9 <= span.end_time_unix_nano / 1e9 <= after
    assert (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 == pytest.approx(call["total_s"], abs=1e-5)
    usage = Answer()
    assert said["gen_ai.usage.input_tokens"] == call["input_tokens"] == usage.input_tokens
    assert said["gen_ai.usage.output_tokens"] == call["output_tokens"] == usage.output_tokens
    assert said["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert (said["gen_ai.request.model"], said["wiremend.asked_model"]) == ("kimi-k2", "fast")
    assert (said["gen_ai.request.stream"], said["gen_ai.response.model"]) == (True, "kimi-k2")
    assert said["gen_ai.response.time_to_first_chunk"] == said["wiremend.first_byte_s"] == call["first_byte_s"]
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", upstream.port)
    assert (said["http.response.status_code"], said["wiremend.id"]) == (200, call["id"])
    assert about["service.name"] == "wiremend"


def test_each_call_of_one_connection_has_its_own_parent(upstream: Upstream, collector: Upstream) -> None:
    parents = [f"{number:016x}" for number in range(1, 6)]
    with started(upstream, collector) as proxy, Client.plain(proxy.port) as client:
        for parent in (*parents, None):
            headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": KEY}
            if parent is not None:
                headers["traceparent"] = f"00-{TRACE}-{parent}-01"
            response = client.request("POST", "/v1/messages", headers, BODY)
            assert response.status == 200
            response.read()
        proxy.wait_calls(6)
    spans = told(collector)
    assert sorted(span.parent_span_id.hex() for span, _, _ in spans) == ["", *parents]
    assert len({span.trace_id for span, _, _ in spans}) == 2
    assert len({span.span_id for span, _, _ in spans}) == 6
    assert b"my own prompt" not in b"".join(request.body for request in collector.requests)
    assert b"FAKE" not in b"".join(request.body for request in collector.requests)


def test_what_fails_is_one_span_too_and_says_of_what(collector: Upstream) -> None:
    def fails(request: Request, reply: Reply) -> None:
        said = request.json()["model"]
        if said == "gone":
            reply.abort()
        elif said == "cut":
            reply.head(200, [("content-type", "text/event-stream")])
            reply.send(b'event: ping\ndata: {"type":"ping"}\n\n')
            reply.cut()
        else:
            reply.json(int(said), {"type": "error", "error": {"type": "api_error", "message": f"no {TOKEN}"}})

    with Upstream(fails) as up, started(up, collector) as proxy:
        for model in ("500", "403", "gone", "cut"):
            with Client.plain(proxy.port) as client:
                headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": KEY}
                client.request("POST", "/v1/messages", headers, BODY.replace(b"fast", model.encode())).read()
        proxy.wait_calls(4)
    spans = {said["gen_ai.request.model"]: (span, said) for span, said, _ in told(collector)}
    assert sorted(spans) == ["403", "500", "cut", "gone"]
    assert len(told(collector)) == 4
    for span, said in spans.values():
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert TOKEN not in str(said)
    assert spans["500"][1]["error.type"] == "500"
    assert spans["403"][1]["error.type"] == "403"
    assert spans["cut"][1]["error.type"] not in {"", "200"}


def test_a_client_that_goes_away_is_one_span(collector: Upstream) -> None:
    gate = threading.Semaphore(3)
    with Upstream(messages_stream(gate=gate)) as up, started(up, collector) as proxy:
        with Client.plain(proxy.port) as client:
            headers = {"host": "127.0.0.1", "content-type": "application/json", "x-api-key": KEY}
            response = client.request("POST", "/v1/messages", headers, BODY)
            assert response.read_until(b"message_start")
        proxy.wait_calls(1)
    ((span, said, _),) = told(collector)
    assert said["error.type"] == "cancelled"
    assert span.status.code == Status.STATUS_CODE_ERROR


def test_other_traffic_has_no_span(upstream: Upstream, collector: Upstream) -> None:
    with started(upstream, collector) as proxy:
        with Client.plain(proxy.port) as client:
            client.request("GET", f"{upstream.url}/robots.txt", {"host": "lab", "traceparent": TRACEPARENT}).read()
        with openai_sdk(f"{proxy.gateway}/v1") as sdk:
            sdk.chat.completions.create(model="fast", messages=MESSAGES)
        proxy.wait_calls(1)
    ((span, said, _),) = told(collector)
    assert said["wiremend.wire"] == "chat"
    assert "gen_ai.request.stream" not in said
    assert span.parent_span_id == b""


@pytest.mark.parametrize(
    "environ",
    ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}),
    ids=lambda environ: next(iter(environ)),
)
def test_switched_off_nothing_is_sent(environ: dict[str, str], upstream: Upstream, collector: Upstream) -> None:
    with started(upstream, collector, **environ) as proxy:
        create(proxy)
        proxy.wait_calls(1)
    assert collector.requests == []


def test_the_console_exporter_prints(upstream: Upstream, collector: Upstream) -> None:
    with started(upstream, collector, OTEL_TRACES_EXPORTER="console", OTEL_BSP_SCHEDULE_DELAY="50") as proxy:
        create(proxy)
        proxy.wait_log('"name": "chat kimi-k2"')
    assert collector.requests == []


def test_the_console_exporter_does_not_write_over_mitmproxys_own_screen(
    upstream: Upstream, collector: Upstream
) -> None:
    rules = RULES.format(url=upstream.url)
    env = {"OTEL_TRACES_EXPORTER": "console,otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with Mitm(rules, env=env, program="mitmproxy") as proxy:
        create(proxy)
        proxy.wait_calls(1)
        assert proxy.stop() == 0
        assert "SpanKind" not in proxy.log()
    assert len(told(collector)) == 1


def test_each_response_of_a_websocket_is_a_span(collector: Upstream) -> None:
    rules = "providers: {{lab: {{base_url: '{url}', key: client, websocket: true}}}}\ndefault: lab\n"
    client = {"authorization": f"Bearer {KEY}", "user-agent": "codex_exec/0.169.0 (Linux)", "traceparent": TRACEPARENT}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with (
        Upstream(talking(answering(events("resp_1"), events("resp_2")))) as up,
        Mitm(rules.format(url=up.url), env=env) as proxy,
        opened(proxy, client) as peer,
    ):
        for number in (1, 2):
            peer.say(CREATE)
            while (message := peer.hear()) is not None and b"response.completed" not in message:
                pass
            proxy.wait_calls(number)
        calls = proxy.calls()
    spans = told(collector)
    assert [said["wiremend.id"] for _, said, _ in spans] == [call["id"] for call in calls]
    assert len({said["wiremend.id"] for _, said, _ in spans}) == 2
    assert {(span.name, span.parent_span_id.hex()) for span, _, _ in spans} == {("chat m", PARENT)}


def test_a_collector_that_is_dead_is_told_once_and_costs_no_call(upstream: Upstream, collector: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    dead = f"http://user:{TOKEN}@127.0.0.1:{port}"
    with started(
        upstream,
        collector,
        OTEL_EXPORTER_OTLP_ENDPOINT=dead,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        OTEL_BSP_SCHEDULE_DELAY="20",
    ) as proxy:
        create(proxy)
        proxy.wait_log("spans do not reach their collector")
        create(proxy, 5)
        proxy.wait_calls(6)
        assert proxy.stop() == 0
        log = proxy.log()
    assert log.count("spans do not reach their collector") == 1
    assert TOKEN not in log
    assert "opentelemetry" not in log
    assert str(port) not in log


def test_a_collector_that_hangs_does_not_keep_the_proxy_from_ending(upstream: Upstream) -> None:
    with (
        Upstream(lambda _, reply: reply.wait_gone()) as hangs,
        started(upstream, hangs, OTEL_BSP_SCHEDULE_DELAY="20", OTEL_EXPORTER_OTLP_TIMEOUT="120") as proxy,
    ):
        create(proxy)
        hangs.wait_for(1)
        assert proxy.stop() == 0  # long before the exporter gives up


# -- the addon alone


class Puts:
    """Stands for the thread, and keeps what it is given."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.got: list[tuple[str, Asked]] = []

    def put(self, row: CallRow, asked: Asked) -> None:
        """Take a row."""
        self.got.append((row.id, asked))


@pytest.fixture
def addon() -> tuple[House, Spans, Puts]:
    house, puts = House(), Puts()
    made = Spans(house)
    made.tracer = puts  # type: ignore[assignment]  # has the one method that is called
    return house, made, puts


def flow_of(parent: str | None = TRACEPARENT) -> HTTPFlow:
    flow = tflow.tflow()
    if parent is not None:
        flow.request.headers["traceparent"] = parent
    return flow


def row_of(identity: str) -> CallRow:
    return msgspec.structs.replace(ROW, id=identity)


def test_every_row_of_a_websocket_has_its_parent(addon: tuple[House, Spans, Puts]) -> None:
    house, spans, puts = addon
    flow = flow_of()
    spans.requestheaders(flow)
    spans.websocket_start(flow)
    for number in (1, 2):
        house.told(row_of(f"{flow.id}-{number}"))
    spans.websocket_end(flow)
    house.told(row_of(f"{flow.id}-3"))
    assert [asked.traceparent for _, asked in puts.got] == [TRACEPARENT, TRACEPARENT, None]


def test_nothing_is_kept_of_a_call_that_is_over_and_little_of_what_is_none(addon: tuple[House, Spans, Puts]) -> None:
    house, spans, puts = addon
    flows = [flow_of() for _ in range(3)]
    for flow in flows:
        spans.requestheaders(flow)
        spans.request(flow)
        house.told(row_of(flow.id))
    assert (len(puts.got), len(spans._kept)) == (3, 0)
    for _ in range(KEPT + 5):
        spans._keep(SimpleNamespace(id=str(_)))  # type: ignore[arg-type]  # only the id is asked for
    assert len(spans._kept) == KEPT
    assert "4" not in spans._kept


def test_a_row_of_no_flow_that_was_seen_is_a_span_all_the_same(addon: tuple[House, Spans, Puts]) -> None:
    house, _, puts = addon
    house.told(row_of(""))
    assert puts.got == [("", Asked())]


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setattr("wiremend.mitm.spans.has_opentelemetry", lambda: False)
    made = Spans(House())

    async def run() -> None:
        made.running()
        await made.done()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())
    assert made.tracer is None
    (record,) = [record for record in caplog.records if record.name == "wiremend"]
    assert record.levelno == logging.INFO
    assert "pip install 'wiremend[otel]'" in record.getMessage()
