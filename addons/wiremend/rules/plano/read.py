"""A Plano file's tree -> :class:`Plan`: what it says, its names resolved, each part with its place in the file.

What Plano itself refuses is refused here (a model twice, two defaults, an alias of a model that is not there); what has
no meaning for Wiremend is a warning with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wiremend.families import CREDENTIAL_HEADERS
from wiremend.rules.checks import check_provider_name
from wiremend.rules.plano.left import LEFT
from wiremend.rules.plano.listening import Listening, read_listeners
from wiremend.rules.plano.shapes import NEW, OLD, PLANO, is_true
from wiremend.rules.plano.vendors import VENDORS
from wiremend.rules.references import Template
from wiremend.rules.suggest import did_you_mean
from wiremend.rules.tree import Mark, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.rules.report import Report

_ANY: Final = "*"
_FLAT: Final = (0, 4, 0)
"""From this version on Plano itself passes over preferences inside of a provider."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One of the model providers: ``prefix/model``. ``interface`` is the vendor of Plano's that it is spoken to as."""

    node: Node
    prefix: str
    model: str
    interface: str

    @property
    def keys(self) -> Mapping[str, Node]:
        """What the file says of it."""
        return self.node.mapping

    @property
    def at(self) -> Mark:
        """Where it begins."""
        return self.keys["model"].at

    @property
    def full(self) -> str:
        """Its name, with the provider's in front."""
        return f"{self.prefix}/{self.model}"

    @property
    def wild(self) -> bool:
        """Tell whether it stands for all models of its provider."""
        return self.model.rpartition("/")[2] == _ANY

    def text(self, key: str) -> str | None:
        """Give the text of a key; None where it is not there."""
        return str(self.keys[key].value) if key in self.keys else None

    @property
    def names(self) -> list[str]:
        """The names by which a client may ask for it, each once."""
        said = [self.text("name"), self.full, None if self.wild else self.model]
        return list(dict.fromkeys(name for name in said if name is not None))


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the file names, and where it does. ``model`` is its id at the provider of ``entry``."""

    entry: Entry
    model: str
    node: Node


@dataclass(slots=True)
class Choice:
    """A routing preference."""

    name: Node
    description: Node
    at: Mark
    models_at: Mark
    models: list[Model] = field(default_factory=list)
    prefer: Node | None = None


@dataclass(slots=True)
class Plan:
    """What a Plano file says. ``aliases`` are names, their places and what they stand for."""

    version: str = ""
    entries: list[Entry] = field(default_factory=list)
    default: Entry | None = None
    aliases: list[tuple[str, Node, Model]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    choices_at: Mark = field(default_factory=lambda: Mark(1, 1))
    stay: Node | None = None
    connect: Node | None = None
    listening: Listening = field(default_factory=Listening)


def read(root: Node, report: Report) -> Plan:
    """Read a Plano file's tree; what is wrong with it, or has no meaning, goes into ``report``."""
    if not PLANO.check(root, report):
        return Plan()
    return _Reader(root.mapping, report).read()


