"""``wiremend demo``: played for real in a hostile environment, and its parts one by one.

The end-to-end tests start the verb as a process of its own, with credentials, dead proxies and somebody else's rules in
the environment, and look at the exit code, the screen, and what is left behind. The judges are tested with every fault
that they are there to find, because a demo that cannot fail shows nothing. What the provider played on loopback lets in
and turns away is what is known of Kimi.
"""

from __future__ import annotations

import http.client
import io
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import psutil
import pytest
from rich.console import Console

from wiremend.cli import demo, picture
from wiremend.cli.demo import ASKED, KEY, RIGHT_TARGET, TARGET, WANTED, claude_request
from wiremend.cli.demo_upstream import PATH, KimiLike, Seen, stream
from wiremend.cli.demo_upstream import judge as judge_request
from wiremend.cli.picture import Row, Stage, compare, draw, program, reasons
from wiremend.headers import Headers
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import shipped
from wiremend.sse import EventParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND: Final = [sys.executable, "-c", "from wiremend.cli import main; main()", "demo"]
DEAD: Final = "http://127.0.0.1:9"
HOSTILE: Final = {
    "ANTHROPIC_API_KEY": "sk-ant-FAKE-of-the-user",
    "ANTHROPIC_AUTH_TOKEN": "FAKE-token-of-the-user",
    "ANTHROPIC_BASE_URL": DEAD,
    "KIMI_API_KEY": "sk-kimi-FAKE-of-the-user",
    "KIMI_BASE_URL": f"{DEAD}/v1",
    "MOONSHOT_API_KEY": "sk-FAKE-of-the-user",
    "HTTPS_PROXY": DEAD,
    "https_proxy": DEAD,
    "HTTP_PROXY": DEAD,
    "http_proxy": DEAD,
    "ALL_PROXY": DEAD,
    "NO_PROXY": "",
    "SSL_CERT_FILE": "/nowhere/ca.pem",
    "REQUESTS_CA_BUNDLE": "/nowhere/ca.pem",
    "WIREMEND_RULES": "/nowhere/rules.yaml",
}


@pytest.fixture
def world(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which all that could be in the way is; ``HOME`` and ``TMPDIR`` are empty folders."""
    for name in ("home", "tmp", "config/wiremend"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "config/wiremend/rules.yaml").write_text("providers: [this is no rules file")
    return {
        **HOSTILE,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "addons"),
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


def left_behind(world: dict[str, str]) -> list[str]:
    """Give the files below HOME and TMPDIR, and the processes that were started with a path below TMPDIR."""
    files = [str(path) for name in ("HOME", "TMPDIR") for path in Path(world[name]).rglob("*")]
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return files + [" ".join(line) for line in lines if any(world["TMPDIR"] in word for word in line)]


def test_it_shows_what_left_and_what_arrived_and_leaves_nothing_behind(world: dict[str, str]) -> None:
    done = subprocess.run(COMMAND, env=world, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    screen = done.stdout
    for pattern in (
        r"^  404 resource_not_found_error: The requested resource was not found",
        r"^  POST /coding/v1/v1/messages\?beta=true 1 POST /coding/v1/messages\?beta=true$",
        r"^  Host: 127\.0\.0\.1:\d+ +2 Host: 127\.0\.0\.1:\d+$",
        r'^  "model": "claude-sonnet-4-5" +4 "model": "kimi-for-coding"$',
        r"^ +\^+$",
        r"^ +1 path +/v1 stood there twice",
        r"^ +route 'Kimi Code keys, any other model' matches \(rules\.yaml:\d+\)",
        r"^  Hello! What reached me is /coding/v1/messages and the model kimi-for-coding,$",
        r"^  first byte \d+ ms · \d+ tokens in, \d+ out",
        r"^  wiremend run -- claude +",
        r"^  wiremend check +",
        r"README\.md",
    ):
        assert re.search(pattern, screen, re.MULTILINE), f"{pattern} is not in\n{screen}"
    assert "\x1b" not in screen
    assert not [line for line in screen.splitlines() if len(line) > 80]
    assert not [name for name, value in HOSTILE.items() if value and value in screen]
    assert left_behind(world) == []


def test_a_signal_in_the_middle_leaves_nothing_behind(world: dict[str, str]) -> None:
    with subprocess.Popen(COMMAND, env=world, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("With Wiremend" in line and "Without" not in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert left_behind(world) == []


def test_a_request_that_arrives_wrong_is_said_and_gives_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rules that repair the path and leave the model: the provider turns the request away."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "providers: {kimi-code: {base_url: $KIMI_BASE_URL, key: client}}\n"
        "routes: [{when: {key: sk-kimi-*}, to: kimi-code}]\n"
    )
    monkeypatch.setattr(demo, "shipped", lambda: rules)
    out = io.StringIO()
    assert demo.play(Console(file=out, width=80), {"PATH": "/usr/bin:/bin"}) == 1
    assert "FAIL the body is not the client's with kimi-for-coding for claude-sonnet-4-5," in squeezed(out)
    assert "Wiremend answered 400: not_found_error: Not found the model claude-sonnet-4-5" in squeezed(out)
    assert "run -- claude" not in out.getvalue()


def squeezed(out: io.StringIO) -> str:
    return " ".join(out.getvalue().split())


# -- the provider


def right_request() -> Seen:
    """Give the client's request as it should arrive."""
    sent = claude_request(1)
    body = sent.body.replace(ASKED.encode(), WANTED.encode())
    return Seen("POST", RIGHT_TARGET, sent.headers.with_set("content-length", str(len(body))), body)


def with_header(name: str, value: str) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, headers=seen.headers.with_set(name, value))


