"""Thinking and sampling, written for the models of the messages wire.

The generations are those of the vendor's pages: extended thinking up to 4.5, both ways on 4.6, adaptive alone from 4.7.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.protocols.messages.request_kit import KIMI, MIDDLE, NEW, OLD, chat, told, write
from wiremend.message import (
    ChatRequest,
    FunctionTool,
    Message,
    Reasoning,
    Redacted,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from wiremend.protocols.codec import Recipient, Written
from wiremend.protocols.messages.request_thinking import claude_of

HI: Final = Message("user", (Text("hi"),))
ADAPTIVE: Final = {"type": "adaptive"}
OFF: Final = {"type": "disabled"}


def budget(tokens: int, **more: object) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens, **more}


def said(written: Written) -> tuple[Any, Any]:
    config = written.document.get("output_config", {})
    return written.document.get("thinking"), config.get("effort")


@pytest.mark.parametrize(
    ("model", "version"),
    (
        ("claude-opus-4-6", (4, 6)),
        ("claude-opus-4-5-20251101", (4, 5)),
        ("claude-sonnet-4-20250514", (4, 0)),
        ("claude-3-7-sonnet-20250219", (3, 7)),
        ("claude-fable-5-2", (5, 2)),
        ("Claude-Sonnet-5", (5, 0)),
        ("anthropic/claude-opus-4.8", (4, 8)),
        ("anthropic/claude-4.7-opus", (4, 7)),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", (4, 5)),
        ("claude-haiku-4-5@20251001", (4, 5)),
        ("claude-mythos-preview", (99, 0)),
        ("claude-opus-latest", (99, 0)),
        ("kimi-for-coding", None),
        ("opus-4-6-mini", None),
    ),
)
def test_which_claude_a_name_means(model: str, version: tuple[int, int] | None) -> None:
    assert claude_of(model) == version


WAYS: Final[tuple[tuple[Recipient, Reasoning, Any, str | None, list[tuple[str, str]]], ...]] = (
    # who        what was asked                      thinking                effort    losses
    (NEW, Reasoning("adaptive", "high"), ADAPTIVE, "high", []),
    (NEW, Reasoning(None, "high"), ADAPTIVE, "high", []),
    (NEW, Reasoning(None, "xhigh"), ADAPTIVE, "xhigh", []),
    (MIDDLE, Reasoning(None, "xhigh"), ADAPTIVE, "high", [("approximated", "reasoning/effort")]),
    (NEW, Reasoning(None, "minimal"), ADAPTIVE, "low", [("approximated", "reasoning/effort")]),
    (NEW, Reasoning("adaptive"), ADAPTIVE, None, []),
    (NEW, Reasoning("on"), ADAPTIVE, None, [("approximated", "reasoning/mode")]),
    (NEW, Reasoning("on", budget=10_000), ADAPTIVE, "medium", [("approximated", "reasoning")]),
    (NEW, Reasoning("on", budget=500_000), ADAPTIVE, "max", [("approximated", "reasoning")]),
    (NEW, Reasoning("off"), OFF, None, []),
    (NEW, Reasoning(None, "none"), OFF, None, []),
    (NEW, Reasoning("off", "low"), OFF, "low", []),
    (
        NEW,
        Reasoning(None, "low", None, "auto"),
        ADAPTIVE | {"display": "summarized"},
        "low",
        [("approximated", "reasoning/summary")],
    ),
    (NEW, Reasoning("adaptive", None, None, "omitted"), ADAPTIVE | {"display": "omitted"}, None, []),
    (NEW, Reasoning(summary="auto"), None, None, [("lost", "reasoning/summary")]),
    (OLD, Reasoning("on", budget=5_000), budget(5_000), None, []),
    (OLD, Reasoning("on", budget=5_000, summary="omitted"), budget(5_000, display="omitted"), None, []),
    (OLD, Reasoning("on", budget=100), budget(1_024), None, [("approximated", "reasoning/budget")]),
    (OLD, Reasoning("on", budget=90_000), budget(49_999), None, [("approximated", "reasoning/budget")]),
    (OLD, Reasoning(None, "low"), budget(4_000), None, [("approximated", "reasoning")]),
    (OLD, Reasoning(None, "high"), budget(31_999), None, [("approximated", "reasoning")]),
    (OLD, Reasoning(None, "max"), budget(49_999), None, [("approximated", "reasoning")]),
    (OLD, Reasoning("adaptive"), budget(10_000), None, [("approximated", "reasoning")]),
    (OLD, Reasoning("on"), budget(10_000), None, [("approximated", "reasoning/budget")]),
    (OLD, Reasoning(None, "none"), OFF, None, []),
    (OLD, Reasoning("on", budget=0), OFF, None, [("approximated", "reasoning")]),
    (OLD, Reasoning("off", "low"), OFF, None, [("lost", "reasoning/effort")]),
    (KIMI, Reasoning(None, "medium"), budget(10_000), None, [("approximated", "reasoning")]),
    (KIMI, Reasoning("off"), OFF, None, []),
)


@pytest.mark.parametrize(("to", "asked", "thinking", "effort", "losses"), WAYS)
def test_how_much_is_thought(
    to: Recipient, asked: Reasoning, thinking: object, effort: str | None, losses: list[tuple[str, str]]
) -> None:
    written = write(chat(HI, reasoning=asked), to)
    assert said(written) == (thinking, effort)
    assert told(written.losses) == [(kind, path, "thinking") for kind, path in losses]


def test_an_answer_too_short_to_think_about() -> None:
    """A budget is at least 1,024 tokens, and less than the answer may have."""
    for asked in (Reasoning(None, "low"), Reasoning("on", budget=2_000)):
        written = write(chat(HI, reasoning=asked, max_tokens=1_024))
        assert said(written) == (None, None)
        assert told(written.losses)[0][0] == "lost"
    assert said(write(chat(HI, reasoning=asked, max_tokens=1_025))) == (budget(1_024), None)


# --- what does not go with it -----------------------------------------------------------------------------------------


def sampled(request: ChatRequest, to: Recipient) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    written = write(request, to)
    names = ("temperature", "top_p", "top_k")
    found = {name: written.document[name] for name in names if name in written.document}
    return found, [loss for loss in told(written.losses) if loss[1] in names]


def test_sampling_by_model() -> None:
    request = chat(HI, temperature=0.5, top_p=0.9, top_k=5)
    assert sampled(request, KIMI) == ({"temperature": 0.5, "top_p": 0.9, "top_k": 5}, [])
    assert sampled(request, Recipient("claude-opus-4-20250514")) == ({"temperature": 0.5, "top_p": 0.9, "top_k": 5}, [])
    assert sampled(request, OLD) == ({"temperature": 0.5, "top_k": 5}, [("lost", "top_p", "top_p")])
    assert sampled(request, MIDDLE) == ({"temperature": 0.5, "top_k": 5}, [("lost", "top_p", "top_p")])
    assert sampled(request, NEW) == ({}, [("lost", name, name) for name in ("temperature", "top_p", "top_k")])


def test_a_temperature_goes_to_one() -> None:
    assert sampled(chat(HI, temperature=1.5), KIMI) == (
        {"temperature": 1},
        [("approximated", "temperature", "temperature")],
    )
    assert sampled(chat(HI, temperature=0), KIMI) == ({"temperature": 0}, [])


def test_sampling_while_the_model_thinks() -> None:
    thinks = Reasoning("on", budget=2_000)
    assert sampled(chat(HI, reasoning=thinks, temperature=1, top_p=0.95), KIMI) == (
        {"temperature": 1, "top_p": 0.95},
        [],
    )
    assert sampled(chat(HI, reasoning=thinks, temperature=0.5, top_p=0.9, top_k=5), KIMI) == (
        {},
        [("lost", name, name) for name in ("temperature", "top_p", "top_k")],
    )
    assert sampled(chat(HI, reasoning=Reasoning("off"), temperature=0.5), OLD) == ({"temperature": 0.5}, [])


@pytest.mark.parametrize("choice", (ToolChoice("any"), ToolChoice("tool", "f")))
def test_no_call_is_forced_while_the_model_thinks(choice: ToolChoice) -> None:
    tools = (FunctionTool("f"),)
    for to in (OLD, NEW):
        request = chat(HI, tools=tools, tool_choice=choice, parallel=False, reasoning=Reasoning("adaptive", "low"))
        written = write(request, to)
        assert written.document["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
        assert ("lost", "tool_choice", "tool_choice") in told(written.losses)
    off = write(chat(HI, tools=tools, tool_choice=choice, reasoning=Reasoning("off")))
    assert (off.document["tool_choice"]["type"], off.losses) == (choice.kind, ())


def turn(*thoughts: Thinking | Redacted) -> tuple[Message, ...]:
    return (
        HI,
        Message("assistant", (*thoughts, ToolUse("a", "f", "{}"))),
        Message("user", (ToolResult("a", (Text("1"),)),)),
    )


def test_a_turn_that_began_without_signed_reasoning_goes_on_without() -> None:
    """400 "Expected `thinking` or `redacted_thinking`, but found `tool_use`" of the models that think by a budget."""
    asked = Reasoning("on", budget=2_000)
    for thoughts in ((), (Thinking("hm"),), (Thinking("hm", encrypted="gAAAAAx"),)):
        written = write(chat(*turn(*thoughts), reasoning=asked, temperature=0.5), OLD)
        assert said(written) == (None, None)
        assert told(written.losses)[-1] == ("lost", "reasoning", "thinking")
        assert written.document["temperature"] == 0.5
    for kept in (Thinking("hm", "c2ln"), Redacted("RXE=")):
        assert said(write(chat(*turn(kept), reasoning=asked), OLD)) == (budget(2_000), None)
    assert said(write(chat(*turn(), reasoning=Reasoning("adaptive")), NEW)) == (ADAPTIVE, None)
    assert said(write(chat(*turn(), reasoning=asked), KIMI)) == (budget(2_000), None)
