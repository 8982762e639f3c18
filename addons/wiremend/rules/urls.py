"""The one place that joins a base URL and a client's path: nobody else writes ``/v1``.

People write bases with and without ``/v1``, doubled, with a slash behind, or with the whole endpoint pasted in; SDKs
put ``/v1`` in front of their paths or do not. So neither side is believed. The base gives the root and, if it ends
in one, the version; the client's path gives only the *endpoint* (``messages``, ``chat/completions``, ``models/ID`` …):

====================================  ==========================================
the base's path ends in               what is put between it and the endpoint
====================================  ==========================================
a version (``v1``, ``v4``, ``v1beta``)  nothing; a repeated version counts once
``/deployments/NAME``                 nothing
``#`` (``/v1beta/openai#``)           nothing: the base is meant as it is written
an endpoint (``/v1/messages``)        as if the endpoint were not there
anything else, or nothing             ``/v1``
====================================  ==========================================

For a host that no provider names there is no base to believe, so only repetitions collapse: ``/v1/v1``, ``//``, and
an endpoint pasted twice. docs/urls.md has the table for people; a property test joins every pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from wiremend.families import QUERY_CARRIERS
from wiremend.protocols import find_endpoint
from wiremend.protocols.base import is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wiremend.protocols import Found

_PORTS = {"http": 80, "https": 443}
DEFAULT_VERSION = "v1"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""This machine, as hosts name it."""


@dataclass(frozen=True)
class Base:
    """A base URL, taken apart. ``root`` is its path below the host without the version, ``version`` what ends it.

    ``version`` is "" where there is to be none, and None where nothing is said of it.
    """

    scheme: str
    host: str
    port: int
    root: tuple[str, ...]
    version: str | None
    query: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """The segments that every request to it begins with."""
        if self.version is not None:
            return (*self.root, self.version) if self.version else self.root
        if len(self.root) > 1 and self.root[-2] == "deployments":
            return self.root
        return (*self.root, DEFAULT_VERSION)

    @cached_property
    def text(self) -> str:
        """The base as a URL, normalised, for messages."""
        return f"{self.scheme}://{authority(self.scheme, self.host, self.port)}{_joined(self.path)}"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes: ``path`` begins with a slash and carries the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The whole URL."""
        return f"{self.scheme}://{authority(self.scheme, self.host, self.port)}{self.path}"


def authority(scheme: str, host: str, port: int) -> str:
    """Give ``host`` or ``host:port``, as a Host header has it: the port only where it is not the scheme's own."""
    name = f"[{host}]" if ":" in host else host
    return name if port == _PORTS.get(scheme) else f"{name}:{port}"


def segments(path: str) -> tuple[str, ...]:
    """Give the segments of a path that are not empty: ``//v1/messages/`` has two."""
    return tuple(segment for segment in path.split("/") if segment)


def _joined(parts: Iterable[str]) -> str:
    return "".join(f"/{part}" for part in parts)


