"""``wiremend alerts``: try the addresses that alerts go to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wiremend.errors import CredentialError, SetupError
from wiremend.ledger.alerts import MISSING, PATIENCE, has_apprise, open_services, scheme_of
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wiremend.ledger.alerts import Service
    from wiremend.rules.references import Reference

TITLE: Final = "Wiremend: a test"
TEXT: Final = "Alerts of Wiremend arrive here. This one was sent by hand; nothing is wrong."

_NONE: Final = """\
the rules name nobody who is to be told; write a reference to an Apprise URL, and set the variable:
  alerts: $WIREMEND_ALERTS"""


@click.group()
def alerts() -> None:
    """Try the addresses that alerts go to."""


@alerts.command()
@click.option("--rules", type=click.Path(path_type=Path), help="The rules to look at, instead of those in force.")
def test(rules: Path | None) -> None:
    """Send one alert to each address of the rules, and say which arrived (exit code 0: all).

    Of an address only the scheme is shown. Nothing else is sent, and no provider is asked.
    """
    found = find_rules(rules, os.environ)
    # Offline: a provider's key that is not at hand here is no reason not to try the alerts.
    loaded = load_rules(read_rules(found.path), str(rules or found.path), os.environ, offline=True, loops=False)
    references = loaded.resolved.rules.alerts.to
    if not references:
        raise SetupError(_NONE)
    if not has_apprise():
        raise SetupError(MISSING)
    outcomes = [line for reference in references for line in _tried(reference, os.environ)]
    for good, line in outcomes:
        click.echo(f"{'ok' if good else 'failed':<8}{line}")
    sys.exit(0 if all(good for good, _ in outcomes) else 1)


def _tried(reference: Reference, environ: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Send to what a reference stands for: whether each arrived, and a line about it without a secret."""
    try:
        secret = reference.resolve(environ)
    except CredentialError as error:
        yield False, str(error)
        return
    address = secret.value if secret is not None else ""
    services = open_services(address)
    if not services:
        yield False, f"{scheme_of(address)}://  ({reference.text}): Apprise does not understand it"
    for service in services:
        yield _sent(service, reference.text)


def _sent(service: Service, reference: str) -> tuple[bool, str]:
    service.begin(TITLE, TEXT)
    why = service.outcome(PATIENCE)
    return why is None, f"{service.scheme}://  ({reference}){f': {why}' if why else ''}"
