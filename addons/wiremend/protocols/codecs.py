"""What translates each wire, by its name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wiremend.protocols.chat.decoder import ChatDecoder
from wiremend.protocols.chat.encoder import ChatEncoder
from wiremend.protocols.chat.request_read import read_request as read_chat
from wiremend.protocols.chat.request_write import write_request as write_chat
from wiremend.protocols.codec import Codec
from wiremend.protocols.messages.decoder import MessagesDecoder
from wiremend.protocols.messages.encoder import MessagesEncoder
from wiremend.protocols.messages.request_read import read_request as read_messages
from wiremend.protocols.messages.request_write import write_request as write_messages
from wiremend.protocols.responses.decoder import ResponsesDecoder
from wiremend.protocols.responses.encoder import ResponsesEncoder
from wiremend.protocols.responses.request_read import read_request as read_responses
from wiremend.protocols.responses.request_write import write_request as write_responses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName

CODECS: Final[Mapping[WireName, Codec]] = MappingProxyType(
    {
        "messages": Codec(read_messages, write_messages, MessagesDecoder, MessagesEncoder, interleave=False),
        "chat": Codec(read_chat, write_chat, ChatDecoder, ChatEncoder, interleave=True),
        "responses": Codec(read_responses, write_responses, ResponsesDecoder, ResponsesEncoder, interleave=False),
    }
)
