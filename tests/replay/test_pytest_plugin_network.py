"""The pytest plugin and the network: none for a case, this machine alone for a marked test, a provider of captures."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from tests.replay.kit import RULES, captured, chunk, recorded
from tests.replay.pytest_kit import Repo, repository
from wiremend.replay import pytest_items
from wiremend.replay.pytest_offline import OfflineError, is_loopback, offline
from wiremend.replay.run import replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.captures.capture import Capture
    from wiremend.replay.rules import Today
    from wiremend.replay.run import Cuts, Replayed

pytest_plugins = ("pytester",)

ELSEWHERE: Final = "203.0.113.7"  # TEST-NET-3 of RFC 5737: belongs to nobody
NAME: Final = "api.example.com"  # reserved by RFC 2606


def _connect(host: str) -> None:
    with socket.socket() as client:
        client.connect((host, 443))


def _send(host: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (host, 53))


def _sendmsg(host: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendmsg([b"x"], [], 0, (host, 53))


def _gethostbyname(host: str) -> None:
    socket.gethostbyname(host)


def _unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def _connect_ex(host: str) -> None:
    with socket.socket() as client:
        client.connect_ex((host, 443))


WAYS: Final[tuple[tuple[str, Callable[[str], object], str], ...]] = (
    ("connect", _connect, ELSEWHERE),
    ("connect_ex", _connect_ex, ELSEWHERE),
    ("sendto", _send, ELSEWHERE),
    ("sendmsg", _sendmsg, ELSEWHERE),
    ("getaddrinfo", lambda host: socket.getaddrinfo(host, 443), NAME),
    ("gethostbyname", _gethostbyname, NAME),
    ("create_connection", lambda host: socket.create_connection((host, 443)), NAME),
)


@pytest.mark.parametrize(("way", "host"), [pytest.param(way, host, id=name) for name, way, host in WAYS])
@pytest.mark.parametrize("loopback", (False, True))
def test_whatever_is_elsewhere_is_refused_by_name(
    way: Callable[[str], object],
    host: str,
    loopback: bool,  # noqa: FBT001 - a column of the table
) -> None:
    with (
        pytest.raises(OfflineError, match=rf"^captures/chat/x tried to reach .*{host}.*; it runs offline$"),
        offline("captures/chat/x", loopback=loopback),
    ):
        way(host)


def test_a_case_reaches_not_even_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        for reach in (
            lambda: socket.create_connection(address),
            lambda: socket.getaddrinfo("localhost", 80),
            lambda: _unix("/nowhere.sock"),
        ):
            with pytest.raises(OfflineError), offline("x"):
                reach()
        with offline("x", loopback=True), socket.create_connection(address) as client:
            client.sendall(b"x")
        with pytest.raises(FileNotFoundError), offline("x", loopback=True):
            _unix("/nowhere.sock")


def test_all_is_as_it_was_afterwards() -> None:
    names = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
    before = dict(vars(socket.socket)), [getattr(socket, name) for name in names]
    with pytest.raises(ZeroDivisionError), offline("x"):
        raise ZeroDivisionError
    assert (dict(vars(socket.socket)), [getattr(socket, name) for name in names]) == before


def test_a_refusal_that_is_swallowed_fails_all_the_same() -> None:
    with pytest.raises(pytest.fail.Exception, match=f"{NAME}"), offline("x"), contextlib.suppress(OSError):
        socket.getaddrinfo(NAME, 443)


@pytest.mark.parametrize(
    ("host", "expected"),
    (
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("LOCALHOST.", True),
        (b"localhost", True),
        (None, True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        (7, False),
    ),
)
def test_only_this_machine_is_loopback(host: object, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_loopback(host) is expected


@pytest.mark.parametrize("swallowed", (False, True))
def test_a_case_that_reaches_out_fails_with_its_name_and_the_address(
    swallowed: bool,  # noqa: FBT001 - a column of the table
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reaching(capture: Capture, today: Today, cuts: Cuts, seed: int) -> Replayed:
        with contextlib.suppress(*([OSError] if swallowed else [])):
            socket.create_connection((ELSEWHERE, 443))
        return replay(capture, today, cuts, seed)

    repo = repository(pytester, "chat/hello")
    monkeypatch.setattr(pytest_items, "replay", reaching)
    repo.put("test_mine.py", LOOPBACK)
    ran = repo.pytest()
    assert ran.outcomes == {"failed": 1, "passed": 1}, ran.text
    assert re.search(rf"captures/chat/hello tried to reach .*{ELSEWHERE}", ran.text)


LOOPBACK = """\
import socket

def test_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
"""

MARKED = f"""\
import contextlib, socket, pytest

@pytest.mark.wiremend_offline
def test_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()

@pytest.mark.wiremend_offline
def test_elsewhere():
    with contextlib.suppress(OSError):
        socket.getaddrinfo("{NAME}", 443)
