"""The playing upstream as a fixture, for a user's tests of an agent: see ``wiremend_upstream`` of the plugin."""

from __future__ import annotations

import glob
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from wiremend.captures.case import find_cases, read_case
from wiremend.errors import CaptureError, PointerError, RulesError
from wiremend.replay.playing import PlayingUpstream
from wiremend.replay.pytest_items import Settings, located
from wiremend.replay.pytest_plugin import UnusedCaptureWarning
from wiremend.replay.rules import Today

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wiremend.captures.capture import Capture
    from wiremend.jsonedit import Pointer
    from wiremend.replay.playing import Side, Timing
    from wiremend.replay.run import Cuts


class UpstreamFactory:
    """Starts upstreams; they stop when the test is over."""

    def __init__(self, config: pytest.Config, stack: ExitStack) -> None:
        """Begin without any."""
        self.started: list[PlayingUpstream] = []
        self._config = config
        self._stack = stack

    def __call__(
        self,
        *patterns: str | Path,
        timing: Timing = "fast",
        cuts: Cuts = "recorded",
        ignore: Iterable[Pointer | str] = (),
        side: Side = "upstream",
    ) -> PlayingUpstream:
        """Start one that answers as the cases at some paths do; its ``url`` is what an agent is pointed to.

        A path, from pytest's rootdir, may hold ``*``; it leads to a case's folder or to a tree of cases. What the rules
        say in ``replay.ignore`` does not count, besides ``ignore``. The other arguments are those of
        :class:`~wiremend.replay.playing.PlayingUpstream`. The test fails where there is no case, or one cannot be read.
        """
        settings = Settings.of(self._config)
        try:
            ignored = (*Today.load(settings.file).replay.ignore, *ignore)
            captures = [found for pattern in patterns for found in self._captures(pattern)]
            upstream = _playable(PlayingUpstream(captures, timing=timing, cuts=cuts, ignore=ignored, side=side))
        except RulesError as error:
            problem = located(error, settings.shown)
        except (CaptureError, PointerError) as error:
            problem = str(error)
        else:
            self.started.append(self._stack.enter_context(upstream))
            return upstream
        pytest.fail(problem, pytrace=False)

    def _captures(self, pattern: str | Path) -> Iterator[tuple[str, Capture]]:
        root = self._config.rootpath
        # Not Path.glob, which takes no absolute path.
        found = sorted(glob.glob(os.fspath(pattern), root_dir=root, recursive=True))  # noqa: PTH207
        folders = dict.fromkeys(folder for path in found for folder in find_cases(root / path))
        if not folders:
            raise CaptureError(f"wiremend_upstream: there is no case at {pattern}, seen from {root}")
        for folder in folders:
            name = folder.relative_to(root) if folder.is_relative_to(root) else folder
            yield name.as_posix(), read_case(folder).capture


def _playable(upstream: PlayingUpstream) -> PlayingUpstream:
    """Raise :class:`CaptureError` where there is nothing to play, and say of each capture why."""
    if not upstream.player.entries:
        why = [f"{name}: {why}" for name, why in upstream.player.unplayable]
        raise CaptureError("\n".join(["wiremend_upstream: there is nothing to play", *why]))
    return upstream


@contextmanager
def upstreams(test: pytest.Item) -> Iterator[UpstreamFactory]:
    """Give a factory for a test; at its end all stop, a miss fails the test, and an unused capture is a warning."""
    with ExitStack() as stack:
        factory = UpstreamFactory(test.config, stack)
        yield factory
    misses = [line for upstream in factory.started for miss in upstream.misses for line in miss.lines]
    if misses:
        pytest.fail("\n".join(["the playing upstream had no answer:", *misses]), pytrace=False)
    for upstream in factory.started:
        if unused := upstream.unused:
            test.warn(UnusedCaptureWarning(f"never asked for: {', '.join(unused)}"))
