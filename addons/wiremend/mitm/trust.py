"""Which certificates the agent trusts, and which the proxy does.

Two directions. **Towards the agent** the proxy shows certificates of its own CA. Most variables that name a CA
*replace* the roots of the program that reads them (``SSL_CERT_FILE``, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``,
``CODEX_CA_CERTIFICATE``), so they must name a bundle: the machine's roots and the CA, or else the agent's ``git
push``, which passes undecrypted, would fail. Only ``NODE_EXTRA_CA_CERTS`` adds. **Towards the provider** the proxy
trusts the roots that mitmproxy brings (certifi) and whatever the same variables name: in an office whose own proxy
re-signs everything, they name the office's CA.

All functions are pure but for the files they read, and the one they write into a folder of ours.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

import certifi

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REPLACING: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables whose file replaces the roots of the program that reads it."""

ADDING: Final = "NODE_EXTRA_CA_CERTS"
"""The variable whose file is added to the roots (Node, Bun)."""

_BLOCK: Final = re.compile(
    rb"-----BEGIN (?P<kind>(?:X509 |TRUSTED )?CERTIFICATE)-----\s(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=kind)-----"
)


def system_roots() -> tuple[Path, ...]:
    """Give where this machine may keep its roots in one file: OpenSSL's own place, then those of the distributions.

    Python builds that bring their own OpenSSL name a place that does not exist, hence the list: Debian and Ubuntu;
    Fedora and RHEL; SUSE; macOS, Alpine and the BSDs.
    """
    return (
        Path(ssl.get_default_verify_paths().openssl_cafile),
        Path("/etc/ssl/certs/ca-certificates.crt"),
        Path("/etc/pki/tls/certs/ca-bundle.crt"),
        Path("/etc/ssl/ca-bundle.pem"),
        Path("/etc/ssl/cert.pem"),
    )


def ca_bundle(ca: Path, folder: Path, environ: Mapping[str, str], roots: Sequence[Path] | None = None) -> Path:
    """Write the bundle that an agent is given: the machine's roots, the user's extra ones, and the proxy's CA.

    The roots are what the replacing variables already name, else the first file of ``roots`` (by default
    :func:`system_roots`) that holds certificates, else certifi's. ``ca`` is the PEM file of the proxy's CA. Returns
    ``folder/ca-bundle.pem``, readable by the user only.
    """
    machine = [*_named(environ, REPLACING)] or next(
        ([path] for path in (system_roots() if roots is None else roots) if _certificates(path)),
        [Path(certifi.where())],
    )
    return _write(folder / "ca-bundle.pem", [*machine, *_named(environ, (ADDING,)), ca])


def extra_bundle(ca: Path, folder: Path, environ: Mapping[str, str]) -> Path:
    """Give the file for ``NODE_EXTRA_CA_CERTS``: the CA alone, or with the user's own extra certificates before it."""
    own = _named(environ, (ADDING,))
    return _write(folder / "node-extra.pem", [*own, ca]) if own else ca


def upstream_bundle(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Write the bundle that the proxy trusts towards providers, or give None where the environment names nothing.

    None leaves mitmproxy its default (certifi). The bundle (``folder/upstream.pem``) holds certifi's roots and those of
    every variable that names a file with certificates; ``SSL_CERT_DIR``, a folder, is left aside.
    """
    named = _named(environ, (*REPLACING, ADDING))
    return _write(folder / "upstream.pem", [Path(certifi.where()), *named]) if named else None


def _named(environ: Mapping[str, str], variables: Iterable[str]) -> list[Path]:
    """Give the files that the variables name and that hold certificates, each once."""
    paths = (Path(environ[name]) for name in variables if environ.get(name))
    return [path for path in dict.fromkeys(paths) if _certificates(path)]


def _certificates(path: Path) -> list[tuple[bytes, bytes]]:
    """Give the certificates of a PEM file, each with its key for comparison; none where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return []
    return [(b"".join(match["body"].split()), match[0]) for match in _BLOCK.finditer(data)]


def _write(target: Path, sources: Iterable[Path]) -> Path:
    """Write the certificates of all sources, each once, in order."""
    found = dict(pair for source in sources for pair in _certificates(source))
    write_private(target, b"".join(text + b"\n" for text in found.values()))
    return target


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only the user can read, whatever the umask; an older one is replaced."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)
