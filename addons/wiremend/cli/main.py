"""``wiremend``: the verbs, and how their errors are shown.

A verb raises :class:`~wiremend.errors.WiremendError`; here it becomes one message on stderr and exit code 1 (a wrong
command line is 2, as click has it). Verbs are imported when they are asked for, so that the help is quick.
"""

from __future__ import annotations

import importlib
import sys

import click

from wiremend import __version__
from wiremend.errors import WiremendError

VERBS = {
    "proxy": "Run the proxy: HTTPS proxy and base-URL gateway on one port.",
    "run": "Run an agent through a proxy of its own:  wiremend run -- claude",
    "check": "Read a rules file and say what is wrong with it, or what it does.",
    "import": "Write the rules.yaml that does what a Plano file does, line by line.",
    "doctor": "Look at this machine: port, CA, variables, rules, credentials.",
    "quirks": "List what providers get wrong and how it is mended, or explain one.",
    "models": "List what is known of models: windows, limits, prices, deprecations; what the rules reach.",
    "explain": "Say what becomes of a request or a capture, step by step and why; nothing is sent.",
    "why": "Explain and diagnose the last exchange that failed or was mended, or the one of an id.",
    "diagnose": "Say which clients would reject a reply, why, and the smallest change of rules.yaml that mends it.",
    "try": "Send one tiny request down a route, or down every one: the one verb that talks to providers by itself.",
    "setup": "A short wizard: a provider, its key, and the rules that use it.",
    "captures": "List, show, keep and scrub what was remembered; make a case of it.",
    "status": "How the running proxies fare: ports, rules, requests by provider, who cools down, the ledger.",
    "stats": "Sum up the ledger: calls, errors, tokens and times by provider and model.",
    "replay": "Run captures and cases through today's rules, offline, and say what differs.",
    "upstream": "A provider on this machine that answers as the captures do, for an agent without a network.",
    "bundle": "Make one archive of a problem, without a secret in it, to attach to a report.",
    "alerts": "Try the addresses that alerts go to:  wiremend alerts test",
    "completion": "Print the completion script of a shell.",
    "demo": "See an agent's broken request go out right; no key, no network.",
}

_MODULES = {"try": "trying", "import": "import_plano"}
"""Verbs that Python cannot have as the name of a module, nor of a function."""

_HELP = """\
Wiremend mends the wire between agent clients and LLM providers.

Use it
  wiremend demo                 see it work, without a key or a network
  wiremend setup                a provider, its key, and the rules that use it
  wiremend run -- claude        run an agent through it
  wiremend proxy                run the proxy by itself
  wiremend try                  one tiny request down a route

See what it does
  wiremend why                  the last exchange that failed or was mended, or ID: what happened, and what to do
  wiremend explain CAPTURE      what becomes of a request, step by step and why; --live PORT follows a proxy
  wiremend diagnose CAPTURE     which clients would reject the reply, and the change of rules.yaml that mends it
  wiremend captures list        what was remembered; show, add, scrub, import
  wiremend bundle ID            one archive of a problem, to attach to a report
  wiremend quirks               what providers get wrong, and how it is mended
  wiremend models               what is known of models: windows, limits, prices, deprecations
  wiremend status               how the running proxies fare: by provider, and who cools down
  wiremend stats                calls, errors, tokens and times, by provider and model
  wiremend doctor               why it does not work here

Keep it right
  wiremend check rules.yaml     what a rules file does, or what is wrong with it
  wiremend import FILE          a Plano file as a rules.yaml, each line with its place there
  wiremend replay               cases and captures through today's rules, offline
  wiremend upstream captures    a provider that answers as the captures do
  wiremend alerts test          one alert to each address of the rules
  wiremend completion bash      verbs and options completed in your shell

`wiremend VERB --help` tells the rest. README.md begins at the beginning.
"""


class Verbs(click.Group):
    """A group whose commands are modules beside this one, loaded on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Load a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"wiremend.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, _MODULES.get(cmd_name, cmd_name))
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the short help."""
        formatter.write(_HELP)


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wiremend")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Mend the wire between agent clients and LLM providers."""
    if ctx.invoked_subcommand is None:
        click.echo(_HELP, nl=False)


def main() -> None:
    """Run the console script."""
    try:
        cli()
    except WiremendError as error:
        click.echo(f"wiremend: {error}", err=True)
        sys.exit(1)
