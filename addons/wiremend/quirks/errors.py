"""Errors that are not what they say: rows for what the reading of errors does (docs/errors.md has all of it)."""

from __future__ import annotations

from functools import partial
from typing import Final

from wiremend.quirks.base import Quirk

_ALL: Final = ("messages", "chat", "responses")
_row = partial(Quirk, wires=_ALL, side="error", kind="always")

QUIRKS: Final[tuple[Quirk, ...]] = (
    _row(
        number=105,
        name="error-200-json",
        who="gateways that answer an error with 200; MiniMax's base_resp, OpenRouter",
        symptom="OpenCode asks the model again without end; the SDKs report an empty answer, and the cause is lost.",
        mend="The first bytes are looked at before the head is sent, and an error gets the status that says it.",
        before='HTTP/1.1 200 OK, {"error":{"message":"boom"}}',
        after='HTTP/1.1 502 Bad Gateway, {"error":{"message":"boom",…}}',
        evidence=(
            "https://github.com/RooCodeInc/Roo-Code/pull/9105",
            "https://github.com/pydantic/pydantic-ai/issues/3994",
            "measured: OpenCode 1.18.33 made 730 model calls in 40 s",
        ),
        codes=("chat.body.error", "responses.body.error"),
    ),
    _row(
        number=106,
        name="error-midstream-shape",
        side="stream",
        who="OpenRouter, relays whose error is a text, a code with a message, or a base_resp",
        symptom="A text that was cut short counts as a success, or a validation error hides the cause.",
        mend="The error is read, written as the client's wire has it, and ends the stream.",
        before='data: {"code":1302,"message":"boom"}',
        after='data: {"error":{"message":"boom",…}}, and the end',
        evidence=(
            "https://github.com/damianvtran/local-operator/pull/223",
            "https://github.com/diegosouzapw/OmniRoute/pull/8210",
            "https://github.com/genkit-ai/genkit/pull/6259",
        ),
        codes=("chat.error.shape", "chat.error.beside-choices"),
    ),
    _row(
        number=108,
        name="error-body-shapes",
        who="Gemini (a list), FastAPI (detail), LM Studio (a text), vLLM, Mistral, Cerebras (nothing at all)",
        symptom="The client shows a status without a cause, and does not see that the context is full.",
        mend="The body is written as the client's wire has it, with the provider's own words in it.",
        before='400 [{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]',
        after='400 {"error":{"message":"m","type":"invalid_request_error",…}}',
        evidence=(
            "https://github.com/Gitlawb/openclaude/issues/67",
            "https://github.com/earendil-works/pi/issues/6238",
            "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/670",
        ),
    ),
    _row(
        number=109,
        name="quota-as-429",
        who="Z.ai (1113), Moonshot, OpenAI (insufficient_quota)",
        symptom="The client asks again and again, though the balance is empty.",
        mend="x-should-retry: false says that asking again will not help; clients that wait after a 429 are told 402.",
        before='429 {"error":{"code":"1113","message":"Insufficient balance or no resource package."}}',
        after="the same words, with x-should-retry: false",
        evidence=(
            "https://github.com/anthropics/claude-code/issues/9201",
            "https://github.com/zai-org/feedback/issues/789",
            "https://github.com/vercel/ai/issues/9290",
            "https://github.com/MoonshotAI/kimi-code/commit/cdbd33c13",
        ),
    ),
    _row(
        number=110,
        name="overload-as-429",
        who="Z.ai, whose server is overloaded; Kimi",
        symptom="The client takes it for a rate limit: keys are changed, and the advice is wrong.",
        mend="An error whose words tell of an overload gets the status and the type that say so.",
        before='429 {"error":{"message":"The service may be temporarily overloaded"}}',
        after='503 {"type":"error","error":{"type":"overloaded_error",…}} on messages',
        evidence=(
            "https://github.com/MoonshotAI/kimi-code/issues/636",
            "source: hermes-agent 0.19.0, error_classifier.py",
        ),
    ),
    _row(
        number=111,
        name="validation-as-5xx",
        who="llama.cpp, whose template refuses the request; some gateways",
        symptom="The SDKs try a request again that cannot succeed, two to ten times.",
        mend="An error whose words are known to refuse the request gets 400.",
        before='500 {"error":{"type":"server_error","message":"Jinja Exception: …"}}',
        after='400 {"error":{"type":"invalid_request_error","message":"Jinja Exception: …"}}',
        evidence=("https://github.com/ggml-org/llama.cpp/issues/19851",),
    ),
    _row(
        number=112,
        name="overflow-phrase",
        who="every provider, each in words of its own",
        symptom="The agent does not see that the context is full, so it never compacts.",
        mend="The phrase or the code by which the client knows it is put in front of the provider's own words.",
        before='{"error":{"message":"Your request exceeded model token limit: 262144 (requested: 300000)"}}',
        after='{"type":"error","error":{"message":"prompt is too long: 300000 tokens > 262144 maximum …",…}}',
        evidence=("source: pi-ai 1.5.2, utils/overflow.js", "measured: Claude Code 2.1.197 goes by this phrase"),
    ),
    _row(
        number=113,
        name="choices-null-200",
        wires=("chat",),
        side="reply",
        who="OpenRouter, now and then",
        symptom="TypeError: 'NoneType' object is not subscriptable.",
        mend="A completion without choices becomes an error that may be tried again.",
        before='HTTP/1.1 200 OK, {"choices":null,"provider":null}',
        after='HTTP/1.1 502 Bad Gateway, {"error":{…}}',
        evidence=(
            "https://github.com/pydantic/pydantic-ai/issues/6900",
            "https://github.com/pydantic/pydantic-ai/issues/3994",
        ),
        codes=("chat.body.choices-missing",),
    ),
)
