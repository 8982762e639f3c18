"""The lab: a scripted upstream, certificates, raw clients and real proxy processes, all on loopback.

``upstream`` plays a provider byte for byte, ``replies`` and ``scripts`` give it legal answers and Kimi's habits,
``certs`` makes TLS that is really checked, ``forward`` is the office proxy in front of the network, ``rawhttp`` is a
client that hides nothing, ``proxy`` runs the product as users do.
"""

from __future__ import annotations

from .certs import Authority, ServerCert
from .forward import Forwarder
from .http1 import Request
from .proxy import Mitm
from .rawhttp import Client, Response
from .replies import Answer
from .scripts import kimi, provider
from .upstream import Reply, Script, Upstream, table

__all__ = [
    "Answer",
    "Authority",
    "Client",
    "Forwarder",
    "Mitm",
    "Reply",
    "Request",
    "Response",
    "Script",
    "ServerCert",
    "Upstream",
    "kimi",
    "provider",
    "table",
]
