"""A request as it came in: by which way, and as the pipeline takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import ctx
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode

from wiremend.mitm.convert import request_of
from wiremend.mitm.tunnel import own_ports
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import ClientRequest


def to_ourselves(flow: HTTPFlow) -> bool:
    """Tell whether a request asks the proxy for the proxy.

    Claude Code sends plain-http URLs through HTTPS_PROXY too (measured), so a base URL that is our gateway arrives
    like this.
    """
    request = flow.request
    return (
        isinstance(flow.client_conn.proxy_mode, RegularMode)
        and request.host in LOOPBACK
        and request.port in own_ports()
    )


def came_to_gateway(house: House, flow: HTTPFlow) -> bool:
    """Tell whether a request came to the gateway: then the client addressed no host of its own."""
    return house.at_gateway(flow.client_conn) or to_ourselves(flow)


def incoming(flow: HTTPFlow, *, gateway: bool) -> ClientRequest:
    """Give a flow's request as the client sent it; ``gateway`` is what :func:`came_to_gateway` says."""
    at_gateway = gateway or isinstance(flow.client_conn.proxy_mode, ReverseMode)
    return request_of(
        flow,
        style="gateway" if at_gateway else "proxy",
        addressed=not gateway,
        agent=ctx.options.wiremend_agent,
    )
