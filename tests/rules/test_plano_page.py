"""docs/plano.md is true: a row for each key of the shapes with its sentence, and the example as it is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jsonschema import Draft202012Validator

from tests.rules.plano_kit import SEED, made
from wiremend.rules.plano.left import LEFT
from wiremend.rules.plano.shapes import PLANO
from wiremend.rules.plano.vendors import VENDORS
from wiremend.rules.shapes import Either, ListOf, MapOf, Record
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.rules.shapes import Shape

PAGE: Final = (Path(__file__).parents[2] / "docs" / "plano.md").read_text("utf-8")


def records(shape: Shape) -> Iterator[Record]:
    """Give the records in a shape, itself among them."""
    match shape:
        case Record(keys=keys):
            yield shape
            for key in keys.values():
                yield from records(key.shape)
        case ListOf(item=inner) | MapOf(value=inner):
            yield from records(inner)
        case Either(shapes=inner):
            for one in inner:
                yield from records(one)


def test_each_key_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)
    said = {(name, key.doc) for record in records(PLANO) for name, key in record.keys.items()}
    served = {(name, doc) for name, doc in said if not doc.startswith("Not taken over")}
    assert len(served) > 30
    assert served - set(rows) == set()
    kept = {name for name, _ in served}
    assert {(name, doc) for name, doc in rows if name in kept and (name, doc) not in served} <= {
        ("name", "A comment."),
    }


def test_each_key_that_is_not_taken_over_has_its_row_and_why() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.+)\. \|$", PAGE.partition("### Not taken over")[2], re.MULTILINE)
    assert rows == [(place, why[0].upper() + why[1:]) for place, why in LEFT.items()]


def test_the_shapes_take_what_plano_takes_by_an_oracle() -> None:
    """The JSON Schema of the shapes takes the file that people have, and not one with a key that Plano has not."""
    judge = Draft202012Validator(PLANO.schema())
    seed = parse(SEED.read_text(), "x")[0].plain()
    assert isinstance(seed, dict)
    assert judge.is_valid(seed)
    assert judge.is_valid({**seed, "tracing": {"any": ["thing"]}})
    assert not judge.is_valid({**seed, "listener": []})
    assert not judge.is_valid({**seed, "llm_providers": [{"name": "no model"}]})


def test_what_is_left_is_not_looked_into() -> None:
    shape = PLANO.keys["tracing"].shape
    assert shape.expects == "any value"
    assert shape.fits(parse("3", "x")[0])


def test_the_example_is_what_import_writes() -> None:
    (text, written) = re.findall(
        r"^```yaml\n(.*?)^```\n\nmakes\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )[0]
    assert made(text).text == written


def test_what_is_not_served_is_named() -> None:
    named = re.findall(r"`(\w+)`", PAGE.partition("- **Not served**")[2].partition("They are errors")[0])
    assert {name for name, vendor in VENDORS.items() if vendor.unserved} == set(named)
