"""What the translation of a long request costs, against parsing it once, in each of the six directions.

    .venv/bin/python -m bench.conversation [MEGABYTES]

The conversation is an agent's: every other turn calls a tool, with a result of some kilobytes of code. The whole of
``wiremend.pipeline.translate.translate`` is timed: the reading of the client's bytes, the neutral message, the writing
of the other wire, and its encoding into bytes. Beside it ``msgspec.json.decode`` reads the same bytes into plain dicts
and lists. The two take turns, and of each the best of many tries counts: both are the processor's time of one thread.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.translate.said import DIRECTIONS
from wiremend.pipeline.translate import translate
from wiremend.protocols.codec import Recipient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.translate.said import Json, Wire

LIMIT: Final = 3.0
"""What a translation may cost, against one parsing."""

TRIES: Final = 15
SHAPES: Final = {"agent": (25, (60, 2_400)), "talk": (80, (80, 400))}
"""Name -> the words that the model says in a round, and the least and most of what a tool gives back.

``agent`` is a coding agent at work: a tool is called in each round and gives some kilobytes of a file, and the user
speaks in each tenth. ``talk`` has many short messages, which is the harder for what works message by message.
"""

WORDS: Final = ("def", "return", "x = 1", "für", "the", "tests", "pass", '"a"', "\n", "    ", "import", "None", "— 🗼")


def conversation(shape: str = "agent", megabytes: float = 1.0) -> dict[Wire, Json]:
    """Write the same conversation of so many megabytes on each wire."""
    draw = random.Random(1)  # noqa: S311  a repeatable conversation, no secret
    (words, (least, most)), size, turn = SHAPES[shape], 0, 0
    schema: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    messages: list[Json] = []
    chat: list[Json] = [{"role": "system", "content": "You are terse."}]
    items: list[Json] = []
    while size < megabytes * 1_000_000:
        if turn % 10 == 0 or shape == "talk":
            asks = _words(draw, 50)
            messages.append({"role": "user", "content": [{"type": "text", "text": asks}]})
            chat.append({"role": "user", "content": asks})
            items.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": asks}]})
            size += len(asks)
        says, gives = _words(draw, words), _words(draw, draw.randrange(least, most))
        id_, path = f"call_{turn}", {"path": f"src/{turn}.py"}
        text = msgspec.json.encode(path).decode()
        block = {"type": "tool_use", "id": id_, "name": "read", "input": path}
        messages += [
            {"role": "assistant", "content": [{"type": "text", "text": says}, block]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id_, "content": gives}]},
        ]
        call = {"id": id_, "type": "function", "function": {"name": "read", "arguments": text}}
        chat += [
            {"role": "assistant", "content": says, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id_, "content": gives},
        ]
        said = {"type": "output_text", "text": says, "annotations": []}
        items += [
            {"type": "message", "role": "assistant", "content": [said]},
            {"type": "function_call", "call_id": id_, "name": "read", "arguments": text},
            {"type": "function_call_output", "call_id": id_, "output": gives},
        ]
        size, turn = size + len(says) + len(gives) + 200, turn + 1
    last = "Go on."
    function = {"name": "read", "description": "Read a file", "parameters": schema}
    return {
        "messages": {
            "model": "m",
            "max_tokens": 20_000,
            "stream": True,
            "system": "You are terse.",
            "messages": [*messages, {"role": "user", "content": last}],
            "tools": [{"name": "read", "description": "Read a file", "input_schema": schema}],
        },
        "chat": {
            "model": "m",
            "stream": True,
            "messages": [*chat, {"role": "user", "content": last}],
            "tools": [{"type": "function", "function": function}],
        },
        "responses": {
            "model": "m",
            "stream": True,
            "store": False,
            "instructions": "You are terse.",
            "input": [*items, {"role": "user", "content": last}],
            "tools": [{"type": "function", **function, "strict": False}],
        },
    }


def _words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))


type Ratios = dict[tuple[Wire, Wire], tuple[float, float, int]]


def ratios(shape: str = "agent", megabytes: float = 1.0, tries: int = TRIES) -> Ratios:
    """Measure each direction; gives the seconds of a parsing, those of a translation, and the bytes of the request."""
    bodies = {wire: msgspec.json.encode(body) for wire, body in conversation(shape, megabytes).items()}
    found = {}
    for client, upstream in DIRECTIONS:
        raw = bodies[client]
        parsing = partial(msgspec.json.decode, raw)
        translating = partial(translate, raw, client, upstream, Recipient("m", host="127.0.0.1"))
        found[client, upstream] = (*_best((parsing, translating), tries), len(raw))
    return found


def _best(works: tuple[Callable[[], Any], Callable[[], Any]], tries: int) -> tuple[float, float]:
    """Let two take turns; give the shortest time of each."""
    best = [float("inf"), float("inf")]
    for _ in range(tries):
        for number, work in enumerate(works):
            gc.collect()
            began = time.thread_time()
            work()
            best[number] = min(best[number], time.thread_time() - began)
    return best[0], best[1]


def main(megabytes: float = 1.0) -> int:
    """Print each direction; gives 1 where one costs more than it may."""
    code = 0
    for shape in SHAPES:
        for (client, upstream), (parsed, translated, size) in ratios(shape, megabytes).items():
            ratio = translated / parsed
            code |= ratio > LIMIT
            print(
                f"{shape}: {client:>9} -> {upstream:<9} {size / 1e6:.2f} MB: parsing {parsed * 1e3:5.2f} ms,"
                f" translating {translated * 1e3:5.2f} ms, {ratio:.2f} times (limit {LIMIT:.2f})"
            )
    return code


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:2])))
