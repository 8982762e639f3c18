"""Secrets to plant, each made of parts at run time, and the search for them in every byte that was written.

A secret is made of blocks of ten characters that all begin alike, so that one pass over any amount of data finds whole
secrets and parts of them: any nineteen characters of one in a row hold a whole block.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.codings import decode
from wiremend.errors import BodyError, CaptureError
from wiremend.mitm.flows import read_flows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wiremend.captures.capture import Capture
    from wiremend.headers import Headers

MARK: Final = "Zq"
_BLOCK: Final = re.compile(rb"Zq[A-Za-z0-9]{8}")
_MIXED: Final = "ABCDEFGHIJKLMNOPRSTUVWXYabcdefghijklmnoprstuvwxy0123456789"
_HEX: Final = "0123456789abcdef"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

_SHAPES: Final = {
    "sk-ant-": ("sk-ant-api03-", 9, ""),
    "sk-ant-oat": ("sk-ant-oat01-", 9, ""),
    "AIza": ("AIzaSy012", 3, ""),
    "hf_": ("hf_", 3, "abcd"),
    "fw_": ("fw_", 2, "abcd"),
    "nvapi-": ("nvapi-", 6, "abcd"),
    "xai-": ("xai-", 8, ""),
}
"""Of a family's prefix what stands in front of its keys' characters, how many blocks they are, and what is behind."""


def _digits(name: str, alphabet: str, length: int) -> str:
    """Give characters that the name decides, the same in every run."""
    drawn = hashlib.shake_256(name.encode()).digest(length)
    return "".join(alphabet[byte % len(alphabet)] for byte in drawn)


@dataclass
class Vault:
    """What was planted, by name."""

    planted: dict[str, str] = field(default_factory=dict)
    _blocks: dict[bytes, str] = field(default_factory=dict)
    _parts: dict[bytes, str] = field(default_factory=dict)

    def key(self, name: str, prefix: str = "", blocks: int = 5) -> str:
        """Plant letters and digits, behind a prefix; a digit is in the first block."""
        body = "".join(f"{MARK}{number % 10}{_digits(f'{name}/{number}', _MIXED, 7)}" for number in range(blocks))
        self._blocks |= dict.fromkeys(_BLOCK.findall(body.encode()), name)
        return self._plant(name, prefix + body)

    def hex(self, name: str, prefix: str = "", length: int = 64) -> str:
        """Plant a number in hexadecimal."""
        return self._parted(name, prefix, _digits(name, _HEX, length))

    def lower(self, name: str, prefix: str = "", length: int = 48) -> str:
        """Plant lower-case letters and digits."""
        return self._parted(name, prefix, _digits(name, _LOWER, length))

    def uuid(self, name: str) -> str:
        """Plant a uuid."""
        text = _digits(name, _HEX, 32)
        return self._parted(name, "", f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}")

    def family(self, name: str, prefix: str) -> str:
        """Plant a key of a family, in the alphabet and of the length that its vendor hands out."""
        if prefix == "sk-or-":
            return self.hex(name, "sk-or-v1-")
        if prefix == "csk-":
            return self.lower(name, prefix)
        if prefix == "eyJ":
            head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
            return self.key(name, f"{head}.eyJ", 4) + "." + self.key(f"{name} signature", "", 4)
        before, blocks, behind = _SHAPES.get(prefix, (prefix, 5, ""))
        return self.key(name, before, blocks) + behind

    def aws(self, name: str) -> str:
        """Plant an access key's id."""
        return self._parted(name, "AKIA", _digits(name, _BASE32, 16))

    def told(self, data: bytes) -> set[str]:
        """Give the names of what is in some bytes, whole or in part, also in base64."""
        found = {self._blocks[block] for block in set(_BLOCK.findall(data)) & self._blocks.keys()}
        return found | {name for part, name in self._parts.items() if part in data}

    def also_in_base64(self, name: str, text: str) -> str:
        """Look for a text in base64, too: as a whole, wherever in a group of three bytes it begins."""
        for skip in range(3):
            coded = base64.b64encode(b"." * skip + text.encode())[4 if skip else 0 :]
            self._parts |= {coded[at : at + 16]: name for at in range(0, len(coded) - 20, 16)}
        return text

    def _plant(self, name: str, value: str) -> str:
        assert name not in self.planted, f"{name!r} is planted twice"
        self.planted[name] = value
        return value

    def _parted(self, name: str, prefix: str, text: str) -> str:
        size = min(12, len(text))
        self._parts |= {text[at : at + size].encode(): name for at in range(0, len(text) - size + 1, size)}
        return self._plant(name, prefix + text)


def none_in(vault: Vault, places: Iterable[tuple[str, bytes]]) -> None:
    """Raise an AssertionError that names each place with something planted in it, and what that is."""
    found = [f"{place}: {', '.join(sorted(told))}" for place, data in places if (told := vault.told(data))]
    assert not found, "\n".join(["planted, and written:", *found])


def written(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Give every file of folders as its bytes, and what is inside of archives and of compressed bodies."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()
                yield from inside(path)


def nameless(pid: int) -> list[tuple[str, bytes]]:
    """Give what is in the files that a process has open and that have no name any more (Linux)."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if " (deleted)" in str(path.readlink()):
                found.append((str(path.readlink()), path.read_bytes()))
        except OSError:
            continue
    return found


def inside(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give what a search of the bytes alone would not see."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            for name in archive.namelist():
                yield f"{path}: {name}", archive.read(name)
    if path.suffix == ".flows":
        try:
            for found in read_flows(path):
                if found.capture is not None:
                    yield from ((f"{path}:{found.number}: {where}", data) for where, data in _decoded(found.capture))
        except CaptureError:
            return


def _decoded(capture: Capture) -> Iterator[tuple[str, bytes]]:
    parts: list[tuple[str, Headers, bytes]] = [("request", capture.request.headers, capture.request.body)]
    for attempt in capture.attempts:
        parts.append(("attempt", attempt.request.headers, attempt.request.body))
        if attempt.response is not None:
            parts.append(("reply", attempt.response.headers, attempt.response.body.data))
    if capture.answer is not None:
        parts.append(("answer", capture.answer.headers, capture.answer.body.data))
    for where, headers, body in parts:
        yield f"{where}, what its events say together", spoken(body)
        coding = headers.joined("content-encoding")
        if coding and coding != "identity":
            try:
                yield f"{where}, decoded", decode(body, coding)
            except BodyError:
                continue


def spoken(body: bytes) -> bytes:
    """Give what the events of a stream say at the same place, one behind the other."""
    said: dict[str, list[str]] = {}
    for line in body.split(b"\n") if b"data:" in body else ():
        if line.startswith(b"data:"):
            try:
                _collect(json.loads(line.removeprefix(b"data:")), "", said)
            except ValueError:
                continue
    return "\n".join("".join(texts) for texts in said.values()).encode("utf-8", "replace")


def _collect(value: object, at: str, said: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        said.setdefault(at, []).append(value)
    elif isinstance(value, dict):
        for name, one in value.items():
            _collect(one, f"{at}/{name}", said)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            _collect(one, f"{at}/{number}", said)
