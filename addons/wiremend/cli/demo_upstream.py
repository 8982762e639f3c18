"""A provider on loopback with Kimi's habits: what ``wiremend demo`` sends its one request to.

Not a simulation of a model, but of the doors that an agent's request has to pass, in the order in which it meets them:

====== ============================= =================================================================
status when                          what it says
====== ============================= =================================================================
404    the path is not its own       ``resource_not_found_error``; ``/coding/v1/v1/messages`` is such a path
401    no key ``sk-kimi-…``          ``invalid_authentication_error``
403    no coding agent's User-Agent  ``access_terminated_error``, with Kimi's own list of who may come in
400    no version, or no model       ``invalid_request_error``
404    a model that it does not have ``resource_not_found_error``, with the model's name
====== ============================= =================================================================

The habits are those seen at api.kimi.com, 2026-11. What passes gets an answer on the messages wire, streamed word by
word and slowly, so that a watcher sees whether anything on the way waits for the rest.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from wiremend.headers import Headers
from wiremend.rules.facts import credentials_of, peek
from wiremend.rules.urls import split_path
from wiremend.sse import render

if TYPE_CHECKING:
    from types import TracebackType

PATH: Final = "/coding/v1/messages"
MODELS: Final = ("kimi-for-coding", "kimi-for-coding-highspeed", "k3", "k3-256k")
PACE: Final = 0.05
"""Seconds between two words."""

_AGENTS: Final = re.compile(r"claude-cli/|KimiCLI/|kimi-code-cli/|RooCode/|Kilo-?Code/", re.IGNORECASE)
_ONLY_AGENTS: Final = (
    "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, Roo Code, Kilo Code,"
    " etc."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in: ``target`` is path and query, ``body`` the bytes."""

    method: str
    target: str
    headers: Headers
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Turned:
    """Why a request is turned away."""

    status: int
    kind: str
    message: str

    @property
    def body(self) -> bytes:
        """The error object, in the form in which Kimi sends it."""
        return msgspec.json.encode({"error": {"message": self.message, "type": self.kind}})


def judge(seen: Seen) -> Turned | None:
    """Say why a request is turned away; None where it passes."""
    if seen.method != "POST" or split_path(seen.target)[0] != PATH:
        return Turned(404, "resource_not_found_error", "The requested resource was not found")
    if not any(credential.value.startswith("sk-kimi-") for credential in credentials_of(seen.headers)):
        return Turned(401, "invalid_authentication_error", "Invalid Authentication")
    if not _AGENTS.match(seen.headers.get("user-agent") or ""):
        return Turned(403, "access_terminated_error", _ONLY_AGENTS)
    model, _ = peek(seen.body)
    if model is None or "anthropic-version" not in seen.headers:
        return Turned(400, "invalid_request_error", "the header anthropic-version, or the model, is missing")
    if model not in MODELS:
        return Turned(404, "resource_not_found_error", f"Not found the model {model} or Permission denied")
    return None


def answer(seen: Seen) -> str:
    """Give the text that a request is answered with."""
    model = msgspec.json.decode(seen.body)["model"]
    return (
        f"Hello! What reached me is {split_path(seen.target)[0]} and the model {model}, so I can answer. I am a few"
        " lines of Python with Kimi's habits, and I send these words one at a time: nothing between us waits for the"
        " rest."
    )


def stream(seen: Seen) -> list[bytes]:
    """Give the events of the answer, each as the bytes that leave together.

    Shapes and order: https://docs.claude.com/en/docs/build-with-claude/streaming. Usage comes in two halves.
    """
    words = re.findall(r"\S+\s*", answer(seen))
    model = msgspec.json.decode(seen.body)["model"]
    usage = {"input_tokens": len(seen.body) // 4, "cache_read_input_tokens": 0, "output_tokens": 1}
    start = {"id": "msg_demo", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start | {"stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": len(words)},
        },
        {"type": "message_stop"},
    ]
    return [render(msgspec.json.encode(event), event["type"]) for event in events]


class _Server(ThreadingHTTPServer):
    """A server that asks no resolver for its own name, as http.server's would."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, and keep the address as the name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])


class KimiLike:
    """The provider, on a free port of 127.0.0.1; use it as a context manager.

    ``seen`` is every POST that came in, in order; ``left`` is when each event of the answer left
    (``time.monotonic``). ``pace`` is the seconds between two words.
    """

    def __init__(self, pace: float = PACE) -> None:
        """Bind the port; nothing is served yet."""
        self.seen: list[Seen] = []
        self.left: list[float] = []
        self.pace = pace
        self.closing = threading.Event()
        provider = self

        class Handler(_Handler):
            owner = provider

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="kimi-like", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def base(self) -> str:
        """The base URL, as people write it."""
        return f"http://127.0.0.1:{self.port}/coding/v1"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, an answer in mid-stream included."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: KimiLike
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer whatever is not a POST: there is nothing else here."""
        self._send(judge(Seen(self.command, self.path, Headers(), b"")))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_POST(self) -> None:
        """Write the request down, then turn it away or answer it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, Headers(tuple(self.headers.items())), body)
        self.owner.seen.append(seen)
        turned = judge(seen)
        if turned is not None:
            self._send(turned)
        else:
            with suppress(OSError):  # the client has gone: nobody to tell
                self._stream(seen)

    def _send(self, turned: Turned | None) -> None:
        body = turned.body if turned else b"{}"
        self.send_response(turned.status if turned else 200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, seen: Seen) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in stream(seen):
            self.owner.left.append(time.monotonic())
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            if self.owner.closing.wait(self.owner.pace):
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Say nothing: the terminal belongs to the demo."""
