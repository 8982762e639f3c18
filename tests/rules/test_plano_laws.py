"""What holds of any Plano file: it makes rules, or errors with a place in the file itself, and never anything else.

The files that hypothesis makes are like those that people write: mostly sound, with a part here and there that is not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rules.kit import facts, request
from tests.rules.plano_kit import FILE, KEYS, SEED, made
from wiremend.errors import Problem, RulesError
from wiremend.pipeline.outcome import Rewritten
from wiremend.pipeline.request import rewrite
from wiremend.rules.engine import route_of
from wiremend.rules.globs import compile_glob
from wiremend.rules.load import load_rules
from wiremend.rules.model import PREFERS
from wiremend.rules.plano.left import LEFT
from wiremend.rules.plano.text import flow, glob, plain, printable
from wiremend.rules.plano.vendors import VENDORS
from wiremend.rules.tree import parse

if TYPE_CHECKING:
    from wiremend.rules.resolve import Resolved

TEXT = SEED.read_text()

SERVED = sorted(name for name, vendor in VENDORS.items() if not vendor.unserved and not vendor.needs_base)
NEED_BASE = sorted(name for name, vendor in VENDORS.items() if not vendor.unserved and vendor.needs_base)
OWN = ("lab", "local", "kimi-code", "zai", "Lab-2", "openai-2")
"""Prefixes that Plano does not know; some are names of ours."""

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8)
NAMES = WORDS.map(lambda word: " ".join(word.split()) or "x")
IDS = st.one_of(st.sampled_from(("gpt-4o", "kimi-for-coding", "k3", "a/b", "[1m]", "*x", "?", "auto")), NAMES)
URLS = st.sampled_from(
    (
        *("https://api.kimi.com/coding/v1", "https://api.kimi.ai/coding", "http://127.0.0.1:9000", "http://$HOST:1/v1"),
        *("https://api.deepseek.com", "https://x.example/p?q=1", "https://x.example/v1/chat/completions"),
    )
)
VALUES = st.sampled_from(("a", "$HOST", "a: b # c", "x-1", "é"))
HEADERS = st.dictionaries(st.sampled_from(("User-Agent", "X-A", "x_b")), VALUES, max_size=3)
KEYED = st.sampled_from(("$A_KEY", "${B_KEY}"))
INLINE = st.lists(st.fixed_dictionaries({"name": NAMES, "description": NAMES}), max_size=2)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=4,
)
LEFT_KEYS = sorted(place for place in LEFT if "." not in place)


@st.composite
def providers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give sound model providers: no name leads to two."""
    found: list[dict[str, Any]] = []
    taken: set[str] = set()
    for _ in range(draw(st.integers(1, 5))):
        prefix = draw(st.sampled_from((*SERVED, *NEED_BASE, *OWN)))
        wild = draw(st.integers(0, 5)) == 0 and prefix != "azure_openai"
        model = "*" if wild else draw(IDS)
        names = {f"{prefix}/{model}"} if wild else {f"{prefix}/{model}", model}
        entry: dict[str, Any] = {"model": f"{prefix}/{model}", "access_key": draw(KEYED)}
        if draw(st.integers(0, 3)) == 0:
            entry["name"] = draw(NAMES)
            names.add(entry["name"])
        if names & taken or model.endswith("/*"):
            continue
        taken |= names
        if prefix in OWN or prefix in NEED_BASE or draw(st.booleans()):
            entry["base_url"] = draw(URLS)
        if prefix in OWN:
            entry["provider_interface"] = draw(st.sampled_from(("openai", "mistral", "anthropic")))
        if not wild and draw(st.booleans()):
            entry["routing_preferences"] = draw(INLINE)
        more = {
            "passthrough_auth": st.booleans(),
            "http_host": st.sampled_from(("h.example", "$HOST")),
            "headers": HEADERS,
        }
        found.append(entry | draw(st.fixed_dictionaries({}, optional=more)))
    return found


