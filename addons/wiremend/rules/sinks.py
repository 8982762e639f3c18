"""Where rows and alerts go: what an address in rules.yaml may be, and what of it is secret (G8).

A ledger's sink is ``sqlite:PATH``, ``postgresql://…``, ``https://…`` (``http://`` to this machine alone), each with
``$VARIABLES``, or a reference to the whole of it. An alert's address holds its own password as a rule (a Discord URL is
one), so it is always a reference. No message quotes an address.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from wiremend.families import QUERY_CARRIERS, SHORTEST, looks_like_credential
from wiremend.rules.references import Template, can_travel, parse_reference
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

POSTGRES: Final = ("postgresql", "postgres")
FORMS: Final = "sqlite:PATH, postgresql://…, https://…"
REFERENCES: Final = "$NAME, op://vault/item/field, keyring:service/name or file:path"

_SECRET_PARAMETER: Final = re.compile(
    r"(?:^|[_-])(?:api-?key|key|token|secret|password|passwd|pass|pwd|sslpassword|sig|signature|code|credential)$",
    re.IGNORECASE,
)
_KEPT: Final = ("op:", "keyring:", "file:")
_WHOLE: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")
_VARIABLE: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})")
_RANDOM: Final = 16
"""A part of a secret address with as many letters and digits is taken for a token."""


def is_reference(text: str) -> bool:
    """Tell whether the whole of an address is kept elsewhere."""
    return text.startswith(_KEPT) or _WHOLE.fullmatch(text) is not None


def check_sink(text: str) -> None:
    """Raise ValueError unless the text can be a sink of the ledger, and holds no secret in clear."""
    if is_reference(text):
        parse_reference(text)
        return
    if text == "off":
        message = "`off` stands alone: ledger: off"
        raise ValueError(message)
    if looks_like_credential(text) or literal_secret(text):
        message = (
            "a password or token stands here in clear; write a variable in its place (postgresql://me:$DB_PASSWORD@…),"
            f" or keep the whole address elsewhere: {REFERENCES}"
        )
        raise ValueError(message)
    if text.startswith("$"):
        return  # the variable holds how it begins: judged when it has a value
    bare = re.sub(r"\$\{[^}]*?:-([^}]*)\}", r"\1", text)
    if re.match(r"https?://[^/?#]*\$", bare, re.IGNORECASE):
        bare = re.sub(r"//[^/?#]*", "//localhost", bare, count=1)  # whose host it is is judged when it has a value
    bare = re.sub(rf"^(sqlite:){_VARIABLE.pattern}", r"\1/1", bare, flags=re.IGNORECASE)
    problem = sink_problem(_VARIABLE.sub("1", bare))
    if problem:
        raise ValueError(problem)


def check_address(text: str) -> None:
    """Raise ValueError unless the text is a reference to an alert's address."""
    if not is_reference(text):
        message = f"an alert's address holds its password, so it does not stand here; write where it is: {REFERENCES}"
        raise ValueError(message)
    parse_reference(text)


def sink_problem(text: str) -> str | None:
    """Say what keeps a text, its variables expanded, from being a sink of the ledger; None where nothing does."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not can_travel(text) or not colon or scheme not in {"sqlite", *POSTGRES, "https", "http"}:
        return f"a sink of the ledger is {FORMS}, or a reference: {REFERENCES}"
    if scheme == "sqlite":
        return _file_problem(rest)
    return _url_problem(text) if rest.startswith("//") else f"this address reads {scheme}://…"


def _url_problem(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "this is no URL: its port must be a number, and an IPv6 address stands in brackets"
    if parts.fragment:
        return "this URL has a #fragment; in a password a # is written %23"
    if parts.scheme in POSTGRES:
        return None  # without a host it is a socket on this machine
    if not parts.hostname:
        return "the URL of a webhook names a host: https://rows.example.com/calls"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return "rows leave this machine by https:// alone; http:// is for a webhook on 127.0.0.1"
    return None


def _file_problem(path: str) -> str | None:
    if path.startswith("//") and not path.startswith("///"):
        return "a database in a file is written sqlite:/path/to/it, without the two slashes"
    if path.endswith(("/", "/.", "/..")):
        return "sqlite: names a file, not a folder"
    if path.startswith("~/") or Path(path).is_absolute():
        return None
    if path.startswith("~"):
        return "`~` is your own home alone; write another's folder from the root"
    return "a database's file begins with / or ~/: a relative one would depend on where the proxy was started"


def plain_sink(text: str, home: Path) -> str:
    """Give a sink's sound address in one spelling: ``postgresql://``, ``sqlite:`` and a path from the root."""
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "sqlite":
        rest = "/" + rest.lstrip("/") if rest.startswith("/") else str(home / rest.removeprefix("~/"))
        return f"sqlite:{rest}"
    return f"postgresql:{rest}" if scheme.lower() in POSTGRES else f"{scheme.lower()}:{rest}"


def literal_secret(text: str) -> bool:
    """Tell whether an address as written has a password or a token in it that is no variable."""
    blank = _VARIABLE.sub("", text)
    default = Template(text).expand({})
    return any(value for one in (blank, default) for value in _named_secrets(one))


def secrets_of(address: str, *, whole: bool) -> tuple[str, ...]:
    """Give what of an address is secret: its password and tokens, and all of it where it holds one.

    ``whole`` tells that the address itself is kept at a reference; then a part that looks drawn by lot counts as well.
    A database's host and name are none: messages name a sink by them.
    """
    if re.fullmatch(r"sqlite:.*|postgresql://[^@?#]*", address, re.DOTALL):
        return ()
    parts = _split(address)
    found = list(_named_secrets(address))
    if whole:
        host = parts.hostname if parts is not None else None
        words = re.split(r"[/@:?&=#]", address.partition("://")[2])
        found += [word for word in words if _looks_random(word) and not ("." in word and word.lower() == host)]
    found += [unquote(one) for one in found]
    kept = [one for one in dict.fromkeys(found) if len(one) >= SHORTEST]
    return (address, *kept) if kept or whole else ()


def _looks_random(word: str) -> bool:
    return len(word) >= _RANDOM and any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def _named_secrets(address: str) -> Iterator[str]:
    """Give what stands where passwords and tokens do: raw, as it is in the address."""
    parts = _split(address)
    if parts is None:
        return
    before = address.partition("://")[2].partition("?")[0]  # a slash in a password ends the host too early
    user, colon, password = before.rpartition("@")[0].partition(":")
    if password:
        yield password
    elif user and not colon and parts.scheme in {"http", "https"}:
        yield user  # a token in the place of a user
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if value and (_SECRET_PARAMETER.search(unquote(name)) or unquote(name).lower() in QUERY_CARRIERS):
            yield value


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
