"""The system's keyring, by the optional ``keyring`` library: where a key is kept, and never anywhere else.

A back-end counts where it is real: not the library's own stand-ins for "there is none", and none that keeps its entries
as plain text. What cannot be kept there is not kept at all: the user is told which variable to set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.errors import SetupError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from keyring.backend import KeyringBackend

SERVICE: Final = "wiremend"
_STAND_INS: Final = ("keyring.backends.fail", "keyring.backends.null")
_HINT: Final = "pip install 'wiremend[keyring]'"


def reference(provider: str) -> str:
    """Give the reference for rules.yaml to a provider's key in the keyring."""
    return f"keyring:{SERVICE}/{provider}"


def open_keyring() -> KeyringBackend | str:
    """Give the back-end, or why there is none that is real."""
    try:
        import keyring  # noqa: PLC0415 - an optional extra, never imported at start-up
    except ImportError:
        return f"the keyring library is not installed ({_HINT})"
    try:
        backend = keyring.get_keyring()
        inner = getattr(backend, "backends", None)  # the library's chain of several
        backends = list(inner) if inner is not None else [backend]
    except Exception as error:  # noqa: BLE001 - back-ends raise their own
        return f"the keyring of this system failed ({type(error).__name__})"
    if not backends or type(backends[0]).__module__.startswith(_STAND_INS):
        return "this system has no keyring"
    if any("plaintext" in type(one).__name__.lower() for one in backends):
        return "the keyring of this system keeps its entries as plain text"
    return backend


class Saved:
    """An entry that is put into the keyring, and taken back where what comes behind fails; a context manager."""

    def __init__(self, backend: KeyringBackend, provider: str, key: str) -> None:
        """Prepare; nothing is changed yet."""
        self._backend = backend
        self._name = provider
        self._key = key
        self._before: str | None = None

    def __enter__(self) -> Self:
        """Store the key and read it back. Raises :class:`SetupError` where that fails; then all is as it was."""
        try:
            self._before = self._backend.get_password(SERVICE, self._name)
        except Exception as error:  # noqa: BLE001 - back-ends raise their own
            raise SetupError(f"the keyring cannot be read ({type(error).__name__}); nothing was changed") from None
        try:
            self._backend.set_password(SERVICE, self._name, self._key)
            kept = self._backend.get_password(SERVICE, self._name) == self._key
        except BaseException as error:
            self._back()
            if isinstance(error, Exception):
                text = f"the keyring did not take the key ({type(error).__name__}); nothing was changed"
                raise SetupError(text) from None
            raise
        if not kept:
            self._back()
            raise SetupError("the keyring took the key and does not give it back; nothing was changed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it, or put back what was there."""
        if error is not None:
            self._back()

    def _back(self) -> None:
        try:
            if self._before is None:
                self._backend.delete_password(SERVICE, self._name)
            else:
                self._backend.set_password(SERVICE, self._name, self._before)
        except Exception:  # noqa: BLE001, S110 - it had not been stored, or the keyring is gone: nothing more to do
            pass
