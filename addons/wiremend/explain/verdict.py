"""Which strict client would accept a reply, and which would not: at which event, and in its own words.

The parsers themselves are not here: ``verdicts.json`` holds what each of them said of the cases in captures/ without
mending, together with what was wrong with each case (:mod:`wiremend.explain.verdict_faults`); ``make verdicts``
measures it. A reply is judged by that evidence: a fault that a client rejected is rejected, one that it was seen to
take is accepted, and for one that no case shows it nothing is known, which is what the verdict then says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from wiremend.explain.verdict_faults import context_of, faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wiremend.captures.capture import Capture, Response
    from wiremend.explain.verdict_faults import Fault, Side
    from wiremend.protocols.base import WireName

type Outcome = Literal["accepts", "rejects", "misreads", "hangs", "not known"]

_WORST: Final = ("hangs", "rejects", "misreads", "accepts")
_BAD: Final = ("hangs", "rejects", "misreads")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one client makes of a reply.

    ``client`` is the parser's name in the evidence, ``title`` the program's. ``outcome``: it accepts; it rejects, with
    the words ``said``; it misreads: reports a success in which something is lost, doubled or wrong; it hangs; or it is
    not known. ``event`` is the contract's number of the event at which it does so, None where there is none. ``fault``
    is the code that it stumbles over, and ``case`` the case in captures/ that shows it; ``alone`` tells that nothing
    else could be the reason there. ``played`` tells that the program is no library: its reader is played, as measured.
    """

    client: str
    title: str
    side: Side
    outcome: Outcome
    event: int | None = None
    said: str = ""
    fault: str = ""
    case: str = ""
    alone: bool = True
    played: bool = False

    @property
    def bad(self) -> bool:
        """Tell whether this client is known not to get what was meant."""
        return self.outcome in _BAD


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a client made of one case."""

    outcome: Outcome
    said: str
    case: str
    alone: bool = True


@dataclass(frozen=True, slots=True)
class _Client:
    """The evidence on one client."""

    name: str
    title: str
    wire: str
    accepted: frozenset[str] = frozenset()
    blamed: Mapping[str, _Seen] = field(default_factory=dict)
    exact: Mapping[frozenset[str], _Seen] = field(default_factory=dict)
    played: bool = False

    def judge(self, found: Sequence[Fault], side: Side) -> Verdict:
        """Judge a reply by its faults, which are in the order of their events."""
        blank = Verdict(self.name, self.title, side, "accepts", played=self.played)
        same = self.exact.get(frozenset(one.code for one in found))
        if not found or (same is not None and same.outcome == "accepts"):
            return blank if same is None else replace(blank, case=same.case)
        for outcomes in (("hangs", "rejects"), ("misreads",)):
            for fault in found:
                seen = self.blamed.get(fault.code)
                if seen is not None and seen.outcome in outcomes:
                    return self._stumbles(blank, fault, seen, alone=seen.alone)
        if same is not None:
            return self._stumbles(blank, found[0], same, alone=len(found) == 1)
        unknown = next((one for one in found if one.code not in self.accepted), None)
        if unknown is None:
            return blank
        return replace(blank, outcome="not known", event=unknown.event or None, fault=unknown.code)

    @staticmethod
    def _stumbles(blank: Verdict, fault: Fault, seen: _Seen, *, alone: bool) -> Verdict:
        event = fault.event or None
        return replace(
            blank, outcome=seen.outcome, event=event, said=seen.said, fault=fault.code, case=seen.case, alone=alone
        )


def verdicts(capture: Capture, answer: Response | None = None) -> tuple[Verdict, ...]:
    """Judge the upstream's reply as it came, and the client's answer as it was sent (``answer``: another one).

    For each client that speaks the capture's wire, in the order of the evidence; nothing for a side that has no reply,
    for a reply that is no turn of a conversation, and for one with the status of an error, which every client tells.
    """
    attempt = capture.attempt
    came = attempt.response if attempt is not None else None
    given = answer if answer is not None else capture.answer
    sides: tuple[tuple[Side, Response | None], ...] = (("upstream", came), ("client", given))
    found: list[Verdict] = []
    for side, response in sides:
        if response is None or capture.wire is None or context_of(capture) is None:
            continue
        if side == "upstream" and capture.translated:
            continue  # no client of the capture's wire ever sees it
        if response.status >= HTTPStatus.BAD_REQUEST:
            continue
        cut = bool(attempt and attempt.error) and side == "upstream"
        found += judged(capture.wire, faults(capture, response, cut=cut), side)
    return tuple(found)


def judged(wire: WireName, found: Sequence[Fault], side: Side = "upstream") -> list[Verdict]:
    """Judge a reply by its faults, which are in the order of their events."""
    return [client.judge(found, side) for client in evidence() if client.wire == wire]


@cache
def evidence() -> tuple[_Client, ...]:
    """Read what was measured."""
    text = resources.files("wiremend.explain").joinpath("verdicts.json").read_text("utf-8")
    return read(json.loads(text))


def read(document: Mapping[str, Any]) -> tuple[_Client, ...]:
    """Draw from what was measured which code each client accepts, and which it does not.

    A code is accepted where a case with it was understood. Where a case was not, its codes that are accepted nowhere
    are to blame: the one, or each of several (``alone`` is False then). A case all of whose codes are accepted
    elsewhere speaks for replies with just these codes only.
    """
    clients = []
    for name, about in document["clients"].items():
        played = bool(about.get("played"))
        seen = [
            (frozenset(case["faults"]), _Seen(case["said"][name][0], _second(case["said"][name]), case["case"]))
            for case in document["cases"]
            if name in case["said"] and not (played and case["said"][name][0] == "accepts")
        ]
        clients.append(_client(name, about, seen))
    return tuple(clients)


def _second(said: Sequence[str]) -> str:
    return said[1] if len(said) > 1 else ""


def _client(name: str, about: Mapping[str, Any], seen: Sequence[tuple[frozenset[str], _Seen]]) -> _Client:
    accepted = frozenset(code for codes, one in seen if one.outcome == "accepts" for code in codes)
    blamed: dict[str, _Seen] = {}
    exact: dict[frozenset[str], _Seen] = {}
    bad = [(codes - accepted, one) for codes, one in seen if one.outcome != "accepts"]
    for suspects, one in sorted(bad, key=lambda pair: (len(pair[0]), _WORST.index(pair[1].outcome), pair[1].case)):
        if len(suspects) == 1 or not any(code in blamed and blamed[code].alone for code in suspects):
            for code in suspects:
                blamed.setdefault(code, _Seen(one.outcome, one.said, one.case, alone=len(suspects) == 1))
    for codes, one in sorted(seen, key=lambda pair: (_WORST.index(pair[1].outcome), pair[1].case)):
        exact.setdefault(codes, one)
    return _Client(
        name,
        about["title"],
        about["wire"],
        accepted,
        MappingProxyType(blamed),
        MappingProxyType(exact),
        played=bool(about.get("played")),
    )
