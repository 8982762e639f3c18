"""WebSockets where preferences choose: what a message will ask is not known when the socket is opened."""

from __future__ import annotations

import pytest

from tests.rules.kit import OPENAI, bearer, request, resolved
from wiremend.pipeline.upgrade import upgrade_refused

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
RULES = """
providers:
  lab: {base_url: 'https://lab.example/v1', key: client, websocket: true}
  other: {base_url: 'https://other.example/v1', key: client, websocket: true}
routes: [{when: {agent: nobody}, to: other}]  # so that nobody gets there by its name
preferences:
  for: FOR
  choices: [{name: one, description: words, models: [MODEL]}]
default: lab/usual
"""


def refused(model: str, which: str) -> str | None:
    asked = request(target="/v1/responses", method="GET", body=b"", headers=UPGRADE | bearer(OPENAI))
    found = upgrade_refused(asked, resolved(RULES.replace("MODEL", model).replace("FOR", which)))
    return None if found is None else found.message


@pytest.mark.parametrize("which", ("all", "auto"))
@pytest.mark.parametrize("model", ("lab/x", "other/x"))
def test_where_preferences_choose_there_is_none(model: str, which: str) -> None:
    """A conversation is kept, and a router model asked, for requests alone: their messages would get neither."""
    told = refused(model, which)
    assert told == "the preferences choose a model for each request here, so no WebSocket; use HTTP"


def test_without_preferences_there_is_one() -> None:
    asked = request(target="/v1/responses", method="GET", body=b"", headers=UPGRADE | bearer(OPENAI))
    assert upgrade_refused(asked, resolved(RULES.partition("preferences:")[0] + "default: lab/usual")) is None
