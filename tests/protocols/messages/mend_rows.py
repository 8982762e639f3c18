"""What becomes of the rows of :mod:`tests.protocols.messages.quirks`, where it is not just what was meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.lab.replies import sse
from tests.protocols.messages.kit import (
    CALL,
    ERROR,
    HELLO,
    HM,
    MIND,
    PARIS,
    START,
    STOP,
    TEXT,
    THINKING,
    TOOL,
    begin,
    change,
    delta,
    end,
    piece,
    put,
    said,
    stop,
    stream,
    swap,
    thought,
)
from tests.protocols.messages.mend_kit import ORIGIN

RAISES: Final = "what anthropic-py raises over a piece that no JSON begins with"

BECOMES: Final[dict[tuple[int, str], object]] = {
    # Bytes that are not UTF-8 have no meaning; the place is marked.
    (0, "not UTF-8 in the text"): ([{"type": "text", "text": "Hell\ufffd"}], "end_turn", 7),
    # The count of a whole reply is its own.
    (103, "JSON for a stream"): (*HELLO[:2], 1),
    (103, "JSON in an event"): (*HELLO[:2], 1),
    # A call that cannot run as it was meant is an error.
    (121, "no start of a call"): ERROR,
    (0, "no name"): ERROR,
    (0, "input of a list"): ERROR,
    (0, "input cut"): ERROR,
    (0, "input of rubbish"): RAISES,
    (0, "half a surrogate pair"): RAISES,
    # A stop reason follows from message_stop.
    (122, "no stop before message_stop"): HELLO,
    # What comes after the stop of its block is a block of its own.
    (0, "delta after the stop"): ([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}], "end_turn", 7),
    (0, "no id"): ([CALL | {"id": ORIGIN.mint("toolu", 1), "input": {"city": "Paris"}}], "tool_use", 7),
    # The rows drop a piece of the text for the one that cannot be read.
    (0, "a delta of another block"): ([{"type": "text", "text": "lo"}], "end_turn", 7),
    (0, "no delta"): ([{"type": "text", "text": "lo"}], "end_turn", 7),
    (127, "null signature"): ([THINKING | {"thinking": "Hm"}], "end_turn", 7),
    (0, "redacted nothing"): ([{"type": "redacted_thinking", "data": ""}], "end_turn", 7),
    # The last count that was told is message_start's.
    (128, "no usage"): (*HELLO[:2], 1),
    (0, "no message_delta"): (*HELLO[:2], 1),
    # A cut is no success.
    (0, "cut"): ERROR,
    (0, "cut inside an event"): ERROR,
    (0, "no event"): ERROR,
    # The stop reason has left: no block can follow.
    (0, "a block after the end"): HELLO,
}
"""Row -> what the SDK reads of the mended stream; for a row that is not here, what was meant."""

FURTHER: Final[dict[tuple[int, str], set[str]]] = {
    (121, "no start of a call"): {"block.start-missing"},
    (124, "delta first"): {"block.start-missing"},
    (0, "no block"): {"block.start-missing"},
    (0, "delta after the stop"): {"index.order", "block.stop-missing"},
    (0, "cut inside an event"): {"data.not-json"},
    (0, "a block after the end"): {"order.after-message-delta"},
    (132, "empty"): {"stop-reason.missing"},
    (129, "no delta"): {"stop-reason.missing"},
}
"""Row -> codes that mending adds: what one mend entails for later events."""


@dataclass(frozen=True, slots=True)
class Case:
    """A stream, what the SDK must read of it after mending, and the kinds and codes of the mends, in order."""

    name: str
    raw: bytes
    means: object
    mends: list[str] = field(default_factory=list)


def _text(*texts: str, reason: str = "end_turn", tokens: int = 7) -> Any:  # noqa: ANN401 - what the SDK reads
    return [{"type": "text", "text": text} for text in texts], reason, tokens


FILLED: Final = CALL | {"input": {"city": "Paris"}}


def _half(text: str, index: int = 0) -> bytes:
    document = f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"text_delta","text":"{text}"}}}}'
    return sse(document, "content_block_delta")


CASES: Final = [
    # --- tools: never run twice, with nothing, or with a part
    Case(
        "input as JSON text",
        stream(START, begin(CALL | {"input": '{"city":"Paris"}'}), *TOOL[4:]),
        PARIS,
        ["mended tool.input-type"],
    ),
    Case(
        "input and an empty piece",
        stream(START, begin(FILLED), piece(""), *TOOL[4:]),
        PARIS,
        ["mended tool.input-prefilled"],
    ),
    Case(
        "input and an empty object",
        stream(START, begin(FILLED), piece("{}"), *TOOL[4:]),
        PARIS,
        ["mended tool.input-prefilled"],
    ),
    Case(
        "input and its pieces cut",
        stream(START, begin(FILLED), piece('{"ci'), *TOOL[4:]),
        PARIS,
        ["mended tool.input-prefilled", "lost tool.input-prefilled"],
    ),
    Case(
        "input and another",
        stream(START, begin(CALL | {"input": {"city": "Rome"}}), *TOOL[2:]),
        PARIS,
        ["mended tool.input-prefilled", "lost tool.input-prefilled"],
    ),
    Case(
        "input without a stop",
        stream(START, begin(FILLED), *TOOL[5:]),
        PARIS,
        ["mended tool.input-prefilled", "invented block.stop-missing"],
    ),
    Case(
        "input of a list at once",
        stream(START, begin(CALL | {"input": [1]}), *TOOL[4:]),
        ERROR,
        ["mended tool.input-type", "failed tool.input-type"],
    ),
    Case("pieces before the start", stream(START, TOOL[2], TOOL[1], *TOOL[3:]), PARIS, ["mended block.start-missing"]),
    Case("a start twice", stream(*TOOL[:2], *TOOL[1:]), PARIS, ["mended block.stop-missing"]),
    Case(
        "a start twice, the second with the input",
        stream(*TOOL[:2], begin(FILLED), *TOOL[4:]),
        PARIS,
        ["mended tool.input-prefilled", "mended block.stop-missing"],
    ),
    Case(
        "a call twice",
        stream(*TOOL[:5], *TOOL[1:]),
        PARIS,
        ["lost index.order", *["lost order.after-message-delta"] * 3],
    ),
    Case(
        "a call after the stop reason",
        stream(*TEXT[:6], begin(CALL, 1), piece("{}", 1), stop(1), STOP),
        ERROR,
        ["failed order.after-message-delta"],
    ),
    Case("a piece after the stop", stream(*TOOL[:3], stop(), *TOOL[3:]), ERROR, ["failed block.after-stop"]),
    Case(
        "an unreadable event in a call",
        put(TOOL, 4, b'data: {"type":\n\n'),
        ERROR,
        ["lost data.not-json", "failed data.not-json"],
    ),
    Case("a keep-alive in a call", put(TOOL, 4, b"data: keep-alive\n\n"), PARIS, ["lost data.not-json"]),
    Case(
        "a piece of a list", swap(TOOL, 4, piece([1])), ERROR, ["mended tool.partial-json", "failed tool.partial-json"]
    ),
    Case(
        "a number for an id",
        stream(START, begin(CALL | {"id": 7, "name": 8}), *TOOL[4:]),
        ERROR,
        ["invented tool.id", "failed tool.name"],
    ),
    Case("no stop, no reason, no input", stream(*TOOL[:2], STOP), ERROR, ["failed stream.cut"]),
    Case(
        "input cut, length",
        stream(*TOOL[:3], stop(), end("length"), STOP),
        ([CALL | {"input": {}}], "max_tokens", 7),
        ["mended stop-reason.unknown"],
    ),
    Case(
        "input cut, tool_calls",
        stream(*TOOL[:3], stop(), end("tool_calls"), STOP),
        ERROR,
        ["mended stop-reason.unknown", "failed tool.input-cut"],
    ),
    Case(
        "input cut, no reason",
        stream(*TOOL[:3], stop(), STOP),
        ERROR,
        ["invented message-delta.missing", "failed tool.input-cut"],
    ),
    Case("a call and no message_delta", stream(*TOOL[:5], STOP), (*PARIS[:2], 1), ["invented message-delta.missing"]),
    Case(
        "a piece for the text before the call",
        stream(
            START,
            begin({"type": "text", "text": ""}),
            begin(CALL, 1),
            piece('{"city":"Paris"}'),
            stop(),
            stop(1),
            end("tool_use"),
            STOP,
        ),
        ([{"type": "text", "text": ""}, *PARIS[0]], "tool_use", 7),
        ["mended delta.block-mismatch", "mended index.order"],
    ),
    # --- blocks
    Case(
        "thinking in a block of text",
        swap(TEXT, 3, said("Hel"), thought("Hm")),
        (
            [{"type": "text", "text": "Hel"}, THINKING | {"thinking": "Hm"}, {"type": "text", "text": "lo"}],
            "end_turn",
            7,
        ),
        ["mended delta.block-mismatch", "invented block.stop-missing", "mended index.order"] * 1
        + [
            "mended index.order",
            "mended delta.block-mismatch",
            "invented block.stop-missing",
            "mended index.order",
            "mended index.order",
            "mended index.order",
        ],
    ),
    Case(
        "MiniMax says the start's text again",
        stream(START, begin({"type": "text", "text": "Hel"}), *TEXT[2:]),
        HELLO,
        ["mended text.prefilled", "mended text.prefilled"],
    ),
    Case(
        "in smaller pieces",
        stream(START, begin({"type": "text", "text": "Hel"}), said("H"), said("el"), *TEXT[3:]),
        HELLO,
        ["mended text.prefilled", "mended text.prefilled"],
    ),
    Case(
        "no repetition after all",
        stream(START, begin({"type": "text", "text": "Hel"}), said("H"), *TEXT[3:]),
        _text("HelHlo"),
        ["mended text.prefilled"],
    ),
    Case(
        "an emoji in two halves",
        stream(*TEXT[:2]) + _half("a\\ud83d") + _half("\\ude00b") + stream(*TEXT[4:]),
        _text("a\U0001f600b"),
        ["lost data.surrogate"] * 2,
    ),
    Case(
        "half an emoji",
        stream(*TEXT[:2]) + _half("a\\ud83d") + stream(*TEXT[4:]),
        _text("a\ufffd"),
        ["lost data.surrogate"],
    ),
    Case(
        "content in message_start alone",
        stream(change(START, "message", "content", to=[{"type": "text", "text": "Hello"}]), end(), STOP),
        HELLO,
        ["mended message-start.content-prefilled"],
    ),
    Case(
        "a call in message_start with text",
        stream(change(START, "message", "content", to=[{"type": "text", "text": "Hi"}, FILLED]), end(), STOP),
        ([{"type": "text", "text": "Hi"}, FILLED], "tool_use", 7),
        ["mended message-start.content-prefilled", "mended stop-reason.tool-use"],
    ),
    Case(
        "a second answer",
        stream(*TEXT[:5], change(START, "message", "id", to="msg_2"), *TEXT[1:]),
        ERROR,
        ["mended message-start.repeated", "failed message-start.repeated"],
    ),
    Case("a number for a text", swap(TEXT, 4, said(5)), _text("Hel5"), ["mended text.not-string"]),
    Case("nothing but pings", stream({"type": "ping"}), ERROR, ["failed stream.empty"]),
    # --- the end
    Case("nothing but the frame", stream(START, STOP), ERROR, ["failed stream.empty"]),
    Case("message_stop alone", stream(STOP), ERROR, ["failed stream.empty"]),
    Case(
        "[DONE] for message_stop",
        stream(*TEXT[:6]) + b"data: [DONE]\n\n",
        HELLO,
        ["mended done-sentinel", "invented message-stop.missing"],
    ),
    Case(
        "[DONE] without a stop reason",
        stream(*TEXT[:5]) + b"data: [DONE]\n\n",
        ERROR,
        ["mended done-sentinel", "failed stream.cut"],
    ),
    Case(
        "lines of data and a [DONE]",
        stream(*TEXT).replace(b"\n\n", b"\n") + b"data: [DONE]\n\n",
        HELLO,
        ["mended sse.merged"],
    ),
    Case(
        "lines of data, unfinished",
        stream(*TEXT).replace(b"\n\n", b"\n"),
        HELLO,
        ["mended sse.unterminated", "mended sse.merged"],
    ),
    Case(
        "OpenAI's usage",
        swap(
            TEXT,
            6,
            end()
            | {"usage": {"prompt_tokens": 11, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}},
        ),
        HELLO,
        ["mended usage.output-tokens"],
    ),
    Case("MAX_TOKENS", swap(TEXT, 6, end("MAX_TOKENS")), (*HELLO[:1], "max_tokens", 7), ["mended stop-reason.unknown"]),
    Case("SAFETY", swap(TEXT, 6, end("SAFETY")), (*HELLO[:1], "refusal", 7), ["mended stop-reason.unknown"]),
    Case("eos", swap(TEXT, 6, end("eos")), HELLO, ["mended stop-reason.unknown"]),
    Case("stop with a call", swap(TOOL, 6, end("stop")), PARIS, ["mended stop-reason.unknown"]),
    Case(
        "network_error",
        swap(TEXT, 6, end("network_error")),
        ERROR,
        ["mended stop-reason.unknown", "failed stop-reason.unknown"],
    ),
    Case(
        "the reason beside the delta",
        swap(TEXT, 6, {"type": "message_delta", "stop_reason": "max_tokens", "usage": {"output_tokens": 7}}),
        (HELLO[0], "max_tokens", 7),
        ["mended message-delta.delta"],
    ),
    Case(
        "vLLM's error",
        stream(*TEXT[:3]) + sse({"object": "error", "type": "InternalServerError", "message": "boom"}),
        ERROR,
        ["mended error.shape"],
    ),
    Case(
        "no types but a delta's",
        stream(*TEXT[:2]) + sse({"index": 0, "delta": {"text": "Hello"}}) + stream(*TEXT[4:]),
        HELLO,
        ["mended type.missing", "mended delta.type-missing"],
    ),
    Case(
        "signed at once and again",
        stream(START, begin(THINKING | {"signature": "c2ln"}), *MIND[2:]),
        HM,
        ["mended signature.prefilled"],
    ),
    Case(
        "an unknown event in a line",
        stream(*TEXT[:2]).replace(b"\n\n", b"\n") + sse({"type": "vendor"}) + stream(*TEXT[2:]),
        HELLO,
        ["mended sse.merged"],
    ),
    Case(
        "an index as text",
        stream(START, begin({"type": "text", "text": ""}, "0"), said("Hello", 0.0), stop("0"), end(), STOP),
        HELLO,
        ["mended index.type"] * 3,
    ),
    Case(
        "half a surrogate pair where no delta is",
        put(TEXT, 3, sse('{"type":"ping","delta":{"type":"text_delta","text":"\\ud800"}}', "ping")),
        HELLO,
        ["lost data.surrogate"],
    ),
    Case(
        "types that are lists",
        stream(
            START,
            delta("x", "x", 1) | {"delta": {"type": ["x"]}},
            begin({"type": ["x"], "text": ""}),
            *TEXT[2:],
        ),
        HELLO,
        ["mended delta.type-missing", "lost delta.missing", "mended block.type-missing"],
    ),
    Case(
        "a list for an id, under an index again",
        stream(*TOOL[:5], begin(CALL | {"id": ["x"]}), *TOOL[2:]),
        ([FILLED, FILLED | {"id": ORIGIN.mint("toolu", 1)}], "tool_use", 7),
        ["invented tool.id", *["mended index.order"] * 4],
    ),
]
