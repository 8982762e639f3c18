"""``wiremend bundle``: one archive of a problem, to attach to a report.

What goes in has been scrubbed, and is rid of what tells who you are; the rules are references only. The archive is the
same for the same capture, so that two of them can be compared.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import tempfile
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.text import Text

from wiremend import __version__
from wiremend.captures.case import write_case
from wiremend.cli.captures import tell_to_read
from wiremend.cli.captures_clean import Cleaner
from wiremend.cli.captures_find import Finder
from wiremend.cli.captures_keep import origin_of, title_of
from wiremend.cli.captures_list import SHORT
from wiremend.cli.captures_read import FAILED, is_stream, readable, size, timed_events, wire_of
from wiremend.cli.picture import hang, make_console
from wiremend.errors import CaptureError
from wiremend.protocols.wires import CHECKS, CONTRACTS
from wiremend.rules.compile import rules_hash
from wiremend.rules.load import read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wiremend.captures.capture import Capture, Response
    from wiremend.captures.personal import ToRead
    from wiremend.protocols.base import WireName
    from wiremend.protocols.violation import Violation

MOST: Final = 200
"""Violations that are told of one reply; the rest is counted."""

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644 << 16
_UNIX: Final = 3

_README: Final = """\
A problem on the wire, as Wiremend {version} recorded it: {title}

  case/            the exchange: both requests, what the provider answered, what the client got (case.yaml tells more)
  rules.yaml       {rules}; credentials stand in it as references only
  verdicts.json    what the strictest client of each wire would object to, upstream and at the client
  versions.json    what it ran on
  to-read.txt      what its sender was asked to read before sharing it

Credentials are replaced by surrogates, and home folder, user, host and e-mail addresses by others. No network and no
key is needed to run it again:

  unzip -d problem {name}
  wiremend replay problem
"""


@click.command()
@click.argument("capture")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("problem.zip"), show_default=True, help="The file."
)
@click.option("--rules", type=click.Path(path_type=Path), help="The rules to put in; without it, those it ran with.")
@click.option("--force", is_flag=True, help="Write the file anew if it is there already.")
def bundle(capture: str, *, output: Path, rules: Path | None, force: bool) -> None:
    """Make one archive of a problem, without a secret in it, to attach to a report.

    CAPTURE is FILE:N, or the beginning of an id. Your home folder, user, host and e-mail addresses are replaced.
    """
    if output.exists() and not force:
        raise CaptureError(f"{output}: this is there already; --force writes it anew, -o names another")
    finder, cleaner = Finder(), Cleaner(os.environ, personal=True)
    picked = finder.one(capture)
    cleaned = cleaner.clean(picked)
    text, which = rules_text(finder, cleaned.rules, rules)
    if cleaner.has_secret(text):
        which = f"{which}; a secret stood in them in clear, and was taken out"
    listed = cleaner.to_read(cleaned)
    files = contents(
        cleaned,
        text=cleaner.text(text),
        which=which,
        title=title_of(replace(picked, capture=cleaned)),
        listed=listed,
        name=output.name,
    )
    data = zipped(files)
    try:
        output.write_bytes(data)
    except OSError as error:
        raise CaptureError(f"{output}: it cannot be written: {error.strerror}") from None
    console = make_console(os.environ)
    hang(console, Text(""), Text.assemble((str(output), "bold"), f"  {size(len(data))}"))
    for name, content in files.items():
        console.print(Text(f"  {size(len(content)):>8}  {name}"), soft_wrap=True)
    hang(console, Text("  "), Text(f"rules.yaml: {which}"))
    console.print()
    tell_to_read(console, [("case", listed)])
    for warning in finder.warnings:
        click.echo(f"warning: {warning}", err=True)


def rules_text(finder: Finder, digest: str, named: Path | None) -> tuple[str, str]:
    """Give the text of the rules, and which they are.

    ``digest`` is the hash that the capture carries: the text of that time lies beside the captures. Where it does not,
    the rules in force stand in for it.
    """
    if named is not None:
        return read_rules(named), "the rules that were named"
    if re.fullmatch(r"[0-9a-f]+", digest):  # it may be a stranger's file that says it
        kept = finder.folder() / "rules" / f"{digest}.yaml"
        if kept.is_file():
            return read_rules(kept), f"the rules that it ran with ({digest})"
    found = find_rules(None, finder.environ)
    text = read_rules(found.path)
    if digest and rules_hash(text) == digest:
        return text, f"the rules that it ran with ({digest})"
    was = f"; it ran with {digest}, which are not kept" if digest else "; which it ran with is not known"
    return text, f"the rules in force ({rules_hash(text)}){was}"


def contents(  # noqa: PLR0913 - what goes in, each by its name
    capture: Capture, *, text: str, which: str, title: str, listed: Sequence[ToRead], name: str
) -> dict[str, bytes]:
    """Give the files of the archive, by name, in their order. Raises :class:`CaptureError` where one cannot be made."""
    files = {f"case/{path}": data for path, data in _case(capture, title, text).items()}
    files["rules.yaml"] = text.encode("utf-8", "surrogateescape")
    files["versions.json"] = _json(versions(capture))
    files["verdicts.json"] = _json(verdicts(capture))
    files["to-read.txt"] = "".join(f"{one.where}: {one.what}\n" for one in listed).encode("utf-8", "backslashreplace")
    told = _README.format(version=capture.versions.get("wiremend", __version__), title=title, rules=which, name=name)
    files["README.txt"] = told.encode("utf-8", "backslashreplace")
    return dict(sorted(files.items()))


def _case(capture: Capture, title: str, rules: str) -> dict[str, bytes]:
    """Give the case's files, by their names: ``WIRE/ID/case.yaml`` … The rules are its own, so it replays anywhere."""
    with tempfile.TemporaryDirectory(prefix="wiremend-") as top:
        safe = "".join(letter for letter in capture.id.lower()[:SHORT] if letter.isascii() and letter.isalnum())
        folder = Path(top, capture.wire or "other", safe or "exchange")
        write_case(folder, capture, title=title, origin=origin_of(capture), rules=rules)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}


