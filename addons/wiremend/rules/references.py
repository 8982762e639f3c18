"""What a value of rules.yaml may refer to: environment variables, and the places where credentials are kept.

Two kinds of value refer to something outside the file:

- a :class:`Template` is text with ``$NAME``, ``${NAME}`` or ``${NAME:-default}`` in it (``$$`` is one dollar sign);
- a :class:`Reference` says where a credential is: ``$NAME``, ``op://vault/item/field`` (1Password's ``op`` command),
  ``keyring:service/name`` (the ``keyring`` library), ``file:path``, or ``client``: the client's own is passed on.

A literal credential is refused by whoever parses either, without being quoted. References are parsed when the file is
read and resolved when the proxy starts, so that ``check --offline`` and replay need neither. A resolved value lives in
memory only (G8): :class:`Secret` keeps it out of ``repr`` and logs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wiremend.errors import CredentialError
from wiremend.families import looks_like_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})")
_WHOLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\})")

OP_TIMEOUT = 60.0
"""Seconds that 1Password may take; it can ask for a fingerprint."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables in it, as written in ``text``."""

    text: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that must be set, in order."""
        return tuple(match[2] or match[3] for match in self._found() if match[4] is None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its variables, also those with a default."""
        return tuple(match[2] or match[3] for match in self._found())

    def _found(self) -> list[re.Match[str]]:
        return [match for match in _VARIABLE.finditer(self.text) if not match[1]]

    def missing(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Give the variables that have neither value nor default. An empty one counts as not set, as in ``:-``."""
        return tuple(name for name in self.variables if not environ.get(name))

    def expand(self, environ: Mapping[str, str]) -> str:
        """Give the text with each variable's value; one that is not set and has no default becomes empty."""

        def value(match: re.Match[str]) -> str:
            if match[1]:
                return "$"
            return environ.get(match[2] or match[3]) or match[4] or ""

        return _VARIABLE.sub(value, self.text)


def can_travel(value: str) -> bool:
    """Tell whether a header can carry a value: one line of printable characters (RFC 9110, section 5.5)."""
    return not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential in memory. ``repr`` and ``str`` do not show it; :attr:`value` does."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        """Say that there is one."""
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a credential is kept. ``text`` is as written; ``kind`` says how it is resolved."""

    text: str
    kind: Literal["env", "op", "keyring", "file", "client"]
    name: str = ""

    def resolve(self, environ: Mapping[str, str]) -> Secret | None:
        """Fetch the credential.

        Returns None for ``client``. Raises :class:`CredentialError`, which names the reference and says what to do.
        """
        secret = self._fetch(environ)
        if secret is not None and not can_travel(secret.value):
            raise CredentialError(f"what {self.text} holds cannot be a credential: it has a line end or a NUL in it")
        return secret

    def _fetch(self, environ: Mapping[str, str]) -> Secret | None:
        match self.kind:
            case "client":
                return None
            case "env":
                return self._from_environment(environ)
            case "op":
                return self._from_1password()
            case "keyring":
                return self._from_keyring()
            case "file":
                return self._from_file()

    def _from_environment(self, environ: Mapping[str, str]) -> Secret:
        value = (environ.get(self.name) or "").strip()
        if value:
            return Secret(value)
        message = f"the environment variable {self.name} is not set"
        raise CredentialError(message)

    def _from_1password(self) -> Secret:
        program = shutil.which("op")
        if program is None:
            message = f"{self.text} needs 1Password's `op` command, which is not on the PATH"
            raise CredentialError(message)
        try:
            # The reference is an argument, the credential comes on a pipe: neither argv nor a file ever holds it (G8).
            done = subprocess.run(  # noqa: S603 - a fixed program, found on the PATH; the argument is checked on parsing
                [program, "read", "--no-newline", self.text], capture_output=True, timeout=OP_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            message = f"`op read {self.text}` did not answer: {type(error).__name__}"
            raise CredentialError(message) from None
        value = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode or not value:
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            message = f"`op read {self.text}` failed: {told[0] if told else f'exit code {done.returncode}'}"
            raise CredentialError(message)
        return Secret(value)

    def _from_keyring(self) -> Secret:
        try:
            import keyring  # noqa: PLC0415 - an optional extra, never imported at start-up
        except ImportError:
            message = f"{self.text} needs the keyring library: pip install 'wiremend[keyring]'"
            raise CredentialError(message) from None
        service, _, name = self.name.partition("/")
        try:
            value = keyring.get_password(service, name)
        except Exception as error:  # noqa: BLE001 - back-ends raise their own; the cause is named, the flow goes on
            message = f"{self.text}: the keyring failed: {type(error).__name__}"
            raise CredentialError(message) from None
        if not value:
            message = f"{self.text}: the keyring holds no such entry; `keyring set {service} {name}` adds it"
            raise CredentialError(message)
        return Secret(value)

    def _from_file(self) -> Secret:
        path = Path(self.name).expanduser()
        try:
            value = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            message = f"{self.text} cannot be read: {reason}"
            raise CredentialError(message) from None
        if not value:
            message = f"{self.text} is empty"
            raise CredentialError(message)
        return Secret(value)


def parse_reference(text: str) -> Reference:
    """Read a credential reference.

    Raises :class:`ValueError` with a message for the file's author. The text is not quoted in it, because what is
    no reference may well be a credential.
    """
    if text == "client":
        return Reference(text, "client")
    if match := _WHOLE.fullmatch(text):
        if match[3]:
            message = (
                "a credential has no default; where the variable may be unset, write a list such as [client, $NAME]"
            )
            raise ValueError(message)
        return Reference(text, "env", match[1] or match[2])
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "op":
        if not re.fullmatch(r"//[^/]+(?:/[^/]+){2,3}", rest):
            message = "a 1Password reference reads op://vault/item/field"
            raise ValueError(message)
        return Reference(text, "op", rest)
    if colon and scheme == "keyring":
        if not re.fullmatch(r"[^/]+/.+", rest):
            message = "a keyring reference reads keyring:service/name"
            raise ValueError(message)
        return Reference(text, "keyring", rest)
    if colon and scheme == "file":
        if not rest:
            message = "a file reference reads file:/path/to/the/file"
            raise ValueError(message)
        return Reference(text, "file", rest)
    what = (
        "a credential stands here in clear"
        if looks_like_credential(text)
        else "this is not a reference to a credential"
    )
    message = f"{what}; write where it is kept: $NAME, op://vault/item/field, keyring:service/name or file:path"
    raise ValueError(message)
