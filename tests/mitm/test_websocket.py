"""The addon of WebSockets hook by hook, and mitmproxy's layer under it; what a release has changed is told by name."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy import ctx, http
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketLayer, WebsocketMessageHook, WebsocketStartHook
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, TextMessage
from wsproto.frame_protocol import Opcode

from tests.lab import Answer
from tests.lab.replies import responses_events
from tests.mitm.kit import Addons, addons, at_gateway, flow
from wiremend.captures.capture import Capture, Frame, Request
from wiremend.captures.case import read_case, write_case
from wiremend.captures.plain import from_plain, to_plain
from wiremend.errors import CaptureError
from wiremend.mitm import websocket
from wiremend.mitm.flows import capture_of, flow_of
from wiremend.mitm.websocket import INTERNALS, Sockets, WireSocket, missing_internals
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mitmproxy.proxy.layer import Layer

RULES = "providers: {lab: {base_url: 'https://lab.example/v1', key: client, websocket: true}}\ndefault: lab\n"
HEADERS = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
CREATE = b'{"type":"response.create","model":"m","input":[]}'


def said() -> list[bytes]:
    stream = b"".join(responses_events(Answer("one two")))
    return [one.data for one in EventParser().feed(stream) if one.data is not None]


# --- mitmproxy's internals --------------------------------------------------------------------------------------------


def test_what_the_layer_stands_on_is_still_there() -> None:
    missing = missing_internals()
    assert not missing, f"this mitmproxy has no {', '.join(missing)}: wiremend/mitm/websocket.py must be adapted to it"


def test_the_method_that_is_overridden_still_takes_what_ours_takes() -> None:
    wanted = list(inspect.signature(WebsocketLayer.relay_messages).parameters)
    assert list(inspect.signature(WireSocket.relay_messages).parameters) == wanted


def test_a_name_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "INTERNALS", (*INTERNALS, (WebsocketLayer, ("a_name_that_is_gone",))))
    assert missing_internals() == ["WebsocketLayer.a_name_that_is_gone"]


class Scripted:
    """Puts texts in the place of messages, as told."""

    def __init__(self) -> None:
        """Put nothing in."""
        self.next: list[tuple[bool, bytes]] = []
        self.last: list[tuple[bool, bytes]] = []

    def instead(self, _: http.HTTPFlow) -> list[tuple[bool, bytes]]:
        given, self.next = self.next, []
        return given

    def closing(self, _: http.HTTPFlow) -> list[tuple[bool, bytes]]:
        return self.last


class Wire:
    """A layer of ours between two ends that speak frames."""

    def __init__(self) -> None:
        """Open it."""
        self.flow = tflow.twebsocketflow()
        assert self.flow.websocket is not None
        self.flow.websocket.messages.clear()
        self.flow.websocket.timestamp_end = None
        context = Context(self.flow.client_conn, Options())
        context.server = self.flow.server_conn
        self.layer: Layer = WebsocketLayer(context, self.flow)
        self.says = Scripted()
        self.client = Connection(ConnectionType.CLIENT)
        self.server = Connection(ConnectionType.SERVER)
        (start,) = self.layer.handle_event(events.Start())
        assert isinstance(start, WebsocketStartHook)
        self.layer.__class__ = WireSocket
        self.layer.sockets = self.says  # type: ignore[attr-defined]  # it is one of ours now
        assert list(self.layer.handle_event(events.HookCompleted(start))) == []

    def come(self, from_client: bool, *sent: Event) -> Iterator[WebSocketMessage]:  # noqa: FBT001 - a side
        """Let frames come in one packet; gives each message while the hook looks at it."""
        side, conn = (self.client, self.flow.client_conn) if from_client else (self.server, self.flow.server_conn)
        waiting: list[Any] = [events.DataReceived(conn, b"".join(map(side.send, sent)))]
        while waiting:
            for command in list(self.layer.handle_event(waiting.pop(0))):
                if isinstance(command, WebsocketMessageHook):
                    assert self.flow.websocket is not None
                    yield self.flow.websocket.messages[-1]
                    waiting.append(events.HookCompleted(command))
                elif isinstance(command, commands.SendData):
                    other = self.client if command.connection is self.flow.client_conn else self.server
                    other.receive_data(command.data)
                elif isinstance(command, commands.StartHook):
                    waiting.append(events.HookCompleted(command))

    @staticmethod
    def got(side: Connection) -> list[str]:
        """Give the texts that came to a side, and how it ended."""
        return [
            one.data if isinstance(one, TextMessage) else f"close {int(one.code)}"
            for one in side.events()
            if isinstance(one, TextMessage | CloseConnection)
        ]


def test_what_goes_in_a_messages_place_keeps_the_order_in_which_they_came() -> None:
    wire = Wire()
    for number, message in enumerate(wire.come(False, *(TextMessage(data=text) for text in "abc"))):  # noqa: FBT003
        if number == 1:
            message.drop()
            wire.says.next = [(True, b"b1"), (False, b"to the server"), (True, b"b2")]
    assert wire.got(wire.client) == ["a", "b1", "b2", "c"]
    assert wire.got(wire.server) == ["to the server"]
    assert wire.flow.websocket is not None
    assert [(one.content, one.from_client, one.dropped, one.injected) for one in wire.flow.websocket.messages] == [
        (b"a", False, False, False),
        (b"b", False, True, False),
        (b"b1", False, False, True),
        (b"to the server", True, False, True),
        (b"b2", False, False, True),
        (b"c", False, False, False),
    ]


def test_what_goes_before_a_close_goes_once_and_to_the_side_that_is_open() -> None:
    wire = Wire()
    wire.says.last = [(True, b"it broke")]
    assert list(wire.come(False, CloseConnection(code=1011))) == []  # noqa: FBT003
    assert wire.got(wire.client) == ["it broke", "close 1011"]


def test_a_client_that_has_closed_is_sent_nothing() -> None:
    wire = Wire()
    wire.says.last = [(True, b"it broke")]
    assert list(wire.come(True, CloseConnection(code=1000))) == []  # noqa: FBT003
    assert wire.got(wire.client) == ["close 1000"]
    assert wire.got(wire.server) == ["close 1000"]


# --- the addon --------------------------------------------------------------------------------------------------------


class Stage:
    """The addons up to an open WebSocket, without a layer of mitmproxy's."""

    def __init__(self, made: Addons) -> None:
        """Open it."""
        self.sockets = Sockets(made.house)
        one = flow("https://api.openai.com/v1/responses", headers=HEADERS, body=b"")
        one.request.method = "GET"
        self.flow = at_gateway(made, one)
        made.request(one)
        assert one.response is None
        assert one.request.host == "lab.example"
        one.response = http.Response.make(101, b"", {"upgrade": "websocket"})
        one.websocket = WebSocketData()
        self.sockets.response(one)
        assert one.id in self.sockets.open
        assert one.id not in made.house.exchanges

    def message(self, content: bytes, *, from_client: bool = False, kind: Opcode = Opcode.TEXT) -> WebSocketMessage:
        """Let a message come."""
        assert self.flow.websocket is not None
        made = WebSocketMessage(kind, from_client, content, 1000.0)
        self.flow.websocket.messages.append(made)
        self.sockets.websocket_message(self.flow)
        return made


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with addons(tmp_path, RULES) as made:
        ctx.options.update(wiremend_call_log=False, wiremend_calls=str(tmp_path / "calls.jsonl"))
        yield Stage(made)


