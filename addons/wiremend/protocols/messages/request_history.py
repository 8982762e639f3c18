"""Writes the conversation of a request for the messages wire: the system prompt, and the messages in a legal order.

What the API asks for, and what is done:

- One system prompt, in front: the leading messages of a system or a developer become it, one block a text.
- A system's message later on stays at its place, under a beta (Claude Code sends such); a developer's is a system's.
- The first message is a user's: where it is not, one that says :data:`BEGIN` is put in front.
- Results stand right behind their calls, in front of whatever else the user says: those that do not are moved there.
- No message is empty: one without parts is left out. An assistant's text at the very end, which the model goes on with,
  does not end with space: the space is left out.

Left to the quirk ``tool-result-orphan``: a call without a result, a result without a call. Left as they are, for the
API to judge: more than four cache marks, a prefill to a model that takes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from wiremend.message import CustomToolUse, Text, ToolResult, ToolUse
from wiremend.protocols.messages.request_parts import shortest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.message import ChatRequest, Message, Part
    from wiremend.protocols.codec import Path
    from wiremend.protocols.messages.request_parts import Parts
    from wiremend.protocols.messages.request_values import Json, Losses

BEGIN: Final = "Begin."
"""What the user says first in a conversation that nobody began."""

_PROMPTS: Final = frozenset({"system", "developer"})

type _Piece = tuple[Part, Path]


@dataclass(frozen=True, slots=True)
class History:
    """A conversation, written. ``late`` tells that a system speaks among the messages."""

    system: str | list[Json] | None
    messages: list[Json]
    late: bool


class _Turn(msgspec.Struct):
    """A message to be written: as it came, of the number ``index``, until its pieces are moved about.

    ``pieces`` are its parts and where they come from, once somebody asks. One that was put in has no index.
    """

    role: str
    index: int | None
    parts: tuple[Part, ...]
    extra: Json
    moved: list[_Piece] | None = None

    @property
    def pieces(self) -> list[_Piece]:
        """Give the parts with their paths."""
        if self.moved is None:
            self.moved = _pieces(self.parts, ("messages", self.index or 0))
        return self.moved

    def calls(self) -> bool:
        """Tell whether tools are called in it."""
        for part in self.parts:
            kind = type(part)
            if kind is ToolUse or kind is CustomToolUse:
                return True
        return False

    def is_in_order(self) -> bool:
        """Tell whether its results are in front of whatever else is in it."""
        others = False
        for part in self.parts:
            if type(part) is not ToolResult:
                others = True
            elif others:
                return False
        return True


class Historian:
    """Writes one conversation."""

    def __init__(self, request: ChatRequest, parts: Parts, losses: Losses) -> None:
        """Begin before the first message."""
        self._messages = request.messages
        self._own = request.wire == "messages"
        self._parts = parts
        self._losses = losses

    def write(self) -> History:
        """Write all messages."""
        lead = next(
            (i for i, message in enumerate(self._messages) if message.role not in _PROMPTS), len(self._messages)
        )
        system = self._system(lead)
        turns = self._turns(lead)
        self._order(turns)
        self._trim(turns)
        messages = [message for turn in turns if (message := self._message(turn)) is not None]
        if not messages or messages[0]["role"] != "user":
            why = "a conversation begins with the user here"
            self._losses.invented(("messages",), "first_user", f"a user's message {BEGIN!r} put in front", why)
            messages.insert(0, {"role": "user", "content": BEGIN})
        return History(system, messages, any(message["role"] == "system" for message in messages))

    def _system(self, lead: int) -> str | list[Json] | None:
        content: list[Json] = []
        for index, message in enumerate(self._messages[:lead]):
            path: Path = ("messages", index)
            self._role(message, path)
            extra = self._about(message, path)
            for name, value in extra.items():
                self._parts.foreign(name, value, path)
            blocks = self._blocks(_pieces(message.parts, path), texts=True)
            if not blocks:
                self._losses.lost(path, "empty", "a message without content was left out")
            elif content:
                why = "there is one system prompt, in front, and blocks in it"
                self._losses.approximated(path, "system", "joined with the system prompt before it", why)
            content += blocks
        return shortest(content) if content else None

    def _role(self, message: Message, path: Path) -> None:
        if message.role == "developer":
            self._losses.approximated((*path, "role"), "developer", "said by the system", "no developer speaks here")

    def _about(self, message: Message, path: Path) -> Json:
        """Note what is said about a message and has no place; give the extra fields that have one."""
        for name, value in (("name", message.name), ("id", message.id)):
            if value is not None:
                what, why = f"the {name} {value!r} was left out", f"a message has no {name} here"
                self._losses.lost((*path, name), f"message.{name}", what, why)
        if self._own:
            return dict(message.extra)
        for name, value in message.extra.items():
            self._parts.foreign(name, value, path)
        return {}

    def _turns(self, lead: int) -> list[_Turn]:
        found = []
        for index, message in enumerate(islice(self._messages, lead, None), lead):
            extra, role = message.extra, str(message.role)
            if role == "developer":
                self._role(message, ("messages", index))
                role = "system"
            if extra or message.name is not None or message.id is not None:
                extra = self._about(message, ("messages", index))
            found.append(_Turn(role, index, message.parts, extra))  # type: ignore[arg-type]  # nobody writes into it
        return found

    # --- order --------------------------------------------------------------------------------------------------------

    def _order(self, turns: list[_Turn]) -> None:
        """Put the results of each assistant's calls right behind it."""
        place = 0
        while place < len(turns):
            turn = turns[place]
            place += 1
            if turn.role == "assistant" and turn.calls():
                end = place
                while end < len(turns) and turns[end].role != "assistant":
                    end += 1
                if end > place + 1 or (end == place + 1 and not turns[place].is_in_order()):
                    turns[place:end] = self._answered(turns[place:end])

    def _answered(self, turns: list[_Turn]) -> list[_Turn]:
        """Put all results of some turns into the first, in front; they are left alone where that is how they stand."""
        results = [piece for turn in turns for piece in turn.pieces if isinstance(piece[0], ToolResult)]
        if not results or [piece[1] for piece in turns[0].pieces[: len(results)]] == [path for _, path in results]:
            return turns
        stay = set()
        if turns[0].role == "user":
            for part, path in turns[0].pieces:
                if not isinstance(part, ToolResult):
                    break
                stay.add(path)
        for _, path in results:
            if path not in stay:
                why = "results stand right behind their calls, before anything else"
                self._losses.approximated(path, "tool_result.order", "moved right behind its call", why)
        left = []
        for turn in turns:
            others = [piece for piece in turn.pieces if not isinstance(piece[0], ToolResult)]
            if others or turn.extra or not turn.pieces:
                left.append(turn)
            turn.moved = others
        if left and left[0] is turns[0] and turns[0].role == "user":
            turns[0].moved = [*results, *turns[0].pieces]
            return left
        return [_Turn("user", None, (), {}, results), *left]

    def _trim(self, turns: Sequence[_Turn]) -> None:
        """Take the space from the end of a text that the model is to go on with."""
        if not turns or turns[-1].role != "assistant" or not turns[-1].parts:
            return
        part, path = turns[-1].pieces[-1]
        if isinstance(part, Text) and part.text.strip() and part.text != (text := part.text.rstrip()):
            turns[-1].pieces[-1] = (msgspec.structs.replace(part, text=text), path)
            why = "what the model goes on with does not end with space here"
            self._losses.approximated((*path, "text"), "prefill", "the space at its end was left out", why)

    # --- content ------------------------------------------------------------------------------------------------------

    def _message(self, turn: _Turn) -> Json | None:
        if turn.moved is None and turn.role != "system":
            content = self._parts.blocks(turn.parts, turn.index or 0)
        else:
            content = self._blocks(turn.pieces, texts=turn.role == "system")
        if not content and not turn.extra:
            if turn.index is not None:
                why = "it is refused here"
                self._losses.lost(("messages", turn.index), "empty", "a message without content was left out", why)
            return None
        message: Json = {"role": turn.role, "content": shortest(content) if len(content) == 1 else content}
        return message | turn.extra if turn.extra else message

    def _blocks(self, pieces: Sequence[_Piece], *, texts: bool) -> list[Json]:
        found = []
        for part, path in pieces:
            block = self._parts.block(part, path)
            if block is None:
                continue
            if texts and block.get("type") != "text" and not self._own:
                self._losses.lost(
                    path, "system", f"a block of type {block['type']} was left out", "a system speaks text"
                )
                continue
            found.append(block)
        return found


def _pieces(parts: Sequence[Part], path: Path) -> list[_Piece]:
    return [(part, (*path, "parts", number)) for number, part in enumerate(parts)]
