"""What Wiremend costs: the same streamed calls through a bare mitmdump and three of Wiremend, side by side in one run.

    .venv/bin/python -m bench.overhead [CALLS] [EVENTS]

The bare mitmdump streams (``stream = True``) and knows one destination, nothing else: less than any proxy for agents
can do. Wiremend mends by its contract, the streams are healthy; one of the three remembers every exchange, which is its
usual way, the others have that switched off, and one of these translates for a client of messages. Calls alternate
between the four, so that a machine that slows down slows all, and between short and long streams, so that the cost of
an event (the difference of the two, divided by the difference of their events) is told apart from the cost of a call.
What the writer of captures spends after the last call is counted. Each event waits until the client has the one before;
then the bare one and the translating one are asked by eight clients at once for an event each two milliseconds
(``bench.paced``). At last one stream of 100 MB goes through Wiremend, and the memory of the process is looked at on the
way. Read the ratios, not the figures.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from bench.paced import BARE, LAST, lines
from bench.paced import main as paced
from tests.lab import Client, Mitm, Reply, Request, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

ARRIVED = threading.Semaphore(0)
"""Let through once for each event that the client has, so that each is on its own in every process, as tokens are."""


def script(events: int, text: str = "word ") -> Callable[[Request, Reply], None]:
    """Give an upstream that streams such an answer, one event at a time: the next when the client has the last."""
    stream = lines(events, text)

    def answer(_: Request, reply: Reply) -> None:
        reply.head(200, [("content-type", "text/event-stream")])
        for line in stream:
            reply.wait(ARRIVED)
            reply.send(line)
        reply.end()

    return answer


def call(port: int, body: bytes, path: str = "/v1/chat/completions") -> float:
    """Make one call; gives the seconds to the first byte of the answer's body."""
    with Client.plain(port) as client:
        headers = {"host": "127.0.0.1", "content-type": "application/json", "authorization": "Bearer sk-FAKE-bench"}
        began = time.perf_counter()
        ARRIVED.release()
        response = client.request("POST", path, headers, body)
        chunks = response.chunks()
        next(chunks)
        first = time.perf_counter() - began
        ARRIVED.release()
        for chunk in chunks:
            # The end is the client's to say when it has the last word: what follows is held back until it is complete.
            ARRIVED.release(LEFT if LAST in chunk else 1)
        while ARRIVED.acquire(blocking=False):
            pass
        return first


LEFT = 4
"""Events that may come once the client has that: the end of a stream, of which not each gives one of its own."""

SHORT = 50
"""Events of a short stream."""

LARGE = 100 * 1024 * 1024
"""Bytes of the long stream whose memory is looked at."""

GROWTH = 8
"""MiB by which the memory may grow once a tenth of that stream has passed."""

LIMIT = 1.25
"""What an event may cost, against the bare mitmdump, where nothing is remembered."""

TRANSLATE_LIMIT = 1.40
"""What an event may cost that is translated, against the bare mitmdump, where nothing is remembered."""

CAPTURE_LIMIT = 1.10
"""What an event may cost where it is remembered, against one that is only mended."""

QUIET = 0.3
"""Seconds without work after which a process is taken to be done."""


