"""Where rows go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wiremend.ledger.row import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from wiremend.ledger.row import CallRow


def append_json(path: Path, row: CallRow) -> None:
    """Append a row to a file of JSON lines that only its owner may read. Raises OSError where it cannot."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, to_json(row))  # one write, so that lines of several writers do not mix
    finally:
        os.close(descriptor)
