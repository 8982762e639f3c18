"""New goldens: what today's code makes of a case, written in the place of what the case expects.

Rewritten are the request that leaves, the client's answer and the notes. The client's own request and the provider's
reply are what happened, and stay; so does all else of the case. Of a hand-written case, which has no notes of its own
(see :mod:`wiremend.replay.compare`), none are made up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wiremend.captures.capture import Attempt
from wiremend.captures.case import write_case
from wiremend.errors import CaptureError
from wiremend.pipeline.decided import decision_of
from wiremend.replay.beside import NOTHING, shortened
from wiremend.replay.compare import compare
from wiremend.replay.report import place_of
from wiremend.replay.run import wires_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.captures.capture import Capture, Request, Response
    from wiremend.captures.case import Case
    from wiremend.replay.compare import Difference
    from wiremend.replay.run import Replayed

_ROOM: Final = 60


def update_case(case: Case, replayed: Replayed, differences: Sequence[Difference]) -> tuple[str, ...]:
    """Rewrite the goldens of a case, and give what changed, a line each; nothing is written where nothing differs.

    Raises :class:`CaptureError` where that would lose what happened, or change what the case itself expects.
    """
    wanted = [difference for difference in differences if difference.part == "expect"]
    if wanted:
        what = f"expect.{wanted[0].where} is what a person wrote; change it by hand, or the rules"
        raise CaptureError(f"{case.folder / 'case.yaml'}: {what}")
    if not differences:
        return ()
    wires = wires_apart(case.capture, replayed.outcome)
    if wires is not None:
        what = f"the reply is one of the {wires[0]} wire, and the request goes out on the {wires[1]} wire now"
        raise CaptureError(f"{case.folder}: {what}; record the case again")
    capture = renewed(case.capture, replayed, differences, place=str(case.folder))
    parts = {difference.part for difference in differences}
    left = [difference for difference in compare(capture, replayed) if difference.part in parts]
    if left:
        raise CaptureError(f"{case.folder}: {place_of(left[0])}: this cannot be rewritten; record the case again")
    write_case(case.folder, capture, title=case.title, origin=case.origin, about=case.about, overwrite=True)
    return tuple(map(_line, differences))


def renewed(capture: Capture, replayed: Replayed, differences: Sequence[Difference], *, place: str = "") -> Capture:
    """Give a capture with what differs as it is today. Raises :class:`CaptureError` as :func:`update_case` does."""
    parts = {difference.part for difference in differences}
    attempts = tuple(capture.attempts)
    if parts & {"decision", "upstream"}:
        attempts = _attempts(capture, replayed, place)
    answer = capture.answer
    if "answer" in parts and replayed.answer is None:
        what = "the provider's reply is missing, so what the client gets cannot be known; record it again"
        raise CaptureError(f"{place}: {what}")
    if "answer" in parts or ("decision" in parts and (replayed.answer is not None or not attempts)):
        answer = _answer(capture.answer, replayed.answer, differences)
    elif "decision" in parts and attempts[-1].response is None:
        answer = None  # it was refused, and now it leaves: what would come back is not known
    notes = replayed.notes if capture.rules else capture.notes
    return replace(capture, attempts=attempts, answer=answer, notes=notes)


def _attempts(capture: Capture, replayed: Replayed, place: str) -> tuple[Attempt, ...]:
    last, request = capture.attempt, replayed.request
    if request is None:
        if last is not None and last.response is not None:
            what = (
                "it is refused now, and with its request the provider's reply would go; record it again, or delete it"
            )
            raise CaptureError(f"{place}: {what}")
        return ()
    if last is None:
        return (Attempt(request, decision=decision_of(replayed.outcome)),)
    decision = last.decision
    if decision:
        decision = {
            key: value for key, value in decision_of(replayed.outcome).items() if key in decision or value is not None
        }
    return (*capture.attempts[:-1], replace(last, request=_framed(last.request, request), decision=decision))


def _framed(before: Request, after: Request) -> Request:
    """Give the request of today on the connection of then."""
    return replace(after, version=before.version)


def _answer(before: Response | None, after: Response | None, differences: Sequence[Difference]) -> Response | None:
    """Give the answer of today; what does not differ stays as it was recorded, its cuts and times too."""
    if before is None or after is None:
        return after
    heads = any(one.part == "answer" and one.where.startswith("header:") for one in differences)
    headers = after.headers if heads else before.headers
    body = before.body if before.body.data == after.body.data else after.body
    if "content-length" in headers:
        headers = headers.with_set("content-length", str(body.length))
    reason = before.reason if before.status == after.status else after.reason
    return replace(after, reason=reason, headers=headers, body=body, version=before.version)


def _line(difference: Difference) -> str:
    before, after = (
        NOTHING if value is None else shortened(value, _ROOM) for value in (difference.expected, difference.got)
    )
    return f"{place_of(difference)}: {before} -> {after}"
