"""The private file of a proxy that runs, made by hand."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from pathlib import Path


def told_status(state: Path, pid: int | None = None, **more: Any) -> Path:  # noqa: ANN401 - values of JSON
    """Write the file of a proxy, in the folder that ``$XDG_STATE_HOME`` names; of this process unless another is named.

    ``more`` replaces keys.
    """
    process = os.getpid() if pid is None else pid
    now = time.time()
    told: dict[str, Any] = {
        "format": 1,
        "version": "0.0",
        "pid": process,
        "began": psutil.Process().create_time(),
        "since": now - 7384.0,
        "at": now,
        "addresses": [["127.0.0.1", 8080]],
        "enabled": True,
        "rules": None,
        "status": {},
        **more,
    }
    path = state / "wiremend" / "proxies" / f"{process}.status.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))
    return path
