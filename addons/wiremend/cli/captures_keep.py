"""``wiremend captures add``, ``scrub`` and ``import``: what writes. Nothing leaves this file that was not scrubbed."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.case import find_cases, read_case, write_case
from wiremend.captures.case_files import OWN
from wiremend.captures.findings import Finding
from wiremend.cli.captures_read import Picked, row_of
from wiremend.errors import CaptureError
from wiremend.rules.lookup import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wiremend.captures.capture import Capture
    from wiremend.captures.personal import ToRead
    from wiremend.cli.captures_clean import Cleaner
    from wiremend.cli.captures_find import Finder

SUFFIX: Final = ".scrubbed.flows"

_NO_WIRE: Final = "other"


@dataclass(frozen=True, slots=True)
class Kept:
    """A case that was written, and what a person should read in it before others do."""

    folder: Path
    capture: Capture
    to_read: Sequence[ToRead]


def folders(found: Sequence[Picked], name: str, to: Path) -> list[Path]:
    """Give the folder of each case: one is ``name``, several are ``name-01``, ``name-02`` …"""  # noqa: D400, D415 - names
    digits = max(2, len(str(len(found))))
    return [
        to / (one.capture.wire or _NO_WIRE) / (name if len(found) == 1 else f"{name}-{number:0{digits}}")
        for number, one in enumerate(found, 1)
    ]


def add(  # noqa: PLR0913 - what is kept, where, and how it is called
    found: Sequence[Picked],
    places: Sequence[Path],
    cleaner: Cleaner,
    *,
    title: str | None,
    about: Mapping[str, Any],
    force: bool,
) -> Iterator[Kept]:
    """Write captures as cases. Raises :class:`CaptureError` before the first is written, where one cannot be."""
    if not force:
        taken = [place for place in places if place.exists()]
        if taken:
            raise CaptureError(f"{taken[0]}: this is there already; --force writes it anew, or choose another --name")
    cleaned = [cleaner.clean(one) for one in found]
    for one, capture, place in zip(found, cleaned, places, strict=True):
        told = cleaner.text(title) if title else title_of(replace(one, capture=capture))
        _keep_bytes(place.parent.parent)
        write_case(place, capture, title=told, about=about, origin=origin_of(capture), overwrite=force)
        yield Kept(place, capture, cleaner.to_read(capture))


ATTRIBUTES: Final = ".gitattributes"
BYTES_AS_THEY_ARE: Final = "-text -ident -filter -whitespace"
_CODES: Final = 3
"""Codes of mends that a title names."""


def _keep_bytes(folder: Path) -> None:
    """See to it that git changes no byte of a case, unless somebody has: ``.gitattributes`` in the cases' folder."""
    above = next((path for path in (folder, *folder.parents) if (path / ".git").exists()), folder)
    own = (path / ATTRIBUTES for path in (folder, *folder.parents) if path.is_relative_to(above))
    said = (file.read_text("utf-8", "replace") for file in own if file.is_file())
    if not any("-text" in text for text in said):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ATTRIBUTES).write_text(f"** {BYTES_AS_THEY_ARE}\n", "utf-8")


def title_of(picked: Picked) -> str:
    """Say in a line what a capture is."""
    row = row_of(picked)
    done = (*row.failed, *row.lost, *row.mended)
    more = f" and {len(done) - _CODES} more" if len(done) > _CODES else ""
    codes = ", ".join(done[:_CODES]) + more
    said = f"{row.client or 'a client'} asks for {row.way}"
    return " ".join(f"{said}: {codes}".split() if codes else said.split())


def origin_of(capture: Capture) -> str:
    """Say where a case comes from."""
    version = capture.versions.get("wiremend")
    if version:
        return f"recorded by Wiremend {version}"
    recorder = capture.versions.get("recorder")
    return f"recorded by {recorder}, and imported" if recorder else "recorded by other means, and imported"


# -- scrubbing


@dataclass(frozen=True, slots=True)
class Suspect:
    """Where something looks like a secret; never the thing itself."""

    where: str
    finding: Finding


