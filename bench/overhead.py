"""What Wiremend costs: the same streamed calls through a bare mitmdump and through Wiremend, side by side in one run.

    .venv/bin/python -m bench.overhead [CALLS] [EVENTS]

The bare mitmdump streams (``stream = True``) and knows one destination, nothing else: less than any proxy for agents
can do. Calls alternate between the two, so that a machine that slows down slows both. Printed are processor time a call
and an event of each proxy process, and the time to the first byte; read the ratios, not the figures.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from tests.lab import Client, Mitm, Reply, Request, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

BARE = """
import json, os

class Bare:
    def load(self, loader):
        loader.add_option("wiremend_ready", str, "", "")
        loader.add_option("wiremend_calls", str, "", "")
        loader.add_option("wiremend_rules", str, "", "")
        loader.add_option("wiremend_parent", int, 0, "")

    def running(self):
        from mitmproxy import ctx
        ctx.options.connection_strategy = "lazy"
        port = ctx.master.addons.get("proxyserver").listen_addrs()[0][1]
        seen = {"pid": os.getpid(), "port": port, "addresses": [], "ca": "", "rules": "", "rules_hash": ""}
        with open(ctx.options.wiremend_ready + ".part", "w") as file:
            json.dump(seen, file)
        os.replace(ctx.options.wiremend_ready + ".part", ctx.options.wiremend_ready)

    def responseheaders(self, flow):
        flow.response.stream = True

addons = [Bare()]
"""


def script(events: int) -> Callable[[Request, Reply], None]:
    """Give an upstream that streams a chat answer of so many events, each in a chunk of its own."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    delta = {**chunk, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
    last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = [f"data: {json.dumps(delta)}\n\n".encode()] * events + [
        f"data: {json.dumps(last)}\n\n".encode(),
        b"data: [DONE]\n\n",
    ]

    def answer(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for line in lines:
            reply.send(line)
        reply.end()

    return answer


def call(port: int, body: bytes) -> float:
    """Make one call; gives the seconds to the first byte of the answer's body."""
    with Client.plain(port) as client:
        headers = {"host": "127.0.0.1", "content-type": "application/json", "authorization": "Bearer sk-FAKE-bench"}
        began = time.perf_counter()
        response = client.request("POST", "/v1/chat/completions", headers, body)
        chunks = response.chunks()
        next(chunks)
        first = time.perf_counter() - began
        for _ in chunks:
            pass
        return first


def main(calls: int, events: int) -> None:
    """Run and print."""
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x" * 70_000}]}).encode()
    with TemporaryDirectory() as folder, Upstream(script(events)) as upstream:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        rules = f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab/m\n"
        options = {"flow_detail": 0, "termlog_verbosity": "error"}
        with (
            Mitm(None, addon=bare, mode=[f"reverse:{upstream.url}@127.0.0.1:0"], options=options) as one,
            Mitm(rules, options=options) as two,
        ):
            measured: dict[str, list[float]] = {"bare mitmdump": [], "Wiremend": []}
            proxies = {"bare mitmdump": one, "Wiremend": two}
            processes = {name: psutil.Process(proxy.process.pid) for name, proxy in proxies.items()}
            for proxy in proxies.values():
                call(proxy.port, body)  # warm
            before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
            for _ in range(calls):
                for name, proxy in proxies.items():
                    measured[name].append(call(proxy.port, body))
            spent = {name: sum(process.cpu_times()[:2]) - before[name] for name, process in processes.items()}
    for name, firsts in measured.items():
        used = spent[name] / calls
        first = statistics.median(firsts) * 1000
        cost = f"{used * 1e3:7.2f} ms CPU a call, {used / events * 1e6:6.1f} us an event"
        print(f"{name:<14} {cost}, first byte {first:6.2f} ms")
    ratio = spent["Wiremend"] / spent["bare mitmdump"]
    late = statistics.median(measured["Wiremend"]) / statistics.median(measured["bare mitmdump"])
    print(f"ratio          {ratio:7.2f} in CPU, {late:.2f} in first byte   ({calls} calls of {events} events)")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [30, 400][len(given) :]))
