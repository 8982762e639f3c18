"""A diagnosis, as plain values. All texts are free of credentials."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from wiremend.explain.change import Step
    from wiremend.explain.verdict import Verdict
    from wiremend.quirks.base import Quirk

type Where = Literal["reply", "error", "request", "routing", "connection", "client"]
type State = Literal["", "mended", "mended today", "only watched", "off", "on", "only explained"]
type Goal = Literal["reply", "request", "parameter", "routing"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it went wrong, most likely.

    ``what`` is one sentence, ``rests_on`` what it was seen by, ``do`` what helps where no change of the rules does.
    ``quirk`` and ``number`` name the catalogue's entry, with its ``symptom`` and ``evidence`` (links, or what was
    measured). ``state``: it was mended; today's rules mend it; it was only watched (``mend: off``); the quirk is off
    for this provider; it is on, and did not help; it is only explained. ``event`` is the contract's number.
    ``codes`` are those of the contract.
    """

    where: Where
    what: str
    rests_on: str
    quirk: str | None = None
    number: int | None = None
    symptom: str = ""
    evidence: tuple[str, ...] = ()
    state: State = ""
    event: int | None = None
    codes: tuple[str, ...] = ()
    do: str = ""

    @property
    def open(self) -> bool:
        """Tell whether it is still to be mended."""
        return self.state not in {"mended", "mended today"}


def of_quirk(quirk: Quirk, where: Where, what: str, rests_on: str, state: State = "") -> Cause:
    """Give a cause that the catalogue tells of."""
    return Cause(where, what, rests_on, quirk.name, quirk.number, quirk.symptom, quirk.evidence, state)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change of the rules that may help. ``goal`` is how that is seen, and ``about`` what it is about.

    For ``reply`` and ``request``: a quirk's name; for ``parameter``: a JSON pointer; for ``routing``: a provider.
    """

    what: str
    steps: tuple[Step, ...]
    goal: Goal
    about: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A change that was tried on the capture, and what came of it."""

    what: str
    helps: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class RulesPatch:
    """The smallest change that helps: what it is, the file's text before and after, and both as a unified diff.

    ``shown`` says what was seen when the capture was replayed with it.
    """

    what: str
    before: str = field(repr=False)
    after: str = field(repr=False)
    diff: str
    shown: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with an exchange, and what to do about it.

    ``problem`` tells that something is wrong for the client that is not mended; ``causes`` are the likely ones, the
    likeliest first. ``tried`` are the changes of the rules that were tried, ``patch`` is the smallest that helped; None
    where none was needed or none did.
    """

    problem: bool
    summary: str
    causes: tuple[Cause, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    patch: RulesPatch | None = None
    tried: tuple[Tried, ...] = ()


def to_plain(found: Diagnosis) -> dict[str, Any]:
    """Give a diagnosis as JSON has it. The rules' own text is not in it, but for the diff."""
    patch = found.patch
    return {
        "format": 1,
        "problem": found.problem,
        "summary": found.summary,
        "causes": [asdict(cause) for cause in found.causes],
        "verdicts": [asdict(verdict) for verdict in found.verdicts],
        "patch": None if patch is None else {"what": patch.what, "diff": patch.diff, "shown": patch.shown},
        "tried": [asdict(one) for one in found.tried],
    }
