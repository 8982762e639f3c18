"""What the official SDK of the client's wire understands of the bytes that a client gets, as :class:`Means`.

The SDK's own accumulator reads a stream, its own models a whole reply. What had been said when a stream broke off is
kept. No socket is opened.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, Final

import anthropic
import httpx2
import openai

from tests.translate.said import Means, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.oracles import Served
    from tests.translate.said import Stop, Wire

KEY: Final = "sk-FAKE-judge"
BASE: Final = "http://127.0.0.1:9"
HI: Final[Any] = [{"role": "user", "content": "hi"}]

STOPS: Final[Mapping[Wire, Mapping[str, Stop]]] = {
    "messages": {
        "end_turn": "end",
        "max_tokens": "length",
        "stop_sequence": "stop_sequence",
        "tool_use": "tools",
        "refusal": "refusal",
    },
    "chat": {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "refusal"},
    "responses": {"completed": "end", "max_output_tokens": "length", "content_filter": "refusal"},
}
"""The wire's own word for why a turn ended -> what it means."""


def understood(wire: Wire, served: Served) -> tuple[Means, Any]:
    """Let the SDK read a reply; give what it means, and the SDK's own object (None where there is none)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, on types that it did not expect; to a client they are no failure
        with httpx2.Client(transport=httpx2.MockTransport(served), trust_env=False) as http:
            return _READERS[wire](http, served)


def _why(error: Exception) -> str:
    """Give the words of an error as a client shows them, with the status of one that came instead of a stream."""
    status = getattr(error, "status_code", None)
    return f"{status} {error}" if isinstance(status, int) and status >= 400 else str(error)


def _joined(pieces: Iterable[str | None]) -> str:
    return "".join(piece or "" for piece in pieces)


def _usage(usage: Usage) -> Usage | None:
    """Give the counts; None where there is none but zeros."""
    return usage if usage != Usage(0, 0) else None


# --- messages ---------------------------------------------------------------------------------------------------------


def _messages(http: httpx2.Client, served: Served) -> tuple[Means, Any]:
    client = anthropic.Anthropic(api_key=KEY, base_url=BASE, max_retries=0, http_client=http)
    message: Any = None
    try:
        if served.whole:
            message = client.messages.create(model="m", max_tokens=9, messages=HI)
        else:
            with client.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
                ended = False
                for event in stream:
                    message, ended = stream.current_message_snapshot, event.type == "message_stop"
                assert ended, "no message_stop"
    except anthropic.APIError as error:
        return _of_message(message, _why(error)), message
    return _of_message(message, None), message


def _of_message(message: Any, error: str | None) -> Means:  # noqa: ANN401  the SDK's model
    if message is None:
        return Means(stop=None, error=error)
    blocks = message.content
    used = message.usage
    cached, written = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
    details = used.output_tokens_details
    usage = Usage(
        used.input_tokens + cached + written,
        used.output_tokens,
        cached,
        details.thinking_tokens if details else 0,
        written,
    )
    return Means(
        words=_joined(block.text for block in blocks if block.type == "text"),
        thinking=_joined(block.thinking for block in blocks if block.type == "thinking"),
        calls=()
        if error
        else tuple((block.id, block.name, block.input) for block in blocks if block.type == "tool_use"),
        stop=None if error else STOPS["messages"][message.stop_reason],
        usage=None if error else _usage(usage),
        error=error,
        cited=tuple(
            cited.url
            for block in blocks
            if block.type == "text"
            for cited in block.citations or ()
            if cited.type == "web_search_result_location"
        ),
    )


# --- chat -------------------------------------------------------------------------------------------------------------


def _chat(http: httpx2.Client, served: Served) -> tuple[Means, Any]:
    client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
    completion: Any = None
    try:
        if served.whole:
            completion = client.chat.completions.create(model="m", messages=HI)
        else:
            with client.chat.completions.stream(model="m", messages=HI) as stream:
                for _ in stream:
                    completion = stream.current_completion_snapshot
                completion = stream.current_completion_snapshot
    except openai.APIError as error:
        return _of_completion(completion, _why(error)), completion
    except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
        raise AssertionError from None  # only where a client asks for parsed output
    return _of_completion(completion, None), completion


def _of_completion(completion: Any, error: str | None) -> Means:  # noqa: ANN401  the SDK's model
    if completion is None:
        return Means(stop=None, error=error)
    (choice,) = completion.choices
    message, used = choice.message, completion.usage
    usage = None
    if used is not None:
        prompt, answer = used.prompt_tokens_details, used.completion_tokens_details
        cached = (prompt.cached_tokens if prompt else 0) or 0
        written = getattr(prompt, "cache_write_tokens", 0) or 0
        reasoning = (answer.reasoning_tokens if answer else 0) or 0
        assert used.total_tokens == used.prompt_tokens + used.completion_tokens
        usage = _usage(Usage(used.prompt_tokens, used.completion_tokens, cached, reasoning, written))
    return Means(
        words=_joined((message.content, message.refusal)),
        thinking=getattr(message, "reasoning_content", None) or "",
        calls=() if error else tuple(_call_of(call) for call in message.tool_calls or ()),
        stop=None if error else "refusal" if message.refusal else STOPS["chat"][choice.finish_reason],
        usage=None if error else usage,
        error=error,
        cited=tuple(_address(note) for note in getattr(message, "annotations", None) or ()),
    )


def _call_of(call: Any) -> tuple[str, str, Any]:  # noqa: ANN401  the SDK's model
    if call.type == "custom":
        custom = call.custom if isinstance(call.custom, dict) else vars(call.custom)
        return call.id, custom["name"], custom["input"]
    assert call.type == "function", call
    return call.id, call.function.name, json.loads(call.function.arguments)


def _address(note: Any) -> str:  # noqa: ANN401  the SDK's model, or what it leaves as JSON
    cited = note["url_citation"] if isinstance(note, dict) else note.url_citation
    return str(cited["url"] if isinstance(cited, dict) else cited.url)


# --- responses --------------------------------------------------------------------------------------------------------


def _responses(http: httpx2.Client, served: Served) -> tuple[Means, Any]:
    client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
    response: Any = None
    said = ["", ""]
    try:
        if served.whole:
            response = client.responses.create(model="m", input="hi")
        else:
            with client.responses.stream(model="m", input="hi") as stream:
                for event in stream:
                    _heard(said, event)
                    if event.type in {"response.completed", "response.incomplete", "response.failed"}:
                        assert response is None, "two terminals"
                        response = event.response
            assert response is not None, "no terminal"
    except openai.APIError as error:
        return Means(said[0], said[1], stop=None, error=_why(error)), None
    if response.status == "failed":
        return Means(said[0], said[1], stop=None, error=f"{response.error.code} {response.error.message}"), response
    means = _of_response(response)
    assert served.whole or (means.words, means.thinking) == tuple(said), "what is at the end is not what came"
    return means, response


def _heard(said: list[str], event: Any) -> None:  # noqa: ANN401  the SDK's event
    """Add up the deltas, which clients show while they come."""
    if event.type in {"response.output_text.delta", "response.refusal.delta"}:
        said[0] += event.delta
    elif event.type in {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}:
        said[1] += event.delta


def _of_response(response: Any) -> Means:  # noqa: ANN401  the SDK's model
    used = response.usage
    usage = None
    if used is not None:
        details = used.input_tokens_details, used.output_tokens_details
        cached, written = details[0].cached_tokens, details[0].cache_write_tokens or 0
        usage = _usage(Usage(used.input_tokens, used.output_tokens, cached, details[1].reasoning_tokens, written))
        assert used.total_tokens == used.input_tokens + used.output_tokens
    said = [part for item in response.output if item.type == "message" for part in item.content]
    thought = [item for item in response.output if item.type == "reasoning"]
    calls = tuple(
        (item.call_id, item.name, json.loads(item.arguments))
        if item.type == "function_call"
        else (item.call_id, item.name, item.input)
        for item in response.output
        if item.type in {"function_call", "custom_tool_call"}
    )
    # The wire has no word of its own for calls, nor for refusals.
    ended = STOPS["responses"][response.incomplete_details.reason if response.incomplete_details else response.status]
    return Means(
        words=_joined(part.text if part.type == "output_text" else part.refusal for part in said),
        thinking=_joined(part.text for item in thought for part in (*item.summary, *(item.content or ()))),
        calls=calls,
        stop="refusal" if any(part.type == "refusal" for part in said) else "tools" if calls else ended,
        usage=usage,
        cited=tuple(
            note.url
            for part in said
            if part.type == "output_text"
            for note in part.annotations
            if note.type == "url_citation"
        ),
    )


_READERS: Final[Mapping[Wire, Callable[[httpx2.Client, Served], tuple[Means, Any]]]] = {
    "messages": _messages,
    "chat": _chat,
    "responses": _responses,
}
