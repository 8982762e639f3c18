"""``wiremend explain``: the page of the docs, command by command; its options; and a running proxy that is followed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest

from tests.cli.captures_kit import ASKED, exchange, har, har_entry, run, with_key, write
from tests.cli.launching import WIREMEND
from tests.lab.proxy import Mitm
from tests.lab.upstream import Upstream
from wiremend.cli.explain_live import Tail, find_proxy
from wiremend.errors import SetupError, WiremendError
from wiremend.mitm.flows import flow_of
from wiremend.mitm.life import whereabouts_file
from wiremend.mitm.netstring import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.http1 import Request
    from tests.lab.upstream import Reply

TOP: Final = Path(__file__).parents[2]
PAGE: Final = (TOP / "docs" / "explain.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
KEY: Final = "sk-kimi-FAKEFAKEFAKEFAKEFAKE0001"


def block(info: str) -> str:
    """Give the first block of a kind on the page."""
    found = re.search(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the files that the page speaks of, which is the current one, and a home of its own."""
    (tmp_path / "rules.yaml").write_text(block("yaml"), "utf-8")
    (tmp_path / "request.json").write_text(block("json"), "utf-8")
    (tmp_path / "headers.txt").write_text(block("http"), "utf-8")
    write(tmp_path / "my.flows", [exchange(1), exchange(2)])
    write(tmp_path / "state" / "wiremend" / "captures" / "2026-11-21T14-16-36Z-1.flows", [exchange(2)])
    (tmp_path / "browser.har").write_text(har(har_entry("https://api.openai.com/v1/chat/completions")), "utf-8")
    shutil.copytree(
        TOP / "captures" / "chat" / "kimi-temperature-fixed", tmp_path / "captures/chat/kimi-temperature-fixed"
    )
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("HOME", tmp_path),
        ("XDG_STATE_HOME", tmp_path / "state"),
        ("XDG_CONFIG_HOME", tmp_path / "c"),
    ):
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("WIREMEND_RULES", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


# -- the page


def shown() -> Iterator[Any]:
    """Give each command of the page, and what the page says it prints."""
    for text in BLOCKS:
        for part in text.split("$ wiremend ")[1:]:
            command, _, output = part.partition("\n")
            if "--live" not in command:
                yield pytest.param(command, output, id=command)


@pytest.mark.parametrize(("command", "output"), tuple(shown()))
@pytest.mark.usefixtures("here")
def test_a_command_of_the_page(command: str, output: str) -> None:
    done = run(*command.split())
    assert done.exit_code == 0, done.output
    if output:
        assert "\n".join(line.rstrip() for line in done.output.splitlines()) + "\n" == output
    else:
        assert "destination" in done.output


def keys_of_the_page() -> set[str]:
    """Give the keys that the table of the page begins its rows with."""
    table = PAGE.partition("## JSON")[2].partition("## Exit")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}


def test_the_page_has_every_key_of_the_json_and_no_other(here: Path) -> None:
    made = json.loads(run("explain", here / "my.flows:2", "--json").output)
    assert set(made) == keys_of_the_page()
    inner = PAGE.partition("## JSON")[2]
    for name, value in made.items():
        box = value[0] if isinstance(value, list) and value else value
        for key in box if isinstance(box, dict) and name != "patch" else ():
            assert f"`{key}`" in inner, (name, key)


# -- a request


def test_standard_input_is_a_body(here: Path) -> None:
    done = subprocess.run(
        [*WIREMEND, "explain", "--request", "-", "--path", "/v1/chat/completions", "--json",
         "--header", f"x-api-key: {KEY}"],
        input=ASKED, cwd=here, capture_output=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(TOP / "addons")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["taken"]["model"], made["taken"]["size"]) == ("kimi-k2", len(ASKED))
    assert made["decision"]["model"] == "kimi-for-coding"
    assert KEY.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "style", "address", "target"),
    (
        (("--path", "/v1/messages"), "gateway", None, "/v1/messages"),
        (("--path", "v1/messages"), "gateway", None, "/v1/messages"),
        (("--path", "/v1/messages", "--host", "api.kimi.com"), "proxy", "api.kimi.com", "/v1/messages"),
        (("--path", "/x", "--host", "http://127.0.0.1:8000"), "proxy", "127.0.0.1:8000", "/x"),
        (("--path", "https://api.kimi.com:444/v1/x?a=b"), "proxy", "api.kimi.com:444", "/v1/x?a=b"),
        (("--path", "https://api.kimi.com"), "proxy", "api.kimi.com", "/"),
    ),
)
@pytest.mark.usefixtures("here")
def test_where_a_request_was_addressed(
    arguments: tuple[str, ...], style: str, address: str | None, target: str
) -> None:
    made = json.loads(run("explain", "--json", *arguments).output)["taken"]
    assert (made["style"], made["address"], made["target"]) == (style, address, target)
    assert made["method"] == "POST"


