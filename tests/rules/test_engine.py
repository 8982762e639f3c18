"""Decisions: gates, aliases, providers' prefixes, each condition of ``when``, and where goes what nothing takes.

The gate is the law that costs a user an account when it breaks: an Anthropic-only upstream takes ``claude-*`` of
certain agents, a cloud upstream the rest, and the first never sees another model, in any letter case, under any name
that a client can make up. Tables show the cases that people know, hypothesis makes up the names.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import KIMI, MOONSHOT, bearer, body_of, decided, refused, request, resolved, rewritten, where
from wiremend.errors import RefusedError, RulesError
from wiremend.explain.request import explain
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.pipeline.request import rewrite

# --- the gate ---------------------------------------------------------------------------------------------------------

PROVIDERS = """
providers:
  max:   {base_url: 'https://max.example', speaks: [messages, chat], key: client}
  cloud: {base_url: 'https://cloud.example/v1', speaks: [messages, chat, responses], key: client}
"""
GATE = "{when: {agent: [planner, coder-*], model: claude-*}, to: max}"
GATES = {
    "a default behind the gate": f"{PROVIDERS}routes:\n- {GATE}\ndefault: cloud\n",
    "a last route for all": f"{PROVIDERS}routes:\n- {GATE}\n- to: cloud\n",
    "a default that renames": f"{PROVIDERS}routes:\n- {GATE}\ndefault: cloud/kimi-k2.6\n",
    "aliases before the gate": (
        f"{PROVIDERS}aliases: {{big: max/claude-opus-4-6, small: cloud/kimi}}\nroutes:\n- {GATE}\n- to: cloud\n"
    ),
}
LOADED = {name: resolved(text) for name, text in GATES.items()}
MEMBERS = ("planner", "Planner", "coder-7", "CODER-x")
OTHERS = ("reviewer", "coder", "xplanner", "planner2", None)


def seen(gate: str, model: object, agent: str | None, style: dict[str, Any]) -> tuple[str, object]:
    """Send a request and give the host that it reaches, if any, and the model that this host sees."""
    headers = {"x-agent-id": agent, "x-api-key": "FAKE"} if agent is not None else {"x-api-key": "FAKE"}
    body = body_of(model, max_tokens=1)
    outcome = rewrite(request(body=body, headers=headers, wire="messages", **style), LOADED[gate])
    if isinstance(outcome, Refused):
        return "nowhere", None
    assert isinstance(outcome, Rewritten)
    return outcome.destination.host, json.loads(outcome.body or body)["model"]


STYLES: tuple[dict[str, Any], ...] = ({}, {"host": "api.anthropic.com"}, {"host": "max.example"})


def may_pass(model: object, agent: str | None) -> bool:
    """Say by the words of the gate alone whether the Anthropic-only upstream may see this model from this agent."""
    member = agent is not None and (agent.lower() == "planner" or agent.lower().startswith("coder-"))
    return member and isinstance(model, str) and model.lower().startswith("claude-")


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    "model",
    (
        "claude-opus-4-6",
        "CLAUDE-Opus",
        "claude",
        "kimi-k2",
        "not-claude-x",
        "",
        None,
        5,
        ["claude-x"],
        "somebody/claude-x",
    ),
)
def test_a_gate_lets_through_what_it_says(gate: str, model: object) -> None:
    for agent in (*MEMBERS, *OTHERS):
        host, _ = seen(gate, model, agent, {})
        assert host == ("max.example" if may_pass(model, agent) else "cloud.example"), agent


NAMES = st.one_of(
    st.text(max_size=12),
    st.builds(
        lambda start, rest: start + rest,
        st.sampled_from(
            (
                "claude-",
                "Claude-",
                " claude-",
                "claude",
                "max/",
                "MAX/",
                "max/claude-",
                "cloud/",
                "cloud/claude-",
                "anthropic/",
                "/",
                "big",
                "max",
            )
        ),
        st.text(alphabet="abcK/-*?[]. \n\u017f\u212a\u0130", max_size=8),
    ),
    st.none(),
    st.integers(),
    st.lists(st.just("claude-x"), max_size=1),
)


@given(st.sampled_from(sorted(GATES)), NAMES, st.sampled_from((*MEMBERS, *OTHERS)), st.sampled_from(STYLES))
def test_the_gated_upstream_sees_no_other_model(
    gate: str, model: object, agent: str | None, style: dict[str, Any]
) -> None:
    host, sent = seen(gate, model, agent, style)
    if host == "max.example":
        assert may_pass(sent, agent), (model, agent)


def test_an_alias_that_says_so_passes_the_gate() -> None:
    """The gate looks at the model after aliases; an alias is the user's own word."""
    assert seen("aliases before the gate", "big", "planner", {}) == ("max.example", "claude-opus-4-6")
    assert seen("aliases before the gate", "big", "reviewer", {})[0] == "cloud.example"


