"""Streams that break the chat contract: a row for each shape of each quirk of the catalogue, and for what else can be.

A row is a stream that has the quirk and as little else as possible, what the contract finds in it, the same stream
mended (where it can be mended), and who minds. "raises" and "differs" are shown by the openai SDK's accumulator: it
fails on the bad stream, or understands something else than it does of the good one. Any other word names the client
that was measured, or whose schema says so; the SDK cannot show those. Quirk 0 is a breach that the catalogue does not
list.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.replies import sse
from tests.protocols.chat.kit import (
    CALLS,
    DONE,
    HEAD,
    ROLE,
    STOP,
    TEXT,
    TOTAL,
    USAGE,
    Found,
    call,
    choices,
    chunk,
    more,
    tools,
    without,
)

END = STOP + DONE
GOOD = ROLE + TEXT + END
CALL = tools(call(0, "c1", '{"city":"Paris"}'))
GOOD_CALL = ROLE + CALL + CALLS + DONE
DELTA = "/choices/0/delta"
ENTRY = f"{DELTA}/tool_calls/0"
FINISH = "/choices/0/finish_reason"
WHOLE = {"role": "assistant", "content": "Hi"}
BOOM = sse({"error": {"message": "boom", "type": "upstream_error", "code": "1302"}})


@dataclass(frozen=True)
class Row:
    """A quirk: its number in the catalogue, a bad stream, what is found, a good stream, who minds."""

    quirk: int
    bad: bytes
    found: list[Found]
    good: bytes | None
    who: str

    def __str__(self) -> str:
        """Name the test."""
        return f"{self.quirk}-{self.found[0][0].removeprefix('chat.') if self.found else 'sound'}-{self.who}"


def row(quirk: int, bad: bytes, breaches: list[Found], good: bytes | None, who: str) -> Row:
    return Row(quirk, bad, sorted(breaches), good, who)


def finish(reason: object) -> bytes:
    return ROLE + TEXT + chunk(finish=reason) + DONE


def first(entry: object) -> bytes:
    return ROLE + tools(entry) + CALLS + DONE


ONE = call(0, "c1", '{"a":1}')
TWO = call(1, "c2", '{"b":2}')
GOOD_ONE, GOOD_TWO = first(ONE), ROLE + tools(ONE) + tools(TWO) + CALLS + DONE
KEEPALIVES = {
    b"data:\n\n": ("empty-data", 2),
    b"data: {}\n\n": ("not-chunk", 2),
    b"event: ping\n\n": ("no-data", 2),
    b"retry: 3000\n\n": ("no-data", 2),
    b"data: keep-alive\n\n": ("not-json", 2),
    b'event: keepalive\ndata: {"type":"keepalive"}\n\n': ("not-chunk", 2),
}

ROWS = [
    row(63, ROLE + TEXT + DONE, [("chat.finish.missing", 3, "")], GOOD, "differs"),
    row(63, ROLE + TEXT, [("chat.stream.cut", 3, "")], None, "openai-node"),
    *(row(64, finish(reason), [("chat.finish.unknown", 3, FINISH)], GOOD, "OpenCode")
      for reason in ("eos", "tool_use", "end_turn", "STOP", "MAX_TOKENS", "model_context_window_exceeded", "error")),
    row(64, ROLE + TEXT + chunk(finish="") + DONE,
        [("chat.finish.empty", 3, FINISH), ("chat.finish.missing", 4, "")], GOOD, "differs"),
    row(65, ROLE + CALL + END, [("chat.finish.contradicts-tools", 3, FINISH)], GOOD_CALL, "agents"),
    row(66, ROLE + tools(call(0, "c1", '{"a":"b')) + CALLS + DONE,
        [("chat.tool-call.arguments-truncated", 3, FINISH)],
        ROLE + tools(call(0, "c1", '{"a":"b')) + chunk(finish="length") + DONE, "agents"),
    row(66, ROLE + tools(call(0, "c1", '{"a":')) + END, [("chat.tool-call.arguments-truncated", 3, FINISH)],
        None, "agents"),
    row(67, chunk({"role": "", "reasoning_content": ""}) + TEXT + END,
        [("chat.delta.role-empty", 1, f"{DELTA}/role")],
        chunk({"role": "assistant", "reasoning_content": ""}) + TEXT + END, "differs"),
    row(67, ROLE + chunk({"role": "", "content": "Hi"}) + END,
        [("chat.delta.role-empty", 2, f"{DELTA}/role")], GOOD, "AI SDK"),
    row(68, TEXT + END, [("chat.delta.role-missing", 1, f"{DELTA}/role")],
        chunk({"role": "assistant", "content": "Hi"}) + END, "differs"),
    row(68, chunk({"role": None, "content": "Hi"}) + END, [("chat.delta.role-missing", 1, f"{DELTA}/role")],
        chunk({"role": "assistant", "content": "Hi"}) + END, "differs"),
    row(69, ROLE + TEXT + STOP + without(TOTAL, "choices") + DONE,
        [("chat.chunk.choices-missing", 4, "/choices")], ROLE + TEXT + STOP + TOTAL + DONE, "raises"),
    row(69, ROLE + TEXT + STOP + chunk(choices=None, usage=USAGE) + DONE,
        [("chat.chunk.choices-missing", 4, "/choices")], ROLE + TEXT + STOP + TOTAL + DONE, "raises"),
    row(70, choices(prompt_filter_results=[]) + GOOD, [("chat.chunk.empty", 1, "/choices")], GOOD,
        "Chorus, AnythingLLM"),
    row(71, ROLE + TEXT + chunk(choices=[{"index": 0, "delta": None, "finish_reason": "stop"}]) + DONE,
        [("chat.choice.delta-null", 3, DELTA)], GOOD, "raises"),
    row(72, ROLE + chunk({"content": "Hi"}, id=123) + END, [("chat.chunk.id-type", 2, "/id")], GOOD, "AI SDK"),
    row(72, ROLE + chunk({"content": "Hi"}, created="1700000000") + END,
        [("chat.chunk.created-type", 2, "/created")], GOOD, "AI SDK"),
    row(72, ROLE + chunk({"content": "Hi"}, model=5) + END, [("chat.chunk.model-type", 2, "/model")], GOOD, "AI SDK"),
    row(72, ROLE + without(TEXT, "object") + END, [("chat.chunk.object-missing", 2, "/object")], GOOD, "differs"),
    row(72, ROLE + chunk({"content": "Hi"}, object="chat.completion") + END,
        [("chat.chunk.object-wrong", 2, "/object")], GOOD, "differs"),
    row(72, ROLE + choices({"delta": {"content": "Hi"}, "finish_reason": None}) + END,
        [("chat.choice.index-missing", 2, "/choices/0/index")], GOOD, "raises"),
    row(73, first({key: ONE[key] for key in ("id", "type", "function")}),
        [("chat.tool-call.index-missing", 2, f"{ENTRY}/index")], GOOD_ONE, "raises"),
    row(73, ROLE + tools(ONE | {"index": None}) + tools(TWO | {"index": None}) + CALLS + DONE,
        [("chat.tool-call.index-missing", event, f"{ENTRY}/index") for event in (2, 3)], GOOD_TWO, "raises"),
    row(74, ROLE + tools(ONE) + tools(TWO | {"index": 0}) + CALLS + DONE,
        [("chat.tool-call.index-reused", 3, f"{ENTRY}/index")], GOOD_TWO, "differs"),
    row(74, ROLE + tools(ONE, call(0, "c2")) + tools(more(0, '{"b":2}')) + CALLS + DONE,
        [("chat.tool-call.index-reused", 2, f"{DELTA}/tool_calls/1/index"),
         ("chat.tool-call.index-reused", 3, f"{ENTRY}/index")],
        ROLE + tools(ONE, call(1, "c2")) + tools(more(1, '{"b":2}')) + CALLS + DONE, "differs"),
    row(75, first(ONE | {"index": "0"}), [("chat.tool-call.index-type", 2, f"{ENTRY}/index")], GOOD_ONE, "AI SDK"),
    row(75, first(ONE | {"index": 1}), [("chat.tool-call.index-order", 2, f"{ENTRY}/index")], GOOD_ONE, "raises"),
    row(75, ROLE + tools(ONE) + tools(TWO | {"index": 2}) + CALLS + DONE,
        [("chat.tool-call.index-order", 3, f"{ENTRY}/index")], GOOD_TWO, "raises"),
    row(75, ROLE + tools(ONE | {"index": 1}) + tools(TWO | {"index": 0}) + CALLS + DONE,
        [("chat.tool-call.index-order", event, f"{ENTRY}/index") for event in (2, 3)], GOOD_TWO, "raises"),
    row(76, first({key: ONE[key] for key in ("index", "type", "function")}),
        [("chat.tool-call.id-missing", 2, f"{ENTRY}/id")], GOOD_ONE, "differs"),
    row(76, first(ONE | {"id": ""}), [("chat.tool-call.id-missing", 2, f"{ENTRY}/id")], GOOD_ONE, "differs"),
    row(77, first(ONE | {"id": 123}), [("chat.tool-call.id-type", 2, f"{ENTRY}/id")], first(ONE | {"id": "123"}),
        "differs"),
    row(78, ROLE + tools(call(0, "c1")) + tools({"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}})
        + CALLS + DONE,
        [("chat.tool-call.name-repeated", 3, f"{ENTRY}/function/name")],
        ROLE + tools(call(0, "c1")) + tools(more(0, '{"a":1}')) + CALLS + DONE, "differs"),
    row(79, ROLE + tools({"index": 0, "id": "c1", "type": "function", "function": {"arguments": ""}})
        + tools({"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}) + CALLS + DONE,
        [("chat.tool-call.name-missing", 2, f"{ENTRY}/function/name")], GOOD_ONE, "AI SDK"),
    row(80, first(ONE | {"type": ""}), [("chat.tool-call.type-wrong", 2, f"{ENTRY}/type")], GOOD_ONE, "differs"),
    row(80, first({key: ONE[key] for key in ("index", "id", "function")}),
        [("chat.tool-call.type-missing", 2, f"{ENTRY}/type")], GOOD_ONE, "differs"),
    row(80, ROLE + tools(call(0, "c1")) + tools(more(0, '{"a":1}') | {"type": None}) + CALLS + DONE,
        [("chat.tool-call.type-null", 3, f"{ENTRY}/type")],
        ROLE + tools(call(0, "c1")) + tools(more(0, '{"a":1}')) + CALLS + DONE, "raises"),
    row(81, ROLE + tools(ONE) + tools({"index": 0, "function": None}) + CALLS + DONE,
        [("chat.tool-call.function-missing", 3, f"{ENTRY}/function")], GOOD_ONE, "raises"),
    row(81, ROLE + tools(ONE) + tools({"index": 0}) + CALLS + DONE,
        [("chat.tool-call.function-missing", 3, f"{ENTRY}/function")], GOOD_ONE, "raises"),
    row(82, first(ONE | {"function": {"name": "f", "arguments": {"a": 1}}}),
        [("chat.tool-call.arguments-type", 2, f"{ENTRY}/function/arguments")], GOOD_ONE, "differs"),
    row(83, first(call(0, "c1", "")), [("chat.tool-call.arguments-empty", 3, FINISH)], first(call(0, "c1",
        "{}")), "differs"),
    row(83, first(call(0, "c1", "null")), [("chat.tool-call.arguments-empty", 3, FINISH)], first(call(0, "c1",
        "{}")), "differs"),
    row(83, first(ONE | {"function": {"name": "f"}}), [("chat.tool-call.arguments-empty", 3, FINISH)],
        first(call(0, "c1", "{}")), "differs"),
    row(83, first(ONE | {"function": {"name": "f", "arguments": None}}),
        [("chat.tool-call.arguments-null", 2, f"{ENTRY}/function/arguments"),
        ("chat.tool-call.arguments-empty", 3, FINISH)],
        first(call(0, "c1", "{}")), "differs"),
    row(84, ROLE + tools(call(0, "c1", "{}")) + tools(more(0, '{"a":1}')) + CALLS + DONE,
        [("chat.tool-call.arguments-restarted", 3, f"{ENTRY}/function/arguments")], GOOD_ONE, "differs"),
    row(85, ROLE + tools(call(0, "c1", '{"a":')) + tools(more(0, '{"a":1}')) + CALLS + DONE,
        [("chat.tool-call.arguments-truncated", 4, FINISH)], None, "AI SDK"),
    row(85, ROLE + tools(ONE) + tools(more(0, '{"a":1}')) + CALLS + DONE,
        [("chat.tool-call.arguments-not-json", 4, FINISH)], None, "AI SDK"),
    row(86, first(call(0, "c1", '{"a":1,}')), [("chat.tool-call.arguments-not-json", 3, FINISH)], None, "AI SDK"),
    row(87, ROLE + chunk({"function_call": {"name": "f", "arguments": '{"a":1}'}})
        + chunk(finish="function_call") + DONE,
        [("chat.choice.function-call", 2, f"{DELTA}/function_call")], GOOD_ONE, "differs"),
    row(88, ROLE + TEXT + choices({"index": 0, "message": WHOLE,
        "finish_reason": "stop"}, object="chat.completion") + DONE,
        [("chat.chunk.object-wrong", 3, "/object"), ("chat.choice.message-not-delta", 3, "/choices/0/message")],
        GOOD, "differs"),
    row(88, choices({"index": 0, "message": WHOLE, "finish_reason": "stop"}) + DONE,
        [("chat.choice.message-not-delta", 1, "/choices/0/message")], chunk(WHOLE, "stop") + DONE, "raises"),
    row(89, ROLE + TEXT + choices({"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}) + DONE,
        [("chat.usage.in-choice", 4, "")], ROLE + TEXT + chunk(finish="stop", usage=USAGE) + DONE, "differs"),
    row(91, ROLE + TEXT + STOP + choices(usage={**USAGE, "prompt_tokens": "11"}) + DONE,
        [("chat.usage.count-type", 4, "/usage/prompt_tokens")], ROLE + TEXT + STOP + TOTAL + DONE, "AI SDK"),
    row(94, ROLE + chunk({"content": "Hel", "reasoning_content": "think"}) + END,
        [("chat.delta.reasoning-with-content", 2, f"{DELTA}/content")],
        ROLE + chunk({"reasoning_content": "think"}) + chunk({"content": "Hel"}) + END, "pi"),
    row(95, ROLE + 2 * chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x"}]}) + END,
        [("chat.delta.list-index-missing", event, f"{DELTA}/reasoning_details/0/index") for event in (2, 3)],
        ROLE + 2 * chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x", "index": 0}]}) + END, "raises"),
    row(96, ROLE + chunk({"content": [{"type": "text", "text": "Hi"}]}) + END,
        [("chat.delta.content-type", 2, f"{DELTA}/content")], GOOD, "differs"),
    row(97, ROLE + TEXT + STOP, [("chat.done.missing", 4, "")], GOOD, "hand-written clients"),
    *(row(98, ROLE + TEXT + STOP + end, [("chat.done.spelling", 4, "")], GOOD, who) for end, who in (
        (b"data: [DONE] \n\n", "AI SDK"), (b"data:  [DONE]\n\n", "raises"), (b'data: "[DONE]"\n\n', "raises"),
        (b"data: [done]\n\n", "raises"))),
    row(98, ROLE + TEXT + STOP + sse("[DONE]", "done"), [("chat.event.named", 4, "")], GOOD, "hand-written clients"),
    row(99, ROLE + TEXT + STOP.rstrip(b"\n"), [("chat.event.unterminated", 3, ""), ("chat.done.missing", 4, "")],
        GOOD, "differs"),
    row(99, GOOD.rstrip(b"\n"), [("chat.event.unterminated", 4, "")], GOOD, "AI SDK"),
    *(row(100, ROLE + keepalive + TEXT + END, [(f"chat.event.{fault}", event, "")],
        ROLE + b": ping\n\n" + TEXT + END, "AI SDK" if fault == "not-chunk" else "raises")
      for keepalive, (fault, event) in KEEPALIVES.items()),
    row(101, b": OPENROUTER PROCESSING\n\n" + GOOD, [], GOOD, "nobody"),
    row(102, GOOD.replace(b"\n\n", b"\n") + b"\n", [("chat.event.merged", 1, "")], GOOD, "raises"),
    row(102, ROLE + TEXT.replace(b"\n\n", b"\n") + END, [("chat.event.merged", 2, "")], GOOD, "raises"),
    row(102, GOOD.replace(b"data: ", b"").replace(b"\n\n", b"\n"), [("chat.event.unframed", 1, "")], GOOD, "raises"),
    row(102, b"\xef\xbb\xbf" + GOOD, [("chat.event.byte-order-mark", 1, "")], GOOD, "differs"),
    row(102, GOOD.replace(b"\n", b"\r"), [], GOOD, "nobody"),
    row(103, b'{"id":"x","object":"chat.completion","choices":[]}', [("chat.stream.json-body", 1, "")], None, "raises"),
    row(105, b'{"error":{"message":"boom"}}', [("chat.stream.json-body", 1, "")], None, "raises"),
    row(106, ROLE + TEXT + sse({"code": 1302, "message": "boom"}), [("chat.error.shape", 3, "")], ROLE + TEXT
        + BOOM, "differs"),
    row(106, ROLE + TEXT + sse({"error": "boom"}), [("chat.error.shape", 3, "/error")], ROLE + TEXT + BOOM, "differs"),
    row(106, ROLE + TEXT + sse({"base_resp": {"status_code": 1004, "status_msg": "boom"}}),
        [("chat.error.shape", 3, "/base_resp")], ROLE + TEXT + BOOM, "differs"),
    row(106, ROLE + TEXT + sse({"object": "error", "message": "boom", "code": 400}), [("chat.error.shape", 3, "")],
        ROLE + TEXT + BOOM, "differs"),
    row(106, ROLE + TEXT + sse({**HEAD, "choices": [], "error": {"message": "boom", "code": 502}}),
        [("chat.error.beside-choices", 3, "/choices")], ROLE + TEXT + BOOM, "AI SDK"),
    row(107, ROLE + chunk({"content": "Hi"}, error=None) + END, [("chat.error.null", 2, "/error")], GOOD, "AI SDK"),
    row(107, ROLE + chunk({"content": "Hi"}, error={}) + END, [("chat.error.null", 2, "/error")], GOOD, "AI SDK"),
    row(108, ROLE + sse([{"error": {"code": 400, "message": "m"}}]), [("chat.error.shape", 2, "")], None, "raises"),
]  # fmt: skip

BAD_LOGPROBS = {"content": [{"token": "Hi", "logprob": "-1", "top_logprobs": []}]}
SOUND_CITATION = {"start_index": 0, "end_index": 1, "url": "https://example.com", "title": "t"}

OTHERS = [
    row(0, ROLE + TEXT.replace(b"Hi", b"H\xff") + END, [("chat.event.not-utf8", 2, "")], None, "raises"),
    row(0, ROLE + sse("5") + END, [("chat.event.not-object", 2, "")], None, "raises"),
    row(0, ROLE + TEXT + b"id: 7\n\n" + END, [("chat.event.no-data", 3, "")], GOOD, "raises"),
    row(0, ROLE + b"id: 7\n" + TEXT + b": comment\n\n" + END, [("chat.event.no-data", 3, "")], GOOD, "raises"),
    row(0, b"", [("chat.stream.empty", 1, "")], None, "raises"),
    row(0, DONE, [("chat.stream.empty", 1, "")], None, "raises"),
    row(0, b"<html>Bad gateway</html>", [("chat.stream.empty", 1, "")], None, "raises"),
    row(0, GOOD + TEXT + DONE, [("chat.stream.after-done", 5, ""), ("chat.stream.after-done", 6, "")], GOOD, "AI SDK"),
    row(0, ROLE + BOOM + TEXT + DONE, [("chat.stream.after-error", 3, "")], ROLE + BOOM + DONE, "AI SDK"),
    row(0, ROLE + sse({"error": {"message": "boom", "type": 5, "code": []}}),
        [("chat.error.shape", 2, "/error/code"), ("chat.error.shape", 2, "/error/type")], None, "AI SDK"),
    row(0, ROLE + sse({"error": {"code": 5}}), [("chat.error.shape", 2, "/error/message")], ROLE + BOOM, "differs"),
    row(0, ROLE + sse(HEAD | {"choices": {}}) + END, [("chat.chunk.choices-type", 2, "/choices")], None, "AI SDK"),
    row(0, ROLE + chunk({"content": "Hi"}, moderation="x") + END, [("chat.chunk.moderation-type", 2, "/moderation")],
        GOOD, "raises"),
    row(0, ROLE + choices(None) + END, [("chat.choice.not-object", 2, "/choices/0")], None, "raises"),
    row(0, ROLE + chunk({"content": "Hi"}, index=0.5) + END, [("chat.choice.index-type", 2, "/choices/0/index")],
        GOOD, "raises"),
    row(0, chunk(WHOLE, index=1) + chunk(finish="stop", index=1) + DONE,
        [("chat.choice.index-order", event, "/choices/0/index") for event in (1, 2)], chunk(WHOLE) + END, "raises"),
    row(0, choices({"index": 0, "delta": WHOLE}, {"index": 0, "delta": {"content": "Ho"}}) + END,
        [("chat.choice.index-repeated", 1, "/choices/1/index")], chunk(WHOLE) + chunk({"content": "Ho"}) + END,
        "raises"),
    row(0, ROLE + TEXT + choices({"index": 0, "finish_reason": "stop"}) + DONE,
        [("chat.choice.delta-missing", 3, "/choices/0/delta")], GOOD, "raises"),
    row(0, ROLE + chunk("Hi") + END, [("chat.choice.delta-type", 2, DELTA)], GOOD, "raises"),
    row(0, ROLE + choices({"index": 0, "delta": {"content": "Hi"}, "logprobs": BAD_LOGPROBS}) + END,
        [("chat.choice.logprobs-type", 2, "/choices/0/logprobs/content/0/logprob")], GOOD, "AI SDK"),
    row(0, ROLE + choices({"index": 0, "delta": {"content": "Hi"}, "logprobs": "none"}) + END,
        [("chat.choice.logprobs-type", 2, "/choices/0/logprobs")], GOOD, "raises"),
    row(0, ROLE + STOP + TEXT + DONE, [("chat.choice.after-finish", 3, DELTA)], None, "openai SDK's content.done"),
    row(0, chunk({"role": "user", "content": "Hi"}) + END, [("chat.delta.role-wrong", 1, f"{DELTA}/role")],
        chunk(WHOLE) + END, "differs"),
    row(0, chunk({"role": 5, "content": "Hi"}) + END, [("chat.delta.role-wrong", 1, f"{DELTA}/role")],
        chunk(WHOLE) + END, "differs"),
    row(0, ROLE + chunk(WHOLE) + chunk({"role": "assistant"}, "stop") + DONE,
        [("chat.delta.role-repeated", event, f"{DELTA}/role") for event in (2, 3)], GOOD, "differs"),
    row(0, ROLE + STOP + chunk({"role": "assistant"}) + DONE, [("chat.delta.role-repeated", 3, f"{DELTA}/role")],
        ROLE + STOP + chunk() + DONE, "differs"),
    row(0, ROLE + chunk({"refusal": 5}) + END, [("chat.delta.refusal-type", 2, f"{DELTA}/refusal")], None, "AI SDK"),
    row(0, ROLE + chunk({"reasoning": {}}) + END, [("chat.delta.reasoning-type", 2, f"{DELTA}/reasoning")], None,
        "AI SDK"),
    row(0, ROLE + chunk({"reasoning_content": 1}) + END,
        [("chat.delta.reasoning-type", 2, f"{DELTA}/reasoning_content")], None, "AI SDK"),
    row(0, ROLE + chunk({"tool_calls": {"index": 0}}) + END,
        [("chat.delta.tool-calls-type", 2, f"{DELTA}/tool_calls")], None, "raises"),
    row(0, ROLE + 2 * chunk({"vendor": {"a/b": [None]}}) + END,
        [("chat.delta.list-entry-type", event, f"{DELTA}/vendor/a~1b/0") for event in (2, 3)], None, "raises"),
    row(0, ROLE + chunk({"vendor": [{"index": 0}]}) + chunk({"vendor": [1]}) + END,
        [("chat.delta.list-entry-type", 3, f"{DELTA}/vendor/0")], None, "raises"),
    row(0, ROLE + chunk({"annotations": [{"index": 0, "type": "url_citation"}]}) + END,
        [("chat.delta.annotation-type", 2, f"{DELTA}/annotations/0")], None, "AI SDK"),
    row(0, ROLE + chunk({"annotations": [{"index": 0, "type": "url_citation",
        "url_citation": SOUND_CITATION | {"url": 1}}]})
        + END, [("chat.delta.annotation-type", 2, f"{DELTA}/annotations/0/url_citation/url")], None, "AI SDK"),
    row(0, ROLE + tools(5) + END, [("chat.tool-call.not-object", 2, ENTRY)], None, "raises"),
    row(0, ROLE + tools(call(0, "c1")) + tools(more(0, "{}") | {"id": "c1"}) + CALLS + DONE,
        [("chat.tool-call.id-repeated", 3, f"{ENTRY}/id")],
        ROLE + tools(call(0, "c1")) + tools(more(0, "{}")) + CALLS + DONE, "differs"),
    row(0, ROLE + tools(call(0, "")) + tools(more(0, '{"a":1}') | {"id": "c1"}) + CALLS + DONE,
        [("chat.tool-call.id-missing", 2, f"{ENTRY}/id"), ("chat.tool-call.id-late", 3, f"{ENTRY}/id")],
        GOOD_ONE, "OpenCode"),
    row(0, first(ONE | {"function": "f"}),
        [("chat.tool-call.function-type", 2, f"{ENTRY}/function"), ("chat.tool-call.arguments-empty", 3, FINISH)],
        None, "raises"),
    row(0, first(ONE | {"function": {"name": 5, "arguments": "{}"}}),
        [("chat.tool-call.name-type", 2, f"{ENTRY}/function/name")], None, "AI SDK"),
    row(0, finish(5), [("chat.finish.type", 3, FINISH)], GOOD, "differs"),
    row(0, ROLE + TEXT + CALLS + DONE, [("chat.finish.no-tools", 3, FINISH)], GOOD, "OpenCode"),
    row(0, ROLE + TEXT + chunk(finish="stop", usage=5) + DONE, [("chat.usage.type", 3, "/usage")], GOOD, "AI SDK"),
    row(0, ROLE + TEXT + chunk(finish="stop", usage=USAGE | {"prompt_tokens_details": []}) + DONE,
        [("chat.usage.type", 3, "/usage/prompt_tokens_details")], None, "AI SDK"),
    row(0, ROLE + chunk({"content": "Hi"}, usage=USAGE) + END, [("chat.usage.not-last", 4, "")],
        ROLE + TEXT + STOP + TOTAL + DONE, "differs"),
    row(0, ROLE + chunk({"content": "Hi"}, usage=USAGE) + TEXT + TEXT + END, [("chat.usage.not-last", 6, "")],
        ROLE + TEXT + TEXT + TEXT + STOP + TOTAL + DONE, "differs"),
    row(0, ROLE + b"data: {\ndata: x}\n\n" + END, [("chat.event.not-json", 2, "")], None, "raises"),
    row(0, ROLE + GOOD.replace(b"data: ", b"").replace(b"\n\n", b"\n") + b'{"choices":[]}\n\n',
        [("chat.event.unframed", 2, "")], ROLE + END, "differs"),
    row(0, first({"index": 0, "id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}),
        [("chat.tool-call.type-wrong", 2, f"{ENTRY}/type")], None, "AI SDK"),
    row(88, choices({"index": 0, "message": {"tool_calls": [ONE, 5]}, "finish_reason": "tool_calls"}) + DONE,
        [("chat.choice.message-not-delta", 1, "/choices/0/message")], None, "raises"),
    row(63, ROLE + tools(call(0, "c1", '{"a')) + DONE, [("chat.finish.missing", 3, "")], None, "openai-node"),
    # Several causes in one event are all told, and what follows is judged as if they had been mended.
    row(0, chunk({"role": "", "content": 5, "tool_calls": [{"id": 7}]}, "eos", id=1, object=None) + DONE,
        [("chat.chunk.id-type", 1, "/id"), ("chat.chunk.object-missing", 1, "/object"),
         ("chat.delta.role-empty", 1, f"{DELTA}/role"), ("chat.delta.content-type", 1, f"{DELTA}/content"),
         ("chat.tool-call.index-missing", 1, f"{ENTRY}/index"), ("chat.tool-call.id-type", 1, f"{ENTRY}/id"),
         ("chat.tool-call.type-missing", 1, f"{ENTRY}/type"),
         ("chat.tool-call.function-missing", 1, f"{ENTRY}/function"),
         ("chat.finish.unknown", 1, FINISH), ("chat.tool-call.arguments-empty", 1, FINISH)], None, "raises"),
    row(0, choices({"index": 0, "delta": WHOLE}, {"index": 1, "delta": WHOLE}) + STOP + DONE,
        [("chat.finish.missing", 3, "")],
        choices({"index": 0, "delta": WHOLE}, {"index": 1, "delta": WHOLE}) + STOP
        + chunk(finish="stop", index=1) + DONE,
        "openai-node"),
    row(0, ROLE + tools(call(0, "c1")) + DONE, [("chat.finish.missing", 3, ""),
        ("chat.tool-call.arguments-empty", 3, "")],
        first(call(0, "c1", "{}")), "differs"),
]  # fmt: skip
