"""Lists of models: read from whatever providers send, written as each wire has them, judged by the official SDKs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from anthropic.types import ModelInfo
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Model
from pydantic import TypeAdapter

from wiremend.protocols.chat import models as openai
from wiremend.protocols.messages import models as anthropic
from wiremend.protocols.messages.models import Page, page_of
from wiremend.protocols.models import ModelEntry, read_model, read_models

if TYPE_CHECKING:
    from collections.abc import Sequence

CREATED = 1_767_225_600  # 2026-01-01T00:00:00Z


def listed(*rows: object, **more: object) -> bytes:
    return json.dumps({"data": rows, **more}).encode()


ANTHROPIC = {
    "type": "model",
    "id": "claude-opus-4-6",
    "display_name": "Claude Opus 4.6",
    "created_at": "2026-01-01T00:00:00Z",
    "max_input_tokens": 1_000_000,
    "max_tokens": 128_000,
    "lifecycle": "active",
}
OPENROUTER = {
    "id": "moonshotai/kimi-k2.6",
    "canonical_slug": "moonshotai/kimi-k2.6-20260420",
    "name": "MoonshotAI: Kimi K2.6",
    "created": CREATED,
    "context_length": 262144,
    "top_provider": {"context_length": 131072, "max_completion_tokens": 65536, "is_moderated": False},
    "pricing": {"prompt": "0.0000006"},
}


@pytest.mark.parametrize(
    ("body", "entries"),
    (
        (
            listed({"id": "gpt-5", "object": "model", "created": CREATED, "owned_by": "openai"}, object="list"),
            [ModelEntry("gpt-5", created=CREATED, owner="openai")],
        ),
        (
            listed(ANTHROPIC, has_more=False, first_id="claude-opus-4-6", last_id="claude-opus-4-6"),
            [ModelEntry("claude-opus-4-6", "Claude Opus 4.6", CREATED, 1_000_000, 128_000)],
        ),
        (
            listed(OPENROUTER),
            [ModelEntry("moonshotai/kimi-k2.6", "MoonshotAI: Kimi K2.6", CREATED, 262144, 65536)],
        ),
        # vLLM
        (
            listed({"id": "qwen", "object": "model", "owned_by": "vllm", "max_model_len": 32768, "root": "/m"}),
            [ModelEntry("qwen", context_window=32768, owner="vllm")],
        ),
        # Kimi Code
        (
            listed({"id": "k3", "object": "model", "context_length": 1048576, "display_name": "Kimi K3"}),
            [ModelEntry("k3", "Kimi K3", context_window=1048576)],
        ),
        # Groq
        (
            listed({"id": "g", "context_window": 131072, "max_completion_tokens": 8192, "active": True}),
            [ModelEntry("g", context_window=131072, max_output=8192)],
        ),
        # llama.cpp, which also has a list of its own form beside data
        (
            listed({"id": "l", "meta": {"n_ctx_train": 40960}}, object="list", models=[{"name": "l"}]),
            [ModelEntry("l", context_window=40960)],
        ),
        # Ollama's own list, Gemini's own list
        (
            b'{"models":[{"name":"llama3:8b","model":"llama3:8b","modified_at":"2026-01-01T00:00:00.5+01:00"}]}',
            [ModelEntry("llama3:8b")],
        ),
        (
            b'{"models":[{"name":"models/g","displayName":"G","inputTokenLimit":1000,"outputTokenLimit":10}]}',
            [ModelEntry("models/g", "G", context_window=1000, max_output=10)],
        ),
        # that of Together, which is bare
        (
            json.dumps(
                [{"id": "a", "organization": "Meta", "created": 0, "context_length": 4096}, {"id": "b"}]
            ).encode(),
            [ModelEntry("a", context_window=4096, owner="Meta"), ModelEntry("b")],
        ),
        (b'["a","b",""]', [ModelEntry("a"), ModelEntry("b")]),
        (b'\xef\xbb\xbf{"data":[]}', []),
        (b"[]", []),
        # what is broken in a row costs that alone
        (
            listed(None, 5, {}, {"id": ""}, {"id": 7}, {"id": "x", "context_length": "8192", "created": "1767225600"}),
            [ModelEntry("x", created=CREATED, context_window=8192)],
        ),
        (
            listed({"id": "x", "context_length": 0, "max_tokens": None, "display_name": "x", "created": -5}),
            [ModelEntry("x")],
        ),
        (b"", None),
        (b"<html>", None),
        (b"{}", None),
        (b'{"error":{"message":"no"}}', None),
        (b'{"data":"x"}', None),
        (b'{"data":[null,{"object":"embedding"}]}', None),
        (b"[" * 2000, None),
    ),
)
def test_a_list_of_any_shape_is_read(body: bytes, entries: list[ModelEntry] | None) -> None:
    assert read_models(body) == entries


@pytest.mark.parametrize(
    ("said", "seconds"),
    (
        ({"created": 1767225600.9}, CREATED),
        ({"created": CREATED * 1000}, CREATED),  # milliseconds
        ({"created_at": "2026-01-01T02:00:00+02:00"}, CREATED),
        ({"created_at": "2026-01-01"}, CREATED),
        ({"created_at": CREATED}, CREATED),
        ({"created": None, "created_at": "2026-01-01T00:00:00.123456Z"}, CREATED),
        ({"created_at": "1970-01-01T00:00:00Z"}, None),  # Anthropic's word for "unknown"
        ({"created_at": "yesterday"}, None),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, None),
        ({"created_at": "9999-12-31T23:59:59-14:00"}, None),
        ({"created": 1e300}, None),
        ({"created": True}, None),
        ({"created": 10**14}, 10**11),
    ),
)
def test_a_time_is_read_however_it_is_said(said: dict[str, object], seconds: int | None) -> None:
    assert read_models(listed({"id": "x", **said})) == [ModelEntry("x", created=seconds)]


@pytest.mark.parametrize(
    ("body", "entry"),
    (
        (json.dumps(ANTHROPIC), ModelEntry("claude-opus-4-6", "Claude Opus 4.6", CREATED, 1_000_000, 128_000)),
        ('{"id":"a","object":"model","owned_by":"b"}', ModelEntry("a", owner="b")),
        ('{"data":{"id":"a","name":"A","endpoints":[]}}', ModelEntry("a", "A")),  # OpenRouter
        ('{"error":{"message":"no"},"id":"a"}', None),
        ('{"data":[{"id":"a"}]}', None),
        ('{"object":"model"}', None),
        ('"a"', None),
        ("null", None),
    ),
)
def test_one_model_is_read(body: str, entry: ModelEntry | None) -> None:
    assert read_model(body.encode()) == entry


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_no_body_raises(body: bytes) -> None:
    read_models(body)
    read_model(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "data",
                    "models",
                    "id",
                    "name",
                    "created",
                    "created_at",
                    "context_length",
                    "top_provider",
                    "max_tokens",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_read_can_be_written(value: object) -> None:
    for entry in read_models(json.dumps(value).encode()) or ():
        ModelInfo.model_validate_json(anthropic.write_model(entry), strict=True)
        TypeAdapter(Model).validate_json(openai.write_model(entry), strict=True)


ENTRIES = [
    ModelEntry("a/b", "A of B", CREATED, 1000, 100, "b"),
    ModelEntry("bare"),
    ModelEntry('odd "é" \n name', context_window=5),
]


def test_openais_list_has_what_its_sdk_requires_and_what_agents_look_for() -> None:
    body = json.loads(openai.write_models(ENTRIES))
    assert body["object"] == "list"
    assert body["data"] == [
        {
            "id": "a/b",
            "object": "model",
            "created": CREATED,
            "owned_by": "b",
            "display_name": "A of B",
            "context_length": 1000,
            "max_completion_tokens": 100,
        },
        {"id": "bare", "object": "model", "created": 0, "owned_by": "unknown"},
        {"id": 'odd "é" \n name', "object": "model", "created": 0, "owned_by": "unknown", "context_length": 5},
    ]


def test_anthropics_list_says_null_and_the_epoch_for_what_is_not_known() -> None:
    body = json.loads(anthropic.write_models(ENTRIES))
    assert {name: body[name] for name in ("has_more", "first_id", "last_id")} == {
        "has_more": False,
        "first_id": "a/b",
        "last_id": 'odd "é" \n name',
    }
    first, second, _ = body["data"]
    assert (first["created_at"], first["display_name"]) == ("2026-01-01T00:00:00Z", "A of B")
    assert (first["max_input_tokens"], first["max_tokens"]) == (1000, 100)
    assert (second["created_at"], second["display_name"]) == ("1970-01-01T00:00:00Z", "bare")
    assert (second["max_input_tokens"], second["max_tokens"], second["lifecycle"]) == (None, None, "active")
    fields = {name for name, field in ModelInfo.model_fields.items() if field.is_required()}
    assert fields <= first.keys()


def test_an_empty_list_has_no_ends() -> None:
    assert json.loads(anthropic.write_models([])) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert json.loads(openai.write_models([])) == {"object": "list", "data": []}


@given(st.lists(st.builds(ModelEntry, st.text(min_size=1), st.none(), st.integers(1, 10**9)), unique_by=lambda e: e.id))
def test_a_list_survives_the_way_there_and_back(entries: list[ModelEntry]) -> None:
    assert read_models(anthropic.write_models(entries)) == entries
    back = read_models(openai.write_models(entries))
    assert [(entry.id, entry.created) for entry in back or ()] == [(entry.id, entry.created) for entry in entries]


FIVE = [ModelEntry(name) for name in "abcde"]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    (
        ("", "abcde", False),
        ("limit=5", "abcde", False),
        ("limit=2", "ab", True),
        ("limit=2&after_id=b", "cd", True),
        ("limit=2&after_id=c", "de", False),
        ("after_id=e", "", False),
        ("before_id=c", "ab", False),
        ("limit=2&before_id=e", "cd", True),
        ("limit=2&before_id=c", "ab", False),
        ("limit=1&before_id=a", "", False),
        ("after_id=a&before_id=d", "bc", False),
        ("limit=1&after_id=a&before_id=d", "b", True),
        ("limit=2&after_id=a&before_id=d", "bc", False),
        ("beta=true&lifecycle[]=active", "abcde", False),
        ("limit=", "abcde", False),
    ),
)
def test_pages(query: str, ids: str, more: bool) -> None:  # noqa: FBT001 - a column
    shown, has_more = page_of(query).of(FIVE)
    assert ("".join(entry.id for entry in shown), has_more) == (ids, more)
    body: Any = json.loads(anthropic.write_models(FIVE, page_of(query)))
    assert (body["first_id"], body["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("query", ("limit=0", "limit=1001", "limit=ten", "limit=-1", "limit=1.5"))
def test_a_limit_that_is_none_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="limit: a whole number from 1 to 1000"):
        page_of(query)


@pytest.mark.parametrize("page", (Page(after="z"), Page(before="z")))
def test_a_page_beside_the_list_is_refused(page: Page) -> None:
    with pytest.raises(ValueError, match="there is no model 'z' in this list"):
        page.of(FIVE)


@given(st.integers(1, 7), st.integers(0, 20), st.booleans())
def test_pages_in_a_row_are_the_list(limit: int, size: int, forward: bool) -> None:  # noqa: FBT001 - drawn
    entries = [ModelEntry(str(number)) for number in range(size)]
    ids: list[str] = []
    page, more = Page(limit), True
    if not forward:
        entries.append(ModelEntry("end"))
        page = Page(limit, before="end")
    while more:
        shown, more = page.of(entries)
        names = [entry.id for entry in shown]
        assert len(names) <= limit
        ids = [*ids, *names] if forward else [*names, *ids]
        if names:
            page = Page(limit, after=names[-1]) if forward else Page(limit, before=names[0])
    assert ids == [str(number) for number in range(size)]


def _families(row: dict[str, object]) -> Sequence[bool]:
    return openai.is_model(row), anthropic.is_model(row)


def test_whose_model_it_is() -> None:
    assert _families(ANTHROPIC) == (False, True)
    assert _families(OPENROUTER) == (True, False)
    assert _families({**ANTHROPIC, "object": "model"}) == (True, True)
    assert _families({"object": "model"}) == (False, False)
