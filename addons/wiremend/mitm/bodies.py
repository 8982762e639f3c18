"""Requests that are larger than may be: how large, and what their clients are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.http import Response

from wiremend.mitm.convert import headers_of
from wiremend.pipeline.bounds import most_request, too_large
from wiremend.pipeline.outcome import REFUSED
from wiremend.protocols import WIRES
from wiremend.rules.facts import wire_of
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.house import House


def most(house: House, flow: HTTPFlow) -> int | None:
    """Give the bytes that a request's body may have while it comes; None where it may have any number.

    That is what the provider with the largest limit takes, for it is not decided yet where the request goes. Requests
    that ask no model for anything are not limited: uploads of files, and all that is no business of ours.
    """
    resolved, found = house.resolved, locate(flow.request.path)
    if resolved is None or flow.is_replay or found is None or found.endpoint.kind not in {"generate", "count", "embed"}:
        return None
    return most_request(resolved.rules)


def declared(flow: HTTPFlow) -> int:
    """Give the length that a request's head says its body has; 0 where it says none."""
    text = flow.request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def refusal(flow: HTTPFlow, largest: int) -> Response:
    """Give the answer to a request whose body has more bytes than that, in its own wire's words."""
    refused = too_large(largest)
    wire = WIRES[wire_of(locate(flow.request.path), headers_of(flow.request)) or "chat"]
    body = wire.error_body(refused.status, "request_too_large", f"Wiremend: {refused}")
    return Response.make(refused.status, body, dict(REFUSED))
