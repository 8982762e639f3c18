"""docs/streams.md: its bounds are those of the code, its table has every hold, and its example prints what it shows."""

from __future__ import annotations

import contextlib
import io
import re
from importlib import import_module
from pathlib import Path

import pytest

from wiremend.protocols.wires import CONTRACTS

PAGE = (Path(__file__).parents[1] / "docs" / "streams.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+) \| (.+) \| (.+) \| `(wiremend\.[\w.]+)\.(\w+)` \|$", PAGE, re.MULTILINE)
UNITS = {"KiB": 1024, "MiB": 1024 * 1024, "seconds": 1, "events": 1, "characters": 1}


def bound(text: str) -> int:
    """Give the number that a bound tells; a tag or a token may stand beside it."""
    found = re.fullmatch(r"(\d+) (\w+)(?:, and a (?:tag|token))?", text)
    assert found is not None, text
    return int(found[1]) * UNITS[found[2]]


@pytest.mark.parametrize(("module", "name", "text"), [(row[3], row[4], row[2]) for row in ROWS])
def test_a_bound_is_that_of_its_constant(module: str, name: str, text: str) -> None:
    assert getattr(import_module(module), name) == bound(text)


def test_every_row_of_the_table_is_read() -> None:
    table = PAGE.partition("| What is held |")[2].partition("\n\n")[0]
    assert len(ROWS) == table.count("\n|") - 1
    assert all(what and until for what, until, *_ in ROWS)


def test_every_bound_that_the_menders_name_is_in_the_table() -> None:
    """What a mender holds by is called HELD, EVENTS or BUDGET, and what the peek waits by PEEK_…."""
    listed = {f"{module}.{name}" for *_, module, name in ROWS}
    root = Path(__file__).parents[1] / "addons"
    found = set()
    for path in root.glob("wiremend/**/*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        if path.parent.name in {"chat", "messages", "responses", "pipeline", "mitm"}:
            names = re.findall(
                r"^(HELD|EVENTS|BUDGET|PEEK_[A-Z]+)(?:: Final)? = [\d(]", path.read_text("utf-8"), re.MULTILINE
            )
            found |= {f"{module}.{name}" for name in names}
    assert len(found) >= 7
    assert found <= listed


def test_the_example_prints_what_the_page_shows() -> None:
    found = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(found[1], {})  # noqa: S102 - the page's own example
    assert printed.getvalue() == found[2]


@pytest.mark.parametrize("wire", CONTRACTS)
def test_what_the_page_says_of_a_contract_module_is_there(wire: str) -> None:
    module = import_module(f"wiremend.protocols.{wire}.contract")
    contract = module.Contract()
    assert contract.close()
    (first, *_) = module.check_body(b"{}")
    assert first.code in module.CODES
    assert {"code", "event", "pointer", "message"} <= set(type(first).__dataclass_fields__)
