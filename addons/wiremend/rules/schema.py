"""The shape of rules.yaml: which keys there are, what each takes, and a sentence on each.

This table is the one source. ``wiremend check`` validates with it, ``rules.schema.json`` (for editors) is generated
from it, and a test holds docs/rules.md to it. What needs more than one place to judge (a route that names a
provider, an alias that turns in a circle) is :mod:`wiremend.rules.compile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wiremend.protocols import WIRES
from wiremend.rules.checks import (
    ALIAS_PATTERN,
    POINTER_PATTERN,
    PROVIDER_PATTERN,
    TOKEN_PATTERN,
    check_alias_name,
    check_duration,
    check_folder,
    check_glob,
    check_header_name,
    check_header_value,
    check_key_glob,
    check_pointer,
    check_provider_name,
    check_size,
    check_url,
)
from wiremend.rules.references import parse_reference
from wiremend.rules.scaling import Ends, Factor
from wiremend.rules.schema_expect import EXPECT
from wiremend.rules.schema_keeps import ALERTS, LEDGER, LIMITS, RETRY_SHAPE
from wiremend.rules.schema_models import MODEL
from wiremend.rules.schema_preferences import PREFERENCES
from wiremend.rules.scrubbing import check_scrub
from wiremend.rules.shapes import (
    Anything,
    Choice,
    Constant,
    Either,
    JsonSchema,
    Key,
    ListOf,
    MapOf,
    Number,
    Record,
    Text,
)
from wiremend.rules.switches import Switches

if TYPE_CHECKING:
    from wiremend.rules.report import Report
    from wiremend.rules.shapes import Shape
    from wiremend.rules.tree import Node

VERSION = 1
"""The version of the file's format that this code reads."""


@dataclass(frozen=True, slots=True)
class _Version:
    """The number of the format; a later one is a file for a later Wiremend."""

    expects: str = "the number 1"

    def fits(self, node: Node) -> bool:
        return type(node.value) is int

    def check(self, node: Node, report: Report) -> bool:
        if node.value == VERSION and type(node.value) is int:
            return True
        if node.value == str(VERSION):
            return report.error(node.mark, f"the version is a number: write {VERSION}, without quotes")
        asked = f"the file asks for {node.plain()!r}"
        message = f"this Wiremend reads version {VERSION} of the format, {asked}; upgrade Wiremend"
        return report.error(node.mark, message)

    def schema(self) -> JsonSchema:
        return {"const": VERSION}


def _key(shape: Shape, doc: str, *, required: bool = False) -> Key:
    return Key(shape, doc, required)


_GLOB = Text("a glob", (check_glob,))
_GLOBS = ListOf(_GLOB, single=True)
_GLOBS_OR_NONE = ListOf(Either((_GLOB, Constant((None,)))), single=True)
_KEY_GLOBS = ListOf(
    Either((Text("the beginning of a credential, as a glob", (check_key_glob,)), Constant((None,)))), single=True
)
_WIRE = Choice(tuple(WIRES))
_WIRES = ListOf(_WIRE, single=True)
_POINTERS = ListOf(Text("a JSON pointer", (check_pointer,)), single=True)
_VALUE_GLOBS = ListOf(
    Either((_GLOB, Constant((True, False, None)), Number("a whole number", least=-(2**53), most=2**53))), single=True
)

_URL = Text("a base URL", (check_url,))
_HEADER_VALUE = Either(
    (
        Text("a header's value", (check_header_value,), numbers=True),
        Constant((None,)),
        ListOf(
            Record(
                "a header's list", {"drop": _key(_GLOB, "Items of the list that match are taken out.", required=True)}
            )
        ),
    )
)
_HEADERS = MapOf(_HEADER_VALUE, "header names to values", check_header_name, pattern=TOKEN_PATTERN)
_AUTH = Choice(("bearer", "x-api-key", "none"))


def _per_wire(shape: Shape, what: str) -> Record:
    return Record(what, {wire: _key(shape, f"For requests on the {wire} wire.") for wire in WIRES})


