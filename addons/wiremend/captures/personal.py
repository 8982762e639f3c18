r"""What tells whose machine a capture was made on, replaced before it is shared; and what a person should read first.

==================  ==============================  ===================================================================
the home folder     ``/home/user``                  also as Claude Code names a project's folder (``-home-NAME-x``)
the user's name     ``user``                        a whole word of four characters or more, and not ``root`` and such
the host's name     ``host``                        the same, whole and without its domain
e-mail addresses    ``person1@example.com``         numbered as they are met; not those of example.com, nor ``noreply``
==================  ==============================  ===================================================================

They are replaced in every text and body, also as JSON and URLs write them. Names in images, in archives and in other
people's words stay: that is what :func:`to_read` is for.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wiremend.captures.findings import pieces
from wiremend.captures.scrub_places import as_bytes, as_text
from wiremend.captures.scrub_spans import Span, merged, replaced
from wiremend.captures.scrub_walk import Decoded, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.findings import Piece

COMMON: Final = frozenset(
    {
        *("root", "user", "users", "admin", "administrator", "ubuntu", "debian", "runner", "guest", "home", "host"),
        *("localhost", "test", "docker", "node", "python", "codespace", "vscode", "jenkins", "build", "builder"),
        *(
            "ec2-user",
            "vagrant",
            "default",
            "local",
            "agent",
            "assistant",
            "system",
            "model",
            "tool",
            "claude",
            "codex",
        ),
        *("main", "server", "client", "proxy", "owner", "developer", "nobody", "daemon", "service", "computer"),
    }
)
"""Names of users and hosts that are words, or everybody's: nobody is told by them."""

_SHORTEST: Final = 4
_EMAIL: Final = re.compile(
    rb"(?:(?<![A-Za-z0-9._%+\\-])|(?<=\\[nrtbf]))([A-Za-z0-9](?:[A-Za-z0-9._+-]|%2[Bb]){0,63})(?:@|%40)"
    rb"((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
)
_NO_PERSON: Final = re.compile(r"(?:no-?reply|do-?not-?reply|git|bot|mailer-daemon)(?:[+._-].*)?", re.IGNORECASE)
_EXAMPLE: Final = re.compile(r"(?:.*\.)?example(?:\.(?:com|org|net))?", re.IGNORECASE)


@dataclass(frozen=True)
class Personal:
    """Who recorded a capture: home folder, names of user and host, and addresses that are numbered first."""

    home: str = ""
    user: str = ""
    host: str = ""
    emails: Sequence[str] = ()

    @classmethod
    def here(cls) -> Personal:
        """Ask this machine."""
        try:
            user = getpass.getuser()
        except (OSError, KeyError):  # no such user, as in a container
            user = ""
        return cls(str(Path.home()), user, socket.gethostname())

    def capture(self, capture: Capture) -> Capture:
        """Give the capture without them; the very object where none was in it."""
        return Walk(_StandIns(self), Decoded()).capture(capture)

    def text(self, text: str) -> str:
        """Give a text without them. Addresses are numbered anew for each text."""
        return _StandIns(self).text(text)


@dataclass
class _StandIns:
    """One walk: it numbers the addresses."""

    person: Personal
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for address in self.person.emails:
            self._numbers.setdefault(address.lower(), len(self._numbers) + 1)
        self._names = _names(self.person)
        words = sorted(self._names, key=len, reverse=True)
        either = b"|".join(re.escape(word) + _edge(word) for word in words)
        self._pattern = re.compile(_START + b"(%b)" % either) if words else None

    def text(self, text: str) -> str:
        spans = self.data(as_bytes(text), form=False) if text else []
        return as_text(replaced(as_bytes(text), spans)) if spans else text

    def header(self, name: str, value: str) -> str:
        del name
        return self.text(value)

    def target(self, target: str) -> str:
        return self.text(target)

    def variable(self, name: str, value: str) -> str:
        del name
        return self.text(value)

    def credential(self, value: str) -> str:
        return self.text(value)

    def data(self, data: bytes, *, form: bool) -> Sequence[Span]:
        del form
        spans = list(self._addresses(data)) if b"@" in data or b"%40" in data else []
        if self._pattern is not None and any(word in data for word in self._names):
            names = (Span(*found.span(1), self._names[found[1]]) for found in self._pattern.finditer(data))
            return merged(spans, names)
        return spans

    def _addresses(self, data: bytes) -> Iterator[Span]:
        for found in _EMAIL.finditer(data):
            local, domain = found[1].decode(), found[2].decode()
            if _NO_PERSON.fullmatch(local) or _EXAMPLE.fullmatch(domain):
                continue
            address = f"{local}@{domain}".lower().replace("%2b", "+")
            number = self._numbers.setdefault(address, len(self._numbers) + 1)
            at = data[found.end(1) : found.start(2)]
            yield Span(*found.span(), b"person%d%bexample.com" % (number, at))


_START: Final = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2}))"


