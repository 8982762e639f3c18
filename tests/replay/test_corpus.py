"""What there is at a path, and that it is read one after the other: a corpus takes the memory of one exchange."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.replay.cases_kit import CASES, RULES, asking, put, repository
from tests.replay.kit import captured
from wiremend.cli.replay_rules import Books
from wiremend.cli.replay_run import Job, judged
from wiremend.errors import CaptureError, SetupError
from wiremend.headers import Headers
from wiremend.replay.corpus import Corpus, corpus
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Capture

SORTED = sorted(CASES)
FILES = (
    *("case.yaml", "client.request", "client.request.json", "client.response"),
    *("upstream.request", "upstream.request.json", "upstream.response", "upstream.sse"),
)


@dataclass
class Flow:
    """A flow as a flow file's reader gives it."""

    number: int
    capture: Capture | None = None
    error: str | None = None


def names(found: Corpus) -> list[str]:
    return [item.name for item in found]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return repository(tmp_path)


@pytest.mark.parametrize("path", (".", "captures", "captures/chat"))
def test_a_repository_a_tree_and_a_wire_have_the_same_cases(here: Path, path: str) -> None:
    found = corpus([here / path])
    assert names(found) == [f"captures/chat/{name}" for name in SORTED]
    assert found.total == len(CASES)


@pytest.mark.parametrize("path", ("captures/chat/one", "captures/chat/one/case.yaml"))
def test_a_case_is_its_folder_or_its_file(here: Path, path: str) -> None:
    (item,) = corpus([here / path])
    assert item.name == "captures/chat/one"
    assert item.case is not None
    assert item.capture == item.case.capture


def test_what_is_named_twice_counts_once(here: Path) -> None:
    assert corpus([here, here / "captures" / "chat" / "one", here]).total == len(CASES)


def test_what_lies_elsewhere_goes_by_its_whole_path(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert names(corpus([here / "captures" / "chat" / "one"])) == [str(here / "captures" / "chat" / "one")]


@pytest.mark.parametrize("path", ("nothing", "nothing.mitm:2", "empty", "here.mitm:0", "captures/chat/none/case.yaml"))
def test_what_is_not_there_is_said_before_anything_is_read(here: Path, path: str) -> None:
    (here / "empty").mkdir()
    (here / "here.mitm").touch()
    with pytest.raises(SetupError, match=path.partition("/case")[0]):
        corpus([here, here / path])


def test_a_case_of_its_own_rules_has_them(here: Path) -> None:
    (here / "captures" / "chat" / "two" / "rules.yaml").write_text(RULES, "utf-8")
    rules = {item.name: item.rules for item in corpus([here])}
    own = here / "captures" / "chat" / "two" / "rules.yaml"
    assert rules.pop("captures/chat/two") == own
    assert set(rules.values()) == {None}


def test_a_case_that_cannot_be_read_has_its_error_and_the_others_go_on(here: Path) -> None:
    (here / "captures" / "chat" / "mini" / "case.yaml").write_text("format: 99\ntitle: x\n", "utf-8")
    found = {item.name: item for item in corpus([here])}
    assert list(found) == [f"captures/chat/{name}" for name in SORTED]
    broken = found["captures/chat/mini"]
    assert broken.capture is None
    assert "case.yaml:1" in (broken.error or "")
    assert [name for name, item in found.items() if item.error] == ["captures/chat/mini"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=12))
def test_whatever_a_file_of_a_case_holds_the_others_go_on(
    here: Path, name: str, begin: int, size: int, put_in: bytes
) -> None:
    file = here / "captures" / "chat" / "two" / name
    before = file.read_bytes()
    file.write_bytes(before[:begin] + put_in + before[begin + size :])
    try:
        job = Job(corpus([here]), "recorded", 0, "text")
        found = list(judged(job, Books(Today(RULES, "rules.yaml"), "rules.yaml")))
    finally:
        file.write_bytes(before)
    results = {one.item.name: one.result for one in found if one.result is not None}
    assert list(results) == [f"captures/chat/{name}" for name in SORTED]
    assert [result.name for result in results.values() if not result.sound] in ([], ["captures/chat/two"])


