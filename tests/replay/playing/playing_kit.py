"""What the tests of the playing upstream share: captures made of a request and the chunks of its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wiremend.captures.capture import Attempt, Body, Capture, Request, Response
from wiremend.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MESSAGES = "/v1/messages"
SSE = Headers((("content-type", "text/event-stream"), ("transfer-encoding", "chunked"), ("x-lab", "kept")))


def asked(body: object = None, target: str = MESSAGES, method: str = "POST", **headers: str) -> Request:
    """Give a request; a body that is no bytes is written as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(method, "https", "api.example.com", 443, target, Headers(pairs), data)


def answered(*chunks: bytes, status: int = 200, headers: Headers = SSE, times: Iterable[int] | None = None) -> Response:
    """Give an answer in chunks, 10 ms apart unless told otherwise."""
    at = [10_000 * (number + 1) for number in range(len(chunks))] if times is None else times
    return Response(status, "", headers, Body.of(chunks, at))


def capture(
    request: Request,
    *answers: Response | None,
    name: str = "one",
    began: float = 0.0,
    errors: Mapping[int, str] | None = None,
) -> Capture:
    """Give a capture with an attempt for each answer; the client got the last."""
    attempts = tuple(Attempt(request, one, (errors or {}).get(index)) for index, one in enumerate(answers))
    error = (errors or {}).get(len(answers) - 1)
    return Capture(
        id=name, began=began, request=request, wire="messages", attempts=attempts, answer=answers[-1], error=error
    )


def turn(*said: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Give a body of the messages wire: texts by turns, first the user's."""
    messages = [{"role": ("user", "assistant")[number % 2], "content": what} for number, what in enumerate(said)]
    return {"model": "lab-model", "max_tokens": 8, "messages": messages, **more}