def without_header(name: str) -> Callable[[Seen], Seen]:
    return lambda seen: replace(seen, headers=seen.headers.without(name))


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    (
        (lambda seen: seen, None, ""),
        (lambda seen: replace(seen, target=PATH), None, ""),
        (with_header("user-agent", "KimiCLI/1.49"), None, ""),
        (lambda seen: replace(seen, target=TARGET), 404, "resource_not_found_error"),
        (lambda seen: replace(seen, target="/v1/messages"), 404, "resource_not_found_error"),
        (lambda seen: replace(seen, method="GET"), 404, "resource_not_found_error"),
        (with_header("x-api-key", "sk-FAKE-of-the-open-platform"), 401, "invalid_authentication_error"),
        (without_header("x-api-key"), 401, "invalid_authentication_error"),
        (with_header("user-agent", "Anthropic/JS 0.94.0"), 403, "access_terminated_error"),
        (without_header("user-agent"), 403, "access_terminated_error"),
        (without_header("anthropic-version"), 400, "invalid_request_error"),
        (lambda seen: replace(seen, body=b"no JSON"), 400, "invalid_request_error"),
        (lambda seen: replace(seen, body=claude_request(1).body), 404, "resource_not_found_error"),
    ),
)
def test_the_provider_has_kimis_habits(change: Callable[[Seen], Seen], status: int | None, kind: str) -> None:
    turned = judge_request(change(right_request()))
    assert (turned.status if turned else None) == status
    if turned is not None:
        assert msgspec.json.decode(turned.body)["error"]["type"] == kind


def test_a_key_may_come_as_bearer() -> None:
    headers = right_request().headers.without("x-api-key").with_set("Authorization", f"Bearer {KEY}")
    assert judge_request(replace(right_request(), headers=headers)) is None


