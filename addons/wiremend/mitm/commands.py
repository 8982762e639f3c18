"""Commands on LLM flows, for mitmproxy's console, its keys and mitmweb's command bar; docs/mitmproxy.md shows them.

They look, or they send again what a person points at; none touches a flow on its way. What goes wrong in one is a
message (G7). A command gives lines: the console shows them in a window, mitmweb in its command bar, and, since that has
no line breaks, in the event log as well.
"""

from __future__ import annotations

import functools
import logging
import math
import os
from collections.abc import Sequence  # noqa: TC003 - mitmproxy reads the annotations of commands
from typing import TYPE_CHECKING, Final, cast

from mitmproxy import command, ctx, exceptions, flow, http, types
from mitmproxy.command_lexer import unquote

from wiremend.errors import WiremendError
from wiremend.mitm.command_again import Sender
from wiremend.mitm.command_errand import Errands
from wiremend.mitm.command_hold import Last
from wiremend.mitm.command_keys import add_column, bind_keys
from wiremend.mitm.command_text import WIDTH, NotOursError, explanation, rules_of, two_flows, two_sides
from wiremend.mitm.exchange import METADATA
from wiremend.mitm.flows import is_ours
from wiremend.mitm.mending import SHOWN
from wiremend.mitm.originals import LIMIT
from wiremend.mitm.telling import in_mitmweb, tell
from wiremend.replay.run import sent
from wiremend.rules.model import Target
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.urls import locate

if TYPE_CHECKING:
    from collections.abc import Callable

    from wiremend.mitm.command_hold import Hold
    from wiremend.mitm.endings import Endings
    from wiremend.mitm.house import House
    from wiremend.pipeline.outcome import ClientRequest

logger = logging.getLogger("wiremend")

CASES: Final = "captures"
"""The folder, below the current one, that ``wiremend.case.add`` writes to unless told otherwise."""

_QUOTES: Final = ("'", '"')
_PAIR: Final = 2
_WINDOW: Final = 0.8
_FRAME: Final = 2
_NARROW: Final = 40


