"""Each field of a Plano file, and what becomes of it. The words of Plano's schema are those of version 0.4.36."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.rules.kit import ANTHROPIC, KIMI, PLAIN, bearer, decided, refused, request, resolved, rewritten, where
from tests.rules.plano_kit import KEYS, loaded, made, plano, remark, sections, told
from wiremend.pipeline.outcome import Answered
from wiremend.pipeline.request import rewrite
from wiremend.rules.model import Limits
from wiremend.rules.plano.left import LEFT
from wiremend.rules.plano.vendors import VENDORS, builtins

ONE = "model_providers: [{model: deepseek/deepseek-v4-pro, access_key: $A_KEY}]\n"


def provider(entry: str) -> dict[str, Any]:
    """Give the providers that one model provider, the lines of a flow mapping, makes."""
    found = sections(f"model_providers: [{{{entry}}}]\n")["providers"]
    assert isinstance(found, dict)
    return found


# -- providers


@pytest.mark.parametrize("key", ("model_providers", "llm_providers"))
def test_both_names_of_the_list(key: str) -> None:
    assert where(loaded(f"{key}: [{{model: deepseek/x, access_key: $A_KEY}}]\n"), model="x") == "deepseek/x"


def test_a_provider_that_is_built_in_is_overlaid() -> None:
    assert provider("model: deepseek/x, access_key: $A_KEY") == {"deepseek": {"key": "$A_KEY"}}
    assert provider("model: openai/x, access_key: $A_KEY, base_url: 'https://api.openai.com/v1/'") == {
        "openai": {"key": "$A_KEY"}
    }
    assert provider("model: anthropic/x, access_key: $A_KEY") == {"anthropic": {"key": "$A_KEY"}}


def test_moonshotai_is_moonshot_under_the_files_own_name() -> None:
    found = provider("model: moonshotai/kimi-k2.6, access_key: $A_KEY")["moonshotai"]
    models = found.pop("models")
    assert found == {
        "base_url": {"chat": "https://api.moonshot.ai/v1", "messages": "https://api.moonshot.ai/anthropic"},
        "speaks": ["chat", "messages"],
        "key": "$A_KEY",
    }
    assert models["kimi-k2.6"]["context_window"] == 262144
    assert list(models) == ["kimi-k2.6"]


@pytest.mark.parametrize(
    "url", ("https://api.kimi.com/coding/v1", "https://api.kimi.com/coding", "https://api.kimi.ai/coding/v1/")
)
def test_a_url_of_kimi_code_is_known_by_host_and_path(url: str) -> None:
    found = provider(f"model: moonshotai/k3, access_key: $A_KEY, base_url: '{url}', headers: {{User-Agent: x/1}}")
    assert found["moonshotai"]["base_url"] == url
    assert found["moonshotai"]["speaks"] == ["messages", "chat"]
    assert found["moonshotai"]["models"]["k3"]["context_window"] == 1048576


def test_a_url_with_a_variable_is_taken_as_it_is() -> None:
    """Where it leads is not known when the file is read: a program that is known aside, Plano's wires are spoken."""
    base = "base_url: 'http://$LAB_HOST:11434', access_key: $A_KEY"
    assert provider(f"model: ollama/x, {base}")["ollama"] == {
        "base_url": "http://$LAB_HOST:11434",
        "auth": "bearer",
        "key": "$A_KEY",
    }
    assert provider(f"model: mistral/x, {base}")["mistral"] == {
        "base_url": "http://$LAB_HOST:11434",
        "speaks": ["chat"],
        "key": "$A_KEY",
    }


def test_another_path_of_that_host_is_another_provider() -> None:
    found = provider("model: moonshotai/k3, access_key: $A_KEY, base_url: 'https://api.kimi.com/other/v1'")
    assert found["moonshotai"]["speaks"] == ["chat"]
    assert "models" not in found["moonshotai"]


