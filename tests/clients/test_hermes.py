"""Hermes with a Kimi key, as its users have it: its ``kimi-coding`` provider, through the proxy and at the gateway.

Hermes 0.19.0 chooses endpoint and wire by itself: ``KIMI_BASE_URL`` wins; else a key that begins with ``sk-kimi-`` goes
to api.kimi.com on the messages wire, any other to api.moonshot.ai on the chat wire. The recipe of
``docs/coming-from.md`` is one command, and the rules are the shipped ones. Both hosts are played on loopback, behind an
office's proxy that knows no other host.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.cli.launching import WIREMEND, clean_environ
from tests.clients.install import InstallError
from tests.clients.install_hermes import PINS, TOO_NEW, WANTED, installed
from tests.clients.running import is_turn
from tests.lab import Answer, Authority, Forwarder, Mitm, Upstream, table
from tests.lab.proxy import ROOT
from tests.lab.scripts import agent_turns, chat_stream, messages_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab import Request, Script

pytestmark = pytest.mark.timeout(900)  # the first test installs it

KIMI: Final = "sk-kimi-FAKE0123456789"
PLATFORM: Final = "sk-FAKE0123456789platform"
ANSWER: Final = "The marker 8231 is written."
BOUND: Final = 90.0
CODING, OPEN = "api.kimi.com", "api.moonshot.ai"
NAMES: Final = {"messages": "claude-code/", "completions": "hermes-agent/"}
"""What Hermes 0.19.0 calls itself: at api.kimi.com, and at any other address."""


@pytest.fixture(scope="module")
def hermes() -> Path:
    """Give Hermes' program; where it cannot be fetched, skip on a desk and fail in CI."""
    if sys.version_info >= TOO_NEW:
        pytest.skip("Hermes 0.19.0 is for Python 3.11 to 3.13")
    try:
        return installed()
    except InstallError as error:
        if error.fetching and not os.environ.get("CI"):
            pytest.skip(f"Hermes cannot be installed here: {error}")
        pytest.fail(str(error))


@dataclass
class Street:
    """The two hosts, and the way out of the house to them."""

    hosts: dict[str, Upstream]
    environ: dict[str, str]

    def plays(self, tool: tuple[str, dict[str, str]]) -> None:
        """Let both hosts ask for a call of the tool, then answer."""
        for upstream in self.hosts.values():
            upstream.forget()
            upstream.script = both_wires(tool)

    def turns(self) -> list[tuple[str, Request]]:
        """Give the host and the request of each turn that was asked for."""
        return [(name, asked) for name, one in self.hosts.items() for asked in one.requests if is_turn(asked)]


def both_wires(tool: tuple[str, dict[str, str]]) -> Script:
    """Play a provider that speaks messages and chat below the paths of both hosts."""
    chat, messages = (agent_turns(stream, tool, Answer(text=ANSWER)) for stream in (chat_stream, messages_stream))
    return table(
        {
            "/coding/v1/messages": messages,
            "/coding/v1/chat/completions": chat,
            "/v1/chat/completions": chat,
        }
    )


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    nothing = both_wires(("", {}))
    with (
        Upstream(nothing, tls=authority.server(CODING)) as coding,
        Upstream(nothing, tls=authority.server(OPEN)) as platform,
        Forwarder({f"{CODING}:443": coding.port, f"{OPEN}:443": platform.port}) as office,
    ):
        yield Street({CODING: coding, OPEN: platform}, {"HTTPS_PROXY": office.url, "SSL_CERT_FILE": str(authority.ca)})


@dataclass(frozen=True)
class Ran:
    """What came of a run: what was printed, and whether the tool ran."""

    said: str
    marker: bool


