"""``scale`` and ``clamp`` in rules.yaml: what is taken, what is refused and where, and what the flow's notes say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner

from tests.rules.kit import KIMI, problems, request, resolved, rewritten, warnings
from wiremend.cli.main import cli
from wiremend.notes import Note
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.schema import json_schema
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from pathlib import Path

LAB = "providers: {lab: {base_url: 'http://127.0.0.1:9/v1', speaks: [chat, messages], auth: none}}\ndefault: lab\n"
BODY = b'{"model":"m",  "temperature" : %s,"messages":[]}'
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def left(edits: str, value: bytes = b"0.9", more: str = "") -> tuple[bytes, list[Note]]:
    """Give what leaves for the temperature that came, and the notes of the edits."""
    body = BODY % value
    outcome = rewritten(resolved(f"{LAB}{more}edits: [{edits}]"), body=body)
    sent = outcome.body if outcome.body is not None else body
    assert sent.startswith(b'{"model":"m",  "temperature" : ')
    assert sent.endswith(b',"messages":[]}')
    notes = [note for note in outcome.notes if note.where == "/temperature"]
    return sent.removeprefix(b'{"model":"m",  "temperature" : ').removesuffix(b',"messages":[]}'), notes


# --- what they do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit",
    (
        "{scale: {/temperature: 1/0.6}, clamp: {/temperature: [0, 1]}}",
        "{clamp: {/temperature: [0, 1]}, scale: {/temperature: 1/0.6}}",
        "{clamp: {/temperature: [null, 1]}, set: {/x/y: 1}, remove: /n, scale: {/temperature: 1.5}}",
    ),
)
def test_a_scale_comes_before_its_clamp_in_whatever_order_they_stand(edit: str) -> None:
    text = f"{LAB}edits: [{edit}]"
    (rule,) = resolved(text).rules.edits
    assert [one.op for one in rule.body if one.op in {"scale", "clamp"}] == ["scale", "clamp"]
    assert left(edit.replace("set: {/x/y: 1}, ", ""))[0] == b"1"


def test_the_other_changes_keep_the_order_of_the_file() -> None:
    edit = "{clamp: {/a: [0, 1]}, set: {/b: 1}, scale: {/a: 2}, remove: /c, default: {/d: 1}}"
    (rule,) = resolved(f"{LAB}edits: [{edit}]").rules.edits
    assert [one.op for one in rule.body] == ["set", "scale", "clamp", "remove", "default"]
    edit = "{scale: {/a: 2}, set: {/b: 1}, clamp: {/a: [0, 1]}}"
    (rule,) = resolved(f"{LAB}edits: [{edit}]").rules.edits
    assert [one.op for one in rule.body] == ["scale", "set", "clamp"]


def test_what_was_scaled_and_what_was_clamped_are_two_notes() -> None:
    edit = "{name: mine, scale: {/temperature: 1/0.6}, clamp: {/temperature: [0, 1]}}"
    sent, notes = left(edit)
    assert sent == b"1"
    why = "edit 'mine' (rules.yaml:3)"
    clamped = "1.5 -> 1, clamped: more was asked for than the 1 that this edit lets through"
    assert notes == [
        Note("edited", "/temperature", "/temperature", "0.9 -> 1.5", why),
        Note("edited", "/temperature", "clamped", clamped, why),
    ]
    assert [note.what for note in left(edit, b"0.3")[1]] == ["0.3 -> 0.5"]
    assert left(edit, b'"0.9"') == (b'"0.9"', [])


def test_a_clamp_from_below_says_so() -> None:
    sent, (note,) = left("{clamp: {/temperature: [0.2, null]}}", b"0")
    assert sent == b"0.2"
    assert note.what == "0 -> 0.2, clamped: less was asked for than the 0.2 that this edit lets through"
    sent, (note,) = left("{clamp: {/temperature: [1, 1]}}", b"0.5")
    assert "less was asked for" in note.what
    sent, (note,) = left("{clamp: {/temperature: [1, 1]}}", b"1.5")
    assert "more was asked for" in note.what


def test_what_comes_back_to_what_it_was_leaves_as_it_came_and_is_told() -> None:
    rules = resolved(f"{LAB}edits: [{{scale: {{/temperature: 1/0.6}}, clamp: {{/temperature: [0, 1]}}}}]")
    outcome = rewritten(rules, body=BODY % b"1")
    assert outcome.body is None
    assert [note.short for note in outcome.notes if note.where == "/temperature"] == ["/temperature", "clamped"]


def test_strict_mode_lets_what_the_file_asks_for_through() -> None:
    loaded = replace(resolved(f"{LAB}edits: [{{clamp: {{/temperature: [0, 1]}}}}]"), strict=True)
    outcome = rewrite(request(body=BODY % b"1.5"), loaded)
    assert isinstance(outcome, Rewritten)
    assert outcome.body == BODY % b"1"


def test_edits_work_on_what_those_before_them_left() -> None:
    assert left("{set: {/temperature: 0.6}}, {scale: {/temperature: 1/0.6}}", b"null")[0] == b"1.0"
    assert left("{scale: {/temperature: 2}}, {clamp: {/temperature: [0, 1]}}")[0] == b"1"
    assert left("{clamp: {/temperature: [0, 1]}}, {scale: {/temperature: 2}}")[0] == b"1.8"


def test_of_a_translated_request_the_body_as_it_leaves_is_scaled() -> None:
    lab = LAB.replace("[chat, messages]", "chat")
    rules = resolved(f"{lab}edits: [{{scale: {{/temperature: 1/0.6}}, clamp: {{/stop: [0, 1]}}}}]")
    body = b'{"model":"m","max_tokens":5,"temperature":0.3,"stop_sequences":["x"],"messages":[]}'
    outcome = rewritten(rules, body=body.replace(b"[]", b'[{"role":"user","content":"x"}]'), wire="messages")
    assert outcome.body is not None
    sent = json.loads(outcome.body)
    assert (outcome.destination.path, sent["temperature"], sent["stop"]) == ("/v1/chat/completions", 0.5, ["x"])


def test_each_of_a_list_is_changed_by_a_wildcard() -> None:
    rules = resolved(f"{LAB}edits: [{{scale: {{/a/*/t: 2}}, clamp: {{/a/*/t: [0, 5]}}}}]")
    outcome = rewritten(rules, body=b'{"model":"m","a":[{"t":1},{"t":"1"},{"t":3}, {}]}')
    assert outcome.body == b'{"model":"m","a":[{"t":2},{"t":"1"},{"t":5}, {}]}'
    assert [(note.where, note.short) for note in outcome.notes if note.where.startswith("/a")] == [
        ("/a/0/t", "/a/0/t"),
        ("/a/2/t", "/a/2/t"),
        ("/a/2/t", "clamped"),
    ]


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    (
        ("scale: {/t: 1/0}", "1:22: this divides by zero"),
        ("scale: {/t: 1/0.000}", "1:22: this divides by zero"),
        ("scale: {/t: 0}", "1:22: a scale by 0 makes 0 of every number; write that with `set`"),
        ("scale: {/t: 0/5}", "1:22: a scale by 0"),
        ("scale: {/t: -2}", "1:22: a scale is more than 0"),
        ("scale: {/t: 1}", "1:22: a scale by 1 changes nothing; leave it out"),
        ("scale: {/t: 1.0}", "1:22: a scale by 1"),
        ("scale: {/t: 0.6/0.60}", "1:22: a scale by 1"),
        ("scale: {/t: -1/2}", "1:22: this must be a number or a fraction of two, such as 1.5 or 1/0.6, not a text"),
        ("scale: {/t: '1.5'}", "not a text; write the number without quotes"),
        ("scale: {/t: 60%}", "not a text; write 60% as 0.6"),
        ("scale: {/t: 1 / 0.6}", "not a text; write the fraction without spaces"),
        ("scale: {/t: hot}", "not a text"),
        ("scale: {/t: true}", "not true (a boolean)"),
        ("scale: {/t: null}", "not nothing (null)"),
        ("scale: {/t: [1, 2]}", "not a list"),
        ("scale: {/t: 1e999}", "1:22: JSON has no such number"),
        ("scale: {/t: !!float nan}", "JSON has no such number"),
        ("scale: 2", "a mapping of JSON pointers to factors"),
        ("scale: {}", "this mapping is empty"),
        ("scale: {t: 2}", "did you mean '/t'?"),
        ("scale: {'': 2}", "the empty pointer is the whole body"),
        ("clamp: {/t: [1, 0]}", "1:22: the least is more than the most; the least comes first: [0, 1]"),
        ("clamp: {/t: [null, null]}", "1:22: this clamp has no bound at all"),
        ("clamp: {/t: [0, 1, 2]}", "1:22: a clamp is a list of the least and the most"),
        ("clamp: {/t: [1]}", "1:22: a clamp is a list of the least and the most"),
        ("clamp: {/t: []}", "1:22: a clamp is a list of the least and the most"),
        ("clamp: {/t: 1}", "1:22: this must be a list of the least and the most, such as [0, 1], or [null, 1]"),
        ("clamp: {/t: {least: 0}}", "not a mapping"),
        ("clamp: {/t: [0, hot]}", "1:26: a bound is a number, or null for none, not a text"),
        ("clamp: {/t: [true, 1]}", "1:23: a bound is a number, or null for none, not true (a boolean)"),
        ("clamp: {/t: [0, 1e999]}", "1:26: JSON has no such number; write null for no bound"),
        ("clamp: {/t: [!!float nan, 1]}", "1:23: JSON has no such number"),
        ("scal: {/t: 2}", "unknown key 'scal' in an edit; did you mean 'scale'?"),
        ("name: idle", "it needs default, set, scale, clamp, remove or headers"),
    ),
)
def test_what_cannot_be_meant_is_told_at_its_place(given: str, told: str) -> None:
    (problem,) = problems(f"edits: [{{{given}}}]")
    place = told.startswith("1:")
    assert told in problem if not place else problem.startswith(told), problem


@pytest.mark.parametrize("place", ("scale: {/t: KEY}", "clamp: {/t: [0, KEY]}", "clamp: {/t: KEY}", "scale: {KEY: 2}"))
def test_a_key_in_a_number_s_place_is_refused_and_not_echoed(place: str) -> None:
    (problem,) = problems(f"edits: [{{{place.replace('KEY', KIMI)}}}]")
    assert "FAKE" not in problem
    assert "a credential stands here in clear" in problem


@pytest.mark.parametrize(
    ("edit", "place"),
    (
        ("{scale: {/t: 2}, set: {/t: 1}}", "1:32"),
        ("{clamp: {/t: [0, 1]}, default: {/t: 1}}", "1:41"),
        ("{remove: /t, clamp: {/t: [0, 1]}}", "1:30"),
        ("{scale: {/t: 2}, remove: [/n, /t]}", "1:39"),
        ("{clamp: {/t: [0, 1]}, scale: {/t: 2}, set: {/t: 1}}", "1:53"),
        ("{clamp: {/t: [0, 1]}, set: {/t: 1}, scale: {/u: 2}}", "1:37"),
        ("{scale: {/t~01: 2}, set: {/t~01: 1}}", "1:35"),
    ),
)
def test_one_place_stands_once_but_for_scale_and_clamp(edit: str, place: str) -> None:
    (problem,) = problems(f"edits: [{edit}]")
    assert problem.startswith(f"{place}: the pointer /t")
    assert problem.endswith("stands twice in this edit; the first is at line 1")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    (
        ("{default: {/t: 1}}", "{scale: {/t: 2}}", None),
        ("{default: {/t: 1}}", "{clamp: {/t: [0, 1]}}", None),
        ("{set: {/t: 1}}", "{scale: {/t: 2}}", None),
        ("{set: {/t: 1}}", "{clamp: {/t: [0, 1]}}", None),
        ("{scale: {/t: 2}}", "{clamp: {/t: [0, 1]}}", None),
        ("{scale: {/t: 2}}", "{default: {/t: 1}}", None),
        ("{clamp: {/t: [0, 1]}}", "{default: {/t: 1}}", None),
        ("{clamp: {/t: [0, 1]}}", "{clamp: {/t: [0.5, 2]}}", None),
        ("{clamp: {/t: [0, 1]}}", "{clamp: {/t: [1, null]}}", None),
        ("{clamp: {/t: [null, 1]}}", "{clamp: {/t: [null, 2]}}", None),
        ("{scale: {/t: 2}}", "{scale: {/u: 2}}", None),
        ("{scale: {/t: 2}}", "{set: {/t: 1}}", "both change /t of the same requests; the later one wins"),
        ("{clamp: {/t: [0, 1]}}", "{set: {/t: 1}}", "both change /t of the same requests; the later one wins"),
        ("{scale: {/t: 2}}", "{remove: /t}", "both change /t of the same requests; the later one wins"),
        ("{remove: /t}", "{scale: {/t: 2}}", "both change /t of the same requests; the earlier one wins"),
        ("{remove: /t}", "{clamp: {/t: [0, 1]}}", "both change /t of the same requests; the earlier one wins"),
        ("{clamp: {/t: [0, 1]}}", "{clamp: {/t: [2, 3]}}", "both change /t of the same requests; the later one wins"),
        ("{scale: {/t: 2}}", "{scale: {/t: 2}}", "both scale /t of the same requests, one after the other"),
        ("{scale: {/t: 2}}", "{scale: {/t: 3}}", "both scale /t of the same requests, one after the other"),
        (
            "{clamp: {/t: [0, 1]}}",
            "{scale: {/t: 2}}",
            "clamp and then scale /t of the same requests, so it may leave its bounds; put the scale first",
        ),
    ),
)
def test_two_edits_of_one_number_are_a_warning_where_one_undoes_the_other(
    first: str, second: str, told: str | None
) -> None:
    found = warnings(f"edits:\n- {first}\n- {second}")
    assert found == ([] if told is None else [f"rules.yaml:3:1: warning: 'edit 2' and 'edit 1' (line 2) {told}"])
    apart = f"edits:\n- {{when: {{model: a}}, {first[1:]}\n- {{when: {{model: b}}, {second[1:]}"
    assert warnings(apart) == []


@pytest.mark.parametrize(("first", "second", "wins"), (("scale", "set", b"7"), ("set", "scale", b"14")))
def test_the_warning_is_true(first: str, second: str, wins: bytes) -> None:
    """A set behind a scale wins; a scale behind a set works on it, which is why only one of them is a warning."""
    value = {"scale": 2, "set": 7}
    edits = f"{{{first}: {{/temperature: {value[first]}}}}}, {{{second}: {{/temperature: {value[second]}}}}}"
    assert left(edits, b"3")[0] == wins
    assert bool(warnings(f"{LAB}edits: [{edits}]")) is (second == "set")


# --- what people and programs are shown -------------------------------------------------------------------------------


def test_check_says_by_what_and_to_what(tmp_path: Path) -> None:
    text = f"{LAB}edits: [{{clamp: {{/a~1b: [null, 1.50]}}, scale: {{/t: 1/0.6, /u: 2}}, set: {{/v: 1}}}}]"
    file = tmp_path / "rules.yaml"
    file.write_text(text, "utf-8")
    said = CliRunner().invoke(cli, ["check", "--offline", str(file)])
    assert "scale /t by 1/0.6, scale /u by 2, clamp /a~1b to [null,1.5], set /v   (edit 1, line 3)" in said.output
    plain = CliRunner().invoke(cli, ["check", "--offline", "--json", str(file)])
    (edit,) = json.loads(plain.output)["rules"]["edits"]
    assert edit["body"] == [
        {"op": "scale", "pointer": "/t", "value": "1/0.6"},
        {"op": "scale", "pointer": "/u", "value": 2},
        {"op": "clamp", "pointer": "/a~1b", "value": [None, 1.5]},
        {"op": "set", "pointer": "/v"},
    ]


@pytest.mark.parametrize(
    ("edit", "sound"),
    (
        ("scale: {/t: 1/0.6}", True),
        ("scale: {/t: 1.5}", True),
        ("scale: {/t: 2}", True),
        ("clamp: {/t: [0, 1]}", True),
        ("clamp: {/t: [null, 0.5]}", True),
        ("scale: {/t: 0}", False),
        ("scale: {/t: -1}", False),
        ("scale: {/t: hot}", False),
        ("scale: {/t: true}", False),
        ("scale: {t: 2}", False),
        ("clamp: {/t: [0]}", False),
        ("clamp: {/t: [0, hot]}", False),
        ("clamp: {/t: 1}", False),
    ),
)
def test_editors_see_the_same(edit: str, *, sound: bool) -> None:
    text = f"edits: [{{{edit}}}]"
    assert (list(VALIDATOR.iter_errors(parse(text, "rules.yaml")[0].plain())) == []) is sound
    assert (problems(text) == []) is sound
