"""Which endpoint a path ends in, and where it begins.

The table holds the spellings that clients and users produce (prefixes of providers, doubled versions, endpoints pasted
as base URLs, ids with slashes) and the neighbours that must not be taken for an endpoint. Properties hold the rest: a
prefix of versions and of a provider's own segments never changes what is found.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremend.protocols import WIRES, Found, find_endpoint
from wiremend.protocols.base import Endpoint, is_version

BOTH = ("messages", "chat")


def find(path: str) -> tuple[tuple[str, ...], str, str, int] | None:
    """Give wires, endpoint's path, kind and start for a path."""
    found = find_endpoint([segment for segment in path.split("/") if segment])
    return None if found is None else (found.wires, found.endpoint.path, found.endpoint.kind, found.start)


@pytest.mark.parametrize(
    ("path", "expected"),
    (
        # as the SDKs send them
        ("/v1/messages", (("messages",), "messages", "generate", 1)),
        ("/v1/messages/count_tokens", (("messages",), "messages/count_tokens", "count", 1)),
        ("/v1/messages/batches", (("messages",), "messages/batches", "other", 1)),
        ("/v1/messages/batches/b_1/results", (("messages",), "messages/batches", "other", 1)),
        ("/v1/chat/completions", (("chat",), "chat/completions", "generate", 1)),
        ("/v1/completions", (("chat",), "completions", "generate", 1)),
        ("/v1/embeddings", (("chat",), "embeddings", "embed", 1)),
        ("/v1/models", (BOTH, "models", "list", 1)),
        ("/v1/models/claude-sonnet-4-5", (BOTH, "models", "list", 1)),
        ("/models/moonshotai/kimi-k2", (BOTH, "models", "list", 0)),
        ("/v1/responses", (("responses",), "responses", "generate", 1)),
        ("/v1/responses/resp_1", (("responses",), "responses", "other", 1)),
        ("/responses/resp_1/cancel", (("responses",), "responses", "other", 0)),
        ("/v1/responses/resp_1/input_items", (("responses",), "responses", "other", 1)),
        ("/v1/responses/input_tokens", (("responses",), "responses/input_tokens", "count", 1)),
        ("/v1/responses/compact", (("responses",), "responses/compact", "other", 1)),
        # behind the prefixes of providers
        ("/coding/v1/messages", (("messages",), "messages", "generate", 2)),
        ("/api/paas/v4/chat/completions", (("chat",), "chat/completions", "generate", 3)),
        ("/openai/deployments/x/chat/completions", (("chat",), "chat/completions", "generate", 3)),
        ("/models/x/v1/chat/completions", (("chat",), "chat/completions", "generate", 3)),
        ("/models/chat/completions", (("chat",), "chat/completions", "generate", 1)),
        ("/models/org/name/v1/models", (BOTH, "models", "list", 4)),
        ("/v1beta/models/gemini-pro", (BOTH, "models", "list", 1)),
        # doubled, repeated, pasted
        ("/v1/v1/messages", (("messages",), "messages", "generate", 2)),
        ("//v1//messages/", (("messages",), "messages", "generate", 1)),
        ("/messages/v1/messages", (("messages",), "messages", "generate", 2)),
        ("/coding/v1/messages/v1/messages/count_tokens", (("messages",), "messages/count_tokens", "count", 4)),
        ("/chat/completions/v1/chat/completions", (("chat",), "chat/completions", "generate", 3)),
        ("/chat/completions/chat/completions", (("chat",), "chat/completions", "generate", 2)),
        ("/v1/chat/completions/models", (BOTH, "models", "list", 3)),
        ("/responses/responses", (("responses",), "responses", "generate", 1)),
        ("/v1/responses/v1/responses/v1/responses", (("responses",), "responses", "generate", 5)),
        ("/responses/v1/responses/resp_1/cancel", (("responses",), "responses", "other", 2)),
        ("/models/v1/models", (BOTH, "models", "list", 2)),
        ("/models/v1/models/a/b", (BOTH, "models", "list", 2)),
        # ids that look like something else
        ("/v1/responses/v1", (("responses",), "responses", "other", 1)),
        ("/v1/models/v2", (BOTH, "models", "list", 1)),
        # not ours
        ("/", None),
        ("/coding", None),
        ("/api/messages/v2/threads", None),
        ("/v1/messages/msg_1", None),
        ("/chat", None),
        ("/v1/chat/completions/chatcmpl-1", None),
        ("/v1/chat/completions/chatcmpl-1/messages", None),
        ("/v1/threads/thread_1/messages", None),
        ("/v1/threads/thread_1/messages/msg_1", None),
        ("/v1/organization/usage/completions", None),
        ("/v1/organization/usage/embeddings", None),
        ("/v1/files", None),
        ("/V1/Messages", None),
        ("/v1/countmessages", None),
    ),
)
def test_path_ends_in(path: str, expected: tuple[tuple[str, ...], str, str, int] | None) -> None:
    assert find(path) == expected


