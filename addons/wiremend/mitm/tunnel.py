"""What the HTTPS proxy does with a connection before there is a request in it.

- **Which hosts are decrypted.** Those of providers and vendors, those that the rules name, and ``listen.intercept``;
  every other TLS connection is tunnelled as it is (G6): a git push and a package install never notice. A tunnelled
  host that looks like a provider is named once in the log, with the line that would decrypt it.
- **The machine's own proxy.** Where ``HTTPS_PROXY`` and its kin are set, connections go through it, tunnelled and
  decrypted ones alike; ``NO_PROXY`` and loopback go straight. A variable that points at ourselves is left alone.
- **Clients that refuse our certificate** are named, with the variable that would make them trust it.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # documented only in its source; typeshed has but the first

from mitmproxy import ctx
from mitmproxy.connection import Server
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.mode_specs import RegularMode, ReverseMode, UpstreamMode

from wiremend.mitm.life import ca_file
from wiremend.mitm.process import who_connects
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow
    from mitmproxy.net.server_spec import ServerSpec
    from mitmproxy.proxy.layer import NextLayer
    from mitmproxy.tls import ClientHelloData, TlsData

    from wiremend.mitm.house import House

logger = logging.getLogger("wiremend")

_LIKE_A_PROVIDER = re.compile(
    r"(?:^|[.-])(?:llms?|openai|anthropic|claude|gpt|deepseek|moonshot|kimi|mistral|groq|together|fireworks|cerebras|cohere|qwen"
    r"|dashscope|minimaxi?|bigmodel|siliconflow|inference|litellm|openrouter|generativelanguage|aiplatform)(?:[.-]|$)"
    r"|^api\..*\.ai$|(?:^|[.-])ai[.-]?gateway",
    re.IGNORECASE,
)

_TRUST: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), variable)
    for pattern, variable in (
        # Measured per agent, 2026-11.
        (r"codex", "SSL_CERT_FILE (or CODEX_CA_CERTIFICATE)"),
        (r"hermes|python|uvicorn", "SSL_CERT_FILE and REQUESTS_CA_BUNDLE"),
        (r"claude|node|bun|opencode|qwen|kimi|\bpi\b|cline|deno", "NODE_EXTRA_CA_CERTS"),
        (r"curl", "CURL_CA_BUNDLE"),
        (r"git", "GIT_SSL_CAINFO"),
    )
)


@dataclass(frozen=True, slots=True)
class MachineProxy:
    """The proxy that the machine's environment names for a scheme."""

    spec: ServerSpec
    authorization: str | None


def machine_proxy(scheme: str, host: str, port: int, own_ports: frozenset[int]) -> MachineProxy | None:
    """Give the proxy that the environment wants for a destination; None for none, for loopback and for ourselves."""
    proxies = getproxies_environment()
    named = proxies.get(scheme) or proxies.get("all")
    if not named or host in LOOPBACK or host.startswith("127.") or proxy_bypass_environment(f"{host}:{port}", proxies):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    at = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname in LOOPBACK and at in own_ports:
        return None
    credential = None
    if parts.username:
        plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credential = "Basic " + base64.b64encode(plain.encode()).decode()
    scheme_of_proxy: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return MachineProxy((scheme_of_proxy, (parts.hostname, at)), credential)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_ports() -> frozenset[int]:
    """Give the ports that this mitmproxy listens on."""
    server = ctx.master.addons.get("proxyserver")
    return frozenset(address[1] for address in server.listen_addrs()) if server else frozenset()