def _command[**P, T](name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a method a command of mitmproxy, and whatever goes wrong in it the command's message."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except exceptions.CommandError:
                raise
            except WiremendError as error:
                raise exceptions.CommandError(str(error)) from None
            except Exception as error:  # noqa: BLE001 - the edge (G7); its text may quote a body (G8)
                raise exceptions.CommandError(f"Wiremend failed in this command ({type(error).__name__})") from None

        return cast("Callable[P, T]", command.command(name)(run))

    return decorate


class Commands:
    """The commands and the keys."""

    def __init__(self, house: House, endings: Endings, hold: Hold | None = None) -> None:
        """Keep the house; ``endings`` are for what is sent again, ``hold`` holds replies (None: nobody does)."""
        self.house = house
        self.sender = Sender(house, endings)
        self.errands = Errands(house)
        self.last = Last(hold) if hold is not None else None

    # -- mitmproxy's hooks

    def running(self) -> None:
        """Bind the keys; where there is no list of flows, keep nothing for those who look."""
        addons = ctx.master.addons
        if addons.get("view") is None:
            self.house.originals.limit = 0
        if self.last is not None and addons.get("intercept") is not None:
            addons.add(self.last)
        for do in (bind_keys, add_column):
            try:
                do()
            except Exception as error:  # noqa: BLE001 - the edge (G7)
                logger.warning("Wiremend failed to set up keys or columns (%s)", type(error).__name__)

    def response(self, flow: http.HTTPFlow) -> None:
        """Take it that an exchange is over."""
        if flow.websocket is None:
            self.house.originals.ends(flow.id)

    def error(self, flow: http.HTTPFlow) -> None:
        """Take it that an exchange broke."""
        self.house.originals.ends(flow.id)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Take it that a WebSocket is over."""
        self.house.originals.ends(flow.id)

    def done(self) -> None:
        """Stop what is under way."""
        self.sender.close()
        self.errands.close()
        if self.last is not None and ctx.master.addons.get(self.last.name) is self.last:
            ctx.master.addons.remove(self.last)

    # -- commands

    @_command("wiremend.explain")
    def explain(self, flow: flow.Flow) -> Sequence[str]:
        """Explain what became of an LLM call: what it was taken for, each route, edit and quirk, and what left."""
        return _shown(explanation(self.house, _http(flow), _width()))

    @_command("wiremend.diff")
    def diff(self, flows: Sequence[flow.Flow]) -> Sequence[str]:
        """Say what differs: of one flow its client's side against the upstream's, of two the one against the other."""
        picked = [_http(one) for one in flows]
        if len(picked) == _PAIR:
            return _shown(two_flows(self.house, picked[0], picked[1], _width()))
        if len(picked) == 1:
            return _shown(two_sides(self.house, picked[0], _width()))
        raise NotOursError(f"one flow or two, please; these are {len(picked)}")

    @_command("wiremend.resend")
    def resend(self, flow: flow.Flow) -> None:
        """Send the client's request of a flow again, as it came, through today's rules; a new flow shows it."""
        self._send(_http(flow), None)

    @_command("wiremend.try")
    def try_(self, target: str, *flow: flow.Flow) -> None:
        """Send the client's request of a flow (console: of the focus) to PROVIDER/MODEL, whatever the rules say."""
        if len(flow) > 1:
            raise NotOursError("one flow, please")
        self._send(_http(flow[0] if flow else _focus()), self._target(_bare(target)))

    @_command("wiremend.case.add")
    def case_add(self, flow: flow.Flow, name: str, path: types.Path = types.Path(CASES)) -> None:  # noqa: B008 - a text
        """Keep a flow as a case of this name, scrubbed, below PATH (./captures); as `wiremend captures add` does."""
        given = self._finished(flow)
        rules = rules_of(self.house, self.house.originals.find(given.id))
        name = _bare(name)
        options = ["--name", name, "--to", _path(path)]
        self.errands.run(given, rules, ["captures", "add"], options, f"kept as the case {name}")

    @_command("wiremend.bundle")
    def bundle(self, flow: flow.Flow, path: types.Path) -> None:
        """Make one archive of a flow, without a secret in it, to attach to a report; as `wiremend bundle` does."""
        given = self._finished(flow)
        rules = rules_of(self.house, self.house.originals.find(given.id))
        to = _path(path)
        self.errands.run(given, rules, ["bundle"], ["-o", to], f"written to {to}")

    # -- how

    def _send(self, given: http.HTTPFlow, target: Target | None) -> None:
        if self.house.resolved is None:
            raise NotOursError("Wiremend is switched off (wiremend_enabled), or has no rules")
        made = self.sender.send(given, self._original(given), target)
        tell("flow %s is sent again as %s", given.id[:SHOWN], made.id[:SHOWN])

    def _original(self, given: http.HTTPFlow) -> ClientRequest:
        """Give the request of a flow as the client sent it."""
        if given.websocket is not None:
            raise NotOursError("a WebSocket cannot be sent again")
        kept = self.house.originals.get(given.id)
        if kept is not None:
            return kept
        seen = given.metadata.get(METADATA)
        if isinstance(seen, dict) and not is_ours(given):
            # What the flow shows is what left; sent as the client's it would be rewritten twice.
            raise NotOursError(
                f"what the client sent is not at hand any more (the newest {LIMIT >> 20} MiB are);"
                f" load the capture: `wiremend captures show {given.id[:SHOWN]}` says where it is"
            )
        if locate(given.request.path) is None or given.request.raw_content is None:
            raise NotOursError("this is no LLM call; mitmproxy's own replay.client sends it again")
        return sent(self.house.originals.of(given))

    def _target(self, text: str) -> Target:
        provider, _, model = text.strip().partition("/")
        resolved = rules_of(self.house, None) if self.house.resolved is None else self.house.resolved
        if provider not in resolved.upstreams:
            near = did_you_mean(provider, sorted(resolved.upstreams))
            raise NotOursError(f"there is no provider {provider!r} with a usable base_url{near}")
        return Target(provider, model or None)

    @staticmethod
    def _finished(one: flow.Flow) -> http.HTTPFlow:
        given = _http(one)
        if given.live:
            raise NotOursError("this flow is still under way")
        if not is_ours(given) and locate(given.request.path) is None:
            raise NotOursError("this is no LLM call")
        return given


def _http(one: flow.Flow) -> http.HTTPFlow:
    if not isinstance(one, http.HTTPFlow):
        raise NotOursError("this is no HTTP flow")
    return one


def _bare(text: str) -> str:
    """Give an argument without the quotes around it, which mitmweb's command bar leaves in their place."""
    bare = unquote(text)
    if bare[:1] in _QUOTES or bare[-1:] in _QUOTES:
        raise NotOursError(f"the quotes of {text} are not closed, or do not fit; mitmweb's command bar takes no blanks")
    return bare


def _path(text: str) -> str:
    """Give a path as a person wrote it: without quotes, and the home folder in the place of ``~``."""
    path = os.path.expanduser(_bare(str(text)))  # noqa: PTH111 - a text for a command line, which keeps its last slash
    if not path:
        raise NotOursError("the path is empty")
    return path


def _focus() -> flow.Flow:
    if in_mitmweb():
        raise NotOursError(
            "mitmweb does not tell which flow is selected; name one: @ID (the id is in the page's address),"
            " @marked, or a filter"
        )
    found = ctx.master.commands.call_strings("view.flows.resolve", ["@focus"])
    if not found:
        raise NotOursError("no flow is in focus; name one")
    return found[0]  # type: ignore[no-any-return]  # mitmproxy's commands have no types


def _width() -> int:
    """Give the columns that a line may take: in the console's window, four fifths of the terminal and its frame."""
    screen = getattr(ctx.master, "ui", None)
    if screen is None:
        return WIDTH
    columns = int(screen.get_cols_rows()[0])
    return max(_NARROW, math.ceil(columns * _WINDOW) - _FRAME)


def _shown(lines: list[str]) -> list[str]:
    """Give lines as a command's result; where the console's window is not, the log shows them as lines."""
    if not hasattr(ctx.master, "overlay") and ctx.master.addons.get("view") is not None:
        tell("%s", "\n".join(lines))
    return lines
