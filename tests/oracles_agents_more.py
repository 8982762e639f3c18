"""Further readers of the chat wire: of thinking, of service tiers, of calls by their ids.

Each rests on the source of the client that its docstring names, as the catalogue of quirks tells it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.oracles_agents import blocks
from tests.verdicts import Served, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

TIERS: Final = {None, "auto", "default", "flex", "scale", "priority"}
"""The service tiers of OpenAI's API description."""


def reasoning_content(served: Served) -> Verdict:
    """Read as kimi-cli and qwen-code do: thinking is ``reasoning_content``, and nothing else is."""
    text, thinking = "", ""
    for block in blocks(served.body, last=True):
        if block.data in {None, "[DONE]"}:
            continue
        for choice in json.loads(block.data or "")["choices"]:
            text += choice["delta"].get("content") or ""
            thinking += choice["delta"].get("reasoning_content") or ""
    return Verdict(ok=True, text=text, thinking=thinking)


def known_tiers(served: Served) -> Verdict:
    """Read as pydantic-ai did before it widened the type: a tier that OpenAI does not have is no completion."""
    body = json.loads(served.body)
    if body.get("service_tier") not in TIERS:
        return Verdict(ok=False, error=f"unknown service_tier {body['service_tier']!r}")
    used = body["usage"]
    usage = (used["prompt_tokens"], used["completion_tokens"])
    return Verdict(ok=True, text=body["choices"][0]["message"]["content"], usage=usage)


def by_id(served: Served) -> Verdict:
    """Read as an agent that finds a call by its id: one that its history has already is that other call.

    Without mending the history would have the provider's own ids, so an id counts without what mending put behind it.
    """
    calls: list[tuple[str, str]] = []
    arguments = ""
    for block in blocks(served.body, last=True):
        if block.data in {None, "[DONE]"}:
            continue
        for choice in json.loads(block.data or "")["choices"]:
            for piece in choice["delta"].get("tool_calls") or ():
                if piece.get("id"):
                    calls.append((piece["id"], piece["function"]["name"]))
                arguments += piece["function"].get("arguments") or ""
    ((ident, name),) = calls
    if ident in {*served.ids, *(known.partition("~")[0] for known in served.ids)}:
        return Verdict(ok=False, error=f"the result is bound to an earlier call {ident!r}")
    return Verdict(ok=True, tools=((name, json.loads(arguments)),))


MORE_AGENTS: Final[dict[str, Callable[[Served], Verdict]]] = {
    "reasoning-content": reasoning_content,
    "known-tiers": known_tiers,
    "by-id": by_id,
}
