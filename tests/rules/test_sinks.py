"""``ledger`` and ``alerts``: where rows and alerts go, and that no secret of an address is seen anywhere (G8).

What is refused is in ``tests/broken`` (ledger, alerts, ledger-unresolved, keeps-twice), with its lines. Here: what an
address becomes, and who knows which part of it is secret.
"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import problems, resolved
from wiremend.cli.main import cli
from wiremend.families import scrubbed
from wiremend.rules.model import CAUSES, Alerts, Ledger
from wiremend.rules.resolve import credentials_of_rules, environment_of
from wiremend.rules.sinks import literal_secret, secrets_of, sink_problem

if TYPE_CHECKING:
    from pathlib import Path

HOME = {"HOME": "/home/fake"}
PASSWORD = "hunter2FAKE"


# --- the ledger -------------------------------------------------------------------------------------------------------


def ledger(text: str, environ: dict[str, str] | None = None) -> tuple[str, ...] | None:
    return resolved(f"ledger: {text}", {**HOME, **(environ or {})}).ledger


def test_without_the_key_the_embedded_database_is_written() -> None:
    rules = resolved("version: 1")
    assert (rules.rules.ledger, rules.ledger) == (Ledger(), ())


def test_off_writes_nothing_and_offline_neither() -> None:
    rules = resolved("\nledger: off")
    assert (rules.rules.ledger, rules.ledger) == (Ledger(on=False, line=2), None)
    offline = resolved("ledger: [$NOWHERE, 'postgresql://me:$NOWHERE@db.example/rows']", offline=True)
    assert (len(offline.rules.ledger.sinks), offline.ledger) == (2, None)
    assert resolved("version: 1", offline=True).ledger is None


@pytest.mark.parametrize(
    ("written", "environ", "address"),
    (
        ("sqlite:/srv/rows.db", {}, "sqlite:/srv/rows.db"),
        ("sqlite:///srv/rows.db", {}, "sqlite:/srv/rows.db"),
        ("SQLite:/srv/Rows.db", {}, "sqlite:/srv/Rows.db"),
        ("sqlite:~/rows.db", {}, "sqlite:/home/fake/rows.db"),
        ("sqlite:$DIR/rows.db", {"DIR": "/var/x"}, "sqlite:/var/x/rows.db"),
        ("sqlite:${DIR:-~/x}/rows.db", {}, "sqlite:/home/fake/x/rows.db"),
        ("$ROWS", {"ROWS": "sqlite:~/rows.db"}, "sqlite:/home/fake/rows.db"),
        ("${ROWS}", {"ROWS": "postgres://db.example/rows"}, "postgresql://db.example/rows"),
        ("${ROWS:-sqlite:/srv/rows.db}", {}, "sqlite:/srv/rows.db"),
        ("$SCHEME://db.example/rows", {"SCHEME": "postgres"}, "postgresql://db.example/rows"),
        ("postgresql://me@db.example:5433/rows", {}, "postgresql://me@db.example:5433/rows"),
        ("postgresql:///rows?host=/run/postgresql", {}, "postgresql:///rows?host=/run/postgresql"),
        ("postgresql://me:$PW@db.example/rows", {"PW": PASSWORD}, f"postgresql://me:{PASSWORD}@db.example/rows"),
        ("postgresql://me:$PW@h/rows", {"PW": "p@s/s:#?"}, "postgresql://me:p%40s%2Fs:%23%3F@h/rows"),
        ("postgresql://me:$PW@h/rows", {"PW": "50%off"}, "postgresql://me:50%25off@h/rows"),
        ("postgresql://me:$PW@h/rows", {"PW": "p%40ss"}, "postgresql://me:p%40ss@h/rows"),  # as URLs have it already
        ("postgresql://$WHO@h/rows", {"WHO": "me:p@ss"}, "postgresql://me:p%40ss@h/rows"),
        (
            "postgresql://h/rows?sslmode=require&sslkey=/srv/key",
            {},
            "postgresql://h/rows?sslmode=require&sslkey=/srv/key",
        ),
        ("https://rows.example/calls?team=$TEAM", {"TEAM": "blue"}, "https://rows.example/calls?team=blue"),
        ("https://rows.example/?token=$T&a=b", {"T": "a+b&c=#d"}, "https://rows.example/?token=a%2Bb%26c%3D%23d&a=b"),
        ("https://rows.example/?team=${T:-x}", {"T": "a$b$$c"}, "https://rows.example/?team=a$b$$c"),
        ("https://rows.example/?token=$T$U", {"T": "a", "U": "b"}, "https://rows.example/?token=ab"),
        ("https://rows.example/?$ALL", {"ALL": "a=b&c=d"}, "https://rows.example/?a=b&c=d"),
        ("postgresql://me:$PW@h/a$$b?password=$PW", {"PW": "$$p"}, "postgresql://me:$$p@h/a$b?password=$$p"),
        ("http://127.0.0.1:9/calls", {}, "http://127.0.0.1:9/calls"),
        ("http://localhost/calls", {}, "http://localhost/calls"),
        ("http://$HOST:9/calls", {"HOST": "[::1]"}, "http://[::1]:9/calls"),
    ),
)
def test_an_address_is_given_in_one_spelling(written: str, environ: dict[str, str], address: str) -> None:
    assert ledger(f"'{written}'", environ) == (address,)


def test_all_sinks_are_given_in_the_order_of_the_file(tmp_path: Path) -> None:
    kept = tmp_path / "address"
    kept.write_text("https://rows.example/calls\n", "utf-8")
    found = ledger(f"[sqlite:/a, $B, 'file:{kept}']", {"B": "postgresql://b/c"})
    assert found == ("sqlite:/a", "postgresql://b/c", "https://rows.example/calls")


@pytest.mark.parametrize(
    ("written", "environ", "told"),
    (
        ("$ROWS", {"ROWS": f"mysql://me:{PASSWORD}@db/x"}, "what $ROWS holds cannot be used"),
        ("$ROWS", {"ROWS": f"http://me:{PASSWORD}@rows.example/x"}, "https:// alone"),
        ("$ROWS", {"ROWS": f"sqlite:{PASSWORD}"}, "begins with / or ~/"),
        ("$ROWS", {"ROWS": PASSWORD}, "what $ROWS holds cannot be used"),
        ("$ROWS", {"ROWS": f"https://h\x01/{PASSWORD}"}, "cannot be a credential"),
        ("http://$HOST/calls", {"HOST": "rows.example"}, "https:// alone"),
        ("http://127.0.0.1@$HOST/calls", {"HOST": "rows.example"}, "in clear"),
        ("http://$HOST/calls", {"HOST": "127.0.0.1@rows.example"}, "https:// alone"),
        ("http://$HOST/calls", {"HOST": "127.0.0.1.rows.example"}, "https:// alone"),
        ("postgresql://me:$PW@h/rows", {}, "the variable PW is not set"),
        ("postgresql://me:$PW@h/rows", {"PW": ""}, "the variable PW is not set"),
        ("sqlite:$DIR/rows.db", {"DIR": "rows"}, "begins with / or ~/"),
    ),
)
def test_what_turns_out_to_be_no_address_is_told_without_showing_it(
    written: str, environ: dict[str, str], told: str
) -> None:
    (problem,) = problems(f"ledger: '{written}'", {**HOME, **environ})
    assert problem.startswith(("1:1: ", "1:9: "))
    assert told in problem
    assert "FAKE" not in problem
    assert "rows.example" not in problem


def test_two_ways_to_one_address_are_one_too_many() -> None:
    (problem,) = problems("ledger:\n- sqlite:~/rows.db\n- $ROWS", {**HOME, "ROWS": "sqlite:///home/fake/rows.db"})
    assert problem == "3:1: two entries of `ledger` are one and the same address; keep one of them"


def test_a_driver_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("wiremend.rules.resolve_keeps.find_spec", asked.append)
    text = "ledger:\n- sqlite:/a\n- postgresql://db/rows\nalerts: $ALERTS"
    assert problems(text, {"ALERTS": "json://h"}) == [
        "3:1: a postgresql:// sink of the ledger needs psycopg: pip install 'wiremend[postgres]'",
        "4:1: alerts need apprise: pip install 'wiremend[alerts]'",
    ]
    assert asked == ["psycopg", "apprise"]
    asked.clear()
    assert problems("ledger: [sqlite:/a, https://rows.example]") == []
    assert problems(text, offline=True) == []
    assert asked == []


def test_the_extras_are_looked_for_under_their_names() -> None:
    """Where they are installed, as they are where this runs, there is nothing to tell."""
    assert all(importlib.util.find_spec(name) for name in ("psycopg", "apprise"))
    assert problems("ledger: postgresql://db/rows\nalerts: $ALERTS", {"ALERTS": "json://h"}) == []


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_without_the_key_nobody_is_told() -> None:
    rules = resolved("version: 1")
    assert (rules.rules.alerts, rules.alerts) == (Alerts(), ())


@pytest.mark.parametrize("form", ("$A", "[$A]", "{to: $A}", "{to: [$A]}"))
def test_one_address_in_each_form(form: str) -> None:
    rules = resolved(f"alerts: {form}", {"A": "discord://1/FAKE"})
    assert rules.alerts == ("discord://1/FAKE",)
    assert (rules.rules.alerts.on, rules.rules.alerts.interval) == (frozenset(CAUSES), 900.0)


def test_causes_and_the_interval_are_the_files() -> None:
    rules = resolved("alerts:\n  to: [$A, $B]\n  on: balance\n  interval: 90s", {"A": "json://a", "B": "json://b"})
    assert rules.alerts == ("json://a", "json://b")
    assert (rules.rules.alerts.on, rules.rules.alerts.interval) == (frozenset({"balance"}), 90.0)
    several = resolved("alerts: {to: $A, on: [gate, rate_limited]}", {"A": "json://a"}).rules.alerts
    assert several.on == frozenset({"gate", "rate_limited"})


def test_offline_no_address_is_looked_up() -> None:
    rules = resolved("alerts: [$A, 'op://vault/alerts/url', 'file:/nonexistent/x']", offline=True)
    assert (len(rules.rules.alerts.to), rules.alerts, rules.secrets) == (3, (), ())


@pytest.mark.parametrize("address", ("hunter2FAKE", "//hunter2FAKE", "mailto:hunter2FAKE"))
def test_what_is_no_apprise_url_is_told_without_showing_it(address: str) -> None:
    (problem,) = problems("\nalerts: $ALERTS", {"ALERTS": address})
    assert problem == "2:1: what $ALERTS holds is no Apprise URL: those read service://…"


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "environ", "secrets"),
    (
        (
            "ledger: 'postgresql://me:$PW@db.example/rows'",
            {"PW": PASSWORD},
            {f"postgresql://me:{PASSWORD}@db.example/rows", PASSWORD},
        ),
        (
            "ledger: 'postgresql://me:$PW@db.example/rows'",
            {"PW": "hunter2@FAKE"},
            {"postgresql://me:hunter2%40FAKE@db.example/rows", "hunter2%40FAKE", "hunter2@FAKE"},
        ),
        (
            "ledger: 'https://rows.example/calls?token=$T&team=blueblue'",
            {"T": "FAKE-token"},
            {"https://rows.example/calls?token=FAKE-token&team=blueblue", "FAKE-token"},
        ),
        ("ledger: 'https://$T@rows.example/'", {"T": "FAKE-token"}, {"https://FAKE-token@rows.example/", "FAKE-token"}),
        ("ledger: $ROWS", {"ROWS": "postgresql://me@db.example/rows"}, {"postgresql://me@db.example/rows"}),
        ("ledger: $ROWS", {"ROWS": "postgresql://db.example:5433/rows"}, set()),
        (
            "ledger: $ROWS",
            {"ROWS": "https://hooks.example/services/T00/FAKE4567890abcdef"},
            {"https://hooks.example/services/T00/FAKE4567890abcdef", "FAKE4567890abcdef"},
        ),
        (
            "alerts: $A",
            {"A": "discord://123456789012345678/FAKE_abcdefghij12345"},
            {"discord://123456789012345678/FAKE_abcdefghij12345", "FAKE_abcdefghij12345"},
        ),
        (
            "alerts: $A",
            {"A": "mailto://me:hunter2FAKE@mail.example?to=you@mail.example"},
            {"mailto://me:hunter2FAKE@mail.example?to=you@mail.example", "hunter2FAKE"},
        ),
        (
            "alerts: $A",
            {"A": "tgram://123456789:FAKEfakeFAKE1234/chat"},
            {"tgram://123456789:FAKEfakeFAKE1234/chat", "FAKEfakeFAKE1234"},
        ),
        ("ledger: 'postgresql://me@db.example/rows'", {}, set()),
        ("ledger: 'https://rows.example/calls'", {}, set()),
        ("ledger: $ROWS", {"ROWS": "sqlite:/srv/rows.db"}, set()),
        ("ledger: off", {}, set()),
    ),
)
def test_what_of_an_address_is_secret(text: str, environ: dict[str, str], secrets: set[str]) -> None:
    rules = resolved(text, environ)
    assert set(rules.secrets) == secrets
    for secret in environ.values():
        if secrets:
            assert secret not in scrubbed(f"it was {secret}, was it?", rules.secrets)
    assert "FAKE" not in repr(rules)


@pytest.mark.parametrize(
    "address", ("http://127.0.0.1:9/calls?token=FAKE-token-1", "https://rows2.example/?key=FAKE-1")
)
def test_how_an_address_begins_is_no_secret(address: str) -> None:
    """Else no other address of that host could be read any more, in a log or in a capture."""
    secrets = resolved("ledger: $ROWS", {"ROWS": address}).secrets
    assert address in secrets
    other = address.partition("?")[0] + "/other"
    assert scrubbed(f"see {other}", secrets) == f"see {other}"
    assert "FAKE" not in scrubbed(f"see {address}", secrets)


def test_a_short_password_is_no_secret_that_texts_are_searched_for() -> None:
    """A word of five letters may stand in any text; the whole address is one all the same."""
    assert set(resolved("ledger: 'postgresql://me:$PW@h/x'", {"PW": "abcde"}).secrets) == set()


def test_no_capture_records_an_address() -> None:
    """They decide nothing (G10), and what is not recorded cannot be read."""
    environ = {"PW": PASSWORD, "ROWS": "https://rows.example/FAKE", "A": "discord://1/FAKE", "DIR": "/srv"}
    text = "ledger: ['postgresql://me:$PW@h/x', $ROWS, 'sqlite:$DIR/x']\nalerts: $A"
    rules = resolved(text, environ)
    assert len(rules.ledger or ()) == 3
    assert rules.alerts == ("discord://1/FAKE",)
    assert environment_of(rules) == {}
    assert credentials_of_rules(rules) == {}


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="$'\"{}?&="), min_size=6))
def test_any_password_in_clear_is_found(password: str) -> None:
    """Whatever characters it has, but for those that begin another part of a URL: one that it breaks is refused."""
    for address in (f"postgresql://me:{password}@db.example/rows", f"https://rows.example/?token={password}"):
        assert literal_secret(address) or sink_problem(address), address


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6))
def test_any_password_reaches_the_driver_and_is_known_as_secret(password: str) -> None:
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - the oracle of this one test

    rules = resolved("ledger: 'postgresql://me:$PW@db.example/rows'", {"PW": password})
    assert rules.ledger is not None
    (address,) = rules.ledger
    parts = urlsplit(address)
    assert (parts.username, parts.hostname, parts.path) == ("me", "db.example", "/rows")
    came = unquote(parts.password or "")
    assert came in {password, unquote(password)}
    assert came in rules.secrets


def test_an_address_that_cannot_be_taken_apart_is_secret_as_a_whole() -> None:
    assert secrets_of("discord://[::1/FAKE", whole=True) == ("discord://[::1/FAKE",)


def test_check_shows_addresses_as_the_file_has_them(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("ledger: ['postgresql://me:$PW@h/x', $ROWS]\nalerts: {to: $A, on: gate}\n", "utf-8")
    environ = {"PW": PASSWORD, "ROWS": "https://rows.example/FAKE", "A": "discord://1/FAKE"}
    plain = CliRunner().invoke(cli, ["check", str(file)], env=environ)
    assert "  ledger: postgresql://me:$PW@h/x, $ROWS\n  alerts: $A on gate\n" in plain.output
    told = CliRunner().invoke(cli, ["check", "--json", str(file)], env=environ)
    assert "FAKE" not in plain.output + told.output
    rules = json.loads(told.output)["rules"]
    assert rules["ledger"] == ["postgresql://me:$PW@h/x", "$ROWS"]
    assert rules["alerts"] == {"to": ["$A"], "on": ["gate"], "interval": "15m"}
