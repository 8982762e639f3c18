"""The exchanges through a real proxy: one provider plays all three wires, one gateway serves all six directions.

The name of the model says which provider, so which wire, and which exchange: ``lab-chat/one-tool``.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab import Client, Mitm, Upstream
from tests.lab.sdk import KEY
from tests.oracles import Served
from tests.translate.exchanges import EXCHANGES
from tests.translate.kit import chunks_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Reply, Request
    from tests.translate.exchanges import Exchange
    from tests.translate.said import Wire

RULES: Final = """\
# What the translations were recorded with. One provider, a script on this machine, under a name for each wire.
providers:
  lab-messages: {base_url: "${LAB_URL}/v1", speaks: [messages], key: $LAB_KEY}
  lab-chat: {base_url: "${LAB_URL}/v1", speaks: [chat], key: $LAB_KEY}
  lab-responses: {base_url: "${LAB_URL}/v1", speaks: [responses], key: $LAB_KEY}
"""
OUR_KEY: Final = "sk-lab-FAKE9876543210"
PATHS: Final[dict[Wire, str]] = {
    "messages": "/v1/messages",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
}
AGENTS: Final[dict[Wire, str]] = {
    "messages": "Anthropic/Python 2.11.0",
    "chat": "OpenAI/Python 3.52.0",
    "responses": "OpenAI/Python 3.52.0",
}
COUNTS: Final = {"/v1/messages/count_tokens", "/v1/responses/input_tokens"}
COUNTED: Final = 4_711
"""What the provider says of every prompt, where its wire can be asked for the number."""

_OF_PATH: Final = {path: wire for wire, path in PATHS.items()}


def play(request: Request, reply: Reply) -> None:
    """Answer on the wire that is asked, with the exchange that the model's name says, one event a chunk."""
    asked = json.loads(request.body)
    if request.path in COUNTS:
        reply.json(200, {"input_tokens": COUNTED})
        return
    wire, exchange = _OF_PATH[request.path], EXCHANGES[asked["model"]]
    chunks, kind = chunks_of(exchange.reply, wire, stream=asked.get("stream", False))
    if exchange.reply.status >= 400:
        reply.body(exchange.reply.status, [("content-type", kind)], b"".join(chunks))
        return
    reply.head(200, [("content-type", kind)])
    for chunk in chunks:
        reply.send(chunk)
    reply.cut() if exchange.reply.cut else reply.end()


@contextmanager
def stage(folder: Path | None = None) -> Iterator[tuple[Upstream, Mitm]]:
    """Give the provider and the proxy; captures go to ``folder``."""
    options = {"wiremend_capture": folder} if folder else {}
    upstream = Upstream(play)
    with upstream, Mitm(RULES, env={"LAB_URL": upstream.url, "LAB_KEY": OUR_KEY}, options=options) as proxy:
        yield upstream, proxy


def ask(proxy: Mitm, exchange: Exchange, client: Wire, upstream: Wire, *, stream: bool = True) -> Served:
    """Send the request of an exchange as a client does, to the provider of a wire; give the reply as SDKs read it."""
    body = exchange.request(client, stream=stream) | {"model": f"lab-{upstream}/{exchange.name}"}
    carrier = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    headers = {
        "host": f"127.0.0.1:{proxy.port}",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": AGENTS[client],
        **(carrier if client == "messages" else {"authorization": f"Bearer {KEY}"}),
    }
    with Client.plain(proxy.port) as http:
        response = http.request(
            "POST", PATHS[client], headers, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        )
        return Served(response.read(), response.status, response.get("content-type") or "", whole=not stream)
