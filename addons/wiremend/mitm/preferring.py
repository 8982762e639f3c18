"""What is known of a request's preference before it is decided: what its conversation keeps, or what a model says.

Runs in front of :mod:`wiremend.mitm.rewrite`, which takes what is found here. Where nothing is, the words of the
request decide, in :mod:`wiremend.rules.preferring`. Only a router model is waited for, for its ``timeout`` at most.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wiremend.mitm.asking import Asker
from wiremend.mitm.incoming import came_to_gateway, incoming
from wiremend.mitm.timed import timed
from wiremend.notes import Note
from wiremend.pipeline.bounds import read
from wiremend.pipeline.choices import MOST, Choices, kind_of
from wiremend.pipeline.conversation import conversation_of
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import facts_in
from wiremend.rules.engine import chooses
from wiremend.rules.facts import Picked
from wiremend.rules.utterances import turns_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow

    from wiremend.mitm.asking import Asked
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import ClientRequest, Outcome
    from wiremend.rules.model import Preferences
    from wiremend.rules.resolve import Resolved


@dataclass(slots=True)
class _Found:
    """What was found for one request."""

    preferences: Preferences
    conversation: str | None
    kind: str
    turns: tuple[str, ...]
    picked: Picked | None = None
    note: Note | None = None
    gone: bool = False
    """Whether the client left while a model was asked: then there is nothing more to decide."""


class Preferring:
    """Recalls choices, and asks. ``now`` is a monotonic clock in seconds."""

    def __init__(self, house: House, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing known of any conversation."""
        self.house = house
        self.now = now
        self.choices = Choices()
        self.asker = Asker(now)
        self._found: dict[str, _Found] = {}
        self._asking: dict[str, tuple[str, asyncio.Task[Asked]]] = {}

    async def request(self, flow: HTTPFlow) -> None:
        """Find out about a request that preferences choose for, before it is decided."""
        try:
            resolved = self.house.resolved
            if resolved is None or resolved.rules.preferences is None or flow.is_replay or flow.response is not None:
                return
            request = incoming(flow, gateway=came_to_gateway(self.house, flow))
            found = self._look(flow, request, resolved, resolved.rules.preferences)
            if found is None:
                return
            if found.picked is None and found.preferences.router is not None:
                await self._ask(flow, request, found, resolved)
            self._found[flow.id] = found  # until Rewrite, which runs next, lets go of it
            while len(self._found) > MOST:
                del self._found[next(iter(self._found))]
        except Exception as error:  # noqa: BLE001 - the edge (G7): without this the words of the request decide
            self.house.failed(flow.id, "to choose a preference", error)

    @timed
    def _look(self, _: HTTPFlow, request: ClientRequest, resolved: Resolved, preferences: Preferences) -> _Found | None:
        """Recall what is kept for a request; None where the preferences are not asked for it."""
        facts = facts_in(request, read(request, resolved.rules)[0], resolved)
        if not chooses(facts, resolved):
            return None
        conversation = conversation_of(facts) if preferences.stay else None
        found = _Found(preferences, conversation, kind_of(facts), turns_of(facts.body))
        if conversation is not None:
            name = self.choices.recall(conversation, found.kind, found.turns, self.now())
            if name is not None and (not name or preferences.named(name) is not None):
                found.picked = Picked("kept", name)
        return found

    async def _ask(self, flow: HTTPFlow, request: ClientRequest, found: _Found, resolved: Resolved) -> None:
        """Ask the router model, where the user said anything that it could judge."""
        if not found.turns:
            return
        task = asyncio.ensure_future(self.asker.ask(request, found.turns, found.preferences, resolved, flow.id))
        self._asking[flow.id] = flow.client_conn.id, task
        try:
            await asyncio.wait([task])
        finally:
            del self._asking[flow.id]
            task.cancel()
        found.gone = task.cancelled() or flow.client_conn.timestamp_end is not None
        if task.cancelled():
            return
        asked = task.result()
        found.picked = asked.picked
        found.note = Note("asked", "", "router", asked.what, asked.failed or "")
        if asked.row is not None:
            self.house.told(asked.row)
        if asked.failed:
            told = f"{found.preferences.router} was asked which preference fits, in vain: {asked.failed}"
            self.house.tell_once(told, told)  # without what it said, which may be the prompt

    def client_disconnected(self, client: object) -> None:
        """Ask no more for a client that is gone."""
        for ident, task in list(self._asking.values()):
            if ident == getattr(client, "id", None):
                task.cancel()

    def picked(self, flow: HTTPFlow, request: ClientRequest) -> ClientRequest:
        """Give a request with what was found for it."""
        found = self._found.get(flow.id)
        return request if found is None or found.picked is None else replace(request, picked=found.picked)

    def left(self, flow: HTTPFlow) -> bool:
        """Tell whether a request's client left while a model was asked. Its call has ended, and has its row."""
        found = self._found.get(flow.id)
        return found is not None and found.gone

    def forget(self, flow: HTTPFlow) -> None:
        """Let go of what was found for a request, which may have been answered before it was decided."""
        self._found.pop(flow.id, None)

    def decided(self, flow: HTTPFlow, outcome: Outcome) -> tuple[Note, ...]:
        """Keep what was chosen for the conversation; give what is to be said of how."""
        found = self._found.pop(flow.id, None)
        if found is None:
            return ()
        if isinstance(outcome, Rewritten) and found.conversation is not None:
            name = outcome.decision.preference or ""
            if name or found.preferences.router is not None:
                until = self.now() + found.preferences.stay
                self.choices.keep(found.conversation, found.kind, name, found.turns, until)
        return () if found.note is None else (found.note,)
