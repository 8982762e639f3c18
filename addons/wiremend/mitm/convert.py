"""Between mitmproxy's requests and Wiremend's: headers, addresses, and back into the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import http

from wiremend.headers import Headers
from wiremend.pipeline.outcome import ClientRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wiremend.pipeline.outcome import Rewritten
    from wiremend.rules.facts import Style

_FRAMING = ("content-length", "transfer-encoding")


def headers_of(message: http.Request | http.Response) -> Headers:
    """Give a message's headers; bytes that are not UTF-8 survive as surrogates, as mitmproxy has them."""
    return from_fields(message.headers.fields)


def from_fields(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Give headers of mitmproxy's fields."""
    return Headers(
        tuple(
            (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            for name, value in fields
        )
    )


def to_fields(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """Give headers as mitmproxy's fields."""
    return tuple(
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in headers.fields
    )


def request_of(flow: http.HTTPFlow, *, style: Style, addressed: bool, agent: str | None) -> ClientRequest:
    """Give a flow's request as the pipeline takes it. ``addressed``: the client named the destination itself."""
    request = flow.request
    return ClientRequest(
        style=style,
        method=request.method,
        scheme=request.scheme,
        host=request.host if addressed else None,
        port=request.port,
        target=request.path,
        headers=headers_of(request),
        body=request.raw_content or b"",
        agent=agent or None,
    )


def write_back(flow: http.HTTPFlow, rewritten: Rewritten) -> None:
    """Put a rewritten request into its flow."""
    request, destination = flow.request, rewritten.destination
    request.scheme = destination.scheme
    request.host = destination.host
    request.port = destination.port
    request.path = destination.path
    wanted = to_fields(rewritten.headers)
    if wanted != request.headers.fields:
        request.headers = http.Headers(wanted)
    if rewritten.body is not None:
        request.raw_content = rewritten.body
        if "transfer-encoding" not in request.headers:
            request.headers["content-length"] = str(len(rewritten.body))


def write_again(flow: http.HTTPFlow, rewritten: Rewritten, asked: ClientRequest) -> None:
    """Put another try's request into a flow that has held one already; ``asked`` is as the client sent it."""
    flow.request.headers = http.Headers(to_fields(rewritten.headers))
    flow.request.raw_content = asked.body
    write_back(flow, rewritten)
    if rewritten.body is None and "content-length" in flow.request.headers:
        flow.request.headers["content-length"] = str(len(asked.body))


def frame(flow: http.HTTPFlow) -> None:
    """Say how long a request's body is, where nobody has.

    A client of HTTP/2 need not say it. Towards an upstream of HTTP/1.1 mitmproxy 12.2.3 adds nothing, so the upstream
    would see no body, and take its bytes for the next request.
    """
    request = flow.request
    if request.raw_content and not request.stream and not any(name in request.headers for name in _FRAMING):
        request.headers["content-length"] = str(len(request.raw_content))
