"""The traffic in which secrets are planted: what clients send, what the rules add, what providers answer."""

from __future__ import annotations

import base64
import json
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import brotli  # type: ignore[import-untyped]  # it has no types
import zstandard

from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_events, messages_body, messages_events, sse
from wiremend.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.e2e.secrets_kit import Vault
    from tests.lab.rawhttp import Response

    type Script = Callable[[Request, Reply], None]

MESSAGES: Final = "/v1/messages"
CHAT: Final = "/v1/chat/completions"
EVENT_STREAM: Final = ("content-type", "text/event-stream")
AGENT: Final = "claude-cli/2.1.197 (external)"
ANSWER: Final = Answer("one two three four", model="m")
STREAM: Final = messages_events(ANSWER)
LIMIT: Final = 1024 * 1024
"""Bytes of a body that stay in memory: what is beyond lies in a file."""

RULES = """
providers:
  lab:   {{base_url: '{url}', key: client, headers: {{X-Team: "pass ${{TEAM_PASS}}"}}}}
  keyed: {{base_url: '{url}', key: $LAB_KEY}}
  filed: {{base_url: '{url}', key: 'file:{file}'}}
  dead:  {{base_url: 'http://127.0.0.1:1', key: $LAB_KEY}}
  picky: {{base_url: '{url}', key: $LAB_KEY, speaks: [chat]}}
  lost:  {{base_url: '{url}', key: [client, $NOT_SET_KEY]}}
routes:
  - {{name: by key, when: {{key: sk-kimi-*, header: {{x-lab-name: a*}}}}, to: lab}}
  - {{when: {{model: keyed}}, to: keyed}}
  - {{when: {{model: filed}}, to: filed}}
  - {{when: {{model: dead}}, to: dead}}
  - {{when: {{model: picky}}, to: picky}}
  - {{when: {{model: lost}}, to: lost}}
default: lab
edits:
  - {{name: vouch, when: {{provider: keyed}}, headers: {{X-Voucher: $VOUCHER}}, set: {{/metadata: {{note: plain}}}}}}
listen: {{token: $LISTEN_TOKEN}}
capture: {{scrub: [/customer/badge, 're:badge=([A-Za-z0-9]+)']}}
"""


@dataclass
class World:
    """A proxy, what was planted, and all that was to be seen of it."""

    vault: Vault
    proxy: Mitm
    upstream: Upstream
    environ: dict[str, str]
    stage: Stage
    kinds: list[str] = field(default_factory=list)
    """Of which kind each exchange was, in their order."""

    def talk(self, what: str, script: Script, **more: Any) -> bytes:  # noqa: ANN401 - see `ask`
        """Have one exchange, and give what the client got."""
        self.stage.script = script
        self.kinds.append(what)
        with Client.plain(self.proxy.port) as client:
            response = ask(client, **more)
            return response.read()


class Stage:
    """What the upstream does next."""

    script: Script

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


def ask(
    client: Client,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    target: str = MESSAGES,
    model: str = "m",
    **fields: object,
) -> Response:
    """Ask, at the gateway."""
    asked = {"model": model, "stream": True, "max_tokens": 9, "messages": [], **fields}
    sent = {"host": "127.0.0.1", "user-agent": AGENT, "content-type": "application/json", **(headers or {})}
    return client.request("POST", target, sent, json.dumps(asked).encode() if body is None else body)


# -- what the provider does


def fine(request: Request, reply: Reply) -> None:
    reply.events(STREAM if request.path.endswith("messages") else chat_events(ANSWER, include_usage=False))


def whole(_: Request, reply: Reply) -> None:
    reply.json(200, messages_body(ANSWER))


def says(*pieces: bytes, headers: Sequence[tuple[str, str]] = (), last: Callable[[Reply], None] = Reply.end) -> Script:
    """Send a stream in these pieces."""

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM, *headers])
        for piece in pieces:
            reply.send(piece)
        last(reply)

    return script


def fails(status: int, body: object, *headers: tuple[str, str]) -> Script:
    return lambda _, reply: reply.json(status, body, headers)


def with_reason(reason: str) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(401, [("content-length", "0")], reason)
        reply.end()

    return script


def delta(text: str) -> bytes:
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return sse(event, "content_block_delta")


def with_deltas(*texts: str) -> list[bytes]:
    """Give a sound stream with these texts in it."""
    at = next(number for number, event in enumerate(STREAM) if b"content_block_delta" in event)
    return [*STREAM[:at], *map(delta, texts), *STREAM[at:]]


def packed(data: bytes, coding: str) -> bytes:
    match coding:
        case "gzip":
            coder = zlib.compressobj(wbits=31)
            return coder.compress(data) + coder.flush()
        case "br":
            return bytes(brotli.compress(data))
        case _:
            return zstandard.ZstdCompressor().compress(data)