def versions(capture: Capture) -> dict[str, Any]:
    """Give what this machine runs, and what the capture was recorded with; nothing names the machine."""
    system = platform.mac_ver()[0] or platform.release()
    here = {
        "wiremend": __version__,
        "mitmproxy": version("mitmproxy"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {system} {platform.machine()}",
    }
    return {"bundled_with": here, "recorded_with": dict(capture.versions)}


def verdicts(capture: Capture) -> dict[str, Any]:
    """Say what the strict contracts make of each reply: ``upstream``, a list with one entry a try, and ``client``.

    An entry has ``wire``, ``as`` (stream or body), ``count`` and ``violations`` (code, event, pointer, message), or
    ``not judged`` with the reason.
    """
    found = locate(capture.request.target)
    if found is not None and found.endpoint.kind != "generate":
        why = {"not judged": f"contracts are about a model's turn, and this asks for {found.endpoint.path}"}
        return {"upstream": [why for _ in capture.attempts], "client": why}
    return {
        "upstream": [
            _verdict(wire_of(attempt.decision.get("wire")) or capture.wire, attempt.response)
            for attempt in capture.attempts
        ],
        "client": _verdict(capture.wire, capture.answer),
    }


def _verdict(wire: WireName | None, response: Response | None) -> dict[str, Any]:
    if response is None:
        return {"not judged": "there is no reply"}
    if wire is None:
        return {"not judged": "its wire is not known"}
    stream = is_stream(response)
    if response.status >= FAILED and not stream:
        return {"wire": wire, "not judged": f"it is an error, {response.status}"}
    found = list(_judge(wire, response) if stream else CHECKS[wire](readable(response)[0]))
    told = [
        {"code": one.code, "event": one.event, "pointer": one.pointer, "message": one.message} for one in found[:MOST]
    ]
    return {"wire": wire, "as": "stream" if stream else "body", "count": len(found), "violations": told}


def _judge(wire: WireName, response: Response) -> Iterator[Violation]:
    contract = CONTRACTS[wire]()
    for _, event in timed_events(response):
        yield from contract.feed(event)
    yield from contract.close()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Give a zip archive whose entries are all of one time and mode, so that the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = _UNIX
            info.external_attr = _MODE
            archive.writestr(info, files[name])
    return out.getvalue()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