def test_an_edit_that_cannot_be_done_does_not_undo_the_models_name() -> None:
    """A renamed model must not travel under its old name because something else went wrong with the body."""
    rules = resolved(
        PROVIDERS + "routes: [{to: max/claude-opus-4-6}]\nedits: [{set: {/messages/0/x/y: 1}}, {remove: /a/b/c}]"
    )
    got = rewritten(rules, body=body_of("kimi", messages="none", a=[1]), headers=bearer("FAKE"))
    assert json.loads(got.body or b"{}")["model"] == "claude-opus-4-6"


# --- where a request goes that no route takes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "host", "default", "to"),
    (
        ("unheard-of", None, "local/m", "local/m"),
        ("unheard-of", None, "local", "local/unheard-of"),
        (None, None, "local/m", "local/m"),
        ("unheard-of", "api.other.example", "local/m", "local/m"),
        ("unheard-of", "api.other.example", None, "client"),
        (None, "api.other.example", None, "client"),
        ("unheard-of", "api.openai.com", None, "client"),
        ("local/m", "api.other.example", None, "local/m"),
        ("local/m", None, "ollama/x", "ollama/x"),  # the file does not speak of it, and says where the rest goes
        ("local/org/m", None, None, "local/org/m"),
    ),
)
def test_what_no_route_takes(model: str | None, host: str | None, default: str | None, to: str) -> None:
    rules = resolved("version: 1\n" + (f"default: {default}" if default else ""))
    assert where(rules, model=model, host=host) == to


@pytest.mark.parametrize(
    ("rules", "to"),
    (
        ("default: ollama/x\nproviders: {local: {auth: none}}", "local/m"),  # the file speaks of it
        ("providers: {local: {auth: none}}", "local/m"),
        ("routes: [{when: {agent: planner}, to: local}]\ndefault: ollama/x", "ollama/x"),  # a route guards it
        ("routes: [{when: {agent: planner}, to: local}]\ndefault: ollama/x\naliases: {local/m: local/k}", "local/k"),
    ),
)
def test_a_client_names_a_provider_where_no_rule_says_otherwise(rules: str, to: str) -> None:
    assert where(resolved(rules), model="local/m") == to


def test_the_default_warns_of_each_model_that_it_takes_in() -> None:
    rules = resolved("routes: [{when: {model: known}, to: local}]\naliases: {nick: ollama/x}\ndefault: local/m")
    assert decided(rules, model="unheard-of").unrouted == "unheard-of"
    assert decided(rules, model="known").unrouted is None
    assert decided(rules, model="nick").unrouted is None
    assert decided(rules, model=None).unrouted is None


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_a_gateway_without_a_destination_refuses_and_quotes_the_line_to_add(wire: str) -> None:
    got = refused(resolved("routes: [{when: {model: a}, to: local}]"), model="kimi-k9", wire=wire)
    assert got.status == 404
    assert "- {when: {model: 'kimi-k9'}, to: PROVIDER}" in got.message
    assert "default: PROVIDER/MODEL" in got.message
    assert "rules.yaml" in got.message
    error = json.loads(got.body)["error"]
    assert error["message"] == got.message
    assert ("type" in json.loads(got.body)) is (wire == "messages")  # {"type": "error", "error": …} is Anthropic's form


def test_the_refusal_says_what_was_nearly_right() -> None:
    rules = resolved("aliases: {kimi-latest: local/k}\nroutes: [{when: {model: claude-*}, to: local}]")
    assert "did you mean 'kimi-latest'?" in refused(rules, model="kimi-lates").message


def test_a_model_that_is_not_named_is_refused_in_words_of_its_own() -> None:
    message = refused(resolved("version: 1"), model=None).message
    assert "names no model" in message
    assert "None" not in message


def test_what_is_no_llm_request_is_not_found_at_the_gateway() -> None:
    got = refused(resolved("version: 1"), target="/favicon.ico", method="GET", body=b"")
    assert got.status == 404
    assert "GET /favicon.ico" in got.message


