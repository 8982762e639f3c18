"""``to`` with fallbacks, ``retry`` and ``limits``: what the file says is what the rules hold, key by key.

What is refused is in ``tests/broken`` (fallback, retry, limits), with its lines and columns.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.kit import problems, resolved, warnings
from wiremend.rules.checks import check_duration, check_size
from wiremend.rules.model import NEVER_RETRIED, RETRIED, Cooldown, Limits, Retry, Target
from wiremend.rules.told import duration_text, limits_plain, limits_text, retry_plain, retry_text, size_text
from wiremend.rules.units import parse_duration, parse_size

CLAUDE = "providers: {claude: {base_url: 'http://127.0.0.1:9/v1', speaks: [messages], auth: none}}\n"
KEYED = "providers: {w: {base_url: 'https://llm.work.example/v1', key: $W}}\n"


# --- destinations -----------------------------------------------------------------------------------------------------


def test_a_list_is_the_first_and_those_behind_it() -> None:
    rules = resolved("routes: [{to: [local, ollama/qwen3, local/x/y]}]").rules
    (route,) = rules.routes
    assert route.target == Target("local")
    assert route.fallbacks == (Target("ollama", "qwen3"), Target("local", "x/y"))
    assert route.targets == (Target("local"), Target("ollama", "qwen3"), Target("local", "x/y"))


@pytest.mark.parametrize("to", ("local", "[local]"))
def test_one_destination_has_none_behind_it(to: str) -> None:
    (route,) = resolved(f"routes: [{{to: {to}}}]").rules.routes
    assert (route.targets, route.retry) == ((Target("local"),), Retry())


def test_each_destination_must_speak_the_wire_that_is_forced() -> None:
    assert problems(f"{CLAUDE}routes: [{{to: [local, claude], via: messages}}]") == []
    (problem,) = problems(f"{CLAUDE}routes: [{{to: [local, claude], via: chat}}]")
    assert problem.startswith("2:37: the provider 'claude' speaks messages, not chat")
    text = CLAUDE + "routes: [{to: [claude, claude/x, local], via: responses}]"
    (problem,) = problems(text)  # once, however many of its models the list names
    assert "'claude' speaks messages, not responses" in problem


def test_a_fallback_without_its_credential_is_a_warning_and_a_first_destination_an_error() -> None:
    (warning,) = warnings(f"{KEYED}routes: [{{to: [local, w]}}]")
    assert warning.startswith("rules.yaml:1:1: warning: the provider 'w' is skipped as a fallback")
    assert "the environment variable W is not set" in warning
    for text in (
        "routes: [{to: [w, local]}]",
        "routes: [{when: {model: a}, to: [local, w]}, {to: w}]",
        "routes: [{to: [local, w]}]\ndefault: w",
        "routes: [{to: [local, w]}]\naliases: {a: w/b}",
    ):
        (problem,) = problems(KEYED + text)
        assert problem.startswith("1:1: the provider 'w' needs its credential"), text
    assert warnings(f"{KEYED}routes: [{{to: [local, w]}}]", {"W": "FAKE"}) == []
    assert resolved(f"{KEYED}routes: [{{to: [local, w]}}]", {"W": "FAKE"}).upstreams["w"].secret is not None


def test_a_fallback_behind_routes_that_ask_for_a_key_needs_none_of_its_own() -> None:
    assert warnings("routes: [{when: {key: sk-or-*}, to: [local, openrouter]}]") == []
    (warning,) = warnings("routes: [{when: {key: sk-or-*}, to: local}, {to: [local, openrouter]}]")
    assert "'openrouter'" in warning


@pytest.mark.parametrize(
    ("to", "expected", "holds"),
    (
        ("[local, ollama/qwen3]", "local", True),
        ("[local, ollama/qwen3]", "local/m", True),
        ("[local, ollama/qwen3]", "[local, ollama]", True),
        ("[local, ollama/qwen3]", "[local/m, ollama/qwen3]", True),
        ("[local, ollama]", "[local/m, ollama/m]", True),
        ("[local]", "[local]", True),
        ("[local, ollama/qwen3]", "[local]", False),
        ("[local, ollama/qwen3]", "[ollama, local]", False),
        ("[local, ollama/qwen3]", "[local, ollama/other]", False),
        ("[local, ollama/qwen3]", "[local, ollama, local/x]", False),
        ("[local, ollama/qwen3]", "ollama", False),
    ),
)
def test_an_expectation_names_the_first_destination_or_all(to: str, expected: str, *, holds: bool) -> None:
    found = problems(f"routes: [{{to: {to}}}]\nexpect: [{{given: {{model: m}}, to: {expected}}}]")
    assert (found == []) is holds
    if not holds:
        assert "2:10: this expectation does not hold: expected " in found[0]


def test_an_expectation_of_a_list_says_where_it_goes_instead() -> None:
    (problem,) = problems("routes: [{to: [local, ollama/q]}]\nexpect: [{given: {model: m}, to: [local]}]")
    assert "expected local, but it goes to local/m, then ollama/q: route 'route 1' matches (rules.yaml:1)" in problem
    (problem,) = problems("expect: [{given: {model: m, host: h.example}, to: [local, ollama]}]")
    assert "expected local, then ollama, but it goes to where the client sent it" in problem
    (problem,) = problems("expect: [{given: {model: m}, to: [local, ollama]}]")
    assert "expected local, then ollama, but the request is refused" in problem


# --- retry ------------------------------------------------------------------------------------------------------------


def retry_of(text: str) -> Retry:
    (route,) = resolved(f"routes: [{{to: [local, ollama], retry: {text}}}]").rules.routes
    return route.retry


SERVER = frozenset(range(500, 600))


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("0", Retry()),
        ("3", Retry(times=3)),
        ("10", Retry(times=10)),
        ("{times: 3}", Retry(times=3)),
        ("{times: 1, on: 429}", Retry(times=1, on=frozenset({429}))),
        ("{times: 1, on: '429'}", Retry(times=1, on=frozenset({429}))),
        ("{times: 1, on: 5xx}", Retry(times=1, on=SERVER)),
        ("{times: 1, on: [402, 5xx, stall, 529]}", Retry(times=1, on=SERVER | {402, "stall"})),
        ("{times: 1, on: [connection, stream]}", Retry(times=1, on=frozenset({"connection", "stream"}))),
        ("{times: 2, backoff: 250ms, max: 5s, budget: 1m, stay: 1h}", Retry(2, RETRIED, 0.25, 5.0, 60.0, 3600.0)),
        ("{budget: 5m}", Retry(budget=300.0)),
        # what the file leaves out makes room for what it says, the budget alone does not
        ("{times: 1, max: 500ms}", Retry(1, backoff=0.5, max=0.5)),
        ("{times: 1, backoff: 1m}", Retry(1, backoff=60.0, max=60.0)),
        ("{times: 1, budget: 10s}", Retry(1, max=10.0, budget=10.0)),
        ("{times: 1, budget: 500ms}", Retry(1, backoff=0.5, max=0.5, budget=0.5)),
    ),
)
def test_a_retry_is_a_number_or_more_about_it(text: str, expected: Retry) -> None:
    assert retry_of(text) == expected


def test_what_is_refused_by_name_is_never_in_it() -> None:
    """Not by the usual list, and not by a hundred of them."""
    assert not NEVER_RETRIED & RETRIED
    assert not NEVER_RETRIED & retry_of("{times: 1, on: [5xx, 408, 429]}").on


@given(st.integers(min_value=-1000, max_value=1000))
def test_every_status_is_judged(status: int) -> None:
    found = problems(f"routes: [{{to: local, retry: {{times: 1, on: {status}}}}}]")
    sound = status in range(400, 600) and status not in NEVER_RETRIED
    assert (found == []) is sound, found


@pytest.mark.parametrize(
    ("text", "told"),
    (
        ("{to: local, retry: 0}", "1:22: warning: this tries nothing again"),
        ("{to: local, retry: {stay: 5m}}", "1:22: warning: this tries nothing again"),
        ("{to: [local, ollama], retry: {times: 0, on: 429}}", "`on` does nothing"),
        ("{to: [local, ollama], retry: {backoff: 2s}}", "`backoff` does nothing"),
    ),
)
def test_a_retry_that_does_nothing_is_warned_of(text: str, told: str) -> None:
    (problem,) = problems(f"routes: [{text}]")
    assert told in problem
    assert " warning: " in problem


@pytest.mark.parametrize("retry", ("0", "{budget: 10s}", "{stay: 5m}"))
def test_with_a_fallback_no_retry_may_be_meant(retry: str) -> None:
    assert problems(f"routes: [{{to: [local, ollama], retry: {retry}}}]") == []


# --- limits -----------------------------------------------------------------------------------------------------------

ALL = """
limits:
  connect: 5s
  first_byte: 1m
  between_events: 2m
  duration: 1h
  keepalive: off
  head: 500ms
  concurrent: 4
  queue: 0
  queue_wait: 10s
  request_body: 32MB
  reply_body: 1GB
  event: 500KB
  memory: 64MiB
  cooldown: off
