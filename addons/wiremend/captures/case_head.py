"""The head of a message as lines of text: what lies in ``client.request``, ``upstream.response`` and their like.

A request line with a path came to the gateway; one with a whole URL names the host it is for. Fields stand as on the
wire, one a line, in their order and spelling; bytes that are not UTF-8 stay as they are. Lines end with a line feed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wiremend.captures.capture import Body, Request, Response
from wiremend.errors import CaptureError
from wiremend.headers import Headers

if TYPE_CHECKING:
    from pathlib import Path

_REQUEST: Final = re.compile(r"([!-~]+) (.*) (HTTP/[0-9.]+)")
_RESPONSE: Final = re.compile(r"(HTTP/[0-9.]+) ([0-9]{1,9})(?: (.*))?")
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[^\]]*\]|[^/?#:\[\]]*)(?::([0-9]{1,5}))?(.*)")
_PORTS: Final = {"http": 80, "https": 443}


def read_request_head(data: bytes, path: Path) -> Request:
    """Read the head of a request; one with a path gets the scheme ``http`` and the port 80.

    Raises :class:`CaptureError`, which names file and line.
    """
    first, headers = _read(data, path)
    line = _REQUEST.fullmatch(first)
    if line is None:
        raise CaptureError(f"{path}:1: a request begins with METHOD URL HTTP/1.1, or with a path in the URL's place")
    method, target, version = line.groups()
    scheme, host, port = "http", None, 80
    url = _URL.fullmatch(target)
    if url is not None:
        scheme, host, number, target = url.groups()
        host = host.removeprefix("[").removesuffix("]")
        if number is None and scheme not in _PORTS:
            raise CaptureError(f"{path}:1: the URL of scheme {scheme} needs a port")
        port = _PORTS[scheme] if number is None else int(number)
    return Request(method, scheme, host, port, target, headers, version=version)


def read_response_head(data: bytes, path: Path) -> Response:
    """Read the head of a response. Raises :class:`CaptureError`, which names file and line."""
    first, headers = _read(data, path)
    line = _RESPONSE.fullmatch(first)
    if line is None:
        raise CaptureError(f"{path}:1: a response begins with a line such as HTTP/1.1 200 OK")
    return Response(int(line[2]), line[3] or "", headers, version=line[1])


def write_request_head(request: Request, path: Path) -> bytes:
    """Give the head of a request; a gateway's scheme and port are left out, for the line has no place for them.

    Raises :class:`CaptureError` where it would not be read as what it is; ``path`` is for the message.
    """
    as_read = replace(request, body=b"")
    places = [""]
    if request.host is None:
        as_read = replace(as_read, scheme="http", port=80)
    else:
        host = f"[{request.host}]" if ":" in request.host else request.host
        with_port = f"{request.scheme}://{host}:{request.port}"
        places = (
            [f"{request.scheme}://{host}", with_port] if request.port == _PORTS.get(request.scheme) else [with_port]
        )
    for place in places:
        head = _write(f"{request.method} {place}{request.target} {request.version}", request.headers, path)
        if _reads_as(head, as_read, path):
            return head
    raise CaptureError(f"{path}: this request does not fit into a line of METHOD URL {request.version}")


def write_response_head(response: Response, path: Path) -> bytes:
    """Give the head of a response. Raises :class:`CaptureError` where it would not be read as what it is."""
    line = f"{response.version} {response.status}" + (f" {response.reason}" if response.reason else "")
    head = _write(line, response.headers, path)
    if not _reads_as(head, replace(response, body=Body()), path):
        raise CaptureError(f"{path}: this response does not fit into a line such as HTTP/1.1 200 OK")
    return head


def _read(data: bytes, path: Path) -> tuple[str, Headers]:
    first, *lines = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    if b"\r" in data:
        number = data[: data.index(b"\r")].count(b"\n") + 1
        raise CaptureError(f"{path}:{number}: lines end with a line feed alone here, and there is a carriage return")
    if b"\0" in data:
        number = data[: data.index(b"\0")].count(b"\n") + 1
        raise CaptureError(f"{path}:{number}: there is a NUL, which no head can carry")
    fields = []
    for number, line in enumerate(lines, 2):
        name, mark, value = line.partition(":")
        if not (mark and name):
            what = (
                "a line is missing its colon: NAME: VALUE" if line else "an empty line; the body is a file of its own"
            )
            raise CaptureError(f"{path}:{number}: {what}")
        fields.append((name, value.removeprefix(" ")))
    return first, Headers(tuple(fields))


def _write(first: str, headers: Headers, path: Path) -> bytes:
    lines = [first]
    for name, value in headers:
        if not name or ":" in name:
            raise CaptureError(f"{path}: {name!r} cannot be the name of a header")
        lines.append(f"{name}: {value}" if value else f"{name}:")
    for line in lines:
        if "\n" in line or "\r" in line:
            raise CaptureError(f"{path}: there is a line end in {'its first line' if line is first else name_of(line)}")
    try:
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CaptureError(f"{path}: it holds characters that have no bytes") from None


def name_of(line: str) -> str:
    """Give the part of a header's line that may be told: its value may be a credential (G8)."""
    return f"the header {line.partition(':')[0]!r}"


def _reads_as(head: bytes, message: Request | Response, path: Path) -> bool:
    read = read_request_head if isinstance(message, Request) else read_response_head
    try:
        return read(head, path) == message
    except CaptureError:
        return False
