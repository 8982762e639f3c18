"""A request that somebody writes down on the command line, and the rules as they would decide it on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from wiremend.captures.capture import Inputs
from wiremend.headers import Headers
from wiremend.pipeline.outcome import ClientRequest
from wiremend.rules.resolve import environment_of, resolve

if TYPE_CHECKING:
    from wiremend.captures.capture import Style
    from wiremend.replay.rules import Today
    from wiremend.rules.resolve import Resolved

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of a request."""

    method: str
    target: str | None
    host: str | None
    headers: tuple[str, ...]
    header_file: Path | None
    body: str | None

    @property
    def given(self) -> bool:
        """Tell whether it says anything of one."""
        return bool(self.target or self.host or self.headers or self.header_file or self.body is not None)


def asked_request(asked: Asked) -> ClientRequest:
    """Make the request. Raises click.UsageError, which never quotes a header's value."""
    if not asked.target:
        raise click.UsageError("--path says where the request goes: --path /v1/messages, or a whole URL")
    scheme, host, port, target = _address(asked.target, asked.host)
    style: Style = "gateway" if host is None else "proxy"
    fields = [*_file_headers(asked.header_file), *(_field(text, "--header") for text in asked.headers)]
    body = _body(asked.body)
    try:
        headers = _checked(fields)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return ClientRequest(style, asked.method.upper(), scheme, host, port, target, headers, body)


def asked_rules(today: Today, request: ClientRequest, *, strict: bool = False) -> Resolved:
    """Resolve rules as for a capture: this machine's variables in URLs and headers, stand-ins for credentials."""
    here, _ = resolve(today.rules, os.environ, offline=True, loops=False)
    return today.for_capture(Inputs(style=request.style, environment=environment_of(here), strict=strict))


def _address(target: str, host: str | None) -> tuple[str, str | None, int, str]:
    """Give scheme, host, port and target of a path, or of a whole URL."""
    if "://" in target:
        if host:
            raise click.UsageError("--path is a whole URL, which names the host; leave --host out")
        parts = target.split("/", 3)
        return (*_authority("/".join(parts[:3])), f"/{parts[3] if len(parts) > 3 else ''}")  # noqa: PLR2004 - scheme, nothing, host, path
    target = target if target.startswith("/") else f"/{target}"
    if not host:
        return "http", None, 0, target
    return (*_authority(host if "://" in host else f"https://{host}"), target)


def _authority(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in _PORTS or not parts.hostname:
        raise click.UsageError("the host is no host; write it as api.example.com, or http://127.0.0.1:8000")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _body(name: str | None) -> bytes:
    if name is None:
        return b""
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--request {name}: it cannot be read: {error.strerror}") from None


def _file_headers(path: Path | None) -> list[tuple[str, str]]:
    """Read headers as they stand on the wire, one a line; empty lines and those that begin with # count for nothing."""
    if path is None:
        return []
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.UsageError(f"--header-file {path}: it cannot be read: {why}") from None
    lines = enumerate(text.splitlines(), 1)
    return [_field(line, f"{path}:{number}") for number, line in lines if line.strip() and not line.startswith("#")]


def _field(text: str, where: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"{where}: a header reads 'NAME: VALUE'")
    return name.strip(), value.strip()


def _checked(fields: list[tuple[str, str]]) -> Headers:
    """Make headers of fields. Raises ValueError for what cannot be one; the message does not hold the value."""
    for name, value in fields:
        Headers().with_set(name, value)
    return Headers(tuple(fields))
