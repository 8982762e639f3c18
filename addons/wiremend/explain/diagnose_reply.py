"""What is wrong with a reply, as causes: each fault by its quirk, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wiremend.explain.diagnose_model import Cause
from wiremend.quirks import all_quirks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wiremend.explain.diagnose_model import State
    from wiremend.explain.verdict_faults import Fault

_CUT: Final = "the provider's stream ended early; nothing can bring back what was not sent"


def causes_of(
    came: Sequence[Fault], given: Collection[str], today: Collection[str], on: Collection[str], *, mend: bool
) -> list[Cause]:
    """Give the causes that the faults of a reply are, one a quirk, in the order of their first events.

    ``given`` are the codes of the faults of the client's answer, ``today`` of the one that today's rules give; ``on``
    are the quirks that today's rules turn on for it, and ``mend`` says whether they mend at all.
    """
    by_quirk: dict[str, list[Fault]] = {}
    for fault in came:
        by_quirk.setdefault(fault.quirk or fault.code, []).append(fault)
    return [_cause(name, found, given, today, on, mend=mend) for name, found in by_quirk.items()]


def _cause(  # noqa: PLR0913 - a fault, and all that tells what became of it
    name: str,
    found: Sequence[Fault],
    given: Collection[str],
    today: Collection[str],
    on: Collection[str],
    *,
    mend: bool,
) -> Cause:
    first, quirk = found[0], all_quirks().get(name)
    codes = tuple(dict.fromkeys(one.code for one in found if one.code != name))
    state = _state(name, {one.code for one in found}, given, today, on, mend=mend)
    place = f"event {first.event}" if first.event else "the reply's body"
    seen = ", ".join(codes) or name
    rests = f"{place}{f', {first.pointer}' if first.pointer else ''}: {seen}"
    if quirk is None:
        cut = first.code.endswith(".cut")
        return Cause(
            "reply", first.what, rests, state=state, event=first.event or None, codes=codes or (first.code,),
            do=_CUT if cut else "",
        )  # fmt: skip
    return Cause(
        "reply",
        first.what,
        rests,
        quirk=name,
        number=quirk.number,
        symptom=quirk.symptom,
        evidence=quirk.evidence,
        state=state,
        event=first.event or None,
        codes=codes,
    )


def _state(  # noqa: PLR0913 - as above
    name: str,
    codes: Collection[str],
    given: Collection[str],
    today: Collection[str],
    on: Collection[str],
    *,
    mend: bool,
) -> State:
    if not any(code in given for code in codes):
        return "mended"
    if not any(code in today for code in codes):
        return "mended today"
    quirk = all_quirks().get(name)
    if quirk is not None and quirk.kind == "explained":
        return "only explained"
    if not mend:
        return "only watched"
    if quirk is not None and quirk.works and name not in on:
        return "off"
    return "on"
