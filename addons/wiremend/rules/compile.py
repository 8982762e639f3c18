"""rules.yaml -> :class:`~wiremend.rules.model.Rules`: what needs more than one place of the file to judge.

The shapes have been checked (:mod:`wiremend.rules.schema`); here names are resolved (providers, aliases), built-ins are
overlaid key by key, and the parts that are sound are compiled even where others are not, so that one run reports
everything. Warnings tell of what is legal but surely not meant: routes that nothing can reach, edits that undo each
other.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from wiremend.errors import Problem, RulesError
from wiremend.families import looks_like_credential
from wiremend.jsonedit import parse_pointer
from wiremend.protocols import WIRES
from wiremend.rules.compile_edits import compile_edits, label_of
from wiremend.rules.compile_expects import compile_expects
from wiremend.rules.compile_keeps import compile_alerts, compile_ledger, compile_limits, compile_retry
from wiremend.rules.compile_preferences import compile_preferences
from wiremend.rules.conditions import compile_when
from wiremend.rules.globs import compile_glob
from wiremend.rules.model import Alias, Capture, Limits, Listen, Replay, Route, Rules, Target
from wiremend.rules.plano.source import rules_tree
from wiremend.rules.providers import builtin_nodes, builtin_text, compile_providers
from wiremend.rules.references import Template, parse_reference
from wiremend.rules.report import Report
from wiremend.rules.schema import CAPTURE, LISTEN, REPLAY, ROOT, ROUTE
from wiremend.rules.scrubbing import parse_scrub
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.units import parse_duration, parse_size
from wiremend.rules.warn import warn_of_edits, warn_of_routes
from wiremend.rules.warn_models import warn_of_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.protocols.base import WireName
    from wiremend.rules.globs import Glob
    from wiremend.rules.model import Provider
    from wiremend.rules.tree import Node


def rules_hash(text: str) -> str:
    """Give the hash that every decision carries: 12 hex digits over the file's text and the built-in providers."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    digest.update(b"\0" + builtin_text().encode())
    return digest.hexdigest()[:12]


def compile_rules(text: str, file: str) -> tuple[Rules, list[Problem]]:
    """Compile a rules file, or a Plano file in the place of one.

    ``file`` is the name for messages. Returns the rules and the warnings. Raises :class:`RulesError` with every error
    of the file (a YAML syntax error stands alone), the warnings among them.
    """
    root, problems = rules_tree(text, file)
    report = Report(file, problems)
    rules = _Compiler(root, report, rules_hash(text)).compile()
    if report.errors:
        raise RulesError(report.problems)
    return rules, report.problems


