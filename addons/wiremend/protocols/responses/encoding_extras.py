"""What stands beside the words of an answer: proofs of reasoning, citations, items that are opaque."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from wiremend.protocols.coding import UNREADABLE, paired, type_of
from wiremend.protocols.envelope import seal

if TYPE_CHECKING:
    from wiremend.protocols.coding import Proof


# --- reasoning --------------------------------------------------------------------------------------------------------


def encrypted(proof: Proof) -> str | None:
    """Give what the client sends back as ``encrypted_content``, None for nothing (or for what is nobody's).

    What another wire wrote is put in an envelope. So is reasoning of another wire that nothing proves: @ai-sdk/openai,
    for one, sends reasoning back only where it has ``encrypted_content``, and Kimi and DeepSeek want theirs back.
    """
    if proof.is_of("responses"):
        return proof.encrypted and paired(proof.encrypted)
    if proof.any:
        return proof.sealed()
    return None if proof.wire is None else seal(proof.wire, {name: paired(text) for name, text in proof.more.items()})


# --- citations --------------------------------------------------------------------------------------------------------


class _Url(Struct, tag_field="type", tag="url_citation"):
    start_index: int
    end_index: int
    url: str
    title: str


class _File(Struct, tag_field="type", tag="file_citation"):
    file_id: str
    filename: str
    index: int


class _ContainerFile(Struct, tag_field="type", tag="container_file_citation"):
    container_id: str
    file_id: str
    filename: str
    start_index: int
    end_index: int


class _FilePath(Struct, tag_field="type", tag="file_path"):
    file_id: str
    index: int


class _Nested(Struct):
    url: str
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _ChatUrl(Struct):
    type: Literal["url_citation"]
    url_citation: _Nested


class _WebResult(Struct):
    type: Literal["web_search_result_location"]
    url: str
    title: str | None = None


_read_own: Final = msgspec.json.Decoder(_Url | _File | _ContainerFile | _FilePath).decode
_read_chat: Final = msgspec.json.Decoder(_ChatUrl).decode
_read_web: Final = msgspec.json.Decoder(_WebResult).decode


def cited(citation: str, length: int) -> tuple[bytes | None, str]:
    """Write a citation as an annotation, None where there is none that says it; and say what is lost of it, "" nothing.

    @ai-sdk/openai refuses the stream for an annotation that it does not know, so each field is looked at. ``length`` is
    that of the text so far, all of which a citation of the messages wire speaks of.
    """
    try:
        return msgspec.json.encode(_read_own(citation)), ""
    except UNREADABLE:
        pass
    try:
        inner = _read_chat(citation).url_citation
        end = length if inner.end_index is None else inner.end_index
        return msgspec.json.encode(_Url(inner.start_index or 0, end, inner.url, inner.title or "")), ""
    except UNREADABLE:
        pass
    try:
        web = _read_web(citation)
        note = msgspec.json.encode(_Url(0, length, web.url, web.title or ""))
    except UNREADABLE:
        return None, f"a citation of type {type_of(citation)!r}"
    return note, "the words that a citation quotes"


# --- opaque items -----------------------------------------------------------------------------------------------------

_ITEMS: Final = frozenset(
    {
        *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call", "computer_call"),
        *("computer_call_output", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
        *("apply_patch_call", "apply_patch_call_output", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
        *("mcp_approval_response", "tool_search_call", "tool_search_output", "compaction", "program"),
        *("program_output", "additional_tools", "custom_tool_call_output", "function_call_output"),
    }
)
"""The types of output item that the hub has no words for (openai-python 3.52, ``ResponseOutputItem``)."""


class _Item(Struct):
    type: str
    id: str


_read_item: Final = msgspec.json.Decoder(_Item).decode


def own_item(extra: str) -> tuple[bytes | None, str, str]:
    """Give an opaque part as the item of this wire that it is, None where it is none; with its type and id."""
    try:
        item = _read_item(extra)
        if item.type in _ITEMS and item.id:
            return msgspec.json.format(extra.encode(), indent=-1), item.type, item.id
    except UNREADABLE:
        pass
    return None, type_of(extra), ""
