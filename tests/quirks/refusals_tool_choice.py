"""What providers answer to a choice of tools that they refuse, as the catalogue of wire quirks has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def tool_choice_vs_thinking(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    choice, model, thinking = body.get("tool_choice"), str(body.get("model")), body.get("thinking")
    if not (choice == "required" or (isinstance(choice, dict) and choice.get("type") == "function")):
        return None
    if model.startswith("qwen"):
        on = body["enable_thinking"] if "enable_thinking" in body else model.startswith("qwen3.5")
        text = "The tool_choice parameter does not support being set to required or object in thinking mode"
    else:
        always = model.startswith(("kimi-k3", "k3", "kimi-k2.7-code", "kimi-k2-thinking"))
        on = always or not (isinstance(thinking, dict) and thinking.get("type") == "disabled")
        deepseek = model.startswith("deepseek")
        text = "Thinking mode does not support this tool_choice"
        text = text if deepseek else "tool_choice 'required' is incompatible with thinking enabled"
    return (400, text) if on else None


def tool_choice_object(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    if isinstance(body.get("tool_choice"), dict):
        return 400, "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"
    return None


REFUSALS: dict[str, Refusal] = {
    "tool-choice-vs-thinking": tool_choice_vs_thinking,
    "tool-choice-object": tool_choice_object,
}
