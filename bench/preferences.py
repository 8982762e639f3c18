"""How long the router ``local`` takes for a prompt, the reading of its JSON included.

    .venv/bin/python -m bench.preferences [KILOBYTES]

Prompts of so many kilobytes (100), each hard in its own way: one text of prose, one of code, a conversation of an agent
with results of tools, the furniture of an agent around a short wish, and each on the wire of the agent that sends such.
Of many turns in a row the median counts, and the 99th percentile is shown beside it.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.rules.labelled.measured import SEED
from wiremend.rules.local_router import LocalRouter
from wiremend.rules.utterances import turns_of

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 2.0
"""Milliseconds that a prompt of 100 KB may take, by the median."""

TRIES: Final = 400

WORDS: Final = """
the a review of story and proof that code if then which is better
trade off bug why does it fail run fix
write poem about sea test function class
returns value queue lock worker retry limit probability of two events we need
"""


def _prose(draw: random.Random, size: int) -> str:
    text = " ".join(draw.choices(WORDS.split(), k=size // 4))[:size]
    return ". ".join(text[at : at + 90] for at in range(0, len(text), 90))


def _code(draw: random.Random, size: int) -> str:
    lines = (
        "def f(x):",
        "    return x + 1",
        "",
        "if a == b:",
        "    raise ValueError('x')",
        "items = [g(y) for y in z]",
    )
    return "\n".join(draw.choices(lines, k=size // 18))[:size]


def prompts(kilobytes: float = 100) -> dict[str, bytes]:
    """Write the prompts."""
    draw, size = random.Random(1), int(kilobytes * 1000)  # noqa: S311  a repeatable prompt, no secret
    prose, code = _prose(draw, size), _code(draw, size)
    reminder = f"<system-reminder>\n{prose}\n</system-reminder>"
    rounds: list[dict[str, Any]] = [{"role": "user", "content": "Find out why the queue starves, and prove it."}]
    for number in range(50):
        call = {"type": "tool_use", "id": f"t{number}", "name": "Read", "input": {"path": f"src/{number}.py"}}
        rounds.append({"role": "assistant", "content": [call]})
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": code[: size // 50]}
        rounds.append({"role": "user", "content": [result]})
    asked = [{"type": "text", "text": reminder}, {"type": "text", "text": "review this PR"}]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"Spot the bug.\n\n{code}"}]}
    bodies: dict[str, dict[str, Any]] = {
        "prose, chat": {"messages": [{"role": "user", "content": prose}]},
        "code, responses": {"input": [item]},
        "tools, messages": {"messages": rounds},
        "furniture, messages": {"messages": [{"role": "user", "content": asked}]},
        "several turns, chat": {
            "messages": [
                {"role": role, "content": prose[: size // 10]} for _ in range(5) for role in ("user", "assistant")
            ]
        },
    }
    return {name: msgspec.json.encode({"model": "auto", "stream": True, **body}) for name, body in bodies.items()}


def _choose(router: LocalRouter, body: bytes) -> None:
    router.judge(turns_of(body))


def times(work: Callable[[], object], tries: int) -> list[float]:
    """Give the milliseconds of the processor's time of so many tries, sorted."""
    found = []
    gc.collect()
    for _ in range(tries):
        began = time.thread_time()
        work()
        found.append((time.thread_time() - began) * 1000)
    return sorted(found)


def main(kilobytes: float = 100) -> int:
    """Print each prompt; gives 1 where one takes longer than it may."""
    router, code = LocalRouter(SEED), 0
    for name, body in prompts(kilobytes).items():
        found = times(partial(_choose, router, body), TRIES)
        reading = statistics.median(times(partial(turns_of, body), TRIES))
        median, late = statistics.median(found), found[int(len(found) * 0.99)]
        code |= median > LIMIT
        print(
            f"{name:>20} {len(body) / 1000:5.0f} KB: median {median:.2f} ms, 99 % {late:.2f} ms,"
            f" of it the JSON {reading:.2f} ms (limit {LIMIT:.2f})"
        )
    return code


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2])))
