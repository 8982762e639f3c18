"""What an event costs in each of the peers, beside the bare mitmdump and Wiremend: the lanes of ``bench.paced``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from bench.paced import AT_ONCE, EVENTS, LIMIT, OURS, PACE, ROUNDS, Lane, measure, ours, play
from bench.peers_run import peers
from tests.lab import Upstream


def cost(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure all in one run; gives what the page shows."""
    with Upstream(play) as upstream, ExitStack() as stack:
        lanes = stack.enter_context(ours(upstream.url, remembering=True))
        for peer in peers():
            if peer.name != OURS:
                running = stack.enter_context(peer.started(upstream.url))
                lanes[peer.name] = Lane(running.port, running.pid, peer.models["messages", "chat"])
        spent = measure(lanes, rounds)
    said = {"events": EVENTS, "pace_ms": PACE * 1e3, "at_once": AT_ONCE, "calls": rounds * AT_ONCE, "limit": LIMIT}
    return said | {"proxies": {name: one._asdict() for name, one in spent.items()}}
