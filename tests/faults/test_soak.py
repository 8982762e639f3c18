"""Two hundred streams at once, one in ten with a fault: nothing is left of them, and each call has its row.

``python -m tests.faults.soak --seconds 120`` is the long one. This one is as short as it can be and still have a second
half: memory is judged by a wider bound here, for a proxy that has just been started still fills its caches.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.soak import soak

GROWTH = 1.3
"""What memory may be at the end, against half-time."""


@pytest.mark.timeout(240)
def test_nothing_is_left_of_many_streams_with_faults() -> None:
    report = asyncio.run(soak(10.0, 200, seed=7))
    assert report.most == 200
    faults = {kind for kind in report.calls.values() if kind != "well"}
    assert len(faults) >= 15
    assert not report.wrong(GROWTH), str(report)
