"""Writes how much a model thinks and how it samples, by what the model's generation takes.

=========================== ============================== ========================= =================================
model                       thinking                       effort                    sampling
=========================== ============================== ========================= =================================
Claude 4.5 and earlier      ``enabled`` with a budget      (said as the budget)      ``temperature`` or ``top_p`` (from
                                                                                     4.1 on not both), ``top_k``
Claude 4.6                  ``adaptive``                   ``output_config.effort``  the same
Claude 4.7 and later, and   ``adaptive``                   ``output_config.effort``  none
one of no known version                                    (``xhigh`` too)
not a Claude                ``enabled`` with a budget      (said as the budget)      all
=========================== ============================== ========================= =================================

While a model thinks, ``temperature`` must be 1, ``top_p`` at least 0.95, ``top_k`` absent, and no call can be forced.
A budget is at least 1,024 and below ``max_tokens``; an effort and a budget say each other by
:mod:`wiremend.protocols.efforts`. Sources: the vendor's pages on extended thinking, adaptive thinking, effort and the
migration to Opus 4.7 (https://platform.claude.com/docs/en/build-with-claude/extended-thinking).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.message import Reasoning
from wiremend.protocols.efforts import LEAST, budget_of, effort_of
from wiremend.protocols.messages.request_values import json_text

if TYPE_CHECKING:
    from wiremend.message import ChatRequest, Effort
    from wiremend.protocols.messages.request_values import Json, Losses

type Version = tuple[int, int]

_CLAUDE: Final = re.compile(
    r"(?:opus|sonnet|haiku|fable|mythos)-(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)"
    r"|claude-(?P<old>\d{1,2})(?:[-.](?P<older>\d{1,2}))?(?!\d)"
)
_NEWEST: Final = (99, 0)
_ADAPTIVE: Final = (4, 6)
_UNSAMPLED: Final = (4, 7)
_EITHER: Final = (4, 1)
_LEAST_TOP_P: Final = 0.95
_DISPLAYS: Final = frozenset({"summarized", "omitted", "updates"})
_USUAL: Final[Effort] = "medium"
"""The effort whose budget thinking gets that is switched on without a word on how much."""


def claude_of(model: str) -> Version | None:
    """Give the version of a Claude by its name, whoever serves it; None for any other model.

    ``claude-opus-4-5-20251101``, ``anthropic/claude-opus-4.5`` and ``claude-4.5-opus`` are (4, 5). A name without a
    version is taken for the newest, as the vendor's aliases are.
    """
    name = model.lower()
    if "claude" not in name:
        return None
    found = _CLAUDE.search(name)
    if found is None:
        return _NEWEST
    return int(found["major"] or found["old"]), int(found["minor"] or found["older"] or 0)


@dataclass(frozen=True, slots=True)
class Thought:
    """What a body says of thinking: ``thinking`` and ``output_config.effort``; ``said`` is what is read of it."""

    thinking: Json | None = None
    effort: str | None = None
    said: Reasoning | None = None

    @property
    def on(self) -> bool:
        """Tell whether the model thinks by it."""
        return self.thinking is not None and self.thinking["type"] != "disabled"


def write_reasoning(reasoning: Reasoning | None, version: Version | None, most: int, losses: Losses) -> Thought:
    """Write how much is to be thought. ``most`` is ``max_tokens``."""
    if reasoning is None:
        return Thought()
    adaptive = version is not None and version >= _ADAPTIVE
    if _is_off(reasoning):
        thought = _off(reasoning, adaptive=adaptive)
    elif reasoning.mode is None and reasoning.effort is None and reasoning.budget is None:
        thought = Thought()
    elif adaptive:
        thought = _adaptive(reasoning, version or _NEWEST)
    else:
        thought = _enabled(reasoning, most)
    _compare(reasoning, thought, losses)
    return thought


def _is_off(reasoning: Reasoning) -> bool:
    none = reasoning.budget is not None and reasoning.budget <= 0
    return reasoning.mode == "off" or reasoning.effort == "none" or none


def _off(reasoning: Reasoning, *, adaptive: bool) -> Thought:
    effort = _effort(reasoning.effort, _NEWEST) if adaptive and reasoning.effort != "none" else None
    return Thought({"type": "disabled"}, effort, Reasoning("off", effort))


def _effort(effort: Effort | None, version: Version) -> Effort | None:
    """Give the word for an effort that a Claude knows."""
    if effort == "minimal":
        return "low"
    return "high" if effort == "xhigh" and version < _UNSAMPLED else effort


def _adaptive(reasoning: Reasoning, version: Version) -> Thought:
    asked = reasoning.effort
    if asked is None and reasoning.budget is not None:
        asked = effort_of(reasoning.budget)
    effort, display = _effort(asked, version), reasoning.summary
    if display is not None and display not in _DISPLAYS:
        display = "summarized"
    thinking: Json = {"type": "adaptive"} | ({} if display is None else {"display": display})
    return Thought(thinking, effort, Reasoning("adaptive", effort, None, display))


def _enabled(reasoning: Reasoning, most: int) -> Thought:
    if reasoning.budget is None:
        budget = budget_of(reasoning.effort or _USUAL, most)
    else:
        budget = max(LEAST, min(reasoning.budget, most - 1))
    if budget is None or budget >= most:
        return Thought()
    display = reasoning.summary if reasoning.summary in _DISPLAYS else None
    thinking: Json = {"type": "enabled", "budget_tokens": budget} | ({} if display is None else {"display": display})
    return Thought(thinking, None, Reasoning("on", None, budget, display))


def _compare(asked: Reasoning, thought: Thought, losses: Losses) -> None:
    """Note what the body says otherwise than it was asked for; what is only spelled otherwise is no loss."""
    said, plain = thought.said or Reasoning(), asked
    if asked.mode in {None, "off"} and asked.effort == "none" and said.mode == "off":
        plain = msgspec.structs.replace(asked, mode="off", effort=None)
    elif asked.mode is None and asked.effort is not None and said.mode == "adaptive":
        plain = msgspec.structs.replace(asked, mode="adaptive")
    changed = [name for name in Reasoning.__struct_fields__ if getattr(plain, name) != getattr(said, name)]
    if not changed:
        return
    path = ("reasoning", changed[0]) if len(changed) == 1 else ("reasoning",)
    if all(getattr(said, name) is None for name in changed):
        what = "left out" if changed == ["summary"] else f"left out: {', '.join(changed)}"
        losses.lost(path, "thinking", what, _why(thought))
        return
    told = {} if thought.thinking is None else {"thinking": thought.thinking}
    if thought.effort is not None:
        told["output_config"] = {"effort": thought.effort}
    losses.approximated(path, "thinking", f"said as {json_text(told)}", _why(thought))


def _why(thought: Thought) -> str:
    kind = None if thought.thinking is None else thought.thinking["type"]
    if kind == "adaptive":
        return "this model decides itself how much it thinks, by an effort from low to max"
    if kind == "enabled":
        return "this model thinks by a budget of tokens, at least 1024 and less than max_tokens"
    return "a model that does not think has nothing to be told of it" if kind else "there is no thinking to say it of"


def write_sampling(request: ChatRequest, version: Version | None, losses: Losses, *, thinks: bool) -> Json:
    """Write temperature, top_p and top_k, as far as the model takes them."""
    asked = {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
    found: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if version is not None and version >= _UNSAMPLED:
        for name in found:
            losses.lost((name,), name, "left out", "Claude 4.7 and later refuse it")
        return {}
    if thinks:
        for name in [name for name, value in found.items() if not _goes_with_thinking(name, value)]:
            del found[name]
            losses.lost((name,), name, "left out", "it is refused while the model thinks")
    if found.get("temperature", 0) > 1:
        found["temperature"] = 1
        losses.approximated(("temperature",), "temperature", "said as 1", "it goes from 0 to 1 here")
    if version is not None and version >= _EITHER and {"temperature", "top_p"} <= found.keys():
        del found["top_p"]
        losses.lost(("top_p",), "top_p", "left out", "this model refuses it beside a temperature")
    return found


def _goes_with_thinking(name: str, value: float) -> bool:
    return (name == "temperature" and value == 1) or (name == "top_p" and value >= _LEAST_TOP_P)
