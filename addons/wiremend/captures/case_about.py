"""What ``case.yaml`` and ``frames.yaml`` say of a capture: all of it that is neither a head nor a body.

What has the value that it has where nothing is said is left out. Times are microseconds since the exchange began, which
``date`` says; cuts read ``LENGTH@MICROSECONDS``, each time counted from the cut before.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, get_args

from wiremend.captures.capture import FORMAT, Attempt, Body, Capture, Frame, Request
from wiremend.captures.plain import cuts_from_text, cuts_to_text
from wiremend.errors import CaptureError
from wiremend.notes import Kind, Note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.captures.case_yaml import Place

    type Cuts = tuple[tuple[int, int], ...]

ABOUT: Final = ("quirk", "oracle", "means", "codes", "but", "shows", "expect")
"""The keys of which a capture knows nothing; ``expect`` is Wiremend's, the others are those of its own tests."""

KEYS: Final = (
    *("format", "title", "origin", "id", "date", "client", "model", "provider", "versions", "rules"),
    *ABOUT,
    *("inputs", "attempts", "answer", "error", "notes", "kept"),
)
INPUTS: Final = (
    *("seed", "now", "flow", "style", "agent", "gateway", "memory", "environment", "credentials", "globs"),
    *("strict", "tokenizer", "to", "tried", "begun", "picked"),
)
_INPUT_TEXTS: Final = ("seed", "flow", "style", "agent", "to", "tried", "picked")
GATEWAY: Final = ("scheme", "port")
EXPECT: Final = ("to", "url")
ATTEMPT: Final = ("at", "error", "trouble", "body", "cuts", "decision")
ANSWER: Final = ("body", "cuts")
NOTE: Final = ("kind", "where", "short", "what", "why")
FRAME: Final = ("from", "at", "fate", "text", "binary", "text_base64")

_KINDS: Final[tuple[str, ...]] = get_args(Kind.__value__)
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z)?", re.ASCII)
_YEAR_10000: Final = 253402300800
_NO_BODY: Final = "none"
_FATES: Final = {"dropped": (True, False), "sent instead": (False, True), "sent instead, dropped": (True, True)}


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one attempt, or of the answer, besides its files."""

    at: int = 0
    error: str | None = None
    trouble: str | None = None
    no_body: bool = False
    """Whether there is no body where its absence would mean the same as another's."""
    cuts: Cuts = ()
    cuts_at: Place | None = None
    decision: dict[str, Any] = field(default_factory=dict)

    def body(self, data: bytes, name: str) -> Body:
        """Give a body its cuts. Raises :class:`CaptureError` where they do not fit; ``name`` is what it is called."""
        total = sum(size for size, _ in self.cuts)
        if self.cuts_at is not None and self.cuts and total != len(data):
            said = f"the cuts add up to {total} bytes, and {name} has {len(data)}; mend them, or take them out"
            raise self.cuts_at.problem(said)
        return Body(data, self.cuts)


@dataclass(frozen=True, slots=True)
class Said:
    """What a case.yaml says. ``fields`` and ``inputs`` are values for a Capture and its Inputs, by name."""

    title: str
    origin: str
    about: dict[str, Any]
    fields: dict[str, Any]
    inputs: dict[str, Any]
    gateway: tuple[str, int]
    attempts: Sequence[Told]
    """The first ones, as far as there is something to tell."""
    answer: Told
    provider: Place | None


# -- writing


def to_say(capture: Capture, name: str, title: str, origin: str, about: Mapping[str, Any]) -> dict[str, object]:
    """Give what case.yaml says of a capture; ``name`` is the case's, and its id where it has no other."""
    last = len(capture.attempts) - 1
    attempts = [_attempt(capture, one, hoisted=number == last) for number, one in enumerate(capture.attempts)]
    while attempts and not attempts[-1]:
        attempts.pop()
    answer: dict[str, Any] = {}
    if capture.answer is not None:
        reply = capture.attempt.response if capture.attempt else None
        no_body = not capture.answer.body.length and reply is not None and reply.body.length
        answer = _but({"body": (_NO_BODY if no_body else "", ""), "cuts": (_cuts(capture.answer.body), "")})
    said = _but(
        {
            "origin": (origin, ""),
            "id": (capture.id, name),
            "date": (_date(capture.began), _date(0)),
            "client": (capture.client, None),
            "model": (capture.model, None),
            "provider": (capture.provider, None),
            "versions": (capture.versions, {}),
            "rules": (capture.rules, ""),
            "inputs": (_inputs(capture), {}),
            "attempts": (attempts, []),
            "answer": (answer, {}),
            "error": (capture.error, None),
            "notes": ([_note(note) for note in capture.notes], []),
            "kept": (capture.kept, {}),
        }
    )
    said |= {"format": FORMAT, "title": title, **about}
    return {key: said[key] for key in KEYS if key in said}


