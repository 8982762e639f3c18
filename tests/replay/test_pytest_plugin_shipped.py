"""All cases that Wiremend ships pass under the plugin, with warnings as errors and by the strictest settings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_all_shipped_cases_pass(tmp_path: Path) -> None:
    cases = sorted(path.parent.relative_to(TOP).as_posix() for path in TOP.glob("captures/*/*/case.yaml"))
    assert cases
    shutil.copytree(TOP / "captures", tmp_path / "captures")
    shutil.copy(TOP / "rules.yaml", tmp_path)
    report = tmp_path / "report.txt"
    command = [sys.executable, "-m", "pytest", "-pno:cacheprovider", "-pno:anyio", "-rA", "-Werror", "--strict-config"]
    with report.open("w", encoding="utf-8") as file:
        done = subprocess.run([*command, "--strict-markers"], cwd=tmp_path, stdout=file, stderr=file, check=False)
    text = report.read_text("utf-8")
    assert done.returncode == 0, text
    assert sorted(line.removeprefix("PASSED ") for line in text.splitlines() if line.startswith("PASSED ")) == cases
