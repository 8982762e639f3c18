"""The proxy's own life: it says that it listens and how agents are pointed at it, and ends with its parent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx

from wiremend.mitm.remember import Remember
from wiremend.mitm.shelf import is_alive
from wiremend.mitm.telling import tell
from wiremend.mitm.trust import ca_bundle
from wiremend.rules.lookup import private_folder, state_folder
from wiremend.rules.resolve import points_at
from wiremend.rules.urls import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.mitm.house import House
    from wiremend.rules.resolve import Resolved

logger = logging.getLogger("wiremend")

CHECK_CA = 0.01
"""Seconds between two looks for the CA at the start; a proxy that never has one is announced all the same."""

_LOOKS = 500

CHECK_PARENT = 0.5
"""Seconds between two looks at the parent process."""


class Life:
    """Announces the proxy, and watches its parent."""

    def __init__(self, house: House, remember: Remember | None = None) -> None:
        """Keep the house, and who remembers."""
        self.house = house
        self.remember = remember or Remember(house)
        self._watch: asyncio.Task[None] | None = None
        self._announcement: asyncio.Task[None] | None = None
        self._ports: list[int] = []
        house.on_rules.append(self._on_rules)

    def running(self) -> None:
        """Announce the proxy, once everything of it is there."""
        if ctx.options.wiremend_parent:
            self._watch = asyncio.create_task(
                self._until_orphaned(ctx.options.wiremend_parent), name="wiremend: parent"
            )
        self._announcement = asyncio.create_task(self._announce(), name="wiremend: announce")

    def configure(self, updated: set[str]) -> None:
        """Say anew where captures are kept, where that was changed."""
        if "wiremend_capture" in updated:
            self._tell_where()

    def _on_rules(self, _path: Path, _resolved: Resolved) -> None:
        self._tell_where()

    async def _announce(self) -> None:
        """Say that the proxy listens, when the CA is there too: mitmproxy makes it after our turn."""
        for _ in range(_LOOKS):
            if ca_file().exists():
                break
            await asyncio.sleep(CHECK_CA)
        await self.remember.recollected()
        server = ctx.master.addons.get("proxyserver")
        addresses = [list(address) for address in server.listen_addrs()] if server else []
        port = int(addresses[0][1]) if addresses else 0
        self._ports = sorted({int(str(address[1])) for address in addresses})
        self._tell_where()
        resolved = self.house.resolved
        for name, upstream in resolved.upstreams.items() if resolved is not None and port else ():
            if points_at(upstream, LOOPBACK, port):
                logger.warning("the provider %r points at this proxy (port %s); requests to it are refused", name, port)
        if port and ctx.options.wiremend_show_setup and self.house.watcher is not None:
            tell("%s", setup_lines(port, ca_file(), os.environ))
        if ctx.options.wiremend_ready:
            self._write_ready(Path(ctx.options.wiremend_ready), addresses, port)

    def done(self) -> None:
        """Stop what runs."""
        for task in (self._watch, self._announcement):
            if task is not None:
                task.cancel()
        self._ports = []
        with suppress(OSError):
            whereabouts_file(os.getpid()).unlink(missing_ok=True)

    def _tell_where(self) -> None:
        """Write down for other processes of the user where this proxy listens, and where it keeps captures."""
        if not self._ports:
            return  # it does not listen yet
        try:
            resolved, found = self.house.resolved, self.house.found
            folder = self.remember.folder(resolved) if resolved is not None else None
            seen = {
                "pid": os.getpid(),
                "ports": self._ports,
                "captures": str(folder) if folder is not None else None,
                "rules": str(found.path) if found is not None else None,
            }
            path = whereabouts_file(os.getpid())
            private_folder(path.parent, state_folder(os.environ))
            part = path.with_suffix(".part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps(seen) + "\n")
            part.replace(path)  # whole or not at all
            for left in path.parent.glob("*.json"):  # by processes that were killed
                if left.stem.isdigit() and not is_alive(int(left.stem)):
                    left.unlink(missing_ok=True)
        except Exception as error:  # noqa: BLE001 - the edge (G7): `explain --live` does not find the proxy, that is all
            logger.debug("Wiremend failed to say where it keeps captures (%s)", type(error).__name__)

    def _write_ready(self, path: Path, addresses: list[list[object]], port: int) -> None:
        found, watcher = self.house.found, self.house.watcher
        seen = {
            "pid": os.getpid(),
            "addresses": addresses,
            "port": port,
            "ca": str(ca_file()),
            "rules": str(found.path) if found else None,
            "rules_hash": watcher.current.resolved.rules.hash if watcher else None,
        }
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(seen) + "\n", "utf-8")
        part.replace(path)  # whole or not at all

    @staticmethod
    async def _until_orphaned(parent: int) -> None:
        while os.getppid() == parent:  # noqa: ASYNC110 - no event tells that a parent is gone; only asking does
            await asyncio.sleep(CHECK_PARENT)
        logger.warning("the process that started this proxy (pid %s) is gone; shutting down", parent)
        ctx.master.shutdown()


def whereabouts_file(process: int) -> Path:
    """Give the private file in which the proxy of this process says where it listens and where it keeps captures."""
    return state_folder(os.environ) / "proxies" / f"{process}.json"


def ca_file() -> Path:
    """Give the certificate that clients must trust."""
    return Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem"


def trust_folder(ca: Path) -> Path:
    """Give the private folder for bundles made with this CA."""
    name = hashlib.sha256(str(ca).encode()).hexdigest()[:8]
    state = state_folder(os.environ)
    return private_folder(state / "trust" / name, state)


def setup_lines(port: int, ca: Path, environ: Mapping[str, str]) -> str:
    """Give the lines that point an agent at this proxy, in both styles, for a shell.

    Most variables that name a CA replace the program's roots, so they name a bundle of the machine's and ours.
    """
    at = f"http://127.0.0.1:{port}"
    bundle = ca_bundle(ca, trust_folder(ca), environ)
    return "\n".join(
        (
            "Point an agent at this proxy, one way or the other (`wiremend run -- COMMAND` does it for you):",
            "  # as its base URL",
            f"  export ANTHROPIC_BASE_URL={at} OPENAI_BASE_URL={at}/v1",
            "  # or as its HTTPS proxy, which leaves its own base URL and login alone",
            f"  export HTTPS_PROXY={at} https_proxy={at} NODE_EXTRA_CA_CERTS={ca}",
            f"  export SSL_CERT_FILE={bundle} REQUESTS_CA_BUNDLE={bundle}",
            f"  export CURL_CA_BUNDLE={bundle} CODEX_CA_CERTIFICATE={bundle}",
        )
    )