def test_the_answer_is_a_whole_stream_of_the_messages_wire() -> None:
    parser = EventParser()
    events = [event for chunk in stream(right_request()) for event in parser.feed(chunk)]
    kinds = [msgspec.json.decode(event.data or b"")["type"] for event in events]
    assert [event.event for event in events] == kinds
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_the_client_reads_a_streamed_answer_and_an_error() -> None:
    heard: list[str | None] = []
    with KimiLike(pace=0) as kimi:
        reply = demo.send(kimi.port, right_request(), heard.append)
        refused = demo.send(kimi.port, claude_request(kimi.port))
        assert [seen.target for seen in kimi.seen] == [RIGHT_TARGET, TARGET]
        assert kimi.seen[0] == right_request()
        assert len(reply.arrived) == len(kimi.left)
    assert (reply.status, reply.tally.stop_reason, reply.tally.model) == (200, "end_turn", WANTED)
    assert heard[-1] is None
    assert "".join(filter(None, heard)).startswith(f"Hello! What reached me is {PATH} and the model {WANTED}")
    assert (refused.status, refused.arrived) == (404, [])
    assert demo.error_text(refused.body) == "resource_not_found_error: The requested resource was not found"


def test_the_provider_can_be_left_in_the_middle_of_an_answer() -> None:
    began = threading.Event()
    heard: list[str | None] = []

    def hear(piece: str | None) -> None:
        heard.append(piece)
        began.set()

    def ask() -> None:
        with pytest.raises(http.client.IncompleteRead):
            demo.send(kimi.port, right_request(), hear)

    with KimiLike(pace=60) as kimi:
        client = threading.Thread(target=ask)
        client.start()
        assert began.wait(10)
    client.join(10)
    assert not client.is_alive()
    assert len(kimi.left) == 1


def test_an_error_without_an_error_object_is_shown_as_it_is() -> None:
    assert demo.error_text(b"<html>no</html>") == "<html>no</html>"


# -- the judges


@pytest.fixture(scope="module")
def rewritten() -> Rewritten:
    """Give what the pipeline makes of Claude Code's request under the shipped rules."""
    rules = shipped()
    environ = {"KIMI_BASE_URL": "http://127.0.0.1:2/coding/v1"}
    outcome = rewrite(demo.at_gateway(claude_request(1)), load_rules(read_rules(rules), rules.name, environ).resolved)
    assert isinstance(outcome, Rewritten)
    return outcome


@pytest.fixture
def arrived(rewritten: Rewritten) -> Seen:
    """Give the request as it arrives under the shipped rules."""
    assert rewritten.body is not None
    headers = rewritten.headers.with_set("content-length", str(len(rewritten.body)))
    return Seen("POST", rewritten.destination.path, headers, rewritten.body)


def test_what_the_shipped_rules_make_of_it_is_right(rewritten: Rewritten, arrived: Seen) -> None:
    assert demo.judge(claude_request(1), rewritten, [arrived]) == []
    assert judge_request(arrived) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    (
        (lambda seen: replace(seen, target=TARGET), "the provider was asked for /coding/v1/v1/messages"),
        (lambda seen: replace(seen, target=PATH), "the provider was asked for /coding/v1/messages, not"),
        (lambda seen: replace(seen, body=claude_request(1).body), "the body is not the client's"),
        (lambda seen: replace(seen, body=seen.body.replace(b":true", b": true")), "the body is not the client's"),
        (with_header("x-api-key", "sk-kimi-FAKE-of-another"), "the client's key did not arrive"),
        (with_header("Authorization", f"Bearer {KEY}"), "the client's key did not arrive"),
        (with_header("x-app", "proxy"), "the header x-app is not what the pipeline says"),
        (without_header("anthropic-beta"), "the header anthropic-beta is not what the pipeline says"),
    ),
)
def test_each_fault_in_what_arrived_is_found(
    change: Callable[[Seen], Seen], fault: str, rewritten: Rewritten, arrived: Seen
) -> None:
    faults = demo.judge(claude_request(1), rewritten, [change(arrived)])
    assert any(found.startswith(fault) for found in faults), faults


def test_framing_is_no_fault(rewritten: Rewritten, arrived: Seen) -> None:
    assert demo.judge(claude_request(1), rewritten, [with_header("Connection", "close")(arrived)]) == []


