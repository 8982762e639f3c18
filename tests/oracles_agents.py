"""Agents whose reader is no SDK that could be called, played as they were measured: each reads a reply's bytes.

A reader does only what was seen of the agent (its version is in its docstring) and forgives all else, so that it finds
fault with nothing that the agent itself would have taken.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tests.verdicts import Served, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AGAIN: Final = "it asks again without streaming"


class _GaveUpError(Exception):
    """Why an agent gave up."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one blank line ends; ``data`` is None where there is no data line."""

    name: str | None
    data: str | None


def blocks(body: bytes, *, last: bool) -> Iterator[Block]:
    """Read a stream; ``last`` tells that a block without its blank line counts too. A byte order mark is left out."""
    text = re.sub(r"\r\n|\r", "\n", body.decode("utf-8", "replace").removeprefix("\ufeff"))
    parts = re.split(r"\n\n+", text)
    for part in parts if last else parts[:-1]:
        name, data = None, []
        for line in part.split("\n"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "event":
                name = value
            elif key == "data":
                data.append(value)
        if name is not None or data:
            yield Block(name, "\n".join(data) if data else None)


def refused(served: Served) -> str | None:
    """Give the words of an error that came as a status."""
    if served.status < HTTPStatus.BAD_REQUEST:
        return None
    try:
        return f"{served.status} {json.loads(served.body)['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{served.status} (no body)"


# --- Claude Code ------------------------------------------------------------------------------------------------------

_GROWS: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
_LISTED: Final = {"message_start", "message_delta", "message_stop", "completion", "error"} | {
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
}
NAMES: Final = _LISTED | {"message"}
_NOTHING: Final = object()


@dataclass(slots=True)
class _ClaudeCode:
    """One message, as Claude Code puts it together."""

    begun: bool = False
    slots: dict[Any, dict[str, Any]] = field(default_factory=dict)
    text: str = ""
    tools: list[tuple[str, Any]] = field(default_factory=list)
    reason: str | None = None
    told: list[int] = field(default_factory=lambda: [0, 0])
    counted: list[int] = field(default_factory=lambda: [0, 0])
    stopped: int = 0
    ended: bool = False

    def take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "error":
            raise _GaveUpError(json.dumps(event))
        if kind == "message_start":
            self.begun = True
            self._usage(event["message"].get("usage"))
        elif kind == "content_block_start":
            self.slots[event.get("index")] = event["content_block"] | {"said": ""}
        elif kind == "content_block_delta":
            self._delta(event)
        elif kind == "content_block_stop":
            self._stop(event)
        elif kind == "message_delta":
            if not isinstance(event.get("delta"), dict):
                raise _GaveUpError("API Error: undefined is not an object (evaluating 'delta.stop_details')")
            self.reason = event["delta"].get("stop_reason")
            self._usage(event.get("usage"))
        elif kind == "message_stop":
            self.ended = True
            self.counted = [known + more for known, more in zip(self.counted, self.told, strict=True)]

    def end(self) -> None:
        if not self.stopped:
            raise _GaveUpError(f"no block was stopped: {_AGAIN}")

    def _usage(self, usage: object) -> None:
        for place, name in enumerate(("input_tokens", "output_tokens")):
            count = usage.get(name) if isinstance(usage, dict) else None
            if isinstance(count, int) and count > 0:
                self.told[place] = count

    def _slot(self, event: dict[str, Any]) -> dict[str, Any]:
        if not self.begun:
            raise _GaveUpError(f"Message not found: {_AGAIN}")
        slot = self.slots.get(event.get("index"))
        if slot is None:
            raise _GaveUpError(f"Content block not found: {_AGAIN}")
        return slot

    def _delta(self, event: dict[str, Any]) -> None:
        slot, delta = self._slot(event), event["delta"]
        owner, name = _GROWS.get(delta.get("type"), (None, ""))
        if owner is None:
            return
        if slot.get("type") != owner:
            raise _GaveUpError(f"Content block is not a {owner} block: {_AGAIN}")
        if name == "signature" and not isinstance(delta.get(name, ""), str):
            raise _GaveUpError("is_error")
        if name != "signature":
            slot["said"] += _as_javascript_adds(delta.get(name, _NOTHING))

    def _stop(self, event: dict[str, Any]) -> None:
        slot = self._slot(event)
        self.stopped += 1
        if slot.get("type") == "text":
            self.text += slot["said"]
        elif slot.get("type") == "tool_use":
            self.tools.append((slot["name"], _parsed(slot["said"] or "{}")))


def _parsed(said: str) -> object:
    try:
        return json.loads(said)
    except ValueError:
        return {"__unparsedToolInput": {"raw": said, "len": len(said)}}


def _as_javascript_adds(value: object) -> str:
    """Give what JavaScript adds to a string."""
    if value is _NOTHING:
        return "undefined"
    if isinstance(value, str):
        return value
    return "[object Object]" if isinstance(value, dict) else json.dumps(value)


def claude_code(served: Served) -> Verdict:
    """Read as Claude Code 2.1.197 does.

    Only events of some names count, ``message`` among them, and such a one must be JSON. What a block's start brings is
    thrown away, only stopped blocks are delivered, and usage is counted at message_stop. Where a stream breaks it asks
    again, mostly without streaming, so that the user pays twice: that is an error here.
    """
    if (error := refused(served)) is not None:
        return Verdict(ok=False, error=error)
    if served.whole:
        return _claude_code_whole(served)
    message = _ClaudeCode()
    try:
        for block in blocks(served.body, last=False):
            if block.name not in NAMES or not block.data:
                continue
            event = json.loads(block.data)
            message.take(event if block.name != "error" else event | {"type": "error"})
        message.end()
    except (_GaveUpError, ValueError, KeyError, TypeError, AttributeError) as error:
        if not (message.ended and message.tools):  # a call that was delivered whole runs whatever comes behind it
            return Verdict(ok=False, error=f"{type(error).__name__}: {error}")
    usage = (message.counted[0], message.counted[1])
    return Verdict(ok=True, text=message.text, tools=tuple(message.tools), finish=message.reason, usage=usage)


def older_anthropic(served: Served) -> Verdict:
    """Read as anthropic-python 0.75 and @anthropic-ai/sdk 0.60 do: only events whose line is on a list count."""
    if served.whole or served.status >= HTTPStatus.BAD_REQUEST:
        return claude_code(served)
    named = [block for block in blocks(served.body, last=False) if block.name in _LISTED]
    body = "".join(f"event: {block.name}\ndata: {block.data}\n\n" for block in named)
    return claude_code(replace(served, body=body.encode()))


def messages_loop(served: Served) -> Verdict:
    """Read as an agent's loop that runs tools where the stop reason says so, and else ends (strands, PR 1827)."""
    said = claude_code(served)
    return said if said.finish == "tool_use" else replace(said, tools=())


def by_label(served: Served) -> Verdict:
    """Read as a client or a proxy that goes by the content type: what is not labelled a stream is read as a body."""
    labelled = served.kind.partition(";")[0] == "text/event-stream"
    return claude_code(replace(served, whole=not labelled))


def _claude_code_whole(served: Served) -> Verdict:
    try:
        body = json.loads(served.body)
    except ValueError:
        body = None
    told = body if isinstance(body, dict) else {}
    content, usage = told.get("content"), told.get("usage")
    if not (isinstance(content, list) and isinstance(told.get("model"), str) and isinstance(usage, dict)):
        return Verdict(ok=False, error="API returned an empty or malformed response")
    text = "".join(block["text"] for block in content if block.get("type") == "text")
    tools = tuple((block["name"], block["input"]) for block in content if block.get("type") == "tool_use")
    counts = (usage.get("input_tokens"), usage.get("output_tokens"))
    return Verdict(ok=True, text=text, tools=tools, finish=told.get("stop_reason"), usage=counts)


# --- Codex ------------------------------------------------------------------------------------------------------------


_COUNTS: Final = ("input_tokens", "output_tokens", "total_tokens")


def codex(served: Served) -> Verdict:
    """Read as Codex 0.169 does.

    Messages and calls are those of response.output_item.done alone. It needs response.completed, with an id, and with
    whole counts where there is a usage; ``error`` events, what has no blank line and what it cannot read, such as a
    call without ``call_id``, are passed over. Without the end it asks five times more.
    """
    if (error := refused(served)) is not None:
        return Verdict(ok=False, error=error)
    text, tools = "", []
    for block in blocks(served.body, last=False):
        try:
            event = json.loads(block.data or "")
            kind = event["type"]
            if kind == "response.output_item.done":
                item = event["item"]
                if item["type"] == "message":
                    text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
                elif item["type"] == "function_call":
                    call = (item["name"], json.loads(item["arguments"]), item["call_id"])
                    tools.append(call[:2])
        except (ValueError, KeyError, TypeError):
            continue
        if kind == "response.completed":
            return _codex_completed(event.get("response"), text, tuple(tools))
        if kind == "response.failed":
            failed = (event.get("response") or {}).get("error") or {}
            return Verdict(ok=False, error=f"{failed.get('code')}: {failed.get('message')}")
        if kind == "response.incomplete":
            why = ((event.get("response") or {}).get("incomplete_details") or {}).get("reason")
            return Verdict(ok=False, error=f"Incomplete response returned, reason: {why}")
    return Verdict(ok=False, error="stream disconnected before completion: stream closed before response.completed")


def _codex_completed(response: object, text: str, tools: tuple[tuple[str, Any], ...]) -> Verdict:
    told = response if isinstance(response, dict) else {}
    usage = told.get("usage")
    counts = {name: usage.get(name) for name in _COUNTS} if isinstance(usage, dict) else {}
    bad = [name for name, count in counts.items() if not isinstance(count, int)]
    if bad or not isinstance(told.get("id"), str):
        return Verdict(ok=False, error=f"failed to parse ResponseCompleted: missing field `{(bad or ['id'])[0]}`")
    return Verdict(
        ok=True,
        text=text,
        tools=tools,
        finish="completed",
        usage=(counts["input_tokens"], counts["output_tokens"]) if counts else None,
    )


AGENTS: Final[dict[str, Callable[[Served], Verdict]]] = {
    "claude-code": claude_code,
    "anthropic-older": older_anthropic,
    "agent-loop/messages": messages_loop,
    "by-label": by_label,
    "codex": codex,
}
"""Name of an oracle -> its reader."""
