"""``capture`` and ``replay`` in rules.yaml: what is kept, where, what is replaced in it, and how cases are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, bearer, decided, facts, problems, resolved
from wiremend.rules.engine import is_kept
from wiremend.rules.model import Capture, Replay, When
from wiremend.rules.scrubbing import parse_scrub

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400.0
LOCAL = "default: local\n"


# --- what the file says -----------------------------------------------------------------------------------------------


def test_without_the_key_everything_is_kept_for_a_week() -> None:
    assert resolved("version: 1").rules.capture == Capture(True, 7 * DAY, 2_000_000_000)  # noqa: FBT003 - on


def test_off_keeps_nothing() -> None:
    assert resolved("version: 1\ncapture: off").rules.capture == Capture(on=False, line=2)


def test_each_key_is_read() -> None:
    capture = resolved(
        """
        version: 1
        capture: {keep: 36h, max_size: 1GiB, scrub: [/a/b~1c, 're:acct_[0-9]+', /m/*/id], when: {wire: chat}}
        """
    ).rules.capture
    assert (capture.on, capture.keep, capture.max_size, capture.line) == (True, 1.5 * DAY, 2**30, 3)
    assert capture.scrub_pointers == (("a", "b/c"), ("m", "*", "id"))
    assert [pattern.pattern for pattern in capture.scrub_patterns] == [b"acct_[0-9]+"]
    assert capture.when == When(wire=("chat",))


def test_one_place_to_scrub_needs_no_list() -> None:
    assert resolved("capture: {scrub: /metadata/user_id}").rules.capture.scrub_pointers == (("metadata", "user_id"),)


def test_what_is_served_is_not_warned_of() -> None:
    assert problems("capture: {keep: 7d}\nreplay: {max_age: 90d}") == []


@pytest.mark.parametrize(
    ("text", "replay"),
    (
        ("version: 1", Replay()),
        ("replay: {}", Replay()),
        ("replay: {ignore: /a}", Replay((("a",),))),
        ("replay: {ignore: [/a/*/b, /c], max_age: 90d}", Replay((("a", "*", "b"), ("c",)), 90 * DAY)),
    ),
)
def test_what_replay_says_is_read(text: str, replay: Replay) -> None:
    assert resolved(text).rules.replay == replay


# --- where ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "environ", "path"),
    (
        ("/srv/captures", {}, "/srv/captures"),
        ("~/captures", {"HOME": "/home/ada"}, "/home/ada/captures"),
        ("'~'", {"HOME": "/home/ada"}, "/home/ada"),
        ("$DIR/x", {"DIR": "/srv"}, "/srv/x"),
        ("'${DIR:-~/x}'", {"HOME": "/home/ada"}, "/home/ada/x"),
        ("/srv/$USER_NAME", {"USER_NAME": "ada"}, "/srv/ada"),
    ),
)
def test_the_folder_gets_its_variables_and_the_home(folder: str, environ: dict[str, str], path: str) -> None:
    assert str(resolved(f"capture: {{dir: {folder}}}", environ).capture_folder) == path


@pytest.mark.parametrize("text", ("version: 1", "capture: off", "capture: {keep: 1d}"))
def test_without_a_folder_the_usual_one_is_meant(text: str) -> None:
    assert resolved(text).capture_folder is None


@pytest.mark.parametrize("folder", ("captures", "./captures", "../captures", "'.'", "captures/$X", "''"))
def test_a_relative_folder_is_refused_where_it_stands(folder: str) -> None:
    (problem,) = problems(f"capture: {{dir: {folder}}}", {"X": "/srv"})
    assert problem.startswith("1:16: a folder begins with / or ~/")


def test_the_home_of_another_is_refused() -> None:
    (problem,) = problems("capture: {dir: ~ada/captures}")
    assert "your own home alone" in problem


@pytest.mark.parametrize(
    ("environ", "told"),
    (
        ({}, "the variable DIR is not set"),
        ({"DIR": ""}, "the variable DIR is not set"),
        ({"DIR": "FAKE-relative"}, "a folder begins with / or ~/"),
        ({"DIR": "/a\nFAKE"}, "one line"),
        ({"DIR": "/a\0FAKE"}, "one line"),
    ),
)
def test_a_folder_that_a_variable_spoils_is_told_at_the_start(environ: dict[str, str], told: str) -> None:
    text = "version: 1\ncapture: {dir: $DIR}"
    (problem,) = problems(text, environ)
    assert problem.startswith("2:1: capture.dir cannot be used: ")
    assert told in problem
    assert "FAKE" not in problem
    assert problems(text, environ, offline=True) == []


