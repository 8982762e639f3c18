"""Print how often the router ``local`` chooses as the labels say, and what it takes for what.

    .venv/bin/python -m tests.rules.labelled [HALF …]

Without a name both halves. Of ``held_out`` nothing but figures is printed: who tunes with single prompts of it has no
half left to measure with. With ``-v`` those of ``tuning`` are named that come out otherwise than labelled.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.rules.labelled import HALVES
from tests.rules.labelled.measured import measure

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(asked: Sequence[str]) -> int:
    """Print the halves that are asked for."""
    wanted = [half for half in HALVES if half in asked] or HALVES
    for half in wanted:
        found = measure(half)
        print(found.page())  # noqa: T201 - a command's output
        if "-v" in asked and half == "tuning":
            print(found.failures())  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
