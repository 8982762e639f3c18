"""By what the turns of a conversation are known: the same for all turns, another for any other conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.headers import Headers
from wiremend.pipeline.conversation import READ, conversation_of
from wiremend.rules.facts import facts_of

if TYPE_CHECKING:
    from wiremend.rules.facts import Facts

CAPTURES: Final = Path(__file__).parents[2] / "captures"
KEY: Final = ("authorization", "Bearer sk-kimi-FAKE0001")
SESSION: Final = "191048c9-0258-4712-a44a-1f4d75626a94"


def asked(body: object, *fields: tuple[str, str], path: str = "/v1/messages", agent: str | None = None) -> Facts:
    """Give the facts of a request; bytes are sent as they are."""
    return facts_of(
        style="gateway",
        method="POST",
        target=path,
        headers=Headers(fields),
        host=None,
        port=None,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        agent_header="x-agent-id",
        agent=agent,
    )


def captured(case: str) -> Facts:
    """Give the facts of a recorded request."""
    folder = CAPTURES / case
    first, *lines = (folder / "client.request").read_text(encoding="utf-8").splitlines()
    fields = [line.partition(": ")[::2] for line in lines]
    body = (folder / "client.request.json").read_bytes()
    return asked(body, *((name, value) for name, value in fields), path=first.split(" ")[1])


def without(facts: Facts, *names: str) -> Facts:
    """Give the same request without some headers."""
    return asked(facts.body, *facts.headers.without(*names), path=facts.target)


def said(words: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any members
    return {"model": "m", "messages": [{"role": "user", "content": words}], **more}


RECORDED = ("messages/session-claude-code", "chat/session-opencode", "responses/session-codex")


@pytest.mark.parametrize("session", RECORDED)
def test_the_turns_of_a_recorded_session_are_one_conversation(session: str) -> None:
    one, other = captured(f"{session}-01"), captured(f"{session}-02")
    assert one.body != other.body
    assert conversation_of(one) is not None
    assert conversation_of(one) == conversation_of(other)


def test_recorded_sessions_are_three_conversations() -> None:
    assert len({conversation_of(captured(f"{session}-01")) for session in RECORDED}) == 3


HEADERS: Final = (
    "x-claude-code-session-id",
    "x-session-id",
    "x-session-affinity",
    "session-id",
    "thread-id",
)


@pytest.mark.parametrize("session", RECORDED)
def test_without_its_headers_the_body_tells(session: str) -> None:
    """A gateway in between may drop them: the session in the metadata, the cache's key, the first words are left."""
    one, other = (without(captured(f"{session}-{turn}"), *HEADERS) for turn in ("01", "02"))
    assert conversation_of(one) is not None
    assert conversation_of(one) == conversation_of(other)


def test_claude_code_says_the_same_in_its_header_and_in_its_metadata() -> None:
    one = captured("messages/session-claude-code-01")
    assert conversation_of(one) == conversation_of(without(one, *HEADERS))


@pytest.mark.parametrize(
    "name",
    ("X-Claude-Code-Session-Id", "session_id", "Session-Id", "conversation_id", "thread-id", "x-session-id"),
)
def test_a_header_tells_whatever_the_body_is(name: str) -> None:
    one = conversation_of(asked(said("a"), (name, "one")))
    assert one == conversation_of(asked(said("b"), (name, " one "))) == conversation_of(asked(b"\xff", (name, "one")))
    assert one != conversation_of(asked(said("a"), (name, "two")))


@pytest.mark.parametrize(
    "user",
    (
        json.dumps({"device_id": "d", "account_uuid": "", "session_id": SESSION}),
        f"user_5c2b_account_9f_session_{SESSION}",
    ),
)
def test_the_session_is_read_out_of_claude_code_s_user(user: str) -> None:
    one = asked(said("a", metadata={"user_id": user}))
    other = asked(said("b", metadata={"user_id": user}))
    assert conversation_of(one) == conversation_of(other)
    assert conversation_of(one) == conversation_of(asked(said("c"), ("x-claude-code-session-id", SESSION)))


def test_a_user_is_no_conversation() -> None:
    one, other = (asked(said(words, metadata={"user_id": "user-1"}, user="user-1")) for words in ("a", "b"))
    assert conversation_of(one) != conversation_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    (
        ({"prompt_cache_key": "k1"}, {"prompt_cache_key": "k2"}),
        ({"conversation": "conv_1"}, {"conversation": "conv_2"}),
        ({"conversation": {"id": "conv_1"}}, {"conversation": {"id": "conv_2"}}),
    ),
)
def test_the_body_s_own_names_tell(one: dict[str, Any], other: dict[str, Any]) -> None:
    path = "/v1/responses"
    first = conversation_of(asked({"input": "a", **one}, path=path))
    assert first == conversation_of(asked({"input": "b", **one}, path=path))
    assert first != conversation_of(asked({"input": "a", **other}, path=path))


def test_a_conversation_s_two_spellings_are_one() -> None:
    one, other = (asked({"input": "a", "conversation": named}, path="/v1/responses") for named in ("c", {"id": "c"}))
    assert conversation_of(one) == conversation_of(other)


