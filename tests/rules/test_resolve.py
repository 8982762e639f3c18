"""Rules meet the machine: which providers need their credential at the start, and which must never get in the way.

A provider counts where something in the file can send a request to it. What nothing uses (the built-ins, mostly)
neither fails nor asks for a fingerprint.
"""

from __future__ import annotations

import pytest

from tests.rules.kit import decided, problems, refused, resolved
from wiremend.rules.references import Secret

WORK = "providers: {w: {base_url: 'https://llm.work.example/v1', key: $W}}\n"


@pytest.mark.parametrize(
    "use",
    (
        "routes: [{to: w}]",
        "routes: [{when: {model: a}, to: w/b}]",
        "aliases: {a: w/b}",
        "aliases: {a: {to: b}, b: w/c}",
        "default: w",
        "default: w/b",
    ),
)
def test_what_can_be_reached_needs_its_credential(use: str) -> None:
    (problem,) = problems(WORK + use)
    assert problem.startswith("1:")
    assert "'w'" in problem
    assert "the environment variable W is not set" in problem
    assert "key: client" in problem
    assert problems(WORK + use, {"W": "FAKE"}) == []
    assert problems(WORK + use, offline=True) == []


@pytest.mark.parametrize(
    "use",
    ("", "routes: [{to: local}]", "edits: [{when: {provider: w}, set: {/a: 1}}]", "expect: [{given: {}, to: null}]"),
)
def test_what_nothing_reaches_never_fails(use: str) -> None:
    assert problems(WORK + use) == []


def test_no_built_in_fails_unless_it_is_used() -> None:
    rules = resolved("version: 1\n")
    assert set(rules.upstreams) >= {
        "kimi-code",
        "moonshot",
        "moonshot-cn",
        "deepseek",
        "openrouter",
        "anthropic",
        "openai",
        "zai",
        "ollama",
        "local",
    }
    assert all(upstream.secret is None for upstream in rules.upstreams.values())


@pytest.mark.parametrize(
    ("key", "environ", "found"),
    (
        ("$A", {"A": "FAKE1"}, "FAKE1"),
        ("[$A, $B]", {"B": "FAKE2"}, "FAKE2"),
        ("[$A, $B]", {"A": "FAKE1", "B": "FAKE2"}, "FAKE1"),
        ("[client, $B]", {"B": "FAKE2"}, "FAKE2"),
        ("[client, $B]", {}, None),
        ("client", {}, None),
    ),
)
def test_of_a_list_the_first_that_is_to_be_had_counts(key: str, environ: dict[str, str], found: str | None) -> None:
    rules = resolved(f"providers: {{w: {{base_url: 'https://h.example', key: {key}}}}}\ndefault: w", environ)
    assert rules.upstreams["w"].secret == (Secret(found) if found else None)


def test_the_reference_that_won_is_named() -> None:
    text = "providers: {w: {base_url: 'https://h.example', key: [$A, $B, $C]}}\ndefault: w"
    assert resolved(text, {"B": "FAKE2", "C": "FAKE3"}).upstreams["w"].reference == "$B"


@pytest.mark.parametrize("listen", ("{port: $P}", "{host: $H}", "{port: $P, host: $H}"))
def test_offline_an_address_to_listen_on_may_lack_its_variable(listen: str) -> None:
    """Nothing listens there."""
    text = f"listen: {listen}"
    assert problems(text)
    rules = resolved(text, offline=True)
    assert (rules.host, rules.port) == ("127.0.0.1", 8080)


def test_of_a_list_that_gives_nothing_the_first_is_named() -> None:
    (problem,) = problems("providers: {w: {base_url: 'https://h.example', key: [$A, $B]}}\ndefault: w")
    assert "A is not set" in problem


@pytest.mark.parametrize("auth", ("none", "{chat: none, messages: none, responses: none}"))
def test_what_needs_no_credential_is_not_asked_for_one(auth: str) -> None:
    text = f"providers: {{w: {{base_url: 'https://h.example', key: $A, auth: {auth}}}}}\ndefault: w"
    assert problems(text) == []


@pytest.mark.parametrize(
    ("routes", "fails"),
    (
        ("routes: [{when: {key: sk-ant-*}, to: anthropic}]", False),  # each request brings its own
        ("routes: [{when: {key: [sk-ant-*, null]}, to: anthropic}]", True),
        ("routes: [{when: {model: claude-*}, to: anthropic}]", True),
        ("routes: [{when: {key: sk-ant-*}, to: anthropic}]\ndefault: anthropic", True),
        ("routes: [{when: {key: sk-ant-*}, to: anthropic}]\naliases: {a: anthropic/b}", True),
    ),
)
def test_a_built_in_that_only_keys_of_clients_reach_needs_none_of_its_own(routes: str, fails: bool) -> None:  # noqa: FBT001 - a column
    assert bool(problems(routes)) is fails


