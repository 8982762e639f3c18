"""Globs: what they match, and what they say of each other.

``overlap`` and ``covers`` are judged by brute force: over an alphabet of two letters every text up to a length is
tried, where the length is enough to tell any two of the small globs apart (a text longer than both token lists has a
stretch that only stars take, and can be shortened). ``overlap`` must be exact; ``covers`` may be modest, never wrong.
"""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.rules.globs import GlobError, compile_glob, covers, overlap


@pytest.mark.parametrize(
    ("glob", "text", "fits"),
    (
        ("claude-*", "claude-opus", True),
        ("claude-*", "claude-", True),
        ("claude-*", "claude", False),
        ("claude-*", "CLAUDE-Opus", True),
        ("CLAUDE-*", "claude-opus", True),
        ("claude-*", "xclaude-opus", False),
        ("*-turbo", "kimi-turbo", True),
        ("*-turbo", "kimi-turbo-x", False),
        ("*", "", True),
        ("*", "anything/at all\nhere", True),
        ("?", "", False),
        ("?", "é", True),
        ("k?mi", "kimi", True),
        ("k?mi", "k/mi", True),
        ("k??", "kimi", False),
        ("[abc]x", "Bx", True),
        ("[abc]x", "dx", False),
        ("[!abc]x", "dx", True),
        ("[!abc]x", "Ax", False),
        ("[^abc]x", "ax", False),
        ("[a-c]x", "bx", True),
        ("[A-C]x", "bx", True),
        ("[a-]x", "-x", True),
        ("[-a]x", "-x", True),
        ("[[]x", "[x", True),
        ("[]]x", "]x", True),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("[?]", "?", True),
        ("a.c", "abc", False),
        ("a.c", "a.c", True),
        ("a+(b)|c$", "a+(b)|c$", True),
        ("a\\*", "a\\b", True),
        ("*.kimi.com", "api.kimi.com", True),
        ("*.kimi.com", "kimi.com", False),
        ("*.kimi.com", "api.kimi.com.evil.example", False),
        ("api.kimi.com", "api.kimi.com\n", False),
        ("**", "ab", True),
        ("ß", "ß", True),
    ),
)
def test_what_a_glob_matches(glob: str, text: str, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    assert compile_glob(glob).matches(text) is fits


@pytest.mark.parametrize(
    ("glob", "told"),
    (
        ("", "empty glob"),
        ("[", "not closed"),
        ("a[", "not closed"),
        ("[]", "not closed"),
        ("[!", "not closed"),
        ("x[abc", "not closed"),
        ("[z-a]", "runs backwards"),
        ("[!]", "empty"),
    ),
)
def test_what_is_no_glob(glob: str, told: str) -> None:
    with pytest.raises(GlobError, match=re.escape(told)):
        compile_glob(glob)


@pytest.mark.parametrize(
    ("glob", "one_text"),
    (("kimi", True), ("[k]imi", True), ("kim?", False), ("kim*", False), ("[kK]imi", True), ("[!k]", False)),
)
def test_literal_says_whether_one_text_only_matches(glob: str, one_text: bool) -> None:  # noqa: FBT001 - a column
    assert compile_glob(glob).literal is one_text


def test_a_glob_of_many_stars_does_not_hang() -> None:
    glob = compile_glob("*a" * 12 + "b")
    assert not glob.matches("a" * 26)
    assert overlap(glob, compile_glob("*a" * 12 + "c")) is False
    assert covers(compile_glob("*" + "?" * 30), glob) is False


PIECES = ("a", "b", "*", "?", "[ab]", "[!a]", "[b]")
GLOBS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
# "c" stands for every character that no glob names: the sets above cannot tell two such apart.
TEXTS = tuple("".join(text) for length in range(7) for text in itertools.product("abc", repeat=length))


def language(glob: str) -> frozenset[str]:
    """Give the texts that a glob matches, by translation to a regular expression: an independent reading."""
    pattern = "".join({"*": "[abc]*", "?": "[abc]", "[!a]": "[bc]"}.get(p, p) for p in re.findall(r"\[.*?\]|.", glob))
    return frozenset(filter(re.compile(pattern).fullmatch, TEXTS))


LANGUAGES: dict[str, frozenset[str]] = {}


def known(glob: str) -> frozenset[str]:
    if glob not in LANGUAGES:
        LANGUAGES[glob] = language(glob)
    return LANGUAGES[glob]


@given(GLOBS)
def test_matching_agrees_with_brute_force(glob: str) -> None:
    compiled = compile_glob(glob)
    assert {text for text in TEXTS if compiled.matches(text)} == known(glob)


@given(GLOBS, GLOBS)
def test_overlap_is_exact(one: str, two: str) -> None:
    assert overlap(compile_glob(one), compile_glob(two)) is bool(known(one) & known(two))
    assert overlap(compile_glob(two), compile_glob(one)) is bool(known(one) & known(two))


@given(GLOBS, GLOBS)
def test_covers_is_sound(wide: str, narrow: str) -> None:
    if covers(compile_glob(wide), compile_glob(narrow)):
        assert known(wide) >= known(narrow)


@given(GLOBS)
def test_a_glob_covers_itself_and_the_star_covers_all(glob: str) -> None:
    compiled = compile_glob(glob)
    assert covers(compiled, compiled)
    assert covers(compile_glob("*"), compiled)


@pytest.mark.parametrize(
    ("wide", "narrow", "yes"),
    (
        ("kimi-*", "kimi-k2*", True),
        ("kimi-*", "KIMI-K2*", True),
        ("kimi-*", "kimi-", True),
        ("kimi-k2*", "kimi-*", False),
        ("*kimi*", "kimi-k2", True),
        ("*", "?", True),
        ("?", "*", False),
        ("[a-c]*", "b", True),
        ("[!a]", "b", True),
        ("[!a]", "?", False),
        ("**", "*", True),
    ),
)
def test_covers_sees_what_people_write(wide: str, narrow: str, yes: bool) -> None:  # noqa: FBT001 - a column
    assert covers(compile_glob(wide), compile_glob(narrow)) is yes
