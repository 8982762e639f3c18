"""Asks a small model which preference a request fits, within the limit of time that the rules give it.

The question is a request like others: the rules of its provider give it URL, credential, headers, edits and quirks
(:func:`wiremend.pipeline.request.rewrite`). The client's own credential goes along as far as it might with any request
of that client to that place, and no further (G11). Whatever goes wrong, the words of the request decide: nothing in
here raises but the end of who waits. It is a call that is paid, so it has a row of its own.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mitmproxy import ctx

from wiremend.captures.scrub import Scrubber
from wiremend.families import CREDENTIAL_HEADERS, scrubbed
from wiremend.headers import Headers
from wiremend.ledger.row import CallRow, Try
from wiremend.mitm.outbound import OutboundError, post
from wiremend.mitm.tunnel import own_ports
from wiremend.pipeline.breaker import Breakers
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.pipeline.router import choice_in, question, text_of
from wiremend.pipeline.trouble import Trouble
from wiremend.protocols import TURNS, WIRES
from wiremend.replay.beside import shortened
from wiremend.rules.facts import Picked, credentials_of
from wiremend.rules.model import Route, When
from wiremend.rules.urls import LOOPBACK, query_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wiremend.mitm.outbound import Answer
    from wiremend.pipeline.outcome import ClientRequest, Outcome
    from wiremend.pipeline.trouble import Word
    from wiremend.rules.model import Preference, Preferences, Target
    from wiremend.rules.resolve import Resolved

CLIENT: Final = "wiremend-router"
"""The client in the rows of these calls."""

ROUTE: Final = "preferences.router"

_OK: Final = 200
_QUOTED: Final = 60
_ALONE: Final = "it failed again and again, and is left alone for a while"
_WORDS: Final[dict[str, Word]] = {"stall": "stall", "connection": "connection"}
_CARRIED: Final = CREDENTIAL_HEADERS - {"cookie"} | {"user-agent"}
"""What of the client's headers goes along: who it is, and what it pays with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it: ``picked`` is None where it failed, and ``failed`` says why, in words that do not vary.

    ``what`` is for a note: who was asked, what it said, in how many seconds, for how many tokens. ``row`` is None where
    nothing was sent.
    """

    picked: Picked | None
    what: str
    failed: str | None = None
    row: CallRow | None = None


class Asker:
    """Asks router models, and leaves one alone that fails again and again: each request would wait for it in vain.

    The rest is that of its provider (``limits: cooldown``). ``now`` is a monotonic clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing known of any."""
        self.now = now
        self.breakers = Breakers()

    async def ask(
        self,
        request: ClientRequest,
        turns: tuple[str, ...],
        preferences: Preferences,
        resolved: Resolved,
        flow_id: str,
    ) -> Asked:
        """Ask as :func:`ask` does, where the model is not left alone."""
        key, began = (f"router {preferences.router}", ""), self.now()
        provider = resolved.rules.providers.get(preferences.router.provider) if preferences.router is not None else None
        cooldown = provider.limits.cooldown if provider is not None else None
        if not self.breakers.allows(key, cooldown, began):
            return Asked(None, f"{preferences.router} was not asked which preference fits", _ALONE)
        try:
            asked = await ask(request, turns, preferences, resolved, flow_id)
        except asyncio.CancelledError:
            self.breakers.gave_up_probe(key)
            raise
        last = asked.row.attempts[-1] if asked.row is not None else None
        if last is None:
            self.breakers.gave_up_probe(key)
        elif last.trouble is None or last.status == _OK:
            self.breakers.succeeded(key, self.now(), began=began)
        else:
            trouble = Trouble(_WORDS.get(last.trouble, "status"), asked.failed or "", last.status)
            self.breakers.failed(key, cooldown, self.now(), trouble)
        return asked


async def ask(
    request: ClientRequest, turns: tuple[str, ...], preferences: Preferences, resolved: Resolved, flow_id: str
) -> Asked:
    """Ask the router model of ``preferences``, which one it has.

    ``request`` is the client's, ``turns`` are the user's latest in it, newest first. Raises nothing; where the task is
    cancelled, the connection is dropped.
    """
    router = preferences.router
    if router is None or router.model is None:
        return Asked(None, "no model was asked which preference fits", "the rules name none")
    call = _Call(router, request, resolved, flow_id)
    try:
        async with asyncio.timeout(preferences.timeout):
            return await call.run(preferences.choices, turns)
    except TimeoutError:
        return call.failed(f"it gave no answer in {preferences.timeout:g} s", word="stall")
    except OutboundError as error:
        return call.failed(str(error), word="connection")
    except Exception as error:  # noqa: BLE001 - the edge (G7): a bug of ours must not be their outage
        return call.failed(f"Wiremend failed to ask it ({type(error).__name__})")


class _Call:
    """One question on its way."""

    def __init__(self, router: Target, request: ClientRequest, resolved: Resolved, flow_id: str) -> None:
        self.router = router
        self.request = request
        self.resolved = resolved
        self.flow_id = flow_id
        self.time = time.time()
        self.began = time.monotonic()
        self.body = b""
        own = (credential.value for credential in credentials_of(request.headers))
        self.secrets = (*own, *query_credentials(request.target), *resolved.secrets)

    @property
    def agent(self) -> str | None:
        return self.request.headers.get(self.resolved.rules.agent_header) or self.request.agent

    async def run(self, choices: Sequence[Preference], turns: Sequence[str]) -> Asked:
        """Ask, and read the answer."""
        sent = self.prepared(question(choices, turns, self.router.model or ""))
        if isinstance(sent, Asked):
            return sent
        if not isinstance(sent, Rewritten):
            return self.failed(sent.message if isinstance(sent, Refused) else "it cannot be asked")
        answer = await post(sent.destination, sent.headers, sent.body or self.body)
        return self.answered(answer, [one.name for one in choices])

    def prepared(self, body: bytes) -> Outcome | Asked:
        """Give the request as it leaves; all else that it may be is not sent."""
        self.body = body
        carried = ((name, value) for name, value in self.request.headers if name.lower() in _CARRIED)
        asked = replace(
            self.request,
            method="POST",
            target=f"/v1/{TURNS['chat']}",
            headers=Headers((*carried, ("Content-Type", "application/json"), ("Accept", "application/json"))),
            body=body,
            agent=self.agent,
            picked=None,
        )
        sent = rewrite(asked, only_router(self.resolved, self.router), seed=self.flow_id)
        if isinstance(sent, Rewritten):
            at = sent.destination
            if at.port in own_ports() and (at.host in LOOPBACK or at.host == ctx.options.listen_host):
                return self.failed("it is this proxy itself; mend its base_url")
        return sent

    def answered(self, answer: Answer, names: list[str]) -> Asked:
        """Read what it said."""
        if answer.status != _OK:
            return self.failed(f"it answered {answer.status}", answer)
        text = text_of(answer.body)
        if text is None:
            return self.failed("its answer is none of the chat wire", answer)
        choice = choice_in(text, names)
        if choice is None:
            said = shortened(scrubbed(text.strip(), self.secrets), _QUOTED) or "nothing"
            return self.failed("its answer names none of the preferences, or several", answer, said)
        row = self.row(answer)
        what = f"{self.router} was asked which preference fits: {choice or 'none'!r}, {_cost(row)}"
        return Asked(Picked("asked", choice), what, None, row)

    def failed(self, why: str, answer: Answer | None = None, said: str = "", *, word: str = "status") -> Asked:
        """Give what came of it where it was in vain; ``word`` is the ledger's for it. What was not sent has no row."""
        row = self.row(answer, why, word) if word != "status" or answer is not None else None
        told = f", and said {said!r}" if said else " in vain"
        cost = f", {_cost(row)}" if row is not None else ""
        why = scrubbed(why, self.secrets)
        return Asked(None, f"{self.router} was asked which preference fits{told}{cost}", why, row)

    def row(self, answer: Answer | None, error: str | None = None, word: str = "status") -> CallRow:
        """Write the call down."""
        total = round(time.monotonic() - self.began, 3)
        tally = WIRES["chat"].tally()
        tally.body(answer.body if answer is not None else b"")
        said = tally.error or error
        clean = scrubbed(Scrubber().text(said), self.secrets) if said else None
        agent, trouble = self.agent, None if error is None else word
        status = answer.status if answer is not None else None
        return CallRow(
            time=self.time,
            client=CLIENT,
            agent=scrubbed(agent, self.secrets) if agent else agent,
            wire="chat",
            asked=self.router.model,
            provider=self.router.provider,
            model=self.router.model,
            status=status,
            first_byte_s=round(answer.heard - self.began, 3) if answer is not None else None,
            total_s=total,
            input_tokens=tally.input_tokens,
            output_tokens=tally.output_tokens,
            cached_tokens=tally.cached_tokens,
            route=ROUTE,
            error=clean,
            path=f"/v1/{TURNS['chat']}",
            id=f"{self.flow_id}-router",
            upstream_wire="chat",
            attempts=(Try(self.router.provider, self.router.model, status, trouble, 0.0, total),),
            stop_reason=tally.stop_reason,
            reasoning_tokens=tally.reasoning_tokens,
        )


def only_router(resolved: Resolved, router: Target) -> Resolved:
    """Give the rules as if everything went to the router: its own requests are not chosen for."""
    route = Route(ROUTE, When(), router, resolved.rules.preferences.line if resolved.rules.preferences else 0)
    rules = replace(resolved.rules, aliases={}, routes=(route,), preferences=None, default=None)
    return replace(resolved, rules=rules, strict=False)


def _cost(row: CallRow) -> str:
    tokens = ""
    if row.input_tokens is not None or row.output_tokens is not None:
        tokens = f", {row.input_tokens or 0} tokens in, {row.output_tokens or 0} out"
    return f"in {row.total_s:.2f} s{tokens}"