def suspects(paths: Iterable[Path], finder: Finder, cleaner: Cleaner) -> Iterator[Suspect]:
    """Give what looks like a secret in files, cases and folders."""
    for path in paths:
        for one in finder.every(path):
            for finding in cleaner.findings(one):
                yield Suspect(one.where, finding)
            for place, texts in one.beside.items():
                if any(map(cleaner.has_secret, texts)):
                    yield Suspect(one.where, Finding(place, "what mitmproxy keeps beside the flow"))
            if not one.number:
                yield from _beside(one.path, cleaner)


def _beside(folder: Path, cleaner: Cleaner) -> Iterator[Suspect]:
    """Look at what people wrote into a case."""
    case = read_case(folder)
    texts = {"case.yaml": f"{case.title}\n{case.origin}\n{case.about}"}
    texts |= {name: path.read_text("utf-8", "replace") for name in sorted(OWN) if (path := folder / name).is_file()}
    for name, text in texts.items():
        if cleaner.has_secret(text):
            yield Suspect(str(folder), Finding(name, "what people wrote"))


def scrub(path: Path, finder: Finder, cleaner: Cleaner) -> Iterator[tuple[Path, int]]:
    """Scrub cases where they lie, and flow files into new ones beside them.

    Gives each file or case that was written, and how many captures were changed by it.
    """
    if path.is_dir():
        for folder in find_cases(path):
            yield folder, int(_scrub_case(folder, cleaner))
        for file in sorted(path.glob("*.flows")):
            if not file.name.endswith(SUFFIX):
                yield _scrub_flows(file, finder, cleaner)
    else:
        yield _scrub_flows(path, finder, cleaner)


def _scrub_case(folder: Path, cleaner: Cleaner) -> bool:
    case = read_case(folder)
    cleaned = cleaner.clean(Picked(folder, 0, case.capture))
    if cleaned == case.capture:
        return False
    write_case(folder, cleaned, title=case.title, about=case.about, origin=case.origin, overwrite=True)
    return True


def _scrub_flows(file: Path, finder: Finder, cleaner: Cleaner) -> tuple[Path, int]:
    target = file.with_name(file.name.removesuffix(".flows") + SUFFIX)
    changed = 0

    def cleaned() -> Iterator[Capture]:
        nonlocal changed
        for one in finder.every(file):
            capture = cleaner.clean(one)
            changed += capture != one.capture
            yield capture

    write_flows(target, cleaned(), force=True)
    return target, changed


# -- flow files


def import_target(file: Path, finder: Finder) -> Path:
    """Give the file that an imported one becomes: in the user's own folder, where no repository is."""
    return finder.folder() / f"imported-{file.stem}.flows"


def import_files(files: Sequence[Path], target: Path, finder: Finder, cleaner: Cleaner, *, force: bool) -> int:
    """Write the LLM calls of files as one capture file, scrubbed; returns how many there are."""
    count = 0

    def cleaned() -> Iterator[Capture]:
        nonlocal count
        for file in files:
            for one in finder.every(file):
                count += 1
                yield cleaner.clean(one)

    write_flows(target, cleaned(), force=force)
    return count


def write_flows(target: Path, captures: Iterable[Capture], *, force: bool) -> None:
    """Write a flow file that only the user can read. It is there whole or not at all; none is written of nothing."""
    from wiremend.mitm.flows import About, state_of  # noqa: PLC0415 - mitmproxy: half a second that `--help` need not take
    from wiremend.mitm.netstring import dump  # noqa: PLC0415 - as above

    if target.exists() and not force:
        raise CaptureError(f"{target}: this is there already; --force writes it anew, --to names another")
    try:
        private_folder(target.parent, target.parent)
        number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # readable by its owner alone
        try:
            written = 0
            with os.fdopen(number, "wb") as file:
                for capture in captures:
                    file.writelines(piece for piece in dump(state_of(capture, About())) if isinstance(piece, bytes))
                    written += 1
            if written:
                Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise CaptureError(f"{target}: it cannot be written: {error.strerror or error}") from None
