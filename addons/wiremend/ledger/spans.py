"""One OpenTelemetry span a call, by the semantic conventions for GenAI.

The names are those of ``docs/gen-ai/gen-ai-spans.md`` of https://github.com/open-telemetry/semantic-conventions-genai
at commit 002c8a6, which builds on the general conventions v1.41.1; its state is "Development". What is Wiremend's own
is named ``wiremend.*``. A span holds names and numbers only, no prompt and no text of an error (G8).

The span covers the call with all its tries, as the conventions ask for. A try is an event of the span rather than a
span below it: whoever counts calls or adds up tokens over spans of the kind CLIENT counts each call once.

:func:`describe` says what a span is, and needs no OpenTelemetry. The :class:`Tracer` is a thread that imports it,
makes spans of rows and gives them to the exporters that the standard variables name; the event loop only puts rows
into its bounded queue.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from wiremend import __version__
from wiremend.ledger.hush import hushed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Tracer as Starter

    from wiremend.ledger.row import CallRow

type Value = str | bool | int | float | Sequence[str]

MISSING: Final = "spans need OpenTelemetry, which is not installed: pip install 'wiremend[otel]'"

WAITING: Final = 2048
"""Rows that wait to become spans at most, as many as OpenTelemetry's own queue holds; further ones are dropped."""

ATTEMPT: Final = "wiremend.attempt"
"""The name of the event that stands for one try."""

_BAD: Final = 400
_GROUP: Final = "opentelemetry_traces_exporter"

_OPERATIONS: Final = (
    ("/count_tokens", "count_tokens"),
    ("/input_tokens", "count_tokens"),
    ("/embeddings", "embeddings"),
    ("/messages", "chat"),
    ("/chat/completions", "chat"),
    ("/responses", "chat"),
    ("/completions", "text_completion"),
    ("/models", "list_models"),
)
"""What a path asks for: the conventions' word, or one of ours where they have none."""

_PROVIDERS: Final = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "chatgpt.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.kimi.ai": "moonshot_ai",
    "api.kimi.com": "moonshot_ai",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
"""The conventions' words for providers, by host; for another, its name in the rules."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a row does not say of its call: whose child the span is (W3C Trace Context), and where the call went.

    ``stream`` tells whether a stream was asked for, ``answered`` is the model that answered, as the provider says.
    """

    traceparent: str | None = None
    tracestate: str | None = None
    stream: bool = False
    answered: str | None = None
    address: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """An event of a span. ``at`` is nanoseconds since 1970."""

    name: str
    at: int
    attributes: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Described:
    """A span as it is to be made. Times are nanoseconds since 1970; ``error`` is a word, where it failed."""

    name: str
    start: int
    end: int
    error: str | None
    attributes: dict[str, Value]
    moments: tuple[Moment, ...] = field(default=())


def wanted(environ: Mapping[str, str]) -> bool:
    """Tell whether the standard variables ask for spans. An empty variable is one that is not set."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    names = exporters(environ)
    named = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    return bool(names) and any(environ.get(name, "").strip() for name in named)


def exporters(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Give the names of ``OTEL_TRACES_EXPORTER``, which is ``otlp`` unless it says otherwise; none for ``none``."""
    text = environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    return () if "none" in names else names


def has_opentelemetry() -> bool:
    """Tell whether the extra is installed; imports nothing but the namespace it lies in."""
    try:
        return find_spec("opentelemetry.sdk.trace") is not None
    except ModuleNotFoundError:
        return False


def operation(row: CallRow) -> str:
    """Give the operation of a call, by the end of its path; where that says nothing, it is ``chat``."""
    path = (row.path or "").partition("?")[0].rstrip("/")
    return next((word for end, word in _OPERATIONS if path.endswith(end) or f"{end}/" in path), "chat")


