"""Stale: a case that is older than it may be, or of a client that has moved on since.

Ages are seconds. A client's version is compared as text with the one that is in use, which the caller knows (the pins
of a suite, ``--client-version``). A case that does not say when it was recorded, or by which version, is not stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.captures.capture import Capture

_DAY: Final = 86_400


def stale(capture: Capture, now: float, max_age: float | None, clients: Mapping[str, str]) -> list[str]:
    """Say why a case is stale; [] where it is not.

    ``now`` is in seconds since 1970, ``max_age`` in seconds (None: any age will do), ``clients`` gives the version in
    use of each client, by its name.
    """
    found = []
    age = now - capture.began
    if max_age is not None and capture.began > 0 and age > max_age:
        found.append(f"stale: recorded {_days(age)} ago, and {_days(max_age)} is the most")
    version, current = version_of(capture), clients.get(capture.client or "")
    if version is not None and current is not None and version != current:
        found.append(f"stale: recorded with {capture.client} {version}, and {current} is in use")
    return found


def version_of(capture: Capture) -> str | None:
    """Give the version of a capture's client, without the product's name before it; None where it did not say it."""
    said = capture.versions.get("client", "").rpartition("/")[2]
    return said if capture.client is not None and said else None


def _days(seconds: float) -> str:
    days = seconds / _DAY
    if days < 2:  # noqa: PLR2004 - below two days, hours say more
        return f"{max(seconds, 0) / 3600:.0f} h"
    return f"{days:.0f} days"
