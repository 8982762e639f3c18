"""A chunk as it must leave: each part of it made what the contract asks for, given what has left before.

The state of what has left is the guard's: a contract that is fed all that is given out once a stream is being mended.
So whether a role is still due, or a choice has ended, is never kept twice. Here are kept only what the guard cannot
know: which choice and which call the provider means by its numbers, and what is held (see ``pieces``).

A chunk may become several (reasoning and content apart, two pieces of one choice, arguments before the finish), or
none, where nothing of it is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wiremend.protocols import loose
from wiremend.protocols.chat import faults
from wiremend.protocols.chat.lists import Numbers
from wiremend.protocols.chat.pieces import BrokenStreamError, Pieces, ended_with
from wiremend.protocols.chat.values import ERROR, content_of, reason_of, text_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wiremend.protocols.chat.choices import ChoiceState
    from wiremend.protocols.chat.contract import Contract
    from wiremend.protocols.chat.pieces import Recall
    from wiremend.protocols.mending import Origin

type Json = dict[str, Any]

OBJECT: Final = "chat.completion.chunk"
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")
_TEXTS: Final = ("refusal", "reasoning_content", "reasoning")


class Line:
    """One choice that is being mended. ``index`` is the one it has for the client, ``reason`` why it ended."""

    __slots__ = ("index", "numbers", "pieces", "reason")

    def __init__(self, index: int, guard: Contract, origin: Origin, recall: Recall) -> None:
        """Go on from what was given out so far."""
        self.index = index
        self.reason: str | None = None
        self.numbers = Numbers()
        self.pieces = Pieces(index, guard.choices, origin, recall)


class Rewriter:
    """Makes the chunks of one stream sound. ``guard`` has judged all that left, and must judge each chunk given."""

    def __init__(self, guard: Contract, origin: Origin, head: Json, recall: Recall) -> None:
        """Go on from what the guard has seen. ``head``: id, created and model of the stream, where it told them."""
        self._guard = guard
        self._origin = origin
        self._recall = recall
        self._head = head
        self._lines: dict[int, Line] = {}
        for state in sorted(guard.choices.by_index.values(), key=lambda state: state.index):
            self._line(state.index)

    def chunk(self, new: Json) -> Iterator[Json]:
        """Give the chunks that stand for one, which is changed in place. Each is to be given out before the next."""
        self._scalars(new)
        usage = new.get("usage")
        layers = self._layers(new)
        if not layers:
            if isinstance(usage, dict):
                yield new | {"choices": []}
            return
        for number, items in enumerate(layers):
            last = number == len(layers) - 1
            top = new if last else {name: value for name, value in new.items() if name != "usage"}
            yield from self._unit(top, items, keep=last and isinstance(usage, dict))

    def endings(self) -> Iterator[Json]:
        """Give the chunks that end the choices which have no finish reason. Each is to be given out before the next."""
        for line in list(self._lines.values()):
            state = self._state(line)
            if state is None or state.stage != "finished":
                item: Json = {"index": line.index, "delta": {}, "finish_reason": None}
                reason, added = line.pieces.settle(None)
                yield from self._before(self.head(), line, added)
                yield self.head() | {"choices": [item | {"finish_reason": reason}]}

    def usage(self) -> Json | None:
        """Give the chunk with the usage that clients would not find where it was; None if there is none to give."""
        guard = self._guard
        told: object = guard.usage if guard.usage_earlier else None
        if isinstance(told, bytes):
            told = loose.field(faults.parse(told), "usage")
        if guard.usage is None:
            told = guard.choice_usage
        usage = usage_of(told)
        return self.head() | {"choices": [], "usage": usage} if usage is not None else None

    def head(self) -> Json:
        """Give what a chunk of ours says of itself: what the provider's said."""
        head = self._head
        return {
            "id": head.get("id") or self._origin.mint("chatcmpl", 0),
            "object": OBJECT,
            "created": head.get("created", self._origin.now),
            "model": head.get("model") or self._origin.model or "",
        }

    def flush(self) -> None:
        """Take note that the last chunk was given out."""
        for line in self._lines.values():
            line.pieces.flush()

    def _scalars(self, new: Json) -> None:
        new["object"] = OBJECT
        if "error" in new:
            del new["error"]
        ident, created, model = new.get("id"), new.get("created"), new.get("model")
        if not isinstance(ident, str | None):
            new["id"] = str(ident) if faults.is_number(ident) else self.head()["id"]
        if created is not None and not faults.is_number(created):
            told = loose.count(created.strip()) if isinstance(created, str) else None
            new["created"] = self.head()["created"] if told is None else told
        if not isinstance(model, str | None):
            new["model"] = self.head()["model"]
        if not isinstance(new.get("moderation"), dict | None):
            del new["moderation"]
        if new.get("usage") is not None:
            usage = usage_of(new["usage"])
            if usage is None:
                del new["usage"]
            else:
                new["usage"] = usage

    def _layers(self, new: Json) -> list[list[tuple[Line, Json]]]:
        """Give the choices of a chunk, in as many layers as one choice has parts in it."""
        choices = new.get("choices")
        new["choices"] = []
        layers: list[list[tuple[Line, Json]]] = []
        depth: dict[int, int] = {}
        for position, item in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(item, dict):
                continue
            index = item.get("index")
            line = self._line(int(index) if isinstance(index, int) and faults.is_index(index) else position)
            item["index"] = line.index
            self._delta(line, item)
            for part in _apart(item):
                layer = depth.get(line.index, 0)
                depth[line.index] = layer + 1
                if layer == len(layers):
                    layers.append([])
                layers[layer].append((line, part))
        return layers

    def _delta(self, line: Line, item: Json) -> None:
        """Give a choice a delta whose texts are texts."""
        delta, message = item.get("delta"), item.get("message")
        if delta is None and isinstance(message, dict):
            del item["message"]
            delta = self._of_message(line, message)
        elif isinstance(delta, str):
            delta = {"content": delta}
        elif not isinstance(delta, dict):
            delta = {}
        item["delta"] = delta
        if not isinstance(delta.get("content"), str | None):
            content, thought = content_of(delta["content"])
            delta["content"] = content
            if thought:
                delta["reasoning_content"] = (text_of(delta.get("reasoning_content")) or "") + thought
        for name in _TEXTS:
            if not isinstance(delta.get(name), str | None):
                delta[name] = text_of(delta[name])

    def _of_message(self, line: Line, message: Json) -> Json:
        """Turn a message into a delta; what was streamed already is not said twice."""
        state = self._state(line)
        said, thought = (state.said, state.thought) if state is not None else (False, False)
        called = line.pieces.any
        if not (said or thought or called):
            return message
        kept: Json = {}
        for name, due in (
            ("content", not said),
            ("refusal", not said),
            ("reasoning_content", not (said or thought)),
            ("reasoning", not (said or thought)),
            ("tool_calls", not called),
            ("function_call", not called),
        ):
            if due and message.get(name):
                kept[name] = message[name]
        return kept

    def _unit(self, top: Json, items: list[tuple[Line, Json]], *, keep: bool) -> Iterator[Json]:
        """Give the chunks for one layer of choices."""
        kept: list[Json] = []
        for line, item in items:
            had = bool(item["delta"])
            self._fields(line, item)
            yield from self._finish(top, line, item)
            new = self._state(line) is None
            says = item["delta"] or item.get("finish_reason") or item.get("logprobs")
            if new or says or not had:
                kept.append(item)
        if kept or keep:
            yield top | {"choices": kept}

    def _fields(self, line: Line, item: Json) -> None:
        """Mend what a choice says, except why it ended."""
        state, delta = self._state(line), item["delta"]
        if item.get("logprobs") is not None and not faults.are_logprobs(item["logprobs"]):
            del item["logprobs"]
        if state is None or state.stage == "new":
            if delta.get("role") != "assistant":
                item["delta"] = delta = {"role": "assistant"} | {k: v for k, v in delta.items() if k != "role"}
        elif delta.get("role") is not None:
            del delta["role"]
        if delta.get("tool_calls") is not None or delta.get("function_call") is not None:
            _calls(line.pieces, delta)
        kinds = state.lists if state is not None else None
        line.numbers.mend(delta, kinds)
        for piece in delta.get("tool_calls") or ():
            line.numbers.mend(piece, kinds, "/tool_calls")
        if state is not None and state.stage == "finished":
            _hold_to_the_end(delta)

    def _finish(self, top: Json, line: Line, item: Json) -> Iterator[Json]:
        """Mend why a choice ended; give the chunk that must come before it, if any."""
        told = item.get("finish_reason")
        if told is None:
            return
        reason = reason_of(told)
        if reason == ERROR:
            raise ended_with(item)
        if reason is None:
            item["finish_reason"] = None
            return
        state = self._state(line)
        if state is not None and state.stage == "finished" and line.reason is not None:
            item["finish_reason"] = line.reason
            return
        item["finish_reason"], added = line.pieces.settle(reason)
        line.reason = item["finish_reason"]
        yield from self._before({name: value for name, value in top.items() if name != "usage"}, line, added)

    @staticmethod
    def _before(top: Json, line: Line, added: list[Json]) -> Iterator[Json]:
        if added:
            yield top | {"choices": [{"index": line.index, "delta": {"tool_calls": added}, "finish_reason": None}]}

    def _line(self, sent: int) -> Line:
        line = self._lines.get(sent)
        if line is None:
            line = self._lines[sent] = Line(len(self._lines), self._guard, self._origin, self._recall)
        return line

    def _state(self, line: Line) -> ChoiceState | None:
        return self._guard.choices.by_index.get(line.index)