def test_a_list_of_models_at_the_gateway_goes_to_the_default() -> None:
    rules = resolved("default: local/m")
    got = rewritten(rules, target="/v1/models", method="GET", body=b"")
    assert got.destination.url == "http://127.0.0.1:8000/v1/models"
    assert got.body is None


def test_a_list_of_models_through_the_proxy_stays_where_it_was_sent() -> None:
    """``default`` is for models; a client that asks its own provider for a list wants that provider's."""
    rules = resolved("default: local/m")
    decision = decided(rules, target="/v1/models", method="GET", body=b"", host="api.openai.com")
    assert decision.by == "host"


SPEAKS = "providers:\n  w: {base_url: 'http://h.example', speaks: [%s], auth: none}\nroutes:\n- {to: w%s}\n"


@pytest.mark.parametrize(
    ("speaks", "via", "asked", "wire", "path"),
    (
        ("chat", "", {"wire": "messages"}, "chat", "/v1/chat/completions"),
        ("chat", "", {"wire": "responses"}, "chat", "/v1/chat/completions"),
        ("messages", "", {"wire": "chat"}, "messages", "/v1/messages"),
        ("responses, chat", "", {"wire": "messages"}, "responses", "/v1/responses"),
        ("responses, chat", ", via: chat", {"wire": "messages"}, "chat", "/v1/chat/completions"),
        ("chat, messages", "", {"wire": "messages"}, "messages", "/v1/messages"),
        ("chat, messages", ", via: chat", {"wire": "messages"}, "chat", "/v1/chat/completions"),
        ("chat, messages", ", via: messages", {"wire": "messages"}, "messages", "/v1/messages"),
        ("chat", "", {"wire": "messages", "target": "/x/v1/messages?beta=true"}, "chat", "/v1/chat/completions"),
        ("responses", "", {"target": "/v1/messages/count_tokens"}, "responses", "/v1/responses/input_tokens"),
        ("messages", "", {"target": "/v1/responses/input_tokens"}, "messages", "/v1/messages/count_tokens"),
    ),
)
def test_the_wire_upstream_is_the_clients_own_else_the_first_or_the_one_forced(
    speaks: str, via: str, asked: dict[str, Any], wire: str, path: str
) -> None:
    decision = decided(resolved(SPEAKS % (speaks, via)), **asked)
    assert decision.destination is not None
    assert (decision.wire, decision.destination.path) == (wire, path)


def test_what_no_other_wire_can_ask_for_is_a_refusal_that_names_the_line() -> None:
    got = refused(resolved(SPEAKS % ("messages", "")), target="/v1/embeddings")
    assert got.status == 400
    assert "rules.yaml:4" in got.message
    assert "'w' speaks messages, and /v1/embeddings of the chat wire has no counterpart there" in got.message
    assert json.loads(got.body)["error"]["type"] == "invalid_request_error"


def test_a_wire_that_the_provider_does_not_speak_cannot_be_forced() -> None:
    with pytest.raises(RulesError, match=r"rules\.yaml:4:16: the provider 'w' speaks chat, not messages; mend `via`"):
        resolved(SPEAKS % ("chat", ", via: messages"))


def test_a_list_of_models_is_asked_of_a_provider_on_a_wire_that_it_speaks() -> None:
    rules = resolved("providers: {w: {base_url: 'http://h.example', speaks: chat, auth: none}}\ndefault: w")
    decision = decided(rules, target="/v1/models", method="GET", headers={"anthropic-version": "2023-06-01"})
    assert (decision.provider, decision.wire) == ("w", "chat")


@pytest.mark.parametrize("target", ("/v1/files", "/v1/v1/responses"))
def test_what_a_known_host_does_not_speak_is_left_to_it(target: str) -> None:
    decision = decided(resolved("version: 1"), host="api.deepseek.com", target=target)
    assert (decision.by, decision.provider) == ("client", None)


def test_a_provider_without_a_usable_base_is_a_refusal() -> None:
    with pytest.raises(RefusedError, match="'w'") as caught:
        decided(resolved("providers: {w: {base_url: $UNSET}}"), model="w/m")
    assert caught.value.status == 500


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sent"),
    (
        ("small", "deepseek-v4-flash"),  # an alias
        ("tiny", "deepseek-v4-flash"),  # an alias of an alias
        ("Small", "Small"),  # aliases are exact
        ("small ", "small "),
    ),
)
def test_aliases_come_before_routes(model: str, sent: str) -> None:
    rules = resolved(
        "aliases: {small: deepseek/deepseek-v4-flash, tiny: small}\n"
        "routes: [{when: {model: deepseek-*}, to: local}, {when: {model: [small, tiny]}, to: ollama/wrong}]\n"
        "default: local",
        {"DEEPSEEK_API_KEY": "FAKE"},
    )
    expected = "ollama/wrong" if model == "Small" else f"local/{sent}"
    assert where(rules, model=model) == expected