closed = sorted({e.path for wire in WIRES.values() for e in wire.endpoints if not e.rest})
heads = st.lists(st.sampled_from(["v1", "V1", "v1beta", "coding", "api", "paas", "v4", "anthropic", "x"]), max_size=5)


@given(heads, st.sampled_from(closed))
def test_what_stands_before_does_not_matter(head: list[str], path: str) -> None:
    alone = find_endpoint(path.split("/"))
    assert alone is not None
    assert find_endpoint([*head, *path.split("/")]) == Found(alone.wires, alone.endpoint, len(head))


@given(st.lists(st.sampled_from(["v1", "messages", "chat", "completions", "models", "responses", "a"]), max_size=7))
def test_what_is_found_reaches_to_the_end_of_the_path(segments: list[str]) -> None:
    found = find_endpoint(segments)
    if found is not None:
        tail = "/".join(segments[found.start :])
        assert tail == found.endpoint.path or (found.endpoint.rest and tail.startswith(found.endpoint.path + "/"))
        assert found.wires == tuple(name for name, wire in WIRES.items() if found.endpoint in wire.endpoints)


@pytest.mark.parametrize(
    "segment", ("v1", "v4", "V1", "v10", "v1beta", "v1beta1", "v1alpha", "V1Alpha2", "v1.1", "v1p1beta1")
)
def test_version_segments(segment: str) -> None:
    assert is_version(segment)


@pytest.mark.parametrize(
    "segment",
    ("", "v", "1", "vv1", "v1x", "version1", "v1-beta", "v1\n", "v\N{ARABIC-INDIC DIGIT ONE}", "beta1", "v.1"),
)
def test_segments_that_are_no_version(segment: str) -> None:
    assert not is_version(segment)


class TestWires:
    def test_carry_their_own_names(self) -> None:
        assert [(name, wire.name) for name, wire in WIRES.items()] == [
            ("messages", "messages"),
            ("chat", "chat"),
            ("responses", "responses"),
        ]

    def test_say_how_they_are_spoken_to(self) -> None:
        assert {name: (wire.auth, dict(wire.headers)) for name, wire in WIRES.items()} == {
            "messages": ("x-api-key", {"anthropic-version": "2023-06-01"}),
            "chat": ("bearer", {}),
            "responses": ("bearer", {}),
        }

    def test_say_where_a_reply_names_its_model(self) -> None:
        assert {name: wire.model_pointers for name, wire in WIRES.items()} == {
            "messages": ("/model", "/message/model"),
            "chat": ("/model",),
            "responses": ("/model", "/response/model"),
        }

    def test_have_one_endpoint_a_path_and_openness(self) -> None:
        """Two endpoints that the table cannot tell apart would hide one another."""
        for wire in WIRES.values():
            keys = [(endpoint.path, endpoint.rest) for endpoint in wire.endpoints]
            assert len(keys) == len(set(keys)), wire.name

    def test_share_a_path_only_by_sharing_the_endpoint(self) -> None:
        kinds: dict[tuple[str, bool], Endpoint] = {}
        for endpoint in (e for wire in WIRES.values() for e in wire.endpoints):
            assert kinds.setdefault((endpoint.path, endpoint.rest), endpoint) == endpoint