@st.composite
def sound_files(draw: st.DrawFn) -> dict[str, Any]:
    """Give what a sound Plano file says."""
    those = draw(providers().filter(bool))
    plain = [one["model"] for one in those if not one["model"].endswith("*")]
    names = [name for full in plain for name in (full, full.partition("/")[2])]
    said: dict[str, Any] = {draw(st.sampled_from(("model_providers", "llm_providers"))): those}
    if names:
        known = st.sampled_from(names)
        next(one for one in those if one["model"] in plain)["default"] = draw(st.sampled_from((True, False, "yes")))
        aliases = NAMES.filter(lambda name: "*" not in name and not any(name == full or "/" in name for full in plain))
        said["model_aliases"] = draw(st.dictionaries(aliases, st.fixed_dictionaries({"target": known}), max_size=3))
        choice = {
            "name": NAMES,
            "description": WORDS.filter(str.strip),
            "models": st.lists(known, min_size=1, max_size=3),
        }
        policy = st.fixed_dictionaries({"prefer": st.sampled_from(PREFERS)})
        choices = st.lists(st.fixed_dictionaries(choice, optional={"selection_policy": policy}), max_size=3)
        said["routing_preferences"] = draw(choices.filter(_named_apart))
    more = {
        "address": st.sampled_from(("127.0.0.1", "::1", "$HOST", "10.0.0.1")),
        "port": st.integers(1, 65535),
        "timeout": st.sampled_from(("30s", "0s", "5m", "1.5s")),
        "max_retries": st.integers(0, 20),
        "input_filters": JUNK,
    }
    listener = st.fixed_dictionaries({"type": st.just("model"), "name": NAMES}, optional=more)
    other = st.fixed_dictionaries({"type": st.sampled_from(("prompt", "agent")), "name": NAMES, "port": st.just(1)})
    said["listeners"] = [draw(listener), *draw(st.lists(other, max_size=1))]
    said |= {name: draw(JUNK) for name in draw(st.sets(st.sampled_from(LEFT_KEYS), max_size=2))}
    return said


def _named_apart(choices: list[dict[str, Any]]) -> bool:
    return len({one["name"].casefold() for one in choices}) == len(choices)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Give what a Plano file says in which one or two things are not as they were: another value, none, another key."""
    said = draw(sound_files())
    for _ in range(draw(st.integers(0, 2))):
        place: Any = said
        while True:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 3)) == 0:
                break
            place = place[key]
        match draw(st.integers(0, 2)):
            case 0:
                place[key] = draw(JUNK)
            case 1:
                place[key] = draw(st.sampled_from(("$A_KEY", "a/b", "client", "a\nb", "*", 0, -1, 10**9, "1s", [], {})))
            case _ if isinstance(place, dict) and len(place) > 1:
                place[draw(st.text(max_size=5))] = place.pop(key)
    return said


def written(said: dict[str, Any]) -> str:
    """Give a file's text: JSON is YAML, and each value stands on a line of its own."""
    text = json.dumps(said, indent=1, ensure_ascii=False)
    # JSON leaves them as they are, to YAML they break lines or are no text.
    return "".join(sign if sign == "\n" or sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)


def judged(text: str) -> tuple[Resolved | None, tuple[Problem, ...]]:
    """Load a file; gives None for its rules where it is not sound."""
    try:
        found = load_rules(text, FILE, {**KEYS, "HOST": "127.0.0.1"}, loops=False)
    except RulesError as error:
        return None, error.problems
    return found.resolved, found.warnings


@given(files())
@settings(max_examples=120)
def test_any_file_makes_rules_or_errors_with_a_place_of_its_own(said: dict[str, Any]) -> None:
    lines = written(said).splitlines()
    resolved, found = judged(written(said))
    assert resolved is not None or any(problem.severity == "error" for problem in found)
    for problem in found:
        assert problem.file == FILE
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert "\n" not in problem.message


