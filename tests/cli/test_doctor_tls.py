"""Who trusts the CA, asked for real: this Python, the Node on PATH, and the store of a system, over loopback TLS.

What is right is known before anybody is asked: a program trusts a server if, and only if, the CA that signed its
certificate is among the roots that the program reads.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from mitmproxy.certs import CertStore

from tests.lab import Authority
from wiremend.cli.doctor_tls import (
    _NODE,
    _PYTHON,
    Answer,
    Server,
    ask,
    ask_system,
    check_handshakes,
    check_switched_off,
    judge,
    judge_system,
    leaf,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.cli.finding import Finding

NODE: Final = shutil.which("node")
with_node = pytest.mark.skipif(NODE is None, reason="Node is asked, and there is none on PATH")

KNOWN: Final = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a CA as mitmproxy keeps it, its key beside it."""
    folder = tmp_path_factory.mktemp("mitmproxy")
    CertStore.create_store(folder, "mitmproxy", 2048)
    return folder / "mitmproxy-ca-cert.pem"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a bundle in which our CA is not."""
    return Authority(tmp_path_factory.mktemp("foreign")).ca


@pytest.fixture(scope="module")
def chain(ca: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return leaf(ca, tmp_path_factory.mktemp("leaf"))[0]


@pytest.fixture(scope="module")
def port(ca: Path, chain: Path) -> Iterator[int]:
    """Run a server whose certificate our CA signed."""
    with Server(chain, ca.with_name("mitmproxy-ca.pem")) as server:
        yield server.port


def environ(**more: object) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), **{name: str(value) for name, value in more.items()}}


def by_about(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.about: finding for finding in findings}


# -- each program


@pytest.mark.parametrize(
    ("variables", "trusting"),
    (
        ({}, set()),
        ({"SSL_CERT_FILE": "ca"}, {"ssl", "httpx"}),
        ({"REQUESTS_CA_BUNDLE": "ca"}, {"requests"}),
        ({"CURL_CA_BUNDLE": "ca"}, {"requests"}),
        ({"REQUESTS_CA_BUNDLE": "foreign", "CURL_CA_BUNDLE": "ca"}, set()),
        ({"SSL_CERT_FILE": "foreign", "REQUESTS_CA_BUNDLE": "ca"}, {"requests"}),
        ({"NODE_EXTRA_CA_CERTS": "ca"}, set()),
        ({"SSL_CERT_FILE": "ca", "REQUESTS_CA_BUNDLE": "ca"}, {"ssl", "httpx", "requests"}),
    ),
)
def test_which_library_of_python_reads_which_variable(
    variables: Mapping[str, str], trusting: set[str], ca: Path, foreign: Path, port: int
) -> None:
    files = {"ca": ca, "foreign": foreign}
    named = {name: files[which] for name, which in variables.items()}
    argv = (sys.executable, "-I", "-c", _PYTHON, str(port), str(foreign))
    answer = ask(argv, environ(**named))
    assert {name for name, why in answer.said.items() if not why} == trusting
    assert set(answer.said) == {"ssl", "httpx", "requests"}
    assert answer.trusts is (len(trusting) == 3)


def test_a_file_that_is_not_there_is_said_so(port: int, tmp_path: Path, foreign: Path) -> None:
    argv = (sys.executable, "-I", "-c", _PYTHON, str(port), str(foreign))
    answer = ask(argv, environ(SSL_CERT_FILE=tmp_path / "none.pem"))
    assert answer.said["httpx"] == os.strerror(2)
    assert "httpx: No such file or directory" in answer.why()


@with_node
@pytest.mark.parametrize(
    ("variables", "trusts"),
    (
        ({}, False),
        ({"NODE_EXTRA_CA_CERTS": "ca"}, True),
        ({"NODE_EXTRA_CA_CERTS": "foreign"}, False),
        ({"REQUESTS_CA_BUNDLE": "ca"}, False),
        ({"NODE_EXTRA_CA_CERTS": "foreign", "NODE_TLS_REJECT_UNAUTHORIZED": "0"}, False),  # what is asked is trust
        ({"SSL_CERT_FILE": "ca", "NODE_OPTIONS": "--use-openssl-ca"}, True),
    ),
)
def test_node(variables: Mapping[str, str], *, trusts: bool, ca: Path, foreign: Path, port: int) -> None:
    files = {"ca": ca, "foreign": foreign}
    named = {name: files.get(which, which) for name, which in variables.items()}
    answer = ask((str(NODE), "-e", _NODE, str(port)), environ(**named))
    assert answer.silent == ""
    assert answer.trusts is trusts
    assert trusts or answer.why() == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"


@pytest.mark.parametrize("platform", ("linux", "freebsd"))
def test_the_systems_store(platform: str, ca: Path, chain: Path, foreign: Path, port: int, tmp_path: Path) -> None:
    """The first file of the list that can be read counts, as for the programs of that system."""
    none = tmp_path / "none.pem"
    assert ask_system(chain, port, environ(), [none, ca], platform) == ""
    assert ask_system(chain, port, environ(), [foreign, ca], platform) == "unable to get local issuer certificate"
    assert ask_system(chain, port, environ(), [none], platform) == "no store of roots was found"


@pytest.mark.parametrize(("code", "said"), ((0, ""), (1, "Cert Verify Result: CSSMERR_TP_NOT_TRUSTED")))
def test_the_keychain_of_a_mac_is_asked_by_its_own_program(code: int, said: str, chain: Path, tmp_path: Path) -> None:
    program = tmp_path / "security"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "Cert Verify Result: CSSMERR_TP_NOT_TRUSTED" >&2\nexit {code}\n'
    )
    program.chmod(0o755)
    assert ask_system(chain, 1, {"PATH": str(tmp_path)}, (), "darwin") == said
    assert (tmp_path / "asked").read_text().split() == [
        *("verify-cert", "-L", "-p", "ssl", "-n", "localhost", "-c", str(chain))
    ]


@pytest.mark.parametrize(
    ("script", "start"),
    (("exit 3", "it ended with 3: it said nothing"), ("echo no JSON; echo lost >&2", "it ended with 0: lost")),
)
def test_a_program_that_says_nothing(script: str, start: str) -> None:
    assert ask(("/bin/sh", "-c", script), environ()) == Answer(silent=start)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert ask((str(tmp_path / "node"), "-e", ""), environ()).silent.startswith("it could not be started")


def test_nobody_answers(foreign: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = ask((sys.executable, "-I", "-c", _PYTHON, str(port), str(foreign)), environ())
    assert answer == Answer(dict.fromkeys(("ssl", "httpx", "requests"), os.strerror(errno.ECONNREFUSED)))


# -- what is made of it

HERE = Answer({"node": ""})
NOT: Final = Answer({"node": "UNABLE_TO_VERIFY_LEAF_SIGNATURE"})


@pytest.mark.parametrize(
    ("here", "as_run", "needed", "level", "what"),
    (
        (HERE, HERE, True, "ok", "trusts Wiremend's CA (tried), here and"),
        (NOT, HERE, False, "ok", "trusts Wiremend's CA as `wiremend run` starts it"),
        (NOT, HERE, True, "warn", "does not trust Wiremend's CA here (tried): UNABLE_TO_VERIFY"),
        (NOT, NOT, False, "FAIL", "would not trust Wiremend's CA even as `wiremend run` starts it: UNABLE_TO"),
        (Answer(silent="it ended with 9"), HERE, True, "warn", "could not be asked"),
        (HERE, Answer(silent="it ended with 9"), False, "warn", "could not be asked"),
    ),
)
def test_what_two_answers_mean(here: Answer, as_run: Answer, level: str, what: str, *, needed: bool) -> None:
    finding = judge("Node", here, as_run, Path("/ca.pem"), needed=needed)
    assert (finding.level, finding.about) == (level, "Node")
    assert finding.what.startswith(what)
    assert bool(finding.do) is (level != "ok")


@pytest.mark.parametrize(
    ("said", "needed", "platform", "do"),
    (
        ("", True, "linux", ""),
        ("no", False, "linux", ""),
        ("no", True, "linux", "update-ca-certificates"),
        ("no", True, "darwin", "security add-trusted-cert"),
    ),
)
def test_what_the_systems_answer_means(said: str, platform: str, do: str, *, needed: bool) -> None:
    finding = judge_system(said, Path("/ca.pem"), needed=needed, platform=platform)
    assert finding.level == "ok"
    assert do in finding.do
    assert bool(finding.do) is bool(do)
    assert ("does not" in finding.what) is bool(said)


def test_two_reasons_are_told_apart() -> None:
    answer = Answer({"ssl": "", "httpx": "no", "requests": "no"})
    assert answer.why() == "httpx and requests: no"


@pytest.mark.parametrize("name", ("NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY"))
def test_checks_that_are_switched_off(name: str) -> None:
    assert [finding.names for finding in check_switched_off({name: "0"})] == [(name,)]
    assert check_switched_off({name: "1"}) == check_switched_off({}) == []


# -- all together


@with_node
def test_an_environment_that_trusts_and_one_that_does_not(ca: Path, foreign: Path) -> None:
    good = by_about(check_handshakes(ca, environ(**dict.fromkeys(KNOWN, ca)), needed=True))
    assert {name: finding.level for name, finding in good.items()} == {"system": "ok", "Node": "ok", "Python": "ok"}
    assert "here and as" in good["Node"].what
    assert "here and as" in good["Python"].what
    bad = by_about(check_handshakes(ca, environ(**dict.fromkeys(KNOWN, foreign)), needed=True))
    assert {name: finding.level for name, finding in bad.items()} == {"system": "ok", "Node": "warn", "Python": "warn"}
    assert bad["Python"].what.endswith("ssl and httpx and requests: unable to get local issuer certificate")


def test_a_certificate_that_is_not_of_the_key_beside_it_fails(ca: Path, tmp_path: Path) -> None:
    """The proxy signs with mitmproxy-ca.pem; who trusts another certificate trusts no connection."""
    CertStore.create_store(tmp_path / "other", "mitmproxy", 2048)
    torn = tmp_path / "mitmproxy-ca-cert.pem"
    torn.write_bytes((tmp_path / "other" / "mitmproxy-ca-cert.pem").read_bytes())
    (tmp_path / "mitmproxy-ca.pem").write_bytes(ca.with_name("mitmproxy-ca.pem").read_bytes())
    found = by_about(check_handshakes(torn, {"PATH": ""}, needed=False))
    assert found["Python"].level == "FAIL"
    assert f"remove {tmp_path}/mitmproxy-ca*" in found["Python"].do


@pytest.mark.parametrize("missing", ("mitmproxy-ca-cert.pem", "mitmproxy-ca.pem"))
def test_without_both_files_nothing_is_asked(missing: str, ca: Path, tmp_path: Path) -> None:
    for name in ("mitmproxy-ca-cert.pem", "mitmproxy-ca.pem"):
        if name != missing:
            (tmp_path / name).write_bytes((ca.parent / name).read_bytes())
    assert check_handshakes(tmp_path / "mitmproxy-ca-cert.pem", environ(), needed=True) == []


@pytest.mark.parametrize("content", (b"", b"nothing", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END"))
def test_a_key_that_cannot_be_read_is_told(content: bytes, ca: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mitmproxy-ca-cert.pem"
    copy.write_bytes(ca.read_bytes())
    (tmp_path / "mitmproxy-ca.pem").write_bytes(content)
    (finding,) = check_handshakes(copy, environ(), needed=True)
    assert (finding.level, finding.about) == ("warn", "trust")


def test_nothing_is_left_behind(ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = {path: path.read_bytes() for path in ca.parent.iterdir()}
    check_handshakes(ca, {"PATH": ""}, needed=False)
    assert list(tmp_path.iterdir()) == []
    assert {path: path.read_bytes() for path in ca.parent.iterdir()} == before
