"""Our own share of a call's time: what the event loop spent in the hooks that are marked here."""

from __future__ import annotations

from functools import wraps
from time import perf_counter_ns
from typing import TYPE_CHECKING, Concatenate, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.house import House


class _Housed(Protocol):
    house: House


def timed[Self: _Housed, **Rest, Given](
    hook: Callable[Concatenate[Self, HTTPFlow, Rest], Given],
) -> Callable[Concatenate[Self, HTTPFlow, Rest], Given]:
    """Count the time of a hook, which does not wait, as the call's; once, where one of these calls another."""

    @wraps(hook)
    def run(self: Self, flow: HTTPFlow, /, *rest: Rest.args, **named: Rest.kwargs) -> Given:
        call = self.house.calls.get(flow.id)
        if call is None or call.clocked:
            return hook(self, flow, *rest, **named)
        call.clocked = True
        began = perf_counter_ns()
        try:
            return hook(self, flow, *rest, **named)
        finally:
            call.own_ns += perf_counter_ns() - began
            call.clocked = False

    return run
