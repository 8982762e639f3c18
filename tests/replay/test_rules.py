"""Today's rules for a capture: from what was recorded alone, and the same as on the machine that recorded it."""

from __future__ import annotations

import builtins
import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, bearer, refused, resolved, rewritten
from wiremend.captures.capture import Inputs
from wiremend.errors import RulesError
from wiremend.replay import rules as rules_module
from wiremend.replay.rules import Today, rules_beside
from wiremend.rules.compile import rules_hash
from wiremend.rules.lookup import shipped
from wiremend.rules.references import Reference, Secret, can_travel
from wiremend.rules.resolve import credentials_of_rules, environment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.resolve import Resolved

KEYS = "providers: {{w: {{base_url: 'https://h.example', key: {}}}}}\ndefault: w\n"


def today(
    text: str, environment: Mapping[str, str] | None = None, credentials: Mapping[str, str] | None = None
) -> Resolved:
    inputs = Inputs(environment=environment or {}, credentials=credentials or {})
    return Today(text, "rules.yaml").for_capture(inputs)


def secret_of(rules: Resolved, name: str = "w") -> str | None:
    secret = rules.upstreams[name].secret
    return secret.value if secret is not None else None


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_told_at_once() -> None:
    with pytest.raises(RulesError) as caught:
        Today("routes:\n  - to: nowhere\n", "mine.yaml")
    (problem,) = caught.value.problems
    assert str(problem).startswith("mine.yaml:2:9: there is no provider 'nowhere'")


def test_an_expectation_that_does_not_hold_is_told_at_once() -> None:
    with pytest.raises(RulesError) as caught:
        Today("default: local\nexpect:\n  - {given: {model: a}, to: ollama}\n", "rules.yaml")
    assert "this expectation does not hold" in str(caught.value.problems[0])


@pytest.mark.parametrize(
    "text",
    (
        "providers: {w: {base_url: $W_URL, key: $W, headers: {X-A: $B}}}\ndefault: w",
        "providers: {w: {base_url: 'http://127.0.0.1:8080', auth: none}}\ndefault: w",  # where Wiremend might listen
        "listen: {port: $PORT, host: $ADDRESS, token: $TOKEN}",
        "capture: {dir: $DIR}",
        "providers: {w: {base_url: 'https://h.example', key: 'op://vault/item/field'}}\ndefault: w",
    ),
)
def test_what_this_machine_has_not_is_no_error(text: str) -> None:
    assert Today(text, "rules.yaml").warnings == ()


def test_it_says_what_its_file_says() -> None:
    text = "replay: {ignore: [/metadata/user_id], max_age: 90d}\n"
    rules = Today(text, "rules.yaml")
    assert rules.hash == rules_hash(text)
    assert rules.replay.ignore == (("metadata", "user_id"),)
    assert rules.replay.max_age == 90 * 86400


def test_the_shipped_file_is_good_for_any_capture() -> None:
    rules = Today.load(shipped()).for_capture(Inputs())
    assert all(
        upstream.secret
        for upstream in rules.upstreams.values()
        if upstream.provider.needs_credential and upstream.provider.keys
    )


def test_a_file_is_named_as_a_running_proxy_names_it(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("default: local\n", "utf-8")
    assert Today.load(tmp_path).rules == Today.load(tmp_path / "rules.yaml").rules
    assert Today.load(tmp_path).rules.file == "rules.yaml"
    with pytest.raises(RulesError, match="cannot be read"):
        Today.load(tmp_path / "gone.yaml")


# --- variables --------------------------------------------------------------------------------------------------------


def test_variables_are_the_recorded_ones_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "TEAM"):
        monkeypatch.setenv(name, "machine.example")
    text = "providers: {w: {base_url: 'https://$HOST', key: client, headers: {X-Team: $TEAM}}}\ndefault: w"
    there = rewritten(today(text, {"HOST": "h.example", "TEAM": "blue"}))
    assert (there.destination.host, there.headers.get("x-team")) == ("h.example", "blue")
    gone = rewritten(today(text))
    assert (gone.destination.host, gone.headers.get("x-team")) == ("host", "")


def test_a_variable_that_spoils_a_url_is_a_refusal_and_no_failure() -> None:
    rules = today("providers: {w: {base_url: $URL, key: client}}\ndefault: w", {"URL": "no url"})
    assert refused(rules).status == 500


