"""The commands in a running mitmweb, by its own interface: what they show, send again, keep, and never say."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.web_kit import Web
from tests.lab import Answer, Authority, Client, Reply, Request, Upstream
from tests.lab.replies import chat_body, chat_events
from wiremend.captures.case import read_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIENT = "sk-client-00011122233344455566-FAKE"
OURS = "sk-lab-0123456789abcdefghijklmn-FAKE"
EVENTS = chat_events(Answer("one two", model="m"))
BROKEN = [EVENTS[0].replace(b'"role"', b'"rule"'), *EVENTS[1:]]


def answer(request: Request, reply: Reply) -> None:
    asked = json.loads(request.body)
    if "failing" in asked["model"]:
        reply.json(429, {"error": {"message": f"slow down, {OURS}", "type": "rate_limit_error"}})
    elif not asked.get("stream"):
        reply.json(200, chat_body(Answer("one two", model="m")))
    else:
        reply.events(BROKEN if "odd" in asked["model"] else EVENTS)


def rules(upstream: Upstream, default: str = "lab") -> str:
    base = f"base_url: '{upstream.url}/v1', key: $LAB_KEY"
    return (
        f"providers: {{lab: {{{base}}}, other: {{{base}}}}}\ndefault: {default}\nlisten: {{intercept: [localhost]}}\n"
    )


class Lab:
    """A provider, and a mitmweb before it."""

    def __init__(self, upstream: Upstream, web: Web) -> None:
        """Keep both."""
        self.upstream, self.web = upstream, web
        self.said: list[str] = []

    def call(self, model: str, *, stream: bool = True) -> dict[str, Any]:
        """Let a client ask, and give the flow once it is over."""
        seen = {one["id"] for one in self.web.flows()}
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        with Client.plain(self.web.port) as client:
            client.request("POST", "/v1/chat/completions", self.headers, json.dumps(body).encode()).read()
        return self.web.flow(lambda one: one["id"] not in seen and over(one))

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a client at the gateway."""
        key = {"authorization": f"Bearer {CLIENT}"}
        return {"host": f"127.0.0.1:{self.web.port}", "content-type": "application/json", **key}

    def lines(self, command: str, *arguments: str) -> list[str]:
        """Run a command that gives lines."""
        found = self.web.run(command, *arguments)
        assert isinstance(found, list), found
        assert CLIENT not in str(found)
        assert OURS not in str(found)
        return found

    def again(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command that sends something again, and give the new flow once it is over."""
        seen = {one["id"] for one in self.web.flows()}
        assert self.web.run(command, *arguments) is None
        return self.web.flow(lambda one: one["id"] not in seen and over(one))


def over(one: dict[str, Any]) -> bool:
    return " in, " in one["comment"] or "failed" in one["comment"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Upstream(answer) as upstream, Web(rules(upstream), env={"LAB_KEY": OURS}) as web:
        yield Lab(upstream, web)


def test_the_list_shows_what_became_of_each_call(lab: Lab) -> None:
    fine, odd, failing = lab.call("fine"), lab.call("odd"), lab.call("failing")
    assert fine["comment"].startswith("fine → lab/fine  ")
    assert fine["marked"] == ""
    assert odd["comment"].endswith("mended: chat.delta.role-missing")
    assert odd["marked"] == "🔧"
    assert "failed: " in failing["comment"]
    assert OURS not in failing["comment"]
    assert failing["marked"] == "❌"


def test_the_columns_of_the_list_have_the_comment(lab: Lab) -> None:
    assert lab.web.ask("GET", "/options")["web_columns"]["value"][-1] == "comment"


def test_explain_and_diff(lab: Lab) -> None:
    one = lab.call("odd")
    explained = "\n".join(lab.lines("wiremend.explain", f"@{one['id']}"))
    assert "to          lab/odd" in explained
    assert f"{lab.upstream.url}/v1/chat/completions" in explained
    differs = "\n".join(lab.lines("wiremend.diff", f"@{one['id']}"))
    assert "authorization" in differs
    assert "/choices/0/delta/role" in differs
    lab.web.wait_log(r"what the client got")  # with line breaks, which the command bar has not


def test_a_command_that_cannot_is_a_message(lab: Lab) -> None:
    one = lab.call("fine")
    assert "no provider 'nobody'" in lab.web.run("wiremend.try", "nobody/m", f"@{one['id']}")
    assert "one flow" in lab.web.run("wiremend.diff", "~q & ~s")


def test_try_sends_the_clients_request_elsewhere(lab: Lab) -> None:
    one = lab.call("fine")
    count = len(lab.upstream.requests)
    made = lab.again("wiremend.try", "other/second", f"@{one['id']}")
    assert made["comment"].startswith(f"fine → other/second  tried with other/second from {one['id'][:8]}  ")
    assert made["is_replay"] == "request"
    sent = lab.upstream.requests[count]
    assert json.loads(sent.body)["model"] == "second"
    assert sent.get("authorization") == f"Bearer {OURS}"


def test_what_is_sent_again_is_mended_and_remembered(lab: Lab) -> None:
    one = lab.call("odd")
    made = lab.again("wiremend.try", "other/odd", f"@{one['id']}")
    assert made["marked"] == "🔧"
    assert '"role"' in lab.web.text(made["id"], "response")
    assert any(capture.id == made["id"] for capture in lab.web.wait_captures(len(lab.web.flows())))


def test_what_was_sent_again_can_be_sent_once_more(lab: Lab) -> None:
    one = lab.call("fine", stream=False)
    made = lab.again("wiremend.try", "other/second", f"@{one['id']}")
    last = lab.again("wiremend.resend", f"@{made['id']}")
    assert last["comment"].startswith(f"fine → lab/fine  resent from {made['id'][:8]}  ")


def test_mitmproxys_own_replay_sends_again_what_left(lab: Lab) -> None:
    one = lab.call("fine")
    count = len(lab.upstream.requests)
    lab.web.run("replay.client", f"@{one['id']}")
    sent = lab.upstream.wait_for(count + 1)[count]
    before = lab.upstream.requests[count - 1]
    assert (sent.target, sent.body, sent.get("authorization")) == (
        before.target,
        before.body,
        before.get("authorization"),
    )


def test_a_flow_is_kept_as_a_case(lab: Lab, tmp_path: Path) -> None:
    one = lab.call("odd")
    assert lab.web.run("wiremend.case.add", f"@{one['id']}", "no-role", str(tmp_path)) is None
    lab.web.wait_log(r"kept as the case no-role: ")
    case = read_case(tmp_path / "chat" / "no-role")
    assert case.capture.model == "odd"
    text = "".join(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())
    assert CLIENT not in text
    assert OURS not in text


def test_a_case_that_is_there_is_not_written_over(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "chat" / "taken").mkdir(parents=True)
    one = lab.call("fine")
    lab.web.run("wiremend.case.add", f"@{one['id']}", "taken", str(tmp_path))
    lab.web.wait_log(r"not kept as the case taken: .*this is there already")


def test_an_archive_of_a_flow(lab: Lab, tmp_path: Path) -> None:
    one = lab.call("odd")
    path = tmp_path / "problem.zip"
    assert lab.web.run("wiremend.bundle", f"@{one['id']}", str(path)) is None
    lab.web.wait_log(r"written to .*problem\.zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        everything = b"".join(map(archive.read, names))
    assert "verdicts.json" in names
    assert b"chat.delta.role-missing" in everything
    assert CLIENT.encode() not in everything
    assert OURS.encode() not in everything


def test_edit_the_rules_resend_compare(authority: Authority) -> None:
    """The round that a person goes: through the HTTPS proxy as well, where the client named the host."""
    with Upstream(answer, tls=authority.server("localhost")) as upstream:
        env = {"LAB_KEY": OURS, "SSL_CERT_FILE": str(authority.ca)}
        with Web(rules(upstream), env=env) as web:
            lab = Lab(upstream, web)
            with Client.through(web.port, "localhost", upstream.port, ca=web.ca) as client:
                headers = lab.headers | {"host": f"localhost:{upstream.port}"}
                body = b'{"model": "asked", "messages": [], "stream": true}'
                client.request("POST", "/v1/chat/completions", headers, body).read()
            one = web.flow(over)
            before = len(web.log())
            web.write_rules(rules(upstream, "other/changed"))
            web.wait_log("rules reloaded", after=before)
            made = lab.again("wiremend.resend", f"@{one['id']}")
            assert made["comment"].startswith(f"asked → other/changed  resent from {one['id'][:8]}  ")
            assert [json.loads(request.body)["model"] for request in upstream.requests] == ["asked", "changed"]
            said = "\n".join(lab.lines("wiremend.diff", f"@{one['id']},{made['id']}"))
            assert '"asked"' in said
            assert '"changed"' in said
            assert "they were changed since" in lab.lines("wiremend.explain", f"@{one['id']}")[0]
            kept = web.wait_captures(2)
            assert kept[0].request.body == kept[1].request.body == body