@given(sound_files())
@settings(max_examples=120)
def test_a_sound_file_is_taken_and_what_is_written_are_the_same_rules(said: dict[str, Any]) -> None:
    direct, found = judged(written(said))
    assert direct is not None, found
    loaded = load_rules(made(written(said)).text, "rules.yaml", {**KEYS, "HOST": "127.0.0.1"}, loops=False)
    one, two = direct.rules, loaded.resolved.rules
    assert one.default == two.default
    ways = [[(way.label, way.when, way.targets, way.retry) for way in rules.ways] for rules in (one, two)]
    assert ways[0] == ways[1]
    assert {n: a.target for n, a in one.aliases.items()} == {n: a.target for n, a in two.aliases.items()}
    assert (one.limits, direct.host, direct.port) == (two.limits, loaded.resolved.host, loaded.resolved.port)
    asked = [*one.aliases, *(glob.text for route in one.routes for glob in route.when.model if glob is not None), "x"]
    for model in asked[:6]:
        outcomes = [rewrite(request(model=model), rules) for rules in (direct, loaded.resolved)]
        assert type(outcomes[0]) is type(outcomes[1])
        if isinstance(outcomes[0], Rewritten) and isinstance(outcomes[1], Rewritten):
            assert outcomes[0].destination == outcomes[1].destination
            assert outcomes[0].headers == outcomes[1].headers
            assert outcomes[0].body == outcomes[1].body


@given(sound_files())
@settings(max_examples=60)
def test_each_model_is_reached_by_its_full_and_its_bare_name(said: dict[str, Any]) -> None:
    rules, _ = judged(written({**said, "model_aliases": {}, "routing_preferences": []}))
    assert rules is not None
    for one in said.get("model_providers") or said["llm_providers"]:
        prefix, _, bare = one["model"].partition("/")
        one.pop("routing_preferences", None)
        for name in (one["model"], bare, one.get("name", bare)) if bare != "*" else (f"{prefix}/any",):
            route = route_of(facts(rules, model=name), rules)
            assert route is not None
            if route.label != one["model"]:  # a name that a route in front of it has too, but for its letter case
                assert (
                    name.lower() in {glob.text.lower() for glob in route.when.model if glob is not None} or "[" in name
                )


@given(st.text(max_size=200))
@example("\x00")
@example("[" * 3000)
@example("&a [*a]")
def test_any_text_in_the_place_of_a_list_is_a_problem_with_a_place(text: str) -> None:
    _, found = judged(f"model_providers: {text}")
    assert all(problem.line >= 1 for problem in found)


@given(st.integers(0, len(TEXT)), st.integers(0, 40), st.text(max_size=5))
def test_a_file_that_an_editor_has_half_written(start: int, gone: int, put: str) -> None:
    resolved, found = judged(TEXT[:start] + put + TEXT[start + gone :])
    assert resolved is not None or found


# -- the text's own laws


@given(st.text())
@example("a: b")
@example("a #b")
@example("-")
@example("true")
@example("1e3")
@example("x:")
@example("a, b")
@example("\ud800")
@example("10.0.0.1")
def test_a_scalar_reads_as_the_text_that_it_was(text: str) -> None:
    for line in (f"- {plain(text)}  # c\n", f"[{flow(text)}, {flow(text)}]\n", f"- {{a: {flow(text)}}}  # c\n"):
        root, problems = parse(line, "x")
        assert not problems
        found = root.items[0].mapping.get("a", root.items[0])
        assert found.value == text
    if len(text) < 500:
        root, _ = parse(f"{plain(text)}: 1  # c\n", "x")
        assert list(root.mapping) == [text]


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_glob_of_a_name_is_that_name_alone(one: str, two: str) -> None:
    assert compile_glob(glob(one)).matches(one)
    assert compile_glob(glob(one)).literal
    assert compile_glob(glob(one)).matches(two) is (one.lower() == two.lower())


@given(st.text())
def test_a_remark_stays_on_its_line(text: str) -> None:
    root, problems = parse(f"a: 1  # {printable(text)}\nb: 2\n", "x")
    assert (root.plain(), problems) == ({"a": 1, "b": 2}, [])
