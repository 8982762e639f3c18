"""Captures as flows of mitmproxy, and back.

In a flow file of ours each flow shows the client's side: ``flow.request`` is what the client sent, ``flow.response``
what it got. The rest is in ``flow.metadata["wiremend"]``: what people want to see (as while the exchange ran), and
under ``"capture"`` the whole of it (:mod:`wiremend.captures.plain`). What the flow has anyhow is not there a second
time: ``"in_flow"`` lists the bodies that were left out and are put back on reading.
"""

from __future__ import annotations

import mmap
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mitmproxy import flow, http
from mitmproxy.connection import Client, Server
from mitmproxy.io import compat, tnetstring
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from wiremend.captures.capture import Attempt, Body, Capture, Inputs, Request, Response
from wiremend.captures.plain import from_plain, to_plain
from wiremend.errors import CaptureError
from wiremend.mitm.convert import from_fields, to_fields
from wiremend.mitm.exchange import METADATA
from wiremend.mitm.netstring import Stored, frames
from wiremend.notes import Note
from wiremend.rules.clients import client_of
from wiremend.rules.facts import peek, wire_of
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mitmproxy.connection import Connection

CAPTURE: Final = "capture"
IN_FLOW: Final = "in_flow"
_MILLION: Final = 1_000_000
_STRICT: Final = ("utf-8", "surrogatepass")
_ESCAPED: Final = ("utf-8", "surrogateescape")

_OF_CONNECTIONS: Final = (
    "id", "peername", "sockname", "transport_protocol", "tls", "alpn", "sni", "tls_version",
    "timestamp_start", "timestamp_end", "timestamp_tls_setup",
)  # fmt: skip
"""What is kept of a connection. Certificates and lists of ciphers are large, and tell nothing here."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a flow file. ``number`` counts from 1.

    ``capture`` is None for a flow that Wiremend did not record (:func:`capture_of` makes one of it all the same), and
    where ``error`` says why it cannot be read. ``flow`` is None where the file is cut short or goes on as no flow file
    does; then ``error`` names file and offset, and it is the last.
    """

    number: int
    flow: http.HTTPFlow | None
    capture: Capture | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a flow file says of a flow besides what a capture holds. ``seen`` is what people want to see."""

    comment: str = ""
    marked: str = ""
    created: float | None = None
    client: Client | None = None
    server: Server | None = None
    authority: str = ""
    request_end: float | None = None
    closed: tuple[bool | None, int | None, float | None] = (None, None, None)
    seen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body that is too large for the memory; ``cuts`` are written as :mod:`wiremend.captures.plain` has them."""

    data: Stored
    cuts: str
    decoded: bool = False
    """Whether it came compressed, which the head says no more."""


# -- reading


def read_flows(path: Path) -> Iterator[Found]:
    """Give what is in a flow file, one flow at a time; flows that are no HTTP are counted and passed over.

    Raises :class:`CaptureError` where the file cannot be read at all.
    """
    number = 0
    try:
        with path.open("rb") as file:
            if not file.seek(0, 2):
                return
            with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
                try:
                    for begin, end in frames(data):
                        number += 1
                        found = _found(path, number, data[begin:end])
                        if found is not None:
                            yield found
                except CaptureError as error:
                    yield Found(number + 1, None, None, f"{path}: {error}")
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from None


def _found(path: Path, number: int, data: bytes) -> Found | None:
    where = f"{path}:{number}"
    try:
        state: Any = tnetstring.loads(data)
        one = flow.Flow.from_state(compat.migrate_flow(state))
    except Exception:  # noqa: BLE001 - of what is no flow, mitmproxy's reader raises whatever its parts raise
        return Found(number, None, None, f"{where}: this flow cannot be read")
    if not isinstance(one, http.HTTPFlow):
        return None
    if not is_ours(one):
        return Found(number, one)
    try:
        return Found(number, one, capture_of(one))
    except CaptureError as error:
        return Found(number, one, None, f"{where}: {error}")


def is_ours(one: http.HTTPFlow) -> bool:
    """Tell whether a flow is a capture of ours."""
    seen = one.metadata.get(METADATA)
    return isinstance(seen, dict) and isinstance(seen.get(CAPTURE), dict)


def capture_of(one: http.HTTPFlow) -> Capture:
    """Give the capture that a flow holds; of a flow that Wiremend did not record, what can be known.

    Raises :class:`CaptureError` where it is ours and cannot be read.
    """
    if not is_ours(one):
        return _foreign(one)
    plain: dict[str, Any] = _restored(one.metadata[METADATA][CAPTURE])
    bodies = {
        "request": one.request.raw_content or b"",
        "answer": (one.response.raw_content or b"") if one.response is not None else b"",
    }
    try:
        for place in plain.get(IN_FLOW, ()):
            _put_back(plain, place, one, bodies)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise CaptureError(f"/{IN_FLOW}: what it names is not there") from None
    return from_plain(plain)