def _edge(word: bytes) -> bytes:
    """Give what must not follow: a folder's name may go on with a hyphen or a point, a word with a letter or digit."""
    return (
        rb"(?![A-Za-z0-9_])" if word[:1].isalnum() else rb"(?![A-Za-z0-9_]|[.-][A-Za-z0-9])" if b"/" in word else rb"\b"
    )


def _names(person: Personal) -> dict[bytes, bytes]:
    """Give what is replaced, in every way in which it is written, and with what."""
    names: dict[bytes, bytes] = {}
    home = person.home.rstrip("/\\")
    if len(home) > _SHORTEST and home not in {"/root", "/home/user"}:
        escaped = json.dumps(home)[1:-1]
        for form in (home, escaped, json.dumps(escaped)[1:-1], home.replace("/", "\\/"), home.replace("\\", "/")):
            names[as_bytes(form)] = b"/home/user"
        for form in (quote(home, safe=""), quote(home, safe="").lower()):
            names[as_bytes(form)] = b"%2Fhome%2Fuser"
        names[as_bytes(re.sub(r"[/\\:._]", "-", home))] = b"-home-user"
    for name, new in ((person.user, b"user"), (person.host, b"host"), (person.host.partition(".")[0], b"host")):
        if len(name) >= _SHORTEST and name.lower() not in COMMON:
            for form in (name, json.dumps(name)[1:-1], quote(name, safe="")):
                names.setdefault(as_bytes(form), new)
    return names


@dataclass(frozen=True, slots=True)
class ToRead:
    """Something to read before a capture is shared: where it is, and what it is, with its size."""

    where: str
    what: str


_ITEMS: Final = 40
_PATH: Final = re.compile(
    rb"(?<![A-Za-z0-9._/:~-])(?:/(?:home|Users|mnt|srv|opt|var|data|workspace|work)/[A-Za-z0-9._/-]{2,200})"
)
_URL: Final = re.compile(rb"https?://([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,40}\])(?::[0-9]{1,5})?")
_PRIVATE: Final = re.compile(
    r"10\..*|192\.168\..*|172\.(?:1[6-9]|2[0-9]|3[01])\..*|169\.254\..*|\[f[cde].*|[^.]+|"
    r".*\.(?:local|lan|internal|intranet|corp|home|private|localdomain)"
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def to_read(capture: Capture) -> list[ToRead]:
    """List what to read before a capture is shared: prompts, tools' results, images, paths, private hosts."""
    found: list[ToRead] = []
    seen: set[bytes] = set()
    for piece in pieces(capture):
        if piece.role not in {"body", "form"} or not piece.data or piece.data in seen:
            continue
        seen.add(piece.data)
        found += _of_body(piece)
    return found


def _of_body(piece: Piece) -> Iterator[ToRead]:
    try:
        body = json.loads(piece.data)
    except ValueError:
        body = None
    named = list(_of_request(body)) if isinstance(body, dict) else []
    for where, what in named[:_ITEMS]:
        yield ToRead(f"{piece.where} {where}", what)
    if len(named) > _ITEMS:
        yield ToRead(piece.where, f"{len(named) - _ITEMS} more messages and parts")
    if not named:
        yield ToRead(piece.where, _size(len(piece.data)))
    paths = sorted({hit[0] for hit in _PATH.finditer(piece.data)})
    if paths:
        yield ToRead(piece.where, f"{len(paths)} file paths, such as {as_text(paths[0])[:80]}")
    hosts = {as_text(hit[1]).lower() for hit in _URL.finditer(piece.data)} - _LOOPBACK
    for host in sorted(host for host in hosts if _PRIVATE.fullmatch(host)):
        yield ToRead(piece.where, f"a URL of a private host: {host}")


def _of_request(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("system", "instructions"):
        if body.get(name):
            yield f"/{name}", f"system prompt, {_size(_weight(body[name]))}"
    for name in ("messages", "input"):
        items = body.get(name)
        if isinstance(items, str):
            yield f"/{name}", f"prompt, {_size(len(items))}"
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, dict):
                continue
            kind = item.get("role") or item.get("type") or "message"
            yield f"/{name}/{number}", f"{_kind(str(kind))}, {_size(_weight(item))}"
            yield from _of_parts(item.get("content"), f"/{name}/{number}/content")


def _of_parts(parts: object, at: str) -> Iterator[tuple[str, str]]:
    for number, part in enumerate(parts if isinstance(parts, list) else ()):
        kind = str(part.get("type")) if isinstance(part, dict) else ""
        if kind in {"image", "image_url", "input_image", "document", "file", "input_file", "input_audio"}:
            yield f"{at}/{number}", f"{kind.removeprefix('input_').removesuffix('_url')}, {_size(_weight(part))}"
        elif kind == "tool_result":
            yield f"{at}/{number}", f"tool result, {_size(_weight(part))}"


def _kind(kind: str) -> str:
    known = {"tool": "tool result", "function_call_output": "tool result", "function_call": "tool call"}
    return known.get(kind, f"{kind} message" if kind in {"user", "assistant", "system", "developer"} else kind)


def _weight(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} KB"  # noqa: PLR2004 - the units themselves
