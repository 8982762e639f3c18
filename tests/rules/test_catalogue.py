"""The catalogue: every row is sound and from somewhere, and what a file says is held against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.rules.kit import KIMI, decided, resolved, warnings
from wiremend.quirks import chosen
from wiremend.quirks.base import Scope
from wiremend.rules.catalogue import catalogue, catalogue_text, faults
from wiremend.rules.compile import compile_rules, rules_hash
from wiremend.rules.lookup import shipped
from wiremend.rules.providers import builtin_nodes, builtin_text
from wiremend.rules.resolve import resolve
from wiremend.rules.schema_models import ROW
from wiremend.rules.warn_models import is_slip

if TYPE_CHECKING:
    from wiremend.rules.model import Known

PAGE: Final = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
SPEAKS: Final = {
    name: tuple(str(item.value) for item in node.mapping["speaks"].items) for name, node in builtin_nodes().items()
}
ROWS: Final = [(provider, model, known) for provider, rows in catalogue().items() for model, known in rows.items()]
EACH: Final = pytest.mark.parametrize(
    ("provider", "model", "known"), ROWS, ids=[f"{provider}/{model}" for provider, model, _ in ROWS]
)

FACTS: Final = {
    "kimi-code": {
        "kimi-for-coding": 262144,
        "kimi-for-coding-highspeed": 262144,
        "k3": 1048576,
        "k3-256k": 262144,
        "kimi-k2.6": 262144,
        "kimi-k2.5": 262144,
        "kimi-k2-thinking": 262144,
        "kimi-k2-thinking-turbo": 262144,
        "kimi-k2-turbo-preview": 262144,
        "kimi-k2-0905-preview": 262144,
        "kimi-coding": 262144,
        "kimi-latest": 262144,
        "kimi-k2-turbo": 262144,
    },
    "moonshot": {
        "kimi-k3": 1048576,
        "kimi-k2.7-code": 262144,
        "kimi-k2.7-code-highspeed": 262144,
        "kimi-k2.6": 262144,
        "kimi-k2.5": 262144,
        "kimi-k2-thinking": 262144,
        "kimi-k2-thinking-turbo": 262144,
        "kimi-k2-turbo-preview": 262144,
        "kimi-k2-0905-preview": 262144,
        "moonshot-v1-8k": 8192,
        "moonshot-v1-32k": 32768,
        "moonshot-v1-128k": 131072,
        "kimi-k2-turbo": 262144,
    },
}
"""Names that Moonshot's own clients and Hermes know, and their windows (read 2026-11)."""


# -- the rows


def test_the_file_is_sound() -> None:
    assert [str(problem) for problem in faults(catalogue_text(), SPEAKS)] == []


@EACH
def test_each_row_is_from_somewhere_and_says_something(provider: str, model: str, known: Known) -> None:
    assert known.source
    assert known.read is not None
    assert "2026-11-01" <= known.read <= "2026-11-30"
    assert not known.own
    assert known.display_name or known.stands_for or known.context_window, f"{provider}/{model} says nothing"
    assert set(known.wires) <= set(SPEAKS[provider])
    if known.price is not None:
        assert 0 < known.price.input <= known.price.output
        assert known.price.cached is None or known.price.cached < known.price.input


@EACH
def test_sampling_is_what_the_quirk_does(provider: str, model: str, known: Known) -> None:
    """Where a row of Kimi says `fixed` or `removed`, the quirk for it is on, and nowhere else."""
    if provider not in {"kimi-code", "moonshot", "moonshot-cn"} or known.stands_for is not None:
        return
    hosts = {"kimi-code": "api.kimi.com", "moonshot": "api.moonshot.ai", "moonshot-cn": "api.moonshot.cn"}
    scope = Scope("chat", model, provider, hosts[provider], None, stream=False, port=443)
    names = {quirk.name for quirk in chosen(resolved("version: 1").rules.providers[provider].quirks, scope)}
    assert ("kimi-temperature-fixed" in names) is (known.sampling in {"fixed", "removed"})


def test_all_names_of_kimis_clients_are_there_with_their_windows() -> None:
    for provider, models in FACTS.items():
        assert {model: one.context_window for model, one in catalogue()[provider].items()} == models
    assert set(catalogue()["moonshot-cn"]) == set(FACTS["moonshot"])


