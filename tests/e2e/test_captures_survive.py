"""What was remembered survives: a proxy that is killed in mid-stream, one that ends, one that is started again."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.proxy import BIN, captures_in
from tests.lab.replies import chat_events, sse

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
HEAD = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", "content-type": "application/json"}
EVENTS = chat_events(Answer("one two three four", model="m"), include_usage=False)
RULES = "providers: {{lab: {{base_url: '{url}', key: client, quirks: [reasoning-missing-deepseek]}}}}\ndefault: lab\n"
CHAT = "/v1/chat/completions"


def body(model: str = "m", **more: object) -> bytes:
    return json.dumps({"model": model, "stream": True, "messages": [], **more}).encode()


class Held:
    """An upstream that finishes its streams, but for those of the model ``held``."""

    def __init__(self) -> None:
        """Hold them until the gate is opened."""
        self.gate = threading.Event()

    def __call__(self, request: Request, reply: Reply) -> None:
        if json.loads(request.body)["model"] != "held":
            reply.events(EVENTS)
            return
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(EVENTS[0])
        reply.wait(self.gate)
        reply.cut()


def test_a_killed_proxy_loses_what_was_under_way_and_no_more(tmp_path: Path) -> None:
    held = Held()
    with Upstream(held) as up, Mitm(RULES.format(url=up.url), env={"XDG_STATE_HOME": str(tmp_path)}) as proxy:
        with Client.plain(proxy.port) as client:
            for number in range(5):
                client.request("POST", CHAT, HEAD, body(user=f"n{number}")).read()
        with Client.plain(proxy.port) as client:
            client.request("POST", CHAT, HEAD, body("held")).read_until(EVENTS[0])
            proxy.wait_captures(5)
            proxy.process.send_signal(signal.SIGKILL)
            proxy.process.wait(10)
        held.gate.set()
        captures = captures_in(proxy.captures)
        assert [json.loads(capture.request.body).get("user") for capture in captures] == [f"n{n}" for n in range(5)]
        for capture in captures:
            assert capture.answer is not None
            assert capture.answer.body.data == b"".join(EVENTS)
        (path,) = proxy.captures.glob("*.flows")
        listed = subprocess.run(
            [str(BIN / "mitmdump"), "-nr", str(path), "--set", f"confdir={proxy.confdir}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert listed.stdout.count("<< 200 OK") == 5


def test_a_proxy_that_ends_writes_what_was_under_way_as_cut(tmp_path: Path) -> None:
    held = Held()
    with Upstream(held) as up:
        with Mitm(RULES.format(url=up.url), env={"XDG_STATE_HOME": str(tmp_path)}) as proxy:
            client = Client.plain(proxy.port)
            client.request("POST", CHAT, HEAD, body("held")).read_until(EVENTS[0])
            proxy.stop()
            client.close()
        held.gate.set()
    (capture,) = captures_in(tmp_path / "wiremend" / "captures")
    assert capture.error
    assert capture.attempts[0].error == capture.error
    assert capture.attempts[0].response is not None
    assert capture.attempts[0].response.body.data == EVENTS[0]


# -- two turns, with a restart between

CALL = "call_0123456789abcdef"
THOUGHT = "The folder first."


def turn(**said: object) -> dict[str, Any]:
    delta = {"index": 0, "delta": said, "finish_reason": None}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}


TOOL = {"index": 0, "id": CALL, "type": "function", "function": {"name": "ls", "arguments": "{}"}}
THINKS = [
    sse(turn(role="assistant", content=None, reasoning_content=THOUGHT)),
    sse(turn(tool_calls=[TOOL])),
    sse({**turn(), "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    sse("[DONE]"),
]
USER = {"role": "user", "content": "go"}
SECOND = [
    USER,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": CALL, "type": "function", "function": {"name": "ls", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": CALL, "content": "a"},
]


@pytest.mark.parametrize("captured", (True, False))
def test_what_a_reply_left_is_brought_again_after_a_restart(tmp_path: Path, *, captured: bool) -> None:
    """A provider that thinks wants its thoughts back with the call; the client keeps the call alone."""
    seen: list[Any] = []

    def think(request: Request, reply: Reply) -> None:
        seen.append(json.loads(request.body)["messages"])
        reply.events(THINKS)

    with Upstream(think) as up:
        rules = RULES.format(url=up.url) + ("" if captured else "capture: off\n")
        for messages in ([USER], SECOND):
            with Mitm(rules, env={"XDG_STATE_HOME": str(tmp_path)}) as proxy, Client.plain(proxy.port) as client:
                request = body("deepseek-v4-pro", messages=messages, thinking={"type": "enabled"})
                assert client.request("POST", CHAT, HEAD, request).read()
                proxy.wait_calls(1)
    first, second = seen
    assert first == [USER]
    brought = second[1].get("reasoning_content")
    assert (brought == THOUGHT) is captured
    if captured:
        one, two = captures_in(tmp_path / "wiremend" / "captures")
        assert [value for value in one.kept.values() if THOUGHT in value]
        assert set(one.kept) & {key for key, value in two.inputs.memory.items() if value is not None}
    else:
        assert not (tmp_path / "wiremend" / "captures").exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_traffic_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    options = {"wiremend_capture": place / "captures"}
    with Upstream(Held()) as up, Mitm(RULES.format(url=up.url), options=options) as proxy:
        with Client.plain(proxy.port) as client:
            for _ in range(3):
                assert client.request("POST", CHAT, HEAD, body()).read() == b"".join(EVENTS)
        told = proxy.wait_log(r"captures cannot be kept in (\S+): ([^;]+)")
        assert told[1] == str(place / "captures")
        proxy.wait_calls(3)
        proxy.stop()
        assert proxy.log().count("captures cannot be kept") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_rules_that_change_take_effect_for_exchanges_that_begin_later(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    held = Held()
    with Upstream(held) as up:
        rules = RULES.format(url=up.url)
        with Mitm(f"{rules}capture: {{dir: '{first}'}}\n") as proxy:
            with Client.plain(proxy.port) as early, Client.plain(proxy.port) as late:
                response = early.request("POST", CHAT, HEAD, body("held"))
                response.read_until(EVENTS[0])
                proxy.write_rules(f"{rules}capture: {{dir: '{second}'}}\n")
                proxy.wait_log("rules reloaded")
                late.request("POST", CHAT, HEAD, body("late")).read()
                held.gate.set()
                response.read()
            proxy.wait_captures(1, folder=first)
            proxy.wait_captures(1, folder=second)
    assert [capture.model for capture in captures_in(first)] == ["held"]
    assert [capture.model for capture in captures_in(second)] == ["late"]
    assert {path.stem for path in (first / "rules").iterdir()} == {capture.rules for capture in captures_in(first)}
    assert {path.stem for path in (second / "rules").iterdir()} == {capture.rules for capture in captures_in(second)}


@pytest.mark.parametrize("sized", (True, False), ids=("length", "chunks"))
def test_a_body_that_mitmproxy_streams_after_all_is_not_remembered_twice(*, sized: bool) -> None:
    """With ``stream_large_bodies`` mitmproxy gives itself once more what it had held, once that is too much."""
    text = json.dumps({"data": ["x" * 400] * 20}).encode()
    pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]

    def script(_: Request, reply: Reply) -> None:
        length = [("content-length", str(len(text)))] if sized else []
        reply.head(200, [("content-type", "application/json"), *length])
        for piece in pieces:
            reply.send(piece)
        reply.end()

    with Upstream(script) as up, Mitm(RULES.format(url=up.url), options={"stream_large_bodies": "3k"}) as proxy:
        with Client.plain(proxy.port) as client:
            got = client.request("POST", CHAT, HEAD, body(stream=False)).read()
        (capture,) = proxy.wait_captures(1)
        assert got == text
        assert capture.attempts[0].response is not None
        assert capture.attempts[0].response.body.data == text
        assert capture.answer is not None
        assert capture.answer.body.data == got
