"""Kimi's fixed sampling: what is not the one legal value goes, and what is may stay."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.fields_kit import kinds, mended, quirk_of, text
from tests.quirks.refusals_sampling import REFUSALS
from wiremend.headers import Headers
from wiremend.quirks import AUTO, chosen
from wiremend.quirks.base import Scope

NAME = "kimi-temperature-fixed"
REFUSES = REFUSALS[NAME]
NONE = Headers()

K2 = ("kimi-k2.5", "kimi-k2.6", "kimi-for-coding")
K3 = ("k3", "k3-256k", "kimi-k3", "kimi-k2.7-code", "kimi-k2.7-code-highspeed")

sampling: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([None, 0, 0.1, 0.6, 1, 1.0, 2, True, "1", []]),
        "top_p": st.sampled_from([None, 0.95, 1, 0.9, True]),
        "n": st.sampled_from([None, 1, 2, True]),
        "presence_penalty": st.sampled_from([None, 0, 0.0, 0.5, False]),
        "frequency_penalty": st.sampled_from([None, 0, -1]),
        "thinking": st.sampled_from([None, {"type": "enabled"}, {"type": "disabled"}, {"type": 1}, {}, "disabled", []]),
        "reasoning_effort": st.sampled_from([None, "high", "none"]),
        "enable_thinking": st.booleans(),
        "seed": st.just(7),
    },
)


@pytest.mark.parametrize("model", (*K2, *K3))
@given(asked=sampling)
def test_whatever_is_asked_is_accepted_then(model: str, asked: dict[str, object]) -> None:
    body = {"model": model, **asked}
    left = json.loads(mended(NAME, text(body), model=model))
    assert REFUSES(left, NONE) is None
    others = {"model", "thinking", "reasoning_effort", "enable_thinking", "seed"}
    assert {key: left.get(key) for key in others} == {key: body.get(key) for key in others}


@pytest.mark.parametrize("model", K2)
@given(asked=sampling)
def test_what_is_legal_in_a_mode_that_is_clear_stays(model: str, asked: dict[str, object]) -> None:
    asked = {key: value for key, value in asked.items() if key not in ("reasoning_effort", "enable_thinking")}
    body = text({"model": model, **asked})
    if REFUSES(json.loads(body), NONE) is None:
        assert mended(NAME, body, model=model) is body


@pytest.mark.parametrize(
    ("before", "after"),
    (
        (b'{"temperature":0.1,"top_p":1, "max_tokens":5}', b'{ "max_tokens":5}'),
        (b'{"temperature":1,"top_p":0.95,"n":1}', b'{"temperature":1,"top_p":0.95,"n":1}'),
        (b'{"thinking":{"type":"disabled"},"temperature":1}', b'{"thinking":{"type":"disabled"}}'),
        (
            b'{"thinking":{"type":"disabled"},"temperature":0.6}',
            b'{"thinking":{"type":"disabled"},"temperature":0.6}',
        ),
        # a switch of another server's may or may not be heeded, so no temperature is certain to be legal
        (b'{"enable_thinking":false,"temperature":1}', b'{"enable_thinking":false}'),
        (b'{"reasoning_effort":"none","temperature":0.6}', b'{"reasoning_effort":"none"}'),
    ),
)
def test_the_modes_of_k2(before: bytes, after: bytes) -> None:
    assert mended(NAME, before, model="kimi-k2.6") == after


@pytest.mark.parametrize("model", K3)
def test_k3_and_k2_7_are_asked_for_nothing(model: str) -> None:
    body = b'{"temperature":1,"top_p":0.95,"n":1,"presence_penalty":0,"frequency_penalty":0,"stop":"x"}'
    assert mended(NAME, body, model=model) == b'{"stop":"x"}'
    assert kinds(NAME, body, model=model) == {"mended"}  # the server does the same without being asked


def test_another_value_is_a_loss() -> None:
    assert kinds(NAME, b'{"temperature":0.1}', model="kimi-k2.5") == {"lost"}


@pytest.mark.parametrize(
    ("model", "host", "on"),
    (
        ("kimi-k2.6", "api.moonshot.ai", True),
        ("kimi-for-coding", "api.kimi.com", True),
        ("k3", "api.kimi.com", True),
        ("kimi-k2-0905-preview", "api.moonshot.ai", False),
        ("moonshot-v1-8k", "api.moonshot.cn", False),
        ("kimi-k2.6", "llm.example", False),
    ),
)
def test_only_these_models_at_their_vendor_have_it(model: str, host: str, *, on: bool) -> None:
    names = [quirk.name for quirk in chosen(AUTO, Scope(wire="chat", model=model, host=host))]
    assert (NAME in names) is on


def test_the_scale_of_moonshot_is_told_only() -> None:
    assert not quirk_of("moonshot-temp-scale").works
