"""``wiremend captures show``: one capture, for a person to read; and the exact bytes of its parts.

What is shown of a body is made readable: its coding is undone, JSON is laid out, a stream is told event by event. Each
such place says so. The bytes themselves are what ``--raw`` gives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from rich.text import Text

from wiremend.captures.capture import Body
from wiremend.cli.captures_list import SHORT, tokens
from wiremend.cli.captures_read import (
    FAILED,
    bytes_of,
    is_stream,
    moment,
    pace,
    readable,
    row_of,
    size,
    span,
    timed_events,
)
from wiremend.cli.picture import hang
from wiremend.errors import CaptureError
from wiremend.replay.beside import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from wiremend.captures.capture import Attempt, Capture, Inputs, Request, Response
    from wiremend.cli.captures_read import Picked

type Side = Literal["client", "upstream", "both"]

_LABEL: Final = 12
_LINES: Final = 30
"""Lines of a body that are shown where nobody asked for this side of it."""

_EVENTS: Final = 12
_DATA: Final = 160
_KINDS: Final = {
    "mended": "yellow",
    "invented": "yellow",
    "lost": "magenta",
    "failed": "red",
    "refused": "red",
    "seen": "cyan",
}
_PART: Final = re.compile(
    r"(client|upstream(?:[.-](\d+))?)\.(request(?:\.\w+)?|response|sse|json|html|txt|zst|gz|br|bin)"
)


class Page:
    """Prints one capture. ``side`` None shows the beginning of both sides' bodies; a named one is shown whole."""

    def __init__(self, console: Console, side: Side | None, *, events: bool) -> None:
        """Print to this console."""
        self.console = console
        self.whole = side is not None
        self.client = side in {None, "client", "both"}
        self.upstream = side in {None, "upstream", "both"}
        self.events = events

    def show(self, picked: Picked) -> None:
        """Print everything."""
        capture = picked.capture
        self._head(picked)
        for number, attempt in enumerate(capture.attempts, 1):
            self._attempt(attempt, number, len(capture.attempts))
        self._inputs(capture.inputs)
        if capture.notes:
            self._title("notes")
            for note in capture.notes:
                kind = Text(f"  {visible(note.kind):12} ", _KINDS.get(note.kind, ""))
                why = f" ({note.why})" if note.why else ""
                hang(self.console, kind, Text(visible(f"{note.where}  {note.what}{why}".strip())))
        if self.client:
            self._request("client's request", capture.request)
        if self.upstream:
            for number, attempt in enumerate(capture.attempts, 1):
                which = f" {number}" if len(capture.attempts) > 1 else ""
                self._request(f"upstream request{which}", attempt.request, capture.request)
                self._response(f"upstream reply{which}", attempt.response, attempt.error)
        if self.client and (capture.answer is not None or "wiremend" in capture.versions):
            same = capture.attempt.response if capture.attempt and self.upstream else None
            self._response("client's answer", capture.answer, capture.error, same)
        self._frames(capture)

    # -- the parts

    def _head(self, picked: Picked) -> None:
        capture, row = picked.capture, row_of(picked)
        status = "no answer" if row.status is None else str(row.status)
        style = "red" if row.is_failed else "green"
        head = Text.assemble(
            (visible(capture.id[:SHORT]), "cyan"),
            f"  {visible(f'{row.client or "unknown"}  {row.way}')}  ",
            (status, style),
        )
        hang(self.console, Text(""), head)
        self._lines(
            ("where", picked.where),
            ("id", capture.id),
            ("began", moment(capture.began)),
            ("wire", _wire(capture)),
            ("tokens", tokens(row).replace(" →", " in,") + " out" if tokens(row) else ""),
            ("rules", capture.rules),
            ("versions", ", ".join(f"{name} {number}" for name, number in capture.versions.items())),
            ("error", row.error or ""),
            ("upstream", _pace(capture.attempt.response if capture.attempt else None)),
            ("client", _pace(capture.answer)),
        )

    def _attempt(self, attempt: Attempt, number: int, count: int) -> None:
        self._title(f"attempt {number} of {count}" if count > 1 else "decision")
        decision = attempt.decision
        known = ("provider", "model", "wire", "url", "by", "route", "alias", "edits", "quirks", "mend", "why")
        self._lines(
            ("at", span(attempt.at) if count > 1 else ""),
            *((name, _said(decision.get(name))) for name in known),
            *((name, _said(value)) for name, value in decision.items() if name not in known),
            ("broke off", attempt.error or ""),
        )

    def _inputs(self, inputs: Inputs) -> None:
        self._title("inputs (what it was decided and mended by, besides the request and the rules)")
        self._lines(
            ("way in", inputs.style),
            ("agent", inputs.agent or ""),
            ("seed", inputs.seed),
            ("now", str(inputs.now)),
            ("flow", inputs.flow if inputs.flow != inputs.seed else ""),
            ("memory", _pairs(inputs.memory)),
            ("variables", _pairs(inputs.environment)),
            ("stand-ins", _pairs(inputs.credentials)),
            ("globs", "; ".join(f"{name}: {_pairs(found)}" for name, found in inputs.globs.items())),
        )

    def _request(self, title: str, request: Request, other: Request | None = None) -> None:
        self._title(f"{title}, {size(len(request.body))}")
        place = "" if request.host is None else f"{request.scheme}://{_host(request)}"
        self._plain(f"{request.method} {place}{request.target} {request.version}", "bold")
        self._headers(request.headers)
        if other is not None and other.body == request.body and self.client and request.body:
            self._remark("the body is the client's, byte for byte")
            return
        self._body(request)

    def _response(
        self, title: str, response: Response | None, error: str | None, other: Response | None = None
    ) -> None:
        if response is None:
            self._title(title)
            self._remark(f"none{f': {error}' if error else ''}")
            return
        self._title(f"{title}, {size(response.body.length)}")
        first = f"{response.version} {response.status} {response.reason}".rstrip()
        self._plain(first, "bold red" if response.status >= FAILED else "bold")
        self._headers(response.headers)
        if other is not None and bytes_of(other.body) == bytes_of(response.body) and response.body.length:
            self._remark("the body is the upstream's, byte for byte")
        elif is_stream(response):
            self._stream(response)
        else:
            self._body(response)
        if error:
            self._remark(f"it broke off: {error}")

    def _headers(self, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            hang(self.console, Text(f"  {visible(name)}: ", "dim"), Text(visible(value)))

    def _body(self, message: Request | Response) -> None:
        data, remark = readable(message)
        if not data:
            return
        try:
            data, how = msgspec.json.format(data, indent=2), "laid out for reading; --raw gives the bytes"
        except (msgspec.MsgspecError, RecursionError):
            how = "as it is"
        text = data.decode("utf-8", "backslashreplace")
        self._remark(", ".join(filter(None, (how, remark))))
        lines = text.splitlines()
        shown = lines if self.whole or len(lines) <= _LINES else lines[: _LINES - 5]
        for line in shown:
            self._plain(line, most=None if self.whole else _DATA * 2)
        if len(shown) < len(lines):
            self._remark(f"… {len(lines) - len(shown)} more lines; --side shows them")

    def _stream(self, response: Response) -> None:
        found = [*timed_events(response)]
        _, remark = readable(response)
        shown = len(found) if self.whole or self.events or len(found) <= _EVENTS else _EVENTS - 4
        self._remark(", ".join(filter(None, (f"{len(found)} events in {_chunks(response.body)}", remark))))
        last: int | None = None
        for number, (at, event) in enumerate(found[:shown], 1):
            when = "" if at is None else span(at) if last is None else f"+{span(at - last)}"
            last = at if at is not None else last
            label = Text(f"{number:>5}  {when:>9}  ", "dim")
            name = f"{event.event}  " if event.event else ""
            data = event.data if event.data is not None else event.raw
            text = visible(data.decode("utf-8", "backslashreplace"))
            if not self.events and len(text) > _DATA:
                text = f"{text[:_DATA]}… ({len(data):,} bytes)"
            whole = "" if event.complete else "  (no blank line behind it)"
            hang(self.console, label, Text.assemble((visible(name), "bold"), text, (whole, "yellow")))
        if shown < len(found):
            self._remark(f"… {len(found) - shown} more events; --events shows them whole")

    def _frames(self, capture: Capture) -> None:
        if not capture.frames:
            return
        self._title(f"WebSocket, {len(capture.frames)} messages")
        for number, frame in enumerate(capture.frames, 1):
            text = visible(frame.data.decode("utf-8", "backslashreplace"))
            text = text if self.whole or self.events or len(text) <= _DATA else f"{text[:_DATA]}…"
            arrow = "→" if frame.from_client else "←"
            fate = "dropped: " if frame.dropped else "sent instead: " if frame.injected else ""
            hang(self.console, Text(f"{number:>5}  {span(frame.at):>9} {arrow} {fate}", "dim"), Text(text))

    # -- lines

    def _title(self, text: str) -> None:
        self.console.print()
        hang(self.console, Text(""), Text(text, "bold"))

    def _lines(self, *said: tuple[str, str]) -> None:
        for label, text in said:
            if text:
                hang(self.console, Text(f"  {label:{_LABEL}}", "dim"), Text(visible(text)))

    def _remark(self, text: str) -> None:
        hang(self.console, Text("  "), Text(f"[{visible(text)}]", "dim italic"))

    def _plain(self, text: str, style: str = "", most: int | None = None) -> None:
        text = text if most is None or len(text) <= most else f"{text[:most]}…"
        hang(self.console, Text("  "), Text(visible(text), style))


# -- exact bytes


def raw(capture: Capture, part: str) -> bytes:
    """Give a part's exact bytes.

    ``part`` is ``client.request``, ``client.sse``, ``upstream.request`` or ``upstream.sse``, as a case's files are
    called (``response``, ``json`` and the like mean the same as ``sse``); ``upstream-2.sse`` is the second try's,
    without a number it is the last one's. Raises :class:`CaptureError` where there is none.
    """
    found = _PART.fullmatch(part)
    if found is None:
        raise CaptureError(
            f"--raw {part}: there is no such part; it is client.request, client.sse, upstream.request or upstream.sse"
        )
    asks = found[3].startswith("request")
    if found[1] == "client":
        answer = capture.answer
        return _bytes(capture.request if asks else answer, "the client got no answer")
    number = int(found[2]) if found[2] else len(capture.attempts)
    if not 1 <= number <= len(capture.attempts):
        count = len(capture.attempts)
        raise CaptureError(f"--raw {part}: there {'is 1 try' if count == 1 else f'are {count} tries'} at a provider")
    attempt = capture.attempts[number - 1]
    return _bytes(attempt.request if asks else attempt.response, "the provider did not answer")


def _bytes(message: Request | Response | None, none: str) -> bytes:
    if message is None:
        raise CaptureError(f"--raw: {none}")
    return bytes_of(message.body) if isinstance(message.body, Body) else message.body


# -- words


def _pace(response: Response | None) -> str:
    return "" if response is None else pace(response.body)


def _chunks(body: Body) -> str:
    count = len(body.cuts)
    return f"{count} chunk{'' if count == 1 else 's'}" if count else "one piece (its cuts were not seen)"


def _host(request: Request) -> str:
    usual = {"http": 80, "https": 443}.get(request.scheme)
    name = f"[{request.host}]" if request.host and ":" in request.host else request.host
    return f"{name}" if request.port == usual else f"{name}:{request.port}"


def _wire(capture: Capture) -> str:
    if capture.translated:
        return f"{capture.wire} → {capture.upstream_wire}: translated"
    return capture.wire or "none of the three"


def _said(value: object) -> str:
    match value:
        case None | "" | [] | () | {}:
            return ""
        case bool():
            return "on" if value else "off"
        case list() | tuple():
            return "; ".join(map(str, value))
        case _:
            return str(value)


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
