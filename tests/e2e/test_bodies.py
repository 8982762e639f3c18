"""Request bodies of every coding, of no JSON, cut short, chunked and huge: each arrives whole and right, or as it came.

Codex compresses with zstd; others may use what HTTP allows. A body that was edited or sent elsewhere leaves as
identity; one that cannot be read leaves byte for byte, and the flow goes on.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard

from tests.lab import Client, Mitm, Reply, Request, Upstream
from tests.lab.replies import any_body
from tests.lab.sdk import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RULES = """
providers:
  lab: {{base_url: '{url}', key: client}}
aliases: {{swap-me: lab/swapped}}
default: lab
"""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def streamed_zstd(data: bytes) -> bytes:
    """Pack without the content's size in the frame, as a streaming writer does."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw-deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd-streamed": ("zstd", streamed_zstd),
    "zstd-two-frames": ("zstd", lambda data: streamed_zstd(data[:9]) + streamed_zstd(data[9:])),
    "twice": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "identity": ("identity", bytes),
}

BODY = b'{ "model":"%s", "messages":[{"role":"user","content":"' + b"caf\\u00e9 " * 400 + b'"}],"max_tokens":9 }'


def answer(request: Request, reply: Reply) -> None:
    reply.json(200, any_body(request.path))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as up:
        yield up


@pytest.fixture(scope="module")
def proxy(upstream: Upstream) -> Iterator[Mitm]:
    with Mitm(RULES.format(url=upstream.url)) as mitm:
        yield mitm


def sent(
    upstream: Upstream, proxy: Mitm, body: bytes, *headers: tuple[str, str], path: str = "/v1/responses"
) -> Request:
    upstream.forget()
    with Client.plain(proxy.port) as client:
        response = client.request("POST", path, [("host", "127.0.0.1"), ("x-api-key", KEY), *headers], body)
        assert response.status == 200
    return upstream.wait_for(1)[0]


@pytest.mark.parametrize("name", CODINGS)
def test_an_edited_body_of_any_coding_leaves_as_identity(upstream: Upstream, proxy: Mitm, name: str) -> None:
    coding, pack = CODINGS[name]
    request = sent(upstream, proxy, pack(BODY % b"swap-me"), ("Content-Encoding", coding))
    assert request.body == BODY % b"swapped"
    assert request.get("content-encoding") in {None, "identity"}
    assert request.get("content-length") == str(len(request.body))


@pytest.mark.parametrize("name", CODINGS)
def test_a_body_that_needs_no_edit_arrives_readable_too(upstream: Upstream, proxy: Mitm, name: str) -> None:
    coding, pack = CODINGS[name]
    request = sent(upstream, proxy, pack(BODY % b"as-it-is"), ("Content-Encoding", coding))
    assert request.body == BODY % b"as-it-is"
    assert request.get("content-encoding") in {None, "identity"}


@pytest.mark.parametrize("name", CODINGS)
def test_a_body_that_goes_where_the_client_sent_it_is_not_even_unpacked(
    upstream: Upstream, proxy: Mitm, name: str
) -> None:
    """Same host, no edit: the very bytes (G1)."""
    coding, pack = CODINGS[name]
    body = pack(BODY % b"as-it-is")
    url = f"{upstream.url}/v1/responses"
    request = sent(upstream, proxy, body, ("Content-Encoding", coding), path=url)
    assert request.body == body
    assert request.get("content-encoding") == coding


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


@pytest.mark.parametrize(
    ("coding", "body"),
    (
        pytest.param("zstd", cut(streamed_zstd(BODY % b"swap-me")), id="zstd-cut"),
        pytest.param("zstd", zstandard.ZstdCompressor().compress(BODY % b"swap-me")[:-1], id="zstd-last-byte"),
        pytest.param("gzip", cut(gzip.compress(BODY % b"swap-me")), id="gzip-cut"),
        pytest.param("br", cut(brotli.compress(BODY % b"swap-me")), id="br-cut"),
        pytest.param("deflate", cut(zlib.compress(BODY % b"swap-me")), id="deflate-cut"),
        pytest.param("gzip", b"this is no gzip", id="no-gzip"),
        pytest.param("zstd", b"nor zstd", id="no-zstd"),
        pytest.param("x-unheard-of", BODY % b"swap-me", id="unknown-coding"),
        pytest.param(None, cut(BODY % b"swap-me"), id="json-cut"),
        pytest.param(None, b"not JSON at all", id="text"),
        pytest.param(None, b"model=swap-me&messages=", id="form"),
        pytest.param(None, b"\x00\xff\xfe binary \r\n\r\n0\r\n\r\n", id="binary"),
        pytest.param(None, b"[" * 100_000, id="deep"),
    ),
)
def test_a_body_that_cannot_be_read_leaves_as_it_came(
    upstream: Upstream, proxy: Mitm, coding: str | None, body: bytes
) -> None:
    request = sent(upstream, proxy, body, *([("Content-Encoding", coding)] if coding else []))
    assert request.body == body
    assert request.get("content-encoding") == coding


