"""The shipped rules.yaml, story by story: what a newcomer gets without writing a line.

Each row is a request as an agent sends it, the variables of the user's shell, and what must become of it: the URL,
the model that the provider sees, and the credential. Sources: the Kimi stories of the README, and what providers
accept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.rules.kit import ANTHROPIC, KIMI, MOONSHOT, OAUTH, OPENAI, OPENROUTER, WEB_TOKEN, bearer, body_of, request
from wiremend.pipeline.outcome import Refused, Rewritten, Untouched
from wiremend.pipeline.request import rewrite
from wiremend.rules.load import load_rules
from wiremend.rules.lookup import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wiremend.pipeline.outcome import Outcome

TEXT = shipped().read_text("utf-8")
CODING, PLATFORM, CHINA = "https://api.kimi.com/coding/v1", "https://api.moonshot.ai", "https://api.moonshot.cn"
OWN = "sk-kimi-FAKE-of-the-environment"
PLATFORM_OWN = "sk-FAKE-of-the-environment"
MINE = "https://kimi.office.example/moonshot"


def sent(environ: Mapping[str, str], **asked: Any) -> Outcome:  # noqa: ANN401 - the parts of a request
    return rewrite(request(**asked), load_rules(TEXT, "rules.yaml", environ).resolved)


def key(credential: str) -> dict[str, str]:
    return {"x-api-key": credential}


@pytest.mark.parametrize(
    ("asked", "environ", "url", "model", "credential"),
    (
        # --- a Kimi Code key belongs to the coding endpoint, wherever it is sent, on both wires
        (
            {"headers": bearer(KIMI), "model": "kimi-for-coding"},
            {},
            f"{CODING}/chat/completions",
            "kimi-for-coding",
            f"Bearer {KIMI}",
        ),
        ({"headers": key(KIMI), "model": "k3", "wire": "messages"}, {}, f"{CODING}/messages", "k3", KIMI),
        (
            {"headers": bearer(KIMI), "model": "kimi-k2.6", "wire": "messages"},
            {},
            f"{CODING}/messages",
            "kimi-k2.6",
            KIMI,
        ),
        # … also where it was sent to the open platform, which refuses it
        (
            {"headers": bearer(KIMI), "model": "kimi-k2.6", "host": "api.moonshot.ai"},
            {},
            f"{CODING}/chat/completions",
            "kimi-k2.6",
            f"Bearer {KIMI}",
        ),
        (
            {
                "headers": key(KIMI),
                "wire": "messages",
                "host": "api.moonshot.ai",
                "target": "/anthropic/v1/messages",
                "model": "kimi-k2.6",
            },
            {},
            f"{CODING}/messages",
            "kimi-k2.6",
            KIMI,
        ),
        # … and a model that Kimi does not know becomes the coding model
        (
            {"headers": key(KIMI), "model": "claude-sonnet-4-5", "wire": "messages"},
            {},
            f"{CODING}/messages",
            "kimi-for-coding",
            KIMI,
        ),
        ({"headers": bearer(KIMI), "model": None}, {}, f"{CODING}/chat/completions", None, f"Bearer {KIMI}"),
        # --- the double /v1 of a base URL with /v1 in an Anthropic SDK
        (
            {
                "headers": key(KIMI),
                "wire": "messages",
                "host": "api.kimi.com",
                "target": "/coding/v1/v1/messages?beta=true",
                "model": "kimi-for-coding",
            },
            {},
            f"{CODING}/messages?beta=true",
            "kimi-for-coding",
            KIMI,
        ),
        (
            {
                "headers": key(KIMI),
                "wire": "messages",
                "target": "/v1/v1/messages?beta=true",
                "model": "kimi-for-coding",
            },
            {},
            f"{CODING}/messages?beta=true",
            "kimi-for-coding",
            KIMI,
        ),
        (
            {
                "headers": key(KIMI),
                "wire": "messages",
                "target": "/coding/v1/v1/messages/count_tokens?beta=true",
                "model": "kimi-for-coding",
            },
            {},
            f"{CODING}/messages/count_tokens?beta=true",
            "kimi-for-coding",
            KIMI,
        ),
        # --- every other Moonshot key belongs to the open platform
        (
            {"headers": bearer(MOONSHOT), "model": "kimi-k2.6"},
            {},
            f"{PLATFORM}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        (
            {"headers": key(MOONSHOT), "model": "kimi-k2.6", "wire": "messages"},
            {},
            f"{PLATFORM}/anthropic/v1/messages",
            "kimi-k2.6",
            MOONSHOT,
        ),
        (
            {
                "headers": bearer(MOONSHOT),
                "model": "kimi-k2.6",
                "host": "api.kimi.com",
                "target": "/coding/v1/chat/completions",
            },
            {},
            f"{PLATFORM}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        (
            {"headers": bearer(MOONSHOT), "model": "kimi-k2.6", "host": "api.moonshot.cn"},
            {},
            f"{CHINA}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        (
            {"headers": bearer(MOONSHOT), "model": "moonshot/kimi-k2.6"},
            {},
            f"{PLATFORM}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        # --- KIMI_BASE_URL wins over both
        (
            {"headers": bearer(KIMI), "model": "kimi-for-coding"},
            {"KIMI_BASE_URL": MINE},
            f"{MINE}/v1/chat/completions",
            "kimi-for-coding",
            f"Bearer {KIMI}",
        ),
        (
            {"headers": bearer(MOONSHOT), "model": "kimi-k2.6"},
            {"KIMI_BASE_URL": f"{MINE}/v1/"},
            f"{MINE}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        (
            {"headers": key(MOONSHOT), "model": "kimi-k2.6", "wire": "messages"},
            {"KIMI_BASE_URL": MINE},
            f"{MINE}/v1/messages",
            "kimi-k2.6",
            MOONSHOT,
        ),
        (
            {"model": "kimi-k2.6"},
            {"KIMI_BASE_URL": MINE, "MOONSHOT_API_KEY": PLATFORM_OWN},
            f"{MINE}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {PLATFORM_OWN}",
        ),
        # --- no key: the provider's default
        (
            {"model": "kimi-k2.6"},
            {"MOONSHOT_API_KEY": PLATFORM_OWN},
            f"{PLATFORM}/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {PLATFORM_OWN}",
        ),
        (
            {"model": "kimi-for-coding"},
            {"KIMI_API_KEY": OWN},
            f"{CODING}/chat/completions",
            "kimi-for-coding",
            f"Bearer {OWN}",
        ),
        # --- names that no endpoint knows any more
        (
            {"model": "kimi-latest"},
            {"KIMI_API_KEY": OWN},
            f"{CODING}/chat/completions",
            "kimi-for-coding",
            f"Bearer {OWN}",
        ),
        (
            {"model": "kimi-coding", "headers": bearer(KIMI)},
            {},
            f"{CODING}/chat/completions",
            "kimi-for-coding",
            f"Bearer {KIMI}",
        ),
        (
            {"model": "kimi-k2-turbo", "headers": bearer(MOONSHOT)},
            {},
            f"{PLATFORM}/v1/chat/completions",
            "kimi-k2-turbo-preview",
            f"Bearer {MOONSHOT}",
        ),
        # --- keys that say whose they are go home
        (
            {"headers": key(ANTHROPIC), "model": "claude-sonnet-4-5", "wire": "messages"},
            {},
            "https://api.anthropic.com/v1/messages",
            "claude-sonnet-4-5",
            ANTHROPIC,
        ),
        (
            {"headers": bearer(OAUTH), "model": "claude-sonnet-4-5", "wire": "messages"},
            {},
            "https://api.anthropic.com/v1/messages",
            "claude-sonnet-4-5",
            f"Bearer {OAUTH}",
        ),
        (
            {"headers": bearer(OPENROUTER), "model": "moonshotai/kimi-k2.6"},
            {},
            "https://openrouter.ai/api/v1/chat/completions",
            "moonshotai/kimi-k2.6",
            f"Bearer {OPENROUTER}",
        ),
        (
            {"headers": bearer(OPENAI), "model": "gpt-5", "wire": "responses"},
            {},
            "https://api.openai.com/v1/responses",
            "gpt-5",
            f"Bearer {OPENAI}",
        ),
        # --- and what is nobody's business goes where the client sent it, as it is
        (
            {"headers": bearer(MOONSHOT), "model": "kimi-k2.6", "host": "llm.work.example"},
            {},
            "https://llm.work.example/v1/chat/completions",
            "kimi-k2.6",
            f"Bearer {MOONSHOT}",
        ),
        (
            {"headers": key(ANTHROPIC), "model": "claude-x", "host": "llm.work.example", "wire": "messages"},
            {},
            "https://llm.work.example/v1/messages",
            "claude-x",
            ANTHROPIC,
        ),
        (
            {"headers": bearer(MOONSHOT), "model": "gpt-5", "host": "api.openai.com", "wire": "responses"},
            {},
            "https://api.openai.com/v1/responses",
            "gpt-5",
            f"Bearer {MOONSHOT}",
        ),
        (
            {
                "headers": bearer(WEB_TOKEN),
                "model": "gpt-5",
                "host": "chatgpt.com",
                "target": "/backend-api/codex/responses",
            },
            {},
            "https://chatgpt.com/backend-api/codex/responses",
            "gpt-5",
            f"Bearer {WEB_TOKEN}",
        ),
        (
            {"headers": bearer(MOONSHOT), "model": "deepseek-v4-pro", "host": "api.deepseek.com"},
            {},
            "https://api.deepseek.com/v1/chat/completions",
            "deepseek-v4-pro",
            f"Bearer {MOONSHOT}",
        ),
    ),
)
def test_stories(asked: dict[str, Any], environ: dict[str, str], url: str, model: str | None, credential: str) -> None:
    outcome = sent(environ, **asked)
    assert isinstance(outcome, Rewritten), outcome
    assert outcome.destination.url == url
    body = json.loads(outcome.body or body_of(asked["model"]))
    assert body["model"] == model or (model is None and body["model"] == "kimi-for-coding")
    held = [value for name, value in outcome.headers if name.lower() in {"authorization", "x-api-key"}]
    assert held == [credential]


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    (
        ({"model": "gpt-5"}, 404, "gpt-5"),
        ({"model": "kimi-k2.6"}, 401, "MOONSHOT_API_KEY"),
        ({"model": "kimi-latest"}, 401, "KIMI_API_KEY"),
    ),
)
def test_what_is_refused_says_what_to_do(asked: dict[str, Any], status: int, told: str) -> None:
    outcome = sent({}, **asked)
    assert isinstance(outcome, Refused)
    assert outcome.status == status
    assert told in outcome.message
    assert "rules.yaml" in outcome.message


def test_the_user_agent_of_the_client_is_forwarded() -> None:
    outcome = sent({}, headers={"User-Agent": "claude-cli/2.1.197 (external, cli)", **key(KIMI)}, wire="messages")
    assert isinstance(outcome, Rewritten)
    assert outcome.headers.get("user-agent") == "claude-cli/2.1.197 (external, cli)"
    assert outcome.headers.get("anthropic-version") == "2023-06-01"


@pytest.mark.parametrize("host", ("github.com", "registry.example", "api.kimi.com"))
def test_what_is_no_llm_request_is_left_alone(host: str) -> None:
    assert isinstance(
        sent({}, host=host, target="/project/info/refs?service=git-upload-pack", headers=bearer(KIMI)), Untouched
    )


@pytest.mark.parametrize(
    "environ", ({}, {"KIMI_BASE_URL": "https://api.kimi.ai/coding"}, {"KIMI_BASE_URL": "http://127.0.0.1:9/v1/v1"})
)
def test_the_file_is_sound_wherever_it_is_read(environ: dict[str, str]) -> None:
    loaded = load_rules(TEXT, "rules.yaml", environ)
    assert loaded.warnings == ()
    assert load_rules(TEXT, "rules.yaml", environ, offline=True).warnings == ()


def test_the_file_is_short_and_points_to_its_schema() -> None:
    assert len(TEXT.splitlines()) <= 70
    assert TEXT.startswith("# yaml-language-server: $schema=./addons/wiremend/rules/rules.schema.json\n")


def test_a_reader_in_another_folder_gets_the_same_decisions() -> None:
    """The hash says so: it is of the text, not of the place."""
    assert load_rules(TEXT, "a.yaml", {}).resolved.rules.hash == load_rules(TEXT, "/b/c.yaml", {}).resolved.rules.hash
