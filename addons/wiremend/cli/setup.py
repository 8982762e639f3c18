"""``wiremend setup``: a provider, its key, and the rules that use it.

The key is asked for without an echo, or comes on standard input or in a variable; never on the command line, where
other programs and the shell's history see it. It goes into the system's keyring and nowhere else: rules.yaml gets a
reference to it, and a route by which a model asked for as ``PROVIDER/MODEL`` goes to the provider, whatever key the
agent brings. Where there is no keyring the reference is to a variable, and the user is told to set it.

Everything is worked out and shown before anything is changed. Then the key is stored and the file put in place at once;
what is interrupted, or fails, in between leaves both as they were.
"""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from wiremend.cli.picture import hang, make_console
from wiremend.cli.setup_reach import led_to
from wiremend.cli.setup_rules import diff, for_a_copy, read_text, with_key, with_route, write_whole
from wiremend.cli.setup_store import Saved, open_keyring, reference
from wiremend.cli.setup_vendors import (
    clean_key,
    command_for,
    doubt,
    endpoint_for,
    found_by,
    in_environment,
    url_of,
    variable_of,
    vendors_of,
)
from wiremend.cli.unwritable import made_of, refuse_plano
from wiremend.errors import RulesError, SetupError
from wiremend.families import looks_like_credential, shown
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import config_folder, find_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyring.backend import KeyringBackend
    from rich.console import Console

    from wiremend.cli.setup_vendors import Endpoint, Vendor
    from wiremend.rules.resolve import Resolved

INTERRUPTED: Final = 130
_ON_ARGV: Final = (
    "a key does not belong on the command line, where other programs and the shell's history see it. It was not used;"
    " start `wiremend setup` without it: it asks, or takes the key from standard input"
)


class _Command(click.Command):
    """A command that never repeats its arguments: one of them may be a key."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what looks like a key, and anything else that is no option of ours, without an echo."""
        if any(looks_like_credential(arg) or looks_like_credential(arg[2:]) for arg in args):
            raise click.UsageError(_ON_ARGV, ctx)
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter:
            raise
        except click.UsageError:
            raise click.UsageError(f"setup takes no such argument; {_ON_ARGV}", ctx) from None


