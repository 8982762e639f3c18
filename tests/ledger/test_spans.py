"""Spans: one a call, named by the conventions, with the right parent and times; a collector can be dead or hang.

The collector of these tests is a server of this machine that reads OTLP as the published protocol buffers define it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes

from tests.lab import Upstream
from wiremend import __version__
from wiremend.ledger import spans
from wiremend.ledger.row import CallRow, Try
from wiremend.ledger.spans import Asked, Tracer, describe, error_type, exporters, operation, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    from tests.lab import Reply, Request

DEADLINE: Final = 15.0
TOKEN: Final = "FAKE-TOKEN-5566778899"
TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
PARENT: Final = "b7ad6b7169203331"

ROW: Final = CallRow(
    time=1_760_000_000.25,
    client="claude-code",
    agent="reviewer",
    wire="messages",
    asked="claude-sonnet-4-5",
    provider="kimi-code",
    model="kimi-for-coding",
    status=200,
    first_byte_s=0.4,
    total_s=1.5,
    input_tokens=1234,
    output_tokens=56,
    cached_tokens=1000,
    mended=("usage-null",),
    route="coding",
    error=None,
    path="/v1/messages?beta=true",
    id="11111111-2222-3333-4444-555555555555",
    upstream_wire="chat",
    attempts=(
        Try("kimi-code", "kimi-for-coding", 429, "status", 0.0, 0.1),
        Try("kimi-code", "kimi-for-coding", 200, None, 0.3, 1.2),
    ),
    stop_reason="end_turn",
    reasoning_tokens=12,
    overhead_ms=1.75,
    losses=("top_k",),
    capture="cap-1",
)


def row(**changes: Any) -> CallRow:  # noqa: ANN401 - fields of a row
    return msgspec.structs.replace(ROW, **changes)


class TestDescribe:
    def test_a_call_by_the_conventions(self) -> None:
        said = describe(ROW, Asked(address="api.kimi.com", port=443))
        assert said.name == "chat kimi-for-coding"
        assert (said.start, said.end) == (1_760_000_000_250_000_000, 1_760_000_001_750_000_000)
        assert said.error is None
        assert said.attributes == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "moonshot_ai",
            "gen_ai.request.model": "kimi-for-coding",
            "gen_ai.response.finish_reasons": ("end_turn",),
            "gen_ai.usage.input_tokens": 1234,
            "gen_ai.usage.output_tokens": 56,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 12,
            "server.address": "api.kimi.com",
            "server.port": 443,
            "http.response.status_code": 200,
            "wiremend.id": "11111111-2222-3333-4444-555555555555",
            "wiremend.client": "claude-code",
            "wiremend.agent": "reviewer",
            "wiremend.asked_model": "claude-sonnet-4-5",
            "wiremend.provider": "kimi-code",
            "wiremend.route": "coding",
            "wiremend.wire": "messages",
            "wiremend.upstream_wire": "chat",
            "wiremend.attempts": 2,
            "wiremend.first_byte_s": 0.4,
            "wiremend.overhead_ms": 1.75,
            "wiremend.mended": ("usage-null",),
            "wiremend.losses": ("top_k",),
            "wiremend.capture": "cap-1",
        }

    def test_its_tries_are_events_at_their_times(self) -> None:
        first, second = describe(ROW, Asked()).moments
        assert (first.name, first.at) == ("wiremend.attempt", 1_760_000_000_250_000_000)
        assert first.attributes == {
            "wiremend.attempt.number": 1,
            "wiremend.provider": "kimi-code",
            "gen_ai.request.model": "kimi-for-coding",
            "http.response.status_code": 429,
            "error.type": "status",
            "wiremend.attempt.duration_s": 0.1,
        }
        assert second.at == 1_760_000_000_550_000_000
        assert "error.type" not in second.attributes

    def test_names_are_those_of_the_registry(self) -> None:
        """OpenTelemetry's own table of names is the judge."""
        modules = (gen_ai_attributes, error_attributes, http_attributes, server_attributes)
        known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
        said = describe(row(status=500), Asked(stream=True, answered="k3", address="api.kimi.com", port=443))
        names = {*said.attributes, *(name for moment in said.moments for name in moment.attributes)}
        assert {name for name in names if not name.startswith("wiremend.")} <= known
        assert {"error.type", "gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"} <= names

    def test_the_page_has_every_name(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "opentelemetry.md").read_text("utf-8")
        said = describe(row(status=500), Asked(stream=True, answered="k3", address="api.kimi.com", port=443))
        names = {*said.attributes, *(name for moment in said.moments for name in moment.attributes)}
        assert {name for name in names if f"`{name}`" not in page} == set()
        assert set(re.findall(r"`((?:gen_ai|wiremend)\.[\w.]+)`", page)) - names == {spans.ATTEMPT}
        assert all(f"`{word}`" in page or f"`{word} MODEL`" in page for _, word in spans._OPERATIONS)

    def test_a_row_that_knows_nothing(self) -> None:
        bare = CallRow(1.0, None, None, None, None, None, None, None, None, 0.0)
        said = describe(bare, Asked())
        assert (said.name, said.error, said.moments) == ("chat", "connection", ())
        assert said.attributes == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "unknown",
            "error.type": "connection",
        }

    def test_no_words_of_an_error(self) -> None:
        said = describe(row(status=400, error="messages.3: my secret prompt"), Asked())
        assert "prompt" not in str(said)

    @pytest.mark.parametrize(
        ("path", "word"),
        (
            ("/v1/messages", "chat"),
            ("/anthropic/v1/messages?beta=true", "chat"),
            ("/v1/messages/count_tokens", "count_tokens"),
            ("/v1/chat/completions", "chat"),
            ("/v1/chat/completions/", "chat"),
            ("/v1/completions", "text_completion"),
            ("/v1/responses", "chat"),
            ("/v1/responses/input_tokens", "count_tokens"),
            ("/v1/responses/resp_1/cancel", "chat"),
            ("/v1/embeddings", "embeddings"),
            ("/v1/models", "list_models"),
            ("/v1/models/moonshotai/kimi-k2", "list_models"),
            (None, "chat"),
        ),
    )
    def test_operations(self, path: str | None, word: str) -> None:
        assert operation(row(path=path)) == word

    @pytest.mark.parametrize(
        ("changes", "word"),
        (
            ({}, None),
            ({"status": 429}, "429"),
            ({"status": 529, "error": "overloaded"}, "529"),
            ({"status": None, "attempts": (Try("a", "m", None, "connection"),)}, "connection"),
            ({"status": 200, "error": "cut", "attempts": (Try("a", "m", 200, "stall"),)}, "stall"),
            ({"status": 200, "error": "cut", "attempts": (Try("a", "m", 200),)}, "_OTHER"),
            ({"status": 200, "error": "Client disconnected."}, "cancelled"),
            ({"status": None, "error": "client disconnected", "attempts": ()}, "cancelled"),
            ({"status": None, "error": None, "attempts": ()}, "connection"),
        ),
    )
    def test_classes_of_errors(self, changes: dict[str, Any], word: str | None) -> None:
        assert error_type(row(**changes)) == word