# --- stand-ins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "environment", "credentials", "secret"),
    (
        ("$A", {}, {"$A": "one"}, "one"),
        ("[$A, $B]", {}, {"$B": "two"}, "two"),  # $A did not resolve where this was recorded
        ("[$A, $B]", {}, {"$B": "two", "$A": "one"}, "one"),
        ("[client, $B]", {}, {"$B": "two"}, "two"),
        ("${A}", {}, {"$A": "one"}, "one"),  # the same variable, written otherwise since
        ("$A", {}, {"${A}": "one"}, "one"),
        ("$A", {"A": " one "}, {}, "one"),
        ("[$A, $B]", {"A": "one"}, {"$B": "two"}, "one"),
        ("[$A, $B]", {"A": "on\ne"}, {"$B": "two"}, "two"),
        ("[$A, $B]", {"A": " "}, {"$B": "two"}, "two"),
        ("$A", {}, {"$A": "one\r\nX-Forged: 1"}, "SCRUBBED-$A"),
        ("$A", {}, {"$A": ""}, None),  # it was asked, and was not to be had
        ("[$A, $B]", {}, {"$A": "", "$B": ""}, None),
        ("[$A, $B]", {}, {"$A": "", "$B": "two"}, "two"),
        ("$A", {}, {}, "SCRUBBED-$A"),
        ("[client, $B]", {}, {"$C": "x"}, "SCRUBBED-$B"),
        ("op://vault/my item/field", {}, {}, "SCRUBBED-op://vault/my-item/field"),
        ("op://vault/item/field", {"item": "x"}, {"op://vault/item/field": "one"}, "one"),
        ("client", {}, {"client": "x"}, None),
        ("$A, auth: none", {}, {}, None),
        ("$A, auth: none", {}, {"$A": "one"}, "one"),
    ),
)
def test_a_provider_gets_the_stand_in_of_the_first_reference_that_was_to_be_had(
    key: str, environment: dict[str, str], credentials: dict[str, str], secret: str | None
) -> None:
    text = KEYS.format(key if key[0] in "[c" or "auth" in key else f"'{key}'")
    assert secret_of(today(text, environment, credentials)) == secret


def test_a_built_in_has_its_stand_in_too() -> None:
    assert secret_of(today("version: 1"), "moonshot") == "SCRUBBED-$MOONSHOT_API_KEY"
    assert secret_of(today("version: 1"), "ollama") is None


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip))
def test_any_reference_makes_a_stand_in_that_a_header_can_carry(name: str) -> None:
    quoted = "'" + f"file:/{name}".replace("'", "''") + "'"
    secret = secret_of(today(KEYS.format(f"[client, {quoted}]")))
    assert secret is not None
    assert can_travel(secret)
    assert secret.isascii()
    assert " " not in secret


def test_key_client_passes_the_clients_own_on() -> None:
    there = rewritten(today(KEYS.format("client")), headers=bearer(KIMI))
    assert there.headers.get("authorization") == f"Bearer {KIMI}"


NAMES = ("A", "B", "C")
REFERENCES = st.lists(st.sampled_from(("$A", "$B", "${C}", "client", "file:/nowhere/of/ours")), min_size=1, unique=True)
VALUES = st.sampled_from(("", "FAKE-one", "FAKE-two", " FAKE ", "FAKE\nbroken"))


@given(keys=st.tuples(REFERENCES, REFERENCES), environ=st.dictionaries(st.sampled_from((*NAMES, "HOST")), VALUES))
def test_what_was_recorded_gives_the_rules_of_the_machine_that_recorded_it(
    keys: tuple[list[str], list[str]], environ: dict[str, str]
) -> None:
    """The same bases, and of each provider's references the same one wins with the same value."""
    w, v = (f"[{', '.join(f"'{key}'" for key in several)}]" for several in keys)
    text = f"""
providers:
  w: {{base_url: 'https://${{HOST:-h.example}}', key: {w}, headers: {{X-A: '${{A:-none}}'}}}}
  v: {{base_url: 'https://v.example', key: {v}}}
"""
    live = resolved(text, environ)
    inputs = Inputs(environment=environment_of(live), credentials=credentials_of_rules(live))
    replayed = Today(text, "rules.yaml").for_capture(inputs)
    assert replayed.upstreams.keys() == live.upstreams.keys()
    for name, there in live.upstreams.items():
        here = replayed.upstreams[name]
        assert here.bases == there.bases
        if there.secret is not None:
            assert (here.secret, here.reference) == (there.secret, there.reference)
        else:
            assert here.secret is None or here.secret.value.startswith("SCRUBBED-")
    for edit in live.rules.providers["w"].headers:
        assert replayed.header_value(edit) == live.header_value(edit)


