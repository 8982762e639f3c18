"""From a file to rules that can decide: read, compile, resolve, and try the file's own expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wiremend.errors import Problem, RulesError
from wiremend.rules.compile import compile_rules
from wiremend.rules.expect import run_expectations
from wiremend.rules.plano.source import in_its_words
from wiremend.rules.report import finding
from wiremend.rules.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wiremend.rules.references import Secret
    from wiremend.rules.resolve import Resolved


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules that can decide, and what ``check`` warns of."""

    resolved: Resolved
    warnings: tuple[Problem, ...]


def read_rules(path: Path) -> str:
    """Read a rules file. Raises :class:`RulesError` where it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise RulesError([finding(str(path), 1, 1, f"the file cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        raise RulesError([finding(str(path), 1, 1, message)]) from None


def load_rules(  # noqa: PLR0913 - a text, its name, and four choices, each by name
    text: str,
    file: str,
    environ: Mapping[str, str],
    *,
    offline: bool = False,
    loops: bool = True,
    cache: dict[str, Secret] | None = None,
) -> Loaded:
    """Load a rules file's text; ``file`` is the name for messages. The rest is as for :func:`resolve`.

    Raises :class:`RulesError` with every error of the file; the warnings are among them then.
    """
    rules, problems = compile_rules(text, file)
    resolved, more = resolve(rules, environ, offline=offline, loops=loops, cache=cache)
    problems = [*problems, *in_its_words(text, file, more)]
    if not any(problem.severity == "error" for problem in problems):
        problems += run_expectations(resolved)
    if any(problem.severity == "error" for problem in problems):
        raise RulesError(problems)
    return Loaded(resolved, tuple(problems))
