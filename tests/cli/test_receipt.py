"""The receipt: sums, ways, mends and failures, and the likely cause where no call was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wiremend.cli.agents import GENERIC, Style, find_agent
from wiremend.cli.receipt import read_rows, receipt, why_none
from wiremend.ledger.row import CallRow, to_json


def row(**values: Any) -> CallRow:  # noqa: ANN401 - the fields of a row
    """Give a row of a call that went well, with these values."""
    fields = {
        "time": 0.0,
        "client": "claude-code",
        "agent": None,
        "wire": "messages",
        "asked": "m",
        "provider": "p",
        "model": "m",
        "status": 200,
        "first_byte_s": 0.1,
        "total_s": 0.2,
    }
    return CallRow(**{**fields, **values})


def test_a_receipt_adds_up_tokens_ways_mends_and_failures() -> None:
    rows = [
        row(asked="a", input_tokens=1000, cached_tokens=900, output_tokens=5, mended=("url", "model")),
        row(asked="a", input_tokens=500, output_tokens=7, mended=("url",), losses=("top_k",)),
        row(asked="p/m", provider="p", model="m"),
        row(asked="b", status=429, error="rate_limit_error: slow down"),
        row(asked="b", status=None, error="connection refused"),
        row(asked=None, status=404),
    ]
    assert receipt(rows, log=Path("/x/proxy.log"), hints=["never shown"], notes=["said once"]).splitlines() == [
        "wiremend: 5 calls, 1,500 tokens in (900 cached), 12 out",
        "  a → p/m  2 calls",
        "  b → p/m  2 calls",
        "  p/m  1 call",
        "  lost: top_k x1",
        "  mended: url x2, model x1",
        "  1 failed: 429 rate_limit_error: slow down",
        "  1 failed: no answer connection refused",
        "  said once",
        "  log: /x/proxy.log",
    ]


def test_a_receipt_without_a_call_gives_the_likely_cause_and_what_the_proxy_asked_for() -> None:
    trust = "[12:00:00.123] x does not trust Wiremend's certificate for api.kimi.com; set Y\n"
    passed = "[12:00:01.456] llm.corp.example looks like a provider, but is tunnelled undecrypted; add Z\n"
    said = f"{trust}[12:00:01.000] listening\n{passed}{trust.replace('00:00', '00:09')}"
    text = receipt([row(asked=None, status=404)], log=Path("/x/l"), said=said, hints=["maybe this"])
    assert text.splitlines() == [
        "wiremend: no LLM call was seen, but 1 other request",
        "  1 failed: 404",
        "  x does not trust Wiremend's certificate for api.kimi.com; set Y",
        "  llm.corp.example looks like a provider, but is tunnelled undecrypted; add Z",
        "  maybe this",
        "  log: /x/l",
    ]
    assert receipt([row()], log=Path("/x/l"), said=said).splitlines()[2:] == [
        "  x does not trust Wiremend's certificate for api.kimi.com; set Y",
        "  log: /x/l",
    ]


@pytest.mark.parametrize(
    ("program", "style", "expected"),
    (
        ("codex", "proxy", "SSL_CERT_FILE"),
        ("claude", "proxy", "NODE_EXTRA_CA_CERTS"),
        ("claude", "gateway", "ANTHROPIC_BASE_URL"),
        ("qwen", "gateway", "OPENAI_BASE_URL"),
    ),
)
def test_the_likely_cause_names_the_variable_that_the_agent_reads(program: str, style: Style, expected: str) -> None:
    assert expected in " ".join(why_none(find_agent([program]), style))


def test_the_likely_cause_for_an_unknown_command_does_not_name_our_table() -> None:
    assert "generic" not in " ".join((*why_none(GENERIC, "proxy"), *why_none(GENERIC, "gateway")))


def test_rows_are_read_up_to_the_one_that_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    assert read_rows(path) == []
    whole = row(asked="é", mended=("url",))
    path.write_bytes(to_json(whole) + to_json(whole)[:20])
    assert read_rows(path) == [whole]