# -- flow files

FLOWS = [Flow(1, asking("lab-1")), Flow(2), Flow(4, error="flows.mitm:4: it is broken"), Flow(5, asking("gpt-x"))]


def of_flows(path: Path) -> Iterator[Flow]:
    assert path.name == "flows.mitm"
    yield from FLOWS


@pytest.fixture
def flows(here: Path) -> Path:
    file = here / "flows.mitm"
    file.touch()
    return file


def test_of_a_flow_file_all_captures_count_and_strangers_are_told_apart(flows: Path) -> None:
    found = corpus([flows], of_flows)
    assert found.total is None
    items = list(found)
    assert [item.name for item in items] == [f"flows.mitm:{number}" for number in (1, 2, 4, 5)]
    assert [item.capture is not None for item in items] == [True, False, False, True]
    assert [item.stranger for item in items] == [False, True, False, False]
    assert items[2].error == "flows.mitm:4: it is broken"


@pytest.mark.parametrize(
    ("number", "error"),
    (
        (1, None),
        (2, "flows.mitm:2: this flow holds no capture of Wiremend's"),
        (4, "flows.mitm:4: it is broken"),
        (5, None),
        (9, "flows.mitm: there is no flow 9; the file has 5"),
    ),
)
def test_one_flow_is_named_by_its_number(flows: Path, number: int, error: str | None) -> None:
    found = corpus([Path(f"{flows}:{number}")], of_flows)
    assert found.total == 1
    (item,) = found
    assert (item.name, item.error) == (f"flows.mitm:{number}", error)
    assert (item.capture is not None) is (error is None)


@pytest.mark.parametrize("error", (CaptureError("flows.mitm: offset 7: what is this"), OSError("no such device")))
def test_a_file_that_breaks_off_gives_what_was_whole(flows: Path, error: Exception) -> None:
    def broken(_: Path) -> Iterator[Flow]:
        yield FLOWS[0]
        raise error

    first, last = corpus([flows], broken)
    assert first.capture is not None
    assert str(error) in (last.error or "")


def test_without_a_reader_flow_files_are_told_apart(flows: Path) -> None:
    (item,) = corpus([flows])
    assert item.error == "flows.mitm: flow files cannot be read here"


# -- memory


def test_of_what_passes_nothing_is_kept(flows: Path) -> None:
    """Sixty exchanges of a megabyte take the memory of a few; they are no LLM's, so that it is quick."""
    size = 1_000_000

    def many(_: Path) -> Iterator[Flow]:
        for number in range(60):
            capture = captured()
            request = replace(
                capture.request, host="files.example", target="/blob", body=bytes(size), headers=Headers()
            )
            attempts = (replace(capture.attempts[0], request=request),)
            yield Flow(number + 1, replace(capture, request=request, attempts=attempts, wire=None, answer=None))

    job = Job(corpus([flows], many), "recorded", 0, "text")
    books = Books(Today(RULES, "rules.yaml"), "rules.yaml")
    tracemalloc.start()
    try:
        count = sum(one.result is not None and one.result.error is None for one in judged(job, books))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60
    assert peak < 10 * size


def test_the_rules_of_cases_are_kept_in_bounded_number(here: Path) -> None:
    folder = put(here, "own", asking("lab-1"))
    books = Books(Today(RULES, "rules.yaml"), "rules.yaml")
    seen = []
    for number in range(100):
        (folder / "rules.yaml").write_text(f"# {number}\n{RULES}", "utf-8")
        (item,) = corpus([folder])
        today = books.for_item(item)
        assert books.for_item(item) is today
        seen.append(today.hash)
    assert len(set(seen)) == 100
    assert len(books._own) <= 64
