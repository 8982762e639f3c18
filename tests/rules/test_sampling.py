"""docs/sampling.md: each rule of the page does what its table says, and the page says what the log says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.rules.kit import MOONSHOT, problems, request, resolved, rewritten, warnings
from wiremend.captures.case import read_case
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.replay.rules import Today
from wiremend.replay.run import replay
from wiremend.rules.lookup import shipped

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sampling.md").read_text("utf-8")
RECOMMENDED, MULTIPLIED = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
"""The rules of the page, as a reader would copy them."""

AROUND = """
providers:
  moonshot: {key: client}
  local: {base_url: 'http://127.0.0.1:8000'}
routes:
  - {when: {model: '*kimi-k2-instruct*'}, to: local}
  - {when: {model: kimi-*}, to: moonshot}
default: local
"""
ABSENT = "no temperature"


def section(title: str) -> str:
    """Give the text under a heading of the page."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Give the cells of the table under a heading of the page, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def left(
    rule: str, model: str, wire: str, temperature: str | None, key: str = MOONSHOT
) -> tuple[str | None, Rewritten]:
    """Give the temperature that leaves, as it is spelled, for the one that came; None: there is none."""
    spelled = "" if temperature is None else f'"temperature" : {temperature}, '
    body = f'{{ "model": "{model}", {spelled}"messages": [ ] }}'.encode()
    headers = {"x-api-key": key}
    outcome = rewrite(request(body=body, wire=wire, headers=headers), resolved(AROUND + rule))
    assert isinstance(outcome, Rewritten), outcome
    sent = (outcome.body if outcome.body is not None else body).decode()
    found = re.search(r'"temperature"\s*:\s*([^,}\s]+)', sent)
    if found is None or temperature is None:
        rest = sent.replace(f',"temperature":{found[1]}', "") if found else sent
        assert rest == body.decode()
    else:
        assert sent == body.decode().replace(f'"temperature" : {temperature},', f'"temperature" : {found[1]},')
    return (found[1] if found else None), outcome


def value_of(cell: str) -> str | None:
    """Give the temperature that a cell of the page's tables shows."""
    return None if cell.startswith(ABSENT) else cell.partition(", clamped")[0].strip("`")


# --- the recommended temperature --------------------------------------------------------------------------------------

TITLE = "The recommended temperature"
K2 = ("kimi-k2-0711-preview", "kimi-k2-0905-preview", "kimi-k2-turbo-preview", "moonshotai/Kimi-K2-Instruct-0905")
OTHERS = (
    "kimi-k2-thinking",
    "kimi-k2-thinking-turbo",
    "kimi-k2.5",
    "kimi-k2.6",
    "kimi-k2.7-code",
    "kimi-k3",
    "kimi-latest",
)


@pytest.mark.parametrize(("sends", "leaves"), rows(TITLE))
def test_the_table_of_the_recommendation(sends: str, leaves: str) -> None:
    named = re.search(r"for `(.+)`", sends)
    model = named[1] if named else K2[1]
    assert left(RECOMMENDED, model, "chat", value_of(sends))[0] == value_of(leaves)


@pytest.mark.parametrize("model", K2)
def test_every_k2_instruct_is_recommended_its_temperature(model: str) -> None:
    assert left(RECOMMENDED, model, "chat", None)[0] == "0.6"
    assert left(RECOMMENDED, model, "chat", "1.00")[0] == "1.00"


@pytest.mark.parametrize("model", OTHERS)
def test_no_other_kimi_is(model: str) -> None:
    assert left(RECOMMENDED, model, "chat", None)[0] is None


def test_the_recommendation_is_for_the_chat_wire() -> None:
    """Over the messages wire 0.6 would come to 0.36."""
    assert left(RECOMMENDED, K2[1], "messages", None)[0] is None


# --- the temperature that is multiplied -------------------------------------------------------------------------------

TIMES = "The temperature that Moonshot multiplies"


