"""Expectations: examples in the file that must hold, judged by the engine that decides real requests."""

from __future__ import annotations

import pytest

from tests.rules.kit import problems, resolved

RULES = """\
providers:
  work: {base_url: 'https://llm.work.example/v1', auth: none}
aliases: {small: work/tiny-model}
routes:
- {when: {client: claude-code, wire: messages}, to: local/a}
- {when: {client: codex, wire: responses}, to: local/b}
- {when: {key: sk-kimi-*}, to: local/c}
- {when: {host: api.other.example, path: /special/*}, to: local/d}
- {when: {agent: planner}, to: local/e}
- {when: {header: {x-team: blue}}, to: local/f}
- {when: {body: {/user: someone}}, to: local/g}
- {when: {stream: true}, to: local/h}
- {when: {model: null}, to: local/i}
- {when: {model: tiny-*}, to: work}
"""


@pytest.mark.parametrize(
    ("given", "to"),
    (
        ("{client: claude-code, model: x}", "local/a"),  # its usual wire
        ("{client: codex, model: x}", "local/b"),
        ("{key: sk-kimi-, model: x}", "local/c"),
        ("{key: sk-kimi-*, model: x}", "local/c"),
        ("{key: SK-KIMI-x, model: x}", "local/c"),
        ("{host: api.other.example, path: /special/v1/chat/completions}", "local/d"),
        ("{agent: planner, model: x}", "local/e"),
        ("{header: {X-Team: blue}, model: x}", "local/f"),
        ("{body: {/user: someone}, model: x}", "local/g"),
        ("{stream: true, model: x}", "local/h"),
        ("{model: null}", "local/i"),
        ("{}", "local/i"),
        ("{model: small}", "work/tiny-model"),
        ("{model: small}", "work"),
        ("{model: other, stream: false}", "null"),
        ("{model: other, host: api.other.example}", "null"),
    ),
)
def test_an_example_is_decided_as_a_request_would_be(given: str, to: str) -> None:
    assert problems(f"{RULES}expect: [{{given: {given}, to: {to}}}]") == []
    (problem,) = problems(f"{RULES}expect:\n- {{given: {given}, to: ollama/other}}")
    assert problem.startswith("16:3: this expectation does not hold")


@pytest.mark.parametrize(
    ("given", "to", "url", "holds"),
    (
        ("{model: tiny-x}", "work", "https://llm.work.example/v1/chat/completions", True),
        ("{model: tiny-x, wire: messages}", "work", "'*/v1/messages'", True),
        ("{model: tiny-x, path: /v1/v1/embeddings}", "work", "https://llm.work.example/v1/embeddings", True),
        ("{model: tiny-x}", "work", "'*/v2/*'", False),
        # where the client sent it is a URL too
        (
            "{model: x, host: api.other.example, path: /v1/v1/messages}",
            "null",
            "https://api.other.example/v1/messages",
            True,
        ),
        (
            "{model: x, host: api.other.example, path: /v1/v1/messages}",
            "null",
            "https://api.other.example/v1/v1/*",
            False,
        ),
        (
            "{model: x, host: api.openai.com, path: /v1/v1/responses}",
            "null",
            "https://api.openai.com/v1/responses",
            True,
        ),
        ("{model: x, host: api.openai.com, path: /v1/v1/responses}", "null", "'*/v1/v1/*'", False),
    ),
)
def test_a_url_is_judged_wherever_the_request_goes(given: str, to: str, url: str, holds: bool) -> None:  # noqa: FBT001 - a column
    assert (problems(f"{RULES}expect: [{{given: {given}, to: {to}, url: {url}}}]") == []) is holds


def test_every_example_that_fails_is_told_with_the_reason() -> None:
    told = problems(
        f"{RULES}expect:\n- {{given: {{model: small}}, to: local}}\n- {{given: {{agent: planner}}, to: null}}\n"
    )
    assert [line.split(":")[0] for line in told] == ["16", "17"]
    assert "expected local, but it goes to work/tiny-model" in told[0]
    assert "alias 'small'" in told[0]
    assert "expected no destination" in told[1]
    assert "'route 5' matches" in told[1]


def test_examples_wait_until_the_rest_is_sound() -> None:
    (problem,) = problems("default: nowhere\nexpect: [{given: {model: a}, to: local}]")
    assert "no provider 'nowhere'" in problem


def test_a_beginning_of_a_key_is_no_credential() -> None:
    assert (
        problems("routes: [{when: {key: sk-kimi-*}, to: local}]\nexpect: [{given: {key: sk-kimi-}, to: local}]") == []
    )


# --- lists of models, and what decides --------------------------------------------------------------------------------


