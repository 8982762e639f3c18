"""A request explained: what is said of it is what the pipeline does, on every case of the repository, step by step."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.kit import cases, explained, of_case, patched
from tests.rules.kit import ANTHROPIC, KIMI, MOONSHOT, OPENAI, bearer, body_of, request, resolved
from wiremend.captures.capture import Inputs
from wiremend.explain.request import explain, explain_capture, lines
from wiremend.pipeline.outcome import Refused, Rewritten, Untouched
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.unpack import unpack
from wiremend.quirks.base import decoded
from wiremend.quirks.memory import Memory
from wiremend.replay.rules import Today
from wiremend.replay.run import replay, sent

RULES = """
providers:
  moonshot: {key: client, headers: {X-Team: blue}}
  lab: {base_url: "http://127.0.0.1:8000/v1", key: $LAB_KEY, speaks: [messages]}
aliases:
  fast: moonshot/kimi-k2.5
routes:
  - {name: Anthropic's, when: {key: sk-ant-*}, to: lab}
  - {name: kimi, when: {model: "kimi-*"}, to: moonshot/kimi-k2.5}
  - {name: never, when: {stream: true}, to: lab}
edits:
  - {name: warm, when: {provider: moonshot}, default: {/top_k: 5}, set: {/user: me}}
  - {name: cold, when: {provider: lab}, set: {/temperature: 0}}
  - {when: {model: kimi-k2.5}, headers: {X-Old: null}}
"""


# -- the laws, on every case


@pytest.mark.parametrize("name", cases())
def test_the_patch_leads_to_what_leaves(name: str) -> None:
    capture, today = cases()[name]
    done = replay(capture, today)
    made = of_case(name)
    assert made.untouched is isinstance(done.outcome, Untouched)
    assert (made.refused is None) is not isinstance(done.outcome, Refused)
    if not isinstance(done.outcome, Rewritten) or done.outcome.facts.body is None:
        return
    crossed = done.outcome.translation
    before = decoded(done.outcome.facts.body if crossed is None else crossed.body)
    after = before if done.outcome.body is None else decoded(done.outcome.body)
    assert patched(before, made.patch) == after
    assert made.bytes_kept is (done.outcome.body is None)


@pytest.mark.parametrize("name", cases())
def test_the_steps_together_are_the_whole(name: str) -> None:
    capture, today = cases()[name]
    made = of_case(name)
    outcome = rewrite(
        sent(capture), today.for_capture(capture.inputs), Memory.of(capture.inputs.memory), capture.inputs.seed
    )
    if not isinstance(outcome, Rewritten) or outcome.facts.body is None:
        return
    steps = decoded(outcome.facts.body if outcome.translation is None else outcome.translation.body)
    if outcome.decision.model is not None and outcome.facts.generates:
        steps["model"] = outcome.decision.model
    for edit in made.edits:
        steps = patched(steps, edit.patch)
    # A second round of quirks looks at what the first one left; none of the cases needs one.
    for used in made.quirks:
        steps = patched(steps, used.patch)
    assert steps == (decoded(outcome.body) if outcome.body is not None else decoded(outcome.facts.body))
    told = {used.name for used in made.quirks if used.did == "changed"}
    assert told == {note.why.removeprefix("quirk ") for note in outcome.notes if note.why.startswith("quirk ")}
    assert [edit.name for edit in made.edits if edit.unmet is None] == list(outcome.edits)
    assert [used.name for used in made.quirks] == list(outcome.decision.quirks)


@pytest.mark.parametrize("name", cases())
def test_the_reply_is_the_replayed_one(name: str) -> None:
    capture, today = cases()[name]
    made, done = of_case(name).reply, replay(capture, today)
    if capture.attempt is None or capture.attempt.response is None:
        assert made is None or made.came_status is None
        return
    assert made is not None
    assert (made.came_status, made.given_status) == (
        capture.attempt.response.status,
        done.answer.status if done.answer else None,
    )
    assert [(note.kind, note.short) for note in made.notes] == [
        (note.kind, note.short) for note in done.notes[len(getattr(done.outcome, "notes", ())) :]
    ]


# -- what it was taken for


def test_what_a_request_was_taken_for() -> None:
    made = explained(
        RULES,
        wire="messages",
        target="/v1/v1/messages?beta=true",
        headers={"User-Agent": "claude-cli/2.1.197", "x-api-key": KIMI, "X-Agent-Id": "reviewer"},
        body=body_of("kimi-k2.5", stream=True),
    ).taken
    assert (made.client, made.wire, made.endpoint, made.kind) == ("claude-code", "messages", "messages", "generate")
    assert (made.model, made.stream, made.style, made.method) == ("kimi-k2.5", True, "gateway", "POST")
    assert (made.address, made.target, made.agent) == (None, "/v1/v1/messages?beta=true", "reviewer")
    assert [(one.header, one.prefix) for one in made.credentials] == [("x-api-key", "sk-kimi-…")]
    assert (made.body, made.size) == ("JSON", len(body_of("kimi-k2.5", stream=True)))


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    (
        (b"", {}, "none"),
        (b"{", {}, "left alone: "),
        (b'{"a":"\xed\xa0\xbd"}', {}, "JSON but for raw surrogates"),
        (b"{}", {"content-encoding": "gzip"}, "left alone, gzip: "),
        (b"{}", {"content-encoding": "identity"}, "JSON"),
    ),
)
def test_what_the_body_is(body: bytes, headers: dict[str, str], expected: str) -> None:
    assert explained(RULES, model="kimi-x", body=body, headers=headers).taken.body.startswith(expected)


def test_a_stranger_is_told_to_be_one() -> None:
    made = explained(RULES, target="/robots.txt", host="example.com", method="GET", body=b"")
    assert made.untouched
    assert (made.routes, made.ways, made.decision, made.edits, made.quirks) == ((), (), {}, (), ())
    assert made.url == ("https://example.com/robots.txt", "https://example.com/robots.txt")
    assert made.taken.endpoint is None


# -- where it goes


def test_each_route_says_why_it_did_not_match_up_to_the_one_that_did() -> None:
    made = explained(RULES, model="fast", headers=bearer(MOONSHOT))
    told = [(one.name, one.where, one.to, one.state, one.unmet.condition if one.unmet else None) for one in made.routes]
    assert told == [
        ("Anthropic's", "rules.yaml:8", "lab", "differs", "key"),
        ("kimi", "rules.yaml:9", "moonshot/kimi-k2.5", "matches", None),
        ("never", "rules.yaml:10", "lab", "not tried", None),
    ]
    assert made.alias == "moonshot/kimi-k2.5 (rules.yaml:6)"
    assert made.ways == ()
    assert (made.decision["by"], made.decision["provider"], made.decision["model"]) == (
        "route",
        "moonshot",
        "kimi-k2.5",
    )
    assert made.url[1] == "https://api.moonshot.ai/v1/chat/completions"
    assert made.url_why == ("base_url of moonshot (rules.yaml:3)",)


@pytest.mark.parametrize(
    ("asked", "expected"),
    (
        ({"model": "x"}, (("name", False), ("default", False), ("host", False))),
        ({"model": "x", "host": "api.example.com"}, (("name", False), ("default", False), ("host", True))),
        ({"model": "deepseek/x", "headers": bearer(MOONSHOT)}, (("name", True),)),
    ),
)
def test_behind_the_routes_each_way_is_told(asked: dict[str, Any], expected: object) -> None:
    assert tuple((way.name, way.taken) for way in explained(RULES, **asked).ways) == expected


@pytest.mark.parametrize(
    ("rules", "asked", "status", "kind", "add"),
    (
        (RULES, {"model": "x: y"}, 404, "model_not_found", 'routes:\n  - {when: {model: "x: y"}, to: PROVIDER}'),
        (RULES, {"body": b"{}"}, 404, "model_not_found", "default: PROVIDER/MODEL"),
        ("default: openai/gpt", {}, 401, "authentication", "providers:\n  openai: {key: client}"),
        (RULES, {"headers": {"x-api-key": ANTHROPIC}, "target": "/v1/embeddings"}, 400, "invalid_request",
         '{when: {wire: chat, model: "m"}, to: moonshot}'),
        (RULES, {"target": "/nowhere"}, 404, "not_found", None),
    ),
)  # fmt: skip
def test_a_refusal_says_what_to_add_and_then_it_is_none(
    rules: str, asked: dict[str, Any], status: int, kind: str, add: str | None
) -> None:
    given = {"headers": bearer(MOONSHOT), **asked}
    made = explained(rules, **given).refused
    assert made is not None
    assert (made.status, made.kind) == (status, kind)
    if add is None:
        assert made.add is None
        return
    assert made.add is not None
    assert add in made.add
    added = made.add.replace("PROVIDER/MODEL", "moonshot/y").replace("PROVIDER", "moonshot")
    # A list of the file takes the entry in front, a section of it the key; else the lines stand by themselves.
    head, _, entry = added.partition("\n")
    section = head.partition(":")[0] + ":\n"
    whole = rules.replace(section, f"{section}{entry}\n") if section in rules else f"{added}\n{rules}"
    assert explained(whole, **given).refused is None


def test_a_handshake_that_could_be_routed_is_refused() -> None:
    made = explained(RULES, wire="responses", method="GET", body=b"", headers={"Upgrade": "websocket"})
    assert made.refused is not None
    assert made.refused.status == 426
    assert made.refused.add is None


# -- what changes


def test_each_edit_is_a_patch_or_says_why_not() -> None:
    made = explained(RULES, model="kimi-k2", headers={**bearer(MOONSHOT), "X-Old": "1"}).edits
    warm, cold, unnamed = made
    assert (warm.name, warm.where, warm.unmet) == ("warm", "rules.yaml:12", None)
    assert [(one["op"], one["path"], one["value"]) for one in warm.patch] == [
        ("add", "/top_k", 5),
        ("add", "/user", "me"),
    ]
    assert cold.unmet is not None
    assert (cold.unmet.condition, cold.unmet.asked, cold.unmet.there) == ("provider", "lab", "moonshot")
    assert (unnamed.where, unnamed.headers, unnamed.patch) == ("rules.yaml:14", ("x-old: removed",), ())


def test_where_one_edit_fails_the_body_is_left_alone_and_it_is_named() -> None:
    rules = RULES.replace("set: {/user: me}", "set: {/user: me}").replace("lab/v1", "lab")
    made = explained(
        rules, model="kimi-k2", headers=bearer(MOONSHOT), target="/v1/chat/completions", body=b'"text, no object"'
    )
    # A scalar names no model, so that nothing matches the route; the default takes it.
    assert made.refused is not None
    made = explained(rules + "default: moonshot/x\n", headers=bearer(MOONSHOT), body=b'"text, no object"')
    assert made.patch == ()
    assert made.bytes_kept
    assert any(note.kind == "failed" for note in made.notes)


def test_what_a_quirk_did_and_which_did_nothing() -> None:
    rules = "routes: [{when: {model: 'kimi-*'}, to: kimi-code}]\nproviders: {kimi-code: {key: client}}"
    body = body_of("kimi-for-coding", temperature=0.1, messages=[{"role": "user", "content": "hi"}])
    made = {used.name: used for used in explained(rules, body=body, headers=bearer(KIMI)).quirks}
    used = made["kimi-temperature-fixed"]
    assert (used.did, used.number) == ("changed", 24)
    assert [(one["op"], one["path"], one["was"]) for one in used.patch] == [("remove", "/temperature", 0.1)]
    assert made["schema-missing-type"].did == "nothing"
    assert made["kimi-tool-markup"].did == "waits"
    off = explained(f"{rules}\nmend: off", body=body, headers=bearer(KIMI))
    assert {used.did for used in off.quirks} == {"off"}
    assert off.bytes_kept


def test_a_quirk_of_the_url_shows_the_path_before_and_after() -> None:
    capture, today = cases()["messages/path-beta-query"]
    used = next(one for one in explain_capture(capture, today).quirks if one.url is not None)
    assert used.did == "changed"
    before, after = used.url or ("", "")
    assert "beta=true" in before
    assert "beta=true" not in after


def test_raw_surrogates_are_that_quirks_work() -> None:
    rules = "default: moonshot/x\nproviders: {moonshot: {key: client}}\nedits: [{when: {}, set: {/user: me}}]"
    body = b'{"model":"m","messages":[{"role":"user","content":"\xed\xa0\xbd"}]}'
    made = explained(rules, body=body, headers=bearer(MOONSHOT))
    assert {used.name: used.did for used in made.quirks}["lone-surrogates"] == "changed"
    assert [one["path"] for one in made.edits[0].patch] == ["/user"]


def test_headers_say_who_changed_them() -> None:
    made = explained(
        RULES, model="kimi-k2", host="api.openai.com", target="/v1/chat/completions",
        headers={**bearer(MOONSHOT), "Host": "api.openai.com", "Cookie": "session=abcdef", "X-Old": "1",
                 "Connection": "close", "Accept": "*/*"},
    )  # fmt: skip
    told = {one.name: one for one in made.headers}
    assert "Accept" not in told
    assert (told["Host"].after, told["Host"].why) == ("api.moonshot.ai", ("the destination's own name",))
    assert told["Cookie"].after is None
    assert told["Connection"].why == ("it is about one connection only",)
    assert (told["X-Team"].before, told["X-Team"].after) == (None, "blue")
    assert told["X-Team"].why == ("providers.moonshot",)
    assert told["X-Old"].why == ("edit 3 (rules.yaml:14)",)


@pytest.mark.parametrize(
    ("rules", "asked", "expected"),
    (
        (RULES, {"model": "kimi-x", "headers": bearer(KIMI)},
         ("the client's own", "sk-kimi-…", "Authorization: Bearer", False)),
        (RULES, {"model": "kimi-x"}, ("the client brought none", None, None, False)),
        ("default: lab/x\nproviders: {lab: {base_url: https://lab.example.com, speaks: [chat]}}",
         {"headers": bearer(OPENAI)}, ("none", None, None, True)),
        ("version: 1", {"host": "api.example.com", "headers": {"x-api-key": KIMI}},
         ("the client's own, as it sent it", "sk-kimi-…", "x-api-key", False)),
        ("version: 1", {"host": "api.example.com"}, ("none: the client brought none", None, None, False)),
    ),
)  # fmt: skip
def test_the_credential(rules: str, asked: dict[str, Any], expected: tuple[str, str | None, str | None, bool]) -> None:
    made = explained(rules, **asked).credential
    assert made is not None
    assert (made.source, made.prefix, made.header, made.withheld is not None) == expected


def test_a_credential_that_is_not_looked_up_has_no_prefix() -> None:
    today = Today(RULES, "rules.yaml")
    made = explain(request(wire="messages", headers={"x-api-key": ANTHROPIC}), today.for_capture(Inputs())).credential
    assert made is not None
    assert (made.source, made.prefix, made.header) == ("$LAB_KEY", None, "x-api-key")


# -- nothing is touched


def test_the_memory_is_left_as_it_is() -> None:
    class Watched(Memory):
        def keep(self, key: str, value: str) -> None:
            raise AssertionError((key, value))

    rules = resolved(
        "default: mistral/devstral\nproviders: {mistral: {base_url: https://api.mistral.ai/v1, key: client}}"
    )
    calls = [{"id": "call_of_another_length", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": ""},
    ]
    asked = request(host="api.mistral.ai", body=body_of("devstral", messages=messages), headers=bearer(MOONSHOT))
    made = explain(asked, rules, Watched())
    assert any(one["path"] == "/messages/1/tool_call_id" for one in made.patch)


@pytest.mark.parametrize(
    "body", (b"", b"\x00", b"[" * 100_000, b'{"a":' * 5000, b'{"model":1e999}', b"\xff\xfe", b"null")
)
@pytest.mark.parametrize("target", ("/v1/messages", "/", "*", "//", "/v1/messages?key=" + KIMI, "\x00", ""))
def test_no_request_makes_it_raise(body: bytes, target: str) -> None:
    for host in (None, "api.moonshot.ai"):
        made = explained(RULES + "default: moonshot/x\n", body=body, target=target, host=host)
        json.dumps(made.patch)
    assert unpack is not None


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats(-2, 2, allow_nan=False)
    | st.sampled_from(["", "x", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "tool_calls", "id", "function", "name", "arguments", "text", "*"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool", 7]),
        "content": JUNK | st.sampled_from(["", "hi"]),
        "tool_calls": st.lists(
            st.fixed_dictionaries({}, optional={"id": st.sampled_from(["a b", "call_1", ""]), "function": JUNK}),
            max_size=2,
        )
        | JUNK,
        "tool_call_id": st.sampled_from(["a b", "call_1", "", None]),
        "reasoning_content": JUNK,
    },
)
BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from(["kimi-k2.5", "m", "mistral/x", "deepseek/deepseek-reasoner"])},
    optional={
        "messages": st.lists(MESSAGES | JUNK, max_size=4),
        "tools": JUNK | st.lists(JUNK, max_size=2),
        "temperature": JUNK,
        "user": JUNK,
        "stream": st.booleans(),
        "tool_choice": JUNK,
        "*": JUNK,
    },
)
ALL = """
providers:
  moonshot: {key: client}
  deepseek: {key: client}
  mistral: {base_url: "https://api.mistral.ai/v1", key: client}
routes: [{when: {model: "kimi-*"}, to: moonshot}, {when: {model: "deepseek/*"}, to: deepseek}]
default: mistral/devstral
edits:
  - {when: {stream: true}, set: {/user: me}, remove: /messages/0}
  - {when: {}, default: {/temperature: 0.5, /a/b: 1}}
  - {when: {provider: deepseek}, set: {/messages/*/content: x}}
"""


@given(BODIES, st.sampled_from(["chat", "messages", "responses"]), st.booleans())
def test_on_any_body_the_patch_leads_to_what_leaves(body: dict[str, Any], wire: str, mend: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    asked = request(wire=wire, body=json.dumps(body).encode(), headers=bearer(MOONSHOT))
    rules = resolved(ALL if mend else f"{ALL}mend: off\n", offline=True)
    made, outcome = explain(asked, rules, seed="s"), rewrite(asked, rules, seed="s")
    if not isinstance(outcome, Rewritten):
        assert made.refused is not None
        return
    after = json.loads(outcome.body or asked.body)
    if outcome.translation is not None:
        assert made.translated == outcome.translation.upstream
        body = json.loads(outcome.translation.body)
    assert json.dumps(patched(body, made.patch), sort_keys=True) == json.dumps(after, sort_keys=True)
    steps = dict(body)
    if outcome.decision.model is not None and outcome.facts.generates and outcome.translation is None:
        steps["model"] = outcome.decision.model
    for edit in made.edits:
        steps = patched(steps, edit.patch)
    if not mend:
        assert json.dumps(steps, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert lines(made, 80, every=True)
