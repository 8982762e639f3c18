"""What is kept of requests until they are decided is bounded: some never are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.mitm.kit import addons, at_gateway, flow
from wiremend.mitm.preferring import Preferring

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RULES = """
providers: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}}
preferences: {for: all, choices: [{name: one, description: words, models: [lab/x]}]}
default: lab/usual
"""


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremend.mitm.preferring.MOST", 3)
    with addons(tmp_path, RULES) as made:
        preferring = Preferring(made.house)
        flows = [at_gateway(made, flow("http://127.0.0.1:8080/v1/chat/completions")) for _ in range(5)]
        for one in flows:
            asyncio.run(preferring.request(one))
        assert list(preferring._found) == [one.id for one in flows[2:]]
