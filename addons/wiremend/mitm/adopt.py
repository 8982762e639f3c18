"""After all others: mitmproxy's own choice of the next layer, with its HTTP layer made one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy import ctx

from wiremend.mitm.layer import adopt
from wiremend.mitm.trailers import drop_trailers

if TYPE_CHECKING:
    from mitmproxy.proxy.layer import NextLayer

    from wiremend.mitm.endings import Endings


class Adopt:
    """Asks mitmproxy's addon to choose, and adopts what it chose."""

    def __init__(self, endings: Endings) -> None:
        """Keep who ends what breaks."""
        self.endings = endings

    def running(self) -> None:
        """Let bodies with trailers be read."""
        drop_trailers()

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Let mitmproxy choose, where nobody has: its own addon comes after us and would leave the choice as it is."""
        own = ctx.master.addons.get("nextlayer")
        if nextlayer.layer is None and own is not None:
            own.next_layer(nextlayer)
            adopt(nextlayer.layer, self.endings)
