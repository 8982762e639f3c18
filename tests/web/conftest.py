"""A browser for all tests of pages, and where their pictures go. Where no Chromium can run, they are skipped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.web.browser import Browser
from tests.web.chromium import Chromium, NoChromiumError, chromium
from tests.web.scene import scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.scene import Scene


@pytest.fixture(scope="session")
def program() -> Chromium:
    """Give a Chromium; where npm cannot fetch it, skip on a desk and fail in CI."""
    try:
        return chromium()
    except NoChromiumError as error:
        if error.fetching and os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser(program: Chromium) -> Iterator[Browser]:
    """Give the browser, in which each test opens a page of its own."""
    with Browser(program) as started:
        yield started


@pytest.fixture(scope="session")
def stage(browser: Browser) -> Iterator[Scene]:  # noqa: ARG001 - where there is no browser, nothing is started
    """Give a mitmweb that has seen five calls; tests may add more."""
    with scene() as made:
        yield made


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Give the folder for pictures: one of the test, or one that the environment names."""
    kept = os.environ.get("WIREMEND_SHOTS")
    return Path(kept) if kept else tmp_path