def frames_to_say(frames: Sequence[Frame]) -> list[dict[str, object]]:
    """Give what frames.yaml says."""
    return [_frame(frame) for frame in frames]


def _but(pairs: Mapping[str, tuple[object, object]]) -> dict[str, Any]:
    """Give the values that are not what they are where nothing is said."""
    return {key: value for key, (value, default) in pairs.items() if value != default}


def _attempt(capture: Capture, attempt: Attempt, *, hoisted: bool) -> dict[str, Any]:
    decision = dict(attempt.decision)
    if hoisted and capture.provider is not None:
        del decision["provider"]
    no_body = capture.request.body and not attempt.request.body
    return _but(
        {
            "at": (attempt.at, 0),
            "error": (attempt.error, None),
            "trouble": (attempt.trouble, None),
            "body": (_NO_BODY if no_body else "", ""),
            "cuts": ("" if attempt.response is None else _cuts(attempt.response.body), ""),
            "decision": (decision, {}),
        }
    )


def _inputs(capture: Capture) -> dict[str, Any]:
    inputs, request = capture.inputs, capture.request
    gateway = {"scheme": (request.scheme, "http"), "port": (request.port, 80)} if request.host is None else {}
    return _but(
        {
            "seed": (inputs.seed, ""),
            "now": (inputs.now, 0),
            "flow": (inputs.flow, ""),
            "style": (inputs.style, style_of(request)),
            "agent": (inputs.agent, None),
            "gateway": (_but(gateway), {}),
            "memory": (inputs.memory, {}),
            "environment": (inputs.environment, {}),
            "credentials": (inputs.credentials, {}),
            "globs": (inputs.globs, {}),
            "strict": (inputs.strict, False),
            "tokenizer": (inputs.tokenizer, False),
            "to": (inputs.to, ""),
            "tried": (inputs.tried, ""),
            "begun": (inputs.begun, False),
            "picked": (inputs.picked, ""),
        }
    )


def style_of(request: Request) -> str:
    """Tell how a request came, from whether it names a host."""
    return "gateway" if request.host is None else "proxy"


def _note(note: Note) -> dict[str, Any]:
    return {key: value for key, value in note.as_dict().items() if value}


def _cuts(body: Body) -> str:
    sizes = [size for size, _ in body.cuts]
    if body.cuts and (sum(sizes) != body.length or min(sizes) < 0):
        raise CaptureError(f"the cuts of a body do not add up to its {body.length} bytes, or one is negative")
    return cuts_to_text(body.cuts)


def _date(began: float) -> str:
    if not 0 <= began < _YEAR_10000:  # nor is NaN
        raise CaptureError(f"{began} is no time that a case could name; it is in seconds since 1970")
    whole, _, fraction = f"{Decimal(repr(float(began))):f}".partition(".")
    text = datetime.fromtimestamp(int(whole), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction}Z" if fraction.strip("0") else f"{text}Z"


def _frame(frame: Frame) -> dict[str, object]:
    said: dict[str, object] = {"from": "client" if frame.from_client else "upstream"}
    if frame.at:
        said["at"] = frame.at
    fate = next((fate for fate, seen in _FATES.items() if seen == (frame.dropped, frame.injected)), None)
    if fate is not None:
        said["fate"] = fate
    if frame.text:
        try:
            return said | {"text": frame.data.decode()}
        except UnicodeDecodeError:
            return said | {"text_base64": base64.b64encode(frame.data).decode()}
    return said | {"binary": base64.b64encode(frame.data).decode()}


# -- reading


def read_said(root: Place) -> Said:
    """Read a case.yaml. Raises :class:`CaptureError`, which names file, line and key."""
    _check_format(root)
    found = root.members(KEYS)
    if "title" not in found or not (title := found["title"].text()):
        raise root.problem("title: this is missing; say in a line what the case shows")
    fields: dict[str, Any] = {key: found[key].text() for key in _TEXTS if key in found}
    fields |= {key: found[key].texts() for key in ("versions", "kept") if key in found}
    if "date" in found:
        fields["began"] = _began(found["date"])
    if "notes" in found:
        fields["notes"] = tuple(_read_note(place) for place in found["notes"].items())
    inputs, gateway = _read_inputs(found["inputs"]) if "inputs" in found else ({}, ("http", 80))
    if "expect" in found:
        for expected in found["expect"].members(EXPECT).values():
            expected.text()
    return Said(
        title=title,
        origin=found["origin"].text() if "origin" in found else "",
        about={key: found[key].value() for key in ABOUT if key in found},
        fields=fields,
        inputs=inputs,
        gateway=gateway,
        attempts=[_told(place, ATTEMPT) for place in found["attempts"].items()] if "attempts" in found else [],
        answer=_told(found["answer"], ANSWER) if "answer" in found else Told(),
        provider=found.get("provider"),
    )


