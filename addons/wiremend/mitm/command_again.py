"""Sending a client's request once more, through today's rules, as a flow of its own.

mitmproxy's own replay sends again what left, past the rules. Here a new flow takes the client's request as it came
(:mod:`~wiremend.mitm.originals`), and goes through the pipeline as if the client had asked again, under our own layers:
its reply is mended, ended legally and remembered. Nobody waits for it but the person who looks.

Stands on mitmproxy's ``ReplayHandler``; ``tests/mitm/test_commands.py`` says when it is not what it was.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mitmproxy import ctx, http
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.connection import Client, Server

from wiremend.mitm.convert import to_fields
from wiremend.mitm.exchange import METADATA, Again
from wiremend.mitm.gateway import NOWHERE
from wiremend.mitm.layer import adopt
from wiremend.mitm.mending import SHOWN

if TYPE_CHECKING:
    from wiremend.mitm.endings import Endings
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.model import Target


class Sender:
    """Sends requests again."""

    def __init__(self, house: House, endings: Endings) -> None:
        """Keep the house, and who ends what breaks."""
        self.house = house
        self.endings = endings
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, flow: http.HTTPFlow, request: ClientRequest, target: Target | None = None) -> http.HTTPFlow:
        """Send the request of a flow again, by the rules, or to a target. Gives the new flow, which is under way."""
        made = flow_of(flow, request)
        words = f"resent from {flow.id[:SHOWN]}" if target is None else f"tried with {target} from {flow.id[:SHOWN]}"
        self.house.again[made.id] = Again(flow.id, words, request, target)
        handler = ReplayHandler(made, ctx.options)
        adopt(handler.layer, self.endings)
        task = asyncio.get_running_loop().create_task(self._run(handler, made.id), name="wiremend: send again")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return made

    def close(self) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, handler: ReplayHandler, flow: str) -> None:
        try:
            await handler.replay()
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow, "to send a request again", error)
        finally:
            self.house.again.pop(flow, None)


def flow_of(flow: http.HTTPFlow, request: ClientRequest) -> http.HTTPFlow:
    """Make a flow with a client's request as it came; it is marked as a replay of ``flow``."""
    seen = flow.client_conn
    client = Client(
        peername=seen.peername, sockname=seen.sockname, proxy_mode=seen.proxy_mode, timestamp_start=time.time()
    )
    host, port = (request.host, request.port) if request.host is not None else NOWHERE
    made = http.HTTPFlow(client, Server(address=(host, port)))
    made.request = http.Request(
        host=host,
        port=port,
        method=request.method.encode("utf-8", "surrogateescape"),
        scheme=request.scheme.encode("utf-8", "surrogateescape"),
        authority=b"",
        path=request.target.encode("utf-8", "surrogateescape"),
        http_version=b"HTTP/1.1",
        headers=http.Headers(to_fields(request.headers)),
        content=request.body,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=time.time(),
    )
    made.is_replay = "request"
    made.metadata[METADATA] = {"resent_from": flow.id}
    return made
