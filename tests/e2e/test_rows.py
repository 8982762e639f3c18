"""Exactly one row a call, whatever becomes of it.

Each test plays one fate through a real mitmdump and asks for a model of its own, so that a row is known by what was
asked. When all are over the proxy is stopped, which is when anything late would have come, and each model has one row.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.rows_kit import (
    ARGUMENTS,
    CHAT,
    COUNT,
    HELPER,
    KEY,
    MESSAGES,
    OWN,
    RESPONSES,
    RULES,
    STREAM,
    TOOL,
    Stage,
    ask,
    at_the_end,
    head,
    play,
)
from tests.e2e.socket_kit import opened, talking
from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.http2_client import Http2Client
from tests.lab.replies import messages_body, messages_events, responses_events
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.socket_kit import Peer


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    helper: Path = tmp_path_factory.mktemp("rows") / "helper.py"
    helper.write_text(HELPER)
    made: list[Stage] = []
    with Upstream(lambda request, reply: play(made[0], request, reply)) as upstream:
        rules = RULES.format(url=upstream.url)
        with Mitm(rules, env={"LAB_KEY": KEY}, args=["-s", str(helper)]) as proxy:
            made.append(Stage(proxy))
            yield made[0]
            rows = at_the_end(proxy)
    counts = Counter(row["asked"] for row in rows if row["asked"] is not None)
    assert counts.pop("again", 2) == 2, "mitmproxy sends it once more"
    assert set(counts.values()) <= {1}, counts
    assert len({row["id"] for row in rows}) == len(rows)
    assert KEY not in json.dumps(rows)
    assert OWN not in json.dumps(rows)


def test_a_whole_reply_has_all_its_columns(stage: Stage) -> None:
    assert ask(stage, "whole").status == 200
    row = stage.row("whole")
    assert (row["client"], row["wire"], row["upstream_wire"], row["provider"]) == (
        "claude-code",
        "messages",
        "messages",
        "lab",
    )
    assert (row["status"], row["model"], row["route"], row["path"], row["error"]) == (
        200,
        "whole",
        "all",
        MESSAGES,
        None,
    )
    assert (row["input_tokens"], row["output_tokens"], row["stop_reason"]) == (11, 7, "end_turn")
    assert row["capture"] == row["id"]
    assert 0 < row["overhead_ms"] <= row["total_s"] * 1000 + 1
    assert [(one["provider"], one["model"], one["status"], one["trouble"]) for one in row["attempts"]] == [
        ("lab", "whole", 200, None)
    ]
    assert {one.id for one in stage.proxy.wait_captures(1)} >= {row["id"]}


@pytest.mark.parametrize(
    ("model", "path", "ident"),
    (
        ("tool-messages", MESSAGES, "toolu_lab1"),
        ("tool-chat", CHAT, "call_lab1"),
        ("tool-responses", RESPONSES, "call_lab1"),
        ("translated-tool", MESSAGES, "call_lab1"),
    ),
)
@pytest.mark.parametrize("form", ("stream", "whole"))
def test_the_tools_that_a_reply_calls_are_told_of(stage: Stage, model: str, path: str, ident: str, form: str) -> None:
    name = f"{model}-{form}"
    assert ask(stage, name, path, stream=form == "stream", input="hi").status == 200
    row = stage.row(name)
    ((call, seen, tool, size),) = stage.told(row)["tools"]
    assert (call, tool) == (row["id"], "weather")
    assert seen == ident or model.startswith("translated")
    assert abs(size - ARGUMENTS) <= 2, "the spaces of JSON are anybody's"
    assert row["stop_reason"] in {"tool_use", "tool_calls", "completed"}


def test_the_results_that_a_request_brings_are_told_of(stage: Stage) -> None:
    turns = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}]},
    ]
    assert ask(stage, "results", messages=turns).status == 200
    assert stage.told(stage.row("results")) == {"id": stage.row("results")["id"], "tools": [], "results": ["toolu_1"]}


def test_an_error_reply(stage: Stage) -> None:
    assert ask(stage, "error").status == 400
    row = stage.row("error")
    assert (row["status"], row["provider"], row["stop_reason"]) == (400, "lab", None)
    assert "no, sk-kimi-…" in row["error"]
    assert [one["status"] for one in row["attempts"]] == [400]


@pytest.mark.parametrize("form", ("stream", "whole"))
def test_all_tries_of_a_call_are_in_its_row(stage: Stage, form: str) -> None:
    """Two at one provider, and one at another that speaks another wire, whose reply the client gets."""
    name = f"again-tool-{form}"
    assert ask(stage, name, stream=form == "stream").status == 200
    row = stage.row(name)
    assert [(one["provider"], one["status"], one["trouble"]) for one in row["attempts"]] == [
        ("limited", 429, "status"),
        ("limited", 429, "status"),
        ("chatty", 200, None),
    ]
    assert [one["model"] for one in row["attempts"]] == [name] * 3
    times = [(one["at_s"], one["at_s"] + one["total_s"]) for one in row["attempts"]]
    assert times == sorted(times)
    assert times[-1][1] <= row["total_s"] + 0.01
    assert (row["provider"], row["upstream_wire"], row["status"], row["error"]) == ("chatty", "chat", 200, None)
    assert (row["input_tokens"], row["stop_reason"]) == (11, "tool_calls")
    assert [tool[2] for tool in stage.told(row)["tools"]] == ["weather"]


def test_a_request_that_is_refused_here(stage: Stage) -> None:
    assert ask(stage, "translated-refused", RESPONSES, previous_response_id="resp_1", input="hi").status == 400
    row = stage.row("translated-refused")
    assert (row["status"], row["provider"], row["attempts"]) == (400, None, [])
    assert "previous_response_id" in row["error"]


def test_a_request_that_is_refused_at_the_door(stage: Stage) -> None:
    with Client.plain(stage.proxy.port) as client:
        response = client.request(
            "POST", MESSAGES, {**head(stage), "host": "elsewhere.example"}, b'{"model":"door","messages":[]}'
        )
        assert response.status == 403
        response.read()
    row = stage.row("door")
    assert (row["status"], row["provider"], row["client"], row["wire"]) == (403, None, "claude-code", "messages")
    assert "elsewhere.example" in row["error"]
    assert row["capture"] is None


def test_an_upstream_that_breaks_off(stage: Stage) -> None:
    ask(stage, "cut", stream=True)
    row = stage.row("cut")
    assert (row["status"], row["provider"]) == (200, "lab")
    assert "closed connection" in row["error"]


def test_an_upstream_that_is_not_there(stage: Stage) -> None:
    assert ask(stage, "dead").status == 502
    row = stage.row("dead")
    assert (row["status"], row["provider"], row["first_byte_s"]) == (502, "dead", None)
    assert row["error"]
    assert [(one["provider"], one["status"], one["trouble"]) for one in row["attempts"]] == [
        ("dead", None, "connection")
    ]


def test_a_client_that_leaves_in_the_middle_of_a_stream(stage: Stage) -> None:
    body = b'{"model":"cancel","max_tokens":9,"stream":true,"messages":[]}'
    with Client.plain(stage.proxy.port) as client:
        client.request("POST", MESSAGES, head(stage), body).read_until(b"one")
    row = stage.row("cancel")
    assert (row["status"], row["output_tokens"]) == (200, 1)
    assert "disconnected" in row["error"]


def test_a_client_that_leaves_before_the_head(stage: Stage) -> None:
    body = b'{"model":"held","max_tokens":9,"messages":[]}'
    with Client.plain(stage.proxy.port) as client:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**head(stage), "content-length": len(body)}.items())
        client.send(f"POST {MESSAGES} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        assert stage.seen.wait(10)
    row = stage.row("held")
    assert (row["status"], row["provider"]) == (None, "lab")
    assert "disconnected" in row["error"]


def test_a_client_that_leaves_in_the_middle_of_its_request(stage: Stage) -> None:
    before = len(stage.proxy.calls())
    with Client.plain(stage.proxy.port) as client:
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**head(stage), "content-length": "999"}.items())
        client.send(f"POST {MESSAGES} HTTP/1.1\r\n{lines}\r\n".encode() + b'{"model":"half')
    row = stage.proxy.wait_calls(before + 1)[-1]
    assert (row["status"], row["asked"], row["wire"], row["provider"]) == (None, None, "messages", None)
    assert row["error"]


@pytest.mark.parametrize("where", ("request", "head", "response"))
def test_a_flow_that_is_killed(stage: Stage, where: str) -> None:
    body = json.dumps({"model": f"killed-{where}", "max_tokens": 9, "messages": []}).encode()
    with Client.plain(stage.proxy.port) as client, pytest.raises((AssertionError, ConnectionError, OSError)):
        client.request("POST", MESSAGES, head(stage), body)
    row = stage.row(f"killed-{where}")
    assert row["provider"] == "lab"
    assert where == "response" or "killed" in row["error"]


def test_a_hook_of_ours_that_crashes_leaves_a_row(stage: Stage) -> None:
    response = ask(stage, "boom-request")
    row = stage.row("boom-request")
    assert row["status"] == response.status == 500, "the gateway does not know where it goes"
    assert (row["provider"], row["wire"], row["client"]) == (None, "messages", "claude-code")
    assert "Wiremend could not decide" in row["error"]


def test_a_row_that_cannot_be_made_is_made_with_what_there_is(stage: Stage) -> None:
    before = len(stage.proxy.calls())
    assert ask(stage, "boom-row").status == 200
    row = stage.proxy.wait_calls(before + 1)[-1]
    assert (row["status"], row["asked"], row["error"]) == (
        200,
        None,
        "Wiremend failed to write this row (RuntimeError)",
    )
    assert row["id"]


def test_asides_have_rows(stage: Stage) -> None:
    assert ask(stage, "count", COUNT).status == 200
    assert (stage.row("count")["path"], stage.row("count")["status"]) == (COUNT, 200)
    before = len(stage.proxy.calls())
    with Client.plain(stage.proxy.port) as client:
        assert client.request("GET", "/v1/models", head(stage)).status == 200
    row = stage.proxy.wait_calls(before + 1)[-1]
    assert (row["path"], row["asked"], row["status"]) == ("/v1/models", None, 200)


def test_what_is_no_endpoint_has_none(stage: Stage) -> None:
    before = len(stage.proxy.calls())
    with Client.plain(stage.proxy.port) as client:
        client.request("GET", "/v1/nothing", head(stage)).read()
    ask(stage, "after-nothing")
    stage.row("after-nothing")
    assert len(stage.proxy.calls()) == before + 1


def test_each_response_of_a_web_socket_has_one() -> None:
    stream = b"".join(responses_events(Answer("one", model="served", tool=TOOL)))
    answer = [one.data for one in EventParser().feed(stream) if one.data is not None]

    def talk(peer: Peer, _: Request) -> None:
        while peer.hear() is not None:
            peer.say(*answer)

    with Upstream(talking(talk)) as up:
        rules = f"providers: {{lab: {{base_url: '{up.url}', key: $LAB_KEY, websocket: true}}}}\ndefault: lab\n"
        with Mitm(rules, env={"LAB_KEY": KEY}) as proxy, opened(proxy, {"authorization": f"Bearer {OWN}"}) as peer:
            for _ in range(2):
                peer.say(b'{"type":"response.create","model":"socket","input":[]}')
                peer.until("response.completed")
            rows = proxy.wait_calls(2)
            peer.close()
            peer.rest()
            assert len(at_the_end(proxy)) == 2
    first, second = rows
    assert first["id"].removesuffix("-1") == second["id"].removesuffix("-2")
    assert first["capture"] == second["capture"] == first["id"].removesuffix("-1")
    assert [row["stop_reason"] for row in rows] == ["completed"] * 2
    assert all(row["overhead_ms"] > 0 for row in rows)


def test_what_mitmproxy_sends_once_more_is_a_call_of_its_own(stage: Stage) -> None:
    assert ask(stage, "again").status == 200

    def two() -> list[dict[str, Any]] | None:
        rows = [row for row in stage.proxy.calls() if row["asked"] == "again"]
        return rows if len(rows) > 1 else None

    first, second = stage.proxy._watch(two, "two rows", 10.0)
    assert second["id"].startswith(first["id"] + "-")
    assert (second["status"], second["input_tokens"], second["provider"]) == (200, 11, None)


def test_a_call_under_way_when_the_proxy_ends_has_one() -> None:
    gate = threading.Event()

    def hang(_: Request, reply: Reply) -> None:
        gate.set()
        reply.wait_gone()

    with (
        Upstream(hang) as up,
        Mitm(RULES.format(url=up.url), env={"LAB_KEY": KEY}) as proxy,
        Client.plain(proxy.port) as client,
    ):
        body = b'{"model":"late","max_tokens":9,"messages":[]}'
        lines = f"host: 127.0.0.1\r\nx-api-key: {OWN}\r\ncontent-length: {len(body)}\r\n"
        client.send(f"POST {MESSAGES} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        assert gate.wait(10)
        (row,) = at_the_end(proxy)
    assert (row["asked"], row["status"], row["error"]) == ("late", None, "the proxy was shut down")


def test_the_streams_of_one_http2_connection_have_one_each(authority: Authority) -> None:
    """One is answered, one is reset by the client, and one is under way when the connection goes away."""
    seen = threading.Semaphore(0)

    def script(request: Request, reply: Reply) -> None:
        if json.loads(request.body)["model"] == "whole":
            reply.json(200, messages_body(Answer()))
            return
        reply.head(200, STREAM)
        reply.send(b"".join(messages_events(Answer())[:4]))
        seen.release()
        reply.wait_gone()

    with Upstream(script, tls=authority.server("localhost")) as up:
        rules = f"providers: {{lab: {{base_url: '{up.url}', key: $LAB_KEY}}}}\ndefault: lab\n"
        env = {"LAB_KEY": KEY, "SSL_CERT_FILE": str(authority.ca)}
        with Mitm(rules, env=env) as proxy:
            with Http2Client.through(proxy.port, "localhost", up.port, ca=proxy.ca) as client:
                ask_for = {
                    model: client.request("POST", MESSAGES, {"x-api-key": OWN}, json.dumps(body(model)).encode())
                    for model in ("reset", "left", "whole")
                }
                assert ask_for["whole"].wait().status == 200
                assert all(seen.acquire(timeout=10) for _ in range(2))
                for model in ("reset", "left"):
                    ask_for[model].read_until(b"message_start")
                with client.link.changed:
                    client.link.frames.reset_stream(ask_for["reset"]._stream)
                    client.link.flush()
                assert proxy.wait_calls(2)[1]["asked"] == "reset"
            proxy.wait_calls(3)
            rows = {row["asked"]: row for row in at_the_end(proxy)}
    assert sorted(rows) == ["left", "reset", "whole"]
    assert rows["whole"]["error"] is None
    assert all(rows[model]["error"] and rows[model]["status"] == 200 for model in ("left", "reset"))


def body(model: str) -> dict[str, object]:
    return {"model": model, "max_tokens": 9, "stream": model != "whole", "messages": []}
