"""mitmproxy's own options that Wiremend needs otherwise, and the trust in upstream certificates.

- ``connection_strategy`` is lazy: the destination is decided per request, so the one that a mode or a CONNECT names may
  be dead (facts: with ``eager`` the client is dropped before any hook).
- ``keep_host_header`` is on: in reverse mode mitmproxy would replace the Host before the gateway can judge it. It is
  replaced afterwards, unless the user had switched the option on.
- ``store_streamed_bodies`` is on: replies are streamed through, and people want to see them in mitmweb all the same
  (the first few MiB of them, see ``layer``).
- ``ssl_verify_upstream_trusted_ca`` becomes mitmproxy's roots plus those that the machine's own variables name
  (``SSL_CERT_FILE`` and the like), so that a company's CA upstream is honoured. ``ssl_insecure`` is never touched.

What the user has set stays as set, but for the first two.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from mitmproxy import ctx

from wiremend.mitm.life import ca_file, trust_folder
from wiremend.mitm.trust import upstream_bundle

if TYPE_CHECKING:
    from wiremend.mitm.house import House

_NOISE = ("client connect", "client disconnect", "server connect ", "server disconnect ", "Streaming re")


class _Quiet(logging.Filter):
    """Drops mitmproxy's lines on each connection, where ``wiremend_connection_log`` is off."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be logged."""
        return ctx.options.wiremend_connection_log or not record.getMessage().startswith(_NOISE)


class Settings:
    """Puts mitmproxy's options right when it starts."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house
        self._filter = _Quiet()

    def running(self) -> None:
        """Set the options, and listen to the log of connections."""
        self.house.keep_host_header = ctx.options.keep_host_header
        options: dict[str, object] = {"connection_strategy": "lazy", "keep_host_header": True}
        if not ctx.options.store_streamed_bodies:
            options["store_streamed_bodies"] = True
        if not ctx.options.ssl_verify_upstream_trusted_ca and not ctx.options.ssl_verify_upstream_trusted_confdir:
            bundle = upstream_bundle(trust_folder(ca_file()), os.environ)
            if bundle is not None:
                options["ssl_verify_upstream_trusted_ca"] = str(bundle)
        ctx.options.update(**options)
        logging.getLogger("mitmproxy.proxy.server").addFilter(self._filter)

    def done(self) -> None:
        """Leave the log as it was."""
        logging.getLogger("mitmproxy.proxy.server").removeFilter(self._filter)
