"""How long a router model is waited for, and when one that fails again and again is left alone."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING

import pytest
from mitmproxy.test import taddons

from tests.lab import Answer, Upstream
from tests.lab.http1 import DEADLINE
from tests.lab.replies import chat_body
from tests.mitm.asking_kit import TURNS, Room, hangs, refuses, request, router, says
from wiremend.mitm.asking import Asked, Asker, ask
from wiremend.rules.facts import Picked
from wiremend.rules.load import load_rules

if TYPE_CHECKING:
    from tests.lab import Reply, Request, Script


# -- time


def _hangs_in_head(_: Request, reply: Reply) -> None:
    reply.raw(b"HTTP/1.1 200 OK\r\nx: ")
    reply.wait_gone(DEADLINE)


def _trickles(_: Request, reply: Reply) -> None:
    reply.head(200, [("content-type", "application/json")])
    while True:
        reply.send(b" ")


def _never_ends(_: Request, reply: Reply) -> None:
    reply.head(200, [])
    reply.send(json.dumps(chat_body(Answer("code_review"))).encode())
    reply.wait_gone(DEADLINE)


SLOW: dict[str, Script] = {"hangs": hangs, "hangs in its head": _hangs_in_head, "never ends": _never_ends}


@pytest.mark.parametrize("name", SLOW)
def test_the_limit_of_time_ends_it_and_drops_the_connection(name: str) -> None:
    with router(SLOW[name]) as up:
        asked = Room(up.url, timeout="300ms").ask()
        assert up.hung_up.wait(DEADLINE), "the socket is gone, too"
    assert (asked.picked, asked.failed) == (None, "it gave no answer in 0.3 s")
    assert asked.row is not None
    assert asked.row.status is None


def test_one_byte_at_a_time_is_no_way_around_a_limit() -> None:
    with router(_trickles) as up:
        asked = Room(up.url, timeout="300ms").ask()
        assert up.hung_up.wait(DEADLINE)
    assert asked.picked is None
    assert asked.failed in {
        "it gave no answer in 0.3 s",
        "its answer is over 256 KiB",
    }  # whichever a fast machine meets


def test_a_server_that_does_not_shake_hands_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        asked = Room(f"https://127.0.0.1:{mute.getsockname()[1]}", timeout="300ms").ask()
        accepted, _ = mute.accept()
        with accepted:
            accepted.settimeout(DEADLINE)
            assert accepted.recv(1)  # the hello
            while _rest(accepted):
                pass  # up to its end, or the time of the socket is over
    assert asked.failed == "it gave no answer in 0.3 s"


def _rest(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except ConnectionError:
        return b""


def test_a_client_that_goes_takes_the_question_with_it() -> None:
    came = asyncio.Event()

    async def run(room: Room, up: Upstream) -> None:
        resolved = load_rules(room.rules, "rules.yaml", room.environ).resolved
        preferences = resolved.rules.preferences
        assert preferences is not None
        task = asyncio.create_task(ask(request(), ("x",), preferences, resolved, "flow-1"))
        await asyncio.to_thread(up.wait_for, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        came.set()

    with router(hangs) as up, taddons.context():
        asyncio.run(run(Room(up.url), up))
        assert up.hung_up.wait(DEADLINE)
    assert came.is_set()


def test_the_loop_goes_on_while_it_waits() -> None:
    async def run(room: Room, up: Upstream) -> int:
        resolved = load_rules(room.rules, "rules.yaml", room.environ).resolved
        preferences = resolved.rules.preferences
        assert preferences is not None
        many = [ask(request(), ("x",), preferences, resolved, f"flow-{number}") for number in range(5)]
        asked = await asyncio.gather(*many)
        assert up.connections == 5
        return sum(one.picked is not None for one in asked)

    with router(together(5)) as up, taddons.context():
        assert asyncio.run(run(Room(up.url), up)) == 5


def together(count: int) -> Script:
    """Answer when so many have come: they wait for each other, so that one after the other would hang."""
    import threading  # noqa: PLC0415 - used here alone

    barrier = threading.Barrier(count, timeout=DEADLINE)

    def script(_: Request, reply: Reply) -> None:
        barrier.wait()
        reply.json(200, chat_body(Answer("code_review")))

    return script


def test_it_works_on_a_loop_of_eager_tasks() -> None:
    async def run(room: Room) -> Asked:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # as mitmproxy's
        resolved = load_rules(room.rules, "rules.yaml", room.environ).resolved
        preferences = resolved.rules.preferences
        assert preferences is not None
        return await asyncio.create_task(ask(request(), ("x",), preferences, resolved, "flow-1"))

    with router(says("code_review")) as up, taddons.context():
        room = Room(up.url.replace("127.0.0.1", "localhost"))
        assert asyncio.run(run(room)).picked == Picked("asked", "code_review")


# -- one that fails again and again


class Patience:
    """An asker on a clock of the test's, and a router that does what it is told."""

    def __init__(self, room: Room) -> None:
        """Begin with nothing failed."""
        self.resolved = load_rules(room.rules, "rules.yaml", room.environ).resolved
        self.seconds = 1000.0
        self.asker = Asker(lambda: self.seconds)

    def ask(self) -> Asked:
        preferences = self.resolved.rules.preferences
        assert preferences is not None
        with taddons.context():
            return asyncio.run(self.asker.ask(request(), TURNS, preferences, self.resolved, "flow-1"))


