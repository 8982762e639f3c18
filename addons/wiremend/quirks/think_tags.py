"""Thinking that stands in the content, in tags, because the server has no parser for it.

Only what begins the content is looked at: a tag further on is what the answer speaks of. Held back is never more than
a tag: the first characters as long as they may be an opening one, and a tail that may begin the closing one. At the
finish, and at the end of the stream, what is held is let go.

Where the chat template writes the opening tag itself, the content begins inside the thinking, and only the closing tag
tells. No stream shows that at its beginning, so that mend is a quirk of its own, on by name only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.quirks.base import Quirk

if TYPE_CHECKING:
    from wiremend.quirks.base import EventStep, Noting, Scope
    from wiremend.quirks.memory import Memory

MAX_SPACE: Final = 16
"""White space before an opening tag."""

MAX_COPY: Final = 1 << 18
"""Characters that are kept, where the opening tag is not sent, until the closing tag comes."""

_OPEN: Final = ("<think>", "<thinking>")
_CLOSE: Final = ("</think>", "</thinking>")
_CLOSING: Final = re.compile("|".join(_CLOSE), re.IGNORECASE)
_NEVER: Final = (b"\xff",)  # no JSON in UTF-8 has this byte
_MAX_CHOICES: Final = 128


class _Text:
    """The content of one choice. ``feed`` and ``flush`` give (reasoning, content), each text or ""."""

    def __init__(self, *, opened: bool) -> None:
        self.state = "start"  # then "inside", then "off"
        self.tagged = False
        self.repeated = False
        self._opened = opened  # the template opens the thinking, so the reply need not
        self._held = ""
        self._copy: list[str] | None = None
        self._room = MAX_COPY

    def feed(self, text: str) -> tuple[str, str]:
        """Take the next piece of the content."""
        if self.state == "off":
            return "", text
        self._held += text
        if self.state == "start":
            self._begin()
        if self.state == "inside":
            return self._inside()
        return ("", "") if self.state == "start" else ("", self._let_go())

    def flush(self) -> tuple[str, str]:
        """Let go what is held."""
        inside, held = self.state == "inside", self._let_go()
        return (held, "") if inside else ("", held)

    def answer(self) -> str:
        """Give all the text once more if no closing tag came, for then nothing says that it was thinking."""
        text = "".join(self._copy) if self.state == "inside" and self._copy else ""
        self._copy = None
        self.repeated = self.repeated or bool(text)
        return text

    def _begin(self) -> None:
        """Decide whether the content begins with a tag, if that can be told."""
        bare = self._held.lstrip()
        start = bare[: len(_OPEN[1])].lower()
        space = len(self._held) - len(bare)
        tag = next((tag for tag in _OPEN if start.startswith(tag)), None)
        if space > MAX_SPACE:
            self.state = "inside" if self._opened else "off"
        elif tag is not None:
            self._held = self._held[:space] + bare[len(tag) :]
            self.state, self.tagged, self._opened = "inside", True, False
        elif not any(tag.startswith(start) for tag in _OPEN):
            self.state = "inside" if self._opened else "off"
        if self.state == "inside" and self._opened:
            self._copy = []

    def _inside(self) -> tuple[str, str]:
        found = _CLOSING.search(self._held)
        if found:
            thought, rest = self._held[: found.start()], self._held[found.end() :]
            self.state, self.tagged, self._held, self._copy = "off", True, "", None
            return thought, rest
        end = len(self._held) - _overlap(self._held)
        thought, self._held = self._held[:end], self._held[end:]
        self._remember(thought)
        return thought, ""

    def _let_go(self) -> str:
        held, self._held = self._held, ""
        if self.state == "inside":
            self._remember(held)
        return held

    def _remember(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            self._copy = None
        elif self._copy is not None:
            self._copy.append(text)


class _Step:
    """Moves the thinking of each choice to ``reasoning_content``."""

    def __init__(self, *, opened: bool) -> None:
        self.needles: tuple[bytes, ...] = ()
        self._opened = opened
        self._texts: dict[int, _Text] = {}
        self._top: dict[str, Any] = {}

    def event(self, document: dict[str, Any], note: Noting) -> list[dict[str, Any]] | None:
        """Change the content of a chunk's choices; what is thought leaves in a chunk before what is said."""
        choices = document.get("choices")
        if not isinstance(choices, list):
            return None
        ahead: list[dict[str, Any]] = []
        changed = False
        for number, choice in enumerate(choices):
            text = self._text(choice)
            if text is not None:
                before = text.tagged, text.repeated
                at = f"/choices/{number}/delta/content"
                changed = self._choice(text, choice, ahead) or changed
                if text.repeated and not before[1]:
                    note(at, "no closing tag came, so the text is given as the answer too")
                if text.tagged and not before[0]:
                    note(at, "what stands in think tags becomes reasoning_content")
        if self._texts and all(text.state == "off" for text in self._texts.values()):
            self.needles = _NEVER
        else:
            self._top = {name: value for name, value in document.items() if name not in {"choices", "usage"}}
        if ahead:
            return [{**_without(document, "usage"), "choices": ahead}, document]
        return [document] if changed else None

    def close(self, note: Noting) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's signature
        """Let go what is held, at most a piece of a tag for each choice."""
        choices = []
        for index, text in self._texts.items():
            thought, said = text.flush()
            if thought or said:
                delta = {"reasoning_content": thought} if thought else {"content": said}
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return [{**self._top, "choices": choices}] if choices else []

    def _text(self, choice: object) -> _Text | None:
        """Give the state of a choice; None where there is nothing to look at."""
        index = choice.get("index", 0) if isinstance(choice, dict) else None
        if not isinstance(index, int) or not isinstance(choice, dict) or not isinstance(choice.get("delta"), dict):
            return None
        if index not in self._texts and len(self._texts) < _MAX_CHOICES:
            self._texts[index] = _Text(opened=self._opened)
        return self._texts.get(index)

    def _choice(self, text: _Text, choice: dict[str, Any], ahead: list[dict[str, Any]]) -> bool:
        delta = choice["delta"]
        content = delta.get("content")
        thought = said = ""
        foreign = content is not None and not isinstance(content, str)
        if text.state == "start" and (foreign or delta.get("reasoning_content") or delta.get("reasoning")):
            _, said = text.flush()  # the server tells thinking apart itself, or sends parts
            text.state = "off"
        if isinstance(content, str) and content:
            thought, more = text.feed(content)
            said += more
        finish = choice.get("finish_reason")
        if finish is not None or delta.get("tool_calls"):
            pieces = text.flush()
            thought, said = thought + pieces[0], said + pieces[1]
        if finish == "stop" and (again := text.answer()):
            said += again
        if (not thought and said == (content or "")) or (foreign and not said):
            return False
        if foreign:
            ahead.append({"index": choice.get("index", 0), "delta": {"content": said}, "finish_reason": None})
        else:
            _put(choice, delta, thought, said, ahead)
        return True


