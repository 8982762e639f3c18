"""Service tiers that are not OpenAI's, and the entries that are only told."""

from __future__ import annotations

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion
from pydantic import ValidationError

from tests.quirks.kit_streams import WIRED, quirk, replied

NAME = "service-tier-literal"
BODY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
}


@pytest.mark.parametrize("tier", ("on_demand", "standard", "", 7))
def test_a_tier_of_the_hosts_own_goes(tier: object) -> None:
    with pytest.raises(ValidationError):
        ChatCompletion.model_validate({**BODY, "service_tier": tier})
    mended, notes = replied(NAME, {**BODY, "service_tier": tier})
    assert mended == BODY
    assert [where for where, _ in notes] == ["/service_tier"]
    ChatCompletion.model_validate(mended)


@pytest.mark.parametrize("tier", ("auto", "default", "flex", "scale", "priority", None))
def test_openais_tiers_stay(tier: object) -> None:
    body = {**BODY, "service_tier": tier}
    ChatCompletion.model_validate(body)
    assert replied(NAME, body) == (body, [])


@given(WIRED)
def test_nothing_raises(tier: object) -> None:
    replied(NAME, {"service_tier": tier})


@pytest.mark.parametrize(
    ("name", "kind"),
    (
        ("groq-tool-use-failed", "explained"),
        ("idle-timeout", "always"),  # what is sent is pipeline/alive.py's
    ),
)
def test_what_only_has_a_row_here_does_nothing(name: str, kind: str) -> None:
    assert quirk(name).kind == kind
    assert not quirk(name).works