"""


def test_a_marked_test_reaches_this_machine_only(pytester: pytest.Pytester) -> None:
    repo = Repo(pytester)
    repo.put("test_mine.py", MARKED)
    ran = repo.pytest("--strict-markers")
    assert ran.outcomes == {"failed": 1, "passed": 1}, ran.text
    assert f"test_mine.py::test_elsewhere tried to reach the name {NAME}" in ran.text


# -- the playing upstream

AGENT = """\
import contextlib, http.client, json

def ask(url, body):
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {{"content-type": "application/json"}})
        reply = connection.getresponse()
        return reply.status, reply.read()

def test_agent(wiremend_upstream):
    up = wiremend_upstream({arguments})
    for word in {words}:
        body = {{"model": "lab-1", "stream": True, "messages": [{{"role": "user", "content": word}}]}}
        print(*ask(up.url, body), sep="\\n")
"""


def asked(word: str) -> Capture:
    """Give a capture of a turn in which a user said a word, and got it back."""
    body = {"model": "lab-1", "stream": True, "messages": [{"role": "user", "content": word}]}
    stream = (chunk("", role="assistant"), chunk(f"you said {word}"), chunk(finish="stop"), b"data: [DONE]\n\n")
    return recorded(captured(body, stream))


def agent(pytester: pytest.Pytester, words: tuple[str, ...], arguments: str) -> Repo:
    """Make a repository with two turns, and an agent that says some words."""
    repo = repository(pytester)
    repo.case("chat/turn-1", asked("one"))
    repo.case("chat/turn-2", asked("two"))
    repo.put("test_agent.py", AGENT.format(words=words, arguments=arguments))
    return repo


PLAYED: Final = "'captures/chat/turn-*', side='client', timing='fast'"


def test_an_agent_gets_what_was_captured(pytester: pytest.Pytester) -> None:
    ran = agent(pytester, ("two", "one"), PLAYED).pytest("test_agent.py", "-rP", "-W", "error")
    assert ran.outcomes == {"passed": 1}, ran.text
    told = ran.text
    assert told.index("you said two") < told.index("you said one")


def test_a_miss_fails_the_test_with_the_nearest_capture(pytester: pytest.Pytester) -> None:
    ran = agent(pytester, ("one", "three"), "'captures/chat', side='client'").pytest("test_agent.py")
    assert ran.outcomes == {"passed": 1, "error": 1}, ran.text
    assert re.search(r"no capture is like it; nearest is captures/chat/turn-2, of which 1 leaf differs", ran.text)
    assert re.search(r"/messages/0/content: .*two.* → .*three", ran.text)
    assert "Traceback" not in ran.text


def test_a_capture_that_nobody_asks_for_is_a_warning(pytester: pytest.Pytester) -> None:
    repo = agent(pytester, ("one",), PLAYED)
    ran = repo.pytest("test_agent.py")
    assert ran.outcomes == {"passed": 1, "warning": 1}, ran.text
    assert re.search(r"test_agent\.py:\d+: UnusedCaptureWarning: never asked for: captures/chat/turn-2", ran.text)
    name = "wiremend.replay.pytest_plugin.UnusedCaptureWarning"
    assert repo.pytest("test_agent.py", "-W", f"error::{name}").outcomes == {"passed": 1, "error": 1}


def test_places_that_the_rules_ignore_do_not_count(pytester: pytest.Pytester) -> None:
    repo = agent(pytester, ("three",), "'captures/chat/turn-1', side='client'")
    repo.put("rules.yaml", f"{RULES}replay: {{ignore: [/messages/*/content]}}\n")
    assert repo.pytest("test_agent.py").outcomes == {"passed": 1}
    repo.put("rules.yaml", RULES)
    repo.put("test_agent.py", AGENT.format(words=("three",), arguments=f"{PLAYED}, ignore=['/messages/0/content']"))
    assert repo.pytest("test_agent.py").outcomes["passed"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        ("'captures/nothing-*'", "there is no case at captures/nothing-*"),
        ("'captures/chat/turn-1', 'test_agent.py'", "test_agent.py"),
        ("'captures/chat/broken'", "captures/chat/broken/client.request"),
        ("'captures/chat/turn-1', ignore=['no pointer']", "no pointer"),
        ("'captures/chat/alone'", "captures/chat/alone: nothing was sent upstream"),
    ),
)
def test_what_cannot_be_played_fails_the_test(arguments: str, said: str, pytester: pytest.Pytester) -> None:
    repo = agent(pytester, (), arguments)
    repo.put("captures/chat/broken/case.yaml", "format: 1\nfoo: 2\n")
    repo.case("chat/alone", replace(captured(), attempts=()))
    ran = repo.pytest("test_agent.py")
    assert ran.outcomes == {"failed": 1}, ran.text
    assert said in ran.text
    assert "During handling" not in ran.text


def test_broken_rules_fail_the_test_with_line_and_column(pytester: pytest.Pytester) -> None:
    repo = agent(pytester, (), PLAYED)
    repo.put("rules.yaml", "routes: 7\n")
    ran = repo.pytest("test_agent.py")
    assert ran.outcomes == {"failed": 1}, ran.text
    assert re.search(r"^rules\.yaml:1:\d+: ", ran.text, re.MULTILINE), ran.text
