"""The Plano file that people come with, byte for byte: where its requests go, and that both ways in are one.

Expected values are those of the file itself and of Plano's source (0.4.36), which the module docstrings name.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from tests.rules.kit import ANTHROPIC, bearer, decided, problems, rewritten, where
from tests.rules.plano_kit import FILE, KEYS, SEED, made
from wiremend.errors import RulesError
from wiremend.rules.compile import rules_hash
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.watch import Watcher

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.rules.resolve import Resolved

TEXT: Final = read_rules(SEED)


@pytest.fixture(scope="module")
def seed() -> Resolved:
    return load_rules(TEXT, FILE, KEYS).resolved


def test_the_file_is_the_one_that_people_have() -> None:
    """It is a copy of a user's file; an edit of it here would test another."""
    digest = hashlib.sha256(SEED.read_bytes()).hexdigest()
    assert (len(SEED.read_bytes()), digest[:16]) == (1031, "8f2c157f0c07465e")


@pytest.mark.parametrize(
    ("asked", "goes"),
    (
        ("moonshotai/kimi-for-coding", "moonshotai/kimi-for-coding"),
        ("kimi-for-coding", "moonshotai/kimi-for-coding"),
        ("deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-pro"),
        ("deepseek-v4-pro", "deepseek/deepseek-v4-pro"),
        ("deepseek/deepseek-v4-flash", "deepseek/deepseek-v4-flash"),
        ("deepseek-v4-flash", "deepseek/deepseek-v4-flash"),
        ("arch.claude.code.small.fast", "deepseek/deepseek-v4-flash"),
        # nothing of the file: its default
        ("claude-sonnet-4-5", "deepseek/deepseek-v4-flash"),
        ("deepseek/no-such-model", "deepseek/deepseek-v4-flash"),
    ),
)
@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_each_name_goes_to_its_model(seed: Resolved, asked: str, goes: str, wire: str) -> None:
    assert where(seed, model=asked, wire=wire) == goes


@pytest.mark.parametrize(
    ("model", "wire", "url"),
    (
        ("kimi-for-coding", "messages", "https://api.kimi.com/coding/v1/messages"),
        ("kimi-for-coding", "chat", "https://api.kimi.com/coding/v1/chat/completions"),
        ("deepseek-v4-pro", "messages", "https://api.deepseek.com/anthropic/v1/messages"),
        ("deepseek-v4-pro", "chat", "https://api.deepseek.com/v1/chat/completions"),
    ),
)
def test_the_path_of_a_base_url_stands_in_the_place_of_v1(seed: Resolved, model: str, wire: str, url: str) -> None:
    assert rewritten(seed, model=model, wire=wire).destination.url == url


def test_what_leaves_has_the_files_key_and_headers_and_the_bare_name(seed: Resolved) -> None:
    asked = {"User-Agent": "Bun/1.3", **bearer(ANTHROPIC)}
    outcome = rewritten(seed, model="moonshotai/kimi-for-coding", wire="messages", headers=asked)
    assert outcome.headers.get_all("user-agent") == ("KimiCLI/1.3",)
    assert outcome.headers.get_all("x-api-key") == (KEYS["MOONSHOTAI_API_KEY"],)
    assert "authorization" not in outcome.headers
    assert outcome.body is not None
    assert msgspec.json.decode(outcome.body)["model"] == "kimi-for-coding"


def test_three_preferences_choose_for_every_request(seed: Resolved) -> None:
    preferences = seed.rules.preferences
    assert preferences is not None
    assert preferences.every
    assert [(one.name, [str(target) for target in one.route.targets]) for one in preferences.choices] == [
        ("complex_reasoning", ["moonshotai/kimi-for-coding", "deepseek/deepseek-v4-pro"]),
        ("code_review", ["deepseek/deepseek-v4-pro"]),
        ("creative_writing", ["deepseek/deepseek-v4-flash"]),
    ]
    assert preferences.choices[1].description == "reviewing and analyzing existing code for bugs and improvements"


def test_its_address_is_open_to_others_only_with_a_token() -> None:
    found = load_rules(TEXT, FILE, KEYS)
    assert (found.resolved.host, found.resolved.port) == ("127.0.0.1", 12000)
    (told,) = found.warnings
    assert (told.file, told.line) == (FILE, 37)
    assert "WIREMEND_TOKEN" in told.message
    token = {"WIREMEND_TOKEN": "FAKE-token-of-a-test"}
    found = load_rules(TEXT, FILE, {**KEYS, **token})
    assert (found.resolved.host, found.warnings) == ("0.0.0.0", ())  # noqa: S104 - what the file says
    assert found.resolved.token is not None