# --- variables in addresses -------------------------------------------------------------------------------------------


def test_a_base_url_gets_its_variables() -> None:
    text = "providers: {w: {base_url: 'http://$HOST:${PORT:-8000}/v1', auth: none}}\ndefault: w"
    (base,) = set(resolved(text, {"HOST": "127.0.0.1"}).upstreams["w"].bases.values())
    assert (base.host, base.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("value", "told"),
    (
        (None, "the variable BASE is not set"),
        ("", "the variable BASE is not set"),
        ("llm.work.example/v1", "begins with http:// or https://"),
        ("https://me:FAKE@h.example/v1", "no user or password"),
        ("https://h.example/v1#FAKE", "no #fragment"),
        ("https://h.example:FAKEFAKEFAKE/v1", "no URL"),
        ("https://[FAKE/v1", "no URL"),
    ),
)
def test_a_base_url_that_a_variable_spoils_is_told(value: str | None, told: str) -> None:
    environ = {} if value is None else {"BASE": value}
    (problem,) = problems("providers: {w: {base_url: $BASE, auth: none}}\ndefault: w", environ)
    assert told in problem
    assert "FAKE" not in problem


def test_a_base_url_that_nothing_uses_may_lack_its_variable() -> None:
    rules = resolved("providers: {w: {base_url: $BASE}}\ndefault: local")
    assert "w" not in rules.upstreams


def test_a_header_that_needs_a_variable_is_told_at_the_start() -> None:
    text = "providers: {local: {headers: {X-Team: $TEAM}}}\ndefault: local"
    (problem,) = problems(text)
    assert "X-Team" in problem
    assert "TEAM" in problem
    assert problems(text, {"TEAM": "blue"}) == []


@pytest.mark.parametrize(
    "where", ("providers: {local: {headers: {X-Team: $TEAM}}}\ndefault: local", "edits: [{headers: {X-Team: $TEAM}}]")
)
@pytest.mark.parametrize("value", ("a\nb FAKE", "a\r\nX-Forged: FAKE", "FAKE\0"))
def test_a_variable_that_would_break_a_header_is_told_at_the_start(where: str, value: str) -> None:
    (problem,) = problems(where, {"TEAM": value})
    assert "X-Team" in problem
    assert "FAKE" not in problem


def test_an_edit_whose_header_needs_a_variable_that_is_not_set_is_told_at_the_start() -> None:
    (problem,) = problems("edits: [{headers: {X-Team: $TEAM}}]")
    assert "TEAM" in problem


# --- listen -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listen", "environ", "fails"),
    (
        ("{}", {}, False),
        ("{host: localhost}", {}, False),
        ("{host: '::1'}", {}, False),
        ("{host: 0.0.0.0}", {}, True),
        ("{host: '::'}", {}, True),
        ("{host: 192.168.1.7, token: $T}", {"T": "FAKE"}, False),
        ("{host: 192.168.1.7, token: $T}", {}, True),
        ("{token: $T}", {}, True),
        ("{port: $P}", {"P": "9000"}, False),
        ("{port: $P}", {}, True),
        ("{port: $P}", {"P": "99999"}, True),
    ),
)
def test_who_can_reach_us_needs_a_token(listen: str, environ: dict[str, str], fails: bool) -> None:  # noqa: FBT001 - a column
    assert bool(problems(f"listen: {listen}", environ)) is fails


@pytest.mark.parametrize("host", ("127.0.0.1", "localhost", "[::1]"))
def test_a_provider_that_is_ourselves_is_refused(host: str) -> None:
    text = f"providers: {{w: {{base_url: 'http://{host}:8080/v1', auth: none}}}}\n"
    (problem,) = problems(text + "default: w")
    assert "Wiremend itself" in problem
    assert problems(text) == []
    assert problems(text + "default: w\nlisten: {port: 8081}") == []


# --- which hosts are decrypted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intercept", "host", "known"),
    (
        ("", "api.kimi.com", True),
        ("", "API.KIMI.COM", True),
        ("", "api.openai.com", True),
        ("", "api.groq.com", True),  # a vendor's, by its key family
        ("", "github.com", False),
        ("", "kimi.com", False),
        ("", "api.kimi.com.evil.example", False),
        ("providers: {kimi-code: {base_url: 'http://127.0.0.1:9/v1'}}", "api.kimi.com", True),  # wherever it is moved
        ("routes: [{when: {host: null}, to: local}]", "github.com", False),
        ("listen: {intercept: known}", "github.com", False),
        ("listen: {intercept: all}", "github.com", True),
        ("listen: {intercept: ['*.work.example']}", "llm.work.example", True),
        ("listen: {intercept: ['*.work.example']}", "api.kimi.com", True),
        ("listen: {intercept: ['*.work.example']}", "github.com", False),
        ("routes: [{when: {host: llm.work.example}, to: local}]", "llm.work.example", True),
        ("routes: [{when: {host: '*'}, to: local}]", "github.com", False),
        ("providers: {w: {base_url: 'https://llm.work.example'}}", "llm.work.example", True),
    ),
)
def test_which_hosts_are_decrypted(intercept: str, host: str, known: bool) -> None:  # noqa: FBT001 - a column
    assert resolved(f"version: 1\n{intercept}").known_host(host) is known