class _Compiler:
    """Walks one file's tree once. Each method gives what could be compiled of its section."""

    def __init__(self, root: Node, report: Report, digest: str) -> None:
        self.report = report
        self.digest = digest
        ROOT.check(root, report)
        self.top = root.mapping
        self.names = set(builtin_nodes()) | set(self._section("providers"))

    def _section(self, name: str) -> dict[str, Node]:
        node = self.top.get(name)
        return node.mapping if node is not None else {}

    def _list(self, name: str) -> list[Node]:
        node = self.top.get(name)
        return node.value if node is not None and isinstance(node.value, list) else []

    def compile(self) -> Rules:
        limits = compile_limits(self.top.get("limits"), Limits(), self.report)
        providers = compile_providers(self._section("providers"), self.report, limits)
        aliases = self._aliases()
        routes = self._routes(providers)
        preferences = compile_preferences(
            self.top.get("preferences"), lambda node: self._model(node, aliases), providers, self.report
        )
        edits = compile_edits(self._list("edits"), self.report)
        default = self.top.get("default")
        target = self._target(default) if default is not None and isinstance(default.value, str) else None
        warn_of_routes(routes, self.report)
        warn_of_edits(edits, self.report)
        warn_of_models(self.top, providers, self.report)
        agent_header = self.top.get("agent_header")
        mend = self.top.get("mend")
        return Rules(
            file=self.report.file,
            hash=self.digest,
            providers=providers,
            aliases=aliases,
            routes=tuple(routes),
            preferences=preferences,
            default=target,
            default_line=default.at.line if default else 0,
            edits=tuple(edits),
            expect=tuple(compile_expects(self._list("expect"), self._targets, self.report)),
            mend=mend is None or mend.value != "off",
            listen=self._listen(),
            capture=self._capture(),
            replay=self._replay(),
            limits=limits,
            ledger=compile_ledger(self.top.get("ledger"), self.report),
            alerts=compile_alerts(self.top.get("alerts"), self.report),
            agent_header=str(agent_header.value).lower() if agent_header else "x-agent-id",
        )

    # -- names

    def _target(self, node: Node) -> Target | None:
        """Read ``provider`` or ``provider/model``, and tell what is dangling."""
        text = str(node.value)
        if looks_like_credential(text):
            return None  # reported already
        provider, slash, model = text.partition("/")
        if provider not in self.names:
            self.report.error(node.mark, f"there is no provider {provider!r}{did_you_mean(provider, self.names)}")
            return None
        if slash and not model:
            self.report.error(
                node.mark, f"the model is missing after {provider!r}/; leave the slash out to keep the model's name"
            )
            return None
        return Target(provider, model or None)

    def _model(self, node: Node, aliases: Mapping[str, Alias]) -> Target | None:
        """Read ``provider/model``, or an alias that stands for one."""
        text = str(node.value)
        if text in aliases:
            return aliases[text].target
        if text in self._section("aliases"):
            return None  # the alias is broken, and was reported
        if text in self.names:
            self.report.error(node.mark, f"this names a provider without a model; write {text}/MODEL")
            return None
        if "/" not in text and not looks_like_credential(text):
            known = did_you_mean(text, [*aliases, *(f"{name}/…" for name in self.names)], few=0)
            self.report.error(node.mark, f"{text!r} is neither provider/model nor an alias{known}")
            return None
        return self._target(node)

    def _aliases(self) -> dict[str, Alias]:
        nodes = self._section("aliases")
        written: dict[str, tuple[Node, bool]] = {}
        for name, node in nodes.items():
            to = node.mapping.get("to", node)
            keep = node.mapping.get("keep_name")
            if isinstance(to.value, str) and not looks_like_credential(to.value):
                written[name] = (to, keep is not None and keep.value is True)
        found: dict[str, Alias] = {}
        looped: set[str] = set()
        for name, (to, keep_name) in written.items():
            path = [name]
            while str(to.value) in written and str(to.value) not in path:
                path.append(str(to.value))
                to = written[path[-1]][0]  # noqa: PLW2901 - walking the chain of aliases is what the loop does
            if str(to.value) in path:
                if not looped.intersection(path):
                    circle = [*path[path.index(str(to.value)) :], str(to.value)]
                    self.report.error(nodes[name].at, f"these aliases turn in a circle: {' -> '.join(circle)}")
                looped.update(path)
                continue
            target = self._alias_target(to)
            if target is not None:
                found[name] = Alias(name, target, keep_name, nodes[name].at.line)
        return found

    def _alias_target(self, node: Node) -> Target | None:
        text = str(node.value)
        provider, slash, model = text.partition("/")
        if provider not in self.names and not slash:
            known = did_you_mean(text, [*self._section("aliases"), *(f"{name}/…" for name in self.names)])
            self.report.error(node.mark, f"{text!r} is neither provider/model nor another alias{known}")
            return None
        if provider in self.names and not model:
            self.report.error(node.mark, f"an alias stands for a model: write {provider}/MODEL")
            return None
        return self._target(node)

    # -- routes

    def _routes(self, providers: Mapping[str, Provider]) -> list[Route]:
        routes: list[Route] = []
        for number, node in enumerate(self._list("routes"), 1):
            if not ROUTE.check(node, Report(self.report.file)):
                if "to" in node.mapping:
                    self._targets(node.mapping["to"])  # the route is broken; what it names is judged all the same
                continue
            targets = self._targets(node.mapping["to"])
            if targets:
                label, when = label_of("route", number, node), compile_when(node.mapping.get("when"))
                via = self._via(node, targets, providers)
                retry = compile_retry(node.mapping.get("retry"), targets, self.report)
                routes.append(Route(label, when, targets[0], node.at.line, via, targets[1:], retry))
        return routes

    def _targets(self, to: Node) -> tuple[Target, ...]:
        """Give the destinations of a list, or of the one that stands for it; each may stand there once."""
        found: dict[Target, Node] = {}
        for item in to.items:
            target = self._target(item) if isinstance(item.value, str) else None
            if target is None:
                continue
            if target in found:
                self.report.error(item.mark, f"the destination {str(target)!r} stands twice in this list")
            found.setdefault(target, item)
        return tuple(found)

    def _via(self, route: Node, targets: tuple[Target, ...], providers: Mapping[str, Provider]) -> WireName | None:
        """Give the wire that a route forces; each of its providers must speak it."""
        node = route.mapping.get("via")
        if node is None:
            return None
        wire = next(wire for wire in WIRES if wire == node.value)
        sound = True
        for name in dict.fromkeys(target.provider for target in targets):
            provider = providers.get(name)
            if provider is not None and wire not in provider.speaks:
                spoken = " and ".join(provider.speaks)
                message = f"the provider {name!r} speaks {spoken}, not {wire}; mend `via`, or its `speaks`"
                sound = self.report.error(node.mark, message)
        return wire if sound else None

    # -- the rest

    def _listen(self) -> Listen:
        node = self.top.get("listen")
        if node is None or not LISTEN.check(node, Report(self.report.file)):
            return Listen()
        keys = node.mapping
        usual = Listen()
        token = keys.get("token")
        intercept = keys.get("intercept")
        globs: tuple[Glob, ...] | None = ()
        if intercept is not None and intercept.value == "all":
            globs = None
        elif intercept is not None and isinstance(intercept.value, list):
            globs = tuple(compile_glob(str(item.value)) for item in intercept.value)
        return Listen(
            port=str(keys["port"].value) if "port" in keys else usual.port,
            host=str(keys["host"].value) if "host" in keys else usual.host,
            token=parse_reference(str(token.value)) if token is not None else None,
            or_loopback="without_token" in keys and keys["without_token"].value == "loopback",
            intercept=globs,
            line=node.at.line,
        )

    def _capture(self) -> Capture:
        node = self.top.get("capture")
        if node is None:
            return Capture()
        if node.value == "off":
            return Capture(on=False, line=node.at.line)
        if not CAPTURE.check(node, Report(self.report.file)):
            return Capture()
        keys = node.mapping
        usual = Capture()
        scrub = [parse_scrub(str(item.value)) for item in keys["scrub"].items] if "scrub" in keys else []
        return Capture(
            keep=parse_duration(str(keys["keep"].value)) if "keep" in keys else usual.keep,
            max_size=parse_size(str(keys["max_size"].value)) if "max_size" in keys else usual.max_size,
            folder=Template(str(keys["dir"].value)) if "dir" in keys else None,
            scrub_pointers=tuple(entry for entry in scrub if isinstance(entry, tuple)),
            scrub_patterns=tuple(entry for entry in scrub if isinstance(entry, re.Pattern)),
            when=compile_when(keys.get("when")),
            line=node.at.line,
        )

    def _replay(self) -> Replay:
        node = self.top.get("replay")
        if node is None or not REPLAY.check(node, Report(self.report.file)):
            return Replay()
        keys = node.mapping
        return Replay(
            ignore=tuple(parse_pointer(str(item.value)) for item in keys["ignore"].items) if "ignore" in keys else (),
            max_age=parse_duration(str(keys["max_age"].value)) if "max_age" in keys else None,
        )
