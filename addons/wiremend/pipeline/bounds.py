"""How large things may be: requests, events, and all that is held of one reply (``limits`` of the rules).

What is held of a stream while it goes by is bounded by each that holds it (the table of docs/streams.md). Together that
is :data:`TOGETHER` at most, besides the event that is being read; so the event's own limit is what is left of
``limits.memory``, where that is less than ``limits.event``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wiremend.errors import RefusedError, TooLargeError
from wiremend.pipeline.unpack import unpack

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.engine import Decision
    from wiremend.rules.model import Limits, Rules

TOGETHER: Final = 46 * 1000**2
"""Bytes that are held of one stream at most, besides the event that is being read."""

LEAST: Final = 64 * 1024
"""Bytes that an event may have however little memory there is: without them there would be no stream."""


def event_limit(limits: Limits) -> int:
    """Give the bytes that one event of a stream may have."""
    return max(min(limits.event, limits.memory - TOGETHER), LEAST)


def most_request(rules: Rules) -> int:
    """Give the bytes that a request may have as long as it is not decided where it goes."""
    return max(rules.limits.request_body, *(one.limits.request_body for one in rules.providers.values()), 0)


def read(request: ClientRequest, rules: Rules) -> tuple[bytes | None, str | None, int]:
    """Give a request's JSON text, or None and why there is none (:func:`unpack`), and how many bytes it has at least.

    One that no provider of the rules would be sent is not decoded to its end.
    """
    most = most_request(rules)
    if len(request.body) > most:
        return None, f"the body has more than {most} bytes", len(request.body)
    try:
        body, unreadable = unpack(request, most)
    except TooLargeError as error:
        return None, str(error), most + 1
    return body, unreadable, max(len(request.body), len(body or b""))


def check_size(size: int, decision: Decision, rules: Rules) -> None:
    """Refuse a request that has too many bytes for where it goes. Raises :class:`RefusedError`."""
    largest, upstream = most_request(rules), decision.upstream
    if size > largest:
        raise too_large(largest)  # it was not read, so where it goes is not known either
    limits = upstream.provider.limits if upstream is not None else rules.limits
    if size > limits.request_body:
        raise too_large(limits.request_body)


def too_large(most: int) -> RefusedError:
    """Give the refusal of a request that has more than so many bytes."""
    message = f"the request has more than {most} bytes, which is all that is taken (limits: request_body)"
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request_too_large", message)
