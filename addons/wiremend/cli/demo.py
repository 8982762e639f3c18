"""``wiremend demo``: an agent's broken request goes out right, before your eyes.

Everything is real but the two ends. The client's bytes are those that Claude Code 2.1.197 sends (shortened), the proxy
is a mitmdump with our addon and the rules that Wiremend ships, and the provider is a few lines of Python on loopback
with Kimi's habits (:mod:`wiremend.cli.demo_upstream`). No key and no network: the proxy gets an environment that holds
nothing of the user's but the search paths, and ``KIMI_BASE_URL``, which leads it to that provider.

Two witnesses speak for each change. What reached the provider is what its socket read. Why is what the pipeline says of
the client's request under the same rules, in this process; and it is believed only where it gives exactly the request
that arrived. The exit code is 0 if that holds and the request was right, else 1. Nothing is left behind: the proxy ends
with us, its folder (certificates, log) is temporary.
"""

from __future__ import annotations

import http.client
import io
import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

import click
import msgspec

from wiremend.cli.demo_upstream import KimiLike, Seen
from wiremend.cli.launch import Proxy
from wiremend.cli.picture import FRAMING, Stage, make_console
from wiremend.errors import SetupError
from wiremend.headers import Headers
from wiremend.pipeline.outcome import ClientRequest, Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.protocols import WIRES
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import shipped
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from rich.console import Console

    from wiremend.pipeline.outcome import Outcome
    from wiremend.protocols.base import Tally
    from wiremend.sse import Event

KEY: Final = "sk-kimi-FAKE-no-such-key"
ASKED: Final = "claude-sonnet-4-5"
WANTED: Final = "kimi-for-coding"
TARGET: Final = "/coding/v1/v1/messages?beta=true"
"""What Claude Code makes of a base URL that ends in ``/coding/v1``."""

RIGHT_TARGET: Final = "/coding/v1/messages?beta=true"

SHOWN: Final = ("user-agent", "x-api-key", "anthropic-version", "/model", "/messages", "/tools", "/thinking")
"""What the picture shows although it is alike."""

_COMPLAINT: Final = (
    "There's an issue with the selected model (claude-sonnet-4-5). It may not exist or you may not have access to it."
)
"""What Claude Code 2.1.197 prints on that 404 (measured): it sends its user to look in the wrong place."""

_BOUND: Final = 20.0
"""Seconds that a reply may take; it takes two."""

_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")
_COVERAGE: Final = "COVERAGE_"

_SESSION: Final = "2f1c6f0e-3b7a-4d52-9c1e-8a5b7d904e11"
_BETAS: Final = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05"
)
_FIELDS: Final = (
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
    ("User-Agent", "claude-cli/2.1.197 (external, sdk-cli)"),
    ("X-Claude-Code-Session-Id", _SESSION),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Lang", "js"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Package-Version", "0.94.0"),
    ("X-Stainless-Retry-Count", "0"),
    ("X-Stainless-Runtime", "node"),
    ("X-Stainless-Runtime-Version", "v26.3.0"),
    ("X-Stainless-Timeout", "600"),
    ("anthropic-beta", _BETAS),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("anthropic-version", "2023-06-01"),
    ("x-api-key", KEY),
    ("x-app", "cli"),
    ("Connection", "keep-alive"),
)
_CACHED: Final = {"cache_control": {"type": "ephemeral"}}
_BODY: Final = {
    "model": ASKED,
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Say hello, and tell me how you got my request.", **_CACHED}],
        }
    ],
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.0df; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are a Claude agent, built on Anthropic's Claude Agent SDK.", **_CACHED},
        {
            "type": "text",
            "text": "\nYou are an interactive agent that helps users with software engineering.",
            **_CACHED,
        },
    ],
    "tools": [
        {
            "name": "Bash",
            "description": "Executes a bash command and returns its output.",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "command": {"description": "The command to execute", "type": "string"},
                    "timeout": {"description": "Optional timeout in milliseconds (max 600000)", "type": "number"},
                },
                "required": ["command"],
                "additionalProperties": False,
            },
        }
    ],
    "metadata": {"user_id": f'{{"device_id":"{"0" * 64}","account_uuid":"","session_id":"{_SESSION}"}}'},
    "max_tokens": 32000,
    "thinking": {"budget_tokens": 31999, "type": "enabled"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "stream": True,
}


