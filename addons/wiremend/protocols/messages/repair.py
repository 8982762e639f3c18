"""What stands in the place of a wrong value: indexes, stop reasons, usage, and the blocks of an answer.

Everything here is a function of its arguments; who mends a stream and who mends a body share it. A thing that cannot be
mended without inventing what the model said raises :class:`Unmendable`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.protocols import loose
from wiremend.protocols.messages.framing import UNREADABLE, verdict
from wiremend.protocols.messages.schema import STOP_REASONS, TOOLS, UNSAID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.protocols.failure import Failure

type Json = dict[str, Any]
type Mint = Callable[[str], str]

BROKE_OFF: Final = "error"
"""What :func:`reason_of` gives for a stop reason that says that the provider failed."""

_WORDS: Final = """
end_turn: stop eos eos_token end end_of_text done complete completed finish finished normal stop_token
max_tokens: length max_length max_output_tokens max_new_tokens max_completion_tokens token_limit model_length truncated
tool_use: tool_calls tool_call function_call function_calls tooluse tools
refusal: content_filter content_filtered safety recitation blocklist prohibited_content spii sensitive moderation
stop_sequence: stop_sequences stopsequence stop_str
model_context_window_exceeded: context_length_exceeded context_window_exceeded
error: error server_error network_error internal_error abort aborted cancel cancelled canceled failed failure timeout
error: insufficient_system_resource other_error overloaded
"""
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        word: reason
        for reason, _, words in (line.partition(": ") for line in _WORDS.strip().splitlines())
        for word in words.split()
    }
)
"""What other wires say -> the stop reason of this one, or BROKE_OFF."""

_COUNTERS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_KIND_OF: Final = {"text": "text", "thinking": "thinking", "data": "redacted_thinking", "input": "tool_use"}
_PREFIX: Final = {"tool_use": "toolu", "server_tool_use": "srvtoolu"}
_TEXTS: Final = {"text": ("text",), "thinking": ("thinking", "signature")}
_EMPTY: Final = {b"", b"{}"}


class Unmendable(Exception):  # noqa: N818 - it is caught where it is raised, and becomes the stream's failure
    """A breach that only an error can answer; ``code`` and ``pointer`` are the contract's."""

    def __init__(self, code: str, pointer: str, words: str, failure: Failure | None = None) -> None:
        """Say it in words for the client, or bring the provider's own error."""
        self.code = code
        self.pointer = pointer
        self.words = words
        self.failure = failure
        super().__init__(words)


