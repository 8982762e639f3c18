"""Lists of models for a client: a provider's list in the client's shape, and the catalogue of what the rules offer.

The official SDKs are the clients; their strict mode refuses what does not have the published types.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai
import pytest

from tests.lab import Upstream
from tests.lab.sdk import anthropic_sdk, openai_sdk
from tests.rules.kit import ANTHROPIC, KIMI, MOONSHOT, bearer, decided, facts, resolved
from wiremend.pipeline.models import (
    asked_id,
    catalogue,
    catalogue_answer,
    limits_of,
    translated_list,
    translated_model,
    write_model,
    write_models,
)
from wiremend.protocols.models import ModelEntry
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Reply
    from tests.lab.http1 import Request
    from wiremend.protocols.base import WireName
    from wiremend.rules.resolve import Resolved

MESSAGES: Final = {"anthropic-version": "2023-06-01"}
"""By what a client of the messages wire is known where the path does not say."""

RULES: Final = """
providers:
  lab:
    base_url: http://127.0.0.1:9/v1
    auth: none
    models:
      big-1: {context_window: 1000, max_output: 100, display_name: Big One}
      small: {context_window: 500}
      bare: {context_window: 700, max_output: 70, display_name: The Bare}
  spaced: {base_url: http://127.0.0.1:9/v1, auth: none, models: {vendor/big-1: {context_window: 2000}}}
aliases:
  fast: lab/small
  led-away: lab/big-1
  unheard: lab/unheard
routes:
  - {when: {model: led-away}, to: spaced/vendor/big-1}
  - {when: {model: big-1}, to: spaced/vendor/big-1}
  - {when: {model: [exact, exact-2, claude-*]}, to: lab/big-1}
  - {when: {model: [small, unheard, '*/unheard']}, to: lab}
  - {when: {model: [lab/*]}, to: lab}
  - {when: {key: sk-kimi-*, model: kimi-*}, to: lab/bare}
"""


def ids(entries: list[ModelEntry]) -> list[str]:
    return [entry.id for entry in entries]


def asked(rules: Resolved, target: str = "/v1/models", **more: Any) -> Any:  # noqa: ANN401 - as the kit has it
    return facts(rules, target=target, method=more.pop("method", "GET"), body=b"", **more)


# --- what a provider lists, for a client of another wire


OPENAI_LIST = b'{"object":"list","data":[{"id":"k3","object":"model","created":1,"owned_by":"m","context_length":9}]}'
ANTHROPIC_LIST = (
    b'{"data":[{"type":"model","id":"c","display_name":"C","created_at":"2026-01-01T00:00:00Z"}],"has_more":false}'
)


@pytest.mark.parametrize(
    ("body", "wire"),
    (
        (OPENAI_LIST, "chat"),
        (OPENAI_LIST, "responses"),
        (ANTHROPIC_LIST, "messages"),
        # with extras that no rewriting would keep, and without what a strict reader would want
        (b'{"data":[{"id":"a/b","pricing":{"prompt":"0"},"architecture":{}}]}', "chat"),
        (b'{"data":[{"id":"a","object":"model","type":"model","display_name":"A"}]}', "messages"),
        (b'{"data":[{"id":"a","object":"model","type":"model","display_name":"A"}]}', "chat"),
        (b'{"data":[]}', "messages"),
        # no list at all
        (b'{"error":{"message":"no"}}', "messages"),
        (b"<html>", "chat"),
        (b"", "messages"),
    ),
)
def test_what_needs_no_translation_or_has_none_is_left_alone(body: bytes, wire: WireName) -> None:
    assert translated_list(body, wire) is None


def test_a_list_is_translated_both_ways() -> None:
    there = translated_list(OPENAI_LIST, "messages")
    assert there is not None
    (row,) = json.loads(there)["data"]
    assert (row["type"], row["id"], row["display_name"], row["max_input_tokens"]) == ("model", "k3", "k3", 9)
    back = translated_list(ANTHROPIC_LIST, "chat")
    assert back is not None
    assert json.loads(back) == {
        "object": "list",
        "data": [
            {"id": "c", "object": "model", "created": 1767225600, "owned_by": "unknown", "display_name": "C"},
        ],
    }
    bare = translated_list(b'["a"]', "responses")
    assert bare is not None
    assert [row["id"] for row in json.loads(bare)["data"]] == ["a"]


def test_a_translated_list_has_the_pages_that_the_client_asks_for() -> None:
    body = json.dumps({"data": [{"id": name, "object": "model"} for name in "abc"]}).encode()
    page = json.loads(translated_list(body, "messages", "limit=1&after_id=a") or b"")
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (["b"], True)
    gone = json.loads(translated_list(body, "messages", "after_id=gone") or b"")
    assert (gone["data"], gone["has_more"]) == ([], False)


def test_one_model_is_translated_both_ways() -> None:
    there = json.loads(translated_model(b'{"id":"k3","object":"model","context_length":9}', "messages") or b"")
    assert (there["type"], there["max_input_tokens"]) == ("model", 9)
    back = json.loads(translated_model(b'{"type":"model","id":"c","display_name":"C"}', "responses") or b"")
    assert (back["object"], back["id"]) == ("model", "c")
    assert translated_model(b'{"id":"k3","object":"model"}', "chat") is None
    assert translated_model(b'{"type":"model","id":"c"}', "messages") is None
    assert translated_model(b'{"type":"error","error":{"type":"not_found_error","message":"m"}}', "chat") is None


# --- what the rules offer


def test_the_catalogue_says_each_model_by_the_name_that_leads_to_it() -> None:
    rules = resolved(RULES)
    entries = catalogue(rules)
    assert ids(entries) == [
        "fast",
        "led-away",
        "unheard",
        "big-1",  # a route takes it elsewhere, so that big-1 of lab has no name but those that follow
        "exact",
        "exact-2",
        "small",
        "lab/bare",
    ]
    by_id = {entry.id: entry for entry in entries}
    assert by_id["fast"] == ModelEntry("fast", None, None, 500, None, "lab")
    assert by_id["led-away"] == ModelEntry("led-away", None, None, 2000, None, "spaced")  # a route meets it
    assert by_id["unheard"] == ModelEntry("unheard", owner="lab")
    assert by_id["exact"] == ModelEntry("exact", None, None, 1000, 100, "lab")
    assert by_id["lab/bare"] == ModelEntry("lab/bare", "The Bare", None, 700, 70, "lab")


SPELT_OUT: Final = ["deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-flash", "deepseek/deepseek-flash"]


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("version: 1", []),
        # a built-in that the rules speak of: bare where the default takes it, else as provider/model
        ("default: deepseek", ["deepseek-v4-pro", "deepseek-v4-flash", "deepseek-flash"]),
        ("default: deepseek/deepseek-v4-flash", ["deepseek-v4-flash"]),
        (
            "providers: {deepseek: {key: client}}\ndefault: deepseek/deepseek-v4-flash",
            ["deepseek/deepseek-v4-pro", "deepseek-v4-flash", "deepseek/deepseek-flash"],
        ),
        ("providers: {deepseek: {key: client}}", SPELT_OUT),
        ("aliases: {x: deepseek/new}", ["x", *SPELT_OUT, "deepseek/new"]),
        # what is deprecated is not, unless the file names it
        (
            "providers: {deepseek: {key: client, models: {deepseek-chat: {}}}}\ndefault: deepseek/deepseek-reasoner",
            [*SPELT_OUT, "deepseek/deepseek-chat", "deepseek-reasoner"],
        ),
        # what a route leads to is reached by routes alone
        ("routes: [{when: {model: '*-flash'}, to: deepseek}]", ["deepseek-v4-flash", "deepseek-flash"]),
        ("routes: [{when: {model: deepseek/*}, to: deepseek}]", SPELT_OUT),
        ("routes: [{when: {agent: planner}, to: deepseek}]", []),
        ("routes: [{when: {stream: false}, to: deepseek}]", ["deepseek-v4-pro", "deepseek-v4-flash", "deepseek-flash"]),
        # a name that a route spells out for others alone, and that the default would take like any other
        ("routes: [{when: {agent: planner, model: exact-1}, to: ollama}]\ndefault: local", []),
        ("routes: [{when: {wire: chat}, to: local/x}]", ["x"]),
        ("providers: {w: {base_url: 'http://127.0.0.1:9', auth: none, models: {}}}\ndefault: w", []),
        ("routes: [{when: {model: Exact-Name}, to: local}]", ["Exact-Name"]),
        ("routes: [{when: {model: '[k]3'}, to: local}]", []),  # a glob that means one name, and is not that name
    ),
)
def test_what_is_offered(text: str, expected: list[str]) -> None:
    environ = {"DEEPSEEK_API_KEY": "FAKE"}
    assert ids(catalogue(resolved(text, environ))) == expected


def test_each_name_of_the_catalogue_leads_where_it_says() -> None:
    rules = load_rules(shipped().read_text("utf-8"), "rules.yaml", {}).resolved
    entries = catalogue(rules)
    assert len(entries) > 10
    assert len({entry.id for entry in entries}) == len(entries)
    for entry in entries:
        decision = decided(rules, model=entry.id)
        assert (decision.provider, limits_of(rules.rules, decision.provider, decision.sent)) == (
            entry.owner,
            (entry.context_window, entry.max_output),
        )
    assert catalogue(rules) == entries


def test_the_catalogue_is_that_of_the_client_who_asks() -> None:
    """By its credential, by its wire, and without what it would be refused for the want of one."""
    rules = load_rules(shipped().read_text("utf-8"), "rules.yaml", {}).resolved
    coding = ids(catalogue(rules, asked(rules, headers=bearer(KIMI))))
    assert {"kimi-for-coding", "k3", "kimi-latest"} <= set(coding)
    assert not [name for name in coding if name.startswith("moonshot")]
    platform = ids(catalogue(rules, asked(rules, headers=bearer(MOONSHOT))))
    assert {"kimi-k2.6", "kimi-k2.7-code"} <= set(platform)
    assert "moonshot-v1-8k" not in platform  # it has been taken down
    assert "kimi-for-coding" not in platform  # the open platform would get the request, and it has no such model
    assert ids(catalogue(rules, asked(rules))) == []  # no key anywhere
    own = load_rules(shipped().read_text("utf-8"), "rules.yaml", {"KIMI_API_KEY": KIMI}).resolved
    assert "k3" in ids(catalogue(own, asked(own)))


def test_a_name_that_stands_for_a_model_is_listed_with_that_ones_window() -> None:
    rules = resolved("routes: [{when: {model: kimi-*}, to: kimi-code}]", {"KIMI_API_KEY": KIMI})
    by_id = {entry.id: entry for entry in catalogue(rules)}
    for name in ("kimi-latest", "kimi-coding", "kimi-k2-turbo"):
        assert (by_id[name].context_window, by_id[name].owner) == (262144, "kimi-code"), name
    status, body = catalogue_answer(asked(rules, "/v1/models/kimi-latest", headers=MESSAGES), rules)
    assert (status, json.loads(body)["max_input_tokens"]) == (200, 262144)


def test_a_client_is_asked_for_on_its_own_wire() -> None:
    text = "routes: [{when: {wire: messages, model: a-1}, to: local}, {when: {wire: responses, model: b-1}, to: local}]"
    rules = resolved(text)
    assert ids(catalogue(rules)) == ["a-1", "b-1"]
    assert ids(catalogue(rules, asked(rules, headers=MESSAGES))) == ["a-1"]
    assert ids(catalogue(rules, asked(rules))) == ["b-1"]  # Codex asks for OpenAI's list as well


def test_the_clients_own_path_counts() -> None:
    rules = resolved("routes: [{when: {path: /team/v1/*, model: a-1}, to: local}]")
    assert ids(catalogue(rules, asked(rules, "/team/v1/models"))) == ["a-1"]
    assert ids(catalogue(rules, asked(rules))) == []


# --- the answer, as the SDKs read it


@pytest.fixture
def served() -> Iterator[str]:
    """Serve the answers of RULES on loopback."""
    rules = resolved(RULES)

    def answer(request: Request, reply: Reply) -> None:
        headers = {name: request.get(name) or "" for name in ("x-api-key", "authorization", "anthropic-version")}
        headers = {name: value for name, value in headers.items() if value}
        status, body = catalogue_answer(asked(rules, request.target, method=request.method, headers=headers), rules)
        reply.body(status, [("content-type", "application/json")], body)

    with Upstream(answer) as upstream:
        yield upstream.url


def strict_openai(base: str) -> openai.OpenAI:
    client = openai_sdk(f"{base}/v1")
    client._strict_response_validation = True
    return client


def strict_anthropic(base: str) -> anthropic.Anthropic:
    client = anthropic_sdk(base)
    client._strict_response_validation = True
    return client


OFFERED: Final = ids(catalogue(resolved(RULES)))


def test_openais_sdk_lists_and_retrieves(served: str) -> None:
    with strict_openai(served) as client:
        listed = list(client.models.list())
        assert [model.id for model in listed] == OFFERED
        one = client.models.retrieve("lab/bare")
        assert one == next(model for model in listed if model.id == "lab/bare")
        assert one.to_dict()["context_length"] == 700
        assert client.models.retrieve("claude-sonnet-9").owned_by == "lab"  # a route's glob takes it
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.retrieve("nobody/knows")
    assert caught.value.code == "model_not_found"
    assert "nobody/knows" in caught.value.message


def test_anthropics_sdk_lists_pages_and_retrieves(served: str) -> None:
    with strict_anthropic(served) as client:
        assert [model.id for model in client.models.list()] == OFFERED
        first = client.models.list(limit=4)
        assert (len(first.data), first.has_more, first.first_id) == (4, True, OFFERED[0])
        assert [model.id for model in first] == OFFERED  # the SDK goes on by itself
        before = client.models.list(limit=3, before_id=OFFERED[5])
        assert [model.id for model in before.data] == OFFERED[2:5]
        one = client.models.retrieve("lab/bare")
        assert (one.display_name, one.max_input_tokens, one.max_tokens) == ("The Bare", 700, 70)
        with pytest.raises(anthropic.NotFoundError) as caught:
            client.models.retrieve("nobody/knows")
        with pytest.raises(anthropic.BadRequestError, match="limit"):
            client.models.list(limit=5000)
        with pytest.raises(anthropic.BadRequestError, match="after_id"):
            client.models.list(after_id="nobody")
    body: Any = caught.value.body
    assert body["error"]["type"] == "not_found_error"


def test_a_model_for_which_there_is_no_credential_says_so() -> None:
    rules = resolved("routes: [{when: {model: ds-*}, to: deepseek}]\nproviders: {deepseek: {key: client}}")
    assert catalogue_answer(asked(rules, "/v1/models/ds-1", headers=bearer(ANTHROPIC)), rules)[0] == 200
    keyed = resolved("version: 1\nproviders: {deepseek: {models: {ds-1: {}}}}")
    status, body = catalogue_answer(asked(keyed, "/v1/models/deepseek/ds-1"), keyed)
    assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")


def test_a_model_is_not_deleted() -> None:
    rules = resolved(RULES)
    status, body = catalogue_answer(asked(rules, "/v1/models/small", method="DELETE"), rules)
    assert (status, json.loads(body)["error"]["type"]) == (405, "invalid_request_error")


@pytest.mark.parametrize(
    ("target", "ident"),
    (
        ("/v1/models", None),
        ("/v1/models/", None),
        ("/models?limit=1", None),
        ("/v1/models/a", "a"),
        ("/v1/models/a/b", "a/b"),
        ("/v1/models/a%2Fb%20c?x=1", "a/b c"),
        ("/coding/v1/v1/models/k3", "k3"),
        ("/v1/messages", None),
    ),
)
def test_which_model_is_asked_for(target: str, ident: str | None) -> None:
    assert asked_id(asked(resolved("version: 1"), target)) == ident


# --- sizes


@pytest.mark.parametrize(
    ("provider", "model", "limits"),
    (
        ("kimi-code", "k3", (1048576, None)),
        ("kimi-code", "kimi-code/k3", (1048576, None)),
        ("kimi-code", "moonshot/k3", (1048576, None)),
        ("kimi-code", "vendor/k3", (None, None)),
        ("openrouter", "moonshotai/kimi-k2.6", (262144, None)),
        ("openrouter", "openrouter/moonshotai/kimi-k2.6", (262144, None)),
        ("deepseek", "deepseek-v4-pro", (1048576, 384000)),
        ("deepseek", "DeepSeek-V4-Pro", (None, None)),
        ("deepseek", None, (None, None)),
        ("nobody", "k3", (None, None)),
        (None, "k3", (None, None)),
    ),
)
def test_sizes_are_looked_up_by_the_name_that_is_sent(
    provider: str | None, model: str | None, limits: tuple[int | None, int | None]
) -> None:
    assert limits_of(resolved("version: 1").rules, provider, model) == limits


@pytest.mark.parametrize("wire", ("messages", "chat", "responses"))
def test_one_model_is_written_as_in_a_list(wire: WireName) -> None:
    entry = ModelEntry("a", "A", 5, 10, 2, "o")
    assert json.loads(write_models([entry], wire))["data"] == [json.loads(write_model(entry, wire))]
