"""No secret at rest (G8) where the provider speaks another wire, and none of the rules' at the client.

What a provider repeats comes in the form of its own wire and leaves in the form of the client's, so it is written down
twice, cut up in two ways. Searched is what ``test_no_secret.py`` searches: files, log, rows, and what the verbs say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from tests.e2e.secrets_kit import Vault, none_in, spoken, written
from tests.e2e.secrets_traffic import EVENT_STREAM, packed
from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import chat_body, chat_events, messages_body, messages_events, responses_body, responses_events
from wiremend.cli.main import cli
from wiremend.codings import decode
from wiremend.mitm.netstring import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    type Script = Callable[[Request, Reply], None]

PATHS: Final = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
EVENTS: Final = {"messages": messages_events, "chat": chat_events, "responses": responses_events}
BODIES: Final = {"messages": messages_body, "chat": chat_body, "responses": responses_body}
WAYS: Final = [(client, upstream) for client in PATHS for upstream in PATHS if client != upstream]

RULES: Final = """
providers:
  own-messages:   {{base_url: '{url}', speaks: [messages], key: client}}
  own-chat:       {{base_url: '{url}', speaks: [chat], key: client}}
  own-responses:  {{base_url: '{url}', speaks: [responses], key: client}}
  rule-messages:  {{base_url: '{url}', speaks: [messages], key: $LAB_KEY, headers: {{X-Team: "pass ${{TEAM_PASS}}"}}}}
  rule-chat:      {{base_url: '{url}', speaks: [chat], key: $LAB_KEY, headers: {{X-Team: "pass ${{TEAM_PASS}}"}}}}
  rule-responses: {{base_url: '{url}', speaks: [responses], key: $LAB_KEY, headers: {{X-Team: "pass ${{TEAM_PASS}}"}}}}
routes:
  - {{when: {{header: {{x-to: own-messages}}}}, to: own-messages}}
  - {{when: {{header: {{x-to: own-chat}}}}, to: own-chat}}
  - {{when: {{header: {{x-to: own-responses}}}}, to: own-responses}}
  - {{when: {{header: {{x-to: rule-messages}}}}, to: rule-messages}}
  - {{when: {{header: {{x-to: rule-chat}}}}, to: rule-chat}}
  - {{when: {{header: {{x-to: rule-responses}}}}, to: rule-responses}}