def login(vault: Vault, name: str) -> str:
    password = vault.key(name, "", 3)
    return "Basic " + base64.b64encode(f"user:{vault.also_in_base64(name, password)}".encode()).decode()


# -- the traffic


def of_the_client(world: World) -> None:
    """Credentials of every family, in every place in which a client may send one."""
    vault = world.vault
    for one in FAMILIES:
        for header, before in (("x-api-key", ""), ("authorization", "Bearer ")):
            key = vault.family(f"{one.name} in {header}", one.prefix)
            world.talk(one.name, fine, headers={header: before + key, "x-lab-name": "abc"})
    for header in (
        "api-key",
        "x-goog-api-key",
        "x-auth-token",
        "ocp-apim-subscription-key",
        "x-of-nobody",
        "cf-access-jwt-assertion",
    ):
        world.talk(header, fine, headers={header: vault.key(f"in {header}")})
    for header in ("authorization", "proxy-authorization"):
        world.talk(header, fine, headers={header: login(vault, f"password in {header}")})
    password = vault.planted["password in authorization"]
    other = base64.b64encode(f"root:{password}".encode()).decode()
    headers = {"authorization": "Basic " + base64.b64encode(f"user:{password}".encode()).decode()}
    world.talk("login, said", fine, headers=headers, messages=[{"role": "user", "content": f"curl -H 'Basic {other}'"}])
    token = world.environ["LISTEN_TOKEN"]
    told = vault.also_in_base64("LISTEN_TOKEN", f"user:{token}")
    world.talk("token", fine, headers={"x-wiremend-token": token})
    world.talk("token", fine, headers={"proxy-authorization": f"Bearer {token}"})
    world.talk("token", fine, headers={"proxy-authorization": f"Basic {base64.b64encode(told.encode()).decode()}"})
    world.talk("cookies", fine, headers={"cookie": f"a={vault.key('a cookie')}; b={vault.key('another cookie')}"})
    for name in ("key", "api_key", "access_token", "token"):
        world.talk(name, fine, target=f"{MESSAGES}?beta=true&{name}={vault.key(f'parameter {name}', 'AIza')}")
    special = vault.key("percent-encoded", "pa/ss+") + "=&"
    world.talk("percent", fine, target=f"{MESSAGES}?key={quote(special, safe='')}", user=special)
    escaped = vault.key("escaped in JSON", 'se"cret\\')
    world.talk("escaped", fine, headers={"x-api-key": escaped}, note={"inner": json.dumps({"k": escaped})})
    world.talk(
        "slash",
        fine,
        headers={"x-api-key": vault.key("with a slash", "a/b/")},
        body=json.dumps({"model": "m", "messages": [], "x": vault.planted["with a slash"]})
        .replace("/", "\\/")
        .encode(),
    )
    world.talk("agent", fine, headers={"user-agent": f"{AGENT} {vault.family('in User-Agent', 'sk-proj-')}"})
    world.talk("product", fine, headers={"user-agent": f"tool/{vault.family('the version in User-Agent', 'gsk_')}"})
    world.talk("Host", fine, headers={"host": f"user:{vault.key('password in Host')}@127.0.0.1"})
    agent = vault.family("in the agent's header", "sk-kimi-")
    world.talk("agent id", fine, headers={"x-agent-id": agent})
    world.talk("method", fine, target=f"/v1/{vault.family('in the path', 'sk-proj-')}/messages")


