"""Thinking in each model's own dialect: refused without the quirk, accepted with it, and the rest byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quirks.fields_kit import draft_of, kinds, mended, scope, text
from tests.quirks.refusals_sampling import REFUSALS as SAMPLING
from tests.quirks.refusals_thinking import REFUSALS
from tests.quirks.refusals_tool_choice import REFUSALS as TOOL_CHOICE
from wiremend.headers import Headers
from wiremend.quirks import AUTO, all_quirks, chosen
from wiremend.quirks.base import Draft, Scope
from wiremend.quirks.memory import Memory

NONE = Headers()
LEVELS = (None, "none", "minimal", "low", "medium", "high", "xhigh", "max", "strange", 3)


@pytest.mark.parametrize(
    ("model", "before", "after", "kind"),
    (
        (
            "kimi-k2.6",
            b'{"thinking":{"type":"enabled"}, "reasoning_effort":"high"}',
            b'{ "reasoning_effort":"high"}',
            "mended",
        ),
        (
            "kimi-k2.6",
            b'{"thinking":{"type":"enabled","keep":"all"},"reasoning_effort":"high"}',
            b'{"reasoning_effort":"high"}',
            "lost",
        ),
        (
            "kimi-k2.6",
            b'{"thinking":{"type":"disabled"},"reasoning_effort":"high"}',
            b'{"thinking":{"type":"disabled"}}',
            "lost",
        ),
        (
            "kimi-k2.5",
            b'{"reasoning_effort":"none","thinking":{"type":"disabled"}}',
            b'{"thinking":{"type":"disabled"}}',
            "mended",
        ),
        # K3 thinks whatever it is told, so the switch has no meaning there
        ("k3", b'{"thinking":{"type":"disabled"},"reasoning_effort":"low"}', b'{"reasoning_effort":"low"}', "lost"),
    ),
)
def test_thinking_or_effort(model: str, before: bytes, after: bytes, kind: str) -> None:
    name = "thinking-xor-effort"
    assert REFUSALS[name](json.loads(before), NONE) is not None
    assert REFUSALS[name](json.loads(after), NONE) is None
    assert mended(name, before, model=model) == after
    assert kinds(name, before, model=model) == {kind}


@pytest.mark.parametrize("body", (b'{"thinking":null,"reasoning_effort":"high"}', b'{"thinking":{"type":"enabled"}}'))
def test_one_of_them_alone_stays(body: bytes) -> None:
    assert mended("thinking-xor-effort", body, model="kimi-k2.6") is body


@pytest.mark.parametrize(
    ("model", "host", "before", "after", "kind"),
    (
        ("glm-4.7", "api.z.ai", b'{"reasoning_effort":"high"}', b'{"thinking":{"type":"enabled"}}', "lost"),
        ("glm-4.7", "api.z.ai", b'{"reasoning_effort":"none"}', b'{"thinking":{"type":"disabled"}}', "mended"),
        ("glm-4.7", "api.z.ai", b'{"enable_thinking":false}', b'{"thinking":{"type":"disabled"}}', "mended"),
        (
            "glm-4.7",
            "api.z.ai",
            b'{"thinking":{"type":"enabled"},"enable_thinking":false}',
            b'{"thinking":{"type":"enabled"}}',
            "lost",
        ),
        (
            "deepseek-v4-flash",
            "api.deepseek.com",
            b'{"chat_template_kwargs":{"thinking":true,"x":1}, "reasoning_effort":"high"}',
            b'{"chat_template_kwargs":{"x":1}, "reasoning_effort":"high","thinking":{"type":"enabled"}}',
            "mended",
        ),
        (
            "kimi-k2.6",
            "api.moonshot.ai",
            b'{"chat_template_kwargs":{"thinking":false}}',
            b'{"thinking":{"type":"disabled"}}',
            "mended",
        ),
        # not both: the effort has said it already
        (
            "kimi-k2.6",
            "api.moonshot.ai",
            b'{"enable_thinking":true,"reasoning_effort":"high"}',
            b'{"reasoning_effort":"high"}',
            "mended",
        ),
        (
            "qwen3-32b",
            "dashscope.aliyuncs.com",
            b'{"thinking":{"type":"enabled","budget_tokens":9}}',
            b'{"enable_thinking":true}',
            "lost",
        ),
        ("qwen3-32b", "dashscope.aliyuncs.com", b'{"reasoning_effort":"low"}', b'{"enable_thinking":true}', "lost"),
        ("qwen3-32b", "relay.example", b'{"thinking":{"type":"disabled"}}', b'{"enable_thinking":false}', "mended"),
        (
            "glm-4.7",
            "dashscope.aliyuncs.com",
            b'{"thinking":{"type":"disabled"}}',
            b'{"enable_thinking":false}',
            "mended",
        ),
        ("grok-4-1-fast", "api.x.ai", b'{"reasoning_effort":"high"}', b"{}", "lost"),
        ("grok-4-1-fast", "api.x.ai", b'{"reasoning_effort":"none"}', b"{}", "mended"),
        ("minimax-m3", "api.minimax.io", b'{"reasoning_split":true}', b"{}", "lost"),
    ),
)
def test_each_model_hears_its_own_dialect(model: str, host: str, before: bytes, after: bytes, kind: str) -> None:
    name, headers = "thinking-dialect", Headers((("host", host),))
    assert REFUSALS[name]({"model": model, **json.loads(before)}, headers) is not None
    assert REFUSALS[name]({"model": model, **json.loads(after)}, headers) is None
    left = mended(name, before, model=model, host=host)
    assert json.loads(left) == json.loads(after)
    assert kind in kinds(name, before, model=model, host=host)
    assert kind == "lost" or kinds(name, before, model=model, host=host) == {"mended"}


def test_gemma_has_no_thinking_config() -> None:
    body = b'{"extra_body":{"google":{"thinking_config":{"include_thoughts":true},"x":1}},"model":"gemma-3-27b-it"}'
    left = mended("thinking-dialect", body, model="gemma-3-27b-it")
    assert json.loads(left) == {"extra_body": {"google": {"x": 1}}, "model": "gemma-3-27b-it"}
    assert mended("thinking-dialect", body, model="gemini-3-pro") is body


@pytest.mark.parametrize(
    ("model", "body"),
    (
        ("glm-5.2", b'{"reasoning_effort":"max","thinking":{"type":"enabled"}}'),
        ("kimi-k2.6", b'{"thinking":{"type":"enabled","keep":"all"}}'),
        ("deepseek-v4-pro", b'{"thinking":{"type":"enabled"},"reasoning_effort":"high"}'),
        ("qwen3-32b", b'{"enable_thinking":true,"thinking_budget":100}'),
        ("grok-3-mini", b'{"reasoning_effort":"high"}'),
        ("some-model", b'{"reasoning_effort":"high","thinking":{},"enable_thinking":true}'),
    ),
)
def test_who_speaks_the_dialect_is_left_alone(model: str, body: bytes) -> None:
    assert mended("thinking-dialect", body, model=model) is body


@pytest.mark.parametrize(
    ("model", "levels"),
    (
        # none, minimal, low, medium, high, xhigh, max: what is sent for each; "-" is nothing at all
        ("kimi-k3", "low low low high high - max"),
        ("k3", "low low low high high - max"),
        ("glm-5.2", "- high high high high max max"),
        ("glm-5.3", "low low low high high max max"),
        ("grok-4.6", "low low low medium high xhigh xhigh"),
        ("grok-4.3", "none low low medium high high high"),
        ("grok-3-mini", "low low low medium high high high"),
        ("gpt-5.6", "none low low medium high xhigh max"),
        ("gpt-5.1", "none minimal low medium high xhigh max"),
    ),
)
def test_an_effort_becomes_a_level_of_the_model(model: str, levels: str) -> None:
    name = "effort-enum"
    for asked, sent in zip(LEVELS[1:8], levels.split(), strict=True):
        body = {"model": model, "reasoning_effort": asked}
        left = json.loads(mended(name, text(body), model=model))
        assert left.get("reasoning_effort", "-") == sent, asked
        assert REFUSALS[name](left, NONE) is None
        whole = {"model": model, "input": [], "reasoning": {"effort": asked, "summary": "auto"}}
        left = json.loads(mended(name, text(whole), model=model, wire="responses"))
        assert left["reasoning"] == ({"summary": "auto"} if sent == "-" else {"effort": sent, "summary": "auto"})
        assert REFUSALS[name](left, NONE) is None


@pytest.mark.parametrize(
    ("model", "asked", "kind"),
    (("k3", "xhigh", "lost"), ("k3", "none", "lost"), ("glm-5.2", "none", "mended"), ("glm-5.2", "low", "lost")),
)
def test_a_level_that_is_not_sent_as_it_was_asked_is_a_loss(model: str, asked: str, kind: str) -> None:
    assert kinds("effort-enum", text({"reasoning_effort": asked}), model=model) == {kind}


def test_none_turns_glm_off_unless_it_is_told_otherwise() -> None:
    assert mended("effort-enum", b'{"reasoning_effort":"none"}', model="glm-5.2") == b'{"thinking":{"type":"disabled"}}'
    body = b'{"thinking":{"type":"enabled"},"reasoning_effort":"none"}'
    assert mended("effort-enum", body, model="glm-5.2") == b'{"thinking":{"type":"enabled"}}'


@pytest.mark.parametrize("model", ("kimi-k3", "glm-5.2", "glm-5.3", "grok-4.6", "grok-4.3", "grok-3-mini", "gpt-5.6"))
@given(level=st.sampled_from(LEVELS) | st.text(max_size=4))
def test_a_level_that_is_taken_stays(model: str, level: object) -> None:
    body = text({"model": model, "reasoning_effort": level})
    if REFUSALS["effort-enum"](json.loads(body), NONE) is None:
        assert mended("effort-enum", body, model=model) is body


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    (
        (b'{"stream":false, "n":1}', b'{"stream":false, "n":1,"enable_thinking":false}', "mended"),
        (b'{"n":1}', b'{"n":1,"enable_thinking":false}', "mended"),
        (b'{"enable_thinking":true}', b'{"enable_thinking":false}', "lost"),
    ),
)
def test_qwen_thinks_in_streams_only(before: bytes, after: bytes, kind: str) -> None:
    name = "thinking-needs-stream"
    assert REFUSALS[name](json.loads(before), NONE) is not None
    assert REFUSALS[name](json.loads(after), NONE) is None
    assert mended(name, before, model="qwen3-32b") == after
    assert kinds(name, before, model="qwen3-32b") == {kind}


def test_a_stream_and_a_model_that_must_think_are_left_alone() -> None:
    stream, other = b'{"stream":true}', b'{"stream":false}'
    assert mended("thinking-needs-stream", stream, model="qwen3-32b") is stream
    assert mended("thinking-needs-stream", other, model="qwen3-235b-a22b-thinking-2507") is other


@pytest.mark.parametrize(
    ("before", "after"),
    (
        (
            b'{"max_tokens":64000,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"x":1.0}',
            b'{"max_tokens":64000,"thinking":{"type":"enabled","budget_tokens":16000},"x":1.0}',
        ),
        (
            b'{"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"low"},"max_tokens":32000}',
            b'{"thinking":{"type":"enabled","budget_tokens":4000},"max_tokens":32000}',
        ),
        (
            b'{"thinking":{"type":"adaptive"},"output_config":{"effort":"max"},"max_tokens":8000}',
            b'{"thinking":{"type":"enabled","budget_tokens":7999},"max_tokens":8000}',
        ),
        (b'{"thinking":{"type":"adaptive"},"max_tokens":1024}', b'{"thinking":{"type":"disabled"},"max_tokens":1024}'),
        (
            b'{"thinking":{"type":"adaptive"},"max_tokens":1025}',
            b'{"thinking":{"type":"enabled","budget_tokens":1024},"max_tokens":1025}',
        ),
    ),
)
def test_adaptive_thinking_gets_a_budget(before: bytes, after: bytes) -> None:
    name = "thinking-adaptive"
    assert REFUSALS[name](json.loads(before), NONE) is not None
    assert REFUSALS[name](json.loads(after), NONE) is None
    assert mended(name, before) == after


def test_what_else_is_configured_is_lost_with_the_effort() -> None:
    body = b'{"thinking":{"type":"adaptive"},"output_config":{"effort":"high","format":{}}}'
    assert kinds("thinking-adaptive", body) == {"mended", "lost"}
    for config in (b'{"effort":"high"}', b"{}", b"null"):
        body = b'{"thinking":{"type":"adaptive"},"output_config":' + config + b"}"
        assert kinds("thinking-adaptive", body) == {"mended"}


@given(limit=st.integers(-5, 200_000), effort=st.sampled_from(LEVELS))
def test_a_budget_is_always_legal(limit: int, effort: object) -> None:
    body = {"max_tokens": limit, "thinking": {"type": "adaptive"}, "output_config": {"effort": effort}}
    left = json.loads(mended("thinking-adaptive", text(body)))
    assert REFUSALS["thinking-adaptive"](left, NONE) is None


@pytest.mark.parametrize("body", (b'{"thinking":{"type":"enabled","budget_tokens":9}}', b'{"output_config":{}}'))
def test_the_older_schema_is_left_alone(body: bytes) -> None:
    assert mended("thinking-adaptive", body) is body


anything_about_thinking: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "thinking": st.sampled_from(
            [None, {"type": "enabled"}, {"type": "disabled"}, {"type": "enabled", "keep": "all"}]
        ),
        "reasoning_effort": st.sampled_from(LEVELS[:-1]),
        "enable_thinking": st.booleans(),
        "chat_template_kwargs": st.sampled_from([{}, {"thinking": True}, {"enable_thinking": False, "x": 1}]),
        "temperature": st.sampled_from([0, 0.6, 1]),
        "top_p": st.sampled_from([0.95, 1]),
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "function": {"name": "f"}}]),
        "stream": st.booleans(),
    },
)


@pytest.mark.parametrize(
    ("model", "host"),
    (
        ("kimi-k2.5", "api.moonshot.ai"),
        ("kimi-k2.6", "api.moonshot.cn"),
        ("kimi-k2.7-code", "api.moonshot.ai"),
        ("kimi-k3", "api.moonshot.ai"),
        ("k3", "api.kimi.com"),
        ("kimi-for-coding", "api.kimi.com"),
        ("deepseek-v4-flash", "api.deepseek.com"),
        ("qwen3-32b", "dashscope.aliyuncs.com"),
        ("qwen3.5-plus", "dashscope-intl.aliyuncs.com"),
        ("glm-4.7", "api.z.ai"),
        ("glm-5.2", "api.z.ai"),
    ),
)
@given(asked=anything_about_thinking)
def test_all_that_is_on_together_is_accepted(model: str, host: str, asked: dict[str, object]) -> None:
    """Each quirk sees what those before it did; in the end no refusal is left, whatever was asked."""
    body = {"model": model, "messages": [], **asked}
    where = Scope(wire="chat", model=model, host=host, port=443)
    draft = Draft(where, NONE, text(body), Memory())
    on = [quirk.name for quirk in chosen(AUTO, where)]
    for name in on:
        mend = all_quirks()[name].request
        assert mend is None or draft.run(name, mend) is None
    left = json.loads(draft.body())
    host_header = Headers((("host", host),))
    for name, refuses in (REFUSALS | SAMPLING | TOOL_CHOICE).items():
        if name in on:
            assert refuses(left, host_header) is None, name


def test_an_entry_by_name_works_for_any_model() -> None:
    draft = draft_of(
        "thinking-xor-effort", b'{"thinking":{"type":"enabled"},"reasoning_effort":"low"}', scope("thinking-xor-effort")
    )
    assert draft.body() == b'{"reasoning_effort":"low"}'