def index_of(value: object) -> int:
    """Read an index: 1, 1.0 or "1"; UNSAID for all else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else UNSAID
    count = loose.count(value)
    return UNSAID if count is None else count


def reason_of(word: object, *, called: bool) -> str | None:
    """Read a stop reason, whatever it is called; None where none was given, BROKE_OFF where it tells of a failure.

    A word that nobody knows says that the turn is over, and no more.
    """
    if not isinstance(word, str):
        return None
    plain = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
    if not plain:
        return None
    reason = plain if plain in STOP_REASONS else REASONS.get(plain, "end_turn")
    return "tool_use" if reason == "end_turn" and called else reason


def usage_of(value: object, output: float | None = None, *, start: bool = False) -> Json:
    """Read a usage object under this wire's names or another's; ``output`` is what was known before.

    Counts that nobody told are left out, or 0 where a client needs them. OpenAI's total of the prompt includes what the
    cache served, and this wire's does not.
    """
    usage: Json = dict(value) if isinstance(value, dict) else {}
    foreign = loose.openai_counts(usage)
    for name in (*_COUNTERS, "output_tokens"):
        if name in usage and not _number(usage[name]):
            usage[name] = loose.count(usage[name])
    if usage.get("output_tokens") is None:
        told = loose.count(usage.get("completion_tokens"))
        if told is not None or not start or "output_tokens" in usage:
            usage["output_tokens"] = told if told is not None else output or 0
    if usage.get("input_tokens") is None and (total := loose.count(usage.get("prompt_tokens"))) is not None:
        cached = foreign.cached or 0
        usage["input_tokens"] = max(0, total - cached)
        if cached and usage.get("cache_read_input_tokens") is None:
            usage["cache_read_input_tokens"] = cached
    if start and usage.get("input_tokens") is None:
        usage["input_tokens"] = 0
    return usage


def kind_of(block: Json) -> str:
    """Give the type of a block, as it says it or as its fields do; "" where neither does."""
    kind = block.get("type")
    if isinstance(kind, str) and kind:
        return kind
    return next((implied for name, implied in _KIND_OF.items() if name in block), "")


def sound_block(block: Json, at: str, mint: Mint) -> Json:
    """Mend a whole block; ``at`` is its pointer. Raises Unmendable for a call without a name or with a broken input."""
    kind = kind_of(block)
    mended = block | {"type": kind}
    for name in _TEXTS.get(kind, ()):
        mended[name] = text_of(block.get(name)) or ""
    if kind == "redacted_thinking" and not isinstance(block.get("data"), str):
        mended["data"] = ""
    if kind in TOOLS:
        _name(mended, at, mint)
        value = input_of(block.get("input"))
        if value is None:
            raise Unmendable("tool.input-type", f"{at}/input", "the input of a tool call is not a JSON object")
        mended["input"] = value
    return mended


def opened(block: Json, mint: Mint) -> tuple[Json, list[Json], Json | None]:
    """Split what a block start brings: the start, empty as it must be, its deltas, and the input of a call.

    The input is None where what stands there is no object, so that only deltas can tell. Raises Unmendable.
    """
    kind = kind_of(block)
    start: Json = block | {"type": kind}
    deltas: list[Json] = []
    for name in _TEXTS.get(kind, ()):
        if text := text_of(block.get(name)):
            deltas.append({"type": f"{name}_delta", name: text})
        start[name] = ""
    if kind == "redacted_thinking" and not isinstance(block.get("data"), str):
        start["data"] = ""
    if kind not in TOOLS:
        return start, deltas, {}
    _name(start, "/content_block", mint)
    value = input_of(block.get("input"))
    start["input"] = {}
    return start, deltas, value


def expanded(block: Json, index: int) -> list[Json]:
    """Write a sound whole block as its events."""
    events: list[Json] = []
    start, kind = dict(block), block["type"]
    if kind in _TEXTS:
        for name in _TEXTS[kind]:
            if block[name]:
                events.append({"type": f"{name}_delta", name: block[name]})
            start[name] = ""
        citations = block.get("citations")
        if isinstance(citations, list) and all(isinstance(one, dict) for one in citations):
            start["citations"] = []
            events += [{"type": "citations_delta", "citation": one} for one in citations]
    elif kind in TOOLS:
        start["input"] = {}
        if block["input"]:
            events.append({"type": "input_json_delta", "partial_json": msgspec.json.encode(block["input"]).decode()})
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in events),
        {"type": "content_block_stop", "index": index},
    ]


def input_of(value: object) -> Json | None:
    """Read the input of a call: an object, its JSON text, or nothing, which is an empty one; None for all else."""
    if isinstance(value, dict):
        return value
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    if not isinstance(value, str):
        return None
    try:
        read: Json = msgspec.json.decode(value, type=dict)
    except UNREADABLE:
        return None
    return read


def chosen_input(brought: Json | None, pieces: bytes) -> tuple[bytes, bool]:
    """Choose between the input that the start brought and the pieces that came after; tell whether one was lost.

    Pieces that say nothing, or that do not make an object, give way; others are what clients read. Raises Unmendable
    where neither is an input.
    """
    if pieces.strip() in _EMPTY or (brought is not None and verdict(pieces) != "whole"):
        if brought is None:
            raise Unmendable("tool.input-type", "/content_block/input", "the input of a tool call is not a JSON object")
        return msgspec.json.encode(brought), pieces.strip() not in _EMPTY
    return pieces, brought is not None and msgspec.json.decode(pieces) != brought


def text_of(value: object) -> str | None:
    """Read a text; a number is written out, None stands for all else."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if _number(value) else None


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(block: Json, at: str, mint: Mint) -> None:
    """See to the id and the name of a call."""
    name = block.get("name")
    if not isinstance(name, str) or not name:
        raise Unmendable("tool.name", f"{at}/name", "a tool call came without the tool's name")
    if not isinstance(block.get("id"), str) or not block["id"]:
        block["id"] = mint(_PREFIX[block["type"]])