PROVIDER = Record(
    "a provider",
    {
        "base_url": _key(
            Either((_URL, _per_wire(_URL, "a base URL per wire"))),
            "Where it is: any spelling, with or without /v1; one URL, or one per wire. Takes $VARIABLES.",
        ),
        "speaks": _key(ListOf(_WIRE, single=True), "The wires it accepts; the first is used when translating."),
        "key": _key(
            ListOf(Text("a reference to a credential", (parse_reference,), secret=True), single=True),
            "Where its credential is kept: $NAME, op://vault/item/field, keyring:service/name, file:path; or `client`:"
            " the client's own is passed on, whatever it is. Of a list the first that is to be had.",
        ),
        "auth": _key(
            Either((_AUTH, _per_wire(_AUTH, "an auth style per wire"))),
            "How the credential travels: bearer (Authorization), x-api-key, or none (it needs no credential).",
        ),
        "headers": _key(
            _HEADERS,
            "Headers for every request to it: replaced once whatever the letter case; null removes;"
            " [drop: GLOB] takes items out of a list-valued one.",
        ),
        "models": _key(
            MapOf(
                MODEL,
                "model names to what is known of them",
                empty=True,
            ),
            "What is known of its models; lists of models name them. It goes over what the catalogue says, key by key.",
        ),
        "quirks": _key(
            Switches(),
            "Which mends of known misbehaviour apply: auto (what its host is known for), [NAME, …], or [+NAME, -NAME].",
        ),
        "mend": _key(
            Choice(("auto", "off")), "`off`: no quirk mends its requests, and what comes back from it is only watched."
        ),
        "websocket": _key(
            Constant((True, False)),
            "true: its responses wire has WebSockets; else a client that asks for one is sent on to HTTP at once.",
        ),
        "limits": _key(LIMITS, "What one call may take there, key by key over the top's."),
    },
)

_WHEN_SHARED = {
    "client": _key(_GLOBS, "The agent by its User-Agent: claude-code, codex, opencode, hermes and so on."),
    "key": _key(_KEY_GLOBS, "How the client's credential begins, such as sk-kimi-*; null: it brought none."),
    "model": _key(
        _GLOBS_OR_NONE, "The model: in a route as asked (after aliases), in an edit the one sent; null: it named none."
    ),
    "host": _key(_GLOBS_OR_NONE, "The host that the client addressed; null: none, the request came to the gateway."),
    "path": _key(_GLOBS, "The path as the client sent it, without the query."),
    "wire": _key(_WIRES, "The wire: messages, chat or responses."),
    "agent": _key(_GLOBS_OR_NONE, "Which agent of many: the header named by agent_header; null: it did not say."),
    "header": _key(
        MapOf(_GLOBS, "header names to globs", check_header_name, pattern=TOKEN_PATTERN), "Request headers, by name."
    ),
    "body": _key(
        MapOf(_VALUE_GLOBS, "JSON pointers to globs", check_pointer, pattern=POINTER_PATTERN),
        "Values in the body, by JSON pointer.",
    ),
    "stream": _key(Constant((True, False)), "Whether a stream is asked for."),
}

_WHEN_AS_SENT = Record("`when`", {**_WHEN_SHARED, "provider": _key(_GLOBS, "The provider that the request goes to.")})

ROUTE = Record(
    "a route",
    {
        "name": _key(Text("a name"), "Shown in logs and flows."),
        "when": _key(Record("`when`", _WHEN_SHARED), "All that is given must hold; a list means any of."),
        "to": _key(
            ListOf(Text("a provider, or provider/model"), single=True),
            "Where the request goes: a provider keeps the model's name, provider/model changes it. Of a list the next"
            " where one fails.",
            required=True,
        ),
        "retry": _key(RETRY_SHAPE, "How often and when one destination is asked again: a number, or more about it."),
        "via": _key(_WIRE, "The wire to speak upstream; the request is translated where the client speaks another."),
    },
)

EDIT = Record(
    "an edit",
    {
        "name": _key(Text("a name"), "Shown in logs and flows."),
        "when": _key(
            _WHEN_AS_SENT,
            "All that is given must hold; a list means any of.",
        ),
        "default": _key(
            MapOf(Anything(), "JSON pointers to values", check_pointer, pattern=POINTER_PATTERN),
            "Set where the body has nothing there.",
        ),
        "set": _key(
            MapOf(Anything(), "JSON pointers to values", check_pointer, pattern=POINTER_PATTERN),
            "Set, whatever the body has there.",
        ),
        "scale": _key(
            MapOf(Factor(), "JSON pointers to factors", check_pointer, pattern=POINTER_PATTERN),
            "A number there is multiplied: by a number, or a fraction such as 1/0.6; what is no number stays.",
        ),
        "clamp": _key(
            MapOf(Ends(), "JSON pointers to the least and the most", check_pointer, pattern=POINTER_PATTERN),
            "A number there is kept between the least and the most; null: no bound. Where both, `scale` comes first.",
        ),
        "remove": _key(_POINTERS, "Taken out of the body; `*` stands for every item or member."),
        "headers": _key(_HEADERS, "As in a provider; these come last."),
    },
)

