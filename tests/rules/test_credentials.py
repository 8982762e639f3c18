"""Keys stay home (G11): which credential a request leaves with, in which header, and what never goes to a stranger.

A client's own credential may go to the host that the client addressed, to its own vendor's, or where the file says
``key: client``. The tables are the families and the header styles; hypothesis draws the whole situation (how the
request came, which credential in which header, which provider, which key in the file) and an oracle of three lines
judges it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import (
    ANTHROPIC,
    KIMI,
    MOONSHOT,
    OAUTH,
    OPENAI,
    OPENROUTER,
    PLAIN,
    WEB_TOKEN,
    bearer,
    body_of,
    refused,
    request,
    resolved,
    rewritten,
)
from wiremend.families import FAMILIES, family_of, looks_like_credential, scrubbed, shown
from wiremend.pipeline.outcome import Refused, Rewritten
from wiremend.pipeline.request import rewrite

if TYPE_CHECKING:
    from wiremend.headers import Headers

CREDENTIALS = (KIMI, MOONSHOT, ANTHROPIC, OAUTH, OPENROUTER, OPENAI, WEB_TOKEN, PLAIN)
MINE = "FAKE-from-the-file-9999"


def carried(headers: Headers) -> dict[str, str]:
    """Give the headers in which credentials travel, and what they hold."""
    carriers = (
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "proxy-authorization",
        "x-auth-token",
    )
    return {name.lower(): value for name, value in headers if name.lower() in carriers}


def provider(base: str, *, auth: str = "bearer", key: str | None = None) -> str:
    said = f", key: {key}" if key else ""
    return f"providers: {{w: {{base_url: '{base}', auth: {auth}{said}}}}}\nroutes: [{{to: w}}]\n"


# --- families ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credential", "name", "home", "stranger"),
    (
        (KIMI, "kimi-code", "api.kimi.com", "api.moonshot.ai"),
        (ANTHROPIC, "anthropic", "api.anthropic.com", "anthropic.com.evil.example"),
        (OAUTH, "anthropic-oauth", "api.anthropic.com", "api.kimi.com"),
        (OPENROUTER, "openrouter", "openrouter.ai", "openrouter.ai.evil.example"),
        (OPENAI, "openai-project", "api.openai.com", "openai.com.example"),
        ("xai-FAKE", "xai", "api.x.ai", "x.ai"),
        ("gsk_FAKE", "groq", "api.groq.com", "groq.com"),
        (MOONSHOT, "secret-key", None, "api.moonshot.ai"),
        (WEB_TOKEN, "json-web-token", None, "api.openai.com"),
    ),
)
def test_a_family_knows_its_home(credential: str, name: str, home: str | None, stranger: str) -> None:
    family = family_of(credential)
    assert family is not None
    assert family.name == name
    assert home is None or family.at_home(home)
    assert home is None or family.at_home(home.upper())
    assert not family.at_home(stranger)
    assert not family.at_home(f"{home}.evil.example")


def test_a_credential_of_no_family_has_no_home() -> None:
    assert family_of(PLAIN) is None
    assert family_of("") is None


def test_longer_prefixes_come_before_shorter_ones() -> None:
    """The first that fits is the family, so none may hide another."""
    for number, family in enumerate(FAMILIES):
        assert not any(family.prefix.startswith(earlier.prefix) for earlier in FAMILIES[:number])


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_what_is_shown_of_a_credential_is_its_family(credential: str) -> None:
    assert "FAKE" not in shown(credential)
    assert shown(credential).endswith("…")


@pytest.mark.parametrize(
    ("text", "secrets", "left"),
    (
        (f"the key {KIMI} is wrong", (), "the key sk-kimi-… is wrong"),
        (f"{KIMI} and {OAUTH}", (), "sk-kimi-… and sk-ant-oat…"),
        (f"the key {PLAIN} is wrong", (PLAIN,), "the key … is wrong"),
        ("a dummy key", ("dummy",), "a dummy key"),  # a word, not a secret
        ("sk-kimi-* matches", (), "sk-kimi-* matches"),
        ("nothing here", (PLAIN,), "nothing here"),
    ),
)
def test_a_text_from_outside_is_scrubbed(text: str, secrets: tuple[str, ...], left: str) -> None:
    assert scrubbed(text, secrets) == left


def test_looks_are_judged_anywhere_in_a_text() -> None:
    assert looks_like_credential(f"my key is {KIMI}.")
    assert looks_like_credential(f'{{"a":"{OAUTH}"}}')
    assert not looks_like_credential("sk-kimi-…")


# --- which one, and how it travels ------------------------------------------------------------------------------------

ANTHROPIC_BASE, KIMI_BASE, OTHER_BASE = (
    "https://api.anthropic.com",
    "https://api.kimi.com/coding",
    "https://llm.work.example",
)


@pytest.mark.parametrize(
    ("base", "auth", "key", "sent", "leaves"),
    (
        # at its vendor's, in the header that the wire wants
        (KIMI_BASE, "bearer", None, {"x-api-key": KIMI}, {"authorization": f"Bearer {KIMI}"}),
        (KIMI_BASE, "x-api-key", None, bearer(KIMI), {"x-api-key": KIMI}),
        (KIMI_BASE, "x-api-key", None, {"x-api-key": KIMI}, {"x-api-key": KIMI}),
        (ANTHROPIC_BASE, "x-api-key", None, bearer(ANTHROPIC), {"x-api-key": ANTHROPIC}),
        # a token of a login travels as Bearer only
        (ANTHROPIC_BASE, "x-api-key", None, bearer(OAUTH), {"authorization": f"Bearer {OAUTH}"}),
        (ANTHROPIC_BASE, "x-api-key", None, {"x-api-key": OAUTH}, {"authorization": f"Bearer {OAUTH}"}),
        # to a stranger: nothing, and nothing at all
        (OTHER_BASE, "bearer", None, bearer(KIMI), {}),
        (OTHER_BASE, "bearer", None, bearer(MOONSHOT), {}),
        (OTHER_BASE, "bearer", None, {"x-api-key": ANTHROPIC, **bearer(OAUTH)}, {}),
        (OTHER_BASE, "x-api-key", None, bearer(PLAIN), {}),
        (KIMI_BASE, "bearer", None, bearer(MOONSHOT), {}),
        # the file permits it in so many words
        (OTHER_BASE, "bearer", "client", bearer(KIMI), {"authorization": f"Bearer {KIMI}"}),
        (OTHER_BASE, "x-api-key", "client", bearer(PLAIN), {"x-api-key": PLAIN}),
        (OTHER_BASE, "x-api-key", "client", bearer(WEB_TOKEN), {"authorization": f"Bearer {WEB_TOKEN}"}),
        (OTHER_BASE, "bearer", "client", {}, {}),
        # the file names another: the client's own stays behind, even at its home
        (OTHER_BASE, "bearer", "$MINE", bearer(KIMI), {"authorization": f"Bearer {MINE}"}),
        (KIMI_BASE, "x-api-key", "$MINE", bearer(KIMI), {"x-api-key": MINE}),
        (KIMI_BASE, "x-api-key", "$MINE", {"x-api-key": KIMI, **bearer(PLAIN)}, {"x-api-key": MINE}),
        # a list: the first that is to be had
        (OTHER_BASE, "bearer", "[client, $MINE]", bearer(KIMI), {"authorization": f"Bearer {KIMI}"}),
        (OTHER_BASE, "bearer", "[client, $MINE]", {}, {"authorization": f"Bearer {MINE}"}),
        (OTHER_BASE, "bearer", "[$MINE, client]", bearer(KIMI), {"authorization": f"Bearer {MINE}"}),
        (OTHER_BASE, "bearer", "[$UNSET, client]", bearer(KIMI), {"authorization": f"Bearer {KIMI}"}),
        # no credential is wanted
        (OTHER_BASE, "none", None, {"x-api-key": KIMI, **bearer(KIMI)}, {}),
        (OTHER_BASE, "none", None, {}, {}),
        # both headers at once: one leaves, in the header that is wanted
        (KIMI_BASE, "x-api-key", None, {"x-api-key": KIMI, **bearer(PLAIN)}, {"x-api-key": KIMI}),
        (KIMI_BASE, "bearer", None, {"x-api-key": PLAIN, **bearer(KIMI)}, {"authorization": f"Bearer {KIMI}"}),
    ),
)
def test_which_credential_leaves_and_how(
    base: str, auth: str, key: str | None, sent: dict[str, str], leaves: dict[str, str]
) -> None:
    got = rewritten(resolved(provider(base, auth=auth, key=key), {"MINE": MINE}), wire="messages", headers=sent)
    assert carried(got.headers) == leaves


def test_the_clients_spelling_and_place_are_kept() -> None:
    got = rewritten(
        resolved(provider(OTHER_BASE, key="$MINE"), {"MINE": MINE}),
        headers={"Accept": "*/*", "AUTHORIZATION": f"Bearer {KIMI}", "X-Last": "1"},
    )
    assert got.headers.fields == (("Accept", "*/*"), ("AUTHORIZATION", f"Bearer {MINE}"), ("X-Last", "1"))


@pytest.mark.parametrize(
    "name",
    (
        "api-key",
        "x-goog-api-key",
        "Authorization",
        "X-Api-Key",
        "Cookie",
        "Proxy-Authorization",
        "X-Auth-Token",
        "X-My-Own",
    ),
)
@pytest.mark.parametrize("value", (KIMI, f"Bearer {KIMI}", f"Basic {KIMI}", f"session={KIMI}"))
def test_no_header_carries_a_clients_credential_to_a_stranger(name: str, value: str) -> None:
    for key in (None, "$MINE"):
        got = rewritten(resolved(provider(OTHER_BASE, key=key), {"MINE": MINE}), headers={name: value})
        assert all(KIMI not in held for _, held in got.headers)


@pytest.mark.parametrize("name", ("key", "api_key", "api-key", "access_token", "KEY", "token", "apikey"))
def test_no_query_carries_a_clients_credential_to_a_stranger(name: str) -> None:
    rules = resolved(provider(OTHER_BASE, auth="none"))
    target = f"/v1/chat/completions?beta=true&{name}={KIMI}&x=a%20b"
    got = rewritten(rules, target=target, host="api.other.example")
    assert got.destination.path == "/v1/chat/completions?beta=true&x=a%20b"
    stays = rewritten(resolved("edits: [{set: {/a: 1}}]"), target=target, host="api.other.example")
    assert stays.destination.path == target


def test_the_bases_own_query_is_the_files_and_travels() -> None:
    rules = resolved(
        "providers: {w: {base_url: 'https://llm.work.example/v1?key=$MINE', auth: none}}\ndefault: w", {"MINE": MINE}
    )
    got = rewritten(rules, target=f"/v1/chat/completions?key={KIMI}")
    assert got.destination.path == f"/v1/chat/completions?key={MINE}"


def test_where_the_client_addressed_the_host_cookies_stay() -> None:
    rules = resolved("edits: [{set: {/a: 1}}]")
    got = rewritten(rules, host="api.openai.com", headers={"Cookie": "a=b", **bearer(OPENAI)})
    assert carried(got.headers) == {"cookie": "a=b", "authorization": f"Bearer {OPENAI}"}


@pytest.mark.parametrize("port", (8000, 9000))
def test_on_this_machine_another_port_is_another_host(port: int) -> None:
    rules = resolved(provider("http://127.0.0.1:8000"))
    got = rewritten(rules, host="127.0.0.1", port=port, scheme="http", headers=bearer(KIMI))
    assert bool(carried(got.headers)) is (port == 8000)


# --- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "kind"),
    (("messages", "authentication_error"), ("chat", "invalid_request_error"), ("responses", "invalid_request_error")),
)
def test_without_a_credential_the_client_is_told_what_to_set(wire: str, kind: str) -> None:
    got = refused(resolved("version: 1"), model="openrouter/x/y", wire=wire)
    assert got.status == 401
    assert "OPENROUTER_API_KEY" in got.message
    assert "key: client" in got.message
    assert json.loads(got.body)["error"]["type"] == kind


def test_a_credential_that_stays_home_is_told_without_its_value() -> None:
    rules = resolved("routes: [{when: {key: sk-*}, to: openrouter}]")
    message = refused(rules, headers=bearer(KIMI)).message
    assert "sk-kimi-…" in message
    assert "openrouter.ai" in message
    assert "FAKE" not in message
    got = rewritten(resolved(provider(OTHER_BASE)), headers=bearer(KIMI))
    assert got.withheld is not None
    assert "llm.work.example" in got.withheld
    assert "FAKE" not in got.withheld


@pytest.mark.parametrize(
    ("host", "target", "headers"),
    (
        ("openrouter.ai", "/api/v1/models", {}),  # a public list
        ("api.anthropic.com", "/v1/models", {}),
        ("api.openai.com", "/v1/chat/completions", {}),
        ("api.openai.com", "/v1/chat/completions", {"Authorization": "Basic FAKE"}),
        ("api.openai.com", "/v1/responses", {"Cookie": "session=FAKE"}),
    ),
)
def test_where_the_client_sent_it_the_provider_answers_for_what_is_missing(
    host: str, target: str, headers: dict[str, str]
) -> None:
    """The client chose the host and what to show there; a refusal of ours would only hide the provider's answer."""
    outcome = rewrite(request(host=host, target=target, headers=headers), resolved("version: 1"))
    assert not isinstance(outcome, Refused)
    assert isinstance(outcome, Rewritten)
    assert carried(outcome.headers) == {name.lower(): value for name, value in headers.items()}