def test_none_or_two_requests_are_a_fault(rewritten: Rewritten, arrived: Seen) -> None:
    assert demo.judge(claude_request(1), rewritten, []) == ["the provider should have got one request, and got 0"]
    assert demo.judge(claude_request(1), rewritten, [arrived, arrived]) != []


TURNED_AWAY: Final = demo.Reply(404)


def answered(**changes: object) -> demo.Reply:
    """Give the reply of a stream of three events that left at 1, 2 and 3."""
    reply = demo.Reply(200, arrived=[1.1, 2.1, 3.1])
    reply.tally.body(b'{"stop_reason": "end_turn"}')
    for name, value in changes.items():
        setattr(reply, name, value)
    return reply


@pytest.mark.parametrize(
    ("direct", "reply", "fault"),
    (
        (TURNED_AWAY, answered(), None),
        (demo.Reply(200), answered(), "without Wiremend the provider should answer 404, and answered 200"),
        (TURNED_AWAY, demo.Reply(502, b'{"error": {"type": "a", "message": "b"}}'), "Wiremend answered 502: a: b"),
        (TURNED_AWAY, answered(arrived=[1.1, 2.1]), "3 events left the provider, 2 came"),
        (
            TURNED_AWAY,
            answered(tally=demo.Reply().tally),
            "3 events left the provider, 3 came, and the answer has no end",
        ),
        (TURNED_AWAY, answered(arrived=[3.1, 3.1, 3.1]), "the answer was held back until it was whole"),
    ),
)
def test_each_fault_of_the_replies_is_found(direct: demo.Reply, reply: demo.Reply, fault: str | None) -> None:
    faults = demo.judge_reply(direct, reply, [1.0, 2.0, 3.0])
    assert (faults == []) if fault is None else any(found.startswith(fault) for found in faults)


def test_the_proxy_gets_nothing_of_the_users() -> None:
    environ = demo.clean_environment(
        {**HOSTILE, "PATH": "/bin", "HOME": "/home/me", "LANG": "C"}, Path("/f"), "http://b"
    )
    assert environ == {"PATH": "/bin", "LANG": "C", "HOME": "/f", "TMPDIR": "/f", "KIMI_BASE_URL": "http://b"}


# -- the picture

SENT: Final = Seen(
    "POST",
    "/v1/v1/messages",
    Headers((("Host", "a"), ("X-One", "1"), ("X-Two", "2"), ("X-Gone", "3"), ("Connection", "close"))),
    b'{"model": "a-model", "list": [1, 2], "same": 1, "other": 2}',
)
GOT: Final = Seen(
    "POST",
    "/v1/messages",
    Headers((("Host", "b"), ("X-One", "1"), ("X-Two", "2"), ("X-New", "4"))),
    b'{"model": "b-model", "list": [1, 2], "same": 1, "other": 2}',
)


def test_two_requests_are_paired_line_by_line() -> None:
    assert [(row.number, row.left, row.right) for row in compare(SENT, GOT, ("x-one", "/same", "/list"))] == [
        (1, "POST /v1/v1/messages", "POST /v1/messages"),
        (2, "Host: a", "Host: b"),
        (None, "X-One: 1", "X-One: 1"),
        (3, "", "X-New: 4"),
        (4, "X-Gone: 3", ""),
        (None, "1 more headers", "the same"),
        (None, "", ""),
        (5, '"model": "a-model"', '"model": "b-model"'),
        (None, '"list": [ 6 bytes ]', '"list": [ 6 bytes ]'),
        (None, '"same": 1', '"same": 1'),
        (None, "1 more members", "the same bytes"),
    ]


def test_a_body_that_is_no_object_has_no_members() -> None:
    rows = compare(replace(SENT, body=b"[]"), replace(SENT, body=b"\xff"), ())
    assert [row.where for row in rows] == ["url", "", ""]


