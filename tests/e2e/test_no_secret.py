"""No secret at rest (G8): every byte that Wiremend writes is searched for secrets that were planted on its way.

Real processes: ``mitmdump`` with the addon, ``wiremend run``, ``wiremend upstream``; the other verbs run in this
process over what was recorded. Searched are the files below all their folders, the log at its most talkative, rows of
calls, output, errors, what is in open files without a name, and the list of processes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from click.testing import CliRunner

from tests.cli.captures_kit import har, har_entry, plain_flow, write
from tests.cli.launching import WIREMEND, clean_environ
from tests.e2e import secrets_traffic as traffic
from tests.e2e.secrets_kit import Vault, nameless, none_in, spoken, written
from tests.e2e.secrets_traffic import (
    EVENT_STREAM,
    LIMIT,
    MESSAGES,
    RULES,
    STREAM,
    Stage,
    World,
    ask,
    delta,
    says,
    whole,
)
from tests.lab import Answer, Client, Mitm, Reply, Request, Upstream
from tests.lab.proxy import ROOT
from tests.lab.replies import chat_events, sse
from wiremend.cli.main import cli
from wiremend.mitm.netstring import frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.lab.proxy import Way


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    vault, stage = Vault(), Stage()
    environ = {
        name: vault.key(name, prefix)
        for name, prefix in (("LAB_KEY", "sk-proj-"), ("VOUCHER", ""), ("TEAM_PASS", ""), ("LISTEN_TOKEN", ""))
    }
    file = tmp_path_factory.mktemp("elsewhere") / "key"
    file.write_text(vault.key("FILE", "sk-"))
    with Upstream(stage) as up:
        rules = RULES.format(url=up.url, file=file)
        with Mitm(rules, env=environ, options={"termlog_verbosity": "debug", "flow_detail": 0}) as proxy:
            made = World(vault, proxy, up, environ | {"FILE": vault.planted["FILE"]}, stage)
            for step in traffic.STEPS:
                step(made)
            proxy.wait_captures(len(proxy.calls()))
            yield made


# -- the verbs, over what was recorded

OTHER_RULES: Final = """
providers:
  lab: {{base_url: '{url}', key: $OTHER_KEY, headers: {{X-Team: other}}}}
default: lab
edits:
  - {{name: everywhere, when: {{provider: lab}}, set: {{/model: other}}, headers: {{X-Api-Version: '2'}}}}
  - {{name: never, when: {{model: nothing-*}}, remove: [/user]}}