def test_an_empty_body_stays_empty(upstream: Upstream, proxy: Mitm) -> None:
    request = sent(upstream, proxy, b"")
    assert (request.body, request.get("content-length")) == (b"", "0")


@pytest.mark.parametrize("sizes", ((1,) * 7 + (10_000,), (10_000,), (3, 5, 10_000)))
def test_a_chunked_body_is_read_whole(upstream: Upstream, proxy: Mitm, sizes: tuple[int, ...]) -> None:
    body = BODY % b"swap-me"
    upstream.forget()
    with Client.plain(proxy.port) as client:
        client.send(
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: "
            + KEY.encode()
            + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for size in sizes:
            chunk, body = body[:size], body[size:]
            client.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        client.send(b"0\r\n\r\n")
        assert client.response().status == 200
    (request,) = upstream.wait_for(1)
    assert request.body == BODY % b"swapped"


MEGABYTE = 1_000_000


@pytest.mark.parametrize("coding", (None, "zstd"))
def test_twenty_megabytes_pass_and_are_edited(upstream: Upstream, proxy: Mitm, coding: str | None) -> None:
    image = "QUJD" * (5 * MEGABYTE)
    head, tail = b'{"model":"', b'","input":[{"type":"input_image","image_url":"data:;base64,%s"}]}' % image.encode()
    body = head + b"swap-me" + tail
    packed = zstandard.ZstdCompressor(level=1).compress(body) if coding else body
    request = sent(upstream, proxy, packed, *([("Content-Encoding", coding)] if coding else []))
    assert hashlib.sha256(request.body).digest() == hashlib.sha256(head + b"swapped" + tail).digest()


def test_twenty_megabytes_of_no_json_pass_as_they_came(upstream: Upstream, proxy: Mitm) -> None:
    body = bytes(range(256)) * (20 * MEGABYTE // 256)
    assert hashlib.sha256(sent(upstream, proxy, body).body).digest() == hashlib.sha256(body).digest()


def test_a_small_body_that_unpacks_to_a_huge_one_does_not_take_the_proxy_down(upstream: Upstream, proxy: Mitm) -> None:
    bomb = b'{"model":"swap-me","input":"' + b"A" * (300 * MEGABYTE) + b'"}'
    packed = zstandard.ZstdCompressor(level=1).compress(bomb)
    del bomb
    with Client.plain(proxy.port) as client:
        headers = {"host": "127.0.0.1", "x-api-key": KEY, "content-encoding": "zstd"}
        client.request("POST", "/v1/responses", headers, packed).read()
    assert sent(upstream, proxy, BODY % b"swap-me").body == BODY % b"swapped"


def test_one_broken_body_does_not_harm_the_next_on_the_same_connection(upstream: Upstream, proxy: Mitm) -> None:
    upstream.forget()
    bodies = (b"{", BODY % b"swap-me", b"\xff", BODY % b"swap-me")
    with Client.plain(proxy.port) as client:
        for body in bodies:
            headers = {"host": "127.0.0.1", "x-api-key": KEY}
            assert client.request("POST", "/v1/responses", headers, body).json() == any_body("/v1/responses")
    assert [request.body for request in upstream.wait_for(4)] == [b"{", BODY % b"swapped", b"\xff", BODY % b"swapped"]


def test_a_client_that_waits_for_the_word_to_go_on_gets_it(upstream: Upstream, proxy: Mitm) -> None:
    """As curl does with bodies of more than a megabyte."""
    upstream.forget()
    body = BODY % b"swap-me"
    with Client.plain(proxy.port) as client:
        client.send(
            b"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: %s\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (KEY.encode(), len(body))
        )
        assert (client.reader.until(b"\r\n\r\n") or b"").startswith(b"HTTP/1.1 100 ")
        client.send(body)
        assert client.response().status == 200
    assert upstream.wait_for(1)[0].body == BODY % b"swapped"
