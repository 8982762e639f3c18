"""Which rules.yaml is in force.

The order: a file that is named (``--rules``, the option ``wiremend_rules``), else ``$WIREMEND_RULES``, else
``wiremend/rules.yaml`` in the user's config folder (``$XDG_CONFIG_HOME``, usually ``~/.config``), else the one shipped
with Wiremend. A ``rules.yaml`` that merely lies in the current folder is found by ``wiremend check`` alone, which
resolves no credential for it: a cloned repository must not decide where keys go.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wiremend.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

type Origin = Literal["named", "environment", "config", "folder", "shipped"]

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Found:
    """A rules file and why it is the one."""

    path: Path
    origin: Origin

    @property
    def why(self) -> str:
        """Say why, for the log."""
        return {
            "named": "as named",
            "environment": "by $WIREMEND_RULES",
            "config": "in your config folder",
            "folder": "in this folder",
            "shipped": "shipped with Wiremend",
        }[self.origin]


def shipped() -> Path:
    """Give the rules.yaml that Wiremend ships: at the top of a checkout, or beside the installed package."""
    installed = _PACKAGE / "rules.yaml"
    return installed if installed.is_file() else _PACKAGE.parent.parent / "rules.yaml"


def config_folder(environ: Mapping[str, str]) -> Path:
    """Give the user's folder for Wiremend's settings."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    return (Path(base) if base.startswith("/") else home_folder(environ) / ".config") / "wiremend"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Give the user's folder for what Wiremend writes down (logs, captures)."""
    base = environ.get("XDG_STATE_HOME") or ""
    return (Path(base) if base.startswith("/") else home_folder(environ) / ".local" / "state") / "wiremend"


def private_folder(path: Path, below: Path) -> Path:
    """Make a folder that only the user can read, and those between it and ``below``. Raises OSError where it cannot."""
    below.parent.mkdir(parents=True, exist_ok=True)
    for part in (*reversed([p for p in path.parents if p.is_relative_to(below)]), path):
        part.mkdir(mode=0o700, exist_ok=True)
    return path


def home_folder(environ: Mapping[str, str]) -> Path:
    """Give the user's home."""
    home = environ.get("HOME")
    return Path(home) if home else Path.home()


def find_rules(named: str | Path | None, environ: Mapping[str, str], *, folder: Path | None = None) -> Found:
    """Find the rules file in force.

    ``folder`` is searched too (after the environment) where the caller neither resolves credentials nor opens sockets.
    Raises :class:`SetupError` where a file that is named, or that the environment names, is not there.
    """
    for given, origin, by in (
        (str(named) if named else "", "named", ""),
        (environ.get("WIREMEND_RULES") or "", "environment", " (named by $WIREMEND_RULES)"),
    ):
        if given:
            path = Path(given).expanduser()
            if not path.is_file():
                what = "is a folder" if path.is_dir() else "does not exist"
                raise SetupError(f"the rules file {path}{by} {what}")
            return Found(path, "named" if origin == "named" else "environment")
    if folder is not None and (folder / "rules.yaml").is_file():
        return Found(folder / "rules.yaml", "folder")
    own = config_folder(environ) / "rules.yaml"
    if own.is_file():
        return Found(own, "config")
    return Found(shipped(), "shipped")
