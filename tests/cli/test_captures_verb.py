"""``wiremend captures``: what each of its verbs finds, prints and writes, and what it says where it cannot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.cli.captures_kit import (
    ASKED,
    FIRST,
    SENT,
    STREAM,
    cut,
    exchange,
    har,
    har_entry,
    plain_flow,
    run,
    with_key,
    write,
)
from wiremend.captures.capture import Attempt, Body, Capture, Frame, Response
from wiremend.captures.case import read_case
from wiremend.cli.captures_clean import rules_beside
from wiremend.cli.captures_keep import write_flows
from wiremend.cli.captures_list import TABLE
from wiremend.cli.captures_list import show as show_rows
from wiremend.cli.captures_read import Picked, pace, row_of, size, span, timed_events
from wiremend.cli.captures_show import Page
from wiremend.headers import Headers
from wiremend.mitm.flows import read_flows
from wiremend.notes import Note

if TYPE_CHECKING:
    from mitmproxy import http

SECRET = "sk-kimi-q7Zr2LxV9mTb4NwK8sYc3HdJ6fGp1AeU5oXi"
"""Has the format of a real key, and is none: scrubbing leaves keys alone that say FAKE."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home of the test's own, in which nothing was ever recorded."""
    for name in ("WIREMEND_RULES", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "KIMI_API_KEY", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def own(home: Path) -> Path:
    return home / ".local" / "state" / "wiremend" / "captures"


# -- list


def test_an_empty_folder_says_how_captures_come_about(home: Path) -> None:
    result = run("captures", "list")
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert str(own(home)) in said.replace(" ", "") or str(own(home)) in said
    assert "0 captures" in said
    assert "wiremend run and wiremend proxy" in said.lower()


def test_the_list_has_the_newest_last_and_counts_what_is_no_llm_call(home: Path) -> None:
    old = write(own(home) / "b.flows", [exchange(1), plain_flow("https://www.example.com/x")])
    new = write(own(home) / "a.flows", [exchange(2)])
    os.utime(old, (1000, 1000))
    result = run("captures", "list")
    ids = [line.split()[1] for line in result.output.splitlines() if "c0de" in line]
    assert ids == ["0001c0de", "0002c0de"]
    assert str(new) in result.output.replace("\n", "")
    assert "2 captures" in result.output
    assert "1 other request was no LLM call" in " ".join(result.output.split())


def test_the_rules_in_force_say_where_the_folder_is(home: Path, tmp_path: Path) -> None:
    rules = home / ".config" / "wiremend" / "rules.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(f"capture: {{dir: {tmp_path}/elsewhere}}\n", "utf-8")
    write(tmp_path / "elsewhere" / "a.flows", [exchange(7)])
    assert "0007c0de" in run("captures", "list").output


@pytest.mark.parametrize(
    ("options", "numbers"),
    (
        ((), [1, 2, 3, 4, 5]),
        (("--client", "OPEN*"), [1, 2, 4, 5]),
        (("--client", "codex"), [3]),
        (("--model", "kimi-code/*"), [1, 2]),
        (("--model", "kimi-k2"), [1, 2, 3, 4, 5]),
        (("--model", "kimi-for-coding"), [1, 2]),
        (("--failed",), [2, 4, 5]),
        (("--mended",), [1, 4, 5]),
        (("--mended", "--failed"), [4, 5]),
        (("--since", "1h"), [3]),
        (("--since", "99999d"), [1, 2, 3, 4, 5]),
    ),
)
def test_filters_choose(options: tuple[str, ...], numbers: list[int], tmp_path: Path) -> None:
    url = "https://api.example.com/v1/chat/completions"
    refused = Response(429, "", Headers(), Body(b'{"error":{"message":"slow down","type":"rate_limit_error"}}'))
    flows: list[Capture | http.HTTPFlow] = [
        exchange(1),
        cut(exchange(2)),
        plain_flow(url, ASKED, STREAM, user_agent="codex_exec/0.169.0"),
        exchange(4, answer=None, attempts=(), error="connection refused"),
        exchange(5, answer=refused, attempts=()),
    ]
    file = write(tmp_path / "a.flows", flows)
    result = run("captures", "list", file, "--json", *options)
    assert [row["number"] for row in json.loads(result.output)] == numbers


@pytest.mark.parametrize("age", ("", "soon", "-2h", "0s", "2 hours"))
def test_an_age_that_is_none_is_a_wrong_command_line(age: str) -> None:
    result = run("captures", "list", "--since", age)
    assert result.exit_code == 2
    assert "30m, 2h or 7d" in result.output


def test_a_row_of_json_has_all_that_was_measured(tmp_path: Path) -> None:
    (row,) = json.loads(run("captures", "list", write(tmp_path / "a.flows", [exchange(1)]), "--json").output)
    assert row == {
        "file": str(tmp_path / "a.flows"),
        "number": 1,
        "id": "0001c0de-0000-4000-8000-000000000001",
        "began": 1795255201.25,
        "client": "opencode",
        "asked": "kimi-k2",
        "provider": "kimi-code",
        "model": "kimi-for-coding",
        "wire": "chat",
        "status": 200,
        "input_tokens": 1200,
        "output_tokens": 34,
        "bytes": len(STREAM),
        "first_byte": 312_000,
        "total": 1_200_400,
        "attempts": 1,
        "error": None,
        "mended": ["chat.chunk.created-missing"],
        "lost": [],
        "failed": [],
        "is_failed": False,
    }


HOSTILE = exchange(
    9,
    client="\x1b[31mred\x07[bold]",
    model="鬼" * 30 + "\udcff",
    error="[/] :smile: " + "x" * 400 + "\x1b]0;title\x07",
    notes=(Note("lost", "/x", "code\x1b[2J", "what\x1b[2J\u202e", "why"),),
)


@pytest.mark.parametrize("width", (20, 40, 80, TABLE - 1, TABLE, 140, 250))
def test_the_list_keeps_to_the_width_and_acts_on_no_terminal(width: int) -> None:
    out = io.StringIO()
    rows = [row_of(Picked(Path("a.flows"), number, one)) for number, one in enumerate((exchange(1), HOSTILE), 1)]
    show_rows(rows, Console(file=out, width=width))
    text = out.getvalue()
    assert all(Console().render_str(line).cell_len <= width for line in text.splitlines() if "[" not in line)
    assert "\x1b" not in text
    assert "\x07" not in text
    text.encode()
    assert "0001c0de" in text
    assert width < 140 or " 11-21 10:00:01 " in text


# -- show


def test_a_capture_is_shown_by_number_and_by_id(home: Path) -> None:
    file = write(own(home) / "a.flows", [exchange(1), cut(exchange(2))])
    by_number, by_id = run("captures", "show", f"{file}:2"), run("captures", "show", "0002c0")
    assert by_number.exit_code == 0
    assert by_number.output == by_id.output
    for said in ("kimi-k2 → kimi-code/kimi-for-coding", "route       coding", "peer closed connection", "seed"):
        assert said in by_number.output


def test_what_is_shown_of_bodies_says_how_it_was_made_readable(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    text = run("captures", "show", file).output
    assert '    "model": "kimi-for-coding",' in text
    assert "[laid out for reading; --raw gives the bytes]" in text
    assert "3 events in 4 chunks" in text
    assert "the body is the upstream's, byte for byte" in text
    assert text.index("client's request") < text.index("upstream request") < text.index("client's answer")


@pytest.mark.parametrize(
    ("side", "there", "missing"),
    (("client", "client's answer", "upstream reply"), ("upstream", "upstream reply", "client's")),
)
def test_a_side_is_shown_alone(side: str, there: str, missing: str, tmp_path: Path) -> None:
    text = run("captures", "show", write(tmp_path / "a.flows", [exchange(1)]), "--side", side).output
    assert there in text
    assert missing not in text


@pytest.mark.parametrize(
    ("part", "expected"),
    (
        ("client.request", ASKED),
        ("client.request.json", ASKED),
        ("upstream.request", SENT),
        ("client.sse", STREAM),
        ("upstream.sse", STREAM),
        ("upstream-1.sse", b"x\r\n\xff\0"),
        ("upstream-2.response", STREAM),
    ),
)
def test_raw_gives_the_exact_bytes(part: str, expected: bytes, tmp_path: Path) -> None:
    base = exchange(1)
    first = Attempt(base.attempts[0].request, Response(500, "", Headers(), Body(b"x\r\n\xff\0")))
    file = write(tmp_path / "a.flows", [replace(base, attempts=(first, base.attempts[0]))])
    result = run("captures", "show", f"{file}:1", "--raw", part)
    assert result.exit_code == 0
    assert result.stdout_bytes == expected


@pytest.mark.parametrize("part", ("client", "server.request", "upstream-3.sse", "upstream-0.sse", "", "client.sse\n"))
def test_a_part_that_is_none_says_which_there_are(part: str, tmp_path: Path) -> None:
    result = run("captures", "show", write(tmp_path / "a.flows", [exchange(1)]), "--raw", part)
    assert result.exit_code == 1
    assert part.strip() in str(result.exception)


def test_all_kinds_of_trouble_are_shown(tmp_path: Path) -> None:
    base = exchange(1)
    capture = replace(
        HOSTILE,
        answer=None,
        frames=(Frame(True, True, b'{"type":"response.create"}', 5), Frame(False, False, b"\0\xff\x1b[2J", 9)),  # noqa: FBT003 - from the client, text
        attempts=(
            replace(base.attempts[0], response=None, error="reset"),
            replace(
                base.attempts[0], response=Response(200, "", Headers((("content-encoding", "br"),)), Body(b"\xff"))
            ),
        ),
    )
    for width in (30, 80, 200):
        for side in (None, "client", "upstream", "both"):
            out = io.StringIO()
            page = Page(Console(file=out, width=width), side, events=True)
            page.show(Picked(tmp_path / "a.flows", 1, capture))
            text = out.getvalue()
            assert "\x1b" not in text
            text.encode()
            assert "WebSocket" in text


def test_what_others_recorded_is_shown_without_its_keys(tmp_path: Path) -> None:
    reply = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}.", "type": "x"}}).encode()
    url = "https://api.example.com/v1/chat/completions"
    file = write(tmp_path / "a.flows", [plain_flow(url, ASKED, reply, authorization=f"Bearer {SECRET}")])
    for verb in (("list",), ("list", "--json"), ("show", "--side", "both"), ("show", "--raw", "upstream.json")):
        result = run("captures", *verb, file)
        assert result.exit_code == 0, result.exception
        assert "Incorrect API key" in " ".join(result.output.split())
        assert SECRET[8:] not in result.output.replace("\n", "").replace(" ", "")


# -- what an argument means


@pytest.mark.parametrize(
    ("argument", "said"),
    (
        ("none.flows", "none.flows: there is no such file"),
        ("none.flows:3", "none.flows: there is no such file"),
        ("a.flows", "a.flows: there are 2 captures in it; say which: a.flows:1"),
        ("a.flows:2", "a.flows:2: this is no LLM call"),
        ("a.flows:9", "a.flows:9: this is no LLM call; the last LLM call in it has the number 3"),
        ("a.flows:0", "a.flows:0"),
        ("deadbeef", "deadbeef: there is no such file, nor a capture of this id"),
        ("other.flows", "other.flows: there is no LLM call in it, but 1 other request"),
        ("junk.flows", "junk.flows"),
        ("empty.flows", "empty.flows: there is no LLM call in it"),
    ),
)
def test_an_argument_that_means_nothing_says_so(argument: str, said: str) -> None:
    write(Path("a.flows"), [exchange(1), plain_flow("https://www.example.com/"), exchange(3)])
    write(Path("other.flows"), [plain_flow("https://www.example.com/")])
    Path("junk.flows").write_bytes(b"this is no flow file")
    Path("empty.flows").write_bytes(b"")
    result = run("captures", "show", argument)
    assert result.exit_code == 1
    assert said in str(result.exception)


def test_a_beginning_that_several_ids_share_names_them(home: Path) -> None:
    write(own(home) / "a.flows", [exchange(0x10), exchange(0x11)])
    result = run("captures", "show", "001")
    assert result.exit_code == 1
    result = run("captures", "show", "0010")
    assert result.exit_code == 0
    result = run("captures", "show", "001" + "0")
    both = run("captures", "show", "00")
    assert "no such file" in str(both.exception)
    write(own(home) / "b.flows", [exchange(0x1010)])
    write(own(home) / "c.flows", [replace(exchange(0x1011), id="1010c0de-other")])
    clash = run("captures", "show", "1010")
    assert "2 captures begin so" in str(clash.exception)
    assert "1010c0de-other" in str(clash.exception)


def test_a_file_that_was_cut_short_is_listed_up_to_there(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1), exchange(2)])
    file.write_bytes(file.read_bytes()[:-100])
    result = run("captures", "list", file)
    assert result.exit_code == 0
    assert "0001c0de" in result.output
    assert "0002c0de" not in result.stdout
    assert "warning:" in result.stderr
    assert "a.flows" in result.stderr


