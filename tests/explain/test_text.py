"""An explanation as lines: what each section says, what is folded, and that no line is wider than it may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explain.kit import cases, explained, of_case
from tests.rules.kit import KIMI, MOONSHOT, bearer, body_of
from wiremend.explain.text import lines
from wiremend.explain.wrap import fitted, hanging
from wiremend.replay.beside import columns
from wiremend.replay.report import plain

RULES = """
providers:
  moonshot: {key: client}
routes:
  - {name: large, when: {model: "large*"}, to: moonshot/kimi-k2.6}
  - {name: kimi, when: {model: "kimi-*"}, to: moonshot}
  - {name: never, when: {stream: true}, to: moonshot}
edits:
  - {name: warm, when: {provider: moonshot}, set: {/temperature: 0.6}}
  - {name: silent, when: {provider: moonshot}, default: {/model: x}}
  - {name: cold, when: {provider: deepseek}, set: {/temperature: 0}}
"""


def told(rules: str, width: int = 100, *, every: bool = False, **asked: object) -> str:
    """Explain a request and give the text."""
    return "\n".join(map(plain, lines(explained(rules, **asked), width, every=every)))


def section(text: str, title: str) -> list[str]:
    """Give the lines of a section."""
    (found,) = [part for part in text.split("\n\n") if part.splitlines()[0] == title]
    return found.splitlines()[1:]


BODY = body_of("kimi-k2", temperature=0.1, messages=[{"role": "user", "content": "hi"}])


def test_the_sections_of_a_request_that_leaves() -> None:
    text = told(RULES, body=BODY, headers={**bearer(MOONSHOT), "User-Agent": "opencode/1.18"})
    assert text.splitlines()[:6] == [
        "opencode asks kimi-k2 on the chat wire",
        "  request     POST /v1/chat/completions",
        "  endpoint    chat/completions (generate)",
        "  came to     the gateway",
        "  credential  sk-… in authorization",
        f"  body        JSON, {len(BODY)} bytes",
    ]
    assert section(text, "routes") == [
        "  no   large (rules.yaml:5) → moonshot/kimi-k2.6",
        "       model: asks for large*; there is kimi-k2",
        "  yes  kimi (rules.yaml:6) → moonshot",
        "       1 more route behind it, not tried",
    ]
    assert section(text, "destination") == [
        "  to          moonshot/kimi-k2, by the route",
        "  because     route 'kimi' matches (rules.yaml:6)",
        "  url         /v1/chat/completions → https://api.moonshot.ai/v1/chat/completions",
        "              base_url of moonshot (rules.yaml:3)",
        "  credential  the client's own (sk-…), in Authorization: Bearer",
    ]
    assert section(text, "edits") == [
        "  yes  warm (rules.yaml:9)",
        "       ~ /temperature  0.1 → 0.6",
        "  yes  silent (rules.yaml:10)",
        "       matches, and changes nothing here",
        "       1 edit that did not match; --all says why",
    ]
    assert section(text, "body") == ["  ~ /temperature  0.1 → 0.6"]
    assert "lost on the way" not in text


def test_all_unfolds() -> None:
    text = told(RULES, body=BODY, headers=bearer(MOONSHOT), every=True)
    assert "  -    never (rules.yaml:7) → moonshot" in section(text, "routes")
    assert section(text, "edits")[-2:] == [
        "  no   cold (rules.yaml:11)",
        "       provider: asks for deepseek; there is moonshot",
    ]
    assert "looked, did nothing" not in text
    assert any("schema-missing-type" in line for line in section(text, "quirks"))


def test_a_quirk_that_worked_has_its_number_symptom_and_patch_and_the_others_their_names() -> None:
    rules = "routes: [{when: {model: 'kimi-*'}, to: kimi-code}]\nproviders: {kimi-code: {key: client}}"
    text = told(rules, body=body_of("kimi-for-coding", temperature=0.1), headers=bearer(KIMI))
    found = section(text, "quirks")
    assert found[0].startswith("  did  24 kimi-temperature-fixed: 400 invalid temperature")
    assert "       - /temperature  0.1" in found
    assert any(line.startswith("  looked, did nothing: ") and "lone-surrogates" in line for line in found) or any(
        "lone-surrogates" in line for line in found
    )
    assert section(text, "lost on the way") == [
        "  lost         /temperature the model fixes it and refuses other values (kimi-temperature-fixed)"
    ]


def test_a_refusal_ends_it_with_what_to_add() -> None:
    text = told(RULES, body=body_of("x"), headers=bearer(MOONSHOT))
    assert section(text, "refused")[-3:] == [
        "  to let it through, add to the rules:",
        "      routes:",
        '        - {when: {model: "x"}, to: PROVIDER}',
    ]
    assert "destination" not in text


def test_long_values_are_cut_to_where_they_differ() -> None:
    rules = RULES.replace("{/temperature: 0.6}", f"{{/user: {'a' * 400}X{'a' * 400}}}")
    text = told(rules, 80, body=body_of("kimi-k2", user="a" * 801), headers=bearer(MOONSHOT))
    was, now = [line for line in section(text, "body") if line.strip().startswith(("was", "is"))]
    assert "X" in now
    assert "…" in was
    assert max(map(len, text.splitlines())) <= 80


def test_a_stranger_passes_as_it_came() -> None:
    text = told(RULES, target="/x", host="example.com", method="GET", body=b"")
    assert section(text, "untouched") == [
        "  no LLM endpoint, at a host of the client's own choice: it passes as it came"
    ]


def test_mend_off_is_said() -> None:
    text = told(f"{RULES}mend: off\n", body=BODY, headers=bearer(MOONSHOT))
    assert any(line.startswith("  mend        off") for line in section(text, "destination"))
    assert any(line.startswith("  kept off by mend: off: ") for line in section(text, "quirks"))


@pytest.mark.parametrize("name", cases())
def test_no_line_is_wider_than_it_may_be(name: str) -> None:
    made = of_case(name)
    for width in (40, 80, 200):
        for every in (False, True):
            for line in map(plain, lines(made, width, every=every, carets=True)):
                assert columns(line) <= width, line


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40), max_size=5), st.integers(8, 40))
def test_a_line_that_is_too_wide_is_cut_and_nothing_of_it_is_lost(texts: list[str], width: int) -> None:
    made = list(fitted([(text, f"style {number}") for number, text in enumerate(texts)], width))
    assert all(sum(columns(text) for text, _ in line) <= width for line in made)
    joined = [
        "".join(text for line in made for text, style in line if style == f"style {n}") for n in range(len(texts))
    ]
    assert joined == texts


@given(st.text(st.characters(exclude_categories=["C", "Z", "M"]) | st.just(" "), max_size=200), st.integers(20, 60))
def test_wrapping_keeps_every_word(text: str, width: int) -> None:
    made = [plain(line) for line in hanging([("  head  ", "")], text, "", width)]
    assert made[0].startswith("  head")
    assert all(columns(line) <= max(width, 24) for line in made)
    joined = "".join(made).replace(" ", "")
    assert joined == f"  head  {text}".replace(" ", "")