class Moody:
    """A router whose next answers are told."""

    def __init__(self) -> None:
        """Begin with a right answer."""
        self.script: Script = says("code_review")

    def __call__(self, asked: Request, reply: Reply) -> None:
        self.script(asked, reply)


def test_who_fails_again_and_again_is_left_alone_and_probed() -> None:
    moody = Moody()
    with router(moody) as up:
        patience = Patience(Room(up.url))
        moody.script = refuses(503)
        for _ in range(5):
            assert patience.ask().failed == "it answered 503"
        alone = patience.ask()
        assert (alone.picked, alone.row) == (None, None)
        assert alone.what == "small/judge-1 was not asked which preference fits"
        assert alone.failed == "it failed again and again, and is left alone for a while"
        assert len(up.requests) == 5
        patience.seconds += 31.0
        moody.script = says("code_review")
        assert patience.ask().picked == Picked("asked", "code_review")
        assert patience.ask().picked is not None
        assert len(up.requests) == 7


NOT_FAILING: dict[str, Script] = {
    "400": refuses(400),
    "401": refuses(401),
    "garbage": says("As a model I like both."),
    "html": lambda _, reply: reply.body(200, [], b"<html>hello</html>"),
}


@pytest.mark.parametrize("name", NOT_FAILING)
def test_what_is_not_the_providers_failing_does_not_count(name: str) -> None:
    with router(NOT_FAILING[name]) as up:
        patience = Patience(Room(up.url))
        for _ in range(7):
            patience.ask()
        assert len(up.requests) == 7


def test_the_rest_is_the_providers_own() -> None:
    with router(refuses(500)) as up:
        never = Patience(Room(up.url, more="limits: {cooldown: off}"))
        for _ in range(7):
            never.ask()
        once = Patience(Room(up.url, more="limits: {cooldown: {after: 1}}"))
        for _ in range(7):
            once.ask()
        assert len(up.requests) == 8


def test_a_probe_whose_client_goes_makes_room_for_another() -> None:
    moody = Moody()
    with router(moody) as up:
        patience = Patience(Room(up.url, more="limits: {cooldown: {after: 1}}"))
        moody.script = refuses(500)
        patience.ask()
        patience.seconds += 31.0
        moody.script = hangs
        preferences = patience.resolved.rules.preferences
        assert preferences is not None

        async def leave() -> None:
            task = asyncio.create_task(patience.asker.ask(request(), TURNS, preferences, patience.resolved, "flow-2"))
            await asyncio.to_thread(up.wait_for, 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        with taddons.context():
            asyncio.run(leave())
        moody.script = says("code_review")
        assert patience.ask().picked is not None
