"""A capture as a folder ``captures/<wire>/<case>/`` of text that a person can review, and back.

::

    case.yaml              what it is: where it comes from, inputs, cuts and times, notes (``case_about`` has the keys)
    client.request         the head of the client's request, and client.request.json: its body, byte for byte
    upstream.request       the head of the request that left; its body only where it is another than the client's
    upstream.response      the head of what came back, and upstream.sse, .json, …: its body; without it, nothing came
    upstream-2.request …   the second attempt, and so on
    client.response        the head of what the client got; its body only where it is another than the upstream's
    frames.yaml            the messages of a WebSocket
    rules.yaml, README.md  the case's own, of which a capture knows nothing

Nothing is lost either way, and no body is reformatted. ``captures/README.md`` tells it to people.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wiremend.captures.capture import Attempt, Capture, Inputs
from wiremend.captures.case_about import ABOUT, Told, frames_to_say, read_frames, read_said, style_of, to_say
from wiremend.captures.case_files import ABOUT_FILE, FRAMES_FILE, Files, is_capture_file, kind_of, side_of
from wiremend.captures.case_head import write_request_head, write_response_head
from wiremend.captures.case_yaml import did_you_mean, dump, parse
from wiremend.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.captures.capture import Body, Request, Response
    from wiremend.captures.case_about import Said
    from wiremend.protocols.base import WireName

WIRES: Final[Mapping[str, WireName | None]] = {
    "messages": "messages",
    "chat": "chat",
    "responses": "responses",
    "other": None,
}
"""The folder that a case lies in -> the client's wire."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NO_WIDTH: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Case:
    """A case: the capture, and what people say of it; ``about`` by the keys of ``case_about.ABOUT``."""

    folder: Path
    capture: Capture
    title: str
    origin: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """WIRE/CASE."""
        return _name_of(self.folder)

    @property
    def rules(self) -> Path | None:
        """The rules of its own, where it has some."""
        path = self.folder / "rules.yaml"
        return path if path.is_file() else None


def find_cases(path: Path) -> list[Path]:
    """Give the folders of cases, sorted: of a case's folder, a wire's, captures/, or a repository that has one.

    Hidden folders and node_modules are passed over. Raises :class:`CaptureError` where there is no such folder.
    """
    if path.name == ABOUT_FILE and path.is_file():
        return [path.parent]
    if not path.is_dir():
        raise CaptureError(f"{path}: there is no such folder")
    if (path / ABOUT_FILE).is_file():
        return [path]
    found = []
    for name, folders, files in os.walk(path / "captures" if (path / "captures").is_dir() else path):
        folder = Path(name)
        if ABOUT_FILE in files and _is_ours(folder):
            found.append(folder)
            folders.clear()
        folders[:] = [one for one in folders if not one.startswith(".") and one != "node_modules"]
    return sorted(found)


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder with a case.yaml lies where ours do, or the file says that it is one of ours."""
    if folder.absolute().parent.name in WIRES:
        return True
    try:
        with (folder / ABOUT_FILE).open("rb") as file:
            return re.search(rb"^format:", file.read(4096), re.MULTILINE) is not None
    except OSError:
        return True  # whoever reads it is told


def _name_of(folder: Path) -> str:
    whole = folder.resolve() if folder.name in {"", ".."} else folder.absolute()
    return f"{whole.parent.name}/{whole.name}"


def _wire_of(folder: Path) -> tuple[str, WireName | None]:
    """Give a case's name, as WIRE/CASE, and its wire."""
    name = _name_of(folder)
    wire, _, case = name.partition("/")
    if wire not in WIRES:
        hint = did_you_mean(wire, WIRES)
        raise CaptureError(f"{folder}: a case lies in captures/WIRE/CASE, and {wire!r} is no wire{hint}")
    if not _NAME.fullmatch(case):
        raise CaptureError(
            f"{folder}: {case!r} cannot be the name of a case; use small letters, digits, points, hyphens and _, and "
            "begin with a letter or a digit"
        )
    return name, WIRES[wire]


# -- reading


def read_case(folder: Path) -> Case:
    """Read a case. Raises :class:`CaptureError`, which names the file, the line or the key, and what to do."""
    name, wire = _wire_of(folder)
    files = Files(folder)
    said = read_said(parse(files.read(ABOUT_FILE), folder / ABOUT_FILE))
    request = replace(files.request("client"), body=files.body("client.request"))
    if request.host is None:
        request = replace(request, scheme=said.gateway[0], port=said.gateway[1])
    attempts = _attempts(files, said, request)
    reply = attempts[-1].response if attempts else None
    default = reply.body.data if reply else b""
    capture = Capture(
        request=request,
        wire=wire,
        inputs=Inputs(**{"style": style_of(request), **said.inputs}),
        attempts=attempts,
        answer=_response(files, "client", said.answer, default),
        frames=read_frames(parse(files.read(FRAMES_FILE), folder / FRAMES_FILE)) if FRAMES_FILE in files.names else (),
        **{"id": name, "began": 0.0, **said.fields},
    )
    return Case(folder, capture, said.title, said.origin, said.about)


