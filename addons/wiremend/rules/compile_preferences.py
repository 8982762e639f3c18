"""``preferences``: from a sound node to :class:`~wiremend.rules.model.Preferences`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wiremend.rules.compile_keeps import compile_retry
from wiremend.rules.model import PREFERS, Preference, Preferences, Route, When
from wiremend.rules.preferring_order import cheapest_first, without_price
from wiremend.rules.report import Report
from wiremend.rules.schema_preferences import CHOICE, PREFERENCES
from wiremend.rules.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wiremend.rules.model import Provider, Target
    from wiremend.rules.tree import Node

    type ToTarget = Callable[[Node], Target | None]


def compile_preferences(
    node: Node | None, target: ToTarget, providers: Mapping[str, Provider], report: Report
) -> Preferences | None:
    """Compile ``preferences``; None where there are none, or they are broken.

    ``target`` reads ``provider/model`` or an alias and reports what it is not.
    """
    choices = node.mapping.get("choices", node).items if node is not None else []
    compiled = [_choice(item, target, providers, report) for item in choices if isinstance(item.value, dict)]
    _judge_names(choices, report)
    router = node.mapping.get("router") if node is not None else None
    asked = _router(router, target, providers, report) if router is not None else None
    if node is None or not PREFERENCES.check(node, Report(report.file)):
        return None
    keys, usual = node.mapping, Preferences(())
    stay = keys.get("stay")
    return Preferences(
        choices=tuple(one for one in compiled if one is not None),
        router=asked,
        timeout=parse_duration(str(keys["timeout"].value)) if "timeout" in keys else usual.timeout,
        stay=usual.stay if stay is None else 0.0 if stay.value == "off" else parse_duration(str(stay.value)),
        every="for" in keys and keys["for"].value == "all",
        line=node.at.line,
    )


def _choice(node: Node, target: ToTarget, providers: Mapping[str, Provider], report: Report) -> Preference | None:
    keys = node.mapping
    targets = _targets(keys["models"], target, report) if "models" in keys else ()
    if not targets or not CHOICE.check(node, Report(report.file)):
        return None  # reported already; what it names is judged all the same
    name = str(keys["name"].value)
    retry = compile_retry(keys.get("retry"), targets, report)
    prefer = keys.get("prefer")
    if prefer is not None and prefer.value == "cheapest":
        unknown = without_price(targets, providers) if len(targets) > 1 else None
        if unknown is not None:
            report.warn(prefer.mark, unknown)
        targets = cheapest_first(targets, providers)
    return Preference(
        name=name,
        description=str(keys["description"].value),
        route=Route(f"preference {name}", When(), targets[0], node.at.line, None, targets[1:], retry),
        prefer=next((one for one in PREFERS if prefer is not None and one == prefer.value), "none"),
        examples=tuple(str(item.value) for item in keys["examples"].items) if "examples" in keys else (),
        line=node.at.line,
    )


def _targets(node: Node, target: ToTarget, report: Report) -> tuple[Target, ...]:
    """Give the models of a list, each once."""
    found: dict[Target, Node] = {}
    for item in node.items:
        one = target(item) if isinstance(item.value, str) else None
        if one is not None and found.setdefault(one, item) is not item:
            report.error(item.mark, f"the model {str(one)!r} stands twice in this list")
    return tuple(found)


def _judge_names(choices: list[Node], report: Report) -> None:
    """Report names that stand twice, and those that do not read the same everywhere: choices are kept by their name."""
    seen: dict[str, Node] = {}
    for name in (node.mapping["name"] for node in choices if "name" in node.mapping):
        text = str(name.value)
        first = seen.setdefault(text.casefold(), name)
        if first is not name:
            report.error(name.mark, f"there is a preference {text!r} already, at line {first.mark.line}")
        elif text != " ".join(text.split()):
            report.error(name.mark, f"write the name with single spaces and none around it: {' '.join(text.split())!r}")


def _router(node: Node, target: ToTarget, providers: Mapping[str, Provider], report: Report) -> Target | None:
    """Give the model that is asked; None for ``local``. It is asked over the chat wire, so it has to speak that."""
    if node.value == "local" or not isinstance(node.value, str):
        return None
    found = target(node)
    provider = providers.get(found.provider) if found is not None else None
    if provider is not None and "chat" not in provider.speaks:
        spoken = " and ".join(provider.speaks)
        what = f"a router is asked over the chat wire, and the provider {provider.name!r} speaks {spoken}"
        report.error(node.mark, f"{what}; choose another, or `local`")
        return None
    return found
