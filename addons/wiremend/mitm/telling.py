"""What is logged for the person at the screen, at the level that the interface at hand shows.

mitmproxy and mitmdump draw attention to ``ALERT``. The log of mitmweb's page knows no such level and shows none of it
(mitmproxy 12), so there it is ``INFO``.
"""

from __future__ import annotations

import logging
from typing import Final

from mitmproxy import ctx
from mitmproxy.log import ALERT

logger = logging.getLogger("wiremend")

_MITMWEB: Final = "web_port"
"""An option that mitmweb alone has."""


def in_mitmweb() -> bool:
    """Tell whether mitmweb is what runs."""
    return _MITMWEB in getattr(ctx, "options", ())


def tell(message: str, *values: object) -> None:
    """Log a message; ``values`` are put in as ``logging`` does."""
    logger.log(logging.INFO if in_mitmweb() else ALERT, message, *values)
