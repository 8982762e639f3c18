"""The official Python SDKs as judges of a reply's bytes: what each understands, or why it gives up.

Each call goes through a transport that answers with the bytes; no socket is opened. The judges of the JavaScript world
are in ``tests/clients/judge.py``, the readers of agents that are no SDKs in ``tests/oracles_agents.py``; all give a
:class:`tests.verdicts.Verdict`.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, Final

import anthropic
import httpx2
import openai

from tests.oracles_agents import AGENTS
from tests.oracles_agents_chat import CHAT_AGENTS
from tests.oracles_agents_more import MORE_AGENTS
from tests.verdicts import Served, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ORACLES", "Served", "Verdict", "verdict"]

KEY: Final = "sk-FAKE-judge"
BASE: Final = "http://127.0.0.1:9"
MESSAGES: Final[Any] = [{"role": "user", "content": "hi"}]


def _anthropic(served: Served) -> Verdict:
    with httpx2.Client(transport=httpx2.MockTransport(served), trust_env=False) as http:
        client = anthropic.Anthropic(api_key=KEY, base_url=BASE, max_retries=0, http_client=http)
        if served.whole:
            message: Any = client.messages.create(model="m", max_tokens=9, messages=MESSAGES)
        else:
            with client.messages.stream(model="m", max_tokens=9, messages=MESSAGES) as stream:
                message = stream.get_final_message()
    text = "".join(block.text for block in message.content if block.type == "text")
    tools = tuple((block.name, block.input) for block in message.content if block.type == "tool_use")
    usage = (message.usage.input_tokens, message.usage.output_tokens)
    return Verdict(ok=True, text=text, tools=tools, finish=message.stop_reason, usage=usage)


def _openai(served: Served) -> Verdict:
    with httpx2.Client(transport=httpx2.MockTransport(served), trust_env=False) as http:
        client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
        if served.whole:
            completion: Any = client.chat.completions.create(model="m", messages=MESSAGES)
        else:
            with client.chat.completions.stream(model="m", messages=MESSAGES) as stream:
                for _ in stream:
                    pass
                completion = stream.current_completion_snapshot
    choice = completion.choices[0]
    calls = choice.message.tool_calls or []
    tools = tuple((call.function.name, json.loads(call.function.arguments)) for call in calls)
    used = completion.usage
    usage = (used.prompt_tokens, used.completion_tokens) if used else None
    details = used.prompt_tokens_details if used else None
    return Verdict(
        ok=True,
        text=choice.message.content or "",
        tools=tools,
        finish=choice.finish_reason,
        usage=usage,
        cached=(details.cached_tokens if details else 0) or 0,
    )


def _openai_again(served: Served) -> Verdict:
    """Ask the SDK whether it would send the request again, which is what a refusal that is final must not bring on."""
    client = openai.OpenAI(api_key=KEY, base_url=BASE)
    response = served(httpx2.Request("POST", BASE))
    if client._should_retry(response):  # asked, rather than waited for: the SDK sleeps between its tries
        return Verdict(ok=False, error="it asks again")
    return _openai(served)


def _responses(served: Served) -> Verdict:
    with httpx2.Client(transport=httpx2.MockTransport(served), trust_env=False) as http:
        client = openai.OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0, http_client=http)
        if served.whole:
            response: Any = client.responses.create(model="m", input="hi")
        else:
            with client.responses.stream(model="m", input="hi") as stream:
                for event in stream:
                    if event.type == "response.failed":  # of which the final response knows nothing
                        error = event.response.error
                        return Verdict(ok=False, finish="failed", error=error.message if error else None)
                response = stream.get_final_response()
    tools = tuple((item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call")
    usage = (response.usage.input_tokens, response.usage.output_tokens) if response.usage else None
    failed = response.error
    return Verdict(
        ok=failed is None,
        text=response.output_text,
        tools=tools,
        finish=response.status,
        error=failed.message if failed is not None else None,
        usage=usage,
    )


ORACLES: Final[dict[str, Callable[[Served], Verdict]]] = {
    "anthropic-py": _anthropic,
    "openai-py": _openai,
    "openai-py/again": _openai_again,
    "openai-py/responses": _responses,
    **AGENTS,
    **CHAT_AGENTS,
    **MORE_AGENTS,
}


def verdict(oracle: str, served: Served) -> Verdict:
    """Let a Python SDK read a reply. Whatever it raises is a verdict, its own bugs as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, on types that it did not expect; to a client they are no failure
        try:
            return ORACLES[oracle](served)
        except Exception as error:  # noqa: BLE001 - what a parser raises is what is asked for
            return Verdict(
                ok=False, error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
