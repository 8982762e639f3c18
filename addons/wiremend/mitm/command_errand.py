"""Errands of the command line that are run from the flow list: a case of a flow, an archive of it.

``wiremend captures add`` and ``wiremend bundle`` do the work, in a process of their own, so that the traffic does not
wait. What they are given is scrubbed first, in a thread, and lies in a private folder as long as they run (G8).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import wiremend
from wiremend.errors import CaptureError
from wiremend.mitm.flows import About, is_ours, read_flows, state_of
from wiremend.mitm.netstring import dump
from wiremend.mitm.scrubs import Scrubs
from wiremend.mitm.shelf import Shelf
from wiremend.mitm.telling import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mitmproxy.http import HTTPFlow

    from wiremend.captures.capture import Capture
    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

_MAIN: Final = "from wiremend.cli import main; main()"
_FILE: Final = "flow.flows"
_TIME: Final = 120.0
"""Seconds that an errand may take."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A raw capture, and what is needed to scrub it; ``clean`` where it came out of a file of ours."""

    capture: Capture
    resolved: Resolved
    secrets: tuple[str, ...]
    clean: bool
    large: Path | None
    """The folder of captures to look in, where the bodies were too large for the memory."""


class Errands:
    """Runs verbs of the command line on flows."""

    def __init__(self, house: House) -> None:
        """Keep the house."""
        self.house = house
        self._scrubs = Scrubs()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, flow: HTTPFlow, resolved: Resolved, verb: Sequence[str], options: Sequence[str], told: str) -> None:
        """Run a verb on a flow, beside the traffic; what came of it is logged.

        ``verb`` are the words before the file, ``options`` those behind it; ``told`` says what is made. Raises
        :class:`CaptureError` where the flow's capture is broken.
        """
        one = self.house.originals.find(flow.id)
        record = one.record if one is not None else None
        own = one.exchange.secrets() if one is not None and one.exchange is not None else ()
        spooled = record is not None and (record.tapes.heard.spooled or record.tapes.said.spooled)
        given = _Given(
            self.house.originals.of(flow),
            resolved,
            (*own, *resolved.secrets),
            is_ours(flow),
            record.folder if record is not None and spooled else None,
        )
        task = asyncio.get_running_loop().create_task(
            self._run(given, [*verb], [*options], told), name=f"wiremend: {' '.join(verb)}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until all errands are run."""
        await asyncio.gather(*self._tasks)

    def close(self) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, given: _Given, verb: list[str], options: list[str], told: str) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="wiremend-") as name:  # for its owner alone
                file = Path(name, _FILE)
                await asyncio.to_thread(self._write, given, file)
                code, said = await self._call([*verb, str(file), *options])
            if code == 0:
                tell("%s: %s", told, said)
            else:
                logger.error("not %s: %s", told, said)
        except CaptureError as error:
            logger.error("not %s: %s", told, error)  # noqa: TRY400 - the message is the whole of it
        except Exception as error:  # noqa: BLE001 - the edge (G7)
            logger.error("not %s: Wiremend failed (%s)", told, type(error).__name__)  # noqa: TRY400 - a trace may quote a body (G8)

    def _write(self, given: _Given, file: Path) -> None:
        capture = given.capture
        if given.large is not None:
            capture = _kept(given.large, capture.id)
        elif not given.clean:
            capture = self._scrubs.with_secrets(given.resolved, given.secrets).capture(capture)
        pieces = dump(state_of(capture, About()))
        file.write_bytes(b"".join(piece for piece in pieces if isinstance(piece, bytes)))

    async def _call(self, words: list[str]) -> tuple[int, str]:
        rules = self.house.found
        roots = [str(Path(wiremend.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(root for root in roots if root), "NO_COLOR": "1"}
        if rules is not None:
            environment["WIREMEND_RULES"] = str(rules.path)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MAIN, *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), _TIME)
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        return process.returncode or 0, said.decode("utf-8", "replace").strip()


def _kept(folder: Path, name: str) -> Capture:
    """Find a capture where captures are kept. Raises :class:`CaptureError` where it is not there."""
    for path in reversed(Shelf(folder).files()):
        for found in read_flows(path):
            if found.capture is not None and found.capture.id == name:
                return found.capture
    raise CaptureError("it was too large for the memory, and is not written down (yet)")
