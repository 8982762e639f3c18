"""What a recorder asks the rules for, and how a request out of a capture is tried against them (G10, G8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, bearer, facts, request, resolved
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.conditions import looked_at, matches, secret_globs
from wiremend.rules.resolve import credentials_of_rules, environment_of

STAND_IN = "sk-kimi-SCRUBBED0123456789abcdef"

RULES = """
version: 1
providers:
  w:
    base_url: http://$HOST:${PORT:-8000}/v1
    key: [$A, $B]
    headers: {X-Team: team $TEAM, Anthropic-Beta: [{drop: x*}]}
  v: {base_url: '${V_URL:-http://127.0.0.1:9}', key: $A, auth: {chat: bearer}}
routes:
  - {when: {key: [sk-kimi-*, null], header: {X-Project: [red, s*]}}, to: w}
  - {when: {key: sk-kimi-*}, to: v}
edits:
  - {when: {header: {X-Mode: s*}}, headers: {X-Trace: $TRACE, X-List: [{drop: y}]}}
capture: {dir: $DIR/captures, when: {key: sk-*, header: {X-Kept: 'yes'}}}
listen: {port: $LISTEN, host: '${ADDRESS:-127.0.0.1}'}
agent_header: X-Who
"""
ENVIRON = {"HOST": "127.0.0.1", "A": "FAKE-a", "TEAM": "blue", "TRACE": "t", "DIR": "/srv", "LISTEN": "9000"}


# --- what a recorder asks for -----------------------------------------------------------------------------------------


def test_every_glob_that_a_secret_may_meet_is_given_once() -> None:
    globs = [glob.text for glob in secret_globs(resolved(RULES, ENVIRON).rules)]
    assert sorted(globs) == sorted({"sk-kimi-*", "red", "s*", "sk-*", "yes"})
    assert secret_globs(resolved("version: 1").rules) == ()


def test_the_headers_whose_values_count_are_named_in_lower_case() -> None:
    rules = resolved(RULES, ENVIRON).rules
    assert looked_at(rules) == {"x-who", "x-project", "x-mode", "x-kept", "anthropic-beta", "x-list"}
    assert looked_at(resolved("version: 1").rules) == {"x-agent-id"}


def test_a_header_that_the_rules_write_in_clear_is_looked_at() -> None:
    text = "edits: [{headers: {X-Title: ours, X-Team: $TEAM, X-Gone: null}}]"
    assert looked_at(resolved(text, {"TEAM": "t"}).rules) == {"x-agent-id", "x-title"}


def test_the_environment_is_what_the_rules_name_and_the_machine_has() -> None:
    found = environment_of(resolved(RULES, {**ENVIRON, "V_URL": "", "OTHER": "FAKE"}))
    assert found == {name: value for name, value in ENVIRON.items() if name != "A"}


def test_a_default_that_a_variable_replaces_is_part_of_the_environment() -> None:
    assert environment_of(resolved(RULES, {**ENVIRON, "PORT": "7"}))["PORT"] == "7"


def test_the_secrets_are_credentials_and_what_variables_hold_that_may_be_one() -> None:
    environ = {**ENVIRON, "A": "FAKE-credential", "TEAM": "blue-team", "TRACE": "trace-1"}
    found = resolved(RULES, environ).secrets
    assert {"FAKE-credential", "blue-team", "trace-1"} <= set(found)
    assert environ["HOST"] not in found
    assert "" not in found
    harmless = "edits: [{headers: {User-Agent: me/$VERSION, X-Auth: $GATE}}]"
    assert resolved(harmless, {"VERSION": "1.2.3.4", "GATE": "open-sesame"}).secrets == ("open-sesame",)
    assert resolved("listen: {host: 0.0.0.0, token: $WIREMEND_TOKEN}", {"WIREMEND_TOKEN": "FAKE-token"}).secrets == (
        "FAKE-token",
    )


@pytest.mark.parametrize(
    ("environ", "found"),
    (
        ({"A": "FAKE-a"}, {"$A": "FAKE-a"}),
        ({"A": "FAKE-a", "B": "FAKE-b"}, {"$A": "FAKE-a"}),
        ({"A": "FAKE-a\n2", "B": "FAKE-b"}, {"$B": "FAKE-b"}),
    ),
)
def test_credentials_go_by_the_reference_that_gave_them(environ: dict[str, str], found: dict[str, str]) -> None:
    text = RULES.replace("  - {when: {key: sk-kimi-*}, to: v}\n", "")
    assert credentials_of_rules(resolved(text, {**ENVIRON, **environ})) == found


def test_a_reference_that_a_request_may_need_and_that_is_not_to_be_had_is_told_as_empty() -> None:
    text = "providers: {w: {base_url: 'https://h.example', key: [$A, client, $B]}}\ndefault: w\n"
    assert credentials_of_rules(resolved(text, {})) == {"$A": "", "$B": ""}
    assert credentials_of_rules(resolved(text, {"B": "FAKE-b"})) == {"$B": "FAKE-b"}


# --- what was recorded of a stand-in ----------------------------------------------------------------------------------


def test_a_stand_in_goes_where_its_secret_went() -> None:
    rules = resolved("routes: [{when: {key: sk-kimi-FAKE*}, to: local/right}]\ndefault: local/wrong")
    live = rewrite(request(headers=bearer(KIMI)), rules)
    asked = request(headers=bearer(STAND_IN))
    blind = rewrite(asked, rules)
    told = rewrite(replace(asked, recorded={STAND_IN: {"sk-kimi-FAKE*": True}}), rules)
    outcomes = [outcome.decision.sent for outcome in (live, blind, told) if isinstance(outcome, Rewritten)]
    assert outcomes == ["right", "wrong", "right"]


def test_what_was_recorded_counts_also_where_it_says_no() -> None:
    rules = resolved("routes: [{when: {key: sk-kimi-*}, to: local}]")
    asked = facts(rules, headers=bearer(STAND_IN))
    (route,) = rules.rules.routes
    assert matches(route.when, asked, ())
    assert not matches(route.when, replace(asked, recorded={STAND_IN: {"sk-kimi-*": False}}), ())


@pytest.mark.parametrize(
    "recorded", ({}, {STAND_IN: {}}, {STAND_IN: {"other*": False}}, {"other": {"sk-kimi-*": False}})
)
def test_without_an_answer_the_text_itself_counts(recorded: dict[str, dict[str, bool]]) -> None:
    rules = resolved("routes: [{when: {key: sk-kimi-*}, to: local}]")
    asked = replace(facts(rules, headers=bearer(STAND_IN)), recorded=recorded)
    assert matches(rules.rules.routes[0].when, asked, ())


GLOBS = ("a*", "sk-*", "sk-kimi-*", "*9*", "?b*", "[!a]*", "SK-A*")
SECRETS = st.text(alphabet="abk9-", min_size=1, max_size=6).flatmap(lambda tail: st.sampled_from([tail, f"sk-{tail}"]))


@given(
    key=SECRETS,
    header=SECRETS,
    wanted=st.lists(st.sampled_from(GLOBS), max_size=3),
    asked=st.lists(st.sampled_from(GLOBS), max_size=3),
)
def test_with_what_was_recorded_a_stand_in_meets_the_same_conditions(
    key: str, header: str, wanted: list[str], asked: list[str]
) -> None:
    """Whatever the secret, and whatever stands in its place."""
    conditions = {"key": wanted, "header": {"x-secret": asked} if asked else {}}
    when = ", ".join(f"{name}: {value}" for name, value in conditions.items() if value)
    rules = resolved(f"routes: [{{when: {{{when}}}, to: local}}]")
    (route,) = rules.rules.routes
    stand_ins = {secret: f"SCRUBBED-{number}" for number, secret in enumerate(dict.fromkeys((key, header)))}
    recorded = {
        stand_in: {glob.text: glob.matches(secret) for glob in secret_globs(rules.rules)}
        for secret, stand_in in stand_ins.items()
    }
    live = facts(rules, headers={"x-api-key": key, "x-secret": header})
    scrubbed = facts(rules, headers={"x-api-key": stand_ins[key], "x-secret": stand_ins[header]})
    assert matches(route.when, replace(scrubbed, recorded=recorded), ()) is matches(route.when, live, ())


def test_no_fact_shows_what_was_recorded() -> None:
    rules = resolved("version: 1")
    asked = replace(facts(rules), recorded={"FAKE": {"*": True}})
    assert "FAKE" not in repr(asked)
