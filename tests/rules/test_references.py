"""References to credentials: every form, what makes it fail, and in which words; and variables in other values.

1Password is played by a program called ``op`` on the PATH, which writes down how it was called; the keyring by a
module put where ``import keyring`` finds it. Messages name the reference and what to do, never a value.
"""

from __future__ import annotations

import re
import stat
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, problems, resolved
from wiremend.errors import CredentialError
from wiremend.rules import references
from wiremend.rules.references import Reference, Secret, Template, parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECRET = "FAKE secret value"
RULES = "providers: {{w: {{base_url: 'https://llm.work.example/v1', key: {}}}}}\ndefault: w\n"


def failure(text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(CredentialError) as caught:
        parse_reference(text).resolve(environ or {})
    return str(caught.value)


# --- what is one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    (
        ("$KIMI_API_KEY", "env", "KIMI_API_KEY"),
        ("${KIMI_API_KEY}", "env", "KIMI_API_KEY"),
        ("$_x9", "env", "_x9"),
        ("op://Private/moonshot/credential", "op", "//Private/moonshot/credential"),
        ("op://Private/moonshot/section/credential", "op", "//Private/moonshot/section/credential"),
        ("op://My vault/an item/api key", "op", "//My vault/an item/api key"),
        ("keyring:wiremend/kimi", "keyring", "wiremend/kimi"),
        ("keyring:wiremend/a/b", "keyring", "wiremend/a/b"),
        ("file:/run/secrets/kimi", "file", "/run/secrets/kimi"),
        ("file:~/.kimi", "file", "~/.kimi"),
        ("client", "client", ""),
    ),
)
def test_every_form_is_read(text: str, kind: str, name: str) -> None:
    reference = parse_reference(text)
    assert (reference.text, reference.kind, reference.name) == (text, kind, name)


@pytest.mark.parametrize(
    ("text", "told"),
    (
        ("", "not a reference"),
        ("Client", "not a reference"),
        ("KIMI_API_KEY", "not a reference"),
        ("$", "not a reference"),
        ("$1A", "not a reference"),
        ("$A$B", "not a reference"),
        ("Bearer $A", "not a reference"),
        ("${A", "not a reference"),
        ("${A:-b}", "has no default"),
        ("${A:-}", "has no default"),
        ("op:Private/moonshot/x", "op://vault/item/field"),
        ("op://Private/moonshot", "op://vault/item/field"),
        ("op://a/b/c/d/e", "op://vault/item/field"),
        ("op:////", "op://vault/item/field"),
        ("keyring:wiremend", "keyring:service/name"),
        ("keyring:/x", "keyring:service/name"),
        ("keyring:x/", "keyring:service/name"),
        ("file:", "file:/path"),
        ("https://example.com", "not a reference"),
        (KIMI, "stands here in clear"),
    ),
)
def test_what_is_no_reference(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        parse_reference(text)
    assert "FAKE" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_reference_or_a_message_without_it(text: str) -> None:
    planted = f"PLANTED{text}"
    try:
        parse_reference(planted)
    except ValueError as error:
        assert "PLANTED" not in str(error)  # noqa: PT017 - most texts are none
    else:
        pytest.fail("a word is no reference")


# --- variables --------------------------------------------------------------------------------------------------------


def test_a_variable_gives_its_value_without_the_space_around_it() -> None:
    secret = parse_reference("$A_KEY").resolve({"A_KEY": f"  {SECRET}\n"})
    assert secret == Secret(SECRET)


@pytest.mark.parametrize("environ", ({}, {"A_KEY": ""}, {"A_KEY": " \n"}))
def test_a_variable_that_is_not_set_or_empty_is_named(environ: dict[str, str]) -> None:
    assert failure("${A_KEY}", environ) == "the environment variable A_KEY is not set"


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(SECRET)
    assert "FAKE" not in f"{secret} {secret!r} {[secret]}"
    assert "FAKE" not in repr(resolved(RULES.format("$A_KEY"), {"A_KEY": SECRET}))


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_gives_what_stands_in_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n", "utf-8")
    assert parse_reference(f"file:{path}").resolve({}) == Secret(SECRET)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".key").write_text(SECRET, "utf-8")
    assert parse_reference("file:~/.key").resolve({}) == Secret(SECRET)


