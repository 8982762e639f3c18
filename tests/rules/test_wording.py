"""A text as the router reads it: what is a word, where a clause begins, and which signs there are."""

from __future__ import annotations

import string
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.rules import word_lists, wording
from wiremend.rules.wording import SIGNS, read, stem


def told(text: str) -> str:
    """Write the words of a text: by their stems, ``^`` before what begins its clause, ``|`` between sentences."""
    written, sentence = [], 0
    for word in read(text).words:
        written += ["|"] * (word.sentence > sentence)
        written.append(f"{'^' if word.begins else ''}{word.stem}")
        sentence = word.sentence
    return " ".join(written)


READ: Final = {
    "Prove it.": "^prov it",
    "Fix src/a.py, then run it": "^fix {path} ^then ^run it",
    "please can you run it": "^pleas ^can ^you ^run it",
    "I ran it. It failed": "^i ^ran it | ^it fail",
    "call retry_limit and --dry-run": "^call {path} and ^{path}",
    "see https://a.example/b?c=d now": "^see now",
    "what's wrong": "^what is wrong",
    "it\u2019s don\u2019t": "^it is don't",
    "proofs proving proved": "^proof prov prov",
    "证明 it": "^证 明 it",
    "请证明": "^请 ^证 明",
    "f\u00fcr Gr\u00f6\u00dfe": "^für grösse",
    "\uff50rove": "^prov",
    "v1.2 and 3.5": "^v1 2 and ^3 5",
    "a\n\nb": "^a | ^b",
    "a - b": "^a ^b",
    "work-stealing": "^work steal",
    "go (run it)": "^go ^run it",
    "0/1 knapsack": "^0 1 knapsack",
    "": "",
    "```\nreview\n```": "",
    "go\n```\nreview\n```\non": "^go ^on",
    "why?\n\ndef f(x):\n    return x": "^why",
    "Is it safe? foo(a); bar(b);": "^is it saf",
    "name,role\nKim,reviewer,2021": "^nam ^rol",
}


@pytest.mark.parametrize(("text", "words"), READ.items(), ids=READ.keys())
def test_the_words_of_a_text(text: str, words: str) -> None:
    assert told(text) == words


HAS: Final[dict[str, tuple[str, set[str]]]] = {
    "a fence": ("look\n```\nx\n```", {"{code}", "{thing}"}),
    "a fence that nothing closes": ("look\n```\nx", {"{code}"}),
    "a diff": ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", {"{diff}", "{code}"}),
    "a diff in a fence": ("```diff\n@@ -1 +1 @@\n-a\n```", {"{diff}", "{code}"}),
    "a stack trace": ('Traceback (most recent call last):\n  File "a.py", line 3, in f\nValueError: x', {"{trace}"}),
    "code without a fence": ("def f(x):\n    return x + 1", {"{code}"}),
    "code in a line": ("critique: SELECT * FROM t WHERE a = 1", {"{code}"}),
    "a Dockerfile": ("FROM ubuntu:latest\nRUN apt-get update", {"{code}"}),
    "a path": ("open src/a.py", {"{path}", "{thing}"}),
    "a table": ("a,b,c\n1,2,3", {"{data}"}),
    "a formula": ("let x^2 = 4", {"{math}"}),
    "a sum": ("what is 3 + 4 = ?", {"{math}"}),
    "numbers": ("5 machines make 100 widgets in 9 minutes", {"{figures}"}),
    "numbers in words": ("two trains, three stations, twice a day", {"{figures}"}),
    "a question": ("why is that?", {"{question}", "{world}", "{open}", "{short}"}),
    "a question in Chinese": ("为什么\uff1f", {"{question}"}),
    "a yes or a no": ("is this thread safe?", {"{yesno}", "{thing}"}),
    "a name in camel case": ("where is OrderService placed", {"{thing}"}),
    "code in Chinese": ("这段代码", {"{thing}"}),
    "many words": (" ".join(["word"] * wording.LONG_FROM), {"{long}", "{wordy}"}),
}


@pytest.mark.parametrize(("text", "signs"), HAS.values(), ids=HAS.keys())
def test_what_is_there(text: str, signs: set[str]) -> None:
    assert read(text).signs >= signs


HAS_NOT: Final[dict[str, tuple[str, set[str]]]] = {
    "prose with a colon": ("I need three things from you: time, money and luck.", {"{code}", "{math}", "{data}"}),
    "prose with commas": ("a notebook,160 pages,stone paper of the best kind", {"{data}"}),
    "Chinese with commas": ("有两个盒子,最优策略是什么,成功率多少", {"{data}", "{code}"}),
    "units": ("60 km/h", {"{path}"}),
    "either or": ("yes and/or no", {"{path}"}),
    "a polite command": ("can you run the tests?", {"{yesno}"}),
    "a query string": ("see https://a.example/?a=b", {"{question}"}),
    "a brand in camel case": ("a poem for GitHub", {"{thing}"}),
    "the trade": ("the database is down", {"{world}", "{thing}"}),
    "code is not long": ("```\nx\n```\n" + " ".join(["word"] * wording.LONG_FROM), {"{long}"}),
    "two numbers": ("take 2 of 5", {"{figures}"}),
}


@pytest.mark.parametrize(("text", "signs"), HAS_NOT.values(), ids=HAS_NOT.keys())
def test_what_is_not_there(text: str, signs: set[str]) -> None:
    assert not read(text).signs & signs


@pytest.mark.parametrize(
    ("word", "expected"),
    (
        ("analyses", "analys"),
        ("analyzing", "analys"),
        ("stories", "story"),
        ("bus", "bus"),
        ("class", "class"),
        ("bug", "bug"),
        ("string", "string"),
        ("running", "run"),
        ("spelling", "spell"),
        ("user's", "user"),
        ("geschichte", "geschicht"),
        ("für", "für"),
    ),
)
def test_a_stem(word: str, expected: str) -> None:
    assert stem(word) == expected


@given(st.text(max_size=300))
def test_reading_never_raises(text: str) -> None:
    found = read(text)
    assert found.signs <= set(SIGNS)
    assert all(word.stem and word.said for word in found.words)
    assert [word.sentence for word in found.words] == sorted(word.sentence for word in found.words)


@given(st.text(string.ascii_lowercase + "'äß", min_size=1, max_size=15))
def test_a_stem_is_never_empty_and_no_longer_than_its_word(word: str) -> None:
    assert 0 < len(stem(word)) <= len(word)


def test_no_word_of_the_trade_is_listed_twice() -> None:
    assert not word_lists.THINGS & word_lists.TRADE
