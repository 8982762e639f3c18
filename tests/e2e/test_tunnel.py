"""The HTTPS proxy minds its own business: what is no provider's passes undecrypted, byte for byte (G6).

The office proxy stands in for DNS, so hosts have real-looking names. A tunnelled connection shows its own certificate
(the lab's CA), a decrypted one shows mitmproxy's: that tells the two apart beyond doubt.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from tests.lab import Authority, Client, Forwarder, Mitm, Reply, Request, Upstream
from tests.lab.http1 import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = """
providers: {lab: {base_url: 'https://my-own.example/v1', key: client}}
routes: [{when: {host: routed.example}, to: lab}]
listen: {intercept: ['*.watched.example']}
"""

TUNNELLED = ("git.example", "files.pythonhosted.example", "llm.example", "api.something.ai", "watched.example")
DECRYPTED = (
    "my-own.example",
    "routed.example",
    "a.watched.example",
    "api.kimi.com",
    "api.anthropic.com",
    "API.OpenAI.com",
)
PORT_22 = "git.example:22"


def echo(request: Request, reply: Reply) -> None:
    reply.body(200, [("X-Sni", request.sni or "")], request.body)


@pytest.fixture(scope="module")
def site(authority: Authority) -> Iterator[Upstream]:
    names = [name.lower() for name in TUNNELLED + DECRYPTED]
    with Upstream(echo, tls=authority.server(*names)) as up:
        yield up


@pytest.fixture(scope="module")
def banner() -> Iterator[int]:
    """Give the port of a server that is no TLS and speaks first, as ssh does."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                server, _ = listener.accept()
                with server:
                    server.sendall(b"SSH-2.0-lab\r\n")
                    server.sendall(b"got " + server.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(DEADLINE)


@pytest.fixture(scope="module")
def office(site: Upstream, banner: int) -> Iterator[Forwarder]:
    routes = {f"{name.lower()}:443": site.port for name in TUNNELLED + DECRYPTED}
    with Forwarder({**routes, PORT_22: banner}) as forwarder:
        yield forwarder


def environment(authority: Authority, office: Forwarder) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(authority.ca), "HTTPS_PROXY": office.url}


@pytest.fixture(scope="module")
def proxy(authority: Authority, office: Forwarder) -> Iterator[Mitm]:
    with Mitm(RULES, env=environment(authority, office)) as mitm:
        yield mitm


@pytest.mark.parametrize("host", TUNNELLED)
def test_a_stranger_is_tunnelled_and_sees_exactly_the_clients_bytes(
    site: Upstream, proxy: Mitm, authority: Authority, host: str
) -> None:
    site.forget()
    with Client.through(proxy.port, host, ca=authority.ca) as client:
        assert client.issuer == "Wiremend lab CA"
        headers = [
            ("HOST", host),
            ("x-API-key", "sk-kimi-FAKE"),
            ("Connection", "keep-alive"),
            ("x-a", "1"),
            ("X-A", "2"),
        ]
        body = b'{"model":"m"}\x00\xff'
        assert client.request("POST", "//v1/v1/messages", headers, body).read() == body
    (request,) = site.wait_for(1)
    assert request.target == "//v1/v1/messages"
    assert request.headers == (*headers, ("content-length", str(len(body))))
    assert request.sni == host


@pytest.mark.parametrize("host", DECRYPTED)
def test_the_hosts_of_providers_vendors_and_rules_are_decrypted(proxy: Mitm, authority: Authority, host: str) -> None:
    with Client.through(proxy.port, host, ca=proxy.ca) as client:
        assert client.issuer == "mitmproxy"
        assert client.request("GET", "/some/page", {"Host": host}).headers[0][1].lower() == host.lower()
    with pytest.raises(ssl.SSLCertVerificationError):
        Client.through(proxy.port, host, ca=authority.ca)


