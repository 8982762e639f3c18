"""All quirks of a provider at once, as requests meet them: none fails, JSON leaves, and a second time nothing changes.

Hypothesis' own bodies are too thin to meet many quirks at once, so a seed of its choice makes a thick one.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.quirks import AUTO, Setting, all_quirks, chosen, may_be_named
from wiremend.quirks.base import Draft, Scope
from wiremend.quirks.memory import Memory
from wiremend.quirks.presets import HOSTS, PORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.quirks.base import WireName

WIRES: tuple[WireName, ...] = ("messages", "chat", "responses")
MODELS = (
    "kimi-k2.6",
    "kimi-k3",
    "deepseek-v4-pro",
    "deepseek-reasoner",
    "glm-5.2",
    "qwen3.5-plus",
    "gemini-3-pro",
    "grok-5",
)
CLIENTS = ("codex", "claude-code", "opencode", "pi", None)
IDS = ("call_1", "list_dir:0", "call_1|fc_2", "", "toolu_9", "a" * 70)
JUNK: tuple[Any, ...] = (None, True, 0, 1.5, "", "x", "\ud83d", [], {}, [[]], {"*": {}})

NAMEABLE = tuple(name for name, quirk in all_quirks().items() if may_be_named(quirk) and quirk.request is not None)


class Maker:
    """Makes bodies: what a wire's requests hold, in any mixture, and now and then something that they never hold."""

    def __init__(self, seed: int) -> None:
        """Make the bodies of one seed."""
        self.random = random.Random(seed)  # noqa: S311 - a test's bodies are no secret
        self.pick = self.random.choice

    def some(self, **members: Callable[[], Any]) -> dict[str, Any]:
        names = [name for name in members if self.random.random() < 0.6]
        return {name: self.pick(JUNK) if self.random.random() < 0.04 else members[name]() for name in names}

    def many(self, make: Callable[[], Any], most: int = 4) -> list[Any]:
        return [make() for _ in range(self.random.randint(0, most))]

    def one(self, *values: Any) -> Callable[[], Any]:  # noqa: ANN401 - any JSON
        return lambda: self.pick(values)

    def flag(self) -> bool:
        return self.pick((True, False))

    def schema(self, depth: int = 3) -> Any:  # noqa: ANN401 - any JSON
        def inner() -> Any:  # noqa: ANN401 - any JSON
            return self.schema(depth - 1) if depth else self.pick(JUNK)

        return self.some(
            type=self.one("object", "string", "array", ["string", "null"], "null"),
            properties=lambda: {self.pick(("a", "b", "*", "c/d")): inner() for _ in range(2)},
            required=self.one([], ["a"], ["zz"]),
            anyOf=lambda: self.many(inner, 3),
            oneOf=lambda: self.many(inner, 3),
            items=lambda: inner() if self.pick((True, False)) else self.many(inner, 2),
            enum=self.one(["a"], ["a/b", "c"], [1, None], []),
            additionalProperties=self.flag,
            default=self.one(None, 1),
            **{
                "$ref": self.one("#/$defs/F"),
                "$schema": self.one("https://json-schema.org"),
                "const": self.one("x", 1),
            },
        )

    def part(self) -> dict[str, Any]:
        kinds = ("text", "thinking", "tool_use", "tool_result", "image", "image_url", "input_text", "redacted_thinking")
        return self.some(
            type=self.one(*kinds),
            text=self.one("", "hi", " ", "half \ud83d"),
            thinking=self.one("hm", ""),
            signature=self.one("", "sig"),
            id=self.one(*IDS),
            tool_use_id=self.one(*IDS),
            name=self.one("f"),
            input=self.one({}, {"a": 1}),
            content=self.one("done", "", [{"type": "text", "text": "x"}, {"type": "image", "source": {}}]),
            image_url=self.one({"url": "data:image/png;base64,AA=="}),
            cache_control=self.one({"type": "ephemeral"}),
        )

    def call(self) -> dict[str, Any]:
        return self.some(
            id=self.one(*IDS),
            type=self.one("function"),
            function=lambda: self.some(name=self.one("f"), arguments=self.one("", "{}", "{", '{"a":1}')),
            extra_content=self.one({"google": {"thought_signature": "sig"}}),
        )

    def message(self) -> dict[str, Any]:
        return self.some(
            role=self.one("system", "developer", "user", "assistant", "tool", "function"),
            content=lambda: self.pick(("", "hi", None)) if self.pick((True, False)) else self.many(self.part, 3),
            reasoning_content=self.one("because", "", "\n"),
            reasoning=self.one("because"),
            tool_calls=lambda: self.many(self.call, 2) or None,
            tool_call_id=self.one(*IDS),
            name=self.one("", "f"),
            timestamp=self.one(1),
        )

    def tool(self) -> dict[str, Any]:
        return self.some(
            type=self.one("function", "custom", "namespace", "web_search"),
            name=self.one("f", "g"),
            function=lambda: self.some(name=self.one("f"), parameters=self.schema, strict=self.flag),
            parameters=self.schema,
            input_schema=self.schema,
            tools=lambda: self.many(lambda: self.some(type=self.one("function"), name=self.one("g")), 2),
            eager_input_streaming=self.flag,
            input_examples=self.one([]),
            defer_loading=self.flag,
            strict=self.flag,
        )

    def item(self) -> dict[str, Any]:
        kinds = ("message", "function_call", "function_call_output", "reasoning", "custom_tool_call")
        return self.some(
            type=self.one(*kinds),
            id=self.one("", "fc_1"),
            role=self.one("user", "assistant", "developer"),
            content=lambda: self.many(self.part, 2),
            call_id=self.one(*IDS),
            name=self.one("f"),
            arguments=self.one("{}", ""),
            output=self.one("x", [{"type": "input_text", "text": "x"}]),
            status=self.one("completed"),
            encrypted_content=self.one("gAAA"),
        )

    def body(self, wire: WireName) -> dict[str, Any]:
        effort = ("high", "xhigh", "none", "minimal", "max")
        by_wire: dict[str, Callable[[], Any]] = {
            "messages": lambda: self.many(self.message, 6),
            "input": lambda: "hi" if self.random.random() < 0.2 else self.many(self.item, 5),
            "system": lambda: self.many(self.part, 2),
            "max_tokens": self.one(5),
            "max_completion_tokens": self.one(5),
            "max_output_tokens": self.one(5),
        }
        wrong = ("input", "max_output_tokens") if wire != "responses" else ("messages", "system", "max_tokens")
        return self.some(
            **{name: make for name, make in by_wire.items() if name not in wrong},
            tools=lambda: self.many(self.tool, 3),
            tool_choice=self.one("auto", "required", "none", {"type": "function", "function": {"name": "f"}}),
            stream=self.flag,
            temperature=self.one(0, 0.6, 1),
            top_p=self.one(1, 0.95),
            store=self.flag,
            thinking=self.one({"type": "enabled"}, {"type": "adaptive"}, {"type": "disabled"}),
            enable_thinking=self.flag,
            reasoning_effort=self.one(*effort),
            reasoning=lambda: self.some(effort=self.one(*effort)),
            output_config=lambda: self.some(effort=self.one(*effort)),
            context_management=self.one({"edits": []}),
            parallel_tool_calls=self.flag,
            stream_options=self.one({"include_usage": True}),
            service_tier=self.one("auto"),
            metadata=self.one({}, {"user_id": "u"}),
        )


