"""Destinations, retries, limits and edits, as rules.yaml writes them: for people, and for JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec

from wiremend.jsonedit import format_pointer
from wiremend.rules.model import Cooldown, Limits, Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wiremend.jsonedit import Edit
    from wiremend.rules.model import Target

_SIZES: Final = frozenset({"request_body", "reply_body", "event", "memory"})
_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60))
_SERVER: Final = frozenset(range(500, 600))


def duration_text(seconds: float) -> str:
    """Give a duration as people write it: ``500ms``, ``90s``, ``5m``."""
    for unit, long in _UNITS:
        if seconds % long == 0:
            return f"{seconds / long:.0f}{unit}"
    return f"{_plainly(seconds)}s" if seconds >= 1 else f"{_plainly(seconds * 1000)}ms"


def _plainly(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def size_text(size: int) -> str:
    """Give a size as people write it: ``64MB``, ``2GiB``."""
    powers = [(f"{letter}{i}B", base**power) for power, letter in enumerate("KMGT", 1) for i, base in _BASES]
    fits = [(many, unit) for unit, many in powers if size and size % many == 0]
    return f"{size // max(fits)[0]}{max(fits)[1]}" if fits else f"{size}B"


_BASES: Final = (("", 1000), ("i", 1024))


def targets_text(targets: Iterable[Target]) -> str:
    """Give destinations in their order: ``moonshot, else openrouter/x``."""
    return ", else ".join(map(str, targets))


def retry_plain(retry: Retry) -> dict[str, Any]:
    """Give all keys of a route's ``retry``."""
    return {
        "times": retry.times,
        "on": _troubles(retry.on),
        **{name: duration_text(getattr(retry, name)) for name in ("backoff", "max", "budget", "stay")},
    }


def limits_plain(limits: Limits) -> dict[str, Any]:
    """Give the limits that differ from the usual ones; ``off`` for those that are."""
    usual = Limits()
    names = [one.name for one in fields(Limits)]
    return {
        name: _plain(name, getattr(limits, name)) for name in names if getattr(limits, name) != getattr(usual, name)
    }


def _plain(name: str, value: object) -> object:
    if isinstance(value, Cooldown):
        return {"after": value.after, "for": duration_text(value.rest)}
    if isinstance(value, float):
        return duration_text(value)
    if isinstance(value, int):
        return size_text(value) if name in _SIZES else value
    return "off"


def _troubles(on: frozenset[int | str]) -> list[int | str]:
    """Give what is tried again: words, statuses in their order, and ``5xx`` for all of those."""
    statuses = sorted(one for one in on if isinstance(one, int) and not (on >= _SERVER and one in _SERVER))
    hundred: list[int | str] = ["5xx"] if on >= _SERVER else []
    return [*statuses, *hundred, *sorted(one for one in on if isinstance(one, str))]


def retry_text(plain: Mapping[str, Any], *, fallbacks: bool) -> str:
    """Say in a line when a destination is asked again.

    ``plain`` is what :func:`retry_plain` gives; ``fallbacks`` tells that there is more than one destination.
    """
    times = "once" if plain["times"] == 1 else f"{plain['times']} times"
    each = " each" if fallbacks else ""
    on = ", ".join(_ranges(plain["on"]))
    return f"{times}{each} on {on}; waits up to {plain['backoff']}, then up to {plain['max']}, all in {plain['budget']}"


def limits_text(plain: Mapping[str, Any]) -> str:
    """Say limits in a line: ``first_byte 5m, cooldown after 3 for 30s``."""
    return ", ".join(
        f"{name} after {value['after']} for {value['for']}" if isinstance(value, dict) else f"{name} {value}"
        for name, value in plain.items()
    )


def _ranges(on: list[int | str]) -> list[str]:
    """Give ``500-504`` for three or more statuses in a row."""
    said: list[list[int]] = []
    for one in (status for status in on if isinstance(status, int)):
        if said and said[-1][-1] == one - 1:
            said[-1].append(one)
        else:
            said.append([one])
    few = 2
    parts = [f"{row[0]}-{row[-1]}" if len(row) > few else ", ".join(map(str, row)) for row in said]
    return [*parts, *(one for one in on if isinstance(one, str))]


_OF_NUMBERS: Final = {"scale": "by", "clamp": "to"}


def edit_plain(edit: Edit) -> dict[str, object]:
    """Give one change of a body: ``op`` and ``pointer``, and the ``value`` of a ``scale`` or a ``clamp``."""
    plain: dict[str, object] = {"op": edit.op, "pointer": format_pointer(edit.pointer)}
    return {**plain, "value": msgspec.json.decode(edit.value or b"")} if edit.op in _OF_NUMBERS else plain


def edit_text(edit: Edit) -> str:
    """Say one change of a body: ``set /a``, ``scale /temperature by 1/0.6``, ``clamp /temperature to [0,1]``.

    What is set is not said: a value may be long, and it is in the file.
    """
    said = f"{edit.op} {format_pointer(edit.pointer)}"
    if edit.op not in _OF_NUMBERS or edit.value is None:
        return said
    return f"{said} {_OF_NUMBERS[edit.op]} {edit.value.decode().strip('"')}"
