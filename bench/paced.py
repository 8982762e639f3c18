"""What an event costs in proxies that many ask at once: a messages client, a provider of chat that keeps its own pace.

    .venv/bin/python -m bench.paced [ROUNDS]

The provider sends an event each two milliseconds, eight clients ask at once, and the proxies take turns, so that a
machine that slows down slows all. Counted is the processor's time of a proxy's process and its children, until they
rest again. Short streams and long ones are told apart: the cost of an event is their difference, so that the cost of a
call is not in it; that of an event with its part of the call is given too. A bare mitmdump that streams, and knows one
destination and no wire, is the measure of all.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psutil

from tests.lab import Client, Mitm, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab import Reply, Request

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

LAST = b"the last word"
"""What the last event of text says."""


def lines(events: int, text: str = "word ") -> list[bytes]:
    """Give a chat answer of so many events."""
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    role = {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    delta = {**chunk, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    more = f"data: {json.dumps(delta)}\n\n".encode()
    ends = [f"data: {json.dumps(last)}\n\n".encode(), b"data: [DONE]\n\n"]
    word = more.replace(json.dumps(text).encode(), json.dumps(LAST.decode()).encode())
    return [f"data: {json.dumps(role)}\n\n".encode(), *[more] * (events - 1), word, *ends]


EVENTS: Final = 200
SHORT: Final = 20
PACE: Final = 0.002
"""Seconds between two events."""

AT_ONCE: Final = 8
ROUNDS: Final = 6
QUIET: Final = 0.3
PATIENCE: Final = 15.0
"""Seconds that a process is given to come to rest."""

LIMIT: Final = 1.4
"""What an event may cost that Wiremend translates, where it remembers nothing, against the bare mitmdump."""

BARELY: Final = "bare mitmdump"
OURS: Final = "Wiremend"
REMEMBERING: Final = "Wiremend, remembering each exchange"
KEY: Final = "sk-FAKE-lab-client-of-a-proxy-on-loopback"
"""What clients show to a proxy: long enough for one that looks at that."""

_OPTIONS: Final = {"flow_detail": 0, "termlog_verbosity": "error"}


class Lane(NamedTuple):
    """A proxy that is measured: its port, its process and the model to ask for."""

    port: int
    pid: int
    model: str


class Spent(NamedTuple):
    """What it took: microseconds of CPU for an event, and for one with its part of the call; seconds for a stream."""

    event_us: float
    whole_us: float
    stream_s: float


def play(request: Request, reply: Reply) -> None:
    """Answer with as many events as the user's words say, an event each two milliseconds."""
    if not request.body:
        reply.body(404, [], b"")
        return
    content = json.loads(request.body)["messages"][-1]["content"]
    said = content if isinstance(content, str) else content[-1]["text"]
    reply.head(200, [("content-type", "text/event-stream")])
    due = time.perf_counter()
    for line in lines(int(said.split()[-1])):
        due += PACE
        time.sleep(max(0.0, due - time.perf_counter()))
        reply.send(line)
    reply.end()


def call(port: int, model: str, events: int) -> tuple[int, float]:
    """Make one call, and give the bytes that came, and the seconds until they had."""
    turns = [{"role": "user", "content": f"events: {events}"}]
    body = json.dumps({"model": model, "max_tokens": 9_000, "stream": True, "messages": turns}).encode()
    headers = {
        "host": f"127.0.0.1:{port}",
        "content-type": "application/json",
        "x-api-key": KEY,
        "authorization": f"Bearer {KEY}",
        "anthropic-version": "2023-06-01",
        "accept-encoding": "identity",
    }
    began = time.perf_counter()
    with Client.plain(port) as client:
        size = len(client.request("POST", "/v1/messages", headers, body).read())
    return size, time.perf_counter() - began


@contextmanager
def ours(upstream: str, *, remembering: bool = False) -> Iterator[dict[str, Lane]]:
    """Run the bare mitmdump, and Wiremend: without remembering, and where it is asked for as it is by itself too."""
    rules = f"providers:\n  lab-chat: {{base_url: '{upstream}/v1', speaks: [chat], key: client}}\n"
    with TemporaryDirectory() as folder, ExitStack() as stack:

        def lane(model: str, rules: str | None = None, **more: Any) -> Lane:  # noqa: ANN401  what Mitm takes
            proxy = stack.enter_context(Mitm(rules, options=_OPTIONS, **more))
            return Lane(proxy.port, proxy.process.pid, model)

        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        found = {BARELY: lane("m", addon=bare, mode=[f"reverse:{upstream}@127.0.0.1:0"])}
        found[OURS] = lane("lab-chat/m", f"{rules}capture: off\n")
        if remembering:
            found[REMEMBERING] = lane("lab-chat/m", rules)
        yield found


def measure(lanes: Mapping[str, Lane], rounds: int = ROUNDS) -> dict[str, Spent]:
    """Let all take turns in front of :func:`play`. Raises RuntimeError where one does not give the events."""
    used = {name: {SHORT: 0.0, EVENTS: 0.0} for name in lanes}
    took: dict[str, list[float]] = {name: [] for name in lanes}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(rounds + 1):  # the first warms all, and does not count
            for name, lane in lanes.items():
                for events in (SHORT, EVENTS):
                    before = rested(lane.pid)
                    did = [pool.submit(call, lane.port, lane.model, events) for _ in range(AT_ONCE)]
                    sizes, seconds = zip(*(one.result() for one in did), strict=True)
                    if min(sizes) < events * 20:
                        raise RuntimeError(f"{name} gave no {events} events: {sizes}")
                    if turn:
                        used[name][events] += rested(lane.pid) - before
                        took[name] += seconds if events == EVENTS else ()
    calls = rounds * AT_ONCE
    return {
        name: Spent(
            round((mine[EVENTS] - mine[SHORT]) / calls / (EVENTS - SHORT) * 1e6, 1),
            round(mine[EVENTS] / calls / EVENTS * 1e6, 1),
            round(statistics.median(took[name]), 3),
        )
        for name, mine in used.items()
    }


def rested(pid: int) -> float:
    """Give the seconds of CPU that a process and its children have spent, once they rest."""
    end = time.monotonic() + PATIENCE
    while True:
        before = _used(pid)
        time.sleep(QUIET)
        if _used(pid) - before < QUIET / 20 or time.monotonic() > end:
            return before


def _used(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


def main(rounds: int = ROUNDS) -> int:
    """Measure and print; gives 1 where an event costs more than it may."""
    with Upstream(play) as upstream, ours(upstream.url, remembering=True) as lanes:
        spent = measure(lanes, rounds)
    print(f"translating, {AT_ONCE} at once, {EVENTS} events {PACE * 1e3:g} ms apart:")
    bare = spent[BARELY]
    for name, one in spent.items():
        print(
            f"  {name}: {one.event_us:.1f} us CPU an event, {one.event_us / bare.event_us:.2f} times the bare one's"
            f" (with its part of the call {one.whole_us:.1f} us, {one.whole_us / bare.whole_us:.2f} times)"
        )
    ratio = spent[OURS].event_us / bare.event_us
    print(f"translating / {BARELY}: {ratio:.2f} an event (limit {LIMIT:.2f})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
