"""The few questions that are answered although nobody recorded them.

=====================================  =================================================================================
asked                                  answered
=====================================  =================================================================================
``HEAD`` of anything                   200 without a body: a probe whether somebody is there
``GET …/models``, ``GET …/models/ID``  the models that the captures ask for, in the form that both SDKs read
``GET`` with ``Upgrade: websocket``    426: Codex then asks by HTTP at once, after a 404 it tries seven times
another ``GET``, ``…/count_tokens``    404 in the wire's own form, if no capture asks for that
=====================================  =================================================================================

Anything else that is not recorded is a miss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.captures.capture import Body, Response
from wiremend.headers import Headers
from wiremend.protocols import WIRES
from wiremend.protocols.base import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.captures.capture import Request
    from wiremend.replay.playing.canonical import Canonical

_EPOCH: Final = "1970-01-01T00:00:00Z"


def unrecorded(request: Request, asked: Canonical, models: Sequence[str], *, recorded: bool) -> Response | None:
    """Give the answer to a request that no capture has; None where it is a miss.

    ``recorded`` tells whether the captures ask for this endpoint at all.
    """
    if request.method == "HEAD":
        return Response(200)
    if request.method == "GET" and (request.headers.get("upgrade") or "").lower() == "websocket":
        return Response(426)
    if recorded:
        return None
    endpoint = asked.found.endpoint if asked.found else None
    if request.method == "GET" and endpoint == MODELS:
        return _models(asked.place.removeprefix("GET /models").removeprefix("/"), models)
    if request.method == "GET" or (endpoint is not None and endpoint.kind == "count"):
        return _not_found(asked, f"{request.method} /{asked.place.partition('/')[2]} is not recorded")
    return None


def _models(name: str, models: Sequence[str]) -> Response:
    rows = [
        {
            "id": model,
            "object": "model",
            "created": 0,
            "owned_by": "captures",
            "type": "model",
            "display_name": model,
            "created_at": _EPOCH,
        }
        for model in models
    ]
    if name:
        row = next((row for row in rows if row["id"] == name), None)
        if row is not None:
            return _json(200, msgspec.json.encode(row))
        return _json(404, WIRES["chat"].error_body(404, "model_not_found", f"no capture asks for the model {name}"))
    ends = {"first_id": models[0] if models else None, "last_id": models[-1] if models else None}
    return _json(200, msgspec.json.encode({"object": "list", "data": rows, "has_more": False, **ends}))


def _not_found(asked: Canonical, message: str) -> Response:
    wires = asked.found.wires if asked.found else ()
    return _json(404, WIRES[wires[0] if wires else "chat"].error_body(404, "not_found", message))


def _json(status: int, body: bytes) -> Response:
    headers = Headers((("content-type", "application/json"), ("content-length", str(len(body)))))
    return Response(status, "", headers, Body(body))
