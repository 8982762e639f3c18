"""Statuses, error texts, connections and routes: the likely cause, and the change that was seen to help."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.diagnose_kit import KIMI, LAB, PLAIN, exchange, json_reply
from wiremend.captures.capture import Body, Response
from wiremend.explain.diagnose import diagnose
from wiremend.explain.diagnose_model import Diagnosis, to_plain
from wiremend.explain.diagnose_refusals import parameters, phrases
from wiremend.explain.diagnose_text import lines
from wiremend.headers import Headers
from wiremend.quirks import all_quirks
from wiremend.replay.report import plain

MODELS = LAB.replace("    key: client\n", "    key: client\n    models: {lab-large-2: {}, lab-small-2: {}}\n")


def found(**about: Any) -> Diagnosis:  # noqa: ANN401 - what an exchange is made of
    return diagnose(*exchange(**about))


def said(status: int, message: str, **more: str) -> Response:
    return json_reply(status, json.dumps({"error": {"message": message, **more}}))


def test_a_key_at_another_vendor_s_host_is_sent_home() -> None:
    reply = said(401, "Incorrect API key provided", code="invalid_api_key")
    got = found(key=KIMI, reply=reply, model="kimi-for-coding")
    assert got.problem
    assert "kimi-code's, whose home is api.kimi.com" in got.causes[0].what
    assert "sk-kimi-…" in got.causes[0].what
    assert got.patch is not None
    assert "sk-kimi-*" in got.patch.diff
    assert "api.kimi.com/coding/v1" in got.patch.shown
    assert KIMI not in json.dumps(to_plain(got))


def test_a_key_that_is_at_home_is_told_to_be_wrong_and_nothing_is_changed() -> None:
    got = found(reply=said(401, "Incorrect API key provided", code="invalid_api_key"))
    assert "does not take this key" in got.causes[0].what
    assert got.patch is None


def test_a_request_without_a_key() -> None:
    text = LAB.replace("key: client", "auth: none")
    got = found(text=text, key=None, reply=said(401, "missing key", type="authentication_error"))
    assert "without a credential" in got.causes[0].what


def test_a_model_that_is_nearly_one_that_the_provider_has_gets_an_alias() -> None:
    got = found(text=MODELS, model="lab-large", reply=said(404, "The model does not exist", code="model_not_found"))
    assert "does not know the model lab-large" in got.causes[0].what
    assert got.patch is not None
    assert "+aliases:\n+  lab-large: lab/lab-large-2\n" in got.patch.diff


def test_a_model_like_no_other_gets_advice_and_no_guess() -> None:
    got = found(text=MODELS, model="zzz", reply=said(404, "The model does not exist", code="model_not_found"))
    assert "GET /v1/models" in got.causes[0].do
    assert got.patch is None


def test_a_path_with_two_versions_is_what_today_s_rules_repair() -> None:
    capture, _, _ = exchange(path="/v1/chat/completions", reply=json_reply(404, "404 page not found", "text/plain"))
    request = capture.attempts[0].request  # type: ignore[union-attr, unused-ignore]
    from dataclasses import replace  # noqa: PLC0415 - beside its one use

    from wiremend.replay.rules import Today  # noqa: PLC0415 - beside its one use

    sent = replace(request, target="/v1/v1/chat/completions")
    capture = replace(capture, attempts=(replace(capture.attempts[0], request=sent),))
    got = diagnose(capture, Today(LAB, "rules.yaml"), LAB)
    assert got.causes[0].state == "mended today"
    assert "/v1/v1/chat/completions" in got.causes[0].what


def test_a_root_that_the_built_in_provider_has_otherwise_is_repaired() -> None:
    text = "providers:\n  kimi:\n    base_url: https://api.kimi.com/v1 # from memory\n    key: client\ndefault: kimi\n"
    got = found(text=text, key=KIMI, reply=json_reply(404, "404 page not found", "text/plain"))
    assert got.patch is not None
    assert "-    base_url: https://api.kimi.com/v1 # from memory" in got.patch.diff
    assert "+    base_url: https://api.kimi.com/coding/v1 # from memory" in got.patch.diff


@pytest.mark.parametrize(
    ("status", "message", "more", "words", "quirk"),
    (
        (429, "Rate limit reached for requests per min", {"type": "rate_limit_error"}, "limits the rate", None),
        (429, "You exceeded your current quota", {"code": "insufficient_quota"}, "is used up", "quota-as-429"),
        (400, "This model's maximum context length is 4096 tokens", {}, "context window", "overflow-phrase"),
        (529, "Overloaded", {"type": "overloaded_error"}, "overloaded", "overload-as-429"),
    ),
)
def test_what_no_rule_can_mend_is_told_with_what_to_do(
    status: int, message: str, more: dict[str, str], words: str, quirk: str | None
) -> None:
    got = found(reply=said(status, message, **more))
    first = next(cause for cause in got.causes if cause.where == "error")
    assert words in first.what
    assert first.do
    assert first.quirk == quirk
    assert message in first.rests_on
    assert got.patch is None or "mend" in got.patch.what


@pytest.mark.parametrize(
    ("error", "words"),
    (
        ("[Errno 111] Connection refused", "Nobody listens"),
        ("[Errno -2] Name or service not known", "does not resolve"),
        ("Certificate verify failed: self-signed certificate", "TLS to the provider failed"),
        ("[Errno 113] No route to host", "cannot be reached"),
        ("connection timed out", "did not answer in time"),
        ("peer closed connection", "broke the connection off"),
        ("something else entirely", "connection to the provider failed"),
    ),
)
def test_a_connection_that_failed_is_told_by_its_words(error: str, words: str) -> None:
    got = found(error=error)
    assert got.problem
    assert words in got.causes[0].what
    assert "lab.example" in got.causes[0].what
    assert error in got.causes[0].rests_on
    assert got.patch is None


def test_a_reply_that_breaks_off_is_a_cut() -> None:
    chunk = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":'
    body = chunk + b'{"role":"assistant","content":"Hel"}}]}\n\n'
    reply = Response(200, "", Headers((("content-type", "text/event-stream"),)), Body(body))
    got = found(stream=True, reply=reply, error="peer closed connection")
    assert got.problem
    assert "broke its reply off in the middle" in got.causes[0].what


CHUNK = (
    'data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,'
    '"delta":{{"role":"assistant","content":"Hel"}},"finish_reason":{}}}]}}\n\n'
)


@pytest.mark.parametrize(
    ("body", "causes"),
    (
        (CHUNK.format('"stop"') + "data: [DONE]\n\n", []),
        (CHUNK.format("null"), ["The client left before the reply was whole"]),
    ),
    ids=("whole", "not whole"),
)
def test_a_client_that_goes_is_not_the_providers_fault(body: str, causes: list[str]) -> None:
    """A client may close its connection at a stream's last event, before the provider's end is seen."""
    reply = Response(200, "", Headers((("content-type", "text/event-stream"),)), Body(body.encode()))
    got = found(stream=True, reply=reply, error="Client disconnected.")
    assert [cause.what for cause in got.causes if cause.where == "connection"] == causes
    assert got.problem is bool(causes)


@pytest.mark.parametrize(
    "message",
    (
        "Unsupported parameter: 'frobnicate'",
        "Unrecognized request argument supplied: frobnicate",
        "frobnicate: Extra inputs are not permitted",
        "property 'frobnicate' is unsupported",
        'Invalid JSON payload received. Unknown name "frobnicate": Cannot find field.',
        '[{"type": "extra_forbidden", "loc": ["body", "frobnicate"], "msg": "Extra inputs are not permitted"}]',
    ),
)
def test_a_parameter_that_no_quirk_knows_is_removed_by_an_edit(message: str) -> None:
    got = found(reply=said(400, message), more={"frobnicate": 1})
    assert any("/frobnicate" in cause.what for cause in got.causes)
    assert got.patch is not None
    assert "remove: [/frobnicate]" in got.patch.diff


GATE = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, etc."
LIMIT = "You have reached your usage limit for this billing cycle"


def at_kimi(message: str) -> Diagnosis:
    reply = said(403, message, type="access_terminated_error")
    return found(text="providers: {kimi-code: {key: client}}\ndefault: kimi-code\n", key=KIMI, reply=reply)


def test_the_gate_of_a_plan_is_told_by_its_symptom_and_rests_on_the_provider_s_own_words() -> None:
    first = at_kimi(GATE).causes[0]
    quirk = all_quirks()["ua-allowlist-kimi-coding"]
    assert (first.quirk, first.what) == (quirk.name, f"{quirk.symptom.rstrip('.')} (kimi-code)")
    assert first.rests_on == f"status 403: {GATE}"


@pytest.mark.parametrize("message", (LIMIT, "Access terminated"))
def test_another_refusal_of_that_plan_is_not_the_gate_and_our_remark_is_advice(message: str) -> None:
    got = at_kimi(message)
    first = next(cause for cause in got.causes if cause.where == "error")
    assert first.quirk != "ua-allowlist-kimi-coding"
    assert first.rests_on == f"status 403: {message}"
    assert "usage limit" in first.do
    assert not any("(Wiremend:" in cause.rests_on for cause in got.causes)


def test_an_empty_balance_as_a_429_is_told_as_one() -> None:
    words = "You exceeded your current quota, please check your account balance"
    got = found(text=f"mend: off\n{LAB}", reply=said(429, words, type="exceeded_current_quota_error"))
    assert got.summary == "a 429 that means an empty balance: asking again does not help"
    assert got.patch is not None
    assert "mend: auto" in got.patch.what


def test_what_no_request_can_do_without_is_never_removed() -> None:
    for name in ("messages", "model", "stream"):
        got = found(reply=said(400, f"Unsupported parameter: '{name}'"))
        assert got.patch is None or f"/{name}]" not in got.patch.diff


def test_a_parameter_in_a_list_is_meant_in_every_item() -> None:
    body = json.dumps({"tools": [{"a": 1, "x": 2}]}).encode()
    assert parameters("tools.0.custom.x: Extra inputs are not permitted", body) == ["/tools/*/x"]
    assert parameters("tools.0.custom.y: Extra inputs are not permitted", body) == []
    assert parameters("unknown field tools[0].x", body) == ["/tools/*/x"]


def test_a_name_that_no_route_takes_is_told_with_the_condition_that_failed() -> None:
    text = "routes:\n  - {name: ours, when: {model: lab-*, client: codex}, to: moonshot}\n"
    got = found(text=text, model="lab-large")
    assert got.problem
    assert got.causes[0].where == "routing"
    near = [cause.what for cause in got.causes if "'ours'" in cause.what]
    assert len(near) == 1
    assert "client asks for codex" in near[0]


def test_a_name_that_is_nearly_an_alias_becomes_one() -> None:
    got = found(text=LAB.replace("default: lab\n", "aliases: {lab-latest: lab/m2}\n"), model="lab-lates")
    assert got.patch is not None
    assert "+aliases: {lab-latest: lab/m2, lab-lates: lab/m2}\n" in got.patch.diff


def test_a_sound_exchange_has_nothing_wrong() -> None:
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    got = found(reply=json_reply(200, json.dumps(body)))
    assert (got.problem, got.causes, got.patch, got.tried) == (False, (), None, ())
    assert {one.outcome for one in got.verdicts} == {"accepts"}


def test_every_phrase_is_of_a_quirk_that_mends_requests() -> None:
    quirks = all_quirks()
    assert phrases().keys() <= {name for name, quirk in quirks.items() if quirk.request or quirk.target}


@given(st.binary(max_size=200), st.sampled_from((200, 400, 401, 404, 429, 500)), st.booleans())
def test_no_reply_makes_it_fall_and_no_key_is_shown(body: bytes, status: int, stream: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    key = PLAIN.encode()
    reply = Response(status, "", Headers((("content-type", "application/json"),)), Body(body + key + body))
    got = found(reply=reply, stream=stream)
    text = json.dumps(to_plain(got)) + "\n".join(map(plain, lines(got)))
    assert PLAIN not in text