# -- add


def test_a_capture_becomes_a_case_that_reads_as_what_it_was(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    result = run("captures", "add", f"{file}:1", "--name", "created-missing")
    assert result.exit_code == 0, result.exception
    folder = Path("captures/chat/created-missing")
    case = read_case(folder)
    assert case.capture.request.body == ASKED
    assert case.capture.answer == exchange(1).answer
    assert case.capture.attempts == exchange(1).attempts
    assert "kimi-k2" in case.title
    assert "chat.chunk.created-missing" in case.title
    said = " ".join(result.output.split())
    assert "case.yaml" in said
    assert f"wiremend replay {folder}" in said
    assert f"git add {folder}" in said
    assert "Read this before you share it" in said


def test_a_case_has_neither_the_key_nor_what_tells_who_you_are(home: Path, tmp_path: Path) -> None:
    body = ASKED.replace(b"hello", f"see {home}/notes and ask someone@example.org".encode())
    base = with_key(exchange(1), SECRET)
    capture = replace(base, request=replace(base.request, body=body))
    file = write(tmp_path / "a.flows", [capture])
    result = run("captures", "add", file, "--name", "private", "--to", tmp_path / "kept")
    assert result.exit_code == 0, result.exception
    written = b"".join(path.read_bytes() for path in (tmp_path / "kept").rglob("*") if path.is_file())
    assert SECRET.encode() not in written
    assert SECRET.removeprefix("sk-kimi-").encode() not in written
    assert str(home).encode() not in written
    assert b"sk-kimi-SCRUBBED" in written
    assert SECRET not in result.output


def test_the_globs_that_a_key_matched_are_kept_with_its_surrogate(home: Path, tmp_path: Path) -> None:
    rules = home / ".config" / "wiremend" / "rules.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("routes: [{when: {key: sk-kimi-q7*}, to: kimi-code}]\n", "utf-8")
    file = write(tmp_path / "a.flows", [with_key(exchange(1), SECRET)])
    assert run("captures", "add", file, "--name", "globs").exit_code == 0
    globs = read_case(Path("captures/chat/globs")).capture.inputs.globs
    assert {"sk-kimi-q7*": True} in globs.values()


LAB = "providers: {lab: {base_url: https://lab.example.com, headers: {x-team: blue}}}\n"
"""Rules that write a header themselves: what they write is no secret."""


@pytest.mark.parametrize("place", ("rules/0123456789ab.yaml", "rules.yaml"))
def test_what_the_rules_write_themselves_stays(place: str, tmp_path: Path) -> None:
    """The rules that it ran with lie beside the flow file; without them, those of the folder say it."""
    one = exchange(1)
    sent = one.attempts[0].request
    teamed = replace(sent, headers=Headers((*sent.headers, ("x-team", "blue"), ("x-other", "blue"))))
    file = write(tmp_path / "a.flows", [replace(one, attempts=(replace(one.attempts[0], request=teamed),))])
    rules = tmp_path / place
    rules.parent.mkdir(exist_ok=True)
    rules.write_text(LAB, "utf-8")
    assert "x-team: blue" in run("captures", "show", file, "--side", "upstream").output
    assert run("captures", "add", file, "--name", "team").exit_code == 0
    head = Path("captures/chat/team/upstream.request").read_text("utf-8")
    assert "x-team: blue\n" in head
    assert "x-other: SCRUBBED" in head
    rules.rename(Path("captures/chat/team/rules.yaml"))
    assert run("captures", "scrub", "--check", "captures").output == "nothing looks like a secret\n"
    Path("captures/chat/team/rules.yaml").unlink()
    assert "header:x-team" in run("captures", "scrub", "--check", "captures").output


@pytest.mark.parametrize("digest", ("../mine", "", "none"))
def test_only_rules_beside_a_capture_are_looked_for(digest: str, tmp_path: Path) -> None:
    """The hash is what a file of somebody else says."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "mine.yaml").write_text(LAB, "utf-8")
    file = write(tmp_path / "a.flows", [replace(with_key(exchange(1), SECRET), rules=digest)])
    assert rules_beside(Picked(file, 1, exchange(1))) is None
    assert rules_beside(Picked(file, 1, replace(exchange(1), rules=digest))) is None
    assert run("captures", "add", file, "--name", "x").exit_code == 0


def test_a_session_becomes_numbered_cases_of_the_same_surrogates(tmp_path: Path) -> None:
    flows: list[Capture | http.HTTPFlow] = [
        with_key(exchange(1), SECRET),
        plain_flow("https://www.example.com/"),
        with_key(exchange(3), SECRET),
    ]
    file = write(tmp_path / "a.flows", flows)
    for options in ((f"{file}:1-3",), (str(file), "--all", "--force")):
        result = run("captures", "add", *options, "--name", "session-x")
        assert result.exit_code == 0, result.exception
        found = sorted(Path("captures/chat").iterdir())
        assert [path.name for path in found] == ["session-x-01", "session-x-02"]
        keys = {read_case(path).capture.request.headers.get("authorization") for path in found}
        assert len(keys) == 1


def test_a_case_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1), exchange(2)])
    assert run("captures", "add", f"{file}:1", "--name", "x").exit_code == 0
    before = Path("captures/chat/x/case.yaml").read_bytes()
    refused = run("captures", "add", f"{file}:2", "--name", "x")
    assert refused.exit_code == 1
    assert "--force" in str(refused.exception)
    assert Path("captures/chat/x/case.yaml").read_bytes() == before
    assert run("captures", "add", f"{file}:2", "--name", "x", "--force", "--title", "Another").exit_code == 0
    assert read_case(Path("captures/chat/x")).title == "Another"


@pytest.mark.parametrize("name", ("a/b", "../up", "", ".", "UPPER", "with space", "x\n"))
def test_a_name_that_is_none_writes_nothing(name: str, tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    result = run("captures", "add", file, "--name", name)
    assert result.exit_code != 0
    assert not list(Path().rglob("case.yaml"))
    assert not Path("up").exists()


def test_a_quirk_is_one_of_ours(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    assert run("captures", "add", file, "--name", "x", "--quirk", "tool-index-missing").exit_code == 0
    assert read_case(Path("captures/chat/x")).about["quirk"] == "tool-index-missing"
    wrong = run("captures", "add", file, "--name", "y", "--quirk", "tool-index-mising")
    assert wrong.exit_code == 2
    assert "tool-index-missing" in wrong.output


def test_a_har_becomes_a_case(tmp_path: Path) -> None:
    file = tmp_path / "x.har"
    entry = har_entry("https://api.example.com/v1/chat/completions", authorization=f"Bearer {SECRET}")
    file.write_text(har(har_entry("https://www.example.com/"), entry), "utf-8")
    result = run("captures", "add", f"{file}:2", "--name", "from-har")
    assert result.exit_code == 0, result.exception
    case = read_case(Path("captures/chat/from-har"))
    assert case.capture.attempts[0].response is not None
    assert case.capture.attempts[0].response.body.data == STREAM
    assert "Firefox 146" in case.origin
    assert SECRET not in repr(case)


def test_cases_are_listed_by_their_names(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1, client=None, model=None), exchange(2)])
    run("captures", "add", file, "--name", "x", "--all")
    for width in ("60", "150"):
        lines = run("captures", "list", "captures", COLUMNS=width).output.splitlines()
        assert lines[0] == "captures/chat"
        assert [line for line in lines if "x-01" in line and "opencode" in line and "kimi-k2" in line]
    assert run("captures", "show", "captures/chat/x-02").exit_code == 0


# -- scrub


def test_check_names_the_place_and_never_the_value(tmp_path: Path) -> None:
    stranger = plain_flow("https://www.example.com/", authorization=f"Bearer {SECRET}")
    file = write(tmp_path / "a.flows", [exchange(1), with_key(exchange(2), SECRET), stranger])
    result = run("captures", "scrub", "--check", file)
    assert result.exit_code == 1
    assert f"{file}:2: " in result.stdout
    assert f"{file}:1: " not in result.stdout
    assert "1 other request was no LLM call, and not looked at" in result.stderr
    assert SECRET not in result.output
    assert SECRET[-20:] not in result.output


def test_check_is_content_with_what_was_scrubbed(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [with_key(exchange(1), SECRET)])
    result = run("captures", "scrub", file)
    assert result.exit_code == 0, result.exception
    made = tmp_path / "a.scrubbed.flows"
    assert f"{made}: written; 1 capture changed" in result.output
    assert made.stat().st_mode & 0o777 == 0o600
    assert SECRET.encode() not in made.read_bytes()
    assert run("captures", "scrub", "--check", made).exit_code == 0
    assert run("captures", "scrub", "--check", file).exit_code == 1
    assert [found.capture is not None for found in read_flows(made)] == [True]


def test_a_case_is_scrubbed_where_it_lies(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    run("captures", "add", file, "--name", "x", "--title", "Mine", "--quirk", "tool-index-missing")
    folder = Path("captures/chat/x")
    assert run("captures", "scrub", "captures").output == f"{folder}: nothing to do\n"
    head = folder / "client.request"
    head.write_bytes(head.read_bytes() + f"X-Api-Key: {SECRET}\n".encode())
    assert run("captures", "scrub", "--check", "captures").exit_code == 1
    assert run("captures", "scrub", "captures").output == f"{folder}: scrubbed\n"
    case = read_case(folder)
    assert (case.title, case.about["quirk"]) == ("Mine", "tool-index-missing")
    assert SECRET.encode() not in head.read_bytes()
    assert run("captures", "scrub", "--check", "captures").exit_code == 0


def test_check_looks_at_what_people_wrote_into_a_case(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flows", [exchange(1)])
    assert run("captures", "add", file, "--name", "x").exit_code == 0
    assert run("captures", "scrub", "--check", "captures").exit_code == 0
    Path("captures/chat/x/rules.yaml").write_text(f"# {SECRET}\n", "utf-8")
    result = run("captures", "scrub", "--check", "captures")
    assert result.exit_code == 1
    assert result.stdout == "captures/chat/x: rules.yaml: what people wrote (…)\n"


def test_a_persons_folder_is_told_of_and_stops_nothing(tmp_path: Path) -> None:
    body = ASKED.replace(b"hello", b"/home/someoneelse/notes")
    file = write(tmp_path / "a.flows", [replace(exchange(1), request=replace(exchange(1).request, body=body))])
    result = run("captures", "add", file, "--name", "x")
    assert result.exit_code == 0, result.exception
    assert "a person's folder" in " ".join(result.output.split())
    check = run("captures", "scrub", "--check", "captures")
    assert check.exit_code == 1
    assert "home folder" in check.stdout


# -- import


def test_what_others_recorded_becomes_a_capture_file(home: Path, tmp_path: Path) -> None:
    url = "https://api.example.com/v1/chat/completions"
    flows: list[Capture | http.HTTPFlow] = [
        plain_flow("https://www.example.com/"),
        plain_flow(url, ASKED, STREAM, authorization=f"Bearer {SECRET}", user_agent="codex_exec/0.169.0"),
    ]
    recorded = write(tmp_path / "theirs.mitm", flows)
    page = tmp_path / "x.har"
    page.write_text(har(har_entry(url), har_entry("https://www.example.com/")), "utf-8")
    result = run("captures", "import", recorded, page)
    assert result.exit_code == 0, result.exception
    target = own(home) / "imported-theirs.flows"
    assert result.output.strip() == f"{target}: 2 LLM calls; 2 other requests were left out"
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.parent.stat().st_mode & 0o777 == 0o700
    assert SECRET.encode() not in target.read_bytes()
    found = [one.capture for one in read_flows(target)]
    assert [one.client for one in found if one] == ["codex", None]
    assert [one.model for one in found if one] == ["kimi-k2", "kimi-k2"]
    again = run("captures", "import", recorded)
    assert again.exit_code == 1
    assert "--force" in str(again.exception)


def test_a_file_without_llm_calls_gives_no_file(tmp_path: Path) -> None:
    recorded = write(tmp_path / "theirs.mitm", [plain_flow("https://www.example.com/")])
    result = run("captures", "import", recorded, "--to", tmp_path / "out.flows")
    assert result.exit_code == 1
    assert "1 other request was left out" in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["theirs.mitm"]


def test_texts_that_are_no_utf8_survive_an_import_and_a_scrub(tmp_path: Path) -> None:
    base = exchange(1, model="x\ud800", client="\udcff\x1b[2J")
    head = replace(base.request, headers=Headers((("user-agent", "\udcff"),)), target="/v1/chat/completions?\udcff")
    capture = replace(base, request=head)
    write_flows(tmp_path / "a.flows", [capture], force=False)
    assert run("captures", "import", tmp_path / "a.flows", "--to", tmp_path / "b.flows").exit_code == 0
    assert [found.capture for found in read_flows(tmp_path / "b.flows")] == [capture]
    for verb in (("list",), ("list", "--json"), ("show",)):
        result = run("captures", *verb, tmp_path / "b.flows")
        assert result.exit_code == 0, result.exception
        assert "\x1b" not in result.output


def test_a_command_line_tells_an_error_in_a_line(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from wiremend.cli import main; main()", "captures", "show", "none.flows:1"]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == "wiremend: none.flows: there is no such file, nor a capture of this id\n"


# -- at a glance


@pytest.mark.parametrize(
    ("microseconds", "text"),
    (
        (0, "0 µs"),
        (999, "999 µs"),
        (1000, "1.0 ms"),
        (9_940, "9.9 ms"),
        (312_000, "312 ms"),
        (1_234_000, "1.2 s"),
        (61_000_000, "1 min 01 s"),
        (3_600_000_000, "60 min 00 s"),
    ),
)
def test_lengths_of_time_read_as_people_say_them(microseconds: int, text: str) -> None:
    assert span(microseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    ((0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345, "12 kB"), (999_499, "999 kB"), (999_600, "1.0 MB")),
)
def test_sizes_read_as_people_say_them(count: int, text: str) -> None:
    assert size(count) == text


def test_an_event_has_the_time_of_the_chunk_that_ended_it() -> None:
    answer = exchange(1).answer
    assert answer is not None
    assert [(at, event.raw) for at, event in timed_events(answer)] == [
        (350_000, FIRST),
        (1_200_000, STREAM[len(FIRST) : -len(b"data: [DONE]\n\n")]),
        (1_200_400, b"data: [DONE]\n\n"),
    ]


def test_a_coded_stream_keeps_the_times_of_its_chunks() -> None:
    import zlib  # noqa: PLC0415 - here alone

    packer = zlib.compressobj(wbits=31)
    chunks = [packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in (b"data: 1\n\n", b"data: 2\n\n")]
    response = Response(200, "", Headers((("content-encoding", "gzip"),)), Body.of(chunks, (10, 20)))
    assert [(at, event.data) for at, event in timed_events(response)] == [(10, b"1"), (20, b"2")]


def test_the_pace_names_the_longest_gap_and_the_median() -> None:
    body = Body.of([b"x"] * 4, (1000, 2000, 12_000, 12_500))
    assert pace(body) == (
        "first byte after 1.0 ms, the last after 12 ms, 4 chunks,"
        " between them 1.0 ms (median), 10 ms at most (before chunk 3)"
    )
    assert pace(Body(b"x")) == "no times were recorded"


def test_a_refusal_of_ours_is_a_failure_and_an_unknown_reply_of_others_is_read(tmp_path: Path) -> None:
    refused: Capture = exchange(1, answer=None, attempts=(), notes=(Note("refused", "url", "no-route", "refused"),))
    row = row_of(Picked(tmp_path, 1, refused))
    assert (row.is_failed, row.failed, row.status, row.total) == (True, ("no-route",), None, None)
    foreign = exchange(2, answer=None, versions={})
    assert row_of(Picked(tmp_path, 1, foreign)).input_tokens == 1200


@pytest.mark.parametrize("said", (None, "captures/** -text -diff\n", "*.py text\n"))
def test_git_leaves_the_bytes_of_cases_alone(said: str | None, tmp_path: Path) -> None:
    Path(".git").mkdir()
    if said is not None:
        Path(".gitattributes").write_text(said, "utf-8")
    file = write(tmp_path / "a.flows", [exchange(1)])
    assert run("captures", "add", file, "--name", "x").exit_code == 0
    there = Path("captures/.gitattributes")
    assert there.exists() is (said is None or "-text" not in said)
    if there.exists():
        assert there.read_text("utf-8") == "** -text -ident -filter -whitespace\n"
    assert read_case(Path("captures/chat/x")).capture.request.body == ASKED
    assert run("captures", "list", "captures").exit_code == 0
