"""The agents that the clients suite drives, installed once for the checkout (see ``install.py``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.clients.install import InstallError, installed
from tests.clients.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def agents() -> Path:
    """Give the folder that holds the programs; where npm cannot fetch, skip on a desk and fail in CI."""
    try:
        return installed() / "node_modules" / ".bin"
    except InstallError as error:
        if error.fetching and not os.environ.get("CI"):
            pytest.skip(f"the agents cannot be installed here: {error}")
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def opencode(agents: Path) -> Path:
    """Give OpenCode's program."""
    program = agents.parent / "opencode-linux-x64" / "bin" / "opencode"
    if not program.is_file():
        pytest.skip("OpenCode's program is pinned for Linux on x64, which this machine is not")
    return program


@pytest.fixture(scope="session")
def judge(agents: Path) -> Iterator[Judge]:
    """Give the judges of the JavaScript world."""
    with Judge(agents.parents[1]) as process:
        yield process