def mended(body: bytes, scope: Scope, setting: Setting) -> tuple[bytes, list[str]]:
    """Mend a body as the pipeline does, and name the quirks that changed it."""
    draft = Draft(scope, Headers((("anthropic-beta", "a, context-management-2025-06-27"),)), body, Memory())
    mends = [
        (quirk.name, quirk.request)
        for quirk in chosen(setting, scope)
        if quirk.request is not None and (not quirk.needles or any(needle in body for needle in quirk.needles))
    ]
    assert draft.run_all(mends) == {}, body
    return draft.body(), [note.short for note in draft.notes if not note.where.startswith("header:")]


def host_of(preset: str) -> tuple[str, int]:
    ports = [port for port, name in PORTS.items() if name == preset]
    return (HOSTS[preset][0].replace("*", "x"), 443) if HOSTS[preset] else ("127.0.0.1", ports[0])


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.sampled_from(sorted(HOSTS)),
    st.sampled_from(WIRES),
    st.sampled_from(MODELS),
    st.sampled_from(CLIENTS),
)
def test_what_is_on_for_a_provider_works_together(
    seed: int, preset: str, wire: WireName, model: str, client: str | None
) -> None:
    host, port = host_of(preset)
    body = Maker(seed).body(wire)
    scope = Scope(wire, model, None, host, client, body.get("stream") is True, "seed", port)
    once, _ = mended(json.dumps(body).encode(), scope, AUTO)
    twice, again = mended(once, scope, AUTO)
    assert again == [], json.loads(once)
    assert twice == once


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(WIRES), st.lists(st.sampled_from(NAMEABLE), max_size=4, unique=True))
def test_what_is_named_never_fails(seed: int, wire: WireName, names: list[str]) -> None:
    scope = Scope(wire, "m", None, "llm.example", seed="seed")
    once, _ = mended(json.dumps(Maker(seed).body(wire)).encode(), scope, Setting(only=tuple(names)))
    json.loads(once)


def test_the_bodies_meet_nearly_every_quirk() -> None:
    met: set[str] = set()
    for seed in range(60):
        wire = WIRES[seed % 3]
        scope = Scope(wire, MODELS[seed % len(MODELS)], None, "llm.example", seed="seed")
        met.update(mended(json.dumps(Maker(seed).body(wire)).encode(), scope, Setting(only=NAMEABLE))[1])
    assert len(met) >= 0.5 * len(NAMEABLE), sorted(set(NAMEABLE) - met)
