"""What a proxy made of an exchange: one judge for all of them, which sees bytes and knows no proxy.

It looks twice. The request as it reached the provider must ask for what the client asked for
(:func:`tests.translate.asked.asked`) and hold nothing that the wire's official types do not know; what the client got
must mean, read by the official SDK, what the provider said (:func:`tests.translate.understood.understood`).

Where two ways of saying a thing are as good as each other, both are right: texts in a row of one role may be joined,
schemas may say ``"type": "object"`` besides, and how hard a model thinks has no exact word on the other side of the
messages wire, so there any effort stands for any budget.
"""

from __future__ import annotations

import copy
import json
import re
import traceback
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from tests.translate.asked import FREE, asked
from tests.translate.exchanges import expected
from tests.translate.official import faults
from tests.translate.said import CUT, Means, Usage
from tests.translate.understood import understood

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.oracles import Served
    from tests.translate.asked import Asked, Leaf
    from tests.translate.exchanges import Exchange
    from tests.translate.said import Json, Wire

type Kind = Literal["extra", "lost", "wrong", "error", "hang"]

KINDS: Final[tuple[Kind, ...]] = ("hang", "error", "wrong", "lost")
"""What can be the matter, the worst first. What is sent besides ("extra") is told, and is no matter of its own."""

RIGHT: Final = "right"
OK: Final = 200
_SHORT: Final = 90
_UNREAD: Final = re.compile(r"nobody reads (.*)")
_NUMBER: Final = re.compile(r"/\d+")
_OPTIONAL: Final[Mapping[str, tuple[str, Any]]] = {
    "output_text": ("annotations", []),
    "input_image": ("detail", "auto"),
}
"""What the types of a Responses request demand of its parts, and the API does not."""