LISTEN = Record(
    "listen",
    {
        "port": _key(
            Either((Number("a port from 1 to 65535", least=1, most=65535), Text("a port, or a $VARIABLE"))),
            "The one port of HTTPS proxy and gateway.",
        ),
        "host": _key(Text("a host to listen on"), "Loopback unless told otherwise; anything else needs a token."),
        "token": _key(
            Text("a reference to a credential", (parse_reference,), secret=True),
            "What a client that is not on this machine must bring.",
        ),
        "without_token": _key(
            Choice(("refuse", "loopback")),
            "`loopback`: where the token is not to be had, 127.0.0.1 serves in the place of the host.",
        ),
        "intercept": _key(
            Either((Choice(("known", "all")), ListOf(_GLOB))),
            "Which hosts the HTTPS proxy decrypts: those of providers, these globs besides, or all.",
        ),
    },
)

CAPTURE = Record(
    "capture",
    {
        "keep": _key(Text("a duration", (check_duration,)), "How long captures are kept."),
        "max_size": _key(Text("a size", (check_size,)), "How large they may grow together."),
        "dir": _key(
            Text("a folder", (check_folder,)),
            "Where they are kept, instead of the user's state folder. Takes $VARIABLES.",
        ),
        "scrub": _key(
            ListOf(Text("a JSON pointer, or a pattern after re:", (check_scrub,)), single=True),
            "What is replaced in them besides credentials: JSON pointers, and patterns such as re:acct_[0-9]+.",
        ),
        "when": _key(
            _WHEN_AS_SENT,
            "Which exchanges are kept, others are not; model and provider are those of the request as sent.",
        ),
    },
)

REPLAY = Record(
    "replay",
    {
        "ignore": _key(
            _POINTERS, "Places of a request's body that are not compared; `*` stands for every item or member."
        ),
        "max_age": _key(Text("a duration", (check_duration,)), "How old a case may be before it counts as stale."),
    },
)

ROOT = Record(
    "the rules",
    {
        "version": _key(_Version(), "The version of this file's format: 1."),
        "providers": _key(
            MapOf(PROVIDER, "names to providers", check_provider_name, pattern=PROVIDER_PATTERN),
            "Named upstreams. Well-known ones are built in and may be overridden key by key.",
        ),
        "aliases": _key(
            MapOf(
                Either(
                    (
                        Text("provider/model, or another alias"),
                        Record(
                            "an alias",
                            {
                                "to": _key(
                                    Text("provider/model, or another alias"), "What it stands for.", required=True
                                ),
                                "keep_name": _key(
                                    Constant((True, False)),
                                    "true: the reply names the model as the client asked for it.",
                                ),
                            },
                        ),
                    )
                ),
                "exact model names to provider/model",
                check_alias_name,
                pattern=ALIAS_PATTERN,
            ),
            "EXACT names that a client says, and the provider/model each stands for; applied before routes.",
        ),
        "routes": _key(ListOf(ROUTE, empty=True), "Where requests go. The FIRST match wins."),
        "default": _key(
            Text("a provider, or provider/model"),
            "Where a request goes that no route matched, with one warning a model; else where the client sent it.",
        ),
        "edits": _key(
            ListOf(EDIT, empty=True), "EVERY match applies, in the order of the file, to the body as it goes upstream."
        ),
        "expect": _key(
            ListOf(EXPECT, empty=True), "Examples that must hold: run by check, at each reload, and by pytest."
        ),
        "mend": _key(
            Choice(("auto", "off")), "`off`: no quirk mends a request, and what comes back is only watched and noted."
        ),
        "listen": _key(LISTEN, "The proxy's own address."),
        "capture": _key(Either((Choice(("off",)), CAPTURE)), "What is remembered, and for how long; or off."),
        "replay": _key(REPLAY, "How captures are matched and compared when they are replayed."),
        "agent_header": _key(
            Text("a header's name", (check_header_name,)), "The header behind `when: {agent: …}`; default x-agent-id."
        ),
        "limits": _key(LIMITS, "What one call may take: times, sizes, how many at once. Of every provider."),
        "ledger": _key(LEDGER, "Where the row of each call is written; or off."),
        "alerts": _key(ALERTS, "Who is told when something fails: references to Apprise URLs."),
        "preferences": _key(PREFERENCES, "Choosing a model by what is asked."),
    },
)


def json_schema() -> JsonSchema:
    """Give the JSON Schema (draft 2020-12) of rules.yaml, as shipped beside this module for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Wiremend rules.yaml",
        **ROOT.schema(),
        "description": "Where requests of agent clients go, and what changes on the way.",
    }
