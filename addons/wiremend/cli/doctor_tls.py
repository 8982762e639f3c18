"""Who trusts Wiremend's CA, asked for real: a TLS server on loopback, and programs that verify its certificate.

The server shows a certificate that mitmproxy's CA signed, as the proxy would. Node and Python are started as they are
found, once in this environment and once in the one that ``wiremend run`` gives an agent; the system's store is asked
by a handshake of our own (on macOS by ``security``). Nothing is sent but the handshake, and nothing is kept: the
certificate's file lies in a private temporary folder for as long as it takes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import certifi

from wiremend.cli.agents import GENERIC, plan
from wiremend.cli.doctor_trust import anew
from wiremend.cli.finding import Finding
from wiremend.mitm.trust import ca_bundle, system_roots

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

NAME: Final = "localhost"
"""Whom the certificate is for."""

_ADDRESS: Final = "127.0.0.1"
_WAIT: Final = 5.0
_START: Final = 15.0

_NODE: Final = """
const tls = require('tls');
const socket = tls.connect({
  host: '127.0.0.1', port: Number(process.argv[1]), servername: 'localhost', rejectUnauthorized: true,
});
const tell = (text) => { console.log(JSON.stringify({node: text})); socket.destroy(); };
socket.on('secureConnect', () => tell(''));
socket.on('error', (error) => tell(error.code || String(error)));
socket.setTimeout(4000, () => tell('no answer'));
"""

_PYTHON: Final = """
import json, os, socket, ssl, sys
port, certifi = int(sys.argv[1]), sys.argv[2]
def own():
    return ssl.create_default_context()
def httpx():
    if os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    if os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=os.environ["SSL_CERT_DIR"])
    return ssl.create_default_context(cafile=certifi)
def requests():
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi
    return ssl.create_default_context(**{"capath" if os.path.isdir(named) else "cafile": named})
def ask(make):
    try:
        with socket.create_connection(("127.0.0.1", port), 4) as plain:
            with make().wrap_socket(plain, server_hostname="localhost"):
                return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError as error:
        return error.strerror or str(error)
