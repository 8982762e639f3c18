"""The shape of ``preferences``, a part of the table of :mod:`wiremend.rules.schema` in a file of its own.

What is compiled of it is in :mod:`wiremend.rules.compile_preferences`.
"""

from __future__ import annotations

from typing import Final

from wiremend.rules.model import PREFERS
from wiremend.rules.schema_keeps import DURATION_SHAPE, RETRY_SHAPE
from wiremend.rules.shapes import Choice, Either, Key, ListOf, Record, Text

CHOICE: Final = Record(
    "a preference",
    {
        "name": Key(Text("a name"), "Shown in logs and flows; a router model answers with it.", required=True),
        "description": Key(Text("a description"), "What such requests are about, in words.", required=True),
        "models": Key(
            ListOf(Text("provider/model, or an alias"), single=True),
            "The models that answer them, provider/model or an alias: the first, and the next where one fails.",
            required=True,
        ),
        "prefer": Key(
            Choice(PREFERS), "`none`: in the order of `models`; `cheapest` by known prices; `fastest` as measured."
        ),
        "examples": Key(ListOf(Text("an example"), single=True), "What people ask then, in their words."),
        "retry": Key(RETRY_SHAPE, "As in a route."),
    },
)

CHOICES: Final = ListOf(CHOICE)

PREFERENCES_MAP: Final = Record(
    "preferences",
    {
        "router": Key(
            Text("local, or provider/model"),
            "Who chooses: `local`, by the words, or a model that is asked over the chat wire.",
        ),
        "timeout": Key(DURATION_SHAPE, "How long a router model may take; then the words decide."),
        "stay": Key(
            Either((Choice(("off",)), DURATION_SHAPE)),
            "How long a conversation keeps its choice after its last request; or off.",
        ),
        "for": Key(
            Choice(("auto", "all")),
            "`auto`: for the model `auto`, and for what no route matched; `all`: for every request.",
        ),
        "choices": Key(CHOICES, "The preferences.", required=True),
    },
)

PREFERENCES: Final = Either((CHOICES, PREFERENCES_MAP))
