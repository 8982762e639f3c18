"""The estimate of a prompt's tokens: by bytes or by tiktoken, media at a flat rate; no input raises, none gives zero.

tiktoken itself is asked where it is installed. Else a stand-in of ours takes its place, of which a token is a word: so
what is tokenized, how often, and that nothing is fetched, are shown either way.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import socket
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.pipeline import estimate as module
from wiremend.pipeline.estimate import (
    BY_BYTES,
    BY_TIKTOKEN,
    FRAME,
    MEDIA,
    SAMPLE,
    count_tokens,
    estimate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT_AS: Final = hashlib.sha1(
    b"https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken", usedforsecurity=False
).hexdigest()
"""The name by which tiktoken keeps the vocabulary in its folder (``tiktoken/load.py``)."""

SCIENTIST: Final = {"system": "You are a scientist", "messages": [{"role": "user", "content": "Hello, Claude"}]}
"""The first example of Anthropic's guide to token counting, which says 14."""


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no test depend on what this machine has: tiktoken keeps no vocabulary where this is empty."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    module._tokenizer.cache_clear()
    yield
    module._tokenizer.cache_clear()


def of(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("document", "tokens"),
    (
        ({"system": "abcdabcdabcd"}, 3),
        ({"system": "abcdabcdabcde"}, 4),
        ({"system": "äöüßäöüß"}, 4),
        ({"messages": [{"role": "user", "content": "hi"}]}, 5),  # 17 bytes: the names count as well
        ({"instructions": "abcdabcd", "input": "abcdabcd"}, 4),
        ({"prompt": "abcdabcdabcdabcd"}, 4),
        ({"messages": [{"source": {"type": "base64", "media_type": "image/png", "data": "A" * 4000}}]}, MEDIA + 2),
        (SCIENTIST, 12),
    ),
)
def test_the_rule(document: object, tokens: int) -> None:
    assert estimate(of(document)) == tokens
    assert count_tokens(of(document)) == (tokens, BY_BYTES)


@pytest.mark.parametrize(
    "body",
    (
        None,
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff",
        b'{"model":"a name that is no prompt","max_tokens":9}',
        b'{"system":"a"}',
    ),
)
def test_no_prompt_counts_nothing(body: bytes | None) -> None:
    assert estimate(body) == FRAME == 3
    assert count_tokens(body) == (FRAME, BY_BYTES)


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    assert estimate(body) >= FRAME


DATA: Final = "A" * 40_000


@pytest.mark.parametrize(
    ("part", "words"),
    (
        # messages
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}, "type image source"),
        ({"type": "image", "source": {"type": "url", "url": f"https://h/{DATA}"}}, "type image source"),
        (
            {"type": "document", "title": "T", "source": {"type": "file", "file_id": "f"}},
            "type document title T source",
        ),
        # chat
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
            "type image_url",
        ),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}}, "type file"),
        ({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}, "type input_audio"),
        # responses
        ({"type": "input_image", "image_url": f"data:image/png;base64,{DATA}"}, "type input_image"),
        ({"type": "input_file", "filename": "a.pdf", "file_data": DATA}, "type input_file filename a.pdf"),
        ({"type": "input_file", "file_url": "https://h/a.pdf"}, "type input_file"),
    ),
)
def test_media_count_at_a_flat_rate(part: dict[str, Any], words: str) -> None:
    frame = "role user content"
    body = of({"messages": [{"role": "user", "content": [part]}]})
    size = len(f"{frame}{words}".replace(" ", ""))
    assert estimate(body) == MEDIA - (-size // 4)


def test_a_document_that_is_text_counts_as_text() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "word " * 1000}
    tokens = estimate(of({"messages": [{"content": [{"type": "document", "source": source}]}]}))
    assert 1250 <= tokens < 1300


def test_a_tools_own_properties_are_no_media_and_nothing_sealed() -> None:
    schema = {"type": "object", "properties": {"image_url": {"type": "string"}, "signature": {"type": "string"}}}
    tools = [{"name": "post", "input_schema": schema}]
    words = "name post input_schema type object properties image_url type string signature type string"
    assert estimate(of({"tools": tools})) == -(-len(words.replace(" ", "")) // 4)


# --- tiktoken


class Words:
    """A stand-in for ``tiktoken.Encoding``: a token is what white space divides."""

    made: Final[list[dict[str, Any]]] = []

    def __init__(self, name: str, **parts: Any) -> None:  # noqa: ANN401 - as tiktoken takes them
        """Keep what it is made of."""
        self.made.append({"name": name, **parts})

    def encode_ordinary(self, text: str) -> list[str]:
        return text.split()


class Net(socket.socket):
    """A socket that must not be connected."""

    def connect(self, address: object) -> NoReturn:
        pytest.fail(f"connected to {address}")


VOCABULARY: Final = b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256))


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Words]:
    """Install the stand-in, and a vocabulary of 256 bytes by the hash that is expected."""
    tiktoken = ModuleType("tiktoken")
    tiktoken.Encoding = Words  # type: ignore[attr-defined]  # a module of our own making
    monkeypatch.setitem(sys.modules, "tiktoken", tiktoken)
    monkeypatch.setattr(socket, "socket", Net)
    (tmp_path / KEPT_AS).write_bytes(VOCABULARY)
    monkeypatch.setattr(module, "_SHA256", hashlib.sha256(VOCABULARY).hexdigest())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    Words.made.clear()
    return Words


