"""The commands in mitmproxy's own test context: what they say, what they refuse, and that nothing gets out of them."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.addons.view import View
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.test import tflow

from tests.lab import Answer
from tests.lab.replies import chat_events
from tests.mitm.capture_kit import KEY, Stage, stage
from tests.mitm.test_listing import FILTERS
from wiremend.mitm.command_again import flow_of
from wiremend.mitm.command_errand import Errands
from wiremend.mitm.command_keys import CONTEXTS, KEYS
from wiremend.mitm.commands import Commands
from wiremend.mitm.flows import flow_of as flow_of_capture
from wiremend.mitm.gateway import NOWHERE
from wiremend.mitm.layer import WireLayer, adopt
from wiremend.mitm.originals import EACH, Originals
from wiremend.replay.run import sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mitmproxy.http import HTTPFlow

    from wiremend.pipeline.outcome import ClientRequest

RULES = (
    "providers:\n"
    "  lab: {base_url: 'http://127.0.0.1:9/v1', speaks: [chat], headers: {x-lab: secretive}, key: client}\n"
    "  other: {base_url: 'http://127.0.0.1:8/v1', speaks: [chat], key: client}\n"
    "aliases: {little: lab/small}\n"
    "default: lab\n"
)
PAGE = (Path(__file__).parents[2] / "docs" / "mitmproxy.md").read_text("utf-8")
URL = "https://api.openai.com/v1/chat/completions"
EVENTS = chat_events(Answer("one two", model="m"))
BROKEN = [EVENTS[0].replace(b'"role"', b'"rule"'), *EVENTS[1:]]


class Room:
    """A stage with the commands and a list of flows."""

    def __init__(self, made: Stage) -> None:
        """Load them."""
        self.stage = made
        self.commands = Commands(made.house, made.reply)
        self.view = View()
        made.context.master.addons.add(self.view, self.commands)

    def call(self, model: str = "little", events: list[bytes] | None = None) -> HTTPFlow:
        """Let a call run to its end."""
        one = self.begin(model)
        self.stage.stream(one, EVENTS if events is None else events)
        self.stage.end(one)
        self.commands.response(one)
        one.live = False
        return one

    def begin(self, model: str = "little") -> HTTPFlow:
        """Let a call begin."""
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        one = self.stage.ask(json.dumps(body).encode(), {"authorization": f"Bearer {KEY}"}, URL)
        self.view.add([one])
        return one

    def run(self, line: str) -> object:
        """Run a command as its line is typed; mitmproxy's own lexer warns of its parser's age."""
        name, *arguments = line.split()
        return self.stage.context.master.commands.call_strings(name, arguments)

    def lines(self, line: str) -> list[str]:
        """Run a command that gives lines."""
        found = self.run(line)
        assert isinstance(found, list)
        assert all(isinstance(one, str) for one in found)
        assert KEY not in "\n".join(found)
        return found

    def refused(self, line: str) -> str:
        """Run a command that gives a message of what is wrong."""
        with pytest.raises(exceptions.CommandError) as raised:
            self.run(line)
        return str(raised.value)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with stage(tmp_path, RULES) as made:
        yield Room(made)


# -- texts


def test_explain_says_what_became_of_a_call(room: Room) -> None:
    one = room.call(events=BROKEN)
    said = "\n".join(room.lines(f"wiremend.explain @{one.id}"))
    assert "little" in said
    assert "lab/small" in said
    assert "http://127.0.0.1:9/v1/chat/completions" in said
    assert "role" in said.partition("noted while it ran")[2]


def test_explain_goes_by_the_rules_that_it_ran_with(room: Room, tmp_path: Path) -> None:
    one = room.call()
    other = tmp_path / "other.yaml"
    other.write_text(RULES.replace("lab/small", "other/large"), "utf-8")
    room.stage.context.configure(room.stage.house, wiremend_rules=str(other))
    lines = room.lines(f"wiremend.explain @{one.id}")
    assert "they were changed since" in lines[0]
    assert "lab/small" in "\n".join(lines)
    assert "other/large" not in "\n".join(lines)


def test_explain_of_a_flow_out_of_a_file_goes_by_the_rules_in_force(room: Room) -> None:
    room.call()
    (capture,) = room.stage.captures()
    loaded = flow_of_capture(capture)
    loaded.id = "0" * 36
    room.view.add([loaded])
    assert "lab/small" in "\n".join(room.lines(f"wiremend.explain @{loaded.id}"))


def test_diff_of_one_flow_shows_both_sides(room: Room) -> None:
    one = room.call(events=BROKEN)
    said = "\n".join(room.lines(f"wiremend.diff @{one.id}"))
    request, _, reply = said.partition("- what the provider sent")
    assert '"little"' in request
    assert '"small"' in request
    assert "/choices/0/delta/role" in reply


def test_diff_of_two_flows_shows_what_is_not_the_same(room: Room) -> None:
    one, other = room.call(), room.call("third")
    lines = room.lines(f"wiremend.diff @{one.id},{other.id}")
    assert lines[0] == f"- flow {one.id[:8]}  to lab/small"
    assert lines[1] == f"+ flow {other.id[:8]}  to lab/third"
    sent, _, left = "\n".join(lines).partition("what left for the provider")
    assert '"little"' in sent
    assert '"third"' in sent
    assert '"small"' in left.partition("what the client got")[0]
    assert lines[-1] == "nothing differs"


def test_diff_of_a_call_under_way_shows_what_is_there(room: Room) -> None:
    one = room.begin()
    one.live = True
    lines = room.lines(f"wiremend.diff @{one.id}")
    assert any('"small"' in line for line in lines)
    assert lines[-1] == "no reply: the provider has none yet"


def test_diff_of_three_is_refused(room: Room) -> None:
    room.call(), room.call(), room.call()
    assert "one flow or two, please; these are 3" in room.refused("wiremend.diff @all")


# -- what is refused, and how


@pytest.mark.parametrize(
    ("line", "said"),
    (
        ("wiremend.resend @{id}", "replay.client"),
        ("wiremend.try lab/m @{id}", "replay.client"),
        ("wiremend.case.add @{id} name", "this is no LLM call"),
        ("wiremend.bundle @{id} /tmp/x.zip", "this is no LLM call"),
    ),
)
def test_a_flow_that_is_no_llm_call_is_refused(room: Room, line: str, said: str) -> None:
    one = tflow.tflow(resp=True)
    one.live = False
    room.view.add([one])
    assert said in room.refused(line.format(id=one.id))


@pytest.mark.parametrize("line", ("explain", "diff", "resend", "case.add {} name", "bundle {} /tmp/x.zip"))
def test_a_flow_that_is_no_http_is_refused(room: Room, line: str) -> None:
    one = tflow.ttcpflow()
    room.view.add([one])
    line = line if "{}" in line else f"{line} {{}}"
    assert room.refused("wiremend." + line.format(f"@{one.id}")) == "this is no HTTP flow"


@pytest.mark.parametrize("command", ("case.add @{id} name", "bundle @{id} /tmp/x.zip"))
def test_a_call_under_way_is_not_kept(room: Room, command: str) -> None:
    one = room.begin()
    one.live = True
    assert room.refused("wiremend." + command.format(id=one.id)) == "this flow is still under way"


def test_a_call_that_is_not_at_hand_any_more_is_not_sent_as_it_left(room: Room) -> None:
    one = room.call()
    room.stage.house.originals.forget(one.id)
    assert f"captures show {one.id[:8]}" in room.refused(f"wiremend.resend @{one.id}")


def test_try_wants_a_provider_that_is_there(room: Room) -> None:
    one = room.call()
    said = room.refused(f"wiremend.try labb/m @{one.id}")
    assert "no provider 'labb'" in said
    assert "lab" in said.replace("labb", "")


def test_try_without_a_flow_and_without_a_focus_is_refused(room: Room) -> None:
    assert room.refused("wiremend.try lab/m") == "no flow is in focus; name one"


def mitmweb(room: Room) -> None:
    """Give the options what mitmweb alone has."""
    room.stage.context.options.add_option("web_port", int, 8081, "")


def test_in_mitmweb_try_wants_a_flow_because_nobody_knows_the_focus(room: Room) -> None:
    room.call()
    room.view.focus.index = 0
    mitmweb(room)
    assert "name one: @ID" in room.refused("wiremend.try lab/m")


@pytest.mark.parametrize(("web", "level"), ((False, "ALERT"), (True, "INFO")))
def test_what_is_told_has_the_level_that_is_shown(
    room: Room,
    caplog: pytest.LogCaptureFixture,
    web: bool,  # noqa: FBT001 - a parameter of the test
    level: str,
) -> None:
    if web:
        mitmweb(room)
    caplog.set_level(logging.DEBUG, "wiremend")
    one = room.call()
    room.lines(f"wiremend.diff @{one.id}")
    path = room.stage.folder.parent / "others.yaml"
    path.write_text(RULES, "utf-8")
    room.stage.context.configure(room.stage.house, wiremend_rules=str(path))
    told = {(record.levelname, record.getMessage().split(" ")[0]) for record in caplog.records}
    assert {(level, "flow"), (level, "rules:")} <= told
    line = next(
        record for record in caplog.records if '"asked"' in record.getMessage() or "little" in record.getMessage()
    )
    assert line.levelname == level, "that of the call"


@pytest.mark.parametrize("quote", ("'", '"'))
def test_quotes_around_an_argument_are_no_part_of_it(room: Room, monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    """The command bar of mitmweb leaves them in their place."""
    run: list[list[str]] = []
    monkeypatch.setenv("HOME", "/home/of-a-test")
    monkeypatch.setattr(room.commands.errands, "run", lambda *given: run.append([*given[3], given[4]]))
    one = room.call()
    room.run(f"wiremend.case.add @{one.id} {quote}named{quote} {quote}/home/cases/{quote}")
    room.run(f"wiremend.bundle @{one.id} {quote}~/x.zip{quote}")
    assert run == [
        ["--name", "named", "--to", "/home/cases/", "kept as the case named"],
        ["-o", "/home/of-a-test/x.zip", "written to /home/of-a-test/x.zip"],
    ]


@pytest.mark.parametrize("path", ("'/home/a", "/home/a'", "'/home/a\"", "''x''"))
def test_quotes_that_do_not_fit_are_refused(room: Room, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(room.commands.errands, "run", lambda *_: pytest.fail("it ran"))
    one = room.call()
    for line in (f"case.add @{one.id} name {path}", f"bundle @{one.id} {path}"):
        assert "quotes" in room.refused(f"wiremend.{line}")
    assert room.refused(f"wiremend.bundle @{one.id} ''") == "the path is empty"


@pytest.mark.parametrize("columns", (60, 80, 200))
def test_lines_fit_into_the_consoles_window(room: Room, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """It takes four fifths of the terminal, its frame included; long lines are cut by it without a mark."""
    screen = SimpleNamespace(get_cols_rows=lambda: (columns, 24))
    monkeypatch.setattr(room.stage.context.master, "ui", screen, raising=False)
    one = room.call(model="little", events=BROKEN)
    for command in ("diff", "explain"):
        assert max(map(len, room.lines(f"wiremend.{command} @{one.id}"))) <= columns * 4 / 5 - 2, command


def test_nothing_is_sent_where_wiremend_is_off(room: Room) -> None:
    one = room.call()
    room.stage.context.options.wiremend_enabled = False
    assert "switched off" in room.refused(f"wiremend.resend @{one.id}")


def test_a_bug_is_a_message_without_the_words_of_a_body(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    one = room.call()

    def broken(flow: object) -> None:
        raise RuntimeError(f"the body says {KEY} {flow}")

    monkeypatch.setattr(room.stage.house.originals, "of", broken)
    for line in ("explain", "diff"):
        assert room.refused(f"wiremend.{line} @{one.id}") == "Wiremend failed in this command (RuntimeError)"


# -- what clients sent, at hand


def request(size: int) -> ClientRequest:
    one = tflow.tflow()
    one.request.content = b"x" * size
    return sent(Originals().of(one))


def test_what_is_at_hand_is_bounded_and_the_newest_stays() -> None:
    kept = Originals(limit=3 * EACH)
    for name in ("a", "b", "c", "d"):
        kept.begins(name, request(10))
        kept.ends(name)
    assert [name for name in "abcd" if kept.get(name) is not None] == ["c", "d"]


def test_what_runs_does_not_count_and_is_not_let_go() -> None:
    kept = Originals(limit=2 * EACH)
    kept.begins("long", request(100 * EACH))
    for name in "abcdef":
        kept.begins(name, request(10))
        kept.ends(name)
    assert kept.get("long") is not None
    kept.ends("long")
    assert kept.get("long") is None, "more than there is room for"


def test_a_flow_that_begins_again_counts_once() -> None:
    kept = Originals(limit=3 * EACH)
    for _ in range(10):
        kept.begins("a", request(10))
        kept.ends("a")
        kept.ends("a")
    kept.begins("b", request(10))
    kept.ends("b")
    assert kept.get("a") is not None
    assert kept.get("b") is not None


def test_where_nobody_looks_nothing_stays(tmp_path: Path) -> None:
    with stage(tmp_path, RULES) as made:
        commands = Commands(made.house, made.reply)
        commands.running()
        one = made.ask(b'{"model":"little","messages":[]}', {"authorization": f"Bearer {KEY}"}, URL)
        assert made.house.originals.get(one.id) is not None, "while it runs"
        commands.response(one)
        assert made.house.originals.get(one.id) is None


def test_the_request_at_hand_is_the_one_that_came(room: Room) -> None:
    one = room.call()
    kept = room.stage.house.originals.get(one.id)
    assert kept is not None
    assert json.loads(kept.body)["model"] == "little"
    assert json.loads(one.request.content or b"")["model"] == "small"
    assert kept.host == "api.openai.com"
    capture = room.stage.house.originals.capture(one.id)
    assert capture is not None
    assert capture.request.body == kept.body
    assert capture.attempt is not None
    assert capture.attempt.request.body == one.request.content


def test_without_captures_the_two_sides_of_a_request_are_known_all_the_same(tmp_path: Path) -> None:
    with stage(tmp_path, RULES + "capture: off\n") as made:
        made.context.options.wiremend_capture = ""
        room = Room(made)
        one = room.begin()
        made.reply.responseheaders(one)
        one.response = http.Response.make(200, b"{}")
        assert made.house.originals.capture(one.id) is None
        capture = made.house.originals.of(one)
        assert json.loads(capture.request.body)["model"] == "little"
        assert capture.attempt is not None
        assert json.loads(capture.attempt.request.body)["model"] == "small"
        assert "small" in "\n".join(room.lines(f"wiremend.diff @{one.id}"))


# -- sent again


def test_the_replay_of_mitmproxy_is_as_we_know_it(room: Room) -> None:
    """`wiremend.resend` stands on it: its layer must be one that can be made ours, and `replay` must be awaitable."""
    one = room.call()
    again = flow_of(one, request(1))
    handler = ReplayHandler(again, room.stage.context.options)
    assert type(handler.layer) is HttpLayer
    adopt(handler.layer, room.stage.reply)
    assert isinstance(handler.layer, WireLayer)
    assert inspect.iscoroutinefunction(handler.replay)


def test_a_request_of_the_gateway_goes_nowhere_until_it_is_decided(room: Room) -> None:
    one = room.call()
    kept = room.stage.house.originals.get(one.id)
    assert kept is not None
    made = flow_of(one, kept)
    assert (made.request.host, made.request.port) == ("api.openai.com", 443)
    assert made.is_replay == "request"
    assert made.id != one.id
    assert made.metadata["wiremend"] == {"resent_from": one.id}
    gateway = flow_of(one, type(kept)("gateway", "POST", "http", None, 80, "/v1/messages", kept.headers))
    assert (gateway.request.host, gateway.request.port) == NOWHERE


# -- keys


CONSOLE = """
import json, sys
from types import SimpleNamespace
from mitmproxy import ctx
from mitmproxy.tools.console import keymap
from mitmproxy.tools.console.defaultkeys import map as map_defaults
from wiremend.mitm.command_keys import CONTEXTS, KEYS, bind_keys