def run(hermes: Path, street: Street, folder: Path, key: str, model: str, *before: str, **more: str) -> Ran:
    """Run one prompt of Hermes, with its own settings and a clean environment, as a user does.

    ``before`` is what stands before ``hermes`` on the command line.
    """
    home, project = folder / "home", folder / "project"
    project.mkdir()
    marker = project / "marker.txt"
    street.plays(("terminal", {"command": f"echo tool-ran-8231 | tee {marker}"}))
    environ = clean_environ(home, KIMI_API_KEY=key, HERMES_DISABLE_LAZY_INSTALLS="1", **{**street.environ, **more})
    settings = home / ".hermes" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text(f"model: {{provider: kimi-coding, default: {model}}}\n")
    done = subprocess.run(
        [*before, str(hermes), "--yolo", "-z", "Say it."],
        cwd=project,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    assert settings.read_text() == f"model: {{provider: kimi-coding, default: {model}}}\n"
    return Ran(f"{done.stdout}\n--- stderr\n{done.stderr}", marker.is_file())


WAYS: Final[dict[str, tuple[str, str, str, dict[str, str], tuple[str, str]]]] = {
    "a coding key, proxy": ("proxy", KIMI, "kimi-for-coding", {}, (CODING, "/coding/v1/messages")),
    "a coding key, gateway": ("gateway", KIMI, "kimi-for-coding", {}, (CODING, "/coding/v1/chat/completions")),
    "another key, proxy": ("proxy", PLATFORM, "kimi-k2.6", {}, (OPEN, "/v1/chat/completions")),
    "another key, gateway": ("gateway", PLATFORM, "kimi-k2.6", {}, (OPEN, "/v1/chat/completions")),
    "its own KIMI_BASE_URL, proxy": (
        "proxy",
        KIMI,
        "kimi-for-coding",
        {"KIMI_BASE_URL": "https://api.kimi.com/coding/v1"},
        (CODING, "/coding/v1/messages"),
    ),
    "its own KIMI_BASE_URL, gateway": (
        "gateway",
        KIMI,
        "kimi-for-coding",
        {"KIMI_BASE_URL": "https://api.kimi.com/coding"},
        (CODING, "/coding/v1/chat/completions"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_hermes_works_with_a_kimi_key(hermes: Path, street: Street, tmp_path: Path, way: str) -> None:
    via, key, model, more, place = WAYS[way]
    ran = run(hermes, street, tmp_path, key, model, *WIREMEND, "run", "--via", via, "--", **more)
    judge(ran, street, key, model, place)
    for _, asked in street.turns():
        assert (asked.get("user-agent") or "").startswith(NAMES[place[1].rpartition("/")[2]])  # it is Hermes' own


def judge(ran: Ran, street: Street, key: str, model: str, place: tuple[str, str]) -> None:
    """Hold that both turns arrived at one place with the key, and that the tool ran in between."""
    assert ran.marker, ran.said
    assert ANSWER in ran.said
    turns = street.turns()
    assert [(host, asked.path) for host, asked in turns] == [place] * 2, ran.said
    for _, asked in turns:
        assert credential(asked) == key
        body: dict[str, Any] = asked.json()
        assert (body["model"], body["stream"]) == (model, True)
    assert "tool-ran-8231" in json.dumps(turns[1][1].json()["messages"][-1])


PAGE: Final = (ROOT / "docs" / "coming-from.md").read_text("utf-8")
RULES: Final = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
"""The rules that the page gives for a proxy that stays up."""

SPELLINGS: Final = {
    "": "/coding/v1/chat/completions",
    "/v1": "/coding/v1/chat/completions",
    "/coding/v1": "/coding/v1/chat/completions",
    "/anthropic": "/coding/v1/messages",
}


@pytest.fixture(scope="module")
def standing(street: Street) -> Iterator[Mitm]:
    with Mitm(RULES, env=street.environ) as proxy:
        yield proxy


@pytest.mark.parametrize("spelling", SPELLINGS, ids=("bare", "v1", "coding-v1", "anthropic"))
def test_any_spelling_of_a_standing_gateway_will_do(
    hermes: Path, street: Street, standing: Mitm, tmp_path: Path, spelling: str
) -> None:
    more = {"KIMI_BASE_URL": f"{standing.gateway}{spelling}", "NO_PROXY": "127.0.0.1"}
    ran = run(hermes, street, tmp_path, KIMI, "kimi-for-coding", **more)
    judge(ran, street, KIMI, "kimi-for-coding", (CODING, SPELLINGS[spelling]))


def test_a_standing_gateway_goes_by_the_key(hermes: Path, street: Street, standing: Mitm, tmp_path: Path) -> None:
    more = {"KIMI_BASE_URL": f"{standing.gateway}/v1", "NO_PROXY": "127.0.0.1"}
    ran = run(hermes, street, tmp_path, PLATFORM, "kimi-k2.6", **more)
    judge(ran, street, PLATFORM, "kimi-k2.6", (OPEN, "/v1/chat/completions"))


def credential(asked: Request) -> str | None:
    """Give the one credential that a request brought."""
    found = [asked.get("x-api-key"), (asked.get("authorization") or "").removeprefix("Bearer ")]
    (only,) = filter(None, found)
    return only


def test_the_pins_are_of_what_is_wanted_and_name_no_place() -> None:
    text = PINS.read_text("utf-8")
    assert f"{WANTED.partition('[')[0]}{WANTED.partition(']')[2].partition(' ')[0]} " in text
    assert "://" not in text
    assert [line for line in text.splitlines() if not line.startswith("    --hash=sha256:") and "==" not in line] == []
