"""``quirks`` and ``mend`` in rules.yaml: what they say, what is refused, and what a decision carries of it."""

from __future__ import annotations

import pytest

from tests.rules.kit import decided, problems, resolved
from wiremend.quirks import AUTO, Setting, all_quirks, may_be_named
from wiremend.quirks.presets import BUILT_IN

NAMEABLE = [name for name, quirk in all_quirks().items() if may_be_named(quirk)]


def told(quirks: str) -> list[str]:
    return problems(f"providers:\n  local:\n    quirks: {quirks}\n")


@pytest.mark.parametrize(
    ("written", "setting"),
    (
        ("auto", AUTO),
        ("[]", Setting(only=())),
        ("[usage-in-choice]", Setting(only=("usage-in-choice",))),
        ("[usage-in-choice, store-rejected]", Setting(only=("usage-in-choice", "store-rejected"))),
        ("[+usage-in-choice, -store-rejected]", Setting(on=("usage-in-choice",), off=("store-rejected",))),
        ("[-lone-surrogates]", Setting(off=("lone-surrogates",))),
    ),
)
def test_what_is_written_is_the_setting(written: str, setting: Setting) -> None:
    rules = resolved(f"providers: {{local: {{quirks: {written}}}}}").rules
    assert rules.providers["local"].quirks == setting
    assert rules.providers["ollama"].quirks == AUTO


@pytest.mark.parametrize("name", NAMEABLE)
def test_every_quirk_that_works_can_be_named(name: str) -> None:
    assert told(f"[{name}]") == told(f"[+{name}]") == told(f"[-{name}]") == []


@pytest.mark.parametrize("name", [name for name in all_quirks() if name not in NAMEABLE])
def test_what_cannot_be_switched_is_refused(name: str) -> None:
    for sign in ("", "+", "-"):
        (line,) = told(f"[{sign}{name}]")
        assert line.startswith(f"3:14: {name!r} is ")


@pytest.mark.parametrize(
    ("written", "line"),
    (
        ("[store-rejectd]", "3:14: there is no quirk 'store-rejectd'; did you mean 'store-rejected'?"),
        ("[+Store-Rejected]", "3:14: there is no quirk 'Store-Rejected'; did you mean 'store-rejected'?"),
        ("[zzz]", "3:14: there is no quirk 'zzz'; `wiremend quirks` lists them"),
        ("['']", "3:14: there is no quirk ''; `wiremend quirks` lists them"),
        ("[+]", "3:14: there is no quirk ''; `wiremend quirks` lists them"),
        ("[[store-rejected]]", "3:14: this must be the name of a quirk; `wiremend quirks` lists them"),
        ("[null]", "3:14: this must be the name of a quirk; `wiremend quirks` lists them"),
        (
            "[-store-rejected, usage-in-choice]",
            "3:31: either every name has a + or -, as a change to auto, or none has, as the list itself",
        ),
        (
            "[+store-rejected, -store-rejected]",
            "3:31: 'store-rejected' stands in this list twice; the first is at line 3",
        ),
        ("null", "3:13: this must be auto, a list of quirks, or a list of changes such as [+NAME, -NAME]"),
        ("true", "3:13: this must be auto, a list of quirks, or a list of changes such as [+NAME, -NAME]"),
        ("off", "3:13: this must be auto, a list of quirks, or a list of changes such as [+NAME, -NAME]"),
    ),
)
def test_what_is_wrong_is_told_with_its_place(written: str, line: str) -> None:
    assert told(written) == [line]


# --- what a decision carries ------------------------------------------------------------------------------------------

ROUTED = "routes: [{to: deepseek}]\n"


def test_a_decision_names_the_quirks_of_the_host_wire_and_model() -> None:
    decision = decided(resolved(ROUTED, {"DEEPSEEK_API_KEY": "FAKE"}), model="deepseek-v4-pro")
    assert "role-developer-rejected" in decision.quirks
    assert all("chat" in all_quirks()[name].wires for name in decision.quirks)
    numbers = [all_quirks()[name].number for name in decision.quirks]
    assert numbers == sorted(numbers)


def test_the_model_that_is_sent_counts() -> None:
    quirk = all_quirks()["kimi-temperature-fixed"]
    assert "moonshot" in quirk.presets
    rules = resolved(
        "routes:\n- {when: {model: a}, to: moonshot/kimi-k2.6}\n- {when: {model: b}, to: moonshot/moonshot-v1-8k}",
        {"MOONSHOT_API_KEY": "FAKE"},
    )
    assert quirk.name in decided(rules, model="a").quirks
    assert quirk.name not in decided(rules, model="b").quirks


@pytest.mark.parametrize(
    ("top", "own", "mends"),
    (
        ("", "", True),
        ("mend: off", "", False),
        ("mend: auto", "mend: off", False),
        ("", "mend: off", False),
        ("mend: off", "mend: auto", True),
    ),
)
def test_mend_is_the_providers_or_else_the_files(top: str, own: str, *, mends: bool) -> None:
    rules = resolved(f"providers: {{local: {{{own}}}}}\nroutes: [{{to: local}}]\n{top}")
    assert decided(rules).mend is mends


@pytest.mark.parametrize("target", ("/v1/models", "/v1/embeddings"))
def test_what_asks_for_no_turn_has_no_quirks(target: str) -> None:
    assert decided(resolved("routes: [{to: local}]"), target=target).quirks == ()


def test_every_built_in_provider_decides_with_its_own_preset() -> None:
    rules = resolved("default: local", {})
    for name in BUILT_IN:
        for wire in rules.rules.providers[name].speaks:
            routed = resolved(f"providers: {{{name}: {{key: client}}}}\nroutes: [{{to: {name}}}]")
            decision = decided(routed, wire=wire, model="m")
            for quirk in map(all_quirks().__getitem__, decision.quirks):
                assert quirk.kind != "preset" or BUILT_IN[name] in quirk.presets