def test_a_key_that_only_a_name_leads_to_is_there_when_it_is_needed(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """A client may say ``w/model`` though no route names the provider."""
    (tmp_path / "key").write_text(MINE, "utf-8")
    rules = resolved(f"providers: {{w: {{base_url: '{OTHER_BASE}', auth: bearer, key: 'file:{tmp_path}/key'}}}}")
    got = rewritten(rules, model="w/m")
    assert carried(got.headers) == {"authorization": f"Bearer {MINE}"}


# --- the law, over everything -----------------------------------------------------------------------------------------

HOSTS = ("api.kimi.com", "api.anthropic.com", "openrouter.ai", "api.openai.com", "llm.work.example", "127.0.0.1")
HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
KEYS = (None, "client", "$MINE", "[client, $MINE]", "[$UNSET, client]", "[$MINE, client]")
ROUTES = {
    (host, auth, key): resolved(provider(f"https://{host}", auth=auth, key=key), {"MINE": MINE})
    for host in HOSTS
    for auth in ("bearer", "x-api-key", "none")
    for key in KEYS
}


@given(
    st.sampled_from(sorted(ROUTES, key=str)),
    st.sampled_from((None, *HOSTS)),
    st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(CREDENTIALS), max_size=3),
    st.sampled_from(("messages", "chat")),
)
def test_keys_stay_home(
    situation: tuple[str, str, str | None], addressed: str | None, brought: dict[str, str], wire: str
) -> None:
    host, auth, key = situation
    headers = {name: f"Bearer {value}" if name == "authorization" else value for name, value in brought.items()}
    outcome = rewrite(request(host=addressed, headers=headers, wire=wire, body=body_of("m")), ROUTES[situation])
    if isinstance(outcome, Refused):
        assert not any(value in outcome.body.decode() for value in CREDENTIALS)
        return
    assert isinstance(outcome, Rewritten)
    assert outcome.destination.host == host
    for value in brought.values():
        family = family_of(value)
        allowed = (
            host == addressed or (family is not None and family.at_home(host)) or (key is not None and "client" in key)
        )
        assert allowed or not any(value in held for _, held in outcome.headers), (value, host)
        assert not any(value in str(note) for note in outcome.notes)
    names = [name for name in carried(outcome.headers) if name != "cookie"]
    assert len(names) <= 1 or (auth == "none" and host == addressed)
    for name, value in outcome.headers:
        if name.lower() == "authorization" and auth != "none":
            assert value.startswith("Bearer ")
        if name.lower() == "x-api-key" and auth != "none":
            assert not value.startswith("Bearer ")
            assert value not in {OAUTH, WEB_TOKEN}


