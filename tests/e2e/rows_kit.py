"""A proxy whose calls meet every fate, and the provider behind it: what becomes of a call its model's name says."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from tests.lab import Answer, Client
from tests.lab.replies import chat_body, chat_events, messages_body, messages_events, responses_body, responses_events

if TYPE_CHECKING:
    from tests.lab import Mitm, Reply, Request

KEY: Final = "sk-kimi-FAKE0123456789abcdefghij"
OWN: Final = "sk-proj-FAKE0123456789abcdefghij"
MESSAGES, CHAT, RESPONSES, COUNT = "/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/messages/count_tokens"
TOOL: Final = ("weather", {"city": "Zürich"})
ARGUMENTS: Final = len(json.dumps(TOOL[1]))
STREAM: Final = [("content-type", "text/event-stream")]

RULES: Final = """
providers:
  lab: {{base_url: '{url}', key: $LAB_KEY, speaks: [messages, chat, responses]}}
  chatty: {{base_url: '{url}', key: $LAB_KEY, speaks: [chat]}}
  limited: {{base_url: '{url}/limited', key: $LAB_KEY, speaks: [messages]}}
  dead: {{base_url: 'http://127.0.0.1:1', key: $LAB_KEY}}
routes:
  - {{name: translated, when: {{model: translated*}}, to: chatty}}
  - {{when: {{model: dead*}}, to: dead}}
  - {{when: {{model: again-*}}, to: [limited, chatty], retry: {{times: 1, backoff: 10ms}}}}
  - {{name: all, when: {{model: '*'}}, to: lab}}
default: lab
"""

HELPER: Final = '''
"""Kills flows, replays one, and breaks our own hooks, each where the model's name says so."""

import asyncio
import json

from mitmproxy import ctx

from wiremend.mitm import calls, rewrite

tasks = []
ours, row_of = rewrite.rewrite, calls.row_of


def breaking(request, *rest, **named):
    if b'"boom-request"' in request.body:
        raise RuntimeError("a bug")
    return ours(request, *rest, **named)


def breaking_row(call, exchange, error):
    if exchange.facts.model == "boom-row":
        raise RuntimeError("a bug")
    return row_of(call, exchange, error)


rewrite.rewrite, calls.row_of = breaking, breaking_row


def told(row, tools, results):
    with open(ctx.options.wiremend_calls + ".told", "a") as out:
        one = {"id": row.id, "tools": [[t.call, t.id, t.name, t.argument_bytes] for t in tools], "results": results}
        out.write(json.dumps(one) + "\\n")


def running():
    ctx.master.addons.get("house").on_row.append(told)


def wants(flow, word):
    return word in (flow.request.raw_content or b"")


def request(flow):
    if wants(flow, b'"killed-request"'):
        flow.kill()


def responseheaders(flow):
    if wants(flow, b'"killed-head"'):
        flow.kill()


def response(flow):
    if wants(flow, b'"killed-response"'):
        flow.kill()
    if wants(flow, b'"again"') and not flow.is_replay:
        async def later():
            while flow.live:
                await asyncio.sleep(0.01)
            ctx.master.commands.call("replay.client", [flow])

        tasks.append(asyncio.create_task(later()))
'''


class Stage:
    """A provider that answers by the model asked for, and the proxy before it."""

    def __init__(self, proxy: Mitm) -> None:
        """Take the proxy; ``seen`` is set when a request that is held has come."""
        self.proxy = proxy
        self.seen = threading.Event()

    def row(self, model: str) -> dict[str, Any]:
        """Give the row of the call that asked for a model."""

        def found() -> dict[str, Any] | None:
            return next((row for row in self.proxy.calls() if row["asked"] == model), None)

        return self.proxy._watch(found, f"a row of {model}", 10.0)

    def told(self, row: dict[str, Any]) -> dict[str, Any]:
        """Give what listeners were told with a row."""
        path = self.proxy.folder / "calls.jsonl.told"
        (one,) = [one for one in map(json.loads, path.read_text().splitlines()) if one["id"] == row["id"]]
        return one  # type: ignore[no-any-return]  # JSON


def at_the_end(proxy: Mitm) -> list[dict[str, Any]]:
    """End a proxy and give its rows."""
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(20)
    return proxy.calls()


def play(stage: Stage, request: Request, reply: Reply) -> None:
    """Answer as the model's name says."""
    asked = json.loads(request.body) if request.body else {}
    model = asked.get("model", "")
    answer = Answer("one two", model="served", tool=TOOL if "tool" in model else None)
    whole = {
        MESSAGES: messages_body(answer),
        CHAT: chat_body(answer),
        RESPONSES: responses_body(answer),
        COUNT: {"input_tokens": 12},
        "/v1/models": {"object": "list", "data": [{"id": "m", "object": "model"}]},
    }
    events = {MESSAGES: messages_events, CHAT: chat_events, RESPONSES: responses_events}
    if request.path.startswith("/limited"):
        reply.json(429, {"type": "error", "error": {"type": "rate_limit_error", "message": f"slow down, {KEY}"}})
    elif model.startswith("error"):
        reply.json(400, {"type": "error", "error": {"type": "invalid_request_error", "message": f"no, {KEY}"}})
    elif model.startswith("held"):
        stage.seen.set()
        reply.wait_gone()
    elif asked.get("stream"):
        stream = events[request.path](answer)
        reply.head(200, STREAM)
        breaks = {"cut": reply.cut, "cancel": reply.wait_gone}.get(model)
        for event in stream[:4] if breaks else stream:
            reply.send(event)
        (breaks or reply.end)()
    else:
        reply.json(200 if request.path in whole else 404, whole.get(request.path, {}))


def ask(stage: Stage, model: str, path: str = MESSAGES, **more: object) -> Any:  # noqa: ANN401 - the lab's response
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": f"hi {model}"}], **more}
    with Client.plain(stage.proxy.port) as client:
        response = client.request("POST", path, head(stage), json.dumps(body).encode())
        response.read()
    return response


def head(stage: Stage) -> dict[str, str]:
    return {"host": f"127.0.0.1:{stage.proxy.port}", "authorization": f"Bearer {OWN}", "user-agent": "claude-cli/2.1.0"}
