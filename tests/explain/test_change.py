"""A change of rules.yaml changes what it says and no other byte."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wiremend.explain.change import ChangeError, Insert, Put, changed, difference, write
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = shipped().read_text("utf-8")
PUTS = (
    Put(("providers", "kimi-code", "quirks"), ["+usage-in-choice", "-store-rejected"]),
    Put(("providers", "deepseek", "mend"), "auto"),
    Put(("mend",), "off"),
    Put(("aliases", "k3: new #1"), "moonshot/k3"),
    Put(("providers", "moonshot", "base_url", "chat"), "https://api.example.com/v1"),
    Put(("providers", "kimi-code", "headers", "x-team"), None),
)
INSERTS = (
    Insert(("routes",), {"name": "first", "when": {"key": "sk-kimi-*"}, "to": "kimi-code"}, first=True),
    Insert(("routes",), {"name": "last", "to": "moonshot"}),
    Insert(("edits",), {"when": {"provider": "lab"}, "remove": ["/store"]}),
)


class _Loader(yaml.BaseLoader):
    """Another reader of YAML than the code's own: every scalar is a text."""


def read(text: str) -> Any:  # noqa: ANN401 - any YAML
    return yaml.load(text, _Loader) or {}  # noqa: S506 - the base loader makes texts, lists and mappings only


def spelled(value: Any) -> Any:  # noqa: ANN401 - any YAML
    """Give a plain value as the reader above gives it."""
    return read(yaml.safe_dump({"x": value}))["x"]


def expected(text: str, step: Put | Insert) -> Any:  # noqa: ANN401 - any YAML
    document = read(text)
    box = document
    for name in step.path[:-1]:
        box[name] = box.get(name) if isinstance(box.get(name), dict) else {}
        box = box[name]
    last = step.path[-1]
    if isinstance(step, Put):
        box[last] = spelled(step.value)
    else:
        items = box.get(last) or []
        box[last] = [spelled(step.value), *items] if step.first else [*items, spelled(step.value)]
    return document


def lines_that_stay(before: str, after: str) -> bool:
    """Tell whether every line of the one is in the other, in its order, but for at most one that was written over."""
    lost = 0
    new = after.splitlines(keepends=True)
    place = 0
    for line in before.splitlines(keepends=True):
        try:
            place = new.index(line, place) + 1
        except ValueError:
            lost += 1
    return lost <= 1


@pytest.mark.parametrize("step", (*PUTS, *INSERTS), ids=str)
def test_the_shipped_file_keeps_every_other_line(step: Put | Insert) -> None:
    after = changed(SHIPPED, [step])
    assert read(after) == expected(SHIPPED, step)
    assert lines_that_stay(SHIPPED, after)
    assert len(after.splitlines()) <= len(SHIPPED.splitlines()) + 3