@pytest.mark.parametrize(
    ("left", "right", "marked"),
    (
        ("POST /coding/v1/v1/m?b=1", "POST /coding/v1/m?b=1", (["/v1"], [])),
        ('"model": "a-1"', '"model": "b"', (["a-1"], ["b"])),
        ("Host: h:1", "Host: h:2", (["1"], ["2"])),
        ("", "X: 1", ([], ["X: 1"])),
    ),
)
def test_just_the_changed_parts_are_marked(left: str, right: str, marked: tuple[list[str], list[str]]) -> None:
    spans = Row("url", left, right, 1).spans
    assert ([left[a:b] for a, b in spans[0]], [right[a:b] for a, b in spans[1]]) == marked


@pytest.mark.parametrize("width", (20, 40, 75, 76, 80, 100, 200))
@pytest.mark.parametrize("plain", (True, False))
def test_no_line_of_the_picture_is_wider_than_the_terminal(width: int, *, plain: bool, arrived: Seen) -> None:
    lines = draw(compare(claude_request(1), arrived, demo.SHOWN), width, ("what left", "what came"), plain=plain)
    assert all(len(line.plain) <= width for line in lines if not line.plain.startswith(("-", "+")))
    assert any("kimi-for-" in line.plain for line in lines) or width == 20


def test_changes_are_marked_by_carets_or_by_colour() -> None:
    rows = [Row("url", "GET /a", "GET /b", 1), Row("header:x", "X: 1", "X: 1")]

    def painted(*, plain: bool) -> str:
        out = io.StringIO()
        console = Console(file=out, width=80, force_terminal=True, color_system=None if plain else "standard")
        for line in draw(rows, 80, ("left", "right"), plain=plain):
            console.print(line)
        return out.getvalue()

    assert re.search(r"^  GET /a +1 GET /b\n +\^\^ +\^\^\n  X: 1 ", painted(plain=True), re.MULTILINE)
    assert "\x1b" not in painted(plain=True)
    assert "^" not in painted(plain=False)
    assert "\x1b[1;31m/a" in painted(plain=False)
    assert "\x1b[1;32m/b" in painted(plain=False)


def test_each_change_has_its_reason(rewritten: Rewritten, arrived: Seen) -> None:
    rows = compare(claude_request(1), arrived, demo.SHOWN)
    found = reasons(rows, rewritten, "rules.yaml")
    assert [reason.number for reason in found] == [row.number for row in rows if row.number]
    route = "route 'Kimi Code keys, any other model' matches"
    assert [(reason.name, reason.rule.partition(" (")[0]) for reason in found] == [
        ("path", "base_url of kimi-code"),
        ("host", route),
        ("encoding", "Wiremend itself, for every stream"),
        ("model", route),
    ]


def test_no_color_means_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert picture.make_console({"NO_COLOR": "1"}).color_system is None
    assert picture.make_console({"NO_COLOR": ""}).color_system is not None


@pytest.mark.parametrize("width", (10, 20, 33, 80))
def test_a_streamed_text_is_wrapped_between_words_and_kept_whole(width: int) -> None:
    words = ["", *re.findall(r"\S+\s*", "one two  three four five sixteen seventy-one and a half")]
    out = io.StringIO()
    stage = Stage(Console(file=out, width=width))
    stage.type(words)
    lines = out.getvalue().splitlines()
    assert out.getvalue().split() == "".join(words).split()
    assert all(line.startswith("  ") for line in lines)
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)


def test_a_streamed_text_appears_piece_by_piece() -> None:
    out = io.StringIO()

    def pieces() -> Iterator[str]:
        for number, word in enumerate(("one ", "two ", "three")):
            assert len(out.getvalue().split()) == number
            yield word

    Stage(Console(file=out, width=80)).type(pieces())
    assert out.getvalue() == "  one two three\n"


def test_the_program_is_named_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / ".venv" / "bin" / "wiremend"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert program(str(script)) == ".venv/bin/wiremend"
    assert program("-c") == "wiremend"
    monkeypatch.setenv("PATH", str(script.parent))
    assert program(str(script)) == "wiremend"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    assert program(str(script)) in (str(script), str(script).lstrip("/"))
