"""The labelled prompts are sound: enough of each, told apart, and requests that real parsers of each wire take."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.rules import labelled
from tests.rules.labelled import HALVES, LABELS, WIRES, Half, Labelled, Wire, load
from tests.translate.official import faults
from wiremend.message import Text, ToolResult, ToolUse
from wiremend.protocols.codecs import CODECS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wiremend.message import ChatRequest

SETS: Final = {half: load(half) for half in HALVES}
ALL: Final = [prompt for half in HALVES for prompt in SETS[half]]
POSITIVE: Final = LABELS[:3]
LEAST: Final = {"complex_reasoning": 20, "code_review": 20, "creative_writing": 20, "none": 25}
NAMED: Final = re.compile(
    r"\b(deep|analy[sz]|mathem|problem|solv|logic|reason|complex|review|exist|code|bug|improv"
    r"|creati|content|generat|story|stories|tale|writ|wrote|assist)",
    re.IGNORECASE,
)
"""The words of the three preferences' names and descriptions, in any form."""


def asked(half: Half, label: str) -> list[str]:
    """Give the last wish of each prompt of one label."""
    return [prompt.asked for prompt in SETS[half] if prompt.label == label]


def read(prompt: Labelled) -> ChatRequest:
    """Read a prompt's body as the translation does."""
    made = CODECS[prompt.wire].read(json.loads(prompt.body))
    assert made.losses == ()
    return made.request


def words(text: str) -> set[str]:
    """Give the words of a text; of Chinese each pair of characters."""
    han = re.findall(r"[\u4e00-\u9fff]", text)
    return set(re.findall(r"[^\W\d_]+", text.lower())) | {a + b for a, b in pairwise(han)}


# --- the set ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_enough_of_each_label(half: Half) -> None:
    counts = Counter(prompt.label for prompt in SETS[half])
    assert set(counts) == set(LABELS)
    assert all(counts[label] >= least for label, least in LEAST.items()), counts


def test_the_halves_are_alike_in_labels_wires_and_languages() -> None:
    tuning, held_out = (Counter((p.label, p.wire, p.lang) for p in SETS[half]) for half in HALVES)
    assert tuning == held_out
    assert sum(tuning.values()) >= 90


def test_every_id_and_every_wish_is_there_once() -> None:
    assert [name for name, times in Counter(prompt.id for prompt in ALL).items() if times > 1] == []
    assert [text for text, times in Counter(prompt.asked.strip().lower() for prompt in ALL).items() if times > 1] == []


def test_the_halves_share_no_near_doubles() -> None:
    near = []
    for one, other in product(SETS["tuning"], SETS["held_out"]):
        mine, theirs = words(one.asked), words(other.asked)
        if len(mine & theirs) > 0.6 * len(mine | theirs):
            near.append((one.id, other.id))
    assert near == []


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("label", POSITIVE)
def test_half_of_the_positives_or_more_name_nothing_of_the_descriptions(half: Half, label: str) -> None:
    texts = asked(half, label)
    plain = [text for text in texts if not NAMED.search(text)]
    assert 2 * len(plain) >= len(texts)
    assert len(texts) - len(plain) >= 4  # and some do, as people do


@pytest.mark.parametrize("half", HALVES)
def test_some_near_misses_name_the_descriptions_and_want_none_of_it(half: Half) -> None:
    assert sum(NAMED.search(text) is not None for text in asked(half, "none")) >= 8


@pytest.mark.parametrize("half", HALVES)
def test_each_half_has_the_agents_furniture_and_talk_of_several_turns(half: Half) -> None:
    bodies = {prompt.id: prompt.body.decode() for prompt in SETS[half]}
    assert sum("<system-reminder>" in body for body in bodies.values()) >= 8
    assert sum("<environment_context>" in body for body in bodies.values()) >= 4
    talks = [read(prompt) for prompt in SETS[half]]
    assert sum(any(message.role == "assistant" for message in talk.messages) for talk in talks) >= 10
    last = [talk.messages[-1].parts[-1] for talk in talks]
    assert sum(isinstance(part, ToolResult) for part in last) >= 3  # the wish stands before a tool's result
    assert sum(bool(NAMED.search(json.dumps(p.request.get("system", "")))) for p in SETS[half]) >= 4


@pytest.mark.parametrize("half", HALVES)
def test_languages_are_those_that_are_marked(half: Half) -> None:
    for prompt in SETS[half]:
        assert bool(re.search(r"[\u4e00-\u9fff]", prompt.asked)) == (prompt.lang == "zh"), prompt.id
    for label, lang in product(LABELS, ("de", "es", "zh")):
        assert any(prompt.label == label and prompt.lang == lang for prompt in SETS[half]), (label, lang)


# --- the bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [pytest.param(prompt, id=prompt.id) for prompt in ALL])
def test_a_body_is_a_request_of_its_wire(prompt: Labelled) -> None:
    assert faults(prompt.wire, json.loads(prompt.body)) == []
    talk = read(prompt)
    users = [part.text for m in talk.messages if m.role == "user" for part in m.parts if isinstance(part, Text)]
    assert prompt.asked in users
    calls = [part.id for message in talk.messages for part in message.parts if isinstance(part, ToolUse)]
    results = [part.id for message in talk.messages for part in message.parts if isinstance(part, ToolResult)]
    assert calls == results


# --- the loader -------------------------------------------------------------------------------------------------------

BROKEN: Final[dict[str, dict[str, Any]]] = {
    "both text and turns": {"id": "x", "label": "none", "text": "a", "turns": [{"user": "a"}]},
    "neither text nor turns": {"id": "x", "label": "none"},
    "an unknown key": {"id": "x", "label": "none", "text": "a", "wires": "chat"},
    "an unknown label": {"id": "x", "label": "review", "text": "a"},
    "an unknown wire": {"id": "x", "label": "none", "wire": "completions", "text": "a"},
    "an unknown turn": {"id": "x", "label": "none", "turns": [{"human": "a"}]},
    "a turn of two keys": {"id": "x", "label": "none", "turns": [{"user": "a", "assistant": "b"}]},
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], None]:
    """Let the loader read a half that is written here."""
    (tmp_path / "furniture.yaml").write_text("todo: |\n  reminder\n", "utf-8")
    monkeypatch.setattr(labelled, "HERE", tmp_path)

    def put(entries: list[dict[str, Any]]) -> None:
        (tmp_path / "tuning.yaml").write_text(yaml.safe_dump(entries), "utf-8")

    return put


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_entry_is_told(what: str, write: Callable[[list[dict[str, Any]]], None]) -> None:
    write([BROKEN[what]])
    with pytest.raises(ValueError, match=r"^x: "):
        load("tuning")


TALK: Final = [
    {"user": [{"furniture": "todo"}, "first"]},
    {"assistant": "I look."},
    {"call": {"name": "Bash", "input": {"command": "ls"}}},
    {"result": "a.py"},
    {"user": "second"},
]


@pytest.mark.parametrize("wire", WIRES)
def test_a_talk_reads_alike_on_every_wire(wire: Wire, write: Callable[[list[dict[str, Any]]], None]) -> None:
    write([{"id": "x", "label": "none", "wire": wire, "turns": TALK}])
    (prompt,) = load("tuning")
    assert prompt.asked == "second"
    parts = [part for message in read(prompt).messages for part in message.parts]
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert texts == ["reminder\n", "first", "I look.", "second"]
    assert [part.name for part in parts if isinstance(part, ToolUse)] == ["Bash"]
    assert sum(isinstance(part, ToolResult) for part in parts) == 1
