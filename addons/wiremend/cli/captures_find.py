"""Which captures an argument means: ``FILE``, ``FILE:N``, ``FILE:N-M``, or the beginning of an id.

A file is a flow file (Wiremend's, or one that plain mitmproxy recorded), a HAR, or a case's folder; a folder stands for
the flow files and the cases in it. Numbers count all flows of a file, from 1, also those that are no LLM calls.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wiremend.captures.case import find_cases, read_case
from wiremend.captures.har import is_har, read_har
from wiremend.cli.captures_read import Picked, readable
from wiremend.errors import CaptureError, RulesError
from wiremend.rules.clients import client_of
from wiremend.rules.compile import compile_rules
from wiremend.rules.facts import peek, wire_of
from wiremend.rules.load import read_rules
from wiremend.rules.lookup import find_rules, state_folder
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.captures.capture import Capture

_NUMBERED: Final = re.compile(r"(.+):(\d+)(?:-(\d+))?")
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{3,}")
_FEW: Final = 5

HOW: Final = "wiremend run and wiremend proxy remember every LLM call, unless rules.yaml says `capture: off`"


@dataclass(slots=True)
class Finder:
    """Finds captures. ``warnings`` are what to tell behind them; ``others`` counts the flows that are no LLM calls."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    warnings: list[str] = field(default_factory=list)
    others: int = 0

    def folder(self) -> Path:
        """Give the user's capture folder: the one that the rules in force name, else that of the state folder."""
        try:
            found = find_rules(None, self.environ)
            rules, _ = compile_rules(read_rules(found.path), str(found.path))
        except RulesError:
            return state_folder(self.environ) / "captures"
        named = rules.capture.folder.expand(self.environ) if rules.capture.folder is not None else ""
        return Path(named).expanduser() if named else state_folder(self.environ) / "captures"

    def files(self, since: float | None = None) -> list[Path]:
        """Give the flow files of the user's folder, the newest last; those last written before ``since`` are left."""
        try:
            found = [(path.stat().st_mtime, path) for path in self.folder().glob("*.flows")]
        except OSError as error:
            raise CaptureError(f"{self.folder()}: it cannot be read: {error.strerror}") from None
        return [path for at, path in sorted(found) if since is None or at >= since]

    def every(self, path: Path) -> Iterator[Picked]:
        """Give the captures of a file or a folder. Raises :class:`CaptureError`, which names it."""
        if path.is_dir():
            yield from self._in_folder(path)
            return
        try:
            with path.open("rb") as file:
                first = file.read(64)
        except OSError as error:
            raise CaptureError(f"{path}: it cannot be read: {error.strerror}") from None
        yield from self._in_har(path) if is_har(first) else self._in_flows(path)

    def some(self, argument: str) -> list[Picked]:
        """Give the captures that an argument means. Raises :class:`CaptureError` where there is none."""
        path, numbered = Path(argument), _NUMBERED.fullmatch(argument)
        if path.exists():
            found = [*self.every(path)]
            if not found:
                raise self._nothing(path)
            return found
        if numbered is not None and Path(numbered[1]).exists():
            return self._numbered(Path(numbered[1]), int(numbered[2]), int(numbered[3] or numbered[2]))
        if numbered is None and _ID.fullmatch(argument):
            return [self._by_id(argument)]
        raise CaptureError(f"{numbered[1] if numbered else argument}: there is no such file, nor a capture of this id")

    def one(self, argument: str) -> Picked:
        """Give the one capture that an argument means. Raises :class:`CaptureError` where it means several."""
        path = Path(argument)
        if not path.exists():
            found = self.some(argument)
            if len(found) == 1:
                return found[0]
            raise CaptureError(f"{argument}: these are {len(found)} captures; name one of them")
        first, count = None, 0
        for one in self.every(path):  # a file may be too large for the memory
            first, count = first or one, count + 1
        if first is None:
            raise self._nothing(path)
        if count > 1:
            which = f"say which: {argument}:{first.number}" if first.number else "name one of them"
            raise CaptureError(f"{argument}: there are {count} captures in it; {which} (captures list shows them)")
        return first

    # -- where they lie

    def _numbered(self, path: Path, first: int, last: int) -> list[Picked]:
        if first < 1 or last < first:
            raise CaptureError(f"{path}:{first}-{last}: numbers go up, and the first is 1")
        found: list[Picked] = []
        highest = 0
        for one in self.every(path):
            highest = one.number
            if first <= one.number <= last:
                found.append(one)
            if highest >= last:
                break
        if not found or (first == last and found[0].number != first):
            which = str(first) if first == last else f"{first}-{last}"
            there = f"the last LLM call in it has the number {highest}" if highest else "there is none in it"
            raise CaptureError(f"{path}:{which}: this is no LLM call; {there}")
        return found

    def _by_id(self, prefix: str) -> Picked:
        files = self.files()
        found: dict[str, Picked] = {}
        for path in reversed(files):
            for one in self.every(path):
                if one.capture.id == prefix:
                    return one
                if one.capture.id.startswith(prefix):
                    found.setdefault(one.capture.id, one)
        if not found:
            where = f"{len(files)} files in {self.folder()}" if files else f"{self.folder()}, which is empty: {HOW}"
            raise CaptureError(f"{prefix}: there is no such file, nor a capture of this id in {where}")
        if len(found) > 1:
            ids = ", ".join(sorted(found)[:_FEW])
            raise CaptureError(f"{prefix}: {len(found)} captures begin so: {ids}{' …' if len(found) > _FEW else ''}")
        return next(iter(found.values()))

    def _in_folder(self, path: Path) -> Iterator[Picked]:
        for case in find_cases(path):
            yield Picked(case, 0, read_case(case).capture)
        for file in sorted(path.glob("*.flows")):
            yield from self._in_flows(file)

    def _in_har(self, path: Path) -> Iterator[Picked]:
        try:
            for entry in read_har(path.read_bytes()):
                if entry.capture is not None:
                    yield Picked(path, entry.number, identified(entry.capture))
                elif entry.error is not None:
                    self.warnings.append(f"{path}: entry {entry.number}: {entry.error}; it was left out")
                else:
                    self.others += 1
        except CaptureError as error:
            raise CaptureError(f"{path}: {error}") from None

    def _in_flows(self, path: Path) -> Iterator[Picked]:
        from wiremend.mitm.flows import beside, capture_of, read_flows  # noqa: PLC0415 - mitmproxy: half a second for --help

        for found in read_flows(path):
            if found.error is not None:
                self.warnings.append(f"{found.error}; it was left out")
            elif found.capture is not None:
                yield Picked(path, found.number, found.capture, beside(found.flow))
            elif found.flow is not None and _asks_a_model(found.flow.request.method, found.flow.request.path):
                yield Picked(path, found.number, capture_of(found.flow), beside(found.flow))
            else:
                self.others += 1

    def _nothing(self, path: Path) -> CaptureError:
        others = f", but {self.others} other request{'' if self.others == 1 else 's'}" if self.others else ""
        return CaptureError(f"{path}: there is no LLM call in it{others}{self._told()}")

    def _told(self) -> str:
        return f"; {self.warnings[0]}" if self.warnings else ""


def _asks_a_model(method: str, target: str) -> bool:
    return method.upper() not in {"OPTIONS", "CONNECT"} and locate(target) is not None


def identified(capture: Capture) -> Capture:
    """Give a capture with what its request says, where the capture itself does not: client, wire and model."""
    request = capture.request
    model, _ = peek(readable(request)[0])
    return replace(
        capture,
        client=capture.client or client_of(request.headers.get("user-agent")),
        wire=capture.wire or wire_of(locate(request.target), request.headers),
        model=capture.model or model,
    )


def seen(picked: Picked) -> Picked:
    """Give what was found as it is shown: a case that somebody wrote may leave out what its request says anyhow."""
    return picked if picked.number else replace(picked, capture=identified(picked.capture))
