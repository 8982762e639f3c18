"""``wiremend proxy``: mitmproxy's own program with our script, and the options that a user of ours expects.

It goes through mitmproxy's own entry points with ``-s``, so that this way in and ``mitmdump -s wiremend_addon.py`` load
the same addon at the same place (facts: a subclassed master would put it elsewhere).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

import click

from wiremend.errors import RulesError, SetupError
from wiremend.mitm.process import who_listens
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.urls import LOOPBACK

_ANY_PORT = 0


def script() -> Path:
    """Give the installed script that mitmproxy loads."""
    return Path(__file__).resolve().parents[2] / "wiremend_addon.py"


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to use.")
@click.option(
    "--port", "-p", type=click.IntRange(0, 65535), help="The port to listen on (listen.port; 0: any free one)."
)
@click.option("--host", help="The address to listen on (listen.host); anything but loopback needs listen.token.")
@click.option(
    "--ui", type=click.Choice(["dump", "console", "web"]), default="dump", help="mitmdump, mitmproxy or mitmweb."
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def proxy(rules: Path | None, port: int | None, host: str | None, ui: str, arguments: tuple[str, ...]) -> None:
    """Run the HTTPS proxy and the base-URL gateway, on one port.

    What stands behind the options is handed to mitmproxy as it is: `wiremend proxy -- -w flows.mitm`.
    """
    found = find_rules(rules, os.environ)
    try:
        resolved = load_rules(read_rules(found.path), str(found.path), os.environ).resolved
    except RulesError as error:
        raise SetupError(f"the rules cannot be used; nothing was started\n{error}") from None
    port = resolved.port if port is None else port
    host = resolved.host if host is None else host
    if host not in LOOPBACK and resolved.token is None:
        raise SetupError(
            f"{host} can be reached by other machines, which needs a token:"
            f" add `listen: {{token: $WIREMEND_TOKEN}}` to {found.path}"
        )
    # `localhost` listens on 127.0.0.1 and ::1 alike, which is what clients that say localhost need.
    listen = "localhost" if host in LOOPBACK else host
    if port != _ANY_PORT:
        find_owner(listen, port)
    sys.exit(start(ui, [*options(found.path, listen, port, arguments), *arguments]))


def options(rules: Path, host: str, port: int, arguments: tuple[str, ...]) -> list[str]:
    """Give mitmproxy's arguments for our proxy; what the user says in ``arguments`` comes after and wins."""
    given = ["-s", str(script()), "--listen-host", host, "--listen-port", str(port), "--set", f"wiremend_rules={rules}"]
    said = " ".join(arguments)
    if not {"-v", "--verbose"} & set(arguments):
        given += ["--set", "wiremend_connection_log=false"]
        if "flow_detail" not in said:
            given += ["--set", "flow_detail=0"]
    return given


def start(ui: str, arguments: list[str]) -> int:
    """Become mitmdump, mitmproxy or mitmweb; returns its exit code."""
    from mitmproxy.tools import main as tools  # noqa: PLC0415 - half a second that `--help` need not take

    program = {"dump": tools.mitmdump, "console": tools.mitmproxy, "web": tools.mitmweb}[ui]
    if ui != "dump":
        arguments = [a for a in arguments if a != "flow_detail=0"]
        arguments = [
            a
            for i, a in enumerate(arguments)
            if not (a == "--set" and arguments[i + 1 : i + 2] and "=" not in arguments[i + 1])
        ]
    return program(arguments) or 0


def find_owner(host: str, port: int) -> None:
    """Raise :class:`SetupError`, with the owner's name, where a port is in use or may not be used."""
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    owner = who_listens(port)
                    by = f" by {owner}" if owner else ""
                    other = f"wiremend proxy --port {port + 2}"
                    raise SetupError(f"port {port} is in use{by}; stop it, or choose another: {other}") from None
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # no IPv6 on this machine
                raise SetupError(f"cannot listen on {host}:{port}: {error.strerror}") from None