def _apart(item: Json) -> list[Json]:
    """Part a choice that has both reasoning and content, so that no client turns their order round."""
    delta = item["delta"]
    if not (delta.get("content") and (delta.get("reasoning_content") or delta.get("reasoning"))):
        return [item]
    thought = {name: delta.pop(name) for name in _REASONING if name in delta}
    if delta.get("role"):
        thought = {"role": delta.pop("role")} | thought
    return [{"index": item["index"], "delta": thought, "finish_reason": None}, item]


def _calls(pieces: Pieces, delta: Json) -> None:
    """Mend the tool calls of a delta."""
    calls, legacy = delta.get("tool_calls"), delta.pop("function_call", None)
    entries = calls if isinstance(calls, list) else [calls] if isinstance(calls, dict) else []
    pieces.lost = pieces.lost or not isinstance(calls, list | dict | None)
    mended = [piece for entry in entries for piece in pieces.entry(entry)]
    if legacy is not None:
        mended += pieces.legacy(legacy)
    if mended or calls == []:
        delta["tool_calls"] = mended
    else:
        delta.pop("tool_calls", None)


def _hold_to_the_end(delta: Json) -> None:
    """See to it that a choice that has ended says nothing more. Raises BrokenStreamError where it does."""
    for name in ("content", "refusal"):
        if delta.get(name) and not delta[name].strip():
            delta[name] = None
        if delta.get(name):
            raise BrokenStreamError("chat.choice.after-finish", "the provider went on after it had ended its answer")
    if delta.get("tool_calls"):
        if any(piece.get("id") or (piece.get("function") or {}).get("arguments") for piece in delta["tool_calls"]):
            raise BrokenStreamError(
                "chat.choice.after-finish", "the provider called a tool after it had ended its answer"
            )
        del delta["tool_calls"]