def test_offline_no_folder_is_named(tmp_path: Path) -> None:
    assert resolved(f"capture: {{dir: {tmp_path}}}", offline=True).capture_folder is None


# --- what is replaced -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "body", "found"),
    (
        ("re:acct_[0-9]+", "see acct_0042.", "acct_0042"),
        ("re:Jürgen", "an Jürgen M.", "Jürgen"),
        ("re:Jürgené?X", "JürgenX", "JürgenX"),  # the mark after a letter means the letter, not its last byte
        ("re:ü{2}", "aüüb", "üü"),
        (r"re:\ü", "aüb", "ü"),
        ("re:[]a]+é", "x]aé", "]aé"),
        (r"re:[^\]]é", "]éaé", "aé"),
        ("re:[^]a]é", "aébé", "bé"),
        (r"re:\[é", "[é", "[é"),
        ("re:(?i)ADA", "ada", "ada"),
    ),
)
def test_a_pattern_finds_what_it_says(text: str, body: str, found: str) -> None:
    pattern = parse_scrub(text)
    assert isinstance(pattern, re.Pattern)
    match = pattern.search(body.encode())
    assert match is not None
    assert match[0] == found.encode()


@pytest.mark.parametrize(
    "text",
    (
        "re:",
        "re:a*",
        "re:(a|)",
        "re:^",
        "re:$",
        r"re:\b",
        "re:(?=acct)",
        "re:(?<=a)",
        "re:(?!zzz)",
        "re:x{0,3}",
        "re:é?",
    ),
)
def test_a_pattern_that_matches_the_empty_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="matches the empty text"):
        parse_scrub(text)


@pytest.mark.parametrize(
    "text", ("re:(", "re:[[a]", "re:a{99999999999999999999}", "re:(?u)a", "re:" + "(" * 20_000, "re:(?P<a>b)(?P<a>c)")
)
def test_a_pattern_that_cannot_be_compiled_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be used"):
        parse_scrub(text)


@pytest.mark.parametrize("text", ("re:[é]", "re:a[^é]", "re:[]é]", "re:[^]é]", r"re:[\]é]", r"re:[a\é]"))
def test_a_set_of_letters_beyond_ascii_is_refused(text: str) -> None:
    """In bytes it would be a set of halves of letters."""
    with pytest.raises(ValueError, match="a set in a pattern takes ASCII alone"):
        parse_scrub(text)


@pytest.mark.parametrize("text", ("", "a", "RE:a", " /a", "re :a", "metadata.user_id"))
def test_what_is_neither_pointer_nor_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a JSON pointer"):
        parse_scrub(text)


@given(st.text(alphabet=st.sampled_from("re:/[]^-()?*+{}|\\aé\ud800\n1,.~")).map("re:".__add__) | st.text())
@example("re:\ud800")
def test_any_text_is_an_entry_or_told_why_not(text: str) -> None:
    try:
        entry = parse_scrub(text)
    except ValueError:
        return
    assert isinstance(entry, tuple) or entry.search(b"") is None


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1), st.text())
def test_a_text_taken_literally_is_found_wherever_it_stands(text: str, around: str) -> None:
    pattern = parse_scrub(f"re:{re.escape(text)}")
    assert isinstance(pattern, re.Pattern)
    left = around.encode("utf-8", "replace")
    assert pattern.search(left + text.encode() + left) is not None


# --- which exchanges --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "model", "kept"),
    (
        ("{}", "m", True),
        ("{provider: local}", "m", True),
        ("{provider: ollama}", "m", False),
        ("{model: sent}", "asked", True),  # the alias sends another name than was asked for
        ("{model: asked}", "asked", False),
        ("{key: sk-kimi-*}", "m", True),
        ("{key: null}", "m", False),
        ("{provider: local, stream: true}", "m", False),
    ),
)
def test_when_says_what_is_kept(when: str, model: str, kept: bool) -> None:  # noqa: FBT001 - a column
    rules = resolved(f"{LOCAL}aliases: {{asked: local/sent}}\ncapture: {{when: {when}}}")
    asked = {"model": model, "headers": bearer(KIMI)}
    assert is_kept(facts(rules, **asked), decided(rules, **asked), rules.rules) is kept


@pytest.mark.parametrize(
    ("capture", "kept"),
    (("off", False), ("{keep: 1d}", True), ("{when: {model: m}}", True), ("{when: {provider: '*'}}", False)),
)
def test_what_was_not_decided_has_no_provider(capture: str, kept: bool) -> None:  # noqa: FBT001 - a column
    rules = resolved(f"capture: {capture}")
    assert is_kept(facts(rules, model="m"), None, rules.rules) is kept