def error_type(row: CallRow) -> str | None:
    """Give the class of error that a call ended in, None for none.

    It is the status, or what the last try failed of (:class:`~wiremend.ledger.row.Try`), or ``cancelled`` where the
    client went away, or ``_OTHER``.
    """
    if row.status is not None and row.status >= _BAD:
        return str(row.status)
    if row.status is not None and row.error is None:
        return None
    if row.error is not None and "client" in row.error.lower() and "disconnect" in row.error.lower():
        return "cancelled"
    last = row.attempts[-1].trouble if row.attempts else None
    return last or ("_OTHER" if row.error is not None else "connection")


def describe(row: CallRow, asked: Asked) -> Described:
    """Say what the span of a call is."""
    start, model, word = _nanoseconds(row.time), row.model or row.asked, operation(row)
    error = error_type(row)
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": word,
        "gen_ai.provider.name": _PROVIDERS.get(asked.address or "", row.provider or asked.address or "unknown"),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": True if asked.stream else None,
        "gen_ai.response.model": asked.answered,
        "gen_ai.response.finish_reasons": (row.stop_reason,) if row.stop_reason else None,
        "gen_ai.response.time_to_first_chunk": row.first_byte_s if asked.stream else None,
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
        "server.address": asked.address,
        "server.port": asked.port if asked.address else None,
        "http.response.status_code": row.status,
        "error.type": error,
        "wiremend.id": row.id or None,
        "wiremend.client": row.client,
        "wiremend.agent": row.agent,
        "wiremend.asked_model": row.asked,
        "wiremend.provider": row.provider,
        "wiremend.route": row.route,
        "wiremend.wire": row.wire,
        "wiremend.upstream_wire": row.upstream_wire,
        "wiremend.attempts": len(row.attempts) or None,
        "wiremend.first_byte_s": row.first_byte_s,
        "wiremend.overhead_ms": row.overhead_ms,
        "wiremend.mended": row.mended or None,
        "wiremend.losses": row.losses or None,
        "wiremend.capture": row.capture,
    }
    return Described(
        f"{word} {model}" if model else word,
        start,
        start + _nanoseconds(row.total_s),
        error,
        _present(attributes),
        _tries(row, start),
    )


def _tries(row: CallRow, start: int) -> tuple[Moment, ...]:
    return tuple(
        Moment(
            ATTEMPT,
            start + _nanoseconds(one.at_s),
            _present(
                {
                    "wiremend.attempt.number": number,
                    "wiremend.provider": one.provider,
                    "gen_ai.request.model": one.model,
                    "http.response.status_code": one.status,
                    "error.type": one.trouble,
                    "wiremend.attempt.duration_s": one.total_s,
                }
            ),
        )
        for number, one in enumerate(row.attempts, 1)
    )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000) * 1000  # a float of today's seconds holds no more than microseconds


