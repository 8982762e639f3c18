"""docs/faults.md: what each fault comes to, out of :mod:`tests.faults.expected`, which the matrix holds a proxy to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.expected import EXPECTED
from tests.faults.scripts import FAULTS
from tests.faults.ways import WAYS
from tests.faults.words import OVERLOADED, WORDS

if TYPE_CHECKING:
    from tests.faults.expected import End

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

_HEAD: Final = """\
# When a provider fails

Each row is a fault that a provider plays to a real `mitmdump` with Wiremend, and what a client sees of it, once with
one provider `a` and once with a second, `b`, that is well. The client is an official SDK, in each of these ways:

{ways}
All of them come to the same; where the words differ, those of the messages wire are shown. `b` speaks another wire than
`a`, so that a fallback translates anew. This page is written by `python -m tests.faults.matrix`, which runs all {cells}
cells; the tests run them too.

The rules say `to: [a, b]` and `retry: {{times: 3}}` ([rules.md](rules.md)), so a provider that goes on failing is asked
four times. Three laws explain the table:

- **Before the first word** a fault costs the client nothing but time. It is tried again, and then `b` answers.
- **After the first word** nothing can be taken back. The stream ends with the wire's own error, and nobody is asked
  again: a second answer behind half of a first would be a lie.
- **What comes again** however often one asks is not asked again: 400, 401, an exhausted quota, or a wait that is longer
  than the rules allow. If another provider may do better, it is asked at once.

Tries are those at `a`, and behind the plus sign those at `b`; one counts even where no connection came about. Every
call has exactly one row in the ledger, and the row has one attempt for each try.

| Fault | With `a` alone | Tries | With a fallback `b` | Tries | Rows |
|---|---|---|---|---|---|
"""

_TAIL: Final = """
In HTTP/2 a reset is that of the stream (RST_STREAM), a close is GOAWAY, and the reset of a connection is TCP's. An
error that comes before the head of the reply has left is one with a status; later it is an event of the stream. The
words in it are those of [errors.md](errors.md).

## For a long time

`python -m tests.faults.soak --seconds 120` keeps 200 streams open at once, over both kinds of HTTP, on the same wire
and translated, with one fault in ten, cancelling clients among them. When the last one has ended, the proxy has as many
connections, open files and tasks as before the first; its memory does not go on growing; each call that was made has
exactly one row. The tests run a short one.
"""


def write() -> str:
    """Give the page."""
    rows = []
    for name, fault in FAULTS.items():
        alone, fallback = EXPECTED[name].alone, EXPECTED[name].fallback
        cells = [fault.title, _told(alone), _tries(alone), _told(fallback), _tries(fallback), "1"]
        rows.append(f"| {' | '.join(cells)} |\n")
    ways = "".join(
        f"- a {client} client of a {wire} provider, over {' and '.join(f'HTTP/{http}' for http in kinds)}\n"
        for client, wire, _, kinds in WAYS.values()
    )
    number = len(FAULTS) * 2 * sum(len(kinds) for *_, kinds in WAYS.values())
    return _HEAD.format(cells=number, ways=ways) + "".join(rows) + _TAIL


def _told(end: End) -> str:
    """Say what the client saw."""
    if end.left:
        return "it has left; the provider is let go at once"
    if end.text == "whole":
        return "the whole answer"
    assert end.kind is not None
    word = f"`{WORDS['messages'][end.kind]}`"
    if end.text == "many":
        return f"words, then {word} when the time is up"
    return (
        f"{OVERLOADED['messages'] if end.kind == 'overloaded' else end.status}, {word}"
        if end.text == "none"
        else f"the first word, then {word}"
    )


def _tries(end: End) -> str:
    a, b = end.tries
    return f"{a} + {b}" if b else f"{a}"
