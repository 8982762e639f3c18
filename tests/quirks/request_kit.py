"""What the tests of request-side quirks share: a row is a request before and after a quirk, and its laws.

``before`` and ``after`` are bodies as text, written by hand from the catalogue's examples; spaces and odd spellings of
numbers are there to show that what a quirk does not touch keeps its bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.quirks import all_quirks
from wiremend.quirks.base import Draft, Scope
from wiremend.quirks.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.quirks.kit import Refusal
    from wiremend.notes import Kind
    from wiremend.quirks.base import WireName


@dataclass(frozen=True, slots=True)
class Row:
    """A quirk's name, a request that shows its symptom, and the same as it must leave; ``kinds`` are the notes'."""

    quirk: str
    wire: WireName
    before: str
    after: str
    host: str = "llm.example"
    model: str | None = "m"
    kinds: tuple[Kind, ...] = ("mended",)

    @property
    def scope(self) -> Scope:
        return Scope(self.wire, self.model, host=self.host)


def draft_of(scope: Scope, body: str | bytes, memory: Memory | None = None) -> Draft:
    text = body.encode() if isinstance(body, str) else body
    return Draft(scope, Headers(), text, Memory() if memory is None else memory)


def run(name: str, scope: Scope, body: str | bytes, memory: Memory | None = None) -> Draft:
    """Let a quirk mend a body; an exception in it is raised."""
    draft = draft_of(scope, body, memory)
    mend = all_quirks()[name].request
    assert mend is not None
    raised = draft.run(name, mend)
    if raised is not None:
        raise raised
    return draft


def mended(name: str, scope: Scope, body: str | bytes, memory: Memory | None = None) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(run(name, scope, body, memory).body())


def check_row(row: Row, refusals: dict[str, Refusal]) -> None:
    """Off: refused. On: accepted, as written by hand; once more: nothing to do. Every change is noted."""
    refuses = refusals[row.quirk]
    refused = refuses(json.loads(row.before), Headers())
    assert refused is not None
    assert refused[0] >= 400
    draft = run(row.quirk, row.scope, row.before)
    assert draft.body().decode() == row.after
    assert refuses(json.loads(row.after), Headers()) is None
    assert {note.kind for note in draft.notes} == set(row.kinds)
    assert {note.short for note in draft.notes} == {row.quirk}
    assert json.loads(row.after) == draft.document
    again = run(row.quirk, row.scope, row.after)
    assert again.body().decode() == row.after
    assert not again.notes


def check_any(name: str, scope: Scope, body: object) -> None:
    """Whatever the body: nothing raised, what leaves is what the draft says, and a second time changes nothing."""
    text = json.dumps(body).encode()
    draft = run(name, scope, text)
    left = draft.body()
    assert json.loads(left) == draft.document
    if not draft.notes:
        assert left is text
    again = run(name, scope, left)
    assert again.body() == left


def _texts(*more: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", " ", "a", "c1", "c2", "x/y", "--", "a--b", "*", "~", "-", "0", *more))


def json_values(words: Sequence[str]) -> st.SearchStrategy[Any]:
    """Give any JSON, in which the words of a wire turn up as names and as texts."""
    names = st.sampled_from((*words, "*", "", "x", "~0/"))
    leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | _texts(*words)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


def bodies(name: str, words: Sequence[str], items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give bodies whose list ``name`` has likely items, and any JSON."""
    likely = st.fixed_dictionaries(
        {name: st.lists(items, max_size=6)}, optional={"tools": st.lists(json_values(words))}
    )
    return likely | st.fixed_dictionaries({name: json_values(words)}) | json_values(words)


_PART_WORDS = (
    "text",
    "image",
    "image_url",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "server_tool_use",
)
_PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(_PART_WORDS) | st.none()},
    optional={
        "text": _texts() | st.none(),
        "id": _texts(),
        "tool_use_id": _texts(),
        "signature": _texts() | st.none(),
        "data": _texts(),
        "content": _texts() | st.none(),
    },
)
_CALLS = st.fixed_dictionaries(
    {"id": _texts()}, optional={"function": st.just({"name": "f"}), "extra_content": _texts()}
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(("system", "developer", "user", "assistant", "tool", "x")) | st.none()},
    optional={
        "content": _texts() | st.none() | st.lists(_PARTS, max_size=3) | json_values(("text", "type")),
        "tool_calls": st.lists(_CALLS, max_size=2) | st.none() | json_values(("id",)),
        "tool_call_id": _texts() | st.integers(),
        "name": _texts() | st.none(),
        "reasoning_content": _texts(),
        "timestamp": st.integers(),
    },
)
WORDS = ("role", "content", "type", "text", "messages", "input", "tools", "id", "name", "tool_calls", *_PART_WORDS)
CHAT_BODIES = bodies("messages", WORDS, MESSAGES | json_values(WORDS))
"""Bodies of the chat and the messages wire."""

_ITEM_WORDS = (
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "web_search_call",
    "item_reference",
)
_ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(_ITEM_WORDS) | st.none(),
        "id": _texts() | st.none(),
        "call_id": _texts() | st.integers(),
        "name": _texts(),
        "namespace": _texts() | st.none(),
        "status": st.just("completed"),
        "input": _texts(),
        "output": _texts() | st.lists(_PARTS, max_size=3),
        "encrypted_content": _texts(),
        "role": st.sampled_from(("user", "assistant")),
        "content": _texts() | st.lists(_PARTS, max_size=2),
    },
)
_TOOLS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(("function", "web_search", "custom", "namespace")) | st.none()},
        optional={"name": _texts() | st.none(), "parameters": json_values(("type", "object"))},
    ),
    lambda inner: st.fixed_dictionaries({"type": st.just("namespace"), "name": _texts(), "tools": st.lists(inner)}),
    max_leaves=4,
)
RESPONSES_BODIES = st.one_of(
    st.fixed_dictionaries(
        {"input": st.lists(_ITEMS | json_values(WORDS), max_size=6)},
        optional={
            "tools": st.lists(_TOOLS | json_values(WORDS), max_size=4),
            "tool_choice": _texts()
            | st.fixed_dictionaries({"type": st.just("function"), "name": _texts()})
            | st.none(),
            "store": st.booleans(),
            "service_tier": st.just("auto"),
            "previous_response_id": st.none() | st.just("resp_1"),
        },
    ),
    bodies("input", WORDS, _ITEMS),
)