# --- no machine, and no waste -----------------------------------------------------------------------------------------


class _Guarded(dict[str, str]):
    """An environment that nobody may ask."""

    def __getitem__(self, key: str) -> NoReturn:
        raise AssertionError(f"asked the environment for {key}")

    def get(self, key: str, *_: object) -> NoReturn:
        raise AssertionError(f"asked the environment for {key}")


def test_neither_environment_nor_files_nor_vaults_are_asked() -> None:
    text = """
providers:
  w: {base_url: 'https://$HOST', key: [$A, 'op://vault/item/field', 'keyring:service/name', 'file:~/key']}
  v: {base_url: 'https://v.example', key: 'op://vault/item/field', headers: {X-A: $A}}
routes: [{when: {model: v*}, to: v}]
default: w
listen: {port: $PORT, token: $TOKEN}
capture: {dir: ~/captures}
"""
    rules = Today(text, "rules.yaml")

    def never(*_: object, **__: object) -> NoReturn:
        raise AssertionError("this is offline")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", _Guarded())
        patch.setattr(Reference, "resolve", never)
        for owner, name in ((builtins, "open"), (io, "open"), (shutil, "which"), (subprocess, "run"), (os, "stat")):
            patch.setattr(owner, name, never)
        for name in ("open", "read_text", "home", "expanduser", "exists", "is_file"):
            patch.setattr(Path, name, never)
        made = [rules.for_capture(Inputs()), rules.for_capture(Inputs(credentials={"$A": "one"}))]
    assert [secret_of(one) for one in made] == ["SCRUBBED-$A", "one"]
    assert made[0].capture_folder is None


def test_the_same_inputs_are_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Today(KEYS.format("$A"), "rules.yaml")
    first = rules.for_capture(Inputs(environment={"X": "1", "Y": "2"}, credentials={"$A": "one"}))
    monkeypatch.setattr(rules_module, "resolve", None)
    assert rules.for_capture(Inputs(seed="other", environment={"Y": "2", "X": "1"}, credentials={"$A": "one"})) is first


def test_other_inputs_are_other_rules() -> None:
    rules = Today(KEYS.format("$A"), "rules.yaml")
    inputs = [Inputs(credentials={"$A": "one"}), Inputs(credentials={"$A": "two"}), Inputs(environment={"$A": "one"})]
    assert [secret_of(rules.for_capture(one)) for one in inputs * 2] == ["one", "two", "SCRUBBED-$A"] * 2


def test_a_corpus_of_many_recordings_holds_few_of_them() -> None:
    rules = Today(KEYS.format("$A"), "rules.yaml")
    for number in range(300):
        assert secret_of(rules.for_capture(Inputs(credentials={"$A": f"FAKE-{number}"}))) == f"FAKE-{number}"
    assert len(rules._resolved) <= 256
    assert rules.for_capture(Inputs(credentials={"$A": "FAKE-0"})).upstreams["w"].secret == Secret("FAKE-0")


# --- which file -------------------------------------------------------------------------------------------------------


def test_the_nearest_file_above_a_case_is_its_own(tmp_path: Path) -> None:
    case = tmp_path / "repository" / "captures" / "chat" / "a-case"
    case.mkdir(parents=True)
    (tmp_path / "rules.yaml").touch()
    (tmp_path / "repository" / ".git").mkdir()
    assert rules_beside(case) is None  # what lies outside of the repository is somebody else's
    near, nearer = tmp_path / "repository" / "rules.yaml", case.parent / "rules.yaml"
    near.touch()
    assert rules_beside(case) == near
    assert rules_beside(case / "case.yaml") == near
    nearer.touch()
    assert rules_beside(case) == nearer
