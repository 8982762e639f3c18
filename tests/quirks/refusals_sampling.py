"""What Kimi's hosts answer to sampling that a model fixes, as the catalogue of wire quirks has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.quirks.fields_kit import Refusal
    from wiremend.headers import Headers


def kimi_temperature_fixed(body: dict[str, Any], _headers: Headers) -> tuple[int, str] | None:
    thinking = body.get("thinking")
    off = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    off = off and not str(body.get("model")).startswith(("k3", "kimi-k3", "kimi-k2.7-code"))
    fixed = {"temperature": 0.6 if off else 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
    for name, only in fixed.items():
        asked = body.get(name)
        if asked is not None and (isinstance(asked, bool) or asked != only):
            return 400, f"invalid {name}: only {only} is allowed for this model"
    return None


REFUSALS: dict[str, Refusal] = {"kimi-temperature-fixed": kimi_temperature_fixed}