@dataclass(slots=True)
class Reply:
    """What the client got; times are those of ``time.monotonic``, ``arrived`` has one for each event."""

    status: int = 0
    body: bytes = b""
    asked: float = 0.0
    arrived: list[float] = field(default_factory=list)
    tally: Tally = field(default_factory=WIRES["messages"].tally)


@click.command()
def demo() -> None:
    """See an agent's broken request go out right: no key, no network, a few seconds."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no arrows shows question marks
    sys.exit(play(make_console(os.environ), os.environ))


def play(console: Console, environ: Mapping[str, str]) -> int:
    """Show everything and give the exit code. Raises :class:`SetupError` where the proxy does not start."""
    stage = Stage(console)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))  # left last: by then nobody is at the other end any more
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wiremend-demo-")))
        kimi = stack.enter_context(KimiLike())
        clean = clean_environment(environ, folder, kimi.base)

        stage.title()
        stage.heading("1  Without Wiremend: straight to a provider with Kimi's habits")
        stage.base(kimi.base)
        direct = send(kimi.port, claude_request(kimi.port))
        stage.turned_away(f"POST {TARGET}", direct.status, error_text(direct.body), _COMPLAINT)

        stage.heading("2  With Wiremend: mitmdump, our addon, the rules that we ship")
        with console.status("starting the proxy …", spinner="line"):
            options = {"confdir": str(folder / "mitmproxy"), "wiremend_capture": "off"}
            proxy = stack.enter_context(Proxy(folder, rules=shipped(), environ=clean, options=options))
        stage.base(f"{proxy.base}/coding/v1")
        request = claude_request(proxy.ready.port)
        resolved = load_rules(read_rules(shipped()), shipped().name, clean).resolved
        expected = rewrite(at_gateway(request), resolved)
        before = len(kimi.seen)
        heard: SimpleQueue[str | None] = SimpleQueue()
        sending = pool.submit(send, proxy.ready.port, request, heard.put)  # painting must not hold up reading
        first = heard.get()
        got = kimi.seen[before:]
        if got and isinstance(expected, Rewritten):
            stage.picture(request, got[-1], expected, shown=SHOWN, file=resolved.rules.file)
        if first is not None:
            stage.heading("3  The answer, as it comes in")
            stage.type(iter(heard.get, None))
        try:
            reply = sending.result(_BOUND)
        except (OSError, http.client.HTTPException) as error:
            raise SetupError(f"the proxy gave no whole answer ({error!r}); it said:\n{proxy.said()}") from None
        faults = [*judge(request, expected, got), *judge_reply(direct, reply, kimi.left)]
        if proxy.ready.rules_hash != resolved.rules.hash:
            faults.append("the rules changed meanwhile; start the demo again")
        if not faults:
            slowest = max(came - left for came, left in zip(reply.arrived, kimi.left, strict=True))
            stage.receipt(reply.arrived[0] - reply.asked, slowest, reply.tally)
        said = proxy.said() if faults else ""
    if faults:
        stage.failed(faults, said)
        return 1
    stage.what_next()
    return 0


def _leave(number: int, _: FrameType | None) -> None:
    """End on a signal as on an error: the proxy is stopped and the folder removed on the way out."""
    sys.exit(128 + number)


# -- the client


def claude_request(port: int) -> Seen:
    """Give what Claude Code sends where its base URL is ``http://127.0.0.1:PORT/coding/v1``."""
    body = msgspec.json.encode(_BODY)
    host = (("Host", f"127.0.0.1:{port}"), ("Accept-Encoding", "gzip, deflate, br, zstd"))
    return Seen("POST", TARGET, Headers((*_FIELDS, *host, ("Content-Length", str(len(body))))), body)


