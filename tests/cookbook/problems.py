"""The cookbook's problems: what the provider does, what the client asks, and how one sees that it got what it wanted.

What each provider refuses, and in which words, is from the catalogue of quirks and its links (docs/quirks.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai

from tests.lab import Answer, kimi, provider
from tests.lab.quirky import chat_one, messages_unnamed, serving
from tests.lab.replies import messages_body, sse
from tests.lab.sdk import MESSAGES, anthropic_sdk, openai_sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cookbook.kit import Stage
    from tests.lab import Reply, Request, Script

type Json = dict[str, Any]
type Ask = Callable[[Stage], str]

WORK_KEY: Final = "sk-FAKE-of-work"
KIMI_KEY: Final = "sk-kimi-FAKE-of-the-plan"
AGENT: Final = "KimiCLI/1.49"
LOOK: Final[Json] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
CALLS: Final = Answer(text="", tool=("look", {"at": "."}))
SAID: Final = Answer(text="All is well.")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the cookbook.

    ``ask`` gives what the client got, as a text; ``good`` is what it is when all is well, and anything else, an
    exception of the SDK above all, is the failure. ``quirk`` is what the diagnosis must name; None where it is none.
    """

    name: str
    script: Script
    ask: Ask
    good: str
    quirk: str | None = None
    instead: Ask | None = None
    """What the person does instead, where no change of the rules is to be had."""
    straight: bool = False
    """Wiremend never lets it happen: it is shown failing without Wiremend, straight at the provider."""


# -- providers


def refusing(wrong: Callable[[Request], str | None], then: Script, status: int = 400, **more: Any) -> Script:  # noqa: ANN401 - members of an error
    """Refuse a request with the words that ``wrong`` gives; else answer."""

    def script(request: Request, reply: Reply) -> None:
        words = wrong(request)
        if words is None:
            then(request, reply)
        else:
            reply.json(status, {"error": {"message": words, "type": "invalid_request_error", **more}})

    return script


def has(name: str, words: str) -> Callable[[Request], str | None]:
    """Refuse what has a member."""
    return lambda request: words if name in request.json() else None


def role(request: Request) -> str | None:
    for number, turn in enumerate(request.json()["messages"]):
        if turn["role"] == "developer":
            roles = ["system", "assistant", "user", "tool", "function"]
            return f"developer is not one of {roles} - 'messages.{number}.role'"
    return None


def temperature(request: Request) -> str | None:
    return (
        None if request.json().get("temperature", 1) == 1 else "invalid temperature: only 1 is allowed for this model"
    )


def reasoning(request: Request) -> str | None:
    for number, turn in enumerate(request.json()["messages"]):
        if turn.get("tool_calls") and "reasoning_content" not in turn:
            return (
                f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {number}"
            )
    return None


def schema(request: Request) -> str | None:
    for tool in request.json()["tools"]:
        for name, one in tool["function"]["parameters"]["properties"].items():
            if "anyOf" in one and "type" in one:
                return (
                    "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: "
                    f"<At path 'properties.{name}': when using anyOf, type should be defined in anyOf items instead of "
                    "the parent schema>"
                )
    return None


def bearer(request: Request, reply: Reply) -> None:
    if request.get("authorization") == f"Bearer {WORK_KEY}" and request.get("x-api-key") is None:
        provider("/anthropic/v1", SAID)(request, reply)
    else:
        error = {"type": "authentication_error", "message": "Missing Authentication header"}
        reply.json(401, {"type": "error", "error": error})


def moonshot(request: Request, reply: Reply) -> None:
    """Answer as api.moonshot.ai and api.kimi.com do: each takes its own keys."""
    if request.get("host") == "api.kimi.com":
        kimi(SAID)(request, reply)
    else:
        reply.json(401, {"error": {"message": "Invalid Authentication", "type": "invalid_authentication_error"}})


def zai(request: Request, reply: Reply) -> None:
    if request.path == "/api/coding/paas/v4/chat/completions":
        provider("/api/coding/paas/v4", SAID)(request, reply)
    else:
        reply.json(404, {"status": 404, "error": "Not Found", "path": request.path})


def broke(request: Request, reply: Reply) -> None:
    del request
    words = "You exceeded your current quota, please check your account balance"
    reply.json(429, {"error": {"message": words, "type": "exceeded_current_quota_error"}})


def sorry(request: Request, reply: Reply) -> None:
    del request
    reply.head(200, [("content-type", "text/event-stream")])
    reply.send(sse({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}))
    reply.end()


def whole(request: Request, reply: Reply) -> None:
    """Answer with JSON, whatever was asked for."""
    del request
    reply.json(200, messages_body(SAID))


# -- clients


def chat(key: str = WORK_KEY, agent: str | None = None, **asked: Any) -> Ask:  # noqa: ANN401 - what the SDK takes
    """Ask OpenAI's SDK for a whole reply, and give its text."""

    def ask(stage: Stage) -> str:
        with openai_sdk(f"{stage.gateway}/v1", key=key, agent=agent) as client:
            body: Any = {"model": "big-model", "messages": MESSAGES, **asked}
            return client.chat.completions.create(**body).choices[0].message.content or "nothing"

    return ask


def chat_stream(look: Callable[[Any], str], **asked: Any) -> Ask:  # noqa: ANN401 - what the SDK takes
    """Ask OpenAI's SDK for a stream, let it gather the whole, and look at that."""

    def ask(stage: Stage) -> str:
        body: Any = {"model": "big-model", "messages": MESSAGES, **asked}
        with (
            openai_sdk(f"{stage.gateway}/v1", key=WORK_KEY) as client,
            client.chat.completions.stream(**body) as stream,
        ):
            return look(stream.get_final_completion())

    return ask


