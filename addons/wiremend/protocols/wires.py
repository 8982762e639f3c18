"""What judges and what mends each wire, by its name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.protocols import openai
from wiremend.protocols.chat import contract as chat
from wiremend.protocols.chat.mend import MENDING as CHAT
from wiremend.protocols.messages import contract as messages
from wiremend.protocols.messages import errors as messages_errors
from wiremend.protocols.messages.mend import MENDING as MESSAGES
from wiremend.protocols.responses import contract as responses
from wiremend.protocols.responses import errors as responses_errors
from wiremend.protocols.responses.mend import MENDING as RESPONSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wiremend.protocols.base import WireName
    from wiremend.protocols.failure import Failure
    from wiremend.protocols.mending import Mending
    from wiremend.protocols.violation import StreamContract, Violation

__all__ = ["CHECKS", "CONTRACTS", "MENDING", "SAID", "SHAPES", "STATUSES"]

MENDING: Final[Mapping[WireName, Mending]] = MappingProxyType(
    {"messages": MESSAGES, "chat": CHAT, "responses": RESPONSES}
)

CONTRACTS: Final[Mapping[WireName, Callable[[], StreamContract]]] = MappingProxyType(
    {"messages": messages.Contract, "chat": chat.Contract, "responses": responses.Contract}
)
"""Judges a stream."""

CHECKS: Final[Mapping[WireName, Callable[[bytes], Sequence[Violation]]]] = MappingProxyType(
    {"messages": messages.check_body, "chat": chat.check_body, "responses": responses.check_body}
)
"""Judges a whole reply."""

SAID: Final[Mapping[WireName, Callable[[Failure], str]]] = MappingProxyType(
    {"messages": messages_errors.said, "chat": openai.said, "responses": responses_errors.said}
)
"""Gives the words for a failure, with the phrases that the wire's clients act on."""

STATUSES: Final[Mapping[WireName, Callable[[Failure], int]]] = MappingProxyType(
    {"messages": messages_errors.status_of, "chat": openai.status_of, "responses": openai.status_of}
)
"""Gives the status for a failure, as the wire has it."""

SHAPES: Final[Mapping[WireName, str]] = MappingProxyType(
    {"messages": "messages", "chat": "openai", "responses": "openai"}
)
"""The shape of the wire's own error object, as failures name it."""
