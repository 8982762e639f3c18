"""The files in a case's folder: which there are, what each is, and how a body's file is called."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from wiremend.captures.case_head import read_request_head, read_response_head
from wiremend.captures.case_yaml import did_you_mean
from wiremend.errors import CaptureError

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.captures.capture import Request, Response
    from wiremend.headers import Headers

ABOUT_FILE: Final = "case.yaml"
FRAMES_FILE: Final = "frames.yaml"
OWN: Final = frozenset({"rules.yaml", "README.md"})
"""Files of a case that are not the capture's; they stay where it is written anew."""

KINDS: Final = ("json", "sse", "html", "txt", "zst", "gz", "br", "bin")
"""The last part of a body's name. It is for people: a reader takes the one that is there."""

_FILE: Final = re.compile(
    r"(?P<side>client|upstream(?:-(?:[2-9]|[1-9][0-9]+))?)"
    rf"(?:(?P<head>\.request|\.response)|(?P<body>\.request)?\.(?:{'|'.join(KINDS)}))"
)
_EXAMPLES: Final = (
    *("client.request", "client.request.json", "client.response", "client.sse", "client.json", "upstream.request"),
    *("upstream.request.json", "upstream.response", "upstream.sse", "upstream.json", "upstream-2.request"),
    *(ABOUT_FILE, FRAMES_FILE, "rules.yaml", "README.md"),
)
_CODINGS: Final = {"zstd": "zst", "gzip": "gz", "x-gzip": "gz", "br": "br"}
_SSE: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:data|event|id|retry)?:")
_JSON: Final = re.compile(rb"[ \t\r\n]*[\[{]")


def side_of(number: int) -> str:
    """Give the name that the files of an attempt begin with; the first is number 0."""
    return f"upstream-{number + 1}" if number else "upstream"


def kind_of(headers: Headers, data: bytes) -> str:
    """Give the last part of a body's name, by its coding, its first bytes and its type."""
    coding = (headers.joined("content-encoding") or "").strip().lower()
    if coding not in {"", "identity"}:
        return _CODINGS.get(coding, "bin")
    said = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if _SSE.match(data):
        return "sse"
    if said in {"application/json", "text/event-stream", "text/html"} or said.endswith("+json") or _JSON.match(data):
        return {"text/event-stream": "sse", "text/html": "html"}.get(said, "json")
    try:
        return "bin" if b"\0" in data or not data.decode() else "txt"
    except UnicodeDecodeError:
        return "bin"


def is_capture_file(name: str) -> bool:
    """Tell whether a file of this name is the capture's, so that it goes where the case is written anew."""
    return name in {ABOUT_FILE, FRAMES_FILE} or _FILE.fullmatch(name) is not None


class Files:
    """The files of one case. Raises :class:`CaptureError` where one is none of a case's, or one is missing beside it.

    ``heads`` has the names of the heads, ``bodies`` those of the bodies: by ``client.request`` for the body of a
    request, by ``client`` for that of a response.
    """

    def __init__(self, folder: Path) -> None:
        """Look into the folder."""
        self.folder = folder
        self.heads: set[str] = set()
        self.bodies: dict[str, str] = {}
        try:
            names = os.listdir(folder)  # noqa: PTH208 - thousands are read, and this takes a quarter of the time
        except OSError as error:
            raise CaptureError(f"{folder}: this is no folder that can be read: {error.strerror}") from None
        self.names = {name for name in names if name[0] != "." and name[-1] != "~"}
        for name in sorted(self.names - OWN - {ABOUT_FILE, FRAMES_FILE}):
            self._take(name)
        for name in (ABOUT_FILE, "client.request"):
            if name not in self.names:
                raise CaptureError(f"{folder / name}: this is missing, and no case is without one")
        attempts = {head for head in self.heads if head.endswith(".request")} - {"client.request"}
        self.attempts = [side_of(number) for number in range(len(attempts))]
        for side in self.attempts:
            if f"{side}.request" not in attempts:
                raise CaptureError(f"{folder / side}.request: this is missing, and there are files of a later attempt")
        for key, name in (*self.bodies.items(), *((head, head) for head in self.heads)):
            side = key.partition(".")[0]
            needed = key if key.endswith(".request") else f"{side}.{'response' if key == side else 'request'}"
            if needed not in self.heads:
                raise CaptureError(f"{folder / name}: there is no {needed} to which it belongs")

    def _take(self, name: str) -> None:
        found = _FILE.fullmatch(name)
        if found is None:
            hint = did_you_mean(name, _EXAMPLES)
            raise CaptureError(f"{self.folder / name}: this is no file of a case; README.md is for remarks{hint}")
        if found["head"]:
            self.heads.add(name)
            return
        key = found["side"] + (found["body"] or "")
        if key in self.bodies:
            both = f"{self.bodies[key]} and {name}"
            raise CaptureError(f"{self.folder}: {both} are two bodies of one message; leave the one that is right")
        self.bodies[key] = name

    def read(self, name: str) -> bytes:
        """Give the bytes of a file."""
        try:
            with open(f"{self.folder}{os.sep}{name}", "rb", 0) as file:  # noqa: PTH123 - as above
                return file.read()
        except OSError as error:
            raise CaptureError(f"{self.folder / name}: this cannot be read: {error.strerror}") from None

    def request(self, side: str) -> Request:
        """Read the head of a request."""
        name = f"{side}.request"
        return read_request_head(self.read(name), self.folder / name)

    def response(self, side: str) -> Response:
        """Read the head of a response."""
        name = f"{side}.response"
        return read_response_head(self.read(name), self.folder / name)

    def body(self, key: str, default: bytes = b"", *, none: bool = False) -> bytes:
        """Give a body; where it has no file, the default, or nothing where ``none`` says that there is none."""
        name = self.bodies.get(key)
        if name is None:
            return b"" if none else default
        if none:
            raise CaptureError(f"{self.folder / name}: case.yaml says that there is no such body; leave one of the two")
        return self.read(name)