def test_the_response_before_is_none() -> None:
    one, other = (asked({"input": "a", "previous_response_id": name}, path="/v1/responses") for name in ("r1", "r2"))
    assert conversation_of(one) == conversation_of(other)


# -- by the first words


def history(*turns: str, role: str = "user") -> dict[str, Any]:
    messages = [{"role": "system", "content": f"It is turn {len(turns)}."}]
    messages += [{"role": role if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(turns)]
    return {"model": "m", "messages": messages}


@pytest.mark.parametrize("path", ("/v1/messages", "/v1/chat/completions"))
def test_a_history_that_grows_is_one_conversation(path: str) -> None:
    one = conversation_of(asked(history("Hi"), KEY, path=path))
    assert one is not None
    assert one == conversation_of(asked(history("Hi", "Hello.", "Go on"), KEY, path=path))
    assert one != conversation_of(asked(history("Ho", "Hello.", "Go on"), KEY, path=path))


@pytest.mark.parametrize(
    "items",
    (
        [{"role": "user", "content": "Hi"}],
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
    ),
)
def test_the_forms_of_the_responses_wire_say_the_same(items: list[Any]) -> None:
    one = conversation_of(asked({"input": "Hi"}, path="/v1/responses"))
    grown = [{"role": "developer", "content": "x"}, *items, {"type": "reasoning"}, {"role": "user", "content": "b"}]
    assert one == conversation_of(asked({"input": items}, path="/v1/responses"))
    assert one == conversation_of(asked({"input": grown}, path="/v1/responses"))


def test_another_client_agent_or_credential_is_another_conversation() -> None:
    body = history("Hi")
    found = [
        conversation_of(asked(body, KEY)),
        conversation_of(asked(body, ("authorization", "Bearer sk-kimi-FAKE0002"))),
        conversation_of(asked(body)),
        conversation_of(asked(body, KEY, ("user-agent", "opencode/1.18.33"))),
        conversation_of(asked(body, KEY, ("x-agent-id", "worker-7"))),
        conversation_of(asked(body, KEY, agent="worker-8")),
    ]
    assert len(set(found)) == len(found)


def test_an_agent_cannot_pass_for_the_end_of_a_client() -> None:
    one = asked(history("Hi"), ("user-agent", "ab/1"), agent="c")
    other = asked(history("Hi"), ("user-agent", "a/1"), agent="bc")
    assert conversation_of(one) != conversation_of(other)


def test_an_image_alone_is_a_beginning_too() -> None:
    images = [[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}] for data in ("AA", "BB")]
    found = [conversation_of(asked(said(image), path="/v1/chat/completions")) for image in images]
    assert None not in found
    assert found[0] != found[1]


def test_only_the_beginning_is_looked_at() -> None:
    one, other = (conversation_of(asked(said("x" * READ + end))) for end in "ab")
    assert one == other
    assert one != conversation_of(asked(said("y" * READ)))


def test_no_credential_and_no_prompt_can_be_read_from_it() -> None:
    found = conversation_of(asked(said("my secret"), KEY))
    assert found is not None
    assert len(found) == 32
    assert int(found, 16) >= 0


@pytest.mark.parametrize(
    ("body", "path"),
    (
        (said("Hi"), "/v1/models"),
        (said("Hi"), "/v1/embeddings"),
        (said("Hi"), "/favicon.ico"),
        (b"", "/v1/messages"),
        (b"\xff{", "/v1/messages"),
        (b"[]", "/v1/messages"),
        (b'"text"', "/v1/messages"),
        ({}, "/v1/messages"),
        ({"messages": []}, "/v1/messages"),
        ({"messages": {"role": "user"}}, "/v1/messages"),
        ({"messages": [{"role": "system", "content": "x"}, 1, None, "user", {"role": 1}]}, "/v1/messages"),
        (b"[" * 100_000, "/v1/messages"),
    ),
)
def test_where_nothing_tells_there_is_none(body: object, path: str) -> None:
    assert conversation_of(asked(body, path=path)) is None


def test_an_escaped_name_is_the_name_that_it_says() -> None:
    body = b'{"messages":[{"r\\u006fle":"us\\u0065r","content":"H\\u0069"}]}'
    assert conversation_of(asked(body)) == conversation_of(asked(said("Hi")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("user"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("role", "content", "text", "type", "user_id", "id")), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = ("input", "metadata", "prompt_cache_key", "conversation")
MESSAGES = st.lists(st.fixed_dictionaries({"role": JSON, "content": JSON}), max_size=4)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), MESSAGES)
def test_any_body_is_read_and_what_is_said_later_changes_nothing(body: dict[str, Any], messages: list[Any]) -> None:
    begun = [{"role": "user", "content": "Hi"}, *messages]
    found = conversation_of(asked({**body, "messages": begun}))
    assert found is not None
    assert found == conversation_of(asked({**body, "messages": begun[:1]}))
    assert len(conversation_of(asked({**body, "messages": messages})) or found) == 32
