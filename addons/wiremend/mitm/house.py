"""The options, the rules in force, and what the other addons ask about them.

Options are declared here, all of them, with the prefix ``wiremend_``, so that mitmproxy's option editor shows them
side by side. A rules file that does not load stops the start with its errors; later, it leaves the last good rules in
force (a changed option is rejected, a changed file is logged once).
"""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mitmproxy import ctx, exceptions

from wiremend.errors import RulesError, SetupError
from wiremend.families import scrubbed
from wiremend.mitm.originals import Originals
from wiremend.mitm.telling import tell
from wiremend.pipeline.estimate import has_tokenizer
from wiremend.quirks.memory import Memory
from wiremend.rules.globs import GlobError, compile_glob
from wiremend.rules.lookup import find_rules
from wiremend.rules.watch import INTERVAL, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mitmproxy.addonmanager import Loader
    from mitmproxy.connection import Client

    from wiremend.ledger.happening import Happening
    from wiremend.ledger.row import CallRow, ToolRow
    from wiremend.mitm.exchange import Again, Call, Exchange
    from wiremend.rules.lookup import Found
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

_OPTIONS: tuple[tuple[str, type, object, str], ...] = (
    (
        "wiremend_rules",
        str,
        "",
        "The rules.yaml in force. Empty: $WIREMEND_RULES, your config folder, or the shipped one.",
    ),
    ("wiremend_enabled", bool, True, "Off: every request passes as if Wiremend were not there (the gateway refuses)."),
    (
        "wiremend_intercept",
        Sequence[str],
        [],
        "Hosts to decrypt besides those of providers, as globs; `all` decrypts every host. Adds to listen.intercept.",
    ),
    ("wiremend_agent", str, "", "The agent's id for `when: {agent: ...}`, where no request header gives it."),
    (
        "wiremend_capture",
        str,
        "",
        "Where exchanges are remembered: a folder, or `off`. Empty: as the rules say (`capture`).",
    ),
    ("wiremend_strict", bool, False, "Refuse a request that would lose or change something in translation."),
    ("wiremend_call_log", bool, True, "One line in the log for each finished call."),
    ("wiremend_connection_log", bool, True, "mitmproxy's own lines on each connection that opens and closes."),
    ("wiremend_show_setup", bool, True, "At the start, print the lines that point an agent at this proxy."),
    ("wiremend_calls", str, "", "A file that gets one JSON object a line for each finished call."),
    ("wiremend_ready", str, "", "A file that is written once the proxy listens: JSON with its port and CA."),
    ("wiremend_parent", int, 0, "Shut down when the parent process is no longer this one (0: never)."),
)


