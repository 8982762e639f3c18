"""What is known of a request's preference before it is decided: nothing of it is left behind, whatever comes of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mitmproxy.http import Response

from tests.mitm.kit import Addons, addons, at_gateway, flow
from wiremend.mitm.asking import Asked
from wiremend.mitm.preferring import Preferring
from wiremend.rules.facts import Picked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mitmproxy.http import HTTPFlow

PROVE = "prove the theorem that there are infinitely many primes"
RULES = f"""
providers:
  lab: {{base_url: 'http://127.0.0.1:9/v1', auth: none, speaks: [chat, responses]}}
preferences:
  router: ROUTER
  choices:
    - {{name: proofs, description: proving theorems, models: [lab/thinker, lab/second], examples: '{PROVE}'}}
default: lab/usual
"""
LOCAL, ASKED = RULES.replace("ROUTER", "local"), RULES.replace("ROUTER", "lab/judge")


class Made:
    """The addons, with a clock that stands still."""

    def __init__(self, made: Addons) -> None:
        """Put Preferring before Rewrite, as `load_addons` does."""
        self.addons = made
        self.now = 100.0
        self.preferring = Preferring(made.house, lambda: self.now)
        made.rewrite.preferring = self.preferring

    def ask(self, *turns: str, model: str = "auto", session: str = "s", headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Let a request through both hooks; gives the model that leaves."""
        one = self.flow(*turns, model=model, session=session, headers=headers)
        asyncio.run(self.preferring.request(one))
        self.rewritten(one)
        return None if one.response is not None else json.loads(one.request.content or b"{}")["model"]

    def flow(
        self, *turns: str, model: str = "auto", session: str = "s", headers: dict[str, str] | None = None
    ) -> HTTPFlow:
        said = [{"role": "user" if at % 2 == 0 else "assistant", "content": turn} for at, turn in enumerate(turns)]
        body = json.dumps({"model": model, "messages": said}).encode()
        url = "http://gateway.invalid/v1/chat/completions"
        made = flow(url, headers={"x-session-id": session, **(headers or {})}, body=body)
        return at_gateway(self.addons, made)

    def rewritten(self, one: HTTPFlow) -> None:
        self.addons.calls.requestheaders(one)
        self.addons.rewrite.request(one)

    @property
    def left(self) -> list[object]:
        """What is held of requests under way."""
        return [*self.preferring._found, *self.preferring._asking]


@contextmanager
def made(folder: Path, rules: str = LOCAL) -> Iterator[Made]:
    with addons(folder, rules) as found:
        yield Made(found)


def answers(name: str, then: Callable[[], None] = lambda: None) -> Callable[..., Any]:
    async def ask(*_: object) -> Asked:
        await asyncio.sleep(0)
        then()
        return Asked(Picked("asked", name), "asked")

    return ask


class Hangs:
    """A router model that never answers."""

    def __init__(self) -> None:
        """Begin unasked."""
        self.asked = asyncio.Event()

    @property
    def ask(self) -> Callable[..., Any]:
        async def hang(*_: object) -> None:
            self.asked.set()
            await asyncio.Event().wait()

        return hang


def test_a_request_that_is_decided_leaves_nothing_behind(tmp_path: Path) -> None:
    with made(tmp_path) as room:
        assert room.ask(PROVE) == "thinker"
        assert room.ask(PROVE, "so", "xyzzy") == "thinker"
        assert room.left == []


def test_a_refused_handshake_of_a_websocket_leaves_nothing_behind(tmp_path: Path) -> None:
    with made(tmp_path) as room:
        one = flow("http://gateway.invalid/v1/responses", headers={"upgrade": "websocket", "connection": "upgrade"})
        one.request.method, one.request.content = "GET", b""
        at_gateway(room.addons, one)
        asyncio.run(room.preferring.request(one))
        room.rewritten(one)
        assert one.response is not None
        assert one.response.status_code == 426
        assert room.left == []


def test_a_request_that_another_addon_answers_meanwhile_leaves_nothing_behind(tmp_path: Path) -> None:
    with made(tmp_path) as room:
        one = room.flow(PROVE)
        asyncio.run(room.preferring.request(one))
        one.response = Response.make(204)
        room.rewritten(one)
        assert room.left == []


def test_a_request_that_meets_a_bug_of_ours_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with made(tmp_path) as room:
        monkeypatch.setattr("wiremend.mitm.rewrite.rewrite", fails)
        room.ask(PROVE)
        assert room.left == []


