"""What is said of differences: lines that fit and show where values differ, and comments that nothing escapes from."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from wiremend.replay.beside import NOTHING, beside, columns, shortened, visible
from wiremend.replay.compare import Difference
from wiremend.replay.report import (
    LIMIT,
    SHOWN,
    SIDE_BY_SIDE,
    Comment,
    Counts,
    Result,
    as_plain,
    as_text,
    picture,
    plain,
)

if TYPE_CHECKING:
    from markdown_it.token import Token

WARM = Difference("upstream", "/temperature", "0.6", "1.0", "edit 'warm' (rules.yaml:12)")
URL = Difference("upstream", "url", "https://one.example/v1", "https://other.example/v1", "route 'x' (rules.yaml:7)")
TEXTS = st.text(st.characters(exclude_characters="\\") | st.sampled_from("\n\x1b\u202e\ud800你`|<>&"), max_size=80)
NASTY = st.lists(
    st.sampled_from(["`", "```", "~~~", "</details>", "<b>", "\n", "\n\n", "|", "@you", "#1", "x" * 50, "&lt;"])
)


def result(*differences: Difference, **more: object) -> Result:
    return replace(Result("captures/chat/one", "A title", differences), **more)  # type: ignore[arg-type]  # its fields


# -- values beside each other


@given(TEXTS, TEXTS, st.integers(24, 100))
def test_two_values_that_differ_look_different_and_fit(one: str, other: str, room: int) -> None:
    left, right = beside(one, other, room)
    assert (left.text == right.text) is (one == other)
    for side in (left, right):
        assert columns(side.text) <= room
        assert not [c for c in side.text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(TEXTS, TEXTS, st.text("ab", max_size=500), st.text("ab", max_size=500), st.integers(24, 100))
def test_the_place_where_long_values_differ_is_shown_and_marked(
    one: str, other: str, before: str, behind: str, room: int
) -> None:
    if one == other:
        return
    left, right = beside(f"{before}{one}{behind}", f"{before}{other}{behind}", room)
    assert left.text != right.text
    assert left.mark is not None
    assert right.mark is not None
    for side in (left, right):
        begin, end = side.mark or (0, 0)
        assert 0 <= begin <= end <= len(side.text)
    assert left.text[: left.mark[0]] == right.text[: right.mark[0]]


def test_the_mark_is_the_part_that_differs() -> None:
    left, right = beside("x" * 300 + "Hello" + "y" * 300, "x" * 300 + "Hallo" + "y" * 300, 40)
    assert (left.text[slice(*left.mark or ())], right.text[slice(*right.mark or ())]) == ("e", "a")
    assert left.text.startswith("…x")
    assert left.text.endswith("y…")
    assert (len(left.text), len(right.text)) == (40, 40)


def test_what_is_put_in_is_marked_on_its_side_and_its_place_on_the_other() -> None:
    left, right = beside("abef", "abcdef", 40)
    assert right.mark == (2, 4)
    assert left.mark == (2, 2)


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    assert columns("你好") == 4
    assert columns("e\u0301") == 1
    assert shortened("你好" * 10, 9) == "你好你好…"


def test_nothing_that_a_terminal_would_act_on_gets_through() -> None:
    assert visible("\x1b[31m\u202e\ud800\n\u2028") == "\\x1b[31m\\u202e\\ud800\\n\\u2028"


def test_values_of_megabytes_are_compared_quickly_enough_to_be_shown() -> None:
    one = "x" * 5_000_000
    left, right = beside(one + "a" + one, one + "b" + one, 60)
    assert "a" in left.text
    assert "b" in right.text


# -- lines


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from((40, 80, SIDE_BY_SIDE - 1, SIDE_BY_SIDE, 140, 220)))
def test_every_line_fits(where: str, one: str, other: str, cause: str, width: int) -> None:
    told = result(Difference("answer", where, one, other, cause), warnings=(cause,), title=where)
    for line in as_text(told, width).splitlines():
        assert columns(line) <= width


def test_a_difference_says_where_what_and_who() -> None:
    assert as_text(result(WARM), 80).splitlines() == [
        "captures/chat/one: 1 difference  (A title)",
        "  upstream request, /temperature: edit 'warm' (rules.yaml:12)",
        "    expected  0.6",
        "              ^^^",
        "    got       1.0",
        "              ^^^",
    ]


def test_a_wide_terminal_has_both_values_in_a_line_and_the_marks_below_them() -> None:
    *_, values, marks = as_text(result(URL), 140).splitlines()
    assert values.split() == ["expected", "https://one.example/v1", "got", "https://other.example/v1"]
    assert [values[found.start() : found.end()] for found in re.finditer(r"\^+", marks)] == ["ne", "ther"]


def test_with_colours_the_part_that_differs_has_a_style_and_no_carets() -> None:
    lines = list(picture(result(URL), 80, carets=False))
    marked = [(text, style) for line in lines for text, style in line if style.startswith("mark")]
    assert marked == [("ne", "mark-red"), ("ther", "mark-green")]
    assert "^" not in "".join(map(plain, lines))


def test_a_value_that_is_not_there_is_called_nothing() -> None:
    text = as_text(result(Difference("upstream", "header:x-a", None, "new")), 80)
    assert f"expected  {NOTHING}\n    got       new\n" in text


def test_of_many_differences_some_are_shown_and_the_others_counted() -> None:
    text = as_text(result(*[WARM] * (SHOWN + 7)), 80)
    assert text.count("upstream request, /temperature") == SHOWN
    assert "… and 7 more" in text


def test_a_result_without_anything_to_say_has_no_line() -> None:
    assert as_text(result(), 80) == ""
    assert result().sound


def test_warnings_errors_and_what_was_rewritten_have_lines_of_their_own() -> None:
    assert as_text(result(warnings=("stale: old",)), 80) == "captures/chat/one: warning: stale: old\n"
    broken = result(error="case.yaml:3: no\ncase.yaml:4: nor this")
    assert as_text(broken, 80) == "captures/chat/one: error: case.yaml:3: no\n  case.yaml:4: nor this\n"
    assert not broken.sound
    rewritten = result(WARM, updated=("upstream request, /temperature: 0.6 -> 1.0",))
    assert rewritten.sound
    assert as_text(rewritten, 80).splitlines() == [
        "captures/chat/one: rewritten",
        "  upstream request, /temperature: 0.6 -> 1.0",
    ]


def test_the_counts_add_up_and_are_told_in_a_line() -> None:
    counts = Counts(seconds=2.0)
    for one in (result(), result(WARM), result(error="no"), result(WARM, updated=("x",)), result(warnings=("w", "w"))):
        counts.add(one)
    assert (counts.cases, counts.same, counts.differ, counts.unreadable, counts.updated, counts.warnings) == (
        *(5, 2, 1, 1, 1, 2),
    )
    told = "5 cases, 1 differs, 1 rewritten, 1 cannot be replayed, 2 warnings; 2.00 s, 2 a second"
    assert counts.told() == told


def test_as_plain_is_json() -> None:
    plain_one = as_plain(result(replace(WARM, got="\ud800")))
    assert json.loads(json.dumps(plain_one))["differences"][0]["where"] == "/temperature"


# -- comments


def tokens(text: str) -> list[Token]:
    """Read Markdown as CommonMark has it: an oracle that is not ours."""
    found: list[Token] = []
    for token in MarkdownIt("commonmark").parse(text):
        found += [token, *(token.children or ())]
    return found


OURS = re.compile(
    r"<details><summary><code>[^<>]*</code>: [\w ,]+(?:, )?(?:<code>[^<>]*</code>)?</summary>\n?|</details>\n?"
)


@given(NASTY.map("".join), NASTY.map("".join), NASTY.map("".join))
def test_nothing_of_a_value_is_markup(one: str, other: str, name: str) -> None:
    comment = Comment()
    difference = Difference("answer", f"event 1 /{name}", one, other, f"quirk {other}")
    comment.add(Result(name, one, (difference,), warnings=(one,)))
    comment.add(Result(name, error=other))
    read = tokens(comment.text(Counts(2, 1, 1)))
    blocks = [token.content for token in read if token.type in {"html_block", "html_inline"}]
    assert blocks
    assert all(OURS.fullmatch(block) for block in blocks), blocks
    assert len(blocks) == 4
    fences = [token for token in read if token.type == "fence"]
    assert [fence.info for fence in fences] == ["diff", "text"] if other else fences
    sides = fences[0].content.split("\n")
    assert [side[:2] for side in sides] == ["- ", "+ ", ""]
    assert sides[0][2:].strip("…") in visible(one)
    assert sides[1][2:].strip("…") in visible(other)
    said = "".join(token.content for token in read if token.type == "text").partition("warnings | 0 |")[2]
    assert re.fullmatch(r"(?:warning: )?answer(?: )?(?:: )?", said), said


def test_a_comment_has_a_heading_counts_and_a_fold_for_each_case() -> None:
    comment = Comment()
    comment.add(result(WARM))
    comment.add(result())
    text = comment.text(Counts(2, 1))
    assert text.startswith("## Wiremend replay: 1 of 2 cases differs\n")
    assert "| cases | 2 |\n|---|--:|\n| the same | 1 |\n| differ | 1 |\n" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "```diff\n- 0.6\n+ 1.0\n```\n" in text
    assert html.escape("edit 'warm' (rules.yaml:12)", quote=False) in text


@given(st.integers(1000, 5000), st.integers(0, 60))
def test_a_comment_is_never_too_long_and_says_how_many_it_left_out(limit: int, cases: int) -> None:
    comment = Comment(limit)
    for _ in range(cases):
        comment.add(result(WARM, URL))
    text = comment.text(Counts(cases, cases))
    assert len(text) <= limit
    left_out = re.search(r"([\d,]+) more cases? left out", text)
    assert text.count("<details>") + (int(left_out[1]) if left_out else 0) == cases


def test_the_limit_is_that_of_github_and_a_case_of_huge_values_fits() -> None:
    comment = Comment()
    huge = Difference("answer", "/x" * 10_000, "a" * 10**6, "b" * 10**6, "c" * 10**5)
    for _ in range(50):
        comment.add(result(*[huge] * 50))
    text = comment.text(Counts(50, 50))
    assert 10_000 < len(text) <= LIMIT == 65_536
    assert "more cases left out" in text