_MEASURES: Final = ("input", "output", "cached", "reasoning", "written")
_SAID: Final = {
    "words": "the text",
    "thinking": "the thinking",
    "calls": "the calls",
    "stop": "the reason of the end",
    "cited": "the sources",
}
_NAMES: Final = {
    "choice": "the choice of tool",
    "parallel": "parallel calls",
    "most": "the bound of tokens",
    "stop": "stop sequences",
    "user": "who the user is",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not right, about the ``request`` or the ``reply``, in words that say what."""

    about: Literal["request", "reply"]
    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an exchange: the bodies that reached the provider, and the bytes that the client got.

    ``served`` is None where the client gave up waiting; ``broken`` tells that the connection ended before the reply.
    """

    bodies: tuple[Json, ...]
    served: Served | None
    broken: bool = False


def judged(exchange: Exchange, client: Wire, upstream: Wire, came: Came) -> list[Finding]:
    """Give all that is not right; nothing where all is."""
    reply = list(_reply(exchange, client, upstream, came))
    if not came.bodies:
        return reply or [Finding("request", "wrong", "the provider was not asked")]
    return [*_request(exchange, client, upstream, came.bodies[0]), *reply]


def word(found: Sequence[Finding]) -> str:
    """Give the one word for an exchange: the worst of what was found."""
    return next((kind for kind in KINDS if any(one.kind == kind for one in found)), RIGHT)


# --- the request ------------------------------------------------------------------------------------------------------


def _request(exchange: Exchange, client: Wire, upstream: Wire, body: Json) -> Iterator[Finding]:
    body = _plain(upstream, body)
    yield from _official(_faults(upstream, body))
    try:
        got = _read(upstream, body)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        yield Finding("request", "wrong", f"cannot be read: {type(error).__name__} {_short(str(error))}")
        return
    want = asked(client, exchange.request(client), back=False)
    _freed(got, want)
    if upstream == "chat":
        got.says = _pictures(got.says, want.says)
    unheard = exchange.unheard.get(upstream, frozenset())
    for name in (field.name for field in fields(want)):
        if name in {"model", *unheard} or (name == "top_p" and upstream == "messages" and want.temperature is not None):
            continue  # that model takes one of the two: who leaves one out, and who does not, are both right
        yield from _compared(name, getattr(got, name), getattr(want, name), budgets="messages" in {client, upstream})


def _faults(wire: Wire, body: Json) -> list[str]:
    """Give what the official types do not allow, item by item: of a whole list they tell only that it is none."""
    items = body.get("input")
    if wire != "responses" or not isinstance(items, list):
        return faults(wire, body, dialect=True)
    return [one for item in items for one in faults(wire, body | {"input": [item]}, dialect=True)]


def _official(found: Sequence[str]) -> Iterator[Finding]:
    """Tell of what the official types do not allow, once for each kind of place."""
    for fault in dict.fromkeys(_NUMBER.sub("/*", one) for one in found):
        at, _, what = fault.partition(": ")
        if what.startswith("unknown"):
            yield Finding("request", "extra", f"{at}, which the vendor's wire does not have")
        else:
            yield Finding("request", "wrong", f"not as the wire has it: {_short(fault)}")


def _plain(wire: Wire, body: Json) -> Json:
    """Say in the words that the reader knows what can be said in others as well."""
    body = copy.deepcopy(body)
    for name in ("store", "include", "stream_options"):  # about storing and counting, not about what is asked
        body.pop(name, None)
    if wire == "messages" and body.get("thinking", {}).get("type") == "enabled":
        body["thinking"] = {"type": "enabled", "budget_tokens": 10_000}  # any budget is as good as another
    if wire == "messages" and "output_format" in body:  # the beta's name
        body.setdefault("output_config", {})["format"] = body.pop("output_format")
    if wire == "chat" and isinstance(body.get("reasoning"), dict):  # OpenRouter's name
        body["reasoning_effort"] = body["reasoning"].get("effort")
    if wire == "responses":
        for item in body["input"] if isinstance(body.get("input"), list) else ():
            _filled(item.get("content"))
    return body


def _filled(content: object) -> None:
    """Add to the parts of a Responses message what only the types demand."""
    for part in content if isinstance(content, list) else ():
        if part.get("type") in _OPTIONAL:
            part.setdefault(*_OPTIONAL[part["type"]])


def _read(wire: Wire, body: Json) -> Asked:
    """Read a body, without the fields that no exchange uses."""
    try:
        return asked(wire, body)
    except AssertionError as error:
        if not (unread := _UNREAD.match(str(error))):
            raise
        names = re.findall(r"'([^']*)'", unread[1])
        return asked(wire, {name: value for name, value in body.items() if name not in names})


def _freed(got: Asked, want: Asked) -> None:
    """Take a function of one text for the tool of free text that it stands for, whatever the text is called."""
    for name, schema in got.schemas.items():
        properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
        if want.schemas.get(name) == FREE and [one.get("type") for one in properties.values()] == ["string"]:
            got.schemas[name] = FREE
            (called,) = properties
            got.says = [
                (*leaf[:4], {"input": leaf[4][called]})
                if leaf[1] == "call" and leaf[3] == name and list(leaf[4]) == [called]
                else leaf
                for leaf in got.says
            ]


def _pictures(got: list[Leaf], want: Sequence[Leaf]) -> list[Leaf]:
    """Take a picture behind a result for the result's own where the wire has no other place."""
    for leaf in want:
        if leaf[0] != "result" or leaf[2] != "image" or leaf in got:
            continue
        moved = ("user", "image", leaf[-1])
        if moved not in got:
            continue
        at = got.index(moved)
        del got[at - 1 if got[at - 1][:2] == ("user", "text") and got[at - 1] not in want else at : at + 1]
        last = max((index for index, one in enumerate(got) if one[:2] == leaf[:2]), default=None)
        if last is not None:
            told = next((one for one in want if one[:3] == (*leaf[:2], "text")), None)
            if told and str(got[last][-1]).startswith(told[-1]):
                got[last] = told
            got.insert(last + 1, leaf)
    return got


def _compared(name: str, got: Any, want: Any, *, budgets: bool) -> Iterator[Finding]:  # noqa: ANN401  of each field its own
    if name == "says":
        yield from _said(_joined(got), _joined(want))
    elif name == "schemas":
        yield from _schemas(got, want)
    elif name == "effort" and budgets and got and want:
        return
    elif got != want:
        default = {"choice": "auto", "parallel": True, "stop": (), "stream": False}.get(name)
        kind: Kind = "lost" if got == default else "wrong"
        asked_for = "the schema of the answer" if name == "output" else f"{_NAMES.get(name, name)} {want!r}"
        yield Finding("request", kind, asked_for if kind == "lost" else f"{asked_for} is {_short(repr(got))}")


def _joined(says: Sequence[Leaf]) -> list[Leaf]:
    """Join the texts of one speaker that stand in a row, and leave out those of nothing."""
    found: list[Leaf] = []
    for leaf in says:
        if leaf[-2] != "text":
            found.append(leaf)
        elif text := " ".join(str(leaf[-1]).split()):
            before = found.pop()[-1] + " " if found and found[-1][:-1] == leaf[:-1] else ""
            found.append((*leaf[:-1], before + text))
    return found


def _said(got: list[Leaf], want: list[Leaf]) -> Iterator[Finding]:
    if got == want:
        return
    missing = [leaf for leaf in want if leaf not in got]
    more = [leaf for leaf in got if leaf not in want]
    if missing and not more:
        yield Finding("request", "lost", f"of the conversation: {_leaves(missing)}")
    elif missing or more:
        yield Finding("request", "wrong", f"in the conversation: {_leaves(more) or 'nothing'}; was: {_leaves(missing)}")
    else:
        yield Finding("request", "wrong", "the order of the conversation")


def _leaves(leaves: Sequence[Leaf]) -> str:
    told = [_short(" ".join(map(str, leaf))) for leaf in leaves[:2]]
    return "; ".join(told) + (f" and {len(leaves) - 2} more" if len(leaves) > 2 else "")  # noqa: PLR2004  as told


def _schemas(got: Mapping[str, Any], want: Mapping[str, Any]) -> Iterator[Finding]:
    for name in want.keys() - got.keys():
        yield Finding("request", "lost", f"tool {name}")
    for name in got.keys() - want.keys():
        yield Finding("request", "wrong", f"a tool {name} that the client does not have")
    for name in sorted(want.keys() & got.keys()):
        if got[name] == want[name]:
            continue
        if isinstance(got[name], dict) and isinstance(want[name], dict) and _within(got[name], want[name]):
            gone = sorted(want[name].keys() - got[name].keys())
            yield Finding("request", "lost", f"of the schema of tool {name}: {', '.join(gone) or 'inner keys'}")
        else:
            yield Finding("request", "wrong", f"the schema of tool {name} is another")


def _within(got: object, want: object) -> bool:
    if isinstance(got, dict) and isinstance(want, dict):
        return all(name in want and _within(value, want[name]) for name, value in got.items())
    return got == want


# --- the reply --------------------------------------------------------------------------------------------------------


def _reply(exchange: Exchange, client: Wire, upstream: Wire, came: Came) -> Iterator[Finding]:
    served, want = came.served, expected(exchange, client, upstream)
    if served is None:
        yield Finding("reply", "hang", "the client waits for ever")
        return
    if client == "responses":
        served, gone = _completed(served)
        yield from (Finding("reply", "wrong", f"{name} is missing, which the wire always has") for name in gone)
    try:
        got, _ = understood(client, served)
    except Exception as error:  # noqa: BLE001  whatever an SDK raises at bytes that no provider sends
        if not came.broken:
            yield _unreadable(error)
            return
        got = Means(stop=None)
    if came.broken and got.error is None:
        got = Means(got.words, got.thinking, stop=None, error="the connection breaks off")
    if exchange.reply.status // 100 != served.status // 100 and (want.error is None or exchange.reply.status != OK):
        said = f"status {served.status} instead of {exchange.reply.status}"
        yield Finding("reply", "wrong" if want.error else "error", f"{said}: {_short(got.error or '', 200)}")
        if want.error is None:
            return
    yield from _understood(got, want)


_ALWAYS: Final = {
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}


def _completed(served: Served) -> tuple[Served, list[str]]:
    """Add what a Responses reply always has and this one lacks, so that the rest can be read; give its names."""
    gone: dict[str, None] = {}

    def completed(value: Json) -> Json:
        if value.get("type") == "reasoning" and "id" in value and not isinstance(value.get("summary"), list):
            value["summary"] = []
            gone["the summary of reasoning"] = None
        if "input_tokens" in value and "total_tokens" in value:
            for name, nothing in _ALWAYS.items():
                if not isinstance(value.get(name), dict):
                    value[name] = nothing
                    gone[name] = None
        return value

    def line(text: bytes) -> bytes:
        if not text.startswith(b"data: {"):
            return text
        document = json.loads(text[6:], object_hook=completed)
        return b"data: " + json.dumps(document, ensure_ascii=False).encode()

    body = b"\n".join(map(line, served.body.split(b"\n")))
    return (replace(served, body=body), list(gone)) if gone else (served, [])


def _unreadable(error: Exception) -> Finding:
    told = str(error)
    if told in {"no message_stop", "no terminal", "None"}:
        return Finding("reply", "wrong", "the stream ends without its last event, as if that were all")
    if isinstance(error, json.JSONDecodeError):
        return Finding("reply", "wrong", "the arguments of a call are no JSON")
    *_, last = traceback.extract_tb(error.__traceback__)
    name = f"{type(error).__name__} {_short(told)}".strip()
    if "site-packages" in last.filename:
        return Finding("reply", "error", f"the official SDK fails: {name}")
    return Finding("reply", "wrong", f"not as the wire has it: {name}")


def _understood(got: Means, want: Means) -> Iterator[Finding]:
    if want.error is not None:
        if got.error is None:
            yield Finding("reply", "wrong", f"told as a success: {_short(want.error)}")
        elif want.error != CUT and want.error not in got.error:
            yield Finding("reply", "lost", f"the provider's words of the error; told is {_short(got.error)}")
        if got.calls:
            yield Finding("reply", "wrong", "calls of a reply that broke off")
        return
    if got.error is not None:
        yield Finding("reply", "error", f"the client is told of an error: {_short(got.error, 200)}")
        return
    for name in ("words", "thinking", "calls", "stop", "cited"):
        had, must = getattr(got, name), getattr(want, name)
        if had != must:
            yield Finding("reply", "wrong" if had else "lost", _told(name, had, must))
    yield from _counts(got.usage, want.usage)


def _told(name: str, had: object, must: object) -> str:
    told = f"{_SAID[name]} {_short(repr(must))}"
    return told if not had else f"{told} is {_short(repr(had))}"


def _counts(had: Usage | None, must: Usage | None) -> Iterator[Finding]:
    if had == must:
        return
    if had is None or must is None:
        yield Finding(
            "reply",
            "lost" if must else "wrong",
            "all counts of tokens" if must else "counts of tokens that nobody gave",
        )
        return
    for name in _MEASURES:
        one, other = getattr(had, name), getattr(must, name)
        if one != other:
            kind: Kind = "wrong" if one else "lost"
            told = f"the count of {'cache-written' if name == 'written' else name} tokens"
            yield Finding("reply", kind, told if not one else f"{told}: {one} instead of {other}")


def _short(text: str, most: int = _SHORT) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}…"