# --- built-ins overlaid -----------------------------------------------------------------------------------------------


def test_a_built_in_is_overridden_key_by_key() -> None:
    rules = resolved("providers: {deepseek: {key: $MINE}}\ndefault: deepseek", {"MINE": "FAKE"})
    plain = resolved("version: 1")
    mine, theirs = rules.upstreams["deepseek"], plain.upstreams["deepseek"]
    assert mine.secret == Secret("FAKE")
    assert mine.bases == theirs.bases
    assert mine.provider.speaks == theirs.provider.speaks
    assert mine.provider.models == theirs.provider.models
    assert (mine.provider.key_given, theirs.provider.key_given) == (True, False)


def test_a_base_for_one_wire_leaves_that_wire_only() -> None:
    rules = resolved(
        "providers: {deepseek: {base_url: {chat: 'http://127.0.0.1:9/v1'}, key: client}}\ndefault: deepseek"
    )
    assert rules.upstreams["deepseek"].provider.speaks == ("chat",)


def test_speaks_keeps_the_order_of_the_file() -> None:
    rules = resolved("providers: {w: {base_url: 'https://h.example', auth: none, speaks: [responses, chat]}}")
    assert rules.upstreams["w"].provider.speaks == ("responses", "chat")


@pytest.mark.parametrize(
    "name", ("kimi-code", "moonshot", "moonshot-cn", "deepseek", "openrouter", "anthropic", "openai", "zai")
)
def test_every_hosted_built_in_has_a_credential_variable_and_https(name: str) -> None:
    upstream = resolved("version: 1").upstreams[name]
    assert [reference.kind for reference in upstream.provider.keys] == ["env"]
    assert all(base.scheme == "https" for base in upstream.bases.values())


@pytest.mark.parametrize(
    ("base", "url"),
    (
        ("$WORK_URL", "https://work-url.invalid/v1/chat/completions"),
        ("https://$WORK_HOST/llm", "https://work-host/llm/v1/chat/completions"),
        ("http://127.0.0.1:$WORK_PORT", "https://work-port.invalid/v1/chat/completions"),
    ),
)
def test_offline_a_base_whose_variable_is_not_set_still_decides(base: str, url: str) -> None:
    """CI has no such variable, and connects to nothing."""
    text = f"providers: {{w: {{base_url: '{base}', key: client}}}}\ndefault: w"
    assert "is not set" in problems(text)[0]
    destination = decided(resolved(text, offline=True), model="m").destination
    assert destination is not None
    assert destination.url == url


def test_a_key_that_would_have_to_be_asked_for_is_not_where_only_a_clients_word_leads_to_it() -> None:
    """1Password may want a fingerprint; the refusal says what to write so that it is asked at the start."""
    rules = resolved("providers: {w: {base_url: 'https://h.example', key: 'op://vault/item/field'}}")
    assert (
        "no route, alias or default names the provider, so op://vault/item/field" in refused(rules, model="w/m").message
    )


def test_a_built_in_host_is_decrypted_also_where_the_file_moves_the_provider() -> None:
    rules = resolved("providers: {moonshot: {base_url: 'http://127.0.0.1:9/v1', key: client}}\ndefault: moonshot")
    assert rules.known_host("api.moonshot.ai")
    assert rules.known_host("127.0.0.1")
    assert not rules.known_host("api.example.com")


@pytest.mark.parametrize(("port", "loops"), ((8080, True), (8081, False)))
def test_a_provider_that_points_at_the_proxy_is_told_with_the_variable_that_leads_there(
    port: int,
    loops: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A shell in which an agent was pointed at a proxy is no place to start one that should go further."""
    text = "providers: {kimi-code: {base_url: $KIMI_BASE_URL, key: client}}\ndefault: kimi-code"
    told = problems(text, {"KIMI_BASE_URL": f"http://127.0.0.1:{port}/v1"})
    wanted = "1:1: the provider 'kimi-code' points at Wiremend itself, port 8080 (by $KIMI_BASE_URL: unset it"
    assert [line[: len(wanted)] for line in told] == ([wanted] if loops else [])
