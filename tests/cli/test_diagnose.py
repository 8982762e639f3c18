"""``wiremend diagnose``: the page of the docs, command by command; what is applied, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.captures_kit import run, write
from tests.explain.diagnose_kit import KIMI, LAB, as_answered, exchange, json_reply, unmended
from tests.test_captures import CAPTURES
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.captures.capture import Capture

TOP: Final = Path(__file__).parents[2]
PAGE: Final = (TOP / "docs" / "diagnose.md").read_text("utf-8")
VERSIONS: Final = {"wiremend": "0.1.0", "mitmproxy": "12.2.3", "python": "3.12.4"}


def block(info: str) -> str:
    """Give the first block of a kind on the page."""
    found = re.search(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


RULES: Final = block("yaml")


def of_a_case(name: str, rules: str = RULES, number: int = 1) -> Capture:
    """Give a case's exchange as it goes by the rules of the page."""
    capture, _, _ = unmended(CAPTURES / name)
    capture = replace(capture, id=f"{number:04x}c0de-0000-4000-8000-00000000{number:04x}", began=1795255200.0 + number)
    capture = as_answered(capture, Today(rules, "rules.yaml"))
    return replace(capture, versions=VERSIONS)


def refused(number: int = 2) -> Capture:
    """Give an exchange with a parameter that its provider does not know."""
    reply = json_reply(400, '{"error": {"message": "Unsupported parameter: \'frobnicate\'"}}')
    capture, _, _ = exchange(text=RULES, reply=reply, more={"frobnicate": 1}, path="/v1/chat/completions")
    return replace(capture, id=f"{number:04x}c0de-0000-4000-8000-00000000{number:04x}", versions=VERSIONS)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the files that the page speaks of, which is the current one, and a home of its own."""
    (tmp_path / "rules.yaml").write_text(RULES, "utf-8")
    captures = [of_a_case("chat/tool-index-missing"), refused()]
    write(tmp_path / "my.flows", captures)
    write(tmp_path / "state" / "wiremend" / "captures" / "2026-11-21T14-16-36Z-1.flows", captures)
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("HOME", tmp_path), ("XDG_STATE_HOME", tmp_path / "state"), ("XDG_CONFIG_HOME", tmp_path / "config"),
        ("COLUMNS", 100), ("NO_COLOR", 1),
    ):  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("WIREMEND_RULES", raising=False)
    return tmp_path


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put this machine's clock into UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown() -> Iterator[tuple[str, str]]:
    """Give the commands of the page in their order, each with what stands below it."""
    for text in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for part in text.split("$ wiremend ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


@pytest.mark.usefixtures("here", "in_utc")
def test_the_commands_of_the_page_one_after_the_other() -> None:
    count = 0
    for command, output in shown():
        done = run(*command.split())
        assert done.exit_code in {0, 1}, done.output
        printed = "\n".join(line.rstrip() for line in done.output.splitlines()) + "\n"
        assert printed.replace(str(Path.cwd()), "~") == output, command
        count += 1
    assert count >= 3


@pytest.mark.usefixtures("here")
def test_the_exit_code_is_one_where_a_problem_was_found_and_null_where_none_is() -> None:
    assert run("diagnose", "my.flows:1").exit_code == 1
    Path("rules.yaml").write_text(RULES.replace("mend: off", "mend: auto"), "utf-8")
    capture = of_a_case("chat/tool-index-missing", Path("rules.yaml").read_text("utf-8"))
    write(Path("good.flows"), [capture])
    done = run("diagnose", "good.flows:1")
    assert (done.exit_code, "nothing is wrong for the client" in done.output) == (0, True)


@pytest.mark.usefixtures("here")
def test_json_has_it_all() -> None:
    done = run("diagnose", "my.flows:1", "--json")
    told = json.loads(done.output)
    assert (done.exit_code, told["format"], told["problem"]) == (1, 1, True)
    assert told["causes"][0]["quirk"] == "tool-index-missing"
    assert "mend: auto" in told["patch"]["diff"]
    sides = {one["side"] for one in told["verdicts"]}
    assert sides == {"upstream", "client"}


@pytest.mark.usefixtures("here")
def test_apply_writes_the_change_and_nothing_else() -> None:
    done = run("diagnose", "my.flows:1", "--apply")
    assert done.exit_code == 1
    after = Path("rules.yaml").read_text("utf-8")
    added = [line for line in after.splitlines() if line not in RULES.splitlines()]
    assert added == ["    mend: auto"]
    assert [line for line in after.splitlines() if line in RULES.splitlines()] == RULES.splitlines()
    again = run("diagnose", "my.flows:1")
    assert "today's rules mend it" in again.output


def test_a_change_that_would_alter_a_case_is_refused_without_force(here: Path) -> None:
    write(here / "corpus.flows", [of_a_case("chat/tool-id-missing", number=7), of_a_case("chat/delta-null", number=8)])
    done = run("diagnose", "my.flows:1", "--apply", "--corpus", "corpus.flows")
    assert done.exit_code == 1
    assert "2 would change" in done.output
    assert "nothing was written" in done.output
    assert (here / "rules.yaml").read_text("utf-8") == RULES
    forced = run("diagnose", "my.flows:1", "--apply", "--corpus", "corpus.flows", "--force")
    assert "written" in forced.output
    assert "mend: auto" in (here / "rules.yaml").read_text("utf-8")


def test_the_exchange_itself_and_cases_with_rules_of_their_own_do_not_count(here: Path) -> None:
    shutil.copytree(CAPTURES / "chat" / "tool-id-missing", here / "captures" / "chat" / "tool-id-missing")
    done = run("diagnose", "my.flows:1", "--apply")
    assert "nothing else changes" in done.output
    assert "1 with rules of their own left out" in " ".join(done.output.split())
    assert "mend: auto" in (here / "rules.yaml").read_text("utf-8")
    same = run("diagnose", "my.flows:2", "--corpus", "my.flows")
    assert "1 exchange of my.flows" in same.output


def test_what_is_shipped_is_copied_and_never_changed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "rules.yaml").unlink()
    reply = json_reply(400, '{"error": {"message": "Unsupported parameter: \'frobnicate\'"}}')
    text = (TOP / "rules.yaml").read_text("utf-8")
    capture, _, _ = exchange(text=text, key=KIMI, model="kimi-for-coding", reply=reply, more={"frobnicate": 1})
    write(here / "kimi.flows", [replace(capture, versions=VERSIONS)])
    monkeypatch.chdir(here)
    done = run("diagnose", "kimi.flows:1", "--apply")
    own = here / "config" / "wiremend" / "rules.yaml"
    assert "written" in done.output, done.output
    assert "remove: [/frobnicate]" in own.read_text("utf-8")
    assert (TOP / "rules.yaml").read_text("utf-8") == text
    assert KIMI not in done.output


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    (
        (("my.flows:1", "--force"), 2, "--force is for --apply"),
        (("my.flows:1", "--corpus", "nowhere"), 2, "nowhere"),
        ((), 2, "Missing argument"),
    ),
)
def test_a_wrong_command_line(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run("diagnose", *arguments)
    assert (done.exit_code, words in done.output) == (code, True), done.output


@pytest.mark.usefixtures("here")
def test_no_key_is_shown_whatever_a_provider_repeats() -> None:
    reply = json_reply(401, json.dumps({"error": {"message": f"Incorrect API key provided: {KIMI}"}}))
    capture, _, _ = exchange(text=LAB, key=KIMI, reply=reply, model="kimi-for-coding")
    write(Path("key.flows"), [replace(capture, versions=VERSIONS)])
    Path("rules.yaml").write_text(LAB, "utf-8")
    for verb in (("diagnose",), ("diagnose", "--json"), ("why",), ("why", "--json")):
        done = run(verb[0], "key.flows:1", *verb[1:])
        assert done.exit_code == 1
        assert KIMI not in done.output
        assert "sk-kimi-" in done.output
