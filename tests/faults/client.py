"""An official SDK as the client, and what it saw: the status, the words, how it ended, in the words of its wire.

The SDK's own HTTP library speaks to the proxy through a transport that keeps each byte of the reply, so a cell that is
not as it should be can be read as a transcript. Nothing is tried again by the SDK: the tries are the proxy's.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anthropic
import httpx2
import openai

from tests.lab.sdk import CLAUDE, KEY
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.scripts import Leaves, Play
    from wiremend.protocols.base import WireName

DEADLINE: Final = 25.0
"""Seconds after which a client is said to hang."""


@dataclass(slots=True)
class Saw:
    """What a client saw.

    ``text`` is what the SDK gave out, ``finish`` the wire's stop reason, ``error`` the wire's own word for what went
    wrong (its type or code) and ``message`` the words behind it. ``sdk`` is "ok", or the error that the SDK raised;
    ``ending`` tells how HTTP ended: "whole", or the transport's error. ``final`` is whether it was told not to retry.
    """

    status: int | None = None
    text: str = ""
    finish: str | None = None
    error: str | None = None
    message: str = ""
    sdk: str = "ok"
    ending: str = "open"
    final: bool = False
    body: bytes = b""

    def __str__(self) -> str:
        """Give it with its transcript, for a cell that failed."""
        short = f"{self.status} {self.text!r} finish={self.finish} error={self.error} sdk={self.sdk} {self.ending}"
        return f"{short}\n{self.message}\n{self.body.decode(errors='replace')}"


class _Body(httpx2.AsyncByteStream):
    """A body that is kept while it is read. An SDK stops at an error; what stands behind it is read all the same."""

    def __init__(self, inner: httpx2.AsyncByteStream, saw: Saw) -> None:
        self._inner = inner
        self._saw = saw
        self._chunks = aiter(inner)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._chunks:
                self._saw.body += data
                yield data
        except httpx2.TransportError as error:
            self._saw.ending = type(error).__name__
            raise
        self._saw.ending = "whole"

    async def aclose(self) -> None:
        if self._saw.ending == "open" and self._saw.sdk != "left":
            with suppress(httpx2.TransportError, TimeoutError):
                async with asyncio.timeout(DEADLINE):
                    async for _ in self:
                        pass
        await self._inner.aclose()


class _Transport(httpx2.AsyncHTTPTransport):
    """A transport that writes down what comes."""

    def __init__(self, saw: Saw) -> None:
        super().__init__(trust_env=False, verify=False)  # no TLS to the gateway, so no roots to load
        self._saw = saw

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        self._saw.status = response.status_code
        self._saw.final = response.headers.get("x-should-retry") == "false"
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Body(response.stream, self._saw)
        return response


async def ask(base: str, wire: WireName, model: str, play: Play, leaves: Leaves) -> Saw:
    """Ask for a stream, and give what was seen; a client that leaves does so before the end."""
    saw = Saw()
    asking = asyncio.ensure_future(_ask(base, wire, model, play, saw, leaves))
    try:
        if leaves == "at once":
            await asyncio.wait_for(play.reached.wait(), DEADLINE)
            asking.cancel()
        elif leaves == "in the pause":
            await asyncio.wait_for(play.reached.wait(), DEADLINE)
            await asyncio.wait_for(play.idle.wait(), DEADLINE)
            asking.cancel()
        await asyncio.wait_for(asking, DEADLINE)
    except asyncio.CancelledError:
        saw.sdk = "left"
    except TimeoutError:
        saw.sdk = "hangs"
    except (anthropic.APIError, openai.APIError, httpx2.TransportError) as error:
        saw.sdk = type(error).__name__
    except RuntimeError as error:  # openai's word for a response that failed
        saw.sdk = f"{type(error).__name__}: {error}"
    saw.error, saw.message = error_in(wire, saw.body)
    return saw


async def _ask(base: str, wire: WireName, model: str, play: Play, saw: Saw, leaves: Leaves) -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=_Transport(saw), timeout=DEADLINE))
        stream = await stack.enter_async_context(_STREAMS[wire](base, model, http))
        async for event in stream:
            word = (event.text if event.type == "text" else event.delta) if event.type in _WORDS else ""
            saw.text += word
            if word:
                play.heard.set()
                if leaves == "at the text":
                    saw.sdk = "left"
                    return
        saw.finish = await _FINISH[wire](stream)


def _messages(base: str, model: str, http: httpx2.AsyncClient) -> Any:  # noqa: ANN401 - one of three SDK classes that share no base
    agent = {"User-Agent": CLAUDE}
    sdk = anthropic.AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0, http_client=http, default_headers=agent)
    said: Any = [{"role": "user", "content": f"hi from {model}"}]
    return sdk.messages.stream(model=model, max_tokens=99, messages=said)


def _openai(base: str, http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
    agent = {"User-Agent": "lab-agent/1.0"}
    return openai.AsyncOpenAI(
        base_url=f"{base}/v1", api_key=KEY, max_retries=0, http_client=http, default_headers=agent
    )


def _chat(base: str, model: str, http: httpx2.AsyncClient) -> Any:  # noqa: ANN401 - as above
    said: Any = [{"role": "user", "content": f"hi from {model}"}]
    return _openai(base, http).chat.completions.stream(model=model, messages=said)


def _responses(base: str, model: str, http: httpx2.AsyncClient) -> Any:  # noqa: ANN401 - as above
    return _openai(base, http).responses.stream(model=model, input=f"hi from {model}")


async def _messages_finish(stream: Any) -> str | None:  # noqa: ANN401 - as above
    return str((await stream.get_final_message()).stop_reason)


async def _chat_finish(stream: Any) -> str | None:  # noqa: ANN401 - as above
    return str((await stream.get_final_completion()).choices[0].finish_reason)


async def _responses_finish(stream: Any) -> str | None:  # noqa: ANN401 - as above
    return str((await stream.get_final_response()).status)


_STREAMS: Final = {"messages": _messages, "chat": _chat, "responses": _responses}
_FINISH: Final = {"messages": _messages_finish, "chat": _chat_finish, "responses": _responses_finish}
_WORDS: Final = frozenset({"text", "content.delta", "response.output_text.delta"})
"""What the three SDKs call an event that has a word."""


def error_in(wire: WireName, body: bytes) -> tuple[str | None, str]:
    """Give the wire's word for the error that a reply ends with, and its message; None where there is none.

    A body is one document, a stream its last event that has an error.
    """
    try:
        documents = [json.loads(body)]
    except ValueError:
        parser = EventParser()
        events = [*parser.feed(body), *parser.close()]
        documents = [json.loads(event.data) for event in events if event.data and event.data != b"[DONE]"]
    for said in reversed(documents):
        error = (said.get("response") or said).get("error") if isinstance(said, dict) else None
        if isinstance(error, dict):
            word = error.get("type") if wire == "messages" else error.get("code") or error.get("type")
            return str(word), str(error.get("message", ""))
    return None, ""
