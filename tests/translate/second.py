"""The next request of a client: what it said before, what it understood of the reply, and the results of the calls.

As clients of each wire do it: what the SDK made of the reply goes back as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.translate.said import Json, Wire


def next_request(wire: Wire, before: Json, reply: Any, results: Mapping[str, str]) -> Json:  # noqa: ANN401  the SDK's model
    """Write the next request; ``results`` by the ids of the calls, which must be just those of the reply."""
    if wire == "messages":
        return _messages(before, reply, results)
    return _chat(before, reply, results) if wire == "chat" else _responses(before, reply, results)


def _messages(before: Json, reply: Any, results: Mapping[str, str]) -> Json:  # noqa: ANN401  as above
    content = [block.model_dump(mode="json", exclude_none=True) for block in reply.content]
    for block in content:
        for name in ("parsed_output", "caller"):
            block.pop(name, None)
    assert [block["id"] for block in content if block["type"] == "tool_use"] == list(results)
    blocks = [{"type": "tool_result", "tool_use_id": id_, "content": text} for id_, text in results.items()]
    turns = [{"role": "assistant", "content": content}, {"role": "user", "content": blocks}]
    return before | {"messages": [*before["messages"], *turns]}


def _chat(before: Json, reply: Any, results: Mapping[str, str]) -> Json:  # noqa: ANN401  as above
    message = reply.choices[0].message.model_dump(mode="json", exclude_none=True)
    message.pop("parsed", None)
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call.get("function", {}).pop("parsed_arguments", None)
    assert [call["id"] for call in message.get("tool_calls", ())] == list(results)
    answers = [{"role": "tool", "tool_call_id": id_, "content": text} for id_, text in results.items()]
    return before | {"messages": [*before["messages"], message, *answers]}


def _responses(before: Json, reply: Any, results: Mapping[str, str]) -> Json:  # noqa: ANN401  as above
    items = [item.model_dump(mode="json", exclude_none=True) for item in reply.output]
    for item in items:
        for name in ("parsed_arguments", "parsed", *(("status",) if item["type"] == "custom_tool_call" else ())):
            item.pop(name, None)  # no field of a request
    calls = {item["call_id"]: item["type"] for item in items if item["type"] in {"function_call", "custom_tool_call"}}
    assert list(calls) == list(results)
    outputs = [{"type": f"{calls[id_]}_output", "call_id": id_, "output": text} for id_, text in results.items()]
    said = before["input"]
    said = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return before | {"input": [*said, *items, *outputs]}