"""


@dataclass
class Desk:
    """A shell in a folder of its own, on the machine of the proxy."""

    world: World
    folder: Path
    said: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        proxy = self.world.proxy
        own = {name: value for name, value in self.world.environ.items() if name != "FILE"}
        return {**proxy.environment, **own, "WIREMEND_RULES": str(proxy.rules), "COLUMNS": "200"}

    def run(self, *arguments: str | Path, code: int | None = 0) -> str:
        """Run a verb in this process; all that it says, and what it raises, is kept."""
        done = CliRunner().invoke(cli, [str(one) for one in arguments], env=self.environ)
        what = " ".join(map(str, arguments))
        raised = repr(done.exception) if done.exception is not None else ""
        self.said += [(what, done.stdout_bytes), (f"{what}: stderr", done.stderr_bytes), (what, raised.encode())]
        assert code is None or done.exit_code == code, f"{what}: {done.output[-2000:]}"
        return done.stdout


def plant_in_files(vault: Vault, folder: Path) -> tuple[Path, Path]:
    """Write what others recorded: a HAR and a flow file, with secrets in all their places."""
    url = "https://api.moonshot.ai/v1/chat/completions"
    event = chat_events(Answer(f"so {vault.family('reply of a HAR', 'sk-proj-')}"), include_usage=False)
    pairs = {
        "authorization": f"Bearer {vault.family('header of a HAR', 'sk-kimi-')}",
        "cookie": f"a={vault.key('cookie of a HAR')}",
        "x_unknown": vault.key("unknown header of a HAR"),
    }
    entry = har_entry(f"{url}?key={vault.key('query of a HAR')}", b"".join(event).decode(), **pairs)
    entry["request"]["postData"]["text"] = json.dumps(
        {"model": "kimi-k2", "messages": [], "api_key": vault.key("body of a HAR")}
    )
    entry["comment"] = vault.key("comment of a HAR")
    entry["request"]["cookies"] = [{"name": "a", "value": vault.key("the list of cookies of a HAR")}]
    first = folder / "others.har"
    first.write_text(har(entry))
    body = json.dumps({"model": "kimi-k2", "messages": [], "x": vault.family("body of a flow", "sk-ant-")})
    flow = plain_flow(
        f"{url}?access_token={vault.key('query of a flow')}",
        body.encode(),
        f'data: {{"refresh_token":"{vault.key("reply of a flow")}"}}\n\n'.encode(),
        x_api_key=vault.family("header of a flow", "sk-ant-"),
    )
    flow.comment = f"the key is {vault.family('comment of a flow', 'sk-proj-')}"
    flow.metadata["note"] = vault.family("metadata of a flow", "sk-kimi-")
    return first, write(folder / "others.flows", [flow])


def one_of_each(flows: Path, kinds: Sequence[str], target: Path) -> Path:
    """Copy one exchange of each kind into a file of its own, and the last ones."""
    data = flows.read_bytes()
    places = list(frames(data))
    firsts = {kind: number for number, kind in reversed(list(enumerate(kinds)))}
    wanted = {*firsts.values(), *range(len(kinds), len(places))}
    chosen = [place for number, place in enumerate(places) if number in wanted]
    target.write_bytes(b"".join(data[begin:end] for begin, end in chosen if end - begin < LIMIT))
    return target


@pytest.fixture(scope="module")
def desk(world: World, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Run every verb, in all its forms."""
    made = Desk(world, tmp_path_factory.mktemp("desk"))
    sources = plant_in_files(world.vault, tmp_path_factory.mktemp("others"))
    run, folder = made.run, made.folder
    (all_of_them,) = world.proxy.captures.glob("*.flows")
    flows = one_of_each(all_of_them, world.kinds, folder / "some.flows")
    other = folder / "other.yaml"
    other.write_text(OTHER_RULES.format(url=world.upstream.url))
    numbers = [row["number"] for row in json.loads(run("captures", "list", flows, "--json"))]
    run("captures", "list")
    run("captures", "list", *sources)
    for number in numbers[::3]:
        run("captures", "show", f"{flows}:{number}", "--side", "both", "--events")
        for part in ("client.request", "upstream.sse"):
            run("captures", "show", f"{flows}:{number}", "--raw", part, code=None)
    for source in sources:
        run("captures", "show", f"{source}:1", "--side", "both", "--events")
        run("captures", "import", source, "--to", folder / f"{source.suffix[1:]}-imported.flows")
        run("captures", "add", f"{source}:1", "--name", f"from-{source.suffix[1:]}", "--to", folder / "captures")
        run("bundle", f"{source}:1", "-o", folder / f"{source.suffix[1:]}.zip")
        run("captures", "scrub", source, "--check", code=1)
    run("captures", "scrub", sources[1])
    shutil.copy(sources[1].with_suffix(".scrubbed.flows"), folder)
    run("captures", "add", flows, "--all", "--name", "night", "--to", folder / "captures")
    run("captures", "scrub", folder / "captures")
    run("captures", "scrub", "--check", folder / "captures", code=None)
    run("captures", "scrub", "--check", flows, code=None)
    for number in numbers[::9]:
        run("bundle", f"{flows}:{number}", "-o", folder / f"{number}.zip")
    (folder / "captures" / "rules.yaml").write_text(world.proxy.rules.read_text() if world.proxy.rules else "")
    run("replay", flows, "--rules", other, code=1)
    for form in ("--markdown", "--json", "--coverage"):
        run("replay", folder / "captures" / "chat", form, "--rules", other, code=None)
    run("replay", folder / "captures" / "messages", "--rules", other, "--against", world.proxy.rules or "", code=None)
    run("check", code=None)
    run("check", other, code=None)
    run("doctor", code=None)
    run("quirks")
    return made


def test_what_the_verbs_say(desk: Desk) -> None:
    none_in(desk.world.vault, desk.said)


def test_what_the_verbs_write(desk: Desk) -> None:
    assert list(desk.folder.rglob("case.yaml"))
    assert list(desk.folder.rglob("*.zip"))
    none_in(desk.world.vault, list(written(desk.folder)))


