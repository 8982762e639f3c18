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

from wiremend.cli.launch import script
from wiremend.errors import RulesError, SetupError
from wiremend.mitm.process import who_listens
from wiremend.rules.load import load_rules, read_rules
from wiremend.rules.lookup import find_rules
from wiremend.rules.resolve import loop, reachable
from wiremend.rules.urls import LOOPBACK

_ANY_PORT = 0
_TRIES = 20


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--rules", type=click.Path(path_type=Path), help="The rules.yaml to use.")
@click.option(
    "--port", "-p", type=click.IntRange(0, 65535), help="The port to listen on (listen.port; 0: any free one)."
)
@click.option("--host", help="The address to listen on (listen.host); anything but loopback needs listen.token.")
@click.option(
    "--ui", type=click.Choice(["dump", "console", "web"]), default="dump", help="mitmdump, mitmproxy or mitmweb."
)
@click.option("--strict", is_flag=True, help="Refuse a request that would lose or change something in translation.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def proxy(  # noqa: PLR0913 - a command's options, which click gives by name
    rules: Path | None, port: int | None, host: str | None, ui: str, arguments: tuple[str, ...], *, strict: bool
) -> None:
    """Run the HTTPS proxy and the base-URL gateway, on one port.

    What stands behind the options is handed to mitmproxy as it is: `wiremend proxy -- -w flows.mitm`.
    """
    found = find_rules(rules, os.environ)
    try:
        resolved = load_rules(read_rules(found.path), str(found.path), os.environ, loops=False).resolved
    except RulesError as error:
        raise SetupError(f"the rules cannot be used; nothing was started\n{error}") from None
    port = resolved.port if port is None else port
    host = resolved.host if host is None else host
    if host not in LOOPBACK and resolved.token is None:
        raise SetupError(
            f"{host} can be reached by other machines, which needs a token:"
            f" add `listen: {{token: $WIREMEND_TOKEN}}` to {found.path}"
        )
    port = free_port(host) if port == _ANY_PORT else port
    find_owner(host, port)
    for name, line in reachable(resolved.rules).items():
        upstream = resolved.upstreams[name]
        told = loop(upstream, LOOPBACK | {host}, port, os.environ)
        if told:
            raise SetupError(f"nothing was started\n{found.path}:{upstream.provider.line or line}:1: {told}")
    own = ["--set", "wiremend_strict=true"] if strict else []
    sys.exit(start(ui, [*options(found.path, host, port, ui, arguments), *own, *arguments]))


def listening(host: str, port: int) -> list[str]:
    """Give mitmproxy's arguments for an address; loopback is 127.0.0.1 and ::1 both, for clients that say localhost."""
    if host not in LOOPBACK:
        return ["--listen-host", host, "--listen-port", str(port)]
    modes = [f"regular@{address}:{port}" for address in ("127.0.0.1", "::1") if _usable(address)]
    return [part for mode in modes for part in ("--mode", mode)]


def options(rules: Path, host: str, port: int, ui: str, arguments: tuple[str, ...]) -> list[str]:
    """Give mitmproxy's arguments for our proxy, but for what the user says in ``arguments``: a thing is said once."""
    said = {argument.partition("=")[0] for argument in arguments}
    given = ["-s", script()]
    if not said & {"--mode", "-m"}:
        given += listening(host, port)
        # The modes say where to listen; these two are what mitmweb shows.
        given += [] if host not in LOOPBACK else ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
    elif not said & {"--listen-port", "-p"}:
        given += ["--listen-host", host, "--listen-port", str(port)]
    sets = {"wiremend_rules": str(rules)}
    if not said & {"-v", "--verbose"}:
        sets["wiremend_connection_log"] = "false"
    if ui == "dump" and not said & {"-v", "--verbose", "--flow-detail", "-q", "--quiet"}:
        sets["flow_detail"] = "0"
    return given + [part for name, value in sets.items() if name not in said for part in ("--set", f"{name}={value}")]


def start(ui: str, arguments: list[str]) -> int:
    """Become mitmdump, mitmproxy or mitmweb; returns its exit code."""
    from mitmproxy.tools import main as tools  # noqa: PLC0415 - half a second that `--help` need not take

    program = {"dump": tools.mitmdump, "console": tools.mitmproxy, "web": tools.mitmweb}[ui]
    return program(arguments) or 0


def _usable(address: str) -> bool:
    """Tell whether this machine has a loopback address: without IPv6, ``::1`` cannot be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def free_port(host: str) -> int:
    """Give a port that is free just now, on all addresses that a proxy on ``host`` listens on."""
    addresses = [address for address in ("127.0.0.1", "::1") if _usable(address)] if host in LOOPBACK else [host]
    for _ in range(_TRIES):
        with socket.create_server((addresses[0], 0), family=_family(addresses[0])) as first:
            port = int(first.getsockname()[1])
        try:
            for address in addresses[1:]:
                socket.create_server((address, port), family=_family(address)).close()
        except OSError:
            continue
        return port
    raise SetupError(f"no port is free on {' and '.join(addresses)}")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def find_owner(host: str, port: int) -> None:
    """Raise :class:`SetupError`, with the owner's name, where a port is in use or may not be used."""
    hosts = ("127.0.0.1", "::1") if host in LOOPBACK else (host,)
    found = [address for name in hosts for address in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    for family, _, _, _, address in found:
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