def test_a_tunnelled_host_that_looks_like_a_provider_is_named_once_with_the_line_that_would_decrypt_it(
    proxy: Mitm, authority: Authority
) -> None:
    for host in ("llm.example", "git.example", "llm.example", "api.something.ai"):
        Client.through(proxy.port, host, ca=authority.ca).close()
    proxy.wait_log(r"api\.something\.ai.*intercept")
    lines = [line for line in proxy.log().splitlines() if "intercept" in line]
    assert len([line for line in lines if "llm.example" in line]) == 1
    assert "listen: {intercept: [llm.example]}" in next(line for line in lines if "llm.example" in line)
    assert not [line for line in lines if "git.example" in line]


def test_what_is_no_tls_is_tunnelled_too_whoever_speaks_first(proxy: Mitm) -> None:
    """A git push over ssh, say: there the server says its name before the client does."""
    with Client.tunnel(proxy.port, "git.example", 22) as client:
        client.sock.settimeout(3)
        assert client.reader.until(b"\r\n") == b"SSH-2.0-lab\r\n"
        client.send(b"SSH-2.0-client\r\n")
        assert client.reader.until(b"\r\n") == b"got SSH-2.0-client\r\n"


def test_the_office_proxy_is_used_for_tunnelled_and_decrypted_hosts_alike(
    proxy: Mitm, office: Forwarder, authority: Authority
) -> None:
    before = len(office.asked)
    Client.through(proxy.port, "git.example", ca=authority.ca).close()
    with Client.through(proxy.port, "my-own.example", ca=proxy.ca) as client:
        client.request("GET", "/", {"Host": "my-own.example"}).read()
    assert office.asked[before:] == ["git.example:443", "my-own.example:443"]


def test_all_decrypts_every_host(authority: Authority, office: Forwarder) -> None:
    with (
        Mitm("listen: {intercept: all}\n", env=environment(authority, office)) as proxy,
        Client.through(proxy.port, "git.example", ca=proxy.ca) as client,
    ):
        assert client.issuer == "mitmproxy"
        assert client.request("POST", "/push", {"Host": "git.example"}, b"\x00pack").read() == b"\x00pack"


def test_an_upstream_whose_certificate_nobody_trusts_is_not_believed(office: Forwarder) -> None:
    """There is no ``ssl_insecure`` on the product's path: without the CA the request fails, and the key stays home."""
    with Mitm(RULES, env={"HTTPS_PROXY": office.url}) as proxy:
        with Client.through(proxy.port, "my-own.example", ca=proxy.ca) as client:
            response = client.request("GET", "/v1/models", {"Host": "my-own.example", "x-api-key": "sk-FAKE"})
            assert response.status == 502
        proxy.wait_log("ertificate verify failed")


def test_a_client_that_refuses_our_certificate_is_named_with_the_variable_to_set(
    proxy: Mitm, authority: Authority
) -> None:
    start = len(proxy.log())
    with pytest.raises(ssl.SSLCertVerificationError):
        Client.through(proxy.port, "b.watched.example", ca=authority.ca)
    told = proxy.wait_log(r".*does not trust Wiremend.*b\.watched\.example.*", after=start).group()
    assert str(proxy.ca) in told
    assert "SSL_CERT_FILE" in told


def test_a_double_v1_is_repaired_for_a_host_that_only_intercept_names(site: Upstream, proxy: Mitm) -> None:
    site.forget()
    with Client.through(proxy.port, "a.watched.example", ca=proxy.ca) as client:
        body = b'{"model":"m", "messages":[]}'
        headers = [("Host", "a.watched.example"), ("X-Api-Key", "sk-FAKE"), ("X-Odd", "1")]
        assert (
            client.request("POST", "/x/v1/v1/messages?beta=true", headers, body).status == 502
        )  # an echo is no answer
    (request,) = site.wait_for(1)
    assert (request.target, request.body) == ("/x/v1/messages?beta=true", body)
    assert request.headers[:3] == tuple(headers)