@click.command(cls=_Command)
@click.option("--provider", metavar="NAME", help="Whose key it is: kimi, deepseek, openrouter …; asked for without.")
@click.option("--rules", type=click.Path(path_type=Path, dir_okay=False), help="The rules.yaml to amend.")
@click.option("--from-env", metavar="NAME", help="Take the key from this variable.")
@click.option("--yes", is_flag=True, help="Do not ask before rules.yaml is written.")
def setup(provider: str | None, rules: Path | None, from_env: str | None, *, yes: bool) -> None:
    """Store a provider's key in the keyring, and write the rules that use it.

    Without a terminal the key is the first line of standard input; where that is empty, the provider's variable
    (KIMI_API_KEY …). There is no option for the key itself. Exit code 1 where nothing was saved.
    """
    console = make_console(os.environ)
    try:
        code = _Wizard(console, rules, yes=yes).run(provider, from_env)
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("\nwiremend: interrupted; nothing was changed", err=True)
        code = INTERRUPTED
    sys.exit(code)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written: the file, its text now (None: there is none), what to compare with, and the new text."""

    path: Path
    there: str | None
    before: str
    after: str

    @property
    def changes(self) -> bool:
        """Tell whether the file will be another."""
        return self.there != self.after


class _Wizard:
    """One run; what it asks and says goes through ``console``."""

    def __init__(self, console: Console, rules: Path | None, *, yes: bool) -> None:
        self.console = console
        self.yes = yes
        self.terminal = sys.stdin.isatty()
        self.path, self.there, self.text = _file(rules)
        self.resolved = _load(self.text, str(self.path))

    def run(self, named: str | None, from_env: str | None) -> int:
        vendor = self.vendor(named)
        self.tell_endpoints(vendor)
        key = clean_key(self.key(vendor, from_env))
        endpoint = endpoint_for(vendor, key)
        url = url_of(endpoint, self.resolved)
        self.say(f"{shown(key)} is for the {endpoint.label} endpoint: {url}")
        if odd := doubt(endpoint, key):
            self.say(f"Note: {odd}.")
        backend = open_keyring()
        plan = self.plan(endpoint, saving=not isinstance(backend, str))
        if not self.agreed(plan, endpoint):
            self.say("Nothing was changed.")
            return 1
        return self.finish(vendor, endpoint, key, backend, plan)

    # -- what is asked

    def vendor(self, named: str | None) -> Vendor:
        vendors = vendors_of(self.resolved)
        names = ", ".join(vendor.name for vendor in vendors)
        if named is not None:
            found = found_by(named, vendors)
            if len(found) != 1:
                raise SetupError(f"--provider names no provider that takes a key; known: {names}")
            return found[0]
        if not self.terminal:
            raise SetupError(f"there is no terminal to ask on; say --provider NAME, one of: {names}")
        listed: Sequence[Vendor] = vendors
        self.say("Whose key is it?")
        while True:
            for vendor in listed:
                urls = ", ".join(url_of(one, self.resolved) for one in vendor.endpoints)
                hang(
                    self.console,
                    Text(f"  {vendors.index(vendor) + 1:>2}  "),
                    Text.assemble((f"{vendor.label:<13}", "bold"), urls),
                )
            word = click.prompt("Number, or part of the name", prompt_suffix=": ")
            if looks_like_credential(word):
                raise SetupError("this was a key, and it stood on the screen; nothing was changed. Start again")
            found = found_by(word, vendors)
            if len(found) == 1:
                return found[0]
            listed = found or vendors
            self.say("Several have that in their name:" if found else "None has that in its name:")

    def tell_endpoints(self, vendor: Vendor) -> None:
        if len(vendor.endpoints) == 1:
            return
        self.say(f"{vendor.label} has {len(vendor.endpoints)} endpoints; the key says which it is for:")
        for one in vendor.endpoints:
            keys = f"{one.prefix}…" if one.prefix else "other keys"
            self.console.print(Text(f"  {keys:<11} {one.label:<12} {url_of(one, self.resolved)}"), soft_wrap=True)

    def key(self, vendor: Vendor, from_env: str | None) -> str:
        """Give the key as it comes: from the variable that is named, else asked for or read, else the vendor's own."""
        if from_env is not None:
            value = os.environ.get(from_env, "")
            if not value.strip():
                raise SetupError("the variable that --from-env names is not set")
            return value
        known = in_environment(vendor, self.resolved, os.environ)
        if self.terminal:
            hint = f", or Enter for that of ${known[0]}" if known else ""
            given = _hidden(f"{vendor.label} API key (not shown{hint}): ")
        else:
            given = sys.stdin.readline()
        if given.strip():
            return given
        if known:
            self.say(f"The key is that of ${known[0]}.")
            return known[1]
        names = [variable_of(self.resolved.rules.providers[one.provider]) for one in vendor.endpoints]
        raise SetupError(f"no key was given; pipe it to standard input, or set {' or '.join(names)}")

    def agreed(self, plan: Plan, endpoint: Endpoint) -> bool:
        """Show the change and ask, where there is one."""
        if not plan.changes:
            self.say(f"{plan.path} needs no change.")
            return True
        if self.resolved.upstreams[endpoint.provider].client_key:
            self.say(f"Requests to {endpoint.provider} will carry this key, whatever key the agent brings.")
        self.say(f"{plan.path} is new, a copy of the shipped rules with:" if plan.there is None else f"{plan.path}:")
        for line in diff(plan.before, plan.after, plan.path.name):
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            self.console.print(Text(f"  {line}", style), soft_wrap=True)
        if self.yes:
            return True
        if not self.terminal:
            raise SetupError("there is no terminal to ask on; with --yes this is written. Nothing was changed")
        return click.confirm("Write this?", default=True)

    # -- what is done

    def plan(self, endpoint: Endpoint, *, saving: bool) -> Plan:
        """Work out the new rules; they must load. Raises :class:`SetupError` where they do not."""
        name = endpoint.provider
        provider = self.resolved.rules.providers[name]
        kept = reference(name) if saving else f"${variable_of(provider)}"
        after = with_key(self.text, name, kept)
        resolved = _load(after, str(self.path))
        model = next(iter(provider.models), "MODEL")
        if not led_to(resolved, name, model):
            after = with_route(after, name)
            if not led_to(_load(after, str(self.path)), name, model):
                told = f"an alias or a route of {self.path} leads {name}/{model} elsewhere; nothing was changed"
                raise SetupError(told)
        return Plan(self.path, self.there, self.text, after)

    def finish(self, vendor: Vendor, endpoint: Endpoint, key: str, backend: KeyringBackend | str, plan: Plan) -> int:
        provider = self.resolved.rules.providers[endpoint.provider]
        if isinstance(backend, str):
            if plan.changes:
                write_whole(plan.path, plan.after, plan.there)
            variable = variable_of(provider)
            is_set = os.environ.get(variable, "").strip() == key
            self.say(f"The key was not saved: {backend}.")
            if is_set:
                self.say(f"{variable} holds it here; set it so wherever Wiremend runs.")
            else:
                self.say(f"Set {variable} to it where Wiremend runs; in a shell, without an echo:")
                self.console.print(Text(f"  read -rs {variable}; export {variable}"), soft_wrap=True)
            self.run_it(endpoint)
            return 0 if is_set else 1
        with Saved(backend, endpoint.provider, key):
            if plan.changes:
                write_whole(plan.path, plan.after, plan.there)
        url = url_of(endpoint, self.resolved)
        self.console.print(
            Text(f"✓ {vendor.label} API key saved ({endpoint.label} endpoint: {url})", "green"), soft_wrap=True
        )
        self.run_it(endpoint)
        return 0

    def run_it(self, endpoint: Endpoint) -> None:
        command = command_for(self.resolved.rules.providers[endpoint.provider])
        self.console.print(Text.assemble("Run an agent:  ", (command, "bold")), soft_wrap=True)

    def say(self, text: str) -> None:
        hang(self.console, Text(""), Text(text))


def _file(named: Path | None) -> tuple[Path, str | None, str]:
    """Give the user's rules file, its text (None where there is none yet), and the text to begin with."""
    if named is not None and not named.exists():
        if named.suffix not in {".yaml", ".yml"}:
            raise SetupError("--rules names a file that is not there; a new one must end in .yaml")
        shipped = find_rules(None, {}).path
        return named, None, for_a_copy(read_text(shipped))
    found = find_rules(named, os.environ)
    text = read_text(found.path)
    if made_of(text, found.path) is not None:
        raise refuse_plano(found.path)
    if found.origin == "shipped":
        return config_folder(os.environ) / "rules.yaml", None, for_a_copy(text)
    return found.path, text, text


def _load(text: str, file: str) -> Resolved:
    """Load rules; no credential is resolved. Raises :class:`SetupError` with their errors."""
    try:
        return load_rules(text.removeprefix("\ufeff"), file, os.environ, offline=True, loops=False).resolved
    except RulesError as error:
        raise SetupError(f"the rules cannot be used; mend them first, nothing was changed\n{error}") from None


def _hidden(prompt: str) -> str:
    """Ask without an echo. Raises :class:`SetupError` where the terminal cannot do that."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            raise SetupError("this terminal cannot hide what is typed; pipe the key to standard input") from None
