"""Readers of the chat wire that are no SDKs which could be called, played as they were measured or read.

A reader does only what was seen of the client and forgives all else, as in ``tests/oracles_agents.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.oracles_agents import blocks, refused
from tests.verdicts import Served, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DONE: Final = "[DONE]"
_AGAIN: Final = "it asks again, without end"


class _GaveUpError(Exception):
    """Why a reader gave up."""


@dataclass(slots=True)
class _Answer:
    """An answer, as a usual loop over the chunks puts it together."""

    text: str = ""
    calls: dict[Any, list[str]] = field(default_factory=dict)
    finish: str | None = None
    usage: tuple[Any, Any] | None = None

    def add(self, chunk: dict[str, Any]) -> None:
        """Take a chunk: text and arguments grow, a call is found by its index, the usage is that at the top."""
        used = chunk.get("usage")
        if used:
            self.usage = (used.get("prompt_tokens"), used.get("completion_tokens"))
        for choice in (chunk.get("choices") or ())[:1]:
            delta = choice["delta"]
            self.text += delta.get("content") or ""
            for piece in delta.get("tool_calls") or ():
                call = self.calls.setdefault(piece["index"], ["", ""])
                function = piece.get("function") or {}
                call[0] += function.get("name") or ""
                call[1] += function.get("arguments") or ""
            self.finish = choice.get("finish_reason") or self.finish

    def verdict(self, *, run: bool) -> Verdict:
        """Give what was understood, with the calls if they are run: their arguments must be JSON then."""
        tools = tuple((name, json.loads(text)) for name, text in self.calls.values()) if run else ()
        return Verdict(ok=True, text=self.text, tools=tools, finish=self.finish, usage=self.usage)


def _read(read: Callable[[Served], Verdict], served: Served) -> Verdict:
    """Let a reader read; what it raises is why it gave up."""
    if (error := refused(served)) is not None:
        return Verdict(ok=False, error=error)
    try:
        return read(served)
    except (_GaveUpError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return Verdict(ok=False, error=f"{type(error).__name__}: {error}")


def _chunks(served: Served, *, last: bool) -> Iterator[dict[str, Any]]:
    """Give the chunks up to [DONE]; an error ends them, as in all SDKs."""
    for block in blocks(served.body, last=last):
        if block.data is None:
            continue
        if block.data == _DONE:
            return
        chunk = json.loads(block.data)
        if chunk.get("error"):
            raise _GaveUpError(json.dumps(chunk["error"]))
        yield chunk


# --- an agent's loop --------------------------------------------------------------------------------------------------


def agent_loop(served: Served) -> Verdict:
    """Read as an agent's loop over a raw stream does, which goes by the finish reason.

    It runs the tools when that is ``tool_calls``, and ends the turn at anything else, without running any: so the
    catalogue tells of ``finish-stop-with-tools`` and ``finish-toolcalls-truncated``.
    """

    def read(served: Served) -> Verdict:
        answer = _Answer()
        for chunk in _chunks(served, last=True):
            answer.add(chunk)
        return answer.verdict(run=answer.finish == "tool_calls")

    return _read(read, served)


def choices_first(served: Served) -> Verdict:
    """Read as a client that looks at ``choices[0]`` of every chunk, but of the one with the usage.

    So do Chorus and AnythingLLM in the changes that the catalogue names for ``choices-empty``.
    """

    def read(served: Served) -> Verdict:
        answer = _Answer()
        for chunk in _chunks(served, last=True):
            if not chunk.get("usage"):
                chunk["choices"][0]
            answer.add(chunk)
        return answer.verdict(run=True)

    return _read(read, served)


def content_first(served: Served) -> Verdict:
    """Read as a client that looks at a chunk's content before its reasoning, and closes the thought with the first.

    pi-ai 1.5.2 has a comment on such chunks (``openai-completions.js``): read so, the thought stands behind the answer.
    """

    def read(served: Served) -> Verdict:
        answer = _Answer()
        for chunk in _chunks(served, last=True):
            answer.add(chunk)
            thought = any(choice["delta"].get("reasoning_content") for choice in chunk.get("choices") or ())
            if thought and answer.text:
                raise _GaveUpError("the thought stands behind the beginning of the answer")
        return answer.verdict(run=True)

    return _read(read, served)


def hand_rolled(served: Served) -> Verdict:
    """Read as a client without an SDK does: by lines, until ``data: [DONE]``, for which it waits.

    The catalogue has such clients for ``sse-done-missing``; here the wait is an error.
    """

    def read(served: Served) -> Verdict:
        answer = _Answer()
        for line in served.body.decode().splitlines():
            if line == f"data: {_DONE}":
                return answer.verdict(run=True)
            if line.startswith("data: "):
                chunk = json.loads(line.removeprefix("data: "))
                if chunk.get("error"):
                    raise _GaveUpError(json.dumps(chunk["error"]))
                answer.add(chunk)
        raise _GaveUpError("it waits for [DONE]")

    return _read(read, served)


# --- OpenCode ---------------------------------------------------------------------------------------------------------

_FINISHES: Final = frozenset({"stop", "length", "content_filter", "function_call", "tool_calls"})


def opencode(served: Served) -> Verdict:
    """Read as OpenCode 1.18.33 does on the chat wire, with its own copy of @ai-sdk/openai-compatible.

    An event without its blank line is lost, [DONE] is spelled as it should be, and every chunk is validated: an error
    may not even be null, choices are a list, a role is the assistant's, a call begins with an index, an id and a name.
    Where a stream ends without a finish reason that it knows, or has no event at all, it asks the model again.
    """

    def read(served: Served) -> Verdict:
        answer = _Answer()
        for block in blocks(served.body, last=False):
            if block.data is None or block.data == _DONE:
                continue
            chunk = json.loads(block.data)
            _opencode_validates(chunk)
            for choice in chunk["choices"]:
                for piece in choice["delta"].get("tool_calls") or ():
                    _opencode_opens(piece, known=piece["index"] in answer.calls)
            answer.add(chunk)
        if answer.finish not in _FINISHES:
            raise _GaveUpError(_AGAIN)
        for call in answer.calls.values():
            call[1] = call[1] or "{}"
        return answer.verdict(run=True)

    return _read(read, served)


def _opencode_validates(chunk: dict[str, Any]) -> None:
    if "error" in chunk:
        raise _GaveUpError(json.dumps(chunk["error"]))
    if not isinstance(chunk.get("choices"), list):
        raise _GaveUpError("Type validation failed: choices")
    if not isinstance(chunk.get("id"), str | None) or not isinstance(chunk.get("created"), int | float | None):
        raise _GaveUpError("Type validation failed: id or created")
    for choice in chunk["choices"]:
        delta = choice["delta"]
        if delta.get("role") not in {"assistant", None}:
            raise _GaveUpError('Type validation failed: role: expected "assistant"')
        if not isinstance(delta.get("content"), str | None):
            raise _GaveUpError("Type validation failed: content: expected string")
    used = chunk.get("usage") or {}
    if not all(isinstance(used.get(name), int | None) for name in ("prompt_tokens", "completion_tokens")):
        raise _GaveUpError("Type validation failed: usage: expected number")


def _opencode_opens(piece: dict[str, Any], *, known: bool) -> None:
    if not isinstance(piece["function"].get("arguments"), str | None):
        raise _GaveUpError("Type validation failed: arguments: expected string")
    if not known and not isinstance(piece.get("id"), str):
        raise _GaveUpError("Expected 'id' to be a string.")
    if not known and not isinstance(piece["function"].get("name"), str):
        raise _GaveUpError("Expected 'function.name' to be a string.")


CHAT_AGENTS: Final[dict[str, Callable[[Served], Verdict]]] = {
    "agent-loop": agent_loop,
    "choices-first": choices_first,
    "content-first": content_first,
    "hand-rolled": hand_rolled,
    "opencode": opencode,
}
"""Name of an oracle -> its reader."""
