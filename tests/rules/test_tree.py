"""YAML as a tree with marks: the scalars of YAML 1.2, duplicate keys, anchors, and texts that are no YAML at all.

Expected values come from YAML 1.2.2 (section 10.3.2, the core schema) and from counting lines and columns by hand.
What an attacker or a cat on the keyboard may write must end in a problem with a place, never in another exception.
"""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.errors import Problem, RulesError
from wiremend.rules.tree import MAX_NODES, Mark, Node, kind_of, parse


def tree(text: str) -> Node:
    root, problems = parse(textwrap.dedent(text), "rules.yaml")
    assert not problems
    return root


def error(text: str) -> str:
    """Give the one problem of a text that is not usable, without the file's name."""
    with pytest.raises(RulesError) as caught:
        parse(text, "rules.yaml")
    (problem,) = caught.value.problems
    return str(problem).removeprefix("rules.yaml:")


def found(text: str) -> list[Problem]:
    """Give the problems of any text."""
    try:
        return parse(text, "rules.yaml")[1]
    except RulesError as error:
        return list(error.problems)


# --- scalars ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    (
        ("true", True),
        ("True", True),
        ("FALSE", False),
        # words in YAML 1.2, booleans in 1.1
        ("on", "on"),
        ("off", "off"),
        ("Off", "Off"),
        ("yes", "yes"),
        ("no", "no"),
        ("y", "y"),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nULL", "nULL"),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),  # octal in YAML 1.1
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),  # a number in YAML 1.1
        ("12:30", "12:30"),  # 750 in YAML 1.1
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("2026-11-20", "2026-11-20"),  # a date in YAML 1.1
        ("'true'", "true"),
        ('"12"', "12"),
        ("sk-kimi-*", "sk-kimi-*"),
        ("a#b", "a#b"),
    ),
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = tree(f"a: {text}\n").mapping["a"].value
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text", ("!!int abc", "!!float abc", "!!int ''", "9" * 5000, "0x" + "f" * 5000, "!!bool maybe")
)
def test_a_scalar_that_is_not_what_its_tag_says_is_a_problem_or_a_value(text: str) -> None:
    assert all(problem.line == 1 for problem in found(f"a: {text}\n"))


def test_a_tag_of_ones_own_is_a_problem() -> None:
    _, problems = parse("a: 1\nb: !mine x\n", "rules.yaml")
    (problem,) = problems
    assert (problem.line, problem.column) == (2, 4)
    assert "tag" in problem.message


@pytest.mark.parametrize(
    "text", ("!!python/object:os.system x", "!!python/name:os.system", "!!binary aGk=", "!!timestamp 2026")
)
def test_no_tag_makes_an_object(text: str) -> None:
    root, problems = parse(f"a: {text}\n", "rules.yaml")
    assert isinstance(root.mapping["a"].value, str)
    assert len(problems) == 1


# --- marks ------------------------------------------------------------------------------------------------------------


def test_every_node_knows_where_it_stands() -> None:
    root = tree(
        """\
        version: 1
        routes:
          - when: {model: [a, b]}
            to: x
        """
    )
    route = root.mapping["routes"].items[0]
    models = route.mapping["when"].mapping["model"]
    assert root.mark == Mark(1, 1)
    assert root.mapping["version"].key == Mark(1, 1)
    assert root.mapping["version"].mark == Mark(1, 10)
    assert route.at == Mark(3, 5)
    assert models.at == Mark(3, 12)
    assert models.mark == Mark(3, 19)
    assert [item.mark for item in models.items] == [Mark(3, 20), Mark(3, 23)]
    assert route.mapping["to"].mark == Mark(4, 9)


def test_columns_count_characters_not_bytes() -> None:
    assert tree("ключ: {é: 1}\n").mapping["ключ"].mapping["é"].mark == Mark(1, 11)


def test_windows_line_ends_and_a_document_marker_are_fine() -> None:
    root, problems = parse("---\r\nversion: 1\r\ndefault: x\r\n", "rules.yaml")
    assert not problems
    assert root.mapping["default"].mark == Mark(3, 10)


def test_plain_gives_what_json_takes() -> None:
    assert tree("{a: [1, {b: null}], c: off}").plain() == {"a": [1, {"b": None}], "c": "off"}


def test_one_value_reads_as_a_list_of_one() -> None:
    root = tree("{a: x, b: [y, z], c: }")
    assert [item.value for item in root.mapping["a"].items] == ["x"]
    assert [item.value for item in root.mapping["b"].items] == ["y", "z"]
    assert [item.value for item in root.mapping["c"].items] == [None]
    assert root.mapping["a"].mapping == {}


@pytest.mark.parametrize(
    ("value", "said"),
    (
        (None, "nothing (null)"),
        (True, "true (a boolean)"),
        (False, "false (a boolean)"),
        (3, "3 (a number)"),
        (0.5, "0.5 (a number)"),
        ("x", "'x' (a text)"),
        ([], "a list"),
        ({}, "a mapping"),
    ),
)
def test_a_kind_is_named_in_words(value: object, said: str) -> None:
    assert kind_of(value) == said


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_that_stands_twice_is_a_problem_and_the_first_is_kept() -> None:
    root, problems = parse("a: 1\nb: 2\na: 3\n", "rules.yaml")
    (problem,) = problems
    assert (problem.line, problem.column) == (3, 1)
    assert "'a'" in problem.message
    assert "line 1" in problem.message
    assert root.mapping["a"].value == 1


