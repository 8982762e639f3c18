"""What a file says of a provider's models: what is taken and what is refused; a built-in's list is replaced whole."""

from __future__ import annotations

import pytest

from tests.rules.kit import problems, resolved
from wiremend.rules.model import Known


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
          bare: {}
          vendor/slashed: {display_name: "1"}
    """
    assert models(text, "w") == {
        "whole": Known(262144, 32768, "The Whole"),
        "part": Known(max_output=1),
        "bare": Known(),
        "vendor/slashed": Known(display_name="1"),
    }
    assert resolved(text).rules.providers["w"].namespaced


def test_the_files_own_models_replace_those_of_a_built_in() -> None:
    assert models("providers: {deepseek: {models: {mine: {}}}}", "deepseek") == {"mine": Known()}
    assert models("providers: {deepseek: {models: {}}}", "deepseek") == {}
    assert models("providers: {deepseek: {key: client}}", "deepseek") == models("version: 1", "deepseek")


@pytest.mark.parametrize("provider", ("kimi-code", "moonshot", "moonshot-cn", "deepseek", "openrouter"))
def test_the_built_in_models_have_sizes_that_can_be_true(provider: str) -> None:
    known = models("version: 1", provider)
    assert known
    for name, model in known.items():
        assert model.context_window, name
        assert model.max_output is None or model.max_output < model.context_window, name


@pytest.mark.parametrize(
    ("model", "said"),
    (
        ("{max_output: 0}", "this must be a number of tokens, not 0 (a number)"),
        ("{max_output: 1.5}", "this must be a number of tokens, not 1.5 (a number)"),
        ("{max_output: lots}", "this must be a number of tokens, not a text"),
        ("{max_output: null}", "this must be a number of tokens, not nothing (null)"),
        ("{display_name: 5}", "this must be a name, not 5 (a number); quote it"),
        ("{display_name: sk-kimi-FAKEFAKEFAKEFAKEFAKE0001}", "a credential stands here in clear"),
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