@pytest.mark.usefixtures("here")
def test_variables_of_this_machine_count_and_credentials_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rules.yaml").write_text(
        "providers:\n"
        "  lab: {base_url: '${LAB_URL}', key: [$LAB_KEY, 'op://no/such/item'], headers: {X-Lab: $LAB_TEAM}}\n"
        "default: lab/x\n", "utf-8",
    )  # fmt: skip
    monkeypatch.setenv("LAB_URL", "https://lab.example.com/v3")
    monkeypatch.setenv("LAB_TEAM", "a-value-of-a-variable")
    monkeypatch.setenv("LAB_KEY", KEY)
    done = run("explain", "--request", "request.json", "--path", "/v1/chat/completions", "--json")
    made = json.loads(done.output)
    assert made["url"]["after"] == "https://lab.example.com/v3/chat/completions"
    assert made["credential"] == {
        "source": "$LAB_KEY", "prefix": None, "header": "Authorization: Bearer", "withheld": None
    }  # fmt: skip
    assert KEY not in done.output
    assert "a-value-of-a-variable" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        ((), "say what to explain"),
        (("x.flows", "--path", "/v1/messages"), "three ways"),
        (("--live", "1", "--path", "/v1/messages"), "three ways"),
        (("--request", "request.json"), "--path says where"),
        (("--path", "/v1/messages", "--once"), "--once and -n are for --live"),
        (("--live", "1", "--once", "-n", "2"), "say one of them"),
        (("--path", "https://x/y", "--host", "z"), "leave --host out"),
        (("--path", "/y", "--host", "ftp://z"), "no host"),
        (("--path", "/y", "--host", "http://z:port"), "no host"),
        (("--path", "/y", "--request", "missing.json"), "cannot be read"),
        (("--path", "/y", "--header-file", "missing.txt"), "cannot be read"),
        (("--path", "/y", "--header", KEY), "a header reads 'NAME: VALUE'"),
        (("--path", "/y", "--header", f"bad name: {KEY}"), "cannot be the name of a header"),
        (("--path", "/y", "--header", f"x-api-key: {KEY}\r\nx: y"), "line break"),
    ),
)
@pytest.mark.usefixtures("here")
def test_a_wrong_command_line_is_told_without_a_key(arguments: tuple[str, ...], said: str) -> None:
    done = run("explain", *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert KEY not in done.output


def test_a_header_file_may_have_remarks(here: Path) -> None:
    (here / "headers.txt").write_text(f"# a remark\n\nX-Api-Key:{KEY}\nno header\n", "utf-8")
    done = run("explain", "--path", "/v1/messages", "--header-file", "headers.txt")
    assert done.exit_code == 2
    assert "headers.txt:4: a header reads" in done.output


# -- a capture


def test_a_capture_says_where_it_was_and_its_reply(here: Path) -> None:
    done = run("explain", here / "my.flows:1", COLUMNS="200")
    first = " ".join(done.output.partition("\nopencode asks")[0].split())
    assert first.endswith(f"my.flows:1 {exchange(1).id} (recorded under other rules: 0123456789ab)")
    assert "\nreply\n" in done.output


def test_a_cases_own_rules_count_unless_others_are_named(here: Path) -> None:
    case = here / "captures" / "chat" / "kimi-temperature-fixed"
    (case / "rules.yaml").write_text("default: moonshot/mine\nproviders: {moonshot: {key: client}}\n", "utf-8")
    assert "moonshot/mine, by the default" in run("explain", case).output
    named = run("explain", case, "--rules", here / "rules.yaml").output
    assert "kimi-code/kimi-for-coding, by the route" in named


def test_what_plain_mitmproxy_recorded_is_explained_without_its_keys(here: Path) -> None:
    path = write(here / "plain.flows", [with_key(exchange(1), KEY)])
    for arguments in ((), ("--json",), ("--all",)):
        done = run("explain", f"{path}:1", *arguments)
        assert done.exit_code == 0
        assert "sk-kimi-" in done.output
        assert KEY not in done.output
        assert KEY[8:20] not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("my.flows",), "there are 2 captures in it"),
        (("my.flows:9",), "no LLM call"),
        (("nothing.flows",), "no such file"),
        (("my.flows:1", "--rules", "missing.yaml"), "does not exist"),
        (("my.flows:1", "--rules", "request.json"), "request.json:1"),
    ),
)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_explained(arguments: tuple[str, ...], said: str) -> None:
    done = run("explain", *arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, WiremendError)  # which the console script prints, without a traceback
    assert said in str(done.exception)


# -- a running proxy