def beside(one: http.HTTPFlow | None) -> dict[str, list[str]]:
    """Give the texts that a flow has besides its capture: a person's comment, and what was noted on it."""
    if one is None:
        return {}
    seen = {name: value for name, value in one.metadata.items() if name != METADATA}
    ours = one.metadata.get(METADATA)
    if isinstance(ours, dict):
        seen[METADATA] = {name: value for name, value in ours.items() if name != CAPTURE}
    return {"comment": [one.comment, one.marked], "metadata": list(_texts(seen))}


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case bytes():
            yield value.decode("utf-8", "replace")
        case dict():
            for name, inner in value.items():
                yield from (*_texts(name), *_texts(inner))
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)


def _put_back(plain: dict[str, Any], place: str, one: http.HTTPFlow, bodies: Mapping[str, bytes]) -> None:
    if place == "frames":
        messages = one.websocket.messages if one.websocket is not None else []
        plain["frames"] = [
            [*frame[:2], message.content, *frame[3:]] for frame, message in zip(plain["frames"], messages, strict=True)
        ]
        return
    part: Any = plain
    for step in place.split("/"):
        part = part[int(step) if isinstance(part, list) else step]
    part["body"] = bodies["answer" if place.endswith(("answer", "response")) else "request"]


def _restored(value: Any, key: str = "") -> Any:  # noqa: ANN401 - plain values, whatever they are
    """Give plain values with their texts as they were; see :mod:`wiremend.mitm.netstring`."""
    match value:
        case dict():
            pairs = ((k.decode(*_STRICT) if isinstance(k, bytes) else str(k), v) for k, v in value.items())
            return {name: _restored(inner, name) for name, inner in pairs}
        case list() | tuple():
            return [_restored(item, key) for item in value]
        case bytes() if key not in {"body", "frames"}:
            return value.decode("utf-8", "surrogatepass")
        case _:
            return value


def _foreign(one: http.HTTPFlow) -> Capture:
    """Make what can be made of a flow that is no capture: one side of an exchange, of which the other is not known."""
    request, response = one.request, one.response
    headers = from_fields(request.headers.fields)
    came = Request(
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        target=request.path,
        headers=headers,
        body=request.raw_content or b"",
        version=request.http_version,
    )
    back = None
    if response is not None:
        body = Body(response.raw_content or b"")
        back = Response(
            response.status_code, response.reason, from_fields(response.headers.fields), body, response.http_version
        )
    content = request.get_content(strict=False)
    said = "recorded without Wiremend: one side alone, without cuts; what the decision looked at besides is not known"
    error = one.error.msg if one.error is not None else None
    return Capture(
        id=one.id,
        began=request.timestamp_start,
        request=came,
        client=client_of(headers.get("user-agent")),
        wire=wire_of(locate(request.path), headers),
        model=peek(content)[0],
        inputs=Inputs(),
        attempts=(Attempt(came, back, error),),
        notes=(Note("seen", "", "", said),),
        error=error,
    )


# -- writing


def flow_of(capture: Capture) -> http.HTTPFlow:
    """Give a capture as a flow that mitmproxy can show, save and replay."""
    made = flow.Flow.from_state(state_of(capture, About()))
    if not isinstance(made, http.HTTPFlow):
        raise CaptureError("this capture makes no HTTP flow")
    return made


def state_of(capture: Capture, about: About, spooled: Mapping[str, Spooled] | None = None) -> dict[str, Any]:
    """Give the state of a capture's flow, as mitmproxy writes it into a file.

    ``spooled`` are the bodies that the capture does not hold: ``answer``, and ``attempts/0/response``.
    """
    spooled = spooled or {}
    one = http.HTTPFlow(_client(about.client), _server(about.server))
    one.id = capture.id
    one.timestamp_created = about.created or capture.began
    one.comment, one.marked = about.comment, about.marked
    one.request = _request(capture, about)
    one.response = _response(capture)
    if capture.error is not None:
        text = capture.error.encode("utf-8", "replace").decode()  # the capture itself has it as it is
        one.error = flow.Error(text, _time(capture, -1))
    if capture.frames:
        one.websocket = _websocket(capture, about)
    state: dict[str, Any] = one.get_state()
    plain = _plain(capture, spooled)
    if "answer" in spooled and state["response"] is not None:
        state["response"]["content"] = spooled["answer"].data
    state["metadata"] = {METADATA: {**about.seen, CAPTURE: plain}}
    return state


