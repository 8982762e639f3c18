"""Exchanges that are remembered, in mitmproxy's own test context: the hooks and the layer's calls, one by one."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.test import taddons

from tests.mitm.kit import flow
from wiremend.mitm.calls import Calls
from wiremend.mitm.flows import read_flows
from wiremend.mitm.gateway import Gateway
from wiremend.mitm.house import House
from wiremend.mitm.remember import Remember
from wiremend.mitm.reply import Reply
from wiremend.mitm.rewrite import Rewrite
from wiremend.mitm.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wiremend.captures.capture import Capture

RULES = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', key: client}}\ndefault: lab/m\n"
URL = "https://api.anthropic.com/v1/messages"
KEY = "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
STREAM = b'{"model":"m","stream":true,"max_tokens":9,"messages":[]}'
EVENTS = {"content-type": "text/event-stream"}


class Stage:
    """The addons that remember, and what they wrote."""

    def __init__(self, folder: Path) -> None:
        """Make them, as `load_addons` does; captures lie in ``folder``."""
        self.folder = folder
        self.house = House()
        self.remember = Remember(self.house)
        self.reply = Reply(self.house, self.remember)
        self.calls = Calls(self.house)
        self.tunnel = Tunnel(self.house)
        self.gateway = Gateway(self.house, self.tunnel, self.reply)
        self.rewrite = Rewrite(self.house, self.remember)
        self.context: Any = None

    def ask(self, body: bytes = STREAM, headers: dict[str, str] | None = None, url: str = URL) -> http.HTTPFlow:
        """Begin an exchange; without a body, by GET."""
        one = flow(url, headers={"x-api-key": KEY, **(headers or {})}, body=body)
        one.request.method = "POST" if body else "GET"
        self.gateway.requestheaders(one)
        self.calls.requestheaders(one)
        self.rewrite.request(one)
        return one

    def stream(self, one: http.HTTPFlow, chunks: Sequence[bytes], headers: dict[str, str] | None = None) -> bytes:
        """Let a reply stream in, as the layer does; gives what the client got."""
        response = http.Response.make(200, b"", headers or EVENTS)
        tapes = self.reply.tapes(one, response)
        one.response = response
        self.reply.responseheaders(one)
        assert callable(response.stream)
        given = []
        for chunk in [*chunks, b""]:
            if chunk and tapes is not None:
                tapes.heard.write(chunk)
            out = response.stream(chunk)
            given += [out] if isinstance(out, bytes) else list(out)
            if tapes is not None:
                tapes.begun = True
                for piece in given[len(given) - len(list(out)) :] if not isinstance(out, bytes) else [out]:
                    tapes.said.write(piece)
        return b"".join(given)

    def end(self, one: http.HTTPFlow, error: str | None = None) -> None:
        """Call the hooks of the end."""
        if error is None:
            self.reply.response(one)
            self.calls.response(one)
            self.remember.response(one)
        else:
            one.error = Error(error)
            self.calls.error(one)
            self.remember.error(one)

    def whole(self, one: http.HTTPFlow, status: int = 200, body: bytes = b"{}", *, tee: bool = True) -> None:
        """Let a whole reply come, and end."""
        response = http.Response.make(status, b"", {"content-type": "application/json"})
        tapes = self.reply.tapes(one, response) if tee else None
        one.response = response
        self.reply.responseheaders(one)
        if tapes is not None:
            tapes.heard.write(body)
        response.raw_content = body
        self.end(one)

    def close(self) -> None:
        """Wait for the thread."""
        asyncio.run(self.remember.done())

    def captures(self) -> list[Capture]:
        """Wait for the thread, and give what it wrote."""
        self.close()
        return captures_in(self.folder)


def captures_in(folder: Path) -> list[Capture]:
    """Give the captures of a folder, in order."""
    found = [found for path in sorted(folder.glob("*.flows")) for found in read_flows(path)]
    assert [one.error for one in found if one.error] == []
    return [one.capture for one in found if one.capture is not None]


@contextmanager
def stage(folder: Path, rules: str = RULES) -> Iterator[Stage]:
    """Load the addons with a rules file; captures lie in ``folder/captures`` (option ``wiremend_capture``)."""
    path = folder / "rules.yaml"
    path.write_text(rules, "utf-8")
    made = Stage(folder / "captures")
    hooks = (made.house, made.gateway, made.tunnel, made.rewrite, made.reply, made.calls, made.remember)
    with taddons.context(*hooks) as context:
        made.context = context
        context.configure(made.house, wiremend_capture=str(made.folder))
        context.configure(made.house, wiremend_rules=str(path))
        try:
            yield made
        finally:
            made.close()