def _attempts(files: Files, said: Said, request: Request) -> tuple[Attempt, ...]:
    if len(said.attempts) > len(files.attempts):
        missing = f"{side_of(len(files.attempts))}.request"
        raise CaptureError(f"{files.folder / ABOUT_FILE}: attempts: of one that is told of, {missing} is missing")
    attempts = []
    for number, side in enumerate(files.attempts):
        told = said.attempts[number] if number < len(said.attempts) else Told()
        left = replace(files.request(side), body=files.body(f"{side}.request", request.body, none=told.no_body))
        if left.host is None:
            raise CaptureError(
                f"{files.folder / side}.request:1: a request that left names its host; write a whole URL"
            )
        attempts.append(Attempt(left, _response(files, side, told), told.error, told.decision, told.at, told.trouble))
    if said.provider is not None:
        if not attempts or "provider" in attempts[-1].decision:
            raise said.provider.problem("this is the last attempt's, and there is none, or its decision names another")
        decision = {"provider": said.provider.text(), **attempts[-1].decision}
        attempts[-1] = replace(attempts[-1], decision=decision)
    return tuple(attempts)


def _response(files: Files, side: str, told: Told, default: bytes = b"") -> Response | None:
    if f"{side}.response" not in files.heads:
        if told.cuts_at is not None:
            raise told.cuts_at.problem(f"there is no {side}.response that these could be the cuts of")
        return None
    data = files.body(side, default, none=told.no_body and side == "client")
    return replace(files.response(side), body=told.body(data, files.bodies.get(side, f"the body of {side}.response")))


# -- writing


def write_case(  # noqa: PLR0913 - one for each thing that a capture does not know
    folder: Path,
    capture: Capture,
    *,
    title: str,
    about: Mapping[str, Any] | None = None,
    origin: str = "",
    rules: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a capture as a case: the whole folder, or nothing of it.

    ``about`` has values for keys of ``case_about.ABOUT``; ``rules`` is the text of the case's own rules. A case that is
    there is replaced where ``overwrite`` says so; its rules.yaml and README.md stay. Raises :class:`CaptureError`.
    """
    name, wire = _wire_of(folder)
    if wire != capture.wire:
        raise CaptureError(f"{folder}: this is a case of the wire {capture.wire or 'other'}; it lies in that folder")
    if folder.exists() and not overwrite:
        raise CaptureError(f"{folder}: this case is there already; choose another name, or have it overwritten")
    if folder.exists() and not (folder / ABOUT_FILE).is_file():
        raise CaptureError(f"{folder}: this is no case, and is not overwritten")
    files = _files_of(folder, capture)
    about = about or {}
    for key in about:
        if key not in ABOUT:
            raise CaptureError(f"{folder / ABOUT_FILE}: there is no key {key!r}{did_you_mean(key, ABOUT)}")
    said = dump(to_say(capture, name, title, origin, about), folder / ABOUT_FILE)
    read_said(parse(said, folder / ABOUT_FILE))
    files[ABOUT_FILE] = said
    if rules is not None:
        files["rules.yaml"] = rules.encode()
    try:
        _replace(folder, files)
    except OSError as error:
        raise CaptureError(f"{folder}: the case cannot be written: {error.strerror}") from error


def _files_of(folder: Path, capture: Capture) -> dict[str, bytes]:
    """Give the heads and the bodies, and the frames."""
    files: dict[str, bytes] = {}
    body = _put_request(files, folder, "client", capture.request, b"")
    reply = b""
    for number, attempt in enumerate(capture.attempts):
        side = side_of(number)
        if attempt.request.host is None:
            raise CaptureError(f"{folder}: the request of {side} names no host")
        _put_request(files, folder, side, attempt.request, body)
        reply = _put_response(files, folder, side, attempt.response, b"") if attempt.response else b""
    if capture.answer is not None:
        _put_response(files, folder, "client", capture.answer, reply)
    if capture.frames:
        files[FRAMES_FILE] = dump(frames_to_say(capture.frames), folder / FRAMES_FILE, width=_NO_WIDTH)
    return files


def _put_request(files: dict[str, bytes], folder: Path, side: str, request: Request, default: bytes) -> bytes:
    name = f"{side}.request"
    files[name] = write_request_head(request, folder / name)
    if request.body and request.body != default:
        files[f"{name}.{kind_of(request.headers, request.body)}"] = request.body
    return request.body


def _put_response(files: dict[str, bytes], folder: Path, side: str, response: Response, default: bytes) -> bytes:
    name, data = f"{side}.response", _data_of(response.body)
    files[name] = write_response_head(response, folder / name)
    if data and data != default:
        files[f"{side}.{kind_of(response.headers, data)}"] = data
    return data


def _data_of(body: Body) -> bytes:
    if body.file is None:
        return body.data
    try:
        return body.file.read_bytes()
    except OSError as error:
        raise CaptureError(f"{body.file}: this body cannot be read: {error.strerror}") from None


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put a folder of these files in the place of another, if there is one, whose other files stay."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:12]
    new, old = (folder.with_name(f".{folder.name}.{mark}.{kind}") for kind in ("new", "old"))
    new.mkdir()
    try:
        for name, data in files.items():
            (new / name).write_bytes(data)
        if not folder.exists():
            new.rename(folder)
            return
        for path in folder.iterdir():
            if not is_capture_file(path.name) and path.name not in files:
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)
        folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            old.rename(folder)
            raise
        shutil.rmtree(old)
    finally:
        shutil.rmtree(new, ignore_errors=True)
