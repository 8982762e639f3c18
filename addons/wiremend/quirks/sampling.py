"""Sampling that a model fixes: what else is asked for is refused, so it is not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.notes import Kind
    from wiremend.quirks.base import Draft

_FIXED: Final = {"top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""What the models with a switchable mode of thinking take in both modes."""

_THINKING: Final = 1
_INSTANT: Final = 0.6

_OTHER_SWITCHES: Final = ("reasoning_effort", "reasoning", "enable_thinking", "chat_template_kwargs")
"""Beside these, what is not said by ``thinking`` itself is not certain."""


def _sampling(draft: Draft) -> None:
    body = draft.document
    if not isinstance(body, dict):
        return
    temperature = _temperature(body)
    kept = not _never_asked(draft.scope.model)
    for name in ("temperature", *_FIXED):
        value = body.get(name)
        if value is None:
            continue
        fixed = temperature if name == "temperature" else _FIXED[name]
        same = _is(value, fixed)
        if same and kept:
            continue
        kind: Kind = "mended" if same else "lost"
        draft.remove((name,), "the model fixes it and refuses other values", kind=kind)


def _temperature(body: dict[str, object]) -> float | None:
    """Give the one temperature that the model takes in the mode that the body asks for; None where it is not clear."""
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "disabled"):
        return _INSTANT if thinking["type"] == "disabled" else _THINKING
    return None if any(body.get(name) is not None for name in _OTHER_SWITCHES) else _THINKING


def _never_asked(model: str | None) -> bool:
    """Tell whether the model is one whose vendor says to leave all of these out."""
    name = (model or "").lower().rpartition("/")[2]
    return name == "k3" or name.startswith(("k3-", "kimi-k3", "kimi-k2.7-code"))


def _is(value: object, fixed: float | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == fixed


QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=24,
        name="kimi-temperature-fixed",
        wires=("chat",),
        side="request",
        kind="preset",
        who="Kimi K2.5, K2.6, K2.7 Code and K3, and the coding plan's kimi-for-coding and k3.",
        symptom="400 invalid temperature: only 1 is allowed for this model (0.6 where thinking is off).",
        mend="Removes temperature, top_p, n and the penalties where they are not the one value that the model takes "
        "(1, or 0.6 with thinking off; 0.95; 1; 0); for K3 and K2.7 Code always. The server's own are always legal.",
        before='{"model":"kimi-k2.6","temperature":0.1,"top_p":1}',
        after='{"model":"kimi-k2.6"}',
        evidence=(
            "https://github.com/NousResearch/hermes-agent/pull/12566",
            "https://github.com/Warma10032/VideoAdGuard/issues/34",
            "https://github.com/arcsin1/oh-my-ppt/issues/45",
            "https://github.com/iOfficeAI/gemini-cli-pro/pull/30",
            "https://github.com/shandianshuo/shandianshuo-releases/issues/13",
        ),
        presets=("kimi-code", "moonshot"),
        models=("kimi-k2.5*", "kimi-k2.6*", "kimi-k2.7-code*", "kimi-k3*", "k3", "k3-*", "kimi-for-coding*"),
        needles=tuple(f'"{name}"'.encode() for name in ("temperature", *_FIXED)),
        request=_sampling,
    ),
    Quirk(
        number=25,
        name="moonshot-temp-scale",
        wires=("messages",),
        side="request",
        kind="explained",
        who="Moonshot's messages endpoint with K2 models.",
        symptom="The temperature in effect is six tenths of the one that was asked for.",
        mend="Nothing is changed by itself: the vendor documents it, for clients that were made for other models. A "
        "rule that scales by 1/0.6 and clamps to 1 is in docs/sampling.md.",
        before='{"temperature":1.0}',
        after='{"temperature":1.0}',
        evidence=("https://github.com/MoonshotAI/Kimi-K2/blob/main/README.md",),
    ),
)
