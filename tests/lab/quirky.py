"""Providers that show many quirks at once: each function takes a legal stream and gives what a bad server makes of it.

A quirk is named as in the catalogue. ``*_QUIRKS`` are single ones, by name; ``*_ten`` shows ten in one stream.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .replies import Answer, chat_events, messages_events, responses_events, sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .http1 import Request
    from .upstream import Reply, Script

type Json = dict[str, Any]
type Spoil = Callable[[list[Json]], list[Json]]


def documents(events: Iterable[bytes]) -> list[Json]:
    """Give the JSON of events, those that have any."""
    lines = [line for event in events for line in event.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


def named(events: Iterable[Json]) -> list[bytes]:
    """Frame documents as their type says."""
    return [sse(event, event.get("type")) for event in events]


# --- messages


def _without(kind: str) -> Spoil:
    return lambda events: [event for event in events if event.get("type") != kind]


def _input_in_start(events: list[Json]) -> list[Json]:
    """Put the tool's input whole into the block's start, with no deltas (anth-tool-input-shape)."""
    given: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            given[event["index"]] = given.get(event["index"], "") + event["delta"]["partial_json"]
    kept = []
    for event in events:
        if event["type"] == "content_block_start" and event["index"] in given:
            event["content_block"]["input"] = json.loads(given[event["index"]])
        if event["type"] == "content_block_delta" and event["index"] in given:
            continue
        kept.append(event)
    return kept


def _stop_reason(word: str | None) -> Spoil:
    def spoil(events: list[Json]) -> list[Json]:
        for event in events:
            if event["type"] == "message_delta":
                event["delta"]["stop_reason"] = (
                    word or {"tool_use": "tool_calls", "end_turn": "stop"}[event["delta"]["stop_reason"]]
                )
        return events

    return spoil


def _no_stop_reason(events: list[Json]) -> list[Json]:
    for event in events:
        if event["type"] == "message_delta":
            event["delta"]["stop_reason"] = None
    return events


def _indexes(change: Callable[[int], object]) -> Spoil:
    def spoil(events: list[Json]) -> list[Json]:
        for event in events:
            if "index" in event:
                event["index"] = change(event["index"])
        return events

    return spoil


def _no_start_usage(events: list[Json]) -> list[Json]:
    del events[0]["message"]["usage"]
    return events


def _no_delta_usage(events: list[Json]) -> list[Json]:
    for event in events:
        if event["type"] == "message_delta":
            event.pop("usage", None)
    return events


MESSAGES_QUIRKS: Final[dict[str, Spoil]] = {
    "anth-message-start-bad": _without("message_start"),
    "anth-block-start-missing": lambda events: [
        event
        for event in events
        if event["type"] != "content_block_start" or event["content_block"]["type"] == "tool_use"
    ],
    "anth-block-stop-missing": _without("content_block_stop"),
    "anth-tool-input-shape": _input_in_start,
    "anth-index-bad": _indexes(lambda index: str(index + 1)),
    "anth-message-delta-usage": _no_delta_usage,
    "anth-stop-reason": _stop_reason(None),
    "anth-stop-reason-missing": _no_stop_reason,
    "anth-message-delta-missing": _without("message_delta"),
    "anth-message-stop-missing": _without("message_stop"),
}


def messages_one(name: str) -> Callable[[Answer], list[bytes]]:
    """Give a stream with one quirk."""
    return lambda answer: named(MESSAGES_QUIRKS[name](documents(messages_events(answer))))


def messages_unnamed(answer: Answer) -> list[bytes]:
    """No ``event:`` lines (anth-event-line-missing)."""
    return [sse(event) for event in documents(messages_events(answer))]


def messages_ten(answer: Answer) -> list[bytes]:
    """Ten at once.

    anth-event-line-missing, anth-message-start-bad (no usage), anth-index-bad (text, from 1), anth-block-stop-missing,
    anth-tool-input-shape, anth-stop-reason, anth-message-delta-usage, anth-done-sentinel, anth-message-stop-missing,
    sse-keepalive-as-event, and, by the script, content-type-not-sse.
    """
    events = documents(messages_events(answer))
    for spoil in (
        _no_start_usage,
        _input_in_start,
        _indexes(lambda index: str(index + 1)),
        _without("content_block_stop"),
        _stop_reason(None),
        _no_delta_usage,
        _without("message_stop"),
    ):
        events = spoil(events)
    return [sse(events[0]), b"data:\n\n", *(sse(event) for event in events[1:]), sse("[DONE]", "message_stop")]


# --- chat


def _finish(word: str | None) -> Spoil:
    def spoil(events: list[Json]) -> list[Json]:
        for event in events:
            for choice in event["choices"]:
                choice["finish_reason"] = choice["finish_reason"] and word
        return events

    return spoil


def _calls(change: Callable[[Json], None]) -> Spoil:
    """Do something to each piece of a tool call."""

    def spoil(events: list[Json]) -> list[Json]:
        for event in events:
            for choice in event["choices"]:
                for call in choice["delta"].get("tool_calls", ()):
                    change(call)
        return events

    return spoil


def _arguments_whole(events: list[Json]) -> list[Json]:
    """Give the arguments as an object, in one piece (tool-args-object)."""
    pieces = [call for event in events for choice in event["choices"] for call in choice["delta"].get("tool_calls", ())]
    if not pieces:
        return events
    pieces[0]["function"]["arguments"] = json.loads("".join(call["function"]["arguments"] for call in pieces))
    return [
        event
        for event in events
        if not any(call in pieces[1:] for choice in event["choices"] for call in choice["delta"].get("tool_calls", ()))
    ]


def _usage_in_choice(events: list[Json]) -> list[Json]:
    """Give the usage in the last choice alone (usage-in-choice)."""
    usage = next(event["usage"] for event in events if event.get("usage"))
    kept = [event for event in events if event["choices"]]
    kept[-1]["choices"][0]["usage"] = usage
    return kept


CHAT_QUIRKS: Final[dict[str, Spoil]] = {
    "finish-reason-never": _finish(None),
    "finish-reason-nonstandard": _finish("eos_token"),
    "tool-id-missing": _calls(lambda call: call.pop("id", None)),
    "tool-index-missing": _calls(lambda call: call.pop("index")),
    "tool-args-object": _arguments_whole,
    "usage-in-choice": _usage_in_choice,
}


def chat_one(name: str) -> Callable[[Answer], list[bytes]]:
    """Give a stream with one quirk."""
    return lambda answer: [*map(sse, CHAT_QUIRKS[name](documents(chat_events(answer)))), sse("[DONE]")]


# --- responses


def _scaffold(events: list[Json]) -> list[Json]:
    gone = {"response.created", "response.in_progress", "response.content_part.added"}
    return [event for event in events if event["type"] not in gone]


def _rotate(events: list[Json]) -> list[Json]:
    for number, event in enumerate(events):
        if "item_id" in event:
            event["item_id"] = f"rotated_{number}"
    return events


def _all_zero(events: list[Json]) -> list[Json]:
    for event in events:
        if "output_index" in event:
            event["output_index"] = 0
    return events


def _chat_usage(events: list[Json]) -> list[Json]:
    for event in events:
        if event["type"] == "response.completed":
            event["response"]["usage"] = {"prompt_tokens": 11, "completion_tokens": 7}
    return events


def _done_alias(events: list[Json]) -> list[Json]:
    for event in events:
        if event["type"] == "response.completed":
            event["type"] = "response.done"
    return events


def _unnumbered(events: list[Json]) -> list[Json]:
    for event in events:
        del event["sequence_number"]
    return events


def _new_id(events: list[Json]) -> list[Json]:
    events[-1]["response"]["id"] = "resp_other"
    return events


def _no_ids(events: list[Json]) -> list[Json]:
    for event in events:
        event.get("response", {}).pop("id", None)
    return events


RESPONSES_QUIRKS: Final[dict[str, Spoil]] = {
    "resp-completed-missing": lambda events: [event for event in events if event["type"] != "response.completed"],
    "resp-item-done-missing": _without("response.output_item.done"),
    "resp-completed-fields": _chat_usage,
    "resp-done-alias": _done_alias,
    "resp-ids-missing": _no_ids,
}


def responses_one(name: str) -> Callable[[Answer], list[bytes]]:
    """Give a stream with one quirk."""
    return lambda answer: named(RESPONSES_QUIRKS[name](documents(responses_events(answer))))


def responses_ten(answer: Answer) -> list[bytes]:
    """Ten at once.

    resp-scaffold-missing, resp-item-id-rotates, resp-output-index, resp-completed-fields, resp-done-alias,
    resp-item-done-missing, resp-sequence-number, resp-type-missing, resp-unknown-events (a ping), resp-id-changes, and
    by the script content-type-not-sse.
    """
    events = documents(responses_events(answer))
    for spoil in (
        _new_id,
        _scaffold,
        _rotate,
        _all_zero,
        _chat_usage,
        _done_alias,
        _without("response.output_item.done"),
        _unnumbered,
    ):
        events = spoil(events)
    lines = []
    for event in events:
        kind = event.pop("type")
        lines.append(sse(event, kind))
    return [sse({"type": "ping"}, "ping"), *lines, sse("[DONE]")]


def serving(events: Callable[[Answer], list[bytes]], label: str = "text/event-stream") -> Callable[..., Script]:
    """Make a script like ``messages_stream`` of the lab: it streams what ``events`` gives, whatever is asked for."""

    def make(answer: Answer | None = None) -> Script:
        def script(_: Request, reply: Reply) -> None:
            reply.head(200, [("content-type", label)])
            for event in events(answer or Answer()):
                reply.send(event)
            reply.end()

        return script

    return make