class _Reader:
    def __init__(self, top: Mapping[str, Node], report: Report) -> None:
        self.top = top
        self.report = report
        self.plan = Plan()
        self.names: dict[str, Entry] = {}
        self.broken: set[str] = set()
        """Names of models whose own lines are wrong, which is told there and nowhere else."""

    def read(self) -> Plan:
        plan, top = self.plan, self.top
        plan.version = str(top["version"].value) if "version" in top else ""
        if OLD in top and NEW in top:
            self.report.error(top[OLD].at, f"{OLD!r} is the old name of {NEW!r}; keep one of the two")
        self.entries(top.get(NEW) or top[OLD])
        self.aliases()
        self.preferences()
        self.lefts()
        plan.connect = self.section("overrides").get("upstream_connect_timeout")
        plan.stay = next(
            (
                self.section(name)["session_ttl_seconds"]
                for name in ("prompt_caching", "routing")
                if "session_ttl_seconds" in self.section(name)
            ),
            None,
        )
        plan.listening = read_listeners(top.get("listeners"), self.report)
        return plan

    def section(self, name: str) -> Mapping[str, Node]:
        return self.top[name].mapping if name in self.top else {}

    # -- models

    def entries(self, nodes: Node) -> None:
        for node in nodes.items:
            entry = self.entry(node)
            if entry is None:
                full = str(node.mapping["model"].value)
                self.broken |= {full, full.partition("/")[2]}
                continue
            self.plan.entries.append(entry)
            for name in entry.names:
                first = self.names.setdefault(name, entry)
                if first is not entry:
                    where = f"the first is at line {first.at.line}"
                    self.report.error(entry.at, f"there is a model {name!r} already, and names lead to one; {where}")
                    break
            if is_true(entry.keys.get("default")):
                self.default(entry)

    def entry(self, node: Node) -> Entry | None:
        """Read one of the model providers. Gives None where it cannot be asked, which is reported then."""
        keys = node.mapping
        at = keys["model"].mark
        prefix, slash, model = str(keys["model"].value).partition("/")
        prefix = prefix.strip()
        if not slash or not prefix or not model:
            self.report.error(at, "a model reads provider/model, or provider/* for all of the provider's")
            return None
        try:
            check_provider_name(prefix)
        except ValueError as error:
            self.report.error(at, str(error))
            return None
        interface = self.interface(prefix, keys)
        if interface is None:
            return None
        entry = Entry(node, prefix, model, interface)
        if not self.served(entry):
            return None
        if is_true(keys.get("passthrough_auth")) and "access_key" in keys:
            told = "passthrough_auth beats it: the client's own key is passed on, and this one is never sent"
            self.report.warn(keys["access_key"].at, f"`access_key` is not taken over: {told}")
        for name, value in (keys["headers"].mapping if "headers" in keys else {}).items():
            if name.lower() in CREDENTIAL_HEADERS and not Template(str(value.value)).names:
                told = f"the header {name!r} carries a credential; write a reference such as $NAME, or use `access_key`"
                self.report.error(value.mark, told)
        return entry

    def served(self, entry: Entry) -> bool:
        """Tell whether Wiremend can ask it, as it stands; reports why not."""
        vendor = VENDORS[entry.interface]
        at = entry.keys["model"].mark
        if vendor.unserved and (vendor.needs_base or "base_url" not in entry.keys):
            return self.report.error(at, f"Wiremend cannot ask {entry.prefix!r}: {vendor.unserved}")
        if vendor.needs_base and "base_url" not in entry.keys:
            return self.report.error(entry.at, f"Plano needs a base_url for {entry.prefix!r}; write where it is")
        if entry.interface == "azure_openai" and entry.wild:
            return self.report.error(at, "each deployment of Azure has a URL of its own; name the models one by one")
        return True

    def interface(self, prefix: str, keys: Mapping[str, Node]) -> str | None:
        said = keys.get("provider_interface")
        if prefix in VENDORS:
            if said is not None:
                told = f"Plano knows {prefix!r} and takes no provider_interface for it; leave this out"
                self.report.error(said.at, told)
                return None
            return prefix
        if said is None or "base_url" not in keys:
            both = "base_url and provider_interface" if said is None and "base_url" not in keys else None
            missing = both or ("base_url" if said is not None else "provider_interface")
            known = did_you_mean(prefix, VENDORS, few=0)
            told = f"Plano does not know {prefix!r}, so it needs {missing}"
            self.report.error(keys["model"].mark, f"{told}{known}" if known else f"{told}, such as openai")
            return None
        return str(said.value)

    def default(self, entry: Entry) -> None:
        at = entry.keys["default"].at
        if entry.wild:
            self.report.error(at, f"{entry.full} is no model; the default names one")
        elif self.plan.default is not None:
            first = self.plan.default.keys["default"].at.line
            self.report.error(at, f"there is a default already, at line {first}; keep one of them")
        else:
            self.plan.default = entry

    def model(self, node: Node) -> Model | None:
        """Find a model by its full or its bare name; reports one that is not there."""
        name = str(node.value)
        entry = self.names.get(name)
        if entry is not None and not entry.wild:
            return Model(entry, entry.model, node)
        prefix, slash, model = name.partition("/")
        wild = self.names.get(f"{prefix}/{_ANY}")
        if wild is not None and slash and model not in ("", _ANY):
            return Model(wild, model, node)
        if name in self.broken:
            return None
        known = did_you_mean(name, [name for name, entry in self.names.items() if not entry.wild])
        what = "stands for many models" if entry is not None else "is not among the model providers"
        self.report.error(node.mark, f"{name!r} {what}{known}")
        return None

    def aliases(self) -> None:
        for name, node in self.section("model_aliases").items():
            found = self.model(node.mapping["target"])
            if found is not None:
                self.plan.aliases.append((name, node, found))

    # -- preferences

    def preferences(self) -> None:
        there: dict[str, Choice] = {}
        node = self.top.get("routing_preferences")
        for item in node.items if node is not None else []:
            keys = item.mapping
            name = str(keys["name"].value)
            if name.casefold() in there:
                line = there[name.casefold()].at.line
                told = f"there is a preference {name!r} already, at line {line}; give this another name"
                self.report.error(keys["name"].mark, told)
                continue
            choice = Choice(keys["name"], keys["description"], item.at, keys["models"].at)
            choice.models = self.models(keys["models"])
            policy = keys.get("selection_policy")
            choice.prefer = policy.mapping["prefer"] if policy is not None else None
            there[name.casefold()] = choice
        self.inline(there)
        self.plan.choices = list(there.values())
        if self.plan.choices:
            self.plan.choices_at = node.at if node is not None else self.plan.choices[0].at

    def models(self, node: Node) -> list[Model]:
        found: dict[tuple[Entry, str], Model] = {}
        for item in node.items:
            model = self.model(item)
            if model is None:
                continue
            if (model.entry, model.model) in found:
                self.report.warn(item.mark, f"{str(item.value)!r} stands in this list already, so it is left out here")
            found.setdefault((model.entry, model.model), model)
        return list(found.values())

    def inline(self, there: dict[str, Choice]) -> None:
        """Take up the preferences inside of providers: one of many providers has the models of all."""
        top = frozenset(there)
        for entry in self.plan.entries:
            node = entry.keys.get("routing_preferences")
            items = node.items if node is not None else []
            if node is not None and items and entry.wild:
                self.report.error(node.at, f"{entry.full} is no model, and a preference chooses one")
                continue
            if node is not None and items and _version(self.plan.version) >= _FLAT:
                told = f"Plano {self.plan.version} passes over preferences inside of a provider; here they count"
                self.report.warn(node.at, told)
            for item in items:
                name = item.mapping["name"]
                folded = str(name.value).casefold()
                if folded in top:
                    told = f"the preference {str(name.value)!r} at the top of the file stands in its place"
                    self.report.warn(name.at, f"this preference is not taken over: {told}")
                    continue
                description = item.mapping["description"]
                choice = there.setdefault(folded, Choice(name, description, item.at, item.at))
                if str(choice.description.value) != str(description.value):
                    line = choice.description.at.line
                    told = f"the description of {str(name.value)!r} at line {line} is another, and the first counts"
                    self.report.warn(description.at, told)
                if entry not in [model.entry for model in choice.models]:
                    choice.models.append(Model(entry, entry.model, entry.keys["model"]))

    # -- what is left

    def lefts(self) -> None:
        for place, why in LEFT.items():
            section, _, name = place.rpartition(".")
            keys = self.section(section) if section else self.top
            if name in keys:
                self.report.warn(keys[name].at, f"`{place}` is not taken over: {why}")


def _version(text: str) -> tuple[int, ...]:
    """Give a version's numbers: ``v0.4.0`` is (0, 4, 0)."""
    parts = text.strip().lstrip("vV").partition("-")[0].split(".")
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