def _plain(capture: Capture, spooled: Mapping[str, Spooled]) -> dict[str, Any]:
    """Give a capture as plain values, without the bodies that its flow has."""
    plain = to_plain(capture)
    attempts: list[dict[str, Any]] = plain["attempts"]
    sent = capture.request.body
    left_out = [("request", plain["request"])]
    left_out += [
        (f"attempts/{n}/request", a["request"]) for n, a in enumerate(attempts) if a["request"]["body"] == sent
    ]
    if plain["answer"] is not None:
        given = plain["answer"]["body"]
        same = [(f"attempts/{n}/response", a["response"]) for n, a in enumerate(attempts) if a["response"] is not None]
        left_out += [
            (place, part) for place, part in same if part["body"] == given and not {place, "answer"} & spooled.keys()
        ]
        left_out.append(("answer", plain["answer"]))
    for _, part in left_out:
        part["body"] = b""
    for number, attempt in enumerate(attempts):
        body = spooled.get(f"attempts/{number}/response")
        if body is not None and attempt["response"] is not None:
            attempt["response"] |= {"body": body.data, "cuts": body.cuts}
    if "answer" in spooled and plain["answer"] is not None:
        plain["answer"]["cuts"] = spooled["answer"].cuts
    plain[IN_FLOW] = [place for place, _ in left_out]
    if plain["frames"]:
        plain["frames"] = [[*frame[:2], b"", *frame[3:]] for frame in plain["frames"]]
        plain[IN_FLOW].append("frames")
    return plain


def _client(seen: Client | None) -> Client:
    if seen is None:
        return Client(peername=("127.0.0.1", 0), sockname=("127.0.0.1", 0))
    made = Client(peername=seen.peername, sockname=seen.sockname, proxy_mode=seen.proxy_mode)
    _copy(seen, made)
    return made


def _server(seen: Server | None) -> Server:
    made = Server(address=seen.address if seen is not None else None)
    if seen is not None:
        _copy(seen, made)
        made.via, made.timestamp_tcp_setup = seen.via, seen.timestamp_tcp_setup
    return made


def _copy(seen: Connection, made: Connection) -> None:
    for name in _OF_CONNECTIONS:
        setattr(made, name, getattr(seen, name))


def _request(capture: Capture, about: About) -> http.Request:
    sent = capture.request
    host, port = sent.host, sent.port
    if host is None:  # the client came to the gateway, and its Host says where that was
        named = urlsplit(f"//{sent.headers.get('host') or ''}")
        try:
            host, port = named.hostname or "127.0.0.1", named.port or port
        except ValueError:
            host = "127.0.0.1"
    return http.Request(
        host=host,
        port=port,
        method=sent.method.encode(*_ESCAPED),
        scheme=sent.scheme.encode(*_ESCAPED),
        authority=about.authority.encode(*_ESCAPED),
        path=sent.target.encode(*_ESCAPED),
        http_version=sent.version.encode(*_ESCAPED),
        headers=http.Headers(to_fields(sent.headers)),
        content=sent.body,
        trailers=None,
        timestamp_start=capture.began,
        timestamp_end=about.request_end or capture.began,
    )


def _response(capture: Capture) -> http.Response | None:
    """Give what the flow shows as its response: what the client got, or what others recorded of it."""
    answer = capture.answer
    if answer is None and not capture.rules and capture.attempt is not None:
        answer = capture.attempt.response
    if answer is None:
        return None
    return http.Response(
        http_version=answer.version.encode(*_ESCAPED),
        status_code=answer.status,
        reason=answer.reason.encode("iso-8859-1", "replace"),
        headers=http.Headers(to_fields(answer.headers)),
        content=answer.body.data,
        trailers=None,
        timestamp_start=_time(capture, 0),
        timestamp_end=_time(capture, -1),
    )


def _time(capture: Capture, which: int) -> float:
    """Give when the first, or the last, of the answer went by, in seconds since 1970."""
    cuts = capture.answer.body.cuts if capture.answer is not None else ()
    attempt = capture.attempt
    at = cuts[which][1] if cuts else (attempt.at if attempt is not None else 0)
    return capture.began + at / _MILLION


def _websocket(capture: Capture, about: About) -> WebSocketData:
    by_client, code, ended = about.closed
    messages = [
        WebSocketMessage(
            Opcode.TEXT if frame.text else Opcode.BINARY,
            frame.from_client,
            frame.data,
            capture.began + frame.at / _MILLION,
            frame.dropped,
            frame.injected,
        )
        for frame in capture.frames
    ]
    return WebSocketData(messages=messages, closed_by_client=by_client, close_code=code, timestamp_end=ended)
