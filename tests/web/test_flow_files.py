"""Flow files that Wiremend wrote, opened with ``mitmweb -n -r FILE``: the same views, and no secret at all.

Here the client's side is shown, and the other is in the file, so a stream that was cut has its reply as well.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.web_kit import Web
from tests.web.mitmweb import MitmWeb
from tests.web.scene import ASKED, BEFORE, SAID, VAULT
from wiremend.mitm.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.browser import Browser
    from tests.web.scene import Scene

pytestmark = [pytest.mark.web, pytest.mark.timeout(600)]  # the first test may have to fetch the browser

VIEWS = ("LLM conversation", "LLM events", "LLM diff")


@pytest.fixture(scope="module")
def web(stage: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    stage.web.wait_captures(len(stage.calls))
    (file,) = Shelf(stage.web.captures).files()
    kept = tmp_path_factory.mktemp("recorded") / file.name
    shutil.copy(file, kept)
    with Web("{}", args=["-n", "-r", str(kept)]) as started:
        started.flow(lambda one: one["id"] == stage.calls["cut"].flow)  # the last of them
        yield started


@pytest.fixture
def mitmweb(web: Web, browser: Browser, shots: Path) -> Iterator[MitmWeb]:
    with browser.page(shots) as page:
        yield MitmWeb(web, page)


def test_the_list_shows_the_calls(mitmweb: MitmWeb, stage: Scene) -> None:
    mitmweb.open()
    rows = mitmweb.rows(len(stage.calls))[: len(stage.calls)]
    mitmweb.page.shot("file-list")
    asked = ["claude-windy", "gpt-c", "gpt-r", "nobodys", "cut-short"]
    assert all(f"{model} → " in row.comment for model, row in zip(asked, rows, strict=True))


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_the_views_show_both_sides(wire: str, mitmweb: MitmWeb, stage: Scene) -> None:
    call = stage.calls[wire]
    mitmweb.open(call.flow, "request")
    assert ASKED in mitmweb.shown(ASKED)
    assert mitmweb.view() == "LLM conversation"
    assert f"/{wire}/v1/" in mitmweb.choose("LLM diff", "what left for the provider")
    mitmweb.open(call.flow, "response")
    assert "→ get_weather" in mitmweb.shown(SAID)
    assert mitmweb.view() == "LLM conversation"
    events = mitmweb.choose("LLM events", "✗")
    mitmweb.page.shot(f"file-{wire}-events")
    assert f"{call.sent} events in {call.sent} chunks from the provider" in events
    assert f"{call.given} events" in events
    assert "+ what the client got" in mitmweb.choose("LLM diff", "what the provider sent")


def test_a_cut_stream_has_its_reply(mitmweb: MitmWeb, stage: Scene) -> None:
    mitmweb.open(stage.calls["cut"].flow, "response")
    said = mitmweb.shown(BEFORE)
    mitmweb.page.shot("file-cut-conversation")
    assert "error" in said
    events = mitmweb.choose("LLM events", "from the provider")
    mitmweb.page.shot("file-cut-events")
    assert "+ error" in events  # the client's stream ends with the wire's own error, which the provider never sent


def test_no_secret_is_shown(web: Web, stage: Scene) -> None:
    told = [web.ask("GET", path) for path in ("/flows", "/events", "/options", "/state")]
    for call in stage.calls.values():
        for part in ("request", "response"):
            told += [
                web.ask("GET", f"/flows/{call.flow}/{part}/content/{view.replace(' ', '%20')}.json") for view in VIEWS
            ]
            told.append(web.text(call.flow, part))
        told += [web.run("wiremend.explain", f"@{call.flow}"), web.run("wiremend.diff", f"@{call.flow}")]
    everything = json.dumps(told, ensure_ascii=False)
    assert ASKED in everything
    assert not VAULT.told(everything.encode())