def test_a_route_may_overrule_where_an_alias_leads_and_keeps_its_model() -> None:
    rules = resolved("aliases: {a: ollama/b}\nroutes: [{when: {model: b}, to: local}]")
    decision = decided(rules, model="a")
    assert (decision.provider, decision.sent, decision.alias, decision.by) == ("local", "b", "a", "route")


def test_an_alias_leads_where_it_says_if_no_route_does() -> None:
    assert where(resolved("aliases: {a: ollama/b/c}\ndefault: local"), model="a") == "ollama/b/c"


@pytest.mark.parametrize(("keep", "name"), (("true", "a"), ("false", None)))
def test_an_alias_may_give_the_client_its_name_back(keep: str, name: str | None) -> None:
    rules = resolved(f"aliases: {{a: {{to: ollama/b, keep_name: {keep}}}}}")
    assert rewritten(rules, model="a").reply_name == name


@pytest.mark.parametrize(
    ("to", "model", "sent"),
    (
        ("local", "kimi-k2", "kimi-k2"),
        ("local", "local/kimi-k2", "kimi-k2"),
        ("local", "moonshot/kimi-k2", "kimi-k2"),  # another provider's prefix
        ("local", "nobody/kimi-k2", "nobody/kimi-k2"),  # nobody's
        ("local", "local/", "local/"),
        ("local", "/kimi", "/kimi"),
        ("local/m", "moonshot/kimi-k2", "m"),
        ("local/org/m", "kimi", "org/m"),
        # OpenRouter's own ids have a vendor in front, and `deepseek` is a provider of ours as well
        ("openrouter", "deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-pro"),
        ("openrouter", "openrouter/deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-pro"),
        ("openrouter", "moonshotai/kimi-k2.6", "moonshotai/kimi-k2.6"),
        ("openrouter", "kimi-k2.6", "kimi-k2.6"),
    ),
)
def test_which_name_travels(to: str, model: str, sent: str) -> None:
    rules = resolved(f"routes: [{{to: {to}}}]", {"OPENROUTER_API_KEY": "FAKE"})
    got = rewritten(rules, model=model)
    assert json.loads(got.body or body_of(model))["model"] == sent
    assert (got.body is None) is (sent == model)


def test_a_condition_sees_a_model_with_and_without_its_providers_prefix() -> None:
    rules = resolved("routes: [{when: {model: kimi-*}, to: ollama}, {when: {model: moonshot/*}, to: local}]")
    assert where(rules, model="moonshot/kimi-k2") == "ollama/kimi-k2"
    assert where(rules, model="moonshot/other") == "local/other"
    with pytest.raises(RefusedError):
        decided(rules, model="nobody/kimi-k2")


# --- conditions, each alone -------------------------------------------------------------------------------------------

UA_CLAUDE = {"User-Agent": "claude-cli/2.1.197 (external, sdk-cli)"}