def console():
    made = SimpleNamespace()
    made.keymap = keymap.Keymap(made)
    map_defaults(made.keymap)
    return made

def bound(one, *keys):
    found = {(c, k): one.keymap.get(c, k) for c in (*CONTEXTS, "global") for k in keys}
    return [[c, k, b.command] for (c, k), b in found.items() if b is not None]

ours = [key for key, _, _ in KEYS]
plain = console()
taken = bound(plain, *ours, "t", "T")
ctx.master = plain
bind_keys()
changed = console()
changed.keymap.add("meta e", "view.focus.next", ["flowlist"], "mine")
ctx.master = changed
bind_keys()
read = console()
keymap.KeymapConfig(read).load_path(read.keymap, sys.argv[1])
print(json.dumps([taken, bound(plain, *ours), bound(changed, "meta e"), bound(read, "t", "T")]))
"""
"""In a process of its own: what mitmproxy's console imports warns when a test's tools look at it."""

type Bound = list[list[str]]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> list[Bound]:
    (text,) = re.findall(r"^```keys\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path_factory.mktemp("keys") / "keys.yaml"
    path.write_text(text, "utf-8")
    done = subprocess.run([sys.executable, "-c", CONSOLE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Bound] = json.loads(done.stdout)
    return found


def test_our_keys_are_free_in_mitmproxy(console: list[Bound]) -> None:
    taken, bound, _, _ = console
    assert taken == []
    assert sorted(bound) == sorted([context, key, command] for context in CONTEXTS for key, command, _ in KEYS)
    known = {f"wiremend.{name}" for name in ("explain", "diff", "resend", "try", "case.add", "bundle")}
    assert {word for _, line, _ in KEYS for word in line.split() if word.startswith("wiremend.")} == known


def test_a_key_that_is_taken_stays(console: list[Bound]) -> None:
    _, _, changed, _ = console
    assert changed == [["flowlist", "meta e", "view.focus.next"], ["flowview", "meta e", KEYS[0][1]]]


def test_the_keys_of_the_page_can_be_read(console: list[Bound]) -> None:
    *_, read = console
    assert ["flowlist", "t", "wiremend.explain @focus"] in read
    assert ["flowview", "T", "wiremend.resend @focus"] in read


# -- errands


def test_a_raw_capture_is_scrubbed_before_it_is_written(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    one = room.call()
    errands = Errands(room.stage.house)
    seen: list[tuple[list[str], bytes, int]] = []

    async def call(words: list[str]) -> tuple[int, str]:
        await asyncio.sleep(0)
        path = Path(next(word for word in words if word.endswith(".flows")))
        data, mode = path.read_bytes(), path.parent.stat().st_mode  # noqa: ASYNC240 - a small file, and nobody waits
        seen.append((words, data, mode & 0o777))
        return 0, "done"

    async def run() -> None:
        assert room.stage.house.resolved is not None
        errands.run(one, room.stage.house.resolved, ["bundle"], ["-o", "x.zip"], "written")
        await errands.wait()

    monkeypatch.setattr(errands, "_call", call)
    asyncio.run(run())
    ((words, data, mode),) = seen
    assert words[0] == "bundle"
    assert words[2:] == ["-o", "x.zip"]
    assert KEY.encode() not in data
    assert b"little" in data
    assert mode == 0o700
    assert not any(KEY in word for word in words)


# -- the page about it


def test_the_page_names_every_command_and_key(room: Room) -> None:
    names = [name for name in room.stage.context.master.commands.commands if name.startswith("wiremend.")]
    assert len(names) == 6
    assert [name for name in names if f"| `{name} " not in PAGE] == []
    assert set(re.findall(r"`(wiremend\.[a-z.]+)", PAGE)) == set(names)
    rows = re.findall(r"^\| Alt-. \(`([^`]+)`\) \| `([^`]+)` \|$", PAGE, re.MULTILINE)
    assert rows == [(key, command) for key, command, _ in KEYS]


def test_the_filters_of_the_page_are_those_that_are_tried() -> None:
    section = PAGE.partition("\n## Filters")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(~[^`]+)` \|", section, re.MULTILINE)) == set(FILTERS)
