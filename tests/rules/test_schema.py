"""The published JSON Schema of rules.yaml, which editors complete and check with: generated, shipped, and true.

It is generated from the table that ``wiremend check`` validates with, and the file beside the code is what it
generates. ``jsonschema`` is the oracle that reads it as editors do. The schema may take what only ``check`` can judge
(a provider that is not there), but it must never refuse what ``check`` takes: a red line in the editor under a sound
file.
"""

from __future__ import annotations

import copy
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner

from tests.rules.test_broken import CASES
from tests.rules.test_planted import DATA, leaves
from wiremend.cli.main import cli
from wiremend.errors import RulesError
from wiremend.rules.lookup import shipped
from wiremend.rules.report import Report
from wiremend.rules.schema import ROOT, json_schema
from wiremend.rules.shapes import Key, Record
from wiremend.rules.tree import Mark, Node, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

VALIDATOR = jsonschema.Draft202012Validator(json_schema())

STRUCTURE = {
    "alerts",
    "bad-header",
    "bad-pointer",
    "capture",
    "dangling-alias",
    "fallback",
    "ledger",
    "limits",
    "many-at-once",
    "missing-key",
    "preferences",
    "quirks-list",
    "retry",
    "unknown-key",
    "version",
    "wrong-type",
    "wrong-value",
}
"""The broken files that have a fault of shape, if only among others; the faults of the rest no schema can see."""


def complaints(data: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(data)]


def test_the_shipped_schema_is_what_the_source_generates() -> None:
    text = resources.files("wiremend.rules").joinpath("rules.schema.json").read_text("utf-8")
    assert text == json.dumps(json_schema(), indent=2) + "\n", "run: wiremend check --schema > …/rules.schema.json"
    assert CliRunner().invoke(cli, ["check", "--schema"]).stdout == text


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    (
        shipped().read_text("utf-8"),
        resources.files("wiremend.rules").joinpath("builtin.yaml").read_text("utf-8"),
        "version: 1",
        "routes: [{when: {model: claude-*}, to: kimi-code}]",
        "capture: off\nmend: off\nlisten: {port: 9000, intercept: all}",
    ),
)
def test_sound_files_are_accepted(text: str) -> None:
    assert complaints(parse(text, "rules.yaml")[0].plain()) == []


def test_the_file_with_every_key_is_accepted() -> None:
    assert complaints(DATA) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_broken_files_are_refused_where_their_shape_is_broken(case: Any) -> None:  # noqa: ANN401 - a path
    try:
        root, _ = parse(case.read_text("utf-8"), case.name)
    except RulesError:  # no YAML, so nothing for a schema
        assert case.stem.startswith("syntax-")
        return
    assert bool(complaints(root.plain())) is (case.stem in STRUCTURE)


def node_of(value: object) -> Node:
    """Give data as the tree that a file would be."""
    mark = Mark(1, 1)
    if isinstance(value, dict):
        return Node({key: node_of(member) for key, member in value.items()}, mark)
    if isinstance(value, list):
        return Node([node_of(item) for item in value], mark)
    assert value is None or isinstance(value, bool | int | float | str)
    return Node(value, mark)


OTHERS: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    7,
    -1,
    1.5,
    "",
    "text",
    "local",
    "$NAME",
    [],
    ["local"],
    {},
    {"to": "local"},
)


def test_the_schema_never_refuses_what_check_takes() -> None:
    places = [path for path in leaves(DATA) if path[0] != "version"]
    places += [(name,) for name in DATA if name != "version"]
    taken = 0
    for path in places:
        for other in OTHERS:
            data = copy.deepcopy(DATA)
            at: Any = data
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = other
            if ROOT.check(node_of(data), Report("rules.yaml")):
                taken += 1
                assert VALIDATOR.is_valid(data), (path, other, complaints(data))
    assert taken > 100


def test_the_schema_refuses_a_key_that_check_does_not_know() -> None:
    for path in [(), *(path[:-1] for path in leaves(DATA))]:
        data = copy.deepcopy(DATA)
        at: Any = data
        for step in path:
            at = at[step]
        if not isinstance(at, dict):
            continue
        at["unheard-of"] = {"unheard-of": []}
        report = Report("rules.yaml")
        ROOT.check(node_of(data), report)
        unknown = any("unknown key 'unheard-of'" in problem.message for problem in report.problems)
        assert not unknown or not VALIDATOR.is_valid(data), path


def records(shape: object, seen: set[str] | None = None) -> Iterator[Record]:
    """Give every record of the table, the root first."""
    seen = set() if seen is None else seen
    if isinstance(shape, Record):
        if shape.name in seen:
            return
        seen.add(shape.name)
        yield shape
        for key in shape.keys.values():
            yield from records(key.shape, seen)
    for name in ("shapes", "item", "value"):
        inner = getattr(shape, name, ())
        for one in inner if isinstance(inner, tuple) else (inner,):
            yield from records(one, seen)


def test_every_key_has_a_sentence() -> None:
    """It is shown by editors, and stands in docs/rules.md."""
    keys: list[tuple[str, str, Key]] = [
        (record.name, name, key) for record in records(ROOT) for name, key in record.keys.items()
    ]
    assert len(keys) > 50
    for record, name, key in keys:
        assert key.doc.endswith((".", "…")), (record, name)
        assert len(key.doc) < 200, (record, name)