@pytest.mark.parametrize(
    ("when", "asked", "holds"),
    (
        ("client: claude-code", {"headers": UA_CLAUDE}, True),
        ("client: CLAUDE-*", {"headers": UA_CLAUDE}, True),
        ("client: codex", {"headers": UA_CLAUDE}, False),
        ("client: [codex, claude-code]", {"headers": UA_CLAUDE}, True),
        ("client: '*'", {}, False),
        ("key: sk-kimi-*", {"headers": bearer(KIMI)}, True),
        ("key: SK-KIMI-*", {"headers": bearer(KIMI)}, True),
        ("key: sk-kimi-*", {"headers": {"x-api-key": KIMI}}, True),
        ("key: sk-kimi-*", {"headers": {"authorization": f"bearer  {KIMI} "}}, True),
        ("key: sk-kimi-*", {"headers": bearer(MOONSHOT)}, False),
        ("key: sk-kimi-*", {"headers": {"Authorization": f"Basic {KIMI}"}}, False),
        ("key: sk-*", {"headers": bearer(MOONSHOT)}, True),
        ("key: sk-*", {}, False),
        ("key: sk-*", {"headers": {"x-api-key": " "}}, False),
        ("key: null", {}, True),
        ("key: null", {"headers": {"Authorization": "Bearer "}}, True),
        ("key: null", {"headers": bearer(KIMI)}, False),
        ("key: [sk-*, null]", {}, True),
        ("key: [sk-ant-*, sk-kimi-*]", {"headers": {"x-api-key": "FAKE", **bearer(KIMI)}}, True),
        ("model: kimi-*", {"model": "KIMI-k2"}, True),
        ("model: kimi-*", {"model": None}, False),
        ("model: '*'", {"model": ""}, True),
        ("model: '*'", {"model": None}, False),
        ("model: null", {"model": None}, True),
        ("model: null", {"body": b"{}"}, True),
        ("model: null", {"model": 5}, True),
        ("model: null", {"body": b"no json"}, True),
        ("model: null", {"model": "null"}, False),
        ("model: [a, null]", {"model": "A"}, True),
        ("host: api.moonshot.ai", {"host": "API.Moonshot.AI"}, True),
        ("host: '*.moonshot.ai'", {"host": "api.moonshot.ai"}, True),
        ("host: '*'", {}, False),
        ("host: null", {}, True),
        ("host: null", {"host": "h.example"}, False),
        ("host: [h.example, null]", {}, True),
        ("path: /v1/*", {}, True),
        ("path: '*/messages'", {"wire": "messages"}, True),
        ("path: '*beta*'", {"target": "/v1/messages?beta=true"}, False),
        ("wire: chat", {"wire": "chat"}, True),
        ("wire: [messages, responses]", {"wire": "chat"}, False),
        ("wire: messages", {"target": "/v1/messages/count_tokens"}, True),
        ("agent: planner", {"headers": {"X-Agent-Id": "Planner"}}, True),
        ("agent: planner", {"agent": "planner"}, True),
        ("agent: planner", {"agent": "planner", "headers": {"x-agent-id": "other"}}, False),
        ("agent: '*'", {}, False),
        ("agent: null", {}, True),
        ("agent: [planner, null]", {"headers": {"x-agent-id": "other"}}, False),
        ("header: {x-team: blue}", {"headers": {"X-TEAM": "Blue"}}, True),
        ("header: {x-team: [red, b*]}", {"headers": {"X-TEAM": "Blue"}}, True),
        ("header: {x-team: blue, x-other: a}", {"headers": {"X-TEAM": "blue"}}, False),
        ("header: {x-team: '*'}", {}, False),
        ("body: {/a/0/b: x*}", {"body": b'{"a": [{"b": "XY"}]}'}, True),
        ("body: {/a/*/b: x}", {"body": b'{"a": [{"b": "y"}, {"b": "x"}]}'}, True),
        ("body: {/a: 5}", {"body": b'{"a": 5}'}, True),
        ("body: {/a: '5'}", {"body": b'{"a": 5}'}, True),
        ("body: {/a: true}", {"body": b'{"a": true}'}, True),
        ("body: {/a: true}", {"body": b'{"a": "true"}'}, True),
        ("body: {/a: null}", {"body": b'{"a": null}'}, True),
        ("body: {/a: null}", {"body": b"{}"}, False),
        ("body: {/a: '*'}", {"body": b'{"a": {"b": 1}}'}, False),
        ("body: {/a: [x, y]}", {"body": b'{"a": "y"}'}, True),
        ("body: {/a: x, /b: y}", {"body": b'{"a": "x"}'}, False),
        ("body: {/a: x}", {"body": b"no json"}, False),
        ("body: {/a: x}", {"body": b"[]"}, False),
        ("body: {/a: x}", {"body": b'"x"'}, False),
        ("body: {/a: '*'}", {"body": b'{"a": "\\ud83d"}'}, True),  # half an emoji, which JavaScript writes
        ("stream: true", {"body": b'{"stream": true}'}, True),
        ("stream: true", {"body": b'{"stream": false}'}, False),
        ("stream: true", {"body": b'{"stream": "true"}'}, False),
        ("stream: false", {"body": b"{}"}, True),
        ("", {}, True),
        ("model: a, host: h.example", {"model": "a", "host": "h.example"}, True),
        ("model: a, host: h.example", {"model": "a", "host": "i.example"}, False),
    ),
)
def test_each_condition_alone(when: str, asked: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a column
    rules = resolved(f"routes: [{{when: {{{when}}}, to: local}}]\ndefault: ollama")
    assert decided(rules, **asked).provider == ("local" if holds else "ollama")


def test_the_agents_header_can_be_another() -> None:
    rules = resolved("agent_header: X-Team\nroutes: [{when: {agent: blue}, to: local}]\ndefault: ollama")
    assert decided(rules, headers={"x-team": "BLUE"}).provider == "local"
    assert decided(rules, headers={"x-agent-id": "blue"}).provider == "ollama"


def test_the_first_route_wins() -> None:
    rules = resolved("routes: [{when: {model: a*}, to: local/one}, {when: {model: ab}, to: local/two}]")
    assert where(rules, model="ab") == "local/one"


# --- edits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "applies"),
    (
        ("provider: local", True),
        ("provider: LOC*", True),
        ("provider: ollama", False),
        ("model: sent", True),
        ("model: asked", False),
        ("model: null", False),
        ("wire: chat", True),
        ("wire: messages", False),
        ("host: '*'", False),
        ("", True),
    ),
)
def test_edits_look_at_what_is_sent(when: str, applies: bool) -> None:  # noqa: FBT001 - a column
    rules = resolved(f"routes: [{{to: local/sent}}]\nedits: [{{name: it, when: {{{when}}}, set: {{/a: 1}}}}]")
    assert rewritten(rules, model="asked").edits == (("it",) if applies else ())


