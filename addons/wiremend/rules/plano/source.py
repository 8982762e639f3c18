"""Reading what is given as rules: a rules file as it is, a Plano file as the rules that it makes.

The rules of a Plano file are a text of their own (:func:`imported`). In the tree that is compiled, each value stands
where it stands in the Plano file, so that messages, the lines of routes and ``wiremend why`` name the user's own file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wiremend.errors import RulesError
from wiremend.rules.plano.detect import both, is_plano
from wiremend.rules.plano.read import read
from wiremend.rules.plano.write import write
from wiremend.rules.report import Report, finding
from wiremend.rules.tree import Node, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wiremend.errors import Problem
    from wiremend.rules.tree import Mark


_WORDS: Final = (("write `key: client` under the provider", "write `passthrough_auth: true` there"),)
"""What a message says of rules.yaml, and what of a Plano file."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The rules that a Plano file makes: ``text``, and for each of its lines the places of its key and its value.

    ``findings`` are warnings: what has no meaning here, or another.
    """

    text: str
    origins: tuple[tuple[Mark, Mark], ...]
    findings: tuple[Problem, ...]


def imported(root: Node, problems: Sequence[Problem], file: str) -> Imported:
    """Give the rules that a Plano file makes.

    ``root`` and ``problems`` are what :func:`~wiremend.rules.tree.parse` gave; ``file`` is the name for messages.
    Raises :class:`RulesError` with every error of it; the warnings are among them then.
    """
    report = Report(file, list(problems))
    plan = read(_merged(root), report)
    if report.errors:
        raise RulesError(_sorted(report))
    text, origins = write(plan, file.replace("\\", "/").rpartition("/")[2], report)
    if report.errors:
        raise RulesError(_sorted(report))
    return Imported(text, origins, tuple(_sorted(report)))


def _merged(node: Node) -> Node:
    """Give a tree with YAML 1.1's merge keys carried out, as the YAML library does by which Plano reads its file.

    ``<<: *anchor`` brings the anchor's keys, but for those that the mapping has itself; of a list the first counts. The
    names of aliases are their author's own, so that one may be called ``<<``.
    """
    if isinstance(node.value, list):
        return Node([_merged(one) for one in node.value], node.mark, node.key)
    if not isinstance(node.value, dict):
        return node
    value = {key: one if key == "model_aliases" else _merged(one) for key, one in node.value.items()}
    merge = value.get("<<")
    if merge is not None and all(one.mapping for one in merge.items):
        brought = {key: one for those in reversed(merge.items) for key, one in those.mapping.items()}
        value = {**brought, **{key: one for key, one in value.items() if key != "<<"}}
    return Node(value, node.mark, node.key)


def _sorted(report: Report) -> list[Problem]:
    return sorted(report.problems, key=lambda problem: (problem.line, problem.column))


def rules_tree(text: str, file: str) -> tuple[Node, list[Problem]]:
    """Read a rules file, or a Plano file, into the tree of rules.

    ``file`` is the name for messages. Returns the tree and the problems that leave it usable. Raises
    :class:`RulesError` where the text is no YAML, and where a Plano file is not sound.
    """
    root, problems = parse(text, file)
    mixed = both(root)
    if mixed is not None:
        its, own = mixed
        told = f"this is a Plano file by its {its!r}, and {own!r} is a key of rules.yaml: take one of them out"
        at = root.mapping[own].at
        raise RulesError([finding(file, at.line, at.column, f"{told}, or `wiremend import` the rest and add it there")])
    if not is_plano(root):
        return root, problems
    found = imported(root, problems, file)
    made, _ = parse(found.text, file)
    return _marked(made, found.origins), list(found.findings)


def in_its_words(text: str, file: str, problems: Sequence[Problem]) -> list[Problem]:
    """Give problems of rules in the words of the file that they come from; ``text`` compiles."""
    if not problems or not is_plano(parse(text, file)[0]):
        return list(problems)
    said = []
    for problem in problems:
        message = problem.message
        for ours, its in _WORDS:
            message = message.replace(ours, its)
        said.append(replace(problem, message=message))
    return said


def _marked(node: Node, origins: Sequence[tuple[Mark, Mark]]) -> Node:
    """Give a tree with the places of the Plano file in the place of its own."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _marked(one, origins) for key, one in value.items()}
    elif isinstance(value, list):
        value = [_marked(one, origins) for one in value]
    key = None if node.key is None else origins[node.key.line - 1][0]
    # A scalar stands behind its key, a mapping or a list has no place but where its first line begins.
    place = origins[node.mark.line - 1][0 if isinstance(value, dict | list) else 1]
    return Node(value, place, key)
