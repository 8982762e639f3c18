"""What ``wiremend doctor`` says of certificates: the CA, and the variables that make programs trust it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.cli.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

SOON: Final = timedelta(days=30)
"""A CA that ends within this time is worth a word."""

REPLACING: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CODEX_CA_CERTIFICATE")
"""Variables whose file replaces the roots of the program that reads it; ``NODE_EXTRA_CA_CERTS`` adds to them."""

ADDING: Final = "NODE_EXTRA_CA_CERTS"
_CERTIFICATE: Final = b"-----BEGINCERTIFICATE-----"
_SOME: Final = 2


def check_ca(ca: Path, now: datetime) -> list[Finding]:
    """Check the CA that mitmproxy keeps (``mitmproxy-ca-cert.pem``; its private key lies beside it)."""
    from mitmproxy.certs import Cert  # noqa: PLC0415 - a third of a second, which the other verbs need not take

    if not ca.exists():
        return [Finding("ok", "CA", f"none yet; the first start of the proxy makes {ca}")]
    try:
        cert = Cert.from_pem(ca.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no certificate"
        return [Finding("FAIL", "CA", f"{ca} cannot be read: {reason}", anew(ca))]
    if now < cert.notbefore:
        what = f"{ca} is valid only from {cert.notbefore:%Y-%m-%d} on"
        return [Finding("FAIL", "CA", what, "set this machine's clock right")]
    if now > cert.notafter:
        what = f"{ca} was valid until {cert.notafter:%Y-%m-%d}, so every client refuses it"
        return [Finding("FAIL", "CA", what, anew(ca))]
    findings = []
    key = ca.with_name("mitmproxy-ca.pem")
    if not key.is_file():
        findings.append(Finding("FAIL", "CA", f"its private key {key} is not there", anew(ca)))
    elif key.stat().st_mode & 0o077:
        findings.append(
            Finding("warn", "CA", f"others on this machine can read its private key {key}", f"chmod 600 {key}")
        )
    level: Level = "warn" if cert.notafter - now < SOON else "ok"
    what = f"{ca}, valid until {cert.notafter:%Y-%m-%d}"
    return [*findings, Finding(level, "CA", what, anew(ca) if level == "warn" else "")]


def anew(ca: Path) -> str:
    """Say how to get a new CA."""
    return f"remove {ca.parent}/mitmproxy-ca*, start the proxy, and trust the new one where the old one was trusted"


def check_trust(environ: Mapping[str, str], ca: Path, *, needed: bool) -> list[Finding]:
    """Check the variables that name certificates; ``needed``: agents started here do see those of our CA."""
    findings = []
    named = [name for name in (ADDING, *REPLACING) if environ.get(name)]
    ours = _squeezed(ca)
    lines = "`wiremend proxy` prints the lines"
    for name in named:
        file = _squeezed(Path(environ[name]))
        count = file.count(_CERTIFICATE)
        finding = Finding("ok", "trust", "Wiremend's CA is in it")
        if not count:
            what = f"no certificates in {environ[name]}"
            finding = Finding("warn" if name == ADDING else "FAIL", "trust", what, "unset it, or name a PEM file")
        elif not ours or ours not in file:
            finding = Finding("ok", "trust", f"{environ[name]}, to which `wiremend run` adds the CA for the agent")
            if needed:
                do = f"set it to a copy with {ca} added; {lines}"
                finding = Finding("warn", "trust", f"Wiremend's CA is not in {environ[name]}", do)
        elif count == 1 and name in REPLACING:
            what = "Wiremend's CA alone, so that git, pip and the like trust no one else"
            finding = Finding("warn", "trust", what, f"set it to a bundle of the machine's roots and the CA; {lines}")
        findings.append(replace(finding, names=(name,)))
    if needed and not named:
        what = "HTTPS_PROXY leads to Wiremend, and no variable makes agents trust its CA"
        return [Finding("warn", "trust", what, f"set them ({lines}), or start the agent with `wiremend run --`")]
    return findings or [Finding("ok", "trust", "no variable is set; `wiremend run` makes the agent trust the CA")]


def holds(file: str, ca: Path) -> bool:
    """Tell whether a file of certificates holds the CA."""
    ours = _squeezed(ca)
    return bool(ours) and ours in _squeezed(Path(file))


def _squeezed(path: Path) -> bytes:
    """Give a file without its white space, in which a certificate can be found however its lines are broken."""
    try:
        return b"".join(path.read_bytes().split())
    except OSError:
        return b""
