"""The shapes of a Plano file, as strict as Plano's own schema (``config/plano_config_schema.yaml``, version 0.4.36).

The sentence of a key says what becomes of it. Of what is in :data:`~wiremend.rules.plano.left.LEFT` nothing does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wiremend.rules.checks import check_header_name, check_header_value, check_url
from wiremend.rules.model import PREFERS
from wiremend.rules.plano.left import LEFT
from wiremend.rules.plano.vendors import VENDORS
from wiremend.rules.references import parse_reference
from wiremend.rules.shapes import Choice, Constant, Either, Key, ListOf, MapOf, Number, Record, Text
from wiremend.rules.units import DURATION

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.shapes import JsonSchema
    from wiremend.rules.tree import Node

OLD: Final = "llm_providers"
NEW: Final = "model_providers"

LONGEST: Final = 500
"""Characters of a name at most: YAML takes no key of more than 1024 without a `?` in front."""

TRUE: Final = ("yes", "Yes", "YES", "on", "On", "ON")
FALSE: Final = ("no", "No", "NO", "off", "Off", "OFF")
"""What YAML 1.1, by which Plano reads its file, has for true and false besides these."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is not looked into, because nothing becomes of it."""

    @property
    def expects(self) -> str:
        """Say so."""
        return "any value"

    def fits(self, node: Node) -> bool:  # noqa: ARG002 - every node is one
        """Say yes."""
        return True

    def check(self, node: Node, report: Report) -> bool:  # noqa: ARG002 - nothing can be wrong with it
        """Say that it is sound."""
        return True

    def schema(self) -> JsonSchema:
        """Give the schema that takes all."""
        return {}


def is_true(node: Node | None) -> bool:
    """Tell whether a sound flag is there, and set."""
    return node is not None and (node.value is True or node.value in TRUE)


def _check_key(text: str) -> None:
    if text == "client":
        message = "Plano would send the word `client`; write `passthrough_auth: true` to pass the client's own key on"
        raise ValueError(message)
    parse_reference(text)


def _check_time(text: str) -> None:
    if not re.fullmatch(DURATION, text):
        message = f"{text!r} is no time; write one such as 30s"
        raise ValueError(message)


def _check_text(text: str) -> None:
    if not text.strip():
        message = "this text is empty"
        raise ValueError(message)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        message = "half of a character stands here, written as an escape; write the character itself"
        raise ValueError(message)


def _check_name(text: str) -> None:
    _check_text(text)
    if len(text) > LONGEST:
        message = f"this name has more than {LONGEST} characters"
        raise ValueError(message)


def _check_header(text: str) -> None:
    check_header_name(text)
    _check_name(text)


def _lefts(section: str) -> dict[str, Key]:
    """Give the keys of a section ("": the top) that nothing becomes of."""
    there = {place.rpartition(".")[2]: why for place, why in LEFT.items() if place.rpartition(".")[0] == section}
    return {name: Key(Left(), f"Not taken over: {why}.") for name, why in there.items()}


_FLAG: Final = Either((Constant((True, False)), Choice((*TRUE, *FALSE))))
_WORD: Final = Text("a name", (_check_name,), numbers=True)
_TEXT: Final = Text("a text", (_check_text,))
_TIME: Final = Text("a time, such as 30s", (_check_time,))
_SECONDS: Final = Number("a number of seconds, 1 or more", least=1)
_STAY: Final = "The `stay` of `preferences`: how long a conversation keeps its choice."

PREFERENCE: Final = Record(
    "a routing preference",
    {
        "name": Key(_WORD, "The `name` of the preference.", required=True),
        "description": Key(_TEXT, "Its `description`.", required=True),
        "models": Key(
            ListOf(_WORD), "Its `models`, each as `provider/model`: full names, or bare ones.", required=True
        ),
        "selection_policy": Key(
            Record("a selection policy", {"prefer": Key(Choice(PREFERS), "Its `prefer`.", required=True)}),
            "`prefer`: none, cheapest or fastest.",
        ),
    },
)