@dataclass
class House:
    """What all addons of Wiremend share: the rules in force, and the exchanges under way."""

    watcher: Watcher | None = None
    found: Found | None = None
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)
    """Ids of client connections that came to the gateway rather than to the HTTPS proxy."""
    memory: Memory = field(default_factory=Memory)
    """What one request's reply said that a later request must bring again."""
    originals: Originals = field(default_factory=Originals)
    """What clients sent and what came of it, for those who look."""
    leaving: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The rules' own secrets in requests that are on their way out, by flow: seen until they have left."""
    again: dict[str, Again] = field(default_factory=dict)
    """What is about to be sent once more, by the ids of the new flows."""
    keep_host_header: bool = False
    """The user's own choice of that option of mitmproxy: ours is to see the Host that the client sent."""
    on_rules: list[Callable[[Path, Resolved], None]] = field(default_factory=list)
    """Who is told of rules that came in force, and of the file they are from."""
    on_happening: list[Callable[[Happening], None]] = field(default_factory=list)
    """Who is told of what happens to providers. None of them may wait for anything."""
    status: dict[str, Callable[[], object]] = field(default_factory=dict)
    """Who tells `wiremend status` what, by name: JSON-able, at once, and without a secret."""
    calls: dict[str, Call] = field(default_factory=dict)
    """The calls under way, by flow: each has one row to come."""
    on_row: list[Callable[[CallRow, tuple[ToolRow, ...], tuple[str, ...]], None]] = field(default_factory=list)
    """Who is told of a finished call: its row, the tools it called, and the ids of tool results that its request
    brought. None of them may wait for anything."""
    _told: set[str] = field(default_factory=set)
    _ticker: asyncio.Task[None] | None = None
    _running: bool = False

    # -- mitmproxy's hooks

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        for name, kind, default, text in _OPTIONS:
            loader.add_option(name, kind, default, text)

    def configure(self, updated: set[str]) -> None:
        """Load the rules when they are named anew, and judge the globs of ``wiremend_intercept``."""
        if "wiremend_intercept" in updated:
            for glob in ctx.options.wiremend_intercept:
                try:
                    compile_glob(glob)
                except GlobError as error:
                    raise exceptions.OptionsError(f"wiremend_intercept: {error}") from None
        if "wiremend_rules" in updated:
            self._load_rules()

    def running(self) -> None:
        """Begin to watch the rules file."""
        self._running = True
        has_tokenizer()  # loads it now rather than in somebody's first request
        self._ticker = asyncio.create_task(self._tick(), name="wiremend: watch the rules")

    def done(self) -> None:
        """Stop watching."""
        if self._ticker is not None:
            self._ticker.cancel()

    # -- what the others ask

    @property
    def resolved(self) -> Resolved | None:
        """The rules in force; None where Wiremend is switched off or never had any."""
        if self.watcher is None or not ctx.options.wiremend_enabled:
            return None
        resolved = self.watcher.current.resolved
        strict, tokenizer = ctx.options.wiremend_strict, has_tokenizer()
        return replace(resolved, strict=strict, tokenizer=tokenizer) if strict or tokenizer else resolved

    def known_host(self, host: str) -> bool:
        """Tell whether connections to this host are decrypted."""
        resolved = self.resolved
        if resolved is None:
            return False
        globs = ctx.options.wiremend_intercept
        return "all" in globs or resolved.known_host(host) or any(compile_glob(glob).matches(host) for glob in globs)

    def tell_once(self, key: str, message: str) -> None:
        """Log a warning, once for each key."""
        if key not in self._told:
            self._told.add(key)
            logger.warning(message)

    def happened(self, happening: Happening) -> None:
        """Tell those who want to know."""
        for tell_it in self.on_happening:
            try:
                tell_it(happening)
            except Exception as error:  # noqa: BLE001 - the edge (G7): who is told must not be anyone's outage
                self.failed(happening.flow or happening.cause, "to tell what happened", error)

    def told(self, row: CallRow, tools: tuple[ToolRow, ...] = (), results: tuple[str, ...] = ()) -> None:
        """Tell those who want to know of a finished call."""
        for tell_it in self.on_row:
            try:
                tell_it(row, tools, results)
            except Exception as error:  # noqa: BLE001 - the edge (G7): as above
                self.failed(row.id, "to tell of the call", error)

    def at_gateway(self, client: Client) -> bool:
        """Tell whether a client connection came to the gateway."""
        return client.id in self.gateways

    def failed(self, flow: str, where: str, error: Exception) -> None:
        """Log a bug of ours, once for each flow (G7). The text of the exception may quote a body, so it stays out."""
        key = f"failed:{flow}"
        if key in self._told:
            return
        self._told.add(key)
        # The option is mitmdump's; mitmproxy and mitmweb have another, and their event log shows no tracebacks.
        verbose = "termlog_verbosity" in ctx.options and ctx.options.termlog_verbosity == "debug"
        detail = scrubbed("\n" + "".join(traceback.format_exception(error))) if verbose else ""
        what = type(error).__name__
        logger.error("flow %s: Wiremend failed %s (%s); the flow goes on%s", flow, where, what, detail)

    # -- rules

    def _load_rules(self) -> None:
        try:
            found = find_rules(ctx.options.wiremend_rules or None, os.environ)
            watcher = Watcher(found.path, os.environ)
        except (RulesError, SetupError) as error:
            if self._running:
                raise exceptions.OptionsError(f"the rules are left as they were:\n{error}") from None
            message = str(error)
            for line in message.splitlines():
                logger.error(line)  # noqa: TRY400 - at the start, an error in the log ends mitmproxy; no traceback of ours
            return
        self.found, self.watcher = found, watcher
        why = "" if found.origin == "named" else f"{found.why}, "
        tell("rules: %s (%s%s)", found.path, why, watcher.current.resolved.rules.hash)
        self._in_force()

    def _in_force(self) -> None:
        if self.watcher is not None:
            for tell in self.on_rules:
                tell(self.watcher.path, self.watcher.current.resolved)
            for warning in self.watcher.current.warnings:
                self.tell_once(str(warning), str(warning))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            if self.watcher is None:
                continue
            try:
                # In a thread: the file may lie on a slow disk, and 1Password may ask for a fingerprint.
                change = await asyncio.to_thread(self.watcher.look)
            except RulesError as error:
                logger.error("the changed rules are not taken, the last good ones stay:\n%s", error)  # noqa: TRY400 - as above
            except Exception as error:  # noqa: BLE001 - the edge (G7): a bug must not end the watch
                logger.error("Wiremend failed to look at its rules (%s)", type(error).__name__)  # noqa: TRY400 - as above
            else:
                if change == "reloaded":
                    tell("rules reloaded: %s (%s)", self.watcher.path, self.watcher.current.resolved.rules.hash)
                    self._in_force()