def of_the_body(world: World) -> None:
    """Secrets in what the client asks."""
    vault = world.vault
    session = f"{'1' * 8}-aaaa-4aaa-8aaa-{'1' * 12}"
    old = f"user_{vault.hex('hash of the user')}_account_{vault.uuid('account')}_session_{session}"
    new = json.dumps({"device_id": vault.hex("device"), "account_uuid": vault.uuid("account, new"), "session_id": "s"})
    for user in (old, new):
        world.talk("user_id", fine, metadata={"user_id": user})
    codex = {
        "chatgpt-account-id": vault.uuid("ChatGPT account"),
        "x-codex-installation-id": vault.uuid("Codex in a header"),
        "user-agent": "codex_cli_rs/0.60.0",
        "openai-organization": vault.key("organization", "org-", 3),
    }
    client_metadata = {"x-codex-installation-id": vault.uuid("Codex in the body")}
    world.talk("codex", fine, headers=codex, target=CHAT, client_metadata=client_metadata)
    said = [{"role": "user", "content": f"use {vault.family('in a prompt', 'sk-proj-')} and {vault.aws('AWS')}"}]
    world.talk("prompt", fine, messages=said)
    result = f"KEY={vault.family('in a tool result', 'sk-ant-')}\nTOKEN=ghp_{vault.key('a token of GitHub', '', 4)}"
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": result}
    world.talk("tool result", fine, messages=[{"role": "user", "content": [block]}])
    key = vault.key("the client's own, said in the prompt", "", 4)
    world.talk("own", fine, headers={"x-api-key": key}, messages=[{"role": "user", "content": f"my key is {key}."}])
    world.talk("own model", fine, headers={"x-api-key": (key := vault.key("in the model's name", "", 4))}, model=key)
    world.talk("model", fine, model=vault.family("a family in the model's name", "sk-proj-"))
    broken = '{"model": "m", "messages": [], "api_key": "' + vault.key("in a broken body") + '", "x": ['
    world.talk("broken", fine, body=broken.encode())
    broken = '{"model": "m", "messages": [{"content": "' + vault.family("at the end of a broken body", "sk-kimi-")
    world.talk("broken", fine, body=broken.encode())
    world.talk("scrub", fine, customer={"badge": vault.key("by pointer")}, x=f"badge={vault.key('by pattern')}")
    form = f"grant_type=refresh_token&refresh_token={vault.key('in a form')}&client_id=x"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    world.talk("form", fine, headers=kind, body=form.encode())
    coded = packed(
        json.dumps({"model": "m", "messages": [], "x": vault.family("in gzip", "sk-proj-")}).encode(), "gzip"
    )
    world.talk("gzip", fine, headers={"content-encoding": "gzip"}, body=coded)


def of_the_rules(world: World) -> None:
    """Secrets that the rules refer to, some of which the provider repeats."""
    lab, note = world.environ["LAB_KEY"], "the provider's own words: "
    for model in ("keyed", "filed", "dead", "picky", "lost"):
        for streamed in (True, False):
            got = world.talk(model, fine if streamed else whole, model=model, stream=streamed)
            assert not world.vault.told(got), f"the client of {model} was told a secret of the rules"
    for status in (200, 400, 401, 403, 404, 429, 500, 503):
        error = {"error": {"type": "authentication_error", "message": f"{note}{lab} is wrong"}, "type": "error"}
        for streamed in (True, False):
            got = world.talk("repeated", fails(status, error), model="keyed", stream=streamed)
            assert note.strip().encode() in got
            assert not world.vault.told(got), f"a provider that answers {status} hands the rules' key on"
    for secret in ("VOUCHER", "TEAM_PASS", "FILE", "LISTEN_TOKEN"):
        told = {"error": {"type": "x", "message": f"{note}{world.environ[secret]} is wrong"}}
        got = world.talk("repeated", fails(401, told), model="filed" if secret == "FILE" else "keyed")
        assert secret != "FILE" or not world.vault.told(got)


def of_the_provider(world: World) -> None:
    """Secrets in what comes back."""
    vault = world.vault
    cookie = ("set-cookie", f"sid={vault.key('Set-Cookie')}; Path=/; HttpOnly")
    ids = (
        ("anthropic-organization-id", vault.uuid("organization in a header")),
        ("openai-organization", vault.key("organization of the provider", "org-", 3)),
        ("x-nobody-knows", vault.key("a header of the provider")),
        ("location", f"https://files.example/x?token={vault.key('in Location')}"),
    )
    world.talk("heads", says(*STREAM, headers=[cookie, *ids]))
    tokens = {
        "access_token": vault.key("access token"),
        "refresh_token": vault.key("refresh token"),
        "id_token": vault.family("id token", "eyJ"),
        "account_id": vault.uuid("account id"),
    }
    world.talk("tokens", fails(200, tokens), stream=False)
    world.talk("tokens", fails(401, {"error": {"message": json.dumps(tokens)}}))
    for number, (name, prefix) in enumerate((("project", "sk-proj-"), ("no family", ""), ("kimi", "sk-kimi-"))):
        key = vault.key(f"repeated in errors, {name}", prefix, 6)
        half, ends = key[: len(prefix) + 22], f"{key[: len(prefix) + 21]}{'*' * 9}{key[-4:]}"
        for repeated in (key, half, ends):
            message = {"error": {"message": f"Incorrect API key provided: {repeated}. You can find", "code": number}}
            for status in (401, 500):
                world.talk("error", fails(status, message), headers={"x-api-key": key})
            event = {"type": "error", "error": {"type": "authentication_error", "message": message["error"]["message"]}}
            world.talk("error event", says(*STREAM[:4], sse(event, "error")), headers={"x-api-key": key})
    key = vault.key("in an error that is no JSON", "", 4)
    text = lambda _, reply: reply.body(502, [("content-type", "text/html")], f"<p>{key} rejected".encode())  # noqa: E731 - one line says it
    world.talk("html", text, headers={"x-api-key": key})
    key = vault.key("in the reason", "", 4)
    world.talk(
        "reason",
        with_reason(f"No {key}"),
        headers={"x-api-key": key},
    )


