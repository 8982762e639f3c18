"""What LiteLLM, claude-code-router and Wiremend make of the same exchanges, and what an event costs in each.

    .venv/bin/python -m bench.peers [exchanges] [cost]

Installs the peers that ``bench/peers/`` pins, runs each in front of the same provider on loopback, plays the table of
``tests/translate/exchanges.py`` in each direction that a peer has, and lets ``bench.peers_judge`` judge. What it finds
goes to ``bench/peers/results.json``, and ``docs/peers.md`` is made out of that. With a word, only that half is measured
anew. The bytes themselves are left in ``.tools/peers/recorded`` for who wants to look.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from bench.paced import KEY as CLIENT_KEY
from bench.peers_cost import cost
from bench.peers_judge import Came, judged, word
from bench.peers_page import PAGE, RESULTS, page
from bench.peers_run import TOOLS, install, peers
from tests.lab import Client, Upstream
from tests.oracles import Served
from tests.translate.exchanges import EXCHANGES
from tests.translate.kit import chunks_of
from tests.translate.live import AGENTS, PATHS

if TYPE_CHECKING:
    from bench.peers_run import Peer
    from tests.lab import Reply, Request
    from tests.translate.exchanges import Exchange
    from tests.translate.said import Wire

RECORDED: Final = TOOLS / "recorded"
PACE: Final = 0.01
"""Seconds between two events of the provider, so that each comes alone, as from a model."""

_WIRES: Final = {path: wire for wire, path in PATHS.items()}


class Provider:
    """A provider of all three wires, which answers as the exchange of the moment says, and keeps what it is asked."""

    def __init__(self) -> None:
        """Begin with no exchange."""
        self._lock = threading.Lock()
        self._exchange: Exchange | None = None
        self._asked: list[Any] = []

    def play(self, exchange: Exchange) -> None:
        """Answer with this exchange from now on."""
        with self._lock:
            self._exchange, self._asked = exchange, []

    def asked(self) -> list[Any]:
        """Give the bodies that came since."""
        with self._lock:
            return self._asked[:]

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer."""
        wire = _WIRES.get(request.path.partition("?")[0])
        if wire is None or self._exchange is None:
            reply.body(404, [("content-type", "application/json")], b'{"error":{"message":"not here"}}')
            return
        body = json.loads(request.body)
        with self._lock:
            self._asked.append(body)
            said = self._exchange.reply
        chunks, kind = chunks_of(said, wire, stream=body.get("stream", False))
        if named := free_text(body):
            chunks = tuple(chunk.replace(rb"\"input\"", rf"\"{named}\"".encode()) for chunk in chunks)
        if said.status >= 400:  # noqa: PLR2004  the errors of HTTP
            reply.body(said.status, [("content-type", kind)], b"".join(chunks))
            return
        reply.head(200, [("content-type", kind)])
        for chunk in chunks:
            time.sleep(PACE)
            reply.send(chunk)
        time.sleep(PACE)
        reply.cut() if said.cut else reply.end()


def free_text(body: Any) -> str | None:  # noqa: ANN401  JSON
    """Give the property in which a function that stands for a tool of free text wants the text, where it has one."""
    tools = body.get("tools") or [{}]
    function = tools[0].get("function", tools[0])
    properties = (function.get("parameters") or function.get("input_schema") or {}).get("properties", {})
    return next(iter(properties)) if [one.get("type") for one in properties.values()] == ["string"] else None


def ask(port: int, client: Wire, exchange: Exchange, model: str) -> tuple[Served | None, bool]:
    """Send the request of an exchange as a client does; give the reply, and whether the connection broke off."""
    headers = {
        "host": f"127.0.0.1:{port}",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": AGENTS[client],
        "authorization": f"Bearer {CLIENT_KEY}",
    }
    if client == "messages":
        headers |= {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01"}
    body = json.dumps(exchange.request(client) | {"model": model}, ensure_ascii=False).encode()
    try:
        with Client.plain(port) as http:
            response = http.request("POST", PATHS[client], headers, body)
            said = response.read()
            kind = response.get("content-type") or ""
            return Served(said, response.status, kind), response.ending != "whole"
    except TimeoutError:
        return None, False
    except ConnectionError:
        return Served(b"", 0, ""), True


def exchanges(peer: Peer) -> dict[str, Any]:
    """Play all exchanges through a peer; give what was found, by direction and name."""
    provider, found = Provider(), {}
    with Upstream(provider) as upstream, peer.started(upstream.url) as running:
        for client, wire in peer.models:
            mine: dict[str, Any] = {}
            provider.play(EXCHANGES["text"])
            ask(running.port, client, EXCHANGES["text"], peer.models[client, wire])  # warm: the first is not judged
            for name, exchange in EXCHANGES.items():
                if client not in exchange.asks:
                    continue
                provider.play(exchange)
                served, broken = ask(running.port, client, exchange, peer.model((client, wire), name))
                came = Came(tuple(provider.asked()), served, broken)
                faults = judged(exchange, client, wire, came)
                mine[name] = {
                    "word": word(faults),
                    "findings": [f"{one.about}: {one.kind}: {one.what}" for one in faults],
                }
                _keep(peer, f"{client}-{wire}", name, came)
            found[f"{client} → {wire}"] = mine
    return found


def _keep(peer: Peer, direction: str, name: str, came: Came) -> None:
    folder = RECORDED / peer.name / direction
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.request.json").write_text(json.dumps(came.bodies, ensure_ascii=False, indent=1), "utf-8")
    (folder / f"{name}.reply").write_bytes(came.served.body if came.served else b"")


def main(halves: list[str]) -> int:
    """Measure, and write the results and the page."""
    install()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    results["versions"] = {peer.name: peer.version for peer in peers()}
    results["python"], results["machine"] = platform.python_version(), platform.machine()
    if "exchanges" in halves:
        shutil.rmtree(RECORDED, ignore_errors=True)
        results["exchanges"] = {peer.name: exchanges(peer) for peer in peers()}
    if "cost" in halves:
        results["cost"] = cost()
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(results), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["exchanges", "cost"]))