class Tunnel:
    """Decides about connections."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house
        self._agents: dict[str, str] = {}

    # -- decrypt or not

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Let a connection to a host that is nobody's business through as it is."""
        client = data.context.client
        if isinstance(client.proxy_mode, ReverseMode) or self.house.at_gateway(client) or self.house.watcher is None:
            return
        address = data.context.server.address
        host = (data.client_hello.sni or (address[0] if address else "")).lower()
        if host and not self._known(host):
            data.ignore_connection = True

    def opaque(self, host: str, port: int) -> bool:  # noqa: ARG002 - a host is decrypted on every port, or on none
        """Tell whether a tunnel to a host is not to be looked into. Behind an address, the TLS name will tell."""
        return self.house.watcher is not None and not _is_address(host) and not self._known(host.lower())

    def via(self, host: str, port: int) -> ServerSpec | None:
        """Give the machine's own proxy for a destination."""
        proxy = machine_proxy("https", host, port, own_ports())
        return proxy.spec if proxy is not None else None

    def _known(self, host: str) -> bool:
        """Tell whether a host is decrypted; name those that look as if they should be."""
        if self.house.known_host(host):
            return True
        if self.house.resolved is not None and _LIKE_A_PROVIDER.search(host):
            self.house.tell_once(
                f"tunnel:{host}",
                f"{host} looks like a provider, but is tunnelled undecrypted; to look after it, add to rules.yaml:"
                f" listen: {{intercept: [{host}]}}",
            )
        return False

    # -- the machine's own proxy

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Put the machine's proxy under a tunnel that a client has just asked for."""
        context = nextlayer.context
        if nextlayer.layer is not None or not isinstance(context.client.proxy_mode, RegularMode):
            return
        if not context.layers or not isinstance(context.layers[-1], HttpStream) or context.server.address is None:
            return
        if context.server.via is not None or context.server.connected:
            return
        host, port = context.server.address[:2]
        spec = self.via(host, port)
        if spec is not None:
            context.server.via = spec
            nextlayer.layer = HttpUpstreamProxy.make(context, send_connect=True)[0]

    def http_connect_upstream(self, flow: HTTPFlow) -> None:
        """Bring the machine's proxy the credential that its URL holds."""
        proxy = machine_proxy("https", flow.request.host, flow.request.port, own_ports())
        if proxy is not None and proxy.authorization and "proxy-authorization" not in flow.request.headers:
            flow.request.headers["proxy-authorization"] = proxy.authorization

    # -- a client that does not trust us

    def http_connect(self, flow: HTTPFlow) -> None:
        """Remember which program asked for a tunnel."""
        agent = flow.request.headers.get("user-agent")
        if agent:
            self._agents[flow.client_conn.id] = agent

    def client_disconnected(self, client: object) -> None:
        """Forget it."""
        self._agents.pop(getattr(client, "id", ""), None)

    async def tls_failed_client(self, data: TlsData) -> None:
        """Say which client refused our certificate, and what to set."""
        client = data.conn
        error = client.error or ""
        if not any(word in error for word in ("unknown ca", "certificate", "connection closed", "alert")):
            return
        host = client.sni or (data.context.server.address or ("the host",))[0]
        program = self._agents.get(client.id) or await who_connects(client.peername)
        ca = ca_file()
        variable = next((v for pattern, v in _TRUST if program and pattern.search(program)), None)
        wanted = variable or "NODE_EXTRA_CA_CERTS (Node), SSL_CERT_FILE (Codex, Python), CURL_CA_BUNDLE (curl)"
        self.house.tell_once(
            f"trust:{program}:{host}",
            f"{program or 'a client'} does not trust Wiremend's certificate for {host} ({error}); set {wanted} to {ca},"
            " or launch it with `wiremend run -- COMMAND`",
        )


def via_for(flow: HTTPFlow) -> None:
    """Send a request to its (new) destination by the machine's proxy, or straight, as the environment wants it."""
    if isinstance(flow.client_conn.proxy_mode, UpstreamMode):
        return  # the user named the upstream proxy
    request = flow.request
    proxy = machine_proxy(request.scheme, request.host, request.port, own_ports())
    spec = proxy.spec if proxy is not None else None
    if flow.server_conn.via != spec:
        flow.server_conn = Server(address=(request.host, request.port))
        flow.server_conn.via = spec
