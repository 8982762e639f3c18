"""What a file says of a provider's models: what is taken, what is refused, and that it goes over the catalogue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rules.kit import problems, resolved
from wiremend.rules.model import Known, Price


def models(text: str, provider: str) -> dict[str, Known]:
    return dict(resolved(text).rules.providers[provider].models)


def test_each_key_is_taken() -> None:
    text = """
    providers:
      w:
        base_url: https://llm.work.example
        auth: none
        models:
          whole: {context_window: 262144, max_output: 32768, display_name: The Whole}
          part: {max_output: 1}
          paid: {price: {input: 0.6, cached: 0, output: 3}}
          bare: {}
          vendor/slashed: {display_name: "1"}
    """
    assert models(text, "w") == {
        "whole": Known(262144, 32768, "The Whole", own=True),
        "part": Known(max_output=1, own=True),
        "paid": Known(price=Price(0.6, 3.0, 0.0), own=True),
        "bare": Known(own=True),
        "vendor/slashed": Known(display_name="1", own=True),
    }
    assert resolved(text).rules.providers["w"].namespaced


def test_the_files_own_models_go_over_the_catalogue_key_by_key() -> None:
    usual = models("version: 1", "deepseek")
    text = """
    providers:
      deepseek:
        models:
          deepseek-v4-pro: {context_window: 9, price: {input: 1, output: 2}}
          mine: {context_window: 5}
    """
    changed = models(text, "deepseek")
    pro = usual["deepseek-v4-pro"]
    assert changed["deepseek-v4-pro"] == replace(pro, context_window=9, price=Price(1.0, 2.0), own=True)
    assert changed["mine"] == Known(5, own=True)
    assert list(changed) == [*usual, "mine"]
    assert {name: one for name, one in changed.items() if not one.own} == {
        name: one for name, one in usual.items() if name != "deepseek-v4-pro"
    }
    assert models("providers: {deepseek: {models: {}}}", "deepseek") == usual
    assert models("providers: {deepseek: {key: client}}", "deepseek") == usual


def test_a_name_that_stands_for_a_model_has_the_sizes_that_the_file_gives_that_model() -> None:
    own = "providers: {kimi-code: {models: {kimi-for-coding: {context_window: 1048576, max_output: 7}}}}"
    latest = models(own, "kimi-code")["kimi-latest"]
    assert (latest.context_window, latest.max_output, latest.own) == (1048576, 7, False)
    own = "providers: {kimi-code: {models: {kimi-latest: {context_window: 5}}}}"
    assert models(own, "kimi-code")["kimi-latest"].context_window == 5


@pytest.mark.parametrize(
    ("model", "said"),
    (
        ("{max_output: 0}", "this must be a number of tokens, not 0 (a number)"),
        ("{max_output: 1.5}", "this must be a number of tokens, not 1.5 (a number)"),
        ("{max_output: lots}", "this must be a number of tokens, not a text"),
        ("{max_output: null}", "this must be a number of tokens, not nothing (null)"),
        ("{display_name: 5}", "this must be a name, not 5 (a number); quote it"),
        ("{display_name: sk-kimi-FAKEFAKEFAKEFAKEFAKE0001}", "a credential stands here in clear"),
        ("{price: 5}", "this must be a mapping with the keys input, cached, output, not 5 (a number)"),
        ("{price: {input: 1}}", "a price needs the key 'output'"),
        (
            "{price: {input: -1, output: 1}}",
            "this must be a price in US dollars for a million tokens, 0 or more, not -1",
        ),
        ("{price: {input: '1', output: 1}}", "this must be a price in US dollars for a million tokens, 0 or more, not"),
        ("{price: {input: true, output: 1}}", "0 or more, not true (a boolean)"),
        ("{price: {input: 1e300, output: 1}}", "0 or more, not 1e+300 (a number)"),
        ("{price: {input: 1, output: 1, cache: 0}}", "unknown key 'cache' in a price; did you mean 'cached'?"),
        ("{stands_for: x}", "unknown key 'stands_for' in a model"),
        ("{max_ouput: 5}", "unknown key 'max_ouput' in a model; did you mean 'max_output'?"),
        ("{max_tokens: 5}", "unknown key 'max_tokens' in a model"),
    ),
)
def test_what_is_wrong_is_told_at_its_place(model: str, said: str) -> None:
    (problem,) = problems(f"providers:\n  local:\n    models:\n      m: {model}\n")
    place, _, message = problem.partition(": ")
    assert place.startswith("4:")
    assert said in message
    assert "FAKE" not in message