def test_each_provider_that_has_models_of_its_own_has_rows() -> None:
    assert set(catalogue()) == set(SPEAKS) - {"ollama", "local"}
    for provider, rows in catalogue().items():
        first = next(iter(rows.values()))
        assert not first.deprecated, provider
        assert first.stands_for is None, provider


def test_the_hash_of_a_file_covers_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_hash("version: 1")
    monkeypatch.setattr("wiremend.rules.compile.builtin_text", lambda: builtin_text().replace("1048576", "1048577"))
    assert rules_hash("version: 1") != before
    assert catalogue_text() in builtin_text()


SOUND: Final = "source: https://example.com/a, read: 2026-11-22"


@pytest.mark.parametrize(
    ("rows", "said"),
    (
        ("local: {m: {read: 2026-11-22}}", "a row needs the key 'source'"),
        ("local: {m: {source: https://example.com/a}}", "a row needs the key 'read'"),
        ("local: {m: {source: http://example.com, read: 2026-11-22}}", "is no link that begins with https://"),
        ("local: {m: {source: https://, read: 2026-11-22}}", "is no link"),
        ("local: {m: {source: https://example.com, read: 2026-13-22}}", "'2026-13-22' is no day"),
        ("local: {m: {source: https://example.com, read: 20261122}}", "this must be a day, not 20261122 (a number)"),
        ("local: {m: {source: https://example.com, read: '20261122'}}", "'20261122' is no day"),
        (f"local: {{m: {{context_window: 0, {SOUND}}}}}", "this must be a number of tokens"),
        (f"local: {{m: {{wires: [smoke], {SOUND}}}}}", "'smoke' is not known here"),
        (f"anthropic: {{m: {{wires: [chat], {SOUND}}}}}", "its provider does not speak chat"),
        (f"local: {{m: {{sampling: cold, {SOUND}}}}}", "known: fixed, removed, recommended NUMBER"),
        (f"local: {{m: {{sampling: recommended, {SOUND}}}}}", "known: fixed, removed, recommended NUMBER"),
        (f"local: {{m: {{deprecated: false, {SOUND}}}}}", "this must be true, or a day"),
        (f"local: {{m: {{deprecated: soon, {SOUND}}}}}", "'soon' is no day"),
        (f"local: {{m: {{deprecated: true, replaced_by: n, {SOUND}}}}}", "no other model of this provider"),
        (f"local: {{m: {{replaced_by: n, {SOUND}}}, n: {{{SOUND}}}}}", "it is replaced, but not deprecated"),
        (f"local: {{m: {{stands_for: m, {SOUND}}}}}", "no other model of this provider"),
        (
            f"local: {{m: {{stands_for: n, {SOUND}}}, n: {{stands_for: o, {SOUND}}}, o: {{{SOUND}}}}}",
            "'n', which stands for another one itself",
        ),
        (
            f"local: {{m: {{deprecated: true, replaced_by: n, {SOUND}}}, n: {{deprecated: true, {SOUND}}}}}",
            "'n', which is deprecated itself",
        ),
        (
            f"local: {{m: {{stands_for: n, context_window: 5, {SOUND}}}, n: {{{SOUND}}}}}",
            "it stands for another one, which says context_window",
        ),
        (f"local: {{m: {{context_window: 5, max_output: 5, {SOUND}}}}}", "no more than its window holds"),
        (f"local: {{m: {{max_output: 5, {SOUND}}}}}", "no more than its window holds"),
        (f"local: {{m: {{colour: red, {SOUND}}}}}", "unknown key 'colour' in a row"),
        (f"nobody: {{m: {{{SOUND}}}}}", "there is no built-in provider 'nobody'"),
        (f"local: {{m: {{price: {{input: 1}}, {SOUND}}}}}", "a price needs the key 'output'"),
    ),
)
def test_what_is_wrong_with_a_row_is_found(rows: str, said: str) -> None:
    (problem,) = faults(f"version: 1\nmodels: {{{rows}}}\n", SPEAKS, "own.yaml")
    assert said in str(problem)
    assert (problem.file, problem.line) == ("own.yaml", 2)


def test_the_page_has_each_key_of_a_row_and_each_name_that_stands_for_another() -> None:
    start = PAGE.index("## What a row says")
    told = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", PAGE[start:], re.MULTILINE))))
    assert set(ROW.keys) <= told
    table = re.findall(r"^\| `([a-z-]+)` \| `([\w.-]+)` \| `([\w.-]+)` \|$", PAGE, re.MULTILINE)
    assert table == [(provider, model, one.stands_for) for provider, model, one in ROWS if one.stands_for]


