"""Our flow files are mitmproxy's: one without Wiremend replays from them, and shows the client's side.

What mitmproxy's own server replay cannot do (cuts, times, pointers that do not count) is for ``wiremend upstream``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lab import Answer, Authority, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_events

if TYPE_CHECKING:
    from pathlib import Path

BARE = """
import json, os

class Bare:
    def load(self, loader):
        for name in ("ready", "calls", "rules"):
            loader.add_option(f"wiremend_{name}", str, "", "")
        loader.add_option("wiremend_parent", int, 0, "")

    def running(self):
        from mitmproxy import ctx
        ctx.options.connection_strategy = "lazy"
        port = ctx.master.addons.get("proxyserver").listen_addrs()[0][1]
        ca = os.path.join(ctx.options.confdir, "mitmproxy-ca-cert.pem")
        seen = {"pid": os.getpid(), "port": port, "addresses": [], "ca": ca, "rules": "", "rules_hash": ""}
        with open(ctx.options.wiremend_ready + ".part", "w") as file:
            json.dump(seen, file)
        os.replace(ctx.options.wiremend_ready + ".part", ctx.options.wiremend_ready)

addons = [Bare()]
"""
EVENTS = chat_events(Answer("one two", model="m"), include_usage=False)
BROKEN = [EVENTS[0].replace(b'"role"', b'"rule"'), *EVENTS[1:]]
"""What the client is given is not what the provider sent: the role is missing."""


def asked(word: str) -> bytes:
    return json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": word}]}).encode()


def ask(client: Client, host: str, word: str) -> tuple[int, bytes]:
    headers = {"host": host, "content-type": "application/json", "authorization": "Bearer sk-FAKE-server-replay-01"}
    response = client.request("POST", "/v1/chat/completions", headers, asked(word))
    return response.status, response.read()


def answer(request: Request, reply: Reply) -> None:
    word = json.loads(request.body)["messages"][0]["content"]
    reply.events([event.replace(b"one", word.encode()) for event in BROKEN])


@pytest.mark.parametrize("way", ("proxy", "gateway"))
def test_mitmproxys_own_server_replay_gives_what_the_client_got(way: str, authority: Authority, tmp_path: Path) -> None:
    kept, bare = tmp_path / "kept", tmp_path / "bare.py"
    bare.write_text(BARE)
    with Upstream(answer, tls=authority.server("localhost")) as upstream:
        rules = (
            f"providers: {{lab: {{base_url: '{upstream.url}', key: client}}}}\ndefault: lab\n"
            "listen: {intercept: [localhost]}\n"
        )
        with Mitm(rules, env={"SSL_CERT_FILE": str(authority.ca)}, options={"wiremend_capture": kept}) as proxy:
            host = f"localhost:{upstream.port}" if way == "proxy" else f"127.0.0.1:{proxy.port}"
            got = {}
            with connection(proxy, way, upstream.port) as client:
                for word in ("two", "three"):
                    got[word] = ask(client, host, word)
            proxy.wait_captures(2, folder=kept)
            gateway = proxy.gateway
    assert got["two"] != got["three"]
    assert all(b'"role"' in body for _, body in got.values())
    (file,) = kept.glob("*.flows")
    mode = ["regular@127.0.0.1:0"] if way == "proxy" else [f"reverse:{gateway}@127.0.0.1:0"]
    options = {"server_replay_extra": "404", "server_replay_reuse": True}
    with (
        Mitm(None, addon=bare, mode=mode, options=options, args=["--server-replay", str(file)]) as player,
        connection(player, way, upstream.port) as client,
    ):
        for word in ("three", "two"):
            assert ask(client, host, word) == got[word]
        assert ask(client, host, "four")[0] == 404


def connection(proxy: Mitm, way: str, port: int) -> Client:
    if way == "gateway":
        return Client.plain(proxy.port)
    return Client.through(proxy.port, "localhost", port, ca=proxy.ca)
