"""The shape of ``expect``, a part of the table of :mod:`wiremend.rules.schema` in a file of its own.

What is compiled of it is in :mod:`wiremend.rules.compile_expects`, and tried in :mod:`wiremend.rules.expect`.
"""

from __future__ import annotations

from typing import Final

from wiremend.protocols import WIRES
from wiremend.rules.checks import POINTER_PATTERN, TOKEN_PATTERN, check_glob, check_header_name, check_pointer
from wiremend.rules.model import DECIDERS
from wiremend.rules.shapes import Anything, Choice, Constant, Either, Key, ListOf, MapOf, Record, Text

_HEADERS: Final = MapOf(
    Text("a value", numbers=True), "header names to values", check_header_name, pattern=TOKEN_PATTERN
)
_BODY: Final = MapOf(Anything(), "JSON pointers to values", check_pointer, pattern=POINTER_PATTERN)

EXPECT: Final = Record(
    "an expectation",
    {
        "given": Key(
            Record(
                "`given`",
                {
                    "client": Key(Text("an agent's name"), "As in `when`."),
                    "key": Key(Text("how a credential begins"), "A beginning such as sk-kimi-, no credential."),
                    "model": Key(
                        ListOf(Either((Text("a model's name"), Constant((None,)))), single=True),
                        "The model as asked; of a list each is tried.",
                    ),
                    "host": Key(Text("a host"), "The host addressed; without it the request comes to the gateway."),
                    "path": Key(Text("a path"), "The path as sent."),
                    "wire": Key(
                        Choice(tuple(WIRES)), "The wire; by default that of the path, else the client's usual one."
                    ),
                    "agent": Key(Text("an agent's id"), "As in `when`."),
                    "header": Key(_HEADERS, "Request headers."),
                    "body": Key(_BODY, "Values in the body."),
                    "stream": Key(Constant((True, False)), "Whether a stream is asked for."),
                },
            ),
            "The request to try.",
            required=True,
        ),
        "to": Key(
            Either((ListOf(Text("a provider, or provider/model"), single=True), Constant((None,)))),
            "Where it must go first, or a list: all of them; null: nowhere that the rules name (so where the client"
            " sent it, or refused).",
            required=True,
        ),
        "by": Key(
            ListOf(Choice(DECIDERS), single=True),
            "What must have decided: route, name (provider/model, as aliases stand for), preference, default, or host"
            " (where the client sent it). A list means any of.",
        ),
        "url": Key(Text("a glob", (check_glob,)), "What the final URL must match."),
    },
)