def test_a_bug_of_ours_lets_the_rest_pass_as_it_comes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.message(CREATE, from_client=True)
    found = stage.sockets.open[stage.flow.id]
    found.adopted = True

    def broken(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    monkeypatch.setattr(found.socket, "from_server", broken)
    for data in said():
        message = stage.message(data)
        assert (message.content, message.dropped) == (data, False)
        assert stage.sockets.instead(stage.flow) == []
    assert found.broken
    assert stage.sockets.closing(stage.flow) == []


def test_after_a_bug_of_ours_each_turn_has_its_row_all_the_same(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stage.sockets.open[stage.flow.id]
    found.adopted = True
    stage.message(CREATE, from_client=True)

    def broken(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    monkeypatch.setattr(found.socket, "from_client", broken)
    stage.message(CREATE, from_client=True)  # at which it breaks, with the first under way
    stage.message(CREATE, from_client=True)
    stage.message(b'{"type":"response.processed"}', from_client=True)
    stage.sockets.websocket_end(stage.flow)
    rows = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [row["id"].removeprefix(stage.flow.id) for row in rows] == ["-1", "-unseen1", "-unseen2"]
    assert {row["error"] for row in rows} == {"Wiremend failed on this WebSocket, which passes as it comes"}


def test_a_row_that_cannot_be_made_costs_no_other(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.sockets.open[stage.flow.id].adopted = True

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(websocket, "_row", broken)
    for _ in range(2):
        stage.message(CREATE, from_client=True)
        for data in said():
            stage.message(data)
    rows = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [row["id"].removeprefix(stage.flow.id) for row in rows] == ["-1", "-2"]
    assert {row["error"] for row in rows} == {"Wiremend failed to write this row (ZeroDivisionError)"}


def test_what_mitmproxy_itself_put_in_and_what_is_no_text_passes(stage: Stage) -> None:
    stage.sockets.open[stage.flow.id].adopted = True
    assert stage.flow.websocket is not None
    one = WebSocketMessage(Opcode.TEXT, True, CREATE, 1.0, injected=True)  # noqa: FBT003 - mitmproxy's argument
    stage.flow.websocket.messages.append(one)
    stage.sockets.websocket_message(stage.flow)
    assert not one.dropped
    assert not stage.message(b"\xff\x00", kind=Opcode.BINARY).dropped
    assert stage.sockets.open[stage.flow.id].socket.over == []


def test_without_the_layer_messages_go_by_mitmproxys_own_command(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[bool, bytes]] = []
    monkeypatch.setattr(
        ctx.master.commands,
        "call",
        lambda name, _flow, to_client, data: called.append((to_client, data)) if name == "inject.websocket" else None,
    )
    monkeypatch.setattr(websocket, "INTERNALS", ((WebsocketLayer, ("a_name_that_is_gone",)),))
    stage.sockets.websocket_start(stage.flow)
    stage.message(CREATE, from_client=True)
    events_ = said()
    for data in (*events_[:2], events_[4]):
        stage.message(data)
    assert [json.loads(data)["type"] for _, data in called] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert {to_client for to_client, _ in called} == {True}


def test_a_socket_of_which_mitmproxy_says_no_end_ends_with_its_client(stage: Stage, tmp_path: Path) -> None:
    stage.sockets.open[stage.flow.id].adopted = True
    stage.message(CREATE, from_client=True)
    stage.sockets.client_disconnected(stage.flow.client_conn)
    assert stage.sockets.open == {}
    (line,) = (tmp_path / "calls.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (row["asked"], row["provider"], row["error"]) == ("m", "lab", "the client's connection was closed")
    stage.sockets.websocket_end(stage.flow)  # whatever comes afterwards
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 1


def test_the_end_of_the_proxy_is_the_end_of_its_sockets(stage: Stage, tmp_path: Path) -> None:
    stage.message(CREATE, from_client=True)
    stage.sockets.done()
    assert json.loads((tmp_path / "calls.jsonl").read_text())["error"] == "the proxy was shut down"


def test_a_flow_of_somebody_elses_is_left_alone(stage: Stage) -> None:
    other = tflow.twebsocketflow()
    stage.sockets.response(other)
    stage.sockets.websocket_start(other)
    stage.sockets.websocket_message(other)
    assert stage.sockets.instead(other) == []
    assert stage.sockets.closing(other) == []
    stage.sockets.websocket_end(other)
    assert list(stage.sockets.open) == [stage.flow.id]


# --- what is kept of it -----------------------------------------------------------------------------------------------

FRAMES = (
    Frame(True, True, b'{"type":"response.create"}', 1),  # noqa: FBT003 - from the client, text
    Frame(True, True, b'{"a":1}', 2, dropped=True),  # noqa: FBT003 - as above
    Frame(True, True, b'{"a":2}', 2, injected=True),  # noqa: FBT003 - as above
    Frame(False, False, b"\x00\xff", 3, dropped=True, injected=True),  # noqa: FBT003 - as above
)
KEPT = Capture("an-id", 1000.0, Request("GET", "https", None, 443, "/v1/responses"), frames=FRAMES, rules="abc")


def test_what_was_dropped_and_what_was_sent_instead_comes_back_from_every_form(tmp_path: Path) -> None:
    assert from_plain(to_plain(KEPT)).frames == FRAMES
    again = http.HTTPFlow.from_state(flow_of(KEPT).get_state())
    assert isinstance(again, http.HTTPFlow)
    assert again.websocket is not None
    assert [(one.dropped, one.injected) for one in again.websocket.messages] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert capture_of(again).frames == FRAMES
    write_case(tmp_path / "responses" / "a", replace(KEPT, wire="responses"), title="t")
    assert read_case(tmp_path / "responses" / "a").capture.frames == FRAMES
    text = (tmp_path / "responses" / "a" / "frames.yaml").read_text()
    assert "at: 2\n  fate: dropped\n" in text
    assert "at: 2\n  fate: sent instead\n" in text
    (tmp_path / "responses" / "a" / "frames.yaml").write_text(text.replace("fate: dropped", "fate: lost"))
    with pytest.raises(CaptureError, match=r"frames.yaml:.*fate is one of"):
        read_case(tmp_path / "responses" / "a")


def test_frames_that_nobody_touched_are_written_as_before() -> None:
    assert to_plain(replace(KEPT, frames=FRAMES[:1]))["frames"] == [[True, True, b'{"type":"response.create"}', 1]]
    with pytest.raises(CaptureError, match="/frames/0"):
        from_plain(to_plain(KEPT) | {"frames": [[True, True, b"", 1, True]]})
