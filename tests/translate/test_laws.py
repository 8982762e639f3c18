"""Laws of requests on their way to another wire and back.

A request goes from its wire to another one and back to its own: what came back is what the other wire can say of it. So
a journey more changes nothing, and loses nothing. (Two go before it: with a message that the first one leaves nothing
of, its neighbours become one on the second.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from tests.protocols.requests import chat_requests
from tests.translate.said import WIRES
from wiremend.protocols.codec import Recipient
from wiremend.protocols.codecs import CODECS

if TYPE_CHECKING:
    from tests.translate.said import Json, Wire
    from wiremend.message import ChatRequest
    from wiremend.protocols.codec import Loss


def journey(body: Json, near: Wire, far: Wire) -> tuple[Json, tuple[Loss, ...]]:
    """Take a body of one wire to another and back; give what came back, and what was noted on the way there."""
    read = CODECS[near].read(body)
    there = CODECS[far].write(read.request, Recipient(read.request.model))
    back = CODECS[far].read(there.document)
    again = CODECS[near].write(back.request, Recipient(back.request.model))
    return dict(again.document), there.losses


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(chat_requests())
def test_journeys_settle(request: ChatRequest) -> None:
    near = request.wire
    body = dict(CODECS[near].write(request, Recipient(request.model)).document)
    for far in WIRES:
        once, _ = journey(body, near, far)
        twice, _ = journey(once, near, far)
        thrice, losses = journey(twice, near, far)
        assert thrice == twice
        # The form of an answer has a name that the chat and the responses wire demand, and the messages wire has not.
        assert [loss for loss in losses if loss.kind == "lost" and loss.path[0] != "output"] == []