def test_with_the_library_and_its_vocabulary_tokens_are_counted(words: type[Words]) -> None:
    assert count_tokens(
        of({"system": "one two three four", "messages": [{"role": "user", "content": "five six"}]})
    ) == (
        9,  # with role, content and user
        BY_TIKTOKEN,
    )
    assert estimate(of({"system": "one two three four"})) == 5  # by its bytes as ever
    assert [(made["name"], made["mergeable_ranks"][b"A"]) for made in words.made] == [("o200k_base", 65)]


def test_the_vocabulary_is_read_once(words: type[Words]) -> None:
    for _ in range(3):
        count_tokens(of(SCIENTIST))
    assert len(words.made) == 1


@pytest.mark.usefixtures("words")
def test_what_is_sealed_is_counted_by_its_bytes() -> None:
    sealed = [
        {"type": "thinking", "thinking": "a b", "signature": "s" * 400},
        {"type": "redacted_thinking", "data": "d" * 400},
        {"type": "reasoning", "summary": [], "encrypted_content": "e" * 400},
    ]
    texts = "type thinking thinking a b signature type redacted_thinking data type reasoning summary encrypted_content"
    assert count_tokens(of({"input": sealed})) == (len(texts.split()) + 300, BY_TIKTOKEN)


@pytest.mark.usefixtures("words")
def test_media_cost_the_same_by_tokens() -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    assert count_tokens(of({"messages": [{"content": [part]}]})) == (MEDIA + 3, BY_TIKTOKEN)


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("body", (None, b"{}", b'{"system":""}', b"["))
def test_no_prompt_counts_nothing_by_tokens(body: bytes | None) -> None:
    assert count_tokens(body) == (FRAME, BY_TIKTOKEN)


@pytest.mark.usefixtures("words")
def test_of_a_long_prompt_a_sample_is_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def encode(_: Words, text: str) -> list[str]:
        seen.append(len(text))
        return text.split()

    monkeypatch.setattr(Words, "encode_ordinary", encode)
    half = 4 * SAMPLE // 10
    text = "word " * half + "w " * (half * 5 // 2)  # twice as many words a byte in its second half
    count, way = count_tokens(of({"system": text}))
    assert way == BY_TIKTOKEN
    assert sum(seen) <= SAMPLE
    assert abs(count - len(text.split())) < len(text.split()) * 0.05


@pytest.mark.usefixtures("words")
@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert count_tokens(json.dumps({"system": text}).encode())[0] >= FRAME


@pytest.mark.parametrize("broken", ("absent", "other", "library", "off"))
def test_without_one_of_the_two_bytes_are_counted(
    broken: str, words: type[Words], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    match broken:
        case "absent":
            (tmp_path / KEPT_AS).unlink()
        case "other":
            (tmp_path / KEPT_AS).write_bytes(VOCABULARY + b"eA== 300\n")
        case "library":
            monkeypatch.setitem(sys.modules, "tiktoken", None)
        case _:  # nothing is kept then, wherever it may lie
            monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
            monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
            (tmp_path / "data-gym-cache").mkdir()
            (tmp_path / KEPT_AS).rename(tmp_path / "data-gym-cache" / KEPT_AS)
    assert count_tokens(of(SCIENTIST)) == (12, BY_BYTES)
    assert words.made == []


def test_the_other_folders_of_tiktoken_are_known(
    words: type[Words], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))
    assert count_tokens(of(SCIENTIST))[1] == BY_TIKTOKEN
    module._tokenizer.cache_clear()
    monkeypatch.delenv("DATA_GYM_CACHE_DIR")
    (tmp_path / "data-gym-cache").mkdir()
    (tmp_path / KEPT_AS).rename(tmp_path / "data-gym-cache" / KEPT_AS)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert count_tokens(of(SCIENTIST))[1] == BY_TIKTOKEN
    assert len(words.made) == 2


@pytest.mark.skipif(importlib.util.find_spec("tiktoken") is None, reason="the extra `tokens` is not installed")
def test_the_library_itself_takes_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a vocabulary of the 256 bytes alone, each byte is a token; words are still divided."""
    monkeypatch.setattr(socket, "socket", Net)
    (tmp_path / KEPT_AS).write_bytes(VOCABULARY)
    monkeypatch.setattr(module, "_SHA256", hashlib.sha256(VOCABULARY).hexdigest())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert count_tokens(b'{"system":"a \\ud800"}')[1] == BY_TIKTOKEN
    assert count_tokens(of({"system": "dön't <|endoftext|>"})) == (20, BY_TIKTOKEN)