def test_being_switched_off_while_a_model_is_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    with made(tmp_path, ASKED) as room:
        off: Callable[[], None] = lambda: setattr(room.addons.house, "watcher", None)  # noqa: E731 - one statement
        room.preferring.asker.ask = answers("proofs", off)  # type: ignore[method-assign]  # the network's part
        room.ask(PROVE)
        assert room.left == []


def test_a_hook_that_is_cancelled_while_a_model_is_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run(room: Made) -> None:
        hangs = Hangs()
        room.preferring.asker.ask = hangs.ask  # type: ignore[method-assign]  # the network's part
        task = asyncio.ensure_future(room.preferring.request(room.flow(PROVE)))
        await hangs.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with made(tmp_path, ASKED) as room:
        asyncio.run(run(room))
        assert room.left == []


def test_what_is_remembered_of_a_conversation_is_small_however_long_what_it_sends(tmp_path: Path) -> None:
    with made(tmp_path) as room:
        assert room.ask(PROVE + " and so on" * 10_000, model="m" * 100_000) == "thinker"
        ((key, choice),) = room.preferring.choices._kept.items()
        assert sum(map(len, key)) + len(choice.name) + len(choice.said) < 500


def refusal(room: Made, one: HTTPFlow) -> str:
    asyncio.run(room.preferring.request(one))
    room.rewritten(one)
    assert one.response is not None
    assert one.response.status_code == 404
    return str(one.response.json()["error"]["message"])


def test_where_nothing_fits_and_there_is_no_default_it_is_said_what_to_add(tmp_path: Path) -> None:
    with made(tmp_path, LOCAL.replace("default: lab/usual", "")) as room:
        said = refusal(room, room.flow("xyzzy"))
        assert "no preference of rules.yaml fits" in said
        assert "`default: PROVIDER/MODEL`" in said
        assert "under routes" not in said, "preferences are asked for `auto` before any route"


def test_what_no_preference_is_asked_for_is_told_to_name_a_model(tmp_path: Path) -> None:
    with made(tmp_path, LOCAL.replace("default: lab/usual", "")) as room:
        one = flow("http://gateway.invalid/v1/embeddings", body=b'{"model":"auto","input":"prove the theorem"}')
        said = refusal(room, at_gateway(room.addons, one))
        assert "/v1/embeddings" in said
        assert "by its name" in said


def test_nor_is_it_said_there_that_none_fits_where_the_default_names_no_model(tmp_path: Path) -> None:
    with made(tmp_path, LOCAL.replace("default: lab/usual", "default: lab")) as room:
        assert "no preference fits" in refusal(room, room.flow("xyzzy"))
        one = flow("http://gateway.invalid/v1/embeddings", body=b'{"model":"auto","input":"prove the theorem"}')
        said = refusal(room, at_gateway(room.addons, one))
        assert "no preference fits" not in said
        assert "for conversations, not /v1/embeddings" in said
        assert "write lab/MODEL there" in said


def test_a_client_that_left_while_a_model_was_asked_is_decided_nothing_for(tmp_path: Path) -> None:
    async def run(room: Made, one: HTTPFlow) -> None:
        hangs = Hangs()
        room.preferring.asker.ask = hangs.ask  # type: ignore[method-assign]  # the network's part
        task = asyncio.ensure_future(room.preferring.request(one))
        await hangs.asked.wait()
        room.preferring.client_disconnected(one.client_conn)
        await task

    with made(tmp_path, ASKED) as room:
        one = room.flow(PROVE)
        one.live = True
        asyncio.run(run(room, one))
        room.addons.rewrite.request(one)
        assert room.addons.house.exchanges == {}
        assert not one.killable, "nothing is sent for it"
        assert len(room.preferring.choices) == 0
        assert room.left == []


def test_the_time_that_recalling_takes_is_our_own_share_of_the_calls(tmp_path: Path) -> None:
    with made(tmp_path) as room:
        one = room.flow(PROVE)
        one.live = True
        room.addons.calls.requestheaders(one)
        asyncio.run(room.preferring.request(one))
        assert room.addons.house.calls[one.id].own_ns > 0


def test_a_client_that_left_as_the_answer_came_is_decided_nothing_for(tmp_path: Path) -> None:
    with made(tmp_path, ASKED) as room:
        one = room.flow(PROVE)
        one.live, one.client_conn.timestamp_end = True, None
        leaves: Callable[[], None] = lambda: setattr(one.client_conn, "timestamp_end", 1.0)  # noqa: E731 - one statement
        room.preferring.asker.ask = answers("proofs", leaves)  # type: ignore[method-assign]  # the network's part
        asyncio.run(room.preferring.request(one))
        room.addons.rewrite.request(one)
        assert room.addons.house.exchanges == {}
        assert room.left == []