def test_each_model_of_a_list_is_tried_and_told_at_its_place() -> None:
    text = f"{RULES}default: ollama\nexpect:\n- {{given: {{model: [tiny-a, other, tiny-b, null, nix]}}, to: work}}\n"
    told = sorted(problems(text), key=lambda line: int(line.split(":")[1]))
    line = text.splitlines()[16]
    assert [one.split(": ")[0] for one in told] == [f"17:{line.index(name) + 1}" for name in ("other", "null", "nix")]
    other, nothing, nix = told
    assert "does not hold for the model 'other': expected work, but it goes to ollama/other" in other
    assert "does not hold for a request without a model: expected work, but it goes to local/i" in nothing
    assert "does not hold for the model 'nix'" in nix


def test_a_list_of_models_that_all_hold_is_one_expectation() -> None:
    text = f"{RULES}expect: [{{given: {{model: [tiny-a, tiny-b, small]}}, to: work}}]"
    assert problems(text) == []
    (expect,) = resolved(text).rules.expect
    assert [model for model, _, _ in expect.models] == ["tiny-a", "tiny-b", "small"]


def test_the_rest_of_the_example_holds_for_each_model() -> None:
    """The wire that a client's own name brings is that of each model; agent and body stay."""
    claude = "{when: {agent: a, wire: messages, model: claude-*}, to: local}"
    rules = f"routes: [{claude}, {{when: {{agent: a, wire: chat}}, to: ollama}}]"
    assert problems(f"{rules}\nexpect: [{{given: {{agent: a, model: [claude-x, claude-y]}}, to: local}}]") == []
    found = problems(f"{rules}\nexpect: [{{given: {{agent: a, model: [claude-x, gpt-x]}}, to: local}}]")
    assert len(found) == 1
    assert "for the model 'gpt-x': expected local, but it goes to ollama/gpt-x" in found[0]


def test_a_list_of_models_and_a_list_of_destinations() -> None:
    rules = "routes: [{when: {model: a*}, to: [local, ollama]}, {when: {model: b*}, to: [ollama, local]}]"
    assert problems(f"{rules}\nexpect: [{{given: {{model: [a1, a2]}}, to: [local, ollama]}}]") == []
    (problem,) = problems(f"{rules}\nexpect: [{{given: {{model: [a1, b2]}}, to: [local, ollama]}}]")
    assert "for the model 'b2': expected local, then ollama, but it goes to ollama/b2, then local/b2" in problem


DECIDED = """
providers: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}}
aliases: {small: lab/tiny}
routes: [{name: the route, when: {model: 'r*'}, to: lab}]
default: lab
expect: [{given: {model: MODEL}, to: lab, by: BY}]
"""
SAYS = {"route": "a route", "name": "the model's own name", "default": "the default"}


@pytest.mark.parametrize("by", ("route", "name", "default", "preference", "[route, name]", "[name, default]"))
@pytest.mark.parametrize(("model", "decides"), (("r1", "route"), ("small", "name"), ("x", "default")))
def test_by_says_what_must_have_decided(model: str, decides: str, by: str) -> None:
    found = problems(DECIDED.replace("MODEL", model).replace("BY", by))
    if decides in by:
        assert found == []
        return
    (problem,) = found
    assert problem.startswith("6:10: this expectation does not hold: expected ")
    assert f" to decide, but {SAYS[decides]} does: " in problem


@pytest.mark.parametrize(
    ("given", "by", "told"),
    (
        ("{model: x}", "route", "; add a route: {when: {model: x}, to: lab}"),
        ("{model: 'x: y'}", "route", "; add a route: {when: {model: 'x: y'}, to: lab}"),
        ("{}", "route", "; add a route: {when: {model: null}, to: lab}"),
        ("{model: r1}", "default", "; narrow the `when` of that route"),
        ("{model: r1}", "[name, default]", "; narrow the `when` of that route"),
        ("{model: x}", "name", "; give the model an alias that stands for provider/model"),
        ("{model: x}", "preference", "; the file has no `preferences`"),
        ("{model: small}", "default", "; the default counts where nothing else decides"),
        ("{model: x}", "host", "; where the client sent it counts where nothing else decides"),
    ),
)
def test_the_message_says_what_to_write(given: str, by: str, told: str) -> None:
    (problem,) = problems(DECIDED.replace("{model: MODEL}", given).replace("BY", by))
    assert problem.endswith(told), problem


def test_where_the_right_one_decides_wrongly_nothing_is_advised() -> None:
    (problem,) = problems(DECIDED.replace("MODEL", "r1").replace("BY", "route").replace("to: lab, by", "to: local, by"))
    assert problem.endswith("expected local, but it goes to lab/r1: route 'the route' matches (rules.yaml:4)")