@pytest.mark.parametrize(("sends", "leaves", "gets"), rows(TIMES))
def test_the_table_of_the_scale(sends: str, leaves: str, gets: str) -> None:
    for model in ("kimi-k2-0905-preview", "kimi-k2-thinking"):
        sent, outcome = left(MULTIPLIED, model, "messages", value_of(sends))
        assert sent == value_of(leaves)
        assert ("clamped" in leaves) is any(note.short == "clamped" for note in outcome.notes)
        if sent is not None:
            assert round(float(sent) * 0.6, 9) == float(gets)  # what the endpoint does, as its vendor says
        else:
            assert gets == "the endpoint's own"


def test_the_table_goes_to_both_ends_and_beyond() -> None:
    shown = {row[0] for row in rows(TIMES)}
    assert {"`0.0`", "`0.6`", "`1.0`", ABSENT} <= shown
    assert sum("clamped" in row[1] for row in rows(TIMES)) == 2


@pytest.mark.parametrize(
    ("model", "wire"),
    (("kimi-k2-0905-preview", "chat"), ("kimi-k2.6", "messages"), ("kimi-k3", "messages"), ("deepseek-v4", "messages")),
)
def test_nothing_else_is_scaled(model: str, wire: str) -> None:
    key = MOONSHOT if model.startswith("kimi") else ""
    rules = resolved(AROUND + MULTIPLIED)
    body = f'{{"model":"{model}","temperature":0.3,"messages":[]}}'.encode()
    outcome = rewritten(rules, body=body, wire=wire, headers={"x-api-key": key} if key else {})
    assert not [note for note in outcome.notes if "scal" in note.what or "edit" in note.why]


def test_the_page_shows_the_line_that_the_log_has() -> None:
    """The file of the page begins with its rule, so the line's number is the page's."""
    rules = resolved(MULTIPLIED + AROUND)
    body = b'{"model":"kimi-k2-0905-preview","temperature":0.9,"messages":[]}'
    outcome = rewritten(rules, body=body, wire="messages", headers={"x-api-key": MOONSHOT})
    (note,) = [note for note in outcome.notes if note.short == "clamped"]
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section(TIMES), re.MULTILINE | re.DOTALL)
    assert f"{note.why}: {note.where} {note.what} (told once; each flow has its note)" == " ".join(shown.split())


# --- both, and neither ------------------------------------------------------------------------------------------------


def test_both_rules_together_are_sound_and_contradict_nothing() -> None:
    both = f"{RECOMMENDED}{MULTIPLIED.removeprefix('edits:' + chr(10))}"
    assert problems(AROUND + both) == []
    assert warnings(AROUND + both) == []


def test_neither_is_on_by_default() -> None:
    text = shipped().read_text("utf-8")
    assert "edits" not in yaml.safe_load(text)
    outcome = rewritten(
        resolved(text),
        body=b'{"model":"kimi-k2-0905-preview","temperature":0.3,"messages":[]}',
        wire="messages",
        headers={"x-api-key": MOONSHOT},
    )
    assert outcome.body is None
    assert outcome.destination.url.endswith("/anthropic/v1/messages")


def test_without_its_clamp_the_rule_asks_for_more_than_the_wire_takes() -> None:
    rule = "\n".join(line for line in MULTIPLIED.splitlines() if "clamp" not in line)
    assert left(rule, "kimi-k2-0905-preview", "messages", "1.0")[0] == "1.66666666667"


# --- the cases --------------------------------------------------------------------------------------------------------

CASES = re.findall(r"`((?:messages|chat)/temperature-[a-z]+)`", section("Cases"))


def test_every_case_of_a_temperature_is_named() -> None:
    found = {f"{path.parent.name}/{path.name}" for path in (ROOT / "captures").glob("*/temperature-*")}
    assert set(CASES) == found


@pytest.mark.parametrize("name", CASES)
def test_a_case_has_the_rule_of_the_page_and_holds(name: str) -> None:
    folder = ROOT / "captures" / name
    text = (folder / "rules.yaml").read_text("utf-8")
    rule = RECOMMENDED if name.startswith("chat/") else MULTIPLIED
    assert yaml.safe_load(text)["edits"] == yaml.safe_load(rule)["edits"]
    case = read_case(folder)
    outcome = replay(case.capture, Today(text, "rules.yaml")).outcome
    assert isinstance(outcome, Rewritten)
    assert any(note.short == "clamped" for note in outcome.notes) is name.endswith("-clamped")
