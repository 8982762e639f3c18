"""How setup changes a rules file: just the one value, every other byte as it was, whatever the file looks like.

The property is held in two ways: what the new text reads as (by the product's own parser) is the old with that one
value changed, and what is left of it when the inserted text is taken out again is the old text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wiremend.cli.setup_rules import diff, for_a_copy, with_key, with_route, write_whole
from wiremend.errors import SetupError
from wiremend.rules.lookup import shipped
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from pathlib import Path

REF = "keyring:wiremend/deepseek"
ROUTE = "{name: deepseek by name, when: {model: deepseek/*}, to: deepseek}"


def plain(text: str) -> Any:  # noqa: ANN401 - what a YAML text holds
    return parse(text, "rules.yaml")[0].plain()


def only_added(before: str, after: str) -> str:
    """Give what was added, and hold that it stands in one place and that nothing else changed."""
    start = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    end = len(after) - (len(before) - start)
    assert before == after[:start] + after[end:]
    return after[start:end]


@pytest.mark.parametrize(
    ("before", "after"),
    (
        ("", f"providers:\n  deepseek:\n    key: {REF}\n"),
        ("# mine\n", f"# mine\nproviders:\n  deepseek:\n    key: {REF}\n"),
        ("# mine", f"# mine\nproviders:\n  deepseek:\n    key: {REF}\n"),
        ("version: 1", f"version: 1\nproviders:\n  deepseek:\n    key: {REF}\n"),
        ("version: 1\n...\n", f"providers:\n  deepseek:\n    key: {REF}\nversion: 1\n...\n"),
        ("---\nversion: 1\n", f"---\nversion: 1\nproviders:\n  deepseek:\n    key: {REF}\n"),
        ("{version: 1}\n", f"{{providers: {{deepseek: {{key: {REF}}}}}, version: 1}}\n"),
        ("{}\n", f"{{providers: {{deepseek: {{key: {REF}}}}}}}\n"),
        ("providers:\nversion: 1\n", f"providers: {{deepseek: {{key: {REF}}}}}\nversion: 1\n"),
        ("providers: ~ # none\n", f"providers: {{deepseek: {{key: {REF}}}}} # none\n"),
        (
            "providers:  # all\n\n  # one\n  a: {auth: none}\n",
            f"providers:  # all\n  deepseek: {{key: {REF}}}\n\n  # one\n  a: {{auth: none}}\n",
        ),
        ("providers: { a: {auth: none} }\n", f"providers: {{deepseek: {{key: {REF}}},  a: {{auth: none}} }}\n"),
        (
            "providers:\n    deepseek:   # mine\n        # its base\n        base_url: x\n",
            f"providers:\n    deepseek:   # mine\n        key: {REF}\n        # its base\n        base_url: x\n",
        ),
        ("providers: {deepseek: {mend: off}}\n", f"providers: {{deepseek: {{key: {REF}, mend: off}}}}\n"),
        ("providers:\n  deepseek:\n", f"providers:\n  deepseek: {{key: {REF}}}\n"),
        ("providers:\n  deepseek: {key: client} # c\n", f"providers:\n  deepseek: {{key: {REF}}} # c\n"),
        (
            "providers:\n  deepseek:\n    key: $OTHER   # c\n",
            f"providers:\n  deepseek:\n    key: [{REF}, $OTHER]   # c\n",
        ),
        ('providers: {deepseek: {key: "${A}"}}\n', f'providers: {{deepseek: {{key: [{REF}, "${{A}}"]}}}}\n'),
        ("providers: {deepseek: {key: [client, $A]}}\n", f"providers: {{deepseek: {{key: [{REF}, $A]}}}}\n"),
        ("providers: {deepseek: {key: [client]}}\n", f"providers: {{deepseek: {{key: {REF}}}}}\n"),
        (
            "providers:\n  deepseek:\n    key:\n    - client # c\n    - $A\n",
            f"providers:\n  deepseek:\n    key:\n    - {REF} # c\n    - $A\n",
        ),
        (
            "providers:\n  deepseek:\n    key:\n      # env\n      - $A # c\n",
            f"providers:\n  deepseek:\n    key:\n      # env\n      - {REF}\n      - $A # c\n",
        ),
        (f"providers: {{deepseek: {{key: {REF}}}}}", f"providers: {{deepseek: {{key: {REF}}}}}"),
        ("version: 1\r\nmend: off\r\n", f"version: 1\r\nmend: off\r\nproviders:\r\n  deepseek:\r\n    key: {REF}\r\n"),
        ("\ufeffversion: 1\n", f"\ufeffversion: 1\nproviders:\n  deepseek:\n    key: {REF}\n"),
        (
            "note: |\n  text\n\nproviders:\n  x: &x {auth: none}\n  y: *x\n",
            f"note: |\n  text\n\nproviders:\n  deepseek: {{key: {REF}}}\n  x: &x {{auth: none}}\n  y: *x\n",
        ),
    ),
)
def test_a_key_is_put_where_it_belongs(before: str, after: str) -> None:
    assert with_key(before, "deepseek", REF) == after
    assert with_key(after, "deepseek", REF) == after


@pytest.mark.parametrize(
    ("before", "after"),
    (
        ("", f"routes:\n  - {ROUTE}\n"),
        ("version: 1\n", f"version: 1\nroutes:\n  - {ROUTE}\n"),
        ("{version: 1}", f"{{routes: [{ROUTE}], version: 1}}"),
        ("routes:\n", f"routes: [{ROUTE}]\n"),
        ("routes: []\n", f"routes: [{ROUTE}]\n"),
        ("routes: [{to: a}]\n", f"routes: [{ROUTE}, {{to: a}}]\n"),
        ("routes:  # law\n  # one\n  - to: a\n", f"routes:  # law\n  - {ROUTE}\n  # one\n  - to: a\n"),
        ("routes:\n- {to: a}\nmend: off\n", f"routes:\n- {ROUTE}\n- {{to: a}}\nmend: off\n"),
    ),
)
def test_a_route_goes_first(before: str, after: str) -> None:
    assert with_route(before, "deepseek") == after
    assert plain(after)["routes"][0] == {
        "name": "deepseek by name",
        "when": {"model": "deepseek/*"},
        "to": "deepseek",
    }


@pytest.mark.parametrize(
    "text",
    (
        "providers:\n  a: &a {key: $A}\n  deepseek: *a\n",
        "providers:\n  deepseek:\n    key: [$A, # c\n      client]\n",
        "providers:\n  deepseek:\n    key:\n      - $A\n      - client\n",
        "- a list\n",
    ),
)
def test_what_cannot_be_changed_is_told_and_left(text: str) -> None:
    with pytest.raises(SetupError, match=r"add to them: providers: \{deepseek: \{key: |is no mapping"):
        with_key(text, "deepseek", REF)


NAMES = st.sampled_from(["deepseek", "moonshot", "mine", "x-1"])
REFS = st.sampled_from(["client", "$A", "${B}", "op://v/i/f", "keyring:s/n", "file:~/a, b"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab#:'\"\\ -{}[],*&|>é", max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcde"), inner, max_size=3)),
    max_leaves=6,
)
FILES = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "providers": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {"x": VALUES}, optional={"key": st.one_of(REFS, st.lists(REFS, min_size=1, max_size=3, unique=True))}
            ),
            min_size=1,
            max_size=3,
        ),
        "routes": st.lists(st.fixed_dictionaries({"to": st.text("ab-#", min_size=1, max_size=5)}), max_size=3),
        "other": VALUES,
    },
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "indent": st.integers(2, 6),
        "width": st.sampled_from([20, 80, 500]),
        "sort_keys": st.booleans(),
        "line_break": st.sampled_from(["\n", "\r\n"]),
        "explicit_start": st.booleans(),
        "explicit_end": st.booleans(),
    }
)


def commented(text: str, numbers: list[int]) -> str:
    """Put comments of a line each into a text, where they are comments: judged by what it reads as."""
    for number in numbers:
        lines = text.splitlines(keepends=True)
        at = number % (len(lines) + 1)
        candidate = "".join([*lines[:at], f"{' ' * (number % 5)}# remark {number}\n", *lines[at:]])
        try:
            same = yaml.safe_load(candidate) == yaml.safe_load(text)
        except yaml.YAMLError:
            same = False
        text = candidate if same else text
    return text


@given(FILES, STYLES, st.lists(st.integers(0, 99), max_size=3))
def test_whatever_the_file_looks_like_only_the_one_value_changes(
    data: dict[str, Any], style: dict[str, Any], remarks: list[int]
) -> None:
    text = commented(yaml.safe_dump(data, allow_unicode=True, **style), remarks)
    before = plain(text)
    try:
        after = with_key(text, "deepseek", REF)
    except SetupError:
        return
    keys = before.get("providers", {}).get("deepseek", {}).get("key", [])
    rest = [ref for ref in (keys if isinstance(keys, list) else [keys]) if ref not in ("client", REF)]
    changed = plain(after)
    got = changed["providers"]["deepseek"].pop("key")
    assert (got if isinstance(got, list) else [got]) == [REF, *rest]
    for tree in (before, changed):
        providers = tree.setdefault("providers", {})
        providers.setdefault("deepseek", {}).pop("key", None)
    assert changed == before
    if not keys:
        assert len(only_added(text, after)) >= len(REF)
    assert [line for line in after.splitlines() if "# remark" in line] == [
        line for line in text.splitlines() if "# remark" in line
    ]


@given(FILES, STYLES, st.lists(st.integers(0, 99), max_size=3))
def test_a_route_is_only_added(data: dict[str, Any], style: dict[str, Any], remarks: list[int]) -> None:
    text = commented(yaml.safe_dump(data, allow_unicode=True, **style), remarks)
    try:
        after = with_route(text, "deepseek")
    except SetupError:
        return
    if data.get("routes"):
        only_added(text, after)
    changed, before = plain(after), plain(text)
    assert changed["routes"][1:] == before.get("routes", [])
    assert {**changed, "routes": None} == {**before, "routes": None}


def test_block_files_as_people_write_them_can_always_be_changed() -> None:
    """The property above lets a file be refused; this one shows that it is not where there is nothing odd in it."""
    data = {"version": 1, "providers": {"mine": {"key": "$A"}, "deepseek": {"mend": "off"}}, "routes": [{"to": "a"}]}
    for flow in (None, True, False):
        for indent in (2, 4):
            text = yaml.safe_dump(data, default_flow_style=flow, indent=indent, sort_keys=False)
            assert plain(with_key(text, "deepseek", REF))["providers"]["deepseek"]["key"] == REF
            assert len(plain(with_route(text, "deepseek"))["routes"]) == 2


def test_the_shipped_file_is_changed_in_two_lines() -> None:
    text = for_a_copy(shipped().read_text())
    assert "yaml-language-server" not in text
    assert plain(text) == plain(shipped().read_text())
    after = with_route(with_key(text, "kimi-code", "keyring:wiremend/kimi-code"), "kimi-code")
    changes = [line for line in diff(text, after, "rules.yaml") if line[0] in "+-"]
    assert changes == [
        "-    key: [client, $KIMI_API_KEY]",
        "+    key: [keyring:wiremend/kimi-code, $KIMI_API_KEY]",
        "+  - {name: kimi-code by name, when: {model: kimi-code/*}, to: kimi-code}",
    ]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "rules.yaml"
    write_whole(path, "a: ü\r\n", None)
    assert path.read_bytes() == "a: ü\r\n".encode()
    for there in (None, "another text"):
        with pytest.raises(SetupError, match="changed meanwhile"):
            write_whole(path, "b", there)
    write_whole(path, "b", "a: ü\r\n")
    assert path.read_text() == "b"
    assert [entry.name for entry in path.parent.iterdir()] == ["rules.yaml"]