"""


def test_without_the_key_the_usual_limits_hold_everywhere() -> None:
    rules = resolved("version: 1").rules
    assert rules.limits == Limits()
    assert {provider.limits for provider in rules.providers.values()} == {Limits()}


def test_every_limit_is_taken_as_it_is_written() -> None:
    expected = Limits(
        connect=5.0,
        first_byte=60.0,
        between_events=120.0,
        duration=3600.0,
        keepalive=None,
        head=0.5,
        concurrent=4,
        queue=0,
        queue_wait=10.0,
        request_body=32 * 10**6,
        reply_body=10**9,
        event=500_000,
        memory=64 * 2**20,
        cooldown=None,
    )
    rules = resolved(ALL).rules
    assert rules.limits == expected
    assert {provider.limits for provider in rules.providers.values()} == {expected}


def test_a_provider_changes_the_tops_key_by_key() -> None:
    rules = resolved(
        "limits: {connect: 5s, concurrent: 4, cooldown: {after: 3}}\n"
        "providers:\n"
        "  local: {limits: {connect: 1s, concurrent: off, cooldown: {for: 10s}}}\n"
        "  ollama: {limits: {keepalive: off, cooldown: off}}\n"
        "  own: {base_url: 'http://127.0.0.1:9', auth: none}\n"
    ).rules
    top = Limits(connect=5.0, concurrent=4, cooldown=Cooldown(after=3))
    assert rules.limits == rules.providers["own"].limits == rules.providers["moonshot"].limits == top
    assert rules.providers["local"].limits == Limits(connect=1.0, cooldown=Cooldown(3, 10.0))
    assert rules.providers["ollama"].limits == Limits(connect=5.0, keepalive=None, concurrent=4, cooldown=None)


def test_a_provider_may_take_a_cool_down_back_that_the_top_put_off() -> None:
    rules = resolved("limits: {cooldown: off}\nproviders: {local: {limits: {cooldown: {after: 2}}}}").rules
    assert rules.limits.cooldown is None
    assert rules.providers["local"].limits.cooldown == Cooldown(after=2)


# --- units, and how they are told -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    (("500ms", 0.5), ("1.5s", 1.5), ("90s", 90.0), ("5m", 300.0), ("12h", 43200.0), ("7d", 604800.0)),
)
def test_a_duration(text: str, seconds: float) -> None:
    check_duration(text)
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    (("1B", 1), ("500KB", 500_000), ("1.5MB", 1_500_000), ("2GiB", 2 * 2**30), ("1 TB", 10**12), ("64mib", 64 * 2**20)),
)
def test_a_size(text: str, size: int) -> None:
    check_size(text)
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ("", "s", "5", "5 s", "1.s", "1.2.3s", "-5s", "٣s", "5S", "9" * 400 + "d", "1e3s", "5sm", "5s\n")
)
def test_what_is_no_duration_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        check_duration(text)
    assert parse_duration(text) == 0


@pytest.mark.parametrize(
    "text", ("", "B", "5", "5M", "1.2.3MB", "-5MB", "٣MB", "9" * 400 + "TB", "5XB", "5iB", "5MB\n")
)
def test_what_is_no_size_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        check_size(text)
    assert parse_size(text) == 0


@given(st.integers(min_value=1, max_value=10**9))
def test_a_duration_is_told_as_it_would_be_written(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    told = duration_text(seconds)
    assert parse_duration(told) == pytest.approx(seconds, rel=1e-5)


@given(st.integers(min_value=1, max_value=10**13))
def test_a_size_is_told_as_it_would_be_written(size: int) -> None:
    assert parse_size(size_text(size)) == size


def test_limits_are_told_where_they_differ() -> None:
    assert limits_plain(Limits()) == {}
    plain = limits_plain(resolved(ALL).rules.limits)
    assert plain == {
        "connect": "5s",
        "first_byte": "1m",
        "between_events": "2m",
        "keepalive": "off",
        "head": "500ms",
        "concurrent": 4,
        "queue": 0,
        "queue_wait": "10s",
        "request_body": "32MB",
        "reply_body": "1GB",
        "event": "500KB",
        "memory": "64MiB",
        "cooldown": "off",
    }
    assert (
        limits_text({"connect": "5s", "cooldown": {"after": 3, "for": "30s"}}) == "connect 5s, cooldown after 3 for 30s"
    )


def test_a_retry_is_told_as_it_would_be_written() -> None:
    text = "{times: 2, on: [408, 5xx, stall], backoff: 250ms, max: 5s, budget: 1m, stay: 1h}"
    plain = retry_plain(retry_of(text))
    assert plain == {
        "times": 2,
        "on": [408, "5xx", "stall"],
        "backoff": "250ms",
        "max": "5s",
        "budget": "1m",
        "stay": "1h",
    }
    assert retry_text(plain, fallbacks=True) == (
        "2 times each on 408, 5xx, stall; waits up to 250ms, then up to 5s, all in 1m"
    )
    usual = retry_text(retry_plain(Retry(times=1)), fallbacks=False)
    assert usual.startswith("once on 408, 409, 425, 429, 500, 502-504, 520-529, connection, stall, stream; ")
