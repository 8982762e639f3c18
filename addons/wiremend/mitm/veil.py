"""The rules' own secrets, out of sight as soon as they have left (G8).

mitmproxy shows a flow's request as it leaves, and saves it where ``-w`` says so. What the rules put into it (a
credential, a header with a variable in it) nobody needs to see: once the provider has begun to answer, or has failed
to, the family's prefix stands in its place. Until then mitmproxy needs it to send the request. What the client itself
sent stays as it is. A request that mitmproxy itself sends once more gets its credential back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.families import CREDENTIAL_HEADERS, SHORTEST, shown
from wiremend.headers import Headers
from wiremend.mitm.convert import from_fields, to_fields
from wiremend.mitm.exchange import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.exchange import Exchange
    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved


class Veil:
    """Stands behind what remembers an exchange, so that this has seen the request as it left."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Veil a request that has left."""
        self._veil(flow)

    def response(self, flow: HTTPFlow) -> None:
        """Veil what was answered otherwise."""
        self._veil(flow)

    def error(self, flow: HTTPFlow) -> None:
        """Veil a request that was not answered."""
        self._veil(flow)

    def _veil(self, flow: HTTPFlow) -> None:
        secrets = self.house.leaving.pop(flow.id, ())
        if not secrets:
            return
        try:
            swap(flow, {secret: shown(secret) for secret in secrets})
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            self.house.failed(flow.id, "to veil the request", error)


def hidden(exchange: Exchange) -> tuple[str, ...]:
    """Give the secrets of the rules that are to be veiled once a request has left: none of the client's own."""
    own = {credential.value for credential in exchange.facts.credentials}
    return tuple(one for one in exchange.resolved.secrets if len(one) >= SHORTEST and one not in own)


def unveil(flow: HTTPFlow, resolved: Resolved) -> tuple[str, ...]:
    """Put a provider's credential back into a request that mitmproxy sends once more; gives what is to be veiled again.

    It goes to that provider's own hosts only (G11).
    """
    seen = flow.metadata.get(METADATA)
    upstream = resolved.upstreams.get(str(seen.get("provider"))) if isinstance(seen, dict) else None
    if upstream is None or upstream.secret is None or flow.request.host not in upstream.hosts:
        return ()
    secret = upstream.secret.value
    swap(flow, {shown(secret): secret}, whole=True)
    return (secret,)


def swap(flow: HTTPFlow, texts: Mapping[str, str], *, whole: bool = False) -> None:
    """Replace texts in a request's head; ``whole``: only where one is all of a credential header's value."""

    def swapped(name: str, value: str) -> str:
        scheme, space, last = value.rpartition(" ")
        if whole:
            fits = name.lower() in CREDENTIAL_HEADERS and last in texts
            return f"{scheme}{space}{texts[last]}" if fits else value
        for old, new in texts.items():
            value = value.replace(old, new)
        return value

    before = from_fields(flow.request.headers.fields)
    after = Headers(tuple((name, swapped(name, value)) for name, value in before))
    if after != before:
        flow.request.headers.fields = to_fields(after)
    path = swapped("", flow.request.path)
    if path != flow.request.path:
        flow.request.path = path