# -- names that nobody publishes any more


@pytest.mark.parametrize(
    ("text", "model"),
    (
        ("routes: [{when: {model: kimi-*}, to: kimi-code}]", "kimi-latest"),
        ("routes: [{to: [kimi-code, local]}]", "kimi-latest"),
        ("default: kimi-code", "kimi-latest"),
        ("version: 1", "kimi-code/kimi-latest"),
        ("aliases: {k: kimi-code/kimi-latest}\nroutes: [{to: kimi-code}]", "k"),
    ),
)
def test_a_kept_name_is_sent_as_the_one_that_it_stands_for(text: str, model: str) -> None:
    decision = decided(resolved(text, {"KIMI_API_KEY": KIMI}), model=model)
    assert (decision.provider, decision.sent, decision.asked) == ("kimi-code", "kimi-for-coding", model)
    assert decision.why[-1] == ("'kimi-latest' is published no more, and stands for 'kimi-for-coding' (the catalogue)")


@pytest.mark.parametrize(
    ("text", "model"),
    (
        ("routes: [{to: kimi-code/kimi-latest}]", "m"),
        ("default: kimi-code/kimi-latest", "m"),
        ("aliases: {m: kimi-code/kimi-latest}", "m"),
    ),
)
def test_what_a_file_writes_out_is_sent_as_written(text: str, model: str) -> None:
    decision = decided(resolved(text, {"KIMI_API_KEY": KIMI}), model=model)
    assert decision.sent == "kimi-latest"
    assert not [line for line in decision.why if "published" in line]


def test_a_name_is_left_alone_where_the_provider_is_another() -> None:
    assert decided(resolved("default: local"), model="kimi-latest").sent == "kimi-latest"
    assert decided(resolved("default: kimi-code", {"KIMI_API_KEY": KIMI}), model="kimi-k9").sent == "kimi-k9"


# -- what a file is warned of

DEPRECATED: Final = "the model 'kimi-k2.5' of 'moonshot' is deprecated, and its last day is 2026-08-31;"
INSTEAD: Final = "moonshot/kimi-k2.6 replaces it"


@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("default: moonshot/kimi-k2.5", [f"1:10: warning: {DEPRECATED} {INSTEAD}"]),
        ("aliases: {a: moonshot/kimi-k2.5}", [f"1:14: warning: {DEPRECATED} {INSTEAD}"]),
        ("aliases: {a: {to: moonshot/kimi-k2.5}, b: a}", [f"1:19: warning: {DEPRECATED} {INSTEAD}"]),
        ("routes:\n  - to: [local, moonshot/kimi-k2.5]", [f"2:17: warning: {DEPRECATED} {INSTEAD}"]),
        (
            "preferences:\n  router: moonshot/kimi-k2.5\n  choices: [{name: a, description: b, models: MODEL}]".replace(
                "MODEL", "moonshot/kimi-k2.5"
            ),
            [f"2:11: warning: {DEPRECATED} {INSTEAD}", f"3:47: warning: {DEPRECATED} {INSTEAD}"],
        ),
        (
            "preferences: [{name: a, description: b, models: [local/x, moonshot/kimi-k2.5]}]",
            [f"1:59: warning: {DEPRECATED} {INSTEAD}"],
        ),
        (
            "default: openai/gpt-5-codex",
            ["1:10: warning: the model 'gpt-5-codex' of 'openai' is deprecated"],
        ),
        (
            "default: kimi-code/kimi-latest",
            [
                (
                    "1:10: warning: nobody publishes the model 'kimi-latest' any more, and it is sent as written;"
                    " did you mean kimi-code/kimi-for-coding?"
                )
            ],
        ),
        (
            "default: kimi-code/deepseek-v4-pro",
            ["1:10: warning: the model 'deepseek-v4-pro' is known of 'deepseek', and not of 'kimi-code'"],
        ),
        (
            "default: moonshot/kimi-for-coding",
            ["1:10: warning: the model 'kimi-for-coding' is known of 'kimi-code', and not of 'moonshot'"],
        ),
        (
            "default: deepseek/deepseek-v4-falsh",
            [
                (
                    "1:10: warning: 'deepseek' is not known to have a model 'deepseek-v4-falsh'; did you mean"
                    " deepseek/deepseek-v4-flash?"
                )
            ],
        ),
        (
            "default: openrouter/kimi-k2.6",
            [
                (
                    "1:10: warning: 'openrouter' is not known to have a model 'kimi-k2.6'; did you mean"
                    " openrouter/moonshotai/kimi-k2.6?"
                )
            ],
        ),
    ),
)
def test_a_name_that_surely_is_not_served_is_told(text: str, said: list[str]) -> None:
    environ = {"MOONSHOT_API_KEY": "FAKE", "KIMI_API_KEY": KIMI, "DEEPSEEK_API_KEY": "F", "OPENAI_API_KEY": "F"}
    found = [line.removeprefix("rules.yaml:") for line in warnings(text, environ | {"OPENROUTER_API_KEY": "F"})]
    assert found == said