@pytest.mark.parametrize(("wire", "applies"), (("chat", True), ("messages", False)))
def test_edits_look_at_the_wire_that_their_body_is_on(wire: str, applies: bool) -> None:  # noqa: FBT001 - a column
    rules = resolved(
        f"routes: [{{to: local, via: chat}}]\nedits: [{{name: it, when: {{wire: {wire}}}, set: {{/user: x}}}}]"
    )
    said = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    got = rewritten(rules, wire="messages", body=said)
    assert got.translation is not None
    assert got.edits == (("it",) if applies else ())
    assert ("user" in json.loads(got.body or b"")) is applies
    told = explain(request(wire="messages", body=said), rules).edits
    assert [edit.unmet is None for edit in told] == [applies]


def test_every_edit_that_matches_applies_in_the_order_of_the_file() -> None:
    rules = resolved(
        "default: local\nedits: [{set: {/a: 1, /b: 1}}, {set: {/a: 2}}, {default: {/b: 3, /c: 3}}, {remove: /d}]"
    )
    got = rewritten(rules, body=b'{"model":"m","d":0}')
    assert json.loads(got.body or b"") == {"model": "m", "a": 2, "b": 1, "c": 3}
    assert got.edits == ("edit 1", "edit 2", "edit 3", "edit 4")


def test_an_edit_without_a_provider_to_match_does_not_match_a_strangers_host() -> None:
    rules = resolved("edits: [{when: {provider: '*'}, set: {/a: 1}}, {set: {/b: 1}}]")
    got = rewritten(rules, host="llm.work.example", body=b"{}")
    assert got.body is not None
    assert json.loads(got.body) == {"b": 1}


# --- what a decision says of itself -----------------------------------------------------------------------------------


def test_a_decision_says_how_it_came_about() -> None:
    rules = resolved("aliases:\n  a: local/b\nroutes:\n- {name: the b's, when: {model: b}, to: ollama}\n")
    decision = decided(rules, model="a")
    assert decision.why == ("alias 'a' stands for 'local/b' (rules.yaml:2)", 'route "the b\'s" matches (rules.yaml:4)')
    assert (decision.route, decision.alias, decision.asked, decision.sent) == ("the b's", "a", "a", "b")
    assert decision.rules_hash == rules.rules.hash


def test_the_hash_is_of_the_files_text() -> None:
    one, same, other = (
        resolved(text).rules.hash for text in ("version: 1\n", "version: 1\n", "version: 1 # changed\n")
    )
    assert one == same != other


@given(st.sampled_from(("a", "local/a", None)), st.sampled_from((None, "api.openai.com", "x.example")))
def test_a_decision_depends_on_nothing_else(model: str | None, host: str | None) -> None:
    rules = resolved("default: local")
    assert decided(rules, model=model, host=host) == decided(rules, model=model, host=host)


@pytest.mark.parametrize("number", range(3))
def test_no_body_that_is_json_upsets_a_decision(number: int) -> None:
    rules = resolved("routes: [{when: {body: {/a/*/b: x}, model: [m*, null]}, to: local/x}]\ndefault: ollama")
    bodies = (
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"model": "\\ud83d", "a": [{"b": "\\udc00"}]}',
    )
    outcome = rewrite(request(body=bodies[number]), rules)
    assert not isinstance(outcome, Refused)