@lru_cache(maxsize=1024)
def parse_base(url: str) -> Base:
    """Take a base URL apart. Raises ValueError where it is none (rules.yaml's are checked before)."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        message = "a base URL begins with http:// or https:// and names a host"
        raise ValueError(message)
    path = segments(parts.path)
    found = find_endpoint(path)
    if found is not None and "/".join(path[found.start :]) == found.endpoint.path:
        path = path[: found.start]  # the whole endpoint was pasted in
    version = path[-1] if path and is_version(path[-1]) else None
    while path and version is not None and is_version(path[-1]):
        path = path[:-1]
    version = "" if version is None and url.endswith("#") else version
    return Base(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], path, version, parts.query)


def split_path(target: str) -> tuple[str, str]:
    """Split a request target into path and query (without the question mark)."""
    path, _, query = target.partition("?")
    return path, query


def locate(target: str) -> Found | None:
    """Find the endpoint that a request target asks for; None where it is not an LLM endpoint."""
    return find_endpoint(segments(split_path(target)[0]))


def join(base: Base, target: str, bases: Iterable[Base] = ()) -> Destination:
    """Join a base and a client's request target.

    ``bases`` are those of all providers: where the path is no known endpoint, a prefix that one of them owns (and a
    version behind it) is taken off before joining, so that ``/coding/v1/usages`` and ``/v1/usages`` are one.
    """
    path, query = split_path(target)
    parts = segments(path)
    found = find_endpoint(parts)
    if found is not None:
        tail: Sequence[str] = parts[found.start :]
        slash = ""
    else:
        tail = _unknown_tail(parts, base, bases)
        slash = "/" if tail and path.endswith("/") else ""
    joined = _joined((*base.path, *tail)) + slash
    merged = _merge_queries(base.query, query)
    return Destination(base.scheme, base.host, base.port, (joined or "/") + (f"?{merged}" if merged else ""))


def _unknown_tail(parts: tuple[str, ...], base: Base, bases: Iterable[Base]) -> tuple[str, ...]:
    own = [base.root] if base.root else []
    foreign = [other.root for other in bases if other.root]
    for root in sorted({*own, *foreign}, key=len, reverse=True):
        rest = parts[len(root) :]
        # Another provider's prefix is only believed with a version behind it: `/api/tags` is Ollama's own path.
        if parts[: len(root)] == root and (root in own or (rest and is_version(rest[0]))):
            parts = rest
            break
    while parts and is_version(parts[0]):
        parts = parts[1:]
    return parts


def _names(query: str) -> list[tuple[str, str]]:
    """Give the parameters of a query: each one's name, and its text as it stands."""
    return [(unquote_plus(part.partition("=")[0]), part) for part in query.split("&") if part]


def carries_credential(target: str) -> bool:
    """Tell whether a request target's query holds a credential."""
    return any(name.lower() in QUERY_CARRIERS for name, _ in _names(split_path(target)[1]))


def query_credentials(target: str) -> tuple[str, ...]:
    """Give the credentials in a request target's query, decoded and as they stand."""
    found = [part.partition("=")[2] for name, part in _names(split_path(target)[1]) if name.lower() in QUERY_CARRIERS]
    return tuple(dict.fromkeys(value for text in found if text for value in (unquote_plus(text), text)))


def without_credentials(target: str) -> str:
    """Give a request target without the credentials in its query; every other byte of it stays."""
    path, query = split_path(target)
    kept = "&".join(part for name, part in _names(query) if name.lower() not in QUERY_CARRIERS)
    return path + (f"?{kept}" if kept else "")


def _merge_queries(base: str, client: str) -> str:
    """Give the client's query as it is, behind those parameters of the base that it does not name itself."""
    named = {name for name, _ in _names(client)}
    kept = [part for name, part in _names(base) if name not in named]
    return "&".join([*kept, client] if client else kept)


def collapse(target: str) -> str:
    """Undo the repetitions of an LLM endpoint's path and leave everything else alone.

    ``/x/v1/v1/messages?beta=true`` becomes ``/x/v1/messages?beta=true``; a target that is no LLM endpoint, or
    repeats nothing, comes back as it is.
    """
    path, query = split_path(target)
    parts = segments(path)
    found = find_endpoint(parts)
    if found is None:
        return target
    tail = parts[found.start :]
    prefix = parts[: found.start]
    kept: list[str] = []
    for part in _without_pasted(prefix, found):
        if not (kept and kept[-1].lower() == part.lower() and is_version(part)):
            kept.append(part)
    slash = "/" if path.endswith("/") else ""
    collapsed = _joined((*kept, *tail)) + slash
    return collapsed + (f"?{query}" if query else "") if collapsed != path else target


def _without_pasted(prefix: tuple[str, ...], found: Found) -> tuple[str, ...]:
    """Take off the endpoint that was pasted before itself: of ``v1/messages/v1`` before ``messages``, ``v1`` stays."""
    bare = prefix
    while bare and is_version(bare[-1]):
        bare = bare[:-1]
    pasted = find_endpoint(bare)
    if pasted is None or pasted.endpoint != found.endpoint or pasted.start == len(bare):
        return prefix
    return _without_pasted(bare[: pasted.start], found)