def test_the_route_that_is_advised_makes_the_example_hold() -> None:
    for given in ("{model: x}", "{model: 'x: y'}", "{model: lab/x}", "{}"):
        text = DECIDED.replace("{model: MODEL}", given).replace("BY", "route")
        (problem,) = problems(text)
        advised = problem.rpartition("add a route: ")[2]
        assert problems(text.replace("routes: [", f"routes: [{advised}, ")) == []


def test_a_model_that_falls_to_the_default_is_found_by_its_destination_and_by_what_decides() -> None:
    """What an agent uses must have a route: with `by: route` the file is not taken where it has none."""
    text = "routes: [{when: {model: kimi-k2.*}, to: local}]\ndefault: ollama\n"
    used = "expect:\n- {given: {agent: dispo, model: [kimi-k2.6, kimi-k2-turbo]}, to: %s, by: route}\n"
    (problem,) = problems(text + used % "local")
    column = (used.splitlines()[1]).index("kimi-k2-turbo") + 1
    told = f"4:{column}: this expectation does not hold for the model 'kimi-k2-turbo': expected local, but"
    assert problem.startswith(told)
    assert problem.endswith("; add a route: {when: {model: kimi-k2-turbo}, to: local}")
    same = text.replace("ollama", "local")
    (problem,) = problems(same + used % "local")
    assert "expected a route to decide, but the default does" in problem
    assert problems(same.replace("kimi-k2.*", "kimi-k2*") + used % "local") == []


def test_where_the_client_sent_it_is_host_whoever_is_there() -> None:
    for host in ("api.openai.com", "llm.unknown.example"):
        example = f"{{given: {{model: x, host: {host}}}, to: null, by: host}}"
        assert problems(f"version: 1\nexpect: [{example}]") == []
    (problem,) = problems("version: 1\nexpect: [{given: {model: x}, to: null, by: host}]")
    assert "expected where the client sent it, but the request is refused" in problem
    assert problems("version: 1\nexpect: [{given: {model: x}, to: null}]") == []


def test_a_refused_request_is_told_with_the_route_to_add() -> None:
    (problem,) = problems("version: 1\nexpect: [{given: {model: x}, to: [local, ollama], by: route}]")
    assert "expected local, then ollama, but the request is refused" in problem
    assert problem.endswith("; add a route: {when: {model: x}, to: [local, ollama]}")


@pytest.mark.parametrize(
    ("example", "at", "told"),
    (
        ("{given: {model: x}, to: local, by: rout}", "rout", "'rout' is not known here; did you mean 'route'?"),
        ("{given: {model: x}, to: local, by: []}", "[]", "this list is empty"),
        ("{given: {model: x}, to: local, by: client}", "client", "'client' is not known here"),
        ("{given: {model: x}, to: local, by: [name, name]}", "name]", "this stands twice in the list"),
        ("{given: {model: []}, to: local}", "[]", "this list is empty"),
        ("{given: {model: [x, x]}, to: local}", "x]", "this stands twice in the list; the first is at line 1"),
        ("{given: {model: [x, [y]]}, to: local}", "[y]", "this must be a model's name, or null, not a list"),
        ("{given: {model: x}, to: null, by: route}", "route", "`to: null` is where no part of the rules decides"),
        (
            "{given: {model: x}, to: null, by: [host, name]}",
            "[host",
            "`to: null` is where no part of the rules decides",
        ),
    ),
)
def test_what_cannot_be_tried_is_told_at_its_place(example: str, at: str, told: str) -> None:
    text = f"expect: [{example}]"
    (problem,) = problems(text)
    assert problem.startswith(f"1:{text.index(at) + 1}: {told}")


def test_a_preference_may_be_what_must_decide() -> None:
    rules = """
    providers: {lab: {base_url: 'http://127.0.0.1:9/v1', auth: none}}
    preferences: [{name: xyzzy, description: plugh frobnicate, models: lab/poet}]
    routes: [{when: {model: named}, to: lab}]
    default: lab/usual
    expect: [{given: {model: MODEL, body: {/messages: [{role: user, content: TEXT}]}}, to: TO, by: BY}]
    """

    def said(model: str, text: str, to: str, by: str) -> list[str]:
        return problems(rules.replace("MODEL", model).replace("TEXT", text).replace("TO", to).replace("BY", by))

    assert said("auto", "plugh frobnicate", "lab/poet", "preference") == []
    assert said("named", "plugh frobnicate", "lab", "route") == []
    (problem,) = said("auto", "plugh frobnicate", "lab/poet", "default")
    assert "but a preference does: " in problem
    assert problem.endswith(
        "; preferences take the model 'auto', what no route matches, and with `for: all` every request"
    )
    (problem,) = said("auto", "zzz", "lab/usual", "preference")
    assert "expected a preference to decide, but the default does" in problem
    assert problem.endswith("; no preference fits: mend its description, or give examples")
