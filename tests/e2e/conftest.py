"""Fixtures of the end-to-end tests: certificates, and the logs of the proxies beside a failure.

Each module starts its own proxy (about a second) and shares it among its tests, because rules belong to a process; a
test that must change rules, or end the process, starts one for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import Authority, Mitm

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a CA that upstreams' certificates are signed by."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the running proxies said, beside a failure."""
    report = yield
    if report.failed and call.when == "call":
        for number, proxy in enumerate(Mitm.running):
            report.sections.append((f"log of proxy {number} ({item.name})", proxy.log()[-4000:]))
    return report