@pytest.mark.parametrize(
    ("key", "environ", "brought", "sent", "source"),
    (
        ("[$A, $B]", {"A": "FAKE-a", "B": "FAKE-b"}, None, "FAKE-a", "$A"),
        ("[$A, $B]", {"B": "FAKE-b"}, None, "FAKE-b", "$B"),
        ("[$A, client, $B]", {"A": "FAKE-a", "B": "FAKE-b"}, KIMI, "FAKE-a", "$A"),
        ("[$A, client, $B]", {"B": "FAKE-b"}, KIMI, KIMI, "the client's own"),
        ("[$A, client, $B]", {"B": "FAKE-b"}, None, "FAKE-b", "$B"),
        ("[client, $A, $B]", {"B": "FAKE-b"}, None, "FAKE-b", "$B"),
    ),
)
def test_the_first_of_the_list_that_is_to_be_had_is_sent_and_named(
    key: str, environ: dict[str, str], brought: str | None, sent: str, source: str
) -> None:
    rules = resolved(provider("https://llm.work.example/v1", key=key), environ)
    there = rewritten(rules, headers=bearer(brought) if brought else {})
    assert carried(there.headers) == {"authorization": f"Bearer {sent}"}
    told = [note.what.rpartition(": ")[2] for note in there.notes if note.short == "credential"]
    assert told == ([] if sent == brought else [source])
