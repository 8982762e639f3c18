"""The certificate bundles: nothing that was trusted is lost, each certificate stands once, and only the user can read.

Certificates are made by the lab's authority; what a bundle holds is read back by OpenSSL (through :mod:`ssl`), which is
the reader that counts.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import certifi
import pytest

from tests.lab import Authority
from wiremend.mitm.trust import ca_bundle, extra_bundle, system_roots, upstream_bundle, write_private


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return authority(tmp_path, "ours")


def authority(tmp_path: Path, name: str) -> Path:
    """Make a CA and give its PEM file."""
    folder = tmp_path / name
    folder.mkdir()
    return Authority(folder, name).ca


def names(bundle: Path) -> list[str]:
    """Give the common names in a bundle, in order, as OpenSSL reads them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    certificates: list[Any] = context.get_ca_certs()
    subjects = [dict(pair for part in certificate["subject"] for pair in part) for certificate in certificates]
    return sorted(str(subject.get("commonName")) for subject in subjects)


@pytest.mark.parametrize("variable", ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
def test_a_bundle_keeps_the_roots_that_the_user_named(tmp_path: Path, ours: Path, variable: str) -> None:
    environ = {variable: str(authority(tmp_path, "corp"))}
    assert names(ca_bundle(ours, tmp_path, environ)) == ["corp", "ours"]


def test_a_bundle_joins_what_several_variables_name_and_the_extra_ones_of_node(tmp_path: Path, ours: Path) -> None:
    variables = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    environ = {name: str(authority(tmp_path, name.lower())) for name in variables}
    expected = ["curl_ca_bundle", "node_extra_ca_certs", "ours", "ssl_cert_file"]
    assert names(ca_bundle(ours, tmp_path, environ)) == expected


def test_without_variables_the_first_file_of_the_machine_that_holds_certificates_counts(
    tmp_path: Path, ours: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    roots = [tmp_path / "nowhere.pem", empty, authority(tmp_path, "machine"), authority(tmp_path, "later")]
    assert names(ca_bundle(ours, tmp_path, {}, roots)) == ["machine", "ours"]


def test_a_machine_without_roots_gets_those_that_python_brings(tmp_path: Path, ours: Path) -> None:
    brought = Path(certifi.where()).read_bytes().count(b"BEGIN CERTIFICATE")
    assert len(names(ca_bundle(ours, tmp_path, {}, []))) == brought + 1


def test_a_variable_that_names_no_certificates_counts_as_not_set(tmp_path: Path, ours: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nnothing that ends\n")
    environ = {"SSL_CERT_FILE": str(junk), "CURL_CA_BUNDLE": str(tmp_path / "absent"), "REQUESTS_CA_BUNDLE": ""}
    assert names(ca_bundle(ours, tmp_path, environ, [authority(tmp_path, "machine")])) == ["machine", "ours"]


def test_each_certificate_stands_once_however_its_file_is_broken_into_lines(tmp_path: Path, ours: Path) -> None:
    head, *body, foot = ours.read_text().split()
    again = tmp_path / "again.pem"
    lines = ours.read_text().splitlines()
    again.write_text("a comment\r\n" + "\r\n".join([lines[0], "".join(lines[1:-1]), lines[-1]]) + "\r\n")
    assert (head, foot) == ("-----BEGIN", "CERTIFICATE-----")
    assert body
    bundle = ca_bundle(ours, tmp_path, {"SSL_CERT_FILE": str(again)})
    assert bundle.read_bytes().count(b"-----BEGIN") == 1
    assert names(bundle) == ["ours"]


def test_node_gets_the_ca_itself_unless_the_user_has_extra_certificates(tmp_path: Path, ours: Path) -> None:
    assert extra_bundle(ours, tmp_path, {}) == ours
    environ = {
        "NODE_EXTRA_CA_CERTS": str(authority(tmp_path, "corp")),
        "SSL_CERT_FILE": str(authority(tmp_path, "other")),
    }
    assert names(extra_bundle(ours, tmp_path, environ)) == ["corp", "ours"]


def test_upstream_the_proxy_trusts_its_own_roots_and_what_any_variable_names(tmp_path: Path) -> None:
    brought = Path(certifi.where()).read_bytes().count(b"BEGIN CERTIFICATE")
    environ = {name: str(authority(tmp_path, name)) for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")}
    bundle = upstream_bundle(tmp_path, {**environ, "SSL_CERT_DIR": str(tmp_path)})
    assert bundle is not None
    found = names(bundle)
    assert len(found) == brought + 2
    assert set(environ) <= set(found)


def test_upstream_an_environment_that_names_nothing_leaves_mitmproxys_default(tmp_path: Path) -> None:
    assert upstream_bundle(tmp_path, {"SSL_CERT_FILE": str(tmp_path / "absent"), "PATH": "/bin"}) is None
    assert not (tmp_path / "upstream.pem").exists()


def test_what_is_written_is_private_and_replaces_an_older_one_that_was_not(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old and longer")
    target.chmod(0o644)
    write_private(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_the_machines_own_place_for_roots_is_asked_first() -> None:
    assert system_roots()[0] == Path(ssl.get_default_verify_paths().openssl_cafile)
