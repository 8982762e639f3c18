"""The console script, one file a verb. ``wiremend`` alone prints a short help."""

from __future__ import annotations

from wiremend.cli.main import main

__all__ = ["main"]
