"""The exchanges as cases: each in each of the six directions, recorded through a real proxy.

``python -m tests.translate.record`` makes ``captures/CLIENT/translated-UPSTREAM-EXCHANGE`` anew, for instance after the
table has changed or a codec writes something else. What a client would misunderstand is not kept, but told.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.proxy import ROOT, captures_in
from tests.translate.exchanges import EXCHANGES, expected
from tests.translate.live import RULES, ask, stage
from tests.translate.said import DIRECTIONS, differences
from tests.translate.understood import understood
from wiremend.captures.case import write_case

if TYPE_CHECKING:
    from tests.translate.exchanges import Exchange
    from tests.translate.said import Means, Wire
    from wiremend.captures.capture import Capture

PREFIX: Final = "translated"
LENIENT: Final = {"citations": "cited", "refusal": "words"}
"""Exchange -> what of its meaning may be lost or added, with a note."""


def misunderstood(exchange: Exchange, client: Wire, upstream: Wire, means: Means) -> list[str]:
    """Say what the client understood otherwise, without what a note tells."""
    found = differences(means, expected(exchange, client, upstream))
    return [one for one in found if not one.startswith(LENIENT.get(exchange.name, "-"))]


def record(folder: Path) -> tuple[list[tuple[Capture, str]], list[str]]:
    """Run all exchanges; give each capture with the name of its case, and what was misunderstood."""
    asked: list[str] = []
    wrong: dict[str, list[str]] = {}
    with stage(folder) as (_, proxy):
        for client, upstream in DIRECTIONS:
            for name, exchange in EXCHANGES.items():
                if client not in exchange.asks:
                    continue
                means, _ = understood(client, ask(proxy, exchange, client, upstream))
                asked.append(f"{client}/{PREFIX}-{upstream}-{name}")
                if found := misunderstood(exchange, client, upstream, means):
                    wrong[asked[-1]] = found
    captures = captures_in(folder)
    assert len(captures) == len(asked), f"{len(captures)} captures of {len(asked)} exchanges"
    kept = [(capture, name) for capture, name in zip(captures, asked, strict=True) if name not in wrong]
    return kept, [f"{name}: {'; '.join(found)}" for name, found in wrong.items()]


def ship(kept: list[tuple[Capture, str]], captures: Path) -> None:
    """Write the cases, in the place of those that are there."""
    for old in captures.glob(f"*/{PREFIX}-*"):
        shutil.rmtree(old)
    for capture, name in kept:
        upstream, exchange = name.partition(f"{PREFIX}-")[2].split("-", 1)
        write_case(
            captures / name,
            capture,
            title=EXCHANGES[exchange].title,
            about={"shows": f"A {capture.wire} client on a provider that speaks {upstream}."},
            origin=f"recorded by Wiremend {capture.versions['wiremend']}, from an exchange of tests/translate",
            rules=RULES,
        )


def main() -> int:
    """Make the shipped cases anew; 1 where one was misunderstood."""
    with tempfile.TemporaryDirectory() as folder:
        kept, wrong = record(Path(folder) / "recorded")
    ship(kept, ROOT / "captures")
    sys.stdout.write(f"{len(kept)} cases\n")
    sys.stderr.writelines(f"not kept: {one}\n" for one in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