def test_the_difference_is_a_patch_that_git_takes(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(SHIPPED, "utf-8")
    after = changed(SHIPPED, [PUTS[0], INSERTS[0]])
    patch = difference(SHIPPED, after, "rules.yaml")
    git = shutil.which("git")
    assert git is not None
    done = subprocess.run(
        (git, "apply", "-"), cwd=tmp_path, input=patch, text=True, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "rules.yaml").read_text("utf-8") == after


@pytest.mark.parametrize(
    ("before", "step", "after"),
    (
        ("", Put(("mend",), "auto"), "mend: auto\n"),
        ("# only this", Put(("mend",), "auto"), "# only this\nmend: auto\n"),
        ("mend: off # why\n", Put(("mend",), "auto"), "mend: auto # why\n"),
        ("mend: 'off'", Put(("mend",), "auto"), "mend: auto"),
        ("version: 1", Put(("mend",), "auto"), "version: 1\nmend: auto"),
        ("version: 1\r\n# x\r\n", Put(("mend",), "auto"), "version: 1\r\nmend: auto\r\n# x\r\n"),
        ("\ufeffversion: 1\n", Put(("mend",), "auto"), "\ufeffversion: 1\nmend: auto\n"),
        ("providers: {a: {base_url: h}}\n", Put(("providers", "a", "mend"), "auto"),
         "providers: {a: {base_url: h, mend: auto}}\n"),
        ("providers: {a: {}}\n", Put(("providers", "a", "mend"), "auto"), "providers: {a: {mend: auto}}\n"),
        ("providers:\n  # nobody yet\nmend: off\n", Put(("providers", "a", "mend"), "auto"),
         "providers:\n  a:\n    mend: auto\n  # nobody yet\nmend: off\n"),
        ("providers: ~ # none\n", Put(("providers", "a", "mend"), "auto"), "providers: {a: {mend: auto}} # none\n"),
        ("providers:\n    a:   # wide\n        base_url: h # here\n\n# end\n", Put(("providers", "a", "mend"), "auto"),
         "providers:\n    a:   # wide\n        base_url: h # here\n        mend: auto\n\n# end\n"),
        ("providers:\n  a:\n    base_url: >-\n      h\nmend: off\n", Put(("providers", "a", "mend"), "auto"),
         "providers:\n  a:\n    base_url: >-\n      h\n    mend: auto\nmend: off\n"),
        ("routes: []\n", Insert(("routes",), {"to": "a"}), "routes: [{to: a}]\n"),
        ("routes: [{to: b}] # c\n", Insert(("routes",), {"to": "a"}, first=True), "routes: [{to: a}, {to: b}] # c\n"),
        ("routes: [{to: b}] # c\n", Insert(("routes",), {"to": "a"}), "routes: [{to: b}, {to: a}] # c\n"),
        ("routes:   # the first\n- to: b # c\n", Insert(("routes",), {"to": "a"}, first=True),
         "routes:   # the first\n- {to: a}\n- to: b # c\n"),
        ("routes:\n- to: b # c\n", Insert(("routes",), {"to": "a"}), "routes:\n- to: b # c\n- {to: a}\n"),
        ("routes:\n", Insert(("routes",), {"to": "a"}), "routes: [{to: a}]\n"),
    ),
)  # fmt: skip
def test_a_change_is_written_in_the_style_of_its_place(before: str, step: Put | Insert, after: str) -> None:
    assert changed(before, [step]) == after


@pytest.mark.parametrize(
    ("text", "step"),
    (
        ("a: &x {mend: off}\nproviders: {a: *x, b: *x}\n", Put(("providers", "a", "mend"), "auto")),
        ("- a list\n", Put(("mend",), "auto")),
        ("mend: [\n", Put(("mend",), "auto")),
        ("providers: text\n", Put(("providers", "a", "mend"), "auto")),
        ("routes: {a: 1}\n", Insert(("routes",), {"to": "a"})),
    ),
)
def test_what_cannot_be_changed_alone_is_left(text: str, step: Put | Insert) -> None:
    with pytest.raises(ChangeError):
        changed(text, [step])


NAMES = st.sampled_from(("lab", "kimi-code", "a.b", "x_1"))
VALUES = st.one_of(
    st.sampled_from(("auto", "off", "https://h/v1", "*-turbo", "a: b", "# no", "'", '"', "null", "1", " x ", "ä")),
    st.lists(st.sampled_from(("+a", "-b")), max_size=3),
)
COMMENTS = st.sampled_from(("", "  # why", "   # a: b", " # [x]"))


@st.composite
def files(draw: st.DrawFn) -> str:
    """Make a rules file, with comments at every place."""
    end = draw(st.sampled_from(("\n", "\r\n")))
    lines = [draw(st.sampled_from(("# head", "version: 1", "")))]
    if draw(st.booleans()):
        lines.append("providers:" + draw(COMMENTS))
        for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
            if draw(st.booleans()):
                lines.append(f"  {name}: {{base_url: 'http://h', mend: off}}{draw(COMMENTS)}")
                continue
            lines += [f"  {name}:{draw(COMMENTS)}", "    # below", f"    base_url: http://h{draw(COMMENTS)}", ""]
            lines += [f"    mend: off{draw(COMMENTS)}"] if draw(st.booleans()) else []
    if draw(st.booleans()):
        lines += [f"mend: {draw(st.sampled_from(('off', 'auto')))}{draw(COMMENTS)}"]
    lines += draw(st.sampled_from(([], ["# tail"], ["", "# tail", ""])))
    return end.join(lines) + draw(st.sampled_from(("", end)))


@given(files(), NAMES, st.sampled_from(("mend", "quirks", "base_url")), VALUES)
def test_every_other_byte_stays(text: str, name: str, key: str, value: Any) -> None:  # noqa: ANN401 - any YAML
    step = Put(("providers", name, key), value)
    after = changed(text, [step])
    want = expected(text, step)
    assert read(after) == want
    start = 0
    while start < min(len(text), len(after)) and text[start] == after[start]:
        start += 1
    behind = 0
    while behind < min(len(text), len(after)) - start and text[-1 - behind] == after[-1 - behind]:
        behind += 1
    lost = text[start : len(text) - behind]  # the one stretch that differs: of the old text only the old value
    assert "#" not in lost
    assert "\n" not in lost


@given(files())
def test_the_same_value_again_changes_nothing(text: str) -> None:
    step = Put(("mend",), "auto")
    once = changed(text, [step])
    assert changed(once, [step]) == once


def test_a_file_is_written_whole_with_its_mode_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("mend: off\n", "utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    write(link, "mend: off\n", "mend: auto\n")
    assert link.is_symlink()
    assert (real.read_text("utf-8"), real.stat().st_mode & 0o777) == ("mend: auto\n", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("mend: auto # mine\n", "utf-8")
    with pytest.raises(ChangeError, match="meanwhile"):
        write(file, "mend: off\n", "mend: auto\n")
    assert file.read_text("utf-8") == "mend: auto # mine\n"