print(json.dumps({make.__name__: ask(make) for make in (own, httpx, requests)}))
"""
"""What httpx and requests do, told by their documents: neither need be installed here."""

_PYTHON_NAMES: Final = {"own": "ssl", "httpx": "httpx", "requests": "requests"}

_OFF: Final = (("NODE_TLS_REJECT_UNAUTHORIZED", "Node"), ("PYTHONHTTPSVERIFY", "Python"))


class Server:
    """A TLS server on loopback that shows a certificate for ``localhost``; it ends each handshake by hanging up."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Listen, on any free port. Raises OSError, ssl.SSLError among them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(_WAIT)
                # A client that does not trust us hangs up in the middle; that is its answer, not a fault.
                with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as secure:
                    secure.recv(1)

        class Listener(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Listener((_ADDRESS, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one program says, by its libraries: an empty text where it trusts, else why not.

    ``silent`` says why it did not say anything.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    silent: str = ""

    @property
    def trusts(self) -> bool:
        """Tell whether all of it trusts."""
        return not self.silent and not any(self.said.values())

    def why(self) -> str:
        """Say who does not trust, and why: ``httpx and requests (self-signed certificate)``."""
        groups: dict[str, list[str]] = {}
        for name, text in self.said.items():
            if text:
                groups.setdefault(text, []).append(name)
        named = len(self.said) > 1
        return "; ".join(f"{' and '.join(names)}: {text}" if named else text for text, names in groups.items())


def leaf(ca: Path, folder: Path) -> tuple[Path, Path]:
    """Write a certificate for ``localhost`` as the proxy makes one; gives its file and that of its key.

    The proxy signs with what ``mitmproxy-ca.pem`` holds, and clients trust ``ca`` beside it: that the two belong
    together is not taken for granted. The key is the CA's own, where it lies: mitmproxy gives its certificates the
    same. Raises OSError where a file cannot be read or written, and ValueError where it does not hold what it should (a
    key with a passphrase among them).
    """
    from cryptography import x509  # noqa: PLC0415 - mitmproxy's own, and slow to import like it
    from mitmproxy.certs import Cert, dummy_cert, load_pem_private_key  # noqa: PLC0415 - as above

    key = ca.with_name("mitmproxy-ca.pem")
    both = key.read_bytes()
    try:
        private = load_pem_private_key(both, None)
    except TypeError as error:  # it has a passphrase
        raise ValueError(str(error)) from None
    signer = Cert.from_pem(both).to_cryptography()
    chain = folder / "localhost.pem"
    made = dummy_cert(private, signer, NAME, [x509.DNSName(NAME)])
    chain.write_bytes(made.to_pem())
    return chain, key


def check_handshakes(ca: Path, environ: Mapping[str, str], *, needed: bool) -> list[Finding]:
    """Ask this system, Node and Python whether they trust the CA; ``needed``: agents started here see its certificates.

    Without a CA, or its key, there is nothing to ask; ``check_ca`` says so.
    """
    findings = check_switched_off(environ)
    if not (ca.is_file() and ca.with_name("mitmproxy-ca.pem").is_file()):
        return findings
    try:
        with tempfile.TemporaryDirectory(prefix="wiremend-doctor-") as name:
            folder = Path(name)
            chain, key = leaf(ca, folder)
            bundle = ca_bundle(ca, folder, environ)
            as_run = plan(
                GENERIC, "proxy", base="", ca=ca, bundle=bundle, environ=environ, argv=("agent",), folder=folder
            ).environ
            with Server(chain, key) as server:
                return [*findings, *_findings(ca, chain, server.port, environ, as_run, needed=needed)]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return [*findings, Finding("warn", "trust", f"whether programs trust the CA could not be tried: {why}")]


def check_switched_off(environ: Mapping[str, str]) -> list[Finding]:
    """Check for variables that make programs trust anybody."""
    return [
        Finding("warn", "trust", f"{program} checks no certificate at all, of nobody", f"unset {name}", (name,))
        for name, program in _OFF
        if environ.get(name) == "0"
    ]


def _findings(  # noqa: PLR0913 - what is asked, and how
    ca: Path, chain: Path, port: int, environ: Mapping[str, str], as_run: Mapping[str, str], *, needed: bool
) -> list[Finding]:
    node = shutil.which("node", path=environ.get("PATH", ""))
    with ThreadPoolExecutor() as pool:
        system = pool.submit(ask_system, chain, port, environ)
        pairs = {
            program: [pool.submit(ask, argv, each) for each in (environ, as_run)]
            for program, argv in (
                *([("Node", (node, "-e", _NODE, str(port)))] if node else []),
                ("Python", (sys.executable, "-I", "-c", _PYTHON, str(port), certifi.where())),
            )
        }
        findings = [judge_system(system.result(), ca, needed=needed)]
        for program, (here, run) in pairs.items():
            findings.append(judge(program, here.result(), run.result(), ca, needed=needed))
    return findings


def judge(program: str, here: Answer, as_run: Answer, ca: Path, *, needed: bool) -> Finding:
    """Say what an interpreter's two answers mean: in this environment, and in that of an agent of ``wiremend run``."""
    silent = as_run.silent or here.silent
    if silent:
        do = f"see whether {program} starts by itself, with this environment"
        return Finding("warn", program, f"could not be asked whether it trusts Wiremend's CA: {silent}", do)
    if not as_run.trusts:
        do = f"where CA above is well, its two files are not of one pair: {anew(ca)}"
        what = f"would not trust Wiremend's CA even as `wiremend run` starts it: {as_run.why()}"
        return Finding("FAIL", program, what, do)
    if here.trusts:
        return Finding("ok", program, "trusts Wiremend's CA (tried), here and as `wiremend run` starts it")
    if needed:
        what = f"does not trust Wiremend's CA here (tried): {here.why()}"
        return Finding("warn", program, what, "set the lines that `wiremend proxy` prints, or use `wiremend run --`")
    return Finding("ok", program, "trusts Wiremend's CA as `wiremend run` starts it (tried); here it need not")


def judge_system(said: str, ca: Path, *, needed: bool, platform: str = sys.platform) -> Finding:
    """Say what the system's answer means; ``said`` is empty where it trusts, else why not.

    That it does not is well: all agents read a variable.
    """
    if not said:
        return Finding("ok", "system", "its store trusts Wiremend's CA (tried)")
    if not needed:
        return Finding("ok", "system", f"its store does not trust Wiremend's CA ({said}), and need not")
    how = (
        f"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}"
        if platform == "darwin"
        else f"sudo cp {ca} /usr/local/share/ca-certificates/wiremend.crt && sudo update-ca-certificates"
    )
    do = f"only for a program that reads no variable: {how}"
    return Finding("ok", "system", f"its store does not trust Wiremend's CA ({said}), and need not", do)


def ask(argv: Sequence[str], environ: Mapping[str, str]) -> Answer:
    """Start a program that shakes hands and prints its answers as JSON."""
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, or Node as found on PATH, with a program of ours
            argv,
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=_START,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return Answer(silent=f"it did not end in {_START:.0f} s")
    except (OSError, ValueError) as error:
        return Answer(silent=f"it could not be started: {error}")
    try:
        said = json.loads(done.stdout.splitlines()[-1])
        return Answer({_PYTHON_NAMES.get(name, name): str(text) for name, text in said.items()})
    except (IndexError, ValueError, AttributeError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Answer(silent=f"it ended with {done.returncode}: {last[:200]}")


def ask_system(
    chain: Path,
    port: int,
    environ: Mapping[str, str],
    roots: Iterable[Path] | None = None,
    platform: str = sys.platform,
) -> str:
    """Ask the system's own store; gives an empty text where it trusts, else why not."""
    if platform == "darwin" and (program := shutil.which("security", path=environ.get("PATH", ""))):
        argv = (program, "verify-cert", "-L", "-p", "ssl", "-n", NAME, "-c", str(chain))
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_START, check=False)  # noqa: S603 - found on PATH
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for file in system_roots() if roots is None else roots:
        try:
            context.load_verify_locations(file)
        except (OSError, ssl.SSLError):
            continue
        break
    else:
        return "no store of roots was found"
    try:
        with (
            socket.create_connection((_ADDRESS, port), _WAIT) as plain,
            context.wrap_socket(plain, server_hostname=NAME),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except OSError as error:
        return error.strerror or str(error)
