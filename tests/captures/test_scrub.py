"""No planted secret is left: of every kind, in every place of a capture, whole and in every cut; all else survives."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from wiremend.captures.capture import Attempt, Body, Capture, Frame, Inputs, Request, Response
from wiremend.captures.findings import findings
from wiremend.captures.plain import to_plain
from wiremend.captures.scrub import Scrubber
from wiremend.captures.scrub_spans import Span, merged, replaced
from wiremend.captures.scrub_surrogate import HEX_MARK, is_harmless
from wiremend.families import CREDENTIAL_HEADERS, family_of
from wiremend.headers import Headers
from wiremend.jsonedit import parse_pointer
from wiremend.notes import Note
from wiremend.rules.globs import compile_glob

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-kimi-" + "Ab3Cd4Ef5Gh6Ij7K" * 3
OTHER = "opaque/" + "Zx9+Yw8=Vu7" * 3
PLAIN = "correct horse battery staple"
HASH = "0123456789abcdef" * 4
ACCOUNT = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
SESSION = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def request(*headers: tuple[str, str], body: bytes = b"", target: str = "/v1/messages") -> Request:
    return Request("POST", "https", "api.example.com", 443, target, Headers(headers), body)


def response(data: bytes, *headers: tuple[str, str], size: int = 0) -> Response:
    chunks = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    return Response(200, "OK", Headers(headers), Body.of(chunks, range(0, 10 * len(chunks), 10)))


def capture(ask: Request, *answers: Response, **more: Any) -> Capture:  # noqa: ANN401 - any field of a capture
    attempts = tuple(Attempt(ask, answer) for answer in answers)
    return Capture("c1", 1.5, ask, attempts=attempts, answer=answers[-1] if answers else None, **more)


def scrubber(*secrets: str, **more: Any) -> Scrubber:  # noqa: ANN401 - any setting
    return Scrubber(secrets, salt=b"salt", **more)


def written(one: Capture) -> bytes:
    """Give all that a capture holds, as bytes, so that a search cannot overlook a place."""

    def leaves(value: object) -> list[bytes]:
        match value:
            case str():
                return [value.encode("utf-8", "surrogatepass")]
            case bytes():
                return [value]
            case dict():
                return [leaf for pair in value.items() for one in pair for leaf in leaves(one)]
            case list() | tuple():
                return [leaf for one in value for leaf in leaves(one)]
        return []

    return b"\n".join(leaves(to_plain(one)))


def forms(secret: str) -> set[bytes]:
    once = json.dumps(secret)[1:-1]
    return {text.encode() for text in (secret, once, json.dumps(once)[1:-1], quote(secret, safe=""), quote(secret))}


def assert_gone(one: Capture, *secrets: str) -> None:
    text = written(one)
    for secret in secrets:
        for form in forms(secret):
            assert form not in text


PLACES: dict[str, Callable[[str], Capture]] = {
    "client header": lambda s: capture(request(("Authorization", f"Bearer {s}"))),
    "unknown header": lambda s: capture(request(("x-unheard-of", s))),
    "kept header": lambda s: capture(request(("user-agent", f"agent/1 ({s})"))),
    "query": lambda s: capture(request(target=f"/v1/x?a=1&key={quote(s, safe='')}&b=2")),
    "path": lambda s: capture(request(target=f"/v1/{quote(s, safe='')}/x")),
    "body": lambda s: capture(request(body=json.dumps({"messages": [{"content": f"it is {s}!"}]}).encode())),
    "json in json": lambda s: capture(request(body=json.dumps({"arguments": json.dumps({"k": s})}).encode())),
    "stream": lambda s: capture(request(), response(b"data: %s\n\n" % json.dumps({"t": s}).encode())),
    "stream in bytes": lambda s: capture(request(), response(b"data: %s\n\n" % json.dumps({"t": s}).encode(), size=1)),
    "reply header": lambda s: capture(request(), response(b"", ("x-unheard-of", s))),
    "attempt error": lambda s: _attempt(error=f"no {s}"),
    "decision": lambda s: _attempt(decision={"why": [f"key {s}"], "url": f"https://h/?key={quote(s, safe='')}", s: 1}),
    "error": lambda s: capture(request(), error=f"failed: {s}"),
    "note": lambda s: capture(request(), notes=(Note("seen", s, s, f"see {s}", s),)),
    "memory": lambda s: capture(request(), inputs=Inputs(memory={s: s, "none": None})),
    "environment": lambda s: capture(
        request(), inputs=Inputs(environment={"SOME_API_KEY": s, "BASE": f"https://h/{s}"})
    ),
    "credentials": lambda s: capture(request(), inputs=Inputs(credentials={"$KEY": s, s: s})),
    "agent and seed": lambda s: capture(request(), inputs=Inputs(agent=s, seed=s)),
    "kept": lambda s: capture(request(), kept={s: s}),
    "frame": lambda s: capture(request(), frames=(Frame(from_client=True, text=True, data=json.dumps([s]).encode()),)),
    "model": lambda s: capture(request(), model=s, versions={"client": s}),
    "basic login": lambda s: capture(request(("Proxy-Authorization", "Basic " + _basic(s)))),
    "basic login in a text": lambda s: capture(request(body=b"curl -H 'Authorization: Basic %s'" % _basic(s).encode())),
}


def _basic(secret: str) -> str:
    return base64.b64encode(f"anna:{secret}".encode()).decode()


def _attempt(**more: Any) -> Capture:  # noqa: ANN401 - any field of an attempt
    return Capture("c1", 1.5, request(), attempts=[Attempt(request(), **more)])


@pytest.mark.parametrize("secret", (KEY, OTHER, PLAIN, 'a"b\\c/dé-12', "ключ-от-двери"))
@pytest.mark.parametrize("place", PLACES)
def test_a_known_secret_is_gone_from_every_place(place: str, secret: str) -> None:
    before = PLACES[place](secret)
    after = scrubber(secret).capture(before)
    assert_gone(after, secret, _basic(secret))
    assert b"SCRUBBED" in written(after)


@pytest.mark.parametrize("place", PLACES)
def test_scrubbing_twice_is_scrubbing_once(place: str) -> None:
    once = scrubber(KEY).capture(PLACES[place](KEY))
    assert scrubber(KEY).capture(once) == once
    assert scrubber().capture(once) is once


@pytest.mark.parametrize("place", sorted(set(PLACES) - {"basic login", "basic login in a text"}))
def test_a_key_of_a_known_family_is_gone_though_nobody_knew_it(place: str) -> None:
    assert_gone(scrubber().capture(PLACES[place](KEY)), KEY)


def test_the_same_secret_has_the_same_surrogate_everywhere_with_its_prefix() -> None:
    ask = request(
        ("X-Api-Key", KEY),
        ("authorization", f"Bearer {KEY}"),
        body=json.dumps({"a": KEY}).encode(),
        target=f"/v1?key={KEY}",
    )
    after = scrubber().capture(capture(ask, response(KEY.encode()), error=KEY))
    surrogate = after.request.headers.get("x-api-key") or ""
    assert len(surrogate) == len(KEY)
    assert surrogate.startswith("sk-kimi-SCRUBBED")
    assert family_of(surrogate) == family_of(KEY)
    assert after.request.headers.get("authorization") == f"Bearer {surrogate}"
    assert json.loads(after.request.body) == {"a": surrogate}
    assert after.request.target == f"/v1?key={surrogate}"
    assert after.error == surrogate
    assert after.answer is not None
    assert after.answer.body.data == surrogate.encode()


def test_two_secrets_have_two_surrogates_and_another_salt_gives_others() -> None:
    one = scrubber().capture(capture(request(("a-token", "first-secret-value"), ("b-token", "other-secret-value"))))
    two = Scrubber(salt=b"pepper").capture(capture(request(("a-token", "first-secret-value"))))
    values = {*(value for _, value in one.request.headers), two.request.headers.get("a-token")}
    assert len(values) == 3
    random = {Scrubber().text(KEY) for _ in range(2)}
    assert len(random) == 2


# -- headers


@pytest.mark.parametrize("name", sorted(CREDENTIAL_HEADERS - {"cookie"}))
def test_every_credential_header_is_replaced_whatever_is_in_it(name: str) -> None:
    after = scrubber().capture(capture(request((name, "short"), (name, "Bearer x1"))))
    first, second = after.request.headers.get_all(name)
    assert is_harmless(first)
    assert second.startswith("Bearer SCRUBBED")
    kept = scrubber(keep={name}).capture(capture(request((name, "short"))))
    assert is_harmless(kept.request.headers.get(name) or "")


def test_cookies_keep_names_and_attributes() -> None:
    ask = request(("Cookie", "sid=0123456789abcdef0; theme=dark"))
    reply = response(b"", ("set-cookie", "sid=fedcba98765432100; Path=/; HttpOnly; Max-Age=5"))
    after = scrubber().capture(capture(ask, reply))
    assert re.fullmatch(r"sid=SCRUBBED[0-9a-f]+; theme=SCRUBBED[0-9a-f]{8}", after.request.headers.get("cookie") or "")
    assert after.answer is not None
    set_cookie = after.answer.headers.get("set-cookie") or ""
    assert re.fullmatch(r"sid=SCRUBBED[0-9a-f]+; Path=/; HttpOnly; Max-Age=5", set_cookie)


@pytest.mark.parametrize(
    "header",
    (
        ("content-type", "text/event-stream; charset=utf-8"),
        ("Accept-Encoding", "gzip, br"),
        ("user-agent", "claude-cli/2.1.197 (external, sdk-cli)"),
        ("host", "api.anthropic.com"),
        ("anthropic-beta", "context-management-2025-06-27,oauth-2025-04-20"),
        ("anthropic-ratelimit-tokens-remaining", "79000"),
        ("x-stainless-retry-count", "0"),
        ("openai-processing-ms", "212"),
        ("x-ratelimit-remaining-tokens", "149"),
        ("retry-after-ms", "500"),
        ("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("cf-ray", "92f1a2b3c4d5e6f7-FRA"),
        ("access-control-allow-origin", "*"),
        ("x-wiremend-route", "kimi"),
        ("originator", "codex_exec"),
        ("x-app", "cli"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("session_id", SESSION),
        ("x-msh-platform", "kimi_cli"),
    ),
)
def test_what_is_on_the_list_stays(header: tuple[str, str]) -> None:
    before = capture(request(header), response(b"", header))
    assert scrubber().capture(before) is before


def test_an_unknown_header_is_replaced_and_a_named_one_stays() -> None:
    before = capture(request(("X-Tier", "gold")))
    assert scrubber().capture(before).request.headers.get("x-tier") != "gold"
    assert scrubber(keep={"X-TIER"}).capture(before) is before


def test_a_word_from_an_unknown_header_stays_everywhere_else() -> None:
    before = capture(request(("x-unheard-of", "model"), ("x-api-key", "ollama"), body=b'{"model":"ollama/llama"}'))
    after = scrubber().capture(before)
    assert after.request.body == before.request.body
    assert "ollama" not in str(list(after.request.headers))


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("chatgpt-account-id", ACCOUNT),
        ("x-codex-installation-id", ACCOUNT.upper()),
        ("anthropic-organization-id", ACCOUNT),
        ("x-msh-device-id", HASH[:32]),
        ("openai-organization", "org-" + "aB3dE5gH7jK9mN1p"),
        ("OpenAI-Project", "proj_" + "aB3dE5gH7jK9mN1p"),
    ),
)
def test_ids_of_accounts_and_devices_keep_their_shape(name: str, value: str) -> None:
    after = scrubber().capture(capture(request((name, value), body=b'"see %s"' % value.encode()), error=value))
    new = after.request.headers.get(name) or ""
    assert new != value
    assert is_harmless(new)
    assert [character.isalnum() for character in new[:4]] == [character.isalnum() for character in value[:4]]
    if value[:3].lower() in {ACCOUNT[:3], HASH[:3]}:
        assert new.lower().startswith(HEX_MARK)
        assert len(new) == len(value)
        assert [c == "-" for c in new] == [c == "-" for c in value]
        assert new[14] == value[14] if "-" in value else new.isalnum()
        assert new.isupper() == value.isupper()
    assert after.error == new
    assert_gone(after, value)


def test_the_name_of_the_device_goes() -> None:
    after = scrubber().capture(capture(request(("X-Msh-Device-Name", "annas-laptop"))))
    assert_gone(after, "annas-laptop")


# -- bodies


@pytest.mark.parametrize("account", (ACCOUNT, ""))
def test_user_id_keeps_the_session_alone(account: str) -> None:
    body = json.dumps({"metadata": {"user_id": f"user_{HASH}_account_{account}_session_{SESSION}"}}).encode()
    after = scrubber().capture(capture(request(body=body)))
    user_id = json.loads(after.request.body)["metadata"]["user_id"]
    assert re.fullmatch(
        rf"user_{HEX_MARK}[0-9a-f]{{57}}_account_({HEX_MARK}[0-9a-f-]{{29}})?_session_{SESSION}", user_id
    )
    assert ("_account__" in user_id) == (not account)
    assert_gone(after, HASH, ACCOUNT)


@pytest.mark.parametrize("ascii_only", (True, False))
def test_user_id_as_json_keeps_the_session_alone(*, ascii_only: bool) -> None:
    inner = {"device_id": HASH, "account_uuid": ACCOUNT, "session_id": SESSION}
    body = json.dumps({"metadata": {"user_id": json.dumps(inner)}}, ensure_ascii=ascii_only).encode()
    after = scrubber().capture(capture(request(body=body)))
    user = json.loads(json.loads(after.request.body)["metadata"]["user_id"])
    assert user["session_id"] == SESSION
    assert user["device_id"].startswith(HEX_MARK)
    assert user["account_uuid"].startswith(HEX_MARK)
    assert len(after.request.body) == len(body)


def test_codex_metadata() -> None:
    turn = json.dumps({"installation_id": ACCOUNT, "session_id": SESSION, "turn_id": SESSION})
    body = json.dumps({"client_metadata": {"x-codex-installation-id": ACCOUNT, "x-codex-turn-metadata": turn}})
    head = (("x-codex-installation-id", ACCOUNT), ("x-codex-turn-metadata", turn))
    after = scrubber().capture(capture(request(*head, body=body.encode())))
    assert_gone(after, ACCOUNT)
    assert written(after).count(SESSION.encode()) == 4
    json.loads(json.loads(after.request.body)["client_metadata"]["x-codex-turn-metadata"])


MEMBERS = (
    *("refresh_token", "access_token", "id_token", "client_secret", "api_key", "apiKey", "Authorization", "password"),
    *("private_key", "session_token", "code_verifier", "accessToken", "ANTHROPIC_API_KEY", "aws_secret_access_key"),
    *("authorization_token", "x-api-key", "device_code", "passphrase", "cookie"),
)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("depth", (0, 1, 2))
@pytest.mark.parametrize("style", ({}, {"indent": 2}, {"separators": (",", ":")}))
def test_named_members_at_any_depth(name: str, depth: int, style: dict[str, Any]) -> None:
    secret = 'no"way\\of é/knowing'.replace(" ", "-")
    value: Any = {"x": [{"y": {name: secret, "tail": "stays", "token": "stays"}}]}
    for _ in range(depth):
        value = {"text": json.dumps(value, **style), "token": "stays"}
    body = json.dumps(value, **style).encode()
    for before in (
        capture(request(body=body)),
        capture(request(), response(b"data: " + body.replace(b"\n", b"") + b"\n\n")),
    ):
        after = scrubber().capture(before)
        assert_gone(after, secret)
        found: Any = json.loads(
            (after.request.body or after.answer.body.data[5:]) if after.answer else after.request.body
        )
        for _ in range(depth):
            assert found["token"] == "stays"
            found = json.loads(found["text"])
        assert found["x"][0]["y"].pop(name).startswith("SCRUBBED")
        assert found["x"][0]["y"] == {"tail": "stays", "token": "stays"}


def test_a_member_that_was_cut_is_replaced_up_to_the_cut() -> None:
    body = b'{"refresh_token":"aVeryLongTokenThatWasCu'
    after = scrubber().capture(capture(request(), response(body, size=5)))
    assert after.answer is not None
    assert re.fullmatch(rb'{"refresh_token":"SCRUBBED[0-9a-f]+', after.answer.body.data)


def test_the_beginning_of_a_known_secret_at_the_end_of_a_cut_body() -> None:
    after = scrubber(OTHER).capture(capture(request(), response(b"data: " + OTHER[:20].encode())))
    assert_gone(after, OTHER[:20])
    early = capture(request(), response(b"data: " + OTHER[:11].encode()))
    assert scrubber(OTHER).capture(early) is early


@pytest.mark.parametrize(
    "body", (b'{"a":"{\\"b\\":\\"{\\\\\\"api_key\\\\\\":\\\\\\"cut-short\\"}"}', b'{"a":"{\\"api_key\\":\\"cut-short"}')
)
def test_a_member_that_was_cut_inside_a_text_ends_with_the_text(body: bytes) -> None:
    json.loads(body)
    after = scrubber().capture(capture(request(body=body)))
    assert_gone(after, "cut-short")
    found = json.loads(after.request.body)["a"]
    assert "}" not in found or json.loads(found)["b"]


def test_forms() -> None:
    body = b"grant_type=refresh_token&refresh_token=se%2Fcret-val&client_id=app&code=one-time"
    head = ("content-type", "application/x-www-form-urlencoded")
    reply = response(b'{"error":"se/cret-val is bad"}')
    after = scrubber().capture(capture(request(head, ("content-length", str(len(body))), body=body), reply))
    assert_gone(after, "se/cret-val", "one-time")
    assert b"&client_id=app&" in after.request.body
    assert after.request.headers.get("content-length") == str(len(after.request.body))


def test_pointers_and_patterns_of_the_user() -> None:
    stream = b'data: {"a":{"b":"first-value"},"n":7}\n\ndata: {"a":{"b":""}}\n\n'
    body = b'{"list":[{"who":"second-value"},{"who":12345},{"who":null}],"t":"ticket 4711 first-value"}'
    settings: dict[str, Any] = {
        "pointers": [parse_pointer("/list/*/who"), parse_pointer("/a/b"), parse_pointer("/nothing")],
        "patterns": [re.compile(rb"ticket (\d+)")],
    }
    once = scrubber(**settings).capture(capture(request(body=body), response(stream, size=3)))
    assert_gone(once, "first-value", "second-value", "12345", "4711")
    assert once.answer is not None
    assert [json.loads(line[6:]) for line in once.answer.body.data.split(b"\n\n")[:-1]][1] == {"a": {"b": ""}}
    parsed = json.loads(once.request.body)
    assert parsed["list"][2] == {"who": None}
    assert re.fullmatch(r"ticket SCRUBBED\w{8} SCRUBBED\w+", parsed["t"])
    assert scrubber(**settings).capture(once) == once


SURVIVORS = (
    b'{"type":"tool_use","id":"toolu_01A09q90qw90lq917835lq9","signature":"'
    + base64.b64encode(bytes(range(256)) * 8)
    + b'","encrypted_content":"gAAAAABo'
    + base64.urlsafe_b64encode(bytes(range(256)) * 4)
    + b'","call_id":"call_9f8e7d6c5b4a39281706f5e4","item_id":"fc_68c2e87f2c1881a1b1e2d3c4b5a69788"}'
)


@pytest.mark.parametrize(
    "body",
    (
        SURVIVORS,
        b'{"data":"' + base64.b64encode(json.dumps({"k": list(range(300))}).encode()) + b'"}',
        b'{"choices":[{"logprobs":{"content":[{"token":"Hello there","logprob":-1,"bytes":[1]}]}}]}',
        b'{"usage":{"output_tokens":5},"prompt_cache_key":"'
        + SESSION.encode()
        + b'","session_id":"'
        + SESSION.encode()
        + b'"}',
        b'{"input_schema":{"properties":{"password":{"type":"string"},"api_key":{"type":"string"}}}}',
        b'{"text":"use sk-circle-fade or hf_model_search_tool, sha256:' + HASH.encode() + b'"}',
        b'{"device_id":"living-room-lamp","account_id":"12345"}',
        b'{"access_token":"","password":null,"api_key":1}',
        b"\xff\xfe\x00not text at all\x80",
    ),
)
def test_what_is_no_secret_survives(body: bytes) -> None:
    before = capture(request(body=body), response(b"data: " + body + b"\n\n", size=7), error=body.decode("latin-1"))
    assert scrubber().capture(before) is before


def test_test_keys_survive() -> None:
    head = [("x-api-key", f"{prefix}FAKE-of-a-test") for prefix in ("sk-kimi-", "sk-ant-api03-", "sk-or-v1-", "")]
    before = capture(request(*head, ("authorization", "Bearer sk-FAKE-0123456789")))
    assert scrubber().capture(before) is before


@pytest.mark.parametrize("value", ("Bearer opaque-1", "ab ", "ab\ncd-efgh", " x", "Bearer  two", "ab\tc"))
def test_authorization_in_json_stays_json(value: str) -> None:
    for text in (json.dumps({"Authorization": value}), json.dumps({"x": json.dumps({"Authorization": value})})):
        after = scrubber().capture(capture(request(body=text.encode())))
        found = json.loads(after.request.body)
        found = json.loads(found["x"]) if "x" in found else found
        assert re.fullmatch(r"(?:Bearer | )?SCRUBBED[0-9a-f]{8,}", found["Authorization"].replace("  ", " "))


def test_variables_that_are_named_like_a_secret() -> None:
    values = {"MY_KEY": "tiny", "HF_TOKEN": "dummy-key", "BASE_URL": "https://h/v1", "DB": "x://u:hidden-pw@h"}
    after = scrubber().capture(capture(request(), inputs=Inputs(environment=values))).inputs.environment
    assert after["BASE_URL"] == values["BASE_URL"]
    assert is_harmless(after["MY_KEY"])
    assert is_harmless(after["HF_TOKEN"])
    assert "hidden-pw" not in after["DB"]


def test_a_password_that_is_a_word_is_replaced_in_its_place_alone() -> None:
    body = b'{"password":"postgres","url":"postgres://postgres:postgres@db","text":"postgres"}'
    found = json.loads(scrubber().capture(capture(request(body=body))).request.body)
    assert found["text"] == "postgres"
    assert found["url"].startswith("postgres://postgres:SCRUBBED")
    assert is_harmless(found["password"])


# -- cuts and codings


@pytest.mark.parametrize("secret", (KEY, "short-1"))
def test_every_split_of_a_short_body(secret: str) -> None:
    data = b'data: {"a":"%s"}\n\ndata: [DONE]\n\n' % secret.encode()
    whole = scrubber(secret).capture(capture(request(), response(data)))
    assert whole.answer is not None
    for at in range(1, len(data)):
        body = Body.of([data[:at], data[at:]], [5, 9])
        after = scrubber(secret).capture(capture(request(), Response(200, "", Headers(), body)))
        assert after.answer is not None
        assert after.answer.body.data == whole.answer.body.data
        chunks = after.answer.body.chunks
        assert b"".join(chunks) == after.answer.body.data
        assert [time for _, time in after.answer.body.cuts] == [5, 9]
        if len(secret) == len(KEY) or at <= data.index(secret.encode()):
            assert len(chunks[0]) == at


def test_cuts_behind_a_longer_surrogate_move_by_what_it_is_longer() -> None:
    data = b"a:short-1;bbbb;cccc;"
    after = scrubber("short-1").capture(
        capture(request(), Response(200, "", Headers(), Body.of([data[:10], data[10:15], data[15:]], [1, 2, 3])))
    )
    assert after.answer is not None
    assert after.answer.body.chunks[1:] == [b"bbbb;", b"cccc;"]


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("coding", CODERS)
def test_a_compressed_body_is_opened_where_a_secret_is_in_it(coding: str) -> None:
    plain = json.dumps({"text": f"the key {KEY}", "more": "words " * 500}).encode()
    coded = CODERS[coding](plain)
    head = (("Content-Encoding", coding), ("Content-Length", str(len(coded))))
    before = capture(request(*head, body=coded), response(coded, *head, size=9))
    after = scrubber(KEY).capture(before)
    for side in (after.request, after.answer):
        assert side is not None
        data = side.body if isinstance(side.body, bytes) else side.body.data
        assert KEY not in json.loads(data)["text"]
        assert "content-encoding" not in side.headers
        assert side.headers.get("content-length") == str(len(data))
    assert after.answer is not None
    assert b"".join(after.answer.body.chunks) == after.answer.body.data
    assert [(note.kind, note.short) for note in after.notes] == [("seen", "scrubbed")]
    assert scrubber(KEY).capture(after) == after


@pytest.mark.parametrize("coding", CODERS)
def test_a_compressed_body_without_a_secret_stays_as_it_is(coding: str) -> None:
    before = capture(request(("content-encoding", coding), body=CODERS[coding](b'{"text":"nothing"}')))
    assert scrubber(KEY).capture(before) is before


def test_a_body_that_cannot_be_decoded_is_looked_at_as_it_is() -> None:
    before = capture(request(("content-encoding", "gzip"), body=b"in truth plain: " + KEY.encode()))
    after = scrubber().capture(before)
    assert_gone(after, KEY)
    assert after.request.headers.get("content-encoding") == "gzip"


# -- globs


def test_globs_tell_of_each_credential_what_it_matched() -> None:
    globs = [compile_glob(text) for text in ("sk-kimi-*", "sk-ant-*", "gold*", "*K")]
    ask = request(
        ("authorization", f"Bearer {KEY}"), ("x-tier", "goldfish"), ("accept", "*/*"), target="/v1?key=gold-1"
    )
    once = scrubber(globs=globs).capture(capture(ask))
    found = once.inputs.globs
    key = (once.request.headers.get("authorization") or "").removeprefix("Bearer ")
    assert found[key] == {"sk-kimi-*": True, "*K": True}
    assert found[once.request.headers.get("x-tier") or ""]["gold*"]
    assert found[once.request.target.removeprefix("/v1?key=")]["gold*"]
    assert not any("*/*" in name for name in found)
    assert_gone(once, KEY, "goldfish", "gold-1")
    assert scrubber(globs=globs).capture(once) == once


def test_globs_tell_where_only_the_surrogate_would_match() -> None:
    globs = [compile_glob(text) for text in ("sk-kimi-SCRUB*", "sk-kimi-*")]
    once = scrubber(globs=globs).capture(capture(request(("x-api-key", KEY))))
    assert once.inputs.globs[once.request.headers.get("x-api-key") or ""] == {
        "sk-kimi-SCRUB*": False,
        "sk-kimi-*": True,
    }
    assert scrubber(globs=[compile_glob("nothing-*")]).capture(capture(request(("x-api-key", KEY)))).inputs.globs == {}


def test_globs_tell_nothing_of_a_surrogate_that_stood_there_before() -> None:
    metadata = json.dumps({"installation_id": "23d1977d-9cf1-41a9-a9eb-6255aa6e58df"})
    once = scrubber().capture(capture(request(("x-codex-turn-metadata", metadata), ("x-api-key", KEY))))
    assert_gone(once, KEY, "23d1977d-9cf1")
    assert once.inputs.globs == {}
    assert scrubber(globs=[compile_glob("5c2bbed*"), compile_glob("sk-*")]).capture(once) == once


# -- findings


@pytest.mark.parametrize("place", sorted(set(PLACES) - {"basic login in a text"}))
def test_a_finding_for_every_place_and_none_after_scrubbing(place: str) -> None:
    before = PLACES[place](KEY)
    found = findings(before)
    assert found
    assert KEY not in str(found)
    assert KEY[9:] not in str(found)
    assert findings(scrubber(KEY).capture(before)) == []


def test_findings_name_place_and_kind() -> None:
    body = json.dumps(
        {
            "a": "/home/anna/x, /home/user/y and /Users/name/My Documents, ~/home/.claude",
            "w": "C:\\Users\\Bob\\z",
            "password": "tell-nobody",
        }
    ).encode()
    found = findings(capture(request(("X-Api-Key", KEY), ("x-tier", "gold"), ("authorization", "sk-FAKE"), body=body)))
    assert {(one.where.partition(",")[0], one.kind, one.shown) for one in found} == {
        ("client request header:x-api-key", "header x-api-key", "sk-kimi-…"),
        ("client request header:x-tier", "unknown header", "…"),
        ("client request body", "password", "…"),
        ("client request body", "home folder", "…"),
    }
    assert len(found) == 5


def test_a_text_for_a_log() -> None:
    made = scrubber(OTHER)
    new = made.text(f"no {OTHER}, and {KEY}")
    assert re.fullmatch(r"no SCRUBBED[0-9a-f]+, and sk-kimi-SCRUBBED[0-9a-f]+", new)
    assert made.text(new) == new
    assert made.text("nothing") == "nothing"


def test_a_secret_that_occurs_in_a_surrogate_leaves_it_whole() -> None:
    surrogate = scrubber().text(KEY)
    made = scrubber(surrogate[-10:])
    before = capture(request(("x-api-key", surrogate)), error=f"see {surrogate}")
    assert made.capture(before) is before
    assert surrogate[-10:] not in made.text(f"x {surrogate[-10:]} x")


def test_overlapping_spans_become_one() -> None:
    spans = merged([Span(2, 6, b"A")], [Span(4, 9, b"B"), Span(9, 10, b"C"), Span(0, 1, b"D")])
    assert spans == [Span(0, 1, b"D"), Span(2, 9, b"A"), Span(9, 10, b"C")]
    assert replaced(b"0123456789z", spans) == b"D1ACz"


# -- laws

TEXTS = st.text(max_size=12)
SECRETS = st.text('abcXYZ019_-+/=."\\é ', min_size=8, max_size=30).filter(lambda text: text == text.strip())


@given(secret=SECRETS, before=TEXTS, after=TEXTS, place=st.sampled_from(sorted(PLACES)))
def test_no_secret_is_left_and_twice_is_once(secret: str, before: str, after: str, place: str) -> None:
    made = PLACES[place](secret)
    made = replace(made, error=f"{before}{secret}{after}", model=before)
    scrub = scrubber(secret)
    once = scrub.capture(made)
    if not is_harmless(secret):
        assert_gone(once, secret)
    assert scrub.capture(once) == once
    assert scrubber(secret).capture(made) == once


@given(st.binary(max_size=200), st.lists(st.integers(0, 40), max_size=12))
def test_any_bytes_pass_and_cuts_add_up(data: bytes, sizes: list[int]) -> None:
    data = data[:60] + KEY.encode() + data[60:]
    chunks, at = [], 0
    for size in [*sizes, len(data)]:
        chunks.append(data[at : at + size])
        at += size
    made = capture(request(body=data), Response(200, "", Headers(), Body.of(chunks, range(len(chunks)))))
    once = scrubber(KEY).capture(made)
    assert once.answer is not None
    assert sum(size for size, _ in once.answer.body.cuts) == len(once.answer.body.data)
    assert KEY.encode() not in once.answer.body.data
    assert scrubber(KEY).capture(once) == once


@given(
    st.recursive(
        TEXTS | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | TEXTS, inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_json_stays_json(value: object) -> None:
    for text in (json.dumps(value), json.dumps(json.dumps(value)), json.dumps(value, ensure_ascii=False)):
        once = scrubber().capture(capture(request(body=text.encode("utf-8", "surrogatepass"))))
        json.loads(once.request.body.decode("utf-8", "surrogatepass"))
        assert scrubber().capture(once) == once


LEAVES = st.text("ab\"\\/é\n:{}'= ", max_size=9) | st.integers() | st.none() | st.booleans()
NAMES = st.sampled_from(MEMBERS) | st.sampled_from(("id", "key", "token", "tokens", "name", 'a"b', "secretary"))
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))


def expected(value: object) -> object:
    """Give a value with a mark for each text that stands under a name that tells."""
    if isinstance(value, list):
        return [expected(one) for one in value]
    if isinstance(value, dict):
        return {
            name: "mark" if name in MEMBERS and isinstance(one, str) and one else expected(one)
            for name, one in value.items()
        }
    return value


def marked(value: object) -> object:
    """Give a value with a mark for each surrogate in it."""
    if isinstance(value, str):
        return "mark" if re.search("SCRUBBED[0-9a-f]{8}", value) else value
    if isinstance(value, list):
        return [marked(one) for one in value]
    return {name: marked(one) for name, one in value.items()} if isinstance(value, dict) else value


@given(value=TREES, depth=st.integers(0, 3), indent=st.sampled_from((None, 1)), coded=st.booleans())
def test_just_the_texts_of_named_members_change(value: Any, depth: int, indent: int | None, *, coded: bool) -> None:  # noqa: ANN401 - any JSON
    text = json.dumps(value, indent=indent, ensure_ascii=coded)
    for _ in range(depth):
        text = json.dumps({"nested": text, "b": "stays"}, ensure_ascii=coded)
    once = scrubber().capture(capture(request(body=text.encode())))
    found = json.loads(once.request.body)
    for _ in range(depth):
        assert found["b"] == "stays"
        found = json.loads(found["nested"])
    assert marked(found) == expected(value)
