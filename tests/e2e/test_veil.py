"""What the rules put into a request leaves, and is then out of sight: in the flow, and in a file of ``-w``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import messages_body, messages_events
from wiremend.mitm.flows import read_flows

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = Answer("one two", model="m")
SECRET = "sk-kimi-" + "Yy8" * 12
VOUCHER = "voucher-0123456789abcdef"
RULES = """
providers:
  lab: {{base_url: '{url}', key: $LAB_KEY, headers: {{X-Voucher: $VOUCHER}}}}
  dead: {{base_url: 'http://127.0.0.1:1', key: $LAB_KEY}}
routes: [{{when: {{model: dead}}, to: dead}}]
default: lab
"""


def answer(request: Request, reply: Reply) -> None:
    asked = json.loads(request.body)
    if asked["model"] == "cut":
        reply.head(200, [("content-type", "text/event-stream")])
        reply.send(messages_events(ANSWER)[0])
        reply.cut()
    elif asked["stream"]:
        reply.events(messages_events(ANSWER))
    else:
        reply.json(200, messages_body(ANSWER))


@pytest.mark.parametrize("capture", ("", "off"))
def test_a_secret_of_the_rules_leaves_and_is_seen_no_more(capture: str, tmp_path: Path) -> None:
    saved, env = tmp_path / "saved.flows", {"LAB_KEY": SECRET, "VOUCHER": VOUCHER}
    asked = (("m", True), ("m", False), ("cut", True), ("dead", True))
    own = "sk-ant-FAKE-own-0001"
    with Upstream(answer) as upstream:
        options = {"save_stream_file": saved, "wiremend_capture": capture}
        with Mitm(RULES.format(url=upstream.url), env=env, options=options) as proxy:
            with Client.plain(proxy.port) as client:
                for model, stream in asked:
                    body = json.dumps({"model": model, "stream": stream, "max_tokens": 9, "messages": []}).encode()
                    client.request("POST", "/v1/messages", {"host": "127.0.0.1", "x-api-key": own}, body).read()
            kept = [] if capture else proxy.wait_captures(len(asked))
        sent = [{name.lower(): value for name, value in request.headers} for request in upstream.requests]
    assert [(head["x-api-key"], head["x-voucher"]) for head in sent] == [(SECRET, VOUCHER)] * 3
    data = saved.read_bytes()
    assert SECRET.encode() not in data
    assert VOUCHER.encode() not in data
    flows = [found.flow for found in read_flows(saved) if found.flow is not None]
    assert [flow.request.headers["x-api-key"] for flow in flows] == ["sk-kimi-…"] * len(asked)
    if not capture:
        keys = {one.attempts[0].request.headers.get("x-api-key") for one in kept}
        assert len(keys) == 1
        assert str(keys.pop()).startswith("sk-kimi-SCRUBBED")
        cut = next(flow for flow in flows if flow.error is not None and flow.response is not None)
        assert cut.response is not None
        assert (cut.response.raw_content or b"").startswith(messages_events(ANSWER)[0])