def of_streams(world: World) -> None:
    """Send a secret in a stream: whole, over two chunks, token by token, coded, cut off, over the spool's limit."""
    vault = world.vault
    own = vault.key("in a stream, the client's own", "", 3)
    known = vault.family("in a stream, a family's", "sk-proj-")
    for secret in (own, known):
        event = delta(f"it is {secret}, I think")
        world.talk("whole", says(*with_deltas(f"it is {secret}.")), headers={"x-api-key": own})
        start = event.index(secret.encode())
        for at in range(start - 1, start + len(secret) + 2):
            world.talk("split", says(*STREAM[:3], event[:at], event[at:], *STREAM[3:]), headers={"x-api-key": own})
        for coding in ("gzip", "br", "zstd"):
            data = packed(b"".join(with_deltas(f"it is {secret}.")), coding)
            world.talk(
                coding, says(data[:50], data[50:], headers=[("content-encoding", coding)]), headers={"x-api-key": own}
            )
            world.talk(coding, says(data[:50], data[50:]), headers={"x-api-key": own})
        for size in (1, 2, 3, 7, 20):
            said = [secret[at : at + size] for at in range(0, len(secret), size)]
            texts = ["it is ", *said, ".\n", "yes"]
            world.talk("tokens", says(*with_deltas(*texts)), headers={"x-api-key": secret})
            chunks = chat_events(ANSWER, include_usage=False)
            one = json.loads(chunks[1].removeprefix(b"data: "))
            parts = [sse({**one, "choices": [{**one["choices"][0], "delta": {"content": text}}]}) for text in texts]
            key = {"authorization": f"Bearer {secret}"}
            world.talk("tokens", says(chunks[0], *parts, *chunks[1:]), headers=key, target=CHAT)
            world.talk("tokens, cut", says(chunks[0], *parts[:-3], last=Reply.cut), headers=key, target=CHAT)
        for left in (12, 20, 30):
            data = delta(f"it is {secret}")
            cut = data[: data.index(secret.encode()) + left]
            for last in (Reply.cut, Reply.abort, Reply.end):
                world.talk("cut", says(*STREAM[:3], cut, last=last), headers={"x-api-key": own})
    for packing in (None, "gzip"):
        for secret in (own, known):
            filler = sse({"type": "ping", "x": "lorem ipsum " * 300}, "ping")
            before = b"".join(STREAM[:3])
            count = (LIMIT - len(before) - 200) // len(filler)
            event, size = delta(f"it is {secret}"), len(before) + count * len(filler)
            short = LIMIT - size - event.index(secret.encode()) - 9 - len(sse({"type": "ping", "x": ""}, "ping"))
            body = before + filler * count + sse({"type": "ping", "x": "y" * max(0, short)}, "ping") + event
            if short >= 0:
                assert body.index(secret.encode()) == LIMIT - 9
            tokens = b"".join(delta(letter) for letter in own)
            body += event + filler * 16 + tokens + filler * 100 + event + tokens + b"".join(STREAM[3:])
            data = packed(body, packing) if packing else body
            pieces = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
            told = [("content-encoding", packing)] if packing else []
            world.talk("spooled", says(*pieces, headers=told), headers={"x-api-key": own})


def odd_ones(world: World) -> None:
    """Have what is no plain exchange: a login in a URL, a dead host, a client that leaves."""
    vault = world.vault
    world.stage.script = fine
    host = f"user:{vault.key('password in the URL')}@127.0.0.1:{world.upstream.port}"
    with Client.plain(world.proxy.port) as client:
        ask(client, target=f"http://{host}{MESSAGES}").read()
    with Client.plain(world.proxy.port) as client:
        ask(
            client, target=f"http://127.0.0.1:{world.upstream.port}{MESSAGES}?key={vault.key('in an absolute URL')}"
        ).read()
    with Client.plain(world.proxy.port) as client:
        ask(client, target=f"http://127.0.0.1:1{MESSAGES}?key={vault.key('in the URL of a dead host')}").read()
    gone = threading.Event()

    def waits(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM])
        reply.send(STREAM[0])
        gone.set()
        reply.wait_gone()

    world.stage.script = waits
    with Client.plain(world.proxy.port) as client:
        ask(client, headers={"x-api-key": vault.key("of a client that leaves")}).read_until(STREAM[0])


STEPS: Final = (of_the_client, of_the_body, of_the_rules, of_the_provider, of_streams, odd_ones)