def main(calls: int, events: int) -> int:
    """Run and print; gives 1 where an event costs more than it may."""
    body = json.dumps(
        {"model": "m", "max_tokens": 9000, "stream": True, "messages": [{"role": "user", "content": "x" * 70_000}]}
    ).encode()
    lengths = (SHORT, SHORT + events)
    with TemporaryDirectory() as folder, Upstream(script(SHORT)) as short, Upstream(script(lengths[1])) as long:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        rules = (
            f"providers:\n  short: {{base_url: '{short.url}', key: client}}\n"
            f"  long: {{base_url: '{long.url}', key: client}}\nroutes: [{{when: {{model: s}}, to: short}}]\n"
            "default: long\n"
        )
        options = {"flow_detail": 0, "termlog_verbosity": "error"}
        with ExitStack() as stack:
            proxies = {
                ("bare mitmdump", length): stack.enter_context(
                    Mitm(None, addon=bare, mode=[f"reverse:{upstream.url}@127.0.0.1:0"], options=options)
                )
                for length, upstream in zip(lengths, (short, long), strict=True)
            }
            off = f"{rules}capture: off\n"
            chat_only = off.replace("key: client}", "speaks: [chat], key: client}")
            for name, text in (("mending", off), ("capturing", rules), ("translating", chat_only)):
                proxies |= {(name, length): stack.enter_context(Mitm(text, options=options)) for length in lengths}
            bodies = {length: body.replace(b'"m"', b'"s"') if length == SHORT else body for length in lengths}
            spent, firsts = measure(proxies, bodies, calls)
    names = ("bare mitmdump", "mending", "capturing", "translating")
    event = {name: (spent[name, lengths[1]] - spent[name, SHORT]) / calls / events for name in names}
    call_ = {name: spent[name, SHORT] / calls - SHORT * event[name] for name in names}
    first = {name: statistics.median(firsts[name, SHORT] + firsts[name, lengths[1]]) for name in names}
    for name in names:
        print(
            f"{name:<14} {event[name] * 1e6:6.1f} us CPU an event, {call_[name] * 1e3:6.2f} ms a call,"
            f" first byte {first[name] * 1e3:6.2f} ms"
        )
    print(f"               ({calls} calls, {events} events more or less)")
    code = 0
    limits = (
        ("mending", "bare mitmdump", LIMIT),
        ("capturing", "mending", CAPTURE_LIMIT),
        ("translating", "bare mitmdump", TRANSLATE_LIMIT),
    )
    for name, other, limit in limits:
        ratio = event[name] / event[other]
        code |= ratio > limit
        print(
            f"{name} / {other}: {ratio:.2f} an event (limit {limit:.2f}), {call_[name] / call_[other]:.2f} a call,"
            f" {first[name] / first[other]:.2f} first byte"
        )
    return code


def measure(
    proxies: dict[tuple[str, int], Mitm], bodies: dict[int, bytes], calls: int
) -> tuple[dict[tuple[str, int], float], dict[tuple[str, int], list[float]]]:
    """Make the calls in turn; gives the seconds of CPU that each proxy spent, and its times to the first byte."""
    firsts: dict[tuple[str, int], list[float]] = {key: [] for key in proxies}
    processes = {key: psutil.Process(proxy.process.pid) for key, proxy in proxies.items()}
    for key, proxy in proxies.items():
        call(proxy.port, bodies[key[1]], _path(key[0]))  # warm
    before = {key: sum(process.cpu_times()[:2]) for key, process in processes.items()}
    for _ in range(calls):
        for key, proxy in proxies.items():
            firsts[key].append(call(proxy.port, bodies[key[1]], _path(key[0])))
    return {key: _settled(process) - before[key] for key, process in processes.items()}, firsts


def _path(name: str) -> str:
    """Give where a lane's client asks: one that is translated speaks messages, whose body says the same here."""
    return "/v1/messages" if name == "translating" else "/v1/chat/completions"


def _settled(process: psutil.Process) -> float:
    """Give the seconds of CPU that a process has spent, once it rests: what it does behind a call is its cost too."""
    while True:
        spent = sum(process.cpu_times()[:2])
        time.sleep(QUIET)
        if sum(process.cpu_times()[:2]) - spent < QUIET / 20:
            return spent


def memory() -> int:
    """Send 100 MB of events through Wiremend, and print what its memory does; gives 1 where it grows on and on."""
    text = "word " * 4000
    count = LARGE // len(text)
    with Upstream(script(count, text)) as upstream:
        rules = f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab/m\n"
        with (
            Mitm(rules, options={"flow_detail": 0, "termlog_verbosity": "error"}) as proxy,
            Client.plain(proxy.port) as client,
        ):
            process = psutil.Process(proxy.process.pid)
            headers = {"host": "127.0.0.1", "content-type": "application/json", "authorization": "Bearer sk-FAKE-bench"}
            ARRIVED.release()
            body = b'{"model":"m","stream":true,"messages":[]}'
            response = client.request("POST", "/v1/chat/completions", headers, body)
            seen, marks = 0, {}
            for chunk in response.chunks():
                ARRIVED.release()
                seen += len(chunk)
                mark = seen * 10 // LARGE
                if mark not in marks:
                    marks[mark] = process.memory_info().rss / 1024**2
    print("memory at each tenth of 100 MB of events, in MiB:", *(f"{size:.0f}" for size in marks.values()))
    sizes = list(marks.values())
    return int(sizes[-1] - sizes[1] > GROWTH)


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    code = main(*(given + [40, 2000][len(given) :]))
    sys.exit(code | paced() | memory())