@pytest.mark.parametrize(("name", "line"), (("MOONSHOTAI_API_KEY", 4), ("DEEPSEEK_API_KEY", 10)))
def test_a_variable_that_is_not_set_is_named_with_its_model(name: str, line: int) -> None:
    environ = {key: value for key, value in KEYS.items() if key != name}
    with pytest.raises(RulesError) as caught:
        load_rules(TEXT, FILE, environ)
    (error,) = (problem for problem in caught.value.problems if problem.severity == "error")
    assert (error.file, error.line) == (FILE, line)
    assert f"{name} is not set" in error.message
    assert "`passthrough_auth: true`" in error.message
    assert "`key:" not in error.message


def test_nothing_of_it_is_left_out() -> None:
    assert made(TEXT).findings == ()
    assert load_rules(TEXT, FILE, KEYS, offline=True).warnings == ()


# -- one file, two ways


def test_what_is_written_decides_as_the_file_itself_does(seed: Resolved) -> None:
    written = load_rules(made(TEXT).text, "rules.yaml", KEYS).resolved
    for model in (
        *("moonshotai/kimi-for-coding", "kimi-for-coding", "deepseek-v4-pro", "deepseek/deepseek-v4-flash", "auto"),
        *("arch.claude.code.small.fast", "claude-opus-4-5", "openai/gpt-5", "deepseek/x", "", "KIMI-FOR-CODING"),
    ):
        for wire in ("messages", "chat", "responses"):
            for host in (None, "api.anthropic.com", "api.kimi.com"):
                one, two = (rewritten(rules, model=model, wire=wire, host=host) for rules in (seed, written))
                assert one.destination == two.destination
                assert one.headers == two.headers
                assert one.body == two.body
                assert (one.decision.by, one.decision.targets) == (two.decision.by, two.decision.targets)


def test_the_written_rules_are_sound_without_a_word(seed: Resolved) -> None:
    assert problems(made(TEXT).text, KEYS, offline=True) == []
    assert seed.rules.hash == rules_hash(TEXT)  # the hash is of the text that the user has


def test_every_place_is_one_of_the_files_own(seed: Resolved) -> None:
    rules = seed.rules
    assert {name: provider.line for name, provider in rules.providers.items() if provider.line} == {
        "moonshotai": 4,
        "deepseek": 10,
    }
    assert [(route.label, route.line) for route in rules.routes] == [
        ("moonshotai/kimi-for-coding", 4),
        ("deepseek/deepseek-v4-pro", 10),
        ("deepseek/deepseek-v4-flash", 13),
    ]
    assert rules.aliases["arch.claude.code.small.fast"].line == 33
    assert rules.default_line == 15
    assert rules.listen.line == 37
    assert rules.preferences is not None
    assert [one.line for one in rules.preferences.choices] == [18, 23, 27]
    why = decided(seed, model="kimi-for-coding").why
    assert why[-1] == "route 'moonshotai/kimi-for-coding' matches (plano_config.yaml:4)"


def test_each_remark_names_the_line_that_says_so() -> None:
    """What stands behind ``FILE:N`` is on line N: the last word of each written line is there."""
    lines = TEXT.splitlines()
    named = 0
    for line in made(TEXT).text.splitlines():
        said, mark, where_from = line.partition("# plano_config.yaml:")
        if not mark:
            continue
        number = int(where_from.partition(":")[0])
        word = said.rpartition(": ")[2].strip(" -[]{}\"'").rpartition("/")[2]
        assert word.rstrip(":").rpartition(" ")[2] in lines[number - 1] or word.rstrip(":") in _RENAMED, line
        named += 1
    assert named > 25


_RENAMED: Final = {"moonshotai", "deepseek", "preferences", "deepseek-v4-flash", "listen"}
"""What is called otherwise in the file, or stands on its first line in other words."""


def test_a_running_proxy_takes_a_changed_file_up(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text(TEXT)
    watcher = Watcher(path, KEYS)
    assert where(watcher.current.resolved, model="claude-x") == "deepseek/deepseek-v4-flash"
    pro = "v4-pro\n    access_key: $DEEPSEEK_API_KEY\n"
    path.write_text(TEXT.replace("    default: true\n", "").replace(pro, pro + "    default: true\n"))
    assert (watcher.look(), watcher.look()) == ("same", "reloaded")
    assert where(watcher.current.resolved, model="claude-x") == "deepseek/deepseek-v4-pro"
    path.write_text(TEXT.replace("target: deepseek-v4-flash", "target: deepseek-v4-flush"))
    assert watcher.look() == "same"
    with pytest.raises(RulesError, match=r"plano_config.yaml:34:13: 'deepseek-v4-flush' is not among the model provid"):
        watcher.look()
    assert where(watcher.current.resolved, model="claude-x") == "deepseek/deepseek-v4-pro"
