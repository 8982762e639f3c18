"""Names of tools and ids of calls, as the Messages API takes them.

A name is ``^[a-zA-Z0-9_-]{1,128}$`` and an id ``^[a-zA-Z0-9_-]+$`` (Messages API: tools, tool_use). What does not fit
gets another one, made of it by a hash, so that it is the same in each request of a conversation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wiremend.message import CustomTool, CustomToolUse, FunctionTool, ToolUse, Unknown
from wiremend.protocols.codec import Bridge
from wiremend.protocols.messages.request_values import digest

if TYPE_CHECKING:
    from wiremend.message import ChatRequest

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_ODD: Final = re.compile(r"[^a-zA-Z0-9_-]")
_LENGTH: Final = 128
_DIGITS: Final = 8


class Names:
    """The name that each tool of a request has on this wire, and the bridges back."""

    def __init__(self, request: ChatRequest) -> None:
        """Name the tools of the request, those that are only in its history, and the one it chooses."""
        custom = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
        named = [tool.name for tool in request.tools if isinstance(tool, FunctionTool | CustomTool)]
        for message in request.messages:
            for part in message.parts:
                if type(part) is ToolUse:
                    named.append(part.name)
                elif type(part) is CustomToolUse:
                    named.append(part.name)
                    custom.add(part.name)
        self.bridges: dict[str, Bridge] = {}
        self._legal: dict[str, str] = {}
        if request.tool_choice is not None and request.tool_choice.name:
            named.append(request.tool_choice.name)
        named = list(dict.fromkeys(named))
        taken = {name for name in named if _NAME.fullmatch(name)}
        taken |= {str(tool.data.get("name")) for tool in request.tools if isinstance(tool, Unknown)}
        for name in named:
            legal = name if _NAME.fullmatch(name) else _free(name, taken)
            taken.add(legal)
            self._legal[name] = legal
            if name in custom:
                self.bridges[legal] = Bridge(name, "custom")
            elif legal != name:
                self.bridges[legal] = Bridge(name)

    def __getitem__(self, name: str) -> str:
        """Give a tool's name on this wire."""
        return self._legal[name]


def _free(name: str, taken: set[str]) -> str:
    """Give a legal name that nobody has."""
    stem, number = _ODD.sub("_", name)[: _LENGTH - 1 - _DIGITS], 0
    while (legal := f"{stem}_{digest(f'{number or ""}{name}', _DIGITS)}") in taken:
        number += 1
    return legal


def legal_id(call: str) -> str:
    """Give the id of a call as it can be on this wire."""
    return call if _ID.fullmatch(call) else f"toolu_{digest(call, 24)}"
