"""The addons in mitmproxy's own test context: no socket, hooks called one by one."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow

from wiremend.mitm.calls import Calls
from wiremend.mitm.gateway import Gateway
from wiremend.mitm.house import House
from wiremend.mitm.remember import Remember
from wiremend.mitm.reply import Reply
from wiremend.mitm.rewrite import Rewrite
from wiremend.mitm.tries import Tries
from wiremend.mitm.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Addons:
    """The addons that meet a request, sharing a house."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Make them, as `load_addons` does; ``now`` is the clock of tries."""
        self.house = House()
        self.tunnel = Tunnel(self.house)
        self.remember = Remember(self.house)
        self.tries = Tries(self.house, self.remember, now, lambda: 0.5)
        self.reply = Reply(self.house, self.remember, self.tries)
        self.calls = Calls(self.house)
        self.gateway = Gateway(self.house, self.tunnel, self.reply)
        self.rewrite = Rewrite(self.house, self.remember, self.tries)

    def request(self, flow: http.HTTPFlow) -> None:
        """Call the hooks of a request, as mitmproxy does."""
        self.gateway.requestheaders(flow)
        self.calls.requestheaders(flow)
        self.rewrite.request(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """Call the hooks at the end of a response."""
        self.reply.response(flow)
        self.tries.response(flow)
        self.calls.response(flow)


@contextmanager
def addons(folder: Path, rules: str, now: Callable[[], float] = time.monotonic) -> Iterator[Addons]:
    """Load the addons with a rules file."""
    path = folder / "rules.yaml"
    path.write_text(rules, "utf-8")
    made = Addons(now)
    with taddons.context(made.house, made.gateway, made.tunnel, made.rewrite, made.reply, made.calls) as context:
        context.configure(made.house, wiremend_rules=str(path))
        yield made


def flow(
    url: str, *, peer: str = "127.0.0.1", headers: dict[str, str] | None = None, body: bytes = b'{"model":"m"}'
) -> http.HTTPFlow:
    """Make a flow of the HTTPS proxy, from a client at ``peer``."""
    made = tflow.tflow()
    made.client_conn.peername = (peer, 54321)
    made.client_conn.proxy_mode = ProxyMode.parse("regular")
    fields = {"content-type": "application/json", **(headers or {})}
    made.request = http.Request.make(
        "POST", url, body, http.Headers([(k.encode(), v.encode()) for k, v in fields.items()])
    )
    return made


def at_gateway(made: Addons, one: http.HTTPFlow, host: str = "127.0.0.1:8080") -> http.HTTPFlow:
    """Turn a flow into one that came to the gateway."""
    made.house.gateways.add(one.client_conn.id)
    one.request.host, one.request.port, one.request.scheme = "gateway.invalid", 80, "http"
    one.request.headers["host"] = host
    return one