@pytest.mark.parametrize(
    "text",
    (
        "default: moonshot/kimi-k2.6",
        "default: moonshot/kimi-k2.8",
        "default: kimi-code/kimi-k4-highspeed",
        "default: anthropic/claude-opus-6",
        "default: deepseek/deepseek-v5-pro",
        "default: deepseek/deepseek-coder",
        "default: openai/gpt-5.3-codexy",
        "default: zai/glm-4.6v",
        "default: zai/glm-4.7-flashx",
        "default: openrouter/qwen/qwen3-coder",
        "default: openrouter/deepseek-chat",
        "default: local/deepseek-v4-pro",
        "default: ollama/kimi-k2.6",
        # the catalogue's own words
        "aliases: {kimi-k2-turbo: moonshot/kimi-k2-turbo-preview}",
        # a file that knows better
        "providers: {moonshot: {models: {kimi-k2.5: {}}}}\ndefault: moonshot/kimi-k2.5",
        "providers: {kimi-code: {models: {kimi-latest: {}}}}\ndefault: kimi-code/kimi-latest",
        "providers: {deepseek: {models: {deepseek-v4-falsh: {}}}}\ndefault: deepseek/deepseek-v4-falsh",
        # somebody else's place under the same name
        "providers: {moonshot: {base_url: 'http://127.0.0.1:9'}}\ndefault: moonshot/kimi-k2.5",
        "providers: {moonshot: {base_url: '$LAB_URL'}}\ndefault: moonshot/kimi-k2.5",
        # what clients ask for is theirs
        "routes: [{when: {model: kimi-latest}, to: local}]",
    ),
)
def test_what_may_well_be_served_is_not_spoken_of(text: str) -> None:
    rules, found = compile_rules(text, "rules.yaml")
    assert [str(problem) for problem in found] == []
    assert rules.hash


def test_nothing_is_said_of_the_file_that_is_shipped() -> None:
    rules, found = compile_rules(shipped().read_text("utf-8"), "rules.yaml")
    assert found == []
    assert [problem for problem in resolve(rules, {})[1] if "model" in problem.message] == []


@pytest.mark.parametrize(
    ("written", "known"),
    (
        ("kimi-k2-6", "kimi-k2.6"),
        ("Kimi-K2.6", "kimi-k2.6"),
        ("deepseek_v4_pro", "deepseek-v4-pro"),
        ("deepseekv4-pro", "deepseek-v4-pro"),
        ("deepseek-v4-falsh", "deepseek-v4-flash"),
        ("depseek-v4-pro", "deepseek-v4-pro"),
        ("claude-sonet-5", "claude-sonnet-5"),
        ("kimi-for-codnig", "kimi-for-coding"),
    ),
)
def test_a_slip_is_one(written: str, known: str) -> None:
    assert is_slip(written, known)
    assert is_slip(known, written)


@pytest.mark.parametrize(
    ("written", "known"),
    (
        ("kimi-k2.7", "kimi-k2.6"),
        ("kimi-k2.6-code", "kimi-k2.6"),
        ("gpt-5.6-sol", "gpt-5.6-pro"),
        ("glm-4.6v", "glm-4.6"),
        ("glm-4.7-flash", "glm-4.7-flashx"),
        ("claude-opus-5-5", "claude-opus-5"),
        ("claude-opus-5", "claude-fable-5"),
        ("deepseek-v4-chat", "deepseek-v4-flash"),
        ("depsek-v4-por", "deepseek-v4-pro"),
        ("k3", "k2"),
    ),
)
def test_another_version_or_another_model_is_none(written: str, known: str) -> None:
    assert not is_slip(written, known)
    assert not is_slip(known, written)
