"""``wiremend completion``: the completion script of a shell, and the answers to what it asks.

The script is click's own, so that verbs and options are completed for each verb as it is. Only its question goes
another way, through this verb (``--answer``), which adds what click cannot know: the names of providers, models,
aliases and quirks, and the flow files in the user's folder. Rules are read without resolving a credential.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from wiremend.cli.main import VERBS
from wiremend.errors import SetupError, WiremendError
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules, state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
PROGRAM: Final = "wiremend"
_VARIABLE: Final = "_WIREMEND_COMPLETE"
_MOST: Final = 50
_OF_FLOWS: Final = (
    ("captures list", "files"),
    ("captures show", "capture"),
    ("captures add", "capture"),
    ("captures scrub", "paths"),
    ("replay", "paths"),
    ("upstream", "paths"),
    ("bundle", "capture"),
    ("explain", "capture"),
    ("diagnose", "capture"),
)
"""The arguments that take a flow file."""


@click.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@click.option("--answer", is_flag=True, hidden=True)
@click.pass_context
def completion(ctx: click.Context, shell: str, *, answer: bool) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  eval "$(wiremend completion bash)"   in ~/.bashrc
    zsh:   eval "$(wiremend completion zsh)"    in ~/.zshrc, behind compinit
    fish:  wiremend completion fish > ~/.config/fish/completions/wiremend.fish
    """
    root = ctx.find_root().command
    if not answer:
        click.echo(script(shell, root))
        return
    if answers := answering(shell, root).complete():
        click.echo(answers)


def script(shell: str, root: click.Command) -> str:
    """Give a shell's script; its question is asked of ``wiremend completion SHELL --answer``."""
    text = SHELLS[shell](root, {}, PROGRAM, _VARIABLE).source()
    asked = rf"{_VARIABLE}={shell}_complete (.*?)(\$1|{PROGRAM})\)"
    changed, count = re.subn(asked, rf"\1\2 completion {shell} --answer)", text)
    if count != 1:
        raise SetupError(f"this click {version('click')} has another script for {shell} than Wiremend knows")
    return changed


def answering(shell: str, root: click.Command) -> ShellComplete:
    """Give what answers a shell's question, which is in the environment (``COMP_WORDS`` and ``COMP_CWORD``)."""
    plain = SHELLS[shell]

    class Answering(plain):  # type: ignore[misc, valid-type]  # one of three classes, by name
        """Click's answers, with names of ours among them."""

        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
            """Give what may stand where the cursor is."""
            if not args and not incomplete.startswith("-"):  # no verb has to be loaded for its name
                return [CompletionItem(verb, help=text) for verb, text in VERBS.items() if verb.startswith(incomplete)]
            own = [CompletionItem(name) for name in names_for(root, args, incomplete)]
            return [*super().get_completions(args, incomplete), *own]  # bash drops what stands before "a file"

    return Answering(root, {}, PROGRAM, _VARIABLE)


def names_for(root: click.Command, args: list[str], incomplete: str) -> list[str]:
    """Give the names of ours that may follow the words ``args``, and begin with ``incomplete``."""
    path, command, rest = _verb(root, args)
    parameter = _awaited(command, rest, incomplete)
    names = _NAMES.get((path, parameter))
    if names is None:
        return []
    try:
        return list(dict.fromkeys(name for name in names() if name.startswith(incomplete)))
    except (WiremendError, OSError):
        return []  # rules that cannot be read complete to nothing; `wiremend check` says why


def _verb(root: click.Command, args: list[str]) -> tuple[str, click.Command, list[str]]:
    """Follow the words to a verb: its path, the command, and the words behind it."""
    command, path, rest = root, [], list(args)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        if inner is None:
            break
        path.append(rest.pop(0))
        command = inner
    return " ".join(path), command, rest


def _awaited(command: click.Command, words: list[str], incomplete: str) -> str:
    """Name the parameter whose value is being written; empty where that is an option's name, or nothing is awaited."""
    options = {name: one for one in command.params if isinstance(one, click.Option) for name in one.opts}
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    given, waiting = 0, None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            option = options.get(word)
            waiting = option.name if option is not None and not option.is_flag else None
        else:
            given += 1
    if waiting is not None:
        return waiting
    if incomplete.startswith("-"):
        return ""
    for one in arguments:
        if one.nargs == -1 or given < one.nargs:
            return one.name or ""
        given -= one.nargs
    return ""


# -- names


def _quirks() -> Iterator[str]:
    from wiremend.quirks import all_quirks  # noqa: PLC0415 - a quarter of a second that no other completion needs

    yield from all_quirks()


def _rules() -> Any:  # noqa: ANN401 - the rules, imported where they are read
    found = find_rules(None, os.environ)
    return load_rules(read_rules(found.path), str(found.path), os.environ, offline=True, loops=False).resolved.rules


def _providers() -> Iterator[str]:
    yield from _rules().providers


def _targets() -> Iterator[str]:
    rules = _rules()
    yield from rules.aliases
    for name, provider in rules.providers.items():
        yield name
        yield from (f"{name}/{model}" for model in provider.models)


def _models() -> Iterator[str]:
    for name, provider in _rules().providers.items():
        yield name
        yield from (f"{name}/{model}" for model in provider.models)


def _vendors() -> Iterator[str]:
    from wiremend.cli.setup_vendors import VENDORS  # noqa: PLC0415 - as above

    yield from (vendor.name for vendor in VENDORS)


def _facts() -> Iterator[str]:
    from wiremend.ledger.stats import BY  # noqa: PLC0415 - as above

    yield from BY


def _flows() -> Iterator[str]:
    """Give the newest flow files of the user's folder."""
    files = [path for path in state_folder(os.environ).rglob("*.flows") if path.is_file()]
    newest = sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)
    yield from map(str, newest[:_MOST])


_NAMES: Final[dict[tuple[str, str], Callable[[], Iterator[str]]]] = {
    ("models", "filters"): _models,
    ("quirks", "name"): _quirks,
    ("quirks", "provider"): _providers,
    ("captures add", "quirk"): _quirks,
    ("try", "target"): _targets,
    ("setup", "provider"): _vendors,
    ("stats", "by"): _facts,
    **dict.fromkeys(_OF_FLOWS, _flows),
}
"""What stands for a parameter of a verb, besides what click completes by itself (choices, files)."""
