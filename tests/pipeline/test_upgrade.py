"""A WebSocket is opened where all its messages go to one provider that has WebSockets; else the answer is 426 at once.

Codex takes 426 for "go on over HTTP" and asks at once; after 404 or 405 it tries seven times first (measured).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import OPENAI, bearer, request, resolved, rewritten
from wiremend.errors import RefusedError
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.upgrade import is_upgrade, may_be_routed, rules_for, upgrade_refused
from wiremend.rules.engine import decide
from wiremend.rules.facts import facts_of

if TYPE_CHECKING:
    from wiremend.pipeline.outcome import ClientRequest

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
LAB = "{base_url: 'https://lab.example/v1', key: client, websocket: true}"
PLAIN = "{base_url: 'https://plain.example/v1', key: client}"
AT_OPENAI = {"host": "api.openai.com"}
KEYS = {f"{name}_API_KEY": "sk-FAKE-0001" for name in ("OPENAI", "OPENROUTER", "DEEPSEEK")}

type Row = tuple[str, dict[str, Any], str | None, str]


def handshake(**asked: Any) -> ClientRequest:  # noqa: ANN401 - the parts of a request, as the kit names them
    """Make a handshake; without ``host`` it comes to the gateway."""
    target = {"target": "/v1/responses", "method": "GET", "body": b"", "headers": UPGRADE | bearer(OPENAI)}
    return request(**(target | asked))


PASS: tuple[Row, ...] = (
    # text, asked, provider, host that it goes to
    ("version: 1", AT_OPENAI, "openai", "api.openai.com"),
    (f"providers: {{lab: {LAB}}}\ndefault: lab", {}, "lab", "lab.example"),
    (f"providers: {{lab: {LAB}}}\ndefault: lab/other-name", {}, "lab", "lab.example"),
    (f"providers: {{lab: {LAB}}}\nroutes: [{{to: lab}}]", {}, "lab", "lab.example"),
    (f"providers: {{lab: {LAB}}}\nroutes: [{{when: {{model: gpt-*}}, to: lab}}]", {}, "lab", "lab.example"),
    # a gate: nobody gets to the second provider by its name
    (
        f"providers: {{lab: {LAB}, plain: {PLAIN}}}\nroutes: [{{when: {{wire: responses}}, to: lab}}, {{to: plain}}]",
        {},
        "lab",
        "lab.example",
    ),
    # what the request's head says is known: the first route does not fit
    (
        (
            f"providers: {{lab: {LAB}, plain: {PLAIN}}}\nroutes: "
            "[{when: {client: claude-code}, to: plain}, {when: {stream: false}, to: plain}, {to: lab}]"
        ),
        {},
        "lab",
        "lab.example",
    ),
    # all names lead to the same provider
    (f"providers: {{lab: {LAB}}}\naliases: {{small: lab/tiny}}\ndefault: lab", {}, "lab", "lab.example"),
    # and the client addressed it
    (
        "routes: [{when: {model: gpt-*}, to: openai/gpt-5.1-codex}]",
        AT_OPENAI,
        "openai",
        "api.openai.com",
    ),
    # nobody knows the place, and no rule speaks of it
    ("version: 1", {"host": "api.x.example"}, None, "api.x.example"),
)


@pytest.mark.parametrize(("text", "asked", "provider", "host"), PASS)
def test_it_goes_where_all_its_messages_go(text: str, asked: dict[str, Any], provider: str | None, host: str) -> None:
    rules = resolved(text, KEYS)
    asking = handshake(**asked)
    assert upgrade_refused(asking, rules) is None
    outcome = rewrite(asking, rules_for(asking, rules))
    assert isinstance(outcome, Rewritten)
    assert (outcome.decision.provider, outcome.destination.host) == (provider, host)
    assert outcome.destination.path == "/v1/responses"
    assert {name.lower() for name, _ in outcome.headers} >= {name.lower() for name in UPGRADE}


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    # text, asked, a word of the reason
    ("version: 1", {}, "one by one"),  # at the gateway, and nothing says where to
    ("default: local", {}, "websocket: true"),
    ("default: openrouter", {}, "websocket: true"),
    ("default: deepseek", {}, "websocket: true"),
    ("version: 1", {"host": "openrouter.ai", "target": "/api/v1/responses"}, "websocket: true"),
    # somebody else's server in OpenAI's place is not known to have them
    ("providers: {openai: {base_url: 'https://other.example/v1'}}\ndefault: openai", {}, "websocket: true"),
    ("providers: {openai: {websocket: false}}", AT_OPENAI, "websocket: true"),
    # the model decides
    ("routes: [{when: {model: gpt-*}, to: local}]", AT_OPENAI, "local, openai"),
    (
        f"providers: {{lab: {LAB}, plain: {PLAIN}}}\nroutes: [{{when: {{model: a*}}, to: plain}}]\ndefault: lab",
        {},
        "plain, lab",
    ),
    # a value of the body does
    ("routes: [{when: {body: {/store: true}}, to: local}]", AT_OPENAI, "local, openai"),
    # an alias does
    (f"providers: {{lab: {LAB}}}\naliases: {{small: local/tiny}}\ndefault: lab", {}, "lab, local"),
    # a name does, by its prefix
    (f"providers: {{lab: {LAB}, plain: {PLAIN}}}\ndefault: lab", {}, "lab, plain"),
    # the provider is spoken to on another wire
    (f"providers: {{lab: {LAB[:-1]}, speaks: [chat]}}}}\ndefault: lab", {}, "another wire"),
    (f"providers: {{lab: {LAB}}}\nroutes: [{{to: lab, via: chat}}]", {}, "another wire"),
    # only the responses wire has WebSockets
    (f"providers: {{lab: {LAB}}}\ndefault: lab", {"target": "/v1/chat/completions"}, "one by one"),
    (f"providers: {{lab: {LAB}}}\ndefault: lab", {"target": "/v1/messages"}, "one by one"),
    (f"providers: {{lab: {LAB}}}\ndefault: lab", {"target": "/v1/responses/resp_1"}, "one by one"),
)


@pytest.mark.parametrize(("text", "asked", "why"), REFUSED)
def test_where_they_may_part_it_is_refused_at_once(text: str, asked: dict[str, Any], why: str) -> None:
    rules = resolved(text, KEYS)
    asking = handshake(**asked)
    refused = upgrade_refused(asking, rules)
    assert refused is not None
    assert refused.status == 426
    assert why in refused.message
    error = json.loads(refused.body)["error"]
    error = error if isinstance(error, dict) else {}
    assert error["message"] == refused.message
    assert rules_for(asking, rules) is rules


@pytest.mark.parametrize("headers", ({}, {"upgrade": "h2c"}, {"Upgrade": ""}))
def test_any_other_request_is_left_alone(headers: dict[str, str]) -> None:
    rules = resolved("default: local")
    asking = handshake(headers=headers)
    assert not is_upgrade(asking)
    assert upgrade_refused(asking, rules) is None
    assert rules_for(asking, rules) is rules


@pytest.mark.parametrize(
    "asked", ({"host": "api.openai.com", "target": "/v1/realtime"}, {"host": "chat.example", "target": "/ws"})
)
def test_what_is_no_endpoint_of_a_wire_passes(asked: dict[str, Any]) -> None:
    rules = resolved("default: local")
    assert upgrade_refused(handshake(**asked), rules) is None
    assert rules_for(handshake(**asked), rules) is rules


def test_it_is_rewritten_as_a_request_is() -> None:
    text = """\
    providers: {lab: {base_url: 'https://lab.example/v1', key: $LAB_KEY, websocket: true, headers: {X-Team: blue}}}
    routes: [{name: all to the lab, to: lab}]
    edits: [{when: {wire: responses}, headers: {X-Edit: yes-please}}, {when: {model: gpt-*}, headers: {X-Never: a}}]
    """
    rules = resolved(text, {"LAB_KEY": "sk-FAKE-lab-0001"})
    asking = handshake(headers=UPGRADE | bearer(OPENAI) | {"x-api-key": OPENAI, "Cookie": "a=b"})
    outcome = rewrite(asking, rules_for(asking, rules))
    assert isinstance(outcome, Rewritten)
    assert dict(outcome.headers) == UPGRADE | {
        "Authorization": "Bearer sk-FAKE-lab-0001",
        "X-Team": "blue",
        "X-Edit": "yes-please",
    }
    assert outcome.body is None
    assert outcome.decision.route == "all to the lab"
    assert outcome.decision.unrouted is None
    assert outcome.decision.rules_hash == rules.rules.hash


def test_untouched_it_leaves_as_it_came() -> None:
    sent = UPGRADE | bearer(OPENAI)
    asking = handshake(**AT_OPENAI)
    rules = rules_for(asking, resolved("version: 1"))
    got = rewritten(rules, method="GET", body=b"", host="api.openai.com", target="/v1/responses", headers=sent)
    assert got.headers.fields == tuple(sent.items())


@pytest.mark.parametrize(
    ("text", "asked", "may"),
    (
        ("version: 1", {"host": "api.openai.com"}, False),
        ("version: 1", {"host": "api.openai.com", "target": "/realtime"}, False),
        ("version: 1", {}, True),  # at the gateway there is nowhere else to go
        ("default: local", {"host": "api.openai.com"}, True),
        ("routes: [{when: {model: gpt-*}, to: local}]", {"host": "api.openai.com"}, True),  # a frame may name it
        ("routes: [{when: {host: api.other.example}, to: local}]", {"host": "api.openai.com"}, False),
        ("routes: [{when: {key: sk-kimi-*, model: a}, to: local}]", {"host": "api.openai.com"}, False),
        ("aliases: {a: local/b}", {"host": "api.openai.com"}, True),
    ),
)
def test_a_websocket_may_be_routed_where_some_message_could_be(text: str, asked: dict[str, Any], may: bool) -> None:  # noqa: FBT001 - a column
    assert may_be_routed(handshake(**asked), resolved(text)) is may


MODELS = ("gpt-5", "a", "ab", "small", "plain/x", "lab/x", "local/x", None)
WHENS = ("{}", "{model: a*}", "{model: [gpt-*, null]}", "{body: {/store: true}}", "{stream: true}", "{stream: false}")


@given(
    routes=st.lists(st.tuples(st.sampled_from(WHENS), st.sampled_from(("lab", "plain", "lab/x"))), max_size=3),
    default=st.sampled_from(("", "default: lab\n", "default: plain\n")),
    alias=st.sampled_from(("", "aliases: {small: lab/tiny}\n", "aliases: {small: plain/tiny}\n")),
    host=st.sampled_from((None, "lab.example", "api.openai.com")),
    model=st.sampled_from(MODELS),
    store=st.booleans(),
)
def test_no_message_goes_elsewhere_than_the_handshake(
    routes: list[tuple[str, str]],
    default: str,
    alias: str,
    host: str | None,
    model: str | None,
    store: bool,  # noqa: FBT001
) -> None:
    """The law: where a handshake passes, each message is decided as it was, or is refused.

    The one exception is said in the module: the prefix of a built-in provider that the file does not mention.
    """
    told = ", ".join(f"{{when: {when}, to: {to}}}" for when, to in routes)
    providers = f"providers: {{lab: {LAB}, plain: {PLAIN}}}\n"
    rules = resolved(f"{providers}{alias}{f'routes: [{told}]' if routes else ''}\n{default}")
    asking = handshake(host=host)
    if upgrade_refused(asking, rules) is not None:
        return
    outcome = rewrite(asking, rules_for(asking, rules))
    assert isinstance(outcome, Rewritten)
    body = {"type": "response.create", "stream": True, "store": store} | ({"model": model} if model else {})
    facts = facts_of(
        style=asking.style,
        method="POST",
        target=asking.target,
        headers=asking.headers,
        host=asking.host,
        port=asking.port,
        body=json.dumps(body).encode(),
        agent_header=rules.rules.agent_header,
    )
    try:
        decision = decide(facts, rules)
    except RefusedError:
        return
    if model == "local/x" and decision.by == "name":
        return
    assert decision.provider == outcome.decision.provider
    assert decision.destination == outcome.decision.destination
