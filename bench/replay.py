"""How fast cases replay, and what memory many of them take.

    .venv/bin/python -m bench.replay [CASES]

A typical case: a request of 2 KB, a reply of 200 events in 200 cuts, one edit and one mend, notes, a golden that fits.
So many copies of it (other names, the same bytes, hard links) are replayed by ``wiremend replay`` in one process, in
their recorded cuts, and the CPU seconds of that process are counted, its start included. Then a tenth of them: the
highest memory of the two runs must be about the same, for nothing of a passed case is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.replay.kit import RULES, captured, chunk, recorded
from wiremend.captures.case import write_case

LEAST: Final = 200
"""Cases a second and core that are wanted."""

GROWTH: Final = 16
"""MiB by which the memory may grow from a tenth of the cases to all of them."""

EVENTS: Final = 200
SCRIPT: Final = """\
import json, resource, sys
from wiremend.cli.main import cli
code = 0
try:
    cli(["replay", sys.argv[1], "--rules", sys.argv[2]], standalone_mode=False)
except SystemExit as done:
    code = done.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"code": code, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss}))
"""


def corpus(folder: Path, count: int) -> None:
    """Write one case, and so many names for it."""
    words = [chunk(f" word{number}") for number in range(EVENTS - 3)]
    stream = [chunk("", role="assistant").replace(b'"role": "assistant", ', b""), *words, chunk(finish="stop")]
    body = {"model": "lab-1", "stream": True, "messages": [{"role": "user", "content": "x" * 1900}]}
    capture = recorded(captured(body, [*stream, b"data: [DONE]\n\n"]))
    first = folder / "chat" / "case-0"
    write_case(first, replace(capture, versions={"wiremend": "0", "client": "lab/1"}), title="a typical turn")
    for number in range(1, count):
        copy = folder / "chat" / f"case-{number}"
        copy.mkdir()
        for file in first.iterdir():
            os.link(file, copy / file.name)


def replayed(folder: Path, rules: Path) -> dict[str, float]:
    """Replay all, in a process of its own."""
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", SCRIPT, str(folder), str(rules)], capture_output=True, text=True, check=True
    )
    *said, figures = done.stdout.splitlines()
    print(*said, sep="\n")
    found: dict[str, float] = json.loads(figures)
    if found["code"]:
        sys.exit(f"a case differs that must not:\n{done.stderr}")
    return found


def main(count: int) -> int:
    """Run and print; gives 1 where it is too slow, or the memory grows."""
    with TemporaryDirectory() as place:
        rules = Path(place) / "rules.yaml"
        rules.write_text(RULES, "utf-8")
        few, many = Path(place) / "few", Path(place) / "many"
        corpus(few, count // 10)
        corpus(many, count)
        small, large = replayed(few, rules), replayed(many, rules)
    pace = count / large["cpu"]
    grown = (large["memory"] - small["memory"]) / 1024
    print(f"{pace:.0f} cases a second of CPU, its start included (wanted: {LEAST})")
    print(f"{large['memory'] / 1024:.0f} MiB at most; {grown:+.1f} MiB against a tenth of the cases (limit {GROWTH})")
    return int(pace < LEAST or grown > GROWTH)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
