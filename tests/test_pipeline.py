"""The steps from end to end, without a socket: untouched means untouched (G1), what is done is said (G5, G8).

:func:`wiremend.pipeline.request.rewrite` is a function of its arguments, so each test is a request and what must leave.
Decisions, credentials and URLs have tests of their own; here is what only the whole shows: bodies in every coding and
none, headers in their order, notes, and that no input upsets it.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import ANTHROPIC, KIMI, MOONSHOT, OPENAI, bearer, body_of, refused, request, resolved, rewritten
from wiremend.headers import Headers
from wiremend.jsonedit import parse_pointer
from wiremend.pipeline.outcome import ClientRequest, Refused, Rewritten, Untouched
from wiremend.pipeline.request import rewrite

NOTHING = resolved("version: 1")
TO_LOCAL = resolved("default: local/sent")
SAME_NAME = resolved("default: local")

# A body as clients write them: odd spaces, escapes, numbers in any spelling, a signed block, unknown fields.
ODD = (
    b' {"model" : "asked","n":1e2, "x":[1.0,2 ],\n"thinking":{"signature":"a\\/b\\u00e9=="},'
    b'"pair":"\\ud83d\\ude00", "z":{"z":{}} } '
)
ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


# --- untouched (G1) ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "host", "target"),
    (
        ("GET", "github.com", "/project/info/refs?service=git-upload-pack"),
        ("POST", "api.anthropic.com", "/api/event_logging/batch"),
        ("GET", "api.kimi.com", "/coding/v1/usages"),
        ("HEAD", "api.kimi.com", "/coding"),
        ("POST", "api.openai.com", "/v1/files"),
        ("POST", "api.openai.com", "/v1/threads/thread_1/messages"),
        ("GET", "llm.work.example", "/v1/v1/things"),
    ),
)
def test_what_is_no_llm_request_is_untouched(method: str, host: str, target: str) -> None:
    rules = resolved("routes: [{to: local/m}]\nedits: [{set: {/a: 1}, headers: {X-A: b}}]")
    outcome = rewrite(request(method=method, host=host, target=target, headers=bearer(KIMI)), rules)
    assert isinstance(outcome, Untouched)


HEADERS = st.dictionaries(
    st.sampled_from(
        ("Accept", "X-Stainless-Lang", "anthropic-beta", "User-Agent", "x-api-key", "Content-Type", "COOKIE")
    ),
    st.text(alphabet="abc ,;=/", max_size=8),
    max_size=5,
)


@given(
    st.binary(max_size=60)
    | st.just(ODD)
    | st.builds(lambda value: json.dumps({"model": value}).encode(), st.text(max_size=5)),
    HEADERS,
    st.sampled_from(("api.openai.com", "llm.work.example", "chatgpt.com", "127.0.0.1")),
    st.sampled_from(("/v1/chat/completions", "/v1/responses", "/v1/embeddings?a=b", "/v1/models")),
)
def test_a_request_to_its_own_host_without_an_edit_keeps_body_and_headers(
    body: bytes, headers: dict[str, str], host: str, target: str
) -> None:
    headers = {"Authorization": f"Bearer {OPENAI}", **headers}
    headers.pop("x-api-key", None)
    outcome = rewrite(request(host=host, target=target, body=body, headers=headers), NOTHING)
    assert isinstance(outcome, Rewritten)
    assert outcome.body is None
    assert outcome.headers.fields == tuple(headers.items())
    assert outcome.destination.url == f"https://{host}{target}"
    assert all(note.kind == "failed" for note in outcome.notes)


@pytest.mark.parametrize("body", (ODD, b"{}", b"[]", b"no json", b"", b"\xff\xfe"))
@pytest.mark.parametrize("rules", (NOTHING, SAME_NAME))
def test_a_body_that_nothing_edits_leaves_as_the_bytes_that_came(body: bytes, rules: Any) -> None:  # noqa: ANN401 - rules
    got = rewritten(rules, body=body, host="llm.work.example")
    assert got.body is None


def test_an_edit_that_changes_nothing_leaves_the_bytes() -> None:
    rules = resolved("default: local/asked\nedits: [{set: {/n: 1e2}, default: {/x: 5}, remove: [/not/there, /x/9]}]")
    assert rewritten(rules, body=ODD.replace(b"1e2", b"100.0")).body is None


def test_a_swapped_model_leaves_every_other_byte() -> None:
    assert rewritten(TO_LOCAL, body=ODD).body == ODD.replace(b'"asked"', b'"sent"')


def test_edits_leave_every_other_byte() -> None:
    rules = resolved("default: local\nedits: [{set: {/n: 5}, remove: [/x/0], default: {/new: [a]}}]")
    body = rewritten(rules, body=ODD).body or b""
    assert json.loads(body) == {**json.loads(ODD), "n": 5, "x": [2], "new": ["a"]}
    assert body.startswith(
        b' {"model" : "asked","n":5, "x":[2 ],\n"thinking":{"signature":"a\\/b\\u00e9=="},'
        b'"pair":"\\ud83d\\ude00", "z":{"z":{}}'
    )


@pytest.mark.parametrize(
    "target", ("/v1/models", "/v1/models/asked", "/v1/responses/resp_1/cancel", "/v1/messages/batches")
)
def test_only_what_asks_a_model_gets_another_model(target: str) -> None:
    assert rewritten(TO_LOCAL, target=target, body=b'{"model":"asked"}').body is None


@pytest.mark.parametrize(
    "target", ("/v1/messages", "/v1/messages/count_tokens?beta=true", "/v1/embeddings", "/v1/completions")
)
def test_whatever_asks_a_model_gets_the_model(target: str) -> None:
    assert rewritten(TO_LOCAL, target=target, body=b'{"model":"asked"}').body == b'{"model":"sent"}'


@pytest.mark.parametrize(("body", "left"), ((b'{"model":null}', b'{"model":"sent"}'), (b"{}", b'{"model":"sent"}')))
def test_a_model_that_is_not_named_is_named(body: bytes, left: bytes) -> None:
    assert rewritten(TO_LOCAL, body=body).body == left


def test_half_an_emoji_does_not_hide_the_model() -> None:
    """JavaScript cuts emojis in two; whoever reads the body must not take it for something else than JSON."""
    rules = resolved("routes: [{when: {model: kimi-*}, to: local/k}]\ndefault: ollama\nmend: off")
    body = b'{"model":"kimi-k2","messages":[{"role":"user","content":"half \\ud83d of it"}]}'
    got = rewritten(rules, body=body)
    assert got.decision.provider == "local"
    assert got.body == body.replace(b"kimi-k2", b"k")


# --- content codings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ENCODERS)
def test_an_edited_body_leaves_as_identity(coding: str) -> None:
    got = rewritten(TO_LOCAL, body=ENCODERS[coding](ODD), headers={"Content-Encoding": coding, "Accept": "*/*"})
    assert got.body == ODD.replace(b'"asked"', b'"sent"')
    assert got.headers.fields == (("Accept", "*/*"),)


@pytest.mark.parametrize("coding", ("gzip", "deflate", "br", "zstd", "gzip, zstd"))
def test_a_body_that_goes_elsewhere_leaves_as_identity_though_nothing_edits_it(coding: str) -> None:
    body = ODD
    for name in coding.split(", "):
        body = ENCODERS[name](body)
    got = rewritten(SAME_NAME, body=body, headers={"content-encoding": coding})
    assert got.body == ODD
    assert "content-encoding" not in got.headers


@pytest.mark.parametrize("coding", ("gzip", "deflate", "br", "zstd"))
def test_a_coded_body_to_its_own_host_leaves_as_it_came(coding: str) -> None:
    body = ENCODERS[coding](ODD)
    got = rewritten(NOTHING, host="api.openai.com", body=body, headers={"content-encoding": coding, **bearer(OPENAI)})
    assert got.body is None
    assert got.headers.get("content-encoding") == coding


@pytest.mark.parametrize("coding", ("gzip", "deflate", "br", "zstd"))
@pytest.mark.parametrize("harm", ("cut", "empty", "junk behind", "not that coding"))
def test_a_body_that_cannot_be_decoded_leaves_as_it_came_and_is_told(coding: str, harm: str) -> None:
    whole = ENCODERS[coding](ODD * 5)
    body = {"cut": whole[:-4], "empty": b"\x00", "junk behind": whole + b"junk", "not that coding": ODD}[harm]
    got = rewritten(TO_LOCAL, body=body, headers={"content-encoding": coding})
    assert got.body is None
    assert got.headers.get("content-encoding") == coding
    assert any(note.kind == "failed" for note in got.notes)


def test_a_coding_that_nobody_knows_is_left_alone() -> None:
    got = rewritten(TO_LOCAL, body=b"...", headers={"content-encoding": "snappy"})
    assert (got.body, got.headers.get("content-encoding")) == (None, "snappy")


@pytest.mark.parametrize(
    "body", (b"no json", b'{"model": "a"', b'{"model": "a"} {}', b"\xff", b'{"model": "\xff"}', b"[1", b"nul")
)
def test_a_body_that_is_not_json_goes_on_its_way(body: bytes) -> None:
    got = rewritten(TO_LOCAL, body=body)
    assert got.body is None
    assert got.destination.host == "127.0.0.1"
    (note,) = [note for note in got.notes if note.kind == "failed"]
    assert "left alone" in note.what


@pytest.mark.parametrize("body", (b"[]", b'"text"', b"5", b"null", b"true", b"[{}]"))
def test_json_that_is_no_object_goes_on_its_way(body: bytes) -> None:
    assert rewritten(TO_LOCAL, body=body).body in (None, body)


@pytest.mark.parametrize("depth", (100, 3000, 100_000))
def test_depth_is_survived(depth: int) -> None:
    body = b'{"model":"asked","deep":' + b"[" * depth + b"]" * depth + b"}"
    got = rewritten(TO_LOCAL, body=body)
    assert got.body in (None, body.replace(b"asked", b"sent"))


def test_twenty_megabytes_are_edited_with_their_bytes_kept() -> None:
    large = b'"' + b"x" * (20 * 1024 * 1024) + b'"'
    body = b'{"model":"asked", "messages":[{"role":"user","content":' + large + b"}]}"
    rules = resolved("default: local/sent\nedits: [{default: {/temperature: 1}}]")
    got = rewritten(rules, body=body)
    assert got.body == body.replace(b'"asked"', b'"sent"')[:-1] + b',"temperature":1}'
    assert sum(len(note.what) for note in got.notes) < 1000


def test_what_a_rule_asks_of_the_body_may_be_a_number_of_any_size() -> None:
    rules = resolved("routes: [{when: {body: {/a: '*'}}, to: local}]\ndefault: ollama")
    for number in (b"9" * 5000, b"1e999", b"-0", b"123456789012345678901234567890", b"1.0000000000000000000000001"):
        outcome = rewrite(request(body=b'{"a":' + number + b"}"), rules)
        assert isinstance(outcome, Rewritten)


# --- edits ------------------------------------------------------------------------------------------------------------


def test_wildcards_reach_every_item() -> None:
    rules = resolved("default: local\nedits: [{remove: /messages/*/content/*/cache_control}]")
    body = (
        b'{"model":"m","messages":[{"content":[{"text":"a","cache_control":{"type":"ephemeral"}},{"text":"b"}]},'
        b'{"content":"plain"},{"content":[{"cache_control":{},"text":"c"}]}]}'
    )
    assert rewritten(rules, body=body).body == (
        b'{"model":"m","messages":[{"content":[{"text":"a"},{"text":"b"}]},{"content":"plain"},{"content":[{"text":"c"}]}]}'
    )


def test_an_edit_that_cannot_be_done_is_told_and_the_others_are_done() -> None:
    rules = resolved("default: local/sent\nedits: [{set: {/messages/x/y: 1}}, {set: {/temperature: 1}}]")
    got = rewritten(rules, body=b'{"model":"asked","messages":[1]}')
    assert got.body == b'{"model":"sent","messages":[1],"temperature":1}'


# --- headers ----------------------------------------------------------------------------------------------------------


def test_the_clients_headers_go_on_in_their_order_and_spelling() -> None:
    sent = {
        "User-Agent": "claude-cli/2.1",
        "X-Stainless-OS": "Linux",
        "anthropic-VERSION": "2023-01-01",
        "Accept": "a,b",
    }
    got = rewritten(SAME_NAME, wire="messages", headers=sent)
    assert dict(got.headers.fields) == sent
    assert [name for name, _ in got.headers] == list(sent)


def test_hop_by_hop_headers_stay_behind() -> None:
    sent = {
        "Connection": "keep-alive, X-Hop",
        "Keep-Alive": "5",
        "X-Hop": "1",
        "TE": "trailers",
        "Proxy-Authorization": "Basic FAKE",
        "Proxy-Connection": "x",
        "X-Stays": "1",
    }
    assert rewritten(SAME_NAME, headers=sent).headers.fields == (("X-Stays", "1"),)


@pytest.mark.parametrize(
    ("base", "host"),
    (
        ("https://llm.work.example", "llm.work.example"),
        ("https://llm.work.example:8443/x", "llm.work.example:8443"),
        ("http://127.0.0.1:9999", "127.0.0.1:9999"),
        ("http://[::1]:9999", "[::1]:9999"),
    ),
)
def test_host_names_where_it_goes(base: str, host: str) -> None:
    rules = resolved(f"providers: {{w: {{base_url: '{base}', auth: none}}}}\ndefault: w")
    got = rewritten(rules, headers={"HOST": "127.0.0.1:8080", "Accept": "*/*"})
    assert got.headers.fields == (("HOST", host), ("Accept", "*/*"))


def test_the_version_that_the_messages_wire_needs_is_supplied_where_it_is_missing() -> None:
    got = rewritten(SAME_NAME, wire="messages")
    assert got.headers.get("anthropic-version") == "2023-06-01"
    assert any(note.where == "header:anthropic-version" for note in got.notes)
    kept = rewritten(SAME_NAME, wire="messages", headers={"Anthropic-Version": "2099-01-01"})
    assert kept.headers.get_all("anthropic-version") == ("2099-01-01",)
    assert "anthropic-version" not in rewritten(SAME_NAME, wire="chat").headers


def test_the_version_is_supplied_for_counting_and_for_a_provider_where_the_client_sent_it() -> None:
    counted = rewritten(SAME_NAME, target="/v1/messages/count_tokens?beta=true")
    assert counted.headers.get("anthropic-version") == "2023-06-01"
    there = rewritten(NOTHING, wire="messages", host="api.anthropic.com", headers={"x-api-key": ANTHROPIC})
    assert there.headers.get("anthropic-version") == "2023-06-01"


@pytest.mark.parametrize(("stream", "coding"), ((True, "identity"), (False, "gzip, br")))
def test_a_stream_is_asked_for_without_a_coding(stream: bool, coding: str) -> None:  # noqa: FBT001 - a column
    got = rewritten(SAME_NAME, body=body_of("m", stream=stream), headers={"Accept-Encoding": "gzip, br"})
    assert got.headers.get("accept-encoding") == coding


def test_a_providers_headers_replace_once_whatever_the_letter_case() -> None:
    rules = resolved(
        """\
        providers:
          local:
            headers:
              USER-AGENT: ours/1
              x-gone: null
              X-New: $NEW
              anthropic-beta: [{drop: context-*}, {drop: b}]
        default: local
        """,
        {"NEW": "from the shell"},
    )
    sent = Headers(
        (
            ("User-Agent", "claude-cli/2"),
            ("X-Gone", "1"),
            ("user-agent", "again"),
            ("Anthropic-Beta", "a, context-management-2025-06-27, B"),
            ("X-GONE", "2"),
        )
    )
    outcome = rewrite(
        ClientRequest("gateway", "POST", "http", None, 8080, "/v1/chat/completions", sent, b'{"model":"m"}'), rules
    )
    assert isinstance(outcome, Rewritten)
    assert outcome.headers.fields == (("User-Agent", "ours/1"), ("Anthropic-Beta", "a"), ("X-New", "from the shell"))


def test_an_edits_headers_come_after_the_providers() -> None:
    rules = resolved("providers: {local: {headers: {X-A: provider}}}\ndefault: local\nedits: [{headers: {x-a: edit}}]")
    assert rewritten(rules).headers.get_all("x-a") == ("edit",)


def test_a_credential_header_that_the_file_sets_wins() -> None:
    rules = resolved("providers: {local: {headers: {Authorization: 'Token $T'}}}\ndefault: local", {"T": "FAKE"})
    got = rewritten(rules, headers=bearer(KIMI))
    assert got.headers.get_all("authorization") == ("Token FAKE",)


def test_a_header_that_no_line_can_carry_does_not_upset_the_flow() -> None:
    rules = resolved("providers: {local: {headers: {X-A: $A}}}\ndefault: local", {"A": "one line"})
    broken = rewrite(request(headers={"X-B": "a\rb"}), rules)
    assert isinstance(broken, Rewritten | Refused)


def test_websockets_keep_their_handshake() -> None:
    sent = {"Connection": "Upgrade", "Upgrade": "websocket", **bearer(OPENAI)}
    got = rewritten(NOTHING, method="GET", body=b"", host="api.openai.com", target="/v1/responses", headers=sent)
    assert got.headers.fields == tuple(sent.items())


# --- notes (G5, G8) ---------------------------------------------------------------------------------------------------


def test_every_change_is_noted_with_its_place_and_its_reason() -> None:
    rules = resolved(
        """\
        aliases: {asked: local/sent}
        edits:
        - {name: cooler, default: {/temperature: 0.6}, remove: /x, headers: {X-A: b}}
        """
    )
    got = rewritten(rules, target="/v1/v1/messages", body=b'{"model":"asked","x":[1]}')
    by_place = {note.where: note for note in got.notes if note.kind == "edited"}
    assert by_place["url"].what == "/v1/v1/messages -> /v1/messages"
    assert by_place["/model"].what == '"asked" -> "sent"'
    assert "'asked'" in by_place["/model"].why
    assert by_place["/temperature"].what == "absent -> 0.6"
    assert by_place["/temperature"].why == "edit 'cooler' (rules.yaml:3)"
    assert by_place["/x"].what == "[1] -> absent"
    assert by_place["header:x-a"].what == "-> b"
    assert "messages wire" in by_place["header:anthropic-version"].why
    (routed,) = [note for note in got.notes if note.kind == "routed"]
    assert "local" in routed.what
    assert all(note.why for note in got.notes)


@pytest.mark.parametrize(
    ("text", "asked"),
    (
        ("default: local", {"headers": bearer(KIMI)}),
        ("routes: [{to: openrouter}]", {"headers": bearer(KIMI)}),
        ("default: local\nedits: [{headers: {Authorization: null}}]", {"headers": bearer(KIMI)}),
        (
            "edits: [{headers: {Cookie: [{drop: a*}]}}]",
            {"headers": {"Cookie": f"a=1, session={MOONSHOT}"}, "host": "h.example"},
        ),
        (
            "edits: [{headers: {Authorization: [{drop: a*}]}}]",
            {"headers": {"Authorization": "a, FAKE-of-no-family"}, "host": "h.example"},
        ),
        ("edits: [{headers: {X-A: $A}}]", {"host": "h.example"}),
        ("version: 1", {"target": f"/v1/v1/chat/completions?key={MOONSHOT}", "host": "h.example"}),
        ("version: 1", {"target": "/v1/v1/chat/completions?key=FAKE-of-no-family", "host": "h.example"}),
        ("default: local", {"target": f"/v1/v1/chat/completions?api_key={MOONSHOT}", "host": "h.example"}),
        ("default: local\nedits: [{remove: /metadata}]", {"body": body_of("m", metadata={"key": KIMI})}),
        ("default: local\nedits: [{set: {/user: x}}]", {"body": body_of("m", user=MOONSHOT)}),
        ("default: local/x", {"model": KIMI}),
        ("version: 1", {"target": f"/v1/chat/completions?key={KIMI}"}),
    ),
)
def test_no_note_holds_a_credential(text: str, asked: dict[str, Any]) -> None:
    rules = resolved(text, {"A": "FAKE-from-a-variable", "OPENROUTER_API_KEY": "FAKE-or"})
    outcome = rewrite(request(**asked), rules)
    assert isinstance(outcome, Rewritten | Refused)
    assert "FAKE" not in " ".join(str(note.as_dict()) for note in outcome.notes)
    assert isinstance(outcome, Rewritten) or "FAKE" not in outcome.message


def test_a_long_value_is_shortened_in_a_note() -> None:
    got = rewritten(resolved("default: local\nedits: [{set: {/user: x}}]"), body=body_of("m", user="y" * 10_000))
    assert all(len(note.what) < 200 for note in got.notes)


def test_a_refusal_is_noted() -> None:
    got = refused(NOTHING, model="m")
    (note,) = got.notes
    assert (note.kind, note.where) == ("refused", "url")
    assert note.what == got.message


# --- whatever comes ---------------------------------------------------------------------------------------------------

RULES = resolved(
    """\
    providers:
      w: {base_url: 'https://llm.work.example/api?x=1', key: [client, $K], headers: {X-A: b, Cookie: [{drop: a*}]}}
    aliases: {a: w/b, c: {to: a, keep_name: true}}
    routes:
    - {when: {model: [a*, null], body: {/x/*/y: [z*, 5]}, header: {x-h: '*'}}, to: w/m}
    - {when: {host: '*.example', stream: true}, to: openrouter}
    - {when: {key: sk-*}, to: w}
    default: local/d
    edits:
    - {when: {provider: w}, set: {/s/t: 1}, default: {/d: {e: f}}, remove: [/messages/*/x, /r]}
    """,
    {"K": "FAKE-k", "OPENROUTER_API_KEY": "FAKE-or"},
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("model", "x", "y", "s", "messages", "stream")), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        "Authorization",
        "x-api-key",
        "content-encoding",
        "Host",
        "connection",
        "X-H",
        "Cookie",
        "accept-encoding",
        "upgrade",
    )
)
VALUES = st.text(max_size=12) | st.sampled_from((f"Bearer {KIMI}", "gzip", "zstd, br", ",,", "websocket", "close, x-h"))
TARGETS = st.text(max_size=12) | st.builds(
    lambda parts, query: "/" + "/".join(parts) + query,
    st.lists(
        st.sampled_from(("v1", "messages", "chat", "completions", "responses", "models", "api", "", "..", "%2F", "é")),
        max_size=5,
    ),
    st.sampled_from(("", "?", "?beta=true", "?key=FAKE&x", "?x=1&x=2", "?%%%", "#f")),
)


@given(
    st.builds(lambda value: json.dumps(value).encode(), JSON) | st.binary(max_size=20),
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    TARGETS,
    st.sampled_from((None, "h.example", "llm.work.example", "api.openai.com", "", "::1")),
    st.sampled_from(("GET", "POST", "OPTIONS", "")),
)
def test_no_request_upsets_it(
    body: bytes, headers: list[tuple[str, str]], target: str, host: str | None, method: str
) -> None:
    style: Any = "gateway" if host is None else "proxy"
    client = ClientRequest(style, method, "https", host, 443, target, Headers(tuple(headers)), body)
    outcome = rewrite(client, RULES)
    assert rewrite(client, RULES) == outcome  # a function of its arguments (G10)
    if isinstance(outcome, Rewritten):
        assert re.match(r"/|\*?$", outcome.destination.path)
        assert not any(re.search(r"[\r\n\0]", value) for name, value in outcome.headers if (name, value) not in headers)
    if isinstance(outcome, Refused):
        json.loads(outcome.body)


def test_pointers_of_notes_are_pointers() -> None:
    got = rewritten(resolved("default: local\nedits: [{set: {/a~1b/c~0d: 1}}]"), body=b'{"model":"m","a/b":{}}')
    (note,) = [note for note in got.notes if note.where.startswith("/")]
    assert parse_pointer(note.where) == ("a/b", "c~d")