def test_every_duplicate_key_is_named_at_any_depth() -> None:
    _, problems = parse("a: {x: 1, x: 2}\nb:\n  - {y: 1, y: 2, y: 3}\n", "rules.yaml")
    assert [(p.line, p.column) for p in problems] == [(1, 11), (3, 12), (3, 18)]


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert list(tree("1: a\ntrue: b\nnull: c\n").mapping) == ["1", "true", "null"]


@pytest.mark.parametrize("text", ("? [a, b]\n: 1\n", "? {a: 1}\n: 1\n", "{[a]: 1}"))
def test_a_key_must_be_a_word(text: str) -> None:
    _, problems = parse(text, "rules.yaml")
    assert "a key must be a word" in problems[0].message


def test_a_merge_key_is_a_key_like_others() -> None:
    assert list(tree("a: &a {x: 1}\nb: {<<: *a}\n").mapping["b"].mapping) == ["<<"]


# --- anchors ----------------------------------------------------------------------------------------------------------


def test_an_alias_stands_for_its_anchor() -> None:
    root = tree("a: &x [1, 2]\nb: *x\n")
    assert root.mapping["b"].plain() == [1, 2]


@pytest.mark.parametrize("text", ("a: &x [*x]\n", "a: &x {b: {c: *x}}\n", "&x [1, [*x]]\n"))
def test_an_anchor_that_contains_itself_is_a_problem(text: str) -> None:
    assert "contains itself" in error(text)


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert f"more than {MAX_NODES} values" in error("\n".join(lines))


@pytest.mark.parametrize("depth", (300, 3000))
@pytest.mark.parametrize(("begin", "end"), (("[", "]"), ("{a: ", "}")))
def test_depth_ends_in_a_problem_or_a_tree(depth: int, begin: str, end: str) -> None:
    text = "a: " + begin * depth + end * depth
    try:
        parse(text, "rules.yaml")
    except RulesError as found:
        assert "nested too deeply" in str(found)  # noqa: PT017 - either outcome is right, and the message with it


# --- no YAML ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ("", "\n\n", "# only a comment\n"))
def test_an_empty_file_says_what_the_smallest_one_is(text: str) -> None:
    assert error(text) == "1:1: the file is empty; the smallest rules file is `version: 1`"


def test_a_document_of_nothing_is_a_null() -> None:
    assert tree("---\n...\n").value is None


@pytest.mark.parametrize(
    ("text", "place", "glob"),
    (
        ("default: *", "1:10", "'*'"),
        ("a: 1\nwhen: {model: *}\n", "2:15", "'*'"),
        ("when: {model: *-turbo, host: b}\n", "1:15", "'*-turbo'"),
        ("model: [kimi-*, *thinking*]\n", "1:17", "'*thinking*'"),
        ("when:\n  host: *.example.com\n", "2:9", "'*.example.com'"),
        ("- *\n", "1:3", "'*'"),
    ),
)
def test_a_bare_star_is_told_to_be_quoted(text: str, place: str, glob: str) -> None:
    assert error(text) == f"{place}: a bare `*` begins a YAML alias; quote it: {glob}"


def test_an_alias_without_its_anchor_is_taken_for_a_glob() -> None:
    assert "quote it: '*kimi'" in error("model: *kimi\n")


@pytest.mark.parametrize(
    ("text", "place"), (("a:\n\tb: 1\n", "2:1"), ("a:\n  b: 1\n\tc: 2\n", "3:1"), ("\ta: 1\n", "1:1"))
)
def test_a_tab_is_called_a_tab(text: str, place: str) -> None:
    assert error(text) == f"{place}: YAML indents with spaces; there is a tab here"


def test_a_character_that_yaml_forbids_is_located() -> None:
    assert error("a: 1\nb: x\x07y\n").startswith("2:5: this character is not allowed")


def test_two_documents_are_one_too_many() -> None:
    assert "not YAML" in error("a: 1\n---\nb: 2\n")


@pytest.mark.parametrize(
    ("text", "line"), (("a: [1, 2\n", 2), ("a: {b: 1\nc: 2\n", 2), ("a: 'x\n", 2), ("a: b: c\n", 1), ("- a\nb: 1\n", 2))
)
def test_broken_yaml_is_one_problem_with_a_place(text: str, line: int) -> None:
    message = error(text)
    assert message.startswith(f"{line}:")
    assert "this is not YAML" in message


@given(st.text(alphabet=st.sampled_from("ab:-{}[],*&!|>'\"%@`#? \n\t01.~\\\x00é"), max_size=40))
def test_any_text_is_a_tree_or_problems(text: str) -> None:
    try:
        root, problems = parse(text, "rules.yaml")
    except RulesError as found:
        problems = list(found.problems)
        assert len(problems) == 1
    else:
        root.plain()
    lines = text.count("\n") + 2
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in problems)
