"""``preferences``: the model that a request goes to by what is asked, and everything that comes before it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.rules.kit import decided, facts, problems, refused, request, resolved, where
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.engine import chooses, route_of
from wiremend.rules.facts import Picked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.pipeline.outcome import ClientRequest
    from wiremend.rules.resolve import Resolved

RULES = """
providers:
  lab: {{base_url: http://127.0.0.1:9999, auth: none}}
  spare: {{base_url: http://127.0.0.1:9998, auth: none}}
aliases: {{pick: lab/auto-like, rhymes: lab/poet}}
routes:
  - {{when: {{model: fixed-*}}, to: lab}}
preferences:
  for: {kind}
  choices:
    - name: proofs
      description: proving mathematical theorems
      models: [lab/thinker, spare/thinker-2]
      examples: [prove the theorem that there are infinitely many primes]
    - name: verse
      description: writing poems
      models: rhymes
      examples: [write a poem about the sea in winter]
default: lab/usual
"""
AUTO = resolved(RULES.format(kind="auto"))
ALL = resolved(RULES.format(kind="all"))
PROVE = "prove the theorem that there are infinitely many primes"
POEM = "write a poem about the sea in winter"
ERRAND = "xyzzy"


def body(model: object, text: str) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()


@pytest.mark.parametrize(
    ("model", "text", "goes"),
    (
        ("auto", PROVE, "lab/thinker"),
        ("auto", POEM, "lab/poet"),
        ("auto", ERRAND, "lab/usual"),
        ("unknown", PROVE, "lab/thinker"),
        ("unknown", ERRAND, "lab/usual"),
        (None, POEM, "lab/poet"),
        ("fixed-1", PROVE, "lab/fixed-1"),
        ("lab/own", PROVE, "lab/thinker"),  # `lab` is reached by routes only: a name is no way around them
        ("spare/own", PROVE, "spare/own"),
    ),
)
def test_for_auto_what_no_route_took_is_chosen_by_what_is_asked(model: object, text: str, goes: str) -> None:
    assert where(AUTO, body=body(model, text)) == goes


@pytest.mark.parametrize(
    ("model", "text", "goes"),
    (
        ("auto", PROVE, "lab/thinker"),
        ("fixed-1", PROVE, "lab/thinker"),
        ("fixed-1", ERRAND, "lab/fixed-1"),
        ("rhymes", PROVE, "lab/thinker"),
        ("rhymes", ERRAND, "lab/poet"),
        ("unknown", ERRAND, "lab/usual"),
    ),
)
def test_for_all_every_request_is_chosen_for_first(model: str, text: str, goes: str) -> None:
    assert where(ALL, body=body(model, text)) == goes


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_it_is_the_same_on_every_wire(wire: str) -> None:
    said = {"input": PROVE} if wire == "responses" else {"messages": [{"role": "user", "content": PROVE}]}
    assert where(AUTO, wire=wire, body=json.dumps({"model": "auto", **said}).encode()) == "lab/thinker"


def test_the_other_models_are_the_fallbacks() -> None:
    decision = decided(AUTO, body=body("auto", PROVE))
    assert (decision.by, decision.preference) == ("preference", "proofs")
    assert [str(target) for target in decision.targets] == ["lab/thinker", "spare/thinker-2"]
    outcome = rewrite(request(body=body("auto", PROVE)), AUTO, to="spare/thinker-2")
    assert isinstance(outcome, Rewritten)
    assert (outcome.decision.provider, outcome.decision.sent) == ("spare", "thinker-2")
    assert json.loads(outcome.body or b"")["model"] == "thinker-2"


def test_why_has_the_scores_and_the_line() -> None:
    (why,) = decided(AUTO, body=body("auto", POEM)).why
    assert why.startswith("preference 'verse' fits best (proofs 0.")
    assert why.endswith("(rules.yaml:15)")
    why, default = decided(AUTO, body=body("auto", ERRAND)).why
    assert why.startswith("preferences: none fits (proofs 0.")
    assert default == "no route matches: the default (rules.yaml:19)"


def test_a_default_for_the_model_auto_is_no_warning() -> None:
    assert decided(AUTO, body=body("auto", ERRAND)).unrouted is None
    assert decided(AUTO, body=body("other", ERRAND)).unrouted == "other"


@pytest.mark.parametrize("default", ("", "default: lab"))
def test_auto_is_never_sent_as_a_model(default: str) -> None:
    text = RULES.format(kind="auto").replace("default: lab/usual", default)
    told = refused(resolved(text), body=body("auto", ERRAND))
    assert told.status == 404
    assert "auto" in told.message
    assert "MODEL" in told.message


@pytest.mark.parametrize("picked", (Picked("kept", "verse"), Picked("asked", "verse")))
def test_what_was_picked_counts_whatever_is_said(picked: Picked) -> None:
    outcome = rewrite(_picked(picked), AUTO)
    assert isinstance(outcome, Rewritten)
    assert outcome.decision.preference == "verse"
    said = "its conversation keeps it" if picked.how == "kept" else "a router chose it"
    assert outcome.decision.why == (f"preference 'verse': {said} (rules.yaml:15)",)


def test_that_none_was_picked_counts_too_and_one_that_is_gone_does_not() -> None:
    outcome = rewrite(_picked(Picked("asked")), AUTO)
    assert isinstance(outcome, Rewritten)
    assert outcome.decision.sent == "usual"
    outcome = rewrite(_picked(Picked("kept", "gone")), AUTO)
    assert isinstance(outcome, Rewritten)
    assert outcome.decision.preference == "proofs"


def _picked(picked: Picked) -> ClientRequest:
    return replace(request(body=body("auto", PROVE)), picked=picked)


@pytest.mark.parametrize(
    "picked", (Picked("kept", "code review"), Picked("asked", "x"), Picked("asked"), Picked("kept"))
)
def test_what_was_picked_is_written_and_read(picked: Picked) -> None:
    assert Picked.of(str(picked)) == picked


@pytest.mark.parametrize("text", ("", "verse", "keptx verse", " "))
def test_what_is_no_pick_is_none(text: str) -> None:
    assert Picked.of(text) is None


def test_only_turns_are_chosen_for() -> None:
    for target in ("/v1/embeddings", "/v1/models"):
        asked = facts(AUTO, target=target, body=json.dumps({"model": "auto", "input": PROVE}).encode())
        assert not chooses(asked, AUTO)
        route = route_of(asked, AUTO)
        assert route is None
    assert chooses(facts(AUTO, wire="messages", target="/v1/messages/count_tokens", body=body("auto", PROVE)), AUTO)


@pytest.mark.parametrize(
    ("rules", "model", "asks"),
    (
        (AUTO, "auto", True),
        (AUTO, "unknown", True),
        (AUTO, "fixed-1", False),
        (ALL, "fixed-1", True),
        (AUTO, "spare/x", False),
    ),
)
def test_whether_the_preferences_are_asked(rules: Resolved, model: str, asks: bool) -> None:  # noqa: FBT001 - a table's column
    assert chooses(facts(rules, body=body(model, PROVE)), rules) is asks


@pytest.mark.parametrize(
    "said",
    (
        {},
        {"messages": None},
        {"messages": [1, None, {"role": "user"}]},
        {"input": 5},
        {"messages": [{"role": "user", "content": 7}]},
    ),
)
def test_a_body_in_which_nobody_says_anything_goes_to_the_default(said: Mapping[str, object]) -> None:
    assert where(AUTO, body=json.dumps({"model": "auto", **said}).encode()) == "lab/usual"


def test_a_list_alone_is_the_short_form() -> None:
    rules = resolved("""
        preferences:
          - name: verse
            description: writing poems
            models: local/poet
            examples: write a poem about the sea in winter
        default: local/usual
    """)
    preferences = rules.rules.preferences
    assert preferences is not None
    assert (preferences.router, preferences.timeout, preferences.stay, preferences.every) == (None, 2.0, 3600.0, False)
    assert where(rules, body=body("auto", POEM)) == "local/poet"


def test_stay_may_be_off() -> None:
    rules = resolved("preferences: {stay: off, choices: [{name: a, description: b, models: local/c}]}")
    preferences = rules.rules.preferences
    assert preferences is not None
    assert preferences.stay == 0


def test_a_provider_that_only_preferences_lead_to_needs_its_credential() -> None:
    rules = "preferences: [{name: a, description: b, models: [deepseek/x, openrouter/y]}]"
    told = problems(rules)
    assert any("1:" in line and "'deepseek' needs its credential" in line for line in told)
    assert any("warning" in line and "'openrouter' is skipped as a fallback" in line for line in told)