@pytest.mark.parametrize(
    ("content", "told"),
    (
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xff\xfe\x00", "cannot be read: it is not UTF-8 text"),
    ),
)
def test_a_file_that_gives_nothing_says_why(content: bytes | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    assert failure(f"file:{path}") == f"file:{path} {told}"


@pytest.mark.parametrize("value", ("two\nlines FAKE", "a\r\nb FAKE", "nul\0 FAKE"))
def test_a_credential_that_no_header_can_carry_is_told_at_the_start(value: str, tmp_path: Path) -> None:
    """It would fail at the first request, in the middle of somebody's work."""
    path = tmp_path / "key"
    path.write_text(value, "utf-8")
    (problem,) = problems(RULES.format(f"file:{path}"))
    assert "'w'" in problem
    assert "FAKE" not in problem


# --- 1Password --------------------------------------------------------------------------------------------------------


@pytest.fixture
def op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a PATH on which a fake ``op`` is; it appends its arguments to ``calls``."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    play(tmp_path, "printf '%s' 'FAKE from op'")
    return tmp_path


def play(folder: Path, script: str) -> None:
    program = folder / "op"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{folder}/calls"\n{script}\n', "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text("utf-8").splitlines() if path.exists() else []


def test_1password_is_asked_for_the_reference(op: Path) -> None:
    assert parse_reference("op://Private/moonshot/api key").resolve({}) == Secret("FAKE from op")
    assert calls(op) == ["read --no-newline op://Private/moonshot/api key"]


@pytest.mark.parametrize(
    ("script", "told"),
    (
        (
            "echo '[ERROR] \"moonshot\" is no item' >&2; exit 1",
            '`op read op://v/i/f` failed: [ERROR] "moonshot" is no item',
        ),
        ("exit 6", "`op read op://v/i/f` failed: exit code 6"),
        ("exit 0", "`op read op://v/i/f` failed: exit code 0"),
        ("echo 'FAKE half of it'; exit 1", "`op read op://v/i/f` failed: exit code 1"),
    ),
)
def test_what_1password_says_is_passed_on_and_what_it_gives_is_not(script: str, told: str, op: Path) -> None:
    play(op, script)
    assert failure("op://v/i/f") == told


def test_1password_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure("op://v/i/f") == "op://v/i/f needs 1Password's `op` command, which is not on the PATH"


def test_1password_that_waits_for_ever_is_left(op: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(op, "exec tail -f /dev/null")
    monkeypatch.setattr(references, "OP_TIMEOUT", 0.2)
    assert failure("op://v/i/f") == "`op read op://v/i/f` did not answer: TimeoutExpired"


def test_offline_runs_nothing(op: Path) -> None:
    text = RULES.format("op://v/i/f")
    upstream = resolved(text, offline=True).upstreams["w"]
    assert upstream.secret is None
    assert calls(op) == []
    assert resolved(text).upstreams["w"].secret == Secret("FAKE from op")
    assert len(calls(op)) == 1


def test_one_reference_is_asked_for_once_in_the_life_of_a_proxy(op: Path) -> None:
    from wiremend.rules.load import load_rules  # noqa: PLC0415 - what the other tests reach through the kit

    cache: dict[str, Secret] = {}
    for text in (RULES.format("op://v/i/f"), RULES.format("[op://v/i/f, client]")):
        load_rules(text, "rules.yaml", {}, cache=cache)
    assert len(calls(op)) == 1


# --- keyring ----------------------------------------------------------------------------------------------------------


def keyring(monkeypatch: pytest.MonkeyPatch, entries: Mapping[tuple[str, str], str] | Exception | None) -> None:
    """Put a keyring in place of whatever is installed; None: nothing is."""
    if entries is None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        return

    def get_password(service: str, name: str) -> str | None:
        if isinstance(entries, Exception):
            raise entries
        return entries.get((service, name))

    module = ModuleType("keyring")
    module.get_password = get_password  # type: ignore[attr-defined]  # a module made by hand
    monkeypatch.setitem(sys.modules, "keyring", module)


def test_the_keyring_gives_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring(monkeypatch, {("wiremend", "a/b"): SECRET})
    assert parse_reference("keyring:wiremend/a/b").resolve({}) == Secret(SECRET)


@pytest.mark.parametrize(
    ("entries", "told"),
    (
        (None, "needs the keyring library: pip install 'wiremend[keyring]'"),
        ({}, "the keyring holds no such entry; `keyring set wiremend kimi` adds it"),
        ({("wiremend", "kimi"): ""}, "the keyring holds no such entry"),
        (RuntimeError("locked; the password is FAKE"), "the keyring failed: RuntimeError"),
    ),
)
def test_a_keyring_that_gives_nothing_says_why(
    entries: Mapping[tuple[str, str], str] | Exception | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring(monkeypatch, entries)
    message = failure("keyring:wiremend/kimi")
    assert "keyring:wiremend/kimi" in message
    assert told in message
    assert "FAKE" not in message


def test_client_resolves_to_nothing() -> None:
    assert Reference("client", "client").resolve({}) is None


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "environ", "expanded", "missing"),
    (
        ("plain", {}, "plain", ()),
        ("$A", {"A": "x"}, "x", ()),
        ("${A}b", {"A": "x"}, "xb", ()),
        ("$A$B", {"A": "x", "B": "y"}, "xy", ()),
        ("${A:-d}", {}, "d", ()),
        ("${A:-d}", {"A": ""}, "d", ()),
        ("${A:-d}", {"A": "x"}, "x", ()),
        ("${A:-}", {}, "", ()),
        ("${A:-https://h/v1}", {}, "https://h/v1", ()),
        ("$A", {}, "", ("A",)),
        ("$A", {"A": ""}, "", ("A",)),
        ("$A and ${B}", {"B": "y"}, " and y", ("A",)),
        ("$$A", {"A": "x"}, "$A", ()),
        ("$$$A", {"A": "x"}, "$x", ()),
        ("5$", {}, "5$", ()),
        ("$1", {}, "$1", ()),
        ("${1}", {}, "${1}", ()),
        ("$A", {"A": "$B", "B": "y"}, "$B", ()),  # values are not expanded again
    ),
)
def test_variables_in_a_text(text: str, environ: dict[str, str], expanded: str, missing: tuple[str, ...]) -> None:
    template = Template(text)
    assert template.expand(environ) == expanded
    assert template.missing(environ) == missing
    assert set(missing) <= set(template.names)