def send(port: int, request: Seen, hear: Callable[[str | None], None] = lambda _: None) -> Reply:
    """Send a request as Claude Code does, and read its reply to the end.

    First comes a HEAD of the base URL, whose answer does not matter. ``hear`` is given each piece of the text when it
    comes (an empty one where an event has none), and None when nothing more will. Raises OSError, or HTTPException,
    where there is no HTTP at the other end.
    """
    probe = Headers((("User-Agent", "Bun/1.4.0"), ("Accept", "*/*"), ("Host", request.headers.get("host") or "")))
    try:
        _call(port, Seen("HEAD", "/coding/v1", probe, b""), hear)
        return _call(port, request, hear)
    finally:
        hear(None)


def _call(port: int, request: Seen, hear: Callable[[str], None]) -> Reply:
    reply = Reply(asked=time.monotonic())
    parser = EventParser()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_BOUND)) as connection:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        reply.status = response.status
        while data := response.read1():
            now = time.monotonic()
            reply.body += data
            for event in parser.feed(data) if reply.status == http.client.OK else ():
                reply.arrived.append(now)
                reply.tally.event(event)
                hear(_text_of(event))
    return reply


def _text_of(event: Event) -> str:
    delta = msgspec.json.decode(event.data or b"{}").get("delta", {})
    return str(delta.get("text", ""))


# -- the proxy's world, and what it must have done


def clean_environment(environ: Mapping[str, str], folder: Path, base: str) -> dict[str, str]:
    """Give the proxy's environment: search paths, a home of its own, and the provider's address; no credential."""
    kept = {name: value for name, value in environ.items() if name in _KEPT or name.startswith(_COVERAGE)}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder), "KIMI_BASE_URL": base}


def at_gateway(request: Seen) -> ClientRequest:
    """Give a request as the pipeline takes it at the gateway."""
    return ClientRequest("gateway", request.method, "http", None, 0, request.target, request.headers, request.body)


def judge(sent: Seen, expected: Outcome, got: Sequence[Seen]) -> list[str]:
    """Say what is wrong with what reached the provider; nothing where all is right.

    It is judged by what a request to Kimi must be, and must be just what the pipeline makes of ``sent``.
    """
    if len(got) != 1:
        return [f"the provider should have got one request, and got {len(got)}"]
    (seen,) = got
    faults = []
    if seen.target != RIGHT_TARGET:
        faults.append(f"the provider was asked for {seen.target}, not {RIGHT_TARGET}")
    if seen.headers.get_all("x-api-key") != (KEY,) or "authorization" in seen.headers:
        faults.append("the client's key did not arrive as it was")
    if seen.body != sent.body.replace(ASKED.encode(), WANTED.encode(), 1):
        faults.append(f"the body is not the client's with {WANTED} for {ASKED}, all other bytes alike")
    if not isinstance(expected, Rewritten):
        return [*faults, "the pipeline does not say why the request was changed"]
    if (seen.target, seen.body) != (expected.destination.path, sent.body if expected.body is None else expected.body):
        faults.append("what reached the provider is not what the pipeline says")
    wanted = expected.headers.without(*FRAMING)
    faults += [
        f"the header {name} is not what the pipeline says" for name, _, _ in wanted.diff(seen.headers.without(*FRAMING))
    ]
    return faults


def judge_reply(direct: Reply, reply: Reply, left: Sequence[float]) -> list[str]:
    """Say what is wrong with the replies: without Wiremend it must be a 404, with it a whole stream, as it came."""
    faults = []
    if direct.status != http.client.NOT_FOUND:
        faults.append(f"without Wiremend the provider should answer 404, and answered {direct.status}")
    if reply.status != http.client.OK:
        return [*faults, f"Wiremend answered {reply.status}: {error_text(reply.body)}"]
    if reply.tally.stop_reason != "end_turn" or len(reply.arrived) != len(left):
        return [*faults, f"{len(left)} events left the provider, {len(reply.arrived)} came, and the answer has no end"]
    if reply.arrived[0] >= left[-1]:
        faults.append("the answer was held back until it was whole")
    return faults


def error_text(body: bytes) -> str:
    """Give the type and message of an error object, else the body's beginning."""
    try:
        error = msgspec.json.decode(body)["error"]
        return f"{error['type']}: {error['message']}"
    except (msgspec.DecodeError, LookupError, TypeError):
        return body[:200].decode("utf-8", "replace")