def _present(attributes: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


class Tracer:
    """The thread that makes spans. ``warn`` gets a key and a message, from any thread; each key is to be told once."""

    def __init__(self, warn: Callable[[str, str], None]) -> None:
        """Begin without a thread."""
        self._warn = warn
        self._rows: queue.Queue[tuple[CallRow, Asked] | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def start(self, names: tuple[str, ...], environ: Mapping[str, str]) -> None:
        """Start the thread, which imports OpenTelemetry; ``names`` are those of exporters, as :func:`exporters` gives.

        The rest of the variables OpenTelemetry reads by itself.
        """
        self._thread = threading.Thread(target=self._run, args=(names, dict(environ)), name="wiremend: spans")
        self._thread.daemon = True
        self._thread.start()

    def put(self, row: CallRow, asked: Asked) -> None:
        """Take a finished call. It waits for nothing."""
        if self._thread is None:
            return
        try:
            self._rows.put_nowait((row, asked))
        except queue.Full:
            self._warn("spans:full", f"more than {WAITING} calls wait to become spans; further ones are dropped")

    def close(self, seconds: float) -> None:
        """Export what waits, for so long at most, and end."""
        if self._thread is None:
            return
        end = time.monotonic() + seconds
        try:
            self._rows.put(None, timeout=seconds)
        except queue.Full:
            return  # the thread hangs; it is a daemon, and ends with the process
        self._thread.join(max(0.0, end - time.monotonic()))

    # -- in the thread

    def _run(self, names: tuple[str, ...], environ: Mapping[str, str]) -> None:
        with hushed():
            try:
                provider = _provider(names, environ, self._warn)
                starter = provider.get_tracer("wiremend", __version__) if provider is not None else None
            except Exception as error:  # noqa: BLE001 - a variable of OpenTelemetry that it cannot use, for one; no span is worth an outage
                self._warn("spans:start", f"no spans: OpenTelemetry did not start ({type(error).__name__})")
                provider = starter = None
            while (item := self._rows.get()) is not None:
                if starter is None:
                    continue
                try:
                    _make(starter, *item)
                except Exception as error:  # noqa: BLE001 - the edge (G7): the thread goes on
                    self._warn("spans:failed", f"Wiremend failed to make a span ({type(error).__name__})")
            if provider is not None:
                provider.shutdown()


def _make(starter: Starter, row: CallRow, asked: Asked) -> None:
    from opentelemetry.context import Context  # noqa: PLC0415 - an extra, and slow
    from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - as above

    said = describe(row, asked)
    carrier = {"traceparent": asked.traceparent or "", "tracestate": asked.tracestate or ""}
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    span = starter.start_span(said.name, context, SpanKind.CLIENT, said.attributes, start_time=said.start)
    for moment in said.moments:
        span.add_event(moment.name, moment.attributes, moment.at)
    if said.error is not None:
        span.set_status(Status(StatusCode.ERROR))
    span.end(said.end)


def _provider(
    names: tuple[str, ...], environ: Mapping[str, str], warn: Callable[[str, str], None]
) -> TracerProvider | None:
    """Give what makes spans, with its exporters; None where none of them can be had."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "wiremend", SERVICE_VERSION: __version__}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # `close` does, and waits not without end
    found = [made for name in names if (made := _exporter(name, environ, warn)) is not None]
    for exporter in found:
        provider.add_span_processor(BatchSpanProcessor(_watched(exporter, warn)))
    return provider if found else None


def _exporter(name: str, environ: Mapping[str, str], warn: Callable[[str, str], None]) -> SpanExporter | None:
    """Load an exporter by its name, as OpenTelemetry's own start-up does; OTLP goes by HTTP unless told otherwise."""
    entry = name
    if name == "otlp":
        protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "").strip()
        protocol = protocol or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip() or "http/protobuf"
        entry = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}.get(protocol, protocol)
    for point in entry_points(group=_GROUP, name=entry):
        made: SpanExporter = point.load()()
        return made
    warn(
        f"spans:{name}",
        f"no spans by {name}: there is no exporter {entry!r}; wiremend[otel] brings OTLP by http/protobuf",
    )
    return None


def _watched(exporter: Any, warn: Callable[[str, str], None]) -> SpanExporter:  # noqa: ANN401 - a base class that is imported late
    """Give an exporter whose failures are told once, in words of ours; OpenTelemetry would log each of them."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415 - as above

    def told(why: str) -> SpanExportResult:
        warn("spans:export", f"spans do not reach their collector{why}; they are dropped until they do")
        return SpanExportResult.FAILURE

    class Watched(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            with hushed():
                try:
                    result: SpanExportResult = exporter.export(spans)
                except Exception as error:  # noqa: BLE001 - the edge (G7): whatever an exporter raises, its thread goes on
                    return told(f" ({type(error).__name__})")
            return told("") if result is not SpanExportResult.SUCCESS else result

        def shutdown(self) -> None:
            with hushed():
                exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            with hushed():
                return bool(exporter.force_flush(timeout_millis))

    return Watched()