def _put(choice: dict[str, Any], delta: dict[str, Any], thought: str, said: str, ahead: list[dict[str, Any]]) -> None:
    """Write both texts into a delta; the thought into one ahead of it if there is something said as well."""
    if thought and said:
        first = {"role": delta.pop("role")} if "role" in delta else {}
        first["reasoning_content"] = thought
        ahead.append({"index": choice.get("index", 0), "delta": first, "finish_reason": None})
    elif thought:
        delta["reasoning_content"] = f"{delta.get('reasoning_content') or ''}{thought}"
        delta.pop("content", None)
        return
    delta["content"] = said


def _overlap(text: str) -> int:
    """Give the length of the tail that may be the beginning of a closing tag."""
    tail = text[-len(_CLOSE[1]) :].lower()
    return max((n for n in range(1, len(tail) + 1) if any(tag.startswith(tail[-n:]) for tag in _CLOSE)), default=0)


def _without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _tagged_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step(opened=False)


def _opened_step(_: Scope, _memory: Memory) -> EventStep:
    return _Step(opened=True)


def _whole(document: dict[str, Any], note: Noting, *, opened: bool) -> None:
    choices = document.get("choices")
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        message = choice.get("message") if isinstance(choice, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(content, str):
            continue
        if message.get("reasoning_content") or message.get("reasoning"):
            continue
        text = _Text(opened=opened)
        pieces = (text.feed(content), text.flush())
        if text.tagged:
            message["content"] = "".join(said for _, said in pieces)
            message["reasoning_content"] = "".join(thought for thought, _ in pieces)
            note(f"/choices/{number}/message/content", "what stands in think tags becomes reasoning_content")


def _tagged_reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    _whole(document, note, opened=False)


def _opened_reply(document: dict[str, Any], _: Scope, _memory: Memory, note: Noting) -> None:
    _whole(document, note, opened=True)


_EVIDENCE: Final = (
    "https://github.com/tonyd2wild/DeepSeek-v4-Flash-Vision-Exp-DSpark-1M-NVFP4-KV-2x-DGX-Spark/issues/16",
    "hermes agent/think_scrubber.py",
)

QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        number=93,
        name="think-tags-in-content",
        wires=("chat",),
        side="stream",
        kind="condition",
        who="Servers without a parser for reasoning; on by name.",
        symptom="The thinking is shown as the answer, with its tags.",
        mend="What stands in think tags at the beginning of the content becomes `reasoning_content`.",
        before='"content":"<think>1. …</think>391"',
        after='"reasoning_content":"1. …", then "content":"391"',
        evidence=_EVIDENCE,
        step=_tagged_step,
        reply=_tagged_reply,
    ),
    Quirk(
        number=93,
        name="think-tag-unopened",
        wires=("chat",),
        side="stream",
        kind="condition",
        who="Servers without a parser whose chat template writes the opening tag itself; on by name.",
        symptom="`…</think>391` is shown as the answer.",
        mend="The content up to the closing tag becomes `reasoning_content`; without one, it is the answer too.",
        before='"content":"1. …</think>391"',
        after='"reasoning_content":"1. …", then "content":"391"',
        evidence=_EVIDENCE,
        step=_opened_step,
        reply=_opened_reply,
    ),
)