def messages_stream(stage: Stage) -> str:
    """Ask Anthropic's SDK for a stream, let it gather the whole, and give its text."""
    with (
        anthropic_sdk(stage.gateway, key=WORK_KEY) as client,
        client.messages.stream(model="big-model", max_tokens=99, messages=MESSAGES) as stream,
    ):
        return str(stream.get_final_text())


def double(stage: Stage) -> str:
    """Give Anthropic's SDK a base URL with the ``/v1`` that it adds itself."""
    with anthropic_sdk(f"{stage.gateway}/coding/v1", key=KIMI_KEY) as client:
        first = client.messages.create(model="kimi-for-coding", max_tokens=99, messages=MESSAGES).content[0]
    return first.text if first.type == "text" else first.type


def called(completion: Any) -> str:  # noqa: ANN401 - the SDK's own type
    call = completion.choices[0].message.tool_calls[0].function
    return f"{call.name} {json.loads(call.arguments)}"


def said(completion: Any) -> str:  # noqa: ANN401 - the SDK's own type
    return f"{completion.choices[0].finish_reason}: {completion.choices[0].message.content}"


def counted(completion: Any) -> str:  # noqa: ANN401 - the SDK's own type
    return f"usage: {completion.usage.total_tokens if completion.usage else None}"


def asked_often(stage: Stage) -> str:
    """Let OpenAI's SDK ask again as it likes, and give how often it asked."""
    stage.upstream.forget()
    with openai_sdk(f"{stage.gateway}/v1", key=WORK_KEY).with_options(max_retries=1) as client:
        try:
            client.chat.completions.create(model="big-model", messages=MESSAGES)
        except openai.APIStatusError as error:
            return f"{len(stage.upstream.requests)} requests, then {error.status_code}"
    return "an answer"


HISTORY: Final[list[Json]] = [
    {"role": "user", "content": "What is here?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "a.txt"},
]
MAYBE: Final[Json] = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"at": {"type": "string", "anyOf": [{"type": "string"}, {"type": "null"}]}},
        },
    },
}
FINE: Final = provider("/v1", SAID)

TABLE: Final = (
    Problem("double-v1", kimi(SAID), double, "All is well.", straight=True),
    Problem("wrong-base", zai, chat(), "All is well."),
    Problem("unknown-model", kimi(SAID), chat(KIMI_KEY, AGENT, model="kimi-for-code"), "All is well."),
    Problem("foreign-key", moonshot, chat(KIMI_KEY, AGENT, model="kimi-for-coding"), "All is well."),
    Problem(
        "agents-only",
        kimi(SAID),
        chat(KIMI_KEY, model="kimi-for-coding"),
        "All is well.",
        "ua-allowlist-kimi-coding",
        instead=chat(KIMI_KEY, AGENT, model="kimi-for-coding"),
    ),
    Problem("bearer", bearer, messages_stream, "All is well.", "auth-bearer-required"),
    Problem(
        "developer",
        refusing(role, FINE),
        chat(messages=[{"role": "developer", "content": "Be brief."}, *MESSAGES]),
        "All is well.",
        "role-developer-rejected",
    ),
    Problem(
        "max-tokens",
        refusing(has("max_completion_tokens", "Unsupported parameter: max_completion_tokens"), FINE),
        chat(max_completion_tokens=99),
        "All is well.",
        "max-completion-tokens",
    ),
    Problem(
        "unknown-parameter",
        refusing(has("verbosity", "Unrecognized request argument supplied: verbosity"), FINE),
        chat(verbosity="low"),
        "All is well.",
    ),
    Problem(
        "temperature", refusing(temperature, FINE), chat(temperature=0.2), "All is well.", "kimi-temperature-fixed"
    ),
    Problem(
        "reasoning",
        refusing(reasoning, FINE),
        chat(messages=HISTORY, tools=[LOOK]),
        "All is well.",
        "reasoning-missing-kimi",
    ),
    Problem("schema", refusing(schema, FINE), chat(tools=[MAYBE]), "All is well.", "schema-anyof-parent-type"),
    Problem(
        "tool-index",
        serving(chat_one("tool-index-missing"))(CALLS),
        chat_stream(called, tools=[LOOK]),
        "look {'at': '.'}",
        "tool-index-missing",
    ),
    Problem(
        "no-finish",
        serving(chat_one("finish-reason-never"))(SAID),
        chat_stream(said),
        "stop: All is well.",
        "finish-reason-never",
    ),
    Problem("usage", serving(chat_one("usage-in-choice"))(SAID), chat_stream(counted), "usage: 18", "usage-in-choice"),
    Problem("event-lines", serving(messages_unnamed)(SAID), messages_stream, "All is well.", "anth-event-line-missing"),
    Problem("json-for-stream", whole, messages_stream, "All is well.", "stream-request-json-response"),
    Problem(
        "error-in-200",
        sorry,
        chat_stream(said),
        "openai.APIStatusError: Error code: 402 - insufficient balance",
        "error-200-json",
    ),
    Problem("quota", broke, asked_often, "1 requests, then 402", "quota-as-429"),
)
BY_NAME: Final = {problem.name: problem for problem in TABLE}

FAILURES: Final = (openai.OpenAIError, anthropic.AnthropicError, AssertionError, TypeError)
"""What the SDKs raise when a provider misbehaves; some of it is their own assertions."""


def got(problem: Problem, stage: Stage, ask: Ask | None = None) -> str:
    """Ask, and give what the client got, or the SDK's error as Python shows it, without the flow's id."""
    try:
        return (ask or problem.ask)(stage)
    except FAILURES as error:
        kind = type(error)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        return re.sub(r" \[flow [0-9a-f]+\]$", "", f"{name}: {error}".removesuffix(": "))