@pytest.mark.parametrize(
    ("entry", "model", "wire", "url"),
    (
        # the path of a base_url stands in the place of /v1
        (
            "model: openai/x, base_url: 'http://127.0.0.1:9000'",
            "x",
            "chat",
            "http://127.0.0.1:9000/v1/chat/completions",
        ),
        ("model: openai/x, base_url: 'https://a.example/p/v2'", "x", "chat", "https://a.example/p/v2/chat/completions"),
        ("model: openai/x, base_url: 'https://a.example/v1'", "x", "responses", "https://a.example/v1/responses"),
        # without one it is where Plano's template has the provider
        ("model: groq/x", "x", "chat", "https://api.groq.com/openai/v1/chat/completions"),
        ("model: zhipu/x", "x", "chat", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("model: xai/x", "x", "responses", "https://api.x.ai/v1/responses"),
        ("model: edenai/x", "x", "chat", "https://api.edenai.run/v3/chat/completions"),
        ("model: vercel/x", "x", "messages", "https://ai-gateway.vercel.sh/v1/messages"),
        ("model: mistral/x", "x", "chat", "https://api.mistral.ai/v1/chat/completions"),
        ("model: together_ai/a/b", "a/b", "chat", "https://api.together.xyz/v1/chat/completions"),
        ("model: openrouter/a/b", "a/b", "chat", "https://openrouter.ai/api/v1/chat/completions"),
        (
            "model: ollama/x, base_url: 'http://gpu.example:11434'",
            "x",
            "chat",
            "http://gpu.example:11434/v1/chat/completions",
        ),
        (
            "model: qwen/x, base_url: 'https://q.example'",
            "x",
            "chat",
            "https://q.example/compatible-mode/v1/chat/completions",
        ),
        ("model: qwen/x, base_url: 'https://q.example/v1'", "x", "chat", "https://q.example/v1/chat/completions"),
        (
            "model: azure_openai/dep, base_url: 'https://z.example'",
            "dep",
            "chat",
            "https://z.example/openai/deployments/dep/chat/completions?api-version=2025-01-01-preview",
        ),
        (
            "model: own/x, base_url: 'http://127.0.0.1:9000', provider_interface: openai",
            "x",
            "responses",
            "http://127.0.0.1:9000/v1/responses",
        ),
        # a wire that Plano does not speak to it is translated to one that it does
        ("model: groq/x", "x", "messages", "https://api.groq.com/openai/v1/chat/completions"),
        ("model: groq/x", "x", "responses", "https://api.groq.com/openai/v1/chat/completions"),
        ("model: xai/x", "x", "messages", "https://api.x.ai/v1/chat/completions"),
        (
            "model: own/x, base_url: 'http://127.0.0.1:9000', provider_interface: mistral",
            "x",
            "messages",
            "http://127.0.0.1:9000/v1/chat/completions",
        ),
        (
            "model: gemini/x",
            "x",
            "messages",
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
        ("model: gemini/x, base_url: 'https://g.example/v1'", "x", "chat", "https://g.example/v1/chat/completions"),
        # a program that is known speaks its wires wherever it runs
        ("model: ollama/x, base_url: 'http://gpu.example:1'", "x", "messages", "http://gpu.example:1/v1/messages"),
        # a built-in provider's name at another's URL is spoken to as Plano would, not as the built-in one
        (
            "model: deepseek/x, base_url: 'https://d.example/v1'",
            "x",
            "messages",
            "https://d.example/v1/chat/completions",
        ),
    ),
)
def test_where_a_request_goes(entry: str, model: str, wire: str, url: str) -> None:
    body = {"messages": b'{"model":"%s","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'}
    rules = loaded(f"model_providers: [{{{entry}, access_key: $A_KEY}}]\n")
    made_of = body.get(wire, b'{"model":"%s","messages":[{"role":"user","content":"hi"}]}')
    if wire == "responses":
        made_of = b'{"model":"%s","input":"hi"}'
    assert rewritten(rules, wire=wire, body=made_of % model.encode()).destination.url == url


def test_every_prefix_of_plano_is_served_or_refused_by_name() -> None:
    """Each makes rules that load, or says why Wiremend cannot ask it; none is forgotten."""
    for prefix, vendor in VENDORS.items():
        base = ", base_url: 'https://b.example/v1'" if vendor.needs_base else ""
        found = told(f"model_providers: [{{model: {prefix}/m, access_key: $A_KEY{base}}}]\n")
        if vendor.unserved:
            assert found == [f"1:27: Wiremend cannot ask {prefix!r}: {vendor.unserved}"]
        else:
            assert found == []


def test_models_that_are_asked_alike_are_one_provider() -> None:
    text = """
    model_providers:
      - {model: openai/a, access_key: $A_KEY}
      - {model: openai/b, access_key: $A_KEY}
      - {model: openai/c, access_key: $B_KEY}
      - {model: openai/d, access_key: $A_KEY, base_url: http://127.0.0.1:9000}
      - {model: openai/e, access_key: $A_KEY, headers: {X-Team: blue}}
      - {model: openai/f, access_key: $A_KEY, headers: {x-team: blue}}
      - {model: openai/g, access_key: $A_KEY, http_host: h.example}
      - {model: openai/h, passthrough_auth: true, access_key: $B_KEY}
      - {model: openai/i}
      - {model: lab/j, access_key: $A_KEY, base_url: http://127.0.0.1:9000, provider_interface: openai}
      - {model: lab/k, access_key: $A_KEY, base_url: http://127.0.0.1:9000, provider_interface: mistral}
      - {model: azure_openai/l, access_key: $A_KEY, base_url: https://z.example}
      - {model: azure_openai/m, access_key: $A_KEY, base_url: https://z.example}
    """
    targets = {route["name"]: route["to"] for route in sections(text)["routes"]}
    assert targets == {
        "openai/a": "openai/a",
        "openai/b": "openai/b",
        "openai/c": "openai-2/c",
        "openai/d": "openai-3/d",
        "openai/e": "openai-4/e",
        "openai/f": "openai-4/f",
        "openai/g": "openai-5/g",
        "openai/h": "openai-6/h",
        "openai/i": "openai-7/i",
        "lab/j": "lab/j",
        "lab/k": "lab-2/k",
        "azure_openai/l": "azure_openai/l",
        "azure_openai/m": "azure_openai-2/m",
    }


def test_another_provider_of_a_prefix_has_the_name_that_the_file_gives() -> None:
    text = """
    model_providers:
      - {model: openai/a, access_key: $A_KEY, base_url: http://127.0.0.1:9000/v1, name: "My lab: no. 1"}
      - {model: openai/b, access_key: $A_KEY}
      - {model: openai/c, access_key: $B_KEY, name: deepseek}
    """
    found = sections(text)
    assert list(found["providers"]) == ["My-lab-no.-1", "openai", "openai-2"]  # who lives at OpenAI has its name
    assert found["providers"]["openai"] == {"key": "$A_KEY"}
    rules = loaded(text)
    assert where(rules, model="My lab: no. 1") == "My-lab-no.-1/a"
    assert where(rules, model="a") == where(rules, model="openai/a") == "My-lab-no.-1/a"
    assert where(rules, model="deepseek") == "openai-2/c"


@pytest.mark.parametrize(
    ("entry", "headers", "sent"),
    (
        ("model: openai/x, access_key: $A_KEY", bearer(PLAIN), KEYS["A_KEY"]),
        ("model: openai/x, passthrough_auth: true", bearer(PLAIN), PLAIN),
        ("model: openai/x, passthrough_auth: true, access_key: $A_KEY", bearer(PLAIN), PLAIN),
        ("model: openai/x, passthrough_auth: yes", {"x-api-key": PLAIN}, PLAIN),
        ("model: openai/x, passthrough_auth: false, access_key: $A_KEY", bearer(PLAIN), KEYS["A_KEY"]),
        ("model: openai/x, passthrough_auth: off, access_key: $A_KEY", bearer(PLAIN), KEYS["A_KEY"]),
        ("model: openai/x, access_key: '${A_KEY}'", bearer(PLAIN), KEYS["A_KEY"]),
        ("model: ollama/x, base_url: 'http://127.0.0.1:11434', access_key: $A_KEY", bearer(PLAIN), KEYS["A_KEY"]),
        (
            "model: local/x, base_url: 'http://127.0.0.1:9', provider_interface: openai, access_key: $A_KEY",
            bearer(PLAIN),
            KEYS["A_KEY"],
        ),
        # a key goes nowhere that the file does not say
        ("model: own/x, base_url: 'http://127.0.0.1:9', provider_interface: openai", bearer(ANTHROPIC), None),
        ("model: ollama/x, base_url: 'http://127.0.0.1:11434'", bearer(ANTHROPIC), None),
    ),
)
def test_whose_key_is_sent(entry: str, headers: dict[str, str], sent: str | None) -> None:
    outcome = rewritten(loaded(f"model_providers: [{{{entry}}}]\n"), model="x", headers=headers)
    assert outcome.headers.get("authorization") == (None if sent is None else f"Bearer {sent}")
    assert "x-api-key" not in outcome.headers


def test_a_name_of_ours_says_how_the_credential_travels_on_each_wire() -> None:
    """`local` is built in without a credential; what Plano would do at another URL stands in the place of that."""
    entry = "model: local/x, base_url: 'http://127.0.0.1:9', access_key: $A_KEY"
    assert provider(f"{entry}, provider_interface: vercel")["local"]["auth"] == {
        "chat": "bearer",
        "messages": "x-api-key",
        "responses": "bearer",
    }
    assert provider(f"{entry}, provider_interface: anthropic")["local"]["auth"] == "x-api-key"


def test_what_has_no_key_is_asked_without_one_and_without_a_word() -> None:
    text = "model_providers: [{model: own/x, base_url: 'http://127.0.0.1:9', provider_interface: openai}]\n"
    assert sections(text)["providers"]["own"]["auth"] == "none"
    assert told(text) == []


def test_prices_come_with_what_is_taken_over() -> None:
    model, known = next((name, one) for name, one in builtins()["deepseek"].models.items() if one.price is not None)
    entry = f"model: ds/{model}, base_url: 'https://api.deepseek.com/v1', provider_interface: deepseek"
    price = provider(entry)["ds"]["models"][model]["price"]
    assert known.price is not None
    assert (price["input"], price["output"]) == (known.price.input, known.price.output)


def test_a_vendor_without_an_access_key_gets_the_clients_own_where_that_may_go() -> None:
    rules = loaded("model_providers: [{model: moonshotai/k3, base_url: 'https://api.kimi.com/coding'}]\n", {})
    outcome = rewritten(rules, model="k3", wire="messages", headers=bearer(KIMI))
    assert KIMI in str(outcome.headers.fields)
    assert sections("model_providers: [{model: moonshotai/kimi-k2.6}]\n")["providers"]["moonshotai"]["key"] == [
        "client",
        "$MOONSHOT_API_KEY",
    ]


def test_headers_replace_the_clients_and_http_host_is_the_host_header() -> None:
    rules = loaded(
        "model_providers: [{model: openai/x, access_key: $A_KEY, base_url: 'http://127.0.0.1:9000/v1',"
        " http_host: llm.example, headers: {X-Team: $TEAM, X-N: 3}}]\n",
        {**KEYS, "TEAM": "blue"},
    )
    outcome = rewritten(rules, model="x", headers={"Host": "localhost:12000", "x-team": "red", **bearer(PLAIN)})
    assert outcome.headers.get_all("host") == ("llm.example",)
    assert outcome.headers.get_all("x-team") == ("blue",)
    assert outcome.headers.get_all("x-n") == ("3",)
    assert outcome.destination.host == "127.0.0.1"


def test_an_edit_of_the_host_header_counts_too() -> None:
    text = """
    providers: {lab: {base_url: http://127.0.0.1:9000/v1, auth: none, headers: {host: one.example}}}
    default: lab
    edits: [{when: {model: x}, headers: {HOST: two.example}}]
    """
    rules = resolved(text)
    assert rewritten(rules, model="x", headers={"Host": "localhost:12000"}).headers.get_all("host") == ("two.example",)
    assert rewritten(rules, model="y", headers={"Host": "localhost:12000"}).headers.get_all("host") == ("one.example",)


def test_without_http_host_the_host_header_is_the_destinations() -> None:
    rules = loaded("model_providers: [{model: openai/x, access_key: $A_KEY, base_url: 'http://127.0.0.1:9000/v1'}]\n")
    assert rewritten(rules, model="x", headers={"Host": "localhost:12000"}).headers.get("host") == "127.0.0.1:9000"


def test_a_merge_key_brings_what_the_mapping_has_not() -> None:
    """YAML 1.1, which Plano reads, has them (https://yaml.org/type/merge.html); rules.yaml has not."""
    text = """
    model_providers:
      - &one
        model: openai/a
        access_key: $A_KEY
        headers: {X-Team: blue}
      - &two {model: openai/b, access_key: $B_KEY}
      - {<<: *one, model: openai/c}
      - {<<: [*two, *one], model: openai/d}
    """
    targets = {route["name"]: route["to"] for route in sections(text)["routes"]}
    assert (targets["openai/c"], targets["openai/d"]) == ("openai/c", "openai-3/d")
    found = sections(text)["providers"]
    assert found["openai"] == {"key": "$A_KEY", "headers": {"X-Team": "blue"}}
    assert found["openai-3"]["key"] == "$B_KEY"
    assert found["openai-3"]["headers"] == {"X-Team": "blue"}
    assert told("model_providers: [{<<: 3, model: openai/a}]\n")[0].startswith("1:20: unknown key '<<'")


# -- models and aliases


def test_a_wildcard_takes_all_that_begins_so_and_the_bare_names_that_are_known() -> None:
    rules = loaded(
        """
        model_providers:
          - {model: deepseek/*, access_key: $A_KEY}
          - {model: own/*, base_url: http://127.0.0.1:9000, provider_interface: openai, access_key: $A_KEY}
          - {model: deepseek/deepseek-v4-pro, access_key: $B_KEY}
        """
    )
    assert where(rules, model="deepseek/anything") == "deepseek/anything"
    assert where(rules, model="deepseek-v4-flash") == "deepseek/deepseek-v4-flash"
    assert where(rules, model="own/a/b") == "own/a/b"
    # one that is named by itself goes first, wherever it stands
    assert where(rules, model="deepseek/deepseek-v4-pro") == "deepseek-2/deepseek-v4-pro"
    assert where(rules, model="deepseek-v4-pro") == "deepseek-2/deepseek-v4-pro"
    assert refused(rules, model="anything").status == 404


def test_the_bare_names_of_a_wildcard_are_those_that_no_model_has() -> None:
    text = """
    model_providers:
      - {model: moonshotai/*, access_key: $A_KEY}
      - {model: openai/kimi-k3, access_key: $B_KEY}
    """
    models = list(builtins()["moonshot"].models)
    (_, wild) = sections(text)["routes"]
    assert wild["when"]["model"] == ["moonshotai/*", *(name for name in models if name != "kimi-k3")]
    assert list(sections(text)["providers"]["moonshotai"]["models"]) == models


def test_a_wildcard_of_ids_with_a_slash() -> None:
    rules = loaded(
        """
        model_providers:
          - {model: openrouter/one/model, access_key: $A_KEY}
          - {model: openrouter/*, access_key: $B_KEY}
        """
    )
    assert where(rules, model="openrouter/moonshotai/kimi-k2.6") == "openrouter-2/moonshotai/kimi-k2.6"
    assert where(rules, model="one/model") == "openrouter/one/model"


def test_a_name_with_the_signs_of_a_glob_is_that_name_alone() -> None:
    rules = loaded("model_providers: [{model: 'openai/gpt-[1m]*?', access_key: $A_KEY}]\n")
    assert where(rules, model="gpt-[1m]*?") == where(rules, model="openai/gpt-[1m]*?") == "openai/gpt-[1m]*?"
    for other in ("gpt-1", "gpt-m", "gpt-[1m]xx"):
        assert refused(rules, model=other).status == 404


def test_without_a_default_an_unknown_model_is_refused_at_the_gateway() -> None:
    assert refused(loaded(ONE), model="no-such").status == 404
    assert refused(loaded(ONE), model="deepseek/no-such").status == 404


def test_the_default_takes_an_unknown_model_with_a_word() -> None:
    rules = loaded("model_providers: [{model: deepseek/x, access_key: $A_KEY, default: true}]\n")
    decision = decided(rules, model="no-such")
    assert (str(decision.sent), decision.by, decision.unrouted) == ("x", "default", "no-such")
    assert sections(ONE).get("default") is None
    assert sections("model_providers: [{model: deepseek/x, default: false}]\n").get("default") is None


def test_a_list_of_models_names_what_the_file_does() -> None:
    text = f"{ONE}model_aliases: {{arch.fast: {{target: deepseek-v4-pro}}}}\n"
    outcome = rewrite(request(method="GET", target="/v1/models", body=b""), loaded(text))
    assert isinstance(outcome, Answered)
    listed = [one["id"] for one in msgspec.json.decode(outcome.body)["data"]]
    assert listed[:3] == ["arch.fast", "deepseek/deepseek-v4-pro", "deepseek-v4-pro"]


@pytest.mark.parametrize("target", ("deepseek-v4-pro", "deepseek/deepseek-v4-pro"))
def test_an_alias_stands_for_a_full_or_a_bare_name(target: str) -> None:
    rules = loaded(f"{ONE}model_aliases: {{arch.fast: {{target: {target}}}, '4o': {{target: {target}}}}}\n")
    assert where(rules, model="arch.fast") == where(rules, model="4o") == "deepseek/deepseek-v4-pro"


def test_an_alias_of_a_model_that_a_wildcard_stands_for() -> None:
    """Plano wants each target listed; that a wildcard has it is enough here."""
    text = "model_providers: [{model: openai/*, access_key: $A_KEY}]\nmodel_aliases: {fast: {target: openai/gpt-x}}\n"
    assert where(loaded(text), model="fast") == "openai/gpt-x"


# -- preferences


def test_preferences_at_the_top() -> None:
    found = sections(
        f"""{ONE}routing_preferences:
  - {{name: a b, description: "x: y # z", models: [deepseek-v4-pro], selection_policy: {{prefer: cheapest}}}}
  - {{name: c, description: d, models: [deepseek/deepseek-v4-pro, deepseek-v4-pro], selection_policy: {{prefer: none}}}}
"""
    )["preferences"]
    assert found == {
        "for": "all",
        "choices": [
            {"name": "a b", "description": "x: y # z", "models": ["deepseek/deepseek-v4-pro"], "prefer": "cheapest"},
            {"name": "c", "description": "d", "models": ["deepseek/deepseek-v4-pro"], "prefer": "none"},
        ],
    }


def test_a_provider_that_says_a_preference_twice_is_in_it_once() -> None:
    inline = "[{name: code, description: a}, {name: code, description: a}]"
    text = f"model_providers: [{{model: deepseek/a, access_key: $A_KEY, routing_preferences: {inline}}}]\n"
    assert sections(text)["preferences"]["choices"][0]["models"] == ["deepseek/a"]


def test_preferences_in_their_old_place_are_one_for_each_name() -> None:
    text = """
    version: v0.3.0
    model_providers:
      - model: deepseek/a
        access_key: $A_KEY
        routing_preferences: [{name: code, description: writing code}, {name: talk, description: chatting}]
      - model: deepseek/b
        access_key: $A_KEY
        routing_preferences: [{name: code, description: writing code}]
    """
    assert [(one["name"], one["models"]) for one in sections(text)["preferences"]["choices"]] == [
        ("code", ["deepseek/a", "deepseek/b"]),
        ("talk", ["deepseek/a"]),
    ]
    assert told(text) == []


@pytest.mark.parametrize(
    ("more", "stay"),
    (
        ("", None),
        ("routing: {session_ttl_seconds: 90}\n", "90s"),
        ("prompt_caching: {enabled: true, session_ttl_seconds: 30}\n", "30s"),
        ("routing: {session_ttl_seconds: 90}\nprompt_caching: {session_ttl_seconds: 30}\n", "30s"),
    ),
)
def test_how_long_a_conversation_keeps_its_choice(more: str, stay: str | None) -> None:
    text = f"{ONE}{more}routing_preferences: [{{name: a, description: b, models: [deepseek-v4-pro]}}]\n"
    assert sections(text)["preferences"].get("stay") == stay


# -- listeners


@pytest.mark.parametrize(
    ("listeners", "listen"),
    (
        (
            "[{type: model, name: a, address: 127.0.0.1, port: 13000}]",
            {"port": 13000, "host": "127.0.0.1"},
        ),
        (
            "[{type: model, name: a, address: localhost}]",
            {"port": 12000, "host": "localhost"},
        ),
        (
            "[{type: model, name: a}]",
            {"port": 12000, "host": "0.0.0.0", "token": "$WIREMEND_TOKEN", "without_token": "loopback"},  # noqa: S104 - Plano's
        ),
        (
            "[{type: agent, name: b, port: 1}, {type: model, name: a, address: 10.1.2.3, port: 2}]",
            {"port": 2, "host": "10.1.2.3", "token": "$WIREMEND_TOKEN", "without_token": "loopback"},
        ),
        (
            "{egress_traffic: {address: 127.0.0.1, port: 14000, timeout: 30s}, ingress_traffic: {port: 10000}}",
            {"port": 14000, "host": "127.0.0.1"},
        ),
        (
            "[]",
            {"port": 12000, "host": "0.0.0.0", "token": "$WIREMEND_TOKEN", "without_token": "loopback"},  # noqa: S104 - Plano's
        ),
    ),
)
def test_where_it_listens(listeners: str, listen: dict[str, object]) -> None:
    assert sections(f"{ONE}listeners: {listeners}\n")["listen"] == listen


def test_a_file_without_listeners_listens_where_plano_does() -> None:
    found = made(ONE)  # no listener at all
    assert "port: 12000" in found.text
    assert found.findings == ()


def test_times_and_retries_of_the_listener() -> None:
    text = f"""{ONE}overrides: {{upstream_connect_timeout: 5s}}
routing_preferences: [{{name: a, description: b, models: [deepseek-v4-pro]}}]
listeners: [{{type: model, name: a, address: 127.0.0.1, timeout: 300s, max_retries: 3}}]
"""
    rules = loaded(text).rules
    assert rules.limits == Limits(duration=300.0, connect=5.0)
    assert [route.retry.times for route in rules.ways] == [3, 3]
    assert sections(ONE).get("limits") is None
    assert [route.retry.times for route in loaded(ONE).rules.ways] == [0]


def test_no_retry_and_no_time_are_what_they_say() -> None:
    text = f"{ONE}listeners: [{{type: model, name: a, address: 127.0.0.1, timeout: 0s, max_retries: 0}}]\n"
    found = sections(text)
    assert "limits" not in found
    assert "retry" not in found["routes"][0]
    assert told(text) == [
        "2:56: warning: `timeout` is not taken over: 0 means no limit to Plano, and a try has one here: 1h"
    ]


@pytest.mark.parametrize("retries", (11, 50))
def test_more_retries_than_there_are(retries: int) -> None:
    text = f"{ONE}listeners: [{{type: model, name: a, address: 127.0.0.1, max_retries: {retries}}}]\n"
    assert sections(text)["routes"][0]["retry"] == 10
    assert told(text) == ["2:56: warning: `max_retries` is 10 here: no destination is asked more often than that"]


# -- what is left


@pytest.mark.parametrize("place", LEFT)
def test_what_has_no_meaning_is_named_with_its_line(place: str) -> None:
    section, _, name = place.rpartition(".")
    if section == "listeners":
        text = f"{ONE}listeners:\n  - type: model\n    name: a\n    address: 127.0.0.1\n    {name}: {{x: [1]}}\n"
        said, line = f"`{name}` of this listener", 6
    elif section:
        text, said, line = f"{ONE}{section}:\n  {name}: {{x: [1]}}\n", f"`{place}`", 3
    else:
        text, said, line = f"{ONE}{name}: {{x: [1]}}\n", f"`{name}`", 2
    found = told(text)
    assert len(found) == 1
    assert found[0].startswith(f"{line}:")
    assert f"warning: {said} is not taken over: {LEFT[place]}" in found[0]
    head = made(plano(text)).text.partition("\nversion: 1\n")[0]
    assert f"#   plano_config.yaml:{line}: {said} is not taken over: {LEFT[place]}" in head


@pytest.mark.parametrize(
    ("kind", "why"), (("agent", "Wiremend runs no agents"), ("prompt", "it is for prompt targets"))
)
def test_other_listeners_are_named(kind: str, why: str) -> None:
    text = (
        f"{ONE}listeners:\n  - {{type: {kind}, name: x, port: 1}}\n  - {{type: model, name: y, address: 127.0.0.1}}\n"
    )
    (found,) = told(text)
    assert found.startswith(f"3:5: warning: this listener of the type {kind} is not taken over: {why}")


# -- what Plano does by itself, and Wiremend does not


@pytest.mark.parametrize(
    "entry",
    (
        "model: moonshotai/k3, base_url: 'https://api.kimi.com/coding/v1'",
        "model: moonshotai/kimi-for-coding, base_url: 'https://other.example/v1'",
        "model: moonshotai/k3, base_url: 'https://api.kimi.com/coding/v1', headers: {X-Msh-Platform: a}",
    ),
)
def test_a_user_agent_is_the_users_to_choose(entry: str) -> None:
    text = f"model_providers: [{{{entry}, access_key: $A_KEY}}]\n"
    (found,) = told(text)
    assert "warning: Plano sends `User-Agent: KimiCLI/1.3` there by itself, and Wiremend the client's own" in found
    outcome = rewritten(loaded(text), model=entry[7:].partition(",")[0], headers={"User-Agent": "Bun/1.3"})
    assert outcome.headers.get("user-agent") == "Bun/1.3"


@pytest.mark.parametrize("path", ("/llm", "/llm/", "/llm/v2/compat"))
def test_a_path_without_a_version_gets_none_as_with_plano(path: str) -> None:
    text = f"model_providers: [{{model: openai/x, access_key: $A_KEY, base_url: 'https://a.example{path}'}}]\n"
    assert told(text) == []
    assert rewritten(loaded(text), model="x").destination.path == f"{path.rstrip('/')}/chat/completions"


@pytest.mark.parametrize("url", ("http://127.0.0.1:9000", "https://a.example/llm/v1", "https://api.kimi.com/coding"))
def test_a_path_that_is_joined_alike_is_not_told(url: str) -> None:
    entry = f"model: openai/x, access_key: $A_KEY, base_url: '{url}', headers: {{User-Agent: x/1}}"
    assert told(f"model_providers: [{{{entry}}}]\n") == []


def test_a_containers_name_for_its_machine() -> None:
    text = "model_providers: [{model: ollama/x, base_url: 'http://host.docker.internal:11434'}]\n"
    (found,) = told(text)
    assert "write 127.0.0.1" in found


def test_what_is_told_is_in_the_order_of_the_file() -> None:
    text = f"tracing: {{}}\nrouting: {{model: a}}\n{ONE}overrides: {{disable_signals: true}}\nagents: []\n"
    assert [line.partition(":")[0] for line in told(text)] == ["1", "2", "4", "5"]


# -- the text


@pytest.mark.parametrize("name", ("0", "true", "null", "1e3", "0x1f"))
def test_a_provider_may_be_called_what_is_a_number_to_yaml(name: str) -> None:
    base = "base_url: http://127.0.0.1:9, provider_interface: openai, access_key: $A_KEY"
    rules = loaded(f"model_providers: [{{model: '{name}/*', {base}}}]\n")
    assert where(rules, model=f"{name}/x") == f"{name}/x"


def test_a_remark_says_where_it_comes_from_and_what_is_wiremends_own() -> None:
    text = """
    model_providers:
      - model: deepseek/a
        access_key: $A_KEY
      - model: deepseek/b
        access_key: $A_KEY
    """
    assert remark(text, "deepseek:") == "plano_config.yaml:3: and 5; built in"
    assert remark(text, "key: $A_KEY") == "plano_config.yaml:4: and 6"
    assert remark(text, "port: 12000") == "plano_config.yaml:7"
    groq = "model_providers: [{model: groq/a, access_key: $A_KEY}]\n"
    assert remark(groq, "base_url: https://api.groq.com/openai/v1") == "plano_config.yaml:1: where Plano asks it"
    assert remark(groq, "speaks: [chat]") == "the wires that Plano speaks to it"


@pytest.mark.parametrize(
    "word",
    (
        "plain",
        "two words",
        "a: b",
        "a #b",
        "- a",
        "'a'",
        '"a"',
        "a\\nb",
        "true",
        "~",
        "12",
        "1e3",
        "0x1f",
        "on",
        "*x",
        "&x",
        "!x",
        "[x]",
        "{x}",
        "a, b",
        "é ü ß 漢字 🙂",
        "\u2028\u0085\u00a0\ufeff",
        "tab\there",
        "line\nbreak",
        " edge ",
        "%x",
        "@x",
        "`x`",
        "x:",
        ":x",
        "x#",
        "?",
        "=",
        "<<",
        "2001-01-01",
    ),
)
def test_any_word_comes_through(word: str) -> None:
    quoted = msgspec.json.encode(word).decode()
    for sign in "\u2028\u0085\ufeff":  # line breaks and a mark to YAML, which JSON leaves as they are
        quoted = quoted.replace(sign, f"\\u{ord(sign):04x}")
    text = f"""{ONE}routing_preferences: [{{name: one, description: {quoted}, models: [deepseek-v4-pro]}}]
model_aliases: {{{quoted if "*" not in word else "x"}: {{target: deepseek-v4-pro}}}}
"""
    choice = sections(text)["preferences"]["choices"][0]
    assert choice["description"] == word
    assert "*" in word or word in loaded(text).rules.aliases