def read_frames(root: Place) -> tuple[Frame, ...]:
    """Read a frames.yaml. Raises :class:`CaptureError`, which names file, line and key."""
    return tuple(_read_frame(place) for place in root.items())


_TEXTS: Final = ("id", "client", "model", "rules", "error")


def _check_format(root: Place) -> None:
    """Refuse another format before anything else in it is judged."""
    number = root.members().get("format")
    if number is None:
        raise root.problem(f"format: this is missing; the format that this Wiremend reads and writes is {FORMAT}")
    if (version := number.number()) != FORMAT:
        what = f"this case has the format {version}, and this Wiremend reads {FORMAT}"
        raise number.problem(f"{what}; {'a newer Wiremend wrote it' if version > FORMAT else 'it is none of Wiremend'}")


def _began(place: Place) -> float:
    text = place.text()
    if date := _DATE.fullmatch(text):
        day, clock, fraction = date.groups()
        try:
            seconds = calendar.timegm(datetime.fromisoformat(f"{day}T{clock or '00:00:00'}").timetuple())
        except ValueError as error:
            raise place.problem(f"{text!r} is no date: {error}") from None
        return float(f"{seconds}.{fraction or 0}")
    raise place.problem(f"{text!r} is no date; write 2026-10-01 or 2026-10-01T12:30:00Z")


def _told(place: Place, known: tuple[str, ...]) -> Told:
    found = place.members(known)
    no_body = "body" in found
    if no_body and found["body"].text() != _NO_BODY:
        raise found["body"].problem(f"this can be {_NO_BODY} only; a body is a file of its own")
    decision = found["decision"].value() if "decision" in found else {}
    if not isinstance(decision, dict):
        raise found["decision"].problem("this must be a mapping of keys to values")
    cuts = found.get("cuts")
    return Told(
        at=found["at"].number() if "at" in found else 0,
        error=found["error"].text() if "error" in found else None,
        trouble=found["trouble"].text() if "trouble" in found else None,
        no_body=no_body,
        cuts=() if cuts is None else cuts_from_text(cuts.text(), f"{cuts.path}:{cuts.line}: {cuts.where}"),
        cuts_at=cuts,
        decision=decision,
    )


def _read_inputs(place: Place) -> tuple[dict[str, Any], tuple[str, int]]:
    found = place.members(INPUTS)
    inputs: dict[str, Any] = {key: found[key].text() for key in _INPUT_TEXTS if key in found}
    inputs |= {key: found[key].texts() for key in ("environment", "credentials") if key in found}
    if inputs.get("style", "proxy") not in {"gateway", "proxy"}:
        raise found["style"].problem("this is either gateway or proxy")
    if "now" in found:
        inputs["now"] = found["now"].number()
    inputs |= {key: found[key].flag() for key in ("strict", "tokenizer", "begun") if key in found}
    if "memory" in found:
        memory = found["memory"].members()
        inputs["memory"] = {key: None if value.null else value.text() for key, value in memory.items()}
    if "globs" in found:
        globs = {key: value.members() for key, value in found["globs"].members().items()}
        inputs["globs"] = {key: {glob: met.flag() for glob, met in one.items()} for key, one in globs.items()}
    gateway = found["gateway"].members(GATEWAY) if "gateway" in found else {}
    scheme = gateway["scheme"].text() if "scheme" in gateway else "http"
    return inputs, (scheme, gateway["port"].number() if "port" in gateway else 80)


def _read_note(place: Place) -> Note:
    found = place.members(NOTE)
    kind: Any = found["kind"].text() if "kind" in found else ""
    if kind not in _KINDS:
        raise place.problem(f"a note has a kind, which is one of {', '.join(_KINDS)}")
    return Note(kind, *(found[key].text() if key in found else "" for key in NOTE[1:]))


def _read_frame(place: Place) -> Frame:
    found = place.members(FRAME)
    kinds = [key for key in FRAME[3:] if key in found]
    if len(kinds) != 1 or "from" not in found:
        raise place.problem("a frame has from, and one of text, binary and text_base64")
    sender = found["from"].text()
    if sender not in {"client", "upstream"}:
        raise found["from"].problem("a frame is from client or from upstream")
    said = found[kinds[0]]
    try:
        data = said.text().encode() if kinds[0] == "text" else base64.b64decode(said.text(), validate=True)
    except UnicodeEncodeError:
        raise said.problem("this text has no bytes; write it as text_base64") from None
    except (binascii.Error, ValueError):
        raise said.problem("this is not base64") from None
    at = found["at"].number() if "at" in found else 0
    fate = found["fate"].text() if "fate" in found else ""
    if fate and fate not in _FATES:
        raise found["fate"].problem(f"a frame's fate is one of: {'; '.join(_FATES)}; or it is not said")
    return Frame(sender == "client", kinds[0] != "binary", data, at, *_FATES.get(fate, (False, False)))
