"""What all that writes a request of the chat wire works with: whom it is for, what is lost, what tools are called.

OpenAI's own hosts have custom tools, the role developer and ``max_completion_tokens``, and refuse what others have
added to the wire (``top_k``, ``reasoning_content``). OpenRouter alone has a place for marks of the cache.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from wiremend.message import CustomTool, CustomToolUse, FunctionTool, ToolUse
from wiremend.protocols.codec import Bridge, Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.message import Cache, ChatRequest
    from wiremend.protocols.codec import LossKind, Path, Recipient

type Json = dict[str, Any]

NOTHING: Final[tuple[Any, ...]] = (None, [], {})
"""What an extra may be without saying anything."""

FOREIGN: Final = "a field of the client's wire, which this one does not have"

LONGEST_ID: Final = 64
"""How many characters the id of a call may have."""

_OPENAI: Final = re.compile(r"(?:.+\.)?api\.openai\.com|.+\.openai\.azure\.com")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9_-]")
_STEM: Final = 48


def digest(text: str, length: int) -> str:
    """Give hex digits, the same for the same text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


class Writing:
    """A request while it is written.

    ``own`` tells that it came by this wire, so that its extras are ours; ``openai`` and ``router`` that it goes to one
    of OpenAI's hosts, to OpenRouter. ``bridges`` are the tools that go by another name or form.
    """

    def __init__(self, request: ChatRequest, recipient: Recipient) -> None:
        """Look at the recipient, and name the tools."""
        host = recipient.host.lower().rstrip(".")
        self.request = request
        self.own = request.wire == "chat"
        self.openai = _OPENAI.fullmatch(host) is not None
        self.router = host == "openrouter.ai" or host.endswith(".openrouter.ai")
        self.losses: list[Loss] = []
        self.bridges: dict[str, Bridge] = {}
        self._names = self._named()

    # -- losses

    def lose(self, kind: LossKind, path: Path, code: str, what: str, why: str = "") -> None:
        """Note a loss."""
        self.losses.append(Loss(kind, path, code, what, why))

    def extras(self, extra: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        """Give the extras that may be written; those of another wire are lost, unless they say nothing."""
        if self.own or not extra:
            return extra
        for name, value in extra.items():
            if value not in NOTHING:
                self.lose("lost", (*path, "extra", name), name, "left out", FOREIGN)
        return {}

    def cache(self, cache: Cache | None, path: Path) -> Json:
        """Give the mark for the cache, as a field."""
        if cache is None:
            return {}
        if not self.router:
            what = "the mark for the prompt's cache was left out"
            self.lose("lost", (*path, "cache"), "cache_control", what, "of chat hosts only OpenRouter has it")
            return {}
        return {"cache_control": {"type": "ephemeral"} | ({} if cache.ttl is None else {"ttl": cache.ttl})}

    # -- tools

    def call_id(self, ident: str, path: Path) -> str:
        """Give the id of a call, or of its result; one that is too long is another, in both the same."""
        if len(ident) <= LONGEST_ID:
            return ident
        what = "the id became a shorter one"
        self.lose("approximated", (*path, "id"), "tool_call_id", what, f"at most {LONGEST_ID} characters")
        return f"call_{digest(ident, 32)}"

    def name(self, name: str, *, custom: bool = False) -> str:
        """Give the name by which the provider knows a tool."""
        return self._names.get((name, custom), name) if self._names else name

    def is_custom(self, name: str) -> bool:
        """Tell whether a custom tool stays one: on OpenAI's hosts, where its name is legal."""
        return self.openai and _NAME.fullmatch(name) is not None

    def _named(self) -> dict[tuple[str, bool], str]:
        """Give each tool a name that is legal and no other's, and the bridges of those that differ."""
        functions, customs = _tools(self.request)
        odd = [(name, False) for name in functions if not _NAME.fullmatch(name)]
        odd += [(name, True) for name in customs if not self.is_custom(name)]
        taken = {name for name in functions if _NAME.fullmatch(name)} | {
            name for name in customs if self.is_custom(name)
        }
        names: dict[tuple[str, bool], str] = {}
        for name, custom in odd:
            far = name if _NAME.fullmatch(name) and name not in taken else _legal(name, taken)
            taken.add(far)
            names[name, custom] = far
            self.bridges[far] = Bridge(name, "custom" if custom else "function")
        return names


def _tools(request: ChatRequest) -> tuple[dict[str, None], dict[str, None]]:
    """Give the names of functions and of custom tools, those that only the history knows too."""
    functions: dict[str, None] = {}
    customs: dict[str, None] = {}
    for tool in request.tools:
        if isinstance(tool, FunctionTool):
            functions[tool.name] = None
        elif isinstance(tool, CustomTool):
            customs[tool.name] = None
    for message in request.messages:
        if message.role == "assistant":
            for part in message.parts:
                if type(part) is ToolUse:
                    functions[part.name] = None
                elif type(part) is CustomToolUse:
                    customs[part.name] = None
    return functions, customs


def _legal(name: str, taken: Iterable[str]) -> str:
    stem = _ILLEGAL.sub("_", name)[:_STEM] or "tool"
    number = 0
    while (far := f"{stem}_{digest(f'{number}\n{name}', 8)}") in taken:
        number += 1
    return far
