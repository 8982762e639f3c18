"""What a text in rules.yaml must be like: checks that raise ValueError with a sentence for the file's author.

The patterns beside them say the same to editors, through the JSON Schema, as far as a regular expression can.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from wiremend.jsonedit import parse_pointer
from wiremend.rules.globs import compile_glob
from wiremend.rules.references import can_travel
from wiremend.rules.units import DURATION, SIZE

TOKEN_PATTERN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # noqa: S105 - a header name, RFC 9110, section 5.6.2
POINTER_PATTERN = "^/([^~]|~[01])*$"  # RFC 6901, section 3
PROVIDER_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"
ALIAS_PATTERN = "^[^*]+$"
_TOKEN = re.compile(TOKEN_PATTERN)


def check_glob(text: str) -> None:
    """Raise ValueError unless the text is a glob."""
    compile_glob(text)


def check_key_glob(text: str) -> None:
    """Raise ValueError unless the text is a glob for the beginning of a credential."""
    compile_glob(text)
    if not text.endswith("*"):
        message = "a `key` glob names how credentials begin, never a whole one; end it with a star"
        raise ValueError(message)


def check_pointer(text: str) -> None:
    """Raise ValueError unless the text is a JSON pointer to something inside the body."""
    if not parse_pointer(text):
        message = "the empty pointer is the whole body; name something in it, such as /model"
        raise ValueError(message)


def check_header_name(text: str) -> None:
    """Raise ValueError unless the text can be a header's name."""
    if not _TOKEN.fullmatch(text):
        message = f"{text!r} cannot be a header's name"
        raise ValueError(message)


def check_header_value(text: str) -> None:
    """Raise ValueError where a header's value holds what would end or forge a header."""
    if not can_travel(text):
        message = "a header's value is one line of printable characters"
        raise ValueError(message)


def check_provider_name(text: str) -> None:
    """Raise ValueError unless the text can stand before the slash of ``provider/model``."""
    if not re.fullmatch(PROVIDER_PATTERN, text):
        message = (
            f"{text!r} cannot name a provider: letters, digits, '-', '_' and '.' only, so that provider/model is clear"
        )
        raise ValueError(message)


def check_alias_name(text: str) -> None:
    """Raise ValueError for a glob: aliases are exact."""
    if "*" in text or not text:
        message = "an alias is an exact name; for a pattern write a route: {when: {model: 'PATTERN'}, to: …}"
        raise ValueError(message)


def check_url(text: str) -> None:
    """Raise ValueError unless the text, its variables aside, is an http(s) URL that can be a base."""
    bare = re.sub(r"\$\{[^}]*?:-([^}]*)\}", r"\1", text)
    if bare.startswith("$"):
        return  # the variable holds the scheme: judged when it is expanded
    bare = re.sub(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}]*\})", "1", bare)  # a 1 is good for a host, a port and a path
    problem = url_problem(bare)
    if problem:
        raise ValueError(problem)


def url_problem(text: str) -> str | None:
    """Say what keeps a text from being a base URL; None where nothing does."""
    try:
        parts = urlsplit(text)
        port_error = None if parts.port is None or parts.port > 0 else "its port is 0"
    except ValueError:
        return "this is no URL: its port must be a number, and an IPv6 address stands in brackets"
    if parts.scheme not in ("http", "https"):
        return "a base URL begins with http:// or https://"
    if not parts.hostname:
        return "a base URL names a host: https://api.example.com/v1"
    if parts.username or parts.password:
        return "a base URL holds no user or password; write a reference in `key`"
    if parts.fragment:
        return "a base URL has no #fragment"
    return port_error


def check_duration(text: str) -> None:
    """Raise ValueError unless the text is a duration."""
    if not re.fullmatch(DURATION, text):
        message = f"{text!r} is no duration; write 500ms, 30s, 5m, 12h or 7d"
        raise ValueError(message)


def check_folder(text: str) -> None:
    """Raise ValueError unless the text, which may hold variables, can name a folder."""
    problem = (
        None if text.startswith("$") else folder_problem(text)
    )  # a variable in front is judged when it has a value
    if problem:
        raise ValueError(problem)


def folder_problem(text: str) -> str | None:
    """Say what keeps a text from naming a folder wherever the proxy was started; None where nothing does."""
    if not can_travel(text):
        return "a folder's name is one line of printable characters"
    if text == "~" or text.startswith("~/") or Path(text).is_absolute():
        return None
    if text.startswith("~"):
        return "`~` is your own home alone; write another's folder from the root"
    return "a folder begins with / or ~/: a relative one would depend on where the proxy was started"


def check_size(text: str) -> None:
    """Raise ValueError unless the text is a size."""
    if not re.fullmatch(SIZE, text):
        message = f"{text!r} is no size; write 500KB, 200MB or 2GB"
        raise ValueError(message)
