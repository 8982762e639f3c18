"""What the tests of the quirks on fields share: one quirk at work on one request, and bodies to try it on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft, Scope
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.quirks.base import Quirk, WireName

type Refusal = Callable[[dict[str, Any], Headers], tuple[int, str] | None]


def quirk_of(name: str) -> Quirk:
    return all_quirks()[name]


def scope(
    name: str, *, model: str | None = None, host: str = "llm.example", port: int = 443, wire: WireName | None = None
) -> Scope:
    """Give the scope of a request by a quirk's first wire."""
    return Scope(wire=wire or quirk_of(name).wires[0], model=model, host=host, port=port)


def draft_of(name: str, body: bytes, where: Scope | None = None, headers: Headers | None = None) -> Draft:
    """Let one quirk mend a body."""
    draft = Draft(where or scope(name), headers or Headers(), body, Memory())
    mend = quirk_of(name).request
    assert mend is not None
    raised = draft.run(name, mend)
    assert raised is None, raised
    return draft


def mended(name: str, body: bytes, **where: Any) -> bytes:  # noqa: ANN401 - what scope() takes
    return draft_of(name, body, scope(name, **where)).body()


def kinds(name: str, body: bytes, **where: Any) -> set[str]:  # noqa: ANN401 - what scope() takes
    return {note.kind for note in draft_of(name, body, scope(name, **where)).notes}


def text(body: object) -> bytes:
    """Write JSON with spaces that nobody else would write, so that a body that was written anew shows."""
    return json.dumps(body, separators=(" , ", " :  ")).encode()


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)

_KEYS = re.findall(
    r"\S+",
    "model messages input tools tool_choice parallel_tool_calls stream stream_options include_usage max_tokens "
    "max_completion_tokens store metadata temperature top_p n presence_penalty frequency_penalty thinking type "
    "budget_tokens reasoning reasoning_effort effort enable_thinking chat_template_kwargs output_config "
    "context_management function name strict eager_input_streaming input_schema defer_loading cache_control id "
    "tool_call_id tool_calls tool_use_id call_id content role allowed_tools mode * - ~ google extra_body "
    "thinking_config reasoning_split",
)
_WORDS = re.findall(
    r"\S+",
    "enabled disabled adaptive auto none required any function allowed_tools tool tool_use tool_result custom "
    "minimal low medium high xhigh max f g call_1 functions.f:0 abcdefghi call_1|fc_2 kimi-k2.6 k3 glm-4.7 qwen3-8b",
)
_leaves = scalars | st.sampled_from(_WORDS)
near = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
    max_leaves=25,
)
"""JSON with the words of requests in the wrong places."""
