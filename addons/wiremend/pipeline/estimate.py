"""How many tokens a prompt has, where the provider does not count them (quirk ``path-count-tokens-404``).

An estimate, and marked as one. Counted is all text of the system prompt, the messages, the tools and the form that the
answer must have: every string, and every name of a member, which stands for the frame that a provider puts around each
message and tool. Two ways:

====================  ==================================================================================================
way                   a token is
====================  ==================================================================================================
``bytes/4``           four bytes of the text, rounded up; always at hand, and the same everywhere
``tiktoken o200k…``   one of OpenAI's, where the extra ``tokens`` (tiktoken) is installed and its vocabulary is at hand
====================  ==================================================================================================

In both, an image or a document that is in the request or is pointed to counts :data:`MEDIA` tokens whatever its size,
and what only its provider can read (signatures, encrypted reasoning) is counted by its bytes. No prompt counts less
than :data:`FRAME`, also one that cannot be read: clients take zero for "nothing there".

tiktoken fetches its vocabulary when it has none, and the proxy must not: so it is read here, from where tiktoken keeps
it, and is used if it is the one that OpenAI publishes (by its hash). Who wants it fetches it once, into a folder that
stays: ``TIKTOKEN_CACHE_DIR=~/.cache/tiktoken python -c "import tiktoken; tiktoken.get_encoding('o200k_base')"``, and
sets the same variable for the proxy.

How near it comes: Anthropic's guide (docs: token counting) has 14 for a system prompt and a greeting, and this gives 12
by bytes and 14 by tiktoken. It has 403 for a tool and a question, of which 346 are Claude's own instructions for tools,
and this gives 61 and 63 for the other 57. Vendors' vocabularies differ: Claude's makes more tokens of the same text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BYTES: Final = 4
"""Bytes of UTF-8 text that make a token."""

MEDIA: Final = 1600
"""Tokens of an image: what Anthropic's guide gives for one of about a megapixel (docs: vision, image costs)."""

FRAME: Final = 3
"""The least that a prompt counts: what OpenAI's models are given before they answer (cookbook: counting tokens)."""

SAMPLE: Final = 512 * 1024
"""How many characters are tokenized, which takes up to 0.1 s; of a longer text that many, spread evenly over it."""

BY_BYTES: Final = "bytes/4"
BY_TIKTOKEN: Final = "tiktoken o200k_base"

_PROMPT: Final = (
    "system",
    "messages",
    "tools",
    "functions",
    "instructions",
    "input",
    "prompt",
    "response_format",
    "text",
    "output_config",
)
_SOURCES: Final = {"base64": "data", "url": "url", "file": "file_id"}
"""Where the content of an image or document lies on the messages wire: type, and the member that it then has."""
_MEDIA_TYPES: Final = frozenset({"image_url", "input_image", "file", "input_file", "input_audio"})
_CARRIERS: Final = frozenset({"image_url", "file", "file_data", "file_url", "file_id", "input_audio"})
"""On the two other wires: types of parts, and the members that hold the content."""
_SEALED: Final = frozenset({"signature", "encrypted_content"})

_PIECE: Final = 8192
_VOCABULARY: Final = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_SHA256: Final = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
# How text is split into words before they become tokens: as tiktoken 0.14 has it for o200k_base (tiktoken_ext).
_WORDS: Final = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)


def estimate(body: bytes | None) -> int:
    """Estimate the tokens of a request's prompt by its bytes, at least :data:`FRAME`. Never raises."""
    return _gathered(body).by_bytes()


def has_tokenizer() -> bool:
    """Tell whether a tokenizer is at hand on this machine. Loads it, which takes 0.5 s, once a process."""
    return _tokenizer() is not None


def count_tokens(body: bytes | None, *, tokenizer: bool = True) -> tuple[int, str]:
    """Estimate the tokens of a request's prompt as well as it can be done here, and say how. Never raises.

    The way depends on what is installed on this machine; without ``tokenizer`` it is that by bytes, as on any (G10).
    """
    found, tokenize = _gathered(body), _tokenizer() if tokenizer else None
    if tokenize is None:
        return found.by_bytes(), BY_BYTES
    return found.by_tokens(tokenize), BY_TIKTOKEN


@dataclass(slots=True)
class _Prompt:
    """What a prompt consists of: text, bytes of what is sealed, images and documents."""

    texts: list[str] = field(default_factory=list)
    sealed: int = 0
    media: int = 0

    def by_bytes(self) -> int:
        size = self.sealed + sum(len(text.encode("utf-8", "surrogatepass")) for text in self.texts)
        return max(FRAME, -(-size // BYTES) + self.media * MEDIA)

    def by_tokens(self, tokenize: Callable[[str], int]) -> int:
        """Count with a line for each text: what is between two of them in JSON is about a token, too."""
        joined = "\n".join(self.texts)
        pieces = [joined[at : at + _PIECE] for at in range(0, len(joined), _PIECE)]
        step = -(-len(joined) // SAMPLE) or 1
        taken = pieces[::step]
        counted = sum(map(tokenize, taken))
        length = sum(map(len, taken))
        text = -(-counted * len(joined) // length) if length else 0
        return max(FRAME, text - (-self.sealed // BYTES) + self.media * MEDIA)


def _gathered(body: bytes | None) -> _Prompt:
    """Gather what of a body is the prompt; nothing of what is no JSON object."""
    found = _Prompt()
    try:
        document = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return found
    if not isinstance(document, dict):
        return found
    pending: list[Any] = [document[name] for name in _PROMPT if name in document]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.texts.append(value)
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            pending += _members(value, found)
    return found


def _members(value: Mapping[str, Any], found: _Prompt) -> list[Any]:
    """Count what an object itself is, and give the members that are to be looked at."""
    kind = value.get("type") if isinstance(value.get("type"), str) else None
    if kind in _SOURCES and isinstance(value.get(_SOURCES[kind]), str):
        found.media += 1
        return []
    if kind in _MEDIA_TYPES:
        found.media += 1
        value = {name: member for name, member in value.items() if name not in _CARRIERS}
    sealed = _SEALED | {"data"} if kind == "redacted_thinking" else _SEALED
    found.texts += value
    rest: list[Any] = []
    for name, member in value.items():
        if name in sealed and isinstance(member, str):
            found.sealed += len(member)
        else:
            rest.append(member)
    return rest


@cache
def _tokenizer() -> Callable[[str], int] | None:
    """Give what counts the tokens of a text; None without tiktoken or its vocabulary. Takes 0.5 s, once a process."""
    vocabulary = _vocabulary()
    if vocabulary is None:
        return None
    try:
        tiktoken = import_module("tiktoken")  # an optional extra, never imported at start-up
    except ImportError:
        return None
    ranks = {base64.b64decode(token): int(rank) for token, _, rank in (line.partition(b" ") for line in vocabulary)}
    encoding = tiktoken.Encoding("o200k_base", pat_str=_WORDS, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def _vocabulary() -> list[bytes] | None:
    """Read the vocabulary from where tiktoken keeps it (``load.py`` in 0.14); None where it is not, or is another."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "":  # tiktoken keeps nothing then
        return None
    name = hashlib.sha1(_VOCABULARY.encode(), usedforsecurity=False).hexdigest()
    try:
        text = Path(folder or Path(tempfile.gettempdir(), "data-gym-cache"), name).read_bytes()
    except OSError:
        return None
    return text.splitlines() if hashlib.sha256(text).hexdigest() == _SHA256 else None