def hello(_: Request, reply: Reply) -> None:
    """Answer as a chat completion."""
    message = {"role": "assistant", "content": "hi"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    reply.json(200, {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})


def ask(proxy: Mitm, model: str) -> None:
    """Send a request through a proxy."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{proxy.gateway}/v1/chat/completions", body, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        assert answer.status == 200


def following(proxy: Mitm, *arguments: str) -> subprocess.Popen[str]:
    """Follow a proxy; gives the process once it follows."""
    follower = subprocess.Popen(
        [*WIREMEND, "explain", "--live", str(proxy.port), *arguments],
        env={**proxy.environment, "PYTHONPATH": str(TOP / "addons"), "COLUMNS": "100"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follower.stderr is not None
    first = follower.stderr.readline()
    assert first.startswith(f"following the proxy on port {proxy.port} (pid "), first + follower.stderr.read()
    return follower


RULES: Final = (
    "providers:\n  lab: {base_url: %s, key: client}\nroutes: [{name: all, when: {model: '*'}, to: lab/big}]\n"
)


def test_a_running_proxy_is_followed() -> None:
    with Upstream({"/v1/chat/completions": hello}) as upstream, Mitm(RULES % upstream.url) as proxy:
        ask(proxy, "before")
        proxy.wait_captures(1)
        one, two = following(proxy, "--once"), following(proxy, "-n", "2", "--json")
        ask(proxy, "first")
        output, errors = one.communicate(timeout=30)
        assert one.returncode == 0, errors
        assert "asks first on the chat wire" in output
        assert "  yes  all (rules.yaml:3) → lab/big" in output
        assert "before" not in output
        ask(proxy, "second")
        output, errors = two.communicate(timeout=30)
        assert two.returncode == 0, errors
        assert [json.loads(line)["taken"]["model"] for line in output.splitlines()] == ["first", "second"]
        assert KEY not in output
        folder = proxy.home / "state" / "wiremend" / "proxies"
        (told,) = (one for one in folder.iterdir() if not one.name.endswith(".status.json"))
        assert told.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        last = following(proxy)
        proxy.process.send_signal(signal.SIGTERM)
        output, errors = last.communicate(timeout=30)
        assert (last.returncode, output) == (0, "")
        assert "has ended" in errors
        assert not list(folder.iterdir())


def test_a_proxy_without_captures_is_told_and_what_to_do() -> None:
    with Mitm("default: openai/x\nproviders: {openai: {key: client}}\ncapture: off\n") as proxy:
        done = subprocess.run(
            [*WIREMEND, "explain", "--live", str(proxy.port)], capture_output=True, text=True, check=False, timeout=60,
            env={**proxy.environment, "PYTHONPATH": str(TOP / "addons")},
        )  # fmt: skip
        assert done.returncode == 1
        assert "keeps no captures" in done.stderr
        assert f"take `capture: off` out of {proxy.rules}" in done.stderr


@pytest.mark.usefixtures("here")
def test_nobody_and_somebody_else_at_a_port() -> None:
    with pytest.raises(SetupError, match="nothing listens on port 1;"):
        find_proxy(1)
    with Upstream({}) as upstream:
        port = int(upstream.url.rsplit(":", 1)[1])
        with pytest.raises(SetupError, match="is no Wiremend proxy"):
            find_proxy(port)
        # What a process said that is gone, and whose number another one has now, is not believed.
        told = whereabouts_file(psutil.Process().ppid())
        told.parent.mkdir(parents=True)
        told.write_text(json.dumps({"pid": psutil.Process().ppid(), "ports": [port], "captures": None, "rules": None}))
        (told.parent / "2.json").write_text("no JSON")
        with pytest.raises(SetupError, match="is no Wiremend proxy"):
            find_proxy(port)
        told.write_text(json.dumps({"pid": os.getpid(), "ports": [port], "captures": "/x", "rules": None}))
        assert find_proxy(port).captures == Path("/x")


def test_what_is_not_whole_yet_waits_and_what_is_no_flow_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "2026-11-21T14-16-36Z-4711.flows"
    write(path, [exchange(1)])
    write(tmp_path / "2026-11-21T14-16-36Z-4712.flows", [])
    tail = Tail(tmp_path, 4711)
    assert list(tail.captures()) == []
    state: Any = flow_of(exchange(2)).get_state()
    whole = b"".join(piece for piece in dump(state) if isinstance(piece, bytes))
    with path.open("ab") as file:
        file.write(whole[:100])
        file.flush()
        assert list(tail.captures()) == []
        file.write(whole[100:] + b"3:abc," + whole[:9])
        file.flush()
        assert [one.id for one in tail.captures()] == [exchange(2).id]
        file.write(whole[9:])
        file.flush()
        assert [one.id for one in tail.captures()] == [exchange(2).id]
    another = tmp_path / "2026-11-21T15-16-36Z-4711_001.flows"
    write(another, [exchange(3)])
    write(tmp_path / "2026-11-21T15-16-36Z-47.flows", [exchange(4)])
    assert [one.id for one in tail.captures()] == [exchange(3).id]
    assert list(tail.captures()) == []


def test_help_does_not_import_mitmproxy() -> None:
    code = "import sys; import wiremend.cli.explain; sys.exit('mitmproxy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(TOP / "addons")}, check=False
    )
    assert done.returncode == 0