def test_a_check_sees_what_mitmproxy_keeps_beside_a_flow(desk: Desk) -> None:
    """A person's comment, and what other addons noted."""
    body = json.dumps({"model": "kimi-k2", "messages": []}).encode()
    for number, what in enumerate(("comment", "metadata")):
        flow = plain_flow("https://api.moonshot.ai/v1/chat/completions", body, b"{}")
        if what == "comment":
            flow.comment = f"with {desk.world.vault.planted['comment of a flow']}"
        else:
            flow.metadata["other"] = {"deep": [desk.world.vault.planted["metadata of a flow"]]}
        path = write(desk.folder.with_name(f"beside-{number}.flows"), [flow])
        assert what in desk.run("captures", "scrub", "--check", path, code=1)


def test_a_failing_case_in_pytest(desk: Desk) -> None:
    """The plugin shows what differs."""
    shutil.copy(desk.folder / "other.yaml", desk.folder / "rules.yaml")
    (desk.folder / "captures" / "rules.yaml").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "captures/chat"],
        cwd=desk.folder,
        env=desk.environ,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"header:" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    none_in(desk.world.vault, [("stdout", done.stdout), ("stderr", done.stderr)])


def test_a_playing_upstream_that_misses(desk: Desk) -> None:
    vault = desk.world.vault
    with subprocess.Popen(
        [*WIREMEND, "upstream", str(desk.folder / "captures" / "messages")],
        env={**desk.environ, "PYTHONPATH": str(ROOT / "addons")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            port = int(first.split(b"127.0.0.1:")[1].split()[0])
            answers = []
            for number in range(3):
                prompt = f"say {vault.family(f'asked of the playing upstream {number}', 'sk-proj-')}"
                key = vault.key(f"key for the playing upstream {number}")
                target = f"{MESSAGES}?key={vault.key(f'query for the playing upstream {number}', 'AIza')}"
                with Client.plain(port) as client:
                    said = [{"role": "user", "content": prompt}]
                    login = {"access_token": vault.key(f"in a leaf {number}")}
                    response = ask(client, headers={"x-api-key": key}, target=target, messages=said, metadata=login)
                    assert response.status == 404
                    answers.append((f"answer {number}", response.read()))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert b"missed" in out + err
    none_in(desk.world.vault, [*answers, ("stdout", out), ("stderr", err)])


# -- the proxy


def test_what_lies_on_the_disk(world: World) -> None:
    assert any(path.suffix == ".flows" for path in world.proxy.captures.iterdir())
    none_in(world.vault, (one for one in written(world.proxy.folder) if not one[0].endswith("calls.jsonl")))


def test_the_rows_of_the_calls(world: World) -> None:
    assert len(world.proxy.calls()) > len(world.kinds) // 2
    rows = ((f"{row['asked']} {row['status']}", json.dumps(row).encode()) for row in world.proxy.calls())
    none_in(world.vault, rows)


def test_the_log_at_its_most_talkative(world: World) -> None:
    """A request line that is none is shown by mitmproxy, before anything is known of it."""
    lines = [line for line in world.proxy.log().splitlines() if "Bad HTTP request line" not in line]
    none_in(world.vault, ((line, line.encode()) for line in lines))


def test_the_list_of_processes(world: World) -> None:
    own = psutil.Process(world.proxy.process.pid)
    lines = [("process", " ".join(one.cmdline()).encode()) for one in [own, *own.children(recursive=True)]]
    assert any(b"mitmdump" in line for _, line in lines)
    none_in(world.vault, lines)


# -- a run


CLIENT: Final = """
import json, os, psutil, urllib.request
me = psutil.Process()
run = me.parent()
tree = [run, *run.children(recursive=True)]
headers = {"x-api-key": os.environ["OWN_KEY"], "content-type": "application/json", "user-agent": "claude-cli/2.1.197"}
body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages?key=" + os.environ["OWN_KEY"]
urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=15).read()
print(json.dumps({"lines": [one.cmdline() for one in tree], "mine": dict(os.environ)}))
"""


def test_a_run_of_a_command(tmp_path: Path) -> None:
    vault = Vault()
    variables = {name: vault.key(name) for name in ("OWN_KEY", "LAB_KEY", "TEAM_PASS", "VOUCHER", "LISTEN_TOKEN")}
    (tmp_path / "key").write_text(vault.key("file"))
    (tmp_path / "client.py").write_text(CLIENT)
    environ = clean_environ(tmp_path / "home", TMPDIR=str(tmp_path / "home"), **variables)
    with Upstream(whole) as up:
        rules = tmp_path / "rules.yaml"
        rules.write_text(RULES.format(url=up.url, file=tmp_path / "key"))
        command = ["run", "--via", "gateway", "--rules", str(rules), "--", sys.executable, str(tmp_path / "client.py")]
        done = subprocess.run([*WIREMEND, *command], env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert any("mitmdump" in " ".join(line) for line in seen["lines"])
    assert [line for line in seen["lines"] if vault.told(" ".join(line).encode())] == []
    handed_on = {name: value for name, value in seen["mine"].items() if vault.told(value.encode())}
    assert handed_on.items() <= environ.items()
    home = tmp_path / "home"
    assert list(home.rglob("*.flows"))
    places = [*written(home), ("stderr", done.stderr)]
    none_in(vault, places)


# -- what breaks


BREAK: Final = """
from wiremend.captures.scrub import Scrubber

def broken(self, *args, **kwargs):
    raise ValueError(repr((args, kwargs)))

Scrubber.{name} = broken
"""


@pytest.mark.parametrize("name", ("capture", "text", "stream"))
def test_what_cannot_be_scrubbed_is_not_written(tmp_path: Path, name: str) -> None:
    vault = Vault()
    script = tmp_path / "broken.py"
    script.write_text(BREAK.format(name=name))
    key, known = vault.key("own", "sk-kimi-"), vault.key("in the stream", "sk-proj-")
    filler = sse({"type": "ping", "x": "lorem ipsum " * 3000}, "ping")
    pieces = [*STREAM[:3], delta(known), *[filler] * 40 * (name == "stream"), *STREAM[3:]]
    rules = "providers: {{lab: {{base_url: '{url}', key: client}}}}\ndefault: lab\n"
    with (
        Upstream(says(*pieces)) as up,
        Mitm(
            rules.format(url=up.url),
            args=["-s", str(script)],
            options={"termlog_verbosity": "debug", "flow_detail": 0},
        ) as proxy,
    ):
        for _ in range(3):
            with Client.plain(proxy.port) as client:
                got = ask(client, headers={"x-api-key": key}, messages=[{"role": "user", "content": known}]).read()
            assert got == b"".join(pieces)
        proxy.wait_calls(3)
        proxy.wait_log("a capture was dropped")
        left = [*written(proxy.folder), *nameless(proxy.process.pid)]
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(15)
        places = [*left, *written(proxy.folder), ("log", proxy.log().encode())]
        none_in(vault, places)
        assert proxy.log().count("a capture was dropped") == 1


@pytest.mark.parametrize(("coding", "way"), ((None, "script"), ("gzip", "console")))
def test_a_killed_proxy_leaves_no_secret(coding: str | None, way: Way) -> None:
    """Killed in mid-stream, when a part of the stream is in a file already."""
    vault = Vault()
    key, known = vault.key("own"), vault.key("in the stream", "sk-proj-")
    event = delta(f"{key} and {known}") + b"".join(delta(letter) for letter in key)
    filler = sse({"type": "ping", "x": "lorem ipsum " * 3000}, "ping")
    data = b"".join((*STREAM[:3], event, *[filler, event] * 45))
    coder = zlib.compressobj(level=0, wbits=31)
    data = coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH) if coding else data
    gate = threading.Event()

    def script(_: Request, reply: Reply) -> None:
        reply.head(200, [EVENT_STREAM, *([("content-encoding", coding)] if coding else [])])
        reply.send(data)
        reply.wait(gate)
        reply.cut()

    rules = "providers: {{lab: {{base_url: '{url}', key: client}}}}\ndefault: lab\n"
    with Upstream(script) as up, Mitm(rules.format(url=up.url), way=way) as proxy:
        with Client.plain(proxy.port) as client:
            ask(client, headers={"x-api-key": key}).read_until(known.encode())

            def spooled() -> list[tuple[str, bytes]] | None:
                files = [
                    one for one in nameless(proxy.ready["pid"]) if ".spool-" in one[0] and len(one[1]) > LIMIT // 2
                ]
                return files if len(files) == 2 else None

            files = proxy._watch(spooled, "both sides to lie in files", 15)
            os.kill(proxy.ready["pid"], signal.SIGKILL)
            proxy.process.wait(15)
        gate.set()
        places = [*files, *((name, spoken(data)) for name, data in files), *written(proxy.folder)]
        none_in(vault, places)