INLINE: Final = Record(
    "a routing preference inside a provider",
    {"name": PREFERENCE.keys["name"], "description": PREFERENCE.keys["description"]},
)

PROVIDER: Final = Record(
    "a model provider",
    {
        "model": Key(
            _WORD,
            "`provider/model`: a provider, a route for its full and its bare name; `provider/*`: for all its models.",
            required=True,
        ),
        "name": Key(_WORD, "One more name of the model; and the provider's, where its first word is taken."),
        "access_key": Key(
            Text("a reference to a credential", (_check_key,), secret=True), "The provider's `key`; a reference."
        ),
        "passthrough_auth": Key(_FLAG, "`key: client`; it beats `access_key`."),
        "base_url": Key(Text("a base URL", (check_url,)), "The provider's `base_url`."),
        "http_host": Key(Text("a host", (check_header_value, _check_text)), "The provider's header `Host`."),
        "headers": Key(
            MapOf(
                Text("a header's value", (check_header_value,), numbers=True),
                "header names to values",
                _check_header,
                empty=True,
            ),
            "The provider's `headers`.",
        ),
        "provider_interface": Key(
            Choice(tuple(VENDORS)), "The provider's `speaks`: the wires that Plano speaks to such a one."
        ),
        "default": Key(_FLAG, "`default`: what no route takes goes there."),
        "routing_preferences": Key(
            ListOf(INLINE, empty=True), "The old place of `routing_preferences`; those of one name are one preference."
        ),
    },
)

LISTENER: Final = Record(
    "a listener",
    {
        "type": Key(Choice(("model", "prompt", "agent")), "`model` is what `listen` serves.", required=True),
        "name": Key(_WORD, "A comment."),
        "address": Key(_WORD, "`listen.host`; others than loopback need the token of $WIREMEND_TOKEN."),
        "port": Key(Number("a port from 1 to 65535", least=1, most=65535), "`listen.port`."),
        "timeout": Key(_TIME, "`limits.duration`: how long one try may take."),
        "max_retries": Key(Number("a number of retries", most=2**31), "`retry` of each route and preference."),
        **_lefts("listeners"),
    },
)

_TRAFFIC: Final = Record(
    "a listener of the old form",
    {name: LISTENER.keys[name] for name in ("address", "port", "timeout", "message_format")},
)

LISTENERS: Final = Either(
    (
        ListOf(LISTENER, empty=True),
        Record(
            "listeners of the old form",
            {
                "egress_traffic": Key(_TRAFFIC, "A listener of the type `model`, in the old form."),
                "ingress_traffic": Key(_TRAFFIC, "A listener of the type `prompt`, in the old form."),
            },
        ),
    )
)

PLANO: Final = Record(
    "a Plano file",
    {
        "version": Key(Text("a version", numbers=True), "A comment; any version is read."),
        NEW: Key(ListOf(PROVIDER), "`providers`, `routes` and `default`."),
        OLD: Key(ListOf(PROVIDER), f"The old name of `{NEW}`."),
        "model_aliases": Key(
            MapOf(
                Record("an alias", {"target": Key(_WORD, "A configured model, full or bare.", required=True)}),
                "names to targets",
                _check_name,
                empty=True,
            ),
            "`aliases`.",
        ),
        "routing_preferences": Key(ListOf(PREFERENCE, empty=True), "`preferences`, with `for: all`."),
        "listeners": Key(LISTENERS, "`listen`, `limits` and `retry`."),
        "overrides": Key(
            Record(
                "overrides",
                {"upstream_connect_timeout": Key(_TIME, "`limits.connect`."), **_lefts("overrides")},
            ),
            "Only the time for a connection.",
        ),
        "routing": Key(
            Record("routing", {"session_ttl_seconds": Key(_SECONDS, _STAY), **_lefts("routing")}),
            "Only how long a conversation keeps its choice.",
        ),
        "prompt_caching": Key(
            Record("prompt_caching", {"session_ttl_seconds": Key(_SECONDS, _STAY), **_lefts("prompt_caching")}),
            "Only how long a conversation keeps its choice.",
        ),
        **_lefts(""),
    },
)