"""


def body(client: str, *, stream: bool, say: str = "hi") -> bytes:
    said = {"input": say} if client == "responses" else {"messages": [{"role": "user", "content": say}]}
    most = "max_output_tokens" if client == "responses" else "max_tokens"
    return json.dumps({"model": "m", "stream": stream, most: 99, **said}).encode()


def errors(wire: str, secret: str) -> list[object]:
    """Give errors that repeat a secret: the wire's own, and two of nobody's."""
    error = {"message": f"Incorrect API key provided: {secret}.", "type": "authentication_error"}
    own = {"type": "error", "error": error} if wire == "messages" else {"error": error | {"param": None, "code": None}}
    return [own, {"detail": f"bad key {secret}"}, {"error": secret}]


def says(wire: str, *pieces: str) -> list[bytes]:
    """Give a sound stream that says these pieces, each in an event of its own."""
    events = EVENTS[wire](Answer(model="m", text=" ".join(f"@{number}@" for number in range(len(pieces)))))
    written = b"".join(events)
    for number, piece in enumerate(pieces):  # the pieces are what the words were, wherever an event has them
        quoted = json.dumps(piece)[1:-1].encode()
        written = re.sub(rb"@%d@ ?" % number, lambda _, quoted=quoted: quoted, written)  # type: ignore[misc]  # a default binds it
    return [event + b"\n\n" for event in written.split(b"\n\n") if event]


class Stage:
    """What the upstream does next."""

    script: Script

    def __call__(self, request: Request, reply: Reply) -> None:
        self.script(request, reply)


class World:
    """A proxy, and what was planted on its way."""

    def __init__(self, vault: Vault, stage: Stage, proxy: Mitm) -> None:
        """Begin with nothing asked."""
        self.vault, self.stage, self.proxy = vault, stage, proxy
        self.asked = 0

    def talk(
        self, way: tuple[str, str], script: Script, key: str, who: str = "own", *, stream: bool = True, say: str = "hi"
    ) -> bytes:
        """Have one exchange; give all that the client got, its body decoded."""
        client, wire = way
        self.stage.script = script
        self.asked += 1
        head = {"x-api-key": key} if client == "messages" else {"authorization": f"Bearer {key}"}
        head |= {"host": "127.0.0.1", "x-to": f"{who}-{wire}"}
        target = f"{PATHS[client]}?beta=true&access_token={self.vault.key(f'in query {self.asked}')}"
        with Client.plain(self.proxy.port) as one:
            got = one.request("POST", target, head, body(client, stream=stream, say=say))
            data = got.read()
        heads = "\n".join(f"{name}: {value}" for name, value in got.headers).encode()
        return heads + b"\n\n" + (decode(data, got.get("content-encoding")) if data else data)


def plain(status: int, value: object, coding: str = "") -> Script:
    def script(_: Request, reply: Reply) -> None:
        data = json.dumps(value).encode()
        head = [("content-type", "application/json"), *([("content-encoding", coding)] if coding else [])]
        reply.body(status, head, packed(data, coding) if coding else data)

    return script


def streams(pieces: list[bytes], last: Callable[[Reply], None] = Reply.end) -> Script:
    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM])
        for piece in pieces:
            reply.send(piece)
        last(reply)

    return script


def repeats(world: World, way: tuple[str, str], who: str, secret: str, key: str) -> Iterator[bytes]:
    """Have a provider repeat a secret in each form of its wire; gives what the client got."""
    wire = way[1]
    for status in (400, 401, 500):
        for number, error in enumerate(errors(wire, secret)):
            yield world.talk(way, plain(status, error), key, who, stream=number != 1)
    for coding in ("gzip", "zstd"):
        yield world.talk(way, plain(401, errors(wire, secret)[0], coding), key, who, stream=coding == "gzip")
    event = b"data: " + json.dumps(errors(wire, secret)[0]).encode() + b"\n\n"
    if wire == "messages":
        event = b"event: error\n" + event
    yield world.talk(way, streams([*says(wire, "so ")[:4], event]), key, who)
    yield world.talk(way, streams(says(wire, "it is ", secret, ".")), key, who)
    yield world.talk(way, streams(says(wire, f"it is {secret}.")), key, who, stream=False)
    yield world.talk(way, plain(200, BODIES[wire](Answer(f"it is {secret}.", model="m"))), key, who)
    told = Answer("", model="m", tool=("sh", {"command": f"curl -H 'x-api-key: {secret}'"}))
    yield world.talk(way, plain(200, BODIES[wire](told)), key, who, stream=False)
    whole = b"".join(says(wire, f"it is {secret}."))
    at = whole.index(secret.encode())
    yield world.talk(way, streams([whole[: at + 7], whole[at + 7 : at + 20], whole[at + 20 :]]), key, who)
    yield world.talk(way, streams([whole[: at + 21]], Reply.cut), key, who)


def piece_by_piece(world: World, way: tuple[str, str], key: str) -> None:
    """Have a model spell out a secret, in tokens of several sizes, up to the end and up to a cut."""
    for size in (1, 3, 7, 20):
        said = [key[at : at + size] for at in range(0, len(key), size)]
        events = says(way[1], "it is ", *said, ".\n", "yes")
        world.talk(way, streams(events), key)
        world.talk(way, streams(events), key, stream=False)
        end = next(number for number, event in enumerate(events) if b".\\n" in event)
        world.talk(way, streams(events[:end], Reply.cut), key)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    vault, stage = Vault(), Stage()
    env = {"LAB_KEY": vault.key("LAB_KEY", "sk-proj-"), "TEAM_PASS": vault.key("TEAM_PASS")}
    captures = tmp_path_factory.mktemp("captures")
    with Upstream(stage) as up:
        options = {"termlog_verbosity": "debug", "flow_detail": 0, "wiremend_capture": captures}
        with Mitm(RULES.format(url=up.url), env=env, options=options) as proxy:
            made = World(vault, stage, proxy)
            for way in WAYS:
                of_one_way(made, way, env)
            proxy.wait_captures(made.asked, folder=captures)
            yield made


def of_one_way(world: World, way: tuple[str, str], env: dict[str, str]) -> None:
    vault, name = world.vault, "-".join(way)
    own = vault.key(f"{name}: the client's", "", 3)
    family = vault.family(f"{name}: of a family", "sk-kimi-")
    prompt = f"use {vault.family(f'{name}: in a prompt', 'sk-ant-')}"
    world.talk(way, streams(EVENTS[way[1]](Answer(model="m"))), family, say=prompt)
    for _ in repeats(world, way, "own", own, own):
        pass
    for key in (own, family):
        piece_by_piece(world, way, key)
    for got in repeats(world, way, "rule", env["LAB_KEY"], own):
        assert vault.told(got + spoken(got)) <= {f"{name}: the client's"}, f"{name}: the rules' key is handed on"
    told = plain(401, errors(way[1], f"team {env['TEAM_PASS']}")[0])
    world.talk(way, told, own, "rule")


def test_what_lies_on_the_disk(world: World) -> None:
    none_in(world.vault, (one for one in written(world.proxy.folder) if not one[0].endswith("calls.jsonl")))


def test_what_was_captured(world: World) -> None:
    folder = capture_folder(world)
    found = list(written(folder))
    assert any(place.endswith(": answer, what its events say together") for place, _ in found)
    none_in(world.vault, found)


def test_the_rows_of_the_calls(world: World) -> None:
    assert len(world.proxy.calls()) == world.asked
    none_in(world.vault, ((str(row["status"]), json.dumps(row).encode()) for row in world.proxy.calls()))


def test_the_log_at_its_most_talkative(world: World) -> None:
    none_in(world.vault, ((line, line.encode()) for line in world.proxy.log().splitlines()))


def capture_folder(world: World) -> Path:
    (option,) = [part for part in world.proxy.command if part.startswith("wiremend_capture=")]
    return type(world.proxy.folder)(option.partition("=")[2])


def test_what_the_verbs_say_and_write(world: World, tmp_path: Path) -> None:
    (all_of_them,) = capture_folder(world).glob("*.flows")
    data = all_of_them.read_bytes()
    flows = tmp_path / "some.flows"
    flows.write_bytes(b"".join(data[begin:end] for begin, end in list(frames(data))[::13]))
    environ = {**world.proxy.environment, "WIREMEND_RULES": str(world.proxy.rules), "COLUMNS": "200"}
    said: list[tuple[str, bytes]] = []

    def run(*arguments: str | Path) -> None:
        done = CliRunner().invoke(cli, [str(one) for one in arguments], env=environ)
        what = " ".join(map(str, arguments))
        assert done.exit_code in {0, 1}, f"{what}: {done.output[-2000:]}"
        said.append((what, done.stdout_bytes + done.stderr_bytes + repr(done.exception).encode()))

    run("captures", "list", flows)
    for number in range(1, len(range(0, world.asked, 13)), 3):
        one = f"{flows}:{number}"
        run("captures", "show", one, "--side", "both", "--events")
        for verb in ("explain", "why", "diagnose"):
            run(verb, one)
            run(verb, one, "--json")
        run("bundle", one, "-o", tmp_path / f"{number}.zip")
        run("captures", "add", one, "--name", f"case-{number}", "--to", tmp_path / "captures")
    run("captures", "scrub", "--check", tmp_path / "captures")
    run("replay", flows)
    run("replay", flows, "--json")
    assert list(tmp_path.rglob("case.yaml"))
    none_in(world.vault, [*said, *written(tmp_path)])