class TestWanted:
    @pytest.mark.parametrize(
        ("environ", "on"),
        (
            ({}, False),
            ({"OTEL_SERVICE_NAME": "x"}, False),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
            ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, False),
            ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
            ({"OTEL_TRACES_EXPORTER": "console"}, True),
            ({"OTEL_TRACES_EXPORTER": "none"}, False),
            ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
            ({"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
            ({"OTEL_SDK_DISABLED": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ),
    )
    def test_the_variables_decide(self, environ: dict[str, str], on: bool) -> None:  # noqa: FBT001 - a column of the table
        assert wanted(environ) is on

    def test_exporters(self) -> None:
        assert exporters({}) == ("otlp",)
        assert exporters({"OTEL_TRACES_EXPORTER": "OTLP, console,otlp"}) == ("otlp", "console")
        assert exporters({"OTEL_TRACES_EXPORTER": "otlp,none"}) == ()


# -- OpenTelemetry itself


def taken(_: Request, reply: Reply) -> None:
    reply.body(200, [("content-type", "application/x-protobuf")], b"")


def read(requests: Sequence[Request]) -> list[tuple[Span, dict[str, Any]]]:
    """Give the spans of export requests, each with the attributes of its resource."""
    found = []
    for request in requests:
        message = ExportTraceServiceRequest.FromString(request.body)
        for resource in message.resource_spans:
            about = values(resource.resource.attributes)
            found += [(span, about) for scope in resource.scope_spans for span in scope.spans]
    return found


def values(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    def plain(value: Any) -> Any:  # noqa: ANN401 - one of several kinds
        kind = value.WhichOneof("value")
        return [plain(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)

    return {pair.key: plain(pair.value) for pair in pairs}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """Listen as a collector, and let the variables name it; other OTEL variables of this machine are gone."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    with Upstream({"POST /v1/traces": taken}) as up:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", up.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        yield up


def exported(*calls: tuple[CallRow, Asked]) -> list[tuple[str, str]]:
    """Make spans of rows, and give the warnings."""
    warned: list[tuple[str, str]] = []
    tracer = Tracer(lambda *one: warned.append(one))
    tracer.start(exporters(os.environ), os.environ)
    for one in calls:
        tracer.put(*one)
    tracer.close(DEADLINE)
    return warned


class TestTracer:
    def test_a_span_with_its_parent_its_times_and_its_numbers(self, collector: Upstream) -> None:
        asked = Asked(f"00-{TRACE}-{PARENT}-01", "vendor=x", stream=True, answered="k3", port=443, address="a.test")
        assert exported((ROW, asked)) == []
        ((span, about),) = read(collector.requests)
        assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "vendor=x")
        assert (span.name, span.kind) == ("chat kimi-for-coding", Span.SPAN_KIND_CLIENT)
        assert span.start_time_unix_nano == 1_760_000_000_250_000_000
        assert span.end_time_unix_nano == 1_760_000_001_750_000_000
        assert span.status.code == Status.STATUS_CODE_UNSET
        said = values(span.attributes)
        assert said["gen_ai.usage.input_tokens"] == 1234
        assert said["gen_ai.response.finish_reasons"] == ["end_turn"]
        assert said["gen_ai.response.time_to_first_chunk"] == 0.4
        assert said["gen_ai.response.model"] == "k3"
        assert [(event.name, event.time_unix_nano) for event in span.events] == [
            ("wiremend.attempt", 1_760_000_000_250_000_000),
            ("wiremend.attempt", 1_760_000_000_550_000_000),
        ]
        assert (about["service.name"], about["service.version"]) == ("wiremend", __version__)

    @pytest.mark.parametrize("parent", (None, "", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01"))
    def test_without_a_parent_that_can_be_read_it_begins_a_trace(self, parent: str | None, collector: Upstream) -> None:
        assert exported((ROW, Asked(parent)), (ROW, Asked(parent))) == []
        (one, _), (other, _) = read(collector.requests)
        assert one.parent_span_id == other.parent_span_id == b""
        assert len({one.trace_id, other.trace_id, bytes.fromhex(TRACE)}) == 3

    def test_a_client_that_does_not_sample_is_heard(self, collector: Upstream) -> None:
        """The standard's own default, a sampler that follows the parent."""
        assert exported((ROW, Asked(f"00-{TRACE}-{PARENT}-00")), (row(id="other"), Asked())) == []
        ((span, _),) = read(collector.requests)
        assert values(span.attributes)["wiremend.id"] == "other"

    def test_a_failed_call_is_an_error(self, collector: Upstream) -> None:
        assert exported((row(status=529, error="overloaded: my prompt"), Asked())) == []
        ((span, _),) = read(collector.requests)
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert values(span.attributes)["error.type"] == "529"
        assert b"my prompt" not in collector.requests[0].body

    @pytest.mark.parametrize(
        ("environ", "name"),
        (
            ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
            ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,team=lab"}, "ours"),
            ({"OTEL_RESOURCE_ATTRIBUTES": "team=lab"}, "wiremend"),
        ),
    )
    def test_the_service_is_named_as_the_variables_say(
        self, environ: dict[str, str], name: str, collector: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable, value in environ.items():
            monkeypatch.setenv(variable, value)
        assert exported((ROW, Asked())) == []
        ((_, about),) = read(collector.requests)
        assert about["service.name"] == name
        assert ("team" in about) is ("team" in str(environ))

    def test_standard_variables_of_the_exporter_hold(
        self, collector: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces?x=1")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-token={TOKEN}")
        assert exported((ROW, Asked())) == []
        (request,) = collector.requests
        assert (request.target, request.get("x-token")) == ("/v1/traces?x=1", TOKEN)

    def test_many_calls_are_as_many_spans(self, collector: Upstream) -> None:
        assert exported(*((row(id=str(number)), Asked()) for number in range(1500))) == []
        ids = [values(span.attributes)["wiremend.id"] for span, _ in read(collector.requests)]
        assert sorted(ids, key=int) == [str(number) for number in range(1500)]


class TestTrouble:
    @pytest.mark.parametrize("status", (400, 401, 503))
    def test_a_collector_that_refuses_is_told_without_its_address(
        self, status: int, collector: Upstream, heard: list[logging.LogRecord]
    ) -> None:
        collector.script = lambda _, reply: reply.json(status, {"why": TOKEN})
        ((key, message),) = exported((ROW, Asked()))
        assert (key, "collector" in message) == ("spans:export", True)
        assert str(collector.port) not in message
        assert heard == []

    def test_a_collector_that_is_not_there(
        self, collector: Upstream, heard: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{TOKEN}@127.0.0.1:{port}")
        ((key, message),) = exported((ROW, Asked()))
        assert key == "spans:export"
        assert TOKEN not in message
        assert heard == []
        assert collector.requests == []

    def test_a_collector_that_hangs_does_not_hold_up_the_end(self, collector: Upstream) -> None:
        gate = threading.Event()

        def hang(_: Request, reply: Reply) -> None:
            reply.wait(gate)
            taken(_, reply)

        collector.script = hang
        tracer = Tracer(lambda *_: None)
        tracer.start(exporters(os.environ), os.environ)
        tracer.put(ROW, Asked())
        tracer.close(0.01)
        thread = tracer._thread
        assert thread is not None
        assert (thread.is_alive(), thread.daemon) == (True, True)
        gate.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()

    def test_more_rows_than_can_wait_are_dropped_and_told(
        self, collector: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spans, "WAITING", 5)
        gate = threading.Event()
        made = spans._provider

        def slow(*arguments: Any) -> Any:  # noqa: ANN401 - as the function that it stands for
            gate.wait(DEADLINE)
            return made(*arguments)

        monkeypatch.setattr(spans, "_provider", slow)
        warned: list[tuple[str, str]] = []
        tracer = Tracer(lambda *one: warned.append(one))
        tracer.start(exporters(os.environ), os.environ)
        for number in range(8):
            tracer.put(row(id=str(number)), Asked())
        gate.set()
        tracer.close(DEADLINE)
        assert [key for key, _ in warned] == ["spans:full"] * 3
        ids = [values(span.attributes)["wiremend.id"] for span, _ in read(collector.requests)]
        assert ids == ["0", "1", "2", "3", "4"]

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        (
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "otlp_proto_grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/json"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "zipkin"),
        ),
    )
    def test_an_exporter_that_is_not_there_is_told(
        self, name: str, value: str, told: str, collector: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, value)
        ((_, message),) = exported((ROW, Asked()))
        assert told in message
        assert "http/protobuf" in message
        assert collector.requests == []

    def test_variables_that_opentelemetry_cannot_use(
        self, collector: Upstream, heard: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
        assert [key for key, _ in exported((ROW, Asked()), (ROW, Asked()))] == ["spans:start"]
        assert (collector.requests, heard) == ([], [])

    def test_a_row_that_cannot_be_a_span_costs_no_other(
        self, collector: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = describe

        def bad(one: CallRow, asked: Asked) -> spans.Described:
            if one.id == "bad":
                raise ValueError(TOKEN)
            return made(one, asked)

        monkeypatch.setattr(spans, "describe", bad)
        warned = exported((row(id="bad"), Asked()), (row(id="good"), Asked()))
        assert warned == [("spans:failed", "Wiremend failed to make a span (ValueError)")]
        assert len(read(collector.requests)) == 1

    def test_before_the_start_and_behind_the_end_nothing_happens(self) -> None:
        tracer = Tracer(lambda *_: None)
        tracer.put(ROW, Asked())
        tracer.close(0.0)
        assert tracer._thread is None


@pytest.fixture
def heard() -> Iterator[list[logging.LogRecord]]:
    """Give all that any handler of mitmproxy would see, at every level."""
    records: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, ear = logging.getLogger(), Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(1)
    yield records
    root.setLevel(level)
    root.removeHandler(ear)
