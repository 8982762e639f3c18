"""Why a condition does not hold: one is named exactly where ``matches`` is false, with what was asked and is there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import ANTHROPIC, KIMI, bearer, body_of, facts, resolved
from wiremend.explain.routes import other_ways
from wiremend.rules.conditions import matches, names_of, unmet
from wiremend.rules.engine import decide

MODELS = st.sampled_from(["kimi-k2", "deepseek/kimi-k2", "claude-x", "", None])
GLOBS = st.sampled_from(["kimi-*", "*", "claude-?", "deepseek/*", "x"])
MAYBE = st.one_of(st.none(), GLOBS)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "client": st.sampled_from(["claude-code", "codex", "*"]),
        "key": st.lists(st.sampled_from(["sk-kimi-*", "sk-ant-*", "sk-*", None]), min_size=1, max_size=2),
        "model": st.lists(MAYBE, min_size=1, max_size=2),
        "host": st.one_of(st.none(), st.sampled_from(["api.*", "127.*"])),
        "path": st.sampled_from(["/v1/*", "*messages", "/nowhere"]),
        "wire": st.sampled_from(["chat", "messages", "responses"]),
        "agent": st.sampled_from(["reviewer", "*", None]),
        "stream": st.booleans(),
        "header": st.just({"x-tier": ["gold", "silver"]}),
        "body": st.sampled_from([{"/temperature": "1*"}, {"/messages/*/role": "tool"}]),
    },
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "wire": st.sampled_from(["chat", "messages", "responses"]),
        "host": st.sampled_from([None, "api.example.com"]),
        "headers": st.sampled_from([
            {}, bearer(KIMI), {"x-api-key": ANTHROPIC}, {"User-Agent": "claude-cli/2.1.197"},
            {"x-agent-id": "reviewer"}, {"x-tier": "gold"}, {"x-tier": "bronze"},
        ]),
        "body": st.sampled_from([
            b"", b"not JSON", b"[]", body_of("kimi-k2", stream=True), body_of("claude-x", temperature=1),
            body_of("deepseek/kimi-k2", messages=[{"role": "tool"}]), body_of("x", temperature=0.5), b'{"stream":true}',
        ]),
    },
)  # fmt: skip


@given(CONDITIONS, REQUESTS)
def test_one_is_named_exactly_where_it_does_not_match(when: dict[str, Any], asked: dict[str, Any]) -> None:
    rules = resolved(msgspec.json.encode({"routes": [{"when": when, "to": "deepseek"}]}).decode(), offline=True)
    (route,) = rules.rules.routes
    here = facts(rules, **asked)
    names = names_of(here.model, rules.rules.providers)
    found = unmet(route.when, here, names)
    assert (found is None) is matches(route.when, here, names)
    if found is not None:
        name = found.condition.split(" ")[0]
        alone = resolved(
            msgspec.json.encode({"routes": [{"when": {name: when[name]}, "to": "deepseek"}]}).decode(), offline=True
        )
        assert not matches(alone.rules.routes[0].when, here, names)  # the one that is named does not hold by itself


ASKED = """
routes: [{when: %s, to: deepseek}]
"""


@pytest.mark.parametrize(
    ("when", "asked", "expected"),
    (
        ("{client: codex}", {"headers": {"User-Agent": "claude-cli/2"}}, ("client", "codex", "claude-code")),
        ("{client: codex}", {}, ("client", "codex", None)),
        ("{key: sk-ant-*}", {"headers": bearer(KIMI)}, ("key", "sk-ant-*", "sk-kimi-…")),
        ("{key: [sk-ant-*, null]}", {"headers": bearer(KIMI)}, ("key", "sk-ant-* or none", "sk-kimi-…")),
        ("{key: sk-ant-*}", {}, ("key", "sk-ant-*", None)),
        ("{model: [kimi-*, k3]}", {"model": "deepseek/m"}, ("model", "kimi-* or k3", "deepseek/m, m")),
        ("{model: 'kimi-*'}", {"model": 7}, ("model", "kimi-*", None)),
        ("{host: null}", {"host": "api.example.com"}, ("host", "none", "api.example.com")),
        ("{path: '*/messages'}", {}, ("path", "*/messages", "/v1/chat/completions")),
        ("{wire: [messages, responses]}", {}, ("wire", "messages or responses", "chat")),
        ("{agent: reviewer}", {}, ("agent", "reviewer", None)),
        ("{stream: true}", {}, ("stream", "true", "false")),
        ("{header: {x-tier: gold}}", {"headers": {"X-Tier": "lead"}}, ("header x-tier", "gold", "lead")),
        ("{header: {x-tier: gold}}", {}, ("header x-tier", "gold", None)),
        ("{header: {authorization: '* x'}}", {"headers": bearer(KIMI)}, ("header authorization", "* x", "…")),
        ("{body: {/t: '1'}}", {"body": b'{"t": 1.0}'}, ("body /t", "1", "1.0")),
        ("{body: {/t: '1'}}", {"body": b"{}"}, ("body /t", "1", None)),
        ("{body: {/t: '1'}}", {"body": b""}, ("body /t", "1", None)),
        ("{body: {/t/*: x}}", {"body": b'{"t":["a","b","c","d","e"]}'}, ("body /t/*", "x", '"a", "b", "c", …')),
        ("{body: {/t: x}}", {"body": b'{"t":"' + KIMI.encode() + b'"}'}, ("body /t", "x", '"sk-kimi-…"')),
    ),
)
def test_what_was_asked_and_what_is_there(
    when: str, asked: dict[str, Any], expected: tuple[str, str, str | None]
) -> None:
    rules = resolved(ASKED % when, offline=True)
    here = facts(rules, **asked)
    found = unmet(rules.rules.routes[0].when, here, names_of(here.model, rules.rules.providers))
    assert found is not None
    assert (found.condition, found.asked, found.there) == expected


def test_the_first_that_fails_is_named() -> None:
    rules = resolved(ASKED % "{wire: messages, client: codex, model: kimi-*}", offline=True)
    here = facts(rules, headers={"User-Agent": "codex_exec/1"})
    found = unmet(rules.rules.routes[0].when, here, ("m",))
    assert found is not None
    assert found.condition == "model"  # in the order in which they are looked at, not in the file's


@pytest.mark.parametrize("default", ("", "default: moonshot/x"))
@pytest.mark.parametrize("gate", ("", "routes: [{when: {model: nothing}, to: deepseek}]"))
@pytest.mark.parametrize("own", ("", "providers: {deepseek: {key: client}}"))
@pytest.mark.parametrize("asked", ("deepseek/m", "m", "deepseek/", "stranger/m", "stands"))
@pytest.mark.parametrize("host", (None, "api.example.com"))
def test_the_way_behind_the_routes_is_the_one_that_is_taken(
    default: str, gate: str, own: str, asked: str, host: str | None
) -> None:
    rules = resolved(f"{default}\n{gate}\n{own}\naliases: {{stands: deepseek/y}}\n", offline=True)
    here = facts(rules, model=asked, host=host)
    *before, last = other_ways(here, rules)
    assert not any(way.taken for way in before)
    if host is None and not last.taken:
        with pytest.raises(Exception, match="no route of rules"):
            decide(here, rules)
    else:
        by = decide(here, rules).by
        assert last.taken
        assert last.name == ("host" if by == "client" else by)
